"""Before an association: who may wait at the door, how long, and how many are let in (reliability 4.3)."""

import secrets
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address

import structlog

from pacs.dimse.limits import Attendance
from pacs.peers.doctor import handshake_explanation_of
from pacs.peers.tls import digest_of
from pacs.upper_layer.association import abort, receive_request, reject
from pacs.upper_layer.errors import AssociationError, Rejected
from pacs.upper_layer.pdu import AssociateRequest
from pacs.upper_layer.wire import Wire

log = structlog.get_logger(__name__)

MOST_WAITING = 64
"""Connections, in this process, that have not yet introduced themselves by a whole A-ASSOCIATE-RQ."""
MOST_WAITING_OF_ADDRESS = 8
"""And from one address; our own machine excepted."""
EACH_PROCESS = 50
"""Associations for each process behind the door, counted together: the system gives one more than another."""
HANDSHAKE_TIMEOUT_S = 10.0
FINISH_S = 17.0
"""How long associations in flight may go on once we are told to stop."""
LOOK_S = 0.25
"""How often the accept loop looks whether to stop."""
CEDE_S = 0.004
MOST_CEDED = 3
"""A process lets one with fewer associations be faster to accept: so long for each of its own, up to so many."""

Sockets = Sequence[tuple[socket.socket, ssl.SSLContext | None]]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who calls, as far as the network can tell."""

    address: str
    is_encrypted: bool = False
    certificate: str = ""
    """SHA-256 of the certificate (DER) he has shown, in hexadecimal; "": none."""
    is_one_too_many: bool = False
    """There are as many associations as there may be in all."""


Serve = Callable[[Wire, AssociateRequest, Visitor, Callable[[], None]], None]
"""Serves one association to its end, and tells when that has come; may raise AssociationError."""


@dataclass(eq=False, slots=True)
class Guest:
    """One connection, and the thread that serves it."""

    sock: socket.socket
    address: str
    is_waiting: bool = True
    """He has not introduced himself yet."""
    is_inside: bool = False
    """He has an association, or is about to."""

    def cut(self) -> None:
        """End the connection, whatever its thread is waiting for."""
        with suppress(OSError):
            # Not SSLSocket's own, which takes the TLS state from under the thread that uses it.
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class FrontDoor:
    """Accepts connections and gives each a thread. Nothing that a peer does or omits holds up another.

    most: associations of all processes together. is_alone: no other process accepts from these sockets.
    """

    def __init__(
        self,
        sockets: Sockets,
        stop: threading.Event,
        serve: Serve,
        attendance: Attendance,
        *,
        most: int,
        is_alone: bool,
    ) -> None:
        self._sockets = {listener.fileno(): (listener, tls) for listener, tls in sockets}
        self._stop = stop
        self._serve = serve
        self._attendance = attendance
        self._most = most
        self._is_alone = is_alone
        self._lock = threading.Lock()
        self._guests: dict[Guest, threading.Thread] = {}
        """In the order they came."""

    def run(self) -> None:
        """Until told to stop; then no one is let in, and those inside may finish for a while."""
        poll = select.poll()
        for listener, _ in self._sockets.values():
            listener.setblocking(False)
            poll.register(listener, select.POLLIN)
        while not self._stop.is_set():
            for descriptor, _ in poll.poll(LOOK_S * 1000):
                self._cede()
                self._accept(*self._sockets[descriptor])
        self._see_off()

    def _cede(self) -> None:
        with self._lock:
            associations = self._inside()
        if associations and not self._is_alone:
            self._stop.wait(CEDE_S * min(associations, MOST_CEDED))

    def _accept(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        try:
            sock, peer = listener.accept()
        except BlockingIOError:  # another process was faster
            return
        except OSError as error:
            log.error("a connection could not be accepted", why=str(error))
            self._stop.wait(LOOK_S)  # out of descriptors: it gets better when someone leaves, not at once
            return
        guest = Guest(sock, str(peer[0]))
        thread = threading.Thread(target=self._host, args=(guest, tls), name=f"association {peer[0]}", daemon=True)
        if not self._let_wait(guest, thread):
            log.warning("too many connections wait from one address", address=guest.address)
            sock.close()
            return
        thread.start()

    def _let_wait(self, guest: Guest, thread: threading.Thread) -> bool:
        """Whether he may wait. When there are too many, the one who has waited longest must go."""
        with self._lock:
            waiting = [other for other in self._guests if other.is_waiting]
            same = sum(other.address == guest.address for other in waiting)
            if same >= MOST_WAITING_OF_ADDRESS and not _is_loopback(guest.address):
                return False
            if len(waiting) >= MOST_WAITING:
                waiting[0].is_waiting = False
                waiting[0].cut()
            self._guests[guest] = thread
            return True

    def _host(self, guest: Guest, tls: ssl.SSLContext | None) -> None:
        """The life of one connection: in its own thread, so that a silent peer keeps nobody waiting."""
        structlog.contextvars.bind_contextvars(association=secrets.token_hex(4), address=guest.address)
        try:
            visitor = Visitor(guest.address) if tls is None else _shake_hands(guest, tls)
            if visitor is not None:
                self._meet(guest, visitor, Wire(guest.sock, self._stop))
        except OSError as error:
            log.info("a connection failed before it was an association", why=str(error))
        finally:
            guest.sock.close()
            with self._lock:
                del self._guests[guest]
                self._attendance.tell(self._inside())

    def _meet(self, guest: Guest, visitor: Visitor, wire: Wire) -> None:
        try:
            request = receive_request(wire)
            visitor = replace(visitor, is_one_too_many=not self._let_in(guest))
            self._serve(wire, request, visitor, partial(self._let_out, guest))
        except Rejected as error:
            self._let_out(guest)
            log.warning("association rejected", why=str(error))
            reject(wire, error)
        except AssociationError as error:
            log.info("a connection ended before it was an association", why=str(error))
            abort(wire, error)

    def _let_in(self, guest: Guest) -> bool:
        """Whether there is room for him."""
        with self._lock:
            guest.is_waiting, guest.is_inside = False, True
            self._attendance.tell(self._inside())
            return self._attendance.total() <= self._most

    def _let_out(self, guest: Guest) -> None:
        """His association has ended; his socket may linger a while."""
        with self._lock:
            guest.is_inside = False
            self._attendance.tell(self._inside())

    def _inside(self) -> int:
        return sum(guest.is_inside for guest in self._guests)

    def _see_off(self) -> None:
        deadline = time.monotonic() + FINISH_S
        with self._lock:
            inside = list(self._guests.items())
            for guest, _ in inside:
                if guest.is_waiting:
                    guest.cut()
        for _, thread in inside:
            thread.join(max(0.0, deadline - time.monotonic()))
        for guest, thread in inside:
            if thread.is_alive():
                guest.cut()
                thread.join(1.0)


def _shake_hands(guest: Guest, tls: ssl.SSLContext) -> Visitor | None:
    """Who he is by TLS, within HANDSHAKE_TIMEOUT_S in all; None: he did not get so far."""
    guest.sock.settimeout(HANDSHAKE_TIMEOUT_S)
    secured = tls.wrap_socket(guest.sock, server_side=True, do_handshake_on_connect=False)
    guest.sock = secured
    try:
        secured.do_handshake()
    except OSError as error:
        log.warning("no TLS could be agreed on", why=handshake_explanation_of(error))
        Wire(secured).close()  # so that the alert, which tells him why, is not lost
        return None
    return Visitor(guest.address, is_encrypted=True, certificate=digest_of(secured))


def _is_loopback(address: str) -> bool:
    found = ip_address(address.partition("%")[0])
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
