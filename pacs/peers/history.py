"""What was said with each peer: its last associations, what was proposed, agreed and asked, and what went wrong."""

import json
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import structlog
from sqlalchemy import Connection, delete, func, insert, select

from pacs import audit
from pacs.context import Actor, Pacs
from pacs.errors import OutOfResources
from pacs.index.tables import association
from pacs.peers import directory, doctor
from pacs.upper_layer.association import Association
from pacs.upper_layer.errors import Lost, Rejected, TimedOut
from pacs.upper_layer.message import (
    C_ECHO_RQ,
    C_FIND_RQ,
    C_GET_RQ,
    C_MOVE_RQ,
    C_STORE_RQ,
    N_ACTION_RQ,
    N_CREATE_RQ,
    N_EVENT_REPORT_RQ,
    N_GET_RQ,
    N_SET_RQ,
)
from pacs.upper_layer.pdu import ACCEPTED, AnsweredContext, AssociateRequest

log = structlog.get_logger(__name__)

KEPT = 50
"""Associations of each peer."""
KEPT_IN_ALL = 20_000
MOST_SYNTAXES = 12
"""Transfer syntaxes that are written down of one context; devices propose up to 60."""
GATHERED_S = 1.0
"""How long what has ended is gathered before it is written: nobody waits for it, and one commit does for all."""
MOST_GATHERED = 1000

SERVICES: Mapping[int, str] = {
    C_STORE_RQ: "C-STORE",
    C_GET_RQ: "C-GET",
    C_FIND_RQ: "C-FIND",
    C_MOVE_RQ: "C-MOVE",
    C_ECHO_RQ: "C-ECHO",
    N_EVENT_REPORT_RQ: "N-EVENT-REPORT",
    N_GET_RQ: "N-GET",
    N_SET_RQ: "N-SET",
    N_ACTION_RQ: "N-ACTION",
    N_CREATE_RQ: "N-CREATE",
}

Outcome = Literal["released", "aborted", "rejected", "lost", "unreachable"]


@dataclass(frozen=True, slots=True)
class ContextRecord:
    """A presentation context: proposed, and what became of it."""

    abstract_syntax: str
    proposed: tuple[str, ...]
    """The first of its transfer syntaxes."""
    more: int
    """How many transfer syntaxes besides."""
    accepted: str
    """The transfer syntax that was agreed on; "": none."""
    result: int | None
    """Of PS3.8 Table 9-18; None: the association was not accepted."""

    @property
    def name(self) -> str:
        return doctor.uid_name(self.abstract_syntax)

    @property
    def why(self) -> str:
        """Why it was refused; "": it was not."""
        if self.result in (None, ACCEPTED):
            return ""
        return doctor.RESULTS.get(self.result or 0, f"result {self.result}")


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """How many requests of a service ended with a status."""

    service: str
    status: int
    count: int


@dataclass(frozen=True, slots=True)
class Record:
    """One association with a peer, from its beginning to its end."""

    ae_title: str
    address: str
    outgoing: bool
    began_at: datetime
    ended_at: datetime
    outcome: Outcome
    why: str
    """In plain words, what to look at; "": all went well."""
    contexts: tuple[ContextRecord, ...] = ()
    requests: tuple[RequestRecord, ...] = ()
    pk: int = 0


@dataclass(frozen=True, slots=True)
class Ending:
    """An association that has ended, as its thread leaves it: made a Record when it is written."""

    ae_title: str
    address: str
    outgoing: bool
    began_at: datetime
    request: AssociateRequest
    answers: Sequence[AnsweredContext] = ()
    statuses: Mapping[tuple[int, int], int] = field(default_factory=dict)
    error: BaseException | None = None
    """What ended it; None: a release."""
    why: str = ""
    ended_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(slots=True)
class _Refused:
    """Those of one AE title, address and reason who were turned away since the last writing."""

    called_ae_title: str
    is_unknown: bool
    """We do not know him, or not from there."""
    at: datetime
    times: int = 0


