"""A whole server for a test: the real command in processes of its own, on free ports of loopback."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pacs.settings import Settings

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Server:
    """A running `pacs serve`."""

    process: subprocess.Popen[str]
    environment: dict[str, str]
    dicom_port: int
    http_port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def settings(self) -> Settings:
        return Settings(data=Path(self.environment["PACS_DATA"]))

    def pacs(self, *arguments: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run `pacs ...` on the same installation."""
        return run_pacs(self.environment, *arguments, input=input)

    def token(self, role: str = "admin") -> str:
        """A bearer token."""
        done = self.pacs("token", "create", "--role", role)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def children(self) -> list[int]:
        """The processes behind the doors."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for task in tasks for pid in task.read_text().split()]


def run_pacs(
    environment: dict[str, str], *arguments: str, input: str | None = None
) -> subprocess.CompletedProcess[str]:
    """The command as a person would run it."""
    return subprocess.run(
        [sys.executable, "-m", "pacs", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        input=input,
    )


@contextmanager
def serving(data: Path, *arguments: str, **settings: str) -> Iterator[Server]:
    """A server on this data folder until the block is left; settings as `PACS_…` without the prefix."""
    server = start(data, *arguments, **settings)
    try:
        yield server
    finally:
        stop(server)


def environment_of(data: Path, **settings: str) -> dict[str, str]:
    """The environment of a command on this data folder, with nothing of ours left from outside."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PACS_")}
    ours = {f"PACS_{name.upper()}": value for name, value in settings.items()}
    return {**outside, "PYTHONPATH": str(ROOT), "PACS_DATA": str(data), **ours}


def start(data: Path, *arguments: str, **settings: str) -> Server:
    """Start it and wait until every door is open."""
    dicom_port, http_port = _port_of(settings.get("dicom")), _port_of(settings.get("http"))
    defaults = {"dicom": f"127.0.0.1:{dicom_port}", "http": f"127.0.0.1:{http_port}"}
    environment = environment_of(data, **(defaults | settings))
    data.mkdir(parents=True, exist_ok=True)
    log = data / "server.log"
    with log.open("a") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "pacs", "serve", *arguments], env=environment, stdout=out, stderr=out, text=True
        )
    server = Server(process, environment, dicom_port, http_port, log)
    doors = arguments or ("dicom", "web")
    wait_for(lambda: _is_open(server, doors), f"the server to start: {log.read_text()[-2000:]}", process)
    return server


def stop(server: Server) -> None:
    """As an administrator does, and without mercy where that does not help."""
    if server.process.poll() is None:
        server.process.send_signal(signal.SIGTERM)
    try:
        server.process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()
        raise


def wait_for(condition: Callable[[], bool], what: str, process: subprocess.Popen[str] | None = None) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not condition():
        assert process is None or process.poll() is None, f"it ended instead of {what}"
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def _port_of(door: str | None) -> int:
    """Of a door that a test has set, `0.0.0.0:11112`; otherwise one that nobody uses."""
    return int(door.rpartition(":")[2]) if door else free_port()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_open(server: Server, doors: tuple[str, ...]) -> bool:
    try:
        if "dicom" in doors:
            socket.create_connection(("127.0.0.1", server.dicom_port), timeout=1).close()
        if "web" in doors:
            urllib.request.urlopen(f"{server.url}/readyz", timeout=5).close()
    except OSError:
        return False
    return True
