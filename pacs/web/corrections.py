"""Corrections of what is told of studies, for an administrator."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from pacs.archive import correct
from pacs.context import Actor
from pacs.web.answers import as_json
from pacs.web.auth import pacs_of, signed_in
from pacs.web.keys import Key

SMALL = 16 << 10
"""Bytes: no correction is longer."""

router = APIRouter(prefix="/api/corrections", tags=["corrections"])


class CorrectionBody(BaseModel, frozen=True, extra="forbid"):
    """What is to be told of a study instead of what is kept."""

    study_instance_uid: str = Field(min_length=1, max_length=128)
    attribute: str = Field(max_length=64)
    value: str = Field(max_length=256)


@router.get("")
@signed_in
def list_corrections(
    request: Request,
    actor: Actor,
    state: Annotated[str, Query(max_length=16)] = "",
    study_instance_uid: Annotated[str, Query(max_length=128)] = "",
) -> Response:
    """What was suggested and what was decided, the newest first."""
    found = correct.corrections(pacs_of(request), actor, state, study_instance_uid)
    return as_json([asdict(one) for one in found])


@router.post("", max_body_size=SMALL)
@signed_in
def add_correction(request: Request, actor: Actor, body: CorrectionBody) -> Response:
    """Correct an attribute of a study or its patient, at once."""
    values = [(body.attribute, body.value)]
    (pk,) = correct.correct(pacs_of(request), actor, body.study_instance_uid, values)
    return as_json({"pk": pk}, 201)


@router.post("/{pk}/apply")
@signed_in
def apply(request: Request, actor: Actor, pk: Key) -> Response:
    """Tell it so from now on."""
    correct.apply(pacs_of(request), actor, pk)
    return Response(status_code=204)


@router.post("/{pk}/dismiss")
@signed_in
def dismiss(request: Request, actor: Actor, pk: Key) -> Response:
    """Leave it as it is."""
    correct.dismiss(pacs_of(request), actor, pk)
    return Response(status_code=204)


@router.post("/{pk}/revoke")
@signed_in
def revoke(request: Request, actor: Actor, pk: Key) -> Response:
    """Tell what was told before."""
    correct.revoke(pacs_of(request), actor, pk)
    return Response(status_code=204)
