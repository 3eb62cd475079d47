"""WADO-RS: what went in comes out, byte for byte, or in the form that was asked for."""

import io
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from fastapi import FastAPI
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)
from sqlalchemy import delete

from pacs.archive.ingest import ingest
from pacs.archive.remove import remove
from pacs.archive.retrieve import instances
from pacs.context import SYSTEM, Pacs
from pacs.index.tables import credential
from pacs.web.app import THREADS
from storage.filesystem import FilesystemStore
from tests.conftest import manifest
from tests.make import data_set_bytes, make_ct, part10
from tests.web.conftest import Caller, Door, connected


def store(pacs: Pacs, ds: Dataset) -> Dataset:
    ingest(pacs, SYSTEM, part10(ds))
    return ds


def path_of(ds: Dataset, level: str = "instance") -> str:
    study, series = f"/dicom-web/studies/{ds.StudyInstanceUID}", f"/series/{ds.SeriesInstanceUID}"
    return {"study": study, "series": study + series}.get(level, f"{study}{series}/instances/{ds.SOPInstanceUID}")


def parts_of(answer: requests.Response) -> list[tuple[str, bytes]]:
    """Content type and body of each part."""
    assert answer.status_code == 200, answer.text
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + answer.content)
    assert not message.defects
    return [(part["content-type"], part.get_payload(decode=True)) for part in message.get_payload()]


def compressed(ds: Dataset, syntax: str) -> Dataset:
    ds.compress(syntax, generate_instance_uid=False)
    return ds


def multi_frame(count: int = 3, **attributes: Any) -> Dataset:
    ds = make_ct(**attributes)
    ds.NumberOfFrames = count
    ds.PixelData = np.arange(count * ds.Rows * ds.Columns, dtype="<i2").tobytes()
    return ds


@pytest.fixture
def web(door: Door, client: Caller) -> DICOMwebClient:
    """The client of another house."""
    return DICOMwebClient(f"{door.url}/dicom-web", session=client_session(client))


def client_session(client: Caller) -> requests.Session:
    session = requests.Session()
    session.headers["authorization"] = client.headers["authorization"]
    return session


def test_what_another_client_stores_it_finds_and_gets_back(web: DICOMwebClient) -> None:
    sent = [make_ct(InstanceNumber=number) for number in (1, 2)]

    web.store_instances(sent)

    uids = sent[0].StudyInstanceUID, sent[0].SeriesInstanceUID
    assert [one["0020000D"]["Value"][0] for one in web.search_for_studies()] == [uids[0]]
    assert [data_set_bytes(ds) for ds in web.retrieve_study(uids[0])] == [data_set_bytes(ds) for ds in sent]
    assert web.retrieve_instance(*uids, sent[1].SOPInstanceUID).PatientName == sent[1].PatientName
    (frame,) = web.retrieve_instance_frames(*uids, sent[0].SOPInstanceUID, [1])
    assert frame == sent[0].PixelData
    assert web.retrieve_series_metadata(*uids)[1]["00080018"]["Value"] == [sent[1].SOPInstanceUID]
    picture = web.retrieve_instance_rendered(*uids, sent[0].SOPInstanceUID, media_types=("image/png",))
    assert picture.startswith(b"\x89PNG")


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless])
@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_instances_go_out_as_they_came_in(client: Caller, pacs: Pacs, syntax: str, level: str) -> None:
    ds = make_ct() if syntax == RLELossless else make_ct(transfer_syntax_uid=syntax)
    store(pacs, compressed(ds, syntax) if syntax == RLELossless else ds)

    answer = client.get(path_of(ds, level))

    ((media_type, body),) = parts_of(answer)
    assert media_type == f"application/dicom; transfer-syntax={syntax}"
    assert body.endswith(data_set_bytes(ds))
    assert pydicom.dcmread(io.BytesIO(body)).file_meta.TransferSyntaxUID == syntax
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_instances_of_a_study_come_in_their_order(client: Caller, pacs: Pacs) -> None:
    third, first, second = (store(pacs, make_ct(InstanceNumber=number)) for number in (3, 1, 2))

    parts = parts_of(client.get(path_of(first, "study")))

    uids = [pydicom.dcmread(io.BytesIO(body)).SOPInstanceUID for _, body in parts]
    assert uids == [first.SOPInstanceUID, second.SOPInstanceUID, third.SOPInstanceUID]


