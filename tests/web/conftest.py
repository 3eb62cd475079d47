"""The web door of a PACS of the test's own, behind a real server."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import requests
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from pacs import accounts
from pacs.context import SYSTEM, Pacs
from pacs.web.app import create_app
from pacs.web.protocol import BoundedHttp

ELSEWHERE = "192.0.2.7"
"""The address of another machine (RFC 5737)."""


class Door:
    """A server in a thread on a free port, started once; each test puts its own app behind it."""

    app: ASGIApp

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._server = uvicorn.Server(uvicorn.Config(self, http=BoundedHttp, log_config=None, lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]})
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    def __enter__(self) -> "Door":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()


class Caller(requests.Session):
    """Who asks; every request may name its own headers besides."""

    def __init__(self, url: str, host: str = "pacs.example", address: str = ELSEWHERE, scheme: str = "http") -> None:
        super().__init__()
        self.url = url
        self.trust_env = False
        # The server trusts a proxy on this machine to say who asks, and so believes us.
        self.headers.update({"host": host, "x-forwarded-for": address, "x-forwarded-proto": scheme})

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        return super().request(method, self.url + url, *args, **kwargs)


def connected(door: Door) -> "closing[socket.socket]":
    """A bare connection to the server."""
    host, _, port = door.url.removeprefix("http://").partition(":")
    return closing(socket.create_connection((host, int(port)), timeout=20))


@pytest.fixture(scope="session")
def door() -> Iterator[Door]:
    with Door() as door:
        yield door


@pytest.fixture
def app(door: Door, pacs: Pacs) -> FastAPI:
    door.app = app = create_app(pacs)
    return app


@pytest.fixture
def token(pacs: Pacs) -> str:
    return accounts.create_token(pacs, SYSTEM, "admin")


@pytest.fixture
def anonymous(app: FastAPI, door: Door) -> Iterator[Caller]:
    """Nobody, on another machine."""
    with closing(Caller(door.url)) as caller:
        yield caller


@pytest.fixture
def client(app: FastAPI, door: Door, token: str) -> Iterator[Caller]:
    """A program with every right, on another machine."""
    with closing(Caller(door.url)) as caller:
        caller.headers["authorization"] = f"Bearer {token}"
        yield caller
