"""How bodies are sent."""

import threading
from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Response

from pacs.web.answers import CRUMB, TURN, send
from tests.web.conftest import Caller, Door, connected


@pytest.mark.parametrize(
    "sizes",
    [
        [],
        [0],
        [1, 2, 3],
        [CRUMB],
        [TURN - 1],
        [TURN],
        [1, TURN, 1],
        [1, CRUMB, 1, 1] * 100,
        [TURN, TURN, 5 * TURN, 1],
    ],
    ids=str,
)
@pytest.mark.parametrize("tells_size", [True, False])
def test_a_body_is_its_pieces(app: FastAPI, anonymous: Caller, sizes: list[int], tells_size: bool) -> None:
    pieces = [bytes((number % 256,)) * size for number, size in enumerate(sizes)]

    @app.get("/pieces/here")
    def give() -> Response:
        return send(iter(pieces), {"x-form": "small"}, "text/plain", sum(sizes) if tells_size else None)

    answer = anonymous.get("/pieces/here")

    assert answer.content == b"".join(pieces)
    assert answer.headers["x-form"] == "small"
    assert (tells_size or sum(sizes) < TURN) == ("content-length" in answer.headers)


def test_for_a_client_who_has_gone_nothing_more_is_made(app: FastAPI, door: Door) -> None:
    made: list[int] = []
    ended = threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            for number in range(1000):
                made.append(number)
                yield bytes(TURN)
        finally:
            ended.set()

    @app.get("/pieces/here")
    def give() -> Response:
        return send(pieces(), {}, "text/plain")

    with connected(door) as connection:
        connection.sendall(b"GET /pieces/here HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(10)

    assert ended.wait(20)
    assert len(made) < 100
