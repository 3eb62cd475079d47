"""Routes and the queue of what is to be sent, for an administrator."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from pacs.context import Actor
from pacs.errors import InvalidQuery
from pacs.web.answers import as_json
from pacs.web.auth import pacs_of, signed_in
from pacs.web.keys import Key
from pacs.workflow import deliveries, routing
from pacs.workflow.routing import Rule

SMALL = 64 << 10
"""Bytes: no rule is longer."""
MOST_ROWS = 500

Priority = Annotated[int, Field(ge=-1000, le=1000)]
Uid = Annotated[str, Field(min_length=1, max_length=64)]

router = APIRouter(prefix="/api", tags=["routing"])


class RouteBody(BaseModel, frozen=True, extra="forbid"):
    """A route as it is to be."""

    name: str = Field(min_length=1, max_length=routing.LONGEST_NAME)
    rule: Rule = Rule()
    destination: str = Field(min_length=1, max_length=1024)
    priority: Priority = 0
    enabled: bool = True
    token: str | None = Field(None, max_length=4096)
    """Bearer token of a DICOMweb service; it is never told again. None: as it is."""


class DryRunBody(BaseModel, frozen=True, extra="forbid"):
    """A rule to be tried on what has arrived."""

    rule: Rule
    days: int = Field(7, ge=1, le=366)


class SendBody(BaseModel, frozen=True, extra="forbid"):
    """A study or a series that is to be sent."""

    study_instance_uid: Uid
    series_instance_uid: Uid | None = None
    destination: str = Field(min_length=1, max_length=1024)
    priority: Priority = 0


class PriorityBody(BaseModel, frozen=True, extra="forbid"):
    """Greater goes first."""

    priority: Priority


@router.get("/routes")
@signed_in
def list_routes(request: Request, actor: Actor) -> Response:
    """Every route, by name."""
    return as_json([_shown(route) for route in routing.all_routes(pacs_of(request), actor)])


@router.post("/routes", max_body_size=SMALL)
@signed_in
def add_route(request: Request, actor: Actor, body: RouteBody) -> Response:
    """Make a route for what arrives from now on."""
    pacs = pacs_of(request)
    options: dict[str, Any] = {"priority": body.priority, "enabled": body.enabled, "token": body.token or ""}
    try:
        pk = routing.add_route(pacs, actor, body.name, body.rule, body.destination, **options)
    except ValueError as error:
        raise InvalidQuery(str(error)) from error
    return as_json({"pk": pk}, 201)


@router.put("/routes/{pk}", max_body_size=SMALL)
@signed_in
def change_route(request: Request, actor: Actor, pk: Key, body: RouteBody) -> Response:
    """Change a route; what it has put into the queue stays as it is."""
    options: dict[str, Any] = {"priority": body.priority, "enabled": body.enabled, "token": body.token}
    try:
        routing.change_route(pacs_of(request), actor, pk, body.name, body.rule, body.destination, **options)
    except ValueError as error:
        raise InvalidQuery(str(error)) from error
    return Response(status_code=204)


@router.delete("/routes/{pk}")
@signed_in
def remove_route(request: Request, actor: Actor, pk: Key) -> Response:
    """Forget a route; what it has put into the queue stays."""
    routing.remove_route(pacs_of(request), actor, pk)
    return Response(status_code=204)


@router.post("/routes/dry-run", max_body_size=SMALL)
@signed_in
def dry_run(request: Request, actor: Actor, body: DryRunBody) -> Response:
    """What a rule would have sent of what arrived in the last days."""
    return as_json(asdict(routing.dry_run(pacs_of(request), actor, body.rule, body.days)))


@router.get("/deliveries")
@signed_in
def list_deliveries(
    request: Request,
    actor: Actor,
    state: Annotated[str, Query(max_length=100)] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
    offset: Annotated[int, Query(ge=0, le=1 << 31)] = 0,
) -> Response:
    """The queue. state: one or several, joined by a comma, in the order of sending; without it all, newest first."""
    states = [one for one in state.split(",") if one]
    return as_json(asdict(deliveries.queue(pacs_of(request), actor, states, limit=limit, offset=offset)))


@router.post("/deliveries", max_body_size=SMALL)
@signed_in
def send(request: Request, actor: Actor, body: SendBody) -> Response:
    """Send a study or a series in the background."""
    options: dict[str, Any] = {"series": body.series_instance_uid, "priority": body.priority}
    try:
        number = deliveries.send(pacs_of(request), actor, body.study_instance_uid, body.destination, **options)
    except ValueError as error:
        raise InvalidQuery(str(error)) from error
    return as_json({"series": number}, 202)


@router.put("/deliveries/{pk}", max_body_size=SMALL)
@signed_in
def prioritise(request: Request, actor: Actor, pk: Key, body: PriorityBody) -> Response:
    """Greater goes first, also before what was there earlier."""
    deliveries.prioritise(pacs_of(request), actor, pk, body.priority)
    return Response(status_code=204)


@router.post("/deliveries/{pk}/pause")
@signed_in
def pause(request: Request, actor: Actor, pk: Key) -> Response:
    """Hold it back; what is being sent stops after the instance it is at."""
    deliveries.pause(pacs_of(request), actor, pk)
    return Response(status_code=204)


@router.post("/deliveries/{pk}/resume")
@signed_in
def resume(request: Request, actor: Actor, pk: Key) -> Response:
    """Let it wait again."""
    deliveries.resume(pacs_of(request), actor, pk)
    return Response(status_code=204)


@router.post("/deliveries/{pk}/cancel")
@signed_in
def cancel(request: Request, actor: Actor, pk: Key) -> Response:
    """Send no more of it."""
    deliveries.cancel(pacs_of(request), actor, pk)
    return Response(status_code=204)


@router.post("/deliveries/{pk}/again")
@signed_in
def again(request: Request, actor: Actor, pk: Key) -> Response:
    """Try it now; what was delivered is sent once more."""
    deliveries.again(pacs_of(request), actor, pk)
    return Response(status_code=204)


def _shown(route: routing.Route) -> dict[str, Any]:
    return {name: getattr(route, name) for name in ("pk", "name", "destination", "priority", "enabled")} | {
        "rule": route.rule.model_dump(exclude_defaults=True),
        "created_at": route.created_at,
    }
