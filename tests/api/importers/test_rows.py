"""Rows that do not fit: too many or too few cells, columns that contradict, what is kept."""

from datetime import date
from decimal import Decimal

import pytest

from api.importers import Report
from api.importing import BATCH
from ledger.events import ListingDecided, PenaltyImposed, PenaltyKind, SubjectRegistered
from tests.api.importers.desk import (
    LIST_TITLES,
    PENALTY_TITLES,
    Desk,
    code,
    codes_of,
    listed,
    listed_row,
    mended,
    penalties,
    penalty_row,
    table,
)
from tests.codes import synthetic_registration_number

CODE = "行政相对人代码_1(统一社会信用代码)"


def with_columns(desk: Desk, **columns: str) -> Report:
    """A penalty file of one row with further columns."""
    return desk.take(table((*PENALTY_TITLES, *columns), (*penalty_row(), *columns.values())))


def the_penalty(desk: Desk) -> PenaltyImposed:
    (penalty,) = desk.of(PenaltyImposed)
    return penalty


# Cells too many or too few -----------------------------------------------------------------------


def test_a_row_with_a_cell_more_than_titles_is_rejected_for_nobody_knows_which_it_is(
    desk: Desk,
) -> None:
    row = [*penalty_row(1)[:5], "一", *penalty_row(1)[5:]]
    report = desk.take(penalties(row, penalty_row(2)))
    (problem,) = [one for one in report.problems if one.code == "surplus-cells"]
    assert (problem.row, problem.cell, problem.column) == (2, "O2", None)
    assert (report.accepted, report.rejected) == (1, 1)
    titles, kept = desk.rejected()
    # What is beyond the titles stands behind the column that says why: nothing is lost.
    assert titles == [*PENALTY_TITLES, "问题"]
    assert [*kept[:14], *kept[15:]] == row


def test_empty_cells_beyond_the_titles_are_nothing(desk: Desk) -> None:
    report = desk.take(penalties([*penalty_row(1), "", " "], penalty_row(2)))
    assert (report.accepted, report.warnings) == (2, ())


def test_a_row_that_lost_its_last_cells_is_read_with_a_warning(desk: Desk) -> None:
    report = desk.take(listed(listed_row(1), listed_row(2)[:4], listed_row(3)))
    (warning,) = report.warnings
    assert (report.accepted, warning.row, warning.code) == (3, 3, "cells-missing")


def test_where_most_rows_are_short_that_is_how_the_file_was_saved(desk: Desk) -> None:
    report = desk.take(listed(listed_row(1)[:4], listed_row(2)[:4], listed_row(3)))
    assert (report.accepted, report.warnings) == (3, ())


def test_a_row_that_lost_a_cell_in_its_middle_is_attached_to_nobody(desk: Desk) -> None:
    row = penalty_row(1)
    for place in range(13):
        if row[place]:
            desk.take(penalties([*row[:place], *row[place + 1 :]], penalty_row(2)))
    assert [one.identifiers[0].value for one in desk.of(SubjectRegistered)] == [code(2)]


# Columns -----------------------------------------------------------------------------------------


def test_amounts_are_in_the_unit_of_their_title(desk: Desk) -> None:
    titles = [*PENALTY_TITLES]
    titles[8] = "罚款金额（元）"
    desk.take(table(titles, penalty_row(1, **{"罚款金额（万元）": "1120.5"})))
    assert the_penalty(desk).fine == Decimal("1120.50")


def test_an_amount_of_unknown_unit_is_kept_in_the_note_and_no_amount(desk: Desk) -> None:
    titles = [*PENALTY_TITLES]
    titles[8] = "罚款金额"
    report = desk.take(table(titles, penalty_row(1, **{"罚款金额（万元）": "5000"})))
    assert [one.code for one in report.warnings] == ["amount-without-unit"]
    assert the_penalty(desk).fine is None
    assert the_penalty(desk).note == "罚款金额：5000"


def test_two_columns_of_one_amount_must_not_contradict_each_other(desk: Desk) -> None:
    report = with_columns(desk, **{"罚款金额（元）": "2001"})
    assert codes_of(report) == ["columns-disagree"]
    assert with_columns(desk, **{"罚款金额（元）": "2000"}).accepted == 1


