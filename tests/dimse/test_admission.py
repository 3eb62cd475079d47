"""Who is let in, what each may do, how often; who was turned away, and what was written down of it all (S-11)."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import UserIdentityNegotiation
from sqlalchemy import func, select

from pacs import accounts
from pacs.context import SYSTEM
from pacs.dimse import limits
from pacs.index.tables import audit, knock
from pacs.peers import directory, history
from pacs.peers.directory import Peer
from pacs.peers.history import Record
from pacs.upper_layer.errors import Rejected
from tests.dimse.conftest import (
    CT,
    ECHO,
    EXPLICIT,
    STUDY_ROOT_FIND,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
    Door,
    associated,
    dcmtk,
    identifier,
    opened,
    rejection_of,
    wait_for,
)
from tests.make import make_ct, make_uid

COMMITMENT = "1.2.840.10008.1.20.1"
SERVICES = (ECHO, CT, STUDY_ROOT_FIND, STUDY_ROOT_MOVE, STUDY_ROOT_GET, COMMITMENT)
PASSWORD = "correct horse battery"


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Door]:
    """A door that admits known peers alone. It believes to be open to the network, and listens on loopback."""
    with opened(tmp_path / "data", dicom="0.0.0.0:11112") as door:
        yield door


def admit(door: Door, ae_title: str, host: str = "127.0.0.1", **values: object) -> None:
    directory.add(door.pacs, SYSTEM, ae_title, host, 104, **values)  # type: ignore[arg-type]


def written(door: Door, ae_title: str, number: int = 1) -> list[Record]:
    """The history of a peer, once it has so many associations."""
    wait_for(lambda: len(history.of_peer(door.pacs, SYSTEM, ae_title)) >= number)
    return history.of_peer(door.pacs, SYSTEM, ae_title)


def audited(door: Door, action: str) -> list[str]:
    with door.pacs.database.read() as connection:
        return list(connection.execute(select(audit.c.detail).where(audit.c.action == action)).scalars())


def asked(association: Association) -> dict[str, int]:
    """The status of each service, asked for in a way that finds nothing."""
    keys = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="1.2.3")
    return {
        "echo": association.send_c_echo().Status,
        "store": association.send_c_store(make_ct()).Status,
        "find": [status.Status for status, _ in association.send_c_find(keys, STUDY_ROOT_FIND)][-1],
        "move": [status.Status for status, _ in association.send_c_move(keys, "WORKSTATION", STUDY_ROOT_MOVE)][-1],
        "move to a stranger": [status.Status for status, _ in association.send_c_move(keys, "NOBODY", STUDY_ROOT_MOVE)][
            -1
        ],
        "get": [status.Status for status, _ in association.send_c_get(keys, STUDY_ROOT_GET)][-1],
        "commit": association.send_n_action(commitment(), 1, COMMITMENT, "1.2.840.10008.1.20.1.1")[0].Status,
    }


def commitment() -> Dataset:
    reference, ds = Dataset(), Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = CT, make_uid()
    ds.TransactionUID = generate_uid()
    ds.ReferencedSOPSequence = [reference]
    return ds


NO = 0x0124
MATRIX = {
    "STORER": ("store", {"find": NO, "move": NO, "move to a stranger": NO, "get": NO, "commit": NO}),
    "ASKER": ("query", {"store": NO, "move": NO, "move to a stranger": NO, "get": NO, "commit": NO}),
    "TAKER": ("retrieve", {"store": NO, "find": NO, "move to a stranger": 0xA801, "commit": NO}),
    "COMMITTER": ("commit", {"store": NO, "find": NO, "move": NO, "move to a stranger": NO, "get": NO}),
    "WORKSTATION": ("store,query,retrieve,commit", {"move to a stranger": 0xA801}),
    "NOTHING": ("", {"store": NO, "find": NO, "move": NO, "move to a stranger": NO, "get": NO, "commit": NO}),
}


def test_each_peer_does_what_it_may_and_nothing_else(guarded: Door) -> None:
    for ae_title, (may, _) in MATRIX.items():
        admit(guarded, ae_title, may=may.split(","))

    for ae_title, (_, refused) in MATRIX.items():
        contexts = [(service, [EXPLICIT]) for service in SERVICES]
        with associated(guarded, contexts, calling=ae_title) as association:
            statuses = asked(association)
        assert statuses == dict.fromkeys(statuses, 0) | refused, ae_title

    complaint = written(guarded, "STORER")[0].why
    assert "no right to C-FIND, C-GET, C-MOVE, N-ACTION" in complaint
    assert "pacs peer change STORER --may" in complaint


@pytest.mark.parametrize(
    ("calling", "called", "reason", "why"),
    [
        ("STRANGER", "PACS", 3, "no peer of this AE title is known here"),
        ("ELSEWHERE", "PACS", 3, "ELSEWHERE is known at 192.0.2.1, and this one calls from 127.0.0.1"),
        ("STRANGER", "OTHER", 7, "it calls 'OTHER', and we are 'PACS'"),
    ],
)
def test_who_is_not_known_knocks(guarded: Door, calling: str, called: str, reason: int, why: str) -> None:
    admit(guarded, "ELSEWHERE", "192.0.2.1", may=["store"])

    for _ in range(3):
        with associated(guarded, [(ECHO, [EXPLICIT])], calling=calling, called=called) as association:
            assert rejection_of(association) == (1, 1, reason)

    wait_for(lambda: [one.times for one in directory.knocks(guarded.pacs, SYSTEM)] == [3])
    (knocked,) = directory.knocks(guarded.pacs, SYSTEM)
    assert (knocked.ae_title, knocked.address, knocked.called_ae_title) == (calling, "127.0.0.1", called)
    assert why in knocked.why
    assert any(why in detail for detail in audited(guarded, "association-rejected"))


def test_who_knocked_is_admitted_from_where_he_came(guarded: Door) -> None:
    admit(guarded, "ELSEWHERE", "192.0.2.1", may=["store"])
    for calling in ("STRANGER", "ELSEWHERE"):
        with associated(guarded, [(ECHO, [EXPLICIT])], calling=calling) as association:
            assert rejection_of(association) == (1, 1, 3)
    wait_for(lambda: len(directory.knocks(guarded.pacs, SYSTEM)) == 2)

    for knocked in directory.knocks(guarded.pacs, SYSTEM):
        directory.admit(guarded.pacs, SYSTEM, knocked.pk, may=["query"] if knocked.ae_title == "STRANGER" else [])

    assert directory.knocks(guarded.pacs, SYSTEM) == []
    assert directory.by_ae_title(guarded.pacs, "STRANGER") == Peer("STRANGER", "127.0.0.1", 104, frozenset({"query"}))
    assert directory.by_ae_title(guarded.pacs, "ELSEWHERE") == Peer("ELSEWHERE", "127.0.0.1", 104, frozenset({"store"}))
    for calling in ("STRANGER", "ELSEWHERE"):
        with associated(guarded, [(ECHO, [EXPLICIT])], calling=calling) as association:
            assert association.is_established


def test_a_thousand_strangers_leave_a_thousand_rows_at_most(guarded: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacs.peers.directory.MOST_KNOCKS", 5)
    for number in range(8):
        with associated(guarded, [(ECHO, [EXPLICIT])], calling=f"STRANGER{number}") as association:
            assert rejection_of(association) == (1, 1, 3)
    wait_for(lambda: len(audited(guarded, "association-rejected")) == 8)

    assert [one.ae_title for one in directory.knocks(guarded.pacs, SYSTEM)] == [f"STRANGER{n}" for n in (7, 6, 5, 4, 3)]
    with guarded.pacs.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(knock)).scalar_one() == 5
    assert history.of_peer(guarded.pacs, SYSTEM, "STRANGER7") == []  # his knock says it all


def test_a_peer_has_so_many_associations_at_once(guarded: Door) -> None:
    admit(guarded, "LIMITED", max_associations=2)
    contexts = [(ECHO, [EXPLICIT])]

    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(associated(guarded, contexts, calling="LIMITED"))
        with associated(guarded, contexts, calling="LIMITED") as third:
            assert rejection_of(third) == (2, 3, 2)
    wait_for(lambda: _is_let_in(guarded, "LIMITED"))

    assert "2 associations open already" in next(
        one.why for one in written(guarded, "LIMITED", 4) if one.outcome == "rejected"
    )
    assert any("2 associations open already" in detail for detail in audited(guarded, "association-rejected"))


def _is_let_in(door: Door, calling: str) -> bool:
    with associated(door, [(ECHO, [EXPLICIT])], calling=calling) as association:
        return bool(association.is_established)


def test_a_peer_opens_so_many_associations_in_a_minute(guarded: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    admit(guarded, "HASTY", max_per_minute=2)
    contexts = [(ECHO, [EXPLICIT])]

    assert [_is_let_in(guarded, "HASTY") for _ in range(2)] == [True, True]
    with associated(guarded, contexts, calling="HASTY") as third:
        assert rejection_of(third) == (2, 3, 1)
    monkeypatch.setattr("pacs.dimse.limits.MINUTE_S", 0.0)

    assert [_is_let_in(guarded, "HASTY") for _ in range(3)] == [True, True, True]


HOLD = """
import sys
from pathlib import Path
from pacs.dimse.limits import Attendance, within_limits
from pacs.peers.directory import Peer

