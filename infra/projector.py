"""The projector: folds the accepted records of the log into the tables of a generation.

One transaction writes what some batches did and moves the place on, from where it is expected to
be: of two projectors one wins, the other begins anew behind it. Rows tell from which record on
they are known, so neither how many batches it were nor the moment of a restart shows in them.

Batches are folded whole: only from the end of one does a reader accept what follows as does one
that came from the beginning. Within a batch that does not hold: where a record stands twice on the
log, a place at the second one may lie behind the record that comes next.
"""

import gc
import re
import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from itertools import chain, groupby
from typing import Final
from zlib import crc32

import msgspec
import psycopg
import structlog
from psycopg.errors import IdleInTransactionSessionTimeout
from psycopg.rows import TupleRow

from ledger.acceptance import Arrival, Verify
from ledger.events import STORED_NAMES
from ledger.identifiers import SubjectId, is_subject_id
from ledger.log import Place
from ledger.values import EventId
from projections import editions
from projections.days import civil_day
from projections.fold import Due, Everyone, Recorded, keys
from projections.ground import Ground, ground_of
from projections.state import UNKNOWN, SubjectState, advance, swept

from .codec import UnreadableRecord, parse_instant, read_about, read_envelope
from .connections import connect
from .failpoints import reach
from .generations import PROJECTOR, Generation, ensure_live, live
from .log_source import LOG_AWAY, OpenLog, ReadableLog
from .logs import without_values
from .places import stored_places
from .reader import Accepted, PlaceLost, Reader
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
_PLACE: Final = re.compile(r" - at `(\$[A-Za-z_.0-9\[\]]*)`$")
"""Where a decoder says that it failed, by names of fields."""
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
    waiting: deque[Accepted]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A record that was taken off the log, and the day on which it was recorded.

    `recorded` is null where it may be passed over; the day too, where nobody can read it.
    """

    arrival: Arrival
    recorded: Recorded | None
    day: date | None

    @property
    def concerns_everybody(self) -> bool:
        """Whether all subjects must be swept."""
        return self.recorded is not None and isinstance(keys(self.recorded), Everyone)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Batches of the log as they came, read; and the place behind them."""

    entries: Sequence[_Entry]
    place: Place


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
        self._about: dict[str, str] = {}
        """The subject of the last step, where it was about one alone."""

    @property
    def position(self) -> int:
        """The position of the last record that this projector has committed; 0 before a step."""
        return self._at.place.position if self._at is not None else 0

    def step(self, limit: int = _BATCH, upto: int | None = None) -> int:
        """Fold whole batches of what the log has now, none that ends behind `upto`.

        No more are begun once it were `limit` records. Gives how many it were.

        Raises:
            ProjectorStopped: a record of the next batch cannot be understood, and no operator has
                let it pass by a record behind it. All before the batch is shown.
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
        except (PlaceMoved, IdleInTransactionSessionTimeout):
            # Another projector was faster, or this one was frozen and may be replaced.
            self.close()
            return 0
        except PlaceLost as error:
            self.close()
            raise PlaceLost(
                f"{error}: the views were made from another history than the log now holds;"
                " `credit-ledger rebuild` makes them anew"
            ) from error
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
                _LOG.warning("the views cannot be made now", reason=without_values(error))
                stop.wait(_RETRY_S)
                continue
            if busy:
                _LOG.info("projected", position=self.position, records=busy, **self._about)
            else:
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
        waiting = _count(at.waiting)
        while waiting < limit:
            offset = at.reader.next_offset
            batches = at.reader.poll(limit)
            at.waiting.extend(batches)
            came = _count(batches)
            waiting += came
            if at.reader.next_offset == offset:
                return
            if waiting and came < _FEW:
                return  # the end is near, and a log may wait there for its next record

    def _taken(self, at: _Position, limit: int, upto: int | None) -> list[Accepted]:
        taken: list[Accepted] = []
        while at.waiting and limit > 0:
            if upto is not None and at.waiting[0].place.position > upto:
                break
            taken.append(at.waiting.popleft())
            limit -= len(taken[-1].records)
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

    def _fold(self, at: _Position, taken: Sequence[Accepted]) -> int:
        count = _count(taken)
        with _without_collector(bulk=count >= _BULK):
            run: list[_Batch] = []
            for number, accepted in enumerate(taken):
                try:
                    batch = self._batch(accepted)
                except ProjectorStopped:
                    self._fold_run(at, run)
                    at.waiting.extendleft(reversed(taken[number:]))
                    raise
                if any(entry.concerns_everybody for entry in batch.entries):
                    self._fold_run(at, run)
                    self._fold_swept(at, batch)
                    run = []
                else:
                    run.append(batch)
            self._fold_run(at, run)
        return count

    def _batch(self, accepted: Accepted) -> _Batch:
        return _Batch([self._entry(arrival) for arrival in accepted.records], accepted.place)

    def _entry(self, arrival: Arrival) -> _Entry:
        if arrival.position in self._passed:
            return _Entry(arrival, None, _day_of(arrival))
        return _read(arrival, self._share)

    def _fold_run(self, at: _Position, run: Sequence[_Batch]) -> None:
        """Fold batches that concern single subjects, in one transaction."""
        if not run:
            return
        subjects = _subjects_of(chain.from_iterable(batch.entries for batch in run))
        self._about = {"subject": next(iter(subjects))} if len(subjects) == 1 else {}
        self._load(at, subjects)
        written = Written(at.place.position)
        for number, batch in enumerate(run):
            try:
                self._take_all(at, written, batch.entries)
            except ProjectorStopped:
                self.close()
                if number:
                    # Some of its batch is taken already: what stands before it is folded anew.
                    self._fold_upto(run[number - 1].place.position)
                raise
        with at.store.transaction():
            self._move(at, run[-1].place)
            at.store.write(written)
            reach("projector_before_commit")
        reach("projector_after_commit")
        self._spare(at)

    def _fold_upto(self, position: int) -> None:
        while self.step(upto=position):
            pass
        self.close()

    def _fold_swept(self, at: _Position, batch: _Batch) -> None:
        """Fold a batch of which some records concern everybody, in one transaction."""
        after = at.place.position
        self._about = {}
        try:
            with at.store.transaction():
                self._move(at, batch.place)
                for entries in _apart(batch.entries):
                    if entries[0].concerns_everybody:
                        self._sweep(at, entries[0], after)
                    else:
                        self._write(at, entries, after)
                    after = entries[-1].arrival.position
                reach("projector_before_commit")
        except ProjectorStopped:
            self.close()
            raise
        reach("projector_after_commit")
        self._spare(at)

    def _move(self, at: _Position, place: Place) -> None:
        """Move the place on, first of all in a transaction; where that fails, `close` follows."""
        at.store.move(at.place.position, place)
        at.place = place
        reach("projector_in_transaction")

    def _write(self, at: _Position, entries: Sequence[_Entry], after: int) -> None:
        """Write what some records behind `after` did, in the running transaction."""
        self._load(at, _subjects_of(entries))
        written = Written(after)
        self._take_all(at, written, entries)
        at.store.write(written)

    def _take_all(self, at: _Position, written: Written, entries: Sequence[_Entry]) -> None:
        """Take some records.

        Raises:
            ProjectorStopped: one cannot be taken; the states in memory are of no use any more.
        """
        for entry in entries:
            try:
                self._take(at, written, entry)
            except Exception as error:  # whatever it is, nothing may be skipped
                raise _stopped(entry, error) from error

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

    def _sweep(self, at: _Position, entry: _Entry, after: int) -> None:
        """Write what a record that concerns everybody did, in the running transaction."""
        recorded = entry.recorded
        assert recorded is not None, "it said whom it concerns"
        try:
            ground = ground_of(editions.published(recorded, at.ground.rulebooks))
        except ValueError as error:
            raise _stopped(entry, error) from error
        states: dict[SubjectId, SubjectState] = {}
        first = Written(after)
        if self._share.is_first:
            assert entry.day is not None, "it was read"
            first.added[editions.EDITIONS].extend(editions.rows(recorded))
            first.days[entry.day] = recorded.position
        at.store.write(first)
        for page in at.store.subjects(_PAGE):
            written = Written(after)
            mine = [subject for subject in page if self._share.holds(subject)]
            for subject, state in self._states(at, mine):
                step = swept(state, recorded.position, ground)
                written.take(subject, step, recorded.position)
                if subject in at.states:
                    states[subject] = step.state
            at.store.write(written)
        at.ground = ground
        at.states.update(states)

    def _spare(self, at: _Position) -> None:
        while len(at.states) > self._states_kept:
            at.states.popitem(last=False)

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
            yield from at.store.load(sorted(subjects[start : start + _PAGE]), at.ground)


def _read(arrival: Arrival, share: Share) -> _Entry:
    """The record in an arrival.

    It may be passed over where its type is unknown and not critical, or its subject of another
    share.

    Raises:
        ProjectorStopped: it cannot be understood.
    """
    event_id, stored_name = "unknown", "unknown"
    try:
        if share is not _ALL:
            about = read_about(arrival.value)
            if is_subject_id(about.subject) and not share.holds(about.subject):
                return _Entry(arrival, None, _recorded(about.time)[1])
        envelope = read_envelope(arrival.value)
        event_id, stored_name = envelope.id, envelope.type
        recorded_at, day = _recorded(envelope.time)
        if not envelope.critical and stored_name not in STORED_NAMES:
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
        raise ProjectorStopped(arrival, event_id, stored_name, _why(error)) from error


@lru_cache(maxsize=1024)  # the records of a batch have one time
def _recorded(text: str) -> tuple[datetime, date]:
    """The instant in a record, and its day."""
    recorded_at = parse_instant(text)
    return recorded_at, civil_day(recorded_at)


def _why(error: Exception) -> str:
    """Why a record cannot be understood, and where in it; a decoder's message may quote it."""
    if not isinstance(error, UnreadableRecord):
        return without_values(error)
    says, _, detail = str(error).partition(": ")
    place = _PLACE.search(detail)
    return says if place is None else f"{says}, at {place[1]}"


