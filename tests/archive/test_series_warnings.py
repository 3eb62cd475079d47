"""What a series says of itself that cannot all be true is told in its document."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydicom
import pytest

from pacs.archive import metadata
from pacs.archive.ingest import ingest
from pacs.context import SYSTEM, Pacs
from tests.archive.kept import upload
from tests.make import make_ct, make_uid

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom says what is wrong with the values: that is their point

STUDY, SERIES = make_uid(1), make_uid(1, 1)
SLICES = [{"InstanceNumber": number, "ImagePositionPatient": [0, 0, 5 * number]} for number in (1, 2, 3)]
TWICE = [*SLICES, {"InstanceNumber": 4, "ImagePositionPatient": [0, 0, 15]}]


def warnings_of(pacs: Pacs) -> dict[str, Any]:
    document = json.loads(metadata.series_document(pacs, SYSTEM, STUDY, SERIES))
    return {one["code"]: one["facts"] for one in document["warnings"]}


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        ([{"PixelSpacing": [0, 0.5]}], {"spacing_invalid": {"attribute": "PixelSpacing", "n": 1}}),
        ([{"PixelSpacing": [0.5]}], {"spacing_invalid": {"attribute": "PixelSpacing", "n": 1}}),
        ([{"ImagerPixelSpacing": [1.2, 1.2]}], {"spacing_conflict": {"pixel": 1, "imager": 1.2}}),
        ([one | {"SpacingBetweenSlices": 4} for one in SLICES], {"slices_conflict": {"told": 4, "measured": 5}}),
        ([{"ImageOrientationPatient": [1, 0, 0, 0.1, 0.995, 0]}], {"orientation_invalid": {"n": 1, "degrees": 5.7391}}),
        ([{"ImageOrientationPatient": [2, 0, 0, 0, 1, 0]}], {"orientation_invalid": {"n": 1, "degrees": 0}}),
        (TWICE, {"same_place": {"places": 1, "n": 2}}),
        (
            [one | {"FrameOfReferenceUID": f"1.2.{number}"} for number, one in enumerate(SLICES[:2])],
            {"frames_of_reference": {"n": 2}},
        ),
        ([{"ImageLaterality": "L", "Laterality": "R"}], {"laterality_conflict": {"told": "L", "other": "R"}}),
        (
            [{"ImageLaterality": "L", "SeriesDescription": "GỐI PHẢI"}],
            {"laterality_described": {"told": "L", "other": "R"}},
        ),
        ([{"BurnedInAnnotation": "YES"}], {"burned_in": {"n": 1}}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_contradiction_is_told_with_its_numbers(
    pacs: Pacs, slices: Sequence[dict[str, Any]], expected: dict[str, Any]
) -> None:
    for attributes in slices:
        upload(pacs, make_ct(**attributes))

    assert warnings_of(pacs) == expected


@pytest.mark.parametrize(
    "slices",
    [
        [one | {"SpacingBetweenSlices": 5} for one in SLICES],
        [{"ImagerPixelSpacing": [1.2, 1.2], "PixelSpacingCalibrationType": "GEOMETRY"}],
        [{"ImagerPixelSpacing": [1.2, 1.2], "EstimatedRadiographicMagnificationFactor": 1.2}],
        [{"ImagerPixelSpacing": [1.001, 1.001]}],
        [{"ImageLaterality": "R", "SeriesDescription": "Knee RIGHT and LEFT"}],
        [{"ImageLaterality": "B", "SeriesDescription": "Knee LEFT"}],
        [one | {"TemporalPositionIdentifier": phase} for one in SLICES for phase in (1, 2)],
    ],
    ids=["slices as told", "calibrated", "magnified", "rounded", "both sides", "on both", "phases"],
)
def test_what_agrees_or_is_explained_is_no_contradiction(pacs: Pacs, slices: Sequence[dict[str, Any]]) -> None:
    for attributes in slices:
        upload(pacs, make_ct(**attributes))

    assert warnings_of(pacs) == {}


def test_the_tilted_ct_says_that_its_slices_lie_closer_than_its_table_moved(pacs: Pacs, corpus: Path) -> None:
    files = sorted((corpus / "series/ct-head-phantom-tilt-54").iterdir())[:6]
    for path in files:
        with path.open("rb") as file:
            ingest(pacs, SYSTEM, file)
    first = pydicom.dcmread(files[0], stop_before_pixels=True)

    document = json.loads(metadata.series_document(pacs, SYSTEM, first.StudyInstanceUID, first.SeriesInstanceUID))

    (one,) = document["warnings"]
    assert one["code"] == "slices_conflict"
    assert one["facts"]["told"] == first.SpacingBetweenSlices == 2.5
    assert one["facts"]["measured"] == pytest.approx(2.371, abs=1e-3)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (
            {},
            {
                "lossy": False,
                "lossy_ratio": None,
                "lossy_method": "",
                "stored_transfer_syntax_uid": "1.2.840.10008.1.2.1",
            },
        ),
        (
            {
                "LossyImageCompression": "01",
                "LossyImageCompressionRatio": [5, 2],
                "LossyImageCompressionMethod": ["ISO_10918_1", "ISO_15444_1"],
            },
            {"lossy": True, "lossy_ratio": 10, "lossy_method": "ISO_10918_1\\ISO_15444_1"},
        ),
        ({"AnatomicalOrientationType": "QUADRUPED"}, {"quadruped": True}),
    ],
    ids=["as received", "lossy twice", "on four legs"],
)
def test_what_was_done_to_the_pixels_is_told(pacs: Pacs, attributes: dict[str, Any], expected: dict[str, Any]) -> None:
    upload(pacs, make_ct(**attributes))

    shared = json.loads(metadata.series_document(pacs, SYSTEM, STUDY, SERIES))["shared"]

    assert {key: shared[key] for key in expected} == expected
