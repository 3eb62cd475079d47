"""Statements handed to the driver do what SQLAlchemy does with them, on each kind of database."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Connection, bindparam, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from pacs.errors import OutOfResources
from pacs.index.prepared import Prepared
from pacs.index.session import Database
from pacs.index.tables import LONGEST_KEY, attention, instance, patient, peer, series, study
from tests.postgresql import PostgresServer

INSERT_PEER = Prepared(insert(peer))
SELECT_PEERS = Prepared(
    select(peer.c.ae_title, peer.c.port)
    .where(peer.c.ae_title.in_(bindparam("titles", expanding=True)), peer.c.port > bindparam("port"))
    .order_by(peer.c.port)
)
COUNT_PORT_UP = Prepared(
    update(peer).where(peer.c.ae_title == bindparam("title")).values(port=peer.c.port + bindparam("more") + 1)
)


def peers(names: Sequence[str]) -> list[dict[str, str | int]]:
    return [{"ae_title": name, "host": "secret-host", "port": 100 + at, "may": ""} for at, name in enumerate(names)]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13])
def test_a_list_of_any_length_finds_what_it_names(database: Database, count: int) -> None:
    names = [f"PEER{number:02}" for number in range(16)]
    with database.write() as connection:
        INSERT_PEER.run(connection, peers(names))

        found = SELECT_PEERS.rows(connection, {"titles": [*names[:count]], "port": 100})

    assert found == [(name, 100 + at) for at, name in enumerate(names[1:count], start=1)]


def test_lists_of_many_lengths_make_few_texts(database: Database) -> None:
    prepared = Prepared(select(peer.c.pk).where(peer.c.ae_title.in_(bindparam("titles", expanding=True))))
    with database.read() as connection:
        for count in range(1, 501):
            assert prepared.rows(connection, {"titles": ["NOBODY"] * count}) == []

    assert len(prepared._texts) == 10  # 1, 2, 4 … 512


def test_one_row_and_several_are_changed_by_their_own_values(database: Database) -> None:
    with database.write() as connection:
        INSERT_PEER.run(connection, peers(["ONE"]))
        COUNT_PORT_UP.run(connection, [{"title": "ONE", "more": 9}])
        INSERT_PEER.run(connection, peers(["A", "B"]))
        COUNT_PORT_UP.run(connection, [{"title": "A", "more": 19}, {"title": "B", "more": 29}])

    with database.read() as connection:
        kept = connection.execute(select(peer.c.ae_title, peer.c.port))
        assert {(name, port) for name, port in kept} == {("ONE", 110), ("A", 120), ("B", 131)}


def test_values_are_kept_as_their_columns_say(database: Database) -> None:
    """Times in UTC, truth values, bytes, and text cut to what an index holds: nothing that a driver knows of."""
    at = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    with database.write() as connection:
        patient_pk = key_of(connection, patient, {"identity": "id"})
        row = {"patient_pk": patient_pk, "study_id": "7" * 600, "study_instance_uid": "1.2", "created_at": at}
        Prepared(insert(study)).run(connection, [row | {"changed_at": at}])
        study_pk = connection.scalar(select(study.c.pk))
        series_pk = key_of(connection, series, {"study_pk": study_pk, "series_instance_uid": "1.2.3"})
        rows = [
            {
                "series_pk": series_pk,
                "current": is_current,
                "transfer_syntax_uid": "1.2.840.10008.1.2.1",
                "object_key": f"{is_current}",
                "size": 5 << 30,
                "data_set_offset": 300,
                "frame_table": frame_table,
                "received_at": at,
            }
            for is_current, frame_table in ((True, b"\x00\xff"), (False, None))
        ]
        Prepared(insert(instance)).run(connection, rows)

    with database.read() as connection:
        [(study_id, created_at)] = connection.execute(select(study.c.study_id, study.c.created_at))
        kept = connection.execute(select(instance.c.current, instance.c.frame_table, instance.c.size))
        assert {tuple(row) for row in kept} == {(True, b"\x00\xff", 5 << 30), (False, None, 5 << 30)}
    assert (study_id, created_at) == ("7" * LONGEST_KEY, datetime(2026, 2, 28, 23, 30, tzinfo=UTC))


def key_of(connection: Connection, table: object, row: dict[str, object]) -> int:
    key = connection.execute(insert(table), row).inserted_primary_key  # type: ignore[arg-type]
    assert key is not None
    return int(key[0])


def test_a_time_cannot_be_selected_as_the_driver_gives_it(tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path}/index.sqlite")) as database:
        database.migrate()
        with pytest.raises(AssertionError), database.read() as connection:
            Prepared(select(attention.c.resolved_at)).rows(connection, {})


def test_a_bug_in_sql_is_told_as_sqlalchemy_tells_it_and_without_values(database: Database) -> None:
    with database.write() as connection:
        INSERT_PEER.run(connection, peers(["TWICE"]))

    for many in (["TWICE"], ["NEW", "TWICE"]):
        with pytest.raises(IntegrityError) as caught, database.write() as connection:
            INSERT_PEER.run(connection, peers(many))
        assert "secret-host" not in str(caught.value)

    with database.read() as connection:
        assert connection.scalars(select(peer.c.ae_title)).all() == ["TWICE"]


def test_a_full_disk_is_out_of_resources(tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path}/index.sqlite")) as database:
        database.migrate()
        with pytest.raises(OutOfResources), database.write() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=1")
            INSERT_PEER.run(connection, peers([f"PEER{number}" for number in range(1000)]))


def test_a_connection_that_dies_is_noticed_and_the_item_tried_again(postgresql: PostgresServer) -> None:
    url = postgresql.new_database()
    attempts: list[str] = []

    def cut_off(connection: Connection, names: Sequence[str]) -> Sequence[str]:
        attempts.extend(names)
        if len(attempts) == 1:
            pid = connection.scalar(text("SELECT pg_backend_pid()"))
            with other.read() as killer:
                killer.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        INSERT_PEER.run(connection, peers(names))
        return names

    with closing(Database(url)) as database, closing(Database(url)) as other:
        database.migrate()
        assert database.together(cut_off, "PEER") == "PEER"
        assert attempts == ["PEER", "PEER"]
        with database.read() as connection:
            assert connection.scalars(select(peer.c.ae_title)).all() == ["PEER"]
