"""Makes the sample studies: `python scripts/seed.py FOLDER`. The same bytes on every run."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    DigitalXRayImageStorageForPresentation,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    KeyObjectSelectionDocumentStorage,
    MRImageStorage,
    RLELossless,
    UltrasoundMultiFrameImageStorage,
    XRayAngiographicImageStorage,
)

sys.path.insert(0, str(Path(__file__).parent.parent))

from scripts.samples import head as heads
from scripts.samples.chest import SPACING_MM, THICKNESS_MM, chest
from scripts.samples.instances import Patient, Study, add_pixels, code, evidence, instance, place, reference, text_item
from scripts.samples.projections import breast, chest_film, coronary_run, hand, heart_echo

DAO = Patient("NGUYỄN^THỊ ÁNH ĐÀO", "000185000001", "19850314", "F")
DUNG = Patient("ĐẶNG^QUỐC DŨNG", "000160000027", "19601102", "M")
HOA = Patient("TRẦN^THỊ HÒA", "000192000113", "19920708", "F")
ROSE = Patient("LEFÈVRE^Rosé-Hélène", "000178000334", "19780521", "F", "ISO_IR 100")
YAMADA = Patient("Yamada^Tarou=山田^太郎=やまだ^たろう", "000155000408", "19550103", "M", ["", "ISO 2022 IR 87"])
BE = Patient("VŨ^BÉ AN", "000222000510", "20220919", "M")

AXIAL, CORONAL, SAGITTAL = [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1]
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"


def chest_ct() -> Iterator[Dataset]:
    """A chest with contrast, a nodule in the right lung; with its report, key image, presentation state and PDF."""
    study = Study(DAO, 1, "20261123", "091500", "ACC2611230001", "CT NGỰC CÓ THUỐC CẢN QUANG")
    volume = chest(11, nodule_mm=8)
    slices = []
    for number, plane in enumerate(volume[4:68], start=1):
        ds = instance(study, 1, number, CTImageStorage, "CT", SeriesDescription="Ngực 4.0 mm", BodyPartExamined="CHEST")
        _ct(ds, plane, SPACING_MM, THICKNESS_MM, (-1) * THICKNESS_MM * number, JPEGLSLossless, kernel="B40f")
        ds.ContrastBolusAgent = "Iohexol 350"
        slices.append(ds)
    yield from slices
    yield from _documents(study, slices)


def _documents(study: Study, slices: list[Dataset]) -> Iterator[Dataset]:
    nodule = slices[26]
    report = instance(study, 90, 1, BASIC_TEXT_SR, "SR", SeriesDescription="Kết quả")
    report.ValueType, report.ContinuityOfContent = "CONTAINER", "SEPARATE"
    report.ConceptNameCodeSequence = code("18748-4", "LN", "Diagnostic imaging report")
    report.CompletionFlag, report.VerificationFlag = "COMPLETE", "UNVERIFIED"
    report.PerformedProcedureCodeSequence = Sequence()
    report.ReferencedPerformedProcedureStepSequence = Sequence()
    report.CurrentRequestedProcedureEvidenceSequence = evidence([nodule])
    findings = code("59776-5", "LN", "Procedure findings"), "Nốt đặc thùy trên phổi phải, kích thước 16 mm, bờ đều."
    conclusion = code("19005-8", "LN", "Radiology impression"), "Nốt phổi phải. Đề nghị chụp kiểm tra sau 3 tháng."
    report.ContentSequence = Sequence([text_item(*findings), text_item(*conclusion)])
    yield report

    key = instance(study, 91, 1, KeyObjectSelectionDocumentStorage, "KO", SeriesDescription="Hình chọn")
    key.ValueType, key.ContinuityOfContent = "CONTAINER", "SEPARATE"
    key.ConceptNameCodeSequence = code("113000", "DCM", "Of Interest")
    key.ReferencedPerformedProcedureStepSequence = Sequence()
    key.CurrentRequestedProcedureEvidenceSequence = evidence([nodule])
    image = Dataset()
    image.RelationshipType, image.ValueType = "CONTAINS", "IMAGE"
    image.ReferencedSOPSequence = Sequence([reference(nodule)])
    key.ContentSequence = Sequence([image])
    yield key

    state = instance(study, 92, 1, GrayscaleSoftcopyPresentationStateStorage, "PR", SeriesDescription="Cửa sổ phổi")
    state.ContentLabel, state.ContentDescription, state.ContentCreatorName = "LUNG", "Cửa sổ phổi", "TRẦN^VĂN AN"
    state.PresentationCreationDate, state.PresentationCreationTime = study.date, study.time
    series = Dataset()
    series.SeriesInstanceUID = nodule.SeriesInstanceUID
    series.ReferencedImageSequence = Sequence([reference(nodule)])
    state.ReferencedSeriesSequence = Sequence([series])
    window = Dataset()
    window.WindowCenter, window.WindowWidth = -500, 1500
    state.SoftcopyVOILUTSequence = Sequence([window])
    area = Dataset()
    area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner = [1, 1], [320, 320]
    area.PresentationSizeMode, area.PresentationPixelAspectRatio = "SCALE TO FIT", [1, 1]
    state.DisplayedAreaSelectionSequence = Sequence([area])
    state.PresentationLUTShape = "IDENTITY"
    yield state

    paper = instance(study, 93, 1, EncapsulatedPDFStorage, "DOC", SeriesDescription="Phiếu kết quả")
    paper.ConversionType, paper.BurnedInAnnotation, paper.DocumentTitle = "WSD", "YES", "Phiếu kết quả"
    paper.ConceptNameCodeSequence = Sequence()
    paper.MIMETypeOfEncapsulatedDocument = "application/pdf"
    paper.EncapsulatedDocument = _pdf("Filmless sample: a result sheet")
    yield paper


def chest_film_prior() -> Iterator[Dataset]:
    """The same patient's chest film two years before: the prior."""
    yield _film(Study(DAO, 2, "20241018", "080500", "ACC2410180007", "X-QUANG NGỰC THẲNG"), seed=12, nodule_mm=3)


