"""The socket that a sandbox listens on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

if TYPE_CHECKING:
    from target_spotzee.sandbox.server import Server

# A handler that is still busy when the sandbox ends stalls on purpose, or for nobody.
SHUTDOWN_SECONDS = 0.05
# Longer than any address that is answered, so that those beyond it can be refused as the API does.
LONGEST_LINE = 64 * 1024
# The client hung up, or does not speak HTTP. Neither is worth a traceback.
CLIENTS_FAULTS = (ConnectionError, HttpProcessingError, web.RequestPayloadError)

_logger = logging.getLogger(__name__)
_logger.addFilter(
    lambda record: not (record.exc_info and isinstance(record.exc_info[1], CLIENTS_FAULTS))
)


class Listener:
    """Serves a `Server` at an address.

    Args:
        server: What answers.
        host: Where to listen.
        port: Where to listen; 0: any free port, which is then in ``port``.
    """

    def __init__(self, server: Server, host: str, port: int) -> None:
        self.port = port
        self._server = server
        self._host = host
        self._runner = web.AppRunner(
            server.app(),
            access_log=None,
            shutdown_timeout=SHUTDOWN_SECONDS,
            logger=_logger,
            max_line_size=LONGEST_LINE,
        )
        self._site: web.TCPSite | None = None

    async def start(self) -> None:
        """Begins to listen.

        Raises:
            OSError: If the address can't be had.
        """
        await self._runner.setup()
        try:
            await self.accept()
        except OSError:
            await self._runner.cleanup()
            raise

    async def stop(self) -> None:
        """Closes everything."""
        await self._runner.cleanup()

    async def accept(self) -> None:
        """Listens, if it doesn't."""
        if self._site is None:
            site = web.TCPSite(self._runner, self._host, self.port)
            await site.start()
            self._site = site
            self.port = self._runner.addresses[0][1]

    async def refuse(self) -> None:
        """Stops listening; open connections end with what they have under way."""
        if self._site is not None:
            await self._site.stop()
            self._site = None
            for connection in self._runner.server.connections if self._runner.server else ():
                if connection in self._server.busy:
                    connection.close()
                else:
                    connection.force_close()
