"""Pictures and readable documents: rendered and thumbnail resources (PS3.18 8.7.4, 10.4.1.1.3, 10.4.1.1.5)."""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

import structlog
from fastapi import APIRouter, Request, Response

from pacs.archive.rendering import (
    Appearance,
    Kind,
    Source,
    encapsulated_document,
    icon_of,
    kind_of,
    presented,
    report,
    representative,
    thumbnail,
)
from pacs.archive.retrieve import InstanceRef, instances
from pacs.context import Actor, Pacs
from pacs.dicom.document import STYLE, TextFormat
from pacs.dicom.media import DICOM, Offer, parse_media_type
from pacs.dicom.multipart import Part, content_type, new_boundary, write
from pacs.dicom.render import ImageFormat
from pacs.errors import InvalidQuery, NotAcceptable, NotFound, Undecodable
from pacs.web.answers import ASK_EVERY_TIME, chosen, etag_of, is_known, not_modified, send, wanted
from pacs.web.appearance import appearance_of, of_format, thumbnail_viewport_of, unsupported_annotations
from pacs.web.auth import pacs_of, signed_in
from pacs.web.wado import FRAMES, INSTANCE, SERIES, STUDY, frame_numbers

log = structlog.get_logger(__name__)

JPEG: Literal["image/jpeg"] = "image/jpeg"
GIF = "image/gif"
FORMATS: Mapping[str, ImageFormat] = {
    JPEG: JPEG,
    "image/png": "image/png",
    GIF: "image/gif",
    "image/jp2": "image/jp2",
    "image/jxl": "image/jxl",
}
TEXTS: Mapping[str, TextFormat] = {"text/html": "text/html", "text/plain": "text/plain", "text/xml": "text/xml"}
MEDIA_TYPES: Mapping[Kind, Sequence[str]] = {
    "image": tuple(FORMATS),
    "film": tuple(FORMATS),
    "report": tuple(TEXTS),
    "pdf": ("application/pdf",),
    "cda": ("text/xml",),
    "state": (),  # among others; alone it is given as its images
    "other": (),
}
"""What each kind of instance is given as, the default first."""
RENDERED_TYPES = frozenset(name for names in MEDIA_TYPES.values() for name in names)

_STYLE = b64encode(sha256(STYLE.encode()).digest()).decode()
REPORT_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE}'; base-uri 'none'; frame-ancestors 'self'"
"""A report's page has a style of its own, and nothing else."""
FOREIGN_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
"""A document that somebody else wrote runs nothing under our name."""
CHARSET = "; charset=utf-8"

router = APIRouter(prefix="/dicom-web", tags=["WADO-RS"])
Endpoint = Callable[..., Response]


def _resource(path: str) -> Callable[[Endpoint], Endpoint]:
    """Answers GET, and HEAD with what GET would say."""

    def register(endpoint: Endpoint) -> Endpoint:
        router.add_api_route(path, endpoint, methods=["GET"])
        router.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False)
        return endpoint

    return register


@_resource(STUDY + "/rendered")
@signed_in
def retrieve_rendered_study(request: Request, actor: Actor, study: str) -> Response:
    """Pictures and texts of all instances. Parameters: window, viewport, quality, annotation, iccprofile."""
    return give_rendered(request, instances(pacs_of(request), actor, study))


@_resource(SERIES + "/rendered")
@signed_in
def retrieve_rendered_series(request: Request, actor: Actor, study: str, series: str) -> Response:
    """Pictures and texts of all instances of a series."""
    return give_rendered(request, instances(pacs_of(request), actor, study, series))


@_resource(INSTANCE + "/rendered")
@signed_in
def retrieve_rendered_instance(request: Request, actor: Actor, study: str, series: str, instance: str) -> Response:
    """A picture of the instance, or a text.

    Of several frames: the first, or all of them as an animated GIF or as parts of multipart/related. Of a presentation
    state: its images as it says.
    """
    (ref,) = refs = instances(pacs_of(request), actor, study, series, instance)
    return _give_presented(request, actor, ref) if kind_of(ref) == "state" else give_rendered(request, refs)


@_resource(FRAMES + "/rendered")
@signed_in
def retrieve_rendered_frames(
    request: Request, actor: Actor, study: str, series: str, instance: str, numbers: str
) -> Response:
    """A picture of each of these frames."""
    frames = frame_numbers(numbers)
    return give_rendered(request, instances(pacs_of(request), actor, study, series, instance), frames)


@_resource(STUDY + "/thumbnail")
@signed_in
def retrieve_study_thumbnail(request: Request, actor: Actor, study: str) -> Response:
    """A small JPEG that stands for the study: of an image, else an icon. Parameter: viewport."""
    return _thumbnail_of(request, instances(pacs_of(request), actor, study))


@_resource(SERIES + "/thumbnail")
@signed_in
def retrieve_series_thumbnail(request: Request, actor: Actor, study: str, series: str) -> Response:
    """A small JPEG that stands for the series."""
    return _thumbnail_of(request, instances(pacs_of(request), actor, study, series))


