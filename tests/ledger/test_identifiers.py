"""Codes of subjects: one canonical form, check characters, and the word for what is wrong."""

from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum.cn import uscc as judge
from stdnum.iso7064 import mod_11_10

from ledger import identifiers
from ledger.codes import (
    USCC_ALPHABET,
    canonical,
    organisation_check_character,
    registration_check_digit,
    uscc_check_character,
)
from ledger.identifiers import (
    Identifier,
    IdentifierKind,
    InvalidIdentifier,
    SubjectKind,
    examine,
    identifier,
    index_keys,
    is_citizen_id,
    is_subject_id,
    legal_kind_hint,
    organisation_code_of,
    readings,
    region_of,
    same_identity,
    subject_id_from,
    uscc,
)
from tests.codes import (
    synthetic_organisation_code,
    synthetic_registration_number,
    synthetic_uscc,
)
from tests.shared_data import shared_csv, shared_json

STANDARD_SAMPLE = "91350100M000100Y43"  # printed in GB 32100-2015
CITIZEN_SAMPLE = "11010519491231002X"  # printed in GB 11643-1999
PILOT_CODE = "91350211M00013FA1N"  # in force in Fujian, given before the standard

DIGITS = "0123456789"

CODE = synthetic_uscc(1)
ORGANISATION_CODE = synthetic_organisation_code(1)
REGISTRATION_NUMBER = synthetic_registration_number(1)


def with_check(body: str) -> str:
    return body + uscc_check_character(body)


def bodies(department_and_category: str) -> st.SearchStrategy[str]:
    """The first 17 places of a credit code, the first two of a given alphabet."""
    return st.tuples(
        st.text(department_and_category, min_size=2, max_size=2),
        st.text(DIGITS, min_size=6, max_size=6),
        st.text(USCC_ALPHABET, min_size=9, max_size=9),
    ).map("".join)


def is_no_persons(code: str) -> bool:
    return not is_citizen_id(code)


credit_codes = bodies(USCC_ALPHABET).map(with_check).filter(is_no_persons)


def other_digit(digit: str) -> str:
    return "0" if digit != "0" else "1"


# --- the credit code ---------------------------------------------------------------------------


def test_the_sample_of_the_standard_is_valid() -> None:
    verdict = examine(STANDARD_SAMPLE)

    assert verdict.valid
    assert verdict.kind is IdentifierKind.USCC
    assert verdict.canonical == STANDARD_SAMPLE
    assert verdict.identifier == Identifier(kind=IdentifierKind.USCC, value=STANDARD_SAMPLE)
    assert (verdict.reason, verdict.hint, verdict.warnings) == (None, None, ())


@pytest.mark.parametrize(
    "written",
    [
        CODE.lower(),
        f"  {CODE[:2]} {CODE[2:8]}-{CODE[8:17]}-{CODE[17]} ",
        "".join(chr(ord(character) + 0xFEE0) for character in CODE),
        CODE[:8] + "\u3000" + CODE[8:],
        CODE[:8] + "\u00a0" + CODE[8:],
        CODE[:8] + "\u2011" + CODE[8:],
        CODE[:8] + "\u2013" + CODE[8:],
        CODE[:8] + "\u2014" + CODE[8:],
        CODE[:8] + "\u2212" + CODE[8:],
        CODE[:8] + "\uff0d" + CODE[8:],
    ],
)
def test_however_it_is_written_a_code_has_one_canonical_form(written: str) -> None:
    verdict = examine(written)

    assert verdict.canonical == CODE
    assert verdict.input == written


@pytest.mark.parametrize("hidden", ["\u200b", "\ufeff", "\u202e", "\u00ad", "\t", "\n", "\x00"])
def test_an_invisible_character_spoils_a_code_and_is_not_removed(hidden: str) -> None:
    verdict = examine(CODE[:9] + hidden + CODE[9:], IdentifierKind.USCC)

    assert verdict.reason == "format"
    assert verdict.canonical is None
    assert f"U+{ord(hidden):04X}" in str(verdict.hint)


