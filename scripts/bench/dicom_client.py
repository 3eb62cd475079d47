"""A DICOM client that costs next to nothing: it sends what is encoded already and counts what comes (PS3.8, PS3.7).

It trusts its peer, which is one of the servers that are measured. What is sent fits one PDU.
"""

import socket
import struct
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import BinaryIO, Self

from scripts.bench.servers import Running

VERSION_1, APPLICATION_CONTEXT = 1, b"1.2.840.10008.3.1.1.1"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
IMPLEMENTATION = b"1.2.826.0.1.3680043.10.1557.31"
C_STORE_RQ, C_GET_RQ, C_FIND_RQ, C_MOVE_RQ = 0x0001, 0x0010, 0x0020, 0x0021
RESPONSE = 0x8000
WITH_DATA_SET, WITHOUT_DATA_SET = 0x0001, 0x0101
PENDING = (0xFF00, 0xFF01)
SUCCESS = 0x0000
IS_COMMAND, IS_LAST = 1, 2
LARGEST_PDU = 1 << 20
RECEIVED_AT_ONCE = 1 << 20


class Peer:
    """An association with one of the servers."""

    def __init__(self, server: Running, syntaxes: Sequence[tuple[str, str]], scp_of: Sequence[str] = ()) -> None:
        """syntaxes: pairs of an abstract syntax and its one transfer syntax. scp_of: those of which we are the SCP.

        Raises RuntimeError when rejected.
        """
        self._sock = socket.create_connection(("127.0.0.1", server.dicom_port), timeout=300)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = bytearray()
        self._context_of = {abstract: 2 * number + 1 for number, (abstract, _) in enumerate(syntaxes)}
        self._sock.sendall(_associate_request(server.ae_title, syntaxes, scp_of))
        kind, answer = self._pdu()
        if kind != 2:
            raise RuntimeError(f"{server.ae_title} does not associate: PDU of type {kind}")
        self._largest = _largest_pdu_of(answer) or LARGEST_PDU

    def find(self, identifier: bytes) -> int:
        """How many answers a C-FIND has. Raises RuntimeError when it fails."""
        self._request(C_FIND_RQ, STUDY_ROOT_FIND, {}, [identifier])
        count = 0
        while (status := self._status()) in PENDING:
            count += 1
        if status != SUCCESS:
            raise RuntimeError(f"C-FIND ended with {status:04X}")
        return count

    def store(self, sop_class_uid: str, sop_instance_uid: str, data_set: Sequence[bytes]) -> None:
        """Send an instance, whose data set comes in pieces. Raises RuntimeError when it is refused."""
        self._request(C_STORE_RQ, sop_class_uid, {0x1000: _padded(sop_instance_uid.encode())}, data_set)
        if (status := self._status()) != SUCCESS:
            raise RuntimeError(f"C-STORE ended with {status:04X}")

    def move(self, identifier: bytes, destination: str) -> int:
        """How many instances a C-MOVE has sent. Raises RuntimeError when it fails."""
        self._request(C_MOVE_RQ, STUDY_ROOT_MOVE, {0x0600: _padded(destination.encode(), b" ")}, [identifier])
        while (status := _value(answer := self._response(), 0x0900)) in PENDING:
            pass
        if status != SUCCESS:
            raise RuntimeError(f"C-MOVE ended with {status:04X}")
        return _value(answer, 0x1021)

    def get(self, identifier: bytes) -> int:
        """How many instances a C-GET has sent, passed over as they come. Raises RuntimeError when it fails."""
        self._request(C_GET_RQ, STUDY_ROOT_GET, {}, [identifier])
        count, waste = 0, memoryview(bytearray(LARGEST_PDU))
        with self._sock.makefile("rb") as file:
            while True:
                context, command = _pass_over(file, waste)
                if _value(command, 0x0100) == C_STORE_RQ:
                    self._answer_store(context, command)
                    count += 1
                elif (status := _value(command, 0x0900)) not in PENDING:
                    break
        if status != SUCCESS:
            raise RuntimeError(f"C-GET ended with {status:04X}")
        return count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._sock.sendall(struct.pack(">BxLL", 5, 4, 0))
            self._pdu()
        self._sock.close()

    def _request(self, field: int, sop_class_uid: str, more: Mapping[int, bytes], data_set: Sequence[bytes]) -> None:
        number = self._context_of[sop_class_uid]
        elements = {
            0x0002: _padded(sop_class_uid.encode()),
            0x0100: struct.pack("<H", field),
            0x0110: struct.pack("<H", 1),
            0x0700: struct.pack("<H", 0),
            0x0800: struct.pack("<H", WITH_DATA_SET),
            **more,
        }
        command = b"".join(element(0, tag, value) for tag, value in elements.items())
        command = element(0, 0, struct.pack("<L", len(command))) + command
        self._sock.sendall(_data_pdu(number, IS_COMMAND | IS_LAST, command))
        most = self._largest - 6
        fragments = [piece[start : start + most] for piece in data_set for start in range(0, len(piece), most)]
        for place, fragment in enumerate(fragments, start=1):
            self._sock.sendall(_data_pdu(number, IS_LAST * (place == len(fragments)), fragment))

    def _answer_store(self, context: int, command: bytes) -> None:
        values = {
            0x0100: C_STORE_RQ | RESPONSE,
            0x0120: _value(command, 0x0110),
            0x0800: WITHOUT_DATA_SET,
            0x0900: SUCCESS,
        }
        answer = b"".join(element(0, tag, struct.pack("<H", value)) for tag, value in values.items())
        answer = element(0, 0, struct.pack("<L", len(answer))) + answer
        self._sock.sendall(_data_pdu(context, IS_COMMAND | IS_LAST, answer))

    def _status(self) -> int:
        """Of the next response."""
        return _value(self._response(), 0x0900)

    def _response(self) -> bytes:
        """The command set of the next response; its data set is passed over."""
        command = b""
        while True:
            _, body = self._pdu()
            place = 0
            while place < len(body):
                (length,) = struct.unpack_from(">L", body, place)
                control = body[place + 5]
                if control & IS_COMMAND:
                    command += body[place + 6 : place + 4 + length]
                place += 4 + length
                if control & IS_LAST and (not control & IS_COMMAND or not _has_data_set(command)):
                    return command

    def _pdu(self) -> tuple[int, bytes]:
        while len(self._received) < 6 or len(self._received) < 6 + int.from_bytes(self._received[2:6], "big"):
            piece = self._sock.recv(RECEIVED_AT_ONCE)
            if not piece:
                raise RuntimeError("the peer closed the connection")
            self._received += piece
        end = 6 + int.from_bytes(self._received[2:6], "big")
        kind, body = self._received[0], bytes(self._received[6:end])
        del self._received[:end]
        return kind, body


