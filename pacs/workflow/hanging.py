"""Hanging rules: kept, chosen and tried. One's own come before everybody's, and the built-in ones last."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from pacs import audit
from pacs.archive.listing import Summary, series_of, study_summary
from pacs.context import Actor, Pacs
from pacs.dicom import hanging
from pacs.dicom.hanging import BUILT_IN, PROJECTIONS, Facts, Hanging, Item, NamedRule, Rule
from pacs.errors import InvalidQuery, NotAllowed, NotFound
from pacs.index.tables import hanging_rule, instance, series, study

LONGEST_NAME = 64
MOST_RULES = 500
"""Of one owner: each is tried when a study is opened."""
MOST_PRIORS = 50
"""Earlier studies that are told."""
OPENED_BY_ITSELF = 3
"""Relevance of an earlier study that a rule takes."""


@dataclass(frozen=True, slots=True)
class KeptRule:
    """A rule as it is kept."""

    pk: int
    name: str
    owner: str
    """Empty: everybody's."""
    rule: Rule


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier study of the same patient."""

    study_instance_uid: str
    study_date: str
    study_time: str
    study_description: str
    modalities_in_study: list[str]
    body_parts: list[str]
    relevance: int


def hung_study(pacs: Pacs, actor: Actor, study_instance_uid: str) -> Summary:
    """A study, its series, how it is laid out for this reader, and the patient's earlier studies.

    Raises NotAllowed, NotFound.
    """
    summary = study_summary(pacs, actor, study_instance_uid)
    told = _told(pacs, actor, summary)
    first = next(hanging.hangings(_rules_for(pacs, actor), told.current, told.prior), None)
    return summary | {"hanging": first and asdict(first), "priors": [asdict(one) for one in told.earlier]}


def hangings_of(pacs: Pacs, actor: Actor, study_instance_uid: str) -> list[Hanging]:
    """All the ways in which a study can be laid out, the one in use first. Raises NotAllowed, NotFound."""
    told = _told(pacs, actor, study_summary(pacs, actor, study_instance_uid))
    return list(hanging.hangings(_rules_for(pacs, actor), told.current, told.prior))


def try_rule(pacs: Pacs, actor: Actor, study_instance_uid: str, rule: Rule) -> Hanging | None:
    """How a rule would lay out a study; None: it is not for it. Raises NotAllowed, NotFound."""
    told = _told(pacs, actor, study_summary(pacs, actor, study_instance_uid))
    return hanging.hang(NamedRule("", rule), told.current, told.prior)


def rules(pacs: Pacs, actor: Actor) -> list[KeptRule]:
    """One's own rules, then everybody's, each in their order. Raises NotAllowed."""
    actor.require("query")
    with pacs.database.read() as connection:
        return _kept(connection, actor)


def add_rule(pacs: Pacs, actor: Actor, name: str, rule: Rule, *, everybody: bool = False, position: int = 0) -> int:
    """Keep a rule, as the first unless a position is told; its pk. Raises NotAllowed, InvalidQuery."""
    owner = _owner(actor, everybody)
    with pacs.database.write() as connection:
        is_owners = hanging_rule.c.owner == owner
        if (connection.scalar(select(func.count()).where(is_owners)) or 0) >= MOST_RULES:
            raise InvalidQuery(f"there are {MOST_RULES} rules already")
        values = {"owner": owner, "position": 0} | _values(name, rule)
        pk: int = connection.execute(insert(hanging_rule).values(values).returning(hanging_rule.c.pk)).scalar_one()
        _place(connection, owner, pk, position)
        audit.record(connection, actor, "hanging-rule-added", detail=_told_as(pk, owner))
    return pk


def change_rule(pacs: Pacs, actor: Actor, pk: int, name: str, rule: Rule) -> None:
    """Change a rule of one's own, or everybody's. Raises NotAllowed, NotFound, InvalidQuery."""
    with pacs.database.write() as connection:
        owner = _owner_of(connection, actor, pk)
        connection.execute(update(hanging_rule).where(hanging_rule.c.pk == pk).values(_values(name, rule)))
        audit.record(connection, actor, "hanging-rule-changed", detail=_told_as(pk, owner))


def remove_rule(pacs: Pacs, actor: Actor, pk: int) -> None:
    """Forget a rule of one's own, or everybody's. Raises NotAllowed, NotFound."""
    with pacs.database.write() as connection:
        owner = _owner_of(connection, actor, pk)
        connection.execute(delete(hanging_rule).where(hanging_rule.c.pk == pk))
        audit.record(connection, actor, "hanging-rule-removed", detail=_told_as(pk, owner))


def move_rule(pacs: Pacs, actor: Actor, pk: int, position: int) -> None:
    """Put a rule at a place among those of its owner, from 0: the first that is for a study is taken.

    Raises NotAllowed, NotFound.
    """
    with pacs.database.write() as connection:
        owner = _owner_of(connection, actor, pk)
        _place(connection, owner, pk, position)
        audit.record(connection, actor, "hanging-rule-changed", detail=_told_as(pk, owner))


@dataclass(frozen=True, slots=True)
class _Told:
    """What is known of a study for its hanging."""

    current: Facts
    prior: Facts | None
    """The most relevant earlier study."""
    earlier: list[Earlier]


def _told(pacs: Pacs, actor: Actor, summary: Summary) -> _Told:
    current = _facts(pacs, summary, summary["series"])
    dated = (summary["study_date"], summary["study_time"])
    earlier: list[Earlier] = []
    for other in _other_studies(pacs, actor, summary["study_instance_uid"]):
        facts, when = other
        if all(part[0] for part in (when, dated)) and when < dated:
            score = hanging.relevance(current, facts)
            modalities, parts = sorted(facts.modalities), sorted(facts.body_parts)
            earlier.append(Earlier(facts.study_instance_uid, *when, facts.description, modalities, parts, score))
    earlier.sort(key=lambda one: (one.relevance, one.study_date, one.study_time), reverse=True)
    return _Told(current, _prior(pacs, earlier), earlier[:MOST_PRIORS])


def _prior(pacs: Pacs, earlier: Sequence[Earlier]) -> Facts | None:
    if not earlier or earlier[0].relevance < OPENED_BY_ITSELF:
        return None
    first = earlier[0]
    series_of_it = series_of(pacs, first.study_instance_uid)
    summary = {
        "study_instance_uid": first.study_instance_uid,
        "study_description": first.study_description,
        "modalities_in_study": first.modalities_in_study,
    }
    return _facts(pacs, summary, series_of_it)


def _facts(pacs: Pacs, summary: Summary, of_series: Sequence[Summary]) -> Facts:
    uid: str = summary["study_instance_uid"]
    single = any(one["modality"] in PROJECTIONS for one in of_series)
    pictures = _pictures(pacs, uid) if single else {}
    items = [item for one in of_series if one["number_of_frames"] for item in _items(one, pictures)]
    body_parts = frozenset(one["body_part_examined"] for one in of_series if one["body_part_examined"])
    modalities = frozenset(summary["modalities_in_study"])
    return Facts(uid, summary["study_description"], modalities, body_parts, tuple(items))


def _items(one: Summary, pictures: dict[str, list[Any]]) -> Iterator[Item]:
    """A series as it can hang: of projections each picture, of all else the whole."""
    uid: str = one["series_instance_uid"]
    whole = Item(
        uid,
        modality=one["modality"],
        description=f"{one['series_description']} {one['protocol_name']}",
        body_part=one["body_part_examined"],
        laterality=one["laterality"],
        frames=one["number_of_frames"],
        is_localiser=one["is_localiser"],
    )
    if uid not in pictures:
        yield whole
    for picture in pictures.get(uid, ()):
        side = picture.image_laterality or one["laterality"]
        yield replace(whole, sop_instance_uid=picture.sop_instance_uid, laterality=side, view=picture.view_position)


def _pictures(pacs: Pacs, uid: str) -> dict[str, list[Any]]:
    """The projections of a study, by their series, in the order of their numbers."""
    shown = (instance.c.sop_instance_uid, instance.c.image_laterality, instance.c.view_position)
    statement = (
        select(series.c.series_instance_uid, *shown)
        .select_from(study.join(series).join(instance))
        .where(study.c.study_instance_uid == uid, series.c.modality.in_(PROJECTIONS))
        .where(instance.c.current, instance.c.rows.is_not(None))
        .order_by(instance.c.instance_number, instance.c.pk)
    )
    found: dict[str, list[Any]] = {}
    with pacs.database.read() as connection:
        for row in connection.execute(statement):
            found.setdefault(row.series_instance_uid, []).append(row)
    return found


def _other_studies(pacs: Pacs, actor: Actor, uid: str) -> Iterator[tuple[Facts, tuple[str, str]]]:
    """The other studies of the patient that the reader may see, without their series; and when each was."""
    patient = select(study.c.patient_pk).where(study.c.study_instance_uid == uid).scalar_subquery()
    told = (study.c.study_instance_uid, study.c.study_date, study.c.study_time, study.c.study_description)
    statement = (
        select(*told, study.c.modalities_in_study, series.c.body_part_examined)
        .select_from(study.join(series))
        .where(study.c.patient_pk == patient, study.c.study_instance_uid != uid)
        .distinct()
    )
    with pacs.database.read() as connection:
        rows = connection.execute(statement).all()
    body_parts: dict[str, set[str]] = {}
    for row in rows:
        body_parts.setdefault(row.study_instance_uid, set()).add(row.body_part_examined)
    for row in {row.study_instance_uid: row for row in rows}.values():
        if actor.studies is None or row.study_instance_uid in actor.studies:
            modalities = frozenset(one for one in row.modalities_in_study.split("\\") if one)
            parts = frozenset(part for part in body_parts[row.study_instance_uid] if part)
            facts = Facts(row.study_instance_uid, row.study_description, modalities, parts)
            yield facts, (row.study_date, row.study_time)


def _rules_for(pacs: Pacs, actor: Actor) -> list[NamedRule]:
    with pacs.database.read() as connection:
        kept = _kept(connection, actor)
    return [*(NamedRule(one.name, one.rule) for one in kept), *BUILT_IN]


def _kept(connection: Connection, actor: Actor) -> list[KeptRule]:
    own = actor.name if actor.kind == "person" else ""
    statement = (
        select(hanging_rule)
        .where(hanging_rule.c.owner.in_(("", own)))
        .order_by(hanging_rule.c.owner == "", hanging_rule.c.position, hanging_rule.c.pk)
    )
    return [
        KeptRule(row.pk, row.name, row.owner, Rule.model_validate_json(row.content))
        for row in connection.execute(statement)
    ]


def _place(connection: Connection, owner: str, pk: int, position: int) -> None:
    """A rule becomes the one at this place, from 0; those of its owner are numbered anew."""
    others = connection.scalars(
        select(hanging_rule.c.pk)
        .where(hanging_rule.c.owner == owner, hanging_rule.c.pk != pk)
        .order_by(hanging_rule.c.position, hanging_rule.c.pk)
    ).all()
    for place, each in enumerate([*others[:position], pk, *others[position:]]):
        connection.execute(update(hanging_rule).where(hanging_rule.c.pk == each).values(position=place))


def _values(name: str, rule: Rule) -> dict[str, Any]:
    stripped = name.strip()
    if not stripped or len(stripped) > LONGEST_NAME or stripped.startswith(":"):
        raise InvalidQuery(f"name: of 1 to {LONGEST_NAME} letters, the first no colon")
    return {
        "name": stripped,
        "content": rule.model_dump_json(exclude_defaults=True),
        "changed_at": datetime.now(UTC),
    }


def _owner(actor: Actor, everybody: bool) -> str:
    """Whose a rule is that somebody makes."""
    if everybody:
        actor.require("administer")
        return ""
    actor.require("query")
    if actor.kind != "person":
        raise NotAllowed("only a person has hanging rules of his own")
    return actor.name


def _owner_of(connection: Connection, actor: Actor, pk: int) -> str:
    """Whose a rule is that somebody changes. Another person's is not told of."""
    owner = connection.scalar(select(hanging_rule.c.owner).where(hanging_rule.c.pk == pk))
    if owner is None or owner not in ("", actor.name if actor.kind == "person" else ""):
        raise NotFound(f"there is no hanging rule {pk}")
    return _owner(actor, everybody=owner == "")


def _told_as(pk: int, owner: str) -> str:
    return f"rule {pk}, {'of its owner' if owner else 'for everybody'}"
