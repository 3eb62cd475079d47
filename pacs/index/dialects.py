"""What SQLite and PostgreSQL say in different words: wild cards, lists, pieces of a joined value, items, deadlines."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Connection,
    Dialect,
    Float,
    Select,
    Text,
    TypeDecorator,
    bindparam,
    literal_column,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeEngine

STEPS_BETWEEN_LOOKS = 100_000
"""Of SQLite's machine, some milliseconds."""
QUERY_CANCELED = "57014"
"""PostgreSQL's own code for a statement that took too long."""
GLOB = str.maketrans({"[": "[[]"})
LIKE = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\", "*": "%", "?": "_"})


class _Pattern(TypeDecorator[str]):
    """DICOM's `*` and `?` as GLOB has them on SQLite, where LIKE passes over the case, and as LIKE elsewhere."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value if value is None else value.translate(GLOB if dialect.name == "sqlite" else LIKE)


class _Strings(TypeDecorator[Sequence[str]]):
    """Any number of strings in one parameter: a statement is compiled once for lists of every length."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(Text))

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Any:
        return json.dumps(list(value or ())) if dialect.name == "sqlite" else list(value or ())


class _Condition(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: OperatorType | None = None) -> Self:
        """As it is: SQLAlchemy would write `… = 1` on SQLite, behind which no index is seen."""
        return self


class _Like(_Condition):
    inherit_cache = True


class _AnyPieceLike(_Condition):
    inherit_cache = True


class _AnyItem(_Condition):
    inherit_cache = True


class _Among(_Condition):
    inherit_cache = True


class _IsOneOf(_Condition):
    inherit_cache = True


class _Contains(_Condition):
    inherit_cache = True


class _Unindexed(FunctionElement[Any]):
    inherit_cache = True


class _Member(FunctionElement[str]):
    type = Text()
    inherit_cache = True


class _Decimal(FunctionElement[float]):
    type = Float()
    inherit_cache = True


