"""QIDO-RS: what may be asked, and what every answer has. That it matches as C-FIND does is test_parity's."""

from dataclasses import replace
from typing import Any

import pytest
from pydicom.dataset import Dataset

from pacs import accounts
from pacs.archive.ingest import ingest
from pacs.context import SYSTEM, Pacs
from pacs.web import answers, qido
from tests.make import make_ct, part10
from tests.web.conftest import Caller

STUDIES = {"1.2.1": "NGUYỄN^THỊ ÁNH ĐÀO", "1.2.2": "TRẦN^VĂN AN", "1.2.3": "Müller^Jürgen"}


@pytest.fixture
def filled(pacs: Pacs) -> Pacs:
    """Three studies of three patients; the first has two series, of two instances and of one."""
    for number, (study, name) in enumerate(STUDIES.items(), start=1):
        values: dict[str, Any] = {"StudyInstanceUID": study, "PatientName": name, "PatientID": f"000{number}"}
        values["ProcedureCodeSequence"] = [code("CT1", "99A"), code("CT2", "99B")] if number == 1 else []
        values |= {"StudyDate": f"2026110{number}", "AccessionNumber": f"A{number}", "Modality": "CT"}
        store(pacs, SeriesInstanceUID=f"{study}.1", SOPInstanceUID=f"{study}.1.1", InstanceNumber=1, **values)
        if number == 1:
            store(pacs, SeriesInstanceUID=f"{study}.1", SOPInstanceUID=f"{study}.1.2", InstanceNumber=2, **values)
            values |= {"Modality": "MR", "SeriesNumber": 2}
            store(pacs, SeriesInstanceUID=f"{study}.2", SOPInstanceUID=f"{study}.2.1", **values)
    return pacs


def code(value: str, scheme: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = value, scheme
    return item


def store(pacs: Pacs, **attributes: Any) -> None:
    ingest(pacs, SYSTEM, part10(make_ct(**attributes)))


def found(client: Caller, path: str, tag: str) -> list[Any]:
    """The values of one attribute of all answers."""
    answer = client.get(f"/dicom-web{path}")
    assert answer.status_code in (200, 204), answer.text
    return [one[tag].get("Value", [None])[0] for one in answer.json()] if answer.status_code == 200 else []


STUDY_UID, SERIES_UID, SOP_UID = "0020000D", "0020000E", "00080018"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["1.2.1", "1.2.2", "1.2.3"]),
        ("?PatientName=nguyen*", ["1.2.1"]),
        ("?00100010=nguyen*", ["1.2.1"]),
        ("?PatientName=dao&fuzzymatching=true", ["1.2.1"]),
        ("?PatientName=dao&fuzzymatching=false", []),
        ("?StudyDate=20261102-", ["1.2.2", "1.2.3"]),
        ("?StudyDate=20261102-&StudyDescription=CT%20NG%E1%BB%B0C&limit=1", ["1.2.2"]),
        ("?StudyInstanceUID=1.2.1,1.2.3", ["1.2.1", "1.2.3"]),
        ("?StudyInstanceUID=1.2.1%5C1.2.3", ["1.2.1", "1.2.3"]),
        ("?limit=2", ["1.2.1", "1.2.2"]),
        ("?limit=2&offset=2", ["1.2.3"]),
        ("?limit=0", []),
        ("?AccessionNumber=", ["1.2.1", "1.2.2", "1.2.3"]),
        ("?PatientID=none", []),
        ("?ModalitiesInStudy=MR", ["1.2.1"]),
        ("?Modality=MR", ["1.2.1"]),
        ("?ModalitiesInStudy=CT%5CMR", ["1.2.1", "1.2.2", "1.2.3"]),
        ("?ModalitiesInStudy=CT%5CMR&multiplevaluematching=true", ["1.2.1"]),
        ("?ModalitiesInStudy=CT,MR&multiplevaluematching=true", ["1.2.1"]),
        ("?multiplevaluematching=true&ModalitiesInStudy=CT", ["1.2.1", "1.2.2", "1.2.3"]),
        ("?PatientComments=%22%22", []),
        ("?PatientComments=%22%22&emptyvaluematching=true", ["1.2.1", "1.2.2", "1.2.3"]),
        ("?PatientName=%22%22&emptyvaluematching=true", []),
        ("?ProcedureCodeSequence.CodeValue=CT1", ["1.2.1"]),
        ("?00081032.00080100=CT1&ProcedureCodeSequence.CodingSchemeDesignator=99A", ["1.2.1"]),
        ("?ProcedureCodeSequence.CodeValue=CT1&ProcedureCodeSequence.CodingSchemeDesignator=99B", []),
        ("?ProcedureCodeSequence=", ["1.2.1", "1.2.2", "1.2.3"]),
        ("?StudyDate=20261101&TimezoneOffsetFromUTC=%2B0000", ["1.2.1"]),
        ("?StudyDate=20261101&TimezoneOffsetFromUTC=-1200", ["1.2.2"]),
        ("?StudyTime=2000&TimezoneOffsetFromUTC=-1200", ["1.2.1", "1.2.2", "1.2.3"]),
        ("?StudyDate=20261101&TimezoneOffsetFromUTC=+0000", ["1.2.1"]),
        ("?StudyDate=20261101-20261103&StudyTime=0810-0900", ["1.2.2", "1.2.3"]),
        ("?0010,0020=0002", ["1.2.2"]),
        ("?StudyDescription=%23%5B%5D%26%3D%2C", []),
    ],
)
def test_studies_are_found(client: Caller, filled: Pacs, query: str, expected: list[str]) -> None:
    assert found(client, f"/studies{query}", STUDY_UID) == expected


