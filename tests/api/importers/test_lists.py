"""List rows: on which list, from when, until when, and once."""

from datetime import date

import pytest

from api.importers import named_list
from ledger.events import Channel, ListingDecided, ListingEnded, SubjectRegistered
from tests.api.importers.desk import Desk, code, listed, listed_row, mended, table
from tests.examples import TODAY


def test_a_row_registers_its_subject_and_puts_it_on_its_list(desk: Desk) -> None:
    report = desk.take(listed(listed_row(1)))
    assert (report.accepted, report.events) == (1, 2)
    assert len(desk.of(SubjectRegistered)) == 1
    (decided,) = desk.of(ListingDecided)
    assert (decided.list_name, decided.effective_on) == ("示例异常名单", date(2024, 1, 29))
    assert decided.dated
    assert decided.channel is Channel.PUBLISHED_LIST
    assert decided.origin is not None
    assert (decided.origin.file, decided.origin.row) == (report.file, 2)


def test_a_cell_may_name_several_lists(desk: Desk) -> None:
    report = desk.take(listed(listed_row(1, 名单="甲名单、乙名单、甲名单")))
    assert report.events == 3
    assert [one.list_name for one in desk.of(ListingDecided)] == ["甲名单", "乙名单"]


def test_a_row_that_names_no_list_is_on_the_one_that_is_said(desk: Desk) -> None:
    desk.take(listed(listed_row(1, 名单="")), named=named_list("demo/list"))
    assert [one.list for one in desk.of(ListingDecided)] == ["demo/list"]


def test_a_file_that_names_no_list_stands_for_one_of_its_own(desk: Desk) -> None:
    report = desk.take(table(("企业名称", "统一社会信用代码"), listed_row(1)[:2]))
    digits = report.file.removeprefix("sha256:")[:12]
    assert [one.list for one in desk.of(ListingDecided)] == [f"published/{digits}"]


def test_a_row_without_a_day_is_listed_from_the_day_that_is_said(desk: Desk) -> None:
    desk.take(listed(listed_row(1, 列入日期="")), on=date(2023, 5, 1))
    (decided,) = desk.of(ListingDecided)
    assert (decided.effective_on, decided.dated) == (date(2023, 5, 1), True)


def test_without_any_day_it_is_listed_from_the_day_of_import_and_says_so(desk: Desk) -> None:
    text = listed(listed_row(1, 列入日期=""))
    desk.take(text)
    (decided,) = desk.of(ListingDecided)
    assert (decided.effective_on, decided.dated) == (TODAY, False)
    desk.today = date(2026, 11, 30)
    assert desk.take(text).duplicates == 1


def test_a_removal_ends_the_listing_on_its_first_day_off_the_list(desk: Desk) -> None:
    desk.take(listed(listed_row(1, 移出日期="2025-01-29", 移出原因="信用修复")))
    (ended,) = desk.of(ListingEnded)
    assert (ended.effective_on, ended.reason) == (date(2025, 1, 29), "信用修复")
    assert ended.listing == desk.of(ListingDecided)[0].listing


def test_a_removal_before_the_listing_rejects_the_row_whole(desk: Desk) -> None:
    report = desk.take(listed(listed_row(1, 移出日期="2024-01-29")))
    assert [problem.code for problem in report.problems] == ["ends-before-it-begins"]
    assert desk.events() == []


def test_a_later_file_may_bring_the_removal(desk: Desk) -> None:
    desk.take(listed(listed_row(1)))
    report = desk.take(listed(listed_row(1, 移出日期="2025-01-29")))
    assert (report.accepted, report.events) == (1, 1)
    assert len(desk.of(ListingEnded)) == 1


def test_of_two_listings_on_one_list_the_removal_ends_the_one_of_its_own_row(desk: Desk) -> None:
    later = listed_row(1, 列入日期="2020-01-01")
    earlier = listed_row(1, 列入日期="2018-01-01", 移出日期="2021-06-01")
    text = listed(later, earlier)
    assert desk.take(text).accepted == 2
    (ended,) = desk.of(ListingEnded)
    began = {one.listing: one.effective_on for one in desk.of(ListingDecided)}
    assert began[ended.listing] == date(2018, 1, 1)
    assert desk.take(text).duplicates == 2


