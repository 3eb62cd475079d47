"""What a pixel measures, and where that is true (PS3.3 C.7.6.1.1.5, C.7.6.2, C.8.5.5, 10.7)."""

from pydicom.dataset import Dataset

from pacs.dicom.functional_groups import functional_group
from pacs.dicom.series_document import Region, SpacingSource
from pacs.dicom.values import integer, items, number, numbers, word

CENTIMETRES = 3
"""Physical Units (C.8.5.5.1.15)."""
REGIONS = "SequenceOfUltrasoundRegions"
Spacing = tuple[float, float]
"""mm between rows, then between columns."""


def spacing_of(ds: Dataset, frame_number: int) -> tuple[Spacing | None, SpacingSource]:
    """The spacing of a frame and where it comes from."""
    measures = functional_group(ds, "PixelMeasuresSequence", frame_number)
    if measures is not None and (spacing := _pair(measures, "PixelSpacing")):
        return spacing, "patient"
    spacing, at_detector = _pair(ds, "PixelSpacing"), _pair(ds, "ImagerPixelSpacing")
    if spacing:
        return spacing, _source(ds, spacing, at_detector)
    if at_detector:
        return at_detector, "detector"
    if scanned := _pair(ds, "NominalScannedPixelSpacing"):
        return scanned, "scanned"
    if region := _largest_in_centimetres(regions_of(ds, frame_number)):
        return (abs(region["physical_delta_y"]) * 10, abs(region["physical_delta_x"]) * 10), "region"
    return None, ""


def aspect_of(ds: Dataset, spacing: Spacing | None) -> float:
    """Height of a pixel divided by its width."""
    ratio = _pair(ds, "PixelAspectRatio") or spacing or (1.0, 1.0)
    return ratio[0] / ratio[1]


def calibration_of(ds: Dataset) -> str:
    """How Pixel Spacing was calibrated, as far as it is told."""
    told = (word(ds, "PixelSpacingCalibrationType"), word(ds, "PixelSpacingCalibrationDescription"))
    return ": ".join(one for one in told if one)


def regions_of(ds: Dataset, frame_number: int) -> list[Region]:
    """The calibrated regions of a frame of ultrasound, those without a measure left out.

    The standard has them for the whole object; where a frame has its own, those count.
    """
    frames = items(ds, "PerFrameFunctionalGroupsSequence")
    own = items(frames[frame_number - 1], REGIONS) if 1 <= frame_number <= len(frames) else ()
    numbered = enumerate(own or items(ds, REGIONS), start=1)
    return [region for place, one in numbered if (region := _region(place, one))]


def _region(place: int, one: Dataset) -> Region | None:
    delta_x, delta_y = number(one, "PhysicalDeltaX"), number(one, "PhysicalDeltaY")
    if not delta_x or not delta_y:
        return None
    reference = number(one, "ReferencePixelY0")
    return {
        "number": place,
        "spatial_format": integer(one, "RegionSpatialFormat"),
        "data_type": integer(one, "RegionDataType"),
        "is_above": bool(integer(one, "RegionFlags") & 1),
        "x0": integer(one, "RegionLocationMinX0"),
        "y0": integer(one, "RegionLocationMinY0"),
        "x1": integer(one, "RegionLocationMaxX1"),
        "y1": integer(one, "RegionLocationMaxY1"),
        "physical_units_x": integer(one, "PhysicalUnitsXDirection"),
        "physical_units_y": integer(one, "PhysicalUnitsYDirection"),
        "physical_delta_x": delta_x,
        "physical_delta_y": delta_y,
        "reference_pixel_y": None if reference is None else int(reference),
        "reference_value_y": number(one, "ReferencePixelPhysicalValueY") or 0.0,
    }


def _source(ds: Dataset, spacing: Spacing, at_detector: Spacing | None) -> SpacingSource:
    if word(ds, "PixelSpacingCalibrationType"):
        return "calibrated"
    if at_detector is None:
        return "patient"
    return "detector" if spacing == at_detector else "calibrated"


def _pair(ds: Dataset, keyword: str) -> Spacing | None:
    found = numbers(ds, keyword)
    return (found[0], found[1]) if len(found) == 2 and found[0] > 0 and found[1] > 0 else None


def _largest_in_centimetres(regions: list[Region]) -> Region | None:
    measured = [region for region in regions if region["physical_units_x"] == region["physical_units_y"] == CENTIMETRES]
    return max(measured, key=_area, default=None)


def _area(region: Region) -> int:
    return (region["x1"] - region["x0"]) * (region["y1"] - region["y0"])
