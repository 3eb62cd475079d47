"""The writer's turn, the snapshot of a reader, and the group commit."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import IntegrityError

from pacs.errors import InvalidQuery, OutOfResources
from pacs.index.session import Database
from pacs.index.tables import peer
from tests.postgresql import PostgresServer

ROOT = Path(__file__).parents[2]


def add_peers(connection: Connection, names: Sequence[str]) -> Sequence[str]:
    """Work for a group commit: idempotent, and one result for each item."""
    known = set(connection.scalars(select(peer.c.ae_title).where(peer.c.ae_title.in_(names))))
    for name in names:
        if name == "BAD":
            raise ValueError(name)
        if name not in known:
            connection.execute(insert(peer).values(ae_title=name, host="localhost", port=104, may="store"))
    return [name.lower() for name in names]


class Recorded:
    """add_peers, remembering the batches it was given and the thread that ran them."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.entered = threading.Event()
        self.may_go_on = threading.Event()

    def __call__(self, connection: Connection, names: Sequence[str]) -> Sequence[str]:
        self.batches.append(list(names))
        self.entered.set()
        assert self.may_go_on.wait(10)
        return add_peers(connection, names)


def peers(database: Database) -> set[str]:
    with database.read() as connection:
        return set(connection.scalars(select(peer.c.ae_title)))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def gather_behind_a_leader(database: Database, run: Recorded, names: Sequence[str]) -> "list[str | Exception]":
    """What each caller got, when the first led alone and the others came while it held the turn."""

    def outcome(name: str) -> "str | Exception":
        try:
            return database.together(run, name)
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(names)) as threads:
        futures = [threads.submit(outcome, names[0])]
        assert run.entered.wait(10)
        for name in names[1:]:
            futures.append(threads.submit(outcome, name))
            wait_until(lambda: len(database._groups[run]._waiting) == len(futures) - 1)
        run.may_go_on.set()
        return [future.result() for future in futures]


def test_what_no_database_could_hold_is_a_bad_question_or_finds_nothing(database: Database) -> None:
    found = 0
    with suppress(InvalidQuery), database.read() as connection:  # PostgreSQL
        found = len(connection.execute(select(peer.c.pk).where(peer.c.ae_title == "A\0B")).all())

    assert found == 0
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(peer)) == 0


def test_what_was_written_is_read_and_what_failed_is_not(database: Database) -> None:
    with database.write() as connection:
        add_peers(connection, ["KEPT"])
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        add_peers(connection, ["LOST"])
        _ = 1 / 0

    assert peers(database) == {"KEPT"}


def test_everyone_who_waits_shares_one_commit(database: Database) -> None:
    run = Recorded()
    names = [f"PEER{number}" for number in range(8)]

    assert gather_behind_a_leader(database, run, names) == [name.lower() for name in names]

    assert run.batches == [["PEER0"], names[1:]]
    assert peers(database) == set(names)


def test_one_bad_item_harms_no_other(database: Database) -> None:
    run = Recorded()

    outcomes = gather_behind_a_leader(database, run, ["FIRST", "A", "BAD", "B"])

    assert [str(outcome) for outcome in outcomes] == ["first", "a", "BAD", "b"]
    assert isinstance(outcomes[2], ValueError)
    assert peers(database) == {"FIRST", "A", "B"}


def test_who_comes_alone_is_committed_at_once_and_by_himself(database: Database) -> None:
    run = Recorded()
    run.may_go_on.set()
    threads = threading.active_count()

    assert database.together(run, "ALONE") == "alone"
    with pytest.raises(ValueError, match="BAD"):
        database.together(run, "BAD")

    assert run.batches == [["ALONE"], ["BAD"]]
    assert threading.active_count() == threads


def test_different_kinds_of_work_do_not_mix(database: Database) -> None:
    one, other = Recorded(), Recorded()
    one.may_go_on.set()
    other.may_go_on.set()

    with ThreadPoolExecutor(8) as threads:
        names = [f"PEER{number}" for number in range(40)]
        results = list(threads.map(lambda name: database.together(one if int(name[4:]) % 2 else other, name), names))

    assert results == [name.lower() for name in names]
    assert {name for batch in one.batches for name in batch} == set(names[1::2])
    assert peers(database) == set(names)


