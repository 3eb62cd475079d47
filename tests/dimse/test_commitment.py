"""Storage commitment: only what has been read again is committed, and whoever asked is told, however long it takes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role
from sqlalchemy import select, update

from pacs.archive.retrieve import instances
from pacs.context import SYSTEM, Pacs
from pacs.dicom.references import (
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
    CommitmentRequest,
    Reference,
    encode_request,
)
from pacs.index.tables import attention, commitment
from pacs.peers import directory
from pacs.upper_layer.association import Association, associate, request_of
from pacs.upper_layer.message import (
    C_ECHO_RQ,
    N_ACTION_RQ,
    N_EVENT_REPORT_RQ,
    RESPONSE,
    WITH_DATA_SET,
    Command,
)
from pacs.workflow.commitment import JOB
from tests.dimse.conftest import CT, ECHO, EXPLICIT, IMPLICIT, Door, opened, store_all, wait_for
from tests.make import make_ct, make_uid
from tests.modality import Modality, reference_of, references_in

MR = "1.2.840.10008.5.1.4.1.1.4"
N_ACTION: dict[str, Any] = {
    "requested_sop_class_uid": STORAGE_COMMITMENT,
    "requested_sop_instance_uid": STORAGE_COMMITMENT_INSTANCE,
    "action_type_id": 1,
}


def stored(door: Door, count: int) -> list[Dataset]:
    study = make_uid()
    datasets = [make_ct(StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1") for _ in range(count)]
    assert store_all(door, *datasets) == [0] * count
    return datasets


def path_of(door: Door, ds: Dataset) -> Path:
    [ref] = instances(door.pacs, SYSTEM, sop=str(ds.SOPInstanceUID))
    return door.pacs.settings.data / "objects" / ref.object_key[:2] / ref.object_key


def row_of(pacs: Pacs, transaction_uid: str) -> Any:
    with pacs.database.read() as connection:
        rows = connection.execute(select(commitment).where(commitment.c.transaction_uid == transaction_uid)).all()
    return rows[-1]


def due_of(pacs: Pacs, transaction_uid: str) -> list[str]:
    """The keys under which this transaction waits for the worker now."""
    return [key for key in JOB.due(pacs) if key == str(row_of(pacs, transaction_uid).pk)]


def move_clock_on(pacs: Pacs, transaction_uid: str) -> None:
    """Until the next attempt of this transaction."""
    with pacs.database.write() as connection:
        row = commitment.c.transaction_uid == transaction_uid
        connection.execute(update(commitment).where(row).values(next_at=commitment.c.created_at))


@contextmanager
def asking(door: Door, *more: str, calling: str = "RAW") -> Iterator[Association]:
    """A modality that says what it is told to."""
    syntaxes = [(syntax, [EXPLICIT]) for syntax in (STORAGE_COMMITMENT, *more)]
    with associate(("127.0.0.1", door.port), request_of(calling, "PACS", syntaxes)) as association:
        yield association


def send_action(association: Association, data: bytes, **fields: Any) -> None:
    context = association.contexts[1]
    command = Command(
        command_field=N_ACTION_RQ, message_id=1, command_data_set_type=WITH_DATA_SET, **(N_ACTION | fields)
    )
    association.send(context, command, [data])


def encoded(transaction_uid: str, *references: Reference) -> bytes:
    return encode_request(CommitmentRequest(transaction_uid, references), EXPLICIT)


def test_what_is_kept_is_committed_on_the_same_association(door: Door) -> None:
    datasets, modality, uid = stored(door, 3), Modality("CT1"), make_uid()

    assert modality.ask(door.port, uid, [reference_of(ds) for ds in datasets]) == 0

    [(event_type, report, instance)] = modality.reports
    assert (event_type, instance) == (1, STORAGE_COMMITMENT_INSTANCE)
    assert report.TransactionUID == uid
    assert report.RetrieveAETitle == "PACS"
    assert references_in(report.ReferencedSOPSequence) == [reference_of(ds) for ds in datasets]
    assert "FailedSOPSequence" not in report
    wait_for(lambda: row_of(door.pacs, uid).state == "reported")
    assert (row_of(door.pacs, uid).number, row_of(door.pacs, uid).committed) == (3, 3)


def test_what_is_not_kept_as_it_came_is_not_committed(door: Door) -> None:
    sound, damaged, cut, longer, lost, other = stored(door, 6)
    path_of(door, damaged).write_bytes(path_of(door, damaged).read_bytes()[:-1] + b"!")
    path_of(door, cut).write_bytes(path_of(door, cut).read_bytes()[:-2])
    path_of(door, longer).write_bytes(path_of(door, longer).read_bytes() + b"more")
    path_of(door, lost).unlink()
    never = Reference(CT, make_uid())
    modality, uid = Modality("CT1"), make_uid()

    modality.ask(
        door.port,
        uid,
        [
            *(reference_of(ds) for ds in (sound, damaged, cut, longer, lost)),
            Reference(MR, str(other.SOPInstanceUID)),
            never,
        ],
    )

    [(event_type, report, _)] = modality.reports
    assert event_type == 2
    assert references_in(report.ReferencedSOPSequence) == [reference_of(sound)]
    reasons = {item.ReferencedSOPInstanceUID: item.FailureReason for item in report.FailedSOPSequence}
    assert reasons == {
        damaged.SOPInstanceUID: 0x0110,
        cut.SOPInstanceUID: 0x0110,
        longer.SOPInstanceUID: 0x0110,
        lost.SOPInstanceUID: 0x0112,
        other.SOPInstanceUID: 0x0119,
        never.sop_instance_uid: 0x0112,
    }
    with door.pacs.database.read() as connection:
        study = attention.c.study_instance_uid == sound.StudyInstanceUID
        flagged = {row.sop_instance_uid: row.kind for row in connection.execute(select(attention).where(study)).all()}
    assert flagged == {
        damaged.SOPInstanceUID: "damaged",
        cut.SOPInstanceUID: "damaged",
        longer.SOPInstanceUID: "damaged",
        lost.SOPInstanceUID: "lost",
    }


def test_every_version_of_an_instance_must_be_sound(door: Door) -> None:
    [first] = stored(door, 1)
    path = path_of(door, first)
    second = make_ct(
        SOPInstanceUID=first.SOPInstanceUID,
        StudyInstanceUID=first.StudyInstanceUID,
        SeriesInstanceUID=first.SeriesInstanceUID,
        WindowCenter=99,
    )
    assert store_all(door, second) == [0]
    whole, partly = Modality("CT1"), Modality("CT1")

    whole.ask(door.port, make_uid(), [reference_of(first)])
    files = {file for file in door.files() if file.stat().st_mtime >= path.stat().st_mtime} - {path}
    newest = max(files, key=lambda file: file.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[:-1] + b"!")
    partly.ask(door.port, make_uid(), [reference_of(first)])

    assert (whole.reports[0][0], partly.reports[0][0]) == (1, 2)


WHOLE = encoded("1.2.3", Reference(CT, "1.2.3.4"))


@pytest.mark.parametrize(
    ("fields", "data", "status"),
    [
        ({"action_type_id": 2}, WHOLE, 0x0123),
        ({"action_type_id": None}, WHOLE, 0x0123),
        ({"requested_sop_class_uid": CT}, WHOLE, 0x0118),
        ({"requested_sop_instance_uid": "1.2.3"}, WHOLE, 0x0112),
        ({}, WHOLE[:-4], 0x0115),
        ({}, b"", 0x0115),
        ({}, encoded("", Reference(CT, "1.2.3.4")), 0x0115),
        ({}, encoded("1.2.3"), 0x0115),
        ({}, encoded("1.2.3", Reference("", "1.2.3.4")), 0x0115),
        ({}, encoded("1.2.3", Reference(CT, "")), 0x0115),
    ],
)
def test_what_is_no_request_for_commitment_is_refused_and_says_why(
    door: Door, fields: dict[str, Any], data: bytes, status: int
) -> None:
    with asking(door) as association:
        send_action(association, data, **fields)
        response = association.response()
        association.release()

    assert response.command_field == N_ACTION_RQ | RESPONSE
    assert (response.status, response.affected_sop_class_uid) == (
        status,
        fields.get("requested_sop_class_uid") or STORAGE_COMMITMENT,
    )
    assert response.error_comment


def test_more_instances_than_we_can_answer_for_are_refused(door: Door) -> None:
    with asking(door) as association:
        item = b"\xfe\xff\x00\xe0\0\0\0\0"
        many = encoded("1.2.3")[:-12] + b"\x08\0\x99\x11SQ\0\0" + (100_001 * 8).to_bytes(4, "little") + item * 100_001
        send_action(association, many)
        assert association.response().status == 0x0213
        association.release()


def test_who_may_not_ask_is_told_so(door: Door) -> None:
    directory.add(door.pacs, SYSTEM, "ASKER", "127.0.0.1", 104, may=["query"])

    with asking(door, calling="ASKER") as association:
        send_action(association, WHOLE)
        assert association.response().status == 0x0124
        association.release()


def test_who_leaves_at_once_is_told_over_an_association_of_our_own(door: Door) -> None:
    datasets, modality, uid = stored(door, 2), Modality("CT2"), make_uid()

    with modality.listening(door.pacs):
        assert modality.ask(door.port, uid, [reference_of(ds) for ds in datasets], stay=False) == 0
        wait_for(lambda: due_of(door.pacs, uid) != [])
        JOB.run(door.pacs, due_of(door.pacs, uid)[0])

    [(event_type, report, _)] = modality.reports
    assert (event_type, report.TransactionUID) == (1, uid)
    assert modality.roles == [(False, True)]
    assert row_of(door.pacs, uid).state == "reported"
    assert due_of(door.pacs, uid) == []


def test_a_peer_that_is_away_is_told_when_it_is_back_though_we_were_away_too(tmp_path: Path, database_url: str) -> None:
    modality, uid = Modality("CT3"), make_uid()
    with opened(tmp_path / "data", database=database_url) as door:
        with modality.listening(door.pacs) as port:
            pass
        [ds] = stored(door, 1)
        modality.ask(door.port, uid, [reference_of(ds)], stay=False)
        wait_for(lambda: due_of(door.pacs, uid) != [])
        [key] = due_of(door.pacs, uid)
        JOB.run(door.pacs, key)
        row = row_of(door.pacs, uid)
        assert (row.state, row.attempts) == ("checked", 1)
        assert "nothing listens on this port" in row.why
        assert due_of(door.pacs, uid) == []

    with opened(tmp_path / "data", database=database_url) as door, modality.listening(door.pacs, port):
        move_clock_on(door.pacs, uid)
        [key] = due_of(door.pacs, uid)
        modality.statuses = [0x0213]
        JOB.run(door.pacs, key)
        assert "0213" in row_of(door.pacs, uid).why
        move_clock_on(door.pacs, uid)
        JOB.run(door.pacs, key)

        assert row_of(door.pacs, uid).state == "reported"
        assert row_of(door.pacs, uid).why == ""
    assert [event_type for event_type, *_ in modality.reports] == [1, 1]


def test_a_peer_that_nobody_has_registered_is_told_once_it_is(tmp_path: Path) -> None:
    modality, uid = Modality("CT4"), make_uid()
    with opened(tmp_path / "data") as door:
        [ds] = stored(door, 1)
        modality.ask(door.port, uid, [reference_of(ds)], stay=False)
        wait_for(lambda: due_of(door.pacs, uid) != [])
        [key] = due_of(door.pacs, uid)
        JOB.run(door.pacs, key)
        assert "pacs peer add" in row_of(door.pacs, uid).why

        with modality.listening(door.pacs):
            JOB.run(door.pacs, key)

        assert row_of(door.pacs, uid).state == "reported"


def test_the_same_request_again_is_reported_again_and_another_of_its_uid_fails(door: Door) -> None:
    datasets, uid = stored(door, 2), make_uid()
    first, again, other = Modality("CT5"), Modality("CT5"), Modality("CT5")

    first.ask(door.port, uid, [reference_of(datasets[0])])
    again.ask(door.port, uid, [reference_of(datasets[0])])
    other.ask(door.port, uid, [reference_of(datasets[1])])

    assert [modality.reports[0][0] for modality in (first, again, other)] == [1, 1, 2]
    [failed] = other.reports[0][1].FailedSOPSequence
    assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == (datasets[1].SOPInstanceUID, 0x0131)


def test_who_asks_something_else_meanwhile_is_answered_and_the_report_goes_its_own_way(door: Door) -> None:
    [ds], uid = stored(door, 1), make_uid()

    with asking(door, ECHO) as association:
        send_action(association, encoded(uid, reference_of(ds)))
        echo = Command(command_field=C_ECHO_RQ, message_id=2, affected_sop_class_uid=ECHO)
        association.send(association.contexts[3], echo)
        assert association.response().command_field == N_ACTION_RQ | RESPONSE
        assert association.response().command_field == C_ECHO_RQ | RESPONSE
        association.release()

    assert due_of(door.pacs, uid)


def test_a_question_that_crosses_our_report_is_answered_and_so_is_the_report(door: Door) -> None:
    [ds], uid = stored(door, 1), make_uid()

    with asking(door, ECHO) as association:
        send_action(association, encoded(uid, reference_of(ds)))
        assert association.response().status == 0
        report = association.receive()
        assert report is not None and report.command.command_field == N_EVENT_REPORT_RQ
        echo = Command(command_field=C_ECHO_RQ, message_id=2, affected_sop_class_uid=ECHO)
        association.send(association.contexts[3], echo)
        assert association.response().command_field == C_ECHO_RQ | RESPONSE
        answer = Command(
            command_field=N_EVENT_REPORT_RQ | RESPONSE,
            message_id_being_responded_to=report.command.message_id,
            status=0,
        )
        association.send(association.contexts[1], answer)
        association.release()

    wait_for(lambda: row_of(door.pacs, uid).state == "reported")


def test_ten_thousand_instances_are_one_transaction(door: Door) -> None:
    [ds], modality, uid = stored(door, 1), Modality("CT6"), make_uid()
    references = [reference_of(ds), *(Reference(CT, f"{uid}.{number}") for number in range(9_999))]

    with asking(door) as association:
        send_action(association, encoded(uid, *references))
        assert association.response().status == 0
        report = association.receive()
        assert report is not None and report.command.event_type_id == 2
        association.release()

    row = row_of(door.pacs, uid)
    assert (row.number, row.committed, len(json.loads(row.instances))) == (10_000, 1, 10_000)
    assert modality.reports == []


def test_an_answer_in_implicit_vr_is_understood(door: Door) -> None:
    [ds], uid = stored(door, 1), make_uid()
    request = CommitmentRequest(uid, (reference_of(ds),))
    syntaxes = request_of("RAW", "PACS", [(STORAGE_COMMITMENT, [IMPLICIT])])

    with associate(("127.0.0.1", door.port), syntaxes) as association:
        send_action(association, encode_request(request, IMPLICIT))
        assert association.response().status == 0
        report = association.receive()
        assert report is not None and report.command.event_type_id == 1
        association.release()


def test_a_modality_of_pynetdicom_that_negotiates_its_roles_is_taken(door: Door) -> None:
    ae = AE(ae_title="ROLES")
    ae.add_requested_context(STORAGE_COMMITMENT)
    role = build_role(STORAGE_COMMITMENT, scu_role=False, scp_role=True)
    association = ae.associate("127.0.0.1", door.port, ae_title="PACS", ext_neg=[role])
    [context] = association.accepted_contexts
    association.release()

    assert context.as_scp
    assert not context.as_scu
