"""The one interface to objects, and the choice of a backend by URL."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a listing says of one object."""

    key: str
    size: int
    """Bytes."""
    modified: datetime
    """When it was kept, aware UTC."""


class Draft(Protocol):
    """An object being written. As a context manager it is discarded on leaving, unless it was kept."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append. Raises StorageFull, StorageFault."""

    def reader(self) -> BinaryIO:
        """What was written so far, from its start: a seekable file, valid until keep or discard."""

    def keep(self, key: str) -> None:
        """On return the object is under its key on stable storage. Keys are content hashes: a key that
        exists already holds the same bytes, and that is fine. Raises StorageFull, StorageFault."""

    def discard(self) -> None:
        """Forget it. Does nothing after keep."""


class ObjectStore(Protocol):
    """Bytes under keys, never overwritten. A key is `[folder/]name`: lower-case letters, digits, `-`, `_`, `.`."""

    def draft(self) -> AbstractContextManager[Draft]:
        """Begin an object. Raises StorageFull, StorageFault."""

    def put(self, key: str, data: bytes) -> None:
        """A draft written and kept at once."""

    def get(self, key: str, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes from start up to, not including, stop. Raises ObjectNotFound, StorageFault."""

    def hurried(self) -> "ObjectStore":
        """The same objects for who must not wait: `get` raises MustWait for what is not at hand, as all else may."""

    def open(self, key: str) -> BinaryIO:
        """The object as a seekable file that reads only what is asked for. Raises ObjectNotFound."""

    def exists(self, key: str) -> bool: ...

    def delete(self, key: str) -> None:
        """Does nothing when there is no such object."""

    def list(self, folder: str = "") -> Iterator[StoredObject]:
        """Every object directly in the folder (`""`: those without one), in no order."""

    def free(self) -> int | None:
        """Bytes that can still be kept; None where the store does not know."""

    def sweep(self, older_than_s: float) -> int:
        """Remove drafts that a dead process left, once they are this old; how many there were."""

    def close(self) -> None: ...


def open_store(
    url: str, *, spool: Path, access_key: str = "", secret_key: str = "", connections: int = 16
) -> ObjectStore:
    """The store behind `file:///folder`, `s3://bucket?endpoint=http://host:9000&region=…` or `memory:`.

    spool: a local folder where S3 drafts wait; connections: the size of the S3 connection pool.
    """
    parts = urlsplit(url)
    match parts.scheme:
        case "file":
            from storage.filesystem import FilesystemStore

            return FilesystemStore(Path(unquote(parts.path)))
        case "s3":
            from storage.s3 import S3Store

            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            return S3Store(
                bucket=parts.netloc,
                endpoint=query.get("endpoint", "https://s3.amazonaws.com"),
                region=query.get("region", "us-east-1"),
                access_key=access_key,
                secret_key=secret_key,
                spool=spool,
                connections=connections,
            )
        case "memory":
            from storage.memory import MemoryStore

            return MemoryStore()
        case _:
            raise ValueError(f"{url!r} is no object store: file:, s3: or memory:")
