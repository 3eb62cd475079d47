"""Bulk data over the web: what the metadata points to is there, whole, in parts, or a range of it."""

from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from pacs.context import Pacs
from tests.make import make_ct
from tests.web.conftest import Caller, Door
from tests.web.test_wado import multi_frame, parts_of, path_of, store, web

__all__ = ["web"]

OCTETS = "application/octet-stream"
IN_PARTS = f'multipart/related; type="{OCTETS}"'


def with_bulk_data() -> Dataset:
    ds = make_ct()
    ds.add_new(0x00091001, "OB", bytes(range(256)) * 16)
    ds.private_block(0x0009, "FILMLESS TEST", create=True)
    return ds


OURS = "http://pacs.example"
"""By which the tests ask."""


def located_parts_of(answer: requests.Response) -> dict[str, bytes]:
    """The body of each part by its Content-Location."""
    assert answer.status_code == 200, answer.text
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    message: Any = BytesParser().parsebytes(head + answer.content)
    return {part["content-location"]: part.get_payload(decode=True) for part in message.get_payload()}


def test_every_bulk_data_uri_of_the_metadata_leads_to_its_value(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, with_bulk_data())
    (answer,) = client.get(f"{path_of(ds)}/metadata").json()
    uris = {tag: one["BulkDataURI"].removeprefix(OURS) for tag, one in answer.items() if "BulkDataURI" in one}
    assert all(uri.startswith("/") for uri in uris.values()), "of the host that was asked"
    expected = {"00091001": bytes(range(256)) * 16, "7FE00010": ds.PixelData}

    single = {tag: client.get(uri, headers={"accept": OCTETS}).content for tag, uri in uris.items()}
    in_parts = {tag: parts_of(client.get(uri, headers={"accept": IN_PARTS})) for tag, uri in uris.items()}

    assert single == expected
    assert {tag: body for tag, [(_, body)] in in_parts.items()} == expected


def test_another_client_retrieves_bulk_data(web: DICOMwebClient, door: Door, pacs: Pacs) -> None:
    ds = store(pacs, with_bulk_data())
    (answer,) = web.retrieve_series_metadata(ds.StudyInstanceUID, ds.SeriesInstanceUID)

    for tag, value in (("00091001", bytes(range(256)) * 16), ("7FE00010", ds.PixelData)):
        assert web.retrieve_bulkdata(answer[tag]["BulkDataURI"]) == [value]


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_all_bulk_data_come_in_parts_that_say_where_they_are(client: Caller, pacs: Pacs, level: str) -> None:
    kept = [store(pacs, with_bulk_data()) for _ in range(2)][: 1 if level == "instance" else 2]
    path = path_of(kept[0], level)

    everything = located_parts_of(client.get(f"{path}/bulkdata"))
    pixels = located_parts_of(client.get(f"{path}/pixeldata", headers={"accept": IN_PARTS}))

    assert everything == {
        f"{OURS}{path_of(ds)}/bulkdata/{tag}": value
        for ds in kept
        for tag, value in (("00091001", bytes(range(256)) * 16), ("7FE00010", ds.PixelData))
    }
    assert pixels == {uri: body for uri, body in everything.items() if uri.endswith("7FE00010")}
    assert all(client.get(uri.removeprefix(OURS)).content == body for uri, body in everything.items())


def test_pixel_data_come_uncompressed_or_as_they_are_stored(client: Caller, pacs: Pacs) -> None:
    ds = multi_frame()
    uncompressed = ds.PixelData
    ds.compress(RLELossless, generate_instance_uid=False)
    store(pacs, ds)

    for resource in ("pixeldata", "bulkdata/7FE00010"):
        native = client.get(f"{path_of(ds)}/{resource}")
        stored = parts_of(
            client.get(f"{path_of(ds)}/{resource}", headers={"accept": 'multipart/related; type="image/dicom-rle"'})
        )

        assert (native.headers["content-type"], native.content) == (OCTETS, uncompressed)
        assert [kind for kind, _ in stored] == [f"image/dicom-rle; transfer-syntax={RLELossless}"] * 3


