"""Studies as one archive, to be downloaded and gone on with where a download broke off (our own API)."""

from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response

from pacs.archive.archived import Archive
from pacs.archive.export import export
from pacs.context import Actor
from pacs.dicom.media import ZIP
from pacs.web.answers import ASK_EVERY_TIME, is_known, not_modified
from pacs.web.auth import pacs_of, signed_in
from pacs.web.ranges import send_cut

router = APIRouter(prefix="/api", tags=["export"])


@router.get("/export")
@signed_in
def download_studies(request: Request, actor: Actor, study: list[str] = Query(), dicomdir: bool = True) -> Response:
    """A zip archive of studies. dicomdir: as a medium, with its index; otherwise by names for people."""
    return _give(request, export(pacs_of(request), actor, study, with_dicomdir=dicomdir))


def _give(request: Request, archive: Archive) -> Response:
    kind = "medium" if archive.entries[0].name == "DICOMDIR" else "names"
    headers = {"etag": f'"{archive.version}-{kind}"', "cache-control": ASK_EVERY_TIME}
    if is_known(request, headers["etag"]):
        return not_modified(headers)
    headers["content-disposition"] = _named(f"{archive.name}.zip")
    return send_cut(request, archive.size, archive.range, headers, ZIP)


def _named(name: str) -> str:
    """For browsers, which know the second form, and for what does not (RFC 6266)."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"
