"""How the processes of the web door share its connections: each takes one, and then looks again.

uvloop takes all that wait at once. Of eight that come together one process then has seven or eight, and the other
processors have nothing to do.
"""

import asyncio
import socket
from contextlib import suppress

import uvicorn

TURN_S = 0.001
"""After one connection: the others' turn."""
PAUSE_S = 0.1
"""When none can be taken: this process has no more files to open."""


class SharingServer(uvicorn.Server):
    """A server beside others on the same listening sockets."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        self._acceptors = [asyncio.create_task(self._accept(listener)) for listener in sockets or ()]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for acceptor in self._acceptors:
            acceptor.cancel()
        await super().shutdown(sockets=sockets)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        listener.setblocking(False)
        listener.listen(self.config.backlog)
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError:
                await asyncio.sleep(PAUSE_S)
                continue
            with suppress(OSError):  # it is gone already
                await loop.connect_accepted_socket(self._new_protocol, connection)
            await asyncio.sleep(TURN_S)

    def _new_protocol(self) -> asyncio.Protocol:
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]  # as uvicorn calls it
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol
