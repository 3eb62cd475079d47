"""The reading page: the right picture, first and after scrolling, windowing, turning."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.viewer.conftest import Served
from tests.viewer.pixels import error, fit_pane_to, grey, on_screen

OpenPage = Callable[..., Page]


def corner(page: Page, name: str) -> str:
    return page.locator(f"[data-corner={name}]").inner_text()


def location_of(page: Page) -> float:
    """Where the slice on screen lies, in mm, as it is written in the corner."""
    text = page.locator(".corner.bottom-left").inner_text()
    found = re.search(r"Location (-?[\d.]+) mm", text)
    assert found, text
    return float(found[1])


def wait_for_image(page: Page, number: int, total: int = 10) -> None:
    expect(page.locator("[data-corner=image]")).to_have_text(f"Image {number} / {total}")


@pytest.mark.parametrize("gl", ["0", "1"], ids=["canvas2d", "webgl2"])
def test_every_picture_on_screen_is_the_slice_it_says_in_the_window_it_says(
    open_page: OpenPage, served: Served, gl: str
) -> None:
    page = open_page(f"{served.viewer}&gl={gl}")
    wait_for_image(page, 1)
    page.keyboard.press("b")
    fit_pane_to(page, 512, 512)
    windows = {"1": (40, 400), "2": (-600, 1500), "3": (480, 2500), "4": (40, 80)}
    for number, (key, window) in enumerate(windows.items(), start=1):
        wait_for_image(page, number)
        page.keyboard.press(key)
        expect(page.locator("[data-corner=window]")).to_have_text(f"C {window[0]}\u2002W {window[1]}")

        shown = served.slice_at(location_of(page))
        seen = on_screen(page, 512, 512)
        errors = {ds.SOPInstanceUID: error(seen, grey(ds, *window)) for ds in served.slices}

        assert errors.pop(shown.SOPInstanceUID) < 2
        assert min(errors.values()) > 2
        page.keyboard.press("ArrowDown")


def test_the_first_picture_comes_by_itself_and_before_the_rest(open_page: OpenPage, served: Served) -> None:
    page = open_page("about:blank")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(served.viewer)
    wait_for_image(page, 1)
    expect(page.locator(".series-progress.full").first).to_be_attached()

    orders = [re.findall(r"order=([\d,]+)", url)[0] for url in asked if "/frames?" in url]
    assert orders[0] == "0"


def test_wheel_keys_and_drag_scroll_through_the_stack(open_page: OpenPage, served: Served) -> None:
    page = open_page(served.viewer)
    wait_for_image(page, 1)
    pane = page.locator(".surface").bounding_box()
    assert pane is not None
    x, y = pane["x"] + pane["width"] / 2, pane["y"] + pane["height"] / 2

    page.keyboard.press("End")
    wait_for_image(page, 10)
    page.keyboard.press("ArrowUp")
    wait_for_image(page, 9)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -100)
    wait_for_image(page, 8)
    page.keyboard.press("s")
    page.mouse.down()
    page.mouse.move(x, y - pane["height"] / 2, steps=20)
    page.mouse.up()
    wait_for_image(page, 1)


def test_a_drag_changes_the_window_and_reset_brings_the_recorded_one_back(open_page: OpenPage, served: Served) -> None:
    page = open_page(served.viewer)
    expect(page.locator("[data-corner=window]")).to_have_text("C 35\u2002W 80")

    page.mouse.move(600, 400)
    page.mouse.down()
    page.mouse.move(700, 440, steps=10)
    page.mouse.up()
    expect(page.locator("[data-corner=window]")).to_have_text("C 43\u2002W 120")
    page.keyboard.press("Space")
    expect(page.locator("[data-corner=window]")).to_have_text("C 35\u2002W 80")


def test_letters_stay_true_when_the_picture_is_turned(open_page: OpenPage, served: Served) -> None:
    page = open_page(served.viewer)
    wait_for_image(page, 1)

    def edges() -> str:
        return "".join(page.locator(f"[data-edge={edge}]").inner_text() for edge in ("top", "right", "bottom", "left"))

    seen = [edges()]
    for key in ("r", "h", "v", "l"):
        page.keyboard.press(key)
        seen.append(edges())
    page.keyboard.press("Space")

    assert seen == ["ALPR", "RALP", "RPLA", "LPRA", "PRAL"]
    assert edges() == "ALPR"


def test_the_scale_bar_measures_the_picture(open_page: OpenPage, served: Served) -> None:
    page = open_page(served.viewer)
    wait_for_image(page, 1)
    bar = page.locator(".scale i").bounding_box()
    pane = page.locator("canvas.picture").bounding_box()
    assert bar is not None and pane is not None
    length_mm = float(page.locator(".scale span").inner_text().removesuffix(" mm"))

    assert bar["width"] / length_mm == pytest.approx(min(pane["width"], pane["height"]) / (512 * 0.9765625), rel=0.01)


def test_pages_lead_through_the_series_and_say_what_is_no_picture(open_page: OpenPage, served: Served) -> None:
    page = open_page(served.viewer)
    wait_for_image(page, 1)
    page.keyboard.press("ArrowDown")
    wait_for_image(page, 2)

    page.keyboard.press("PageDown")
    expect(page.locator(".corner.bottom-left")).to_contain_text("PET WB")
    wait_for_image(page, 1)
    page.keyboard.press("PageDown")
    expect(page.locator(".objects-gallery").first).to_be_visible()
    page.keyboard.press("PageUp")
    page.keyboard.press("PageUp")
    wait_for_image(page, 2)


def test_the_corners_tell_whose_picture_it_is(open_page: OpenPage, served: Served) -> None:
    page = open_page(served.viewer, locale="vi-VN")

    expect(page.locator(".corner.top-left")).to_have_text(
        re.compile("NGUYỄN THỊ ÁNH ĐÀO.*000412345678.*14/03/1985 · 30 tuổi · Nam")
    )
    expect(page).to_have_title("NGUYỄN THỊ ÁNH ĐÀO – Filmless")
    expect(page.locator(".badge")).to_have_text("Bản gốc")


def test_the_film_runs_and_stops(open_page: OpenPage, served: Served) -> None:
    page = open_page(served.viewer)
    wait_for_image(page, 1)

    page.keyboard.press("c")
    expect(page.locator("[data-corner=image]")).not_to_have_text("Image 1 / 10")
    expect(page.locator(".film-bar")).to_contain_text("15 images/s")
    page.keyboard.press("]")
    expect(page.locator(".film-bar")).to_contain_text("22.5 images/s")
    page.keyboard.press("c")
    expect(page.locator(".film-bar")).to_be_hidden()
    page.keyboard.press("Home")
    wait_for_image(page, 1)


def test_the_help_lists_every_key(open_page: OpenPage, served: Served) -> None:
    page = open_page(served.viewer)
    wait_for_image(page, 1)

    page.keyboard.press("?")
    sheet = page.get_by_role("dialog")
    expect(sheet.locator(".help-line", has_text="Invert").locator("kbd")).to_have_text("I")
    expect(sheet.locator(".help-line", has_text="Lung").locator("kbd")).to_have_text("2")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()


@pytest.mark.parametrize("join", [",", "&StudyInstanceUIDs="], ids=["comma", "repeated"])
def test_several_studies_stand_in_one_list(open_page: OpenPage, served: Served, join: str) -> None:
    page = open_page(f"{served.viewer}{join}{served.other_study_instance_uid}")
    wait_for_image(page, 1)
    expect(page.locator(".series")).to_have_count(5)

    page.keyboard.press("n")
    wait_for_image(page, 1, 4)
    expect(page.locator(".reading-patient")).not_to_contain_text("NGUYỄN")
    page.keyboard.press("Shift+N")
    expect(page.locator(".reading-patient")).to_contain_text("NGUYỄN THỊ ÁNH ĐÀO")


def test_a_study_that_is_not_here_is_said_in_a_sentence(chromium: Browser, served: Served, signed_in: Path) -> None:
    context = chromium.new_context(storage_state=signed_in, locale="en-GB")
    page = context.new_page()
    page.goto(f"{served.url}/viewer?StudyInstanceUIDs=1.2.3")

    expect(page.locator("main .notice")).to_contain_text("This study is not here")
    context.close()
