"""The only way to look."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from pacs.context import Actor, Pacs
from pacs.dicom.attributes import Attribute
from pacs.dicom.query import Query
from pacs.index.select import FEW, Source, answered, select_count, select_matches, select_sizes, sources

PAGE = 500
"""Answers fetched at once. Between pages nothing is held, however slow the one who asked."""

Row = tuple[str | int | None, ...]


def find(pacs: Pacs, actor: Actor, query: Query) -> "Answers":
    """What matches and may be known of. Raises NotAllowed; InvalidQuery when the answers are fetched."""
    actor.require("query")
    return Answers(pacs, actor, query)


def count(pacs: Pacs, actor: Actor, query: Query) -> int:
    """How much `find` would find without limit and offset. Raises NotAllowed, InvalidQuery."""
    actor.require("query")
    with pacs.database.read() as connection:
        source = _best_source(connection, query, actor)
        return connection.scalar(select_count(query, actor.studies, source)) or 0


class Answers:
    """The answers to one query, fetched a page at a time as they are asked for.

    What is stored while they are read may be among them or not; what was there at the start is, once.
    """

    def __init__(self, pacs: Pacs, actor: Actor, query: Query) -> None:
        self.attributes: tuple[Attribute, ...] = answered(query)
        """What each value of a row is, in order."""
        self._pacs, self._actor, self._query = pacs, actor, query

    def __iter__(self) -> Iterator[Row]:
        wanted = self._query.limit
        after: Sequence[Any] | None = None
        width = len(self.attributes)
        source: Source | None = None
        while wanted is None or wanted > 0:
            size = PAGE if wanted is None else min(PAGE, wanted)
            with self._pacs.database.read() as connection:
                if after is None:
                    source = _best_source(connection, self._query, self._actor)
                rows = self._page(connection, source, after, size)
            yield from (row[:width] for row in rows)
            if len(rows) < size:
                return
            after = rows[-1][width:]
            wanted = None if wanted is None else wanted - size

    def _page(
        self, connection: Connection, source: Source | None, after: Sequence[Any] | None, size: int
    ) -> Sequence[Row]:
        statement = select_matches(self._query, self._actor.studies, source, after).limit(size)
        if after is None and self._query.offset:
            statement = statement.offset(self._query.offset)
        return [tuple(row) for row in connection.execute(statement)]


def _best_source(connection: Connection, query: Query, actor: Actor) -> Source | None:
    """The smallest, if it is small; None: walk."""
    candidates = sources(query, actor.studies)
    if not candidates or candidates[0].is_small:
        return candidates[0] if candidates else None
    sizes = connection.execute(select_sizes(candidates)).one()
    size, index = min((size, index) for index, size in enumerate(sizes))
    return candidates[index] if size <= FEW else None
