"""An association over a real socket, the peer's bytes written out."""

import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pacs.upper_layer.association import (
    MOST_COMMAND,
    MOST_RECEIVED,
    Association,
    accept,
    associate,
    receive_request,
    reject,
    request_of,
)
from pacs.upper_layer.errors import Aborted, AssociationError, Lost, Rejected, Stopping, TimedOut, Violation
from pacs.upper_layer.message import (
    C_CANCEL_RQ,
    C_ECHO_RQ,
    C_FIND_RQ,
    C_STORE_RQ,
    N_EVENT_REPORT_RQ,
    RESPONSE,
    Command,
    encode_command,
)
from pacs.upper_layer.pdu import AnsweredContext, AssociateRequest, ProposedContext, Roles, encode_request
from pacs.upper_layer.wire import Wire

CT = "1.2.840.10008.5.1.4.1.1.2"
ECHO = "1.2.840.10008.1.1"
EXPLICIT = "1.2.840.10008.1.2.1"
COMMAND, LAST = 1, 2
RELEASE_RQ = bytes.fromhex("0500 00000004 00000000")
RELEASE_RP = bytes.fromhex("0600 00000004 00000000")
ABORT = bytes.fromhex("0700 00000004 0000 0000")

Pair = tuple[socket.socket, socket.socket]


def pdv(control: int, value: bytes, context_id: int = 1) -> bytes:
    return struct.pack(">LBB", len(value) + 2, context_id, control) + value


def p_data(*pdvs: bytes) -> bytes:
    body = b"".join(pdvs)
    return struct.pack(">BxL", 4, len(body)) + body


def echo(message_id: int = 1) -> bytes:
    return encode_command(Command(command_field=C_ECHO_RQ, message_id=message_id, affected_sop_class_uid=ECHO))


STORE = encode_command(
    Command(
        command_field=C_STORE_RQ,
        message_id=1,
        affected_sop_class_uid=CT,
        affected_sop_instance_uid="1.2.3",
        command_data_set_type=1,
    )
)


@pytest.fixture
def established(connection: Pair) -> Iterator[tuple[Association, socket.socket]]:
    """Our association, with context 1 for CT and 3 for verification; and the peer's socket."""
    ours, peer = connection
    request = AssociateRequest(
        "PACS", "CT", (ProposedContext(1, CT, (EXPLICIT,)), ProposedContext(3, ECHO, (EXPLICIT,))), 1 << 16
    )
    peer.sendall(encode_request(request))
    wire = Wire(ours)
    received = receive_request(wire)
    answers = [AnsweredContext(context.context_id, 0, EXPLICIT) for context in received.contexts]
    association = accept(wire, received, answers, {}, {})
    assert receive_pdu(peer)[0] == 2
    yield association, peer
    peer.close()  # or our end would linger until it is
    with association:
        pass


