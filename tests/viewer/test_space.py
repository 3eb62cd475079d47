"""Panes in one space: scrolling by place, reference lines, the crosshair, planes through volumes of known numbers."""

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect
from pydicom.dataset import Dataset

from tests.make import make_ct, make_uid, part10
from tests.server import serving
from tests.viewer.conftest import NAME, PASSWORD, session_of

OpenPage = Callable[..., Page]
STUDY, SPACE = make_uid(52, 1), make_uid(52, 2)

SIDE, SLICES = 64, 24
COLUMN_MM, SPACING_MM = 0.8, 2.5
LEAN = np.radians(20)
ROW, COLUMN = np.array([1.0, 0, 0]), np.array([0, np.cos(LEAN), np.sin(LEAN)])
NORMAL = np.cross(ROW, COLUMN)
MARKS = ((10, 10, 4), (50, 10, 20), (50, 10, 4))
"""Bright voxels (column, row, slice), all in one row: in one coronal plane."""


def phantom_volume() -> NDArray[np.int16]:
    """HU, shape (slices, rows, columns): a pattern that no two places share, below 200, and marks of 255."""
    k, j, i = np.indices((SLICES, SIDE, SIDE))
    values = (i * 3 + j * 5 + k * 7) % 200
    values[:, 8:13, :] = 20
    for column, row, slice_ in MARKS:
        values[slice_, row, column] = 255
    return np.asarray(values, dtype=np.int16)


def series(
    number: int, description: str, frames: list[tuple[NDArray[np.int16], NDArray[np.float64]]], **changes: Any
) -> list[Dataset]:
    """A series of slices: HU and the position of each. One grey level for each HU."""
    made = []
    for index, (values, position) in enumerate(frames, start=1):
        attributes: dict[str, Any] = {
            "StudyInstanceUID": STUDY,
            "SeriesInstanceUID": make_uid(52, 10 + number),
            "SeriesNumber": number,
            "SeriesDescription": description,
            "InstanceNumber": index,
            "FrameOfReferenceUID": SPACE,
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "ImagePositionPatient": [round(float(part), 6) for part in position],
            "PixelSpacing": [COLUMN_MM, COLUMN_MM],
            "WindowCenter": 128,
            "WindowWidth": 256,
            "PixelData": (values + 1024).astype("<i2").tobytes(),
        }
        made.append(make_ct(*values.shape, **(attributes | changes)))
    return made


def flat(count: int, step_mm: float, start: float = 0.0) -> list[tuple[NDArray[np.int16], NDArray[np.float64]]]:
    """Axial slices, each of one value: its number."""
    return [(np.full((16, 16), k, np.int16), np.array([0, 0, start + k * step_mm])) for k in range(count)]


def files() -> Iterator[Dataset]:
    """The study: each series is a case of its own."""
    volume = phantom_volume()
    orientation = [*ROW, *(round(float(part), 9) for part in COLUMN)]
    slices = [(volume[k], np.array([-20.0, 35.0, 110.0]) + k * SPACING_MM * NORMAL) for k in range(SLICES)]
    yield from series(1, "phantom", slices, ImageOrientationPatient=orientation)
    yield from series(2, "thin", flat(21, 2.0))
    yield from series(3, "thick", flat(9, 5.0))
    sagittal = [(np.full((60, 16), k, np.int16), np.array([k * 2.0, 0, 45.0])) for k in range(7)]
    yield from series(4, "sagittal", sagittal, ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    yield from series(5, "elsewhere", flat(21, 2.0), FrameOfReferenceUID=make_uid(52, 3))
    yield from series(6, "gap", [each for each in flat(12, 3.0) if each[1][2] not in (15.0, 18.0)])
    yield from series(7, "phases", flat(5, 3.0) + flat(5, 3.0))


@dataclass(frozen=True, slots=True)
class Spaces:
    """A server with the study of phantoms, and the corpus' series that must not be taken for boxes."""

    viewer: str
    tilted: str
    turned: str


@pytest.fixture(scope="module")
def spaces(chromium: Browser, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Spaces, Path]]:
    """The server, and the cookies of somebody who may read."""
    folder = tmp_path_factory.mktemp("space")
    (folder / "files").mkdir()
    for number, ds in enumerate(files()):
        (folder / f"files/{number}.dcm").write_bytes(part10(ds).getvalue())
    tilted, turned = corpus / "series/ct-head-phantom-tilt-54", corpus / "series/mr-sliceorientation-4"
    with serving(folder / "data", "web") as server:
        for arguments, given in (
            (("import", str(folder / "files"), str(tilted), str(turned)), None),
            (("user", "add", NAME, "--role", "radiologist", "--password-stdin"), f"{PASSWORD}\n"),
        ):
            done = server.pacs(*arguments, input=given)
            assert done.returncode == 0, done.stderr
        address = f"{server.url}/viewer?StudyInstanceUIDs="
        uids = [study_of(path) for path in (tilted, turned)]
        served = Spaces(address + STUDY, *(address + uid for uid in uids))
        yield served, session_of(chromium, server.url, folder / "state.json")


