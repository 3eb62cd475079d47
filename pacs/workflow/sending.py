"""Sending what is in the queue: by DIMSE to a peer, by STOW-RS to a DICOMweb service."""

import time
from collections import deque
from collections.abc import Sequence

import structlog
from httpx import Client

from pacs.archive.retrieve import InstanceRef, instances, transcoded_chunks, whole_file_chunks
from pacs.context import SYSTEM, Pacs
from pacs.errors import NotFound, PacsError
from pacs.jobs import Job, is_stopping
from pacs.peers import dicomweb, directory
from pacs.peers.dimse import Proposal, Unreachable, context_for, open_association, proposals_for, store
from pacs.peers.directory import Peer
from pacs.upper_layer.association import Association
from pacs.upper_layer.errors import AssociationError
from pacs.workflow import deliveries
from pacs.workflow.deliveries import Errand, Failure

log = structlog.get_logger(__name__)

AT_ONCE = 4
"""Deliveries under way."""
PROGRESS_EVERY_S = 1.0
CONFIRMED_PER_S = 2000
"""What is still to be sent is written with each progress, so of very long series more rarely."""
FRUITLESS = 3
"""Associations in a row over which nothing was taken, before the attempt is given up."""
MOST_IN_REQUEST, MOST_BYTES_IN_REQUEST = 20, 64 << 20
"""Of one STOW-RS request: nothing of it is confirmed before its answer."""


class _Attempt:
    """What became of the instances of an errand. Used by one thread."""

    def __init__(self, pacs: Pacs, errand: Errand, refs: Sequence[InstanceRef]) -> None:
        self._pacs = pacs
        self._pk = errand.pk
        # What is kept no longer, or in another version, is sent by nobody.
        self.confirmed = set(errand.sop_instance_uids.difference(ref.sop_instance_uid for ref in refs))
        self._refused: dict[str, str] = {}
        self._number = len(refs)
        self._pause = max(PROGRESS_EVERY_S, len(refs) / CONFIRMED_PER_S)
        self._noted = time.monotonic()
        self._is_held = False

    def confirm(self, uid: str) -> None:
        self.confirmed.add(uid)
        self._refused.pop(uid, None)

    def refuse(self, uid: str, why: str) -> None:
        """It stays in the queue, and the others go on."""
        log.warning("instance not delivered", sop_instance_uid=uid, why=why)
        self._refused[uid] = why

    def may_go_on(self) -> bool:
        """Between two instances: whether to send the next. Tells the queue how far it is, about once a second."""
        now = time.monotonic()
        if now - self._noted >= self._pause:
            self._noted = now
            self._is_held = not deliveries.note_progress(self._pacs, self._pk, self.confirmed)
        return not (self._is_held or is_stopping())

    def failure(self) -> Failure | None:
        if not self._refused:
            return None
        why = next(iter(self._refused.values()))
        return Failure(why if self._number == 1 else f"{len(self._refused)} of {self._number}: {why}")


def run(pacs: Pacs, key: str) -> None:
    """One attempt at a delivery."""
    errand = deliveries.begin(pacs, int(key))
    if errand is None:
        return
    refs = _refs(pacs, errand)
    attempt = _Attempt(pacs, errand, refs)
    try:
        _send(pacs, errand, refs, attempt)
        failure = attempt.failure()
    except Unreachable as error:
        failure = Failure(str(error), is_unreachable=True)
    except (PacsError, AssociationError) as error:
        failure = Failure(str(error))
    deliveries.note_end(pacs, errand.pk, attempt.confirmed, failure)


JOB = Job("sending", deliveries.due, run, AT_ONCE)


def _refs(pacs: Pacs, errand: Errand) -> list[InstanceRef]:
    try:
        kept = instances(pacs, SYSTEM, errand.study_instance_uid, errand.series_instance_uid)
    except NotFound:
        return []
    return [ref for ref in kept if ref.sop_instance_uid in errand.sop_instance_uids]


