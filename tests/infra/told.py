"""What follows from a whole history: answers worked out by the pure courses, without a view."""

from dataclasses import dataclass

from infra.codec import read_envelope
from infra.connections import connect
from ledger.courses.facts import Facts, facts_of
from ledger.courses.interval import Interval, holding_on
from ledger.courses.listing import listings_of
from ledger.courses.measures import measures_course
from ledger.courses.scoring import Graded, GradeState, scoring_tiles
from ledger.edition import read_edition
from ledger.events import Event, RulebookEditionPublished
from ledger.identifiers import IdentifierKind, SubjectId, is_subject_id
from ledger.rulebook import MeasuresRegime, Rulebooks
from ledger.values import EventId, RegimeId
from projections.answers import At
from tests.projections.history import SCORE


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the log, decoded by the codec alone."""

    position: int
    id: EventId
    stream: str
    version: int
    type: str
    data: bytes
    event: Event


class Told:
    """The whole history, and what follows from it."""

    def __init__(self, url: str) -> None:
        with connect(url) as connection:
            rows = connection.execute("SELECT bytes FROM ledger_record ORDER BY position")
            envelopes = [read_envelope(row[0]) for row in rows]
        self.records = [
            Record(
                position=one.position,
                id=EventId(one.id),
                stream=one.subject,
                version=one.subjectversion,
                type=one.type,
                data=bytes(one.data),
                event=one.event(),
            )
            for one in envelopes
        ]
        self.head = self.records[-1].position
        self.subjects = sorted(
            {SubjectId(one.stream) for one in self.records if is_subject_id(one.stream)}
        )
        self._facts: dict[tuple[str, int], Facts] = {}
        self._rulebooks: dict[int, Rulebooks] = {}
        self._tiles: dict[tuple[str, RegimeId, int], tuple[Interval[Graded], ...]] = {}

    def of(self, subject: str, known_at: int) -> list[Record]:
        return [one for one in self.records if one.stream == subject and one.position <= known_at]

    def facts(self, subject: SubjectId, known_at: int) -> Facts:
        if (subject, known_at) not in self._facts:
            self._facts[subject, known_at] = facts_of(
                (one.position, one.id, one.event) for one in self.of(subject, known_at)
            )
        return self._facts[subject, known_at]

    def rulebooks(self, known_at: int) -> Rulebooks:
        texts = [
            one.event.text
            for one in self.records
            if isinstance(one.event, RulebookEditionPublished) and one.position <= known_at
        ]
        if len(texts) not in self._rulebooks:
            self._rulebooks[len(texts)] = Rulebooks(tuple(read_edition(text) for text in texts))
        return self._rulebooks[len(texts)]

    def tiles(
        self, subject: SubjectId, regime: RegimeId, known_at: int
    ) -> tuple[Interval[Graded], ...]:
        if (subject, regime, known_at) not in self._tiles:
            self._tiles[subject, regime, known_at] = scoring_tiles(
                self.facts(subject, known_at), regime, self.rulebooks(known_at)
            )
        return self._tiles[subject, regime, known_at]

    def shown(self, subject: SubjectId, known_at: int) -> tuple[str | None, str | None]:
        profile = self.facts(subject, known_at).profile
        assert profile is not None
        codes = [one.value for one in profile.identifiers if one.kind is IdentifierKind.USCC]
        code = (codes or [one.value for one in profile.identifiers])[0]
        return (profile.names or (None,))[0], code

    def grades(self, at: At, regime: RegimeId = SCORE) -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = []
        for one in self.subjects:
            facts = self.facts(one, at.known_at)
            tiles = self.tiles(one, regime, at.known_at)
            tile = holding_on(tiles, at.as_of)
            if facts.profile and tile and tile.value.state is GradeState.GRADED:
                value = tile.value
                name, code = self.shown(one, at.known_at)
                days = (tile.from_, tile.until, tile.verified)
                said = (value.edition, value.grade, value.score, value.complete)
                found.append((one, name, code, *days, *said))
        return found

    def measures(self, at: At, regime: RegimeId | None = None) -> list[tuple[object, ...]]:
        rulebooks = self.rulebooks(at.known_at)
        regimes = [one for one in rulebooks.regime_ids(MeasuresRegime) if regime in {None, one}]
        return [
            (one, *self.shown(one, at.known_at), name, interval.from_, interval.value.finding)
            for one in self.subjects
            for name in regimes
            for interval in sorted(
                measures_course(self.facts(one, at.known_at), name, rulebooks),
                key=lambda interval: (interval.from_, interval.value.finding),
            )
            if interval.holds_on(at.as_of)
        ]

    def listings(self, at: At, list_id: str) -> list[tuple[object, ...]]:
        rulebooks = self.rulebooks(at.known_at)
        return sorted(
            (one, interval.value.listing, interval.from_, interval.until)
            for one in self.subjects
            for interval in listings_of(self.facts(one, at.known_at), rulebooks)
            if interval.value.list == list_id and interval.holds_on(at.as_of)
        )

    def standing(self, subject: SubjectId, at: At) -> set[str]:
        facts = self.facts(subject, at.known_at)
        found = {
            fact.event
            for fact in facts.findings
            if fact.is_standing and fact.content.effective_on <= at.as_of
        }
        return found | {
            interval.value.listing
            for interval in listings_of(facts, self.rulebooks(at.known_at))
            if interval.holds_on(at.as_of)
        }
