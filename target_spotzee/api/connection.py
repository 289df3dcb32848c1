"""One connection to Spotzee: a request out, its answer in, or why there is none.

The only module that knows ``requests``. Others decide what an answer means and whether to try
again.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import cast

import requests
import urllib3

from target_spotzee.api.answers import Answer
from target_spotzee.api.waits import Clock
from target_spotzee.exceptions import RunError

_CHUNK_BYTES = 65_536
_MAX_ANSWER_BYTES = 8_000_000
# An error page of megabytes says no more, and each worker's memory would stay as large as one.
_MAX_ERROR_BYTES = 250_000
# All that Python tells of a proxy's answer to CONNECT; the rest is the proxy's words.
_TUNNEL_REFUSED = re.compile(r"Tunnel connection failed: (\d{3})\b")


class NoAnswerError(Exception):
    """A request brought no answer; the cause may be over in a moment.

    Attributes:
        reason: For the log.
        may_be_applied: Whether the request may have reached Spotzee.
    """

    def __init__(self, reason: str, *, may_be_applied: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.may_be_applied = may_be_applied


class Connection:
    """Makes requests, one at a time.

    Args:
        url: Base address of the API.
        headers: Of every request.
        session: Carries them; see `new_session`.
        timeout_seconds: For one request.
        clock: Monotonic seconds.

    Attributes:
        is_new: Whether the last request had to connect first.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        session: requests.Session,
        *,
        timeout_seconds: float,
        clock: Clock,
    ) -> None:
        self._session = session
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        request = session.prepare_request(requests.Request("POST", url, headers=headers))
        # `requests` sees to TLS, certificates and proxies once; batches then go straight to the
        # pool it picks, which halves the work of a request and follows no redirect.
        adapter = cast("requests.adapters.HTTPAdapter", session.get_adapter(str(request.url)))
        pool = adapter.get_connection_with_tls_context(
            request,
            session.verify or True,
            proxies=session.proxies,
        )
        self._pool = cast("urllib3.HTTPConnectionPool", pool)
        self._base = adapter.request_url(request, session.proxies)
        self._headers = {**request.headers}
        self._headers.pop("Content-Length", None)
        self._timeout = urllib3.Timeout(timeout_seconds, timeout_seconds)
        self.is_new = False

    def exchange(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Answer:
        """Make one request and read its answer, without following it anywhere.

        Args:
            method: Of HTTP.
            path: Below the base address, with its query.
            body: JSON.
            headers: Besides those of every request.

        Raises:
            NoAnswerError: No answer came.
            RunError: No answer will ever come.
        """
        connections = self._pool.num_connections
        deadline = self._clock() + self._timeout_seconds
        try:
            with self._pool.urlopen(
                method,
                self._base + path,
                body,
                {**self._headers, **headers},
                retries=False,
                redirect=False,
                assert_same_host=False,
                timeout=self._timeout,
                preload_content=False,
            ) as response:
                most = _MAX_ANSWER_BYTES if response.status < 400 else _MAX_ERROR_BYTES
                content = b"".join(self._chunks(response, most, deadline))
                return Answer(response.status, response.headers, content)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _fault(error) from None
        finally:
            self.is_new = self._pool.num_connections != connections

    def close(self) -> None:
        """Close it."""
        self._session.close()

    def _chunks(
        self,
        response: urllib3.BaseHTTPResponse,
        left: int,
        deadline: float,
    ) -> Iterator[bytes]:
        """Yield the body as it comes, for no longer than the deadline and no more than the cap."""
        while left > 0 and (chunk := response.read1(_CHUNK_BYTES, decode_content=True)):
            yield chunk
            left -= len(chunk)
            if self._clock() > deadline:
                raise TimeoutError


def new_session(url: str) -> requests.Session:
    """Return a session that takes proxies and certificates from the environment once.

    With ``trust_env`` on, ``requests`` would read them again for every request and let a netrc
    entry replace the key.
    """
    session = requests.Session()
    session.trust_env = False
    session.proxies.update(requests.utils.get_environ_proxies(url))
    session.verify = (
        os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    )
    return session


def _fault(error: Exception) -> NoAnswerError:
    """Return why no answer came, if one may come later.

    Raises:
        RunError: Trying again can't help: no such host, no TLS, no valid certificate, no way past
            the proxy.
    """
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise RunError(
                f"Spotzee's certificate is not valid here ({cause.verify_message}); check api_url"
                " and REQUESTS_CA_BUNDLE",
            )
        if isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER":
            raise RunError("the server does not speak TLS at this address; check api_url")
        if isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME:
            raise RunError("the host in api_url does not exist; check api_url and DNS")
        if isinstance(cause, (FileNotFoundError, PermissionError)):
            raise RunError("the certificates can't be read; check REQUESTS_CA_BUNDLE")
        if isinstance(cause, OSError) and (refusal := _TUNNEL_REFUSED.match(str(cause))):
            return _proxy_fault(int(refusal[1]))
    for kinds, reason, may_be_applied in (
        (ConnectionRefusedError, "connection refused", False),
        (socket.gaierror, "host name not resolved", False),
        (urllib3.exceptions.ConnectTimeoutError, "no connection in time", False),
        ((urllib3.exceptions.TimeoutError, TimeoutError), "no answer in time", True),
    ):
        if any(isinstance(cause, kinds) for cause in causes):
            return NoAnswerError(reason, may_be_applied=may_be_applied)
    return NoAnswerError(f"connection broken ({type(causes[-1]).__name__})", may_be_applied=True)


def _proxy_fault(status: int) -> NoAnswerError:
    """Return why a proxy opened no connection to Spotzee, if it may do so later.

    Raises:
        RunError: It never will.
    """
    if status == 407:
        raise RunError("the proxy asks for credentials; check HTTPS_PROXY (HTTP 407)")
    if status >= 500 or status in (408, 425, 429):
        reason = f"the proxy could not connect to Spotzee (HTTP {status})"
        return NoAnswerError(reason, may_be_applied=False)
    raise RunError(
        f"the proxy refuses to connect to Spotzee; check HTTPS_PROXY and api_url (HTTP {status})",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and what it wraps, the way requests and urllib3 wrap."""
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        cause = pending.pop()
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            pending += [cause.__context__, cause.__cause__, getattr(cause, "reason", None)]
            pending += cause.args
