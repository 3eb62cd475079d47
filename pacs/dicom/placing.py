"""Where what others drew lies in the frames of a series: by what it refers to, or by its place in space.

Points of a frame are (column, row) from the corner of its first pixel, as in PS3.3 C.18.6: (0.5, 0.5) is its middle.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PARALLEL = 0.999
"""Cosine from which on two planes are taken for parallel: 2.6 degrees."""
SLACK_MM = 0.01
USUAL_THICKNESS_MM = 1.0
DECIMALS = 5
"""Of a pixel."""
Vector = NDArray[np.float64]
Affine = tuple[float, float, float, float, float, float]
"""x' = a·x + c·y + e, y' = b·x + d·y + f."""


@dataclass(frozen=True, slots=True)
class Plane:
    """A grid of pixels in the patient's space, in mm (PS3.3 C.7.6.2)."""

    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    """Between rows, then between columns."""
    frame_of_reference_uid: str = ""

    @property
    def normal(self) -> Vector:
        found: Vector = np.cross(self.orientation[:3], self.orientation[3:])
        return found / (np.linalg.norm(found) or 1.0)

    def points_of(self, space: NDArray[np.float64]) -> NDArray[np.float64]:
        """Column and row of points in space, shape (n, 3) to (n, 2)."""
        relative = space - np.array(self.position)
        columns = relative @ np.array(self.orientation[:3]) / self.spacing[1] + 0.5
        rows = relative @ np.array(self.orientation[3:]) / self.spacing[0] + 0.5
        return np.stack([columns, rows], axis=1)

    def distance_to(self, space: NDArray[np.float64]) -> NDArray[np.float64]:
        """mm along the normal, of points in space."""
        found: NDArray[np.float64] = (space - np.array(self.position)) @ self.normal
        return found

    def is_parallel_to(self, other: "Plane") -> bool:
        return bool(abs(self.normal @ other.normal) >= PARALLEL)


@dataclass(frozen=True, slots=True)
class Heap:
    """Frames of a series that are parallel, in one frame of reference."""

    frame_of_reference_uid: str
    normal: Vector
    indices: NDArray[np.int64]
    """Of the frames, by where they lie along the normal."""
    offsets: NDArray[np.float64]
    """mm from the origin along the normal, rising."""

    def near(self, low_mm: float, high_mm: float, reach_mm: float) -> list[int]:
        """The frames from one place to another along the normal, and so far beyond."""
        first, last = np.searchsorted(self.offsets, (low_mm - reach_mm - SLACK_MM, high_mm + reach_mm + SLACK_MM))
        return [int(index) for index in self.indices[first:last]]


@dataclass(frozen=True, slots=True)
class Series:
    """The frames of a series, as its document has them."""

    planes: tuple[Plane | None, ...]
    sizes: tuple[tuple[int, int], ...]
    """Rows and columns of each."""
    by_name: Mapping[tuple[str, int], int]
    """The index of a frame by SOP Instance UID and frame number."""
    by_instance: Mapping[str, Sequence[int]]
    spacing_mm: float
    """Between neighbours; 0 where they are no stack."""
    heaps: tuple["Heap", ...]

    def named(self, sop_instance_uid: str, frames: Sequence[int]) -> list[int]:
        """The indices of frames of an instance; none: all of it."""
        if not frames:
            return list(self.by_instance.get(sop_instance_uid, ()))
        named = (self.by_name.get((sop_instance_uid, frame)) for frame in frames)
        return [index for index in named if index is not None]


def series_of(document: Mapping[str, Any]) -> Series:
    """document: a `SeriesDocument`."""
    shared, per_frame = document["shared"], document["per_frame"]

    def values(key: str) -> list[Any]:
        return per_frame[key] if key in per_frame else [shared.get(key)] * document["number_of_frames"]

    uids = [instance["sop_instance_uid"] for instance in document["instances"]]
    names = [(uids[at], number) for at, number in zip(values("instance"), values("frame_number"), strict=True)]
    by_instance: dict[str, list[int]] = {}
    for index, (uid, _) in enumerate(names):
        by_instance.setdefault(uid, []).append(index)
    geometry = zip(
        *map(values, ("image_position", "image_orientation", "pixel_spacing", "frame_of_reference_uid")), strict=True
    )
    planes = tuple(_plane(*one) for one in geometry)
    return Series(
        planes,
        tuple(zip(values("rows"), values("columns"), strict=True)),
        {name: index for index, name in enumerate(names)},
        by_instance,
        (document["stack"] or {}).get("spacing") or 0.0,
        tuple(_heaps(planes)),
    )


def _plane(position: object, orientation: object, spacing: object, frame_of_reference_uid: object) -> Plane | None:
    if not (isinstance(position, list) and isinstance(orientation, list) and isinstance(spacing, list)):
        return None
    return Plane(tuple(position), tuple(orientation), tuple(spacing), str(frame_of_reference_uid or ""))


def nearest(series: Series, points: NDArray[np.float64], frame_of_reference_uid: str) -> int:
    """The frame in whose plane points in space lie, shape (n, 3); -1: there is none.

    As far as half the way to the next frame is in it.
    """
    reach = (series.spacing_mm or USUAL_THICKNESS_MM) / 2
    best, least = -1, float("inf")
    for heap in series.heaps:
        if not heap.frame_of_reference_uid or heap.frame_of_reference_uid != frame_of_reference_uid:
            continue
        along = points @ heap.normal
        middle = float(along.min() + along.max()) / 2
        for index in heap.near(middle, middle, reach):
            plane = series.planes[index]
            furthest = float(np.abs(plane.distance_to(points)).max()) if plane else least
            if furthest <= reach + SLACK_MM and furthest < least:
                best, least = index, furthest
    return best


def _heaps(planes: Sequence[Plane | None]) -> Iterator[Heap]:
    alike: dict[tuple[object, ...], list[int]] = {}
    for index, plane in enumerate(planes):
        if plane is not None:
            key = (plane.frame_of_reference_uid, *(round(one, 3) for one in plane.orientation))
            alike.setdefault(key, []).append(index)
    for indices in alike.values():
        first = planes[indices[0]]
        assert first is not None
        positions = np.array([plane.position for index in indices if (plane := planes[index])])
        offsets = positions @ first.normal
        order = np.argsort(offsets, kind="stable")
        yield Heap(first.frame_of_reference_uid, first.normal, np.array(indices)[order], offsets[order])


def between_planes(source: Plane, target: Plane) -> Affine:
    """From the points of a frame to those of another that lies in the same plane."""
    corners = np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]) - 0.5
    right = np.array(source.orientation[:3]) * source.spacing[1]
    down = np.array(source.orientation[3:]) * source.spacing[0]
    space = np.array(source.position) + corners[:, :1] * right + corners[:, 1:] * down
    (e, f), (x1, y1), (x2, y2) = np.round(target.points_of(space), DECIMALS).tolist()
    return (x1 - e, y1 - f, x2 - e, y2 - f, e, f)


def by_size(source: tuple[int, int], target: tuple[int, int]) -> Affine:
    """From a frame to another of the same sight with more or fewer pixels. Rows and columns of each."""
    return (target[1] / source[1], 0.0, 0.0, target[0] / source[0], 0.0, 0.0)