def chest_film_now() -> Iterator[Dataset]:
    """A man's chest film."""
    yield _film(Study(DUNG, 3, "20261120", "140200", "ACC2611200042", "X-QUANG NGỰC THẲNG"), seed=31, nodule_mm=14)


def _film(study: Study, seed: int, nodule_mm: float) -> Dataset:
    ds = instance(study, 1, 1, ComputedRadiographyImageStorage, "CR", SeriesDescription="PA", BodyPartExamined="CHEST")
    ds.ViewPosition, ds.PatientOrientation = "PA", ["L", "F"]
    ds.ImagerPixelSpacing = [0.4, 0.4]
    ds.WindowCenter, ds.WindowWidth = 2048, 3600
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    add_pixels(ds, chest_film(chest(seed, nodule_mm), seed).astype(np.uint16), 12, JPEGLosslessSV1)
    return ds


def head_ct() -> Iterator[Dataset]:
    """A head without contrast, a fresh bleeding on the left."""
    study = Study(DUNG, 4, "20261121", "221000", "ACC2611210077", "CT SỌ NÃO KHÔNG THUỐC")
    volume = heads.ct(heads.head(21))
    for number, z in enumerate(range(24, 180, 4), start=1):
        ds = instance(study, 1, number, CTImageStorage, "CT", SeriesDescription="Sọ não 5 mm", BodyPartExamined="HEAD")
        _ct(
            ds, volume[z], heads.SPACING_MM, 4 * heads.SPACING_MM, heads.SPACING_MM * z, JPEG2000Lossless, kernel="H31s"
        )
        ds.WindowCenter, ds.WindowWidth = 40, 80
        yield ds


