"""A whole server under requests that nobody should send: refused soon, and nobody else waits (B-16 to B-18, B-20)."""

import os
import socket
import statistics
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from pydicom.uid import JPEGBaseline8Bit

from tests.make import make_ct, part10
from tests.server import Server, serving, wait_for

LONGEST_S = 1.0
"""For the answer to one abuse."""
LONGEST_WAIT_S = 0.1
"""For another client meanwhile, as a rule."""
LEAST_PINGS = 5
CPU_MS = 50
"""Of the server, for each request with an abusive Range."""

RELATED = 'multipart/related; type="application/dicom"; boundary=b'
PART = b"--b\r\nContent-Type: application/dicom\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("abused") / "data", "web", workers="1") as server:
        yield server


@pytest.fixture(scope="module")
def web(server: Server) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers["authorization"] = f"Bearer {server.token()}"
        yield session


MULTIPART: list[tuple[str, str, bytes]] = [
    ("no boundary", 'multipart/related; type="application/dicom"', PART + b"x\r\n--b--"),
    ("an endless boundary", RELATED + "b" * 5000, PART),
    ("10,000 parts", RELATED, PART + (b"\r\n" + PART) * 10_000 + b"\r\n--b--"),
    ("a header of 1 MB", RELATED, b"--b\r\nA: " + b"x" * (1 << 20) + b"\r\n\r\nx\r\n--b--"),
    ("a preamble of 8 MB", RELATED, b"x" * (8 << 20) + PART + b"x\r\n--b--"),
    ("an epilogue of 8 MB", RELATED, b"--b--" + b"x" * (8 << 20)),
    ("almost boundaries", RELATED, PART + b"\r\n--" * (2 << 20) + b"\r\n--b--"),
    ("parts of another type", RELATED, b"--b\r\nContent-Type: text/html\r\n\r\n<html>\r\n--b--"),
    ("multipart in multipart", RELATED, b"--b\r\nContent-Type: multipart/related; boundary=c\r\n\r\n--c--\r\n--b--"),
    ("of HTML", 'multipart/related; type="text/html"; boundary=b', PART + b"x\r\n--b--"),
    ("form data", "multipart/form-data; boundary=b", PART + b"x\r\n--b--"),
    ("no end", RELATED, PART + b"x"),
]


def test_abuse_of_multipart_is_refused_soon_and_nobody_waits(server: Server, web: requests.Session) -> None:
    """B-16."""
    for name, content_type, body in MULTIPART:
        with pinging(server) as waits:
            began = time.monotonic()
            answer = web.post(f"{server.url}/dicom-web/studies", body, headers={"content-type": content_type})
            took = time.monotonic() - began
            wait_for(lambda: len(waits) >= LEAST_PINGS, "small questions to be answered")
        assert answer.status_code in (400, 409, 413, 415), (name, answer.text[:200])
        assert took < LONGEST_S, (name, took)
        assert statistics.median(waits) < LONGEST_WAIT_S, name
    assert not list(server.settings.data.rglob("*.part"))


@contextmanager
def pinging(server: Server) -> Iterator[list[float]]:
    """How long each of many small questions waits, in seconds, while the block runs."""
    waits: list[float] = []
    done = threading.Event()

    def ping() -> None:
        with requests.Session() as session:
            while not done.is_set():
                began = time.monotonic()
                session.get(f"{server.url}/healthz", timeout=20).raise_for_status()
                waits.append(time.monotonic() - began)

    thread = threading.Thread(target=ping)
    thread.start()
    try:
        yield waits
    finally:
        done.set()
        thread.join()


RANGES = [
    "bytes=" + ",".join(f"{n}-{n}" for n in range(1000)),
    "bytes=" + ",".join("0-" for _ in range(1000)),
    "bytes=" + ",".join(f"-{n}" for n in range(1000)),
    "bytes=" + "0" * 15_000 + "-1",
    "bytes=0-1" + "," * 15_000,
    "bytes=" + "9" * 60_000 + "-",
    "bytes=" + "0-1," * 16_000,
]


def test_abuse_of_ranges_costs_next_to_nothing(server: Server, web: requests.Session) -> None:
    """B-17."""
    ds = make_ct(64, 64)
    store(server, web, part10(ds).getvalue())
    url = f"{place(server, ds)}/bulkdata/7FE00010"
    for asked in RANGES:
        before = cpu_ms(server)
        answers = [web.get(url, headers={"range": asked}) for _ in range(5)]
        spent = (cpu_ms(server) - before) / len(answers)

        assert {answer.status_code for answer in answers} <= {200, 206, 400, 416, 431}, asked[:40]
        assert all(len(answer.content) <= 2 * 64 * 64 + 1000 for answer in answers), asked[:40]
        assert spent <= CPU_MS, asked[:40]


def cpu_ms(server: Server) -> float:
    """What the processes of the server have used of the processor."""
    ticks = 0
    for pid in server.children():
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(told[11]) + int(told[12])
    return 1000 * ticks / os.sysconf("SC_CLK_TCK")


XML = "application/dicom+xml"
MODEL = '{head}<NativeDicomModel{attributes}><DicomAttribute tag="00100020" vr="LO"><Value number="1">{value}</Value>'
MODEL += "</DicomAttribute></NativeDicomModel>"
LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))


