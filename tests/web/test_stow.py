"""STOW-RS: stored as sent, told per instance, of any size."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import requests
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from pacs.archive.retrieve import instances, whole_file
from pacs.context import SYSTEM, Pacs
from pacs.web import stow
from tests.make import data_set_bytes, make_ct, part10
from tests.web.conftest import Caller, Door, connected

MULTIPART = 'multipart/related; type="application/dicom"; boundary=frontier'


def multipart(*parts: bytes, content_type: str = "application/dicom") -> bytes:
    head = f"\r\n--frontier\r\nContent-Type: {content_type}\r\n\r\n".encode()
    return b"".join(head + part for part in parts) + b"\r\n--frontier--\r\n"


def store(client: Caller, *parts: bytes, study: str = "", content_type: str = MULTIPART) -> requests.Response:
    path = f"/dicom-web/studies/{study}" if study else "/dicom-web/studies"
    return client.post(path, data=multipart(*parts), headers={"content-type": content_type})


def items(answer: requests.Response, tag: str) -> list[dict[str, Any]]:
    """The items of a sequence of the Store Instances Response, as their values by tag."""
    found = answer.json().get(tag, {}).get("Value", [])
    return [{tag: member["Value"][0] for tag, member in item.items()} for item in found]


REFERENCED, FAILED, OTHER_FAILURES = "00081199", "00081198", "0008119A"
SOP_CLASS, SOP_INSTANCE, RETRIEVE_URL, REASON = "00081150", "00081155", "00081190", "00081197"


def test_what_is_stored_is_told_with_where_to_get_it(client: Caller) -> None:
    ds = make_ct()

    answer = store(client, part10(ds).read())

    url = f"http://pacs.example/dicom-web/studies/{ds.StudyInstanceUID}"
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    assert answer.json()[RETRIEVE_URL]["Value"] == [url]
    assert items(answer, REFERENCED) == [
        {
            SOP_CLASS: ds.SOPClassUID,
            SOP_INSTANCE: ds.SOPInstanceUID,
            RETRIEVE_URL: f"{url}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}",
        }
    ]
    assert FAILED not in answer.json()
    assert OTHER_FAILURES not in answer.json()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_the_data_set_is_kept_as_it_was_sent(client: Caller, pacs: Pacs, syntax: str) -> None:
    ds = make_ct(transfer_syntax_uid=syntax)
    ds["PixelData"].VR = "OW"

    store(client, part10(ds).read())

    (ref,) = instances(pacs, SYSTEM)
    assert whole_file(pacs, ref)[ref.data_set_offset :] == part10(ds).read()[-len(data_set_bytes(ds)) :]
    assert ref.transfer_syntax_uid == syntax


def test_a_single_instance_needs_no_multipart(client: Caller, pacs: Pacs) -> None:
    answer = client.post(
        "/dicom-web/studies", data=part10(make_ct()).read(), headers={"content-type": "application/dicom"}
    )

    assert answer.status_code == 200
    assert len(instances(pacs, SYSTEM)) == 1


def test_one_bad_part_keeps_no_other_from_being_stored(client: Caller, pacs: Pacs) -> None:
    first, last = make_ct(), make_ct()
    cut = make_ct()

    answer = store(client, part10(first).read(), b"no instance at all", part10(cut).read()[:-9], part10(last).read())

    assert answer.status_code == 202
    assert [item[SOP_INSTANCE] for item in items(answer, REFERENCED)] == [first.SOPInstanceUID, last.SOPInstanceUID]
    assert items(answer, FAILED) == [
        {SOP_CLASS: cut.SOPClassUID, SOP_INSTANCE: cut.SOPInstanceUID, REASON: 0xC000},
    ]
    assert items(answer, OTHER_FAILURES) == [{REASON: 0xC000}]
    assert len(instances(pacs, SYSTEM)) == 2


@pytest.mark.parametrize("padding", [0, 300_000])
def test_an_instance_of_another_study_than_the_request_is_refused(client: Caller, pacs: Pacs, padding: int) -> None:
    ours, other = make_ct(StudyInstanceUID="1.2.3"), make_ct(StudyInstanceUID="1.2.4")
    for ds in (ours, other):
        ds.PatientComments = "x" * 10_000
        ds.add_new(0x00091001, "UN", b"x" * padding)

    answer = store(client, part10(ours).read(), part10(other).read(), study="1.2.3")

    assert answer.status_code == 202
    assert items(answer, FAILED) == [{SOP_CLASS: other.SOPClassUID, SOP_INSTANCE: other.SOPInstanceUID, REASON: 0xA900}]
    assert [ref.study_instance_uid for ref in instances(pacs, SYSTEM)] == ["1.2.3"]


def other_patient(ds: Dataset) -> Dataset:
    return make_ct(StudyInstanceUID=ds.StudyInstanceUID, PatientID="9999999999")


@pytest.mark.parametrize(
    ("parts", "study", "status"),
    [
        ([part10(make_ct()).read()], "1.2.3", 409),
        ([b"no instance at all" * 50], "", 400),
        ([b"no instance at all" * 50, part10(make_ct()).read()], "1.2.3", 409),
        ([], "", 400),
    ],
)
def test_when_nothing_is_stored_the_status_says_why(
    client: Caller, parts: list[bytes], study: str, status: int
) -> None:
    answer = store(client, *parts, study=study)

    assert answer.status_code == status
    assert items(answer, FAILED) + items(answer, OTHER_FAILURES)
    assert not items(answer, REFERENCED)


def test_another_patient_under_a_known_study_is_a_conflict(client: Caller) -> None:
    ds = make_ct()
    store(client, part10(ds).read())

    answer = store(client, part10(other_patient(ds)).read())

    assert answer.status_code == 409
    assert [item[REASON] for item in items(answer, FAILED)] == [0xA778]


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/json+fhir",
        'multipart/related; type="text/html"; boundary=frontier',
        'multipart/related; type="application/dicom"',
        "multipart/form-data; boundary=frontier",
    ],
)
def test_what_is_no_part_10_file_is_not_taken(client: Caller, content_type: str) -> None:
    assert store(client, b"x", content_type=content_type).status_code == 415


def test_a_part_of_another_type_is_not_taken(client: Caller) -> None:
    body = multipart(b"<html>", content_type="text/html")

    answer = client.post("/dicom-web/studies", data=body, headers={"content-type": MULTIPART})

    assert (answer.status_code, items(answer, OTHER_FAILURES)) == (415, [{REASON: 0x0122}])


def test_a_request_that_is_cut_off_tells_what_was_stored_before(client: Caller, pacs: Pacs) -> None:
    ds = make_ct()
    body = multipart(part10(ds).read(), part10(make_ct()).read())

    answer = client.post("/dicom-web/studies", data=body[:-300], headers={"content-type": MULTIPART})

    assert answer.status_code == 202
    assert [item[SOP_INSTANCE] for item in items(answer, REFERENCED)] == [ds.SOPInstanceUID]
    assert [item[REASON] for item in items(answer, FAILED)] == [0xC000]
    assert len(instances(pacs, SYSTEM)) == 1


def test_too_large_a_request_is_refused_before_it_comes(client: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stow, "LARGEST", 100)

    assert store(client, part10(make_ct()).read()).status_code == 413


def test_a_client_that_falls_silent_is_not_waited_for(
    client: Caller, door: Door, pacs: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stow, "PATIENCE_S", 0.2)
    ds = make_ct()
    body = multipart(part10(ds).read(), part10(make_ct()).read())[:-300]
    head = (
        f"POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nAuthorization: {client.headers['authorization']!s}\r\n"
        f"Content-Type: {MULTIPART}\r\nContent-Length: {len(body) + 1000}\r\n\r\n"
    )

    with connected(door) as connection:
        connection.sendall(head.encode() + body)
        answer = connection.recv(1 << 16)

    assert answer.startswith(b"HTTP/1.1 202 ")
    assert [ref.sop_instance_uid for ref in instances(pacs, SYSTEM)] == [ds.SOPInstanceUID]


def large_body(frames: int) -> Iterator[bytes]:
    """A multi-frame image of 512 kB a frame, never whole in memory."""
    ds = make_ct(512, 512, NumberOfFrames=frames, PixelData=None)
    yield b"--frontier\r\nContent-Type: application/dicom\r\n\r\n" + part10(ds).read()
    yield struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, frames << 19)
    frame = bytes(1 << 19)
    yield from (frame for _ in range(frames))
    yield b"\r\n--frontier--\r\n"


class Sized:
    """A body whose length is told beforehand."""

    def __init__(self, pieces: Iterator[bytes], size: int) -> None:
        self._pieces = pieces
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is read from /proc")
def test_a_large_instance_costs_no_memory(client: Caller, pacs: Pacs) -> None:
    headers = {"content-type": MULTIPART}
    assert client.post("/dicom-web/studies", data=large_body(1), headers=headers).status_code == 200
    before = peak_of_memory_mib(reset=True)

    answer = client.post("/dicom-web/studies", data=large_body(400), headers=headers)
    pieces = list(large_body(400))  # the same frame again and again
    known = client.post("/dicom-web/studies", data=Sized(iter(pieces), sum(map(len, pieces))), headers=headers)

    assert (answer.status_code, known.status_code) == (200, 200)
    assert max(ref.size for ref in instances(pacs, SYSTEM)) > 400 << 19
    assert peak_of_memory_mib() - before < 40


def peak_of_memory_mib(reset: bool = False) -> float:
    """The most that was resident since the last reset; with reset, what is resident now."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def test_many_parts_are_told_in_their_order(client: Caller, pacs: Pacs) -> None:
    datasets = [make_ct() for _ in range(40)]
    parts = [part10(ds).read() for ds in datasets]
    parts[20] = b"no instance at all" * 50

    answer = store(client, *parts)

    expected = [ds.SOPInstanceUID for ds in datasets]
    assert [item[SOP_INSTANCE] for item in items(answer, REFERENCED)] == expected[:20] + expected[21:]
    assert [item[REASON] for item in items(answer, OTHER_FAILURES)] == [0xC000]
    assert len(instances(pacs, SYSTEM)) == 39


