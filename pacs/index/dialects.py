"""What SQLite and PostgreSQL say in different words: wild cards, lists, and the pieces of a joined value."""

import json
from collections.abc import Sequence
from typing import Any, Self

from sqlalchemy import ARRAY, Boolean, ColumnElement, Dialect, Select, Text, TypeDecorator, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeEngine

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


class _Among(_Condition):
    inherit_cache = True


class _IsOneOf(_Condition):
    inherit_cache = True


class _Contains(_Condition):
    inherit_cache = True


class _Unindexed(FunctionElement[Any]):
    inherit_cache = True


def is_like(text: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    """Whether the text is what the pattern says; `*` is any run and `?` any one character, all else is itself."""
    return _Like(text, bindparam(None, pattern, _Pattern()))


def has_piece_like(text: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    r"""Whether one of the pieces that `\` and `=` divide the text into is what the pattern says."""
    return _AnyPieceLike(text, bindparam(None, pattern, _Pattern()))


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
    pieces = rf"""'[' || replace(replace(json_quote({text}), '\\', '","'), '=', '","') || ']'"""
    return f"EXISTS (SELECT 1 FROM json_each({pieces}) AS piece WHERE piece.value GLOB {pattern})"


@compiles(_AnyPieceLike)
def _any_piece_like(element: _AnyPieceLike, compiler: SQLCompiler, **options: Any) -> str:
    text, pattern = _parts(element, compiler, **options)
    pieces = rf"string_to_table(replace({text}, '\', '='), '=')"
    return f"EXISTS (SELECT 1 FROM {pieces} AS piece WHERE piece LIKE {pattern})"


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
