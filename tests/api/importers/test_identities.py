"""Whom a row is about: its codes, what breaks them, and rows about natural persons."""

from datetime import date

import pytest

from api.importers import Problem
from ledger.codes import organisation_check_character, uscc_check_character
from ledger.events import IdentifierAdded, SubjectRegistered
from ledger.identifiers import Identifier, IdentifierKind, SubjectKind, organisation_code, uscc
from tests.api.importers.desk import Desk, code, codes_of, penalties, penalty_row, table
from tests.codes import (
    synthetic_citizen_id,
    synthetic_organisation_code,
    synthetic_registration_number,
    synthetic_uscc,
)

TITLES = ("企业名称", "工商注册号", "组织机构代码", "统一信用代码")
PERSON = synthetic_citizen_id(date(1980, 2, 29), 1, "110101")


def one_row(desk: Desk, *cells: str, titles: tuple[str, ...] = TITLES) -> list[Problem]:
    """The problems of the one row of a file."""
    return list(desk.take(table(titles, cells)).problems)


def identifiers(desk: Desk) -> tuple[Identifier, ...]:
    (registered,) = desk.of(SubjectRegistered)
    return registered.identifiers


def fails_place_17(n: int) -> str:
    """A credit code that is sound as a whole, with a wrong check digit inside."""
    inner = synthetic_organisation_code(n)
    wrong = "0" if organisation_check_character(inner[:-1]) != "0" else "1"
    body = f"91000000{inner[:-1]}{wrong}"
    return body + uscc_check_character(body)


# Sound codes -------------------------------------------------------------------------------------


def test_each_code_of_a_row_leads_to_its_subject(desk: Desk) -> None:
    number = synthetic_registration_number(1)
    assert one_row(desk, "示例", number, synthetic_organisation_code(1), code(1)) == []
    assert {one.kind for one in identifiers(desk)} == {
        IdentifierKind.USCC,
        IdentifierKind.REGISTRATION_NUMBER,
    }
    # The organisation code is the one inside the credit code.
    assert desk.holder(organisation_code(synthetic_organisation_code(1))) is not None


@pytest.mark.parametrize("place", [1, 2, 3])
def test_one_code_is_enough_whichever_it_is(desk: Desk, place: int) -> None:
    cells = ["示例", "", "", ""]
    cells[place] = (synthetic_registration_number(1), synthetic_organisation_code(1), code(1))[
        place - 1
    ]
    assert one_row(desk, *cells) == []
    assert len(identifiers(desk)) == 1


def test_a_missing_name_is_no_reason_to_reject(desk: Desk) -> None:
    assert one_row(desk, "", "", "", code(1)) == []
    assert desk.of(SubjectRegistered)[0].name is None


@pytest.mark.parametrize(
    "written",
    [
        code(1).lower(),
        f" {code(1)[:8]} {code(1)[8:]} ",
        f"{code(1)[:8]}-{code(1)[8:]}",
        code(1).translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789ABCDEFGHJKLMNPQRTUWXY"}),
        f'="{code(1)}"',
        f"'{code(1)}",
        f"\t{code(1)}",
    ],
)
def test_a_code_in_any_spelling_is_the_same_code(desk: Desk, written: str) -> None:
    assert one_row(desk, "示例", "", "", written) == []
    assert identifiers(desk) == (uscc(code(1)),)


def test_a_full_credit_code_in_the_column_of_organisation_codes_is_taken_with_a_warning(
    desk: Desk,
) -> None:
    report = desk.take(table(TITLES, ("示例", "", code(1), "")))
    assert [one.code for one in report.warnings] == ["credit-code-in-organisation-column"]
    assert (report.warnings[0].cell, report.warnings[0].value) == ("C2", code(1))
    assert identifiers(desk) == (uscc(code(1)),)


def test_the_same_credit_code_in_both_columns_is_one_code(desk: Desk) -> None:
    report = desk.take(table(TITLES, ("示例", "", code(1), code(1))))
    assert (report.accepted, len(report.warnings)) == (1, 1)
    assert identifiers(desk) == (uscc(code(1)),)


