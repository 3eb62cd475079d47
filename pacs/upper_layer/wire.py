"""A socket with deadlines: whole pieces in, whole pieces out, and never a wait without an end."""

import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from pacs.upper_layer.errors import Lost, Stopping, TimedOut

TICK_S = 1.0
"""How often a wait looks at the deadline, and whether we are shutting down."""
AHEAD = 16 << 10
"""Bytes read beyond what was asked for: enough for the heads of the next pieces, little enough to copy."""
LINGER_S = 2.0
LINGER_BYTES = 256 << 10
MOST_BUFFERS = 512
"""Of one sendmsg; the kernel takes 1,024."""
SEND_TIMEOUT_S = 60.0

Buffer = bytes | bytearray | memoryview


class Wire:
    """One connection, used by one thread.

    A plain socket blocks with SO_RCVTIMEO, which costs no poll before each receive; under TLS, where OpenSSL
    swallows that, the socket has a timeout instead. Both wake us every tick.
    """

    def __init__(self, sock: socket.socket, stop: threading.Event | None = None) -> None:
        self._sock = sock
        self._stop = stop
        self._ahead = memoryview(bytearray(AHEAD))
        self._start = self._end = 0
        self._deadline = time.monotonic() + TICK_S
        self._interruptible = False
        if isinstance(sock, ssl.SSLSocket):
            sock.settimeout(TICK_S)
        else:
            sock.settimeout(None)
            tick = struct.pack("ll", int(TICK_S), int(TICK_S % 1 * 1e6))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, tick)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, tick)
        with suppress(OSError):  # a socket that is gone already says so at the first receive
            tune(sock)

    def limit(self, seconds: float) -> None:
        """What is read from now on must have come within so many seconds."""
        self._deadline = time.monotonic() + seconds

    def wait(self, seconds: float, *, interruptible: bool) -> None:
        """Until something can be read. Raises TimedOut, Lost; if interruptible, Stopping when we shut down."""
        if self._start < self._end:
            return
        self.limit(seconds)
        self._interruptible = interruptible
        self._fill()
        self._interruptible = False

    def read(self, size: int) -> bytes:
        """Exactly so many bytes; few, for they are allocated at once. Raises TimedOut, Lost."""
        if self._end - self._start >= size:
            self._start += size
            return bytes(self._ahead[self._start - size : self._start])
        data = bytearray(size)
        self.read_into(memoryview(data))
        return bytes(data)

    def read_into(self, view: memoryview) -> None:
        """Fill the view. Raises TimedOut, Lost."""
        size = len(view)
        got = self._take(view)
        while got < size:
            if size - got >= AHEAD:
                got += self._receive(view[got:])
            else:
                self._fill()
                got += self._take(view[got:])

    def has_input(self, seconds: float = 0.0) -> bool:
        """Whether something can be read at once, or within so many seconds."""
        if self._start < self._end or (isinstance(self._sock, ssl.SSLSocket) and self._sock.pending()):
            return True
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def send(self, buffers: Sequence[Buffer], seconds: float = SEND_TIMEOUT_S) -> None:
        """All of it, in as few system calls as it takes. Raises TimedOut, Lost."""
        deadline = time.monotonic() + seconds
        if isinstance(self._sock, ssl.SSLSocket):
            buffers = [b"".join(buffers)]  # OpenSSL takes one buffer at a time
        left = list(buffers)
        first = 0
        while first < len(left):
            sent = self._send_some(left[first : first + MOST_BUFFERS], deadline)
            while first < len(left) and sent >= len(left[first]):
                sent -= len(left[first])
                first += 1
            if sent:
                left[first] = memoryview(left[first])[sent:]

    def close(self) -> None:
        """Close once the peer has read our last words: a reset would take them away with what is still unread."""
        end = time.monotonic() + LINGER_S
        drained = 0
        with suppress(OSError, Lost, TimedOut):
            self._sock.shutdown(socket.SHUT_WR)
            self._deadline = end
            while time.monotonic() < end and drained < LINGER_BYTES:
                drained += self._receive(self._ahead)
        self._sock.close()

    def _take(self, view: memoryview) -> int:
        size = min(len(view), self._end - self._start)
        view[:size] = self._ahead[self._start : self._start + size]
        self._start += size
        return size

    def _fill(self) -> None:
        self._start = self._end = 0
        self._end = self._receive(self._ahead)

    def _receive(self, view: memoryview) -> int:
        while True:
            try:
                size = self._sock.recv_into(view)
                break
            except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
                self._look_at_the_clock()
            except OSError as error:
                raise Lost("the connection broke") from error
        if not size:
            raise Lost("the peer closed the connection")
        if time.monotonic() > self._deadline:
            raise TimedOut("the peer is too slow")
        acknowledge(self._sock)
        return size

    def _look_at_the_clock(self) -> None:
        if self._interruptible and self._stop is not None and self._stop.is_set():
            raise Stopping("shutting down")
        if time.monotonic() > self._deadline:
            raise TimedOut("the peer is silent")

    def _send_some(self, buffers: list[Buffer], deadline: float) -> int:
        while True:
            try:
                if isinstance(self._sock, ssl.SSLSocket):
                    return self._sock.send(buffers[0])
                return self._sock.sendmsg(buffers)
            except (TimeoutError, BlockingIOError, ssl.SSLWantWriteError):
                if time.monotonic() > deadline:
                    raise TimedOut("the peer does not read") from None
            except OSError as error:
                raise Lost("the connection broke") from error


def tune(sock: socket.socket) -> None:
    """Small messages leave at once, and a peer that has vanished is noticed."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):  # Linux
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


def acknowledge(sock: socket.socket) -> None:
    """Send the TCP acknowledgement now, not in 40 ms.

    A sender that kept Nagle's algorithm on holds back the last piece of each message until it has our
    acknowledgement. The kernel forgets this wish with each answer we send, so it is said after every receive.
    """
    if hasattr(socket, "TCP_QUICKACK"):  # Linux
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
