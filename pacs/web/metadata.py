"""WADO-RS: metadata, as DICOM JSON or as XML (PS3.18 10.4.1.1.2)."""

from collections.abc import Iterable, Sequence

from fastapi import APIRouter, Request, Response

from pacs.archive import metadata
from pacs.archive.metadata import FORM, SeriesVersion
from pacs.archive.retrieve import instances
from pacs.context import Actor
from pacs.dicom.dicomjson import Json
from pacs.dicom.dicomxml import json_to_xml
from pacs.dicom.media import DICOM_JSON, DICOM_XML, Offer
from pacs.dicom.multipart import Part, content_type, write
from pacs.web.answers import (
    ASK_EVERY_TIME,
    chosen,
    etag_of,
    is_known,
    not_modified,
    origin_of,
    send,
    send_gzipped,
    send_json,
    takes_gzip,
)
from pacs.web.auth import pacs_of, signed_in
from pacs.web.resource import resource
from pacs.web.short_way import hurried
from pacs.web.wado import INSTANCE, SERIES, STUDY

JSON, XML = Offer(DICOM_JSON), Offer(DICOM_XML, is_multipart=True)

router = APIRouter(prefix="/dicom-web", tags=["WADO-RS"])


@resource(router, STUDY + "/metadata")
@hurried
@signed_in
def retrieve_study_metadata(request: Request, actor: Actor, study: str) -> Response:
    """The metadata of all instances of a study, as DICOM JSON or, in multipart/related, as XML."""
    return _give(request, metadata.versions(pacs_of(request), actor, study))


@resource(router, SERIES + "/metadata")
@hurried
@signed_in
def retrieve_series_metadata(request: Request, actor: Actor, study: str, series: str) -> Response:
    """The metadata of all instances of a series, as DICOM JSON or, in multipart/related, as XML."""
    return _give(request, metadata.versions(pacs_of(request), actor, study, series))


@resource(router, INSTANCE + "/metadata")
@signed_in
def retrieve_instance_metadata(request: Request, actor: Actor, study: str, series: str, instance: str) -> Response:
    """The metadata of one instance, as DICOM JSON or as XML."""
    pacs = pacs_of(request)
    (ref,) = instances(pacs, actor, study, series, instance)
    offer = chosen(request, [JSON, XML, Offer(DICOM_XML)])
    headers = {"etag": etag_of(ref.version, FORM, offer), "cache-control": ASK_EVERY_TIME}
    if is_known(request, headers["etag"]):
        return not_modified(headers)
    found = metadata.metadata_of(pacs, ref, origin_of(request))
    if offer == JSON:
        return send_json(request, metadata.as_json([found]), headers, DICOM_JSON)
    if offer == XML:
        return _give_xml([found], headers)
    return send(iter((json_to_xml(found),)), headers, DICOM_XML)


def _give(request: Request, found: Sequence[SeriesVersion]) -> Response:
    offer = chosen(request, [JSON, XML])
    headers = {"etag": etag_of(metadata.version_of(found), offer), "cache-control": ASK_EVERY_TIME}
    if is_known(request, headers["etag"]):
        return not_modified(headers)
    pacs = pacs_of(request)
    if offer == XML or not takes_gzip(request):
        pacs.take_time()
    if offer == XML:
        return _give_xml(metadata.metadata_objects(pacs, found, origin_of(request)), headers)
    return send_gzipped(request, metadata.metadata_gzip(pacs, found, origin_of(request)), headers, DICOM_JSON)


def _give_xml(found: Iterable[Json], headers: dict[str, str]) -> Response:
    """One part for each instance, written while they are sent."""
    boundary = headers["etag"].strip('"')[:32]  # a digest that is in no document: the same request has the same bytes
    documents = (json_to_xml(one) for one in found)
    parts = (Part(DICOM_XML, (document,), len(document)) for document in documents)
    return send(write(parts, boundary), headers, content_type(DICOM_XML, boundary))
