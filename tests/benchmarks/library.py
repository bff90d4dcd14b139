"""The eventsourcing library at the same work: the smallest aggregate that carries the same facts.

It checks nothing and answers nobody: no rules, no identifiers, no idempotency keys, no hashes, no
signatures. It is what its users have before they add those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL, Identifier

from infra import clock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventsourcing.persistence import Tracking
    from eventsourcing.postgres import PostgresDatastore

    from .told import Told

__all__ = ["Library", "folded"]

PROJECTION_WAIT_S: Final = 3_600.0


class Record(Aggregate):
    """Facts about one body, one event each."""

    @event("Registered")
    def __init__(self, facts: str) -> None:  # noqa: ARG002  # the event carries it
        self.count = 1

    @event("Noted")
    def note(self, facts: str) -> None:  # noqa: ARG002  # likewise
        """One more fact."""
        self.count += 1


class Records(Application[UUID]):
    """The application; its recorder is the library's own on PostgreSQL."""


class Library:
    """Saves events one by one, or those of a hundred aggregates at once, in one thread."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Work on the database of `environment`."""
        self._records = Records(dict(environment))
        self._held: dict[str, Record] = {}

    def save_each(self, facts: Sequence[tuple[str, str]], told: Told) -> float:
        """Seconds to save these facts about subjects, a transaction for each."""
        begun = clock.elapsed()
        for done, (subject, text) in enumerate(facts):
            self._records.save(self._changed(subject, text))
            told.tell(done)
        return clock.elapsed() - begun

    def save_together(self, facts: Sequence[tuple[str, str]], told: Told, each: int = 100) -> float:
        """Seconds to save these facts, those of `each` aggregates in a transaction."""
        begun = clock.elapsed()
        for start in range(0, len(facts), each):
            piece = facts[start : start + each]
            changed = {subject: self._changed(subject, text) for subject, text in piece}
            self._records.save(*changed.values())
            told.tell(start)
        return clock.elapsed() - begun

    def close(self) -> None:
        """Give the connections back."""
        self._records.close()

    def _changed(self, subject: str, text: str) -> Record:
        """The aggregate with one fact more; it is kept, so that it need not be read again."""
        held = self._held.get(subject)
        if held is None:
            held = self._held[subject] = Record(facts=text)
        else:
            held.note(facts=text)
        return held


class Counts(PostgresTrackingRecorder):
    """One table: how many events each subject has."""

    def __init__(self, datastore: PostgresDatastore, **told: Any) -> None:
        super().__init__(datastore, **told)
        table = Identifier(datastore.schema, "count_of")
        self.create_statement = SQL(
            "CREATE TABLE IF NOT EXISTS {} (subject uuid PRIMARY KEY, count bigint NOT NULL)"
        ).format(table)
        self.sql_create_statements.append(self.create_statement)
        self.count_statement = SQL(
            "INSERT INTO {0} AS c VALUES (%s, 1) ON CONFLICT (subject) DO UPDATE"
            " SET count = c.count + 1"
        ).format(table)

    def count(self, subject: UUID, tracking: Tracking) -> None:
        """Count one event, and keep where it stood, in one transaction."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(self.count_statement, (subject,), prepare=True)


class Counting(Projection[Counts]):
    """Every event is counted."""

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Count it."""
        self.view.count(domain_event.originator_id, tracking)


def folded(environment: Mapping[str, str], events: int) -> float:
    """Seconds in which the library's runner folds all events into its one table."""
    begun = clock.elapsed()
    with ProjectionRunner(
        application_class=Records,
        projection_class=Counting,
        view_class=Counts,
        env=dict(environment),
    ) as runner:
        runner.wait(events, timeout=PROJECTION_WAIT_S)
    return clock.elapsed() - begun
