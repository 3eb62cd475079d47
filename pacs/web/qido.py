"""QIDO-RS: search for studies, series and instances (PS3.18 10.6), and for patients; and how many there are."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from pacs.archive.find import FIRST_PAGE, count, find, place_of_number
from pacs.archive.further import being_filled, dictionary
from pacs.archive.included import included
from pacs.context import Actor, Pacs
from pacs.dicom.attributes import BY_PATH, UNIQUE_KEY, Attribute, Level
from pacs.dicom.dicomjson import Json, Row, json_encoder
from pacs.dicom.dicomxml import json_to_xml
from pacs.dicom.media import DICOM_JSON, DICOM_XML, Offer
from pacs.dicom.multipart import Part, content_type, new_boundary, write
from pacs.dicom.query import Query
from pacs.web.answers import chosen, origin_of, send
from pacs.web.auth import pacs_of, signed_in
from pacs.web.question import Asked, asked_of, cursor_of
from pacs.web.resource import resource

MOST_HEADERS = 200
"""Instances whose headers are read for one page."""
OFFERS = (Offer(DICOM_JSON), Offer(DICOM_XML, is_multipart=True))
router = APIRouter(prefix="/dicom-web", tags=["QIDO-RS"])
counts = APIRouter(prefix="/dicom-web", tags=["QIDO-RS"])
"""They stand before what takes any word for the UID of a study."""


@resource(router, "/studies")
@signed_in
def search_studies(request: Request, actor: Actor) -> Response:
    """Search for studies.

    Parameters: attributes by keyword or tag, includefield, fuzzymatching, emptyvaluematching, multiplevaluematching,
    limit, offset, cursor. TimezoneOffsetFromUTC says by which clock dates and times are meant.
    """
    return _search(request, actor, Level.STUDY)


@resource(router, "/patients")
@signed_in
def search_patients(request: Request, actor: Actor) -> Response:
    """Search for patients: no resource of the standard, and asked for as the others are."""
    return _search(request, actor, Level.PATIENT)


@resource(router, "/series")
@signed_in
def search_series(request: Request, actor: Actor) -> Response:
    """Search for series of all studies."""
    return _search(request, actor, Level.SERIES)


@resource(router, "/studies/{study}/series")
@signed_in
def search_series_of_study(request: Request, actor: Actor, study: str) -> Response:
    """Search for series of a study."""
    return _search(request, actor, Level.SERIES, StudyInstanceUID=study)


@resource(router, "/instances")
@signed_in
def search_instances(request: Request, actor: Actor) -> Response:
    """Search for instances of all studies."""
    return _search(request, actor, Level.IMAGE)


@resource(router, "/studies/{study}/instances")
@signed_in
def search_instances_of_study(request: Request, actor: Actor, study: str) -> Response:
    """Search for instances of a study."""
    return _search(request, actor, Level.IMAGE, StudyInstanceUID=study)


@resource(router, "/studies/{study}/series/{series}/instances")
@signed_in
def search_instances_of_series(request: Request, actor: Actor, study: str, series: str) -> Response:
    """Search for instances of a series."""
    return _search(request, actor, Level.IMAGE, StudyInstanceUID=study, SeriesInstanceUID=series)


@resource(counts, "/studies/count")
@signed_in
def count_studies(request: Request, actor: Actor) -> Response:
    """How many studies a search for them finds: `{"count": 3}`."""
    return _count(request, actor, Level.STUDY)


@resource(counts, "/patients/count")
@signed_in
def count_patients(request: Request, actor: Actor) -> Response:
    """How many patients a search for them finds."""
    return _count(request, actor, Level.PATIENT)


@resource(counts, "/series/count")
@signed_in
def count_series(request: Request, actor: Actor) -> Response:
    """How many series a search for them finds."""
    return _count(request, actor, Level.SERIES)


@resource(counts, "/instances/count")
@signed_in
def count_instances(request: Request, actor: Actor) -> Response:
    """How many instances a search for them finds."""
    return _count(request, actor, Level.IMAGE)


@dataclass(frozen=True, slots=True)
class _Page:
    """Some of the answers to a search."""

    attributes: Sequence[Attribute]
    head: Sequence[Row]
    rows: Iterator[Row]
    """Those that come behind the head, fetched while they are sent."""
    place: Sequence[str | int | None]
    """Of the last one, where there are more behind it; else ()."""
    left_over: int
    """How many there are behind it, where we keep them back and not he who asks; 0: nobody has counted."""


def _search(request: Request, actor: Actor, level: Level, **path: str) -> Response:
    pacs = pacs_of(request)
    asked = asked_of(dictionary(pacs), level, path, request.query_params.multi_items())
    offer = chosen(request, OFFERS)
    query = asked.query()
    page = _page(pacs, actor, asked, query)
    others = _out_of_headers(pacs, actor, asked, page)
    headers = _headers(request, pacs, asked, query, page)
    if not page.head:
        return Response(status_code=204, headers=headers)
    attributes, creators = asked.placed(page.attributes)
    url = _retrieve_url(attributes, f"{origin_of(request)}/dicom-web") if level > Level.PATIENT else None
    encode = json_encoder(attributes, retrieve_url=url, creators=creators)
    bodies = (encode(row) for row in chain(page.head, page.rows))
    if others:
        place = [attribute.keyword for attribute in attributes].index(UNIQUE_KEY[level])
        uids = (str(row[place]) for row in page.head)
        bodies = (_with(body, others.get(uid, {})) for uid, body in zip(uids, bodies, strict=True))
    if offer.is_multipart:
        boundary = new_boundary()
        parts = (Part(DICOM_XML, [json_to_xml(json.loads(body))]) for body in bodies)
        return send(write(parts, boundary), headers, content_type(DICOM_XML, boundary))
    pieces = chain((b"[", next(bodies)), (b"," + body for body in bodies), (b"]",))
    return send(pieces, headers, DICOM_JSON)


def _out_of_headers(pacs: Pacs, actor: Actor, asked: Asked, page: _Page) -> dict[str, Json]:
    """What is asked for besides and is not indexed, by SOP Instance UID; of a long page it is not done."""
    if not asked.unindexed:
        return {}
    if len(page.head) > MOST_HEADERS or "retrieve" not in actor.permissions:
        asked.left_out += asked.unindexed
        return {}
    tags = {path[0][0] for path in asked.unindexed.values()}
    shared = [one for one in page.attributes if one.members and one.tag in tags]
    # A sequence of which some is indexed is read whole from the header, so that its items stay together.
    indexed = [((one.tag, ""), (BY_PATH[f"{one.path}.{its}"].tag, "")) for one in shared for its in one.members]
    place = [attribute.keyword for attribute in page.attributes].index(UNIQUE_KEY[Level.IMAGE])
    uids = [str(row[place]) for row in page.head]
    return included(pacs, actor, uids, [*asked.unindexed.values(), *indexed]) if uids else {}


def _with(body: bytes, others: Json) -> bytes:
    """An answer with more attributes, in the order of their tags."""
    whole = dict(sorted((json.loads(body) | others).items()))
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def _count(request: Request, actor: Actor, level: Level) -> Response:
    pacs = pacs_of(request)
    asked = asked_of(dictionary(pacs), level, {}, request.query_params.multi_items())
    query = asked.query()
    warnings = _warnings(pacs, asked, query)
    return JSONResponse({"count": count(pacs, actor, query)}, headers=warnings)


def _page(pacs: Pacs, actor: Actor, asked: Asked, query: Query) -> _Page:
    """The answers that are given at once. One more is asked for: so it is known whether there are more."""
    most = pacs.settings.query_limit
    limit = most if asked.limit is None else min(asked.limit, most)
    answers = find(pacs, actor, replace(query, limit=limit + 1))
    rows = iter(answers)
    head = list(islice(rows, min(limit, FIRST_PAGE)))
    place: Sequence[str | int | None] = ()
    if limit > FIRST_PAGE and len(head) == FIRST_PAGE:
        place = place_of_number(pacs, actor, query, limit)
    elif 0 < limit == len(head):
        last = answers.place
        place = last if next(rows, None) is not None else ()
    left_over = count(pacs, actor, query) - query.offset - limit if place and asked.limit != limit else 0
    return _Page(answers.attributes, head, islice(rows, limit - len(head)), place, left_over)


def _headers(request: Request, pacs: Pacs, asked: Asked, query: Query, page: _Page) -> dict[str, str]:
    headers = _warnings(pacs, asked, query, page)
    if page.place:
        url = request.url.remove_query_params(["offset", "cursor"])
        url = url.include_query_params(cursor=cursor_of(page.place, asked.digest))
        headers["link"] = f'<{url}>; rel="next"'
    return headers


def _warnings(pacs: Pacs, asked: Asked, query: Query, page: _Page | None = None) -> dict[str, str]:
    """PS3.18 8.3.4.4, 10.6.3. To count what is left costs more than a page, and is done where we keep it back."""
    said = []
    if asked.left_out:
        said.append(f"not honoured: {', '.join(asked.left_out)}")
    for one in being_filled(pacs, query):
        said.append(f"{one.keyword} is still being filled ({one.read} of {one.total} instances)")
    if page is not None and page.place:
        number = f"{page.left_over} " if page.left_over > 0 else ""
        said.append(f"There are {number}additional results that can be requested")
    return {"warning": ", ".join(f'299 filmless "{text}"' for text in said)} if said else {}


def _retrieve_url(attributes: Sequence[Attribute], base_url: str) -> Callable[[Row], str]:
    """Where what a row is of can be retrieved."""
    uids = {Level.STUDY: "studies", Level.SERIES: "series", Level.IMAGE: "instances"}
    places = {attribute.keyword: index for index, attribute in enumerate(attributes)}
    steps = [(step, places[UNIQUE_KEY[level]]) for level, step in uids.items() if UNIQUE_KEY[level] in places]

    def url(row: Row) -> str:
        return base_url + "".join([f"/{step}/{row[place]}" for step, place in steps])

    return url
