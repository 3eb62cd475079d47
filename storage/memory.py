"""Objects in a dict: for tests, and for nothing else."""

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType
from typing import BinaryIO, Self

from storage.errors import ObjectNotFound
from storage.filesystem import split_key
from storage.store import Draft, StoredObject


class MemoryStore:
    """A dict with an ObjectStore's face. Lives and dies with its process."""

    def __init__(self) -> None:
        self._objects: dict[str, tuple[bytes, datetime]] = {}

    def draft(self) -> AbstractContextManager[Draft]:
        return MemoryDraft(self._objects)

    def put(self, key: str, data: bytes) -> None:
        split_key(key)
        self._objects.setdefault(key, (data, datetime.now(UTC)))

    def get(self, key: str, start: int = 0, stop: int | None = None) -> bytes:
        try:
            return self._objects[key][0][start:stop]
        except KeyError:
            raise ObjectNotFound(key) from None

    def hurried(self) -> "MemoryStore":
        return self

    def open(self, key: str) -> BinaryIO:
        return io.BytesIO(self.get(key))

    def exists(self, key: str) -> bool:
        return key in self._objects

    def delete(self, key: str) -> None:
        self._objects.pop(key, None)

    def list(self, folder: str = "") -> Iterator[StoredObject]:
        for key, (data, modified) in list(self._objects.items()):
            if split_key(key)[0] == folder:
                yield StoredObject(key, len(data), modified)

    def free(self) -> int | None:
        return None

    def sweep(self, older_than_s: float) -> int:
        return 0

    def close(self) -> None:
        """Nothing is held open."""


class MemoryDraft:
    """Bytes that become an object when kept."""

    def __init__(self, objects: dict[str, tuple[bytes, datetime]]) -> None:
        self._objects = objects
        self._bytes = io.BytesIO()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._bytes.write(data)

    def reader(self) -> BinaryIO:
        return io.BytesIO(self._bytes.getvalue())

    def keep(self, key: str) -> None:
        split_key(key)
        self._objects.setdefault(key, (self._bytes.getvalue(), datetime.now(UTC)))

    def discard(self) -> None:
        """Nothing was kept."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()
