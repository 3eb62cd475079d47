"""What we ask of peers: what they have (C-FIND), to send it (C-MOVE), or to give it (C-GET); and what we send them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from pydicom.charset import convert_encodings
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pynetdicom.presentation import StoragePresentationContexts

from pacs.context import Actor, Pacs
from pacs.dicom.part10 import IMPLICIT_LITTLE_ENDIAN
from pacs.dicom.status import PROCESSING_FAILURE, status_of
from pacs.errors import InvalidQuery, NotFound, PacsError
from pacs.peers import directory
from pacs.peers.dimse import (
    UNCOMPRESSED,
    Outgoing,
    Proposal,
    Unreachable,
    context_for,
    open_association,
    proposals_for,
    store,
)
from pacs.peers.directory import Peer
from pacs.peers.doctor import explanation_of
from pacs.upper_layer.association import Association, Context, Message
from pacs.upper_layer.errors import AssociationError, Lost, Violation
from pacs.upper_layer.message import (
    C_FIND_RQ,
    C_GET_RQ,
    C_MOVE_RQ,
    C_STORE_RQ,
    MEDIUM,
    RESPONSE,
    WITH_DATA_SET,
    Command,
)
from pacs.upper_layer.pdu import MOST_CONTEXTS, Roles

STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
PENDING = (0xFF00, 0xFF01)
MOST_BYTES = 16 << 20
"""Of one identifier that a peer answers with."""
COMPRESSED = tuple(
    f"1.2.840.10008.1.2.{suffix}"
    for suffix in (
        *("4.50", "4.70", "4.90", "4.91", "4.80", "4.81", "5", "4.51", "4.57", "4.201", "4.202", "4.203"),
        *("4.102", "4.103", "4.100", "4.101", "1.99"),
    )
)
"""What a peer may have, the commonest first: each in a context of its own, so that it need not convert."""

QueryLevel = Literal["PATIENT", "STUDY", "SERIES", "IMAGE"]
Keys = Mapping[str, str]
"""Values by keyword; an empty one is asked for. Several UIDs are joined by a backslash."""
Take = Callable[[str, str, str, Iterator[memoryview]], None]
"""Keeps an instance, given its SOP class, its UID, its transfer syntax and its data set in pieces. Raises PacsError."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a C-MOVE, of a C-GET, or of what we have sent."""

    status: int
    completed: int
    failed: int = 0
    warning: int = 0
    why: str = ""
    """What the peer says of it, or what went wrong first."""

    @property
    def succeeded(self) -> bool:
        return self.status == 0 and not self.failed


def find(pacs: Pacs, actor: Actor, ae_title: str, level: QueryLevel, keys: Keys) -> list[Dataset]:
    """What a peer has that matches. Raises NotFound, Unreachable, InvalidQuery for keys that are none or refused."""
    peer, identifier = _known(pacs, actor, ae_title), identifier_of(level, keys)
    try:
        with open_association(pacs, peer, [(STUDY_ROOT_FIND, UNCOMPRESSED)]) as association:
            found = _find(association, _context(association, STUDY_ROOT_FIND, peer), identifier)
            with suppress(AssociationError):
                association.release()
            return found
    except AssociationError as error:
        raise Unreachable(explanation_of(error, peer, pacs.settings.ae_title)) from error


def move(pacs: Pacs, actor: Actor, ae_title: str, level: QueryLevel, keys: Keys, to: str) -> Outcome:
    """Have a peer send something to the application called `to`, which it must know. Raises NotFound, Unreachable."""
    peer, identifier = _known(pacs, actor, ae_title), identifier_of(level, keys)
    try:
        with open_association(pacs, peer, [(STUDY_ROOT_MOVE, UNCOMPRESSED)]) as association:
            context = _context(association, STUDY_ROOT_MOVE, peer)
            _ask(association, context, C_MOVE_RQ, identifier, to)
            answer = association.response()
            while answer.status in PENDING:
                answer = association.response()
            with suppress(AssociationError):
                association.release()
            return _outcome(answer)
    except AssociationError as error:
        raise Unreachable(explanation_of(error, peer, pacs.settings.ae_title)) from error


