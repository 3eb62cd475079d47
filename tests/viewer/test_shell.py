"""What stands around the pictures: likes that follow a reader, keys of his own, a page as light as he wants."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.viewer.conftest import Served

OpenPage = Callable[..., Page]


def picture(page: Page) -> None:
    """Wait for it."""
    expect(page.locator("[data-corner=image]")).to_be_visible()


def test_what_a_reader_likes_is_there_at_another_screen_too(open_page: OpenPage, served: Served) -> None:
    here = open_page(served.viewer)
    picture(here)
    expect(here.locator(".side")).to_be_visible()
    with here.expect_request(lambda request: request.method == "PUT" and request.url.endswith("/side-list")):
        here.keyboard.press("b")
    expect(here.locator(".side")).to_have_count(0)
    here.wait_for_function("localStorage.getItem('filmless.unsent') === null")

    there = open_page(served.viewer)
    picture(there)
    expect(there.locator(".side")).to_have_count(0)
    there.keyboard.press("b")
    expect(there.locator(".side")).to_be_visible()
    there.reload()
    picture(there)
    expect(there.locator(".side")).to_be_visible()