def element(group: int, number: int, value: bytes) -> bytes:
    """In implicit VR little endian (PS3.5 7.1.3)."""
    return struct.pack("<HHL", group, number, len(value)) + value


def identifier(keys: Mapping[tuple[int, int], str]) -> bytes:
    """A C-FIND identifier at the STUDY level, in implicit VR little endian and UTF-8."""
    values = {**keys, (0x0008, 0x0005): "ISO_IR 192", (0x0008, 0x0052): "STUDY"}
    return b"".join(
        element(*tag, _padded(value.encode(), b"\0" if tag == (0x0020, 0x000D) else b" "))
        for tag, value in sorted(values.items())
    )


def _pass_over(file: BinaryIO, waste: memoryview) -> tuple[int, bytes]:
    """The context and the command set of the next message; its data set goes into waste, piece by piece."""
    command, left = b"", 0
    while True:
        if not left:
            (left,) = struct.unpack(">xxL", file.read(6))
        length, context, control = struct.unpack(">LBB", file.read(6))
        left -= length + 4
        if control & IS_COMMAND:
            command += file.read(length - 2)
        else:
            while length > 2:
                length -= file.readinto(waste[: length - 2])  # type: ignore[attr-defined]  # BufferedReader has it
        if control & IS_LAST and (not control & IS_COMMAND or not _has_data_set(command)):
            return context, command


def _padded(value: bytes, padding: bytes = b"\0") -> bytes:
    return value + padding * (len(value) % 2)


def _has_data_set(command: bytes) -> bool:
    return _value(command, 0x0800) != WITHOUT_DATA_SET


def _value(command: bytes, number: int) -> int:
    """A US value of a command set."""
    place = command.index(struct.pack("<HHL", 0, number, 2))
    value: int = struct.unpack_from("<H", command, place + 8)[0]
    return value


def _data_pdu(context: int, control: int, fragment: bytes) -> bytes:
    return struct.pack(">BxLLBB", 4, len(fragment) + 6, len(fragment) + 2, context, control) + fragment


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def _associate_request(called: str, syntaxes: Sequence[tuple[str, str]], scp_of: Sequence[str]) -> bytes:
    titles = called.encode().ljust(16) + b"BENCH".ljust(16)
    body = struct.pack(">H2x", VERSION_1) + titles + bytes(32) + _item(0x10, APPLICATION_CONTEXT)
    for number, (abstract, transfer) in enumerate(syntaxes):
        proposed = struct.pack(">B3x", 2 * number + 1) + _item(0x30, abstract.encode()) + _item(0x40, transfer.encode())
        body += _item(0x20, proposed)
    roles = b"".join(_item(0x54, struct.pack(">H", len(uid)) + uid.encode() + b"\0\1") for uid in scp_of)
    body += _item(0x50, _item(0x51, struct.pack(">L", LARGEST_PDU)) + _item(0x52, IMPLEMENTATION) + roles)
    return struct.pack(">BxL", 1, len(body)) + body


def _largest_pdu_of(accept: bytes) -> int:
    """The maximum length that the acceptor announces (PS3.8 D.1)."""
    place = accept.index(struct.pack(">BxH", 0x51, 4))
    length: int = struct.unpack_from(">L", accept, place + 4)[0]
    return length
