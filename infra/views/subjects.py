"""What is asked about one subject: who it is, its courses, what stands against it, its events."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from psycopg.rows import TupleRow

from ledger.courses.interval import Interval
from ledger.courses.scoring import Graded, GradeState, scoring_tiles
from ledger.identifiers import Identifier, SubjectId, index_keys
from ledger.values import RegimeId
from projections.answers import (
    At,
    ListingRow,
    MeasureRow,
    StandingRow,
    SubjectShown,
    TimelineChange,
    TimelineEntry,
)

from ..sql import queries
from .lists import listing_row, measure_row
from .records import Records

__all__ = ["Subjects"]

_SQL: Final = queries("infra/views/subjects.sql")


class Subjects(Records):
    """The questions about one subject."""

    def find(self, identifiers: Sequence[Identifier], known_at: int) -> frozenset[SubjectId]:
        """The subjects that these identifiers lead to, as known at a position.

        A credit code and the organisation code inside it lead to the same subject.
        """
        keys = {key for one in identifiers for key in index_keys(one)}
        asked = {
            "kinds": [key.kind.value for key in keys],
            "values": [key.value for key in keys],
            "known_at": known_at,
        }
        with self._snapshots.take() as snapshot:
            return frozenset(row[0] for row in snapshot.rows(_SQL["find"], asked))

    def subject(self, subject: SubjectId, known_at: int) -> SubjectShown | None:
        """Who the subject is, as known at a position; null before it was registered."""
        asked = {"subject": subject, "known_at": known_at}
        with self._snapshots.take() as snapshot:
            row = snapshot.row(_SQL["stream"], asked)
            profile = self._facts_in(snapshot, subject, known_at).profile
        if row is None or profile is None:
            return None
        registered_at, last_position, version = row
        return SubjectShown(
            subject=subject,
            version=version,
            kind=profile.kind,
            name=profile.names[0] if profile.names else None,
            former_names=profile.names[1:],
            identifiers=profile.identifiers,
            region=profile.region,
            roles=profile.roles,
            registered_at=registered_at,
            last_position=last_position,
        )

    def course(
        self, subject: SubjectId, regime: RegimeId, known_at: int
    ) -> tuple[Interval[Graded], ...]:
        """A subject's grades in a scoring regime over all days, without reasons, from the rows.

        A subject that the regime never grades has no rows; its course is computed.
        """
        asked = {"subject": subject, "regime": regime, "known_at": known_at}
        with self._snapshots.take() as snapshot:
            rows = snapshot.rows(_SQL["course"], asked)
            if not rows:
                facts = self._facts_in(snapshot, subject, known_at)
                return scoring_tiles(facts, regime, self._rulebooks_in(snapshot, known_at))
        return tuple(map(_tile, rows))

    def standing(self, subject: SubjectId, at: At) -> tuple[StandingRow, ...]:
        """What stands against a subject on the day, in the order in which it was recorded."""
        return tuple(map(_standing_row, self._on(subject, "standing", at)))

    def subject_measures(self, subject: SubjectId, at: At) -> tuple[MeasureRow, ...]:
        """The measures that run against a subject on the day."""
        return tuple(map(measure_row, self._on(subject, "measures", at)))

    def subject_listings(self, subject: SubjectId, at: At) -> tuple[ListingRow, ...]:
        """The lists that a subject is on, on the day."""
        return tuple(map(listing_row, self._on(subject, "listings", at)))

    def timeline(
        self, subject: SubjectId, known_at: int, *, after: int = 0, limit: int
    ) -> tuple[TimelineEntry, ...]:
        """The events of a subject behind position `after`, in order, at most `limit`."""
        asked = {"subject": subject, "known_at": known_at, "after": after, "limit": limit}
        with self._snapshots.take() as snapshot:
            events = snapshot.rows(_SQL["timeline"], asked)
            if not events:
                return ()
            between = {"subject": subject, "first": events[0][0], "last": events[-1][0]}
            changes = snapshot.rows(_SQL["changes"], between)
        of_event: defaultdict[int, list[TimelineChange]] = defaultdict(list)
        for position, *cells in changes:
            of_event[position].append(_change(tuple(cells)))
        return tuple(_entry(row, tuple(of_event[row[0]])) for row in events)

    def _on(self, subject: SubjectId, name: str, at: At) -> list[TupleRow]:
        asked = {"subject": subject, "as_of": at.as_of, "known_at": at.known_at}
        with self._snapshots.take() as snapshot:
            return snapshot.rows(_SQL[name], asked)


def _tile(row: TupleRow) -> Interval[Graded]:
    from_, until, state, edition, grade, score, complete, verified = row
    value = Graded(
        state=GradeState(state), edition=edition, grade=grade, score=score, complete=complete
    )
    return Interval(from_=from_, until=until, value=value, reasons=(), verified=verified)


def _standing_row(row: TupleRow) -> StandingRow:
    return StandingRow(
        fact=row[0],
        position=row[1],
        type=row[2],
        title=row[3],
        from_=row[4],
        until=row[5],
        ended_by=row[6],
        known_from=row[7],
    )


def _change(row: TupleRow) -> TimelineChange:
    return TimelineChange(
        regime=row[0],
        grade_before=row[1],
        score_before=row[2],
        grade_after=row[3],
        score_after=row[4],
        changed_from=row[5],
        changed_until=row[6],
    )


def _entry(row: TupleRow, changes: tuple[TimelineChange, ...]) -> TimelineEntry:
    return TimelineEntry(
        position=row[0],
        event=row[1],
        type=row[2],
        version=row[3],
        recorded_at=row[4],
        effective_on=row[5],
        actor=row[6],
        data=row[7],
        changes=changes,
    )
