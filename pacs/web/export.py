"""Studies as one archive, to be downloaded and gone on with where a download broke off (our own API)."""

import re
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from pacs.archive.export import Export, export
from pacs.context import Actor
from pacs.web.answers import ASK_EVERY_TIME, is_known, not_modified, send
from pacs.web.auth import pacs_of, signed_in

ZIP = "application/zip"
RANGE = re.compile(r"bytes=(\d{1,18})-")

router = APIRouter(prefix="/api", tags=["export"])


@router.get("/export")
@signed_in
def download_studies(request: Request, actor: Actor, study: list[str] = Query(), dicomdir: bool = True) -> Response:
    """A zip archive of studies. dicomdir: as a medium, with its index; otherwise by names for people."""
    return _give(request, export(pacs_of(request), actor, study, with_dicomdir=dicomdir))


def _give(request: Request, exported: Export) -> Response:
    etag = f'"{exported.version}-{exported.entries[0].name == "DICOMDIR":d}"'
    headers = {"etag": etag, "cache-control": ASK_EVERY_TIME, "accept-ranges": "bytes"}
    if is_known(request, etag):
        return not_modified(headers)
    headers["content-disposition"] = _named(f"{exported.name}.zip")
    size = exported.size
    start = _start(request, etag)
    if start >= size:
        return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
    answer = send(exported.zipped(start), headers, ZIP, size - start)
    if start:
        answer.status_code = 206
        answer.headers["content-range"] = f"bytes {start}-{size - 1}/{size}"
    return answer


def _start(request: Request, etag: str) -> int:
    """Where a download goes on (RFC 9110 14.1.2): of other ranges the whole is given, as the standard lets us."""
    condition = request.headers.get("if-range", etag)
    found = RANGE.fullmatch(request.headers.get("range", ""))
    return int(found[1]) if found and condition == etag else 0


def _named(name: str) -> str:
    """For browsers, which know the second form, and for what does not (RFC 6266)."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"