RANGES: list[tuple[str, int, slice]] = [
    ("bytes=0-9", 206, slice(0, 10)),
    ("bytes=100-", 206, slice(100, None)),
    ("bytes=-5", 206, slice(-5, None)),
    ("bytes=380-9999", 206, slice(380, None)),
    ("bytes=0-1,5-6", 200, slice(None)),
    ("bytes=9-1", 200, slice(None)),
    ("bytes=-", 200, slice(None)),
    ("rows=1-2", 200, slice(None)),
    ("bytes=384-", 416, slice(0, 0)),
    ("bytes=-0", 416, slice(0, 0)),
]


@pytest.mark.parametrize(("asked", "status", "cut"), RANGES)
def test_a_range_of_a_value_is_given(client: Caller, pacs: Pacs, asked: str, status: int, cut: slice) -> None:
    ds = multi_frame()
    uncompressed = ds.PixelData
    ds.compress(RLELossless, generate_instance_uid=False)
    store(pacs, ds)

    answer = client.get(f"{path_of(ds)}/bulkdata/7FE00010", headers={"range": asked})

    assert answer.status_code == status
    if status == 416:
        assert answer.headers["content-range"] == "bytes */384"
        return
    start, stop, _ = cut.indices(384)
    assert answer.content == uncompressed[cut]
    assert int(answer.headers["content-length"]) == stop - start
    assert answer.headers.get("content-range") == (f"bytes {start}-{stop - 1}/384" if status == 206 else None)
    assert answer.headers["accept-ranges"] == "bytes"


def test_a_range_is_of_the_version_that_is_meant(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, make_ct())
    url = f"{path_of(ds)}/bulkdata/7FE00010"
    tag = client.get(url).headers["etag"]

    assert client.get(url, headers={"range": "bytes=0-0", "if-range": tag}).status_code == 206
    assert client.get(url, headers={"range": "bytes=0-0", "if-range": '"another"'}).status_code == 200
    assert client.get(url, headers={"if-none-match": tag}).status_code == 304


DOCUMENTS = [
    ("application/pdf", "inline", "pdf"),
    ("text/XML", "attachment", "xml"),
    ("text/html", "attachment", "html"),
    ("model/stl", "attachment", "stl"),
]


@pytest.mark.parametrize(("media_type", "kind", "ending"), DOCUMENTS)
def test_a_document_comes_as_what_it_is(client: Caller, pacs: Pacs, media_type: str, kind: str, ending: str) -> None:
    document: dict[str, Any] = {"MIMETypeOfEncapsulatedDocument": media_type, "EncapsulatedDocumentLength": 1999}
    ds = store(pacs, make_ct(PixelData=None, EncapsulatedDocument=b"%" * 1999 + b"\0", **document))
    url = f"{path_of(ds)}/bulkdata/00420011"

    answer, bare = client.get(url), client.get(url, headers={"accept": OCTETS})

    assert (answer.headers["content-type"], answer.content) == (media_type.lower(), b"%" * 1999)
    assert answer.headers["content-disposition"] == f'{kind}; filename="{ds.SOPInstanceUID}.{ending}"'
    assert ("sandbox" in answer.headers["content-security-policy"]) == (kind == "attachment")
    assert (bare.headers["content-type"], bare.content) == (OCTETS, answer.content)


def test_a_document_of_the_corpus_is_a_pdf(client: Caller, corpus: Path) -> None:
    original = (corpus / "modality/encapsulated/dcmjs-dimse__pdf.dcm").read_bytes()
    stored = client.post("/dicom-web/studies", data=original, headers={"content-type": "application/dicom"}).json()
    url = stored["00081199"]["Value"][0]["00081190"]["Value"][0].removeprefix("http://pacs.example")

    answer = client.get(f"{url}/bulkdata/00420011", headers={"accept": "application/pdf"})

    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")


@pytest.mark.parametrize("path", ["bulkdata", "pixeldata", "bulkdata/7FE00010", "bulkdata/00420011"])
def test_what_has_no_bulk_data_says_so(client: Caller, pacs: Pacs, path: str) -> None:
    ds = store(pacs, make_ct(PixelData=None))

    assert client.get(f"{path_of(ds)}/{path}").status_code == 404
    assert client.get(f"{path_of(ds)}/{path}", headers={"accept": "image/gif"}).status_code in (404, 406)
