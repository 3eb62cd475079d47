"""The reading room: grids, one pane alone, an earlier study beside, hanging rules, films, a second window."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from pacs.web.pages import STATIC
from tests.make import make_ct, make_uid, part10
from tests.server import serving
from tests.viewer.conftest import NAME, PASSWORD, Served, session_of

OpenPage = Callable[..., Page]


def pane(page: Page, number: int) -> Locator:
    """The n-th pane of the grid, from 1."""
    return page.locator("[data-pane]").nth(number - 1)


def image_of(pane: Locator) -> Locator:
    return pane.locator("[data-corner=image]")


def series_of(pane: Locator) -> Locator:
    return pane.locator(".corner.bottom-left p").first


def chosen_grid(page: Page, rows: int, columns: int) -> None:
    """Drags over the cells of the chooser, as with a mouse."""
    page.keyboard.press("e")
    first = page.locator("[data-grid='1 1']").bounding_box()
    last = page.locator(f"[data-grid='{rows} {columns}']").bounding_box()
    assert first and last
    page.mouse.move(first["x"] + 20, first["y"] + 20)
    page.mouse.down()
    page.mouse.move(last["x"] + 20, last["y"] + 20, steps=6)
    page.mouse.up()
    expect(page.locator("[data-pane]")).to_have_count(rows * columns)


def wait_until_ready(page: Page) -> None:
    """The parts have come."""
    expect(page.locator("[data-action=grid]")).to_be_visible()


def test_a_grid_is_chosen_by_a_drag_and_filled_with_the_next_series(open_page: OpenPage, served: Served) -> None:
    page = open_page(served.viewer)
    wait_until_ready(page)

    chosen_grid(page, 2, 2)

    expect(image_of(pane(page, 1))).to_have_text("Image 1 / 10")
    expect(image_of(pane(page, 2))).to_be_visible()
    assert series_of(pane(page, 1)).inner_text() != series_of(pane(page, 2)).inner_text()
    page.keyboard.press("e")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.locator("[data-pane]")).to_have_count(1)


def test_panes_keep_frame_and_view_when_one_is_alone_and_when_the_grid_changes(
    open_page: OpenPage, served: Served
) -> None:
    page = open_page(served.viewer)
    wait_until_ready(page)
    page.keyboard.press("Shift+E")
    expect(image_of(pane(page, 2))).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(pane(page, 2)).to_have_class("pane active ")
    for key in ("ArrowDown", "ArrowDown", "+", "r"):
        page.keyboard.press(key)
    expect(image_of(pane(page, 2))).to_contain_text("Image 3 /")
    turned = pane(page, 2).locator("[data-edge=top]").inner_text()

    pane(page, 2).locator(".surface").dblclick()
    expect(pane(page, 1)).to_be_hidden()
    box, whole = pane(page, 2).bounding_box(), page.locator(".panes").bounding_box()
    assert box == whole
    page.keyboard.press("ArrowLeft")
    expect(pane(page, 2)).to_be_hidden()
    expect(image_of(pane(page, 1))).to_contain_text("Image 1 /")
    page.keyboard.press("Escape")
    expect(pane(page, 2)).to_be_visible()

    chosen_grid(page, 1, 1)
    chosen_grid(page, 1, 2)

    expect(image_of(pane(page, 2))).to_contain_text("Image 3 /")
    assert pane(page, 2).locator("[data-edge=top]").inner_text() == turned
    expect(pane(page, 1).locator("[data-edge=top]")).to_have_text("A")


def test_a_series_is_dragged_from_the_list_onto_a_pane(open_page: OpenPage, served: Served) -> None:
    page = open_page(served.viewer)
    wait_until_ready(page)
    page.keyboard.press("Shift+E")
    second = series_of(pane(page, 2)).inner_text()
    expect(image_of(pane(page, 2))).to_be_visible()

    page.locator(".series").first.drag_to(pane(page, 2).locator(".surface"))

    expect(series_of(pane(page, 2))).to_have_text(series_of(pane(page, 1)).inner_text())
    expect(pane(page, 2)).to_have_class("pane active ")
    page.locator(".series").nth(1).focus()
    page.keyboard.press("Enter")
    expect(series_of(pane(page, 2))).to_have_text(second)


def test_films_run_together_and_each_at_its_own_speed(open_page: OpenPage, served: Served) -> None:
    page = open_page(served.viewer)
    wait_until_ready(page)
    page.keyboard.press("Shift+E")
    expect(image_of(pane(page, 2))).to_be_visible()

    page.keyboard.press("Shift+C")
    for number in (1, 2):
        expect(pane(page, number).locator(".film-bar")).to_contain_text("15 images/s")
    page.keyboard.press("]")
    expect(pane(page, 1).locator(".film-bar")).to_contain_text("22.5 images/s")
    expect(pane(page, 2).locator(".film-bar")).to_contain_text("15 images/s")
    page.keyboard.press("Shift+C")
    expect(page.locator(".film-bar")).to_have_count(0)


@dataclass(frozen=True, slots=True)
class WithPrior:
    """A server with two studies of one patient, of two CT series each."""

    url: str
    session: Path
    current: str
    prior: str

    @property
    def viewer(self) -> str:
        return f"{self.url}/viewer?StudyInstanceUIDs={self.current}"


def write_study(folder: Path, day: str, descriptions: Sequence[str]) -> str:
    """Three slices for each description; the Study Instance UID."""
    study = make_uid()
    for number, description in enumerate(descriptions, 1):
        series = make_uid()
        for index in range(3):
            ds = make_ct(64, 64, StudyInstanceUID=study, SeriesInstanceUID=series, SeriesDescription=description)
            ds.StudyDate, ds.SeriesNumber, ds.InstanceNumber = day, number, index + 1
            ds.BodyPartExamined, ds.ImagePositionPatient = "CHEST", [0, 0, 5 * index]
            (folder / f"{series}.{index}.dcm").write_bytes(part10(ds).read())
    return study


@pytest.fixture(scope="module")
def with_prior(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WithPrior]:
    if not (STATIC / "index.html").exists():
        pytest.skip("the viewer is not built: make install")
    folder = tmp_path_factory.mktemp("files")
    current = write_study(folder, "20261124", ["Thorax 5.0 B31f", "Lung 1.0 B70f"])
    prior = write_study(folder, "20250310", ["Lung 1.0 B70f", "Thorax 5.0 B31f"])
    with serving(tmp_path_factory.mktemp("prior"), "web") as server:
        assert server.pacs("import", str(folder)).returncode == 0
        added = server.pacs("user", "add", NAME, "--role", "admin", "--password-stdin", input=f"{PASSWORD}\n")
        assert added.returncode == 0, added.stderr
        yield WithPrior(server.url, session_of(chromium, server.url, folder / "state.json"), current, prior)


@pytest.fixture
def open_reading(chromium: Browser, with_prior: WithPrior) -> Iterator[OpenPage]:
    """Opens pages of who is signed in there; what they complain of fails the test."""
    complaints: list[str] = []
    context = chromium.new_context(
        storage_state=with_prior.session, locale="en-GB", viewport={"width": 1920, "height": 1080}
    )

    def new_page(address: str = with_prior.viewer) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        return page

    yield new_page
    for rule in context.request.get(f"{with_prior.url}/api/hanging").json()["rules"]:
        context.request.delete(f"{with_prior.url}/api/hanging/{rule['pk']}")
    context.close()
    assert complaints == []


def test_the_earlier_study_hangs_beside_the_current_one_and_says_what_it_is(open_reading: OpenPage) -> None:
    page = open_reading()

    expect(series_of(pane(page, 1))).to_have_text("1. Thorax 5.0 B31f")
    expect(series_of(pane(page, 2))).to_have_text("2. Thorax 5.0 B31f")
    expect(page.locator(".prior-mark")).to_have_text("Prior 2025-03-10")
    expect(pane(page, 2).locator(".prior-mark")).to_be_visible()
    expect(page.locator(".series-list .prior .series")).to_have_count(2)


def test_what_is_on_the_screen_hangs_like_it_the_next_time(open_reading: OpenPage, with_prior: WithPrior) -> None:
    page = open_reading()
    wait_until_ready(page)
    page.keyboard.press("Shift+E")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.locator(".series-list section:not(.prior) .series").nth(1).click()
    expect(series_of(pane(page, 3))).to_have_text("2. Lung 1.0 B70f")
    page.keyboard.press("2")
    expect(pane(page, 3).locator("[data-corner=window]")).to_have_text("C -600\u2002W 1500")

    page.keyboard.press("Shift+L")
    said = page.locator(".like-this-panes li")
    expect(said).to_have_text(
        [
            "CT · “Thorax 5.0 B31f”",
            "earlier study · CT",
            "CT · “Lung 1.0 B70f” · C -600\u2002W 1500",
            "earlier study · CT",
        ]
    )
    page.get_by_label("Name").fill("Chest of mine")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("dialog")).to_have_count(0)

    again = open_reading()
    expect(again.locator("[data-pane]")).to_have_count(4)
    expect(series_of(pane(again, 3))).to_have_text("2. Lung 1.0 B70f")
    expect(pane(again, 3).locator("[data-corner=window]")).to_have_text("C -600\u2002W 1500")
    expect(again.locator(".hanging-line span")).to_have_text("Chest of mine")
    again.keyboard.press(".")
    expect(again.locator(".hanging-line span")).to_have_text("With prior")
    expect(again.locator("[data-pane]")).to_have_count(2)
    again.keyboard.press(",")
    expect(again.locator("[data-pane]")).to_have_count(4)


def test_an_administrator_makes_orders_tries_and_takes_back_rules(
    open_reading: OpenPage, with_prior: WithPrior
) -> None:
    page = open_reading(f"{with_prior.url}/admin")
    expect(page.get_by_role("heading", name="Peers")).to_be_visible()
    page.keyboard.press("6")
    page.get_by_role("button", name="Make one like it With prior").click()
    page.get_by_label("Name", exact=True).fill("Chest beside prior")
    page.get_by_label("Columns").select_option("3")
    page.get_by_role("group", name="Pane 3").get_by_label("Series described with").fill("lung")
    page.get_by_role("button", name="Try", exact=True).click()
    expect(page.locator("dialog ol li")).to_have_text(
        ["2026-11-24 · CT 1 Thorax 5.0 B31f", "2025-03-10 · CT 2 Thorax 5.0 B31f", "2026-11-24 · CT 2 Lung 1.0 B70f"]
    )
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Make one like it Single").click()
    page.get_by_role("button", name="Save").click()
    names = page.locator(".hanging-rule .row-name")
    expect(names).to_have_text(["Single", "Chest beside prior"])

    page.get_by_role("button", name="Try sooner Chest beside prior").click()
    expect(names).to_have_text(["Chest beside prior", "Single"])
    page.get_by_role("button", name="Remove Chest beside prior").click()
    expect(names).to_have_text(["Single"])
    page.get_by_role("button", name="Undo").click()
    expect(names).to_have_text(["Chest beside prior", "Single"])
    reading = open_reading()
    expect(reading.locator("[data-pane]")).to_have_count(3)
    expect(series_of(pane(reading, 3))).to_have_text("2. Lung 1.0 B70f")


def test_the_second_window_shows_what_the_first_does_not_and_scrolls_with_it(
    open_reading: OpenPage, with_prior: WithPrior
) -> None:
    first = open_reading()
    expect(series_of(pane(first, 2))).to_have_text("2. Thorax 5.0 B31f")
    wait_until_ready(first)
    with first.expect_popup() as opened:
        first.keyboard.press("Shift+W")
    second = opened.value
    expect(series_of(pane(second, 1))).to_have_text("2. Lung 1.0 B70f")
    expect(second.locator("[data-pane]")).to_have_count(1)
    wait_until_ready(second)

    expect(second.locator("[data-action=link]")).to_have_attribute("aria-pressed", "true")
    first.keyboard.press("ArrowDown")
    for each in (pane(first, 1), pane(first, 2), pane(second, 1)):
        expect(image_of(each)).to_have_text("Image 2 / 3")
    second.keyboard.press("End")
    expect(image_of(pane(first, 1))).to_have_text("Image 3 / 3")

    first.keyboard.press("Shift+Enter")
    expect(series_of(pane(second, 1))).to_have_text("1. Thorax 5.0 B31f")
    second.close()
    first.keyboard.press("Home")
    expect(image_of(pane(first, 1))).to_have_text("Image 1 / 3")
    expect(first.locator("[data-action=grid]")).to_be_enabled()


def test_the_second_window_follows_to_another_study(open_reading: OpenPage, with_prior: WithPrior) -> None:
    first = open_reading()
    wait_until_ready(first)
    with first.expect_popup() as opened:
        first.keyboard.press("Shift+W")
    second = opened.value
    wait_until_ready(second)

    first.keyboard.press("u")
    expect(first.get_by_role("row")).to_have_count(3)
    first.keyboard.press("ArrowDown")
    first.keyboard.press("Enter")

    expect(series_of(pane(first, 1))).to_have_text("1. Lung 1.0 B70f")
    expect(series_of(pane(second, 1))).to_have_text("2. Thorax 5.0 B31f")
    assert with_prior.prior in second.url
