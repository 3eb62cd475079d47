"""The values of what administrators have made searchable: one for each patient, study, series or instance that has one.

A patient, study or series has the value of the first instance that has one, as it has every other attribute from its
first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection, Row, bindparam, delete, select, text, update

from pacs.archive.further import FILLING, REMOVING, attribute_of
from pacs.dicom.attributes import Attribute, Level
from pacs.dicom.charset import reread
from pacs.dicom.further import Values, read_further, searched_form
from pacs.index.prepared import Prepared
from pacs.index.select import TABLES
from pacs.index.tables import LONGEST_KEY, further_attribute, further_value, instance, series, study
from storage import ObjectStore, StoreError

log = structlog.get_logger(__name__)

StoredRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Arrived:
    """The values of a new instance, and whose they are."""

    values: Values
    owners: Mapping[Level, int]
    """The keys of its patient, study and series."""
    sop_instance_uid: str
    object_key: str
    is_current: bool


def keep(connection: Connection, arrived: Sequence[Arrived]) -> None:
    """Write the values of instances that have got their rows in this transaction."""
    rows: list[dict[str, Any]] = []
    uids = [one.sop_instance_uid for one in arrived if any(its.level == Level.IMAGE for its, _ in one.values)]
    found = _SELECT_NEW.rows(connection, {"uids": uids}) if uids else []
    pks = {(uid, key): pk for pk, uid, key in found}
    for one in arrived:
        owners = {**one.owners, Level.IMAGE: pks.get((one.sop_instance_uid, one.object_key), 0)}
        rows += rows_of(one.values, owners, one.is_current)
    if rows:
        connection.execute(_KEEP, rows)


def rows_of(values: Values, owners: Mapping[Level, int], is_current: bool) -> list[dict[str, Any]]:
    """The rows of `further_value` of one instance. What stands above one that is not current is not told by it."""
    return [
        {
            "attribute": attribute.further,
            "owner": owners[attribute.level],
            "value": value[:LONGEST_KEY],
            "folded": searched_form(attribute, value)[:LONGEST_KEY],
        }
        for attribute, value in values
        if is_current or attribute.level == Level.IMAGE
    ]


def read_stored(objects: ObjectStore, row: StoredRow, attributes: Sequence[Attribute], character_set: str) -> Values:
    """The values of a stored instance, a row of SELECT_STORED. character_set: a correction's; "": its own."""
    try:
        with objects.open(row.object_key) as file:
            values = read_further(file, row.data_set_offset, row.size, row.transfer_syntax_uid, attributes)
    except StoreError as error:
        log.error("object cannot be read", sop_instance_uid=row.sop_instance_uid, why=str(error))
        return ()
    if not character_set:
        return values
    return tuple((its, reread(value, its.vr, character_set)) for its, value in values)


def rows_of_stored(row: StoredRow, values: Values) -> list[dict[str, Any]]:
    """The same as `rows_of`, of a row of SELECT_STORED."""
    owners = {
        Level.PATIENT: row.patient_pk,
        Level.STUDY: row.study_pk,
        Level.SERIES: row.series_pk,
        Level.IMAGE: row.pk,
    }
    return rows_of(values, owners, row.current)


def refill(connection: Connection, objects: ObjectStore, study_pk: int, character_set: str) -> None:
    """Read those of a study again: from now on its text is to be read in another character set."""
    statement = select(further_attribute).where(further_attribute.c.state != REMOVING)
    attributes = list(map(attribute_of, connection.execute(statement)))
    if not attributes:
        return
    for row in connection.execute(SELECT_STORED.where(study.c.pk == study_pk)).all():
        values = read_stored(objects, row, attributes, character_set)
        put_in_place(connection, rows_of_stored(row, values))


def put_in_place(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write values over those that are there."""
    if rows:
        connection.execute(_PUT, list(rows))


def forget(connection: Connection, owners: Mapping[Level, Sequence[int]]) -> None:
    """The values of those rows that have been deleted: a database gives their keys again.

    owners: the keys of some hundred rows, of which some may still be there.
    """
    for pk, level in connection.execute(select(further_attribute.c.pk, further_attribute.c.level)).all():
        is_there = select(TABLES[level].c.pk).where(TABLES[level].c.pk == further_value.c.owner_pk).exists()
        its = further_value.c.attribute_pk == pk, further_value.c.owner_pk.in_(owners.get(level, ())), ~is_there
        connection.execute(delete(further_value).where(*its))


def begin_again(connection: Connection) -> None:
    """The index is made again: so are the values, by the job."""
    connection.execute(delete(further_value))
    again = {"state": FILLING, "filled_to": 0}
    connection.execute(update(further_attribute).where(further_attribute.c.state != REMOVING).values(again))


SELECT_STORED = (
    select(
        instance.c.pk,
        instance.c.sop_instance_uid,
        instance.c.object_key,
        instance.c.data_set_offset,
        instance.c.size,
        instance.c.transfer_syntax_uid,
        instance.c.current,
        instance.c.series_pk,
        series.c.study_pk,
        study.c.patient_pk,
        study.c.study_instance_uid,
    )
    .select_from(instance.join(series).join(study))
    .order_by(instance.c.pk.desc())
)
"""Stored instances, the last first: so the value of the first is the one that stays above them."""
_SELECT_NEW = Prepared(
    select(instance.c.pk, instance.c.sop_instance_uid, instance.c.object_key).where(
        instance.c.sop_instance_uid.in_(bindparam("uids", expanding=True))
    )
)
_WRITE = (
    "INSERT INTO further_value (attribute_pk, owner_pk, value, folded) "
    "SELECT CAST(:attribute AS BIGINT), CAST(:owner AS BIGINT), CAST(:value AS TEXT), CAST(:folded AS TEXT) "
    # One that was removed meanwhile has no values any more, and no instance is refused for it.
    "WHERE EXISTS (SELECT 1 FROM further_attribute WHERE pk = CAST(:attribute AS BIGINT)) "
    "ON CONFLICT (attribute_pk, owner_pk) "
)
_KEEP = text(_WRITE + "DO NOTHING")
_PUT = text(_WRITE + "DO UPDATE SET value = excluded.value, folded = excluded.folded")
