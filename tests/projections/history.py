"""A ledger to project: an invented history, appended as drafts, and what reads it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from infra import clock
from infra.codec import EventCodec
from infra.connections import connect
from infra.creation import create_ledger, public_keys
from infra.ids import fresh_event
from infra.projector import Projector
from infra.sequencer import PostgresSequencer
from infra.signer import Signer, Verifier
from infra.table_log import TableLog
from ledger.edition import read_edition
from ledger.events import (
    NAME_OF,
    UNKNOWN_BASIS,
    Assessment,
    Channel,
    ConvictedParty,
    ConvictionRecorded,
    DeterminationMade,
    DutyPerformed,
    Event,
    Finding,
    FindingAnnulled,
    FindingCorrected,
    IdentifierAdded,
    ListingAnnulled,
    ListingDecided,
    ListingEnded,
    PenaltyImposed,
    PenaltyKind,
    ProjectionSkipApproved,
    RestorationAnnulled,
    RestorationGranted,
    RoleEnded,
    RoleGiven,
    RulebookEditionPublished,
    SubjectRegistered,
    SubjectRenamed,
)
from ledger.identifiers import SubjectId, SubjectKind, subject_id_from, uscc
from ledger.sequencing import Append, Draft
from ledger.values import (
    ActId,
    EditionId,
    EventId,
    IndicatorId,
    ListId,
    Name,
    Points,
    RegimeId,
    Role,
    RulebookId,
    Text,
)
from tests.codes import synthetic_uscc

LEDGER = "test"
MEASURES = RegimeId("cnipa-credit/measures")
SCORE = RegimeId("demo/enterprise/score")
_ACTS = (
    "ABNORMAL_PATENT_FILING",
    "BAD_FAITH_TM_FILING",
    "FALSE_MATERIAL",
    "REPEATED_INFRINGEMENT",
)
ROLES = """
schema = 1
rulebook = "demo/roles"
edition = "demo/roles-1"
title = "演示: what depends on roles (invented)"
status = "demo"
in_force = { from = 2020-01-01, verified = false, source = ["X"] }

[source]
X = { kind = "invented" }

[[regime]]
id = "list"
kind = "listing"
applies_to = ["patent-agency"]
list = "x"
entry = { by = "listing-decided", verified = false, source = ["X"] }
clock = { start = "effective_on", verified = false, source = ["X"] }
period = { years = 1, verified = false, source = ["X"] }

[[regime]]
id = "score"
kind = "scoring"
applies_to = ["patent-agency"]
base = { points = 10, verified = false, source = ["X"] }
bands = [{ grade = "any", verified = false, source = ["X"] }]
caps = [{ list = "x", points = 5, verified = false, source = ["X"] }]

