"""The C-STOREs of a C-MOVE or C-GET: sent, and every one accounted for (PS3.4 C.4.2, C.4.3)."""

import contextvars
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

import structlog

from pacs.dicom.part10 import IMPLICIT_LITTLE_ENDIAN
from pacs.dimse.answers import PENDING, SUCCESS, Request, comment_of
from pacs.errors import PacsError
from pacs.peers.dimse import (
    MoveOriginator,
    Outgoing,
    Proposal,
    Unreachable,
    context_for,
    open_association,
    proposals_for,
    store,
)
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
"""Bytes of an instance that are read before it is its turn."""
SLOW_READ_S = 0.01
"""When reading takes longer, the next instance is read by another thread, also while the one before it is sent. For
what is quickly read that thread costs more than it gains, unless a processor is idle."""
MOST_LISTED_EXPLICIT = 0xFFFE
"""Bytes of a value of VR UI in Explicit VR."""
LEAST_OF_LANE = 50
"""Instances that are worth an association of their own."""
TRIED = 8
LATE_S = 0.005
"""How long an instance takes, over the first ones, when we wait for the receiver or the network and not for ourselves:
then further associations make a move faster, and else slower."""
LANE_TIMEOUT_S = 2.0
"""How long a peer may take to accept a further association: some serve one at a time and let others wait."""
LOOK_S = 0.1
"""How often we look at our own peer while others send."""


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


@dataclass(slots=True)
class _Taken:
    """A sub-operation on its way: which context it goes in, and what has been read of it."""

    what: Outgoing
    context: Context | None
    read: Iterable[Buffer] | PacsError | None = None
    """None: nothing yet."""
    took_s: float = 0.0
    """How long that took."""

    def read_ahead(self) -> None:
        """Its beginning now, the rest as it is sent."""
        if self.context is None or self.read is not None:
            return
        began = time.monotonic()
        try:
            self.read = _read_ahead(self.what, self.context.transfer_syntax)
        except PacsError as error:
            self.read = error
        self.took_s = time.monotonic() - began


class Operation:
    """One C-MOVE or C-GET. Its own peer is spoken to by the thread that made it; others may send."""

    def __init__(self, request: Request, wanted: Sequence[Outgoing]) -> None:
        self._request = request
        self._queue = deque(wanted)
        self._tally = Tally(len(wanted))
        self._reported = 0.0
        self._is_cancelled = False
        self._lanes: list[threading.Thread] = []
        self._lane: Callable[[], None] | None = None
        """What a further association is to do; None: there is to be none, or they are there."""
        self._began, self._base = 0.0, 0
        """When the first association was accepted, and how many had been taken by then."""
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
        """Send what is queued. The next instance is read while the peer keeps the one before it.

        Raises AssociationError when our own peer is gone.
        """
        is_lane = threading.current_thread() in self._lanes
        with ThreadPoolExecutor(1) as reader:
            current = self._take(association)
            while current is not None:
                following = self._take(association)
                is_parallel = current.took_s > SLOW_READ_S or is_alone()
                ahead = reader.submit(following.read_ahead) if following is not None and is_parallel else None
                try:
                    self._send_one(association, current, following if ahead is None else None, originator)
                except BaseException:
                    if following is not None:
                        self._queue.appendleft(following.what)
                    raise
                if ahead is not None:
                    ahead.result()
                if not is_lane:
                    self._report()
                    self._open_lanes()
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
                self._lane = partial(self._serve_lane, peer, proposals)
                self._began, self._base = time.monotonic(), taken
                self.send_over(association, self._originator)
                with suppress(AssociationError):
                    association.release()
        except _Gone as gone:
            if taken == self._tally.taken:
                self._give_up(str(gone))

    @property
    def _originator(self) -> MoveOriginator:
        return MoveOriginator(self._request.actor.name, self._request.message_id)

    def _open_lanes(self) -> None:
        """Further associations, once the peer has taken some instances by the first, and takes its time."""
        taken = self._tally.taken - self._base
        if self._lane is None or taken < TRIED or time.monotonic() - self._began < LATE_S * taken:
            return
        most = self._request.pacs.settings.move_associations
        for _ in range(min(most - 1, len(self._queue) // LEAST_OF_LANE)):
            run = contextvars.copy_context().run
            self._lanes.append(
                threading.Thread(target=run, args=(self._lane,), daemon=True, name="association further")
            )
        for lane in self._lanes:
            lane.start()
        self._lane = None

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
        self._lanes, self._lane = [], None

    def _give_up(self, why: str) -> None:
        while (one := self._next()) is not None:
            self._tally.fail(one.sop_instance_uid, why)

    def _next(self) -> Outgoing | None:
        with suppress(IndexError):
            return self._queue.popleft()
        return None

    def _take(self, association: Association) -> _Taken | None:
        if (one := self._next()) is None:
            return None
        return _Taken(one, context_for(association, one.sop_class_uid, one.transfer_syntax_uid))

    def _send_one(
        self, association: Association, taken: _Taken, following: _Taken | None, originator: MoveOriginator | None
    ) -> None:
        """following: what is to be read meanwhile."""
        uid = taken.what.sop_instance_uid
        if taken.context is None:
            self._tally.fail(uid, why_not(association, taken.what.sop_class_uid))
            return
        taken.read_ahead()
        if isinstance(taken.read, PacsError):
            self._tally.fail(uid, str(taken.read))
            return
        meanwhile = following.read_ahead if following is not None else None
        try:
            self._tally.count(uid, store(association, taken.context, uid, taken.read or (), originator, meanwhile))
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


def is_alone() -> bool:
    """Whether this process serves no other association: then a processor is most likely idle."""
    return sum(thread.name.startswith("association") for thread in threading.enumerate()) <= 1


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


def _read_ahead(one: Outgoing, transfer_syntax_uid: str) -> Iterable[Buffer]:
    """Its beginning read now, the rest as it is sent. Raises PacsError."""
    pieces = one.read(transfer_syntax_uid)
    read, size = [], 0
    for piece in pieces:
        read.append(piece)
        size += len(piece)
        if size >= READ_AHEAD:
            break
    return chain(read, pieces)
