"""Errors as problem documents."""

import pytest
from fastapi import FastAPI

from pacs import errors
from pacs.errors import InvalidInstance, NotFound, PacsError, PatientConflict
from pacs.web import wado
from pacs.web.problem import STATUS, status_of
from tests.web.conftest import Caller


def kinds_of(kind: type[PacsError]) -> set[type[PacsError]]:
    return {kind}.union(*map(kinds_of, kind.__subclasses__()))


def test_every_error_of_ours_has_its_status() -> None:
    ours = {kind for kind in kinds_of(PacsError) - {PacsError} if kind.__module__ == errors.__name__}
    assert [kind for kind in ours if not set(kind.__mro__) & set(STATUS)] == []


@pytest.mark.parametrize(
    ("error", "status"), [(PatientConflict("x"), 409), (InvalidInstance("x"), 400), (NotFound("x"), 404)]
)
def test_the_nearest_class_decides(error: PacsError, status: int) -> None:
    assert status_of(error) == status


def test_an_error_of_ours_tells_what_and_which(client: Caller) -> None:
    answer = client.get("/assets/nothing.js")

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {"title": "Not Found", "status": 404, "detail": "there is no such page"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/no/such/path", 404),
        ("DELETE", "/healthz", 405),
        ("POST", "/dicom-web/studies/1/series/2/instances/3/frames/1", 405),
    ],
)
def test_what_the_framework_finds_is_a_problem_too(client: Caller, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)

    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_that_is_no_sign_in_is_named_without_its_values(anonymous: Caller) -> None:
    answer = anonymous.post("/api/login", json={"name": "an", "pasword": "secret"})

    assert answer.status_code == 400
    assert "password" in answer.json()["detail"]
    assert "secret" not in answer.text


def test_of_a_bug_nothing_is_told(app: FastAPI, anonymous: Caller) -> None:
    @app.get("/bug")
    def bug() -> None:
        raise RuntimeError("NGUYỄN^THỊ ÁNH ĐÀO")

    app.router.routes.insert(0, app.router.routes.pop())
    answer = anonymous.get("/bug")

    assert answer.status_code == 500
    assert answer.json() == {"title": "Internal Server Error", "status": 500}
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_of_a_bug_on_the_short_way_nothing_is_told(client: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object) -> None:
        raise RuntimeError("NGUYỄN^THỊ ÁNH ĐÀO")

    monkeypatch.setattr(wado, "frames", bug)

    answer = client.get("/dicom-web/studies/1/series/2/instances/3/frames/1")

    assert (answer.status_code, answer.json()) == (500, {"title": "Internal Server Error", "status": 500})
