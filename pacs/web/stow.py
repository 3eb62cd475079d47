"""STOW-RS: store instances (PS3.18 10.5). The only asynchronous code: a body is read as it comes, of any size.

A thread reads the body, and stores one part after the other as it comes: a large one from the connection itself, any
other from the event loop, which pours it in by pieces. A thread that falls behind holds back the client.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from http import HTTPStatus
from queue import SimpleQueue
from typing import Self

import structlog
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from pacs.archive.assembling import Spool
from pacs.archive.ingest import Stored
from pacs.archive.receiving import Receiving, record_nameless
from pacs.archive.resources import Resource
from pacs.context import Actor, Pacs
from pacs.dicom.assembly import datasets_of, names_of
from pacs.dicom.dicomjson import Json
from pacs.dicom.media import DICOM, DICOM_JSON, DICOM_XML, MULTIPART, OCTET_STREAM, MediaType, parse_media_type
from pacs.dicom.multipart import ROOM, MultipartReader, PartBegins, PartEnds, Seen
from pacs.errors import InvalidInstance, PacsError, TooLarge, UnsupportedContent
from pacs.web.answers import origin_of, wanted
from pacs.web.auth import actor_of, pacs_of
from pacs.web.problem import problem
from pacs.web.protocol import TAKES_BODY, BoundedHttp, TakenBody
from pacs.web.stored import Failure, Outcome, answer_of

log = structlog.get_logger(__name__)

PIECE = 1 << 20
"""Bytes that are gathered before they are handed over."""
PIECES = 4
"""Pieces under way between the two."""
WINDOW = 4
"""Parts of one request that are kept at once, while the next one comes."""
METADATA = frozenset((DICOM_JSON, DICOM_XML))
LARGEST_METADATA = 32 << 20
"""Bytes of the metadata of a request, which is held until its bulk data has come."""
PATIENCE_S = 60
"""How long a client may send nothing."""
AT_ONCE = 16
"""Requests that are stored at once; later ones wait, so that slow senders do not hold every thread."""
LARGEST = 20 << 30
"""Bytes of a request (reliability 4.9)."""

router = APIRouter(prefix="/dicom-web", tags=["STOW-RS"])


@router.post("/studies")
async def store_instances(request: Request) -> Response:
    """Store instances of any study."""
    return await _store(request, None)


@router.post("/studies/{study}")
async def store_instances_of_study(request: Request, study: str) -> Response:
    """Store instances of this study; those of another are refused."""
    return await _store(request, study)


async def _store(request: Request, study: str | None) -> Response:
    size = int(request.headers.get("content-length", "0"))
    if size > LARGEST:
        return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {LARGEST >> 30} GiB")
    loop, threads = asyncio.get_running_loop(), request.app.state.storing
    protocol: BoundedHttp | None = request.scope.get("extensions", {}).get(TAKES_BODY, {}).get("by")
    if protocol is not None and (taken := protocol.take_body(size, PATIENCE_S)):
        try:
            return await loop.run_in_executor(threads, _store_body, request, taken, study)
        finally:
            protocol.give_back(taken)
    poured = PouredBody()
    pouring = asyncio.create_task(poured.pour(request.stream()))
    try:
        return await loop.run_in_executor(threads, _store_body, request, poured, study)
    finally:
        pouring.cancel()


def _store_body(request: Request, body: "PouredBody | TakenBody", study: str | None) -> Response:
    """In a thread. Raises NotAuthenticated, NotAllowed, UnsupportedContent, TooLarge and OutOfResources."""
    actor = actor_of(request)
    actor.require("store")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedContent("a request is not taken in a content encoding")
    store, parts = _content(request.headers.get("content-type", ""), body)
    outcome = store(pacs_of(request), actor, parts, study)
    return answer_of(outcome, f"{origin_of(request)}/dicom-web", wanted(request))


class PouredBody:
    """A request's body between the event loop, which pours it in, and the thread that reads it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pieces: SimpleQueue[bytes | None] = SimpleQueue()
        self._room = asyncio.Event()
        self._piece: memoryview | None = memoryview(b"")

    async def pour(self, stream: AsyncIterator[bytes]) -> None:
        """From the client into the queue, as long as there is room in it."""
        gathered = bytearray()
        end: bytes | None = None
        poured = 0
        try:
            while chunk := await _next(stream):
                poured += len(chunk)
                if poured > LARGEST:
                    break
                gathered += chunk
                if len(gathered) >= PIECE:
                    await self._put(bytes(gathered))
                    gathered.clear()
            else:
                end = b""
        except (ClientDisconnect, TimeoutError):
            log.warning("a request ended before it was whole")
        finally:
            # Whatever happens, the thread gets what has come and is not left waiting.
            if gathered:
                self._pieces.put(bytes(gathered))
            self._pieces.put(end)

    async def _put(self, piece: bytes) -> None:
        while self._pieces.qsize() >= PIECES:
            self._room.clear()
            await self._room.wait()
        self._pieces.put(piece)

    def readinto(self, room: memoryview) -> int:
        """Bytes of it that were put into the room; 0 at its end. Raises EOFError when it breaks off."""
        if self._piece is not None and not self._piece:
            self._piece = self._next()
        if self._piece is None:
            raise EOFError
        count = min(len(room), len(self._piece))
        room[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count

    def _next(self) -> memoryview | None:
        """None where it breaks off."""
        piece = self._pieces.get()
        if not piece:
            self._pieces.put(piece)  # whoever asks once more is told the same
            return None if piece is None else memoryview(piece)
        self._loop.call_soon_threadsafe(self._room.set)
        return memoryview(piece)


async def _next(stream: AsyncIterator[bytes]) -> bytes:
    """The next bytes that are any; none at the end. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        async for chunk in stream:
            if chunk:
                return chunk
    return b""


Store = Callable[[Pacs, Actor, Iterator[Seen], str | None], Outcome]


def _content(content_type: str, body: PouredBody | TakenBody) -> tuple[Store, Iterator[Seen]]:
    """What stores a body of that type, and its parts. Raises UnsupportedContent; the parts InvalidInstance."""
    media_type = parse_media_type(content_type)
    name = media_type.name if media_type else ""
    if name == MULTIPART:
        reader = MultipartReader(content_type)
        name, parts = reader.part_type or DICOM, _parts(reader, body)
    else:
        parts = _single_part(content_type, body)
    if name not in (DICOM, DICOM_JSON, DICOM_XML):
        taken = ", ".join((DICOM, DICOM_JSON, DICOM_XML))
        raise UnsupportedContent(f"what can be stored is one of {taken}, and {MULTIPART} of a type among them")
    return (store_parts if name == DICOM else store_described), parts


def _single_part(content_type: str, body: PouredBody | TakenBody) -> Iterator[Seen]:
    yield PartBegins({"content-type": content_type})
    room = memoryview(bytearray(ROOM))
    while count := _read(body, room):
        yield room[:count]
    yield PartEnds()


def _parts(reader: MultipartReader, body: PouredBody | TakenBody) -> Iterator[Seen]:
    while count := _read(body, reader.room()):
        yield from reader.filled(count)
    reader.finish()


def _read(body: PouredBody | TakenBody, room: memoryview) -> int:
    try:
        return body.readinto(room)
    except (EOFError, OSError) as error:  # the client went away or fell silent
        raise InvalidInstance("the request ended before it was whole") from error


def store_described(pacs: Pacs, actor: Actor, parts: Iterator[Seen], study: str | None) -> Outcome:
    """Store the instances of metadata, once all of their bulk data has come."""
    outcome = Outcome()
    with Spool(pacs) as spool:
        for metadata in _gathered(parts, spool, outcome):
            try:
                outcome.stored.append(spool.ingest(actor, metadata, study))
            except PacsError as error:
                log.warning("a part was not stored", error=type(error).__name__)
                outcome.failures.append(Failure(error, *names_of(metadata)))
    return outcome.completed()


def _gathered(parts: Iterator[Seen], spool: Spool, outcome: Outcome) -> list[Json]:
    """The metadata of a request, its bulk data left in the spool. Raises TooLarge, OutOfResources."""
    documents: list[bytes] = []
    media_type, location, document = MediaType(OCTET_STREAM), "", bytearray()
    try:
        for event in parts:
            match event:
                case PartBegins(headers):
                    media_type = parse_media_type(headers.get("content-type", "")) or MediaType(OCTET_STREAM)
                    location, document = headers.get("content-location", ""), bytearray()
                    spool.begin()
                case PartEnds() if media_type.name in METADATA:
                    documents.append(bytes(document))
                case PartEnds():
                    spool.end(media_type, location)
                case memoryview() if media_type.name in METADATA:
                    document += event
                    if len(document) + sum(map(len, documents)) > LARGEST_METADATA:
                        raise TooLarge(f"the metadata of a request has at most {LARGEST_METADATA >> 20} MiB")
                case memoryview():
                    spool.write(event)
    except InvalidInstance as error:  # of the request itself: what came before is stored, and told
        outcome.failures.append(Failure(error))
    found: list[Json] = []
    for data in documents:
        try:
            found += datasets_of(data)
        except InvalidInstance as error:
            outcome.failures.append(Failure(error))
    return found


def store_parts(pacs: Pacs, actor: Actor, parts: Iterator[Seen], study: str | None) -> Outcome:
    """Store one part after the other; one that fails keeps none of the others from being stored."""
    with Arrived() as arrived:
        try:
            for event in parts:
                match event:
                    case PartBegins(headers):
                        arrived.begin(Part(pacs, actor, study, headers.get("content-type", DICOM)))
                    case memoryview():
                        arrived.write(event)
                    case PartEnds():
                        arrived.end()
        except InvalidInstance as error:  # of the request itself: what came before is stored, and told
            arrived.break_off(error)
        outcome = arrived.outcome()
    nameless = [one.error for one in outcome.failures if not one.sop_instance_uid]
    record_nameless(pacs, actor, nameless)
    return outcome.completed()


Result = Stored | Resource | Failure


class Arrived:
    """The parts of a request: each is kept by another thread while the next one comes, and told in its order.

    The last one needs no other thread, and most requests have one part.
    """

    def __init__(self) -> None:
        self._coming: Part | None = None
        self._last: Part | None = None
        self._kept: list[Future[Result]] = []
        self._broken: Failure | None = None
        self._keepers: ThreadPoolExecutor | None = None

    def begin(self, part: "Part") -> None:
        self._coming = part
        if self._last is None:
            return
        last, self._last = self._last, None
        if not last.has_content:  # there is nothing to keep, and no thread is worth it
            self._kept.append(_done(last.finish()))
            return
        if self._keepers is None:
            self._keepers = ThreadPoolExecutor(WINDOW, thread_name_prefix="keep")
        if len(self._kept) >= WINDOW:
            self._kept[-WINDOW].result()
        self._kept.append(self._keepers.submit(last.finish))

    def write(self, piece: memoryview) -> None:
        if self._coming is not None:
            self._coming.write(piece)

    def end(self) -> None:
        self._last, self._coming = self._coming, None

    def break_off(self, error: InvalidInstance) -> None:
        """There will be no more: the part that was coming fails, or, between two of them, the request."""
        self._broken = Failure(error, *self._coming.names) if self._coming else Failure(error)

    def outcome(self) -> Outcome:
        """What became of them, once each has been kept."""
        last = [self._last.finish()] if self._last else []
        results = [*(kept.result() for kept in self._kept), *last, *([self._broken] if self._broken else [])]
        return Outcome(
            [result for result in results if not isinstance(result, Failure)],
            [result for result in results if isinstance(result, Failure)],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._keepers is not None:
            self._keepers.shutdown()
        for part in (self._coming, self._last):
            if part is not None:
                part.close()


def _done(result: Result) -> Future[Result]:
    done: Future[Result] = Future()
    done.set_result(result)
    return done


class Part:
    """An instance while it comes. What goes wrong with it is told when it is finished."""

    def __init__(self, pacs: Pacs, actor: Actor, study: str | None, content_type: str) -> None:
        self._receiving = Receiving(pacs, actor, study)
        media_type = parse_media_type(content_type)
        is_taken = media_type is not None and media_type.name == DICOM
        self._error: PacsError | None = None if is_taken else UnsupportedContent(f"a part is not {DICOM}")

    @property
    def names(self) -> tuple[str, str]:
        return self._receiving.names

    @property
    def has_content(self) -> bool:
        """Whether there is anything to keep, as far as its beginning says."""
        return self._error is None and self.names != ("", "")

    def write(self, piece: memoryview) -> None:
        if self._error is None:
            try:
                self._receiving.write(piece)
            except PacsError as error:
                self._error = error

    def close(self) -> None:
        """Forget what was not kept."""
        self._receiving.close()

    def finish(self) -> Result:
        """Keep it: durable when this returns."""
        with closing(self._receiving):
            try:
                if self._error is None:
                    return self._receiving.finish()
                raise self._error
            except PacsError as error:
                if self.names[1]:  # of the nameless ones there may be ten thousand
                    log.warning("a part was not stored", error=type(error).__name__)
                return Failure(error, *self.names)