def _send(pacs: Pacs, errand: Errand, refs: Sequence[InstanceRef], attempt: _Attempt) -> None:
    """Raises Unreachable, AssociationError and other PacsErrors when the attempt is to be given up."""
    if dicomweb.is_web_address(errand.destination):
        _send_by_stow(pacs, errand, refs, attempt)
        return
    peer = directory.by_ae_title(pacs, errand.destination)
    if peer is None:
        raise Unreachable(f"no peer is called {errand.destination} any more")
    for proposals in proposals_for((ref.sop_class_uid, ref.transfer_syntax_uid) for ref in refs):
        sop_classes = {sop_class_uid for sop_class_uid, _ in proposals}
        _send_by_dimse(pacs, peer, proposals, deque(ref for ref in refs if ref.sop_class_uid in sop_classes), attempt)


def _send_by_dimse(
    pacs: Pacs, peer: Peer, proposals: Sequence[Proposal], left: deque[InstanceRef], attempt: _Attempt
) -> None:
    """A peer that ends an association is called again for the rest, unless he does so every time."""
    fruitless = 0
    while left and attempt.may_go_on():
        before = len(attempt.confirmed)
        try:
            with open_association(pacs, peer, proposals) as association:
                _send_over(pacs, association, left, attempt)
                association.release()
        except AssociationError as error:
            fruitless = 0 if len(attempt.confirmed) > before else fruitless + 1
            if fruitless == FRUITLESS:
                raise
            log.info("association ended early", peer=peer.ae_title, why=str(error))


def _send_over(pacs: Pacs, association: Association, left: deque[InstanceRef], attempt: _Attempt) -> None:
    """What is left, until the association ends; whatever it ends with counts against the instance it was at."""
    while left and attempt.may_go_on():
        ref = left.popleft()
        uid = ref.sop_instance_uid
        context = context_for(association, ref.sop_class_uid, ref.transfer_syntax_uid)
        if context is None:
            attempt.refuse(uid, "the peer takes neither its SOP class nor an uncompressed form of it")
            continue
        try:
            status = store(association, context, uid, transcoded_chunks(pacs, ref, context.transfer_syntax))
        except (PacsError, AssociationError) as error:
            attempt.refuse(uid, str(error))
            raise AssociationError(str(error)) from error  # of the data set only a part has gone
        if status == 0 or status & 0xF000 == 0xB000:
            attempt.confirm(uid)
        else:
            attempt.refuse(uid, f"the peer answers {status:04X}")


def _send_by_stow(pacs: Pacs, errand: Errand, refs: Sequence[InstanceRef], attempt: _Attempt) -> None:
    with dicomweb.open_service(errand.destination, errand.token) as service:
        for request in _requests(refs):
            if not attempt.may_go_on():
                return
            _store(pacs, service, request, attempt)


def _store(pacs: Pacs, service: Client, refs: Sequence[InstanceRef], attempt: _Attempt) -> None:
    """One request; where it fails for what is in it, one for each instance, so that the others get there."""
    files = [dicomweb.File(ref.sop_instance_uid, whole_file_chunks(pacs, ref), ref.sent_size) for ref in refs]
    try:
        refused = dicomweb.store(service, files)
    except Unreachable:
        raise
    except PacsError as error:
        if len(refs) > 1:
            for ref in refs:
                _store(pacs, service, [ref], attempt)
            return
        refused = {refs[0].sop_instance_uid: str(error)}
    for file in files:
        if file.sop_instance_uid in refused:
            attempt.refuse(file.sop_instance_uid, refused[file.sop_instance_uid])
        else:
            attempt.confirm(file.sop_instance_uid)


def _requests(refs: Sequence[InstanceRef]) -> list[list[InstanceRef]]:
    """The instances in portions of one request."""
    requests: list[list[InstanceRef]] = []
    size = 0
    for ref in refs:
        if not requests or len(requests[-1]) == MOST_IN_REQUEST or size + ref.size > MOST_BYTES_IN_REQUEST:
            requests.append([])
            size = 0
        requests[-1].append(ref)
        size += ref.size
    return requests
