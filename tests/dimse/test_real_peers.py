"""Orthanc and dcmtk's image server, both ways: they store, ask, move and get from us, and we from them."""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from pacs.archive.ingest import receive
from pacs.archive.retrieve import data_set, instances, transcoded_chunks
from pacs.context import SYSTEM
from pacs.errors import InvalidQuery, NotFound
from pacs.peers import directory, retrieve
from pacs.peers.dimse import Outgoing, Unreachable
from scripts.bench.servers import Running, has_orthanc, orthanc
from tests.dimse.conftest import Door, dcmtk, opened, store_all, wait_for
from tests.dimse.test_retrieve import of_one_study
from tests.make import data_set_bytes, make_ct, make_uid, part10
from tests.server import free_port

CT = "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture(scope="module")
def they(door: Door, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An Orthanc that knows us, and that we know."""
    if not has_orthanc():
        pytest.skip("no Orthanc at /usr/sbin/Orthanc (Debian: apt-get install orthanc orthanc-dicomweb)")
    settings: dict[str, Any] = {
        "DicomModalities": {"PACS": ["PACS", "127.0.0.1", door.port]},
        "DicomAlwaysAllowMove": True,
        "DicomAlwaysAllowGet": True,
    }
    with orthanc(tmp_path_factory.mktemp("orthanc"), **settings) as running:
        directory.add(door.pacs, SYSTEM, "ORTHANC", "127.0.0.1", running.dicom_port, may=["store", "query", "retrieve"])
        yield running


@pytest.fixture
def qrscp(door: Door, tmp_path: Path) -> Iterator[int]:
    """dcmtk's image server, which knows us, and that we know."""
    if shutil.which("dcmqrscp") is None:
        pytest.skip("no dcmqrscp on the path (Debian: apt-get install dcmtk)")
    port, database = free_port(), tmp_path / "database"
    database.mkdir()
    configuration = tmp_path / "dcmqrscp.cfg"
    configuration.write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\nus = (PACS, 127.0.0.1, {door.port})\nHostTable END\n"
        "VendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nQRSCP {database} RW (200, 1024mb) ANY\nAETable END\n"
    )
    with subprocess.Popen(["dcmqrscp", "-c", str(configuration)], cwd=tmp_path) as process:
        try:
            directory.add(door.pacs, SYSTEM, "QRSCP", "127.0.0.1", port, may=["store"])
            wait_for(lambda: dcmtk("echoscu", "-aec", "QRSCP", "127.0.0.1", port).returncode == 0)
            yield port
        finally:
            process.terminate()


def asked(server: Running, path: str, body: object) -> Any:
    """The answer of Orthanc's own interface to a POST."""
    request = urllib.request.Request(f"http://127.0.0.1:{server.http_port}{path}", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def posted(server: Running, ds: Dataset) -> str:
    """Orthanc's own id of an instance that it is given."""
    request = urllib.request.Request(f"http://127.0.0.1:{server.http_port}/instances", part10(ds).getvalue())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.load(answer)["ID"])


def sent(door: Door, ae_title: str, study: str) -> retrieve.Outcome:
    """A study of ours, to a peer."""
    wanted = [
        Outgoing(
            ref.sop_class_uid,
            ref.sop_instance_uid,
            ref.transfer_syntax_uid,
            lambda syntax, ref=ref: transcoded_chunks(door.pacs, ref, syntax),  # type: ignore[misc]
        )
        for ref in instances(door.pacs, SYSTEM, study)
    ]
    return retrieve.send(door.pacs, SYSTEM, ae_title, wanted)


def got(door: Door, ae_title: str, study: str) -> tuple[retrieve.Outcome, dict[str, str]]:
    """What a peer gives of a study: its instances, and the syntax of each."""
    syntaxes: dict[str, str] = {}

    def take(sop_class_uid: str, sop_instance_uid: str, syntax: str, pieces: Iterator[memoryview]) -> None:
        syntaxes[sop_instance_uid] = syntax
        with receive(door.pacs, SYSTEM, sop_class_uid, sop_instance_uid, syntax) as incoming:
            for piece in pieces:
                incoming.write(piece)
            incoming.finish()

    return retrieve.get(door.pacs, SYSTEM, ae_title, "STUDY", {"StudyInstanceUID": study}, take), syntaxes


