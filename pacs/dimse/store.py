"""C-STORE: from the network into the archive, answered when it is kept (PS3.4 B.2)."""

from pacs.archive.ingest import receive
from pacs.dimse.answers import SUCCESS, Request
from pacs.errors import InstanceMismatch
from storage.failpoint import reached


def handle_store(request: Request) -> None:
    command, context = request.command, request.context
    sop_class_uid = command.affected_sop_class_uid or ""
    if sop_class_uid != context.abstract_syntax:
        raise InstanceMismatch("the SOP Class UID is not the one of the presentation context")
    incoming = receive(
        request.pacs,
        request.actor,
        sop_class_uid,
        command.affected_sop_instance_uid or "",
        context.transfer_syntax,
    )
    with incoming:
        for piece in request.association.data_set():
            incoming.write(piece)
        incoming.finish()
    reached("FP9")
    request.respond(SUCCESS)
