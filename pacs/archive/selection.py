"""Which instances are meant, and their bytes as they were kept: never short, never altered, or an error."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
import xxhash
from sqlalchemy import Column, ColumnElement, Select, and_, bindparam, case, func, or_, select

from pacs.archive.removals import missing
from pacs.context import Actor, Pacs
from pacs.dicom.frames import FrameTable
from pacs.dicom.part10 import DEFLATED_LITTLE_ENDIAN
from pacs.errors import OutOfResources
from pacs.index import tables
from pacs.index.prepared import Prepared
from pacs.index.remembered import Rows
from storage.errors import StoreError

log = structlog.get_logger(__name__)

CHUNK = 1 << 20
LAST = 1 << 62
MOST_REMEMBERED = 2000
"""Instances of a series that are remembered at once."""
ONCE: Rows = ()
OFTEN: Rows = ((),)
"""How often instances of a series were asked for one by one, as it is remembered."""
SOP_INSTANCE_UID = 4
"""The place of the column in a row."""
Uids = str | Collection[str] | None
"""One UID, several of them, or None: any."""


@dataclass(frozen=True, slots=True)
class InstanceRef:
    """The current version of one instance: what it is, and where its bytes are."""

    pk: int
    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    object_key: str
    """SHA-256 of the Part 10 file in hexadecimal."""
    checksum: str
    """XXH3 of the same, which costs a thirtieth; "": it was kept before there were any."""
    size: int
    """Bytes of the Part 10 file."""
    data_set_offset: int
    """Where its data set begins, in bytes."""
    series_number: int | None
    instance_number: int | None
    number_of_frames: int
    """As its header says; 0 where there is no pixel data."""
    corrections: str
    """Digest of what its study's corrections change on its way out; "": it leaves as it is kept."""
    has_frames: bool
    """The index knows where each of its frames lies."""

    @property
    def version(self) -> str:
        """Of the file as it leaves: its entity tag."""
        return f"{self.object_key}-{self.corrections}" if self.corrections else self.object_key

    @property
    def sent_size(self) -> int | None:
        """Bytes of the file as it leaves; None: it is corrected, so nobody knows before the end."""
        return None if self.corrections else self.size


def instances(pacs: Pacs, actor: Actor, study: Uids = None, series: Uids = None, sop: Uids = None) -> list[InstanceRef]:
    """The current instances that are meant and that the actor may know of, by series and instance number.

    Raises NotAllowed, and NotFound when there is none.
    """
    if isinstance(study, str) and isinstance(series, str) and isinstance(sop, str):
        return [instance_with_frames(pacs, actor, study, series, sop)[0]]
    actor.require("retrieve")
    with pacs.database.read() as connection:
        rows = [tuple(row) for row in connection.execute(_select_refs(actor, study, series, sop))]
    if not rows:
        raise missing(pacs, actor, *(uid if isinstance(uid, str) else "" for uid in (study, series, sop)))
    return sorted(map(_ref, rows), key=_order)


def instance_with_frames(
    pacs: Pacs, actor: Actor, study: str, series: str, sop: str
) -> tuple[InstanceRef, FrameTable | None]:
    """One instance and where its frames lie, by one select at most. Raises NotAllowed, NotFound."""
    actor.require("retrieve")
    rows = pacs.database.remembered.find((study, series, sop))
    if rows is None:
        rows = _instance_rows(pacs, study, series, sop)
    if not rows or (actor.studies is not None and study not in actor.studies):
        raise missing(pacs, actor, study, series, sop)
    ((*ref, data),) = rows
    return _ref(ref), None if data is None else FrameTable.from_bytes(data)


def _instance_rows(pacs: Pacs, study: str, series: str, sop: str) -> Rows:
    """Those of one instance, remembered; when it is the second one of its series, so is the rest of it.

    Who asks for a series by instances or frames asks for all of them; who asks for one seldom asks for a second.
    """
    remembered = pacs.database.remembered
    version = remembered.version()
    asked = remembered.find((study, series))
    with pacs.database.read() as connection:
        if asked == ONCE:
            values = {"study": study, "series": series, "most": MOST_REMEMBERED}
            for row in _KNOWN_SERIES.rows(connection, values):
                remembered.keep(version, (study, series, row[SOP_INSTANCE_UID]), [row])
        rows = _KNOWN_INSTANCE.rows(connection, {"study": study, "series": series, "sop": sop})
    remembered.keep(version, (study, series), ONCE if asked is None else OFTEN)
    remembered.keep(version, (study, series, sop), rows)
    return rows


