"""The lock of a file, by which the processes of one machine queue to write."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from pacs.errors import OutOfResources


class FileLock:
    """Excludes other processes; the system frees it when the process dies. Used by one thread at a time.

    The file is opened once. A process that is forked must make its own, for what it inherits is the same lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @contextmanager
    def held(self, deadline: float) -> Iterator[None]:
        """deadline: in `time.monotonic`'s seconds. Raises OutOfResources when it has passed."""
        descriptor = self._take(deadline)
        try:
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _take(self, deadline: float) -> int:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            descriptor = _queue_for(descriptor, deadline)  # whoever gives up leaves his descriptor in the queue
        self._descriptor = descriptor
        return descriptor


def _queue_for(descriptor: int, deadline: float) -> int:
    """The descriptor, locked. flock knows no time limit, so a thread stands in the queue and is left there."""
    locked: Future[int] = Future()
    threading.Thread(target=_stand_in_queue, args=(descriptor, locked), daemon=True).start()
    try:
        return locked.result(timeout=max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        if locked.cancel():
            raise OutOfResources("the index is busy: no turn to write in time") from None
        return locked.result()


def _stand_in_queue(descriptor: int, locked: "Future[int]") -> None:
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    if locked.set_running_or_notify_cancel():
        locked.set_result(descriptor)
    else:
        os.close(descriptor)
