"""Decoded frames against the digests of the corpus, against dcmtk, and hostile ones."""

import hashlib
import shutil
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame

from pacs.dicom.pixels import (
    BIG_ENDIAN,
    DEFLATED_FRAME,
    EXPLICIT,
    JPEG_BASELINE,
    NATIVE,
    RLE,
    colour_space_of,
    decode_frame,
    pixel_description,
    stored_values,
)
from pacs.errors import Undecodable
from tests.conftest import manifest
from tests.make import make_ct

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom says what is wrong with the corpus: that is its point

JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
HTJ2K = "1.2.840.10008.1.2.4.201"
JPEG_XL = "1.2.840.10008.1.2.4.110"
NOT_LOSSLESS = {"modality/op/dcmjs__sample-op.dcm": "a baseline JPEG labelled JPEG Lossless: decoders differ by one"}
DIGESTS = [row for row in manifest() if row["frame1_sha256_raw"] and row["path"] not in NOT_LOSSLESS]


@pytest.mark.parametrize("row", DIGESTS, ids=lambda row: str(row["path"]))
def test_lossless_frames_have_the_samples_of_the_manifest(corpus: Path, row: dict[str, str]) -> None:
    samples = decoded(pydicom.dcmread(corpus / row["path"], force=True))

    assert hashlib.sha256(samples.tobytes()).hexdigest() == row["frame1_sha256_raw"]


@pytest.mark.parametrize(
    ("command", "path", "largest_difference"),
    [
        ("dcmdjpeg", "syntax/dicom-test-files__MR1_JPLL", 0),
        ("dcmdjpeg", "modality/mg/fo-dicom__GH133.dcm", 0),
        ("dcmdjpeg", "syntax/pydicom-data__JPGLosslessP14SV1_1s_1f_8b.dcm", 0),
        ("dcmdjpeg", "syntax/dicom-test-files__MR1_JPLY", 1),
        ("dcmdjpeg", "syntax/pydicom__JPEG-lossy.dcm", 1),
        ("dcmdjpls", "syntax/dicom-test-files__MR1_JLSL", 0),
        ("dcmdjpls", "syntax/dicom-test-files__CT1_JLSN", 0),
        ("dcmdjpls", "photometric/weasis-dicom-tools__palette-multiframe-jpeg-ls.dcm", 0),
        ("dcmdrle", "modality/us/dcm4che__US-PAL-8-10x-echo", 0),
        ("dcmdrle", "photometric/weasis-dicom-tools__ybrFull-RLE.dcm", 0),
    ],
)
def test_dcmtk_decodes_the_same(corpus: Path, tmp_path: Path, command: str, path: str, largest_difference: int) -> None:
    if shutil.which(command) is None:
        pytest.skip(f"{command} (dcmtk) is not installed")
    subprocess.run([command, "-q", corpus / path, tmp_path / "native"], check=True, capture_output=True)

    ours = decoded(pydicom.dcmread(corpus / path)).astype(np.int64)
    theirs = decoded(pydicom.dcmread(tmp_path / "native")).astype(np.int64)

    assert np.abs(ours - theirs).max() <= largest_difference


@pytest.mark.parametrize(
    "stored",
    [
        np.indices((64, 64)).sum(axis=0) % 2 * 32768,  # differences of 32768 have no extra bits (T.81 H.1.2.2)
        np.random.default_rng(1).integers(0, 65536, (64, 64)),
        np.random.default_rng(2).integers(0, 2, (64, 64)) * 65535,
    ],
    ids=["differences of 32768", "noise", "black and white"],
)
@pytest.mark.parametrize(
    ("transfer_syntax_uid", "encode"),
    [
        (JPEG_LOSSLESS, imagecodecs.ljpeg_encode),
        (JPEG_LOSSLESS, lambda stored: imagecodecs.jpeg8_encode(stored, lossless=True)),
        (JPEG_LS, imagecodecs.jpegls_encode),
        (JPEG_2000, lambda stored: imagecodecs.jpeg2k_encode(stored, codecformat="J2K", reversible=True)),
        (HTJ2K, lambda stored: imagecodecs.htj2k_encode(stored, reversible=True)),
        (JPEG_XL, lambda stored: imagecodecs.jpegxl_encode(stored, lossless=True)),
    ],
    ids=["JPEG Lossless (liblj92)", "JPEG Lossless (libjpeg-turbo)", "JPEG-LS", "JPEG 2000", "HTJ2K", "JPEG XL"],
)
def test_full_range_of_16_bits_survives(transfer_syntax_uid: str, encode: Any, stored: NDArray[Any]) -> None:
    stored = stored.astype("<u2")
    description = pixel_description(make_ct(64, 64, PixelRepresentation=0))

    samples = decode_frame(description, encode(stored), transfer_syntax_uid)

    assert np.array_equal(samples, stored)


