"""FHIR R4 to be read: ImagingStudy, Patient and Endpoint, out of the same question as QIDO-RS."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import wraps
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Body, Request, Response

import pacs as package
from pacs.archive.find import count, find
from pacs.archive.pseudonyms import Person, person_of, pseudonyms_of
from pacs.archive.removals import missing
from pacs.context import Actor, Pacs
from pacs.dicom import fhir
from pacs.dicom.attributes import Level
from pacs.dicom.fhir import Json, Values
from pacs.dicom.fhir_search import PARAMETERS, Search, search_of, token_of
from pacs.dicom.media import DICOM_JSON, Offer, choose
from pacs.dicom.query import AnyOf, Empty, Match, Query, Single, Wildcard
from pacs.errors import (
    InvalidQuery,
    NotAcceptable,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    OutOfResources,
    PacsError,
    Removed,
    TooLarge,
)
from pacs.web.answers import origin_of
from pacs.web.auth import pacs_of, signed_in
from pacs.web.problem import EXTRA, status_of
from pacs.web.question import cursor_of, place_of_cursor

FHIR_JSON = "application/fhir+json"
FORMATS = frozenset(("json", "application/json", "text/json", FHIR_JSON, "application/fhir json"))
"""As `_format` names them; a plus that was not escaped is a space."""
ISSUES: Mapping[type[PacsError], str] = {
    InvalidQuery: "invalid",
    Removed: "deleted",
    NotFound: "not-found",
    NotAllowed: "forbidden",
    NotAuthenticated: "login",
    NotAcceptable: "not-supported",
    TooLarge: "too-costly",
    OutOfResources: "transient",
}
"""The issue-type of an error; the nearest class of its ancestors decides."""
SMALL = 64 << 10
"""Bytes: no search is longer."""
NOT_EMPTY = Wildcard("?*")

Endpoint = Callable[..., Response]
Parameters = Sequence[tuple[str, str]]
Form = Annotated[bytes, Body(media_type="application/x-www-form-urlencoded")]

router = APIRouter(prefix="/fhir", tags=["FHIR"])


def in_fhir(endpoint: Endpoint) -> Endpoint:
    """The endpoint with its errors told as FHIR tells them, in an OperationOutcome."""

    @wraps(endpoint)
    def answer(request: Request, *args: Any, **kwargs: Any) -> Response:
        try:
            _refuse_other_formats(request)
            return endpoint(request, *args, **kwargs)
        except PacsError as error:
            code = next((ISSUES[kind] for kind in type(error).__mro__ if kind in ISSUES), "processing")
            status = status_of(error)
            return _give(fhir.operation_outcome("error", code, str(error)), status, EXTRA.get(status, {}))

    return answer


@router.get("/metadata")
@in_fhir
@signed_in
def tell_capabilities(request: Request, actor: Actor) -> Response:
    """The CapabilityStatement."""
    return _give(fhir.capability_statement(package.__version__, _base(request), PARAMETERS, date.today()))


@router.get("/ImagingStudy")
@in_fhir
@signed_in
def search_imaging_studies(request: Request, actor: Actor) -> Response:
    """Search for studies: _id, identifier, patient or subject, their identifier and name, started, modality, status.

    Besides: _count, _sort=-started, _include of subject and endpoint, _summary=count, _total=none.
    """
    return _search_studies(request, actor, request.query_params.multi_items())


@router.post("/ImagingStudy/_search", max_body_size=SMALL)
@in_fhir
@signed_in
def search_imaging_studies_by_form(request: Request, actor: Actor, form: Form) -> Response:
    """The same, its parameters in the body: there they are in no log of a proxy."""
    return _search_studies(request, actor, _posted(request, form))


@router.get("/ImagingStudy/{study}")
@in_fhir
@signed_in
def read_imaging_study(request: Request, actor: Actor, study: str) -> Response:
    """A study by its Study Instance UID, with its series and instances."""
    pacs = pacs_of(request)
    of_study: dict[str, Match] = {"StudyInstanceUID": Single(study)}
    found = _found(pacs, actor, Query(Level.STUDY, of_study, fhir.STUDY_PATHS))
    if not found:
        raise missing(pacs, actor, study)
    instances = _found(pacs, actor, Query(Level.IMAGE, of_study, fhir.INSTANCE_PATHS))
    series = _series_of(pacs, actor, [study])[study]
    names = _patients_of(pacs, found)
    return _give(fhir.imaging_study(found[0], series, _by(instances, "InstanceNumber"), patient=names[0]))


@router.get("/Patient")
@in_fhir
@signed_in
def search_patients(request: Request, actor: Actor) -> Response:
    """Search for patients who have an id: _id, identifier, name, family, given, birthdate, gender; _count."""
    return _search_patients(request, actor, request.query_params.multi_items())


@router.post("/Patient/_search", max_body_size=SMALL)
@in_fhir
@signed_in
def search_patients_by_form(request: Request, actor: Actor, form: Form) -> Response:
    """The same, its parameters in the body."""
    return _search_patients(request, actor, _posted(request, form))


@router.get("/Patient/{patient}")
@in_fhir
@signed_in
def read_patient(request: Request, actor: Actor, patient: str) -> Response:
    """A patient by the id that an ImagingStudy or a search tells."""
    pacs = pacs_of(request)
    person = person_of(pacs, patient)
    found = _found(pacs, actor, Query(Level.PATIENT, _matches_of([person]), fhir.PATIENT_PATHS)) if person else []
    same = [one for one in found if person is not None and _person(one).identity == person.identity]
    if not same:
        raise NotFound("there is no such patient")
    return _give(fhir.patient(same[0], patient))


@router.get("/Endpoint")
@in_fhir
@signed_in
def search_endpoints(request: Request, actor: Actor) -> Response:
    """Where DICOMweb is: _id, status, connection-type."""
    given = request.query_params.multi_items()
    found = []
    for name, service in fhir.SERVICES.items():
        has = {"_id": name, "status": "active", "connection-type": service}
        if all(has[key] in [token_of(one)[1] for one in value.split(",")] for key, value in given if key in has):
            found.append(_endpoint_entry(request, name, "match"))
    return _give(fhir.search_set(found, len(found), {"self": str(request.url)}))


@router.get("/Endpoint/{name}")
@in_fhir
@signed_in
def read_endpoint(request: Request, actor: Actor, name: str) -> Response:
    """An endpoint that an ImagingStudy names."""
    if name not in fhir.SERVICES:
        raise NotFound("there is no such endpoint")
    return _give(fhir.endpoint(name, f"{origin_of(request)}/dicom-web"))


@router.get("/{path:path}")
@in_fhir
@signed_in
def refuse_other_resources(request: Request, actor: Actor, path: str) -> Response:
    """What is no resource of ours."""
    raise NotFound("there are ImagingStudy, Patient and Endpoint here, and metadata")


def _search_studies(request: Request, actor: Actor, given: Parameters) -> Response:
    pacs = pacs_of(request)
    search = search_of("ImagingStudy", given)
    page = _page(request, actor, "ImagingStudy", given, search, Query(Level.STUDY, search.matches, fhir.STUDY_PATHS))
    names = _patients_of(pacs, page.rows)
    series = _series_of(pacs, actor, [str(row["StudyInstanceUID"]) for row in page.rows])
    entries = [
        _entry(request, fhir.imaging_study(row, series[str(row["StudyInstanceUID"])], patient=name), "match")
        for row, name in zip(page.rows, names, strict=True)
    ]
    if "patient" in search.includes:
        entries += _included_patients(request, actor, page.rows, names)
    if "endpoint" in search.includes and entries:
        entries.append(_endpoint_entry(request, "wado", "include"))
    return _give_page(request, search, page, entries)


def _search_patients(request: Request, actor: Actor, given: Parameters) -> Response:
    search = search_of("Patient", given)
    query = Query(Level.PATIENT, {"PatientID": NOT_EMPTY, **search.matches}, fhir.PATIENT_PATHS)
    page = _page(request, actor, "Patient", given, search, query)
    names = _patients_of(pacs_of(request), page.rows)
    pairs = zip(page.rows, names, strict=True)
    return _give_page(request, search, page, [_entry(request, fhir.patient(row, name), "match") for row, name in pairs])


@dataclass(frozen=True, slots=True)
class _Page:
    """Some of what a search finds."""

    rows: Sequence[Values]
    total: int | None
    links: Mapping[str, str]


def _page(request: Request, actor: Actor, resource: str, given: Parameters, search: Search, query: Query) -> _Page:
    """Raises InvalidQuery, also for parameters that are not known where the client wants it strict."""
    if search.passed_over and "handling=strict" in request.headers.get("prefer", ""):
        raise InvalidQuery(f"not known or not honoured: {', '.join(search.passed_over)}")
    pacs, used = pacs_of(request), [pair for pair in given if pair[0] not in search.passed_over]
    query, is_possible = _of_patients(pacs, search, query)
    links = {"self": _url(request, resource, used)}
    if not is_possible:
        return _Page([], 0, links)
    total = None if ("_total", "none") in given else count(pacs, actor, query)
    if ("_summary", "count") in given or total == 0 or search.count == 0:
        return _Page([], total, links)
    digest = _digest(resource, used)
    place = place_of_cursor(search.cursor, digest) if search.cursor else ()
    rows, after = _rows(pacs, actor, _placed(query, search, place), search)
    if after:
        following = [pair for pair in used if pair[0] != "_cursor"]
        links["next"] = _url(request, resource, [*following, ("_cursor", cursor_of(after, digest))])
    return _Page(rows, total, links)


def _of_patients(pacs: Pacs, search: Search, query: Query) -> tuple[Query, bool]:
    """The question with the patients that are meant in it, and whether anything can be found."""
    if not search.patients:
        return query, not search.finds_nothing
    people = [person for name in search.patients if (person := person_of(pacs, name)) is not None]
    if not people:
        return query, False
    return replace(query, matches={**query.matches, **_matches_of(people)}), not search.finds_nothing


def _matches_of(people: Sequence[Person]) -> dict[str, Match]:
    """Raises InvalidQuery for patients whose ids are not of one issuer: the archive has no word for that."""
    issuers = {person.issuer_of_patient_id for person in people}
    if len(issuers) > 1:
        raise InvalidQuery("patients of several issuers cannot be asked for at once")
    (issuer,) = issuers
    ids = tuple(person.patient_id for person in people)
    return {
        "PatientID": Single(ids[0]) if len(ids) == 1 else AnyOf(ids),
        "IssuerOfPatientID": Single(issuer) if issuer else Empty(),
    }


def _placed(query: Query, search: Search, place: tuple[int, ...]) -> Query:
    """From the place of a cursor on; in the order of dates that is a number."""
    if search.newest_first:
        return replace(query, newest_first=True, offset=place[0] if place else 0, limit=search.count + 1)
    return replace(query, after=place, limit=search.count + 1)


def _rows(pacs: Pacs, actor: Actor, query: Query, search: Search) -> tuple[list[Values], Sequence[str | int | None]]:
    """Those of one page, and the place behind them where there are more."""
    answers = find(pacs, actor, query)
    paths = [attribute.path for attribute in answers.attributes]
    rows: list[Values] = []
    place: Sequence[str | int | None] = ()
    for row in answers:
        if len(rows) == search.count:
            return rows, (query.offset + search.count,) if search.newest_first else place
        rows.append(dict(zip(paths, row, strict=True)))
        place = answers.place
    return rows, ()


def _found(pacs: Pacs, actor: Actor, query: Query) -> list[Values]:
    answers = find(pacs, actor, query)
    paths = [attribute.path for attribute in answers.attributes]
    return [dict(zip(paths, row, strict=True)) for row in answers]


def _series_of(pacs: Pacs, actor: Actor, studies: Sequence[str]) -> dict[str, list[Values]]:
    """The series of each study, by their numbers."""
    by_study: dict[str, list[Values]] = {study: [] for study in studies}
    if studies:
        query = Query(Level.SERIES, {"StudyInstanceUID": AnyOf(tuple(studies))}, fhir.SERIES_PATHS)
        for row in _by(_found(pacs, actor, query), "SeriesNumber"):
            by_study[str(row["StudyInstanceUID"])].append(row)
    return by_study


def _by(rows: Iterable[Values], path: str) -> list[Values]:
    """In the order of a number; last those that have none."""
    return sorted(rows, key=lambda row: (row[path] is None, row[path]))


def _patients_of(pacs: Pacs, rows: Sequence[Values]) -> list[str]:
    """The pseudonym of the patient of each row; "" for one without an id."""
    people = [_person(row) for row in rows]
    names = pseudonyms_of(pacs, {person for person in people if person.patient_id})
    return [names.get(person, "") for person in people]


def _person(row: Values) -> Person:
    return Person(str(row["PatientID"] or "").strip(), str(row["IssuerOfPatientID"] or "").strip())


def _included_patients(request: Request, actor: Actor, rows: Sequence[Values], names: Sequence[str]) -> list[Any]:
    """The patients of these studies, each once."""
    wanted = {_person(row).identity: name for row, name in zip(rows, names, strict=True) if name}
    by_issuer: dict[str, set[Person]] = {}
    for row in rows:
        if (person := _person(row)).patient_id:
            by_issuer.setdefault(person.issuer_of_patient_id, set()).add(person)
    found = (
        one
        for people in by_issuer.values()
        for one in _found(pacs_of(request), actor, Query(Level.PATIENT, _matches_of([*people]), fhir.PATIENT_PATHS))
    )
    patients = {wanted[identity]: one for one in found if (identity := _person(one).identity) in wanted}
    return [_entry(request, fhir.patient(one, name), "include") for name, one in patients.items()]


def _give_page(request: Request, search: Search, page: _Page, entries: list[Any]) -> Response:
    if search.passed_over:
        text = f"not known or not honoured: {', '.join(search.passed_over)}"
        entries.append(("", fhir.operation_outcome("warning", "not-supported", text), "outcome"))
    return _give(fhir.search_set(entries, page.total, page.links))


def _entry(request: Request, resource: Json, mode: str) -> tuple[str, Json, str]:
    return f"{_base(request)}/{resource['resourceType']}/{resource['id']}", resource, mode


def _endpoint_entry(request: Request, name: str, mode: str) -> tuple[str, Json, str]:
    return _entry(request, fhir.endpoint(name, f"{origin_of(request)}/dicom-web"), mode)


def _posted(request: Request, form: bytes) -> Parameters:
    """The parameters of the address and of the body. Raises InvalidQuery."""
    try:
        body = parse_qsl(form.decode(), keep_blank_values=True, strict_parsing=bool(form), max_num_fields=200)
    except ValueError as error:
        raise InvalidQuery("the body is no form") from error
    return [*request.query_params.multi_items(), *body]


def _refuse_other_formats(request: Request) -> None:
    wanted = request.query_params.get("_format")
    if wanted is not None and wanted.partition(";")[0] not in FORMATS:
        raise NotAcceptable("what is here is given as application/fhir+json")
    if wanted is None:  # DICOM JSON is what mere JSON is called here
        choose(request.headers.get("accept", ""), [Offer(FHIR_JSON), Offer(DICOM_JSON)])


def _digest(resource: str, used: Parameters) -> bytes:
    """Of what decides which resources there are: a cursor is of no use to another search."""
    asked = sorted(pair for pair in used if pair[0] not in ("_cursor", "_count"))
    return hashlib.sha256(json.dumps([resource, asked]).encode()).digest()[:9]


def _url(request: Request, resource: str, parameters: Parameters) -> str:
    query = urlencode(parameters, safe="|,:/")
    return f"{_base(request)}/{resource}" + (f"?{query}" if query else "")


def _base(request: Request) -> str:
    return f"{origin_of(request)}/fhir"


def _give(resource: Json, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(resource, ensure_ascii=False, separators=(",", ":"))
    return Response(body, status, dict(headers or {}), FHIR_JSON)
