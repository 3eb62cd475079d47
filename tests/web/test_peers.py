"""What an administrator's page asks of peers."""

from datetime import UTC, datetime

import pytest

from pacs import accounts
from pacs.context import SYSTEM, Pacs
from pacs.peers import directory, history
from pacs.peers.history import Ending
from pacs.upper_layer.association import request_of
from pacs.upper_layer.errors import Rejected
from pacs.upper_layer.pdu import AnsweredContext
from tests.web.conftest import Caller

CT1 = {
    "ae_title": "CT1",
    "host": "10.0.0.5",
    "port": 104,
    "may": ["commit", "store"],
    "charset": "",
    "tls": True,
    "certificate": "ab" * 32,
    "max_associations": 4,
    "max_per_minute": None,
    "relational": False,
    "notified": False,
    "identified": False,
    "last_seen": None,
    "last_outcome": None,
}


def knock(pacs: Pacs, ae_title: str = "MR1", address: str = "10.0.0.9") -> int:
    with pacs.database.write() as connection:
        directory.note_knock(connection, ae_title, address, "PACS", "no peer is known", 1, datetime.now(UTC))
    return next(one.pk for one in directory.knocks(pacs, SYSTEM) if one.ae_title == ae_title)


def test_a_peer_is_put_told_and_removed(client: Caller, pacs: Pacs) -> None:
    assert client.put("/api/peers/CT1", json=CT1).status_code == 204
    assert client.get("/api/peers").json() == [CT1]

    assert client.put("/api/peers/CT1", json={"port": 11112}).status_code == 204
    assert client.get("/api/peers").json() == [CT1 | {"port": 11112}]

    assert client.delete("/api/peers/CT1").status_code == 204
    assert client.get("/api/peers").json() == []
    assert client.delete("/api/peers/CT1").status_code == 404


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "needs its host"),
        ({"host": "10.0.0.5"}, "needs its port"),
        ({"host": "10.0.0.5", "port": 0}, "no port"),
        ({"host": "10.0.0.5", "port": 104, "may": ["worklist"]}, "no service for 'worklist' yet"),
        ({"host": "10.0.0.5", "port": 104, "certificate": "ab" * 32}, "over TLS"),
        ({"host": "10.0.0.5", "port": 104, "max_associations": 0}, "max associations"),
        ({"host": "10.0.0.5", "port": "many"}, "port"),
        ({"hots": "10.0.0.5"}, "hots"),
    ],
)
def test_a_peer_that_cannot_be_is_explained(client: Caller, body: dict[str, object], words: str) -> None:
    answer = client.put("/api/peers/CT1", json=body)

    assert answer.status_code == 400
    assert words in answer.json()["detail"]


def test_an_echo_is_explained(client: Caller, pacs: Pacs) -> None:
    directory.add(pacs, SYSTEM, "A/B", "no-such-host.invalid", 104)

    answer = client.post("/api/peers/A%2FB/echo").json()

    assert answer["succeeded"] is False
    assert "no machine is called" in answer["explanation"]


def test_associations_are_told_newest_first(client: Caller, pacs: Pacs) -> None:
    directory.add(pacs, SYSTEM, "CT1", "10.0.0.5", 104)
    request = request_of("CT1", "PACS", [("1.2.840.10008.1.1", ["1.2.840.10008.1.2"]), ("1.2.3", ["1.2.4"])])
    answers = (AnsweredContext(1, 0, "1.2.840.10008.1.2"), AnsweredContext(3, 3, ""))
    began = datetime(2026, 11, 24, 8, 0, 0, tzinfo=UTC)
    history.write(pacs, Ending("CT1", "10.0.0.5", False, began, request, answers, {(0x30, 0): 2}))
    history.write(pacs, Ending("CT1", "10.0.0.5", False, began, request, error=Rejected(1, 1, 7), why="it calls 'X'"))

    newest, oldest = client.get("/api/peers/CT1/associations").json()

    assert (newest["outcome"], newest["why"], newest["requests"]) == ("rejected", "it calls 'X'", [])
    assert oldest["began_at"] == "2026-11-24T08:00:00+00:00"
    assert (oldest["outcome"], oldest["outgoing"], oldest["address"]) == ("released", False, "10.0.0.5")
    assert oldest["requests"] == [{"service": "C-ECHO", "status": "0000", "count": 2}]
    assert oldest["contexts"] == [
        {
            "abstract_syntax": "1.2.840.10008.1.1",
            "name": "Verification SOP Class",
            "proposed": ["Implicit VR Little Endian"],
            "more": 0,
            "accepted": "Implicit VR Little Endian",
            "result": 0,
            "why": "",
        },
        {
            "abstract_syntax": "1.2.3",
            "name": "1.2.3",
            "proposed": ["1.2.4"],
            "more": 0,
            "accepted": "",
            "result": 3,
            "why": "this service or SOP class is not supported",
        },
    ]
    assert client.get("/api/peers").json()[0]["last_outcome"] == "rejected"


def test_who_knocked_is_admitted_or_forgotten(client: Caller, pacs: Pacs) -> None:
    pk = knock(pacs)
    other = knock(pacs, "US1")
    assert [one["ae_title"] for one in client.get("/api/knocks").json()] == ["US1", "MR1"]

    admitted = client.post(f"/api/knocks/{pk}/admit", json={"may": ["store"], "port": 11112}).json()
    assert (admitted["ae_title"], admitted["host"], admitted["port"]) == ("MR1", "10.0.0.9", 11112)
    assert client.delete(f"/api/knocks/{other}").status_code == 204
    assert client.get("/api/knocks").json() == []
    assert client.post(f"/api/knocks/{pk}/admit", json={}).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/peers"),
        ("PUT", "/api/peers/CT1"),
        ("DELETE", "/api/peers/CT1"),
        ("POST", "/api/peers/CT1/echo"),
        ("GET", "/api/peers/CT1/associations"),
        ("GET", "/api/knocks"),
        ("POST", "/api/knocks/1/admit"),
        ("DELETE", "/api/knocks/1"),
    ],
)
def test_only_an_administrator_sees_peers(anonymous: Caller, pacs: Pacs, method: str, path: str) -> None:
    assert anonymous.request(method, path).status_code == 401

    radiologist = accounts.create_token(pacs, SYSTEM, "radiologist")
    assert anonymous.request(method, path, headers={"authorization": f"Bearer {radiologist}"}).status_code == 403
