"""Matching in the plainest way (PS3.4 C.2.2.2): which items are answered, and what SQL must agree with."""

import re
from collections.abc import Callable, Mapping
from typing import assert_never

from pacs.dicom.attributes import TIME_OF, Attribute
from pacs.dicom.person_name import folded
from pacs.dicom.query import (
    DECIMAL,
    DECIMAL_VRS,
    NUMBER_VRS,
    AllOf,
    AnyOf,
    Empty,
    Instants,
    Match,
    Query,
    Range,
    Single,
    Universal,
    Wildcard,
    Words,
    Zoned,
    in_zone,
    is_offset,
    items_of,
)


def is_answer(query: Query, row: Mapping[str, str | int | None]) -> bool:
    """Whether a row is matched, which has what is asked of by path: what SQL must agree with."""
    asked = {path: match for path, match in query.matches.items() if match != Universal()}
    known = query.dictionary.by_path
    sequences = {known[path].sequence for path in asked}
    return all(
        any(item_matches(query, sequence, item) for item in items_of(row[sequence]))
        if sequence
        else all(_is_matched(asked[path], known[path], row) for path in asked if not known[path].sequence)
        for sequence in sequences
    )


def item_matches(query: Query, sequence: str, item: Mapping[str, str]) -> bool:
    """Whether one item of a sequence is all that is asked of its items (C.2.2.2.6)."""
    known = query.dictionary.by_path
    return all(
        matches_value(match, known[path], item.get(known[path].keyword, ""))
        for path, match in query.matches.items()
        if known[path].sequence == sequence
    )


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
        case AllOf(wanted_values):
            return all(matches_value(Single(wanted), attribute, value) for wanted in wanted_values)
        case Wildcard(pattern):
            return any(_is_like(attribute, pattern, one) for one in _values(attribute, stored))
        case Range(first, last):
            return stored != "" and (first is None or first <= stored) and (last is None or stored <= last)
        case Instants(first, last):
            first, last = (first and first[: len(stored)], last and last[:8]) if len(stored) == 8 else (first, last)
            return matches_value(Range(first, last), attribute, value)
        case Zoned():
            raise ValueError("what it means hangs on the offset that the study says: see in_zone")
        case Words(words):
            stored_words = re.split(r"[ =\\]", folded(stored))
            return all(any(one.startswith(word) for one in stored_words) for word in words)
    assert_never(match)


def _is_matched(match: Match, attribute: Attribute, row: Mapping[str, str | int | None]) -> bool:
    value = row[attribute.path]
    match match:
        case Zoned():
            offset = str(row["TimezoneOffsetFromUTC"])
            there = in_zone(match, attribute, offset if is_offset(offset) else "")
            return any(_is_matched(one, attribute, row) for one in there)
        case Instants(first, last):
            # The day by itself too: a date that is cut short must not be made longer by its time.
            time, days = row[TIME_OF[attribute.keyword]], Range(first and first[:8], last and last[:8])
            is_then = not time or matches_value(Range(first, last), attribute, f"{value}{time}")
            return is_then and matches_value(days, attribute, value)
        case _:
            return matches_value(match, attribute, value)


def _values(attribute: Attribute, stored: str) -> list[str]:
    return stored.split("\\") if attribute.is_multi_valued else [stored]


def _is_equal(attribute: Attribute, wanted: str, stored: str) -> bool:
    if attribute.vr == "PN":
        return _is_named(wanted, stored, str.__eq__)
    if attribute.vr in NUMBER_VRS:
        return stored != "" and int(stored) == int(wanted)
    if attribute.vr in DECIMAL_VRS:
        return DECIMAL.fullmatch(stored) is not None and float(stored) == float(wanted)
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
