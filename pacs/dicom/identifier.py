"""Identifiers of C-FIND, C-MOVE and C-GET (PS3.4 C.4): a request's keys out of bytes, and answers into bytes."""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO

from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import Tag

from pacs.dicom import charset
from pacs.dicom.attributes import ATTRIBUTES, BY_TAG, Attribute, Level
from pacs.dicom.part10 import EXPLICIT_BIG_ENDIAN, IMPLICIT, LONG_VRS, check_data_set
from pacs.dicom.person_name import without_marks
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
NO_KEYS = frozenset(
    (SPECIFIC_CHARACTER_SET, QUERY_RETRIEVE_LEVEL, 0x00080053, RETRIEVE_AE_TITLE, INSTANCE_AVAILABILITY, 0x00080201)
)
"""They say how to read the request (0053: view, 0201: time zone), or stand in every answer."""

SEQUENCES: dict[int, str] = {int(Tag(a.sequence)): a.sequence for a in ATTRIBUTES if a.sequence}
"""The sequences that hold indexed attributes."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """A request."""

    level: Level
    keys: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """Path and values of each indexed key, as they came; no values: universal matching."""
    unknown: tuple[int, ...] = ()
    """Tags of the keys that are not indexed. They match nothing and are answered without a value."""


def parse_identifier(data: bytes, transfer_syntax_uid: str) -> Identifier:
    """The keys of a request. Raises InvalidQuery for bytes that are no data set, and for a level that is none."""
    if len(data) > MAX_IDENTIFIER:
        raise InvalidQuery(f"the identifier has more than {MAX_IDENTIFIER} bytes")
    try:
        check_data_set(BytesIO(data), len(data), transfer_syntax_uid)
    except InvalidInstance as error:
        raise InvalidQuery(f"the identifier cannot be read: {error}") from error
    ds = read_dataset(BytesIO(data), transfer_syntax_uid in IMPLICIT, transfer_syntax_uid != EXPLICIT_BIG_ENDIAN)
    sets = charset.character_sets_of("\\".join(_texts(ds, SPECIFIC_CHARACTER_SET, "CS", ("",))))
    tags = [tag for tag in map(int, ds.keys()) if tag not in NO_KEYS and tag & 0xFFFF]
    return Identifier(
        _level(_texts(ds, QUERY_RETRIEVE_LEVEL, "CS", ("",))),
        [key for tag in tags for key in _keys(ds, tag, sets)],
        tuple(tag for tag in tags if tag not in BY_TAG and tag not in SEQUENCES),
    )


def identifier_encoder(
    attributes: Sequence[Attribute],
    *,
    explicit: bool,
    level: Level,
    retrieve_ae_title: str,
    unknown: Iterable[int] = (),
    character_set: str = "",
) -> Callable[[Row], bytes]:
    """A function that writes an answer, in little endian, with these attributes in the order of its rows.

    unknown: tags that were asked for and are not indexed. character_set: the only one that the peer can read; letters
    that it lacks lose their marks, and where that does not help either, the answer is in Unicode nevertheless.
    Otherwise an answer is in ASCII if it can be, and else in ISO_IR 192.
    """
    element = _explicit if explicit else _implicit
    writers = _writers(attributes, level, retrieve_ae_title, unknown, element)
    unicode_set = element(SPECIFIC_CHARACTER_SET, "CS", charset.UTF_8.encode())
    declared_set = element(SPECIFIC_CHARACTER_SET, "CS", character_set.encode())

    def encode(row: Row) -> bytes:
        if "".join([value for value in row if value.__class__ is str]).isascii():
            return b"".join([write(row, str.encode) for write in writers])
        if character_set:
            with suppress(UnicodeEncodeError, LookupError):  # the letters, or the set itself, are unknown there
                return declared_set + b"".join([write(row, to_declared_set) for write in writers])
        return unicode_set + b"".join([write(row, str.encode) for write in writers])

    def to_declared_set(text: str) -> bytes:
        try:
            return charset.encode(text, character_set)
        except UnicodeEncodeError:
            return charset.encode(without_marks(text), character_set)

    return encode


Element = Callable[[int, str, bytes], bytes]
"""A data element of a tag, a VR and a value, which it pads to even length."""
Writer = Callable[[Row, Callable[[str], bytes]], bytes]
"""An element of an answer: from the row, and how its text becomes bytes."""


def _writers(
    attributes: Sequence[Attribute], level: Level, retrieve_ae_title: str, unknown: Iterable[int], element: Element
) -> list[Writer]:
    """In the order of their tags."""
    writers: dict[int, Writer] = {tag: _constant(element(tag, _vr(tag), b"")) for tag in unknown}
    for tag, text in (
        (QUERY_RETRIEVE_LEVEL, level.name),
        (RETRIEVE_AE_TITLE, retrieve_ae_title),
        (INSTANCE_AVAILABILITY, "ONLINE"),
    ):
        writers[tag] = _constant(element(tag, _vr(tag), text.encode()))
    inside: dict[str, dict[int, tuple[int, Attribute]]] = {}
    for index, attribute in enumerate(attributes):
        if attribute.sequence:
            inside.setdefault(attribute.sequence, {})[attribute.tag] = index, attribute
        else:
            writers[attribute.tag] = _value(index, attribute, element)
    for keyword, members in inside.items():
        indices = [index for index, _ in members.values()]
        item = [_value(*members[tag], element) for tag in sorted(members)]
        writers[int(Tag(keyword))] = _sequence(int(Tag(keyword)), indices, item, element)
    return [writers[tag] for tag in sorted(writers)]


def _constant(data: bytes) -> Writer:
    return lambda row, to_bytes: data


def _value(index: int, attribute: Attribute, element: Element) -> Writer:
    tag, vr = attribute.tag, attribute.vr
    empty = element(tag, vr, b"")

    def write(row: Row, to_bytes: Callable[[str], bytes]) -> bytes:
        value = row[index]
        if value is None or value == "":
            return empty
        if vr == "US":
            return element(tag, vr, struct.pack("<H", value))
        return element(tag, vr, to_bytes(str(value)[:LONGEST_TEXT]))

    return write


def _sequence(tag: int, indices: Sequence[int], item: Sequence[Writer], element: Element) -> Writer:
    """One item, or none where all its values are empty."""

    def write(row: Row, to_bytes: Callable[[str], bytes]) -> bytes:
        if all(row[index] in (None, "") for index in indices):
            return element(tag, "SQ", b"")
        content = b"".join([write(row, to_bytes) for write in item])
        return element(tag, "SQ", struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content)

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


def _keys(ds: Dataset, tag: int, sets: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The keys of one element: its own, those in the one item of a sequence, or none when it is not indexed."""
    if tag in BY_TAG:
        yield BY_TAG[tag].path, _texts(ds, tag, BY_TAG[tag].vr, sets)
    if tag not in SEQUENCES:
        return
    items = ds[tag].value or [Dataset()]
    if len(items) > 1:
        raise InvalidQuery(f"{SEQUENCES[tag]}: a key may have one item, not {len(items)}")
    members = [a for a in ATTRIBUTES if a.sequence == SEQUENCES[tag]]
    for attribute in members:
        if attribute.tag in items[0] or not items[0]:  # an empty item asks for all that it may hold
            yield attribute.path, _texts(items[0], attribute.tag, attribute.vr, sets)


def _texts(ds: Dataset, tag: int, vr: str, sets: tuple[str, ...]) -> tuple[str, ...]:
    """The values of an element, without padding."""
    if tag not in ds:
        return ()
    element = ds.get_item(tag)
    value = element.value if isinstance(element, RawDataElement) else None
    if not isinstance(value, bytes) or not value:
        return ()
    if vr == "US":
        order = "<" if element.is_little_endian else ">"
        return tuple(map(str, struct.unpack_from(f"{order}{len(value) // 2}H", value)))
    text = charset.decode(value, vr, (charset.UTF_8,) if charset.is_mislabelled_utf8(value, sets) else sets)
    values = (text,) if vr in charset.UNSPLIT_VRS else tuple(text.split("\\"))
    return tuple(one.strip(" ") for one in values) if any(values) else ()
