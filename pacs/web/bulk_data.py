"""WADO-RS: bulk data and pixel data (PS3.18 10.4.1.1.5, 10.4.1.1.6)."""

import re
from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from pacs.archive.bulk_data import PIXEL_PATHS, BulkValue, bulk_value, pixel_value
from pacs.archive.retrieve import InstanceRef, frames, instances
from pacs.context import Actor
from pacs.dicom.media import OCTET_STREAM, Offer
from pacs.dicom.multipart import content_length, content_type, write
from pacs.dicom.part10 import EXPLICIT_LITTLE_ENDIAN
from pacs.web.answers import ASK_EVERY_TIME, chosen, etag_of, is_known, not_modified, origin_of, send
from pacs.web.auth import pacs_of, signed_in
from pacs.web.bulk_parts import give_bulk_data, part_of
from pacs.web.ranges import send_cut
from pacs.web.resource import resource
from pacs.web.wado import INSTANCE, SERIES, STUDY, frame_offers, give_frames

BYTES = Offer(OCTET_STREAM, EXPLICIT_LITTLE_ENDIAN)
BYTES_IN_PARTS = Offer(OCTET_STREAM, EXPLICIT_LITTLE_ENDIAN, is_multipart=True)
SHOWN = frozenset(("application/pdf",))
"""Documents that a browser may show. Others could bring scripts that would run with the rights of who looks at them."""
SANDBOX = "sandbox; default-src 'none'"

router = APIRouter(prefix="/dicom-web", tags=["WADO-RS"])


@resource(router, STUDY + "/bulkdata")
@signed_in
def retrieve_bulk_data_of_study(request: Request, actor: Actor, study: str) -> Response:
    """All bulk data of a study: a part for each value, with its BulkDataURI as Content-Location."""
    return _give_all(request, actor, instances(pacs_of(request), actor, study))


@resource(router, SERIES + "/bulkdata")
@signed_in
def retrieve_bulk_data_of_series(request: Request, actor: Actor, study: str, series: str) -> Response:
    """All bulk data of a series."""
    return _give_all(request, actor, instances(pacs_of(request), actor, study, series))


@resource(router, INSTANCE + "/bulkdata")
@signed_in
def retrieve_bulk_data_of_instance(request: Request, actor: Actor, study: str, series: str, instance: str) -> Response:
    """All bulk data of an instance."""
    return _give_all(request, actor, instances(pacs_of(request), actor, study, series, instance))


@resource(router, STUDY + "/pixeldata")
@signed_in
def retrieve_pixel_data_of_study(request: Request, actor: Actor, study: str) -> Response:
    """The pixel data of all instances of a study, uncompressed: a part for each instance that has any."""
    return _give_all(request, actor, instances(pacs_of(request), actor, study), only_pixels=True)


@resource(router, SERIES + "/pixeldata")
@signed_in
def retrieve_pixel_data_of_series(request: Request, actor: Actor, study: str, series: str) -> Response:
    """The pixel data of all instances of a series, uncompressed."""
    return _give_all(request, actor, instances(pacs_of(request), actor, study, series), only_pixels=True)


@resource(router, INSTANCE + "/pixeldata")
@signed_in
def retrieve_pixel_data_of_instance(request: Request, actor: Actor, study: str, series: str, instance: str) -> Response:
    """The pixel data of an instance: uncompressed in one part or none, or a part for each frame as it is stored."""
    (ref,) = instances(pacs_of(request), actor, study, series, instance)
    return _give_pixel_data(request, actor, ref, "7FE00010")


@resource(router, INSTANCE + "/bulkdata/{path:path}")
@signed_in
def retrieve_bulk_data(request: Request, actor: Actor, study: str, series: str, instance: str, path: str) -> Response:
    """The value behind a BulkDataURI of the metadata, or a range of its bytes."""
    pacs = pacs_of(request)
    (ref,) = instances(pacs, actor, study, series, instance)
    if path in PIXEL_PATHS:
        return _give_pixel_data(request, actor, ref, path)
    value = bulk_value(pacs, ref, path)
    names = dict.fromkeys((value.media_type, OCTET_STREAM))
    offer = chosen(
        request, [Offer(name, is_multipart=is_multipart) for is_multipart in (False, True) for name in names]
    )
    return _give_value(request, value, offer)


def _give_pixel_data(request: Request, actor: Actor, ref: InstanceRef, path: str) -> Response:
    pacs = pacs_of(request)
    stored = frames(pacs, actor, ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
    as_stored = [one for one in frame_offers(request, stored) if one not in (BYTES, BYTES_IN_PARTS)]
    offer = chosen(request, [BYTES, BYTES_IN_PARTS, *as_stored])
    if offer not in (BYTES, BYTES_IN_PARTS):
        return give_frames(request, stored, [offer])
    return _give_value(request, pixel_value(pacs, actor, ref, path), offer)


def _give_value(request: Request, value: BulkValue, offer: Offer) -> Response:
    version = etag_of(value.ref.version, value.path, offer)
    headers = {"etag": version, "vary": "accept", "cache-control": ASK_EVERY_TIME}
    if is_known(request, version):
        return not_modified(headers)
    if offer.is_multipart:
        boundary = value.ref.object_key[:32]
        parts = [part_of(value, offer.media_type, origin_of(request))]
        size = content_length(parts, boundary)
        return send(write(parts, boundary), headers, content_type(offer.media_type, boundary), size)
    if offer.media_type != OCTET_STREAM:
        headers |= _as_document(value, offer.media_type)
    return send_cut(request, value.size, value.pieces, headers, offer.media_type)


def _as_document(value: BulkValue, media_type: str) -> dict[str, str]:
    kind = "inline" if media_type in SHOWN else "attachment"
    ending = re.sub(r"[^a-z0-9]", "", media_type.rpartition("/")[2].rpartition("+")[2])
    headers = {"content-disposition": f'{kind}; filename="{value.ref.sop_instance_uid}.{ending}"'}
    return headers if media_type in SHOWN else {**headers, "content-security-policy": SANDBOX}


def _give_all(request: Request, actor: Actor, refs: Sequence[InstanceRef], *, only_pixels: bool = False) -> Response:
    chosen(request, [BYTES_IN_PARTS])
    return give_bulk_data(request, actor, refs, only_pixels=only_pixels)
