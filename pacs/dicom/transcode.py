"""Frames and headers in an uncompressed transfer syntax, without loss of what was kept (PS3.5 8, A.1, A.2)."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from pacs.dicom.pixels import (
    BIG_ENDIAN,
    EXPLICIT,
    GE_PRIVATE,
    IMPLICIT,
    LOSSY_JPEG,
    PixelDescription,
    colour_space_of,
    decode_frame,
    stored_values,
)
from pacs.dicom.render import rgb_of
from pacs.dicom.rewrite import Change, Encoding

TARGETS = frozenset((EXPLICIT, IMPLICIT))
LOSSY = frozenset((*LOSSY_JPEG, *(f"1.2.840.10008.1.2.4.{number}" for number in (81, 91, 93, 112, 203))))
"""Transfer syntaxes whose frames have, as a rule, lost something already."""
TRANSFORMED = frozenset(("YBR_RCT", "YBR_ICT"))
EXTENDED_OFFSET_TABLE = (0x7FE00001, 0x7FE00002, 0x7FE00003)


def encoding_of(transfer_syntax_uid: str) -> Encoding:
    """How the elements of a data set in this transfer syntax are written, once it is inflated."""
    return Encoding(transfer_syntax_uid in (IMPLICIT, GE_PRIVATE), transfer_syntax_uid == BIG_ENDIAN)


def native_description(description: PixelDescription, transfer_syntax_uid: str) -> PixelDescription:
    """Of frames as `native_frame` gives them."""
    photometric = description.photometric_interpretation
    if description.samples_per_pixel == 3 and (transfer_syntax_uid in LOSSY_JPEG or photometric in TRANSFORMED):
        photometric = "RGB"
    elif photometric == "YBR_FULL_422":
        photometric = "YBR_FULL"
    return replace(
        description,
        photometric_interpretation=photometric,
        planar_configuration=0,
        high_bit=description.bits_stored - 1,
        in_words=description.bits_allocated > 8,
    )


def native_frame(description: PixelDescription, data: bytes, transfer_syntax_uid: str) -> bytes:
    """A frame decoded, little endian, colour by pixel; single bits as bytes of 0 and 1. Raises Undecodable."""
    values = stored_values(description, decode_frame(description, data, transfer_syntax_uid))
    if description.samples_per_pixel == 3 and transfer_syntax_uid in LOSSY_JPEG:
        values = rgb_of(description, values, colour_space_of(description, data, transfer_syntax_uid))
    return np.ascontiguousarray(values).tobytes()


def native_changes(description: PixelDescription, transfer_syntax_uid: str) -> dict[int, Change]:
    """What changes in the header when frames are decoded: the attributes that tell how they are written."""
    native = native_description(description, transfer_syntax_uid)
    changes: dict[int, Change] = dict.fromkeys(EXTENDED_OFFSET_TABLE)
    changes[0x00280004] = "CS", _even(native.photometric_interpretation)
    changes[0x00280102] = "US", native.high_bit.to_bytes(2, "little")
    if native.samples_per_pixel > 1:
        changes[0x00280006] = "US", bytes(2)
    if transfer_syntax_uid in LOSSY:
        changes[0x00282110] = "CS", b"01"  # Lossy Image Compression: it cannot be undone (PS3.3 C.7.6.1.1.5)
    return changes


def native_size(description: PixelDescription, count: int) -> int:
    """Bytes of the pixel data of so many frames, without padding."""
    if description.bits_allocated == 1:
        return (description.rows * description.columns * description.samples_per_pixel * count + 7) // 8
    return description.decoded_size * count


def packed(frames: Iterable[bytes]) -> Iterator[bytes]:
    """Frames of bytes of 0 and 1 as one run of bits, the first in the least significant place (PS3.5 8.1.1)."""
    rest = np.empty(0, np.uint8)
    for frame in frames:
        bits = np.concatenate((rest, np.frombuffer(frame, np.uint8)))
        whole = len(bits) // 8 * 8
        yield np.packbits(bits[:whole], bitorder="little").tobytes()
        rest = bits[whole:]
    yield np.packbits(rest, bitorder="little").tobytes()


def _even(text: str) -> bytes:
    return (text + " " * (len(text) % 2)).encode("ascii")
