"""How bodies are sent: whole when they are small, in pieces when they are not, and not at all when they are known."""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from zlib import crc32

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from pacs.dicom.media import Offer, choose

SMALL = 1 << 20
"""Bytes up to which a body is sent whole."""
PIECE = 256 << 10
"""Bytes of a piece of a larger one, at least: each costs a turn of a thread and one of the loop."""
WORTH_PACKING = 1400
"""Bytes: what fits one packet is not packed."""

ASK_EVERY_TIME = "private, no-cache"
"""Of pictures: a browser may keep them while somebody is signed in, and asks whether they are still right."""
FOR_THIS_SESSION = "private, max-age=43200, immutable"
"""Of pictures whose address names their version."""


def send(pieces: Iterator[bytes], headers: Mapping[str, str], media_type: str, size: int | None = None) -> Response:
    """The pieces as a body. size: bytes of all of them, where that is known beforehand.

    What goes wrong with the first ones is raised here, while it can still be answered.
    """
    gathered = _gathered(pieces)
    begun = list(_first(gathered, SMALL))
    if sum(map(len, begun)) < SMALL:
        return Response(b"".join(begun), headers=dict(headers), media_type=media_type)
    known = {"content-length": str(size)} if size is not None else {}
    body = chain(begun, _ahead(gathered))
    return StreamingResponse(body, headers={**headers, **known}, media_type=media_type)


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """In larger pieces."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def _first(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """As many as it takes to have so many bytes, if there are."""
    for piece in pieces:
        yield piece
        size -= len(piece)
        if size <= 0:
            return


def _ahead(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The next piece is made while one is sent: reading and checking take as long as sending."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = pool.submit(next, pieces, None)
            yield piece


def chosen(request: Request, offers: Sequence[Offer]) -> Offer:
    """The offer that the caller likes best. Raises NotAcceptable."""
    return choose(request.headers.get("accept", ""), offers, request.query_params.get("accept", ""))


def wanted(request: Request) -> str:
    """What the caller accepts, as he wrote it."""
    return request.query_params.get("accept") or request.headers.get("accept", "")


def send_json(request: Request, body: bytes, headers: Mapping[str, str], media_type: str) -> Response:
    """A body made for this answer, packed for who takes it so."""
    headers = {**headers, "vary": "accept-encoding"}
    if len(body) < WORTH_PACKING or not _takes_gzip(request):
        return Response(body, headers=headers, media_type=media_type)
    packed = gzip.compress(body, compresslevel=1, mtime=0)
    return Response(packed, headers={**headers, "content-encoding": "gzip"}, media_type=media_type)


def send_gzipped(request: Request, packed: bytes, headers: Mapping[str, str], media_type: str) -> Response:
    """A body that is kept as gzip, unpacked for who does not take it so."""
    headers = {**headers, "vary": "accept-encoding"}
    if not _takes_gzip(request):
        return Response(gzip.decompress(packed), headers=headers, media_type=media_type)
    return Response(packed, headers={**headers, "content-encoding": "gzip"}, media_type=media_type)


def _takes_gzip(request: Request) -> bool:
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
