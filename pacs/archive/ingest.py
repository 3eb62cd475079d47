"""The only way in: bytes become an object, an object becomes rows, and only then is the sender told (reliability 5).

    admission -> draft, hashed while it is written -> header -> object kept, synced -> identity and rows, committed

An object comes before its row, so that no row points at nothing; a crash between the two leaves an object that
`recovery` adopts. Nothing is acknowledged before both are on stable storage.
"""

import hashlib
import io
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import BinaryIO, Literal, Self

import structlog
import xxhash
from sqlalchemy import Connection

from pacs import audit
from pacs.archive.committer import Arrival, file_arrivals
from pacs.archive.further import read_into
from pacs.archive.sameness import is_same_content
from pacs.context import Actor, Pacs
from pacs.dicom.header import Header, read_header
from pacs.dicom.part10 import MAX_META, UID, FileMeta, file_meta, read_file_meta
from pacs.errors import InstanceMismatch, InvalidInstance, OutOfResources, PatientConflict, SeriesConflict
from storage import Draft, ObjectNotFound, StoreError
from storage.failpoint import reached

log = structlog.get_logger(__name__)

PIECE = 1 << 20
"""Bytes of a file that are read, hashed and written at once."""
HEAD = 64 << 10
"""Bytes that are held until the header is read: an ordinary one is then never read back."""
LARGEST = 4 << 30
"""Bytes of an instance: beyond what a value's length can say, nothing is meant."""
HIGH_WATER = 2 << 30
HIGH_WATER_SHARE = 0.05
HIGH_WATER_MOST = 16 << 30
"""Nothing is taken unless so much stays free: 2 GiB or 5 % of the volume, up to 16 GiB, in bytes."""
IN_FLIGHT_SHARE = 4
"""And so many times what this instance holds already."""
ADMIT_EVERY = 64 << 20
"""A large instance is admitted again after so many bytes."""
LONGEST_UID = 128
"""Characters: 64 are legal (PS3.5 9.1), and there are machines that take a few more."""
UNSAID = "0.0"
"""Stands for a UID that a file meta does not say; no instance has it (PS3.5 9.1: the first component is 0, 1 or 2)."""
CHEAP_TO_HASH = 16 << 20
"""Bytes up to which a copy that is kept already is read again before it is relied on."""

QUARANTINE = "quarantine"
"""The folder of objects that contradict what is kept."""

Outcome = Literal["new", "again", "version"]


