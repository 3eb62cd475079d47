"""What others wrote, for the viewer: lists, contents, masks, documents and videos (our own API)."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from pacs.archive import shown
from pacs.archive.metadata import as_json
from pacs.archive.shown import Content
from pacs.context import Actor
from pacs.dicom.media import OCTET_STREAM
from pacs.errors import NotFound
from pacs.web.answers import ASK_EVERY_TIME, etag_of, is_known, not_modified, send_gzipped, send_json
from pacs.web.auth import pacs_of, signed_in
from pacs.web.ranges import send_cut
from pacs.web.rendered import FOREIGN_POLICY
from pacs.web.resource import resource

JSON = "application/json"
OBJECT = "/studies/{study}/objects/{sop}"
SHOWN_IN_PLACE = frozenset(("application/pdf",))
"""Documents that a browser shows under a policy of their own; the others are for another program."""
PDF_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'self'"
"""Of a document that somebody else wrote, shown in a frame: it is of no origin, and runs nothing."""

router = APIRouter(prefix="/api", tags=["viewer"])


@router.get("/studies/{study}/objects")
@signed_in
def list_objects(request: Request, actor: Actor, study: str) -> Response:
    """What a study holds besides images: reports, presentation states, key objects, segmentations and their like."""
    return send_json(request, as_json(shown.objects_of(pacs_of(request), actor, study)), {}, JSON)


@router.get(OBJECT)
@signed_in
def tell_object(request: Request, actor: Actor, study: str, sop: str) -> Response:
    """What an object says, by its kind."""
    return _give(request, shown.content_of(pacs_of(request), actor, study, sop))


@router.get(OBJECT + "/on/{series}")
@signed_in
def tell_places(
    request: Request,
    actor: Actor,
    study: str,
    sop: str,
    series: str,
    of_study: Annotated[str, Query(alias="study", max_length=64)] = "",
) -> Response:
    """Where an object lies on the frames of a series, by their indices. `study`: of the series, if it is another."""
    return _give(request, shown.placed_on(pacs_of(request), actor, study, sop, of_study or study, series))


@router.get(OBJECT + "/frames/{frame}")
@signed_in
def give_segment_frame(request: Request, actor: Actor, study: str, sop: str, frame: str) -> Response:
    """A frame of a segmentation: single bits packed from the lowest of a byte, bytes or words, row by row."""
    data, version = shown.segment_frame(pacs_of(request), actor, study, sop, _number(frame))
    headers = {"etag": etag_of(version, frame), "cache-control": ASK_EVERY_TIME}
    if is_known(request, headers["etag"]):
        return not_modified(headers)
    return send_json(request, data, headers, OCTET_STREAM)


@router.get(OBJECT + "/overlays/{frame}")
@signed_in
def tell_overlays(request: Request, actor: Actor, study: str, sop: str, frame: str) -> Response:
    """The overlay planes over a frame of an image."""
    return _give(request, shown.overlays(pacs_of(request), actor, study, sop, _number(frame)))


@resource(router, OBJECT + "/document")
@signed_in
def give_document(request: Request, actor: Actor, study: str, sop: str) -> Response:
    """The document that an object holds, under a policy that lets it do nothing."""
    data, media_type, version = shown.document(pacs_of(request), actor, study, sop)
    is_shown = media_type in SHOWN_IN_PLACE
    name = f"{sop}{EXTENSIONS.get(media_type, '')}"
    headers = {
        "etag": etag_of(version),
        "cache-control": ASK_EVERY_TIME,
        "content-security-policy": PDF_POLICY if is_shown else FOREIGN_POLICY,
        "content-disposition": f'{"inline" if is_shown else "attachment"}; filename="{name}"',
    }
    if is_known(request, headers["etag"]):
        return not_modified(headers)
    return send_cut(request, len(data), lambda start, stop: iter((data[start:stop],)), headers, media_type)


EXTENSIONS = {"application/pdf": ".pdf", "text/xml": ".xml", "model/stl": ".stl", "model/obj": ".obj"}


@resource(router, OBJECT + "/video")
@signed_in
def give_video(request: Request, actor: Actor, study: str, sop: str) -> Response:
    """The video that an object holds, as it is kept, from anywhere: a browser asks for the part that it shows."""
    found = shown.video(pacs_of(request), actor, study, sop)
    headers = {"etag": etag_of(found.version, "video"), "cache-control": ASK_EVERY_TIME}
    if is_known(request, headers["etag"]):
        return not_modified(headers)
    return send_cut(request, found.size, found.pieces, headers, found.media_type)


def _give(request: Request, content: Content) -> Response:
    headers = {"etag": f'"{content.version}"', "cache-control": ASK_EVERY_TIME}
    if is_known(request, headers["etag"]):
        return not_modified(headers)
    return send_gzipped(request, content.packed, headers, JSON)


def _number(frame: str) -> int:
    """Raises NotFound."""
    if not (frame.isascii() and frame.isdecimal() and len(frame) < 10):
        raise NotFound("frames are numbered from 1")
    return int(frame)
