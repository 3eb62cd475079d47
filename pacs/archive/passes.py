"""Frames of a series in passes: a low resolution of many first, what is missing of each later."""

import json
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from pacs.archive.metadata import series_document
from pacs.archive.renditions import Rendition, read_resolutions, renditions_of
from pacs.archive.selection import InstanceRef, instances
from pacs.context import Actor, Pacs
from pacs.dicom.series_document import SeriesDocument
from pacs.errors import NotFound

READ_AHEAD = 3
"""Reads under way while what came before is being sent."""
READ_AT_ONCE = 1 << 19
"""Bytes of frames that one of them takes."""
Numbered = tuple[int, bytes]
"""An index, and bytes of that frame."""


def frames_in_passes(
    pacs: Pacs,
    actor: Actor,
    study: str,
    series: str,
    indices: Sequence[int],
    revision: int | None,
    begin: int,
    end: int | None,
) -> Iterator[Numbered]:
    """Resolutions of frames by their indices in the document, from begin up to, not including, end; None: to the last.

    They are counted as in `resolution_ends`, from 0. Raises NotAllowed, and NotFound also when the document is out of
    date: its indices would mean other frames, or a frame is not to be had in HTJ2K any more.
    """
    document: SeriesDocument = json.loads(series_document(pacs, actor, study, series))
    if revision is not None and revision != document["revision"]:
        raise NotFound("the series has changed since: its document is to be asked for again")
    if not indices or min(indices) < 0 or max(indices) >= document["number_of_frames"]:
        raise NotFound(f"the series has {document['number_of_frames']} frames")
    wanted = [(index, *_named(document, index)) for index in indices]
    sops = {sop for _, sop, _ in wanted}
    refs = instances(pacs, actor, study, series, sops if len(sops) <= 100 else None)
    made = renditions_of(pacs, refs)
    by_sop = {ref.sop_instance_uid: (ref, made[ref.pk]) for ref in refs if ref.pk in made}
    if not sops <= by_sop.keys():
        raise NotFound("not all of these frames are to be had in resolutions: the document is to be asked for again")
    return _in_order(pacs, [_piece(index, *by_sop[sop], number, begin, end) for index, sop, number in wanted])


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some resolutions of a frame."""

    index: int
    ref: InstanceRef
    rendition: Rendition
    number: int
    begin: int
    end: int
    size: int
    """Bytes."""


def _piece(index: int, ref: InstanceRef, made: Rendition, number: int, begin: int, end: int | None) -> _Piece:
    end = made.table.levels if end is None else end
    start, stop = made.table.range_of(number, begin, end)
    return _Piece(index, ref, made, number, begin, end, stop - start)


def _named(document: SeriesDocument, index: int) -> tuple[str, int]:
    """SOP Instance UID and frame number."""

    def value(key: str) -> int:
        found = document["per_frame"][key][index] if key in document["per_frame"] else document["shared"][key]
        assert isinstance(found, int), key
        return found

    return document["instances"][value("instance")]["sop_instance_uid"], value("frame_number")


def _in_order(pacs: Pacs, pieces: Sequence[_Piece]) -> Iterator[Numbered]:
    """What is read, the next pieces under way while one is taken."""
    with ThreadPoolExecutor(READ_AHEAD) as pool:
        pending: deque[Future[list[Numbered]]] = deque()
        try:
            for some in _handfuls(pieces):
                pending.append(pool.submit(_read, pacs, some))
                if len(pending) > READ_AHEAD:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _handfuls(pieces: Sequence[_Piece]) -> Iterator[Sequence[_Piece]]:
    """What is read together: handing a small piece to a thread costs more than reading it. The first goes alone."""
    first, size = 0, READ_AT_ONCE
    for index, piece in enumerate(pieces, start=1):
        size += piece.size
        if size >= READ_AT_ONCE or index == len(pieces):
            yield pieces[first:index]
            first, size = index, 0


def _read(pacs: Pacs, pieces: Sequence[_Piece]) -> list[Numbered]:
    return [
        (one.index, read_resolutions(pacs, one.ref, one.rendition, one.number, one.begin, one.end)) for one in pieces
    ]