def _day_of(arrival: Arrival) -> date | None:
    """The day on which a record was recorded, if it says so."""
    try:
        return _recorded(read_envelope(arrival.value).time)[1]
    except (UnreadableRecord, ValueError):
        return None


def _stopped(entry: _Entry, error: Exception) -> ProjectorStopped:
    recorded = entry.recorded
    named = (recorded.event_id, recorded.type) if recorded is not None else ("unknown", "unknown")
    stopped = ProjectorStopped(entry.arrival, *named, without_values(error))
    stopped.__cause__ = error
    return stopped


def _count(batches: Iterable[Accepted]) -> int:
    return sum(len(batch.records) for batch in batches)


def _apart(entries: Sequence[_Entry]) -> Iterator[list[_Entry]]:
    """Some records in order; each that concerns everybody stands by itself."""
    for alone, some in groupby(entries, lambda one: one.concerns_everybody):
        if alone:
            yield from ([one] for one in some)
        else:
            yield list(some)


def _subjects_of(entries: Iterable[_Entry]) -> dict[SubjectId, bool]:
    """The subjects of some records, each with whether its first record is among them."""
    subjects: dict[SubjectId, bool] = {}
    for entry in entries:
        if entry.recorded is not None:
            concerned = keys(entry.recorded)
            if not isinstance(concerned, Everyone | Due):
                for subject in concerned:
                    subjects.setdefault(subject, entry.recorded.version == 1)
    return subjects


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
