"""What others wrote lies where they meant it: on the screen, against what pydicom and numpy say of the same files."""

import io
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array
from pydicom.sequence import Sequence

from tests.make import make_ct, part10
from tests.server import Server, serving
from tests.viewer.conftest import NAME, PASSWORD, session_of
from tests.viewer.pixels import HEADER_PX, WIDE_PX, error, on_screen
from tests.web.test_shown import make_state

FILES = (
    "modality/seg/dcmqi__01.dcm",
    "modality/seg/dcmqi__02.dcm",
    "modality/seg/dcmqi__03.dcm",
    "modality/seg/dcmqi__liver.dcm",
    "modality/seg/highdicom__ct_image.dcm",
    "modality/sr/highdicom__sr_document.dcm",
    "modality/sr-dose/openREM__RF-RDSR-Eurocolumbus.dcm",
    "modality/pr/weasis-dicom-tools__imageForPrLUTs.dcm",
    "modality/pr/weasis-dicom-tools__prLUTs.dcm",
    "modality/pr/weasis-dicom-tools__overlay.dcm",
    "modality/pr/weasis-dicom-tools__prOverlay.dcm",
    "modality/rt/rt-utils__ct_1.dcm",
    "modality/rt/rt-utils__invalid_reference_rt.dcm",
    "modality/encapsulated/dcmjs-dimse__pdf.dcm",
    "modality/ko/iheos-toolkit2__IDS-DEPT022-a_images_000000.dcm",
    "modality/ko/iheos-toolkit2__IDS-DEPT022-a_kos_kos.dcm",
)
OpenStudy = Callable[..., Page]


@pytest.fixture(scope="module")
def drawn_on() -> tuple[Dataset, Dataset]:
    """An image of 40 by 60 pixels, and a state that turns it, draws on it and shuts the rest out."""
    image = make_ct(
        40, 60, StudyInstanceUID="1.2.826.0.1.3680043.10.1557.9.1", SeriesInstanceUID="1.2.826.0.1.3680043.10.1557.9.2"
    )
    line, words, annotation, layer, area = Dataset(), Dataset(), Dataset(), Dataset(), Dataset()
    layer.GraphicLayer, layer.GraphicLayerOrder = "NOTES", 1
    layer.GraphicLayerRecommendedDisplayCIELabValue = [0xFFFF, 0x8080, 0x8080]
    line.GraphicAnnotationUnits, line.GraphicType, line.GraphicFilled = "PIXEL", "POLYLINE", "N"
    line.GraphicDimensions, line.NumberOfGraphicPoints, line.GraphicData = 2, 2, [10.5, 20.25, 50, 30]
    words.UnformattedTextValue = "Tổn thương"
    words.AnchorPoint, words.AnchorPointAnnotationUnits, words.AnchorPointVisibility = [0.25, 0.75], "DISPLAY", "N"
    annotation.GraphicLayer, annotation.GraphicObjectSequence, annotation.TextObjectSequence = "NOTES", [line], [words]
    area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner = [1, 40], [60, 1]
    area.PresentationSizeMode = "SCALE TO FIT"
    state = make_state(
        image,
        GraphicLayerSequence=Sequence([layer]),
        GraphicAnnotationSequence=Sequence([annotation]),
        DisplayedAreaSelectionSequence=Sequence([area]),
        ImageRotation=90,
        ImageHorizontalFlip="N",
        PresentationLUTShape="IDENTITY",
        ShutterShape="RECTANGULAR",
        ShutterLeftVerticalEdge=6,
        ShutterRightVerticalEdge=55,
        ShutterUpperHorizontalEdge=11,
        ShutterLowerHorizontalEdge=35,
    )
    return image, state


