"""The benchmarks work: run small, for what they print and not for how fast anything is."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from scripts.bench.__main__ import BENCHMARKS
from scripts.bench.load import slices
from scripts.bench.picture import HEIGHT, MIDDLE, WIDTH, is_picture

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_a_small_run_prints_a_line_for_each_comparison(tmp_path: Path, name: str) -> None:
    before = (ROOT / "docs" / "performance.md").read_bytes()

    done = subprocess.run(
        [sys.executable, "-m", "scripts.bench", "--small", "--folder", str(tmp_path), name],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if not key.startswith("PACS_")},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines
    assert all(line.endswith(("(reached)", "(NOT reached)", "(not compared)")) for line in lines)
    assert (ROOT / "docs" / "performance.md").read_bytes() == before


@pytest.mark.parametrize(
    ("shown", "is_one"),
    [
        ("a slice of the load", True),
        ("a slice that is not in the middle", False),
        ("nothing", False),
        ("stripes of every grey, as what turns while one waits", False),
    ],
)
def test_a_picture_is_a_slice_in_the_middle_and_nothing_else(shown: str, is_one: bool) -> None:
    assert is_picture(screens()[shown]) is is_one


def screens() -> dict[str, bytes]:
    """What a browser may show, as JPEG: black all around."""
    (stored,) = slices(1, 300, 1)
    body = np.clip((stored.astype(float) - 1024 + 160) / 400 * 255, 0, 255)  # centre 40, width 400
    stripes = np.zeros((MIDDLE, MIDDLE))
    stripes[60:64, 20:100] = np.linspace(0, 255, 80)
    return {
        "a slice of the load": screen(body),
        "a slice that is not in the middle": screen(body[:, :80], left=0),
        "nothing": screen(np.zeros((1, 1))),
        "stripes of every grey, as what turns while one waits": screen(stripes),
    }


def screen(shown: NDArray[np.float64], left: int | None = None) -> bytes:
    page = np.zeros((HEIGHT // 2, WIDTH // 2), np.uint8)
    top, middle = ((length - size) // 2 for length, size in zip(page.shape, shown.shape, strict=True))
    across = middle if left is None else left
    page[top : top + shown.shape[0], across : across + shown.shape[1]] = shown
    file = io.BytesIO()
    Image.fromarray(page).save(file, "jpeg", quality=80)
    return file.getvalue()
