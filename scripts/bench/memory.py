"""What memory large instances cost: eight associations, each with a multi-frame of 500 MB."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait

from pacs.dicom.part10 import FileMeta
from scripts.bench.measure import Comparison, Goal, Scale
from scripts.bench.processes import memory_mb
from scripts.bench.servers import Running, filmless, fresh_folder
from tests import peer
from tests.make import data_set_bytes, make_ct, make_uid

ASSOCIATIONS = 8
FRAME = 512 * 512 * 2
"""Bytes."""
FRAMES = 954
SMALL = 8
LOOK_S = 0.05


def memory(scale: Scale) -> Iterator[Comparison]:
    """The most that all our processes hold while they receive, over what they hold when idle."""
    grown = []
    for _ in range(scale.rounds):
        with filmless(fresh_folder(scale.folder)) as server:
            send(server, 0, 1)  # what the first instance of all brings into memory stays
            grown.append(_growth(server, scale.of(FRAMES, SMALL)))
    work = f"memory above idle, {ASSOCIATIONS} associations with a multi-frame of {scale.of(500, 4)} MB each"
    yield Comparison("memory", work, "MB", Goal("at most", 200), tuple(grown))


def send(server: Running, number: int, frames: int) -> None:
    """Store one instance of so many frames. Raises RuntimeError when it is refused."""
    uid = make_uid(9, 9, number, frames)
    ds = make_ct(
        rows=512,
        columns=512,
        SOPInstanceUID=uid,
        StudyInstanceUID=make_uid(9, number),
        SeriesInstanceUID=make_uid(9, number, 1),
        NumberOfFrames=frames,
    )
    head = data_set_bytes(ds)[: -FRAME - 4] + (frames * FRAME).to_bytes(4, "little")
    meta = FileMeta(0, peer.EXPLICIT, ds.SOPClassUID, uid)
    status = peer.store_pieces(server.dicom_port, meta, _pieces(head, frames))
    if status != 0:
        raise RuntimeError(f"a multi-frame was answered by {status}")


def _pieces(head: bytes, frames: int) -> Iterator[bytes]:
    yield head
    frame = bytes(FRAME)
    for _ in range(frames):
        yield frame


def _growth(server: Running, frames: int) -> float:
    idle = most = memory_mb(server.pid)
    with ThreadPoolExecutor(ASSOCIATIONS) as senders:
        sent = [senders.submit(send, server, number, frames) for number in range(1, ASSOCIATIONS + 1)]
        while wait(sent, LOOK_S).not_done:
            most = max(most, memory_mb(server.pid))
    for one in sent:
        one.result()
    return most - idle
