"""Overlay planes: bitmaps of one bit that lie over an image, drawn into its picture (PS3.3 C.9.2)."""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from pacs.dicom.pixels import PixelDescription, Samples
from pacs.dicom.text import text
from pacs.dicom.values import element_of, integer, numbers, raw_bytes, word

GROUPS = range(0x6000, 0x6020, 2)
"""At most sixteen planes (PS3.5 7.6)."""
ROWS, COLUMNS, FRAMES, KIND, ORIGIN, FIRST_FRAME = 0x0010, 0x0011, 0x0015, 0x0040, 0x0050, 0x0051
BIT_POSITION, LABEL, LAYER, DATA = 0x0102, 0x1500, 0x1001, 0x3000
DESCRIPTION = 0x0022
REGION = "R"
WHITE = 255
Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Overlay:
    """One plane as it lies over one frame."""

    top: int
    """Row of the frame on which its first row lies, from 0; it may begin outside."""
    left: int
    bits: Bits


def overlays_of(ds: Dataset, description: PixelDescription, samples: Samples, frame_number: int) -> list[Overlay]:
    """The planes that lie over a frame. What is described wrongly, or cut off, is as if it were not there.

    samples: as `decode_frame` gives them, which in a native frame have planes in the bits above those stored.
    """
    found = (_overlay(ds, group, description, samples, frame_number) for group in GROUPS if _has(ds, group))
    return [overlay for overlay in found if overlay is not None]


class ToldPlane(TypedDict):
    """A plane for who draws it himself."""

    group: int
    label: str
    rows: int
    columns: int
    top: int
    left: int
    bits: str
    """base64 of its bits, row by row without padding, the first in the lowest bit of a byte."""


def has_overlays(ds: Dataset) -> bool:
    """Whether there may be planes over an image."""
    return any(_has(ds, group) for group in GROUPS)


def told_planes(
    ds: Dataset, description: PixelDescription | None = None, samples: Samples | None = None, frame_number: int = 1
) -> Iterator[ToldPlane]:
    """The planes over a frame, as `overlays_of` finds them; without samples those that lie in none of their bits."""
    for group in GROUPS:
        if not _has(ds, group):
            continue
        overlay = _overlay(ds, group, description, samples, frame_number)
        if overlay is not None:
            packed = np.packbits(overlay.bits, bitorder="little").tobytes()
            rows, columns = overlay.bits.shape
            yield {
                "group": group,
                "label": text(ds, _name(group, LABEL)) or text(ds, _name(group, DESCRIPTION)),
                "rows": rows,
                "columns": columns,
                "top": overlay.top,
                "left": overlay.left,
                "bits": base64.b64encode(packed).decode("ascii"),
            }


def draw(picture: NDArray[np.uint8], overlays: Iterable[Overlay]) -> NDArray[np.uint8]:
    """The picture with the planes over it in white. picture: of the frame's size, grey or red, green and blue."""
    drawn = picture
    for overlay in overlays:
        if drawn is picture:
            drawn = picture.copy()
        _draw(drawn, overlay)
    return drawn


def _has(ds: Dataset, group: int) -> bool:
    return Tag(group, ROWS) in ds


def _overlay(
    ds: Dataset, group: int, description: PixelDescription | None, samples: Samples | None, frame_number: int
) -> Overlay | None:
    rows, columns = integer(ds, _name(group, ROWS)), integer(ds, _name(group, COLUMNS))
    if Tag(group, DATA) not in ds:
        if description is None or samples is None:
            return None
        bits = _embedded(description, samples, integer(ds, _name(group, BIT_POSITION)))
    else:
        bits = _separate(ds, group, (rows, columns), frame_number)
    if bits is None:
        return None
    origin = numbers(ds, _name(group, ORIGIN), "SS")
    top, left = (int(one) - 1 for one in (origin if len(origin) == 2 else (1, 1)))
    return Overlay(top, left, _outline(bits) if word(ds, _name(group, KIND)) == REGION else bits)


def _separate(ds: Dataset, group: int, shape: tuple[int, int], frame_number: int) -> Bits | None:
    """The plane of a frame out of Overlay Data: its planes follow each other without padding (PS3.5 8.1.2)."""
    index = 0
    if Tag(group, FRAMES) in ds:
        index = frame_number - max(1, integer(ds, _name(group, FIRST_FRAME), 1))
        if not 0 <= index < max(1, integer(ds, _name(group, FRAMES), 1)):
            return None
    size = shape[0] * shape[1]
    start, stop = index * size, (index + 1) * size
    data = _data(ds, group)
    if size == 0 or len(data) * 8 < stop:
        return None
    packed = np.frombuffer(data, np.uint8)[start // 8 : (stop + 7) // 8]
    bits = np.unpackbits(packed, bitorder="little")[start % 8 :][:size]
    return bits.reshape(shape).astype(bool)


def _data(ds: Dataset, group: int) -> bytes:
    data = raw_bytes(ds, _name(group, DATA))
    element = element_of(ds, _name(group, DATA))
    if isinstance(element, RawDataElement) and not element.is_little_endian and element.VR != "OB":
        return np.frombuffer(data[: len(data) // 2 * 2], "u2").byteswap().tobytes()
    return data


def _embedded(description: PixelDescription, samples: Samples, position: int) -> Bits | None:
    """The plane in a bit of each sample that is not one of those stored (retired, PS3.3 C.9.2 of 2004)."""
    lowest = description.high_bit + 1 - description.bits_stored
    is_free = not lowest <= position <= description.high_bit and position < samples.dtype.itemsize * 8
    if samples.ndim != 2 or samples.dtype.kind not in "iu" or not is_free:
        return None
    return (samples.view(f"u{samples.dtype.itemsize}") >> position & 1).astype(bool)


def _outline(bits: Bits) -> Bits:
    """The edge of a region, which would hide what it marks."""
    inside = np.zeros_like(bits)
    inside[1:-1, 1:-1] = bits[:-2, 1:-1] & bits[2:, 1:-1] & bits[1:-1, :-2] & bits[1:-1, 2:]
    return bits & ~inside


def _draw(picture: NDArray[np.uint8], overlay: Overlay) -> None:
    rows, columns = overlay.bits.shape
    top, left = max(0, overlay.top), max(0, overlay.left)
    bottom, right = min(picture.shape[0], overlay.top + rows), min(picture.shape[1], overlay.left + columns)
    if top < bottom and left < right:
        seen = overlay.bits[top - overlay.top : bottom - overlay.top, left - overlay.left : right - overlay.left]
        picture[top:bottom, left:right][seen] = WHITE


def _name(group: int, element: int) -> str:
    """What `values` looks an element up by."""
    return f"{group:04x}{element:04x}"
