"""The honest screen: whose picture it is, what was done to it, what contradicts itself, what a screen is fit for."""

import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Playwright, expect
from pydicom.dataset import Dataset

from pacs.workflow.displays import Pattern
from tests.make import make_ct, make_uid, part10
from tests.server import Server, serving, wait_for
from tests.viewer.test_progressive import made, marked, slice_of

FIRST_VIEW_S, FIRST_VIEW_BYTES = 5, 1_000_000
"""FL-42; a machine that has other work may take thrice the time."""
SLICES = 24
CT, CT_SERIES = make_uid(5), make_uid(5, 1)
LOSSY, ANIMAL, CHEST = make_uid(6), make_uid(7), make_uid(8)


ON_SCREEN = """(canvas) => {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const levels = new Set();
  for (let at = 0; at < data.length; at += 4) levels.add(data[at]);
  return { size: [width, height], levels: [...levels].sort((one, other) => one - other) };
}"""
"""How large a pattern is, and which grey levels it has."""


def small(study: str, **attributes: Any) -> Dataset:
    """A picture of one study with nothing else in it."""
    ds = make_ct(64, 64, StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1", **attributes)
    ds.PixelData = np.arange(64 * 64, dtype="<i2").tobytes()
    return ds


def chest() -> Dataset:
    """A radiograph with noise that no codec makes small: more than 1 MB."""
    side = 1024
    ds = make_ct(side, side, StudyInstanceUID=CHEST, SeriesInstanceUID=f"{CHEST}.1", Modality="DX")
    ds.PixelData = np.random.default_rng(2).normal(2000, 200, (side, side)).astype("<i2").tobytes()
    return ds


def data_sets() -> Iterator[Dataset]:
    """A CT that contradicts itself, a mammogram compressed with loss, the radiograph of an animal and a large one."""
    yield chest()
    for number in range(SLICES):
        ds = slice_of(number)
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SpacingBetweenSlices = CT, CT_SERIES, 2
        yield ds
    yield small(
        LOSSY,
        Modality="MG",
        ImageLaterality="L",
        SeriesDescription="R MLO RIGHT",
        LossyImageCompression="01",
        LossyImageCompressionRatio=12,
        LossyImageCompressionMethod="ISO_10918_1",
    )
    yield small(
        ANIMAL,
        AnatomicalOrientationType="QUADRUPED",
        ImageOrientationPatient=None,
        ImagePositionPatient=None,
        PatientOrientation=["LE", "CD"],
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The web door with the pictures, open to whoever is on this machine."""
    folder = tmp_path_factory.mktemp("screen")
    (folder / "files").mkdir()
    for number, ds in enumerate(data_sets()):
        (folder / f"files/{number}.dcm").write_bytes(part10(ds).getvalue())
    with serving(folder / "data", "web", login="none") as running:
        done = running.pacs("import", str(folder / "files"))
        assert done.returncode == 0, done.stdout + done.stderr
        made(running.settings)
        yield running


@pytest.fixture
def open_study(server: Server, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a study. `prepare` is given the page before. Errors of the page fail the test."""
    pages: list[Page] = []
    complaints: list[str] = []

    def open_one(study: str, prepare: Callable[[Page], None] = lambda page: None, **options: Any) -> Page:
        page = chromium.new_page(**{"viewport": {"width": 1920, "height": 1080}, "locale": "en-GB"} | options)
        pages.append(page)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        prepare(page)
        page.goto(f"{server.url}/viewer?StudyInstanceUIDs={study}")
        return page

    yield open_one
    for page in pages:
        page.close()
    assert complaints == []


@pytest.fixture
def phone(playwright_driver: Playwright) -> dict[str, Any]:
    return {**playwright_driver.devices["Pixel 7"], "viewport": {"width": 390, "height": 844}}


def mark(page: Page, name: str) -> Any:
    return page.locator(f"[data-mark={name}]")


def test_whose_picture_it_is_stays_when_every_other_text_is_hidden(open_study: Callable[..., Page]) -> None:
    page = open_study(CT)
    expect(page.locator("[data-corner=image]")).to_have_text(f"Image 1 / {SLICES}")

    page.keyboard.press("g")

    expect(page.locator("[data-corner=image]")).to_be_hidden()
    expect(page.locator(".identity")).to_have_text(re.compile("NGUYỄN THỊ ÁNH ĐÀO.*0004123456.*1985-03-14 · 41 y · F"))
    expect(page.locator(".badge")).to_be_visible()


def test_contradictions_are_counted_until_read_and_told_with_their_numbers(open_study: Callable[..., Page]) -> None:
    page = open_study(CT)
    expect(mark(page, "warnings")).to_have_text("1 warning")
    expect(mark(page, "warnings")).to_have_class(re.compile("unread"))

    page.locator(".badges").click()
    sheet = page.get_by_role("dialog")

    expect(sheet).to_contain_text("SpacingBetweenSlices says 2 mm; by their positions the slices are 1 mm apart.")
    expect(sheet).to_contain_text("without loss: every pixel is as it was received (Explicit VR Little Endian)")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(mark(page, "warnings")).to_have_text("1 warning")
    expect(mark(page, "warnings")).not_to_have_class(re.compile("unread"))


def test_loss_is_told_with_its_ratio_and_a_screen_too_small_for_the_modality(open_study: Callable[..., Page]) -> None:
    page = open_study(LOSSY)
    expect(page.locator(".badge")).to_have_text("Lossy 12:1")
    expect(mark(page, "screen")).to_have_text("Not for diagnosis on this screen")

    page.locator(".badges").click()

    sheet = page.get_by_role("dialog")
    expect(sheet).to_contain_text("Compressed with loss before it was received: 12:1, JPEG.")
    expect(sheet).to_contain_text("The picture says L, the description of the series R.")
    expect(sheet).to_contain_text("it has 2.1 megapixels, and 5.0 are expected for MG")


def test_a_mirrored_picture_says_so_and_one_that_is_turned_does_not(open_study: Callable[..., Page]) -> None:
    page = open_study(CT)
    expect(page.locator(".badge")).to_have_text("Lossless")

    page.keyboard.press("h")
    expect(mark(page, "mirrored")).to_have_text("Mirrored")
    page.keyboard.press("v")
    expect(mark(page, "mirrored")).to_be_hidden()
    page.keyboard.press("r")
    page.keyboard.press("v")
    expect(mark(page, "mirrored")).to_be_visible()


def test_directions_of_an_animal_are_its_own(open_study: Callable[..., Page]) -> None:
    page = open_study(ANIMAL)
    expect(page.locator("[data-edge=right]")).to_have_text("LE")

    def edges() -> str:
        found = (page.locator(f"[data-edge={edge}]").inner_text() for edge in ("top", "right", "bottom", "left"))
        return " ".join(found)

    assert edges() == "CR LE CD RT"
    page.keyboard.press("r")
    assert edges() == "RT CR LE CD"


def test_a_phone_on_a_slow_line_has_its_first_picture_soon_and_says_that_it_is_not_whole(
    open_study: Callable[..., Page], phone: dict[str, Any]
) -> None:
    received: list[int] = []

    def slow(page: Page) -> None:
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        line = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 1.6e6 / 8}
        session.send("Network.emulateNetworkConditions", line)
        session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        session.on("Network.dataReceived", lambda data: received.append(data["encodedDataLength"]))

    page = open_study(CHEST, slow, **phone)
    wait_for(lambda: marked(page, "first-picture") is not None, "the first picture")
    seconds, size = marked(page, "first-picture"), sum(received)

    print(f"first picture {seconds:.2f} s, {size / 1e3:.0f} kB")
    assert seconds is not None and seconds < 3 * FIRST_VIEW_S
    assert size < FIRST_VIEW_BYTES
    assert page.locator(".badge").all_inner_texts() == ["Low resolution"]
    expect(mark(page, "screen")).to_have_text("Not for diagnosis on this screen", timeout=20_000)
    expect(page.locator(".badge")).to_have_text("Lossless", timeout=60_000)


def test_patterns_are_drawn_pixel_for_pixel_and_what_is_seen_is_kept_for_the_workstation(
    server: Server, chromium: Browser
) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB")
    page.goto(f"{server.url}/patterns")
    page.get_by_label("Name of this workstation").fill("Reading room 2")
    page.get_by_role("button", name="Begin the check").click()
    seen = {}
    for pattern in get_args(Pattern):
        canvas = page.locator(f"canvas[data-drawn={pattern}]")
        expect(canvas).to_be_visible()
        seen[pattern] = canvas.evaluate(ON_SCREEN)
        for question in page.get_by_role("group").all():
            question.get_by_label("No" if "on all four sides" in question.inner_text() else "Yes", exact=True).check()
        page.get_by_role("button", name="Next").click()

    sizes = {tuple(each["size"]) for each in seen.values()}
    assert sizes == {(1280, 900)}  # those of the screen: nothing stretches them
    assert seen["tg18-unl"]["levels"] == [204]
    assert seen["tg18-ln"]["levels"] == list(range(256))
    assert {0, 13, 242, 255} < set(seen["smpte"]["levels"])
    expect(page.get_by_role("dialog")).to_contain_text("Do not read from this screen")
    page.get_by_label("Note").fill("cable loose")
    page.get_by_role("button", name="Keep the check").click()

    row = page.get_by_role("listitem").filter(has_text="Reading room 2")
    expect(row).to_contain_text("Not good enough on")
    expect(row).to_contain_text("cable loose")
    page.goto(f"{server.url}/viewer?StudyInstanceUIDs={CT}")
    page.get_by_role("complementary", name="Test patterns").get_by_role("button", name="Check now").click()
    expect(page.get_by_label("Name of this workstation")).to_have_value("Reading room 2")
    page.close()
