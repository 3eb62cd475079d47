"""Bulk data that comes beside its metadata: what it is, and how it becomes a pixel data value (PS3.18 10.5.2, 8.7.3.3).

Values are named, not held: a span of the file in which the bulk data of a request waits.
"""

import io
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from pacs.dicom.codestream import Codestream, read_codestream
from pacs.dicom.media import FRAME_MEDIA_TYPE, OCTET_STREAM, MediaType, frame_media_type
from pacs.dicom.part10 import EXPLICIT_BIG_ENDIAN, EXPLICIT_LITTLE_ENDIAN, NATIVE
from pacs.errors import InvalidInstance, TooLarge, UnsupportedContent, UnsupportedTransferSyntax

ITEM, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"
UNDEFINED = 0xFFFFFFFF
HEAD = 1 << 20
"""Bytes of a compressed frame in which it says what it is; a colour profile may stand before."""
LARGEST_PICTURE = 128 << 20
"""Bytes of the pixels of a GIF or PNG, which are held while they are stored."""
RLE = "1.2.840.10008.1.2.5"
_COMPRESSED = "1.2.840.10008.1.2.4."
VIDEO: Mapping[str, str] = {
    "video/mpeg": f"{_COMPRESSED}100",
    "video/mp4": f"{_COMPRESSED}102",
    "video/h265": f"{_COMPRESSED}107",
}
"""Which transfer syntax a video is in that does not say it: the least of its kind (PS3.18 Table 8.7.3-5)."""
DECODED = frozenset(("image/gif", "image/png"))
"""No transfer syntax has them: their pixels are stored as they are (PS3.18 Table 10.5.2-1)."""
UNCOMPRESSED = frozenset(("", *(NATIVE - {EXPLICIT_BIG_ENDIAN})))
"""Bulk data is little endian always (PS3.18 8.7.3.3.1), whatever the data set was in."""
JPEG_PROCESSES: Mapping[int, str] = {0xC0: "50", 0xC1: "51", 0xC2: "55", 0xC3: "57"}
JPEG_2000: Mapping[str, tuple[str, str]] = {"image/jphc": ("201", "203"), "image/jpx": ("92", "93")}
"""Without loss, and with it."""
_FRAME = re.compile(r"(.+)/frames/([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of the file of bulk data: from start to stop, which is not included."""

    start: int
    stop: int


Piece = bytes | Span


@dataclass(frozen=True, slots=True)
class BulkPart:
    """One part of a request that is bulk data."""

    media_type: MediaType
    span: Span


@dataclass(slots=True)
class Bulk:
    """All of the bulk data of a request, by where the metadata says that it is."""

    file: BinaryIO
    parts: Mapping[str, Sequence[BulkPart]] = field(default_factory=dict)
    """By Content-Location."""

    def parts_of(self, uri: str) -> list[BulkPart]:
        """What a BulkDataURI means: its part, or one part a frame. Raises InvalidInstance when there is none."""
        if uri in self.parts:
            return list(self.parts[uri])
        frames = [
            (int(match[2]), part)
            for location, parts in self.parts.items()
            if (match := _FRAME.fullmatch(location)) and match[1] == uri
            for part in parts
        ]
        if not frames:
            raise InvalidInstance("no part of the request is at a Bulk Data URI of its metadata")
        return [part for _, part in sorted(frames, key=lambda frame: frame[0])]

    def read(self, span: Span, most: int) -> bytes:
        """The beginning of a span."""
        self.file.seek(span.start)
        return self.file.read(min(most, span.stop - span.start))


@dataclass(frozen=True, slots=True)
class Pixels:
    """Pixel data as it will be stored."""

    transfer_syntax_uid: str
    value: Sequence[Piece]
    """Of encapsulated pixel data: its items and their end."""
    described: Mapping[str, str | int]
    """What the compressed frames say of themselves, by keyword of the Image Pixel module."""
    number_of_frames: int | None = None
    """None: the parts do not tell."""

    @property
    def is_encapsulated(self) -> bool:
        return self.transfer_syntax_uid not in NATIVE


def size_of(pieces: Iterable[Piece]) -> int:
    """Bytes of all of them."""
    return sum(len(piece) if isinstance(piece, bytes) else piece.stop - piece.start for piece in pieces)


def pixels_of(parts: Sequence[BulkPart], bulk: Bulk, transfer_syntax_uid: str) -> Pixels:
    """The pixel data of one instance out of its parts. transfer_syntax_uid: what the metadata says of it, or "".

    Raises InvalidInstance, UnsupportedContent, UnsupportedTransferSyntax, TooLarge.
    """
    media_type = parts[0].media_type
    if any(part.media_type != media_type for part in parts):
        raise InvalidInstance("the frames of an instance are of several media types")
    if media_type.name in DECODED:
        return _decoded(media_type.name, parts, bulk)
    said = media_type.parameters.get("transfer-syntax", transfer_syntax_uid)
    syntax = said if said in FRAME_MEDIA_TYPE else _by_media_type(media_type.name, said, bulk.read(parts[0].span, HEAD))
    if media_type.name not in (OCTET_STREAM, frame_media_type(syntax).lower()):
        raise InvalidInstance(f"{media_type.name} is not the media type of the transfer syntax {syntax}")
    spans = [part.span for part in parts]
    if syntax in NATIVE:
        return Pixels(syntax, spans, {})
    if bulk.read(spans[0], 4) == ITEM:  # encapsulated already, as it stands in a file
        is_ended = bulk.read(Span(max(0, spans[-1].stop - 8), spans[-1].stop), 8) == SEQUENCE_END
        return Pixels(syntax, [*spans, *([] if is_ended else [SEQUENCE_END])], {})
    frames = [_codestream_of(span, bulk, syntax) for span in spans]
    is_video = frame_media_type(syntax).startswith("video/")
    return Pixels(syntax, _encapsulated(frames), _described(frames, bulk), None if is_video else len(frames))


def _by_media_type(name: str, said: str, head: bytes) -> str:
    """The transfer syntax of a part that names none that is compressed. said: what it names instead, "": nothing."""
    if said not in UNCOMPRESSED:
        raise UnsupportedTransferSyntax(f"bulk data is not taken in the transfer syntax {said[:64]!r}")
    match name:
        case "application/octet-stream":
            return EXPLICIT_LITTLE_ENDIAN
        case "image/dicom-rle":
            return RLE
        case "image/jpeg" | "image/jls" | "image/jp2" | "image/jpx" | "image/jphc":
            return _by_codestream(name, head)
        case "image/jxl":
            return f"{_COMPRESSED}112"  # whether it is lossless stands deep within; this one is for both
        case _ if name in VIDEO:
            return VIDEO[name]
    raise UnsupportedContent(f"bulk data is not taken as {name[:64]}")


def _by_codestream(name: str, head: bytes) -> str:
    process, parameter = _scan(head) if name in ("image/jpeg", "image/jls") else (0, 0)
    if process in JPEG_PROCESSES:
        number = "70" if process == 0xC3 and parameter == 1 else JPEG_PROCESSES[process]
    elif process == 0xF7:
        number = "81" if parameter else "80"
    elif (cod := head.find(b"\xff\x52", max(0, head.find(b"\xff\x4f\xff\x51")))) >= 0 and len(head) > cod + 13:
        is_high_throughput = head.find(b"\xff\x50", 0, cod) >= 0  # CAP (T.814)
        kind = "image/jphc" if is_high_throughput else name
        lossless, lossy = JPEG_2000.get(kind, ("90", "91"))
        number = lossless if head[cod + 13] == 1 else lossy  # the 5-3 transform can be reversed (T.800 Table A.20)
    else:
        raise InvalidInstance(f"the bulk data is no {name}")
    return f"{_COMPRESSED}{number}"


def _scan(data: bytes) -> tuple[int, int]:
    """The marker of a JPEG's frame, and the predictor or NEAR of its first scan (T.81 B.2.3, T.87 C.2)."""
    position, frame = 2, 0
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        if marker in (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7):
            frame = marker
        if marker == 0xDA and position + 5 < len(data):
            place = position + 5 + 2 * data[position + 4]
            return frame, data[place] if place < len(data) else 0
        position += 2 + length
    return 0, 0


def _codestream_of(span: Span, bulk: Bulk, syntax: str) -> Span:
    """Without the boxes of a JP2 file, which stand in no DICOM instance (PS3.5 8.2.4)."""
    if not frame_media_type(syntax).startswith("image/jp"):
        return span
    head = bulk.read(span, HEAD)
    start = head.find(b"\xff\x4f\xff\x51") if head[4:8] == b"jP  " else 0
    if start < 0:
        raise InvalidInstance("a JP2 file without a codestream")
    return Span(span.start + start, span.stop)


def _encapsulated(frames: Sequence[Span]) -> list[Piece]:
    """A fragment a frame, behind a Basic Offset Table where 32 bits can tell where they are (PS3.5 A.4)."""
    sizes = [size_of([frame]) for frame in frames]
    if any(size >= UNDEFINED - 1 for size in sizes):
        raise TooLarge("a frame has more bytes than a fragment can")
    offsets = [0]
    for size in sizes[:-1]:
        offsets.append(offsets[-1] + 8 + size + size % 2)
    table = struct.pack(f"<{len(offsets)}I", *offsets) if offsets[-1] < UNDEFINED else b""
    pieces: list[Piece] = [ITEM + struct.pack("<I", len(table)) + table]
    for frame, size in zip(frames, sizes, strict=True):
        pieces += [ITEM + struct.pack("<I", size + size % 2), frame, b"\0" * (size % 2)]
    return [*pieces, SEQUENCE_END]


def _described(frames: Sequence[Span], bulk: Bulk) -> dict[str, str | int]:
    """The Image Pixel module as the first frame has it (PS3.18 Table 10.5.2-1); nothing where it does not tell."""
    head = bulk.read(frames[0], HEAD)
    found = read_codestream(head)
    if found is None or not found.samples:
        return {}
    return _image_pixel(found.rows, found.columns, found.samples, found.precision, found.is_signed) | {
        "PhotometricInterpretation": _photometric(found, head)
    }


def _image_pixel(rows: int, columns: int, samples: int, precision: int, is_signed: bool) -> dict[str, str | int]:
    return {
        "SamplesPerPixel": samples,
        "PhotometricInterpretation": "MONOCHROME2" if samples == 1 else "RGB",
        **({"PlanarConfiguration": 0} if samples > 1 else {}),
        "Rows": rows,
        "Columns": columns,
        "BitsAllocated": 8 if precision <= 8 else 16 if precision <= 16 else 32,
        "BitsStored": precision,
        "HighBit": precision - 1,
        "PixelRepresentation": int(is_signed),
    }


def _photometric(found: Codestream, head: bytes) -> str:
    if found.samples == 1:
        return "MONOCHROME2"
    if head.startswith(b"\xff\xd8"):
        return "RGB" if found.is_lossless or found.colour == "RGB" else "YBR_FULL_422"
    if found.colour == "RGB":  # JPEG 2000 under a component transform (PS3.5 8.2.4)
        return "YBR_RCT" if head[head.find(b"\xff\x52") + 13] == 1 else "YBR_ICT"
    return "RGB"


def _decoded(name: str, parts: Sequence[BulkPart], bulk: Bulk) -> Pixels:
    pictures: list[NDArray[np.uint8 | np.uint16]] = []
    for part in parts:
        data = bulk.read(part.span, LARGEST_PICTURE + 1)
        if len(data) > LARGEST_PICTURE:
            raise TooLarge(f"a picture of more than {LARGEST_PICTURE >> 20} MiB is not taken apart")
        try:
            pictures += _frames_of_gif(data) if name == "image/gif" else [_of_png(data)]
        except (OSError, ValueError, RuntimeError, SyntaxError, struct.error) as error:
            raise InvalidInstance(f"the bulk data is no {name}") from error
        if sum(picture.nbytes for picture in pictures) > LARGEST_PICTURE:
            raise TooLarge(f"pictures of more than {LARGEST_PICTURE >> 20} MiB are not taken apart")
    first = pictures[0]
    if any((one.shape, one.dtype) != (first.shape, first.dtype) for one in pictures):
        raise InvalidInstance("the frames of an instance are of several sizes")
    rows, columns, *colour = first.shape
    described = _image_pixel(rows, columns, colour[0] if colour else 1, 8 * first.itemsize, False)
    return Pixels(EXPLICIT_LITTLE_ENDIAN, [picture.tobytes() for picture in pictures], described, len(pictures))


def _of_png(data: bytes) -> NDArray[np.uint8 | np.uint16]:
    """Shape (rows, columns) or (rows, columns, 3). What is transparent has no place in an image of a patient."""
    columns, rows, bits = struct.unpack_from(">IIB", data, 16)  # IHDR is the first chunk of all (PNG 5.6)
    if rows * columns * 4 * max(1, bits // 8) > LARGEST_PICTURE:
        raise TooLarge(f"a picture of more than {LARGEST_PICTURE >> 20} MiB is not taken apart")
    found: NDArray[np.uint8 | np.uint16] = imagecodecs.png_decode(data)
    if found.ndim == 3 and found.shape[2] in (2, 4):
        found = found[:, :, : found.shape[2] - 1]
    return np.ascontiguousarray(found[:, :, 0] if found.ndim == 3 and found.shape[2] == 1 else found)


def _frames_of_gif(data: bytes) -> list[NDArray[np.uint8 | np.uint16]]:
    """Each of shape (rows, columns, 3)."""
    frames: list[NDArray[np.uint8 | np.uint16]] = []
    with Image.open(io.BytesIO(data), formats=["GIF"]) as picture:
        for frame in ImageSequence.Iterator(picture):
            if (len(frames) + 1) * 3 * picture.width * picture.height > LARGEST_PICTURE:
                raise TooLarge(f"a picture of more than {LARGEST_PICTURE >> 20} MiB is not taken apart")
            frames.append(np.asarray(frame.convert("RGB")))
    return frames
