"""Softcopy presentation states for the viewer: what they draw and how they show an image, in few words (PS3.3 A.33).

What they say of greys is told under the names of `series_document.FrameAttributes`, in whose place it stands.
Points in pixels are (column, row) from the corner of the first pixel; DISPLAY points are parts of the displayed area
as it is seen (PS3.3 C.10.5.1.2).
"""

import base64
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pacs.dicom.display_colour import colour_of
from pacs.dicom.overlays import GROUPS, LAYER, told_planes
from pacs.dicom.overlays import ToldPlane as Plane
from pacs.dicom.pixels import PixelDescription
from pacs.dicom.presentation import Presentation, Table, Window
from pacs.dicom.series_document import Lut
from pacs.dicom.softcopy import COLOURS, GREYS, presentation_under, shown_by
from pacs.dicom.text import character_sets, paragraphs, text
from pacs.dicom.values import integer, item, items, number, numbers, word, words

MOST_GRAPHICS = 5000
MOST_POINTS = 200_000
MOST_ENTRIES = 1 << 16
WITH_GREYS = (GREYS,)
WITH_DISPLAY = (GREYS, COLOURS)


class Image(TypedDict):
    series: str
    sop: str
    frames: list[int]
    """Empty: all of it."""


class Layer(TypedDict):
    name: str
    order: int
    colour: str
    """`#rrggbb`; "" where none is recommended."""
    description: str


class Graphic(TypedDict):
    shape: str
    """POINT, POLYLINE, INTERPOLATED, CIRCLE, ELLIPSE."""
    units: str
    """PIXEL or DISPLAY."""
    points: list[float]
    filled: bool
    colour: str
    thickness: float | None
    """Of a line, in pixels of the screen."""
    dashed: bool


class Text(TypedDict):
    value: str
    box: list[float] | None
    """Left, top, right, bottom."""
    box_units: str
    align: str
    anchor: list[float] | None
    anchor_units: str
    anchor_visible: bool
    colour: str


class Annotation(TypedDict):
    """What is drawn on one layer, over some images."""

    layer: str
    images: list[Image]
    """Empty: all that the state is about."""
    graphics: list[Graphic]
    texts: list[Text]


class Area(TypedDict):
    """What part of an image is displayed (PS3.3 C.10.4)."""

    images: list[Image]
    top_left: tuple[float, float]
    """Column and row of the pixel that is seen at the top on the left, from 1, also after turning."""
    bottom_right: tuple[float, float]
    mode: str
    """SCALE TO FIT, TRUE SIZE, MAGNIFY."""
    magnification: float | None
    spacing: list[float] | None


class Greys(TypedDict):
    """In place of what an image says of itself."""

    images: list[Image]
    attributes: dict[str, Any]


class Shutter(TypedDict):
    """What lies outside of every one of its shapes is dark; points as of a frame (PS3.3 C.7.6.11)."""

    rectangle: list[float] | None
    """Left, top, right, bottom."""
    circle: list[float] | None
    """Column and row of its middle, and its radius."""
    polygon: list[float] | None
    bitmap: Plane | None
    colour: str


class ToldState(TypedDict):
    kind: Literal["presentation_state"]
    label: str
    description: str
    creator: str
    images: list[Image]
    layers: list[Layer]
    annotations: list[Annotation]
    areas: list[Area]
    rotate: int
    """Clockwise, in degrees, before the flip."""
    flip: bool
    greys: list[Greys]
    luts: list[Lut]
    shutter: Shutter | None
    overlays: list[tuple[str, Plane]]
    """Planes of its own, each with its layer."""
    activated: list[tuple[str, int]]
    """Layers, and groups of the images' own planes that are on them."""
    left_out: int


def told_state(state: Dataset, describe: Callable[[Image], PixelDescription | None]) -> ToldState:
    """What a state says; what is missing or broken in it is left out.

    describe: of an image that the state is about; None where it is not here.
    """
    sets = character_sets(state)
    annotations, left_out = _annotations(state, sets)
    luts: list[Lut] = []
    return {
        "kind": "presentation_state",
        "label": text(state, "ContentLabel", sets),
        "description": text(state, "ContentDescription", sets),
        "creator": text(state, "ContentCreatorName", sets),
        "images": _images(state),
        "layers": sorted(_layers(state, sets), key=lambda layer: layer["order"]),
        "annotations": annotations,
        "areas": list(_areas(state)),
        "rotate": integer(state, "ImageRotation") % 360 // 90 * 90,
        "flip": word(state, "ImageHorizontalFlip") == "Y",
        "greys": list(_greys(state, describe, luts)) if word(state, "SOPClassUID") in WITH_GREYS else [],
        "luts": luts,
        "shutter": _shutter(state),
        "overlays": [(_layer_of(state, plane["group"]), plane) for plane in told_planes(state)],
        "activated": [
            (layer, group) for group in GROUPS if (layer := _layer_of(state, group)) and (group, 0x3000) not in state
        ],
        "left_out": left_out,
    }


