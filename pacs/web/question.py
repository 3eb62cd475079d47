"""A search as the parameters of its address tell it (PS3.18 8.3.4): what to match and return, and where to begin."""

import hashlib
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydicom.datadict import keyword_for_tag, tag_for_keyword

from pacs.dicom.attributes import (
    ATTRIBUTES,
    FIRST_BLOCK,
    UNIQUE_KEY,
    Attribute,
    Dictionary,
    Level,
    creator_tag,
    is_creator,
    is_private,
)
from pacs.dicom.charset import UNSPLIT_VRS
from pacs.dicom.json_paths import Path
from pacs.dicom.query import Match, Query, Rules, combined, parse_match, zoned
from pacs.errors import InvalidQuery

RETURNED: Mapping[Level, tuple[str, ...]] = {  # PS3.18 Tables 10.6.3-3 to 10.6.3-5: what is returned unasked
    Level.PATIENT: (
        *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"),
        *("NumberOfPatientRelatedStudies", "NumberOfPatientRelatedSeries", "NumberOfPatientRelatedInstances"),
    ),
    Level.STUDY: (
        *("StudyDate", "StudyTime", "AccessionNumber", "ModalitiesInStudy", "ReferringPhysicianName"),
        *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyID"),
        *("NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances"),
    ),
    Level.SERIES: (
        *("Modality", "SeriesDescription", "SeriesInstanceUID", "SeriesNumber", "NumberOfSeriesRelatedInstances"),
        *("PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime"),
        "RequestAttributesSequence.ScheduledProcedureStepID",
        "RequestAttributesSequence.RequestedProcedureID",
    ),
    Level.IMAGE: (
        *("SOPClassUID", "SOPInstanceUID", "InstanceNumber", "Rows", "Columns", "BitsAllocated", "NumberOfFrames"),
        "AvailableTransferSyntaxUID",
    ),
}
TIMEZONE = "TimezoneOffsetFromUTC"
"""Returned at every level where it is known, and no key: it says by which clock the keys are meant."""
SEVERAL_VRS = frozenset(("AE", "AS", "CS"))
"""A comma is no letter in them: it may divide several values, as it does UIDs."""
MADE_BY_US = frozenset(("SpecificCharacterSet", "InstanceAvailability", "RetrieveURL"))
"""In every answer, whatever is asked."""
FORM_ONLY = frozenset(("accept", "charset", "limit", "offset", "cursor", "includefield"))
"""They say which of the answers are given and how, not which there are."""

Place = tuple[int, ...]
"""Of an answer among all: what `archive.find` begins behind."""


@dataclass(slots=True)
class Asked:
    """A search as its parameters tell it."""

    level: Level
    dictionary: Dictionary
    fuzzy: bool = False
    empty: bool = False
    multiple: bool = False
    limit: int | None = None
    offset: int = 0
    cursor: str = ""
    timezone: str = ""
    """The offset from UTC that dates and times are meant with; "": as they are stored."""
    creators: dict[int, str] = field(default_factory=dict)
    """Of private attributes, by where they were named."""
    keys: dict[str, str] = field(default_factory=dict)
    """What to match, by the path of the attribute."""
    include: list[str] = field(default_factory=list)
    """Paths to return besides."""
    tags: dict[str, int] = field(default_factory=dict)
    """By which tag a private attribute was asked for, by its path."""
    unindexed: dict[str, Path] = field(default_factory=dict)
    """What of instances is to be returned out of their headers, by its name in the address."""
    left_out: list[str] = field(default_factory=list)
    """What was asked for and is not done, by its name there: a Warning says so."""
    digest: bytes = b""
    """Of what decides which answers there are: a cursor is of no use to another search."""

    def query(self) -> Query:
        """The question to the archive, without a limit. Raises InvalidQuery."""
        rules = Rules(self.fuzzy, self.empty, self.multiple)
        by_path = self.dictionary.by_path
        matches: dict[str, Match] = {
            path: parse_match(by_path[path], _values(by_path[path], text, rules), rules)
            for path, text in self.keys.items()
        }
        include = tuple(dict.fromkeys((*self._returned(), *matches, *self.include)))
        matches = combined(matches)  # PS3.18 8.3.4.1.1: always, not by agreement as in C-FIND
        if self.timezone:
            matches = zoned(matches, self.timezone, self.dictionary)
        after = place_of_cursor(self.cursor, self.digest) if self.cursor else ()
        return Query(self.level, matches, include, offset=self.offset, after=after, dictionary=self.dictionary)

    def placed(self, attributes: Sequence[Attribute]) -> tuple[list[Attribute], dict[int, str]]:
        """The attributes of an answer, private ones by the tags they were asked for, and the creators of these.

        One that nobody named a tag of gets a place in a block of its creator.
        """
        creators = {creator_tag(tag): self.dictionary.by_path[path].creator for path, tag in self.tags.items()}
        placed = []
        for attribute in attributes:
            if attribute.creator:
                tag = self.tags.get(attribute.path) or _free_tag(attribute, creators)
                creators[creator_tag(tag)] = attribute.creator
                placed.append(replace(attribute, tag=tag))
            else:
                placed.append(attribute)
        return placed, creators

    def _returned(self) -> list[str]:
        levels = [self.level]
        if self.level > Level.STUDY and "StudyInstanceUID" not in self.keys:
            levels.append(Level.STUDY)
        if self.level > Level.SERIES and "SeriesInstanceUID" not in self.keys:
            levels.append(Level.SERIES)
        returned = [path for level in sorted(levels) for path in RETURNED[level]]
        if self.level == Level.PATIENT:
            return returned
        return [*returned, TIMEZONE, *(UNIQUE_KEY[level] for level in Level if Level.STUDY <= level <= self.level)]


