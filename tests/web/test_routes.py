"""Routes and the queue by our API."""

from typing import Any

import pytest

from pacs import accounts
from pacs.context import SYSTEM, Pacs
from pacs.peers import directory
from pacs.workflow import routing
from tests.make import make_ct, make_uid
from tests.web.conftest import Caller
from tests.web.test_wado import store


@pytest.fixture(autouse=True)
def known(pacs: Pacs) -> None:
    directory.add(pacs, SYSTEM, "PEER", "127.0.0.1", 104)


def body(**changes: Any) -> dict[str, Any]:
    rule = {"modalities": ["CT"], "hours": "18:00-07:00"}
    return {"name": "night", "rule": rule, "destination": "PEER", "priority": 2, "enabled": True} | changes


def test_a_route_is_made_shown_changed_and_forgotten(client: Caller) -> None:
    made = client.post("/api/routes", json=body(token="secret"))
    assert made.status_code == 201
    pk = made.json()["pk"]

    (route,) = client.get("/api/routes").json()
    assert route.pop("created_at").endswith(("Z", "+00:00"))
    assert route == {"pk": pk, **body()}

    assert client.put(f"/api/routes/{pk}", json=body(rule={}, enabled=False)).status_code == 204
    (route,) = client.get("/api/routes").json()
    assert (route["rule"], route["enabled"]) == ({}, False)
    assert client.delete(f"/api/routes/{pk}").status_code == 204
    assert client.get("/api/routes").json() == []
    assert client.delete(f"/api/routes/{pk}").status_code == 404


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"rule": {"hours": "evening"}}, 400, "rule.hours"),
        ({"rule": {"weekdays": [8]}}, 400, "rule.weekdays"),
        ({"rule": {"modality": "CT"}}, 400, "rule.modality"),
        ({"destination": "NOBODY"}, 404, "no peer is called NOBODY"),
        ({"destination": "ftp://x"}, 400, "destination"),
        ({"name": ""}, 400, "name"),
        ({"priority": "high"}, 400, "priority"),
    ],
)
def test_a_route_that_cannot_be_is_refused_by_the_name_of_its_field(
    client: Caller, changes: dict[str, Any], status: int, words: str
) -> None:
    answer = client.post("/api/routes", json=body(**changes))

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]


def test_a_rule_is_tried_before_it_is_made(client: Caller, pacs: Pacs) -> None:
    ds = make_ct()
    store(pacs, ds)

    found = client.post("/api/routes/dry-run", json={"rule": {"modalities": ["CT"]}, "days": 7}).json()

    assert (found["series"], found["instances"]) == (1, 1)
    assert found["examples"] == [
        {
            "study_instance_uid": ds.StudyInstanceUID,
            "patient_name": ds.PatientName,
            "study_date": ds.StudyDate,
            "modality": "CT",
            "series_description": ds.SeriesDescription,
            "instances": 1,
        }
    ]


def test_the_queue_is_shown_and_obeys(client: Caller, pacs: Pacs) -> None:
    ds = make_ct()
    store(pacs, ds)
    sent = client.post("/api/deliveries", json={"study_instance_uid": ds.StudyInstanceUID, "destination": "PEER"})
    assert (sent.status_code, sent.json()) == (202, {"series": 1})

    def row() -> dict[str, Any]:
        page = client.get("/api/deliveries").json()
        assert page["total"] == 1
        found: dict[str, Any] = page["rows"][0]
        return found

    shown = row()
    times = {shown.pop("created_at"), shown.pop("next_at")}
    assert all(time.endswith(("Z", "+00:00")) for time in times)
    assert shown == {
        "pk": shown["pk"],
        "route": None,
        "destination": "PEER",
        "study_instance_uid": ds.StudyInstanceUID,
        "series_instance_uid": ds.SeriesInstanceUID,
        "patient_name": ds.PatientName,
        "study_date": ds.StudyDate,
        "modality": "CT",
        "state": "waiting",
        "priority": 0,
        "number": 1,
        "sent": 0,
        "attempts": 0,
        "why": "",
        "ended_at": None,
    }
    address = f"/api/deliveries/{shown['pk']}"
    for act, state in (("pause", "paused"), ("resume", "waiting"), ("cancel", "cancelled"), ("again", "waiting")):
        assert client.post(f"{address}/{act}").status_code == 204
        assert row()["state"] == state
    assert client.post(f"{address}/resume").status_code == 400
    assert client.put(address, json={"priority": 7}).status_code == 204
    assert row()["priority"] == 7
    assert client.get("/api/deliveries?state=waiting,paused").json()["total"] == 1
    assert client.get("/api/deliveries?state=delivered").json() == {"total": 0, "rows": []}
    assert client.get("/api/deliveries?state=lost").status_code == 400
    assert client.post("/api/deliveries/99/pause").status_code == 404


def test_what_is_not_there_is_sent_nowhere(client: Caller) -> None:
    for study, destination in ((make_uid(1), "PEER"), (make_uid(1), "NOBODY")):
        answer = client.post("/api/deliveries", json={"study_instance_uid": study, "destination": destination})
        assert answer.status_code == 404


def test_only_an_administrator_sees_it(client: Caller, anonymous: Caller, pacs: Pacs) -> None:
    routing.add_route(pacs, SYSTEM, "x", routing.Rule(), "PEER")
    assert anonymous.get("/api/routes").status_code == 401
    assert anonymous.get("/api/deliveries").status_code == 401
    client.headers["authorization"] = f"Bearer {accounts.create_token(pacs, SYSTEM, 'radiologist')}"
    assert client.get("/api/routes").status_code == 403
    assert client.get("/api/deliveries").status_code == 403
    assert client.post("/api/routes", json=body()).status_code == 403
