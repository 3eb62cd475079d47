"""Where the headers of a series contradict themselves about place and size, so that a reader can be told of it."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from pydicom.dataset import Dataset

from pacs.dicom.functional_groups import functional_group
from pacs.dicom.series_document import FrameAttributes, SeriesWarning, Stack, WarningCode
from pacs.dicom.values import element_of, number, numbers, word

SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
SAME_MM = 0.005
"""Spacings that differ by less, or by less than a hundredth, are the same: they are written with few digits."""
SAME_PART = 0.01
MOST_TURNED_DEGREES = 0.5
"""Rows and columns that stand so far from a right angle are not told right."""
MOST_STRETCHED = 0.005
"""Direction cosines whose length differs from 1 by more are none."""
SAME_PLACE_MM = 0.01
SIDES = {"L": ("LEFT", "LT", "TRAI", "GAUCHE"), "R": ("RIGHT", "RT", "PHAI", "DROIT", "DROITE")}
"""How a description says a side, in the languages spoken here, without accents."""


def warnings_of(
    headers: Sequence[Dataset], frames: Sequence[FrameAttributes], stack: Stack | None, description: str
) -> list[SeriesWarning]:
    """What a reader should know before he trusts a place or a length. headers: of the objects that frames come from."""
    found = (
        _bad_spacings(headers),
        _two_spacings(headers),
        _told_and_measured(headers, stack),
        _turned(headers),
        _same_place(frames, stack),
        _frames_of_reference(frames),
        _sides(headers, frames, description),
        _burned_in(frames),
    )
    return [one for one in found if one]


def _warning(code: WarningCode, **facts: float | str) -> SeriesWarning:
    return {"code": code, "facts": {name: _short(value) for name, value in facts.items()}}


def _short(value: float | str) -> float | str:
    return value if isinstance(value, str) else round(value, 4)


def _bad_spacings(headers: Sequence[Dataset]) -> SeriesWarning | None:
    """A spacing that is zero, negative, or no pair: it was not used (PS3.3 10.7.1.3 wants it above zero)."""
    bad = Counter(keyword for header in headers for keyword in SPACINGS if _is_bad(header, keyword))
    if not bad:
        return None
    keyword, count = bad.most_common(1)[0]
    return _warning("spacing_invalid", attribute=keyword, n=count)


def _is_bad(header: Dataset, keyword: str) -> bool:
    element = element_of(header, keyword)
    if element is None or not element.value:
        return False
    found = numbers(header, keyword)
    return len(found) != 2 or min(found) <= 0


def _two_spacings(headers: Sequence[Dataset]) -> SeriesWarning | None:
    """Two spacings of one picture, and nothing that says why (Pixel Spacing Calibration Type, PS3.3 10.7.1.2)."""
    for header in headers:
        one, other = numbers(header, "PixelSpacing"), numbers(header, "ImagerPixelSpacing")
        told = word(header, "PixelSpacingCalibrationType") or number(header, "EstimatedRadiographicMagnificationFactor")
        if len(one) == len(other) == 2 and not told and not _is_same(one, other):
            return _warning("spacing_conflict", pixel=one[0], imager=other[0])
    return None


def _is_same(one: Iterable[float], other: Iterable[float]) -> bool:
    return all(math.isclose(a, b, rel_tol=SAME_PART, abs_tol=SAME_MM) for a, b in zip(one, other, strict=True))


def _told_and_measured(headers: Sequence[Dataset], stack: Stack | None) -> SeriesWarning | None:
    """Spacing Between Slices is another than that of their positions."""
    told = next((abs(found) for header in headers if (found := _between_slices(header))), None)
    if told is None or stack is None or _is_same((told,), (stack["spacing"],)):
        return None
    return _warning("slices_conflict", told=told, measured=stack["spacing"])


def _between_slices(header: Dataset) -> float | None:
    measures = functional_group(header, "PixelMeasuresSequence", 1)
    return number(header if measures is None else measures, "SpacingBetweenSlices")


def _turned(headers: Sequence[Dataset]) -> SeriesWarning | None:
    """Rows and columns that are at no right angle, or directions that have no length of 1 (PS3.3 C.7.6.2.1.1)."""
    worst, count = 0.0, 0
    for header in headers:
        cosines = numbers(_orientation_of(header), "ImageOrientationPatient")
        if len(cosines) != 6:
            continue
        degrees = _degrees_off(np.array(cosines[:3]), np.array(cosines[3:]))
        if degrees is None or degrees > MOST_TURNED_DEGREES:
            count += 1
            worst = max(worst, degrees or 0)
    return _warning("orientation_invalid", n=count, degrees=worst) if count else None


def _orientation_of(header: Dataset) -> Dataset:
    found = functional_group(header, "PlaneOrientationSequence", 1)
    return header if found is None else found


def _degrees_off(row: np.ndarray, column: np.ndarray) -> float | None:
    """From a right angle; None where the directions have not the length of 1."""
    lengths = float(np.linalg.norm(row)), float(np.linalg.norm(column))
    if any(abs(length - 1) > MOST_STRETCHED for length in lengths):
        return None
    cosine = float(row @ column) / (lengths[0] * lengths[1])
    return abs(90 - math.degrees(math.acos(max(-1.0, min(1.0, cosine)))))


def _same_place(frames: Sequence[FrameAttributes], stack: Stack | None) -> SeriesWarning | None:
    """Some places have more frames than others: twice stored, or two series in one. Phases of a stack are none."""
    if stack is not None:
        return None
    places = Counter(place for frame in frames if (place := _place_of(frame)))
    several = [count for count in places.values() if count > 1]
    if len(set(places.values())) < 2:
        return None
    return _warning("same_place", places=len(several), n=sum(several))


def _place_of(frame: FrameAttributes) -> tuple[float, ...] | None:
    orientation, position = frame["image_orientation"], frame["image_position"]
    if orientation is None or position is None:
        return None
    return *(round(one, 3) for one in orientation), *(round(one / SAME_PLACE_MM) for one in position)


def _frames_of_reference(frames: Sequence[FrameAttributes]) -> SeriesWarning | None:
    count = len({frame["frame_of_reference_uid"] for frame in frames} - {""})
    return _warning("frames_of_reference", n=count) if count > 1 else None


def _sides(headers: Sequence[Dataset], frames: Sequence[FrameAttributes], description: str) -> SeriesWarning | None:
    """One attribute says left and another right, or the description does."""
    for header, laterality in _lateralities(headers, frames):
        of_series = word(header, "Laterality")
        if {laterality, of_series} == {"L", "R"}:
            return _warning("laterality_conflict", told=laterality, other=of_series)
    told = {frame["laterality"] for frame in frames} & set(SIDES)
    described = _sides_in(description)
    if len(told) == len(described) == 1 and told != described:
        return _warning("laterality_described", told=told.pop(), other=described.pop())
    return None


def _lateralities(headers: Sequence[Dataset], frames: Sequence[FrameAttributes]) -> Iterable[tuple[Dataset, str]]:
    """Each object with the side that its frames say, once."""
    said: Mapping[int, str] = {frame["instance"]: frame["laterality"] for frame in frames}
    return ((headers[instance], laterality) for instance, laterality in said.items())


def _sides_in(description: str) -> set[str]:
    plain = "".join(each for each in unicodedata.normalize("NFD", description.upper()) if each.isascii())
    found = set(re.findall(r"[A-Z]+", plain))
    return {side for side, said in SIDES.items() if found.intersection(said)}


def _burned_in(frames: Sequence[FrameAttributes]) -> SeriesWarning | None:
    count = sum(frame["burned_in_annotation"] for frame in frames)
    return _warning("burned_in", n=count) if count else None
