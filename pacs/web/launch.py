"""What an address means by which another system opens the viewer: our own names, and those of IHE's RAD-106."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from fastapi import APIRouter, Request, Response

from pacs.archive import launch as launching
from pacs.archive.launch import Wish
from pacs.context import Actor
from pacs.errors import InvalidQuery
from pacs.web.answers import as_json
from pacs.web.auth import pacs_of, signed_in

LONGEST = 10_000
"""Characters of what is asked."""
MOST_NAMED = 100
"""Studies that are named one by one."""

router = APIRouter(prefix="/api/launch", tags=["viewer"])


@router.get("")
@signed_in
def tell_launch(request: Request, actor: Actor) -> Response:
    """Which studies are meant: `requestType`, `patientID`, `studyUID`, `accessionNumber` and the others of RAD-106, or

    `PatientID`, `IssuerOfPatientID`, `StudyInstanceUIDs`, `AccessionNumber`, `SeriesInstanceUID`, `SOPInstanceUID`.
    """
    if len(request.url.query) > LONGEST:
        raise InvalidQuery("too much is asked for at once")
    return as_json(asdict(launching.launch(pacs_of(request), actor, wish_of(request.query_params))))


def wish_of(parameters: Mapping[str, str]) -> Wish:
    """What the parameters ask for; case of their names does not matter, what is unknown is passed over.

    Raises InvalidQuery.
    """
    said = {name.lower(): value.strip() for name, value in parameters.items()}
    _check_request_type(said)
    patient_id, issuers = _patient_of(said.get("patientid", ""))
    issuer = said.get("issuerofpatientid", "")
    return Wish(
        patient_id=patient_id,
        issuers=(issuer,) if issuer else issuers,
        study_instance_uids=_several(said.get("studyuid") or said.get("studyinstanceuids", "")),
        accession_numbers=_several(said.get("accessionnumber", "")),
        series_instance_uid=said.get("seriesinstanceuid", ""),
        sop_instance_uid=said.get("sopinstanceuid", ""),
        modalities=_several(said.get("modalitiesinstudy", "")),
        first=_moment("lowerDateTime", said.get("lowerdatetime", "")),
        last=_moment("upperDateTime", said.get("upperdatetime", "")),
        newest=_number(said.get("mostrecentresults", "")),
        patient_name=said.get("patientname", ""),
        patient_birth_date=said.get("patientbirthdate", "").replace("-", "")[:8],
    )


def _check_request_type(said: Mapping[str, str]) -> None:
    """RAD-106 asks for a patient's studies, or for named ones."""
    kind = said.get("requesttype", "").upper()
    if kind not in ("", "PATIENT", "STUDY"):
        raise InvalidQuery(f"requestType is PATIENT or STUDY, not {kind!r}")
    if kind == "PATIENT" and not said.get("patientid"):
        raise InvalidQuery("requestType=PATIENT needs a patientID")
    if kind == "STUDY" and not (said.get("studyuid") or said.get("accessionnumber")):
        raise InvalidQuery("requestType=STUDY needs a studyUID or an accessionNumber")


def _patient_of(text: str) -> tuple[str, tuple[str, ...]]:
    """An id, and what its assigning authority is called: `123^^^HOSPITAL&1.2.3&ISO` (HL7 v2 CX) or the id alone."""
    identifier, _, rest = text.partition("^")
    authority = rest.split("^")[2] if rest.count("^") >= 2 else ""
    return identifier, tuple(name for name in authority.split("&")[:2] if name)


def _several(text: str) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(one.strip() for one in re.split(r"[,\\]", text) if one.strip()))
    if len(named) > MOST_NAMED:
        raise InvalidQuery(f"at most {MOST_NAMED} are asked for at once")
    return named


def _moment(name: str, text: str) -> datetime | None:
    """By the clock of this server, which studies are taken to have: DICOM's times say no zone."""
    if not text:
        return None
    try:
        # An address turns the + of an offset into a space.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise InvalidQuery(f"{name}: no date and time, such as 2026-11-24T08:00:00+07:00") from None
    return moment.astimezone().replace(tzinfo=None) if moment.tzinfo else moment


def _number(text: str) -> int | None:
    """RAD-106: how many at most; 0 or nothing is all."""
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise InvalidQuery("mostRecentResults is a number")
    return int(text) or None
