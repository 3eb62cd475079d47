"""What the engine draws of every encoding, with WebGL and without, against the values that were encoded."""

import io
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, Route
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from tests.make import make_ct, make_uid, part10
from tests.server import Server, serving, wait_for

ROWS, COLUMNS = 48, 64
JPEG = "1.2.840.10008.1.2.4."
Array = NDArray[Any]
Encoded = bytes | bytearray
OpenStudy = Callable[..., Page]

y, x = np.mgrid[0:ROWS, 0:COLUMNS]
GREY = (30 * x + 25 * y + 500 * (x > 40)).astype("<u2")
"""A ramp with an edge across it; 12 bits."""
RGB = np.stack([4 * x, 5 * y, 255 - 2 * x - y], axis=-1).astype("u1")


def lossless(array: Array, bits: int = 12) -> dict[str, Encoded]:
    """One frame by each lossless codec, by transfer syntax."""
    return {
        ExplicitVRLittleEndian: array.tobytes(),
        f"{JPEG}57": imagecodecs.jpeg8_encode(array, lossless=True, predictor=6, bitspersample=bits),
        f"{JPEG}70": imagecodecs.jpeg8_encode(array, lossless=True, predictor=1, bitspersample=bits),
        f"{JPEG}80": imagecodecs.jpegls_encode(array),
        f"{JPEG}90": imagecodecs.jpeg2k_encode(array, level=0, codecformat="j2k", bitspersample=bits),
        f"{JPEG}201": imagecodecs.htj2k_encode(array, reversible=True),
    }


def image(syntax: str, data: Encoded, **attributes: Any) -> Dataset:
    """An instance of a study of its own with this one frame, 12 bits unsigned unless told."""
    known = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0, "WindowCenter": 500, "WindowWidth": 3000}
    own = {"StudyInstanceUID": make_uid(), "SeriesInstanceUID": make_uid(), "AccessionNumber": make_uid()[-16:]}
    ds = make_ct(ROWS, COLUMNS, syntax, **(known | own | attributes))
    ds.PixelData = data if syntax == ExplicitVRLittleEndian else encapsulate([bytes(data)])
    ds["PixelData"].VR = "OW" if syntax == ExplicitVRLittleEndian and ds.BitsAllocated == 16 else "OB"
    ds["PixelData"].is_undefined_length = syntax != ExplicitVRLittleEndian
    return ds


def colour(syntax: str, data: Encoded, photometric: str) -> Dataset:
    """The same in colour, 8 bits."""
    bits = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    plain = {"WindowCenter": None, "WindowWidth": None, "RescaleSlope": None, "RescaleIntercept": None}
    shape = {"SamplesPerPixel": 3, "PhotometricInterpretation": photometric, "PlanarConfiguration": 0}
    return image(syntax, data, **bits, **shape, **plain)


