"""The worklist as it is read: one workitem, or those that are all that is asked (PS3.4 CC.2.7, CC.2.8)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from pacs.context import Actor, Pacs
from pacs.dicom.dicomjson import Json
from pacs.dicom.json_matching import Search, is_answer, selected
from pacs.dicom.query import AnyOf, Match, Range, Single
from pacs.dicom.workitem import RETURNED, STATE, STUDY_INSTANCE_UID, check_uid, studies_of
from pacs.errors import NotFound, Removed
from pacs.index.tables import workitem
from pacs.workflow import own_work

PIECE = 500
"""Rows that are fetched at once."""
OUTLINED = ((STATE,), (STUDY_INSTANCE_UID,))
"""What is known of our own work before it is made a workitem, which takes ten times as long."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A workitem as it is kept."""

    sop_instance_uid: str
    state: str
    transaction_uid: str
    """Of who performs it: the lock, which is told to nobody."""
    revision: int
    content: Json


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has found."""

    workitems: list[Json]
    is_cut: bool
    """There are more, which were not asked to be left out."""


def retrieve(pacs: Pacs, actor: Actor, uid: str) -> Json:
    """A workitem without its Transaction UID, also one of our own work. Raises NotAllowed, NotFound, Removed."""
    actor.require("workitems")
    check_uid(uid)
    with pacs.database.read() as connection:
        own = own_work.find(connection, actor, uid)
        return own.as_workitem() if own else kept(connection, actor, uid).content


def search(pacs: Pacs, actor: Actor, asked: Search) -> Found:
    """Workitems by the start they are scheduled for, then what we do of ourselves. Raises NotAllowed, InvalidQuery."""
    actor.require("workitems")
    most = pacs.settings.query_limit if asked.limit is None else min(asked.limit, pacs.settings.query_limit)
    found: list[Json] = []
    passed = 0
    with pacs.database.read() as connection:
        for one in _candidates(connection, actor, asked):
            if not is_answer(asked, one):
                continue
            passed += 1
            if passed > asked.offset + most:
                break
            if passed > asked.offset:
                found.append(selected(one, RETURNED, asked))
    return Found(found, passed > asked.offset + most and asked.limit != most)


def kept(connection: Connection, actor: Actor, uid: str) -> Kept:
    """Raises NotFound, also for what the actor may not know of, and Removed for what was forgotten after its end."""
    row = connection.execute(_SELECT.where(workitem.c.sop_instance_uid == uid)).first()
    if row is None:
        raise NotFound("there is no such workitem")
    if not row.content:
        raise Removed("this workitem was over, and has been forgotten")
    found = _kept(row)
    if not may_know(actor, found.content):
        raise NotFound("there is no such workitem")
    return found


def all_kept(connection: Connection, asked: Search) -> Iterator[Kept]:
    """Those that may be what is asked, by their scheduled start: what the index knows of them is."""
    statement = _SELECT.where(workitem.c.content != "").order_by(workitem.c.scheduled_start, workitem.c.pk)
    for column, keyword in (
        (workitem.c.procedure_step_state, "ProcedureStepState"),
        (workitem.c.sop_instance_uid, "SOPInstanceUID"),
        (workitem.c.scheduled_start, "ScheduledProcedureStepStartDateTime"),
    ):
        statement = _narrowed(statement, column, asked.match_of(keyword))
    with connection.execute(statement.execution_options(yield_per=PIECE)) as rows:
        yield from map(_kept, rows)


def may_know(actor: Actor, content: Json) -> bool:
    """Whether an actor may know of all studies that it is about. What is about none is not for who knows but some."""
    if actor.studies is None:
        return True
    studies = studies_of(content)
    return bool(studies) and studies <= actor.studies


def _candidates(connection: Connection, actor: Actor, asked: Search) -> Iterator[Json]:
    for one in all_kept(connection, asked):
        if may_know(actor, one.content):
            yield one.content
    outlined = Search(tuple(key for key in asked.keys if key.path in OUTLINED))
    for work in own_work.current(connection, actor):
        if is_answer(outlined, work.outline()):
            yield work.as_workitem()


def _narrowed(statement: Select[Any], column: Any, match: Match) -> Select[Any]:
    match match:
        case Single(value):
            return statement.where(column == value)
        case AnyOf(values):
            return statement.where(column.in_(values))
        case Range(first, last):
            statement = statement if first is None else statement.where(column >= first)
            return statement if last is None else statement.where(column <= last)
        case _:
            return statement


def _kept(row: Row[Any]) -> Kept:
    return Kept(
        row.sop_instance_uid, row.procedure_step_state, row.transaction_uid, row.revision, json.loads(row.content)
    )


_SELECT: Select[Any] = select(
    workitem.c.sop_instance_uid,
    workitem.c.procedure_step_state,
    workitem.c.transaction_uid,
    workitem.c.revision,
    workitem.c.content,
)
