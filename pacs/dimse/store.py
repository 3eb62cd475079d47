"""C-STORE: from the network into the archive, answered when it is kept (PS3.4 B.2)."""

import io
from collections.abc import Iterator

from pacs.archive import resources
from pacs.archive.ingest import receive
from pacs.dicom.part10 import DEFLATED, IMPLICIT, LONG_VRS, SHORT_VRS, file_meta
from pacs.dimse.answers import SUCCESS, Request
from pacs.errors import InstanceMismatch, InvalidInstance, TooLarge
from storage.failpoint import reached


def handle_store(request: Request) -> None:
    """Keep one instance. Its memory is a few pieces, whatever its size."""
    command, context = request.command, request.context
    sop_class_uid = command.affected_sop_class_uid or ""
    if sop_class_uid != context.abstract_syntax:
        raise InstanceMismatch("the SOP Class UID is not the one of the presentation context")
    sop_instance_uid = command.affected_sop_instance_uid or ""
    pieces = _checked(request.association.data_set(), context.transfer_syntax)
    if sop_class_uid in resources.KIND_OF:
        _keep_resource(request, file_meta(sop_class_uid, sop_instance_uid, context.transfer_syntax), pieces)
    else:
        incoming = receive(request.pacs, request.actor, sop_class_uid, sop_instance_uid, context.transfer_syntax)
        with incoming:
            for piece in pieces:
                incoming.write(piece)
            incoming.finish()
    reached("FP9")
    request.respond(SUCCESS)


def _keep_resource(request: Request, meta: bytes, pieces: Iterator[memoryview]) -> None:
    """What belongs to no patient has a place of its own. It is held while it comes: it is small."""
    file = bytearray(meta)
    for piece in pieces:
        file += piece
        if len(file) > resources.LARGEST:
            raise TooLarge(f"a resource has at most {resources.LARGEST >> 20} MiB")
    command = request.command
    resources.store(
        request.pacs,
        request.actor,
        io.BytesIO(file),
        kind=resources.KIND_OF[command.affected_sop_class_uid or ""],
        sop_instance_uid=command.affected_sop_instance_uid or "",
    )


def _checked(pieces: Iterator[memoryview], transfer_syntax: str) -> Iterator[memoryview]:
    """The pieces of a data set, once its first element has the form that was agreed. Raises InvalidInstance.

    The header reader takes both forms, as files need; what a peer sends in another one than it agreed to, it would
    take for something else when we give it back.
    """
    for piece in pieces:
        is_explicit = bytes(piece[4:6]) in SHORT_VRS | LONG_VRS
        if is_explicit is (transfer_syntax in IMPLICIT) and transfer_syntax not in DEFLATED:
            raise InvalidInstance("the data set is not in the transfer syntax that was agreed")
        yield piece
        break
    yield from pieces
