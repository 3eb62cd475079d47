"""Pictures against dcmtk's, against the formulas of the standard, and every picture of the corpus."""

import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame

from pacs.dicom.pixels import NATIVE, colour_space_of, decode_frame, pixel_description
from pacs.dicom.presentation import Window, presentation_of
from pacs.dicom.render import Picture, Viewport, encode, render, resized
from pacs.errors import Undecodable
from tests.conftest import manifest
from tests.make import make_ct

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom says what is wrong with the corpus: that is its point

WINDOW, RANGE, TABLE, COLOUR = ("+Wi", "1"), ("+Wm",), ("+Wl", "1"), ()
"""How dcmj2pnm is told what we do unasked: the first window, else the table, else the range of the values."""


@pytest.mark.parametrize(
    ("path", "voi"),
    [
        ("syntax/dicom-test-files__MR1_UNC", WINDOW),
        ("syntax/cornerstone3D__CTImage.dcm_BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2.dcm", WINDOW),
        ("syntax/dicom-test-files__MR1_JPLY", WINDOW),
        ("syntax/dicom-test-files__CT2_JLSN", WINDOW),
        ("syntax/dicom-test-files__CT2_RLE", WINDOW),
        ("modality/rt/pydicom__rtdose.dcm", RANGE),
        ("modality/mg/fo-dicom__GH133.dcm", WINDOW),
        ("modality/seg/dcmqi__liver.dcm", RANGE),
        ("photometric/fo-dicom__CR-ModalitySequenceLUT.dcm", RANGE),
        ("photometric/pydicom-data__mlut_18.dcm", RANGE),
        ("photometric/pydicom-data__vlut_04.dcm", TABLE),
        ("photometric/pydicom-data__OBXXXX1A_rle.dcm", COLOUR),
        ("photometric/pydicom__examples_palette.dcm", COLOUR),
        ("photometric/weasis-dicom-tools__palette-multiframe-jpeg-ls.dcm", COLOUR),
        ("syntax/cornerstone3D__TestPattern_Palette_16.dcm", COLOUR),
        ("photometric/pydicom-data__color-pl.dcm", COLOUR),
        ("photometric/dcm4che__US-RGB-8-epicard", COLOUR),
        ("photometric/pydicom-data__SC_rgb_16bit.dcm", COLOUR),
        ("photometric/weasis-dicom-tools__ybr422-raw.dcm", COLOUR),
        ("syntax/cornerstone3D__TestPattern_JPEG-Baseline_YBRFull.dcm", COLOUR),
        ("photometric/pydicom__SC_rgb_dcmtk_+eb+cr.dcm", COLOUR),
    ],
)
def test_dcmtk_shows_the_same_within_a_grey_level(
    corpus: Path, tmp_path: Path, path: str, voi: tuple[str, ...]
) -> None:
    command = "dcml2pnm" if "JLS" in path or "jpeg-ls" in path else "dcmj2pnm"
    if shutil.which(command) is None:
        pytest.skip(f"{command} (dcmtk) is not installed")
    theirs = tmp_path / "picture.pnm"
    subprocess.run([command, "-q", "-O", "+op", *voi, corpus / path, theirs], check=True, capture_output=True)

    difference = np.abs(picture_of(corpus / path).astype(int) - np.asarray(Image.open(theirs)))

    assert difference.max() <= 1


RENDERED = [row for row in manifest() if row["expected"] == "stores+renders"]
UNRENDERED = [row for row in manifest() if row["expected"] == "stores; render fails cleanly"]
TOLERATED = {"broken/pydicom__badVR.dcm": "its bad VR is in an element that is not needed for the picture"}


@pytest.mark.parametrize("row", RENDERED, ids=lambda row: str(row["path"]))
def test_every_picture_of_the_corpus_is_rendered(corpus: Path, row: dict[str, str]) -> None:
    picture = picture_of(corpus / row["path"])

    assert picture.shape[:2] == (int(row["rows"]), int(row["cols"]))


@pytest.mark.parametrize(
    "row", [row for row in UNRENDERED if row["path"] not in TOLERATED], ids=lambda r: str(r["path"])
)
def test_what_has_no_picture_fails_cleanly(corpus: Path, row: dict[str, str]) -> None:
    with pytest.raises(Undecodable):
        picture_of(corpus / row["path"])


