"""Names and document numbers are stored as sent and compared by a folded key."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.folding import (
    BODY_NAME_MAX,
    PERSON_NAME_MAX,
    fold_document_number,
    fold_name,
    name_problems,
    name_warnings,
)

texts = st.text(st.characters(codec="utf-8"))
marks_and_invisibles = st.text(
    st.sampled_from("aeÅßİŉ \u0301\u0323\u200b\u200d\ufeff\ufe0f\u3000\u00a8\u1100\u1161ﬁ．・"),
    max_size=12,
)


def reasons(name: str, limit: int = BODY_NAME_MAX) -> set[str]:
    return {problem.reason for problem in name_problems(name, limit)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\uf900城公司", "\u8c48城公司"),  # a compatibility ideograph
        ("葛\U000e0100城公司", "葛城公司"),  # an ideographic variation selector
        ("阿卜杜拉\u30fb买买提", "阿卜杜拉\u00b7买买提"),
        ("阿卜杜拉\u2022买买提", "阿卜杜拉\u00b7买买提"),
        ("阿卜杜拉\uff0e买买提", "阿卜杜拉\u00b7买买提"),
        ("阿卜杜拉\uff65买买提", "阿卜杜拉\u00b7买买提"),
        ("北京通贸（中国）有限公司", "北京通贸(中国)有限公司"),
        ("北京 通贸\u3000有限公司\n", "北京通贸有限公司"),
        ("ＡＢＣ　Ｃｏ．，Ｌｔｄ．", "abc co.,ltd."),
        ("甲\u200b公司\ufeff", "甲公司"),
        ("Müller", "Mu\u0308ller"),
        ("STRASSE", "Straße"),
    ],
)
def test_names_that_differ_only_in_writing_have_one_key(one: str, other: str) -> None:
    assert one != other
    assert fold_name(one) == fold_name(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("杭州甲科技有限公司", "杭州乙科技有限公司"),
        ("阿卜杜拉·买买提", "阿卜杜拉买买提"),
        ("\U0002c446公司", "公司"),
        ("东方", "東方"),
    ],
)
def test_names_of_others_keep_their_own_key(one: str, other: str) -> None:
    assert fold_name(one) != fold_name(other)


@pytest.mark.parametrize("name", ["\U00020000", "\U0002c446", "\U00030000", "\U00031350"])
def test_rare_ideographs_of_every_extension_are_names(name: str) -> None:
    assert reasons(name + "公司") == set()
    assert fold_name(name) == name


@pytest.mark.parametrize(
    "number",
    [
        "浙知罚字〔2024〕12号",
        "浙知罚字[2024]12号",
        "浙知罚字（2024）12号",
        "浙知罚字【2024】12号",
        "浙知罚字(2024)12号",
        "浙知罚字«2024»12号",
        "浙知罚字［２０２４］１２号",
        "浙知罚字﹝2024﹞12号",
        " 浙知罚字 〔2024〕\u300012 号",
    ],
)
def test_the_brackets_of_a_document_number_do_not_matter(number: str) -> None:
    assert fold_document_number(number) == "浙知罚字〔2024〕12号"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a〔2024〕1号", "A〔2024〕1号", True),
        ("甲〔2024〕1－2号", "甲〔2024〕1-2号", True),
        ("甲〔2024〕1—2号", "甲〔2024〕1-2号", True),
        ("甲〔2024〕1号", "甲〔2024〕1", False),
        ("甲〔2024〕1号", "甲〔2024〕第1号", False),
        ("甲〔2024〕1号", "甲2024〕1号", False),
        ("甲〔2024〕1号", "甲〔2024〕11号", False),
    ],
)
def test_everything_else_in_a_document_number_does(one: str, other: str, *, same: bool) -> None:
    assert (fold_document_number(one) == fold_document_number(other)) is same


@given(st.one_of(texts, marks_and_invisibles))
def test_folding_what_is_folded_changes_nothing(text: str) -> None:
    assert fold_name(fold_name(text)) == fold_name(text)
    assert fold_document_number(fold_document_number(text)) == fold_document_number(text)


@given(st.one_of(texts, marks_and_invisibles))
def test_every_normal_form_of_a_text_has_the_same_key(text: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert fold_name(unicodedata.normalize(form, text)) == fold_name(text)


def test_folding_settles_for_every_character_there_is() -> None:
    for code_point in range(0, sys.maxunicode + 1, 7):
        key = fold_name(chr(code_point))
        assert fold_name(key) == key


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        (" \u3000\u200b", "empty"),
        ("甲" * 201, "too-long"),
        ("a" + "\u0301" * 5, "too-many-marks"),
        ("a" + "\u0301" * 1000, "too-many-marks"),
        ("甲\ue000公司", "private-use"),
        ("甲\uf8ff公司", "private-use"),
        ("甲\U00100000公司", "private-use"),
        ("甲\u202e公司", "bidi-control"),
        ("甲\u2066公司", "bidi-control"),
        ("甲\n公司", "control-character"),
        ("甲\r公司", "control-character"),
        ("甲\t公司", "control-character"),
        ("甲公司\t", "control-character"),
        ("\n甲公司", "control-character"),
        ("甲\u2028公司", "control-character"),
        ("甲\x00公司", "control-character"),
        ("\x00", "control-character"),
        ("甲\x85公司", "control-character"),
        ("甲\ud800公司", "surrogate"),
    ],
)
def test_a_name_that_cannot_be_recorded_says_why(name: str, reason: str) -> None:
    assert reason in reasons(name)


@pytest.mark.parametrize(
    "name",
    [
        "甲",
        "甲" * 200,
        "a" + "\u0301" * 4,
        "葛\U000e0100城公司",
        "\uf900城公司",
        '=HYPERLINK("http://x","查看")',
        "+1",
        "-1",
        "@SUM",
        "＝1",
        "\t=1",
        "\r=1",
        "Smith & Söhne, Ltd. <b>",
        "'; DROP TABLE--",
    ],
)
def test_a_name_that_is_merely_odd_is_recorded(name: str) -> None:
    assert reasons(name) == set()


def test_a_persons_name_is_shorter() -> None:
    assert reasons("甲" * 50, PERSON_NAME_MAX) == set()
    assert reasons("甲" * 51, PERSON_NAME_MAX) == {"too-long"}


def test_each_reason_is_given_once_with_the_place_of_its_first_cause() -> None:
    first, second = name_problems("甲\ue000\ue001\u202e", BODY_NAME_MAX)

    assert (first.reason, second.reason) == ("private-use", "bidi-control")
    assert "character 2 is U+E000" in first.hint
    assert "GB 18030" in first.hint
    assert "character 4 is U+202E" in second.hint


@pytest.mark.parametrize(
    ("name", "warnings"),
    [
        ("阿卜杜拉·买买提", ()),
        ("阿卜杜拉\u30fb买买提", ("separator",)),
        ("阿卜杜拉\u2022买买提", ("separator",)),
        ("阿卜杜拉\uff0e买买提", ("separator",)),
        ("Co., Ltd.", ()),
        ("甲\u200b公司", ("invisible-character",)),
        ("\t甲\u2022乙\ufeff", ("separator", "invisible-character", "leading-control")),
    ],
)
def test_oddities_that_are_folded_away_are_warned_of(name: str, warnings: tuple[str, ...]) -> None:
    assert name_warnings(name) == warnings


@given(texts)
def test_no_text_breaks_the_checks_of_a_name(text: str) -> None:
    for problem in name_problems(text, BODY_NAME_MAX):
        assert problem.hint.isprintable()
    name_warnings(text)
