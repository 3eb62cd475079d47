"""Storage commitment over HTTP (PS3.18 13): what is to be kept for good is named, and read again before we say yes."""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response

from pacs.context import Actor
from pacs.dicom.assembly import datasets_of
from pacs.dicom.dicomjson import Json
from pacs.dicom.dicomxml import json_to_xml
from pacs.dicom.media import DICOM_JSON, DICOM_XML, MULTIPART, Offer, parse_media_type
from pacs.dicom.multipart import MultipartReader
from pacs.dicom.part10 import UID
from pacs.dicom.references import MOST_BYTES, MOST_REFERENCES, CommitmentReport, CommitmentRequest, Reference
from pacs.errors import InvalidInstance, InvalidQuery, TooLarge, UnsupportedContent
from pacs.web.answers import chosen
from pacs.web.auth import pacs_of, signed_in
from pacs.workflow import commitment

FORMS = (Offer(DICOM_JSON), Offer(DICOM_XML))
"""In which a result is given."""
PATIENCE_S = 5.0
"""How long a request may take that is answered at once."""
RETRY_AFTER_S = 10

router = APIRouter(prefix="/dicom-web", tags=["storage commitment"])


@router.post("/commitment-requests/{transaction}", max_body_size=MOST_BYTES)
@signed_in
def request_commitment(request: Request, actor: Actor, transaction: str, content: Annotated[Any, Body()]) -> Response:
    """Ask that instances be kept for good.

    The body is a data set in DICOM JSON or XML with a Referenced SOP Sequence. Answered at once when every one of them
    could be read again, otherwise with 202: then ask for the result.
    """
    form = chosen(request, FORMS).media_type
    if not UID.fullmatch(transaction):
        raise InvalidQuery("the Transaction UID is none")
    asked = CommitmentRequest(transaction, _references(_dataset(request.headers.get("content-type", ""), content)))
    pacs = pacs_of(request)
    pk = commitment.take_over_http(pacs, actor, asked)
    return _answer(commitment.answer_over_http(pacs, pk, PATIENCE_S), form)


@router.get("/commitment-requests/{transaction}")
@signed_in
def tell_commitment(request: Request, actor: Actor, transaction: str) -> Response:
    """The result of a request for commitment; 202 while it is not known."""
    form = chosen(request, FORMS).media_type
    return _answer(commitment.result_over_http(pacs_of(request), actor, transaction), form)


def _answer(report: CommitmentReport | None, form: str) -> Response:
    if report is None:
        return Response(status_code=HTTPStatus.ACCEPTED, headers={"retry-after": str(RETRY_AFTER_S)})
    result = _result(report)
    body = json_to_xml(result) if form == DICOM_XML else json.dumps(result).encode()
    return Response(body, media_type=form)


def _result(report: CommitmentReport) -> Json:
    """The Storage Commitment Response Module (PS3.18 J.2): each sequence only where it has items."""
    failed = [{**_reference(one), "00081197": {"vr": "US", "Value": [reason]}} for one, reason in report.failed.items()]
    found = {"00081198": failed, "00081199": [_reference(one) for one in report.committed]}
    return {tag: {"vr": "SQ", "Value": items} for tag, items in found.items() if items}


def _reference(one: Reference) -> Json:
    return {
        "00081150": {"vr": "UI", "Value": [one.sop_class_uid]},
        "00081155": {"vr": "UI", "Value": [one.sop_instance_uid]},
    }


def _dataset(content_type: str, content: object) -> Json:
    """content: read where it is JSON, otherwise as it came. Raises UnsupportedContent, InvalidInstance."""
    media_type = parse_media_type(content_type)
    name = media_type.name if media_type else ""
    if name == MULTIPART and isinstance(content, bytes):
        reader = MultipartReader(content_type)
        name, content = reader.part_type, b"".join(one for one in reader.feed(content) if isinstance(one, bytes))
        reader.finish()
    if name not in (DICOM_JSON, DICOM_XML):
        raise UnsupportedContent(f"a request for commitment is {DICOM_JSON} or {DICOM_XML}")
    datasets = datasets_of(content) if isinstance(content, bytes) else content
    if isinstance(datasets, list) and len(datasets) == 1:
        datasets = datasets[0]
    if not isinstance(datasets, dict):
        raise InvalidInstance("a request for commitment is one data set")
    return datasets


def _references(dataset: Json) -> tuple[Reference, ...]:
    """Each once. Raises InvalidInstance, TooLarge."""
    try:
        items: Iterable[Any] = dataset["00081199"]["Value"]
        found = tuple(
            dict.fromkeys(Reference(item["00081150"]["Value"][0], item["00081155"]["Value"][0]) for item in items)
        )
    except (KeyError, IndexError, TypeError) as error:
        raise InvalidInstance("the Referenced SOP Sequence is missing, or is none") from error
    if not found or not all(isinstance(uid, str) and UID.fullmatch(uid) for one in found for uid in one):
        raise InvalidInstance("the Referenced SOP Sequence is empty, or names what is no UID")
    if len(found) > MOST_REFERENCES:
        raise TooLarge(f"a request for commitment names at most {MOST_REFERENCES} instances")
    return found
