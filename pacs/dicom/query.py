"""A question to the archive, as every door asks it, and the matching of PS3.4 C.2.2.2."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone, tzinfo

from pacs.dicom.attributes import DICTIONARY, TIME_OF, Attribute, Dictionary, Level
from pacs.dicom.part10 import UID
from pacs.dicom.person_name import fold
from pacs.errors import InvalidQuery

WILDCARD_VRS = frozenset(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"))
"""PS3.4 C.2.2.2.4. Elsewhere `*` and `?` are no wild cards."""
NUMBER_VRS = frozenset(("IS", "US", "UL", "SS", "SL", "UV", "SV"))
"""Equal as whole numbers: `007` is 7."""
DECIMAL_VRS = frozenset(("DS", "FD", "FL"))
"""Equal as numbers: `7E1` is 70."""
MULTIPLE_VALUE_VRS = frozenset(("AE", "AS", "CS", "LO", "PN", "SH", "UC"))
"""PS3.4 C.2.2.2.8."""
QUOTATION_MARKS = '""'
"""They ask for what is empty (PS3.4 C.2.2.2.7)."""
END_OF_DAY = "235959.999999"

_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)")
_OLD_DATE = re.compile(r"(\d{4})\.(\d\d)\.(\d\d)")
_TIME = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d{1,6}))?)?)?")
_DATE_TIME = re.compile(r"(\d{4}(?:\d\d){0,5})(?:\.(\d{1,6}))?(?:[+-](?:0\d|1[0-4])[0-5]\d)?")
_NUMBER = re.compile(r"[+-]?\d{1,18}")
DECIMAL = re.compile(r"[+-]?(?:\d{1,16}\.?\d{0,16}|\.\d{1,16})(?:[eE][+-]?\d{1,2})?")
_OFFSET = re.compile(r"([+-])(0\d|1[0-4])([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Rules:
    """What was agreed besides the matching that always is (PS3.4 C.5.1.1.1)."""

    fuzzy: bool = False
    """Names by the beginnings of their words."""
    empty: bool = False
    """Two quotation marks ask for what is empty."""
    multiple: bool = False
    """All of several values are asked for, not one of them."""


LITERAL = Rules()


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
class AllOf:
    """Each of these is one of the values (C.2.2.2.8)."""

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
class Instants:
    """A date and the time that belongs to it as one instant, from first to last (C.2.2.2.5); None is open.

    A date without a time is matched when any moment of the day is.
    """

    first: str | None
    last: str | None


@dataclass(frozen=True, slots=True)
class Words:
    """A person's name by the beginnings of its words in any order, folded: what people type.

    Also what fuzzy matching of names means here (C.2.2.2.1.1).
    """

    words: tuple[str, ...]
    typed: tuple[str, ...] = ()
    """The same as they were typed: names that have them so come first."""


@dataclass(frozen=True, slots=True)
class Empty:
    """Present and empty, or absent (C.2.2.2.7)."""


@dataclass(frozen=True, slots=True)
class Zoned:
    """A date or time as clocks show it at an offset from UTC (C.2.2.2.5). What is stored has the study's own offset."""

    match: Single | Range | Instants
    offset: str
    """As Timezone Offset From UTC (0008,0201) has it: `+0700`."""


