"""Peers for an administrator: who they are, what was said with them, and who knocked and was turned away."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from pacs.context import Actor
from pacs.errors import InvalidQuery
from pacs.peers import dimse, directory, history
from pacs.peers.directory import Peer
from pacs.peers.doctor import uid_name
from pacs.peers.history import ContextRecord, Record
from pacs.web.answers import as_json
from pacs.web.auth import pacs_of, signed_in
from pacs.web.keys import Key

SMALL = 64 << 10
"""Bytes: no peer is longer."""

router = APIRouter(prefix="/api", tags=["peers"])


class PeerBody(BaseModel, frozen=True, extra="forbid"):
    """What a peer is to be; what is left out stays as it is."""

    ae_title: str | None = Field(None, max_length=64)
    host: str | None = Field(None, max_length=255)
    port: int | None = None
    may: list[str] = Field(default_factory=list, max_length=20)
    charset: str = Field("", max_length=32)
    tls: bool = False
    certificate: str = Field("", max_length=128)
    max_associations: int | None = None
    max_per_minute: int | None = None
    relational: bool = False
    notified: bool = False
    identified: bool = False
    last_seen: Any = None
    last_outcome: Any = None


class AdmitBody(BaseModel, frozen=True, extra="forbid"):
    """What a newcomer may do, and where it listens."""

    may: list[str] = Field(default_factory=list, max_length=20)
    port: int | None = None


@router.get("/peers")
@signed_in
def list_peers(request: Request, actor: Actor) -> Response:
    """Every peer, by AE title, and when it was last spoken with."""
    pacs = pacs_of(request)
    last = history.latest(pacs, actor)
    return as_json(
        [_shown_peer(one, *last.get(one.ae_title, (None, None))) for one in directory.all_peers(pacs, actor)]
    )


@router.put("/peers/{ae:path}", max_body_size=SMALL)
@signed_in
def put_peer(request: Request, actor: Actor, ae: str, body: PeerBody | None = None) -> Response:
    """Change a peer, or add it."""
    values = (body or PeerBody()).model_dump(exclude_unset=True, exclude={"ae_title", "last_seen", "last_outcome"})
    try:
        directory.put(pacs_of(request), actor, ae, values)
    except ValueError as error:
        raise InvalidQuery(str(error)) from error
    return Response(status_code=204)


@router.delete("/peers/{ae:path}")
@signed_in
def remove_peer(request: Request, actor: Actor, ae: str) -> Response:
    """Forget a peer."""
    directory.remove(pacs_of(request), actor, ae)
    return Response(status_code=204)


@router.post("/peers/{ae:path}/echo")
@signed_in
def echo_peer(request: Request, actor: Actor, ae: str) -> Response:
    """Ask a peer whether it is there (C-ECHO), and explain when it is not."""
    return as_json(asdict(dimse.echo(pacs_of(request), actor, ae)))


@router.get("/peers/{ae:path}/associations")
@signed_in
def list_associations(request: Request, actor: Actor, ae: str) -> Response:
    """The last associations of a peer, newest first: what was proposed, accepted, refused and asked, and why."""
    return as_json([_shown_record(record) for record in history.of_peer(pacs_of(request), actor, ae)])


@router.get("/knocks")
@signed_in
def list_knocks(request: Request, actor: Actor) -> Response:
    """Who was turned away because we do not know him, the last first."""
    return as_json([asdict(one) for one in directory.knocks(pacs_of(request), actor)])


@router.post("/knocks/{pk}/admit", max_body_size=SMALL)
@signed_in
def admit_knock(request: Request, actor: Actor, pk: Key, body: AdmitBody | None = None) -> Response:
    """Admit who knocked, from where he came."""
    body = body or AdmitBody()
    try:
        admitted = directory.admit(pacs_of(request), actor, pk, may=body.may, port=body.port)
    except ValueError as error:
        raise InvalidQuery(str(error)) from error
    return as_json(_shown_peer(admitted, None, None))


@router.delete("/knocks/{pk}")
@signed_in
def forget_knock(request: Request, actor: Actor, pk: Key) -> Response:
    """Strike somebody off those who knocked, until he knocks again."""
    directory.forget_knock(pacs_of(request), actor, pk)
    return Response(status_code=204)


def _shown_peer(peer: Peer, last_seen: Any, last_outcome: str | None) -> dict[str, Any]:
    return asdict(peer) | {"may": sorted(peer.may), "last_seen": last_seen, "last_outcome": last_outcome}


def _shown_record(record: Record) -> dict[str, Any]:
    """A record as it is told, without the peer's title, which was asked for."""
    contexts = [_shown_context(context) for context in record.contexts]
    requests = [asdict(one) | {"status": f"{one.status:04X}"} for one in record.requests]
    shown = asdict(record) | {"contexts": contexts, "requests": requests}
    del shown["ae_title"]
    return shown


def _shown_context(context: ContextRecord) -> dict[str, Any]:
    """With names for transfer syntaxes, which people read."""
    return {
        "abstract_syntax": context.abstract_syntax,
        "name": context.name,
        "proposed": [uid_name(uid) for uid in context.proposed],
        "more": context.more,
        "accepted": uid_name(context.accepted),
        "result": context.result,
        "why": context.why,
    }
