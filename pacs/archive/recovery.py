"""What a crash left, found and finished at start; the index made again from the objects; the two held together.

    object without a row     a crash came before its commit: it is read, judged and given its rows ("adopted")
    row without its object   a disk or a person lost it: flagged `lost`, shown as such, never hidden
    other size or digest     flagged `damaged`

Objects and rows are compared by chunks, in memory that does not grow with the archive. Who sends is not kept
waiting: what arrives meanwhile is either seen whole, or found by its sender's own commit.
"""

import hashlib
import io
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

import structlog
import xxhash
from sqlalchemy import Connection, Row, bindparam, delete, func, select, update

from pacs import audit
from pacs.archive import resources
from pacs.archive.attention import flag
from pacs.archive.committer import Arrival, Filed, file_arrivals
from pacs.archive.further import read_into
from pacs.archive.further_values import begin_again
from pacs.archive.identity import CONFLICTS
from pacs.archive.ingest import PIECE, QUARANTINE, compared, quarantine, settle
from pacs.archive.overlay import Overlay
from pacs.archive.removals import keys_still_kept
from pacs.context import SYSTEM, Pacs
from pacs.dicom.header import read_header
from pacs.dicom.part10 import MAX_META, read_file_meta
from pacs.errors import IdentityConflict, InvalidInstance
from pacs.index.tables import instance, name_form, patient, series, study
from pacs.jobs import move_bookmarks_to_the_end
from storage import ObjectNotFound, StoredObject

log = structlog.get_logger(__name__)

T = TypeVar("T")

ABANDONED_S = 900.0
"""A draft that nothing was written to for so long has no sender any more, in seconds."""
CHUNK = 500
"""Objects or rows looked up by one statement."""

_Row = Row[*tuple[Any, ...]]
Progress = Callable[[int], None]
"""Told now and then how many objects have been looked at."""


def no_progress(objects: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class _Hashes:
    """What all bytes of an object make, in hexadecimal."""

    digest: str
    """SHA-256, which is its key."""
    checksum: str
    """XXH3 (64 bits)."""


@dataclass(slots=True)
class Report:
    """What was found; objects by their keys."""

    objects: int = 0
    swept: int = 0
    """Drafts that dead processes left, removed."""
    without_row: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    """Of those without a row: given one, put in quarantine, or found to hold nothing new."""
    lost: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.damaged or len(self.adopted) < len(self.without_row))


def recover(pacs: Pacs, *, alone: bool = False, progress: Progress = no_progress) -> Report:
    """Finish or sweep what a crash left; to be called at every start. Others may start and take instances in meanwhile.

    alone: no other process takes instances into this installation, so that every draft is a dead one's; otherwise
    only those are swept that have rested for a quarter of an hour. Raises OutOfResources, StoreError.
    """
    swept = pacs.objects.sweep(0 if alone else ABANDONED_S)
    report = check(pacs, repair=True, progress=progress)
    report.swept = swept
    return report


def check(pacs: Pacs, *, digests: bool = False, repair: bool = False, progress: Progress = no_progress) -> Report:
    """Hold every object against the index and every row against the objects; flag what is lost or damaged.

    digests: read every object and hash it; otherwise sizes are compared. What of it the index does not know yet, or
    has wrong, is noted: the quick checksum, by which objects are checked when they leave. repair: adopt objects without
    a row. Raises OutOfResources, StoreError.
    """
    report = Report()
    began = datetime.now(UTC)
    rows_seen = 0
    orphans: list[StoredObject] = []
    for chunk in _chunks(pacs.objects.list()):
        rows = _rows_of(pacs, [one.key for one in chunk])
        rows_seen += sum(row.received_at < began for row in rows.values())
        orphans += [one for one in chunk if one.key not in rows]
        read = {one.key: _hashes_of(pacs, one.key) for one in chunk} if digests else {}
        damaged = [one for one in chunk if _is_damaged(one, rows.get(one.key), read.get(one.key))]
        _flag_damaged(pacs, damaged, rows, report)
        _note_checksums(pacs, rows.values(), read)
        report.objects += len(chunk)
        progress(report.objects)
    if rows_seen < _count_rows(pacs, began):
        _flag_lost(pacs, report)
    with pacs.database.read() as connection:  # only now: what was removed meanwhile had its row before
        still_kept = keys_still_kept(connection)
    orphans = sorted((one for one in orphans if one.key not in still_kept), key=_order)
    report.without_row = [one.key for one in orphans]
    for one in orphans if repair else ():
        _adopt(pacs, one, report)
    _check_resources(pacs, digests, repair, report)
    _log(report, "objects checked")
    return report


