"""The Native DICOM Model (PS3.19 A.1): the same data set as in `dicomjson`, spelled in XML."""

import re
from binascii import Error as NoBase64
from binascii import a2b_base64
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser
from xml.sax.saxutils import escape, quoteattr

from pydicom.datadict import keyword_for_tag

from pacs.dicom.dicomjson import KNOWN_VRS, NAME_GROUPS, NUMBER_FORMATS, Json, dictionary_vr, json_number, number_of
from pacs.errors import InvalidInstance, TooLarge

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
NAME_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
DEEPEST = 64
"""Sequences within sequences that are read."""
LARGEST = 64 << 20
"""Bytes that are read: what is longer belongs into bulk data."""
FIRST_BLOCK, LAST_BLOCK = 0x10, 0xFF
"""Of a group's private elements (PS3.5 7.8.1)."""

_HEAD = f'<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">'
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no way to write."""
_RETURN = {"\r": "&#13;"}  # as it is, a parser would read it as a line feed
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_CREATOR = re.compile(r"[0-9A-F]{3}[13579BDF]00[1-9A-F][0-9A-F]")
"""The tag of an element that reserves a block of private ones."""


def json_to_xml(dataset: Mapping[str, Any]) -> bytes:
    """A data set in the DICOM JSON Model as an XML document in UTF-8.

    Private elements name their creator in place of their block. A character that XML cannot have becomes U+FFFD.
    """
    return f"{_HEAD}{''.join(_attributes(dataset))}</NativeDicomModel>".encode()


def xml_to_json(data: bytes) -> Json:
    """An XML document as a data set in the DICOM JSON Model. Private creators are given blocks from 10 on.

    A document type, and thereby every entity but XML's own five, is refused. Raises InvalidInstance, TooLarge.
    """
    if len(data) > LARGEST:
        raise TooLarge(f"XML of more than {LARGEST} bytes is not read")
    parser = XMLParser(target=_NoDocumentType())
    try:
        parser.feed(data)
        root = parser.close()
    except (ParseError, ValueError, LookupError) as error:
        raise InvalidInstance("the content is no XML") from error
    if _name_of(root) != "NativeDicomModel":
        raise InvalidInstance(f"the XML is of {_name_of(root)[:32]}, not a NativeDicomModel")
    return _read_data_set(root, 0)


class _NoDocumentType(TreeBuilder):
    def doctype(self, name: str, public_id: str | None, system_id: str | None) -> None:
        raise InvalidInstance("XML with a document type is not read")


def _attributes(dataset: Mapping[str, Any]) -> Iterator[str]:
    creators = {tag: _creator_of(element) for tag, element in dataset.items() if _CREATOR.fullmatch(tag)}
    for tag, element in sorted(dataset.items()):
        if tag not in creators:
            creator = creators.get(f"{tag[:4]}00{tag[4:6]}", "")
            yield _attribute(tag, element, creator)


def _creator_of(element: Mapping[str, Any]) -> str:
    (value,) = element.get("Value") or ("",)
    return str(value or "")


def _attribute(tag: str, element: Mapping[str, Any], creator: str) -> str:
    if creator:
        named = f'tag="{tag[:4]}00{tag[6:]}" vr="{element["vr"]}" privateCreator={quoteattr(_writable(creator))}'
    else:
        keyword = keyword_for_tag(int(tag, 16))
        named = f'tag="{tag}" vr="{element["vr"]}"' + (f' keyword="{keyword}"' if keyword else "")
    return f"<DicomAttribute {named}>{''.join(_contents(element))}</DicomAttribute>"


def _contents(element: Mapping[str, Any]) -> Iterator[str]:
    if "BulkDataURI" in element:
        yield f"<BulkData uri={quoteattr(element['BulkDataURI'])}/>"
    if "InlineBinary" in element:
        yield f"<InlineBinary>{element['InlineBinary']}</InlineBinary>"
    for number, value in enumerate(element.get("Value", ()), start=1):
        if element["vr"] == "SQ":
            yield f'<Item number="{number}">{"".join(_attributes(value or {}))}</Item>'
        elif element["vr"] == "PN":
            yield f'<PersonName number="{number}">{"".join(_groups(value or {}))}</PersonName>'
        else:
            yield f'<Value number="{number}">{"" if value is None else _text(str(value))}</Value>'


def _groups(name: Mapping[str, str]) -> Iterator[str]:
    for group in NAME_GROUPS:
        if text := name.get(group):
            components = zip(NAME_COMPONENTS, text.split("^", 4), strict=False)
            written = [f"<{component}>{_text(part)}</{component}>" for component, part in components if part]
            yield f"<{group}>{''.join(written)}</{group}>"


def _text(text: str) -> str:
    return escape(_writable(text), _RETURN)


def _writable(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", text)


def _read_data_set(parent: Element, depth: int) -> Json:
    if depth > DEEPEST:
        raise InvalidInstance(f"sequences are nested more than {DEEPEST} deep")
    found: Json = {}
    blocks: dict[tuple[str, str], int] = {}
    for node in parent:
        if _name_of(node) == "DicomAttribute":
            tag = _tag_of(node, found, blocks)
            if tag in found:
                raise InvalidInstance(f"the XML has {tag} twice")
            found[tag] = _read_element(node, tag, depth)
    return dict(sorted(found.items()))


def _tag_of(node: Element, found: Json, blocks: dict[tuple[str, str], int]) -> str:
    """Of a private element in the block of its creator, which the first one reserves."""
    tag = node.get("tag", "").upper()
    if not _TAG.fullmatch(tag):
        raise InvalidInstance(f"the XML has an attribute without a tag: {tag[:32]!r}")
    creator = node.get("privateCreator", "")
    if not creator or not int(tag[3], 16) & 1:
        return tag
    group = tag[:4]
    if (group, creator) not in blocks:
        block = FIRST_BLOCK
        while f"{group}00{block:02X}" in found:
            block += 1
        if block > LAST_BLOCK:
            raise InvalidInstance(f"group {group} has more private creators than it has blocks")
        blocks[group, creator] = block
        found[f"{group}00{block:02X}"] = {"vr": "LO", "Value": [creator]}
    return f"{group}{blocks[group, creator]:02X}{tag[6:]}"


def _read_element(node: Element, tag: str, depth: int) -> Json:
    vr = node.get("vr") or dictionary_vr(int(tag, 16))
    if vr not in KNOWN_VRS:
        raise InvalidInstance(f"{tag} has the VR {vr[:16]!r}, which is none")
    element: Json = {"vr": vr}
    values: dict[int, Any] = {}
    for child in node:
        match _name_of(child):
            case "BulkData":
                element["BulkDataURI"] = child.get("uri") or child.get("uuid") or ""
            case "InlineBinary":
                element["InlineBinary"] = _base64(tag, child.text or "")
            case "Item" if vr == "SQ":
                values[_number_of(child, values)] = _read_data_set(child, depth + 1)
            case "PersonName" if vr == "PN":
                values[_number_of(child, values)] = _read_name(child)
            case "Value" if vr not in ("SQ", "PN"):
                values[_number_of(child, values)] = _read_value(tag, vr, child.text or "")
            case other:
                raise InvalidInstance(f"{tag} of VR {vr} has a {other[:32]}")
    if values:
        element["Value"] = [values[number] for number in sorted(values)]
    return element


def _number_of(node: Element, values: Mapping[int, Any]) -> int:
    """The place of a value among the others, from 1; the next one where it does not say."""
    text = node.get("number", "")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else len(values) + 1
    if number in values:
        raise InvalidInstance(f"the XML has two values with the number {number}")
    return number


def _read_name(node: Element) -> Json | None:
    name: Json = {}
    for group in node:
        parts = {_name_of(component): component.text or "" for component in group}
        text = "^".join([parts.get(component, "") for component in NAME_COMPONENTS]).rstrip("^")
        if text and _name_of(group) in NAME_GROUPS:
            name[_name_of(group)] = text
    return name or None


def _read_value(tag: str, vr: str, text: str) -> str | int | float | None:
    if vr in ("IS", "DS"):
        return number_of(text.strip())
    if vr in NUMBER_FORMATS and text.strip():
        try:
            return json_number(float(text) if vr in ("FL", "FD") else int(text))
        except ValueError as error:
            raise InvalidInstance(f"{tag} of VR {vr} has a value that is no number") from error
    return text or None


def _base64(tag: str, text: str) -> str:
    packed = "".join(text.split())
    try:
        a2b_base64(packed, strict_mode=True)
    except NoBase64 as error:
        raise InvalidInstance(f"{tag} has inline data that is no base64") from error
    return packed


def _name_of(node: Element) -> str:
    """Without its namespace: some write none."""
    return node.tag.rpartition("}")[2]
