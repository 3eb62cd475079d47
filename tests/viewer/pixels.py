"""What should be on screen, by numpy, and what is there."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page
from pydicom.dataset import Dataset

HEADER_PX = 56
WIDE_PX = 1600
"""From here on the tools are in one line with the patient's name."""


def grey(ds: Dataset, center: float, width: float) -> NDArray[np.float64]:
    """The slice as grey 0 to 255, shape (rows, columns): the linear function of PS3.3 C.11.2.1.2.1."""
    values = ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
    return np.clip(((values - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255)


def fit_pane_to(page: Page, rows: int, columns: int) -> None:
    """Make the window such that the pane shows one voxel on one pixel, with the series list out of the way."""
    page.set_viewport_size({"width": max(columns + 400, WIDE_PX), "height": rows + HEADER_PX})


def on_screen(page: Page, rows: int, columns: int) -> NDArray[np.float64]:
    """The grey of each voxel at its centre, shape (rows, columns), read from a picture of the pane."""
    box = _box(page.locator("canvas.picture"))
    shot = Image.open(io.BytesIO(page.screenshot(clip=box)))
    seen = np.asarray(shot.convert("L"), dtype=np.float64)
    scale = min(seen.shape[0] / rows, seen.shape[1] / columns)
    top, left = ((seen.shape[axis] - scale * count) / 2 for axis, count in enumerate((rows, columns)))
    down = np.floor(top + scale * (np.arange(rows) + 0.5)).astype(int)
    across = np.floor(left + scale * (np.arange(columns) + 0.5)).astype(int)
    return seen[np.ix_(down, across)]


def error(seen: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    """Mean difference in grey levels, where nothing is written over the picture: the middle of it."""
    rows, columns = wanted.shape
    middle = np.s_[rows // 6 : -rows // 6, columns // 8 : -columns // 8]
    return float(np.abs(seen[middle] - wanted[middle]).mean())


def _box(element: Locator) -> Any:
    box = element.bounding_box()
    assert box is not None
    return box
