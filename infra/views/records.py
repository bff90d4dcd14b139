"""What stands on record: the facts of a subject and the rulebooks, as known at a position."""

from collections import OrderedDict
from datetime import date
from threading import Lock
from typing import Final

from psycopg.rows import TupleRow

from ledger.courses.facts import NOTHING_KNOWN, Facts, evolve
from ledger.edition import read_edition
from ledger.identifiers import SubjectId
from ledger.rulebook import Edition, Rulebooks
from projections.answers import EditionShown

from ..codec import decode_event
from ..sql import queries
from .snapshots import Questions, Snapshot, Snapshots

__all__ = ["Records"]

_SQL: Final = queries("infra/views/records.sql")
_FACTS_KEPT: Final = 512


class Records(Questions):
    """The questions about what was recorded.

    Events and editions are never changed, whichever generation shows them: what was read once is
    kept.
    """

    def __init__(self, snapshots: Snapshots) -> None:
        """Read from such snapshots."""
        super().__init__(snapshots)
        self._kept = _FactsKept()
        self._editions: tuple[Edition, ...] = ()
        self._rulebooks: dict[int, Rulebooks] = {}

    def position_on(self, day: date) -> int:
        """The last position recorded before the end of this day in Asia/Shanghai; 0 if none."""
        with self._snapshots.take() as snapshot:
            row = snapshot.row(_SQL["position_on"], {"day": day})
        return 0 if row is None else int(row[0])

    def facts(self, subject: SubjectId, known_at: int) -> Facts:
        """All that stood on record about a subject at a position."""
        with self._snapshots.take() as snapshot:
            return self._facts_in(snapshot, subject, known_at)

    def rulebooks(self, known_at: int) -> Rulebooks:
        """The rulebooks published up to a position."""
        with self._snapshots.take() as snapshot:
            return self._rulebooks_in(snapshot, known_at)

    def edition(self, edition: str) -> EditionShown | None:
        """A published edition with its text."""
        with self._snapshots.take() as snapshot:
            row = snapshot.row(_SQL["edition"], {"edition": edition})
        if row is None:
            return None
        return EditionShown(
            edition=row[0], rulebook=row[1], position=row[2], digest=row[3], text=row[4]
        )

    def _facts_in(self, snapshot: Snapshot, subject: SubjectId, known_at: int) -> Facts:
        row = snapshot.row(_SQL["last"], {"subject": subject, "known_at": known_at})
        if row is None:
            return NOTHING_KNOWN
        last = int(row[0])
        behind, facts = self._kept.nearest(subject, last)
        if behind != last:
            asked = {"subject": subject, "after": behind, "known_at": last}
            facts = _folded(facts, snapshot.rows(_SQL["events"], asked))
            self._kept.keep(subject, last, facts)
        return facts

    def _rulebooks_in(self, snapshot: Snapshot, known_at: int) -> Rulebooks:
        # The editions known at a position are the first ones, so their number names them.
        row = snapshot.row(_SQL["count_editions"], {"known_at": known_at})
        count = 0 if row is None else int(row[0])
        found = self._rulebooks.get(count)
        if found is None:
            read = self._editions
            if len(read) < count:
                asked = {"after": len(read), "count": count - len(read)}
                texts = snapshot.rows(_SQL["texts"], asked)
                read = self._editions = (*read, *(read_edition(text) for (text,) in texts))
            found = self._rulebooks[count] = Rulebooks(read[:count])
        return found


class _FactsKept:
    """The facts that were last asked for, by subject and position of the last event in them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._facts: OrderedDict[tuple[SubjectId, int], Facts] = OrderedDict()
        self._newest: dict[SubjectId, int] = {}

    def nearest(self, subject: SubjectId, last: int) -> tuple[int, Facts]:
        """Facts up to `last`, or up to an event before it, and the position of that event."""
        with self._lock:
            for position in (last, self._newest.get(subject, last)):
                if position <= last and (subject, position) in self._facts:
                    self._facts.move_to_end((subject, position))
                    return position, self._facts[subject, position]
        return 0, NOTHING_KNOWN

    def keep(self, subject: SubjectId, last: int, facts: Facts) -> None:
        """Keep facts up to `last`; those that were not asked for the longest go."""
        with self._lock:
            self._facts[subject, last] = facts
            self._newest[subject] = max(last, self._newest.get(subject, 0))
            while len(self._facts) > _FACTS_KEPT:
                (gone, position), _ = self._facts.popitem(last=False)
                if self._newest.get(gone) == position:
                    del self._newest[gone]


def _folded(facts: Facts, rows: list[TupleRow]) -> Facts:
    """The facts after the events in these rows."""
    for position, _, stored_name, major, data in rows:
        facts = evolve(facts, decode_event(stored_name, major, data), position)
    return facts
