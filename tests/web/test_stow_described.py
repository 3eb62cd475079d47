"""STOW-RS of metadata and bulk data: what is put together is what was meant, and what cannot be is told."""

import io
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import requests
from PIL import Image

from pacs.archive.retrieve import instances
from pacs.context import SYSTEM, Pacs
from pacs.dicom.dicomxml import json_to_xml, xml_to_json
from pacs.web import stow
from tests.conftest import manifest
from tests.make import make_uid
from tests.web.conftest import Caller
from tests.web.test_stow import FAILED, OTHER_FAILURES, REASON, REFERENCED, RETRIEVE_URL, SOP_INSTANCE, items

JSON, XML = "application/dicom+json", "application/dicom+xml"
AS_NATIVE = "multipart/related; type=application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"
AS_KEPT = (
    'multipart/related; type="image/*"; transfer-syntax=*, '
    'multipart/related; type="application/octet-stream"; transfer-syntax=*; q=0.5'
)
UIDS = ("0020000D", "0020000E", "00080018")
GREY = np.arange(48, dtype="<u2").reshape(6, 8) * 1000
COLOUR = np.arange(144, dtype=np.uint8).reshape(6, 8, 3)
Json = dict[str, Any]
Part = tuple[str, str, bytes]
"""Content-Type, Content-Location and body."""


def metadata(**elements: Any) -> Json:
    """Metadata of an instance without pixels. elements: by tag, as `t00280010=…`; None leaves one out."""
    found: Json = {
        "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.7"]},
        "00080018": {"vr": "UI", "Value": [make_uid()]},
        "00080060": {"vr": "CS", "Value": ["OT"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "NGUYỄN^THỊ ÁNH ĐÀO"}]},
        "00100020": {"vr": "LO", "Value": ["0004123456"]},
        "0020000D": {"vr": "UI", "Value": [make_uid(1)]},
        "0020000E": {"vr": "UI", "Value": [make_uid(1, 1)]},
    }
    found |= {tag[1:]: value for tag, value in elements.items()}
    return {tag: value for tag, value in found.items() if value is not None}


def image(rows: int = 6, columns: int = 8, bits: int = 16, uri: str = "pixels", **elements: Any) -> Json:
    """Metadata of an image whose pixels are at the URI."""
    described = {
        "t00280002": {"vr": "US", "Value": [1]},
        "t00280004": {"vr": "CS", "Value": ["MONOCHROME2"]},
        "t00280010": {"vr": "US", "Value": [rows]},
        "t00280011": {"vr": "US", "Value": [columns]},
        "t00280100": {"vr": "US", "Value": [bits]},
        "t00280101": {"vr": "US", "Value": [bits]},
        "t00280102": {"vr": "US", "Value": [bits - 1]},
        "t00280103": {"vr": "US", "Value": [0]},
        "t7FE00010": {"vr": "OW", "BulkDataURI": uri},
    }
    return metadata(**{**described, **elements})


def undescribed(uri: str = "pixels") -> Json:
    return metadata(t7FE00010={"vr": "OB", "BulkDataURI": uri})


def body_of(parts: Sequence[Part]) -> bytes:
    written = [
        f"--frontier\r\nContent-Type: {kind}\r\nContent-Location: {location}\r\n\r\n".encode() + body + b"\r\n"
        for kind, location, body in parts
    ]
    return b"".join(written) + b"--frontier--\r\n"


def store(
    client: Caller, *datasets: Json, parts: Sequence[Part] = (), cut: int = 0, study: str = "", accept: str = JSON
) -> requests.Response:
    """Send metadata in JSON and its bulk data. cut: bytes that do not come."""
    body = body_of([(JSON, "", json.dumps(datasets).encode()), *parts])
    return client.post(
        f"/dicom-web/studies/{study}".rstrip("/"),
        data=body[: len(body) - cut],
        headers={"content-type": f'multipart/related; type="{JSON}"; boundary=frontier', "accept": accept},
    )


