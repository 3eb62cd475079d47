"""Makes renditions (`archive.renditions`) of what has arrived, and gives way to whoever is storing."""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from pacs.archive import renditions
from pacs.context import Pacs
from pacs.jobs import STOPPING, Job, is_stopping

log = structlog.get_logger(__name__)

QUIET = timedelta(seconds=1)
"""Without a new instance: then nobody is storing."""
LONGEST_WAIT = timedelta(minutes=5)
"""What has waited so long does not give way any more: some sites never stop storing."""
LOOK_EVERY_S = 0.25
LONGEST_TURN_S = 60.0
SWEEP_EVERY = timedelta(hours=24)
MAKE, SWEEP = "make", "sweep"


def _due(pacs: Pacs) -> Sequence[str]:
    if not pacs.settings.renditions:
        return ()
    if renditions.is_waiting(pacs) and not _is_giving_way(pacs):
        return (MAKE,)
    return (SWEEP,) if _swept_at(pacs) < datetime.now(UTC) - SWEEP_EVERY else ()


def _run(pacs: Pacs, key: str) -> None:
    if key == SWEEP:
        log.info("renditions swept", deleted=renditions.sweep(pacs))
        _sweep_mark(pacs).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sweep_mark(pacs).touch()
        return
    until = time.monotonic() + LONGEST_TURN_S
    while time.monotonic() < until and not is_stopping() and renditions.is_waiting(pacs):
        renditions.make_some(pacs, _Manners(pacs).go_on)


JOB = Job("renditions", _due, _run)


class _Manners:
    """Looks around now and then, for looking costs as much as a small frame."""

    def __init__(self, pacs: Pacs) -> None:
        self._pacs = pacs
        self._looked = 0.0

    def go_on(self) -> bool:
        """Waits while somebody is storing; false when the worker is told to stop."""
        while not is_stopping():
            if time.monotonic() - self._looked < LOOK_EVERY_S:
                return True
            self._looked = time.monotonic()
            if not _is_giving_way(self._pacs):
                return True
            _pause(LOOK_EVERY_S)
        return False


def _is_giving_way(pacs: Pacs) -> bool:
    times = renditions.times_of_arrival(pacs)
    if times is None:
        return False
    (first, last), now = times, datetime.now(UTC)
    return now - last < QUIET and now - first < LONGEST_WAIT


def _sweep_mark(pacs: Pacs) -> Path:
    return pacs.settings.data / "cache" / "renditions.swept"


def _swept_at(pacs: Pacs) -> datetime:
    with suppress(FileNotFoundError):
        return datetime.fromtimestamp(_sweep_mark(pacs).stat().st_mtime, UTC)
    return datetime.fromtimestamp(0, UTC)


def _pause(seconds: float) -> None:
    stop = STOPPING.get()
    if stop is None:
        time.sleep(seconds)
    else:
        stop.wait(seconds)
