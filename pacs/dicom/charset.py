"""Text between bytes and Unicode: Specific Character Set (PS3.3 C.12.1.1.2, PS3.5 6.1), and what machines really send.

The tables of codecs are pydicom's; what is decoded with which of them is decided here, and never raises.
"""

import re
import unicodedata
from collections.abc import Sequence
from contextlib import suppress

from pydicom.charset import python_encoding

from pacs.dicom import vietnamese

UTF_8 = "ISO_IR 192"
ESC = b"\x1b"
UNICODE_SETS = frozenset((UTF_8, "GB18030", "GBK"))
"""They are used alone, without code extensions (PS3.3 Table C.12-5)."""

UNSPLIT_VRS = frozenset(("LT", "ST", "UT"))
"""In these a backslash is a letter (PS3.5 6.4)."""

_TERM = re.compile(r"ISO[ _-]*(2022)?[ _-]*(?:IR)?[ _-]*(\d+)")
_RUN = re.compile(rb"\x1b[\x20-\x2f]+[\x30-\x7e]|[^\x1b\x80-\xff]+|[\x80-\xff]+|\x1b")
_DELIMITER = re.compile(rb"([\t\n\f\r\\])")
_NAME_DELIMITER = re.compile(rb"([\t\n\f\r\\^=])")

