"""HTTP to a server that is measured: one connection that stays open, and `wrk` for many."""

import http.client
import os
import re
import socket
import subprocess
from collections.abc import Mapping, Sequence
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
    """One connection, used by one thread."""

    def __init__(self, server: Running) -> None:
        self._headers = dict(server.headers or {})
        self._connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=120)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._piece = bytearray(PIECE)

    def get(self, path: str, accept: str) -> bytes:
        """The body. Raises RuntimeError for any status but 200."""
        return self._answer(path, accept).read()

    def drain(self, path: str, accept: str) -> int:
        """Bytes of the body, which is read and thrown away. Raises RuntimeError for any status but 200."""
        answer = self._answer(path, accept)
        total = 0
        while size := answer.readinto(self._piece):
            total += size
        return total

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def _answer(self, path: str, accept: str) -> http.client.HTTPResponse:
        self._connection.request("GET", path, headers={**self._headers, "Accept": accept})
        answer = self._connection.getresponse()
        if answer.status != http.client.OK:
            raise RuntimeError(f"{answer.status} for {path}: {answer.read(200)!r}")
        return answer


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
