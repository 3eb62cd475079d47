"""A query as SQL, here and nowhere else.

The statement joins the tables from the level of the query upwards, as far as they are needed; keys below the level
become one EXISTS. Each key is a filter, right by itself and deaf to indexes. What makes a search fast is a `Source`:
the rows that one key finds by an index, among which the others filter. Without one, rows are walked in the order of
the answers, which is right when much is found. So speed never hangs on what a planner guesses.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, prod
from typing import Any, assert_never

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Table,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from pacs.dicom.attributes import BY_PATH, TIME_OF, Attribute, Level
from pacs.dicom.person_name import folded
from pacs.dicom.query import (
    DECIMAL_VRS,
    NUMBER_VRS,
    AllOf,
    AnyOf,
    Empty,
    Instants,
    Match,
    Query,
    Range,
    Single,
    Universal,
    Wildcard,
    Words,
    Zoned,
    in_zone,
)
from pacs.errors import InvalidQuery
from pacs.index.dialects import (
    as_decimal,
    contains,
    has_item,
    has_piece_like,
    is_among,
    is_like,
    is_one_of,
    member,
    unindexed,
)
from pacs.index.tables import LONGEST_FORM, further_value, instance, name_form, patient, series, study

TABLES: dict[Level, Table] = {
    Level.PATIENT: patient,
    Level.STUDY: study,
    Level.SERIES: series,
    Level.IMAGE: instance,
}
PARENT: dict[Level, ColumnElement[int]] = {
    Level.STUDY: study.c.patient_pk,
    Level.SERIES: series.c.study_pk,
    Level.IMAGE: instance.c.series_pk,
}
"""The column of a level's table that holds the key of the row above."""
SELECTIVE = frozenset(("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientID", "AccessionNumber"))
"""Indexed keys of which one value finds few rows."""
INDEXED = SELECTIVE | {"StudyID", "StudyDate", "Modality"}
MANY = 50_000
"""As far as the rows of a source are counted. A source with more is no use, one with few is known exactly."""
COST_OF_FETCHING = 8
"""A row fetched here and there against a row that is met on a walk."""
LAST_LETTER = "\U0010ffff"

Condition = ColumnElement[bool]
PlainMatch = Universal | Empty | Single | AnyOf | AllOf | Wildcard | Range | Words
"""What is asked of one value by itself."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where to look first: the keys of rows of one level, found by an index."""

    level: Level
    rows: Select[Any]
    is_small: bool
    """Known to be few; otherwise that depends on the value, and they are to be counted."""


def answered(query: Query) -> tuple[Attribute, ...]:
    """What is returned: the included attributes that are known and not below the level of the query.

    Members of a sequence are returned within it; it has those of its members that are included, or all of them.
    """
    known = query.dictionary.by_path
    attributes = [known[path] for path in query.include if path in known]
    found: dict[str, Attribute] = {}
    for attribute in attributes:
        if attribute.level > query.level:
            continue
        if not attribute.sequence:
            found[attribute.path] = attribute
        elif attribute.sequence not in query.include:
            sequence = found.get(attribute.sequence) or replace(BY_PATH[attribute.sequence], members=())
            found[attribute.sequence] = replace(sequence, members=(*sequence.members, attribute.keyword))
    return tuple(found.values())


def select_matches(
    query: Query,
    studies: frozenset[str] | None,
    source: Source | None = None,
    after: Sequence[Any] | None = None,
) -> Select[Any]:
    """The answers in their order: the values of `answered`, then those of the row's `place`.

    studies: the Study Instance UIDs that may be known of; None: all. after: the place of the row before the first.
    Limit and offset are the caller's to set. Raises InvalidQuery.
    """
    attributes = answered(query)
    columns = [_column(attribute, studies) for attribute in attributes]
    conditions = _conditions(query, studies, source)
    place = place_of(query)
    if after is not None:
        conditions.append(_is_after(query, place, after))
    return (
        select(*columns, *place)
        .select_from(_joined(query, attributes, studies, source))
        .where(*conditions)
        .order_by(*(column.desc() if query.newest_first else column for column in place))
    )


def select_count(query: Query, studies: frozenset[str] | None, source: Source | None = None) -> Select[Any]:
    """How many answers there are behind its place, whatever the limit. Raises InvalidQuery."""
    joined = _joined(query, (), studies, source)
    conditions = _conditions(query, studies, source)
    if query.after:
        conditions.append(_is_after(query, place_of(query), query.after))
    return select(func.count()).select_from(joined).where(*conditions)


def place_of(query: Query) -> list[ColumnElement[Any]]:
    """What orders the answers, and tells each from every other."""
    pk = TABLES[query.level].c.pk
    if query.newest_first and query.level > Level.PATIENT:
        return [study.c.study_date, study.c.study_time, pk]
    return [*_strangeness(query), pk]


