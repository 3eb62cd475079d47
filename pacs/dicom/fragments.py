"""The fragments of encapsulated pixel data as one stream of bytes: how a video lies in its file (PS3.5 A.4)."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from pacs.errors import Undecodable

ITEM, SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
PIXEL_DATA_HEAD, ITEM_HEAD = 12, 8
"""Bytes: in explicit VR little endian, in which everything encapsulated is."""
MOST_FRAGMENTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Stream:
    """Pieces of a file that follow each other."""

    pieces: Sequence[tuple[int, int]]
    """Start and stop (exclusive) of each, in bytes of the file."""

    @property
    def size(self) -> int:
        return sum(stop - start for start, stop in self.pieces)

    def ranges(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Where in the file bytes of the stream lie, from start up to, not including, stop."""
        found, begin = [], 0
        for first, last in self.pieces:
            end = begin + last - first
            low, high = max(start, begin), min(stop, end)
            if low < high:
                found.append((first + low - begin, first + high - begin))
            begin = end
        return found


def stream_of(file: BinaryIO) -> Stream:
    """file: at its pixel data element. Raises Undecodable when that is not encapsulated, or broken."""
    head = file.read(PIXEL_DATA_HEAD)
    if len(head) < PIXEL_DATA_HEAD or head[8:] != b"\xff\xff\xff\xff":
        raise Undecodable("the video is not encapsulated")
    _item(file, 0)  # the Basic Offset Table
    pieces: list[tuple[int, int]] = []
    while (found := _item(file, len(pieces))) is not None:
        pieces.append(found)
    return Stream(pieces)


def _item(file: BinaryIO, count: int) -> tuple[int, int] | None:
    head = file.read(ITEM_HEAD)
    if len(head) < ITEM_HEAD or count > MOST_FRAGMENTS:
        raise Undecodable("the video's fragments cannot be told apart")
    group, element, length = struct.unpack("<HHI", head)
    if (group, element) == SEQUENCE_END:
        return None
    start = file.tell()
    if (group, element) != ITEM or file.seek(0, 2) < start + length:
        raise Undecodable("the video's fragments cannot be told apart")
    file.seek(start + length)
    return start, start + length
