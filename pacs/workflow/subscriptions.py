"""Who is told of workitems, and what is still to be told to whom (PS3.4 CC.2.3, PS3.18 11.10 to 11.12, 8.10).

A subscription is a row of an AE title and a workitem. One to the worklist, or to what fits a filter, is a row too, and
makes those of the workitems that there are and of each that is created, so that they can be ended one by one.

An event is written, for each who is subscribed, in the transaction of the change that it tells of, and stays until it
has been told: whoever listens again after a crash is told again what may not have reached him.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, insert, select, update

from pacs import audit
from pacs.context import Actor, Pacs
from pacs.dicom.dicomjson import Json
from pacs.dicom.json_matching import Search, is_answer, parse_search
from pacs.dicom.workitem import FILTERED_WORKLIST, WORKLIST, check_ae_title, check_uid
from pacs.dicom.workitem_event import restarted, state_report
from pacs.errors import InvalidQuery, NotAllowed, NotFound, NotInThisState
from pacs.index.tables import subscription, workitem_event
from pacs.workflow import own_work, worklist

GLOBAL = (WORKLIST, FILTERED_WORKLIST)
UNTOLD_FOR = timedelta(days=7)
"""How long an event waits for somebody to listen."""
PIECE = 500
"""Rows that are written at once."""


@dataclass(frozen=True, slots=True)
class Event:
    """What is to be told to one who is subscribed."""

    pk: int
    """In the order in which they happened."""
    report: str
    """The event report: DICOM JSON."""


def subscribe(
    pacs: Pacs, actor: Actor, uid: str, ae_title: str, *, deletion_lock: bool = False, filter: str = ""
) -> None:
    """Tell an AE of a workitem, of all of them, or of those that fit a filter, from now on.

    deletion_lock: they are kept until it is unsubscribed. filter: a query of an address, for FILTERED_WORKLIST alone.
    Raises NotAllowed, NotFound, Removed, InvalidQuery, and NotInThisState for our own work, which tells nothing.
    """
    _check(actor, uid, ae_title)
    asked = _parsed_filter(uid, filter)
    ae_title = check_ae_title(ae_title)
    with pacs.database.write() as connection:
        if uid in GLOBAL:
            _put(connection, ae_title, uid, deletion_lock, filter)
            new = _subscribe_to_all(connection, actor, ae_title, deletion_lock, asked)
            told = new if deletion_lock and uid == WORKLIST else []
        else:
            told = [_one(connection, actor, uid)]
            _put(connection, ae_title, uid, deletion_lock)
        _insert_events(connection, [(ae_title, state_report(content)) for content in told])
        audit.record(connection, actor, "worklist-subscribed", detail=f"{ae_title} to {uid}")


def unsubscribe(pacs: Pacs, actor: Actor, uid: str, ae_title: str) -> None:
    """Tell an AE no more of a workitem; given one of the two of GLOBAL, of none at all (PS3.4 Table CC.2.3-2).

    Raises NotAllowed, InvalidQuery, and NotFound when it is not subscribed.
    """
    _check(actor, uid, ae_title)
    ae_title = check_ae_title(ae_title)
    mine = subscription.c.ae_title == ae_title
    with pacs.database.write() as connection:
        if not connection.execute(delete(subscription).where(mine, subscription.c.sop_instance_uid == uid)).rowcount:
            raise NotFound("there is no such subscription")
        if uid in GLOBAL:
            connection.execute(delete(subscription).where(mine, subscription.c.sop_instance_uid.not_in(GLOBAL)))
        audit.record(connection, actor, "worklist-unsubscribed", detail=f"{ae_title} from {uid}")


def suspend(pacs: Pacs, actor: Actor, uid: str, ae_title: str) -> None:
    """Subscribe an AE to no workitem that is still to come; what it is subscribed to stays.

    Raises NotAllowed, NotFound, and InvalidQuery for what is none of GLOBAL.
    """
    _check(actor, uid, ae_title)
    if uid not in GLOBAL:
        raise InvalidQuery("only a subscription to the worklist can be suspended")
    ae_title = check_ae_title(ae_title)
    its = and_(subscription.c.ae_title == ae_title, subscription.c.sop_instance_uid == uid)
    with pacs.database.write() as connection:
        if not connection.execute(update(subscription).where(its).values(suspended=True)).rowcount:
            raise NotFound("there is no such subscription")
        audit.record(connection, actor, "worklist-suspended", detail=f"{ae_title} from {uid}")


def listen(actor: Actor, ae_title: str) -> str:
    """The AE title under which events may be read. Raises NotAllowed, InvalidQuery."""
    _check(actor, WORKLIST, ae_title)
    return check_ae_title(ae_title)


def pending(pacs: Pacs, ae_title: str, after: int = 0, most: int = 100) -> list[Event]:
    """What is to be told to an AE, the oldest first. after: the key of what has been sent already."""
    events = workitem_event
    its = (events.c.ae_title == ae_title, events.c.pk > after)
    statement = select(events.c.pk, events.c.content).where(*its).order_by(events.c.pk).limit(most)
    with pacs.database.read() as connection:
        return [Event(pk, _with_message_id(content, pk)) for pk, content in connection.execute(statement)]


def note_told(pacs: Pacs, ae_title: str, up_to: int) -> None:
    """These have reached it: they need not be told again."""
    events = workitem_event
    with pacs.database.write() as connection:
        connection.execute(delete(events).where(events.c.ae_title == ae_title, events.c.pk <= up_to))


def tell(connection: Connection, uid: str, reports: Sequence[Json]) -> None:
    """Write down what is to be told of a workitem to each who is subscribed to it."""
    told = [(ae_title, report) for ae_title in subscribers(connection, uid) for report in reports]
    _insert_events(connection, told)


def tell_of_restart(pacs: Pacs) -> None:
    """Tell everybody who is subscribed to anything that we were down, and are there again (PS3.4 CC.2.4.3)."""
    with pacs.database.read() as connection:
        everybody = list(connection.scalars(select(subscription.c.ae_title).distinct()))
    if everybody:
        with pacs.database.write() as connection:
            _insert_events(connection, [(ae_title, restarted()) for ae_title in everybody])


def subscribers(connection: Connection, uid: str) -> list[str]:
    """AE titles of those who are told of a workitem."""
    its = subscription.c.sop_instance_uid == uid
    return list(connection.scalars(select(subscription.c.ae_title).where(its).order_by(subscription.c.ae_title)))


def subscribe_to_new(connection: Connection, uid: str, content: Json) -> None:
    """Subscribe to a workitem that has been created who wants to know of all, or of such ones."""
    to_all = and_(subscription.c.sop_instance_uid.in_(GLOBAL), ~subscription.c.suspended)
    columns = (subscription.c.ae_title, subscription.c.sop_instance_uid, subscription.c.deletion_lock)
    locks: dict[str, bool] = {}
    for ae_title, of, lock, its_filter in connection.execute(select(*columns, subscription.c.filter).where(to_all)):
        if of == WORKLIST or is_answer(_parsed_filter(of, its_filter), content):
            locks[ae_title] = lock or locks.get(ae_title, False)
    _insert_rows(connection, [_row(ae_title, uid, lock) for ae_title, lock in locks.items()])


def is_locked(uid: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether somebody needs the workitem of this UID still, though it be over: a condition on a select of them."""
    return exists().where(subscription.c.sop_instance_uid == uid, subscription.c.deletion_lock)


