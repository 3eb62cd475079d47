"""A data set in another encoding (PS3.5 7, A.1 to A.3): other headers and byte order, the values as they are.

Values are decoded only for who asks for it: else what was received badly is passed on just as badly, and nothing lost.
"""

import struct
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from pydicom.datadict import dictionary_has_tag, dictionary_VR

from pacs.dicom.charset import ESC, UTF_8, character_sets_of
from pacs.errors import NotAcceptable

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF
SPECIFIC_CHARACTER_SET = 0x00080005
PIXEL_REPRESENTATION = 0x00280103
DEEPEST = 64
"""Sequences within sequences; more is no medicine."""

LONG_VRS = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))
"""VRs with a length of 32 bits in explicit encodings (PS3.5 Table 7.1-1)."""
TEXT_VRS = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UT"))
"""What Specific Character Set is about (PS3.5 6.1.2.2)."""
WORD_BYTES = {
    **dict.fromkeys(("AT", "OW", "SS", "US"), 2),
    **dict.fromkeys(("FL", "OF", "OL", "SL", "UL"), 4),
    **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8),
}
"""Bytes of what is swapped between byte orders."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How elements are written."""

    is_implicit: bool = False
    is_big_endian: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """An element of the first level, rewritten."""

    tag: int
    vr: str
    value: bytes
    """As it was; of a sequence as it is now, its items."""
    data: bytes


TextRule = Callable[[bytes, str, tuple[str, ...]], bytes]
"""What becomes of a text value, given its VR and the character sets declared for it, as of `character_sets_of`."""
Change = tuple[str, bytes] | None
"""The VR and the little-endian value an element gets; None: it is left out."""


def rewrite(
    data: bytes,
    source: Encoding,
    is_implicit: bool,
    changes: Mapping[int, Change] | None = None,
    stop_at: Collection[int] = (),
) -> tuple[bytes, int]:
    """The elements of a data set in Explicit or Implicit VR Little Endian, and where the reading ended.

    changes: by tag, on the first level; an element that is not there is added at its place. stop_at: tags before
    which the reading ends. Group lengths are dropped. Raises NotAcceptable when the data cannot be read.
    """
    rewriter = _Rewriter(data, source, Encoding(is_implicit))
    with _told():
        return rewriter.data_set(changes or {}, stop_at), rewriter.position


def elements(
    data: bytes, encoding: Encoding, text: TextRule, stop_at: Collection[int] = ()
) -> tuple[list[Written], int]:
    """The elements of the first level in the encoding they have, text in ISO_IR 192, and where the reading ended.

    text: what becomes of a value that is not ASCII, at any depth, its encoding UTF-8. Raises NotAcceptable.
    """
    rewriter = _Rewriter(data, encoding, encoding, text)
    with _told():
        return list(rewriter.top_level(stop_at)), rewriter.position


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (struct.error, UnicodeDecodeError) as error:
        raise NotAcceptable("the data set cannot be read, so it can only be given as it was received") from error


def swapped(value: bytes, size: int) -> bytes:
    """The bytes of each word of `size` bytes in reverse order; an odd rest is left."""
    out = bytearray(value)
    whole = len(value) // size * size
    for place in range(size):
        out[place:whole:size] = value[size - 1 - place : whole : size]
    return bytes(out)


def element(tag: int, vr: str, value: bytes, is_implicit: bool, is_big_endian: bool = False) -> bytes:
    """One element. The value has an even length, and is in this byte order."""
    return element_header(tag, vr, len(value), is_implicit, is_big_endian) + value


def element_header(tag: int, vr: str, length: int, is_implicit: bool, is_big_endian: bool = False) -> bytes:
    """What stands before a value."""
    group, number = tag >> 16, tag & 0xFFFF
    order = ">" if is_big_endian else "<"
    if is_implicit:
        return struct.pack(order + "HHI", group, number, length)
    if vr not in LONG_VRS and length <= 0xFFFF:
        return struct.pack(order + "HH2sH", group, number, vr.encode("ascii"), length)
    # What does not fit into 16 bits of length is UN (PS3.5 6.2.2).
    long_vr = vr if vr in LONG_VRS else "UN"
    return struct.pack(order + "HH2sHI", group, number, long_vr.encode("ascii"), 0, length)


def item(content: bytes, is_big_endian: bool = False) -> bytes:
    """An item of a sequence."""
    return struct.pack((">" if is_big_endian else "<") + "HHI", ITEM >> 16, ITEM & 0xFFFF, len(content)) + content


