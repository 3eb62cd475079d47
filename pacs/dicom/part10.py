"""A DICOM file's head and header, read with bounded work and never into the pixels (PS3.10, PS3.5 7).

Nothing here believes a length it has not checked: what is read, kept or allocated is bounded by the constants below,
whatever the bytes say.
"""

import json
import re
import struct
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from pydicom._dicom_dict import DicomDictionary

from pacs.dicom import charset
from pacs.dicom.attributes import MEMBERS, READ_FROM_INSTANCE
from pacs.dicom.frames import FrameTable, encapsulated_frames, native_frames
from pacs.errors import InvalidInstance

IMPLEMENTATION_CLASS_UID = "1.2.826.0.1.3680043.10.1557.1"
IMPLEMENTATION_VERSION_NAME = "FILMLESS"
"""No release number: equal data sets give equal files, whichever release of ours received them."""

IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"
GE_PRIVATE = "1.2.840.113619.5.2"
"""Implicit VR Little Endian, but for its Pixel Data, which is big endian."""

IMPLICIT = frozenset((IMPLICIT_LITTLE_ENDIAN, GE_PRIVATE))
DEFLATED = frozenset((DEFLATED_LITTLE_ENDIAN, "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"))
NATIVE = frozenset((*IMPLICIT, EXPLICIT_LITTLE_ENDIAN, DEFLATED_LITTLE_ENDIAN, EXPLICIT_BIG_ENDIAN))
"""Every other transfer syntax is explicit little endian, its pixel data encapsulated (PS3.5 A)."""

DICOMDIR = "1.2.840.10008.1.3.10"
"""Media Storage Directory: an index of files, no instance of a patient."""

MAX_META = 1 << 16
"""Bytes of preamble and file meta."""
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

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
SPECIFIC_CHARACTER_SET = 0x00080005
PIXEL_DATA_BITS = {0x7FE00008: 32, 0x7FE00009: 64, 0x7FE00010: 0}
"""Float, double float and plain pixel data: bits of a sample; 0: as Bits Allocated says."""

LONG_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
"""Their explicit length has 4 bytes (PS3.5 Table 7.1-1)."""
_SHORT = b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US"
SHORT_VRS = frozenset(_SHORT.split())
CONTAINERS = frozenset((b"SQ", b"UN", b""))
"""What may hold items; b"": implicit VR."""
SEQUENCES = frozenset(tag for tag, entry in DicomDictionary.items() if entry[0] == "SQ")
"""Implicit VR and UN do not say what is a sequence: the dictionary does."""

UID = re.compile(r"(?=.{1,72}\Z)[0-9]+(?:\.[0-9]+)*|[0-9a-f]{64}")
"""Of 64 digits and dots at most (PS3.5 9.1). Real files have more, and they are somebody's images: generators that
append to a UID that is full already, and SHA-256 sums by which de-identification replaced them."""
NUMBER = re.compile(r"[+-]?[0-9]{1,18}")

MAX_ITEMS = 32
"""Items of a sequence that are indexed."""

