"""Objects in a bucket of any S3 server, by the `minio` client. Drafts wait in a local spool folder."""

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from datetime import UTC
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError

from storage.errors import MustWait, ObjectNotFound, StorageFault, StorageFull, StoreError
from storage.filesystem import split_key, sweep_drafts
from storage.store import StoredObject

PART_SIZE = 64 << 20
"""Bytes of one part of a multipart upload; an object up to this size goes up in one request."""
READ_AHEAD = 1 << 20
MISSING = frozenset(("NoSuchKey", "NoSuchBucket", "NoSuchVersion"))
FULL = frozenset(("QuotaExceeded", "XMinioStorageFull", "EntityTooLarge", "InsufficientCapacity"))


class S3Store:
    """A bucket: `<name>` for objects, `<folder>/<name>` for those in a folder."""

    def __init__(
        self,
        *,
        bucket: str,
        endpoint: str,
        region: str,
        access_key: str,
        secret_key: str,
        spool: Path,
        connections: int,
    ) -> None:
        url = urlsplit(endpoint)
        # minio's own pool has ten connections and waits five minutes: a stalled server would hold every worker.
        self._pool = urllib3.PoolManager(
            maxsize=connections,
            timeout=urllib3.Timeout(connect=2, read=30),
            retries=urllib3.Retry(total=3, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]),
        )
        self._client = Minio(
            endpoint=url.netloc,
            access_key=access_key,
            secret_key=secret_key,
            secure=url.scheme == "https",
            region=region,
            http_client=self._pool,
        )
        self._bucket = bucket
        self._spool = spool
        self._is_hurried = False
        spool.mkdir(parents=True, exist_ok=True, mode=0o700)
        with translated(bucket):
            if not self._client.bucket_exists(bucket_name=bucket):
                raise StorageFault(f"there is no bucket {bucket!r} at {url.netloc}")

    def draft(self) -> "S3Draft":
        return S3Draft(self, self._spool)

    def put(self, key: str, data: bytes) -> None:
        with self.draft() as draft:
            draft.write(data)
            draft.keep(key)

    def get(self, key: str, start: int = 0, stop: int | None = None) -> bytes:
        if self._is_hurried:
            raise MustWait
        split_key(key)
        if stop is not None and stop <= start:
            return b""
        length = 0 if stop is None else stop - start
        with translated(key):
            response = self._client.get_object(bucket_name=self._bucket, object_name=key, offset=start, length=length)
            try:
                ranged = start > 0 or stop is not None
                if ranged and response.status != 206:
                    raise StorageFault(f"the server answered a range of {key} with the whole")
                return bytes(response.data)
            finally:
                response.close()
                response.release_conn()

    def hurried(self) -> "S3Store":
        """A bucket has nothing at hand."""
        hurried = copy(self)
        hurried._is_hurried = True
        return hurried

    def open(self, key: str) -> BinaryIO:
        return io.BufferedReader(_RangedFile(self, key, self._size(key)), READ_AHEAD)

    def exists(self, key: str) -> bool:
        try:
            self._size(key)
        except ObjectNotFound:
            return False
        return True

    def delete(self, key: str) -> None:
        split_key(key)
        with translated(key):
            self._client.remove_object(bucket_name=self._bucket, object_name=key)

    def list(self, folder: str = "") -> Iterator[StoredObject]:
        with translated(folder):
            prefix = f"{folder}/" if folder else None
            for item in self._client.list_objects(bucket_name=self._bucket, prefix=prefix):
                if not item.is_dir and item.object_name and item.last_modified:
                    yield StoredObject(item.object_name, item.size or 0, item.last_modified.astimezone(UTC))

    def free(self) -> int | None:
        """What the spool can take: a bucket does not say how full it is."""
        stat = os.statvfs(self._spool)
        return stat.f_bavail * stat.f_frsize

    def sweep(self, older_than_s: float) -> int:
        return sweep_drafts(self._spool, older_than_s)

    def close(self) -> None:
        self._pool.clear()

    def _size(self, key: str) -> int:
        if self._is_hurried:
            raise MustWait
        split_key(key)
        with translated(key):
            return self._client.stat_object(bucket_name=self._bucket, object_name=key).size or 0

    def _upload(self, key: str, file: BinaryIO, size: int) -> None:
        """Put, then look: only what the server says it has, whole, is kept."""
        split_key(key)
        with translated(key):
            self._client.put_object(
                bucket_name=self._bucket,
                object_name=key,
                data=file,
                length=size,
                content_type="application/dicom",
                part_size=PART_SIZE,
            )
        if self._size(key) != size:
            raise StorageFault(f"the server kept another size of {key} than was sent")


class S3Draft:
    """A file in the spool, until it is uploaded."""

    def __init__(self, store: S3Store, spool: Path) -> None:
        self._store = store
        try:
            self._file = tempfile.NamedTemporaryFile(dir=spool, suffix=".part")  # noqa: SIM115  # closed by discard
        except OSError as error:
            raise StorageFull(error.strerror or "no room in the spool") from error

    def write(self, data: bytes | bytearray | memoryview) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise StorageFull(error.strerror or "no room in the spool") from error

    def reader(self) -> BinaryIO:
        self._file.flush()
        return Path(self._file.name).open("rb")

    def keep(self, key: str) -> None:
        size = self._file.tell()
        with self.reader() as file:
            self._store._upload(key, file, size)
        self.discard()

    def discard(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


class _RangedFile(io.RawIOBase):
    """An object as a file: each read is a range, a seek is free."""

    def __init__(self, store: S3Store, key: str, size: int) -> None:
        self._store, self._key, self._size = store, key, size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io asks for a Buffer
        stop = min(self._position + len(buffer), self._size)
        data = self._store.get(self._key, self._position, stop)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


@contextmanager
def translated(key: str) -> Iterator[None]:
    """What the client and its connections raise, as the store's errors."""
    try:
        yield
    except S3Error as error:
        if error.code in MISSING:
            raise ObjectNotFound(key) from error
        if error.code in FULL:
            raise StorageFull(error.code) from error
        raise StorageFault(f"the S3 server refused: {error.code}") from error
    except (MinioException, HTTPError, OSError) as error:
        raise StorageFault(f"the S3 server does not answer: {type(error).__name__}") from error
    except ValueError as error:  # how minio refuses a name
        raise StoreError(str(error)) from error
