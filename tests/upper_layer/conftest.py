"""A connection whose one end is ours and whose other end says what a test wants, byte by byte."""

import socket
from collections.abc import Iterator

import pytest


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected TCP sockets: ours, and the peer's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = socket.create_connection(listener.getsockname(), timeout=10)
        ours, _ = listener.accept()
    with peer, ours:
        yield ours, peer
