"""`pacs peer find`, `get`, `move` and `send`, typed by an administrator of another archive of ours."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from pacs.archive.retrieve import instances
from pacs.context import SYSTEM
from pacs.peers import directory
from tests.dimse.conftest import Door, store_all
from tests.dimse.test_retrieve import of_one_study
from tests.make import make_ct, make_uid, part10
from tests.server import environment_of, run_pacs

Command = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def there(door: Door, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command of another archive, to which the door is the peer PACS."""
    environment = environment_of(tmp_path_factory.mktemp("there") / "another", ae_title="ANOTHER")

    def run(*arguments: str) -> CompletedProcess[str]:
        return run_pacs(environment, *arguments)

    assert run("migrate").returncode == 0
    assert run("peer", "add", "PACS", "127.0.0.1", str(door.port)).returncode == 0
    return run


def test_a_study_is_found_and_fetched(door: Door, there: Command) -> None:
    datasets = of_one_study(2, AccessionNumber="ASKED1")
    study = str(datasets[0].StudyInstanceUID)
    assert store_all(door, *datasets) == [0, 0]

    found = there("peer", "find", "PACS", "AccessionNumber=ASKED1", "PatientSex")
    fetched = there("peer", "get", "PACS", "--study", study)
    again = there("peer", "send", "PACS", "--study", study)

    assert found.returncode == 0, found.stderr
    assert f"StudyInstanceUID={study}" in found.stdout.splitlines()
    assert "PatientName=NGUYỄN^THỊ ÁNH ĐÀO" in found.stdout.splitlines()
    assert "PatientSex=F" in found.stdout.splitlines()
    assert (fetched.returncode, fetched.stdout) == (0, "2 instances fetched, 0 failed\n"), fetched.stderr
    assert (again.returncode, again.stdout) == (0, "2 instances sent, 0 failed\n"), again.stderr


def test_a_study_is_sent_and_moved_on(door: Door, there: Command, tmp_path: Path) -> None:
    ds = make_ct(StudyInstanceUID=make_uid())
    path = tmp_path / "one.dcm"
    path.write_bytes(part10(ds).getvalue())
    assert there("import", str(path)).returncode == 0
    directory.add(door.pacs, SYSTEM, "ITSELF", "127.0.0.1", 1)

    sent = there("peer", "send", "PACS", "--study", str(ds.StudyInstanceUID))
    moved = there("peer", "move", "PACS", "--study", str(ds.StudyInstanceUID), "--to", "ITSELF")

    assert (sent.returncode, sent.stdout) == (0, "1 instances sent, 0 failed\n"), sent.stderr
    assert [ref.sop_instance_uid for ref in instances(door.pacs, SYSTEM, str(ds.StudyInstanceUID))] == [
        ds.SOPInstanceUID
    ]
    assert (moved.returncode, moved.stdout) == (1, "0 instances moved to ITSELF, 1 failed\n")
    assert "refuses connections" in moved.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("find", "STRANGER"), "no peer is called STRANGER"),
        (("find", "PACS", "Nonsense=1"), "Nonsense is no keyword"),
        (("find", "PACS", "--level", "FRAME"), "FRAME is no level"),
        (("send", "PACS", "--study", "1.2.3"), "no such study"),
        (("move", "PACS", "--study", "1.2.3", "--to", "NOBODY"), "the move destination is no known peer"),
    ],
)
def test_what_goes_wrong_is_told_in_a_sentence(there: Command, arguments: tuple[str, ...], words: str) -> None:
    done = there("peer", *arguments)

    assert done.returncode
    assert words in done.stderr
    assert "Traceback" not in done.stderr
