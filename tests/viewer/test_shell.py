"""What stands around the pictures: likes that follow a reader, keys of his own, a page as light as he wants."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect

from tests.viewer.conftest import NAME, Served

OpenPage = Callable[..., Page]


def picture(page: Page) -> None:
    """Wait for it."""
    expect(page.locator("[data-corner=image]")).to_be_visible()


@contextmanager
def kept(page: Page, name: str) -> Iterator[None]:
    """What is done in the block changes a preference: it ends when the server has it."""
    with page.expect_response(lambda response: response.url.endswith(f"/api/me/preferences/{name}")) as told:
        yield
    assert told.value.status == 204


def test_what_a_reader_likes_is_there_at_another_screen_too(open_page: OpenPage, served: Served) -> None:
    here = open_page(served.viewer)
    picture(here)
    expect(here.locator(".side")).to_be_visible()
    with kept(here, "side-list"):
        here.keyboard.press("b")
    expect(here.locator(".side")).to_have_count(0)

    there = open_page(served.viewer)
    picture(there)
    expect(there.locator(".side")).to_have_count(0)
    with kept(there, "side-list"):
        there.keyboard.press("b")
    expect(there.locator(".side")).to_be_visible()
    there.reload()
    picture(there)
    expect(there.locator(".side")).to_be_visible()


def test_a_reader_gives_an_action_his_own_key_and_nothing_has_two(open_page: OpenPage, served: Served) -> None:
    page = open_page(served.viewer)
    picture(page)
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog")
    keys: list[str] = sheet.locator("[data-key-of]").evaluate_all("all => all.map((each) => each.innerText.trim())")
    given = [key for key in keys if key != "no key"]
    assert sorted(given) == sorted(set(given)), "two actions have one key from the start"

    sheet.locator("[data-key-of=invert]").click()
    with kept(page, "keys"):
        page.keyboard.press("z")
    expect(sheet.get_by_role("status")).to_have_text("Z was taken from: Zoom")
    expect(sheet.locator("[data-key-of=zoom]")).to_have_text("no key")
    sheet.locator("[data-key-of=pan]").click()
    page.keyboard.press("1")
    expect(sheet.get_by_role("status")).to_contain_text("1 is kept for")
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    expect(page.locator("[data-action=invert]")).to_have_attribute("aria-pressed", "true")

    elsewhere = open_page(served.viewer)
    picture(elsewhere)
    expect(elsewhere.locator("[data-action=invert]")).to_have_attribute("title", "Invert (Z)")
    elsewhere.keyboard.press("?")
    with kept(elsewhere, "keys"):
        elsewhere.get_by_role("button", name="Reset all keys").click()
    expect(elsewhere.locator("[data-key-of=zoom]")).to_have_text("Z")


def test_a_ward_reads_in_light_but_pictures_stay_on_black(open_page: OpenPage, served: Served) -> None:
    page = open_page(served.url)
    page.get_by_role("button", name=NAME).click()
    page.get_by_role("menuitemradio", name="Light").click()
    assert luminance(page, "body") > 0.8
    page.goto(served.viewer)
    picture(page)
    assert luminance(page, ".reading-top") > 0.8
    assert luminance(page, ".pane") == 0
    assert luminance(page, "[data-corner=image]", "color") > 0.7

    page.goto(served.url)
    page.get_by_role("button", name=NAME).click()
    page.get_by_role("menuitemradio", name="As this computer").click()
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert luminance(page, "body") < 0.02
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert luminance(page, "body") > 0.8
    page.goto(served.viewer)
    picture(page)
    assert luminance(page, ".reading-top") < 0.02, "the room stays dark"
    page.goto(served.url)
    page.get_by_role("button", name=NAME).click()
    with kept(page, "theme"):
        page.get_by_role("menuitemradio", name="Dark").click()


def luminance(page: Page, selector: str, of: str = "backgroundColor") -> float:
    """Of a colour of the first element, 0 to 1 (WCAG 2.2, relative luminance)."""
    said: str = page.locator(selector).first.evaluate(f"(element) => getComputedStyle(element).{of}")
    parts = [int(part) / 255 for part in re.findall(r"\d+", said)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