def study_of(folder: Path) -> str:
    """The Study Instance UID of the first file."""
    return str(pydicom.dcmread(sorted(folder.iterdir())[0], stop_before_pixels=True).StudyInstanceUID)


@pytest.fixture
def open_space(chromium: Browser, spaces: tuple[Spaces, Path]) -> Iterator[OpenPage]:
    """Opens pages; what they complain of fails the test."""
    contexts, complaints = [], []

    def new_page(address: str, **options: object) -> Page:
        chosen = {"locale": "en-GB", "viewport": {"width": 1280, "height": 800}} | options
        contexts.append(chromium.new_context(storage_state=spaces[1], **chosen))  # type: ignore[arg-type]
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        expect(page.locator("[data-action=planes]").or_(page.locator("[data-action=more]")).first).to_be_visible()
        return page

    yield new_page
    for context in contexts:
        context.close()
    assert complaints == []


def pane(page: Page, number: int) -> Locator:
    """The n-th pane, from 1."""
    return page.locator("[data-pane]").nth(number - 1)


def open_series(page: Page, *numbers: int) -> None:
    """Lays out as many panes, and opens the series of these numbers in them."""
    if len(numbers) > 1:
        page.keyboard.press("e")
        page.locator(f"[data-grid='1 {len(numbers)}']").click()
    for place, number in enumerate(numbers, start=1):
        pane(page, place).locator(".surface").click(position={"x": 60, "y": 300})
        page.locator(f"[data-series='{make_uid(52, 10 + number)}']").click()
        expect(pane(page, place).locator(".corner.bottom-left p").first).to_contain_text(f"{number}. ")
        expect(pane(page, place).locator("canvas.picture")).to_have_attribute("data-frame", re.compile(r"\d"))


def open_planes(page: Page, number: int) -> None:
    """Three planes of the series, whole."""
    open_series(page, number)
    page.keyboard.press("m")
    expect(page.locator("[data-pane]")).to_have_count(3)
    for place in (1, 2, 3):
        expect(pane(page, place).locator("canvas.picture")).to_have_attribute("data-reduce", "0")


def frame(page: Page, place: int) -> Locator:
    """The canvas of a pane, that tells which frame it shows."""
    return pane(page, place).locator("canvas.picture")


SHOW_MARKS = """visibility => {
    for (const mark of document.querySelectorAll(".pane > :not(.surface)")) mark.style.visibility = visibility;
    for (const mark of document.querySelectorAll(".pane > :not(.surface) *")) mark.style.visibility = visibility;
}"""


def picture(page: Page, place: int) -> NDArray[np.float64]:
    """The picture of a pane, without what is written and drawn over it."""
    page.evaluate(SHOW_MARKS, "hidden")
    shot = page.screenshot(clip=frame(page, place).bounding_box())
    page.evaluate(SHOW_MARKS, "")
    return np.asarray(Image.open(io.BytesIO(shot)).convert("L"), dtype=np.float64)


def samples(seen: NDArray[np.float64], shape: tuple[int, ...], aspect: float) -> NDArray[np.float64]:
    """The grey at the middle of each pixel of a picture that fits its pane."""
    (rows, columns), (height, width) = shape, seen.shape
    scale = min(width / columns, height / (rows * aspect))
    down = np.floor(height / 2 + (np.arange(rows) + 0.5 - rows / 2) * scale * aspect).astype(int)
    across = np.floor(width / 2 + (np.arange(columns) + 0.5 - columns / 2) * scale).astype(int)
    return seen[np.ix_(down, across)]


