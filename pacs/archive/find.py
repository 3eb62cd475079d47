"""The only way to look."""

import sys
from collections.abc import Iterator
from math import inf

from sqlalchemy import Connection

from pacs.context import Actor, Pacs
from pacs.dicom.attributes import Attribute
from pacs.dicom.query import Query
from pacs.index.select import Source, answered, best_of, select_count, select_matches, select_sizes, sources

FIRST_PAGE, NEXT_PAGE = 500, 2_000
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
        source = _best_source(connection, query, actor, wanted=inf, page=inf)
        return connection.scalar(select_count(query, actor.studies, source)) or 0


class Answers:
    """The answers to one query, fetched a page at a time as they are asked for.

    Each statement sees what is stored when it runs: what is stored meanwhile may be among the answers; what was
    there at the start is, once.
    """

    def __init__(self, pacs: Pacs, actor: Actor, query: Query) -> None:
        self.attributes: tuple[Attribute, ...] = answered(query)
        """What each value of a row is, in order."""
        self._pacs, self._actor, self._query = pacs, actor, query

    def __iter__(self) -> Iterator[Row]:
        width = len(self.attributes)
        source: Source | None = None
        after: Row | None = None
        left = sys.maxsize if self._query.limit is None else self._query.limit
        wanted = self._query.offset + left
        while left > 0:
            size = min(left, FIRST_PAGE if after is None else NEXT_PAGE)
            with self._pacs.database.read() as connection:
                if after is None:
                    source = _best_source(connection, self._query, self._actor, wanted, NEXT_PAGE)
                rows = self._page(connection, source, after, size)
            yield from [row[:width] for row in rows]
            if len(rows) < size:
                return
            after = rows[-1][width:]
            left -= size

    def _page(self, connection: Connection, source: Source | None, after: Row | None, size: int) -> list[Row]:
        statement = select_matches(self._query, self._actor.studies, source, after).limit(size)
        if after is None and self._query.offset:
            statement = statement.offset(self._query.offset)
        return [tuple(row) for row in connection.execute(statement)]


def _best_source(connection: Connection, query: Query, actor: Actor, wanted: float, page: float) -> Source | None:
    candidates = sources(query, actor.studies)
    if not candidates or candidates[0].is_small:
        return candidates[0] if candidates else None
    numbers = connection.execute(select_sizes(candidates)).one()
    half = len(candidates)
    return best_of(candidates, numbers[:half], [total or 0 for total in numbers[half:]], wanted, page)
