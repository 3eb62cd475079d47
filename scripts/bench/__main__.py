"""Measure beside Orthanc, dcmtk and OHIF where they are installed, print ratios, and write docs/performance.md.

python -m scripts.bench [--small] [--rounds 5] [store store-shipped …]
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from scripts.bench.asking import ask, ask_million
from scripts.bench.commitment import commit
from scripts.bench.measure import Comparison, Scale
from scripts.bench.memory import memory
from scripts.bench.moving import move
from scripts.bench.picture import picture
from scripts.bench.picturing import render
from scripts.bench.reading import viewer
from scripts.bench.report import keep, line_of, write
from scripts.bench.retrieving import retrieve
from scripts.bench.servers import alone, clear
from scripts.bench.storing import store, store_shipped
from scripts.bench.stowing import stow

BENCHMARKS: dict[str, Callable[[Scale], Iterator[Comparison]]] = {
    "store": store,
    "store-shipped": store_shipped,
    "stow": stow,
    "retrieve": retrieve,
    "move": move,
    "commit": commit,
    "ask": ask,
    "ask-million": ask_million,
    "picture": picture,
    "viewer": viewer,
    "render": render,
    "memory": memory,
}
ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmarks", nargs="*", metavar="benchmark", help=f"of {' '.join(BENCHMARKS)}; none: all")
    parser.add_argument("--small", action="store_true", help="only see that it works; nothing is kept")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=ROOT / ".bench", help="where data of the runs lies")
    options = parser.parse_args()
    if unknown := set(options.benchmarks) - set(BENCHMARKS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    scale = Scale(options.folder, 1 if options.small else options.rounds, options.small)
    with alone(scale.folder):
        measure(options.benchmarks or list(BENCHMARKS), scale)
    if not scale.is_small:
        write(scale.folder, ROOT / "docs" / "performance.md")


def measure(names: Sequence[str], scale: Scale) -> None:
    """Print each comparison as soon as it is there, and keep it unless it is small."""
    clear(scale.folder)
    for name in names:
        for comparison in BENCHMARKS[name](scale):
            print(line_of(comparison), flush=True)
            if not scale.is_small:
                keep(comparison, scale.folder)
        clear(scale.folder)


if __name__ == "__main__":
    main()