@pytest.mark.parametrize(
    ("bits", "high", "signed", "sample", "expected"),
    [
        (12, 11, False, 0xF123, 0x123),  # an overlay in the upper bits
        (12, 15, False, 0x1234, 0x123),
        (12, 11, True, 0x0FFF, -1),
        (12, 11, True, 0xF7FF, 0x7FF),
        (12, 15, True, 0xFFF0, -1),
        (16, 15, True, 0xFFFF, -1),
    ],
)
def test_stored_values_are_the_bits_stored(bits: int, high: int, signed: bool, sample: int, expected: int) -> None:
    ds = make_ct(1, 1, BitsStored=bits, HighBit=high, PixelRepresentation=int(signed))
    description = pixel_description(ds)

    stored = stored_values(description, decode_frame(description, sample.to_bytes(2, "little"), EXPLICIT))

    assert stored.tolist() == [[expected]]


def test_what_a_lossy_codec_makes_too_bright_is_as_bright_as_can_be() -> None:
    ds = make_ct(64, 64, BitsStored=12, HighBit=11, PixelRepresentation=0)
    data = imagecodecs.jpeg2k_encode(np.full((64, 64), 4100, "<u2"), codecformat="J2K", reversible=True)

    stored = stored_values(pixel_description(ds), decode_frame(pixel_description(ds), data, "1.2.840.10008.1.2.4.91"))

    assert np.unique(stored).tolist() == [4095]


def test_bytes_in_big_endian_words_are_swapped_back() -> None:
    ds = make_ct(1, 3, BitsAllocated=8, BitsStored=8, HighBit=7, PixelRepresentation=0)

    samples = decode_frame(pixel_description(ds), b"\2\1\0\3", BIG_ENDIAN)

    assert samples.tolist() == [[1, 2, 3]]


