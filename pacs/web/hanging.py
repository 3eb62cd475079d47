"""Hanging rules: one's own, and everybody's for an administrator."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from pacs.context import Actor
from pacs.dicom.hanging import BUILT_IN, Rule
from pacs.web.answers import as_json
from pacs.web.auth import pacs_of, signed_in
from pacs.web.keys import Key
from pacs.workflow import hanging

SMALL = 64 << 10
"""Bytes: no rule is longer."""

Name = Annotated[str, Field(min_length=1, max_length=hanging.LONGEST_NAME)]
Position = Annotated[int, Field(ge=0, le=hanging.MOST_RULES)]

router = APIRouter(prefix="/api/hanging", tags=["hanging"])


class RuleBody(BaseModel, frozen=True, extra="forbid"):
    """A rule as it is to be."""

    name: Name
    rule: Rule


class NewRuleBody(RuleBody):
    """A rule that is to be kept."""

    everybody: bool = False
    position: Position = 0


class MoveBody(BaseModel, frozen=True, extra="forbid"):
    """Where a rule is to stand among those of its owner, from 0."""

    position: Position


class TrialBody(BaseModel, frozen=True, extra="forbid"):
    """A rule, and a study to try it on."""

    study_instance_uid: str = Field(min_length=1, max_length=64)
    rule: Rule


@router.get("")
@signed_in
def list_rules(request: Request, actor: Actor) -> Response:
    """One's own rules, then everybody's, in the order in which they are tried; then those that are built in."""
    kept = [_shown(rule) for rule in hanging.rules(pacs_of(request), actor)]
    built_in = [{"name": one.name, "rule": one.rule.model_dump(exclude_defaults=True)} for one in BUILT_IN]
    return as_json({"rules": kept, "built_in": built_in})


@router.post("", max_body_size=SMALL)
@signed_in
def add_rule(request: Request, actor: Actor, body: NewRuleBody) -> Response:
    """Keep a rule."""
    options: dict[str, Any] = {"everybody": body.everybody, "position": body.position}
    return as_json({"pk": hanging.add_rule(pacs_of(request), actor, body.name, body.rule, **options)}, 201)


@router.put("/{pk}", max_body_size=SMALL)
@signed_in
def change_rule(request: Request, actor: Actor, pk: Key, body: RuleBody) -> Response:
    """Change a rule."""
    hanging.change_rule(pacs_of(request), actor, pk, body.name, body.rule)
    return Response(status_code=204)


@router.delete("/{pk}")
@signed_in
def remove_rule(request: Request, actor: Actor, pk: Key) -> Response:
    """Forget a rule."""
    hanging.remove_rule(pacs_of(request), actor, pk)
    return Response(status_code=204)


@router.put("/{pk}/position", max_body_size=SMALL)
@signed_in
def move_rule(request: Request, actor: Actor, pk: Key, body: MoveBody) -> Response:
    """Try a rule sooner or later."""
    hanging.move_rule(pacs_of(request), actor, pk, body.position)
    return Response(status_code=204)


@router.post("/trial", max_body_size=SMALL)
@signed_in
def try_rule(request: Request, actor: Actor, body: TrialBody) -> Response:
    """How a rule would lay out a study; null: it is not for it."""
    hung = hanging.try_rule(pacs_of(request), actor, body.study_instance_uid, body.rule)
    return as_json(hung and asdict(hung))


@router.get("/studies/{study}")
@signed_in
def list_hangings(request: Request, actor: Actor, study: str) -> Response:
    """All the ways in which a study can be laid out, the one in use first."""
    return as_json([asdict(one) for one in hanging.hangings_of(pacs_of(request), actor, study)])


def _shown(rule: hanging.KeptRule) -> dict[str, Any]:
    return {
        "pk": rule.pk,
        "name": rule.name,
        "everybody": not rule.owner,
        "rule": rule.rule.model_dump(exclude_defaults=True),
    }
