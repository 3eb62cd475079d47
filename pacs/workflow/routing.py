"""Routes: rules that send on what arrives. A reader goes through the instances in the order of their commits."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field
from sqlalchemy import Connection, Row, Select, delete, exists, func, insert, select, update

from pacs import audit
from pacs.context import Actor, Pacs
from pacs.dicom.person_name import fold
from pacs.errors import InvalidQuery, NotFound
from pacs.index.tables import instance, patient, route, series, study
from pacs.jobs import Job, bookmark_of, move_bookmark
from pacs.workflow import deliveries
from pacs.workflow.deliveries import Order, known_destination

READER = "routing"
"""The name of the bookmark."""
READ_AT_ONCE = 2000
SETTLE = timedelta(seconds=3)
"""How long a series that has begun to arrive is gathered before it is sent: not an association for each image."""
MOST_EXAMPLES = 50
LONGEST_NAME = 64
HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def _hours(text: str) -> str:
    if text and not HOURS.fullmatch(text):
        raise ValueError("say it like 18:00-07:00")
    return text


Words = tuple[Annotated[str, Field(min_length=1, max_length=64)], ...]


class Rule(BaseModel, frozen=True, extra="forbid"):
    """What a route takes: what matches in each point of which something is said. Letters may be small or capital."""

    sources: Words = ()
    """AE titles, logins or commands that sent it."""
    modalities: Words = ()
    body_parts: Words = ()
    description: str = Field("", max_length=256)
    """Of the series or of the study, with `*` and `?`."""
    station_names: Words = ()
    hours: Annotated[str, AfterValidator(_hours)] = ""
    """When it arrives, by the clock of this machine: `18:00-07:00`, the end not included."""
    weekdays: tuple[Annotated[int, Field(ge=1, le=7)], ...] = ()
    """When it arrives: 1 is Monday."""


@dataclass(frozen=True, slots=True)
class Route:
    """A rule with a destination."""

    pk: int
    name: str
    rule: Rule
    destination: str
    """The AE title of a peer, or the address of a DICOMweb service."""
    priority: int
    enabled: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Arrival:
    """An instance that has arrived, as rules look at it."""

    pk: int
    series_pk: int
    sop_instance_uid: str
    source: str
    received_at: datetime
    study_instance_uid: str
    series_instance_uid: str
    modality: str
    body_part_examined: str
    station_name: str
    series_description: str
    study_description: str
    is_current: bool
    """It is what is kept under its UID; otherwise a version that awaits a decision."""


@dataclass(frozen=True, slots=True)
class Example:
    """A series that a rule would have taken."""

    study_instance_uid: str
    patient_name: str
    study_date: str
    modality: str
    series_description: str
    instances: int


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a rule would have sent."""

    series: int
    instances: int
    examples: list[Example]
    """The newest."""


def all_routes(pacs: Pacs, actor: Actor) -> list[Route]:
    """Every route, by name."""
    actor.require("administer")
    with pacs.database.read() as connection:
        return [_route(row) for row in connection.execute(select(route).order_by(route.c.name))]


def add_route(
    pacs: Pacs,
    actor: Actor,
    name: str,
    rule: Rule,
    destination: str,
    *,
    priority: int = 0,
    enabled: bool = True,
    token: str = "",
) -> int:
    """Make a route for what arrives from now on; its pk.

    Raises UnknownDestination, InvalidQuery when there is one of that name, and ValueError for what cannot be.
    """
    actor.require("administer")
    values = _values(pacs, name, rule, destination, priority, enabled) | {"token": token}
    with pacs.database.write() as connection:
        _refuse_taken_name(connection, values["name"])
        if enabled:
            _skip_what_nobody_waits_for(connection)
        values["created_at"] = datetime.now(UTC)
        pk: int = connection.execute(insert(route).values(values).returning(route.c.pk)).scalar_one()
        audit.record(connection, actor, "route-added", detail=f"{values['name']} to {values['destination']}")
    return pk


