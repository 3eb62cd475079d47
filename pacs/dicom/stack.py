"""In which order the frames of a series are shown, and whether they lie one behind the other."""

from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pacs.dicom.series_document import FrameAttributes, Instance, Order, Stack

SAME_DIRECTION = 1e-3
"""Direction cosines that differ by less are the same."""
SAME_PLACE_MM = 0.01
REGULAR = 0.05
"""Gaps that differ from the median by a smaller part are regular."""
SHEARED = 0.01
"""A displacement across the normal that is a larger part of that along it is a shear: a tilt of half a degree."""

Vectors = NDArray[np.float64]
"""Shape (frames, 3), in mm."""


def sorted_frames(
    frames: Sequence[FrameAttributes], instances: Sequence[Instance]
) -> tuple[list[FrameAttributes], Order, Stack | None]:
    """The frames in the order in which they are shown."""
    numbered = sorted(frames, key=lambda frame: _number(frame, instances))
    positions = _positions_of_one_stack(numbered)
    if positions is None:
        return numbered, "instance_number", None
    normal = _normal(numbered[0])
    along = positions @ normal
    planes = _planes(along)
    phases = len(planes[0])
    if len(planes) < 2 or any(len(plane) != phases for plane in planes):
        return numbered, "instance_number", None
    if _runs_backwards(along):
        planes.reverse()
    indices = [plane[phase] for phase in range(phases) for plane in planes]
    first = positions[[plane[0] for plane in planes]]
    order: Order = "position" if phases == 1 else "phase_position"
    return [numbered[index] for index in indices], order, _stack(first, normal, phases)


def _number(frame: FrameAttributes, instances: Sequence[Instance]) -> tuple[bool, int, int, int]:
    number = instances[frame["instance"]]["instance_number"]
    return number is None, number or 0, frame["instance"], frame["frame_number"]


def _positions_of_one_stack(frames: Sequence[FrameAttributes]) -> Vectors | None:
    """The positions, when all frames have one and are parallel and of one size and kind."""
    if len(frames) < 2 or len({_kind(frame) for frame in frames}) > 1:
        return None
    orientations, positions = [], []
    for frame in frames:
        orientation, position = frame["image_orientation"], frame["image_position"]
        if orientation is None or position is None:
            return None
        orientations.append(orientation)
        positions.append(position)
    turned = np.abs(np.array(orientations) - np.array(orientations[0])).max()
    return np.array(positions) if turned < SAME_DIRECTION else None


def _kind(frame: FrameAttributes) -> tuple[Any, ...]:
    return frame["rows"], frame["columns"], frame["samples_per_pixel"], frame["frame_of_reference_uid"]


def _normal(frame: FrameAttributes) -> NDArray[np.float64]:
    orientation = np.array(frame["image_orientation"])
    normal: NDArray[np.float64] = np.cross(orientation[:3], orientation[3:])
    return normal / np.linalg.norm(normal)


def _planes(along: NDArray[np.float64]) -> list[list[int]]:
    """Indices of the frames at each place along the normal, in the order of their numbers within a place."""
    planes: list[list[int]] = []
    last = -np.inf
    for index in np.argsort(along, kind="stable").tolist():
        if along[index] - last > SAME_PLACE_MM:
            planes.append([])
            last = along[index]
        planes[-1].append(index)
    return [sorted(plane) for plane in planes]


def _runs_backwards(along: NDArray[np.float64]) -> bool:
    """Whether places fall as the numbers rise: then the stack is shown from its far end, as it was numbered."""
    ranks = np.arange(len(along)) - (len(along) - 1) / 2
    return bool(ranks @ (along - along.mean()) < 0)


def _stack(positions: Vectors, normal: NDArray[np.float64], phases: int) -> Stack:
    along = np.abs(np.diff(positions @ normal)).tolist()
    spacing = median(along)
    moved = positions[-1] - positions[0]
    depth = float(moved @ normal)
    across = float(np.linalg.norm(moved - depth * normal))
    return {
        "spacing": round(spacing, 6),
        "regular": all(abs(gap - spacing) <= REGULAR * spacing for gap in along),
        "sheared": across > SHEARED * abs(depth),
        "phases": phases,
    }
