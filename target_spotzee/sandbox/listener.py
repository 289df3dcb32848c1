"""The socket that a sandbox listens on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

if TYPE_CHECKING:
    from target_spotzee.sandbox.server import Server

# A handler that is still busy when the sandbox ends stalls on purpose, or its client is gone.
SHUTDOWN_SECONDS = 0.05
# More than an address may have, so that the sandbox itself refuses longer ones, as the API does.
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
        port: Where to listen; 0: any free port.

    Attributes:
        port: The port in use.
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
        """Begin to listen.

        Raises:
            OSError: The address can't be used.
        """
        await self._runner.setup()
        try:
            await self.accept()
        except OSError:
            await self._runner.cleanup()
            raise

    async def stop(self) -> None:
        """Close everything."""
        await self._runner.cleanup()

    async def accept(self) -> None:
        """Listen, unless that is so already."""
        if self._site is None:
            site = web.TCPSite(self._runner, self._host, self.port)
            await site.start()
            self._site = site
            self.port = self._runner.addresses[0][1]

    async def refuse(self) -> None:
        """Stop listening and close connections, each after the answer it waits for."""
        if self._site is not None:
            await self._site.stop()
            self._site = None
            for connection in self._runner.server.connections if self._runner.server else ():
                if connection in self._server.busy:
                    connection.close()
                else:
                    connection.force_close()
