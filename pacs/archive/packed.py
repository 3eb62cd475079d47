"""Deflated pieces that become one gzip member as they are: an answer is put together without being inflated.

Members cannot just follow one another: browsers read the first and pass over the others.
"""

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

LEVEL = 6
"""The headers of a series are alike: a faster level makes them thrice as large."""
RAW = -zlib.MAX_WBITS
GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
"""RFC 1952 2.3: deflate, no flags, no time, no system."""
LAST_BLOCK = b"\x01\0\0\xff\xff"
"""RFC 1951 3.2.4: stored, empty, the last."""
POLYNOMIAL = 0xEDB88320
"""Of CRC-32, its bits reversed."""

_HEAD = struct.Struct("<IQ")


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that are deflated in whole blocks, of which none is the last and none refers to what stands before."""

    deflated: bytes
    crc: int
    """CRC-32 of the bytes."""
    size: int
    """How many bytes they are when they are inflated."""

    def inflated(self) -> bytes:
        return zlib.decompress(self.deflated + LAST_BLOCK, RAW)

    def to_bytes(self) -> bytes:
        return _HEAD.pack(self.crc, self.size) + self.deflated

    @classmethod
    def from_bytes(cls, data: bytes) -> "Piece":
        crc, size = _HEAD.unpack_from(data)
        return cls(data[_HEAD.size :], crc, size)


def deflate(data: Iterable[bytes]) -> Piece:
    """The bytes as one piece."""
    deflater = zlib.compressobj(LEVEL, zlib.DEFLATED, RAW)
    deflated, crc, size = [], 0, 0
    for some in data:
        deflated.append(deflater.compress(some))
        crc, size = zlib.crc32(some, crc), size + len(some)
    deflated.append(deflater.flush(zlib.Z_FULL_FLUSH))
    return Piece(b"".join(deflated), crc, size)


def stored(data: bytes) -> Piece:
    """A few bytes, at most 65,535, as a piece that is not deflated (RFC 1951 3.2.4)."""
    return Piece(struct.pack("<BHH", 0, len(data), len(data) ^ 0xFFFF) + data, zlib.crc32(data), len(data))


def gzip_of(pieces: Sequence[Piece]) -> bytes:
    """The pieces one after the other, as gzip."""
    crc = size = 0
    for piece in pieces:
        crc, size = _crc_of_both(crc, piece.crc, piece.size), size + piece.size
    tail = struct.pack("<II", crc, size & 0xFFFFFFFF)
    return b"".join([GZIP_HEAD, *(piece.deflated for piece in pieces), LAST_BLOCK, tail])


def _crc_of_both(first: int, second: int, size: int) -> int:
    """The CRC of bytes that are followed by others. size: of those others, in bytes.

    What follows moves the remainder of the first up by its bits: a multiplication by x to that power.
    """
    return _product(_power_of_bytes(size), first) ^ second


@lru_cache(4096)
def _power_of_bytes(size: int) -> int:
    """x to the power of their bits."""
    factor, square = 1 << 31, 1 << 23  # x to the 0th and to the 8th: the bits are reversed
    while size:
        if size & 1:
            factor = _product(square, factor)
        square = _product(square, square)
        size >>= 1
    return factor


def _product(one: int, other: int) -> int:
    """Of two polynomials over the bits, modulo that of CRC-32."""
    product = 0
    for place in range(31, -1, -1):
        if one >> place & 1:
            product ^= other
        other = other >> 1 ^ (POLYNOMIAL if other & 1 else 0)
    return product
