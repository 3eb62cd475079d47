"""A question to the archive, as every door asks it, and the matching of PS3.4 C.2.2.2."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from pacs.dicom.attributes import Attribute, Level
from pacs.dicom.part10 import UID
from pacs.dicom.person_name import fold, folded
from pacs.errors import InvalidQuery

WILDCARD_VRS = frozenset(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"))
"""PS3.4 C.2.2.2.4. Elsewhere `*` and `?` are no wild cards."""
NUMBER_VRS = frozenset(("IS", "US", "UL"))
"""Equal as numbers: `007` is 7."""
MULTI_VALUED = frozenset(("ModalitiesInStudy", "SOPClassesInStudy", "AvailableTransferSyntaxUID"))
"""They match when one of their values does."""

_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)")
_OLD_DATE = re.compile(r"(\d{4})\.(\d\d)\.(\d\d)")
_TIME = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d{1,6}))?)?)?")
_DATE_TIME = re.compile(r"(\d{4}(?:\d\d){0,5})(?:\.(\d{1,6}))?(?:[+-](?:0\d|1[0-4])[0-5]\d)?")
_NUMBER = re.compile(r"[+-]?\d{1,18}")


@dataclass(frozen=True, slots=True)
class Universal:
    """Matches everything; the value is returned (PS3.4 C.2.2.2.3)."""


@dataclass(frozen=True, slots=True)
class Single:
    """Equal by the rules of the VR (C.2.2.2.1)."""

    value: str


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of a list (C.2.2.2.2)."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`*` is any run, `?` any one character (C.2.2.2.4)."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Range:
    """From first to last, both included; None is open (C.2.2.2.5)."""

    first: str | None
    last: str | None


@dataclass(frozen=True, slots=True)
class Words:
    """A person's name by the beginnings of its words in any order, folded: what people type.

    Also what fuzzy matching of names means here (C.2.2.2.1.1).
    """

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Empty:
    """Present and empty, or absent (C.2.2.2.7)."""


Match = Universal | Single | AnyOf | Wildcard | Range | Words | Empty


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for. Keys are paths of `attributes.BY_PATH` at or above the level."""

    level: Level
    matches: dict[str, Match] = field(default_factory=dict)
    include: tuple[str, ...] = ()
    """Paths to return, in this order; unknown ones are left out by the door."""
    limit: int | None = None
    offset: int = 0
    newest_first: bool = False
    """Order by study date and time, newest first; otherwise by the order of arrival."""


def parse_match(attribute: Attribute, values: Sequence[str], *, fuzzy: bool = False) -> Match:
    """What is asked of one attribute, from the values that a door has split (PS3.4 C.2.2.2).

    Universal for nothing and for `*` alone. fuzzy: names by the beginnings of their words. A time or date-time becomes
    a Range whose ends compare as text with every form of a stored value (`08`, `0800`, `080000.000`); its last end
    takes in the whole of its last unit, so `-12` reaches to 125959.999999. Raises InvalidQuery, which names the
    attribute and the value.
    """
    texts = [text for value in values if (text := unicodedata.normalize("NFC", value).strip(" \0"))]
    if not texts or all(set(text) == {"*"} for text in texts):
        return Universal()
    if attribute.vr == "PN" and fuzzy:
        words = tuple(fold(" ".join(texts).replace("*", " ").replace("?", " ")).split())
        return Words(words) if words else Universal()
    matches = [_parse_one(attribute, text) for text in texts]
    if len(matches) == 1:
        return matches[0]
    singles = [match.value for match in matches if isinstance(match, Single)]
    if len(singles) < len(matches):
        raise InvalidQuery(f"{attribute.path}: a range or wild card cannot stand in a list")
    return AnyOf(tuple(singles))


def matches_value(match: Match, attribute: Attribute, value: str | int | None) -> bool:
    """Whether a stored value is matched, in the plainest way: what SQL must agree with."""
    stored = str(value) if value is not None else ""
    match match:
        case Universal():
            return True
        case Empty():
            return not stored
        case Single(wanted):
            return any(_is_equal(attribute, wanted, one) for one in _values(attribute, stored))
        case AnyOf(wanted_values):
            return any(matches_value(Single(wanted), attribute, value) for wanted in wanted_values)
        case Wildcard(pattern):
            return any(_is_like(attribute, pattern, one) for one in _values(attribute, stored))
        case Range(first, last):
            return stored != "" and (first is None or first <= stored) and (last is None or stored <= last)
        case Words(words):
            stored_words = re.split(r"[ =\\]", folded(stored))
            return all(any(one.startswith(word) for one in stored_words) for word in words)
    assert_never(match)


def _parse_one(attribute: Attribute, text: str) -> Match:
    if attribute.vr in _MOMENTS:
        return _parse_moment(attribute, text)
    if attribute.vr == "UI" and not UID.fullmatch(text):
        raise InvalidQuery(f"{attribute.path}: {text!r} is no UID")
    if attribute.vr in NUMBER_VRS:
        return Single(_number(attribute, text))
    if attribute.vr in WILDCARD_VRS and ("*" in text or "?" in text):
        return Wildcard(text)
    return Single(text)


