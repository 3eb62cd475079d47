"""What is found as FHIR R4 resources: ImagingStudy, Patient, Endpoint, and what goes around them (hl7.org/fhir/R4)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from pacs.dicom.dicomjson import NAME_GROUPS
from pacs.dicom.query import is_offset, items_of, zone_of

Json = dict[str, Any]
Values = Mapping[str, str | int | None]
"""An answer to a query, by the paths of its attributes."""

VERSION = "4.0.1"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
IDENTIFIER_TYPE = f"{TERMINOLOGY}/v2-0203"
DICOM_UID = "urn:dicom:uid"
DICOM_ONTOLOGY = "http://dicom.nema.org/resources/ontology/DCM"
NAME_REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
REPRESENTATIONS = dict(zip(NAME_GROUPS, ("ABC", "IDE", "SYL"), strict=True))
GENDERS: Mapping[str, str] = {"M": "male", "F": "female", "O": "other"}
CODING_SYSTEMS: Mapping[str, str] = {
    "DCM": DICOM_ONTOLOGY,
    "LN": "http://loinc.org",
    "SCT": "http://snomed.info/sct",
    "SRT": "http://snomed.info/srt",
    "UCUM": "http://unitsofmeasure.org",
}
"""Of a coding scheme designator (PS3.16 8). Others are told as they are, in words."""
SERVICES: Mapping[str, str] = {"wado": "dicom-wado-rs", "qido": "dicom-qido-rs", "stow": "dicom-stow-rs"}
"""The endpoints by their ids: each what can be done at one address."""
INCLUDES = ("ImagingStudy:patient", "ImagingStudy:subject", "ImagingStudy:endpoint")
FHIR_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")

STUDY_PATHS = (
    *("StudyInstanceUID", "StudyDate", "StudyTime", "TimezoneOffsetFromUTC", "AccessionNumber", "ModalitiesInStudy"),
    *("StudyDescription", "ReferringPhysicianName", "ProcedureCodeSequence", "NumberOfStudyRelatedSeries"),
    *("NumberOfStudyRelatedInstances", "PatientID", "IssuerOfPatientID", "PatientName"),
)
"""What an ImagingStudy is made of."""
SERIES_PATHS = (
    *("StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "Modality", "SeriesDescription", "SeriesDate"),
    *("SeriesTime", "BodyPartExamined", "Laterality", "NumberOfSeriesRelatedInstances", "TimezoneOffsetFromUTC"),
)
INSTANCE_PATHS = ("SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "InstanceNumber", "DocumentTitle")
PATIENT_PATHS = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex")

_INVISIBLE = re.compile("[\x00-\x1f\x7f]")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")


def imaging_study(
    study: Values, series: Iterable[Values], instances: Iterable[Values] = (), *, patient: str = ""
) -> Json:
    """An ImagingStudy. patient: the id of the Patient; "": there is none, and only his name is told."""
    by_series: dict[str, list[Json]] = {}
    for one in instances:
        by_series.setdefault(_text(one, "SeriesInstanceUID"), []).append(_instance(one))
    series = [_series(one, by_series.get(_text(one, "SeriesInstanceUID"), [])) for one in series]
    uid = _text(study, "StudyInstanceUID")
    return _without_empty(
        resourceType="ImagingStudy",
        id=uid,
        identifier=[{"system": DICOM_UID, "value": f"urn:oid:{uid}"}, *_accession(study)],
        status="available",
        modality=[_modality(one) for one in _texts(study, "ModalitiesInStudy")],
        subject=_without_empty(
            reference=f"Patient/{patient}" if patient else "",
            display=readable_name(_text(study, "PatientName")) or ("" if patient else "unknown"),
        ),
        started=moment(study, "StudyDate", "StudyTime"),
        referrer=_named(_text(study, "ReferringPhysicianName")),
        endpoint=[{"reference": "Endpoint/wado"}],
        numberOfSeries=study.get("NumberOfStudyRelatedSeries"),
        numberOfInstances=study.get("NumberOfStudyRelatedInstances"),
        procedureCode=[_concept(one) for one in items_of(study.get("ProcedureCodeSequence"))],
        description=_text(study, "StudyDescription"),
        series=series,
    )


def patient(values: Values, pseudonym: str) -> Json:
    """A Patient, as the first of his instances named him."""
    issuer = _text(values, "IssuerOfPatientID")
    return _without_empty(
        resourceType="Patient",
        id=pseudonym,
        identifier=[
            _without_empty(
                type=_identifier_type("MR"),
                system=system_of_issuer(issuer),
                value=_text(values, "PatientID"),
                assigner=_without_empty(display=issuer),
            )
        ],
        name=human_names(_text(values, "PatientName")),
        gender=GENDERS.get(_text(values, "PatientSex"), "unknown"),
        birthDate=_day(_text(values, "PatientBirthDate")),
    )


def endpoint(name: str, address: str) -> Json:
    """An Endpoint of ours. name: a key of SERVICES; address: where DICOMweb is."""
    return {
        "resourceType": "Endpoint",
        "id": name,
        "status": "active",
        "connectionType": {"system": f"{TERMINOLOGY}/endpoint-connection-type", "code": SERVICES[name]},
        "name": f"DICOMweb: {SERVICES[name]}",
        "payloadType": [{"text": "DICOM"}],
        "payloadMimeType": ["application/dicom", "application/dicom+json"],
        "address": address,
    }


def search_set(found: Iterable[tuple[str, Json, str]], total: int | None, links: Mapping[str, str]) -> Json:
    """A Bundle of what was found. found: address, resource, and why it is there: match, include or outcome."""
    entries = [_without_empty(fullUrl=url, resource=resource, search={"mode": mode}) for url, resource, mode in found]
    bundle: Json = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None:
        bundle["total"] = total
    bundle["link"] = [{"relation": relation, "url": url} for relation, url in links.items()]
    return {**bundle, "entry": entries} if entries else bundle


def operation_outcome(severity: str, code: str, text: str) -> Json:
    """What went wrong, or what was passed over. code: of the value set issue-type."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [_without_empty(severity=severity, code=code, diagnostics=text)],
    }


