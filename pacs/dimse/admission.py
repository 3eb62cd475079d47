"""Who is let in: by the title he calls and bears, his address, his certificate, and who he says uses him."""

from dataclasses import dataclass

from pacs import accounts
from pacs.context import Actor, Pacs, Permission
from pacs.dimse.front_door import Visitor
from pacs.errors import NotAuthenticated, TooManyAttempts
from pacs.peers.directory import PEER_PERMISSIONS, Peer
from pacs.peers.roster import Roster
from pacs.upper_layer.errors import (
    NO_REASON_GIVEN,
    TEMPORARY_CONGESTION,
    TOO_MANY_ASSOCIATIONS,
    UNKNOWN_APPLICATION_CONTEXT,
    UNKNOWN_CALLED_AE_TITLE,
    UNKNOWN_CALLING_AE_TITLE,
    UNKNOWN_PROTOCOL_VERSION,
    Rejected,
)
from pacs.upper_layer.pdu import (
    APPLICATION_CONTEXT,
    USERNAME,
    USERNAME_AND_PASSCODE,
    AssociateRequest,
    UserIdentity,
)


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who was let in."""

    actor: Actor
    peer: Peer | None
    """None: everybody is let in, and we do not know him."""
    identity: bytes | None
    """The answer to who he says uses him; None: he wants none, or we cannot confirm it."""


def admit(pacs: Pacs, roster: Roster, request: AssociateRequest, visitor: Visitor) -> Admitted:
    """By what is remembered of him, unless he says who uses him. Raises Rejected, OutOfResources."""
    _check_request(pacs, request)
    if visitor.is_one_too_many:
        raise Rejected(*TOO_MANY_ASSOCIATIONS, "as many associations are open as there may be in all")
    peer = _peer_of(pacs, roster, request, visitor)
    if peer is not None:
        _check_connection(peer, visitor)
    may = PEER_PERMISSIONS if peer is None else peer.may
    person = _person_of(pacs, request.identity, visitor.address)
    if peer is not None and peer.identified and not _is_proved(person, request.identity):
        raise Rejected(*NO_REASON_GIVEN, "whoever uses it must say who he is, by a name and a passcode, and did not")
    is_answered = person is not None and request.identity is not None and request.identity.wants_answer
    rights: frozenset[Permission] = may if person is None else may & person.permissions
    actor = Actor("peer", request.calling_ae_title, visitor.address, rights)
    return Admitted(actor, peer, b"" if is_answered else None)


def _check_request(pacs: Pacs, request: AssociateRequest) -> None:
    own = pacs.settings.ae_title
    if not request.protocol_version & 1:
        raise Rejected(*UNKNOWN_PROTOCOL_VERSION)
    if request.application_context != APPLICATION_CONTEXT:
        raise Rejected(*UNKNOWN_APPLICATION_CONTEXT)
    if request.called_ae_title != own:
        why = f"it calls {request.called_ae_title!r}, and we are {own!r}: set our AE title there, or PACS_AE_TITLE here"
        raise Rejected(*UNKNOWN_CALLED_AE_TITLE, why)


def _peer_of(pacs: Pacs, roster: Roster, request: AssociateRequest, visitor: Visitor) -> Peer | None:
    """Whom we know; None: we do not, and let everybody in. Raises Rejected, OutOfResources."""
    peer = roster.by_ae_title(request.calling_ae_title)
    if pacs.settings.admits_any_peer:
        return peer
    if peer is None:
        raise Rejected(*UNKNOWN_CALLING_AE_TITLE, "no peer of this AE title is known here")
    if not peer.is_at(visitor.address):
        why = f"{peer.ae_title} is known at {peer.host}, and this one calls from {visitor.address}"
        raise Rejected(*UNKNOWN_CALLING_AE_TITLE, why)
    return peer


def _check_connection(peer: Peer, visitor: Visitor) -> None:
    if peer.tls and not visitor.is_encrypted:
        raise Rejected(*NO_REASON_GIVEN, "it must call over TLS, and calls the plain port")
    if peer.certificate and visitor.certificate != peer.certificate:
        shown = "another certificate than the one that is registered for it" if visitor.certificate else "none"
        raise Rejected(*NO_REASON_GIVEN, f"it must show its certificate, and shows {shown}")


def _person_of(pacs: Pacs, identity: UserIdentity | None, address: str) -> Actor | None:
    """The account of who uses the peer (PS3.7 D.3.3.7); None: he does not say, or in a way that we cannot check.

    A bare name proves nothing, so it can only narrow what the peer may. Tickets and assertions (types 3 to 5) are of
    authorities that we know nothing of. Raises Rejected when the passcode is wrong.
    """
    if identity is None or identity.kind not in (USERNAME, USERNAME_AND_PASSCODE):
        return None
    name = identity.primary.decode("utf-8", "replace")
    if identity.kind == USERNAME:
        return accounts.by_name(pacs, name, address)
    try:
        return accounts.identify(pacs, name, identity.secondary.decode("utf-8", "replace"), address)
    except TooManyAttempts as error:
        raise Rejected(*TEMPORARY_CONGESTION, f"the name and passcode of its user: {error}") from error
    except NotAuthenticated as error:
        raise Rejected(*NO_REASON_GIVEN, "the name or the passcode of its user is wrong") from error


def _is_proved(person: Actor | None, identity: UserIdentity | None) -> bool:
    return person is not None and identity is not None and identity.kind == USERNAME_AND_PASSCODE
