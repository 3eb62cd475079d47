"""Whether what is kept is still what came: objects read again, their digests held against their names."""

import errno
import hashlib
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Literal

import structlog
from sqlalchemy import Row, bindparam, select

from pacs.archive.attention import flag
from pacs.context import SYSTEM, Pacs
from pacs.dicom.references import Reference
from pacs.errors import OutOfResources
from pacs.index.tables import instance, series, study
from storage import ObjectNotFound, StoreError

log = structlog.get_logger(__name__)

Finding = Literal["kept", "unknown", "other class", "lost", "damaged"]
"""What is found of an instance that somebody names; lost, damaged: it has a row, and no object or not the right one."""

READERS = 4
PIECE = 8 << 20
"""Bytes that are read and hashed at once."""
CHUNK = 500
"""Instances that are looked up by one statement."""
LOOK_S = 0.02
"""How often is asked whether to go on, while objects are read."""

_Row = Row[*tuple[Any, ...]]


def verify(pacs: Pacs, references: Sequence[Reference], go_on: Callable[[], bool]) -> list[Finding] | None:
    """What is found of each, in their order, once every byte of every version has been read again.

    None: told not to go on. What is lost or damaged is flagged. Raises OutOfResources when the store does not answer.
    """
    findings: list[Finding] = []
    with ThreadPoolExecutor(READERS, thread_name_prefix="verify") as readers:
        for start in range(0, len(references), CHUNK):
            some = references[start : start + CHUNK]
            versions = _versions_of(pacs, some)
            states = _read_again(pacs, readers, [row for rows in versions.values() for row in rows], go_on)
            if states is None:
                return None
            findings += [_finding(one, versions.get(one.sop_instance_uid, ()), states) for one in some]
    return findings


def _versions_of(pacs: Pacs, references: Iterable[Reference]) -> dict[str, list[_Row]]:
    """The rows of every version that is kept of these, by SOP Instance UID."""
    versions: dict[str, list[_Row]] = {}
    with pacs.database.read() as connection:
        for row in connection.execute(_SELECT_VERSIONS, {"uids": [one.sop_instance_uid for one in references]}):
            versions.setdefault(row.sop_instance_uid, []).append(row)
    return versions


def _read_again(
    pacs: Pacs, readers: ThreadPoolExecutor, rows: Sequence[_Row], go_on: Callable[[], bool]
) -> dict[str, Finding] | None:
    """The state of each object, by its key."""
    halt = threading.Event()
    reading = {readers.submit(_state_of, pacs, row.object_key, row.size, halt): row for row in rows}
    try:
        pending = set(reading)
        while pending:
            if not go_on():
                return None
            _, pending = wait(pending, LOOK_S)
        states = {row.object_key: future.result() for future, row in reading.items()}
    finally:
        halt.set()
    _flag(pacs, [row for row in rows if states[row.object_key] != "kept"], states)
    return states


def _state_of(pacs: Pacs, key: str, size: int, halt: threading.Event) -> Finding:
    digest = hashlib.sha256()
    try:
        for start in range(0, size, PIECE):
            if halt.is_set():  # nobody waits for the answer any more
                return "damaged"
            # The last piece has no end: what was added to an object is damage too.
            digest.update(pacs.objects.get(key, start, start + PIECE if start + PIECE < size else None))
    except ObjectNotFound:
        return "lost"
    except StoreError as error:
        raise OutOfResources(f"the object store does not answer: {error}") from error
    except OSError as error:
        if error.errno != errno.EIO:
            raise OutOfResources(f"the object store does not answer: {error.strerror}") from error
        return "damaged"
    return "kept" if digest.hexdigest() == key else "damaged"


def _flag(pacs: Pacs, rows: Sequence[_Row], states: dict[str, Finding]) -> None:
    if not rows:
        return
    with pacs.database.write() as connection:
        for row in rows:
            state, uid = states[row.object_key], row.sop_instance_uid
            log.error(f"object {state}", object_key=row.object_key, sop_instance_uid=uid)
            flag(
                connection,
                state,
                object_key=row.object_key,
                study_instance_uid=row.study_instance_uid,
                sop_instance_uid=uid,
                source=SYSTEM.name,
            )


def _finding(reference: Reference, versions: Sequence[_Row], states: dict[str, Finding]) -> Finding:
    """Every version of the instance must be sound: nobody can know which of them is meant."""
    if not versions:
        return "unknown"
    of_class = [row for row in versions if row.sop_class_uid == reference.sop_class_uid]
    if not of_class:
        return "other class"
    return next((states[row.object_key] for row in of_class if states[row.object_key] != "kept"), "kept")


_SELECT_VERSIONS = (
    select(
        instance.c.sop_instance_uid,
        instance.c.sop_class_uid,
        instance.c.object_key,
        instance.c.size,
        study.c.study_instance_uid,
    )
    .select_from(instance.join(series).join(study))
    .where(instance.c.sop_instance_uid.in_(bindparam("uids", expanding=True)))
)