@pytest.mark.parametrize(
    "look_alike",
    [
        STANDARD_SAMPLE.replace("0", "O"),
        STANDARD_SAMPLE.replace("1", "I"),
        STANDARD_SAMPLE.replace("3", "\u0417"),  # Cyrillic Ze
        STANDARD_SAMPLE.replace("M", "\u041c"),  # Cyrillic Em
        STANDARD_SAMPLE.replace("Y", "\u03a5"),  # Greek Upsilon
        STANDARD_SAMPLE[:-1] + "\u0131",  # dotless i, which raised would be I
        STANDARD_SAMPLE[:-1] + "\ud800",  # half of a character
        "9111000060003IOZSV",
    ],
)
def test_look_alikes_are_a_wrong_format(look_alike: str) -> None:
    assert examine(look_alike).reason == "format"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" - ", "empty"),
        ("12345", "length"),
        (CODE[:-1], "length"),
        (CODE + "0", "length"),
        ("9" * 10_000, "length"),
        (CODE[:2] + "A" + CODE[3:], "format"),
        (CODE[:-1] + ("0" if CODE[-1] != "0" else "1"), "check-digit"),
        ("91110000600037341N", "check-digit"),
        (PILOT_CODE, "check-digit"),
        (CITIZEN_SAMPLE, "citizen-id"),
    ],
)
def test_an_invalid_code_says_why(text: str, reason: str) -> None:
    verdict = examine(text)

    assert not verdict.valid
    assert verdict.reason == reason
    assert verdict.hint
    assert verdict.identifier is None


def test_public_examples_are_judged_as_their_sources_say() -> None:
    reasons = {"ok": None, "ok-after-cleaning": None, "checksum": "check-digit"}
    reasons |= {"legacy": "check-digit", "length": "length", "format": "format"}

    for row in shared_json("uscc/uscc_examples.json"):
        assert examine(row["code"]).reason == reasons[row["want"]], row


def test_a_failing_check_character_mentions_the_pilot_codes() -> None:
    assert "pilot codes" in str(examine(PILOT_CODE).hint)


@pytest.mark.parametrize("prefix", ["A1", "N2", "Y1", "91", "12"])
def test_known_departments_are_accepted_letters_too(prefix: str) -> None:
    verdict = examine(synthetic_uscc(7, prefix))

    assert verdict.valid
    assert verdict.warnings == ()


@pytest.mark.parametrize("prefix", ["01", "B1", "U1"])
def test_an_unknown_department_is_a_warning(prefix: str) -> None:
    verdict = examine(synthetic_uscc(7, prefix))

    assert verdict.valid
    assert verdict.warnings == ("unknown-department",)


def test_a_failing_check_inside_a_sound_code_is_a_warning() -> None:
    inner = ORGANISATION_CODE[:-1] + other_digit(ORGANISATION_CODE[-1])
    verdict = examine(with_check("91000000" + inner))

    assert verdict.valid
    assert verdict.warnings == ("organisation-check",)


@given(bodies(DIGITS), st.sampled_from(USCC_ALPHABET))
def test_python_stdnum_agrees_on_codes_with_digits_in_front(body: str, check: str) -> None:
    for code in (with_check(body), body + check):
        assert examine(code).valid == (judge.is_valid(code) and is_no_persons(code))


@given(credit_codes, st.data())
def test_every_single_substitution_is_caught(code: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, 17))
    wrong = data.draw(st.sampled_from(USCC_ALPHABET).filter(lambda c: c != code[place]))

    assert not examine(code[:place] + wrong + code[place + 1 :]).valid


@given(credit_codes, st.integers(0, 16))
def test_every_swap_of_neighbours_is_caught(code: str, place: int) -> None:
    left, right = code[place], code[place + 1]
    assume(left != right)

    assert not examine(code[:place] + right + left + code[place + 2 :]).valid


def test_no_single_substitution_or_swap_of_a_sample_passes() -> None:
    substituted = [
        STANDARD_SAMPLE[:place] + wrong + STANDARD_SAMPLE[place + 1 :]
        for place in range(18)
        for wrong in USCC_ALPHABET
        if wrong != STANDARD_SAMPLE[place]
    ]
    swapped = [
        STANDARD_SAMPLE[:place]
        + STANDARD_SAMPLE[place + 1]
        + STANDARD_SAMPLE[place]
        + STANDARD_SAMPLE[place + 2 :]
        for place in range(17)
    ]
    wrong = [code for code in substituted + swapped if code != STANDARD_SAMPLE]

    assert len(wrong) > 18 * 30
    assert not [code for code in wrong if examine(code).valid]


