"""Studies handed out whole: as an archive that is made while it is sent, or as files in a folder."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from pacs import audit
from pacs.archive.archived import Archive, entry_of
from pacs.archive.find import find
from pacs.archive.removals import missing
from pacs.archive.selection import InstanceRef, instances
from pacs.archive.zipped import Entry
from pacs.context import Actor, Pacs
from pacs.dicom.attributes import Level
from pacs.dicom.dicomdir import KEYS, Listed, dicomdir
from pacs.dicom.query import AnyOf, Query
from pacs.errors import InvalidQuery

MOST_STUDIES = 100
LONGEST_NAME = 40
"""Characters of a part of a path."""
UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*^=]+')
"""What some system does not take in a name of a file, and what divides the parts of a person's name."""
ON_MEDIA = "DICOM"
"""The folder of the instances that a DICOMDIR lists."""

Values = Mapping[str, str | int | None]


def export(pacs: Pacs, actor: Actor, studies: Sequence[str], *, with_dicomdir: bool = True) -> Archive:
    """What of these studies is handed out, with the corrections laid over it.

    with_dicomdir: named as a medium has them (PS3.10 8.2), beside their index; otherwise by names for people: patient,
    study, series. Raises NotAllowed, NotFound, Removed, InvalidQuery for too many studies or none, OutOfResources.
    """
    actor.require("retrieve")
    studies = list(dict.fromkeys(studies))
    if not 1 <= len(studies) <= MOST_STUDIES:
        raise InvalidQuery(f"name 1 to {MOST_STUDIES} studies")
    refs = {ref.sop_instance_uid: ref for study in studies for ref in instances(pacs, actor, study)}
    known = _known(pacs, actor, studies)
    for study in studies:
        if not any(values["StudyInstanceUID"] == study for values in known):
            raise missing(pacs, actor, study)
    chosen = [(refs[uid], values) for values in known if (uid := str(values["SOPInstanceUID"])) in refs]
    version = sha256("\n".join(ref.version for ref, _ in chosen).encode()).hexdigest()
    entries = _on_medium(pacs, chosen, version) if with_dicomdir else _by_names(pacs, chosen)
    with pacs.database.write() as connection:
        for study in studies:
            audit.record(connection, actor, "exported", study_instance_uid=study)
    return Archive(_name_of(known), tuple(entries), version[:32])


def write_files(exported: Archive, folder: Path) -> None:
    """The files below a folder, which is made. Raises OSError, FileExistsError for what is there already."""
    for entry in exported.entries:
        path = folder / entry.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            for piece in entry.open():
                file.write(piece)


def _known(pacs: Pacs, actor: Actor, studies: Sequence[str]) -> list[Values]:
    """What the index knows of each instance, in the order of patients, studies and series."""
    include = (*(keyword for level in Level for keyword in KEYS[level]), "IssuerOfPatientID", "SOPInstanceUID")
    query = Query(Level.IMAGE, {"StudyInstanceUID": AnyOf(tuple(studies))}, include)
    answers = find(pacs, actor, query)
    keywords = [attribute.keyword for attribute in answers.attributes]
    rows = [dict(zip(keywords, row, strict=True)) for row in answers]
    order = ("PatientID", "IssuerOfPatientID", "PatientName", "StudyDate", "StudyTime", "StudyInstanceUID")
    numbers = ("SeriesNumber", "SeriesInstanceUID", "InstanceNumber", "SOPInstanceUID")
    return sorted(rows, key=lambda row: [_sortable(row[keyword]) for keyword in (*order, *numbers)])


def _sortable(value: str | int | None) -> tuple[int, str]:
    return (value, "") if isinstance(value, int) else (0, value or "")


