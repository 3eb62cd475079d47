"""FHIR R4: what is found by it is what QIDO-RS finds, in resources that are valid to another house."""

from collections.abc import Iterator
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.endpoint import Endpoint
from fhir.resources.R4B.imagingstudy import ImagingStudy
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.patient import Patient
from pydicom.dataset import Dataset

from pacs.archive.recovery import reindex
from pacs.archive.remove import remove
from pacs.context import SYSTEM, Pacs
from pacs.settings import Settings
from tests.make import make_ct, make_uid
from tests.web.conftest import Caller
from tests.web.test_wado import store

KINDS: dict[str, Any] = {
    "Bundle": Bundle,
    "CapabilityStatement": CapabilityStatement,
    "Endpoint": Endpoint,
    "ImagingStudy": ImagingStudy,
    "OperationOutcome": OperationOutcome,
    "Patient": Patient,
}


@pytest.fixture
def settings(settings: Settings, database_url: str) -> Settings:
    """On each kind of database."""
    return settings.model_copy(update={"database": database_url})


def asked(caller: Caller, path: str, status: int = 200, /, **parameters: Any) -> Any:
    """A resource that is what it says, by the model of another house."""
    answer = caller.get(f"/fhir/{path}", params=parameters)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/fhir+json"), answer.text
    resource = answer.json()
    KINDS[resource["resourceType"]].model_validate(resource)
    return resource


def found(bundle: Any, mode: str = "match") -> list[str]:
    """The ids of what was found."""
    return [one["resource"]["id"] for one in bundle.get("entry", []) if one["search"]["mode"] == mode]


def procedure() -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "77477000", "SCT", "Computed tomography"
    return item


def make_study(number: int, **attributes: Any) -> Dataset:
    return make_ct(StudyInstanceUID=make_uid(number), SeriesInstanceUID=make_uid(number, 1), **attributes)


STUDIES: list[dict[str, Any]] = [
    {"StudyTime": "080910.5", "TimezoneOffsetFromUTC": "+0700", "ProcedureCodeSequence": [procedure()]},
    {"StudyDate": "20261123", "StudyTime": "", "AccessionNumber": "B2", "Modality": "MR"},
    {"StudyDate": "20250101", "StudyTime": "2359", "PatientID": "7", "IssuerOfPatientID": "1.2.3", "PatientSex": "M"},
    {"StudyDate": "", "PatientID": "", "PatientName": "UNKNOWN"},
]


@pytest.fixture
def studies(pacs: Pacs) -> list[str]:
    """Their UIDs: two of one patient, one of another, one of a patient without an id."""
    kept = [store(pacs, make_study(number, **attributes)) for number, attributes in enumerate(STUDIES, start=1)]
    return [str(ds.StudyInstanceUID) for ds in kept]


def test_a_study_is_an_imaging_study(client: Caller, pacs: Pacs, studies: list[str]) -> None:
    second = store(pacs, make_study(1, **STUDIES[0], SeriesNumber=2, BodyPartExamined="CHEST"))

    study = asked(client, f"ImagingStudy/{studies[0]}")

    patient = study["subject"].pop("reference").removeprefix("Patient/")
    series = study.pop("series")
    assert study == {
        "resourceType": "ImagingStudy",
        "id": studies[0],
        "identifier": [
            {"system": "urn:dicom:uid", "value": f"urn:oid:{studies[0]}"},
            {
                "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]},
                "value": "ACC2611240001",
            },
        ],
        "status": "available",
        "modality": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"}],
        "subject": {"display": "NGUYỄN THỊ ÁNH ĐÀO"},
        "started": "2026-11-24T08:09:10.5+07:00",
        "referrer": {"display": "TRẦN VĂN AN"},
        "endpoint": [{"reference": "Endpoint/wado"}],
        "numberOfSeries": 1,
        "numberOfInstances": 2,
        "procedureCode": [
            {
                "coding": [{"system": "http://snomed.info/sct", "code": "77477000", "display": "Computed tomography"}],
                "text": "Computed tomography",
            }
        ],
        "description": "CT NGỰC",
    }
    (one,) = series
    assert (one["uid"], one["number"], one["modality"]["code"]) == (make_uid(1, 1), 1, "CT")
    assert second.SOPInstanceUID in [instance["uid"] for instance in one["instance"]]
    assert asked(client, f"Patient/{patient}")["identifier"][0]["value"] == "0004123456"


