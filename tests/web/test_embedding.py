"""Our pages in a frame of another system's page: of those that are listed, and of no others."""

import re

import pytest

from pacs import accounts
from pacs.context import SYSTEM, Pacs
from pacs.settings import Settings
from tests.web.conftest import Caller

EMR = "https://emr.example"
PASSWORD = "một mật khẩu đủ dài"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"embed_origins": (EMR, "http://10.0.0.7:3000")})


def test_only_listed_origins_may_show_us_in_a_frame(anonymous: Caller) -> None:
    policy = anonymous.get("/viewer").headers["content-security-policy"]

    assert re.search(r"frame-ancestors ([^;]*)", policy)[1] == f"'self' {EMR} http://10.0.0.7:3000"  # type: ignore[index]


def test_the_session_reaches_a_frame_of_another_site_over_tls_alone(anonymous: Caller, pacs: Pacs) -> None:
    accounts.add_account(pacs, SYSTEM, "lan", PASSWORD, "referrer")
    plain, over_tls = (
        anonymous.post("/api/login", json={"name": "lan", "password": PASSWORD}, headers={"x-forwarded-proto": scheme})
        for scheme in ("http", "https")
    )

    assert plain.headers["set-cookie"].endswith("; SameSite=strict")
    assert over_tls.headers["set-cookie"].endswith("; SameSite=none; Partitioned; Secure")


def test_what_another_site_sends_is_refused_all_the_same(anonymous: Caller, pacs: Pacs) -> None:
    accounts.add_account(pacs, SYSTEM, "lan", PASSWORD, "referrer")
    anonymous.post("/api/login", json={"name": "lan", "password": PASSWORD})
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": EMR}):
        assert anonymous.post("/api/logout", headers=headers).status_code == 403
    assert anonymous.get("/api/me").status_code == 200


@pytest.mark.parametrize("origin", ["*", "https://*.example", "emr.example", "https://emr.example/path"])
def test_what_is_no_origin_stops_the_start(origin: str) -> None:
    with pytest.raises(ValueError, match="no origin"):
        Settings(embed_origins=(origin,))