@_resource(INSTANCE + "/thumbnail")
@signed_in
def retrieve_instance_thumbnail(request: Request, actor: Actor, study: str, series: str, instance: str) -> Response:
    """A small JPEG of the instance: of its middle frame."""
    return _thumbnail_of(request, instances(pacs_of(request), actor, study, series, instance))


@_resource(FRAMES + "/thumbnail")
@signed_in
def retrieve_frame_thumbnail(
    request: Request, actor: Actor, study: str, series: str, instance: str, numbers: str
) -> Response:
    """A small JPEG of the first of these frames."""
    (ref,) = instances(pacs_of(request), actor, study, series, instance)
    return give_thumbnail(request, ref, frame_numbers(numbers)[0])


def give_thumbnail(request: Request, ref: InstanceRef, frame: int | None = None) -> Response:
    """No patient is named in it. Raises InvalidQuery, NotAcceptable, NotFound, Undecodable."""
    chosen(request, [Offer(JPEG)])
    viewport = thumbnail_viewport_of(request.query_params.get("viewport"))
    headers = {"etag": etag_of(ref.object_key, frame, viewport), "cache-control": ASK_EVERY_TIME}
    if is_known(request, headers["etag"]):
        return not_modified(headers)
    size = {"viewport": viewport} if viewport else {}
    if kind_of(ref) not in ("image", "film"):
        return Response(icon_of(ref, **size), headers=headers, media_type=JPEG)
    return Response(thumbnail(pacs_of(request), ref, frame, **size), headers=headers, media_type=JPEG)


def _thumbnail_of(request: Request, refs: list[InstanceRef]) -> Response:
    try:
        ref = representative(refs)
    except NotFound:
        ref = refs[0]
    return give_thumbnail(request, ref)


@dataclass(frozen=True, slots=True)
class _Piece:
    """One representation: of an instance, or of one of its frames."""

    ref: InstanceRef
    media_type: str
    frame: int | None
    """None: of the instance as a whole."""
    presented: Source | None = None
    """Under which presentation state."""

    @property
    def version(self) -> str:
        return self.ref.version if self.presented is None else self.presented.version

    @property
    def location(self) -> str:
        if self.presented is not None and self.presented.state is not None:
            state = self.presented.state.ref
            return _location_of(state.study_instance_uid, state.series_instance_uid, state.sop_instance_uid)
        ref = self.ref
        instance = f"{ref.study_instance_uid}/series/{ref.series_instance_uid}/instances/{ref.sop_instance_uid}"
        frame = "" if self.frame is None else f"/frames/{self.frame}"
        return f"/dicom-web/studies/{instance}{frame}/rendered"


def give_rendered(request: Request, refs: Sequence[InstanceRef], frames: Sequence[int] | None = None) -> Response:
    """What can be made of the instances and is accepted. frames: of the only instance, counted from 1; None: all.

    Status 206 where an instance is left out. Raises InvalidQuery, NotAcceptable, NotFound, Undecodable.
    """
    _refuse_mixture(request)
    appearance = appearance_of(request.query_params)
    possible = [ref for ref in refs if MEDIA_TYPES[kind_of(ref)]]
    if frames is not None and kind_of(refs[0]) == "state":
        raise InvalidQuery("a presentation state has no frames of its own")
    if frames is not None and max(frames) > refs[0].number_of_frames:
        raise NotFound(f"the instance has {refs[0].number_of_frames} frames")
    if len(possible) == 1:
        offer = _offer_of_one(request, possible[0], frames)
        pieces = _pieces(possible[0], offer, frames)
    else:
        offer = Offer("", is_multipart=True)
        pieces = [piece for ref in possible for piece in _pieces_among_others(request, ref)]
    if not pieces:
        raise NotAcceptable("nothing that is accepted can be made of this")
    answer = _answer(request, pieces, appearance, is_multipart=offer.is_multipart)
    if answer.status_code == 200 and len({piece.ref.pk for piece in pieces}) < len(refs):
        answer.status_code = 206  # PS3.18 10.4.3.1: some of the instances are not in it
    return answer


def _give_presented(request: Request, actor: Actor, ref: InstanceRef) -> Response:
    """PS3.18 8.3.5.1: what a state says itself is no parameter."""
    _refuse_mixture(request)
    appearance = appearance_of(request.query_params)
    thumbnail_viewport_of(request.query_params.get("viewport"))
    if appearance.window is not None:
        raise InvalidQuery("window: a presentation state has its own")
    found = presented(pacs_of(request), actor, ref)
    kinds = (False, True) if len(found) == 1 else (True,)
    offer = chosen(request, [Offer(name, is_multipart=is_multipart) for is_multipart in kinds for name in FORMATS])
    pieces = [_Piece(source.ref, offer.media_type, frame, source) for source, frame in found]
    return _answer(request, pieces, appearance, is_multipart=offer.is_multipart)


