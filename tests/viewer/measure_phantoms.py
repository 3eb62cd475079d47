"""Images on which every length, angle and value is known beforehand."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

CT = UID("1.2.840.10008.5.1.4.1.1.2")
DX = UID("1.2.840.10008.5.1.4.1.1.1.1")
US = UID("1.2.840.10008.5.1.4.1.1.6.1")
SC = UID("1.2.840.10008.5.1.4.1.1.7")


@dataclass(frozen=True, slots=True)
class Phantom:
    """A data set of one frame, alone in its study."""

    ds: Dataset
    values: NDArray[np.int16]
    """Rows by columns, stored values."""

    @property
    def address(self) -> str:
        return f"/viewer?StudyInstanceUIDs={self.ds.StudyInstanceUID}"

    def save(self, folder: Path) -> None:
        self.ds.save_as(folder / f"{self.ds.SOPInstanceUID}.dcm", enforce_file_format=True)


def oblique_ct() -> Phantom:
    """Rows 0.8 mm and columns 0.5 mm apart, on a plane that is turned in space; a gradient with a flat disk of 100 HU.

    The disk has a radius of 20 mm about the middle. Outside, each column is one HU more than the one before.
    """
    rows, columns, row_mm, column_mm = 300, 400, 0.8, 0.5
    row, column = np.mgrid[0.5:rows, 0.5:columns]
    away_mm = np.hypot((row - rows / 2) * row_mm, (column - columns / 2) * column_mm)
    hu = np.where(away_mm < 20, 100, np.floor(column) - 500)
    ds = _image(CT, "CT", hu + 1024)
    ds.PixelSpacing = [row_mm, column_mm]
    cos, sin = np.cos(np.radians(30)), np.sin(np.radians(30))
    ds.ImageOrientationPatient = [float(cos), float(sin), 0.0, 0.0, float(cos), float(-sin)]
    # Not quite orthogonal would be no orientation: the second is turned about the first.
    ds.ImageOrientationPatient = [float(cos), float(sin), 0.0, float(-sin * cos), float(cos * cos), float(-sin)]
    ds.ImagePositionPatient = [-80.0, -60.0, 40.0]
    ds.FrameOfReferenceUID = generate_uid()
    ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, -1024, "HU"
    ds.PixelPaddingValue = 0
    return Phantom(ds, ds.pixel_array)


def radiograph() -> Phantom:
    """0.15 mm at the detector, and an estimate of how much larger that is than the body."""
    ds = _image(DX, "DX", np.full((400, 400), 1000))
    ds.ImagerPixelSpacing = [0.15, 0.15]
    ds.EstimatedRadiographicMagnificationFactor = 1.2
    return Phantom(ds, ds.pixel_array)


def calibrated_radiograph() -> Phantom:
    phantom = radiograph()
    phantom.ds.PixelSpacing = [0.125, 0.125]
    phantom.ds.PixelSpacingCalibrationType = "FIDUCIAL"
    return phantom


def photograph() -> Phantom:
    """Nothing tells its scale."""
    ds = _image(SC, "OT", np.full((400, 400), 1000))
    return Phantom(ds, ds.pixel_array)


def ultrasound() -> Phantom:
    """Above a picture of 0.02 cm, beneath on the left an M-mode of 0.01 s and 0.03 cm, on the right a spectrum.

    The spectrum has 0.005 s a column and 0.5 cm/s a row, upwards positive, its baseline 60 rows below its upper edge.
    """
    ds = _image(US, "US", np.full((400, 400), 100))
    ds.SequenceOfUltrasoundRegions = [
        _region((0, 0, 399, 199), formats=(1, 1), units=(3, 3), deltas=(0.02, 0.02)),
        _region((0, 200, 199, 399), formats=(2, 1), units=(4, 3), deltas=(0.01, 0.03)),
        _region((200, 200, 399, 399), formats=(3, 3), units=(4, 7), deltas=(0.005, -0.5), baseline=60),
    ]
    return Phantom(ds, ds.pixel_array)


def _region(
    place: tuple[int, int, int, int],
    formats: tuple[int, int],
    units: tuple[int, int],
    deltas: tuple[float, float],
    baseline: int | None = None,
) -> Dataset:
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType = formats
    region.RegionFlags = 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = place[:2]
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = place[2:]
    region.PhysicalUnitsXDirection, region.PhysicalUnitsYDirection = units
    region.PhysicalDeltaX, region.PhysicalDeltaY = deltas
    if baseline is not None:
        region.ReferencePixelX0, region.ReferencePixelY0 = 0, baseline
        region.ReferencePixelPhysicalValueX, region.ReferencePixelPhysicalValueY = 0.0, 0.0
    return region


def _image(sop_class: UID, modality: str, values: NDArray[np.float64]) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = sop_class
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.PatientName, ds.PatientID, ds.PatientSex = "Phantom^Known", f"PH-{modality}-{ds.StudyInstanceUID[-6:]}", "O"
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber, ds.StudyID = "20260101", "120000", "", "1"
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = modality, 1, 1
    ds.SeriesDescription = f"Phantom {modality}"
    ds.Rows, ds.Columns = values.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    ds.PixelData = values.astype("<u2").tobytes()
    return ds
