"""What should not be kept any longer is removed: gone from every answer at once, and erased only after a time.

Until then it can be restored exactly. Its objects leave in two steps, so that nobody who stores the same instance
again at that moment is told it is kept while its bytes are erased: first the removal is marked, by which the committer
knows, then the objects go.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, select, update

from pacs import audit
from pacs.archive import cache, further_values
from pacs.archive.decoding import FOLDER as FRAMES
from pacs.archive.metadata import forget_series
from pacs.archive.recovery import adopt
from pacs.archive.removals import State, missing
from pacs.archive.rendering import FOLDER as PICTURES
from pacs.context import SYSTEM, Actor, Pacs
from pacs.dicom.attributes import Level
from pacs.errors import InvalidQuery, NotFound, NotInThisState, OutOfResources
from pacs.index.tables import bookmark, instance, name_form, patient, removal, rendition, series, study
from storage import StoreError

log = structlog.get_logger(__name__)

LONGEST_REASON = 256
MOST_LISTED = 1000
MADE_OF_OBJECTS = (PICTURES, FRAMES)
"""What of the cache shows an object."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A removal as it is shown."""

    pk: int
    study_instance_uid: str
    series_instance_uid: str
    """"": the whole study."""
    sop_instance_uid: str
    """"": the whole series."""
    state: State
    number_of_objects: int
    reason: str
    source: str
    """Who."""
    created_at: datetime
    erase_at: datetime
    """Until then it can be restored."""
    ended_at: datetime | None


def remove(pacs: Pacs, actor: Actor, reason: str, study: str, series: str = "", sop: str = "") -> int:
    """Remove a study, a series of it, or an instance of that, all of its versions; the pk of the removal.

    Raises NotAllowed, NotFound, Removed when it is gone already, InvalidQuery without a reason.
    """
    actor.require("administer")
    if not (reason := reason.strip()) or len(reason) > LONGEST_REASON:
        raise InvalidQuery(f"say why it is removed, in at most {LONGEST_REASON} letters")
    if sop and not series:
        raise InvalidQuery("an instance is named with its series")
    now = datetime.now(UTC)
    with pacs.database.write() as connection:
        rows = connection.execute(_select_instances(study, series, sop)).all()
        if rows and (actor.studies is None or study in actor.studies):
            row = {
                "study_instance_uid": study,
                "series_instance_uid": series,
                "sop_instance_uid": sop,
                "state": "removed",
                "reason": reason,
                "source": actor.name,
                "created_at": now,
                "erase_at": now + timedelta(days=pacs.settings.removed_days),
                "object_keys": "\\".join(dict.fromkeys(row.object_key for row in rows)),
            }
            key = connection.execute(insert(removal), row).inserted_primary_key
            assert key is not None
            _take_out(connection, [row.pk for row in rows])
            audit.record(connection, actor, "removed", study_instance_uid=study, detail=f"{series} {sop}".strip())
            for uid in {row.series_instance_uid for row in rows}:
                forget_series(pacs, study, uid)
            return int(key[0])
    raise missing(pacs, actor, study, series, sop)


def restore(pacs: Pacs, actor: Actor, pk: int) -> None:
    """Undo a removal: every object gets its rows again, judged as if it came now.

    Raises NotAllowed, NotFound, NotInThisState when it is restored or erased already, OutOfResources.
    """
    actor.require("administer")
    with pacs.database.write() as connection:
        row = connection.execute(select(removal).where(removal.c.pk == pk)).one_or_none()
        if row is None:
            raise NotFound(f"there is no removal {pk}")
        if row.state != "removed":
            raise NotInThisState(f"removal {pk} is {row.state} already")
        _end(connection, pk, "restored")
        audit.record(connection, actor, "restored", study_instance_uid=row.study_instance_uid)
    # A crash from here on leaves objects without rows and without a removal: `recover` adopts them at the next start.
    for key in row.object_keys.split("\\"):
        adopt(pacs, key, row.created_at)


def removals(pacs: Pacs, actor: Actor, study: str = "") -> list[Removal]:
    """The newest first, at most 1000; study: only of this one. Raises NotAllowed."""
    actor.require("administer")
    statement = select(removal).order_by(removal.c.pk.desc()).limit(MOST_LISTED)
    if study:
        statement = statement.where(removal.c.study_instance_uid == study)
    with pacs.database.read() as connection:
        return [_shown(row) for row in connection.execute(statement)]


def due(pacs: Pacs) -> Sequence[str]:
    """The removals whose objects are to be erased now."""
    is_due = (removal.c.state == "removed") & (removal.c.erase_at <= datetime.now(UTC))
    statement = select(removal.c.pk).where(is_due | (removal.c.state == "erasing")).order_by(removal.c.pk).limit(100)
    with pacs.database.read() as connection:
        return [str(pk) for pk in connection.scalars(statement)]


def erase(pacs: Pacs, pk: int) -> None:
    """Delete the objects of a removal whose time has come, but for those that were stored again.

    Raises OutOfResources when the store refuses; it is to be tried again.
    """
    with pacs.database.write() as connection:
        marked = update(removal).where(removal.c.pk == pk, removal.c.state.in_(("removed", "erasing")))
        if not connection.execute(marked.values(state="erasing")).rowcount:
            return
        row = connection.execute(select(removal).where(removal.c.pk == pk)).one()
    keys = row.object_keys.split("\\")
    with pacs.database.read() as connection:
        stored_again = {one.object_key for one in connection.execute(_select_instances(row.study_instance_uid, "", ""))}
        stored_again |= _kept_by_others(connection, pk, row.study_instance_uid)
    try:
        for key in keys:
            if key not in stored_again:
                for made in MADE_OF_OBJECTS:
                    cache.forget(pacs, f"{made}/{key[:2]}", f"{key}-*")
                pacs.objects.delete(key)
    except StoreError as error:
        raise OutOfResources("the object store refuses to delete") from error
    with pacs.database.write() as connection:
        _end(connection, pk, "erased")
        detail = f"objects: {len(set(keys) - stored_again)}"
        audit.record(connection, SYSTEM, "erased", study_instance_uid=row.study_instance_uid, detail=detail)


