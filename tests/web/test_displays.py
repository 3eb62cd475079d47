"""Screens that were looked at with test patterns: kept by workstation, and told when it is time again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from pacs import accounts
from pacs.context import SYSTEM, Pacs
from pacs.index.tables import display_check
from tests.web.conftest import Caller

SCREEN = {"width": 2560, "height": 1440, "pixel_ratio": 1.0, "colour_depth": 24}
GOOD = {"pattern": "smpte", "answers": {"five": True, "ninety_five": True}}
BAD = {"pattern": "tg18-qc", "answers": {"ramps": True, "lines": False}}
ROOM = "Phòng đọc 2, máy trái"


def check(client: Caller, workstation: str, *patterns: Any, note: str = "") -> Any:
    body = {"workstation": workstation, "patterns": patterns or (GOOD,), "screen": SCREEN, "note": note}
    return client.post("/api/displays", json=body)


def states(client: Caller) -> dict[str, str]:
    return {one["workstation"]: one["state"] for one in client.get("/api/displays").json()}


def age(pacs: Pacs, workstation: str, days: int) -> None:
    """Makes what was seen of a screen older than it is."""
    then = datetime.now(UTC) - timedelta(days=days)
    with pacs.database.write() as connection:
        its = display_check.c.workstation == workstation
        connection.execute(update(display_check).where(its).values(checked_at=then))


def test_a_check_is_kept_with_who_saw_what_on_which_screen(client: Caller) -> None:
    answer = check(client, f"  {ROOM} ", GOOD, BAD, note="a bright window behind")

    assert answer.status_code == 201
    (one,) = client.get("/api/displays").json()
    assert one == answer.json()
    assert (one["workstation"], one["state"]) == (ROOM, "failed")
    assert one["last"]["failed"] == ["tg18-qc"]
    assert one["last"]["patterns"] == ["smpte", "tg18-qc"]
    assert (one["last"]["screen"], one["last"]["note"]) == (SCREEN, "a bright window behind")


def test_a_screen_is_good_until_its_days_are_over_and_the_longest_overdue_stands_first(
    client: Caller, pacs: Pacs
) -> None:
    for name in ("fresh", "old", "older", "broken"):
        check(client, name, BAD if name == "broken" else GOOD)
    age(pacs, "old", pacs.settings.display_days + 1)
    age(pacs, "older", 90)

    assert list(states(client).items()) == [
        ("older", "overdue"),
        ("old", "overdue"),
        ("broken", "failed"),
        ("fresh", "passed"),
    ]
    check(client, "older")
    assert states(client)["older"] == "passed"


def test_what_was_seen_before_stays_in_the_log_the_latest_first(client: Caller, pacs: Pacs) -> None:
    check(client, ROOM, BAD)
    age(pacs, ROOM, 3)
    check(client, ROOM, GOOD)

    log = client.get("/api/displays/checks", params={"workstation": ROOM}).json()

    assert [one["failed"] for one in log] == [[], ["tg18-qc"]]
    assert client.get("/api/displays/checks", params={"workstation": "elsewhere"}).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"workstation": ""},
        {"workstation": "   "},
        {"workstation": "x" * 65},
        {"workstation": "a\nb"},
        {"patterns": []},
        {"patterns": [GOOD, GOOD]},
        {"patterns": [{"pattern": "none", "answers": {"five": True}}]},
        {"patterns": [{"pattern": "smpte", "answers": {}}]},
        {"screen": SCREEN | {"width": 0}},
        {"note": "x" * 1001},
    ],
    ids=str,
)
def test_what_is_no_check_is_refused_and_nothing_is_kept(client: Caller, wrong: dict[str, Any]) -> None:
    body = {"workstation": ROOM, "patterns": [GOOD], "screen": SCREEN, "note": ""} | wrong

    assert client.post("/api/displays", json=body).status_code == 400
    assert client.get("/api/displays").json() == []


def test_a_referrer_may_check_his_screen_and_only_an_administrator_forgets_one(
    client: Caller, anonymous: Caller, pacs: Pacs
) -> None:
    anonymous.headers["authorization"] = f"Bearer {accounts.create_token(pacs, SYSTEM, 'referrer')}"
    assert check(anonymous, ROOM).status_code == 201
    assert anonymous.delete("/api/displays", params={"workstation": ROOM}).status_code == 403

    assert client.delete("/api/displays", params={"workstation": ROOM}).status_code == 204
    assert states(client) == {}
    assert client.delete("/api/displays", params={"workstation": ROOM}).status_code == 404


def test_nobody_sees_or_keeps_a_check_without_signing_in(anonymous: Caller) -> None:
    assert check(anonymous, ROOM).status_code == 401
    assert anonymous.get("/api/displays").status_code == 401
