"""A real PostgreSQL for the tests, from Debian's package: started once, thrown away at the end."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

BINARIES = Path("/usr/lib/postgresql/15/bin")
START_TIMEOUT_S = 60
AS_POSTGRES = ("setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups")
_numbers = count(1)


class PostgresServer:
    """A server of its own folder on a free port of loopback. Nothing in it outlives a crash of the machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        # PostgreSQL refuses to run as root.
        self._prefix = AS_POSTGRES if os.geteuid() == 0 else ()
        if self._prefix:
            shutil.chown(folder, "postgres", "postgres")
        if not (folder / "PG_VERSION").exists():
            self._run("initdb", "-D", folder, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        self.start()

    def start(self) -> None:
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "fsync": "off",  # tests kill processes, not the power
            "max_connections": "100",
            "shared_buffers": "64MB",
        }
        settings = (f"--{name}={value}" for name, value in options.items())
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command("postgres", "-D", self.folder, "-p", self.port, *settings), stderr=log, cwd=self.folder
            )
        self._wait_until_it_answers()

    def stop(self) -> None:
        """A fast shutdown: connections are cut, everything committed stays."""
        if self._process is not None:
            # SIGINT; through pg_ctl, because the postmaster is the child of setpriv's user.
            self._run("pg_ctl", "-D", self.folder, "-m", "fast", "-w", "stop")
            self._process.wait(timeout=START_TIMEOUT_S)
            self._process = None

    def new_database(self) -> str:
        """The SQLAlchemy URL of a database that is empty."""
        return self.url(f"test_{next(_numbers)}")

    def url(self, name: str) -> str:
        """The SQLAlchemy URL of a database, which is made if it is not there."""
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{name}"

    def _dsn(self, name: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=postgres dbname={name}"

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                psycopg.connect(self._dsn("postgres")).close()
                return
            except psycopg.OperationalError:
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text(errors="replace")) from None
                time.sleep(0.02)

    def _command(self, program: str, *arguments: object) -> list[str]:
        return [*self._prefix, str(BINARIES / program), *map(str, arguments)]

    def _run(self, program: str, *arguments: object) -> None:
        done = subprocess.run(self._command(program, *arguments), capture_output=True, cwd=self.folder, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr.decode(errors='replace')}")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """The server. Without Debian's package its tests are skipped by name, but under CI they fail."""
    if not (BINARIES / "postgres").exists():
        reason = f"no PostgreSQL in {BINARIES}: apt-get install postgresql-15"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    folder = Path(tempfile.mkdtemp(prefix="postgresql-", dir="/tmp"))  # short: a socket's path has 107 bytes
    server = PostgresServer(folder)
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(params=("sqlite", "postgresql"))
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind that is supported: the test runs on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'data' / 'index.sqlite'}"
    server: PostgresServer = request.getfixturevalue("postgresql")
    return server.new_database()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
