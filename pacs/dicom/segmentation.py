"""Segmentations: their segments, and where each of their frames lies (PS3.3 A.51, A.90, C.8.20)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import Literal, TypedDict

import numpy as np
from pydicom.dataset import Dataset

from pacs.dicom.display_colour import colour_of, distinct
from pacs.dicom.placing import SLACK_MM, USUAL_THICKNESS_MM, Affine, Plane, Series, between_planes, by_size
from pacs.dicom.text import character_sets, text
from pacs.dicom.values import integer, item, items, number, numbers, word

LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
MOST_SEGMENTS = 5000
MOST_FRAMES = 50_000
Kind = Literal["BINARY", "FRACTIONAL", "LABELMAP"]


class Segment(TypedDict):
    """One of what is marked (PS3.3 C.8.20.4)."""

    number: int
    label: str
    description: str
    category: str
    kind: str
    algorithm: str
    colour: str
    """`#rrggbb`: as recommended, else ours."""


class SegmentFrame(TypedDict):
    """One frame of a segmentation."""

    segment: int | None
    """Of a label map None: its values are numbers of segments."""
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, ...] | None
    sources: list[tuple[str, list[int]]]
    """SOP Instance UID and frames (none: all) of the images that it was made of."""


class Segmentation(TypedDict):
    """What is to be known before any of its frames."""

    kind: Literal["segmentation"]
    type: Kind
    rows: int
    columns: int
    most: int
    """The value of what is wholly in a segment, of a fractional one."""
    bits: int
    """Of a value as it is given: 1, 8 or 16."""
    frame_of_reference_uid: str
    thickness: float | None
    """mm."""
    segments: list[Segment]
    frames: list[SegmentFrame]
    left_out: int
    """Segments and frames beyond what is read."""


Placed = dict[int, list[tuple[int, Affine]]]
"""By index of a frame of a series: numbers of frames of the segmentation, from 1, and how each lies there."""


def segmentation_of(ds: Dataset) -> Segmentation:
    """What the header of a segmentation says; what is missing or broken in it is left out."""
    kind = kind_of(ds)
    sets = character_sets(ds)
    segments = items(ds, "SegmentSequence")
    count = max(1, integer(ds, "NumberOfFrames", 1))
    shared = item(ds, "SharedFunctionalGroupsSequence") or Dataset()
    own = items(ds, "PerFrameFunctionalGroupsSequence")[:MOST_FRAMES]
    measures = item(shared, "PixelMeasuresSequence") or (item(own[0], "PixelMeasuresSequence") if own else None)
    allocated = integer(ds, "BitsAllocated", 8)
    return {
        "kind": "segmentation",
        "type": kind,
        "rows": integer(ds, "Rows"),
        "columns": integer(ds, "Columns"),
        "most": max(1, integer(ds, "MaximumFractionalValue", 1)) if kind == "FRACTIONAL" else 1,
        "bits": allocated if allocated in (1, 8, 16) else 8,
        "frame_of_reference_uid": word(ds, "FrameOfReferenceUID"),
        "thickness": number(measures, "SliceThickness") if measures is not None else None,
        "segments": [_segment(one, index, sets) for index, one in enumerate(segments[:MOST_SEGMENTS])],
        "frames": [_frame(one, shared, kind) for one in own],
        "left_out": max(0, len(segments) - MOST_SEGMENTS) + max(0, count - MOST_FRAMES),
    }


def kind_of(ds: Dataset) -> Kind:
    said = word(ds, "SegmentationType")
    if word(ds, "SOPClassUID") == LABEL_MAP or said == "LABELMAP":
        return "LABELMAP"
    return "FRACTIONAL" if said == "FRACTIONAL" else "BINARY"


def placed_on(segmentation: Segmentation, series: Series) -> Placed:
    """Which frames of a segmentation lie on which of a series.

    By their places in space where both have one in the same frame of reference, otherwise by what they were made of.
    Where a series is named, only those of its frames are meant that are; a name never moves a frame in space.
    """
    planes = [_plane(frame, segmentation["frame_of_reference_uid"]) for frame in segmentation["frames"]]
    reach = _reach(segmentation, planes, series)
    best: dict[tuple[int, int | None], tuple[float, int, Affine]] = {}
    for number_, (frame, plane) in enumerate(zip(segmentation["frames"], planes, strict=True), start=1):
        named = {index for sop, frames in frame["sources"] for index in series.named(sop, frames)}
        for index, distance, affine in _places(segmentation, plane, named, series, reach):
            key = index, frame["segment"]
            if key not in best or distance < best[key][0]:
                best[key] = distance, number_, affine
    found: Placed = {}
    for (index, _), (_, number_, affine) in sorted(best.items(), key=lambda one: one[1][1]):
        found.setdefault(index, []).append((number_, affine))
    return found


def _places(
    segmentation: Segmentation, plane: Plane | None, named: set[int], series: Series, reach: float
) -> Iterator[tuple[int, float, Affine]]:
    """Frames of a series on which a frame lies: the index, the distance in mm, and how."""
    if plane is not None:
        for index in _in_space(plane, series, reach):
            target = series.planes[index]
            if target is not None and (not named or index in named):
                distance = abs(float(target.distance_to(np.array(plane.position))))
                yield index, distance, between_planes(plane, target)
    for index in named:
        target = series.planes[index]
        if plane is None or target is None or not _share_space(plane, target):
            yield index, 0.0, by_size((segmentation["rows"], segmentation["columns"]), series.sizes[index])


def _in_space(plane: Plane, series: Series, reach: float) -> Iterator[int]:
    for heap in series.heaps:
        if heap.frame_of_reference_uid == plane.frame_of_reference_uid != "":
            first = series.planes[int(heap.indices[0])]
            if first is not None and first.is_parallel_to(plane):
                along = float(np.array(plane.position) @ heap.normal)
                yield from heap.near(along, along, reach)


def _share_space(one: Plane, other: Plane) -> bool:
    return one.frame_of_reference_uid == other.frame_of_reference_uid != ""


def _reach(segmentation: Segmentation, planes: Sequence[Plane | None], series: Series) -> float:
    """How far from its plane, in mm, a frame still is what was marked: half the way to the next one."""
    known = [plane for plane in planes if plane is not None]
    offsets = sorted({round(float(np.array(plane.position) @ known[0].normal), 2) for plane in known})
    gaps = [after - before for before, after in pairwise(offsets) if after - before > SLACK_MM]
    apart = median(gaps) if gaps else 0.0
    return (apart or segmentation["thickness"] or series.spacing_mm or USUAL_THICKNESS_MM) / 2


def _plane(frame: SegmentFrame, frame_of_reference_uid: str) -> Plane | None:
    position, orientation, spacing = frame["position"], frame["orientation"], frame["spacing"]
    if position is None or orientation is None or spacing is None:
        return None
    return Plane(position, orientation, spacing, frame_of_reference_uid)


def _segment(ds: Dataset, index: int, outer: Sequence[str]) -> Segment:
    sets = character_sets(ds, outer)
    return {
        "number": integer(ds, "SegmentNumber"),
        "label": text(ds, "SegmentLabel", sets),
        "description": text(ds, "SegmentDescription", sets),
        "category": _meaning(ds, "SegmentedPropertyCategoryCodeSequence", sets),
        "kind": _meaning(ds, "SegmentedPropertyTypeCodeSequence", sets),
        "algorithm": ", ".join(
            filter(None, (word(ds, "SegmentAlgorithmType"), text(ds, "SegmentAlgorithmName", sets)))
        ),
        "colour": colour_of(ds, "RecommendedDisplayCIELabValue", "RecommendedDisplayGrayscaleValue") or distinct(index),
    }


def _meaning(ds: Dataset, keyword: str, sets: Sequence[str]) -> str:
    code = item(ds, keyword)
    return "" if code is None else text(code, "CodeMeaning", sets)


def _frame(own: Dataset, shared: Dataset, kind: Kind) -> SegmentFrame:
    def group(keyword: str) -> Dataset:
        return item(own, keyword) or item(shared, keyword) or Dataset()

    identified = integer(group("SegmentIdentificationSequence"), "ReferencedSegmentNumber", 0)
    return {
        "segment": None if kind == "LABELMAP" else identified,
        "position": _of_length(3, numbers(group("PlanePositionSequence"), "ImagePositionPatient")),
        "orientation": _of_length(6, numbers(group("PlaneOrientationSequence"), "ImageOrientationPatient")),
        "spacing": _of_length(2, numbers(group("PixelMeasuresSequence"), "PixelSpacing")),
        "sources": list(_sources(items(own, "DerivationImageSequence") or items(shared, "DerivationImageSequence"))),
    }


def _of_length(length: int, values: tuple[float, ...]) -> tuple[float, ...] | None:
    return values if len(values) == length and any(values) | (length == 3) else None


def _sources(derivations: Iterable[Dataset]) -> Iterator[tuple[str, list[int]]]:
    for derivation in derivations:
        for source in items(derivation, "SourceImageSequence"):
            frames = [int(one) for one in numbers(source, "ReferencedFrameNumber")]
            yield word(source, "ReferencedSOPInstanceUID"), frames
