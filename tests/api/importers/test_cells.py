"""What a cell says, in the spellings met in files: null words, days, amounts, texts."""

from datetime import date
from decimal import Decimal

import pytest

from api.importers.cells import (
    LINE_MAX,
    TEXT_MAX,
    BrokenCell,
    Unit,
    amount,
    check_name,
    check_text,
    day,
    end_day,
    filled,
    shown,
)
from tests.codes import synthetic_citizen_id, synthetic_uscc

PERSON = synthetic_citizen_id(date(1980, 2, 29), 1, "110101")


def broken(ask: object, *arguments: object, **named: object) -> str:
    with pytest.raises(BrokenCell) as caught:
        ask(*arguments, **named)  # type: ignore[operator]  # each test names what it asks
    return caught.value.code


@pytest.mark.parametrize(
    "cell",
    [
        *("", "  ", "　", "— —", "——", "—", "-", "--", "/", "／", "\\", "无", " 无 ", "暂无", "空"),
        *("NULL", "null", "Null", "(null)", "\\N", "N/A", "n/a", "None", "NaN", '=""', "ＮＵＬＬ"),
    ],
)
def test_null_words_are_null(cell: str) -> None:
    assert filled(cell) is None


@pytest.mark.parametrize("cell", ["无锡示例公司", "0", "空调", "无证经营", "a/b", "null公司"])
def test_what_only_begins_like_a_null_word_is_none(cell: str) -> None:
    assert filled(cell) == cell


@pytest.mark.parametrize(
    ("cell", "text"),
    [('="0123"', "0123"), ("'0123", "0123"), ("'=1+1", "=1+1"), ("\t91", "91"), ("'甲'", "'甲'")],
)
def test_what_marks_a_cell_as_text_for_a_sheet_is_taken_off(cell: str, text: str) -> None:
    assert filled(cell) == text


@pytest.mark.parametrize(
    "text",
    [
        *("2017-7-7", "2017-07-07", "2017/7/7", "2017/07/07", "2017.7.7", "2017年7月7日"),
        *("20170707", "2017-07-07 00:00:00", "2017/7/7 0:00", "2017-07-07T00:00:00.000"),
        *("2017年07月07日 10:05", "２０１７－０７－０７", "42923", "42923.0"),
    ],
)
def test_a_day_is_read_in_each_spelling(text: str) -> None:
    assert day(text) == date(2017, 7, 7)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-02-30", "2025-02-29", "2017-13-01", "2017-7", "2017年7月", "7/7/2017", "昨天"),
        *("2017-07-07 24:00", "2017-07-07 23:60", "2017-07-07T00:00:00Z", "0000-00-00"),
        *("2017-07-07 00:00:00+08:00", "2017-07/07", "201777", "17-07-07", "2017-07-07;"),
    ],
)
def test_what_is_no_day_is_broken(text: str) -> None:
    assert broken(day, text) == "invalid-date"


@pytest.mark.parametrize("text", ["1970-01-01", "0001-01-01", "1970/1/1", "1970-01-01 00:00:00"])
def test_the_days_on_which_machines_begin_to_count_are_unknown(text: str) -> None:
    assert day(text) is None
    assert end_day(text) is None


@pytest.mark.parametrize("text", ["2099-12-31", "9999-12-31", "9999-09-09", "2099/12/31", "长期"])
def test_what_stands_for_no_end_is_no_end(text: str) -> None:
    assert end_day(text) is None


def test_the_day_before_no_end_is_an_end() -> None:
    assert end_day("2099-12-30") == date(2099, 12, 30)
    assert end_day("9998-12-31") == date(9998, 12, 31)


@pytest.mark.parametrize(
    ("text", "yuan"),
    [
        *(("0.2", "2000.00"), ("0.200000", "2000.00"), ("0.000001", "0.01"), ("0", "0.00")),
        *(("1,234.5", "12345000.00"), ("１．５", "15000.00"), ("5E-05", "0.50")),
        *((" 0.2 ", "2000.00"), ("0.2万元", "2000.00"), ("0.2 万", "2000.00")),
        *(("2000元", "2000.00"), ("￥3", "30000.00")),
    ],
)
def test_an_amount_in_wan_is_exact_to_six_decimals(text: str, yuan: str) -> None:
    assert str(amount(text, unit=Unit.WAN)) == yuan