def test_a_patient_is_named_as_he_is_called_and_by_an_id_that_tells_nothing(client: Caller, studies: list[str]) -> None:
    (entry,) = asked(client, "Patient", identifier="0004123456")["entry"]
    patient = entry["resource"]

    assert entry["fullUrl"] == f"http://pacs.example/fhir/Patient/{patient['id']}"
    assert "0004123456" not in patient["id"]
    assert patient == asked(client, f"Patient/{patient['id']}")
    assert patient["name"] == [
        {"use": "official", "text": "NGUYỄN THỊ ÁNH ĐÀO", "family": "NGUYỄN", "given": ["THỊ ÁNH ĐÀO"]}
    ]
    assert (patient["gender"], patient["birthDate"]) == ("female", "1985-03-14")
    references = {
        one["resource"]["subject"].get("reference")
        for one in asked(client, "ImagingStudy", patient=patient["id"])["entry"]
    }
    assert references == {f"Patient/{patient['id']}"}


SEARCHES: list[tuple[dict[str, Any], set[int]]] = [
    ({}, {1, 2, 3, 4}),
    ({"_id": make_uid(2)}, {2}),
    ({"_id": f"{make_uid(2)},{make_uid(3)}"}, {2, 3}),
    ({"identifier": make_uid(1)}, {1}),
    ({"identifier": f"urn:oid:{make_uid(1)}"}, {1}),
    ({"identifier": f"urn:dicom:uid|urn:oid:{make_uid(1)}"}, {1}),
    ({"identifier": "B2"}, {2}),
    ({"identifier": "|B2"}, {2}),
    ({"identifier": "http://elsewhere.example|B2"}, set()),
    ({"identifier:of-type": "http://terminology.hl7.org/CodeSystem/v2-0203|ACSN|B2"}, {2}),
    ({"identifier:of-type": "http://terminology.hl7.org/CodeSystem/v2-0203|MR|B2"}, set()),
    ({"patient.identifier": "0004123456"}, {1, 2}),
    ({"subject.identifier": "urn:oid:1.2.3|7"}, {3}),
    ({"patient.identifier": "|7"}, set()),
    ({"patient.name": "nguyen dao"}, {1, 2, 3}),
    ({"modality": "MR"}, {2}),
    ({"modality": "http://dicom.nema.org/resources/ontology/DCM|MR,US"}, {2}),
    ({"status": "available,registered"}, {1, 2, 3, 4}),
    ({"status": "cancelled"}, set()),
    ({"started": "2026-11-24"}, {1}),
    ({"started": "2026-11"}, {1, 2}),
    ({"started": "2025"}, {3}),
    ({"started": "ge2026-11-24"}, {1}),
    ({"started": "gt2026-11-23"}, {1}),
    ({"started": "lt2026-11-24"}, {2, 3}),
    ({"started": "le2026-11-24"}, {1, 2, 3}),
    ({"started": "sa2025"}, {1, 2}),
    ({"started": "eb2026-11"}, {3}),
    ({"started": ["ge2026-01-01", "lt2026-11-24"]}, {2}),
    ({"started": "2026-11-24T08:09:10+07:00"}, {1}),
    ({"started": "2026-11-24T01:09Z"}, {1}),
    ({"started": "2026-11-24T02:09Z"}, set()),
    ({"started": "lt2026-11-24T08:09:10+07:00", "modality": "CT"}, {3}),
    ({"started": ["gt2026-11-24T00:00Z", "le2026-11-24T01:09:10Z"]}, {1}),
    ({"patient": "0004123456"}, set()),
]


def test_each_search_finds_what_it_means(client: Caller, studies: list[str]) -> None:
    wrong = {}
    for parameters, expected in SEARCHES:
        bundle = asked(client, "ImagingStudy", **parameters)
        numbers = {studies.index(uid) + 1 for uid in found(bundle)}
        if (numbers, bundle["total"]) != (expected, len(expected)):
            wrong[str(parameters)] = numbers, bundle["total"]
    assert wrong == {}