# --- the other codes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (CODE, IdentifierKind.USCC),
        (ORGANISATION_CODE, IdentifierKind.ORGANISATION_CODE),
        (REGISTRATION_NUMBER, IdentifierKind.REGISTRATION_NUMBER),
        ("0000000000001", IdentifierKind.REGISTRATION_NUMBER),
        ("12345", None),
        ("1234567", None),
    ],
)
def test_a_kind_is_told_by_its_length_where_something_can_be_checked(
    text: str, kind: IdentifierKind | None
) -> None:
    assert examine(text).kind is kind


@pytest.mark.parametrize("code", ["MA1B3N1N2", "M000100Y4", "69232753X", "69232753-x"])
def test_an_organisation_code_is_held_to_its_own_check(code: str) -> None:
    assert examine(code).valid
    assert examine(code[:-1] + other_digit(code[-1])).reason == "check-digit"


@pytest.mark.parametrize("last", "ABY")
def test_an_organisation_code_ends_with_a_digit_or_x(last: str) -> None:
    assert examine(ORGANISATION_CODE[:-1] + last).reason == "format"


@given(st.text("0123456789", min_size=14, max_size=14))
def test_the_check_digit_of_a_registration_number_is_iso_7064_mod_11_10(body: str) -> None:
    assert mod_11_10.is_valid(body + registration_check_digit(body))


def test_a_registration_number_that_fails_its_check_is_accepted_with_a_warning() -> None:
    wrong = REGISTRATION_NUMBER[:-1] + other_digit(REGISTRATION_NUMBER[-1])

    assert examine(REGISTRATION_NUMBER).warnings == ()
    assert examine(wrong).valid
    assert examine(wrong).warnings == ("registration-check",)


def test_a_registration_number_from_before_2007_has_no_check() -> None:
    assert examine("0000000000001").warnings == ()
    assert examine("00000000000012", IdentifierKind.REGISTRATION_NUMBER).reason == "length"


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        (IdentifierKind.AGENCY_CODE, "33201", None),
        (IdentifierKind.AGENCY_CODE, "3320", "length"),
        (IdentifierKind.AGENCY_CODE, "332010", "length"),
        (IdentifierKind.AGENCY_CODE, "3320A", "format"),
        (IdentifierKind.AGENT_CERTIFICATE, "3312345", None),
        (IdentifierKind.AGENT_CERTIFICATE, "331234", "length"),
        (IdentifierKind.AGENT_CERTIFICATE, "33123456", "length"),
        (IdentifierKind.AGENT_CERTIFICATE, "331234X", "format"),
        (IdentifierKind.ORGANISATION_CODE, CODE, "length"),
        (IdentifierKind.PERSON, "p-1", "not-recorded"),
    ],
)
def test_a_named_kind_is_held_to_its_own_form(
    kind: IdentifierKind, text: str, reason: str | None
) -> None:
    assert examine(text, kind).reason == reason


@pytest.mark.parametrize(
    ("make", "text", "kind"),
    [
        (identifiers.uscc, CODE.lower(), IdentifierKind.USCC),
        (identifiers.organisation_code, ORGANISATION_CODE, IdentifierKind.ORGANISATION_CODE),
        (identifiers.registration_number, REGISTRATION_NUMBER, IdentifierKind.REGISTRATION_NUMBER),
        (identifiers.agency_code, "33201", IdentifierKind.AGENCY_CODE),
        (identifiers.agent_certificate, "3312345", IdentifierKind.AGENT_CERTIFICATE),
    ],
)
def test_each_kind_has_its_maker(
    make: Callable[[str], Identifier], text: str, kind: IdentifierKind
) -> None:
    assert make(text) == Identifier(kind=kind, value=canonical(text))


def test_a_maker_refuses_with_reason_and_remedy() -> None:
    with pytest.raises(InvalidIdentifier, match=r"not a valid uscc \(check-digit\)") as refused:
        uscc(PILOT_CODE)

    assert refused.value.reason == "check-digit"
    assert refused.value.kind is IdentifierKind.USCC
    assert "organisation code" in refused.value.remedy