def test_gains_and_goods_confiscated_are_added_up(desk: Desk) -> None:
    with_columns(desk, **{"没收违法所得（万元）": "0.1", "没收非法财物（万元）": "0.02"})
    assert the_penalty(desk).confiscated == Decimal("1200.00")


def test_a_text_in_two_columns_is_kept_whole(desk: Desk) -> None:
    assert with_columns(desk, 处罚事由="另一段事实").accepted == 1
    assert the_penalty(desk).facts == "销售侵权商品\n另一段事实"


def test_a_legal_basis_longer_than_a_line_stands_in_full_in_the_note(desk: Desk) -> None:
    basis = "依据" * 300
    assert with_columns(desk, 处罚依据=basis).accepted == 1
    penalty = the_penalty(desk)
    assert penalty.basis.instrument == f"{basis[:511]}…"
    assert penalty.note == f"处罚依据：{basis}"


@pytest.mark.parametrize(
    ("state", "is_rejected"),
    [
        ("0", False),
        ("正常", False),
        ("2", False),
        ("1", True),
        ("撤销", True),
        ("已撤销", True),
        ("已被撤消", True),
    ],
)
def test_a_decision_that_was_set_aside_is_not_recorded_as_standing(
    desk: Desk, state: str, *, is_rejected: bool
) -> None:
    report = with_columns(desk, 当前状态=state)
    assert codes_of(report) == (["set-aside"] if is_rejected else [])


def test_without_document_number_a_penalty_is_known_by_all_of_its_content(desk: Desk) -> None:
    text = penalties(penalty_row(行政处罚决定书文号="— —"))
    report = desk.take(text)
    assert [one.code for one in report.warnings] == ["no-natural-key"]
    assert desk.take(text).duplicates == 1


def test_a_broken_code_of_the_authority_rejects_the_row(desk: Desk) -> None:
    report = with_columns(desk, 处罚机关统一社会信用代码=code(1)[:-1])
    (problem,) = report.problems
    assert (problem.code, problem.column) == ("length", "处罚机关统一社会信用代码")


def test_everything_that_is_wrong_in_a_row_is_said_at_once(desk: Desk) -> None:
    row = penalty_row(
        1,
        **{
            CODE: "91",
            "处罚决定日期": "昨日",
            "罚款金额（万元）": "x1",
            "处罚有效期": "2020-13-01",
        },
    )
    report = desk.take(penalties(row))
    assert {problem.cell for problem in report.problems} == {"C2", "I2", "K2", "L2"}
    assert (report.rows, report.rejected) == (1, 1)


@pytest.mark.parametrize("day", ["— —", "1970-01-01", ""])
def test_a_penalty_of_unknown_day_is_rejected(desk: Desk, day: str) -> None:
    (problem,) = desk.take(penalties(penalty_row(处罚决定日期=day))).problems
    assert (problem.code, problem.cell) == ("missing", "K2")


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        ("2026-11-25", "in-the-future"),
        ("1949-09-30", "too-long-ago"),
        ("9999-12-31", "in-the-future"),
    ],
)
def test_30_a_day_on_which_nothing_can_have_been_decided_is_said_of_its_cell(
    desk: Desk, day: str, reason: str
) -> None:
    report = desk.take(penalties(penalty_row(处罚决定日期=day)))
    (problem,) = report.problems
    assert (problem.code, problem.cell, problem.value) == (reason, "K2", day)
    assert desk.take(penalties(penalty_row(处罚决定日期="2026-11-24"))).accepted == 1


def test_a_period_that_ends_before_it_begins_is_said_of_its_cell(desk: Desk) -> None:
    (problem,) = desk.take(penalties(penalty_row(处罚有效期="2024-02-29"))).problems
    assert (problem.code, problem.cell) == ("ends-before-it-begins", "L2")


def test_an_odd_name_is_taken_with_a_warning_and_a_bad_one_never_shown(desk: Desk) -> None:
    odd = penalty_row(1, 行政相对人名称="示例・企业")
    bad = penalty_row(2, 行政相对人名称="示\u202e例企业")
    report = desk.take(penalties(odd, bad))
    assert [(one.row, one.code) for one in report.warnings] == [(2, "separator")]
    (problem,) = report.problems
    assert (problem.row, problem.code, problem.value) == (3, "bidi-control", None)