_SINGLE_BYTE_TERMS = ("6", "13", "100", "101", "109", "110", "126", "127", "138", "144", "148", "166", "203")
_CODECS: dict[str, str] = {
    **{f"ISO_IR {number}": python_encoding.get(f"ISO_IR {number}", "latin_1") for number in _SINGLE_BYTE_TERMS},
    "": "latin_1",
    "ISO_IR 203": "iso8859_15",
    "ISO_IR 58": "gb2312",
    "ISO_IR 87": "iso2022_jp",
    "ISO_IR 149": "euc_kr",
    "ISO_IR 159": "iso2022_jp_2",
    UTF_8: "utf_8",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
"""Python's codec for each set, by the term without code extensions; "" is the default repertoire."""

CHARACTER_SETS = tuple(filter(None, _CODECS))
"""The terms, without code extensions, of what can be read."""

_G0 = {b"\x1b(B": "", b"\x1b(J": "shift_jis", b"\x1b$B": "\x1b$B", b"\x1b$@": "\x1b$@", b"\x1b$(D": "\x1b$(D"}
"""Escape sequence to what bytes below 128 then are; a value with ESC is the two-byte set of that sequence."""

_G1 = {
    b"\x1b-A": "latin_1",
    b"\x1b-B": "iso8859_2",
    b"\x1b-C": "iso8859_3",
    b"\x1b-D": "iso8859_4",
    b"\x1b-F": "iso8859_7",
    b"\x1b-G": "iso8859_6",
    b"\x1b-H": "iso8859_8",
    b"\x1b-L": "iso8859_5",
    b"\x1b-M": "iso8859_9",
    b"\x1b-T": "iso8859_11",
    b"\x1b-b": "iso8859_15",
    b"\x1b)I": "shift_jis",
    b"\x1b$)A": "gb2312",
    b"\x1b$)C": "euc_kr",
}
"""Escape sequence to the codec of bytes from 128 on (PS3.3 Tables C.12-3 and C.12-4)."""


def character_sets_of(value: str) -> tuple[str, ...]:
    """The terms in a Specific Character Set, spelt as the standard does without code extensions: `ISO_IR 100`."""
    return tuple(_term(part) for part in value.split("\\")) or ("",)


def decode(value: bytes, vr: str, character_sets: Sequence[str]) -> str:
    """The text in NFC, without padding at its end. Never raises.

    What the declared sets (as of `character_sets_of`) cannot hold is read as UTF-8 if it is valid UTF-8, and else as
    Latin-1, which shows every byte as some letter. A UTF-8 value that was cut inside its last letter ends in U+FFFD.
    """
    if value.isascii() and ESC not in value:
        return value.decode("ascii").replace("\0", "").rstrip(" ")
    text = _decoded(value, vr, character_sets or ("",))
    return unicodedata.normalize("NFC", text).replace("\0", "").rstrip(" ")


def is_mislabelled_utf8(value: bytes, character_sets: Sequence[str]) -> bool:
    """Whether bytes declared as a single-byte set, or as nothing, are UTF-8 in truth.

    Letters beyond ASCII that are valid UTF-8 throughout are hardly ever anything else: as Latin-1 they would read
    `NGUYá»„N`.
    """
    if value.isascii() or ESC in value or len(character_sets) > 1:
        return False
    declared = character_sets[0] if character_sets else ""
    return declared.removeprefix("ISO_IR ") in ("", *_SINGLE_BYTE_TERMS) and _is_utf8(value)


def text_of(value: bytes, vr: str, character_sets: Sequence[str]) -> str:
    """A value as the index has it: what is UTF-8 and declared otherwise is read as UTF-8."""
    return decode(value, vr, (UTF_8,) if is_mislabelled_utf8(value, character_sets) else character_sets)


def reread(text: str, vr: str, character_set: str) -> str:
    """Text that was read as Latin-1, read as another set or as one of `vietnamese.LEGACY_SETS` instead.

    What was not read as Latin-1 (its letters are not in it) stays as it was. ISO_IR 192 changes nothing: UTF-8 is
    recognised whatever it was declared to be.
    """
    if text.isascii() or character_set == UTF_8:
        return text
    try:
        data = text.encode("latin_1")
    except UnicodeEncodeError:
        return text
    if character_set in vietnamese.LEGACY_SETS:
        return vietnamese.decode(data, character_set)
    return decode(data, vr, character_sets_of(character_set))


def encode(text: str, character_set: str) -> bytes:
    """The text in one character set without code extensions, in NFC, not padded.

    Raises UnicodeEncodeError for a letter that the set does not have, for nothing is ever replaced, and KeyError for
    a set that is none.
    """
    (term, *_) = character_sets_of(character_set)
    codec = "ascii" if term in ("", "ISO_IR 6") else _CODECS[term]
    return unicodedata.normalize("NFC", text).encode(codec)


def encode_outgoing(text: str) -> bytes:
    """Text of a data set in ISO_IR 192, in NFC, not padded: the one way in which corrected text leaves.

    It is decoded again and compared, so that no letter is lost on the way. Raises UnicodeEncodeError for half of a
    surrogate pair, which is no text.
    """
    text = unicodedata.normalize("NFC", text)
    data = text.encode("utf_8")
    assert data.decode("utf_8") == text
    return data


def _term(text: str) -> str:
    text = text.strip(" \0").upper()
    if match := _TERM.fullmatch(text):
        return "" if match[2] == "6" else f"ISO_IR {match[2]}"
    return text.removeprefix("ISO 2022 ")  # `ISO 2022 GBK` of CP-1234


def _decoded(value: bytes, vr: str, character_sets: Sequence[str]) -> str:
    extended = ESC in value and character_sets[0] not in UNICODE_SETS
    for term in filter(None, character_sets):  # the default repertoire has none of the letters that come here
        with suppress(UnicodeDecodeError, KeyError):
            return _extended(value, vr, character_sets) if extended else value.decode(_CODECS[term])
    return _undeclared(value)


def _undeclared(value: bytes) -> str:
    try:
        return value.decode("utf_8")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data" and not value[: error.start].isascii():
            return value.decode("utf_8", "replace")
        return value.decode("latin_1")


def _extended(value: bytes, vr: str, character_sets: Sequence[str]) -> str:
    """ISO 2022 (PS3.5 6.1.2.5): escape sequences change what bytes below and from 128 on are, until a delimiter."""
    initial = "" if character_sets[0] != "ISO_IR 13" else "shift_jis"
    upper = _CODECS.get(character_sets[0], "latin_1")
    delimiter = _NAME_DELIMITER if vr == "PN" else _DELIMITER
    g0, g1 = initial, upper
    text = []
    for run in _RUN.findall(value):
        if run.startswith(ESC):
            g0, g1 = _G0.get(run, g0), _G1.get(run, g1)
        elif run[0] >= 0x80:
            text.append(run.decode(g1))
        elif g0.startswith("\x1b"):
            text.append((g0.encode() + run).decode("iso2022_jp_2"))
        else:
            text.append(run.decode(g0 or "ascii"))
            if delimiter.search(run):
                g0, g1 = initial, upper
    return "".join(text)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf_8")
    except UnicodeDecodeError:
        return False
    return True
