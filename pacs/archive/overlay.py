"""Corrections laid over the rows of the index: what is kept, as it is to be found.

The rows of a study are a function of its objects and of the corrections that are applied to it, so revoking one is to
lay the rest over what is kept, once more. `archive.correct` decides; here it is carried out.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from pacs.archive.further_values import refill
from pacs.dicom import vietnamese
from pacs.dicom.attributes import BY_PATH, PERSON_NAMES, READ_FROM_INSTANCE, Level
from pacs.dicom.charset import UTF_8, reread
from pacs.dicom.coerce import CHARACTER_SET, Correction
from pacs.dicom.header import Header, read_header
from pacs.dicom.person_name import folded
from pacs.dicom.query import items_of
from pacs.errors import OutOfResources
from pacs.index.tables import correction, instance, name_form, name_forms_of, patient, series, study
from storage import ObjectStore, StoreError

SUGGESTED, APPLIED, DISMISSED, REVOKED = "suggested", "applied", "dismissed", "revoked"
COERCE, CORRECT = "COERCE", "CORRECT"
"""Reason for the Attribute Modification (PS3.3 C.12.1.1.9): a label that was wrong, a value that was wrong."""
DETECTED = "text detection"
"""Who suggests."""
OF_LATIN_1 = frozenset(("", "ISO_IR 100"))
"""What legacy text is declared to be, if anything."""

Values = dict[str, str | int | None]


def columns_of(values: Mapping[str, str | int | None], level: Level) -> dict[str, Any]:
    """The values of one level by column, names folded beside them."""
    row: dict[str, Any] = {column: values[column] for column in _COLUMNS[level]}
    for column in _NAMES[level]:
        row[f"{column}_folded"] = folded(row[column])
    return row


def reread_header(header: Header, character_set: str) -> Header:
    """The header as if its text were in this set; "": as it is."""
    if not character_set:
        return header
    values = {column: _reread_value(column, value, character_set) for column, value in header.values.items()}
    further = tuple((its, reread(value, its.vr, character_set)) for its, value in header.further)
    return replace(header, values=values, further=further)


def suggest(connection: Connection, header: Header) -> None:
    """Suggest how to read the text of a new study, where it is not in the set that it says. Joins the transaction.

    Costs nothing for ASCII and for what declares another set than Latin-1.
    """
    if len(header.character_sets) > 1 or header.character_sets[0] not in OF_LATIN_1:
        return
    texts = [value for value in header.values.values() if isinstance(value, str) and not value.isascii()]
    if not texts:
        return
    detected = vietnamese.detect(texts)
    value = UTF_8 if header.is_mislabelled_utf8 else detected.character_set if detected else ""
    uid = header.study_instance_uid
    if not value or connection.execute(_SELECT_SUGGESTED, {"study": uid}).first():
        return
    row = {
        "study_instance_uid": uid,
        "attribute": CHARACTER_SET,
        "kept": header.character_sets[0],
        "value": value,
        "reason": COERCE,
        "state": SUGGESTED,
        "source": DETECTED,
        "created_at": datetime.now(UTC),
    }
    connection.execute(insert(correction), row)


def applied_to(connection: Connection, study_instance_uid: str, patient_identity: str) -> list[Correction]:
    """What is applied to a study, and to the patient it is of."""
    keys = {"study": study_instance_uid, "patient": patient_identity}
    return [Correction(*row) for row in connection.execute(_SELECT_APPLIED, keys)]


def applied_to_study(connection: Connection, study_instance_uid: str) -> list[Correction]:
    """The same, the patient looked up."""
    identity = connection.execute(_SELECT_IDENTITY, {"study": study_instance_uid}).scalar() or ""
    return applied_to(connection, study_instance_uid, identity)


def character_set_of(connection: Connection, study_instance_uid: str) -> str:
    """What the text of a study is to be read as; "": as it says itself."""
    return connection.execute(_SELECT_CHARACTER_SET, {"study": study_instance_uid}).scalar() or ""


def digest_of(corrections: Iterable[Correction]) -> str:
    """Another one for every state of a study's corrections, "" without any: entity tags of what goes out have it."""
    facts = sorted((one.attribute, one.value, one.decided_at.timestamp()) for one in corrections)
    return sha256(json.dumps(facts).encode()).hexdigest()[:16] if facts else ""