@dataclass(frozen=True, slots=True)
class Stored:
    """An instance that is on stable storage and in the index."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    outcome: Outcome
    """`again`: nothing new; `version`: kept beside what is current, for a person to decide."""


def receive(
    pacs: Pacs, actor: Actor, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str
) -> "Incoming":
    """Begin to receive the instance that a command announces; its data set follows by `write`, then `finish`.

    A context manager: left without `finish`, nothing is kept. Entering it raises OutOfResources.
    Raises NotAllowed, and InvalidInstance when one of the UIDs is none.
    """
    actor.require("store")
    _require_uids(sop_class_uid, sop_instance_uid, transfer_syntax_uid)
    return Incoming(pacs, actor, sop_class_uid, sop_instance_uid, transfer_syntax_uid)


def receive_file(pacs: Pacs, actor: Actor, meta: FileMeta) -> "Incoming":
    """Begin to receive a Part 10 file whose file meta has come; its data set follows, then `finish_as_it_says`.

    Raises NotAllowed, and InvalidInstance when the transfer syntax is no UID.
    """
    said = _said(meta.sop_class_uid), _said(meta.sop_instance_uid)
    return receive(pacs, actor, *said, meta.transfer_syntax_uid)


def ingest(pacs: Pacs, actor: Actor, file: BinaryIO, *, study_instance_uid: str | None = None) -> Stored:
    """Keep the instance of a Part 10 stream, which is read once from where it stands to its end.

    Durable when it returns. A file meta that is missing or names another instance is replaced, as every file meta
    is by ours. study_instance_uid: the study it must be of, None: any. Raises NotAllowed, InvalidInstance,
    InstanceMismatch, SeriesConflict, PatientConflict, OutOfResources.
    """
    actor.require("store")
    head = _read_head(file)
    with refusals_audited(pacs, actor):
        meta = _meta_of(head)
    with receive_file(pacs, actor, meta) as incoming:
        incoming.write(head[meta.data_set_offset :])
        _copy(file, incoming)
        return incoming.finish_as_it_says(study_instance_uid)


class Incoming:
    """One instance while it is received. Its memory is one piece, whatever its size. Used by one thread."""

    def __init__(
        self, pacs: Pacs, actor: Actor, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str
    ) -> None:
        self._pacs = pacs
        self._actor = actor
        self._announced = (sop_class_uid, sop_instance_uid)
        self._transfer_syntax_uid = transfer_syntax_uid
        self._head = bytearray(file_meta(sop_class_uid, sop_instance_uid, transfer_syntax_uid))
        self._data_set_offset = self._size = len(self._head)
        self._digest = hashlib.sha256(self._head)
        self._checksum = xxhash.xxh3_64(self._head)
        self._admitted = ADMIT_EVERY
        self._draft: AbstractContextManager[Draft]
        self._file: Draft

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Bytes of the data set, as they came. Raises OutOfResources, InvalidInstance when there are too many.

        They are hashed and written while the next ones are on their way; many at a time cost least.
        """
        reached("FP0")
        self._size += len(data)
        if self._size > LARGEST:
            raise InvalidInstance(f"the instance is larger than {LARGEST} bytes")
        if len(self._head) < HEAD:
            self._head += data[: HEAD - len(self._head)]
        self._digest.update(data)
        self._checksum.update(data)
        with store_errors():
            if self._size > self._admitted:
                admit(self._pacs, self._size)
                self._admitted = self._size + ADMIT_EVERY
            self._file.write(data)

    def finish(self) -> Stored:
        """Keep what was received: on stable storage and in the index when this returns.

        Raises InvalidInstance, InstanceMismatch, SeriesConflict, PatientConflict, OutOfResources.
        """
        header = self._close()
        with refusals_audited(self._pacs, self._actor, self._announced[1]):
            if _names(header) != self._announced:
                raise InstanceMismatch("the data set has another SOP Class or Instance UID than what announced it")
        return self._keep(header)

    def finish_as_it_says(self, study_instance_uid: str | None) -> Stored:
        """The same for a file, whose meta may be wrong: what the data set says of itself is true.

        study_instance_uid: the study it must be of, None: any.
        """
        header = self._close()
        with refusals_audited(self._pacs, self._actor, header.sop_instance_uid):
            if study_instance_uid not in (None, header.study_instance_uid):
                raise InstanceMismatch("the instance is of another study than the request says")
        if _names(header) == self._announced:
            return self._keep(header)
        # It is written once more, behind a file meta that agrees.
        again = receive(self._pacs, self._actor, *_names(header), self._transfer_syntax_uid)
        with self._data_set() as data_set, again:
            _copy(data_set, again)
            return again.finish()

    def __enter__(self) -> Self:
        with store_errors():
            admit(self._pacs)
            self._draft = self._pacs.objects.draft()
            self._file = self._draft.__enter__()
            self._file.write(self._head)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draft.__exit__(kind, error, trace)

    def _close(self) -> Header:
        """Read the header of what was received. Raises InvalidInstance."""
        reached("FP1")
        with (
            refusals_audited(self._pacs, self._actor, self._announced[1]),
            store_errors(),
            _Received(bytes(self._head), self._file) as file,
        ):
            place = self._data_set_offset, self._size, self._transfer_syntax_uid
            header = read_into(self._pacs, read_header(file, *place), file, *place)
            _require_uids(*_names(header), header.study_instance_uid, header.series_instance_uid)
            reached("FP2")
            return header

    def _keep(self, header: Header) -> Stored:
        arrival = Arrival(
            header,
            self._transfer_syntax_uid,
            self._digest.hexdigest(),
            self._checksum.hexdigest(),
            self._size,
            self._data_set_offset,
            self._actor,
            datetime.now(UTC),
        )
        with store_errors():
            _keep_object(self._pacs, self._file, arrival)
        return settle(self._pacs, arrival)

    def _data_set(self) -> BinaryIO:
        file = self._file.reader()
        file.seek(self._data_set_offset)
        return file


