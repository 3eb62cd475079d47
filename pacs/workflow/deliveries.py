"""The queue: a row is a series on its way to one destination. Whatever is said to it is said here.

    waiting ──> sending ──> delivered
       │  ^        │
       │  └────────┴──> failed, cancelled, paused     from where a person may let it wait again

What the destination has confirmed leaves the row at most a second later, so after a crash little is sent twice.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row, Select, case, func, insert, select, update

from pacs import audit
from pacs.context import SYSTEM, Actor, Pacs
from pacs.errors import InvalidQuery, NotFound, UnknownDestination
from pacs.index import tables
from pacs.index.tables import delivery
from pacs.jobs import pause_after
from pacs.peers import directory
from pacs.peers.dicomweb import is_web_address

log = structlog.get_logger(__name__)

WAITING, SENDING, PAUSED = "waiting", "sending", "paused"
DELIVERED, FAILED, CANCELLED = "delivered", "failed", "cancelled"
STATES = (WAITING, SENDING, PAUSED, DELIVERED, FAILED, CANCELLED)
MOST_DUE = 100
GROWING_PAUSES = 5
"""Of `pause_after`, before they are of an hour."""


@dataclass(frozen=True, slots=True)
class Order:
    """Instances of one series that are to go to one destination."""

    destination: str
    """The AE title of a peer, or the address of a DICOMweb service."""
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uids: Sequence[str]
    route_pk: int | None = None
    token: str = ""
    """Bearer token of a DICOMweb service."""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Errand:
    """One attempt at a delivery."""

    pk: int
    destination: str
    token: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt did not bring everything there, in plain words."""

    why: str
    is_unreachable: bool = False
    """Whatever else waits for this destination would fail the same way."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of the queue as it is shown."""

    pk: int
    route: str | None
    destination: str
    study_instance_uid: str
    series_instance_uid: str
    patient_name: str
    study_date: str
    modality: str
    state: str
    priority: int
    number: int
    sent: int
    attempts: int
    why: str
    created_at: datetime
    next_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A stretch of the queue, and how long it is."""

    total: int
    rows: list[Delivery]


def send(
    pacs: Pacs,
    actor: Actor,
    study: str,
    destination: str,
    *,
    series: str | None = None,
    priority: int = 0,
    token: str = "",
) -> int:
    """Send a study or a series that is kept, in the background; how many series that are.

    Raises NotAllowed, NotFound, UnknownDestination, and ValueError for what is no destination.
    """
    actor.require("administer")
    destination = known_destination(pacs, destination)
    token = token or _token_of(pacs, destination)
    orders = [
        Order(destination, study, series_uid, uids, token=token, priority=priority)
        for series_uid, uids in _kept(pacs, study, series).items()
    ]
    if not orders:
        raise NotFound("no such study or series")
    with pacs.database.write() as connection:
        for order in orders:
            add(connection, order)
        number = sum(len(order.sop_instance_uids) for order in orders)
        detail = f"{number} instances to {destination}"
        audit.record(connection, actor, "send-ordered", study_instance_uid=study, detail=detail)
    return len(orders)


def queue(pacs: Pacs, actor: Actor, states: Collection[str] = (), *, limit: int = 100, offset: int = 0) -> QueuePage:
    """Deliveries in these states, in the order in which they are sent; in any state, newest first."""
    actor.require("administer")
    if unknown := set(states) - set(STATES):
        raise InvalidQuery(f"{min(unknown)!r} is no state of a delivery: {', '.join(STATES)}")
    wanted = delivery.c.state.in_(states or STATES)
    in_turn = (delivery.c.state != SENDING, delivery.c.priority.desc(), delivery.c.next_at, delivery.c.pk)
    statement = _SELECT_SHOWN.where(wanted).order_by(*(in_turn if states else (delivery.c.pk.desc(),)))
    with pacs.database.read() as connection:
        total = connection.scalar(select(func.count()).select_from(delivery).where(wanted)) or 0
        rows = connection.execute(statement.limit(limit).offset(offset)).all()
    return QueuePage(total, [Delivery(*row) for row in rows])


def pause(pacs: Pacs, actor: Actor, pk: int) -> None:
    """Hold it back; what is being sent stops after the instance it is at. Raises NotFound, InvalidQuery."""
    _change(pacs, actor, pk, (WAITING, SENDING), {"state": PAUSED}, "delivery-paused")


def resume(pacs: Pacs, actor: Actor, pk: int) -> None:
    """Let it wait again. Raises NotFound, InvalidQuery."""
    _change(pacs, actor, pk, (PAUSED,), {"state": WAITING, "next_at": datetime.now(UTC)}, "delivery-resumed")


def cancel(pacs: Pacs, actor: Actor, pk: int) -> None:
    """Send no more of it. Raises NotFound, InvalidQuery."""
    changes = {"state": CANCELLED, "ended_at": datetime.now(UTC)}
    _change(pacs, actor, pk, (WAITING, SENDING, PAUSED, FAILED), changes, "delivery-cancelled")


def again(pacs: Pacs, actor: Actor, pk: int) -> None:
    """Try it now, however often it failed. What was delivered is sent once more, with all that its series has now.

    Raises NotFound, InvalidQuery.
    """
    now = datetime.now(UTC)
    fresh = {"state": WAITING, "attempts": 0, "unreachable": False, "next_at": now, "ended_at": None}
    row = _row(pacs, pk)
    if row.state == DELIVERED:
        uids = _kept(pacs, row.study_instance_uid, row.series_instance_uid).get(row.series_instance_uid, [])
        fresh |= {"sop_instance_uids": "\\".join(uids), "number": len(uids), "sent": 0}
    _change(pacs, actor, pk, (WAITING, PAUSED, DELIVERED, FAILED, CANCELLED), fresh, "delivery-again")


def prioritise(pacs: Pacs, actor: Actor, pk: int, priority: int) -> None:
    """Greater goes first, also before what was there earlier. Raises NotFound."""
    _change(pacs, actor, pk, STATES, {"priority": priority}, "delivery-prioritised")


def known_destination(pacs: Pacs, text: str) -> str:
    """A destination as it is kept. Raises UnknownDestination; ValueError for an address that is none."""
    text = text.strip()
    if "://" in text:
        if not is_web_address(text):
            raise ValueError("destination: a DICOMweb service has an address like https://host/dicom-web")
        return text.rstrip("/")
    if directory.by_ae_title(pacs, text) is None:
        raise UnknownDestination(f"no peer is called {text}: `pacs peer add` makes one known")
    return text


def add(connection: Connection, order: Order, *, settle: timedelta = timedelta()) -> None:
    """Put it into the queue: into the row of the same route, destination and series if that is not over yet.

    settle: how long it waits for more of its series.
    """
    now = datetime.now(UTC)
    same = (
        delivery.c.route_pk.is_not_distinct_from(order.route_pk),
        delivery.c.destination == order.destination,
        delivery.c.series_instance_uid == order.series_instance_uid,
        delivery.c.study_instance_uid == order.study_instance_uid,
        delivery.c.state.in_((WAITING, SENDING, PAUSED)),
    )
    columns = (delivery.c.pk, delivery.c.number, delivery.c.priority, delivery.c.sop_instance_uids)
    row = connection.execute(select(*columns).where(*same)).first()
    if row is None:
        values = {
            "route_pk": order.route_pk,
            "destination": order.destination,
            "token": order.token,
            "study_instance_uid": order.study_instance_uid,
            "series_instance_uid": order.series_instance_uid,
            "sop_instance_uids": "\\".join(order.sop_instance_uids),
            "state": WAITING,
            "priority": order.priority,
            "number": len(order.sop_instance_uids),
            "created_at": now,
            "next_at": now + settle,
        }
        connection.execute(insert(delivery).values(values))
        return
    uids = _uids(row.sop_instance_uids)
    known = set(uids)
    more = [uid for uid in order.sop_instance_uids if uid not in known]
    changes = {
        "sop_instance_uids": "\\".join(uids + more),
        "number": row.number + len(more),
        "priority": max(row.priority, order.priority),
    }
    connection.execute(update(delivery).where(delivery.c.pk == row.pk).values(changes))


def due(pacs: Pacs) -> list[str]:
    """What is to be sent now: by priority, and then each destination in its turn, so that none waits for a slow one."""
    turn = func.row_number().over(
        partition_by=delivery.c.destination,
        order_by=(delivery.c.state != SENDING, delivery.c.priority.desc(), delivery.c.next_at, delivery.c.pk),
    )
    ready = (
        select(delivery.c.pk, delivery.c.priority, turn.label("turn"))
        .where(delivery.c.state.in_((WAITING, SENDING)), delivery.c.next_at <= datetime.now(UTC))
        .subquery()
    )
    statement = select(ready.c.pk).order_by(ready.c.priority.desc(), ready.c.turn, ready.c.pk).limit(MOST_DUE)
    with pacs.database.read() as connection:
        return [str(pk) for pk in connection.scalars(statement)]


def begin(pacs: Pacs, pk: int) -> Errand | None:
    """Take it up; None when it is not to be sent now.

    What was being sent when the worker was killed is taken up at once. When it dies of it again before anything more
    has arrived, then after a pause like any other failure, so that the others get their turn.
    """
    now = datetime.now(UTC)
    with pacs.database.write() as connection:
        row = connection.execute(select(delivery).where(delivery.c.pk == pk)).first()
        if row is None or row.state not in (WAITING, SENDING) or row.next_at > now:
            return None
        changes: dict[str, Any] = {"state": SENDING, "attempts": row.attempts + 1, "unreachable": False}
        if row.state == SENDING:
            changes |= {"why": "the worker ended while it was being sent", "next_at": now + pause_after(row.attempts)}
        connection.execute(update(delivery).where(delivery.c.pk == pk).values(changes))
    uids = frozenset(_uids(row.sop_instance_uids))
    return Errand(pk, row.destination, row.token, row.study_instance_uid, row.series_instance_uid, uids)


def note_progress(pacs: Pacs, pk: int, confirmed: Collection[str]) -> bool:
    """These have arrived. Whether to go on: nobody has paused or cancelled it."""
    with pacs.database.write() as connection:
        row = _note_confirmed(connection, pk, confirmed)
        if confirmed:
            connection.execute(update(delivery).where(delivery.c.pk == pk).values(next_at=datetime.now(UTC)))
    return bool(row.state == SENDING)


def note_end(pacs: Pacs, pk: int, confirmed: Collection[str], failure: Failure | None) -> None:
    """The attempt is over. failure: None when it was to stop, or there was nothing more to send."""
    now = datetime.now(UTC)
    with pacs.database.write() as connection:
        row = _note_confirmed(connection, pk, confirmed)
        changes: dict[str, Any] = {}
        if row.sent == row.number and row.state not in (DELIVERED, CANCELLED):
            changes = {"state": DELIVERED, "why": "", "ended_at": now}
            _let_go(connection, row.destination, now)
            detail = f"{row.number} instances to {row.destination}"
            audit.record(connection, SYSTEM, "sent", study_instance_uid=row.study_instance_uid, detail=detail)
        elif row.state == SENDING:
            changes = _after(pacs, row, failure, made_progress=bool(confirmed), now=now)
            if failure and failure.is_unreachable:
                _hold_back(connection, row.destination, failure.why, changes["next_at"])
        if changes:
            connection.execute(update(delivery).where(delivery.c.pk == pk).values(changes))
    state = changes.get("state", row.state)
    why = failure.why if failure else ""
    log.info("delivery", pk=pk, state=state, number=row.number, sent=row.sent, attempts=row.attempts, why=why)


def _after(pacs: Pacs, row: Row[Any], failure: Failure | None, *, made_progress: bool, now: datetime) -> dict[str, Any]:
    """What becomes of a row of which something is left."""
    if failure is None:
        return {"state": WAITING, "next_at": now, "attempts": 0 if made_progress else row.attempts}
    changes: dict[str, Any] = {"why": failure.why, "unreachable": failure.is_unreachable}
    if row.attempts >= GROWING_PAUSES + 24 * pacs.settings.delivery_days:
        return changes | {"state": FAILED, "next_at": now, "ended_at": now}
    return changes | {"state": WAITING, "next_at": now + pause_after(1 if made_progress else row.attempts)}


def _note_confirmed(connection: Connection, pk: int, confirmed: Collection[str]) -> Row[Any]:
    """Strike out what has arrived. Others may have added to the row meanwhile."""
    of_row = select(delivery.c.sop_instance_uids, delivery.c.number).where(delivery.c.pk == pk)
    uids, number = connection.execute(of_row).one()
    left = [uid for uid in _uids(uids) if uid not in confirmed]
    changes = {"sop_instance_uids": "\\".join(left), "sent": number - len(left)}
    connection.execute(update(delivery).where(delivery.c.pk == pk).values(changes))
    columns = (column for column in delivery.c if column.name != "sop_instance_uids")
    return connection.execute(select(*columns).where(delivery.c.pk == pk)).one()


def _hold_back(connection: Connection, destination: str, why: str, until: datetime) -> None:
    """Spare everything else that waits for the destination the same failure."""
    waits = (delivery.c.destination == destination, delivery.c.state == WAITING, delivery.c.next_at < until)
    held = {"next_at": until, "why": why, "unreachable": True}
    connection.execute(update(delivery).where(*waits).values(held))


def _let_go(connection: Connection, destination: str, now: datetime) -> None:
    """The destination is there again."""
    held = (delivery.c.destination == destination, delivery.c.state == WAITING, delivery.c.unreachable)
    connection.execute(update(delivery).where(*held).values(next_at=now, unreachable=False))


def _change(
    pacs: Pacs, actor: Actor, pk: int, from_states: Sequence[str], changes: dict[str, Any], action: str
) -> None:
    actor.require("administer")
    with pacs.database.write() as connection:
        row = connection.execute(_select_row(pk)).first()
        if row is None:
            raise NotFound(f"there is no delivery {pk}")
        if row.state not in from_states:
            raise InvalidQuery(f"delivery {pk} is {row.state}")
        connection.execute(update(delivery).where(delivery.c.pk == pk).values(changes))
        audit.record(connection, actor, action, study_instance_uid=row.study_instance_uid, detail=f"delivery {pk}")


def _row(pacs: Pacs, pk: int) -> Row[Any]:
    with pacs.database.read() as connection:
        row = connection.execute(_select_row(pk)).first()
    if row is None:
        raise NotFound(f"there is no delivery {pk}")
    return row


def _select_row(pk: int) -> Select[Any]:
    columns = (delivery.c.state, delivery.c.study_instance_uid, delivery.c.series_instance_uid)
    return select(*columns).where(delivery.c.pk == pk)


def _token_of(pacs: Pacs, destination: str) -> str:
    """The token of a route to the same service."""
    statement = select(tables.route.c.token).where(
        tables.route.c.destination == destination, tables.route.c.token != ""
    )
    with pacs.database.read() as connection:
        return connection.scalar(statement.limit(1)) or ""


def _kept(pacs: Pacs, study: str, series: str | None) -> dict[str, list[str]]:
    """The current instances of a study, or of one series of it, by series."""
    statement = (
        select(tables.series.c.series_instance_uid, tables.instance.c.sop_instance_uid)
        .select_from(tables.instance.join(tables.series).join(tables.study))
        .where(tables.study.c.study_instance_uid == study, tables.instance.c.current)
        .order_by(tables.series.c.series_number, tables.series.c.pk, tables.instance.c.instance_number)
    )
    if series is not None:
        statement = statement.where(tables.series.c.series_instance_uid == series)
    found: dict[str, list[str]] = {}
    with pacs.database.read() as connection:
        for series_uid, uid in connection.execute(statement):
            found.setdefault(series_uid, []).append(uid)
    return found


def _uids(text: str) -> list[str]:
    return text.split("\\") if text else []


_SELECT_SHOWN: Select[Any] = select(
    delivery.c.pk,
    tables.route.c.name,
    delivery.c.destination,
    delivery.c.study_instance_uid,
    delivery.c.series_instance_uid,
    func.coalesce(tables.patient.c.patient_name, ""),
    func.coalesce(tables.study.c.study_date, ""),
    func.coalesce(tables.series.c.modality, ""),
    delivery.c.state,
    delivery.c.priority,
    delivery.c.number,
    delivery.c.sent,
    delivery.c.attempts,
    case((delivery.c.state == DELIVERED, ""), else_=delivery.c.why),
    delivery.c.created_at,
    delivery.c.next_at,
    delivery.c.ended_at,
).select_from(
    delivery.outerjoin(tables.route)
    .outerjoin(tables.study, tables.study.c.study_instance_uid == delivery.c.study_instance_uid)
    .outerjoin(tables.patient, tables.patient.c.pk == tables.study.c.patient_pk)
    .outerjoin(
        tables.series,
        (tables.series.c.study_pk == tables.study.c.pk)
        & (tables.series.c.series_instance_uid == delivery.c.series_instance_uid),
    )
)
