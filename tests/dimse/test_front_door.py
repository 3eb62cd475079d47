"""What strangers can do at the door: nothing that costs anybody else anything."""

import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs.dimse import front_door
from tests.conftest import ROOT
from tests.dimse.conftest import (
    ECHO,
    EXPLICIT,
    Door,
    RawPeer,
    associated,
    dcmtk,
    opened,
    pdv,
    rejection_of,
    response_of,
    store_command,
    wait_for,
)
from tests.make import data_set_bytes, make_ct, make_uid


@pytest.fixture
def impatient_door(tmp_path: Path, server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A door of this test's own, in a hurry."""
    monkeypatch.setattr("pacs.upper_layer.association.NEGOTIATION_TIMEOUT_S", 0.5)
    monkeypatch.setattr("pacs.upper_layer.association.PDU_TIMEOUT_S", 0.5)
    monkeypatch.setattr("pacs.dimse.front_door.HANDSHAKE_TIMEOUT_S", 0.5)
    with opened(tmp_path / "data", tls=server_tls) as door:
        wait_for((tmp_path / "data/run/dicom/process-0").exists)  # from then on it keeps as many files open
        yield door


FREEZE = """
import sys
from tests.dimse.conftest import Door, RawPeer

door = Door(None, int(sys.argv[1]))
peers = [RawPeer(door) for _ in range(50)]
for peer in peers:
    peer.associate()
    peer.socket.sendall(bytes.fromhex(sys.argv[2]))
print("associated", flush=True)
sys.stdin.read()
"""


def means() -> tuple[int, int]:
    """Threads and open files of this process; not the threads that wait at the door, or write the diary later."""
    threads = sum(thread.name not in ("diary", front_door.READY) for thread in threading.enumerate())
    return threads, len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="silence"),
        pytest.param(b"\1\0\0", id="three bytes, then silence"),
        pytest.param(struct.pack(">BxL", 1, 500) + bytes(100), id="half a request, then silence"),
        pytest.param(struct.pack(">BxL", 1, 0xFFFFFFFF) + bytes(4096), id="4 GiB declared"),
        pytest.param(struct.pack(">BxL", 4, 1024) + bytes(1024), id="data before an association"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n", id="HTTP"),
    ],
)
def test_a_stranger_who_does_not_introduce_himself_is_dropped(impatient_door: Door, sent: bytes) -> None:
    before = means()

    with RawPeer(impatient_door) as peer:
        peer.socket.sendall(sent)
        assert peer.is_closed()

    wait_for(lambda: means() == before)


def test_a_stranger_who_drips_is_dropped(impatient_door: Door) -> None:
    with RawPeer(impatient_door) as peer:
        peer.socket.settimeout(0.05)
        peer.socket.sendall(struct.pack(">BxL", 1, 500))
        for _ in range(200):
            try:
                peer.socket.sendall(b"\0")
                if not peer.socket.recv(10).startswith(b"\7"):
                    continue
            except TimeoutError:
                continue
            except OSError:
                pass
            return
    pytest.fail("it may drip for ever")


def test_a_silent_peer_of_tls_keeps_nobody_waiting(impatient_door: Door) -> None:
    before = means()
    silent = [socket.create_connection(("127.0.0.1", impatient_door.tls_port)) for _ in range(10)]
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE

    with (
        socket.create_connection(("127.0.0.1", impatient_door.tls_port), timeout=20) as honest,
        trusting.wrap_socket(honest) as secured,
    ):
        secured.sendall(struct.pack(">BxL", 1, 4) + bytes(4))
        assert secured.recv(10) == bytes.fromhex("0700 00000004 0000 02 06")

    for one in silent:
        one.settimeout(20)
        assert one.recv(1) == b""
        one.close()
    wait_for(lambda: means() == before)


def test_dcmtk_and_tls_agree(impatient_door: Door) -> None:
    done = dcmtk("echoscu", "+tla", "-ic", "-aec", "PACS", "127.0.0.1", impatient_door.tls_port)

    assert done.returncode == 0, done.stderr


def test_64_silent_strangers_do_not_shut_the_door(door: Door) -> None:
    silent = [RawPeer(door) for _ in range(front_door.MOST_WAITING)]
    try:
        with associated(door, [(ECHO, [EXPLICIT])]) as association:
            assert association.send_c_echo().Status == 0
        assert silent[0].is_closed()  # the one who had waited longest made room
    finally:
        for one in silent:
            one.socket.close()


