"""Removing and restoring by our API, and what the web door says of what is gone."""

from pacs import accounts
from pacs.context import SYSTEM, Pacs
from tests.make import make_ct
from tests.web.conftest import Caller
from tests.web.test_wado import store


def test_a_removed_study_is_gone_by_every_address_until_it_is_restored(pacs: Pacs, client: Caller) -> None:
    ds = make_ct()
    store(pacs, ds)
    study = f"/dicom-web/studies/{ds.StudyInstanceUID}"
    series = f"{study}/series/{ds.SeriesInstanceUID}"
    instance = f"{series}/instances/{ds.SOPInstanceUID}"
    addresses = [
        *(study, f"{study}/metadata", f"{study}/rendered", f"{study}/thumbnail"),
        *(series, f"{series}/metadata", instance, f"{instance}/metadata", f"{instance}/frames/1"),
        *(f"{instance}/rendered", f"{instance}/bulkdata/7FE00010"),
        f"/api/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}",
    ]
    assert {client.get(address).status_code for address in addresses} == {200}

    removed = client.delete(f"/api/studies/{ds.StudyInstanceUID}?reason=wrong+patient")

    assert removed.status_code == 201
    assert {address: client.get(address).status_code for address in addresses} == dict.fromkeys(addresses, 410)
    assert client.get(f"/dicom-web/studies?StudyInstanceUID={ds.StudyInstanceUID}").status_code == 204
    (shown,) = client.get("/api/removals").json()
    assert (shown["pk"], shown["state"], shown["reason"]) == (removed.json()["pk"], "removed", "wrong patient")

    assert client.post(f"/api/removals/{shown['pk']}/restore").status_code == 204
    assert {client.get(address).status_code for address in addresses} == {200}


def test_who_is_no_administrator_removes_nothing(pacs: Pacs, client: Caller, anonymous: Caller) -> None:
    ds = make_ct()
    store(pacs, ds)
    address = f"/api/studies/{ds.StudyInstanceUID}?reason=test"
    assert anonymous.delete(address).status_code == 401
    anonymous.headers["authorization"] = f"Bearer {accounts.create_token(pacs, SYSTEM, 'radiologist')}"
    assert anonymous.delete(address).status_code == 403
    assert client.delete(f"/api/studies/{ds.StudyInstanceUID}").status_code == 400, "without a reason"
    assert client.delete("/api/studies/1.2.3?reason=test").status_code == 404
    assert client.get(f"/dicom-web/studies/{ds.StudyInstanceUID}").status_code == 200
