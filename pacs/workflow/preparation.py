"""What a reader of a series will ask for is made once it has been quiet, before the first one comes.

A reader with a bookmark looks at what has arrived. It keeps no rows: what is made lies in the cache under the revision
of its series, and the bookmark stays before whatever is not made yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Select, func, select

from pacs.archive import metadata, renditions
from pacs.archive.metadata import SeriesVersion
from pacs.context import SYSTEM, Pacs
from pacs.errors import NotFound
from pacs.index.tables import bookmark, instance, series, study
from pacs.jobs import Job, move_bookmark

log = structlog.get_logger(__name__)

NAME = "preparation"
QUIET = timedelta(seconds=3)
"""Without a new instance: to make it while a series is coming in would be to make it again."""
PATIENCE = timedelta(minutes=5)
"""After which what is not quiet yet, or cannot be made, holds up nobody else."""
MOST_READ = 10_000
"""Instances that are looked at at once."""


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A series that got instances."""

    version: SeriesVersion
    first_pk: int
    """Of those instances."""
    first_at: datetime
    last_at: datetime


def _due(pacs: Pacs) -> Sequence[str]:
    with pacs.database.read() as connection:
        position, newest = _position(connection), _newest(connection)
        arrived = [] if position in (None, newest) else _arrived(connection, position or 0)
    now = datetime.now(UTC)
    # With each rendition the document is another one: it is made again when all are there.
    is_changing = bool(arrived) and pacs.settings.renditions and renditions.is_waiting(pacs)
    waiting = [one for one in arrived if one.first_at > now - PATIENCE and (is_changing or not _is_ready(pacs, one))]
    reached = _reached(position, newest, waiting)
    if reached != position:
        with pacs.database.write() as connection:
            move_bookmark(connection, NAME, reached)
    quiet = [one for one in waiting if one.last_at <= now - QUIET]
    return [_key(one.version) for one in quiet if not is_changing or not metadata.has_metadata(pacs, one.version)]


def _is_ready(pacs: Pacs, one: _Arrived) -> bool:
    return metadata.has_metadata(pacs, one.version) and metadata.has_document(pacs, one.version)


def _reached(position: int | None, newest: int, waiting: Sequence[_Arrived]) -> int:
    """Where the bookmark belongs: before the first instance of what waits."""
    if position is None or position > newest:
        return newest  # what was there before is made when somebody asks for it; or the index was made again
    return min([min(position + MOST_READ, newest), *(one.first_pk - 1 for one in waiting)])


def _run(pacs: Pacs, key: str) -> None:
    uids = key.split("/")
    try:
        (version,) = metadata.versions(pacs, SYSTEM, *uids)
    except NotFound:  # it was removed meanwhile
        return
    metadata.prepare(pacs, SYSTEM, version)
    log.info("series prepared", study_instance_uid=uids[0], series_instance_uid=uids[1])


JOB = Job(NAME, _due, _run, at_once=1)


def _key(version: SeriesVersion) -> str:
    return f"{version.study_instance_uid}/{version.series_instance_uid}"


def _arrived(connection: Connection, position: int) -> list[_Arrived]:
    rows = connection.execute(_select_arrived(position)).all()
    return [_Arrived(SeriesVersion(*row[:3]), *row[3:]) for row in rows]


def _position(connection: Connection) -> int | None:
    return connection.scalar(select(bookmark.c.instance_pk).where(bookmark.c.name == NAME))


def _newest(connection: Connection) -> int:
    return connection.scalar(select(func.max(instance.c.pk))) or 0


def _select_arrived(after: int) -> Select[Any]:
    return (
        select(
            study.c.study_instance_uid,
            series.c.series_instance_uid,
            series.c.revision,
            func.min(instance.c.pk),
            func.min(instance.c.received_at),
            func.max(instance.c.received_at),
        )
        .select_from(instance.join(series).join(study))
        .where(instance.c.pk > after, instance.c.pk <= after + MOST_READ)
        .group_by(series.c.pk, study.c.study_instance_uid, series.c.series_instance_uid, series.c.revision)
        .order_by(func.min(instance.c.pk))
    )
