"""Takes in a small instance, then a large one, and prints the process' peak memory after each, in bytes."""

import io
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

from pacs.archive.ingest import ingest, receive
from pacs.context import SYSTEM, Pacs
from pacs.dicom.part10 import file_meta
from pacs.index.session import Database
from pacs.settings import Settings
from storage import open_store
from tests.make import data_set_bytes, make_ct, make_uid

PIECE = bytes(1 << 18)


def pieces(frames: int, uid: str) -> Iterator[bytes]:
    """The data set of a multi-frame CT, 512 KiB a frame, of nothing but air."""
    ds = make_ct(rows=512, columns=512, SOPInstanceUID=uid, NumberOfFrames=frames)
    head = data_set_bytes(ds)[: -(512 * 512 * 2) - 4]
    yield head + (frames * 512 * 512 * 2).to_bytes(4, "little")
    for _ in range(2 * frames):
        yield PIECE


class Pieces(io.RawIOBase):
    """A stream that is made while it is read."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source, self._held = source, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        self._held = self._held or next(self._source, b"")
        piece, self._held = self._held[:size], self._held[size:]
        return piece


def take_in(pacs: Pacs, frames: int) -> None:
    one, other = make_uid(), make_uid()
    sop_class_uid, syntax = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"
    with receive(pacs, SYSTEM, sop_class_uid, one, syntax) as incoming:
        for piece in pieces(frames, one):
            incoming.write(piece)
        incoming.finish()

    def file() -> Iterator[bytes]:
        yield file_meta(sop_class_uid, other, syntax)
        yield from pieces(frames, other)

    ingest(pacs, SYSTEM, Pieces(file()))  # type: ignore[arg-type]  # a RawIOBase is as good as a BinaryIO


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def main() -> None:
    settings = Settings(data=Path(sys.argv[1]))
    settings.data.mkdir()
    database = Database(settings.database)
    database.migrate()
    pacs = Pacs(settings, database, open_store(settings.objects, spool=settings.data / "spool"))
    take_in(pacs, 4)
    small = peak()
    take_in(pacs, 320)
    print(small, peak())


main()
