"""The worklist over HTTP: a RIS puts work into it, a reader finds, claims and completes it (PS3.18 11)."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from pacs import accounts
from pacs.context import SYSTEM, Pacs
from pacs.dicom.dicomxml import json_to_xml, xml_to_json
from pacs.dicom.media import DICOM_JSON, DICOM_XML
from pacs.dicom.workitem import FILTERED_WORKLIST, WORKLIST
from tests.web.conftest import Caller, Door
from tests.workitem import AE, PERFORMED, Json, change_of_state, data_set, make_workitem, tag_of, value_of

UID, MINE, OTHER = "1.2.826.0.1.3680043.10.1557.9.1", "2.25.11", "2.25.12"
WORKITEMS = "/dicom-web/workitems"
TYPED = {"content-type": DICOM_JSON}
MODIFIED = '299 filmless "The Workitem was created with modifications."'


@pytest.fixture
def ris(client: Caller, door: Door) -> Iterator[httpx.Client]:
    """A program of another maker's library, with the rights of a modality."""
    headers = {name: str(value) for name, value in client.headers.items()}
    with httpx.Client(base_url=door.url, headers=headers, trust_env=False) as ris:
        yield ris


def post(ris: httpx.Client, path: str, content: Json | list[Json] | None = None) -> httpx.Response:
    if content is None:
        return ris.post(WORKITEMS + path)
    return ris.post(WORKITEMS + path, content=json.dumps(content).encode(), headers=TYPED)


def put_state(ris: httpx.Client, state: str, transaction_uid: str = MINE) -> httpx.Response:
    content = json.dumps([change_of_state(state, transaction_uid)]).encode()
    return ris.put(f"{WORKITEMS}/{UID}/state", content=content, headers=TYPED)


def said(answer: httpx.Response) -> tuple[int, str]:
    """The status, and what the Warning header says."""
    return answer.status_code, answer.headers.get("warning", "").removeprefix('299 filmless "').removesuffix('"')


def test_a_workitem_goes_its_way(ris: httpx.Client) -> None:
    made = post(ris, f"?{UID}", [make_workitem()])
    assert made.status_code == 201
    assert made.headers["location"].endswith(f"{WORKITEMS}/{UID}")
    assert made.headers["warning"] == MODIFIED
    assert post(ris, f"?{UID}", make_workitem()).status_code == 409

    assert put_state(ris, "IN PROGRESS").status_code == 200
    assert said(put_state(ris, "IN PROGRESS")) == (
        409,
        "The submitted request is inconsistent with the state of the UPS Instance. It is IN PROGRESS.",
    )
    assert said(put_state(ris, "IN PROGRESS", OTHER)) == (400, "The Transaction UID is incorrect.")
    assert said(put_state(ris, "COMPLETED", "")) == (400, "The Transaction UID is missing.")
    refused = put_state(ris, "COMPLETED")
    assert refused.status_code == 409
    assert "PerformedWorkitemCodeSequence" in refused.json()["detail"]

    changes = data_set(UnifiedProcedureStepPerformedProcedureSequence=[PERFORMED])
    assert said(post(ris, f"/{UID}", changes)) == (400, "The Transaction UID is missing.")
    assert post(ris, f"/{UID}?transaction-uid={MINE}", changes).status_code == 200
    assert post(ris, f"/{UID}?{MINE}", data_set(ProcedureStepLabel="Read and found well")).status_code == 200
    assert put_state(ris, "COMPLETED").status_code == 200
    assert said(put_state(ris, "COMPLETED")) == (200, "The UPS is already in the requested state of COMPLETED.")
    assert post(ris, f"/{UID}?{MINE}", changes).status_code == 400
    assert post(ris, f"/{UID}/cancelrequest").status_code == 409

    (kept,) = ris.get(f"{WORKITEMS}/{UID}").json()
    assert value_of(kept, "ProcedureStepLabel") == "Read and found well"
    assert value_of(kept, "SOPInstanceUID") == UID
    assert tag_of("TransactionUID") not in kept


def test_what_nobody_has_claimed_is_cancelled_when_somebody_asks(ris: httpx.Client) -> None:
    post(ris, f"?{UID}", make_workitem())
    assert post(ris, f"/{UID}/cancelrequest/RIS2", data_set(ReasonForCancellation="Twice ordered")).status_code == 202
    assert said(post(ris, f"/{UID}/cancelrequest")) == (202, "The UPS is already in the requested state of CANCELED.")
    assert said(put_state(ris, "CANCELLED")) == (400, "The Transaction UID is incorrect.")