@pytest.mark.parametrize(
    ("function", "center", "width", "expected"),
    [  # modality values 0, 1, 2, 3, 4 by the formulas of PS3.3 C.11.2.1.2 and C.11.2.1.3
        ("LINEAR", 2.5, 5, [0, 64, 128, 191, 255]),
        ("LINEAR", 2, 1, [0, 0, 255, 255, 255]),
        ("LINEAR_EXACT", 2, 4, [0, 64, 128, 191, 255]),
        ("LINEAR_EXACT", 2, 1e-3, [0, 0, 128, 255, 255]),
        ("SIGMOID", 2, 4, [30, 69, 128, 186, 225]),
    ],
)
def test_windows_are_applied_by_their_function(function: str, center: float, width: float, expected: list[int]) -> None:
    assert greys(WindowCenter=center, WindowWidth=width, VOILUTFunction=function) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, [0, 64, 128, 191, 255]),  # no window: the range of the values
        ({"WindowCenter": 40, "WindowWidth": 0}, [0, 64, 128, 191, 255]),  # a window that is none
        ({"WindowCenter": "", "WindowWidth": ""}, [0, 64, 128, 191, 255]),
        ({"PhotometricInterpretation": "MONOCHROME1"}, [255, 191, 128, 64, 0]),
        ({"PresentationLUTShape": "INVERSE"}, [255, 191, 128, 64, 0]),
        ({"PixelPaddingValue": 0}, [0, 0, 85, 170, 255]),  # padding is black and no part of the range
        ({"PixelPaddingValue": 4, "PixelPaddingRangeLimit": 3}, [0, 128, 255, 0, 0]),
        ({"PixelPaddingValue": 4, "PhotometricInterpretation": "MONOCHROME1"}, [255, 170, 85, 0, 0]),
        ({"RescaleSlope": -1}, [255, 191, 128, 64, 0]),
        ({"RescaleSlope": 0}, [0, 64, 128, 191, 255]),  # a slope of zero is a mistake
        ({"RescaleSlope": 2, "RescaleIntercept": -4, "WindowCenter": 0.5, "WindowWidth": 5}, [0, 0, 128, 255, 255]),
        ({"ModalityLUTSequence": [(3, 1, 8, [0, 10, 20])]}, [0, 0, 128, 255, 255]),
        ({"VOILUTSequence": [(5, 0, 8, [255, 0, 255, 0, 128])]}, [255, 0, 255, 0, 128]),
        ({"VOILUTSequence": [(3, 0, 12, [0, 4095, 0])]}, [0, 255, 0, 0, 0]),
        ({"RescaleIntercept": -2, "VOILUTSequence": [(3, 65535, 8, [0, 255, 0])]}, [0, 0, 255, 0, 0]),
        ({"WindowCenter": 2.5, "WindowWidth": 5, "VOILUTSequence": [(2, 0, 8, [255, 0])]}, [0, 64, 128, 191, 255]),
    ],
    ids=str,
)
def test_the_grayscale_pipeline(attributes: dict[str, Any], expected: list[int]) -> None:
    assert greys(**attributes) == expected


@pytest.mark.parametrize(
    ("bits", "first", "data", "expected"),
    [
        (
            8,
            0,
            [bytes([10, 20, 30, 40]), bytes([0, 1, 2, 3]), bytes(4)],
            [[10, 0, 0], [20, 1, 0], [30, 2, 0], [40, 3, 0]],
        ),
        (16, 1, [b"\0\x0a\0\x14\0\x1e\0\x28", bytes(8), bytes(8)], [[10, 0, 0], [10, 0, 0], [20, 0, 0], [30, 0, 0]]),
        (16, 0, [b"\x0a\0\x14\0\x1e\0\x28\0", bytes(8), bytes(8)], [[10, 0, 0], [20, 0, 0], [30, 0, 0], [40, 0, 0]]),
    ],
    ids=["8 bits", "16 bits from 1", "8 bits in 16"],
)
def test_palettes_give_their_colours(bits: int, first: int, data: list[bytes], expected: list[list[int]]) -> None:
    ds = stored([0, 1, 2, 3], PhotometricInterpretation="PALETTE COLOR")
    for colour, table in zip(("Red", "Green", "Blue"), data, strict=True):
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [4, first, bits])
        setattr(ds, f"{colour}PaletteColorLookupTableData", table)

    assert rendered(ds)[0].tolist() == expected


def test_a_segmented_palette_is_written_out() -> None:
    ds = stored([0, 1, 2, 3, 4, 5], PhotometricInterpretation="PALETTE COLOR")
    segments = [0, 2, 0, 256, 1, 2, 768, 2, 1, 0, 0]  # discrete 0 256; linear to 768; again the first segment
    for colour in ("Red", "Green", "Blue"):
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [6, 0, 16])
        setattr(ds, f"Segmented{colour}PaletteColorLookupTableData", np.array(segments, "<u2").tobytes())

    assert rendered(ds)[0, :, 0].tolist() == [0, 1, 2, 3, 0, 1]


def test_a_palette_that_is_missing_is_undecodable() -> None:
    with pytest.raises(Undecodable):
        rendered(stored([0], PhotometricInterpretation="PALETTE COLOR"))


