"""Which studies are meant by who opens us from another system: by its numbers, or as IHE's Invoke Image Display asks.

IHE RAD TF-2 4.106 (RAD-106). What is not clear is told and left to the reader, lest he reads a wrong patient.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pacs.archive.find import find
from pacs.archive.listing import SHOWN, Summary
from pacs.context import Actor, Pacs
from pacs.dicom.attributes import BY_PATH, Level
from pacs.dicom.person_name import fold
from pacs.dicom.query import AnyOf, Match, Query, Range, Single
from pacs.errors import InvalidQuery

MOST = 200
"""Studies that are offered to choose from, the newest."""

Verdict = Literal["open", "choose", "nothing", "some_missing", "several_patients", "another_patient"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for. Of a patient, or of studies, or of one object."""

    patient_id: str = ""
    issuers: tuple[str, ...] = ()
    """What the assigning authority is called; (): any."""
    study_instance_uids: tuple[str, ...] = ()
    accession_numbers: tuple[str, ...] = ()
    series_instance_uid: str = ""
    sop_instance_uid: str = ""
    modalities: tuple[str, ...] = ()
    first: datetime | None = None
    last: datetime | None = None
    """By the clock of the studies: without an offset."""
    newest: int | None = None
    """How many studies are wanted, the newest."""
    patient_name: str = ""
    patient_birth_date: str = ""
    """DA. These two find nobody: they must fit who was found."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What is to be opened, or chosen from, the newest first."""

    verdict: Verdict
    studies: list[Summary]
    series_instance_uid: str = ""
    sop_instance_uid: str = ""


def launch(pacs: Pacs, actor: Actor, wish: Wish) -> Launch:
    """What is meant among what the actor may know of. Raises NotAllowed, InvalidQuery."""
    place = _place_of(pacs, actor, wish)
    if place is not None and not place:
        return Launch("nothing", [])
    studies = _studies_of(pacs, actor, wish, place or {})
    series, instance = ((place or {}).get(name, "") for name in ("SeriesInstanceUID", "SOPInstanceUID"))
    return Launch(_verdict(wish, studies), studies, series, instance)


def _place_of(pacs: Pacs, actor: Actor, wish: Wish) -> dict[str, str] | None:
    """The UIDs from the study down to the one object that is asked for; {}: it is not here. None: none is asked for."""
    if not (wish.series_instance_uid or wish.sop_instance_uid):
        return None
    level = Level.IMAGE if wish.sop_instance_uid else Level.SERIES
    uids = {"SeriesInstanceUID": wish.series_instance_uid, "SOPInstanceUID": wish.sop_instance_uid}
    asked: dict[str, Match] = {name: Single(uid) for name, uid in uids.items() if uid}
    names = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")[: int(level)]
    rows = list(find(pacs, actor, Query(level, asked, names, limit=1)))
    return {name: str(value) for name, value in zip(names, rows[0], strict=False)} if rows else {}


def _studies_of(pacs: Pacs, actor: Actor, wish: Wish, place: dict[str, str]) -> list[Summary]:
    shown = (*SHOWN, "IssuerOfPatientID")
    query = Query(Level.STUDY, _matches(wish, place), shown, limit=MOST, newest_first=True)
    found = [_summary(shown, row) for row in find(pacs, actor, query)]
    return [study for study in found if _is_meant(wish, study)][: wish.newest]


def _matches(wish: Wish, place: dict[str, str]) -> dict[str, Match]:
    matches: dict[str, Match] = {}
    studies = wish.study_instance_uids
    if place:
        studies = tuple(uid for uid in studies or [place["StudyInstanceUID"]] if uid == place["StudyInstanceUID"])
    if studies or place:
        matches["StudyInstanceUID"] = AnyOf(studies or ("",))
    if wish.accession_numbers:
        matches["AccessionNumber"] = AnyOf(wish.accession_numbers)
    if wish.patient_id:
        matches["PatientID"] = Single(wish.patient_id)
    if not matches:
        raise InvalidQuery("say a patient, a study, a series or an instance")
    if wish.modalities:
        matches["ModalitiesInStudy"] = AnyOf(wish.modalities)
    if wish.first or wish.last:
        matches["StudyDate"] = Range(_day(wish.first), _day(wish.last))
    return matches


def _is_meant(wish: Wish, study: Summary) -> bool:
    issuer = study["issuer_of_patient_id"]
    if wish.issuers and issuer and issuer not in wish.issuers:
        return False
    begun = study["study_date"] + (study["study_time"] or "").partition(".")[0].ljust(6, "0")
    too_early = wish.first is not None and begun < f"{wish.first:%Y%m%d%H%M%S}"
    too_late = wish.last is not None and begun > f"{wish.last:%Y%m%d%H%M%S}"
    return not (too_early or too_late)


def _verdict(wish: Wish, studies: Sequence[Summary]) -> Verdict:
    if not studies:
        return "nothing"
    if any(_contradicts(wish, study) for study in studies):
        return "another_patient"
    if len({(study["patient_id"], study["issuer_of_patient_id"]) for study in studies}) > 1:
        return "several_patients"
    if _missing(wish, studies):
        return "some_missing"
    names_studies = (
        wish.study_instance_uids or wish.accession_numbers or wish.series_instance_uid or wish.sop_instance_uid
    )
    return "open" if names_studies or wish.newest or len(studies) == 1 else "choose"


def _contradicts(wish: Wish, study: Summary) -> bool:
    """Whether it is somebody else's than who asks says, as far as both say it."""
    born, name = study["patient_birth_date"], study["patient_name"]
    other_birth = bool(wish.patient_birth_date and born and born != wish.patient_birth_date)
    other_name = bool(wish.patient_name and name and _words(name).isdisjoint(_words(wish.patient_name)))
    return other_birth or other_name


def _words(name: str) -> set[str]:
    return set(fold(name).split())


def _missing(wish: Wish, studies: Sequence[Summary]) -> bool:
    found = {study["study_instance_uid"] for study in studies}
    numbers = {study["accession_number"] for study in studies}
    asked = len(set(wish.study_instance_uids) - found) + len(set(wish.accession_numbers) - numbers)
    return asked > 0


def _day(moment: datetime | None) -> str | None:
    return f"{moment:%Y%m%d}" if moment else None


def _summary(keywords: Sequence[str], row: Sequence[Any]) -> Summary:
    summary = {BY_PATH[keyword].column: value or "" for keyword, value in zip(keywords, row, strict=False)}
    summary["modalities_in_study"] = [one for one in str(summary["modalities_in_study"]).split("\\") if one]
    return summary