def asked_of(
    dictionary: Dictionary, level: Level, path: Mapping[str, str], parameters: Sequence[tuple[str, str]]
) -> Asked:
    """What a request asks for. path: the UIDs in its path, by keyword. Raises InvalidQuery."""
    asked = Asked(level, dictionary, keys=dict(path))
    named = [(int(name, 16), name, value) for name, value in parameters if re.fullmatch("[0-9A-Fa-f]{8}", name)]
    asked.creators = {tag: value for tag, _, value in named if is_creator(tag) and value}
    said = {name for tag, name, _ in named if tag in asked.creators}
    seen: set[str] = set()
    for name, value in parameters:
        if name == "includefield":
            for one in value.split(","):
                _include(asked, one)
        elif name in seen:
            raise InvalidQuery(f"{name} is asked for twice")
        elif name in OPTIONS:
            OPTIONS[name](asked, name, value)
        elif name not in said:
            _match(asked, name, value)
        seen.add(name)
    if asked.cursor and asked.offset:
        raise InvalidQuery("a cursor says where to begin, and so does an offset: name one of them")
    keys = sorted((name, value) for name, value in parameters if name not in FORM_ONLY)
    asked.digest = hashlib.sha256(json.dumps([int(level), sorted(path.items()), keys]).encode()).digest()[:9]
    return asked


