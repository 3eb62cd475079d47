"""What was found in the index, for as long as nobody commits anything: then all of it is forgotten."""

import sqlite3
import threading
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

Rows = Sequence[tuple[Any, ...]]

MOST = 32 << 20
"""Bytes that one process remembers, about."""
ROW = 1000
"""Bytes of a row, about, besides its blobs."""


class Remembered:
    """Answers of SQLite that are still right. It tells each connection whether others have committed since.

    Any number of threads share one. PostgreSQL cannot be asked that for less than the answer costs, so nothing of it
    is remembered.
    """

    def __init__(self, path: Path | None) -> None:
        """path: of an SQLite index that is there; None: of any other kind."""
        self._lock = threading.Lock()
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._version = -1
        self._rows: dict[Hashable, Rows] = {}
        self._size = 0

    def version(self) -> int | None:
        """Of the index, now: it is read before what is kept by it. None: nothing can be kept."""
        with self._lock:
            return self._version if self._look() else None

    def find(self, key: Hashable) -> Rows | None:
        """What was kept under the key; None when there is nothing, or it may no longer be right."""
        with self._lock:
            return self._rows.get(key) if self._look() else None

    def keep(self, version: int | None, key: Hashable, rows: Rows) -> None:
        """version: from before the rows were read."""
        with self._lock:
            if version is None or version != self._version:
                return
            size = sum(ROW + sum(len(value) for value in row if isinstance(value, bytes)) for row in rows)
            if self._size + size > MOST:
                self._forget()
            self._size += size
            self._rows[key] = rows

    def close(self) -> None:
        with self._lock:
            self._path = None
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _look(self) -> bool:
        """Forget what others have overtaken. Whether the index says where it stands."""
        if self._path is None:
            return False
        try:
            if self._connection is None:
                # Never waits: while the index is being recovered, nothing is remembered.
                self._connection = sqlite3.connect(self._path, 0, isolation_level=None, check_same_thread=False)
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            self._forget()
            self._version = -1
            return False
        if version != self._version:
            self._forget()
            self._version = version
        return True

    def _forget(self) -> None:
        self._rows.clear()
        self._size = 0