@pytest.fixture(scope="module")
def server(
    corpus: Path, drawn_on: tuple[Dataset, Dataset], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("objects")
    for number, ds in enumerate(drawn_on):
        (folder / f"made{number}.dcm").write_bytes(part10(ds).getvalue())
    with serving(folder / "data", "web") as server:
        files = [*(str(corpus / name) for name in FILES), *map(str, folder.glob("made*.dcm"))]
        assert server.pacs("import", *files).returncode == 0
        done = server.pacs("user", "add", NAME, "--role", "radiologist", "--password-stdin", input=f"{PASSWORD}\n")
        assert done.returncode == 0
        yield server


@pytest.fixture(scope="module")
def cookies(chromium: Browser, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return session_of(chromium, server.url, tmp_path_factory.mktemp("session") / "state.json")


@pytest.fixture
def open_study(chromium: Browser, server: Server, cookies: Path) -> Iterator[OpenStudy]:
    """Opens the study of a data set, its objects beside it; what the page complains of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_it(ds: Dataset, panel: bool = True, **options: Any) -> Page:
        chosen = {"locale": "en-GB", "viewport": {"width": 1280, "height": 800}} | options
        context = chromium.new_context(storage_state=cookies, **chosen)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(f"{server.url}/viewer?StudyInstanceUIDs={ds.StudyInstanceUID}")
        if panel:
            page.locator("[data-action=objects]").click()
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []


def read(corpus: Path, name: str) -> Dataset:
    return pydicom.dcmread(corpus / "modality" / name)


def open_series(page: Page, ds: Dataset) -> None:
    page.locator(f"[data-series='{ds.SeriesInstanceUID}']").click()
    expect(page.locator(".pane.active canvas.picture")).to_have_attribute("data-reduce", "0")


def exactly(page: Page, rows: int, columns: int) -> None:
    """The window is such that a picture of these pixels has one on each of the screen's."""
    if page.locator(".panel-column").count():
        page.keyboard.press("j")
    page.set_viewport_size({"width": columns + WIDE_PX, "height": rows + HEADER_PX})
    expect(page.locator("canvas.picture")).to_have_js_property("clientHeight", rows)
    drawn(page)


def left_of(page: Page, columns: int) -> float:
    """Px of the pane that lie before a picture of so many columns."""
    width: int = page.locator("canvas.picture").evaluate("canvas => canvas.clientWidth")
    return (width - columns) / 2


def drawn(page: Page) -> None:
    """What has been asked for is there, and what it changes is on the screen."""
    page.wait_for_load_state("networkidle")
    for _ in range(3):
        page.evaluate("() => new Promise(done => requestAnimationFrame(done))")


def path_points(page: Page, selector: str, columns: int) -> NDArray[np.float64]:
    """The points of a path, in CSS px from the corner of a picture of so many columns."""
    numbers = re.findall(r"-?[\d.]+", page.locator(selector).first.get_attribute("d") or "")
    return np.array(numbers, float).reshape(-1, 2) - [left_of(page, columns), 0]


def bitmap(page: Page, columns: int) -> NDArray[np.uint8]:
    """What lies over the picture as a bitmap, rows by columns by red, green, blue and how dense."""
    page.locator("canvas.over-bitmaps").wait_for()
    address: str = page.evaluate("() => document.querySelector('canvas.over-bitmaps').toDataURL()")
    seen = np.asarray(Image.open(io.BytesIO(b64decode(address.partition(",")[2]))).convert("RGBA"))
    first = int(left_of(page, columns))
    return seen[:, first : first + columns]


def test_a_segmentation_lies_on_its_pixels_of_each_slice_in_its_colour(open_study: OpenStudy, corpus: Path) -> None:
    ds, first = read(corpus, "seg/dcmqi__liver.dcm"), read(corpus, "seg/dcmqi__01.dcm")
    page = open_study(ds)
    page.locator(f"[data-object='{ds.SOPInstanceUID}'] input").first.check()
    open_series(page, first)
    exactly(page, 512, 512)

    masks = [pixel_array(ds, index=index).astype(bool) for index in range(3)]
    for number in range(1, 4):
        expect(page.locator("[data-corner=image]")).to_have_text(f"Image {number} / 3")
        drawn(page)
        seen = bitmap(page, 512)
        (same,) = (mask for mask in masks if np.array_equal(mask, seen[:, :, 3] > 0))
        assert np.unique(seen[same], axis=0).tolist() == [[216, 131, 101, 102]] or tuple(
            seen[same][0][:3]
        ) == pytest.approx((217, 130, 101), abs=3)
        page.keyboard.press("ArrowDown")


def test_contours_lie_on_the_pixels_that_their_millimetres_are(open_study: OpenStudy, corpus: Path) -> None:
    ds, image = read(corpus, "rt/rt-utils__invalid_reference_rt.dcm"), read(corpus, "rt/rt-utils__ct_1.dcm")
    page = open_study(ds)
    page.locator(f"[data-object='{ds.SOPInstanceUID}'] input").first.check()
    open_series(page, image)
    exactly(page, 512, 512)

    line = page.locator("[data-line]").first
    expect(line).to_be_attached()
    structure = int((line.get_attribute("data-line") or "").split("/")[1])
    contours = [
        one for roi in ds.ROIContourSequence if roi.ReferencedROINumber == structure for one in roi.ContourSequence
    ]
    z = float(image.ImagePositionPatient[2])
    (contour,) = (one for one in contours if abs(float(one.ContourData[2]) - z) < 0.1)
    points = np.array(contour.ContourData, float).reshape(-1, 3)
    row_mm, column_mm = map(float, image.PixelSpacing)
    expected = (points[:, :2] - np.array(image.ImagePositionPatient[:2], float)) / [column_mm, row_mm] + 0.5

    assert path_points(page, "[data-line] path", 512) == pytest.approx(expected, abs=0.05)


def test_a_measurement_of_a_report_leads_to_the_image_and_is_drawn_there(open_study: OpenStudy, corpus: Path) -> None:
    ds = read(corpus, "sr/highdicom__sr_document.dcm")
    page = open_study(ds)

    page.get_by_role("button", name="Imaging Measurement Report").click()
    report = page.locator(".report")
    expect(report).to_contain_text("Area of defined region")
    expect(report.locator(".report-value.num")).to_have_text("1.7 cm2")
    report.locator("[data-mark]").first.click()
    exactly(page, 512, 512)  # of 128 pixels

    circle = path_points(page, "[data-line] path", 512) / 4
    assert np.hypot(circle[:, 0] - 58, circle[:, 1] - 52) == pytest.approx(11, abs=0.02)
    expect(page.locator("[data-line] text")).to_have_text("Area of defined region 1.7 cm2")


def test_a_dose_report_is_read_in_the_pane_its_events_as_a_table(open_study: OpenStudy, corpus: Path) -> None:
    ds = read(corpus, "sr-dose/openREM__RF-RDSR-Eurocolumbus.dcm")
    page = open_study(ds, panel=False)

    table = page.locator(".report table").first
    expect(table).to_be_visible()
    events = [one for one in ds.ContentSequence if one.ValueType == "CONTAINER"]
    names = [one.ConceptNameCodeSequence[0].CodeMeaning for one in events]
    alike = max(names.count(name) for name in names)
    expect(table.locator("tbody > tr:not(.report-rest)")).to_have_count(alike)
    expect(page.locator(".doc-head")).to_contain_text(str(ds.PatientID))


def test_a_state_shows_greys_through_its_three_tables(open_study: OpenStudy, corpus: Path) -> None:
    state, image = (
        read(corpus, "pr/weasis-dicom-tools__prLUTs.dcm"),
        read(corpus, "pr/weasis-dicom-tools__imageForPrLUTs.dcm"),
    )
    page = open_study(state)
    page.get_by_role("radio", name="XLUT_P03").click()
    expect(page.get_by_role("radio", name="XLUT_P03")).to_be_checked()
    exactly(page, 512, 512)

    modality = apply_modality_lut(pixel_array(image), state)
    voi = apply_voi_lut(modality.astype(np.uint16), state.SoftcopyVOILUTSequence[0])
    table = state.PresentationLUTSequence[0]
    count, _, bits = table.LUTDescriptor
    outputs = np.array(
        table.LUTData if not isinstance(table.LUTData, bytes) else np.frombuffer(table.LUTData, "<u2"), float
    )
    voi_bits = state.SoftcopyVOILUTSequence[0].VOILUTSequence[0].LUTDescriptor[2]
    at = np.rint(voi / (2**voi_bits - 1) * ((count or 65536) - 1)).astype(int)
    expected = outputs[at] / (2**bits - 1) * 255
    assert error(on_screen(page, 512, 512), expected) < 1


def test_a_state_turns_the_picture_and_draws_on_it_where_it_says(
    open_study: OpenStudy, drawn_on: tuple[Dataset, Dataset]
) -> None:
    image, _ = drawn_on
    page = open_study(image)
    expect(page.locator("[data-edge=top]")).to_have_text("A")
    page.get_by_role("radio", name="FINDING").click()
    expect(page.locator("[data-edge=top]")).to_have_text("R")
    exactly(page, 600, 400)
    page.locator("svg.state path[data-shape=POLYLINE]").wait_for()

    # A quarter turn clockwise brings (column, row) to (40 - row, column), at ten px a pixel.
    assert path_points(page, "path[data-shape=POLYLINE]", 400) == pytest.approx(
        np.array([[197.5, 105], [100, 500]]), abs=0.6
    )
    shut = opening_of(page, 400)
    assert sorted(shut.min(axis=0).tolist() + shut.max(axis=0).tolist()) == pytest.approx([50, 50, 300, 550], abs=0.6)
    words = page.locator("svg.state text tspan")
    expect(words).to_have_text("Tổn thương")
    assert float(words.get_attribute("x") or 0) == pytest.approx(left_of(page, 400) + 100 + 6, abs=0.6)
    assert float(words.get_attribute("y") or 0) == pytest.approx(450 - 6, abs=0.6)


def opening_of(page: Page, columns: int) -> NDArray[np.float64]:
    """The corners of what a shutter leaves open."""
    opening = (page.locator("path.shutter").get_attribute("d") or "").rpartition("M")[2]
    return np.array(re.findall(r"-?[\d.]+", opening), float).reshape(-1, 2) - [left_of(page, columns), 0]


def test_drawings_alone_leave_the_picture_as_the_reader_has_it(
    open_study: OpenStudy, drawn_on: tuple[Dataset, Dataset]
) -> None:
    page = open_study(drawn_on[0])
    page.get_by_role("radio", name="FINDING").click()
    expect(page.locator("path.shutter")).to_be_attached()

    page.locator("[data-switch=drawings-only]").check()

    expect(page.locator("path[data-shape=POLYLINE]")).to_be_attached()
    expect(page.locator("path.shutter")).not_to_be_attached()
    expect(page.locator("[data-edge=top]")).to_have_text("A")
    page.get_by_role("radio", name="As recorded").click()
    expect(page.locator("path[data-shape=POLYLINE]")).not_to_be_attached()


def test_overlays_are_drawn_as_white_bits_and_can_be_taken_away(open_study: OpenStudy, corpus: Path) -> None:
    image = read(corpus, "pr/weasis-dicom-tools__overlay.dcm")
    page = open_study(image, panel=False)
    open_series(page, image)
    exactly(page, 512, 512)

    expected = np.zeros((512, 512), bool)
    for group in (0x6000, 0x6002, 0x6004, 0x6006):
        expected |= overlay_of(image, group)
    assert np.array_equal(bitmap(page, 512)[:, :, 3] > 0, expected)
    page.keyboard.press("Shift+J")
    expect(page.locator("canvas.over-bitmaps")).not_to_be_attached()


def overlay_of(image: Dataset, group: int) -> NDArray[np.bool_]:
    """Embedded in a bit of the pixels, or by itself."""
    if (group, 0x3000) in image:
        return image.overlay_array(group).astype(bool)
    stored = np.frombuffer(image.PixelData, "<u2").reshape(image.Rows, image.Columns)
    return (stored >> int(image[group, 0x0102].value) & 1).astype(bool)


def test_key_images_are_a_gallery_that_leads_to_them(open_study: OpenStudy, corpus: Path) -> None:
    page = open_study(read(corpus, "ko/iheos-toolkit2__IDS-DEPT022-a_kos_kos.dcm"))

    thumbnail = page.locator(".objects-gallery button").first
    expect(thumbnail.locator("img")).to_be_visible()
    page.keyboard.press("End")
    expect(page.locator("[data-corner=image]")).to_have_text("Frame 8 / 8")
    thumbnail.click()
    expect(page.locator("[data-corner=image]")).to_have_text("Frame 1 / 8")


def test_a_pdf_is_shown_in_a_sandbox_without_an_origin(open_study: OpenStudy, corpus: Path) -> None:
    ds = read(corpus, "encapsulated/dcmjs-dimse__pdf.dcm")
    page = open_study(ds, panel=False)

    expect(page.locator("[data-action=document-open]")).to_have_text("Open on its own")
    address = page.locator("[data-action=document-open]").get_attribute("href")
    answer = page.request.get(f"{page.url.split('/viewer')[0]}{address}")
    assert answer.headers["content-security-policy"].startswith("sandbox;")
    assert answer.body()[:5] == b"%PDF-"


def test_on_a_phone_the_objects_are_a_sheet(open_study: OpenStudy, corpus: Path) -> None:
    ds, first = read(corpus, "seg/dcmqi__liver.dcm"), read(corpus, "seg/dcmqi__01.dcm")
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = open_study(ds, panel=False, **phone)
    page.locator("[data-action=more]").tap()
    page.get_by_role("button", name="Reports and objects").tap()

    sheet = page.get_by_role("dialog")
    sheet.locator(f"[data-object='{ds.SOPInstanceUID}'] input").first.check()
    expect(sheet.get_by_text("Liver", exact=True)).to_be_visible()
    assert first.StudyInstanceUID == ds.StudyInstanceUID
