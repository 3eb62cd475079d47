"""What was measured, as lines on the terminal, as JSON to keep, and as docs/performance.md."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from scripts.bench.measure import Comparison
from scripts.bench.ohif import VERSION as OHIF

ABOUT = """# How fast it is

Written by `make bench` (`python -m scripts.bench`), which starts every server afresh and lets them work by turns on the
same load: ours as shipped, everything durable before it is acknowledged, beside Debian's Orthanc with its own durable
defaults, dcmtk, and OHIF from its npm package, which reads from that Orthanc. A ratio is the median of the rounds'
ratios, ours to theirs; *n* is the number of rounds. Absolute numbers are of a small shared machine whose disk swings by
a factor of three from minute to minute: read the ratios.

The first picture is timed by what the browser has on screen: from the request for the page to the first frame of
Chromium's screencast whose middle is full of greys. The screencast itself costs both sides time. Chromium draws by its
own means, and once more with SwiftShader, a GL that the processor makes, for everything (the flags of tests/viewer).

Of the viewer (`python -m scripts.bench viewer`) the same study is read in both pages: processor time is that of all the
browser's processes until the first picture, the parts of the page that follow it left out; pictures a second are those
on screen that differ from the one before, while a key is pressed for each animation frame; memory is the proportional
set size of all the browser's processes, after all slices have come and were scrolled through. What is asked of ours
alone: a line of 20 Mbit/s and 40 ms, the longest task of the page's thread, what is left after fifty studies.

`python -m scripts.bench store ask --rounds 5` repeats two of them; what was measured before is kept in `.bench/`.
"""


def line_of(comparison: Comparison) -> str:
    """One comparison for the terminal."""
    row = _row(comparison)
    return (
        f"{row['work']}: {row['ours']} {row['unit']}, {row['peer']} {row['theirs']}: {row['ratio']} ({row['verdict']})"
    )


def keep(comparison: Comparison, folder: Path) -> None:
    """Put it in the place of an earlier measurement of the same thing."""
    rows = _kept(folder)
    rows[f"{comparison.benchmark}|{comparison.work}|{comparison.peer}"] = _row(comparison)
    (folder / "results.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False))


def write(folder: Path, document: Path) -> None:
    """The document, from everything that is kept."""
    lines = [ABOUT, f"Machine: {_machine()}.", ""]
    lines += [
        "| work | ours | beside | theirs | ratio | asked | | n | measured |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in _kept(folder).values():
        ours = f"{row['ours']} {row['unit']}"
        cells = (
            row["work"],
            ours,
            row["peer"],
            row["theirs"],
            row["ratio"],
            row["asked"],
            row["verdict"],
            row["rounds"],
        )
        lines.append("| " + " | ".join(map(str, (*cells, row["at"]))) + " |")
    document.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(comparison: Comparison) -> dict[str, Any]:
    value = comparison.value
    return {
        "work": comparison.work,
        "unit": comparison.unit,
        "ours": _number(median(comparison.ours)),
        "peer": comparison.peer or "–",
        "theirs": _number(median(comparison.theirs)) if comparison.theirs else "–",
        "ratio": "–" if value is None else f"{value:.2f}",
        "asked": f"{comparison.goal.bound} {comparison.goal.value:.3g}",
        "verdict": comparison.verdict,
        "rounds": len(comparison.ours),
        "at": datetime.now(UTC).date().isoformat(),
        "facts": {name: round(fact, 2) for name, fact in comparison.facts.items()},
    }


def _kept(folder: Path) -> dict[str, Mapping[str, Any]]:
    path = folder / "results.json"
    rows: dict[str, Mapping[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    return rows


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    orthanc = _version("Orthanc", "--version")
    return (
        f"{os.cpu_count()} shared {platform.machine()} cores, {memory} GiB, {platform.system()}, "
        f"CPython {platform.python_version()}, {orthanc}, {_version('storescp', '--version')}, "
        f"{_version('chromium', '--version')}, OHIF {OHIF}"
    )


def _version(*command: str) -> str:
    try:
        words = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    except FileNotFoundError:
        return f"no {command[0]}"
    return f"{command[0]} {next((word for word in words if word[:1].isdigit() or word[:2] == 'v3'), '')}".strip()
