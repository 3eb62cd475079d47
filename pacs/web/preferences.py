"""What a reader likes: asked for at once when the page opens, told one by one as it changes."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Request, Response

from pacs.context import Actor
from pacs.web.answers import as_json
from pacs.web.auth import pacs_of, signed_in
from pacs.workflow import preferences

LARGEST = 256 << 10
"""Bytes of a body: what a preference may have, in UTF-8."""

Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9.-]{0,63}$")]

router = APIRouter(prefix="/api/me/preferences", tags=["viewer"])


@router.get("")
@signed_in
def tell_preferences(request: Request, actor: Actor) -> Response:
    """Everything that is kept for the account, by name."""
    return as_json(preferences.all_preferences(pacs_of(request), actor))


@router.put("/{name}", max_body_size=LARGEST)
@signed_in
def keep_preference(request: Request, actor: Actor, name: Name, value: Annotated[Any, Body()]) -> Response:
    """Keep one, whatever JSON it is; `null` forgets it."""
    preferences.keep(pacs_of(request), actor, name, value)
    return Response(status_code=204)
