"""Every encoding and modality of the corpus: the canvas' pixels at the voxels' centres, beside numpy's own rendering.

A handful covers each modality, syntax, photometric interpretation and depth once; PACS_GOLDEN=all takes all.
"""

import base64
import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import JPEGExtended12Bit

from tests.conftest import CORPUS, manifest
from tests.server import Server, serving, wait_for

Array = NDArray[np.float64]
Row = dict[str, str]
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

KINDS = ("modality", "transfer_syntax", "photometric", "bits_allocated", "bits_stored", "sign", "planar")
LEAST_PANE = 800
"""CSS px across: a narrower page is laid out as for a phone."""
MOST_SIDE = 2200
"""Pixels of a picture that is looked at as a whole."""
LOSSY_COLOUR = ("JPEG Baseline", "JPEG Extended", "JPEG 2000 Image Compression")
ADDRESS = "(address) => { history.pushState(null, '', address); dispatchEvent(new PopStateEvent('popstate')); }"
AT_CENTRES = """([rows, columns, across, down]) => {
    const canvas = document.querySelector("canvas.picture");
    const { data, width } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let text = "";
    for (let row = 0; row < rows; row++) {
        const line = new Uint8Array(columns * 3);
        for (let column = 0; column < columns; column++) {
            const at = 4 * (Math.floor((row + 0.5) * down) * width + Math.floor((column + 0.5) * across));
            line.set(data.subarray(at, at + 3), 3 * column);
        }
        text += String.fromCharCode(...line);
    }
    return btoa(text);
}"""


def chosen() -> list[Row]:
    """One file for each combination; unless all are asked for, only those that show something not shown before."""
    takes_all = os.environ.get("PACS_GOLDEN") == "all"
    studies: set[str] = set()
    seen: set[object] = set()
    found = []
    for row in filter(is_picture, manifest(expected="stores+renders")):
        combination = tuple(row[kind] for kind in KINDS)
        parts = {combination} if takes_all else {(kind, row[kind]) for kind in KINDS}
        if seen.issuperset(parts) or (study := study_of(row)) in studies:
            continue
        studies.add(study)
        seen |= parts
        found.append(row)
    return found


def is_picture(row: Row) -> bool:
    """Of a size that need not be made smaller, and not shown as something else."""
    if row["path"].startswith("broken") or not row["rows"] or row["modality"] in ("SEG", "SM"):
        return False
    return max(int(row["rows"]), int(row["cols"])) <= MOST_SIDE


def study_of(row: Row) -> str:
    """Each case is a study of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what real files have in their headers
        header = pydicom.dcmread(CORPUS / row["path"], stop_before_pixels=True, force=True)
        return str(header.StudyInstanceUID)


CASES = chosen()


def with_each_renderer() -> list[tuple[str, Row]]:
    """All without the graphics card; with it, unless all are asked for, each kind of values once."""
    kinds = {tuple(row[kind] for kind in ("bits_allocated", "sign", "photometric")): row for row in CASES}
    with_card = CASES if os.environ.get("PACS_GOLDEN") == "all" else list(kinds.values())
    return [("0", row) for row in CASES] + [("1", row) for row in with_card]


RENDERED = with_each_renderer()


@pytest.fixture(scope="module")
def server(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The web door with every case, open to whoever is on this machine."""
    folder = tmp_path_factory.mktemp("golden")
    (folder / "cases").mkdir()
    for number, row in enumerate(CASES):
        shutil.copy(corpus / row["path"], folder / f"cases/{number}.dcm")
    with serving(folder / "data", "web", login="none") as running:
        running.pacs("import", str(folder / "cases"))
        yield running


@pytest.fixture(scope="module")
def pages(server: Server, chromium: Browser) -> Iterator[dict[str, Page]]:
    """One page for all cases, as it is for a reader; without the graphics card, and with it."""
    opened = {gl: chromium.new_page(viewport={"width": 1200, "height": 900}, locale="en-GB") for gl in ("0", "1")}
    for gl, page in opened.items():
        page.goto(f"{server.url}/viewer?gl={gl}")
        page.evaluate(f"window.gl = {gl}")
    yield opened
    for page in opened.values():
        page.close()


