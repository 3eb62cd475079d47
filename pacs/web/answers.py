"""How bodies are sent: whole when they are small, in pieces when they are not, and not at all when they are known."""

import asyncio
import gzip
import re
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import lru_cache
from itertools import groupby
from zlib import crc32

from fastapi import Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from pacs.dicom.media import Offer, choose
from pacs.errors import InvalidQuery

TURN = 1 << 20
"""Bytes of a body that are made at once, at least: it costs a turn of a thread and one of the loop. A body that is
smaller is whole before any of it is sent."""
CRUMB = 32 << 10
"""Bytes below which a piece is joined to its neighbours. To copy a larger one would cost as much as to send it."""
AHEAD = 2
"""Turns that are made while one is sent. With one, who makes waits for the loop to ask for more, and uvloop holds the
GIL while it writes: a study of 100 CT images takes a tenth longer."""
WORTH_PACKING = 1400
"""Bytes: what fits one packet is not packed."""

LONGEST_KNOWN = 1000
"""Letters of what is accepted, as it is remembered."""

ASK_EVERY_TIME = "private, no-cache"
"""Of pictures: a browser may keep them while somebody is signed in, and asks whether they are still right."""
FOR_THIS_SESSION = "private, max-age=43200, immutable"
"""Of pictures whose address names their version."""


SLOW_S = 1.0
"""A client who takes longer for a turn is slow."""
SURE = 4
"""Turns in which a client must have kept pace before any is made ahead: the first ones fit into the system's buffers,
of however slow a client."""


