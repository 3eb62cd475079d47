"""What we do of ourselves, as workitems: nothing is kept of it twice, each is made of its feature's row when asked for.

A feature's work is in the worklist by one `Source` in SOURCES. It is there while it is not over and for a week more.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sqlalchemy import ColumnElement, Connection, Table, func, or_, select

from pacs.archive import further, renditions
from pacs.context import Actor, Pacs
from pacs.dicom import workitem as ups
from pacs.dicom.dicomjson import Json
from pacs.dicom.json_data_set import code, date_time, element, sequence
from pacs.dicom.json_matching import tag_of
from pacs.index.tables import bookmark, commitment, delivery, further_attribute, instance
from pacs.jobs import bookmark_of
from pacs.workflow import commitment as commitments
from pacs.workflow import deliveries

SHOWN_FOR = timedelta(days=7)
"""After its end."""
MOST_SHOWN = 1000
"""The newest of each kind: a destination that is away may have very many waiting for it."""
SCHEME = "99FILMLESS"
WORKLIST_LABEL = "FILMLESS"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UID = re.compile(r"2\.25\.([0-9]{1,39})")
VERSION, VARIANT = 8, 2
"""Of a UUID whose bits have a meaning of our own (RFC 9562 5.8)."""
KEY_BITS, CHECK_BITS = 44, 18


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of our work."""

    kind: str
    pk: int
    """Of the row of its feature."""
    label: str
    state: str
    """A state of a workitem."""
    created_at: datetime
    ended_at: datetime | None = None
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    done: int = 0
    number: int = 0
    """Of `done`, when it is over."""
    priority: int = 0
    why: str = ""
    """What is in its way, or was."""

    @property
    def uid(self) -> str:
        """A UID that tells which row it is: so it is found again though it is kept nowhere."""
        micros = (self.created_at - EPOCH) // timedelta(microseconds=1)
        digest = sha256(f"{self.kind}/{self.pk}/{micros}".encode()).digest()
        number = micros // 1000
        for value, bits in (
            (VERSION, 4),
            (_number_of(self.kind), 12),
            (VARIANT, 2),
            (self.pk, KEY_BITS),
            (int.from_bytes(digest[:4]) >> 32 - CHECK_BITS, CHECK_BITS),
        ):
            number = number << bits | value
        return f"2.25.{number}"

    def outline(self) -> Json:
        """As much of its workitem as tells most of those that are not asked for from the others."""
        of_study = {ups.STUDY_INSTANCE_UID: element(ups.STUDY_INSTANCE_UID, self.study_instance_uid)}
        return {ups.STATE: element(ups.STATE, self.state)} | of_study

    def as_workitem(self) -> Json:
        """As a workitem in its state, that has all which one must have."""
        now = self.ended_at or self.created_at
        given = {
            ups.STATE: element(ups.STATE, ups.SCHEDULED),
            ups.PRIORITY: element(ups.PRIORITY, _priority(self.priority)),
            ups.LABEL: element(ups.LABEL, self.label[:64]),
            ups.WORKLIST_LABEL: element(ups.WORKLIST_LABEL, WORKLIST_LABEL),
            ups.START: element(ups.START, date_time(self.created_at)),
            ups.READINESS: element(ups.READINESS, "READY"),
            WORKITEM_CODE: sequence([_code(self.kind)]),
            ups.STATIONS: sequence([_code(WORKLIST_LABEL)]),
            ups.INPUT_SEQUENCE: sequence(self._input()),
        }
        if self.study_instance_uid:
            given[ups.STUDY_INSTANCE_UID] = element(ups.STUDY_INSTANCE_UID, self.study_instance_uid)
        workitem, _ = ups.created(given, self.uid, self.created_at)
        workitem[ups.PROGRESS_SEQUENCE] = sequence([self._progress()])
        if self.state == ups.COMPLETED:
            workitem[ups.PERFORMED_SEQUENCE] = sequence([self._performed(now)])
        return dict(sorted(ups.with_state(workitem, self.state, now).items()))

    def _input(self) -> Iterator[Json]:
        """PS3.3 Table 10-3b, without the instances: there may be very many."""
        if self.study_instance_uid:
            tags = zip(INPUT, ("DICOM", self.study_instance_uid, self.series_instance_uid), strict=True)
            yield dict(sorted((tag, element(tag, value)) for tag, value in tags if value))

    def _progress(self) -> Json:
        """PS3.3 Table C.30.1-1."""
        percent = 100 * self.done // self.number if self.number else 100 * (self.state == ups.COMPLETED)
        told = [f"{self.done} of {self.number}"] * bool(self.number) + [self.why] * bool(self.why)
        progress = {ups.PROGRESS: element(ups.PROGRESS, percent)}
        if told:
            progress[ups.PROGRESS_DESCRIPTION] = element(ups.PROGRESS_DESCRIPTION, "; ".join(told)[:1024])
        if self.state == ups.CANCELED and self.why:
            progress[ups.REASON] = element(ups.REASON, self.why)
        return progress

    def _performed(self, ended_at: datetime) -> Json:
        station, start, workitem, end = ups.PERFORMED
        return {
            station: sequence([_code(WORKLIST_LABEL)]),
            start: element(start, date_time(self.created_at)),
            workitem: sequence([_code(self.kind)]),
            end: element(end, date_time(ended_at)),
            ups.OUTPUT_SEQUENCE: sequence(()),
        }


