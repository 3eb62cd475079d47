"""What is routed is taken by those who were not written by us: Orthanc by both protocols, dcmtk, and our own doors."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import httpx
import numpy as np
import pydicom
import pytest
from pydicom.uid import RLELossless

from pacs.archive.ingest import ingest
from pacs.context import SYSTEM, Pacs
from pacs.peers import directory
from pacs.workflow import deliveries, sending
from scripts.bench.servers import has_orthanc, orthanc, storescp
from tests.make import make_ct, make_uid, part10
from tests.server import serving
from tests.workflow.receivers import parts_of

NEEDS_ORTHANC = pytest.mark.skipif(
    not has_orthanc(), reason="no Orthanc with DICOMweb: apt-get install orthanc-dicomweb"
)
NEEDS_DCMTK = pytest.mark.skipif(which("storescp") is None, reason="no storescp: apt-get install dcmtk")

Kept = Callable[[], dict[str, bytes]]
"""The files that the destination keeps, by SOP Instance UID."""


@contextmanager
def orthanc_by(folder: Path, protocol: str, pacs: Pacs) -> Iterator[tuple[str, Kept]]:
    with orthanc(folder) as running:
        base = f"http://127.0.0.1:{running.http_port}"

        def kept() -> dict[str, bytes]:
            files = [httpx.get(f"{base}/instances/{key}/file").content for key in httpx.get(f"{base}/instances").json()]
            return by_uid(files)

        if protocol == "dimse":
            directory.add(pacs, SYSTEM, "ORTHANC", "127.0.0.1", running.dicom_port)
        yield ("ORTHANC" if protocol == "dimse" else f"{base}/dicom-web", kept)


@contextmanager
def dcmtk(folder: Path, pacs: Pacs) -> Iterator[tuple[str, Kept]]:
    with storescp(folder) as running:
        directory.add(pacs, SYSTEM, "STORESCP", "127.0.0.1", running.dicom_port)
        yield "STORESCP", lambda: by_uid([path.read_bytes() for path in (folder / "files").iterdir()])


@contextmanager
def ourselves(folder: Path, pacs: Pacs) -> Iterator[tuple[str, Kept]]:
    with serving(folder, "web", workers="1") as server:
        token = server.token()
        headers = {"authorization": f"Bearer {token}", "accept": 'multipart/related; type="application/dicom"'}

        def kept() -> dict[str, bytes]:
            answer = httpx.get(f"{server.url}/dicom-web/studies/{make_uid(1)}", headers=headers)
            return by_uid(parts_of(answer.headers["content-type"], answer.content))

        yield f"{server.url}/dicom-web|{token}", kept


def by_uid(files: list[bytes]) -> dict[str, bytes]:
    return {pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True).SOPInstanceUID: data for data in files}


@pytest.mark.parametrize(
    "destination",
    [
        pytest.param(lambda folder, pacs: orthanc_by(folder, "dimse", pacs), id="orthanc-dimse", marks=NEEDS_ORTHANC),
        pytest.param(lambda folder, pacs: orthanc_by(folder, "web", pacs), id="orthanc-dicomweb", marks=NEEDS_ORTHANC),
        pytest.param(dcmtk, id="dcmtk", marks=NEEDS_DCMTK),
        pytest.param(ourselves, id="ourselves-dicomweb"),
    ],
)
def test_what_is_sent_is_there_what_it_is_here(
    pacs: Pacs, tmp_path: Path, destination: Callable[..., Iterator[tuple[str, Kept]]]
) -> None:
    plain = [make_ct(InstanceNumber=number) for number in range(30)]
    packed = make_ct(InstanceNumber=30)
    packed.compress(RLELossless)
    sent = {ds.SOPInstanceUID: ds for ds in (*plain, packed)}
    for ds in sent.values():
        ingest(pacs, SYSTEM, part10(ds))

    with destination(tmp_path / "there", pacs) as (place, kept):  # type: ignore[attr-defined]
        address, _, token = place.partition("|")
        deliveries.send(pacs, SYSTEM, make_uid(1), address, token=token)
        (key,) = deliveries.due(pacs)
        sending.run(pacs, key)
        (row,) = deliveries.queue(pacs, SYSTEM).rows
        assert (row.state, row.sent, row.why) == ("delivered", 31, "")
        files = kept()

    assert files.keys() == sent.keys()
    for uid, data in files.items():
        there = pydicom.dcmread(io.BytesIO(data))
        assert np.array_equal(there.pixel_array, sent[uid].pixel_array)
        assert there.PatientName == sent[uid].PatientName
