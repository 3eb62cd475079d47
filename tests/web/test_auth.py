"""Who is let in, on which routes, and from which pages."""

import re

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from pacs import accounts
from pacs.context import SYSTEM, Pacs
from pacs.settings import Settings
from pacs.web.app import create_app
from tests.web.conftest import Caller, Door

PASSWORD = "đúng ngựa pin kẹp giấy"

PUBLIC = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/api/login"),
    ("POST", "/api/login/link"),
    # the viewer's files hold nothing of a patient
    ("GET", "/"),
    ("GET", "/viewer"),
    ("GET", "/admin"),
    ("GET", "/IHEInvokeImageDisplay"),
    ("GET", "/patterns"),
    ("GET", "/signin"),
    ("GET", "/assets/{name:path}"),
    ("GET", "/{name}"),
}


def routes(app: FastAPI) -> set[tuple[str, str]]:
    found = iter_route_contexts(app.routes)
    return {(method, route.path) for route in found if route.path for method in route.methods or ()}


def test_every_route_but_the_public_ones_asks_who_calls(app: FastAPI, anonymous: Caller) -> None:
    guarded = routes(app) - PUBLIC
    assert len(guarded) > 30
    assert routes(app) >= PUBLIC

    answers = {
        (method, path): anonymous.request(method, re.sub(r"{\w+(:\w+)?}", "1", path)) for method, path in guarded
    }

    assert {route: answer.status_code for route, answer in answers.items() if answer.status_code != 401} == {}
    assert all(answer.headers["www-authenticate"] for answer in answers.values())


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer ", "Basic YTpi", "wrong"])
def test_a_wrong_token_is_refused(anonymous: Caller, header: str) -> None:
    assert anonymous.get("/api/me", headers={"authorization": header}).status_code == 401


def test_a_token_says_who_calls(anonymous: Caller, pacs: Pacs) -> None:
    token = accounts.create_token(pacs, SYSTEM, "modality", name="ct-1")

    answer = anonymous.get("/api/me", headers={"authorization": f"Bearer {token}"})

    assert answer.json() == {
        "name": "ct-1",
        "role": "modality",
        "permissions": ["commit", "query", "store", "workitems"],
    }


def test_a_password_opens_a_session_that_signing_out_ends(anonymous: Caller, pacs: Pacs) -> None:
    accounts.add_account(pacs, SYSTEM, "an", PASSWORD, "radiologist")

    signed_in = anonymous.post("/api/login", json={"name": "an", "password": PASSWORD})
    assert signed_in.status_code == 204
    assert anonymous.get("/api/me").json()["name"] == "an"

    stolen = anonymous.cookies["sid"]
    signed_out = anonymous.post("/api/logout")
    assert signed_out.headers["clear-site-data"] == '"cache"'
    assert anonymous.get("/api/me", cookies={"sid": stolen}).status_code == 401


def test_the_link_of_the_first_start_works_once(anonymous: Caller, pacs: Pacs) -> None:
    link = accounts.create_link(pacs)

    first = anonymous.post("/api/login/link", json={"token": link})
    again = anonymous.post("/api/login/link", json={"token": link})

    assert (first.status_code, again.status_code) == (204, 401)
    assert anonymous.get("/api/me").json()["role"] == "admin"


def test_a_page_cannot_read_the_cookie_and_no_other_site_can_send_it(anonymous: Caller, pacs: Pacs) -> None:
    plain = anonymous.post("/api/login/link", json={"token": accounts.create_link(pacs)})
    over_tls = anonymous.post(
        "/api/login/link", json={"token": accounts.create_link(pacs)}, headers={"x-forwarded-proto": "https"}
    )

    assert re.fullmatch(r"sid=[\w-]{43}; HttpOnly; Max-Age=43200; Path=/; SameSite=strict", plain.headers["set-cookie"])
    assert re.fullmatch(
        r"__Host-sid=[\w-]{43}; HttpOnly; Max-Age=43200; Path=/; SameSite=strict; Secure",
        over_tls.headers["set-cookie"],
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 204),
        ({"origin": "http://pacs.example"}, 204),
        ({}, 204),  # no browser leaves both out
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://pacs.example"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://pacs.example.evil"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_what_changes_something_must_come_from_our_own_page(
    anonymous: Caller, pacs: Pacs, headers: dict[str, str], status: int
) -> None:
    anonymous.post("/api/login/link", json={"token": accounts.create_link(pacs)})

    assert anonymous.post("/api/logout", headers=headers).status_code == status


def test_another_site_signs_nobody_in(anonymous: Caller, pacs: Pacs) -> None:
    headers = {"sec-fetch-site": "cross-site"}

    answer = anonymous.post("/api/login/link", json={"token": accounts.create_link(pacs)}, headers=headers)

    assert answer.status_code == 403


def test_too_many_guesses_are_told_to_wait(anonymous: Caller, pacs: Pacs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "GUESSES", 0)

    answer = anonymous.post("/api/login", json={"name": "an", "password": PASSWORD})

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")


@pytest.mark.parametrize(
    ("address", "host", "status"),
    [
        ("127.0.0.1", "localhost:8042", 200),
        ("::1", "[::1]:8042", 200),
        ("127.0.0.1", "evil.example:8042", 403),  # its name was pointed at this machine
        ("192.0.2.7", "localhost:8042", 403),
    ],
)
def test_without_a_login_only_this_machine_is_answered(
    door: Door, pacs: Pacs, address: str, host: str, status: int
) -> None:
    settings = Settings(data=pacs.settings.data, login="none")
    door.app = create_app(Pacs(settings, pacs.database, pacs.objects))

    client = Caller(door.url, host, address)

    assert client.get("/api/me").status_code == status
    assert client.post("/api/logout", headers={"sec-fetch-site": "cross-site"}).status_code == 403


@pytest.mark.parametrize("path", ["/metrics", "/api/openapi.json", "/api/docs"])
def test_what_holds_no_patient_is_shown_to_this_machine_without_a_login(door: Door, client: Caller, path: str) -> None:
    assert Caller(door.url, "localhost", "127.0.0.1").get(path).status_code == 200
    assert client.get(path).status_code == 200
    assert Caller(door.url, "localhost").get(path).status_code == 401