def change_route(
    pacs: Pacs,
    actor: Actor,
    pk: int,
    name: str,
    rule: Rule,
    destination: str,
    *,
    priority: int = 0,
    enabled: bool = True,
    token: str | None = None,
) -> None:
    """Change a route; what it has sent or is about to send stays. token: None leaves it.

    Raises NotFound, and what `add_route` raises.
    """
    actor.require("administer")
    values = _values(pacs, name, rule, destination, priority, enabled) | ({} if token is None else {"token": token})
    with pacs.database.write() as connection:
        _refuse_taken_name(connection, values["name"], pk)
        if enabled:
            _skip_what_nobody_waits_for(connection)
        if not connection.execute(update(route).where(route.c.pk == pk).values(values)).rowcount:
            raise NotFound(f"there is no route {pk}")
        audit.record(connection, actor, "route-changed", detail=f"{values['name']} to {values['destination']}")


def remove_route(pacs: Pacs, actor: Actor, pk: int) -> None:
    """Forget a route; what it has put into the queue stays there. Raises NotFound."""
    actor.require("administer")
    with pacs.database.write() as connection:
        if not connection.execute(delete(route).where(route.c.pk == pk)).rowcount:
            raise NotFound(f"there is no route {pk}")
        audit.record(connection, actor, "route-removed", detail=f"route {pk}")


def dry_run(pacs: Pacs, actor: Actor, rule: Rule, days: int = 7) -> DryRun:
    """What a rule would have sent of what arrived in the last days. Raises NotAllowed."""
    actor.require("administer")
    takes = matcher(rule)
    taken: Counter[int] = Counter()
    with pacs.database.read() as connection:
        after = _last_before(connection, datetime.now(UTC) - timedelta(days=days))
    while arrivals := _read(pacs, after):
        after = arrivals[-1].pk
        taken.update(arrival.series_pk for arrival in arrivals if takes(arrival))
    newest = sorted(taken, reverse=True)[:MOST_EXAMPLES]
    return DryRun(len(taken), taken.total(), list(_examples(pacs, newest, taken)))


def matcher(rule: Rule) -> Callable[[Arrival], bool]:
    """Whether a rule takes an arrival."""
    checks: list[Callable[[Arrival], bool]] = []
    for words, attribute in (
        (rule.sources, "source"),
        (rule.modalities, "modality"),
        (rule.body_parts, "body_part_examined"),
        (rule.station_names, "station_name"),
    ):
        if words:
            checks.append(_is_one_of(frozenset(map(fold, words)), attribute))
    if rule.description:
        checks.append(_describes(rule.description))
    if rule.hours:
        checks.append(_within(rule.hours))
    if rule.weekdays:
        weekdays = frozenset(rule.weekdays)
        checks.append(lambda arrival: arrival.received_at.astimezone().isoweekday() in weekdays)
    return lambda arrival: arrival.is_current and all(check(arrival) for check in checks)


def due(pacs: Pacs) -> list[str]:
    """Whether there is something that the reader has not read, while there is a route."""
    enabled = select(exists().where(route.c.enabled))
    with pacs.database.read() as connection:
        if not connection.scalar(enabled):
            return []
        newest = connection.scalar(select(func.max(instance.c.pk))) or 0
        return ["arrived"] if newest > bookmark_of(connection, READER) else []


def read_arrivals(pacs: Pacs, key: str) -> None:
    """Put what has arrived into the queue, by the routes there are; the bookmark moves in the same transaction."""
    with pacs.database.read() as connection:
        after = bookmark_of(connection, READER)
        routes = connection.execute(select(route).where(route.c.enabled)).all()
    arrivals = _read(pacs, after)
    if not arrivals:
        return
    orders = [order for row in routes for order in _orders(row, arrivals)]
    with pacs.database.write() as connection:
        if bookmark_of(connection, READER) != after:
            return
        for order in orders:
            deliveries.add(connection, order, settle=SETTLE)
        move_bookmark(connection, READER, arrivals[-1].pk)


JOB = Job(READER, due, read_arrivals)


def _orders(row: Row[Any], arrivals: list[Arrival]) -> Iterator[Order]:
    """What one route takes, by series. Nothing goes back to where it came from, nor what came before the route."""
    takes = matcher(_route(row).rule)
    taken: dict[int, list[Arrival]] = {}
    for arrival in arrivals:
        if arrival.source != row.destination and arrival.received_at >= row.created_at and takes(arrival):
            taken.setdefault(arrival.series_pk, []).append(arrival)
    for some in taken.values():
        yield Order(
            row.destination,
            some[0].study_instance_uid,
            some[0].series_instance_uid,
            [arrival.sop_instance_uid for arrival in some],
            row.pk,
            row.token,
            row.priority,
        )


