"""Test patterns that were looked at, by workstation: kept, listed, and told when it is time again."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from pacs.context import Actor
from pacs.web.answers import as_json
from pacs.web.auth import pacs_of, signed_in
from pacs.workflow import displays

SMALL = 32 << 10
"""Bytes: no check is longer."""

Question = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,32}$")]
Name = Annotated[str, Query(min_length=1, max_length=displays.LONGEST_NAME)]

router = APIRouter(prefix="/api/displays", tags=["displays"])


class PatternBody(BaseModel, frozen=True, extra="forbid"):
    """A pattern, and what was seen of it."""

    pattern: displays.Pattern
    answers: dict[Question, bool] = Field(min_length=1, max_length=20)
    """True: as it should be."""


class ScreenBody(BaseModel, frozen=True, extra="forbid"):
    """The screen, as its browser tells it."""

    width: int = Field(ge=1, le=100_000)
    """Pixels of the screen, as is the height."""
    height: int = Field(ge=1, le=100_000)
    pixel_ratio: float = Field(gt=0, le=100, allow_inf_nan=False)
    colour_depth: int = Field(ge=1, le=128)


class CheckBody(BaseModel, frozen=True, extra="forbid"):
    """What somebody saw on the screen of a workstation."""

    workstation: str = Field(min_length=1, max_length=displays.LONGEST_NAME)
    patterns: list[PatternBody] = Field(min_length=1, max_length=displays.MOST_PATTERNS)
    screen: ScreenBody
    note: str = Field("", max_length=1000)


@router.get("")
@signed_in
def list_displays(request: Request, actor: Actor) -> Response:
    """Every workstation with the last that was seen of its screen, those that wait longest first."""
    return as_json([asdict(one) for one in displays.all_workstations(pacs_of(request), actor)])


@router.get("/checks")
@signed_in
def list_checks(request: Request, actor: Actor, workstation: Name) -> Response:
    """What was seen of one screen, the latest first."""
    return as_json([asdict(one) for one in displays.checks_of(pacs_of(request), actor, workstation)])


@router.post("", max_body_size=SMALL)
@signed_in
def record_check(request: Request, actor: Actor, body: CheckBody) -> Response:
    """Keep what was seen. The workstation becomes known by it."""
    patterns = [displays.PatternCheck(one.pattern, one.answers) for one in body.patterns]
    screen = body.screen.model_dump()
    return as_json(asdict(displays.record(pacs_of(request), actor, body.workstation, patterns, screen, body.note)), 201)


@router.delete("")
@signed_in
def forget_display(request: Request, actor: Actor, workstation: Name) -> Response:
    """Forget a workstation that is no more."""
    displays.forget(pacs_of(request), actor, workstation)
    return Response(status_code=204)
