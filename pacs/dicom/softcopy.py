"""Softcopy presentation states: how an image was left to be seen (PS3.3 A.33, C.10 and C.11; PS3.4 N.2).

Of the states of greys and of colours. A graphic that cannot be drawn as it is meant is left out.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from pacs.dicom.annotation import BLACK, WHITE, font
from pacs.dicom.overlays import DATA, GROUPS, LAYER, ROWS
from pacs.dicom.pixels import PixelDescription
from pacs.dicom.presentation import Presentation, Window, presentation_of
from pacs.dicom.text import character_sets, paragraphs
from pacs.dicom.values import element_of, integer, items, number, numbers, word, words

GREYS = "1.2.840.10008.5.1.4.1.1.11.1"
COLOURS = "1.2.840.10008.5.1.4.1.1.11.2"
MODALITY = ("ModalityLUTSequence", "RescaleSlope", "RescaleIntercept", "RescaleType")
VOI = ("WindowCenter", "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction", "VOILUTSequence")
PRESENTATION = ("PresentationLUTShape", "PresentationLUTSequence")
SMALLEST_TEXT = 9
"""Pixels."""
CORNERS_OF_AN_ELLIPSE = 72
Picture = NDArray[np.uint8]
Points = list[tuple[float, float]]
"""Column and row of the frame, from 0."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An image that a state is about."""

    series_instance_uid: str
    sop_instance_uid: str
    frames: tuple[int, ...]
    """Empty: all of them."""


def shown_by(state: Dataset) -> list[Shown]:
    """The images of a state, in its order (PS3.3 C.11.11)."""
    return [
        Shown(word(series, "SeriesInstanceUID"), word(image, "ReferencedSOPInstanceUID"), _frames(image))
        for series in items(state, "ReferencedSeriesSequence")
        for image in items(series, "ReferencedImageSequence")
    ]


def presentation_under(state: Dataset, sop: str, description: PixelDescription, frame_number: int) -> Presentation:
    """The pipeline of greys of a state for a frame of an image.

    It stands in place of what the image says; whether black is low is told by its presentation LUT (PS3.4 N.2.1.4).
    """
    said = Dataset()
    _take(said, state, MODALITY + PRESENTATION)
    for voi in _about(state, "SoftcopyVOILUTSequence", sop, frame_number):
        _take(said, voi, VOI)
        break
    found = presentation_of(said, replace(description, photometric_interpretation="MONOCHROME2"), frame_number)
    if found.windows or found.voi_table is not None:
        return found
    return replace(found, windows=(_whole_range(found, description),))


def overlays_under(state: Dataset, header: Dataset) -> Dataset:
    """The overlay groups that a state activates: its own, or the image's."""
    activated = Dataset()
    for group in GROUPS:
        if Tag(group, LAYER) in state:
            source = state if Tag(group, DATA) in state else header
            for element in range(ROWS, DATA + 1):
                if (found := element_of(source, f"{group:04x}{element:04x}")) is not None:
                    activated[found.tag] = found
    return activated