def uids(datasets: list[Dataset]) -> set[str]:
    return {str(ds.SOPInstanceUID) for ds in datasets}


def kept(door: Door, study: str) -> set[str]:
    with suppress(NotFound):
        return {ref.sop_instance_uid for ref in instances(door.pacs, SYSTEM, study)}
    return set()


@contextmanager
def another_archive(tmp_path: Path) -> Iterator[Door]:
    """One of ours that has nothing yet."""
    with opened(tmp_path / "another") as other:
        yield other


def test_orthanc_takes_what_we_send_and_gives_it_back(door: Door, they: Running, tmp_path: Path) -> None:
    datasets = of_one_study(4)
    study = str(datasets[0].StudyInstanceUID)
    assert store_all(door, *datasets) == [0] * 4

    assert sent(door, "ORTHANC", study).completed == 4

    (answer,) = retrieve.find(
        door.pacs,
        SYSTEM,
        "ORTHANC",
        "STUDY",
        {"StudyInstanceUID": study, "PatientID": "", "NumberOfStudyRelatedInstances": ""},
    )
    assert (answer.PatientID, answer.NumberOfStudyRelatedInstances) == (datasets[0].PatientID, 4)
    with another_archive(tmp_path) as other:
        directory.add(other.pacs, SYSTEM, "ORTHANC", "127.0.0.1", they.dicom_port)
        outcome, syntaxes = got(other, "ORTHANC", study)
        assert (outcome.succeeded, outcome.completed, set(syntaxes)) == (True, 4, uids(datasets))
        assert kept(other, study) == uids(datasets)


def test_orthanc_moves_to_us_when_we_ask(door: Door, they: Running) -> None:
    datasets = of_one_study(3)
    study = str(datasets[0].StudyInstanceUID)
    for ds in datasets:
        posted(they, ds)

    outcome = retrieve.move(door.pacs, SYSTEM, "ORTHANC", "STUDY", {"StudyInstanceUID": study}, "PACS")

    assert (outcome.succeeded, outcome.completed) == (True, 3)
    assert kept(door, study) == uids(datasets)


def test_orthanc_stores_to_us_asks_us_and_moves_from_us(door: Door, they: Running) -> None:
    ours = of_one_study(3)
    study = str(ours[0].StudyInstanceUID)
    assert store_all(door, *ours) == [0] * 3

    query = asked(they, "/modalities/PACS/query", {"Level": "Study", "Query": {"StudyInstanceUID": study}})
    asked(they, f"/queries/{query['ID']}/retrieve", {"TargetAet": "ORTHANC", "Synchronous": True})
    found = asked(they, "/tools/find", {"Level": "Study", "Query": {"StudyInstanceUID": study}, "Expand": True})

    assert len(found) == 1
    back = make_uid()
    theirs = make_ct(StudyInstanceUID=back)
    asked(they, "/modalities/PACS/store", [posted(they, theirs)])
    assert kept(door, back) == {theirs.SOPInstanceUID}


def test_dcmtk_takes_what_we_send_answers_moves_and_gives(door: Door, qrscp: int, tmp_path: Path) -> None:
    datasets = of_one_study(3)
    study = str(datasets[0].StudyInstanceUID)
    assert store_all(door, *datasets) == [0] * 3

    assert sent(door, "QRSCP", study).succeeded
    found = retrieve.find(door.pacs, SYSTEM, "QRSCP", "STUDY", {"StudyInstanceUID": study, "PatientID": ""})
    with another_archive(tmp_path) as other:
        directory.add(other.pacs, SYSTEM, "QRSCP", "127.0.0.1", qrscp)
        outcome, _ = got(other, "QRSCP", study)
        received = kept(other, study)
    moved = retrieve.move(door.pacs, SYSTEM, "QRSCP", "STUDY", {"StudyInstanceUID": study}, "PACS")

    assert [answer.PatientID for answer in found] == [datasets[0].PatientID]
    assert (outcome.succeeded, received) == (True, uids(datasets))
    assert (moved.succeeded, moved.completed) == (True, 3)


