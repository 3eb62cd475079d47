"""Who is let in, and which handler answers what he asks."""

import threading
from contextlib import suppress
from functools import partial

import structlog

from pacs import audit
from pacs.context import Actor, Pacs
from pacs.dicom.references import STORAGE_COMMITMENT
from pacs.dimse.answers import SUCCESS, Handler, Request, answer
from pacs.dimse.commitment import handle_action, handle_event_report
from pacs.dimse.contexts import (
    FIND_MODELS,
    GET_MODELS,
    MOVE_MODELS,
    VERIFICATION,
    answer_contexts,
    answer_extended,
    answer_roles,
    is_storage,
)
from pacs.dimse.find import handle_find
from pacs.dimse.front_door import FrontDoor, Sockets
from pacs.dimse.retrieve import handle_get, handle_move
from pacs.dimse.store import handle_store
from pacs.errors import OutOfResources
from pacs.peers import directory
from pacs.peers.directory import PEER_PERMISSIONS
from pacs.upper_layer.association import Association, Context, accept
from pacs.upper_layer.errors import (
    TEMPORARY_CONGESTION,
    UNKNOWN_APPLICATION_CONTEXT,
    UNKNOWN_CALLED_AE_TITLE,
    UNKNOWN_CALLING_AE_TITLE,
    UNKNOWN_PROTOCOL_VERSION,
    AssociationError,
    Rejected,
    Stopping,
)
from pacs.upper_layer.message import (
    C_CANCEL_RQ,
    C_ECHO_RQ,
    C_FIND_RQ,
    C_GET_RQ,
    C_MOVE_RQ,
    C_STORE_RQ,
    N_ACTION_RQ,
    N_EVENT_REPORT_RQ,
    RESPONSE,
)
from pacs.upper_layer.pdu import APPLICATION_CONTEXT, AssociateRequest
from pacs.upper_layer.wire import Wire

log = structlog.get_logger(__name__)

UNRECOGNIZED_OPERATION = 0x0211  # PS3.7 Annex C


def serve_dicom(pacs: Pacs, sockets: Sockets, stop: threading.Event) -> None:
    """One process behind listening sockets that others may share, until told to stop."""
    is_alone = pacs.settings.workers == 1
    FrontDoor(sockets, stop, partial(serve_association, pacs, stop), is_alone=is_alone).run()


def serve_association(pacs: Pacs, stop: threading.Event, wire: Wire, request: AssociateRequest, address: str) -> None:
    """One association from its request to its end. Raises Rejected, Violation before there is one."""
    structlog.contextvars.bind_contextvars(peer=request.calling_ae_title)
    actor, charset = _admit(pacs, request, address)
    association = accept(wire, request, answer_contexts(request), answer_roles(request), answer_extended(request))
    log.info("association opened", contexts=len(association.contexts))
    try:
        with association:
            _converse(pacs, stop, actor, charset, association)
    except AssociationError as error:
        log.info("association ended", why=str(error))
    else:
        log.info("association released")


def actor_of(pacs: Pacs, request: AssociateRequest, address: str) -> tuple[Actor, str]:
    """Who calls, and the character set he can read. Raises Rejected, OutOfResources."""
    if not request.protocol_version & 1:
        raise Rejected(*UNKNOWN_PROTOCOL_VERSION)
    if request.application_context != APPLICATION_CONTEXT:
        raise Rejected(*UNKNOWN_APPLICATION_CONTEXT)
    if request.called_ae_title != pacs.settings.ae_title:
        raise Rejected(*UNKNOWN_CALLED_AE_TITLE)
    peer = directory.by_ae_title(pacs, request.calling_ae_title)
    if peer is not None and (pacs.settings.admits_any_peer or peer.is_at(address)):
        return Actor("peer", peer.ae_title, address, peer.may), peer.charset
    if not pacs.settings.admits_any_peer:
        raise Rejected(*UNKNOWN_CALLING_AE_TITLE)
    return Actor("peer", request.calling_ae_title, address, PEER_PERMISSIONS), ""


def _admit(pacs: Pacs, request: AssociateRequest, address: str) -> tuple[Actor, str]:
    try:
        return actor_of(pacs, request, address)
    except OutOfResources as error:
        raise Rejected(*TEMPORARY_CONGESTION) from error
    except Rejected as error:
        _record_rejection(pacs, Actor("peer", request.calling_ae_title, address), str(error))
        raise


def _record_rejection(pacs: Pacs, stranger: Actor, why: str) -> None:
    with suppress(OutOfResources), pacs.database.write() as connection:
        audit.record(connection, stranger, "association-rejected", detail=why)


def _converse(pacs: Pacs, stop: threading.Event, actor: Actor, charset: str, association: Association) -> None:
    while (message := association.receive()) is not None:
        if message.command.command_field & RESPONSE:
            association.take_response(message.command)
        elif message.command.command_field != C_CANCEL_RQ:  # of an operation that has ended: it came too late
            service, handler = _handler_of(message.command.command_field, message.context)
            answer(handler, service, Request(pacs, actor, association, message.context, message.command, charset))
        if stop.is_set():
            raise Stopping("shutting down")


def _handler_of(command_field: int, context: Context) -> tuple[str, Handler]:
    """The name of the service, and who answers for it."""
    syntax = context.abstract_syntax
    if command_field == C_STORE_RQ and context.as_scp and is_storage(syntax):
        return "C-STORE", handle_store
    if command_field == C_ECHO_RQ and syntax == VERIFICATION:
        return "C-ECHO", _handle_echo
    if command_field == C_FIND_RQ and syntax in FIND_MODELS:
        return "C-FIND", handle_find
    if command_field == C_MOVE_RQ and syntax in MOVE_MODELS:
        return "C-MOVE", handle_move
    if command_field == C_GET_RQ and syntax in GET_MODELS:
        return "C-GET", handle_get
    if command_field == N_ACTION_RQ and syntax == STORAGE_COMMITMENT and context.as_scp:
        return "N-ACTION", handle_action
    if command_field == N_EVENT_REPORT_RQ and syntax == STORAGE_COMMITMENT:
        return "N-EVENT-REPORT", handle_event_report
    return "", _handle_unknown


def _handle_echo(request: Request) -> None:
    request.respond(SUCCESS)


def _handle_unknown(request: Request) -> None:
    """A command that the service of this context does not have."""
    for _ in request.association.data_set():
        pass
    request.respond(UNRECOGNIZED_OPERATION)
