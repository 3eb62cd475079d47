"""What we say to peers over DIMSE: C-ECHO and C-STORE, and in plain words why one of them does not answer."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from pacs.context import Actor, Pacs
from pacs.dicom.part10 import EXPLICIT_LITTLE_ENDIAN, IMPLICIT_LITTLE_ENDIAN
from pacs.dicom.status import PROCESSING_FAILURE
from pacs.errors import NotFound, PacsError
from pacs.peers import directory, history, tls
from pacs.peers.directory import Peer
from pacs.peers.doctor import SLOW_S, examination_of, explanation_of, name_of, refusals_of
from pacs.peers.history import Ending, ending_of
from pacs.upper_layer.association import Association, Context, associate, request_of
from pacs.upper_layer.errors import AssociationError
from pacs.upper_layer.message import C_ECHO_RQ, C_STORE_RQ, MEDIUM, WITH_DATA_SET, Command
from pacs.upper_layer.pdu import MOST_CONTEXTS, Roles
from pacs.upper_layer.wire import Buffer

VERIFICATION = "1.2.840.10008.1.1"
UNCOMPRESSED = (EXPLICIT_LITTLE_ENDIAN, IMPLICIT_LITTLE_ENDIAN)
"""What an instance is converted to when the peer cannot take it as it is kept."""

ANSWER_TIMEOUT_S = 10.0
"""How long a peer may take to accept a connection, and then an association."""

Proposal = tuple[str, Sequence[str]]
"""An abstract syntax and its transfer syntaxes: one presentation context."""


class Unreachable(PacsError):
    """A peer cannot be spoken to; the text says in plain words what to look at."""


@dataclass(frozen=True, slots=True)
class EchoAnswer:
    """What became of a C-ECHO."""

    succeeded: bool
    explanation: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One instance to be sent."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    """The one that it is sent in when the peer takes it."""
    read: Callable[[str], Iterator[Buffer]]
    """Its data set in a transfer syntax, in pieces. Raises PacsError, also while they are taken."""


@dataclass(frozen=True, slots=True)
class MoveOriginator:
    """Who asked for the C-MOVE that an instance is sent for (PS3.7 9.1.1.1)."""

    ae_title: str
    message_id: int


def echo(pacs: Pacs, actor: Actor, ae_title: str) -> EchoAnswer:
    """Ask a peer whether it is there. Raises NotFound for a peer we do not know."""
    actor.require("administer")
    peer = directory.by_ae_title(pacs, ae_title)
    if peer is None:
        raise NotFound(f"no peer is called {ae_title}: `pacs peer add` makes one known")
    began = time.monotonic()
    try:
        status = _echo(pacs, peer)
    except Unreachable as error:
        cause = error if error.__cause__ is None else error.__cause__
        return EchoAnswer(False, examination_of(cause, str(error), peer))
    took_s = time.monotonic() - began
    if status:
        return EchoAnswer(False, f"{name_of(peer)} is there, but answers C-ECHO with status {status:04X}")
    slow = ", which is slow: look at the network, and whether it looks our name up in vain" if took_s > SLOW_S else ""
    accepts = f"{name_of(peer)} is there and accepts us as {pacs.settings.ae_title}"
    return EchoAnswer(True, f"{accepts} ({took_s * 1000:.0f} ms{slow})")


def open_association(
    pacs: Pacs,
    peer: Peer,
    proposals: Sequence[Proposal],
    roles: Mapping[str, Roles] | None = None,
    *,
    timeout_s: float | None = None,
) -> Association:
    """An association with a peer, over TLS if it is to be; its history is written when it ends.

    roles: what we would be for an abstract syntax, if not SCU. timeout_s: how long the peer may take to accept the
    connection, and then the association, if not the usual time. Raises Unreachable.
    """
    request, began_at = request_of(pacs.settings.ae_title, peer.ae_title, proposals, roles), datetime.now(UTC)
    try:
        secure = tls.client_side(pacs.settings, peer)
        association = associate((peer.host, peer.port), request, timeout_s=timeout_s or ANSWER_TIMEOUT_S, secure=secure)
    except (AssociationError, OSError) as error:
        why = explanation_of(error, peer, pacs.settings.ae_title)
        history.write(pacs, Ending(peer.ae_title, peer.host, True, began_at, request, error=error, why=why))
        raise Unreachable(why) from error
    association.when_ended = partial(_write_history, pacs, peer, association, began_at)
    return association


def proposals_for(kept: Iterable[tuple[str, str]]) -> list[list[Proposal]]:
    """The contexts in which instances of these (SOP class, transfer syntax) can be sent, by association.

    A context of its own for each syntax that something is kept in, so that nothing is converted that the peer can
    take as it is; and one of uncompressed syntaxes for each class, which every peer must take (PS3.5 10.1).
    """
    syntaxes: dict[str, list[str]] = {}
    for sop_class_uid, transfer_syntax_uid in dict.fromkeys(kept):
        syntaxes.setdefault(sop_class_uid, []).append(transfer_syntax_uid)
    associations: list[list[Proposal]] = [[]]
    for sop_class_uid, of_class in syntaxes.items():
        fallback = tuple(uid for uid in UNCOMPRESSED if uid not in of_class)
        contexts: list[Proposal] = [(sop_class_uid, (uid,)) for uid in of_class]
        contexts += [(sop_class_uid, fallback)] if fallback else []
        if len(associations[-1]) + len(contexts) > MOST_CONTEXTS:
            associations.append([])
        associations[-1] += contexts
    return associations


def context_for(association: Association, sop_class_uid: str, transfer_syntax_uid: str) -> Context | None:
    """The context to send an instance in: as it is kept, or else uncompressed; None: the peer takes neither."""
    usable = {
        context.transfer_syntax: context
        for context in association.contexts.values()
        if context.abstract_syntax == sop_class_uid and context.as_scu
    }
    return next((usable[uid] for uid in (transfer_syntax_uid, *UNCOMPRESSED) if uid in usable), None)


def store(
    association: Association,
    context: Context,
    sop_instance_uid: str,
    data_set: Iterable[Buffer],
    originator: MoveOriginator | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> int:
    """Send one instance (C-STORE); the status of the answer. Raises AssociationError.

    meanwhile: what is to be done while the peer keeps it, before we listen for the answer.
    """
    command = Command(
        command_field=C_STORE_RQ,
        message_id=association.next_message_id(),
        affected_sop_class_uid=context.abstract_syntax,
        affected_sop_instance_uid=sop_instance_uid,
        priority=MEDIUM,
        command_data_set_type=WITH_DATA_SET,
        move_originator_application_entity_title=originator.ae_title if originator else None,
        move_originator_message_id=originator.message_id if originator else None,
    )
    association.send(context, command, data_set)
    if meanwhile is not None:
        meanwhile()
    return _status(association)


def _echo(pacs: Pacs, peer: Peer) -> int:
    association = open_association(pacs, peer, [(VERIFICATION, UNCOMPRESSED)])
    try:
        with association:
            context = next(iter(association.contexts.values()), None)
            if context is None:
                raise Unreachable(
                    f"{name_of(peer)} is there, but does not take C-ECHO: {'; '.join(refusals_of(association))}"
                )
            command = Command(
                command_field=C_ECHO_RQ,
                message_id=association.next_message_id(),
                affected_sop_class_uid=VERIFICATION,
            )
            association.send(context, command)
            status = _status(association)
            association.release()
            return status
    except AssociationError as error:
        raise Unreachable(explanation_of(error, peer, pacs.settings.ae_title)) from error


def _status(association: Association) -> int:
    """Of the response to what we asked last."""
    status = association.response().status
    return PROCESSING_FAILURE if status is None else status


def _write_history(
    pacs: Pacs, peer: Peer, association: Association, began_at: datetime, error: BaseException | None
) -> None:
    ending = ending_of(association, peer.ae_title, peer.host, True, began_at)
    why = "" if error is None else explanation_of(error, peer, pacs.settings.ae_title)
    if not association.contexts:
        why = "; ".join(refusals_of(association)[:3])
    history.write(pacs, replace(ending, error=error, why=why))