def reindex(pacs: Pacs, *, progress: Progress = no_progress) -> Report:
    """Make patients, studies, series and instances again from the objects alone, in the order they were kept.

    One transaction: who looks sees the old index until the new one is whole, and who sends is told to try again.
    Versions and quarantine come back with their attention rows, and applied corrections are laid over what is kept;
    accounts, peers, the audit trail, corrections and the attention rows that are there stay, and come back from nowhere
    if they are lost. Headers are read, objects are not hashed: `check` with digests does that. Of an object that the
    index knew, its checksum is kept; without it, what leaves is checked by its SHA-256. What is current stays
    current; where the index was lost, that is what was kept first, and of versions kept within the tick of the store's
    clock (on S3 a second) the one with the first key. What nobody was told of yet, and what was not sent on yet, is no
    news any more. Raises OutOfResources, StoreError.
    """
    report = Report()
    refused: list[str] = []
    with pacs.database.write() as connection:
        versions = set(connection.execute(_SELECT_VERSIONS).scalars())
        checksums = {row.object_key: row.checksum for row in connection.execute(_SELECT_CHECKSUMS)}
        removed = keys_still_kept(connection)
        objects = (one for one in pacs.objects.list() if one.key not in removed)
        kept = sorted(objects, key=lambda one: (one.key in versions, *_order(one)))
        _flag_rows_without(connection, {one.key for one in kept}, report)
        for table in (name_form, instance, series, study, patient):
            connection.execute(delete(table))
        begin_again(connection)
        for chunk in _chunks(iter(kept)):
            arrivals = _read_all(pacs, connection, chunk, report)
            known = [replace(one, checksum=checksums.get(one.object_key, "")) for one in arrivals]
            refused += _refile(pacs, connection, known)
            report.objects += len(chunk)
            progress(report.objects)
        for chunk in _chunks(iter(sorted(pacs.objects.list(QUARANTINE), key=_order))):
            arrivals = _read_all(pacs, connection, chunk, report)
            file_arrivals(connection, [replace(arrival, is_quarantined=True) for arrival in arrivals])
        Overlay(connection, pacs.objects).lay_over_all()
        resources.adopt(pacs, connection)
        move_bookmarks_to_the_end(connection)
        audit.record(connection, SYSTEM, "reindexed", detail=f"objects: {report.objects}")
    for key in refused:
        quarantine(pacs, key)
    # It is kept under the revisions of series, and those begin again.
    shutil.rmtree(pacs.settings.data / "cache", ignore_errors=True)
    _log(report, "index made again")
    return report


def _check_resources(pacs: Pacs, digests: bool, repair: bool, report: Report) -> None:
    """Those of no patient have a folder and rows of their own."""
    for key, is_lost in resources.lost_or_damaged(pacs, digests=digests):
        log.error("resource lost" if is_lost else "resource damaged", object_key=key)
        (report.lost if is_lost else report.damaged).append(key)
    if repair:
        with pacs.database.write() as connection:
            adopted = resources.adopt(pacs, connection)
        report.without_row += adopted
        report.adopted += adopted


def _rows_of(pacs: Pacs, keys: list[str]) -> dict[str, _Row]:
    with pacs.database.read() as connection:
        return {row.object_key: row for row in connection.execute(_SELECT_ROWS, {"keys": keys})}


