"""An instance put together from its metadata and its bulk data (PS3.18 10.5.2, F; PS3.5 7, A)."""

import json
import struct
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Mapping, Sequence
from math import isfinite, prod
from operator import index
from typing import Any

from pydicom.datadict import tag_for_keyword

from pacs.dicom.bulk import UNDEFINED, Bulk, Piece, Pixels, pixels_of, size_of
from pacs.dicom.dicomjson import BINARY_WORDS, KNOWN_VRS, NAME_GROUPS, NUMBER_FORMATS, Json, dictionary_vr
from pacs.dicom.dicomxml import xml_to_json
from pacs.dicom.part10 import EXPLICIT_LITTLE_ENDIAN, LONG_VRS, UID, file_meta
from pacs.errors import InvalidInstance

WHITE_SPACE = b" \t\r\n\xef\xbb\xbf"
"""And the mark that some editors set before UTF-8."""
DEEPEST = 64
"""Sequences within sequences."""
LONGEST_DECIMAL = 16
"""Characters of a DS (PS3.5 6.2)."""
LONGEST_OF_SHORT = 0xFFFE
"""Bytes of a value whose length has 16 bits."""
SPECIFIC_CHARACTER_SET = 0x00080005
SOP_CLASS_UID, SOP_INSTANCE_UID = 0x00080016, 0x00080018
TRANSFER_SYNTAX_UID = 0x00020010
NUMBER_OF_FRAMES = 0x00280008
BITS_ALLOCATED = 0x00280100
PIXEL_DATA = 0x7FE00010
OFFSET_TABLES = (0x7FE00001, 0x7FE00002)
"""They are of the encapsulation that the pixel data was in before (PS3.3 C.7.6.3.1.8)."""
PHOTOMETRIC_INTERPRETATION = 0x00280004
UTF_8: Json = {"vr": "CS", "Value": ["ISO_IR 192"]}
LAST_OF_FILE_META, DELIMITERS = 0x0002FFFF, 0xFFFE0000
"""No element of a data set has a tag up to the one, or from the other on."""
CONTRADICTED = ("Rows", "Columns", "SamplesPerPixel")
"""What metadata may leave to a compressed frame, and must not say otherwise."""
MEASURED = (*CONTRADICTED, "BitsAllocated")
"""How long a native frame is."""

Elements = dict[int, Json]


def assemble(metadata: Json, bulk: Bulk) -> list[Piece]:
    """A whole Part 10 file: explicit little endian, or encapsulated as its pixel data came; its text in UTF-8.

    metadata: one object of the DICOM JSON Model. Raises InvalidInstance, UnsupportedContent, UnsupportedTransferSyntax
    and TooLarge.
    """
    elements = _elements_of(metadata, 0)
    names = names_of(metadata)
    for name, uid in zip(("SOP Class UID", "SOP Instance UID"), names, strict=True):
        if not UID.fullmatch(uid):
            raise InvalidInstance(f"the {name} is missing, or is none")
    elements[SPECIFIC_CHARACTER_SET] = UTF_8
    pixels = _pixels(elements, bulk, _text_of(metadata, TRANSFER_SYNTAX_UID))
    syntax = pixels.transfer_syntax_uid if pixels else EXPLICIT_LITTLE_ENDIAN
    before = {tag: element for tag, element in elements.items() if tag < PIXEL_DATA}
    behind = {tag: element for tag, element in elements.items() if tag >= PIXEL_DATA}
    return [
        file_meta(*names, syntax),
        *_data_set(before, bulk, 0),
        *(_pixel_data(elements, pixels) if pixels else ()),
        *_data_set(behind, bulk, 0),
    ]


def datasets_of(document: bytes) -> list[Json]:
    """The data sets of a document: those of a JSON array (PS3.18 F.2), or the one of an XML (PS3.19 A.1).

    Raises InvalidInstance.
    """
    if document.lstrip(WHITE_SPACE)[:1] == b"<":
        return [xml_to_json(document)]
    try:
        found = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise InvalidInstance("the metadata is no JSON") from error
    datasets = found if isinstance(found, list) else [found]
    if not all(isinstance(dataset, dict) for dataset in datasets):
        raise InvalidInstance("the metadata is no array of objects")
    return datasets


def names_of(metadata: Json) -> tuple[str, str]:
    """SOP Class and SOP Instance UID, as the metadata says them; "" where it does not."""
    return _text_of(metadata, SOP_CLASS_UID), _text_of(metadata, SOP_INSTANCE_UID)


