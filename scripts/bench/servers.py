"""The servers that are measured, each a process on free ports of loopback: ours as shipped, and its peers."""

import fcntl
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.server import free_port, serving

ORTHANC = Path("/usr/sbin/Orthanc")
DICOMWEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    pid: int
    ae_title: str
    dicom_port: int
    http_port: int = 0
    headers: Mapping[str, str] | None = None
    """What each of its HTTP requests carries."""


@contextmanager
def filmless(folder: Path) -> Iterator[Running]:
    """Ours with every default: SQLite, files, everything durable, a token for the web door."""
    with serving(folder) as server:
        headers = {"Authorization": f"Bearer {server.token()}"}
        yield Running(server.process.pid, "PACS", server.dicom_port, server.http_port, headers)


def has_orthanc() -> bool:
    return ORTHANC.exists() and DICOMWEB.exists()


@contextmanager
def orthanc(folder: Path, *, nodelay: bool = True, **settings: object) -> Iterator[Running]:
    """Debian's, durable as it is by default. nodelay: with TCP_NODELAY, which DCMTK takes from the environment."""
    dicom_port, http_port = free_port(), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    configuration = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "index"),
        "Plugins": [str(DICOMWEB)],
        "HttpPort": http_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomPort": dicom_port,
        "DicomAlwaysAllowFind": True,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(configuration | settings))
    with _running([str(ORTHANC), str(path)], folder, nodelay, dicom_port, http_port) as pid:
        yield Running(pid, "ORTHANC", dicom_port, http_port)


@contextmanager
def storescp(folder: Path, *, keeps: bool = True) -> Iterator[Running]:
    """dcmtk's, which writes the bytes it receives to files and syncs nothing; or does not keep them at all."""
    port = free_port()
    (folder / "files").mkdir(parents=True)
    options = ["--fork", "--disable-host-lookup", "--max-pdu", "131072", "--bit-preserving"]
    what = ["--output-directory", str(folder / "files")] if keeps else ["--ignore"]
    command = ["storescp", *options, *what, str(port)]
    with _running(command, folder, True, port) as pid:
        yield Running(pid, "STORESCP", port)


def environment(*, nodelay: bool) -> dict[str, str]:
    """For a program of dcmtk, or built on it."""
    kept = {name: value for name, value in os.environ.items() if name != "TCP_NODELAY"}
    return {**kept, "TCP_NODELAY": "1"} if nodelay else kept


def fresh_folder(bench: Path) -> Path:
    """An empty folder, which stays until `clear`: ext4 makes files slowly after many were deleted."""
    runs = bench / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    os.sync()  # what the run before left to be written is not ours to pay for
    return Path(tempfile.mkdtemp(dir=runs))


@contextmanager
def alone(bench: Path) -> Iterator[None]:
    """Nobody else measures in this folder meanwhile: he would disturb us, and delete what we have stored."""
    bench.mkdir(parents=True, exist_ok=True)
    with (bench / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def clear(bench: Path) -> None:
    """Delete what all runs have stored."""
    shutil.rmtree(bench / "runs", ignore_errors=True)


@contextmanager
def _running(command: list[str], folder: Path, nodelay: bool, *ports: int) -> Iterator[int]:
    with (folder / "server.log").open("a") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment(nodelay=nodelay), cwd=folder)
    try:
        for port in ports:
            _wait_for(port, process)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen on port {port}")