DICOM = 'multipart/related; type="application/dicom"'


@pytest.mark.parametrize(
    ("accept", "content_type", "syntax"),
    [
        ("*/*", "multipart/related", RLELossless),
        (DICOM, "multipart/related", RLELossless),
        (f"{DICOM}; transfer-syntax=*", "multipart/related", RLELossless),
        (f"{DICOM}; transfer-syntax={RLELossless}", "multipart/related", RLELossless),
        (f"{DICOM}; transfer-syntax={ExplicitVRLittleEndian}", "multipart/related", ExplicitVRLittleEndian),
        (
            f"{DICOM}; transfer-syntax={JPEGLSLossless}, {DICOM}; transfer-syntax={ImplicitVRLittleEndian};q=0.5",
            "multipart/related",
            ImplicitVRLittleEndian,
        ),
        ("application/dicom", "application/dicom", RLELossless),
        (f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}", "application/dicom", ExplicitVRLittleEndian),
    ],
)
def test_an_instance_is_given_as_it_is_asked_for(
    client: Caller, pacs: Pacs, accept: str, content_type: str, syntax: str
) -> None:
    ds = make_ct()
    pixels = ds.pixel_array
    store(pacs, compressed(ds, RLELossless))

    answer = client.get(path_of(ds), headers={"accept": accept})

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(content_type)
    body = answer.content if content_type == "application/dicom" else parts_of(answer)[0][1]
    given = pydicom.dcmread(io.BytesIO(body))
    assert given.file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(given.pixel_array, pixels)
    assert given.PatientName == ds.PatientName


@pytest.mark.parametrize(
    ("level", "accept"),
    [
        ("instance", f"{DICOM}; transfer-syntax={JPEGLSLossless}"),
        ("instance", "image/jpeg"),
        ("study", "application/dicom"),
        ("study", "image/jpeg, text/plain"),
    ],
)
def test_what_cannot_be_given_so_is_refused(client: Caller, pacs: Pacs, level: str, accept: str) -> None:
    ds = store(pacs, make_ct())

    assert client.get(path_of(ds, level), headers={"accept": accept}).status_code == 406
    assert client.get(path_of(ds, level), params={"accept": accept}).status_code == 406


def test_a_single_instance_is_a_download_with_a_name_of_ours(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, make_ct())

    answer = client.get(path_of(ds), headers={"accept": "application/dicom"})

    assert answer.headers["content-disposition"] == f'attachment; filename="{ds.SOPInstanceUID}.dcm"'
    assert answer.content.endswith(data_set_bytes(ds))


@pytest.mark.parametrize(
    "path",
    [
        "/dicom-web/studies/1.2.9",
        "/dicom-web/studies/1.2.9/metadata",
        "/dicom-web/studies/1.2.9/series/1/metadata",
        "/dicom-web/studies/1.2.9/series/1/instances/1",
        "/dicom-web/studies/1.2.9/series/1/instances/1/metadata",
        "/dicom-web/studies/1.2.9/series/1/instances/1/frames/1",
        "/dicom-web/studies/1.2.9/series/1/instances/1/rendered",
        "/dicom-web/studies/1.2.9/thumbnail",
        "/dicom-web/studies/1.2.9/series/1/instances/1/bulkdata/7FE00010",
        "/api/studies/1.2.9",
        "/api/studies/1.2.9/series/1",
        "/api/studies/1.2.9/series/1/frames?order=0",
        "/api/studies/1.2.9/series/1/thumbnail",
    ],
)
def test_what_is_not_there_is_not_found(client: Caller, path: str) -> None:
    assert client.get(path).status_code == 404


