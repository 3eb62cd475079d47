"""Our own REST API: what the viewer asks, in as few and as small answers as it can be."""

import re
import struct
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from pacs.archive import listing, metadata
from pacs.archive.passes import frames_in_passes
from pacs.archive.retrieve import instances, representative, viewer_frames
from pacs.context import Actor
from pacs.dicom.attributes import BY_PATH
from pacs.dicom.media import OCTET_STREAM
from pacs.dicom.query import AnyOf, Match, parse_match
from pacs.errors import InvalidQuery
from pacs.web.answers import FOR_THIS_SESSION, send, send_gzipped
from pacs.web.auth import pacs_of, signed_in
from pacs.web.rendered import give_thumbnail
from pacs.workflow.hanging import hung_study

JSON = "application/json"
MOST_STUDIES = 500
"""Rows of one page of the list."""
MOST_FRAMES = 10_000
"""Frames in one request."""

router = APIRouter(prefix="/api", tags=["viewer"])


@router.get("/studies")
@signed_in
def list_studies(
    request: Request,
    actor: Actor,
    q: Annotated[str, Query(max_length=200)] = "",
    modality: Annotated[str, Query(max_length=200)] = "",
    first_day: Annotated[str, Query(alias="from", max_length=8)] = "",
    last_day: Annotated[str, Query(alias="to", max_length=8)] = "",
    offset: Annotated[int, Query(ge=0, le=1 << 31)] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_STUDIES)] = 100,
) -> Response:
    """The study list, newest first: `q` is what was typed, `from` and `to` are days as YYYYMMDD."""
    filters: dict[str, Match] = {}
    if modality:
        filters["ModalitiesInStudy"] = AnyOf(tuple(modality.split(",")))
    if first_day or last_day:
        filters["StudyDate"] = parse_match(BY_PATH["StudyDate"], [f"{first_day}-{last_day}"])
    return JSONResponse(asdict(listing.search_studies(pacs_of(request), actor, q, filters, offset, limit)))


@router.get("/studies/{study}")
@signed_in
def tell_study(request: Request, actor: Actor, study: str) -> Response:
    """A study, its series, how it hangs, and the earlier studies of its patient."""
    return JSONResponse(hung_study(pacs_of(request), actor, study))


@router.get("/studies/{study}/series/{series}")
@signed_in
def tell_series(request: Request, actor: Actor, study: str, series: str) -> Response:
    """What a viewer must know of a series before its frames come."""
    return send_gzipped(request, metadata.series_document_gzip(pacs_of(request), actor, study, series), {}, JSON)


@router.get("/studies/{study}/series/{series}/frames")
@signed_in
def give_frames(
    request: Request,
    actor: Actor,
    study: str,
    series: str,
    order: Annotated[str, Query(max_length=100_000)] = "",
    revision: int | None = None,
    begin: Annotated[int | None, Query(alias="from", ge=0, le=32)] = None,
    end: Annotated[int | None, Query(alias="to", ge=0, le=32)] = None,
) -> Response:
    """Frames of a series in the order asked for, each as `[u32 index][u32 length][bytes]`, little endian.

    Indices are those of the series' document, which also tells how each frame is encoded; revision is the document's.
    `from` and `to` ask for resolutions, as `resolution_ends` counts them from 0, without the one of `to`: frames in
    HTJ2K. Without either the frames come as they would if there were no HTJ2K.
    """
    pacs = pacs_of(request)
    if begin is None and end is None:
        found = viewer_frames(pacs, actor, study, series, _indices(order), revision)
    else:
        found = frames_in_passes(pacs, actor, study, series, _indices(order), revision, begin or 0, end)
    headers = {} if revision is None else {"cache-control": FOR_THIS_SESSION}
    return send(_framed(found), headers, OCTET_STREAM)


@router.get("/studies/{study}/series/{series}/thumbnail")
@signed_in
def give_series_thumbnail(request: Request, actor: Actor, study: str, series: str) -> Response:
    """A JPEG of at most 128 pixels a side."""
    return give_thumbnail(request, representative(instances(pacs_of(request), actor, study, series)))


def _indices(order: str) -> list[int]:
    if not re.fullmatch(r"[0-9]{1,9}(,[0-9]{1,9})*", order) or order.count(",") >= MOST_FRAMES:
        raise InvalidQuery("order is a list of frame indices, joined by commas")
    return [int(index) for index in order.split(",")]


def _framed(frames: Iterator[tuple[int, bytes]]) -> Iterator[bytes]:
    for index, data in frames:
        yield struct.pack("<II", index, len(data))
        yield data