def _on_medium(pacs: Pacs, chosen: Sequence[tuple[InstanceRef, Values]], version: str) -> Iterator[Entry]:
    listed, entries = [], []
    number_of = _Numbers()
    for ref, values in chosen:
        patient = str((values["PatientID"], values["IssuerOfPatientID"], values["PatientName"]))
        parents = (patient, ref.study_instance_uid, ref.series_instance_uid)
        places = [number_of(parents[: depth + 1]) for depth in range(3)]
        names = [f"{kind}{place:06}" for kind, place in zip(("PT", "ST", "SE"), places, strict=True)]
        file_id = (ON_MEDIA, *names, f"IM{number_of((*parents, ref.sop_instance_uid)):06}")
        listed.append(Listed(file_id, ref.sop_class_uid, ref.sop_instance_uid, ref.transfer_syntax_uid, values))
        entries.append(entry_of(pacs, ref, "/".join(file_id), _taken_at(values)))
    uid = f"2.25.{UUID(version[:32]).int}"
    index = dicomdir(listed, uid)
    modified = max(entry.modified for entry in entries)
    yield Entry("DICOMDIR", len(index), lambda: (index,), modified)
    yield from entries


def _by_names(pacs: Pacs, chosen: Sequence[tuple[InstanceRef, Values]]) -> Iterator[Entry]:
    unique = _Unique()
    number_of = _Numbers()
    for ref, values in chosen:
        patient = unique((), _joined(values, "PatientName", "PatientID"), str(values["PatientID"]))
        study = unique((patient,), _joined(values, "StudyDate", "StudyDescription"), ref.study_instance_uid)
        of_series = _joined(values, "SeriesNumber", "Modality", "SeriesDescription")
        series = unique((patient, study), of_series, ref.series_instance_uid)
        place = number_of((patient, study, series, ref.sop_instance_uid))
        yield entry_of(pacs, ref, f"{patient}/{study}/{series}/{place:05}.dcm", _taken_at(values))


def _taken_at(values: Values) -> datetime:
    """When the study began, by its own clock: the same archive has the same bytes whenever it is made."""
    with suppress(ValueError):
        return datetime.strptime(f"{values['StudyDate']}{values['StudyTime']}"[:14], "%Y%m%d%H%M%S")
    with suppress(ValueError):
        return datetime.strptime(str(values["StudyDate"]), "%Y%m%d")
    return datetime.min


class _Numbers:
    """Numbers what is in a place, from 1 on, in the order in which it comes."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], int] = {}
        self._used: dict[tuple[str, ...], int] = {}

    def __call__(self, path: tuple[str, ...]) -> int:
        if path not in self._known:
            parent = path[:-1]
            self._known[path] = self._used[parent] = self._used.get(parent, 0) + 1
        return self._known[path]


class _Unique:
    """Gives each thing in a place a name of its own, on systems too that do not tell letters by their case."""

    def __init__(self) -> None:
        self._names: dict[tuple[tuple[str, ...], str], str] = {}
        self._taken: set[tuple[tuple[str, ...], str]] = set()

    def __call__(self, place: tuple[str, ...], name: str, identity: str) -> str:
        key = place, identity + "\n" + name
        if key not in self._names:
            self._names[key] = next(one for one in _variants(name) if (place, one.casefold()) not in self._taken)
            self._taken.add((place, self._names[key].casefold()))
        return self._names[key]


def _variants(name: str) -> Iterable[str]:
    yield name
    yield from (f"{name} ({number})" for number in range(2, 1 << 20))


def _joined(values: Values, *keywords: str) -> str:
    parts = (safe_name(str(values[keyword])) for keyword in keywords if values[keyword] not in (None, ""))
    return " ".join(filter(None, parts)) or "-"


def safe_name(text: str) -> str:
    """A text as part of a file's name: letters of any script stay, what a system may not take goes."""
    return " ".join(UNSAFE.sub(" ", text).split())[:LONGEST_NAME].strip(" .")


def _name_of(known: Sequence[Values]) -> str:
    """Of the patient and the day where there is one of each."""
    names = {str(values["PatientName"]).partition("=")[0] for values in known}
    dates = {str(values["StudyDate"]) for values in known}
    parts = [safe_name(one) for some in (names, dates) if len(some) == 1 for one in some]
    return " ".join(filter(None, parts)) or "studies"
