"""How a picture is asked for: the parameters of rendered resources and thumbnails (PS3.18 8.3.5.1)."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pacs.archive.rendering import Appearance
from pacs.dicom.annotation import ANNOTATIONS
from pacs.dicom.colour import ColourSpace
from pacs.dicom.presentation import VoiFunction, Window
from pacs.dicom.render import TAKE_PROFILES, ImageFormat, Viewport
from pacs.errors import InvalidQuery

VOI_FUNCTIONS: Mapping[str, VoiFunction] = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
COLOUR_SPACES: Mapping[str, ColourSpace] = {
    "no": "no",
    "yes": "yes",
    "srgb": "srgb",
    "adobergb": "adobergb",
    "rommrgb": "rommrgb",
}
LARGEST_SIDE = 8192
"""Pixels of a picture that is asked for."""
NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")
KEYWORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")


def appearance_of(parameters: Mapping[str, str]) -> Appearance:
    """How the parameters want a picture, of whatever media type. Raises InvalidQuery."""
    window, function = _window(parameters.get("window"))
    return Appearance(
        quality=_quality(parameters.get("quality")),
        viewport=viewport_of(parameters.get("viewport")),
        window=window,
        voi_function=function,
        annotations=tuple(ANNOTATIONS[one] for one in _annotations(parameters) if one in ANNOTATIONS),
        colours=_colours(parameters.get("iccprofile")),
    )


def unsupported_annotations(parameters: Mapping[str, str]) -> list[str]:
    """The keywords that are passed over. Raises InvalidQuery where there is none, or what is no keyword."""
    return [one for one in _annotations(parameters) if one not in ANNOTATIONS]


def of_format(appearance: Appearance, media_type: ImageFormat) -> Appearance:
    """The appearance in an image format. Raises InvalidQuery for a colour space in one that cannot name it."""
    if appearance.colours != "no" and media_type not in TAKE_PROFILES:
        raise InvalidQuery(f"iccprofile: {media_type} takes none")
    return replace(appearance, media_type=media_type)


def viewport_of(text: str | None) -> Viewport | None:
    """Its size, and perhaps the part of the frame that it shows: what is left out between commas has its default."""
    if text is None:
        return None
    parts = text.split(",")
    if not 2 <= len(parts) <= 6:
        raise InvalidQuery(f"viewport is width,height,left,top,across,down, not {text!r}")
    width, height = (_side(part) for part in parts[:2])
    if len(parts) == 2:
        return Viewport(width, height)
    left, top, across, down = (_number("viewport", part) if part else None for part in [*parts[2:], "", "", ""][:4])
    region = abs(left or 0), abs(top or 0), abs(_or_edge(across)), abs(_or_edge(down))
    if 0 in region[2:]:
        raise InvalidQuery(f"viewport: {text!r} shows nothing of the picture")
    return Viewport(width, height, region, _or_edge(across) < 0, _or_edge(down) < 0)


def thumbnail_viewport_of(text: str | None) -> Viewport | None:
    """Of a thumbnail and of a presentation state: its size alone. Raises InvalidQuery."""
    viewport = viewport_of(text)
    if viewport is not None and viewport.region is not None:
        raise InvalidQuery(f"viewport is width,height here, not {text!r}")
    return viewport


def _side(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= LARGEST_SIDE:
        raise InvalidQuery(f"viewport: a side has 1 to {LARGEST_SIDE} pixels, not {text!r}")
    return int(text)


def _or_edge(length: float | None) -> float:
    return math.inf if length is None else length


def _quality(text: str | None) -> int:
    if text is None:
        return Appearance().quality
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= 100:
        raise InvalidQuery(f"quality is 1 to 100, not {text!r}")
    return int(text)


def _window(text: str | None) -> tuple[Window | None, VoiFunction | None]:
    if text is None:
        return None, None
    parts = text.split(",")
    if len(parts) != 3 or parts[2] not in VOI_FUNCTIONS:
        raise InvalidQuery(f"window is centre,width and one of {', '.join(VOI_FUNCTIONS)}, not {text!r}")
    center, width = (_number("window", part) for part in parts[:2])
    if width <= 0 or (width < 1 and parts[2] == "linear"):
        raise InvalidQuery(f"window: no width of {parts[2]} is {parts[1]}")
    return Window(center, width), VOI_FUNCTIONS[parts[2]]


def _annotations(parameters: Mapping[str, str]) -> Sequence[str]:
    if "annotation" not in parameters:
        return ()
    keywords = parameters["annotation"].split(",")
    if not all(KEYWORD.fullmatch(keyword) for keyword in keywords):
        raise InvalidQuery(f"annotation: {parameters['annotation']!r} is no list of keywords")
    return sorted(set(keywords))


def _colours(text: str | None) -> ColourSpace:
    if text is None:
        return "no"
    if text not in COLOUR_SPACES:
        raise InvalidQuery(f"iccprofile is one of {', '.join(COLOUR_SPACES)}, not {text!r}")
    return COLOUR_SPACES[text]


def _number(name: str, text: str) -> float:
    if not NUMBER.fullmatch(text):
        raise InvalidQuery(f"{name}: {text!r} is no number")
    return float(text)
