"""What a person must look at: one row for each matter, however often it is met."""

from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, insert, select

from pacs.index.tables import attention

RECURRING = frozenset(("lost", "damaged"))
"""What is flagged again when it happens again after a person has settled it."""


def flag(
    connection: Connection,
    kind: str,
    *,
    study_instance_uid: str = "",
    sop_instance_uid: str = "",
    object_key: str = "",
    quarantined: bool = False,
    detail: str = "",
    source: str = "",
) -> None:
    """Ask for attention: once for an object, or once for a study where no object is named.

    The detail holds UIDs and keywords, never a patient's name, number or birth date.
    """
    row = {
        "kind": kind,
        "study_instance_uid": study_instance_uid,
        "sop_instance_uid": sop_instance_uid,
        "object_key": object_key,
        "quarantined": quarantined,
        "detail": detail,
        "source": source,
        "created_at": datetime.now(UTC),
    }
    known = connection.execute(_SELECT_OF_OBJECT if object_key else _SELECT_OF_STUDY, row).scalars()
    if not any(resolved_at is None or kind not in RECURRING for resolved_at in known):
        connection.execute(insert(attention), row)


_SELECT_OF_OBJECT = select(attention.c.resolved_at).where(
    attention.c.object_key == bindparam("object_key"), attention.c.kind == bindparam("kind")
)
_SELECT_OF_STUDY = select(attention.c.resolved_at).where(
    attention.c.study_instance_uid == bindparam("study_instance_uid"), attention.c.kind == bindparam("kind")
)