def test_workitems_are_told_in_xml_as_in_json(ris: httpx.Client) -> None:
    given = make_workitem()
    boundary = "boundary"
    body = b"--boundary\r\nContent-Type: application/dicom+xml\r\n\r\n" + json_to_xml(given) + b"\r\n--boundary--\r\n"
    multipart = {"content-type": f'multipart/related; type="{DICOM_XML}"; boundary={boundary}'}
    assert ris.post(f"{WORKITEMS}?{UID}", content=body, headers=multipart).status_code == 201
    assert ris.post(f"{WORKITEMS}?{OTHER}", content=json_to_xml(given), headers={"content-type": DICOM_XML}).is_success

    (as_json,) = ris.get(f"{WORKITEMS}/{UID}", headers={"accept": DICOM_JSON}).json()
    assert value_of(as_json, "PatientName") == {"Alphabetic": "NGUYỄN^THỊ ÁNH ĐÀO"}
    single = ris.get(f"{WORKITEMS}/{UID}", headers={"accept": DICOM_XML})
    assert xml_to_json(single.content) == as_json
    both = ris.get(WORKITEMS, headers={"accept": f'multipart/related; type="{DICOM_XML}"'})
    assert both.headers["content-type"].startswith("multipart/related")
    assert both.content.count(b"<NativeDicomModel") == 2


def test_a_search_answers_what_was_asked_for(ris: httpx.Client) -> None:
    assert ris.get(WORKITEMS).status_code == 204
    for number in range(3):
        made = post(ris, "", make_workitem(SOPInstanceUID=f"{UID}.{number}", CommentsOnTheScheduledProcedureStep="x"))
        assert made.status_code == 201

    query = "ScheduledStationNameCodeSequence.CodeValue=AI1&00741000=SCHEDULED&PatientName=nguy*"
    (one,) = ris.get(f"{WORKITEMS}?{query}&limit=1&offset=1").json()
    assert value_of(one, "SOPInstanceUID") == f"{UID}.1"
    assert tag_of("CommentsOnTheScheduledProcedureStep") not in one
    (one,) = ris.get(f"{WORKITEMS}?limit=1&includefield=CommentsOnTheScheduledProcedureStep").json()
    assert value_of(one, "CommentsOnTheScheduledProcedureStep") == "x"
    assert len(ris.get(f"{WORKITEMS}?limit=1&includefield=all").json()[0]) > len(one)
    unknown = ris.get(f"{WORKITEMS}?00091001=x")
    assert (unknown.status_code, len(unknown.json()), said(unknown)[1]) == (200, 3, "not honoured: 00091001")


def test_more_than_may_be_answered_is_answered_in_part(ris: httpx.Client, pacs: Pacs) -> None:
    object.__setattr__(pacs.settings, "query_limit", 2)
    for number in range(3):
        post(ris, f"?{UID}.{number}", make_workitem())
    first = ris.get(WORKITEMS)
    assert (first.status_code, len(first.json())) == (206, 2)
    rest = ris.get(f"{WORKITEMS}?offset=2")
    assert (rest.status_code, len(rest.json())) == (200, 1)


WRONG: list[Json] = [
    {"nonsense": {"vr": "LO", "Value": ["x"]}},
    {"00741204": "x"},
    {"00741204": {"vr": "LO", "Value": ["\ud800"]}},
    {"00741204": {"vr": "LO", "Value": [1]}},
    {"00741204": {"vr": "LO", "BulkDataURI": "x"}},
    {"00100010": {"vr": "PN", "Value": ["DOE^JOHN"]}},
    {"00091001": {"vr": ["LO"], "Value": ["x"]}},
    {"00091001": {"vr": "OB", "InlineBinary": "\u00e9"}},
    {"00200013": {"vr": "IS", "Value": [1.5]}},
    {"00404021": {"vr": "SQ", "Value": ["x"]}},
    {"00404021": {"vr": "SQ", "Value": {"x": 1}}},
]


