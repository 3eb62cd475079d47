"""A frame anew in HTJ2K: without loss, its resolutions one after the other, the lowest first (ISO/IEC 15444-15).

Each resolution is a tile-part, so that the bytes of a frame up to its end are a picture of that resolution.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import imagecodecs
import numpy as np

from pacs.dicom.delivery import delivered_samples, delivery_of
from pacs.dicom.pixels import DEFLATED_FRAME, NATIVE, RLE, PixelDescription, Samples
from pacs.errors import NotFound, Undecodable

HTJ2K_RPCL = "1.2.840.10008.1.2.4.202"
LOSSLESS = frozenset((*NATIVE, RLE, DEFLATED_FRAME, *(f"1.2.840.10008.1.2.4.{number}" for number in (57, 70, 80, 90))))
"""What a browser gets large or decodes slowly, and what has lost nothing: RLE, JPEG Lossless, JPEG-LS, JPEG 2000."""
NOT_TO_BE_MIXED = ("PALETTE", "YBR_PARTIAL")
"""A low resolution of numbers that stand for colours would show colours that are nowhere."""
SMALLEST_SIDE = 64
"""Pixels of the longer side of a resolution; lower ones are not told apart."""
LARGEST_SHARE = 1.5
"""Frames may be so much larger than they are compressed: they are decoded several times faster."""
MOST_DECOMPOSITIONS = 12
START_OF_TILE_PART, END_OF_CODESTREAM = b"\xff\x90", b"\xff\xd9"
FORM = 1
_HEAD = struct.Struct("<BBxxI")


def is_worthwhile(description: PixelDescription, transfer_syntax_uid: str) -> bool:
    """Whether frames so described are to be had in HTJ2K too: whole numbers of 8 or 16 bits, colours of 8."""
    if description.keyword != "PixelData" or description.bits_allocated == 1:
        return False
    if description.photometric_interpretation.startswith(NOT_TO_BE_MIXED):
        return False
    if description.samples_per_pixel not in (1, 3) or max(description.rows, description.columns) <= SMALLEST_SIDE:
        return False
    delivery = delivery_of(description, transfer_syntax_uid)
    if transfer_syntax_uid not in LOSSLESS and not delivery.is_transcoded:
        return False
    if delivery.description.bits_allocated == 8:
        return not delivery.description.is_signed  # a browser's decoder takes the sign away
    return delivery.description.bits_allocated == 16 and description.samples_per_pixel == 1


def most_worthwhile(description: PixelDescription, transfer_syntax_uid: str, size: int, count: int) -> float:
    """Bytes that so many frames may take in HTJ2K. size: bytes of them as they are stored."""
    delivery = delivery_of(description, transfer_syntax_uid)
    if delivery.is_transcoded:
        return delivery.description.decoded_size * count
    return size if transfer_syntax_uid in NATIVE else size * LARGEST_SHARE


def htj2k_description(delivered: PixelDescription) -> PixelDescription:
    """Of frames in HTJ2K, from that of frames as they are delivered else: samples are values, colour by pixel."""
    return replace(delivered, planar_configuration=0, high_bit=delivered.bits_stored - 1, in_words=False)


def htj2k_frame(description: PixelDescription, data: bytes, transfer_syntax_uid: str) -> bytes:
    """The samples that `delivery_of` describes as a codestream, decoded again and compared. Raises Undecodable."""
    samples = delivered_samples(description, data, transfer_syntax_uid)
    codestream = encode(samples)
    try:
        again = imagecodecs.htj2k_decode(codestream, planar=False)
    except imagecodecs.Htj2kError as error:
        raise Undecodable("the frame cannot be read again in HTJ2K") from error
    if again.dtype != samples.dtype or not np.array_equal(again, samples):
        raise Undecodable("the frame is another one in HTJ2K")
    return codestream


def encode(samples: Samples) -> bytes:
    """Colours go through the reversible transform whatever they are: decoders of browsers read no others."""
    longest = max(samples.shape[:2])
    decompositions = min(MOST_DECOMPOSITIONS, max(5, ((longest - 1) // SMALLEST_SIDE).bit_length()))
    return bytes(
        imagecodecs.htj2k_encode(
            samples,
            reversible=True,
            resolutions=decompositions,
            tilepart=imagecodecs.HTJ2K.TILEPART.RESOLUTIONS,
            tlm=True,
        )
    )


def resolution_ends(codestream: bytes, longest_side: int) -> tuple[int, ...]:
    """Where each resolution ends, in bytes from the start: of the smallest that is told apart, then doubling.

    Raises Undecodable where the tile-parts are not the resolutions.
    """
    ends = []
    position = codestream.find(START_OF_TILE_PART)
    while codestream[position : position + 2] == START_OF_TILE_PART:
        (length,) = struct.unpack_from(">I", codestream, position + 6)
        position += length
        ends.append(position)
    if codestream[position:] != END_OF_CODESTREAM:
        raise Undecodable("the tile-parts of the codestream do not follow one another")
    ends[-1] = len(codestream)
    sides = [-(-longest_side >> level) for level in range(len(ends) - 1, -1, -1)]
    return tuple(end for end, side in zip(ends, sides, strict=True) if side >= min(SMALLEST_SIDE, longest_side))


@dataclass(frozen=True, slots=True)
class ResolutionTable:
    """Where each resolution of each frame lies in an object of codestreams, and what its bytes must be.

    Frames count from 1, resolutions from 0, the lowest.
    """

    levels: int
    """Resolutions of a frame."""
    lengths: tuple[int, ...]
    """Bytes of each resolution, frame by frame: `levels` for each."""
    checksums: tuple[int, ...]
    """CRC-32 of those bytes."""
    starts: tuple[int, ...]
    """Where they begin, and where the last ends."""

    @property
    def count(self) -> int:
        return len(self.lengths) // self.levels

    def ends_of(self, number: int) -> tuple[int, ...]:
        """Where each resolution of a frame ends, in bytes from the start of that frame. Raises NotFound."""
        first = self._first(number)
        return tuple(start - self.starts[first] for start in self.starts[first + 1 : first + self.levels + 1])

    def range_of(self, number: int, begin: int, end: int) -> tuple[int, int]:
        """Start and stop, in bytes of the object, of the resolutions from begin up to, not including, end."""
        first = self._first(number)
        if not 0 <= begin <= end <= self.levels:
            raise NotFound(f"there are no resolutions {begin} to {end}: the frame has {self.levels}")
        return self.starts[first + begin], self.starts[first + end]

    def is_whole(self, number: int, begin: int, data: bytes) -> bool:
        """Whether the bytes are those of the frame from the resolution begin on."""
        position, index = 0, self._first(number) + begin
        while position < len(data):
            stop = position + self.lengths[index]
            if zlib.crc32(data[position:stop]) != self.checksums[index]:
                return False
            position, index = stop, index + 1
        return position == len(data)

    def to_bytes(self) -> bytes:
        pairs = (number for pair in zip(self.lengths, self.checksums, strict=True) for number in pair)
        return _HEAD.pack(FORM, self.levels, self.count) + struct.pack(f"<{2 * len(self.lengths)}I", *pairs)

    @classmethod
    def from_bytes(cls, data: bytes) -> "ResolutionTable":
        _, levels, count = _HEAD.unpack_from(data)
        numbers = struct.unpack_from(f"<{2 * levels * count}I", data, _HEAD.size)
        return _table(levels, numbers[::2], numbers[1::2])

    def _first(self, number: int) -> int:
        if not 1 <= number <= self.count:
            raise NotFound(f"there is no frame {number}: the instance has {self.count}")
        return (number - 1) * self.levels


class TableBuilder:
    """Makes the table of frames as they are written."""

    def __init__(self, longest_side: int) -> None:
        self._longest_side = longest_side
        self._levels = 0
        self._lengths: list[int] = []
        self._checksums: list[int] = []

    def add(self, codestream: bytes) -> None:
        """The next frame. Raises Undecodable when its resolutions are not those of the frames before."""
        ends = resolution_ends(codestream, self._longest_side)
        if self._lengths and len(ends) != self._levels:
            raise Undecodable("the frames differ in their number of resolutions")
        self._levels = len(ends)
        for start, stop in zip((0, *ends), ends, strict=False):
            self._lengths.append(stop - start)
            self._checksums.append(zlib.crc32(codestream[start:stop]))

    def table(self) -> ResolutionTable:
        return _table(self._levels, self._lengths, self._checksums)


def _table(levels: int, lengths: Sequence[int], checksums: Sequence[int]) -> ResolutionTable:
    return ResolutionTable(levels, tuple(lengths), tuple(checksums), tuple(accumulate(lengths, initial=0)))
