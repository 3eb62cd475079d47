"""Objects as files: written whole or not at all, synced, in 256 folders by the first byte of their name."""

import ctypes
import errno
import os
import re
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from storage.errors import MustWait, ObjectNotFound, StorageFault, StorageFull, StoreError
from storage.failpoint import reached
from storage.store import StoredObject

NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE))
KEY = re.compile(r"(?:([a-z][a-z0-9_-]*)/)?([a-z0-9][a-z0-9._-]+)")
SHARDS = tuple(f"{number:02x}" for number in range(256))
MOST_AT_ONCE = 1 << 30
"""Bytes of one pread."""
MOST_AT_HAND = 1 << 20
"""Bytes that are copied by who must not wait."""
WRITTEN_EARLY = 128 << 10
"""Bytes of a draft that are worth being sent to the disk while the next ones come: the sync then waits for little."""
SYNC_FILE_RANGE_WRITE = 2
RENAME_NOREPLACE = 1
AT_FDCWD = -100
OPENAT2, CACHESTAT = 437, 451
"""Numbers of system calls: the same on every kind of processor."""
PAGE = os.sysconf("SC_PAGESIZE")
RESOLVE_CACHED = 0x20


def _load_renameat2() -> "ctypes._NamedFuncPointer | None":
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):  # not Linux
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return function


_renameat2 = _load_renameat2()


def _load_sync_file_range() -> "ctypes._NamedFuncPointer | None":
    try:
        function = ctypes.CDLL(None, use_errno=True).sync_file_range
    except (OSError, AttributeError):  # not Linux
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return function


_sync_file_range = _load_sync_file_range()


class _Range(ctypes.Structure):
    """`struct cachestat_range` of cachestat(2)."""

    _fields_ = (("start", ctypes.c_uint64), ("size", ctypes.c_uint64))


class _CacheStat(ctypes.Structure):
    """`struct cachestat`: pages of a file that are in memory, and what of them is on its way."""

    _fields_ = tuple((name, ctypes.c_uint64) for name in ("cached", "dirty", "writeback", "evicted", "recently"))


