"""Who is let in, and which handler answers what he asks."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog

from pacs.context import Pacs
from pacs.dicom.references import STORAGE_COMMITMENT
from pacs.dimse.admission import Admitted, admit
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
from pacs.dimse.front_door import EACH_PROCESS, FrontDoor, Sockets, Visitor
from pacs.dimse.limits import Attendance, within_limits
from pacs.dimse.retrieve import handle_get, handle_move
from pacs.dimse.store import handle_store
from pacs.errors import OutOfResources
from pacs.peers.doctor import NOT_AUTHORIZED, complaint_of
from pacs.peers.history import SERVICES, Diary, Ending, ending_of
from pacs.peers.roster import Roster
from pacs.upper_layer.association import Association, Context, accept
from pacs.upper_layer.errors import (
    TEMPORARY_CONGESTION,
    UNKNOWN_CALLING_AE_TITLE,
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
from pacs.upper_layer.pdu import AssociateRequest
from pacs.upper_layer.wire import Wire

log = structlog.get_logger(__name__)

UNRECOGNIZED_OPERATION = 0x0211  # PS3.7 Annex C


def serve_dicom(pacs: Pacs, sockets: Sockets, stop: threading.Event) -> None:
    """One process behind listening sockets that others may share, until told to stop."""
    processes = pacs.settings.workers
    diary, attendance = Diary(pacs), Attendance(_run_folder(pacs) / "dicom")
    try:
        serve = partial(serve_association, pacs, Roster(pacs), stop, diary)
        FrontDoor(sockets, stop, serve, attendance, most=processes * EACH_PROCESS, processes=processes).run()
    finally:
        attendance.close()
        diary.write()


def serve_association(
    pacs: Pacs,
    roster: Roster,
    stop: threading.Event,
    diary: Diary,
    wire: Wire,
    request: AssociateRequest,
    visitor: Visitor,
    tell_end: Callable[[], None],
) -> None:
    """One association from its request to its end. Raises Rejected, Violation before there is one."""
    structlog.contextvars.bind_contextvars(peer=request.calling_ae_title)
    began_at = datetime.now(UTC)
    with ExitStack() as held:
        admitted = _admit(pacs, roster, diary, request, visitor, began_at, held)
        association = accept(
            wire,
            request,
            answer_contexts(request),
            answer_roles(request),
            answer_extended(request),
            admitted.identity,
        )
        association.when_ended = partial(_note, diary, association, visitor.address, began_at, tell_end)
        log.info("association opened", contexts=len(association.contexts), encrypted=visitor.is_encrypted)
        try:
            with association:
                _converse(pacs, stop, admitted, association)
        except AssociationError as error:
            log.info("association ended", why=str(error))
        else:
            log.info("association released")


def _admit(
    pacs: Pacs,
    roster: Roster,
    diary: Diary,
    request: AssociateRequest,
    visitor: Visitor,
    began_at: datetime,
    held: ExitStack,
) -> Admitted:
    """Who calls; held: his place, until it is left. Raises Rejected, once it is to be written down."""
    try:
        admitted = admit(pacs, roster, request, visitor)
        if admitted.peer is not None:
            held.enter_context(within_limits(_run_folder(pacs) / "peers", admitted.peer))
        return admitted
    except OutOfResources as error:
        raise Rejected(*TEMPORARY_CONGESTION) from error
    except Rejected as error:
        is_unknown = (error.result, error.source, error.reason) == UNKNOWN_CALLING_AE_TITLE
        ending = Ending(request.calling_ae_title, visitor.address, False, began_at, request, error=error)
        diary.turn_away(ending, error, is_unknown=is_unknown)
        raise


def _note(
    diary: Diary,
    association: Association,
    address: str,
    began_at: datetime,
    tell_end: Callable[[], None],
    error: BaseException | None,
) -> None:
    """Leave an association that has ended to the diary, with what its peer's administrator should look at."""
    tell_end()
    ending = ending_of(association, association.calling_ae_title, address, False, began_at)
    refused = {SERVICES.get(field, "") for field, status in association.statuses if status == NOT_AUTHORIZED}
    # Also of one that was aborted: many abort when nothing they need was agreed on.
    why = complaint_of(association, association.calling_ae_title, refused)
    diary.add(replace(ending, error=error, why=why))


def _run_folder(pacs: Pacs) -> Path:
    return pacs.settings.data / "run"


def _converse(pacs: Pacs, stop: threading.Event, admitted: Admitted, association: Association) -> None:
    peer = admitted.peer
    charset = peer.charset if peer else ""
    while (message := association.receive()) is not None:
        if message.command.command_field & RESPONSE:
            association.take_response(message.command)
        elif message.command.command_field != C_CANCEL_RQ:  # of an operation that has ended: it came too late
            service, handler = _handler_of(message.command.command_field, message.context)
            request = Request(pacs, admitted.actor, association, message.context, message.command, charset, peer)
            answer(handler, service, request)
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
