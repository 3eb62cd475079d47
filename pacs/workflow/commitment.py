"""Storage commitment: what we are asked to keep for good, and what we ask others to keep (PS3.4 Annex J).

Each transaction is a row from before it is answered until long after it has ended, so nothing said here is lost.

    asked us    asked ──> checked ──> reported      every object is read again before we commit to it
    over HTTP   asked ──> reported                  who asked looks himself, as often as he likes
    we asked    asked ──> waiting ──> reported
    either      ──> failed                          given up after a week; or, where we asked: not all are committed

The association that brings a request has a while to answer it; whatever is left then is the worker's.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from pacs import audit
from pacs.archive.retrieve import instances
from pacs.archive.verification import Finding, verify
from pacs.context import SYSTEM, Actor, Pacs
from pacs.dicom.references import CommitmentReport, CommitmentRequest, Reference
from pacs.errors import AlreadyThere, NotFound, PacsError, Removed
from pacs.index.tables import commitment
from pacs.jobs import Job, is_stopping, pause_after
from pacs.peers import commitment as peer_commitment
from pacs.peers import directory
from pacs.peers.directory import Peer

log = structlog.get_logger(__name__)

ASKED, CHECKED, WAITING, REPORTED, FAILED = "asked", "checked", "waiting", "reported", "failed"
HELD = timedelta(seconds=10)
"""How long the association that brought a request, or a report, may go on with it before the worker takes it up."""
ASKING = timedelta(minutes=2)
"""How long a command has for asking a peer: to be asked twice at once, it might call a duplicate."""
GIVEN_UP_AFTER = timedelta(days=7)
FORGOTTEN_AFTER = timedelta(days=90)
"""After its end."""
LOOKED_UP_FOR = timedelta(days=60)
"""After its end: what was answered over HTTP is told so long, and then that it was answered."""
OVER_HTTP = ""
"""Stands for the AE title of who asks over HTTP: he has none."""
MOST_ASKED = 10_000
"""Instances of one transaction that we begin: not every peer takes more."""

COMMITTED = 0
PROCESSING_FAILURE, NO_SUCH_INSTANCE, CLASS_CONFLICT, DUPLICATE_TRANSACTION = 0x0110, 0x0112, 0x0119, 0x0131
"""Failure Reasons (PS3.3 C.14.1.1)."""
OUTCOME: dict[Finding, int] = {
    "kept": COMMITTED,
    "unknown": NO_SUCH_INSTANCE,
    "other class": CLASS_CONFLICT,
    "lost": NO_SUCH_INSTANCE,
    "damaged": PROCESSING_FAILURE,
}

Outcomes = dict[Reference, int | None]
"""COMMITTED, or the Failure Reason; None: not known yet."""
_Row = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Transaction:
    """What became of a request so far."""

    pk: int
    transaction_uid: str
    ae_title: str
    """Who asked us, or whom we asked."""
    outgoing: bool
    """We asked."""
    state: str
    number: int
    """Instances in all."""
    committed: int
    attempts: int
    why: str
    """In plain words, when something is in the way."""
    created_at: datetime
    ended_at: datetime | None


def take(pacs: Pacs, actor: Actor, request: CommitmentRequest) -> int:
    """Keep a request that a peer makes of us: it may be told so when this returns. The number of the transaction.

    The same request again is the same transaction, to be checked and reported again; another one under a Transaction
    UID that is known fails as a whole (PS3.3 C.14.1.1). Raises NotAllowed, OutOfResources.
    """
    actor.require("commit")
    detail = f"{request.transaction_uid}: {len(request.references)} instances"
    with pacs.database.write() as connection:
        _forget_old(connection)
        known = connection.execute(_select_first(request.transaction_uid, actor.name, outgoing=False)).first()
        audit.record(connection, actor, "commitment-asked", detail=detail)
        if known is None:
            return _insert(connection, request, actor.name, ASKED, None, outgoing=False)
        if _outcomes_of(known).keys() != set(request.references):
            return _insert(connection, request, actor.name, CHECKED, DUPLICATE_TRANSACTION, outgoing=False)
        again = {"created_at": _now(), "next_at": _now() + HELD, "ended_at": None}
        _change(connection, known.pk, state=ASKED, attempts=0, why="", **again)
        return int(known.pk)


def take_over_http(pacs: Pacs, actor: Actor, request: CommitmentRequest) -> int:
    """Keep a request whose answer is asked for again and again (PS3.18 13.4). The number of the transaction.

    Raises NotAllowed, OutOfResources, and AlreadyThere for a Transaction UID that is in use.
    """
    actor.require("commit")
    detail = f"{request.transaction_uid}: {len(request.references)} instances"
    with pacs.database.write() as connection:
        _forget_old(connection)
        if connection.execute(_select_first(request.transaction_uid, OVER_HTTP, outgoing=False)).first():
            raise AlreadyThere("this Transaction UID is in use")
        audit.record(connection, actor, "commitment-asked", detail=detail)
        return _insert(connection, request, OVER_HTTP, ASKED, None, outgoing=False)


def answer_over_http(pacs: Pacs, pk: int, seconds: float) -> CommitmentReport | None:
    """The result of a request that has just been taken. None: it takes longer, and is left to the worker.

    Raises OutOfResources.
    """
    deadline = time.monotonic() + seconds
    report = check(pacs, pk, lambda: time.monotonic() < deadline)
    if report is None:
        hand_over(pacs, pk)
        return None
    _end(pacs, pk)
    return report


def result_over_http(pacs: Pacs, actor: Actor, transaction_uid: str) -> CommitmentReport | None:
    """What became of a request (PS3.18 13.5). None: it is not known yet.

    Raises NotAllowed, NotFound, and Removed where it was told for so long that it has been dropped.
    """
    actor.require("commit")
    with pacs.database.read() as connection:
        row = connection.execute(_select_first(transaction_uid, OVER_HTTP, outgoing=False)).first()
    if row is None:
        raise NotFound("no such commitment request")
    if row.ended_at is not None and row.ended_at < _now() - LOOKED_UP_FOR:
        raise Removed("the result of this commitment request is kept no longer")
    return None if row.state == ASKED else _report_of(row, _outcomes_of(row))


def check(pacs: Pacs, pk: int, go_on: Callable[[], bool]) -> CommitmentReport | None:
    """What is to be reported, once every instance has been read again. None: told not to go on.

    Raises OutOfResources.
    """
    row = _row(pacs, pk)
    outcomes = _outcomes_of(row)
    if row.state == ASKED:
        findings = verify(pacs, list(outcomes), go_on)
        if findings is None:
            return None
        outcomes = {one: OUTCOME[finding] for one, finding in zip(outcomes, findings, strict=True)}
        _keep_outcomes(pacs, row, outcomes)
    return _report_of(row, outcomes)


def hand_over(pacs: Pacs, pk: int) -> None:
    """Leave what has to be done still to the worker."""
    with pacs.database.write() as connection:
        _change(connection, pk, next_at=_now())


def end(pacs: Pacs, pk: int, status: int) -> None:
    """The peer has answered our report: with Success it is over, otherwise it is told again later."""
    row = _row(pacs, pk)
    if status:
        _postpone(pacs, row, f"{row.ae_title} answers our report with status {status:04X}")
        return
    _end(pacs, pk)
    log.info("commitment reported", transaction_uid=row.transaction_uid, peer=row.ae_title, committed=row.committed)


def request(
    pacs: Pacs, actor: Actor, ae_title: str, study_instance_uid: str, series_instance_uid: str | None = None
) -> list[Transaction]:
    """Ask a peer to keep what it was sent of a study: one transaction, or more when there are very many instances.

    They go on by themselves when the peer does not answer now, or reports later. Raises NotAllowed, NotFound.
    """
    actor.require("administer")
    peer = directory.by_ae_title(pacs, ae_title)
    if peer is None:
        raise NotFound(f"no peer is called {ae_title}: `pacs peer add` makes one known")
    refs = instances(pacs, actor, study_instance_uid, series_instance_uid)
    references = [Reference(ref.sop_class_uid, ref.sop_instance_uid) for ref in refs]
    pks = []
    with pacs.database.write() as connection:
        for start in range(0, len(references), MOST_ASKED):
            some = CommitmentRequest(f"2.25.{uuid4().int}", tuple(references[start : start + MOST_ASKED]))
            pks.append(_insert(connection, some, peer.ae_title, ASKED, None, outgoing=True))
        audit.record(
            connection,
            actor,
            "asked-to-commit",
            study_instance_uid=study_instance_uid,
            detail=f"{peer.ae_title}: {len(references)} instances",
        )
    for pk in pks:
        _run(pacs, str(pk))
    return [_transaction(_row(pacs, pk)) for pk in pks]


def receive_report(pacs: Pacs, actor: Actor, report: CommitmentReport) -> None:
    """Keep what a peer reports of a transaction that we began with it. Raises NotFound when we did not."""
    with pacs.database.write() as connection:
        row = connection.execute(_select_first(report.transaction_uid, actor.name, outgoing=True)).first()
        if row is None:
            raise NotFound("no such transaction was begun with this peer")
        if row.state not in (ASKED, WAITING):
            return
        told: Outcomes = {**dict.fromkeys(report.committed, COMMITTED), **report.failed}
        outcomes = {one: told.get(one) for one in _outcomes_of(row)}
        committed = _count_committed(outcomes)
        is_whole = committed == row.number
        _change(
            connection,
            row.pk,
            state=REPORTED if is_whole else FAILED,
            committed=committed,
            why="" if is_whole else _why(outcomes),
            ended_at=_now(),
            instances=_to_json(outcomes),
        )
        detail = f"{actor.name}: {committed} of {row.number}, transaction {report.transaction_uid}"
        audit.record(connection, actor, "committed" if is_whole else "commitment-failed", detail=detail)
    log.info("commitment received", transaction_uid=report.transaction_uid, committed=committed, of=row.number)


def transactions(pacs: Pacs, actor: Actor, ae_title: str = "", most: int = 100) -> list[Transaction]:
    """Those with a peer, or with all of them; the newest first."""
    actor.require("administer")
    statement = select(*_OF_TRANSACTION).order_by(commitment.c.pk.desc()).limit(most)
    if ae_title:
        statement = statement.where(commitment.c.ae_title == ae_title)
    with pacs.database.read() as connection:
        return [_transaction(row) for row in connection.execute(statement)]


def transaction(pacs: Pacs, actor: Actor, pk: int) -> Transaction:
    """One of them. Raises NotFound."""
    actor.require("administer")
    return _transaction(_row(pacs, pk))


def _due(pacs: Pacs) -> Sequence[str]:
    statement = (
        select(commitment.c.pk)
        .where(commitment.c.state.in_((ASKED, CHECKED, WAITING)), commitment.c.next_at <= _now())
        .order_by(commitment.c.next_at)
        .limit(100)
    )
    with pacs.database.read() as connection:
        return [str(pk) for pk in connection.execute(statement).scalars()]


def _run(pacs: Pacs, key: str) -> None:
    """Bring one transaction a step further."""
    row = _row(pacs, int(key))
    try:
        if row.state == WAITING:
            _fail(pacs, row, f"{row.ae_title} has not reported within {GIVEN_UP_AFTER.days} days")
        elif row.outgoing and row.state == ASKED:
            _ask(pacs, row)
        elif row.state in (ASKED, CHECKED):
            _report(pacs, row)
    except PacsError as error:
        _postpone(pacs, row, str(error))


JOB = Job("commitment", _due, _run, at_once=2)


def _report(pacs: Pacs, row: _Row) -> None:
    report = check(pacs, row.pk, lambda: not is_stopping())
    if report is not None and row.ae_title == OVER_HTTP:
        _end(pacs, row.pk)
    elif report is not None:
        end(pacs, row.pk, peer_commitment.report(pacs, _peer(pacs, row), report))


def _end(pacs: Pacs, pk: int) -> None:
    with pacs.database.write() as connection:
        _change(connection, pk, state=REPORTED, why="", ended_at=_now())


def _ask(pacs: Pacs, row: _Row) -> None:
    peer = _peer(pacs, row)
    who = Actor("peer", peer.ae_title, peer.host)
    status = peer_commitment.ask(
        pacs,
        peer,
        CommitmentRequest(row.transaction_uid, tuple(_outcomes_of(row))),
        lambda report: receive_report(pacs, who, report),
    )
    if status:
        _fail(pacs, row, f"{row.ae_title} refuses with status {status:04X}")
        return
    with pacs.database.write() as connection:  # unless the report has come already
        is_asked = (commitment.c.pk == row.pk, commitment.c.state == ASKED)
        connection.execute(
            update(commitment).where(*is_asked).values(state=WAITING, why="", next_at=row.created_at + GIVEN_UP_AFTER)
        )


def _peer(pacs: Pacs, row: _Row) -> Peer:
    peer = directory.by_ae_title(pacs, row.ae_title)
    if peer is None:
        raise NotFound(f"no peer is called {row.ae_title}: `pacs peer add` makes it known, and then it is told")
    return peer


def _postpone(pacs: Pacs, row: _Row, why: str) -> None:
    """Try again later, or give up after days."""
    if _now() - row.created_at > GIVEN_UP_AFTER:
        _fail(pacs, row, why)
        return
    attempts = row.attempts + 1
    log.warning("commitment postponed", transaction_uid=row.transaction_uid, peer=row.ae_title, why=why)
    with pacs.database.write() as connection:
        _change(connection, row.pk, attempts=attempts, why=why, next_at=_now() + pause_after(attempts))


def _fail(pacs: Pacs, row: _Row, why: str) -> None:
    log.warning("commitment given up", transaction_uid=row.transaction_uid, peer=row.ae_title, why=why)
    with pacs.database.write() as connection:
        _change(connection, row.pk, state=FAILED, why=why, ended_at=_now())
        audit.record(connection, SYSTEM, "commitment-failed", detail=f"{row.ae_title}: {row.transaction_uid}")


def _keep_outcomes(pacs: Pacs, row: _Row, outcomes: Outcomes) -> None:
    committed = _count_committed(outcomes)
    with pacs.database.write() as connection:
        _change(
            connection,
            row.pk,
            state=CHECKED,
            committed=committed,
            next_at=_now() + HELD,
            instances=_to_json(outcomes),
        )
        is_whole = committed == row.number
        detail = f"{row.ae_title}: {committed} of {row.number}, transaction {row.transaction_uid}"
        audit.record(connection, SYSTEM, "committed" if is_whole else "commitment-failed", detail=detail)


def _why(outcomes: Outcomes) -> str:
    """How many of our instances a peer does not commit to, by its reasons."""
    reasons = [outcome for outcome in outcomes.values() if outcome != COMMITTED]
    texts = (
        f"{reasons.count(reason)} {'not mentioned' if reason is None else f'with reason {reason:04X}'}"
        for reason in dict.fromkeys(reasons)
    )
    return "not committed: " + ", ".join(texts)


def _insert(
    connection: Connection,
    request: CommitmentRequest,
    ae_title: str,
    state: str,
    outcome: int | None,
    *,
    outgoing: bool,
) -> int:
    values = {
        "transaction_uid": request.transaction_uid,
        "ae_title": ae_title,
        "outgoing": outgoing,
        "state": state,
        "number": len(request.references),
        "created_at": _now(),
        "next_at": _now() + (ASKING if outgoing else HELD),
        "instances": _to_json(dict.fromkeys(request.references, outcome)),
    }
    return int(connection.execute(insert(commitment).values(values).returning(commitment.c.pk)).scalar_one())


def _change(connection: Connection, pk: int, **values: Any) -> None:
    connection.execute(update(commitment).where(commitment.c.pk == pk).values(values))


def _forget_old(connection: Connection) -> None:
    connection.execute(delete(commitment).where(commitment.c.ended_at < _now() - FORGOTTEN_AFTER))


def _select_first(transaction_uid: str, ae_title: str, *, outgoing: bool) -> Select[tuple[Any, ...]]:
    """The transaction that has this UID by right."""
    return (
        select(commitment)
        .where(
            commitment.c.transaction_uid == transaction_uid,
            commitment.c.ae_title == ae_title,
            commitment.c.outgoing.is_(outgoing),
        )
        .order_by(commitment.c.pk)
        .limit(1)
    )


def _row(pacs: Pacs, pk: int) -> _Row:
    with pacs.database.read() as connection:
        row = connection.execute(select(commitment).where(commitment.c.pk == pk)).one_or_none()
    if row is None:
        raise NotFound("no such transaction")
    return row


def _transaction(row: _Row) -> Transaction:
    return Transaction(**{column.name: getattr(row, column.name) for column in _OF_TRANSACTION})


_OF_TRANSACTION = [commitment.c[name] for name in Transaction.__dataclass_fields__]


def _report_of(row: _Row, outcomes: Outcomes) -> CommitmentReport:
    return CommitmentReport(
        row.transaction_uid,
        tuple(one for one, outcome in outcomes.items() if outcome == COMMITTED),
        {one: outcome for one, outcome in outcomes.items() if outcome},
    )


def _count_committed(outcomes: Outcomes) -> int:
    return sum(outcome == COMMITTED for outcome in outcomes.values())


def _to_json(outcomes: Outcomes) -> str:
    return json.dumps([[*one, outcome] for one, outcome in outcomes.items()], separators=(",", ":"))


def _outcomes_of(row: _Row) -> Outcomes:
    return {Reference(*uids): outcome for *uids, outcome in json.loads(row.instances)}


def _now() -> datetime:
    return datetime.now(UTC)
