"""Matching of data sets in the DICOM JSON Model (PS3.18 8.3.4, F.2): what is kept as JSON is searched by it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydicom.datadict import keyword_for_tag, tag_for_keyword

from pacs.dicom.attributes import Attribute, Level
from pacs.dicom.charset import UNSPLIT_VRS
from pacs.dicom.dicomjson import NAME_GROUPS, Json
from pacs.dicom.matching import matches_value
from pacs.dicom.query import NUMBER_VRS, Match, Rules, Universal, parse_match
from pacs.errors import InvalidQuery

TAG = re.compile(r"[0-9A-Fa-f]{8}")
DEEPEST = 8
"""Steps of a path: no attribute that is asked for lies deeper."""


@dataclass(frozen=True, slots=True)
class Key:
    """What is asked of one attribute."""

    path: tuple[str, ...]
    """Tags as they are members of JSON: those of the sequences around it, then its own."""
    attribute: Attribute
    match: Match


@dataclass(frozen=True, slots=True)
class Search:
    """A question to data sets in JSON, and what is to be answered."""

    keys: tuple[Key, ...] = ()
    include: tuple[tuple[str, ...], ...] = ()
    """Paths that are asked for besides."""
    is_all: bool = False
    """Every attribute is asked for."""
    limit: int | None = None
    offset: int = 0
    left_out: tuple[str, ...] = ()
    """What was asked for and is not done, by its name there."""

    def match_of(self, keyword: str) -> Match:
        """What is asked of an attribute that is in no sequence."""
        path = (tag_of(keyword),)
        return next((key.match for key in self.keys if key.path == path), Universal())


@dataclass(slots=True)
class _Asked:
    keys: dict[tuple[str, ...], str] = field(default_factory=dict)
    include: list[tuple[str, ...]] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


OPTIONS = frozenset(("limit", "offset", "fuzzymatching", "emptyvaluematching", "multiplevaluematching"))
PASSED_OVER = frozenset(("accept", "charset"))
"""Of the answer's form, not of the search."""


def parse_search(parameters: Iterable[tuple[str, str]]) -> Search:
    """The question of a query in an address (PS3.18 Table 8.3.4-1). Raises InvalidQuery."""
    asked = _Asked()
    for name, value in parameters:
        if "\0" in value:
            raise InvalidQuery(f"{name} has a value that is no text")
        if name == "includefield":
            for one in value.split(","):
                _include(asked, one)
        elif name in OPTIONS:
            if name in asked.options:
                raise InvalidQuery(f"{name} is asked for twice")
            asked.options[name] = value
        elif name not in PASSED_OVER:
            _ask(asked, name, value)
    fuzzy, empty, multiple = (_truth(asked, f"{name}matching") for name in ("fuzzy", "emptyvalue", "multiplevalue"))
    rules = Rules(fuzzy, empty, multiple)
    return Search(
        tuple(_key(path, value, rules) for path, value in asked.keys.items()),
        tuple(path for path in asked.include if path),
        () in asked.include,
        _number(asked, "limit"),
        _number(asked, "offset") or 0,
        tuple(asked.left_out),
    )


def is_answer(search: Search, dataset: Mapping[str, Any]) -> bool:
    """Whether a data set is all that is asked. All keys within a sequence are asked of one item (PS3.4 C.2.2.2.6)."""
    return _fits([(key.path, key) for key in search.keys if key.match != Universal()], dataset)


def selected(dataset: Json, always: Iterable[str], search: Search) -> Json:
    """What is answered of a data set: the tags that always are, and what was asked for, sequences whole."""
    if search.is_all:
        return dataset
    wanted = {*always, *(key.path[0] for key in search.keys), *(path[0] for path in search.include)}
    return {tag: element for tag, element in dataset.items() if tag in wanted}


def tag_of(keyword: str) -> str:
    """A keyword's tag as it is a member of JSON."""
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return f"{tag:08X}"


