"""Pure functions in processes that may die: what decodes a stranger's bytes hangs, crashes and takes all memory there.

One process that has loaded the codecs is forked for each worker, so that a new one costs milliseconds. Requests and
results go over a socket; a result is plain bytes, so that what took a worker over cannot make us run anything.
"""

import ctypes
import importlib
import os
import pickle
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TypeVar

import structlog

from pacs.errors import OutOfResources, Undecodable

log = structlog.get_logger(__name__)

T = TypeVar("T")
PRELOADED = (
    "imagecodecs._htj2k",
    "imagecodecs._jpeg2k",
    "imagecodecs._jpeg8",
    "imagecodecs._jpegls",
    "imagecodecs._jpegxl",
    "imagecodecs._shared",
    "pacs.dicom.htj2k",
    "pacs.dicom.transcode",
)
"""Modules that the first process loads."""
MEMORY = 4 << 30
"""Bytes of address space of a worker: eight times the largest frame that is decoded."""
LARGEST_RESULT = 1 << 30
LONGEST_S = 20.0
"""How long a function may take, unless told."""
START_TIMEOUT_S = 30.0
HEAD = struct.Struct("<BQ")
DONE, UNDECODABLE, TOO_LARGE, BROKEN = range(4)
PR_SET_PDEATHSIG = 1