def _text_of(metadata: Json, tag: int) -> str:
    element = metadata.get(f"{tag:08X}")
    values = element.get("Value") if isinstance(element, dict) else None
    return values[0] if isinstance(values, list) and values and isinstance(values[0], str) else ""


def _elements_of(dataset: object, depth: int) -> Elements:
    """By tag. Group lengths and what belongs to a file meta are left out, as Annex F has it."""
    if not isinstance(dataset, dict):
        raise InvalidInstance("metadata is no object")
    if depth > DEEPEST:
        raise InvalidInstance(f"sequences are nested more than {DEEPEST} deep")
    found: Elements = {}
    for name, element in dataset.items():
        try:
            tag = int(name, 16) if len(name) == 8 else -1
        except ValueError:
            tag = -1
        if tag < 0 or not isinstance(element, dict):
            raise InvalidInstance(f"{name[:32]!r} is no attribute in metadata")
        if LAST_OF_FILE_META < tag < DELIMITERS and tag & 0xFFFF:
            found[tag] = element
    if depth and SPECIFIC_CHARACTER_SET in found:
        found[SPECIFIC_CHARACTER_SET] = UTF_8
    return found


def _pixels(elements: Elements, bulk: Bulk, transfer_syntax_uid: str) -> Pixels | None:
    """The pixel data, where it is behind a Bulk Data URI; what it says of itself is added to the elements."""
    element = elements.get(PIXEL_DATA, {})
    if "BulkDataURI" not in element:
        if "InlineBinary" in element:
            _check_length(elements, len(_inline(PIXEL_DATA, element)))
        return None
    for tag in (PIXEL_DATA, *OFFSET_TABLES):
        elements.pop(tag, None)
    pixels = pixels_of(bulk.parts_of(_uri(element)), bulk, transfer_syntax_uid)
    for keyword, value in pixels.described.items():
        _describe(elements, keyword, value)
    if pixels.number_of_frames is not None:
        _describe_frames(elements, pixels.number_of_frames)
    if not pixels.is_encapsulated:
        _check_length(elements, size_of(pixels.value))
    return pixels


def _describe(elements: Elements, keyword: str, value: str | int) -> None:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    if tag not in elements or not elements[tag].get("Value"):
        elements[tag] = {"vr": dictionary_vr(tag), "Value": [value]}
    elif keyword in CONTRADICTED and elements[tag]["Value"] != [value]:
        raise InvalidInstance(f"{keyword} is not what the pixel data says: {value}")


def _describe_frames(elements: Elements, count: int) -> None:
    said = _number_of(elements, NUMBER_OF_FRAMES) if NUMBER_OF_FRAMES in elements else None
    if said is None and count > 1:
        elements[NUMBER_OF_FRAMES] = {"vr": "IS", "Value": [count]}
    elif (said or 1) != count:
        raise InvalidInstance(f"there are {count} frames, and the metadata says {said}")


def _check_length(elements: Elements, size: int) -> None:
    """Raises InvalidInstance where native pixel data is not as long as the metadata says. size: its bytes."""
    sides = [_required(elements, keyword) for keyword in MEASURED]
    frames = _number_of(elements, NUMBER_OF_FRAMES) or 1
    photometric = elements.get(PHOTOMETRIC_INTERPRETATION, {}).get("Value")
    if photometric == ["YBR_FULL_422"] and sides[2] == 3:
        sides[2] = 2  # two pixels share their colour (PS3.3 C.7.6.3.1.2)
    expected = (prod(sides) * frames + 7) // 8
    if size not in (expected, expected + expected % 2):
        raise InvalidInstance(f"the pixel data is {size} bytes long and should be {expected}")


def _required(elements: Elements, keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    value = _number_of(elements, tag)
    if value is None:
        raise InvalidInstance(f"{keyword} is missing")
    return value


def _number_of(elements: Elements, tag: int) -> int | None:
    values = elements.get(tag, {}).get("Value")
    try:
        return int(values[0]) if isinstance(values, list) and values else None
    except (TypeError, ValueError, OverflowError):
        raise InvalidInstance(f"{tag:08X} is no number") from None


def _pixel_data(elements: Elements, pixels: Pixels) -> list[Piece]:
    if pixels.is_encapsulated:
        return [struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, UNDEFINED), *pixels.value]
    is_bytes = (_number_of(elements, BITS_ALLOCATED) or 0) <= 8
    return _element(PIXEL_DATA, "OB" if is_bytes else "OW", pixels.value)