@dataclass(frozen=True, slots=True)
class Overlay:
    """Lays what is applied over the rows, within a transaction of the caller's, who holds the writer's turn."""

    connection: Connection
    objects: ObjectStore

    def lay_over_all(self) -> None:
        """Everything that is applied, over rows that are as the objects have them."""
        uids = set(self.connection.execute(_SELECT_CORRECTED).scalars())
        for uid in sorted(uids):
            self.lay_over(uid)

    def lay_over(self, study_instance_uid: str) -> None:
        """What is applied to a study and its patient; nothing where there is no such study. Raises OutOfResources."""
        found = self.connection.execute(_SELECT_STUDY, {"study": study_instance_uid}).one_or_none()
        if found is None:
            return
        self._lay_over_study(found.pk, study_instance_uid, found.identity)
        self._lay_over_patient(found.patient_pk, found.identity)
        for one in self.connection.execute(_SELECT_STUDIES_OF_PATIENT, {"patient_pk": found.patient_pk}).all():
            self._note(one.pk, one.study_instance_uid, one.corrections, found.identity)

    def _lay_over_study(self, pk: int, uid: str, identity: str) -> None:
        connection = self.connection
        character_set = character_set_of(connection, uid)
        values = self._kept(_FIRST_OF_STUDY, pk, character_set)
        for one in applied_to(connection, uid, identity):
            if one.attribute != CHARACTER_SET and BY_PATH[one.attribute].level == Level.STUDY:
                values[BY_PATH[one.attribute].column] = one.value
        connection.execute(update(study).where(study.c.pk == pk).values(columns_of(values, Level.STUDY)))
        for series_pk in connection.execute(select(series.c.pk).where(series.c.study_pk == pk)).scalars().all():
            row = columns_of(self._kept(_FIRST_OF_SERIES, series_pk, character_set), Level.SERIES)
            connection.execute(update(series).where(series.c.pk == series_pk).values(row))
        for instance_pk, *texts in connection.execute(_SELECT_TEXT_OF_INSTANCES, {"pk": pk}).all():
            if not "".join(texts).isascii():
                values = self._kept(_INSTANCE, instance_pk, character_set)
                text = {column: values[column] for column in _TEXT_OF_INSTANCES}
                text |= {f"{column}_folded": folded(str(values[column])) for column in _NAMES[Level.IMAGE]}
                connection.execute(update(instance).where(instance.c.pk == instance_pk).values(text))
        refill(connection, self.objects, pk, character_set)

    def _lay_over_patient(self, pk: int, identity: str) -> None:
        connection = self.connection
        first = connection.execute(_FIRST_OF_PATIENT, {"pk": pk}).one()
        values = self._kept(_FIRST_OF_PATIENT, pk, character_set_of(connection, first.study_instance_uid))
        for one in applied_to(connection, "", identity):
            values[BY_PATH[one.attribute].column] = one.value
        connection.execute(update(patient).where(patient.c.pk == pk).values(columns_of(values, Level.PATIENT)))
        connection.execute(delete(name_form).where(name_form.c.patient_pk == pk))
        if forms := name_forms_of(pk, str(values["patient_name"])):
            connection.execute(insert(name_form), forms)

    def _note(self, pk: int, uid: str, known: str, identity: str) -> None:
        """What was derived from a study is another thing from now on, if its corrections are others."""
        digest = digest_of(applied_to(self.connection, uid, identity))
        if digest != known:
            changed = {"corrections": digest, "changed_at": datetime.now(UTC)}
            self.connection.execute(update(study).where(study.c.pk == pk).values(changed))
            counted = {"revision": series.c.revision + 1}
            self.connection.execute(update(series).where(series.c.study_pk == pk).values(counted))

    def _kept(self, statement: Any, pk: int, character_set: str) -> Values:
        """The values of the first instance that is found, as its object has them."""
        row = self.connection.execute(statement, {"pk": pk}).one()
        try:
            with self.objects.open(row.object_key) as file:
                header = read_header(file, row.data_set_offset, row.size, row.transfer_syntax_uid)
        except StoreError as error:
            raise OutOfResources("the object that says what was kept cannot be read") from error
        return dict(reread_header(header, character_set).values)


