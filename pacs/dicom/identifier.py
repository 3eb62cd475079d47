"""Identifiers of C-FIND, C-MOVE and C-GET (PS3.4 C.4): a request's keys out of bytes, and answers into bytes."""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO

from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from pacs.dicom import charset
from pacs.dicom.attributes import (
    BY_PATH,
    BY_TAG,
    DICTIONARY,
    Attribute,
    Dictionary,
    Level,
    creator_tag,
    is_creator,
    is_private,
)
from pacs.dicom.dicomjson import NUMBER_FORMATS
from pacs.dicom.part10 import EXPLICIT_BIG_ENDIAN, IMPLICIT, LONG_VRS
from pacs.dicom.person_name import without_marks
from pacs.dicom.query import items_of
from pacs.dicom.walk import check_data_set
from pacs.errors import InvalidInstance, InvalidQuery

Row = Sequence[str | int | None]
"""One answer: a value for each attribute, in their order."""

MAX_IDENTIFIER = 1 << 20
"""Bytes: a list of 10,000 UIDs has its place."""
LONGEST_TEXT = 10_240
"""Characters of LT, the longest that an indexed value may be (PS3.5 Table 6.2-1)."""

SPECIFIC_CHARACTER_SET = 0x00080005
QUERY_RETRIEVE_LEVEL = 0x00080052
RETRIEVE_AE_TITLE = 0x00080054
INSTANCE_AVAILABILITY = 0x00080056
TIMEZONE_OFFSET = 0x00080201
NO_KEYS = frozenset(
    (
        SPECIFIC_CHARACTER_SET,
        QUERY_RETRIEVE_LEVEL,
        0x00080053,
        RETRIEVE_AE_TITLE,
        INSTANCE_AVAILABILITY,
        TIMEZONE_OFFSET,
    )
)
"""They say how to read the request (0053: view), or stand in every answer."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """A request."""

    level: Level
    keys: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """Path and values of each indexed key, as they came; no values: universal matching."""
    unknown: tuple[int, ...] = ()
    """Tags of the keys that are not indexed. They match nothing and are answered without a value."""
    creators: tuple[tuple[int, str], ...] = ()
    """Private creators, which are answered as they came: without them a private tag means nothing (PS3.5 7.8)."""
    tags: tuple[tuple[str, int], ...] = ()
    """Paths of private attributes that are indexed, and the tags by which they were asked for."""
    is_beyond: bool = False
    """Keys were asked for in items of a sequence that are not indexed."""
    character_set: str = ""
    """Specific Character Set, as it came."""
    offset: str | None = None
    """Timezone Offset From UTC that dates and times are meant with; None: it is not there."""


def parse_identifier(data: bytes, transfer_syntax_uid: str, dictionary: Dictionary = DICTIONARY) -> Identifier:
    """The keys of a request. dictionary: what can be asked for.

    Raises InvalidQuery for bytes that are no data set, and for a level that is none.
    """
    if len(data) > MAX_IDENTIFIER:
        raise InvalidQuery(f"the identifier has more than {MAX_IDENTIFIER} bytes")
    try:
        check_data_set(BytesIO(data), len(data), transfer_syntax_uid)
    except InvalidInstance as error:
        raise InvalidQuery(f"the identifier cannot be read: {error}") from error
    ds = read_dataset(BytesIO(data), transfer_syntax_uid in IMPLICIT, transfer_syntax_uid != EXPLICIT_BIG_ENDIAN)
    declared = "\\".join(_texts(ds, SPECIFIC_CHARACTER_SET, "CS", ("",)))
    sets = charset.character_sets_of(declared)
    tags = [tag for tag in map(int, ds.keys()) if tag not in NO_KEYS and tag & 0xFFFF]
    creators = {tag: "".join(_texts(ds, tag, "LO", sets)[:1]) for tag in tags if is_creator(tag)}
    found = {tag: _attribute(dictionary, tag, creators) for tag in tags if tag not in creators}
    return Identifier(
        _level(_texts(ds, QUERY_RETRIEVE_LEVEL, "CS", ("",))),
        [key for attribute in found.values() if attribute for key in _keys(ds, attribute, sets)],
        tuple(tag for tag, attribute in found.items() if attribute is None),
        tuple(creators.items()),
        tuple((attribute.path, tag) for tag, attribute in found.items() if attribute and attribute.creator),
        any(_is_beyond(ds, tag) for tag in tags),
        declared,
        "".join(_texts(ds, TIMEZONE_OFFSET, "SH", ("",))[:1]) if TIMEZONE_OFFSET in ds else None,
    )


def identifier_encoder(
    attributes: Sequence[Attribute],
    *,
    explicit: bool,
    level: Level,
    retrieve_ae_title: str,
    unknown: Iterable[int] = (),
    creators: Iterable[tuple[int, str]] = (),
    character_set: str = "",
    asked_in: str = "",
) -> Callable[[Row], bytes]:
    """A function that writes an answer, in little endian, with these attributes in the order of its rows.

    unknown: tags that were asked for and are not indexed. creators: of those that are private. character_set: the
    only one that the peer can read; letters that it lacks lose their marks, and where that does not help either, the
    answer is in Unicode nevertheless. asked_in: the one that the peer asked in; an answer that has all its letters
    there is in it. Otherwise an answer is in ASCII if it can be, and else in ISO_IR 192.
    """
    element = _explicit if explicit else _implicit
    writers = _writers(attributes, level, retrieve_ae_title, unknown, creators, element)
    readable = character_set or (asked_in if _is_single_set(asked_in) else "")
    unicode_set = element(SPECIFIC_CHARACTER_SET, "CS", charset.UTF_8.encode())
    readable_set = element(SPECIFIC_CHARACTER_SET, "CS", readable.encode())

    def encode(row: Row) -> bytes:
        if "".join([value for value in row if value.__class__ is str]).isascii():
            return b"".join([write(row, str.encode) for write in writers])
        if readable:
            with suppress(UnicodeEncodeError, LookupError):  # the letters, or the set itself, are unknown there
                return readable_set + b"".join([write(row, to_readable_set) for write in writers])
        return unicode_set + b"".join([write(row, str.encode) for write in writers])

    def to_readable_set(text: str) -> bytes:
        try:
            return charset.encode(text, readable)
        except UnicodeEncodeError:
            if not character_set:
                raise
            return charset.encode(without_marks(text), readable)

    return encode


def _is_single_set(character_set: str) -> bool:
    """Whether it is one set without code extensions, which can be written."""
    if not character_set or "\\" in character_set or "2022" in character_set or charset.UTF_8 in character_set:
        return False
    try:
        charset.encode("", character_set)
    except LookupError:
        return False
    return True


Element = Callable[[int, str, bytes], bytes]
"""A data element of a tag, a VR and a value, which it pads to even length."""
Writer = Callable[[Row, Callable[[str], bytes]], bytes]
"""An element of an answer: from the row, and how its text becomes bytes."""


def _writers(
    attributes: Sequence[Attribute],
    level: Level,
    retrieve_ae_title: str,
    unknown: Iterable[int],
    creators: Iterable[tuple[int, str]],
    element: Element,
) -> list[Writer]:
    """In the order of their tags."""
    writers: dict[int, Writer] = {tag: _constant(element(tag, _vr(tag), b"")) for tag in unknown}
    writers |= {tag: _creator(tag, creator, element) for tag, creator in creators}
    for tag, text in (
        (QUERY_RETRIEVE_LEVEL, level.name),
        (RETRIEVE_AE_TITLE, retrieve_ae_title),
        (INSTANCE_AVAILABILITY, "ONLINE"),
    ):
        writers[tag] = _constant(element(tag, _vr(tag), text.encode()))
    for index, attribute in enumerate(attributes):
        write = _sequence if attribute.members else _value
        writers[attribute.tag] = write(index, attribute, element)
    return [writers[tag] for tag in sorted(writers)]


def _constant(data: bytes) -> Writer:
    return lambda row, to_bytes: data


def _creator(tag: int, creator: str, element: Element) -> Writer:
    return lambda row, to_bytes: element(tag, "LO", to_bytes(creator))


def _value(index: int, attribute: Attribute, element: Element) -> Writer:
    tag, vr = attribute.tag, attribute.vr
    empty = element(tag, vr, b"")

    def write(row: Row, to_bytes: Callable[[str], bytes]) -> bytes:
        value = row[index]
        if value is None or value == "":
            return empty
        if vr in NUMBER_FORMATS:
            return element(tag, vr, _packed(vr, str(value)))
        return element(tag, vr, to_bytes(str(value)[:LONGEST_TEXT]))

    return write


def _packed(vr: str, value: str) -> bytes:
    """Numbers of a VR that is binary, little endian; nothing for what is none of that VR."""
    number = float if vr in ("FD", "FL") else int
    try:
        return b"".join([struct.pack("<" + NUMBER_FORMATS[vr], number(one)) for one in value.split("\\")])
    except (ValueError, OverflowError, struct.error):
        return b""


def _sequence(index: int, attribute: Attribute, element: Element) -> Writer:
    """Its items, each with the members of the attribute; none where they have none of these."""
    tag = attribute.tag
    members = sorted(
        (BY_PATH[f"{attribute.keyword}.{keyword}"] for keyword in attribute.members), key=lambda one: one.tag
    )

    def write(row: Row, to_bytes: Callable[[str], bytes]) -> bytes:
        items = [item for item in items_of(row[index]) if any(member.keyword in item for member in members)]
        return element(tag, "SQ", b"".join([write_item(item, to_bytes) for item in items]))

    def write_item(item: dict[str, str], to_bytes: Callable[[str], bytes]) -> bytes:
        values = [(member, to_bytes(item.get(member.keyword, ""))) for member in members]
        content = b"".join([element(member.tag, member.vr, value) for member, value in values])
        return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content

    return write


def _explicit(tag: int, vr: str, value: bytes) -> bytes:
    if len(value) % 2:
        value += b"\0" if vr == "UI" else b" "
    if vr.encode() in LONG_VRS:
        return _LONG_HEADER(tag >> 16, tag & 0xFFFF, vr.encode(), 0, len(value)) + value
    return _SHORT_HEADER(tag >> 16, tag & 0xFFFF, vr.encode(), len(value)) + value


def _implicit(tag: int, vr: str, value: bytes) -> bytes:
    if len(value) % 2:
        value += b"\0" if vr == "UI" else b" "
    return _IMPLICIT_HEADER(tag >> 16, tag & 0xFFFF, len(value)) + value


_LONG_HEADER = struct.Struct("<HH2sHI").pack
_SHORT_HEADER = struct.Struct("<HH2sH").pack
_IMPLICIT_HEADER = struct.Struct("<HHI").pack


def _vr(tag: int) -> str:
    """Of an element without a value, in an answer; the first of those that the dictionary allows."""
    return dictionary_VR(tag).split()[0] if dictionary_has_tag(tag) else "UN"


def _level(texts: Sequence[str]) -> Level:
    name = texts[0] if texts else ""
    if name not in Level.__members__:
        raise InvalidQuery(f"QueryRetrieveLevel: {name!r} is none")
    return Level[name]


def _attribute(dictionary: Dictionary, tag: int, creators: Mapping[int, str]) -> Attribute | None:
    """What a tag means here; None: it is not indexed."""
    if not is_private(tag):
        return dictionary.by_tag.get(tag)
    return dictionary.private(tag, creators.get(creator_tag(tag), ""))


def _keys(ds: Dataset, attribute: Attribute, sets: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The keys of one element: its own, or those in the one item of a sequence."""
    if not attribute.members:
        yield attribute.path, _texts(ds, attribute.tag, attribute.vr, sets)
        return
    item = _item(ds, attribute.tag)
    if not item:  # none, or an empty one: it asks for all that there is (PS3.4 C.2.2.2.6)
        yield attribute.path, ()
    for keyword in attribute.members:
        member = BY_PATH[f"{attribute.keyword}.{keyword}"]
        if member.tag in item:
            yield member.path, _texts(item, member.tag, member.vr, sets)