class Sandbox:
    """Up to so many workers, started when they are first needed."""

    def __init__(self, processes: int = 2, nice: int = 0, memory: int = MEMORY) -> None:
        self._most = processes
        self._arguments = [str(nice), str(memory), *PRELOADED]
        self._changed = threading.Condition()
        self._idle: list[_Worker] = []
        self.workers = 0
        """How many processes there are, idle or not."""
        self._forking = threading.Lock()
        self._first: tuple[subprocess.Popen[bytes], socket.socket] | None = None
        self._under_way: dict[Hashable, Future[object]] = {}
        self.runs = 0
        """How many functions have been run."""

    def __del__(self) -> None:
        self.close()

    def start(self) -> None:
        """Have a worker ready. Raises OutOfResources."""
        self._give_back(self._take(START_TIMEOUT_S))

    def run(self, function: Callable[..., bytes], *arguments: object, seconds: float = LONGEST_S) -> bytes:
        """What a function of ours that is named in its module gives for arguments that can be pickled.

        Raises Undecodable when it does, when it takes longer or too much memory, or when the process dies of it;
        OutOfResources when no worker was free for so long, or none can be started.
        """
        request = pickle.dumps((function, arguments), pickle.HIGHEST_PROTOCOL)
        try:
            return self._run(request, seconds)
        except _WorkerDied:
            # Somebody else may have killed it. Twice is no accident.
            with suppress(_WorkerDied):
                return self._run(request, seconds)
        log.warning("decoder died", function=function.__qualname__)
        raise Undecodable("the decoder dies of the frame")

    def shared(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives; who asks for the same while it is made gets the same, or the same error."""
        with self._changed:
            running = self._under_way.get(key)
            if running is None:
                future: Future[object] = Future()
                self._under_way[key] = future
        if running is not None:
            return running.result()  # type: ignore[return-value]
        try:
            made = make()
        except BaseException as error:
            future.set_exception(error)
            raise
        else:
            future.set_result(made)
            return made
        finally:
            with self._changed:
                del self._under_way[key]

    def close(self) -> None:
        """End the processes. It may be used again."""
        with self._changed:
            idle, self._idle = self._idle, []
            self.workers -= len(idle)
        for worker in idle:
            worker.end()
        with self._forking:
            if self._first is not None:
                process, control = self._first
                control.close()
                process.kill()
                process.wait()
                self._first = None

    def _run(self, request: bytes, seconds: float) -> bytes:
        worker = self._take(seconds)
        answered = False
        try:
            kind, payload = worker.ask(request, seconds)
            answered = True
        except TimeoutError as error:
            log.warning("decoder took too long", seconds=seconds)
            raise Undecodable(f"decoding the frame takes longer than {seconds:g} s") from error
        finally:
            self.runs += 1
            if answered:
                self._give_back(worker)
            else:
                self._dismiss(worker)
        if kind == DONE:
            return payload
        if kind == UNDECODABLE:
            raise Undecodable(payload.decode(errors="replace"))
        if kind == TOO_LARGE:
            raise Undecodable("decoding the frame takes too much memory")
        raise RuntimeError(f"a function in the sandbox raised {payload.decode(errors='replace')}")

    def _take(self, seconds: float) -> "_Worker":
        with self._changed:
            is_free = self._changed.wait_for(lambda: self._idle or self.workers < self._most, seconds)
            if not is_free:
                raise OutOfResources("all decoders are busy")
            if self._idle:
                return self._idle.pop()
            self.workers += 1
        try:
            return self._fork()
        except BaseException:
            self._one_less()
            raise

    def _give_back(self, worker: "_Worker") -> None:
        with self._changed:
            self._idle.append(worker)
            self._changed.notify()

    def _dismiss(self, worker: "_Worker") -> None:
        worker.end()
        self._one_less()

    def _one_less(self) -> None:
        with self._changed:
            self.workers -= 1
            self._changed.notify()

    def _fork(self) -> "_Worker":
        ours, theirs = socket.socketpair()
        ours.settimeout(START_TIMEOUT_S)
        with self._forking, theirs, ExitStack() as stack:
            stack.callback(ours.close)
            try:
                socket.send_fds(self._control(), [b"f"], [theirs.fileno()])
                theirs.close()
                _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
            except OSError as error:
                raise OutOfResources("no decoder can be started") from error
            if not descriptors:
                raise OutOfResources("no decoder can be started")
            os.set_inheritable(descriptors[0], False)
            stack.pop_all()
            return _Worker(ours, descriptors[0])

    def _control(self) -> socket.socket:
        """The socket by which the first process is told to fork."""
        if self._first is not None and self._first[0].poll() is None:
            return self._first[1]
        control, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "pacs.sandbox", str(theirs.fileno()), *self._arguments],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # what is typed on a terminal is not for it
            )
        self._first = process, control
        return control


class _WorkerDied(Exception):
    """It ended without an answer."""


@dataclass(slots=True)
class _Worker:
    """Our end of a worker."""

    connection: socket.socket
    handle: int
    """A file descriptor that stands for the process: its number might be another's by now."""

    def ask(self, request: bytes, seconds: float) -> tuple[int, bytes]:
        """What kind of answer comes, and the answer. Raises TimeoutError, _WorkerDied."""
        deadline = time.monotonic() + seconds
        try:
            self.connection.settimeout(seconds)
            self.connection.sendall(HEAD.pack(DONE, len(request)))
            self.connection.sendall(request)
            kind, length = HEAD.unpack(_received(self.connection, HEAD.size, deadline))
            if length > LARGEST_RESULT:
                raise EOFError
            return kind, bytes(_received(self.connection, length, deadline))
        except TimeoutError:
            raise
        except (OSError, EOFError) as error:
            raise _WorkerDied from error

    def end(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)
        os.close(self.handle)
        self.connection.close()


def _received(connection: socket.socket, length: int, deadline: float | None = None) -> bytearray:
    """So many bytes. Raises EOFError when there are fewer, TimeoutError after the deadline."""
    data = bytearray(length)
    view, filled = memoryview(data), 0
    while filled < length:
        if deadline is not None:
            connection.settimeout(max(0.001, deadline - time.monotonic()))
        if not (count := connection.recv_into(view[filled:])):
            raise EOFError
        filled += count
    return data


def _main(descriptor: str, nice: str, memory: str, *modules: str) -> None:
    """The first process: it loads the modules, and forks a worker for each socket that it is handed."""
    control = socket.socket(fileno=int(descriptor))
    for module in modules:
        importlib.import_module(module)
    os.nice(int(nice))
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a patient's picture is in it
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not descriptors:
            return
        if os.fork() == 0:
            control.close()
            _work(socket.socket(fileno=descriptors[0]))
            os._exit(0)
        os.close(descriptors[0])


def _work(connection: socket.socket) -> None:
    """A worker: it answers one request after the other."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    handle = os.pidfd_open(os.getpid())
    socket.send_fds(connection, [b"w"], [handle])
    os.close(handle)
    with suppress(EOFError, OSError):
        while True:
            _, length = HEAD.unpack(_received(connection, HEAD.size))
            kind, payload = _answer(_received(connection, length))
            connection.sendall(HEAD.pack(kind, len(payload)))
            connection.sendall(payload)


def _answer(request: bytearray) -> tuple[int, bytes]:
    try:
        function, arguments = pickle.loads(request)
        return DONE, function(*arguments)
    except Undecodable as error:
        return UNDECODABLE, str(error).encode()
    except MemoryError:
        return TOO_LARGE, b""
    except Exception as error:
        return BROKEN, type(error).__name__.encode()  # its words may be those of the data


if __name__ == "__main__":
    _main(*sys.argv[1:])
