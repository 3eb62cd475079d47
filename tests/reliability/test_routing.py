"""F-41: what is to be routed gets there, whatever is killed and however long its destination is away."""

import os
import signal
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.make import part10
from tests.reliability.sender import make
from tests.server import Server, free_port, start, stop, wait_for
from tests.workflow import receivers

INSTANCES = 200
"""In ten series."""
UIDS = {make(number).SOPInstanceUID for number in range(INSTANCES)}


def files(folder: Path) -> Path:
    path = folder / "instances.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(INSTANCES):
            archive.writestr(f"{number}.dcm", part10(make(number, side=16)).getvalue())
    return path


def worker_of(server: Server) -> int:
    """The process behind the worker's door: it holds the lock; 0: nobody does."""
    for pid in server.children():
        with suppress(OSError):
            if any(os.path.realpath(fd).endswith("jobs.lock") for fd in Path(f"/proc/{pid}/fd").iterdir()):
                return pid
    return 0


def kill_worker(server: Server) -> None:
    wait_for(lambda: worker_of(server) > 0, "a worker")
    killed = worker_of(server)
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: worker_of(server) not in (0, killed), "its successor")


class Queue:
    """What an administrator sees."""

    def __init__(self, server: Server, token: str) -> None:
        self._address = f"{server.url}/api/deliveries?limit=500"
        self._headers = {"authorization": f"Bearer {token}"}

    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = httpx.get(self._address, headers=self._headers).json()["rows"]
        return rows

    def count(self, state: str) -> int:
        return sum(row["number"] for row in self.rows() if row["state"] == state)


# pynetdicom, which receives, leaves its socket open when the sender is killed.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_is_routed_arrives_though_everything_is_killed(tmp_path: Path) -> None:
    """F-41."""
    port = free_port()
    server = start(tmp_path / "data", "dicom", "web", "worker", workers="1")
    try:
        token = server.token()
        for command in (
            ("peer", "add", "PEER", "127.0.0.1", str(port)),
            ("route", "add", "all", "--to", "PEER", "--modality", "CT"),
            ("import", str(files(tmp_path))),
        ):
            done = server.pacs(*command)
            assert done.returncode == 0, done.stderr
        queue = Queue(server, token)
        wait_for(lambda: queue.count("waiting") == INSTANCES, "everything to be in the queue")
        wait_for(lambda: all("nothing listens" in row["why"] for row in queue.rows()), "the destination to be missed")
        assert sum(row["attempts"] for row in queue.rows()) < len(queue.rows())
        kill_worker(server)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()

        server = start(tmp_path / "data", "dicom", "web", "worker", workers="1")
        queue = Queue(server, token)
        assert queue.count("waiting") + queue.count("sending") == INSTANCES
        with receivers.peer(port=port, takes_s=0.02) as received:
            for enough in (30, 100):
                wait_for(lambda enough=enough: len(received.uids) >= enough, f"{enough} instances")  # type: ignore[misc]
                kill_worker(server)
            wait_for(lambda: queue.count("delivered") == INSTANCES, "everything to be delivered")

            assert set(received.uids) == UIDS
            assert max(received.times().values()) <= 3  # once, and once more for each kill while it was sent
        rows = queue.rows()
        assert {(row["state"], row["sent"] == row["number"], row["why"]) for row in rows} == {("delivered", True, "")}
        assert max(row["attempts"] for row in rows) >= 2
        assert "Traceback" not in server.log.read_text()
    finally:
        stop(server)
