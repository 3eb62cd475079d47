"""The C-STOREs of a C-MOVE or C-GET: sent, and every one accounted for (PS3.4 C.4.2, C.4.3)."""

import contextvars
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import structlog

from pacs.dicom.part10 import IMPLICIT_LITTLE_ENDIAN
from pacs.dimse.answers import PENDING, SUCCESS, Request, comment_of
from pacs.errors import PacsError
from pacs.peers.dimse import MoveOriginator, Proposal, Unreachable, context_for, open_association, proposals_for, store
from pacs.peers.directory import Peer
from pacs.upper_layer.association import Association, Context
from pacs.upper_layer.errors import AssociationError
from pacs.upper_layer.message import WITH_DATA_SET
from pacs.upper_layer.wire import Buffer

log = structlog.get_logger(__name__)

CANCELLED, UNABLE, SOME_FAILED = 0xFE00, 0xA702, 0xB000
"""PS3.4 Tables C.4-2 and C.4-3."""

PENDING_EVERY_S = 2.0
MOST_COUNTED = 0xFFFF
"""What a counter (VR US) can say."""
READ_AHEAD = 16 << 20
"""Bytes of an instance that are read while the one before it is sent."""
MOST_LISTED_EXPLICIT = 0xFFFE
"""Bytes of a value of VR UI in Explicit VR."""
LEAST_OF_LANE = 50
"""Instances that are worth an association of their own."""
LANE_TIMEOUT_S = 2.0
"""How long a peer may take to accept a further association: some serve one at a time and let others wait."""
LOOK_S = 0.1
"""How often we look at our own peer while others send."""


@dataclass(frozen=True, slots=True)
class SubOperation:
    """One instance to be sent."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    """The one that it is sent in when the peer takes it."""
    read: Callable[[str], Iterator[Buffer]]
    """Its data set in a transfer syntax, in pieces. Raises PacsError, also while they are taken."""


class _Gone(Exception):
    """The association with the destination ended."""


@dataclass(slots=True)
class Tally:
    """What became of the sub-operations so far. Several threads count."""

    remaining: int
    completed: int = 0
    warning: int = 0
    failed_uids: list[str] = field(default_factory=list)
    why: str = ""
    """Of the first that failed."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, sop_instance_uid: str, status: int) -> None:
        if status != SUCCESS and status & 0xF000 != 0xB000:
            self.fail(sop_instance_uid, f"the receiver answers {status:04X}")
            return
        with self._lock:
            self.completed += status == SUCCESS
            self.warning += status != SUCCESS
            self.remaining -= 1

    def fail(self, sop_instance_uid: str, why: str) -> None:
        log.warning("sub-operation failed", sop_instance_uid=sop_instance_uid, why=why)
        with self._lock:
            self.remaining -= 1
            self.failed_uids.append(sop_instance_uid)
            self.why = self.why or why

    @property
    def taken(self) -> int:
        """Those that the receiver has."""
        return self.completed + self.warning

    def fields(self) -> dict[str, int]:
        """As the command set has them."""
        return {
            "number_of_completed_suboperations": min(self.completed, MOST_COUNTED),
            "number_of_failed_suboperations": min(len(self.failed_uids), MOST_COUNTED),
            "number_of_warning_suboperations": min(self.warning, MOST_COUNTED),
        }

    def remaining_field(self) -> dict[str, int]:
        return {"number_of_remaining_suboperations": min(self.remaining, MOST_COUNTED)}


@dataclass(frozen=True, slots=True)
class _Taken:
    """A sub-operation on its way: which context it goes in, and what has been read of it."""

    what: SubOperation
    context: Context | None
    content: Callable[[], Iterable[Buffer]]


