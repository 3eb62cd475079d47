"""Pages of other hosts: those that are listed may ask, with a token."""

import pytest

from pacs.settings import Settings
from tests.web.conftest import Caller

ELSEWHERE, NOBODY = "https://viewer.example", "https://elsewhere.example"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"cors_origins": (ELSEWHERE,)})


def test_pages_of_listed_origins_may_ask_with_a_token_and_no_others(anonymous: Caller) -> None:
    wishes = {"access-control-request-method": "GET", "access-control-request-headers": "authorization, range"}
    for origin, status, allowed in [(ELSEWHERE, 200, ELSEWHERE), (NOBODY, 400, None)]:
        asked = anonymous.options("/dicom-web/studies", headers={"origin": origin} | wishes)
        answer = anonymous.get("/dicom-web/studies", headers={"origin": origin})

        assert asked.status_code == status
        assert answer.status_code == 401
        for one in (asked, answer):
            assert one.headers.get("access-control-allow-origin") == allowed
            assert "access-control-allow-credentials" not in one.headers, "no cookies"
            assert "origin" in one.headers["vary"].lower()
