"""Who is subscribed hears what becomes of workitems on a WebSocket, in order, at least once, and nobody else does."""

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn
from anyio import CapacityLimiter
from fastapi import FastAPI
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from pacs import accounts
from pacs.context import SYSTEM, Pacs
from pacs.dicom.media import DICOM_JSON
from pacs.dicom.workitem import WORKLIST
from pacs.web import events
from pacs.web.app import create_app
from pacs.web.protocol import BoundedHttp
from pacs.workflow import subscriptions, workitems
from tests.server import start, stop, wait_for
from tests.workitem import AE, change_of_state, make_workitem, tag_of, value_of

MINE = "2.25.11"
PASSWORD = "correct horse battery"
SECONDS = 10


@pytest.fixture
def app(pacs: Pacs) -> FastAPI:
    return create_app(pacs)


@pytest.fixture
def url(app: FastAPI) -> Iterator[str]:
    """The web door of this process, as `wiring` opens it."""
    config = uvicorn.Config(app, http=BoundedHttp, ws="websockets-sansio", log_config=None, lifespan="off")
    server, listener = uvicorn.Server(config), socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()


@contextmanager
def channel(url: str, ae_title: str = AE, **headers: str) -> Iterator[ClientConnection]:
    address = f"{url.replace('http', 'ws', 1)}/dicom-web/subscribers/{ae_title}"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with connect(address, additional_headers=named, proxy=None, close_timeout=SECONDS) as websocket:
        yield websocket


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def heard(websocket: ClientConnection) -> tuple[int, Any]:
    """The next event: its type, and the state that it reports."""
    report = json.loads(websocket.recv(timeout=SECONDS, decode=True))
    return report["00001002"]["Value"][0], value_of(report, "ProcedureStepState")


def create(pacs: Pacs, **attributes: Any) -> str:
    return workitems.create(pacs, SYSTEM, make_workitem(**attributes)).sop_instance_uid


def test_changes_are_heard_as_they_happen(pacs: Pacs, url: str) -> None:
    token = accounts.create_token(pacs, SYSTEM, "modality")
    with channel(url, **bearer(token)) as watcher, channel(url, "OTHER", **bearer(token)) as other:
        subscriptions.subscribe(pacs, SYSTEM, WORKLIST, AE)
        uid = create(pacs)
        subscriptions.subscribe(pacs, SYSTEM, uid, "OTHER")
        workitems.change_state(pacs, SYSTEM, uid, "IN PROGRESS", MINE)
        assert [heard(watcher) for _ in range(3)] == [(1, "SCHEDULED"), (5, None), (1, "IN PROGRESS")]
        assert [heard(other) for _ in range(2)] == [(1, "SCHEDULED"), (1, "IN PROGRESS")]

        subscriptions.unsubscribe(pacs, SYSTEM, WORKLIST, AE)
        workitems.change_state(pacs, SYSTEM, uid, "CANCELED", MINE)
        assert heard(other) == (1, "CANCELED")
        with pytest.raises(TimeoutError):
            watcher.recv(timeout=2 * events.LOOK_EVERY_S)


