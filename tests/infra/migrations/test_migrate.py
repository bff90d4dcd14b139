import subprocess
import sys
from importlib.resources import files

import psycopg
import pytest
from psycopg import sql

from infra import migrations
from infra.migrations import NewerDatabase, migrate, revisions

pytestmark = pytest.mark.pg


def tables(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT tablename FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        return {name for (name,) in rows}


def set_revision(dsn: str, revision: str) -> None:
    with psycopg.connect(dsn) as connection:
        table = sql.Identifier(migrations.REVISION_TABLE)
        connection.execute(sql.SQL("UPDATE {} SET version_num = %s").format(table), (revision,))


def test_an_empty_database_gets_the_tables_of_the_log(empty_database_url: str) -> None:
    assert migrate(empty_database_url) == revisions()[-1]
    assert {
        "ledger_head",
        "ledger_record",
        "ledger_command",
        "ledger_identifier",
        "ledger_key",
        "projection_place",
        "ledger_revision",
    } <= tables(empty_database_url)


def test_migrating_again_is_nothing_to_do_and_does_not_wake_alembic(database_url: str) -> None:
    program = (
        "import sys; from infra.migrations import migrate; migrate(sys.argv[1]);"
        "sys.exit('alembic' in sys.modules or 'sqlalchemy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, database_url], check=True)


def test_several_processes_may_migrate_at_once(empty_database_url: str) -> None:
    program = "import sys; from infra.migrations import migrate; print(migrate(sys.argv[1]))"
    command = [sys.executable, "-W", "error", "-c", program, empty_database_url]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [each.communicate() for each in running]
    assert said == [(f"{revisions()[-1]}\n", "")] * 4


def test_a_migration_that_fails_leaves_nothing_behind(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("CREATE TABLE ledger_record (in_the_way integer)")
    with pytest.raises(psycopg.errors.DuplicateTable):
        migrate(empty_database_url)
    assert tables(empty_database_url) == {"ledger_record"}


def test_a_database_of_a_later_release_is_left_alone(database_url: str) -> None:
    set_revision(database_url, "9999")
    with pytest.raises(
        NewerDatabase, match=f"at revision 9999, this release knows {revisions()[-1]}"
    ):
        migrate(database_url)


def test_each_sql_file_has_its_revision_and_names_the_one_before() -> None:
    folder = files(migrations)
    written = sorted(file.name for file in (folder / "sql").iterdir())
    before = None
    for name in written:
        revision = name.partition("_")[0]
        text = (folder / "versions" / name.replace(".sql", ".py")).read_text("utf-8")
        assert f'revision = "{revision}"' in text
        assert f"down_revision = {before and repr(before).replace(chr(39), chr(34))}" in text
        assert f'run("{name}")' in text
        before = revision
