"""Where to look first to answer a query: among the rows that one key finds by an index, or on a walk through all."""

from collections.abc import Iterator, Sequence
from math import ceil, prod
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal_column, or_, select, union_all

from pacs.dicom.attributes import Attribute, Level
from pacs.dicom.query import AnyOf, Empty, Instants, Match, Query, Range, Single, Universal, Wildcard, Words, Zoned
from pacs.index.dialects import is_among, is_like
from pacs.index.select import (
    INDEXED,
    PARENT,
    SELECTIVE,
    TABLES,
    Condition,
    PlainMatch,
    Source,
    asked_of,
    column_of,
    ends_of,
    groups_of,
    is_in_order,
    is_matched_by,
    is_number_of_further,
    joined_levels,
    text_of,
)
from pacs.index.tables import LONGEST_FORM, further_value, name_form, study

MANY = 50_000
"""As far as the rows of a source are counted. A source with more is no use, one with few is known exactly."""
COST_OF_FETCHING = 8
"""A row fetched here and there against a row that is met on a walk."""
LAST_LETTER = "\U0010ffff"


def sources(query: Query, studies: frozenset[str] | None) -> list[Source]:
    """Where one could look first; what is known to be small stands before the rest."""
    found = [source for attribute, match in asked_of(query) for source in _sources_of(attribute, match, query)]
    if studies is not None and len(studies) < MANY:
        found.append(_source(query, Level.STUDY, is_among(study.c.study_instance_uid, list(studies)), True))
    return sorted(found, key=lambda source: (not source.is_small, -source.level))


def select_totals(candidates: Sequence[Source]) -> Select[Any]:
    """One row: how many rows the level of each source has, about."""
    return select(*(select(func.max(TABLES[source.level].c.pk)).scalar_subquery() for source in candidates))


def worth_counting(totals: Sequence[int], wanted: float) -> int:
    """So many rows: a source that has as many is not where to look first for `wanted` answers, as `best_of` decides.

    Of sources of one size this is where fetching costs as much as walking; no smaller one is left uncounted.
    """
    if wanted >= MANY:
        return MANY
    number = len(totals)
    even: float = (wanted * float(max(totals)) ** number / COST_OF_FETCHING) ** (1 / (number + 1))
    return min(MANY, ceil(max(even, wanted)) + 1)


def select_sizes(candidates: Sequence[Source], most: int) -> Select[Any]:
    """One row: how many rows each source has, counted up to so many."""
    bounded = (source.rows.limit(most).subquery() for source in candidates)
    return select(*(select(func.count()).select_from(rows).scalar_subquery() for rows in bounded))


def best_of(
    candidates: Sequence[Source], sizes: Sequence[int], totals: Sequence[int], wanted: float, page: float, most: int
) -> Source | None:
    """Where to look first, to answer `wanted` rows in pages; None: walk. most: as far as the sizes were counted.

    A walk meets as many rows as it takes to find so many answers, if the keys are independent of each other. From a
    source all its rows are fetched, here and there, and sorted, and that for every page.
    """
    share = prod(min(1.0, size / max(1, total)) for size, total in zip(sizes, totals, strict=True))
    size, index = min((size, index) for index, size in enumerate(sizes))
    found = min(wanted, share * totals[index])
    walked = found / share if share else totals[index]
    fetched = size * (1 + found / page)
    return candidates[index] if size < most and fetched * COST_OF_FETCHING <= walked else None


def _sources_of(attribute: Attribute, match: Match, query: Query) -> Iterator[Source]:
    if attribute.path == "PatientName":
        for forms in _forms_of(match):
            rows = select(name_form.c.patient_pk).where(forms)
            yield Source(Level.PATIENT, rows, False)
    elif attribute.further:
        yield from _sources_of_further(attribute, match, query)
    elif attribute.path in INDEXED and not is_in_order(attribute, query):
        condition = _by_index(column_of(attribute), match)
        if condition is not None:
            is_small = attribute.path in SELECTIVE and isinstance(match, Single | AnyOf)
            yield _source(query, attribute.level, condition, is_small)