def brain_mr() -> Iterator[Dataset]:
    """A brain in three planes: T1 sagittal, T2 axial, FLAIR coronal."""
    study = Study(HOA, 5, "20261122", "103000", "ACC2611220015", "CHT SỌ NÃO")
    body = heads.head(52)
    half = (heads.SIZE - 1) / 2 * heads.SPACING_MM
    planes = (
        (1, "T1 SAG", heads.T1, SAGITTAL, 2, (500, 9.5)),
        (2, "T2 AX", heads.T2, AXIAL, 0, (4200, 102.0)),
        (3, "FLAIR COR", heads.FLAIR, CORONAL, 1, (9000, 125.0)),
    )
    for series, name, weights, orientation, axis, (repetition, echo) in planes:
        volume = np.moveaxis(heads.mr(body, weights, 14), axis, 0)
        for number, index in enumerate(range(32, 168, 8), start=1):
            offset = index * heads.SPACING_MM - half
            plane = volume[index] if axis == 0 else volume[index][::-1]
            position = {0: (-half, -half, offset), 1: (-half, offset, half), 2: (offset, -half, half)}[axis]
            ds = instance(study, series, number, MRImageStorage, "MR", SeriesDescription=name, BodyPartExamined="BRAIN")
            place(ds, position, orientation, heads.SPACING_MM, 8 * heads.SPACING_MM)
            ds.ImageType = ["ORIGINAL", "PRIMARY", "M"]
            ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions, ds.MRAcquisitionType = "SE", "SK", "", "2D"
            ds.RepetitionTime, ds.EchoTime, ds.EchoTrainLength, ds.MagneticFieldStrength = repetition, echo, 8, 1.5
            ds.WindowCenter, ds.WindowWidth = 550, 1100
            add_pixels(ds, plane.astype(np.uint16), 12, HTJ2KLosslessRPCL)
            yield ds


def _detector(ds: Dataset, region: tuple[str, str]) -> None:
    ds.DetectorType, ds.LossyImageCompression = "DIRECT", "00"
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = "LOG", -1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "US"
    ds.AnatomicRegionSequence = code(region[0], "SCT", region[1])
    ds.ImageType, ds.PresentationIntentType = ["ORIGINAL", "PRIMARY"], "FOR PRESENTATION"
    ds.BurnedInAnnotation = "NO"


def hand_dx() -> Iterator[Dataset]:
    """A hand, MONOCHROME1 as many detectors send it."""
    study = Study(BE, 6, "20261119", "161500", "ACC2611190063", "X-QUANG BÀN TAY TRÁI")
    ds = instance(study, 1, 1, DigitalXRayImageStorageForPresentation, "DX", BodyPartExamined="HAND")
    ds.SeriesDescription, ds.ViewPosition, ds.ImageLaterality = "Bàn tay trái", "AP", "L"
    _detector(ds, ("85562004", "Hand"))
    ds.PatientOrientation, ds.PositionerType = ["R", "F"], "NONE"
    ds.ImagerPixelSpacing = [0.2, 0.2]
    ds.PresentationLUTShape = "INVERSE"
    ds.WindowCenter, ds.WindowWidth = 2100, 3600
    add_pixels(ds, hand(61).astype(np.uint16), 12, JPEGLSLossless, "MONOCHROME1")
    yield ds


def mammograms() -> Iterator[Dataset]:
    """Right and left from above; calcifications on the right, a mass on the left."""
    study = Study(ROSE, 7, "20261118", "093000", "ACC2611180021", "MAMMOGRAPHIE BILATÉRALE", "DUPONT^André")
    for number, (laterality, side) in enumerate((("R", -1), ("L", 1)), start=1):
        ds = instance(study, number, number, DigitalMammographyXRayImageStorageForPresentation, "MG")
        ds.SeriesDescription, ds.BodyPartExamined = f"{laterality} CC", "BREAST"
        ds.ImageLaterality, ds.ViewPosition = laterality, "CC"
        ds.PatientOrientation = ["A", "R"] if side > 0 else ["P", "L"]
        ds.ViewCodeSequence = code("399162004", "SCT", "cranio-caudal")
        _detector(ds, ("76752008", "Breast"))
        ds.ImagerPixelSpacing, ds.PresentationLUTShape = [0.18, 0.18], "IDENTITY"
        ds.WindowCenter, ds.WindowWidth = 1900, 2600
        add_pixels(ds, breast(70 + number, side).astype(np.uint16), 12, JPEG2000Lossless)
        yield ds


def echo_cine() -> Iterator[Dataset]:
    """A beating heart with colour flow."""
    study = Study(YAMADA, 8, "20261117", "111500", "ACC2611170009", "ECHOCARDIOGRAPHY", "Suzuki^Ichirou=鈴木^一郎")
    ds = instance(
        study, 1, 1, UltrasoundMultiFrameImageStorage, "US", SeriesDescription="4CH", BodyPartExamined="HEART"
    )
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.FrameTime, ds.CineRate, ds.RecommendedDisplayFrameRate = 40, 25, 25
    ds.FrameIncrementPointer = 0x00181063
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 40, 10
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 600, 470
    region.PhysicalUnitsXDirection, region.PhysicalUnitsYDirection = 3, 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.036, 0.036
    ds.SequenceOfUltrasoundRegions = Sequence([region])
    add_pixels(ds, heart_echo(81, 24), 8, JPEGBaseline8Bit, "YBR_FULL_422")
    yield ds


