"""`pacs peer`, as an administrator types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pacs.__main__ import app
from pacs.context import SYSTEM, Pacs
from pacs.peers import directory, history
from tests.dimse.conftest import ECHO, EXPLICIT, associated, opened, wait_for

CERTIFICATE = """-----BEGIN CERTIFICATE-----
MAMCAQA=
-----END CERTIFICATE-----
"""


def typed(*arguments: str) -> tuple[int, str]:
    """The exit code, and what is said on either stream."""
    done = CliRunner().invoke(app, ["peer", *arguments])
    return done.exit_code, done.output


@pytest.fixture
def known(pacs: Pacs, monkeypatch: pytest.MonkeyPatch) -> Pacs:
    """The installation that the command is for."""
    monkeypatch.setenv("PACS_DATA", str(pacs.settings.data))
    return pacs


def test_a_peer_is_added_changed_listed_and_removed(known: Pacs, tmp_path: Path) -> None:
    (tmp_path / "ct1.pem").write_text(CERTIFICATE)

    assert typed("add", "CT1", "10.0.0.17", "104", "--may", "store,commit", "--max-associations", "4") == (0, "")
    assert typed("change", "CT1", "--certificate", str(tmp_path / "ct1.pem"), "--max-per-minute", "60") == (0, "")
    code, line = typed("list")
    assert code == 0
    assert line.startswith("CT1               10.0.0.17:104  commit,store  TLS, certificate ")
    assert line.endswith("4 at once, 60 a minute\n")

    assert typed("change", "CT1", "--no-tls", "--certificate", "none", "--max-associations", "0", "--notified")[0] == 0
    assert typed("list")[1] == "CT1               10.0.0.17:104  commit,store  60 a minute, notified\n"
    assert typed("remove", "CT1") == (0, "")
    assert typed("list") == (0, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "CT1", "10.0.0.17", "104", "--may", "mpps"), "there is no service for 'mpps' yet"),
        (("add", "CT1", "10.0.0.17", "0"), "0 is no port"),
        (("change", "NOBODY", "--tls"), "no peer is called NOBODY"),
        (("admit", "NOBODY"), "nobody has knocked as NOBODY"),
        (("add", "CT1", "10.0.0.17", "104", "--certificate", history.__file__), "holds no certificate"),
        (("echo", "NOBODY"), "no peer is called NOBODY"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(known: Pacs, arguments: tuple[str, ...], words: str) -> None:
    code, said = typed(*arguments)

    assert (code, words in said) == (1, True), said
    assert "Traceback" not in said


def test_who_knocked_is_admitted_and_his_associations_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contexts = [(ECHO, [EXPLICIT]), ("1.2.840.10008.5.1.1.1", [EXPLICIT])]
    with opened(tmp_path / "data", dicom="0.0.0.0:11112") as door:
        monkeypatch.setenv("PACS_DATA", str(door.pacs.settings.data))
        with associated(door, contexts, calling="CT1") as stranger:
            assert stranger.is_rejected
        wait_for(lambda: bool(directory.knocks(door.pacs, SYSTEM)))

        assert "CT1               127.0.0.1  1 times  no peer of this AE title" in typed("knocks")[1]
        assert typed("admit", "CT1", "--may", "store") == (0, "CT1               127.0.0.1:104  store\n")
        with associated(door, contexts, calling="CT1") as known:
            assert known.send_c_echo().Status == 0
        wait_for(lambda: "C-ECHO" in typed("log", "CT1")[1])

    said = typed("log", "CT1", "--contexts")[1]
    assert "calls us  127.0.0.1        released" in said
    assert "C-ECHO 0000 ×1" in said
    assert "refused   Basic Film Session SOP Class: this service or SOP class is not supported" in said
    assert "accepted  Verification SOP Class: Explicit VR Little Endian" in said
