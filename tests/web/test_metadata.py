"""Metadata over the web: DICOM JSON and XML, at each level, asked for again in vain until it changes."""

import xml.etree.ElementTree as ElementTree
import zlib

import pytest

from pacs.archive.correct import correct
from pacs.context import SYSTEM, Pacs
from pacs.dicom.dicomxml import NAMESPACE, xml_to_json
from tests.make import make_ct, make_uid
from tests.web.conftest import Caller
from tests.web.test_wado import parts_of, path_of, store

XML = 'multipart/related; type="application/dicom+xml"'


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_metadata_is_json_and_as_gzip_where_it_is_taken(client: Caller, pacs: Pacs, level: str) -> None:
    for number in (1, 2):
        store(pacs, make_ct(SeriesInstanceUID=make_uid(1, number), PatientComments="bệnh nhân " * 200))
    ds = store(pacs, make_ct(PatientComments="bệnh nhân " * 200))

    plain = client.get(f"{path_of(ds, level)}/metadata", headers={"accept-encoding": "identity"})
    packed = client.get(f"{path_of(ds, level)}/metadata", stream=True, headers={"accept-encoding": "gzip"})

    assert plain.headers["content-type"] == "application/dicom+json"
    assert len(plain.json()) == {"study": 3, "series": 2, "instance": 1}[level]
    assert plain.json()[0]["00100010"]["Value"] == [{"Alphabetic": "NGUYỄN^THỊ ÁNH ĐÀO"}]
    assert packed.headers["content-encoding"] == "gzip"
    member = zlib.decompressobj(zlib.MAX_WBITS | 16)  # browsers read one member
    assert (member.decompress(packed.raw.read()), member.unused_data) == (plain.content, b"")


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_xml_says_the_same_as_json(client: Caller, pacs: Pacs, level: str) -> None:
    ds = store(pacs, make_ct())
    store(pacs, make_ct())
    path = f"{path_of(ds, level)}/metadata"

    parts = parts_of(client.get(path, headers={"accept": XML}))

    assert {content_type for content_type, _ in parts} == {"application/dicom+xml"}
    assert all(ElementTree.fromstring(body).tag == f"{{{NAMESPACE}}}NativeDicomModel" for _, body in parts)
    assert [xml_to_json(body) for _, body in parts] == client.get(path).json()


ACCEPTED = [
    ("application/json", 200, "application/dicom+json"),
    ("*/*", 200, "application/dicom+json"),
    ("application/dicom+json; charset=klingon", 200, "application/dicom+json"),
    ("application/dicom+xml, application/dicom+json;q=0.9", 200, "application/dicom+xml"),
    (f"application/dicom+json;q=0.5, {XML}", 200, "multipart/related"),
    ("image/png", 406, "application/problem+json"),
]


@pytest.mark.parametrize(("accept", "status", "content_type"), ACCEPTED)
def test_metadata_comes_in_what_is_liked_best(
    client: Caller, pacs: Pacs, accept: str, status: int, content_type: str
) -> None:
    ds = store(pacs, make_ct())

    for asked in ({"headers": {"accept": accept}}, {"params": {"accept": accept, "charset": "no-such-charset"}}):
        answer = client.get(f"{path_of(ds)}/metadata", **asked)  # type: ignore[arg-type]
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (status, content_type)


@pytest.mark.parametrize("accept", ["application/dicom+json", XML])
@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_metadata_has_a_tag_that_changes_with_it(client: Caller, pacs: Pacs, level: str, accept: str) -> None:
    ds = store(pacs, make_ct())
    path = f"{path_of(ds, level)}/metadata"
    first = client.get(path, headers={"accept": accept})
    tag = {"if-none-match": first.headers["etag"], "accept": accept}
    assert client.get(path, headers=tag).status_code == 304
    assert client.get(path, headers={**tag, "accept": "*/*"}).status_code == (304 if accept.endswith("json") else 200)
    assert client.get(path, headers={"accept": accept}).content == first.content

    correct(pacs, SYSTEM, ds.StudyInstanceUID, [("PatientName", "TRẦN^THỊ B")])

    second = client.get(path, headers=tag)
    assert (second.status_code, "TRẦN" in second.text) == (200, True)