attendance = Attendance(Path(sys.argv[1]) / "dicom")
attendance.tell(3)
with within_limits(Path(sys.argv[1]) / "peers", Peer("CT/1", "10.0.0.5", 104, frozenset(), max_associations=1)):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_limits_hold_for_all_processes_and_not_for_the_dead(tmp_path: Path) -> None:
    own, peer = limits.Attendance(tmp_path / "dicom"), Peer("CT/1", "10.0.0.5", 104, frozenset(), max_associations=1)
    own.tell(1)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"

        with pytest.raises(Rejected, match="as many as it may"), limits.within_limits(tmp_path / "peers", peer):
            pytest.fail("let in")
        assert own.total() == 4
        other.kill()

    with limits.within_limits(tmp_path / "peers", peer):
        pass
    later = limits.Attendance(tmp_path / "dicom")
    assert later.total() == 1
    later.close()
    own.close()


def test_a_peer_without_limits_leaves_no_files(tmp_path: Path) -> None:
    with limits.within_limits(tmp_path / "peers", Peer("CT1", "10.0.0.5", 104, frozenset())):
        assert not (tmp_path / "peers").exists()


def identity(
    kind: int, primary: bytes, secondary: bytes = b"", *, wants_answer: bool = True
) -> UserIdentityNegotiation:
    item = UserIdentityNegotiation()
    item.user_identity_type, item.positive_response_requested = kind, wants_answer
    item.primary_field, item.secondary_field = primary, secondary
    return item


