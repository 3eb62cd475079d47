"""Measuring: drawn by mouse, finger and keys on images whose lengths and values are known, and read from the panel."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pydicom.dataset import Dataset

from tests.server import Server, serving
from tests.viewer import measure_phantoms as phantoms
from tests.viewer.measure_phantoms import Phantom

Point = tuple[float, float]

PET = "series/ihe-petct-study"
ALOKA = "photometric/pydicom-data__gdcm-US-ALOKA-16.dcm"


@dataclass(frozen=True, slots=True)
class Desk:
    """A server with the phantoms and some of the corpus."""

    server: Server
    made: dict[str, Phantom]
    corpus: Path

    def url(self, name: str) -> str:
        return self.server.url + self.made[name].address


@dataclass(frozen=True, slots=True)
class Reading:
    """A page with one image of so many columns and rows, whose pixels are `aspect` times as high as wide."""

    page: Page
    columns: int
    rows: int
    aspect: float

    def at(self, point: Point) -> Point:
        """Where a point of the image is on the page, on whole px as a mouse moves."""
        x, y = self._to_page(point)
        return round(x), round(y)

    def drawn_at(self, point: Point) -> Point:
        """The point of the image that is really met."""
        x, y = self.at(point)
        left, top, scale = self._place()
        return (x - left) / scale, (y - top) / (scale * self.aspect)

    def drag(self, *points: Point) -> None:
        self.page.mouse.move(*self.at(points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.at(point), steps=4 if len(points) == 2 else 1)
        self.page.mouse.up()

    def click(self, point: Point) -> None:
        self.page.mouse.move(*self.at(point))
        self.page.mouse.click(*self.at(point))

    def measured(self) -> list[str]:
        """What the panel tells, one text a measurement."""
        if not self.page.locator(".panel-column").count():
            self.page.keyboard.press("Shift+M")
        expect(self.page.locator(".panel-column")).to_be_visible()
        return self.page.locator(".measured").all_inner_texts()

    def _to_page(self, point: Point) -> Point:
        left, top, scale = self._place()
        return left + point[0] * scale, top + point[1] * scale * self.aspect

    def _place(self) -> tuple[float, float, float]:
        """Left and upper edge of the image on the page, and px of the page for a column."""
        box = self.page.locator("[data-pane] .surface").first.bounding_box()
        assert box
        scale = min(box["width"] / self.columns, box["height"] / (self.rows * self.aspect))
        left = box["x"] + (box["width"] - self.columns * scale) / 2
        return left, box["y"] + (box["height"] - self.rows * self.aspect * scale) / 2, scale


@pytest.fixture(scope="module")
def desk(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("measure")
    made = {
        "ct": phantoms.oblique_ct(),
        "dx": phantoms.radiograph(),
        "calibrated": phantoms.calibrated_radiograph(),
        "sc": phantoms.photograph(),
        "us": phantoms.ultrasound(),
    }
    (folder / "files").mkdir()
    for phantom in made.values():
        phantom.save(folder / "files")
    with serving(folder / "data", "web", login="none") as server:
        done = server.pacs("import", str(folder / "files"), str(corpus / PET), str(corpus / ALOKA))
        assert done.returncode == 0, done.stderr
        yield Desk(server, made, corpus)


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    keep_nothing(context)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def keep_nothing(context: BrowserContext) -> None:
    """The line is cut over which drawings are kept: each test begins on images without any."""
    context.route(re.compile(r"/api/studies/[^/]+/annotations"), lambda route: route.abort())


def reading(page: Page, url: str, ds: Dataset, series: int = 0) -> Reading:
    page.goto(url)
    expect(page.locator("[data-action=length]")).to_be_visible()
    if series:
        page.locator("[data-series]").nth(series).click()
    expect(page.locator("[data-pane] canvas.picture[data-reduce='0']")).to_be_visible()
    spacing = ds.get("PixelSpacing") or ds.get("ImagerPixelSpacing") or [1, 1]
    return Reading(page, ds.Columns, ds.Rows, float(spacing[0]) / float(spacing[1]))


def number_in(text: str, pattern: str) -> float:
    found = re.search(pattern, text)
    assert found, text
    return float(found.group(1))


def test_lengths_and_angles_are_true_where_pixels_are_not_square(page: Page, desk: Desk) -> None:
    """3-4-5 triangles in millimetres: 0.5 mm a column, 0.8 mm a row, on an oblique plane."""
    ct = desk.made["ct"].ds
    view = reading(page, desk.url("ct"), ct)

    page.keyboard.press("d")
    view.drag((60, 50), (60 + 80, 50))
    view.drag((60, 80), (60, 80 + 37.5))
    view.drag((180, 40), (180 + 80, 40 + 37.5))
    page.keyboard.press("a")
    view.drag((60 + 80, 200), (60, 200))
    view.click((60 + 80, 200 + 37.5))
    page.keyboard.press("Shift+A")
    view.drag((220, 260), (300, 260))
    view.drag((320, 220), (320 + 80, 220 + 50))

    across, down, diagonal, angle, cobb = view.measured()
    assert number_in(across, r"([\d.]+) mm\n") == pytest.approx(40, abs=0.5)
    assert number_in(down, r"([\d.]+) mm\n") == pytest.approx(30, abs=0.5)
    assert number_in(diagonal, r"([\d.]+) mm\n") == pytest.approx(50, abs=0.5)
    assert number_in(angle, r"([\d.]+)°") == pytest.approx(36.87, abs=0.5)
    assert number_in(cobb, r"([\d.]+)°") == pytest.approx(45, abs=0.5)
    assert "PixelSpacing (0028,0030)" in diagonal


def test_regions_count_the_pixels_whose_middles_are_inside_as_numpy_does(page: Page, desk: Desk) -> None:
    phantom = desk.made["ct"]
    view = reading(page, desk.url("ct"), phantom.ds)
    outline: list[Point] = [(40, 180), (110, 190), (130, 260), (70, 280), (30, 230)]

    page.keyboard.press("o")
    view.drag((170, 130), (230, 170))
    view.drag((260, 40), (340, 110))
    page.keyboard.press("Shift+O")
    view.drag((30, 30), (150, 100))
    page.keyboard.press("Shift+F")
    view.drag(*outline, outline[0])

    disk, ellipse, rectangle, freehand = view.measured()
    hu = phantom.values.astype(float) - 1024
    assert number_in(disk, r"Mean ([\d.-]+) HU") == 100.0
    assert number_in(disk, r"SD ([\d.]+)") == 0.0
    corners = [view.drawn_at(point) for point in ((260, 40), (340, 110))]
    check_counted(ellipse, hu[inside_ellipse(hu.shape, *corners)])
    area_mm2 = np.pi / 4 * abs(corners[1][0] - corners[0][0]) * 0.5 * abs(corners[1][1] - corners[0][1]) * 0.8
    assert number_in(ellipse, r"([\d.]+) mm²") == pytest.approx(area_mm2, abs=0.6)
    corners = [view.drawn_at(point) for point in ((30, 30), (150, 100))]
    check_counted(rectangle, hu[inside_polygon(hu.shape, box_of(*corners))])
    check_counted(freehand, hu[inside_polygon(hu.shape, [view.drawn_at(point) for point in outline])])


def test_pixels_that_are_padding_are_not_counted(page: Page, desk: Desk, corpus: Path) -> None:
    files = sorted((corpus / PET).iterdir())
    slices = [ds for ds in map(pydicom.dcmread, files) if ds.Modality == "CT"]
    view = reading(page, f"{desk.server.url}/viewer?StudyInstanceUIDs={slices[0].StudyInstanceUID}", slices[0])
    shown = shown_slice(page, slices)

    page.keyboard.press("Shift+O")
    view.drag((100, 100), (380, 330))

    (rectangle,) = view.measured()
    corners = [view.drawn_at(point) for point in ((100, 100), (380, 330))]
    hu = shown.pixel_array * float(shown.RescaleSlope) + float(shown.RescaleIntercept)
    check_counted(rectangle, hu[inside_polygon(hu.shape, box_of(*corners))])


def test_the_uptake_of_pet_is_told_by_weight_and_as_recorded(page: Page, desk: Desk, corpus: Path) -> None:
    slices = [ds for ds in map(pydicom.dcmread, sorted((corpus / PET).iterdir())) if ds.Modality == "PT"]
    url = f"{desk.server.url}/viewer?StudyInstanceUIDs={slices[0].StudyInstanceUID}"
    view = reading(page, url, slices[0], series=1)
    expect(page.locator(".corner.bottom-left p").first).to_contain_text("PET")
    shown = shown_slice(page, slices)

    page.keyboard.press("q")
    view.click((100.5, 80.5))

    column, row = (int(part) for part in view.drawn_at((100.5, 80.5)))
    recorded = shown.pixel_array[row, column] * float(shown.RescaleSlope)
    (probe,) = view.measured()
    assert number_in(probe, r"([\d.]+) SUVbw") == pytest.approx(recorded * suv_factor(shown), abs=0.006)
    page.get_by_label("Uptake of PET as").select_option("none")
    expect(page.locator(".measured")).to_contain_text("Bq/ml")
    assert number_in(view.measured()[0], r"([\d.]+) Bq/ml") == pytest.approx(recorded, abs=0.6)
    expect(page.locator(".panel-column")).to_contain_text("height is missing")


def test_ultrasound_is_measured_by_the_region_it_is_drawn_in(page: Page, desk: Desk) -> None:
    view = reading(page, desk.url("us"), desk.made["us"].ds)

    page.keyboard.press("d")
    view.drag((100, 50), (200, 50))
    view.drag((50, 250), (150, 350))
    view.drag((220, 250), (320, 290))
    view.drag((100, 150), (100, 250))
    page.keyboard.press("q")
    view.click((300, 220))

    tissue, motion, spectrum, across, velocity = view.measured()
    assert number_in(tissue, r"([\d.]+) mm\n") == pytest.approx(20, abs=0.3)
    assert "SequenceOfUltrasoundRegions (0018,6011), region 1" in tissue
    assert number_in(motion, r"([\d.]+) s\n") == pytest.approx(1.0, abs=0.02)
    assert number_in(motion, r"([\d.]+) mm\n") == pytest.approx(30, abs=0.5)
    assert number_in(spectrum, r"([\d.]+) s\n") == pytest.approx(0.5, abs=0.01)
    assert number_in(spectrum, r"([\d.]+) cm/s\n") == pytest.approx(20, abs=0.6)
    assert number_in(across, r"([\d.]+) px\n") == pytest.approx(100, abs=1)
    expect(page.locator("[data-kind=length]").nth(3)).to_contain_text("across regions of different scales")
    assert number_in(velocity, r"([\d.]+) cm/s") == pytest.approx((200 + 60 - (220 - 0.5)) * 0.5, abs=0.6)


def test_a_real_ultrasound_with_two_pictures_is_measured_in_each(page: Page, desk: Desk, corpus: Path) -> None:
    ds = pydicom.dcmread(corpus / ALOKA)
    left, right, *_ = ds.SequenceOfUltrasoundRegions
    view = reading(page, f"{desk.server.url}/viewer?StudyInstanceUIDs={ds.StudyInstanceUID}", ds)

    page.keyboard.press("d")
    view.drag((100, 100), (200, 300))
    view.drag((300, 200), (400, 200))

    one, across = view.measured()
    assert left.PhysicalDeltaX == right.PhysicalDeltaX
    expected_mm = float(np.hypot(100 * left.PhysicalDeltaX, 200 * left.PhysicalDeltaY)) * 10
    assert number_in(one, r"([\d.]+) mm\n") == pytest.approx(expected_mm, abs=0.5)
    assert " px" in across


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dx", r"([\d.]+) mm at detector\n(?s:.*)ImagerPixelSpacing \(0018,1164\)"),
        ("calibrated", r"([\d.]+) mm\n(?s:.*)PixelSpacing \(0028,0030\).*FIDUCIAL"),
        ("sc", r"([\d.]+) px\n(?s:.*)no scale known"),
    ],
)
def test_no_length_is_told_without_where_it_is_true(page: Page, desk: Desk, name: str, expected: str) -> None:
    view = reading(page, desk.url(name), desk.made[name].ds)
    mm = {"dx": 30, "calibrated": 25, "sc": 200}[name]

    page.keyboard.press("d")
    view.drag((100, 200), (300, 200))

    assert number_in(view.measured()[0], expected) == pytest.approx(mm, abs=1 if name == "sc" else 0.3)


def test_a_known_length_calibrates_an_image_until_it_is_undone(page: Page, desk: Desk) -> None:
    view = reading(page, desk.url("sc"), desk.made["sc"].ds)
    page.keyboard.press("d")
    view.drag((100, 300), (300, 300))
    assert " px" in view.measured()[0]

    page.keyboard.press("Shift+D")
    view.drag((100, 100), (200, 100))
    page.get_by_label("Length of the line in mm").fill("no")
    page.keyboard.press("Enter")
    expect(page.locator("dialog [role=alert]")).to_contain_text("above 0")
    page.get_by_label("Length of the line in mm").fill("25,4")
    page.keyboard.press("Enter")

    expect(page.locator(".measured")).to_contain_text(" mm")
    (length,) = view.measured()
    assert number_in(length, r"([\d.]+) mm\n") == pytest.approx(50.8, abs=0.5)
    assert "known length" in length
    page.keyboard.press("Control+z")
    expect(page.locator(".measured")).to_contain_text(" px")


def test_what_is_drawn_is_moved_reshaped_deleted_undone_and_done_again(page: Page, desk: Desk) -> None:
    view = reading(page, desk.url("ct"), desk.made["ct"].ds)
    page.keyboard.press("d")
    view.drag((60, 50), (140, 50))
    before = view.measured()

    view.drag((140, 50), (180, 50))
    assert number_in(view.measured()[0], r"([\d.]+) mm\n") == pytest.approx(60, abs=0.5)
    page.keyboard.press("Control+z")
    assert view.measured() == before
    page.keyboard.press("Control+y")
    view.drag((100, 50), (100, 90))
    assert number_in(view.measured()[0], r"([\d.]+) mm\n") == pytest.approx(60, abs=0.5)
    page.keyboard.press("Delete")
    expect(page.locator(".measured")).to_have_count(0)
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert view.measured() == before
    page.keyboard.press("Control+Shift+Z")
    assert number_in(view.measured()[0], r"([\d.]+) mm\n") == pytest.approx(60, abs=0.5)


def test_escape_ends_what_is_being_drawn_and_keys_move_what_has_the_focus(page: Page, desk: Desk) -> None:
    view = reading(page, desk.url("ct"), desk.made["ct"].ds)
    page.keyboard.press("a")
    view.drag((60, 50), (140, 50))
    expect(page.locator("[data-kind=angle]")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("[data-kind=angle]")).to_have_count(0)

    page.keyboard.press("q")
    view.click((60.5, 50.5))
    column = int(view.drawn_at((60.5, 50.5))[0])
    page.locator("[data-kind=probe]").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")

    expect(page.locator(".measured, [data-kind=probe]").first).to_contain_text(f"{column + 3 - 500:.1f} HU")
    page.keyboard.press("Backspace")
    expect(page.locator("[data-kind=probe]")).to_have_count(0)


def test_a_finger_draws_with_a_loupe_beside_it_and_rests_to_probe(chromium: Browser, desk: Desk) -> None:
    context = chromium.new_context(
        locale="en-GB", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, device_scale_factor=2
    )
    keep_nothing(context)
    page = context.new_page()
    page.goto(desk.url("ct"))
    expect(page.locator("canvas.picture[data-reduce='0']")).to_be_visible()
    view = Reading(page, 400, 300, 1.6)
    touch = context.new_cdp_session(page)

    def finger(kind: str, *points: Point) -> None:
        at = [{"x": x, "y": y} for x, y in map(view.at, points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    finger("touchStart", (200, 150))
    expect(page.locator(".probed-value")).to_contain_text("100.0 HU")
    finger("touchEnd")
    page.locator("[data-action=more]").click()
    page.locator(".touch-grid [data-action=length]").click()
    if page.locator("dialog.sheet").count():
        page.keyboard.press("Escape")
    finger("touchStart", (100, 100))
    for step in range(1, 9):
        finger("touchMove", (100 + 20 * step, 100))
    expect(page.locator(".loupe")).to_be_visible()
    finger("touchEnd")

    expect(page.locator(".loupe")).to_have_count(0)
    label = page.locator("[data-kind=length] .label").text_content() or ""
    assert number_in(label, r"([\d.]+) mm") == pytest.approx(80, abs=1)
    context.close()


def test_a_text_is_written_on_the_image_and_the_list_leads_back_to_it(page: Page, desk: Desk, corpus: Path) -> None:
    ct = next(ds for ds in map(pydicom.dcmread, sorted((corpus / PET).iterdir())) if ds.Modality == "CT")
    view = reading(page, f"{desk.server.url}/viewer?StudyInstanceUIDs={ct.StudyInstanceUID}", ct)
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-corner=image]")).to_have_text("Image 2 / 10")
    page.keyboard.press("t")
    view.click((300, 200))
    page.get_by_label("Text").last.fill("Nốt mờ thùy trên")
    page.keyboard.press("Enter")
    expect(page.locator("[data-kind=text]")).to_contain_text("Nốt mờ thùy trên")

    page.keyboard.press("End")
    expect(page.locator("[data-kind=text]")).to_have_count(0)
    assert "image 2" in view.measured()[0]
    page.locator(".measured-jump").click()

    expect(page.locator("[data-corner=image]")).to_have_text("Image 2 / 10")
    expect(page.locator("[data-kind=text]")).to_have_class("annotation selected")


def test_windows_are_edited_by_modality_and_fitted_to_a_region(page: Page, desk: Desk) -> None:
    view = reading(page, desk.url("ct"), desk.made["ct"].ds)
    page.keyboard.press("Shift+O")
    view.drag((30, 30), (150, 100))
    page.keyboard.press("Shift+R")
    low, high = (int(view.drawn_at((x, 50))[0] + 0.5) - 500 for x in (30, 150))
    window = page.locator("canvas.picture").get_attribute("data-window")
    assert window is not None
    centre, width = (float(part) for part in window.split("/"))
    assert (centre, width) == (pytest.approx((low + high) / 2, abs=1), pytest.approx(high - low, abs=1))

    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("menuitem", name="Edit windows").click()
    page.get_by_role("button", name="Remove: Lung").click()
    page.get_by_label("Width").nth(1).fill("0")
    page.get_by_label("Width").nth(1).press("Tab")
    page.get_by_label("Name").nth(1).fill("Sinus")
    page.get_by_label("Name").nth(1).press("Tab")
    expect(page.get_by_label("Width").nth(1)).to_have_value("2500")
    page.locator("[data-action=add-window]").click()
    page.keyboard.press("Escape")
    page.keyboard.press("2")

    expect(page.locator("canvas.picture")).to_have_attribute("data-window", "480/2500")


def check_counted(text: str, values: NDArray[np.float64]) -> None:
    """Each number as numpy has it, to the digit that is shown."""
    assert values.size > 100
    expected = (values.mean(), values.std(), values.min(), values.max())
    patterns = (r"Mean ([\d.-]+)", r"SD ([\d.]+)", r"Min ([\d.-]+)", r"Max ([\d.-]+)")
    found = [number_in(text, pattern) for pattern in patterns]
    assert found == pytest.approx([float(value) for value in expected], abs=0.051)


def inside_ellipse(shape: tuple[int, ...], one: Point, other: Point) -> NDArray[np.bool_]:
    row, column = np.mgrid[0.5 : shape[0], 0.5 : shape[1]]
    middle = (one[0] + other[0]) / 2, (one[1] + other[1]) / 2
    half = abs(other[0] - one[0]) / 2, abs(other[1] - one[1]) / 2
    inside: NDArray[np.bool_] = ((column - middle[0]) / half[0]) ** 2 + ((row - middle[1]) / half[1]) ** 2 <= 1
    return inside


def inside_polygon(shape: tuple[int, ...], corners: Sequence[Point]) -> NDArray[np.bool_]:
    """By the number of sides that a ray to the right crosses."""
    row, column = np.mgrid[0.5 : shape[0], 0.5 : shape[1]]
    inside = np.zeros(shape, dtype=bool)
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if y0 != y1:
            crossed = ((y0 > row) != (y1 > row)) & (column < x0 + (row - y0) / (y1 - y0) * (x1 - x0))
            inside ^= crossed
    return inside


def box_of(one: Point, other: Point) -> list[Point]:
    return [one, (other[0], one[1]), other, (one[0], other[1])]


def shown_slice(page: Page, slices: Sequence[Dataset]) -> Dataset:
    """The one on screen, by its location in the corner."""
    told = page.locator(".corner.bottom-left").first.inner_text()
    location = number_in(told, r"Location ([\d.-]+)")
    return min(slices, key=lambda ds: abs(float(ds.ImagePositionPatient[2]) - location))


def suv_factor(ds: Dataset) -> float:
    """Body weight over the dose that was left when the scan began, computed apart from the product."""
    (given,) = ds.RadiopharmaceuticalInformationSequence
    begun, injected = (
        datetime.strptime(str(time)[:6], "%H%M%S") for time in (ds.SeriesTime, given.RadiopharmaceuticalStartTime)
    )
    halvings = (begun - injected).total_seconds() / float(given.RadionuclideHalfLife)
    return float(ds.PatientWeight) * 1000 / (float(given.RadionuclideTotalDose) * 2**-halvings)