Match = Universal | Single | AnyOf | AllOf | Wildcard | Range | Instants | Zoned | Words | Empty


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for. Keys are paths of its dictionary at or above the level."""

    level: Level
    matches: dict[str, Match] = field(default_factory=dict)
    include: tuple[str, ...] = ()
    """Paths to return, in this order; unknown ones are left out by the door."""
    limit: int | None = None
    offset: int = 0
    newest_first: bool = False
    """Order by study date and time, newest first; otherwise by the order of arrival."""
    after: tuple[str | int | None, ...] = ()
    """Begin behind this place, which `find` told; (): at the first."""
    dictionary: Dictionary = DICTIONARY
    """What its paths mean."""
    offsets: tuple[str, ...] = ()
    """The offsets from UTC that stored studies say: `find` knows them, who asks need not."""

    def is_zoned(self) -> bool:
        """Whether it asks for times as clocks show them somewhere."""
        return any(isinstance(match, Zoned) for match in self.matches.values())


def parse_match(attribute: Attribute, values: Sequence[str], rules: Rules = LITERAL) -> Match:
    """What is asked of one attribute, from the values that a door has split (PS3.4 C.2.2.2).

    Universal for nothing and for `*` alone. A time or date-time becomes
    a Range whose ends compare as text with every form of a stored value (`08`, `0800`, `080000.000`); its last end
    takes in the whole of its last unit, so `-12` reaches to 125959.999999. Raises InvalidQuery, which names the
    attribute and the value.
    """
    texts = [text for value in values if (text := unicodedata.normalize("NFC", value).strip(" \0"))]
    if not texts or all(set(text) == {"*"} for text in texts):
        return Universal()
    if rules.empty and texts == [QUOTATION_MARKS]:
        return Empty()
    if attribute.vr == "PN" and rules.fuzzy:
        return _parse_words(re.sub(r"[*?^=\\]", " ", " ".join(texts)))
    matches = [_parse_one(attribute, text) for text in texts]
    if len(matches) == 1:
        return matches[0]
    singles = [match.value for match in matches if isinstance(match, Single)]
    if len(singles) < len(matches):
        raise InvalidQuery(f"{attribute.path}: a range or wild card cannot stand in a list")
    if rules.multiple and attribute.is_multi_valued and attribute.vr in MULTIPLE_VALUE_VRS:
        return AllOf(tuple(singles))
    return AnyOf(tuple(singles))


def combined(matches: Mapping[str, Match]) -> dict[str, Match]:
    """The same, each range of dates as one of instants where a range of the same form is asked of its time."""
    found = dict(matches)
    for date, time in TIME_OF.items():
        match found.get(date), found.get(time):
            case Range() as dates, Range() as times if _form(dates) == _form(times):
                del found[time]
                found[date] = Instants(_both(dates.first, times.first), _both(dates.last, times.last))
    return found


def zoned(matches: Mapping[str, Match], offset: str, dictionary: Dictionary = DICTIONARY) -> dict[str, Match]:
    """The same, dates and times as clocks show them at this offset. A date of birth is where it is.

    So is what an administrator has made searchable: nothing says which time belongs to such a date.
    Raises InvalidQuery when the offset is none.
    """
    zone_of(offset)
    return {
        path: Zoned(match, offset)
        if isinstance(match, Single | Range | Instants) and _is_moved(dictionary.by_path[path])
        else match
        for path, match in matches.items()
    }


def _is_moved(attribute: Attribute) -> bool:
    return attribute.vr in _MOMENTS and attribute.level > Level.PATIENT and not attribute.further


def zone_of(offset: str) -> timezone:
    """Raises InvalidQuery."""
    match = _OFFSET.fullmatch(offset)
    if match is None:
        raise InvalidQuery(f"TimezoneOffsetFromUTC: {offset!r} is none")
    minutes = 60 * int(match[2]) + int(match[3])
    return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes))


def is_offset(text: str) -> bool:
    """Whether it is one that `zone_of` takes."""
    return _OFFSET.fullmatch(text) is not None


def in_zone(match: Zoned, attribute: Attribute, offset: str) -> list[Range | Instants]:
    """What is asked of values that are stored with this offset; "": in the time of this machine. Any of them is enough.

    A range of times that goes through midnight there becomes two.
    """
    here, there = zone_of(match.offset), zone_of(offset) if offset else None
    first, last = _ends_of_match(match.match)
    if attribute.vr == "TM":
        return _times_in_zone(first, last, here, there)
    if attribute.vr == "DA" and not isinstance(match.match, Instants):
        first, last = _both(first, "00"), _both(last, END_OF_DAY)
    first, last = first and _moved(first, here, there)[0], last and _moved(last, here, there)[1]
    return [Range(first, last) if attribute.vr == "DT" else Instants(first, last)]


def items_of(value: str | int | None) -> list[dict[str, str]]:
    """The items of a sequence out of its column."""
    return json.loads(value) if isinstance(value, str) and value else []


def _parse_words(text: str) -> Match:
    typed = tuple(text.split())
    words = tuple(fold(text).split())
    return Words(words, typed) if words else Universal()


def _form(match: Range) -> tuple[bool, bool]:
    return match.first is None, match.last is None


def _both(date: str | None, time: str | None) -> str | None:
    return date + time if date and time else None


def _ends_of_match(match: Single | Range | Instants) -> tuple[str | None, str | None]:
    return (match.value, match.value) if isinstance(match, Single) else (match.first, match.last)


def _times_in_zone(first: str | None, last: str | None, here: timezone, there: tzinfo | None) -> list[Range | Instants]:
    """Clocks apart, by what they are apart today."""
    today = f"{datetime.now(here):%Y%m%d}"
    begin, end = _moved(today + (first or "00"), here, there)[0], _moved(today + (last or END_OF_DAY), here, there)[1]
    if begin[:8] == end[:8]:
        return [Range(begin[8:], end[8:])]
    return [Range(begin[8:], None), Range(None, end[8:])]


def _moved(moment: str, here: timezone, there: tzinfo | None) -> tuple[str, str]:
    """A moment as clocks there show it: in its shortest form, and in its longest. One that is no date stays."""
    digits, _, fraction = moment.partition(".")
    padded = digits + "00000101000000"[len(digits) :]
    with suppress(ValueError, OverflowError):
        seconds = min(padded[12:14], "59")  # a leap second is the one before to Python
        local = datetime.strptime(padded[:12] + seconds, "%Y%m%d%H%M%S").replace(tzinfo=here)
        its = local.replace(microsecond=int(fraction.ljust(6, "0"))).astimezone(there)
        shortest, _, longest = _ends(f"{its:%Y%m%d}", [f"{its:%H}", f"{its:%M}", f"{its:%S}"], f"{its:%f}")
        return shortest, longest
    return moment, moment


def _parse_one(attribute: Attribute, text: str) -> Match:
    if attribute.vr in _MOMENTS:
        return _parse_moment(attribute, text)
    if attribute.vr == "UI" and not UID.fullmatch(text):
        raise InvalidQuery(f"{attribute.path}: {text!r} is no UID")
    if attribute.vr in NUMBER_VRS or attribute.vr in DECIMAL_VRS:
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


def number_of(vr: str, text: str) -> str | None:
    """A number in the one form in which equal numbers are equal text; None where it is none."""
    if vr in NUMBER_VRS:
        return str(int(text)) if _NUMBER.fullmatch(text) else None
    if not DECIMAL.fullmatch(text):
        return None
    number = float(text)
    return str(float(f"{number:.7g}")) if vr == "FL" else str(number)  # single precision has 7 digits


def _number(attribute: Attribute, text: str) -> str:
    number = number_of(attribute.vr, text)
    if number is None:
        raise InvalidQuery(f"{attribute.path}: {text!r} is no {'whole ' * (attribute.vr in NUMBER_VRS)}number")
    return number


_MOMENTS = {"DA": _ends_of_date, "TM": _ends_of_time, "DT": _ends_of_date_time}
_MOMENT_NAMES = {"DA": "date", "TM": "time", "DT": "date and time"}
