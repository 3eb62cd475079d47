"""Structured reports and key object notes for the viewer: what they say as a tree, and what they mark on images."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypedDict

import numpy as np
from pydicom.dataset import Dataset

from pacs.dicom.document import NO_CODE, Code, Content, report_of, unit_of
from pacs.dicom.placing import Series, nearest

MOST_ITEMS = 20_000
"""Content items that are told: what comes after them is left out, and told."""
MOST_POINTS = 200_000
"""Of all marks."""
IMAGES = ("IMAGE", "COMPOSITE", "WAVEFORM")
TRACKING_IDENTIFIER = "112039"
"""PS3.16 TID 1501."""
DECIMALS = 3


class ToldCode(TypedDict):
    meaning: str
    value: str
    scheme: str


class Reference(TypedDict):
    """An instance that is named. Study and series are "" where the report does not tell them."""

    study: str
    series: str
    sop: str
    sop_class: str
    frames: list[int]


class Item(TypedDict, total=False):
    """A content item; what it has not is left out."""

    kind: str
    relationship: str
    concept: ToldCode
    value: str
    unit: str
    code: ToldCode
    reference: Reference
    mark: int
    """Index into the marks: what it draws."""
    children: list["Item"]


class Mark(TypedDict):
    """What is drawn on an image, or in space."""

    label: str
    shape: str
    points: list[float]
    reference: Reference | None
    """Of what is drawn on an image."""
    frame_of_reference_uid: str
    """Of what is drawn in space."""


class ToldReport(TypedDict):
    kind: Literal["sr"]
    title: str
    facts: list[tuple[str, str]]
    content: list[Item]
    marks: list[Mark]
    left_out: int


class Placed(TypedDict):
    """A mark in space as it lies on a frame."""

    mark: int
    points: list[float]


def told_report(ds: Dataset) -> ToldReport:
    """What is missing or broken in the report is left out."""
    report = report_of(ds)
    told = _Told()
    content = [told.item(one, (report.content,)) for one in report.content.children]
    return {
        "kind": "sr",
        "title": report.title,
        "facts": list(report.facts),
        "content": [one for one in content if one is not None],
        "marks": told.marks,
        "left_out": told.left_out,
    }


def images_of(ds: Dataset) -> list[Reference]:
    """The images that a report or a key object note names in its content, in its order, each once."""
    found: dict[tuple[str, tuple[int, ...]], Reference] = {}
    for content in _all(report_of(ds).content):
        if content.kind in IMAGES and (reference := _reference(content)) is not None:
            found.setdefault((reference["sop"], tuple(reference["frames"])), reference)
            if len(found) >= MOST_ITEMS:
                break
    return list(found.values())


def placed_on(report: ToldReport, series: Series) -> dict[int, list[Placed]]:
    """Its marks in space on the frames of a series in whose planes they lie, in the same frame of reference."""
    found: dict[int, list[Placed]] = {}
    for number, mark in enumerate(report["marks"]):
        points = np.array(mark["points"])
        if not mark["frame_of_reference_uid"] or len(points) < 3:
            continue
        space = points[: len(points) // 3 * 3].reshape(-1, 3)
        index = nearest(series, space, mark["frame_of_reference_uid"])
        plane = series.planes[index] if index >= 0 else None
        if plane is not None:
            drawn = np.round(plane.points_of(space), DECIMALS).ravel().tolist()
            found.setdefault(index, []).append({"mark": number, "points": drawn})
    return found


@dataclass(slots=True)
class _Told:
    """What was told so far."""

    items: int = 0
    points: int = 0
    left_out: int = 0
    marks: list[Mark] = field(default_factory=list)

    def item(self, content: Content, above: tuple[Content, ...]) -> Item | None:
        if self.items >= MOST_ITEMS:
            self.left_out += 1
            return None
        self.items += 1
        told: Item = {"kind": content.kind, "relationship": content.relationship}
        if content.concept != NO_CODE:
            told["concept"] = _code(content.concept)
        if content.value and content.graphic is None:
            told["value"] = content.value
        if content.kind == "CODE":
            told["code"] = _code(content.code)
        if unit := unit_of(content):
            told["unit"] = unit
        if (reference := _reference(content)) is not None:
            told["reference"] = reference
        if content.graphic is not None and (mark := self._mark(content, above)) is not None:
            told["mark"] = mark
        children = [self.item(child, (*above, content)) for child in content.children]
        if children:
            told["children"] = [child for child in children if child is not None]
        return told

    def _mark(self, content: Content, above: tuple[Content, ...]) -> int | None:
        graphic = content.graphic
        if graphic is None or not graphic.points:
            return None
        self.points += len(graphic.points)
        if self.points > MOST_POINTS:
            self.left_out += 1
            return None
        image = next((child for child in content.children if child.kind == "IMAGE"), None)
        self.marks.append(
            {
                "label": _label(content, above),
                "shape": graphic.kind,
                "points": [round(one, DECIMALS) for one in graphic.points],
                "reference": _reference(image) if image is not None and not graphic.frame_of_reference_uid else None,
                "frame_of_reference_uid": graphic.frame_of_reference_uid,
            }
        )
        return len(self.marks) - 1


def _label(content: Content, above: tuple[Content, ...]) -> str:
    """What is written beside a mark: the number that was measured there, else what its group calls it."""
    parent = above[-1]
    if parent.kind == "NUM" and parent.value:
        return f"{parent.concept.meaning} {parent.value} {unit_of(parent)}".strip()
    siblings = [one for one in parent.children if one is not content]
    numbers = [one for one in siblings if one.kind == "NUM" and one.value]
    if len(numbers) == 1:
        return f"{numbers[0].concept.meaning} {numbers[0].value} {unit_of(numbers[0])}".strip()
    tracked = next((one.value for one in siblings if one.concept.value == TRACKING_IDENTIFIER and one.value), "")
    return tracked or content.concept.meaning


def _all(content: Content) -> Iterator[Content]:
    yield content
    for child in content.children:
        yield from _all(child)


def _reference(content: Content) -> Reference | None:
    named = content.referenced
    if named is None or not named.sop_instance_uid:
        return None
    study, series = content.reference[:2] if content.reference else ("", "")
    return {
        "study": study,
        "series": series,
        "sop": named.sop_instance_uid,
        "sop_class": named.sop_class_uid,
        "frames": list(named.frames),
    }


def _code(code: Code) -> ToldCode:
    return {"meaning": code.meaning, "value": code.value, "scheme": code.scheme}
