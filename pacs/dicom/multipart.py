"""multipart/related, written and read piece by piece (PS3.18 8.6, RFC 2046 5.1, RFC 2387)."""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import assert_never

from pacs.dicom.media import MULTIPART, parse_media_type
from pacs.errors import InvalidInstance, UnsupportedContent

MAX_PARTS = 10_000
MAX_PART_HEADERS = 16 << 10
"""Bytes of the headers of one part."""
MAX_OUTSIDE = 64 << 10
"""Bytes of preamble or epilogue, which mean nothing."""
MAX_BOUNDARY = 200
"""Characters. RFC 2046 5.1.1 grants 70, and Orthanc sends 73."""
ROOM = 256 << 10
"""Bytes that are read at once. More are no faster, and do not fit a processor's own memory."""
MAX_PADDING = 128
"""Bytes of white space behind a boundary."""


@dataclass(frozen=True, slots=True)
class Part:
    """What is written as one part."""

    content_type: str
    body: Iterable[bytes]
    size: int | None = None
    """Bytes of the body, where they are known."""
    location: str = ""
    """Content-Location, where it is known."""


@dataclass(frozen=True, slots=True)
class PartBegins:
    """The reader has met a part."""

    headers: Mapping[str, str]
    """By names in lower case."""


@dataclass(frozen=True, slots=True)
class PartEnds:
    """The body of a part is whole."""


Event = PartBegins | bytes | PartEnds
"""Bytes are a piece of the body of the part that began last."""
Seen = PartBegins | memoryview | PartEnds
"""The same, the piece not copied: it is there until there is room for more."""


def new_boundary() -> str:
    """A boundary that occurs in no body: 128 random bits."""
    return secrets.token_hex(16)


def content_type(part_type: str, boundary: str) -> str:
    """The Content-Type of the whole. part_type: the media type of its parts, without parameters."""
    return f'{MULTIPART}; type="{part_type}"; boundary={boundary}'


def content_length(parts: Sequence[Part], boundary: str) -> int | None:
    """Bytes of the whole; None when some part does not know its size."""
    sizes = [part.size for part in parts]
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return None
    return sum(known) + sum(len(_head(part, boundary)) for part in parts) + len(_end(boundary))


def write(parts: Iterable[Part], boundary: str) -> Iterator[bytes]:
    """The whole, in pieces as they come: bodies are neither copied nor held."""
    for part in parts:
        yield _head(part, boundary)
        yield from part.body
    yield _end(boundary)


def _head(part: Part, boundary: str) -> bytes:
    location = f"Content-Location: {part.location}\r\n" if part.location else ""
    length = f"Content-Length: {part.size}\r\n" if part.size is not None else ""
    return f"\r\n--{boundary}\r\nContent-Type: {part.content_type}\r\n{length}{location}\r\n".encode()


def _end(boundary: str) -> bytes:
    return f"\r\n--{boundary}--\r\n".encode()


class _At(Enum):
    PREAMBLE = auto()
    HEADERS = auto()
    BODY = auto()
    EPILOGUE = auto()