def wanted_planes(volume: NDArray[np.int16], page: Page) -> tuple[tuple[NDArray[np.int16], float], ...]:
    """By numpy, the axial, coronal and sagittal plane on screen as they hang, and how high their pixels are."""
    k, j, i = (int(frame(page, place).get_attribute("data-frame") or -1) for place in (1, 2, 3))
    high = SPACING_MM / COLUMN_MM
    return (volume[k], 1.0), (volume[::-1, j, :], high), (volume[::-1, :, i], high)


@pytest.mark.parametrize("gl", ["0", "1"], ids=["canvas2d", "webgl2"])
def test_planes_show_the_stored_values_to_one_hu(open_space: OpenPage, spaces: tuple[Spaces, Path], gl: str) -> None:
    page = open_space(f"{spaces[0].viewer}&gl={gl}", viewport={"width": 1920, "height": 1080})
    open_planes(page, 1)

    for place, (wanted, high) in enumerate(wanted_planes(phantom_volume(), page), start=1):
        seen = samples(picture(page, place), wanted.shape, high)
        assert np.median(np.abs(seen - wanted)) <= 1
        assert np.median(np.abs(seen - wanted[::-1])) > 5


def test_a_slab_shows_the_highest_lowest_and_mean_values_that_numpy_finds(
    open_space: OpenPage, spaces: tuple[Spaces, Path]
) -> None:
    page = open_space(f"{spaces[0].viewer}&gl=0", viewport={"width": 1920, "height": 1080})
    open_planes(page, 1)
    j = int(frame(page, 2).get_attribute("data-frame") or -1)
    volume = phantom_volume()
    # 10 mm are 13 rows of 0.8 mm: as near as whole rows come.
    slab = volume[::-1, j - 6 : j + 7, :]
    for mode, wanted in (("mip", slab.max(1)), ("minip", slab.min(1)), ("mean", slab.mean(1))):
        page.locator(".planes-bar select").select_option(mode)
        expect(pane(page, 2).locator("[data-mark=slab]")).to_contain_text("10.4 mm")
        expect(frame(page, 2)).to_have_attribute("data-reduce", "0")

        seen = samples(picture(page, 2), wanted.shape, SPACING_MM / COLUMN_MM)
        assert np.median(np.abs(seen - wanted)) <= 1


def bright_spots(seen: NDArray[np.float64], count: int) -> list[tuple[float, float]]:
    """The middles (x, y) of the brightest spots."""
    left, spots = np.clip(seen - 210, 0, None), []
    reach = 24
    for _ in range(count):
        y, x = np.unravel_index(int(left.argmax()), left.shape)
        area = np.s_[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach]
        weight = left[area]
        down, across = np.indices(weight.shape)
        spots.append(
            (
                float((across * weight).sum() / weight.sum() + max(0, x - reach) + 0.5),
                float((down * weight).sum() / weight.sum() + max(0, y - reach) + 0.5),
            )
        )
        left[area] = 0
    return spots


def test_lengths_and_angles_in_a_plane_are_those_of_the_phantom(
    open_space: OpenPage, spaces: tuple[Spaces, Path]
) -> None:
    page = open_space(f"{spaces[0].viewer}&gl=0", viewport={"width": 1920, "height": 1080})
    open_planes(page, 1)
    pane(page, 2).locator(".surface").click(position={"x": 60, "y": 300})
    while (shown := int(frame(page, 2).get_attribute("data-frame") or -1)) != MARKS[0][1]:
        page.keyboard.press("ArrowDown" if shown < MARKS[0][1] else "ArrowUp")
        expect(frame(page, 2)).not_to_have_attribute("data-frame", str(shown))
    expect(frame(page, 2)).to_have_attribute("data-reduce", "0")
    bar = pane(page, 2).locator(".scale i").bounding_box()
    assert bar is not None
    px_per_mm = bar["width"] / float(pane(page, 2).locator(".scale span").inner_text().removesuffix(" mm"))

    spots = sorted(bright_spots(picture(page, 2), 3))
    corner, far = sorted(spots[1:], key=lambda spot: -spot[1])
    first = np.array(spots[0])
    run, rise = (np.linalg.norm(np.array(spot) - first) / px_per_mm for spot in (corner, far))
    (ax, ay), (bx, by) = np.array(corner) - first, np.array(far) - first
    angle = np.degrees(np.arctan2(abs(ax * by - ay * bx), ax * bx + ay * by))

    box = pane(page, 2).locator(".surface").bounding_box()
    assert box is not None
    page.keyboard.press("d")
    page.mouse.move(box["x"] + first[0], box["y"] + first[1])
    page.mouse.down()
    page.mouse.move(box["x"] + far[0], box["y"] + far[1], steps=6)
    page.mouse.up()
    page.keyboard.press("Shift+M")
    measured = re.search(r"([\d.]+) mm", page.locator(".measured").first.inner_text())

    assert measured is not None
    assert float(measured[1]) == pytest.approx(np.hypot(40 * COLUMN_MM, 16 * SPACING_MM), abs=0.5)
    assert run == pytest.approx(40 * COLUMN_MM, abs=0.5)
    assert rise == pytest.approx(np.hypot(40 * COLUMN_MM, 16 * SPACING_MM), abs=0.5)
    assert angle == pytest.approx(np.degrees(np.arctan2(16 * SPACING_MM, 40 * COLUMN_MM)), abs=0.5)


