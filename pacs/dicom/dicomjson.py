"""The DICOM JSON Model (PS3.18 F): a row of the index as one QIDO answer, and the metadata of a Dataset."""

import re
import struct
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from json.encoder import encode_basestring
from math import isfinite
from types import MappingProxyType
from typing import Any

from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from pacs.dicom import charset
from pacs.dicom.attributes import BY_PATH, Attribute
from pacs.dicom.query import items_of

Row = Sequence[str | int | None]
"""One answer: a value for each attribute, in their order."""
BulkDataUri = Callable[[str], str]
"""Where the value of an element is, given its path: tags and item numbers, as `54000100/1/54001010`."""

LONGEST_INLINE = 1024
"""Bytes of a binary value that stands in the JSON itself; a longer one is behind a BulkDataURI."""
EXACT_INTEGER = 1 << 53
"""From here on a JavaScript number is not every integer: such a value is a string (PS3.18 F.2.3)."""

DELIMITERS = 0xFFFE
"""The group of what divides items: where one stands among elements the data set is damaged, and it is none."""
SPECIFIC_CHARACTER_SET = 0x00080005
TIMEZONE_OFFSET = 0x00080201
PIXEL_REPRESENTATION = 0x00280103
PIXEL_DATA = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))
_TEXT_VRS = "AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT"
TEXT_VRS = frozenset(_TEXT_VRS.split())
NUMBER_FORMATS = {"FL": "f", "FD": "d", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q"}
BINARY_WORDS = {"OB": 1, "OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8, "UN": 1}
"""Bytes of what changes places between byte orders."""
KNOWN_VRS = TEXT_VRS | NUMBER_FORMATS.keys() | BINARY_WORDS.keys() | {"AT", "SQ"}
NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

Json = dict[str, Any]
Element = RawDataElement | DataElement
Writer = Callable[[Row], str]
"""A member of the JSON object of an answer."""


def json_encoder(
    attributes: Sequence[Attribute],
    *,
    retrieve_url: Callable[[Row], str] | None,
    empty: Iterable[int] = (),
    creators: Mapping[int, str] = MappingProxyType({}),
) -> Callable[[Row], bytes]:
    """A function that writes one answer as a JSON object in UTF-8, with these attributes in the order of its rows.

    retrieve_url: where to retrieve what the row is of (0008,1190); None: nowhere. empty: tags that were asked for and
    are not indexed. creators: by tag, those of the private attributes. What is told only where it is known is left out
    where it is not (PS3.18 Tables 10.6.3-3 to 10.6.3-5).
    """
    members = _members(attributes, retrieve_url, empty, creators)

    def encode(row: Row) -> bytes:
        return f"{{{','.join(filter(None, [write(row) for write in members]))}}}".encode()

    return encode


def dataset_to_json(ds: Dataset, bulk_data_uri: BulkDataUri) -> Json:
    """A Dataset as read by pydicom, in a JSON object.

    Long binary values and those that pydicom left in the file become BulkDataURIs. What cannot be decoded is left out,
    text is Unicode whatever it was, and neither file meta nor group lengths are in it.
    """
    return _object_of(ds, ("",), "", _is_signed(ds), bulk_data_uri)


def _members(
    attributes: Sequence[Attribute],
    retrieve_url: Callable[[Row], str] | None,
    empty: Iterable[int],
    creators: Mapping[int, str],
) -> list[Writer]:
    """In the order of their tags."""
    members: dict[int, Writer] = {tag: _constant(f'"{tag:08X}":{{"vr":"{dictionary_vr(tag)}"}}') for tag in empty}
    for tag, creator in creators.items():
        members[tag] = _constant(f'"{tag:08X}":{{"vr":"LO","Value":[{encode_basestring(creator)}]}}')
    members[SPECIFIC_CHARACTER_SET] = _constant('"00080005":{"vr":"CS","Value":["ISO_IR 192"]}')
    if retrieve_url is not None:
        members[0x00080056] = _constant('"00080056":{"vr":"CS","Value":["ONLINE"]}')
        members[0x00081190] = lambda row: f'"00081190":{{"vr":"UR","Value":[{encode_basestring(retrieve_url(row))}]}}'
    for index, attribute in enumerate(attributes):
        members[attribute.tag] = (_sequence if attribute.members else _member)(index, attribute)
    return [members[tag] for tag in sorted(members)]


def _constant(text: str) -> Writer:
    return lambda row: text


def _member(index: int, attribute: Attribute) -> Writer:
    empty = f'"{attribute.tag:08X}":{{"vr":"{attribute.vr}"}}'
    start = f'{empty[:-1]},"Value":['
    if attribute.tag == TIMEZONE_OFFSET:
        empty = ""
    write_value = _numbers if attribute.vr in NUMBER_FORMATS else _VALUE_WRITERS.get(attribute.vr, _strings)

    def write(row: Row) -> str:
        value = row[index]
        if value is None or value == "":
            return empty
        return f"{start}{write_value(str(value))}]}}"

    return write


def _sequence(index: int, attribute: Attribute) -> Writer:
    """Its items, each with the members of the attribute; none where they have none of these."""
    empty = f'"{attribute.tag:08X}":{{"vr":"SQ"}}'
    members = sorted(
        (BY_PATH[f"{attribute.keyword}.{keyword}"] for keyword in attribute.members), key=lambda one: one.tag
    )
    keywords = [member.keyword for member in members]
    writers = [_member(place, member) for place, member in enumerate(members)]

    def write(row: Row) -> str:
        rows = [[item.get(keyword) for keyword in keywords] for item in items_of(row[index])]
        items = [f"{{{','.join([write(values) for write in writers])}}}" for values in rows if any(values)]
        return f'{empty[:-1]},"Value":[{",".join(items)}]}}' if items else empty

    return write


def _strings(value: str) -> str:
    if "\\" not in value:
        return encode_basestring(value)
    return ",".join([encode_basestring(part) if part else "null" for part in value.split("\\")])


def _numbers(value: str) -> str:
    """IS and DS as the numbers that they are; as strings where they are none (PS3.18 F.2.3)."""
    parts = value.split("\\")
    return ",".join([_number(part.strip()) for part in parts])


def _number(text: str) -> str:
    if _JSON_NUMBER.fullmatch(text):
        return text
    number = number_of(text)
    return encode_basestring(number) if isinstance(number, str) else "null" if number is None else str(number)


def _names(value: str) -> str:
    return ",".join([_name(part) if part else "null" for part in value.split("\\")])


def _name(value: str) -> str:
    groups = zip(NAME_GROUPS, value.split("="), strict=False)
    return "{" + ",".join([f'"{group}":{encode_basestring(text)}' for group, text in groups if text]) + "}"


_VALUE_WRITERS: dict[str, Callable[[str], str]] = {
    "PN": _names,
    "IS": _numbers,
    "DS": _numbers,
    "LT": encode_basestring,
    "ST": encode_basestring,
    "UT": encode_basestring,
}


def _object_of(ds: Dataset, sets: tuple[str, ...], path: str, is_signed: bool, bulk_data_uri: BulkDataUri) -> Json:
    """sets: Specific Character Set of the data set around it, which an item inherits (PS3.5 7.5.3)."""
    elements = _raw_elements(ds)
    own = elements.get(SPECIFIC_CHARACTER_SET)
    if own is not None and own.value:
        sets = charset.character_sets_of(_text_of(own.value))
    found: Json = {}
    for tag, element in elements.items():
        if 2 < tag >> 16 < DELIMITERS and tag & 0xFFFF:
            with suppress(Exception):  # pydicom raises what it likes on values that are none; they are left out
                found[f"{tag:08X}"] = _element_of(ds, element, sets, path, is_signed, bulk_data_uri)
    if f"{SPECIFIC_CHARACTER_SET:08X}" in found or not path:
        found[f"{SPECIFIC_CHARACTER_SET:08X}"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    return dict(sorted(found.items()))


def _text_of(value: Any) -> str:
    """The value of Specific Character Set, which pydicom decodes before it is asked for."""
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    return value if isinstance(value, str) else "\\".join(value)


def _element_of(
    ds: Dataset, element: Element, sets: tuple[str, ...], path: str, is_signed: bool, bulk_data_uri: BulkDataUri
) -> Json:
    tag, vr = int(element.tag), _vr_of(element, is_signed)
    here = f"{path}{tag:08X}"
    if vr == "SQ":
        items = enumerate(ds[tag].value, start=1)
        values = [_object_of(item, sets, f"{here}/{number}/", is_signed, bulk_data_uri) for number, item in items]
        return {"vr": vr, "Value": values} if values else {"vr": vr}
    if not isinstance(element, RawDataElement):
        return _in_memory(element)
    if (element.value is None and element.length) or tag in PIXEL_DATA:
        return {"vr": vr, "BulkDataURI": bulk_data_uri(here)}
    if not element.value:
        return {"vr": vr}
    if vr in BINARY_WORDS:
        if len(element.value) > LONGEST_INLINE:
            return {"vr": vr, "BulkDataURI": bulk_data_uri(here)}
        data = element.value if element.is_little_endian else _swapped(element.value, BINARY_WORDS[vr])
        return {"vr": vr, "InlineBinary": b64encode(data).decode("ascii")}
    values = _values_of(vr, element.value, sets, "<" if element.is_little_endian else ">")
    return {"vr": vr, "Value": values} if any(value is not None for value in values) else {"vr": vr}


def _raw_elements(ds: Dataset) -> dict[int, Element]:
    """The elements as pydicom keeps them: `Dataset.get_item` would fetch what it left in the file."""
    return {int(tag): element for tag, element in ds.items()}


def _in_memory(element: DataElement) -> Json:
    """Of a Dataset that was made and not read."""
    return dict(element.to_json_dict(None, LONGEST_INLINE))


def _values_of(vr: str, value: bytes, sets: tuple[str, ...], order: str) -> list[Any]:
    """The values of an element that is not binary; None: an empty one among others."""
    if vr in NUMBER_FORMATS:
        size = struct.calcsize(NUMBER_FORMATS[vr])
        numbers = struct.unpack_from(f"{order}{len(value) // size}{NUMBER_FORMATS[vr]}", value)
        return [json_number(number) for number in numbers]
    if vr == "AT":
        tags = struct.unpack_from(f"{order}{len(value) // 4 * 2}H", value)
        return [f"{group:04X}{number:04X}" for group, number in zip(tags[::2], tags[1::2], strict=True)]
    text = charset.decode(value, vr, (charset.UTF_8,) if charset.is_mislabelled_utf8(value, sets) else sets)
    if vr in charset.UNSPLIT_VRS or vr == "UR":
        return [text or None]
    parts = [part.rstrip(" ") if vr not in ("IS", "DS") else part.strip() for part in text.split("\\")]
    if vr == "PN":
        return [_name_of(part) for part in parts]
    if vr in ("IS", "DS"):
        return [number_of(part) for part in parts]
    return [part or None for part in parts]


def _name_of(text: str) -> dict[str, str] | None:
    return {group: part for group, part in zip(NAME_GROUPS, text.split("="), strict=False) if part} or None


def number_of(text: str) -> int | float | str | None:
    """An IS or DS as the number that it is; as a string where it is none; None: empty."""
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text) and isfinite(float(text)):
        return float(text)
    return text or None


def json_number(number: int | float) -> int | float | str:
    """As a string where JSON cannot have it, or JavaScript would not be exact."""
    if isinstance(number, int):
        return number if abs(number) < EXACT_INTEGER else str(number)
    return number if isfinite(number) else str(number)


def _vr_of(element: Element, is_signed: bool) -> str:
    """The VR; by the dictionary where the encoding does not tell, and where it tells UN of what is known."""
    vr = element.VR
    if vr is None or vr == "UN":
        vr = dictionary_vr(element.tag, is_signed)
    elif vr not in KNOWN_VRS:
        vr = "UN"
    return str(vr)


def dictionary_vr(tag: int, is_signed: bool = False) -> str:
    """The VR of a tag, one of them where the dictionary leaves a choice; UN where it has none."""
    if tag >> 16 & 1:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"  # private: only a creator is known (PS3.5 7.8.1)
    vr = dictionary_VR(tag) if dictionary_has_tag(tag) else "UN"
    if " or " not in vr:
        return vr
    return "OW" if "OW" in vr else "SS" if is_signed else "US"


def _is_signed(ds: Dataset) -> bool:
    """Whether `US or SS` is SS: as the pixels are (PS3.5 A.1)."""
    element = _raw_elements(ds).get(PIXEL_REPRESENTATION)
    return element is not None and element.value in (1, b"\1\0", b"\0\1")


def _swapped(data: bytes, size: int) -> bytes:
    if size == 1 or len(data) % size:
        return data
    swapped = bytearray(len(data))
    for place in range(size):
        swapped[place::size] = data[size - 1 - place :: size]
    return bytes(swapped)
