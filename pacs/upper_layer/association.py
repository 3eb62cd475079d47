"""An association: negotiated, then messages both ways, in the one thread that owns it (PS3.8, PS3.7 9)."""

import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Self

from pacs.upper_layer.errors import (
    Aborted,
    AssociationError,
    Foreign,
    Lost,
    Rejected,
    Violation,
    foreign_protocol_of,
)
from pacs.upper_layer.message import C_CANCEL_RQ, RESPONSE, Command, encode_command, parse_command
from pacs.upper_layer.pdu import (
    ABORT,
    ACCEPTED,
    ASSOCIATE_AC,
    ASSOCIATE_RJ,
    ASSOCIATE_RQ,
    HEADER,
    P_DATA,
    RELEASE_RP,
    RELEASE_RQ,
    REMEMBERED,
    AnsweredContext,
    AssociateAccept,
    AssociateRequest,
    ProposedContext,
    Roles,
    decode_accept,
    decode_request,
    encode_abort,
    encode_accept,
    encode_reject,
    encode_release,
    encode_request,
)
from pacs.upper_layer.wire import Buffer, Wire

MAXIMUM_LENGTH = 256 << 10
"""Bytes of a P-DATA PDU's body that we announce to take: dcmtk sends at most 128 KiB, others what we say."""
MOST_RECEIVED = 1 << 20
"""Bytes of a PDU's body that we do take from a peer that does not listen."""
MOST_NEGOTIATED = 256 << 10
"""Bytes of a PDU's body before there is an association."""
MOST_SENT = 1 << 20
"""Bytes of a PDU's body that we send to a peer that takes any."""
LEAST_SENT = 1 << 10
"""A peer that takes less would have us cut data into crumbs."""
MOST_COMMAND = 16 << 10
GATHERED = 256 << 10
"""Bytes of a data set that are handed on at once."""
SENT_AT_ONCE = 1 << 20

NEGOTIATION_TIMEOUT_S = 10.0
PDU_TIMEOUT_S = 30.0
INACTIVITY_TIMEOUT_S = 60.0

PDV = struct.Struct(">LBB")
"""Length of what follows, context id, message control header (PS3.8 9.3.5.1, E.2)."""
P_DATA_PDV = struct.Struct(">BxLLBB")
IS_COMMAND, IS_LAST = 1, 2
PENDING = (0xFF00, 0xFF01)
"""Statuses of answers that are not the last (PS3.7 C.1.4)."""
UNEXPECTED_PDU, UNRECOGNIZED_PDU = 2, 1