def test_planes_are_left_as_they_were_entered_and_the_volume_is_given_back(
    open_space: OpenPage, spaces: tuple[Spaces, Path]
) -> None:
    page = open_space(spaces[0].viewer)
    open_series(page, 2, 3)
    before = len(page.workers)
    for _ in range(3):
        page.keyboard.press("m")
        expect(page.locator("[data-pane]")).to_have_count(3)
        expect(frame(page, 1)).to_have_attribute("data-reduce", "0")
        assert len([worker for worker in page.workers if "cutter" in worker.url]) == 1
        page.keyboard.press("m")
        expect(page.locator("[data-pane]")).to_have_count(2)
        expect(frame(page, 2)).to_have_attribute("data-reduce", "0")

    expect(pane(page, 1).locator(".corner.bottom-left")).to_contain_text("thin")
    expect(pane(page, 2).locator(".corner.bottom-left")).to_contain_text("thick")
    assert not [worker for worker in page.workers if "cutter" in worker.url]
    assert len(page.workers) >= before


def test_a_tilted_gantry_is_told_and_its_slices_stay_where_they_are(
    open_space: OpenPage, spaces: tuple[Spaces, Path]
) -> None:
    page = open_space(spaces[0].tilted)
    expect(pane(page, 1).locator("[data-mark=slices]")).to_be_visible()
    page.keyboard.press("m")

    expect(page.locator(".flaws")).to_have_count(3)
    expect(page.locator(".flaws").first).to_contain_text("Tilted gantry: 18.5°")


