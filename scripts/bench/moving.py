"""C-MOVE and C-GET: how many instances a second are given, and what an association costs."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from scripts.bench.dicom_client import EXPLICIT, IMPLICIT, STUDY_ROOT_GET, STUDY_ROOT_MOVE, Peer, identifier
from scripts.bench.load import Study, studies
from scripts.bench.measure import Comparison, Goal, Scale, alternate, timed_ms
from scripts.bench.processes import cpu_seconds
from scripts.bench.servers import Running, filmless, fresh_folder, has_orthanc, orthanc, storescp
from scripts.bench.storing import send
from tests.server import environment_of, run_pacs

CT = "1.2.840.10008.5.1.4.1.1.2"
VERIFICATION = "1.2.840.10008.1.1"
STUDY_INSTANCE_UID = (0x0020, 0x000D)
STUDIES = 8
INSTANCES = 100
ASSOCIATIONS = (1, 4)
ECHOES = 60
"""Associations that are opened and released again."""
DESTINATION = "DEST"

Retrieve = Callable[[Running, str], int]
"""Retrieves a study from a server; how many instances it had."""


def move(scale: Scale) -> Iterator[Comparison]:
    """Studies of 100 CT images, asked for over one association and over four at once."""
    if not shutil.which("storescu"):
        return
    load = studies(scale.folder / "load" / "retrieve", [scale.of(INSTANCES, 4)] * STUDIES)
    with ExitStack() as stack:
        folder = fresh_folder(scale.folder)
        sink = stack.enter_context(storescp(folder / "sink", keeps=False))
        servers = {"ours": stack.enter_context(_ours(folder / "ours", sink))}
        if has_orthanc():
            settings: dict[str, Any] = {
                "DicomAlwaysAllowMove": True,
                "DicomAlwaysAllowGet": True,
                "DicomModalities": {DESTINATION: [DESTINATION, "127.0.0.1", sink.dicom_port]},
            }
            servers["Orthanc"] = stack.enter_context(orthanc(folder / "orthanc", **settings))
        for server in servers.values():
            send(server, [study.folder for study in load])
        clients = stack.enter_context(ProcessPoolExecutor(max(ASSOCIATIONS), get_context("spawn")))
        list(clients.map(_ready, range(max(ASSOCIATIONS))))
        found = alternate(
            {name: partial(_round, server, load, scale, clients) for name, server in servers.items()}, scale
        )
    ours, theirs = found["ours"], found.get("Orthanc", {})
    for kind in ("C-GET", "C-MOVE"):
        for count in ASSOCIATIONS:
            work = f"{kind}, CT of 526 kB, {count} association{'s' * (count > 1)}"
            facts = {f"ms CPU an instance, {side}": median(numbers[f"cpu {work}"]) for side, numbers in found.items()}
            yield Comparison(
                "move", work, "instances/s", Goal("at least", 1), ours[work], "Orthanc", theirs.get(work, ()), facts
            )
    for work in ("association of 1 context, made and released", "association of 64 contexts, made and released"):
        yield Comparison("move", work, "ms", Goal("at most", 1), ours[work], "Orthanc", theirs.get(work, ()))


@contextmanager
def _ours(folder: Path, sink: Running) -> Iterator[Running]:
    with filmless(folder) as server:
        address = ["127.0.0.1", str(sink.dicom_port)]
        done = run_pacs(environment_of(folder), "peer", "add", DESTINATION, *address, "--may", "retrieve")
        if done.returncode:
            raise RuntimeError(done.stderr)
        yield server


def _round(server: Running, load: Sequence[Study], scale: Scale, clients: ProcessPoolExecutor) -> dict[str, float]:
    uids = [study.uid for study in load]
    instances = sum(study.count for study in load)
    numbers: dict[str, float] = {}
    for kind, retrieve in (("C-GET", _get), ("C-MOVE", _move)):
        for count in ASSOCIATIONS:
            work = f"{kind}, CT of 526 kB, {count} association{'s' * (count > 1)}"
            cpu, began = cpu_seconds(server.pid), time.perf_counter()
            given = list(clients.map(partial(_all, retrieve, server), [uids[turn::count] for turn in range(count)]))
            numbers[work] = sum(given) / (time.perf_counter() - began)
            numbers[f"cpu {work}"] = 1000 * (cpu_seconds(server.pid) - cpu) / instances
            if sum(given) != instances:
                raise RuntimeError(f"{server.ae_title} gave {sum(given)} of {instances} instances")
    many = [(f"{CT}.{number}", EXPLICIT) for number in range(1, 64)]
    for contexts, more in ((1, []), (64, many)):
        with_release = partial(_associate, server, [(VERIFICATION, IMPLICIT), *more])
        with_release()
        numbers[f"association of {contexts} context{'s' * (contexts > 1)}, made and released"] = median(
            timed_ms(with_release) for _ in range(scale.of(ECHOES, 3))
        )
    return numbers


def _ready(number: int) -> None:
    """A client process that has started."""
    time.sleep(0.5)  # long enough that each of them takes one


def _all(retrieve: Retrieve, server: Running, uids: Sequence[str]) -> int:
    return sum(retrieve(server, uid) for uid in uids)


def _get(server: Running, study_uid: str) -> int:
    with Peer(server, [(STUDY_ROOT_GET, IMPLICIT), (CT, EXPLICIT)], scp_of=[CT]) as peer:
        return peer.get(identifier({STUDY_INSTANCE_UID: study_uid}))


def _move(server: Running, study_uid: str) -> int:
    with Peer(server, [(STUDY_ROOT_MOVE, IMPLICIT)]) as peer:
        return peer.move(identifier({STUDY_INSTANCE_UID: study_uid}), DESTINATION)


def _associate(server: Running, syntaxes: Sequence[tuple[str, str]]) -> None:
    with Peer(server, syntaxes):
        pass