@dataclass(frozen=True, slots=True)
class Source:
    """A feature's work."""

    kind: str
    meaning: str
    """For people, as the meaning of its code."""
    rows: Callable[[Connection, int | None, datetime], Iterable[Work]]
    """Given a key that one piece; without, all that is not over, or ended since then."""
    cancel: Callable[[Pacs, Actor, int], None] | None = None
    """None: it is never given up because somebody asks."""


def current(connection: Connection, actor: Actor) -> Iterator[Work]:
    """What is to be done, is being done, or was done within the last days, as far as the actor may know of it.

    Of each kind the newest first.
    """
    since = datetime.now(UTC) - SHOWN_FOR
    for source in SOURCES:
        yield from (work for work in source.rows(connection, None, since) if _may_know(actor, work))


def find(connection: Connection, actor: Actor, uid: str) -> Work | None:
    """The piece of work of a UID; None for what is none of ours, and for what the actor may not know of."""
    parsed = _parsed(uid)
    if parsed is None:
        return None
    source, pk = parsed
    works = source.rows(connection, pk, EPOCH)
    return next((work for work in works if work.uid == uid and _may_know(actor, work)), None)


def source_of(work: Work) -> Source:
    return next(source for source in SOURCES if source.kind == work.kind)


def _may_know(actor: Actor, work: Work) -> bool:
    return actor.studies is None or work.study_instance_uid in actor.studies


def _parsed(uid: str) -> tuple[Source, int] | None:
    found = _UID.fullmatch(uid)
    if found is None:
        return None
    number = int(found[1]) >> CHECK_BITS
    number, pk = number >> KEY_BITS, number & (1 << KEY_BITS) - 1
    kind = number >> 2 & 0xFFF
    source = next((source for source in SOURCES if _number_of(source.kind) == kind), None)
    return (source, pk) if source else None


def _number_of(kind: str) -> int:
    return int.from_bytes(sha256(kind.encode()).digest()[:2]) >> 4


def _priority(number: int) -> str:
    """PS3.3 C.30.2 knows three."""
    if number == 0:
        return "MEDIUM"
    return "HIGH" if number > 0 else "LOW"


def _code(value: str) -> Json:
    meaning = next((source.meaning for source in SOURCES if source.kind == value), value)
    return code(CodeValue=value, CodingSchemeDesignator=SCHEME, CodeMeaning=meaning)


def _wanted(table: Table, pk: int | None, over: ColumnElement[bool], since: datetime) -> ColumnElement[bool]:
    """Of a table whose rows have a time at which they ended."""
    return table.c.pk == pk if pk is not None else or_(~over, table.c.ended_at >= since)


