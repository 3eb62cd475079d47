"""Before an association: who may wait at the door, how long, and how many are let in (reliability 4.3)."""

import secrets
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address

import structlog

from pacs.upper_layer.association import abort, receive_request, reject
from pacs.upper_layer.errors import TOO_MANY_ASSOCIATIONS, AssociationError, Rejected
from pacs.upper_layer.pdu import AssociateRequest
from pacs.upper_layer.wire import Wire

log = structlog.get_logger(__name__)

MOST_WAITING = 64
"""Connections, in this process, that have not yet introduced themselves by a whole A-ASSOCIATE-RQ."""
MOST_WAITING_OF_ADDRESS = 8
"""And from one address; our own machine excepted."""
MOST_ASSOCIATIONS = 50
"""In this process."""
HANDSHAKE_TIMEOUT_S = 10.0
FINISH_S = 17.0
"""How long associations in flight may go on once we are told to stop."""
LOOK_S = 0.25
"""How often the accept loop looks whether to stop."""
CEDE_S = 0.004
MOST_CEDED = 3
"""A process lets one with fewer associations be faster to accept: so long for each of its own, up to so many."""

Sockets = Sequence[tuple[socket.socket, ssl.SSLContext | None]]
Serve = Callable[[Wire, AssociateRequest, str], None]
"""Serves one association to its end, given its address; may raise AssociationError."""


@dataclass(eq=False, slots=True)
class Guest:
    """One connection, and the thread that serves it."""

    sock: socket.socket
    address: str
    is_waiting: bool = True

    def cut(self) -> None:
        """End the connection, whatever its thread is waiting for."""
        with suppress(OSError):
            # Not SSLSocket's own, which takes the TLS state from under the thread that uses it.
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class FrontDoor:
    """Accepts connections and gives each a thread. Nothing that a peer does or omits holds up another.

    is_alone: no other process accepts from these sockets.
    """

    def __init__(self, sockets: Sockets, stop: threading.Event, serve: Serve, *, is_alone: bool) -> None:
        self._sockets = {listener.fileno(): (listener, tls) for listener, tls in sockets}
        self._stop = stop
        self._serve = serve
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
            associations = sum(not guest.is_waiting for guest in self._guests)
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
            if tls is not None:
                _shake_hands(guest, tls)
            self._meet(guest, Wire(guest.sock, self._stop))
        except OSError as error:
            log.info("a connection failed before it was an association", why=str(error))
        finally:
            guest.sock.close()
            with self._lock:
                del self._guests[guest]

    def _meet(self, guest: Guest, wire: Wire) -> None:
        try:
            request = receive_request(wire)
            with self._lock:
                guest.is_waiting = False
                is_full = sum(not other.is_waiting for other in self._guests) > MOST_ASSOCIATIONS
            if is_full:
                raise Rejected(*TOO_MANY_ASSOCIATIONS)
            self._serve(wire, request, guest.address)
        except Rejected as error:
            log.warning("association rejected", why=str(error))
            reject(wire, error)
        except AssociationError as error:
            log.info("a connection ended before it was an association", why=str(error))
            abort(wire, error)

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


def _shake_hands(guest: Guest, tls: ssl.SSLContext) -> None:
    guest.sock.settimeout(HANDSHAKE_TIMEOUT_S)
    guest.sock = tls.wrap_socket(guest.sock, server_side=True, do_handshake_on_connect=False)
    guest.sock.do_handshake()


def _is_loopback(address: str) -> bool:
    found = ip_address(address.partition("%")[0])
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
