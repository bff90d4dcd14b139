"""A note says who, what, since when, until which last day, why, what is unsure and what comes."""

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from api.notes import written
from ledger.commands import CorrectFinding
from ledger.courses.facts import evolve, facts_of
from ledger.edition import read_edition
from ledger.events import (
    Assessment,
    Authority,
    Basis,
    ConvictedParty,
    DeterminationMade,
    DutyPerformed,
    PenaltyKind,
)
from ledger.identifiers import SubjectId
from ledger.rulebook import Rulebooks
from ledger.rulebooks import shipped
from ledger.values import (
    ActId,
    DocumentNumber,
    EventId,
    IndicatorId,
    Line,
    ListId,
    Name,
    Text,
    points,
    yuan,
)
from tests.api.notes.telling import Told, section, told
from tests.examples import (
    AGENCY_RATING,
    ELSEWHERE,
    ENTERPRISE_SCORE,
    FROM_LIST,
    MEASURES,
    PATENT_AGENCY,
    SERIOUS_LIST,
    agency,
    annulment,
    basis,
    conviction,
    determination,
    exit_from,
    listing,
    penalty,
    published_rulebooks,
)
from tests.projections.history import History, subject
from tests.specification import Story, given

CNIPA = Basis(
    authority=Authority(name=Name("示例国家知识产权局")),
    document_number=DocumentNumber("示国知认〔2025〕12号"),
)


def rated(*commands: object) -> Told:
    """A patent agency to which these commands were done."""
    return told(Story().when(*agency(), *commands))  # type: ignore[arg-type]  # commands of any kind


def abnormal_filings(assessed: str | None = "-15") -> object:
    given_points = (
        ()
        if assessed is None
        else (
            Assessment(
                regime=AGENCY_RATING,
                indicator=IndicatorId("abnormal-filings"),
                points=points(assessed),
            ),
        )
    )
    return determination(
        decided_on=date(2025, 6, 16), role=PATENT_AGENCY, assessments=given_points, basis=CNIPA
    )


def stopped() -> object:
    return penalty(
        kinds=(PenaltyKind.STOP_NEW_BUSINESS,),
        fine=None,
        decided_on=date(2026, 7, 6),
        term_ends_on=date(2027, 1, 6),
        offence=Text("泄露委托人的发明创造内容"),
        basis=Basis(
            authority=Authority(name=Name("示例国家知识产权局")),
            instrument=Line("专利代理条例"),
            clause=Line("25"),
            document_number=DocumentNumber("示国知罚〔2026〕7号"),
        ),
    )


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_grade_is_explained_to_the_clause(language: str) -> None:
    """The whole note, beside this test as a lawyer would read it."""
    noted = rated(abnormal_filings(), stopped()).noted(AGENCY_RATING, date(2026, 7, 20))
    wanted = Path(__file__).with_name(f"rated.{language}.txt").read_text("utf-8")
    assert written(noted, language) + "\n" == wanted


def test_measures_are_named_with_the_day_from_which_restoration_may_be_asked() -> None:
    one = rated(abnormal_filings())
    note = one.zh(MEASURES, date(2025, 7, 1))
    (said,) = section(note, "结论")
    assert said == (
        "截至2025年7月1日，该主体适用管理措施〔未核实〕。"
        "上述情形自2025年6月16日起至2026年6月16日止（含当日）。"
    )
    assert section(note, "管理措施")[0] == "1. 财政性资金项目申请从严审批（第九条）。"
    assert len(section(note, "管理措施")) == 7
    (restoration,) = section(note, "信用修复")
    assert "第十三条至第十四条，自2025年12月17日起可以申请信用修复" in restoration
    assert "cnipa-credit/measures" in restoration
    (coming,) = section(note, "此后的变化")
    assert coming.startswith("自2026年6月17日起，该主体未适用管理措施。原因：第1项")
    english = one.en(MEASURES, date(2025, 7, 1))
    assert (
        section(english, "Conclusion")[1] == "It holds since 2025-06-16, to the end of 2026-06-16."
    )
    assert "a restoration may be asked from 2025-12-17 on" in section(english, "Restoration")[0]


def test_the_last_day_is_named_and_the_day_after_it_is_clear() -> None:
    one = rated(abnormal_filings())
    assert "该主体适用管理措施" in one.zh(MEASURES, date(2026, 6, 16))
    assert "该主体未适用管理措施" in one.zh(MEASURES, date(2026, 6, 17))
    assert "under no management measures" in one.en(MEASURES, date(2026, 6, 17))
    assert "Measures" not in one.en(MEASURES, date(2026, 6, 17))


