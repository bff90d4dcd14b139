"""What a province records in ten years: invented, seeded, the same on every machine.

A fifth as many subjects as events, half of which have two or three; the number falls off as a
log-normal law, and one subject has a two-hundredth of all. The days of facts lie in any order, as
they do where files come in late; some findings are corrected, annulled, restored or performed.
Every subject is an enterprise, which the rules of a new ledger give one scoring regime, one of
measures and two lists.

The events are made as they stand on the log, without deciding anything, so that a ledger of 10⁶ is
filled in minutes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING, Final
from uuid import UUID

from infra.codec import EventCodec
from ledger.events import (
    Authority,
    Basis,
    Channel,
    DeterminationMade,
    DutyPerformed,
    Event,
    FindingAnnulled,
    FindingCorrected,
    ListingDecided,
    ListingEnded,
    PenaltyImposed,
    PenaltyKind,
    RestorationGranted,
    SubjectRegistered,
    SubjectRenamed,
)
from ledger.identifiers import SubjectId, SubjectKind, index_keys, subject_id_from, uscc
from ledger.sequencing import Append, Draft
from ledger.values import (
    ActId,
    DocumentNumber,
    EditionId,
    EventId,
    ListId,
    Name,
    RegimeId,
    RulebookId,
    Text,
    yuan,
)
from tests.codes import synthetic_uscc

from .workload import HOT, sizes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.identifiers import Identifier

__all__ = ["HOT", "Province", "subject_id"]

_HOT_SHARE: Final = 200
_FIRST_DAY: Final = date(2016, 1, 1)
_DAYS: Final = 3_900
_LISTS: Final = ("demo-serious", "published/demo")
_ACTS: Final = ("ABNORMAL_PATENT_FILING", "BAD_FAITH_TM_FILING", "FALSE_MATERIAL")
_KINDS: Final = (PenaltyKind.WARNING, PenaltyKind.FINE, PenaltyKind.CONFISCATION)
_CODEC: Final = EventCodec()
_COMMAND: Final = "0" * 64


@dataclass(slots=True)
class _Subject:
    """What was recorded of a subject so far, as far as later events refer to it."""

    version: int = 0
    finding: DeterminationMade | PenaltyImposed | None = None
    listing: EventId | None = None


class Province:
    """The history of `events` events, drawn once from its seed."""

    def __init__(self, events: int, seed: int = 1) -> None:
        self.events = events
        self.sizes = sizes(events, _HOT_SHARE)
        self._random = Random(seed)  # noqa: S311  # invented events
        self._known: dict[int, _Subject] = {}

    def appends(self) -> Iterator[Append]:
        """Every event once, in the order of the log, each as an append of its own."""
        for number in self._order():
            yield self._append(number)

    def later(self, subjects: Iterator[int]) -> Iterator[Append]:
        """Events that come after the history, about these subjects."""
        for number in subjects:
            yield self._append(number)

    def _order(self) -> list[int]:
        """Subjects by turns: each begins at a chance moment, and goes on at its own pace."""
        placed: list[tuple[float, int]] = []
        for subject, count in enumerate(self.sizes):
            begins = 0.0 if subject == HOT else self._random.random()
            placed += [(begins + (1 - begins) * nth / count, subject) for nth in range(count)]
        placed.sort()
        return [subject for _, subject in placed]

    def _append(self, number: int) -> Append:
        known = self._known.setdefault(number, _Subject())
        known.version += 1
        event_id = EventId(str(UUID(int=self._random.getrandbits(128), version=4)))
        event = self._event(number, known, event_id)
        draft = Draft(
            stream=subject_id(number),
            version=known.version,
            type=_CODEC.name(event),
            id=event_id,
            data=_CODEC.data(event),
            attributes=_CODEC.attributes(event),
        )
        return Append(
            drafts=(draft,),
            key_hash=None,
            command_hash=_COMMAND,
            actor="local",
            claims=_claims(event),
        )

    def _event(self, number: int, known: _Subject, event_id: EventId) -> Event:
        if known.version == 1:
            return SubjectRegistered(
                kind=SubjectKind.ENTERPRISE,
                name=Name(f"示例知识产权{number}号有限公司"),
                identifiers=(_code(number),),
                region=None,
                channel=Channel.DECIDED_ELSEWHERE,
                basis=self._basis(number, known),
            )
        draw, day = self._random.random(), self._day()
        basis = self._basis(number, known)
        if draw < 0.70:  # shares of the kinds of event
            known.finding = _penalty(event_id, number, day, self._random.choice(_KINDS), basis)
            return known.finding
        if draw < 0.80:  # as above
            known.finding = _determination(event_id, day, self._random.choice(_ACTS), basis)
            return known.finding
        if draw < 0.87:  # as above
            known.listing = event_id
            return _listing(event_id, day, self._random.choice(_LISTS), basis)
        if draw < 0.97 and known.finding is not None:  # as above
            return self._become(known, known.finding, day, event_id)
        if known.listing is not None:
            ended, known.listing = known.listing, None
            return ListingEnded(
                listing=ended,
                decided_on=day,
                effective_on=day,
                reason=None,
                channel=Channel.PUBLISHED_LIST,
                origin=None,
                irregular=None,
                basis=basis,
            )
        name = Name(f"示例知识产权{number}号（{known.version}）有限公司")
        return SubjectRenamed(name=name, effective_on=day, basis=basis)

    def _become(
        self,
        known: _Subject,
        finding: DeterminationMade | PenaltyImposed,
        day: date,
        event_id: EventId,
    ) -> Event:
        """What becomes of the subject's latest finding."""
        basis, draw = finding.basis, self._random.random()
        if draw < 0.5:  # shares of the kinds of event
            moved = finding.effective_on - timedelta(days=self._random.randrange(1, 400))
            mended = replace(finding, decided_on=moved, effective_on=moved)
            known.finding = mended
            return FindingCorrected(
                finding=finding.finding,
                determination=mended if isinstance(mended, DeterminationMade) else None,
                penalty=mended if isinstance(mended, PenaltyImposed) else None,
                conviction=None,
                reason=Text("决定日期更正"),
                decided_on=day,
                basis=basis,
            )
        known.finding = None
        if draw < 0.6:  # as above
            return FindingAnnulled(
                finding=finding.finding,
                decided_on=day,
                effective_on=day,
                reason=Text("撤销"),
                basis=basis,
            )
        if draw < 0.8:  # as above
            return DutyPerformed(
                finding=finding.finding, effective_on=day, duty=Text("罚款已缴"), basis=basis
            )
        return RestorationGranted(
            restoration=event_id,
            rulebook=RulebookId("cnipa-credit"),
            edition=EditionId("cnipa-2022-8"),
            clause=None,
            of=(finding.finding,),
            regimes=(RegimeId("cnipa-credit/measures"),),
            decided_on=day,
            effective_on=day,
            channel=Channel.DECIDED_ELSEWHERE,
            irregular=None,
            basis=basis,
        )

    def _day(self) -> date:
        return _FIRST_DAY + timedelta(days=self._random.randrange(_DAYS))

    def _basis(self, number: int, known: _Subject) -> Basis:
        return Basis(
            authority=Authority(
                name=Name(f"示例{number % 11}市市场监督管理局"), code=None, region=None
            ),
            document_number=DocumentNumber(f"示市监处罚〔2024〕{number}-{known.version}号"),
            instrument=None,
            clause=None,
            evidence=(),
        )


