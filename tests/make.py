"""Makers of what tests need: instances that never were in a patient."""

import io
from itertools import count
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import dcmwrite, write_dataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

_numbers = count(1)


def make_uid(*parts: int) -> str:
    """A UID of ours; without parts, one that no earlier call gave."""
    return ".".join(["1.2.826.0.1.3680043.10.1557", *map(str, parts or (0, next(_numbers)))])


def make_ct(
    rows: int = 8, columns: int = 8, transfer_syntax_uid: str = ExplicitVRLittleEndian, **attributes: Any
) -> Dataset:
    """A small CT image with a ramp of stored values; keywords override, None leaves the attribute out."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = make_uid()
    ds.StudyDate, ds.StudyTime = "20261124", "080000"
    ds.AccessionNumber = "ACC2611240001"
    ds.Modality = "CT"
    ds.ReferringPhysicianName = "TRẦN^VĂN AN"
    ds.StudyDescription = "CT NGỰC"
    ds.SeriesDescription = "Axial"
    ds.PatientName = "NGUYỄN^THỊ ÁNH ĐÀO"
    ds.PatientID = "0004123456"
    ds.PatientBirthDate, ds.PatientSex = "19850314", "F"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = make_uid(1), make_uid(1, 1)
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber = "1", 1, 1
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SliceThickness = [1, 1], 1
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    ds.RescaleIntercept, ds.RescaleSlope = -1024, 1
    ds.WindowCenter, ds.WindowWidth = 40, 400
    ds.PixelData = np.arange(rows * columns, dtype="<i2").tobytes()
    ds["PixelData"].VR = "OW"
    for keyword, value in attributes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", "")
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", "")
    return ds


def part10(ds: Dataset) -> io.BytesIO:
    """The instance as a Part 10 file, at its start."""
    file = io.BytesIO()
    dcmwrite(file, ds, enforce_file_format=True)
    file.seek(0)
    return file


def data_set_bytes(ds: Dataset) -> bytes:
    """The instance as it goes over the network: without preamble and file meta."""
    syntax = ds.file_meta.TransferSyntaxUID
    file = DicomBytesIO()
    file.is_implicit_VR, file.is_little_endian = syntax.is_implicit_VR, syntax.is_little_endian
    write_dataset(file, ds)
    return file.getvalue()
