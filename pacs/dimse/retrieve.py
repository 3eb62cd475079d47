"""C-MOVE and C-GET: instances sent as they are kept, with every sub-operation accounted for (PS3.4 C.4.2, C.4.3)."""

import struct
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import structlog

from pacs.archive.find import find
from pacs.archive.retrieve import InstanceRef, instances, transcoded_chunks
from pacs.context import Pacs
from pacs.dicom.attributes import Level
from pacs.dicom.identifier import parse_identifier
from pacs.dicom.part10 import IMPLICIT_LITTLE_ENDIAN
from pacs.dicom.query import AnyOf, Match, Query
from pacs.dimse.answers import PENDING, SUCCESS, Request, comment_of
from pacs.dimse.contexts import PATIENT_ROOT_GET, PATIENT_ROOT_MOVE
from pacs.errors import InvalidQuery, NotFound, PacsError, UnknownDestination
from pacs.peers import directory
from pacs.peers.dimse import MoveOriginator, Proposal, Unreachable, context_for, open_association, proposals_for, store
from pacs.peers.directory import Peer
from pacs.upper_layer.association import Association, Context
from pacs.upper_layer.errors import AssociationError
from pacs.upper_layer.message import WITH_DATA_SET
from pacs.upper_layer.wire import Buffer

log = structlog.get_logger(__name__)

CANCELLED, UNABLE, SOME_FAILED = 0xFE00, 0xA702, 0xB000
"""PS3.4 Tables C.4-2 and C.4-3."""

PENDING_EVERY_S = 1.0
MOST_COUNTED = 0xFFFF
"""What a counter (VR US) can say."""
READ_AHEAD = 16 << 20
"""Bytes of an instance that are read while the one before it is sent."""
LONGEST_IDENTIFIER = 4 << 20
"""Bytes: 60,000 UIDs."""
MOST_LISTED_EXPLICIT = 0xFFFE
"""Bytes of a value of VR UI in Explicit VR."""

RELATIONAL = 0
"""The byte of extended negotiation that allows retrieval without the unique keys above (PS3.4 C.5.2.1.1)."""

KEYS = {
    Level.PATIENT: "PatientID",
    Level.STUDY: "StudyInstanceUID",
    Level.SERIES: "SeriesInstanceUID",
    Level.IMAGE: "SOPInstanceUID",
}


def handle_get(request: Request) -> None:
    """The instances come back over the association that asked for them."""
    operation = _begin(request)
    operation.send_over(request.association, None)
    operation.finish()


def handle_move(request: Request) -> None:
    """The instances go to a peer that we know, by the AE title that the request names."""
    request.actor.require("retrieve")  # before we tell whom we know
    destination = directory.by_ae_title(request.pacs, request.command.move_destination or "")
    if destination is None:
        raise UnknownDestination("the move destination is no known peer")
    operation = _begin(request)
    operation.deliver(destination)
    operation.finish()


class _Gone(Exception):
    """The association with the destination ended."""


@dataclass(slots=True)
class Tally:
    """What became of the sub-operations so far."""

    remaining: int
    completed: int = 0
    warning: int = 0
    failed_uids: list[str] = field(default_factory=list)
    why: str = ""
    """Of the first that failed."""

    def count(self, ref: InstanceRef, status: int) -> None:
        if status == SUCCESS:
            self.completed += 1
        elif status & 0xF000 == 0xB000:
            self.warning += 1
        else:
            self.fail(ref, f"the receiver answers {status:04X}")
            return
        self.remaining -= 1

    def fail(self, ref: InstanceRef, why: str) -> None:
        log.warning("sub-operation failed", sop_instance_uid=ref.sop_instance_uid, why=why)
        self.remaining -= 1
        self.failed_uids.append(ref.sop_instance_uid)
        self.why = self.why or why

    def fields(self) -> dict[str, int]:
        """As the command set has them."""
        return {
            "number_of_completed_suboperations": min(self.completed, MOST_COUNTED),
            "number_of_failed_suboperations": min(len(self.failed_uids), MOST_COUNTED),
            "number_of_warning_suboperations": min(self.warning, MOST_COUNTED),
        }

    def remaining_field(self) -> dict[str, int]:
        return {"number_of_remaining_suboperations": min(self.remaining, MOST_COUNTED)}


