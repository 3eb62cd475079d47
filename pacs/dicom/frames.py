"""Where each frame lies in the file, and how its bytes come out of that range (PS3.5 8.2, A.4)."""

import struct
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from pacs.errors import InvalidInstance, NotFound

ITEM_HEADER = 8
"""Bytes of an item's tag and length."""

CODESTREAM_STARTS = (
    b"\xff\xd8\xff",  # JPEG and JPEG-LS: SOI, then a marker
    b"\xff\x4f\xff\x51",  # JPEG 2000 and HTJ2K: SOC, SIZ
    b"\xff\x0a",  # JPEG XL
    b"\x00\x00\x00\x0cJXL ",  # JPEG XL in its container
    b"\x00\x00\x00\x0cjP  ",  # JPEG 2000 in its file format
)
PEEK = max(map(len, CODESTREAM_STARTS))

_HEAD = struct.Struct("<BxxxIQQ")
_NATIVE, _WHOLE_FRAGMENTS, _MANY_FRAGMENTS = range(3)

Read = Callable[[int, int], bytes]
"""Bytes of the data set: where, and how many."""


@dataclass(frozen=True, slots=True)
class FrameTable:
    """The byte range of every frame, a few integers for native pixel data, one more per frame for encapsulated.

    Frames count from 1, as in the standard.
    """

    kind: int
    count: int
    offset: int
    """Bytes from the start of the file to the first frame (encapsulated: to its first item header)."""
    frame_bits: int = 0
    """Native: bits of one frame. They follow each other without padding, also where a frame is no whole byte."""
    bounds: bytes = b""
    """Encapsulated: where each frame begins and the last ends, count + 1 little-endian unsigned integers of 4 or 8
    bytes, from `offset`."""

    def range_of(self, number: int) -> tuple[int, int]:
        """Start and stop (exclusive) of the frame, in bytes of the file. Raises NotFound."""
        if not 1 <= number <= self.count:
            raise NotFound(f"there is no frame {number}: the instance has {self.count}")
        if self.kind == _NATIVE:
            first = (number - 1) * self.frame_bits
            return self.offset + first // 8, self.offset + (first + self.frame_bits + 7) // 8
        wide = len(self.bounds) == 8 * (self.count + 1)
        start, stop = struct.unpack_from("<QQ" if wide else "<II", self.bounds, (number - 1) * (8 if wide else 4))
        skipped = ITEM_HEADER if self.kind == _WHOLE_FRAGMENTS else 0
        return self.offset + start + skipped, self.offset + stop

    def bytes_of(self, number: int, raw: bytes) -> bytes:
        """The frame out of its range: fragments joined, bits shifted to the first byte. Raises InvalidInstance."""
        if self.kind == _NATIVE:
            return raw if self.frame_bits % 8 == 0 else self._shifted(number, raw)
        return raw if self.kind == _WHOLE_FRAGMENTS else b"".join(_fragments(raw))

    def to_bytes(self) -> bytes:
        return _HEAD.pack(self.kind, self.count, self.offset, self.frame_bits) + self.bounds

    @classmethod
    def from_bytes(cls, data: bytes) -> "FrameTable":
        kind, count, offset, frame_bits = _HEAD.unpack_from(data)
        return cls(kind, count, offset, frame_bits, data[_HEAD.size :])

    def _shifted(self, number: int, raw: bytes) -> bytes:
        """Pixel cells fill a byte from its least significant bit (PS3.5 8.1.1)."""
        bits = int.from_bytes(raw, "little") >> (number - 1) * self.frame_bits % 8
        return (bits & (1 << self.frame_bits) - 1).to_bytes((self.frame_bits + 7) // 8, "little")


def native_frames(offset: int, frame_bits: int, count: int) -> FrameTable:
    """Frames of frame_bits each, one after the other from offset."""
    return FrameTable(_NATIVE, count, offset, frame_bits)


def encapsulated_frames(
    read: Read, offset_table: tuple[int, int], fragments: "array[int]", count: int, data_set_offset: int
) -> FrameTable | None:
    """The frames of encapsulated pixel data; None where they cannot be told apart.

    offset_table: position and length of the Basic Offset Table's value. fragments: where the header of each fragment
    lies, and at last that of the sequence delimiter. All in bytes of the data set, as for `read`.

    Offset tables are believed only where the fragments agree. The Extended Offset Table needs no look: it demands one
    fragment for each frame (PS3.3 C.7.6.3.1.8), and such fragments tell the same.
    """
    pieces = len(fragments) - 1
    if count < 1 or pieces < count:
        return None  # a video of many frames in one fragment, or frames that are missing
    if pieces == count:
        return _table(_WHOLE_FRAGMENTS, fragments, data_set_offset)
    if count == 1:
        return _table(_MANY_FRAGMENTS, array("Q", (fragments[0], fragments[-1])), data_set_offset)
    starts = _starts_of_offset_table(read, offset_table, fragments, count) or _starts_of_codestreams(
        read, fragments, count
    )
    return _table(_MANY_FRAGMENTS, array("Q", (*starts, fragments[-1])), data_set_offset) if starts else None


def _table(kind: int, bounds: "array[int]", data_set_offset: int) -> FrameTable:
    first = bounds[0]
    relative = [bound - first for bound in bounds]
    code = "I" if relative[-1] < 1 << 32 else "Q"
    return FrameTable(
        kind, len(bounds) - 1, data_set_offset + first, 0, struct.pack(f"<{len(relative)}{code}", *relative)
    )


def _starts_of_offset_table(
    read: Read, offset_table: tuple[int, int], fragments: "array[int]", count: int
) -> list[int]:
    """Where the Basic Offset Table lets each frame begin; nothing when it is absent or wrong."""
    position, length = offset_table
    if length != 4 * count:
        return []
    offsets = struct.unpack(f"<{count}I", read(position, length))
    starts = [fragments[0] + offset for offset in offsets]
    if offsets[0] != 0 or any(a >= b for a, b in pairwise(starts)):
        return []
    known = iter(fragments[:-1])
    if not all(start in known for start in starts):  # `in` goes on where the last start was found
        return []
    if _begins_codestream(read, starts[0]) and not all(_begins_codestream(read, start) for start in starts):
        return []
    return starts


def _starts_of_codestreams(read: Read, fragments: "array[int]", count: int) -> list[int]:
    """The fragments that begin a codestream, when they are as many as there are frames."""
    starts = [position for position in fragments[:-1] if _begins_codestream(read, position)]
    return starts if len(starts) == count and starts[0] == fragments[0] else []


def _begins_codestream(read: Read, fragment: int) -> bool:
    return read(fragment + ITEM_HEADER, PEEK).startswith(CODESTREAM_STARTS)


def _fragments(raw: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(raw):
        group, element, length = struct.unpack_from("<HHI", raw.ljust(position + ITEM_HEADER, b"\0"), position)
        position += ITEM_HEADER + length
        if (group, element) != (0xFFFE, 0xE000) or position > len(raw):
            raise InvalidInstance("a fragment of the pixel data is not where the frame table has it")
        yield raw[position - length : position]