@pytest.mark.parametrize(
    ("text", "yuan"), [("2000", "2000.00"), ("0.01", "0.01"), ("2万元", "20000.00")]
)
def test_an_amount_in_yuan_is_exact_to_the_cent(text: str, yuan: str) -> None:
    assert str(amount(text, unit=Unit.YUAN)) == yuan


def test_an_amount_without_unit_is_none_unless_the_cell_has_one() -> None:
    assert amount("2000", unit=None) is None
    assert amount("2000元", unit=None) == Decimal("2000.00")
    assert amount("0.2万元", unit=None) == Decimal("2000.00")


@pytest.mark.parametrize(
    "text", ["0.0000001", "-1", "abc", "1.2.3", "12,34", "1e400", "罚款", "1/2"]
)
def test_what_is_no_amount_in_wan_is_broken(text: str) -> None:
    assert broken(amount, text, unit=Unit.WAN) == "invalid-amount"


def test_a_tenth_of_a_cent_is_broken_and_so_is_more_money_than_there_is() -> None:
    assert broken(amount, "0.001", unit=Unit.YUAN) == "invalid-amount"
    assert amount("999999999999999", unit=Unit.YUAN) == Decimal("999999999999999.00")
    assert broken(amount, "1000000000000000", unit=Unit.YUAN) == "invalid-amount"
    assert broken(amount, "100000000000", unit=Unit.WAN) == "invalid-amount"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("示\u202e例", "bidi-control"),
        ("示\n例", "control-character"),
        ("示\ue000例", "private-use"),
        ("a" + "\u0301" * 5, "too-many-marks"),
        ("示" * 201, "too-long"),
        (f"示例（{PERSON}）", "personal-number"),
    ],
)
def test_a_name_that_cannot_be_recorded_is_broken(name: str, code: str) -> None:
    assert broken(check_name, name) == code


@pytest.mark.parametrize(
    "name", ["示" * 200, "示例·公司", "𬱖葛󠄀公司", '=HYPERLINK("x")', "a\u0301" * 4]
)
def test_a_name_that_can_be_recorded_is_left_as_it_is(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("length_max", [LINE_MAX, TEXT_MAX])
def test_a_text_may_be_as_long_as_its_field_and_no_longer(length_max: int) -> None:
    check_text("字" * length_max, length_max)
    assert broken(check_text, "字" * (length_max + 1), length_max) == "too-long"


def test_a_line_has_no_line_break_and_a_text_may_have_one() -> None:
    assert broken(check_text, "一\n二", LINE_MAX) == "control-character"
    check_text("一\n二", TEXT_MAX)
    assert broken(check_text, "一\x0b二", TEXT_MAX) == "control-character"


@pytest.mark.parametrize(
    "number",
    [PERSON, PERSON.lower(), PERSON.translate({48 + n: 0xFF10 + n for n in range(10)})],
)
def test_a_text_with_the_number_of_a_person_is_broken(number: str) -> None:
    assert broken(check_text, f"经营者身份证号{number}。", TEXT_MAX) == "personal-number"


def test_a_credit_code_in_a_text_is_no_number_of_a_person() -> None:
    check_text(f"代码{synthetic_uscc(1)},电话13800000000,流水{'9' * 18}", TEXT_MAX)


def test_a_problem_never_shows_what_may_be_the_number_or_name_of_a_person() -> None:
    assert shown(PERSON) is None
    assert shown(f"{PERSON[:-1]}？{PERSON[-1]}") is None
    assert shown("张三") is None
    assert shown("阿卜杜·示例") is None
    assert shown("911X") == "911X"
    assert shown("错" * 300) == "错" * 200