def _parse_moment(attribute: Attribute, text: str) -> Match:
    """A date, a time, both, or a range of them (PS3.4 C.2.2.2.1.3, C.2.2.2.5)."""
    ends_of = _MOMENTS[attribute.vr]
    if ends := ends_of(text):  # first of all: the hyphen of a DT may begin its offset from UTC
        return Single(ends[0]) if attribute.vr == "DA" else Range(ends[0], ends[2])
    for hyphen in re.finditer("-", text):
        before, after = text[: hyphen.start()].strip(), text[hyphen.end() :].strip()
        first, last = ends_of(before), ends_of(after)
        if (first or not before) and (last or not after) and (first or last):
            if first and last and first[0] > last[1]:
                raise InvalidQuery(f"{attribute.path}: {text!r} ends before it begins")
            return Range(first[0] if first else None, last[1] if last else None)
    raise InvalidQuery(f"{attribute.path}: {text!r} is no {_MOMENT_NAMES[attribute.vr]} and no range")


def _ends_of_date(text: str) -> tuple[str, str, str] | None:
    """As a date of 8 digits; days and months may be 00, where only a year is known."""
    match = _DATE.fullmatch(text) or _OLD_DATE.fullmatch(text)
    if match is None or int(match[2]) > 12 or int(match[3]) > 31:
        return None
    date = "".join(match.groups())
    return date, date, date


def _ends_of_time(text: str) -> tuple[str, str, str] | None:
    """The shortest form, the end of its last unit, and the longest form of the same instant."""
    match = _TIME.fullmatch(text)
    if match is None or not _is_time(*match.groups()):
        return None
    return _ends("", [part for part in match.groups()[:3] if part], match[4] or "")


def _ends_of_date_time(text: str) -> tuple[str, str, str] | None:
    """As `_ends_of_time`. An offset from UTC is passed over: what is stored has none, or its machine's own."""
    match = _DATE_TIME.fullmatch(text)
    if match is None or (match[2] and len(match[1]) < 14):
        return None
    date, time = match[1][:8], match[1][8:]
    hours, minutes, seconds = time[:2], time[2:4], time[4:]
    if not _ends_of_date(date.ljust(8, "0")) or not _is_time(hours or "00", minutes, seconds, match[2]):
        return None
    if not time:  # a year, a month or a day: no instant is equal to it but itself as text
        return date, date + "99991231235959.999999"[len(date) :], date
    return _ends(date, [part for part in (hours, minutes, seconds) if part], match[2] or "")


def _ends(date: str, parts: list[str], fraction: str) -> tuple[str, str, str]:
    fraction = fraction.rstrip("0")
    longest = f"{date}{''.join(parts).ljust(6, '0')}.{fraction.ljust(6, '0')}"
    if fraction:
        return f"{date}{''.join(parts)}.{fraction}", longest, longest
    last = f"{date}{''.join(parts)}{'5959'[2 * len(parts) - 2 :]}.999999"
    while len(parts) > 1 and parts[-1] == "00":
        parts = parts[:-1]
    return date + "".join(parts), last, longest


def _is_time(hours: str, minutes: str | None, seconds: str | None, fraction: str | None) -> bool:
    """A second may be the 60th: a leap second."""
    return int(hours) < 24 and int(minutes or 0) < 60 and int(seconds or 0) <= 60


def _number(attribute: Attribute, text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise InvalidQuery(f"{attribute.path}: {text!r} is no whole number")
    return str(int(text))


def _values(attribute: Attribute, stored: str) -> list[str]:
    return stored.split("\\") if attribute.keyword in MULTI_VALUED else [stored]


def _is_equal(attribute: Attribute, wanted: str, stored: str) -> bool:
    if attribute.vr == "PN":
        return _is_named(wanted, stored, str.__eq__)
    if attribute.vr in NUMBER_VRS:
        return stored != "" and int(stored) == int(wanted)
    return stored.rstrip(" ") == wanted.rstrip(" ")


def _is_like(attribute: Attribute, pattern: str, stored: str) -> bool:
    if attribute.vr == "PN":
        return _is_named(pattern, stored, _is_like_text)
    return _is_like_text(pattern, stored)


def _is_named(wanted: str, stored: str, compare: Callable[[str, str], bool]) -> bool:
    """Whether each group that is asked for is some group of the name."""
    groups = re.split(r"[=\\]", folded(stored))
    return all(any(compare(one, group) for group in groups) for one in folded(wanted).split("=") if one)


def _is_like_text(pattern: str, stored: str) -> bool:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, stored, re.DOTALL) is not None


_MOMENTS = {"DA": _ends_of_date, "TM": _ends_of_time, "DT": _ends_of_date_time}
_MOMENT_NAMES = {"DA": "date", "TM": "time", "DT": "date and time"}