PATIENTS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["0004123456", "7"]),
    ({"identifier": "7"}, ["7"]),
    ({"identifier": "urn:oid:1.2.3|7"}, ["7"]),
    ({"identifier": "|7"}, []),
    ({"name": "dao"}, ["0004123456", "7"]),
    ({"family": "nguy", "given": "anh"}, ["0004123456", "7"]),
    ({"name": "dao", "gender": "male"}, ["7"]),
    ({"gender": "unknown"}, []),
    ({"birthdate": "1985-03"}, ["0004123456", "7"]),
    ({"birthdate": ["ge1986"]}, []),
    ({"_id": "nobody"}, []),
]


def test_each_search_for_patients_finds_who_is_meant(client: Caller, studies: list[str]) -> None:
    for parameters, expected in PATIENTS:
        bundle = asked(client, "Patient", **parameters)
        ids = [one["resource"]["identifier"][0]["value"] for one in bundle.get("entry", [])]
        assert (sorted(ids), bundle["total"]) == (expected, len(expected)), parameters


def pages_of(client: Caller, path: str) -> Iterator[Any]:
    while path:
        bundle = client.get(path).json()
        yield bundle
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        path = links.get("next", "").removeprefix("http://pacs.example")


@pytest.mark.parametrize("sort", ["", "&_sort=-started"])
def test_pages_follow_one_another_until_there_is_no_more(client: Caller, pacs: Pacs, sort: str) -> None:
    kept = [store(pacs, make_study(number, StudyDate=f"202611{number:02}")) for number in range(1, 8)]
    uids = [str(ds.StudyInstanceUID) for ds in (reversed(kept) if sort else kept)]

    pages = list(pages_of(client, f"/fhir/ImagingStudy?modality=CT&_count=3{sort}"))

    assert [found(page) for page in pages] == [uids[:3], uids[3:6], uids[6:]]
    assert {page["total"] for page in pages} == {7}
    elsewhere = pages[0]["link"][1]["url"].replace("modality=CT", "modality=MR").removeprefix("http://pacs.example")
    assert client.get(elsewhere).status_code == 200, "nothing is found, so no place is looked for"
    another = elsewhere.replace("modality=MR", "status=available")
    assert client.get(another).json()["issue"][0]["diagnostics"] == "the cursor is of another search"


def test_patients_and_endpoints_are_included_once(client: Caller, studies: list[str]) -> None:
    bundle = asked(client, "ImagingStudy", _include=["ImagingStudy:subject", "ImagingStudy:endpoint"])

    patients = {
        one["resource"]["subject"].get("reference") for one in bundle["entry"] if one["search"]["mode"] == "match"
    }
    assert {f"Patient/{uid}" for uid in found(bundle, "include") if uid != "wado"} | {None} == patients
    assert len(found(bundle, "include")) == 3
    endpoint = asked(client, "Endpoint/wado")
    assert (endpoint["address"], endpoint["connectionType"]["code"]) == (
        "http://pacs.example/dicom-web",
        "dicom-wado-rs",
    )
    assert found(asked(client, "Endpoint", **{"connection-type": "dicom-qido-rs"})) == ["qido"]


def test_only_a_count_is_given_to_who_asks_for_no_more(client: Caller, studies: list[str]) -> None:
    for parameters in ({"_summary": "count"}, {"_count": 0}):
        bundle = asked(client, "ImagingStudy", **parameters)
        assert (bundle["total"], "entry" in bundle) == (4, False)
    assert "total" not in asked(client, "ImagingStudy", _total="none")


def test_what_is_not_known_is_passed_over_in_words_or_refused(client: Caller, studies: list[str]) -> None:
    bundle = asked(client, "ImagingStudy", colour="blue", _id=studies[0])

    assert found(bundle) == [studies[0]]
    (outcome,) = (one["resource"] for one in bundle["entry"] if one["search"]["mode"] == "outcome")
    assert "colour" in outcome["issue"][0]["diagnostics"]
    assert "colour" not in bundle["link"][0]["url"]
    answer = client.get("/fhir/ImagingStudy?colour=blue", headers={"prefer": "handling=strict"})
    assert (answer.status_code, answer.json()["resourceType"]) == (400, "OperationOutcome")