def test_an_address_that_is_not_ours_may_not_fill_the_door(
    impatient_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pacs.dimse.front_door._is_loopback", lambda address: False)
    waiting = [RawPeer(impatient_door) for _ in range(front_door.MOST_WAITING_OF_ADDRESS)]
    wait_for(lambda: means()[0] > front_door.MOST_WAITING_OF_ADDRESS)

    with RawPeer(impatient_door) as one_more:
        one_more.socket.settimeout(0.3)
        assert one_more.is_closed()
    for one in waiting:
        one.socket.close()


def test_one_association_too_many_is_told_to_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacs.dimse.server.EACH_PROCESS", 1)

    with (
        opened(tmp_path / "data", workers=2) as door,
        associated(door, [(ECHO, [EXPLICIT])]),
        associated(door, [(ECHO, [EXPLICIT])]),
        associated(door, [(ECHO, [EXPLICIT])]) as third,
    ):
        assert rejection_of(third) == (2, 3, 2)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(struct.pack(">BxL", 4, 1024), id="the head of a PDU"),
        pytest.param(struct.pack(">BxL", 4, 1024) + bytes(100), id="half a PDU"),
    ],
)
def test_fifty_peers_that_froze_are_let_go(impatient_door: Door, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    """F-21. Peers in a process that is stopped: its kernel takes what is sent to them, and nobody answers."""
    monkeypatch.setattr("pacs.upper_layer.association.INACTIVITY_TIMEOUT_S", 0.5)
    before = means()[0]
    command = [sys.executable, "-c", FREEZE, str(impatient_door.port), sent.hex()]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as frozen:
        assert frozen.stdout
        assert frozen.stdout.readline() == b"associated\n"
        frozen.send_signal(signal.SIGSTOP)

        wait_for(lambda: means()[0] == before)
        with associated(impatient_door, [(ECHO, [EXPLICIT])]) as association:
            assert association.send_c_echo().Status == 0
        frozen.kill()


@pytest.mark.parametrize("sent", [0, 1, 4000])
def test_an_abort_in_the_middle_of_a_store_leaves_nothing(door: Door, sent: int) -> None:
    before, files = means(), door.files()
    data = data_set_bytes(make_ct(rows=64, columns=64))

    with RawPeer(door) as peer:
        peer.associate()
        peer.send(pdv(3, store_command(make_uid())))
        peer.send(pdv(0, data[:sent]))
        peer.abort()
        assert peer.is_closed()

    wait_for(lambda: means() == before)
    assert door.files() == files


def test_a_connection_cut_in_the_middle_of_a_store_leaves_nothing(door: Door) -> None:
    before, files = means(), door.files()

    with RawPeer(door) as peer:
        peer.associate()
        peer.send(pdv(3, store_command(make_uid())), pdv(0, bytes(5000)))
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset

    wait_for(lambda: means() == before)
    assert door.files() == files


def test_a_declared_length_of_4_gib_in_an_association_ends_it(door: Door) -> None:
    with RawPeer(door) as peer:
        peer.associate()
        peer.socket.sendall(struct.pack(">BxL", 4, 0xFFFFFFFF) + bytes(4096))

        assert peer.receive_pdu() == (7, bytes([0, 0, 2, 6]))
        assert peer.is_closed()


def test_what_is_in_flight_finishes_when_the_door_shuts(tmp_path: Path) -> None:
    ds = make_ct()
    data = data_set_bytes(ds)
    with opened(tmp_path / "data") as door:
        idle, busy = RawPeer(door), RawPeer(door)
        idle.associate()
        busy.associate()
        busy.send(pdv(3, store_command(ds.SOPInstanceUID)), pdv(0, data[:100]))
        shutting = threading.Timer(0.5, lambda: busy.send(pdv(2, data[100:])))
        shutting.start()

    kind, answer = busy.receive_pdu()
    assert kind == 4
    assert response_of(answer[6:])[0x0900] == b"\0\0"
    assert busy.receive_pdu()[0] == 7
    assert idle.receive_pdu()[0] == 7
    shutting.join()
    busy.socket.close()
    idle.socket.close()


def test_nobody_is_let_in_while_the_door_shuts(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as door:
        waiting = RawPeer(door)
        wait_for(lambda: any(thread.name.startswith("association") for thread in threading.enumerate()))

    assert waiting.is_closed()
    waiting.socket.close()
    with pytest.raises(OSError, match="refused"):
        RawPeer(door)
