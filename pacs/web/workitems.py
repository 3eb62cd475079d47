"""UPS-RS: the worklist (PS3.18 11)."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from pydicom.uid import UID

from pacs.context import Actor
from pacs.dicom import workitem as rules
from pacs.dicom.dicomjson import Json
from pacs.dicom.dicomxml import json_to_xml, xml_to_json
from pacs.dicom.json_data_set import data_set_of
from pacs.dicom.json_matching import parse_search, text_of
from pacs.dicom.media import DICOM_JSON, DICOM_XML, MULTIPART, Offer, parse_media_type
from pacs.dicom.multipart import MultipartReader, Part, PartBegins, content_type, new_boundary, write
from pacs.errors import InvalidInstance, InvalidQuery, UnsupportedContent
from pacs.web.answers import chosen, origin_of, send, send_json
from pacs.web.auth import pacs_of, signed_in
from pacs.web.problem import warning
from pacs.workflow import subscriptions, workitems, worklist

LARGEST = 1 << 20
"""Bytes of a workitem."""
JSON, XML = Offer(DICOM_JSON), Offer(DICOM_XML, is_multipart=True)
TRUTH = {"true": True, "false": False}

Content = Annotated[Any, Body()]
"""A data set: read where it is JSON, otherwise as it came."""

router = APIRouter(prefix="/dicom-web", tags=["UPS-RS"])


@router.post("/workitems", max_body_size=LARGEST)
@signed_in
def create_workitem(request: Request, actor: Actor, content: Content) -> Response:
    """Put a workitem into the worklist. Its UID is the query of the address (`?1.2.3`), or in the data set."""
    uid = _named_or_bare(request, "workitem")
    created = workitems.create(pacs_of(request), actor, _data_set(request, content), uid)
    told = warning(rules.CREATED_WITH_MODIFICATIONS) if created.is_modified else {}
    location = f"{origin_of(request)}/dicom-web/workitems/{created.sop_instance_uid}"
    return Response(status_code=201, headers={"location": location, "content-location": location, **told})


@router.get("/workitems")
@signed_in
def search_workitems(request: Request, actor: Actor) -> Response:
    """Search for workitems.

    Parameters: attributes by keyword or tag, also of items (`ScheduledStationNameCodeSequence.CodeValue`),
    includefield, fuzzymatching, emptyvaluematching, multiplevaluematching, limit, offset.
    """
    asked = parse_search(request.query_params.multi_items())
    offer = chosen(request, [JSON, XML])
    found = worklist.search(pacs_of(request), actor, asked)
    headers = warning(f"not honoured: {', '.join(asked.left_out)}") if asked.left_out else {}
    if not found.workitems:
        return Response(status_code=204, headers=headers)
    return _answer(request, offer, found.workitems, headers, 206 if found.is_cut else 200)


@router.get("/workitems/{workitem}")
@signed_in
def retrieve_workitem(request: Request, actor: Actor, workitem: str) -> Response:
    """A workitem. The Transaction UID, by which its performer holds it, is never told."""
    offer = chosen(request, [JSON, XML, Offer(DICOM_XML)])
    return _answer(request, offer, [worklist.retrieve(pacs_of(request), actor, workitem)], {})


@router.post("/workitems/{workitem}", max_body_size=LARGEST)
@signed_in
def update_workitem(request: Request, actor: Actor, workitem: str, content: Content) -> Response:
    """Put attributes in place of those it has. Once it is IN PROGRESS, its `transaction-uid` must be named."""
    transaction_uid = _named_or_bare(request, "transaction-uid")
    workitems.change(pacs_of(request), actor, workitem, _data_set(request, content), transaction_uid)
    return Response(headers={"content-location": f"{origin_of(request)}/dicom-web/workitems/{workitem}"})


@router.put("/workitems/{workitem}/state", max_body_size=LARGEST)
@signed_in
def change_workitem_state(request: Request, actor: Actor, workitem: str, content: Content) -> Response:
    """Claim a workitem, complete it or give it up: Procedure Step State and Transaction UID are the data set."""
    asked = _data_set(request, content)
    # PS3.18 11.7.1.4 spells it with two Ls, and everything else with one.
    wanted = text_of(asked.get(rules.STATE)).replace("CANCELLED", rules.CANCELED)
    transaction_uid = text_of(asked.get(rules.TRANSACTION_UID))
    is_changed = workitems.change_state(pacs_of(request), actor, workitem, wanted, transaction_uid)
    return Response(headers={} if is_changed else warning(rules.ALREADY[wanted]))


@router.post("/workitems/{workitem}/cancelrequest", max_body_size=LARGEST)
@router.post("/workitems/{workitem}/cancelrequest/{requester}", max_body_size=LARGEST)
@signed_in
def request_cancellation(
    request: Request, actor: Actor, workitem: str, requester: str = "", content: Content = None
) -> Response:
    """Ask for a workitem to be cancelled. The data set, if any, says why, and whom to talk to."""
    asked = _data_set(request, content) if content else {}
    is_asked = workitems.request_cancel(pacs_of(request), actor, workitem, asked, requester)
    return Response(status_code=202, headers={} if is_asked else warning(rules.ALREADY[rules.CANCELED]))


@router.post("/workitems/{workitem}/subscribers/{ae_title}")
@signed_in
def subscribe(
    request: Request, actor: Actor, workitem: str, ae_title: str, deletionlock: str = "false", filter: str = ""
) -> Response:
    """Tell an AE of a workitem, or of all (1.2.840.10008.5.1.4.34.5), or of those that fit a filter (….34.5.1).

    Events are sent on the WebSocket that Content-Location names.
    """
    if deletionlock not in TRUTH:
        raise InvalidQuery(f"deletionlock is true or false, not {deletionlock!r}")
    lock = TRUTH[deletionlock]
    subscriptions.subscribe(pacs_of(request), actor, workitem, ae_title, deletion_lock=lock, filter=filter)
    scheme = "wss" if request.url.scheme == "https" else "ws"
    location = request.url_for("open_channel", ae_title=ae_title).replace(scheme=scheme)
    return Response(status_code=201, headers={"content-location": str(location)})


@router.delete("/workitems/{workitem}/subscribers/{ae_title}")
@signed_in
def unsubscribe(request: Request, actor: Actor, workitem: str, ae_title: str) -> Response:
    """Tell an AE no more of a workitem, or of any."""
    subscriptions.unsubscribe(pacs_of(request), actor, workitem, ae_title)
    return Response()


@router.post("/workitems/{workitem}/subscribers/{ae_title}/suspend")
@signed_in
def suspend(request: Request, actor: Actor, workitem: str, ae_title: str) -> Response:
    """Subscribe an AE to no workitem that is still to come."""
    subscriptions.suspend(pacs_of(request), actor, workitem, ae_title)
    return Response()


def _named_or_bare(request: Request, name: str) -> str:
    """A UID that is the value of a parameter, or stands in its place as PS3.18 writes it: `?1.2.3`. Else "".

    Raises InvalidQuery for several.
    """
    given = [
        value or key
        for key, value in request.query_params.multi_items()
        if key == name or (not value and UID(key).is_valid)
    ]
    if len(given) > 1:
        raise InvalidQuery(f"{name} is given twice")
    return given[0] if given else ""


def _data_set(request: Request, content: object) -> Json:
    """The data set of a request. Raises UnsupportedContent, InvalidInstance."""
    media_type = parse_media_type(request.headers.get("content-type", ""))
    if media_type is None or media_type.name not in (DICOM_JSON, DICOM_XML, MULTIPART):
        raise UnsupportedContent(f'a workitem is sent as {DICOM_JSON}, or as {MULTIPART}; type="{DICOM_XML}"')
    if media_type.name == DICOM_JSON:
        return data_set_of(content)
    document = content if isinstance(content, bytes) else b""
    if media_type.name == MULTIPART:
        document = _only_part(request.headers["content-type"], document)
    return data_set_of(xml_to_json(document))


def _only_part(content_type: str, body: bytes) -> bytes:
    reader = MultipartReader(content_type)
    if reader.part_type not in (DICOM_XML, ""):
        raise UnsupportedContent(f"parts of {reader.part_type} are not taken")
    found = list(reader.feed(body))
    reader.finish()
    if sum(isinstance(event, PartBegins) for event in found) != 1:
        raise InvalidInstance("one data set is expected")
    return b"".join(event for event in found if isinstance(event, bytes))


def _answer(
    request: Request, offer: Offer, found: Sequence[Json], headers: dict[str, str], status: int = 200
) -> Response:
    if offer == JSON:
        body = json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()
        response = send_json(request, body, headers, DICOM_JSON)
    elif offer == XML:
        boundary = new_boundary()
        documents = (json_to_xml(one) for one in found)
        parts = (Part(DICOM_XML, (document,), len(document)) for document in documents)
        response = send(write(parts, boundary), headers, content_type(DICOM_XML, boundary))
    else:
        response = send(iter((json_to_xml(found[0]),)), headers, DICOM_XML)
    response.status_code = status
    return response
