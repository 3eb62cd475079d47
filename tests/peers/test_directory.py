"""The peers we know."""

from typing import Any

import pytest
from sqlalchemy import select

from pacs.context import SYSTEM, Actor, Pacs
from pacs.errors import NotAllowed, NotFound
from pacs.index.tables import audit
from pacs.peers import directory
from pacs.peers.directory import Peer


def test_a_peer_is_known_once_it_was_added(pacs: Pacs) -> None:
    directory.add(pacs, SYSTEM, " CT 1 ", "10.0.0.5", 104, may=["store", " query"], charset="ISO_IR 100")

    assert directory.by_ae_title(pacs, "CT 1") == Peer(
        "CT 1", "10.0.0.5", 104, frozenset({"store", "query"}), "ISO_IR 100"
    )
    assert directory.by_ae_title(pacs, "ct 1") is None


def test_a_peer_that_is_added_again_is_replaced(pacs: Pacs) -> None:
    directory.add(pacs, SYSTEM, "CT", "10.0.0.5", 104, may=["store"])
    directory.add(pacs, SYSTEM, "MR", "10.0.0.6", 104)
    directory.add(pacs, SYSTEM, "CT", "10.0.0.7", 11112, may=["retrieve"])

    assert directory.all_peers(pacs, SYSTEM) == [
        Peer("CT", "10.0.0.7", 11112, frozenset({"retrieve"})),
        Peer("MR", "10.0.0.6", 104, frozenset()),
    ]


def test_a_peer_that_was_removed_is_forgotten(pacs: Pacs) -> None:
    directory.add(pacs, SYSTEM, "CT", "10.0.0.5", 104)

    directory.remove(pacs, SYSTEM, "CT")

    assert directory.all_peers(pacs, SYSTEM) == []
    with pytest.raises(NotFound):
        directory.remove(pacs, SYSTEM, "CT")


def test_what_was_done_is_written_down(pacs: Pacs) -> None:
    directory.add(pacs, SYSTEM, "CT", "10.0.0.5", 104, may=["store"])
    directory.remove(pacs, SYSTEM, "CT")

    with pacs.database.read() as connection:
        rows = connection.execute(select(audit.c.action, audit.c.detail)).all()
    assert [tuple(row) for row in rows] == [("peer-added", "CT may store"), ("peer-removed", "CT")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"ae_title": ""},
        {"ae_title": "SEVENTEEN LETTERS"},
        {"ae_title": "A\\B"},
        {"ae_title": "A\nB"},
        {"ae_title": "ĐÀO"},
        {"host": ""},
        {"host": "two words"},
        {"port": 0},
        {"port": 65536},
        {"may": ["administer"]},
        {"may": ["everything"]},
        {"may": ["store", "worklist"]},
        {"charset": "ISO_IR 999"},
        {"certificate": "ab" * 32},
        {"certificate": "ab", "tls": True},
        {"max_associations": 0},
        {"max_per_minute": 100_000},
    ],
)
def test_what_no_peer_can_be_is_refused(pacs: Pacs, wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"ae_title": "CT", "host": "10.0.0.5", "port": 104, "may": ["store"], "charset": ""}

    with pytest.raises(ValueError, match=r"\S"):
        directory.add(pacs, SYSTEM, **(right | wrong))
    assert directory.all_peers(pacs, SYSTEM) == []


def test_what_is_changed_is_changed_and_the_rest_stays(pacs: Pacs) -> None:
    directory.add(pacs, SYSTEM, "CT", "10.0.0.5", 104, may=["store"], charset="ISO_IR 100", max_associations=4)

    directory.change(pacs, SYSTEM, "CT", {"tls": True, "certificate": "AB:" * 31 + "AB", "may": ["store", "commit"]})

    assert directory.by_ae_title(pacs, "CT") == Peer(
        "CT",
        "10.0.0.5",
        104,
        frozenset({"store", "commit"}),
        "ISO_IR 100",
        tls=True,
        certificate="ab" * 32,
        max_associations=4,
    )
    with pytest.raises(NotFound):
        directory.change(pacs, SYSTEM, "MR", {"tls": True})


def test_a_right_that_is_not_there_yet_is_named(pacs: Pacs) -> None:
    with pytest.raises(ValueError, match="no service for 'worklist' yet: the rights of a peer are commit, query"):
        directory.add(pacs, SYSTEM, "CT", "10.0.0.5", 104, may=["store", "worklist"])


def test_only_an_administrator_changes_who_is_known(pacs: Pacs) -> None:
    radiologist = Actor("person", "radiologist", permissions=frozenset({"store", "query", "retrieve"}))

    with pytest.raises(NotAllowed):
        directory.add(pacs, radiologist, "CT", "10.0.0.5", 104)
    with pytest.raises(NotAllowed):
        directory.remove(pacs, radiologist, "CT")
    with pytest.raises(NotAllowed):
        directory.all_peers(pacs, radiologist)


@pytest.mark.parametrize(
    ("host", "address", "expected"),
    [
        ("10.0.0.5", "10.0.0.5", True),
        ("10.0.0.5", "::ffff:10.0.0.5", True),
        ("10.0.0.5", "10.0.0.6", False),
        ("::1", "::1", True),
        ("fe80::1", "fe80::1%eth0", True),
        ("localhost", "127.0.0.1", True),
        ("no-such-host.invalid", "127.0.0.1", False),
    ],
)
def test_a_peer_is_where_its_host_is(host: str, address: str, expected: bool) -> None:
    assert Peer("CT", host, 104, frozenset()).is_at(address) is expected
