"""Colours that somebody recommends for what is drawn: CIELab values of the PCS, grey values (PS3.3 C.10.7.1.1)."""

from collections.abc import Sequence

from pydicom.dataset import Dataset

from pacs.dicom.values import number, numbers

MOST = 65535.0
"""Of a scaled value: of L* it is 100, of a* and b* 127 (PS3.3 C.10.7.1.1)."""
WHITE_D50 = (0.96422, 1.0, 0.82521)
TO_SRGB = ((3.1338561, -1.6168667, -0.4906146), (-0.9787684, 1.9161415, 0.0334540), (0.0719453, -0.2289914, 1.4052427))
"""From XYZ under D50 to linear sRGB under D65, adapted by Bradford."""
DISTINCT = (
    "#e6194b",
    "#3cb44b",
    "#4f8cff",
    "#f5a623",
    "#b36bff",
    "#2fd3d3",
    "#f06bd2",
    "#a8d93a",
    "#ff9d8a",
    "#c0a16b",
)
"""For what has no colour of its own, in turn."""


def distinct(index: int) -> str:
    """A colour for the index-th of several, from 0."""
    return DISTINCT[index % len(DISTINCT)]


def colour_of(ds: Dataset, lab: str, grey: str = "", rgb: str = "") -> str:
    """As `#rrggbb`, by the first of these attributes that is there; "" where none is.

    grey: P-values of 16 bits; rgb: of 16 bits too (retired).
    """
    values = numbers(ds, lab)
    if len(values) == 3:
        return _hexadecimal(srgb_of(values))
    values = numbers(ds, rgb) if rgb else ()
    if len(values) == 3:
        return _hexadecimal([value / MOST for value in values])
    shade = number(ds, grey) if grey else None
    return "" if shade is None else _hexadecimal([shade / MOST] * 3)


def srgb_of(scaled: Sequence[float]) -> list[float]:
    """Red, green and blue from 0 to 1 of a scaled CIELab value of DICOM; what sRGB has not is cut to what it has."""
    lightness, a, b = scaled[0] * 100 / MOST, scaled[1] * 255 / MOST - 128, scaled[2] * 255 / MOST - 128
    middle = (lightness + 16) / 116
    parts = (middle + a / 500, middle, middle - b / 200)
    xyz = [white * _cubed(part) for white, part in zip(WHITE_D50, parts, strict=True)]
    return [_with_gamma(sum(factor * one for factor, one in zip(row, xyz, strict=True))) for row in TO_SRGB]


def _cubed(part: float) -> float:
    return part**3 if part > 6 / 29 else 3 * (6 / 29) ** 2 * (part - 4 / 29)


def _with_gamma(linear: float) -> float:
    held = min(1.0, max(0.0, linear))
    return 12.92 * held if held <= 0.0031308 else 1.055 * held ** (1 / 2.4) - 0.055


def _hexadecimal(parts: Sequence[float]) -> str:
    return "#" + "".join(f"{round(min(1.0, max(0.0, part)) * 255):02x}" for part in parts)
