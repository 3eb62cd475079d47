"""Servers on one listening socket share its connections."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import uvicorn
from starlette.types import Receive, Scope, Send

from pacs.web.accepting import SharingServer
from pacs.web.protocol import BoundedHttp


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@contextmanager
def serving(listener: socket.socket) -> Iterator[SharingServer]:
    server = SharingServer(uvicorn.Config(app, http=BoundedHttp, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener.dup()]})
    thread.start()
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join()


def test_connections_that_come_together_are_shared_and_answered() -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        servers = [stack.enter_context(serving(listener)) for _ in range(2)]
        connections = [
            stack.enter_context(closing(socket.create_connection(listener.getsockname(), timeout=20))) for _ in range(8)
        ]
        for connection in connections:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answers = [connection.recv(1 << 16) for connection in connections]

        assert all(answer.startswith(b"HTTP/1.1 204 ") for answer in answers)
        assert min(len(server.server_state.connections) for server in servers) >= 2


def test_a_server_that_stops_takes_no_more() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with serving(listener) as server:
            deadline = time.monotonic() + 20
            while not server.started:
                assert time.monotonic() < deadline
        with closing(socket.create_connection(listener.getsockname(), timeout=20)) as connection:
            connection.setblocking(False)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

            assert not server.server_state.connections
