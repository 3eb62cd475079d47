"""Another system opens the viewer by its own numbers: what is clear is opened, what is not is left to the reader."""

from typing import Any

import pytest

from pacs.context import Pacs
from pacs.web.launch import wish_of
from tests.make import make_ct
from tests.web.conftest import Caller
from tests.web.test_wado import store


@pytest.fixture
def filled(pacs: Pacs) -> Pacs:
    """Studies 1.2.1 to 1.2.3 of one patient; 1.2.4 of another one of the same number at another hospital."""
    for number in (1, 2, 3, 4):
        values: dict[str, Any] = {"StudyInstanceUID": f"1.2.{number}", "SeriesInstanceUID": f"1.2.{number}.1"}
        values |= {"SOPInstanceUID": f"1.2.{number}.1.1", "PatientID": "77", "AccessionNumber": f"A{number}"}
        values |= {"StudyDate": f"2026110{number}", "StudyTime": "083000", "IssuerOfPatientID": "BVA"}
        if number == 2:
            values |= {"Modality": "MR"}
        if number == 4:
            values |= {"IssuerOfPatientID": "BVB", "PatientName": "LÊ^THỊ HOA", "PatientBirthDate": "19600101"}
        store(pacs, make_ct(**values))
    return pacs


@pytest.mark.parametrize(
    ("query", "verdict", "studies"),
    [
        ("StudyInstanceUIDs=1.2.1", "open", "1"),
        ("StudyInstanceUIDs=1.2.1,1.2.3", "open", "31"),
        ("StudyInstanceUIDs=1.2.1,1.2.9", "some_missing", "1"),
        ("StudyInstanceUIDs=1.2.9", "nothing", ""),
        ("AccessionNumber=A2", "open", "2"),
        ("AccessionNumber=A2,A8", "some_missing", "2"),
        ("AccessionNumber=A", "nothing", ""),
        ("AccessionNumber=A*", "nothing", ""),
        ("AccessionNumber=A1,A4", "several_patients", "41"),
        ("PatientID=77", "several_patients", "4321"),
        ("PatientID=77&IssuerOfPatientID=BVA", "choose", "321"),
        ("PatientID=77&IssuerOfPatientID=BVB", "open", "4"),
        ("PatientID=7", "nothing", ""),
        ("SeriesInstanceUID=1.2.3.1", "open", "3"),
        ("SOPInstanceUID=1.2.3.1.1", "open", "3"),
        ("SOPInstanceUID=1.2.3.1.1&StudyInstanceUIDs=1.2.1", "nothing", ""),
        ("SOPInstanceUID=1.2.3.9", "nothing", ""),
        ("requestType=STUDY&studyUID=1.2.1", "open", "1"),
        ("requestType=STUDY&accessionNumber=A3&viewerType=IHE_BIR&diagnosticQuality=true", "open", "3"),
        ("requestType=PATIENT&patientID=77^^^BVA%261.2.3%26ISO", "choose", "321"),
        ("requestType=PATIENT&patientID=77^^^BVA&mostRecentResults=1", "open", "3"),
        ("requestType=PATIENT&patientID=77^^^BVA&mostRecentResults=2&keyImagesOnly=true", "open", "32"),
        ("requestType=PATIENT&patientID=77^^^BVA&mostRecentResults=0", "choose", "321"),
        ("requestType=PATIENT&patientID=77^^^BVA&modalitiesInStudy=MR", "open", "2"),
        ("requestType=PATIENT&patientID=77^^^BVA&lowerDateTime=2026-11-02T08:30:00", "choose", "32"),
        ("requestType=PATIENT&patientID=77^^^BVA&lowerDateTime=2026-11-02T08:31:00", "open", "3"),
        ("requestType=PATIENT&patientID=77^^^BVA&upperDateTime=2026-11-01T23:00:00", "open", "1"),
        ("requestType=PATIENT&patientID=77^^^BVA&mostRecentResults=1&patientBirthDate=1985-03-14", "open", "3"),
        (
            "requestType=PATIENT&patientID=77^^^BVA&mostRecentResults=1&patientBirthDate=19860314",
            "another_patient",
            "3",
        ),
        ("requestType=PATIENT&patientID=77^^^BVB&patientName=HOA^LE", "open", "4"),
        ("requestType=PATIENT&patientID=77^^^BVB&patientName=NGUYEN^AN", "another_patient", "4"),
    ],
)
def test_what_is_meant(client: Caller, filled: Pacs, query: str, verdict: str, studies: str) -> None:
    answer = client.get(f"/api/launch?{query}")

    told = answer.json()
    assert told["verdict"] == verdict
    assert "".join(study["study_instance_uid"][-1] for study in told["studies"]) == studies


def test_the_place_of_an_image_is_told(client: Caller, filled: Pacs) -> None:
    told = client.get("/api/launch?SOPInstanceUID=1.2.3.1.1").json()

    assert (told["series_instance_uid"], told["sop_instance_uid"]) == ("1.2.3.1", "1.2.3.1.1")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", "say a patient"),
        ("requestType=SERIES&studyUID=1", "PATIENT or STUDY"),
        ("requestType=PATIENT&studyUID=1", "needs a patientID"),
        ("requestType=STUDY&patientID=1", "needs a studyUID"),
        ("patientID=1&lowerDateTime=yesterday", "lowerDateTime"),
        ("patientID=1&mostRecentResults=-1", "mostRecentResults"),
        ("studyUID=" + ",".join(f"1.{number}" for number in range(101)), "at most 100"),
    ],
)
def test_what_cannot_be_meant_is_said(client: Caller, query: str, told: str) -> None:
    answer = client.get(f"/api/launch?{query}")

    assert answer.status_code == 400
    assert told in answer.json()["detail"]


def test_who_is_not_signed_in_learns_nothing(anonymous: Caller, filled: Pacs) -> None:
    assert anonymous.get("/api/launch?PatientID=77").status_code == 401


def test_a_moment_with_an_offset_is_one_of_our_clock() -> None:
    wish = wish_of(
        {"patientID": "1", "lowerDateTime": "2026-11-24T08:00:00 07:00", "upperDateTime": "2026-11-24T01:00:00Z"}
    )

    assert wish.first == wish.last
