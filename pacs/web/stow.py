"""STOW-RS: store instances (PS3.18 10.5). The only asynchronous code: a body is read as it comes, of any size.

The event loop hands the body over in pieces to a thread, which stores one part after the other as it reads it; a few
pieces are under way at most, and a thread that falls behind holds back the client.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from http import HTTPStatus
from queue import SimpleQueue
from typing import BinaryIO

import structlog
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from pacs.archive import resources
from pacs.archive.assembling import Spool
from pacs.archive.ingest import Stored, ingest
from pacs.archive.resources import KIND_OF, Resource
from pacs.context import Actor, Pacs
from pacs.dicom.assembly import datasets_of, names_of
from pacs.dicom.dicomjson import Json
from pacs.dicom.media import DICOM, DICOM_JSON, DICOM_XML, MULTIPART, OCTET_STREAM, MediaType, parse_media_type
from pacs.dicom.multipart import Event, MultipartReader, PartBegins, PartEnds
from pacs.dicom.part10 import MAX_META, FileMeta, read_file_meta
from pacs.errors import InvalidInstance, PacsError, TooLarge, UnsupportedContent
from pacs.web.answers import wanted
from pacs.web.auth import actor_of, pacs_of
from pacs.web.problem import problem
from pacs.web.stored import Failure, Outcome, answer_of

log = structlog.get_logger(__name__)

PIECE = 1 << 20
"""Bytes that are gathered before they are handed over."""
PIECES = 4
"""Pieces under way between the two."""
HEAD = 1 << 20
"""Bytes of a part that are read ahead: its file meta names it in the answer when it is refused."""
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
    actor = await run_sync(actor_of, request)
    actor.require("store")
    if int(request.headers.get("content-length", "0")) > LARGEST:
        return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {LARGEST >> 30} GiB")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedContent("a request is not taken in a content encoding")
    body = Body()
    store, parts = _content(request.headers.get("content-type", ""), body)
    pouring = asyncio.create_task(body.pour(request.stream()))
    try:
        limiter: CapacityLimiter = request.app.state.storing
        outcome = await run_sync(store, pacs_of(request), actor, parts, study, limiter=limiter)
    finally:
        pouring.cancel()
    return answer_of(outcome, f"{request.base_url}dicom-web", wanted(request))


class Body:
    """A request's body between the event loop, which pours it in, and the thread that iterates over it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pieces: SimpleQueue[bytes | None] = SimpleQueue()
        self._room = asyncio.Event()

    async def pour(self, stream: AsyncIterator[bytes]) -> None:
        """From the client into the queue, as long as there is room in it."""
        gathered = bytearray()
        end: bytes | None = None
        try:
            while chunk := await _next(stream):
                gathered += chunk
                if len(gathered) >= PIECE:
                    await self._put(bytes(gathered))
                    gathered.clear()
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

    def __iter__(self) -> Iterator[bytes]:
        """Raises InvalidInstance when the client went away or fell silent."""
        while piece := self._pieces.get():
            self._loop.call_soon_threadsafe(self._room.set)
            yield piece
        if piece is None:
            raise InvalidInstance("the request ended before it was whole")


async def _next(stream: AsyncIterator[bytes]) -> bytes:
    """The next bytes that are any; none at the end. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        async for chunk in stream:
            if chunk:
                return chunk
    return b""


Store = Callable[[Pacs, Actor, Iterator[Event], str | None], Outcome]


def _content(content_type: str, body: Iterable[bytes]) -> tuple[Store, Iterator[Event]]:
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


def _single_part(content_type: str, body: Iterable[bytes]) -> Iterator[Event]:
    yield PartBegins({"content-type": content_type})
    yield from body
    yield PartEnds()


def _parts(reader: MultipartReader, body: Iterable[bytes]) -> Iterator[Event]:
    for piece in body:
        yield from reader.feed(piece)
    reader.finish()


class PartFile(io.RawIOBase):
    """The body of one part, as a file that is read once."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self._piece = memoryview(b"")
        self._has_ended = False
        self._broken: InvalidInstance | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io asks for a Buffer
        """Fills the buffer, but at the end: what is read first is a part's whole head.

        Raises InvalidInstance where the request breaks off.
        """
        filled = 0
        while filled < len(buffer) and self._is_filled():
            count = min(len(buffer) - filled, len(self._piece))
            buffer[filled : filled + count] = self._piece[:count]
            self._piece = self._piece[count:]
            filled += count
        if self._broken and not filled:
            raise self._broken
        return filled

    def pass_over(self) -> None:
        """To the end of the part, where the next one begins."""
        while self._is_filled():
            self._piece = memoryview(b"")

    def _is_filled(self) -> bool:
        """Whether there is a piece of the body."""
        while not self._piece and not self._has_ended:
            try:
                event = next(self._events)
            except InvalidInstance as error:  # told when what came before has been read
                self._broken, self._has_ended = error, True
                break
            self._piece = memoryview(event) if isinstance(event, bytes) else self._piece
            self._has_ended = isinstance(event, PartEnds)
        return bool(self._piece)


def store_described(pacs: Pacs, actor: Actor, parts: Iterator[Event], study: str | None) -> Outcome:
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


def _gathered(parts: Iterator[Event], spool: Spool, outcome: Outcome) -> list[Json]:
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
                case bytes() if media_type.name in METADATA:
                    document += event
                    if len(document) + sum(map(len, documents)) > LARGEST_METADATA:
                        raise TooLarge(f"the metadata of a request has at most {LARGEST_METADATA >> 20} MiB")
                case bytes():
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


def store_parts(pacs: Pacs, actor: Actor, parts: Iterator[Event], study: str | None) -> Outcome:
    """Store one part after the other; one that fails keeps none of the others from being stored."""
    outcome = Outcome()
    try:
        for event in parts:
            if isinstance(event, PartBegins):
                _store_part(pacs, actor, event, PartFile(parts), study, outcome)
    except InvalidInstance as error:  # of the request itself: what came before is stored, and told
        outcome.failures.append(Failure(error))
    return outcome.completed()


def _store_part(
    pacs: Pacs, actor: Actor, begin: PartBegins, part: PartFile, study: str | None, outcome: Outcome
) -> None:
    file = io.BufferedReader(part, HEAD)
    head = b""
    try:
        _check_type(begin.headers.get("content-type", DICOM))
        head = file.peek()
        outcome.stored.append(_keep(pacs, actor, file, head, study))
    except PacsError as error:
        log.warning("a part was not stored", error=type(error).__name__)
        outcome.failures.append(_failure(error, head))
    part.pass_over()


def _check_type(content_type: str) -> None:
    media_type = parse_media_type(content_type)
    if media_type is None or media_type.name != DICOM:
        raise UnsupportedContent(f"a part is not {DICOM}")


def _keep(pacs: Pacs, actor: Actor, file: BinaryIO, head: bytes, study: str | None) -> Stored | Resource:
    """What belongs to no patient has a place of its own."""
    if study is None and (meta := _meta_of(head)) and meta.sop_class_uid in KIND_OF:
        return resources.store(pacs, actor, file)
    return ingest(pacs, actor, file, study_instance_uid=study)


def _failure(error: PacsError, head: bytes) -> Failure:
    meta = _meta_of(head)
    return Failure(error, meta.sop_class_uid, meta.sop_instance_uid) if meta else Failure(error)


def _meta_of(head: bytes) -> FileMeta | None:
    """None where it is none: then what stores it says so."""
    try:
        return read_file_meta(head[:MAX_META])
    except InvalidInstance:
        return None
