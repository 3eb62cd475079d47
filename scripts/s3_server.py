"""A real S3 server as plain processes on loopback, for tests and benchmarks: Ceph's RADOS gateway from Debian.

    python scripts/s3_server.py FOLDER PORT     runs until it is interrupted

Needs radosgw, ceph-mon and ceph-osd (`apt-get install radosgw ceph-mon ceph-osd`). Objects are held in memory:
they go when the server stops. The monitor takes the port after PORT. Signatures and body hashes are checked.
"""

import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("radosgw", "ceph-mon", "ceph-osd", "ceph", "radosgw-admin", "monmaptool")
START_TIMEOUT_S = 60

# One copy of everything on one daemon, no placement advice, no crypto between our own processes. Two lines are
# there because radosgw hangs without them: ms_mon_client_mode (it insists on a secure channel) and the short paxos
# intervals (each pool it makes would take a second).
CONFIG = """
[global]
fsid = {fsid}
mon_host = v2:127.0.0.1:{monitor_port}
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
run_dir = {folder}/run
admin_socket =
keyring = {folder}/keyring
log_file = {folder}/log/$name.log
log_to_stderr = false
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 2000
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
[mon]
mon_data = {folder}/mon
mon_cluster_log_file = {folder}/log/cluster.log
[osd]
osd_data = {folder}/osd
osd_objectstore = memstore
memstore_device_bytes = 4294967296
osd_class_load_list = *
osd_class_default_list = *
[client.rgw]
ms_mon_client_mode = crc
rgw_data = {folder}/rgw
rgw_frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw_thread_pool_size = 64
"""


@dataclass(frozen=True, slots=True)
class S3Server:
    """Where a running server is, and who may use it."""

    endpoint: str
    access_key: str
    secret_key: str


def missing_programs() -> list[str]:
    """What is not installed of what it needs."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


@contextmanager
def s3_server(folder: Path, port: int) -> Iterator[S3Server]:
    """Start the server in an empty folder of a short path, give it, and stop it."""
    server = S3Server(f"http://127.0.0.1:{port}", secrets.token_hex(8), secrets.token_hex(16))
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        _start(folder, port, server, daemons)
        yield server
    finally:
        for daemon in reversed(daemons):
            daemon.kill()
            daemon.wait()


def _start(folder: Path, port: int, server: S3Server, daemons: list[subprocess.Popen[bytes]]) -> None:
    for name in ("mon", "osd", "rgw", "log", "run"):
        (folder / name).mkdir(parents=True)
    (folder / "keyring").touch()
    fsid, config = _run("cat", "/proc/sys/kernel/random/uuid").strip(), folder / "ceph.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, monitor_port=port + 1, fsid=fsid))
    ours = ("-c", str(config))

    def spawn(*command: str) -> subprocess.Popen[bytes]:
        with (folder / "log" / f"{command[0]}.out").open("ab") as out:
            daemons.append(subprocess.Popen([*command, *ours, "-f"], stdout=out, stderr=out, stdin=subprocess.DEVNULL))
        return daemons[-1]

    monitor_map = str(folder / "monmap")
    _run(
        "monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a", f"[v2:127.0.0.1:{port + 1}]", monitor_map
    )
    _run("ceph-mon", "-i", "a", "--mkfs", "--monmap", monitor_map, *ours)
    spawn("ceph-mon", "-i", "a")
    osd_id = _run("cat", "/proc/sys/kernel/random/uuid").strip()
    _run("ceph", *ours, "osd", "new", osd_id)
    _run("ceph-osd", "-i", "0", *ours, "--mkfs", "--osd-uuid", osd_id)
    spawn("ceph-osd", "-i", "0")
    _wait_for("the storage daemon", lambda: "1 up" in _run("ceph", *ours, "osd", "stat"))
    gateway = spawn("radosgw", "-n", "client.rgw")
    user = (
        "--uid=pacs",
        "--display-name=pacs",
        f"--access-key={server.access_key}",
        f"--secret-key={server.secret_key}",
    )
    _run("radosgw-admin", *ours, "user", "create", *user)
    _wait_for("the gateway", lambda: gateway.poll() is None and _answers(server.endpoint))


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=START_TIMEOUT_S).stdout


def _answers(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(endpoint, timeout=2):
            return True
    except OSError:
        return False


def _wait_for(what: str, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not start in {START_TIMEOUT_S} s")
        time.sleep(0.05)


if __name__ == "__main__":
    if missing := missing_programs():
        sys.exit(f"not installed: {', '.join(missing)}")
    with s3_server(Path(sys.argv[1]), int(sys.argv[2])) as running:
        print(f"{running.endpoint} access key {running.access_key} secret key {running.secret_key}", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
