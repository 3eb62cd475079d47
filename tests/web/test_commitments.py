"""Storage commitment over HTTP: what is committed was read again, and the answer can be looked up."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
import requests
from pydicom.dataset import Dataset
from sqlalchemy import update

from pacs.context import Pacs
from pacs.dicom.dicomxml import json_to_xml, xml_to_json
from pacs.index.tables import commitment as table
from pacs.web import commitments
from pacs.workflow import commitment
from tests.make import make_ct, make_uid, part10
from tests.web.conftest import Caller

JSON, XML = "application/dicom+json", "application/dicom+xml"
COMMITTED, FAILED, REASON = "00081199", "00081198", "00081197"


def kept(client: Caller, count: int = 1) -> list[Dataset]:
    datasets = [make_ct() for _ in range(count)]
    for ds in datasets:
        headers = {"content-type": "application/dicom"}
        assert client.post("/dicom-web/studies", data=part10(ds).read(), headers=headers).status_code == 200
    return datasets


def request_of(datasets: Sequence[Dataset]) -> dict[str, object]:
    items = [
        {"00081150": {"vr": "UI", "Value": [ds.SOPClassUID]}, "00081155": {"vr": "UI", "Value": [ds.SOPInstanceUID]}}
        for ds in datasets
    ]
    return {COMMITTED: {"vr": "SQ", "Value": items}}


def ask(client: Caller, uid: str, datasets: Sequence[Dataset]) -> requests.Response:
    body = json.dumps(request_of(datasets))
    return client.post(f"/dicom-web/commitment-requests/{uid}", data=body, headers={"content-type": JSON})


def uids(answer: requests.Response, sequence: str) -> list[str]:
    return [item["00081155"]["Value"][0] for item in answer.json().get(sequence, {}).get("Value", ())]


def test_what_is_kept_is_committed_at_once_and_told_again(client: Caller) -> None:
    datasets, unknown, uid = kept(client, 2), make_ct(), make_uid()

    answer = ask(client, uid, [*datasets, unknown])
    again = client.get(f"/dicom-web/commitment-requests/{uid}")

    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)
    assert uids(answer, COMMITTED) == [ds.SOPInstanceUID for ds in datasets]
    assert uids(answer, FAILED) == [unknown.SOPInstanceUID]
    assert [item[REASON]["Value"] for item in answer.json()[FAILED]["Value"]] == [[0x0112]]
    assert again.json() == answer.json()
    assert ask(client, uid, datasets).status_code == 409


def test_what_was_changed_on_the_disk_is_not_committed(client: Caller, pacs: Pacs) -> None:
    (ds,) = kept(client)
    (path,) = (path for path in (pacs.settings.data / "objects").rglob("*") if path.is_file() and len(path.name) == 64)
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")

    answer = ask(client, make_uid(), [ds])

    assert (answer.status_code, uids(answer, COMMITTED), uids(answer, FAILED)) == (200, [], [ds.SOPInstanceUID])


def test_what_takes_longer_is_left_to_the_worker(client: Caller, pacs: Pacs, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets, uid = kept(client), make_uid()
    monkeypatch.setattr(commitments, "PATIENCE_S", 0)

    answer = ask(client, uid, datasets)
    waiting = client.get(f"/dicom-web/commitment-requests/{uid}")
    for key in commitment.JOB.due(pacs):
        commitment.JOB.run(pacs, key)
    told = client.get(f"/dicom-web/commitment-requests/{uid}")

    assert [one.status_code for one in (answer, waiting, told)] == [202, 202, 200]
    assert answer.headers["retry-after"] == waiting.headers["retry-after"]
    assert uids(told, COMMITTED) == [ds.SOPInstanceUID for ds in datasets]


def test_the_native_dicom_model_is_taken_and_given(client: Caller) -> None:
    datasets = kept(client)

    answer = client.post(
        f"/dicom-web/commitment-requests/{make_uid()}",
        data=json_to_xml(request_of(datasets)),
        headers={"content-type": XML, "accept": XML},
    )

    assert len(xml_to_json(answer.content)[COMMITTED]["Value"]) == 1


@pytest.mark.parametrize(
    ("uid", "body", "content_type", "status"),
    [
        ("1.2.3", b"[]", JSON, 400),
        ("1.2.3", b"{}", JSON, 400),
        ("1.2.3", b'{"00081199": {"vr": "SQ", "Value": [{"00081155": 5}]}}', JSON, 400),
        ("1.2.3", b"no JSON", JSON, 400),
        ("x", json.dumps(request_of([make_ct()])).encode(), JSON, 400),
        ("1.2.3", b"{}", "text/plain", 415),
    ],
)
def test_what_is_no_request_is_refused(client: Caller, uid: str, body: bytes, content_type: str, status: int) -> None:
    answer = client.post(f"/dicom-web/commitment-requests/{uid}", data=body, headers={"content-type": content_type})

    assert answer.status_code == status


def test_what_nobody_asked_is_unknown_and_what_is_long_past_is_gone(client: Caller, pacs: Pacs) -> None:
    uid = make_uid()
    ask(client, uid, kept(client))
    with pacs.database.write() as connection:
        connection.execute(update(table).values(ended_at=datetime.now(UTC) - commitment.LOOKED_UP_FOR - timedelta(1)))

    assert client.get("/dicom-web/commitment-requests/1.2.3").status_code == 404
    assert client.get(f"/dicom-web/commitment-requests/{uid}").status_code == 410