def _images(state: Dataset) -> list[Image]:
    return [
        {"series": one.series_instance_uid, "sop": one.sop_instance_uid, "frames": list(one.frames)}
        for one in shown_by(state)
    ]


def _named(ds: Dataset) -> list[Image]:
    """The images that an item is about."""
    return [
        {
            "series": "",
            "sop": word(image, "ReferencedSOPInstanceUID"),
            "frames": [int(one) for one in numbers(image, "ReferencedFrameNumber")],
        }
        for image in items(ds, "ReferencedImageSequence")
    ]


def _layers(state: Dataset, sets: Sequence[str]) -> Iterator[Layer]:
    for layer in items(state, "GraphicLayerSequence"):
        yield {
            "name": word(layer, "GraphicLayer"),
            "order": integer(layer, "GraphicLayerOrder"),
            "colour": colour_of(
                layer,
                "GraphicLayerRecommendedDisplayCIELabValue",
                "GraphicLayerRecommendedDisplayGrayscaleValue",
                "GraphicLayerRecommendedDisplayRGBValue",
            ),
            "description": text(layer, "GraphicLayerDescription", character_sets(layer, sets)),
        }


def _annotations(state: Dataset, sets: Sequence[str]) -> tuple[list[Annotation], int]:
    found: list[Annotation] = []
    graphics, points, left_out = MOST_GRAPHICS, MOST_POINTS, 0
    for annotation in items(state, "GraphicAnnotationSequence"):
        own = character_sets(annotation, sets)
        told: Annotation = {
            "layer": word(annotation, "GraphicLayer"),
            "images": _named(annotation),
            "graphics": [],
            "texts": [],
        }
        for one in items(annotation, "GraphicObjectSequence"):
            graphic = _graphic(one)
            graphics, points = graphics - 1, points - len(graphic["points"])
            if graphics >= 0 and points >= 0:
                told["graphics"].append(graphic)
            else:
                left_out += 1
        for one in items(annotation, "TextObjectSequence"):
            graphics -= 1
            if graphics >= 0:
                told["texts"].append(_text(one, character_sets(one, own)))
            else:
                left_out += 1
        found.append(told)
    return found, left_out


