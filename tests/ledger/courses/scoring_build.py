"""Short ways to write scoring regimes and the facts that they count."""

from datetime import date
from decimal import Decimal

from ledger.courses.facts import EarlyEnd, Facts, FindingFact, ListingFact, Profile, RoleHeld
from ledger.dates import Period
from ledger.events import (
    Assessment,
    ConvictedParty,
    ConvictionRecorded,
    DeterminationMade,
    Finding,
    ListingDecided,
    PenaltyImposed,
    PenaltyKind,
)
from ledger.events.basis import UNKNOWN_BASIS, Channel
from ledger.identifiers import SubjectKind
from ledger.rulebook import (
    Band,
    Base,
    Cap,
    Clock,
    CountsFacts,
    DateName,
    Edition,
    Indicator,
    Limit,
    Mark,
    Match,
    Node,
    PointsTerm,
    Regime,
    Rulebooks,
    ScoringRegime,
    Status,
    Validity,
    Weight,
)
from ledger.values import (
    ActId,
    Digest,
    EditionId,
    EventId,
    IndicatorId,
    ListId,
    Points,
    RegimeId,
    Role,
    RulebookId,
)

RULEBOOK = RulebookId("test/rating")
REGIME = RegimeId("test/rating/score")
START = date(2020, 1, 1)
SURE = Mark(clause=None, verified=True, source=())
UNSURE = Mark(clause=None, verified=False, source=())


def clause(text: str) -> Mark:
    return Mark(clause=text, verified=True, source=())


def gives(points: str | None = None, low: str | None = None, high: str | None = None) -> PointsTerm:
    return PointsTerm(
        is_=None if points is None else Decimal(points),
        from_=None if low is None else Decimal(low),
        to=None if high is None else Decimal(high),
        given_by=None if points is not None else "assessment",
        mark=clause("5"),
    )


def lasts(mark: Mark = SURE, **units: int) -> Validity:
    return Validity(period=Period(**units), of_penalty_term=False, mark=mark)


PENALTY_TERM = Validity(period=None, of_penalty_term=True, mark=SURE)


def clock(start: str = "effective_on", mark: Mark = SURE) -> Clock:
    return Clock(start=DateName(start), mark=mark)


def indicator(
    act: str,
    points: PointsTerm | str,
    validity: Validity | None = None,
    start: Clock | None = None,
    on: Match | None = None,
) -> Indicator:
    """An indicator, named as the act that it counts in lower case."""
    return Indicator(
        id=IndicatorId(act.lower()),
        title=None,
        on=on or Match(event=("determination-made",), act=(act,)),
        points=gives(points) if isinstance(points, str) else points,
        clock=start or clock(),
        lasts=validity,
    )


def limit(points: str | None, mark: Mark = SURE) -> Limit | None:
    return None if points is None else Limit(points=Decimal(points), mark=mark)


def node(
    name: str,
    *children: Node | Indicator,
    weight: str | None = None,
    floor: str | None = None,
    ceiling: str | None = None,
    mark: Mark = SURE,
) -> Node:
    return Node(
        id=IndicatorId(name),
        title=None,
        weight=None if weight is None else Weight(factor=Decimal(weight), mark=mark),
        floor=limit(floor, mark),
        ceiling=limit(ceiling, mark),
        nodes=tuple(child for child in children if isinstance(child, Node)),
        indicators=tuple(child for child in children if isinstance(child, Indicator)),
    )


def band(grade: str, from_: str | None = None, above: str | None = None, mark: Mark = SURE) -> Band:
    return Band(
        grade=grade,
        from_=None if from_ is None else Decimal(from_),
        above=None if above is None else Decimal(above),
        mark=mark,
    )


BANDS = (
    band("A+", above="100"),
    band("A", "90"),
    band("B", "80"),
    band("C", "60"),
    band("D"),
)


def scoring(
    *children: Node | Indicator,
    applies_to: tuple[str, ...] = (),
    base: str = "100",
    floor: str | None = None,
    ceiling: str | None = None,
    caps: tuple[Cap, ...] = (),
    bands: tuple[Band, ...] = BANDS,
    name: RegimeId = REGIME,
) -> ScoringRegime:
    top = node("top", *children)
    return ScoringRegime(
        id=name,
        applies_to=applies_to,
        base=Base(points=Decimal(base), mark=SURE),
        bands=bands,
        nodes=top.nodes,
        indicators=top.indicators,
        floor=limit(floor),
        ceiling=limit(ceiling),
        caps=caps,
    )


def cap(name: str, points: str, mark: Mark = SURE) -> Cap:
    return Cap(list=ListId(name), points=Decimal(points), mark=mark)


