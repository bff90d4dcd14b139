"""The projector: folds the accepted records of the log into the tables of a generation.

One transaction writes what some records did and moves the place on, from where it is expected to
be: of two projectors one wins, the other begins anew behind it. Rows tell from which record on
they are known, so neither the size of a batch nor the moment of a restart shows in them.
"""

import gc
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from zlib import crc32

import msgspec
import psycopg
import structlog
from psycopg.rows import TupleRow

from ledger.acceptance import Arrival, Verify
from ledger.events import STORED_NAMES
from ledger.identifiers import SubjectId, is_subject_id
from ledger.log import Place
from ledger.record import chain_hash, leaf_hash
from ledger.values import EventId
from projections import editions
from projections.days import civil_day
from projections.fold import Due, Everyone, Recorded, keys
from projections.ground import Ground, ground_of
from projections.state import UNKNOWN, SubjectState, advance, swept

from .codec import UnreadableRecord, parse_instant, read_envelope
from .connections import connect
from .failpoints import reach
from .generations import PROJECTOR, Generation, ensure_live, live
from .log_source import LOG_AWAY, OpenLog, ReadableLog
from .places import stored_places
from .reader import Reader
from .skips import approved_behind
from .view_store import PlaceMoved, ViewStore, Written

__all__ = ["Projector", "ProjectorStopped", "Share"]

_BATCH: Final = 5_000
_BULK: Final = 1_000
_PAGE: Final = 1_000
_FEW: Final = 100
_IDLE_S: Final = 0.01
_RETRY_S: Final = 0.5
_STATES_KEPT: Final = 50_000
_LOG = structlog.get_logger(__name__)


