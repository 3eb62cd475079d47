"""One frame decoded: from its bytes to an array of samples as they were before they were compressed.

Nothing here changes a value: no look-up table, no colour transform, no masking but in `stored_values`.
pylibjpeg-libjpeg is not among the decoders: it gives wrong values on legal JPEG Lossless streams.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pacs.dicom.codestream import read_codestream
from pacs.dicom.values import integer, word
from pacs.errors import Undecodable

Samples = NDArray[Any]
"""Shape (rows, columns) for one sample a pixel, else (rows, columns, samples)."""
PixelKeyword = Literal["PixelData", "FloatPixelData", "DoubleFloatPixelData"]

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
GE_PRIVATE = "1.2.840.113619.5.2"
"""Implicit VR Little Endian, but for its pixel data, which is big endian."""
RLE = "1.2.840.10008.1.2.5"
DEFLATED_FRAME = "1.2.840.10008.1.2.8.1"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"

BIG_ENDIAN_PIXELS = frozenset((BIG_ENDIAN, GE_PRIVATE))
NATIVE = frozenset((IMPLICIT, EXPLICIT, DEFLATED, ENCAPSULATED_UNCOMPRESSED, *BIG_ENDIAN_PIXELS))
"""Frames that are samples as they are (PS3.5 A.1 to A.3, A.5, A.4.11)."""
SUBSAMPLED = frozenset(("YBR_FULL_422", "YBR_PARTIAL_422"))
"""Native frames have four samples for two pixels: Y Y Cb Cr (PS3.3 C.7.6.3.1.2)."""

RLE_HEADER = struct.Struct("<16I")
MOST_SAMPLES_BYTES = 1 << 29
"""A frame that would become larger is not decoded: 512 MB hold a slide of 13 000 × 13 000 in colour."""


@dataclass(frozen=True, slots=True)
class PixelDescription:
    """What the Image Pixel Module says of the frames (PS3.3 C.7.6.3)."""

    rows: int
    columns: int
    samples_per_pixel: int
    photometric_interpretation: str
    planar_configuration: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    keyword: PixelKeyword = "PixelData"
    in_words: bool = False
    """The value is OW: in big endian its bytes are swapped in pairs, also those of 8-bit samples (PS3.5 8.1.1)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a sample, little endian. Raises Undecodable where no array has such samples."""
        if self.keyword != "PixelData":
            return np.dtype("<f4" if self.keyword == "FloatPixelData" else "<f8")
        if self.bits_allocated == 1:
            return np.dtype("u1")
        if self.bits_allocated not in (8, 16, 32, 64):
            raise Undecodable(f"Bits Allocated {self.bits_allocated} is none of 1, 8, 16, 32, 64")
        return np.dtype(f"<{'i' if self.is_signed else 'u'}{self.bits_allocated // 8}")

    @property
    def shape(self) -> tuple[int, ...]:
        size = (self.rows, self.columns)
        return size if self.samples_per_pixel == 1 else (*size, self.samples_per_pixel)

    @property
    def decoded_size(self) -> int:
        """Bytes of the decoded frame."""
        return self.rows * self.columns * self.samples_per_pixel * self.dtype.itemsize


def pixel_description(ds: Dataset) -> PixelDescription:
    """What a header says of its frames. Raises Undecodable when it describes none."""
    keyword = _pixel_keyword(ds)
    bits_allocated = integer(ds, "BitsAllocated")
    bits_stored = integer(ds, "BitsStored") or bits_allocated
    high_bit = integer(ds, "HighBit", bits_stored - 1)
    samples = integer(ds, "SamplesPerPixel", 1)
    if keyword != "PixelData":
        bits_allocated = bits_stored = 32 if keyword == "FloatPixelData" else 64
    if not 0 < bits_stored <= bits_allocated:
        bits_stored = bits_allocated
    if not bits_stored - 1 <= high_bit < bits_allocated:
        high_bit = bits_stored - 1
    description = PixelDescription(
        integer(ds, "Rows"),
        integer(ds, "Columns"),
        samples,
        word(ds, "PhotometricInterpretation") or ("MONOCHROME2" if samples == 1 else "RGB"),
        integer(ds, "PlanarConfiguration"),
        bits_allocated,
        bits_stored,
        high_bit,
        integer(ds, "PixelRepresentation") == 1,
        keyword,
        "PixelData" in ds and ds["PixelData"].VR == "OW",
    )
    _check(description)
    return description


def decode_frame(description: PixelDescription, data: bytes, transfer_syntax_uid: str) -> Samples:
    """One frame's samples, colour by pixel, in the colour space `colour_space_of` tells.

    data: the frame as the frame table gives it. Native samples keep the bits above the stored ones (an overlay may be
    there); `stored_values` takes them off. Raises Undecodable.
    """
    _check(description)
    if transfer_syntax_uid in NATIVE:
        return _native(description, data, transfer_syntax_uid in BIG_ENDIAN_PIXELS)
    decoder = DECODERS.get(transfer_syntax_uid)
    if decoder is None:
        raise Undecodable(f"there is no decoder for transfer syntax {transfer_syntax_uid}")
    if transfer_syntax_uid in CODESTREAMS:
        _check_codestream(description, data)
    try:
        samples = decoder(description, data)
    except Undecodable:
        raise
    except Exception as error:  # each codec raises errors of its own
        raise Undecodable("the compressed frame is damaged") from error
    samples = _as_described(description, samples)
    return _saturated(description, samples) if transfer_syntax_uid in LOSSY else samples


def sample_bytes(description: PixelDescription, data: bytes, transfer_syntax_uid: str) -> bytes:
    """The same as bytes, sample by sample, in the type that the description says. Raises Undecodable."""
    samples = decode_frame(description, data, transfer_syntax_uid)
    return np.ascontiguousarray(samples, description.dtype).tobytes()


def colour_space_of(description: PixelDescription, data: bytes, transfer_syntax_uid: str) -> str:
    """The photometric interpretation of what `decode_frame` gives: codecs may have undone a transform of theirs.

    JPEG: Adobe and JFIF markers and components called R, G, B tell more truly than the attribute, as in libjpeg.
    """
    photometric = description.photometric_interpretation
    if description.samples_per_pixel != 3:
        return photometric
    if photometric in ("YBR_RCT", "YBR_ICT"):
        return "RGB"
    if transfer_syntax_uid not in LOSSY_JPEG:
        return "YBR_FULL" if photometric == "YBR_FULL_422" else photometric
    codestream = read_codestream(data)
    colour = codestream.colour if codestream and not codestream.is_lossless else ""
    return {"YBR": "YBR_FULL", "RGB": "RGB"}.get(colour, "RGB" if photometric == "RGB" else "YBR_FULL")


def stored_values(description: PixelDescription, samples: Samples) -> Samples:
    """The samples reduced to the bits stored, sign extended: int or uint of the same width, floats as they are."""
    if description.keyword != "PixelData" or samples.dtype.kind == "f":
        return samples
    width = samples.dtype.itemsize * 8
    stored, high = description.bits_stored, description.high_bit
    if stored >= width or description.bits_allocated == 1:
        return samples
    unsigned = samples.view(f"<u{width // 8}")
    values: Samples
    if description.is_signed:
        values = (unsigned << (width - 1 - high)).view(f"<i{width // 8}") >> (width - stored)
    else:
        values = (unsigned >> (high + 1 - stored)) & np.array((1 << stored) - 1, unsigned.dtype)
    return values


def _pixel_keyword(ds: Dataset) -> PixelKeyword:
    if "FloatPixelData" in ds:
        return "FloatPixelData"
    return "DoubleFloatPixelData" if "DoubleFloatPixelData" in ds else "PixelData"


def _check(description: PixelDescription) -> None:
    if description.rows < 1 or description.columns < 1 or description.samples_per_pixel not in (1, 2, 3, 4):
        raise Undecodable("Rows, Columns or Samples per Pixel describe no picture")
    if description.decoded_size > MOST_SAMPLES_BYTES:
        raise Undecodable(f"a frame of {description.decoded_size} bytes is too large to be decoded")


def _check_codestream(description: PixelDescription, data: bytes) -> None:
    """Codecs allocate what a codestream says, and libjpeg makes up what is missing at its end: seen to before."""
    codestream = read_codestream(data)
    if codestream is None:
        raise Undecodable("the compressed frame does not say its size")
    said = (description.rows, description.columns, description.samples_per_pixel)
    found = (codestream.rows, codestream.columns, codestream.samples or said[2])
    if said != found:
        raise Undecodable(
            f"the compressed frame has {found[0]} × {found[1]} × {found[2]} samples, "
            f"its header says {said[0]} × {said[1]} × {said[2]}"
        )
    if not codestream.has_end:
        raise Undecodable("the compressed frame is cut off")


def _native(description: PixelDescription, data: bytes, is_big_endian: bool) -> Samples:
    if description.bits_allocated == 1:
        return _bits(description, data)
    dtype = description.dtype
    if is_big_endian and dtype.itemsize > 1:
        dtype = dtype.newbyteorder(">")
    elif is_big_endian and description.in_words:
        data = np.frombuffer(data[: len(data) // 2 * 2], "u2").byteswap().tobytes()
    if description.photometric_interpretation in SUBSAMPLED and description.samples_per_pixel == 3:
        return _upsampled(description, data)
    samples = _exactly(data, dtype, description.rows * description.columns * description.samples_per_pixel)
    samples = samples.astype(dtype.newbyteorder("<"), copy=False)
    if description.samples_per_pixel > 1 and description.planar_configuration == 1:
        return _by_pixel(description, samples)
    return samples.reshape(description.shape)


def _exactly(data: bytes, dtype: "np.dtype[Any]", count: int) -> Samples:
    if len(data) < count * dtype.itemsize:
        raise Undecodable(f"the frame has {len(data)} of {count * dtype.itemsize} bytes")
    return np.frombuffer(data, dtype, count)


def _by_pixel(description: PixelDescription, planes: Samples) -> Samples:
    planes = planes.reshape(description.samples_per_pixel, description.rows, description.columns)
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


def _bits(description: PixelDescription, data: bytes) -> Samples:
    """Samples of one bit as bytes of 0 and 1; the first is the least significant bit (PS3.5 8.1.1)."""
    count = description.rows * description.columns * description.samples_per_pixel
    packed = _exactly(data, np.dtype("u1"), (count + 7) // 8)
    return np.unpackbits(packed, count=count, bitorder="little").reshape(description.shape)


def _upsampled(description: PixelDescription, data: bytes) -> Samples:
    """Y Y Cb Cr for each two pixels of a row becomes Y Cb Cr for each pixel: chrominance is repeated."""
    rows, columns = description.rows, description.columns
    if columns % 2:
        raise Undecodable("Columns is odd where chrominance is shared by two")
    groups = _exactly(data, description.dtype, rows * columns * 2).reshape(rows, columns // 2, 4)
    samples = np.empty((rows, columns // 2, 2, 3), description.dtype)
    samples[..., 0] = groups[..., :2]
    samples[..., 1] = groups[..., 2:3]
    samples[..., 2] = groups[..., 3:4]
    return samples.reshape(rows, columns, 3)


def _rle(description: PixelDescription, data: bytes) -> Samples:
    """PS3.5 G. Segments hold the bytes of whole planes, the most significant first, whatever Planar Configuration
    says; single bits stay packed in one segment."""
    segments = [imagecodecs.packbits_decode(segment) for segment in _rle_segments(data)]
    if description.bits_allocated == 1 and segments:
        return _bits(description, bytes(segments[0]))
    width = description.dtype.itemsize
    samples, pixels = description.samples_per_pixel, description.rows * description.columns
    if len(segments) != samples * width or min(map(len, segments)) < pixels:
        raise Undecodable("the RLE segments are not those of the frame")
    planes = np.empty((samples, pixels, width), np.uint8)
    for index, segment in enumerate(segments):
        planes[index // width, :, width - 1 - index % width] = np.frombuffer(segment, np.uint8, pixels)
    values = planes.reshape(-1).view(description.dtype)
    return values.reshape(description.shape) if samples == 1 else _by_pixel(description, values)


def _rle_segments(data: bytes) -> list[bytes]:
    """The header is a count and 15 offsets (PS3.5 G.5)."""
    if len(data) < RLE_HEADER.size:
        raise Undecodable("the RLE header is cut off")
    count, *offsets = RLE_HEADER.unpack_from(data)
    if not 1 <= count <= 15:
        raise Undecodable(f"{count} RLE segments are none or too many")
    bounds = [*offsets[:count], len(data)]
    return [data[start:stop] for start, stop in pairwise(bounds)]


def _jpeg(description: PixelDescription, data: bytes) -> Samples:
    """Any JPEG process of one frame, 8, 12 or 16 bits, without the colour transform."""
    if description.samples_per_pixel == 3:
        return imagecodecs.jpeg8_decode(data, colorspace="YCBCR", outcolorspace="YCBCR")
    return imagecodecs.jpeg8_decode(data)


def _jpeg_lossless(description: PixelDescription, data: bytes) -> Samples:
    codestream = read_codestream(data)
    if codestream is not None and not codestream.is_lossless:
        return _jpeg(description, data)
    return imagecodecs.jpeg8_decode(data)


def _jpeg_ls(description: PixelDescription, data: bytes) -> Samples:
    return imagecodecs.jpegls_decode(data)


def _jpeg2000(description: PixelDescription, data: bytes) -> Samples:
    """HTJ2K too: OpenJPEG tells when a codestream is damaged, OpenJPH by imagecodecs gives what it has so far."""
    return imagecodecs.jpeg2k_decode(data)


def _jpeg_xl(description: PixelDescription, data: bytes) -> Samples:
    return imagecodecs.jpegxl_decode(data)


def _deflated(description: PixelDescription, data: bytes) -> Samples:
    """PS3.5 A.4.13: each frame is a raw deflate stream of what would be a native frame."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    return _native(description, inflater.decompress(data, description.decoded_size + 1), False)


