"""Removing studies, series and instances, and restoring them (our own API)."""

from fastapi import APIRouter, Request, Response

from pacs.archive import remove
from pacs.context import Actor
from pacs.web.answers import as_json
from pacs.web.auth import pacs_of, signed_in
from pacs.web.keys import Key

STUDY = "/studies/{study}"
SERIES = STUDY + "/series/{series}"

router = APIRouter(prefix="/api", tags=["removals"])


@router.delete(STUDY)
@signed_in
def remove_study(request: Request, actor: Actor, study: str, reason: str) -> Response:
    """Remove a study. It can be restored until `erase_at`."""
    return _removed(request, actor, reason, study)


@router.delete(SERIES)
@signed_in
def remove_series(request: Request, actor: Actor, study: str, series: str, reason: str) -> Response:
    """Remove a series."""
    return _removed(request, actor, reason, study, series)


@router.delete(SERIES + "/instances/{instance}")
@signed_in
def remove_instance(request: Request, actor: Actor, study: str, series: str, instance: str, reason: str) -> Response:
    """Remove an instance, all of its versions."""
    return _removed(request, actor, reason, study, series, instance)


@router.get("/removals")
@signed_in
def list_removals(request: Request, actor: Actor, study: str = "") -> Response:
    """What was removed, the newest first; of one study, or of all."""
    return as_json(remove.removals(pacs_of(request), actor, study))


@router.post("/removals/{pk}/restore")
@signed_in
def restore(request: Request, actor: Actor, pk: Key) -> Response:
    """Undo a removal."""
    remove.restore(pacs_of(request), actor, pk)
    return Response(status_code=204)


def _removed(request: Request, actor: Actor, reason: str, study: str, series: str = "", sop: str = "") -> Response:
    pk = remove.remove(pacs_of(request), actor, reason, study, series, sop)
    return as_json({"pk": pk}, 201)
