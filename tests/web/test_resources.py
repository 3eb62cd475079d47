"""Resources that belong to no patient: stored by any door, found, given, and there again after a crash."""

import io
import json
from pathlib import Path

import pytest
import requests
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from sqlalchemy import delete

from pacs.archive.recovery import check, recover, reindex
from pacs.archive.resources import KINDS
from pacs.context import Pacs
from pacs.dicom.dicomxml import xml_to_json
from pacs.index.tables import resource
from tests.dimse.conftest import EXPLICIT, opened, store_all
from tests.make import make_uid, part10
from tests.web.conftest import Caller
from tests.web.test_stow import FAILED, OTHER_FAILURES, REASON, REFERENCED, RETRIEVE_URL, items, store

JSON, XML, DICOM = "application/dicom+json", "application/dicom+xml", "application/dicom"
HANGING = "1.2.840.10008.5.1.4.38.1"


def make_protocol(name: str = "NGỰC", sop_class_uid: str = HANGING, **attributes: object) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class_uid, make_uid()
    ds.HangingProtocolName, ds.HangingProtocolLevel = name, "SITE"
    ds.ContentCreatorName = "TRẦN^VĂN AN"
    definition = Dataset()
    definition.Modality = "CT"
    ds.HangingProtocolDefinitionSequence = [definition]
    ds.ICCProfile = bytes(range(256)) * 20
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    ds.ensure_file_meta()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = (
        UID(sop_class_uid),
        UID(ds.SOPInstanceUID),
    )
    return ds


def post(client: Caller, ds: Dataset, kind: str = "hanging-protocols", uid: str = "") -> requests.Response:
    path = f"/dicom-web/{kind}/{uid}".rstrip("/")
    return client.post(path, data=part10(ds).read(), headers={"content-type": DICOM})


def get(client: Caller, uid: str = "", accept: str = JSON, **query: str) -> requests.Response:
    path = f"/dicom-web/hanging-protocols/{uid}".rstrip("/")
    return client.get(path, params=query, headers={"accept": accept})


def found(client: Caller, **query: str) -> list[str]:
    answer = get(client, **query)
    assert answer.status_code in (200, 204)
    return [one["00080018"]["Value"][0] for one in answer.json()] if answer.status_code == 200 else []


def test_what_is_stored_is_given_and_described(client: Caller) -> None:
    ds = make_protocol()

    answer = post(client, ds)

    url = f"http://pacs.example/dicom-web/hanging-protocols/{ds.SOPInstanceUID}"
    assert (answer.status_code, items(answer, REFERENCED)[0][RETRIEVE_URL]) == (200, url)
    given = get(client, ds.SOPInstanceUID, DICOM)
    assert dcmread(io.BytesIO(given.content)) == ds
    (described,) = get(client, ds.SOPInstanceUID).json()
    assert described["00720002"]["Value"] == ["NGỰC"]
    assert "InlineBinary" in described["00282000"]
    assert xml_to_json(get(client, ds.SOPInstanceUID, XML).content) == described
    known = client.get(
        f"/dicom-web/hanging-protocols/{ds.SOPInstanceUID}",
        headers={"accept": DICOM, "if-none-match": given.headers["etag"]},
    )
    assert known.status_code == 304


