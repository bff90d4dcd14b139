"""The kinds of penalty in a cell, however they are joined."""

import pytest

from api.importers.penalty_kinds import kinds_in
from ledger.events import PenaltyKind as Kind


@pytest.mark.parametrize(
    "joint",
    ["、", "，", ",", "；", ";", " ", "/", "|", "+", "＋", "\n", "。", "&", "并处", "和", "及", ""],
)
def test_several_kinds_stand_in_one_cell_joined_by_anything(joint: str) -> None:
    assert kinds_in(f"警告{joint}罚款").kinds == (Kind.WARNING, Kind.FINE)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("警告", Kind.WARNING),
        ("通报批评", Kind.CRITICISM),
        ("罚款", Kind.FINE),
        ("没收违法所得", Kind.CONFISCATION),
        ("没收非法财物", Kind.CONFISCATION),
        ("暂扣许可证件", Kind.LICENCE_SUSPENDED),
        ("降低资质等级", Kind.DOWNGRADED),
        ("吊销许可证件", Kind.LICENCE_REVOKED),
        ("限制开展生产经营活动", Kind.BUSINESS_RESTRICTED),
        ("责令停产停业", Kind.BUSINESS_SUSPENDED),
        ("责令关闭", Kind.CLOSED),
        ("限制从业", Kind.BARRED_FROM_PRACTICE),
        ("责令停止承接新的专利代理业务", Kind.STOP_NEW_BUSINESS),
        ("行政拘留", Kind.DETENTION),
        ("其他", Kind.OTHER),
    ],
)
def test_each_kind_of_the_law_is_known_by_its_name(text: str, kind: Kind) -> None:
    read = kinds_in(text)
    assert (read.kinds, read.complete) == ((kind,), True)


@pytest.mark.parametrize(
    "text", ["责令改正", "不予行政处罚", "暂扣或者吊销许可证", "无罪", "免予罚款"]
)
def test_what_is_not_recognised_is_other_and_the_text_is_needed(text: str) -> None:
    read = kinds_in(text)
    assert (read.kinds, read.complete) == ((Kind.OTHER,), False)


def test_a_kind_said_twice_is_one_kind() -> None:
    read = kinds_in("罚款、没收违法所得、没收非法财物、罚款")
    assert read.kinds == (Kind.FINE, Kind.CONFISCATION)


def test_a_kind_inside_a_sentence_is_found_and_the_sentence_is_needed() -> None:
    read = kinds_in("处以人民币三千元罚款,责令改正")
    assert (read.kinds, read.complete) == ((Kind.FINE, Kind.OTHER), False)
