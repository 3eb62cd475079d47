"""Who is let in, and who is told what."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from pacs.context import SYSTEM
from pacs.index.tables import audit
from pacs.peers import directory
from pacs.upper_layer.association import associate, request_of
from tests.dimse.conftest import (
    CT,
    ECHO,
    EXPLICIT,
    IMPLICIT,
    STUDY_ROOT_FIND,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
    Door,
    RawPeer,
    associated,
    dcmtk,
    identifier,
    item,
    opened,
    pdv,
    rejection_of,
    response_of,
    store_all,
    wait_for,
)
from tests.make import make_ct

B_13_S = 1.0
"""How soon whatever is proposed must be answered."""


@pytest.fixture(scope="module")
def known_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A door that admits known peers alone. It believes to be open to the network, and listens on loopback."""
    with opened(tmp_path_factory.mktemp("known"), dicom="0.0.0.0:11112") as door:
        directory.add(door.pacs, SYSTEM, "MODALITY", "127.0.0.1", 104, may=["store"])
        directory.add(door.pacs, SYSTEM, "ELSEWHERE", "192.0.2.1", 104, may=["store", "query", "retrieve"])
        directory.add(door.pacs, SYSTEM, "BYNAME", "localhost", 104, may=["query"])
        yield door


def test_dcmtk_echoes(door: Door) -> None:
    done = dcmtk("echoscu", "-aec", "PACS", "127.0.0.1", door.port)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("called", "calling", "reason"),
    [("OTHER", "MODALITY", 7), ("PACS", "STRANGER", 3), ("PACS", "ELSEWHERE", 3), ("pacs", "MODALITY", 7)],
)
def test_strangers_are_rejected_and_it_is_written_down(
    known_only: Door, called: str, calling: str, reason: int
) -> None:
    with associated(known_only, [(ECHO, [EXPLICIT])], called=called, calling=calling) as association:
        assert rejection_of(association) == (1, 1, reason)

    wait_for(lambda: (calling, "127.0.0.1") in rejections(known_only))


def rejections(door: Door) -> list[tuple[str, str]]:
    """AE title and address of everyone whose rejection is in the audit trail."""
    rejected = select(audit.c.actor, audit.c.address).where(audit.c.action == "association-rejected")
    with door.pacs.database.read() as connection:
        return [(row.actor, row.address) for row in connection.execute(rejected)]


@pytest.mark.parametrize("calling", ["MODALITY", "BYNAME"])
def test_known_peers_are_let_in(known_only: Door, calling: str) -> None:
    with associated(known_only, [(ECHO, [EXPLICIT])], calling=calling) as association:
        assert association.send_c_echo().Status == 0


def test_a_peer_does_only_what_it_may(known_only: Door) -> None:
    services = (STUDY_ROOT_FIND, STUDY_ROOT_MOVE, STUDY_ROOT_GET)
    contexts = [(CT, [EXPLICIT]), *((service, [EXPLICIT]) for service in services)]
    keys = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.3")

    with associated(known_only, contexts, calling="MODALITY") as association:
        assert association.send_c_store(make_ct()).Status == 0
        found = [status.Status for status, _ in association.send_c_find(keys, STUDY_ROOT_FIND)]
        moved = [status.Status for status, _ in association.send_c_move(keys, "NOBODY", STUDY_ROOT_MOVE)]
        got = [status.Status for status, _ in association.send_c_get(keys, STUDY_ROOT_GET)]
    with associated(known_only, contexts, calling="BYNAME") as association:
        refused = association.send_c_store(make_ct())
        found_nothing = [status.Status for status, _ in association.send_c_find(keys, STUDY_ROOT_FIND)]

    assert (found, moved, got) == ([0x0124], [0x0124], [0x0124])
    assert refused.Status == 0x0124
    assert "no right to store" in refused.ErrorComment
    assert found_nothing == [0]


def test_an_unknown_and_a_private_sop_class_are_stored(door: Door) -> None:
    future = make_ct(SOPClassUID="1.2.840.10008.5.1.4.1.1.9999")
    private = make_ct(SOPClassUID="1.2.826.0.1.3680043.10.1557.99")

    assert store_all(door, future, private) == [0, 0]


def test_a_service_we_do_not_have_is_not_agreed_on(door: Door) -> None:
    with associated(door, [("1.2.840.10008.5.1.4.31", [IMPLICIT]), (ECHO, [IMPLICIT])]) as association:
        assert [context.abstract_syntax for context in association.accepted_contexts] == [ECHO]
        assert association.rejected_contexts[0].result == 3