def subject_id(number: int) -> SubjectId:
    """The id of a subject."""
    return subject_id_from(number.to_bytes(16, "big"))


def _claims(event: Event) -> tuple[Identifier, ...]:
    """What the ledger's index holds for the identifiers that an event gives."""
    given = event.identifiers if isinstance(event, SubjectRegistered) else ()
    return tuple(key for one in given for key in index_keys(one))


def _code(number: int) -> Identifier:
    return uscc(synthetic_uscc(number))


def _penalty(
    finding: EventId, number: int, on: date, kind: PenaltyKind, basis: Basis
) -> PenaltyImposed:
    return PenaltyImposed(
        finding=finding,
        kinds=(kind,),
        kinds_text=None,
        role=None,
        offence=Text("假冒专利"),
        facts=Text("当事人在其销售的商品上标注已失效的专利号"),
        content=None,
        fine=yuan(f"{1_000 + number % 9_000}.00"),
        confiscated=None,
        licence=None,
        acted_on=None,
        decided_on=on,
        effective_on=on,
        published_on=None,
        served_on=None,
        term_ends_on=None,
        valid_until=None,
        public_until=None,
        source=None,
        note=None,
        assessments=(),
        channel=Channel.DECIDED_ELSEWHERE,
        origin=None,
        irregular=None,
        basis=basis,
    )


def _determination(finding: EventId, on: date, act: str, basis: Basis) -> DeterminationMade:
    return DeterminationMade(
        finding=finding,
        rulebook=RulebookId("cnipa-credit"),
        edition=EditionId("cnipa-2022-8"),
        act=ActId(act),
        clause=None,
        role=None,
        rests_on=None,
        acted_on=None,
        decided_on=on,
        effective_on=on,
        published_on=None,
        served_on=None,
        facts=None,
        assessments=(),
        channel=Channel.DECIDED_ELSEWHERE,
        origin=None,
        irregular=None,
        basis=basis,
    )


def _listing(listing: EventId, on: date, name: str, basis: Basis) -> ListingDecided:
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
        term_ends_on=on + timedelta(days=1_095),
        reason=None,
        channel=Channel.PUBLISHED_LIST,
        origin=None,
        irregular=None,
        basis=basis,
    )