def test_of_measures_that_follow_one_another_the_last_one_ends_them() -> None:
    second = determination(
        act=ActId("FALSE_MATERIAL"), decided_on=date(2026, 5, 20), basis=basis("示〔2026〕5号")
    )
    note = rated(abnormal_filings(), second).zh(MEASURES, date(2026, 6, 1))
    assert len(section(note, "理由")) == 2
    (coming,) = section(note, "此后的变化")
    assert "第2项（示〔2026〕5号）至前一日届满" in coming
    assert "第1项" not in coming


def test_a_missing_assessment_makes_the_note_incomplete_and_says_why() -> None:
    one = rated(abnormal_filings(None))
    chinese = one.zh(AGENCY_RATING, date(2025, 7, 1))
    assert "尚无评定分值，规定区间为-40分至0分" in chinese
    assert "计算：100 = 100分（第2项尚未计入）。" in chinese
    assert any(
        "在补充评定之前，得分不含该项" in line for line in section(chinese, "有待补充的事项")
    )
    english = one.en(AGENCY_RATING, date(2025, 7, 1))
    assert "Together: 100 = 100 points (without 2, which has no points yet)." in english
    assert "(2) is not in the score until it is assessed: not assessed yet" in english


def test_an_invented_rulebook_says_so_in_both_languages() -> None:
    one = told(given(penalty()))
    assert "所据规则系为演示而虚构，任何机关均未发布" in one.zh(ENTERPRISE_SCORE, date(2024, 3, 1))
    assert "INVENTED: these rules were made up" in one.en(ENTERPRISE_SCORE, date(2024, 3, 1))


def test_weights_floors_and_caps_are_reasons_that_add_up() -> None:
    fines = [
        penalty(decided_on=date(2024, 3, day), basis=basis(f"示罚〔2024〕{day}号"))
        for day in (1, 2, 3, 4)
    ]
    one = told(given(*fines, listing(list=ListId("demo-serious"), effective_on=date(2024, 4, 1))))
    chinese = one.zh(ENTERPRISE_SCORE, date(2024, 4, 1))
    reasons = section(chinese, "理由与计算")
    assert "“财产罚”低于下限，以下限计（演示 附表2.2），调整+24分〔未核实〕。" in reasons[5]
    assert (
        "在名单“demo-serious”之上期间，总分以限额为上限（演示 7），调整-1分〔未核实〕。"
        in reasons[6]
    )
    assert reasons[-1] == "计算：100 - 16 - 16 - 16 - 16 + 24 - 1 = 59分。"
    english = one.en(ENTERPRISE_SCORE, date(2024, 4, 1))
    assert "The floor of “财产罚” (art. 演示 附表2.2): +24 points [unverified]." in english
    assert "The cap while on the list demo-serious (art. 演示 7): -1 points" in english
    assert "Together: 100 - 16 - 16 - 16 - 16 + 24 - 1 = 59 points." in english
    assert section(chinese, "有待补充的事项") == ["所据规则系虚构，各项均无从核实。"]


def test_what_is_not_recorded_of_a_decision_is_said_to_be_so() -> None:
    nameless = penalty(basis=Basis())
    one = told(given(nameless))
    assert "（作出机关未记载）于2024年3月1日（文号未记载）对该主体作出行政处罚" in one.zh(
        ENTERPRISE_SCORE, date(2024, 3, 1)
    )
    assert "An authority not recorded, on 2024-03-01 (document number not recorded), imposed" in (
        one.en(ENTERPRISE_SCORE, date(2024, 3, 1))
    )


def test_amounts_and_terms_of_a_penalty_are_named() -> None:
    both = penalty(
        kinds=(PenaltyKind.FINE, PenaltyKind.CONFISCATION),
        fine=yuan("30000.00"),
        confiscated=yuan("1200.50"),
    )
    one = told(given(both))
    chinese = one.zh(ENTERPRISE_SCORE, date(2024, 3, 1))
    assert "：罚款30000元、没收违法所得、没收非法财物（计1200.50元）。" in chinese
    assert "2. 示例市知识产权局于2024年3月1日以示知罚〔2024〕1号对该主体作出行政处罚" in chinese
    assert "3. 同第2项之决定。依指标“没收违法所得、没收非法财物”" in chinese
    english = one.en(ENTERPRISE_SCORE, date(2024, 3, 1))
    assert "a fine of 30000 yuan and confiscation of 1200.50 yuan" in english
    assert "(3) The decision in (2). Counts under “没收违法所得、没收非法财物”" in english


def test_a_penalty_of_another_kind_is_called_what_the_decision_calls_it() -> None:
    other = penalty(kinds=(PenaltyKind.OTHER, PenaltyKind.FINE), kinds_text=Text("责令改正"))
    one = told(given(other))
    assert "其他行政处罚（责令改正）、罚款10000元" in one.zh(ENTERPRISE_SCORE, date(2024, 3, 1))
    assert "another administrative penalty (责令改正) and a fine of 10000 yuan" in one.en(
        ENTERPRISE_SCORE, date(2024, 3, 1)
    )


