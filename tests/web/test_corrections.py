"""Corrections by our API."""

import io
from typing import Any

import pytest
from pydicom import dcmread

from pacs.context import Pacs
from tests.archive.test_correct import GLUED, RIGHT, make_legacy
from tests.make import make_ct, make_uid
from tests.web.conftest import Caller
from tests.web.test_wado import parts_of, store


def test_a_suggestion_is_listed_applied_and_revoked(pacs: Pacs, client: Caller) -> None:
    ds = make_legacy("TCVN3")
    store(pacs, ds)

    (one,) = client.get("/api/corrections?state=suggested").json()
    assert one["study_instance_uid"] == ds.StudyInstanceUID
    assert (one["attribute"], one["kept"], one["value"]) == ("SpecificCharacterSet", "ISO_IR 100", "TCVN3")
    assert (one["reason"], one["source"], one["decided_at"]) == ("COERCE", "text detection", None)
    assert one["created_at"].endswith(("Z", "+00:00"))

    assert client.post(f"/api/corrections/{one['pk']}/apply").status_code == 204
    (one,) = client.get(f"/api/corrections?study_instance_uid={ds.StudyInstanceUID}").json()
    assert (one["state"], one["patient_name"]) == ("applied", RIGHT)
    assert client.post(f"/api/corrections/{one['pk']}/dismiss").status_code == 400
    assert client.post(f"/api/corrections/{one['pk']}/revoke").status_code == 204
    assert client.get("/api/corrections?state=applied").json() == []


def test_a_correction_by_hand_is_applied_at_once(pacs: Pacs, client: Caller) -> None:
    ds = make_ct(PatientName=GLUED)
    store(pacs, ds)
    body = {"study_instance_uid": ds.StudyInstanceUID, "attribute": "PatientName", "value": RIGHT}

    made = client.post("/api/corrections", json=body)

    assert made.status_code == 201
    (found,) = client.get(f"/dicom-web/studies?StudyInstanceUID={ds.StudyInstanceUID}").json()
    assert found["00100010"]["Value"] == [{"Alphabetic": RIGHT}]
    (one,) = client.get("/api/corrections").json()
    assert (one["pk"], one["kept"], one["value"], one["state"]) == (made.json()["pk"], GLUED, RIGHT, "applied")


def test_what_cannot_be_corrected_is_answered_in_words(pacs: Pacs, client: Caller, anonymous: Caller) -> None:
    ds = make_ct()
    store(pacs, ds)
    body = {"study_instance_uid": ds.StudyInstanceUID, "attribute": "PatientID", "value": "1"}

    refused = client.post("/api/corrections", json=body)
    assert (refused.status_code, "another patient" in refused.json()["detail"]) == (400, True)
    assert client.post("/api/corrections", json=body | {"study_instance_uid": "1.2.3"}).status_code == 400
    unknown = body | {"study_instance_uid": "1.2.3", "attribute": "PatientSex", "value": "M"}
    assert client.post("/api/corrections", json=unknown).status_code == 404
    assert client.post("/api/corrections/7/apply").status_code == 404
    assert client.get("/api/corrections?state=new").status_code == 400
    assert anonymous.get("/api/corrections").status_code == 401


@pytest.mark.parametrize("accept", ["application/dicom", 'multipart/related; type="application/dicom"'])
def test_an_instance_is_given_corrected_under_another_entity_tag(pacs: Pacs, client: Caller, accept: str) -> None:
    ds = make_ct(PatientName=GLUED)
    store(pacs, ds)
    path = f"/dicom-web/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}"
    before = client.get(path, headers={"accept": accept})
    body = {"study_instance_uid": ds.StudyInstanceUID, "attribute": "PatientName", "value": RIGHT}
    pk = client.post("/api/corrections", json=body).json()["pk"]

    after = client.get(path, headers={"accept": accept, "if-none-match": before.headers["etag"]})

    assert (after.status_code, after.headers["etag"] != before.headers["etag"]) == (200, True)
    assert RIGHT.encode() in after.content
    (metadata,) = client.get(f"{path}/metadata").json()
    assert metadata["00100010"]["Value"] == [{"Alphabetic": RIGHT}]
    client.post(f"/api/corrections/{pk}/revoke")
    again = client.get(path, headers={"accept": accept})
    assert (again.content, again.headers["etag"]) == (before.content, before.headers["etag"])


def test_a_study_is_given_corrected(pacs: Pacs, client: Caller) -> None:
    uids: dict[str, Any] = {"StudyInstanceUID": make_uid(), "SeriesInstanceUID": make_uid()}
    for _ in range(3):
        store(pacs, make_ct(PatientName=GLUED, **uids))
    body = {"study_instance_uid": uids["StudyInstanceUID"], "attribute": "PatientName", "value": RIGHT}
    client.post("/api/corrections", json=body)

    answer = client.get(f"/dicom-web/studies/{uids['StudyInstanceUID']}", headers={"accept": "multipart/related"})

    assert [dcmread(io.BytesIO(part)).PatientName for _, part in parts_of(answer)] == [RIGHT] * 3
