"""OHIF, as its npm package ships it, lists, opens and scrolls the studies of this server."""

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
import requests
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect

from scripts.bench.ohif import CONFIGURATION, VERSION, unpacked
from tests.annotation import make_annotation
from tests.clients.conftest import CACHE, NAME, PASSWORD, House, fronting

CT = "1.2.826.0.1.3680043.10.1557.1.1"
"""The study of the sample chest."""
KINDS = {
    "CR in JPEG Lossless": "1.2.826.0.1.3680043.10.1557.1.3",
    "ultrasound in colour, 24 frames": "1.2.826.0.1.3680043.10.1557.1.8",
    "angiography, 20 frames": "1.2.826.0.1.3680043.10.1557.1.9",
}
"""Sample studies of other kinds."""
SIDE = 320
"""Pixels of its slices, down and across."""
WINDOW_CENTRE, WINDOW_WIDTH = 40, 400
MOST_DIFFERENT = 3
"""Grey levels, on the average, between what is on screen and the slice: it is drawn larger, with letters over it."""
CANVAS = "#viewerLayoutResizableViewportGridPanel .cornerstone-canvas"
LEAST_GREYS = 32
TIMEOUT_MS = 60_000
LOOK_MS = 50

PATIENTS = {"NGUYỄN, THỊ ÁNH ĐÀO": 2, "ĐẶNG, QUỐC DŨNG": 3, "TRẦN, THỊ HÒA": 1, "VŨ, BÉ AN": 2, "Yamada, Tarou": 1}
"""How many studies of each are listed, as OHIF writes them."""


@pytest.fixture(scope="module")
def files() -> Path:
    folder = unpacked(CACHE)
    if folder is None:
        pytest.skip(f"no @ohif/app {VERSION}: npm cannot fetch it")
    return folder


@pytest.fixture(scope="module")
def elsewhere(house: House, files: Path) -> Iterator[str]:
    """OHIF on a host of its own."""
    configuration = CONFIGURATION.replace("${location.origin}", house.server.url)
    with fronting(files, house.origins[0], configuration) as url:
        yield url


@pytest.fixture(scope="module")
def beside(house: House, files: Path) -> Iterator[str]:
    """OHIF and the server behind one proxy, under one name."""
    configuration = CONFIGURATION.replace("showStudyList: false", "showStudyList: true")
    with fronting(files, configuration=configuration, behind=house.server.http_port) as url:
        yield url


@pytest.fixture(scope="module")
def slices(samples: Path) -> list[NDArray[np.float64]]:
    """The slices of the chest as they look, 0 to 255."""
    paths = sorted((samples / "01-ct-chest").glob("CT*.dcm"))
    stored = [pydicom.dcmread(path).pixel_array.astype(float) - 1024 for path in paths]
    return [np.clip((hu - WINDOW_CENTRE) / WINDOW_WIDTH + 0.5, 0, 1) * 255 for hu in stored]


def test_the_list_shows_every_study_to_who_is_signed_in(
    house: House, beside: str, open_page: Callable[[str], Page]
) -> None:
    page = open_page("about:blank")
    signed_in = page.request.post(f"{house.server.url}/api/login", data={"name": NAME, "password": PASSWORD})
    assert signed_in.ok

    page.goto(beside)

    for patient, count in PATIENTS.items():
        expect(page.get_by_text(patient, exact=True)).to_have_count(count, timeout=TIMEOUT_MS)


def test_a_series_is_shown_and_scrolled(
    house: House, elsewhere: str, open_page: Callable[[str], Page], slices: list[NDArray[np.float64]]
) -> None:
    page = open_page(f"{elsewhere}/viewer?StudyInstanceUIDs={CT}&token={house.token}")

    page.get_by_text("Skip all").click(timeout=TIMEOUT_MS)
    for number in (1, 2, 3):
        wait_for_slice(page, slices, number)
        expect(page.get_by_text(f"{number} ({number}/64)")).to_be_visible()
        page.locator(CANVAS).hover()
        page.mouse.wheel(0, 100)


def test_other_kinds_are_shown(house: House, elsewhere: str, open_page: Callable[[str], Page]) -> None:
    for kind, study in KINDS.items():
        page = open_page(f"{elsewhere}/viewer?StudyInstanceUIDs={study}&token={house.token}")
        expect(page.locator(CANVAS)).to_be_visible(timeout=TIMEOUT_MS)
        deadline = time.monotonic() + TIMEOUT_MS / 1000
        while greys(page) < LEAST_GREYS:
            assert time.monotonic() < deadline, kind
            page.wait_for_timeout(LOOK_MS)


def test_a_report_of_ours_is_drawn_on_its_slice(
    house: House, elsewhere: str, open_page: Callable[[str], Page], samples: Path
) -> None:
    path = sorted((samples / "01-ct-chest").glob("CT*.dcm"))[2]
    drawn = make_annotation(pydicom.dcmread(path, stop_before_pixels=True), points=[[60, 100], [200, 160]])
    address = f"{house.server.url}/api/studies/{CT}/annotations"
    authorized = {"headers": {"authorization": f"Bearer {house.token}"}, "timeout": 20}
    requests.put(f"{address}/{drawn['id']}", json=drawn, **authorized).raise_for_status()
    made = requests.post(f"{address}/publish", json={}, **authorized).json()
    try:
        page = open_page(f"{elsewhere}/viewer?StudyInstanceUIDs={CT}&token={house.token}")
        page.get_by_text("Skip all").click(timeout=TIMEOUT_MS)
        page.get_by_text("Measurements", exact=True).dblclick(timeout=TIMEOUT_MS)
        expect(page.get_by_text("6.62 mm")).to_be_visible(timeout=TIMEOUT_MS)
        expect(page.get_by_text("3 (3/64)")).to_be_visible()
    finally:
        requests.delete(f"{address}/{drawn['id']}", **authorized).raise_for_status()
        for series in {one["series_instance_uid"] for one in made}:
            gone = f"{house.server.url}/api/studies/{CT}/series/{series}?reason=it+was+a+test"
            requests.delete(gone, **authorized).raise_for_status()


def wait_for_slice(page: Page, slices: list[NDArray[np.float64]], number: int) -> None:
    """Look until it is on screen; the page goes on meanwhile."""
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while shown(page, slices) != number:
        assert time.monotonic() < deadline, f"slice {number} is not shown"
        page.wait_for_timeout(LOOK_MS)


def shown(page: Page, slices: list[NDArray[np.float64]]) -> int:
    """The number of the slice that is on screen, 0 when none is."""
    if not page.locator(CANVAS).count():
        return 0
    seen = middle_of(page)
    differences = [float(np.abs(seen - one).mean()) for one in slices]
    nearest = int(np.argmin(differences))
    return nearest + 1 if differences[nearest] < MOST_DIFFERENT else 0


def greys(page: Page) -> int:
    """How many greys each fill a thousandth of the middle of the canvas: a page that waits has few."""
    seen = middle_of(page).astype(int).ravel()
    return int((np.bincount(seen, minlength=256) >= seen.size / 1000).sum())


def middle_of(page: Page) -> NDArray[np.float64]:
    """The square in the middle of the canvas, as large as a slice."""
    image = Image.open(io.BytesIO(page.locator(CANVAS).screenshot())).convert("L")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(square).astype(float)