class ProjectorStopped(RuntimeError):
    """A record cannot be understood; nothing from it on is shown."""

    def __init__(self, arrival: Arrival, event_id: str, stored_name: str, reason: str) -> None:
        """Stop at this record."""
        self.position = arrival.fields.position if arrival.fields is not None else 0
        self.event_id = event_id
        self.type = stored_name
        super().__init__(
            f"the views stop before position {self.position} (event {event_id}, {stored_name}):"
            f" {reason}; install a version of the service that knows it, or let it pass by"
            f" `credit-ledger approve-skip {self.position}`"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The subjects that one of several projectors folds, which fill a new generation together."""

    number: int
    of: int

    @property
    def projector(self) -> str:
        """The name of the projector in `projection_place`."""
        return f"{PROJECTOR} {self.number + 1} of {self.of}"

    @property
    def is_first(self) -> bool:
        """Whether it also writes what belongs to no subject."""
        return self.number == 0

    def holds(self, subject: str) -> bool:
        """Whether the subject is of this share."""
        return crc32(subject.encode("ascii")) % self.of == self.number


_ALL: Final = Share(number=0, of=1)


@dataclass(slots=True)
class _Position:
    """Where a projector is, and all that it keeps in memory."""

    connection: psycopg.Connection[TupleRow]
    generation: Generation
    store: ViewStore
    reader: Reader
    place: Place
    ground: Ground
    states: "OrderedDict[SubjectId, SubjectState]"
    waiting: deque[Arrival]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A record that was taken off the log, and the day on which it was recorded.

    `recorded` is null where it may be passed over; the day too, where nobody can read it.
    """

    arrival: Arrival
    recorded: Recorded | None
    day: date | None


class Projector:
    """Follows the log; used by one thread at a time, and may be stopped at any moment."""

    def __init__(  # noqa: PLR0913  # where it reads and writes, and what is spared
        self,
        database_url: str,
        open_log: OpenLog,
        verify: Verify,
        *,
        generation: Generation | None = None,
        states_kept: int = _STATES_KEPT,
        share: Share | None = None,
    ) -> None:
        """Fold the log into `generation`, by default into the one that is read at the time.

        The log is opened by `open_log`, again where it is not what it was. With a `share` only its
        subjects are folded.
        """
        self._share = share or _ALL
        self._projector = share.projector if share is not None else PROJECTOR
        self._database_url = database_url
        self._open_log = open_log
        self._log: ReadableLog | None = None
        self._verify = verify
        self._generation = generation
        self._states_kept = states_kept
        self._passed: set[int] = set()
        """Positions of records that an operator has let pass."""
        self._at: _Position | None = None

    @property
    def position(self) -> int:
        """The position of the last record that this projector has committed; 0 before a step."""
        return self._at.place.position if self._at is not None else 0

    def step(self, limit: int = _BATCH, upto: int | None = None) -> int:
        """Fold what the log has now, at most `limit` records, none behind `upto`; how many it were.

        Raises:
            ProjectorStopped: the next record cannot be understood, and no operator has let it pass
                by a record behind it. All before it is shown.
            PlaceLost: the log holds another history than the one that the views were made from.
            psycopg.OperationalError: the database cannot be reached; step again.
            One of `LOG_AWAY`: the log cannot be read now; step again.
        """
        try:
            at = self._begun()
            before = at.place
            self._fill(at, limit)
            try:
                return self._fold(at, self._taken(at, limit, upto))
            except ProjectorStopped as stopped:
                self._let_pass(stopped, before)
                return 1
        except PlaceMoved:
            self.close()
            return 0
        except ProjectorStopped:
            raise
        except BaseException:
            # What was not committed must be forgotten: it is loaded again from the database.
            self.close()
            raise

    def run(self, stop: threading.Event) -> None:
        """Follow the log until `stop` is set. Raises as `step`, but where it may step again."""
        while not stop.is_set():
            try:
                busy = self.step()
            except (psycopg.OperationalError, *LOG_AWAY) as error:
                _LOG.warning("the views cannot be made now", reason=str(error))
                stop.wait(_RETRY_S)
                continue
            if not busy:
                stop.wait(_IDLE_S)
        self.close()

    def close(self) -> None:
        """Give the connection back and forget what was kept in memory."""
        at, self._at = self._at, None
        log, self._log = self._log, None
        if at is not None:
            at.connection.close()
        if log is not None:
            log.close()

    # Where it is ---------------------------------------------------------------------------------

    def _begun(self) -> _Position:
        """Where it is; anew where it has not begun, or where another generation is read now."""
        at = self._at
        if at is not None and self._generation is None and live(at.connection) != at.generation:
            self.close()
            at = None
        if at is None:
            at = self._at = self._begin()
        return at

    def _begin(self) -> _Position:
        connection = connect(self._database_url)
        try:
            log = self._log = self._open_log()
            generation = self._generation or ensure_live(connection)
            store = ViewStore(connection, generation, log.topic_id, self._projector)
            place = store.place()
            older = stored_places(connection, log.topic_id)
            reader = Reader(log, self._verify, place, older=older)
            ground = ground_of(store.rulebooks(place.position))
        except BaseException:
            connection.close()
            raise
        return _Position(
            connection,
            generation,
            store,
            reader,
            replace(place, topic_id=log.topic_id),
            ground,
            OrderedDict(),
            deque(),
        )

    def _fill(self, at: _Position, limit: int) -> None:
        """Take records off the log until a batch is accepted or the log has no more."""
        while len(at.waiting) < limit:
            pending, place, waiting = at.reader.pending, at.reader.place, len(at.waiting)
            for batch in at.reader.poll(limit):
                at.waiting.extend(batch.records)
            if at.reader.place == place and at.reader.pending <= pending:
                return
            if 0 < len(at.waiting) < waiting + _FEW:
                return  # the end is near, and a log may wait there for its next record

    def _taken(self, at: _Position, limit: int, upto: int | None) -> list[Arrival]:
        taken: list[Arrival] = []
        while at.waiting and len(taken) < limit:
            if upto is not None and at.waiting[0].position > upto:
                break
            taken.append(at.waiting.popleft())
        return taken

    def _let_pass(self, stopped: ProjectorStopped, before: Place) -> None:
        """Go on behind a record that stopped this projector, if an operator has let it pass.

        Raises:
            ProjectorStopped: nobody has.
        """
        with closing(self._open_log()) as log:
            approved = approved_behind(log, self._verify, before)
        if approved.get(stopped.position) != stopped.event_id:
            raise stopped
        _LOG.warning("a record is passed over, as an operator approved", position=stopped.position)
        self._passed.add(stopped.position)
        self.close()

    # The fold ------------------------------------------------------------------------------------

    def _fold(self, at: _Position, arrivals: Sequence[Arrival]) -> int:
        with _without_collector(bulk=len(arrivals) >= _BULK):
            entries: list[_Entry] = []
            for number, arrival in enumerate(arrivals):
                try:
                    entry = self._entry(arrival)
                except ProjectorStopped:
                    self._fold_run(at, entries)
                    at.waiting.extendleft(reversed(arrivals[number:]))
                    raise
                if entry.recorded is not None and isinstance(keys(entry.recorded), Everyone):
                    self._fold_run(at, entries)
                    self._sweep(at, entry)
                    entries = []
                else:
                    entries.append(entry)
            self._fold_run(at, entries)
        return len(arrivals)

    def _entry(self, arrival: Arrival) -> _Entry:
        if arrival.position in self._passed:
            return _Entry(arrival, None, _day_of(arrival))
        return _read(arrival, self._share)

    def _fold_run(self, at: _Position, entries: Sequence[_Entry]) -> None:
        """Fold records that concern single subjects, in one transaction."""
        if not entries:
            return
        self._load(at, _subjects_of(entries))
        written = Written(at.place.position)
        last: Arrival | None = None
        stopped: ProjectorStopped | None = None
        for entry in entries:
            try:
                self._take(at, written, entry)
            except Exception as error:  # noqa: BLE001  # whatever it is, nothing may be skipped
                stopped = _stopped(entry, error)
                break
            last = entry.arrival
        if last is not None:
            self._commit(at, written, _place(at.place, last))
        if stopped is not None:
            self.close()
            raise stopped
        while len(at.states) > self._states_kept:
            at.states.popitem(last=False)

    def _take(self, at: _Position, written: Written, entry: _Entry) -> None:
        recorded = entry.recorded
        if self._share.is_first and entry.day is not None:
            written.days[entry.day] = entry.arrival.position
        if recorded is None:
            return
        concerned = keys(recorded)
        assert not isinstance(concerned, Everyone | Due), "swept by itself; no event opens a day"
        for subject in concerned:
            step = advance(at.states[subject], recorded, at.ground)
            at.states[subject] = step.state
            at.states.move_to_end(subject)
            written.take(subject, step, recorded.position)

    def _sweep(self, at: _Position, entry: _Entry) -> None:
        """Fold a record that concerns everybody, in a transaction of its own."""
        recorded = entry.recorded
        assert recorded is not None, "it said whom it concerns"
        try:
            ground = ground_of(editions.published(recorded, at.ground.rulebooks))
        except ValueError as error:
            raise _stopped(entry, error) from error
        expected, place = at.place.position, _place(at.place, entry.arrival)
        states: dict[SubjectId, SubjectState] = {}
        with at.store.transaction():
            at.store.move(expected, place)
            first = Written(expected)
            if self._share.is_first:
                assert entry.day is not None, "it was read"
                first.added[editions.EDITIONS].extend(editions.rows(recorded))
                first.days[entry.day] = recorded.position
            at.store.write(first)
            for page in at.store.subjects(_PAGE):
                written = Written(expected)
                mine = [subject for subject in page if self._share.holds(subject)]
                for subject, state in self._states(at, mine):
                    step = swept(state, recorded.position, ground)
                    written.take(subject, step, recorded.position)
                    if subject in at.states:
                        states[subject] = step.state
                at.store.write(written)
        at.place, at.ground = place, ground
        at.states.update(states)

    def _commit(self, at: _Position, written: Written, place: Place) -> None:
        with at.store.transaction():
            at.store.move(at.place.position, place)
            reach("projector_in_transaction")
            at.store.write(written)
            reach("projector_before_commit")
        reach("projector_after_commit")
        at.place = place

    # States --------------------------------------------------------------------------------------

    def _load(self, at: _Position, subjects: dict[SubjectId, bool]) -> None:
        """Bring the states of these subjects into memory; true means that it begins here."""
        missing = []
        for subject, begins in subjects.items():
            if begins:
                at.states[subject] = UNKNOWN
            elif subject not in at.states:
                missing.append(subject)
        at.states.update(self._loaded(at, missing))
        if missing:
            at.store.check(at.place.position)

    def _states(
        self, at: _Position, subjects: Sequence[SubjectId]
    ) -> Iterator[tuple[SubjectId, SubjectState]]:
        yield from ((one, at.states[one]) for one in subjects if one in at.states)
        yield from self._loaded(at, [one for one in subjects if one not in at.states])

    def _loaded(
        self, at: _Position, subjects: Sequence[SubjectId]
    ) -> Iterator[tuple[SubjectId, SubjectState]]:
        for start in range(0, len(subjects), _PAGE):
            yield from at.store.load(sorted(subjects[start : start + _PAGE]), at.ground.rulebooks)


def _read(arrival: Arrival, share: Share) -> _Entry:
    """The record in an arrival.

    It may be passed over where its type is unknown and not critical, or its subject of another
    share.

    Raises:
        ProjectorStopped: it cannot be understood.
    """
    event_id, stored_name = "unknown", "unknown"
    try:
        envelope = read_envelope(arrival.value)
        event_id, stored_name = envelope.id, envelope.type
        recorded_at = parse_instant(envelope.time)
        day = civil_day(recorded_at)
        is_aside = not envelope.critical and stored_name not in STORED_NAMES
        is_elsewhere = is_subject_id(envelope.subject) and not share.holds(envelope.subject)
        if is_aside or is_elsewhere:
            return _Entry(arrival, None, day)
        recorded = Recorded(
            envelope.position,
            EventId(event_id),
            stored_name,
            envelope.major,
            envelope.subject,
            envelope.subjectversion,
            recorded_at,
            envelope.actor,
            bytes(envelope.data),
            envelope.event(),
        )
        return _Entry(arrival, recorded, day)
    except (UnreadableRecord, msgspec.MsgspecError, ValueError) as error:
        raise ProjectorStopped(arrival, event_id, stored_name, str(error)) from error


def _day_of(arrival: Arrival) -> date | None:
    """The day on which a record was recorded, if it says so."""
    try:
        return civil_day(parse_instant(read_envelope(arrival.value).time))
    except (UnreadableRecord, ValueError):
        return None


def _stopped(entry: _Entry, error: Exception) -> ProjectorStopped:
    recorded = entry.recorded
    named = (recorded.event_id, recorded.type) if recorded is not None else ("unknown", "unknown")
    stopped = ProjectorStopped(entry.arrival, *named, f"{type(error).__name__}: {error}")
    stopped.__cause__ = error
    return stopped


def _subjects_of(entries: Sequence[_Entry]) -> dict[SubjectId, bool]:
    """The subjects of some records, each with whether its first record is among them."""
    subjects: dict[SubjectId, bool] = {}
    for entry in entries:
        if entry.recorded is not None:
            concerned = keys(entry.recorded)
            if not isinstance(concerned, Everyone | Due):
                for subject in concerned:
                    subjects.setdefault(subject, entry.recorded.version == 1)
    return subjects


def _place(before: Place, arrival: Arrival) -> Place:
    """The place of an accepted record."""
    fields = arrival.fields
    assert fields is not None, "an accepted record has its fields"
    return Place(
        topic_id=before.topic_id,
        position=fields.position,
        chain=chain_hash(fields.prev, leaf_hash(arrival.value)),
        term=fields.term,
        offset=arrival.offset,
        leader_epoch=arrival.leader_epoch,
    )


@contextmanager
def _without_collector(*, bulk: bool) -> Iterator[None]:
    """Spare a bulk the garbage collector, which would go through all states again and again.

    States are trees of tuples: they need none.
    """
    collects = bulk and gc.isenabled()
    if collects:
        gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.freeze()
            gc.enable()
