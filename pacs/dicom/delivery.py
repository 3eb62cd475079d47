"""What a browser is given of a frame: the bytes as they are where it can decode them, else samples as they are."""

from dataclasses import dataclass, replace

import numpy as np

from pacs.dicom.pixels import (
    ENCAPSULATED_UNCOMPRESSED,
    EXPLICIT,
    IMPLICIT,
    JPEG_BASELINE,
    RLE,
    SUBSAMPLED,
    PixelDescription,
    Samples,
    colour_space_of,
    decode_frame,
    stored_values,
)
from pacs.dicom.render import rgb_of
from pacs.dicom.transcode import TRANSFORMED

DECODED_BY_BROWSERS = frozenset(
    (
        RLE,
        JPEG_BASELINE,
        *(f"1.2.840.10008.1.2.4.{number}" for number in (57, 70, 80, 81, 90, 91, 201, 202, 203)),
    )
)
"""Encapsulated transfer syntaxes that the viewer decodes itself."""
JPEG_2000 = frozenset(("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"))
HTJ2K = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203))
SAMPLES_AS_THEY_ARE = frozenset((IMPLICIT, EXPLICIT, ENCAPSULATED_UNCOMPRESSED))


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a frame is delivered."""

    transfer_syntax_uid: str
    description: PixelDescription
    """Of what is delivered."""
    is_transcoded: bool
    """What is stored is decoded first."""


def delivery_of(description: PixelDescription, transfer_syntax_uid: str) -> Delivery:
    """How frames so described are delivered."""
    if _goes_as_it_is(description, transfer_syntax_uid):
        is_native = transfer_syntax_uid in SAMPLES_AS_THEY_ARE
        return Delivery(EXPLICIT if is_native else transfer_syntax_uid, description, False)
    if description.samples_per_pixel == 3:
        plain = replace(
            description, photometric_interpretation="RGB", bits_allocated=8, bits_stored=8, high_bit=7, is_signed=False
        )
    else:
        bits = max(description.bits_allocated, 8)
        plain = replace(description, bits_allocated=bits, high_bit=description.bits_stored - 1)
    return Delivery(EXPLICIT, replace(plain, planar_configuration=0, in_words=False), True)


def delivered_frame(description: PixelDescription, data: bytes, transfer_syntax_uid: str) -> bytes:
    """The bytes of a frame that must be transcoded, as `delivery_of` describes them. Raises Undecodable."""
    return delivered_samples(description, data, transfer_syntax_uid).tobytes()


def delivered_samples(description: PixelDescription, data: bytes, transfer_syntax_uid: str) -> Samples:
    """What a browser has of a frame once it is decoded: stored values, colour by pixel. Raises Undecodable."""
    values = stored_values(description, decode_frame(description, data, transfer_syntax_uid))
    if description.samples_per_pixel == 3 and not _goes_as_it_is(description, transfer_syntax_uid):
        values = rgb_of(description, values, colour_space_of(description, data, transfer_syntax_uid))
    return np.ascontiguousarray(values)


def _goes_as_it_is(description: PixelDescription, transfer_syntax_uid: str) -> bool:
    if description.bits_allocated not in (8, 16, 32) and description.keyword == "PixelData":
        return False
    if transfer_syntax_uid in SAMPLES_AS_THEY_ARE:
        return description.photometric_interpretation not in SUBSAMPLED
    if transfer_syntax_uid == JPEG_BASELINE and description.samples_per_pixel == 3:
        # Without a marker a browser takes three components for YCbCr.
        return description.photometric_interpretation != "RGB"
    if transfer_syntax_uid in (*JPEG_2000, *HTJ2K) and description.is_signed and description.bits_allocated == 8:
        return False  # both decoders of browsers take the sign away
    if transfer_syntax_uid in HTJ2K and description.samples_per_pixel == 3:
        # Samples that were not transformed come from OpenJPH's build for browsers as the first of them, thrice.
        return description.photometric_interpretation in TRANSFORMED
    return transfer_syntax_uid in DECODED_BY_BROWSERS