def test_a_command_that_a_context_does_not_have_is_answered(door: Door) -> None:
    n_create = bytes.fromhex("0000 0001 0200 0000 4001 0000 1001 0200 0000 0900 0000 0008 0200 0000 0101")

    with RawPeer(door) as peer:
        peer.associate()
        peer.send(pdv(3, n_create))
        _, answer = peer.receive_pdu()

    response = response_of(answer[6:])
    assert response[0x0100] == bytes.fromhex("4081")
    assert response[0x0120] == bytes.fromhex("0900")
    assert response[0x0900] == bytes.fromhex("1102")  # 0211, unrecognized operation


def test_a_cancel_that_comes_too_late_changes_nothing(door: Door) -> None:
    with associated(door, [(STUDY_ROOT_FIND, [EXPLICIT])]) as association:
        association.send_c_cancel(7, query_model=STUDY_ROOT_FIND)
        keys = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.3")
        assert [status.Status for status, _ in association.send_c_find(keys, STUDY_ROOT_FIND)] == [0]


@pytest.mark.parametrize(
    ("application_context", "version", "answer"),
    [(b"1.2.3", 1, (1, 1, 2)), (b"1.2.840.10008.3.1.1.1", 2, (1, 2, 2))],
)
def test_another_protocol_is_rejected(
    door: Door, application_context: bytes, version: int, answer: tuple[int, int, int]
) -> None:
    context = item(0x20, b"\1\0\0\0" + item(0x30, ECHO.encode()) + item(0x40, EXPLICIT.encode()))
    body = version.to_bytes(2, "big") + b"\0\0" + b"PACS".ljust(16) + b"RAW".ljust(16) + bytes(32)
    body += item(0x10, application_context) + context

    with RawPeer(door) as peer:
        peer.socket.sendall(b"\1\0" + len(body).to_bytes(4, "big") + body)
        assert peer.receive_pdu() == (3, bytes([0, *answer]))
        assert peer.is_closed()


def proposed(number: int, syntaxes: bytes = item(0x40, EXPLICIT.encode())) -> bytes:
    return item(0x20, bytes([number, 0, 0, 0]) + item(0x30, ECHO.encode()) + syntaxes)


@pytest.mark.parametrize(
    ("items", "answer"),
    [
        pytest.param(proposed(1), 2, id="one context"),
        pytest.param(proposed(1) + proposed(1), 7, id="an id twice"),
        pytest.param(proposed(2), 7, id="an even id"),
        pytest.param(proposed(1, b""), 2, id="a context without transfer syntaxes"),
        pytest.param(b"".join(proposed(number % 256) for number in range(1, 400, 2)), 7, id="200 contexts"),
        pytest.param(item(0x20, b"") * 30_000, 7, id="30,000 empty contexts"),
        pytest.param(proposed(1, item(0x40, b"1") * 13_000), 2, id="13,000 transfer syntaxes"),
        pytest.param(proposed(1) + item(0x50, item(0x5F, b"") * 16_000), 2, id="64 kB of user information"),
        pytest.param(proposed(1) + item(0x50, item(0x54, b"\0\1\61\0\0") * 7_000), 2, id="7,000 roles"),
    ],
)
def test_whatever_is_proposed_is_answered_at_once(door: Door, items: bytes, answer: int) -> None:
    """B-13. answer: 2 for A-ASSOCIATE-AC, 7 for A-ABORT."""
    body = b"\0\1\0\0" + b"PACS".ljust(16) + b"RAW".ljust(16) + bytes(32)
    body += item(0x10, b"1.2.840.10008.3.1.1.1") + items

    with RawPeer(door) as peer:
        peer.socket.settimeout(B_13_S)
        peer.socket.sendall(b"\1\0" + len(body).to_bytes(4, "big") + body)
        assert peer.receive_pdu()[0] == answer


def test_128_contexts_of_60_syntaxes_are_answered(door: Door) -> None:
    """B-13."""
    syntaxes = [EXPLICIT, *(f"1.2.840.10008.1.2.4.{number}" for number in range(300, 359))]
    request = request_of("TEST", "PACS", [(f"{CT}.{number}", syntaxes) for number in range(128)])

    with associate(("127.0.0.1", door.port), request, timeout_s=B_13_S) as association:
        assert len(association.contexts) == 128
        association.release()
    with associated(door, [(f"{CT}.{number}", syntaxes) for number in range(128)]) as association:
        assert {context.transfer_syntax[0] for context in association.accepted_contexts} == {EXPLICIT}
        assert len(association.accepted_contexts) == 128
