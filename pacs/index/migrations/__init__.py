"""The schema's history: Alembic, told here what an `alembic.ini` would say.

A new revision is a file in `versions/`; a test holds the sum of them against `tables.metadata`.
"""

from pathlib import Path

from sqlalchemy import Connection

from pacs.errors import PacsError


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the schema to a revision, as a rule the newest, in the caller's transaction.

    Raises PacsError when the schema is of a revision that this program does not know.
    """
    from alembic import command  # only who migrates pays for importing it
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        raise PacsError("the index was made by a newer version of this program; install that one") from error


def is_current(connection: Connection) -> bool:
    """Whether the schema is of the newest revision that this program knows."""
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    heads = ScriptDirectory(str(Path(__file__).parent)).get_heads()
    return set(MigrationContext.configure(connection).get_current_heads()) == set(heads)
