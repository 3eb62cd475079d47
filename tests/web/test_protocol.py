"""What stands before a body is bounded in size and in time."""

import socket

import pytest

from pacs.web import protocol
from tests.web.conftest import Caller, Door, connected


def read_all(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    pieces = []
    try:
        while piece := connection.recv(1 << 16):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"GET /health"])
def test_a_head_that_does_not_come_is_not_waited_for(
    anonymous: Caller, door: Door, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", 0.1)

    with connected(door) as connection:
        connection.sendall(sent)
        assert read_all(connection) == b""

    assert anonymous.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "start", [b"GET /", b"GET / HTTP/1.1\r\nX-Large: ", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 9000]
)
def test_a_head_without_an_end_is_cut_off(anonymous: Caller, door: Door, start: bytes) -> None:
    with connected(door) as connection:
        try:
            connection.sendall(start)
            for _ in range(1000):
                connection.sendall(b"x" * 4096)
        except (ConnectionResetError, BrokenPipeError):
            pass
        else:
            assert read_all(connection) == b""

    assert anonymous.get("/healthz").status_code == 200


def test_a_connection_is_used_again_and_each_head_has_its_own_bounds(anonymous: Caller, door: Door) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Padding: " + b"x" * 40_000 + b"\r\n\r\n"

    with connected(door) as connection:
        for _ in range(4):
            connection.sendall(request)
            assert b"200 OK" in connection.recv(1 << 16)
        connection.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert b"200 OK" in read_all(connection)
