"""Penalty rows: what is recorded, once, and what is told of the rest."""

import stat
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from api import sample
from api.importers import FileKind, FileRefused
from ledger.commands import AnnulFinding, ImposePenalty
from ledger.events import (
    Authority,
    Basis,
    Channel,
    PenaltyImposed,
    PenaltyKind,
    SubjectRegistered,
)
from ledger.requests import Unchanged
from ledger.values import DocumentNumber, Name, Text
from tests.api.importers.desk import Desk, code, codes_of, mended, penalties, penalty_row


def test_a_row_registers_its_subject_once_and_imposes_the_penalty(desk: Desk) -> None:
    second = penalty_row(1, 行政处罚决定书文号="示市监罚〔2024〕99号")
    report = desk.take(penalties(penalty_row(1), second))
    assert (report.accepted, report.events, report.problems) == (2, 3, ())
    assert len(desk.of(SubjectRegistered)) == 1
    first = desk.of(PenaltyImposed)[0]
    assert first.kinds == (PenaltyKind.FINE,)
    assert first.fine == Decimal("2000.00")
    assert (first.valid_until, first.channel) == (None, Channel.DECIDED_ELSEWHERE)
    assert first.origin is not None
    assert (first.origin.file, first.origin.row) == (report.file, 2)


@pytest.mark.parametrize(
    ("wan", "yuan"), [("0.2", "2000.00"), ("0.000001", "0.01"), ("123.456789", "1234567.89")]
)
def test_amounts_in_ten_thousand_yuan_are_exact(desk: Desk, wan: str, yuan: str) -> None:
    desk.take(penalties(penalty_row(1, **{"罚款金额（万元）": wan})))
    assert desk.of(PenaltyImposed)[0].fine == Decimal(yuan)


def test_a_second_import_adds_nothing(desk: Desk) -> None:
    text = penalties(*(penalty_row(n) for n in range(1, 8)))
    first, before = desk.take(text), desk.store.position()
    again = desk.take(text)
    assert (first.accepted, first.duplicates) == (7, 0)
    assert (again.accepted, again.duplicates, again.events) == (0, 7, 0)
    assert desk.store.position() == before


def test_a_half_changed_file_adds_what_is_new(desk: Desk) -> None:
    desk.take(penalties(penalty_row(1), penalty_row(2)))
    report = desk.take(penalties(penalty_row(2), penalty_row(3)))
    assert (report.accepted, report.duplicates, report.events) == (1, 1, 2)


@pytest.mark.parametrize(
    "number", ["示市监罚[2024]1号", "示市监罚（2024）1号", "示市监罚【2024】1號"]
)
def test_63_a_document_number_is_the_same_in_any_brackets(desk: Desk, number: str) -> None:
    desk.take(penalties(penalty_row(1)))
    again = desk.take(penalties(penalty_row(1, 行政处罚决定书文号=number)))
    assert (again.duplicates, again.rejected) == (1, 0) if "號" not in number else (0, 1)
    assert desk.of(PenaltyImposed)[0].basis.document_number == "示市监罚〔2024〕1号"


def test_62_the_same_decision_twice_in_one_file_is_recorded_once(desk: Desk) -> None:
    report = desk.take(penalties(penalty_row(1), penalty_row(1)))
    assert (report.accepted, report.duplicates, report.events) == (1, 1, 2)


def test_other_content_under_the_same_key_is_rejected_with_position_and_columns(
    desk: Desk,
) -> None:
    desk.take(penalties(penalty_row(1)))
    other = penalty_row(1, 处罚类别="警告", **{"罚款金额（万元）": "0.3"})
    (problem,) = desk.take(penalties(other)).problems
    assert problem.code == "differs-from-recorded"
    assert "position 2" in problem.message
    assert "处罚类别" in problem.message
    assert "罚款金额（万元）" in problem.message
    assert "处罚决定日期" not in problem.message


def test_the_same_decision_sent_by_another_way_in_is_nothing_to_do(desk: Desk) -> None:
    desk.take(penalties(penalty_row(1)))
    recorded = desk.of(PenaltyImposed)[0]
    command = ImposePenalty(
        kinds=recorded.kinds,
        kinds_text=recorded.kinds_text,
        fine=recorded.fine,
        offence=recorded.offence,
        facts=recorded.facts,
        content=recorded.content,
        decided_on=recorded.decided_on,
        channel=recorded.channel,
        basis=Basis(
            authority=Authority(name=Name("示例市知识产权局")),
            document_number=DocumentNumber("示市监罚[2024]1号"),
        ),
    )
    (outcome,) = desk.record(code(1), command)
    assert isinstance(outcome, Unchanged)


