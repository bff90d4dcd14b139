"""The number of a natural person is recognised where a code should be, and never repeated."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric

from ledger.codes import registration_check_digit, uscc_check_character
from ledger.identifiers import IdentifierKind, examine, is_citizen_id, why_not_citizen_id
from tests.codes import synthetic_citizen_id
from tests.shared_data import shared_json

CITIZEN_SAMPLE = "11010519491231002X"  # printed in GB 11643-1999

birth_dates = st.dates(min_value=date(1900, 1, 1), max_value=date(2099, 12, 31))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (CITIZEN_SAMPLE, None),
        (CITIZEN_SAMPLE.lower(), None),
        ("440524188001010014", None),
        ("11010519491231001X", "check-digit"),
        ("110105194912310029", "check-digit"),
        ("11010519990230002X", "birth-date"),
        (synthetic_citizen_id(date(2000, 2, 29), 1), None),
        ("11010519000229002X", "birth-date"),
        (synthetic_citizen_id(date(1849, 12, 31), 1), "birth-date"),
        ("110105491231002", None),
        ("110105490231002", "birth-date"),
        ("11010549123100X", "format"),
        ("1101054912310", "length"),
        ("", "length"),
    ],
)
def test_a_citizen_id_needs_a_date_and_a_check_character(text: str, reason: str | None) -> None:
    assert why_not_citizen_id(text) == reason
    assert is_citizen_id(text) == (reason is None)


def test_public_citizen_ids_are_judged_as_their_sources_say() -> None:
    for row in shared_json("idcard/idcard_examples.json"):
        assert is_citizen_id(row["id"]) is row["want"], row


@given(st.dates(), st.integers(0, 999))
def test_python_stdnum_agrees_on_the_check_of_citizen_ids(birth: date, serial: int) -> None:
    number = synthetic_citizen_id(birth, serial, "110105")

    assert is_citizen_id(number) == (1850 <= birth.year <= 2099)
    assert ric.calc_check_digit(number) == number[-1]


@given(birth_dates, st.integers(0, 999), st.sampled_from([None, *IdentifierKind]))
def test_a_citizen_id_is_never_taken_for_a_code_and_never_repeated(
    birth: date, serial: int, kind: IdentifierKind | None
) -> None:
    number = synthetic_citizen_id(birth, serial, "330106")
    verdict = examine(number, kind)

    assert verdict.reason == "citizen-id"
    assert (verdict.kind, verdict.canonical) == (None, None)
    assert verdict.is_personal
    assert number not in f"{verdict.hint}{verdict.warnings}"


@pytest.mark.parametrize(("prefix", "reason"), [("12", "citizen-id"), ("91", None)])
def test_a_number_that_passes_both_checks_is_a_persons_unless_it_begins_with_9(
    prefix: str, reason: str | None
) -> None:
    numbers = (synthetic_citizen_id(date(1980, 1, 1), n, f"{prefix}0000") for n in range(1000))
    both = next(number for number in numbers if uscc_check_character(number[:-1]) == number[-1])

    assert examine(both).reason == reason


@pytest.mark.parametrize("kind", [None, IdentifierKind.REGISTRATION_NUMBER, IdentifierKind.USCC])
def test_an_old_citizen_id_among_registration_numbers_is_refused(
    kind: IdentifierKind | None,
) -> None:
    verdict = examine("330106491231002", kind)

    assert verdict.reason == "citizen-id"
    assert verdict.is_personal


def test_a_sound_registration_number_is_none_though_a_date_stands_in_it() -> None:
    body = "33010649123100"

    assert examine(body + registration_check_digit(body)).valid


@pytest.mark.parametrize(
    "text",
    [
        "11010519491231001X",
        "110105 19491231 0029",
        "身份证110105194912310029",
        "110105\u200b19491231002X",
    ],
)
def test_a_mistyped_or_hidden_citizen_id_is_still_marked_personal(text: str) -> None:
    verdict = examine(text)

    assert not verdict.valid
    assert verdict.is_personal


def test_an_ordinary_mistake_is_not_marked_personal() -> None:
    assert not examine("91000000000000000X").is_personal
    assert not examine("12345").is_personal