def _refuse_mixture(request: Request) -> None:
    """PS3.18 8.7.5: media types of DICOM or rendered ones, not both."""
    found = [parse_media_type(one) for one in wanted(request).split(",")]
    names = {one.parameters.get("type", one.name) for one in found if one is not None}
    if names & RENDERED_TYPES and any(name.startswith(DICOM) for name in names):
        raise InvalidQuery("Accept mixes media types of DICOM with rendered ones")


def _offer_of_one(request: Request, ref: InstanceRef, frames: Sequence[int] | None) -> Offer:
    kinds = (True,) if frames is not None and len(frames) > 1 else (False, True)
    return chosen(
        request,
        [Offer(name, is_multipart=is_multipart) for is_multipart in kinds for name in MEDIA_TYPES[kind_of(ref)]],
    )


def _pieces(ref: InstanceRef, offer: Offer, frames: Sequence[int] | None) -> list[_Piece]:
    if offer.media_type not in FORMATS:
        return [_Piece(ref, offer.media_type, None)]
    if frames is not None:
        return [_Piece(ref, offer.media_type, frame) for frame in frames]
    if offer.is_multipart:
        return [_Piece(ref, offer.media_type, frame) for frame in range(1, ref.number_of_frames + 1)]
    is_film = kind_of(ref) == "film" and offer.media_type == GIF
    return [_Piece(ref, offer.media_type, None if is_film else 1)]


def _pieces_among_others(request: Request, ref: InstanceRef) -> list[_Piece]:
    """None where what can be made of an instance is not accepted."""
    try:
        offer = chosen(request, [Offer(name, is_multipart=True) for name in MEDIA_TYPES[kind_of(ref)]])
    except NotAcceptable:
        return []
    return _pieces(ref, offer, None)


def _answer(request: Request, pieces: Sequence[_Piece], appearance: Appearance, *, is_multipart: bool) -> Response:
    for media_type in {piece.media_type for piece in pieces} & FORMATS.keys():
        of_format(appearance, FORMATS[media_type])  # what cannot be done is told before anything is made
    headers = _headers(request, pieces, appearance, is_multipart)
    if is_known(request, headers["etag"]):
        return not_modified(headers)
    if is_multipart:
        boundary = new_boundary()
        parts = _parts(pacs_of(request), pieces, appearance)
        return send(write(parts, boundary), headers, content_type(pieces[0].media_type, boundary))
    (piece,) = pieces
    body = _made(piece.presented or Source(pacs_of(request), piece.ref), piece, appearance)
    return Response(body, headers={**headers, **_policy(piece)}, media_type=_typed(piece))


def _headers(request: Request, pieces: Sequence[_Piece], appearance: Appearance, is_multipart: bool) -> dict[str, str]:
    versions = [(piece.version, piece.frame, piece.media_type) for piece in pieces]
    headers = {"etag": etag_of(pieces[0].ref.object_key, versions, appearance, is_multipart), "vary": "accept"}
    headers["cache-control"] = ASK_EVERY_TIME
    if passed_over := unsupported_annotations(request.query_params):
        headers["warning"] = (
            f'299 filmless "The following annotation values are not supported: {", ".join(passed_over)}"'
        )
    return headers


def _parts(pacs: Pacs, pieces: Sequence[_Piece], appearance: Appearance) -> Iterator[Part]:
    """What is damaged is left out of the others. Raises Undecodable when nothing is left."""
    source, count, damage = Source(pacs, pieces[0].ref), 0, None
    for piece in pieces:
        if piece.presented is not None:
            source = piece.presented
        elif piece.ref is not source.ref:
            source = Source(pacs, piece.ref)
        try:
            body = _made(source, piece, appearance)
        except (Undecodable, NotFound) as error:
            log.warning("left out of pictures", sop_instance_uid=piece.ref.sop_instance_uid, frame=piece.frame)
            damage = error
            continue
        count += 1
        yield Part(_typed(piece), (body,), len(body), piece.location)
    if not count and damage is not None:
        raise damage


def _made(source: Source, piece: _Piece, appearance: Appearance) -> bytes:
    if piece.media_type in FORMATS and kind_of(piece.ref) in ("image", "film"):
        wanted_so = of_format(appearance, FORMATS[piece.media_type])
        return source.film(wanted_so) if piece.frame is None else source.rendered(piece.frame, wanted_so)
    if kind_of(piece.ref) == "report":
        return report(source.pacs, piece.ref, TEXTS[piece.media_type], _location_of)
    return encapsulated_document(source.pacs, piece.ref)


def _location_of(study: str, series: str, instance: str) -> str:
    return f"/dicom-web/studies/{study}/series/{series}/instances/{instance}/rendered"


def _typed(piece: _Piece) -> str:
    return piece.media_type + CHARSET if kind_of(piece.ref) == "report" else piece.media_type


def _policy(piece: _Piece) -> dict[str, str]:
    match kind_of(piece.ref):
        case "report":
            return {"content-security-policy": REPORT_POLICY}
        case "cda":
            return {"content-security-policy": FOREIGN_POLICY}
        case _:
            return {}