@pytest.mark.parametrize(
    ("gl", "row"), RENDERED, ids=[f"{('canvas', 'webgl')[int(gl)]} {row['path']}" for gl, row in RENDERED]
)
def test_the_screen_shows_what_numpy_makes_of_it(
    server: Server, corpus: Path, pages: dict[str, Page], gl: str, row: Row
) -> None:
    page = pages[gl]
    ds = pydicom.dcmread(corpus / row["path"], force=True)
    known = document_of(server, page, ds)
    if known["kind"] != "image":
        pytest.skip(f"it is not shown as a picture but as {known['kind']}")
    number = known["shared"].get("frame_number") or known["per_frame"]["frame_number"][0]
    wanted = rendered(ds, number)

    aspect = known["shared"].get("pixel_aspect_ratio", 1.0)
    seen = shown(page, ds.StudyInstanceUID, wanted.shape[0], wanted.shape[1], aspect)

    difference = np.abs(seen - wanted)
    if wanted.shape[2] == 3 and row["transfer_syntax"].startswith(LOSSY_COLOUR):
        # Two decoders may turn colours, and stretch their differences, by other rounding.
        assert difference.mean() < 3
    elif aspect != 1:
        # Rows of the screen lie between those of the picture.
        assert difference.mean() < 3
    else:
        assert difference.max() <= 2
        assert difference.mean() < 0.6


def document_of(server: Server, page: Page, ds: Dataset) -> dict[str, Any]:
    address = f"{server.url}/api/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}"
    answer = page.request.get(address)
    assert answer.ok, answer.text()
    found: dict[str, Any] = answer.json()
    return found


def shown(page: Page, study_uid: str, rows: int, columns: int, aspect: float) -> Array:
    """What the canvas has at each voxel's centre, shape (rows, columns, 3); the pane is so many times the picture.

    aspect: height of a voxel by its width.
    """
    scale = next(odd for odd in range(1, 2 * LEAST_PANE, 2) if odd * columns >= LEAST_PANE)
    page.evaluate("document.querySelector('canvas.picture')?.setAttribute('data-old', '')")
    page.evaluate(ADDRESS, f"/viewer?StudyInstanceUIDs={study_uid}&gl={page.evaluate('gl')}")
    wait_for(lambda: page.locator("canvas.picture:not([data-old])").count() == 1, "the pane")
    # The tools that come after the first picture take room from the pane.
    page.set_viewport_size({"width": 1280, "height": 800})
    wait_for(lambda: page.locator("[data-action=length]").count() > 0, "the tools")
    fit(page, columns * scale, round(rows * scale * aspect))
    drawn = "canvas.picture:not([data-old])[data-frame='0'][data-reduce='0']"
    wait_for(lambda: page.locator(drawn).count() == 1, "the picture")
    # What was asked to be drawn is drawn with the next frame of the screen.
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    text = page.evaluate(AT_CENTRES, [rows, columns, scale, scale * aspect])
    pixels = np.frombuffer(base64.b64decode(text), np.uint8)
    return pixels.reshape(rows, columns, 3).astype(float)


def fit(page: Page, width: int, height: int) -> None:
    """Make the window such that the pane has this size."""
    canvas = "document.querySelector('canvas.picture')"
    size = f"[innerWidth, innerHeight, {canvas}.clientWidth, {canvas}.clientHeight]"
    # Once more where the page is laid out otherwise at the new width.
    for _ in range(2):
        across, down, pane_across, pane_down = page.evaluate(size)
        page.set_viewport_size({"width": across - pane_across + width, "height": down - pane_down + height})
    resolution = f"[{canvas}.width, {canvas}.height]"
    wait_for(lambda: page.evaluate(resolution) == [width, height], "the pane's size")


def rendered(ds: Dataset, number: int) -> Array:
    """Frame `number`, from 1, as PS3.3 C.11 and C.7.6.3 say: 0 to 255, shape (rows, columns, 1 or 3)."""
    stored = decoded(ds, number)
    if ds.PhotometricInterpretation == "PALETTE COLOR":
        return np.asarray(apply_color_lut(stored, ds), float) / (257 if is_deep(ds) else 1)
    if stored.ndim == 3:
        return np.asarray(stored / 2 ** (int(ds.BitsStored) - 8), float)
    greys = grey(modality_values(ds, stored.astype(float), number), ds, stored, number)
    if ds.PhotometricInterpretation == "MONOCHROME1" or ds.get("PresentationLUTShape") == "INVERSE":
        greys = 255 - greys
    return np.where(padding(ds, stored), 0, greys)[..., None]


