"""Storage commitment at the door: who asks us for it, and who answers what we asked him (PS3.4 J.3)."""

import time
from functools import partial

import structlog

from pacs.context import Pacs
from pacs.dicom.references import (
    MOST_BYTES,
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
    parse_report,
    parse_request,
)
from pacs.dicom.status import PROCESSING_FAILURE
from pacs.dimse.answers import SUCCESS, Request, comment_of
from pacs.errors import OutOfResources, PacsError
from pacs.peers.commitment import ALL_COMMITTED, REQUEST_STORAGE_COMMITMENT, SOME_FAILED, send_report
from pacs.upper_layer.message import Command
from pacs.workflow import commitment

log = structlog.get_logger(__name__)

NO_SUCH_INSTANCE, NO_SUCH_EVENT_TYPE, NO_SUCH_CLASS, NO_SUCH_ACTION = 0x0112, 0x0113, 0x0118, 0x0123
"""PS3.7 10.1.1.1.8, 10.1.4.1.10."""

PAUSE_S = 0.2
"""Silence after which we report on the same association: many have the next request, or the release, on the way."""
LONGEST_S = 8.0
"""How long a check may take that is to be reported on the same association; the worker takes up longer ones."""


def handle_action(request: Request) -> None:
    """A request for commitment: answered at once, then checked, and reported here if the peer stays to hear it."""
    command = request.command
    if command.action_type_id != REQUEST_STORAGE_COMMITMENT:
        _refuse(request, NO_SUCH_ACTION, "the one action is 1")
    elif not _refuse_others(request, command.requested_sop_class_uid, command.requested_sop_instance_uid):
        asked = parse_request(_read(request), request.context.transfer_syntax)
        pk = commitment.take(request.pacs, request.actor, asked)
        log.info("commitment asked", transaction_uid=asked.transaction_uid, instances=len(asked.references))
        request.respond(SUCCESS, action_type_id=REQUEST_STORAGE_COMMITMENT)
        _report_here(request, pk)


def handle_event_report(request: Request) -> None:
    """What became of a request of ours. Whoever reports need not have agreed on his role: many do not."""
    command = request.command
    if command.event_type_id not in (ALL_COMMITTED, SOME_FAILED):
        _refuse(request, NO_SUCH_EVENT_TYPE, "the events are 1 and 2")
    elif not _refuse_others(request, command.affected_sop_class_uid, command.affected_sop_instance_uid):
        report = parse_report(_read(request), request.context.transfer_syntax)
        commitment.receive_report(request.pacs, request.actor, report)
        request.respond(SUCCESS, event_type_id=command.event_type_id)


def _report_here(request: Request, pk: int) -> None:
    """The request is answered, so nothing may be raised here but by the association; what fails is the worker's."""
    pacs, association = request.pacs, request.association
    deadline = time.monotonic() + LONGEST_S
    try:
        report = commitment.check(pacs, pk, lambda: time.monotonic() < deadline and not association.has_input())
        if report is None or association.has_input(PAUSE_S):
            commitment.hand_over(pacs, pk)
            return
    except PacsError as error:
        log.warning("commitment not checked yet", why=str(error))
        return
    except Exception:
        log.exception("commitment not checked yet")
        return
    message_id = association.next_message_id()
    association.expect(message_id, partial(_end, pacs, pk))
    send_report(association, request.context, message_id, report, pacs.settings.ae_title)


def _end(pacs: Pacs, pk: int, response: Command) -> None:
    try:
        commitment.end(pacs, pk, PROCESSING_FAILURE if response.status is None else response.status)
    except PacsError as error:  # the worker will report again, and the peer knows already
        log.warning("commitment not ended yet", why=str(error))


def _read(request: Request) -> bytes:
    data = bytearray()
    for piece in request.association.data_set():
        data += piece
        if len(data) > MOST_BYTES:
            raise OutOfResources(f"a request of more than {MOST_BYTES} bytes")
    return bytes(data)


def _refuse_others(request: Request, sop_class_uid: str | None, sop_instance_uid: str | None) -> bool:
    """Whether something else is meant than the one instance of the class, and so was refused."""
    if sop_class_uid != STORAGE_COMMITMENT:
        _refuse(request, NO_SUCH_CLASS, "the class is that of storage commitment")
    elif sop_instance_uid != STORAGE_COMMITMENT_INSTANCE:
        _refuse(request, NO_SUCH_INSTANCE, f"the instance is {STORAGE_COMMITMENT_INSTANCE}")
    else:
        return False
    return True


def _refuse(request: Request, status: int, why: str) -> None:
    for _ in request.association.data_set():  # the peer reads no answer before all of his request has gone
        pass
    request.respond(status, error_comment=comment_of(why))