def _data_set(elements: Elements, bulk: Bulk, depth: int) -> list[Piece]:
    pieces: list[Piece] = []
    for tag, element in sorted(elements.items()):
        vr = element.get("vr") or dictionary_vr(tag)
        if not isinstance(vr, str) or vr not in KNOWN_VRS:
            raise InvalidInstance(f"{tag:08X} has the VR {str(vr)[:16]!r}, which is none")
        pieces += _element(tag, vr, _value(tag, vr, element, bulk, depth))
    return pieces


def _value(tag: int, vr: str, element: Json, bulk: Bulk, depth: int) -> Sequence[Piece]:
    if "BulkDataURI" in element:
        return [part.span for part in bulk.parts_of(_uri(element))]
    if "InlineBinary" in element:
        return [_inline(tag, element)]
    values = element.get("Value", [])
    if not isinstance(values, list):
        raise InvalidInstance(f"the Value of {tag:08X} is no array")
    if vr == "SQ":
        return [piece for item in values for piece in _item(item, bulk, depth + 1)]
    try:
        return [_encoded(vr, values)] if values else []
    except (TypeError, ValueError, AttributeError, OverflowError, struct.error) as error:
        raise InvalidInstance(f"{tag:08X} of VR {vr} has a value that is none") from error


def _item(item: object, bulk: Bulk, depth: int) -> list[Piece]:
    pieces = _data_set(_elements_of({} if item is None else item, depth), bulk, depth)
    return [struct.pack("<HHI", 0xFFFE, 0xE000, _length(size_of(pieces))), *pieces]


def _element(tag: int, vr: str, value: Sequence[Piece]) -> list[Piece]:
    size = size_of(value)
    padding = size % 2
    written = "UN" if size > LONGEST_OF_SHORT and vr.encode("ascii") not in LONG_VRS else vr  # PS3.5 6.2.2
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, written.encode("ascii"))
    is_long = written.encode("ascii") in LONG_VRS
    head += struct.pack("<HI", 0, _length(size + padding)) if is_long else struct.pack("<H", size + padding)
    is_text = vr not in NUMBER_FORMATS and vr not in BINARY_WORDS and vr not in ("AT", "SQ", "UI")
    return [head, *value, *([b" " if is_text else b"\0"] if padding else ())]


def _length(size: int) -> int:
    if size >= UNDEFINED:
        raise InvalidInstance("a value has more bytes than its length can say")
    return size


def _encoded(vr: str, values: Sequence[Any]) -> bytes:
    """Raises TypeError, ValueError and their like for what is no value of that VR."""
    if vr in NUMBER_FORMATS:
        number = float if vr in ("FL", "FD") else _whole
        return b"".join([struct.pack(f"<{NUMBER_FORMATS[vr]}", number(value)) for value in values])
    if vr == "AT":
        tags = [int(value, 16) for value in values]
        return b"".join([struct.pack("<HH", tag >> 16, tag & 0xFFFF) for tag in tags])
    if vr in BINARY_WORDS:
        raise ValueError("binary values are inline or bulk data")
    text = "\\".join(["" if value is None else _text(vr, value) for value in values])
    return text.encode("utf-8")


def _whole(value: Any) -> int:
    """A number, or, where it has more digits than a JSON number can, its text."""
    return int(value) if isinstance(value, str) else index(value)


def _text(vr: str, value: object) -> str:
    if vr == "PN":
        return _name(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError("no text and no number")
    if isinstance(value, str):
        return value
    if vr not in ("IS", "DS"):
        raise TypeError("a number where text belongs")
    return _decimal(value)


def _name(value: object) -> str:
    if isinstance(value, str):  # as older writers have it
        return value
    if not isinstance(value, Mapping) or not all(isinstance(group, str) for group in value.values()):
        raise TypeError("no person's name")
    return "=".join([value.get(group, "") for group in NAME_GROUPS]).rstrip("=")


def _decimal(value: int | float) -> str:
    """A number in at most 16 characters, as near to it as they can tell."""
    if not isfinite(value):
        raise ValueError("no number")
    text = str(int(value)) if float(value).is_integer() and abs(value) < 10**15 else repr(value)
    digits = LONGEST_DECIMAL
    while len(text) > LONGEST_DECIMAL and digits:
        digits -= 1
        text = f"{value:.{digits}g}"
    return text


def _inline(tag: int, element: Json) -> bytes:
    try:
        return b64decode(element.get("InlineBinary", ""), validate=True)
    except (NoBase64, ValueError, TypeError) as error:
        raise InvalidInstance(f"{tag:08X} has inline data that is no base64") from error


def _uri(element: Json) -> str:
    uri = element["BulkDataURI"]
    if not isinstance(uri, str):
        raise InvalidInstance("a Bulk Data URI is no text")
    return uri