def _reread_value(column: str, value: str | int | None, character_set: str) -> str | int | None:
    if not isinstance(value, str) or value.isascii():
        return value
    if column not in _SEQUENCES:
        return reread(value, _VRS[column], character_set)
    items = [
        {keyword: reread(str(text), "LO", character_set) for keyword, text in item.items()} for item in items_of(value)
    ]
    return json.dumps(items, ensure_ascii=False, separators=(",", ":"))


_COLUMNS = {
    level: tuple(attribute.column for attribute in READ_FROM_INSTANCE if attribute.level == level) for level in Level
}
_NAMES = {level: tuple(attribute.column for attribute in PERSON_NAMES if attribute.level == level) for level in Level}
_VRS = {attribute.column: attribute.vr for attribute in READ_FROM_INSTANCE}
_SEQUENCES = frozenset(attribute.column for attribute in READ_FROM_INSTANCE if attribute.members)
_TEXT_OF_INSTANCES = tuple(
    attribute.column
    for attribute in READ_FROM_INSTANCE
    if attribute.level == Level.IMAGE and attribute.vr in ("LO", "PN", "SH", "ST", "SQ")
)

_SELECT_SUGGESTED = select(correction.c.pk).where(
    correction.c.study_instance_uid == bindparam("study"), correction.c.attribute == CHARACTER_SET
)
_SELECT_APPLIED = (
    select(
        correction.c.attribute,
        correction.c.value,
        correction.c.reason,
        correction.c.source,
        correction.c.decided_at,
    )
    .where(
        correction.c.state == APPLIED,
        or_(
            (correction.c.study_instance_uid == bindparam("study")) & (correction.c.patient_identity == ""),
            (correction.c.patient_identity == bindparam("patient")) & (correction.c.patient_identity != ""),
        ),
    )
    .order_by(correction.c.attribute, correction.c.pk)
)
_SELECT_CHARACTER_SET = select(correction.c.value).where(
    correction.c.state == APPLIED,
    correction.c.study_instance_uid == bindparam("study"),
    correction.c.attribute == CHARACTER_SET,
)
_SELECT_CORRECTED = select(correction.c.study_instance_uid).where(correction.c.state == APPLIED)
_SELECT_STUDY = (
    select(study.c.pk, study.c.patient_pk, patient.c.identity)
    .select_from(study.join(patient))
    .where(study.c.study_instance_uid == bindparam("study"))
)
_SELECT_IDENTITY = (
    select(patient.c.identity).select_from(study.join(patient)).where(study.c.study_instance_uid == bindparam("study"))
)
_SELECT_STUDIES_OF_PATIENT = select(study.c.pk, study.c.study_instance_uid, study.c.corrections).where(
    study.c.patient_pk == bindparam("patient_pk")
)
_OBJECT = select(
    study.c.study_instance_uid,
    instance.c.object_key,
    instance.c.data_set_offset,
    instance.c.size,
    instance.c.transfer_syntax_uid,
).select_from(instance.join(series).join(study))
_FIRST_OF_PATIENT = _OBJECT.where(study.c.patient_pk == bindparam("pk")).order_by(instance.c.pk).limit(1)
_FIRST_OF_STUDY = _OBJECT.where(study.c.pk == bindparam("pk")).order_by(instance.c.pk).limit(1)
_FIRST_OF_SERIES = _OBJECT.where(series.c.pk == bindparam("pk")).order_by(instance.c.pk).limit(1)
_INSTANCE = _OBJECT.where(instance.c.pk == bindparam("pk"))
_SELECT_TEXT_OF_INSTANCES = (
    select(instance.c.pk, *(instance.c[column] for column in _TEXT_OF_INSTANCES))
    .select_from(instance.join(series))
    .where(series.c.study_pk == bindparam("pk"))
)
