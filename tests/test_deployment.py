"""What docker-compose.yml describes, as plain processes: doors as separate services, PostgreSQL, an S3 store."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from pacs.dicom.part10 import FileMeta
from scripts.s3_server import S3Server
from tests import peer
from tests.make import data_set_bytes, make_ct, make_uid
from tests.postgresql import PostgresServer
from tests.server import Server, environment_of, free_port, run_pacs, serving

ROOT = Path(__file__).parent.parent
IN_FLIGHT = 8
EACH = 40


def meta_and_bytes(*uid: int) -> tuple[FileMeta, bytes]:
    ds = make_ct(
        64,
        64,
        StudyInstanceUID=make_uid(8, uid[0]),
        SeriesInstanceUID=make_uid(8, uid[0], 1),
        SOPInstanceUID=make_uid(8, uid[0], 1, *uid[1:]),
    )
    return FileMeta(0, peer.EXPLICIT, ds.SOPClassUID, ds.SOPInstanceUID), data_set_bytes(ds)


def test_the_compose_file_opens_each_door_as_a_service_of_its_own() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))

    services = compose["services"]
    assert services["dicom"]["command"] == ["serve", "dicom"]
    assert services["web"]["command"] == ["serve", "web"]
    assert services["minio"]["image"].startswith("${PACS_S3_IMAGE:-")
    named = set(services["dicom"]["environment"])
    documented = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert all(name in documented for name in named)
    volumes = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert volumes == set(compose["volumes"])


@pytest.fixture
def shared(running_s3: S3Server, s3_url: str, postgresql: PostgresServer) -> dict[str, str]:
    """The settings of the compose file."""
    return {
        "database": postgresql.new_database(),
        "objects": s3_url,
        "s3_access_key": running_s3.access_key,
        "s3_secret_key": running_s3.secret_key,
    }


@pytest.fixture
def doors(tmp_path: Path, shared: dict[str, str]) -> Iterator[tuple[Server, Server]]:
    """The DICOM door and the web door: two installations' worth of processes, with nothing local in common."""
    unmigrated = run_pacs(
        environment_of(tmp_path / "dicom", dicom=f"127.0.0.1:{free_port()}", **shared), "serve", "dicom"
    )
    assert unmigrated.returncode == 1
    assert "pacs migrate" in unmigrated.stderr
    assert run_pacs(environment_of(tmp_path / "dicom", **shared), "migrate").returncode == 0
    with (
        serving(tmp_path / "dicom", "dicom", workers="1", **shared) as dicom,
        serving(tmp_path / "web", "web", workers="1", **shared) as web,
    ):
        yield dicom, web


def test_what_one_service_takes_in_the_other_gives_out(doors: tuple[Server, Server]) -> None:
    dicom, web = doors
    meta, data_set = meta_and_bytes(1, 1)

    assert peer.store(dicom.dicom_port, meta, data_set) == 0

    headers = {"Authorization": f"Bearer {web.token()}"}
    with httpx.Client(base_url=web.url, headers=headers) as client:
        (study,) = client.get("/dicom-web/studies?PatientName=nguyen*").json()
        assert study["0020000D"]["Value"] == [make_uid(8, 1)]
        place = f"/dicom-web/studies/{make_uid(8, 1)}/series/{make_uid(8, 1, 1)}/instances/{meta.sop_instance_uid}"
        answer = client.get(place, headers={"Accept": "application/dicom; transfer-syntax=*"})
        assert answer.content.endswith(data_set)
        assert client.get(f"{place}/rendered", headers={"Accept": "image/png"}).status_code == 200


def test_a_server_that_is_stopped_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    begun = threading.Barrier(IN_FLIGHT + 1)

    def send(number: int, port: int) -> None:
        begun.wait()
        for instance in range(EACH):
            meta, data_set = meta_and_bytes(10 + number, instance)
            try:
                status = peer.store(port, meta, data_set)
            except OSError:  # nobody listens any more
                return
            if status == 0:
                acknowledged.add(meta.sop_instance_uid)

    with serving(tmp_path / "data", workers="2") as server:
        senders = [threading.Thread(target=send, args=(number, server.dicom_port)) for number in range(IN_FLIGHT)]
        for sender in senders:
            sender.start()
        begun.wait()
        while len(acknowledged) < IN_FLIGHT:
            threading.Event().wait(0.01)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
        for sender in senders:
            sender.join()

    with serving(tmp_path / "data", workers="1") as again, httpx.Client(base_url=again.url) as client:
        client.headers["Authorization"] = f"Bearer {again.token()}"
        found = client.get("/dicom-web/instances?limit=5000").json()
        assert acknowledged <= {one["00080018"]["Value"][0] for one in found}
        assert not list(again.settings.data.rglob("*.part"))
