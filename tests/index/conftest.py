"""An index of a test's own, on each kind of database."""

from collections.abc import Iterator

import pytest

from pacs.index.session import Database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Migrated and empty. A turn that does not come is given up after two seconds."""
    database = Database(database_url, turn_timeout_s=2)
    database.migrate()
    yield database
    database.close()