class MultipartReader:
    """Reads a multipart/related body as it comes, in place. It holds what might be the beginning of a boundary."""

    def __init__(self, content_type: str) -> None:
        """content_type: of the whole. Raises UnsupportedContent when that is not multipart/related."""
        media_type = parse_media_type(content_type)
        if media_type is None or media_type.name != MULTIPART:
            raise UnsupportedContent(f"the content is not {MULTIPART}")
        boundary = media_type.parameters.get("boundary", "")
        if not 0 < len(boundary) <= MAX_BOUNDARY or not boundary.isascii():
            raise UnsupportedContent(f"{MULTIPART} has no usable boundary")
        self.part_type = media_type.parameters.get("type", "")
        """The media type of the parts, as the whole declares it; "" when it does not."""
        self._delimiter = b"\r\n--" + boundary.encode()
        self._buffer = bytearray(ROOM)
        self._buffer[:2] = b"\r\n"  # the first boundary may be the first thing of all
        self._start, self._end = 0, 2
        """Where what is held begins and ends in the buffer."""
        self._at = _At.PREAMBLE
        self._outside = 0
        self._parts = 0
        self._skipped = 0

    def feed(self, data: bytes) -> Iterator[Event]:
        """What the next bytes bring. Raises InvalidInstance."""
        view = memoryview(data)
        while view:
            room = self.room()
            count = min(len(room), len(view))
            room[:count] = view[:count]
            view = view[count:]
            for event in self.filled(count):
                yield bytes(event) if isinstance(event, memoryview) else event

    def room(self) -> memoryview:
        """Where the next bytes are to be put. What was given out before is no more."""
        held = self._end - self._start
        self._buffer[:held] = self._buffer[self._start : self._end]
        self._start, self._end = 0, held
        return memoryview(self._buffer)[held:]

    def filled(self, count: int) -> Iterator[Seen]:
        """What so many bytes bring that were put there. Raises InvalidInstance."""
        self._end += count
        events: list[Seen] = []
        is_going_on = True
        while is_going_on:
            is_going_on = self._step(events)
            yield from events
            events.clear()

    def finish(self) -> None:
        """There is no more. Raises InvalidInstance when the last boundary has not come."""
        if self._at is not _At.EPILOGUE:
            raise InvalidInstance("the multipart content is cut off: its last boundary is missing")

    def _step(self, events: list[Seen]) -> bool:
        """Whether there may be more in what is held."""
        match self._at:
            case _At.HEADERS:
                return self._read_headers(events)
            case _At.EPILOGUE:
                self._pass(self._end, events)
                return False
            case _At.PREAMBLE | _At.BODY:
                return self._read_to_boundary(events)
        assert_never(self._at)

    def _read_to_boundary(self, events: list[Seen]) -> bool:
        found = self._buffer.find(self._delimiter, self._start, self._end)
        if found < 0:
            self._pass(self._end - len(self._delimiter) + 1, events)
            return False
        self._pass(found, events)
        place = found + len(self._delimiter)
        behind = bytes(self._buffer[place : min(place + MAX_PADDING + 2, self._end)])
        if behind.startswith(b"--"):
            self._end_part(events)
            self._start, self._at, self._outside = place + 2, _At.EPILOGUE, 0
            return True
        line = behind.lstrip(b" \t")
        if line.startswith(b"\r\n"):
            self._end_part(events)
            self._start, self._at = place + len(behind) - len(line), _At.HEADERS
            return True
        if len(behind) < MAX_PADDING and (line in (b"", b"\r") or behind == b"-"):
            return False  # what it is has yet to come
        self._pass(place, events)  # it only begins like the boundary
        return True

    def _read_headers(self, events: list[Seen]) -> bool:
        # The first CRLF ends the line of the boundary.
        end = self._buffer.find(b"\r\n\r\n", self._start, min(self._end, self._start + MAX_PART_HEADERS + 4))
        if end < 0 and self._end - self._start > MAX_PART_HEADERS:
            raise InvalidInstance(f"the headers of a part have more than {MAX_PART_HEADERS} bytes")
        if end < 0:
            return False
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise InvalidInstance(f"the content has more than {MAX_PARTS} parts")
        events.append(PartBegins(_headers(bytes(self._buffer[self._start + 2 : end]))))
        # The CRLF before the body is left: it begins the next boundary where there is no body.
        self._start, self._at, self._skipped = end + 2, _At.BODY, 2
        return True

    def _end_part(self, events: list[Seen]) -> None:
        if self._at is _At.BODY:
            events.append(PartEnds())

    def _pass(self, stop: int, events: list[Seen]) -> None:
        """Hand on a body up to there; outside of the parts, pass it over."""
        start, count = self._start, stop - self._start
        if count <= 0:
            return
        self._start = stop
        if self._at is _At.BODY:
            skipped = min(self._skipped, count)
            self._skipped -= skipped
            if count > skipped:
                events.append(memoryview(self._buffer)[start + skipped : stop])
            return
        self._outside += count
        if self._outside > MAX_OUTSIDE:
            raise InvalidInstance(f"more than {MAX_OUTSIDE} bytes stand outside of the parts")


def _headers(block: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in block.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").decode("latin_1").split("\r\n"):
        name, colon, value = line.partition(":")
        if line and not colon:
            raise InvalidInstance("a line among the headers of a part is no header")
        if line:
            headers[name.strip().lower()] = value.strip()
    return headers
