"""What lies between: TLS, proxies, and an address that others would like to have the key from."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from pathlib import Path

import pytest
import requests
import trustme

from target_spotzee.sandbox import Sandbox
from tests import tap
from tests.process import Target

LINES = [tap.schema(), tap.record(id=1)]


class Forwarder(BaseHTTPRequestHandler):
    """Passes requests on to the sandbox: as a proxy, or as a TLS front."""

    protocol_version = "HTTP/1.1"
    upstream: str
    seen: list[str]

    def do_POST(self) -> None:
        self.seen.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        url = self.path if self.path.startswith("http") else self.upstream + self.path
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(url, data=body, headers=dict(self.headers), timeout=10)
        self.send_response(answer.status_code)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


class Gatekeeper(BaseHTTPRequestHandler):
    """A proxy that opens no connection, at first or ever."""

    answers: Iterator[int]
    upstream: str
    seen: list[str]

    def do_CONNECT(self) -> None:
        self.seen.append(self.path)
        self.send_response(next(self.answers), "canary-reason")
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = True

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@contextmanager
def forwarding(
    sandbox: Sandbox,
    context: ssl.SSLContext | None = None,
    answers: Iterator[int] | None = None,
) -> Iterator[tuple[int, list[str]]]:
    """Run a forwarder or, with answers, a gatekeeper; yields its port and what it was asked for."""
    paths: list[str] = []
    kind = Forwarder if answers is None else Gatekeeper
    handler = type("Handler", (kind,), {"upstream": sandbox.url, "seen": paths, "answers": answers})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, paths
        finally:
            server.shutdown()
            thread.join()


class TestTls:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def context(self, authority: trustme.CA) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        return context

    def test_a_certificate_of_an_unknown_authority_gets_no_key(
        self,
        target: Target,
        sandbox: Sandbox,
        context: ssl.SSLContext,
    ) -> None:
        with forwarding(sandbox, context) as (port, seen):
            result = target.run(LINES, api_url=f"https://localhost:{port}/api/client")
        assert result.exit_code == 1
        assert "certificate is not valid" in result.stderr
        assert seen == []

    def test_an_authority_from_the_environment_is_trusted(
        self,
        target: Target,
        sandbox: Sandbox,
        context: ssl.SSLContext,
        authority: trustme.CA,
        tmp_path: Path,
    ) -> None:
        bundle = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(str(bundle))
        with forwarding(sandbox, context) as (port, _):
            result = target.run(
                LINES,
                api_url=f"https://localhost:{port}/api/client",
                env={"REQUESTS_CA_BUNDLE": str(bundle)},
            )
        assert result.exit_code == 0, result.stderr
        assert list(sandbox.users) == ["1"]


def test_a_proxy_from_the_environment_is_used(target: Target, sandbox: Sandbox) -> None:
    with forwarding(sandbox) as (port, seen):
        proxy = {"http_proxy": f"http://127.0.0.1:{port}", "no_proxy": ""}
        result = target.run(LINES, env=proxy)
    assert result.exit_code == 0, result.stderr
    assert seen == [f"{sandbox.api_url}/users/batch"]
    assert list(sandbox.users) == ["1"]


def test_a_netrc_entry_does_not_replace_the_key(
    target: Target,
    tmp_path: Path,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n", encoding="utf-8")
    result = target.run(LINES, env={"NETRC": str(netrc)})
    assert result.exit_code == 0, result.stderr


def test_a_proxy_that_is_no_address_is_told_without_its_password(target: Target) -> None:
    proxy = {"http_proxy": "http://user:canary-password@proxy.example:99999", "no_proxy": ""}
    result = target.run(LINES, env=proxy)
    assert result.exit_code == 1
    assert "canary-password" not in result.stderr


class TestAProxyThatOpensNoConnection:
    API_URL = "https://spotzee.example/api/client"

    @staticmethod
    def environ(port: int) -> dict[str, str]:
        return {"https_proxy": f"http://user:canary-password@127.0.0.1:{port}", "no_proxy": ""}

    @pytest.mark.parametrize(
        ("status", "words"),
        [
            (407, "the proxy asks for credentials; check HTTPS_PROXY (HTTP 407)"),
            (403, "the proxy refuses to connect to Spotzee; check HTTPS_PROXY"),
            (404, "the proxy refuses to connect to Spotzee; check HTTPS_PROXY"),
        ],
    )
    def test_and_never_will_ends_the_run_at_once(
        self, target: Target, sandbox: Sandbox, status: int, words: str
    ) -> None:
        with forwarding(sandbox, answers=repeat(status)) as (port, seen):
            result = target.run(LINES, api_url=self.API_URL, env=self.environ(port))
        assert result.exit_code == 1
        (error,) = [line for line in result.stderr.splitlines() if "| ERROR" in line]
        assert words in error
        assert seen == ["spotzee.example:443"]
        assert "canary" not in result.stderr

    def test_for_now_is_asked_again(self, target: Target, sandbox: Sandbox) -> None:
        with forwarding(sandbox, answers=chain([502, 429, 503], repeat(407))) as (port, seen):
            result = target.run(LINES, api_url=self.API_URL, env=self.environ(port))
        assert result.exit_code == 1
        assert len(seen) == 4
        assert "the proxy could not connect to Spotzee (HTTP 502); trying again" in result.stderr
        assert "check HTTPS_PROXY (HTTP 407)" in result.stderr
        assert "canary" not in result.stderr

    def test_is_told_by_a_check(self, target: Target, sandbox: Sandbox) -> None:
        with forwarding(sandbox, answers=chain([503], repeat(407))) as (port, _):
            for words in ("could not connect to Spotzee (HTTP 503)", "asks for credentials"):
                config = str(target.configure(api_url=self.API_URL))
                checked = target.command(["--config", config, "--check"], env=self.environ(port))
                assert checked.returncode == 1
                assert words in checked.stdout
                assert "canary" not in checked.stdout + checked.stderr