def decoded(ds: Dataset, number: int) -> NDArray[Any]:
    """Stored values, colours as RGB. pydicom has no decoder for JPEG of 12 bits."""
    if ds.file_meta.TransferSyntaxUID == JPEGExtended12Bit and ds.BitsStored == 12:
        return np.asarray(imagecodecs.jpeg8_decode(get_frame(ds.PixelData, number - 1, number_of_frames=1)))
    return np.asarray(pixel_array(ds, index=number - 1))


def is_deep(ds: Dataset) -> bool:
    return bool(ds.RedPaletteColorLookupTableDescriptor[2] == 16)


def modality_values(ds: Dataset, stored: Array, number: int) -> Array:
    table = ds.get("ModalityLUTSequence")
    if table:
        return looked_up(table[0], stored)[0]
    group = functional(ds, "PixelValueTransformationSequence", number)
    return np.asarray(stored * float(group.get("RescaleSlope", 1)) + float(group.get("RescaleIntercept", 0)), float)


def grey(values: Array, ds: Dataset, stored: Array, number: int) -> Array:
    """By the first window of the data set; else by its table; else from the lowest to the highest value."""
    group = functional(ds, "FrameVOILUTSequence", number)
    if group.get("WindowWidth") not in (None, ""):
        center, width = (first(group[keyword].value) for keyword in ("WindowCenter", "WindowWidth"))
        return windowed(values, center, width, group.get("VOILUTFunction", "LINEAR"))
    table = ds.get("VOILUTSequence")
    if table:
        looked, bits = looked_up(table[0], values)
        return np.asarray(looked / (2**bits - 1) * 255, float)
    if ds.BitsAllocated == 1:
        return values * 255
    meant = values[~padding(ds, stored)]
    low, high = (meant.min(), meant.max()) if meant.size else (0.0, 0.0)
    return windowed(values, (low + high + 1) / 2, high - low + 1, "LINEAR")


def windowed(values: Array, center: float, width: float, function: str) -> Array:
    """PS3.3 C.11.2.1.2."""
    if function == "SIGMOID":
        return np.asarray(255 / (1 + np.exp(-4 * (values - center) / width)), float)
    if function == "LINEAR_EXACT":
        return np.clip(((values - center) / width + 0.5) * 255, 0, 255)
    if width <= 1:
        return np.where(values <= center - 0.5, 0.0, 255.0)
    return np.clip(((values - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255)


def looked_up(item: Dataset, values: Array) -> tuple[Array, int]:
    """Through a table, and the bits of its entries."""
    count, start, bits = item.LUTDescriptor
    start = start - 65536 if start > 32767 and values.min() < 0 else start
    data = item.LUTData
    entries = np.frombuffer(data, "<u2") if isinstance(data, bytes) else np.asarray(data)
    index = np.clip(np.round(values) - start, 0, (count or 65536) - 1).astype(int)
    return np.asarray(entries[index], float), int(bits)


def padding(ds: Dataset, stored: NDArray[Any]) -> NDArray[np.bool_]:
    """Where there is no picture (PS3.3 C.7.5.1.1.2)."""
    if ds.get("PixelPaddingValue") is None or "PixelData" not in ds:
        return np.zeros(stored.shape, bool)
    ends = sorted((int(ds.PixelPaddingValue), int(ds.get("PixelPaddingRangeLimit", ds.PixelPaddingValue))))
    return np.asarray((stored >= ends[0]) & (stored <= ends[1]))


def functional(ds: Dataset, sequence: str, number: int) -> Dataset:
    """Where attributes of a frame are: its own functional group, the shared one, or the data set."""
    groups = [*ds.get("PerFrameFunctionalGroupsSequence", [])[number - 1 : number]]
    groups += ds.get("SharedFunctionalGroupsSequence", [])
    return next((group[sequence][0] for group in groups if group.get(sequence)), ds)


def first(value: Any) -> float:
    return float(value[0] if isinstance(value, pydicom.multival.MultiValue) else value)