def test_a_deflated_frame_of_single_bits_is_inflated() -> None:
    ds = make_ct(2, 5, BitsAllocated=1, BitsStored=1, HighBit=0, PixelRepresentation=0)
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = deflater.compress(b"\x21\x02") + deflater.flush()

    samples = decode_frame(pixel_description(ds), data, DEFLATED_FRAME)

    assert samples.tolist() == [[1, 0, 0, 0, 0], [1, 0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("photometric", "encode", "expected"),
    [
        ("RGB", {"colorspace": "RGB", "outcolorspace": "YCBCR"}, "YBR_FULL"),  # JFIF says YCbCr, the label lies
        ("YBR_FULL_422", {"colorspace": "RGB", "outcolorspace": "RGB"}, "RGB"),  # Adobe's marker says RGB
    ],
)
def test_the_colour_of_a_jpeg_is_what_its_markers_say(photometric: str, encode: dict[str, Any], expected: str) -> None:
    ds = make_ct(8, 8, SamplesPerPixel=3, BitsAllocated=8, PhotometricInterpretation=photometric)
    data = bytes(imagecodecs.jpeg8_encode(np.full((8, 8, 3), (200, 30, 30), "u1"), level=95, **encode))

    assert colour_space_of(pixel_description(ds), data, JPEG_BASELINE) == expected


@pytest.mark.parametrize(
    "uid", [JPEG_BASELINE, JPEG_LOSSLESS, JPEG_LS, JPEG_2000, HTJ2K, RLE, DEFLATED_FRAME, EXPLICIT]
)
@pytest.mark.parametrize("data", [b"", b"\xff", b"\xff\xd8\xff\xc0", b"\xff\x4f\xff\x51", bytes(64), b"\xff" * 64])
def test_garbage_is_undecodable(uid: str, data: bytes) -> None:
    with pytest.raises(Undecodable):
        decode_frame(pixel_description(make_ct(64, 64)), data, uid)


@pytest.mark.parametrize(
    ("uid", "encode"),
    [
        (JPEG_LOSSLESS, imagecodecs.ljpeg_encode),
        (JPEG_LS, imagecodecs.jpegls_encode),
        (JPEG_2000, imagecodecs.jpeg2k_encode),
        (HTJ2K, imagecodecs.htj2k_encode),
        (JPEG_XL, imagecodecs.jpegxl_encode),
        (JPEG_XL, lambda stored: imagecodecs.jpegxl_encode(stored, usecontainer=True)),
    ],
    ids=["JPEG Lossless", "JPEG-LS", "JPEG 2000", "HTJ2K", "JPEG XL", "JPEG XL in its container"],
)
def test_a_codestream_of_another_size_than_the_header_says_is_undecodable(uid: str, encode: Any) -> None:
    data = encode(np.zeros((128, 64), "<u2"))

    with pytest.raises(Undecodable, match="128 × 64"):
        decode_frame(pixel_description(make_ct(64, 64)), data, uid)


COMPRESSED = {
    "JPEG": ("syntax/pydicom-data__JPGLosslessP14SV1_1s_1f_8b.dcm", 0.95),
    "JPEG Baseline": ("photometric/pydicom__SC_rgb_dcmtk_+eb+cy+s2.dcm", 0.95),
    "JPEG Extended": ("syntax/pydicom__JPGExtended.dcm", 0.95),
    "JPEG-LS": ("syntax/pydicom__MR_small_jpeg_ls_lossless.dcm", 0.95),
    "JPEG 2000": ("syntax/pydicom__MR_small_jp2klossless.dcm", 0.95),
    "HTJ2K": ("syntax/pydicom-data__HTJ2KLossless_08_RGB.dcm", 0.95),
    "RLE": ("syntax/pydicom__MR_small_RLE.dcm", 0.95),
    "JPEG XL": ("syntax/dcm4che__will-jxl.dcm", 0.5),
}


@pytest.mark.parametrize("name", COMPRESSED)
def test_a_frame_that_is_cut_off_is_undecodable(corpus: Path, name: str) -> None:
    path, part = COMPRESSED[name]
    ds = pydicom.dcmread(corpus / path)
    data = get_frame(ds.PixelData, 0, number_of_frames=int(ds.get("NumberOfFrames") or 1))

    with pytest.raises(Undecodable):
        decode_frame(pixel_description(ds), data[: int(len(data) * part)], ds.file_meta.TransferSyntaxUID)


@pytest.mark.parametrize(
    "segments",
    [[b"\x81\0" * 8, b"\x81\0"], [b"\x81\0" * 32], [b""] * 2, [b"\x81\0" * 32] * 3],
    ids=["a short one", "one for two bytes", "empty ones", "one too many"],
)
def test_rle_segments_that_are_not_those_of_the_frame_are_undecodable(segments: list[bytes]) -> None:
    starts = np.cumsum([64, *map(len, segments)])[:-1].tolist()
    header = struct.pack("<16I", len(segments), *starts, *[0] * (15 - len(starts)))

    with pytest.raises(Undecodable):
        decode_frame(pixel_description(make_ct(64, 64)), header + b"".join(segments), RLE)


@pytest.mark.parametrize(
    "attributes",
    [
        {"Rows": 65535, "Columns": 65535},
        {"Rows": 0},
        {"BitsAllocated": 24, "BitsStored": 24},
        {"SamplesPerPixel": 128},
    ],
    ids=str,
)
def test_a_description_of_no_picture_is_undecodable(attributes: dict[str, Any]) -> None:
    with pytest.raises(Undecodable):
        decode_frame(pixel_description(make_ct(**attributes)), bytes(1 << 20), EXPLICIT)


def test_a_transfer_syntax_without_a_decoder_is_undecodable() -> None:
    with pytest.raises(Undecodable, match=r"1\.2\.840\.10008\.1\.2\.4\.102"):
        decode_frame(pixel_description(make_ct()), bytes(64), "1.2.840.10008.1.2.4.102")


def decoded(ds: Dataset) -> NDArray[Any]:
    """The stored values of the first frame."""
    description = pixel_description(ds)
    uid = ds.file_meta.get("TransferSyntaxUID", "1.2.840.10008.1.2")
    value = bytes(ds[description.keyword].value)
    if uid not in NATIVE:
        value = get_frame(value, 0, number_of_frames=int(ds.get("NumberOfFrames") or 1))
    return stored_values(description, decode_frame(description, value, uid))
