"""Pictures leave the page: on paper in true millimetres, as files with every pixel, and without a name if so wanted."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.viewer.conftest import Served

OpenPage = Callable[..., Page]
PX_PER_MM = 96 / 25.4
"""CSS px (CSS Values 4, 6.2)."""


def opened(open_page: OpenPage, address: str) -> Page:
    page = open_page(address, viewport={"width": 1280, "height": 800}, accept_downloads=True)
    expect(page.locator("[data-corner=image]")).to_be_visible()
    # The browser's own window would wait for somebody.
    page.evaluate("window.print = () => undefined")
    return page


def choose(page: Page, name: str) -> None:
    """From the menu, which has it when its part of the page has come."""
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("menuitem", name=name).click()


def taken(page: Page, choice: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=choice).click()
    return download.value.path().read_bytes()


def test_a_sheet_of_paper_has_true_millimetres_and_says_whose_pictures_these_are(
    open_page: OpenPage, served: Served, corpus: Path
) -> None:
    ds = pydicom.dcmread(next((corpus / "series/mr-hitachi-4").iterdir()))
    page = opened(open_page, f"{served.url}/viewer?StudyInstanceUIDs={served.other_study_instance_uid}")
    choose(page, "Print…")
    page.get_by_label("Orientation").select_option("landscape")
    page.get_by_label("Paper").select_option("A3")
    page.get_by_label("True size").check()
    page.get_by_role("button", name="Print", exact=True).click()
    expect(page.locator("#print .print-page")).to_have_count(1)
    page.emulate_media(media="print")

    image, ruler = (page.locator(f"#print {part}").bounding_box() for part in ("img", ".print-ruler"))
    assert image and ruler
    assert image["width"] / PX_PER_MM == pytest.approx(ds.Columns * float(ds.PixelSpacing[1]), abs=0.5)
    assert image["height"] / PX_PER_MM == pytest.approx(ds.Rows * float(ds.PixelSpacing[0]), abs=0.5)
    assert ruler["width"] / PX_PER_MM == pytest.approx(100, abs=0.1)
    said = page.locator("#print").inner_text()
    assert ds.PatientID in said and "Not for primary diagnosis" in said and "1:1" in said
    boxes = re.findall(rb"/MediaBox ?\[ ?0 0 ([\d.]+) ([\d.]+)", page.pdf(prefer_css_page_size=True))
    assert [[round(float(side) / 72 * 25.4) for side in box] for box in boxes] == [[420, 297]]


def test_a_series_is_printed_on_sheets_without_a_name(open_page: OpenPage, served: Served) -> None:
    page = opened(open_page, served.viewer)
    choose(page, "Print…")
    page.get_by_role("combobox", name=re.compile("^Pictures")).select_option("series")
    page.get_by_label("Every").fill("2")
    page.get_by_label("Columns").fill("2")
    page.get_by_label("Rows").fill("2")
    page.get_by_label("Leave out whose").check()
    expect(page.get_by_role("status").filter(has_text="5 pictures")).to_be_visible()
    page.get_by_role("button", name="Print", exact=True).click()
    expect(page.locator("#print .print-page")).to_have_count(2)
    page.emulate_media(media="print")

    assert page.locator("#print img").count() == 5
    said = page.locator("#print").inner_text()
    assert "NGUYỄN" not in said and "0004" not in said and "De-identified" in said
    assert len(re.findall(rb"/Type ?/Page\b", page.pdf(prefer_css_page_size=True))) == 2


def test_a_picture_in_its_own_size_has_every_pixel_in_the_window_in_use(open_page: OpenPage, served: Served) -> None:
    page = opened(open_page, served.viewer)
    page.keyboard.press("2")
    page.keyboard.press("i")
    center, width = window_of(page)
    choose(page, "Take away…")
    picture = np.asarray(Image.open(io.BytesIO(taken(page, "Picture in its own size"))).convert("L"), dtype=float)

    location = float(re.findall(r"-?[\d.]+", page.get_by_text("Location ").inner_text())[0])
    ds = served.slice_at(location)
    values = ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
    grey = np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1) * 255  # PS3.3 C.11.2.1.2.1
    assert picture.shape == (ds.Rows, ds.Columns)
    assert np.abs(picture - (255 - grey)).max() <= 0.51


def window_of(page: Page) -> tuple[float, float]:
    center, width = re.findall(r"-?[\d.]+", page.locator("[data-corner=window]").inner_text())
    return float(center), float(width)


def test_a_picture_as_seen_says_whose_it_is_only_if_wanted(open_page: OpenPage, served: Served) -> None:
    page = opened(open_page, served.viewer)
    choose(page, "Take away…")
    without = Image.open(io.BytesIO(taken(page, "Picture as seen")))
    page.get_by_label("Leave out whose").uncheck()
    named = Image.open(io.BytesIO(taken(page, "Picture as seen")))
    box = page.locator("canvas.picture").bounding_box()

    assert box and named.size == without.size == (round(box["width"]), round(box["height"]))
    corner = (0, 0, 260, 70)
    changed = np.abs(np.asarray(named.crop(corner), dtype=int) - np.asarray(without.crop(corner), dtype=int))
    assert changed.max() > 120, "the name is written"
    assert np.asarray(without.crop(corner).convert("L")).max() < 60, "nothing is written there"


def test_a_series_becomes_a_film(open_page: OpenPage, served: Served) -> None:
    page = opened(open_page, served.viewer)
    choose(page, "Take away…")
    film = taken(page, "Series as a film")

    assert len(film) > 5_000
    assert film[:4] == b"\x1a\x45\xdf\xa3" or film[4:8] == b"ftyp"
    expect(page.get_by_role("status").filter(has_text="among your downloads")).to_be_visible()