def cursor_of(place: Sequence[str | int | None], digest: bytes) -> str:
    """A place among the answers as text that is handed out, of this search alone."""
    return urlsafe_b64encode(digest + json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def place_of_cursor(cursor: str, digest: bytes) -> Place:
    """Raises InvalidQuery for one that was not handed out for this search."""
    try:
        data = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        place = json.loads(data[len(digest) :])
    except (NoBase64, ValueError, RecursionError) as error:
        raise InvalidQuery("that is no cursor") from error
    is_place = isinstance(place, list) and all(type(one) is int and 0 <= one < 1 << 63 for one in place)
    if not is_place or not place or data[: len(digest)] != digest:
        raise InvalidQuery("the cursor is of another search")
    return tuple(place)


def path_of(name: str) -> str:
    """The dotted keywords of an attribute named by keywords or tags; "" for one that has no keyword.

    Raises InvalidQuery for what is no attribute.
    """
    keywords = [keyword_for_tag(_number(step)) if TAG.fullmatch(step) else step for step in name.split(".")]
    if any(keyword and tag_for_keyword(keyword) is None for keyword in keywords):
        raise InvalidQuery(f"{name!r} is no attribute")
    return ".".join(keywords) if all(keywords) else ""


def _match(asked: Asked, name: str, value: str) -> None:
    attribute = _attribute(asked, name)
    if attribute is None:
        asked.left_out.append(name)
    elif attribute.path in asked.keys:
        raise InvalidQuery(f"{name} is asked for twice")
    elif attribute.keyword == TIMEZONE:
        # A plus that was not escaped in the address is a space now.
        asked.timezone = f"+{value[1:]}" if value.startswith(" ") else value
    elif not attribute.members:
        asked.keys[attribute.path] = value
    elif value:
        raise InvalidQuery(f"{name} is a sequence: ask for {name}.{attribute.members[0]}")
    else:
        asked.include.append(attribute.path)


def _include(asked: Asked, name: str) -> None:
    if name == "all":
        every = (*ATTRIBUTES, *asked.dictionary.further())
        asked.include += [attribute.path for attribute in every if attribute.level <= asked.level]
        return
    attribute = _attribute(asked, name)
    if attribute is not None and attribute.level <= asked.level:
        asked.include.append(attribute.path)
    elif attribute is None and path_of(name) in MADE_BY_US:
        return
    elif asked.level == Level.IMAGE and (path := _path_in_headers(asked, name)):
        asked.unindexed[name] = path
    else:
        asked.left_out.append(name)


def _path_in_headers(asked: Asked, name: str) -> Path:
    """(): a private attribute of which no creator is named."""
    tags = [_number(step) if TAG.fullmatch(step) else tag_for_keyword(step) or 0 for step in name.split(".")]
    path = tuple((tag, asked.creators.get(creator_tag(tag), "") if is_private(tag) else "") for tag in tags)
    return () if any(is_private(tag) and not creator for tag, creator in path) else path


def _attribute(asked: Asked, name: str) -> Attribute | None:
    """None: it is not indexed. Raises InvalidQuery for what is no attribute."""
    tag = _number(name) if TAG.fullmatch(name) else 0
    if not is_private(tag):
        return asked.dictionary.by_path.get(path_of(name))
    found = asked.dictionary.private(tag, asked.creators.get(creator_tag(tag), ""))
    if found is not None:
        asked.tags[found.path] = tag
    return found


def _values(attribute: Attribute, text: str, rules: Rules) -> list[str]:
    """A list of UIDs may have commas (PS3.18 8.3.4.1); in most other values a comma is a letter."""
    if attribute.vr in UNSPLIT_VRS:
        return [text]
    has_commas = attribute.vr == "UI" or (rules.multiple and attribute.is_multi_valued and attribute.vr in SEVERAL_VRS)
    return re.split(r"[,\\]" if has_commas else r"\\", text)


def _free_tag(attribute: Attribute, creators: Mapping[int, str]) -> int:
    """In the first block of its group that nobody else has (PS3.5 7.8.1)."""
    for block in range(FIRST_BLOCK, 0x100):
        tag = attribute.tag & 0xFFFF00FF | block << 8
        if creators.get(creator_tag(tag), attribute.creator) == attribute.creator:
            return tag
    raise InvalidQuery(f"too many private creators in group {attribute.tag >> 16:04X}")


def _set_limit(asked: Asked, name: str, value: str) -> None:
    asked.limit = _whole_number(name, value)


def _set_offset(asked: Asked, name: str, value: str) -> None:
    asked.offset = _whole_number(name, value)


def _set_cursor(asked: Asked, name: str, value: str) -> None:
    asked.cursor = value


def _set_fuzzy(asked: Asked, name: str, value: str) -> None:
    asked.fuzzy = _truth(name, value)


def _set_empty(asked: Asked, name: str, value: str) -> None:
    asked.empty = _truth(name, value)


def _set_multiple(asked: Asked, name: str, value: str) -> None:
    asked.multiple = _truth(name, value)


def _pass_over(asked: Asked, name: str, value: str) -> None:
    """Of the answer's form, not of the search (PS3.18 8.3.3)."""


OPTIONS: Mapping[str, Callable[[Asked, str, str], None]] = {
    "limit": _set_limit,
    "offset": _set_offset,
    "cursor": _set_cursor,
    "fuzzymatching": _set_fuzzy,
    "emptyvaluematching": _set_empty,
    "multiplevaluematching": _set_multiple,
    "accept": _pass_over,
    "charset": _pass_over,
}
TAG = re.compile(r"[0-9A-Fa-f]{4},?[0-9A-Fa-f]{4}")


def _number(tag: str) -> int:
    return int(tag.replace(",", ""), 16)


def _whole_number(name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise InvalidQuery(f"{name} is a whole number, not {value!r}")
    return int(value)


def _truth(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise InvalidQuery(f"{name} is true or false, not {value!r}")
    return value == "true"