def given(client: Caller, answer: requests.Response, what: str, accept: str = AS_NATIVE) -> requests.Response:
    """What is retrieved of the first instance that was stored."""
    assert answer.status_code == 200, answer.text
    url = items(answer, REFERENCED)[0][RETRIEVE_URL].removeprefix("http://pacs.example")
    return client.get(f"{url}/{what}", headers={"accept": accept})


def frame(client: Caller, answer: requests.Response, number: int = 1) -> bytes:
    got = given(client, answer, f"frames/{number}")
    assert got.status_code == 200, got.text
    return got.content.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]


@pytest.mark.parametrize("folder", ["syntax", "photometric", "charset"])
def test_what_was_retrieved_in_pieces_is_stored_from_them_as_it_was(client: Caller, corpus: Path, folder: str) -> None:
    tried = 0
    for row in manifest(path=f"{folder}/", expected="stores"):
        stored = client.post(
            "/dicom-web/studies",
            data=(corpus / row["path"]).read_bytes(),
            headers={"content-type": "application/dicom"},
        )
        if stored.status_code != 200:
            continue  # a patient that another file of the corpus contradicts
        described = given(client, stored, "metadata", JSON)
        if described.status_code != 200:
            continue  # what is kept is no data set in its transfer syntax
        (dataset,) = described.json()
        parts = [part for uri in uris_of(dataset) for part in parts_at(client, uri)]
        renamed = {**dataset, **{tag: {"vr": "UI", "Value": [make_uid()]} for tag in UIDS}}

        answer = store(client, renamed, parts=parts)

        assert answer.status_code == 200, (row["path"], answer.text)
        (again,) = given(client, answer, "metadata", JSON).json()
        assert without_uris(again) == without_uris(renamed), row["path"]
        if "7FE00010" in dataset and given(client, stored, "frames/1").status_code == 200:
            assert frame(client, answer) == frame(client, stored), row["path"]
        tried += 1
    assert tried > 10


def uris_of(dataset: Json) -> list[str]:
    found = [element["BulkDataURI"] for element in dataset.values() if "BulkDataURI" in element]
    for element in dataset.values():
        if element["vr"] == "SQ":
            found += [uri for item in element.get("Value", ()) for uri in uris_of(item)]
    return found


def parts_at(client: Caller, uri: str) -> list[Part]:
    got = client.get(uri.removeprefix("http://pacs.example"), headers={"accept": AS_KEPT})
    assert got.status_code == 200, got.text
    boundary = got.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    parts = []
    for part in got.content.split(b"\r\n--" + boundary)[1:-1]:
        head, _, body = part.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        parts.append((headers["Content-Type"], uri, body))
    return parts


def without_uris(dataset: Json) -> Json:
    """A value at a URI has another one in another instance."""
    found = {}
    for tag, element in dataset.items():
        if element["vr"] == "SQ":
            found[tag] = {"vr": "SQ", "Value": [without_uris(item) for item in element.get("Value", ())]}
        elif "BulkDataURI" not in element:
            found[tag] = element
    return found


def jpeg(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "JPEG", **options)
    return file.getvalue()


def gif(*frames: Any) -> bytes:
    file = io.BytesIO()
    first, *others = map(Image.fromarray, frames)
    first.save(file, "GIF", save_all=True, append_images=others)
    return file.getvalue()


SMALL = (COLOUR[:, :, 0] * 2).copy()