def is_like(text: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    """Whether the text is what the pattern says; `*` is any run and `?` any one character, all else is itself."""
    return _Like(text, bindparam(None, pattern, _Pattern()))


def has_piece_like(text: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    r"""Whether one of the pieces that `\` divides the text into is what the pattern says."""
    return _AnyPieceLike(text, bindparam(None, pattern, _Pattern()))


def has_item(items: ColumnElement[str], condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether an item of a JSON array fulfils the condition, which is made of its members."""
    return _AnyItem(items, condition)


def member(keyword: str) -> ColumnElement[str]:
    """A member of the item that is looked at within `has_item`; "" where it has none of this keyword."""
    return _Member(literal_column(f"'{keyword}'"))


def as_decimal(text: ColumnElement[str]) -> ColumnElement[float]:
    """The number that a text is; NULL where it is none."""
    return _Decimal(text)


def is_among(text: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
    """Whether the text is one of the values, of which there may be very many."""
    return _Among(text, bindparam(None, values, _Strings()))


def is_one_of(key: ColumnElement[int], rows: Select[Any]) -> ColumnElement[bool]:
    """Whether the key is one that the rows give. The rows are found first, and the key by them, never the reverse."""
    return _IsOneOf(key, rows.correlate(None).scalar_subquery())


def contains(text: ColumnElement[str], part: str) -> ColumnElement[bool]:
    """Whether the part, which has no wild cards, is anywhere in the text."""
    return _Contains(text, bindparam(None, part, Text()))


def unindexed(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column, which SQLite must not look for in an index. It plans without knowing how common a value is."""
    element = _Unindexed(column)
    element.type = column.type
    return element


def _parts(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> list[str]:
    return [compiler.process(clause, **options) for clause in element.clauses]


@compiles(_Like, "sqlite")
def _like_on_sqlite(element: _Like, compiler: SQLCompiler, **options: Any) -> str:
    text, pattern = _parts(element, compiler, **options)
    return f"{text} GLOB {pattern}"


@compiles(_Like)
def _like(element: _Like, compiler: SQLCompiler, **options: Any) -> str:
    text, pattern = _parts(element, compiler, **options)
    return f"{text} LIKE {pattern}"


@compiles(_AnyPieceLike, "sqlite")
def _any_piece_like_on_sqlite(element: _AnyPieceLike, compiler: SQLCompiler, **options: Any) -> str:
    text, pattern = _parts(element, compiler, **options)
    # As a JSON string a backslash is two, and a quotation mark never stands alone: what is put between pieces is safe.
    pieces = rf"""'[' || replace(json_quote({text}), '\\', '","') || ']'"""
    return f"EXISTS (SELECT 1 FROM json_each({pieces}) AS piece WHERE piece.value GLOB {pattern})"


@compiles(_AnyPieceLike)
def _any_piece_like(element: _AnyPieceLike, compiler: SQLCompiler, **options: Any) -> str:
    text, pattern = _parts(element, compiler, **options)
    pieces = rf"string_to_table({text}, '\')"
    return f"EXISTS (SELECT 1 FROM {pieces} AS piece WHERE piece LIKE {pattern})"


@compiles(_AnyItem, "sqlite")
def _any_item_on_sqlite(element: _AnyItem, compiler: SQLCompiler, **options: Any) -> str:
    items, condition = _parts(element, compiler, **options)
    return f"EXISTS (SELECT 1 FROM json_each(nullif({items}, '')) AS item WHERE {condition})"


@compiles(_AnyItem)
def _any_item(element: _AnyItem, compiler: SQLCompiler, **options: Any) -> str:
    items, condition = _parts(element, compiler, **options)
    return f"EXISTS (SELECT 1 FROM jsonb_array_elements(CAST(nullif({items}, '') AS jsonb)) AS item WHERE {condition})"


@compiles(_Member, "sqlite")
def _member_on_sqlite(element: _Member, compiler: SQLCompiler, **options: Any) -> str:
    (keyword,) = _parts(element, compiler, **options)
    return f"coalesce(json_extract(item.value, '$.' || {keyword}), '')"


@compiles(_Member)
def _member(element: _Member, compiler: SQLCompiler, **options: Any) -> str:
    (keyword,) = _parts(element, compiler, **options)
    return f"""(coalesce(item.value ->> {keyword}, '') COLLATE "C")"""


@compiles(_Decimal, "sqlite")
def _decimal_on_sqlite(element: _Decimal, compiler: SQLCompiler, **options: Any) -> str:
    (text,) = _parts(element, compiler, **options)
    return f"CASE WHEN {text} GLOB '*[0-9]*' AND {text} NOT GLOB '*[^0-9.eE+-]*' THEN CAST({text} AS REAL) END"


@compiles(_Decimal)
def _decimal(element: _Decimal, compiler: SQLCompiler, **options: Any) -> str:
    (text,) = _parts(element, compiler, **options)
    is_number = r"'^[+-]?(\d{1,16}\.?\d{0,16}|\.\d{1,16})([eE][+-]?\d{1,2})?$'"
    return f"CASE WHEN {text} ~ {is_number} THEN CAST({text} AS double precision) END"


@compiles(_Among, "sqlite")
def _among_on_sqlite(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    text, values = _parts(element, compiler, **options)
    return f"{text} IN (SELECT value FROM json_each({values}))"


@compiles(_Among)
def _among(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    text, values = _parts(element, compiler, **options)
    return f"{text} = ANY ({values})"


@compiles(_IsOneOf, "sqlite")
def _is_one_of_on_sqlite(element: _IsOneOf, compiler: SQLCompiler, **options: Any) -> str:
    key, rows = _parts(element, compiler, **options)
    return f"{key} IN {rows}"


@compiles(_IsOneOf)
def _is_one_of(element: _IsOneOf, compiler: SQLCompiler, **options: Any) -> str:
    key, rows = _parts(element, compiler, **options)
    # As an array, of which PostgreSQL expects little: for a set it may prefer a walk that ends early by its estimate.
    return f"{key} = ANY (ARRAY{rows})"


@compiles(_Contains, "sqlite")
def _contains_on_sqlite(element: _Contains, compiler: SQLCompiler, **options: Any) -> str:
    text, part = _parts(element, compiler, **options)
    return f"instr({text}, {part}) > 0"


@compiles(_Contains)
def _contains(element: _Contains, compiler: SQLCompiler, **options: Any) -> str:
    text, part = _parts(element, compiler, **options)
    return f"strpos({text}, {part}) > 0"


@compiles(_Unindexed, "sqlite")
def _unindexed_on_sqlite(element: _Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    (column,) = _parts(element, compiler, **options)
    return f"+{column}"


@compiles(_Unindexed)
def _unindexed(element: _Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    (column,) = _parts(element, compiler, **options)
    return column


@contextmanager
def limited(connection: Connection, seconds: float) -> Iterator[None]:
    """What is asked in the block has so long. Raises TimeoutError."""
    limit = _limited_on_sqlite if connection.dialect.name == "sqlite" else _limited_on_postgresql
    with limit(connection, seconds):
        yield


@contextmanager
def _limited_on_sqlite(connection: Connection, seconds: float) -> Iterator[None]:
    driver: Any = connection.connection.driver_connection
    deadline = time.monotonic() + seconds
    driver.set_progress_handler(lambda: time.monotonic() > deadline, STEPS_BETWEEN_LOOKS)
    try:
        yield
    except DBAPIError as error:
        if time.monotonic() > deadline:
            raise TimeoutError from error
        raise
    finally:
        driver.set_progress_handler(None, 0)


@contextmanager
def _limited_on_postgresql(connection: Connection, seconds: float) -> Iterator[None]:
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {seconds * 1000:.0f}")
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") == QUERY_CANCELED:
            raise TimeoutError from error
        raise
