"""Pictures and documents over HTTP. What is in pictures is tested with the renderer; here, how they are asked for."""

import io
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms
from pydicom.dataset import Dataset
from requests import Response
from starlette.datastructures import QueryParams

from pacs.archive.headers import header_of
from pacs.archive.ingest import ingest
from pacs.context import SYSTEM, Pacs
from pacs.dicom.document import report_of
from pacs.dicom.presentation import Window
from pacs.dicom.render import Viewport
from pacs.errors import InvalidQuery
from pacs.web.appearance import appearance_of, thumbnail_viewport_of
from tests.make import make_ct, part10
from tests.web.conftest import Caller
from tests.web.test_wado import multi_frame, parts_of, path_of, store

MULTIPART_JPEG = 'multipart/related; type="image/jpeg"'
IMAGE_TYPES = ["image/jpeg", "image/png", "image/gif", "image/jp2", "image/jxl"]


@pytest.mark.parametrize("suffix", ["/rendered", "/frames/2/rendered"])
@pytest.mark.parametrize("media_type", IMAGE_TYPES)
def test_a_picture_is_what_the_client_takes(client: Caller, pacs: Pacs, media_type: str, suffix: str) -> None:
    ds = store(pacs, multi_frame(rows=16, columns=12))

    answer = client.get(path_of(ds) + suffix, headers={"accept": f"{media_type}, image/webp;q=0.5"})

    assert answer.headers["content-type"] == media_type
    assert pixels_of(answer).shape[:2] == (16, 12)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "image/jpeg"),
        ("image/*", "image/jpeg"),
        ("image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", "image/png"),  # Firefox
        ("image/png;q=0.2, image/gif", "image/gif"),
        ("video/mp4", 406),
        ("text/html", 406),
        ("image/jpeg, application/dicom", 400),
        ('multipart/related; type="application/dicom", image/png', 400),
    ],
)
def test_the_best_of_what_is_accepted_is_given(client: Caller, pacs: Pacs, accept: str, expected: str | int) -> None:
    answer = client.get(f"{path_of(store(pacs, make_ct()))}/rendered", headers={"accept": accept})

    assert expected in (answer.status_code, answer.headers["content-type"])


def test_a_film_is_its_first_frame_or_all_of_them(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, multi_frame(rows=16, columns=12, FrameTime=40))
    window = "window=-724,600,linear"
    path = f"{path_of(ds)}/rendered?{window}"

    animation = Image.open(io.BytesIO(client.get(path, headers={"accept": "image/gif"}).content))
    parts = parts_of(client.get(path, headers={"accept": MULTIPART_JPEG}))

    count = int(ds.NumberOfFrames)
    assert (animation.n_frames, animation.info["duration"]) == (count, 40)  # type: ignore[attr-defined]
    assert [media_type for media_type, _ in parts] == ["image/jpeg"] * count
    assert parts[0][1] == client.get(path).content
    assert parts[1][1] == client.get(f"{path_of(ds)}/frames/2/rendered?{window}").content


@pytest.mark.parametrize("level", ["study", "series"])
def test_a_study_has_a_picture_of_each_instance(client: Caller, pacs: Pacs, level: str) -> None:
    store(pacs, make_ct(InstanceNumber=1))
    ds = store(pacs, make_ct(InstanceNumber=2))

    answer = client.get(f"{path_of(ds, level)}/rendered")

    assert [media_type for media_type, _ in parts_of(answer)] == ["image/jpeg"] * 2
    location = f"Content-Location: {path_of(ds)}/frames/1/rendered".encode()
    assert location in answer.content