@pytest.mark.parametrize(
    ("kind", "data", "syntax", "pixels"),
    [
        ("image/png", imagecodecs.png_encode(GREY), "1.2.840.10008.1.2.1", GREY),
        ("image/png", imagecodecs.png_encode(COLOUR), "1.2.840.10008.1.2.1", COLOUR),
        ("image/jpeg", imagecodecs.ljpeg_encode(GREY), "1.2.840.10008.1.2.4.57", GREY),
        ("image/jls", imagecodecs.jpegls_encode(GREY), "1.2.840.10008.1.2.4.80", GREY),
        (
            "image/jp2",
            imagecodecs.jpeg2k_encode(GREY, codecformat="j2k", reversible=True),
            "1.2.840.10008.1.2.4.90",
            GREY,
        ),
        (
            "image/jp2",
            imagecodecs.jpeg2k_encode(GREY, codecformat="jp2", reversible=True),
            "1.2.840.10008.1.2.4.90",
            GREY,
        ),
        ("image/jpeg", jpeg(SMALL), "1.2.840.10008.1.2.4.50", None),
    ],
)
def test_a_picture_describes_itself(
    client: Caller, pacs: Pacs, kind: str, data: bytes, syntax: str, pixels: Any
) -> None:
    answer = store(client, undescribed(), parts=[(kind, "pixels", data)])

    (dataset,) = given(client, answer, "metadata", JSON).json()
    assert (dataset["00280010"]["Value"], dataset["00280011"]["Value"]) == ([6], [8])
    assert instances(pacs, SYSTEM)[0].transfer_syntax_uid == syntax
    if pixels is not None:
        assert frame(client, answer).rstrip(b"\0") == pixels.tobytes().rstrip(b"\0")


def test_frames_come_in_parts_of_their_own(client: Caller, pacs: Pacs) -> None:
    frames = [GREY + number for number in range(3)]
    parts = [
        ("image/jls", f"pixels/frames/{n}", bytes(imagecodecs.jpegls_encode(f))) for n, f in enumerate(frames, start=1)
    ]

    answer = store(client, undescribed(), parts=[parts[2], parts[0], parts[1]])

    assert [frame(client, answer, number) for number in (1, 2, 3)] == [one.tobytes() for one in frames]
    assert gif_frames_are_kept(client)


def gif_frames_are_kept(client: Caller) -> bool:
    red, blue = np.zeros((6, 8, 3), np.uint8), np.zeros((6, 8, 3), np.uint8)
    red[:, :, 0], blue[:, :, 2] = 255, 255
    answer = store(client, undescribed(), parts=[("image/gif", "pixels", gif(red, blue))])
    return [frame(client, answer, 1), frame(client, answer, 2)] == [red.tobytes(), blue.tobytes()]


def test_several_instances_are_told_in_their_order(client: Caller) -> None:
    first, last = image(uri="a"), image(uri="b")
    parts = [("application/octet-stream", uri, GREY.tobytes()) for uri in ("b", "a")]

    answer = store(client, first, image(uri="nowhere"), last, parts=parts)

    assert answer.status_code == 202
    assert [item[SOP_INSTANCE] for item in items(answer, REFERENCED)] == [
        one["00080018"]["Value"][0] for one in (first, last)
    ]
    assert [item[REASON] for item in items(answer, FAILED)] == [0xC000]


def test_the_native_dicom_model_is_taken_and_given(client: Caller) -> None:
    dataset = image()
    body = body_of([(XML, "", json_to_xml(dataset)), ("application/octet-stream", "pixels", GREY.tobytes())])

    answer = client.post(
        "/dicom-web/studies",
        data=body,
        headers={"content-type": f'multipart/related; type="{XML}"; boundary=frontier', "accept": XML},
    )

    assert (answer.status_code, answer.headers["content-type"]) == (200, XML)
    (item,) = xml_to_json(answer.content)[REFERENCED]["Value"]
    assert item[SOP_INSTANCE] == dataset["00080018"]


def test_a_document_alone_needs_no_multipart(client: Caller) -> None:
    inline = {"vr": "OB", "InlineBinary": "AAECAw=="}

    answer = client.post(
        "/dicom-web/studies", data=json.dumps([metadata(t00420011=inline)]), headers={"content-type": JSON}
    )

    (dataset,) = given(client, answer, "metadata", JSON).json()
    assert dataset["00420011"] == inline


OCTETS = "application/octet-stream"
NATIVE_PART = (OCTETS, "pixels", GREY.tobytes())


