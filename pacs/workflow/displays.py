"""Screens that are read from, and when each was last looked at with test patterns (FL-72).

A workstation is known by the name that it was given once; its browser keeps it. A check is one row for each pattern,
all of one moment. What is good enough is judged by who looks: we keep what he answered, and say when it is time again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import Connection, delete, func, insert, select

from pacs import audit
from pacs.context import Actor, Pacs
from pacs.errors import InvalidQuery, NotFound, TooLarge
from pacs.index.tables import display_check

Pattern = Literal["smpte", "tg18-qc", "tg18-ad", "tg18-ct", "tg18-unl", "tg18-ln"]
MOST_PATTERNS = len(get_args(Pattern))
LONGEST_NAME = 64
MOST_WORKSTATIONS = 1000
MOST_CHECKS = 100
"""That are told of one workstation."""

State = Literal["passed", "failed", "overdue"]


@dataclass(frozen=True, slots=True)
class PatternCheck:
    """A pattern as somebody saw it."""

    pattern: Pattern
    answers: Mapping[str, bool]
    """By the name of the question; True: as it should be."""

    @property
    def passed(self) -> bool:
        return bool(self.answers) and all(self.answers.values())


@dataclass(frozen=True, slots=True)
class Check:
    """A screen as somebody saw it at one moment."""

    author: str
    checked_at: datetime
    failed: tuple[str, ...]
    """Patterns that were not as they should be."""
    patterns: tuple[str, ...]
    screen: Mapping[str, Any]
    """Its width and height in pixels, and whatever else its browser told of it."""
    note: str


@dataclass(frozen=True, slots=True)
class Workstation:
    """A screen, by the last that was seen of it."""

    workstation: str
    state: State
    due_at: datetime
    """When it is to be looked at again; when it failed, at once."""
    last: Check


def record(
    pacs: Pacs,
    actor: Actor,
    workstation: str,
    patterns: Sequence[PatternCheck],
    screen: Mapping[str, Any],
    note: str = "",
) -> Workstation:
    """Keep what somebody saw. Raises NotAllowed, InvalidQuery, TooLarge."""
    actor.require("query")
    name = _name_of(workstation)
    if not patterns or len({one.pattern for one in patterns}) < len(patterns):
        raise InvalidQuery("a check is of one pattern or more, each once")
    now = datetime.now(UTC)
    with pacs.database.write() as connection:
        _refuse_too_many(connection, name)
        for one in patterns:
            content = {"answers": dict(one.answers), "screen": dict(screen), "note": note}
            row = {
                "workstation": name,
                "pattern": one.pattern,
                "passed": one.passed,
                "content": json.dumps(content, ensure_ascii=False),
                "author": actor.name,
                "checked_at": now,
            }
            connection.execute(insert(display_check).values(row))
        outcome = "passed" if all(one.passed for one in patterns) else "failed"
        audit.record(connection, actor, "display-checked", detail=f"{name}: {outcome}")
        (check,) = _checks(connection, name, 1)
    return _workstation(pacs, name, check)


def all_workstations(pacs: Pacs, actor: Actor) -> list[Workstation]:
    """Every screen that was ever looked at, those that wait for it longest first. Raises NotAllowed."""
    actor.require("query")
    with pacs.database.read() as connection:
        names = connection.scalars(select(display_check.c.workstation).distinct()).all()
        found = [_workstation(pacs, name, _checks(connection, name, 1)[0]) for name in names]
    return sorted(found, key=lambda one: (one.due_at, one.workstation))


def checks_of(pacs: Pacs, actor: Actor, workstation: str) -> list[Check]:
    """What was seen of one screen, the latest first. Raises NotAllowed, NotFound."""
    actor.require("query")
    with pacs.database.read() as connection:
        found = _checks(connection, workstation, MOST_CHECKS)
    if not found:
        raise NotFound("no such workstation")
    return found


def forget(pacs: Pacs, actor: Actor, workstation: str) -> None:
    """A screen that is no more: its checks go with it, the audit stays. Raises NotAllowed, NotFound."""
    actor.require("administer")
    with pacs.database.write() as connection:
        gone = connection.execute(delete(display_check).where(display_check.c.workstation == workstation)).rowcount
        if not gone:
            raise NotFound("no such workstation")
        audit.record(connection, actor, "display-forgotten", detail=workstation)


def _name_of(workstation: str) -> str:
    name = workstation.strip()
    if not name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise InvalidQuery(f"a workstation has a name of at most {LONGEST_NAME} printable characters")
    return name


def _refuse_too_many(connection: Connection, name: str) -> None:
    its = display_check.c.workstation
    known = connection.scalar(select(func.count()).where(its == name))
    if not known and (connection.scalar(select(func.count(its.distinct()))) or 0) >= MOST_WORKSTATIONS:
        raise TooLarge(f"{MOST_WORKSTATIONS} workstations are the most")


def _checks(connection: Connection, workstation: str, most: int) -> list[Check]:
    its = display_check.c.workstation == workstation
    moments = select(display_check.c.checked_at).where(its).distinct().order_by(display_check.c.checked_at.desc())
    statement = (
        select(display_check)
        .where(its, display_check.c.checked_at.in_(moments.limit(most)))
        .order_by(display_check.c.checked_at.desc(), display_check.c.pk)
    )
    rows: dict[datetime, list[Any]] = {}
    for row in connection.execute(statement):
        rows.setdefault(row.checked_at, []).append(row)
    return [_check(moment, its_rows) for moment, its_rows in rows.items()]


def _check(moment: datetime, rows: Sequence[Any]) -> Check:
    content = json.loads(rows[0].content)
    return Check(
        author=rows[0].author,
        checked_at=moment,
        failed=tuple(row.pattern for row in rows if not row.passed),
        patterns=tuple(row.pattern for row in rows),
        screen=content["screen"],
        note=content["note"],
    )


def _workstation(pacs: Pacs, name: str, last: Check) -> Workstation:
    due_at = last.checked_at if last.failed else last.checked_at + timedelta(days=pacs.settings.display_days)
    state: State = "failed" if last.failed else "overdue" if due_at <= datetime.now(UTC) else "passed"
    return Workstation(name, state, due_at, last)
