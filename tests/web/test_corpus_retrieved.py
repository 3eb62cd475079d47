"""Every file of the corpus that is stored, by every way out: it comes, or a sentence says why it cannot."""

from collections import Counter
from pathlib import Path

import pytest

from pacs.archive.ingest import Stored, ingest
from pacs.archive.retrieve import instances
from pacs.context import SYSTEM, Pacs
from pacs.errors import PacsError
from tests.conftest import manifest
from tests.web.conftest import Caller

OF_A_SERIES = 10
"""One in so many of the slices of a series: they are alike."""
STORED = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
UNCOMPRESSED = 'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1'
WAYS = {
    "JSON": ("/metadata", "application/dicom+json"),
    "XML": ("/metadata", 'multipart/related; type="application/dicom+xml"'),
    "as stored": ("/frames/1", STORED),
    "uncompressed": ("/frames/1", UNCOMPRESSED),
    "rendered": ("/rendered", "image/jpeg, text/html, application/pdf"),
    "thumbnail": ("/thumbnail", "image/jpeg"),
}

EXPECTED = {
    ("JSON", 200): 407,
    ("XML", 200): 407,
    ("as stored", 200): 319,
    ("as stored", 404): 88,
    ("uncompressed", 200): 313,
    ("uncompressed", 404): 88,
    ("uncompressed", 406): 6,
    ("rendered", 200): 330,
    ("rendered", 406): 77,
    ("thumbnail", 200): 399,
    ("thumbnail", 406): 8,
}
"""How often each is answered with which status. What has no image has no frames (404) but a thumbnail, an icon; what is
damaged, and what is neither image nor text, has no picture (406).
"""


# pydicom warns of what it forgives, and here a warning would be an error that the server takes for its.
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_every_file_comes_by_every_way_or_is_explained(client: Caller, pacs: Pacs, corpus: Path) -> None:
    expected: dict[str, set[str]] = {}
    for row in _rows():
        if stored := _stored(pacs, corpus / row["path"]):
            expected.setdefault(stored.sop_instance_uid, set()).add(row["expected"])
    found: Counter[tuple[str, int]] = Counter()
    for ref in instances(pacs, SYSTEM):
        place = (
            f"/dicom-web/studies/{ref.study_instance_uid}/series/{ref.series_instance_uid}"
            f"/instances/{ref.sop_instance_uid}"
        )
        for way, (path, accept) in WAYS.items():
            answer = client.get(place + path, headers={"accept": accept})
            found[way, answer.status_code] += 1
            if answer.status_code != 200:
                assert answer.status_code in (404, 406), (way, ref.sop_instance_uid, answer.text)
                assert answer.json()["detail"], (way, ref.sop_instance_uid)
            elif way == "rendered":
                expected.pop(ref.sop_instance_uid)
    assert dict(found) == EXPECTED
    assert [uid for uid, words in expected.items() if words == {"stores+renders"}] == [], "these are pictures"


def _rows() -> list[dict[str, str]]:
    rows = sorted(manifest(), key=lambda row: row["path"])
    series = [row for row in rows if row["path"].startswith("series/")]
    return [row for row in rows if not row["path"].startswith("series/")] + series[::OF_A_SERIES]


def _stored(pacs: Pacs, path: Path) -> Stored | None:
    try:
        with path.open("rb") as file:
            return ingest(pacs, SYSTEM, file)
    except PacsError:
        return None
