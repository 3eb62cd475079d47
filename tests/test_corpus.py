"""Every real file through the real doors: what can be kept is kept to the byte, what is broken is refused."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pacs.archive.resources import KIND_OF
from pacs.archive.retrieve import instances
from pacs.context import SYSTEM, Pacs
from pacs.dicom.part10 import read_file_meta
from pacs.wiring import close_pacs, open_pacs
from tests import peer
from tests.conftest import manifest
from tests.server import Server, serving

ROWS = manifest()
FOLDERS = sorted({row["path"].split("/")[0] for row in ROWS}) or ["(no corpus)"]
CONFLICTS = {0xA778, 0xA77B}
"""Other files of the corpus bear the same UIDs for another patient: those are kept in quarantine, as they must."""
MEMORY_MIB = 60
"""How much the doors may have grown after all of a folder: caches and arenas, but no leak by the file."""


@pytest.fixture(scope="module", params=FOLDERS)
def folder(request: pytest.FixtureRequest, corpus: Path) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(folder: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp(folder) / "data", workers="1") as running:
        yield running


@pytest.fixture(scope="module")
def statuses(folder: str, server: Server, corpus: Path) -> dict[str, int | None]:
    """Every file of the folder sent once; its status, None where the association ended."""
    found: dict[str, int | None] = {}
    for row in ROWS:
        if row["path"].startswith(f"{folder}/") and (sent := peer.meta_of(corpus / row["path"])):
            found[row["path"]] = peer.store(server.dicom_port, *sent)
    return found


@pytest.fixture(scope="module")
def kept(server: Server, statuses: dict[str, int | None]) -> Iterator[Pacs]:
    """The installation behind the server, to look at."""
    pacs = open_pacs(server.settings)
    yield pacs
    close_pacs(pacs)


def test_each_file_has_the_end_that_its_manifest_expects(folder: str, statuses: dict[str, int | None]) -> None:
    for row in ROWS:
        if row["path"] not in statuses:
            continue
        status, expected = statuses[row["path"]], row["expected"]
        if expected in ("stores", "stores+renders") or expected.startswith("stores;"):
            assert status == 0 or status in CONFLICTS, f"{row['path']}: {status}"
        elif expected == "refuses" or "C-STORE/STOW refuses" in expected:
            assert status != 0, row["path"]
        assert status is None or status == 0 or status >= 0xA700, f"{row['path']}: {status:04X}"


def test_what_was_kept_comes_back_by_c_get_and_wado_rs_to_the_byte(
    server: Server, kept: Pacs, statuses: dict[str, int | None], corpus: Path
) -> None:
    current = {ref.sop_instance_uid: ref for ref in instances(kept, SYSTEM)}
    compared = 0
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.token()}"}) as web:
        for path, status in statuses.items():
            sent = peer.meta_of(corpus / path)
            if status != 0 or sent is None:
                continue
            meta, data_set = sent
            if (kind := KIND_OF.get(meta.sop_class_uid)) is not None:  # it is of no patient
                answer = web.get(f"/dicom-web/{kind}/{meta.sop_instance_uid}", headers={"Accept": "application/dicom"})
                assert answer.status_code == 200 and answer.content.endswith(data_set), path
                continue
            ref = current[meta.sop_instance_uid]
            if data_set != _kept_data_set(kept, ref.object_key, ref.data_set_offset):
                continue  # the same UID with other content came before: that one is current, and compared
            place = f"/dicom-web/studies/{ref.study_instance_uid}/series/{ref.series_instance_uid}"
            answer = web.get(
                f"{place}/instances/{meta.sop_instance_uid}", headers={"Accept": "application/dicom; transfer-syntax=*"}
            )
            assert answer.status_code == 200, f"{path}: {answer.text[:200]}"
            given = read_file_meta(answer.content)
            assert given is not None and answer.content[given.data_set_offset :] == data_set, path
            assert peer.get(server.dicom_port, meta, ref.study_instance_uid, ref.series_instance_uid) == data_set, path
            compared += 1
    assert compared >= 0.6 * sum(status == 0 for status in statuses.values())


def _kept_data_set(pacs: Pacs, key: str, offset: int) -> bytes:
    return pacs.objects.get(key, offset)


def test_the_server_is_none_the_worse_for_it(
    folder: str, server: Server, statuses: dict[str, int | None], corpus: Path
) -> None:
    """The same once more, from the second time on: no process died, nothing grows, no file is left open or behind."""
    before = {pid: (_memory_mib(pid), _open_files(pid)) for pid in server.children()}
    for path in statuses:
        sent = peer.meta_of(corpus / path)
        assert sent is not None
        peer.store(server.dicom_port, *sent)
    after = {pid: (_memory_mib(pid), _open_files(pid)) for pid in server.children()}

    assert before.keys() == after.keys()
    for pid, (memory, files) in after.items():
        assert memory - before[pid][0] < MEMORY_MIB
        assert files <= before[pid][1] + 2
    assert not list(server.settings.data.rglob("*.part"))
    assert "Traceback" not in server.log.read_text()


def _memory_mib(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def _open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