[[regime]]
id = "measures"
kind = "measures"
applies_to = ["patent-agency"]
on = { event = "penalty-imposed" }
period = { months = 2, verified = false, source = ["X"] }
"""
"""An edition in which a role decides on lists, score and measures."""
_CODEC = EventCodec()
_APPEND_MAX = 500


@dataclass(frozen=True, slots=True)
class Written:
    """An event and what it is part of."""

    stream: str
    id: EventId
    event: Event


def subject(number: int) -> SubjectId:
    return subject_id_from(number.to_bytes(16, "big"))


def registered(number: int, kind: SubjectKind = SubjectKind.ENTERPRISE) -> SubjectRegistered:
    return SubjectRegistered(
        kind=kind,
        name=Name(f"示例知识产权有限公司{number}"),
        identifiers=(uscc(synthetic_uscc(number)),),
        region=None,
        channel=Channel.DECIDED_HERE,
        basis=UNKNOWN_BASIS,
    )


def penalty(finding: EventId, on: date, *kinds: PenaltyKind) -> PenaltyImposed:
    return PenaltyImposed(
        finding=finding,
        kinds=kinds or (PenaltyKind.FINE,),
        kinds_text=None,
        role=None,
        offence=None,
        facts=None,
        content=None,
        fine=None,
        confiscated=None,
        licence=None,
        acted_on=None,
        decided_on=on,
        effective_on=on,
        published_on=None,
        served_on=None,
        term_ends_on=on + timedelta(days=90),
        valid_until=None,
        public_until=None,
        source=None,
        note=None,
        assessments=(),
        channel=Channel.DECIDED_HERE,
        origin=None,
        irregular=None,
        basis=UNKNOWN_BASIS,
    )


def determination(finding: EventId, on: date, act: str, points: str = "-10") -> DeterminationMade:
    return DeterminationMade(
        finding=finding,
        rulebook=RulebookId("cnipa-credit"),
        edition=EditionId("cnipa-2022-8"),
        act=ActId(act),
        clause=None,
        role=Role("patent-agency"),
        rests_on=None,
        acted_on=None,
        decided_on=on,
        effective_on=on,
        published_on=None,
        served_on=None,
        facts=None,
        assessments=(
            Assessment(
                regime=SCORE,
                indicator=IndicatorId("abnormal-filings"),
                points=Points(Decimal(points)),
            ),
        ),
        channel=Channel.DECIDED_HERE,
        origin=None,
        irregular=None,
        basis=UNKNOWN_BASIS,
    )


def conviction(finding: EventId, on: date) -> ConvictionRecorded:
    return ConvictionRecorded(
        finding=finding,
        of=ConvictedParty.SENIOR_MANAGEMENT,
        offence=None,
        role=None,
        acted_on=None,
        decided_on=on,
        effective_on=on,
        term_ends_on=None,
        assessments=(),
        channel=Channel.DECIDED_ELSEWHERE,
        origin=None,
        irregular=None,
        basis=UNKNOWN_BASIS,
    )


def listed(listing: EventId, on: date, name: str = "demo-serious") -> ListingDecided:
    return ListingDecided(
        listing=listing,
        list=ListId(name),
        list_name=Name("演示名单"),
        rulebook=None,
        edition=None,
        clause=None,
        rests_on=None,
        decided_on=on,
        effective_on=on,
        dated=True,
        published_on=None,
        term_ends_on=None,
        reason=None,
        channel=Channel.PUBLISHED_LIST,
        origin=None,
        irregular=None,
        basis=UNKNOWN_BASIS,
    )


def edition(text: str) -> RulebookEditionPublished:
    read = read_edition(text)
    return RulebookEditionPublished(
        rulebook=read.rulebook,
        edition=read.id,
        effective_on=read.from_,
        digest=read.digest,
        text=text,
    )


class History:
    """Events that could have happened, by chance."""

    def __init__(self, seed: int, subjects: int) -> None:
        self._random = Random(seed)  # noqa: S311  # invented events
        self._subjects = subjects
        self._registered: set[int] = set()
        self._findings: list[tuple[int, Finding]] = []
        self._restorations: dict[int, list[EventId]] = {}
        self._listings: list[tuple[int, EventId]] = []
        self.events: list[Written] = []

    def fresh(self) -> EventId:
        return EventId(str(UUID(int=self._random.getrandbits(128), version=4)))

    def day(self) -> date:
        return date(2022, 1, 1) + timedelta(days=self._random.randrange(1_500))

    def publish(self, *texts: str) -> None:
        for text in texts:
            event = edition(text)
            self.events.append(Written(f"rulebook/{event.rulebook}", self.fresh(), event))

    def go_on(self, count: int) -> None:
        """So many events more."""
        for _ in range(count):
            number = self._random.randrange(self._subjects)
            event_id = self.fresh()
            event = self._next(number, event_id)
            self.events.append(Written(subject(number), event_id, event))

    def _next(self, number: int, event_id: EventId) -> Event:
        day, basis, random = self.day(), UNKNOWN_BASIS, self._random
        if number not in self._registered:
            self._registered.add(number)
            return registered(number)
        match random.randrange(18):
            case 0:
                return SubjectRenamed(
                    name=Name(f"新名{number}-{random.random()}"), effective_on=day, basis=basis
                )
            case 1:
                return RoleGiven(role=Role("patent-agency"), effective_on=day, basis=basis)
            case 2:
                code = uscc(synthetic_uscc(self._subjects + len(self.events)))
                return IdentifierAdded(identifier=code, basis=basis)
            case 3 | 4:
                self._listings.append((number, event_id))
                return listed(event_id, day, random.choice(("demo-serious", "cnipa-serious", "x")))
            case 5 | 6 | 7:
                made = determination(event_id, day, random.choice(_ACTS))
                self._findings.append((number, made))
                return made
            case 8 if mine := [one for whose, one in self._findings if whose == number]:
                return self._undone(random.choice(mine), day)
            case 9 if listings := [one for whose, one in self._listings if whose == number]:
                return ListingEnded(
                    listing=random.choice(listings),
                    decided_on=None,
                    effective_on=day,
                    reason=None,
                    channel=Channel.PUBLISHED_LIST,
                    origin=None,
                    irregular=None,
                    basis=basis,
                )
            case 10 if mine := [one for whose, one in self._findings if whose == number]:
                self._restorations.setdefault(number, []).append(event_id)
                return RestorationGranted(
                    restoration=event_id,
                    rulebook=RulebookId("cnipa-credit"),
                    edition=EditionId("cnipa-2022-8"),
                    clause=None,
                    of=tuple(sorted({random.choice(mine).finding for _ in range(2)})),
                    regimes=random.choice(((MEASURES,), (SCORE,), (MEASURES, SCORE))),
                    decided_on=day,
                    effective_on=day,
                    channel=Channel.DECIDED_ELSEWHERE,
                    irregular=None,
                    basis=basis,
                )
            case 11 if self._restorations.get(number):
                undone = self._restorations[number].pop()
                return RestorationAnnulled(
                    restoration=undone,
                    decided_on=day,
                    effective_on=day,
                    reason=Text("欺骗"),
                    basis=basis,
                )
            case 12 if listings := [one for whose, one in self._listings if whose == number]:
                return ListingAnnulled(
                    listing=random.choice(listings),
                    decided_on=day,
                    effective_on=day,
                    reason=Text("撤销"),
                    basis=basis,
                )
            case 13:
                return RoleEnded(role=Role("patent-agency"), effective_on=day, basis=basis)
            case 14:
                convicted = conviction(event_id, day)
                self._findings.append((number, convicted))
                return convicted
            case 15 if mine := [one for whose, one in self._findings if whose == number]:
                return DutyPerformed(
                    finding=random.choice(mine).finding,
                    effective_on=day,
                    duty=Text("罚款已缴"),
                    basis=basis,
                )
            case _:
                imposed = penalty(event_id, day, random.choice(tuple(PenaltyKind)))
                self._findings.append((number, imposed))
                return imposed

    def _undone(self, finding: Finding, day: date) -> Event:
        if self._random.random() < 1 / 2:
            return FindingAnnulled(
                finding=finding.finding,
                decided_on=day,
                effective_on=day,
                reason=Text("撤销"),
                basis=UNKNOWN_BASIS,
            )
        mended = replace(finding, decided_on=day, effective_on=day)
        return FindingCorrected(
            finding=finding.finding,
            determination=mended if isinstance(mended, DeterminationMade) else None,
            penalty=mended if isinstance(mended, PenaltyImposed) else None,
            conviction=mended if isinstance(mended, ConvictionRecorded) else None,
            reason=Text("更正"),
            decided_on=None,
            basis=UNKNOWN_BASIS,
        )


class Ledger:
    """A ledger in a database of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        signer = self.signer = Signer.generate(LEDGER)
        with connect(url) as connection:
            create_ledger(
                connection, ledger=LEDGER, signer=lambda: signer, fresh=fresh_event, now=clock.now
            )
            self.verifier = Verifier(LEDGER, public_keys(connection))
        self._sequencer = PostgresSequencer(lambda: connect(url), LEDGER, signer.sign, clock.now)
        self._versions: dict[str, int] = {}
        self._logs: list[TableLog] = []
        self._projectors: list[Projector] = []
        self.approvals: list[ProjectionSkipApproved] = []

    def data(self, event: Event) -> bytes:
        return _CODEC.data(event)

    def log(self) -> TableLog:
        log = TableLog(lambda: connect(self.url))
        self._logs.append(log)
        return log

    def projector(self, **told: object) -> Projector:
        projector = Projector(self.url, self.log, self.verifier, **told)  # type: ignore[arg-type]
        self._projectors.append(projector)
        return projector

    def append(self, events: Sequence[Written], *, each: int = _APPEND_MAX) -> None:
        drafts = [self.draft(one) for one in events]
        for start in range(0, len(drafts), each):
            self.append_drafts(drafts[start : start + each])

    def append_drafts(self, drafts: Sequence[Draft]) -> None:
        append = Append(drafts=tuple(drafts), key_hash=None, command_hash="0" * 64, actor="test")
        self._sequencer.append([append])

    def draft(self, one: Written) -> Draft:
        version = self._versions.get(one.stream, 0) + 1
        self._versions[one.stream] = version
        return Draft(
            stream=one.stream,
            version=version,
            type=NAME_OF[type(one.event)],
            id=one.id,
            data=_CODEC.data(one.event),
        )

    def lives_on_kafka(self) -> None:
        """From now on sequence as when a term is opened: no follower of a service is run here."""
        self._sequencer._lock_name = "lock_head"

    def position(self) -> int:
        return self._sequencer.position()

    def close(self) -> None:
        for projector in self._projectors:
            projector.close()
        for log in self._logs:
            log.close()
        self._sequencer.close()