def test_dcmtk_moves_from_us_to_a_listener(door: Door, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It serves one association at a time: further ones of a large move wait in vain, and nothing fails."""
    monkeypatch.setattr("pacs.dimse.suboperations.LATE_S", 0.0)  # every peer is a slow one
    monkeypatch.setattr("pacs.dimse.suboperations.LANE_TIMEOUT_S", 0.5)
    datasets = of_one_study(120)
    study = str(datasets[0].StudyInstanceUID)
    assert set(store_all(door, *datasets)) == {0}
    port, folder = free_port(), tmp_path / "received"
    folder.mkdir()
    directory.add(door.pacs, SYSTEM, "LISTENER", "127.0.0.1", port)
    with subprocess.Popen(["storescp", "-od", str(folder), str(port)]) as process:
        try:
            wait_for(lambda: dcmtk("echoscu", "127.0.0.1", port).returncode == 0)
            keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}")
            done = dcmtk("movescu", "-v", "-S", "-aec", "PACS", "-aem", "LISTENER", *keys, "127.0.0.1", door.port)
        finally:
            process.terminate()

    assert done.returncode == 0, done.stderr
    assert {dcmread(path).SOPInstanceUID for path in folder.iterdir()} == uids(datasets)


@pytest.mark.parametrize(("most", "expected"), [(10, 2), (1, 1)])
def test_a_large_move_to_a_slow_peer_goes_over_several_associations_if_it_takes_them(
    door: Door, monkeypatch: pytest.MonkeyPatch, most: int, expected: int
) -> None:
    monkeypatch.setattr("pacs.dimse.suboperations.LATE_S", 0.0)  # every peer is a slow one
    datasets = of_one_study(120)
    study = str(datasets[0].StudyInstanceUID)
    assert set(store_all(door, *datasets)) == {0}

    with opened_listener(door, most) as received:
        keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}")
        done = dcmtk("movescu", "-S", "-aec", "PACS", "-aem", "MANY", *keys, "127.0.0.1", door.port)

    assert done.returncode == 0, done.stderr
    assert len({association for association, _ in received}) == expected
    assert sorted(uid for _, uid in received) == sorted(uids(datasets))


@contextmanager
def opened_listener(door: Door, most: int) -> Iterator[list[tuple[int, str]]]:
    """A peer called MANY that takes so many associations at once; by which it was sent each instance."""
    received: list[tuple[int, str]] = []

    def handle(event: Any) -> int:
        received.append((id(event.assoc), str(event.request.AffectedSOPInstanceUID)))
        return 0

    ae = AE(ae_title="MANY")
    ae.maximum_associations = most
    ae.add_supported_context(CT)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, handle)])
    assert server is not None
    directory.add(door.pacs, SYSTEM, "MANY", "127.0.0.1", server.server_address[1])
    try:
        yield received
    finally:
        server.shutdown()


def test_what_a_peer_gives_is_kept_byte_for_byte(door: Door, tmp_path: Path) -> None:
    datasets = of_one_study(2)
    study = str(datasets[0].StudyInstanceUID)
    assert store_all(door, *datasets) == [0, 0]

    with another_archive(tmp_path) as other:
        directory.add(other.pacs, SYSTEM, "PACS", "127.0.0.1", door.port)
        outcome, _ = got(other, "PACS", study)
        bodies = [data_set(other.pacs, ref) for ref in instances(other.pacs, SYSTEM, study)]

    assert outcome == retrieve.Outcome(0, 2)
    assert bodies == [data_set_bytes(ds) for ds in datasets]


def test_what_cannot_be_asked_is_told(door: Door) -> None:
    directory.add(door.pacs, SYSTEM, "US", "127.0.0.1", door.port)
    directory.add(door.pacs, SYSTEM, "NOWHERE", "127.0.0.1", 1)
    asking = (door.pacs, SYSTEM)

    with pytest.raises(NotFound, match="no peer is called STRANGER"):
        retrieve.find(*asking, "STRANGER", "STUDY", {})
    with pytest.raises(InvalidQuery, match="Nonsense is no keyword"):
        retrieve.find(*asking, "US", "STUDY", {"Nonsense": "1"})
    with pytest.raises(Unreachable, match="refuses connections"):
        retrieve.find(*asking, "NOWHERE", "STUDY", {"StudyInstanceUID": ""})
    with pytest.raises(Unreachable, match="is not called US"):
        retrieve.move(*asking, "US", "STUDY", {"StudyInstanceUID": "1.2"}, "NOBODY")
