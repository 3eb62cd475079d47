"""What every object has that we make of a reader's work: whose it is, of which patient, by whom and by what made.

The patient and the study are copied from an image of the study as it is kept: the same letters in ISO_IR 192, and
nothing that is not there.
"""

import re
from dataclasses import dataclass
from datetime import datetime

import pydicom
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian

from pacs.dicom.charset import text_of
from pacs.dicom.part10 import file_meta
from pacs.dicom.text import character_sets
from pacs.dicom.values import element_of

MANUFACTURER = "Filmless"
MODEL = "Filmless PACS"
SHOWN_EMPTY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Of the patient and the study, what an object has even where it is not known (type 2)."""
COPIED = (
    *SHOWN_EMPTY,
    "IssuerOfPatientID",
    "PatientBirthTime",
    "OtherPatientIDs",
    "EthnicGroup",
    "PatientComments",
    "StudyDescription",
    "PatientAge",
)


@dataclass(frozen=True, slots=True)
class Edition:
    """One object that is to be made."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    series_number: int
    instance_number: int
    author: str
    """His login."""
    at: datetime
    device: str
    """What this installation is called by its peers: its serial number to others."""
    series_description: str


@dataclass(frozen=True, slots=True)
class Reference:
    """An instance that an object is about, or that it follows."""

    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    is_multiframe: bool = False


def author_name(login: str) -> str:
    """A login as a person's name: his family name, there being no other (PS3.5 6.2.1)."""
    return re.sub(r"[\^=\\]", " ", login)[:63] + "^"


def part10(made: Dataset, edition: Edition, image: Dataset) -> bytes:
    """The file of what highdicom made, of the patient and study of an image: the same for the same edition, always.

    image: a header as it is kept.
    """
    for keyword in COPIED:
        if keyword in made:
            delattr(made, keyword)
        _copy(keyword, image, made)
    for keyword in ("InstanceCreation", "Content", "PresentationCreation"):
        if f"{keyword}Date" in made:
            setattr(made, f"{keyword}Date", f"{edition.at.astimezone():%Y%m%d}")
            setattr(made, f"{keyword}Time", f"{edition.at.astimezone():%H%M%S.%f}")
    made.SeriesDescription = edition.series_description
    if "ContributingEquipmentSequence" in made:
        del made.ContributingEquipmentSequence  # names highdicom, by the clock
    file = DicomBytesIO()
    file.is_implicit_VR, file.is_little_endian = False, True
    write_dataset(file, _main(made))
    return file_meta(str(made.SOPClassUID), edition.sop_instance_uid, ExplicitVRLittleEndian) + file.getvalue()


def _main(made: Dataset) -> Dataset:
    """Without what highdicom keeps beside the elements."""
    plain = Dataset()
    plain.update(made)
    return plain


def _copy(keyword: str, image: Dataset, made: Dataset) -> None:
    """The text of an element, read as the index reads it; the words of the standard are not checked."""
    element = element_of(image, keyword)
    value = element.value if element is not None else None
    vr = dictionary_VR(keyword)
    if isinstance(value, bytes):
        value = text_of(value, vr, character_sets(image))
    if value is None and keyword not in SHOWN_EMPTY:
        return
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    made[keyword] = DataElement(tag, vr, str(value or ""), validation_mode=pydicom.config.IGNORE)