def test_what_is_searched_is_found_by_the_rules_of_every_search(client: Caller) -> None:
    chest, head = make_protocol("NGỰC"), make_protocol("SỌ NÃO", HangingProtocolLevel="USER_GROUP")
    for ds in (chest, head):
        post(client, ds)

    assert found(client) == [chest.SOPInstanceUID, head.SOPInstanceUID]
    assert found(client, HangingProtocolName="SỌ*") == [head.SOPInstanceUID]
    assert found(client, **{"HangingProtocolDefinitionSequence.Modality": "CT"}, limit="1") == [chest.SOPInstanceUID]
    assert found(client, ContentCreatorName="van an", fuzzymatching="true", offset="1") == [head.SOPInstanceUID]
    assert found(client, SOPInstanceUID="1.2.3") == []
    assert get(client, HangingProtocolName="*", limit="x").status_code == 400
    assert "00282000" not in get(client).json()[0]
    assert "00282000" in get(client, includefield="all").json()[0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_place(client: Caller, kind: str) -> None:
    for sop_class_uid in KINDS[kind]:
        assert post(client, make_protocol(sop_class_uid=sop_class_uid), kind).status_code == 200

    answer = client.get(f"/dicom-web/{kind}", headers={"accept": JSON})
    assert len(answer.json()) == len(KINDS[kind])


def test_what_cannot_be_stored_is_told(client: Caller) -> None:
    ds = make_protocol()
    other = make_protocol("KHÁC", SOPInstanceUID=ds.SOPInstanceUID)
    post(client, ds)

    assert post(client, ds).status_code == 200  # the same again
    assert post(client, other).status_code == 409
    assert post(client, make_protocol(), "color-palettes").status_code == 409
    assert post(client, make_protocol(), uid="1.2.3").status_code == 409
    assert post(client, make_protocol(sop_class_uid="1.2.840.10008.5.1.4.1.1.2")).status_code == 409
    big_endian = make_protocol()
    big_endian.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    answer = post(client, big_endian)
    assert (answer.status_code, items(answer, OTHER_FAILURES)[0][REASON]) == (409, 0xC122)
    headers = {"content-type": DICOM}
    assert client.post("/dicom-web/hanging-protocols", data=b"no DICOM" * 50, headers=headers).status_code == 400
    headers = {"content-type": "text/plain"}
    assert client.post("/dicom-web/hanging-protocols", data=b"x", headers=headers).status_code == 415
    assert found(client) == [ds.SOPInstanceUID]
    assert get(client, "1.2.3").status_code == 404
    assert get(client, ds.SOPInstanceUID, "text/html").status_code == 406


def test_metadata_alone_is_a_resource_too(client: Caller) -> None:
    ds = make_protocol()
    post(client, ds)
    (described,) = get(client, ds.SOPInstanceUID).json()
    uid = make_uid()
    described["00080018"]["Value"] = [uid]

    answer = client.post(
        f"/dicom-web/hanging-protocols/{uid}", data=json.dumps([described]), headers={"content-type": JSON}
    )

    assert answer.status_code == 200
    assert get(client, uid).json() == [described]


def test_the_ordinary_doors_take_it_as_well(client: Caller, tmp_path: Path) -> None:
    ds = make_protocol()
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian

    assert store(client, part10(ds).read()).status_code == 200
    assert found(client) == [ds.SOPInstanceUID]
    given = dcmread(io.BytesIO(get(client, ds.SOPInstanceUID, DICOM).content))
    assert (given.file_meta.TransferSyntaxUID, given.HangingProtocolName) == (EXPLICIT, ds.HangingProtocolName)
    assert items(store(client, part10(make_protocol()).read(), study="1.2.3"), FAILED)
    with opened(tmp_path / "dicom") as door:
        assert store_all(door, make_protocol()) == [0x0000]


def test_it_is_there_again_when_the_index_is_made_again(client: Caller, pacs: Pacs) -> None:
    ds = make_protocol()
    post(client, ds)
    before = get(client, ds.SOPInstanceUID).json()
    with pacs.database.write() as connection:
        connection.execute(delete(resource))

    reindex(pacs)

    assert get(client, ds.SOPInstanceUID).json() == before
    with pacs.database.write() as connection:
        connection.execute(delete(resource))
    assert len(recover(pacs).adopted) == 1
    assert check(pacs, digests=True).is_clean
    (path,) = (path for path in (pacs.settings.data / "objects" / "resources").rglob("*") if path.is_file())
    path.unlink()
    assert len(check(pacs).lost) == 1
