"""Every page can be used by who cannot see it, or has no mouse: axe-core finds nothing to say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.viewer.conftest import Served

OpenPage = Callable[..., Page]
AXE = Path(__file__).parents[2] / "viewer/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


def faults(page: Page, where: str) -> list[str]:
    """Each rule that is broken, and by what."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = page.evaluate(
        "(tags) => axe.run(document, {runOnly: tags}).then(({violations}) => violations)", RULES
    )
    return [
        f"{where}: {each['id']}: {node['html'][:160]} {node['failureSummary']}"
        for each in found
        for node in each["nodes"]
    ]


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci in viewer/")
@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_every_page_is_accessible(open_page: OpenPage, served: Served, size: dict[str, int], theme: str) -> None:
    found: list[str] = []
    page = open_page(f"{served.url}/signin", viewport=size, reduced_motion="reduce")
    page.evaluate("(theme) => localStorage.setItem('filmless.kept.theme', JSON.stringify(theme))", theme)
    page.evaluate("localStorage.setItem('filmless.unsent', '[\"theme\"]')")
    page.evaluate("(owner) => localStorage.setItem('filmless.owner', JSON.stringify(owner))", "bs.an")
    page.reload()
    expect(page.locator("form")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    found += faults(page, "sign-in")

    page.goto(served.url)
    expect(page.get_by_role("gridcell").first).to_be_visible()
    found += faults(page, "the list")
    page.get_by_role("button", name="Saved filters").click()
    found += faults(page, "saved filters")
    page.keyboard.press("Escape")

    page.goto(f"{served.url}/viewer?PatientID=000412345678&patientName=HOA")
    expect(page.locator(".launch-studies")).to_be_visible()
    found += faults(page, "a choice")

    page.goto(served.viewer)
    expect(page.locator("[data-corner=image]")).to_be_visible()
    page.wait_for_load_state("networkidle")
    found += faults(page, "reading")
    for key in ("?", "Control+p", "Control+s"):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_be_visible()
        found += faults(page, key)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    assert found == [], "\n".join(found)
