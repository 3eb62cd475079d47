"""What the viewer asks."""

import struct
from typing import Any

import numpy as np
import pytest

from pacs.archive import renditions
from pacs.context import Pacs
from tests.make import make_ct
from tests.web.conftest import Caller
from tests.web.test_wado import multi_frame, store

NAMES = {"1.2.1": "NGUYỄN^THỊ ÁNH ĐÀO", "1.2.2": "TRẦN^VĂN AN", "1.2.3": "Nguyen^Van 2^AN"}


@pytest.fixture
def filled(pacs: Pacs) -> Pacs:
    """Three studies, the last the newest; the first has two series."""
    for number, (study, name) in enumerate(NAMES.items(), start=1):
        values: dict[str, Any] = {"StudyInstanceUID": study, "PatientName": name, "PatientID": f"12{number}000"}
        values |= {"StudyDate": f"2026110{number}", "AccessionNumber": f"A12{number}x"}
        store(pacs, make_ct(SeriesInstanceUID=f"{study}.1", **values))
        if number == 1:
            store(pacs, multi_frame(3, SeriesInstanceUID=f"{study}.1", InstanceNumber=2, **values))
            values |= {"Modality": "SR", "SeriesNumber": 0, "SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11"}
            values |= {"PixelData": None, "Rows": None, "Columns": None}
            store(pacs, make_ct(SeriesInstanceUID=f"{study}.2", **values))
    return pacs


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "321"),
        ("q=nguyen", "31"),
        ("q=NGUYỄN", "31"),
        ("q=dao anh", "1"),
        ("q=an", "321"),
        ("q=an tran", "2"),
        ("q=122000", "2"),
        ("q=12", "321"),
        ("q=122", "2"),
        ("q=A123", "3"),
        ("q=a123x", ""),
        ("q=a123", "3"),
        ("q=nguyen 123", "3"),
        ("q=nguyen 122", ""),
        ("q=van 2", "3"),
        ("q=nobody", ""),
        ("q=%25", ""),
        ("q=nguyen&modality=SR", "1"),
        ("modality=SR,CT", "321"),
        ("modality=MR", ""),
        ("from=20261102", "32"),
        ("to=20261102", "21"),
        ("from=20261102&to=20261102", "2"),
        ("q=12&from=20261102", "32"),
        ("limit=1", "3"),
        ("limit=1&offset=2", "1"),
        ("q=12&limit=1&offset=1", "2"),
        ("offset=5", ""),
    ],
)
def test_the_study_list_finds_what_is_typed_newest_first(
    client: Caller, filled: Pacs, query: str, expected: str
) -> None:
    answer = client.get(f"/api/studies?{query}").json()

    assert "".join(study["study_instance_uid"][-1] for study in answer["studies"]) == expected
    if "limit" not in query and "offset" not in query:
        assert answer["total"] == len(expected)


@pytest.mark.parametrize("query", ["", "q=12&"])
def test_a_page_of_the_list_tells_how_many_there_are(client: Caller, filled: Pacs, query: str) -> None:
    assert client.get(f"/api/studies?{query}limit=1").json()["total"] == 3


@pytest.mark.parametrize("query", ["from=yesterday", "from=20261103&to=20261102", "limit=0", "limit=many", "offset=-1"])
def test_a_list_that_cannot_be_is_refused(client: Caller, query: str) -> None:
    assert client.get(f"/api/studies?{query}").status_code == 400