_NOTHING: dict[int, str] = {}
_ITS_CHARACTER_SET = "SpecificCharacterSet"
_MEMBERS: dict[int, dict[int, str]] = {
    sequence.tag: {SPECIFIC_CHARACTER_SET: f"{sequence.column}/{_ITS_CHARACTER_SET}"}
    | {member.tag: f"{sequence.column}/{member.keyword}" for member in MEMBERS if member.sequence == sequence.keyword}
    for sequence in READ_FROM_INSTANCE
    if sequence.members
}
"""What is wanted of the items of a sequence. An item's number is put behind: `request_attributes_sequence/CodeValue/1`.
"""
_WANTED = {a.tag: a.column for a in READ_FROM_INSTANCE if not a.members} | {
    SPECIFIC_CHARACTER_SET: "specific_character_set",
    0x00280002: "samples_per_pixel",
    0x00280004: "photometric_interpretation",
}
_VR = {a.column: a.vr for a in READ_FROM_INSTANCE}
_BINARY = frozenset(a.column for a in READ_FROM_INSTANCE if a.vr == "US") | {"samples_per_pixel"}
_INTEGERS = frozenset(a.column for a in READ_FROM_INSTANCE if a.is_integer) - _BINARY
_MEMBER_VRS = {a.keyword: a.vr for a in MEMBERS}
_EMPTY: dict[str, str | int | None] = {a.column: None if a.is_integer else "" for a in READ_FROM_INSTANCE}
_UIDS = {
    "sop_class_uid": "SOP Class UID",
    "sop_instance_uid": "SOP Instance UID",
    "study_instance_uid": "Study Instance UID",
    "series_instance_uid": "Series Instance UID",
}


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What a Part 10 file says before its data set."""

    data_set_offset: int
    """Bytes from the start of the file."""
    transfer_syntax_uid: str
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    """Media Storage SOP Class and Instance UID; empty where the file does not say."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the index needs to know of an instance."""

    values: dict[str, str | int | None]
    """By `Attribute.column`, every attribute of READ_FROM_INSTANCE."""
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    number_of_frames: int
    """0 without pixel data."""
    frame_table: FrameTable | None
    """None without pixel data, and where its frames cannot be told: in deflated data sets and in videos."""
    character_sets: tuple[str, ...] = ("",)
    """What its text is declared to be, as `charset.character_sets_of` has it."""
    is_mislabelled_utf8: bool = False
    """Some of its text is declared as a single-byte set, and UTF-8 in truth."""


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