def capability_statement(version: str, base: str, parameters: Mapping[str, Mapping[str, str]], today: date) -> Json:
    """What is answered here. parameters: of each resource, names and types."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": today.isoformat(),
        "kind": "instance",
        "software": {"name": "Filmless", "version": version},
        "implementation": {"description": "Studies of a PACS, to be read", "url": base},
        "fhirVersion": VERSION,
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": {"description": "A bearer token, or the session of a browser"},
                "resource": [_capability(name, found) for name, found in parameters.items()],
            }
        ],
    }


def human_names(value: str) -> list[Json]:
    """A person's name in each of its groups (PS3.5 6.2.1); the first is how he is called officially."""
    groups = [(name, text) for name, text in zip(NAME_GROUPS, value.split("="), strict=False) if text.strip("^ ")]
    names = [_human_name(text, REPRESENTATIONS[group] if len(groups) > 1 else "") for group, text in groups]
    return [{"use": "official", **name} if index == 0 else name for index, name in enumerate(names)]


def readable_name(value: str) -> str:
    """The first group of a name as it is said: family name first, as in Vietnam, between prefix and suffix."""
    family, given, middle, prefix, suffix = _components(value.split("=")[0])
    return " ".join(filter(None, (prefix, family, given, middle, suffix)))


def moment(values: Values, of_date: str, of_time: str) -> str:
    """A dateTime: with an offset from UTC, where there is a time; "" where there is no date."""
    day, time = _day(_text(values, of_date)), _text(values, of_time)
    found = re.fullmatch(r"(\d\d)(\d\d)?(\d\d)?(\.\d{1,6})?", time)
    if not day or found is None:
        return day
    hours, minutes, seconds, fraction = found.groups()
    offset = _text(values, "TimezoneOffsetFromUTC")
    try:
        local = datetime.fromisoformat(f"{day}T{hours}:{minutes or '00'}:{seconds or '00'}")
        zoned = local.replace(tzinfo=zone_of(offset)) if is_offset(offset) else local.astimezone()
    except (ValueError, OverflowError):  # a leap second, or no time at all
        return day
    whole, sign, zone = zoned.isoformat().rpartition("+" if "+" in zoned.isoformat() else "-")
    return f"{whole}{fraction or ''}{sign}{zone}"


