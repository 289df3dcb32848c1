"""The HTTP side: reads requests, asks the rest of the sandbox, sends answers."""

from __future__ import annotations

import asyncio
import random
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from aiohttp import web

from target_spotzee.sandbox import access, wire
from target_spotzee.sandbox.calls import Call
from target_spotzee.sandbox.faults import AFTER, BEFORE
from target_spotzee.sandbox.idempotency import Idempotency
from target_spotzee.sandbox.journal import Journal, Request
from target_spotzee.sandbox.limits import AddressLimit, AddressLimits, TierLimits
from target_spotzee.sandbox.live import live
from target_spotzee.sandbox.operations import BASE, WRITES, Operations
from target_spotzee.sandbox.problems import Problem, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_spotzee.sandbox.faults import Fault, Faults
    from target_spotzee.sandbox.operations import Operation
    from target_spotzee.sandbox.options import Options

_FILES = {"/": ("page.html", "text/html"), "/openapi.yaml": ("openapi.yaml", "application/yaml")}
_KEYED = frozenset({"POST", "PATCH"})


class Server:
    """A sandbox as HTTP clients meet it. It lives in one event loop, so it needs no locks.

    Args:
        options: See `Options`.
        faults: The rules in force.
        clock: Monotonic seconds.
        now: Returns the time as an ISO 8601 string.

    Attributes:
        options: As given.
        faults: As given.
        journal: The requests.
        operations: What answers them.
        busy: The connections that wait for an answer.
    """

    def __init__(
        self,
        options: Options,
        faults: Faults,
        clock: Callable[[], float],
        now: Callable[[], str],
    ) -> None:
        self.options = options
        self.faults = faults
        self.journal = Journal(clock, options.keep_requests)
        self.operations = Operations(options, now, self._defer)
        self.busy: set[object] = set()
        self._clock = clock
        self._now = now
        self._idempotency = Idempotency(clock)
        self._addresses = AddressLimits(
            (
                AddressLimit(options.requests_per_10s, 10, "/api/", retry_after=10),
                AddressLimit(options.requests_per_minute, 60, f"{BASE}/"),
            )
            if options.ip_limit
            else (),
            clock,
        )
        self._tiers = TierLimits(options.tier, clock) if options.tier else None
        self._random = random.Random(options.seed)  # nosec B311  # noqa: S311 - chance, not secrecy
        self._late: set[asyncio.Task[Reply]] = set()
        self._arrived = 0
        self._files = {
            path: ((files(__package__) / name).read_bytes(), content_type)
            for path, (name, content_type) in _FILES.items()
        }

    def app(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(client_max_size=self.options.max_body_bytes)
        # Any path, newlines included: the operations say what is there.
        app.router.add_route("*", "/{rest:(?s:.*)}", self._serve, expect_handler=wire.let_continue)
        app.on_cleanup.append(self._stop)
        return app

    async def _stop(self, _: web.Application) -> None:
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    def _defer(self, seconds: float, function: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, function)

    async def _serve(self, http: web.Request) -> web.StreamResponse:
        path, _, query = http.raw_path.partition("?")
        if http.method == "GET" and path in self._files:
            body, content_type = self._files[path]
            return web.Response(body=body, content_type=content_type, charset="utf-8")
        if http.method == "GET" and path == "/live":
            key = next(iter(self.options.keys), "")
            body = live(self.operations.project, self.journal, key)
            return web.Response(body=body, content_type="application/json")
        self._arrived += 1
        request = Request(
            number=self._arrived,
            at=self._clock(),
            wall=self._now(),
            request_id=f"req_{self._arrived:08d}",
            method=http.method,
            path=path,
            query=query,
            headers={name.lower(): value for name, value in http.headers.items()},
        )
        self.busy.add(http.protocol)
        try:
            return await self._answer(http, request)
        finally:
            self.busy.discard(http.protocol)

    async def _answer(self, http: web.Request, request: Request) -> web.StreamResponse:
        """Read a request, let the operation or a fault answer it, and send what comes out."""
        fault: Fault | None = None
        reply: Reply | None
        try:
            call = await self._read(http, request)
            call.faults = self.faults.choose(call.method, call.path, request.external_ids)
            if call.faults:
                fault = call.faults[0]
                request.fault = fault.effect
            reply = await self._strike(http, call, request, fault)
        except ConnectionError:
            self.journal.cut_off(request)
            return wire.reset(http)
        except Problem as problem:
            reply = problem.reply(request.request_id, self.options.param_style)
        if reply is None or wire.is_gone(http):
            self.journal.end(request, None)
            return wire.reset(http)
        request.failed = reply.failed
        headers = self._headers(request, reply)
        if fault and fault.effect == "drip":
            response = await wire.drip(http, reply, headers, fault.seconds)
            self.journal.end(request, None if wire.is_gone(http) else reply.status)
            return response
        # It ends before the answer is sent, so a client that has the answer finds it ended.
        self.journal.end(request, reply.status)
        if fault and fault.effect == "truncated":
            return await wire.truncate(http, reply, headers)
        return wire.respond(reply, headers)

    async def _read(self, http: web.Request, request: Request) -> Call:
        """Return a request once it has arrived whole.

        Raises:
            ConnectionError: Its client hung up before.
            Problem: It is too large, badly encoded, or one too many.
        """
        problem: Problem | None = None
        try:
            request.body = await http.read()
        except web.HTTPRequestEntityTooLarge:
            message = f"The body is over {self.options.max_body_bytes} bytes: send fewer items."
            problem = Problem(413, "validation_failed", message)
        except web.RequestPayloadError:
            message = "The body is not encoded as the headers say."
            problem = Problem(400, "parameter_invalid_format", message)
        if len(http.raw_path) > self.options.max_url_bytes:
            message = f"The address is over {self.options.max_url_bytes} bytes: send fewer ids."
            problem = Problem(431, "validation_failed", message)
        inside = request.path.startswith(f"{BASE}/")
        call = Call(
            request.method,
            request.path[len(BASE) :] if inside else "",
            parse_qsl(request.query, keep_blank_values=True),
            request.body,
            request.request_id,
        )
        request.external_ids = call.ids("external_id")
        request.anonymous_ids = call.ids("anonymous_id")
        request.items = len(call.items)
        writes = request.method in WRITES
        self.journal.begin(request, lambda: wire.is_gone(http), writes=writes)
        self._addresses.admit(http.remote or "", request.path)
        if problem is not None:
            raise problem
        return call

    async def _strike(
        self, http: web.Request, call: Call, request: Request, fault: Fault | None
    ) -> Reply | None:
        """Return the answer as a fault leaves it; ``None``: no answer at all."""
        if fault is None or fault.is_refusal:
            return await self._operate(call, request)
        if fault.effect == "late":
            task = asyncio.create_task(self._operate(call, request, fault.seconds))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            return None
        if fault.effect == "stall":
            await wire.hold(http, fault.seconds)
        if fault.effect in {"stall", "reset_before"}:
            return None
        if fault.effect in BEFORE:
            return wire.instead(fault, request.request_id)
        reply = await self._operate(call, request)
        if fault.effect == "stall_after":
            await wire.hold(http, fault.seconds)
        if fault.effect in {"stall_after", "reset_after"}:
            return None
        return wire.damage(fault, reply, self._random) if fault.effect in AFTER else reply

    async def _operate(self, call: Call, request: Request, wait_seconds: float = 0) -> Reply:
        """Return the operation's answer; run it unless its key says that it has run already.

        Args:
            call: The request, as the operation sees it.
            request: The same, as the journal has it.
            wait_seconds: How long to wait first.
        """
        try:
            operation = self.operations.route(call)
            key = access.authenticate(request.headers, self.options.keys)
            access.version(request.headers, self.options.versions)
            idempotency_key = request.idempotency_key if self.options.idempotency else None
            if idempotency_key is None or call.method not in _KEYED:
                return await self._run(operation, call, request, wait_seconds)
            fingerprint = (call.method, call.path, sha256(call.body).digest())
            known = self._idempotency.begin(key, idempotency_key, fingerprint)
        except Problem as problem:
            return problem.reply(request.request_id, self.options.param_style)
        if known is not None:
            request.replayed = True
            return known
        reply = Reply(500)
        try:
            reply = await self._run(operation, call, request, wait_seconds)
        finally:
            self._idempotency.finish(key, idempotency_key, reply)
        return reply

    async def _run(
        self,
        operation: Operation,
        call: Call,
        request: Request,
        wait_seconds: float,
    ) -> Reply:
        """Return the operation's answer, or a refusal if the request may not run or is wrong."""
        try:
            if call.method in WRITES:
                key = access.bearer(request.headers)
                access.check_may_write(self.options.keys[key])
                if self._tiers:
                    self._tiers.admit(key)
                if self.options.over_quota:
                    raise wire.quota_exceeded()
                wait_seconds += self.options.latency_ms / 1000
            if wait_seconds:
                await asyncio.sleep(wait_seconds)
            if call.faults and call.faults[0].is_refusal:
                return wire.instead(call.faults[0], request.request_id)
            reply = self.operations.run(operation, call)
        except Problem as problem:
            return problem.reply(request.request_id, self.options.param_style)
        request.applied = True
        return reply

    def _headers(self, request: Request, reply: Reply) -> dict[str, str]:
        known = self.options.versions
        asked = request.headers.get("spotzee-version")
        headers = {
            "X-Request-Id": request.request_id,
            "Spotzee-Version": asked if asked in known else known[0],
            **reply.headers,
        }
        if request.replayed:
            headers["Idempotent-Replayed"] = "true"
        key = access.bearer(request.headers)
        if self._tiers and key in self.options.keys:
            headers |= self._tiers.headers(key)
        return headers
