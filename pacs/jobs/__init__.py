"""Work that is left for later: each feature keeps its own rows, and one worker (`jobs.worker`) does what is due."""

import random
import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, func, insert, select, update

from pacs.context import Pacs
from pacs.index.tables import bookmark, instance

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 60, 300, 900, 3600))
"""Before the second attempt, the third …, and before every one after those."""

STOPPING: ContextVar[threading.Event | None] = ContextVar("stopping", default=None)
"""What tells the worker to stop; set where its work runs."""


@dataclass(frozen=True, slots=True)
class Job:
    """A kind of work that a feature keeps in rows of its own."""

    name: str
    due: Callable[[Pacs], Sequence[str]]
    """The keys of what waits and whose time has come, most urgent first, at most about 100."""
    run: Callable[[Pacs, str], None]
    """Does it and writes what became of it into its row: so often until it is no longer due, hence idempotent."""
    at_once: int = 1


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts, the last of which failed. Not all who wait come at the same moment."""
    return PAUSES[min(max(attempts, 1), len(PAUSES)) - 1] * random.uniform(0.9, 1.1)


def is_stopping() -> bool:
    """Whether the worker is told to stop. What runs long asks between its steps, and leaves the rest due."""
    stop = STOPPING.get()
    return stop is not None and stop.is_set()


def bookmark_of(connection: Connection, name: str) -> int:
    """Up to which `instance.pk` this reader has read. Instances are numbered in the order of their commits."""
    found = select(bookmark.c.instance_pk).where(bookmark.c.name == name)
    return connection.scalar(found) or 0


def move_bookmark(connection: Connection, name: str, instance_pk: int) -> None:
    """It has read so far: to be said in the transaction that keeps what it made of what it read."""
    moved = update(bookmark).where(bookmark.c.name == name).values(instance_pk=instance_pk)
    if not connection.execute(moved).rowcount:
        connection.execute(insert(bookmark).values(name=name, instance_pk=instance_pk))


def move_bookmarks_to_the_end(connection: Connection) -> None:
    """No reader takes what is there for news: its instances were numbered anew. Those that do not read stay so."""
    newest = select(func.coalesce(func.max(instance.c.pk), 0)).scalar_subquery()
    connection.execute(update(bookmark).where(bookmark.c.instance_pk >= 0).values(instance_pk=newest))
