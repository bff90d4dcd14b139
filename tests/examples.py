"""Ready subjects, commands and rules for all tests; what a test is about it says itself.

Codes are invented. A builder gives the command with everything that it needs, and takes any of its
fields by name in place of what stands here.
"""

from datetime import date
from functools import cache
from typing import Any, Final

from ledger.calendar import official_calendar
from ledger.commands import (
    AnnulFinding,
    AnnulListing,
    AnnulRestoration,
    AssessCommitment,
    DecideListing,
    EndListing,
    GiveRole,
    GrantRestoration,
    ImposePenalty,
    MakeCommitment,
    MakeDetermination,
    ProposeListing,
    RecordConviction,
    RegisterSubject,
    RequestRestoration,
    WaiveDetermination,
)
from ledger.decider import Rules
from ledger.edition import read_edition
from ledger.events import (
    Authority,
    Basis,
    Channel,
    CommitmentKind,
    CommitmentOutcome,
    ConvictedParty,
    PenaltyKind,
)
from ledger.identifiers import SubjectId, SubjectKind, uscc
from ledger.rulebook import Rulebooks
from ledger.rulebooks import shipped
from ledger.values import (
    ActId,
    DocumentNumber,
    EventId,
    Line,
    ListId,
    Name,
    RegimeId,
    Role,
    RulebookId,
    Text,
    yuan,
)
from tests.codes import synthetic_uscc

TODAY: Final = date(2026, 11, 24)
SUBJECT: Final = SubjectId("s-" + "a" * 26)
AUTHORITY: Final = Name("示例市知识产权局")

CNIPA: Final = RulebookId("cnipa-credit")
MEASURES: Final = RegimeId("cnipa-credit/measures")
SERIOUS_LIST: Final = RegimeId("cnipa-credit/serious-list")
SERIOUS: Final = ListId("cnipa-serious")
AGENCY_RATING: Final = RegimeId("pa-rating/agency")
ENTERPRISE_SCORE: Final = RegimeId("demo/enterprise/score")

ABNORMAL_FILING: Final = ActId("ABNORMAL_PATENT_FILING")
AGENCY_PENALISED: Final = ActId("AGENCY_PENALISED")
COMMITMENT_BREACH: Final = ActId("COMMITMENT_BREACH")
PATENT_AGENCY: Final = Role("patent-agency")

HERE: Final = Channel.DECIDED_HERE
ELSEWHERE: Final = Channel.DECIDED_ELSEWHERE
FROM_LIST: Final = Channel.PUBLISHED_LIST


@cache
def published_rulebooks() -> Rulebooks:
    """The editions that a new ledger publishes."""
    return Rulebooks(tuple(read_edition(text) for text in shipped()))


def rules(fresh: str = "fresh", today: date = TODAY, rulebooks: Rulebooks | None = None) -> Rules:
    """What deciding rests on: the shipped editions unless others are given."""
    return Rules(
        rulebooks=published_rulebooks() if rulebooks is None else rulebooks,
        calendar=official_calendar(),
        today=today,
        fresh=EventId(fresh),
    )


def basis(number: str | None = "示知罚〔2024〕1号", authority: str | None = AUTHORITY) -> Basis:
    """The paper of a decision: its number and who signed it, as sent."""
    return Basis(
        authority=None if authority is None else Authority(name=Name(authority)),
        document_number=None if number is None else DocumentNumber(number),
    )


def enterprise(n: int = 1, **fields: Any) -> RegisterSubject:
    """The n-th invented enterprise."""
    given = {"name": Name(f"示例企业{n}有限公司"), "identifiers": (uscc(synthetic_uscc(n)),)}
    return RegisterSubject(**{"kind": SubjectKind.ENTERPRISE, **given, **fields})


def agency(n: int = 1) -> tuple[RegisterSubject, GiveRole]:
    """The n-th invented patent agency: a body, and its role since 2015."""
    named = enterprise(n, name=Name(f"示例专利代理{n}事务所"))
    return named, GiveRole(role=PATENT_AGENCY, effective_on=date(2015, 1, 1))


def penalty(**fields: Any) -> ImposePenalty:
    """A fine of 10 000 yuan, decided on 2024-03-01."""
    given = {
        "kinds": (PenaltyKind.FINE,),
        "decided_on": date(2024, 3, 1),
        "fine": yuan("10000.00"),
        "basis": basis(),
    }
    return ImposePenalty(**{**given, **fields})