class Operation:
    """One C-MOVE or C-GET: what is still to be sent, and what became of the rest. Used by one thread."""

    def __init__(self, request: Request, refs: Sequence[InstanceRef]) -> None:
        self._request = request
        self._queue = deque(refs)
        self._tally = Tally(len(refs))
        self._reported = 0.0
        self._is_cancelled = False

    def deliver(self, peer: Peer) -> None:
        """Send everything to a peer, over as many associations as its contexts need."""
        refs = list(self._queue)
        for proposals in proposals_for((ref.sop_class_uid, ref.transfer_syntax_uid) for ref in refs):
            sop_classes = {sop_class_uid for sop_class_uid, _ in proposals}
            self._queue = deque(ref for ref in refs if ref.sop_class_uid in sop_classes)
            while self._queue and not self._is_cancelled:
                self._deliver_some(peer, proposals)

    def send_over(self, association: Association, originator: MoveOriginator | None) -> None:
        """Send what is queued, each instance read while the one before it is sent. Raises AssociationError."""
        pacs = self._request.pacs
        with ThreadPoolExecutor(1) as reader:
            ahead: Future[Iterable[Buffer]] | None = None
            while self._queue and not self._is_cancelled:
                ref = self._queue.popleft()
                context = context_for(association, ref.sop_class_uid, ref.transfer_syntax_uid)
                current = ahead or reader.submit(_read, pacs, ref, context)
                ahead = None
                if self._queue:
                    following = self._queue[0]
                    its_context = context_for(association, following.sop_class_uid, following.transfer_syntax_uid)
                    ahead = reader.submit(_read, pacs, following, its_context)
                self._send_one(association, context, ref, current, originator)
                self._report()

    def finish(self) -> None:
        """The final answer."""
        tally, failed = self._tally, self._tally.failed_uids
        fields: dict[str, Any] = tally.fields()
        if self._is_cancelled:
            status = CANCELLED
            fields |= tally.remaining_field()
        elif not failed and not tally.warning:
            status = SUCCESS
        else:
            status = SOME_FAILED if tally.completed or tally.warning else UNABLE
        if failed:
            fields |= {"error_comment": comment_of(tally.why), "command_data_set_type": WITH_DATA_SET}
        request = self._request
        request.association.send(
            request.context,
            request.response(status, **fields),
            [failed_list(failed, request.context.transfer_syntax)] if failed else (),
        )

    def _deliver_some(self, peer: Peer, proposals: Sequence[Proposal]) -> None:
        """One association's worth: a peer that ends it is called again, unless it had taken nothing."""
        request, taken = self._request, self._tally.completed + self._tally.warning
        try:
            association = open_association(request.pacs, peer, proposals)
        except Unreachable as error:
            self._give_up(str(error))
            return
        try:
            with association:
                self.send_over(association, MoveOriginator(request.actor.name, request.message_id))
                with suppress(AssociationError):
                    association.release()
        except _Gone as gone:
            if taken == self._tally.completed + self._tally.warning:
                self._give_up(str(gone))

    def _give_up(self, why: str) -> None:
        while self._queue:
            self._tally.fail(self._queue.popleft(), why)

    def _send_one(
        self,
        association: Association,
        context: Context | None,
        ref: InstanceRef,
        content: Future[Iterable[Buffer]],
        originator: MoveOriginator | None,
    ) -> None:
        try:
            pieces = content.result()
        except PacsError as error:
            self._tally.fail(ref, str(error))
            return
        if context is None:
            self._tally.fail(ref, "no context was agreed (with the SCP role) for its SOP class")
            return
        try:
            self._tally.count(ref, store(association, context, ref.sop_instance_uid, pieces, originator))
        except (PacsError, AssociationError) as error:  # the former: its bytes proved damaged when half was sent
            self._tally.fail(ref, str(error))
            if association is self._request.association:
                raise AssociationError(str(error)) from error
            raise _Gone(str(error)) from error

    def _report(self) -> None:
        """Look whether the peer has cancelled, and tell him how far we are about once a second."""
        request, tally = self._request, self._tally
        self._is_cancelled = request.association.is_cancelled(request.message_id)
        now = time.monotonic()
        if tally.remaining and not self._is_cancelled and now - self._reported >= PENDING_EVERY_S:
            self._reported = now
            request.respond(PENDING, **tally.fields(), **tally.remaining_field())