def _strangeness(query: Query) -> list[ColumnElement[int]]:
    """0 for names that have every word as it was typed, 1 for others: so literal hits come first."""
    asked = [(attribute, match) for attribute, match in _asked(query) if attribute.level <= query.level]
    typed = [
        or_(*(contains(_column(attribute), form) for form in {word, word.upper(), word.lower(), word.title()}))
        for attribute, match in asked
        if isinstance(match, Words)
        for word in match.typed
    ]
    return [case((and_(*typed), 0), else_=1)] if typed else []


def sources(query: Query, studies: frozenset[str] | None) -> list[Source]:
    """Where one could look first; what is known to be small stands before the rest."""
    found = [source for attribute, match in _asked(query) for source in _sources_of(attribute, match, query)]
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


def _asked(query: Query) -> Iterator[tuple[Attribute, Match]]:
    known = query.dictionary.by_path
    return ((known[path], match) for path, match in query.matches.items() if not isinstance(match, Universal))


def _joined(
    query: Query, attributes: Iterable[Attribute], studies: frozenset[str] | None, source: Source | None
) -> FromClause:
    """The tables from the level of the query up to the highest one that anything names."""
    levels = [query.level, *(attribute.level for attribute in attributes)]
    levels += [attribute.level for attribute, _ in _asked(query)]
    if studies is not None or query.newest_first or query.is_zoned():
        levels.append(Level.STUDY)
    if source is not None and source.level < query.level:
        levels.append(Level(source.level + 1))
    return _join(query.level, min(levels))


def _join(bottom: Level, top: Level) -> FromClause:
    joined: FromClause = TABLES[bottom]
    for level in range(bottom, top, -1):
        above = TABLES[Level(level - 1)]
        joined = joined.join(above, PARENT[Level(level)] == above.c.pk)
    return joined


def _conditions(query: Query, studies: frozenset[str] | None, source: Source | None) -> list[Condition]:
    asked = [
        (attribute.level, _where(attribute, match, query))
        for attribute, match in _asked(query)
        if not attribute.sequence
    ]
    asked += _items_asked(query)
    if studies is not None:
        asked.append((Level.STUDY, is_among(unindexed(study.c.study_instance_uid), list(studies))))
    conditions = [condition for level, condition in asked if level <= query.level]
    if below := [(level, condition) for level, condition in asked if level > query.level]:
        conditions.append(_some_row_below(query.level, below))
    if query.level == Level.IMAGE:
        conditions.append(instance.c.current)
    if source is not None:
        conditions.append(is_one_of(_key(source.level, query.level), source.rows))
    return conditions


def _items_asked(query: Query) -> list[tuple[Level, Condition]]:
    """For each sequence, whether one item of it is all that is asked of its items (PS3.4 C.2.2.2.6)."""
    inside: dict[str, list[Condition]] = {}
    for attribute, match in _asked(query):
        if attribute.sequence:
            inside.setdefault(attribute.sequence, []).append(_where(attribute, match, query))
    sequences = [(BY_PATH[keyword], conditions) for keyword, conditions in inside.items()]
    return [(sequence.level, has_item(_column(sequence), and_(*conditions))) for sequence, conditions in sequences]


def _some_row_below(level: Level, asked: list[tuple[Level, Condition]]) -> Condition:
    """Whether one and the same row below the level fulfils all that is asked there (PS3.4 C.2.2.2.6 in spirit)."""
    bottom = max(level for level, _ in asked)
    conditions = [condition for _, condition in asked]
    if bottom == Level.IMAGE:
        conditions.append(instance.c.current)
    first = Level(level + 1)
    rows = select(literal(1)).select_from(_join(bottom, first)).where(PARENT[first] == TABLES[level].c.pk, *conditions)
    return rows.correlate(*(TABLES[above] for above in Level if above <= level)).exists()


def _key(level: Level, bottom: Level) -> ColumnElement[int]:
    """The key of a level's rows as the join from `bottom` upwards has it, the lowest table that does."""
    if level == bottom:
        key: ColumnElement[int] = TABLES[level].c.pk
        return key
    return PARENT[Level(level + 1)]


def _is_after(query: Query, place: Sequence[ColumnElement[Any]], after: Sequence[Any]) -> Condition:
    if len(after) != len(place):
        raise InvalidQuery("that is no place among the answers to this question")
    here: ColumnElement[Any] = tuple_(*place)
    there = tuple_(*(literal(value, column.type) for value, column in zip(after, place, strict=True)))
    return here < there if query.newest_first else here > there


