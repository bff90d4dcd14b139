"""The tables of one generation, as the projector reads and writes them."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from operator import itemgetter
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from ledger.identifiers import SubjectId
from ledger.log import Place
from ledger.record import GENESIS
from ledger.rulebook import Rulebooks
from projections import editions
from projections.ground import Ground
from projections.state import TWO_TIMES, Step, SubjectState, restored
from projections.tables import Row, Table, TwoTimeTable

from .codec import decode_event
from .generations import PROJECTOR, Generation, place_of
from .sql import queries
from .view_rows import columns_read, copy_rows, delete_rows

__all__ = ["PlaceMoved", "ViewStore", "Written"]

_SQL: Final = queries("infra/projector.sql")

Connection = psycopg.Connection[TupleRow]


class PlaceMoved(RuntimeError):
    """Another projector has moved this generation on."""


@dataclass(slots=True)
class Written:
    """What the records behind position `after` did to the tables, until it is written.

    A row that is opened and closed among them never comes into a table `_now`.
    """

    after: int
    added: dict[Table, list[Row]] = field(default_factory=lambda: defaultdict(list))
    was: dict[TwoTimeTable, list[Row]] = field(default_factory=lambda: defaultdict(list))
    gone: dict[TwoTimeTable, list[tuple[Any, ...]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    opened: dict[TwoTimeTable, dict[tuple[Any, ...], Row]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    days: dict[date, int] = field(default_factory=dict)

    def take(self, subject: SubjectId, step: Step, position: int) -> None:
        """Note what a record did to a subject."""
        for table, row in step.added:
            self.added[table].append(row)
        for two_times, closed in step.closed:
            was, opened, key_of = self.was[two_times], self.opened[two_times], _KEYS[two_times]
            for row, known_from in closed:
                was.append((subject, *row, known_from, position))
                key = (subject, *key_of(row))
                if known_from > self.after:
                    del opened[key]
                else:
                    self.gone[two_times].append(key)
        for two_times, rows in step.opened:
            opened, key_of = self.opened[two_times], _KEYS[two_times]
            for row in rows:
                opened[subject, *key_of(row)] = (subject, *row, position)


class ViewStore:
    """One generation on one connection (autocommit), which it prepares for itself."""

    def __init__(
        self,
        connection: Connection,
        generation: Generation,
        topic_id: str,
        projector: str = PROJECTOR,
    ) -> None:
        """Work on this generation, under the name of this projector."""
        self._connection = connection
        self._generation = generation
        self._named = {
            "projector": projector,
            "generation": generation.number,
            "topic_id": topic_id,
        }
        connection.execute(_SQL["session"], {"schema": generation.schema})

    def place(self) -> Place:
        """Up to where the generation shows the log, in whatever topic that was read.

        Raises:
            PlaceMoved: the generation was dropped meanwhile.
        """
        self._connection.execute(_SQL["begin_place"], {**self._named, "chain": GENESIS})
        place = self._place()
        if place is None:
            raise PlaceMoved(f"{self._generation.schema} was dropped")
        return place

    def check(self, expected: int) -> None:
        """What was read before this stood at the place `expected`: places only move on.

        Raises:
            PlaceMoved: the place is not at `expected` any more.
        """
        place = self._place()
        if place is None or place.position != expected:
            raise PlaceMoved(f"{self._generation.schema} is not at position {expected} any more")

    def _place(self) -> Place | None:
        return place_of(self._connection, self._generation, str(self._named["projector"]))

    def rulebooks(self, position: int) -> Rulebooks:
        """The rulebooks published up to a position."""
        rulebooks = Rulebooks()
        for (text,) in self._connection.execute(_SQL["editions"], {"position": position}):
            rulebooks = editions.with_text(rulebooks, text)
        return rulebooks

    def load(
        self, subjects: Sequence[SubjectId], ground: Ground
    ) -> Iterator[tuple[SubjectId, SubjectState]]:
        """The states of these subjects."""
        asked: dict[str, Any] = {"subjects": list(subjects)}
        events: dict[str, list[Any]] = defaultdict(list)
        for subject, position, event_id, stored_name, major, data in self._connection.execute(
            _SQL["events"], asked, binary=True
        ):
            event = decode_event(stored_name, major, data)
            events[subject].append((position, event_id, event))
        asked["regimes"] = [scoring.regime for scoring in ground.scoring]
        rows: dict[str, list[Any]] = defaultdict(list)
        for table in TWO_TIMES:
            for subject, *cells, known_from in self._connection.execute(
                _open_rows(table), asked, binary=True
            ):
                rows[subject].append((table, tuple(cells), known_from))
        for subject in subjects:
            yield subject, restored(events[subject], rows[subject], ground)

    def subjects(self, page: int) -> Iterator[list[SubjectId]]:
        """All subjects, in pages."""
        after = ""
        while True:
            asked = {"after": after, "limit": page}
            found = [row[0] for row in self._connection.execute(_SQL["subjects_behind"], asked)]
            if not found:
                return
            yield found
            after = found[-1]

    def transaction(self) -> psycopg.Transaction:
        """A transaction; leave it by an error to undo it."""
        return self._connection.transaction()  # type: ignore[return-value]  # a context manager

    def move(self, expected: int, place: Place) -> None:
        """Move the place on; the first statement of a transaction that writes.

        Raises:
            PlaceMoved: the place is not at `expected` any more.
        """
        moved = {
            **self._named,
            "expected": expected,
            "position": place.position,
            "chain": place.chain,
            "term": place.term,
            "offset": place.offset,
            "leader_epoch": place.leader_epoch,
        }
        if self._connection.execute(_SQL["move_place"], moved).rowcount != 1:
            raise PlaceMoved(f"{self._generation.schema} is not at position {expected} any more")

    def write(self, written: Written) -> None:
        """Write all that some records did, in the running transaction."""
        with self._connection.cursor() as cursor:
            for two_times, gone in written.gone.items():
                # Sorted: unsorted keys cost big batches a quarter of their speed.
                delete_rows(cursor, two_times.now, sorted(gone))
            for two_times, rows in written.was.items():
                copy_rows(cursor, two_times.was, rows)
            for two_times, opened in written.opened.items():
                copy_rows(cursor, two_times.now, [opened[key] for key in sorted(opened)])
            for table, rows in written.added.items():
                copy_rows(cursor, table, rows)
            for day, last in written.days.items():
                cursor.execute(_SQL["move_day"], {"day": day, "last_position": last})


def _key_of(table: TwoTimeTable) -> Callable[[Row], tuple[Any, ...]]:
    """How the cells of its key are taken out of a row."""
    columns = [name for name, _ in table.columns]
    first, *others = [columns.index(name) for name in table.key]
    return itemgetter(first, *others) if others else lambda row: (row[first],)


_KEYS: Final = {table: _key_of(table) for table in TWO_TIMES}


def _open_rows(table: TwoTimeTable) -> sql.Composed:
    """The rows of some subjects that are known now, in the order of their days."""
    by_regime = table.name == "grade"
    return sql.SQL(
        "SELECT {columns} FROM {table} WHERE subject = ANY (%(subjects)s::text[]) {regimes}"
        " ORDER BY {order}"
    ).format(
        columns=columns_read(table.now),
        table=sql.Identifier(table.now.name),
        # The key begins with the regime: it is named so that the key can be used.
        regimes=sql.SQL("AND regime = ANY (%(regimes)s::text[])" if by_regime else ""),
        order=sql.SQL(", ").join(sql.Identifier(name) for name in table.now.order),
    )
