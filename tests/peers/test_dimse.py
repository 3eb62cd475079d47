"""Asking peers whether they are there, and the plain words when they are not."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pynetdicom import AE, evt

from pacs.context import SYSTEM, Actor, Pacs
from pacs.errors import NotAllowed, NotFound
from pacs.peers import dimse, directory

VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"


@contextmanager
def scp(name: str, *, takes: str = VERIFICATION, calling: str = "", status: int = 0) -> Iterator[int]:
    """A peer's port."""
    ae = AE(ae_title=name)
    ae.require_called_aet = True
    ae.require_calling_aet = [calling] if calling else []
    ae.add_supported_context(takes)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_ECHO, lambda event: status)])
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def known(pacs: Pacs, port: int, host: str = "127.0.0.1") -> None:
    directory.add(pacs, SYSTEM, "PEER", host, port)


def test_a_peer_that_is_there_says_so(pacs: Pacs) -> None:
    with scp("PEER") as port:
        known(pacs, port)
        answer = dimse.echo(pacs, SYSTEM, "PEER")

    assert answer.succeeded
    assert "accepts us as PACS" in answer.explanation


@pytest.mark.parametrize(
    ("peer", "words"),
    [
        ({"name": "OTHER"}, "is not called PEER"),
        ({"name": "PEER", "calling": "SOMEBODY"}, "does not know us: PACS"),
        ({"name": "PEER", "takes": CT}, "does not take C-ECHO"),
        ({"name": "PEER", "status": 0x0122}, "status 0122"),
    ],
)
def test_a_peer_that_does_not_want_us_is_explained(pacs: Pacs, peer: dict[str, str], words: str) -> None:
    with scp(**peer) as port:  # type: ignore[arg-type]
        known(pacs, port)
        answer = dimse.echo(pacs, SYSTEM, "PEER")

    assert not answer.succeeded
    assert words in answer.explanation


def test_a_closed_port_is_explained(pacs: Pacs) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        known(pacs, unused.getsockname()[1])

        answer = dimse.echo(pacs, SYSTEM, "PEER")

    assert (answer.succeeded, "nothing listens on this port" in answer.explanation) == (False, True)


def test_a_name_that_nobody_has_is_explained(pacs: Pacs) -> None:
    known(pacs, 104, "no-such-host.invalid")

    answer = dimse.echo(pacs, SYSTEM, "PEER")

    assert (answer.succeeded, "no machine is called no-such-host.invalid" in answer.explanation) == (False, True)


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (b"", "does not speak DICOM"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP, not DICOM"),
        (b"\x15\3\3\0\2\2\x28", "speaks TLS: `pacs peer change PEER --tls`"),
        (b"\7\0\0\0\0\4\0\0\2\0", "abort"),
    ],
)
def test_what_is_no_dicom_is_explained(pacs: Pacs, monkeypatch: pytest.MonkeyPatch, says: bytes, words: str) -> None:
    monkeypatch.setattr("pacs.peers.dimse.ANSWER_TIMEOUT_S", 0.3)
    monkeypatch.setattr("pacs.peers.doctor.PROBE_TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        known(pacs, listener.getsockname()[1])

        def meet() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.sendall(says)
                while sock.recv(4096):
                    pass

        peer = threading.Thread(target=meet)
        peer.start()
        answer = dimse.echo(pacs, SYSTEM, "PEER")
        peer.join()

    assert (answer.succeeded, words in answer.explanation) == (False, True), answer.explanation


def test_only_known_peers_are_asked(pacs: Pacs) -> None:
    with pytest.raises(NotFound, match="no peer is called PEER"):
        dimse.echo(pacs, SYSTEM, "PEER")


def test_only_an_administrator_asks(pacs: Pacs) -> None:
    with pytest.raises(NotAllowed):
        dimse.echo(pacs, Actor("person", "visitor"), "PEER")