@pytest.mark.parametrize(
    ("title", "cell"), [("移出日期", "2025-01-30"), ("移出原因", "另一移出原因")]
)
def test_another_end_of_the_same_listing_differs_from_what_is_recorded(
    desk: Desk, title: str, cell: str
) -> None:
    row = {"移出日期": "2025-01-29", "移出原因": "信用修复"}
    desk.take(listed(listed_row(1, **row)))
    (problem,) = desk.take(listed(listed_row(1, **{**row, title: cell}))).problems
    assert (problem.code, problem.column, problem.value) == ("differs-from-recorded", title, cell)
    assert "position 2" in problem.message


def test_another_reason_under_the_same_list_and_day_differs_from_what_is_recorded(
    desk: Desk,
) -> None:
    titles = ("企业名称", "统一社会信用代码", "列入日期", "列入原因", "名单")
    row = ("甲", code(1), "2024-01-29", "无法联系", "示例名单")
    report = desk.take(table(titles, row, (*row[:3], "另一原因", row[4])))
    (problem,) = report.problems
    assert (problem.row, problem.code, problem.cell) == (3, "differs-from-recorded", "D3")


def test_an_undated_row_may_say_that_the_subject_has_left_the_list_since(desk: Desk) -> None:
    text = listed(listed_row(1, 列入日期="", 移出日期="2025-01-29"))
    assert desk.take(text).events == 3
    assert desk.take(text).duplicates == 1


def test_a_row_from_tomorrow_on_waits_until_then(desk: Desk) -> None:
    tomorrow = listed_row(1, 列入日期="2026-11-25")
    (problem,) = desk.take(listed(tomorrow)).problems
    assert (problem.code, problem.cell, problem.value) == ("in-the-future", "D2", "2026-11-25")
    desk.today = date(2026, 11, 25)
    assert desk.take(listed(tomorrow)).accepted == 1


def test_the_same_list_has_one_id_whether_a_cell_or_an_option_names_it(desk: Desk) -> None:
    desk.take(listed(listed_row(1, 名单="示例名单"), listed_row(2, 名单="示 例名单")))
    desk.take(listed(listed_row(3, 名单="")), named=named_list("示例名单"))
    assert len({one.list for one in desk.of(ListingDecided)}) == 1


@pytest.mark.parametrize("day", ["1970-01-01", "0001-01-01", "— —", "NULL"])
def test_a_day_that_is_none_is_unknown(desk: Desk, day: str) -> None:
    desk.take(listed(listed_row(1, 列入日期=day)))
    assert not desk.of(ListingDecided)[0].dated


@pytest.mark.parametrize("day", ["2099-12-31", "9999-12-31"])
def test_an_end_that_is_none_is_no_end(desk: Desk, day: str) -> None:
    desk.take(listed(listed_row(1, 移出日期=day)))
    assert desk.of(ListingEnded) == []


def test_a_second_import_adds_nothing(desk: Desk) -> None:
    rows = listed_row(1), listed_row(2, 移出日期="2025-01-29"), listed_row(3, 列入日期="")
    text = listed(*rows)
    assert desk.take(text).accepted == 3
    again = desk.take(text)
    assert (again.accepted, again.duplicates, again.events) == (0, 3, 0)


def test_a_mended_row_goes_on_the_list_of_the_file_that_it_came_from(desk: Desk) -> None:
    titles = ("企业名称", "统一社会信用代码", "列入日期")
    good, bad = listed_row(1), listed_row(2)
    rows = (good[0], good[1], "2024-01-29"), (bad[0], bad[1], "2024-13-01")
    desk.take(table(titles, *rows))
    again = desk.take(mended(desk.rejected(), 列入日期="2024-12-01"))
    assert again.accepted == 1
    assert len({one.list for one in desk.of(ListingDecided)}) == 1