def _count_rows(pacs: Pacs, before: datetime) -> int:
    with pacs.database.read() as connection:
        statement = select(func.count()).select_from(instance).where(instance.c.received_at < before)
        return connection.execute(statement).scalar_one()


def _is_damaged(one: StoredObject, row: _Row | None, read: _Hashes | None) -> bool:
    """read: None, it was not read."""
    return (row is not None and row.size != one.size) or (read is not None and read.digest != one.key)


def _note_checksums(pacs: Pacs, rows: Iterable[_Row], read: Mapping[str, _Hashes]) -> None:
    """What was kept by a program that made none, or came back by `reindex` alone, has none yet."""
    changes = [
        {"its_pk": row.pk, "found": hashes.checksum}
        for row in rows
        if (hashes := read.get(row.object_key)) and hashes.digest == row.object_key and hashes.checksum != row.checksum
    ]
    if changes:
        with pacs.database.write() as connection:
            connection.execute(_UPDATE_CHECKSUM, changes)


def _flag_damaged(pacs: Pacs, damaged: list[StoredObject], rows: dict[str, _Row], report: Report) -> None:
    if not damaged:
        return
    report.damaged += [one.key for one in damaged]
    with pacs.database.write() as connection:
        for one in damaged:
            _flag(connection, "damaged", one.key, rows.get(one.key))


def _flag_lost(pacs: Pacs, report: Report) -> None:
    """Look for the object of every row."""
    after = 0
    while True:
        with pacs.database.read() as connection:
            rows = connection.execute(_SELECT_ROWS_AFTER, {"after": after}).all()
        if not rows:
            return
        after = rows[-1].pk
        if missing := [row for row in rows if not pacs.objects.exists(row.object_key)]:
            with pacs.database.write() as connection:
                for row in missing:
                    _flag(connection, "lost", row.object_key, row)
                    report.lost.append(row.object_key)


def _flag_rows_without(connection: Connection, keys: set[str], report: Report) -> None:
    """What is about to vanish from the index, since its object is gone, is not forgotten."""
    after = 0
    while rows := connection.execute(_SELECT_ROWS_AFTER, {"after": after}).all():
        after = rows[-1].pk
        for row in rows:
            if row.object_key not in keys:
                _flag(connection, "lost", row.object_key, row)
                report.lost.append(row.object_key)


def _flag(connection: Connection, kind: str, key: str, row: _Row | None) -> None:
    study_uid, sop_uid = (row.study_instance_uid, row.sop_instance_uid) if row else ("", "")
    log.error(f"object {kind}", object_key=key, sop_instance_uid=sop_uid)
    flag(connection, kind, object_key=key, study_instance_uid=study_uid, sop_instance_uid=sop_uid, source=SYSTEM.name)


def adopt(pacs: Pacs, key: str, kept_at: datetime) -> bool:
    """Give an object without a row what it would have had when it came; whether there is such an object.

    Raises InvalidInstance when it is damaged, which is flagged, and OutOfResources.
    """
    try:
        arrival = _read(pacs, key, kept_at, hashed=True)
    except ObjectNotFound:
        return False
    except InvalidInstance:
        with pacs.database.write() as connection:
            _flag(connection, "damaged", key, None)
        raise
    uid = arrival.header.sop_instance_uid
    try:
        outcome = str(settle(pacs, arrival).outcome)
    except IdentityConflict:
        outcome = "quarantined"
    log.info("object adopted", object_key=key, sop_instance_uid=uid, outcome=outcome)
    with pacs.database.write() as connection:
        study_uid = arrival.header.study_instance_uid
        audit.record(connection, SYSTEM, "adopted", study_instance_uid=study_uid, detail=f"{uid} {outcome}")
    return True


def _adopt(pacs: Pacs, one: StoredObject, report: Report) -> None:
    try:
        if adopt(pacs, one.key, one.modified):  # otherwise its sender's own process has dropped it meanwhile
            report.adopted.append(one.key)
    except InvalidInstance:
        report.damaged.append(one.key)


