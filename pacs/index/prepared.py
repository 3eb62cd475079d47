"""Statements of SQLAlchemy Core on the path of every instance: compiled once, then handed to the driver as text.

For each execution of such a small statement SQLAlchemy needs several times longer than the database.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from operator import itemgetter
from typing import Any

from sqlalchemy import BindParameter, Connection, Dialect, Insert, Select, Update
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Values = Mapping[str, Any]
Process = Callable[[Any], Any]
Parameters = Sequence[Any] | Mapping[str, Any]


class Prepared:
    """One statement, for every connection and any number of threads.

    An `expanding` parameter takes a list that is not empty. It is filled up to a power of two with its last value,
    so that few texts are made and the drivers keep them all prepared. An Insert is given the same columns each time,
    and does not answer the keys of its rows.
    """

    def __init__(self, statement: Select[Any] | Insert | Update) -> None:
        self._statement = statement.inline() if isinstance(statement, Insert) else statement
        self._texts: dict[tuple[str, tuple[int, ...]], _Text] = {}

    def rows(self, connection: Connection, values: Values) -> list[tuple[Any, ...]]:
        """What a Select of text, numbers and bytes finds. Raises DBAPIError."""
        lengths = tuple([_padded(len(value)) for value in values.values() if type(value) is list])
        text = self._text(connection.dialect, values, lengths)
        return execute(connection, text.sql, text.parameters(values)).fetchall()  # type: ignore[return-value]

    def run(self, connection: Connection, many: Sequence[Values]) -> None:
        """Insert or update by each of the values. Raises DBAPIError."""
        text = self._text(connection.dialect, many[0])
        if len(many) == 1:
            execute(connection, text.sql, text.parameters(many[0]))
        else:
            execute(connection, text.sql, [text.parameters(values) for values in many], is_many=True)

    def _text(self, dialect: Dialect, values: Values, lengths: tuple[int, ...] = ()) -> "_Text":
        text = self._texts.get((dialect.name, lengths))
        if text is None:
            text = self._texts[dialect.name, lengths] = self._compiled(dialect, values)
        return text

    def _compiled(self, dialect: Dialect, values: Values) -> "_Text":
        columns = list(values) if isinstance(self._statement, Insert) else None
        compiled = self._statement.compile(dialect=dialect, column_keys=columns)
        assert isinstance(compiled, SQLCompiler)
        if isinstance(self._statement, Select):
            assert not any(_reader_of(column.type, dialect) for column in self._statement.selected_columns)
        lists = {name: [None] * _padded(len(value)) for name, value in values.items() if type(value) is list}
        state = compiled.construct_expanded_state({**values, **lists})
        writers = {name: _writer_of(bind, dialect) for name, bind in compiled.binds.items()}
        for name, parts in state.parameter_expansion.items():
            writers |= dict.fromkeys(parts, writers.pop(name))
        return _Text(
            state.statement,
            {name: bind.value for name, bind in compiled.binds.items() if not bind.required},
            tuple(state.parameter_expansion.items()),
            tuple((name, writer) for name, writer in writers.items() if writer is not None),
            dict if state.positiontup is None else _picker(state.positiontup),
        )


@dataclass(frozen=True, slots=True)
class _Text:
    """A statement as one driver takes it."""

    sql: str
    constants: Values
    """The parameters that the statement brings along."""
    lists: tuple[tuple[str, list[str]], ...]
    """The name of each list, and those of its elements."""
    writers: tuple[tuple[str, Process], ...]
    """What makes of a value what the driver takes, where it is not the value itself."""
    pick: Callable[[dict[str, Any]], Parameters]
    """The values in the order of their places, or by their names."""

    def parameters(self, values: Values) -> Parameters:
        given = {**self.constants, **values}
        for name, parts in self.lists:
            elements = given[name]
            given.update(zip(parts, chain(elements, repeat(elements[-1])), strict=False))
        for name, process in self.writers:
            given[name] = process(given[name])
        return self.pick(given)


def execute(connection: Connection, sql: str, parameters: Any = None, *, is_many: bool = False) -> DBAPICursor:
    """Hand a text to the driver, within the connection's transaction.

    Raises DBAPIError as SQLAlchemy does; a connection that was lost is invalidated.
    """
    cursor = connection.connection.cursor()
    try:
        if is_many:
            cursor.executemany(sql, parameters)
        elif parameters is None:
            cursor.execute(sql)
        else:
            cursor.execute(sql, parameters)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _told(connection, sql, error, cursor) from error
    return cursor


def _told(connection: Connection, sql: str, error: Exception, cursor: DBAPICursor) -> BaseException:
    """The driver's error as SQLAlchemy tells it, without the values: they are patients' data."""
    dialect = connection.dialect
    is_lost = dialect.is_disconnect(error, connection.connection, cursor)  # type: ignore[arg-type]
    if is_lost:
        connection.invalidate(error)
    return DBAPIError.instance(
        sql,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=is_lost,
        dialect=dialect,
    )


def _padded(length: int) -> int:
    """The next power of two."""
    return 1 << (length - 1).bit_length()


def _picker(names: Sequence[str]) -> Callable[[dict[str, Any]], Sequence[Any]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda given: [given[name] for name in names]  # of one name an itemgetter makes no tuple


def _writer_of(bind: BindParameter[Any], dialect: Dialect) -> Process | None:
    return bind.type.dialect_impl(dialect).bind_processor(dialect)


def _reader_of(kind: TypeEngine[Any], dialect: Dialect) -> Process | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)
