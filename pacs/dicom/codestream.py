"""What a compressed frame says of itself, read before anything is allocated for it.

JPEG and JPEG-LS markers (ITU-T T.81 B.2, T.87 C.2), JPEG 2000 and HTJ2K SIZ and COD (T.800 A.5, A.6).
"""

import struct
from dataclasses import dataclass

START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
"""SOF0-15 without DHT, JPG, DAC; and SOF55 of JPEG-LS."""
WITHOUT_LENGTH = frozenset(range(0xD0, 0xD9)) | {0x01}
LOSSLESS_START_OF_FRAME = frozenset((0xC3, 0xC7, 0xCB, 0xCF, 0xF7))


@dataclass(frozen=True, slots=True)
class Codestream:
    """Size and colour of a compressed frame."""

    rows: int
    columns: int
    samples: int
    precision: int
    """Bits of a sample."""
    is_signed: bool = False
    """JPEG 2000 only."""
    is_lossless: bool = False
    """JPEG and JPEG-LS: by its process (JPEG-LS may still be near-lossless)."""
    colour: str = ""
    """JPEG: `YBR` or `RGB` where markers or component names tell; JPEG 2000: `RGB` under a component transform."""


def read_codestream(data: bytes) -> Codestream | None:
    """None where it is no JPEG, JPEG-LS or JPEG 2000 codestream, or ends before it says its size."""
    try:
        if data.startswith(b"\xff\xd8"):
            return _read_jpeg(data)
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
            return _start_of_frame(segment, marker, colour)
        position += length


def _start_of_frame(segment: bytes, marker: int, colour: str) -> Codestream:
    precision, rows, columns, samples = struct.unpack_from(">BHHB", segment)
    names = segment[6::3][:3]
    if not colour and names == b"RGB":
        colour = "RGB"
    return Codestream(rows, columns, samples, precision, False, marker in LOSSLESS_START_OF_FRAME, colour)


def _read_jpeg2000(data: bytes, start: int) -> Codestream:
    x1, y1, x0, y0 = struct.unpack_from(">IIII", data, start + 8)
    samples, depth = struct.unpack_from(">HB", data, start + 40)
    cod = data.find(b"\xff\x52", start)
    transformed = samples == 3 and cod >= 0 and data[cod + 8] == 1
    return Codestream(
        y1 - y0, x1 - x0, samples, (depth & 0x7F) + 1, bool(depth & 0x80), colour="RGB" if transformed else ""
    )
