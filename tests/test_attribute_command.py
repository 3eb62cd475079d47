"""`pacs attribute`, typed while a whole server works: dcmtk stores and asks, and so does a web client."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.make import make_ct, make_uid, part10
from tests.server import Server, serving

CREATOR = "ACME 1.1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("attribute") / "data", "dicom", "web", workers="1", peers="any") as running:
        yield running


def store(server: Server, folder: Path, number: int) -> str:
    """Send an instance of a new study by dcmtk's storescu."""
    ds = make_ct(
        StudyInstanceUID=make_uid(41, number),
        SeriesInstanceUID=make_uid(41, number, 1),
        SOPInstanceUID=make_uid(41, number, 1, 1),
        PatientID=f"P{number}",
        FlipAngle=str(number),
        AcquisitionDuration=number / 10,
    )
    ds.private_block(0x0009, CREATOR, create=True).add_new(0x01, "LO", f"vendor {number}")
    file = folder / f"{number}.dcm"
    file.write_bytes(part10(ds).getvalue())
    done = subprocess.run(
        ["storescu", "-aec", "PACS", "127.0.0.1", str(server.dicom_port), str(file)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return str(ds.StudyInstanceUID)


def by_c_find(server: Server, folder: Path, ds: Dataset) -> list[Dataset]:
    folder.mkdir(exist_ok=True)
    ds.SpecificCharacterSet, ds.QueryRetrieveLevel, ds.StudyInstanceUID = "ISO_IR 192", "STUDY", ""
    query = folder / "query.dcm"
    ds.save_as(query, implicit_vr=False, little_endian=True)
    command = [
        "findscu",
        "-S",
        "-aec",
        "PACS",
        "-X",
        "-od",
        str(folder),
        "127.0.0.1",
        str(server.dicom_port),
        str(query),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [dcmread(path, force=True) for path in sorted(folder.glob("rsp*.dcm"))]


def by_qido(server: Server, query: str) -> list[Dataset]:
    headers = {"Authorization": f"Bearer {server.token()}"}
    answer = httpx.get(f"{server.url}/dicom-web/studies?{query}", headers=headers)
    assert answer.status_code in (200, 204), answer.text
    return [Dataset.from_json(one) for one in answer.json()] if answer.content else []


def test_an_attribute_is_searchable_at_both_doors_from_the_moment_it_is_added(server: Server, tmp_path: Path) -> None:
    store(server, tmp_path, 1)
    for arguments in (
        ("add", "FlipAngle", "--level", "series"),
        ("add", "00189073"),
        ("add", "00091001", "--creator", CREATOR, "--vr", "LO"),
    ):
        done = server.pacs("attribute", *arguments)
        assert done.returncode == 0, done.stderr
    time_known = time.monotonic() + 1.1
    while time.monotonic() < time_known:  # a process goes by what it knows for a second
        by_qido(server, "limit=1")
    uid = store(server, tmp_path, 2)

    keys = Dataset()
    keys.FlipAngle = "2.0"
    keys.AcquisitionDuration = None
    keys.private_block(0x0009, CREATOR, create=True).add_new(0x01, "LO", "vendor*")
    (found,) = by_c_find(server, tmp_path / "found", keys)
    assert (found.StudyInstanceUID, found.AcquisitionDuration) == (uid, 0.2)
    assert found.private_block(0x0009, CREATOR)[0x01].value == "vendor 2"
    assert "FlipAngle" in found and not found.FlipAngle  # it is of the series, and this is a study

    query = "FlipAngle=2&00090011=ACME%201.1&00091101=vendor*&includefield=AcquisitionDuration"
    (answer,) = by_qido(server, query)
    assert (answer.StudyInstanceUID, answer.AcquisitionDuration) == (uid, 0.2)
    assert answer.private_block(0x0009, CREATOR)[0x01].value == "vendor 2"


def test_they_are_listed_with_what_is_to_be_read_and_removed(server: Server) -> None:
    lines = server.pacs("attribute", "list").stdout.splitlines()
    assert lines[0] == '00091001  creator "ACME 1.1"  LO  study  filling  0 of 2 instances read'
    assert [line.split()[0] for line in lines[1:]] == ["AcquisitionDuration", "FlipAngle"]

    assert server.pacs("attribute", "remove", "00091001", "--creator", CREATOR).returncode == 0
    assert "removing" in server.pacs("attribute", "list").stdout
    refused = server.pacs("attribute", "remove", "PatientName")
    assert refused.returncode == 1
    assert "no further attribute" in refused.stderr
    assert "searchable already" in server.pacs("attribute", "add", "PatientName").stderr