def test_a_study_is_given_in_the_types_that_fit_its_instances(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, make_ct())
    store(pacs, report(SeriesInstanceUID=ds.SeriesInstanceUID + ".2"))

    both = client.get(f"{path_of(ds, 'study')}/rendered")
    pictures = client.get(f"{path_of(ds, 'study')}/rendered", headers={"accept": MULTIPART_JPEG})

    assert (both.status_code, pictures.status_code) == (200, 206)
    assert [kind for kind, _ in parts_of(both)] == ["image/jpeg", "text/html; charset=utf-8"]
    assert pictures.content.count(b"Content-Type: ") == pictures.content.count(b"Content-Type: image/jpeg") == 1


def test_a_damaged_instance_is_left_out_of_the_others(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, make_ct(InstanceNumber=1))
    store(pacs, make_ct(InstanceNumber=2, BitsAllocated=24, BitsStored=24, PixelData=bytes(64 * 3)))

    answer = client.get(f"{path_of(ds, 'series')}/rendered")

    assert len(parts_of(answer)) == 1


def test_what_cannot_be_decoded_is_a_problem_that_says_so(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, make_ct(BitsAllocated=24, BitsStored=24, PixelData=bytes(64 * 3)))

    for suffix in ("rendered", "frames/1/rendered", "thumbnail"):
        answer = client.get(f"{path_of(ds)}/{suffix}")
        assert (answer.status_code, answer.headers["content-type"]) == (406, "application/problem+json")
        assert "Bits Allocated 24" in answer.json()["detail"]


def test_a_frame_that_is_not_there_is_not_found(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, multi_frame(rows=16, columns=12))

    assert client.get(f"{path_of(ds)}/frames/1,99/rendered").status_code == 404
    assert client.get(f"{path_of(ds)}/frames/0/rendered").status_code == 404


def test_a_known_picture_is_not_sent_again(client: Caller, pacs: Pacs) -> None:
    path = f"{path_of(store(pacs, make_ct()))}/rendered"
    first = client.get(path)

    again = client.get(path, headers={"if-none-match": first.headers["etag"]})
    other = client.get(f"{path}?window=10,20,linear", headers={"if-none-match": first.headers["etag"]})
    head = client.head(path)

    assert (again.status_code, again.content, other.status_code) == (304, b"", 200)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(first.content))


def test_a_window_changes_the_picture(client: Caller, pacs: Pacs) -> None:
    path = f"{path_of(store(pacs, make_ct()))}/rendered?accept=image/png"

    plain, windowed = client.get(path), client.get(f"{path}&window=-992,64,linear-exact")

    assert pixels_of(plain).max() == 0  # a window of 40, 400
    assert pixels_of(windowed).ravel().tolist() == [round(255 * value / 64) for value in range(64)]


def test_a_part_of_the_picture_is_turned_over(client: Caller, pacs: Pacs) -> None:
    path = f"{path_of(store(pacs, make_ct()))}/rendered?accept=image/png&window=-992,64,linear-exact"
    whole = pixels_of(client.get(path))

    turned = pixels_of(client.get(f"{path}&viewport=4,2,2,4,-4,-2"))
    to_the_edges = pixels_of(client.get(f"{path}&viewport=8,8,,,,-8"))

    assert np.array_equal(turned, whole[4:6, 2:6][::-1, ::-1])
    assert np.array_equal(to_the_edges, whole[::-1])
    assert client.get(f"{path}&viewport=4,2,20,20").status_code == 400


def test_pixels_that_are_not_square_are_made_so_in_a_viewport_only(client: Caller, pacs: Pacs) -> None:
    path = f"{path_of(store(pacs, make_ct(16, 16, PixelSpacing=[2, 1])))}/rendered?accept=image/png"

    # PS3.18 8.3.5.1.3: without a viewport the picture has the pixels of the image
    assert pixels_of(client.get(path)).shape == (16, 16)
    assert pixels_of(client.get(f"{path}&viewport=64,64")).shape == (64, 32)