def system_of_issuer(issuer: str) -> str:
    """The system of an identifier whose issuer is told as an OID or a URI; "": in words, so that it has none."""
    if _OID.fullmatch(issuer):
        return f"urn:oid:{issuer}"
    return issuer if re.match(r"[a-z][a-z0-9+.-]*:", issuer) else ""


def issuer_of_system(system: str) -> str:
    """The other way round."""
    return system.removeprefix("urn:oid:")


def _series(values: Values, instances: Sequence[Json]) -> Json:
    return _without_empty(
        uid=_text(values, "SeriesInstanceUID"),
        number=_count(values, "SeriesNumber"),
        modality=_modality(_text(values, "Modality") or "OT"),
        description=_text(values, "SeriesDescription"),
        numberOfInstances=values.get("NumberOfSeriesRelatedInstances"),
        bodySite=_without_empty(display=_text(values, "BodyPartExamined")),
        laterality=_without_empty(display={"L": "Left", "R": "Right"}.get(_text(values, "Laterality"), "")),
        started=moment(values, "SeriesDate", "SeriesTime"),
        instance=instances,
    )


def _instance(values: Values) -> Json:
    return _without_empty(
        uid=_text(values, "SOPInstanceUID"),
        sopClass={"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{_text(values, 'SOPClassUID')}"},
        number=_count(values, "InstanceNumber"),
        title=_text(values, "DocumentTitle"),
    )


def _capability(name: str, parameters: Mapping[str, str]) -> Json:
    return _without_empty(
        type=name,
        interaction=[{"code": "read"}, {"code": "search-type"}],
        searchInclude=list(INCLUDES) if name == "ImagingStudy" else [],
        searchParam=[{"name": parameter, "type": kind} for parameter, kind in parameters.items()],
    )


def _accession(study: Values) -> list[Json]:
    number = _text(study, "AccessionNumber")
    return [{"type": _identifier_type("ACSN"), "value": number}] if number else []


def _identifier_type(code: str) -> Json:
    return {"coding": [{"system": IDENTIFIER_TYPE, "code": code}]}


def _modality(code: str) -> Json:
    return {"system": DICOM_ONTOLOGY, "code": code}


def _concept(item: Mapping[str, str]) -> Json:
    code, scheme = item.get("CodeValue", ""), item.get("CodingSchemeDesignator", "")
    meaning = _INVISIBLE.sub(" ", item.get("CodeMeaning", ""))
    if scheme not in CODING_SYSTEMS or not code:
        return _without_empty(text=meaning or code or "unknown")
    return _without_empty(
        coding=[_without_empty(system=CODING_SYSTEMS[scheme], code=code, display=meaning)], text=meaning
    )


def _human_name(group: str, representation: str) -> Json:
    family, given, middle, prefix, suffix = _components(group)
    return _without_empty(
        extension=[{"url": NAME_REPRESENTATION, "valueCode": representation}] if representation else [],
        text=readable_name(group),
        family=family,
        given=[one for one in (given, middle) if one],
        prefix=[prefix] if prefix else [],
        suffix=[suffix] if suffix else [],
    )


def _components(group: str) -> list[str]:
    """Family, given and middle name, prefix and suffix."""
    parts = [" ".join(_INVISIBLE.sub(" ", part).split()) for part in group.split("^")]
    parts += [""] * (5 - len(parts))
    return [*parts[:4], " ".join(parts[4:])]


def _named(name: str) -> Json:
    return _without_empty(display=readable_name(name.split("\\")[0]))


def _day(text: str) -> str:
    """A DA as a date; "" where it is none."""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])).isoformat() if len(text) == 8 else ""
    except ValueError:
        return ""


def _count(values: Values, path: str) -> int | None:
    """FHIR's unsignedInt; a number below 0 is none."""
    value = values.get(path)
    return value if isinstance(value, int) and 0 <= value < 1 << 31 else None


def _texts(values: Values, path: str) -> list[str]:
    return [one for one in _text(values, path).split("\\") if one]


def _text(values: Values, path: str) -> str:
    return _INVISIBLE.sub(" ", str(values.get(path) or "")).strip()


def _without_empty(**members: Any) -> Json:
    """FHIR has no empty strings, arrays and objects."""
    return {name: value for name, value in members.items() if value not in (None, "", [], {})}
