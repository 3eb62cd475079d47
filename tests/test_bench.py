"""The benchmarks work: run small, for what they print and not for how fast anything is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.bench.__main__ import BENCHMARKS

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