def test_words_are_burned_in_where_they_are_asked_for(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, make_ct(128, 128, PixelData=bytes(128 * 128 * 2)))
    path = f"{path_of(ds)}/rendered?accept=image/png"

    patient = pixels_of(client.get(f"{path}&annotation=patient"))
    technique = pixels_of(client.get(f"{path}&annotation=technique"))
    both = pixels_of(client.get(f"{path}&annotation=patient,technique"))

    assert patient[:64].max() > 240 and patient[64:].max() == 0
    assert technique[:32].max() == 0 and technique[64:].max() > 240
    assert np.array_equal(both[:32], patient[:32]) and np.array_equal(both[64:], technique[64:])


def test_an_annotation_that_is_not_known_is_told_in_a_warning(client: Caller, pacs: Pacs) -> None:
    path = f"{path_of(store(pacs, make_ct()))}/rendered"

    answer = client.get(f"{path}?annotation=patient,biometry")

    expected = '299 filmless "The following annotation values are not supported: biometry"'
    assert answer.headers["warning"] == expected
    assert client.get(f"{path}?annotation=").status_code == 400
    assert client.get(f"{path}?annotation=patient,%3Cb%3E").status_code == 400


def test_colours_are_brought_into_the_space_that_is_asked_for(client: Caller, pacs: Pacs) -> None:
    red = np.full((8, 8, 3), (255, 0, 0), np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = f"{path_of(store(pacs, colours(red, ICCProfile=profile)))}/rendered?accept=image/png"

    found = {space: image_of(client.get(f"{path}&iccprofile={space}")) for space in ("no", "yes", "adobergb")}

    assert [image.info.get("icc_profile") for image in found.values()][:2] == [None, profile]
    assert found["yes"].getpixel((0, 0)) == (255, 0, 0)
    assert found["adobergb"].getpixel((0, 0)) == (219, 0, 0)
    assert b"A\0d\0o\0b\0e" in found["adobergb"].info["icc_profile"]
    assert client.get(f"{path_of_gif(path)}&iccprofile=srgb").status_code == 400
    assert client.get(f"{path}&iccprofile=cmyk").status_code == 400


def test_thumbnails_are_small_jpegs_of_every_level(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, multi_frame(rows=512, columns=256))
    paths = [path_of(ds, level) for level in ("study", "series", "instance")] + [f"{path_of(ds)}/frames/2"]

    usual = [client.get(f"{path}/thumbnail") for path in paths]
    smaller = [client.get(f"{path}/thumbnail?viewport=64,32") for path in paths]

    assert {answer.headers["content-type"] for answer in usual + smaller} == {"image/jpeg"}
    assert {image_of(answer).size for answer in usual} == {(64, 128)}
    assert {image_of(answer).size for answer in smaller} == {(16, 32)}


def test_a_thumbnail_names_nobody(client: Caller, pacs: Pacs) -> None:
    ds = make_ct(64, 64, PixelData=bytes(64 * 64 * 2))
    for element, vr, value in ((0x10, "US", 64), (0x11, "US", 64), (0x40, "CS", "G"), (0x50, "SS", [1, 1])):
        ds.add_new(0x60000000 + element, vr, value)
    ds.add_new(0x60003000, "OW", b"\xff" * (64 * 64 // 8))
    path = path_of(store(pacs, ds))

    assert pixels_of(client.get(f"{path}/rendered")).min() > 250  # the overlay covers all of it
    assert pixels_of(client.get(f"{path}/thumbnail")).max() < 5
    assert client.get(f"{path}/thumbnail?annotation=patient").content == client.get(f"{path}/thumbnail").content


@pytest.mark.parametrize("name", ["imageForPrLUTs prLUTs", "overlay prOverlay"])
def test_a_presentation_state_shows_its_images(
    client: Caller, pacs: Pacs, corpus: Path, tmp_path: Path, name: str
) -> None:
    image, state = (corpus / f"modality/pr/weasis-dicom-tools__{one}.dcm" for one in name.split())
    stored = [ingest(pacs, SYSTEM, io.BytesIO(file.read_bytes())) for file in (image, state)]
    uids = stored[1].study_instance_uid, stored[1].series_instance_uid, stored[1].sop_instance_uid
    path = "/dicom-web/studies/{}/series/{}/instances/{}/rendered".format(*uids)

    shown = pixels_of(client.get(path, headers={"accept": "image/png"}))

    if "LUTs" in name and shutil.which("dcmp2pgm"):  # it draws no overlays
        subprocess.run(["dcmp2pgm", "-p", state, image, tmp_path / "theirs.pgm"], check=True, capture_output=True)
        assert np.array_equal(shown, np.asarray(Image.open(tmp_path / "theirs.pgm")))
    if "Overlay" in name:
        assert (shown == 255).sum() > 3500  # six lines of text
    for refused in ("window=1,2,linear", "viewport=9,9,1,1"):
        assert client.get(f"{path}?{refused}").status_code == 400
    assert client.get(path.replace("/rendered", "/frames/1/rendered")).status_code == 400


def test_a_presentation_state_hides_draws_and_turns(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, make_ct(16, 16, PixelData=np.full((16, 16), 100, "<i2").tobytes(), RescaleIntercept=0))
    window = item(WindowCenter=100.5, WindowWidth=201)
    line = item(
        GraphicAnnotationUnits="PIXEL", GraphicType="POLYLINE", GraphicData=[2.5, 4.5, 8.5, 4.5], GraphicFilled="N"
    )
    area = item(DisplayedAreaTopLeftHandCorner=[1, 1], DisplayedAreaBottomRightHandCorner=[12, 8])
    shutter = {"ShutterShape": "RECTANGULAR", "ShutterPresentationValue": 0xFFFF}
    edges = {"LeftVertical": 1, "RightVertical": 10, "UpperHorizontal": 2, "LowerHorizontal": 16}
    state = make_ct(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.11.1",
        PixelData=None,
        SeriesInstanceUID=ds.SeriesInstanceUID + ".9",
        SoftcopyVOILUTSequence=[window],
        GraphicAnnotationSequence=[item(GraphicObjectSequence=[line])],
        DisplayedAreaSelectionSequence=[area],
        ReferencedSeriesSequence=[
            item(SeriesInstanceUID=ds.SeriesInstanceUID, ReferencedImageSequence=[reference(ds.SOPInstanceUID)])
        ],
        ImageRotation=90,
        ImageHorizontalFlip="N",
        RescaleIntercept=0,
        PresentationLUTShape="INVERSE",
        **shutter,
        **{f"Shutter{edge}Edge": value for edge, value in edges.items()},
    )

    answer = client.get(f"{path_of(store(pacs, state))}/rendered", headers={"accept": "image/png"})

    expected = np.full((8, 12), 128, np.uint8)  # 100 in the middle of 200
    expected[0], expected[:, 10:] = 255, 255
    expected[4, 2:9] = 255
    assert np.abs(pixels_of(answer).astype(int) - np.rot90(expected, -1)).max() <= 1


def test_a_state_without_its_images_is_not_found(client: Caller, pacs: Pacs) -> None:
    state = store(pacs, make_ct(SOPClassUID="1.2.840.10008.5.1.4.1.1.11.1", PixelData=None))

    assert client.get(f"{path_of(state)}/rendered").status_code == 404


def test_what_has_no_picture_has_an_icon(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, report())

    for level in ("study", "series", "instance"):
        assert image_of(client.get(f"{path_of(ds, level)}/thumbnail")).size == (128, 128)


@pytest.mark.parametrize(("accept", "expected"), [("*/*", "text/html"), ("text/plain", "text/plain")])
def test_a_report_is_read_in_a_browser(client: Caller, pacs: Pacs, accept: str, expected: str) -> None:
    answer = client.get(f"{path_of(store(pacs, report()))}/rendered", headers={"accept": accept})

    assert answer.headers["content-type"] == f"{expected}; charset=utf-8"
    text = answer.content.decode()
    for said in ("NGUYỄN THỊ ÁNH ĐÀO", "Phổi", "12.5", "mm"):
        assert said in text
    if expected == "text/html":
        assert "<script" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert re.search(r'href="/dicom-web/studies/1\.2\.3/series/1\.2\.3\.4/instances/1\.2\.3\.4\.5/rendered"', text)


def test_what_is_broken_in_a_report_is_left_out() -> None:
    broken = part10(report()).getvalue().replace(b"\x40\x00\x60\xa1UT", b"\x40\x00\x60\xa1RT")  # a VR that is none

    found = report_of(header_of(io.BytesIO(broken), "1.2.840.10008.1.2.1"))

    assert found.title == "Diagnostic imaging report"
    assert "alert" not in str(found)


def test_a_report_in_xml_keeps_its_codes(client: Caller, pacs: Pacs) -> None:
    answer = client.get(f"{path_of(store(pacs, report()))}/rendered", headers={"accept": "text/xml"})

    length = ElementTree.fromstring(answer.content).find("item[@type='NUM']")
    assert length is not None and length.findtext("value") == "12.5"
    assert (length.get("unit-value"), length.get("unit-scheme")) == ("mm", "UCUM")


def test_a_document_is_given_as_it_was_put_in(client: Caller, pacs: Pacs) -> None:
    pdf = b"%PDF-1.4 and so on %%EOF"
    attributes: dict[str, Any] = {"EncapsulatedDocument": pdf + b"\0", "EncapsulatedDocumentLength": len(pdf)}
    ds = store(pacs, make_ct(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", PixelData=None, **attributes))

    answer = client.get(f"{path_of(ds)}/rendered")

    assert (answer.headers["content-type"], answer.content) == ("application/pdf", pdf)


def test_a_presentation_without_a_picture_or_text_is_not_acceptable(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, make_ct(SOPClassUID="1.2.840.10008.5.1.4.1.1.66", PixelData=None))

    assert client.get(f"{path_of(ds)}/rendered").status_code == 406


@pytest.mark.parametrize("path", ["modality/sr", "modality/sr-dose", "modality/ko"])
def test_every_report_of_the_corpus_can_be_read(client: Caller, pacs: Pacs, corpus: Path, path: str) -> None:
    for file in sorted((corpus / path).iterdir()):
        with file.open("rb") as stream:
            stored = ingest(pacs, SYSTEM, stream)
        if stored.sop_class_uid.startswith("1.2.840.10008.5.1.4.1.1.88."):
            uids = stored.study_instance_uid, stored.series_instance_uid, stored.sop_instance_uid
            answer = client.get("/dicom-web/studies/{}/series/{}/instances/{}/rendered".format(*uids))
            assert (answer.status_code, answer.headers["content-type"][:9]) == (200, "text/html"), file.name
            assert "<li>" in answer.text, file.name


def test_the_parameters_say_how_a_picture_looks() -> None:
    parameters = QueryParams("quality=70&window=40,400.5,sigmoid&viewport=200,100,10,20,-30,40&annotation=technique")

    appearance = appearance_of(parameters)

    assert appearance.quality == 70
    assert (appearance.window, appearance.voi_function) == (Window(40, 400.5), "SIGMOID")
    assert appearance.viewport == Viewport(200, 100, (10, 20, 30, 40), is_mirrored=True)
    assert appearance.annotations == ("technique",)


@pytest.mark.parametrize(
    "parameters",
    [
        *("quality=0", "quality=101", "quality=high", "quality="),
        *("window=40,400", "window=40,0,linear", "window=a,b,linear", "window=40,400,cubic", "window=nan,1,linear"),
        *("window=40,0.5,linear", "window=40,,linear", "window="),
        *("viewport=0,10", "viewport=10", "viewport=10,10,0,0,0", "viewport=9999,1", "viewport=1,1,0,0,1,1,1"),
        *("viewport=1,1,a", "viewport=,10", "viewport=-1,10", "viewport=1.5,10"),
        *("annotation=", "annotation=patient,", "iccprofile=", "iccprofile=no,yes"),
    ],
)
def test_parameters_that_say_nothing_are_refused(parameters: str) -> None:
    with pytest.raises(InvalidQuery):
        appearance_of(QueryParams(parameters))


def test_a_thumbnail_has_no_region() -> None:
    with pytest.raises(InvalidQuery):
        thumbnail_viewport_of("10,10,1,1,5,5")


def test_the_door_refuses_them_too(client: Caller, pacs: Pacs) -> None:
    ds = store(pacs, make_ct())

    assert client.get(f"{path_of(ds)}/rendered?quality=0").status_code == 400
    assert client.get(f"{path_of(ds)}/thumbnail?viewport=x").status_code == 400


def report(**attributes: Any) -> Dataset:
    """A structured report of one finding, one measurement and one image, with markup in its text."""
    content = [
        content_item("TEXT", "121071", "Finding", TextValue="Phổi: <script>alert(1)</script>\r\nbình thường"),
        content_item("NUM", "410668003", "Length", MeasuredValueSequence=[measured("12.5", "mm")]),
        content_item("IMAGE", "121080", "Best illustration", ReferencedSOPSequence=[reference("1.2.3.4.5")]),
    ]
    series, study = Dataset(), Dataset()
    series.SeriesInstanceUID, series.ReferencedSOPSequence = "1.2.3.4", [reference("1.2.3.4.5")]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = "1.2.3", [series]
    return make_ct(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11",
        Modality="SR",
        PixelData=None,
        ValueType="CONTAINER",
        ConceptNameCodeSequence=[code("18748-4", "LN", "Diagnostic imaging report")],
        CurrentRequestedProcedureEvidenceSequence=[study],
        ContentSequence=content,
        **attributes,
    )


def content_item(kind: str, value: str, meaning: str, **attributes: Any) -> Dataset:
    ds = Dataset()
    ds.RelationshipType, ds.ValueType = "CONTAINS", kind
    ds.ConceptNameCodeSequence = [code(value, "DCM", meaning)]
    for keyword, one in attributes.items():
        setattr(ds, keyword, one)
    return ds


def code(value: str, scheme: str, meaning: str) -> Dataset:
    ds = Dataset()
    ds.CodeValue, ds.CodingSchemeDesignator, ds.CodeMeaning = value, scheme, meaning
    return ds


def measured(value: str, unit: str) -> Dataset:
    ds = Dataset()
    ds.NumericValue, ds.MeasurementUnitsCodeSequence = value, [code(unit, "UCUM", "millimetre")]
    return ds


def item(**attributes: Any) -> Dataset:
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def reference(uid: str) -> Dataset:
    ds = Dataset()
    ds.ReferencedSOPClassUID, ds.ReferencedSOPInstanceUID = pydicom.uid.CTImageStorage, uid
    return ds


def colours(pixels: NDArray[np.uint8], **attributes: Any) -> Dataset:
    """An image in red, green and blue."""
    described = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    depth = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0}
    ds = make_ct(*pixels.shape[:2], **described, **depth, PixelData=pixels.tobytes(), **attributes)
    ds["PixelData"].VR = "OB"
    return ds


def path_of_gif(path: str) -> str:
    return path.replace("image/png", "image/gif")


def image_of(answer: Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def pixels_of(answer: Response) -> NDArray[Any]:
    decoders = {"image/jp2": imagecodecs.jpeg2k_decode, "image/jxl": imagecodecs.jpegxl_decode}
    decode = decoders.get(answer.headers["content-type"])
    found: NDArray[Any] = np.asarray(image_of(answer)) if decode is None else decode(answer.content)
    return found
