"""Storage commitment over the network: asking a peer to keep what it has, and telling it what we keep (PS3.4 J.3)."""

from collections.abc import Callable
from contextlib import suppress

from pacs.context import Pacs
from pacs.dicom.references import (
    MOST_BYTES,
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
    CommitmentReport,
    CommitmentRequest,
    encode_report,
    encode_request,
    parse_report,
)
from pacs.dicom.status import PROCESSING_FAILURE, status_of
from pacs.errors import PacsError
from pacs.peers.dimse import UNCOMPRESSED, Unreachable, open_association
from pacs.peers.directory import Peer
from pacs.peers.doctor import explanation_of
from pacs.upper_layer.association import Association, Context, Message
from pacs.upper_layer.errors import AssociationError, Lost, Violation
from pacs.upper_layer.message import (
    N_ACTION_RQ,
    N_EVENT_REPORT_RQ,
    RESPONSE,
    WITH_DATA_SET,
    Command,
)
from pacs.upper_layer.pdu import Roles

REQUEST_STORAGE_COMMITMENT = 1
"""The one action (PS3.4 J.3.2)."""
ALL_COMMITTED, SOME_FAILED = 1, 2
"""The two events (PS3.4 J.3.3)."""
AS_SCP = {STORAGE_COMMITMENT: Roles(scu=False, scp=True)}
PATIENCE_S = 2.0
"""How long a peer that was asked has to report on the same association."""

TakeReport = Callable[[CommitmentReport], None]
"""Keeps what a peer reports, or raises."""


def send_report(
    association: Association, context: Context, message_id: int, report: CommitmentReport, own_ae_title: str
) -> None:
    """An N-EVENT-REPORT, whose response is left to be received. Raises AssociationError."""
    command = Command(
        command_field=N_EVENT_REPORT_RQ,
        message_id=message_id,
        affected_sop_class_uid=STORAGE_COMMITMENT,
        affected_sop_instance_uid=STORAGE_COMMITMENT_INSTANCE,
        event_type_id=SOME_FAILED if report.failed else ALL_COMMITTED,
        command_data_set_type=WITH_DATA_SET,
    )
    association.send(context, command, [encode_report(report, own_ae_title, context.transfer_syntax)])


def report(pacs: Pacs, peer: Peer, what: CommitmentReport) -> int:
    """Tell a peer over an association of our own; the status it answers. Raises Unreachable."""
    association = open_association(pacs, peer, [(STORAGE_COMMITMENT, UNCOMPRESSED)], AS_SCP)
    try:
        with association:
            # Without its word on the roles a peer has not agreed to be told (PS3.7 D.3.3.4), and most listen.
            context = _context(association, peer)
            send_report(association, context, association.next_message_id(), what, pacs.settings.ae_title)
            status = association.response().status
            with suppress(AssociationError):  # it has answered, however it takes its leave
                association.release()
    except AssociationError as error:
        raise Unreachable(explanation_of(error, peer, pacs.settings.ae_title)) from error
    return PROCESSING_FAILURE if status is None else status


def ask(pacs: Pacs, peer: Peer, request: CommitmentRequest, take_report: TakeReport) -> int:
    """Ask a peer to keep instances; the status it answers. What it reports soon is taken too. Raises Unreachable."""
    association = open_association(pacs, peer, [(STORAGE_COMMITMENT, UNCOMPRESSED)])
    try:
        with association:
            return _ask(association, _context(association, peer), request, take_report)
    except AssociationError as error:
        raise Unreachable(explanation_of(error, peer, pacs.settings.ae_title)) from error


def _ask(association: Association, context: Context, request: CommitmentRequest, take_report: TakeReport) -> int:
    command = Command(
        command_field=N_ACTION_RQ,
        message_id=association.next_message_id(),
        requested_sop_class_uid=STORAGE_COMMITMENT,
        requested_sop_instance_uid=STORAGE_COMMITMENT_INSTANCE,
        action_type_id=REQUEST_STORAGE_COMMITMENT,
        command_data_set_type=WITH_DATA_SET,
    )
    association.send(context, command, [encode_request(request, context.transfer_syntax)])
    status, is_reported = _next_status(association, take_report), False
    while status is None:  # some report before they answer
        status, is_reported = _next_status(association, take_report), True
    with suppress(AssociationError):  # it has answered, however it takes its leave
        if status == 0 and not is_reported and association.has_input(PATIENCE_S):
            _next_status(association, take_report)
        association.release()
    return status


def _next_status(association: Association, take_report: TakeReport) -> int | None:
    """Of the response to our request; None: a report came instead, and is answered."""
    message = association.receive()
    if message is None:
        raise Lost("the peer released the association before it answered")
    field = message.command.command_field
    if field == N_ACTION_RQ | RESPONSE:
        return PROCESSING_FAILURE if message.command.status is None else message.command.status
    if field != N_EVENT_REPORT_RQ:
        raise Violation("a message that answers no question")
    _answer_report(association, message, take_report)
    return None


def _answer_report(association: Association, message: Message, take_report: TakeReport) -> None:
    status = 0
    try:
        take_report(parse_report(association.read_data_set(MOST_BYTES), message.context.transfer_syntax))
    except PacsError as error:
        status = status_of(error, "N-EVENT-REPORT")
    answer = Command(
        command_field=N_EVENT_REPORT_RQ | RESPONSE,
        message_id_being_responded_to=message.command.message_id,
        affected_sop_class_uid=message.command.affected_sop_class_uid,
        affected_sop_instance_uid=message.command.affected_sop_instance_uid,
        event_type_id=message.command.event_type_id,
        status=status,
    )
    association.send(message.context, answer)


def _context(association: Association, peer: Peer) -> Context:
    for context in association.contexts.values():
        return context
    raise Unreachable(f"{peer.ae_title} at {peer.host}:{peer.port} is there, but does not take storage commitment")