def drawn_under(state: Dataset, picture: Picture, sop: str, frame_number: int) -> Picture:
    """The picture of a frame behind a state's shutters, with its graphics, cut to its displayed area and turned."""
    top, left, bottom, right = area = _area(state, picture, sop, frame_number)
    image = Image.fromarray(_shuttered(state, picture))
    for annotation in _about(state, "GraphicAnnotationSequence", sop, frame_number):
        _annotate(image, annotation, area, character_sets(annotation, character_sets(state)))
    shown = np.asarray(image)[top:bottom, left:right]
    # PS3.3 C.10.6: turned first, clockwise, then flipped
    shown = np.rot90(shown, -integer(state, "ImageRotation") // 90)
    return shown[:, ::-1] if word(state, "ImageHorizontalFlip") == "Y" else shown


def _frames(image: Dataset) -> tuple[int, ...]:
    return tuple(int(one) for one in numbers(image, "ReferencedFrameNumber"))


def _about(state: Dataset, keyword: str, sop: str, frame_number: int) -> Iterator[Dataset]:
    """The items that are about a frame: those that name no image are about all."""
    for one in items(state, keyword):
        images = items(one, "ReferencedImageSequence")
        frames = [_frames(image) for image in images if word(image, "ReferencedSOPInstanceUID") == sop]
        if not images or any(not numbered or frame_number in numbered for numbered in frames):
            yield one


def _take(into: Dataset, source: Dataset, keywords: tuple[str, ...]) -> None:
    for keyword in keywords:
        if (element := element_of(source, keyword)) is not None:
            into[element.tag] = element


def _whole_range(found: Presentation, description: PixelDescription) -> Window:
    """The window that changes nothing: of all values that there can be."""
    low, high = 0.0, 0.0
    if found.modality_table is not None:
        high = float((1 << found.modality_table.bits) - 1)
    else:
        lowest = -(1 << (description.bits_stored - 1)) if description.is_signed else 0
        ends = (lowest, lowest + (1 << description.bits_stored) - 1)
        low, high = sorted(end * found.slope + found.intercept for end in ends)
    return Window((low + high + 1) / 2, high - low + 1)


def _area(state: Dataset, picture: Picture, sop: str, frame_number: int) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of what is displayed, as far as there are pixels (PS3.3 C.10.4)."""
    rows, columns = picture.shape[:2]
    for one in _about(state, "DisplayedAreaSelectionSequence", sop, frame_number):
        first = numbers(one, "DisplayedAreaTopLeftHandCorner")
        last = numbers(one, "DisplayedAreaBottomRightHandCorner")
        if len(first) == len(last) == 2:
            left, right = sorted((int(first[0]), int(last[0])))
            top, bottom = sorted((int(first[1]), int(last[1])))
            found = max(0, top - 1), max(0, left - 1), min(rows, bottom), min(columns, right)
            return found if found[0] < found[2] and found[1] < found[3] else (0, 0, rows, columns)
    return 0, 0, rows, columns


def _shuttered(state: Dataset, picture: Picture) -> Picture:
    """What lies outside of every shutter is as dark as the state says (PS3.3 C.7.6.11)."""
    rows, columns = np.ogrid[1 : picture.shape[0] + 1, 1 : picture.shape[1] + 1]
    open_ = np.ones(picture.shape[:2], bool)
    for shape in words(state, "ShutterShape"):
        if shape == "RECTANGULAR":
            edges = [number(state, f"Shutter{edge}Edge") for edge in _EDGES]
            if None not in edges:
                left, right, upper, lower = (float(edge or 0) for edge in edges)
                open_ &= (columns >= left) & (columns <= right) & (rows >= upper) & (rows <= lower)
        elif shape == "CIRCULAR":
            center, radius = numbers(state, "CenterOfCircularShutter"), number(state, "RadiusOfCircularShutter")
            if len(center) == 2 and radius is not None:
                open_ &= (rows - center[0]) ** 2 + (columns - center[1]) ** 2 <= radius**2
        elif shape == "POLYGONAL":
            corners = numbers(state, "VerticesOfThePolygonalShutter")
            open_ &= _within([(x - 1, y - 1) for y, x in zip(corners[::2], corners[1::2], strict=False)], picture)
    dark = integer(state, "ShutterPresentationValue") >> 8
    shaped = open_ if picture.ndim == 2 else open_[..., None]
    return np.where(shaped, picture, np.uint8(min(dark, WHITE)))


_EDGES = ("LeftVertical", "RightVertical", "UpperHorizontal", "LowerHorizontal")


def _within(corners: Points, picture: Picture) -> NDArray[np.bool_]:
    mask = Image.new("1", (picture.shape[1], picture.shape[0]))
    if len(corners) > 2:
        ImageDraw.Draw(mask).polygon(corners, fill=1, outline=1)
    return np.asarray(mask)


def _annotate(image: Image.Image, annotation: Dataset, area: tuple[int, int, int, int], sets: tuple[str, ...]) -> None:
    draw = ImageDraw.Draw(image)
    for one in items(annotation, "GraphicObjectSequence"):
        points = _points(one, "GraphicData", word(one, "GraphicAnnotationUnits"), area)
        _draw_graphic(draw, word(one, "GraphicType"), points, is_filled=word(one, "GraphicFilled") == "Y")
    for one in items(annotation, "TextObjectSequence"):
        _draw_text(image, one, paragraphs(one, "UnformattedTextValue", character_sets(one, sets)), area)


def _points(ds: Dataset, keyword: str, units: str, area: tuple[int, int, int, int]) -> Points:
    """PIXEL: from the corner of the first pixel, whose middle is (0.5, 0.5); DISPLAY: parts of the displayed area.

    PS3.3 C.10.5.1.2, Figure C.10.5-1.
    """
    found = numbers(ds, keyword)
    pairs = list(zip(found[::2], found[1::2], strict=False))
    if units != "DISPLAY":
        return [(x - 0.5, y - 0.5) for x, y in pairs]
    top, left, bottom, right = area
    return [(left + x * (right - left), top + y * (bottom - top)) for x, y in pairs]


def _draw_graphic(draw: ImageDraw.ImageDraw, kind: str, points: Points, *, is_filled: bool) -> None:
    if kind == "CIRCLE" and len(points) == 2:
        (x, y), radius = points[0], math.dist(*points)
        points, kind = _ellipse((x, y), (radius, 0), (0, radius)), "POLYLINE"
    elif kind == "ELLIPSE" and len(points) == 4:
        points, kind = _ellipse_of(points), "POLYLINE"
    white = _white(draw.im.mode)
    if kind == "POINT" and points:
        (x, y), *_ = points
        draw.line([(x - 3, y), (x + 3, y)], white)
        draw.line([(x, y - 3), (x, y + 3)], white)
    elif kind in ("POLYLINE", "INTERPOLATED") and len(points) > 1:
        if is_filled and len(points) > 2:
            draw.polygon(points, fill=white)
        draw.line(points, white)


def _ellipse_of(points: Points) -> Points:
    """Of the ends of its major and of its minor axis."""
    (x1, y1), (x2, y2), (x3, y3), (x4, y4) = points
    center = (x1 + x2) / 2, (y1 + y2) / 2
    return _ellipse(center, ((x2 - x1) / 2, (y2 - y1) / 2), ((x4 - x3) / 2, (y4 - y3) / 2))


def _ellipse(center: tuple[float, float], major: tuple[float, float], minor: tuple[float, float]) -> Points:
    angles = (2 * math.pi * step / CORNERS_OF_AN_ELLIPSE for step in range(CORNERS_OF_AN_ELLIPSE + 1))
    turns = [(math.cos(angle), math.sin(angle)) for angle in angles]
    return [(center[0] + c * major[0] + s * minor[0], center[1] + c * major[1] + s * minor[1]) for c, s in turns]


def _draw_text(image: Image.Image, one: Dataset, words_: str, area: tuple[int, int, int, int]) -> None:
    """In the corner of its box, else at its anchor, as high as the lines of other annotations."""
    units = word(one, "BoundingBoxAnnotationUnits"), word(one, "AnchorPointAnnotationUnits")
    box = _points(one, "BoundingBoxTopLeftHandCorner", units[0], area)
    anchor = _points(one, "AnchorPoint", units[1], area)
    if not (box or anchor) or not words_:
        return
    draw, size = ImageDraw.Draw(image), max(SMALLEST_TEXT, min(image.size) // 36)
    place = (box or anchor)[0]
    draw.multiline_text(place, words_, _white(image.mode), font(size), stroke_width=1, stroke_fill=_black(image.mode))
    if box and anchor and word(one, "AnchorPointVisibility") == "Y":
        draw.line([place, anchor[0]], _white(image.mode))


def _white(mode: str) -> int | tuple[int, int, int]:
    return WHITE if mode == "L" else (WHITE, WHITE, WHITE)


def _black(mode: str) -> int | tuple[int, int, int]:
    return BLACK if mode == "L" else (BLACK, BLACK, BLACK)