def of_peer(pacs: Pacs, actor: Actor, ae_title: str) -> list[Record]:
    """The last associations of a peer, newest first."""
    actor.require("administer")
    found = select(association).where(association.c.ae_title == ae_title.strip())
    with pacs.database.read() as connection:
        rows = connection.execute(found.order_by(association.c.pk.desc()).limit(KEPT)).mappings()
        return [_record_of_row(row) for row in rows]


def latest(pacs: Pacs, actor: Actor) -> dict[str, tuple[datetime, str]]:
    """When each peer was last spoken with, and how that ended, by AE title."""
    actor.require("administer")
    last = select(func.max(association.c.pk)).group_by(association.c.ae_title).scalar_subquery()
    chosen = select(association.c.ae_title, association.c.began_at, association.c.outcome)
    with pacs.database.read() as connection:
        return {row[0]: (row[1], row[2]) for row in connection.execute(chosen.where(association.c.pk.in_(last)))}


def write(pacs: Pacs, ending: Ending) -> None:
    """Write one down at once. That it could not be written is logged: what was done stays done."""
    try:
        with pacs.database.write() as connection:
            _insert(connection, [record_of(ending)])
    except OutOfResources as error:
        log.warning("an association could not be written down", why=str(error))


def record_of(ending: Ending) -> Record:
    """What is kept of an association."""
    return Record(
        _printable(ending.ae_title),
        ending.address,
        ending.outgoing,
        ending.began_at,
        ending.ended_at,
        _outcome_of(ending.error),
        ending.why or ("" if ending.error is None else str(ending.error)),
        _contexts_of(ending.request, ending.answers),
        _requests_of(ending.statuses),
    )


def ending_of(association: Association, ae_title: str, address: str, outgoing: bool, began_at: datetime) -> Ending:
    """An association as it is now: released, if nothing else is said."""
    answers, statuses = association.answer.contexts, Counter(association.statuses)
    return Ending(ae_title, address, outgoing, began_at, association.request, answers, statuses)


class Diary:
    """What a door writes down of those who call: gathered, and written once a second at most, off everybody's way.

    So neither a release nor a refusal waits for the index, and who knocks a thousand times a second makes one row.
    """

    def __init__(self, pacs: Pacs) -> None:
        self._pacs = pacs
        self._lock = threading.Lock()
        self._endings: list[Ending] = []
        self._refused: dict[tuple[str, str, str], _Refused] = {}
        self._is_due = False

    def add(self, ending: Ending) -> None:
        """An association that has ended."""
        with self._lock:
            if len(self._endings) < MOST_GATHERED:
                self._endings.append(ending)
            self._write_soon()

    def turn_away(self, ending: Ending, rejected: Rejected, *, is_unknown: bool) -> None:
        """Somebody who was rejected. is_unknown: because we do not know him, or not from there."""
        key = (_printable(ending.ae_title), ending.address, str(rejected))
        with self._lock:
            if key not in self._refused and len(self._refused) >= MOST_GATHERED:
                return
            if key not in self._refused and len(self._endings) < MOST_GATHERED:
                self._endings.append(ending)
            called = _printable(ending.request.called_ae_title)
            refused = self._refused.setdefault(key, _Refused(called, is_unknown, ending.ended_at))
            refused.times += 1
            self._write_soon()

    def write(self) -> None:
        """Write down what was gathered."""
        with self._lock:
            endings, refused = self._endings, self._refused
            self._endings, self._refused, self._is_due = [], {}, False
        if not endings and not refused:
            return
        try:
            with self._pacs.database.write() as connection:
                self._write(connection, endings, refused)
        except OutOfResources as error:
            log.warning("associations could not be written down", associations=len(endings), why=str(error))
        except Exception:
            log.exception("associations could not be written down", associations=len(endings))

    def _write_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            timer = threading.Timer(GATHERED_S, self.write)
            timer.daemon, timer.name = True, "diary"
            timer.start()

    def _write(
        self, connection: Connection, endings: Sequence[Ending], refused: Mapping[tuple[str, str, str], _Refused]
    ) -> None:
        known = directory.known_among(connection, {ae_title for ae_title, _, _ in refused})
        for (ae_title, address, why), who in refused.items():
            detail = f"{why} ({who.times} times)" if who.times > 1 else why
            audit.record(connection, Actor("peer", ae_title, address), "association-rejected", detail=detail)
            if who.is_unknown or ae_title not in known:
                directory.note_knock(connection, ae_title, address, who.called_ae_title, why, who.times, who.at)
        # A stranger is remembered by his knock alone: titles can be made up without end.
        of_strangers = {ae_title for ae_title, _, _ in refused} - known
        _insert(
            connection,
            [
                record_of(ending)
                for ending in endings
                if ending.ae_title not in of_strangers or not isinstance(ending.error, Rejected)
            ],
        )