def _item(ds: Dataset, tag: int) -> Dataset:
    items = ds[tag].value or [Dataset()]
    if len(items) > 1:
        raise InvalidQuery(f"{BY_TAG[tag].keyword}: a key may have one item, not {len(items)}")
    item: Dataset = items[0]
    return item


def _is_beyond(ds: Dataset, tag: int) -> bool:
    attribute = BY_TAG.get(tag)
    if attribute is None or not attribute.members:
        return False
    indexed = {BY_PATH[f"{attribute.keyword}.{keyword}"].tag for keyword in attribute.members}
    return any(its not in indexed for its in map(int, _item(ds, tag).keys()))


def _texts(ds: Dataset, tag: int, vr: str, sets: tuple[str, ...]) -> tuple[str, ...]:
    """The values of an element, without padding."""
    if tag not in ds:
        return ()
    element = ds.get_item(tag)
    value = element.value if isinstance(element, RawDataElement) else None
    if not isinstance(value, bytes) or not value:
        return ()
    if vr in NUMBER_FORMATS:
        number = struct.Struct(("<" if element.is_little_endian else ">") + NUMBER_FORMATS[vr])
        return tuple(str(one) for (one,) in number.iter_unpack(value[: len(value) // number.size * number.size]))
    text = charset.decode(value, vr, (charset.UTF_8,) if charset.is_mislabelled_utf8(value, sets) else sets)
    values = (text,) if vr in charset.UNSPLIT_VRS else tuple(text.split("\\"))
    return tuple(one.strip(" ") for one in values) if any(values) else ()