class _Rewriter:
    """A position in the data, and what is known there."""

    def __init__(self, data: bytes, source: Encoding, target: Encoding, text: TextRule | None = None) -> None:
        self.data = data
        self.position = 0
        self.source = source
        self.target = target
        self.is_signed = False
        self.depth = 0
        self.text = text
        self.character_sets: tuple[str, ...] = ("",)
        self.last: tuple[str, bytes] = "", b""
        """VR and value of the element that was read last."""

    def top_level(self, stop_at: Collection[int]) -> Iterator[Written]:
        while self.position < len(self.data) and (tag := self._tag_ahead()) not in stop_at:
            data = self._element()
            if data:
                yield Written(tag, *self.last, data)

    def data_set(self, changes: Mapping[int, Change], stop_at: Collection[int]) -> bytes:
        out: list[bytes] = []
        ahead = sorted(changes)
        while self.position < len(self.data) and (tag := self._tag_ahead()) not in stop_at:
            while ahead and ahead[0] <= tag:
                out.append(self._changed(ahead.pop(0), changes))
            unchanged = self._element()
            if tag not in changes:
                out.append(unchanged)
        out += [self._changed(tag, changes) for tag in ahead]
        return b"".join(out)

    def _changed(self, tag: int, changes: Mapping[int, Change]) -> bytes:
        change = changes[tag]
        return b"" if change is None else self._written(tag, *change)

    def _written(self, tag: int, vr: str, value: bytes) -> bytes:
        self.last = vr, value
        return element(tag, vr, value, self.target.is_implicit, self.target.is_big_endian)

    def _tag_ahead(self) -> int:
        group, number = self._unpack("HH", self.position)
        return group << 16 | number

    def _unpack(self, layout: str, position: int) -> tuple[int, ...]:
        return struct.unpack_from((">" if self.source.is_big_endian else "<") + layout, self.data, position)

    def _element(self) -> bytes:
        tag, (vr, length) = self._tag_ahead(), self._header()
        if vr == "SQ" or (length == UNDEFINED and vr == "UN"):
            return self._sequence(tag, length, vr)
        if length == UNDEFINED:
            return self._fragments(tag, vr)
        value = self._take(length)
        if tag & 0xFFFF == 0:
            return b""  # a group length, which would be wrong now
        if self.source.is_big_endian != self.target.is_big_endian and vr in WORD_BYTES:
            value = swapped(value, WORD_BYTES[vr])
        if tag == PIXEL_REPRESENTATION:
            self.is_signed = b"\1" in value[:2]
        if self.text is None:
            return self._written(tag, vr, value)
        data = self._written(tag, vr, self._text(self.text, tag, vr, value))
        self.last = vr, value
        return data

    def _text(self, rule: TextRule, tag: int, vr: str, value: bytes) -> bytes:
        """A value as the rule has it, of an even length; Specific Character Set says what that is."""
        if tag == SPECIFIC_CHARACTER_SET:
            self.character_sets = character_sets_of(value.decode("ascii", "replace"))
            return UTF_8.encode()
        text_vr = vr if vr != "UN" else vr_of(tag)
        if text_vr not in TEXT_VRS or (value.isascii() and ESC not in value):
            return value
        rewritten = rule(value, text_vr, self.character_sets)
        return rewritten + b" " * (len(rewritten) % 2)

    def _header(self) -> tuple[str, int]:
        """VR and length of the element ahead; the position is then at its value."""
        start = self.position
        if self.source.is_implicit:
            tag = self._tag_ahead()
            (length,) = self._unpack("I", start + 4)
            self.position += 8
            vr = vr_of(tag, self.is_signed)
            return "SQ" if vr == "UN" and length == UNDEFINED else vr, length
        vr = self.data[start + 4 : start + 6].decode("latin_1")
        if not (vr.isascii() and vr.isalpha() and vr.isupper()):
            raise NotAcceptable("an element has no VR, so the data set can only be given as it was received")
        is_long = vr in LONG_VRS
        self.position += 12 if is_long else 8
        (length,) = self._unpack("I", start + 8) if is_long else self._unpack("H", start + 6)
        return vr, length

    def _take(self, length: int) -> bytes:
        value = self.data[self.position : self.position + length]
        if len(value) < length:
            raise NotAcceptable("the data set is cut off, so it can only be given as it was received")
        self.position += length
        return value

    def _sequence(self, tag: int, length: int, vr: str) -> bytes:
        outer = self.source, self.is_signed, self.character_sets
        if vr == "UN":  # of unknown length: its items are in Implicit VR Little Endian (PS3.5 6.2.2)
            self.source = Encoding(is_implicit=True)
        self.depth += 1
        if self.depth > DEEPEST:
            raise NotAcceptable("sequences lie too deep to be rewritten")
        end = len(self.data) if length == UNDEFINED else self.position + length
        items: list[bytes] = []
        while self.position < end:
            mark, item_length = self._item_header()
            if mark == SEQUENCE_END:
                break
            if mark != ITEM:
                raise NotAcceptable("a sequence has something other than items")
            items.append(self._item(item_length))
        self.depth -= 1
        self.source, self.is_signed, self.character_sets = outer
        return self._written(tag, "SQ", b"".join(items))

    def _item_header(self) -> tuple[int, int]:
        group, number, length = self._unpack("HHI", self.position)
        self.position += 8
        return group << 16 | number, length

    def _item(self, length: int) -> bytes:
        end = len(self.data) if length == UNDEFINED else self.position + length
        inherited = self.character_sets
        elements: list[bytes] = []
        while self.position < end:
            if self._tag_ahead() == ITEM_END:
                self.position += 8
                break
            elements.append(self._element())
        self.character_sets = inherited
        return item(b"".join(elements), self.target.is_big_endian)

    def _fragments(self, tag: int, vr: str) -> bytes:
        """Encapsulated pixel data of an icon: passed on as it is."""
        start = self.position
        while True:
            mark, length = self._item_header()
            if mark == SEQUENCE_END:
                break
            self._take(length)
        self.last = vr, b""
        header = element_header(tag, vr, UNDEFINED, self.target.is_implicit, self.target.is_big_endian)
        return header + self.data[start : self.position]


def vr_of(tag: int, is_signed: bool = False) -> str:
    """The VR of an element in implicit encoding, by the dictionary; UN where it does not know it."""
    if tag >> 16 & 1:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"  # a private creator (PS3.5 7.8.1)
    vr = dictionary_VR(tag) if dictionary_has_tag(tag) else "UN"
    if " or " not in vr:
        return vr
    return "OW" if "OW" in vr else "SS" if is_signed else "US"
