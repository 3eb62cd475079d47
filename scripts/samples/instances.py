"""Bodies as DICOM: invented patients, whole modules, proper character sets, one transfer syntax a study."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

UID_ROOT = "1.2.826.0.1.3680043.10.1557.1"
DEVICE = {"Manufacturer": "Filmless", "ManufacturerModelName": "Phantom", "SoftwareVersions": "1"}


@dataclass(frozen=True, slots=True)
class Patient:
    """An invented person."""

    name: str
    patient_id: str
    birth_date: str
    sex: str
    character_set: str | list[str] = "ISO_IR 192"


@dataclass(frozen=True, slots=True)
class Study:
    """An invented examination; number makes its UIDs."""

    patient: Patient
    number: int
    date: str
    time: str
    accession: str
    description: str
    referring: str = "TRẦN^VĂN AN"


def uid(*parts: int) -> str:
    return ".".join([UID_ROOT, *map(str, parts)])


def instance(study: Study, series: int, number: int, sop_class_uid: str, modality: str, **attributes: Any) -> Dataset:
    """Patient, study, series and SOP common modules, with further attributes on top."""
    ds = Dataset()
    patient = study.patient
    ds.SpecificCharacterSet = patient.character_set
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class_uid, uid(study.number, series, number)
    ds.StudyDate, ds.StudyTime = study.date, study.time
    ds.SeriesDate, ds.SeriesTime = study.date, f"{study.time[:4]}{series % 60:02d}"
    ds.ContentDate, ds.ContentTime = ds.SeriesDate, ds.SeriesTime
    ds.AccessionNumber = study.accession
    ds.Modality = modality
    ds.InstitutionName = "Bệnh viện Đa khoa Mẫu" if patient.character_set == "ISO_IR 192" else "Filmless"
    ds.ReferringPhysicianName = study.referring
    ds.StudyDescription = study.description
    ds.StationName = f"{modality}1"
    ds.PatientName, ds.PatientID = patient.name, patient.patient_id
    ds.PatientBirthDate, ds.PatientSex = patient.birth_date, patient.sex
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid(study.number), uid(study.number, series)
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber = str(study.number), series, number
    for keyword, value in {**DEVICE, **attributes}.items():
        setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def add_pixels(
    ds: Dataset, pixels: np.ndarray, bits_stored: int, syntax: UID, photometric: str = "MONOCHROME2"
) -> None:
    """The image pixel module. pixels: (frames, rows, columns[, 3]) or (rows, columns[, 3]), integers."""
    frames = pixels[None] if pixels.ndim == 2 + (pixels.shape[-1] == 3) else pixels
    ds.SamplesPerPixel = 3 if frames.ndim == 4 else 1
    ds.PhotometricInterpretation = photometric
    ds.Rows, ds.Columns = frames.shape[1:3]
    ds.BitsAllocated = 8 * frames.dtype.itemsize
    ds.BitsStored, ds.HighBit = bits_stored, bits_stored - 1
    ds.PixelRepresentation = int(frames.dtype.kind == "i")
    if ds.SamplesPerPixel == 3:
        ds.PlanarConfiguration = 0
    if len(frames) > 1:
        ds.NumberOfFrames = len(frames)
    coded = [_encode(np.ascontiguousarray(frame), syntax) for frame in frames]
    ds.file_meta.TransferSyntaxUID = syntax
    if syntax.is_encapsulated:
        ds.PixelData = encapsulate(coded, has_bot=len(coded) > 1)
        ds["PixelData"].VR = "OB"
    else:
        ds.PixelData = b"".join(coded)
        ds["PixelData"].VR = "OW"
    if syntax == JPEGBaseline8Bit:
        ds.LossyImageCompression = "01"
        ds.LossyImageCompressionRatio = round(frames.nbytes / sum(map(len, coded)), 1)
        ds.LossyImageCompressionMethod = "ISO_10918_1"


def _encode(frame: np.ndarray, syntax: UID) -> bytes:
    if not syntax.is_encapsulated:
        return frame.tobytes()
    if syntax == JPEGLSLossless:
        return bytes(imagecodecs.jpegls_encode(frame))
    if syntax == JPEG2000Lossless:
        return bytes(imagecodecs.jpeg2k_encode(frame, codecformat="j2k", reversible=True, mct=False))
    if syntax == HTJ2KLosslessRPCL:
        return bytes(imagecodecs.htj2k_encode(frame, reversible=True))
    if syntax == JPEGLosslessSV1:
        return bytes(imagecodecs.ljpeg_encode(frame))
    if syntax == JPEGBaseline8Bit:
        return bytes(imagecodecs.jpeg8_encode(frame, level=80))
    assert syntax == RLELossless
    from pydicom.pixels.encoders import RLELosslessEncoder

    return RLELosslessEncoder.encode(
        frame,
        rows=frame.shape[0],
        columns=frame.shape[1],
        samples_per_pixel=1,
        bits_allocated=8 * frame.dtype.itemsize,
        bits_stored=8 * frame.dtype.itemsize,
        pixel_representation=0,
        photometric_interpretation="MONOCHROME2",
        number_of_frames=1,
    )


def place(
    ds: Dataset, position: Sequence[float], orientation: Sequence[float], spacing_mm: float, thickness_mm: float
) -> None:
    """The image plane module."""
    ds.ImagePositionPatient = [round(float(value), 4) for value in position]
    ds.ImageOrientationPatient = list(orientation)
    ds.PixelSpacing = [spacing_mm, spacing_mm]
    ds.SliceThickness = round(thickness_mm, 2)
    ds.FrameOfReferenceUID = uid(int(ds.StudyID), 0, 1)
    ds.PositionReferenceIndicator = ""


def reference(ds: Dataset) -> Dataset:
    """What a document says to name an instance."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    return item


def evidence(instances: Sequence[Dataset]) -> DicomSequence:
    """Current Requested Procedure Evidence Sequence over instances of one study."""
    study = Dataset()
    study.StudyInstanceUID = instances[0].StudyInstanceUID
    study.ReferencedSeriesSequence = DicomSequence()
    for series_uid in dict.fromkeys(ds.SeriesInstanceUID for ds in instances):
        series = Dataset()
        series.SeriesInstanceUID = series_uid
        series.ReferencedSOPSequence = DicomSequence(
            reference(ds) for ds in instances if ds.SeriesInstanceUID == series_uid
        )
        study.ReferencedSeriesSequence.append(series)
    return DicomSequence([study])


def code(value: str, scheme: str, meaning: str) -> DicomSequence:
    """A code sequence of one item."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return DicomSequence([item])


def text_item(concept: DicomSequence, text: str) -> Dataset:
    """A content item of a report: CONTAINS TEXT."""
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "TEXT"
    item.ConceptNameCodeSequence, item.TextValue = concept, text
    return item
