"""C-STORE by dcmtk's `storescu`: how many instances a second are kept."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from scripts.bench.load import Study, studies
from scripts.bench.measure import Comparison, Goal, Scale, alternate, wait_for_quiet
from scripts.bench.processes import cpu_seconds
from scripts.bench.servers import Running, environment, filmless, fresh_folder, has_orthanc, orthanc, storescp

Serve = Callable[[Path], AbstractContextManager[Running]]

INSTANCES = {1: 200, 4: 100, 8: 60}
"""Of each association, by their number."""
SMALL = 4
SHIPPED = 60
"""Instances sent by `storescu` as Debian ships it, which waits 40 ms for each with most receivers."""


def store(scale: Scale) -> Iterator[Comparison]:
    """1, 4 and 8 associations beside Orthanc and storescp, TCP_NODELAY on both sides."""
    if not shutil.which("storescu"):
        return
    sides: dict[str, Serve] = {"ours": filmless, "storescp": storescp}
    if has_orthanc():
        sides["Orthanc"] = orthanc
    loads = _loads(scale)
    found = alternate({name: partial(_round, scale, serve, loads) for name, serve in sides.items()}, scale)
    for peer, count, least in (("Orthanc", 1, 2.0), ("Orthanc", 4, 1.7), ("Orthanc", 8, 1.7), ("storescp", 8, 0.8)):
        theirs = found.get(peer, {})
        yield Comparison(
            "store",
            f"C-STORE, CT of 526 kB, {_count_of(count)}",
            "instances/s",
            Goal("at least", least),
            found["ours"][f"rate {count}"],
            {"storescp": "storescp (unsynced)"}.get(peer, peer),
            theirs.get(f"rate {count}", ()),
            _medians(found["ours"], theirs, f"cpu {count}"),
        )


def store_shipped(scale: Scale) -> Iterator[Comparison]:
    """`storescu` without TCP_NODELAY, as Debian ships it, one association."""
    if not shutil.which("storescu"):
        return
    sides: dict[str, Serve] = {"ours": filmless}
    if has_orthanc():
        sides["Orthanc"] = partial(orthanc, nodelay=False)
    loads = {1: studies(scale.folder / "load", [scale.of(SHIPPED, SMALL)])}
    rounds = {name: partial(_round, scale, serve, loads, nodelay=False) for name, serve in sides.items()}
    found = alternate(rounds, scale)
    yield Comparison(
        "store-shipped",
        "C-STORE, `storescu` as Debian ships it, 1 association",
        "instances/s",
        Goal("at least", 10),
        found["ours"]["rate 1"],
        "Orthanc",
        found.get("Orthanc", {}).get("rate 1", ()),
    )


def send(server: Running, folders: Sequence[Path], *, nodelay: bool = True) -> float:
    """Seconds until one `storescu` for each folder has sent all of it. Raises RuntimeError when one is refused."""
    address = ["127.0.0.1", str(server.dicom_port)]
    options = ["--quiet", "--required", "--scan-directories", "--call", server.ae_title]
    began = time.perf_counter()
    senders = [
        subprocess.Popen(["storescu", *options, *address, str(folder)], env=environment(nodelay=nodelay))
        for folder in folders
    ]
    codes = [sender.wait() for sender in senders]
    elapsed = time.perf_counter() - began
    if any(codes):
        raise RuntimeError(f"storescu to {server.ae_title} ended with {codes}")
    return elapsed


def _loads(scale: Scale) -> dict[int, list[Study]]:
    """For each number of associations, studies of their own: one server takes them all in a round."""
    counts = [scale.of(per, SMALL) for number, per in INSTANCES.items() for _ in range(number)]
    made = studies(scale.folder / "load", counts)
    return {number: [made.pop(0) for _ in range(number)] for number in INSTANCES}


def _round(scale: Scale, serve: Serve, loads: dict[int, list[Study]], *, nodelay: bool = True) -> dict[str, float]:
    numbers = {}
    with serve(fresh_folder(scale.folder)) as server:
        wait_for_quiet(scale)  # it answers, and still has much to load
        for associations, load in loads.items():
            count = sum(study.count for study in load)
            cpu = cpu_seconds(server.pid)
            numbers[f"rate {associations}"] = count / send(server, [study.folder for study in load], nodelay=nodelay)
            numbers[f"cpu {associations}"] = 1000 * (cpu_seconds(server.pid) - cpu) / count
    return numbers


def _count_of(associations: int) -> str:
    return "1 association" if associations == 1 else f"{associations} associations"


def _medians(ours: dict[str, tuple[float, ...]], theirs: dict[str, tuple[float, ...]], name: str) -> dict[str, float]:
    sides = {"ours": ours, "theirs": theirs}
    return {
        f"ms CPU an instance, {side}": sorted(numbers[name])[len(numbers[name]) // 2]
        for side, numbers in sides.items()
        if name in numbers
    }
