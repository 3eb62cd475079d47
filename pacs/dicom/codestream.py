"""What a compressed frame says of itself, read before anything is allocated for it.

JPEG and JPEG-LS markers (ITU-T T.81 B.2, T.87 C.2), JPEG 2000 and HTJ2K SIZ and COD (T.800 A.5, A.6), the size
header of JPEG XL (ISO/IEC 18181-1 D.2).
"""

import struct
from dataclasses import dataclass

START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
"""SOF0-15 without DHT, JPG, DAC; and SOF55 of JPEG-LS."""
JPEG_XL_CONTAINER = b"\0\0\0\x0cJXL "
JPEG_XL_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width by height, from code 1."""
WITHOUT_LENGTH = frozenset(range(0xD0, 0xD9)) | {0x01}
LOSSLESS_START_OF_FRAME = frozenset((0xC3, 0xC7, 0xCB, 0xCF, 0xF7))


@dataclass(frozen=True, slots=True)
class Codestream:
    """Size and colour of a compressed frame."""

    rows: int
    columns: int
    samples: int
    """0: it is told elsewhere (JPEG XL)."""
    precision: int
    """Bits of a sample; 0: it is told elsewhere (JPEG XL)."""
    is_signed: bool = False
    """JPEG 2000 only."""
    is_lossless: bool = False
    """JPEG and JPEG-LS: by its process (JPEG-LS may still be near-lossless)."""
    has_end: bool = True
    """JPEG and JPEG-LS: an End of Image follows."""
    colour: str = ""
    """JPEG: `YBR` or `RGB` where markers or component names tell; JPEG 2000: `RGB` under a component transform."""


def read_codestream(data: bytes) -> Codestream | None:
    """None where it is none of these codestreams, or ends before it says its size."""
    try:
        if data.startswith(b"\xff\xd8"):
            return _read_jpeg(data)
        if data.startswith((b"\xff\x0a", JPEG_XL_CONTAINER)):
            return _read_jpeg_xl(data)
        start = 0 if data.startswith(b"\xff\x4f") else data.find(b"\xff\x4f\xff\x51")
        return _read_jpeg2000(data, start) if start >= 0 else None
    except (struct.error, IndexError):
        return None


def _read_jpeg(data: bytes) -> Codestream | None:
    position, colour = 2, ""
    while True:
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        position += 2
        if marker in WITHOUT_LENGTH:
            continue
        (length,) = struct.unpack_from(">H", data, position)
        segment = data[position + 2 : position + length]
        if marker == 0xE0 and segment.startswith(b"JFIF"):
            colour = colour or "YBR"
        elif marker == 0xEE and segment.startswith(b"Adobe") and len(segment) >= 12:
            colour = "YBR" if segment[11] else "RGB"
        elif marker in START_OF_FRAME:
            return _start_of_frame(segment, marker, colour, data.rfind(b"\xff\xd9") > position)
        position += length


def _start_of_frame(segment: bytes, marker: int, colour: str, has_end: bool) -> Codestream:
    precision, rows, columns, samples = struct.unpack_from(">BHHB", segment)
    names = segment[6::3][:3]
    if not colour and names == b"RGB":
        colour = "RGB"
    is_lossless = marker in LOSSLESS_START_OF_FRAME
    return Codestream(rows, columns, samples, precision, False, is_lossless, has_end, colour)


def _read_jpeg2000(data: bytes, start: int) -> Codestream:
    x1, y1, x0, y0 = struct.unpack_from(">IIII", data, start + 8)
    samples, depth = struct.unpack_from(">HB", data, start + 40)
    cod = data.find(b"\xff\x52", start)
    transformed = samples == 3 and cod >= 0 and data[cod + 8] == 1
    return Codestream(
        y1 - y0, x1 - x0, samples, (depth & 0x7F) + 1, bool(depth & 0x80), colour="RGB" if transformed else ""
    )


def _read_jpeg_xl(data: bytes) -> Codestream | None:
    start = 2
    if data.startswith(JPEG_XL_CONTAINER):
        box, head = (data.find(b"jxlc"), 4) if b"jxlc" in data else (data.find(b"jxlp"), 8)
        start = box + head + 2
        if box < 0 or data[start - 2 : start] != b"\xff\x0a":
            return None
    bits = _Bits(int.from_bytes(data[start : start + 16], "little"))
    is_small = bits.take(1)
    rows = _jpeg_xl_length(bits, is_small)
    ratio = bits.take(3)
    if ratio == 0:
        return Codestream(rows, _jpeg_xl_length(bits, is_small), 0, 0)
    across, down = JPEG_XL_RATIOS[ratio - 1]
    return Codestream(rows, rows * across // down, 0, 0)


def _jpeg_xl_length(bits: "_Bits", is_small: int) -> int:
    return (bits.take(5) + 1) * 8 if is_small else bits.take((9, 13, 18, 30)[bits.take(2)]) + 1


class _Bits:
    """Taken from the least significant one on."""

    def __init__(self, value: int) -> None:
        self.value = value

    def take(self, count: int) -> int:
        taken = self.value & (1 << count) - 1
        self.value >>= count
        return taken
