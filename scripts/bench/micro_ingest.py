"""What the way in costs without a network: instances a second, and where a processor's time goes.

    python -m scripts.bench.micro_ingest [--threads 1 4 8] [--count 200] [--folder /tmp]

Each thread sends a study of its own: CT of 526 kB, in pieces as a PDU brings them. Beside it stands what the same
machine does with the object alone (written, hashed, synced, renamed, directory synced), which is the ceiling.
"""

import argparse
import hashlib
import logging
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from pacs.archive.ingest import receive
from pacs.context import SYSTEM, Pacs
from pacs.index.session import Database
from pacs.settings import Settings
from storage import open_store
from tests.make import data_set_bytes, make_ct, make_uid

PIECE = 128 << 10
CT, EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"
LONG = 10_000_000
"""A number that keeps all UIDs of a run equally long, so that one can be written over another."""

Send = Callable[[Pacs, str, memoryview], None]


def send_whole(pacs: Pacs, uid: str, data: memoryview) -> None:
    with receive(pacs, SYSTEM, CT, uid, EXPLICIT) as incoming:
        for start in range(0, len(data), PIECE):
            incoming.write(data[start : start + PIECE])
        incoming.finish()


def send_object(pacs: Pacs, uid: str, data: memoryview) -> None:
    with pacs.objects.draft() as draft:
        draft.write(data)
        draft.keep(hashlib.sha256(data).hexdigest())


def study_of(number: int, count: int) -> list[tuple[str, bytes]]:
    """UID and data set of each instance."""
    uids = [make_uid(7, number, LONG + place) for place in range(count)]
    study = make_uid(5, number)
    ds = make_ct(512, 512, StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1", SOPInstanceUID=uids[0])
    data = data_set_bytes(ds)
    return [(uid, data.replace(uids[0].encode(), uid.encode())) for uid in uids]


def measure(send: Send, threads: int, count: int, folder: Path) -> str:
    settings = Settings(data=folder / "data")
    settings.data.mkdir()
    database = Database(settings.database)
    database.migrate()
    pacs = Pacs(settings, database, open_store(settings.objects, spool=settings.data / "spool"))
    studies = [study_of(number, count) for number in range(threads)]

    def send_study(study: list[tuple[str, bytes]]) -> list[float]:
        times = []
        for uid, data in study:
            began = time.perf_counter()
            send(pacs, uid, memoryview(data))
            times.append(time.perf_counter() - began)
        return times

    wall, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as senders:
        times = sorted(one for many in senders.map(send_study, studies) for one in many)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    database.close()
    shutil.rmtree(settings.data)
    p99 = times[int(0.99 * len(times))]
    return (
        f"{len(times) / wall:6.0f}/s  {1e3 * cpu / len(times):5.2f} ms CPU  "
        f"p50 {1e3 * statistics.median(times):5.1f} ms  p99 {1e3 * p99:5.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--count", type=int, default=200, help="instances for each thread")
    parser.add_argument("--folder", type=Path, default=None, help="where the objects are written")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for threads in arguments.threads:
            for name, send in (("object alone", send_object), ("whole", send_whole)):
                print(f"{threads} senders  {name:12}  {measure(send, threads, arguments.count, Path(folder))}")


if __name__ == "__main__":
    main()