def edition(
    *regimes: Regime,
    name: str = "test-1",
    from_: date = START,
    until: date | None = None,
    status: Status = Status.OFFICIAL,
    counts: str | None = None,
    counts_mark: Mark = SURE,
) -> Edition:
    return Edition(
        id=EditionId(name),
        rulebook=RULEBOOK,
        title="A rating for tests",
        number=None,
        status=status,
        from_=from_,
        until=until,
        in_force=SURE,
        succeeds=None,
        counts_facts=None if counts is None else CountsFacts(from_before=counts, mark=counts_mark),
        acts=(),
        regimes=regimes,
        sources=(),
        digest=Digest("sha256:" + "0" * 64),
    )


def in_force(*children: Node | Indicator) -> Rulebooks:
    """One official edition with one regime of these children, in force from START."""
    return Rulebooks((edition(scoring(*children)),))


def assessed(indicator_id: str, points: str, regime: RegimeId = REGIME) -> Assessment:
    return Assessment(
        regime=regime, indicator=IndicatorId(indicator_id), points=Points(Decimal(points))
    )


def determination(
    act: str,
    effective: date,
    decided: date | None = None,
    assessments: tuple[Assessment, ...] = (),
    published: date | None = None,
) -> DeterminationMade:
    return DeterminationMade(
        finding=EventId("to be named"),
        rulebook=RULEBOOK,
        edition=EditionId("test-1"),
        act=ActId(act),
        clause=None,
        role=None,
        rests_on=None,
        acted_on=None,
        decided_on=decided or effective,
        effective_on=effective,
        published_on=published,
        served_on=None,
        facts=None,
        assessments=assessments,
        channel=Channel.DECIDED_HERE,
        origin=None,
        irregular=None,
        basis=UNKNOWN_BASIS,
    )


def penalty(kind: PenaltyKind, effective: date, term_ends: date | None = None) -> PenaltyImposed:
    return PenaltyImposed(
        finding=EventId("to be named"),
        kinds=(kind,),
        kinds_text=None,
        role=None,
        offence=None,
        facts=None,
        content=None,
        fine=None,
        confiscated=None,
        licence=None,
        acted_on=None,
        decided_on=effective,
        effective_on=effective,
        published_on=None,
        served_on=None,
        term_ends_on=term_ends,
        valid_until=None,
        public_until=None,
        source=None,
        note=None,
        assessments=(),
        channel=Channel.DECIDED_ELSEWHERE,
        origin=None,
        irregular=None,
        basis=UNKNOWN_BASIS,
    )


def conviction(effective: date) -> ConvictionRecorded:
    return ConvictionRecorded(
        finding=EventId("to be named"),
        of=ConvictedParty.SENIOR_MANAGEMENT,
        offence=None,
        role=None,
        acted_on=None,
        decided_on=effective,
        effective_on=effective,
        term_ends_on=None,
        assessments=(),
        channel=Channel.DECIDED_ELSEWHERE,
        origin=None,
        irregular=None,
        basis=UNKNOWN_BASIS,
    )


def found(
    content: Finding,
    position: int = 1,
    ended: tuple[EarlyEnd, ...] = (),
    annulled_at: int | None = None,
) -> FindingFact:
    return FindingFact(
        position=position,
        event=EventId(f"event-{position}"),
        content=content,
        ended=ended,
        annulled_at=annulled_at,
    )


def restored(on: date, regime: RegimeId = REGIME, position: int = 90) -> EarlyEnd:
    return EarlyEnd(
        restoration=EventId(f"event-{position}"), position=position, regimes=(regime,), on=on
    )


def listed(
    name: str, effective: date, ended_on: date | None = None, position: int = 50
) -> ListingFact:
    event = EventId(f"event-{position}")
    return ListingFact(
        position=position,
        event=event,
        list=ListId(name),
        list_name=None,
        decided=ListingDecided(
            listing=event,
            list=ListId(name),
            list_name=None,
            rulebook=None,
            edition=None,
            clause=None,
            rests_on=None,
            decided_on=effective,
            effective_on=effective,
            dated=True,
            published_on=None,
            term_ends_on=None,
            reason=None,
            channel=Channel.DECIDED_HERE,
            origin=None,
            irregular=None,
            basis=UNKNOWN_BASIS,
        ),
        ended_on=ended_on,
        ended_at=None if ended_on is None else position + 1,
    )


def profile(
    *roles: tuple[str, date, date | None], kind: SubjectKind = SubjectKind.ENTERPRISE
) -> Profile:
    held = tuple(
        RoleHeld(role=Role(role), from_=from_, until=until) for role, from_, until in roles
    )
    return Profile(kind=kind, names=(), identifiers=(), region=None, roles=held)


def facts(
    *findings: FindingFact,
    listings: tuple[ListingFact, ...] = (),
    who: Profile | None = None,
) -> Facts:
    return Facts(profile=who or profile(), findings=findings, listings=listings)