def test_missing_slices_are_told_in_numbers_and_left_black(open_space: OpenPage, spaces: tuple[Spaces, Path]) -> None:
    page = open_space(f"{spaces[0].viewer}&gl=0", viewport={"width": 1920, "height": 1080})
    open_planes(page, 6)

    expect(page.locator(".flaws").first).to_contain_text(
        "2 slices missing between slices 5 and 6 (9.0 mm): left black."
    )
    seen = picture(page, 2)
    (rows,) = np.nonzero(seen[:, seen.shape[1] // 2 - 20 : seen.shape[1] // 2 + 20].max(1) > 0)
    assert (np.diff(rows) > 1).sum() == 1


@pytest.mark.parametrize(
    ("number", "words"), [(7, "several pictures of the same place"), (None, "differ in direction or size")]
)
def test_series_that_make_no_volume_are_refused_in_words(
    open_space: OpenPage, spaces: tuple[Spaces, Path], number: int | None, words: str
) -> None:
    page = open_space(spaces[0].turned if number is None else spaces[0].viewer)
    if number is not None:
        open_series(page, number)
    expect(frame(page, 1)).to_have_attribute("data-frame", re.compile(r"\d"))
    page.keyboard.press("m")

    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.locator("[data-pane]")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_linked_panes_scroll_to_the_same_place_and_by_steps_where_there_is_none(
    open_space: OpenPage, spaces: tuple[Spaces, Path]
) -> None:
    page = open_space(spaces[0].viewer)
    open_series(page, 3, 5, 2)
    expect(pane(page, 3).locator("[data-mark=follows]")).to_have_count(0)
    page.keyboard.press("y")
    expect(pane(page, 1).locator("[data-mark=follows]")).to_have_text("linked by place")
    expect(pane(page, 2).locator("[data-mark=follows]")).to_have_text("linked by steps only")

    for _ in range(10):
        page.keyboard.press("ArrowDown")
    # 20 mm down the thin slices: the fifth of the thick ones, and as many mm in the other space.
    expect(frame(page, 3)).to_have_attribute("data-frame", "10")
    expect(frame(page, 1)).to_have_attribute("data-frame", "4")
    expect(frame(page, 2)).to_have_attribute("data-frame", "10")
    page.keyboard.press("y")
    page.keyboard.press("Home")
    expect(frame(page, 3)).to_have_attribute("data-frame", "0")
    expect(frame(page, 1)).to_have_attribute("data-frame", "4")


def test_lines_of_reference_lie_where_the_pane_in_use_cuts(open_space: OpenPage, spaces: tuple[Spaces, Path]) -> None:
    page = open_space(spaces[0].viewer)
    open_series(page, 4, 2)
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    expect(frame(page, 2)).to_have_attribute("data-frame", "5")
    line = pane(page, 1).locator(".reference:not(.end)")
    surface = pane(page, 1).locator(".surface").bounding_box()
    bar = pane(page, 1).locator(".scale i").bounding_box()
    assert surface is not None and bar is not None
    px_per_mm = bar["width"] / float(pane(page, 1).locator(".scale span").inner_text().removesuffix(" mm"))
    # The slice at 10 mm, in a picture from 45.4 mm downwards to -2.6 mm.
    middle_mm = 45.4 - 60 * COLUMN_MM / 2
    wanted = surface["height"] / 2 + (middle_mm - 10) * px_per_mm

    assert float(line.get_attribute("y1") or 0) == pytest.approx(wanted, abs=1)
    assert float(line.get_attribute("y2") or 0) == pytest.approx(wanted, abs=1)
    expect(pane(page, 1).locator(".reference.end")).to_have_count(2)
    page.keyboard.press("Shift+X")
    expect(line).to_have_count(0)


def test_shift_and_a_click_takes_the_other_panes_to_the_place_and_marks_it(
    open_space: OpenPage, spaces: tuple[Spaces, Path]
) -> None:
    page = open_space(spaces[0].viewer)
    open_series(page, 2, 3, 4)
    surface = pane(page, 3).locator(".surface").bounding_box()
    assert surface is not None
    # The middle of the sagittal picture lies 21.4 mm up.
    page.keyboard.down("Shift")
    page.mouse.click(surface["x"] + surface["width"] / 2, surface["y"] + surface["height"] / 2)
    page.keyboard.up("Shift")

    expect(frame(page, 1)).to_have_attribute("data-frame", "11")
    expect(frame(page, 2)).to_have_attribute("data-frame", "4")
    expect(pane(page, 1).locator("[data-place=here]")).to_have_count(1)
    expect(pane(page, 2).locator("[data-place=here]")).to_have_count(1)


def test_planes_turn_by_keys_and_by_hand_and_are_straightened_again(
    open_space: OpenPage, spaces: tuple[Spaces, Path]
) -> None:
    page = open_space(f"{spaces[0].viewer}&gl=0", viewport={"width": 1920, "height": 1080})
    open_planes(page, 1)

    def letters() -> str:
        return pane(page, 2).locator("[data-edge=right]").inner_text()

    straight = letters()
    for _ in range(10):
        page.keyboard.press("Shift+ArrowRight")
    expect(pane(page, 2).locator("[data-edge=right]")).not_to_have_text(straight)
    page.keyboard.press("Shift+S")
    expect(pane(page, 2).locator("[data-edge=right]")).to_have_text(straight)

    handle = pane(page, 1).locator("[data-line=coronal] circle").last.bounding_box()
    assert handle is not None
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 10, y + 120, steps=8)
    page.mouse.up()
    expect(pane(page, 2).locator("[data-edge=right]")).not_to_have_text(straight)
    expect(frame(page, 2)).to_have_attribute("data-reduce", "0")


def test_on_a_phone_one_plane_is_seen_and_a_thumb_changes_it(open_space: OpenPage, spaces: tuple[Spaces, Path]) -> None:
    page = open_space(spaces[0].viewer, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    expect(frame(page, 1)).to_have_attribute("data-frame", re.compile(r"\d"))
    page.locator("[data-action=more]").tap()
    page.locator("[data-action=planes]").tap()
    expect(page.locator(".pane.only")).to_have_count(1)
    page.locator("[data-plane=sagittal]").tap()

    expect(page.locator(".pane.only [data-plane=sagittal]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".pane.only [data-edge=left]")).to_have_text("AF")
    box = page.locator("[data-plane=axial]").bounding_box()
    assert box is not None and box["height"] >= 44