class Operation:
    """One C-MOVE or C-GET. Its own peer is spoken to by the thread that made it; others may send."""

    def __init__(self, request: Request, wanted: Sequence[SubOperation]) -> None:
        self._request = request
        self._queue = deque(wanted)
        self._tally = Tally(len(wanted))
        self._reported = 0.0
        self._is_cancelled = False
        self._lanes: list[threading.Thread] = []
        self._report()

    def deliver(self, peer: Peer) -> None:
        """Send everything to a peer, over as many associations as its contexts need, and several if it is much."""
        everything = list(self._queue)
        for proposals in proposals_for((one.sop_class_uid, one.transfer_syntax_uid) for one in everything):
            sop_classes = {sop_class_uid for sop_class_uid, _ in proposals}
            self._queue = deque(one for one in everything if one.sop_class_uid in sop_classes)
            while self._queue and not self._is_cancelled:
                self._deliver_some(peer, proposals)
            self._wait_for_lanes()

    def send_over(self, association: Association, originator: MoveOriginator | None = None) -> None:
        """Send what is queued, each instance read while the one before it is sent.

        Raises AssociationError when our own peer is gone.
        """
        is_lane = threading.current_thread() in self._lanes
        with ThreadPoolExecutor(1) as reader:
            current = self._take(association, None)
            while current is not None:
                following = self._take(association, reader)
                try:
                    self._send_one(association, current, originator)
                except BaseException:
                    if following is not None:
                        self._queue.appendleft(following.what)
                    raise
                if not is_lane:
                    self._report()
                current = None if self._is_cancelled else following

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
            status = SOME_FAILED if tally.taken else UNABLE
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
        request, taken = self._request, self._tally.taken
        try:
            association = open_association(request.pacs, peer, proposals)
        except Unreachable as error:
            self._give_up(str(error))
            return
        try:
            with association:
                self._open_lanes(peer, proposals)
                self.send_over(association, self._originator)
                with suppress(AssociationError):
                    association.release()
        except _Gone as gone:
            if taken == self._tally.taken:
                self._give_up(str(gone))

    @property
    def _originator(self) -> MoveOriginator:
        return MoveOriginator(self._request.actor.name, self._request.message_id)

    def _open_lanes(self, peer: Peer, proposals: Sequence[Proposal]) -> None:
        """Further associations, once the peer has accepted the first."""
        if self._lanes:
            return
        most = self._request.pacs.settings.move_associations
        for _ in range(min(most, len(self._queue) // LEAST_OF_LANE) - 1):
            run = contextvars.copy_context().run
            self._lanes.append(threading.Thread(target=run, args=(self._serve_lane, peer, proposals), daemon=True))
        for lane in self._lanes:
            lane.start()

    def _serve_lane(self, peer: Peer, proposals: Sequence[Proposal]) -> None:
        """A peer that does not want a further association is none that fails: the first one goes on."""
        try:
            with open_association(self._request.pacs, peer, proposals, timeout_s=LANE_TIMEOUT_S) as association:
                self.send_over(association, self._originator)
                association.release()
        except (Unreachable, AssociationError, _Gone) as error:
            log.info("a further association ended", why=str(error))

    def _wait_for_lanes(self) -> None:
        for lane in self._lanes:
            while lane.is_alive():
                lane.join(LOOK_S)
                self._report()
        self._lanes = []

    def _give_up(self, why: str) -> None:
        while (one := self._next()) is not None:
            self._tally.fail(one.sop_instance_uid, why)

    def _next(self) -> SubOperation | None:
        with suppress(IndexError):
            return self._queue.popleft()
        return None

    def _take(self, association: Association, reader: ThreadPoolExecutor | None) -> _Taken | None:
        """The next one, being read by the reader, or as it is sent."""
        one = self._next()
        if one is None:
            return None
        context = context_for(association, one.sop_class_uid, one.transfer_syntax_uid)
        if context is None:
            return _Taken(one, None, tuple)
        if reader is None:
            return _Taken(one, context, lambda: one.read(context.transfer_syntax))
        ahead: Future[Iterable[Buffer]] = reader.submit(_read_ahead, one, context.transfer_syntax)
        return _Taken(one, context, ahead.result)

    def _send_one(self, association: Association, taken: _Taken, originator: MoveOriginator | None) -> None:
        uid = taken.what.sop_instance_uid
        if taken.context is None:
            self._tally.fail(uid, why_not(association, taken.what.sop_class_uid))
            return
        try:
            pieces = _begun(taken.content())
        except PacsError as error:
            self._tally.fail(uid, str(error))
            return
        try:
            self._tally.count(uid, store(association, taken.context, uid, pieces, originator))
        except (PacsError, AssociationError) as error:  # the former: its bytes proved damaged when half was sent
            self._tally.fail(uid, str(error))
            if association is self._request.association:
                raise AssociationError(str(error)) from error
            raise _Gone(str(error)) from error

    def _report(self) -> None:
        """Look whether the peer has cancelled, and tell him how far we are: at first, and every few seconds."""
        request, tally = self._request, self._tally
        self._is_cancelled = request.association.is_cancelled(request.message_id)
        now = time.monotonic()
        if tally.remaining and not self._is_cancelled and now - self._reported >= PENDING_EVERY_S:
            self._reported = now
            request.respond(PENDING, **tally.fields(), **tally.remaining_field())


def why_not(association: Association, sop_class_uid: str) -> str:
    """Why there is no context to send an instance of a class in, in 64 characters."""
    contexts = [context for context in association.contexts.values() if context.abstract_syntax == sop_class_uid]
    if contexts and not any(context.as_scu for context in contexts):
        return "no SCP role was negotiated for its SOP class (role selection)"
    if contexts:
        return "no transfer syntax was agreed that it can be given in"
    return "no context was agreed for its SOP class"


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


def _read_ahead(one: SubOperation, transfer_syntax_uid: str) -> Iterable[Buffer]:
    """Its beginning read now, the rest as it is sent. Raises PacsError."""
    pieces = one.read(transfer_syntax_uid)
    read, size = [], 0
    for piece in pieces:
        read.append(piece)
        size += len(piece)
        if size >= READ_AHEAD:
            break
    return chain(read, pieces)


def _begun(pieces: Iterable[Buffer]) -> Iterable[Buffer]:
    """The same with its first piece read: what cannot be given at all is told before anything is sent."""
    rest = iter(pieces)
    return chain([next(rest, b"")], rest)
