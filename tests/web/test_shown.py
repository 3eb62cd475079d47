"""What others wrote, as the viewer asks for it: each kind, and where it lies."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import pixel_array
from pydicom.sequence import Sequence

from pacs.context import Pacs
from tests.make import make_ct, make_uid
from tests.web.conftest import Caller
from tests.web.test_wado import store

GREYSCALE_STATE = "1.2.840.10008.5.1.4.1.1.11.1"
PDF = "1.2.840.10008.5.1.4.1.1.104.1"
VIDEO = "1.2.840.10008.5.1.4.1.1.77.1.4.1"
MPEG4 = "1.2.840.10008.1.2.4.102"
STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
SPACE = "1.2.826.0.1.3680043.10.1557.77"


def imported(pacs: Pacs, *paths: Path) -> list[Dataset]:
    """Files of the corpus, kept."""
    files = [pydicom.dcmread(path) for path in paths]
    for ds in files:
        store(pacs, ds)
    return files


def told(client: Caller, ds: Dataset, more: str = "") -> Any:
    """What is told of an object, or of something of it."""
    answer = client.get(f"/api/studies/{ds.StudyInstanceUID}/objects/{ds.SOPInstanceUID}{more}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def of_the_study(ds: Dataset) -> dict[str, Any]:
    """What another instance of the same study has in common with it."""
    names = ("StudyInstanceUID", "PatientID", "PatientName", "PatientBirthDate", "PatientSex")
    return {name: ds.get(name) for name in names}


def without_pixels(sop_class_uid: str, **attributes: Any) -> Dataset:
    nothing = dict.fromkeys(("PixelData", "Rows", "Columns", "ImagePositionPatient", "PixelSpacing"))
    return make_ct(SOPClassUID=sop_class_uid, **{**nothing, **attributes})


def referring(ds: Dataset, *, frames: list[int] | None = None) -> Dataset:
    image = Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    if frames:
        image.ReferencedFrameNumber = frames
    return image


def make_state(image: Dataset, **attributes: Any) -> Dataset:
    """A presentation state of an image, with what the attributes say."""
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedImageSequence = image.SeriesInstanceUID, [referring(image)]
    wanted: dict[str, Any] = {
        "StudyInstanceUID": image.StudyInstanceUID,
        "SeriesInstanceUID": make_uid(),
        "Modality": "PR",
        "ContentLabel": "FINDING",
        "ContentCreatorName": "TRẦN^VĂN AN",
        "ReferencedSeriesSequence": Sequence([series]),
        "RescaleSlope": None,
        "RescaleIntercept": None,
        "WindowCenter": None,
        "WindowWidth": None,
    }
    return without_pixels(GREYSCALE_STATE, **wanted | attributes)


def make_structures(image: Dataset, points: list[tuple[float, float, float]], space: str = SPACE) -> Dataset:
    """A structure set with one closed contour."""
    region, contour, drawn = Dataset(), Dataset(), Dataset()
    region.ROINumber, region.ROIName, region.ReferencedFrameOfReferenceUID = 3, "GAN", space
    contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", len(points)
    contour.ContourData = [part for point in points for part in point]
    drawn.ReferencedROINumber, drawn.ROIDisplayColor, drawn.ContourSequence = 3, [255, 128, 0], [contour]
    return without_pixels(
        STRUCTURE_SET,
        StudyInstanceUID=image.StudyInstanceUID,
        SeriesInstanceUID=make_uid(),
        Modality="RTSTRUCT",
        StructureSetLabel="PLAN",
        StructureSetROISequence=Sequence([region]),
        ROIContourSequence=Sequence([drawn]),
    )


def test_a_study_lists_what_it_holds_besides_images(pacs: Pacs, client: Caller, corpus: Path) -> None:
    image, state = imported(
        pacs,
        *sorted((corpus / "modality/pr").glob("*PrLUTs.dcm")),
        corpus / "modality/pr/weasis-dicom-tools__prLUTs.dcm",
    )

    listed = client.get(f"/api/studies/{image.StudyInstanceUID}/objects").json()

    (one,) = listed["objects"]
    assert one["kind"] == "presentation_state"
    assert (one["label"], one["creator"], one["date"]) == ("XLUT_P03", "Riesmeier Joerg", "20000704")
    assert one["images"] == [{"series": image.SeriesInstanceUID, "sop": image.SOPInstanceUID, "frames": []}]
    assert listed["left_out"] == 0
    assert state.SOPInstanceUID == one["sop_instance_uid"]


@pytest.mark.parametrize(
    "name",
    ["seg/dcmqi__liver.dcm", "seg/highdicom__seg_image_ct_true_fractional.dcm", "seg/dcmqi__sparse-labelmap-ppv5.dcm"],
)
def test_each_frame_of_a_segmentation_is_given_as_it_is(pacs: Pacs, client: Caller, corpus: Path, name: str) -> None:
    (ds,) = imported(pacs, corpus / "modality" / name)
    content = told(client, ds)

    for number in range(1, ds.NumberOfFrames + 1):
        raw = client.get(f"/api/studies/{ds.StudyInstanceUID}/objects/{ds.SOPInstanceUID}/frames/{number}").content
        expected = pixel_array(ds, index=number - 1)
        cells = np.frombuffer(raw, "u1")
        found = np.unpackbits(cells, bitorder="little") if content["bits"] == 1 else cells
        assert np.array_equal(found[: expected.size].reshape(expected.shape), expected)


def test_frames_of_an_odd_number_of_bits_are_given_bit_by_bit(pacs: Pacs, client: Caller, corpus: Path) -> None:
    (ds,) = imported(pacs, corpus / "broken/pydicom-data__liver_nonbyte_aligned.dcm")

    raw = client.get(f"/api/studies/{ds.StudyInstanceUID}/objects/{ds.SOPInstanceUID}/frames/2").content

    expected = pixel_array(ds, index=1)
    assert np.array_equal(np.unpackbits(np.frombuffer(raw, "u1"), bitorder="little")[: 510 * 510], expected.ravel())


def test_a_segmentation_lies_on_the_slices_that_it_was_made_of(pacs: Pacs, client: Caller, corpus: Path) -> None:
    files = imported(pacs, *(corpus / f"modality/seg/dcmqi__{name}.dcm" for name in ("01", "02", "03", "liver")))
    slices, ds = files[:3], files[3]
    series = slices[0].SeriesInstanceUID
    document = client.get(f"/api/studies/{ds.StudyInstanceUID}/series/{series}").json()

    placed = told(client, ds, f"/on/{series}")["frames"]

    assert len(placed) == 3
    order = [one["sop_instance_uid"] for one in document["instances"]]
    for index, [[number, affine]] in placed.items():
        source = ds.PerFrameFunctionalGroupsSequence[number - 1].DerivationImageSequence[0].SourceImageSequence[0]
        assert source.ReferencedSOPInstanceUID == order[document["per_frame"]["instance"][int(index)]]
        assert affine == pytest.approx([1, 0, 0, 1, 0, 0], abs=1e-4)


def test_a_segmentation_of_other_pixels_is_placed_by_its_place_in_space(
    pacs: Pacs, client: Caller, corpus: Path
) -> None:
    """The segmentation knows no image of this study but shares its space: pixels twice as large, shifted by 3 and 5."""
    (ds,) = imported(pacs, corpus / "modality/seg/highdicom__seg_image_ct_binary.dcm")
    shared = ds.SharedFunctionalGroupsSequence[0]
    row_mm, column_mm = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    x, y, z = map(float, ds.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0].ImagePositionPatient)
    image = make_ct(
        **of_the_study(ds),
        FrameOfReferenceUID=ds.FrameOfReferenceUID,
        PixelSpacing=[row_mm / 2, column_mm / 2],
        # The corner of the first pixel lies three of its pixels further left and five higher than the other's.
        ImagePositionPatient=[x - 3 * column_mm / 2 - column_mm / 4, y - 5 * row_mm / 2 - row_mm / 4, z],
    )
    store(pacs, image)

    placed = told(client, ds, f"/on/{image.SeriesInstanceUID}")["frames"]

    ((number, affine),) = placed["0"]
    assert number == 1
    assert affine == pytest.approx([2, 0, 0, 2, 3, 5], abs=1e-3)


def test_a_segmentation_of_another_space_is_not_placed(pacs: Pacs, client: Caller, corpus: Path) -> None:
    (ds,) = imported(pacs, corpus / "modality/seg/highdicom__seg_image_ct_binary.dcm")
    position = ds.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0].ImagePositionPatient
    image = make_ct(**of_the_study(ds), FrameOfReferenceUID=SPACE, ImagePositionPatient=position)
    store(pacs, image)

    assert told(client, ds, f"/on/{image.SeriesInstanceUID}")["frames"] == {}


def test_contours_lie_on_the_slice_they_are_in_at_the_pixel_they_mark(pacs: Pacs, client: Caller) -> None:
    """Oblique slices with pixels of 0.5 by 2 mm: a point of space is the pixel that PS3.3 C.7.6.2.1.1 says."""
    angle = np.radians(30)
    right, down = np.array([np.cos(angle), np.sin(angle), 0]), np.array([0, 0, -1.0])
    normal, origin = np.cross(right, down), np.array([10.0, 20, 30])
    for number in range(3):
        image = make_ct(
            16,
            16,
            FrameOfReferenceUID=SPACE,
            PixelSpacing=[2, 0.5],
            ImageOrientationPatient=[*right, *down],
            ImagePositionPatient=list(origin + number * 4 * normal),
            InstanceNumber=number + 1,
        )
        store(pacs, image)
    at = [(2.0, 3.0), (9.0, 3.0), (9.0, 12.5)]
    points = [origin + 4.9 * normal + column * 0.5 * right + row * 2 * down for column, row in at]
    structures = make_structures(image, [(float(x), float(y), float(z)) for x, y, z in points])
    store(pacs, structures)

    content = told(client, structures)
    placed = told(client, structures, f"/on/{image.SeriesInstanceUID}")["frames"]

    assert [(one["number"], one["label"], one["colour"], one["contours"]) for one in content["structures"]] == [
        (3, "GAN", "#ff8000", 1)
    ]
    ((index, [drawn]),) = placed.items()
    document = client.get(f"/api/studies/{image.StudyInstanceUID}/series/{image.SeriesInstanceUID}").json()
    assert document["per_frame"]["image_position"][int(index)] == pytest.approx(list(origin + 4 * normal))
    assert drawn["structure"] == 3
    # The middle of the first pixel is (0.5, 0.5).
    assert drawn["points"] == pytest.approx([part + 0.5 for point in at for part in point], abs=0.01)


def test_a_report_tells_its_tree_and_what_it_marks(pacs: Pacs, client: Caller, corpus: Path) -> None:
    (ds,) = imported(pacs, corpus / "modality/sr/highdicom__sr_document.dcm")

    content = told(client, ds)

    assert content["title"] == "Imaging Measurement Report"
    (mark,) = content["marks"]
    assert (mark["shape"], mark["points"]) == ("CIRCLE", [58, 52, 58, 41])
    assert mark["label"] == "Area of defined region 1.7 cm2"
    assert mark["reference"]["sop"] == "1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
    numbers = [one for one in everything(content["content"]) if one["kind"] == "NUM"]
    assert [(one["concept"]["meaning"], one["value"], one["unit"]) for one in numbers] == [
        ("Area of defined region", "1.7", "cm2")
    ]


@pytest.mark.parametrize("folder", ["sr", "sr-dose", "ko"])
def test_every_report_of_the_corpus_can_be_read(pacs: Pacs, client: Caller, corpus: Path, folder: str) -> None:
    for ds in imported(pacs, *sorted((corpus / "modality" / folder).glob("*"))):
        if ds.Modality in ("SR", "KO"):
            content = told(client, ds)
            assert content["title"]
            assert len(everything(content["content"])) == count_items(ds)


def everything(content: list[Any]) -> list[Any]:
    return [found for one in content for found in (one, *everything(one.get("children", [])))]


def count_items(ds: Dataset) -> int:
    return sum(1 + count_items(one) for one in ds.get("ContentSequence", []))


def test_a_state_tells_its_layers_graphics_and_texts(pacs: Pacs, client: Caller) -> None:
    image = make_ct()
    layer, annotation, line, words = Dataset(), Dataset(), Dataset(), Dataset()
    layer.GraphicLayer, layer.GraphicLayerOrder = "NOTES", 1
    layer.GraphicLayerRecommendedDisplayCIELabValue = [0x8000, 0x8080, 0x8080]
    line.GraphicAnnotationUnits, line.GraphicType, line.GraphicFilled = "PIXEL", "POLYLINE", "N"
    line.GraphicDimensions, line.NumberOfGraphicPoints, line.GraphicData = 2, 2, [1.25, 2.5, 6.75, 7]
    words.UnformattedTextValue = "Tổn thương\r\nnghi ngờ"
    words.AnchorPoint, words.AnchorPointAnnotationUnits, words.AnchorPointVisibility = [4, 4], "PIXEL", "Y"
    annotation.GraphicLayer, annotation.GraphicObjectSequence, annotation.TextObjectSequence = "NOTES", [line], [words]
    state = make_state(
        image,
        GraphicLayerSequence=Sequence([layer]),
        GraphicAnnotationSequence=Sequence([annotation]),
        ImageRotation=90,
        ImageHorizontalFlip="Y",
        ShutterShape="RECTANGULAR",
        ShutterLeftVerticalEdge=2,
        ShutterRightVerticalEdge=7,
        ShutterUpperHorizontalEdge=3,
        ShutterLowerHorizontalEdge=6,
    )
    store(pacs, image)
    store(pacs, state)

    content = told(client, state)

    assert content["creator"] == "TRẦN VĂN AN"
    # L* of 50 without colour is this grey in sRGB.
    assert [(one["name"], one["colour"]) for one in content["layers"]] == [("NOTES", "#777777")]
    (told_annotation,) = content["annotations"]
    (graphic,), (text,) = told_annotation["graphics"], told_annotation["texts"]
    assert (graphic["shape"], graphic["units"], graphic["points"]) == ("POLYLINE", "PIXEL", [1.25, 2.5, 6.75, 7])
    assert (text["value"], text["anchor"]) == ("Tổn thương\nnghi ngờ", [4, 4])
    assert (content["rotate"], content["flip"]) == (90, True)
    # Columns 2 to 7 and rows 3 to 6 are seen, their edges included.
    assert content["shutter"]["rectangle"] == [1, 2, 7, 6]


def test_a_state_tells_the_greys_in_place_of_the_image_and_inverts_once(pacs: Pacs, client: Caller) -> None:
    image = make_ct(PhotometricInterpretation="MONOCHROME1")
    voi = Dataset()
    voi.WindowCenter, voi.WindowWidth = 100, 50
    state = make_state(
        image,
        RescaleSlope=2,
        RescaleIntercept=-10,
        SoftcopyVOILUTSequence=Sequence([voi]),
        PresentationLUTShape="IDENTITY",
    )
    store(pacs, image)
    store(pacs, state)

    first = told(client, state)["greys"][0]["attributes"]

    assert (first["rescale_slope"], first["rescale_intercept"]) == (2, -10)
    assert first["windows"] == [[100, 50, ""]]
    assert first["inverse"] is False


def test_a_document_comes_in_a_sandbox_of_its_own(pacs: Pacs, client: Caller, corpus: Path) -> None:
    (ds,) = imported(pacs, corpus / "modality/encapsulated/dcmjs-dimse__pdf.dcm")

    answer = client.get(f"/api/studies/{ds.StudyInstanceUID}/objects/{ds.SOPInstanceUID}/document")

    assert answer.content == ds.EncapsulatedDocument[: len(answer.content)]
    assert len(ds.EncapsulatedDocument) - len(answer.content) <= 1
    assert answer.headers["content-type"] == "application/pdf"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox;")
    assert "allow" not in policy
    assert "frame-ancestors 'self'" in policy


def test_a_video_is_one_stream_that_is_read_from_anywhere(pacs: Pacs, client: Caller) -> None:
    fragments = [bytes(range(256)) * 8, b"second" * 40, b"third!" * 50]
    film = b"".join(fragments)
    ds = make_ct(SOPClassUID=VIDEO, transfer_syntax_uid=MPEG4, NumberOfFrames=200, SamplesPerPixel=3, BitsAllocated=8)
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation, ds.PhotometricInterpretation = 8, 7, 0, "YBR_PARTIAL_420"
    ds.PixelData = encapsulate(fragments, has_bot=False)
    ds["PixelData"].is_undefined_length = True
    store(pacs, ds)
    address = f"/api/studies/{ds.StudyInstanceUID}/objects/{ds.SOPInstanceUID}/video"

    whole = client.get(address)
    part = client.get(address, headers={"range": "bytes=2000-2300"})
    beyond = client.get(address, headers={"range": f"bytes={len(film)}-"})

    assert (whole.content, whole.headers["content-type"]) == (film, "video/mp4")
    assert (part.status_code, part.content) == (206, film[2000:2301])
    assert part.headers["content-range"] == f"bytes 2000-2300/{len(film)}"
    assert beyond.status_code == 416


def test_overlays_of_an_image_are_told_where_they_lie(pacs: Pacs, client: Caller) -> None:
    image = make_ct(6, 9)
    bits = np.zeros((3, 5), bool)
    bits[1, 1:4] = True
    image.add_new(0x60000010, "US", 3)
    image.add_new(0x60000011, "US", 5)
    image.add_new(0x60000040, "CS", "G")
    image.add_new(0x60000050, "SS", [2, 3])
    image.add_new(0x60001500, "LO", "Ghi chú")
    packed = np.packbits(bits, bitorder="little").tobytes()
    image.add_new(0x60003000, "OW", packed + b"\0" * (len(packed) % 2))
    store(pacs, image)

    (plane,) = told(client, image, "/overlays/1")["planes"]
    document = client.get(f"/api/studies/{image.StudyInstanceUID}/series/{image.SeriesInstanceUID}").json()

    assert document["shared"]["overlays"] is True
    assert (plane["label"], plane["top"], plane["left"], plane["rows"], plane["columns"]) == ("Ghi chú", 1, 2, 3, 5)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("", 406),
        ("/document", 406),
        ("/video", 406),
        ("/frames/1", 406),
        ("/frames/x", 404),
        ("/overlays/7", 404),
        ("/on/1.2.3", 404),
    ],
)
def test_what_there_is_not_is_said(pacs: Pacs, client: Caller, path: str, status: int) -> None:
    image = make_ct()
    store(pacs, image)

    answer = client.get(f"/api/studies/{image.StudyInstanceUID}/objects/{image.SOPInstanceUID}{path}")

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_nobody_is_told_without_signing_in(pacs: Pacs, anonymous: Caller) -> None:
    image = make_ct()
    store(pacs, image)

    assert anonymous.get(f"/api/studies/{image.StudyInstanceUID}/objects").status_code == 401
