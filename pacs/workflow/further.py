"""What administrators have made searchable, read out of what was stored before: the newest first, a little at a time.

A definition remembers down to which instance it is filled, so that it goes on there after a restart. Those that have
come equally far are filled together. Objects are read outside of the writer's turn.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Row, Select, delete, func, select, update

from pacs.archive.further import FILLING, READY, REMOVING, SETTLED_AFTER, attribute_of
from pacs.archive.further_values import SELECT_STORED, put_in_place, read_stored, rows_of_stored
from pacs.archive.overlay import character_set_of
from pacs.context import Pacs
from pacs.dicom.further import Values
from pacs.index.tables import further_attribute, further_value, instance
from pacs.jobs import STOPPING, Job

log = structlog.get_logger(__name__)

CHUNK = 200
"""Instances that are read and written at once."""
DELETED_AT_ONCE = 20_000
PAUSE = 1.0
"""As many times as long as a piece of work took is rested: others want the disk and the writer's turn too."""

_Row = Row[*tuple[Any, ...]]


def _due(pacs: Pacs) -> Sequence[str]:
    with pacs.database.read() as connection:
        rows = connection.execute(select(further_attribute.c.state, further_attribute.c.created_at)).all()
    settled = datetime.now(UTC) - SETTLED_AFTER
    filling = any(state == FILLING and created_at <= settled for state, created_at in rows)
    removing = any(state == REMOVING for state, _ in rows)
    return [*(["remove"] if removing else []), *(["fill"] if filling else [])]


def _run(pacs: Pacs, key: str) -> None:
    step = _fill_some if key == "fill" else _remove_some
    while True:
        began = time.monotonic()
        if not step(pacs):
            return
        stop = STOPPING.get()
        took = time.monotonic() - began
        if stop is not None and stop.wait(PAUSE * took):
            return


JOB = Job("further", _due, _run)


def _fill_some(pacs: Pacs) -> bool:
    """Read some more instances for those that are furthest behind. Whether there is more to do."""
    with pacs.database.read() as connection:
        defined = connection.execute(_select_due()).all()
        if not defined:
            return False
        newest = connection.scalar(select(func.max(instance.c.pk))) or 0
        positions = sorted({row.filled_to or newest + 1 for row in defined}, reverse=True)
        wanted = [row for row in defined if (row.filled_to or newest + 1) == positions[0]]
        bottom = positions[1] if len(positions) > 1 else 0
        between = instance.c.pk < positions[0], instance.c.pk >= bottom
        rows = connection.execute(SELECT_STORED.where(*between).limit(CHUNK)).all()
        corrected = {uid: character_set_of(connection, uid) for uid in {row.study_instance_uid for row in rows}}
    attributes = [attribute_of(row) for row in wanted]
    found = [(row, read_stored(pacs.objects, row, attributes, corrected[row.study_instance_uid])) for row in rows]
    keys = [row.pk for row in wanted]
    # With fewer than a chunk all down to `bottom` have been read; those that are filled that far already are met there.
    reached = rows[-1].pk if len(rows) == CHUNK else max(bottom, 1)
    is_ready = len(rows) < CHUNK and not bottom
    with pacs.database.write() as connection:
        still_there = _still_there(connection, found)
        put_in_place(connection, [one for row, values in still_there for one in rows_of_stored(row, values)])
        state = {"filled_to": reached} | ({"state": READY} if is_ready else {})
        its = further_attribute.c.pk.in_(keys), further_attribute.c.state == FILLING
        connection.execute(update(further_attribute).where(*its).values(state))
    if is_ready:
        pacs.database.recent.forget("pacs.archive.further")
        log.info("attributes are searchable in all that is stored", attributes=[row.path for row in wanted])
    return True


def _remove_some(pacs: Pacs) -> bool:
    with pacs.database.write() as connection:
        pk = connection.scalar(select(further_attribute.c.pk).where(further_attribute.c.state == REMOVING).limit(1))
        if pk is None:
            return False
        its = further_value.c.attribute_pk == pk
        some = select(further_value.c.owner_pk).where(its).order_by(further_value.c.owner_pk).limit(DELETED_AT_ONCE)
        owners = list(connection.scalars(some))
        if owners:
            connection.execute(delete(further_value).where(its, further_value.c.owner_pk <= owners[-1]))
        else:
            connection.execute(delete(further_attribute).where(further_attribute.c.pk == pk))
    return True


def _select_due() -> Select[Any]:
    settled = datetime.now(UTC) - SETTLED_AFTER
    return select(further_attribute).where(
        further_attribute.c.state == FILLING, further_attribute.c.created_at <= settled
    )


def _still_there(connection: Connection, found: list[tuple[_Row, Values]]) -> list[tuple[_Row, Values]]:
    """Without those that were deleted since they were read: their keys may be others' soon."""
    keys = [row.pk for row, _ in found]
    there = select(instance.c.pk, instance.c.object_key).where(instance.c.pk.in_(keys))
    kept = {row.pk: row.object_key for row in connection.execute(there)}
    return [(row, values) for row, values in found if kept.get(row.pk) == row.object_key]
