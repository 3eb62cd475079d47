"""DICOM over TLS, both ways, with certificates made for the test (S-12)."""

import re
import shutil
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pacs.context import SYSTEM, Pacs
from pacs.peers import dimse, directory, history
from pacs.peers.directory import digest_of_certificate
from pacs.peers.tls import server_context
from pacs.settings import Settings
from tests.dimse.conftest import Door, dcmtk, opened, wait_for
from tests.make import make_ct, part10
from tests.server import free_port

REQUEST = struct.pack(">BxL", 1, 4) + bytes(4)
"""No whole A-ASSOCIATE-RQ: whoever speaks to a DICOM door is answered with an A-ABORT."""
ABORT = bytes.fromhex("0700 00000004 0000 02 06")


@dataclass(frozen=True, slots=True)
class Authority:
    """Somebody who signs certificates, in a folder of its own."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.pem"

    def sign(self, name: str, *, days: int = 2, subject: str = "", names: str = "IP:127.0.0.1") -> tuple[Path, Path]:
        """A certificate and its key. days: how long it is valid; negative: it was, until so many days ago."""
        key, request, certificate = (self.folder / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        openssl("req", *EC, "-subj", f"/CN={subject or name}", "-keyout", key, "-out", request)
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        signed = ("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.folder / "ca.key")
        openssl(*signed, "-CAcreateserial", "-days", days, "-extfile", self.folder / f"{name}.ext", "-out", certificate)
        return certificate, key


EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def authority(folder: Path) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on the path to make certificates with (Debian: apt-get install openssl)")
    folder.mkdir()
    openssl("req", "-x509", *EC, "-days", 2, "-subj", "/CN=CA", "-keyout", folder / "ca.key", "-out", folder / "ca.pem")
    return Authority(folder)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The hospital's authority."""
    return authority(tmp_path_factory.mktemp("ca") / "ours")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One that nobody here trusts."""
    return authority(tmp_path_factory.mktemp("ca") / "theirs")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, ours: Authority) -> Iterator[Door]:
    """A door of mutual TLS that admits known peers alone."""
    with serving(tmp_path_factory.mktemp("tls") / "data", ours) as one:
        yield one


@contextmanager
def serving(data: Path, signer: Authority, *, mutual: bool = True) -> Iterator[Door]:
    certificate, key = signer.sign("server")
    tls = {"tls_cert": certificate, "tls_key": key, "tls_ca": signer.certificate if mutual else None}
    context = server_context(Settings(data=data, **tls))  # type: ignore[arg-type]
    with opened(data, tls=context, dicom="0.0.0.0:11112", **tls) as one:
        yield one


def admit(pacs: Pacs, ae_title: str, port: int = 104, **values: Any) -> None:
    directory.add(pacs, SYSTEM, ae_title, "127.0.0.1", port, may=["store"], **values)


def client(
    certificate: tuple[Path, Path] | None = None,
    *,
    most: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    ciphers: str = "ALL:@SECLEVEL=0",
) -> ssl.SSLContext:
    """A peer that trusts everybody, and is as old-fashioned as is wanted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = most
    context.set_ciphers(ciphers)
    if certificate is not None:
        context.load_cert_chain(*certificate)
    return context


