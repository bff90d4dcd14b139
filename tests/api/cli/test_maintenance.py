"""`rebuild`, `verify` and `migrate`: what the log makes, compared with what is there."""

import json
import os
import subprocess

import psycopg
import pytest

from tests.api.asking import fresh_code
from tests.api.cli.conftest import AGENCY, RATING
from tests.api.cli.running import PROGRAM, Home, without_settings

pytestmark = pytest.mark.pg


def edit(home: Home, statement: str, *values: object) -> None:
    """Change one row as a superuser who has switched off whatever forbids it."""
    assert home.database_url is not None
    with psycopg.connect(home.database_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        changed = connection.execute(statement, values)
        assert changed.rowcount == 1


def own(home: Home) -> Home:
    """A ledger for one test, with a subject in it."""
    said = '{"command": "register-subject", "identifiers": ["91000000YY7000012Q"], "name": "示例"}'
    assert home.run("record", "-", "--key", "k", said=said).code == 0
    return home


def test_a_ledger_that_nobody_touched_is_verified(home: Home) -> None:
    ran = home.run("verify", "--json")
    found = ran.json("verify")
    assert ran.code == 0
    assert (found["ok"], found["problems"], found["problem_count"]) == (True, [], 0)
    assert (found["events"], found["head"]) == (9, 9)
    assert "grade_now" in found["tables"]
    spoken = home.run("verify")
    assert spoken.code == 0
    assert spoken.lines[0].startswith("9 events up to position 9, ")
    assert spoken.lines[-1].startswith("ok: ")


def test_a_rebuild_gives_the_tables_that_verify_gives(home: Home) -> None:
    verified = home.run("verify", "--json").json("verify")
    ran = home.run("rebuild", "--yes", "--json")
    found = ran.json("rebuild")
    assert ran.code == 0
    assert (found["ok"], found["differences"], found["events"], found["head"]) == (True, [], 9, 9)
    assert found["tables"] == verified["tables"]
    again = home.run("rebuild", "--yes", "--json").json("rebuild")
    assert again["generation"] == found["generation"] + 1
    assert again["tables"] == found["tables"]
    shown = home.run("grade", AGENCY, "--regime", RATING, "--as-of", "2026-07-06", "--json")
    assert shown.json("grade")["score"] == "25"


def test_a_changed_view_is_found_and_a_rebuild_mends_it(empty: Home) -> None:
    home = own(empty)
    edit(home, "UPDATE views_1.timeline SET actor = 'somebody'")
    found = home.run("verify", "--json")
    assert found.code == 4
    document = found.json("verify")
    assert (document["ok"], document["differences"]) == (False, ["timeline"])
    assert [one["code"] for one in document["problems"]] == ["view-differs"]
    rebuilt = home.run("rebuild", "--yes", "--json")
    assert rebuilt.code == 4
    assert rebuilt.json("rebuild")["differences"] == ["timeline"]
    assert "timeline" in rebuilt.err
    assert home.run("verify").code == 0
    assert home.run("rebuild", "--yes").code == 0


@pytest.mark.parametrize(
    ("statement", "position", "code"),
    [
        (
            "UPDATE ledger_record SET bytes = set_byte(bytes, 40, 0) WHERE position = 5",
            5,
            "leaf",
        ),
        ("UPDATE ledger_record SET type = 'x' WHERE position = 5", 5, "column"),
        ("DELETE FROM ledger_command WHERE first_position = 5", 5, "command"),
        ("DELETE FROM ledger_identifier WHERE kind = 'uscc'", 5, "identifier"),
    ],
)
def test_a_changed_log_ends_with_4_and_names_the_position(
    empty: Home, statement: str, position: int, code: str
) -> None:
    home = own(empty)
    edit(home, statement)
    ran = home.run("verify", "--json")
    assert ran.code == 4
    flaws = [(one["position"], one["code"]) for one in ran.json("verify")["problems"]]
    assert (position, code) in flaws
    spoken = home.run("verify")
    assert spoken.code == 4
    assert f"! position {position}: {code}: " in spoken.out


def _broken_at(home: Home, position: int) -> Home:
    """The record there is changed, and the views have come to the one before it."""
    edit(
        home,
        'UPDATE projection_place SET position = r.position, "offset" = r.position - 1,'
        " chain_hash = r.chain_hash FROM ledger_record r WHERE r.position = %s",
        position - 1,
    )
    change = "UPDATE ledger_record SET bytes = set_byte(bytes, 40, 0) WHERE position = %s"
    edit(home, change, position)
    return home


@pytest.mark.parametrize("command", ["grade", "record"])
def test_a_broken_log_is_said_where_it_is_met(empty: Home, command: str) -> None:
    home = _broken_at(own(empty), 5)
    said = json.dumps({"command": "register-subject", "identifiers": [fresh_code()]})
    ran = home.run(command, "-" if command == "record" else AGENCY, said=said)
    assert ran.code == 1
    assert "credit-ledger verify" in ran.err


def test_a_rulebook_that_cannot_be_read_is_said_without_a_trace(empty: Home) -> None:
    home = _broken_at(own(empty), 4)
    said = json.dumps({"command": "register-subject", "identifiers": [fresh_code()]})
    ran = home.run("record", "-", said=said)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("UnreadableRecord: ")


def test_another_ledger_is_not_verified_as_this_one(home: Home) -> None:
    other = Home(home.path, home.database_url, {"LEDGER_ID": "other"})
    ran = other.run("verify", "--json")
    assert (ran.code, ran.out) == (1, "")
    assert "holds the ledger test, not other" in ran.err


def test_a_database_without_a_ledger_has_none_to_verify(empty: Home) -> None:
    ran = empty.run("verify", "--json")
    assert (ran.code, ran.out) == (1, "")
    assert "holds no ledger" in ran.err


def test_a_rebuild_does_not_begin_where_there_is_nobody_to_ask(home: Home) -> None:
    before = home.run("rebuild", "--yes", "--json").json("rebuild")["generation"]
    ran = home.run("rebuild", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "--yes" in ran.err
    after = home.run("rebuild", "--yes", "--json").json("rebuild")["generation"]
    assert after == before + 1


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 1), (b"\n", 1), (b"y\n", 0)])
def test_a_rebuild_asks_on_a_terminal(home: Home, answer: bytes, code: int) -> None:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [str(PROGRAM), "rebuild", "--json", "--no-progress"],
        env={**without_settings(), **home.environment},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(theirs)
        os.write(ours, answer)
        out, err = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == code, err
    assert b"Make all views anew" in err
    assert bool(out) == (code == 0)