def test_a_failing_place_17_inside_a_sound_credit_code_is_only_a_warning(desk: Desk) -> None:
    sound = fails_place_17(1)
    report = desk.take(table(TITLES, ("示例", "", "", sound)))
    assert (report.accepted, [one.code for one in report.warnings]) == (1, ["organisation-check"])
    # Its inner code in the column beside it says nothing else.
    again = desk.take(table(TITLES, ("示例", "", sound[8:17], sound)))
    assert (again.accepted, again.problems) == (1, ())
    assert (len(desk.of(SubjectRegistered)), desk.of(IdentifierAdded)) == (1, [])


def test_that_same_code_alone_in_the_column_of_organisation_codes_is_broken(desk: Desk) -> None:
    (problem,) = one_row(desk, "示例", "", fails_place_17(1)[8:17], "")
    assert (problem.code, problem.cell) == ("check-digit", "C2")


def test_an_unknown_first_character_is_a_warning(desk: Desk) -> None:
    report = desk.take(table(TITLES, ("示例", "", "", synthetic_uscc(1, "B1"))))
    assert (report.accepted, [one.code for one in report.warnings]) == (1, ["unknown-department"])


def test_a_row_may_give_a_registered_subject_one_more_code(desk: Desk) -> None:
    one_row(desk, "示例", "", "", code(1))
    report = desk.take(table(TITLES, ("示例", synthetic_registration_number(1), "", code(1))))
    assert report.accepted == 1
    assert len(desk.of(IdentifierAdded)) == 1
    assert len(desk.of(SubjectRegistered)) == 1


# Broken codes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (code(1)[:-1], "length"),
        (code(1) + "0", "length"),
        (code(1)[:-1] + ("0" if code(1)[-1] != "0" else "1"), "check-digit"),
        (code(1)[:8] + "O" + code(1)[9:], "format"),
        (code(1)[:2] + "З" + code(1)[3:], "format"),
        (code(1)[:9] + "\u200b" + code(1)[9:], "format"),
        ("\ufeff" + code(1) + "\u202e", "format"),
        (code(1)[:-1] + "？", "format"),
        (code(1)[:-1] + "《", "format"),
        ("9.11E+17", "number-lost-digits"),
        ("9.1110E+17", "number-lost-digits"),
        ("9E17", "number-lost-digits"),
        ("911101167587098000", "number-lost-digits"),
        ("911101167587098811.0", "number-lost-digits"),
        ("见附件1", "format"),
    ],
)
def test_a_broken_credit_code_rejects_the_row_and_is_named_with_its_cell(
    desk: Desk, written: str, reason: str
) -> None:
    (problem,) = one_row(desk, "示例", synthetic_registration_number(1), "", written)
    assert (problem.row, problem.column, problem.cell) == (2, "统一信用代码", "D2")
    assert (problem.code, problem.value) == (reason, written)
    assert desk.events() == []


def test_a_code_that_a_sheet_rounded_is_not_taken_for_the_body_that_it_happens_to_name(
    desk: Desk,
) -> None:
    # Of thirty-one such numbers one satisfies the check of a credit code.
    rounded = next(
        f"{number}000"
        for number in range(911101167580000, 911101167590000)
        if uscc_check_character(f"{number}00") == "0"
        and organisation_check_character(f"{number}"[8:] + "0") != "0"
    )
    (problem,) = one_row(desk, "示例", "", "", rounded)
    assert problem.code == "number-lost-digits"


@pytest.mark.parametrize("written", ["YY000001", "YY00000123", "YY0000010", "７821885731"])
def test_a_broken_organisation_code_rejects_the_row_though_the_number_beside_it_is_sound(
    desk: Desk, written: str
) -> None:
    (problem,) = one_row(desk, "示例", synthetic_registration_number(1), written, "")
    assert problem.code in {"length", "check-digit"}
    assert problem.cell == "C2"


def test_every_broken_code_of_a_row_is_named(desk: Desk) -> None:
    problems = one_row(desk, "示例", "123", "YY0000010", code(1)[:-1])
    assert [problem.cell for problem in problems] == ["D2", "B2", "C2"]


@pytest.mark.parametrize("other", [synthetic_organisation_code(2), "YY0000010"])
def test_a_sound_credit_code_beside_another_organisation_code_disagrees(
    desk: Desk, other: str
) -> None:
    (problem,) = one_row(desk, "示例", "", other, code(1))
    assert (problem.code, problem.cell, problem.value) == ("identifiers-disagree", "C2", other)


