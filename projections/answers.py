"""What the views answer, as data, and the questions that they take: the contract of every reader.

Every question is asked «as of a day, as known at a position». `until` is the first day on which
something no longer holds (null: open). Pages are keyset pages: `after` holds the keys of the last
item of the page before, in the order of the list.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from ledger.courses.facts import Facts, RoleHeld
from ledger.courses.interval import Interval
from ledger.courses.scoring import Graded
from ledger.identifiers import Identifier, SubjectId, SubjectKind
from ledger.rulebook import Rulebooks
from ledger.values import EditionId, EventId, ListId, Name, RegimeId, RegionCode, RulebookId

__all__ = [
    "At",
    "EditionShown",
    "GradeRow",
    "ListRow",
    "ListSummary",
    "ListingRow",
    "MeasureRow",
    "Page",
    "StandingRow",
    "SubjectShown",
    "SubjectSummary",
    "TimelineChange",
    "TimelineEntry",
    "Views",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """As of the day `as_of`, as known at the position `known_at`."""

    as_of: date
    known_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectShown:
    """A subject as known at a position; `version` counts the events of its stream up to there."""

    subject: SubjectId
    version: int
    kind: SubjectKind
    name: Name | None
    former_names: tuple[Name, ...]
    identifiers: tuple[Identifier, ...]
    region: RegionCode | None
    roles: tuple[RoleHeld, ...]
    registered_at: int
    last_position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectSummary:
    """A subject in a list of what a search found; `matched` is the name or code that did."""

    subject: SubjectId
    kind: SubjectKind
    name: Name | None
    code: str | None
    region: RegionCode | None
    matched: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeRow:
    """A subject's grade in a regime, in a list; the course interval that holds on the day."""

    subject: SubjectId
    name: Name | None
    code: str | None
    regime: RegimeId
    edition: EditionId | None
    state: str
    grade: str | None
    score: Decimal | None
    from_: date
    until: date | None
    verified: bool
    complete: bool
    known_from: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRow:
    """Measures that run against a subject on the day; `finding` opened them."""

    subject: SubjectId
    name: Name | None
    code: str | None
    regime: RegimeId
    edition: EditionId
    finding: EventId
    position: int
    from_: date
    until: date | None
    verified: bool
    known_from: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingRow:
    """A subject's presence on a list on the day; `listing` opened it."""

    subject: SubjectId
    name: Name | None
    code: str | None
    list: ListId
    list_name: Name | None
    regime: RegimeId | None
    listing: EventId
    position: int
    dated: bool
    from_: date
    until: date | None
    verified: bool
    known_from: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSummary:
    """A list that somebody was ever put on, and how many are on it on the day."""

    list: ListId
    name: Name | None
    on_it: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingRow:
    """A fact that stands against a subject on the day, whatever the regimes make of it."""

    fact: EventId
    position: int
    type: str
    title: str | None
    from_: date
    until: date | None
    ended_by: EventId | None
    known_from: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineChange:
    """What an event changed in a scoring regime of its subject.

    The grade on the event's `effective_on`, as known just before and just after its position, and
    the first and the first unchanged day of the course that changed (null: none changed, or open).
    """

    regime: RegimeId
    grade_before: str | None
    score_before: Decimal | None
    grade_after: str | None
    score_after: Decimal | None
    changed_from: date | None
    changed_until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One event of a subject, as recorded; `data` is its canonical JSON."""

    position: int
    event: EventId
    type: str
    version: int
    recorded_at: datetime
    effective_on: date | None
    actor: str
    data: bytes
    changes: tuple[TimelineChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionShown:
    """A published edition: where its record stands, and its whole text."""

    edition: EditionId
    rulebook: RulebookId
    position: int
    digest: str
    text: str


ListRow = GradeRow | MeasureRow | ListingRow | SubjectSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows of a list; `has_more` where rows follow them."""

    rows: tuple[ListRow, ...]
    has_more: bool


class Views(Protocol):
    """The questions. Every method may be called from any thread; none waits for a writer."""

    def position(self) -> int:
        """The position up to which the live generation shows the log."""
        ...

    def wait(self, position: int, timeout_s: float) -> bool:
        """Wait until the views show this position; whether they do."""
        ...

    def together(self) -> AbstractContextManager[object]:
        """All questions that this thread asks in the block are answered from one sight.

        It costs less than one sight for each. `position` is then that of the sight.
        """
        ...

    def position_on(self, day: date) -> int:
        """The last position recorded before the end of this day in Asia/Shanghai; 0 if none."""
        ...

    def find(self, identifiers: Sequence[Identifier], known_at: int) -> frozenset[SubjectId]:
        """The subjects that these identifiers lead to, as known at a position."""
        ...

    def subject(self, subject: SubjectId, known_at: int) -> SubjectShown | None:
        """Who the subject is, as known at a position; null before it was registered."""
        ...

    def facts(self, subject: SubjectId, known_at: int) -> Facts:
        """All that stood on record about a subject at a position."""
        ...

    def rulebooks(self, known_at: int) -> Rulebooks:
        """The rulebooks published up to a position."""
        ...

    def edition(self, edition: str) -> EditionShown | None:
        """A published edition with its text."""
        ...

    def course(
        self, subject: SubjectId, regime: RegimeId, known_at: int
    ) -> tuple[Interval[Graded], ...]:
        """A subject's grades in a scoring regime over all days, without reasons, from the rows."""
        ...

    def grades(  # the question
        self,
        regime: RegimeId,
        at: At,
        *,
        grade: str | None = None,
        after: tuple[str, ...] = (),
        limit: int,
    ) -> Page:
        """Whose grade in the regime holds on the day (of one grade); by subject."""
        ...

    def measures(
        self, regime: RegimeId | None, at: At, *, after: tuple[str, ...] = (), limit: int
    ) -> Page:
        """Who is under measures on the day; by subject, regime and first day."""
        ...

    def listings(self, list_id: ListId, at: At, *, after: tuple[str, ...] = (), limit: int) -> Page:
        """Who is on the list on the day; by subject and listing."""
        ...

    def lists(self, at: At) -> tuple[ListSummary, ...]:
        """All lists, with how many are on each on the day."""
        ...

    def has_list(self, name: ListId, known_at: int) -> bool:
        """Whether anybody was put on a list up to a position."""
        ...

    def standing(self, subject: SubjectId, at: At) -> tuple[StandingRow, ...]:
        """What stands against a subject on the day."""
        ...

    def subject_measures(self, subject: SubjectId, at: At) -> tuple[MeasureRow, ...]:
        """The measures that run against a subject on the day."""
        ...

    def subject_listings(self, subject: SubjectId, at: At) -> tuple[ListingRow, ...]:
        """The lists that a subject is on, on the day."""
        ...

    def search(self, name: str, known_at: int, *, after: tuple[str, ...] = (), limit: int) -> Page:
        """Subjects of which a present or former name holds this text, folded; by subject."""
        ...

    def timeline(
        self, subject: SubjectId, known_at: int, *, after: int = 0, limit: int
    ) -> tuple[TimelineEntry, ...]:
        """The events of a subject behind position `after`, in order, at most `limit`."""
        ...
