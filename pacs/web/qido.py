"""QIDO-RS: search for studies, series and instances (PS3.18 10.6)."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from fastapi import APIRouter, Request, Response
from pydicom.datadict import keyword_for_tag, tag_for_keyword

from pacs.archive.find import FIRST_PAGE, Answers, count, find
from pacs.context import Actor, Pacs
from pacs.dicom.attributes import ATTRIBUTES, BY_PATH, UNIQUE_KEY, Attribute, Level
from pacs.dicom.charset import UNSPLIT_VRS
from pacs.dicom.dicomjson import Row, json_encoder
from pacs.dicom.media import DICOM_JSON, Offer
from pacs.dicom.query import Match, Query, Rules, parse_match, zoned
from pacs.errors import InvalidQuery
from pacs.web.answers import chosen, send
from pacs.web.auth import pacs_of, signed_in

RETURNED: Mapping[Level, tuple[str, ...]] = {  # PS3.18 Tables 10.6.3-3 to 10.6.3-5: what is returned unasked
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
SEVERAL_VRS = frozenset(("AE", "AS", "CS"))
"""A comma is no letter in them: it may divide several values, as it does UIDs."""
MADE_BY_US = frozenset(("SpecificCharacterSet", "InstanceAvailability", "RetrieveURL"))
"""In every answer, whatever is asked."""
router = APIRouter(prefix="/dicom-web", tags=["QIDO-RS"])


@router.get("/studies")
@signed_in
def search_studies(request: Request, actor: Actor) -> Response:
    """Search for studies.

    Parameters: attributes by keyword or tag, includefield, fuzzymatching, emptyvaluematching, multiplevaluematching,
    limit, offset. TimezoneOffsetFromUTC says by which clock dates and times are meant.
    """
    return _search(request, actor, Level.STUDY)


@router.get("/series")
@signed_in
def search_series(request: Request, actor: Actor) -> Response:
    """Search for series of all studies."""
    return _search(request, actor, Level.SERIES)


@router.get("/studies/{study}/series")
@signed_in
def search_series_of_study(request: Request, actor: Actor, study: str) -> Response:
    """Search for series of a study."""
    return _search(request, actor, Level.SERIES, StudyInstanceUID=study)


@router.get("/instances")
@signed_in
def search_instances(request: Request, actor: Actor) -> Response:
    """Search for instances of all studies."""
    return _search(request, actor, Level.IMAGE)


@router.get("/studies/{study}/instances")
@signed_in
def search_instances_of_study(request: Request, actor: Actor, study: str) -> Response:
    """Search for instances of a study."""
    return _search(request, actor, Level.IMAGE, StudyInstanceUID=study)


@router.get("/studies/{study}/series/{series}/instances")
@signed_in
def search_instances_of_series(request: Request, actor: Actor, study: str, series: str) -> Response:
    """Search for instances of a series."""
    return _search(request, actor, Level.IMAGE, StudyInstanceUID=study, SeriesInstanceUID=series)


@dataclass(slots=True)
class Asked:
    """A search as its parameters tell it."""

    level: Level
    fuzzy: bool = False
    empty: bool = False
    multiple: bool = False
    limit: int | None = None
    offset: int = 0
    timezone: str = ""
    """The offset from UTC that dates and times are meant with; "": as they are stored."""
    keys: dict[str, str] = field(default_factory=dict)
    """What to match, by the path of the attribute."""
    include: list[str] = field(default_factory=list)
    """Paths to return besides."""
    left_out: list[str] = field(default_factory=list)
    """What was asked for and is not done, by its name there: a Warning says so."""

    def query(self, most: int) -> Query:
        """The question to the archive. most: what may be answered. Raises InvalidQuery."""
        rules = Rules(self.fuzzy, self.empty, self.multiple)
        matches: dict[str, Match] = {
            path: parse_match(BY_PATH[path], self._values(BY_PATH[path], text), rules)
            for path, text in self.keys.items()
        }
        levels = [self.level]
        if self.level > Level.STUDY and "StudyInstanceUID" not in matches:
            levels.append(Level.STUDY)
        if self.level > Level.SERIES and "SeriesInstanceUID" not in matches:
            levels.append(Level.SERIES)
        returned = [path for level in sorted(levels) for path in RETURNED[level]]
        uids = [UNIQUE_KEY[level] for level in Level if Level.STUDY <= level <= self.level]
        include = tuple(dict.fromkeys((*returned, *uids, *matches, *self.include, *([TIMEZONE] * bool(self.timezone)))))
        if self.timezone:
            matches = zoned(matches, self.timezone)
        limit = most if self.limit is None else min(self.limit, most)
        return Query(self.level, matches, include, limit, self.offset)

    def _values(self, attribute: Attribute, text: str) -> list[str]:
        """A list of UIDs may have commas (PS3.18 8.3.4.1); in most other values a comma is a letter."""
        if attribute.vr in UNSPLIT_VRS:
            return [text]
        has_commas = attribute.vr == "UI" or (
            self.multiple and attribute.is_multi_valued and attribute.vr in SEVERAL_VRS
        )
        return re.split(r"[,\\]" if has_commas else r"\\", text)


def asked_of(level: Level, path: Mapping[str, str], parameters: Sequence[tuple[str, str]]) -> Asked:
    """What a request asks for. path: the UIDs in its path, by keyword. Raises InvalidQuery."""
    asked = Asked(level, keys=dict(path))
    seen: set[str] = set()
    for name, value in parameters:
        if name == "includefield":
            for one in value.split(","):
                _include(asked, one)
        elif name in seen:
            raise InvalidQuery(f"{name} is asked for twice")
        elif name in OPTIONS:
            OPTIONS[name](asked, name, value)
        else:
            _match(asked, name, value)
        seen.add(name)
    return asked


def _match(asked: Asked, name: str, value: str) -> None:
    attribute = BY_PATH.get(path_of(name))
    if attribute is None:
        asked.left_out.append(name)
    elif attribute.path in asked.keys:
        raise InvalidQuery(f"{name} is asked for twice")
    elif attribute.keyword == TIMEZONE:
        asked.timezone = value
    elif not attribute.members:
        asked.keys[attribute.path] = value
    elif value:
        raise InvalidQuery(f"{name} is a sequence: ask for {name}.{attribute.members[0]}")
    else:
        asked.include.append(attribute.path)


def _include(asked: Asked, name: str) -> None:
    if name == "all":
        asked.include += [attribute.path for attribute in ATTRIBUTES if attribute.level <= asked.level]
        return
    path = path_of(name)
    attribute = BY_PATH.get(path)
    if attribute is not None and attribute.level <= asked.level:
        asked.include.append(path)
    elif path not in MADE_BY_US:
        asked.left_out.append(name)


def path_of(name: str) -> str:
    """The dotted keywords of an attribute named by keywords or tags; "" for one that has no keyword.

    Raises InvalidQuery for what is no attribute.
    """
    keywords = [keyword_for_tag(int(step, 16)) if TAG.fullmatch(step) else step for step in name.split(".")]
    if any(keyword and tag_for_keyword(keyword) is None for keyword in keywords):
        raise InvalidQuery(f"{name!r} is no attribute")
    return ".".join(keywords) if all(keywords) else ""


def _set_limit(asked: Asked, name: str, value: str) -> None:
    asked.limit = _whole_number(name, value)


def _set_offset(asked: Asked, name: str, value: str) -> None:
    asked.offset = _whole_number(name, value)


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
    "fuzzymatching": _set_fuzzy,
    "emptyvaluematching": _set_empty,
    "multiplevaluematching": _set_multiple,
    "accept": _pass_over,
    "charset": _pass_over,
}
TAG = re.compile(r"[0-9A-Fa-f]{8}")


def _whole_number(name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise InvalidQuery(f"{name} is a whole number, not {value!r}")
    return int(value)


def _truth(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise InvalidQuery(f"{name} is true or false, not {value!r}")
    return value == "true"


def _search(request: Request, actor: Actor, level: Level, **path: str) -> Response:
    asked = asked_of(level, path, request.query_params.multi_items())
    chosen(request, [Offer(DICOM_JSON)])
    pacs = pacs_of(request)
    query = asked.query(pacs.settings.query_limit)
    answers = find(pacs, actor, query)
    encode = json_encoder(answers.attributes, retrieve_url=_retrieve_url(answers, f"{request.base_url}dicom-web"))
    rows = iter(answers)
    head = list(islice(rows, FIRST_PAGE))
    headers = _warnings(asked, _left_over(pacs, actor, asked, query, len(head)))
    if not head:
        return Response(status_code=204, headers=headers)
    first, *others = map(encode, head)
    pieces = chain((b"[", first), (b"," + one for one in others), (b"," + encode(row) for row in rows), (b"]",))
    return send(pieces, headers, DICOM_JSON)


def _left_over(pacs: Pacs, actor: Actor, asked: Asked, query: Query, begun: int) -> int:
    """How many answers are kept back because nobody is given so many at once. begun: how many there are at least."""
    most = query.limit or 0
    if asked.limit == most or begun < min(FIRST_PAGE, most):
        return 0
    return max(0, count(pacs, actor, query) - query.offset - most)


def _warnings(asked: Asked, left_over: int) -> dict[str, str]:
    """PS3.18 8.3.4.4, 10.6.3."""
    said = []
    if asked.left_out:
        said.append(f'299 filmless "not honoured: {", ".join(asked.left_out)}"')
    if left_over:
        said.append(f'299 filmless "There are {left_over} additional results that can be requested"')
    return {"warning": ", ".join(said)} if said else {}


def _retrieve_url(answers: Answers, base_url: str) -> Callable[[Row], str]:
    """Where what a row is of can be retrieved."""
    uids = {Level.STUDY: "studies", Level.SERIES: "series", Level.IMAGE: "instances"}
    places = {attribute.keyword: index for index, attribute in enumerate(answers.attributes)}
    steps = [(step, places[UNIQUE_KEY[level]]) for level, step in uids.items() if UNIQUE_KEY[level] in places]

    def url(row: Row) -> str:
        return base_url + "".join([f"/{step}/{row[place]}" for step, place in steps])

    return url
