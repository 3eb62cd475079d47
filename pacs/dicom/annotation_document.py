"""What is drawn on images, as the viewer sends it: viewer/src/net/annotation.ts tells the same for the browser.

A document comes back as it was sent: its numbers are doubles on both sides, and are never rounded.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, model_validator

Kind = Literal["length", "angle", "cobb", "ellipse", "rectangle", "freehand", "probe", "arrow", "text"]
Quantity = Literal["length", "angle", "area", "mean", "sd", "min", "max", "value", "width", "height"]

Title = Literal["of-interest", "for-referring-provider"]
"""What key images were chosen for (PS3.16 CID 7010)."""

POINTS: Mapping[Kind, tuple[int, int]] = {
    "length": (2, 2),
    "angle": (3, 3),
    "cobb": (4, 4),
    "ellipse": (4, 4),
    "rectangle": (2, 2),
    "freehand": (3, 4000),
    "probe": (1, 1),
    "arrow": (2, 2),
    "text": (1, 1),
}
"""How many an annotation of a kind has, at least and at most."""
LONGEST_TEXT = 1000
"""Characters. A text of a presentation state has 1024 (PS3.5 6.2, ST)."""
MOST_RESULTS = 32
FARTHEST = 1e6
"""Pixels or mm: no picture reaches so far."""
NEARLY_ONE = 1e-3
"""How far the length of a unit vector may be from 1."""


def _uuid(text: str) -> str:
    if text != str(UUID(text)):
        raise ValueError("a UUID is written in small letters and with hyphens")
    return text


def _printable(text: str) -> str:
    if any(not letter.isprintable() and letter not in "\n\t" for letter in text):
        raise ValueError("a text has letters and line ends, and no other control characters")
    return text


Id = Annotated[str, Field(min_length=36, max_length=36), AfterValidator(_uuid)]
Uid = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9]+(\.[0-9]+)*$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Coordinate = Annotated[float, Field(allow_inf_nan=False, ge=-FARTHEST, le=FARTHEST)]
Word = Annotated[str, Field(max_length=64), AfterValidator(_printable)]


class FramePlace(BaseModel, frozen=True, extra="forbid"):
    """On one frame: points are (column, row) in pixels from the corner of the first pixel (PS3.3 C.18.6)."""

    on: Literal["frame"]
    study_instance_uid: Uid
    series_instance_uid: Uid
    sop_class_uid: Uid
    sop_instance_uid: Uid
    frame_number: int = Field(ge=1)


class PlanePlace(BaseModel, frozen=True, extra="forbid"):
    """On a plane through a volume: points are (x, y, z) in mm in the patient's coordinates (PS3.3 C.18.9)."""

    on: Literal["plane"]
    study_instance_uid: Uid
    series_instance_uid: Uid
    """Of the series the volume is made of."""
    frame_of_reference_uid: Uid
    normal: tuple[Finite, Finite, Finite]
    """Of the plane, through the first point."""

    @model_validator(mode="after")
    def _is_unit(self) -> Self:
        if abs(math.hypot(*self.normal) - 1) > NEARLY_ONE:
            raise ValueError("the normal of a plane has the length 1")
        return self


class Result(BaseModel, frozen=True, extra="forbid"):
    """A number that was measured, with its unit and where both come from."""

    quantity: Quantity
    value: Finite
    """Not rounded."""
    unit: Word
    """UCUM, or px and px2."""
    type: Word
    """What it is a measure of, where the unit does not tell: HU, SUVbw."""
    source: Word
    """The keyword of the attribute that its scale was read from; `calibrated`: a known length; "": none."""
    in_body: bool
    """False: at the detector, an estimate, or pixels."""


class Annotation(BaseModel, frozen=True, extra="forbid"):
    """One drawing with what was typed and measured."""

    id: Id
    kind: Kind
    place: Annotated[FramePlace | PlanePlace, Field(discriminator="on")]
    points: tuple[tuple[Coordinate, ...], ...]
    text: Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(_printable)]
    results: Annotated[tuple[Result, ...], Field(max_length=MOST_RESULTS)]

    @model_validator(mode="after")
    def _has_its_points(self) -> Self:
        least, most = POINTS[self.kind]
        if not least <= len(self.points) <= most:
            raise ValueError(f"{self.kind} has {least} to {most} points, and not {len(self.points)}")
        dimensions = 2 if self.place.on == "frame" else 3
        if any(len(point) != dimensions for point in self.points):
            raise ValueError(f"a point on a {self.place.on} has {dimensions} coordinates")
        if self.kind == "rectangle" and self.place.on == "plane":
            raise ValueError("two corners tell no rectangle on a plane: it is drawn freehand")
        return self


def tracking_uid(id: str) -> str:
    """The Tracking Unique Identifier of an annotation: its UUID (PS3.5 B.2)."""
    return f"2.25.{UUID(id).int}"


def graphic_type(kind: Kind) -> str:
    """How its points are to be joined (PS3.3 C.18.6.1.2, C.10.5.1.2)."""
    match kind:
        case "probe" | "text":
            return "POINT"
        case "ellipse":
            return "ELLIPSE"
        case _:
            return "POLYLINE"


def outline(annotation: Annotation) -> Sequence[Sequence[float]]:
    """Its points as they are drawn: a rectangle has four corners, what has an inside ends where it began.

    Of an ellipse the longer axis comes first, as the standard has it.
    """
    points = annotation.points
    match annotation.kind:
        case "rectangle":
            (left, top), (right, bottom) = points
            return ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
        case "freehand":
            return points if points[0] == points[-1] else (*points, points[0])
        case "ellipse" if math.dist(*points[:2]) < math.dist(*points[2:]):
            return (*points[2:], *points[:2])
        case _:
            return points
