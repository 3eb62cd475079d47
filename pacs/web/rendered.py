"""Pictures of instances and frames: rendered and thumbnail resources (PS3.18 8.3.5, 10.4.1.1.3, 10.4.1.1.5)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from fastapi import APIRouter, Request, Response

from pacs.archive.retrieve import Appearance, InstanceRef, instances, rendered, representative, thumbnail
from pacs.context import Actor, Pacs
from pacs.dicom.media import Offer
from pacs.dicom.multipart import Part, content_type, new_boundary, write
from pacs.dicom.presentation import VoiFunction, Window
from pacs.dicom.render import ImageFormat, Viewport
from pacs.errors import InvalidQuery, NotFound
from pacs.web.answers import ASK_EVERY_TIME, chosen, etag_of, is_known, not_modified, send
from pacs.web.auth import pacs_of, signed_in
from pacs.web.wado import FRAMES, INSTANCE, SERIES, STUDY, frame_numbers

JPEG: Literal["image/jpeg"] = "image/jpeg"
FORMATS: Mapping[str, ImageFormat] = {JPEG: JPEG, "image/png": "image/png"}
VOI_FUNCTIONS: Mapping[str, VoiFunction] = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
NOT_DONE = ("annotation", "iccprofile")
"""Parameters that are passed over, with a Warning."""
LARGEST_SIDE = 8192
"""Pixels of a picture that is asked for."""
NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")

Picture = tuple[InstanceRef, int]
"""A frame of an instance."""

router = APIRouter(prefix="/dicom-web", tags=["WADO-RS"])


@router.get(STUDY + "/rendered")
@signed_in
def retrieve_rendered_study(request: Request, actor: Actor, study: str) -> Response:
    """A picture of each instance that has any. Parameters: window, viewport, quality."""
    return _give_pictures(request, _first_frames(instances(pacs_of(request), actor, study)))


@router.get(SERIES + "/rendered")
@signed_in
def retrieve_rendered_series(request: Request, actor: Actor, study: str, series: str) -> Response:
    """A picture of each instance that has any."""
    return _give_pictures(request, _first_frames(instances(pacs_of(request), actor, study, series)))


@router.get(INSTANCE + "/rendered")
@signed_in
def retrieve_rendered_instance(request: Request, actor: Actor, study: str, series: str, instance: str) -> Response:
    """A picture of the instance: of its first frame."""
    return _give_pictures(request, _first_frames(instances(pacs_of(request), actor, study, series, instance)))


@router.get(FRAMES + "/rendered")
@signed_in
def retrieve_rendered_frames(
    request: Request, actor: Actor, study: str, series: str, instance: str, numbers: str
) -> Response:
    """A picture of each of these frames."""
    (ref,) = instances(pacs_of(request), actor, study, series, instance)
    return _give_pictures(request, [(ref, number) for number in frame_numbers(numbers)])


@router.get(STUDY + "/thumbnail")
@signed_in
def retrieve_study_thumbnail(request: Request, actor: Actor, study: str) -> Response:
    """A small JPEG that stands for the study."""
    return give_thumbnail(request, representative(instances(pacs_of(request), actor, study)))


@router.get(SERIES + "/thumbnail")
@signed_in
def retrieve_series_thumbnail(request: Request, actor: Actor, study: str, series: str) -> Response:
    """A small JPEG that stands for the series."""
    return give_thumbnail(request, representative(instances(pacs_of(request), actor, study, series)))


@router.get(INSTANCE + "/thumbnail")
@signed_in
def retrieve_instance_thumbnail(request: Request, actor: Actor, study: str, series: str, instance: str) -> Response:
    """A small JPEG of the instance: of its middle frame."""
    return give_thumbnail(request, representative(instances(pacs_of(request), actor, study, series, instance)))


@router.get(FRAMES + "/thumbnail")
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
    viewport = _viewport(request.query_params.get("viewport"))
    headers = {"etag": etag_of(ref.object_key, frame, viewport), "cache-control": ASK_EVERY_TIME}
    if is_known(request, headers["etag"]):
        return not_modified(headers)
    pacs = pacs_of(request)
    picture = thumbnail(pacs, ref, frame, viewport) if viewport else thumbnail(pacs, ref, frame)
    return Response(picture, headers=headers, media_type=JPEG)


def _give_pictures(request: Request, pictures: Sequence[Picture]) -> Response:
    kinds = (False, True) if len(pictures) == 1 else (True,)
    offer = chosen(request, [Offer(name, is_multipart=is_multipart) for is_multipart in kinds for name in FORMATS])
    appearance = appearance_of(request.query_params, FORMATS[offer.media_type])
    headers = _headers(request, pictures, offer, appearance)
    if is_known(request, headers["etag"]):
        return not_modified(headers)
    made = _made(pacs_of(request), pictures, appearance)
    if not offer.is_multipart:
        return send(made, headers, offer.media_type)
    boundary = new_boundary()
    parts = (Part(offer.media_type, (picture,), len(picture)) for picture in made)
    return send(write(parts, boundary), headers, content_type(offer.media_type, boundary))


def _headers(request: Request, pictures: Sequence[Picture], offer: Offer, appearance: Appearance) -> dict[str, str]:
    versions = [(ref.object_key, number) for ref, number in pictures]
    headers = {"etag": etag_of(versions[0][0], versions, offer, appearance), "vary": "accept"}
    headers["cache-control"] = ASK_EVERY_TIME
    if passed_over := [name for name in NOT_DONE if name in request.query_params]:
        headers["warning"] = f'299 filmless "not honoured: {", ".join(passed_over)}"'
    return headers


def _made(pacs: Pacs, pictures: Sequence[Picture], appearance: Appearance) -> Iterator[bytes]:
    return (rendered(pacs, ref, number, appearance) for ref, number in pictures)


def _first_frames(refs: Sequence[InstanceRef]) -> list[Picture]:
    """Raises NotFound when none has frames."""
    pictures = [(ref, 1) for ref in refs if ref.number_of_frames]
    if not pictures:
        raise NotFound("there is no picture")
    return pictures


def appearance_of(parameters: Mapping[str, str], media_type: ImageFormat) -> Appearance:
    """How the parameters of a rendered resource want it (PS3.18 8.3.5.1). Raises InvalidQuery."""
    window, function = _window(parameters.get("window"))
    return Appearance(
        media_type=media_type,
        quality=_quality(parameters.get("quality")),
        viewport=_viewport(parameters.get("viewport")),
        window=window,
        voi_function=function,
    )


def _quality(text: str | None) -> int:
    if text is None:
        return Appearance().quality
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= 100:
        raise InvalidQuery(f"quality is 1 to 100, not {text!r}")
    return int(text)


def _window(text: str | None) -> tuple[Window | None, VoiFunction | None]:
    if text is None:
        return None, None
    center, width, function = _split("window", text, 3)
    if function not in VOI_FUNCTIONS or _number("window", width) <= 0:
        raise InvalidQuery(f"window is centre,width,function, not {text!r}")
    return Window(_number("window", center), _number("window", width)), VOI_FUNCTIONS[function]


def _viewport(text: str | None) -> Viewport | None:
    """Its size, and perhaps the part of the frame that it shows."""
    if text is None:
        return None
    numbers = [_number("viewport", one) for one in _split("viewport", text, 2, 6)]
    width, height, *region = numbers
    if not (1 <= width <= LARGEST_SIDE and 1 <= height <= LARGEST_SIDE) or (region and min(region[2:]) <= 0):
        raise InvalidQuery(f"viewport is width,height or width,height,left,top,across,down, not {text!r}")
    if not region:
        return Viewport(int(width), int(height))
    left, top, across, down = region
    return Viewport(int(width), int(height), (left, top, across, down))


def _split(name: str, text: str, *counts: int) -> list[str]:
    parts = text.split(",")
    if len(parts) not in counts:
        raise InvalidQuery(f"{name} has {' or '.join(map(str, counts))} parts, not {text!r}")
    return parts


def _number(name: str, text: str) -> float:
    if not NUMBER.fullmatch(text):
        raise InvalidQuery(f"{name}: {text!r} is no number")
    return float(text)
