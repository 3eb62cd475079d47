"""The attributes that are indexed, each at its level: what can be asked for, matched and returned.

To index another one: a line here, a column of the same name in snake_case in `index/tables.py`, a migration.
Required keys are those of PS3.4 C.6.1.1 and C.6.2.1 and PS3.18 Table 10.6.1-5; the rest is optional.
"""

import re
from dataclasses import dataclass, field
from enum import IntEnum

from pydicom.datadict import dictionary_VR, tag_for_keyword


class Level(IntEnum):
    """The levels of the information models (PS3.4 C.6), from the top."""

    PATIENT = 0
    STUDY = 1
    SERIES = 2
    IMAGE = 3


@dataclass(frozen=True, slots=True)
class Attribute:
    """One indexed attribute."""

    keyword: str
    level: Level
    computed: bool = False
    """Made by us from other rows (counts, modalities in study), not read from an instance."""
    sequence: str = ""
    """The keyword of the sequence whose first item holds it."""
    tag: int = field(init=False)
    vr: str = field(init=False)
    column: str = field(init=False)

    def __post_init__(self) -> None:
        tag = tag_for_keyword(self.keyword)
        assert tag is not None, self.keyword
        object.__setattr__(self, "tag", tag)
        object.__setattr__(self, "vr", dictionary_VR(tag))
        object.__setattr__(self, "column", snake_case(self.keyword))

    @property
    def is_integer(self) -> bool:
        """Whether it is indexed, compared and sorted as the whole number it is."""
        return self.vr in ("IS", "US", "UL")

    @property
    def path(self) -> str:
        """The dotted keyword of PS3.18 8.3.4.1."""
        return f"{self.sequence}.{self.keyword}" if self.sequence else self.keyword


def snake_case(keyword: str) -> str:
    """`SOPInstanceUID` as `sop_instance_uid`."""
    words = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]+(?![a-z])|[A-Z][a-z]+|\d+", keyword)
    return "_".join(words).lower()


def _at(level: Level, keywords: str) -> list[Attribute]:
    return [Attribute(keyword, level) for keyword in keywords.split()]


def _computed(level: Level, keywords: str) -> list[Attribute]:
    return [Attribute(keyword, level, computed=True) for keyword in keywords.split()]


def _in(sequence: str, level: Level, keywords: str) -> list[Attribute]:
    return [Attribute(keyword, level, sequence=sequence) for keyword in keywords.split()]


ATTRIBUTES: tuple[Attribute, ...] = (
    *_at(Level.PATIENT, "PatientName PatientID IssuerOfPatientID PatientBirthDate PatientSex PatientComments"),
    *_computed(
        Level.PATIENT,
        "NumberOfPatientRelatedStudies NumberOfPatientRelatedSeries NumberOfPatientRelatedInstances",
    ),
    *_at(
        Level.STUDY,
        "StudyInstanceUID StudyDate StudyTime AccessionNumber ReferringPhysicianName StudyDescription",
    ),
    *_at(Level.STUDY, "StudyID PatientAge PatientSize PatientWeight NameOfPhysiciansReadingStudy"),
    *_computed(
        Level.STUDY,
        "ModalitiesInStudy SOPClassesInStudy NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances",
    ),
    *_at(Level.SERIES, "SeriesInstanceUID Modality SeriesNumber SeriesDescription SeriesDate SeriesTime"),
    *_at(Level.SERIES, "BodyPartExamined Laterality ProtocolName PerformingPhysicianName OperatorsName"),
    *_at(
        Level.SERIES,
        "InstitutionName InstitutionalDepartmentName StationName Manufacturer ManufacturerModelName",
    ),
    *_at(Level.SERIES, "PerformedProcedureStepStartDate PerformedProcedureStepStartTime"),
    *_in("RequestAttributesSequence", Level.SERIES, "ScheduledProcedureStepID RequestedProcedureID"),
    *_computed(Level.SERIES, "NumberOfSeriesRelatedInstances"),
    *_at(Level.IMAGE, "SOPInstanceUID SOPClassUID InstanceNumber ContentDate ContentTime AcquisitionDateTime"),
    *_at(Level.IMAGE, "ImageType Rows Columns BitsAllocated NumberOfFrames"),
    *_computed(Level.IMAGE, "AvailableTransferSyntaxUID"),
)

BY_PATH: dict[str, Attribute] = {attribute.path: attribute for attribute in ATTRIBUTES}
BY_TAG: dict[int, Attribute] = {attribute.tag: attribute for attribute in ATTRIBUTES if not attribute.sequence}

UNIQUE_KEY: dict[Level, str] = {
    Level.PATIENT: "PatientID",
    Level.STUDY: "StudyInstanceUID",
    Level.SERIES: "SeriesInstanceUID",
    Level.IMAGE: "SOPInstanceUID",
}

PERSON_NAMES: tuple[Attribute, ...] = tuple(attribute for attribute in ATTRIBUTES if attribute.vr == "PN")
"""Names have a second column, `<column>_folded`, which is the one that is searched."""

READ_FROM_INSTANCE: tuple[Attribute, ...] = tuple(a for a in ATTRIBUTES if not a.computed)
