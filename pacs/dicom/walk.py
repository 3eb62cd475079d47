"""A walk through a data set with bounded work, never into the pixels (PS3.5 7).

Nothing here believes a length it has not checked: what is read, kept or allocated is bounded by the constants below,
whatever the bytes say.
"""

import struct
import zlib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from pydicom._dicom_dict import DicomDictionary

from pacs.dicom.part10 import EXPLICIT_BIG_ENDIAN, LONG_VRS, SHORT_VRS
from pacs.errors import InvalidInstance

MAX_ELEMENTS = 400_000
"""Elements and items, at all depths: an enhanced MR of 5,000 frames has some 300,000, a bomb a million."""
MAX_FRAGMENTS = 1_000_000
"""Fragments of pixel data: a whole slide has more than a hundred thousand."""
MAX_DEPTH = 64
"""Sequences within sequences."""
MAX_VALUE = 1 << 16
"""Bytes of an indexed value. The longest the standard has is LT: 10,240 characters."""
MAX_INFLATED = 256 << 20
MAX_INFLATION = 50
"""A deflated data set may become this many bytes, or this many times as large, whichever is more."""
WINDOW = 1 << 15
"""Bytes read at once: a CT header fits."""
MAX_ITEMS = 32
"""Items of a sequence that are indexed."""

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
SPECIFIC_CHARACTER_SET = 0x00080005
PIXEL_DATA_BITS = {0x7FE00008: 32, 0x7FE00009: 64, 0x7FE00010: 0}
"""Float, double float and plain pixel data: bits of a sample; 0: as Bits Allocated says."""
CONTAINERS = frozenset((b"SQ", b"UN", b""))
"""What may hold items; b"": implicit VR."""
SEQUENCES = frozenset(tag for tag, entry in DicomDictionary.items() if entry[0] == "SQ")
"""Implicit VR and UN do not say what is a sequence: the dictionary does."""

_NOTHING: dict[int, str] = {}


class Seekable(Protocol):
    """As much of a file as a header takes."""

    def seek(self, position: int, /) -> int: ...

    def read(self, size: int, /) -> bytes: ...


class Source(Protocol):
    """A data set to read from."""

    size: int
    """Bytes."""
    offset: int
    """Where it begins in its file, in bytes."""

    def read(self, position: int, size: int) -> bytes:
        """Bytes from a position, fewer at the end."""


@dataclass(frozen=True, slots=True)
class PixelData:
    """The pixel data element at the top of a data set."""

    tag: int
    position: int
    """Of its value (encapsulated: of the Basic Offset Table's value), in bytes of the data set."""
    length: int
    """Bytes of the value, or of the Basic Offset Table."""
    fragments: "array[int] | None"
    """Encapsulated: where each fragment's header lies, and at last the sequence delimiter."""


def check_data_set(file: Seekable, size: int, transfer_syntax_uid: str) -> None:
    """Walk through a data set that begins and ends with the file, within the limits of this module.

    After that, a parser that trusts lengths and recurses may have it. Raises InvalidInstance.
    """
    walk(FileSource(file, 0, size), transfer_syntax_uid)


def inflated(file: Seekable, offset: int, size: int) -> Iterator[bytes]:
    """The pieces of a deflated data set as it was before. offset: where it begins; size: of the whole file, in bytes.

    Raises InvalidInstance for what cannot be inflated within the limits of this module.
    """
    return _inflate(FileSource(file, offset, size - offset))


class FileSource:
    """The data set in a file, from its offset on."""

    def __init__(self, file: Seekable, offset: int, size: int) -> None:
        self._file = file
        self.offset = offset
        self.size = size

    def read(self, position: int, size: int) -> bytes:
        self._file.seek(self.offset + position)
        return self._file.read(max(0, min(size, self.size - position)))


class InflatedSource:
    """A deflated data set (PS3.5 A.5), held in no more than a window. It is inflated twice: first to learn its size."""

    def __init__(self, source: Source) -> None:
        self.offset = 0
        self.size = sum(map(len, _inflate(source)))
        self._pieces = _inflate(source)
        self._held = b""
        self._start = 0

    def read(self, position: int, size: int) -> bytes:
        """Positions never go back."""
        while self._start + len(self._held) < min(position + size, self.size):
            self._let_go(position)
            self._held += next(self._pieces)
        self._let_go(position)
        return self._held[:size]

    def _let_go(self, position: int) -> None:
        passed = min(position - self._start, len(self._held))
        self._held = self._held[passed:]
        self._start += passed


