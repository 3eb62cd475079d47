"""Alive, ready, and in numbers."""

import shutil

import pytest

from pacs.context import Pacs
from tests.web.conftest import Caller


def test_a_door_that_has_all_it_needs_is_alive_and_ready(anonymous: Caller) -> None:
    assert anonymous.get("/healthz").status_code == 200
    assert anonymous.get("/readyz").json() == {"ready": True, "missing": []}


def test_a_door_without_its_objects_says_so(anonymous: Caller, pacs: Pacs) -> None:
    shutil.rmtree(pacs.settings.data / "objects")

    answer = anonymous.get("/readyz")

    assert (answer.status_code, answer.json()["missing"]) == (503, ["objects"])


def test_a_door_without_its_index_says_so(anonymous: Caller, pacs: Pacs) -> None:
    pacs.database.close()
    for path in pacs.settings.data.glob("index.sqlite*"):
        path.unlink()

    answer = anonymous.get("/readyz")

    assert (answer.status_code, answer.json()["missing"]) == (503, ["index"])
    assert anonymous.get("/healthz").status_code == 200


@pytest.mark.parametrize("name", ["pacs_studies", "pacs_instances", "pacs_objects_free_bytes"])
def test_prometheus_is_told_what_is_kept(client: Caller, name: str) -> None:
    assert f"\n{name} " in client.get("/metrics").text
