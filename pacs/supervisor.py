"""The tree of processes behind `pacs serve`: started, watched, replaced when one dies, stopped together."""

import ctypes
import fcntl
import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

import structlog

from pacs.errors import PacsError
from pacs.settings import Settings
from pacs.wiring import STOP_TIMEOUT_S, Door, addresses_of, listen, processes_of, run_door

log = structlog.get_logger(__name__)

KILL_AFTER_S = STOP_TIMEOUT_S + 5
LOCK_PATIENCE_S = 3
"""How long a start waits for the processes of a server that was killed to be gone."""
RESTART_PAUSE_S = 1.0
PR_SET_PDEATHSIG = 1
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class AlreadyServing(PacsError):
    """Another server has this data folder."""


@dataclass(slots=True)
class Supervisor:
    """One running `pacs serve`. Between `claim` and `run` nothing else may serve these doors on this data folder."""

    settings: Settings
    doors: Sequence[Door]
    _locks: list[IO[str]] = field(default_factory=list)
    _listeners: dict[Door, list[socket.socket]] = field(default_factory=dict)
    _children: dict[int, Door] = field(default_factory=dict)
    _stopping: bool = False

    def claim(self) -> None:
        """Take the data folder and the ports. Raises AlreadyServing, OSError."""
        folder = self.settings.data / "run"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for door in self.doors:
            self._locks.append(lock_file(folder / f"{door}.lock", door))
            self._listeners[door] = [listen(address) for address in addresses_of(door, self.settings)]

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; the exit code."""
        for number in SIGNALS:
            signal.signal(number, self._stop)
        gc.collect()
        gc.freeze()  # what is loaded so far stays shared between the processes
        for door in self.doors:
            for _ in range(processes_of(door, self.settings)):
                self._start(door)
        while self._children:
            self._bury_one()
        return 0

    def _start(self, door: Door) -> None:
        parent = os.getpid()
        # Held back until the child has its own handlers: the parent's would stop its brothers.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        child = os.fork()
        if child:
            self._children[child] = door
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            return
        code = 1
        try:
            die_with_parent(parent)
            stop = stop_on_signal()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            run_door(door, self.settings, self._listeners[door], stop)
            code = 0
        except BaseException:
            log.exception("a door fell shut", door=door)
        finally:
            os._exit(code)

    def _bury_one(self) -> None:
        pid, status = os.wait()
        door = self._children.pop(pid, None)
        if door is None or self._stopping:
            return
        log.warning("a process died and is replaced", door=door, pid=pid, code=os.waitstatus_to_exitcode(status))
        time.sleep(RESTART_PAUSE_S)  # a process that cannot live must not take the machine with it
        if not self._stopping:
            self._start(door)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True
        self._signal_all(signal.SIGTERM)
        signal.signal(signal.SIGALRM, lambda *_: self._signal_all(signal.SIGKILL))
        signal.alarm(KILL_AFTER_S)

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in list(self._children):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def lock_file(path: Path, door: Door) -> IO[str]:
    """Hold the file for as long as this process and its children live. Raises AlreadyServing."""
    file = path.open("w")
    deadline = time.monotonic() + LOCK_PATIENCE_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            if time.monotonic() > deadline:
                file.close()
                raise AlreadyServing(
                    f"another server has the {door} door open on {path.parent.parent}: stop it, or set PACS_DATA"
                ) from None
            time.sleep(0.05)


def stop_on_signal() -> threading.Event:
    """An event that SIGTERM sets. SIGINT is left to the parent, which a terminal tells as well."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return stop


def die_with_parent(parent: int) -> None:
    """A killed supervisor leaves no door open behind it (Linux; elsewhere doors outlive it)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
