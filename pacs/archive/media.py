"""Import from files, folders, zip archives and CDs: each instance by the one way in."""

import io
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO

from pacs.archive.ingest import Stored, ingest
from pacs.context import Actor, Pacs
from pacs.errors import InvalidInstance, PacsError

SENDERS = 4
"""Instances on their way at once: enough that they share commits."""
MAX_ARCHIVE_ENTRIES = 100_000
MAX_INFLATION = 50
"""How many times its packed size an archive's entry may grow; a bomb grows a thousandfold."""
ALWAYS_ALLOWED = 1 << 24
"""Bytes an entry may always hold: empty images are packed very well indeed."""


@dataclass(frozen=True, slots=True)
class Found:
    """One file that may hold an instance."""

    name: str
    open: Callable[[], BinaryIO]
    on_media: bool = False
    """Beside or below a DICOMDIR, where viewers and pictures lie that are no instances."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one file."""

    name: str
    stored: Stored | None
    refused: PacsError | None = None
    left_alone: bool = False
    """A file of a CD that is no DICOM file at all, such as the viewer on it."""


def import_files(pacs: Pacs, actor: Actor, files: Sequence[Found]) -> Iterator[Imported]:
    """Take in every file, several at once; what became of each, in the order given."""
    waiting: deque[Future[Imported]] = deque()
    with ThreadPoolExecutor(SENDERS, thread_name_prefix="import") as senders:
        for found in files:
            waiting.append(senders.submit(_import_one, pacs, actor, found))
            if len(waiting) >= 4 * SENDERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def files_in(paths: Sequence[Path]) -> list[Found]:
    """Every file at or below the paths, and in zip archives there; media indexes themselves left out.

    Raises InvalidInstance for a path that does not exist or an archive that cannot be trusted.
    """
    return [found for path in paths for found in _files_at(path, on_media=False)]


def _files_at(path: Path, on_media: bool) -> Iterator[Found]:
    if path.is_dir():
        names = sorted(path.iterdir())
        on_media = on_media or any(_is_media_index(name.name) for name in names)
        for name in names:
            if not name.is_symlink():
                yield from _files_at(name, on_media)
    elif not path.exists():
        raise InvalidInstance(f"{path}: there is no such file")
    elif _is_archive(path):
        yield from _entries_of(path)
    elif not _is_media_index(path.name):
        yield Found(str(path), partial(_open_file, path), on_media)


def _open_file(path: Path) -> BinaryIO:
    return path.open("rb")


def _entries_of(path: Path) -> Iterator[Found]:
    archive = zipfile.ZipFile(path)
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > MAX_ARCHIVE_ENTRIES:
        raise InvalidInstance(f"{path}: more than {MAX_ARCHIVE_ENTRIES} files in one archive")
    on_media = any(_is_media_index(Path(entry.filename).name) for entry in entries)
    for entry in entries:
        if not _is_media_index(Path(entry.filename).name):
            yield Found(f"{path}/{entry.filename}", partial(_open_entry, archive, entry), on_media)


def _open_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> BinaryIO:
    limit = max(ALWAYS_ALLOWED, MAX_INFLATION * entry.compress_size)
    return io.BufferedReader(_Bounded(archive.open(entry), limit), 1 << 18)


def _is_archive(path: Path) -> bool:
    """A zip archive, and not an instance with one in it: those exist to deceive."""
    with path.open("rb") as file:
        return not _looks_like_dicom(file) and zipfile.is_zipfile(path)


def _is_media_index(name: str) -> bool:
    return name.upper() == "DICOMDIR"


def _import_one(pacs: Pacs, actor: Actor, found: Found) -> Imported:
    try:
        with found.open() as file:
            if found.on_media and not _looks_like_dicom(file):
                return Imported(found.name, None, left_alone=True)
        with found.open() as file:
            return Imported(found.name, ingest(pacs, actor, file))
    except PacsError as error:
        return Imported(found.name, None, error)
    except (OSError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        return Imported(found.name, None, InvalidInstance(f"cannot be read: {error}"))


def _looks_like_dicom(file: BinaryIO) -> bool:
    return file.read(132)[128:] == b"DICM"


class _Bounded(io.RawIOBase):
    """An archive's entry that may not grow past a limit, counted while it is inflated."""

    def __init__(self, source: IO[bytes], limit: int) -> None:
        self._source, self._left = source, limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io asks for a Buffer
        data = self._source.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise OSError("it grows far beyond its packed size")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._source.close()
        super().close()
