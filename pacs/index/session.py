"""The engine, one transaction at a time for writing, and the group commit that makes durability cheap."""

import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from pacs.errors import InvalidQuery, OutOfResources
from pacs.index import migrations
from pacs.index.prepared import execute
from pacs.index.recent import Recent
from pacs.index.remembered import Remembered
from pacs.index.turn import FileLock
from storage.errors import MustWait
from storage.failpoint import reached

T = TypeVar("T")
R = TypeVar("R")
Run = Callable[[Connection, Sequence[T]], Sequence[R]]

TURN_TIMEOUT_S = 20.0
"""How long a writer waits for its turn. Senders give up after 30 s and must hear our refusal before."""
MAX_BATCH = 500
"""The most items in one commit: it bounds how long the turn is held."""
ADVISORY_LOCK = 0x46494C4D
"""The writer's turn on PostgreSQL."""
SQLITE_REFUSALS = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
    )
)
"""Primary result codes that say "not now", and are no fault in our SQL."""


class Database:
    """The index behind `sqlite:///path` or `postgresql+psycopg://…`. Threads share one, each process makes its own.

    Any number of processes use one database. Who writes holds *the* writer's turn; who reads never waits for it.
    """

    def __init__(self, url: str, turn_timeout_s: float = TURN_TIMEOUT_S) -> None:
        """Makes the folder and the file of SQLite. Raises OutOfResources when that fails."""
        self.turn_timeout_s = turn_timeout_s
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self.recent = Recent()
        self._process = os.getpid()
        self._writing = threading.Lock()
        self._writer: Connection | None = None
        """What writes, kept by who holds `_writing`: to fetch it from the pool and return it costs as much as a row."""
        self._file_lock: FileLock | None = None
        self._may_wait = True
        self._groups: dict[Run[Any, Any], _Group] = {}
        if self.is_sqlite:
            path = Path(make_url(url).database or "").absolute()
            self._file_lock = FileLock(path.with_name(f"{path.name}.lock"))
            self._make_sqlite_file(path, self._file_lock)
            self._engine = _sqlite_engine(url)
            self._reader = self._writers = self._engine
            self.remembered = Remembered(path)
        else:
            self._engine = _postgresql_engine(url)
            self._reader = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            self._writers = self._engine.execution_options(isolation_level="AUTOCOMMIT")  # BEGIN is ours to say
            self.remembered = Remembered(None)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One snapshot for every statement until it is left.

        Raises OutOfResources when there is no answer, InvalidQuery for values that the database cannot even compare.
        """
        self._refuse_the_hurried()
        with _refusals_told(), _no_values_told(), self._reader.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            yield connection

    def hurried(self) -> "Database":
        """The same index for who must not wait: he has what is remembered; asking for more raises MustWait."""
        hurried = copy(self)
        hurried._may_wait = False
        return hurried

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """The writer's turn: on stable storage when it is left, rolled back on an error.

        Raises OutOfResources when the turn does not come in time or the database refuses.
        """
        self._refuse_the_hurried()
        with _refusals_told(), self._transaction(time.monotonic() + self.turn_timeout_s) as connection:
            yield connection

    def together(self, run: Run[T, R], item: T) -> R:
        """What `run` answers for this item, once that is on stable storage: a group commit.

        Whoever comes first leads: it takes the writer's turn and everything that has come for the same `run`
        meanwhile, runs all of it in one transaction with one sync, and hands the lead to the first who came later.
        Nobody waits to gather more, so a lone sender pays nothing.

        When a batch fails it is rolled back and each item is tried alone, so one bad item harms no other; its own
        error is raised to whoever brought it. When the connection dies the item is tried once more, and a COMMIT
        whose answer was lost may have happened: **what `run` does must be idempotent.** `run` is called with the
        items in the order they came and answers one result for each; it must be the same object every time, since
        it is what groups the callers. Raises OutOfResources as `write` does.
        """
        self._refuse_the_hurried()
        ticket = _Ticket(item, time.monotonic() + self.turn_timeout_s)
        group = self._groups.get(run) or self._groups.setdefault(run, _Group())
        if not group.join(ticket):
            ticket.called.acquire()
        if ticket.leads:
            self._lead(run, group, ticket)
        if ticket.error is not None:
            raise ticket.error
        result: R = ticket.result
        return result

    def migrate(self) -> None:
        """Bring the schema to this program's. Raises PacsError when it is newer than the program."""
        with self.write() as connection:
            migrations.upgrade(connection)

    def is_current(self) -> bool:
        """Whether the schema is this program's."""
        with self.read() as connection:
            return migrations.is_current(connection)

    def close(self) -> None:
        """Give back all connections, when the transaction that is being written has ended."""
        if self._writing.acquire(timeout=self.turn_timeout_s):
            self._let_writer_go()
            if self._file_lock is not None:
                self._file_lock.close()
            self._writing.release()
        self.remembered.close()
        self._engine.dispose()

    def _refuse_the_hurried(self) -> None:
        if not self._may_wait:
            raise MustWait

    def _lead(self, run: Run[Any, Any], group: "_Group", leader: "_Ticket") -> None:
        batch = [leader]
        try:
            self._commit(run, batch, group)
        except Exception as error:
            leader.error = error
            if len(batch) > 1 or _connection_was_lost(error):
                self._commit_each_alone(run, batch)
        finally:
            group.hand_over()
            for ticket in batch[1:]:
                ticket.called.release()

    def _commit_each_alone(self, run: Run[Any, Any], batch: "list[_Ticket]") -> None:
        for ticket in batch:
            try:
                self._commit(run, [ticket], _Group())
            except Exception as error:
                ticket.error = error

    def _commit(self, run: Run[Any, Any], batch: "list[_Ticket]", group: "_Group") -> None:
        """Commit the batch; those of the group who wait when the turn has come are added to it."""
        with _refusals_told(), self._transaction(batch[0].deadline) as connection:
            reached("FP6")
            batch += group.take(MAX_BATCH - len(batch))
            results = run(connection, [ticket.item for ticket in batch])
            for ticket, result in zip(batch, results, strict=True):
                ticket.result = result
            reached("FP7")
        reached("FP8")
        for ticket in batch:
            ticket.error = None

    @contextmanager
    def _transaction(self, deadline: float) -> Iterator[Connection]:
        if self._process != os.getpid():
            raise RuntimeError("a process makes its own Database: it shares no connection with the one it came from")
        with self._turn(deadline):
            connection = self._begun(deadline)
            try:
                yield connection
                connection.commit()
            except BaseException:
                self._let_writer_go()
                raise

    @contextmanager
    def _turn(self, deadline: float) -> Iterator[None]:
        """The turn among the threads of this process and, for SQLite, among the processes of this machine."""
        if not self._writing.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise OutOfResources("the index is busy: no turn to write in time")
        try:
            if self._file_lock is None:
                yield
            else:
                with self._file_lock.held(deadline):
                    yield
        finally:
            self._writing.release()

    def _begun(self, deadline: float) -> Connection:
        """The writer, in a transaction that nobody else can write beside. One that died in idleness is replaced."""
        was_kept = self._writer is not None
        try:
            return self._begin(deadline)
        except DBAPIError as error:
            if not (was_kept and error.connection_invalidated):
                raise
            return self._begin(deadline)

    def _begin(self, deadline: float) -> Connection:
        if self._writer is None:
            self._writer = self._writers.connect()
        milliseconds = max(1, round((deadline - time.monotonic()) * 1000))
        try:
            begin = _begin_on_sqlite if self.is_sqlite else _begin_on_postgresql
            begin(self._writer, milliseconds)
            self._writer.begin()
        except BaseException:
            self._let_writer_go()
            raise
        return self._writer

    def _let_writer_go(self) -> None:
        """Back to the pool, which rolls back what was not committed."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _make_sqlite_file(self, path: Path, lock: FileLock) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with lock.held(time.monotonic() + self.turn_timeout_s), closing(sqlite3.connect(path)) as file:
                file.execute("PRAGMA journal_mode=WAL")  # it stays with the file
        except (OSError, sqlite3.OperationalError) as error:
            raise OutOfResources(f"the index {path} cannot be opened: {error}") from error


def _held_lock() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(eq=False, slots=True)
class _Ticket:
    """One item waiting to be committed, and its caller."""

    item: Any
    deadline: float
    called: threading.Lock = field(default_factory=_held_lock)
    """Released once, when the caller must go on: to lead, or because the item is settled."""
    leads: bool = False
    result: Any = None
    error: BaseException | None = field(default_factory=lambda: OutOfResources("the commit was interrupted"))


class _Group:
    """Those who wait with the same kind of work. One of them leads, and is not in the queue."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Ticket] = deque()
        self._is_led = False

    def join(self, ticket: _Ticket) -> bool:
        """Whether the newcomer leads; otherwise it waits to be called."""
        with self._lock:
            if self._is_led:
                self._waiting.append(ticket)
                return False
            self._is_led = ticket.leads = True
            return True

    def take(self, most: int) -> list[_Ticket]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def hand_over(self) -> None:
        """The one who waits longest leads now."""
        with self._lock:
            if not self._waiting:
                self._is_led = False
                return
            ticket = self._waiting.popleft()
            ticket.leads = True
        ticket.called.release()


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(
        url,
        # The driver begins no transaction of its own accord: BEGIN IMMEDIATE is ours to say.
        connect_args={"isolation_level": None, "timeout": TURN_TIMEOUT_S, "cached_statements": 256},
        pool_size=8,
        max_overflow=120,
        pool_use_lifo=True,
        hide_parameters=True,  # they are patients' data, and errors are logged
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: DBAPIConnection, record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=FULL")  # NORMAL loses the last commits of WAL with the power
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-4096")  # KiB, of each connection; the system's cache is shared by all
        cursor.execute("PRAGMA journal_size_limit=67108864")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.close()

    return engine


def _begin_on_sqlite(connection: Connection, milliseconds: int) -> None:
    """Begin to write, waiting for others at most so long; a connection as it comes waits TURN_TIMEOUT_S."""
    if milliseconds > 1000 * TURN_TIMEOUT_S - 1000:  # the usual case, on the path of every instance
        execute(connection, "BEGIN IMMEDIATE")
        return
    execute(connection, f"PRAGMA busy_timeout={milliseconds}")
    try:
        execute(connection, "BEGIN IMMEDIATE")
    finally:
        execute(connection, f"PRAGMA busy_timeout={TURN_TIMEOUT_S * 1000:.0f}")


def _begin_on_postgresql(connection: Connection, milliseconds: int) -> None:
    """Begin to write, waiting for others at most so long; in one message to the server."""
    execute(
        connection,
        f"BEGIN; SET LOCAL lock_timeout = {milliseconds}; SELECT pg_advisory_xact_lock({ADVISORY_LOCK})",
    )


def _postgresql_engine(url: str) -> Engine:
    return create_engine(
        url,
        connect_args={"connect_timeout": 4, "options": "-c synchronous_commit=on -c timezone=UTC"},
        pool_size=4,
        max_overflow=28,
        pool_timeout=TURN_TIMEOUT_S,
        pool_pre_ping=True,
        pool_use_lifo=True,
        hide_parameters=True,
    )


@contextmanager
def _refusals_told() -> Iterator[None]:
    """What the database refuses for want of something, as OutOfResources. A fault in our SQL stays what it is."""
    try:
        yield
    except PoolTimeout as error:
        raise OutOfResources("the index is busy: no connection in time") from error
    except DBAPIError as error:
        if not _is_refusal(error):
            raise
        raise OutOfResources(f"the index does not answer: {type(error.orig).__name__}") from error


@contextmanager
def _no_values_told() -> Iterator[None]:
    """PostgreSQL takes no text with a NUL in it, so none that is kept has one."""
    try:
        yield
    except DataError as error:
        raise InvalidQuery("what is asked for is no value that could be kept") from error


def _is_refusal(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    match error.orig:
        case sqlite3.Error() as cause:
            return getattr(cause, "sqlite_errorcode", 0) & 0xFF in SQLITE_REFUSALS
        case cause:
            return isinstance(cause, psycopg.OperationalError)


def _connection_was_lost(error: BaseException) -> bool:
    return isinstance(error.__cause__, DBAPIError) and error.__cause__.connection_invalidated
