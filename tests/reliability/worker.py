"""A worker of chores: each is a file that names what is to be done; it is done when a file beside it says so.

    python -m tests.reliability.worker <data> <database> <chores>

A chore whose text is `die` kills the process the first time it is run, as kill -9 does; `fail` raises that time.
"""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from pacs.context import Pacs
from pacs.jobs import Job
from pacs.jobs.worker import work
from pacs.wiring import configure_logging
from tests.reliability.sender import open_pacs


def chores_in(folder: Path) -> Job:
    """The kind of work."""

    def due(pacs: Pacs) -> Sequence[str]:
        return sorted(path.stem for path in folder.glob("*.todo") if not path.with_suffix(".done").exists())

    def run(pacs: Pacs, key: str) -> None:
        chore = folder / f"{key}.todo"
        tried = chore.with_suffix(".tried")
        first = not tried.exists()
        with tried.open("a") as file:
            file.write(f"{os.getpid()}\n")
        if first and chore.read_text() == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if first and chore.read_text() == "fail":
            raise RuntimeError("the first time it does not work")
        chore.with_suffix(".done").touch()

    return Job("chores", due, run, at_once=2)


def main() -> None:
    data, database_url, chores = sys.argv[1:]
    configure_logging()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    pacs = open_pacs(Path(data), database_url)
    work(pacs, [chores_in(Path(chores))], stop)
    pacs.database.close()


if __name__ == "__main__":
    main()