def has_stale(connection: Connection) -> bool:
    """Whether there are events that nobody came to hear for long."""
    oldest = connection.scalar(select(workitem_event.c.created_at).order_by(workitem_event.c.pk).limit(1))
    return oldest is not None and oldest < datetime.now(UTC) - UNTOLD_FOR


def forget(connection: Connection, uids: Sequence[str]) -> None:
    """These workitems are gone; and what nobody came to hear for long is told no more."""
    stale = workitem_event.c.created_at < datetime.now(UTC) - UNTOLD_FOR
    connection.execute(delete(subscription).where(subscription.c.sop_instance_uid.in_(uids)))
    connection.execute(delete(workitem_event).where(stale))


def _check(actor: Actor, uid: str, ae_title: str) -> None:
    """An AE title is not one person's: who may know of some studies alone could hear of others by it."""
    actor.require("workitems")
    if actor.studies is not None:
        raise NotAllowed("who may know of some studies alone is not told of the worklist")
    check_uid(uid)
    check_ae_title(ae_title)


def _one(connection: Connection, actor: Actor, uid: str) -> Json:
    if own_work.find(connection, actor, uid):
        raise NotInThisState("what this PACS does of itself sends no events: ask for it again instead")
    return worklist.kept(connection, actor, uid).content


def _parsed_filter(uid: str, filter: str) -> Search:
    """Raises InvalidQuery for what is no filter, and where there must be one or must be none."""
    if (uid == FILTERED_WORKLIST) != bool(filter):
        raise InvalidQuery("a filter belongs to a subscription to the filtered worklist, and to no other")
    # PS3.18 11.10.1.2 divides the keys by commas, which values may have too; an address would by ampersands.
    keys = [one.partition("=") for one in re.split(r"&|,(?=[\w.]+=)", filter) if one]
    asked = parse_search((name.strip(), unquote(value)) for name, _, value in keys)
    if filter and (asked.left_out or not asked.keys):
        raise InvalidQuery("the filter is none: it names attributes and their values")
    return asked


def _put(connection: Connection, ae_title: str, uid: str, deletion_lock: bool, filter: str = "") -> None:
    its = and_(subscription.c.ae_title == ae_title, subscription.c.sop_instance_uid == uid)
    changes = {"deletion_lock": deletion_lock, "suspended": False, "filter": filter}
    if not connection.execute(update(subscription).where(its).values(changes)).rowcount:
        connection.execute(insert(subscription).values(_row(ae_title, uid, deletion_lock) | changes))


def _subscribe_to_all(
    connection: Connection, actor: Actor, ae_title: str, deletion_lock: bool, asked: Search
) -> list[Json]:
    """Those to which it was not subscribed before."""
    known = set(connection.scalars(select(subscription.c.sop_instance_uid).where(subscription.c.ae_title == ae_title)))
    new = [
        one
        for one in worklist.all_kept(connection, asked)
        if one.sop_instance_uid not in known and is_answer(asked, one.content)
    ]
    _insert_rows(connection, [_row(ae_title, one.sop_instance_uid, deletion_lock) for one in new])
    return [one.content for one in new]


def _row(ae_title: str, uid: str, deletion_lock: bool) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"ae_title": ae_title, "sop_instance_uid": uid, "deletion_lock": deletion_lock, "created_at": now}


def _insert_rows(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), PIECE):
        connection.execute(insert(subscription), rows[start : start + PIECE])


def _insert_events(connection: Connection, told: Iterable[tuple[str, Json]]) -> None:
    now = datetime.now(UTC)
    for ae_title, report in told:
        content = json.dumps(report, ensure_ascii=False, separators=(",", ":"))
        row = {"ae_title": ae_title, "created_at": now, "content": content}
        connection.execute(insert(workitem_event).values(row))


def _with_message_id(content: str, pk: int) -> str:
    """PS3.18 8.10.5.1 wants what an N-EVENT-REPORT must have, hence a Message ID (PS3.7 Table 10.3-1)."""
    return f'{{"00000110":{{"vr":"US","Value":[{pk & 0xFFFF}]}},{content[1:]}'
