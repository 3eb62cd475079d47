"""Requests that may fail, and answers that always come: an error becomes a status and a comment (PS3.7 9.1, C)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import structlog

from pacs.context import Actor, Pacs
from pacs.dicom.status import status_of
from pacs.errors import PacsError
from pacs.peers.directory import Peer
from pacs.upper_layer.association import Association, Context
from pacs.upper_layer.errors import AssociationError
from pacs.upper_layer.message import RESPONSE, Command

log = structlog.get_logger(__name__)

SUCCESS = 0x0000
PENDING = 0xFF00
LONGEST_COMMENT = 64
"""Characters of VR LO. Peers have crashed on longer ones."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a peer, and all that it takes to answer it."""

    pacs: Pacs
    actor: Actor
    association: Association
    context: Context
    command: Command
    charset: str = ""
    """The Specific Character Set that the peer can read; "": any."""
    peer: Peer | None = None
    """What we know of the peer; None: everybody is let in, and we do not know it."""

    @property
    def message_id(self) -> int:
        return self.command.message_id or 0

    def response(self, status: int, **fields: Any) -> Command:
        """The command set of an answer."""
        return Command(
            command_field=self.command.command_field | RESPONSE,
            message_id_being_responded_to=self.message_id,
            affected_sop_class_uid=self.command.affected_sop_class_uid or self.command.requested_sop_class_uid,
            affected_sop_instance_uid=self.command.affected_sop_instance_uid or self.command.requested_sop_instance_uid,
            status=status,
            **fields,
        )

    def respond(self, status: int, **fields: Any) -> None:
        self.association.send(self.context, self.response(status, **fields))


Handler = Callable[[Request], None]
"""Answers one request, or raises."""


def answer(handler: Handler, service: str, request: Request) -> None:
    """Run the handler; what it raises is answered as a failure. Raises AssociationError alone."""
    failure: Exception
    try:
        handler(request)
        return
    except AssociationError:
        raise
    except PacsError as error:
        failure = error
        log.warning("refused", service=service, why=str(error))
    except Exception as error:
        failure = error
        log.exception("a request failed", service=service)
    for _ in request.association.data_set():  # the peer reads no answer before all of his request has gone
        pass
    request.association.send(request.context, refusal(request, failure, service))


def refusal(request: Request, error: Exception, service: str) -> Command:
    """The answer that tells an error. What a bug has to say is told to no one."""
    text = str(error) if isinstance(error, PacsError) else "internal error, see the log"
    if uid := request.command.affected_sop_instance_uid:
        text = text.replace(uid, "it")  # the answer names it anyway, and a comment is short
    return replace(request.response(status_of(error, service)), error_comment=comment_of(text))


def comment_of(text: str) -> str:
    """An Error Comment (0000,0902): 64 characters of ASCII, without a backslash."""
    return text.encode("ascii", "replace").decode("ascii").replace("\\", "/")[:LONGEST_COMMENT]
