"""HTTP as uvicorn speaks it, with bounds on what stands before a body: its size, and the time it takes to come.

A large body may be taken from it: a thread then reads the socket, and the loop does not. Handing half a megabyte from
one to the other takes longer than to hash, write and sync it.
"""

import asyncio
import os
import socket
from contextlib import suppress
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 64 << 10
"""Bytes of a request line and its headers; a list of a thousand frames fits."""
HEAD_TIMEOUT_S = 10
"""From the first byte of a request, and from the opening of a connection, to the end of the headers."""

WORTH_TAKING = 64 << 10
"""Bytes of a body that are still to come."""
TAKES_BODY = "filmless.takes_body"
"""The extension of ASGI by which an endpoint finds its connection."""


class TakenBody:
    """The body of a request, for one thread."""

    def __init__(self, begun: bytearray, left: int, connection: socket.socket) -> None:
        """begun: what the loop has read of it; left: bytes that have yet to come."""
        self._begun = memoryview(begun)
        self._left = left
        self._connection = connection
        self.is_begun = False
        """Something was read from the connection."""
        self._is_awaited = False

    @property
    def is_whole(self) -> bool:
        return not self._left

    def readinto(self, room: memoryview) -> int:
        """Bytes of it that were put into the room; 0 at its end. Raises OSError, and EOFError when it breaks off."""
        if self._begun:
            count = min(len(room), len(self._begun))
            room[:count] = self._begun[:count]
            self._begun = self._begun[count:]
            return count
        if not self._left:
            return 0
        self.is_begun = True
        self._is_awaited = True
        count = self._connection.recv_into(room, min(len(room), self._left))
        self._is_awaited = False
        if not count:
            raise EOFError
        self._left -= count
        return count

    def close(self) -> None:
        """No more is wanted; a thread that waits for more hears so: the server stops."""
        if self._is_awaited:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RD)
        self._connection.close()


class BoundedHttp(HttpToolsProtocol):
    """One connection. What breaks a bound is cut off: it is no browser, and would not read an answer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_whole()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        awaited = self._head_timer
        super().data_received(data)
        if awaited is not None and awaited is self._head_timer:  # all of it was of one head, which goes on
            self._head_size += len(data)
            if self._head_size > LARGEST_HEAD:
                self._cut_off()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TAKES_BODY: {"by": self}}
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        self._head_is_whole()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head_size = 0
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._cut_off)

    def _head_is_whole(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _cut_off(self) -> None:
        self._head_is_whole()
        self.transport.abort()

    def take_body(self, size: int, patience_s: float) -> TakenBody | None:
        """The body of the request that is being answered, which nobody has begun to read. None: it is not worth it.

        size: bytes of all of it. patience_s: how long nothing may come. To be given back on the loop.
        """
        cycle = self.cycle
        left = size - len(cycle.body)
        if left < WORTH_TAKING or not cycle.more_body or self.pipeline:
            return None
        if self.transport.is_closing() or self.scheme == "https":  # a proxy has ended TLS, if any; else it stays here
            return None
        if cycle.waiting_for_100_continue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            cycle.waiting_for_100_continue = False
        self.flow.pause_reading()
        connection = socket.socket(fileno=os.dup(self.transport.get_extra_info("socket").fileno()))
        connection.settimeout(patience_s)
        begun, cycle.body = cycle.body, bytearray()
        return TakenBody(begun, left, connection)

    def give_back(self, body: TakenBody) -> None:
        """The thread is done, and the answer can be sent. What is left of a body that was not begun is passed over."""
        body.close()
        if body.is_whole and self.parser is not None:
            # The parser has not seen the end of this request: another one awaits the next.
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.cycle.more_body = False
        elif body.is_begun:
            self.cycle.keep_alive = False
