"""Peers that want to know are told when a study is available, and again when it gets more (PS3.4 Annex R).

A reader with a bookmark looks at what has arrived, and keeps a row for each study and peer that is to be told. While
the study gets more the row is pushed back, so that a peer hears of a study once it has been quiet for a while.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from pacs.archive.retrieve import instances
from pacs.context import SYSTEM, Pacs
from pacs.dicom.references import Reference
from pacs.errors import PacsError
from pacs.index.tables import bookmark, instance, notification, peer, series, study
from pacs.jobs import Job, move_bookmark, pause_after
from pacs.peers import directory
from pacs.peers.directory import Peer
from pacs.peers.notification import notify

log = structlog.get_logger(__name__)

NAME = "notification"
NOBODY = -1
"""Where the bookmark lies while nobody is to be told: what arrives meanwhile is no news later."""
MOST_READ = 10_000
"""Instances that are looked at in one transaction."""
WAITING, TOLD, FAILED = "waiting", "told", "failed"
GIVEN_UP_AFTER = timedelta(days=7)
FORGOTTEN_AFTER = timedelta(days=90)
"""After its end."""
DUPLICATE_INSTANCE = 0x0111
"""PS3.7 10.1.5.1.6: the peer has this notification, and only its answer was lost."""

_Row = Row[*tuple[Any, ...]]


def _due(pacs: Pacs) -> Sequence[str]:
    with pacs.database.read() as connection:
        position, newest, ae_titles = _position(connection), _newest(connection), _to_be_told(connection)
    if _has_news(position, newest, ae_titles):
        with pacs.database.write() as connection:
            _read_on(connection, timedelta(seconds=pacs.settings.quiet))
    statement = (
        select(notification.c.pk)
        .where(notification.c.state == WAITING, notification.c.next_at <= _now())
        .order_by(notification.c.next_at)
        .limit(100)
    )
    with pacs.database.read() as connection:
        return [str(pk) for pk in connection.execute(statement).scalars()]


def _run(pacs: Pacs, key: str) -> None:
    """Tell one peer of one study."""
    with pacs.database.read() as connection:
        row = connection.execute(select(notification).where(notification.c.pk == int(key))).one_or_none()
    if row is None or row.state != WAITING:
        return
    known = directory.by_ae_title(pacs, row.ae_title)
    if known is None or not known.notified:
        _change(pacs, row, state=FAILED, why=f"{row.ae_title} is not to be told any more", ended_at=_now())
        return
    try:
        status = _tell(pacs, known, row)
    except PacsError as error:
        _postpone(pacs, row, str(error))
        return
    if status in (0, DUPLICATE_INSTANCE):
        log.info("availability told", study_instance_uid=row.study_instance_uid, peer=row.ae_title)
        _change(pacs, row, state=TOLD, why="", ended_at=_now())
    else:
        _postpone(pacs, row, f"{row.ae_title} answers with status {status:04X}")


JOB = Job("notification", _due, _run, at_once=2)


def _has_news(position: int, newest: int, ae_titles: Sequence[str]) -> bool:
    """Whether the reader has something to do: to read on, or to begin, or to cease."""
    return position != newest if ae_titles else position != NOBODY


def _read_on(connection: Connection, quiet: timedelta) -> None:
    """Keep rows of what has arrived since the bookmark, and move it, in one transaction."""
    position, newest, ae_titles = _position(connection), _newest(connection), _to_be_told(connection)
    if not ae_titles:
        move_bookmark(connection, NAME, NOBODY)
        return
    if not 0 <= position <= newest:  # somebody is to be told since now, or the index was made again
        move_bookmark(connection, NAME, newest)
        return
    last = min(position + MOST_READ, newest)
    arrived = connection.execute(_select_arrived(position, last)).all()
    for one in arrived:
        for ae_title in ae_titles:
            _expect(connection, ae_title, one.study_instance_uid, one.received_at + quiet)
    _forget_old(connection)
    move_bookmark(connection, NAME, last)


def _expect(connection: Connection, ae_title: str, study_instance_uid: str, at: datetime) -> None:
    """That a peer is told of a study, not before then.

    What waits already is another notification now: the peer may have heard of the one before, and of less.
    """
    is_waiting = (
        notification.c.ae_title == ae_title,
        notification.c.study_instance_uid == study_instance_uid,
        notification.c.state == WAITING,
    )
    values = {"sop_instance_uid": f"2.25.{uuid4().int}", "next_at": at}
    if connection.execute(update(notification).where(*is_waiting).values(values)).rowcount:
        return
    values |= {
        "ae_title": ae_title,
        "study_instance_uid": study_instance_uid,
        "state": WAITING,
        "created_at": _now(),
    }
    connection.execute(insert(notification).values(values))


def _tell(pacs: Pacs, known: Peer, row: _Row) -> int:
    by_series: dict[str, list[Reference]] = {}
    for ref in instances(pacs, SYSTEM, row.study_instance_uid):
        by_series.setdefault(ref.series_instance_uid, []).append(Reference(ref.sop_class_uid, ref.sop_instance_uid))
    return notify(pacs, known, row.sop_instance_uid, row.study_instance_uid, by_series)


def _postpone(pacs: Pacs, row: _Row, why: str) -> None:
    """Try again later, or give up after days."""
    log.warning("availability not told", study_instance_uid=row.study_instance_uid, peer=row.ae_title, why=why)
    if _now() - row.created_at > GIVEN_UP_AFTER:
        _change(pacs, row, state=FAILED, why=why, ended_at=_now())
    else:
        attempts = row.attempts + 1
        _change(pacs, row, attempts=attempts, why=why, next_at=_now() + pause_after(attempts))


def _change(pacs: Pacs, row: _Row, **values: Any) -> None:
    """Unless the study has got more while the peer was told: then it is another notification, and waits."""
    is_same = (notification.c.pk == row.pk, notification.c.sop_instance_uid == row.sop_instance_uid)
    with pacs.database.write() as connection:
        connection.execute(update(notification).where(*is_same).values(values))


def _position(connection: Connection) -> int:
    found = connection.scalar(select(bookmark.c.instance_pk).where(bookmark.c.name == NAME))
    return NOBODY if found is None else found


def _newest(connection: Connection) -> int:
    return connection.scalar(select(func.max(instance.c.pk))) or 0


def _to_be_told(connection: Connection) -> list[str]:
    return list(connection.execute(select(peer.c.ae_title).where(peer.c.notified)).scalars())


def _select_arrived(after: int, last: int) -> Select[tuple[str, datetime]]:
    """The studies that got instances, and when each got the last of them."""
    return (
        select(study.c.study_instance_uid, func.max(instance.c.received_at).label("received_at"))
        .select_from(instance.join(series).join(study))
        .where(instance.c.pk > after, instance.c.pk <= last)
        .group_by(study.c.study_instance_uid)
    )


def _forget_old(connection: Connection) -> None:
    connection.execute(delete(notification).where(notification.c.ended_at < _now() - FORGOTTEN_AFTER))


def _now() -> datetime:
    return datetime.now(UTC)