@pytest.mark.parametrize(
    ("dataset", "part", "status", "reason"),
    [
        (image(t0020000D=None), NATIVE_PART, 400, 0xC000),
        (image(t00080018=None), NATIVE_PART, 400, 0xC000),
        (image(t00280010=None), NATIVE_PART, 400, 0xC000),
        (image(rows=7), NATIVE_PART, 400, 0xC000),
        (image(rows=7), ("image/jls", "pixels", imagecodecs.jpegls_encode(GREY)), 400, 0xC000),
        (image(), ("image/jls", "pixels", b"no picture at all"), 400, 0xC000),
        (image(), ("image/png", "pixels", b"no picture at all"), 400, 0xC000),
        (image(t00280008={"vr": "IS", "Value": [2]}), NATIVE_PART, 400, 0xC000),
        (image(), ("text/html", "pixels", b"<html>"), 415, 0x0122),
        (image(), (f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.2", "pixels", GREY.tobytes()), 409, 0xC122),
        (image(t00280010={"vr": "US", "Value": ["six"]}), NATIVE_PART, 400, 0xC000),
        (image(t00280010={"vr": "ZZ", "Value": [6]}), NATIVE_PART, 400, 0xC000),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused_with_a_reason(
    client: Caller, pacs: Pacs, dataset: Json, part: Part, status: int, reason: int
) -> None:
    answer = store(client, dataset, parts=[part])

    assert answer.status_code == status
    assert [item[REASON] for item in items(answer, FAILED) + items(answer, OTHER_FAILURES)] == [reason]
    assert instances_of(pacs) == 0


def instances_of(pacs: Pacs) -> int:
    with pacs.database.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM instance").scalar_one())


def test_another_study_than_the_request_says_is_a_conflict(client: Caller) -> None:
    answer = store(client, metadata(), study="1.2.3")

    assert (answer.status_code, items(answer, FAILED)[0][REASON]) == (409, 0xA900)


def test_of_a_request_that_breaks_off_what_is_whole_is_stored(client: Caller, pacs: Pacs) -> None:
    parts = [("application/octet-stream", uri, GREY.tobytes()) for uri in ("a", "b")]

    answer = store(client, image(uri="a"), image(uri="b"), parts=parts, cut=60)

    assert answer.status_code == 202
    assert len(items(answer, REFERENCED)) == instances_of(pacs) == 1
    assert [item[REASON] for item in items(answer, FAILED)] == [0xC000]
    assert [item[REASON] for item in items(answer, OTHER_FAILURES)] == [0xC000]


def test_metadata_that_is_too_long_is_refused(client: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stow, "LARGEST_METADATA", 100)

    assert store(client, metadata()).status_code == 413


def test_no_metadata_breaks_the_server(client: Caller) -> None:
    chance = random.Random(4)
    values: list[Any] = [
        None,
        1e400,
        -1,
        1.5,
        "",
        "x",
        "\ud800",
        [],
        [[]],
        {},
        {"Value": 1},
        True,
        10**30,
        "A" * 70_000,
    ]
    for _ in range(300):
        dataset = image(t00081140={"vr": "SQ", "Value": [metadata()]})
        target = dataset if chance.random() < 0.7 else dataset["00081140"]["Value"][0]
        element = target[chance.choice(list(target))]
        match chance.randrange(4):
            case 0:
                element["Value"] = chance.choice([values, [chance.choice(values)], chance.choice(values)])
            case 1:
                element["vr"] = chance.choice(["US", "SQ", "AT", "FD", "DS", "PN", "UN", "ZZ", None, [], 5])
            case 2:
                target[chance.choice(["", "0028001", "GGGGGGGG", "FFFEE00D", "00020010"])] = chance.choice(
                    [element, *values]
                )
            case 3:
                element[chance.choice(["InlineBinary", "BulkDataURI"])] = chance.choice(values)

        assert store(client, dataset, parts=[NATIVE_PART]).status_code < 500
