"""STOW-RS: store instances (PS3.18 10.5). The only asynchronous code: a body is read as it comes, of any size.

The event loop hands the body over in pieces to a thread, which stores one part after the other as it reads it; a few
pieces are under way at most, and a thread that falls behind holds back the client.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Iterable, Iterator
from http import HTTPStatus
from queue import SimpleQueue

import structlog
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from pacs.archive.ingest import ingest
from pacs.context import Actor, Pacs
from pacs.dicom.media import DICOM, MULTIPART, parse_media_type
from pacs.dicom.multipart import Event, MultipartReader, PartBegins, PartEnds
from pacs.dicom.part10 import MAX_META, read_file_meta
from pacs.errors import InvalidInstance, PacsError, UnsupportedContent
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
    body = Body()
    parts = parts_of(request.headers.get("content-type", ""), body)
    pouring = asyncio.create_task(body.pour(request.stream()))
    try:
        limiter: CapacityLimiter = request.app.state.storing
        outcome = await run_sync(store_parts, pacs_of(request), actor, parts, study, limiter=limiter)
    finally:
        pouring.cancel()
    return answer_of(outcome, f"{request.base_url}dicom-web")


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


def parts_of(content_type: str, body: Iterable[bytes]) -> Iterator[Event]:
    """The parts of a body of that type. Raises UnsupportedContent at once, InvalidInstance as they are read."""
    media_type = parse_media_type(content_type)
    if media_type is None or media_type.name not in (DICOM, MULTIPART):
        raise UnsupportedContent(f'what can be stored is {MULTIPART}; type="{DICOM}", and a single {DICOM}')
    if media_type.name == DICOM:
        return _single_part(body)
    reader = MultipartReader(content_type)
    if reader.part_type not in (DICOM, ""):
        raise UnsupportedContent(f"parts of {reader.part_type} are not taken")
    return _parts(reader, body)


def _single_part(body: Iterable[bytes]) -> Iterator[Event]:
    yield PartBegins({})
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


def store_parts(pacs: Pacs, actor: Actor, parts: Iterator[Event], study: str | None) -> Outcome:
    """Store one part after the other; one that fails keeps none of the others from being stored."""
    outcome = Outcome()
    try:
        for event in parts:
            if isinstance(event, PartBegins):
                _store_part(pacs, actor, event, PartFile(parts), study, outcome)
    except InvalidInstance as error:  # of the request itself: what came before is stored, and told
        outcome.failures.append(Failure(error))
    if not outcome.stored and not outcome.failures:
        outcome.failures.append(Failure(InvalidInstance("there is nothing in the request")))
    return outcome


def _store_part(
    pacs: Pacs, actor: Actor, begin: PartBegins, part: PartFile, study: str | None, outcome: Outcome
) -> None:
    file = io.BufferedReader(part, HEAD)
    head = b""
    try:
        _check_type(begin.headers.get("content-type", DICOM))
        head = file.peek()
        outcome.stored.append(ingest(pacs, actor, file, study_instance_uid=study))
    except PacsError as error:
        log.warning("a part was not stored", error=type(error).__name__)
        outcome.failures.append(_failure(error, head))
    part.pass_over()


def _check_type(content_type: str) -> None:
    media_type = parse_media_type(content_type)
    if media_type is None or media_type.name != DICOM:
        raise UnsupportedContent(f"a part is not {DICOM}")


def _failure(error: PacsError, head: bytes) -> Failure:
    try:
        meta = read_file_meta(head[:MAX_META])
    except InvalidInstance:
        meta = None
    return Failure(error, meta.sop_class_uid, meta.sop_instance_uid) if meta else Failure(error)
