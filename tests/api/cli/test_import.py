"""`credit-ledger import` as a command: its report, its exit codes, and what it leaves behind."""

from pathlib import Path

import pytest

from tests.api.cli.running import Home
from tests.api.importers.desk import code, penalties, penalty_row

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
