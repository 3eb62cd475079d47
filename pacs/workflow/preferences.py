"""What a reader likes, kept for his account: it is the same at whichever screen he sits."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from pacs.context import Actor, Pacs
from pacs.errors import NotAllowed, TooLarge
from pacs.index.tables import preference

LONGEST = 64 << 10
"""Characters of one preference as JSON."""
MOST = 200
"""Preferences of one account."""


def all_preferences(pacs: Pacs, actor: Actor) -> Mapping[str, Any]:
    """Everything he likes, by name. Raises NotAllowed for who is no person."""
    account = _account_of(actor)
    statement = select(preference.c.name, preference.c.content).where(preference.c.account == account)
    with pacs.database.read() as connection:
        return {name: json.loads(content) for name, content in connection.execute(statement)}


def keep(pacs: Pacs, actor: Actor, name: str, value: Any) -> None:
    """Keep one in place of what it was; None forgets it. Raises NotAllowed, TooLarge."""
    account = _account_of(actor)
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if len(content) > LONGEST:
        raise TooLarge(f"a preference has at most {LONGEST} characters")
    with pacs.database.write() as connection:
        connection.execute(delete(preference).where(preference.c.account == account, preference.c.name == name))
        if value is not None:
            _add(connection, account, name, content)


def _add(connection: Connection, account: str, name: str, content: str) -> None:
    count = connection.scalar(select(func.count()).where(preference.c.account == account))
    if (count or 0) >= MOST:
        raise TooLarge(f"an account keeps at most {MOST} preferences")
    row = {"account": account, "name": name, "content": content, "changed_at": datetime.now(UTC)}
    connection.execute(insert(preference).values(row))


def _account_of(actor: Actor) -> str:
    if actor.kind != "person":
        raise NotAllowed("preferences are a person's: sign in")
    return actor.name