def text_of(element: Mapping[str, Any] | None) -> str:
    """The value of an element as the index has it: several joined by a backslash; "" for none and for what is binary.

    A number is written as JSON has it.
    """
    values = (element or {}).get("Value") or []
    return "\\".join(_text(value) for value in values)


def items_of(dataset: Mapping[str, Any], tag: str) -> list[Json]:
    """The items of a sequence; none where it is absent."""
    return [item or {} for item in dataset.get(tag, {}).get("Value") or []]


def _fits(keys: Sequence[tuple[tuple[str, ...], Key]], dataset: Mapping[str, Any]) -> bool:
    within: dict[str, list[tuple[tuple[str, ...], Key]]] = {}
    for path, key in keys:
        if len(path) == 1:
            if not _is_matched(key, text_of(dataset.get(path[0]))):
                return False
        else:
            within.setdefault(path[0], []).append((path[1:], key))
    return all(any(_fits(inner, item) for item in items_of(dataset, tag) or [{}]) for tag, inner in within.items())


def _is_matched(key: Key, text: str) -> bool:
    """Several numbers are in no column of the index, and so are unknown to `matches_value`."""
    values = text.split("\\") if key.attribute.vr in (*NUMBER_VRS, "DS") else [text]
    return any(matches_value(key.match, key.attribute, value) for value in values)


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return "=".join(str(value.get(group) or "") for group in NAME_GROUPS).rstrip("=")
    return "" if value is None else str(value)


def _ask(asked: _Asked, name: str, value: str) -> None:
    path = _path_of(name)
    if path is None:
        asked.left_out.append(name)
    elif path in asked.keys:
        raise InvalidQuery(f"{name} is asked for twice")
    else:
        asked.keys[path] = value


def _include(asked: _Asked, name: str) -> None:
    path = () if name == "all" else _path_of(name)
    if path is None:
        asked.left_out.append(name)
    else:
        asked.include.append(path)


def _key(path: tuple[str, ...], value: str, rules: Rules) -> Key:
    """A sequence is only asked for as a whole, to be returned."""
    attribute = Attribute(keyword_for_tag(int(path[-1], 16)), Level.STUDY)
    if attribute.vr == "SQ":
        if value:
            raise InvalidQuery(f"{attribute.keyword} is a sequence: ask for an attribute of its items")
        return Key(path, attribute, Universal())
    if attribute.vr in UNSPLIT_VRS:
        return Key(path, attribute, parse_match(attribute, [value], rules))
    values = re.split(r"[,\\]" if attribute.vr == "UI" else r"\\", value)
    return Key(path, attribute, parse_match(attribute, values, rules))


def _path_of(name: str) -> tuple[str, ...] | None:
    """The tags of an attribute named by keywords or tags; None for one that the dictionary does not have.

    Raises InvalidQuery for what is no attribute.
    """
    tags = [f"{int(step, 16):08X}" if TAG.fullmatch(step) else _known(name, step) for step in name.split(".")]
    if len(tags) > DEEPEST:
        raise InvalidQuery(f"{name!r} is too deep")
    return tuple(tags) if all(keyword_for_tag(int(tag, 16)) for tag in tags) else None


def _known(name: str, keyword: str) -> str:
    if tag_for_keyword(keyword) is None:
        raise InvalidQuery(f"{name!r} is no attribute")
    return tag_of(keyword)


def _truth(asked: _Asked, name: str) -> bool:
    value = asked.options.get(name, "false")
    if value not in ("true", "false"):
        raise InvalidQuery(f"{name} is true or false, not {value!r}")
    return value == "true"


def _number(asked: _Asked, name: str) -> int | None:
    value = asked.options.get(name)
    if value is not None and not re.fullmatch(r"[0-9]{1,9}", value):
        raise InvalidQuery(f"{name} is a whole number, not {value!r}")
    return None if value is None else int(value)
