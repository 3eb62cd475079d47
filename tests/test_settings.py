"""A wrong setting stops the start and is named; what is let in from afar is said aloud."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from pacs.settings import Settings
from tests.server import environment_of, run_pacs


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"dicom": "127.0.0.1"}, "PACS_DICOM"),
        ({"dicom": "nowhere:11112"}, "PACS_DICOM"),
        ({"http": "127.0.0.1:99999"}, "PACS_HTTP"),
        ({"database": "mysql://x"}, "PACS_DATABASE"),
        ({"objects": "ftp://x"}, "PACS_OBJECTS"),
        ({"ae_title": "SEVENTEEN_LETTERS"}, "PACS_AE_TITLE"),
        ({"ae_title": ""}, "PACS_AE_TITLE"),
        ({"workers": "none"}, "PACS_WORKERS"),
        ({"cors_origins": "*"}, "PACS_CORS_ORIGINS"),
        ({"cors_origins": "https://viewer.example/"}, "PACS_CORS_ORIGINS"),
        ({"peers": "friends"}, "PACS_PEERS"),
        ({"login": "none", "http": "0.0.0.0:8042"}, "PACS_LOGIN"),
        ({"dicom_tls": "127.0.0.1:2762"}, "PACS_TLS_CERT"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_is_named(tmp_path: Path, settings: dict[str, str], named: str) -> None:
    done = run_pacs(environment_of(tmp_path, **settings), "serve")

    assert done.returncode == 2
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_are_read_from_pacs_toml_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pacs.toml").write_text('PACS_AE_TITLE = "FROMFILE"\nPACS_WORKERS = 3\ndicom = "127.0.0.1:104"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PACS_AE_TITLE", "FROMENV")

    settings = Settings()

    assert settings.ae_title == "FROMENV"
    assert settings.workers == 3
    assert settings.dicom.port == 104


def test_a_name_that_is_no_setting_is_refused_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pacs.toml").write_text('ae_tittle = "PACS"\n')
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ValidationError, match="ae_tittle"):
        Settings()


@pytest.mark.parametrize(
    ("dicom", "peers", "admits_any"),
    [
        ("127.0.0.1:11112", "known", True),
        ("[::1]:11112", "known", True),
        ("0.0.0.0:11112", "known", False),
        ("0.0.0.0:11112", "any", True),
    ],
)
def test_only_loopback_or_a_spoken_word_admits_any_peer(dicom: str, peers: str, admits_any: bool) -> None:
    settings = Settings.model_validate({"dicom": dicom, "peers": peers})

    assert settings.admits_any_peer is admits_any