def frame_tables(pacs: Pacs, refs: Sequence[InstanceRef]) -> dict[int, FrameTable]:
    """The frame tables of those that have one, by pk."""
    wanted = [ref.pk for ref in refs if ref.has_frames]
    tables_by_pk: dict[int, FrameTable] = {}
    with pacs.database.read() as connection:
        for begin in range(0, len(wanted), 5000):
            some = tables.instance.c.pk.in_(wanted[begin : begin + 5000])
            for pk, data in connection.execute(select(tables.instance.c.pk, tables.instance.c.frame_table).where(some)):
                tables_by_pk[pk] = FrameTable.from_bytes(data)
    return tables_by_pk


def frame_table(pacs: Pacs, ref: InstanceRef) -> FrameTable | None:
    """Of one instance; None where its frames are not known."""
    if not ref.has_frames:
        return None
    with pacs.database.read() as connection:
        rows = _FRAME_TABLE.rows(connection, {"pk": ref.pk})
    return FrameTable.from_bytes(rows[0][0]) if rows and rows[0][0] is not None else None


def read(pacs: Pacs, ref: InstanceRef, start: int = 0, stop: int | None = None) -> bytes:
    """Bytes of the file from start up to, not including, stop. Raises OutOfResources when they are not all there."""
    stop = ref.size if stop is None else min(stop, ref.size)
    try:
        data = pacs.objects.get(ref.object_key, start, stop)
    except StoreError as error:
        raise _lost(ref, str(error)) from error
    if len(data) != stop - start:
        raise _lost(ref, f"{len(data)} of {stop - start} bytes at {start}")
    return data


def whole_file(pacs: Pacs, ref: InstanceRef) -> bytes:
    """The Part 10 file, its digest checked."""
    (data,) = whole_file_chunks(pacs, ref, ref.size)
    return data


def whole_file_chunks(pacs: Pacs, ref: InstanceRef, size: int = CHUNK) -> Iterator[bytes]:
    """The Part 10 file in chunks. The last chunk is given only when the digest of all of them is right."""
    return _checked_chunks(pacs, ref, 0, size)


def whole_files(pacs: Pacs, refs: Sequence[InstanceRef]) -> Iterator[Iterator[bytes]]:
    """Several Part 10 files as `whole_file_chunks` gives them, each to be taken to its end before the next.

    The next chunk is read before one is given, so that the first thing to do for the next is to check it: that needs
    no GIL, which the thread that sends the last one holds.
    """
    reads = (read(pacs, ref, start, start + CHUNK) for ref in refs for start in range(0, ref.size, CHUNK))
    waiting = [next(reads, b"")]
    return (_checked_with_next_read(ref, reads, waiting) for ref in refs)


def data_set(pacs: Pacs, ref: InstanceRef) -> bytes:
    """The data set as it was received, in the transfer syntax it was received in, its digest checked."""
    return whole_file(pacs, ref)[ref.data_set_offset :]


def data_set_chunks(pacs: Pacs, ref: InstanceRef, size: int = CHUNK) -> Iterator[bytes]:
    """The data set as it was received, in chunks. The last is given only when the digest is right."""
    return _checked_chunks(pacs, ref, ref.data_set_offset, size)


def _ref(row: Sequence[Any]) -> InstanceRef:
    return InstanceRef(*[*row[:-1], bool(row[-1])])


def _select_refs(actor: Actor, study: Uids, series: Uids, sop: Uids) -> Select[tuple[Any, ...]]:
    return _SELECT_REFS.where(
        *_is_one_of(tables.study.c.study_instance_uid, study),
        *_is_one_of(tables.study.c.study_instance_uid, actor.studies),
        *_is_one_of(tables.series.c.series_instance_uid, series),
        *_is_one_of(tables.instance.c.sop_instance_uid, sop),
    )