def answer_to(context: ssl.SSLContext, port: int) -> bytes:
    """What a door says over TLS. Raises OSError."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        context.wrap_socket(plain) as secured,
    ):
        secured.sendall(REQUEST)
        return secured.recv(10)


def test_who_bears_a_certificate_of_our_authority_gets_in(door: Door, ours: Authority) -> None:
    for most in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        assert answer_to(client(ours.sign("modality"), most=most), door.tls_port) == ABORT


@pytest.mark.parametrize("ciphers", ["ECDHE+AESGCM", "ECDHE+CHACHA20"])
def test_the_suites_of_bcp_195_are_taken(door: Door, ours: Authority, ciphers: str) -> None:
    context = client(ours.sign("modality"), most=ssl.TLSVersion.TLSv1_2, ciphers=ciphers)

    assert answer_to(context, door.tls_port) == ABORT


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    ("most", "ciphers", "words"),
    [
        (ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0", "no TLS 1.2 or later"),
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0", "no TLS 1.2 or later"),
        (ssl.TLSVersion.TLSv1_2, "AES128-SHA", "no cipher suite of BCP 195"),
        (ssl.TLSVersion.TLSv1_2, "AES256-GCM-SHA384", "no cipher suite of BCP 195"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256", "no cipher suite of BCP 195"),
        (ssl.TLSVersion.TLSv1_2, "NULL-SHA256:@SECLEVEL=0", "no cipher suite of BCP 195"),
        (ssl.TLSVersion.TLSv1_2, "ADH-AES128-GCM-SHA256:@SECLEVEL=0", "no cipher suite of BCP 195"),
    ],
)
def test_what_is_weak_is_refused(
    door: Door,
    ours: Authority,
    capsys: pytest.CaptureFixture[str],
    most: ssl.TLSVersion,
    ciphers: str,
    words: str,
) -> None:
    with pytest.raises(OSError, match=r"alert|ALERT|reset|EOF|handshake"):
        answer_to(client(ours.sign("modality"), most=most, ciphers=ciphers), door.tls_port)

    said_until(capsys, words)


def said_until(capsys: pytest.CaptureFixture[str], words: str) -> None:
    """Wait until the log says so."""
    said: list[str] = []

    def is_said() -> bool:
        said.append(capsys.readouterr().out)
        return words in "".join(said)

    wait_for(is_said)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ("none", "it shows no certificate"),
        ("of another authority", "its authority is not one we trust"),
        ("expired", "it has expired"),
        ("self-signed", "it is self-signed"),
    ],
)
def test_a_certificate_that_is_not_right_lets_nobody_in(
    door: Door, ours: Authority, theirs: Authority, capsys: pytest.CaptureFixture[str], shown: str, words: str
) -> None:
    certificate = {
        "none": lambda: None,
        "of another authority": partial(theirs.sign, "modality"),
        "expired": partial(ours.sign, "old", days=-1),
        "self-signed": lambda: (theirs.certificate, theirs.folder / "ca.key"),
    }[shown]()

    with pytest.raises(OSError, match=r"alert|ALERT|reset|EOF"):
        answer_to(client(certificate), door.tls_port)
    said_until(capsys, words)


@pytest.mark.parametrize(
    ("sent", "words"),
    [(REQUEST + bytes(200), "it speaks no TLS"), (b"GET / HTTP/1.1\r\n\r\n", "it speaks HTTP")],
)
def test_what_is_no_tls_is_said_to_be_none(
    door: Door, capsys: pytest.CaptureFixture[str], sent: bytes, words: str
) -> None:
    with socket.create_connection(("127.0.0.1", door.tls_port), timeout=20) as plain:
        plain.sendall(sent)
        said_until(capsys, words)


def test_tls_on_the_plain_port_is_said_to_be_tls(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ssl.SSLError):
        answer_to(client(), door.port)
    said_until(capsys, "the peer speaks TLS")


def test_nobody_renegotiates_or_compresses(door: Door, ours: Authority) -> None:
    certificate, key = ours.sign("modality")
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{door.tls_port}", "-tls1_2", "-cert", certificate, "-key", key],
        input=b"R\n",
        capture_output=True,
        timeout=30,
        check=False,
    )

    assert b"Compression: NONE" in done.stdout
    assert b"no renegotiation" in done.stderr


def test_ten_silent_peers_cost_others_nothing(door: Door, ours: Authority) -> None:
    context = client(ours.sign("modality"))
    answer_to(context, door.tls_port)
    alone = min(_seconds(context, door.tls_port) for _ in range(3))
    silent = [socket.create_connection(("127.0.0.1", door.tls_port)) for _ in range(10)]

    beside_them = min(_seconds(context, door.tls_port) for _ in range(3))

    for one in silent:
        one.close()
    assert beside_them - alone < 0.1


def _seconds(context: ssl.SSLContext, port: int) -> float:
    began = time.monotonic()
    assert answer_to(context, port) == ABORT
    return time.monotonic() - began


def test_a_handshake_that_drips_ends_in_time(
    tmp_path: Path, ours: Authority, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pacs.dimse.front_door.HANDSHAKE_TIMEOUT_S", 0.5)
    with (
        serving(tmp_path / "data", ours) as one,
        socket.create_connection(("127.0.0.1", one.tls_port), timeout=0.05) as peer,
    ):
        began = time.monotonic()
        peer.sendall(b"\x16\x03\x01\x02\x00")
        while _is_open(peer):
            assert time.monotonic() - began < 5
        said_until(capsys, "it was silent")


def _is_open(peer: socket.socket) -> bool:
    try:
        peer.sendall(b"\0")
        return bool(peer.recv(10))
    except TimeoutError:
        return True
    except OSError:
        return False


def test_a_peer_of_tls_is_refused_on_the_plain_port(door: Door) -> None:
    admit(door.pacs, "SECURE", tls=True)

    done = dcmtk("echoscu", "-aet", "SECURE", "-aec", "PACS", "127.0.0.1", door.port)

    assert done.returncode != 0
    wait_for(lambda: bool(history.of_peer(door.pacs, SYSTEM, "SECURE")))
    (record,) = history.of_peer(door.pacs, SYSTEM, "SECURE")
    assert (record.outcome, record.why) == ("rejected", "it must call over TLS, and calls the plain port")


def test_a_peer_shows_the_certificate_that_is_its_own(door: Door, ours: Authority) -> None:
    pinned, other = ours.sign("pinned"), ours.sign("other")
    admit(door.pacs, "PINNED", tls=True, certificate=digest_of_certificate(pinned[0]))

    done = {
        name: dcmtk(
            "echoscu", "+tls", key, certificate, "+cf", ours.certificate, "-aet", "PINNED", "-aec", "PACS", *address
        )
        for name, (certificate, key) in {"pinned": pinned, "other": other}.items()
        for address in [("127.0.0.1", door.tls_port)]
    }

    assert done["pinned"].returncode == 0, done["pinned"].stderr
    assert done["other"].returncode != 0
    wait_for(lambda: len(history.of_peer(door.pacs, SYSTEM, "PINNED")) == 2)
    whys = {record.why for record in history.of_peer(door.pacs, SYSTEM, "PINNED")}
    assert whys == {
        "",
        "it must show its certificate, and shows another certificate than the one that is registered for it",
    }


def test_a_certificate_is_trusted_by_itself_when_it_stands_among_the_authorities(
    tmp_path: Path, ours: Authority, theirs: Authority
) -> None:
    foreign = theirs.sign("foreign")
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(ours.certificate.read_bytes() + foreign[0].read_bytes())
    certificate, key = ours.sign("server")
    tls = {"tls_cert": certificate, "tls_key": key, "tls_ca": trusted}
    context = server_context(Settings(data=tmp_path, **tls))  # type: ignore[arg-type]

    with opened(tmp_path / "data", tls=context, **tls) as one:
        assert answer_to(client(foreign), one.tls_port) == ABORT
        with pytest.raises(OSError, match=r"alert|ALERT|reset|EOF"):
            answer_to(client(theirs.sign("another")), one.tls_port)


def test_dcmtk_stores_over_tls(door: Door, ours: Authority, tmp_path: Path) -> None:
    admit(door.pacs, "CT1", tls=True)
    certificate, key = ours.sign("ct1")
    file = tmp_path / "ct.dcm"
    file.write_bytes(part10(make_ct()).getvalue())

    tls = ("+tls", key, certificate, "+cf", ours.certificate)
    done = dcmtk("storescu", *tls, "-aet", "CT1", "-aec", "PACS", "127.0.0.1", door.tls_port, file)

    assert done.returncode == 0, done.stderr
    assert door.files() != []


@contextmanager
def storescp(*arguments: object) -> Iterator[int]:
    """dcmtk's storescp as PEER; its port."""
    if shutil.which("storescp") is None:
        pytest.skip("no storescp on the path (Debian: apt-get install dcmtk)")
    port = free_port()
    command = ["storescp", "--ignore", "-aet", "PEER", *map(str, arguments), str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(partial(_listens, port))
            yield port
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def caller(tmp_path: Path, ours: Authority) -> Iterator[Pacs]:
    """A PACS that calls peers with a certificate of our authority, and trusts it."""
    certificate, key = ours.sign("caller")
    tls = {"tls_cert": certificate, "tls_key": key, "tls_ca": ours.certificate}
    with opened(tmp_path / "data", **tls) as one:
        yield one.pacs


@pytest.mark.parametrize(
    ("names", "days", "pin", "succeeded", "words"),
    [
        ("IP:127.0.0.1", 2, False, True, "accepts us as PACS"),
        ("DNS:elsewhere", 2, False, False, "it bears another name"),
        ("IP:127.0.0.1", -1, False, False, "it has expired"),
        ("DNS:elsewhere", 2, True, True, "accepts us as PACS"),
    ],
)
def test_we_call_a_peer_whose_certificate_is_right(
    caller: Pacs, ours: Authority, names: str, days: int, pin: bool, succeeded: bool, words: str
) -> None:
    certificate, key = ours.sign("peer", names=names, days=days)
    with storescp("+tls", key, certificate, "+cf", ours.certificate) as port:
        admit(caller, "PEER", port, tls=True, certificate=digest_of_certificate(certificate) if pin else "")

        answer = dimse.echo(caller, SYSTEM, "PEER")

    assert (answer.succeeded, words in answer.explanation) == (succeeded, True), answer.explanation


def test_what_is_wrong_with_tls_is_explained(caller: Pacs, ours: Authority, theirs: Authority, tmp_path: Path) -> None:
    def explained(port: int, **values: Any) -> str:
        admit(caller, "PEER", port, **values)
        answer = dimse.echo(caller, SYSTEM, "PEER")
        assert not answer.succeeded
        assert history.of_peer(caller, SYSTEM, "PEER")[0].outcome != "released"
        return answer.explanation

    with storescp() as plain:
        assert re.search("speaks no TLS|plain DICOM port", explained(plain, tls=True))
    certificate, key = ours.sign("peer")
    with storescp("+tls", key, certificate, "+cf", ours.certificate) as secure:
        assert "speaks TLS: `pacs peer change PEER --tls`" in explained(secure)
        assert "another certificate than the one" in explained(secure, tls=True, certificate="ab" * 32)
    with serving(tmp_path / "theirs", theirs) as foreign:
        assert "its authority is not one we trust" in explained(foreign.tls_port, tls=True)
        pinned = {"tls": True, "certificate": digest_of_certificate(theirs.folder / "server.pem")}
        assert "does not trust who signed our certificate" in explained(foreign.tls_port, **pinned)
        with opened(tmp_path / "bare") as bare:
            admit(bare.pacs, "PEER", foreign.tls_port, **pinned)
            assert "it wants a certificate of ours" in dimse.echo(bare.pacs, SYSTEM, "PEER").explanation
