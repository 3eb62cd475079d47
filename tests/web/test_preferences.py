"""What a reader likes comes back to him, and to nobody else."""

import pytest

from pacs import accounts
from pacs.context import SYSTEM, Pacs
from pacs.workflow import preferences
from tests.web.conftest import Caller

PASSWORD = "một mật khẩu đủ dài"
FILTERS = [{"name": "Cấp cứu hôm nay", "filter": {"words": "", "modalities": ["CT"]}}]


@pytest.fixture(autouse=True)
def people(pacs: Pacs) -> None:
    for name in ("lan", "minh"):
        accounts.add_account(pacs, SYSTEM, name, PASSWORD, "radiologist")


def sign_in(caller: Caller, name: str) -> None:
    caller.cookies.clear()
    assert caller.post("/api/login", json={"name": name, "password": PASSWORD}).status_code == 204


def test_what_was_kept_comes_back_as_it_was_and_only_to_its_account(anonymous: Caller) -> None:
    sign_in(anonymous, "lan")
    assert anonymous.get("/api/me/preferences").json() == {}
    assert anonymous.put("/api/me/preferences/filters", json=FILTERS).status_code == 204
    assert anonymous.put("/api/me/preferences/theme", json="light").status_code == 204
    sign_in(anonymous, "minh")
    assert anonymous.get("/api/me/preferences").json() == {}
    sign_in(anonymous, "lan")

    assert anonymous.get("/api/me/preferences").json() == {"filters": FILTERS, "theme": "light"}


def test_a_later_choice_replaces_the_earlier_one_and_null_forgets_it(anonymous: Caller) -> None:
    sign_in(anonymous, "lan")
    for choice in ("light", "dark"):
        anonymous.put("/api/me/preferences/theme", json=choice)
    assert anonymous.get("/api/me/preferences").json() == {"theme": "dark"}
    anonymous.put("/api/me/preferences/theme", data="null", headers={"content-type": "application/json"})

    assert anonymous.get("/api/me/preferences").json() == {}


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("Filters", [], 400),
        ("a/b", [], 404),
        ("notes", "x" * (preferences.LONGEST + 1), 413),
        ("notes", "x" * 300_000, 413),
    ],
)
def test_what_cannot_be_a_preference_is_refused(anonymous: Caller, name: str, value: object, status: int) -> None:
    sign_in(anonymous, "lan")

    assert anonymous.put(f"/api/me/preferences/{name}", json=value).status_code == status
    assert anonymous.get("/api/me/preferences").json() == {}


def test_an_account_keeps_only_so_many(anonymous: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preferences, "MOST", 2)
    sign_in(anonymous, "lan")
    told = [anonymous.put(f"/api/me/preferences/{name}", json=1).status_code for name in ("a", "b", "c", "a")]

    assert told == [204, 204, 413, 204]


def test_a_program_and_a_stranger_have_no_preferences(client: Caller, anonymous: Caller) -> None:
    assert client.get("/api/me/preferences").status_code == 403
    assert anonymous.get("/api/me/preferences").status_code == 401
    assert anonymous.put("/api/me/preferences/theme", json="light").status_code == 401


def test_a_page_of_another_site_changes_nothing(anonymous: Caller) -> None:
    sign_in(anonymous, "lan")
    answer = anonymous.put("/api/me/preferences/theme", json="light", headers={"sec-fetch-site": "cross-site"})

    assert answer.status_code == 403