def _is_one_of(column: Column[Any], uids: Uids) -> list[ColumnElement[bool]]:
    if uids is None:
        return []
    return [column == uids] if isinstance(uids, str) else [column.in_(list(uids))]


def _checked_chunks(pacs: Pacs, ref: InstanceRef, begin: int, size: int) -> Iterator[bytes]:
    proof = _Proof(ref)
    held = b""
    for start in range(0, ref.size, size):
        chunk = read(pacs, ref, start, start + size)
        proof.update(chunk)
        if held:
            yield held
        held = chunk[max(0, begin - start) :] if start < begin else chunk
    proof.check()
    yield held


def _checked_with_next_read(ref: InstanceRef, reads: Iterator[bytes], waiting: list[bytes]) -> Iterator[bytes]:
    """waiting: the chunk that was read last."""
    proof = _Proof(ref)
    left = ref.size
    while left:
        (chunk,) = waiting
        proof.update(chunk)
        left -= len(chunk)
        if not left:
            proof.check()
        waiting[0] = next(reads, b"")
        yield chunk


class _Proof:
    """That all bytes of a file are those that were kept: by its checksum, or its digest where it has none."""

    def __init__(self, ref: InstanceRef) -> None:
        self._ref = ref
        self._sum = xxhash.xxh3_64() if ref.checksum else hashlib.sha256()
        self.update = self._sum.update

    def check(self) -> None:
        """Raises OutOfResources."""
        if self._sum.hexdigest() != (self._ref.checksum or self._ref.object_key):
            raise _lost(self._ref, "its bytes have changed")


def _lost(ref: InstanceRef, why: str) -> OutOfResources:
    log.error("object lost or damaged", sop_instance_uid=ref.sop_instance_uid, object_key=ref.object_key, why=why)
    return OutOfResources(f"the kept bytes of instance {ref.sop_instance_uid} are missing or damaged")


def _order(ref: InstanceRef) -> tuple[int, str, int, str]:
    return (
        LAST if ref.series_number is None else ref.series_number,
        ref.series_instance_uid,
        LAST if ref.instance_number is None else ref.instance_number,
        ref.sop_instance_uid,
    )


_HAS_FRAMES = tables.instance.c.frame_table.is_not(None)
_HAS_PIXELS = or_(
    _HAS_FRAMES,
    and_(tables.instance.c.transfer_syntax_uid == DEFLATED_LITTLE_ENDIAN, tables.instance.c.rows.is_not(None)),
)

_SELECT_REFS: Select[tuple[Any, ...]] = (
    select(
        tables.instance.c.pk,
        tables.study.c.study_instance_uid,
        tables.series.c.series_instance_uid,
        tables.instance.c.sop_class_uid,
        tables.instance.c.sop_instance_uid,
        tables.instance.c.transfer_syntax_uid,
        tables.instance.c.object_key,
        tables.instance.c.checksum,
        tables.instance.c.size,
        tables.instance.c.data_set_offset,
        tables.series.c.series_number,
        tables.instance.c.instance_number,
        func.coalesce(tables.instance.c.number_of_frames, case((_HAS_PIXELS, 1), else_=0)),
        tables.study.c.corrections,
        case((_HAS_FRAMES, 1), else_=0),
    )
    .select_from(tables.instance.join(tables.series).join(tables.study))
    .where(tables.instance.c.current)
)

# They stand on the path of every instance and every frame.
_SELECT_SERIES = _SELECT_REFS.add_columns(tables.instance.c.frame_table).where(
    tables.study.c.study_instance_uid == bindparam("study"),
    tables.series.c.series_instance_uid == bindparam("series"),
)
_KNOWN_INSTANCE = Prepared(_SELECT_SERIES.where(tables.instance.c.sop_instance_uid == bindparam("sop")))
_FRAME_TABLE = Prepared(select(tables.instance.c.frame_table).where(tables.instance.c.pk == bindparam("pk")))
_KNOWN_SERIES = Prepared(_SELECT_SERIES.limit(bindparam("most")))