def test_a_decision_that_was_annulled_since_is_not_recorded_again(desk: Desk) -> None:
    text = penalties(penalty_row(1))
    desk.take(text)
    finding = desk.of(PenaltyImposed)[0].finding
    annulled = AnnulFinding(finding=finding, decided_on=date(2024, 9, 2), reason=Text("复议撤销"))
    desk.record(code(1), annulled)
    (problem,) = desk.take(text).problems
    assert problem.code == "already-annulled"
    assert "at position 2" in problem.message


def test_a_bad_row_harms_no_neighbour(desk: Desk) -> None:
    bad = penalty_row(2, 处罚决定日期="2024-02-30")
    report = desk.take(penalties(penalty_row(1), bad, penalty_row(3)))
    assert (report.accepted, report.rejected) == (2, 1)
    (problem,) = report.problems
    assert (problem.row, problem.cell, problem.column) == (3, "K3", "处罚决定日期")
    assert (problem.code, problem.value) == ("invalid-date", "2024-02-30")


def test_rejected_rows_are_kept_can_be_mended_and_imported_again(desk: Desk) -> None:
    bad = penalty_row(2, 处罚决定日期="2024-02-30")
    desk.take(penalties(penalty_row(1), bad))
    kept = desk.rejected()
    assert kept[0][-1] == "问题"
    assert kept[0][:-1] == [*penalties().splitlines()[0].split(",")]
    assert kept[1][:-1] == bad
    assert desk.rejects.read_bytes().startswith(b"\xef\xbb\xbf")
    assert stat.S_IMODE(desk.rejects.stat().st_mode) == 0o600
    again = desk.take(mended(kept, 处罚决定日期="2024-02-29"))
    assert (again.accepted, again.rejected, again.events) == (1, 0, 2)


def test_a_file_without_rejected_rows_leaves_no_rejects_file(desk: Desk) -> None:
    assert desk.take(penalties(penalty_row(1))).rejects_file is None
    assert not desk.rejects.exists()


def test_59_a_file_that_is_no_table_is_refused_before_its_first_row(desk: Desk) -> None:
    with pytest.raises(FileRefused) as refused:
        desk.take(penalties(penalty_row(1)) + 'x,"unbalanced')
    assert (refused.value.row, refused.value.column) == (3, 2)
    assert desk.events() == []


def test_a_rehearsal_counts_and_records_nothing(desk: Desk) -> None:
    text = penalties(penalty_row(1), penalty_row(1), penalty_row(2, 处罚决定日期="x"))
    report = desk.take(text, is_rehearsal=True)
    assert report.dry_run
    assert (report.accepted, report.duplicates, report.rejected) == (1, 1, 1)
    assert desk.events() == []


def test_another_kind_may_be_said(desk: Desk) -> None:
    report = desk.take(penalties(penalty_row(1)), kind=FileKind.LIST)
    assert report.kind is FileKind.LIST
    assert desk.of(PenaltyImposed) == []


def test_what_is_secret_about_persons_is_read_nowhere(desk: Desk) -> None:
    text = penalties(penalty_row(1))
    titles, row = text.splitlines()
    secret = "王机密", "110101198002290011"
    text = f"{titles},法定代表人,法定代表人证件号码\n{row},{','.join(secret)}\n"
    text += f"{row.replace('2024-03-01', '2024-02-30')},{','.join(secret)}\n"
    report = desk.take(text)
    assert (report.accepted, report.rejected) == (1, 1)
    stored = b"".join(one.value for one in desk.store.read_positions(1, desk.store.position()))
    for word in secret:
        assert word.encode() not in stored
        assert word not in str(report)


@pytest.mark.parametrize("name", ["penalties.csv", "list.csv"])
def test_the_shipped_sample_is_sound(desk: Desk, name: str) -> None:
    report = desk.take(Path(sample.__file__).with_name(name))
    assert codes_of(report) == []
    assert report.accepted == report.rows > 0
