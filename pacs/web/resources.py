"""Hanging protocols, colour palettes and their like: what belongs to no patient (PS3.18 12)."""

import io
import json
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Annotated, Any, BinaryIO

import structlog
from fastapi import APIRouter, Body, Request, Response

from pacs.archive import resources
from pacs.archive.assembling import PiecesFile
from pacs.archive.resources import KINDS, LARGEST
from pacs.context import Actor
from pacs.dicom.assembly import assemble, datasets_of
from pacs.dicom.bulk import Bulk
from pacs.dicom.dicomjson import Json
from pacs.dicom.dicomxml import json_to_xml
from pacs.dicom.json_matching import parse_search
from pacs.dicom.media import DICOM, DICOM_JSON, DICOM_XML, MULTIPART, Offer, parse_media_type
from pacs.dicom.multipart import MultipartReader, Part, PartBegins, PartEnds, content_type, new_boundary, write
from pacs.dicom.part10 import EXPLICIT_LITTLE_ENDIAN
from pacs.errors import InvalidInstance, PacsError, UnsupportedContent
from pacs.web.answers import ASK_EVERY_TIME, chosen, etag_of, is_known, not_modified, origin_of, send, send_json, wanted
from pacs.web.auth import pacs_of, signed_in
from pacs.web.problem import warning
from pacs.web.resource import resource
from pacs.web.stored import Failure, Outcome, answer_of

log = structlog.get_logger(__name__)

JSON, XML, XML_IN_PARTS = Offer(DICOM_JSON), Offer(DICOM_XML), Offer(DICOM_XML, is_multipart=True)
FILE = Offer(DICOM, EXPLICIT_LITTLE_ENDIAN)
FILE_IN_PARTS = Offer(DICOM, EXPLICIT_LITTLE_ENDIAN, is_multipart=True)
FORMS = (FILE_IN_PARTS, FILE, JSON, XML, XML_IN_PARTS)
Content = Annotated[Any, Body()]
"""Read where it is JSON, otherwise as it came."""

router = APIRouter(prefix="/dicom-web", tags=["resources without a patient"])


@signed_in
def search_resources(request: Request, actor: Actor) -> Response:
    """Search for resources of this kind.

    Parameters: attributes by keyword or tag, also of items, includefield, fuzzymatching, emptyvaluematching,
    multiplevaluematching, limit, offset.
    """
    asked = parse_search(request.query_params.multi_items())
    offer = chosen(request, (JSON, XML_IN_PARTS))
    kind = _kind_of(request)
    found = resources.search(pacs_of(request), actor, kind, asked)
    headers = warning(f"not honoured: {', '.join(asked.left_out)}") if asked.left_out else {}
    if not found.datasets:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
    base = f"{origin_of(request)}/dicom-web/{kind}"
    answers = [{**ds, "00081190": {"vr": "UR", "Value": [f"{base}/{uid}"]}} for uid, ds in found.datasets]
    return _described(request, offer, answers, headers)


@signed_in
def retrieve_resource(request: Request, actor: Actor, uid: str) -> Response:
    """A resource: its DICOM file, or its metadata as DICOM JSON or XML."""
    pacs = pacs_of(request)
    offer = chosen(request, FORMS)
    found = resources.retrieve(pacs, actor, _kind_of(request), uid)
    headers = {"etag": etag_of(found.object_key, offer), "cache-control": ASK_EVERY_TIME}
    if is_known(request, headers["etag"]):
        return not_modified(headers)
    if offer.media_type != DICOM:
        return _described(request, offer, [resources.metadata(pacs, found)], headers)
    data = resources.whole_file(pacs, found)
    if not offer.is_multipart:
        return send(iter((data,)), headers, DICOM, len(data))
    boundary = new_boundary()
    part = Part(f"{DICOM}; transfer-syntax={EXPLICIT_LITTLE_ENDIAN}", (data,), len(data))
    return send(write([part], boundary), headers, content_type(DICOM, boundary))