@pytest.fixture
def people(guarded: Door) -> Door:
    """Anna may store and more, Ref may not store; DEVICE asks nobody who he is, CONSOLE everybody."""
    accounts.add_account(guarded.pacs, SYSTEM, "anna", PASSWORD, "radiologist")
    accounts.add_account(guarded.pacs, SYSTEM, "ref", PASSWORD, "referrer")
    admit(guarded, "DEVICE", may=["store"])
    admit(guarded, "CONSOLE", may=["store"], identified=True)
    return guarded


@pytest.mark.parametrize(
    ("calling", "said", "is_answered", "status"),
    [
        ("DEVICE", None, False, 0),
        ("DEVICE", identity(1, b"anna"), True, 0),
        ("DEVICE", identity(1, b"anna", wants_answer=False), False, 0),
        ("DEVICE", identity(1, b"nobody"), False, 0),
        ("DEVICE", identity(1, b"ref"), True, NO),
        ("DEVICE", identity(2, b"anna", PASSWORD.encode()), True, 0),
        ("DEVICE", identity(2, b"Anna", PASSWORD.encode(), wants_answer=False), False, 0),
        ("DEVICE", identity(2, b"ref", PASSWORD.encode()), True, NO),
        ("DEVICE", identity(2, b"anna", b"wrong"), None, None),
        ("DEVICE", identity(2, b"nobody", b"wrong"), None, None),
        ("DEVICE", identity(3, b"a ticket"), False, 0),
        ("DEVICE", identity(4, b"<Assertion/>"), False, 0),
        ("DEVICE", identity(5, b"a.b.c"), False, 0),
        ("CONSOLE", None, None, None),
        ("CONSOLE", identity(1, b"anna"), None, None),
        ("CONSOLE", identity(2, b"anna", PASSWORD.encode()), True, 0),
        ("CONSOLE", identity(5, b"a.b.c"), None, None),
    ],
)
def test_who_says_who_uses_him_is_believed_when_he_proves_it(
    people: Door, calling: str, said: UserIdentityNegotiation | None, is_answered: bool | None, status: int | None
) -> None:
    """status: of a C-STORE; None: the association is rejected."""
    with associated(people, [(CT, [EXPLICIT])], calling=calling, extended=[said] if said else []) as association:
        if status is None:
            assert rejection_of(association) == (1, 1, 1)
            assert written(people, calling)[0].outcome == "rejected"
            return
        answer = association.acceptor.user_identity
        assert (answer is not None) is is_answered
        assert association.send_c_store(make_ct()).Status == status


