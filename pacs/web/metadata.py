"""WADO-RS: metadata and bulk data (PS3.18 10.4.1.1.2, 10.4.1.1.5)."""

from fastapi import APIRouter, Request, Response

from pacs.archive import metadata
from pacs.archive.retrieve import frames
from pacs.context import Actor
from pacs.dicom.media import DICOM_JSON, OCTET_STREAM, Offer
from pacs.dicom.multipart import Part, content_type, new_boundary, write
from pacs.dicom.part10 import EXPLICIT_LITTLE_ENDIAN
from pacs.web.answers import chosen, etag_of, is_known, not_modified, send, send_gzipped, send_json
from pacs.web.auth import pacs_of, signed_in
from pacs.web.wado import INSTANCE, SERIES, STUDY, frame_offers, give_frames

PIXEL_DATA = frozenset(("7FE00008", "7FE00009", "7FE00010"))

router = APIRouter(prefix="/dicom-web", tags=["WADO-RS"])


@router.get(STUDY + "/metadata")
@signed_in
def retrieve_study_metadata(request: Request, actor: Actor, study: str) -> Response:
    """The metadata of all instances of a study, as DICOM JSON."""
    chosen(request, [Offer(DICOM_JSON)])
    return send_json(request, metadata.study_metadata(pacs_of(request), actor, study), {}, DICOM_JSON)


@router.get(SERIES + "/metadata")
@signed_in
def retrieve_series_metadata(request: Request, actor: Actor, study: str, series: str) -> Response:
    """The metadata of all instances of a series, as DICOM JSON."""
    chosen(request, [Offer(DICOM_JSON)])
    pacs = pacs_of(request)
    headers = {"etag": etag_of(f"{series}-{metadata.series_revision(pacs, actor, study, series)}")}
    if is_known(request, headers["etag"]):
        return not_modified(headers)
    return send_gzipped(request, metadata.series_metadata_gzip(pacs, actor, study, series), headers, DICOM_JSON)


@router.get(INSTANCE + "/metadata")
@signed_in
def retrieve_instance_metadata(request: Request, actor: Actor, study: str, series: str, instance: str) -> Response:
    """The metadata of one instance, as DICOM JSON."""
    chosen(request, [Offer(DICOM_JSON)])
    body = metadata.instance_metadata(pacs_of(request), actor, study, series, instance)
    return send_json(request, body, {}, DICOM_JSON)


@router.get(INSTANCE + "/bulkdata/{path:path}")
@signed_in
def retrieve_bulk_data(request: Request, actor: Actor, study: str, series: str, instance: str, path: str) -> Response:
    """The value behind a BulkDataURI of the metadata; of pixel data all frames."""
    pacs = pacs_of(request)
    if path in PIXEL_DATA:
        stored = frames(pacs, actor, study, series, instance)
        return give_frames(
            request, stored, [Offer(OCTET_STREAM, EXPLICIT_LITTLE_ENDIAN), *frame_offers(request, stored)]
        )
    offer = chosen(request, [Offer(OCTET_STREAM), Offer(OCTET_STREAM, is_multipart=True)])
    value = metadata.bulk_data(pacs, actor, study, series, instance, path)
    if not offer.is_multipart:
        return send(iter((value,)), {}, OCTET_STREAM)
    boundary = new_boundary()
    return send(write([Part(OCTET_STREAM, (value,), len(value))], boundary), {}, content_type(OCTET_STREAM, boundary))
