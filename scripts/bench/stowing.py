"""STOW-RS: how many instances a second are kept, one in each request, and a study in one."""

import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path

from scripts.bench.load import Study, studies
from scripts.bench.measure import Comparison, Goal, Scale, alternate, timed_ms
from scripts.bench.processes import cpu_seconds
from scripts.bench.servers import Running, filmless, fresh_folder, has_orthanc, orthanc

Serve = Callable[[Path], AbstractContextManager[Running]]

INSTANCES = {1: 200, 8: 60}
"""Of each client, by their number."""
SMALL = 4
TOGETHER = 60
"""Instances of one request."""


def stow(scale: Scale) -> Iterator[Comparison]:
    """1 and 8 clients beside Orthanc, each with a connection that stays open."""
    sides: dict[str, Serve] = {"ours": filmless}
    if has_orthanc():
        sides["Orthanc"] = orthanc
    loads = _loads(scale)
    found = alternate({name: partial(_round, scale, serve, loads) for name, serve in sides.items()}, scale)
    theirs = found.get("Orthanc", {})
    for clients in INSTANCES:
        yield Comparison(
            "stow",
            f"STOW-RS, CT of 526 kB, {clients} {'client' if clients == 1 else 'clients'}",
            "instances/s",
            Goal("at least", 2),
            found["ours"][f"rate {clients}"],
            "Orthanc",
            theirs.get(f"rate {clients}", ()),
            {
                f"ms CPU an instance, {side}": sorted(numbers[f"cpu {clients}"])[scale.rounds // 2]
                for side, numbers in found.items()
            },
        )
    yield Comparison(
        "stow",
        f"STOW-RS, {TOGETHER} CT of 526 kB in one request",
        "instances/s",
        Goal("at least", 2),
        found["ours"]["rate together"],
        "Orthanc",
        theirs.get("rate together", ()),
    )


def post_together(server: Running, paths: Sequence[Path]) -> None:
    """Store all files by one request. Raises RuntimeError when one is refused."""
    with _connected(server) as connection:
        _send(connection, server, paths)
        _expect_success(connection)


def post(server: Running, paths: Sequence[Path]) -> None:
    """Store each file by a request of its own, over one connection. Raises RuntimeError when one is refused."""
    with _connected(server) as connection:
        for path in paths:
            _send(connection, server, [path])
            _expect_success(connection)


def _loads(scale: Scale) -> dict[int, list[Study]]:
    """For each number of clients, studies of their own, and one for 0: one server takes them all in a round."""
    counts = [scale.of(per, SMALL) for number, per in INSTANCES.items() for _ in range(number)]
    made = studies(scale.folder / "load" / "stow", [*counts, scale.of(TOGETHER, SMALL)])
    return {number: [made.pop(0) for _ in range(number)] for number in INSTANCES} | {0: made}


def _round(scale: Scale, serve: Serve, loads: dict[int, list[Study]]) -> dict[str, float]:
    numbers = {}
    with serve(fresh_folder(scale.folder)) as server:
        for clients in INSTANCES:
            load = loads[clients]
            count = sum(study.count for study in load)
            cpu, began = cpu_seconds(server.pid), time.perf_counter()
            with ThreadPoolExecutor(clients) as pool:
                list(pool.map(partial(post, server), [_files_of(study) for study in load]))
            numbers[f"rate {clients}"] = count / (time.perf_counter() - began)
            numbers[f"cpu {clients}"] = 1000 * (cpu_seconds(server.pid) - cpu) / count
        [study] = loads[0]
        numbers["rate together"] = 1000 * study.count / timed_ms(partial(post_together, server, _files_of(study)))
    return numbers


def _files_of(study: Study) -> list[Path]:
    return [study.path_of(number) for number in range(1, study.count + 1)]


def _connected(server: Running) -> "closing[socket.socket]":
    connection = socket.create_connection(("127.0.0.1", server.http_port), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return closing(connection)


def _send(connection: socket.socket, server: Running, paths: Sequence[Path]) -> None:
    boundary = secrets.token_hex(16)
    before = f"\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    behind = f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "Host": "127.0.0.1",
        **(server.headers or {}),
        "Accept": "application/dicom+json",
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Content-Length": str(sum(len(before) + path.stat().st_size for path in paths) + len(behind)),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    begun = f"POST /dicom-web/studies HTTP/1.1\r\n{lines}\r\n".encode()
    for path in paths:
        connection.sendall(begun + before)
        begun = b""
        with path.open("rb") as file:
            connection.sendfile(file)  # by the kernel: the client's own time is not measured
    connection.sendall(behind)


def _expect_success(connection: socket.socket) -> None:
    answer = bytearray()
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += _received(connection)
    head = bytes(answer[:end]).lower()
    length = re.search(rb"content-length: *(\d+)", head)
    while length and len(answer) < end + 4 + int(length[1]):
        answer += _received(connection)
    if not head.startswith(b"http/1.1 200") or length is None:
        raise RuntimeError(f"not stored: {bytes(answer[:500])!r}")


def _received(connection: socket.socket) -> bytes:
    piece = connection.recv(1 << 16)
    if not piece:
        raise RuntimeError("the server closed the connection")
    return piece
