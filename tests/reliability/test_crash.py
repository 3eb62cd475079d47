"""A process killed anywhere loses nothing that it acknowledged, and leaves nothing by halves."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs.archive.recovery import recover
from pacs.context import Pacs
from pacs.index.tables import instance
from tests.archive.kept import assert_sound, flags, kept, object_keys, rows_of
from tests.conftest import ROOT
from tests.make import data_set_bytes
from tests.reliability.sender import make, open_pacs, send

POINTS = [("sqlite", f"FP{number}") for number in range(9)] + [("postgresql", f"FP{number}") for number in (6, 7, 8)]
"""Up to the transaction both do the same."""
ABSENT = {"FP0", "FP1", "FP2", "FP3"}
"""What dies here leaves no object; later, the object is there and recovery gives it its row."""
ROUNDS = int(os.environ.get("PACS_TEST_KILLS", "10"))
"""Kills at random moments; 50 and more for a release."""


@pytest.fixture
def pacs(tmp_path: Path, database_url: str) -> Iterator[Pacs]:
    """Files, and each kind of database, where another process can find them."""
    (tmp_path / "data").mkdir()
    pacs = open_pacs(tmp_path / "data", database_url)
    pacs.database.migrate()
    yield pacs
    pacs.database.close()


def start_sender(pacs: Pacs, first: int, count: int, threads: int, failpoint: str = "") -> "subprocess.Popen[str]":
    numbers = map(str, (first, count, threads))
    command = [sys.executable, "-m", "tests.reliability.sender", str(pacs.settings.data), pacs.settings.database]
    environment = os.environ | {"PACS_FAILPOINT": failpoint}
    return subprocess.Popen([*command, *numbers], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("database_url", "point"), POINTS, indirect=["database_url"])
def test_a_crash_at_any_step_leaves_the_instance_absent_or_whole(pacs: Pacs, point: str) -> None:
    """F-01."""
    with start_sender(pacs, 0, 1, 1, f"{point}:crash") as sender:
        assert sender.stdout
        assert sender.stdout.read() == ""
    assert sender.returncode == -signal.SIGKILL
    has_row = bool(kept(pacs))

    report = recover(pacs, alone=True)

    assert len(report.adopted) == (point not in ABSENT and not has_row)
    assert report.swept == (point in ABSENT)
    assert has_row == (point == "FP8")
    assert len(kept(pacs)) == len(object_keys(pacs)) == (point not in ABSENT)
    assert send(pacs, make(0)) == ("new" if point in ABSENT else "again")
    assert len(kept(pacs)) == 1
    assert not flags(pacs)
    assert_sound(pacs)


def test_what_was_acknowledged_before_a_kill_is_there_whole_and_once(pacs: Pacs) -> None:
    """kill -9 of eight senders' process at random moments; after each, everything it said is held against the store."""
    chance = random.Random(9)
    acknowledged: set[int] = set()
    for turn in range(ROUNDS if pacs.database.is_sqlite else ROUNDS // 3):
        first = 1000 * turn
        with start_sender(pacs, first, 1000, 8) as sender:
            assert sender.stdout
            lines = [sender.stdout.readline()]  # it is under way
            time.sleep(chance.uniform(0, 0.3))  # the moment is what is tried
            sender.kill()
            lines += sender.stdout.readlines()
        acknowledged |= {int(line.split()[0]) for line in lines if line.endswith("\n")}

        recover(pacs, alone=True)

        assert_sound(pacs)
        assert not flags(pacs)
    assert acknowledged
    rows = {row.sop_instance_uid: row for row in rows_of(pacs, instance)}
    for number in acknowledged:
        ds = make(number)
        row = rows[ds.SOPInstanceUID]
        assert pacs.objects.get(row.object_key, row.data_set_offset) == data_set_bytes(ds)
    assert len(rows) == len(kept(pacs))
