"""HTTP to a server that is measured: one connection that stays open, and `wrk` for many."""

import os
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from scripts.bench.servers import Running

SCRIPT = Path(__file__).with_name("wrk_paths.lua")
PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Load:
    """What `wrk` tells of many clients at once."""

    requests_per_s: float
    failed: int


class Client:
    """One connection that stays open, used by one thread. It reads what our servers send, and little more."""

    def __init__(self, server: Running) -> None:
        given = {"Host": "127.0.0.1", **(server.headers or {})}
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self._address = ("127.0.0.1", server.http_port)
        self._sock = self._connected()
        self._piece = memoryview(bytearray(PIECE))

    def get(self, path: str, accept: str) -> bytes:
        """The body. Raises RuntimeError for any status but 200."""
        return b"".join(map(bytes, self._body(path, accept)))

    def drain(self, path: str, accept: str) -> int:
        """Bytes of the body, which is read and thrown away. Raises RuntimeError for any status but 200."""
        return sum(map(len, self._body(path, accept)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sock.close()

    def _body(self, path: str, accept: str) -> Iterator[memoryview]:
        """The pieces of the body, each valid until the next."""
        self._sock.sendall(f"GET {path} HTTP/1.1\r\n{self._headers}Accept: {accept}\r\n\r\n".encode())
        filled = 0
        while (end := bytes(self._piece[:filled]).find(b"\r\n\r\n")) < 0:
            filled += self._receive(filled)
        head = bytes(self._piece[:end]).lower()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(f"{path}: {bytes(self._piece[:filled])!r}")
        begun = self._piece[end + 4 : filled]
        length = re.search(rb"content-length: *(\d+)", head)
        if length:
            return self._counted(begun, int(length[1]))
        return self._chunked(begun) if b"transfer-encoding: chunked" in head else self._until_closed(begun)

    def _counted(self, begun: memoryview, left: int) -> Iterator[memoryview]:
        yield begun
        left -= len(begun)
        while left:
            size = self._receive()
            left -= size
            yield self._piece[:size]

    def _chunked(self, begun: memoryview) -> Iterator[memoryview]:
        """A chunked body (RFC 9112 7.1), without trailers."""
        waiting = bytearray(begun)
        while True:
            while (end := waiting.find(b"\r\n")) < 0:
                waiting += self._piece[: self._receive()]
            left = int(waiting[:end], 16)
            del waiting[: end + 2]
            while len(waiting) < left + 2:
                waiting += self._piece[: self._receive()]
            if not left:
                return
            yield memoryview(bytes(waiting[:left]))
            del waiting[: left + 2]

    def _until_closed(self, begun: memoryview) -> Iterator[memoryview]:
        yield begun
        while size := self._sock.recv_into(self._piece):
            yield self._piece[:size]
        self._sock.close()
        self._sock = self._connected()

    def _connected(self) -> socket.socket:
        sock = socket.create_connection(self._address, timeout=120)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _receive(self, start: int = 0) -> int:
        size = self._sock.recv_into(self._piece[start:])
        if not size:
            raise RuntimeError("the server closed the connection")
        return size


def wrk(server: Running, paths: Sequence[str], accept: str, clients: int, seconds: int) -> Load:
    """So many clients that ask for the paths by turns. Raises RuntimeError when wrk says nothing."""
    headers: Mapping[str, str] = {**(server.headers or {}), "Accept": accept}
    lines = "\n".join(f"{name}: {value}" for name, value in headers.items())
    given = {"BENCH_PATHS": "\n".join(paths), "BENCH_HEADERS": lines}
    command = ["wrk", "-t", "2", "-c", str(clients), "-d", f"{seconds}s", "-s", str(SCRIPT)]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{server.http_port}"],
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"^requests/s ([\d.]+) failed (\d+)$", done.stdout, re.MULTILINE)
    if not found:
        raise RuntimeError(f"wrk: {done.stdout[-300:]}{done.stderr[-300:]}")
    return Load(float(found[1]), int(found[2]))
