"""The only way out: instances, frames and pictures of what is kept, as stored or in another form."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pacs.archive.selection import (
    InstanceRef,
    data_set,
    data_set_chunks,
    instance_with_frames,
    instances,
    read,
    whole_file,
    whole_file_chunks,
)
from pacs.context import Actor, Pacs
from pacs.dicom.frames import FrameTable
from pacs.errors import NotFound

__all__ = [
    "FrameSet",
    "InstanceRef",
    "data_set",
    "data_set_chunks",
    "frames",
    "instances",
    "whole_file",
    "whole_file_chunks",
]

MOST_READ_AT_ONCE = 4 << 20
"""Bytes of neighbouring frames that are read together."""
LARGEST_GAP = 64
"""Bytes between two frames that are cheaper read than skipped: item headers and padding."""


@dataclass(frozen=True, slots=True)
class FrameSet:
    """Frames of one instance, on their way."""

    ref: InstanceRef
    numbers: tuple[int, ...]
    transfer_syntax_uid: str
    frames: Iterator[bytes]


def frames(pacs: Pacs, actor: Actor, study: str, series: str, sop: str, numbers: Sequence[int]) -> FrameSet:
    """Frames as they are stored, in the order asked for; they count from 1. The file is never parsed.

    Raises NotAllowed, and NotFound when there is no such instance or frame.
    """
    ref, table = instance_with_frames(pacs, actor, study, series, sop)
    if table is None:
        raise NotFound(f"instance {sop} has no frames")
    if not numbers or min(numbers) < 1 or max(numbers) > table.count:
        raise NotFound(f"instance {sop} has the frames 1 to {table.count}")
    return FrameSet(ref, tuple(numbers), ref.transfer_syntax_uid, _frames(pacs, ref, table, numbers))


def _frames(pacs: Pacs, ref: InstanceRef, table: FrameTable, numbers: Sequence[int]) -> Iterator[bytes]:
    ranges = [table.range_of(number) for number in numbers]
    begin = 0
    for end in _ends_of_runs(ranges):
        start, stop = ranges[begin][0], ranges[end - 1][1]
        raw = read(pacs, ref, start, stop)
        for index in range(begin, end):
            one = raw[ranges[index][0] - start : ranges[index][1] - start]
            yield table.bytes_of(numbers[index], one)
        begin = end


def _ends_of_runs(ranges: Sequence[tuple[int, int]]) -> Iterator[int]:
    """Where runs of neighbours end that are read together: indices, exclusive; the last is the number of ranges."""
    first = 0
    for index in range(1, len(ranges)):
        gap = ranges[index][0] - ranges[index - 1][1]
        if not 0 <= gap <= LARGEST_GAP or ranges[index][1] - ranges[first][0] > MOST_READ_AT_ONCE:
            yield index
            first = index
    yield len(ranges)
