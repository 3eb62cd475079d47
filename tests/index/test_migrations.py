"""The revisions make the schema that the program knows, once, and never go back."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, select, text

from pacs.dicom.query import items_of
from pacs.errors import PacsError
from pacs.index.migrations import upgrade
from pacs.index.session import Database
from pacs.index.tables import metadata, series


def test_migrating_makes_the_schema_of_the_program(database: Database) -> None:
    with database.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert differences == []


def test_a_fresh_database_is_not_current_until_it_is_migrated(database_url: str) -> None:
    with closing(Database(database_url)) as database:
        assert not database.is_current()
        database.migrate()
        assert database.is_current()
        database.migrate()
        assert database.is_current()


def test_processes_that_start_at_once_migrate_once(database_url: str) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(3) as threads:
        databases = [stack.enter_context(closing(Database(database_url))) for _ in range(3)]
        list(threads.map(Database.migrate, databases))
        assert all(database.is_current() for database in databases)


def test_a_newer_schema_is_refused_in_words(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert not database.is_current()
    with pytest.raises(PacsError, match="newer version"):
        database.migrate()


def test_the_request_of_a_series_becomes_an_item_of_its_sequence(database_url: str) -> None:
    """Of revision 0003, which makes one column of two."""
    with closing(Database(database_url)) as database:
        with database.write() as connection:
            upgrade(connection, "0002")
            for statement in AN_OLD_SERIES:
                connection.exec_driver_sql(statement)
        database.migrate()
        with database.read() as connection:
            kept = connection.scalars(select(series.c.request_attributes_sequence).order_by(series.c.pk)).all()

    assert [items_of(items) for items in kept] == [
        [{"ScheduledProcedureStepID": 'S"1', "RequestedProcedureID": "ĐẦU"}],
        [],
    ]


AN_OLD_SERIES = (
    "INSERT INTO patient (pk, identity) VALUES (1, 'a')",
    "INSERT INTO study (pk, patient_pk, study_instance_uid, created_at, changed_at)"
    " VALUES (1, 1, '1.2', '2026-11-24 08:00:00+00', '2026-11-24 08:00:00+00')",
    "INSERT INTO series (pk, study_pk, series_instance_uid, scheduled_procedure_step_id, requested_procedure_id)"
    " VALUES (1, 1, '1.2.1', 'S\"1', 'ĐẦU'), (2, 1, '1.2.2', '', '')",
)


def test_both_ways_to_the_schema_give_the_same_statements(database_url: str) -> None:
    """What autogenerate does not compare: conditions of indexes, defaults, collations, tables without rowid."""
    with closing(Database(database_url)) as database:
        with database.write() as connection:
            metadata.create_all(connection)
            declared = statements_of(connection)
            metadata.drop_all(connection)
        database.migrate()
        with database.read() as connection:
            assert statements_of(connection) == declared


def statements_of(connection: Connection) -> set[str]:
    """What the database says of each column, constraint and index, in no order."""
    if connection.dialect.name == "sqlite":
        said = "SELECT tbl_name, sql FROM sqlite_master WHERE sql <> '' AND tbl_name <> 'alembic_version'"
        return {
            f"{table}: {' '.join(line.replace(chr(34), '').split()).removesuffix(' )')}"
            for table, statement in connection.exec_driver_sql(said)
            for line in re.split(r",\s*\n|, (?=[a-z_]+ [A-Z])", statement.replace("(\n", ",\n"))
        }
    said = """
        SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
        UNION SELECT conrelid::regclass || pg_get_constraintdef(oid) FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
        UNION SELECT concat_ws(' ', table_name, column_name, data_type, character_maximum_length, collation_name,
            is_nullable, column_default) FROM information_schema.columns
            WHERE table_schema = 'public' AND table_name <> 'alembic_version'
    """
    return set(connection.exec_driver_sql(said).scalars())
