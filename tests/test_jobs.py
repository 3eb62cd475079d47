"""Work that is left for later is done once it is due, by one worker, whatever becomes of the process."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from pacs import jobs
from pacs.context import Pacs
from pacs.jobs import Job, bookmark_of, move_bookmark, pause_after
from pacs.jobs.worker import work
from tests.conftest import ROOT
from tests.reliability.sender import open_pacs
from tests.reliability.worker import chores_in
from tests.server import wait_for

ON_ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Where the database makes no difference."""


@pytest.fixture
def pacs(tmp_path: Path, database_url: str) -> Iterator[Pacs]:
    """Files, and each kind of database, where another process can find them."""
    (tmp_path / "data").mkdir()
    pacs = open_pacs(tmp_path / "data", database_url)
    pacs.database.migrate()
    yield pacs
    pacs.database.close()


@pytest.fixture
def chores(tmp_path: Path) -> Path:
    folder = tmp_path / "chores"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacs.jobs.worker.LOOK_EVERY_S", 0.02)
    monkeypatch.setattr("pacs.jobs.worker.POLL_EVERY_S", 0.02)


@contextmanager
def working(pacs: Pacs, *some: Job) -> Iterator[threading.Event]:
    """A worker in this process until the block is left."""
    stop = threading.Event()
    worker = threading.Thread(target=work, args=(pacs, some, stop))
    worker.start()
    try:
        yield stop
    finally:
        stop.set()
        worker.join(30)
        assert not worker.is_alive()


@contextmanager
def worker_process(pacs: Pacs, chores: Path) -> "Iterator[subprocess.Popen[bytes]]":
    command = [sys.executable, "-m", "tests.reliability.worker", str(pacs.settings.data), pacs.settings.database]
    with subprocess.Popen([*command, str(chores)], cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.terminate()


def add(chores: Path, name: str, text: str = "") -> None:
    (chores / f"{name}.todo").write_text(text)


def done(chores: Path) -> set[str]:
    return {path.stem for path in chores.glob("*.done")}


def tries(chores: Path, name: str) -> int:
    path = chores / f"{name}.tried"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_what_is_due_is_done_once(pacs: Pacs, chores: Path) -> None:
    names = {f"{number:02}" for number in range(12)}
    for name in names:
        add(chores, name)

    with working(pacs, chores_in(chores)):
        wait_for(lambda: done(chores) == names, "the chores to be done")
        add(chores, "late")
        wait_for(lambda: "late" in done(chores), "what came later to be done")

    assert {tries(chores, name) for name in names} == {1}


def test_a_worker_that_was_killed_leaves_nothing_undone(pacs: Pacs, chores: Path) -> None:
    for name, text in (("a", ""), ("b", "die"), ("c", ""), ("d", "die"), ("e", "")):
        add(chores, name, text)

    for _ in range(2):
        with worker_process(pacs, chores) as process:
            assert process.wait(60) == -signal.SIGKILL
    with worker_process(pacs, chores) as process:
        wait_for(lambda: done(chores) == set("abcde"), "the chores to be done")
        process.terminate()
        assert process.wait(30) == 0


@ON_ONE_DATABASE
def test_what_fails_is_tried_again_later_and_holds_up_nothing(
    pacs: Pacs, chores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "PAUSES", (timedelta(seconds=0.3),))
    add(chores, "a", "fail")
    add(chores, "b")

    with working(pacs, chores_in(chores)):
        wait_for(lambda: "b" in done(chores), "the chore that works")
        wait_for(lambda: "a" in done(chores), "the chore that failed once")

    assert tries(chores, "a") == 2


@ON_ONE_DATABASE
def test_what_became_urgent_goes_before_what_waits(pacs: Pacs) -> None:
    waiting = ["low1", "low2", "low3"]
    ran: list[str] = []
    begun = threading.Event()
    go_on = threading.Event()

    def run(pacs: Pacs, key: str) -> None:
        begun.set()
        assert go_on.wait(30)
        ran.append(key)
        waiting.remove(key)

    job = Job("ordered", lambda pacs: sorted(waiting, key=lambda key: key.startswith("low")), run)
    with working(pacs, job):
        assert begun.wait(30)
        waiting.append("high")
        go_on.set()
        wait_for(lambda: not waiting, "all to be done")

    assert ran == ["low1", "high", "low2", "low3"]


def test_a_second_worker_waits_until_the_first_is_gone(pacs: Pacs, chores: Path) -> None:
    add(chores, "first")
    with worker_process(pacs, chores) as process:
        wait_for(lambda: done(chores) == {"first"}, "the first worker")
        with working(pacs, chores_in(chores)):
            add(chores, "second")
            wait_for(lambda: "second" in done(chores), "somebody to do it")
            assert (chores / "second.tried").read_text() == f"{process.pid}\n"
            process.kill()
            process.wait()
            add(chores, "third")
            wait_for(lambda: "third" in done(chores), "the second worker to take over")

    assert (chores / "third.tried").read_text() == f"{os.getpid()}\n"


@ON_ONE_DATABASE
def test_what_runs_is_told_to_stop(pacs: Pacs) -> None:
    begun = threading.Event()
    left: list[str] = []

    def run(pacs: Pacs, key: str) -> None:
        begun.set()
        wait_for(jobs.is_stopping, "being told")
        left.append(key)

    with working(pacs, Job("long", lambda pacs: ["it"], run)) as stop:
        assert begun.wait(30)
        stop.set()

    assert left == ["it"]
    assert not jobs.is_stopping()


@ON_ONE_DATABASE
def test_a_worker_calls_nobody(pacs: Pacs, chores: Path) -> None:
    called = []
    add(chores, "a")

    def listen(event: str, arguments: tuple[object, ...]) -> None:
        if event == "socket.connect" and watching.is_set():
            called.append(arguments[1])

    watching = threading.Event()
    watching.set()
    sys.addaudithook(listen)  # it cannot be taken away, only be told to pay no attention
    try:
        with working(pacs, chores_in(chores)):
            wait_for(lambda: done(chores) == {"a"}, "the chore")
    finally:
        watching.clear()

    assert not called


def test_pauses_grow_to_an_hour() -> None:
    seconds = [pause_after(attempts).total_seconds() for attempts in (1, 2, 3, 4, 5, 6, 100)]

    assert seconds == pytest.approx([5, 15, 60, 300, 900, 3600, 3600], rel=0.1)


def test_a_bookmark_stays_where_it_was_put(pacs: Pacs) -> None:
    with pacs.database.write() as connection:
        assert bookmark_of(connection, "reader") == 0
        move_bookmark(connection, "reader", 7)
        move_bookmark(connection, "reader", 9)
    with pacs.database.read() as connection:
        assert bookmark_of(connection, "reader") == 9