def test_a_connection_goes_on_after_a_large_request(client: Caller, door: Door, pacs: Pacs) -> None:
    bodies = [multipart(part10(make_ct(512, 512, PixelData=bytes(1 << 19))).read()) for _ in range(2)]

    with connected(door) as connection:
        answers = connection.makefile("rb")
        for body in bodies:  # asked first, as curl does
            connection.sendall(head_of(client, len(body), "Expect: 100-continue\r\n"))
            assert answers.readline() == b"HTTP/1.1 100 Continue\r\n"
            assert answers.readline() == b"\r\n"
            connection.sendall(body)
            assert status_of(answers) == 200
        connection.sendall(head_of(client, len(bodies[0])) + bodies[0] + head_of(client, len(bodies[1])) + bodies[1])
        assert [status_of(answers), status_of(answers)] == [200, 200]

    assert len(instances(pacs, SYSTEM)) == 2


def test_who_may_not_store_is_told_before_his_request_is_read(client: Caller, door: Door) -> None:
    body = multipart(part10(make_ct(512, 512, PixelData=bytes(1 << 19))).read())
    client.headers["authorization"] = "Bearer nobody"

    with connected(door) as connection:
        connection.sendall(head_of(client, len(body)))
        answers = connection.makefile("rb")
        assert status_of(answers) == 401
        connection.sendall(body + head_of(client, 0))
        assert status_of(answers) == 401


def head_of(client: Caller, size: int, more: str = "") -> bytes:
    return (
        f"POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nAuthorization: {client.headers['authorization']!s}\r\n"
        f"Content-Type: {MULTIPART}\r\nContent-Length: {size}\r\n{more}\r\n"
    ).encode()


def status_of(answers: BinaryIO) -> int:
    """Of the next answer, which is read to its end."""
    status, size = int(answers.readline().split()[1]), 0
    while (line := answers.readline().lower()) not in (b"\r\n", b""):
        size = int(line.split()[1]) if line.startswith(b"content-length:") else size
    answers.read(size)
    return status


def test_a_client_that_goes_away_leaves_nothing_half_stored(client: Caller, pacs: Pacs) -> None:
    def body() -> Iterator[bytes]:
        yield multipart(part10(make_ct()).read())[:-300]
        raise ConnectionAbortedError

    with pytest.raises(requests.ConnectionError):
        client.post("/dicom-web/studies", data=body(), headers={"content-type": MULTIPART})

    assert store(client, part10(make_ct()).read()).status_code == 200
    assert len(instances(pacs, SYSTEM)) == 1