def test_without_a_column_of_kinds_the_amounts_tell_them(desk: Desk) -> None:
    keep = [place for place, title in enumerate(PENALTY_TITLES) if title != "处罚类别"]
    rows = [PENALTY_TITLES, penalty_row(1), penalty_row(2, **{"罚款金额（万元）": ""})]
    desk.take(table(*([row[place] for place in keep] for row in rows)))
    assert [one.kinds for one in desk.of(PenaltyImposed)] == [
        (PenaltyKind.FINE,),
        (PenaltyKind.OTHER,),
    ]


# Many rows ---------------------------------------------------------------------------------------


def test_rows_of_many_batches_keep_their_numbers_and_their_order(desk: Desk) -> None:
    rows = [penalty_row(n) for n in range(2 * BATCH + 3)]
    for place in (0, BATCH - 1, BATCH, 2 * BATCH + 2):
        rows[place][10] = "2024-02-30"
    report = desk.take(penalties(*rows))
    assert [one.row for one in report.problems] == [2, BATCH + 1, BATCH + 2, 2 * BATCH + 4]
    assert (report.accepted, report.rejected) == (2 * BATCH - 1, 4)
    assert [row[3] for row in desk.rejected()[1:]] == [
        f"示市监罚〔2024〕{place}号" for place in (0, BATCH - 1, BATCH, 2 * BATCH + 2)
    ]


def test_what_an_earlier_row_of_the_batch_said_otherwise_is_named_by_its_position(
    desk: Desk,
) -> None:
    other = penalty_row(1, 处罚内容="另一内容")
    (problem,) = desk.take(penalties(penalty_row(1), other)).problems
    assert (problem.row, problem.code, problem.cell) == (3, "differs-from-recorded", "H3")
    assert "at position 2 with other content in 处罚内容" in problem.message


def test_a_rehearsal_says_of_each_row_what_the_import_then_does(desk: Desk) -> None:
    number = synthetic_registration_number(3)
    text = table(
        (*PENALTY_TITLES, "工商注册号"),
        (*penalty_row(1), ""),
        (*penalty_row(1), ""),
        (*penalty_row(1, 处罚内容="另一内容"), ""),
        (*penalty_row(2), number),
        (*penalty_row(3, **{CODE: ""}), number),
        (*penalty_row(1, 行政处罚决定书文号="又一号"), number),
    )
    told, before = desk.take(text, is_rehearsal=True), desk.store.position()
    done = desk.take(text)
    assert before == 0
    assert (told.accepted, told.duplicates, told.rejected, told.events) == (3, 1, 2, 5)
    assert (done.accepted, done.duplicates, done.rejected, done.events) == (3, 1, 2, 5)
    assert codes_of(told) == codes_of(done)


# What the rejects file carries over -------------------------------------------------------------


def test_mended_rows_get_the_list_and_the_day_that_their_first_import_gave_them(
    desk: Desk,
) -> None:
    titles = ("企业名称", "统一社会信用代码")
    text = table(titles, ("甲", code(1)), ("乙", code(2)[:-1]))
    first = desk.take(text, on=date(2023, 5, 1))
    again = desk.take(mended(desk.rejected(), 统一社会信用代码="x"))
    assert (first.rejected, again.rejected) == (1, 1)
    # Even a second time round, and a third.
    last = desk.take(mended(desk.rejected(), 统一社会信用代码=code(2)))
    assert last.accepted == 1
    decided = desk.of(ListingDecided)
    assert {(one.list, one.effective_on, one.dated) for one in decided} == {
        (f"published/{first.file.removeprefix('sha256:')[:12]}", date(2023, 5, 1), True)
    }


def test_the_day_of_a_mended_row_counts_for_more_than_the_one_carried_over(desk: Desk) -> None:
    desk.take(listed(listed_row(1, 列入日期="", 统一社会信用代码="x1")), on=date(2023, 5, 1))
    again = mended(desk.rejected(), 统一社会信用代码=code(1), 列入日期="2022-02-02")
    desk.take(again)
    assert [one.effective_on for one in desk.of(ListingDecided)] == [date(2022, 2, 2)]


def test_cells_come_back_as_they_were_sent_whatever_stands_in_them(desk: Desk) -> None:
    row = ['=HYPERLINK("http://x")', "+1", "甲,乙\n丙", '"引"', "", "　"]
    desk.take(listed(row))
    assert desk.rejected()[1][:6] == row
    assert desk.rejected()[0] == [*LIST_TITLES, "问题"]
