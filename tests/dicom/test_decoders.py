"""Every picture of the corpus, beside other decoders: pydicom with its plugins (GDCM, OpenJPEG, Pillow), and dcmtk.

One file of each folder of a series stands for the series. What others cannot decode, or decode otherwise, is named.
"""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels import get_decoder

from pacs.dicom.overlays import draw, overlays_of
from pacs.dicom.pixels import (
    NATIVE,
    PixelDescription,
    Samples,
    colour_space_of,
    decode_frame,
    pixel_description,
    stored_values,
)
from pacs.dicom.presentation import Presentation, Window, presentation_of
from pacs.dicom.render import Picture, modality_values, render
from tests.conftest import manifest

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom says what is wrong with the corpus: that is its point

IMPLICIT = "1.2.840.10008.1.2"
JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 92, 93))
UNKNOWN_TO_PYDICOM = {
    "1.2.840.10008.1.2.4.53": "JPEG, spectral selection",
    "1.2.840.10008.1.2.4.55": "JPEG, full progression",
    "1.2.840.10008.1.2.4.51": "JPEG of 12 bits",
    "1.2.840.10008.1.2.4.111": "JPEG XL",
    "1.2.840.10008.1.2.8.1": "deflated frames",
}
"""Transfer syntaxes; dcmtk decodes the first three."""
OTHERWISE_TO_PYDICOM = {
    "modality/mr-enhanced/weasis-dicom-tools__jpeg2000-multiframe-multifragments.dcm": "lossy, beyond the bits stored",
    "syntax/pydicom-data__liver_rle.dcm": "RLE of single bits, which pydicom does not decode",
    "syntax/dicom-test-files__MR1_JLSL": "a JPEG-LS stream that one of its plugins refuses",
}
UNKNOWN_TO_DCMTK = {
    "modality/pmap/pydicom-data__parametric_map_float.dcm": "floating point samples",
    "photometric/pydicom-data__SC_rgb_32bit.dcm": "colours of 32 bits",
    "photometric/pydicom-data__gdcm-US-ALOKA-16.dcm": "a segmented palette",
    "syntax/dcm4che__will-jxl.dcm": "JPEG XL",
    "syntax/pydicom-data__liver_deflate.dcm": "deflated frames",
    "syntax/pydicom-data__liver_rle.dcm": "RLE of single bits",
}
OTHERWISE_TO_DCMTK = {
    "modality/cr/dicom-test-files__RG3_JPLY": "lossy, beyond the bits stored: eight pixels turn black to white",
    "modality/mr-enhanced/dcm_qa_xa30__In_9_gre_field_mapping_0001_1.3.12.2.1107.5.2.43.67093.2022071112105958125005113"
    ".dcm": "its rescale is in a functional group",
    "modality/rt/pydicom__rtdose_expb.dcm": "32 bits in big endian, which dcmtk swaps by words",
    "modality/rt/pydicom__rtdose_expb_1frame.dcm": "32 bits in big endian, which dcmtk swaps by words",
    "modality/sc/healthcare-dicom-dicomweb-adapter__example.dcm": "a JPEG in YCbCr labelled RGB: markers are right",
}


@dataclass(frozen=True, slots=True)
class Case:
    """The first frame of a file."""

    path: str
    file: Path
    ds: Dataset
    uid: str
    description: PixelDescription
    samples: Samples
    data: bytes

    @property
    def presentation(self) -> Presentation:
        return presentation_of(self.ds, self.description)


def test_pydicom_and_gdcm_decode_the_same_samples(corpus: Path) -> None:
    compared, wrong = 0, {}
    for case in cases(corpus):
        if case.uid in UNKNOWN_TO_PYDICOM or case.path in OTHERWISE_TO_PYDICOM:
            continue
        ours = stored_values(case.description, case.samples)
        for plugin, theirs in by_pydicom(case):
            compared += 1
            if not np.array_equal(ours.reshape(theirs.shape), theirs, equal_nan=ours.dtype.kind == "f"):
                wrong[case.path, plugin] = "differs"

    assert wrong == {}
    assert compared > 250


