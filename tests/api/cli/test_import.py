"""`credit-ledger import` as a command: its report, its exit codes, and what it leaves behind."""

import hashlib
import re
import stat
from datetime import date
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.api.cli.running import Home
from tests.api.importers.desk import PENALTY_TITLES, code, penalties, penalty_row, table
from tests.codes import synthetic_citizen_id

pytestmark = [pytest.mark.pg, pytest.mark.timeout(300)]

CANARY = "一段不可外泄的事实"
"""Free text of a row: it stands in no log line and in no report."""


@pytest.fixture
def handed_in(tmp_path: Path) -> Path:
    """Two sound rows and one whose code is broken, all three with the canary in their facts."""
    broken = code(3)[:-1] + ("0" if code(3)[-1] != "0" else "1")
    rows = [penalty_row(n, 违法事实=CANARY) for n in (1, 2)]
    rows.append(penalty_row(3, 违法事实=CANARY, **{"行政相对人代码_1(统一社会信用代码)": broken}))
    path = tmp_path / "示例处罚.csv"
    path.write_text(penalties(*rows), "utf-8")
    return path


def test_a_file_is_recorded_row_by_row_and_its_broken_row_is_handed_back(
    empty: Home, handed_in: Path
) -> None:
    ran = empty.run("import", str(handed_in), "--json")
    report = ran.json("import")
    assert ran.code == 3
    assert (report["rows"], report["accepted"], report["duplicates"], report["rejected"]) == (
        3,
        2,
        0,
        1,
    )
    (problem,) = report["problems"]
    assert (problem["row"], problem["cell"], problem["code"]) == (4, "C4", "check-digit")
    rejects = Path(report["rejects_file"])
    assert rejects.parent == empty.path / "rejects"
    assert len(rejects.read_text("utf-8-sig").splitlines()) == 2
    assert CANARY not in ran.out + ran.err

    again = empty.run("import", str(handed_in), "--json")
    assert (again.json("import")["accepted"], again.json("import")["duplicates"]) == (0, 2)

    listed = empty.run("timeline", code(1), "--json")
    assert (listed.code, listed.out.count(CANARY)) == (0, 1)


def test_a_clean_file_ends_with_zero_and_leaves_no_rejects(empty: Home, tmp_path: Path) -> None:
    path = tmp_path / "clean.csv"
    path.write_text(penalties(penalty_row(1)), "utf-8")
    ran = empty.run("import", str(path), "--json")
    assert (ran.code, ran.json("import")["rejects_file"]) == (0, None)
    assert not list(empty.path.glob("rejects/*"))


def test_a_rehearsal_counts_and_records_nothing(empty: Home, handed_in: Path) -> None:
    ran = empty.run("import", str(handed_in), "--dry-run", "--json")
    report = ran.json("import")
    assert (ran.code, report["dry_run"], report["accepted"]) == (3, True, 2)
    assert report["rejects_file"] is None
    assert empty.run("timeline", code(1), "--json").code == 1


def test_a_file_that_cannot_be_read_is_refused_with_the_place(empty: Home, tmp_path: Path) -> None:
    path = tmp_path / "broken.csv"
    path.write_bytes(b"PK\x03\x04 a workbook by another name")
    ran = empty.run("import", str(path), "--json")
    report = ran.json("import")
    assert ran.code == 1
    assert (report["kind"], report["rows"]) == (None, 0)
    assert report["refused"], report


def test_the_report_for_people_names_the_cell(empty: Home, handed_in: Path) -> None:
    ran = empty.run("import", str(handed_in))
    assert ran.code == 3
    assert "C4" in ran.out + ran.err
    assert CANARY not in ran.out + ran.err


# What is asked wrongly ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        ("--list", "demo/list"),
        ("--on", "2024-01-29"),
        ("--kind", "list", "--on", "29.1.2024"),
        ("--kind", "list", "--on", "2999-01-01"),
        ("--kind", "list", "--list", "名\u202e单"),
        ("--kind", "lists"),
        ("--rejects", "no/such/folder/rejects.csv"),
        ("--rejects", "."),
    ],
)
def test_options_that_cannot_be_are_usage_errors_and_nothing_is_recorded(
    empty: Home, handed_in: Path, options: tuple[str, ...]
) -> None:
    ran = empty.run("import", str(handed_in), *options, "--json")
    assert (ran.code, ran.out) == (2, ""), ran.err
    assert empty.run("timeline", code(1)).code == 1


