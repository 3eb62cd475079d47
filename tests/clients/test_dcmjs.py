"""dicomweb-client of dcmjs (npm), on a page of another host: it finds, fetches and stores with a token."""

import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from scripts.bench.ohif import fetched
from tests.clients.conftest import CACHE, House, fronting
from tests.make import make_ct, make_uid, part10

PACKAGE, VERSION = "dicomweb-client", "0.11.3"
BUILD = "package/build/dicomweb-client.js"
HEART = "1.2.826.0.1.3680043.10.1557.1.8"
"""The study of the sample heart: one instance of 24 frames, stored as JPEG."""
PLACE: dict[str, object] = {
    "studyInstanceUID": HEART,
    "seriesInstanceUID": f"{HEART}.1",
    "sopInstanceUID": f"{HEART}.1.1",
}
HEART_BYTES = 480 * 640 * 3

Call = Callable[..., Any]
"""Calls a method of the client with options, and bytes to store."""

CALL = """async ([url, token, method, options, bytes]) => {
  const client = new DICOMwebClient.api.DICOMwebClient({ url, headers: { Authorization: `Bearer ${token}` } });
  if (bytes) options.datasets = [Uint8Array.from(bytes).buffer];
  const told = (value) => value instanceof ArrayBuffer
    ? { size: value.byteLength, begins: Array.from(new Uint8Array(value, 0, Math.min(4, value.byteLength))) }
    : Array.isArray(value) ? value.map(told) : value;
  return told(await client[method](options));
}"""
"""Calls a method of the client; of bytes only the size and the first four come back here."""


@pytest.fixture(scope="module")
def address(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with the client's script and nothing else."""
    package = fetched(CACHE, PACKAGE, VERSION)
    if package is None:
        pytest.skip(f"no {PACKAGE} {VERSION}: npm cannot fetch it")
    folder = tmp_path_factory.mktemp("dcmjs")
    with tarfile.open(package) as archive:
        archive.extract(BUILD, folder, filter="data")
    (folder / "index.html").write_text(f"<!doctype html><title>dcmjs</title><script src=/{BUILD}></script>")
    with fronting(folder, house.origins[1]) as url:
        yield url


@pytest.fixture
def call(house: House, address: str, open_page: Callable[[str], Page]) -> Call:
    page = open_page(address)

    def call(method: str, options: dict[str, object], data: bytes = b"") -> Any:
        return page.evaluate(CALL, [house.dicomweb, house.token, method, options, list(data)])

    return call


JPEG, PNG, UNCOMPRESSED = [0xFF, 0xD8, 0xFF, 0xE0], [0x89, 0x50, 0x4E, 0x47], HEART_BYTES
FETCHED: list[tuple[str, dict[str, object], list[list[int] | int]]] = [
    ("retrieveInstanceFrames", {"frameNumbers": [1, 24]}, [UNCOMPRESSED, UNCOMPRESSED]),
    ("retrieveInstanceFrames", {"frameNumbers": [1], "mediaTypes": [{"mediaType": "image/jpeg"}]}, [JPEG]),
    (
        "retrieveInstanceFrames",
        {"frameNumbers": [2], "mediaTypes": [{"mediaType": "application/octet-stream", "transferSyntaxUID": "*"}]},
        [JPEG],
    ),
    ("retrieveInstanceRendered", {}, [JPEG]),
    ("retrieveInstanceRendered", {"mediaTypes": [{"mediaType": "image/png"}]}, [PNG]),
    ("retrieveInstanceThumbnail", {}, [JPEG]),
    ("retrieveInstanceFramesThumbnail", {"frameNumbers": [3]}, [JPEG]),
]
"""A method, what it is asked for, and the size or the first bytes of each thing that it has."""


def test_it_finds(call: Call) -> None:
    [study] = call("searchForStudies", {"queryParams": {"PatientName": "山田*"}})
    series = call("searchForSeries", PLACE)
    instances = call("searchForInstances", PLACE)

    assert study["0020000D"]["Value"] == [HEART]
    assert study["00100010"]["Value"][0]["Phonetic"] == "やまだ^たろう"
    assert [one["0020000E"]["Value"] for one in series] == [[PLACE["seriesInstanceUID"]]]
    assert [one["00080018"]["Value"] for one in instances] == [[PLACE["sopInstanceUID"]]]


def test_it_fetches(call: Call, samples: Path) -> None:
    of_levels = [call(f"retrieve{level}Metadata", PLACE) for level in ("Study", "Series")]
    assert of_levels == [call("retrieveInstanceMetadata", PLACE)] * 2
    assert of_levels[0][0]["00280008"]["Value"] == [24]

    size = (samples / "08-us-heart/US001.dcm").stat().st_size
    for level in ("Study", "Series"):
        [file] = call(f"retrieve{level}", PLACE)
        assert abs(file["size"] - size) < 1000, "the file meta is ours"
    for method, options, expected in FETCHED:
        found = call(method, PLACE | options)
        told = [
            one["size"] if isinstance(want, int) else one["begins"] for one, want in zip(found, expected, strict=True)
        ]
        assert told == expected, (method, options)


def test_what_it_stores_is_found(house: House, call: Call) -> None:
    uids: dict[str, Any] = {
        "StudyInstanceUID": make_uid(2),
        "SeriesInstanceUID": make_uid(2, 1),
        "SOPInstanceUID": make_uid(2, 1, 1),
    }
    ds = make_ct(PatientID="CLIENT-2", **uids)

    told = json.loads(call("storeInstances", {}, part10(ds).getvalue()))

    assert told["00081199"]["Value"][0]["00081155"]["Value"] == [ds.SOPInstanceUID]
    [study] = call("searchForStudies", {"queryParams": {"PatientID": "CLIENT-2"}})
    assert study["0020000D"]["Value"] == [ds.StudyInstanceUID]
    house.remove(ds.StudyInstanceUID)