ERRORS: list[tuple[str, dict[str, Any], int, str]] = [
    ("ImagingStudy/1.2.3", {}, 404, "not-found"),
    ("ImagingStudy/no%20uid", {}, 404, "not-found"),
    ("Patient/0004123456", {}, 404, "not-found"),
    ("Endpoint/ftp", {}, 404, "not-found"),
    ("Observation", {}, 404, "not-found"),
    ("ImagingStudy", {"started": "yesterday"}, 400, "invalid"),
    ("ImagingStudy", {"started": "ne2026"}, 400, "invalid"),
    ("ImagingStudy", {"started": "2026-13"}, 400, "invalid"),
    ("ImagingStudy", {"started": ["gt2026-11-24", "lt2026-11-24"]}, 400, "invalid"),
    ("ImagingStudy", {"_count": "many"}, 400, "invalid"),
    ("ImagingStudy", {"_cursor": "x"}, 400, "invalid"),
    ("ImagingStudy", {"identifier": f"{make_uid(1)},B2"}, 400, "invalid"),
    ("ImagingStudy", {"modality": ""}, 400, "invalid"),
    ("ImagingStudy", {"_id": "no uid"}, 400, "invalid"),
    ("Patient", {"gender": "m"}, 400, "invalid"),
    ("Patient", {"name": ""}, 400, "invalid"),
    ("Patient", {"_format": "xml"}, 406, "not-supported"),
]


def test_an_error_is_an_operation_outcome(client: Caller, anonymous: Caller, studies: list[str]) -> None:
    for path, parameters, status, code in ERRORS:
        outcome = asked(client, path, status, **parameters)
        assert (outcome["resourceType"], outcome["issue"][0]["code"]) == ("OperationOutcome", code), (path, parameters)
    refused = anonymous.get("/fhir/Patient")
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (401, "login")
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert client.get("/fhir/Patient", headers={"accept": "application/fhir+xml"}).status_code == 406
    assert client.get("/fhir/Patient", headers={"accept": "application/json"}).status_code == 200


def test_a_search_may_stand_in_the_body(client: Caller, studies: list[str]) -> None:
    answer = client.post("/fhir/ImagingStudy/_search?_count=1", data={"patient.identifier": "0004123456"})
    patient = client.post("/fhir/Patient/_search", data={"identifier": "7"})

    assert (answer.json()["total"], len(found(answer.json())), patient.json()["total"]) == (2, 1, 1)
    assert (
        client.post(
            "/fhir/Patient/_search", data=b"\xff=1", headers={"content-type": "application/x-www-form-urlencoded"}
        ).status_code
        == 400
    )


def test_the_capabilities_name_what_is_searched_by(client: Caller) -> None:
    statement = asked(client, "metadata")

    (rest,) = statement["rest"]
    assert [one["type"] for one in rest["resource"]] == ["ImagingStudy", "Patient", "Endpoint"]
    assert statement["fhirVersion"] == "4.0.1"
    for one in rest["resource"]:
        for parameter in one["searchParam"]:
            value = {"date": "2026"}.get(parameter["type"], "male")
            value = "1.2.3" if parameter["name"] == "_id" else value
            bundle = asked(client, one["type"], **{parameter["name"]: value})
            assert not [entry for entry in bundle.get("entry", []) if entry["search"]["mode"] == "outcome"]


def test_pseudonyms_stay_when_the_index_is_made_anew(client: Caller, pacs: Pacs, studies: list[str]) -> None:
    before = found(asked(client, "Patient"))
    reindex(pacs)

    assert sorted(found(asked(client, "Patient"))) == sorted(before)
    assert asked(client, f"Patient/{before[0]}")["id"] == before[0]


def test_what_was_removed_is_gone(client: Caller, pacs: Pacs, studies: list[str]) -> None:
    remove(pacs, SYSTEM, "a test", studies[0])

    assert asked(client, f"ImagingStudy/{studies[0]}", 410)["issue"][0]["code"] == "deleted"
    assert asked(client, "ImagingStudy")["total"] == 3