def test_an_instrument_that_is_marked_as_a_title_already_is_not_marked_again() -> None:
    cited = penalty(basis=Basis(instrument=Line("《商标法》第六十条第二款")))
    assert "，依据《商标法》第六十条第二款。" in told(given(cited)).zh(
        ENTERPRISE_SCORE, date(2024, 3, 1)
    )


def test_equal_doubts_are_told_once() -> None:
    fines = [
        penalty(
            kinds=(PenaltyKind.STOP_NEW_BUSINESS,),
            decided_on=date(2026, 7, day),
            term_ends_on=date(2027, 1, day),
            basis=basis(f"示〔2026〕{day}号"),
        )
        for day in (6, 7)
    ]
    one = rated(*fines)
    assert section(one.zh(AGENCY_RATING, date(2026, 7, 20)), "有待补充的事项") == [
        "第2、3项：起算日、有效期，未经核实。"
    ]
    assert section(one.en(AGENCY_RATING, date(2026, 7, 20)), "not complete") == [
        "In (2), (3), not verified: the day from which it counts, how long it counts."
    ]


def test_a_conviction_says_who_was_convicted() -> None:
    own = told(given(conviction(offence=Text("假冒专利罪"))))
    assert "判决该主体犯罪（假冒专利罪）" in own.zh(ENTERPRISE_SCORE, date(2024, 5, 10))
    managers = told(given(conviction(of=ConvictedParty.SENIOR_MANAGEMENT)))
    assert "判决该主体的高级管理人员犯罪" in managers.zh(ENTERPRISE_SCORE, date(2024, 5, 10))
    english = managers.en(ENTERPRISE_SCORE, date(2024, 5, 10))
    assert "convicted senior management of the subject of a crime" in english


def test_presence_on_a_list_names_the_list_and_its_last_day() -> None:
    named = listing(list_name=Name("严重违法失信主体名单"), basis=basis("示列〔2024〕1号"))
    note = told(given(named)).zh(SERIOUS_LIST, date(2024, 2, 1))
    (said,) = section(note, "结论")
    assert said == (
        "截至2024年2月1日，该主体在名单“严重违法失信主体名单”之上〔未核实〕。"
        "上述情形自2024年1月29日起至2027年1月29日止（含当日）。"
    )
    (reason,) = section(note, "理由")
    assert "将该主体列入名单“严重违法失信主体名单”，自2024年1月29日起" in reason
    assert "列入期间自2024年1月29日起至2027年1月29日止（含当日）（第十六条至第十九条）" in reason
    gone = told(given(named, exit_from())).zh(SERIOUS_LIST, date(2025, 2, 1))
    assert "该主体不在名单“cnipa-serious”之上" in gone


def test_a_list_that_does_not_say_when_says_that() -> None:
    undated = listing(dated=False, channel=FROM_LIST)
    one = told(given(undated))
    assert "公布的名单未载列入日期，以导入之日代之" in one.zh(SERIOUS_LIST, date(2024, 2, 1))
    assert "the list does not say when" in one.en(SERIOUS_LIST, date(2024, 2, 1))


def test_a_corrected_and_performed_finding_says_so() -> None:
    corrected = CorrectFinding(
        finding=EventId("e2"), penalty=penalty(fine=yuan("1.00")), reason=Text("金额有误")
    )
    done = DutyPerformed(
        finding=EventId("e2"), effective_on=date(2024, 4, 1), duty=Text("缴款"), basis=Basis()
    )
    before = told(given(penalty(), corrected))
    one = replace(before, facts=evolve(before.facts, done, 8))
    chinese = one.zh(ENTERPRISE_SCORE, date(2024, 5, 1))
    assert "该项已由账本第7号记录更正；所定义务已于2024年4月1日履行" in chinese
    english = one.en(ENTERPRISE_SCORE, date(2024, 5, 1))
    assert "corrected by record 7; what it ordered was done on 2024-04-01" in english


def test_an_annulled_finding_is_in_no_note() -> None:
    one = told(given(penalty(), annulment("e2")))
    assert "示知罚" not in one.zh(ENTERPRISE_SCORE, date(2024, 5, 1))


def test_a_fact_that_broke_a_rule_is_told_with_the_rule() -> None:
    unknown = determination(act=ActId("REPEATED_INFRINGEMENT"), channel=ELSEWHERE)
    story = given(unknown)
    irregular = story.event(DeterminationMade).irregular
    assert irregular is not None
    note = told(story).zh(ENTERPRISE_SCORE, date(2023, 3, 1))
    assert f"该决定与规定不符（{irregular}），照原样记录" in note