def get(pacs: Pacs, actor: Actor, ae_title: str, level: QueryLevel, keys: Keys, take: Take) -> Outcome:
    """Have a peer give something, and hand each instance on. Raises NotFound, Unreachable."""
    peer, identifier = _known(pacs, actor, ae_title), identifier_of(level, keys)
    proposals = _proposals_of(_sop_classes(pacs, actor, ae_title, keys))
    roles = {sop_class_uid: Roles(scu=False, scp=True) for sop_class_uid, _ in proposals}
    try:
        with open_association(pacs, peer, [(STUDY_ROOT_GET, UNCOMPRESSED), *proposals], roles) as association:
            context = _context(association, STUDY_ROOT_GET, peer)
            _ask(association, context, C_GET_RQ, identifier)
            outcome = _outcome(_receive_all(association, take))
            with suppress(AssociationError):
                association.release()
            return outcome
    except AssociationError as error:
        raise Unreachable(explanation_of(error, peer, pacs.settings.ae_title)) from error


def send(pacs: Pacs, actor: Actor, ae_title: str, wanted: Sequence[Outgoing]) -> Outcome:
    """Send instances, over as many associations as their contexts need. Raises NotFound, Unreachable."""
    peer = _known(pacs, actor, ae_title)
    completed, why = 0, [""]
    for proposals in proposals_for((one.sop_class_uid, one.transfer_syntax_uid) for one in wanted):
        sop_classes = {sop_class_uid for sop_class_uid, _ in proposals}
        try:
            with open_association(pacs, peer, proposals) as association:
                for one in wanted:
                    if one.sop_class_uid in sop_classes:
                        problem = _send_one(association, one)
                        completed += not problem
                        why += [problem] if problem else []
                with suppress(AssociationError):
                    association.release()
        except AssociationError as error:
            raise Unreachable(explanation_of(error, peer, pacs.settings.ae_title)) from error
    return Outcome(0, completed, len(wanted) - completed, why=(why[1:] or why)[0])