class _OpenHow(ctypes.Structure):
    """`struct open_how` of openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


TO_READ_AT_HAND = _OpenHow(os.O_RDONLY | os.O_CLOEXEC, 0, RESOLVE_CACHED)


def _load_syscall() -> "ctypes._NamedFuncPointer | None":
    if sys.platform != "linux":
        return None
    function = ctypes.CDLL(None).syscall
    function.restype = ctypes.c_long
    return function


_syscall = _load_syscall()


class FilesystemStore:
    """A folder: `incoming/` for drafts, `ab/<name>` for objects, `<folder>/ab/<name>` for those in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._prefix = f"{root}/"
        self._incoming = root / "incoming"
        self._fault: str = ""
        self._is_hurried = False
        self._folders: set[str] = set()
        try:
            self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._make_shards("")
        except OSError as error:
            raise self._translated(error) from error

    def draft(self) -> "FileDraft":
        self._refuse_after_fault()
        return FileDraft(self)

    def put(self, key: str, data: bytes) -> None:
        with self.draft() as draft:
            draft.write(data)
            draft.keep(key)

    def get(self, key: str, start: int = 0, stop: int | None = None) -> bytes:
        descriptor = self._open(key)
        try:
            if stop is None:
                stop = os.fstat(descriptor).st_size
            if self._is_hurried:
                return _read_at_hand(descriptor, start, stop)
            if stop - start < MOST_AT_ONCE:
                return os.pread(descriptor, max(0, stop - start), start)
            return _read(descriptor, start, stop)
        finally:
            os.close(descriptor)

    def hurried(self) -> "FilesystemStore":
        """Only what the system has in memory, and as much of it as is quickly copied."""
        hurried = copy(self)
        hurried._is_hurried = True
        return hurried

    def open(self, key: str) -> BinaryIO:
        if self._is_hurried:
            raise MustWait
        return open(self.path(key), "rb", buffering=1 << 16, opener=lambda _, __: self._open(key))

    def exists(self, key: str) -> bool:
        return os.access(self._path(key), os.F_OK)

    def delete(self, key: str) -> None:
        path = self.path(key)
        try:
            path.unlink(missing_ok=True)
            sync_directory(path.parent)
        except OSError as error:
            raise self._translated(error) from error

    def list(self, folder: str = "") -> Iterator[StoredObject]:
        root = self.root / folder
        for shard in SHARDS:
            with suppress(FileNotFoundError), os.scandir(root / shard) as entries:
                for entry in entries:
                    stat = entry.stat()
                    yield StoredObject(
                        f"{folder}/{entry.name}" if folder else entry.name,
                        stat.st_size,
                        datetime.fromtimestamp(stat.st_mtime_ns / 1e9, UTC),
                    )

    def free(self) -> int | None:
        stat = os.statvfs(self.root)
        return stat.f_bavail * stat.f_frsize

    def sweep(self, older_than_s: float) -> int:
        return sweep_drafts(self._incoming, older_than_s)

    def close(self) -> None:
        """Nothing is held open."""

    def path(self, key: str) -> Path:
        """Where the object lies. Raises StoreError for what is no key."""
        return Path(self._path(key))

    def _path(self, key: str) -> str:
        """The same as text: a Path costs five times the system call that it is made for."""
        folder, name = split_key(key)
        return f"{self._prefix}{folder}/{name[:2]}/{name}" if folder else f"{self._prefix}{name[:2]}/{name}"

    def _open(self, key: str) -> int:
        if self._is_hurried:
            return _open_at_hand(self._path(key))
        try:
            return os.open(self._path(key), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise ObjectNotFound(key) from None
        except OSError as error:
            raise self._translated(error) from error

    def _make_shards(self, folder: str) -> None:
        """Shards are made and synced before the first object of a folder, so that keeping one syncs once."""
        root = self.root / folder
        if not (root / SHARDS[-1]).exists():
            for shard in SHARDS:
                (root / shard).mkdir(parents=True, exist_ok=True, mode=0o700)
            sync_directory(root)
            sync_directory(self.root)
        self._folders.add(folder)

    def _place(self, draft: "FileDraft", key: str) -> None:
        folder, _ = split_key(key)
        target = self._path(key)
        try:
            if folder not in self._folders:
                self._make_shards(folder)
            os.fdatasync(draft.fileno())
            reached("FP3")
            rename_new(draft.path, target)
            reached("FP4")
            sync_directory(target.rpartition("/")[0])
            reached("FP5")
        except OSError as error:
            if error.errno not in NO_ROOM:
                # A failed sync may have dropped the pages it could not write: asking again would lie
                # (the kernel reports such an error once). Nothing is taken until a person has looked.
                self._fault = f"{error.strerror} on {key}"
            raise self._translated(error) from error

    def _refuse_after_fault(self) -> None:
        if self._fault:
            raise StorageFault(f"the store failed and takes nothing until the server is started again: {self._fault}")

    def _translated(self, error: OSError) -> StoreError:
        if error.errno in NO_ROOM:
            return StorageFull(error.strerror or "no room")
        return StorageFault(error.strerror or "input or output failed")


class FileDraft:
    """A `.part` file in `incoming/`, until it is kept."""

    def __init__(self, store: FilesystemStore) -> None:
        self._store = store
        self.path = f"{store._prefix}incoming/{secrets.token_hex(16)}.part"
        self._open = True
        self._size = self._on_its_way = 0
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise store._translated(error) from error

    def write(self, data: bytes | bytearray | memoryview) -> None:
        try:
            written = os.write(self._fd, data)
            if written < len(data):
                view = memoryview(data)
                while written < len(view):
                    written += os.write(self._fd, view[written:])
            self._size += written
            self._begin_to_sync()
        except OSError as error:
            raise self._store._translated(error) from error

    def _begin_to_sync(self) -> None:
        """Have what was written go to the disk now. Nothing is promised by it, and what goes wrong the sync tells."""
        size = self._size - self._on_its_way
        if size >= WRITTEN_EARLY and _sync_file_range is not None:
            _sync_file_range(self._fd, self._on_its_way, size, SYNC_FILE_RANGE_WRITE)
            self._on_its_way = self._size

    def reader(self) -> BinaryIO:
        file = os.fdopen(os.dup(self._fd), "rb")
        file.seek(0)
        return file

    def fileno(self) -> int:
        return self._fd

    def keep(self, key: str) -> None:
        self._store._refuse_after_fault()
        self._store._place(self, key)
        self._close()

    def discard(self) -> None:
        if self._open:
            self._close()
            Path(self.path).unlink(missing_ok=True)

    def _close(self) -> None:
        self._open = False
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


def sweep_drafts(folder: Path, older_than_s: float) -> int:
    """Remove drafts that nobody has written to for so long; how many there were."""
    limit = time.time() - older_than_s
    swept = 0
    for path in folder.glob("*.part"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime <= limit:
                path.unlink()
                swept += 1
    return swept


def split_key(key: str) -> tuple[str, str]:
    """The folder ("" for none) and the name. Raises StoreError for what is no key."""
    match = KEY.fullmatch(key)
    if match is None:
        raise StoreError(f"{key!r} is no key")
    return match[1] or "", match[2]


def rename_new(source: str, target: str) -> None:
    """Give a file its final name, and keep what has that name already: it holds the same bytes."""
    if _renameat2 is not None:
        if _renameat2(AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target), RENAME_NOREPLACE) == 0:
            return
        code = ctypes.get_errno()
        if code not in (errno.EEXIST, errno.EINVAL, errno.ENOSYS):
            raise OSError(code, os.strerror(code), target)
    with suppress(FileExistsError):
        os.link(source, target)  # a link, not a plain rename: that would overwrite in silence
    Path(source).unlink()


def sync_directory(path: str | Path) -> None:
    """The names in a directory survive a power cut (POSIX promises them only then)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open_at_hand(path: str) -> int:
    """A descriptor, unless a disk would have to be asked for the path. Raises MustWait."""
    if _syscall is not None:
        how, size = ctypes.byref(TO_READ_AT_HAND), ctypes.c_size_t(ctypes.sizeof(TO_READ_AT_HAND))
        descriptor: int = _syscall(ctypes.c_long(OPENAT2), AT_FDCWD, ctypes.c_char_p(os.fsencode(path)), how, size)
        if descriptor >= 0:
            return descriptor
    raise MustWait


def file_at_hand(path: str) -> bytes:
    """All of a small file, out of the system's memory. Raises MustWait where a disk would have to be asked."""
    descriptor = _open_at_hand(path)
    try:
        return _read_at_hand(descriptor, 0, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def _read_at_hand(descriptor: int, start: int, stop: int) -> bytes:
    """All of it out of the system's memory. Raises MustWait."""
    size = stop - start
    if not 0 < size <= MOST_AT_HAND:
        raise MustWait
    if _is_in_memory(descriptor, start, stop):
        data = os.pread(descriptor, size, start)
        if len(data) == size:
            return data
    # It is not, or this system cannot say. To ask like this begins to read it ahead, too.
    with suppress(OSError, AttributeError):
        os.preadv(descriptor, (bytearray(1),), start, os.RWF_NOWAIT)
    raise MustWait


def _is_in_memory(descriptor: int, start: int, stop: int) -> bool:
    """Every page of a range. It may leave memory before it is read: then a disk is waited for, once.

    The sure way, preadv with RWF_NOWAIT, needs a buffer that is filled twice and copied.
    """
    if _syscall is None:
        return False
    found, asked = _CacheStat(), _Range(start, stop - start)
    code = _syscall(ctypes.c_long(CACHESTAT), descriptor, ctypes.byref(asked), ctypes.byref(found), 0)
    return bool(code == 0 and found.cached >= (stop - 1) // PAGE - start // PAGE + 1)


def _read(descriptor: int, start: int, stop: int) -> bytes:
    """pread gives at most 2 GiB at once; this gives what is asked for."""
    pieces = []
    while start < stop and (piece := os.pread(descriptor, min(stop - start, MOST_AT_ONCE), start)):
        pieces.append(piece)
        start += len(piece)
    return b"".join(pieces)