def test_dcmtk_shows_every_picture_within_a_grey_level(corpus: Path, tmp_path: Path) -> None:
    if not (shutil.which("dcmj2pnm") and shutil.which("dcml2pnm")):
        pytest.skip("dcmj2pnm and dcml2pnm (dcmtk) are not installed")
    compared, wrong = 0, {}
    for case in cases(corpus):
        if case.uid in JPEG_2000 or case.path in UNKNOWN_TO_DCMTK or case.path in OTHERWISE_TO_DCMTK:
            continue
        window = window_of(case)
        difference = np.abs(ours_of(case, window).astype(int) - by_dcmtk(case, window, tmp_path))[~padding_of(case)]
        compared += 1
        # dcmtk's transform of YBR is in integers.
        if difference.max() > (2 if case.description.photometric_interpretation.startswith("YBR") else 1):
            wrong[case.path] = int(difference.max())

    assert wrong == {}
    assert compared > 170


def cases(corpus: Path) -> Iterator[Case]:
    seen = set()
    for row in manifest():
        folder = str(Path(row["path"]).parent)
        name = folder if folder.startswith(("series", "media")) else row["path"]
        is_shown = "renders" in row["expected"] or "render optional" in row["expected"]
        if row["rows"] and is_shown and name not in seen:
            seen.add(name)
            yield case_of(corpus, row["path"])


def case_of(corpus: Path, path: str) -> Case:
    ds = pydicom.dcmread(corpus / path, force=True)
    description = pixel_description(ds)
    uid = str(ds.file_meta.get("TransferSyntaxUID", IMPLICIT))
    data = bytes(ds[description.keyword].value)
    if uid not in NATIVE:
        data = get_frame(data, 0, number_of_frames=int(ds.get("NumberOfFrames") or 1))
    return Case(path, corpus / path, ds, uid, description, decode_frame(description, data, uid), data)


def by_pydicom(case: Case) -> Iterator[tuple[str, NDArray[Any]]]:
    """The first frame by each of pydicom's plugins that can, but not by its one of libjpeg: it is known to be wrong."""
    decoder = get_decoder(case.uid)
    plugins = [None] if case.uid in NATIVE else [one for one in decoder.available_plugins if one != "pylibjpeg-libjpeg"]
    for plugin in plugins:
        options = {} if plugin is None else {"decoding_plugin": plugin}
        if plugin == "pillow" and case.uid in JPEG_2000:
            continue  # it undoes the colour transform of some
        yield plugin or "numpy", decoder.as_array(case.ds, index=0, raw=True, **options)[0]


def window_of(case: Case) -> Window | None:
    """Narrower than the values of the picture; None for colours."""
    if case.description.samples_per_pixel != 1 or case.presentation.palette is not None:
        return None
    values = modality_values(case.presentation, stored_values(case.description, case.samples).astype(np.float64))
    return Window(round(values.mean()), max(2, round(0.8 * (values.max() - values.min()))))


def padding_of(case: Case) -> NDArray[np.bool_]:
    """Pixels that dcmtk shows as if they were part of the picture."""
    stored = stored_values(case.description, case.samples)
    if case.presentation.padding is None or stored.ndim == 3:
        return np.zeros(stored.shape[:2], bool)
    first, last = case.presentation.padding
    return (stored >= first) & (stored <= last)


def ours_of(case: Case, window: Window | None) -> Picture:
    space = colour_space_of(case.description, case.data, case.uid)
    picture = render(case.description, case.presentation, case.samples, space, window)
    return draw(picture, overlays_of(case.ds, case.description, case.samples, 1))


def by_dcmtk(case: Case, window: Window | None, folder: Path) -> NDArray[Any]:
    command = "dcml2pnm" if case.uid.endswith((".80", ".81")) else "dcmj2pnm"
    voi = ["+Ww", str(window.center), str(window.width)] if window else []
    file = folder / "picture.pnm"
    subprocess.run([command, "-q", "+Omr", "+op", *voi, case.file, file], check=True, capture_output=True)
    return np.asarray(Image.open(file)).astype(int)
