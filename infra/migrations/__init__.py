"""The tables of the write side: revisions that go forward only, each one plain SQL file.

A new revision is `sql/NNNN_what_it_does.sql` and its `versions/NNNN_what_it_does.py`, which names
its predecessor. A file that was ever released is never edited.
"""

from importlib.resources import as_file, files
from typing import Final

import psycopg
from psycopg import errors, sql

REVISION_TABLE: Final = "ledger_revision"
_LOCK: Final = 0x6C65_6467_6572
"""Number of the advisory lock («ledger»), so that several processes may migrate at once."""


class NewerDatabase(RuntimeError):
    """The database was migrated by a later release than this one."""


def migrate(dsn: str) -> str:
    """Bring the database to the newest revision, in one transaction, and name it.

    Returns at once where nothing is to do; several processes may call it at the same time.

    Raises:
        NewerDatabase: this release is older than the database.
    """
    newest = revisions()[-1]
    with psycopg.connect(dsn) as connection:
        found = _revision(connection)
    if found is not None and found > newest:
        raise NewerDatabase(
            f"the database is at revision {found}, this release knows {newest}: install a later one"
        )
    if found != newest:
        _upgrade(dsn)
    return newest


def revision(dsn: str) -> str | None:
    """The revision that the database is at; null where nothing was ever migrated."""
    with psycopg.connect(dsn) as connection:
        return _revision(connection)


def revisions() -> tuple[str, ...]:
    """The numbers of all revisions, oldest first."""
    folder = files(__name__) / "sql"
    return tuple(sorted(file.name.partition("_")[0] for file in folder.iterdir()))


def run(name: str) -> None:
    """Execute a file of `sql/` in the running migration; for the revisions alone."""
    from alembic import op

    connection = op.get_bind().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    # Past SQLAlchemy, which would take a % in the file for a parameter.
    connection.execute((files(__name__) / "sql" / name).read_bytes())


def _revision(connection: psycopg.Connection) -> str | None:
    table = sql.Identifier(REVISION_TABLE)
    try:
        row = connection.execute(sql.SQL("SELECT version_num FROM {}").format(table)).fetchone()
    except errors.UndefinedTable:
        return None
    return str(row[0]) if row else None


def _upgrade(dsn: str) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool
    )
    with as_file(files(__name__)) as folder, engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
