"""Before an association: who may wait at the door, how long, and how many are let in (reliability 4.3)."""

import contextvars
import secrets
import select
import socket
import ssl
import threading
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
CUT_S = 1.0
"""How long those whose connection is cut may take to notice."""
CEDE_S = 0.004
MOST_CEDED = 3
"""A process lets one with fewer associations be faster to accept: so long for each that it has more, up to so many."""
MOST_READY = 4
"""Threads that are kept while they serve nobody."""
READY = "door"
"""Their name."""

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

    Of the threads that serve nobody one waits at the door. Who comes is served by it at once, and another takes its
    place: to make a thread, or to hand a connection on to one, takes as long as all else that an association needs.

    most: associations of all processes together. processes: those that accept from these sockets.
    """

    def __init__(
        self,
        sockets: Sockets,
        stop: threading.Event,
        serve: Serve,
        attendance: Attendance,
        *,
        most: int,
        processes: int,
    ) -> None:
        self._sockets = {listener.fileno(): (listener, tls) for listener, tls in sockets}
        self._stop = stop
        self._serve = serve
        self._attendance = attendance
        self._most = most
        self._processes = processes
        self._poll = select.poll()
        self._place = threading.Lock()
        """Held by the thread that waits at the door."""
        self._lock = threading.Lock()
        self._left = threading.Condition(self._lock)
        self._guests: dict[Guest, None] = {}
        """In the order they came."""
        self._ready = 0
        """Threads that serve nobody."""

    def run(self) -> None:
        """Until told to stop; then no one is let in, and those inside may finish for a while."""
        for listener, _ in self._sockets.values():
            listener.setblocking(False)
            self._poll.register(listener, select.POLLIN)
        self._make_ready()
        self._stop.wait()
        self._see_off()

    def _make_ready(self) -> None:
        """One thread more. Raises RuntimeError when the system has none."""
        threading.Thread(target=self._attend, name=READY, daemon=True).start()
        with self._lock:
            self._ready += 1

    def _attend(self) -> None:
        """The life of a thread: wait for somebody, serve him, and wait again unless enough others do."""
        while (welcomed := self._welcome()) is not None:
            contextvars.copy_context().run(self._host, *welcomed)  # what is bound to log lines ends with the guest
            threading.current_thread().name = READY
            with self._lock:
                if self._ready >= MOST_READY:
                    return
                self._ready += 1
        with self._lock:
            self._ready -= 1
            self._left.notify_all()

    def _welcome(self) -> tuple[Guest, ssl.SSLContext | None] | None:
        """The next who comes, once it is this thread's turn; None: no one is let in any more."""
        with self._place:
            while not self._stop.is_set():
                self._have_spare()
                for descriptor, _ in self._poll.poll(LOOK_S * 1000):
                    if self._stop.is_set():
                        return None
                    self._cede()
                    listener, tls = self._sockets[descriptor]
                    if (guest := self._accept(listener)) is not None:
                        return guest, tls
        return None

    def _have_spare(self) -> bool:
        """Whether another thread is ready to take this one's place; made before it is needed."""
        with self._lock:
            if self._ready > 1:
                return True
        try:
            self._make_ready()
        except RuntimeError as error:
            log.error("no thread can be made", why=str(error))
            return False
        return True

    def _cede(self) -> None:
        with self._lock:
            more = self._surplus()
            if more > 0:
                self._left.wait_for(lambda: self._surplus() <= 0, CEDE_S * min(more, MOST_CEDED))

    def _surplus(self) -> int:
        """How many associations more this process has than the one that has fewest."""
        return self._inside() - self._attendance.least(self._processes)

    def _accept(self, listener: socket.socket) -> Guest | None:
        try:
            sock, peer = listener.accept()
        except BlockingIOError:  # another process was faster
            return None
        except OSError as error:
            log.error("a connection could not be accepted", why=str(error))
            self._stop.wait(LOOK_S)  # out of descriptors: it gets better when someone leaves, not at once
            return None
        guest = Guest(sock, str(peer[0]))
        if not self._have_spare() or not self._let_wait(guest):
            sock.close()
            return None
        return guest

    def _let_wait(self, guest: Guest) -> bool:
        """Whether he may wait, served by this thread. When too many do, the one who has waited longest must go."""
        with self._lock:
            waiting = [other for other in self._guests if other.is_waiting]
            same = sum(other.address == guest.address for other in waiting)
            if same >= MOST_WAITING_OF_ADDRESS and not _is_loopback(guest.address):
                log.warning("too many connections wait from one address", address=guest.address)
                return False
            if len(waiting) >= MOST_WAITING:
                waiting[0].is_waiting = False
                waiting[0].cut()
            self._guests[guest] = None
            self._ready -= 1
            return True

    def _host(self, guest: Guest, tls: ssl.SSLContext | None) -> None:
        """The life of one connection: it has a thread for itself, so that a silent peer keeps nobody waiting."""
        threading.current_thread().name = f"association {guest.address}"
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
                self._left.notify_all()

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
            self._left.notify_all()

    def _inside(self) -> int:
        return sum(guest.is_inside for guest in self._guests)

    def _see_off(self) -> None:
        with self._lock:
            for guest in self._guests:
                if guest.is_waiting:
                    guest.cut()
            if not self._left.wait_for(self._is_deserted, FINISH_S):
                for guest in self._guests:
                    guest.cut()
                self._left.wait_for(self._is_deserted, CUT_S)

    def _is_deserted(self) -> bool:
        return not self._guests and not self._ready


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