def test_a_reader_neither_waits_for_a_writer_nor_sees_his_work_before_it_is_done(database: Database) -> None:
    with database.write() as writer:
        add_peers(writer, ["NEW"])
        assert peers(database) == set()
        with database.read() as reader:
            before = reader.scalar(select(func.count()).select_from(peer))
            writer.commit()
            assert reader.scalar(select(func.count()).select_from(peer)) == before
    assert peers(database) == {"NEW"}


def test_a_turn_that_does_not_come_is_out_of_resources(database: Database, database_url: str) -> None:
    with closing(Database(database_url, turn_timeout_s=0.2)) as other:
        with database.write():
            for _ in range(2):
                with pytest.raises(OutOfResources), other.write():
                    pass
            with pytest.raises(OutOfResources):
                other.together(add_peers, "LATE")

        assert other.together(add_peers, "AGAIN") == "again"
    assert peers(database) == {"AGAIN"}


def test_those_who_wait_are_refused_in_their_own_time(database: Database, database_url: str) -> None:
    with (
        closing(Database(database_url, turn_timeout_s=0.3)) as other,
        database.write(),
        ThreadPoolExecutor(4) as threads,
    ):
        start = time.monotonic()
        futures = [threads.submit(other.together, add_peers, f"PEER{number}") for number in range(4)]
        errors = [future.exception() for future in futures]
        duration_s = time.monotonic() - start

    assert all(isinstance(error, OutOfResources) for error in errors)
    assert duration_s < 1


def test_a_bug_in_sql_is_no_lack_of_resources_and_tells_no_values(database: Database) -> None:
    database.together(add_peers, "TWICE")

    with pytest.raises(IntegrityError) as caught, database.write() as connection:
        connection.execute(insert(peer).values(ae_title="TWICE", host="secret-host", port=1, may=""))

    assert "secret-host" not in str(caught.value)


def test_several_processes_lose_nothing(database: Database, database_url: str) -> None:
    script = """
        import sys, threading
        from pacs.index.session import Database
        from tests.index.test_session import add_peers
        database = Database(sys.argv[1])
        def send(start):
            for number in range(start, start + 10):
                database.together(add_peers, f"{sys.argv[2]}{number}")
        threads = [threading.Thread(target=send, args=(start,)) for start in (0, 10, 20)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    """
    processes = [run_script(script, database_url, name) for name in ("A", "B")]

    assert [process.wait(60) for process in processes] == [0, 0]
    assert peers(database) == {f"{name}{number}" for name in "AB" for number in range(30)}


def test_a_forked_process_cannot_write_over_its_parent(database: Database, database_url: str) -> None:
    script = """
        import os, sys
        from pacs.index.session import Database
        from tests.index.test_session import add_peers
        database = Database(sys.argv[1])
        database.together(add_peers, "PARENT")
        if child := os.fork():
            sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
        try:
            database.together(add_peers, "CHILD")
        except RuntimeError:
            Database(sys.argv[1]).together(add_peers, "CHILD")
            os._exit(7)
    """

    assert run_script(script, database_url).wait(60) == 7
    assert peers(database) == {"PARENT", "CHILD"}


@pytest.mark.parametrize(("point", "kept"), [("FP6", False), ("FP7", False), ("FP8", True)])
def test_a_process_killed_in_its_turn_leaves_all_or_nothing(
    database: Database, database_url: str, point: str, kept: bool
) -> None:
    script = """
        import sys
        from pacs.index.session import Database
        from tests.index.test_session import add_peers
        Database(sys.argv[1]).together(add_peers, "PEER")
    """
    process = run_script(script, database_url, PACS_FAILPOINT=f"{point}:crash")

    assert process.wait(60) == -signal.SIGKILL
    assert peers(database) == ({"PEER"} if kept else set())
    assert database.together(add_peers, "NEXT") == "next"


def test_a_file_locked_from_outside_is_waited_for(tmp_path: Path) -> None:
    """F-10: another program holds BEGIN EXCLUSIVE."""
    with sqlite_database(tmp_path, turn_timeout_s=10) as database:
        outsider = sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None, check_same_thread=False)
        outsider.execute("BEGIN EXCLUSIVE")
        timer = threading.Timer(0.3, lambda: outsider.execute("COMMIT"))
        timer.start()
        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(lambda name: database.together(add_peers, name), "ABCD")) == list("abcd")
        timer.join()
        outsider.close()
        assert peers(database) == set("ABCD")