@pytest.mark.parametrize(
    ("path", "content", "content_type", "status"),
    [
        (f"?{UID}", json.dumps(make_workitem(ProcedureStepLabel=None)), DICOM_JSON, 400),
        (f"?{UID}", "{", DICOM_JSON, 400),
        (f"?{UID}", "[]", DICOM_JSON, 400),
        (f"?{UID}", '[{"00741204":{"vr":"LO","Value":"x"}}]', DICOM_JSON, 400),
        (f"?{UID}", "[" * 100_000, DICOM_JSON, 400),
        *[(f"?{UID}", json.dumps(make_workitem() | wrong), DICOM_JSON, 400) for wrong in WRONG],
        (f"?{UID}", " " * (1 << 20) + "{}", DICOM_JSON, 413),
        (f"?{UID}", "x", "text/plain", 415),
        (f"?{UID}", "x", "application/dicom+xml", 400),
        (f"?{UID}", "x", "multipart/related; type=text/plain; boundary=x", 415),
        (f"?{UID}", "x", "multipart/related; boundary=x", 400),
        (f"?{UID}&{OTHER}", json.dumps(make_workitem()), DICOM_JSON, 400),
        (f"/{UID}", json.dumps(data_set(ProcedureStepLabel="x")), DICOM_JSON, 404),
        ("/nonsense", json.dumps(data_set(ProcedureStepLabel="x")), DICOM_JSON, 400),
        (f"/{UID}/cancelrequest", "", "", 404),
        (f"/2.25.{'1' * 5000}/cancelrequest", "", "", 400),
        (f"/{UID}/subscribers/{AE}", "", "", 404),
        (f"/{WORKLIST}/subscribers/{AE}?deletionlock=perhaps", "", "", 400),
        (f"/{FILTERED_WORKLIST}/subscribers/{AE}", "", "", 400),
        (f"/{WORKLIST}/subscribers/{'X' * 17}", "", "", 400),
        (f"/{WORKLIST}/subscribers/{AE}/suspend", "", "", 404),
        (f"/{UID}/subscribers/{AE}/suspend", "", "", 400),
    ],
)
def test_what_cannot_be_done_is_refused(
    ris: httpx.Client, path: str, content: str, content_type: str, status: int
) -> None:
    answer = ris.post(WORKITEMS + path, content=content.encode(), headers={"content-type": content_type})
    assert answer.status_code == status, answer.text


def test_what_is_not_there_or_not_in_this_form_is_said_so(ris: httpx.Client) -> None:
    assert ris.get(f"{WORKITEMS}/{UID}").status_code == 404
    assert ris.get(f"{WORKITEMS}/1.x").status_code == 400
    assert ris.get(f"{WORKITEMS}?limit=x").status_code == 400
    assert ris.get(f"{WORKITEMS}?ProcedureStepState=A%00B").status_code == 400
    assert ris.delete(f"{WORKITEMS}/{WORKLIST}/subscribers/{AE}").status_code == 404
    post(ris, f"?{UID}", make_workitem())
    assert ris.get(f"{WORKITEMS}/{UID}", headers={"accept": "text/html"}).status_code == 406


def test_a_subscription_names_the_channel_of_its_events(ris: httpx.Client) -> None:
    made = post(ris, f"/{WORKLIST}/subscribers/{AE}?deletionlock=true")
    assert made.status_code == 201
    assert made.headers["content-location"] == f"ws://pacs.example/dicom-web/subscribers/{AE}"
    keys = quote("ProcedureStepState=SCHEDULED,PatientID=0004*", safe="")
    assert post(ris, f"/{FILTERED_WORKLIST}/subscribers/{AE}?filter={keys}").status_code == 201
    assert post(ris, f"/{WORKLIST}/subscribers/{AE}/suspend").status_code == 200
    assert ris.delete(f"{WORKITEMS}/{WORKLIST}/subscribers/{AE}").status_code == 200


@pytest.mark.parametrize(("role", "status"), [("modality", 204), ("referrer", 403), ("auditor", 403), (None, 401)])
def test_the_worklist_is_for_those_who_work_by_it(anonymous: Caller, pacs: Pacs, role: str | None, status: int) -> None:
    headers = {"authorization": f"Bearer {accounts.create_token(pacs, SYSTEM, role)}"} if role else {}
    with closing(anonymous.get(WORKITEMS, headers=headers)) as answer:
        assert answer.status_code == status
    body: Any = json.dumps(make_workitem()).encode()
    with closing(anonymous.post(f"{WORKITEMS}?{UID}", data=body, headers={**headers, **TYPED})) as answer:
        assert answer.status_code == (201 if status == 204 else status)
