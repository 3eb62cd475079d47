"""Corrections: what is told of a study instead of what is kept, decided by a person, and undone as exactly.

Kept bytes never change. What is applied is found by every query, and laid over every instance on its way out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from pacs import audit
from pacs.archive.overlay import APPLIED, COERCE, CORRECT, DISMISSED, REVOKED, SUGGESTED, Overlay
from pacs.context import Actor, Pacs
from pacs.dicom import vietnamese
from pacs.dicom.attributes import BY_PATH
from pacs.dicom.charset import CHARACTER_SETS, reread
from pacs.dicom.coerce import CHARACTER_SET
from pacs.errors import InvalidQuery, NotFound
from pacs.index.tables import correction, patient, study

STATES = (SUGGESTED, APPLIED, DISMISSED, REVOKED)
OF_PATIENT = ("PatientName", "PatientBirthDate", "PatientSex")
"""They are corrected in all studies of the patient."""
OF_STUDY = ("AccessionNumber", "StudyDescription", "ReferringPhysicianName")
CORRECTABLE = (*OF_PATIENT, *OF_STUDY, CHARACTER_SET)
LONGEST = {"LO": 64, "PN": 64, "SH": 16}
"""Characters (PS3.5 6.2), of a name in each of its groups."""
MOST_LISTED = 1000

_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


@dataclass(frozen=True, slots=True)
class Listed:
    """A correction as it is shown."""

    pk: int
    study_instance_uid: str
    patient_name: str
    """As it is told now; "" when there is no such study any more."""
    attribute: str
    """Its keyword; SpecificCharacterSet: what the text of the study is read as."""
    kept: str
    """What was told before."""
    value: str
    preview: str
    """Of a character set that is not applied: the patient's name as it would be read."""
    reason: str
    state: str
    source: str
    """Who: a login, or what detected it."""
    created_at: datetime
    decided_at: datetime | None


def corrections(pacs: Pacs, actor: Actor, state: str = "", study_instance_uid: str = "") -> list[Listed]:
    """The newest first, at most 1000. state, study_instance_uid: only those; "": any.

    Raises NotAllowed, InvalidQuery.
    """
    actor.require("administer")
    if state and state not in STATES:
        raise InvalidQuery(f"{state!r} is no state of a correction: {', '.join(STATES)}")
    statement = _SELECT_LISTED
    if state:
        statement = statement.where(correction.c.state == state)
    if study_instance_uid:
        statement = statement.where(correction.c.study_instance_uid == study_instance_uid)
    with pacs.database.read() as connection:
        return [
            _listed(row) for row in connection.execute(statement.order_by(correction.c.pk.desc()).limit(MOST_LISTED))
        ]


def correct(pacs: Pacs, actor: Actor, study_instance_uid: str, values: Sequence[tuple[str, str]]) -> list[int]:
    """Apply corrections that a person makes, all or none; their pks. An attribute's earlier correction is revoked.

    Raises NotAllowed, NotFound for a study that is not there, InvalidQuery for what cannot be corrected so.
    """
    actor.require("administer")
    for attribute, value in values:
        _check(attribute, value)
    with pacs.database.write() as connection:
        found = _study(connection, study_instance_uid)
        now = datetime.now(UTC)
        pks = [_insert(connection, actor, found, attribute, value, now) for attribute, value in values]
        Overlay(connection, pacs.objects).lay_over(study_instance_uid)
    return pks


def apply(pacs: Pacs, actor: Actor, pk: int) -> None:
    """Apply what was suggested, dismissed or revoked. Raises NotAllowed, NotFound, InvalidQuery."""
    _decide(pacs, actor, pk, APPLIED, {SUGGESTED, DISMISSED, REVOKED})


def dismiss(pacs: Pacs, actor: Actor, pk: int) -> None:
    """Leave a study as it is, and suggest this no more. Raises NotAllowed, NotFound, InvalidQuery."""
    _decide(pacs, actor, pk, DISMISSED, {SUGGESTED})


def revoke(pacs: Pacs, actor: Actor, pk: int) -> None:
    """Tell what was told without the correction. Raises NotAllowed, NotFound, InvalidQuery."""
    _decide(pacs, actor, pk, REVOKED, {APPLIED})


def _decide(pacs: Pacs, actor: Actor, pk: int, state: str, before: set[str]) -> None:
    actor.require("administer")
    with pacs.database.write() as connection:
        row = connection.execute(select(correction).where(correction.c.pk == pk)).one_or_none()
        if row is None:
            raise NotFound("there is no such correction")
        if row.state not in before:
            raise InvalidQuery(f"the correction is {row.state}, so it cannot become {state}")
        uid = row.study_instance_uid
        if state == APPLIED:
            _study(connection, uid)
            _revoke_applied(connection, uid, row.patient_identity, row.attribute)
        decided = {"state": state, "decided_at": datetime.now(UTC)}
        connection.execute(update(correction).where(correction.c.pk == pk).values(decided))
        audit.record(connection, actor, f"correction-{state}", study_instance_uid=uid, detail=row.attribute)
        if APPLIED in (state, row.state):
            Overlay(connection, pacs.objects).lay_over(uid)