def _inflate(source: Source) -> Iterator[bytes]:
    limit = max(MAX_INFLATED, MAX_INFLATION * source.size)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    position = total = 0
    while not inflater.eof:
        deflated = inflater.unconsumed_tail or source.read(position, WINDOW)
        position += 0 if inflater.unconsumed_tail else len(deflated)
        try:
            piece = inflater.decompress(deflated, WINDOW)
        except zlib.error as error:
            raise InvalidInstance("the deflated data set cannot be inflated") from error
        if not deflated and not piece:
            raise InvalidInstance("the deflated data set is cut off")
        total += len(piece)
        if total > limit:
            raise InvalidInstance(f"the deflated data set becomes more than {limit} bytes")
        yield piece
    if len(inflater.unused_data) + source.size - position > 8:  # a pad byte, or the check sum and length of gzip
        raise InvalidInstance("bytes follow the end of the deflated data set")


def walk(
    source: Source,
    transfer_syntax_uid: str,
    wanted: dict[int, str] = _NOTHING,
    members: Mapping[int, dict[int, str]] = MappingProxyType({}),
) -> tuple[dict[str, bytes], PixelData | None]:
    """The wanted values and the pixel data of a data set, checked to its last byte. Raises InvalidInstance.

    wanted: names by tag, of elements at the top. members: the same for the items of each sequence at the top; the
    number of the item, from 1 to MAX_ITEMS, is put behind the name: `request_attributes_sequence/CodeValue/1`.

    One loop over elements and items with its own stack, because every instance passes here: no recursion, no object
    per element.
    """
    order = ">" if transfer_syntax_uid == EXPLICIT_BIG_ENDIAN else "<"
    explicit_head = struct.Struct(order + "HH2sH").unpack_from
    implicit_head = struct.Struct(order + "HHI").unpack_from
    long_length = struct.Struct(order + "I").unpack_from
    size = source.size
    found: dict[str, bytes] = {}
    pixel_data: PixelData | None = None
    window, base, edge = b"", 0, 0
    position = count = items_seen = 0
    # The sequence or item that is being read, and those around it. end: where it must end; open: unless a delimiter
    # ends it before; items: it is a sequence, its children are items.
    end, is_open, items, implicit = size, False, False, _is_implicit(source, 0)
    around: list[tuple[int, bool, bool, bool, dict[int, str]]] = []
    while True:
        if position == end and not is_open:
            if not around:
                return found, pixel_data
            end, is_open, items, implicit, wanted = around.pop()
            continue
        if end - position < 8:
            raise InvalidInstance("the data set is cut off, or a sequence in it has no end")
        if position + 12 > edge < size:
            window, base = source.read(position, WINDOW), position
            edge = base + len(window)
            if len(window) < min(12, size - position):
                raise InvalidInstance("the file is shorter than it should be")
        count += 1
        if count > MAX_ELEMENTS:
            raise InvalidInstance(f"the data set has more than {MAX_ELEMENTS} elements and items")

        index = position - base
        position += 8
        if implicit or items:
            group, number, length = implicit_head(window, index)
            vr = b""
        else:
            group, number, vr, length = explicit_head(window, index)
            if vr in LONG_VRS:
                if end - position < 4:
                    raise _cut_off(group, number)
                (length,) = long_length(window, index + 8)
                position += 4
            elif vr not in SHORT_VRS and (group == 0xFFFE or not vr.isupper()):
                # A delimiter, or an element in implicit VR, as some write them inside sequences.
                (length,) = long_length(window, index + 4)
                vr = b""
        tag = group << 16 | number

        if group == 0xFFFE:
            if items and tag == ITEM:
                around.append((end, is_open, True, implicit, wanted))
                if wanted:
                    items_seen += 1
                    is_kept = items_seen <= MAX_ITEMS
                    wanted = {its: f"{name}/{items_seen}" for its, name in wanted.items()} if is_kept else _NOTHING
                items, is_open = False, length == UNDEFINED
                end = end if is_open else _stop(position, length, end, group, number)
            elif is_open and tag == (SEQUENCE_END if items else ITEM_END):
                end, is_open, items, implicit, wanted = around.pop()
            elif not around or tag not in (ITEM_END, SEQUENCE_END):
                raise InvalidInstance(f"({group:04X},{number:04X}) stands where it cannot")
            # Else a delimiter that is not needed, at the end of what has a length: superfluous, and seen.
            continue
        if items:
            raise InvalidInstance(f"({group:04X},{number:04X}) stands where an item should")

        if length == UNDEFINED:
            if tag in PIXEL_DATA_BITS or vr in (b"OB", b"OW"):
                table_length, fragments = _read_fragments(source, position, end)
                if tag in PIXEL_DATA_BITS and not around:
                    pixel_data = PixelData(tag, position + 8, table_length, fragments)
                position = fragments[-1] + 8
                continue
            if vr not in CONTAINERS:
                raise InvalidInstance(f"({group:04X},{number:04X}) cannot have undefined length")
            stop = end
        else:
            stop = position + length
            if stop > end:
                raise _cut_off(group, number)
            if tag in wanted:
                value = window[position - base : stop - base] if stop <= edge else _read_value(source, position, length)
                if found.setdefault(wanted[tag], value) != value:
                    raise InvalidInstance(f"({group:04X},{number:04X}) occurs twice, with different values")
            if vr not in CONTAINERS or not (vr == b"SQ" or tag in SEQUENCES):
                if tag in PIXEL_DATA_BITS and not around:
                    pixel_data = PixelData(tag, position, length, None)
                position = stop
                continue

        if len(around) >= 2 * MAX_DEPTH:
            raise InvalidInstance(f"sequences are nested deeper than {MAX_DEPTH}")
        is_at_the_top = not around
        around.append((end, is_open, False, implicit, wanted))
        wanted = members.get(tag, _NOTHING) if is_at_the_top else _NOTHING
        if wanted:
            items_seen = 0
        end, is_open, items = stop, length == UNDEFINED, True
        if vr == b"UN":  # implicit inside (PS3.5 6.2.2), but not from everybody
            implicit = _is_implicit(source, position + 8)


