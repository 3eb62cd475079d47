"""The reading room: grids, one pane alone, an earlier study beside, hanging rules, films, a second window."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.viewer.conftest import Served

OpenPage = Callable[..., Page]
CT = "CT Atten Cor"


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
