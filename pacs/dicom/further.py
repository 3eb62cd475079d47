"""What an administrator has made searchable, read out of a data set without parsing more of it than needed."""

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, BinaryIO

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag

from pacs.dicom import charset
from pacs.dicom.attributes import Attribute, creator_tag, is_creator
from pacs.dicom.dicomjson import NUMBER_FORMATS, TEXT_VRS
from pacs.dicom.part10 import DEFLATED, EXPLICIT_BIG_ENDIAN, IMPLICIT
from pacs.dicom.person_name import folded
from pacs.dicom.query import DECIMAL_VRS, NUMBER_VRS, number_of
from pacs.dicom.walk import MAX_VALUE, SPECIFIC_CHARACTER_SET, WINDOW, Seekable

VRS = (TEXT_VRS | NUMBER_FORMATS.keys()) - {"AT"}
"""What can be made searchable: text and numbers, no bytes, no sequences."""
INFLATED = 1 << 20
"""Bytes of a deflated data set that are looked at: its values stand before its pixels."""
PIXELS = 0x7FE00008

Values = tuple[tuple[Attribute, str], ...]
"""Those that are not empty, several of one attribute joined by a backslash."""


def read_further(
    file: Seekable, offset: int, size: int, transfer_syntax_uid: str, wanted: Sequence[Attribute]
) -> Values:
    """The wanted values of an instance that `header.read_header` has accepted. They are all at its top.

    offset: where the data set begins; size: of the whole file, in bytes. Never raises for what is in the data set: what
    cannot be read has no value, and neither has what is longer than 64 KiB.
    """
    try:
        source: BinaryIO
        if transfer_syntax_uid in DEFLATED:
            source = io.BytesIO(_inflated_head(file, offset))
        else:
            source = io.BufferedReader(_Part(file, offset, size), WINDOW)
        ds = _elements(source, transfer_syntax_uid, tuple(wanted))
        return tuple((attribute, value) for attribute in wanted if (value := _value(ds, attribute)))
    except Exception:  # pydicom raises what it likes on what is damaged, and an instance is not refused for that
        return ()


def searched_form(attribute: Attribute, value: str) -> str:
    """The form in which a value is searched where that is not the value itself, else "".

    Names are folded, equal numbers equal text. Several texts are as they are: so they are found among the many that are
    one text.
    """
    if attribute.vr == "PN":
        return folded(value)
    if attribute.vr not in NUMBER_VRS and attribute.vr not in DECIMAL_VRS:
        return value if attribute.is_multi_valued and "\\" in value else ""
    return "\\".join(number_of(attribute.vr, one) or one for one in value.split("\\"))


class _Part(io.RawIOBase):
    """A file from its data set on, for who wants to be told where he is."""

    def __init__(self, file: Seekable, offset: int, size: int) -> None:
        self._file = file
        self._offset = offset
        self._size = size - offset
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, position: int, whence: int = io.SEEK_SET, /) -> int:
        self._position = position + (0, self._position, self._size)[whence]
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        wanted = max(0, min(len(buffer), self._size - self._position))
        self._file.seek(self._offset + self._position)
        data = self._file.read(wanted)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def _inflated_head(file: Seekable, offset: int) -> bytes:
    file.seek(offset)
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(INFLATED), INFLATED)


def _elements(source: BinaryIO, transfer_syntax_uid: str, wanted: tuple[Attribute, ...]) -> Dataset:
    """The wanted elements, and of private ones all that may be them in any block, with the creators."""
    tags = _tags(wanted)
    last = min(tags[-1], PIXELS - 1)
    return read_dataset(
        source,
        transfer_syntax_uid in IMPLICIT,
        transfer_syntax_uid != EXPLICIT_BIG_ENDIAN,
        stop_when=lambda tag, vr, length: tag > last,
        defer_size=MAX_VALUE,
        specific_tags=tags,
    )


@lru_cache(4)
def _tags(wanted: tuple[Attribute, ...]) -> list[BaseTag | int]:
    """Where they may stand, in ascending order: the same for every instance as long as the same is wanted."""
    return sorted(tag for attribute in wanted for tag in _places(attribute))


def _places(attribute: Attribute) -> Iterator[int]:
    if not attribute.creator:
        yield attribute.tag
        return
    for block in range(0x10, 0x100):
        yield attribute.tag & 0xFFFF0000 | block
        yield attribute.tag & 0xFFFF00FF | block << 8


def _value(ds: Dataset, attribute: Attribute) -> str:
    sets = charset.character_sets_of(_ascii(ds, SPECIFIC_CHARACTER_SET))
    tag = _private_tag(ds, attribute, sets) if attribute.creator else attribute.tag
    element = ds.get_item(tag) if tag is not None and tag in ds else None
    if not isinstance(element, RawDataElement) or not isinstance(element.value, bytes) or not element.value:
        return ""
    vr = element.VR if element.VR in VRS else attribute.vr
    if vr in NUMBER_FORMATS:
        return "\\".join(_numbers(element, vr))
    return _text(element.value, vr, sets)


def _numbers(element: RawDataElement, vr: str) -> list[str]:
    assert isinstance(element.value, bytes)
    number_format = ("<" if element.is_little_endian else ">") + NUMBER_FORMATS[vr]
    whole = len(element.value) // struct.calcsize(number_format) * struct.calcsize(number_format)
    return [str(number) for (number,) in struct.iter_unpack(number_format, element.value[:whole])]


def _text(value: bytes, vr: str, sets: tuple[str, ...]) -> str:
    text = charset.text_of(value, vr, sets)
    if vr in charset.UNSPLIT_VRS or vr == "UR":
        return text
    return "\\".join(part.strip(" ") if vr != "PN" else part.rstrip(" ") for part in text.split("\\"))


def _private_tag(ds: Dataset, attribute: Attribute, sets: tuple[str, ...]) -> int | None:
    """Where it stands here: in the block that its creator has reserved (PS3.5 7.8.1)."""
    for tag in map(int, ds.keys()):
        if is_creator(tag) and tag >> 16 == attribute.tag >> 16:
            element = ds.get_item(tag)
            value = element.value if isinstance(element, RawDataElement) else b""
            if isinstance(value, bytes) and _text(value, "LO", sets) == attribute.creator:
                found = attribute.tag & 0xFFFF00FF | (tag & 0xFF) << 8
                assert creator_tag(found) == tag
                return found
    return None


def _ascii(ds: Dataset, tag: int) -> str:
    element = ds.get_item(tag) if tag in ds else None
    value = element.value if isinstance(element, RawDataElement) else b""
    return value.decode("ascii", "replace") if isinstance(value, bytes) else ""