def grey(values: Array, center: float = 500, width: float = 3000) -> Array:
    """Of modality values: the linear function of PS3.3 C.11.2.1.2.1."""
    return np.clip(((values.astype(float) - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255)


def cases() -> Iterator[tuple[str, Dataset, Array]]:
    """A name, an instance of a study of its own, and what the screen must show of it."""
    shown = grey(GREY.astype(float) - 1024)
    for syntax, data in lossless(GREY).items():
        yield syntax, image(syntax, data), shown
    rle = image(ExplicitVRLittleEndian, GREY.tobytes())
    rle.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    yield "RLE", rle, shown
    yield "RGB", colour(ExplicitVRLittleEndian, RGB.tobytes(), "RGB"), RGB
    yield "JPEG", colour(f"{JPEG}50", imagecodecs.jpeg8_encode(RGB, level=95), "YBR_FULL_422"), RGB
    yield "HTJ2K in colour", colour(f"{JPEG}201", imagecodecs.htj2k_encode(RGB, reversible=True), "YBR_RCT"), RGB
    native = partial(image, ExplicitVRLittleEndian)
    yield "MONOCHROME1", native(GREY.tobytes(), PhotometricInterpretation="MONOCHROME1"), 255 - shown
    whole = (GREY - GREY.min()) / float(np.ptp(GREY)) * 255
    yield "no window", native(GREY.tobytes(), WindowCenter=None, WindowWidth=None), whole
    sigmoid = 255 / (1 + np.exp(-4 * (GREY.astype(float) - 1024 - 500) / 3000))
    yield "sigmoid", native(GREY.tobytes(), VOILUTFunction="SIGMOID"), sigmoid
    sixteen = {"PixelRepresentation": 1, "BitsStored": 16, "HighBit": 15, "RescaleSlope": 0.5, "RescaleIntercept": 10}
    signed = GREY.astype("<i2") - 2000
    yield "signed, with a slope", native(signed.tobytes(), **sixteen), grey(signed * 0.5 + 10)


CASES = list(cases())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The web door with every case, open to whoever is on this machine."""
    folder = tmp_path_factory.mktemp("engine")
    with serving(folder / "data", "web", login="none") as running:
        store(running, folder / "cases", *(ds for _, ds, _ in CASES))
        yield running


def store(server: Server, folder: Path, *instances: Dataset) -> None:
    """Take instances in by the command."""
    folder.mkdir()
    for number, ds in enumerate(instances):
        (folder / f"{number}.dcm").write_bytes(part10(ds).getvalue())
    done = server.pacs("import", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def open_study(server: Server, chromium: Browser) -> Iterator[OpenStudy]:
    """Opens a study and waits for its first picture. `prepare` is given the page before. Errors of the page fail it."""
    pages: list[Page] = []
    complaints: list[str] = []

    def open_one(ds: Dataset, gl: str = "0", prepare: Callable[[Page], None] = lambda page: None) -> Page:
        page = chromium.new_page(viewport={"width": 900, "height": 700})
        pages.append(page)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        prepare(page)
        page.goto(f"{server.url}/viewer?StudyInstanceUIDs={ds.StudyInstanceUID}&gl={gl}")
        wait_for(lambda: frame_of(page) is not None, "the first picture")
        return page

    yield open_one
    for page in pages:
        page.close()
    assert complaints == []


def frame_of(page: Page) -> int | None:
    """Index of the frame on screen."""
    frame = page.evaluate("document.querySelector('canvas.picture')?.dataset.frame")
    return None if frame is None else int(frame)


def last_frame(page: Page) -> int | None:
    """Scrolls to the end, as far as the page knows it."""
    page.keyboard.press("End")
    return frame_of(page)


def on_screen(page: Page) -> Array:
    """What the screen shows at the middle of each pixel of the fitted picture, shape (ROWS, COLUMNS, 3)."""
    box = page.locator("canvas.picture").bounding_box()
    assert box is not None
    # What is written over the picture is not the engine's.
    page.evaluate("for (const over of document.querySelectorAll('.pane > :not(.surface)')) over.style.opacity = 0")
    shot = page.screenshot()
    screen = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), dtype=np.float64)
    scale = min(box["width"] / COLUMNS, box["height"] / ROWS)
    across = box["x"] + box["width"] / 2 + (np.arange(COLUMNS) + 0.5 - COLUMNS / 2) * scale
    down = box["y"] + box["height"] / 2 + (np.arange(ROWS) + 0.5 - ROWS / 2) * scale
    return screen[np.ix_(np.floor(down).astype(int), np.floor(across).astype(int))]


def assert_shows(page: Page, wanted: Array) -> None:
    """Screen pixels lie up to half a pixel beside the centres, so a slope of the picture may differ by a few levels."""
    wanted = wanted if wanted.ndim == 3 else np.repeat(wanted[..., None], 3, axis=-1)
    difference = np.abs(on_screen(page) - wanted)
    assert difference.mean() < 1.5
    assert np.percentile(difference, 99) < 6


@pytest.mark.parametrize("gl", ["0", "1"], ids=["canvas", "webgl"])
@pytest.mark.parametrize(("name", "ds", "wanted"), CASES, ids=[name for name, _, _ in CASES])
def test_what_was_encoded_is_on_screen(open_study: OpenStudy, name: str, ds: Dataset, wanted: Array, gl: str) -> None:
    page = open_study(ds, gl)

    if name == "JPEG":
        assert np.abs(on_screen(page) - wanted).mean() < 6
    else:
        assert_shows(page, wanted)


def test_a_series_that_grows_while_it_is_read_is_shown_as_it_is_now(
    server: Server, open_study: OpenStudy, tmp_path: Path
) -> None:
    pictures = [np.roll(GREY, 9 * shift, axis=1) for shift in range(4)]
    first = image(ExplicitVRLittleEndian, pictures[0].tobytes())
    more = [
        image(
            ExplicitVRLittleEndian,
            picture.tobytes(),
            InstanceNumber=number,
            ImagePositionPatient=[0, 0, number],
            **{
                keyword: first[keyword].value
                for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "AccessionNumber")
            },
        )
        for number, picture in enumerate(pictures[1:], start=2)
    ]
    store(server, tmp_path / "first", first, *more[:2])
    held: list[Route] = []

    def hold(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    # What is first asked for after the first picture waits until the series has grown.
    page = open_study(first, prepare=lambda page: page.route(re.compile(r"frames\?order=1\D"), hold))
    wait_for(lambda: page.evaluate("true") and held != [], "the rest to be asked for")
    store(server, tmp_path / "more", more[2])
    held[0].continue_()

    wait_for(lambda: last_frame(page) == 3, "the fourth picture")
    assert_shows(page, grey(pictures[3].astype(float) - 1024))
