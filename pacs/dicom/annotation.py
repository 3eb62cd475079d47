"""Words burned into a picture: who it is of, and how it was made (PS3.18 8.3.5.1.1)."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset

from pacs.dicom.text import text
from pacs.dicom.values import numbers, word

Annotation = Literal["patient", "technique"]
ANNOTATIONS: Mapping[str, Annotation] = {"patient": "patient", "technique": "technique"}
"""By the keywords of the parameter."""

LINES_OF_A_PICTURE = 36
"""Of text, from its top to its bottom."""
SMALLEST, LARGEST = 9, 64
"""Pixels of a line."""
BLACK, WHITE = 0, 255


def lines_of(ds: Dataset, annotation: Annotation, frame_number: int = 1) -> list[str]:
    """What a header says, a fact or two a line; what it does not say has no line."""
    lines = _patient(ds) if annotation == "patient" else _technique(ds, frame_number)
    return [line for line in lines if line]


def annotated(picture: NDArray[np.uint8], top: Sequence[str], bottom: Sequence[str]) -> NDArray[np.uint8]:
    """The picture with lines in its upper and its lower left corner, white with a black edge."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    size = min(max(min(image.size) // LINES_OF_A_PICTURE, SMALLEST), LARGEST)
    line, edge = round(size * 1.25), max(1, size // 12)
    begin = image.size[1] - size // 2 - line * len(bottom)
    places = [(size // 2 + line * index, words) for index, words in enumerate(top)]
    places += [(begin + line * index, words) for index, words in enumerate(bottom)]
    white, black = (WHITE, BLACK) if picture.ndim == 2 else ((WHITE,) * 3, (BLACK,) * 3)
    for height, words in places:
        draw.text((size // 2, height), words, white, font(size), stroke_width=edge, stroke_fill=black)
    return np.asarray(image)


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Roboto, which has Latin with every Vietnamese letter, Greek and Cyrillic. size: pixels."""
    return ImageFont.truetype(str(files("font_roboto") / "files" / "Roboto-Regular.ttf"), size)


def _patient(ds: Dataset) -> list[str]:
    birth, sex = _date(word(ds, "PatientBirthDate")), word(ds, "PatientSex")
    return [text(ds, "PatientName"), text(ds, "PatientID"), " ".join(filter(None, (birth, sex)))]


def _technique(ds: Dataset, frame_number: int) -> list[str]:
    at = " ".join(filter(None, (_date(word(ds, "StudyDate")), _time(word(ds, "StudyTime")))))
    count = numbers(ds, "NumberOfFrames")
    of_frames = f"frame {frame_number}/{int(count[0])}" if count and count[0] > 1 else ""
    numbered = [
        _labelled("series", word(ds, "SeriesNumber")),
        _labelled("image", word(ds, "InstanceNumber")),
        of_frames,
    ]
    exposed = [
        _labelled("", word(ds, "KVP"), " kV"),
        _labelled("", word(ds, "XRayTubeCurrent"), " mA"),
        _labelled("TR", word(ds, "RepetitionTime")),
        _labelled("TE", word(ds, "EchoTime")),
        _labelled("slice", word(ds, "SliceThickness"), " mm"),
    ]
    position = " ".join(f"{one:.1f}" for one in numbers(ds, "ImagePositionPatient"))
    return [
        " ".join(filter(None, (word(ds, "Modality"), text(ds, "StudyDescription")))),
        text(ds, "SeriesDescription"),
        at,
        ", ".join(filter(None, numbered)),
        ", ".join(filter(None, exposed)),
        _labelled("position", position, " mm"),
    ]


def _labelled(label: str, value: str, unit: str = "") -> str:
    return f"{label} {value}{unit}".strip() if value else ""


def _date(value: str) -> str:
    """DA as ISO 8601 has it; what is no DA as it is."""
    return re.sub(r"^(\d{4})\.?(\d\d)\.?(\d\d)$", r"\1-\2-\3", value)


def _time(value: str) -> str:
    return re.sub(r"^(\d\d):?(\d\d).*$", r"\1:\2", value)


def icon(label: str, width: int, height: int) -> NDArray[np.uint8]:
    """A neutral picture for what has none: a sheet with a word on it. width, height: pixels."""
    image = Image.new("L", (width, height), 32)
    draw = ImageDraw.Draw(image)
    unit = min(width, height) / 16
    left, top = width / 2 - 4.5 * unit, height / 2 - 6 * unit
    right, bottom, fold = width / 2 + 4.5 * unit, height / 2 + 6 * unit, 2.5 * unit
    sheet = [(left, top), (right - fold, top), (right, top + fold), (right, bottom), (left, bottom)]
    draw.polygon(sheet, fill=72, outline=150, width=max(1, round(unit / 4)))
    letters = font(max(SMALLEST, round((9 if len(label) < 3 else 6.5 if len(label) < 4 else 5) * unit / 2)))
    draw.text((width / 2, height / 2 + unit), label, 220, letters, anchor="mm")
    return np.asarray(image)
