"""HTTP as uvicorn speaks it, with bounds on what stands before a body: its size, and the time it takes to come."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 64 << 10
"""Bytes of a request line and its headers; a list of a thousand frames fits."""
HEAD_TIMEOUT_S = 10
"""From the first byte of a request, and from the opening of a connection, to the end of the headers."""


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
