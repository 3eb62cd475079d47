"""A phone: one finger, two fingers, and nothing wider than the screen."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, Playwright, expect

from tests.viewer.conftest import Served

OpenPage = Callable[..., Page]
SIZE = {"width": 390, "height": 844}


@pytest.fixture
def phone(playwright_driver: Playwright) -> dict[str, Any]:
    return {**playwright_driver.devices["Pixel 7"], "viewport": SIZE}


def touch(session: CDPSession, kind: str, points: Sequence[tuple[float, float]]) -> None:
    touches = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(points)]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})


def swipe(page: Page, start: tuple[float, float], end: tuple[float, float], steps: int = 10) -> None:
    """Move a finger and let it rest before it is lifted: Chromium takes the tap after a flick as the flick's end."""
    session = page.context.new_cdp_session(page)
    touch(session, "touchStart", [start])
    for step in range(1, steps + 1):
        part = step / steps
        touch(session, "touchMove", [(start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part)])
    for _ in range(6):
        page.evaluate("new Promise(requestAnimationFrame)")
        touch(session, "touchMove", [end])
    touch(session, "touchEnd", [])


def width_of_content(page: Page) -> int:
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width


def test_one_finger_scrolls_and_the_picture_is_as_wide_as_the_screen(
    open_page: OpenPage, served: Served, phone: dict[str, Any]
) -> None:
    page = open_page(served.viewer, **phone)
    image = page.locator("[data-corner=image]")
    expect(image).to_have_text("Image 1 / 10")

    swipe(page, (195, 300), (195, 420))
    expect(image).to_have_text("Image 6 / 10")
    swipe(page, (320, 400), (80, 410))
    expect(page.locator(".series-strip")).to_contain_text("PET WB")

    box = page.locator("canvas.picture").bounding_box()
    assert box is not None and box["width"] == SIZE["width"]
    assert width_of_content(page) == SIZE["width"]


def test_two_fingers_zoom(open_page: OpenPage, served: Served, phone: dict[str, Any]) -> None:
    page = open_page(served.viewer, **phone)
    expect(page.locator("[data-corner=zoom]")).to_have_text("Zoom 200 %")
    session = page.context.new_cdp_session(page)

    touch(session, "touchStart", [(170, 400), (220, 400)])
    for spread in range(30, 51, 5):
        touch(session, "touchMove", [(195 - spread, 400), (195 + spread, 400)])
    touch(session, "touchEnd", [])

    expect(page.locator("[data-corner=zoom]")).to_have_text("Zoom 400 %")
    expect(page.locator("[data-corner=image]")).to_have_text("Image 1 / 10")


def test_two_fingers_that_rest_and_then_move_change_the_window(
    open_page: OpenPage, served: Served, phone: dict[str, Any]
) -> None:
    page = open_page(served.viewer, **phone)
    window = page.locator("[data-corner=window]")
    expect(window).to_have_text("C 35\u2002W 80")
    session = page.context.new_cdp_session(page)
    fingers = [(150.0, 400.0), (240.0, 400.0)]

    touch(session, "touchStart", fingers)
    page.evaluate("new Promise((resolve) => setTimeout(resolve, 600))")  # as long as fingers rest
    for step in range(1, 11):
        touch(session, "touchMove", [(x + 10 * step, y) for x, y in fingers])
    touch(session, "touchEnd", [])

    expect(window).to_have_text("C 35\u2002W 120")
    expect(page.locator("[data-corner=zoom]")).to_have_text("Zoom 200 %")
    expect(page.locator("[data-corner=image]")).to_have_text("Image 1 / 10")


def test_the_window_button_turns_one_finger_into_the_window(
    open_page: OpenPage, served: Served, phone: dict[str, Any]
) -> None:
    page = open_page(served.viewer, **phone)
    window = page.locator("[data-corner=window]")
    expect(window).to_have_text("C 35\u2002W 80")

    page.locator("[data-action=window]").tap()
    swipe(page, (195, 300), (295, 300))
    expect(window).to_have_text("C 35\u2002W 120")
    page.locator("[data-action=presets]").tap()
    page.get_by_role("menuitemradio", name="Lung").tap()
    expect(window).to_have_text("C -600\u2002W 1500")


def test_the_series_come_up_in_a_sheet(open_page: OpenPage, served: Served, phone: dict[str, Any]) -> None:
    page = open_page(served.viewer, **phone)
    expect(page.locator(".series-strip")).to_contain_text("Series 1 of 4")

    box = page.locator(".series-strip").bounding_box()
    assert box is not None
    swipe(page, (195, box["y"] + 20), (195, box["y"] - 100))
    page.get_by_role("dialog").locator(".series").nth(1).tap()

    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(".series-strip")).to_contain_text("PET WB")


def test_a_thumb_meets_what_it_aims_at(open_page: OpenPage, served: Served, phone: dict[str, Any]) -> None:
    page = open_page(served.url, **phone)
    for address in (served.url, served.viewer):
        page.goto(address)
        expect(page.locator("button").first).to_be_visible()
        expect(page.locator(".card, [data-corner=image]").first).to_be_visible()
        boxes = [button.bounding_box() for button in page.locator("button:visible").all()]
        small = [box for box in boxes if box and min(box["width"], box["height"]) < 44 and box["y"] >= 0]
        assert small == []
        assert width_of_content(page) == SIZE["width"]


def test_a_card_opens_its_details(open_page: OpenPage, served: Served, phone: dict[str, Any]) -> None:
    page = open_page(served.url, **phone)
    row = page.get_by_role("row").filter(has_text="NGUYỄN THỊ ÁNH ĐÀO")
    row.get_by_role("button", name="Details").tap()

    expect(row.locator(".card-details")).to_contain_text("1985-03-14")
    row.locator(".card").tap()
    expect(page.locator("[data-corner=image]")).to_have_text("Image 1 / 10")