def _column(attribute: Attribute, studies: frozenset[str] | None = None) -> ColumnElement[Any]:
    column: ColumnElement[Any]
    if attribute.sequence:
        return member(attribute.keyword)
    if attribute.further:
        return _further(attribute, further_value.c.value)
    match attribute.keyword:
        case "NumberOfPatientRelatedStudies":
            return _of_all_studies(func.count(), studies)
        case "NumberOfPatientRelatedSeries":
            return _of_all_studies(func.sum(_sibling.c.number_of_study_related_series), studies)
        case "NumberOfPatientRelatedInstances":
            return _of_all_studies(func.sum(_sibling.c.number_of_study_related_instances), studies)
        case "AvailableTransferSyntaxUID":
            column = instance.c.transfer_syntax_uid
        case _:
            column = TABLES[attribute.level].c[attribute.column]
    return column


def _further(attribute: Attribute, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The value, or its searched form, of what an administrator has made searchable; "" without one."""
    rows = select(column).where(
        further_value.c.attribute_pk == attribute.further, further_value.c.owner_pk == TABLES[attribute.level].c.pk
    )
    return func.coalesce(rows.correlate(TABLES[attribute.level]).scalar_subquery(), "", type_=column.type)


_sibling = study.alias("sibling")
"""Any study of the patient."""


def _of_all_studies(total: ColumnElement[Any], studies: frozenset[str] | None) -> ColumnElement[int]:
    rows = select(cast(func.coalesce(total, 0), BigInteger)).where(_sibling.c.patient_pk == patient.c.pk)
    if studies is not None:
        rows = rows.where(is_among(_sibling.c.study_instance_uid, list(studies)))
    return rows.correlate(patient).scalar_subquery()


def _where(attribute: Attribute, match: Match, query: Query) -> Condition:
    """Whether the stored value is matched. `dicom.matching` says the same in plain Python."""
    column = _column(attribute)
    if attribute.path in INDEXED and not _is_in_order(attribute, query):
        column = unindexed(column)
    match match:
        case Instants(first, last):
            return _is_within(attribute, column, first, last)
        case Zoned():
            return _is_in_zone(attribute, match, query)
        case _:
            return _is_matched(attribute, match, column, _folded_column(attribute))


def _is_matched(
    attribute: Attribute, match: PlainMatch, column: ColumnElement[Any], folded: ColumnElement[Any]
) -> Condition:
    """folded: a name or a number in the form in which it is searched; of anything else nothing."""
    match match:
        case Universal():
            return true()
        case Empty():
            return column.is_(None) if attribute.is_integer else column == ""
        case Single(value):
            return _is_equal(attribute, column, folded, _text(value))
        case AnyOf(values):
            return _is_any_of(attribute, column, folded, [_text(value) for value in values])
        case AllOf(values):
            return and_(true(), *(_is_equal(attribute, column, folded, _text(value)) for value in values))
        case Wildcard(pattern):
            return _has_pattern(attribute, column, folded, _text(pattern))
        case Range(first, last):
            return and_(column != "", *_ends(column, first, last))
        case Words(words):
            spaced = " " + _replaced(folded, {"=": " ", "\\": " "})
            return and_(true(), *(contains(spaced, f" {_text(word)}") for word in words))
    assert_never(match)


def _text(value: str) -> str:
    if "\0" in value:
        raise InvalidQuery("a key holds a NUL character")  # PostgreSQL takes none
    return value.rstrip(" ")


def _is_equal(attribute: Attribute, column: ColumnElement[Any], folded: ColumnElement[Any], value: str) -> Condition:
    if attribute.vr == "PN":
        groups = "=" + _replaced(folded, {"\\": "="}) + "="
        return and_(true(), *(contains(groups, f"={group}=") for group in _groups(value)))
    if attribute.is_integer:
        return column == int(value)
    if _is_number_of_further(attribute):
        return contains("\\" + folded + "\\", f"\\{value}\\")
    if attribute.vr == "DS":
        return func.coalesce(as_decimal(column) == float(value), false())
    if attribute.is_multi_valued:
        return contains("\\" + column + "\\", f"\\{value}\\") if "\\" not in value else false()
    return column == value


def _is_any_of(
    attribute: Attribute, column: ColumnElement[Any], folded: ColumnElement[Any], values: list[str]
) -> Condition:
    if attribute.vr in ("PN", "DS") or attribute.is_multi_valued or attribute.is_integer or attribute.further:
        return or_(false(), *(_is_equal(attribute, column, folded, value) for value in values))
    return is_among(column, values)


def _has_pattern(
    attribute: Attribute, column: ColumnElement[Any], folded: ColumnElement[Any], pattern: str
) -> Condition:
    if attribute.vr == "PN":
        pieces = _replaced(folded, {"=": "\\"})
        return and_(true(), *(_has_piece(folded, group, pieces) for group in _groups(pattern)))
    if attribute.is_multi_valued:
        return _has_piece(column, pattern, column)
    return is_like(cast(column, Text) if attribute.is_integer else column, pattern)


def _has_piece(column: ColumnElement[Any], pattern: str, pieces: ColumnElement[Any]) -> Condition:
    r"""pieces: the column, with `\` between its pieces."""
    if not pattern.strip("*"):
        return true()
    # Taking a value to pieces is dear, and most rows can be ruled out before.
    return and_(is_like(column, f"*{pattern}*"), has_piece_like(pieces, pattern))


def _is_within(attribute: Attribute, date: ColumnElement[Any], first: str | None, last: str | None) -> Condition:
    """Whether a date and its time are an instant from first to last; of a date without a time, whether any is."""
    time = _column(BY_PATH[TIME_OF[attribute.keyword]])
    days = _ends(date, first and first[:8], last and last[:8])
    return and_(date != "", *days, or_(time == "", and_(*_ends(date + time, first, last))))


def _is_in_zone(attribute: Attribute, match: Zoned, query: Query) -> Condition:
    """Whether it is matched by the clocks of the study, which has an offset from UTC of its own, or ours."""
    offset = study.c.timezone_offset_from_utc
    there = [(offset == one, one) for one in query.offsets]
    there.append((offset.not_in(query.offsets) if query.offsets else true(), ""))
    return or_(
        *(
            and_(is_there, _where(attribute, one, query))
            for is_there, zone in there
            for one in in_zone(match, attribute, zone)
        )
    )


def _ends(column: ColumnElement[Any], first: str | None, last: str | None) -> list[Condition]:
    conditions = []
    if first is not None:
        conditions.append(column >= _text(first))
    if last is not None:
        conditions.append(column <= _text(last))
    return conditions


def _folded_column(attribute: Attribute) -> ColumnElement[Any]:
    if attribute.further:
        return _further(attribute, further_value.c.folded)
    return TABLES[attribute.level].c[f"{attribute.column}_folded"] if attribute.vr == "PN" else literal("")


def _is_number_of_further(attribute: Attribute) -> bool:
    """Whether its searched form is a number's, or several numbers'."""
    return attribute.further > 0 and (attribute.vr in NUMBER_VRS or attribute.vr in DECIMAL_VRS)


def _replaced(column: ColumnElement[Any], letters: dict[str, str]) -> ColumnElement[Any]:
    for old, new in letters.items():
        column = func.replace(column, old, new, type_=Text())
    return column


def _groups(name: str) -> list[str]:
    """The groups of a name or pattern that ask for anything, folded."""
    return [group for group in folded(name).split("=") if group]


def _is_in_order(attribute: Attribute, query: Query) -> bool:
    """Whether the walk follows the index on this attribute anyway."""
    return query.newest_first and attribute.keyword == "StudyDate"


def _sources_of(attribute: Attribute, match: Match, query: Query) -> Iterator[Source]:
    if attribute.path == "PatientName":
        for forms in _forms_of(match):
            rows = select(name_form.c.patient_pk).where(forms)
            yield Source(Level.PATIENT, rows, False)
    elif attribute.further:
        yield from _sources_of_further(attribute, match, query)
    elif attribute.path in INDEXED and not _is_in_order(attribute, query):
        condition = _by_index(_column(attribute), match)
        if condition is not None:
            is_small = attribute.path in SELECTIVE and isinstance(match, Single | AnyOf)
            yield _source(query, attribute.level, condition, is_small)


def _source(query: Query, level: Level, condition: Condition, is_small: bool) -> Source:
    """The rows of a level that fulfil the condition; those above them when the level is below that of the query."""
    if level <= query.level:
        return Source(level, select(TABLES[level].c.pk).where(condition), is_small)
    first = Level(query.level + 1)
    rows = select(PARENT[first]).select_from(_join(level, first)).where(condition)
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
    rows = select(PARENT[first]).select_from(_join(attribute.level, first))
    yield Source(query.level, rows.where(TABLES[attribute.level].c.pk.in_(owners)), False)


def _owners_of_further(attribute: Attribute, match: PlainMatch) -> Select[Any]:
    """The keys of the rows that have a value which is matched."""
    values = further_value.c
    is_matched = _is_matched(attribute, match, values.value, values.folded)
    owners = select(values.owner_pk).where(values.attribute_pk == attribute.further, is_matched)
    is_number = _is_number_of_further(attribute)
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
            return column == _text(value)
        case AnyOf(values):
            return is_among(column, [_text(value) for value in values])
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
    return and_(*_ends(column, first, last)) if first else and_(column > "", *_ends(column, None, last))


def _forms_of(match: Match) -> Iterator[Condition]:
    """Conditions on `name_form` that every patient who is matched fulfils."""
    form = name_form.c.form
    match match:
        case Single(value):
            for group in _groups(value):
                yield and_(name_form.c.whole, form == group[:LONGEST_FORM])
        case Wildcard(pattern):
            for group in _groups(pattern):
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