def test_an_instance_is_not_found_under_another_study(client: Caller, pacs: Pacs) -> None:
    ds, other = store(pacs, make_ct()), store(pacs, make_ct(StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.1"))
    ds.StudyInstanceUID = other.StudyInstanceUID

    for path in (path_of(ds), f"{path_of(ds)}/frames/1", f"{path_of(ds)}/metadata", f"{path_of(ds)}/rendered"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("suffix", ["", "/frames/1", "/rendered", "/thumbnail"])
def test_what_the_client_has_is_not_sent_again(client: Caller, pacs: Pacs, suffix: str) -> None:
    ds = store(pacs, make_ct())
    first = client.get(path_of(ds) + suffix)

    again = client.get(path_of(ds) + suffix, headers={"if-none-match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert client.get(path_of(ds) + suffix, headers={"if-none-match": '"another"'}).status_code == 200
    assert first.headers["cache-control"] == "private, no-cache"


OCTETS = 'multipart/related; type="application/octet-stream"'


@pytest.mark.parametrize(
    ("accept", "content_type", "part_type"),
    [
        ("*/*", OCTETS, f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"),
        (OCTETS, OCTETS, f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"),
        ("application/octet-stream", "application/octet-stream", ""),
        (f"{OCTETS}; transfer-syntax=*", OCTETS, f"application/octet-stream; transfer-syntax={RLELossless}"),
        (
            'multipart/related; type="image/dicom-rle"',
            'multipart/related; type="image/dicom-rle"',
            f"image/dicom-rle; transfer-syntax={RLELossless}",
        ),
        ("image/x-dicom-rle", "image/dicom-rle", ""),
    ],
)
def test_a_frame_is_uncompressed_unless_the_client_takes_it_as_stored(
    client: Caller, pacs: Pacs, accept: str, content_type: str, part_type: str
) -> None:
    ds = make_ct()
    pixels = ds.PixelData
    store(pacs, compressed(ds, RLELossless))

    answer = client.get(f"{path_of(ds)}/frames/1", headers={"accept": accept})

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(content_type)
    ((given_type, body),) = parts_of(answer) if part_type else [("", answer.content)]
    assert given_type == part_type
    is_as_stored = RLELossless in answer.headers["content-type"] + given_type
    assert body == (next(iter(frames_of(ds))) if is_as_stored else pixels)


def frames_of(ds: Dataset) -> Iterator[bytes]:
    return iter(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=1))


def test_frames_come_in_the_order_asked_for(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, multi_frame())

    parts = parts_of(client.get(f"{path_of(ds)}/frames/3,1"))

    size = ds.Rows * ds.Columns * 2
    assert [body for _, body in parts] == [ds.PixelData[2 * size :], ds.PixelData[:size]]


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_frames_are_little_endian_whatever_is_stored(client: Caller, pacs: Pacs, syntax: str) -> None:
    pixels = np.arange(64, dtype="<i2").tobytes()
    ds = make_ct(transfer_syntax_uid=syntax)
    if syntax == ExplicitVRBigEndian:
        ds.PixelData = np.arange(64, dtype=">i2").tobytes()
    store(pacs, ds)

    ((_, body),) = parts_of(client.get(f"{path_of(ds)}/frames/1"))

    assert body == pixels


@pytest.mark.parametrize(
    ("numbers", "status"), [("0", 404), ("2", 404), ("1,2", 404), ("one", 400), ("1,,1", 400), ("-1", 400)]
)
def test_frames_that_are_not_there(client: Caller, pacs: Pacs, numbers: str, status: int) -> None:
    ds = store(pacs, make_ct())

    assert client.get(f"{path_of(ds)}/frames/{numbers}").status_code == status


def test_a_lost_object_is_told_and_not_sent_short(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, make_ct())
    for path in (pacs.settings.data / "objects").glob("??/*"):
        path.unlink()

    for suffix in ("", "/frames/1"):
        answer = client.get(path_of(ds) + suffix)
        assert answer.status_code == 503
        assert str(ds.PatientName) not in answer.text


@pytest.mark.parametrize("path", [row["path"] for row in manifest(expected="stores+renders", path="syntax/")][::6])
def test_the_corpus_goes_in_and_comes_out_byte_for_byte(client: Caller, corpus: Path, path: str) -> None:
    original = (corpus / path).read_bytes()
    stored = client.post("/dicom-web/studies", data=original, headers={"content-type": "application/dicom"})
    assert stored.status_code == 200
    url = stored.json()["00081199"]["Value"][0]["00081190"]["Value"][0].removeprefix("http://pacs.example")

    answer = client.get(url, headers={"accept": "application/dicom"})

    assert data_set_after_meta(answer.content) == data_set_after_meta(original)
    assert client.get(f"{url}/rendered").headers["content-type"] == "image/jpeg"
    assert client.get(f"{url}/frames/1").status_code == 200
    assert client.get(f"{url}/metadata").json()[0]["0020000D"]["Value"][0] in url


def data_set_after_meta(file: bytes) -> bytes:
    stream = io.BytesIO(file)
    pydicom.filereader.read_preamble(stream, False)
    pydicom.filereader._read_file_meta_info(stream)
    return file[stream.tell() :]


def large(**attributes: Any) -> Dataset:
    """Three frames, each of a size that is not made whole before it is sent."""
    ds = make_ct(**attributes)
    ds.Rows = ds.Columns = 1024
    ds.NumberOfFrames = 3
    ds.PixelData = b"".join(bytes((number,)) * (2 << 20) for number in (1, 2, 3))
    return ds


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_what_is_large_is_sent_while_it_is_made(client: Caller, pacs: Pacs, level: str) -> None:
    sent = [store(pacs, large(InstanceNumber=number)) for number in ((1,) if level == "instance" else (1, 2, 3))]

    answer = client.get(path_of(sent[0], level))

    given = [pydicom.dcmread(io.BytesIO(body)) for _, body in parts_of(answer)]
    assert [data_set_bytes(ds) for ds in given] == [data_set_bytes(ds) for ds in sent]
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_a_large_frame_tells_its_size(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, large())

    answer = client.get(f"{path_of(ds)}/frames/2")

    assert [body for _, body in parts_of(answer)] == [ds.PixelData[2 << 20 : 4 << 20]]
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_a_damaged_file_ends_the_answer_before_its_end(client: Caller, pacs: Pacs) -> None:
    first, last = (store(pacs, large(InstanceNumber=number)) for number in (1, 2))
    (ref,) = instances(pacs, SYSTEM, sop=last.SOPInstanceUID)
    assert isinstance(pacs.objects, FilesystemStore)
    path = pacs.objects.path(ref.object_key)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    for path_of_it in (path_of(last), path_of(first, "study")):
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            client.get(path_of_it)


def test_a_small_file_that_is_damaged_is_told(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, make_ct())
    (ref,) = instances(pacs, SYSTEM, sop=ds.SOPInstanceUID)
    assert isinstance(pacs.objects, FilesystemStore)
    path = pacs.objects.path(ref.object_key)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    assert client.get(path_of(ds)).status_code == 503


BUSY_S = 5
ATTEMPTS = 5
"""The system may have dropped what it had in memory, on a machine that is short of it: then a thread has to read."""


@contextmanager
def no_thread_free(app: FastAPI) -> Iterator[threading.Event]:
    """All threads that answer are busy with something else, until the event, which comes by itself after a while."""
    ended, begun = threading.Event(), threading.Barrier(THREADS + 1)

    def be_busy() -> None:
        begun.wait()
        if not ended.wait(BUSY_S):
            ended.set()

    for _ in range(THREADS):
        app.state.threads.submit(be_busy)
    begun.wait(20)
    try:
        yield ended
    finally:
        ended.set()


@pytest.mark.parametrize("suffix", ["", "/frames/1"])
def test_what_is_at_hand_needs_no_thread_and_is_right_after_every_change(
    app: FastAPI, client: Caller, pacs: Pacs, suffix: str
) -> None:
    first, second, third = (store(pacs, make_ct(InstanceNumber=number)) for number in (1, 2, 3))
    client.get(path_of(first) + suffix)
    client.get(path_of(second) + suffix)  # with the second one the whole series is known

    for _ in range(ATTEMPTS):
        with no_thread_free(app) as ended:
            (part,) = parts_of(client.get(path_of(third) + suffix))
            assert part[1].endswith(third.PixelData)
            assert client.get(path_of(third) + suffix, headers={"accept": "image/gif"}).status_code == 406
            if not ended.is_set():
                break
    else:
        pytest.fail("it was never given without a thread")

    remove(pacs, SYSTEM, "sent by mistake", third.StudyInstanceUID, third.SeriesInstanceUID, third.SOPInstanceUID)
    for _ in range(2):
        assert client.get(path_of(third) + suffix).status_code == 410
    assert client.get(path_of(first) + suffix).status_code == 200


def test_who_has_no_right_any_more_is_refused_though_it_is_at_hand(
    app: FastAPI, client: Caller, pacs: Pacs, token: str
) -> None:
    ds = store(pacs, make_ct())
    assert client.get(path_of(ds)).status_code == 200
    assert client.get(path_of(ds)).status_code == 200

    with pacs.database.write() as connection:
        connection.execute(delete(credential))

    assert client.get(path_of(ds)).status_code == 401
    assert client.get(path_of(ds)).status_code == 401


def test_an_instance_that_was_damaged_is_not_given_though_it_is_at_hand(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, make_ct())
    assert client.get(path_of(ds)).status_code == 200
    (ref,) = instances(pacs, SYSTEM, sop=ds.SOPInstanceUID)
    assert isinstance(pacs.objects, FilesystemStore)
    path = pacs.objects.path(ref.object_key)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    assert client.get(path_of(ds)).status_code == 503


def test_many_frames_are_sent_whole_though_some_are_at_hand(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, large())
    for _ in range(2):
        parts = parts_of(client.get(f"{path_of(ds)}/frames/1,2,3"))
        assert b"".join(body for _, body in parts) == ds.PixelData


ZIP = "application/zip"


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_instances_come_as_a_zip_archive(client: Caller, pacs: Pacs, level: str) -> None:
    described = [make_ct(InstanceNumber=1, SeriesNumber=3, SeriesDescription="Sọ não/../cắt lớp") for _ in range(2)]
    sent = [store(pacs, ds) for ds in described]

    answer = client.get(path_of(sent[0], level), headers={"accept": ZIP})

    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert answer.headers["content-type"] == ZIP
    assert int(answer.headers["content-length"]) == len(answer.content)
    wanted = sent[:1] if level == "instance" else sorted(sent, key=lambda ds: str(ds.SOPInstanceUID))
    assert archive.namelist() == [f"3_so_nao_cat_lop/00001_{ds.SOPInstanceUID}.dcm" for ds in wanted]
    assert [archive.read(name)[-128:] for name in archive.namelist()] == [ds.PixelData for ds in wanted]
    assert archive.testzip() is None
    assert client.get(path_of(sent[0], level), headers={"accept": ZIP}).content == answer.content
    known = {"accept": ZIP, "if-none-match": answer.headers["etag"]}
    assert client.get(path_of(sent[0], level), headers=known).status_code == 304


def test_series_of_one_number_have_folders_of_their_own(client: Caller, pacs: Pacs) -> None:
    first = store(pacs, make_ct(SeriesNumber=1, SeriesDescription="axial"))
    store(pacs, make_ct(SeriesInstanceUID="1.2.3.4", SeriesNumber=1, SeriesDescription="Axial"))

    answer = client.get(path_of(first, "study"), headers={"accept": ZIP})

    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert {name.partition("/")[0] for name in names} == {"1_axial", "1_axial_2"}


@pytest.mark.parametrize(
    ("suffix", "accept"), [("", "application/dicom"), ("", ZIP), ("/frames/1", "application/octet-stream")]
)
@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("bytes=0-9", (0, 10)),
        ("bytes=100-", (100, None)),
        ("bytes=-20", (-20, None)),
        ("bytes=5-99999999", (5, None)),
        ("bytes=99999999-", ()),
        ("bytes=0-1,5-6", None),
        ("lines=1-2", None),
    ],
)
def test_a_range_of_what_is_one_body(
    client: Caller, pacs: Pacs, suffix: str, accept: str, asked: str, given: tuple[int, int | None] | tuple[()] | None
) -> None:
    path = path_of(store(pacs, make_ct())) + suffix
    whole = client.get(path, headers={"accept": accept})
    assert whole.headers["accept-ranges"] == "bytes"

    answer = client.get(path, headers={"accept": accept, "range": asked})

    size = len(whole.content)
    if given is None:
        assert (answer.status_code, answer.content) == (200, whole.content)
    elif not given:
        assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{size}")
    else:
        start, stop, _ = slice(*given).indices(size)
        assert (answer.status_code, answer.content) == (206, whole.content[start:stop])
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
    for tag, status in ((whole.headers["etag"], answer.status_code), ('"older"', 200)):
        headers = {"accept": accept, "range": asked, "if-range": tag}
        assert client.get(path, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("level", "suffix", "accept"),
    [
        ("study", "", DICOM),
        ("series", "", ZIP),
        ("instance", "", "*/*"),
        ("instance", "", "application/dicom"),
        ("instance", "/frames/1", "*/*"),
        ("study", "", 'multipart/related; type="application/octet-stream"'),
    ],
)
def test_the_head_says_what_a_get_would_say(client: Caller, pacs: Pacs, level: str, suffix: str, accept: str) -> None:
    ds = store(pacs, large())
    path = path_of(ds, level) + suffix

    got = client.get(path, headers={"accept": accept})
    head = client.head(path, headers={"accept": accept})

    assert (head.status_code, head.content) == (200, b"")
    names = {"content-type", "content-length", "etag", "vary", "cache-control", "accept-ranges", "content-disposition"}
    if "etag" not in got.headers:
        names -= {"content-type"}  # its boundary is a new one
    assert {name: head.headers.get(name) for name in names} == {name: got.headers.get(name) for name in names}


@pytest.mark.parametrize("level", ["study", "series"])
def test_the_whole_is_not_sent_again(client: Caller, pacs: Pacs, level: str) -> None:
    ds = store(pacs, make_ct())
    first = client.get(path_of(ds, level))
    known = {"if-none-match": first.headers["etag"]}
    assert client.get(path_of(ds, level), headers=known).status_code == 304

    store(pacs, make_ct())

    assert client.get(path_of(ds, level), headers=known).status_code == 200


@pytest.mark.parametrize("level", ["study", "series"])
@pytest.mark.parametrize("accept", [DICOM, ZIP])
def test_what_is_lost_does_not_keep_back_the_rest(client: Caller, pacs: Pacs, level: str, accept: str) -> None:
    sent = [store(pacs, make_ct(InstanceNumber=number)) for number in (1, 2, 3)]
    (ref,) = instances(pacs, SYSTEM, sop=sent[1].SOPInstanceUID)
    pacs.objects.delete(ref.object_key)

    answer = client.get(path_of(sent[0], level), headers={"accept": accept})

    assert answer.status_code == 206
    assert answer.headers["warning"] == '299 filmless "1 of 3 instances cannot be given"'
    assert answer.content.count(b"DICM") == 2
    assert int(answer.headers["content-length"]) == len(answer.content)
    for one in (sent[0], sent[2]):
        (ref,) = instances(pacs, SYSTEM, sop=one.SOPInstanceUID)
        pacs.objects.delete(ref.object_key)
    assert client.get(path_of(sent[0], level)).status_code == 503


def test_of_several_those_are_given_that_are_stored_as_asked_for(client: Caller, pacs: Pacs) -> None:
    packed = store(pacs, compressed(make_ct(InstanceNumber=1), RLELossless))
    store(pacs, make_ct(InstanceNumber=2))
    rle, both = f"{DICOM}; transfer-syntax={RLELossless}", f"{DICOM}; transfer-syntax={ExplicitVRLittleEndian}"

    some = client.get(path_of(packed, "series"), headers={"accept": rle})
    all_of_them = client.get(path_of(packed, "series"), headers={"accept": f"{rle}, {both}"})

    assert (some.status_code, some.content.count(b"DICM")) == (206, 1)
    assert some.headers["warning"] == '299 filmless "1 of 2 instances cannot be given"'
    assert (all_of_them.status_code, all_of_them.content.count(b"DICM")) == (200, 2)


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_instances_as_mere_bytes_are_their_bulk_data(client: Caller, pacs: Pacs, level: str) -> None:
    ds = make_ct()
    pixels = ds.PixelData
    store(pacs, compressed(ds, RLELossless))

    ((media_type, body),) = parts_of(client.get(path_of(ds, level), headers={"accept": OCTETS}))

    assert media_type == f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"
    assert body == pixels


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (f"application/json;q=0.1, {DICOM};q=0.4, application/dicom;q=0.3", "multipart/related"),
        (f"{DICOM};q=0.4,application/dicom;q=0.5,nonsense,;;q", "application/dicom"),
        ("application/zip;q=0.9, */*;q=0.1", "application/zip"),
        (f"application/*;q=0.5, {DICOM};q=0", "application/dicom"),
        ("application/dicom;charset=klingon", "application/dicom"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", "multipart/related"),
    ],
)
def test_what_is_accepted_is_read_in_any_order(client: Caller, pacs: Pacs, accept: str, content_type: str) -> None:
    ds = store(pacs, make_ct())

    for answer in (
        client.get(path_of(ds), headers={"accept": accept}),
        client.get(path_of(ds), params={"accept": accept, "charset": "klingon"}, headers={"accept": "image/png"}),
    ):
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith(content_type)


@pytest.mark.parametrize(
    "accept", [f"{DICOM}, image/png", "text/html, application/dicom", "image/jpeg,application/dicom"]
)
def test_dicom_and_pictures_are_not_asked_for_at_once(client: Caller, pacs: Pacs, accept: str) -> None:
    ds = store(pacs, make_ct())

    for level in ("study", "series", "instance"):
        assert client.get(path_of(ds, level), headers={"accept": accept}).status_code == 400


def test_slow_readers_hold_no_thread_and_nobody_up(door: Door, client: Caller, pacs: Pacs, token: str) -> None:
    slow = store(pacs, large())
    for number in (2, 3, 4):
        store(pacs, large(InstanceNumber=number))
    quick = store(pacs, make_ct(SeriesInstanceUID="1.2.3.4"))
    assert client.get(path_of(quick)).status_code == 200
    request = f"GET {path_of(slow, 'study')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    threads = threading.active_count()

    with ExitStack() as stack:
        readers = [stack.enter_context(connected(door)) for _ in range(50)]
        for reader in readers:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.sendall(request.encode())
        for reader in readers:
            assert reader.recv(1024).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        for _ in range(20):
            assert client.get(path_of(quick)).status_code == 200
        assert time.monotonic() - began < 5
        assert threading.active_count() < threads + THREADS + 5
