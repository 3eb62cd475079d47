"""WADO-RS: frames, instances, a study, and the metadata of a series."""

import random
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from statistics import median

from scripts.bench.load import Study, studies
from scripts.bench.measure import Comparison, Goal, Scale, alternate, timed_ms
from scripts.bench.processes import cpu_seconds
from scripts.bench.servers import Running, filmless, fresh_folder, has_orthanc, orthanc
from scripts.bench.storing import send
from scripts.bench.web_client import Client, wrk

AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
FRAMES_AS_STORED = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
DICOM_JSON = "application/dicom+json"
STUDIES = 8
INSTANCES = 100
"""Together more than the memory in which Orthanc keeps what it read last: nobody asks for the same thing again."""
REQUESTS = 80
LONG_REQUESTS = 8
"""Of the kinds whose answers are large."""
WRK_S = 4
SETTLED_S = 120.0
LOOK_S = 2.0
QUIET_SHARE = 0.1


def retrieve(scale: Scale) -> Iterator[Comparison]:
    """Four studies of 100 CT images, a client that asks for one thing after another, and eight at once."""
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
            _wait_until_idle(server)
        found = alternate(
            {name: partial(_round, server, load, scale, random.Random(1)) for name, server in servers.items()}, scale
        )
    ours, theirs = found["ours"], found.get("Orthanc", {})
    for work, unit, goal in (
        ("frame of 524 kB, 1 client", "ms", Goal("at most", 0.33)),
        ("frame of 524 kB, 8 clients", "requests/s", Goal("at least", 3)),
        ("instance of 526 kB", "ms", Goal("at most", 0.5)),
        ("study of 100 instances", "MB/s", Goal("at least", 1.5)),
        ("metadata of a series of 100", "ms", Goal("at most", 0.05)),
    ):
        if work in ours:
            yield Comparison(
                "retrieve",
                f"WADO-RS {work}",
                unit,
                goal,
                ours[work],
                "Orthanc",
                theirs.get(work, ()),
                _facts(found, work),
            )


def _wait_until_idle(server: Running) -> None:
    """Until it has done what it does of itself with what has arrived, such as renditions: whoever reads comes later."""
    deadline = time.monotonic() + SETTLED_S
    while time.monotonic() < deadline:
        spent = cpu_seconds(server.pid)
        time.sleep(LOOK_S)
        if cpu_seconds(server.pid) - spent < QUIET_SHARE * LOOK_S:
            return


def _round(server: Running, load: Sequence[Study], scale: Scale, chance: random.Random) -> dict[str, float]:
    requests, long_requests = scale.of(REQUESTS, 4), scale.of(LONG_REQUESTS, 2)
    instances = [
        f"/dicom-web/studies/{study.uid}/series/{study.series_uid}/instances/{uid}"
        for study in load
        for uid in study.instance_uids
    ]
    chance.shuffle(instances)
    frames = [f"{path}/frames/1" for path in instances[requests + 1 :]]
    wholes = [f"/dicom-web/studies/{study.uid}" for study in load]
    metadata = [f"/dicom-web/studies/{study.uid}/series/{study.series_uid}/metadata" for study in load]
    numbers: dict[str, float] = {}
    with Client(server) as client:

        def p50_ms(paths: Sequence[str], accept: str, count: int) -> float:
            client.drain(paths[0], accept)  # the first one of a kind warms up
            return median(timed_ms(partial(client.drain, paths[turn % len(paths)], accept)) for turn in range(count))

        def measure(work: str, paths: Sequence[str], accept: str, count: int) -> None:
            cpu = cpu_seconds(server.pid)
            numbers[work] = p50_ms(paths, accept, count)
            numbers[f"cpu {work}"] = 1000 * (cpu_seconds(server.pid) - cpu) / (count + 1)

        measure("frame of 524 kB, 1 client", frames, FRAMES_AS_STORED, requests)
        measure("instance of 526 kB", instances, AS_STORED, requests)
        measure("metadata of a series of 100", metadata, DICOM_JSON, long_requests)
        numbers["study of 100 instances"] = median(_mb_per_s(client, path, AS_STORED) for path in wholes)
    if shutil.which("wrk"):
        many = wrk(server, frames, FRAMES_AS_STORED, 8, scale.of(WRK_S, 1))
        if many.failed:
            raise RuntimeError(f"{many.failed} requests to {server.ae_title} failed")
        numbers["frame of 524 kB, 8 clients"] = many.requests_per_s
    return numbers


def _mb_per_s(client: Client, path: str, accept: str) -> float:
    began = time.perf_counter()
    size = client.drain(path, accept)
    return size / 1e6 / (time.perf_counter() - began)


def _facts(found: dict[str, dict[str, tuple[float, ...]]], work: str) -> dict[str, float]:
    return {
        f"ms CPU a request, {side}": median(numbers[f"cpu {work}"])
        for side, numbers in found.items()
        if f"cpu {work}" in numbers
    }