def _graphic(one: Dataset) -> Graphic:
    line = item(one, "LineStyleSequence") or Dataset()
    values = numbers(one, "GraphicData")
    return {
        "shape": word(one, "GraphicType"),
        "units": word(one, "GraphicAnnotationUnits"),
        "points": list(values[: len(values) // 2 * 2]),
        "filled": word(one, "GraphicFilled") == "Y",
        "colour": colour_of(line, "PatternOnColorCIELabValue"),
        "thickness": number(line, "LineThickness"),
        "dashed": word(line, "LineDashingStyle") == "DASHED",
    }


def _text(one: Dataset, sets: Sequence[str]) -> Text:
    style = item(one, "TextStyleSequence") or Dataset()
    first, last = numbers(one, "BoundingBoxTopLeftHandCorner"), numbers(one, "BoundingBoxBottomRightHandCorner")
    anchor = numbers(one, "AnchorPoint")
    return {
        "value": paragraphs(one, "UnformattedTextValue", sets).replace("\r\n", "\n").replace("\r", "\n").strip(),
        "box": [*first, *last] if len(first) == len(last) == 2 else None,
        "box_units": word(one, "BoundingBoxAnnotationUnits"),
        "align": word(one, "BoundingBoxTextHorizontalJustification") or "LEFT",
        "anchor": list(anchor) if len(anchor) == 2 else None,
        "anchor_units": word(one, "AnchorPointAnnotationUnits"),
        "anchor_visible": word(one, "AnchorPointVisibility") == "Y",
        "colour": colour_of(style, "TextColorCIELabValue"),
    }


def _areas(state: Dataset) -> Iterator[Area]:
    for one in items(state, "DisplayedAreaSelectionSequence"):
        first = numbers(one, "DisplayedAreaTopLeftHandCorner")
        last = numbers(one, "DisplayedAreaBottomRightHandCorner")
        if len(first) == len(last) == 2:
            yield {
                "images": _named(one),
                "top_left": (first[0], first[1]),
                "bottom_right": (last[0], last[1]),
                "mode": word(one, "PresentationSizeMode"),
                "magnification": number(one, "PresentationPixelMagnificationRatio"),
                "spacing": list(numbers(one, "PresentationPixelSpacing")) or None,
            }


def _greys(state: Dataset, describe: Callable[[Image], PixelDescription | None], luts: list[Lut]) -> Iterator[Greys]:
    """One for each VOI that the state tells of some of its images, then one for those of which it tells none."""
    images = _images(state)
    described = {image["sop"]: described for image in images[:1] if (described := describe(image)) is not None}
    usual = next(iter(described.values()), None)
    for voi in (*items(state, "SoftcopyVOILUTSequence"), None):
        named = [] if voi is None else _named(voi)
        example = named[0] if named else images[0] if images and (voi is not None or usual) else None
        if example is None or usual is None:
            continue
        one = Dataset()
        one.update({element.tag: element for element in state if element.keyword != "SoftcopyVOILUTSequence"})
        if voi is not None:
            one.SoftcopyVOILUTSequence = [voi]
        frame = example["frames"][0] if example["frames"] else 1
        found = presentation_under(one, example["sop"], describe(example) or usual, frame)
        yield {"images": named, "attributes": _attributes(found, luts)}


def _attributes(found: Presentation, luts: list[Lut]) -> dict[str, Any]:
    windows, table, is_inverse = found.windows, found.voi_table, found.is_inverse
    if found.presentation_table is not None:
        table, is_inverse = _joined(found), False
        windows = ()
    window = windows[0] if windows else None
    return {
        "rescale_slope": found.slope,
        "rescale_intercept": found.intercept,
        "rescale_type": found.rescale_type,
        "modality_lut": _added(luts, found.modality_table),
        "window_center": window.center if window else None,
        "window_width": window.width if window else None,
        "windows": [(one.center, one.width, one.explanation) for one in windows],
        "voi_lut_function": found.voi_function,
        "voi_lut": _added(luts, table),
        "inverse": is_inverse,
    }


def _joined(found: Presentation) -> Table:
    """A table that does what the VOI and the presentation table do one after the other (PS3.4 N.2.1.4)."""
    assert found.presentation_table is not None
    first, values = _voi_of_inputs(found)
    outputs = found.presentation_table.values
    at = np.rint(values * (len(outputs) - 1)).astype(np.int64)
    entries = outputs[np.clip(at, 0, len(outputs) - 1)]
    return Table(first, found.presentation_table.bits, entries.astype("<u2").tobytes())


def _voi_of_inputs(found: Presentation) -> tuple[int, NDArray[np.float64]]:
    """What comes out of the VOI, from 0 to 1, for inputs one after the other from the first."""
    if found.voi_table is not None:
        return found.voi_table.first, found.voi_table.values / ((1 << found.voi_table.bits) - 1)
    window = found.windows[0] if found.windows else Window(0.5, 1)
    reach = window.width * (4 if found.voi_function == "SIGMOID" else 0.5) + 1
    first = int(np.floor(window.center - reach))
    inputs = first + np.arange(min(MOST_ENTRIES, int(np.ceil(2 * reach)) + 2), dtype=np.float64)
    match found.voi_function:
        case "SIGMOID":
            return first, 1 / (1 + np.exp(-4 * (inputs - window.center) / window.width))
        case "LINEAR_EXACT":
            values = (inputs - window.center) / window.width + 0.5
        case _:
            values = (inputs - (window.center - 0.5)) / max(window.width - 1, 1e-6) + 0.5
    return first, np.clip(values, 0, 1)


def _added(luts: list[Lut], table: Table | None) -> int | None:
    if table is None:
        return None
    told: Lut = {"first": table.first, "bits": table.bits, "values": base64.b64encode(table.entries).decode("ascii")}
    if told not in luts:
        luts.append(told)
    return luts.index(told)


def _shutter(state: Dataset) -> Shutter | None:
    """In image points: an edge is a row or column of pixels that is still seen (PS3.3 C.7.6.11.1)."""
    shapes = words(state, "ShutterShape")
    group = integer(state, "ShutterOverlayGroup")
    bitmap = next((plane for plane in told_planes(state) if plane["group"] == group), None) if group else None
    told: Shutter = {
        "rectangle": _rectangle(state) if "RECTANGULAR" in shapes else None,
        "circle": _circle(state) if "CIRCULAR" in shapes else None,
        "polygon": _polygon(state) if "POLYGONAL" in shapes else None,
        "bitmap": bitmap if "BITMAP" in shapes or bitmap else None,
        "colour": colour_of(state, "ShutterPresentationColorCIELabValue", "ShutterPresentationValue") or "#000000",
    }
    return told if any(told[key] for key in ("rectangle", "circle", "polygon", "bitmap")) else None


def _rectangle(state: Dataset) -> list[float] | None:
    edges = [number(state, f"Shutter{edge}Edge") for edge in _EDGES]
    left, top, right, bottom = edges
    if left is None or top is None or right is None or bottom is None:
        return None
    return [left - 1, top - 1, right, bottom]


_EDGES = ("LeftVertical", "UpperHorizontal", "RightVertical", "LowerHorizontal")


def _circle(state: Dataset) -> list[float] | None:
    center, radius = numbers(state, "CenterOfCircularShutter"), number(state, "RadiusOfCircularShutter")
    return [center[1] - 0.5, center[0] - 0.5, radius] if len(center) == 2 and radius is not None else None


def _polygon(state: Dataset) -> list[float] | None:
    corners = numbers(state, "VerticesOfThePolygonalShutter")
    pairs = zip(corners[::2], corners[1::2], strict=False)
    return [part for row, column in pairs for part in (column - 0.5, row - 0.5)] or None


def _layer_of(state: Dataset, group: int) -> str:
    return word(state, f"{group:04x}{LAYER:04x}")
