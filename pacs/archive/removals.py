"""What was here and is not any more: who asks for it is told so, and who stores it again is not robbed of it."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, bindparam, select

from pacs.context import Actor, Pacs
from pacs.errors import NotFound, OutOfResources, Removed
from pacs.index.prepared import Prepared
from pacs.index.tables import removal

State = Literal["removed", "erasing", "erased", "restored"]
GONE: tuple[State, ...] = ("removed", "erasing", "erased")
STILL_KEPT: tuple[State, ...] = ("removed", "erasing")
SKEW = timedelta(minutes=1)
"""Between the clocks of several machines."""


def missing(pacs: Pacs, actor: Actor, study: str, series: str = "", sop: str = "") -> NotFound:
    """What to raise for something that is not in the index: Removed where it, or what it was in, was removed."""
    if actor.studies is None or study in actor.studies:
        with pacs.database.read() as connection:
            rows = connection.execute(_SELECT_GONE, {"study": study}).all()
        if any(row.series_instance_uid in ("", series) and row.sop_instance_uid in ("", sop) for row in rows):
            return Removed("it was here, and was removed")
    return NotFound("no such study, series or instance")


def refuse_what_is_being_erased(connection: Connection, arrivals: Collection[tuple[str, datetime]]) -> None:
    """For who files arrivals, in its transaction: their Study Instance UIDs, and when they began to be kept.

    The object of one that began to be kept before an erasure ended may be the very file that is erased. Raises
    OutOfResources, so that its sender tries again and keeps it anew.
    """
    studies = {"studies": list({study for study, _ in arrivals})}
    if not arrivals or not _ERASURES.rows(connection, studies):
        return
    for row in connection.execute(_SELECT_ERASURES, studies):
        limit = datetime.max.replace(tzinfo=row.created_at.tzinfo) if row.ended_at is None else row.ended_at + SKEW
        if any(study == row.study_instance_uid and began <= limit for study, began in arrivals):
            raise OutOfResources("what was kept of this study is being erased: try again in a minute")


def keys_still_kept(connection: Connection) -> set[str]:
    """Object keys of what was removed and is not erased yet: they have no rows, and are no orphans."""
    joined = connection.scalars(select(removal.c.object_keys).where(removal.c.state.in_(STILL_KEPT)))
    return {key for keys in joined for key in keys.split("\\")}


_SELECT_GONE = select(removal.c.series_instance_uid, removal.c.sop_instance_uid).where(
    removal.c.study_instance_uid == bindparam("study"), removal.c.state.in_(GONE)
)
_IS_ERASED = (
    removal.c.study_instance_uid.in_(bindparam("studies", expanding=True)),
    removal.c.state.in_(("erasing", "erased")),
)
_SELECT_ERASURES = select(removal.c.study_instance_uid, removal.c.created_at, removal.c.ended_at).where(*_IS_ERASED)
_ERASURES = Prepared(select(removal.c.pk).where(*_IS_ERASED))