def test_two_sound_credit_codes_disagree(desk: Desk) -> None:
    (problem,) = one_row(desk, "示例", "", code(2), code(1))
    assert problem.code == "identifiers-disagree"


def test_codes_of_two_registered_subjects_in_one_row_are_refused(desk: Desk) -> None:
    number = synthetic_registration_number(2)
    desk.take(table(TITLES, ("甲", "", "", code(1)), ("乙", number, "", "")))
    (problem,) = one_row(desk, "丙", number, "", code(1))
    assert problem.code == "identifiers-of-two-subjects"
    assert len(desk.of(SubjectRegistered)) == 2


def test_codes_that_an_earlier_row_of_the_file_gave_to_two_subjects_are_refused(
    desk: Desk,
) -> None:
    number = synthetic_registration_number(2)
    rows = (("甲", "", "", code(1)), ("乙", number, "", ""), ("丙", number, "", code(1)))
    report = desk.take(table(TITLES, *rows))
    assert (report.accepted, codes_of(report)) == (2, ["identifiers-of-two-subjects"])


def test_a_row_without_any_code_is_rejected_by_itself(desk: Desk) -> None:
    rows = (("甲", "", "", ""), ("乙", "— —", "无", "/"), ("", "", "", "x"))
    report = desk.take(table(TITLES, *rows))
    assert [(p.row, p.code) for p in report.problems] == [
        (2, "no-identifier"),
        (3, "no-identifier"),
        (4, "length"),
    ]


def test_a_file_without_any_column_of_codes_is_rejected_row_by_row(desk: Desk) -> None:
    report = desk.take(table(("企业名称", "列入日期"), ("甲", "2020-01-01"), ("乙", "2020-01-02")))
    assert codes_of(report) == ["no-identifier", "no-identifier"]
    assert report.problems[0].cell is None


# Natural persons ---------------------------------------------------------------------------------


@pytest.mark.parametrize("category", ["自然人", " 自 然 人 ", "自然人（其他）", "个人"])
def test_a_row_of_the_category_natural_person_is_rejected_as_such_and_as_nothing_else(
    desk: Desk, category: str
) -> None:
    row = penalty_row(行政相对人类别=category, 处罚决定日期="x", 行政相对人名称="张三")
    (problem,) = desk.take(penalties(row)).problems
    assert (problem.code, problem.cell, problem.value) == ("natural-person", "B2", None)


@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_citizen_id_where_a_code_should_be_makes_it_a_row_about_a_person(
    desk: Desk, place: int
) -> None:
    cells = ["张三", "", "", ""]
    cells[place] = PERSON
    (problem,) = one_row(desk, *cells)
    assert (problem.code, problem.value) == ("natural-person", None)


def test_a_mistyped_citizen_id_is_not_shown(desk: Desk) -> None:
    (problem,) = one_row(desk, "张三", "", "", PERSON[:-1] + ("1" if PERSON[-1] != "1" else "2"))
    assert (problem.code, problem.value) == ("check-digit", None)


def test_a_row_with_nothing_but_the_number_of_a_person_is_about_that_person(desk: Desk) -> None:
    titles = ("被执行人姓名/名称", "统一社会信用代码", "身份证号码")
    (problem,) = one_row(desk, "张三", "", PERSON, titles=titles)
    assert (problem.code, problem.value) == ("natural-person", None)


def test_the_number_of_a_person_beside_a_sound_code_is_not_read(desk: Desk) -> None:
    titles = ("企业名称", "统一社会信用代码", "证件号码")
    assert one_row(desk, "示例", code(1), PERSON, titles=titles) == []


def test_a_sole_trader_is_a_body(desk: Desk) -> None:
    report = desk.take(penalties(penalty_row(行政相对人类别="个体工商户")))
    assert report.accepted == 1
    assert desk.of(SubjectRegistered)[0].kind is SubjectKind.INDIVIDUAL_BUSINESS


def test_the_legal_kind_is_told_by_the_code_where_the_category_says_no_more(desk: Desk) -> None:
    desk.take(penalties(penalty_row(1)))
    assert desk.of(SubjectRegistered)[0].kind is SubjectKind.ENTERPRISE