def _study(connection: Connection, uid: str) -> Row[Any]:
    """What is told of a study now. Raises NotFound."""
    found = connection.execute(_SELECT_STUDY.where(study.c.study_instance_uid == uid)).one_or_none()
    if found is None:
        raise NotFound("no such study")
    return found


def _insert(connection: Connection, actor: Actor, found: Row[Any], attribute: str, value: str, now: datetime) -> int:
    identity = found.identity if attribute in OF_PATIENT else ""
    told = "" if attribute == CHARACTER_SET else getattr(found, BY_PATH[attribute].column)
    before = _revoke_applied(connection, found.study_instance_uid, identity, attribute)
    row = {
        "study_instance_uid": found.study_instance_uid,
        "patient_identity": identity,
        "attribute": attribute,
        "kept": told if before is None else before,
        "value": value,
        "reason": COERCE if attribute == CHARACTER_SET else CORRECT,
        "state": APPLIED,
        "source": actor.name,
        "created_at": now,
        "decided_at": now,
    }
    uid = found.study_instance_uid
    audit.record(connection, actor, "correction-applied", study_instance_uid=uid, detail=attribute)
    key = connection.execute(insert(correction), row).inserted_primary_key
    assert key is not None
    return int(key[0])


def _revoke_applied(connection: Connection, uid: str, identity: str, attribute: str) -> str | None:
    """Make place for another correction of an attribute; what was told before the one that there was, if there was."""
    of_subject = correction.c.patient_identity == identity
    if not identity:
        of_subject &= correction.c.study_instance_uid == uid
    applied = (correction.c.state == APPLIED) & (correction.c.attribute == attribute) & of_subject
    kept = connection.execute(select(correction.c.kept).where(applied)).scalar()
    connection.execute(update(correction).where(applied).values(state=REVOKED, decided_at=datetime.now(UTC)))
    return kept


def _check(attribute: str, value: str) -> None:
    """Raises InvalidQuery for an attribute that is not corrected, or a value that it cannot have."""
    if attribute in ("PatientID", "IssuerOfPatientID"):
        raise InvalidQuery(f"{attribute} says whose study it is: to give it to another patient is no correction")
    if attribute not in CORRECTABLE:
        raise InvalidQuery(f"{attribute!r} cannot be corrected, only {', '.join(CORRECTABLE)}")
    if _CONTROL.search(value) or value != value.strip():
        raise InvalidQuery(f"{attribute}: a value has no backslash, no control character, and no space around it")
    if not _is_possible(attribute, value):
        raise InvalidQuery(f"{attribute}: {_POSSIBLE[attribute]}")


def _is_possible(attribute: str, value: str) -> bool:
    match attribute:
        case "SpecificCharacterSet":
            return value in (*vietnamese.LEGACY_SETS, *CHARACTER_SETS)
        case "PatientBirthDate":
            return not value or _is_date(value)
        case "PatientSex":
            return value in ("", "F", "M", "O")
        case "PatientName":
            return bool(value.strip("^= ")) and _is_name(value)
        case "ReferringPhysicianName":
            return _is_name(value)
        case _:
            return len(value) <= LONGEST[BY_PATH[attribute].vr]


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return len(value) == 8 and value.isdigit()


def _is_name(value: str) -> bool:
    """PS3.5 6.2.1: up to three groups of up to five components."""
    groups = value.split("=")
    return len(groups) <= 3 and all(len(group) <= LONGEST["PN"] and group.count("^") <= 4 for group in groups)


def _listed(row: Row[Any]) -> Listed:
    name = row.patient_name or ""
    is_open = row.attribute == CHARACTER_SET and row.state != APPLIED
    return Listed(
        row.pk,
        row.study_instance_uid,
        name,
        row.attribute,
        row.kept,
        row.value,
        reread(name, "PN", row.value) if is_open else "",
        row.reason,
        row.state,
        row.source,
        row.created_at,
        row.decided_at,
    )


_POSSIBLE = {
    CHARACTER_SET: f"one of {', '.join((*vietnamese.LEGACY_SETS, *CHARACTER_SETS))}",
    "PatientName": "up to three groups of 64 characters and five components, and not empty",
    "PatientBirthDate": "a date, YYYYMMDD",
    "PatientSex": "M, F, O or nothing",
    "ReferringPhysicianName": "up to three groups of 64 characters and five components",
    "AccessionNumber": "at most 16 characters",
    "StudyDescription": "at most 64 characters",
}
_SELECT_STUDY = select(
    study.c.study_instance_uid,
    patient.c.identity,
    *(study.c[BY_PATH[keyword].column] for keyword in OF_STUDY),
    *(patient.c[BY_PATH[keyword].column] for keyword in OF_PATIENT),
).select_from(study.join(patient))
_SELECT_LISTED = select(correction, patient.c.patient_name).select_from(
    correction.outerjoin(study, study.c.study_instance_uid == correction.c.study_instance_uid).outerjoin(
        patient, patient.c.pk == study.c.patient_pk
    )
)
