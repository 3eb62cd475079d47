"""The only way out: instances, frames and pictures of what is kept, as stored or in another form."""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from pacs.archive import decoding
from pacs.archive.headers import Opened, open_instance, read_header
from pacs.archive.metadata import series_document
from pacs.archive.outgoing import (
    data_set,
    data_set_chunks,
    file_range,
    is_there,
    transcoded,
    transcoded_chunks,
    whole_file,
    whole_file_chunks,
    whole_files,
)
from pacs.archive.rendering import AS_KEPT, Appearance, rendered, representative, thumbnail
from pacs.archive.selection import (
    InstanceRef,
    frame_tables,
    instance_with_frames,
    instances,
)
from pacs.context import Actor, Pacs
from pacs.dicom.frames import FrameTable
from pacs.dicom.pixels import DEFLATED, EXPLICIT, PixelDescription, pixel_description
from pacs.dicom.series_document import SeriesDocument
from pacs.errors import NotFound

__all__ = [
    "AS_KEPT",
    "Appearance",
    "FrameSet",
    "InstanceRef",
    "data_set",
    "data_set_chunks",
    "decoded",
    "file_range",
    "frames",
    "instances",
    "is_there",
    "rendered",
    "representative",
    "thumbnail",
    "transcoded",
    "transcoded_chunks",
    "viewer_frames",
    "whole_file",
    "whole_file_chunks",
    "whole_files",
]

MOST_READ_AT_ONCE = 4 << 20
"""Bytes of neighbouring frames that are read together."""
LARGEST_GAP = 64
"""Bytes between two frames that are cheaper read than skipped: item headers and padding."""
READ_AHEAD = 2
"""Reads under way while what came before is being sent."""
T = TypeVar("T")
Numbered = tuple[int, bytes]
"""An index or number, and the bytes of that frame."""


@dataclass(frozen=True, slots=True)
class FrameSet:
    """Frames of one instance, on their way."""

    ref: InstanceRef
    opened: Opened
    numbers: tuple[int, ...]
    transfer_syntax_uid: str
    """Of these frames."""
    frames: Iterator[bytes]


def frames(
    pacs: Pacs, actor: Actor, study: str, series: str, sop: str, numbers: Sequence[int] | None = None
) -> FrameSet:
    """Frames as they are stored, in the order asked for; they count from 1. None: all. The file is never parsed.

    Raises NotAllowed, and NotFound when there is no such instance or frame.
    """
    ref, table = instance_with_frames(pacs, actor, study, series, sop)
    if ref.transfer_syntax_uid == DEFLATED:
        pacs.take_time()
    opened = open_instance(pacs, ref, table)
    if opened.table is None:
        raise NotFound(f"instance {sop} has no frames, or none that can be told apart")
    count = opened.table.count
    wanted = tuple(range(1, count + 1) if numbers is None else numbers)
    if not wanted or min(wanted) < 1 or max(wanted) > count:
        raise NotFound(f"instance {sop} has the frames 1 to {count}")
    read = (run() for run in _runs(opened, opened.table, [(number, number) for number in wanted]))
    return FrameSet(ref, opened, wanted, opened.transfer_syntax_uid, (data for run in read for _, data in run))


def decoded(pacs: Pacs, frame_set: FrameSet) -> FrameSet:
    """The same frames uncompressed, as `transcoded` would give them: for who cannot take what is stored.

    Raises Undecodable, for a damaged frame while they are taken.
    """
    pacs.take_time()
    ref, opened = frame_set.ref, frame_set.opened
    description = pixel_description(read_header(pacs, ref, opened))
    native = (decoding.native(pacs, ref, opened, description, number) for number in frame_set.numbers)
    return replace(frame_set, transfer_syntax_uid=EXPLICIT, frames=native)