class Pieces(Response):
    """An answer whose body is made while it is sent, and ahead of a client who keeps pace.

    A slow client holds no thread, and the memory of two turns.
    """

    def __init__(
        self,
        begun: Sequence[bytes],
        coming: Iterator[Sequence[bytes]],
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        """begun: the pieces that are made. coming: those that follow, as many at once as are made in one turn."""
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        self._begun = begun
        self._coming = coming
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            await self._send_body(receive, send, scope["app"].state.threads)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_body(self, receive: Receive, send: Send, threads: Executor) -> None:
        loop = asyncio.get_running_loop()
        gone = loop.create_task(_disconnected(receive))
        maker = _Maker(self._coming, threads, loop)
        pieces, kept_pace = self._begun, 0
        self._begun = ()
        try:
            while pieces and not gone.done():
                began = loop.time()
                for piece in pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                kept_pace = kept_pace + 1 if loop.time() - began < SLOW_S else 0
                pieces = await maker.next_turn(AHEAD if kept_pace > SURE else 0)
        finally:
            gone.cancel()
            maker.stop()


class _Maker:
    """Makes the turns of one body, one after the other, by a thread that it has while there is something to make."""

    def __init__(self, coming: Iterator[Sequence[bytes]], threads: Executor, loop: asyncio.AbstractEventLoop) -> None:
        self._coming = coming
        self._threads = threads
        self._loop = loop
        self._lock = threading.Lock()
        self._made: deque[Sequence[bytes]] = deque()
        self._most = 0
        """How many turns may be made and not yet taken."""
        self._is_making = False
        self._error: Exception | None = None
        self._is_made = asyncio.Event()

    async def next_turn(self, ahead: int) -> Sequence[bytes]:
        """Empty: there are no more. ahead: how many more are to be made meanwhile. Raises what the making raises."""
        with self._lock:
            self._most = ahead + 1
            if not self._is_making and len(self._made) < self._most:
                self._is_making = True
                self._threads.submit(self._make)
        while True:
            with self._lock:
                if self._made:
                    return self._made.popleft()
                if self._error is not None:
                    raise self._error
                self._is_made.clear()
            await self._is_made.wait()

    def stop(self) -> None:
        """What is being made is the last."""
        with self._lock:
            self._most = 0

    def _make(self) -> None:
        """In a thread, without waiting for the loop, which is busy sending."""
        while self._is_making:
            turn: Sequence[bytes] | None = None
            try:
                turn = next(self._coming, ())
            except Exception as error:  # whatever it is, it is raised to who sends
                self._error = error
            with self._lock:
                if turn is not None:
                    self._made.append(turn)
                self._is_making = bool(turn) and len(self._made) < self._most
            self._loop.call_soon_threadsafe(self._is_made.set)


class Whole(Response):
    """An answer whose body is there, in pieces that are not joined."""

    def __init__(self, pieces: Sequence[bytes], headers: Mapping[str, str], media_type: str) -> None:
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        self._pieces = pieces
        self.init_headers({**headers, "content-length": str(sum(map(len, pieces)))})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for left, piece in zip(reversed(range(len(self._pieces))), self._pieces, strict=True):
            await send({"type": "http.response.body", "body": piece, "more_body": left > 0})


def send(pieces: Iterator[bytes], headers: Mapping[str, str], media_type: str, size: int | None = None) -> Response:
    """The pieces as a body. size: bytes of all of them, where that is known beforehand.

    What goes wrong with the first ones is raised here, while it can still be answered.
    """
    coming = _turns(pieces)
    begun = next(coming, (b"",))
    if sum(map(len, begun)) < TURN:
        return Whole(begun, headers, media_type)
    known = {"content-length": str(size)} if size is not None else {}
    return Pieces(begun, coming, {**headers, **known}, media_type)


def _turns(pieces: Iterator[bytes]) -> Iterator[Sequence[bytes]]:
    """As many pieces at once as are worth a turn."""
    turn: list[bytes] = []
    size = 0
    for piece in pieces:
        turn.append(piece)
        size += len(piece)
        if size >= TURN:
            yield _swept(turn)
            turn, size = [], 0
    if turn:
        yield _swept(turn)


def _swept(pieces: Sequence[bytes]) -> Sequence[bytes]:
    """The same bytes, crumbs joined."""
    swept: list[bytes] = []
    for is_crumb, run in groupby(pieces, lambda piece: len(piece) < CRUMB):
        alike = list(run)
        swept += [b"".join(alike)] if is_crumb else alike
    return swept


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def chosen(request: Request, offers: Sequence[Offer]) -> Offer:
    """The offer that the caller likes best. Raises NotAcceptable."""
    accept, query = request.headers.get("accept", ""), request.query_params.get("accept", "")
    if len(accept) + len(query) > LONGEST_KNOWN:
        return choose(accept, offers, query)
    return _choose(accept, tuple(offers), query)


@lru_cache(1024)
def _choose(accept: str, offers: tuple[Offer, ...], query: str) -> Offer:
    """A client accepts the same all day long."""
    return choose(accept, offers, query)


RENDERED = re.compile(r"(?<![\"\w])(?:image|video|text)/[a-z0-9.+-]+|application/pdf", re.IGNORECASE)
OF_DICOM = re.compile(r"application/dicom|application/octet-stream", re.IGNORECASE)


def refuse_mixture(request: Request) -> None:
    """DICOM and rendered media types are not asked for at once (PS3.18 8.7). Raises InvalidQuery."""
    accept = wanted(request)
    if OF_DICOM.search(accept) and RENDERED.search(accept):
        raise InvalidQuery("DICOM and rendered media types are mixed in what is accepted")


def origin_of(request: Request) -> str:
    """`https://pacs.example`, by which he asked us: what else he can ask for is there too.

    Some clients leave the port out of what they call us. Who asks by the very address that we listen on means our port.
    """
    url = request.base_url
    address, port = request.scope.get("server") or ("", None)
    if port and url.port is None and url.hostname == address:
        url = url.replace(port=port)
    return str(url).rstrip("/")


def wanted(request: Request) -> str:
    """What the caller accepts, as he wrote it."""
    return request.query_params.get("accept") or request.headers.get("accept", "")


def send_json(request: Request, body: bytes, headers: Mapping[str, str], media_type: str) -> Response:
    """A body made for this answer, packed for who takes it so."""
    headers = {**headers, "vary": "accept-encoding"}
    if len(body) < WORTH_PACKING or not takes_gzip(request):
        return Response(body, headers=headers, media_type=media_type)
    packed = gzip.compress(body, compresslevel=1, mtime=0)
    return Response(packed, headers={**headers, "content-encoding": "gzip"}, media_type=media_type)


def send_gzipped(request: Request, packed: bytes, headers: Mapping[str, str], media_type: str) -> Response:
    """A body that is kept as gzip, unpacked for who does not take it so."""
    headers = {**headers, "vary": "accept-encoding"}
    if not takes_gzip(request):
        return Response(gzip.decompress(packed), headers=headers, media_type=media_type)
    return Response(packed, headers={**headers, "content-encoding": "gzip"}, media_type=media_type)


def takes_gzip(request: Request) -> bool:
    """Whether the client unpacks gzip."""
    return "gzip" in request.headers.get("accept-encoding", "")


def etag_of(version: str, *form: object) -> str:
    """The entity tag of a version of something, in a form of several."""
    return f'"{version}-{crc32(repr(form).encode()):08x}"' if form else f'"{version}"'


def is_known(request: Request, etag: str) -> bool:
    """Whether the client has it already (RFC 9110 13.1.2)."""
    known = request.headers.get("if-none-match", "")
    return known == "*" or etag in (one.strip().removeprefix("W/") for one in known.split(","))


def not_modified(headers: Mapping[str, str]) -> Response:
    return Response(status_code=304, headers=dict(headers))


def as_json(content: object, status: int = 200) -> Response:
    """What an administrator's page asks for: plain values, times and dataclasses' dictionaries."""
    return JSONResponse(jsonable_encoder(content), status)
