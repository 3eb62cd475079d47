"""Work is put into the worklist, claimed by one, told of to those who watch, and ended as the standard says."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from pacs import jobs
from pacs.archive import further, renditions
from pacs.archive.ingest import ingest
from pacs.context import SYSTEM, Actor, Pacs
from pacs.dicom.json_data_set import data_set_of
from pacs.dicom.json_matching import parse_search
from pacs.dicom.references import CommitmentRequest, Reference
from pacs.dicom.workitem import FILTERED_WORKLIST, WORKLIST
from pacs.errors import (
    AlreadyThere,
    InvalidInstance,
    InvalidQuery,
    NotAllowed,
    NotFound,
    NotInThisState,
    Removed,
    StateConflict,
)
from pacs.index.session import Database
from pacs.index.tables import audit, delivery, workitem, workitem_event
from pacs.jobs import move_bookmark
from pacs.peers import directory
from pacs.settings import Settings
from pacs.workflow import commitment, deliveries, own_work, subscriptions, workitems, worklist
from storage import open_store
from tests.make import make_ct, make_uid, part10
from tests.workitem import AE, PERFORMED, Json, data_set, make_workitem, tag_of, value_of

RIS = Actor("peer", "RIS", permissions=frozenset({"workitems"}))
UID, OTHER = "2.25.271828182845904", "2.25.314159265358979"


@pytest.fixture
def pacs(tmp_path: Any, database_url: str) -> Iterator[Pacs]:
    """Files, and each kind of database."""
    settings = Settings(data=tmp_path / "data", database=database_url)
    settings.data.mkdir()
    database = Database(settings.database)
    database.migrate()
    objects = open_store(settings.objects, spool=settings.data / "spool")
    yield Pacs(settings, database, objects)
    objects.close()
    database.close()


def create(pacs: Pacs, uid: str = "", **attributes: Any) -> str:
    return workitems.create(pacs, RIS, data_set_of(make_workitem(**attributes)), uid).sop_instance_uid


def claim(pacs: Pacs, uid: str, transaction_uid: str = UID) -> bool:
    return workitems.change_state(pacs, RIS, uid, "IN PROGRESS", transaction_uid)


def change(pacs: Pacs, uid: str, transaction_uid: str = "", **attributes: Any) -> None:
    workitems.change(pacs, RIS, uid, data_set(**attributes), transaction_uid)


def complete(pacs: Pacs, uid: str) -> None:
    claim(pacs, uid)
    change(pacs, uid, UID, UnifiedProcedureStepPerformedProcedureSequence=[PERFORMED])
    workitems.change_state(pacs, RIS, uid, "COMPLETED", UID)


def cancel(pacs: Pacs, uid: str) -> None:
    claim(pacs, uid)
    workitems.change_state(pacs, RIS, uid, "CANCELED", UID)


def told(pacs: Pacs, ae_title: str = AE) -> list[tuple[int, str | None]]:
    """What is to be told: the type of each event, and the state that it reports."""
    reports = [json.loads(event.report) for event in subscriptions.pending(pacs, ae_title)]
    for report in reports:
        assert report["00000002"]["Value"] == ["1.2.840.10008.5.1.4.34.6.1"]
        assert len(report["00000110"]["Value"]) == 1
    return [(report["00001002"]["Value"][0], value_of(report, "ProcedureStepState")) for report in reports]


def found(pacs: Pacs, query: str, actor: Actor = RIS) -> list[str]:
    asked = parse_search(parameters_of(query))
    return [value_of(one, "SOPInstanceUID") for one in worklist.search(pacs, actor, asked).workitems]


def parameters_of(query: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (one.partition("=") for one in query.split("&") if one)]


def test_a_workitem_is_completed_by_who_claimed_it(pacs: Pacs) -> None:
    uid = create(pacs)
    complete(pacs, uid)

    kept = worklist.retrieve(pacs, RIS, uid)
    assert value_of(kept, "ProcedureStepState") == "COMPLETED"
    assert value_of(kept, "WorklistLabel") == "WORKLIST"
    assert value_of(kept, "UnifiedProcedureStepPerformedProcedureSequence.PerformedWorkitemCodeSequence.CodeValue")
    assert tag_of("TransactionUID") not in kept
    assert UID not in json.dumps(kept)
    with pacs.database.read() as connection:
        actions = list(connection.scalars(select(audit.c.action).order_by(audit.c.pk)))
    assert actions == ["workitem-created", "workitem-state", "workitem-changed", "workitem-state"]


@pytest.mark.parametrize(
    "attributes",
    [
        {"ProcedureStepState": "IN PROGRESS"},
        {"ProcedureStepState": None},
        {"ScheduledProcedureStepPriority": "URGENT"},
        {"ProcedureStepLabel": None},
        {"ScheduledProcedureStepStartDateTime": "tomorrow"},
        {"InputReadinessState": "PERHAPS"},
        {"TransactionUID": UID},
        {"UnifiedProcedureStepPerformedProcedureSequence": [PERFORMED]},
        {"SOPInstanceUID": OTHER},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"},
    ],
)
def test_what_cannot_be_a_new_workitem_is_refused(pacs: Pacs, attributes: Json) -> None:
    with pytest.raises(InvalidInstance):
        create(pacs, UID, **attributes)
    with pytest.raises(NotFound):
        worklist.retrieve(pacs, RIS, UID)


def test_there_is_one_workitem_of_a_uid(pacs: Pacs) -> None:
    create(pacs, UID)
    with pytest.raises(AlreadyThere):
        create(pacs, UID)


Step = Callable[[Pacs, str], object]
STEPS: dict[str, Step] = {
    "claim": claim,
    "claim without": lambda pacs, uid: claim(pacs, uid, ""),
    "claim as another": lambda pacs, uid: claim(pacs, uid, OTHER),
    "schedule": lambda pacs, uid: workitems.change_state(pacs, RIS, uid, "SCHEDULED", UID),
    "complete": lambda pacs, uid: workitems.change_state(pacs, RIS, uid, "COMPLETED", UID),
    "complete as another": lambda pacs, uid: workitems.change_state(pacs, RIS, uid, "COMPLETED", OTHER),
    "give up": lambda pacs, uid: workitems.change_state(pacs, RIS, uid, "CANCELED", UID),
    "ask to cancel": lambda pacs, uid: workitems.request_cancel(pacs, RIS, uid, {}),
    "change": lambda pacs, uid: change(pacs, uid, ProcedureStepLabel="Read it twice"),
    "change as performer": lambda pacs, uid: change(pacs, uid, UID, ProcedureStepLabel="Read it twice"),
    "change as another": lambda pacs, uid: change(pacs, uid, OTHER, ProcedureStepLabel="Read it twice"),
    "change the patient": lambda pacs, uid: change(pacs, uid, PatientID="1"),
    "empty the label": lambda pacs, uid: change(pacs, uid, ProcedureStepLabel=None),
    "change the state": lambda pacs, uid: change(pacs, uid, ProcedureStepState="COMPLETED"),
}
INTO: dict[str, Step] = {
    "SCHEDULED": lambda pacs, uid: None,
    "IN PROGRESS": claim,
    "COMPLETED": complete,
    "CANCELED": cancel,
}
# PS3.4 Table CC.1.1-2, in the words of PS3.18 11.6 to 11.8: what becomes of each step in each state.
MISSING, WRONG = "The Transaction UID is missing.", "The Transaction UID is incorrect."
OF_STATE = "The submitted request is inconsistent with the state of the UPS Instance."
OF_UPDATE = "The submitted request is inconsistent with the current state of the Workitem."
OUTCOMES: list[tuple[str, list[Any]]] = [
    ("claim", [(True, ""), *3 * [(StateConflict, OF_STATE)]]),
    ("claim without", 4 * [(NotInThisState, MISSING)]),
    ("claim as another", [(True, ""), *3 * [(NotInThisState, WRONG)]]),
    ("schedule", 4 * [(StateConflict, OF_STATE)]),
    ("complete", [(StateConflict, OF_STATE), (StateConflict, OF_STATE), (False, ""), (StateConflict, OF_STATE)]),
    ("complete as another", [(StateConflict, OF_STATE), *3 * [(NotInThisState, WRONG)]]),
    ("give up", [(StateConflict, OF_STATE), (True, ""), (StateConflict, OF_STATE), (False, "")]),
    ("ask to cancel", [(True, ""), (StateConflict, OF_STATE), (StateConflict, OF_STATE), (False, "")]),
    ("change", [(None, ""), (NotInThisState, MISSING), *2 * [(NotInThisState, OF_UPDATE)]]),
    ("change as performer", [(StateConflict, "claimed Workitem"), (None, ""), *2 * [(NotInThisState, OF_UPDATE)]]),
    ("change as another", [(StateConflict, "claimed"), (NotInThisState, WRONG), *2 * [(NotInThisState, OF_UPDATE)]]),
    ("change the patient", [(InvalidInstance, "PatientID")]),
    ("empty the label", [(InvalidInstance, "ProcedureStepLabel")]),
    ("change the state", [(InvalidInstance, "ProcedureStepState")]),
]


@pytest.mark.parametrize(("step", "outcomes"), OUTCOMES, ids=[step for step, _ in OUTCOMES])
def test_each_step_does_in_each_state_what_the_standard_says(
    pacs: Pacs, step: str, outcomes: list[tuple[Any, str]]
) -> None:
    for (state, into), (expected, said) in zip(INTO.items(), outcomes, strict=False):
        uid = create(pacs)
        into(pacs, uid)
        assert value_of(worklist.retrieve(pacs, RIS, uid), "ProcedureStepState") == state
        if isinstance(expected, type):
            with pytest.raises(expected, match=said) as refused:
                STEPS[step](pacs, uid)
            assert refused.type is expected
            assert value_of(worklist.retrieve(pacs, RIS, uid), "ProcedureStepState") == state
        else:
            assert STEPS[step](pacs, uid) is expected


def test_what_was_performed_is_said_before_it_is_completed(pacs: Pacs) -> None:
    uid = create(pacs)
    claim(pacs, uid)
    for lacking in PERFORMED:
        performed = {keyword: value for keyword, value in PERFORMED.items() if keyword != lacking}
        change(pacs, uid, UID, UnifiedProcedureStepPerformedProcedureSequence=[performed])
        with pytest.raises(StateConflict, match=lacking):
            workitems.change_state(pacs, RIS, uid, "COMPLETED", UID)


def test_what_is_given_up_says_when_and_why_though_nobody_said_it(pacs: Pacs) -> None:
    uid = create(pacs)
    cancel(pacs, uid)

    (progress,) = worklist.retrieve(pacs, RIS, uid)[tag_of("ProcedureStepProgressInformationSequence")]["Value"]
    assert value_of(progress, "ProcedureStepCancellationDateTime")
    assert value_of(progress, "ProcedureStepDiscontinuationReasonCodeSequence.CodeValue") == "110513"


def test_of_many_who_claim_it_at_once_one_gets_it(pacs: Pacs) -> None:
    uid = create(pacs)

    def try_to(transaction_uid: str) -> str:
        try:
            claim(pacs, uid, transaction_uid)
        except NotInThisState:
            return ""
        return transaction_uid

    with ThreadPoolExecutor(8) as pool:
        winners = [won for won in pool.map(try_to, [f"2.25.{number}" for number in range(10, 26)]) if won]
    assert len(winners) == 1
    change(pacs, uid, winners[0], ProcedureStepLabel="It is mine")


def test_each_change_is_told_to_those_who_watch(pacs: Pacs) -> None:
    uid = create(pacs)
    create(pacs)
    subscriptions.subscribe(pacs, RIS, uid, AE)
    claim(pacs, uid)
    change(pacs, uid, UID, ProcedureStepProgressInformationSequence=[{"ProcedureStepProgress": 40}])
    change(pacs, uid, UID, InputReadinessState="INCOMPLETE")
    change(pacs, uid, UID, ScheduledStationNameCodeSequence=[{"CodeValue": "AI2", "CodingSchemeDesignator": "L"}])
    change(pacs, uid, UID, ProcedureStepLabel="Nobody is told of this")
    workitems.request_cancel(pacs, RIS, uid, data_set(ReasonForCancellation="Patient has left"), "RIS2")
    workitems.change_state(pacs, RIS, uid, "CANCELED", UID)

    states = [
        (1, "SCHEDULED"),
        (1, "IN PROGRESS"),
        (3, None),
        (1, "IN PROGRESS"),
        (5, None),
        (2, None),
        (1, "CANCELED"),
    ]
    assert told(pacs) == states
    asked = json.loads(subscriptions.pending(pacs, AE)[5].report)
    assert value_of(asked, "RequestingAE") == "RIS2"
    assert value_of(asked, "ReasonForCancellation") == "Patient has left"


def test_what_is_scheduled_still_is_cancelled_when_somebody_asks(pacs: Pacs) -> None:
    uid = create(pacs)
    subscriptions.subscribe(pacs, RIS, uid, AE)
    workitems.request_cancel(pacs, RIS, uid, data_set(ReasonForCancellation="Twice ordered"))

    kept = worklist.retrieve(pacs, RIS, uid)
    assert value_of(kept, "ProcedureStepState") == "CANCELED"
    assert value_of(kept, "ProcedureStepProgressInformationSequence.ReasonForCancellation") == "Twice ordered"
    assert told(pacs)[1:] == [(2, None), (1, "IN PROGRESS"), (1, "CANCELED")]


def test_what_was_told_is_not_told_again_and_the_rest_is(pacs: Pacs) -> None:
    uid = create(pacs)
    subscriptions.subscribe(pacs, RIS, uid, AE)
    first = subscriptions.pending(pacs, AE)[-1].pk
    claim(pacs, uid)
    assert [event.pk > first for event in subscriptions.pending(pacs, AE, after=first)] == [True]

    subscriptions.note_told(pacs, AE, first)
    assert told(pacs) == [(1, "IN PROGRESS")]


def test_a_subscription_to_the_worklist_makes_those_of_its_workitems(pacs: Pacs) -> None:
    """PS3.4 Table CC.2.3-2."""
    old = create(pacs)
    subscriptions.subscribe(pacs, RIS, WORKLIST, AE)
    assert told(pacs) == []
    new = create(pacs)
    assert told(pacs) == [(1, "SCHEDULED"), (5, None)]
    subscriptions.subscribe(pacs, RIS, WORKLIST, "OTHER", deletion_lock=True)
    assert told(pacs, "OTHER") == 2 * [(1, "SCHEDULED")]

    claim(pacs, old)
    subscriptions.unsubscribe(pacs, RIS, new, AE)
    claim(pacs, new)
    assert told(pacs)[2:] == [(1, "IN PROGRESS")]

    subscriptions.suspend(pacs, RIS, WORKLIST, AE)
    create(pacs)
    workitems.change_state(pacs, RIS, old, "CANCELED", UID)
    assert told(pacs)[3:] == [(1, "CANCELED")]

    subscriptions.unsubscribe(pacs, RIS, WORKLIST, AE)
    with pytest.raises(NotFound):
        subscriptions.unsubscribe(pacs, RIS, old, AE)
    with pytest.raises(NotFound):
        subscriptions.unsubscribe(pacs, RIS, WORKLIST, AE)


def test_a_filter_lets_in_what_fits_it(pacs: Pacs) -> None:
    subscriptions.subscribe(
        pacs, RIS, FILTERED_WORKLIST, AE, filter="ScheduledStationNameCodeSequence.CodeValue=AI1,PatientID=0004*"
    )
    create(pacs)
    create(pacs, PatientID="9")
    create(pacs, ScheduledStationNameCodeSequence=[{"CodeValue": "AI2", "CodingSchemeDesignator": "L"}])
    assert told(pacs) == [(1, "SCHEDULED"), (5, None)]
    for uid, wrong in [(FILTERED_WORKLIST, ""), (FILTERED_WORKLIST, "Nonsense=1"), (WORKLIST, "PatientID=1")]:
        with pytest.raises(InvalidQuery):
            subscriptions.subscribe(pacs, RIS, uid, AE, filter=wrong)


QUERIES = [
    ("", {"ct", "mr", "late"}),
    ("ProcedureStepState=SCHEDULED", {"mr", "late"}),
    ("00741000=IN PROGRESS", {"ct"}),
    ("ScheduledStationNameCodeSequence.CodeValue=AI2", {"mr"}),
    ("00404025.00080100=AI1&ScheduledStationNameCodeSequence.CodingSchemeDesignator=OTHER", set()),
    ("ScheduledProcedureStepStartDateTime=20261124-20261124", {"ct", "mr"}),
    ("ScheduledProcedureStepStartDateTime=20261124083000-", {"mr", "late"}),
    ("ProcedureStepLabel=Read*", {"ct", "late"}),
    ("PatientName=nguyen^thi*", {"ct", "late"}),
    ("PatientName=dao anh&fuzzymatching=true", {"ct", "late"}),
    ('PatientID=""&emptyvaluematching=true', {"late"}),
    ("ScheduledProcedureStepPriority=HIGH", {"mr"}),
    ("SOPInstanceUID=2.25.101,2.25.102", {"ct", "mr"}),
    ("ScheduledStationNameCodeSequence.CodeValue=AI3", {"mr"}),
    ("ReferencedRequestSequence.AccessionNumber=A7", {"mr"}),
    ("InputInformationSequence.ReferencedSOPSequence.ReferencedFrameNumber=007", {"mr"}),
    ("limit=2", {"ct", "mr"}),
    ("limit=2&offset=2", {"late"}),
]


def test_workitems_are_found_by_all_kinds_of_matching(pacs: Pacs) -> None:
    uids = {"2.25.101": "ct", "2.25.102": "mr", "2.25.103": "late"}
    create(pacs, "2.25.101")
    create(
        pacs,
        "2.25.102",
        ProcedureStepLabel="Segment MR",
        PatientName="TRẦN^VĂN AN",
        PatientID="7",
        ScheduledProcedureStepPriority="HIGH",
        ScheduledProcedureStepStartDateTime="20261124090000",
        ScheduledStationNameCodeSequence=[{"CodeValue": "AI2"}, {"CodeValue": "AI3"}],
        ReferencedRequestSequence=[{"AccessionNumber": "A7", "StudyInstanceUID": make_uid(8)}],
        InputInformationSequence=[{"ReferencedSOPSequence": [{"ReferencedFrameNumber": [3, 7]}]}],
    )
    create(pacs, "2.25.103", PatientID=None, ScheduledProcedureStepStartDateTime="20261125")
    claim(pacs, "2.25.101")

    for query, expected in QUERIES:
        assert [uids[uid] for uid in found(pacs, query)] == [name for name in uids.values() if name in expected], query


WRONG_QUERIES = [
    "limit=many",
    "limit=1&limit=2",
    "fuzzymatching=perhaps",
    "Nonsense=1",
    "ScheduledProcedureStepStartDateTime=tomorrow",
    "ScheduledStationNameCodeSequence=1",
    "PatientID=1&00100020=2",
]


@pytest.mark.parametrize("query", WRONG_QUERIES)
def test_what_is_no_question_is_refused(query: str) -> None:
    with pytest.raises(InvalidQuery):
        parse_search(parameters_of(query))


def test_who_may_know_of_one_study_sees_its_workitems_alone(pacs: Pacs) -> None:
    study = make_uid(9)
    mine = create(pacs, StudyInstanceUID=study)
    both = create(pacs, StudyInstanceUID=study, ReferencedRequestSequence=[{"StudyInstanceUID": make_uid(10)}])
    guest = Actor("link", "guest", permissions=frozenset({"workitems"}), studies=frozenset({study}))
    assert found(pacs, "", guest) == [mine]
    for call in (
        lambda: worklist.retrieve(pacs, guest, both),
        lambda: workitems.change_state(pacs, guest, both, "IN PROGRESS", UID),
        lambda: workitems.request_cancel(pacs, guest, both, {}),
    ):
        with pytest.raises(NotFound):
            call()
    for call in (
        lambda: workitems.change(pacs, guest, mine, data_set(StudyInstanceUID=make_uid(10))),
        lambda: subscriptions.subscribe(pacs, guest, mine, AE),
        lambda: worklist.retrieve(pacs, Actor("person", "referrer"), mine),
    ):
        with pytest.raises(NotAllowed):
            call()


def test_what_is_over_for_long_is_forgotten_unless_somebody_needs_it(pacs: Pacs) -> None:
    over, needed = create(pacs), create(pacs)
    subscriptions.subscribe(pacs, RIS, needed, AE, deletion_lock=True)
    complete(pacs, over)
    complete(pacs, needed)
    assert workitems.JOB.due(pacs) == []
    long_ago = datetime.now(UTC) - timedelta(days=100)
    with pacs.database.write() as connection:
        connection.execute(update(workitem).values(changed_at=long_ago))
        connection.execute(update(workitem_event).values(created_at=long_ago))

    run(pacs, workitems.JOB)
    with pytest.raises(Removed):
        worklist.retrieve(pacs, RIS, over)
    with pytest.raises(AlreadyThere):
        create(pacs, over)
    assert found(pacs, "") == [needed]
    assert told(pacs) == []

    subscriptions.unsubscribe(pacs, RIS, needed, AE)
    run(pacs, workitems.JOB)
    assert found(pacs, "") == []


def run(pacs: Pacs, job: jobs.Job) -> None:
    while keys := job.due(pacs):
        for key in keys:
            job.run(pacs, key)


def test_what_we_send_is_a_workitem(pacs: Pacs) -> None:
    directory.add(pacs, SYSTEM, "ARCHIVE", "127.0.0.1", 9)
    ds = make_ct()
    ingest(pacs, SYSTEM, part10(ds))
    deliveries.send(pacs, SYSTEM, ds.StudyInstanceUID, "ARCHIVE")

    (uid,) = found(pacs, f"StudyInstanceUID={ds.StudyInstanceUID}")
    (same,) = found(pacs, "ScheduledWorkitemCodeSequence.CodeValue=delivery&ProcedureStepState=SCHEDULED")
    own = worklist.retrieve(pacs, RIS, uid)
    assert same == uid
    assert len(uid) <= 64
    assert value_of(own, "ProcedureStepLabel") == "Send to ARCHIVE"
    assert value_of(own, "InputInformationSequence.SeriesInstanceUID") == ds.SeriesInstanceUID
    assert value_of(own, "ProcedureStepProgressInformationSequence.ProcedureStepProgressDescription") == "0 of 1"
    for call in (
        lambda: change(pacs, uid, ProcedureStepLabel="Send it elsewhere"),
        lambda: claim(pacs, uid),
        lambda: subscriptions.subscribe(pacs, RIS, uid, AE),
    ):
        with pytest.raises(NotInThisState):
            call()
    with pytest.raises(NotAllowed):
        workitems.request_cancel(pacs, RIS, uid, {})
    assert workitems.request_cancel(pacs, SYSTEM, uid, {})
    assert value_of(worklist.retrieve(pacs, RIS, uid), "ProcedureStepState") == "CANCELED"
    assert not workitems.request_cancel(pacs, SYSTEM, uid, {})

    with pacs.database.write() as connection:
        connection.execute(update(delivery).values(state="delivered", sent=1))
    done = worklist.retrieve(pacs, RIS, uid)
    assert value_of(done, "ProcedureStepState") == "COMPLETED"
    assert value_of(done, "ProcedureStepProgressInformationSequence.ProcedureStepProgress") == 100
    with pytest.raises(NotFound):
        worklist.retrieve(pacs, RIS, f"{uid[:-1]}{(int(uid[-1]) + 1) % 10}")


def test_each_kind_of_our_own_work_is_a_workitem_with_its_progress(pacs: Pacs) -> None:
    directory.add(pacs, SYSTEM, "ARCHIVE", "127.0.0.1", 9)
    ds = make_ct()
    ingest(pacs, SYSTEM, part10(ds))
    deliveries.send(pacs, SYSTEM, ds.StudyInstanceUID, "ARCHIVE")
    reference = Reference(ds.SOPClassUID, ds.SOPInstanceUID)
    commitment.take(pacs, Actor("peer", "CT1", permissions=SYSTEM.permissions), CommitmentRequest(UID, (reference,)))
    further.add(pacs, SYSTEM, "ExposureTime", "series")
    with pacs.database.write() as connection:
        move_bookmark(connection, renditions.OLDER, 1)

    assert {source.kind for source in own_work.SOURCES} == {"delivery", "commitment", "further-attribute", "renditions"}
    for source in own_work.SOURCES:
        (uid,) = found(pacs, f"ScheduledWorkitemCodeSequence.CodeValue={source.kind}")
        own = worklist.retrieve(pacs, RIS, uid)
        assert value_of(own, "SOPInstanceUID") == uid
        assert value_of(own, "WorklistLabel") == "FILMLESS"
        assert value_of(own, "ScheduledWorkitemCodeSequence.CodeMeaning") == source.meaning
        assert value_of(own, "ProcedureStepProgressInformationSequence.ProcedureStepProgress") == 0
        if source.cancel is None:
            with pytest.raises(StateConflict, match="chooses not to cancel"):
                workitems.request_cancel(pacs, SYSTEM, uid, {})

    guest = Actor("link", "guest", permissions=frozenset({"workitems"}), studies=frozenset({ds.StudyInstanceUID}))
    assert len(found(pacs, "", guest)) == 1
    assert found(pacs, "", Actor("link", "guest", permissions=guest.permissions, studies=frozenset({UID}))) == []