def test_readings_try_every_kind() -> None:
    assert readings("33201") == (identifiers.agency_code("33201"),)
    assert readings("3312345") == (identifiers.agent_certificate("3312345"),)
    assert readings(CODE.lower()) == (uscc(CODE),)
    assert readings("s-" + "a" * 26) == ()
    assert readings(CITIZEN_SAMPLE) == ()


@pytest.mark.parametrize(
    ("file", "column"),
    [
        ("penalties/ecommerce_blacklist_sample.csv", "组织机构代码"),
        ("penalties/transport_blacklist_sample.csv", "组织机构代码"),
        ("penalties/transport_blacklist_sample.csv", "统一信用代码"),
        ("penalties/ecommerce_blacklist_sample.csv", "工商注册号"),
        ("subjects/zhejiang_inspection_targets_small.csv", "注册号/统一社会信用代码"),
    ],
)
def test_codes_of_public_files_are_recognised(file: str, column: str) -> None:
    codes = [row[column] for row in shared_csv(file) if row[column]]
    valid = [code for code in codes if examine(code).valid]

    assert len(valid) >= 0.9 * len(codes)


# --- identity ----------------------------------------------------------------------------------


def test_the_parts_of_a_credit_code() -> None:
    assert organisation_code_of(STANDARD_SAMPLE) == "M000100Y4"
    assert region_of(STANDARD_SAMPLE) == "350100"


@pytest.mark.parametrize(
    ("prefix", "kind"),
    [
        ("91", SubjectKind.ENTERPRISE),
        ("92", SubjectKind.INDIVIDUAL_BUSINESS),
        ("93", SubjectKind.OTHER_BODY),
        ("12", SubjectKind.PUBLIC_INSTITUTION),
        ("11", SubjectKind.ORGAN),
        ("51", SubjectKind.ASSOCIATION),
        ("52", SubjectKind.OTHER_BODY),
        ("N2", SubjectKind.OTHER_BODY),
    ],
)
def test_the_first_two_places_hint_at_the_legal_kind(prefix: str, kind: SubjectKind) -> None:
    assert legal_kind_hint(synthetic_uscc(1, prefix)) is kind


def test_a_credit_code_and_the_organisation_code_in_it_are_the_same_identity() -> None:
    credit, inner = uscc(CODE), identifiers.organisation_code(ORGANISATION_CODE)

    assert index_keys(credit) == (credit, inner)
    assert index_keys(inner) == (inner,)
    assert same_identity(credit, inner)
    assert same_identity(inner, credit)
    assert same_identity(credit, credit)


def test_different_codes_are_different_identities() -> None:
    number = identifiers.registration_number(REGISTRATION_NUMBER)

    assert not same_identity(uscc(CODE), uscc(synthetic_uscc(2)))
    assert not same_identity(uscc(CODE), uscc(synthetic_uscc(1, "92")))
    assert not same_identity(uscc(CODE), identifier(synthetic_organisation_code(2)))
    assert not same_identity(uscc(CODE), number)
    assert not same_identity(
        identifiers.agency_code("33201"), Identifier(kind=IdentifierKind.PERSON, value="33201")
    )


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_fresh_bytes_make_subject_ids_one_to_one(one: bytes, other: bytes) -> None:
    assert is_subject_id(subject_id_from(one))
    assert (subject_id_from(one) == subject_id_from(other)) == (one == other)


@pytest.mark.parametrize("length", [0, 15, 17])
def test_a_subject_id_takes_exactly_sixteen_bytes(length: int) -> None:
    with pytest.raises(ValueError, match=f"not of {length}"):
        subject_id_from(b"x" * length)


@pytest.mark.parametrize(
    "text", ["", "s-", "s-" + "a" * 25, "s-" + "a" * 27, "S-" + "a" * 26, "s-" + "A" * 26, CODE]
)
def test_other_texts_are_no_subject_ids(text: str) -> None:
    assert not is_subject_id(text)
    assert is_subject_id("s-" + "a1" * 13)


def test_invented_codes_are_sound_and_have_no_division() -> None:
    codes = [synthetic_uscc(n) for n in range(100)]

    assert len(set(codes)) == 100
    assert all(examine(code).valid and not examine(code).warnings for code in codes)
    assert {region_of(code) for code in codes} == {"000000"}
    assert organisation_code_of(codes[5]) == synthetic_organisation_code(5)
    assert organisation_check_character("YY000005") == synthetic_organisation_code(5)[-1]
