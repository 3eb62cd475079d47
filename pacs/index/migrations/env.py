"""What Alembic runs: the revisions, on the connection it is handed and in its transaction."""

from alembic import context

from pacs.index.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