def _as_described(description: PixelDescription, samples: Samples) -> Samples:
    """What a codec gave in the shape and the type that the header says: codecs choose their own."""
    if samples.size != description.rows * description.columns * description.samples_per_pixel:
        raise Undecodable(f"the compressed frame has the shape {samples.shape}, its header says {description.shape}")
    samples = samples.reshape(description.shape)
    dtype = description.dtype
    if samples.dtype == dtype or samples.dtype.kind == "f":
        return samples
    if samples.dtype.itemsize > dtype.itemsize:
        return samples.astype(dtype)
    if samples.dtype.itemsize == dtype.itemsize:
        return samples.view(dtype)
    return samples.astype(dtype)


def _saturated(description: PixelDescription, samples: Samples) -> Samples:
    """What a lossy codec made brighter or darker than the bits stored can say, at their limit: cut off it would be
    black where it is to be white."""
    stored = description.bits_stored
    if samples.dtype.kind == "f" or stored == samples.dtype.itemsize * 8 or description.high_bit != stored - 1:
        return samples
    low, high = (-(1 << (stored - 1)), (1 << (stored - 1)) - 1) if description.is_signed else (0, (1 << stored) - 1)
    return samples.clip(low, high) if samples.min() < low or samples.max() > high else samples


LOSSY_JPEG = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (*range(50, 57), *range(59, 65)))
LOSSLESS_JPEG = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (57, 58, 65, 66, 70))
LOSSY = LOSSY_JPEG | {f"1.2.840.10008.1.2.4.{number}" for number in (81, 91, 93, 203, 112)}
"""Transfer syntaxes whose samples may differ from those that were compressed."""
DECODERS: dict[str, Callable[[PixelDescription, bytes], Samples]] = {
    RLE: _rle,
    DEFLATED_FRAME: _deflated,
    **dict.fromkeys(LOSSY_JPEG, _jpeg),
    **dict.fromkeys(LOSSLESS_JPEG, _jpeg_lossless),
    **dict.fromkeys((f"1.2.840.10008.1.2.4.{number}" for number in (80, 81)), _jpeg_ls),
    **dict.fromkeys((f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 92, 93, 201, 202, 203)), _jpeg2000),
    **dict.fromkeys((f"1.2.840.10008.1.2.4.{number}" for number in (110, 111, 112)), _jpeg_xl),
}
"""What decodes a frame of each encapsulated transfer syntax."""
CODESTREAMS = DECODERS.keys() - {RLE, DEFLATED_FRAME}
"""Transfer syntaxes whose frames say their size in a way that `read_codestream` reads."""