@pytest.mark.parametrize(
    ("path", "tag", "expected"),
    [
        ("/series", SERIES_UID, ["1.2.1.1", "1.2.1.2", "1.2.2.1", "1.2.3.1"]),
        ("/series?Modality=MR", SERIES_UID, ["1.2.1.2"]),
        ("/series?PatientID=0002", SERIES_UID, ["1.2.2.1"]),
        ("/patients", "00100020", ["0001", "0002", "0003"]),
        ("/patients?PatientName=nguyen*", "00100020", ["0001"]),
        ("/patients?Modality=MR", "00100020", ["0001"]),
        ("/patients?StudyDate=20261102-", "00100020", ["0002", "0003"]),
        ("/studies/1.2.1/series", SERIES_UID, ["1.2.1.1", "1.2.1.2"]),
        ("/studies/1.2.9/series", SERIES_UID, []),
        ("/instances?limit=2", SOP_UID, ["1.2.1.1.1", "1.2.1.1.2"]),
        ("/studies/1.2.1/instances", SOP_UID, ["1.2.1.1.1", "1.2.1.1.2", "1.2.1.2.1"]),
        ("/studies/1.2.1/series/1.2.1.1/instances", SOP_UID, ["1.2.1.1.1", "1.2.1.1.2"]),
        ("/studies/1.2.2/series/1.2.1.1/instances", SOP_UID, []),
        ("/studies/1.2.1/series/1.2.1.1/instances?InstanceNumber=2", SOP_UID, ["1.2.1.1.2"]),
    ],
)
def test_series_and_instances_are_found(client: Caller, filled: Pacs, path: str, tag: str, expected: list[str]) -> None:
    assert found(client, path, tag) == expected


def test_a_study_tells_what_the_standard_says_it_tells(client: Caller, filled: Pacs) -> None:
    (answer,) = client.get("/dicom-web/studies?StudyInstanceUID=1.2.1").json()

    assert answer == {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00080020": {"vr": "DA", "Value": ["20261101"]},
        "00080030": {"vr": "TM", "Value": ["080000"]},
        "00080050": {"vr": "SH", "Value": ["A1"]},
        "00080056": {"vr": "CS", "Value": ["ONLINE"]},
        "00080061": {"vr": "CS", "Value": ["CT", "MR"]},
        "00080090": {"vr": "PN", "Value": [{"Alphabetic": "TRẦN^VĂN AN"}]},
        "00081190": {"vr": "UR", "Value": ["http://pacs.example/dicom-web/studies/1.2.1"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "NGUYỄN^THỊ ÁNH ĐÀO"}]},
        "00100020": {"vr": "LO", "Value": ["0001"]},
        "00100030": {"vr": "DA", "Value": ["19850314"]},
        "00100040": {"vr": "CS", "Value": ["F"]},
        "0020000D": {"vr": "UI", "Value": ["1.2.1"]},
        "00200010": {"vr": "SH", "Value": ["1"]},
        "00201206": {"vr": "IS", "Value": [2]},
        "00201208": {"vr": "IS", "Value": [3]},
    }


OF_STUDY = "/studies/1.2.1"
OF_SERIES = "/studies/1.2.1/series/1.2.1.1"
OF_INSTANCE = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1"


@pytest.mark.parametrize(
    ("path", "retrieve_url", "has", "has_not"),
    [
        (f"{OF_STUDY}/series", OF_SERIES, "0020000D 00080060 00201209", "00100010"),
        ("/series", OF_SERIES, "0020000D 00100010 00080020", "00080018"),
        (f"{OF_SERIES}/instances", OF_INSTANCE, "00080016 00280010 00083002", "00080060 00100010"),
        (f"{OF_STUDY}/instances", OF_INSTANCE, "00080060", "00100010"),
        ("/instances", OF_INSTANCE, "00080060 00100010", ""),
        ("/studies?includefield=00081030", OF_STUDY, "00081030", "00101010"),
        ("/studies?includefield=StudyDescription,PatientAge", OF_STUDY, "00081030 00101010", ""),
        ("/studies?includefield=00081030&includefield=PatientAge", OF_STUDY, "00081030 00101010", ""),
        ("/studies?includefield=all", OF_STUDY, "00081030 00101010 00080062 00201200", "00080060"),
        ("/series?includefield=RequestAttributesSequence", OF_SERIES, "00400275", ""),
        ("/studies?PatientAge=", OF_STUDY, "00101010", ""),
    ],
)
def test_each_level_tells_its_own(
    client: Caller, filled: Pacs, path: str, retrieve_url: str, has: str, has_not: str
) -> None:
    answer, *_ = client.get(f"/dicom-web{path}").json()

    assert answer["00081190"]["Value"] == [f"http://pacs.example/dicom-web{retrieve_url}"]
    assert set(has.split()) <= answer.keys()
    assert not set(has_not.split()) & answer.keys()


