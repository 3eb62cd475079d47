"""Every page in three languages: no key shows through, nothing is wider than a small phone."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.viewer.conftest import Served

OpenPage = Callable[..., Page]
TEXTS = Path(__file__).parents[2] / "viewer/src/i18n"
KEYS = frozenset(key for path in TEXTS.glob("*en.json") for key in json.loads(path.read_text(encoding="utf-8")))

SAID = "[document.body.innerText, ...[...document.querySelectorAll('[aria-label],[title]')]" + (
    ".map((each) => `${each.ariaLabel ?? ''} ${each.title}`)].join('\\n')"
)


NAMELESS = "[...document.querySelectorAll('button, a, input, [role=img], [role=slider]')]" + (
    ".filter((each) => !(each.ariaLabel || each.innerText || each.labels?.length)).map((each) => each.outerHTML)"
)


def assert_said_in_words(page: Page) -> None:
    """On a small phone and on a desk."""
    for width in (375, 1280):
        page.set_viewport_size({"width": width, "height": 720})
        expect(page.locator(".reading.phone")).to_have_count(page.locator(".reading").count() if width == 375 else 0)
        said: str = page.evaluate(SAID)
        assert KEYS.isdisjoint(re.findall(r"[a-z]+\.[a-z_]+", said))
        assert "undefined" not in said and "{" not in said
        assert page.evaluate(NAMELESS) == []
        assert page.evaluate("document.documentElement.scrollWidth") == width
        if width == 1280 and page.locator(".reading-menus").count():
            assert page.locator(".reading-menus .account").bounding_box()["x"] < width - 30  # type: ignore[index]


@pytest.mark.parametrize(
    ("locale", "language", "word"), [("vi-VN", "vi", "ca chụp"), ("en-US", "en", "studies"), ("fr-FR", "fr", "examen")]
)
def test_every_page_speaks_the_language_of_the_browser(
    open_page: OpenPage, served: Served, locale: str, language: str, word: str
) -> None:
    page = open_page(f"{served.url}/signin", locale=locale)
    expect(page.locator("form")).to_be_visible()
    assert_said_in_words(page)
    page.goto(served.url)
    expect(page.locator(".list-count")).to_contain_text(word)
    assert page.evaluate("document.documentElement.lang") == language
    assert_said_in_words(page)
    page.goto(served.viewer)
    expect(page.locator("[data-corner=image]")).to_be_visible()
    assert_said_in_words(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert_said_in_words(page)


def test_a_chosen_language_is_kept(open_page: OpenPage, served: Served) -> None:
    page = open_page(served.url, locale="en-US")
    page.get_by_role("button", name="Language").click()
    page.get_by_role("menuitemradio", name="Tiếng Việt").click()
    expect(page.locator(".list-count")).to_contain_text("ca chụp")
    page.reload()

    expect(page.locator(".list-count")).to_contain_text("ca chụp")
    expect(page.get_by_role("row").filter(has_text="14/03/1985")).to_be_visible()
