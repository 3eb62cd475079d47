"""What was done, by whom, to which study: one row an act, written in the act's own transaction (PS3.15 A.5)."""

from datetime import UTC, datetime

from sqlalchemy import Connection, insert

from pacs.context import Actor
from pacs.index.prepared import Prepared
from pacs.index.tables import audit

_INSERT = Prepared(insert(audit))


def record(
    connection: Connection, actor: Actor, action: str, *, study_instance_uid: str = "", detail: str = ""
) -> None:
    """Add a row to the audit trail. The detail holds UIDs and counts, never a patient's name, number or birth date.

    action: `stored`, `received-again`, `version`, `refused`, `queried`, `retrieved`, `signed-in`, … at most 32 letters.
    """
    row = {
        "at": datetime.now(UTC),
        "action": action,
        "actor": actor.name,
        "address": actor.address,
        "study_instance_uid": study_instance_uid,
        "detail": detail,
    }
    _INSERT.run(connection, [row])