@pytest.mark.parametrize(
    "path",
    [
        "/studies?NoSuchKeyword=1",
        "/studies?includefield=NoSuchKeyword",
        "/studies?StudyDate=yesterday",
        "/studies?StudyDate=20261102&StudyDate=20261103",
        "/studies?StudyDate=20261102&00080020=20261103",
        "/studies?limit=-1",
        "/studies?limit=ten",
        "/studies?offset=1&offset=2",
        "/studies?fuzzymatching=maybe",
        "/studies?StudyInstanceUID=none",
        "/studies/none/series",
        "/studies/1.2.1/series?StudyInstanceUID=1.2.2",
        "/studies?PatientID=x%00y",
        "/studies?TimezoneOffsetFromUTC=Hanoi",
        "/studies?ProcedureCodeSequence=CT1",
        "/studies?emptyvaluematching=perhaps",
        "/studies?StudyDate=%22%22",
    ],
)
def test_what_cannot_be_asked_is_refused(client: Caller, filled: Pacs, path: str) -> None:
    answer = client.get(f"/dicom-web{path}")

    assert answer.status_code == 400
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("PatientMotherBirthName=x", "PatientMotherBirthName"),
        ("0009100A=x", "0009100A"),
        ("includefield=SeriesDescription,PatientName,00180015", "SeriesDescription, 00180015"),
    ],
)
def test_what_is_not_done_is_told_in_a_warning(client: Caller, filled: Pacs, query: str, named: str) -> None:
    answer = client.get(f"/dicom-web/studies?{query}")

    assert answer.status_code == 200
    assert answer.headers["warning"] == f'299 filmless "not honoured: {named}"'


def test_the_items_of_a_sequence_that_match_are_told(client: Caller, filled: Pacs) -> None:
    (whole,) = client.get("/dicom-web/studies?StudyInstanceUID=1.2.1&includefield=ProcedureCodeSequence").json()
    (one,) = client.get("/dicom-web/studies?ProcedureCodeSequence.CodeValue=CT2").json()

    assert [item["00080100"]["Value"] for item in whole["00081032"]["Value"]] == [["CT1"], ["CT2"]]
    assert one["00081032"] == {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["CT2"]}}]}


def test_more_answers_than_the_limit_are_told_of(client: Caller, filled: Pacs, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = filled.settings.model_copy(update={"query_limit": 2})
    monkeypatch.setattr(qido, "pacs_of", lambda request: replace(filled, settings=settings))

    answer = client.get("/dicom-web/instances")
    assert [one[SOP_UID]["Value"] for one in answer.json()] == [["1.2.1.1.1"], ["1.2.1.1.2"]]
    assert answer.headers["warning"] == '299 filmless "There are 3 additional results that can be requested"'
    assert client.get("/dicom-web/instances?limit=2").headers["warning"] == (
        '299 filmless "There are additional results that can be requested"'
    )
    assert "warning" not in client.get("/dicom-web/instances?offset=3").headers
    assert "1 additional" in client.get("/dicom-web/instances?limit=9&offset=2").headers["warning"]


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/dicom+json", 200),
        ("application/json", 200),
        ("*/*", 200),
        ("multipart/related", 200),
        ('multipart/related; type="application/dicom+xml"', 200),
        ("text/html", 406),
        ('multipart/related; type="application/dicom"', 406),
    ],
)
def test_answers_are_json_or_xml(client: Caller, filled: Pacs, accept: str, status: int) -> None:
    answer = client.get("/dicom-web/studies", headers={"accept": accept})

    assert answer.status_code == status
    assert client.get("/dicom-web/studies", params={"accept": accept}).status_code == status
    form = {
        200: 'multipart/related; type="application/dicom+xml"' if "multipart" in accept else "application/dicom+json"
    }
    assert answer.headers["content-type"].startswith(form.get(status, "application/problem+json"))


def test_many_answers_are_one_array(client: Caller, filled: Pacs, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = client.get("/dicom-web/instances").json()
    monkeypatch.setattr(answers, "TURN", 10)

    assert client.get("/dicom-web/instances").json() == whole


def test_who_may_not_search_is_told_so(client: Caller, pacs: Pacs, filled: Pacs) -> None:
    client.headers["authorization"] = f"Bearer {accounts.create_token(pacs, SYSTEM, 'auditor')}"

    assert client.get("/dicom-web/studies").status_code == 403