def failed_list(uids: Sequence[str], transfer_syntax_uid: str) -> bytes:
    """An identifier that holds the Failed SOP Instance UID List (0008,0058), as many as its value can."""
    value = "\\".join(uids).encode("ascii")
    if transfer_syntax_uid == IMPLICIT_LITTLE_ENDIAN:
        value += b"\0" * (len(value) % 2)
        return struct.pack("<HHL", 0x0008, 0x0058, len(value)) + value
    if len(value) > MOST_LISTED_EXPLICIT:
        value = value[:MOST_LISTED_EXPLICIT].rpartition(b"\\")[0]
    value += b"\0" * (len(value) % 2)
    return struct.pack("<HH2sH", 0x0008, 0x0058, b"UI", len(value)) + value


def _begin(request: Request) -> Operation:
    request.actor.require("retrieve")
    data = request.association.read_data_set(LONGEST_IDENTIFIER)
    try:
        refs = _refs(request, data)
    except NotFound:
        refs = []
    log.info("retrieve", instances=len(refs), destination=request.command.move_destination)
    return Operation(request, refs)


def _refs(request: Request, data: bytes) -> list[InstanceRef]:
    """The instances that an identifier names (PS3.4 C.4.2.2.1). Raises NotFound, InvalidQuery."""
    identifier = parse_identifier(data, request.context.transfer_syntax)
    keys = {path: tuple(filter(None, values)) for path, values in identifier.keys}
    _check_keys(request, identifier.level, keys)
    named = {path: keys.get(path) or None for path in KEYS.values()}
    studies = named["StudyInstanceUID"]
    if patient_ids := named["PatientID"]:
        studies = _studies_of(request, patient_ids, studies)
    return instances(request.pacs, request.actor, studies, named["SeriesInstanceUID"], named["SOPInstanceUID"])


def _check_keys(request: Request, level: Level, keys: dict[str, tuple[str, ...]]) -> None:
    """The unique key of the level and of every level above it (PS3.4 C.4.2.2.1); lists only at the level."""
    model, extended = request.context.abstract_syntax, request.association.extended
    top = Level.PATIENT if model in (PATIENT_ROOT_MOVE, PATIENT_ROOT_GET) else Level.STUDY
    if level < top:
        raise InvalidQuery(f"there is no {level.name} level in this information model")
    is_relational = extended.get(model, b"\0")[RELATIONAL : RELATIONAL + 1] == b"\1"
    for of_level, keyword in KEYS.items():
        if of_level == level and not keys.get(keyword):
            raise InvalidQuery(f"{keyword} is missing")
        if top <= of_level < level and not is_relational and len(keys.get(keyword, ())) != 1:
            raise InvalidQuery(f"{keyword} is missing, or is a list")


def _studies_of(request: Request, patient_ids: tuple[str, ...], studies: tuple[str, ...] | None) -> tuple[str, ...]:
    """The studies of these patients, among those that are named if any are. Raises NotFound."""
    matches: dict[str, Match] = {"PatientID": AnyOf(patient_ids)}
    if studies:
        matches["StudyInstanceUID"] = AnyOf(studies)
    query = Query(Level.STUDY, matches, ("StudyInstanceUID",))
    # The right to retrieve was required; it includes this look, whoever else may not ask questions.
    actor = replace(request.actor, permissions=request.actor.permissions | {"query"})
    found = tuple(str(uid) for (uid,) in find(request.pacs, actor, query))
    if not found:
        raise NotFound("no such study")
    return found


def _read(pacs: Pacs, ref: InstanceRef, context: Context | None) -> Iterable[Buffer]:
    """The data set as the context takes it: its beginning read now, the rest as it is sent. Raises PacsError."""
    if context is None:
        return ()
    chunks = transcoded_chunks(pacs, ref, context.transfer_syntax)
    read, size = [], 0
    for chunk in chunks:
        read.append(chunk)
        size += len(chunk)
        if size >= READ_AHEAD:
            break
    return chain(read, chunks)