def test_a_file_locked_for_too_long_refuses_everyone_and_recovers(tmp_path: Path) -> None:
    """F-10: nothing is acknowledged, and nothing hangs."""
    with sqlite_database(tmp_path, turn_timeout_s=0.2) as database:
        outsider = sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)
        outsider.execute("BEGIN EXCLUSIVE")
        with ThreadPoolExecutor(4) as threads:
            start = time.monotonic()
            futures = [threads.submit(database.together, add_peers, name) for name in "ABCD"]
            errors = [future.exception() for future in futures]
            assert time.monotonic() - start < 1
        assert all(isinstance(error, OutOfResources) for error in errors)
        assert peers(database) == set()
        outsider.close()
        assert database.together(add_peers, "A") == "a"


def test_a_full_disk_is_out_of_resources(tmp_path: Path) -> None:
    with sqlite_database(tmp_path, turn_timeout_s=2) as database:
        with pytest.raises(OutOfResources), database.write() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=1")
            for number in range(1000):
                add_peers(connection, [f"PEER{number}"])
        assert peers(database) == set()


def test_a_folder_that_cannot_be_made_is_out_of_resources(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutOfResources):
        Database(f"sqlite:///{tmp_path}/file/index.sqlite")


def test_what_is_committed_to_a_file_is_synced_and_wal(tmp_path: Path) -> None:
    with sqlite_database(tmp_path, turn_timeout_s=2) as database, database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_commit_whose_answer_was_lost_is_tried_again(postgresql: PostgresServer) -> None:
    attempts: list[str] = []

    def cut_off(connection: Connection, names: Sequence[str]) -> Sequence[str]:
        results = add_peers(connection, names)
        attempts.extend(names)
        if len(attempts) == 1:
            terminate_backend(connection, other)
        return results

    with two_databases(postgresql) as (database, other):
        assert database.together(cut_off, "PEER") == "peer"
        assert attempts == ["PEER", "PEER"]
        assert peers(database) == {"PEER"}


def test_a_write_whose_connection_died_is_out_of_resources(postgresql: PostgresServer) -> None:
    with two_databases(postgresql) as (database, other):
        with pytest.raises(OutOfResources), database.write() as connection:
            add_peers(connection, ["PEER"])
            terminate_backend(connection, other)
        assert peers(database) == set()


def test_a_writer_whose_connection_died_while_nobody_wrote_is_replaced(postgresql: PostgresServer) -> None:
    with two_databases(postgresql) as (database, other):
        with database.write() as connection:
            pid = connection.scalar(text("SELECT pg_backend_pid()"))
        terminate_backend_of(pid, other)

        with database.write() as connection:
            add_peers(connection, ["PEER"])

        assert peers(database) == {"PEER"}


def test_a_server_that_was_started_again_is_used_again(postgresql: PostgresServer) -> None:
    with two_databases(postgresql) as (database, _):
        database.together(add_peers, "BEFORE")

        postgresql.stop()
        with pytest.raises(OutOfResources):
            database.together(add_peers, "MEANWHILE")
        with pytest.raises(OutOfResources):
            peers(database)
        postgresql.start()

        assert database.together(add_peers, "AFTER") == "after"
        assert peers(database) == {"BEFORE", "AFTER"}


def test_commits_to_a_server_are_synced_whatever_its_settings(postgresql: PostgresServer) -> None:
    url = postgresql.new_database()
    with closing(Database(url)) as database, database.write() as connection:
        connection.execute(text(f"ALTER DATABASE {url.rpartition('/')[2]} SET synchronous_commit = off"))
    with closing(Database(url)) as database, database.read() as connection:
        assert connection.scalar(text("SHOW synchronous_commit")) == "on"


@contextmanager
def sqlite_database(folder: Path, turn_timeout_s: float) -> Iterator[Database]:
    database = Database(f"sqlite:///{folder / 'index.sqlite'}", turn_timeout_s)
    database.migrate()
    yield database
    database.close()


@contextmanager
def two_databases(postgresql: PostgresServer) -> Iterator[tuple[Database, Database]]:
    """The same one twice: the second is there to do harm to the first."""
    url = postgresql.new_database()
    with closing(Database(url, turn_timeout_s=2)) as database, closing(Database(url)) as other:
        database.migrate()
        yield database, other


def terminate_backend(connection: Connection, other: Database) -> None:
    terminate_backend_of(connection.scalar(text("SELECT pg_backend_pid()")), other)


def terminate_backend_of(pid: int | None, other: Database) -> None:
    with other.read() as killer:
        killer.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})


def run_script(script: str, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *arguments], cwd=ROOT, env={**os.environ, **environment}
    )
