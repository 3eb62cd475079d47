"""The header of an instance: what the index needs to know, read without parsing the rest."""

import json
import re
import struct
from dataclasses import dataclass

from pacs.dicom import charset
from pacs.dicom.attributes import MEMBERS, READ_FROM_INSTANCE, Attribute
from pacs.dicom.frames import FrameTable, encapsulated_frames, native_frames
from pacs.dicom.part10 import DEFLATED, EXPLICIT_BIG_ENDIAN, NATIVE, UID
from pacs.dicom.walk import (
    PIXEL_DATA_BITS,
    SPECIFIC_CHARACTER_SET,
    FileSource,
    InflatedSource,
    PixelData,
    Seekable,
    walk,
)
from pacs.errors import InvalidInstance

DICOMDIR = "1.2.840.10008.1.3.10"
"""Media Storage Directory: an index of files, no instance of a patient."""
NUMBER = re.compile(r"[+-]?[0-9]{1,18}")

_ITS_CHARACTER_SET = "SpecificCharacterSet"
_MEMBERS: dict[int, dict[int, str]] = {
    sequence.tag: {SPECIFIC_CHARACTER_SET: f"{sequence.column}/{_ITS_CHARACTER_SET}"}
    | {member.tag: f"{sequence.column}/{member.keyword}" for member in MEMBERS if member.sequence == sequence.keyword}
    for sequence in READ_FROM_INSTANCE
    if sequence.members
}
"""What is wanted of the items of a sequence."""
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
    further: tuple[tuple[Attribute, str], ...] = ()
    """What administrators have made searchable besides, as `dicom.further` has read it."""


def read_header(file: Seekable, offset: int, size: int, transfer_syntax_uid: str) -> Header:
    """The indexed attributes and the frame table. offset: where the data set begins; size: of the whole file, in bytes.

    The file is read forward in small windows; native pixels and values that are not indexed are passed over. Raises
    InvalidInstance when the data set does not end exactly where the file does, breaks a limit of `walk`, lacks
    one of its four UIDs, or has other pixels than it says.
    """
    plain = FileSource(file, offset, size - offset)
    source = InflatedSource(plain) if transfer_syntax_uid in DEFLATED else plain
    found, pixel_data = walk(source, transfer_syntax_uid, _WANTED, _MEMBERS)
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
    source: FileSource | InflatedSource,
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
    if isinstance(source, InflatedSource):
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