def file_meta(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Preamble, `DICM` and file meta: what stands before the data set. The same for the same UIDs, always."""
    elements = (
        _meta_element(0x0001, b"OB\0\0\x02\0\0\0", b"\0\x01"),
        _meta_uid(0x0002, sop_class_uid),
        _meta_uid(0x0003, sop_instance_uid),
        _meta_uid(0x0010, transfer_syntax_uid),
        _meta_uid(0x0012, IMPLEMENTATION_CLASS_UID),
        _meta_element(0x0013, struct.pack("<2sH", b"SH", 8), IMPLEMENTATION_VERSION_NAME.encode()),
    )
    group = b"".join(elements)
    return bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(group)) + group


def read_file_meta(head: bytes) -> FileMeta | None:
    """The file meta at the head of a Part 10 stream; None: more bytes are needed (at its end: it is cut off).

    What machines write is taken: no preamble, no or a wrong group length, implicit VR, and a bare data set in one of
    the uncompressed transfer syntaxes, which is recognised by its first element. Raises InvalidInstance.
    """
    if len(head) < 132:
        return None
    position = 132 if head[128:132] == b"DICM" else 4 if head[:4] == b"DICM" else 0
    uids: dict[int, str] = {}
    while head[position : position + 2] == b"\2\0":
        number, header, length = _meta_header(head, position)
        value = position + header
        position = value + length
        if position > MAX_META:
            raise InvalidInstance("the file meta information has no end")
        if number in (0x0002, 0x0003, 0x0010):
            uids[number] = _uid_text(head[value:position])
    if position + 8 > len(head):
        return None
    if position == 0:
        return FileMeta(0, _guessed_transfer_syntax(head))
    if not UID.fullmatch(uids.get(0x0010, "")):
        raise InvalidInstance("the file meta information has no Transfer Syntax UID")
    return FileMeta(position, uids[0x0010], uids.get(0x0002, ""), uids.get(0x0003, ""))


def read_header(file: Seekable, offset: int, size: int, transfer_syntax_uid: str) -> Header:
    """The indexed attributes and the frame table. offset: where the data set begins; size: of the whole file, in bytes.

    The file is read forward in small windows; native pixels and values that are not indexed are passed over. Raises
    InvalidInstance when the data set does not end exactly where the file does, breaks a limit of this module, lacks
    one of its four UIDs, or has other pixels than it says.
    """
    plain = _File(file, offset, size - offset)
    source = _Inflated(plain) if transfer_syntax_uid in DEFLATED else plain
    found, pixel_data = _walk(source, transfer_syntax_uid, _WANTED)
    sets = _character_sets(found.get("specific_character_set", b""))
    values = _values(found, ">" if transfer_syntax_uid == EXPLICIT_BIG_ENDIAN else "<")
    sop_class_uid, sop_instance_uid, study_instance_uid, series_instance_uid = _uids(values)
    count = max(1, _whole(values["number_of_frames"])) if pixel_data else 0
    return Header(
        values={column: values[column] for column in _EMPTY},
        sop_class_uid=sop_class_uid,
        sop_instance_uid=sop_instance_uid,
        study_instance_uid=study_instance_uid,
        series_instance_uid=series_instance_uid,
        number_of_frames=count,
        frame_table=_frame_table(source, pixel_data, values, count, transfer_syntax_uid) if pixel_data else None,
        character_sets=sets,
        is_mislabelled_utf8=any(
            charset.is_mislabelled_utf8(value, sets)
            for column, value in found.items()
            if not value.isascii() and column not in _BINARY
        ),
    )


def check_data_set(file: Seekable, size: int, transfer_syntax_uid: str) -> None:
    """Walk through a data set that begins and ends with the file, within the limits of this module.

    After that, a parser that trusts lengths and recurses may have it. Raises InvalidInstance.
    """
    _walk(_File(file, 0, size), transfer_syntax_uid, _NOTHING)


def inflated(file: Seekable, offset: int, size: int) -> Iterator[bytes]:
    """The pieces of a deflated data set as it was before. offset: where it begins; size: of the whole file, in bytes.

    Raises InvalidInstance for what cannot be inflated within the limits of this module.
    """
    return _inflate(_File(file, offset, size - offset))


class _File:
    """The data set in a file, from its offset on."""

    def __init__(self, file: Seekable, offset: int, size: int) -> None:
        self._file = file
        self.offset = offset
        self.size = size

    def read(self, position: int, size: int) -> bytes:
        self._file.seek(self.offset + position)
        return self._file.read(max(0, min(size, self.size - position)))


class _Inflated:
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


def _walk(
    source: Source, transfer_syntax_uid: str, wanted: dict[int, str]
) -> tuple[dict[str, bytes], PixelData | None]:
    """The wanted values and the pixel data of a data set, checked to its last byte.

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
        around.append((end, is_open, False, implicit, wanted))
        wanted = _MEMBERS.get(tag, _NOTHING) if wanted is _WANTED else _NOTHING
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


def _values(found: dict[str, bytes], order: str) -> dict[str, str | int | None]:
    """The values decoded: those of READ_FROM_INSTANCE, and the two more that pixel data needs."""
    values: dict[str, str | int | None] = _EMPTY | {"samples_per_pixel": None, "photometric_interpretation": ""}
    sets = _character_sets(found.pop("specific_character_set", b""))
    inside: dict[str, dict[str, dict[str, bytes]]] = {}
    for column, value in found.items():
        if column in _BINARY:
            values[column] = struct.unpack_from(order + "H", value)[0] if len(value) >= 2 else None
        elif "/" in column:
            sequence, keyword, number = column.split("/")
            inside.setdefault(sequence, {}).setdefault(number, {})[keyword] = value
        else:
            text = _text(value, _VR.get(column, "CS"), sets)
            values[column] = _integer(text) if column in _INTEGERS else text
    for sequence, items in inside.items():
        values[sequence] = _items_text([_item(item, sets) for item in items.values()])
    return values


def _item(found: dict[str, bytes], sets: tuple[str, ...]) -> dict[str, str]:
    """The indexed members of an item, without those that are empty."""
    its_own = found.pop(_ITS_CHARACTER_SET, None)
    sets = sets if its_own is None else _character_sets(its_own)
    texts = {keyword: _text(value, _MEMBER_VRS[keyword], sets) for keyword, value in found.items()}
    return {keyword: text for keyword, text in texts.items() if text}


def _items_text(items: list[dict[str, str]]) -> str:
    """As the column of a sequence has them: a JSON array of objects; "" without items."""
    items = [item for item in items if item]
    return json.dumps(items, ensure_ascii=False, separators=(",", ":")) if items else ""


def _character_sets(value: bytes) -> tuple[str, ...]:
    return charset.character_sets_of(value.decode("ascii", "replace"))


def _text(value: bytes, vr: str, sets: tuple[str, ...]) -> str:
    if not value.isascii() and charset.is_mislabelled_utf8(value, sets):
        sets = (charset.UTF_8,)
    text = charset.decode(value, vr, sets)
    if "\\" in text and vr not in charset.UNSPLIT_VRS:
        return "\\".join(part.rstrip(" ") for part in text.split("\\"))
    return text


def _integer(text: str) -> int | None:
    """The first value of an IS, where it is a number that a column can hold."""
    match = NUMBER.fullmatch(text.partition("\\")[0].strip())
    return int(match[0]) if match else None


def _uids(values: dict[str, str | int | None]) -> list[str]:
    """SOP Class, SOP Instance, Study and Series Instance UID. Raises InvalidInstance for one that is none."""
    uids = []
    for column, name in _UIDS.items():
        uid = str(values[column])
        if not uid:
            raise InvalidInstance(f"the {name} is missing")
        if not UID.fullmatch(uid):
            raise InvalidInstance(f"the {name} is no UID")
        uids.append(uid)
    if uids[0] == DICOMDIR:
        raise InvalidInstance("a DICOMDIR is an index of files, not an instance")
    return uids


def _frame_table(
    source: "_File | _Inflated",
    pixel_data: PixelData,
    values: dict[str, str | int | None],
    count: int,
    transfer_syntax_uid: str,
) -> FrameTable | None:
    is_native = transfer_syntax_uid in NATIVE
    if pixel_data.fragments is not None:
        if is_native:
            raise InvalidInstance("the pixel data is encapsulated, and the transfer syntax says that it is not")
        return encapsulated_frames(
            source.read, (pixel_data.position, pixel_data.length), pixel_data.fragments, count, source.offset
        )
    frame_bits = _frame_bits(pixel_data.tag, values)
    if not is_native or not frame_bits:
        return None  # nothing says what the bytes mean
    expected = (frame_bits * count + 7) // 8
    if pixel_data.length < expected:
        raise InvalidInstance(f"the pixel data is {pixel_data.length} bytes long and should be {expected}")
    if isinstance(source, _Inflated):
        return None  # no range of the file holds a frame
    return native_frames(source.offset + pixel_data.position, frame_bits, count)


def _frame_bits(tag: int, values: dict[str, str | int | None]) -> int:
    rows, columns, allocated, samples = map(
        _whole, (values["rows"], values["columns"], values["bits_allocated"], values["samples_per_pixel"])
    )
    if values["photometric_interpretation"] == "YBR_FULL_422" and samples == 3:
        samples = 2  # two pixels share their colour (PS3.3 C.7.6.3.1.2)
    return rows * columns * (samples or 1) * (PIXEL_DATA_BITS[tag] or allocated)


def _whole(value: str | int | None) -> int:
    return value if isinstance(value, int) else 0


def _meta_element(number: int, vr_and_length: bytes, value: bytes) -> bytes:
    return struct.pack("<HH", 2, number) + vr_and_length + value


def _meta_uid(number: int, uid: str) -> bytes:
    value = uid.encode("ascii") + b"\0" * (len(uid) % 2)
    return _meta_element(number, struct.pack("<2sH", b"UI", len(value)), value)


def _meta_header(head: bytes, position: int) -> tuple[int, int, int]:
    """Number, bytes of the header and bytes of the value of a file meta element; past the end when it is cut off."""
    if position + 12 > len(head):
        return 0, 12, 0
    _, number, vr, length = struct.unpack_from("<HH2sH", head, position)
    if vr in LONG_VRS:
        return number, 12, int.from_bytes(head[position + 8 : position + 12], "little")
    if vr not in SHORT_VRS:
        return number, 8, int.from_bytes(head[position + 4 : position + 8], "little")
    return number, 8, length


def _guessed_transfer_syntax(head: bytes) -> str:
    """Of a bare data set, by the form of its first element, which must be of group 0008."""
    if head[:2] == b"\0\x08" and head[4:6] in SHORT_VRS:
        return EXPLICIT_BIG_ENDIAN
    if head[:2] == b"\x08\0":
        return EXPLICIT_LITTLE_ENDIAN if head[4:6] in SHORT_VRS | LONG_VRS else IMPLICIT_LITTLE_ENDIAN
    raise InvalidInstance("this is no DICOM file")


def _uid_text(value: bytes) -> str:
    return value.decode("ascii", "replace").strip(" \0")