def test_progress_is_shown_on_stderr_alone(home: Home) -> None:
    quiet = home.run("verify", "--json", "--no-progress")
    assert quiet.err == ""
    assert quiet.json("verify")["ok"]


def test_migrating_says_from_where_to_where(empty_database_url: str, empty: Home) -> None:
    fresh = Home(empty.path, empty_database_url)
    first = fresh.run("migrate", "--json").json("migrate")
    assert first["before"] is None
    again = fresh.run("migrate", "--json").json("migrate")
    assert again == {"before": first["after"], "after": first["after"]}
    assert fresh.run("migrate").lines == [f"the database is at {first['after']} already"]
    # Only the schema was made: there is still no ledger.
    assert "holds no ledger" in fresh.run("verify").err


@pytest.mark.parametrize(
    "arguments", [("verify",), ("migrate",), ("rebuild", "--yes"), ("grade", AGENCY)]
)
def test_a_database_that_is_not_there_is_said_in_one_line(
    empty: Home, arguments: tuple[str, ...]
) -> None:
    nowhere = Home(empty.path, "postgresql://127.0.0.1:1/none")
    ran = nowhere.run(*arguments)
    assert (ran.code, ran.out) == (1, "")
    assert "Traceback" not in ran.err
    assert "127.0.0.1" in ran.err


def test_settings_that_cannot_be_used_are_bad_usage(empty: Home) -> None:
    ran = Home(empty.path, empty.database_url, {"LEDGER_ID": "No Name"}).run("verify")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("LEDGER_ID: ")
