"""What leaves corrected: a data set with a study's corrections laid over it, and a record of what they changed.

All text is written anew in ISO_IR 192; pixels and every other value are passed on as they are.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from pydicom.datadict import tag_for_keyword

from pacs.dicom.attributes import BY_PATH
from pacs.dicom.charset import UTF_8, character_sets_of, encode_outgoing, reread, text_of
from pacs.dicom.dicomjson import PIXEL_DATA
from pacs.dicom.rewrite import SPECIFIC_CHARACTER_SET, TEXT_VRS, Encoding, Written, element, elements, item
from pacs.errors import NotAcceptable

CHARACTER_SET = "SpecificCharacterSet"
"""As the attribute of a correction: its value is the set that the text is really in."""
MODIFYING_SYSTEM = "Filmless"
INSTITUTION_NAME = 0x00080080
ORIGINAL_ATTRIBUTES = 0x04000561
LONGEST_LO = 64
LATIN_1 = (("",), ("ISO_IR 100",))
FIRST_LOOK = 64 << 10
"""Bytes in which the header of most instances ends."""


@dataclass(frozen=True, slots=True)
class Correction:
    """One attribute as it is to be told."""

    attribute: str
    """Its keyword."""
    value: str
    reason: str
    """COERCE or CORRECT (PS3.3 C.12.1.1.9)."""
    source: str
    """Who corrected it."""
    decided_at: datetime


def coerced(chunks: Iterator[bytes], encoding: Encoding, corrections: Sequence[Correction]) -> Iterator[bytes]:
    """The data set as it is to leave, in the encoding it has; as it came where nothing is to change.

    The first piece is all that stands before the pixel data; of that and no more the memory is taken. chunks: the data
    set, not deflated. Raises NotAcceptable when it cannot be read.
    """
    head, read = _head(chunks, encoding, corrections)
    yield head
    yield read
    yield from chunks


def _head(chunks: Iterator[bytes], encoding: Encoding, corrections: Sequence[Correction]) -> tuple[bytes, bytes]:
    """What stands before the pixel data, corrected, and what was read beyond."""
    data = b""
    wanted = FIRST_LOOK
    while True:
        is_all = _extend(pieces := [data], chunks, wanted)
        data = b"".join(pieces)
        try:
            written, end = elements(data, encoding, partial(_text, _read_as(corrections)), PIXEL_DATA)
            if end < len(data) or is_all:
                return _corrected(data[:end], written, encoding, corrections), data[end:]
        except NotAcceptable:  # it goes on in what was not read yet
            if is_all:
                raise
        wanted = 2 * len(data)


def _extend(pieces: list[bytes], chunks: Iterator[bytes], wanted: int) -> bool:
    """Take chunks until there are so many bytes; whether these are all there are."""
    size = sum(map(len, pieces))
    while size < wanted:
        chunk = next(chunks, None)
        if chunk is None:
            return True
        pieces.append(chunk)
        size += len(chunk)
    return False


def _read_as(corrections: Sequence[Correction]) -> str:
    """What the text of the study is to be read as; "": as it says itself."""
    return next((one.value for one in corrections if one.attribute == CHARACTER_SET), "")


def _text(character_set: str, value: bytes, vr: str, declared: tuple[str, ...]) -> bytes:
    return encode_outgoing(_decoded(character_set, value, vr, declared))


def _decoded(character_set: str, value: bytes, vr: str, declared: tuple[str, ...]) -> str:
    """As the index has it."""
    text = text_of(value, vr, declared)
    return reread(text, vr, character_set) if character_set else text


def _corrected(data: bytes, written: list[Written], encoding: Encoding, corrections: Sequence[Correction]) -> bytes:
    """The header with all that is to change; where that is nothing, data, which is the header as it came."""
    kept = {one.tag: one for one in written}
    declared = kept.get(SPECIFIC_CHARACTER_SET)
    sets = character_sets_of(declared.value.decode("ascii", "replace")) if declared else ("",)
    character_set = _read_as(corrections)
    changed: dict[int, bytes] = {}
    records: dict[tuple[str, datetime], list[bytes]] = defaultdict(list)
    for one in corrections:
        record = records[one.reason, one.decided_at]
        if one.attribute == CHARACTER_SET:
            record += _relabelled(written, sets, character_set, encoding)
        elif (was := _was(kept, one, sets, character_set)) != one.value:
            attribute = BY_PATH[one.attribute]
            changed[attribute.tag] = _element(attribute.tag, attribute.vr, one.value, encoding)
            record.append(_element(attribute.tag, attribute.vr, was, encoding))
    if not any(records.values()):
        return data
    source = kept.get(INSTITUTION_NAME)
    institution = _decoded(character_set, source.value, "LO", sets) if source else ""
    items = b"".join(
        _record(reason, at, institution, sorted(record, key=partial(_tag, encoding)), encoding)
        for (reason, at), record in records.items()
        if record
    )
    changed[SPECIFIC_CHARACTER_SET] = _element(SPECIFIC_CHARACTER_SET, "CS", UTF_8, encoding)
    earlier = kept[ORIGINAL_ATTRIBUTES].value if ORIGINAL_ATTRIBUTES in kept else b""
    changed[ORIGINAL_ATTRIBUTES] = _sequence(ORIGINAL_ATTRIBUTES, earlier + items, encoding)
    by_tag = {one.tag: one.data for one in written} | changed
    return b"".join(by_tag[tag] for tag in sorted(by_tag))


def _was(kept: dict[int, Written], correction: Correction, sets: tuple[str, ...], character_set: str) -> str:
    """The value that a correction replaces, as it is read."""
    attribute = BY_PATH[correction.attribute]
    found = kept.get(attribute.tag)
    return _decoded(character_set, found.value, attribute.vr, sets) if found else ""


def _relabelled(written: list[Written], sets: tuple[str, ...], character_set: str, encoding: Encoding) -> list[bytes]:
    """The text that was declared wrongly, its bytes as they were, behind the declaration under which it was read."""
    texts = [one for one in written if one.vr in TEXT_VRS and _is_relabelled(one, sets, character_set)]
    is_within = sets in LATIN_1 and any(one.vr == "SQ" and not one.value.isascii() for one in written)
    if not texts and not is_within:
        return []
    label = "\\".join(sets) if any(sets) else "ISO_IR 100"
    as_they_were = [_raw(one.tag, one.vr, one.value, encoding) for one in texts]
    return [_element(SPECIFIC_CHARACTER_SET, "CS", label, encoding), *as_they_were]


def _is_relabelled(one: Written, sets: tuple[str, ...], character_set: str) -> bool:
    if one.value.isascii():
        return False
    return _decoded(character_set, one.value, one.vr, sets) != _as_declared(one, sets)


def _as_declared(one: Written, sets: tuple[str, ...]) -> str:
    """What a reader sees who believes the declaration."""
    return one.value.decode("latin_1").rstrip(" \0") if sets in LATIN_1 else text_of(one.value, one.vr, sets)


def _record(reason: str, at: datetime, institution: str, record: list[bytes], encoding: Encoding) -> bytes:
    """An item of the Original Attributes Sequence (PS3.3 C.12.1.1.9)."""
    when = f"{at.astimezone(UTC):%Y%m%d%H%M%S.%f}+0000"
    content = (
        _sequence(_tag_of("ModifiedAttributesSequence"), _item(b"".join(record), encoding), encoding),
        _element(_tag_of("AttributeModificationDateTime"), "DT", when, encoding),
        _element(_tag_of("ModifyingSystem"), "LO", MODIFYING_SYSTEM, encoding),
        _element(_tag_of("SourceOfPreviousValues"), "LO", institution.partition("\\")[0][:LONGEST_LO], encoding),
        _element(_tag_of("ReasonForTheAttributeModification"), "CS", reason, encoding),
    )
    return _item(b"".join(content), encoding)


def _tag_of(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return tag


def _tag(encoding: Encoding, data: bytes) -> tuple[int, int]:
    """Of an element that is written."""
    order = "big" if encoding.is_big_endian else "little"
    return int.from_bytes(data[:2], order), int.from_bytes(data[2:4], order)  # type: ignore[arg-type]


def _element(tag: int, vr: str, text: str, encoding: Encoding) -> bytes:
    return _raw(tag, vr, encode_outgoing(text), encoding)


def _raw(tag: int, vr: str, value: bytes, encoding: Encoding) -> bytes:
    return element(tag, vr, value + b" " * (len(value) % 2), encoding.is_implicit, encoding.is_big_endian)


def _sequence(tag: int, items: bytes, encoding: Encoding) -> bytes:
    return element(tag, "SQ", items, encoding.is_implicit, encoding.is_big_endian)


def _item(content: bytes, encoding: Encoding) -> bytes:
    return item(content, encoding.is_big_endian)