def _read(pacs: Pacs, key: str, kept_at: datetime, *, hashed: bool) -> Arrival:
    """An object as if it arrived now. Raises ObjectNotFound, and InvalidInstance when it is damaged."""
    name = key.rpartition("/")[2]
    hashes = _hashes_of(pacs, key) if hashed else _Hashes(name, "")
    if hashes.digest != name:
        raise InvalidInstance("the digest differs")
    with pacs.objects.open(key) as file:
        meta = read_file_meta(file.read(MAX_META))
        if meta is None:
            raise InvalidInstance("the file ends before its data set begins")
        size = file.seek(0, io.SEEK_END)
        place = meta.data_set_offset, size, meta.transfer_syntax_uid
        header = read_into(pacs, read_header(file, *place), file, *place)
    return Arrival(
        header,
        meta.transfer_syntax_uid,
        name,
        hashes.checksum,
        size,
        meta.data_set_offset,
        SYSTEM,
        kept_at,
        is_adopted=True,
    )


def _read_all(pacs: Pacs, connection: Connection, chunk: list[StoredObject], report: Report) -> list[Arrival]:
    arrivals = []
    for one in chunk:
        try:
            arrivals.append(_read(pacs, one.key, one.modified, hashed=False))
        except InvalidInstance:
            report.damaged.append(one.key)
            _flag(connection, "damaged", one.key, None)
    return arrivals


def _refile(pacs: Pacs, connection: Connection, arrivals: list[Arrival]) -> list[str]:
    """The keys of those that contradict what was kept before them."""
    filed = file_arrivals(connection, arrivals)
    refused = []
    for arrival, answer in zip(arrivals, filed, strict=True):
        verdict = _decide(pacs, connection, arrival, answer).verdict
        if verdict in CONFLICTS:
            refused.append(arrival.object_key)
    return refused


def _decide(pacs: Pacs, connection: Connection, arrival: Arrival, filed: Filed) -> Filed:
    """As `settle` does, within the caller's transaction."""
    while other := filed.compare_with:
        arrival = compared(pacs, arrival, other)
        [filed] = file_arrivals(connection, [arrival])
    return filed


def _hashes_of(pacs: Pacs, key: str) -> _Hashes:
    """Raises ObjectNotFound, StoreError."""
    digest, checksum = hashlib.sha256(), xxhash.xxh3_64()
    with pacs.objects.open(key) as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            checksum.update(piece)
    return _Hashes(digest.hexdigest(), checksum.hexdigest())


def _chunks(items: Iterator[T]) -> Iterable[list[T]]:
    while chunk := list(islice(items, CHUNK)):
        yield chunk


def _order(one: StoredObject) -> tuple[datetime, str]:
    return one.modified, one.key


def _log(report: Report, message: str) -> None:
    """A line when something was found; that all is well needs none."""
    if report.is_clean and not (report.swept or report.without_row):
        return
    log.warning(
        message,
        objects=report.objects,
        swept=report.swept,
        without_row=len(report.without_row),
        adopted=len(report.adopted),
        lost=len(report.lost),
        damaged=len(report.damaged),
    )


_ROW = select(
    instance.c.pk,
    instance.c.object_key,
    instance.c.size,
    instance.c.checksum,
    instance.c.received_at,
    instance.c.sop_instance_uid,
    study.c.study_instance_uid,
).select_from(instance.join(series).join(study))
_SELECT_ROWS = _ROW.where(instance.c.object_key.in_(bindparam("keys", expanding=True)))
_SELECT_ROWS_AFTER = _ROW.where(instance.c.pk > bindparam("after")).order_by(instance.c.pk).limit(CHUNK)
_SELECT_CHECKSUMS = select(instance.c.object_key, instance.c.checksum).where(instance.c.checksum != "")
_UPDATE_CHECKSUM = update(instance).where(instance.c.pk == bindparam("its_pk")).values(checksum=bindparam("found"))
_SELECT_VERSIONS = select(instance.c.object_key).where(~instance.c.current)
