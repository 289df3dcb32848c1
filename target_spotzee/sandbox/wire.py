"""Answers on the wire, whole or broken."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiohttp import web

from target_spotzee.sandbox.codec import decode, encode
from target_spotzee.sandbox.idempotency import in_progress, mismatch
from target_spotzee.sandbox.limits import rate_limited
from target_spotzee.sandbox.problems import Problem, Reply

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from target_spotzee.sandbox.faults import Fault

PROXY_PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1><hr>proxy</body></html>"
USUAL_CODES = {
    400: "parameter_invalid_format",
    401: "authentication_required",
    402: "quota_exceeded",
    403: "permission_denied",
    404: "resource_missing",
    409: "state_conflict",
    422: "validation_failed",
    429: "rate_limited",
    503: "service_unavailable",
}
# Linger for no time: closing sends a reset at once.
_RESET = struct.pack("ii", 1, 0)


def is_gone(http: web.BaseRequest) -> bool:
    """Say whether the client has hung up."""
    return http.transport is None or http.transport.is_closing()


async def let_continue(http: web.BaseRequest) -> None:
    """Ask a client that waits to be asked for the body, if it is still there."""
    if http.transport is not None:
        http.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def reset(http: web.BaseRequest) -> web.Response:
    """Reset the connection; the response that is returned reaches nobody."""
    if http.transport is not None and not http.transport.is_closing():
        connection = http.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        http.transport.abort()
    return web.Response()


async def hold(http: web.BaseRequest, seconds: float) -> None:
    """Keep the client waiting for some seconds, or until it hangs up."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until and not is_gone(http):  # noqa: ASYNC110 - hanging up sets no event
        await asyncio.sleep(0.02)


def instead(fault: Fault, request_id: str) -> Reply:
    """Return the answer that a fault gives in place of the operation."""
    retry_after = None if fault.retry_after is None else str(fault.retry_after)
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    if fault.effect == "redirect":
        return Reply(fault.status or 307, headers={"Location": fault.location})
    if fault.effect == "rate_limited":
        problem = rate_limited(retry_after)
    elif fault.effect == "in_progress":
        problem = in_progress(retry_after)
    elif fault.effect == "mismatch":
        problem = mismatch()
    elif fault.effect == "quota":
        problem = quota_exceeded()
    else:
        status = fault.status or 500
        if fault.html:
            page = PROXY_PAGE.format(status) + " " * fault.huge_bytes
            return Reply(status, page.encode(), "text/html", headers)
        code = fault.numeric_code or fault.code or USUAL_CODES.get(status, "internal_error")
        message = fault.message + "!" * fault.huge_bytes
        problem = Problem(status, code, message, headers=headers)
    return problem.reply(request_id)


def quota_exceeded() -> Problem:
    """Return the refusal of an account whose quota is used up."""
    return Problem(402, "quota_exceeded", "The plan's quota is used up.")


def damage(fault: Fault, reply: Reply, random_: random.Random) -> Reply:
    """Return an answer as a fault changes it; only one that carries results can lose them."""
    if fault.effect == "garbage":
        return Reply(200, b'{"results": [{"index": 0, "user"', headers=reply.headers)
    if fault.effect == "empty":
        return Reply(200, b"", headers=reply.headers)
    if fault.effect.startswith("results_") and reply.status == 200:  # noqa: PLR2004
        body = decode(reply.body)
        if "results" in body:
            body["results"] = _damaged(fault, body["results"], random_)
            return Reply(200, encode(body), headers=reply.headers, failed=reply.failed)
    return reply


def _damaged(
    fault: Fault, results: list[dict[str, Any]], random_: random.Random
) -> list[dict[str, Any]]:
    match fault.effect:
        case "results_short":
            return results[:-1]
        case "results_doubled":
            return [*results[:-1], results[0]] if len(results) > 1 else results * 2
        case "results_shuffled":
            return random_.sample(results, len(results))
        case "results_unknown_code":
            error = {"code": fault.code or "brand_new_code", "message": fault.message}
            first = {k: v for k, v in results[0].items() if k not in {"user", "contact"}}
            return [{**first, "error": error}, *results[1:]]
        case "results_no_ids":
            return [
                {k: v for k, v in result.items() if k not in {"external_id", "anonymous_id"}}
                for result in results
            ]
        case _:
            return [
                {("contact" if k == "user" else k): v for k, v in result.items()}
                for result in results
            ]


def respond(reply: Reply, headers: Mapping[str, str]) -> web.Response:
    """Return the whole answer."""
    content_type = None if reply.status == 204 else reply.content_type  # noqa: PLR2004
    return web.Response(
        status=reply.status, body=reply.body, headers=headers, content_type=content_type
    )


async def truncate(
    http: web.BaseRequest, reply: Reply, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Send the first half of an answer, then end the connection."""
    response = await _begin(http, reply, headers)
    with suppress(ConnectionError):
        await response.write(reply.body[: len(reply.body) // 2])
    if http.transport is not None:
        http.transport.close()
    return response


async def drip(
    http: web.BaseRequest, reply: Reply, headers: Mapping[str, str], seconds: float
) -> web.StreamResponse:
    """Send an answer byte by byte.

    Args:
        http: What is answered.
        reply: The answer.
        headers: All that are sent.
        seconds: The wait after each byte.
    """
    response = await _begin(http, reply, headers)
    with suppress(ConnectionError):
        for byte in reply.body:
            if is_gone(http):
                break
            await response.write(bytes([byte]))
            await asyncio.sleep(seconds)
    return response


async def _begin(
    http: web.BaseRequest, reply: Reply, headers: Mapping[str, str]
) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=headers)
    response.content_type = reply.content_type
    # At least one byte is announced, so that the client notices what is cut off.
    response.content_length = max(len(reply.body), 1)
    with suppress(ConnectionError):
        await response.prepare(http)
    return response