def receive_exactly(peer: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = peer.recv(size - len(data))
        assert piece, f"the connection ended after {data!r}"
        data += piece
    return data


def receive_pdu(peer: socket.socket) -> tuple[int, bytes]:
    kind, length = struct.unpack(">BxL", receive_exactly(peer, 6))
    return kind, receive_exactly(peer, length)


@pytest.mark.parametrize("sizes", [(300,), (1, 2, 297), (100, 100, 100)])
def test_a_message_is_put_together_from_its_fragments(
    established: tuple[Association, socket.socket], sizes: tuple[int, ...]
) -> None:
    association, peer = established
    data = bytes(index % 251 for index in range(300))
    ends = [sum(sizes[: index + 1]) for index in range(len(sizes))]
    fragments = [data[end - size : end] for size, end in zip(sizes, ends, strict=True)]
    pdvs = [pdv(LAST if end == 300 else 0, one) for one, end in zip(fragments, ends, strict=True)]

    peer.sendall(p_data(pdv(COMMAND, STORE[:10])) + p_data(pdv(COMMAND | LAST, STORE[10:]), pdvs[0]))
    peer.sendall(p_data(*pdvs[1:]) if pdvs[1:] else b"")
    message = association.receive()

    assert message is not None
    assert (message.context.abstract_syntax, message.command.affected_sop_instance_uid) == (CT, "1.2.3")
    assert b"".join(map(bytes, association.data_set())) == data


def test_a_data_set_larger_than_any_buffer_is_handed_on_in_pieces(
    established: tuple[Association, socket.socket],
) -> None:
    association, peer = established
    block = bytes(range(256)) * 512  # 128 KiB
    pdus = [p_data(pdv(0, block)) for _ in range(15)] + [p_data(pdv(LAST, block))]
    sending = threading.Thread(target=peer.sendall, args=(p_data(pdv(COMMAND | LAST, STORE)) + b"".join(pdus),))
    sending.start()

    association.receive()
    sizes = []
    for piece in association.data_set():
        assert bytes(piece) == block * (len(piece) // len(block))
        sizes.append(len(piece))
    sending.join()

    assert sum(sizes) == 16 * len(block)
    assert len(sizes) > 1


def test_what_a_handler_left_unread_is_passed_over(established: tuple[Association, socket.socket]) -> None:
    association, peer = established
    block = bytes(1 << 17)
    store = p_data(pdv(COMMAND | LAST, STORE)) + p_data(pdv(0, block)) * 12 + p_data(pdv(LAST, block))
    sending = threading.Thread(target=peer.sendall, args=(store + p_data(pdv(COMMAND | LAST, echo(2), 3)),))
    sending.start()

    association.receive()
    for _ in association.data_set():
        break
    message = association.receive()
    sending.join()

    assert message is not None
    assert message.command.message_id == 2


def test_a_release_is_answered_and_ends_the_conversation(established: tuple[Association, socket.socket]) -> None:
    association, peer = established
    closing = threading.Timer(0.1, peer.shutdown, [socket.SHUT_WR])
    closing.start()
    peer.sendall(RELEASE_RQ)

    assert association.receive() is None
    assert receive_exactly(peer, 10) == RELEASE_RP
    assert peer.recv(1) == b""
    closing.join()


@pytest.mark.parametrize(
    ("sent", "expected", "answer"),
    [
        pytest.param(ABORT, Aborted, None, id="abort"),
        pytest.param(b"\4\0", Lost, None, id="cut in the head of a PDU"),
        pytest.param(p_data(pdv(COMMAND | LAST, STORE))[:40], Lost, None, id="cut in a command"),
        pytest.param(p_data(pdv(COMMAND | LAST, STORE)) + ABORT, Aborted, None, id="abort before the data set"),
        pytest.param(p_data(pdv(COMMAND | LAST, STORE)) + RELEASE_RQ, Violation, 2, id="release before the data set"),
        pytest.param(struct.pack(">BxL", 4, MOST_RECEIVED + 1), Violation, 6, id="a PDU of 1 MiB and a byte"),
        pytest.param(struct.pack(">BxL", 4, 0xFFFFFFFF), Violation, 6, id="a PDU of 4 GiB"),
        pytest.param(struct.pack(">BxL", 4, 0), Violation, 6, id="an empty PDU"),
        pytest.param(struct.pack(">BxLLBB", 4, 6, 0xFFFFFFFF, 1, 3), Violation, 6, id="a PDV of 4 GiB"),
        pytest.param(struct.pack(">BxLLBB", 4, 6, 1, 1, 3), Violation, 6, id="a PDV of one byte"),
        pytest.param(p_data(pdv(COMMAND | LAST, STORE, 5)), Violation, 6, id="a context that was not agreed"),
        pytest.param(p_data(pdv(LAST, b"data")), Violation, 6, id="data before a command"),
        pytest.param(p_data(pdv(COMMAND, bytes(MOST_COMMAND + 1))), Violation, 6, id="a command without an end"),
        pytest.param(p_data(pdv(COMMAND | LAST, b"no command")), Violation, 6, id="no command"),
        pytest.param(p_data(pdv(COMMAND | LAST, STORE), pdv(COMMAND | LAST, STORE)), Violation, 6, id="two commands"),
        pytest.param(p_data(pdv(COMMAND | LAST, STORE), pdv(LAST, b"", 3)), Violation, 6, id="data in another context"),
        pytest.param(struct.pack(">BxL", 1, 4) + bytes(4), Violation, 2, id="a second A-ASSOCIATE-RQ"),
        pytest.param(struct.pack(">BxL", 9, 4) + bytes(4), Violation, 1, id="a PDU of no known type"),
        pytest.param(struct.pack(">BxL", 5, 0xFFFFFFFF), Violation, 6, id="a release of 4 GiB"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", Violation, 1, id="HTTP"),
    ],
)
def test_what_breaks_the_protocol_ends_the_association(
    established: tuple[Association, socket.socket], sent: bytes, expected: type[AssociationError], answer: int | None
) -> None:
    association, peer = established
    peer.sendall(sent)
    peer.shutdown(socket.SHUT_WR)

    with pytest.raises(expected), association:
        while association.receive() is not None:
            for _ in association.data_set():
                pass

    if answer is not None:
        assert receive_pdu(peer) == (7, bytes([0, 0, 2, answer]))
    assert peer.recv(1) == b""


def test_a_message_is_cut_to_what_the_peer_takes(established: tuple[Association, socket.socket]) -> None:
    association, peer = established
    data = bytes(index % 251 for index in range(200_001))
    command = Command(command_field=C_STORE_RQ, message_id=1, command_data_set_type=1)

    association.send(association.contexts[1], command, [data[:70_000], memoryview(data)[70_000:70_001], data[70_001:]])

    kind, body = receive_pdu(peer)
    assert (kind, body[5]) == (4, COMMAND | LAST)
    received, controls = b"", []
    while sum(map(len, [received])) < len(data):
        _, body = receive_pdu(peer)
        assert len(body) <= 1 << 16
        received += body[6:]
        controls.append(body[5])
    assert received == data
    assert controls == [0] * (len(controls) - 1) + [LAST]


def test_a_cancel_is_seen_between_answers_and_no_sooner(established: tuple[Association, socket.socket]) -> None:
    association, peer = established
    cancel = encode_command(Command(command_field=C_CANCEL_RQ, message_id_being_responded_to=4))

    assert not association.is_cancelled(4)
    peer.sendall(p_data(pdv(COMMAND | LAST, cancel)))
    while not association.is_cancelled(4):
        pass
    assert not association.is_cancelled(5)


def test_a_request_in_the_middle_of_an_operation_is_a_violation(
    established: tuple[Association, socket.socket],
) -> None:
    association, peer = established
    find = encode_command(Command(command_field=C_FIND_RQ, message_id=2))
    peer.sendall(p_data(pdv(COMMAND | LAST, find)))

    with pytest.raises(Violation):
        association.response()


def test_a_response_that_is_expected_is_handed_on_whatever_we_wait_for_meanwhile(
    established: tuple[Association, socket.socket],
) -> None:
    association, peer = established
    reported, stored, cancel = (
        encode_command(Command(command_field=field, message_id_being_responded_to=number, status=0))
        for field, number in ((N_EVENT_REPORT_RQ | RESPONSE, 7), (C_STORE_RQ | RESPONSE, 8), (C_CANCEL_RQ, 4))
    )
    taken: list[Command] = []
    association.expect(7, taken.append)

    peer.sendall(b"".join(p_data(pdv(COMMAND | LAST, command)) for command in (reported, stored)))
    assert association.response().message_id_being_responded_to == 8
    assert [command.message_id_being_responded_to for command in taken] == [7]

    association.expect(7, taken.append)
    peer.sendall(b"".join(p_data(pdv(COMMAND | LAST, command)) for command in (reported, cancel)))
    while not association.is_cancelled(4):
        pass
    assert len(taken) == 2
    with pytest.raises(Violation):
        association.take_response(taken[0])


@pytest.mark.parametrize("sent", [b"", b"\4\0\0", p_data(pdv(COMMAND | LAST, STORE)) + p_data(pdv(0, bytes(99)))[:50]])
def test_a_peer_that_falls_silent_is_given_up(
    established: tuple[Association, socket.socket], monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    association, peer = established
    monkeypatch.setattr("pacs.upper_layer.association.INACTIVITY_TIMEOUT_S", 0.2)
    monkeypatch.setattr("pacs.upper_layer.association.PDU_TIMEOUT_S", 0.2)
    peer.sendall(sent)

    with pytest.raises(TimedOut):
        while association.receive() is not None:
            for _ in association.data_set():
                pass


def test_a_peer_that_drips_is_given_up(connection: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, peer = connection
    monkeypatch.setattr("pacs.upper_layer.association.NEGOTIATION_TIMEOUT_S", 0.5)
    over = threading.Event()

    def drip() -> None:
        for byte in encode_request(request_of("CT", "PACS", [(CT, [EXPLICIT])])):
            if over.wait(0.05):
                return
            peer.sendall(bytes([byte]))

    dripping = threading.Thread(target=drip)
    dripping.start()

    with pytest.raises(TimedOut):
        receive_request(Wire(ours))
    over.set()
    dripping.join()


def test_a_peer_that_does_not_read_is_given_up(connection: Pair) -> None:
    ours, _ = connection

    with pytest.raises(TimedOut):
        Wire(ours).send([bytes(64 << 20)], seconds=0.1)


def test_an_idle_association_ends_when_we_are_told_to_stop(connection: Pair) -> None:
    ours, _ = connection
    stop = threading.Event()
    wire = Wire(ours, stop)
    stop.set()

    with pytest.raises(Stopping):
        wire.wait(60, interruptible=True)


@pytest.mark.parametrize("length", [256 * 1024 + 1, 0xFFFFFFFF])
def test_a_request_that_is_too_long_is_refused_unread(connection: Pair, length: int) -> None:
    ours, peer = connection
    peer.sendall(struct.pack(">BxL", 1, length))

    with pytest.raises(Violation):
        receive_request(Wire(ours))


def acceptor(listener: socket.socket, decide: Any) -> threading.Thread:
    """A peer that meets one connection as `decide` says."""

    def meet() -> None:
        sock, _ = listener.accept()
        wire = Wire(sock)
        decide(wire, receive_request(wire))

    thread = threading.Thread(target=meet)
    thread.start()
    return thread


def test_roles_are_seen_from_both_ends() -> None:
    ends = {}

    def decide(wire: Wire, request: AssociateRequest) -> None:
        answers = [AnsweredContext(context.context_id, 0, EXPLICIT) for context in request.contexts]
        with accept(wire, request, answers, dict(request.roles), {}) as association:
            ends["acceptor"] = association.contexts[1]
            assert association.receive() is None

    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = acceptor(listener, decide)
        request = request_of("WS", "PACS", [(CT, [EXPLICIT]), (ECHO, [EXPLICIT])], {CT: Roles(scu=False, scp=True)})
        association = associate(listener.getsockname(), request)
        association.release()
        peer.join()

    assert (association.contexts[1].as_scu, association.contexts[1].as_scp) == (False, True)
    assert (association.contexts[3].as_scu, association.contexts[3].as_scp) == (True, False)
    assert (ends["acceptor"].as_scu, ends["acceptor"].as_scp) == (True, False)


def test_a_rejection_says_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = acceptor(listener, lambda wire, request: reject(wire, Rejected(1, 1, 7)))
        with pytest.raises(Rejected, match="for good: the called AE title is not known there") as caught:
            associate(listener.getsockname(), request_of("WS", "PACS", [(ECHO, [EXPLICIT])]))
        peer.join()

    assert (caught.value.result, caught.value.source, caught.value.reason) == (1, 1, 7)


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="TCP_QUICKACK is Linux's")
def test_what_was_received_is_acknowledged_at_once(connection: Pair) -> None:
    """A sender with Nagle's algorithm on waits for it. The kernel delays it again after each answer that we send."""
    ours, peer = connection
    wire = Wire(ours)
    for _ in range(3):
        peer.sendall(b"request")
        wire.read(7)
        wire.send([b"answer"])
        receive_exactly(peer, 6)
    delays = not ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK)

    peer.sendall(b"request")
    wire.read(7)

    assert delays
    assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK)