@signed_in
def store_resources(request: Request, actor: Actor, content: Content) -> Response:
    """Store resources of this kind, as DICOM files or as metadata in DICOM JSON or XML."""
    return _store(request, actor, content, "")


@signed_in
def store_resource(request: Request, actor: Actor, uid: str, content: Content) -> Response:
    """Store this one resource."""
    return _store(request, actor, content, uid)


for _kind in KINDS:
    resource(router, f"/{_kind}")(search_resources)
    resource(router, f"/{_kind}/{{uid}}")(retrieve_resource)
    router.add_api_route(f"/{_kind}", store_resources, methods=["POST"], max_body_size=LARGEST)
    router.add_api_route(f"/{_kind}/{{uid}}", store_resource, methods=["POST"], max_body_size=LARGEST)


def _kind_of(request: Request) -> str:
    """As the path has it, behind `/dicom-web`."""
    return str(request.scope["path"]).split("/")[2]


def _described(request: Request, offer: Offer, datasets: list[Json], headers: dict[str, str]) -> Response:
    if offer == JSON:
        return send_json(request, json.dumps(datasets, ensure_ascii=False).encode(), headers, DICOM_JSON)
    if offer == XML:
        return send(iter((json_to_xml(datasets[0]),)), headers, DICOM_XML)
    boundary = new_boundary()
    documents = map(json_to_xml, datasets)
    parts = (Part(DICOM_XML, (document,), len(document)) for document in documents)
    return send(write(parts, boundary), headers, content_type(DICOM_XML, boundary))


def _store(request: Request, actor: Actor, body: object, uid: str) -> Response:
    pacs, kind, outcome = pacs_of(request), _kind_of(request), Outcome()
    for content in _contents(request.headers.get("content-type", ""), body):
        try:
            stored = resources.store(pacs, actor, _file_of(content), kind=kind, sop_instance_uid=uid)
            outcome.stored.append(stored)
        except PacsError as error:
            log.warning("a resource was not stored", error=type(error).__name__)
            outcome.failures.append(Failure(error))
    return answer_of(outcome.completed(), f"{origin_of(request)}/dicom-web", wanted(request))


def _file_of(content: bytes | Json) -> BinaryIO:
    """Raises InvalidInstance for metadata of which no instance can be made."""
    if isinstance(content, bytes):
        return io.BytesIO(content)
    file = io.BytesIO()
    return io.BufferedReader(PiecesFile(assemble(content, Bulk(file)), file))


def _contents(content_type: str, content: object) -> Iterator[bytes | Json]:
    """Each resource of a request, as a file or as metadata. Raises UnsupportedContent, InvalidInstance."""
    media_type = parse_media_type(content_type)
    name = media_type.name if media_type else ""
    if name == MULTIPART and isinstance(content, bytes):
        for kind, part in _parts(content_type, content):
            yield from _contents_of(kind, part)
    else:
        yield from _contents_of(name, content)


def _contents_of(name: str, content: object) -> Sequence[bytes | Json]:
    if name == DICOM and isinstance(content, bytes):
        return [content]
    if name not in (DICOM_JSON, DICOM_XML):
        raise UnsupportedContent(f"what can be stored is one of {DICOM}, {DICOM_JSON}, {DICOM_XML}")
    found = datasets_of(content) if isinstance(content, bytes) else content
    datasets = found if isinstance(found, list) else [found]
    objects = [dataset for dataset in datasets if isinstance(dataset, dict)]
    if len(objects) < len(datasets):
        raise InvalidInstance("the metadata is no array of objects")
    return objects


def _parts(content_type: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """The media type and the body of each part."""
    reader = MultipartReader(content_type)
    name, body = "", bytearray()
    for event in reader.feed(content):
        match event:
            case PartBegins(headers):
                media_type = parse_media_type(headers.get("content-type", reader.part_type or DICOM))
                name, body = media_type.name if media_type else "", bytearray()
            case PartEnds():
                yield name, bytes(body)
            case bytes():
                body += event
    reader.finish()
