"""`pacs route` and `pacs send`, as an administrator types them."""

from pathlib import Path

import pytest

from tests.make import make_ct, make_uid, part10
from tests.server import environment_of, run_pacs


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An installation that knows a peer and keeps a study."""
    folder = tmp_path_factory.mktemp("route")
    environment = environment_of(folder / "data")
    (folder / "ct.dcm").write_bytes(part10(make_ct()).getvalue())
    assert run_pacs(environment, "peer", "add", "ARCHIVE", "127.0.0.1", "104").returncode == 0
    assert run_pacs(environment, "import", str(folder / "ct.dcm")).returncode == 0
    return environment


def test_a_route_is_added_listed_tried_and_removed(environment: dict[str, str]) -> None:
    def pacs(*arguments: str, input: str | None = None) -> str:
        done = run_pacs(environment, *arguments, input=input)
        assert done.returncode == 0, done.stderr
        return done.stdout

    pacs("route", "add", "ct", "--to", "ARCHIVE", "--modality", "CT", "--modality", "MR", "--priority", "4")
    pacs("route", "add", "web", "--to", "https://x.example/dicom-web", "--token-stdin", input="secret\n")
    listed = pacs("route", "list")
    assert 'ct  {"modalities":["CT","MR"]}  to ARCHIVE  priority 4' in listed
    assert "secret" not in listed
    assert "1 series, 1 images" in pacs("route", "dry-run", "ct")
    assert "0 series, 0 images" in pacs("route", "dry-run", "--modality", "US")
    pacs("route", "remove", "ct")
    assert "ct " not in pacs("route", "list")


def test_a_study_is_sent_and_its_place_in_the_queue_is_seen(environment: dict[str, str]) -> None:
    assert run_pacs(environment, "send", make_uid(1), "--to", "ARCHIVE", "--priority", "3").returncode == 0
    line = run_pacs(environment, "route", "queue").stdout
    assert "waiting    0/1  to ARCHIVE  priority 3  attempts 0" in line
    pk = line.split()[0]
    assert run_pacs(environment, "route", "pause", pk).returncode == 0
    assert "paused" in run_pacs(environment, "route", "queue", "--state", "paused").stdout
    assert run_pacs(environment, "route", "cancel", pk).returncode == 0
    assert run_pacs(environment, "route", "queue").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("route", "add", "x", "--to", "NOBODY"), "no peer is called NOBODY"),
        (("route", "add", "x", "--to", "ARCHIVE", "--hours", "late"), "hours: say it like 18:00-07:00"),
        (("route", "remove", "nothing"), "no route is called nothing"),
        (("route", "queue", "--state", "lost"), "'lost' is no state of a delivery"),
        (("route", "pause", "99"), "there is no delivery 99"),
        (("send", "1.2.3", "--to", "ARCHIVE"), "no such study"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    environment: dict[str, str], arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    done = run_pacs(environment, *arguments)

    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
