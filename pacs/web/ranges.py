"""A part of a body, as asked for with `Range` (RFC 9110 14)."""

import re
from collections.abc import Callable, Iterator
from http import HTTPStatus

from fastapi import Request, Response

from pacs.web.answers import send
from pacs.web.problem import problem

RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
"""One range. Several at once are passed over, as everybody may."""


def send_cut(
    request: Request,
    size: int,
    pieces: Callable[[int, int], Iterator[bytes]],
    headers: dict[str, str],
    media_type: str,
) -> Response:
    """A body of which the bytes from start up to, not including, stop can be had: all of it, or what is asked for.

    size: bytes of all of it. headers: with its entity tag.
    """
    # Said here, as it is: to a text Starlette would add a charset, and a document knows its own.
    headers = {**headers, "accept-ranges": "bytes", "content-type": media_type}
    asked = _asked(request, size, headers["etag"])
    if asked is None:
        return send(pieces(0, size), headers, media_type, size)
    start, stop = asked
    if start >= stop:
        return problem(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers={"content-range": f"bytes */{size}"})
    headers["content-range"] = f"bytes {start}-{stop - 1}/{size}"
    response = send(pieces(start, stop), headers, media_type, stop - start)
    response.status_code = HTTPStatus.PARTIAL_CONTENT
    return response


def _asked(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """From where up to where; nothing in between where it is nowhere; None: all."""
    found = RANGE.fullmatch(request.headers.get("range", "").strip())
    if found is None or request.headers.get("if-range", etag) != etag:
        return None
    first, last = found.groups()
    if not first:
        return (max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    return int(first), min(size, int(last) + 1) if last else size
