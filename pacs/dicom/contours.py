"""Structure sets: their regions, and where their contours lie (PS3.3 A.19.3, C.8.8.5, C.8.8.6)."""

from collections.abc import Iterator, Sequence
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pacs.dicom.display_colour import distinct
from pacs.dicom.placing import Series, nearest
from pacs.dicom.text import character_sets, text
from pacs.dicom.values import integer, item, items, numbers, word

MOST_STRUCTURES = 2000
MOST_POINTS = 2_000_000
"""Of all contours: what comes after them is left out, and told."""
DECIMALS = 2
"""Of a pixel."""


class Structure(TypedDict):
    """A region of interest."""

    number: int
    label: str
    description: str
    kind: str
    """What it is to a planner: ORGAN, PTV, EXTERNAL ... (PS3.3 C.8.8.8.1)."""
    algorithm: str
    colour: str
    """`#rrggbb`."""
    contours: int


class StructureSet(TypedDict):
    kind: Literal["contours"]
    structures: list[Structure]
    frame_of_reference_uids: list[str]
    left_out: int
    """Contours and regions beyond what is read."""


class Drawn(TypedDict):
    """A contour on a frame."""

    structure: int
    shape: str
    """CLOSED_PLANAR, OPEN_PLANAR, POINT ... (PS3.3 C.8.8.6.1)."""
    points: list[float]
    """Column and row, one after the other."""


Placed = dict[int, list[Drawn]]
"""By index of a frame of a series."""


def structures_of(ds: Dataset) -> StructureSet:
    """What the header says of its regions; what is missing or broken in it is left out."""
    sets = character_sets(ds)
    contours = {integer(one, "ReferencedROINumber", -1): one for one in items(ds, "ROIContourSequence")}
    observed = {integer(one, "ReferencedROINumber", -1): one for one in items(ds, "RTROIObservationsSequence")}
    regions = items(ds, "StructureSetROISequence")
    taken, left_out = _taken(ds)
    counts: dict[int, int] = {}
    for number, _, _ in taken:
        counts[number] = counts.get(number, 0) + 1
    return {
        "kind": "contours",
        "structures": [
            _structure(one, index, contours, observed, counts, sets)
            for index, one in enumerate(regions[:MOST_STRUCTURES])
        ],
        "frame_of_reference_uids": sorted(set(_spaces(ds).values())),
        "left_out": left_out + max(0, len(regions) - MOST_STRUCTURES),
    }


def placed_on(ds: Dataset, series: Series) -> Placed:
    """Its contours on the frames of a series in whose planes they lie, in the same frame of reference.

    A contour that names images is on those of them in whose plane it is, else on any; without a frame of reference
    its names alone tell, as far as they have a place.
    """
    spaces = _spaces(ds)
    found: Placed = {}
    for number, contour, points in _taken(ds)[0]:
        index = _index_of(contour, points, spaces.get(number, ""), series)
        plane = series.planes[index] if index >= 0 else None
        if plane is not None:
            drawn = np.round(plane.points_of(points), DECIMALS).ravel().tolist()
            shape = word(contour, "ContourGeometricType")
            found.setdefault(index, []).append({"structure": number, "shape": shape, "points": drawn})
    return found


def _index_of(contour: Dataset, points: NDArray[np.float64], space: str, series: Series) -> int:
    if space and (found := nearest(series, points, space)) >= 0:
        return found
    for image in items(contour, "ContourImageSequence"):
        frames = [int(one) for one in numbers(image, "ReferencedFrameNumber")]
        for index in series.named(word(image, "ReferencedSOPInstanceUID"), frames):
            plane = series.planes[index]
            if plane is not None and not (space and plane.frame_of_reference_uid):
                return index
    return -1


def _taken(ds: Dataset) -> tuple[list[tuple[int, Dataset, NDArray[np.float64]]], int]:
    """The contours that are read, each with the number of its region and its points; and how many are not."""
    taken, left, left_out = [], MOST_POINTS, 0
    for number, contour in _contours(ds):
        values = numbers(contour, "ContourData")
        count = len(values) // 3
        if not count or count > left:
            left_out += 1
            continue
        left -= count
        taken.append((number, contour, np.array(values[: 3 * count]).reshape(count, 3)))
    return taken, left_out


def _contours(ds: Dataset) -> Iterator[tuple[int, Dataset]]:
    for one in items(ds, "ROIContourSequence"):
        for contour in items(one, "ContourSequence"):
            yield integer(one, "ReferencedROINumber", -1), contour


def _spaces(ds: Dataset) -> dict[int, str]:
    """The frame of reference of each region that has one."""
    regions = items(ds, "StructureSetROISequence")
    told = {integer(one, "ROINumber", -1): word(one, "ReferencedFrameOfReferenceUID") for one in regions}
    return {number: uid for number, uid in told.items() if uid}


def _structure(
    region: Dataset,
    index: int,
    contours: dict[int, Dataset],
    observed: dict[int, Dataset],
    counts: dict[int, int],
    outer: Sequence[str],
) -> Structure:
    sets = character_sets(region, outer)
    number = integer(region, "ROINumber", -1)
    observation = observed.get(number, Dataset())
    colour = numbers(contours.get(number, Dataset()), "ROIDisplayColor")
    interpreter = item(observation, "RTROIIdentificationCodeSequence")
    return {
        "number": number,
        "label": text(region, "ROIName", sets) or text(observation, "ROIObservationLabel", sets) or str(number),
        "description": text(region, "ROIDescription", sets)
        or ("" if interpreter is None else text(interpreter, "CodeMeaning", sets)),
        "kind": word(observation, "RTROIInterpretedType"),
        "algorithm": word(region, "ROIGenerationAlgorithm"),
        "colour": _hexadecimal(colour) if len(colour) == 3 else distinct(index),
        "contours": counts.get(number, 0),
    }


def _hexadecimal(colour: Sequence[float]) -> str:
    return "#" + "".join(f"{int(min(255, max(0, one))):02x}" for one in colour)