class _Received:
    """What was received, to be read: its head from memory, anything else from the draft.

    Reading all of it back would be a dozen calls an instance that each give up the GIL.
    """

    def __init__(self, head: bytes, draft: Draft) -> None:
        self._head = head
        self._draft = draft
        self._file: BinaryIO | None = None
        self._position = 0

    def seek(self, position: int, /) -> int:
        self._position = position
        return position

    def read(self, size: int, /) -> bytes:
        if self._position + size <= len(self._head):
            return self._head[self._position : self._position + size]
        if self._file is None:
            self._file = self._draft.reader()
        self._file.seek(self._position)
        return self._file.read(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


def settle(pacs: Pacs, arrival: Arrival) -> Stored:
    """Give an object its rows, or its place in quarantine. Raises SeriesConflict, PatientConflict, OutOfResources."""
    header = arrival.header
    filed = pacs.database.together(file_arrivals, arrival)
    while filed.compare_with:
        with store_errors():
            arrival = compared(pacs, arrival, filed.compare_with)
        filed = pacs.database.together(file_arrivals, arrival)
    with store_errors():
        match filed.verdict:
            case "patient-conflict":
                quarantine(pacs, arrival.object_key)
                raise PatientConflict(f"{header.sop_instance_uid} or its study is known under another patient")
            case "series-conflict":
                quarantine(pacs, arrival.object_key)
                raise SeriesConflict(f"{header.sop_instance_uid} is known in another series or study")
            case "again" if filed.is_spare:
                pacs.objects.delete(arrival.object_key)
            case "undecided":
                raise AssertionError("it was compared with all there is")
    if filed.verdict == "version":
        log.warning("another version of an instance is kept", sop_instance_uid=header.sop_instance_uid)
    return Stored(
        header.sop_class_uid,
        header.sop_instance_uid,
        header.study_instance_uid,
        header.series_instance_uid,
        filed.verdict,
    )


def compared(pacs: Pacs, arrival: Arrival, other_key: str) -> Arrival:
    """The arrival, with the answer whether a kept version holds the same content. Raises StoreError."""
    is_same = is_same_content(pacs.objects, arrival.object_key, other_key)
    return replace(arrival, equal={**arrival.equal, other_key: is_same})


def quarantine(pacs: Pacs, key: str) -> None:
    """Move an object to quarantine: it is there on stable storage before it leaves its place."""
    try:
        source = pacs.objects.open(key)
    except ObjectNotFound:
        if not pacs.objects.exists(f"{QUARANTINE}/{key}"):
            raise
        return  # the same bytes came twice at once, and the other was faster
    with source, pacs.objects.draft() as draft:
        while piece := source.read(PIECE):
            draft.write(piece)
        draft.keep(f"{QUARANTINE}/{key}")
    pacs.objects.delete(key)


def _meta_of(head: bytes) -> FileMeta:
    meta = read_file_meta(head)
    if meta is None:
        raise InvalidInstance("the file ends before its data set begins")
    _require_uids(meta.transfer_syntax_uid)
    return meta


def _said(uid: str) -> str:
    return uid if _is_uid(uid) else UNSAID


def _require_uids(*uids: str) -> None:
    for uid in uids:
        if not _is_uid(uid):
            raise InvalidInstance(f"{uid[:LONGEST_UID]!r} is no UID")


def _is_uid(uid: str) -> bool:
    return len(uid) <= LONGEST_UID and UID.fullmatch(uid) is not None


def _names(header: Header) -> tuple[str, str]:
    return header.sop_class_uid, header.sop_instance_uid


def _copy(file: BinaryIO, incoming: Incoming) -> None:
    while piece := file.read(PIECE):
        incoming.write(piece)


def _read_head(file: BinaryIO) -> bytes:
    """The beginning of a stream: enough for any file meta."""
    pieces: list[bytes] = []
    missing = MAX_META + 8
    while missing > 0 and (piece := file.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def admit(pacs: Pacs, in_flight: int = 0) -> None:
    """Raises OutOfResources when there is less room than must stay free for what is under way already.

    in_flight: bytes of this instance received so far.
    """
    data = shutil.disk_usage(pacs.settings.data)
    share = min(int(HIGH_WATER_SHARE * data.total), HIGH_WATER_MOST)
    mark = max(HIGH_WATER, share, IN_FLIGHT_SHARE * in_flight)
    free = pacs.objects.free()
    if data.free < mark or (free is not None and free < mark):
        raise OutOfResources(f"less than {mark >> 20} MiB would stay free")


def _keep_object(pacs: Pacs, draft: Draft, arrival: Arrival) -> None:
    """Put the object under its key, and in the place of a copy there that is damaged."""
    key = arrival.object_key
    if not pacs.objects.exists(key) or _is_sound(pacs, key, arrival.size):
        draft.keep(key)
        return
    with pacs.database.write() as connection:  # one repair at a time, in all processes
        if not _is_sound(pacs, key, arrival.size):
            log.warning("damaged object replaced", sop_instance_uid=arrival.header.sop_instance_uid, object_key=key)
            pacs.objects.delete(key)
            audit.record(connection, arrival.actor, "repaired", detail=key)
        draft.keep(key)


def _is_sound(pacs: Pacs, key: str, size: int) -> bool:
    """Whether the kept object has this size and, where it is cheap to tell, the digest that is its key."""
    try:
        with pacs.objects.open(key) as file:
            if file.seek(0, io.SEEK_END) != size:
                return False
            file.seek(0)
            return size > CHEAP_TO_HASH or hashlib.sha256(file.read()).hexdigest() == key
    except ObjectNotFound:
        return False


@contextmanager
def refusals_audited(pacs: Pacs, actor: Actor, sop_instance_uid: str = "") -> Iterator[None]:
    try:
        yield
    except InvalidInstance as error:
        with suppress(OutOfResources):  # the sender is told what is wrong, also when the index is busy
            pacs.database.together(_record_refusals, (actor, f"{sop_instance_uid} {error}".strip()))
        raise


def _record_refusals(connection: Connection, refusals: Sequence[tuple[Actor, str]]) -> Sequence[None]:
    for actor, detail in refusals:
        audit.record(connection, actor, "refused", detail=detail)
    return [None] * len(refusals)


@contextmanager
def store_errors() -> Iterator[None]:
    """What the object store refuses is told as OutOfResources."""
    try:
        yield
    except StoreError as error:
        log.error("the object store refused", why=str(error))
        raise OutOfResources("the object store takes nothing now") from error
