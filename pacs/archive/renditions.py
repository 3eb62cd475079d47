"""Frames anew in HTJ2K beside what was stored: lossless, proven so before they are kept, lowest resolution first.

A rendition is an object in the folder `renditions/`, its name the SHA-256 of its bytes, so that every node finds it.
It can be dropped and made again at any time; what was stored never depends on it.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection, delete, func, insert, select

from pacs.archive.headers import Opened, open_instance, read_header
from pacs.archive.selection import InstanceRef, frame_tables, instances
from pacs.context import SYSTEM, Pacs
from pacs.dicom.frames import FrameTable
from pacs.dicom.htj2k import ResolutionTable, TableBuilder, htj2k_frame, is_worthwhile, most_worthwhile
from pacs.dicom.pixels import PixelDescription, pixel_description
from pacs.dicom.series_builder import kind_of
from pacs.errors import InvalidInstance, NotFound, OutOfResources, Undecodable
from pacs.index.tables import bookmark, instance, rendition, series, study
from pacs.jobs import bookmark_of, move_bookmark
from storage import ObjectNotFound, StoreError

log = structlog.get_logger(__name__)

FOLDER = "renditions"
NEWER, OLDER = "renditions", "renditions-older"
"""Bookmarks: up to where what arrived has been read, and down to where what was there before has been."""
MOST_READ = 500
"""Instances that are looked at in one go."""
COMMIT_AFTER = 64 << 20
"""Bytes of renditions after which their rows are written: each time costs whoever stores a wait."""
SWEPT_AFTER = timedelta(hours=1)
"""An object without a row is left over, once it is so old: its row may be about to be written."""


@dataclass(frozen=True, slots=True)
class Rendition:
    """Where the frames of an instance lie in HTJ2K."""

    object_key: str
    table: ResolutionTable


@dataclass(frozen=True, slots=True)
class _Made:
    """What became of one instance; without a rendition and a reason it is as good as it is."""

    ref: InstanceRef
    rendition: Rendition | None = None
    why: str = ""
    size: int = 0
    """Bytes of the rendition."""


def renditions_of(pacs: Pacs, refs: Sequence[InstanceRef]) -> dict[int, Rendition]:
    """The renditions of those that have one, by pk."""
    wanted = [ref.pk for ref in refs if ref.has_frames]
    found: dict[int, Rendition] = {}
    with pacs.database.read() as connection:
        for begin in range(0, len(wanted), 5000):
            some = rendition.c.instance_pk.in_(wanted[begin : begin + 5000])
            statement = select(rendition.c.instance_pk, rendition.c.object_key, rendition.c.frame_table)
            for pk, key, data in connection.execute(statement.where(some, _IS_MADE)):
                found[pk] = Rendition(key, ResolutionTable.from_bytes(data))
    return found


def state_of(pacs: Pacs, study_instance_uid: str, series_instance_uid: str) -> str:
    """Another text whenever the series has got renditions, or lost some: what is derived from them is kept under it."""
    statement = (
        select(func.count(), func.max(rendition.c.created_at))
        .select_from(rendition.join(instance).join(series).join(study))
        .where(
            study.c.study_instance_uid == study_instance_uid,
            series.c.series_instance_uid == series_instance_uid,
            instance.c.current,
            _IS_MADE,
        )
    )
    with pacs.database.read() as connection:
        count, newest = connection.execute(statement).one()
    return f"{count}-{newest.timestamp():.6f}" if count else "0"


def read_resolutions(pacs: Pacs, ref: InstanceRef, made: Rendition, number: int, begin: int, end: int) -> bytes:
    """The resolutions of a frame from begin up to, not including, end, their checksums proven.

    Where a rendition is missing or damaged, those of its series are forgotten and made again; until then frames are
    given as they were stored. Raises NotFound for it, and for a frame or resolution that is not there.
    """
    start, stop = made.table.range_of(number, begin, end)
    try:
        data = pacs.objects.get(made.object_key, start, stop)
    except ObjectNotFound:
        data = b""
    except StoreError as error:
        raise OutOfResources("the object store does not answer") from error
    if not made.table.is_whole(number, begin, data) or len(data) != stop - start:
        log.error("rendition lost or damaged", sop_instance_uid=ref.sop_instance_uid, object_key=made.object_key)
        _forget(pacs, ref, made.object_key)
        raise NotFound("the rendition is damaged: the document of the series is to be asked for again")
    return data


def is_waiting(pacs: Pacs) -> bool:
    """Whether instances are there that have not been looked at."""
    with pacs.database.read() as connection:
        return bool(_next(connection, 1)[1])


def times_of_arrival(pacs: Pacs) -> tuple[datetime, datetime] | None:
    """When the first of the instances arrived that came since the bookmark, and the last; None: there are none."""
    with pacs.database.read() as connection:
        newer, _ = _positions(connection)
        arrived = select(instance.c.received_at).where(instance.c.pk > newer).limit(1)
        first = connection.scalar(arrived.order_by(instance.c.pk))
        last = connection.scalar(arrived.order_by(instance.c.pk.desc()))
    return (first, last) if first and last else None


def make_some(pacs: Pacs, goes_on: Callable[[], bool]) -> None:
    """Make the renditions of what waits: what has arrived first, then what was there before, the newest first.

    goes_on: asked before each frame; it may take its time, and ends the work. Raises OutOfResources when the store has
    no room or does not answer: it is to be tried again.
    """
    with pacs.database.read() as connection:
        has_begun = _has_begun(connection)
    if not has_begun:
        _begin(pacs)
    with pacs.database.read() as connection:
        name, pks = _next(connection, MOST_READ)
    refs = {ref.pk: ref for ref in _refs(pacs, pks)}
    tables = frame_tables(pacs, list(refs.values()))
    made: list[_Made] = []
    for pk in pks:
        if pk in refs:
            one = _make(pacs, refs[pk], tables.get(pk), goes_on)
            if one is None:
                _keep(pacs, made, name, pk if name == OLDER else pk - 1)
                return
            made.append(one)
        if pk == pks[-1] or sum(one.size for one in made) > COMMIT_AFTER:
            _keep(pacs, made, name, pk - 1 if name == OLDER else pk)
            made = []


def sweep(pacs: Pacs) -> int:
    """Delete the objects of renditions that no row names any more; how many. Raises OutOfResources."""
    deleted = 0
    old = datetime.now(UTC) - SWEPT_AFTER
    try:
        for stored in pacs.objects.list(FOLDER):
            if stored.modified < old and not _is_named(pacs, stored.key):
                pacs.objects.delete(stored.key)
                deleted += 1
    except StoreError as error:
        raise OutOfResources("the object store does not answer") from error
    return deleted


def _make(pacs: Pacs, ref: InstanceRef, frame_table: FrameTable | None, goes_on: Callable[[], bool]) -> _Made | None:
    """The rendition of one instance; None when it is not to be made now."""
    try:
        opened = open_instance(pacs, ref, frame_table)
        if opened.table is None or kind_of(ref.sop_class_uid, ref.transfer_syntax_uid) != "image":
            return _Made(ref) if goes_on() else None
        description = pixel_description(read_header(pacs, ref, opened))
        if not is_worthwhile(description, opened.transfer_syntax_uid):
            return _Made(ref) if goes_on() else None
        return _encoded(pacs, ref, opened, opened.table.count, description, goes_on)
    except (Undecodable, InvalidInstance, NotFound) as error:
        return _Made(ref, why=str(error))
    except OutOfResources as error:
        if isinstance(error.__cause__, StoreError) and not isinstance(error.__cause__, ObjectNotFound):
            raise
        return _Made(ref, why=str(error))  # it is lost, and the check of the archive tells so


def _encoded(
    pacs: Pacs, ref: InstanceRef, opened: Opened, count: int, description: PixelDescription, goes_on: Callable[[], bool]
) -> _Made | None:
    builder = TableBuilder(max(description.rows, description.columns))
    digest, before, after = hashlib.sha256(), 0, 0
    try:
        with pacs.objects.draft() as draft:
            for number in range(1, count + 1):
                if not goes_on():
                    return None
                data = opened.frame(number)
                codestream = pacs.sandbox.run(htj2k_frame, description, data, opened.transfer_syntax_uid)
                builder.add(codestream)
                digest.update(codestream)
                draft.write(codestream)
                before, after = before + len(data), after + len(codestream)
            if after > most_worthwhile(description, opened.transfer_syntax_uid, before, count):
                return _Made(ref)
            key = f"{FOLDER}/{digest.hexdigest()}"
            draft.keep(key)
    except StoreError as error:
        raise OutOfResources("the object store has no room, or does not answer") from error
    return _Made(ref, Rendition(key, builder.table()), size=after)


def _keep(pacs: Pacs, made: Sequence[_Made], name: str, position: int) -> None:
    """Write the rows, and move the bookmark in the same transaction."""
    with pacs.database.write() as connection:
        pks = [one.ref.pk for one in made]
        keys = select(instance.c.pk, instance.c.object_key).where(instance.c.pk.in_(pks))
        known = {row.pk: row.object_key for row in connection.execute(keys)}
        connection.execute(delete(rendition).where(rendition.c.instance_pk.in_(pks)))
        # The numbers of instances that were removed may have been given to others meanwhile.
        rows = [_row(one) for one in made if known.get(one.ref.pk) == one.ref.object_key]
        if rows := [row for row in rows if row["object_key"] or row["why"]]:
            connection.execute(insert(rendition), rows)
        others = [one.ref.pk - 1 for one in made if known.get(one.ref.pk, "") not in ("", one.ref.object_key)]
        move_bookmark(connection, name, max(0, min(position, _newest(connection), *others)))


def _row(made: _Made) -> dict[str, object]:
    return {
        "instance_pk": made.ref.pk,
        "object_key": made.rendition.object_key if made.rendition else "",
        "why": made.why,
        "created_at": datetime.now(UTC),
        "frame_table": made.rendition.table.to_bytes() if made.rendition else None,
    }


def _forget(pacs: Pacs, ref: InstanceRef, object_key: str) -> None:
    """Those of the whole series, for where one is lost more may be, and let them be made again."""
    of_series = select(series.c.pk).where(series.c.series_instance_uid == ref.series_instance_uid)
    of_instances = select(instance.c.pk).where(instance.c.series_pk.in_(of_series))
    with pacs.database.write() as connection:
        connection.execute(delete(rendition).where(rendition.c.instance_pk.in_(of_instances)))
        last = connection.scalar(select(func.max(instance.c.pk)).where(instance.c.series_pk.in_(of_series))) or 0
        if _has_begun(connection):
            move_bookmark(connection, OLDER, max(last, bookmark_of(connection, OLDER)))
    with suppress(StoreError):
        pacs.objects.delete(object_key)  # what is kept under the same name again would not replace it


def _is_named(pacs: Pacs, key: str) -> bool:
    with pacs.database.read() as connection:
        return (
            connection.scalar(select(rendition.c.instance_pk).where(rendition.c.object_key == key).limit(1)) is not None
        )


def _refs(pacs: Pacs, pks: Sequence[int]) -> list[InstanceRef]:
    """The instances of these numbers that are current, and have none yet."""
    has_one = select(rendition.c.instance_pk).where(rendition.c.instance_pk == instance.c.pk, _IS_MADE).exists()
    uids = (
        select(study.c.study_instance_uid, instance.c.sop_instance_uid)
        .select_from(instance.join(series).join(study))
        .where(instance.c.pk.in_(pks), instance.c.current, ~has_one)
    )
    with pacs.database.read() as connection:
        found = connection.execute(uids).all()
    if not found:
        return []
    studies, sops = ({row[place] for row in found} for place in (0, 1))
    return [ref for ref in instances(pacs, SYSTEM, studies, None, sops) if ref.pk in set(pks)]


def _next(connection: Connection, limit: int) -> tuple[str, Sequence[int]]:
    """The bookmark to read on from, and the numbers of what comes next."""
    newer, older = _positions(connection)
    after = select(instance.c.pk).where(instance.c.pk > newer).order_by(instance.c.pk).limit(limit)
    if arrived := connection.scalars(after).all():
        return NEWER, arrived
    before = select(instance.c.pk).where(instance.c.pk <= older).order_by(instance.c.pk.desc()).limit(limit)
    return OLDER, connection.scalars(before).all()


def _positions(connection: Connection) -> tuple[int, int]:
    """Up to which number what arrived is done, and down to which what was there at the first start is not."""
    if not _has_begun(connection):
        return (newest := _newest(connection)), newest
    return bookmark_of(connection, NEWER), bookmark_of(connection, OLDER)


def _has_begun(connection: Connection) -> bool:
    return connection.scalar(select(bookmark.c.name).where(bookmark.c.name == OLDER)) is not None


def _begin(pacs: Pacs) -> None:
    """What is there now is older; what arrives from now on goes before it."""
    with pacs.database.write() as connection:
        newest = _newest(connection)
        move_bookmark(connection, NEWER, newest)
        move_bookmark(connection, OLDER, newest)


def _newest(connection: Connection) -> int:
    return connection.scalar(select(func.max(instance.c.pk))) or 0


_IS_MADE = rendition.c.object_key != ""
