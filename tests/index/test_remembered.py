"""What was found is remembered until anybody commits."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from pacs.index.remembered import MOST, Remembered
from pacs.index.session import Database
from pacs.index.tables import audit
from storage import MustWait


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path}/index.sqlite")
    database.migrate()
    return database


def commit(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(audit).values(at=datetime.now(UTC), actor="a", action="tried"))


def test_what_was_found_is_remembered_until_somebody_commits(database: Database, tmp_path: Path) -> None:
    remembered = database.remembered
    remembered.keep(remembered.version(), "question", [(1, "answer")])
    assert remembered.find("question") == [(1, "answer")]

    another = Database(f"sqlite:///{tmp_path}/index.sqlite")
    for writer in (database, another):
        remembered.keep(remembered.version(), "question", [(1, "answer")])
        commit(writer)
        assert remembered.find("question") is None


def test_what_a_commit_overtook_while_it_was_read_is_not_kept(database: Database) -> None:
    version = database.remembered.version()
    commit(database)

    database.remembered.keep(version, "question", [(1, "old")])
    assert database.remembered.find("question") is None


def test_a_transaction_that_is_open_or_rolled_back_changes_nothing(database: Database) -> None:
    remembered = database.remembered
    remembered.keep(remembered.version(), "question", [(1, "answer")])

    with pytest.raises(KeyError), database.write() as connection:
        connection.execute(insert(audit).values(at=datetime.now(UTC), actor="a", action="tried"))
        assert remembered.find("question") == [(1, "answer")]
        raise KeyError

    assert remembered.find("question") == [(1, "answer")]


def test_no_answer_outlives_its_commit_while_many_ask(database: Database) -> None:
    remembered = database.remembered
    committed = 0
    wrong = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            least = committed
            found = remembered.find("count")
            if found is not None and found[0][0] < least:
                wrong.append(found)
            version = remembered.version()
            with database.read() as connection:
                count = connection.execute(select(func.count()).select_from(audit)).scalar_one()
            remembered.keep(version, "count", [(count,)])

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        for _ in range(50):
            commit(database)
            committed += 1
    finally:
        ended.set()
    for asker in askers:
        asker.join()

    assert not wrong


def test_memory_is_bounded(database: Database) -> None:
    remembered = database.remembered
    version = remembered.version()
    for number in range(5):
        remembered.keep(version, number, [(bytes(MOST // 3),)])

    assert sum(remembered.find(number) is not None for number in range(5)) <= 2


def test_of_postgresql_nothing_is_remembered() -> None:
    remembered = Remembered(None)
    remembered.keep(remembered.version(), "question", [(1,)])

    assert remembered.find("question") is None


def test_who_must_not_wait_is_told_before_the_index_is_asked(database: Database) -> None:
    hurried = database.hurried()

    with pytest.raises(MustWait), hurried.read():
        pass
    with pytest.raises(MustWait), hurried.write():
        pass
    with pytest.raises(MustWait):
        hurried.together(lambda connection, items: items, 1)
    with database.read():
        pass