def _kept_by_others(connection: Connection, pk: int, study_instance_uid: str) -> set[str]:
    """What was stored again and removed again later still waits for its own time."""
    is_other = (removal.c.pk != pk) & (removal.c.study_instance_uid == study_instance_uid)
    joined = connection.scalars(select(removal.c.object_keys).where(is_other, removal.c.state == "removed"))
    return {key for keys in joined for key in keys.split("\\")}


def _select_instances(of_study: str, of_series: str, sop: str) -> Any:
    """Current ones first: restored in this order, they are current again."""
    named = [study.c.study_instance_uid == of_study]
    if of_series:
        named.append(series.c.series_instance_uid == of_series)
    if sop:
        named.append(instance.c.sop_instance_uid == sop)
    joined = instance.join(series).join(study)
    found = select(instance.c.pk, instance.c.object_key, series.c.series_instance_uid).select_from(joined).where(*named)
    return found.order_by(instance.c.current.desc(), instance.c.pk)


def _take_out(connection: Connection, pks: Sequence[int]) -> None:
    """The rows of instances, and those above them that would be empty; what is above and is not counts them no more."""
    for begin in range(0, len(pks), 500):
        some = pks[begin : begin + 500]
        of_series = connection.scalars(select(instance.c.series_pk).where(instance.c.pk.in_(some)).distinct()).all()
        connection.execute(delete(rendition).where(rendition.c.instance_pk.in_(some)))
        connection.execute(delete(instance).where(instance.c.pk.in_(some)))
        of_studies = connection.scalars(select(series.c.study_pk).where(series.c.pk.in_(of_series)).distinct()).all()
        _drop_empty(connection, series, of_series, instance.c.series_pk)
        _count_again(connection, of_series, of_studies)
        patients = connection.scalars(select(study.c.patient_pk).where(study.c.pk.in_(of_studies)).distinct()).all()
        _drop_empty(connection, study, of_studies, series.c.study_pk)
        empty = select(patient.c.pk).where(patient.c.pk.in_(patients), ~_has(study.c.patient_pk, patient))
        connection.execute(delete(name_form).where(name_form.c.patient_pk.in_(empty)))
        _drop_empty(connection, patient, patients, study.c.patient_pk)
        rows = {Level.PATIENT: patients, Level.STUDY: of_studies, Level.SERIES: of_series, Level.IMAGE: some}
        further_values.forget(connection, rows)
    # SQLite gives the number of the last row anew once that is gone: who reads by number must not pass it over.
    newest = select(func.coalesce(func.max(instance.c.pk), 0)).scalar_subquery()
    connection.execute(update(bookmark).where(bookmark.c.instance_pk > newest).values(instance_pk=newest))


def _drop_empty(connection: Connection, table: Table, pks: Sequence[int], owner: ColumnElement[int]) -> None:
    connection.execute(delete(table).where(table.c.pk.in_(pks), ~_has(owner, table)))


def _has(owner: ColumnElement[int], table: Table) -> ColumnElement[bool]:
    return select(owner).where(owner == table.c.pk).correlate(table).exists()


def _count_again(connection: Connection, of_series: Sequence[int], of_studies: Sequence[int]) -> None:
    number = select(func.count()).where(instance.c.series_pk == series.c.pk, instance.c.current).scalar_subquery()
    counted = {"number_of_series_related_instances": number, "revision": series.c.revision + 1}
    connection.execute(update(series).where(series.c.pk.in_(of_series)).values(counted))
    for pk in of_studies:
        below = instance.join(series)
        of_study = (series.c.study_pk == pk) & instance.c.current
        classes = connection.scalars(select(instance.c.sop_class_uid).select_from(below).where(of_study).distinct())
        modalities = connection.scalars(select(series.c.modality).where(series.c.study_pk == pk).distinct())
        values = {
            "sop_classes_in_study": "\\".join(sorted(filter(None, classes))),
            "modalities_in_study": "\\".join(sorted(filter(None, modalities))),
            "number_of_study_related_series": select(func.count()).where(series.c.study_pk == pk).scalar_subquery(),
            "number_of_study_related_instances": select(func.count())
            .select_from(below)
            .where(of_study)
            .scalar_subquery(),
            "changed_at": datetime.now(UTC),
        }
        connection.execute(update(study).where(study.c.pk == pk).values(values))


def _end(connection: Connection, pk: int, state: State) -> None:
    ended = {"state": state, "ended_at": datetime.now(UTC)}
    connection.execute(update(removal).where(removal.c.pk == pk).values(ended))


def _shown(row: Any) -> Removal:
    return Removal(
        row.pk,
        row.study_instance_uid,
        row.series_instance_uid,
        row.sop_instance_uid,
        row.state,
        row.object_keys.count("\\") + 1,
        row.reason,
        row.source,
        row.created_at,
        row.erase_at,
        row.ended_at,
    )
