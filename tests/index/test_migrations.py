"""The revisions make the schema that the program knows, once, and never go back."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from pacs.errors import PacsError
from pacs.index.session import Database
from pacs.index.tables import metadata


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
