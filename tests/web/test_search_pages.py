"""QIDO-RS: pages by cursor, counts, patients, private and further attributes, and answers in XML."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydicom.dataset import Dataset

from pacs.archive import further
from pacs.archive.ingest import ingest
from pacs.context import SYSTEM, Pacs
from pacs.dicom.dicomxml import xml_to_json
from pacs.web import qido
from pacs.workflow import further as job
from tests.make import make_ct, make_uid, part10
from tests.web.conftest import Caller

STUDY_UID, SOP_UID = "0020000D", "00080018"
NAMES = ("NGUYỄN^AN", "Nguyen^An", "NGUYỄN^ÁNH", "TRẦN^AN", "LÊ^AN", "HOÀNG^AN", "VŨ^AN")
ACME, OTHER = "ACME 1.1", "OTHER"


@pytest.fixture
def filled(pacs: Pacs) -> Pacs:
    """Seven studies of one instance."""
    for number, name in enumerate(NAMES, start=1):
        values: dict[str, Any] = {
            "PatientName": name,
            "PatientID": f"P{number}",
            "ContrastBolusAgent": f"agent {number}",
        }
        uids: dict[str, Any] = {"StudyInstanceUID": make_uid(31, number), "SeriesInstanceUID": make_uid(31, number, 1)}
        ds = make_ct(**{**values, **uids, "SOPInstanceUID": make_uid(31, number, 1, 1)})
        for block, creator in ((0x10 + number, ACME), (0x40, OTHER)):
            ds.add_new(0x00090000 | block, "LO", creator)
            ds.add_new(0x00090001 | block << 8, "LO", f"{creator} {number}")
        ingest(pacs, SYSTEM, part10(ds))
    return pacs


def studies(*numbers: int) -> list[str]:
    return [make_uid(31, number) for number in numbers]


def pages(client: Caller, path: str) -> list[list[str]]:
    """The studies of one page after the other, as the links tell."""
    found = []
    url: str | None = f"/dicom-web{path}"
    while url:
        answer = client.get(url)
        assert answer.status_code in (200, 204), answer.text
        found.append([one[STUDY_UID]["Value"][0] for one in answer.json()] if answer.content else [])
        url = answer.links["next"]["url"].removeprefix("http://pacs.example") if "next" in answer.links else None
    return found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=3", [studies(1, 2, 3), studies(4, 5, 6), studies(7)]),
        ("limit=7", [studies(1, 2, 3, 4, 5, 6, 7)]),
        ("limit=2&offset=4", [studies(5, 6), studies(7)]),
        (
            "limit=1&PatientName=nguy*&includefield=PatientAge&includefield=StudyID",
            [studies(1), studies(2), studies(3)],
        ),
        # Those spelt as typed come first, on the first page and on the last.
        ("limit=2&PatientName=nguyễn&fuzzymatching=true", [studies(1, 3), studies(2)]),
        ("limit=0", [[]]),
        ("limit=2&PatientID=P9", [[]]),
    ],
)
def test_a_link_leads_from_page_to_page(client: Caller, filled: Pacs, query: str, expected: list[list[str]]) -> None:
    assert pages(client, f"/studies?{query}") == expected


def test_long_pages_have_links_too(client: Caller, filled: Pacs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qido, "FIRST_PAGE", 2)
    monkeypatch.setattr("pacs.archive.find.FIRST_PAGE", 2)
    assert pages(client, "/studies?limit=3") == [studies(1, 2, 3), studies(4, 5, 6), studies(7)]
    settings = filled.settings.model_copy(update={"query_limit": 5})
    monkeypatch.setattr(qido, "pacs_of", lambda request: replace(filled, settings=settings))

    assert pages(client, "/studies") == [studies(1, 2, 3, 4, 5), studies(6, 7)]
    assert "There are 2 additional" in client.get("/dicom-web/studies").headers["warning"]


def test_what_arrives_between_pages_shifts_nothing(client: Caller, filled: Pacs) -> None:
    first = client.get("/dicom-web/studies?limit=6")
    ingest(filled, SYSTEM, part10(make_ct(StudyInstanceUID=make_uid(31, 8), SeriesInstanceUID=make_uid(31, 8, 1))))

    url = first.links["next"]["url"].removeprefix("http://pacs.example")
    assert [one[STUDY_UID]["Value"][0] for one in client.get(url).json()] == studies(7, 8)


@pytest.mark.parametrize("cursor", ["x", "", "%00", "AAAA", "W10", "ë", "a" * 5000])
def test_what_is_no_cursor_is_refused(client: Caller, filled: Pacs, cursor: str) -> None:
    answer = client.get(f"/dicom-web/studies?limit=2&cursor={cursor}")

    assert answer.status_code == (200 if cursor == "" else 400)


def test_a_cursor_is_of_its_own_search_alone(client: Caller, filled: Pacs) -> None:
    url = client.get("/dicom-web/studies?limit=2&PatientName=*an*").links["next"]["url"]
    cursor = url.rpartition("cursor=")[2]

    assert client.get(f"/dicom-web/studies?PatientName=*an*&limit=5&cursor={cursor}").status_code == 200
    for other in ("studies?PatientName=*a*", "series?PatientName=*an*", "studies?PatientName=*an*&offset=1"):
        assert client.get(f"/dicom-web/{other}&cursor={cursor}").status_code == 400


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/studies/count", 7),
        ("/studies/count?PatientName=nguy*", 3),
        ("/studies/count?PatientName=nguyen%20an&fuzzymatching=true&limit=1&offset=1", 3),
        ("/series/count?PatientID=P1", 1),
        ("/instances/count", 7),
        ("/patients/count?PatientName=*an", 6),
        ("/patients/count?PatientID=none", 0),
    ],
)
def test_answers_are_counted(client: Caller, filled: Pacs, path: str, expected: int) -> None:
    answer = client.get(f"/dicom-web{path}")

    assert (answer.status_code, answer.json()) == (200, {"count": expected})


def test_a_patient_tells_how_much_there_is_of_him_and_no_address(client: Caller, filled: Pacs) -> None:
    (answer,) = client.get("/dicom-web/patients?PatientID=P4").json()

    assert answer == {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "TRẦN^AN"}]},
        "00100020": {"vr": "LO", "Value": ["P4"]},
        "00100021": {"vr": "LO"},
        "00100030": {"vr": "DA", "Value": ["19850314"]},
        "00100040": {"vr": "CS", "Value": ["F"]},
        "00201200": {"vr": "IS", "Value": [1]},
        "00201202": {"vr": "IS", "Value": [1]},
        "00201204": {"vr": "IS", "Value": [1]},
    }


def test_the_same_in_xml(client: Caller, filled: Pacs) -> None:
    accept = {"accept": 'multipart/related; type="application/dicom+xml"'}
    answer = client.get("/dicom-web/studies?includefield=all&limit=2", headers=accept)

    boundary = answer.headers["content-type"].rpartition("boundary=")[2].encode()
    parts = [part.partition(b"\r\n\r\n")[2].rstrip(b"\r\n") for part in answer.content.split(b"--" + boundary)[1:-1]]
    plain = client.get("/dicom-web/studies?includefield=all&limit=2").json()
    assert [Dataset.from_json(xml_to_json(part)) for part in parts] == [Dataset.from_json(one) for one in plain]


def test_time_zones_are_told_where_they_are_known(client: Caller, pacs: Pacs) -> None:
    ds = make_ct(TimezoneOffsetFromUTC="+0700")
    ingest(pacs, SYSTEM, part10(ds))

    for path in ("studies", "series", "instances", f"studies/{ds.StudyInstanceUID}/series"):
        assert client.get(f"/dicom-web/{path}").json()[0]["00080201"]["Value"] == ["+0700"]


def make_searchable(pacs: Pacs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "SETTLED_AFTER", timedelta(0))
    further.add(pacs, SYSTEM, "ContrastBolusAgent", "series")
    for creator in (ACME, OTHER):
        further.add(pacs, SYSTEM, "00091001", "study", creator, "LO")
    job.JOB.run(pacs, "fill")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("ContrastBolusAgent=agent%203", studies(3)),
        ("00180010=agent*&limit=5", studies(1, 2, 3, 4, 5)),
        ("00090010=ACME%201.1&00091001=ACME*%204", studies(4)),
        ("000900AB=OTHER&0009AB01=OTHER%204", studies(4)),
        ("00090010=ACME%201.1&00091001=OTHER%204", []),
    ],
)
def test_further_attributes_are_asked_for_like_all(
    client: Caller, filled: Pacs, monkeypatch: pytest.MonkeyPatch, query: str, expected: list[str]
) -> None:
    make_searchable(filled, monkeypatch)
    assert pages(client, f"/studies?{query}")[0] == expected


def test_private_attributes_are_told_with_their_creators(
    client: Caller, filled: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_searchable(filled, monkeypatch)
    one = "/dicom-web/studies?PatientID=P2"

    (asked,) = client.get(f"{one}&00090033=OTHER&includefield=00093301").json()
    assert asked["00090033"] == {"vr": "LO", "Value": [OTHER]}
    assert asked["00093301"] == {"vr": "LO", "Value": ["OTHER 2"]}
    (every,) = client.get(f"{one}&includefield=all").json()
    assert [every[tag]["Value"] for tag in ("00090010", "00091001", "00090011", "00091101")] == [
        *([ACME], ["ACME 1.1 2"]),
        *([OTHER], ["OTHER 2"]),
    ]
    (series,) = client.get("/dicom-web/series?PatientID=P2&includefield=ContrastBolusAgent,StudyID").json()
    assert series["00180010"] == {"vr": "LO", "Value": ["agent 2"]}
    unnamed = client.get(f"{one}&includefield=00091001")
    assert unnamed.headers["warning"] == '299 filmless "not honoured: 00091001"'


def test_what_is_still_being_filled_is_told_of(client: Caller, filled: Pacs) -> None:
    further.add(filled, SYSTEM, "ContrastBolusAgent", "study")

    answer = client.get("/dicom-web/studies?ContrastBolusAgent=agent*")

    assert answer.status_code == 204
    assert answer.headers["warning"] == '299 filmless "ContrastBolusAgent is still being filled (0 of 7 instances)"'
    assert "warning" not in client.get("/dicom-web/studies").headers


def test_administrators_make_attributes_searchable(client: Caller, filled: Pacs) -> None:
    body = {"attribute": "00091001", "creator": ACME, "vr": "LO", "level": "instance"}
    made = client.post("/api/attributes", json=body)
    assert made.status_code == 201
    assert client.post("/api/attributes", json=body).status_code == 409
    assert client.post("/api/attributes", json={"attribute": "PixelData"}).status_code == 400
    (listed,) = client.get("/api/attributes").json()
    assert listed == made.json()
    assert (listed["keyword"], listed["creator"], listed["state"], listed["total"]) == ("00091001", ACME, "filling", 7)

    assert client.delete(f"/api/attributes/{listed['pk']}").status_code == 204
    assert client.delete("/api/attributes/1").status_code == 404
    assert client.delete(f"/api/attributes/{1 << 70}").status_code == 400
    assert [one["state"] for one in client.get("/api/attributes").json()] == ["removing"]


@pytest.mark.parametrize("path", ["/studies?limit=2", "/instances/count", "/patients", "/studies?PatientID=none"])
def test_head_says_what_get_would_say(client: Caller, filled: Pacs, path: str) -> None:
    got, headed = client.get(f"/dicom-web{path}"), client.head(f"/dicom-web{path}")

    assert headed.content == b""
    assert headed.status_code == got.status_code
    said = ("content-type", "content-length", "warning", "link")
    assert {name: headed.headers.get(name) for name in said} == {name: got.headers.get(name) for name in said}


def test_a_search_that_takes_too_long_is_too_large(
    client: Caller, filled: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pacs.archive.find.PATIENCE_S", -1.0)
    monkeypatch.setattr("pacs.index.dialects.STEPS_BETWEEN_LOOKS", 10)

    for path in ("/studies?StudyDescription=*a?b*c?d*e*f*", "/studies/count?StudyDescription=*a?b*c?d*e*f*"):
        answer = client.get(f"/dicom-web{path}")
        assert (answer.status_code, answer.json()["detail"]) == (413, "the question takes too long: ask for less")


@pytest.fixture
def detailed(pacs: Pacs) -> str:
    """The series of two instances that say more than is indexed."""
    for number in (1, 2):
        step = Dataset()
        step.ScheduledProcedureStepID, step.ReasonForTheRequestedProcedure = f"S{number}", f"reason {number}"
        ds = make_ct(SOPInstanceUID=make_uid(32, number), InstanceNumber=number, RequestAttributesSequence=[step])
        ds.private_block(0x0009, ACME, create=True).add_new(0x01, "LO", f"vendor {number}")
        ingest(pacs, SYSTEM, part10(ds))
    return f"/dicom-web/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("includefield=RescaleSlope,PixelSpacing", {"00281053": [[1.0]] * 2, "00280030": [[1.0, 1.0]] * 2}),
        ("includefield=0020000E&includefield=00281052", {"00281052": [[-1024.0]] * 2}),
        (
            "00090022=ACME%201.1&includefield=00092201",
            {"00092201": [["vendor 1"], ["vendor 2"]], "00090022": [[ACME]] * 2},
        ),
        (
            "includefield=RequestAttributesSequence.ReasonForTheRequestedProcedure&includefield=RequestAttributesSequence"
            ".ScheduledProcedureStepID",
            {
                "00400275": [
                    [
                        {
                            "00400009": {"vr": "SH", "Value": [f"S{number}"]},
                            "00401002": {"vr": "LO", "Value": [f"reason {number}"]},
                        }
                    ]
                    for number in (1, 2)
                ]
            },
        ),
    ],
)
def test_what_of_instances_is_not_indexed_comes_out_of_their_headers(
    client: Caller, detailed: str, query: str, expected: dict[str, list[Any]]
) -> None:
    answer = client.get(f"{detailed}?{query}")

    assert "warning" not in answer.headers
    for tag, values in expected.items():
        assert [one[tag]["Value"] for one in answer.json()] == values, tag
    assert [list(one) == sorted(one) for one in answer.json()] == [True, True]


def test_headers_are_not_read_for_long_pages_or_for_who_may_not(
    client: Caller, pacs: Pacs, detailed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = f"{detailed}?includefield=RescaleSlope"
    assert "00281053" in client.get(query).json()[0]
    absent = client.get(f"{detailed}?includefield=EchoTime")
    assert "00180081" not in absent.json()[0]
    assert "warning" not in absent.headers
    monkeypatch.setattr(qido, "MOST_HEADERS", 1)

    assert client.get(query).headers["warning"] == '299 filmless "not honoured: RescaleSlope"'
    assert "warning" not in client.get(f"{query}&InstanceNumber=2").headers
    assert client.get("/dicom-web/series?includefield=RescaleSlope").headers["warning"] == (
        '299 filmless "not honoured: RescaleSlope"'
    )