def _is_one_of(words: frozenset[str], attribute: str) -> Callable[[Arrival], bool]:
    return lambda arrival: fold(getattr(arrival, attribute)) in words


def _describes(pattern: str) -> Callable[[Arrival], bool]:
    parts = {"*": ".*", "?": "."}
    regex = re.compile("".join(parts.get(letter, re.escape(letter)) for letter in fold(pattern)), re.DOTALL)
    return lambda arrival: any(
        regex.fullmatch(fold(text)) for text in (arrival.series_description, arrival.study_description)
    )


def _within(hours: str) -> Callable[[Arrival], bool]:
    begin, end = (time.fromisoformat(text) for text in hours.split("-"))

    def is_within(arrival: Arrival) -> bool:
        now = arrival.received_at.astimezone().time()
        return begin <= now < end if begin < end else now >= begin or now < end

    return is_within


def _read(pacs: Pacs, after: int) -> list[Arrival]:
    """The next instances in the order of their commits."""
    with pacs.database.read() as connection:
        rows = connection.execute(_SELECT_ARRIVALS.where(instance.c.pk > after).limit(READ_AT_ONCE)).all()
    return [Arrival(*row) for row in rows]


def _last_before(connection: Connection, moment: datetime) -> int:
    """The pk before those that arrived since then. They are numbered as they came, so it is found by halving."""
    low, high = 0, connection.scalar(select(func.max(instance.c.pk))) or 0
    while low < high:
        middle = (low + high) // 2
        next_one = select(instance.c.pk, instance.c.received_at).where(instance.c.pk > middle)
        found = connection.execute(next_one.order_by(instance.c.pk).limit(1)).first()
        if found is not None and found.received_at < moment:
            low = found.pk
        else:
            high = middle
    return low


def _examples(pacs: Pacs, pks: list[int], taken: Counter[int]) -> Iterator[Example]:
    with pacs.database.read() as connection:
        rows = {row.pk: row for row in connection.execute(_SELECT_EXAMPLES.where(series.c.pk.in_(pks)))}
    for pk in pks:
        if row := rows.get(pk):
            shown = (row.study_instance_uid, row.patient_name, row.study_date, row.modality, row.series_description)
            yield Example(*shown, taken[pk])


def _skip_what_nobody_waits_for(connection: Connection) -> None:
    """While there is no route nobody reads: what arrived meanwhile is not for the one that comes now."""
    if not connection.scalar(select(exists().where(route.c.enabled))):
        move_bookmark(connection, READER, connection.scalar(select(func.max(instance.c.pk))) or 0)


def _refuse_taken_name(connection: Connection, name: str, pk: int = 0) -> None:
    if connection.scalar(select(exists().where(route.c.name == name, route.c.pk != pk))):
        raise InvalidQuery(f"name: there is a route called {name} already")


def _route(row: Row[Any]) -> Route:
    rule = Rule.model_validate_json(row.rule)
    return Route(row.pk, row.name, rule, row.destination, row.priority, row.enabled, row.created_at)


def _values(pacs: Pacs, name: str, rule: Rule, destination: str, priority: int, enabled: bool) -> dict[str, Any]:
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME:
        raise ValueError(f"name: 1 to {LONGEST_NAME} characters")
    return {
        "name": name,
        "rule": rule.model_dump_json(exclude_defaults=True),
        "destination": known_destination(pacs, destination),
        "priority": priority,
        "enabled": enabled,
    }


_SELECT_ARRIVALS: Select[Any] = (
    select(
        instance.c.pk,
        instance.c.series_pk,
        instance.c.sop_instance_uid,
        instance.c.source,
        instance.c.received_at,
        study.c.study_instance_uid,
        series.c.series_instance_uid,
        series.c.modality,
        series.c.body_part_examined,
        series.c.station_name,
        series.c.series_description,
        study.c.study_description,
        instance.c.current,
    )
    .select_from(instance.join(series).join(study))
    .order_by(instance.c.pk)
)
_SELECT_EXAMPLES: Select[Any] = select(
    series.c.pk,
    study.c.study_instance_uid,
    patient.c.patient_name,
    study.c.study_date,
    series.c.modality,
    series.c.series_description,
).select_from(series.join(study).join(patient))
