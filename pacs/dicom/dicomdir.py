"""The index of a medium: DICOMDIR, the Media Storage Directory (PS3.3 F, PS3.10 8)."""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from pacs.dicom.attributes import Level
from pacs.dicom.part10 import EXPLICIT_LITTLE_ENDIAN, file_meta

MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"
UTF_8 = "ISO_IR 192"
KEYS: Mapping[Level, tuple[str, ...]] = {  # PS3.3 F.5.1 to F.5.3
    Level.PATIENT: ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    Level.STUDY: (*("StudyDate", "StudyTime", "AccessionNumber", "StudyDescription", "StudyInstanceUID", "StudyID"),),
    Level.SERIES: ("Modality", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription"),
    Level.IMAGE: (
        *("InstanceNumber", "ContentDate", "ContentTime", "CompletionFlag", "VerificationFlag", "DocumentTitle"),
        *("ContentLabel", "ContentDescription", "PresentationCreationDate", "PresentationCreationTime"),
    ),
}
"""What the record of each level says."""
REQUIRED = frozenset(("PatientName", "PatientID", *KEYS[Level.STUDY], "Modality", "SeriesInstanceUID"))
"""They stand there though they are empty."""
NUMBERED = frozenset(("SeriesNumber", "InstanceNumber"))
"""They have a value always (type 1): their place on the medium where they have none of their own."""
RECORD_TYPES: Sequence[tuple[str, str]] = (  # PS3.3 Table F.4-1; the first that fits
    ("481.2", "RT DOSE"),
    ("481.3", "RT STRUCTURE SET"),
    ("481.5", "RT PLAN"),
    ("481.8", "RT PLAN"),
    ("481.4", "RT TREAT RECORD"),
    ("481.6", "RT TREAT RECORD"),
    ("481.7", "RT TREAT RECORD"),
    ("481.9", "RT TREAT RECORD"),
    ("88.59", "KEY OBJECT DOC"),
    ("88", "SR DOCUMENT"),
    ("104", "ENCAP DOC"),
    ("11", "PRESENTATION"),
    ("9", "WAVEFORM"),
    ("4.2", "SPECTROSCOPY"),
    ("66.1", "REGISTRATION"),
    ("66.3", "REGISTRATION"),
    ("66.2", "FIDUCIAL"),
    ("66.5", "SURFACE"),
    ("66.6", "TRACT"),
    ("66.4", "IMAGE"),
    ("66.7", "IMAGE"),
    ("66", "RAW DATA"),
    ("67", "VALUE MAP"),
    ("68", "SURFACE SCAN"),
    ("77.1.5.3", "STEREOMETRIC"),
    ("78", "MEASUREMENT"),
    ("90", "ASSESSMENT"),
    ("91", "ANNOTATION"),
)
STORAGE = "1.2.840.10008.5.1.4.1.1."

NEXT, LOWER = 8 + 8, 8 + 12 + 10 + 8
"""Where the two offsets of a record lie in its item: behind the item's head, and the heads of elements."""

Values = Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class Listed:
    """An instance on the medium."""

    file_id: tuple[str, ...]
    """Its path: at most 8 names of at most 8 capitals, digits and underscores (PS3.10 8.2)."""
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    values: Values
    """What is known of it and of what it is in, by keyword."""


@dataclass(slots=True)
class _Record:
    item: bytearray
    below: list["_Record"] = field(default_factory=list)
    offset: int = 0


def dicomdir(instances: Sequence[Listed], uid: str, file_set_id: str = "FILMLESS") -> bytes:
    """The whole file, for instances that stand in the order of their patients, studies and series.

    uid: its own SOP Instance UID.
    """
    roots = list(_records(instances))
    head = file_meta(MEDIA_STORAGE_DIRECTORY, uid, EXPLICIT_LITTLE_ENDIAN)
    begin = len(head) + len(_file_set(file_set_id, 0, 0)) + len(_sequence(0))
    items = list(_laid_out(roots, begin))
    first, last = (roots[0].offset, roots[-1].offset) if roots else (0, 0)
    length = sum(len(record.item) for record in items)
    before = head + _file_set(file_set_id, first, last) + _sequence(length)
    return before + b"".join(record.item for record in items)


def record_type(sop_class_uid: str) -> str:
    """The Directory Record Type of an instance of this class."""
    kind = sop_class_uid.removeprefix(STORAGE)
    if kind != sop_class_uid:
        for prefix, found in RECORD_TYPES:
            if kind == prefix or kind.startswith(prefix + "."):
                return found
    return "IMAGE"


def _records(instances: Sequence[Listed], level: Level = Level.PATIENT) -> Iterator[_Record]:
    """Those of a level, with what is below them."""
    if level == Level.IMAGE:
        yield from (_leaf(one, number) for number, one in enumerate(instances, 1))
        return
    runs = [list(run) for _, run in groupby(instances, lambda one: _identity(one, level))]
    for number, run in enumerate(runs, 1):
        below = list(_records(run, Level(level + 1)))
        yield _Record(_item(level.name, _keys(run[0].values, level, number)), below)


def _identity(one: Listed, level: Level) -> tuple[object, ...]:
    unique = {
        Level.PATIENT: ("PatientID", "IssuerOfPatientID", "PatientName"),
        Level.STUDY: ("StudyInstanceUID",),
        Level.SERIES: ("SeriesInstanceUID",),
    }
    return tuple(one.values.get(keyword) for keyword in unique[level])


def _leaf(one: Listed, number: int) -> _Record:
    kind = record_type(one.sop_class_uid)
    keys = _keys(one.values, Level.IMAGE, number)
    references: dict[str, Any] = {
        "ReferencedFileID": list(one.file_id),
        "ReferencedSOPClassUIDInFile": one.sop_class_uid,
        "ReferencedSOPInstanceUIDInFile": one.sop_instance_uid,
        "ReferencedTransferSyntaxUIDInFile": one.transfer_syntax_uid,
    }
    return _Record(_item(kind, references | keys))


def _keys(values: Values, level: Level, number: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for keyword in KEYS[level]:
        value = values.get(keyword)
        if value in (None, "") and keyword in NUMBERED:
            value = number
        if value not in (None, "") or keyword in REQUIRED:
            found[keyword] = "" if value is None else str(value)
    return found


def _item(kind: str, values: Mapping[str, Any]) -> bytearray:
    record = Dataset()
    said = {
        "OffsetOfTheNextDirectoryRecord": 0,
        "RecordInUseFlag": 0xFFFF,
        "OffsetOfReferencedLowerLevelDirectoryEntity": 0,
        "DirectoryRecordType": kind,
        "SpecificCharacterSet": UTF_8,
        **values,
    }
    for keyword, value in said.items():  # what was kept is told as it is, whatever pydicom thinks of it
        record.add(DataElement(keyword, dictionary_VR(keyword), value, validation_mode=config.IGNORE))
    file = DicomBytesIO()
    file.is_little_endian, file.is_implicit_VR = True, False
    write_dataset(file, record)
    content = file.getvalue()
    return bytearray(struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content)


def _laid_out(records: Iterable[_Record], begin: int) -> Iterator[_Record]:
    """Each record before what is below it, with its offsets set. begin: where the first lies in the file."""
    position = begin
    previous: _Record | None = None
    for record in records:
        record.offset = position
        if previous is not None:
            struct.pack_into("<I", previous.item, NEXT, position)
        previous = record
        position += len(record.item)
        if record.below:
            struct.pack_into("<I", record.item, LOWER, position)
        below = list(_laid_out(record.below, position))
        yield record
        yield from below
        position += sum(len(one.item) for one in below)


def _file_set(name: str, first: int, last: int) -> bytes:
    """What stands before the records: the File-set ID, and where the first and the last patient are."""
    padded = name.encode("ascii") + b" " * (len(name) % 2)
    return b"".join(
        (
            struct.pack("<HH2sH", 4, 0x1130, b"CS", len(padded)) + padded,
            struct.pack("<HH2sHI", 4, 0x1200, b"UL", 4, first),
            struct.pack("<HH2sHI", 4, 0x1202, b"UL", 4, last),
            struct.pack("<HH2sHH", 4, 0x1212, b"US", 2, 0),
        )
    )


def _sequence(length: int) -> bytes:
    return struct.pack("<HH2sHI", 4, 0x1220, b"SQ", 0, length)
