"""The note in Chinese, as a lawyer would put it: 结论、理由、存疑、变化、修复."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Final, assert_never

from ledger.courses.facts import FindingFact, ListingFact
from ledger.courses.restoration import RestorationAnswer
from ledger.courses.states import CLEAR
from ledger.dates import last_day_before
from ledger.events import (
    Basis,
    ConvictedParty,
    ConvictionRecorded,
    DeterminationMade,
    PenaltyImposed,
    PenaltyKind,
)
from ledger.explanation import LISTED, UNDER_MEASURES, Explanation
from ledger.identifiers import IdentifierKind, SubjectKind
from ledger.rulebook import (
    DateName,
    Edition,
    ListingRegime,
    MeasuresRegime,
    RestorationRegime,
    ScoringRegime,
    Status,
)

from .noted import Doubt, Ground, Noted, Rule

__all__ = ["write"]

# Words --------------------------------------------------------------------------------------------

_KINDS: Final[Mapping[SubjectKind, str]] = {
    SubjectKind.ENTERPRISE: "企业",
    SubjectKind.INDIVIDUAL_BUSINESS: "个体工商户",
    SubjectKind.PUBLIC_INSTITUTION: "事业单位",
    SubjectKind.UNIVERSITY: "高等学校",
    SubjectKind.ORGAN: "机关",
    SubjectKind.ASSOCIATION: "社会组织",
    SubjectKind.OTHER_BODY: "其他组织",
    SubjectKind.NATURAL_PERSON: "自然人",
}
_CODES: Final[Mapping[IdentifierKind, str]] = {
    IdentifierKind.USCC: "统一社会信用代码",
    IdentifierKind.ORGANISATION_CODE: "组织机构代码",
    IdentifierKind.REGISTRATION_NUMBER: "注册号",
    IdentifierKind.AGENCY_CODE: "代理机构代码",
    IdentifierKind.AGENT_CERTIFICATE: "资格证号",
    IdentifierKind.PERSON: "个人标识",
}
_ROLES: Final[Mapping[str, str]] = {
    "patent-agency": "专利代理机构",
    "trademark-agency": "商标代理机构",
    "patent-agent": "专利代理师",
    "trademark-agent": "商标代理从业人员",
}
# 国家知识产权局知识产权信用管理规定, art. 6: an edition names acts, it does not word them.
_ACTS: Final[Mapping[str, str]] = {
    "ABNORMAL_PATENT_FILING": "不以保护创新为目的的非正常专利申请",
    "BAD_FAITH_TM_FILING": "恶意商标注册申请",
    "AGENCY_PENALISED": "违法从事专利、商标代理并受到行政处罚",
    "FALSE_MATERIAL": "提交虚假材料或者隐瞒重要事实申请行政确认",
    "COMMITMENT_BREACH": "承诺不实或者未履行承诺",
    "REFUSE_TO_PERFORM": "有履行能力而拒不履行、逃避执行",
    "OTHER_CATALOGUE": "列入公共信用信息目录的其他失信行为",
    "REPEATED_INFRINGEMENT": "重复侵权",
    "FILINGS_PER_AGENT": "人均代理申请量明显异常",
}
_PENALTIES: Final[Mapping[PenaltyKind, str]] = {
    PenaltyKind.WARNING: "警告",
    PenaltyKind.CRITICISM: "通报批评",
    PenaltyKind.FINE: "罚款",
    PenaltyKind.CONFISCATION: "没收违法所得、没收非法财物",
    PenaltyKind.LICENCE_SUSPENDED: "暂扣许可证件",
    PenaltyKind.DOWNGRADED: "降低资质等级",
    PenaltyKind.LICENCE_REVOKED: "吊销许可证件",
    PenaltyKind.BUSINESS_RESTRICTED: "限制开展生产经营活动",
    PenaltyKind.BUSINESS_SUSPENDED: "责令停产停业",
    PenaltyKind.CLOSED: "责令关闭",
    PenaltyKind.BARRED_FROM_PRACTICE: "限制从业",
    PenaltyKind.STOP_NEW_BUSINESS: "责令停止承接新业务",
    PenaltyKind.DETENTION: "行政拘留",
    PenaltyKind.OTHER: "其他行政处罚",
}
_DATES: Final[Mapping[str, str]] = {
    DateName.ACTED_ON: "行为发生日",
    DateName.DECIDED_ON: "决定日",
    DateName.EFFECTIVE_ON: "生效日",
    DateName.REQUESTED_ON: "申请日",
    DateName.ACCEPTED_ON: "受理日",
    DateName.PUBLISHED_ON: "公布日",
    DateName.SERVED_ON: "送达日",
    DateName.TERM_ENDS_ON: "期限届满日",
}
_DOUBTS: Final[Mapping[Doubt, str]] = {
    Doubt.BASE: "基础分",
    Doubt.LIMIT: "限额",
    Doubt.POINTS: "分值",
    Doubt.START: "起算日",
    Doubt.START_NOT_PUBLISHED: "起算日（未公布）",
    Doubt.VALIDITY: "有效期",
    Doubt.WEIGHT: "权重",
    Doubt.EARLIER_FACTS: "施行前事实的计入",
    Doubt.ENTRY: "列入程序",
    Doubt.PERIOD: "期间",
    Doubt.REPEAT: "期间的接续",
    Doubt.CAP: "连续期间的上限",
    Doubt.OTHERS: "一项提前终止时其余各项的期间",
}
_STATUSES: Final[Mapping[Status, str]] = {
    Status.UNCHECKED: "规则文本尚未与发文机关公布的正本核对，本说明的各项结论均应视为未经核实。",
    Status.DRAFT: "所据规则系草案，尚未施行，本说明仅供模拟。",
    Status.DEMO: "所据规则系为演示而虚构，任何机关均未发布，其中数值均非法律规定。",
}
_NOTES: Final = (
    (r"validity not published", "有效期未公布"),
    (r"term of the penalty not recorded", "处罚期限未记载"),
    (r"a validity in working days is not counted: open", "以工作日计的有效期未予计算，视为未届满"),
    (r"working days are not counted: open", "以工作日计的期间未予计算，视为未届满"),
    (r"it lasts beyond the year 9999", "期限超出可以计算的年份"),
    (r"points not published", "分值未公布"),
    (r"period not published", "期间未公布"),
    (r"no assessment: points from (\S+) to (\S+)", r"尚无评定分值，规定区间为\1分至\2分"),
    (r"day of the listing not published", "列入日期未公布"),
    (r"ended by restoration (\S+)", r"因信用修复提前终止（事项\1）"),
    (r"cut at the cap of the chain", "因达到连续期间的上限而截止"),
    (r"the earliest day was not published", "最早可以申请之日未公布"),
    (
        r"decided before the edition's first day, not counted: .*",
        "作出于该版本施行之前，应否计入未公布或者未核实，暂不计分",
    ),
)
_COUNTED_FROM_EFFECTIVE: Final = re.compile(r"(\w+) not recorded: counted from effective_on")
_NOT_ON_RECORD: Final = re.compile(r"(\w+) is not on record")
_FROM_RESTORATION: Final = re.compile(r"counted from the restoration of (\S+)")
_NUMERALS: Final = "零一二三四五六七八九"
_ARTICLE: Final = re.compile(r"([0-9]{1,3})(?:[(（]([0-9]{1,2})[)）])?")
_ARTICLES: Final = re.compile(r"([0-9]{1,3})-([0-9]{1,3})")
_UNSURE: Final = "〔未核实〕"


# The note -----------------------------------------------------------------------------------------


def write(noted: Noted) -> Iterator[str]:
    """The lines of the note."""
    yield "知识产权信用情况说明"
    yield ""
    yield from _head(noted)
    sections = (
        ("结论", _conclusion(noted)),
        ("理由" if noted.now.score is None else "理由与计算", _reasons(noted)),
        ("管理措施", _measures(noted)),
        ("未经核实和有待补充的事项", _doubts(noted)),
        ("此后的变化", _changes(noted)),
        ("信用修复", _restorations(noted)),
    )
    number = 0
    for title, lines in sections:
        said = list(lines)
        if said:
            number += 1
            yield ""
            yield f"{_numeral(number)}、{title}"
            yield from said
    yield ""
    yield "本说明依账本记录生成，所列事实均注明记录号，可逐项核对；不构成法律意见。"


def _head(noted: Noted) -> Iterator[str]:
    subject = noted.subject
    codes = "".join(f"，{_CODES[one.kind]} {one.value}" for one in subject.identifiers)
    name = subject.name or "名称未记载"
    yield f"信用主体：{name}（{_KINDS[subject.kind]}{codes}）"
    yield f"账本编号：{subject.subject}"
    forecast = "（将来之日，依现有记录推算）" if noted.is_forecast else ""
    yield f"截至日期：{_day(noted.at.as_of)}{forecast}"
    yield f"所据记录：账本第{noted.at.known_at}号及以前的记录"
    if noted.edition is not None:
        yield f"适用规则：{_rules(noted.edition)}，版本 {noted.edition.id}"
    yield f"所属制度：{noted.now.regime}"
    if noted.edition is not None and noted.edition.status in _STATUSES:
        yield f"特别提示：{_STATUSES[noted.edition.status]}"


def _rules(edition: Edition) -> str:
    number = "" if edition.number is None else f"（{edition.number}）"
    return f"《{edition.title}》{number}"


def _conclusion(noted: Noted) -> Iterator[str]:
    now = noted.now
    day = f"截至{_day(noted.at.as_of)}，"
    if now.score is not None:
        marks = "" if now.verified else _UNSURE
        grade = f"信用等级为{now.grade}级，" if now.grade is not None else "没有对应的信用等级，"
        yield f"{day}该主体{grade}得分{_number(now.score)}分{marks}。{_term(now)}"
        return
    yield f"{day}{_state(noted, now.state)}{'' if now.verified else _UNSURE}。{_term(now)}"


def _state(noted: Noted, state: str) -> str:
    match state:
        case "no-edition":
            return "没有施行中的规则规定该制度，故不作评价"
        case "does-not-apply":
            wanted = () if noted.regime is None else noted.regime.applies_to
            named = "、".join(_word(one) for one in wanted)
            return f"该主体不具备该制度所适用的主体类别或者身份（{named}），故不适用该制度"
        case s if s == UNDER_MEASURES:
            return "该主体适用管理措施"
        case s if s == LISTED:
            return f"该主体在名单“{_list_named(noted)}”之上"
        case s if s == CLEAR and noted.kind is MeasuresRegime:
            return "该主体未适用管理措施"
        case s if s == CLEAR and noted.kind is ListingRegime:
            return f"该主体不在名单“{_list_named(noted)}”之上"
        case s if s == CLEAR and noted.kind is RestorationRegime:
            return "修复制度本身不使该主体承受不利后果"
        case _:
            return state


def _list_named(noted: Noted) -> str:
    for ground in noted.grounds:
        if isinstance(ground.fact, ListingFact) and ground.fact.list_name is not None:
            return ground.fact.list_name
    regimes = [found for _, found in noted.rulebooks.editions_with(noted.now.regime)]
    return next((one.list for one in regimes if isinstance(one, ListingRegime)), noted.now.regime)


def _term(now: Explanation) -> str:
    """From when, and until which last day, what holds does."""
    begins = "" if now.from_ is None else f"自{_day(now.from_)}起"
    if now.until is None:
        return f"上述情形{begins}持续，依现有记录没有届满之日。" if begins else ""
    return f"上述情形{begins}至{_day(last_day_before(now.until))}止（含当日）。"


# Reasons ------------------------------------------------------------------------------------------


def _reasons(noted: Noted) -> Iterator[str]:
    for ground in noted.grounds:
        yield f"{ground.number}. {_reason(noted, ground)}"
    if noted.now.score is not None and noted.grounds:
        yield _sum(noted)


def _reason(noted: Noted, ground: Ground) -> str:
    line = ground.reason
    mark = "" if line.verified else _UNSURE
    if ground.rule is not None:
        return f"{_rule(ground)}{mark}。"
    if ground.same_as is not None:
        fact = f"同第{ground.same_as}项之决定"
    else:
        fact = "所据事实不在记录之内" if ground.fact is None else _fact(noted, ground.fact)
    counted = _counted(noted, ground)
    notes = "".join(f"；{one}" for one in _notes(line.note))
    return f"{fact}。{counted}{notes}{mark}。（账本第{line.position}号记录）"


def _rule(ground: Ground) -> str:
    line = ground.reason
    clause = "" if line.clause is None else f"（{_clause(line.clause)}）"
    points = "" if line.points is None else _signed(line.points)
    whose = "总分" if ground.title is None else f"“{ground.title}”"
    match ground.rule:
        case Rule.BASE:
            return f"基础分{'' if line.points is None else _number(line.points)}分{clause}"
        case Rule.FLOOR:
            return f"{whose}低于下限，以下限计{clause}，调整{points}分"
        case Rule.CEILING:
            return f"{whose}高于上限，以上限计{clause}，调整{points}分"
        case Rule.CAP:
            return f"在名单{whose}之上期间，总分以限额为上限{clause}，调整{points}分"
        case None:
            return ""
        case never:
            assert_never(never)


def _counted(noted: Noted, ground: Ground) -> str:
    """What the regime makes of the fact, and for which days."""
    line = ground.reason
    clause = "" if line.clause is None else f"（{_clause(line.clause)}）"
    if noted.kind is ScoringRegime:
        points = "未计分" if line.points is None else _gives(line.points)
        return f"依指标“{ground.title}”{clause}{points}，计分期间{_days(line.from_, line.until)}"
    what = "列入期间" if noted.kind is ListingRegime else "措施期间"
    return f"{what}{_days(line.from_, line.until)}{clause}"


def _gives(points: Decimal) -> str:
    if points < 0:
        return f"扣{_number(-points)}分"
    return f"加{_number(points)}分" if points else "计0分"


def _sum(noted: Noted) -> str:
    counted = [one for one in noted.grounds if one.reason.points is not None]
    terms = "".join(
        _summand(one.reason.points, first=not place) for place, one in enumerate(counted)
    )
    missing = [one.number for one in noted.grounds if one.reason.points is None]
    without = f"（第{'、'.join(map(str, missing))}项尚未计入）" if missing else ""
    assert noted.now.score is not None, "a sum is of a score"
    return f"计算：{terms} = {_number(noted.now.score)}分{without}。"


def _summand(points: Decimal | None, *, first: bool) -> str:
    assert points is not None, "only what has points is added up"
    if first:
        return _number(points)
    return f" - {_number(-points)}" if points < 0 else f" + {_number(points)}"


def _fact(noted: Noted, fact: FindingFact | ListingFact) -> str:
    """The decision behind a reason: who, when, by which document, on what ground."""
    if isinstance(fact, ListingFact):
        said = _listing(fact)
    else:
        said = _finding(noted, fact)
        if fact.corrected_at is not None:
            said += f"；该项已由账本第{fact.corrected_at}号记录更正"
        if fact.performed_on is not None:
            said += f"；所定义务已于{_day(fact.performed_on)}履行"
    content = fact.decided if isinstance(fact, ListingFact) else fact.content
    irregular = None if content is None else content.irregular
    return said if irregular is None else f"{said}；该决定与规定不符（{irregular}），照原样记录"


def _finding(noted: Noted, fact: FindingFact) -> str:
    content = fact.content
    by = _by(content.basis, content.decided_on)
    match content:
        case DeterminationMade():
            edition = noted.rulebooks.edition(content.edition)
            rules = content.edition if edition is None else f"《{edition.title}》"
            clause = "" if content.clause is None else _clause(content.clause)
            acting = "" if content.role is None else f"（以{_word(content.role)}身份）"
            act = _ACTS.get(content.act, content.act)
            return f"{by}认定该主体{acting}有“{act}”的失信行为（{rules}{clause}）"
        case PenaltyImposed():
            said = f"{by}对该主体{_offence(content)}作出行政处罚：{_penalties(content)}"
            return said + _under(content.basis)
        case ConvictionRecorded():
            own = content.of is ConvictedParty.SUBJECT
            whom = "该主体" if own else "该主体的高级管理人员"
            offence = "犯罪" if content.offence is None else f"犯罪（{content.offence}）"
            return f"{by}判决{whom}{offence}"
        case never:
            assert_never(never)


def _offence(content: PenaltyImposed) -> str:
    return "" if content.offence is None else f"“{content.offence}”的行为"


def _penalties(content: PenaltyImposed) -> str:
    ends = content.term_ends_on
    named = "、".join(_penalty(kind, content) for kind in content.kinds)
    return named if ends is None else f"{named}，期限至{_day(ends)}"


def _penalty(kind: PenaltyKind, content: PenaltyImposed) -> str:
    """One kind of penalty, with its amount; of another kind what the decision called it."""
    named = _PENALTIES[kind]
    if kind is PenaltyKind.FINE and content.fine is not None:
        return f"{named}{_yuan(content.fine)}元"
    if kind is PenaltyKind.CONFISCATION and content.confiscated is not None:
        return f"{named}（计{_yuan(content.confiscated)}元）"
    if kind is PenaltyKind.OTHER and content.kinds_text is not None:
        return f"{named}（{content.kinds_text}）"
    return named


def _under(basis: Basis) -> str:
    if basis.instrument is None:
        return ""
    # Files give title and clause in one, marked as a title already.
    title = basis.instrument if "《" in basis.instrument else f"《{basis.instrument}》"
    return f"，依据{title}{'' if basis.clause is None else _clause(basis.clause)}"


def _listing(fact: ListingFact) -> str:
    name = fact.list_name or fact.list
    decided = fact.decided
    if decided is None:
        return f"该主体拟列入名单“{name}”"
    by = _by(decided.basis, decided.decided_on)
    undated = "" if decided.dated else "（公布的名单未载列入日期，以导入之日代之）"
    reason = "" if decided.reason is None else f"，事由：{decided.reason}"
    starts = _day(decided.effective_on)
    return f"{by}将该主体列入名单“{name}”，自{starts}起{undated}{reason}"


def _by(basis: Basis, decided_on: date | None) -> str:
    """The authority, the day and the document number; what is not recorded is said to be so."""
    authority = basis.authority
    named = None if authority is None else (authority.name or authority.code)
    day = "决定日期未记载" if decided_on is None else f"于{_day(decided_on)}"
    number = basis.document_number
    by = "（文号未记载）" if number is None else f"以{number}"
    return f"{named or '（作出机关未记载）'}{day}{by}"


# The rest -----------------------------------------------------------------------------------------


def _measures(noted: Noted) -> Iterator[str]:
    for number, measure in enumerate(noted.measures, start=1):
        mark = "" if measure.mark.verified else _UNSURE
        clause = "" if measure.mark.clause is None else f"（{_clause(measure.mark.clause)}）"
        yield f"{number}. {measure.text}{clause}{mark}。"


def _doubts(noted: Noted) -> Iterator[str]:
    edition = noted.edition
    if edition is not None and edition.status is Status.DEMO:
        yield "所据规则系虚构，各项均无从核实。"
    else:
        if edition is not None and not edition.in_force.verified:
            yield f"版本 {edition.id} 的施行日期未经核实。"
        if not noted.is_band_sure:
            yield f"{noted.now.grade}级的分数界线未经核实。"
        for doubts, numbers in noted.doubtful:
            said = "、".join(_DOUBTS[doubt] for doubt in doubts)
            yield f"第{'、'.join(map(str, numbers))}项：{said}，未经核实。"
    for ground in noted.grounds:
        if noted.now.score is not None and ground.reason.points is None:
            why = "；".join(_notes(ground.why_without_points)) or "尚无分值"
            yield f"第{ground.number}项：{why}；在补充评定之前，得分不含该项。"


def _changes(noted: Noted) -> Iterator[str]:
    then = noted.then
    if then is None or noted.now.next is None:
        yield "依现有记录，此后不再变化。"
        return
    starts = _day(noted.now.next.from_)
    if then.score is not None:
        became = f"信用等级为{then.grade}级，得分{_number(then.score)}分"
    else:
        became = _state(noted, then.state)
    causes = "；".join(_causes(noted, then))
    yield f"自{starts}起，{became}。{causes and f'原因：{causes}。'}"


def _causes(noted: Noted, then: Explanation) -> Iterator[str]:
    now = noted.now
    if now.edition != then.edition:
        ended = f"版本 {now.edition} 不再施行"
        yield ended if then.edition is None else f"版本 {then.edition} 自该日起施行"
    elif (now.state == "does-not-apply") != (then.state == "does-not-apply"):
        gained = now.state == "does-not-apply"
        yield f"该主体{'取得' if gained else '不再具备'}该制度所适用的身份"
    for ground in noted.ends:
        clause = "" if ground.reason.clause is None else f"，依{_clause(ground.reason.clause)}"
        yield f"第{ground.number}项{_name(ground)}至前一日届满{clause}"
    for ground in noted.begins:
        clause = "" if ground.reason.clause is None else f"，依{_clause(ground.reason.clause)}"
        yield f"{_name(ground) or '新的事项'}自该日起计{clause}"


def _name(ground: Ground) -> str:
    """A reason in few words."""
    if ground.rule is not None:
        return f"（{_rule(ground)}）"
    said = "、".join(one for one in (ground.title, ground.document_number) if one is not None)
    return f"（{said}）" if said else ""


def _restorations(noted: Noted) -> Iterator[str]:
    answers = noted.now.restorations
    for answer in answers:
        yield _restoration(noted, answer)
    if not answers and noted.grounds:
        yield "就上列事项，已发布的规则没有可以申请信用修复的规定，或者已经修复。"


def _restoration(noted: Noted, answer: RestorationAnswer) -> str:
    ground = noted.ground_of(answer.fact)
    fact = noted.fact(answer.fact)
    if ground is not None:
        what = f"第{ground.number}项{_name(ground)}"
    else:
        what = "所列事项" if fact is None else _fact(noted, fact)
    edition = noted.rulebooks.edition(answer.edition)
    rules = answer.edition if edition is None else f"《{edition.title}》"
    clause = "" if answer.clause is None else _clause(answer.clause)
    notes = "".join(f"；{one}" for one in _notes(answer.note))
    mark = "" if answer.verified else _UNSURE
    ends = "、".join(answer.ends)
    when = (
        "可以申请信用修复之日不能确定"
        if answer.earliest_request is None
        else f"自{_day(answer.earliest_request)}起可以申请信用修复"
    )
    return f"{what}：依{rules}{clause}，{when}{notes}；修复后其在 {ends} 中的后果提前终止{mark}。"


# How things are written ---------------------------------------------------------------------------


def _day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def _days(from_: date | None, until: date | None) -> str:
    since = "" if from_ is None else f"自{_day(from_)}起"
    if until is None:
        return f"{since}，届满之日未定".removeprefix("，")
    return f"{since}至{_day(last_day_before(until))}止（含当日）"


def _number(number: Decimal) -> str:
    return format(number, "f")


def _signed(number: Decimal) -> str:
    return format(number, "+f")


def _yuan(amount: Decimal) -> str:
    return format(amount, "f").removesuffix(".00")


def _word(name: str) -> str:
    """A role or a kind in Chinese; one that is not known here as it stands."""
    kinds = {kind.value: word for kind, word in _KINDS.items()}
    return _ROLES.get(name) or kinds.get(name) or name


def _clause(clause: str) -> str:
    """`6(1)` → 第六条第(一)项, `10-12` → 第十条至第十二条; any other text as it stands.

    In Chinese instruments only items (项) are numbered in brackets; paragraphs (款) have no number.
    """
    if match := _ARTICLE.fullmatch(clause):
        item = "" if match[2] is None else f"第（{_numeral(int(match[2]))}）项"
        return f"第{_numeral(int(match[1]))}条{item}"
    if match := _ARTICLES.fullmatch(clause):
        return f"第{_numeral(int(match[1]))}条至第{_numeral(int(match[2]))}条"
    return clause


def _numeral(number: int) -> str:
    """A number below 1 000 in Chinese."""
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    said = f"{_NUMERALS[hundreds]}百" if hundreds else ""
    if tens:
        said += "十" if tens == 1 and not hundreds else f"{_NUMERALS[tens]}十"
    elif hundreds and ones:
        said += "零"
    return said + (_NUMERALS[ones] if ones or not said else "")


def _notes(note: str | None) -> Iterable[str]:
    return () if note is None else tuple(map(_note, note.split("; ")))


def _note(note: str) -> str:
    """A note of the courses in Chinese; one that is not known here as it stands."""
    if match := _COUNTED_FROM_EFFECTIVE.fullmatch(note):
        return f"{_DATES.get(match[1], match[1])}未记载，自生效日起计"
    if match := _NOT_ON_RECORD.fullmatch(note):
        return f"{_DATES.get(match[1], match[1])}未记载"
    if match := _FROM_RESTORATION.fullmatch(note):
        return f"自{_day(date.fromisoformat(match[1]))}的上一次修复起算"
    for pattern, said in _NOTES:
        if re.fullmatch(pattern, note):
            return re.sub(pattern, said, note)
    return note