Secure = Callable[[socket.socket], socket.socket]
"""Makes of a new connection one over TLS, once the peer has proved who it is. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Context:
    """An accepted presentation context, and what we may be in it."""

    context_id: int
    abstract_syntax: str
    transfer_syntax: str
    as_scu: bool
    as_scp: bool


@dataclass(frozen=True, slots=True)
class Message:
    """A message whose command set has arrived. Its data set, if it has one, is read from the association."""

    context: Context
    command: Command


def receive_request(wire: Wire) -> AssociateRequest:
    """The whole A-ASSOCIATE-RQ of a new connection. Raises AssociationError."""
    wire.limit(NEGOTIATION_TIMEOUT_S)
    kind, length = HEADER.unpack(header := wire.read(HEADER.size))
    if kind == ABORT:
        raise Aborted(0, 0)
    if kind != ASSOCIATE_RQ:
        raise _no_pdu(header, "the first PDU is no A-ASSOCIATE-RQ")
    if length > MOST_NEGOTIATED:
        raise Violation(f"an A-ASSOCIATE-RQ of {length} bytes")
    return decode_request(header + wire.read(length))


def accept(
    wire: Wire,
    request: AssociateRequest,
    contexts: Sequence[AnsweredContext],
    roles: Mapping[str, Roles],
    extended: Mapping[str, bytes],
    identity: bytes | None = None,
) -> "Association":
    """Say yes. roles: what the requestor may be, for those SOP classes for which it asked.

    identity: the answer to whom the requestor says to be; None: none.
    """
    answer = AssociateAccept(
        request.called_ae_title, request.calling_ae_title, tuple(contexts), MAXIMUM_LENGTH, roles, extended, identity
    )
    wire.send([encode_accept(answer)])
    ours = tuple((uid, Roles(scu=of_requestor.scp, scp=of_requestor.scu)) for uid, of_requestor in roles.items())
    accepted = _agreed(request.contexts, answer.contexts, ours, Roles(scu=False, scp=True))
    return Association(wire, request, answer, accepted, request.maximum_length)


def reject(wire: Wire, rejected: Rejected) -> None:
    """Say no, and close."""
    with suppress(AssociationError):
        wire.send([encode_reject(rejected.result, rejected.source, rejected.reason)])
    wire.close()


def abort(wire: Wire, error: BaseException | None) -> None:
    """End what cannot go on, telling the peer unless he is gone, and close."""
    if not isinstance(error, Aborted | Lost):
        source, reason = (2, error.reason) if isinstance(error, Violation) else (0, 0)
        with suppress(AssociationError):
            wire.send([encode_abort(source, reason)], seconds=2)
    wire.close()


def associate(
    address: tuple[str, int],
    request: AssociateRequest,
    *,
    timeout_s: float = NEGOTIATION_TIMEOUT_S,
    secure: Secure | None = None,
) -> "Association":
    """Open an association with a peer. secure: by TLS.

    Raises Rejected and other AssociationErrors, and OSError for no connection.
    """
    sock = socket.create_connection(address, timeout=timeout_s)
    try:
        if secure is not None:
            sock = secure(sock)
        wire = Wire(sock)
    except OSError:
        sock.close()
        raise
    try:
        return _negotiate(wire, request, timeout_s)
    except AssociationError as error:
        abort(wire, error)
        raise


def request_of(
    calling_ae_title: str,
    called_ae_title: str,
    syntaxes: Sequence[tuple[str, Sequence[str]]],
    roles: Mapping[str, Roles] | None = None,
) -> AssociateRequest:
    """A request that proposes pairs of an abstract syntax and its transfer syntaxes; at most 128."""
    contexts = tuple(
        ProposedContext(2 * index + 1, abstract_syntax, tuple(transfer_syntaxes))
        for index, (abstract_syntax, transfer_syntaxes) in enumerate(syntaxes)
    )
    return AssociateRequest(called_ae_title, calling_ae_title, contexts, MAXIMUM_LENGTH, roles or {})


def _negotiate(wire: Wire, request: AssociateRequest, timeout_s: float) -> "Association":
    wire.send([encode_request(request)])
    wire.limit(timeout_s)
    kind, length = HEADER.unpack(header := wire.read(HEADER.size))
    if foreign_protocol_of(header):
        raise _no_pdu(header, "")
    if length > MOST_NEGOTIATED:
        raise Violation(f"an answer of {length} bytes to our A-ASSOCIATE-RQ")
    body = wire.read(length)
    if kind == ASSOCIATE_RJ and length >= 4:
        raise Rejected(*body[1:4])
    if kind == ABORT and length >= 4:
        raise Aborted(*body[2:4])
    if kind != ASSOCIATE_AC:
        raise Violation("our A-ASSOCIATE-RQ was not answered", UNEXPECTED_PDU)
    return _associated(wire, request, decode_accept(header + body))


def _no_pdu(head: bytes, what: str) -> Violation:
    protocol = foreign_protocol_of(head)
    return Foreign(protocol) if protocol else Violation(what, UNEXPECTED_PDU)


def _associated(wire: Wire, request: AssociateRequest, answer: AssociateAccept) -> "Association":
    accepted = _agreed(request.contexts, answer.contexts, tuple(answer.roles.items()), Roles(scu=True, scp=False))
    return Association(wire, request, answer, accepted, answer.maximum_length)


@lru_cache(REMEMBERED)
def _agreed(
    proposed: tuple[ProposedContext, ...],
    answered: tuple[AnsweredContext, ...],
    selected: tuple[tuple[str, Roles], ...],
    usual: Roles,
) -> tuple[Context, ...]:
    """The accepted contexts. selected: what we may be, by SOP class, where that is not the usual."""
    abstract_syntaxes = {context.context_id: context.abstract_syntax for context in proposed}
    roles = dict(selected)
    return tuple(
        Context(number, syntax, transfer_syntax, *roles.get(syntax, usual))
        for number, result, transfer_syntax in answered
        if result == ACCEPTED and (syntax := abstract_syntaxes.get(number)) is not None
    )


class Association:
    """An established association. As a context manager it is aborted on an error, and closed whatever happens."""

    def __init__(
        self,
        wire: Wire,
        request: AssociateRequest,
        answer: AssociateAccept,
        contexts: Sequence[Context],
        peer_maximum_length: int,
    ) -> None:
        self.request = request
        self.answer = answer
        self.statuses: Counter[tuple[int, int]] = Counter()
        """How many requests, ours and the peer's, ended with which status, by the command field of the request."""
        self.when_ended: Callable[[BaseException | None], None] | None = None
        """Told once, when the association has ended, what ended it; None: a release."""
        self.calling_ae_title = request.calling_ae_title
        self.called_ae_title = request.called_ae_title
        self.contexts = {context.context_id: context for context in contexts}
        self.extended = answer.extended
        """What was agreed by SOP class extended negotiation."""
        most = min(peer_maximum_length or MOST_SENT, MOST_SENT)
        if most < LEAST_SENT:
            raise Violation(f"a maximum length of {most} bytes")
        self._fragment = (most - PDV.size) & ~1  # fragments are of even length (PS3.8 Annex E)
        self._wire = wire
        self._left_in_pdu = 0
        self._data_context: int | None = None
        """The context in which a data set is still to be read."""
        self._left_in_fragment = 0
        self._is_last_fragment = False
        self._gathered: memoryview | None = None
        self._cancelled: set[int] = set()
        self._expected: dict[int, Callable[[Command], None]] = {}
        """What is to be done with responses that are not waited for, by the message id of our request."""
        self._message_id = 0
        self._open = True

    def receive(self) -> Message | None:
        """The next message, once what is left of the last one's data set is passed over; None: the peer released.

        Raises AssociationError.
        """
        for _ in self.data_set():
            pass
        command = bytearray()
        number: int | None = None
        while True:
            pdv = self._next_pdv(between_messages=number is None)
            if pdv is None:
                return None
            context_id, control, length = pdv
            if not control & IS_COMMAND or context_id not in self.contexts or number not in (None, context_id):
                raise Violation("a fragment that belongs to no message")
            if len(command) + length > MOST_COMMAND:
                raise Violation("a command set without an end")
            number = context_id
            command += self._wire.read(length)
            if control & IS_LAST:
                break
        message = Message(self.contexts[context_id], parse_command(bytes(command)))
        self._count(message.command)
        if message.command.has_data_set:
            self._data_context, self._is_last_fragment = context_id, False
        return message

    def data_set(self) -> Iterator[memoryview]:
        """What is still unread of the data set of the last message, in large pieces, each valid until the next."""
        if self._data_context is None:
            return
        if self._gathered is None:
            self._gathered = memoryview(bytearray(GATHERED))
        gathered, filled = self._gathered, 0
        while self._left_in_fragment or not self._is_last_fragment:
            if not self._left_in_fragment:
                self._begin_fragment()
            size = min(self._left_in_fragment, len(gathered) - filled)
            self._wire.read_into(gathered[filled : filled + size])
            filled += size
            self._left_in_fragment -= size
            if filled == len(gathered):
                yield gathered
                filled = 0
        self._data_context = None
        if filled:
            yield gathered[:filled]

    def read_data_set(self, most: int) -> bytes:
        """The data set of the message received last, whole. Raises Violation when it is longer than most bytes."""
        data = bytearray()
        for piece in self.data_set():
            data += piece
            if len(data) > most:
                raise Violation(f"a data set of more than {most} bytes")
        return bytes(data)

    def send(self, context: Context, command: Command, data_set: Iterable[Buffer] = ()) -> None:
        """A message. data_set: its bytes in pieces, if the command announces it. Raises AssociationError."""
        self._count(command)
        buffers, size = [*self._command_pdu(context, encode_command(command))], 0
        if command.has_data_set:
            for fragment, is_last in _fragments(data_set, self._fragment):
                buffers += self._data_pdu(context, fragment, is_last)
                size += len(fragment)
                if size >= SENT_AT_ONCE:
                    self._wire.send(buffers)
                    buffers, size = [], 0
        self._wire.send(buffers)

    def encode(self, context: Context, command: bytes, data_set: bytes) -> list[Buffer]:
        """A message with a small data set, to be sent together with others by `send_encoded`."""
        buffers = self._command_pdu(context, command)
        for fragment, is_last in _fragments([data_set], self._fragment):
            buffers += self._data_pdu(context, fragment, is_last)
        return buffers

    def send_encoded(self, buffers: Sequence[Buffer]) -> None:
        self._wire.send(buffers)

    def response(self) -> Command:
        """The response to the request that we sent last; its data set is left to be read. Raises AssociationError."""
        while True:
            message = self.receive()
            if message is None:
                raise Lost("the peer released the association in the middle of an operation")
            if message.command.command_field & RESPONSE and not self._is_expected(message.command):
                return message.command
            self._note(message.command)

    def is_cancelled(self, message_id: int) -> bool:
        """Whether the peer has cancelled his request (PS3.7 9.3.2.3). Never waits."""
        while self._wire.has_input():
            message = self.receive()
            if message is None:
                raise Lost("the peer released the association in the middle of an operation")
            self._note(message.command)
        return message_id in self._cancelled

    def has_input(self, seconds: float = 0.0) -> bool:
        """Whether the peer says something within so many seconds. Nothing of it is read."""
        return self._wire.has_input(seconds)

    def expect(self, message_id: int, then: Callable[[Command], None]) -> None:
        """Have the response to this request of ours handed to `then` by `take_response`, whatever comes before it."""
        self._expected[message_id] = then

    def take_response(self, command: Command) -> None:
        """A response that came between other messages. Raises Violation when no request of ours expects it."""
        if not self._is_expected(command):
            raise Violation("a response to no request")
        self._expected.pop(command.message_id_being_responded_to or 0)(command)

    def next_message_id(self) -> int:
        """A number from 1 to 65,535 that no request of ours in this association has lately borne."""
        self._message_id = self._message_id % 0xFFFF + 1
        return self._message_id

    def release(self) -> None:
        """End the association in good order, as its requestor, and close. Raises AssociationError."""
        self._wire.send([encode_release(RELEASE_RQ)])
        self._wire.limit(NEGOTIATION_TIMEOUT_S)
        kind = self._next_pdu()
        while kind == P_DATA:  # what was on its way
            self._wire.read(self._left_in_pdu)
            kind = self._next_pdu()
        if kind == RELEASE_RQ:  # both at once (PS3.8 9.2.3, release collision)
            self._wire.send([encode_release(RELEASE_RP)])
        self._open = False
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            self._open = False
            abort(self._wire, error)
        self._tell_end(error)

    def _tell_end(self, error: BaseException | None) -> None:
        when_ended, self.when_ended = self.when_ended, None
        if when_ended is not None:
            when_ended(error)

    def _count(self, command: Command) -> None:
        if command.command_field & RESPONSE and command.status is not None and command.status not in PENDING:
            self.statuses[command.command_field ^ RESPONSE, command.status] += 1

    def _is_expected(self, command: Command) -> bool:
        return command.message_id_being_responded_to in self._expected

    def _note(self, command: Command) -> None:
        """A message in the middle of an operation: a cancel, or a response that we do not wait for."""
        if command.command_field & RESPONSE:
            self.take_response(command)
            return
        if command.command_field != C_CANCEL_RQ or command.message_id_being_responded_to is None:
            raise Violation("a message in the middle of an operation")
        self._cancelled.add(command.message_id_being_responded_to)

    def _begin_fragment(self) -> None:
        pdv = self._next_pdv(between_messages=False)
        if pdv is None or pdv[1] & IS_COMMAND or pdv[0] != self._data_context:
            raise Violation("a fragment that belongs to no data set")
        _, control, self._left_in_fragment = pdv
        self._is_last_fragment = bool(control & IS_LAST)

    def _next_pdv(self, *, between_messages: bool) -> tuple[int, int, int] | None:
        """Context id, message control header and length of the next fragment, which is then to be read.

        None: the peer released, which he may only between messages.
        """
        if not self._left_in_pdu:
            self._wire.wait(INACTIVITY_TIMEOUT_S, interruptible=between_messages)
            self._wire.limit(PDU_TIMEOUT_S)
            kind = self._next_pdu()
            if kind == RELEASE_RQ and between_messages:
                self._open = False
                self._tell_end(None)  # before the peer can know: he may come again at once
                self._wire.send([encode_release(RELEASE_RP)])
                self._wire.close()
                return None
            if kind != P_DATA:
                raise Violation(f"a PDU of type {kind}", UNEXPECTED_PDU)
        if self._left_in_pdu < PDV.size:
            raise Violation("a P-DATA PDU with a broken item")
        length, context_id, control = PDV.unpack(self._wire.read(PDV.size))
        self._left_in_pdu -= length + 4
        if length < 2 or self._left_in_pdu < 0:
            raise Violation("a P-DATA PDU with a broken item")
        return context_id, control, length - 2

    def _next_pdu(self) -> int:
        """The type of the next PDU. Of P-DATA only the head is read; an abort is raised."""
        kind, length = HEADER.unpack(self._wire.read(HEADER.size))
        if kind == P_DATA:
            if not 0 < length <= MOST_RECEIVED:
                raise Violation(f"a P-DATA PDU of {length} bytes")
            self._left_in_pdu = length
            return P_DATA
        if kind not in (RELEASE_RQ, RELEASE_RP, ABORT):
            reason = UNEXPECTED_PDU if kind in (ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ) else UNRECOGNIZED_PDU
            raise Violation(f"a PDU of type {kind}", reason)
        if length != 4:
            raise Violation(f"a PDU of type {kind} of {length} bytes")
        body = self._wire.read(length)
        if kind == ABORT:
            raise Aborted(body[2], body[3])
        return int(kind)

    def _command_pdu(self, context: Context, command: bytes) -> list[Buffer]:
        head = P_DATA_PDV.pack(
            P_DATA, len(command) + PDV.size, len(command) + 2, context.context_id, IS_COMMAND | IS_LAST
        )
        return [head + command]

    def _data_pdu(self, context: Context, fragment: Buffer, is_last: bool) -> list[Buffer]:
        size = len(fragment)
        head = P_DATA_PDV.pack(P_DATA, size + PDV.size, size + 2, context.context_id, IS_LAST if is_last else 0)
        return [head, fragment]


def _fragments(pieces: Iterable[Buffer], size: int) -> Iterator[tuple[Buffer, bool]]:
    """The pieces cut into fragments of at most so many bytes, and whether each is the last; at least one."""
    held: Buffer = b""
    for piece in pieces:
        view = memoryview(piece)
        for start in range(0, len(view), size):
            if len(held):
                yield held, False
            held = view[start : start + size]
    yield held, True