def angiography() -> Iterator[Dataset]:
    """A run of the left coronary artery."""
    study = Study(DUNG, 9, "20261121", "234500", "ACC2611210079", "CHỤP ĐỘNG MẠCH VÀNH")
    ds = instance(study, 1, 1, XRayAngiographicImageStorage, "XA", SeriesDescription="LCA", BodyPartExamined="HEART")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "SINGLE PLANE"]
    ds.PixelIntensityRelationship = "LIN"
    ds.KVP, ds.ExposureTime, ds.XRayTubeCurrent, ds.RadiationSetting = 78, 7, 640, "GR"
    ds.PositionerPrimaryAngle, ds.PositionerSecondaryAngle = -28, 22
    ds.PositionerMotion, ds.PatientOrientation = "STATIC", ["L", "F"]
    ds.ImagerPixelSpacing = [0.3, 0.3]
    ds.FrameTime, ds.CineRate, ds.FrameIncrementPointer = 66.7, 15, 0x00181063
    add_pixels(ds, coronary_run(91, 20), 8, JPEGBaseline8Bit)
    yield ds


def child_ct() -> Iterator[Dataset]:
    """A few slices uncompressed, for peers that take nothing else, and the same in RLE for bone."""
    study = Study(BE, 10, "20261124", "074000", "ACC2611240003", "CT SỌ NÃO")
    volume = heads.ct(heads.head(101))[:, ::2, ::2]
    for series, (kernel, syntax) in enumerate((("H31s", ExplicitVRLittleEndian), ("H60s", RLELossless)), start=1):
        for number, z in enumerate(range(80, 128, 8), start=1):
            ds = instance(study, series, number, CTImageStorage, "CT", BodyPartExamined="HEAD")
            ds.SeriesDescription = f"Sọ não {kernel}"
            _ct(ds, volume[z], 2 * heads.SPACING_MM, 9.6, heads.SPACING_MM * z, syntax, kernel)
            ds.WindowCenter, ds.WindowWidth = (40, 80) if series == 1 else (500, 2500)
            yield ds


def _ct(ds: Dataset, plane: np.ndarray, spacing: float, thickness: float, z: float, syntax: str, kernel: str) -> None:
    half = (plane.shape[0] - 1) / 2 * spacing
    place(ds, (-half, -half, z), AXIAL, spacing, thickness)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.KVP, ds.XRayTubeCurrent, ds.Exposure, ds.ConvolutionKernel = 120, 210, 150, kernel
    ds.GantryDetectorTilt, ds.SliceLocation = 0, round(z, 2)
    ds.PatientPosition, ds.AcquisitionNumber = "HFS", 1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = -1024, 1, "HU"
    ds.WindowCenter, ds.WindowWidth = 40, 400
    add_pixels(ds, np.clip(plane + 1024, 0, 4095).astype(np.uint16), 12, syntax)


def _pdf(line: str) -> bytes:
    """A page with one line on it."""
    stream = f"BT /F1 18 Tf 72 760 Td ({line}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out) + b"\0" * (len(out) % 2)


STUDIES = {
    "01-ct-chest": chest_ct,
    "02-cr-chest-prior": chest_film_prior,
    "03-cr-chest": chest_film_now,
    "04-ct-head": head_ct,
    "05-mr-brain": brain_mr,
    "06-dx-hand": hand_dx,
    "07-mg-pair": mammograms,
    "08-us-heart": echo_cine,
    "09-xa-coronary": angiography,
    "10-ct-child": child_ct,
}


def make(folder: Path) -> None:
    """Write every study that is not there yet into its own folder."""
    for name, study in STUDIES.items():
        target = folder / "studies" / name
        if target.exists():
            continue
        print(f"making {name}", file=sys.stderr)
        unfinished = target.with_name(f".{name}")
        unfinished.mkdir(parents=True, exist_ok=True)
        for number, ds in enumerate(study(), start=1):
            ds.save_as(unfinished / f"{ds.Modality}{number:03d}.dcm", enforce_file_format=True)
        unfinished.rename(target)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