def test_the_rejects_never_take_the_place_of_the_file_itself(empty: Home, handed_in: Path) -> None:
    before = handed_in.read_bytes()
    assert empty.run("import", str(handed_in), "--rejects", str(handed_in)).code == 2
    assert handed_in.read_bytes() == before


def test_a_file_that_is_not_there_is_a_usage_error(empty: Home, tmp_path: Path) -> None:
    assert empty.run("import", str(tmp_path / "none.csv")).code == 2
    assert empty.run("import", str(tmp_path)).code == 2


# Where rejected rows go --------------------------------------------------------------------------


def test_rejected_rows_go_where_they_are_told_to(
    empty: Home, handed_in: Path, tmp_path: Path
) -> None:
    place = tmp_path / "turned-away.csv"
    place.write_text("what stood here before", "utf-8")
    ran = empty.run("import", str(handed_in), "--rejects", str(place), "--json")
    assert ran.json("import")["rejects_file"] == str(place)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert len(place.read_text("utf-8-sig").splitlines()) == 2
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".rejects")] == []


def test_a_mended_rejects_file_adds_just_the_mended_rows(empty: Home, handed_in: Path) -> None:
    first = empty.run("import", str(handed_in), "--json").json("import")
    rejects = Path(first["rejects_file"])
    assert stat.S_IMODE(rejects.parent.stat().st_mode) == 0o700
    text = rejects.read_text("utf-8-sig")
    rejects.write_text(text.replace(first["problems"][0]["value"], code(3)), "utf-8")
    ran = empty.run("import", str(rejects), "--json")
    again = ran.json("import")
    assert (ran.code, again["accepted"], again["events"]) == (0, 1, 2)
    assert empty.run("import", str(rejects), "--json").json("import")["duplicates"] == 1


# Persons -----------------------------------------------------------------------------------------


def test_nothing_about_a_person_reaches_the_database_a_log_line_or_the_report(
    empty: Home, tmp_path: Path
) -> None:
    number = synthetic_citizen_id(date(1980, 2, 29), 17, "110101")
    of_another = synthetic_citizen_id(date(1971, 3, 4), 18, "330102")
    secrets = ("王机密", number, "赵保密", of_another)
    titles = (*PENALTY_TITLES, "法定代表人", "法定代表人证件号码", "证件号码")
    persons = ("王机密", number, of_another)
    category, code_title = "行政相对人类别", "行政相对人代码_1(统一社会信用代码)"
    rows = [
        (*penalty_row(1), *persons),
        (*penalty_row(2, 处罚决定日期="x"), *persons),
        (
            *penalty_row(3, 行政相对人名称="赵保密", **{category: "自然人", code_title: ""}),
            *persons,
        ),
        (*penalty_row(4, 行政相对人名称="赵保密", **{code_title: of_another}), *persons),
        (*penalty_row(5, **{category: "", code_title: ""}), *persons),
        (*penalty_row(6, 违法事实=f"经营者身份证号{number}"), *persons),
        # A row that lost a cell, so that what follows stands under the titles before.
        (*penalty_row(7)[:4], *penalty_row(7)[5:], *persons),
        (*penalty_row(8), "多出的一格", *persons),
    ]
    path = tmp_path / "persons.csv"
    path.write_text(table(titles, *rows), "utf-8-sig")
    ran = empty.program("import", str(path), "--json")
    report = ran.json("import")
    assert (ran.code, report["accepted"], report["rejected"]) == (3, 1, 7)
    said = [problem["code"] for problem in report["problems"]]
    assert said.count("natural-person") == 3
    stored = everything_in(str(empty.database_url))
    assert code(1) in stored
    assert "销售侵权商品" in stored
    for secret in secrets:
        assert secret not in ran.out + ran.err, secret
        assert secret not in stored, secret
        assert hashlib.sha256(secret.encode()).hexdigest() not in stored
        logs = [
            one for one in empty.path.rglob("*") if one.is_file() and "rejects" not in one.parts
        ]
        assert not [one for one in logs if secret.encode() in one.read_bytes()]
    # The sender's own file has its columns unchanged.
    assert "王机密" in Path(report["rejects_file"]).read_text("utf-8-sig")


def everything_in(database_url: str) -> str:
    """All rows of all tables of the database, with bytes as the text that they are in UTF-8."""
    found = bytearray()
    with psycopg.connect(database_url) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for names in tables:
            copied = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(*names))
            with connection.cursor().copy(copied) as rows:
                for row in rows:
                    found += row
    text = found.decode()
    return text + "".join(
        bytes.fromhex(digits).decode("utf-8", "replace")
        for digits in re.findall(r"x((?:[0-9a-f]{2})+)", text)
    )