def _delivery_rows(connection: Connection, pk: int | None, since: datetime) -> Iterator[Work]:
    states = {deliveries.DELIVERED: ups.COMPLETED, deliveries.FAILED: ups.CANCELED, deliveries.CANCELLED: ups.CANCELED}
    columns = [column for column in delivery.c if column.name != "sop_instance_uids"]
    wanted = _wanted(delivery, pk, delivery.c.state.in_(states), since)
    for row in connection.execute(select(*columns).where(wanted).order_by(delivery.c.pk.desc()).limit(MOST_SHOWN)):
        begun = ups.IN_PROGRESS if row.attempts or row.state == deliveries.SENDING else ups.SCHEDULED
        yield Work(
            "delivery",
            row.pk,
            f"Send to {row.destination}",
            states.get(row.state, begun),
            row.created_at,
            row.ended_at,
            row.study_instance_uid,
            row.series_instance_uid,
            row.sent,
            row.number,
            row.priority,
            "paused" if row.state == deliveries.PAUSED else row.why,
        )


def _commitment_rows(connection: Connection, pk: int | None, since: datetime) -> Iterator[Work]:
    states = {commitments.REPORTED: ups.COMPLETED, commitments.FAILED: ups.CANCELED}
    columns = [column for column in commitment.c if column.name != "instances"]
    wanted = _wanted(commitment, pk, commitment.c.state.in_(states), since)
    for row in connection.execute(select(*columns).where(wanted).order_by(commitment.c.pk.desc()).limit(MOST_SHOWN)):
        begun = ups.SCHEDULED if row.state == commitments.ASKED and not row.attempts else ups.IN_PROGRESS
        whom = f"Ask {row.ae_title} to commit" if row.outgoing else f"Commit to {row.ae_title}"
        yield Work(
            "commitment",
            row.pk,
            whom,
            states.get(row.state, begun),
            row.created_at,
            row.ended_at,
            done=row.committed,
            number=row.number,
            why=row.why,
        )


def _further_rows(connection: Connection, pk: int | None, since: datetime) -> Iterator[Work]:
    """They are filled from the newest instance down. When one was full is not kept, so it is shown by when it began."""
    recent = or_(further_attribute.c.state == further.FILLING, further_attribute.c.created_at >= since)
    wanted = further_attribute.c.pk == pk if pk is not None else recent
    defined = select(further_attribute).where(wanted, further_attribute.c.state != further.REMOVING)
    newest = _newest(connection)
    for row in connection.execute(defined.order_by(further_attribute.c.pk)):
        is_filling = row.state == further.FILLING
        left = min(row.filled_to - 1, newest) if row.filled_to else newest
        yield Work(
            "further-attribute",
            row.pk,
            f"Make {row.path} searchable",
            ups.IN_PROGRESS if is_filling else ups.COMPLETED,
            row.created_at,
            done=newest - left if is_filling else newest,
            number=newest,
        )


def _rendition_rows(connection: Connection, pk: int | None, since: datetime) -> Iterator[Work]:
    """What was stored before renditions were made: one piece, as old as the archive. What arrives since is at once."""
    is_begun = select(bookmark.c.name).where(bookmark.c.name == renditions.OLDER)
    begun_at = connection.scalar(select(instance.c.received_at).order_by(instance.c.pk).limit(1))
    left = bookmark_of(connection, renditions.OLDER)
    if begun_at is None or connection.scalar(is_begun) is None or (pk is None and not left):
        return
    newest = _newest(connection)
    state = ups.IN_PROGRESS if left else ups.COMPLETED
    yield Work("renditions", 0, "Make HTJ2K of what is stored", state, begun_at, done=newest - left, number=newest)


def _newest(connection: Connection) -> int:
    return connection.scalar(select(func.max(instance.c.pk))) or 0


SOURCES: tuple[Source, ...] = (
    Source("delivery", "Send instances", _delivery_rows, deliveries.cancel),
    Source("commitment", "Storage commitment", _commitment_rows),
    Source("further-attribute", "Index an attribute", _further_rows),
    Source("renditions", "Make renditions", _rendition_rows),
)

WORKITEM_CODE = tag_of("ScheduledWorkitemCodeSequence")
INPUT = (tag_of("TypeOfInstances"), ups.STUDY_INSTANCE_UID, tag_of("SeriesInstanceUID"))
