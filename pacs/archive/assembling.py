"""Instances that come as metadata and bulk data: the one waits for the other, then both go the one way in."""

import io
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import BinaryIO, Self

from pacs.archive.ingest import ADMIT_EVERY, Stored, admit, ingest, store_errors
from pacs.context import Actor, Pacs
from pacs.dicom.assembly import assemble
from pacs.dicom.bulk import Bulk, BulkPart, Piece, Span
from pacs.dicom.dicomjson import Json
from pacs.dicom.media import MediaType
from storage import Draft

READ_AHEAD = 1 << 20


class Spool:
    """The bulk data of one request, on the objects' own volume until it is left. Its memory is one piece."""

    def __init__(self, pacs: Pacs) -> None:
        self._pacs = pacs
        self._stack = ExitStack()
        self._draft: Draft | None = None
        self._parts: dict[str, list[BulkPart]] = {}
        self._begun = self._size = self._admitted = 0

    def begin(self) -> None:
        """What is written from here on belongs to the next part; of one that was not ended nothing is."""
        self._begun = self._size

    def write(self, data: bytes | memoryview) -> None:
        """Bytes of the part that has begun. Raises OutOfResources."""
        with store_errors():
            if self._draft is None:
                admit(self._pacs)
                self._draft = self._stack.enter_context(self._pacs.objects.draft())
            self._size += len(data)
            if self._size > self._admitted:
                admit(self._pacs, self._size)
                self._admitted = self._size + ADMIT_EVERY
            self._draft.write(data)

    def end(self, media_type: MediaType, location: str) -> None:
        """The part is whole. location: where the metadata says that it is."""
        self._parts.setdefault(location, []).append(BulkPart(media_type, Span(self._begun, self._size)))

    def ingest(self, actor: Actor, metadata: Json, study_instance_uid: str | None) -> Stored:
        """Keep the instance of this metadata: durable when it returns. Raises what `assemble` and `ingest` do."""
        with store_errors(), self._draft.reader() if self._draft else io.BytesIO() as file:
            pieces = assemble(metadata, Bulk(file, self._parts))
            part10 = io.BufferedReader(PiecesFile(pieces, file), READ_AHEAD)
            return ingest(self._pacs, actor, part10, study_instance_uid=study_instance_uid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


class PiecesFile(io.RawIOBase):
    """Pieces one after the other, as a file that is read once."""

    def __init__(self, pieces: Sequence[Piece], file: BinaryIO) -> None:
        """file: where spans lie."""
        self._pieces = iter(pieces)
        self._file = file
        self._piece: memoryview | Span = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io asks for a Buffer
        while True:
            data = self._taken(len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._piece = piece if isinstance(piece, Span) else memoryview(piece)

    def _taken(self, most: int) -> memoryview | bytes:
        """The next bytes of the piece; none at its end."""
        if isinstance(self._piece, memoryview):
            data, self._piece = self._piece[:most], self._piece[most:]
            return data
        start, stop = self._piece.start, self._piece.stop
        self._file.seek(start)
        read = self._file.read(min(most, stop - start))
        self._piece = Span(start + len(read), stop)
        return read