@pytest.mark.parametrize(("keyword", "dtype"), [("FloatPixelData", "<f4"), ("DoubleFloatPixelData", "<f8")])
def test_floating_point_values_are_stretched_and_what_is_no_number_is_zero(keyword: str, dtype: str) -> None:
    ds = make_ct(1, 5, PixelData=None, RescaleIntercept=None, RescaleSlope=None, WindowCenter=None, WindowWidth=None)
    setattr(ds, keyword, np.array([0, 0.25, 0.5, 1, np.nan], dtype).tobytes())

    assert rendered(ds)[0].tolist() == [0, 64, 128, 255, 0]


def test_each_frame_of_an_enhanced_object_has_its_own_window_and_rescale() -> None:
    ds = stored([0, 1, 2, 3, 4])
    ds.SharedFunctionalGroupsSequence = [
        item(PixelValueTransformationSequence=[item(RescaleSlope=1, RescaleIntercept=0)])
    ]
    windows = [item(FrameVOILUTSequence=[item(WindowCenter=center, WindowWidth=1)]) for center in (1, 3)]
    ds.PerFrameFunctionalGroupsSequence = windows

    assert rendered(ds, frame_number=1)[0].tolist() == [0, 255, 255, 255, 255]
    assert rendered(ds, frame_number=2)[0].tolist() == [0, 0, 0, 255, 255]


def test_a_window_asked_for_takes_the_place_of_that_in_the_header() -> None:
    ds = stored([0, 1, 2, 3, 4], WindowCenter=100, WindowWidth=1)
    description = pixel_description(ds)
    samples = decode_frame(description, bytes(ds.PixelData), "1.2.840.10008.1.2.1")

    picture = render(description, presentation_of(ds, description), samples, "MONOCHROME2", Window(2.5, 5), "LINEAR")

    assert picture[0].tolist() == [0, 64, 128, 191, 255]


@pytest.mark.parametrize(
    ("aspect", "viewport", "expected"),
    [
        (1, None, (30, 40)),
        (2, None, (30, 40)),  # PS3.18 8.3.5.1.3: without a viewport the pixels are those of the image
        (1, Viewport(20, 20), (15, 20)),
        (1, Viewport(80, 400), (60, 80)),
        (2, Viewport(20, 20), (20, 13)),
        (1, Viewport(20, 20, (10, 10, 10, 20)), (20, 10)),
    ],
)
def test_pictures_fit_the_viewport_with_square_pixels(
    aspect: float, viewport: Viewport | None, expected: tuple[int, int]
) -> None:
    assert resized(np.zeros((30, 40), np.uint8), aspect, viewport).shape == expected


@pytest.mark.parametrize(("media_type", "largest_difference"), [("image/png", 0), ("image/jpeg", 4)])
@pytest.mark.parametrize("shape", [(32, 48), (32, 48, 3)], ids=["grey", "colour"])
def test_pictures_come_back_from_their_files(media_type: Any, largest_difference: int, shape: tuple[int, ...]) -> None:
    picture = np.broadcast_to(np.linspace(0, 255, 48).astype(np.uint8).reshape(1, 48, *[1] * (len(shape) - 2)), shape)

    again = np.asarray(Image.open(io.BytesIO(encode(picture, media_type))))

    assert np.abs(again.astype(int) - picture).max() <= largest_difference


def greys(**attributes: Any) -> list[int]:
    """The greys of the stored values 0 to 4 under these attributes."""
    found: list[int] = rendered(stored([0, 1, 2, 3, 4], **attributes))[0].tolist()
    return found


def stored(values: list[int], **attributes: Any) -> Dataset:
    """One row of 16-bit stored values, modality values the same, and no window."""
    for keyword in ("ModalityLUTSequence", "VOILUTSequence"):
        if keyword in attributes:
            attributes[keyword] = [lut(*one) for one in attributes[keyword]]
    plain = {"RescaleIntercept": 0, "WindowCenter": None, "WindowWidth": None, "PixelRepresentation": 0}
    data = np.array(values, "<u2").tobytes()
    return make_ct(1, len(values), **{**plain, **attributes}, PixelData=data)


def lut(count: int, first: int, bits: int, entries: list[int]) -> Dataset:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [count, first, bits])
    table.add_new("LUTData", "OW", np.array(entries, "<u2").tobytes())
    return table


def item(**attributes: Any) -> Dataset:
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def picture_of(path: Path) -> Picture:
    return rendered(pydicom.dcmread(path, force=True))


def rendered(ds: Dataset, frame_number: int = 1) -> Picture:
    description = pixel_description(ds)
    uid = ds.file_meta.get("TransferSyntaxUID", "1.2.840.10008.1.2")
    data = bytes(ds[description.keyword].value)
    if uid not in NATIVE:
        data = get_frame(data, 0, number_of_frames=int(ds.get("NumberOfFrames") or 1))
    samples = decode_frame(description, data, uid)
    presentation = presentation_of(ds, description, frame_number)
    return render(description, presentation, samples, colour_space_of(description, data, uid))