def test_a_study_tells_its_series(client: Caller, filled: Pacs) -> None:
    answer = client.get("/api/studies/1.2.1").json()

    assert answer == {
        "study_instance_uid": "1.2.1",
        "patient_name": "NGUYỄN^THỊ ÁNH ĐÀO",
        "patient_id": "121000",
        "patient_birth_date": "19850314",
        "patient_sex": "F",
        "study_date": "20261101",
        "study_time": "080000",
        "study_description": "CT NGỰC",
        "accession_number": "A121x",
        "referring_physician_name": "TRẦN^VĂN AN",
        "modalities_in_study": ["CT", "SR"],
        "number_of_study_related_series": 2,
        "number_of_study_related_instances": 3,
        "series": [
            {
                "series_instance_uid": "1.2.1.2",
                "modality": "SR",
                "series_number": 0,
                "series_description": "Axial",
                "protocol_name": "",
                "body_part_examined": "",
                "laterality": "",
                "number_of_series_related_instances": 1,
                "number_of_frames": 0,
                "is_localiser": False,
            },
            {
                "series_instance_uid": "1.2.1.1",
                "modality": "CT",
                "series_number": 1,
                "series_description": "Axial",
                "protocol_name": "",
                "body_part_examined": "",
                "laterality": "",
                "number_of_series_related_instances": 2,
                "number_of_frames": 4,
                "is_localiser": False,
            },
        ],
        "hanging": {
            "name": ":single",
            "rows": 1,
            "columns": 1,
            "linked": False,
            "panes": [
                {
                    "study_instance_uid": "1.2.1",
                    "series_instance_uid": "1.2.1.1",
                    "sop_instance_uid": "",
                    "kind": "stack",
                    "window": None,
                }
            ],
        },
        "priors": [],
    }


def framed(body: bytes) -> list[tuple[int, bytes]]:
    found = []
    while body:
        index, length = struct.unpack_from("<II", body)
        found.append((index, body[8 : 8 + length]))
        assert len(found[-1][1]) == length
        body = body[8 + length :]
    return found


def test_the_frames_of_a_series_come_in_one_answer_as_its_document_counts_them(client: Caller, filled: Pacs) -> None:
    path = "/api/studies/1.2.1/series/1.2.1.1"
    document = client.get(path).json()
    assert document["number_of_frames"] == 4

    answer = client.get(f"{path}/frames?order=3,0,2&revision={document['revision']}")

    frames = framed(answer.content)
    one = multi_frame(3).PixelData
    assert [index for index, _ in frames] == [3, 0, 2]
    assert {data for _, data in frames} <= {one[start : start + 128] for start in (0, 128, 256)}
    assert answer.headers["cache-control"] == "private, max-age=43200, immutable"


@pytest.mark.parametrize(
    ("query", "status"),
    [("order=4", 404), ("order=0&revision=99", 404), ("order=", 400), ("order=-1", 400), ("order=a", 400), ("", 400)],
)
def test_frames_that_are_not_there(client: Caller, filled: Pacs, query: str, status: int) -> None:
    assert client.get(f"/api/studies/1.2.1/series/1.2.1.1/frames?{query}").status_code == status


def test_the_resolutions_of_frames_come_apart(client: Caller, pacs: Pacs) -> None:
    picture = np.add.outer(np.arange(256), np.arange(256)).astype("<u2")
    ds = make_ct(256, 256, StudyInstanceUID="1.3", SeriesInstanceUID="1.3.1", PixelData=picture.tobytes())
    store(pacs, ds)
    path = "/api/studies/1.3/series/1.3.1"
    renditions.make_some(pacs, lambda: True)
    document = client.get(path).json()
    *_, below, whole = document["shared"]["resolution_ends"]

    def asked(query: str) -> list[tuple[int, bytes]]:
        return framed(client.get(f"{path}/frames?order=0&revision={document['revision']}{query}").content)

    ((_, low),) = asked("&from=0&to=2")
    ((_, rest),) = asked("&from=2")
    assert [len(low), len(low + rest)] == [below, whole]
    assert asked("&to=3") == [(0, low + rest)]
    assert asked("") == [(0, picture.tobytes())]
    for query, status in (("from=3&to=9", 404), ("from=-1", 400), ("to=x", 400)):
        assert client.get(f"{path}/frames?order=0&{query}").status_code == status


def test_a_series_has_a_thumbnail_where_it_has_pictures(client: Caller, filled: Pacs) -> None:
    assert client.get("/api/studies/1.2.1/series/1.2.1.1/thumbnail").headers["content-type"] == "image/jpeg"
    assert client.get("/api/studies/1.2.1/series/1.2.1.2/thumbnail").status_code == 404


def test_the_api_is_described(client: Caller) -> None:
    document = client.get("/api/openapi.json").json()

    assert {"/api/studies", "/dicom-web/studies", "/api/login"} <= document["paths"].keys()
    page = client.get("/api/docs")
    assert "<b>GET</b> /api/studies/{study}" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
