"""`code check` and `calendar add`: no ledger, no PostgreSQL, one line a code."""

from datetime import date
from pathlib import Path

import pytest

from tests.api.cli.running import Home
from tests.codes import (
    synthetic_citizen_id,
    synthetic_organisation_code,
    synthetic_registration_number,
    synthetic_uscc,
)

SOUND = synthetic_uscc(1)
BROKEN = SOUND[:-1] + ("1" if SOUND[-1] != "1" else "2")


@pytest.fixture
def nowhere(tmp_path: Path) -> Home:
    """A home that cannot be made and a database that is not there: nothing may ask for them."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    return Home(blocked / "home", "postgresql://127.0.0.1:1/none")


def test_every_code_gets_a_line_in_order_and_one_that_is_invalid_decides_the_exit_code(
    nowhere: Home,
) -> None:
    ran = nowhere.run("code", "check", SOUND, BROKEN, synthetic_organisation_code(2), "--json")
    sound, broken, organisation = ran.documents("code-check")
    assert ran.code == 3
    assert ran.err == ""
    assert (sound["input"], sound["valid"], sound["canonical"]) == (SOUND, True, SOUND)
    assert (sound["kind"], sound["reason"]) == ("uscc", None)
    assert (broken["valid"], broken["reason"]) == (False, "check-digit")
    assert (broken["canonical"], broken["kind"]) == (None, "uscc")
    assert (organisation["valid"], organisation["kind"]) == (True, "organisation-code")


def test_valid_codes_alone_end_with_0(nowhere: Home) -> None:
    number = synthetic_registration_number(1)
    ran = nowhere.run("code", "check", SOUND, number)
    assert ran.code == 0
    assert ran.lines == [
        f"{SOUND}  valid  uscc  {SOUND}",
        f"{number}  valid  registration-number  {number}",
    ]


def test_a_hyphen_reads_stdin_a_code_a_line(nowhere: Home) -> None:
    said = f"\ufeff{SOUND}\r\n\n  \n{BROKEN}\n{SOUND.lower()} ".encode() + b"\n\xff\xfe\n"
    ran = nowhere.run("code", "check", "-", "--json", said=said)
    found = ran.documents("code-check")
    assert ran.code == 3
    assert [one["valid"] for one in found] == [True, False, True, False]
    assert found[0]["input"] == SOUND
    assert found[2]["input"] == f"{SOUND.lower()} "
    assert found[2]["canonical"] == SOUND


def test_codes_and_stdin_may_be_mixed(nowhere: Home) -> None:
    other = synthetic_uscc(2)
    ran = nowhere.run("code", "check", SOUND, "-", SOUND, "--json", said=f"{other}\n")
    assert [one["input"] for one in ran.documents("code-check")] == [SOUND, other, SOUND]


def test_no_code_on_stdin_is_no_invalid_one(nowhere: Home) -> None:
    assert nowhere.run("code", "check", "-", said="") == nowhere.run(
        "code", "check", "-", said="\n"
    )
    assert nowhere.run("code", "check", "-", said="").code == 0


def test_a_long_text_is_looked_at_to_its_end(nowhere: Home) -> None:
    ran = nowhere.run("code", "check", SOUND + " " * 2_000 + "X", " " * 2_000 + SOUND, "--json")
    assert [one["valid"] for one in ran.documents("code-check")] == [False, True]


def test_full_width_digits_are_the_same_code(nowhere: Home) -> None:
    wide = SOUND.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"})
    ran = nowhere.run("code", "check", wide, "--json")
    assert ran.json("code-check")["canonical"] == SOUND


def test_the_number_of_a_person_is_refused(nowhere: Home) -> None:
    number = synthetic_citizen_id(date(1980, 1, 1), 1)
    ran = nowhere.run("code", "check", number, "--json")
    assert ran.json("code-check")["reason"] == "citizen-id"
    assert ran.code == 3


def test_a_kind_may_be_named_where_no_length_shows_it(nowhere: Home) -> None:
    assert nowhere.run("code", "check", "33200", "--json").code == 3
    ran = nowhere.run("code", "check", "33200", "--kind", "agency-code", "--json")
    assert ran.json("code-check")["canonical"] == "33200"
    assert ran.code == 0


@pytest.mark.parametrize(
    ("start", "days", "due", "provisional"),
    [
        ("2024-03-01", "1", "2024-03-04", False),  # over a weekend; the start day does not count
        ("2024-09-30", "1", "2024-10-08", False),  # over the holiday of 1 to 7 October
        ("2024-09-13", "1", "2024-09-14", False),  # a Saturday that was worked
        ("2030-03-01", "1", "2030-03-04", True),  # no notice reaches so far
    ],
)
def test_the_last_day_of_a_period_of_working_days(
    nowhere: Home,
    start: str,
    days: str,
    due: str,
    provisional: bool,  # noqa: FBT001  # a column of the table
) -> None:
    ran = nowhere.run("calendar", "add", start, days, "--json")
    assert ran.json("calendar-add") == {"date": due, "provisional": provisional}
    assert ran.code == 0
    spoken = nowhere.run("calendar", "add", start, days)
    assert spoken.out.startswith(due)
    assert ("provisional" in spoken.out) == provisional


@pytest.mark.parametrize(
    ("start", "days"),
    [
        ("2024-3-1", "1"),
        ("2024-02-30", "1"),
        ("2024-03-01T00:00", "1"),
        ("2024-03-01", "0"),
        ("2024-03-01", "1.5"),
        ("2024-03-01", "1000000"),
        ("9999-12-30", "5"),
    ],
)
def test_what_is_no_day_or_no_number_of_days_is_bad_usage(
    nowhere: Home, start: str, days: str
) -> None:
    ran = nowhere.run("calendar", "add", start, days, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err
