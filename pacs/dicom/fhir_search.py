"""A FHIR search as a question to the archive: parameters of ImagingStudy and Patient (hl7.org/fhir/R4/search.html)."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pacs.dicom.attributes import BY_PATH
from pacs.dicom.fhir import DICOM_UID, IDENTIFIER_TYPE, INCLUDES, issuer_of_system
from pacs.dicom.query import AnyOf, Empty, Instants, Match, Range, Rules, Single, Words, Zoned, parse_match
from pacs.errors import InvalidQuery

USUAL_COUNT, MOST_AT_ONCE = 50, 200
"""Resources of one page: where nobody asks for a number, and at most."""
PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "ImagingStudy": {
        "_id": "token",
        "identifier": "token",
        "patient": "reference",
        "subject": "reference",
        "started": "date",
        "modality": "token",
        "status": "token",
    },
    "Patient": {
        "_id": "token",
        "identifier": "token",
        "name": "string",
        "family": "string",
        "given": "string",
        "birthdate": "date",
        "gender": "token",
    },
    "Endpoint": {"_id": "token", "status": "token", "connection-type": "token"},
}
"""What each resource is searched by, and of what type that is."""
GENDERS: Mapping[str, Match] = {"male": Single("M"), "female": Single("F"), "other": Single("O"), "unknown": Empty()}
PASSED_OVER = frozenset(("_format", "_pretty", "_total", "_summary", "accept", "charset"))
"""Of the form of the answer; what of it is honoured, the door knows."""

_DATE = re.compile(
    r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?"
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+ -]\d\d:\d\d)?)?)?)?"
)
_UID = re.compile(r"[0-2](\.\d+){3,}")


@dataclass(slots=True)
class Search:
    """A search as its parameters tell it."""

    matches: dict[str, Match] = field(default_factory=dict)
    patients: list[str] = field(default_factory=list)
    """The ids of the Patients one of whom is meant; []: anybody."""
    count: int = USUAL_COUNT
    cursor: str = ""
    newest_first: bool = False
    includes: list[str] = field(default_factory=list)
    finds_nothing: bool = False
    """It asks for what no resource of ours is."""
    passed_over: list[str] = field(default_factory=list)
    """Parameters that are not known."""

    def add(self, path: str, match: Match) -> None:
        """All that is asked must be so; the archive takes one match of an attribute. Raises InvalidQuery."""
        if self.matches.get(path, match) != match:
            raise InvalidQuery(f"{path} cannot be asked for in two ways at once")
        self.matches[path] = match


def search_of(resource: str, parameters: Sequence[tuple[str, str]]) -> Search:
    """What is asked of ImagingStudy or Patient. Raises InvalidQuery."""
    search = Search()
    moments: dict[str, list[str]] = {}
    names: list[str] = []
    for name, value in parameters:
        if name in _DATES[resource]:
            moments.setdefault(_DATES[resource][name], []).append(value)
        elif resource == "Patient" and name in ("name", "family", "given"):
            names += value.split(",")
        elif reader := {**_EVERYWHERE, **_READERS[resource]}.get(name):
            reader(search, value)
        elif name not in PASSED_OVER:
            search.passed_over.append(name)
    for path, values in moments.items():
        search.add(path, _period(path, values))
    if names:
        search.add("PatientName", _words(names))
    return search


def token_of(value: str) -> tuple[str | None, str]:
    """System and code of a token; None: of any system."""
    system, bar, code = value.rpartition("|")
    return (system if bar else None), code


def _set_count(search: Search, value: str) -> None:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise InvalidQuery(f"_count is a whole number, not {value[:32]!r}")
    search.count = min(int(value), MOST_AT_ONCE)


def _set_cursor(search: Search, value: str) -> None:
    search.cursor = value


def _set_id_of_study(search: Search, value: str) -> None:
    search.add("StudyInstanceUID", _uids(value.split(",")))


def _set_patients(search: Search, value: str) -> None:
    search.patients += [one.rpartition("/")[2] for one in value.split(",")]


def _set_identifier_of_study(search: Search, value: str) -> None:
    """The Study Instance UID or the accession number: by system, by type, else by what it looks like."""
    tokens = [token_of(one) for one in value.split(",")]
    of_study = [_is_study(system, code) for system, code in tokens]
    codes = [code.removeprefix("urn:oid:") for _, code in tokens]
    if all(of_study):
        search.add("StudyInstanceUID", _uids(codes))
    elif any(of_study):
        raise InvalidQuery("identifier: UIDs and accession numbers cannot stand in one list")
    else:
        search.add("AccessionNumber", _one_of(codes))
        search.finds_nothing |= any(system for system, _ in tokens)  # accession numbers are told without a system


def _is_study(system: str | None, code: str) -> bool:
    return system == DICOM_UID or code.startswith("urn:oid:") or (not system and _UID.fullmatch(code) is not None)


def _set_identifier_of_type(search: Search, value: str) -> None:
    system, code, number = [*value.split("|"), "", ""][:3]
    if (system, code) != (IDENTIFIER_TYPE, "ACSN"):
        search.finds_nothing = True
    search.add("AccessionNumber", Single(number))


def _set_identifier_of_patient(search: Search, value: str) -> None:
    tokens = [token_of(one) for one in value.split(",")]
    systems = {system for system, _ in tokens}
    if len(systems) > 1:
        raise InvalidQuery("identifier: several systems cannot stand in one list")
    search.add("PatientID", _one_of([code for _, code in tokens]))
    (system,) = systems
    if system is not None:
        search.add("IssuerOfPatientID", Single(issuer_of_system(system)) if system else Empty())


def _set_modality(search: Search, value: str) -> None:
    search.add("ModalitiesInStudy", _one_of([token_of(one)[1] for one in value.split(",")]))


def _set_status(search: Search, value: str) -> None:
    search.finds_nothing |= "available" not in [token_of(one)[1] for one in value.split(",")]


def _set_name(search: Search, value: str) -> None:
    search.add("PatientName", _words(value.split(",")))


def _set_gender(search: Search, value: str) -> None:
    gender = token_of(value)[1]
    if gender not in GENDERS:
        raise InvalidQuery(f"gender is one of {', '.join(GENDERS)}, not {gender[:32]!r}")
    search.add("PatientSex", GENDERS[gender])


def _set_sort(search: Search, value: str) -> None:
    """By start, newest first, or as it comes: another order is passed over."""
    if value == "-started":
        search.newest_first = True
    else:
        search.passed_over.append("_sort")


def _set_include(search: Search, value: str) -> None:
    if value in INCLUDES:
        search.includes.append(value.partition(":")[2].replace("subject", "patient"))
    else:
        search.passed_over.append("_include")


Reader = Callable[[Search, str], None]
_EVERYWHERE: Mapping[str, Reader] = {"_count": _set_count, "_cursor": _set_cursor}
_READERS: Mapping[str, Mapping[str, Reader]] = {
    "ImagingStudy": {
        "_id": _set_id_of_study,
        "_include": _set_include,
        "_sort": _set_sort,
        "identifier": _set_identifier_of_study,
        "identifier:of-type": _set_identifier_of_type,
        **dict.fromkeys(("patient", "subject", "patient:Patient", "subject:Patient"), _set_patients),
        **dict.fromkeys(
            ("patient.identifier", "subject.identifier", "subject:Patient.identifier"), _set_identifier_of_patient
        ),
        **dict.fromkeys(("patient.name", "subject.name", "subject:Patient.name"), _set_name),
        "modality": _set_modality,
        "status": _set_status,
    },
    "Patient": {"_id": _set_patients, "identifier": _set_identifier_of_patient, "gender": _set_gender},
}
_DATES: Mapping[str, Mapping[str, str]] = {
    "ImagingStudy": {"started": "StudyDate"},
    "Patient": {"birthdate": "PatientBirthDate"},
}


def _uids(texts: Sequence[str]) -> Match:
    """Raises InvalidQuery for what is none."""
    return parse_match(BY_PATH["StudyInstanceUID"], texts)


def _one_of(texts: Sequence[str]) -> Match:
    if not all(texts):
        raise InvalidQuery("a value that is asked for is empty")
    return Single(texts[0]) if len(texts) == 1 else AnyOf(tuple(texts))


def _words(names: Sequence[str]) -> Match:
    """Beginnings of words of a name, without regard to accents: as names are searched here."""
    found = parse_match(BY_PATH["PatientName"], [" ".join(names)], Rules(fuzzy=True))
    if not isinstance(found, Words):
        raise InvalidQuery("a name that is asked for is empty")
    return found


@dataclass(frozen=True, slots=True)
class _Asked:
    """A date as it is asked for: the time that it stands for, to its last unit."""

    prefix: str
    first: datetime
    after: datetime
    """When the time that comes next begins."""
    has_time: bool
    offset: str
    """From UTC, `+0700`; "": that of this machine."""


def _period(path: str, values: Sequence[str]) -> Match:
    """All of the values together: from the latest beginning to the earliest end. Raises InvalidQuery."""
    asked = [_asked(path, value) for value in values]
    has_time = any(one.has_time for one in asked)
    firsts = [_begin(one) for one in asked if one.prefix not in ("lt", "le", "eb")]
    ends = [_end(one) for one in asked if one.prefix not in ("gt", "ge", "sa")]
    first, end = max(firsts, default=None), min(ends, default=None)
    if first and end and first >= end:
        raise InvalidQuery(f"{path}: what is asked for ends before it begins")
    if not has_time:
        last = end - timedelta(days=1) if end else None
        return Range(f"{first:%Y%m%d}" if first else None, f"{last:%Y%m%d}" if last else None)
    offsets = {one.offset for one in asked if one.has_time}
    if path != "StudyDate" or len(offsets) > 1:
        raise InvalidQuery(f"{path}: these times cannot be compared")
    instants = Instants(
        _instant(first, is_last=False) if first else None,
        _instant(end, is_last=True) if end else None,
    )
    offset = offsets.pop()
    return Zoned(instants, offset) if offset else instants


def _begin(one: _Asked) -> datetime:
    return one.after if one.prefix in ("gt", "sa") else one.first


def _end(one: _Asked) -> datetime:
    return one.first if one.prefix in ("lt", "eb") else one.after


def _instant(moment: datetime, *, is_last: bool) -> str:
    """As the archive compares it: in the shortest form the first, to its last microsecond the last before a moment."""
    time = BY_PATH["StudyTime"]
    if is_last:
        moment -= timedelta(microseconds=1)
        return f"{moment:%Y%m%d%H%M%S.%f}"
    begun = parse_match(time, [f"{moment:%H%M%S}-"])
    assert isinstance(begun, Range)
    return f"{moment:%Y%m%d}{begun.first}"


def _asked(path: str, value: str) -> _Asked:
    found = _DATE.fullmatch(value)
    if found is None or found[1] in ("ne", "ap"):
        raise InvalidQuery(f"{path}: {value[:40]!r} is no date that can be asked for")
    prefix, year, month, day, hour, minute, second, zone = found.groups()
    try:
        first = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), min(59, int(second or 0))
        )
        after = _next(first, month, day, hour, second)
    except (ValueError, OverflowError) as error:
        raise InvalidQuery(f"{path}: {value[:40]!r} is no date") from error
    # A plus that was not escaped in the address is a space now.
    offset = "" if not zone else "+0000" if zone == "Z" else zone.replace(":", "").replace(" ", "+")
    return _Asked(prefix or "eq", first, after, hour is not None, offset)


def _next(first: datetime, month: str | None, day: str | None, hour: str | None, second: str | None) -> datetime:
    """The beginning of the next year, month, day, minute or second."""
    if month is None:
        return first.replace(year=first.year + 1)
    if day is None:
        return (first + timedelta(days=31)).replace(day=1)
    if hour is None:
        return first + timedelta(days=1)
    return first + (timedelta(minutes=1) if second is None else timedelta(seconds=1))
