"""The only way to look."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import inf

from sqlalchemy import Connection, select

from pacs.context import Actor, Pacs
from pacs.dicom.attributes import Attribute
from pacs.dicom.matching import item_matches
from pacs.dicom.query import Query, is_offset, items_of
from pacs.errors import TooLarge
from pacs.index.dialects import limited
from pacs.index.select import Source, answered, select_count, select_matches
from pacs.index.sources import best_of, select_sizes, select_totals, sources, worth_counting
from pacs.index.tables import study

FIRST_PAGE, NEXT_PAGE = 500, 2_000
"""Answers fetched at once. Between pages nothing is held, however slow the one who asked."""
PATIENCE_S = 30.0
"""As long as the index may think about one page."""

Row = tuple[str | int | None, ...]


def find(pacs: Pacs, actor: Actor, query: Query) -> "Answers":
    """What matches and may be known of.

    Raises NotAllowed; when the answers are fetched InvalidQuery, and TooLarge when that takes too long.
    """
    actor.require("query")
    return Answers(pacs, actor, query)


def count(pacs: Pacs, actor: Actor, query: Query) -> int:
    """How much `find` would find without limit and offset. Raises NotAllowed, InvalidQuery, TooLarge."""
    actor.require("query")
    with pacs.database.read() as connection:
        query = _with_offsets(connection, query)
        source = _best_source(connection, query, actor, wanted=inf, page=inf)
        with _patience(connection):
            return connection.scalar(select_count(query, actor.studies, source)) or 0


def place_of_number(pacs: Pacs, actor: Actor, query: Query, number: int) -> Row:
    """The place of the answer of this number, where there is one behind it; else ().

    Numbers count from 1, behind the offset. Raises NotAllowed, InvalidQuery, TooLarge.
    """
    only_places = replace(query, include=(), offset=query.offset + number - 1, limit=2)
    answers = find(pacs, actor, only_places)
    places = [answers.place for _ in answers]
    return places[0] if len(places) == 2 else ()


class Answers:
    """The answers to one query, fetched a page at a time as they are asked for.

    Each statement sees what is stored when it runs: what is stored meanwhile may be among the answers; what was
    there at the start is, once.
    """

    def __init__(self, pacs: Pacs, actor: Actor, query: Query) -> None:
        self.attributes: tuple[Attribute, ...] = answered(query)
        """What each value of a row is, in order."""
        self.place: Row = ()
        """Of the row that was given last: `Query.after` begins behind it."""
        self._pacs, self._actor, self._query = pacs, actor, query

    def __iter__(self) -> Iterator[Row]:
        width = len(self.attributes)
        source: Source | None = None
        after: Row | None = self._query.after or None
        is_first = True
        left = sys.maxsize if self._query.limit is None else self._query.limit
        wanted = self._query.offset + left
        while left > 0:
            size = min(left, FIRST_PAGE if is_first else NEXT_PAGE)
            offset = self._query.offset if is_first else 0
            with self._pacs.database.read() as connection:
                if is_first:
                    self._query = _with_offsets(connection, self._query)
                    source = _best_source(connection, self._query, self._actor, wanted, NEXT_PAGE)
                rows = self._page(connection, source, after, offset, size)
            for row, shown in zip(rows, self._shown(rows), strict=True):
                self.place = row[width:]
                yield shown
            if len(rows) < size:
                return
            after, is_first = rows[-1][width:], False
            left -= size

    def _page(
        self, connection: Connection, source: Source | None, after: Row | None, offset: int, size: int
    ) -> list[Row]:
        statement = select_matches(self._query, self._actor.studies, source, after).limit(size)
        if offset:
            statement = statement.offset(offset)
        if source is not None and source.is_small:
            return [tuple(row) for row in connection.execute(statement)]
        with _patience(connection):
            return [tuple(row) for row in connection.execute(statement)]

    def _shown(self, rows: Sequence[Row]) -> list[Row]:
        """Without their place; of a sequence that was asked for, the items that match (PS3.4 C.2.2.2.6)."""
        width = len(self.attributes)
        known = self._query.dictionary.by_path
        asked = {known[path].sequence for path in self._query.matches} - {""}
        columns = [index for index, attribute in enumerate(self.attributes) if attribute.keyword in asked]
        if not columns:
            return [row[:width] for row in rows]
        return [
            tuple(
                self._only_matching(index, value) if index in columns else value
                for index, value in enumerate(row[:width])
            )
            for row in rows
        ]

    def _only_matching(self, index: int, value: str | int | None) -> str:
        keyword = self.attributes[index].keyword
        return json.dumps([item for item in items_of(value) if item_matches(self._query, keyword, item)])


def _best_source(connection: Connection, query: Query, actor: Actor, wanted: float, page: float) -> Source | None:
    candidates = sources(query, actor.studies)
    if not candidates or candidates[0].is_small:
        return candidates[0] if candidates else None
    totals = [total or 0 for total in connection.execute(select_totals(candidates)).one()]
    most = worth_counting(totals, wanted)
    with _patience(connection):
        sizes = connection.execute(select_sizes(candidates, most)).one()
    return best_of(candidates, list(sizes), totals, wanted, page, most)


def _with_offsets(connection: Connection, query: Query) -> Query:
    """Where it asks for times as clocks show them somewhere, with the offsets that studies say."""
    if not query.is_zoned():
        return query
    offset = study.c.timezone_offset_from_utc
    said = connection.scalars(select(offset).where(offset != "").distinct())
    return replace(query, offsets=tuple(filter(is_offset, said)))


@contextmanager
def _patience(connection: Connection) -> Iterator[None]:
    try:
        with limited(connection, PATIENCE_S):
            yield
    except TimeoutError as error:
        raise TooLarge("the question takes too long: ask for less") from error