def _cut_off(group: int, number: int) -> InvalidInstance:
    return InvalidInstance(f"({group:04X},{number:04X}) is longer than what holds it")


def _stop(position: int, length: int, end: int, group: int, number: int) -> int:
    if position + length > end:
        raise _cut_off(group, number)
    return position + length


def _is_implicit(source: Source, position: int) -> bool:
    """Whether the element there has no VR, whatever the transfer syntax says: the bytes know better.

    As an implicit length, two letters would be 16,705 bytes or more: no data set or item begins so.
    """
    vr = source.read(position, 6)[4:]
    return vr not in SHORT_VRS and vr not in LONG_VRS


def _read_value(source: Source, position: int, length: int) -> bytes:
    if length > MAX_VALUE:
        raise InvalidInstance(f"an indexed attribute is {length} bytes long")
    return source.read(position, length)


def _read_fragments(source: Source, position: int, end: int) -> tuple[int, "array[int]"]:
    """Bytes of the Basic Offset Table, and where each fragment's header and at last the sequence delimiter lies."""
    headers = array("Q")
    table_length = 0
    while True:
        head = source.read(position, 8) if position + 8 <= end else b""
        if len(head) < 8:
            raise InvalidInstance("the encapsulated pixel data has no sequence delimiter")
        group, number, length = struct.unpack("<HHI", head)
        tag = group << 16 | number
        headers.append(position)
        if tag == SEQUENCE_END:
            return table_length, headers[1:] or headers
        if tag != ITEM or position + 8 + length > end:
            raise InvalidInstance("the encapsulated pixel data is cut off or has no items")
        if len(headers) > MAX_FRAGMENTS:
            raise InvalidInstance(f"the pixel data has more than {MAX_FRAGMENTS} fragments")
        table_length = table_length if len(headers) > 1 else length
        position += 8 + length
