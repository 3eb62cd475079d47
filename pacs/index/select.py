"""A query as SQL, here and nowhere else.

The statement joins the tables from the level of the query upwards, as far as they are needed; keys below the level
become one EXISTS. Each key is a filter, right by itself and deaf to indexes. What makes a search fast is a `Source`
(`index.sources`): the rows that one key finds by an index, among which the others filter. Without one, rows are walked
in the order of the answers, which is right when much is found. So speed never hangs on what a planner guesses.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
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
    or_,
    select,
    true,
    tuple_,
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
from pacs.index.tables import further_value, instance, patient, series, study

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
    columns = [column_of(attribute, studies) for attribute in attributes]
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
    asked = [(attribute, match) for attribute, match in asked_of(query) if attribute.level <= query.level]
    typed = [
        or_(*(contains(column_of(attribute), form) for form in {word, word.upper(), word.lower(), word.title()}))
        for attribute, match in asked
        if isinstance(match, Words)
        for word in match.typed
    ]
    return [case((and_(*typed), 0), else_=1)] if typed else []


def asked_of(query: Query) -> Iterator[tuple[Attribute, Match]]:
    """What must match, and how."""
    known = query.dictionary.by_path
    return ((known[path], match) for path, match in query.matches.items() if not isinstance(match, Universal))


def _joined(
    query: Query, attributes: Iterable[Attribute], studies: frozenset[str] | None, source: Source | None
) -> FromClause:
    """The tables from the level of the query up to the highest one that anything names."""
    levels = [query.level, *(attribute.level for attribute in attributes)]
    levels += [attribute.level for attribute, _ in asked_of(query)]
    if studies is not None or query.newest_first or query.is_zoned():
        levels.append(Level.STUDY)
    if source is not None and source.level < query.level:
        levels.append(Level(source.level + 1))
    return joined_levels(query.level, min(levels))


def joined_levels(bottom: Level, top: Level) -> FromClause:
    """The tables from one level up to another."""
    joined: FromClause = TABLES[bottom]
    for level in range(bottom, top, -1):
        above = TABLES[Level(level - 1)]
        joined = joined.join(above, PARENT[Level(level)] == above.c.pk)
    return joined


def _conditions(query: Query, studies: frozenset[str] | None, source: Source | None) -> list[Condition]:
    asked = [
        (attribute.level, _where(attribute, match, query))
        for attribute, match in asked_of(query)
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
    for attribute, match in asked_of(query):
        if attribute.sequence:
            inside.setdefault(attribute.sequence, []).append(_where(attribute, match, query))
    sequences = [(BY_PATH[keyword], conditions) for keyword, conditions in inside.items()]
    return [(sequence.level, has_item(column_of(sequence), and_(*conditions))) for sequence, conditions in sequences]


def _some_row_below(level: Level, asked: list[tuple[Level, Condition]]) -> Condition:
    """Whether one and the same row below the level fulfils all that is asked there (PS3.4 C.2.2.2.6 in spirit)."""
    bottom = max(level for level, _ in asked)
    conditions = [condition for _, condition in asked]
    if bottom == Level.IMAGE:
        conditions.append(instance.c.current)
    first = Level(level + 1)
    rows = (
        select(literal(1))
        .select_from(joined_levels(bottom, first))
        .where(PARENT[first] == TABLES[level].c.pk, *conditions)
    )
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


def column_of(attribute: Attribute, studies: frozenset[str] | None = None) -> ColumnElement[Any]:
    """Its value. studies: those that may be known of, where it counts them; None: all."""
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
    column = column_of(attribute)
    if attribute.path in INDEXED and not is_in_order(attribute, query):
        column = unindexed(column)
    match match:
        case Instants(first, last):
            return _is_within(attribute, column, first, last)
        case Zoned():
            return _is_in_zone(attribute, match, query)
        case _:
            return is_matched_by(attribute, match, column, _folded_column(attribute))


def is_matched_by(
    attribute: Attribute, match: PlainMatch, column: ColumnElement[Any], folded: ColumnElement[Any]
) -> Condition:
    """Whether a value in this column is matched.

    folded: a name or a number in the form in which it is searched; of anything else nothing.
    """
    match match:
        case Universal():
            return true()
        case Empty():
            return column.is_(None) if attribute.is_integer else column == ""
        case Single(value):
            return _is_equal(attribute, column, folded, text_of(value))
        case AnyOf(values):
            return _is_any_of(attribute, column, folded, [text_of(value) for value in values])
        case AllOf(values):
            return and_(true(), *(_is_equal(attribute, column, folded, text_of(value)) for value in values))
        case Wildcard(pattern):
            return _has_pattern(attribute, column, folded, text_of(pattern))
        case Range(first, last):
            return and_(column != "", *ends_of(column, first, last))
        case Words(words):
            spaced = " " + _replaced(folded, {"=": " ", "\\": " "})
            return and_(true(), *(contains(spaced, f" {text_of(word)}") for word in words))
    assert_never(match)


def text_of(value: str) -> str:
    """A key as it is compared. Raises InvalidQuery for what no database takes."""
    if "\0" in value:
        raise InvalidQuery("a key holds a NUL character")  # PostgreSQL takes none
    return value.rstrip(" ")


def _is_equal(attribute: Attribute, column: ColumnElement[Any], folded: ColumnElement[Any], value: str) -> Condition:
    if attribute.vr == "PN":
        groups = "=" + _replaced(folded, {"\\": "="}) + "="
        return and_(true(), *(contains(groups, f"={group}=") for group in groups_of(value)))
    if attribute.is_integer:
        return column == int(value)
    if is_number_of_further(attribute):
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
        return and_(true(), *(_has_piece(folded, group, pieces) for group in groups_of(pattern)))
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
    time = column_of(BY_PATH[TIME_OF[attribute.keyword]])
    days = ends_of(date, first and first[:8], last and last[:8])
    return and_(date != "", *days, or_(time == "", and_(*ends_of(date + time, first, last))))


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


def ends_of(column: ColumnElement[Any], first: str | None, last: str | None) -> list[Condition]:
    """That it lies between them, both included; None is open."""
    conditions = []
    if first is not None:
        conditions.append(column >= text_of(first))
    if last is not None:
        conditions.append(column <= text_of(last))
    return conditions


def _folded_column(attribute: Attribute) -> ColumnElement[Any]:
    if attribute.further:
        return _further(attribute, further_value.c.folded)
    return TABLES[attribute.level].c[f"{attribute.column}_folded"] if attribute.vr == "PN" else literal("")


def is_number_of_further(attribute: Attribute) -> bool:
    """Whether its searched form is a number's, or several numbers'."""
    return attribute.further > 0 and (attribute.vr in NUMBER_VRS or attribute.vr in DECIMAL_VRS)


def _replaced(column: ColumnElement[Any], letters: dict[str, str]) -> ColumnElement[Any]:
    for old, new in letters.items():
        column = func.replace(column, old, new, type_=Text())
    return column


def groups_of(name: str) -> list[str]:
    """The groups of a name or pattern that ask for anything, folded."""
    return [group for group in folded(name).split("=") if group]


def is_in_order(attribute: Attribute, query: Query) -> bool:
    """Whether the walk follows the index on this attribute anyway."""
    return query.newest_first and attribute.keyword == "StudyDate"
