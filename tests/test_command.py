"""The command `pacs`, as an administrator meets it."""

import os
import re
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.make import make_ct, make_uid, part10
from tests.server import Server, environment_of, run_pacs, serving, wait_for


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("command") / "data", workers="1") as running:
        yield running


def write_ct(path: Path, *uid: int) -> Path:
    """A file with an instance of its own study."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ds = make_ct(
        SOPInstanceUID=make_uid(7, *uid, 1, 1),
        SeriesInstanceUID=make_uid(7, *uid, 1),
        StudyInstanceUID=make_uid(7, *uid),
    )
    path.write_bytes(part10(ds).getvalue())
    return path


def test_the_first_start_prints_one_line_with_a_link_that_signs_in_once(server: Server) -> None:
    link = re.search(r"http://\S+/signin#(\S+)", server.log.read_text())
    assert link

    with httpx.Client(base_url=server.url) as browser:
        assert browser.get("/api/studies").status_code == 401
        first = browser.post("/api/login/link", json={"token": link[1]}, headers={"Origin": server.url})
        assert first.status_code in (200, 204), first.text
        assert browser.get("/api/me").status_code == 200
    with httpx.Client(base_url=server.url) as another:
        again = another.post("/api/login/link", json={"token": link[1]}, headers={"Origin": server.url})
        assert again.status_code == 401


def test_a_second_server_on_the_same_folder_is_refused_with_a_sentence(server: Server) -> None:
    done = run_pacs(server.environment | {"PACS_DICOM": "127.0.0.1:0", "PACS_HTTP": "127.0.0.1:0"}, "serve")

    assert done.returncode == 1
    assert "another server" in done.stderr
    assert "Traceback" not in done.stderr
    assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_a_port_that_is_taken_is_said_in_a_sentence(server: Server, tmp_path: Path) -> None:
    taken = environment_of(tmp_path, dicom=f"127.0.0.1:{server.dicom_port}", http="127.0.0.1:0")

    done = run_pacs(taken, "serve")

    assert done.returncode == 1
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_process_that_dies_is_replaced(server: Server) -> None:
    before = server.children()
    os.kill(before[0], signal.SIGKILL)

    wait_for(lambda: len(server.children()) == len(before) and before[0] not in server.children(), "its successor")

    wait_for(lambda: httpx.get(f"{server.url}/readyz").status_code == 200, "the doors")


def test_a_web_door_for_others_stays_shut_until_somebody_has_an_account(tmp_path: Path) -> None:
    open_to_all = environment_of(tmp_path, http="0.0.0.0:0", dicom="127.0.0.1:0")

    done = run_pacs(open_to_all, "serve", "web")

    assert done.returncode == 1
    assert "pacs user add" in done.stderr


def test_an_account_made_by_the_command_signs_in(server: Server) -> None:
    done = server.pacs(
        "user", "add", "anna", "--role", "radiologist", "--password-stdin", input="rất dài và khó đoán\n"
    )
    assert done.returncode == 0, done.stderr

    answer = httpx.post(
        f"{server.url}/api/login",
        json={"name": "anna", "password": "rất dài và khó đoán"},
        headers={"Origin": server.url},
    )

    assert answer.status_code in (200, 204)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("user", "add", "ben", "--role", "radiologist", "--password-stdin"), "12"),
        (("user", "add", "ben", "--role", "janitor", "--password-stdin"), "janitor"),
        (("token", "create", "--role", "janitor"), "janitor"),
        (("peer", "add", "SEVENTEEN_LETTERS", "127.0.0.1", "104"), "SEVENTEEN_LETTERS"),
        (("peer", "remove", "NOBODY"), "NOBODY"),
        (("import", "/nowhere/at/all"), "/nowhere/at/all"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(server: Server, arguments: tuple[str, ...], said: str) -> None:
    done = server.pacs(*arguments, input="short\n")

    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_token_is_printed_alone_and_opens_the_web_door(server: Server) -> None:
    done = server.pacs("token", "create", "--role", "radiologist", "--expires", "30d")

    assert len(done.stdout.split()) == 1
    answer = httpx.get(f"{server.url}/dicom-web/studies", headers={"Authorization": f"Bearer {done.stdout.strip()}"})
    assert answer.status_code in (200, 204)


def test_import_takes_files_folders_and_archives_and_names_what_it_refuses(server: Server, tmp_path: Path) -> None:
    write_ct(tmp_path / "folder" / "a.dcm", 1)
    single = write_ct(tmp_path / "b.dcm", 2)
    packed = tmp_path / "c.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(write_ct(tmp_path / "c.dcm", 3), "deep/in/c.dcm")
    bad = tmp_path / "folder" / "notes.txt"
    bad.write_text("no image")

    done = server.pacs("import", str(tmp_path / "folder"), str(single), str(packed))

    assert done.returncode == 1
    assert "3 new" in done.stdout and "1 refused" in done.stdout
    assert str(bad) in done.stderr
    again = server.pacs("import", str(single), str(packed))
    assert again.returncode == 0
    assert "2 known already" in again.stdout


def test_import_of_a_disc_leaves_its_index_and_its_viewer_alone(server: Server, tmp_path: Path) -> None:
    write_ct(tmp_path / "IMAGES" / "I1", 4)
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"whatever")
    (tmp_path / "VIEWER.EXE").write_bytes(b"MZ")

    done = server.pacs("import", str(tmp_path))

    assert done.returncode == 0, done.stderr
    assert "1 new" in done.stdout and "1 that are no DICOM" in done.stdout


def test_an_archive_that_grows_a_thousandfold_is_refused(server: Server, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.dcm", part10(make_ct()).getvalue() + b"\0" * (200 << 20))

    done = server.pacs("import", str(bomb))

    assert done.returncode == 1
    assert "bomb.dcm" in done.stderr


def test_reindex_and_check_find_all_that_is_kept(server: Server, tmp_path: Path) -> None:
    server.pacs("import", str(write_ct(tmp_path / "x.dcm", 5)))

    assert server.pacs("reindex").returncode == 0
    checked = server.pacs("check", "--digests")

    assert checked.returncode == 0, checked.stdout
    assert "0 lost, 0 damaged" in checked.stdout


def test_sigterm_ends_every_process(tmp_path: Path) -> None:
    with serving(tmp_path / "data", workers="2") as running:
        children = running.children()
        assert len(children) == 5  # two behind each door, and the worker
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(30) == 0
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_a_killed_supervisor_leaves_no_door_open(tmp_path: Path) -> None:
    with serving(tmp_path / "data", workers="1") as running:
        children = running.children()
        running.process.kill()
        wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children), "the doors to fall shut")


def test_studies_are_written_as_files_as_an_archive_and_removed(tmp_path: Path) -> None:
    environment = environment_of(tmp_path / "data")
    study = make_uid(7, 77)
    assert run_pacs(environment, "import", str(write_ct(tmp_path / "in" / "a.dcm", 77))).returncode == 0

    files = run_pacs(environment, "export", study, "--to", str(tmp_path / "out"), "--dicomdir")
    assert (files.returncode, files.stdout) == (0, f"1 instances of 1 studies in {tmp_path / 'out'}\n")
    assert (tmp_path / "out" / "DICOMDIR").exists() and len(list(tmp_path.glob("out/DICOM/*/*/*/*"))) == 1
    again = run_pacs(environment, "export", study, "--to", str(tmp_path / "out"), "--dicomdir")
    assert again.returncode == 1 and "there already" in again.stderr and "Traceback" not in again.stderr
    assert run_pacs(environment, "export", study, "--to", str(tmp_path / "zip"), "--zip").returncode == 0
    [archive] = (tmp_path / "zip").glob("*.zip")
    assert run_pacs(environment_of(tmp_path / "other"), "import", str(archive)).returncode == 0

    removed = run_pacs(environment, "remove", study, "--reason", "a test")
    assert removed.returncode == 0 and "1 objects" in removed.stdout
    gone = run_pacs(environment, "export", study, "--to", str(tmp_path / "none"))
    assert gone.returncode == 1 and "was removed" in gone.stderr
    assert "a test" in run_pacs(environment, "removed", "list").stdout
    assert run_pacs(environment, "removed", "restore", "1").returncode == 0
    assert run_pacs(environment, "export", study, "--to", str(tmp_path / "back")).returncode == 0
