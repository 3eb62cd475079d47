"""What runs in the sandbox may hang, crash and take all memory: it harms nobody else."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier

import pytest

from pacs.errors import OutOfResources, Undecodable
from pacs.sandbox import Sandbox
from tests.archive.kept import wait_until


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox(processes=2)
    yield sandbox
    sandbox.close()


@pytest.mark.parametrize(
    ("function", "arguments", "why"),
    [
        (time.sleep, (60,), "longer than 0.5 s"),
        (os.abort, (), "dies"),
        (os._exit, (0,), "dies"),
        (bytes, (1 << 40,), "memory"),
        (bytes, (3 << 30,), "dies"),  # more than a result may be
    ],
)
def test_what_hangs_crashes_or_wants_all_memory_is_a_frame_that_cannot_be_decoded(
    sandbox: Sandbox, function: Callable[..., bytes], arguments: tuple[int, ...], why: str
) -> None:
    begun = time.monotonic()

    with pytest.raises(Undecodable, match=why):
        sandbox.run(function, *arguments, seconds=10 if why == "dies" else 0.5)

    assert time.monotonic() - begun < 10
    assert sandbox.run(bytes, b"the next one") == b"the next one"


def test_an_error_of_ours_is_no_frame_that_cannot_be_decoded(sandbox: Sandbox) -> None:
    with pytest.raises(RuntimeError, match="ValueError"):
        sandbox.run(bytes.fromhex, "no number")


def hang() -> bytes:
    time.sleep(60)
    return b""


def test_others_go_on_while_one_hangs(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor() as pool:
        hanging = pool.submit(sandbox.run, hang, seconds=2)
        begun = time.monotonic()
        for _ in range(100):
            assert len(sandbox.run(bytes, 1 << 19)) == 1 << 19
        assert time.monotonic() - begun < 2
        assert isinstance(hanging.exception(), Undecodable)


def test_who_finds_no_worker_free_is_told(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor() as pool:
        hanging = [pool.submit(sandbox.run, hang, seconds=1.5) for _ in range(2)]
        wait_until(lambda: sandbox.workers == 2)
        with pytest.raises(OutOfResources, match="busy"):
            sandbox.run(bytes, b"", seconds=0.1)
        assert all(isinstance(one.exception(), Undecodable) for one in hanging)


def test_a_worker_that_somebody_kills_is_no_fault_of_the_frame(sandbox: Sandbox, tmp_path: Path) -> None:
    was_killed = tmp_path / "killed"
    script = f"test -e {was_killed} && printf 'the frame' || {{ touch {was_killed}; kill -9 $PPID; }}"

    assert sandbox.run(subprocess.check_output, ["sh", "-c", script]) == b"the frame"
    assert was_killed.exists()


def test_who_asks_for_the_same_at_once_gets_the_same(sandbox: Sandbox) -> None:
    together = Barrier(8)
    before = sandbox.runs

    def ask() -> bytes:
        together.wait()
        return sandbox.shared("frame 7", lambda: sandbox.run(subprocess.check_output, ["sleep", "0.3"]))

    with ThreadPoolExecutor(8) as pool:
        given = [pool.submit(ask) for _ in range(8)]
        assert [one.result() for one in given] == [b""] * 8

    assert sandbox.runs == before + 1


def test_its_processes_end_with_the_one_that_started_them() -> None:
    code = "import time; from pacs.sandbox import Sandbox; s = Sandbox(); s.start(); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        pids = family(process.pid)
        assert len(pids) == 2
        process.kill()

    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def family(pid: int) -> list[int]:
    """The processes below a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *family(child)]
    return found