def test_before_the_first_edition_there_is_nothing_to_say() -> None:
    one = rated()
    assert "没有施行中的规则规定该制度，故不作评价" in one.zh(AGENCY_RATING, date(2020, 1, 1))
    english = one.en(AGENCY_RATING, date(2020, 1, 1))
    assert "no edition in force has this regime" in english
    assert "because edition pa-rating-2023-10 comes into force" in english


def test_a_regime_that_does_not_apply_says_whom_it_applies_to() -> None:
    one = told(given())
    assert "身份（专利代理机构），故不适用该制度" in one.zh(AGENCY_RATING, date(2024, 1, 1))
    assert "none of the kinds and roles of the regime (patent-agency)" in one.en(
        AGENCY_RATING, date(2024, 1, 1)
    )


def test_a_day_to_come_is_told_as_a_forecast() -> None:
    one = rated(stopped())
    day = date(2027, 1, 7)
    assert "（将来之日，依现有记录推算）" in one.zh(AGENCY_RATING, day, day - timedelta(days=1))
    assert "推算" not in one.zh(AGENCY_RATING, day, day)
    assert "a day to come" in one.en(AGENCY_RATING, day, day - timedelta(days=1))
    assert "a day to come" not in one.en(AGENCY_RATING, day, day)


@pytest.mark.parametrize(
    ("clause", "said"),
    [
        ("25", "第二十五条"),
        ("6(1)", "第六条第（一）项"),
        ("6（12）", "第六条第（十二）项"),
        ("10-12", "第十条至第十二条"),
        ("110", "第一百一十条"),
        ("101", "第一百零一条"),
        ("第六条第一款", "第六条第一款"),
        ("附件1", "附件1"),
    ],
)
def test_clauses_are_written_as_instruments_write_them(clause: str, said: str) -> None:
    cited = penalty(
        basis=Basis(instrument=Line("《示例条例》"), clause=Line(clause), document_number=None)
    )
    note = told(given(cited)).zh(ENTERPRISE_SCORE, date(2024, 3, 1))
    assert f"依据《示例条例》{said}。" in note


_ENGLISH = re.compile(r"[A-Za-z]{2,} [a-z]{2,}")


def test_whatever_happened_the_note_adds_up_and_the_chinese_one_is_in_chinese() -> None:
    history = History(seed=11, subjects=12)
    history.publish(*shipped())
    history.go_on(500)
    rulebooks = Rulebooks(tuple(read_edition(text) for text in shipped()))
    titles = [edition.title for edition in rulebooks.editions]
    tried = 0
    for number in range(12):
        recorded = [
            (place, one.id, one.event)
            for place, one in enumerate(history.events, start=1)
            if one.stream == subject(number)
        ]
        one = Told(facts_of(recorded), rulebooks, SubjectId(subject(number)))
        for regime in rulebooks.regime_ids():
            for day in (date(2021, 1, 1), date(2023, 6, 1), date(2025, 1, 1), date(2027, 1, 1)):
                noted = one.noted(regime, day)
                chinese, english = one.zh(regime, day), one.en(regime, day)
                for title in titles:
                    chinese = chinese.replace(title, "")
                assert _ENGLISH.search(chinese) is None, chinese
                for mark, note in (("计算：", chinese), ("Together: ", english)):
                    _adds_up(noted.now.score, mark, note)
                assert "None" not in chinese + english
                tried += 1
    assert tried == 12 * len(rulebooks.regime_ids()) * 4


def _adds_up(score: Decimal | None, mark: str, note: str) -> None:
    sums = [line for line in note.splitlines() if line.startswith(mark)]
    if score is None:
        assert sums == []
        return
    (line,) = sums
    said, _, result = line.removeprefix(mark).partition(" = ")
    terms = re.findall(r"(?:^|([-+]) )([-0-9.]+)", said)
    total = sum((Decimal(f"{sign}{number}") for sign, number in terms), Decimal(0))
    found = re.match(r"[-0-9.]+", result)
    assert found is not None
    assert total == Decimal(found[0]) == score


def test_no_note_shows_the_bare_name_of_an_act_of_a_shipped_edition() -> None:
    tried = 0
    for edition in published_rulebooks().editions:
        for act in edition.acts:
            found = determination(rulebook=edition.rulebook, act=act.id, channel=ELSEWHERE)
            one = told(given(replace(found, decided_on=max(edition.from_, found.decided_on))))
            for regime in one.rulebooks.regime_ids():
                day = date(2024, 1, 1)
                assert f": {act.id} (" not in one.en(regime, day)
                assert f"“{act.id}”" not in one.zh(regime, day)
                tried += "found against" in one.en(regime, day)
    assert tried > len(published_rulebooks().editions)
