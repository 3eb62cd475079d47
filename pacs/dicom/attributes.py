"""The attributes that are indexed, each at its level: what can be asked for, matched and returned.

To index another one: a line here, and a migration; its column has the same name in snake_case. A sequence is one
column, which holds the indexed members of its items as a JSON array of objects.
Required keys are those of PS3.4 C.6.1.1 and C.6.2.1 and PS3.18 Table 10.6.1-5; the rest is optional.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword

WHOLE = frozenset(("SQ", "IS", "US", "UL"))
"""What has one column for one value, whatever its multiplicity."""
UNSPLIT = frozenset(("SQ", "LT", "ST", "UT", "UR"))
"""A backslash divides nothing in them (PS3.5 6.2)."""


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
    """Of a private one: its tag in hexadecimal, as in block 10 of its group."""
    level: Level
    computed: bool = False
    """Made by us from other rows (counts, modalities in study), not read from an instance."""
    sequence: str = ""
    """The keyword of the sequence in whose items it is."""
    members: tuple[str, ...] = ()
    """Of a sequence: the keywords of what is indexed in its items."""
    further: int = 0
    """Key of what an administrator has made searchable besides; 0: it has a column of its own."""
    creator: str = ""
    """Of a private one: who gave it its meaning (PS3.5 7.8.1)."""
    tag: int = 0
    vr: str = ""
    column: str = field(init=False)
    is_multi_valued: bool = field(init=False)
    """It may have several values; it is matched when one of them is (PS3.4 C.2.2.3)."""

    def __post_init__(self) -> None:
        tag = self.tag or tag_for_keyword(self.keyword)
        assert tag is not None, self.keyword
        vr = self.vr or dictionary_VR(tag)
        object.__setattr__(self, "tag", tag)
        object.__setattr__(self, "vr", vr)
        object.__setattr__(self, "column", snake_case(self.keyword))
        is_single = not self.creator and dictionary_VM(tag) == "1"
        never = UNSPLIT if self.further else WHOLE
        object.__setattr__(self, "is_multi_valued", not is_single and vr not in never)

    @property
    def is_integer(self) -> bool:
        """Whether it is indexed, compared and sorted as the whole number it is."""
        return not self.further and self.vr in ("IS", "US", "UL")

    @property
    def path(self) -> str:
        """The dotted keyword of PS3.18 8.3.4.1; of a private one its tag and creator."""
        if self.creator:
            return f"{self.keyword} {self.creator}"
        return f"{self.sequence}.{self.keyword}" if self.sequence else self.keyword


def snake_case(keyword: str) -> str:
    """`SOPInstanceUID` as `sop_instance_uid`."""
    words = re.findall(r"IDs(?![a-z])|[A-Z]+(?=[A-Z][a-z])|[A-Z]+(?![a-z])|[A-Z][a-z]+|\d+", keyword)
    return "_".join(words).lower()


def _at(level: Level, keywords: str) -> list[Attribute]:
    return [Attribute(keyword, level) for keyword in keywords.split()]


def _computed(level: Level, keywords: str) -> list[Attribute]:
    return [Attribute(keyword, level, computed=True) for keyword in keywords.split()]


def _sequence(level: Level, keyword: str, members: str) -> Attribute:
    return Attribute(keyword, level, members=tuple(members.split()))


ATTRIBUTES: tuple[Attribute, ...] = (
    *_at(Level.PATIENT, "PatientName PatientID IssuerOfPatientID PatientBirthDate PatientSex PatientComments"),
    *_at(Level.PATIENT, "PatientBirthTime EthnicGroup OtherPatientIDs OtherPatientNames"),
    _sequence(Level.PATIENT, "OtherPatientIDsSequence", "PatientID IssuerOfPatientID TypeOfPatientID"),
    *_computed(
        Level.PATIENT,
        "NumberOfPatientRelatedStudies NumberOfPatientRelatedSeries NumberOfPatientRelatedInstances",
    ),
    *_at(
        Level.STUDY,
        "StudyInstanceUID StudyDate StudyTime AccessionNumber ReferringPhysicianName StudyDescription",
    ),
    *_at(Level.STUDY, "StudyID PatientAge PatientSize PatientWeight NameOfPhysiciansReadingStudy"),
    *_at(Level.STUDY, "AdmittingDiagnosesDescription Occupation AdditionalPatientHistory AdmissionID"),
    *_at(Level.STUDY, "TimezoneOffsetFromUTC"),
    _sequence(Level.STUDY, "ProcedureCodeSequence", "CodeValue CodingSchemeDesignator CodeMeaning"),
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
    *_at(Level.SERIES, "PerformedProcedureStepStartDate PerformedProcedureStepStartTime PerformedProcedureStepID"),
    *_at(Level.SERIES, "PerformedProcedureStepDescription DeviceSerialNumber PresentationIntentType"),
    _sequence(
        Level.SERIES,
        "RequestAttributesSequence",
        "ScheduledProcedureStepID RequestedProcedureID AccessionNumber ScheduledProcedureStepDescription",
    ),
    *_computed(Level.SERIES, "NumberOfSeriesRelatedInstances"),
    *_at(Level.IMAGE, "SOPInstanceUID SOPClassUID InstanceNumber ContentDate ContentTime AcquisitionDateTime"),
    *_at(Level.IMAGE, "ImageType Rows Columns BitsAllocated BitsStored NumberOfFrames"),
    *_at(Level.IMAGE, "AcquisitionDate AcquisitionTime AcquisitionNumber ImageLaterality ViewPosition DocumentTitle"),
    *_at(Level.IMAGE, "ContentLabel ContentDescription ContentCreatorName CompletionFlag VerificationFlag"),
    *_at(Level.IMAGE, "PresentationCreationDate PresentationCreationTime"),
    _sequence(Level.IMAGE, "ConceptNameCodeSequence", "CodeValue CodingSchemeDesignator CodeMeaning"),
    _sequence(Level.IMAGE, "ReferencedRequestSequence", "StudyInstanceUID AccessionNumber RequestedProcedureID"),
    *_computed(Level.IMAGE, "AvailableTransferSyntaxUID"),
)

MEMBERS: tuple[Attribute, ...] = tuple(
    Attribute(keyword, sequence.level, sequence=sequence.keyword)
    for sequence in ATTRIBUTES
    for keyword in sequence.members
)
"""What is indexed in the items of sequences."""

BY_PATH: dict[str, Attribute] = {attribute.path: attribute for attribute in (*ATTRIBUTES, *MEMBERS)}
BY_TAG: dict[int, Attribute] = {attribute.tag: attribute for attribute in ATTRIBUTES}

UNIQUE_KEY: dict[Level, str] = {
    Level.PATIENT: "PatientID",
    Level.STUDY: "StudyInstanceUID",
    Level.SERIES: "SeriesInstanceUID",
    Level.IMAGE: "SOPInstanceUID",
}

PERSON_NAMES: tuple[Attribute, ...] = tuple(attribute for attribute in ATTRIBUTES if attribute.vr == "PN")
"""Names have a second column, `<column>_folded`, which is the one that is searched."""

READ_FROM_INSTANCE: tuple[Attribute, ...] = tuple(a for a in ATTRIBUTES if not a.computed)

TIME_OF: dict[str, str] = {
    attribute.keyword: time
    for attribute in ATTRIBUTES
    if attribute.vr == "DA" and (time := attribute.keyword.removesuffix("Date") + "Time") in BY_PATH
}
"""The time that belongs to a date, by their keywords: together they are an instant."""


@dataclass(frozen=True, slots=True)
class Dictionary:
    """All that can be asked for: what is indexed always, and what an administrator has made searchable."""

    by_path: Mapping[str, Attribute]
    by_tag: Mapping[int, Attribute]
    """Those at the top of a data set that are no private ones."""

    def private(self, tag: int, creator: str) -> Attribute | None:
        """What a private tag means behind its creator, in whatever block; it keeps this tag."""
        found = self.by_path.get(private_path(tag, creator))
        return replace(found, tag=tag) if found else None

    def further(self) -> list[Attribute]:
        """What an administrator has made searchable."""
        return [attribute for attribute in self.by_path.values() if attribute.further]

    def widened(self, further: Iterable[Attribute]) -> "Dictionary":
        """The same, and these besides."""
        added = list(further)
        return Dictionary(
            {**self.by_path, **{attribute.path: attribute for attribute in added}},
            {**self.by_tag, **{attribute.tag: attribute for attribute in added if not attribute.creator}},
        )


def private_path(tag: int, creator: str) -> str:
    """The path of a private attribute: its creator and what does not change with the block (PS3.5 7.8.1)."""
    return f"{tag >> 16:04X}{FIRST_BLOCK:02X}{tag & 0xFF:02X} {creator}"


def creator_tag(tag: int) -> int:
    """Where the creator of a private tag is named (PS3.5 7.8.1)."""
    return tag & 0xFFFF0000 | (tag >> 8 & 0xFF)


def is_private(tag: int) -> bool:
    """Whether it is a private data element: in an odd group, and no creator."""
    return tag >> 16 & 1 == 1 and tag & 0xFFFF >= 0x1000


def is_creator(tag: int) -> bool:
    """Whether it is a private creator: (gggg,0010-00FF) with gggg odd (PS3.5 7.8.1)."""
    return tag >> 16 & 1 == 1 and FIRST_BLOCK <= tag & 0xFFFF <= 0xFF


FIRST_BLOCK = 0x10
DICTIONARY = Dictionary(BY_PATH, BY_TAG)
"""What is indexed always."""