def documents(secret: Path, port: int) -> Iterator[str]:
    """What a parser that trusts would read, fetch or swell."""
    away = f"http://127.0.0.1:{port}/x"
    for kind in (f'SYSTEM "{secret.as_uri()}"', f'SYSTEM "{away}"', f'PUBLIC "p" "{away}"'):
        yield MODEL.format(head=f"<!DOCTYPE x [<!ENTITY e {kind}>]>", attributes="", value="&e;")
        yield MODEL.format(head=f"<!DOCTYPE x [<!ENTITY % e {kind}> %e;]>", attributes="", value="x")
        yield MODEL.format(head=f"<!DOCTYPE x {kind}>", attributes="", value="x")
    head = f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>'
    yield MODEL.format(head=head, attributes="", value="&l9;")
    inclusion = ' xmlns:xi="http://www.w3.org/2001/XInclude"'
    for address in (secret.as_uri(), away):
        value = f'<xi:include href="{address}" parse="text"/>'
        yield MODEL.format(head="", attributes=inclusion, value=value)


def test_xml_reads_no_file_calls_nobody_and_does_not_swell(
    server: Server, web: requests.Session, tmp_path: Path
) -> None:
    """B-18."""
    secret = tmp_path / "secret"
    secret.write_text("not for you")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        for document in documents(secret, listening.getsockname()[1]):
            for content_type, body in [
                (XML, document.encode()),
                (f'multipart/related; type="{XML}"; boundary=b', None),
            ]:
                whole = body or b"--b\r\nContent-Type: " + XML.encode() + b"\r\n\r\n" + document.encode() + b"\r\n--b--"
                began = time.monotonic()
                answer = web.post(f"{server.url}/dicom-web/studies", whole, headers={"content-type": content_type})

                assert 400 <= answer.status_code < 500, document
                assert "not for you" not in answer.text
                assert time.monotonic() - began < LONGEST_S, document
        with pytest.raises(BlockingIOError):
            listening.accept()


JPEG = b"\xff\xd8\xff\xe0"
"""How each frame begins; what follows tells which it is."""


def item(value: bytes) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(value)) + value


def frame(number: int) -> bytes:
    return JPEG + bytes([number]) * 20


def offsets(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


THREE = [frame(1), frame(2), frame(3)]
STEP = len(item(frame(1)))
ENCAPSULATED: list[tuple[str, bytes, list[bytes], int, dict[str, Any]]] = [
    ("no table", b"", THREE, 3, {}),
    ("a right table", offsets(0, STEP, 2 * STEP), THREE, 3, {}),
    ("a table that begins late", offsets(STEP, 2 * STEP, 3 * STEP), THREE, 3, {}),
    ("a table into the middle", offsets(0, 9, 2 * STEP), THREE, 3, {}),
    ("a table backwards", offsets(2 * STEP, STEP, 0), THREE, 3, {}),
    ("a table beyond", offsets(0, STEP, 1 << 31), THREE, 3, {}),
    ("a table that is short", offsets(0, STEP), THREE, 3, {}),
    ("an odd table", offsets(0, STEP, 2 * STEP) + b"\0\0", THREE, 3, {}),
    ("a fragment too few", b"", THREE[:2], 3, {}),
    ("a fragment too many", b"", [*THREE, frame(4)], 3, {}),
    ("an empty fragment", b"", [frame(1), b"", frame(3)], 3, {}),
    ("nothing but empty ones", b"", [b"", b"", b""], 3, {}),
    ("no fragment", b"", [], 3, {}),
    ("no frames declared", b"", THREE, 0, {}),
    ("a million frames declared", b"", THREE, 1_000_000, {}),
    ("a right extended table", b"", THREE, 3, {"ExtendedOffsetTable": struct.pack("<3Q", 0, STEP, 2 * STEP)}),
    ("a wrong extended table", b"", THREE, 3, {"ExtendedOffsetTable": struct.pack("<3Q", STEP, 0, 1 << 63)}),
]
"""What it is, the offset table, the fragments, Number of Frames, and further attributes. One frame is one fragment."""


def test_broken_encapsulation_never_gives_another_frame(server: Server, web: requests.Session) -> None:
    """B-20: each frame is what its number says, or nothing, or an error in words."""
    right = 0
    for name, table, fragments, count, attributes in ENCAPSULATED:
        value = b"".join(map(item, [table, *fragments])) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
        if "ExtendedOffsetTable" in attributes:
            attributes = attributes | {"ExtendedOffsetTableLengths": struct.pack("<3Q", 24, 24, 24)}
        ds = make_ct(transfer_syntax_uid=JPEGBaseline8Bit, NumberOfFrames=count, PixelData=value[:-8], **attributes)
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
        if store(server, web, part10(ds).getvalue()) != 200:
            continue
        for number in (1, 2, 3, 4):
            accept = {"accept": "application/octet-stream; transfer-syntax=*"}
            answer = web.get(f"{place(server, ds)}/frames/{number}", headers=accept)
            # Of no frames declared there is one, which has all fragments.
            allowed = (frame(number) if count else b"".join(fragments), b"")
            if answer.status_code == 200:
                right += answer.content == frame(number)
                assert answer.content in allowed, (name, number)
            else:
                assert answer.status_code in (400, 404, 406), (name, number, answer.text)
                assert answer.json()["detail"], (name, number)
        assert web.get(f"{place(server, ds)}/rendered").status_code in (400, 404, 406), name
    assert right >= 24, "most of them are told apart"


def store(server: Server, web: requests.Session, file: bytes) -> int:
    return web.post(f"{server.url}/dicom-web/studies", file, headers={"content-type": "application/dicom"}).status_code


def place(server: Server, ds: Any) -> str:
    """Where the instance is retrieved."""
    study, series = ds.StudyInstanceUID, ds.SeriesInstanceUID
    return f"{server.url}/dicom-web/studies/{study}/series/{series}/instances/{ds.SOPInstanceUID}"
