"""Pictures that the server makes: rendered instances and thumbnails, the first time and again."""

import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from statistics import median

from scripts.bench.load import Study, studies
from scripts.bench.measure import Comparison, Goal, Scale, alternate, timed_ms
from scripts.bench.servers import Running, filmless, fresh_folder, has_orthanc, orthanc
from scripts.bench.storing import send
from scripts.bench.web_client import Client

STUDIES = 8
INSTANCES = 100
REQUESTS = 40
"""Each for an instance that nobody has asked for before, in any round; a request beforehand warms up."""
JPEG = "image/jpeg"
THUMBNAIL = {"ours": "thumbnail", "Orthanc": "rendered?viewport=128,128"}
"""Debian's Orthanc has no thumbnails: the same picture, asked for as it can be."""
GOALS = {
    "rendered JPEG of a CT, the first time": Goal("at most", 1),
    "rendered JPEG of a CT, again": Goal("at most", 0.2),
    "thumbnail of a CT, the first time": Goal("at most", 1),
    "thumbnail of a CT, again": Goal("at most", 0.25),
}


def render(scale: Scale) -> Iterator[Comparison]:
    """CT images of 512 × 512 pixels, uncompressed, one client that asks for one after another."""
    if not shutil.which("storescu"):
        return
    load = studies(scale.folder / "load" / "retrieve", [scale.of(INSTANCES, 4)] * STUDIES)
    with ExitStack() as stack:
        folder = fresh_folder(scale.folder)
        servers = {"ours": stack.enter_context(filmless(folder / "ours"))}
        if has_orthanc():
            servers["Orthanc"] = stack.enter_context(orthanc(folder / "orthanc"))
        for server in servers.values():
            send(server, [study.folder for study in load])
        sides = {
            name: partial(_round, server, THUMBNAIL[name], _rounds(load, scale)) for name, server in servers.items()
        }
        found = alternate(sides, scale)
    ours, theirs = found["ours"], found.get("Orthanc", {})
    for work, goal in GOALS.items():
        yield Comparison("render", work, "ms", goal, ours[work], "Orthanc", theirs.get(work, ()))


def _rounds(load: Sequence[Study], scale: Scale) -> Iterator[Sequence[str]]:
    """For each round the instances that it asks for, by their paths; the same for every server."""
    paths = [
        f"/dicom-web/studies/{study.uid}/series/{study.series_uid}/instances/{uid}"
        for study in load
        for uid in study.instance_uids
    ]
    random.Random(1).shuffle(paths)
    wanted = 1 + scale.of(REQUESTS, 2)
    return iter([paths[start : start + wanted] for start in range(0, len(paths) - wanted, wanted)])


def _round(server: Running, thumbnail: str, rounds: Iterator[Sequence[str]]) -> dict[str, float]:
    numbers: dict[str, float] = {}
    with Client(server) as client:
        for work, suffix in (("rendered JPEG", "rendered"), ("thumbnail", thumbnail)):
            first, *paths = (f"{path}/{suffix}" for path in next(rounds))
            client.drain(first, JPEG)
            for time in ("the first time", "again"):
                took = [timed_ms(partial(client.drain, path, JPEG)) for path in paths]
                numbers[f"{work} of a CT, {time}"] = median(took)
    return numbers
