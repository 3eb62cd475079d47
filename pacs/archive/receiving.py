"""A Part 10 file while it comes: it goes where it belongs as soon as it has said what it is."""

import io
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from pacs import audit
from pacs.archive import resources
from pacs.archive.ingest import Incoming, Stored, receive_file
from pacs.archive.resources import KIND_OF, Resource
from pacs.context import Actor, Pacs
from pacs.dicom.part10 import MAX_META, FileMeta, read_file_meta
from pacs.errors import InvalidInstance, OutOfResources, PacsError, TooLarge

LONGEST_HEAD = MAX_META + 8
"""Bytes in which a file has said what it is, or is none."""


class Receiving:
    """One file. Its memory is one piece, whatever its size; a resource, which is small, is held."""

    def __init__(self, pacs: Pacs, actor: Actor, study_instance_uid: str | None) -> None:
        """study_instance_uid: the study it must be of, None: any. Raises NotAllowed."""
        actor.require("store")
        self._pacs = pacs
        self._actor = actor
        self._study_instance_uid = study_instance_uid
        self._stack = ExitStack()
        self._head = bytearray()
        self._meta: FileMeta | None = None
        self._incoming: Incoming | None = None

    @property
    def names(self) -> tuple[str, str]:
        """SOP Class and SOP Instance UID, as the file meta says them; "" where it does not, or has not yet."""
        return (self._meta.sop_class_uid, self._meta.sop_instance_uid) if self._meta else ("", "")

    def write(self, data: bytes | memoryview) -> None:
        """The next bytes of the file. Raises InvalidInstance, TooLarge, OutOfResources."""
        if self._incoming is not None:
            self._incoming.write(data)
        elif self._meta is None:
            self._begin(data)
        else:
            self._hold(data)

    def finish(self) -> Stored | Resource:
        """There is no more: it is durable when this returns. Raises what `ingest` and `resources.store` do."""
        if self._incoming is not None:
            return self._incoming.finish_as_it_says(self._study_instance_uid)
        if self._meta is not None:
            return resources.store(self._pacs, self._actor, io.BytesIO(self._head))
        raise InvalidInstance("the file ends before its data set begins")

    def close(self) -> None:
        """What was not finished is forgotten."""
        self._stack.close()

    def _begin(self, data: bytes | memoryview) -> None:
        """Look whether it says what it is; what follows in the same piece is not copied."""
        before = len(self._head)
        self._head += data[: LONGEST_HEAD - before]
        self._meta = read_file_meta(bytes(self._head))
        if self._meta is None and len(self._head) >= LONGEST_HEAD:
            raise InvalidInstance("the file meta information has no end")
        if self._meta is None:
            return
        if self._study_instance_uid is None and self._meta.sop_class_uid in KIND_OF:
            self._hold(data[LONGEST_HEAD - before :])
            return
        self._incoming = self._stack.enter_context(receive_file(self._pacs, self._actor, self._meta))
        offset = self._meta.data_set_offset
        if before > offset:
            self._incoming.write(memoryview(self._head)[offset:before])
        self._incoming.write(data[max(0, offset - before) :])

    def _hold(self, data: bytes | memoryview) -> None:
        self._head += data
        if len(self._head) > resources.LARGEST:
            raise TooLarge(f"a resource has at most {resources.LARGEST >> 20} MiB")


def record_nameless(pacs: Pacs, actor: Actor, errors: Sequence[PacsError]) -> None:
    """Files of one request that did not say what they are, refused: a line of the audit for each reason, and not for
    each file, of which ten thousand cost their sender nothing. Those that have a name have a line of their own.
    """
    reasons = Counter(str(error) for error in errors)
    if not reasons:
        return
    with suppress(OutOfResources), pacs.database.write() as connection:  # they are told, also when the index is busy
        for reason, number in reasons.items():
            audit.record(connection, actor, "refused", detail=reason if number == 1 else f"{number} files: {reason}")
