"""Work that others do by our worklist: created, claimed, told of, ended (PS3.4 Annex CC, PS3.18 11).

A change is one transaction: the workitem, what is told of it to those who are subscribed, and the audit.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Select, insert, select, update

from pacs import audit
from pacs.context import SYSTEM, Actor, Pacs
from pacs.dicom import workitem as rules
from pacs.dicom import workitem_event as events
from pacs.dicom.dicomjson import Json
from pacs.dicom.json_matching import text_of
from pacs.errors import AlreadyThere, InvalidInstance, NotAllowed, StateConflict
from pacs.index.tables import workitem
from pacs.jobs import Job
from pacs.workflow import own_work, subscriptions, worklist
from pacs.workflow.own_work import Work
from pacs.workflow.worklist import Kept, kept

KEPT_FOR = timedelta(days=90)
"""After its end, unless somebody holds a deletion lock on it."""
MOST_FORGOTTEN = 500
"""At once."""
PERFORMED_HERE = f"{rules.INCONSISTENT_STATE} This PACS performs it, and nobody else changes it."


@dataclass(frozen=True, slots=True)
class Created:
    """A workitem that is new."""

    sop_instance_uid: str
    is_modified: bool
    """It has more than was given."""


def create(pacs: Pacs, actor: Actor, given: Json, uid: str = "") -> Created:
    """Put a workitem into the worklist. uid: of the address; without, that of the data set, or one of ours.

    Raises NotAllowed, InvalidInstance, AlreadyThere.
    """
    actor.require("workitems")
    own_uid = text_of(given.get(rules.SOP_INSTANCE_UID))
    if uid and own_uid and uid != own_uid:
        raise InvalidInstance("the address and the data set name different Workitems")
    uid = rules.check_uid(uid or own_uid or f"2.25.{uuid4().int}")
    now = datetime.now(UTC)
    content, is_modified = rules.created(given, uid, now)
    _require_knowledge(actor, content)
    with pacs.database.write() as connection:
        if connection.execute(select(workitem.c.pk).where(workitem.c.sop_instance_uid == uid)).first():
            raise AlreadyThere("there is a Workitem of this UID already")
        row = {
            "sop_instance_uid": uid,
            "procedure_step_state": rules.SCHEDULED,
            "scheduled_start": text_of(content[rules.START]),
            "source": actor.name,
            "created_at": now,
            "changed_at": now,
            "content": _dumped(content),
        }
        connection.execute(insert(workitem).values(row))
        subscriptions.subscribe_to_new(connection, uid, content)
        assigned = [events.assigned(content)] if events.is_assigned(content) else []
        subscriptions.tell(connection, uid, [events.state_report(content), *assigned])
        _record(connection, actor, "workitem-created", content)
    return Created(uid, is_modified)


def change(pacs: Pacs, actor: Actor, uid: str, given: Json, transaction_uid: str = "") -> None:
    """Put attributes in place of those it has; who performs it names his Transaction UID.

    Raises NotAllowed, NotFound, Removed, InvalidInstance, NotInThisState, StateConflict.
    """
    actor.require("workitems")
    transaction_uid = transaction_uid or text_of(given.get(rules.TRANSACTION_UID))
    with pacs.database.write() as connection:
        found = _others_work(connection, actor, uid)
        rules.check_update(found.state, found.transaction_uid, transaction_uid)
        content = rules.updated(found.content, given, datetime.now(UTC))
        _require_knowledge(actor, content)
        _put(connection, found, content)
        subscriptions.tell(connection, uid, events.changes_to_tell(found.content, content))
        _record(connection, actor, "workitem-changed", content)


def change_state(pacs: Pacs, actor: Actor, uid: str, wanted: str, transaction_uid: str) -> bool:
    """Claim it, end it or give it up. False: it was in this final state before.

    Of many who claim it at once one gets it: they come one after the other, and the rest has not his Transaction UID.
    Raises NotAllowed, NotFound, Removed, InvalidInstance, NotInThisState, StateConflict.
    """
    actor.require("workitems")
    with pacs.database.write() as connection:
        found = _others_work(connection, actor, uid)
        if not rules.check_state(found.state, wanted, found.transaction_uid, transaction_uid):
            return False
        content = rules.with_state(found.content, wanted, datetime.now(UTC))
        _put(connection, found, content, transaction_uid)
        subscriptions.tell(connection, uid, [events.state_report(content)])
        _record(connection, actor, "workitem-state", content, wanted)
    return True


def request_cancel(pacs: Pacs, actor: Actor, uid: str, asked: Json, requester: str = "") -> bool:
    """Ask for it to be given up. False: it was before. What nobody has claimed yet is cancelled at once.

    requester: an AE title, whom the performer is told. Our own work that can be given up is.
    Raises NotAllowed, NotFound, Removed, StateConflict, InvalidQuery.
    """
    actor.require("workitems")
    requester = rules.check_ae_title(requester) if requester else rules.ae_title_of(actor.name)
    with pacs.database.write() as connection:
        own = own_work.find(connection, actor, uid)
        if own is None:
            return _request_cancel(connection, actor, kept(connection, actor, rules.check_uid(uid)), asked, requester)
    return _cancel_own(pacs, actor, own)


def _request_cancel(connection: Connection, actor: Actor, found: Kept, asked: Json, requester: str) -> bool:
    uid, content = found.sop_instance_uid, found.content
    heard = bool(subscriptions.subscribers(connection, uid))
    if not rules.check_cancel(found.state, is_heard=heard):
        return False
    subscriptions.tell(connection, uid, [events.cancel_requested(content, requester, asked)])
    if found.state == rules.SCHEDULED:
        now = datetime.now(UTC)
        begun = rules.with_state(content, rules.IN_PROGRESS, now)
        ended = rules.with_state(rules.with_reasons(begun, asked), rules.CANCELED, now)
        _put(connection, found, ended)
        subscriptions.tell(connection, uid, [events.state_report(begun), events.state_report(ended)])
    _record(connection, actor, "workitem-cancel-asked", content, requester)
    return True


def _cancel_own(pacs: Pacs, actor: Actor, own: Work) -> bool:
    """The feature has its own rights, transaction and audit."""
    if not rules.check_cancel(own.state, is_heard=True):
        return False
    cancel = own_work.source_of(own).cancel
    if cancel is None:
        raise StateConflict(f"{rules.INCONSISTENT_STATE} Its performer chooses not to cancel it.")
    cancel(pacs, actor, own.pk)
    return True


def _others_work(connection: Connection, actor: Actor, uid: str) -> Kept:
    if own_work.find(connection, actor, uid):
        raise StateConflict(PERFORMED_HERE)
    return kept(connection, actor, rules.check_uid(uid))


def _require_knowledge(actor: Actor, content: Json) -> None:
    """Nobody makes a workitem that he may not know of, nor makes one such."""
    if not worklist.may_know(actor, content):
        raise NotAllowed("the Workitem is about studies that you may not know of")


def _put(connection: Connection, found: Kept, content: Json, transaction_uid: str = "") -> None:
    changes: dict[str, Any] = {
        "procedure_step_state": text_of(content[rules.STATE]),
        "transaction_uid": transaction_uid or found.transaction_uid,
        "scheduled_start": text_of(content[rules.START]),
        "revision": found.revision + 1,
        "changed_at": datetime.now(UTC),
        "content": _dumped(content),
    }
    its = workitem.c.sop_instance_uid == found.sop_instance_uid
    connection.execute(update(workitem).where(its).values(changes))


def _record(connection: Connection, actor: Actor, action: str, content: Json, detail: str = "") -> None:
    studies = rules.studies_of(content)
    uid = text_of(content[rules.SOP_INSTANCE_UID])
    (study, *others) = sorted(studies) or [""]
    told = " ".join([uid, *([detail] * bool(detail)), *([f"and {len(others)} studies more"] * bool(others))])
    audit.record(connection, actor, action, study_instance_uid=study, detail=told)


def _dumped(content: Json) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _due(pacs: Pacs) -> Sequence[str]:
    """Whether anything is over for so long that it is forgotten: one key, for all of it."""
    with pacs.database.read() as connection:
        is_due = connection.execute(_select_old().limit(1)).first() or subscriptions.has_stale(connection)
    return ["forget"] if is_due else []


def _forget(pacs: Pacs, key: str) -> None:
    """Only its UID stays known, so that who asks hears that it is gone and not that it never was."""
    with pacs.database.write() as connection:
        uids = list(connection.scalars(_select_old().limit(MOST_FORGOTTEN)))
        gone = workitem.c.sop_instance_uid.in_(uids)
        connection.execute(update(workitem).where(gone).values(content="", transaction_uid=""))
        subscriptions.forget(connection, uids)
        audit.record(connection, SYSTEM, "workitems-forgotten", detail=f"{len(uids)} that are over")


def _select_old() -> Select[str]:
    over = workitem.c.procedure_step_state.in_(rules.FINAL)
    long_ago = workitem.c.changed_at < datetime.now(UTC) - KEPT_FOR
    its = (over, long_ago, workitem.c.content != "", ~subscriptions.is_locked(workitem.c.sop_instance_uid))
    return select(workitem.c.sop_instance_uid).where(*its).order_by(workitem.c.changed_at)


JOB = Job("workitems", _due, _forget)
