"""The answer of STOW-RS: what became of each instance (PS3.18 10.5.3, Annex I.2)."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import Response

from pacs.archive.ingest import Stored
from pacs.archive.resources import Resource
from pacs.dicom import status
from pacs.dicom.dicomxml import json_to_xml
from pacs.dicom.media import DICOM_JSON, DICOM_XML, Offer, choose
from pacs.errors import InvalidInstance, NotAcceptable, PacsError
from pacs.web.problem import status_of

Json = dict[str, Any]
FORMS = (Offer(DICOM_JSON), Offer(DICOM_XML))


@dataclass(frozen=True, slots=True)
class Failure:
    """A part that was not stored."""

    error: PacsError
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    """Empty where the part does not say what it is."""


@dataclass(slots=True)
class Outcome:
    """What became of the parts of a request."""

    stored: list[Stored | Resource] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def completed(self) -> "Outcome":
        """The same; that there was nothing in the request is a failure."""
        if not self.stored and not self.failures:
            self.failures.append(Failure(InvalidInstance("there is nothing in the request")))
        return self


def answer_of(outcome: Outcome, base_url: str, accept: str) -> Response:
    """The Store Instances Response (PS3.18 10.5.3, Annex I.2). Who accepts neither form of it gets the first."""
    studies = {stored.study_instance_uid for stored in outcome.stored if isinstance(stored, Stored)}
    named = [failure for failure in outcome.failures if failure.sop_instance_uid]
    nameless = [failure for failure in outcome.failures if not failure.sop_instance_uid]
    members = {
        "00081190": _value("UR", f"{base_url}/studies/{studies.pop()}") if len(studies) == 1 else None,
        "00081198": _sequence([_failed_item(failure) for failure in named]),
        "00081199": _sequence([_stored_item(stored, base_url) for stored in outcome.stored]),
        "0008119A": _sequence([_reason(failure.error) for failure in nameless]),
    }
    found = {tag: member for tag, member in members.items() if member is not None}
    code = http_status_of(outcome)
    headers = {"retry-after": "10"} if code == HTTPStatus.SERVICE_UNAVAILABLE else {}
    with suppress(NotAcceptable):  # what is stored is told, whatever the client takes
        if choose(accept, FORMS).media_type == DICOM_XML:
            return Response(json_to_xml(found), code, headers, DICOM_XML)
    return Response(json.dumps(found), code, headers, DICOM_JSON)


def http_status_of(outcome: Outcome) -> HTTPStatus:
    """PS3.18 Table 10.5.3-1; of several reasons to store nothing, the one that says most."""
    if not outcome.failures:
        return HTTPStatus.OK
    if outcome.stored:
        return HTTPStatus.ACCEPTED
    return max(status_of(failure.error) for failure in outcome.failures)


def _stored_item(stored: Stored | Resource, base_url: str) -> Json:
    return {
        "00081150": _value("UI", stored.sop_class_uid),
        "00081155": _value("UI", stored.sop_instance_uid),
        "00081190": _value("UR", f"{base_url}/{_path_of(stored)}"),
    }


def _path_of(stored: Stored | Resource) -> str:
    if isinstance(stored, Resource):
        return f"{stored.kind}/{stored.sop_instance_uid}"
    series = f"studies/{stored.study_instance_uid}/series/{stored.series_instance_uid}"
    return f"{series}/instances/{stored.sop_instance_uid}"


def _failed_item(failure: Failure) -> Json:
    return {
        "00081150": _value("UI", failure.sop_class_uid),
        "00081155": _value("UI", failure.sop_instance_uid),
        **_reason(failure.error),
    }


def _reason(error: PacsError) -> Json:
    return {"00081197": _value("US", status.status_of(error, "STOW-RS"))}


def _value(vr: str, value: str | int) -> Json:
    return {"vr": vr, "Value": [value]}


def _sequence(items: list[Json]) -> Json | None:
    return {"vr": "SQ", "Value": items} if items else None