def _source(query: Query, level: Level, condition: Condition, is_small: bool) -> Source:
    """The rows of a level that fulfil the condition; those above them when the level is below that of the query."""
    if level <= query.level:
        return Source(level, select(TABLES[level].c.pk).where(condition), is_small)
    first = Level(query.level + 1)
    rows = select(PARENT[first]).select_from(joined_levels(level, first)).where(condition)
    return Source(query.level, rows, is_small)


def _sources_of_further(attribute: Attribute, match: Match, query: Query) -> Iterator[Source]:
    """Its values lie together: to look through them is cheaper than to look each up from the rows of its level."""
    if isinstance(match, Empty | Instants | Zoned | Universal):
        return
    owners = _owners_of_further(attribute, match)
    if attribute.level <= query.level:
        yield Source(attribute.level, owners, False)
        return
    first = Level(query.level + 1)
    rows = select(PARENT[first]).select_from(joined_levels(attribute.level, first))
    yield Source(query.level, rows.where(TABLES[attribute.level].c.pk.in_(owners)), False)


def _owners_of_further(attribute: Attribute, match: PlainMatch) -> Select[Any]:
    """The keys of the rows that have a value which is matched."""
    values = further_value.c
    is_matched = is_matched_by(attribute, match, values.value, values.folded)
    owners = select(values.owner_pk).where(values.attribute_pk == attribute.further, is_matched)
    is_number = is_number_of_further(attribute)
    is_searched = values.folded != literal_column("''")  # in so many words: an index is on those alone
    by_index = None if attribute.vr == "PN" else _by_index(values.folded if is_number else values.value, match)
    if is_number:
        owners = owners.where(is_searched)
    if by_index is None:
        return owners
    if not attribute.is_multi_valued:
        return owners.where(by_index)
    if is_number:
        return owners
    # An index knows how a value begins; only several values have a searched form of their own.
    several = owners.where(is_searched, values.folded > "")  # SQLite looks into an index for a bound
    return select(union_all(owners.where(by_index), several).subquery().c.owner_pk)


def _by_index(column: ColumnElement[Any], match: Match) -> Condition | None:
    match match:
        case Single(value):
            return column == text_of(value)
        case AnyOf(values):
            return is_among(column, [text_of(value) for value in values])
        case Wildcard(pattern) if prefix := _prefix(pattern):
            return _begins(column, prefix)
        case Range(first, last):
            return _is_between(column, first, last)
        case Instants(first, last):
            return _is_between(column, first and first[:8], last and last[:8])
        case _:
            return None


def _is_between(column: ColumnElement[Any], first: str | None, last: str | None) -> Condition:
    """With one lower bound and no more: SQLite looks in the index from the one that it meets first."""
    return and_(*ends_of(column, first, last)) if first else and_(column > "", *ends_of(column, None, last))


def _forms_of(match: Match) -> Iterator[Condition]:
    """Conditions on `name_form` that every patient who is matched fulfils."""
    form = name_form.c.form
    match match:
        case Single(value):
            for group in groups_of(value):
                yield and_(name_form.c.whole, form == group[:LONGEST_FORM])
        case Wildcard(pattern):
            for group in groups_of(pattern):
                if not group.strip("*"):
                    continue  # it matches a name that has no form
                if prefix := _prefix(group):
                    yield and_(name_form.c.whole, _begins(form, prefix[:LONGEST_FORM]))
                else:
                    is_cut = func.length(form) == LONGEST_FORM
                    yield and_(name_form.c.whole, or_(is_cut, is_like(form, group)))
        case Words(words):
            for word in filter(None, words):
                yield and_(name_form.c.whole.in_((True, False)), _begins(form, word[:LONGEST_FORM]))


def _prefix(pattern: str) -> str:
    return pattern.split("*")[0].split("?")[0]


def _begins(column: ColumnElement[Any], prefix: str) -> Condition:
    """Whether the text begins so, in a way that every index on it serves."""
    stem = prefix.rstrip(LAST_LETTER)
    return and_(column >= prefix, column < stem[:-1] + _next_letter(stem[-1])) if stem else column >= prefix


def _next_letter(letter: str) -> str:
    """The code point after it; the surrogates between U+D7FF and U+E000 are none."""
    return "\ue000" if letter == "\ud7ff" else chr(ord(letter) + 1)
