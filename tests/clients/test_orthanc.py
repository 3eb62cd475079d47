"""Orthanc's DICOMweb plugin searches here, pulls from here and pushes to here."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from scripts.bench.servers import DICOMWEB, ORTHANC, Running, has_orthanc, orthanc
from tests.clients.conftest import House
from tests.make import make_ct, make_uid, part10

pytestmark = pytest.mark.skipif(
    not has_orthanc(), reason=f"no {ORTHANC} with {DICOMWEB}: apt-get install orthanc orthanc-dicomweb"
)

CHILD, HEART, CHEST = (f"1.2.826.0.1.3680043.10.1557.1.{number}" for number in (10, 8, 1))
"""Sample studies."""
PLUGIN = "/dicom-web/servers/filmless"


@pytest.fixture(scope="module")
def neighbour(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An Orthanc that knows us by our address and a token."""
    us = {"Url": house.dicomweb, "HttpHeaders": {"Authorization": f"Bearer {house.token}"}}
    web = {"Enable": True, "Root": "/dicom-web/", "Servers": {"filmless": us}}
    with orthanc(tmp_path_factory.mktemp("orthanc"), DicomWeb=web) as running:
        yield running


@pytest.fixture
def say(neighbour: Running) -> Callable[..., Any]:
    """What Orthanc's own interface answers."""

    def say(path: str, body: object = None) -> Any:
        url = f"http://127.0.0.1:{neighbour.http_port}{path}"
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        with urllib.request.urlopen(url, data, timeout=60) as answer:
            return json.load(answer)

    return say


def test_it_searches(say: Callable[..., Any]) -> None:
    found = say(f"{PLUGIN}/qido", {"Uri": "/studies", "Arguments": {"00100010": "NGUYỄN*"}})

    assert len(found) == 2
    assert {one["00100010"]["Value"] for one in found} == {"NGUYỄN^THỊ ÁNH ĐÀO"}


@pytest.mark.parametrize(("study", "count"), [(CHILD, 12), (HEART, 1), (CHEST, 68)])
def test_it_pulls_what_is_here_to_the_byte(
    house: House, neighbour: Running, say: Callable[..., Any], study: str, count: int
) -> None:
    pulled = say(f"{PLUGIN}/retrieve", {"Resources": [{"Study": study}], "Synchronous": True})
    there = say("/tools/find", {"Level": "Instance", "Query": {"StudyInstanceUID": study}, "Expand": True})

    assert int(pulled["ReceivedInstancesCount"]) == len(there) == count
    for one in there[::10]:
        tags = one["MainDicomTags"]
        path = f"/studies/{study}/instances?SOPInstanceUID={tags['SOPInstanceUID']}"
        answer = requests.get(house.dicomweb + path, headers=_authorized(house), timeout=20).json()
        ours = requests.get(
            answer[0]["00081190"]["Value"][0],
            headers=_authorized(house) | {"accept": "application/dicom; transfer-syntax=*"},
            timeout=20,
        ).content
        theirs = urllib.request.urlopen(
            f"http://127.0.0.1:{neighbour.http_port}/instances/{one['ID']}/file", timeout=20
        ).read()
        assert data_set(theirs) == data_set(ours)


def test_it_pushes(house: House, say: Callable[..., Any]) -> None:
    uids: dict[str, Any] = {"StudyInstanceUID": make_uid(3), "SeriesInstanceUID": make_uid(3, 1)}
    sent = [make_ct(PatientID="CLIENT-3", SOPInstanceUID=make_uid(3, 1, n), InstanceNumber=n, **uids) for n in (1, 2)]
    resources = [say("/instances", part10(ds).getvalue())["ID"] for ds in sent]

    say(f"{PLUGIN}/stow", {"Resources": resources, "Synchronous": True})

    found = say(f"{PLUGIN}/qido", {"Uri": f"/studies/{make_uid(3)}/instances"})
    assert {one["00080018"]["Value"] for one in found} == {ds.SOPInstanceUID for ds in sent}
    house.remove(make_uid(3))


def data_set(file: bytes) -> bytes:
    """What follows the file meta group, which each archive writes anew."""
    length = int.from_bytes(file[140:144], "little")
    return file[144 + length :]


def _authorized(house: House) -> dict[str, str]:
    return {"authorization": f"Bearer {house.token}"}
