"""How many associations there may be, counted by all processes of a server together.

What is counted lies in files under the data folder, and belongs to locks that the system frees when a process dies.
"""

import fcntl
import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pacs.peers.directory import Peer
from pacs.upper_layer.errors import TEMPORARY_CONGESTION, TOO_MANY_ASSOCIATIONS, Rejected

MOST_PROCESSES = 128
MINUTE_S = 60.0
COUNT = struct.Struct("<H")
INDEX = struct.Struct("<Q")
INSTANT = struct.Struct("<d")


class Attendance:
    """The associations of each process behind a door. A process has a cell of its own, and reads those of all.

    Raises OSError when the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / "attendance", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, COUNT.size * MOST_PROCESSES)
            self._cells = mmap.mmap(descriptor, COUNT.size * MOST_PROCESSES)
        finally:
            os.close(descriptor)
        self._cell, self._lock = self._take_cell(folder)
        self._forget_the_dead(folder)

    def tell(self, number: int) -> None:
        """So many associations are open in this process."""
        COUNT.pack_into(self._cells, COUNT.size * self._cell, number)

    def total(self) -> int:
        """Those of all processes."""
        return sum(number for (number,) in COUNT.iter_unpack(self._cells))

    def least(self, processes: int) -> int:
        """Those of the process that has fewest, of so many that are there."""
        cells = COUNT.iter_unpack(self._cells[: COUNT.size * processes])
        return min(int(number) for (number,) in cells)

    def close(self) -> None:
        self.tell(0)
        self._cells.close()
        os.close(self._lock)

    def _take_cell(self, folder: Path) -> tuple[int, int]:
        for number in range(MOST_PROCESSES):
            lock = _locked(folder / f"process-{number}")
            if lock is not None:
                COUNT.pack_into(self._cells, COUNT.size * number, 0)
                return number, lock
        raise OSError(f"more than {MOST_PROCESSES} processes serve {folder.parent}")

    def _forget_the_dead(self, folder: Path) -> None:
        """What a process that was killed has left is counted no more."""
        for number, (left,) in enumerate(COUNT.iter_unpack(self._cells)):
            if left and number != self._cell and (lock := _locked(folder / f"process-{number}")) is not None:
                COUNT.pack_into(self._cells, COUNT.size * number, 0)
                os.close(lock)


@contextmanager
def within_limits(folder: Path, peer: Peer) -> Iterator[None]:
    """One more association of a peer, for as long as this lasts. Raises Rejected when it is one too many."""
    own = folder / peer.ae_title.encode().hex()
    if peer.max_associations is None and peer.max_per_minute is None:
        yield
        return
    own.mkdir(parents=True, exist_ok=True, mode=0o700)
    slot = None if peer.max_associations is None else _slot(own, peer.max_associations)
    try:
        if peer.max_per_minute is not None:
            _count_minute(own, peer.max_per_minute)
        yield
    finally:
        if slot is not None:
            os.close(slot)


def _slot(folder: Path, most: int) -> int:
    """The lock of one of so many places."""
    for number in range(most):
        lock = _locked(folder / f"place-{number}")
        if lock is not None:
            return lock
    raise Rejected(*TOO_MANY_ASSOCIATIONS, f"it has {most} associations open already, as many as it may")


def _count_minute(folder: Path, most: int) -> None:
    """Note this association in a ring of the last so many: the oldest of them must be a minute old."""
    path = folder / f"minute-{most}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        index = _read(descriptor, INDEX, 0) or 0
        place = INDEX.size + INSTANT.size * (int(index) % most)
        oldest, now = _read(descriptor, INSTANT, place), time.monotonic()
        if oldest and 0 <= now - oldest < MINUTE_S:  # an instant to come was noted before the machine was started
            raise Rejected(*TEMPORARY_CONGESTION, f"it has opened {most} associations in a minute, as many as it may")
        os.pwrite(descriptor, INSTANT.pack(now), place)
        os.pwrite(descriptor, INDEX.pack(int(index) + 1), 0)
    finally:
        os.close(descriptor)


def _read(descriptor: int, form: struct.Struct, place: int) -> float | None:
    """The number at a place of the file; None: it is not that long."""
    data = os.pread(descriptor, form.size, place)
    value: float | None = form.unpack(data)[0] if len(data) == form.size else None
    return value


def _locked(path: Path) -> int | None:
    """A descriptor that holds the lock of the file; None: somebody else does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