def determination(**fields: Any) -> MakeDetermination:
    """Abnormal patent filing, found on 2023-03-01 under the general credit rules."""
    given = {"rulebook": CNIPA, "act": ABNORMAL_FILING, "decided_on": date(2023, 3, 1)}
    return MakeDetermination(**{**given, **fields})


def conviction(**fields: Any) -> RecordConviction:
    """The subject itself, convicted on 2024-05-10."""
    given = {"of": ConvictedParty.SUBJECT, "decided_on": date(2024, 5, 10)}
    return RecordConviction(**{**given, **fields})


def annulment(finding: str, **fields: Any) -> AnnulFinding:
    """The finding set aside on 2024-09-02."""
    given = {"decided_on": date(2024, 9, 2), "reason": Text("认定事实不清")}
    return AnnulFinding(**{"finding": EventId(finding), **given, **fields})


def waiver(**fields: Any) -> WaiveDetermination:
    """Abnormal patent filing, left undetermined on 2023-03-01."""
    given = {
        "rulebook": CNIPA,
        "act": ABNORMAL_FILING,
        "decided_on": date(2023, 3, 1),
        "reason": Text("已主动撤回并消除后果"),
    }
    return WaiveDetermination(**{**given, **fields})


def commitment(**fields: Any) -> MakeCommitment:
    """A promise instead of proof, binding from 2024-01-01 to 2024-12-31."""
    given = {
        "kind": CommitmentKind.PROOF,
        "matter": Text("专利费用减缴备案"),
        "content": Text("所填报信息真实"),
        "effective_on": date(2024, 1, 1),
        "term_ends_on": date(2024, 12, 31),
        "code": Line("CN-2024-1"),
    }
    return MakeCommitment(**{**given, **fields})


def assessment_of(commitment_id: str, **fields: Any) -> AssessCommitment:
    """The commitment found unkept on 2024-06-03."""
    given = {
        "outcome": CommitmentOutcome.NOT_KEPT,
        "unkept": Text("填报信息不实"),
        "decided_on": date(2024, 6, 3),
    }
    return AssessCommitment(**{"commitment": EventId(commitment_id), **given, **fields})


def proposal(**fields: Any) -> ProposeListing:
    """Notice of 2023-12-26 that the subject is to come on the serious list."""
    return ProposeListing(**{"list": SERIOUS, "effective_on": date(2023, 12, 26), **fields})


def listing(**fields: Any) -> DecideListing:
    """On the serious list from 2024-01-29 on."""
    return DecideListing(**{"list": SERIOUS, "effective_on": date(2024, 1, 29), **fields})


def exit_from(list_id: str = SERIOUS, **fields: Any) -> EndListing:
    """Off the list from 2025-02-01 on."""
    if "listing" not in fields:
        fields["list"] = ListId(list_id)
    return EndListing(**{"effective_on": date(2025, 2, 1), **fields})


def listing_annulment(listing_id: str, **fields: Any) -> AnnulListing:
    """The listing set aside on 2024-09-02."""
    given = {"decided_on": date(2024, 9, 2), "reason": Text("列入决定被撤销")}
    return AnnulListing(**{"listing": EventId(listing_id), **given, **fields})


def request(*of: str, **fields: Any) -> RequestRestoration:
    """Restoration asked on 2023-09-02, six months and a day after `determination()`."""
    given = {"rulebook": CNIPA, "requested_on": date(2023, 9, 2)}
    return RequestRestoration(**{"of": tuple(map(EventId, of)), **given, **fields})


def grant(restoration: str | None = None, **fields: Any) -> GrantRestoration:
    """The restoration granted on 2023-09-11."""
    named = None if restoration is None else EventId(restoration)
    return GrantRestoration(**{"restoration": named, "decided_on": date(2023, 9, 11), **fields})


def restoration_annulment(restoration: str, **fields: Any) -> AnnulRestoration:
    """The restoration set aside on 2024-01-10."""
    given = {"decided_on": date(2024, 1, 10), "reason": Text("申请材料虚假")}
    return AnnulRestoration(**{"restoration": EventId(restoration), **given, **fields})
