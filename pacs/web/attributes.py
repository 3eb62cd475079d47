"""What an administrator makes searchable besides what is indexed always."""

from dataclasses import asdict

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from pacs.archive import further
from pacs.context import Actor
from pacs.web.answers import as_json
from pacs.web.auth import pacs_of, signed_in
from pacs.web.keys import Key

SMALL = 4 << 10
"""Bytes: no definition is longer."""

router = APIRouter(prefix="/api/attributes", tags=["further attributes"])


class AttributeBody(BaseModel, frozen=True, extra="forbid"):
    """An attribute that is to be searchable."""

    attribute: str = Field(min_length=1, max_length=128)
    """Its keyword, or its tag in hexadecimal: `0018980C`."""
    level: str = Field("study", max_length=16)
    """patient, study, series or instance: whose it is, and at which it is found and returned."""
    creator: str = Field("", max_length=further.LONGEST_CREATOR)
    """Of a private attribute: who gave it its meaning."""
    vr: str = Field("", max_length=2)
    """Of a private attribute that no dictionary has."""


@router.get("")
@signed_in
def list_attributes(request: Request, actor: Actor) -> Response:
    """Every further attribute, and how far what was stored before has been read for it."""
    return as_json([asdict(one) for one in further.all_further(pacs_of(request), actor)])


@router.post("", max_body_size=SMALL)
@signed_in
def add_attribute(request: Request, actor: Actor, body: AttributeBody) -> Response:
    """Make an attribute searchable in what arrives, and in the background in what is stored."""
    pacs = pacs_of(request)
    return as_json(asdict(further.add(pacs, actor, body.attribute, body.level, body.creator, body.vr)), 201)


@router.delete("/{pk}")
@signed_in
def remove_attribute(request: Request, actor: Actor, pk: Key) -> Response:
    """Search it no more; what was read of it is deleted in the background."""
    further.remove(pacs_of(request), actor, pk)
    return Response(status_code=204)
