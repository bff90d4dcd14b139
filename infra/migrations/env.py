"""What Alembic runs: the revisions on the connection, and in the transaction, of `migrate`."""

from alembic import context

from infra.migrations import REVISION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=REVISION_TABLE)
context.run_migrations()