def viewer_frames(
    pacs: Pacs, actor: Actor, study: str, series: str, indices: Sequence[int], revision: int | None = None
) -> Iterator[Numbered]:
    """Frames of a series by their indices in its document, in the order asked for, each as the document says.

    revision: that of the caller's document. Raises NotAllowed, and NotFound also when the series has changed since:
    its indices would mean other frames. Undecodable comes while the frames are taken.
    """
    document: SeriesDocument = json.loads(series_document(pacs, actor, study, series))
    if revision is not None and revision != document["revision"]:
        raise NotFound("the series has changed since: its document is to be asked for again")
    if not indices or min(indices) < 0 or max(indices) >= document["number_of_frames"]:
        raise NotFound(f"the series has {document['number_of_frames']} frames")
    wanted = [_wanted(document, index) for index in indices]
    refs = _refs(pacs, actor, study, series, {one.sop_instance_uid for one in wanted})
    tables = frame_tables(pacs, list(refs.values()))
    reads = _reads(pacs, refs, tables, wanted)
    return (one for run in _ahead(reads) for one in run)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the document says of a frame that is asked for."""

    index: int
    sop_instance_uid: str
    frame_number: int
    is_transcoded: bool


def _wanted(document: SeriesDocument, index: int) -> _Wanted:
    def value(key: str) -> int:
        found = document["per_frame"][key][index] if key in document["per_frame"] else document["shared"][key]
        assert isinstance(found, int), key
        return found

    sop = document["instances"][value("instance")]["sop_instance_uid"]
    return _Wanted(index, sop, value("frame_number"), bool(value("transcoded")))


def _refs(pacs: Pacs, actor: Actor, study: str, series: str, sops: set[str]) -> dict[str, InstanceRef]:
    few = sops if len(sops) <= 100 else None
    refs = {ref.sop_instance_uid: ref for ref in instances(pacs, actor, study, series, few)}
    if not sops <= refs.keys():
        raise NotFound("the series has changed since: its document is to be asked for again")
    return refs


def _reads(
    pacs: Pacs, refs: dict[str, InstanceRef], tables: dict[int, FrameTable], wanted: Sequence[_Wanted]
) -> Iterator[Callable[[], Sequence[Numbered]]]:
    """One call for each ranged read, in the order in which the frames are wanted."""
    for run in _same_instance(wanted):
        ref = refs[run[0].sop_instance_uid]
        opened = open_instance(pacs, ref, tables.get(ref.pk))
        if opened.table is None:
            raise NotFound(f"instance {ref.sop_instance_uid} has no frames")
        if run[0].is_transcoded:
            description = pixel_description(read_header(pacs, ref, opened))
            yield from (partial(_transcoded, pacs, ref, opened, description, one) for one in run)
        else:
            yield from _runs(opened, opened.table, [(one.index, one.frame_number) for one in run])


def _same_instance(wanted: Sequence[_Wanted]) -> Iterator[Sequence[_Wanted]]:
    """Runs of one instance."""
    first = 0
    for index in range(1, len(wanted) + 1):
        if index == len(wanted) or wanted[index].sop_instance_uid != wanted[first].sop_instance_uid:
            yield wanted[first:index]
            first = index


def _transcoded(
    pacs: Pacs, ref: InstanceRef, opened: Opened, description: PixelDescription, one: _Wanted
) -> Sequence[Numbered]:
    return [(one.index, decoding.delivered(pacs, ref, opened, description, one.frame_number))]


def _runs(
    opened: Opened, table: FrameTable, wanted: Sequence[tuple[int, int]]
) -> Iterator[Callable[[], Sequence[Numbered]]]:
    """One call for each run of neighbouring frames. wanted: what each frame is called in the answer, its number."""
    ranges = [opened.range_of(table, number) for _, number in wanted]
    begin = 0
    for end in _ends_of_runs(ranges):
        yield partial(_read_run, opened, table, wanted[begin:end], ranges[begin:end])
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


def _read_run(
    opened: Opened, table: FrameTable, wanted: Sequence[tuple[int, int]], ranges: Sequence[tuple[int, int]]
) -> Sequence[Numbered]:
    begin = ranges[0][0]
    raw = opened.read(begin, ranges[-1][1])
    pieces = (raw[start - begin : stop - begin] for start, stop in ranges)
    return [(name, table.bytes_of(number, piece)) for (name, number), piece in zip(wanted, pieces, strict=True)]


def _ahead(calls: Iterable[Callable[[], T]]) -> Iterator[T]:
    """The answers in order, the next ones under way while one is taken."""
    with ThreadPoolExecutor(READ_AHEAD) as pool:
        pending: deque[Future[T]] = deque()
        try:
            for call in calls:
                pending.append(pool.submit(call))
                if len(pending) > READ_AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