def test_what_may_not_have_been_heard_is_told_again(pacs: Pacs, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    token = accounts.create_token(pacs, SYSTEM, "modality")
    uid = create(pacs)
    subscriptions.subscribe(pacs, SYSTEM, uid, AE)
    with channel(url, **bearer(token)) as watcher:
        assert heard(watcher) == (1, "SCHEDULED")
        watcher.socket.shutdown(socket.SHUT_RDWR)  # the cable is pulled

    with channel(url, **bearer(token)) as watcher:
        assert heard(watcher) == (1, "SCHEDULED")
    wait_for(lambda: not subscriptions.pending(pacs, AE), "an orderly end to count as heard")

    monkeypatch.setattr(events, "TOLD_AFTER_S", 0.0)
    with channel(url, **bearer(token)) as watcher:
        for state in ("IN PROGRESS", "CANCELED"):
            workitems.change_state(pacs, SYSTEM, uid, state, MINE)
            assert heard(watcher) == (1, state)
            wait_for(lambda: not subscriptions.pending(pacs, AE), "pings to be answered")


def test_nobody_listens_who_may_not(pacs: Pacs, url: str) -> None:
    accounts.add_account(pacs, SYSTEM, "reader", PASSWORD, "radiologist")
    session = requests.Session()
    session.trust_env = False
    assert session.post(f"{url}/api/login", json={"name": "reader", "password": PASSWORD}).status_code == 204
    cookie = f"sid={session.cookies['sid']}"

    refused: list[tuple[dict[str, str], int]] = [
        ({}, 401),
        ({"authorization": "Bearer guessed"}, 401),
        (bearer(accounts.create_token(pacs, SYSTEM, "referrer")), 403),
        ({"cookie": cookie, "origin": "https://elsewhere.example"}, 403),
        ({"cookie": cookie, "sec_fetch_site": "cross-site"}, 403),
    ]
    for headers, status in refused:
        with pytest.raises(InvalidStatus) as answer, channel(url, **headers):
            pass
        assert answer.value.response.status_code == status
        assert answer.value.response.headers["content-type"] == "application/problem+json"
    with channel(url, cookie=cookie, origin=url) as watcher:
        subscriptions.subscribe(pacs, SYSTEM, create(pacs), AE)
        assert heard(watcher) == (1, "SCHEDULED")


def test_who_has_signed_out_hears_no_more(pacs: Pacs, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "ASK_AGAIN_EVERY_S", 0.0)
    accounts.add_account(pacs, SYSTEM, "reader", PASSWORD, "radiologist")
    secret = accounts.sign_in(pacs, "reader", PASSWORD)
    with channel(url, cookie=f"sid={secret}") as watcher:
        accounts.sign_out(pacs, secret)
        with pytest.raises(ConnectionClosed) as closed:
            watcher.recv(timeout=SECONDS)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == events.NO_LONGER_ALLOWED


def test_only_so_many_listen_at_once(pacs: Pacs, url: str, app: FastAPI) -> None:
    app.state.listening = CapacityLimiter(1)
    token = accounts.create_token(pacs, SYSTEM, "modality")
    with channel(url, **bearer(token)), pytest.raises(InvalidStatus) as answer, channel(url, **bearer(token)):
        pass
    assert answer.value.response.status_code == 503


def test_what_was_written_down_is_told_after_the_server_was_killed(tmp_path: Path) -> None:
    """Through processes of its own: what one of them is asked, the others tell."""
    data = tmp_path / "data"
    server = start(data, "web", workers="2")
    try:
        ris = requests.Session()
        ris.trust_env = False
        ris.headers.update(bearer(token := server.token("modality")) | {"content-type": DICOM_JSON})
        items = f"{server.url}/dicom-web/workitems"
        assert ris.post(f"{items}/{WORKLIST}/subscribers/{AE}").status_code == 201
        assert ris.post(f"{items}?2.25.1", data=json.dumps(make_workitem())).status_code == 201
        with channel(server.url, **bearer(token)) as watcher, channel(server.url, "OTHER", **bearer(token)):
            assert heard(watcher) == (1, "SCHEDULED")
            claim = json.dumps(change_of_state("IN PROGRESS", MINE))
            assert ris.put(f"{items}/2.25.1/state", data=claim).status_code == 200
            for pid in (*server.children(), server.process.pid):
                os.kill(pid, signal.SIGKILL)
        server.process.wait()

        server = start(data, "web", workers="2")
        with channel(server.url, **bearer(token)) as watcher:
            assert [heard(watcher) for _ in range(3)] == [(1, "SCHEDULED"), (5, None), (1, "IN PROGRESS")]
            assert heard(watcher) == (4, None)  # the server has been restarted
        (kept,) = ris.get(f"{server.url}/dicom-web/workitems/2.25.1").json()
        assert value_of(kept, "ProcedureStepState") == "IN PROGRESS"
        assert tag_of("TransactionUID") not in kept
    finally:
        stop(server)