def test_a_passcode_cannot_be_guessed_for_long(people: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacs.accounts.GUESSES", 2)
    wrong, right = identity(2, b"anna", b"wrong"), identity(2, b"anna", PASSWORD.encode())

    answers = []
    for said in (wrong, wrong, right):
        with associated(people, [(CT, [EXPLICIT])], calling="DEVICE", extended=[said]) as association:
            answers.append(rejection_of(association))

    assert answers == [(1, 1, 1), (1, 1, 1), (2, 3, 1)]
    assert len(audited(people, "sign-in-failed")) == 2


def test_what_was_said_is_written_down_once_it_has_ended(guarded: Door) -> None:
    admit(guarded, "CT1", may=["store"])
    basic_film_session = "1.2.840.10008.5.1.1.1"
    contexts = [(ECHO, [EXPLICIT]), (CT, [EXPLICIT, "1.2.840.10008.1.2"]), (basic_film_session, [EXPLICIT])]
    with associated(guarded, contexts, calling="CT1") as association:
        association.send_c_echo()
        for _ in range(3):
            association.send_c_store(make_ct())

    (record,) = written(guarded, "CT1")

    assert (record.outgoing, record.address, record.outcome, record.why) == (False, "127.0.0.1", "released", "")
    assert [(one.service, one.status, one.count) for one in record.requests] == [("C-STORE", 0, 3), ("C-ECHO", 0, 1)]
    assert [(one.abstract_syntax, one.accepted, one.result) for one in record.contexts] == [
        (ECHO, EXPLICIT, 0),
        (CT, EXPLICIT, 0),
        (basic_film_session, "", 3),
    ]
    assert record.contexts[1].proposed == (EXPLICIT, "1.2.840.10008.1.2")
    assert "not supported" in record.contexts[2].why


@pytest.mark.parametrize(
    ("ends", "outcome", "why"),
    [("abort", "aborted", "aborted the association"), ("cut", "lost", "closed the connection")],
)
def test_an_association_that_breaks_is_written_down_too(guarded: Door, ends: str, outcome: str, why: str) -> None:
    admit(guarded, "CT1")
    with associated(guarded, [(ECHO, [EXPLICIT])], calling="CT1") as association:
        if ends == "abort":
            association.abort()
        else:
            assert association.dul.socket is not None
            association.dul.socket.close()

    (record,) = written(guarded, "CT1")
    assert record.outcome == outcome
    assert why in record.why


def test_a_peer_with_which_nothing_can_be_agreed_is_told_why(guarded: Door) -> None:
    admit(guarded, "PRINTER")
    done = dcmtk("echoscu", "-aet", "PRINTER", "-aec", "NOBODY", "127.0.0.1", guarded.port)
    assert done.returncode != 0
    with associated(guarded, [("1.2.840.10008.5.1.1.1", [EXPLICIT])], calling="PRINTER"):
        pass

    nothing, wrong_title = written(guarded, "PRINTER", 2)

    assert "nothing could be agreed on: Basic Film Session SOP Class" in nothing.why
    assert "it calls 'NOBODY', and we are 'PACS'" in wrong_title.why


def test_the_last_fifty_of_each_peer_are_kept(guarded: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacs.peers.history.KEPT", 3)
    for calling in ("CT1", "CT2"):
        admit(guarded, calling)
    for _ in range(5):
        assert _is_let_in(guarded, "CT1")
    assert _is_let_in(guarded, "CT2")
    written(guarded, "CT2")

    assert len(history.of_peer(guarded.pacs, SYSTEM, "CT1")) == 3
    assert set(history.latest(guarded.pacs, SYSTEM)) == {"CT1", "CT2"}


def test_what_was_gathered_is_written_when_the_door_shuts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacs.peers.history.GATHERED_S", 3600.0)
    with opened(tmp_path / "data") as door:
        assert _is_let_in(door, "CT1")
        assert history.of_peer(door.pacs, SYSTEM, "CT1") == []
    with opened(tmp_path / "data") as door:
        assert len(history.of_peer(door.pacs, SYSTEM, "CT1")) == 1