def identifier_of(level: QueryLevel, keys: Keys) -> Dataset:
    """Raises InvalidQuery for what is no keyword."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        if tag_for_keyword(keyword) is None or dictionary_VR(keyword) == "SQ":
            raise InvalidQuery(f"{keyword} is no keyword of an attribute that can be asked for")
        try:
            setattr(ds, keyword, value)
        except (ValueError, TypeError) as error:
            raise InvalidQuery(f"{keyword}: {value!r} is no value of it") from error
    if all(value.isascii() for value in keys.values()):
        del ds.SpecificCharacterSet
    return ds


def _known(pacs: Pacs, actor: Actor, ae_title: str) -> Peer:
    actor.require("administer")
    peer = directory.by_ae_title(pacs, ae_title)
    if peer is None:
        raise NotFound(f"no peer is called {ae_title}: `pacs peer add` makes one known")
    return peer


def _context(association: Association, abstract_syntax: str, peer: Peer) -> Context:
    for context in association.contexts.values():
        if context.abstract_syntax == abstract_syntax:
            return context
    what = {STUDY_ROOT_FIND: "C-FIND", STUDY_ROOT_MOVE: "C-MOVE", STUDY_ROOT_GET: "C-GET"}[abstract_syntax]
    raise Unreachable(f"{peer.ae_title} at {peer.host}:{peer.port} is there, but does not take {what} (Study Root)")


def _ask(association: Association, context: Context, field: int, identifier: Dataset, to: str | None = None) -> None:
    command = Command(
        command_field=field,
        message_id=association.next_message_id(),
        affected_sop_class_uid=context.abstract_syntax,
        priority=MEDIUM,
        command_data_set_type=WITH_DATA_SET,
        move_destination=to,
    )
    file = DicomBytesIO()
    file.is_little_endian, file.is_implicit_VR = True, context.transfer_syntax == IMPLICIT_LITTLE_ENDIAN
    encodings = convert_encodings(identifier.get("SpecificCharacterSet", "ISO_IR 6"))
    write_dataset(file, identifier, parent_encoding=encodings)
    association.send(context, command, [file.getvalue()])


def _find(association: Association, context: Context, identifier: Dataset) -> list[Dataset]:
    _ask(association, context, C_FIND_RQ, identifier)
    found = []
    while (answer := association.response()).status in PENDING:
        data = association.read_data_set(MOST_BYTES)
        is_implicit = context.transfer_syntax == IMPLICIT_LITTLE_ENDIAN
        found.append(read_dataset(BytesIO(data), is_implicit, True))
    # A limit that was reached ends in a warning, with what there is.
    if answer.status is None or (answer.status and answer.status & 0xF000 != 0xB000):
        raise InvalidQuery(f"the peer answers {answer.status or 0:04X}: {answer.error_comment or 'without a word'}")
    return found


def _sop_classes(pacs: Pacs, actor: Actor, ae_title: str, keys: Keys) -> list[str]:
    """Those of the studies that are wanted; none when the peer does not tell."""
    wanted = {"StudyInstanceUID": keys.get("StudyInstanceUID", ""), "SOPClassesInStudy": ""}
    with suppress(PacsError, ValueError):  # it need not know the attribute, nor C-FIND
        answers = find(pacs, actor, ae_title, "STUDY", wanted)
        values = [answer.get("SOPClassesInStudy") or [] for answer in answers]
        return sorted({str(uid) for value in values for uid in ([value] if isinstance(value, str) else value)})
    return []


def _proposals_of(sop_classes: Sequence[str]) -> list[Proposal]:
    """Contexts for what may come: of each class its syntaxes apart, as long as there is room for that."""
    most = MOST_CONTEXTS - 1
    classes = list(sop_classes) or [str(context.abstract_syntax) for context in StoragePresentationContexts]
    each = min(most // len(classes), 1 + len(COMPRESSED))
    if each <= 1:
        return [(uid, (*UNCOMPRESSED, *COMPRESSED)) for uid in classes[:most]]
    apart, together = COMPRESSED[: each - 1], COMPRESSED[each - 1 :]
    return [(uid, syntaxes) for uid in classes for syntaxes in ((*UNCOMPRESSED, *together), *((one,) for one in apart))]


def _receive_all(association: Association, take: Take) -> Command:
    """The final response. What comes until then is handed on, and answered when it is kept."""
    while True:
        message = association.receive()
        if message is None:
            raise Lost("the peer released the association in the middle of a C-GET")
        field = message.command.command_field
        if field == C_STORE_RQ:
            _take_one(association, message, take)
        elif field != C_GET_RQ | RESPONSE:
            raise Violation("a message that belongs to no C-GET")
        elif message.command.status not in PENDING:
            return message.command


def _take_one(association: Association, message: Message, take: Take) -> None:
    command, status = message.command, 0
    uids = command.affected_sop_class_uid or "", command.affected_sop_instance_uid or ""
    try:
        take(*uids, message.context.transfer_syntax, association.data_set())
    except PacsError as error:
        status = status_of(error, "C-STORE")
        for _ in association.data_set():  # the peer reads no answer before all of it has gone
            pass
    answer = Command(
        command_field=C_STORE_RQ | RESPONSE,
        message_id_being_responded_to=command.message_id,
        affected_sop_class_uid=command.affected_sop_class_uid,
        affected_sop_instance_uid=command.affected_sop_instance_uid,
        status=status,
    )
    association.send(message.context, answer)


def _send_one(association: Association, one: Outgoing) -> str:
    """What went wrong; "": nothing. Raises AssociationError."""
    context = context_for(association, one.sop_class_uid, one.transfer_syntax_uid)
    if context is None:
        return f"{one.sop_instance_uid}: the peer takes no SOP class or syntax like this"
    try:
        pieces = one.read(context.transfer_syntax)
        status = store(association, context, one.sop_instance_uid, pieces)
    except PacsError as error:
        raise Lost(f"{one.sop_instance_uid}: {error}") from error  # half of it is sent
    is_kept = status == 0 or status & 0xF000 == 0xB000
    return "" if is_kept else f"{one.sop_instance_uid}: the peer answers {status:04X}"


def _outcome(answer: Command) -> Outcome:
    status = PROCESSING_FAILURE if answer.status is None else answer.status
    return Outcome(
        status,
        answer.number_of_completed_suboperations or 0,
        answer.number_of_failed_suboperations or 0,
        answer.number_of_warning_suboperations or 0,
        answer.error_comment or "",
    )
