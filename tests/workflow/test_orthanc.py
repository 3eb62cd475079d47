"""Orthanc commits to what we sent it, and asks us to commit to what it sent us."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pacs.archive.ingest import ingest
from pacs.context import SYSTEM
from pacs.peers import directory
from pacs.workflow.commitment import JOB, request, transactions
from scripts.bench.servers import ORTHANC, Running, has_orthanc, orthanc
from tests.dimse.conftest import Door, opened, wait_for
from tests.make import make_ct, make_uid, part10

pytestmark = pytest.mark.skipif(not has_orthanc(), reason=f"no {ORTHANC}: apt-get install orthanc orthanc-dicomweb")


@contextmanager
def neighbours(folder: Path) -> Iterator[tuple[Door, Running]]:
    """A door and an Orthanc that know each other."""
    with opened(folder / "data") as door:
        us = {"AET": "PACS", "Host": "127.0.0.1", "Port": door.port, "AllowStorageCommitment": True}
        with orthanc(folder / "orthanc", DicomModalities={"filmless": us}) as running:
            directory.add(door.pacs, SYSTEM, "ORTHANC", "127.0.0.1", running.dicom_port, may=["store", "commit"])
            yield door, running


def say(running: Running, path: str, body: bytes | None = None) -> Any:
    """What Orthanc's own interface answers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{running.http_port}{path}", body, timeout=20) as answer:
        return json.load(answer)


def test_orthanc_commits_to_what_it_has_and_names_what_it_lacks(tmp_path: Path) -> None:
    study = make_uid()
    of_series: dict[str, Any] = {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.1"}
    datasets = [make_ct(InstanceNumber=number, **of_series) for number in (1, 2)]
    with neighbours(tmp_path) as (door, running):
        for ds in datasets:
            ingest(door.pacs, SYSTEM, part10(ds))
        say(running, "/instances", part10(datasets[0]).getvalue())

        request(door.pacs, SYSTEM, "ORTHANC", study)
        wait_for(lambda: transactions(door.pacs, SYSTEM)[0].ended_at is not None)

        [found] = transactions(door.pacs, SYSTEM)
    assert (found.state, found.number, found.committed) == ("failed", 2, 1)
    assert found.why == "not committed: 1 with reason 0112"


def test_orthanc_hears_that_we_commit(tmp_path: Path) -> None:
    ds = make_ct()
    with neighbours(tmp_path) as (door, running):
        ingest(door.pacs, SYSTEM, part10(ds))
        names = [[str(ds.SOPClassUID), str(ds.SOPInstanceUID)], [str(ds.SOPClassUID), make_uid()]]
        asked = say(running, "/modalities/filmless/storage-commitment", json.dumps({"DicomInstances": names}).encode())
        wait_for(lambda: JOB.due(door.pacs) != [] or transactions(door.pacs, SYSTEM)[0].state == "reported")
        for key in JOB.due(door.pacs):
            JOB.run(door.pacs, key)

        heard = say(running, asked["Path"])

    assert heard["Status"] == "Failure"
    assert [one["SOPInstanceUID"] for one in heard["Success"]] == [ds.SOPInstanceUID]
    [failed] = heard["Failures"]
    assert failed["SOPInstanceUID"] == names[1][1]
    assert failed["Description"].endswith("was not available"), "its words for 0112"