def _insert(connection: Connection, records: Sequence[Record]) -> None:
    if not records:
        return
    connection.execute(insert(association), [_row_of(record) for record in records])
    for ae_title in {record.ae_title for record in records}:
        is_its = association.c.ae_title == ae_title
        oldest = select(association.c.pk).where(is_its).order_by(association.c.pk.desc()).offset(KEPT).limit(1)
        connection.execute(delete(association).where(is_its, association.c.pk <= oldest.scalar_subquery()))
    newest = select(func.max(association.c.pk)).scalar_subquery()
    connection.execute(delete(association).where(association.c.pk <= newest - KEPT_IN_ALL))


def _printable(ae_title: str) -> str:
    """An AE title as a stranger may have sent it, fit for a table and a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in ae_title)[:16]


def _outcome_of(error: BaseException | None) -> Outcome:
    match error:
        case None:
            return "released"
        case Rejected():
            return "rejected"
        case Lost() | TimedOut():
            return "lost"
        case OSError():
            return "unreachable"
        case _:
            return "aborted"


def _contexts_of(request: AssociateRequest, answers: Iterable[AnsweredContext]) -> tuple[ContextRecord, ...]:
    answer_of = {answered.context_id: answered for answered in answers}
    records = []
    for context in request.contexts:
        answered = answer_of.get(context.context_id)
        is_accepted = answered is not None and answered.result == ACCEPTED
        records.append(
            ContextRecord(
                context.abstract_syntax,
                context.transfer_syntaxes[:MOST_SYNTAXES],
                max(0, len(context.transfer_syntaxes) - MOST_SYNTAXES),
                answered.transfer_syntax if answered is not None and is_accepted else "",
                None if answered is None else answered.result,
            )
        )
    return tuple(records)


def _requests_of(statuses: Mapping[tuple[int, int], int]) -> tuple[RequestRecord, ...]:
    return tuple(
        RequestRecord(SERVICES.get(command_field, f"{command_field:04X}"), status, count)
        for (command_field, status), count in sorted(statuses.items())
    )


def _row_of(record: Record) -> dict[str, Any]:
    return {
        "ae_title": record.ae_title,
        "address": record.address,
        "outgoing": record.outgoing,
        "began_at": record.began_at,
        "ended_at": record.ended_at,
        "outcome": record.outcome,
        "why": record.why,
        "contexts": json.dumps(
            [[one.abstract_syntax, one.proposed, one.more, one.accepted, one.result] for one in record.contexts],
            separators=(",", ":"),
        ),
        "requests": json.dumps([[one.service, one.status, one.count] for one in record.requests]),
    }


def _record_of_row(row: Mapping[Any, Any]) -> Record:
    return Record(
        row["ae_title"],
        row["address"],
        row["outgoing"],
        row["began_at"],
        row["ended_at"],
        row["outcome"],
        row["why"],
        tuple(ContextRecord(uid, tuple(proposed), *rest) for uid, proposed, *rest in json.loads(row["contexts"])),
        tuple(RequestRecord(*one) for one in json.loads(row["requests"])),
        row["pk"],
    )
