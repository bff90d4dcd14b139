"""Makes a generation of the views anew from the log, beside the one that is read, and compares.

Both are compared at one position: the one that is read is looked at in a snapshot, in which its
tables and its place agree, and the new one is folded up to exactly that place.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import psycopg
import structlog
from psycopg import IsolationLevel
from psycopg.rows import TupleRow

from ledger.acceptance import Verify
from ledger.log import Log
from projections.state import SCHEMAS

from . import clock
from .connections import connect
from .failpoints import reach
from .figures import begin_rebuild, end_rebuild
from .fold_version import fold_version
from .generations import (
    Generation,
    alone,
    analyze,
    digests,
    drop_generations,
    ensure_live,
    join_shares,
    live,
    make_indexes_of,
    make_keys,
    make_tables,
    mark,
    place_of,
    shares_shown,
    stored,
    switch_to,
    unfinished,
)
from .log_source import OpenLog, ReadableLog
from .projector import Projector, Share
from .reader import PlaceLost

__all__ = ["Progress", "Rebuilt", "rebuild", "verify_views"]

_BATCH: Final = 20_000
_STATES_KEPT: Final = 100_000
_LAG: Final = 1_000
"""How many records the new generation may be behind when indexes are made."""
_CONNECTED_TRIES: Final = 100
_SHARES_MAX: Final = 4
_WORTH_SHARES: Final = 20_000
"""From so many records on it is worth it to start processes."""
_LOOK_S: Final = 0.2
_IDLE_MAX: Final = 2
_LOG = structlog.get_logger(__name__)
_INDEXED_AT_ONCE: Final = 2
_LARGEST_FIRST: Final = sorted(SCHEMAS, key=("grades", "timeline").__contains__, reverse=True)
"""The views by how long their indexes take, so that the last one is a short one."""

Connection = psycopg.Connection[TupleRow]
Progress = Callable[[int, int], None]
"""Told the position that was reached and the one to reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What came of folding the log anew: `head` is the position at which both were compared.

    `seconds` is what all of it took: folding, making indexes (with what came meanwhile), comparing.
    `tables` holds the digest of each new table; `differences` names those in which the generation
    that was read differed.
    """

    ok: bool
    events: int
    head: int
    seconds: float
    folding_s: float
    indexing_s: float
    comparing_s: float
    tables: Mapping[str, str]
    differences: tuple[str, ...]
    generation: int


def rebuild(
    database_url: str,
    open_log: OpenLog,
    verify: Verify,
    progress: Progress | None = None,
    *,
    shares: int | None = None,
) -> Rebuilt:
    """Make the next generation from the first record on, compare it, and read it from now on.

    The new one is right whatever the comparison says, since it was made by this version from the
    log alone; a difference means that the one before was not. That one is kept, to switch back to.
    `shares` is the number of processes that fold (default: as many as are worth it). Where another
    process rebuilds or verifies, it waits for that one. What a rebuild that was cut off has folded
    by this very version of the service is gone on with.

    Raises:
        ProjectorStopped: a record cannot be understood. The generation that is read stays.
    """
    with connect(database_url) as connection, alone(connection):
        ensure_live(connection)
        source = _Source(database_url, open_log, verify)
        begun = _cut_off(connection)
        drop_generations(
            connection, keep_former=True, keep=None if begun is None else begun.generation
        )
        rebuilt = _folded_anew(source, connection, progress, begun, shares)
        reach("rebuild_before_switch")
        switch_to(connection, Generation(rebuilt.generation))
        end_rebuild(connection, rebuilt.generation, rebuilt.events, rebuilt.seconds)
        reach("rebuild_after_switch")
        drop_generations(connection, keep_former=True)
    return rebuilt


def verify_views(
    database_url: str,
    open_log: OpenLog,
    verify: Verify,
    progress: Progress | None = None,
) -> Rebuilt:
    """Fold the log anew, compare the views that are read with that, and leave them as they are.

    Raises:
        ProjectorStopped: a record cannot be understood.
    """
    with connect(database_url) as connection, alone(connection):
        ensure_live(connection)
        drop_generations(connection, keep_former=True)
        try:
            source = _Source(database_url, open_log, verify)
            return _folded_anew(source, connection, progress, None, None)
        finally:
            drop_generations(connection, keep_former=True)


@dataclass(frozen=True, slots=True)
class _Source:
    """The log, and the database in which it is folded."""

    database_url: str
    open_log: OpenLog
    verify: Verify

    @contextmanager
    def projector(
        self, generation: Generation, share: Share | None = None
    ) -> Iterator[tuple[Projector, ReadableLog]]:
        """A projector of a generation, on a log of its own."""
        with ExitStack() as closing:
            log = self.open_log()
            closing.callback(log.close)
            new = Projector(
                self.database_url,
                self.open_log,
                self.verify,
                generation=generation,
                states_kept=_STATES_KEPT,
                share=share,
            )
            closing.callback(new.close)
            yield new, log


@dataclass(frozen=True, slots=True)
class _Begun:
    """A generation that is being filled, by so many processes at first."""

    generation: Generation
    shares: int

    @property
    def mark(self) -> str:
        """What is noted with it: nobody goes on with what another version has folded."""
        return f"{fold_version()} {self.shares}"


def _cut_off(connection: Connection) -> _Begun | None:
    """The generation that a rebuild of this version left behind when it was cut off."""
    found = unfinished(connection)
    if found is None:
        return None
    generation, noted = found
    version, _, shares = noted.partition(" ")
    if version != fold_version():
        return None
    _LOG.info("a rebuild that was cut off is gone on with", generation=generation.number)
    return _Begun(generation, int(shares))


def _folded_anew(
    source: _Source,
    connection: Connection,
    progress: Progress | None,
    cut_off: _Begun | None,
    shares: int | None,
) -> Rebuilt:
    """The next generation, folded, indexed and compared."""
    started = clock.elapsed()
    head = _head_of(source)
    begun = cut_off
    if begun is None:
        number = max(one.number for one in stored(connection)) + 1
        begun = _Begun(Generation(number), shares or _shares_worth(head))
        _make(connection, begun)
    generation = begun.generation
    begin_rebuild(connection, generation.number)
    is_joined = begun.shares == 1 or place_of(connection, generation) is not None
    if not is_joined and not _fold_in_shares(source, connection, begun, head, progress):
        _make(connection, _Begun(generation, 1))
    with source.projector(generation) as (new, log):
        _catch_up(new, log, progress)
        folded = clock.elapsed()
        _index(source, generation)
        while new.step(_BATCH):
            pass
        with _live_at(source, new.position) as (snapshot, read, head):
            while new.position < head and new.step(_BATCH, upto=head):
                pass
            indexed = clock.elapsed()
            with ThreadPoolExecutor(max_workers=1) as beside:
                shown = beside.submit(digests, snapshot, read)
                tables = digests(connection, generation)
                before = shown.result()
        compared = clock.elapsed()
        while new.step(_BATCH):
            pass
    differences = tuple(name for name, digest in tables.items() if before.get(name) != digest)
    return Rebuilt(
        ok=not differences,
        events=head,
        head=head,
        seconds=compared - started,
        folding_s=folded - started,
        indexing_s=indexed - folded,
        comparing_s=compared - indexed,
        tables=tables,
        differences=differences,
        generation=generation.number,
    )


def _index(source: _Source, generation: Generation) -> None:
    """Make the indexes of all views, two at a time."""

    def make(view: str) -> None:
        with connect(source.database_url) as connection:
            make_indexes_of(connection, generation, view)

    with ThreadPoolExecutor(max_workers=_INDEXED_AT_ONCE) as workers:
        for _ in workers.map(make, _LARGEST_FIRST):
            pass
    with connect(source.database_url) as connection:
        analyze(connection, generation)


def _catch_up(new: Projector, log: Log, progress: Progress | None) -> None:
    """Fold until the new generation is close behind the end of the log."""
    while True:
        folded = new.step(_BATCH)
        reach("rebuild_between_batches")
        end = log.end()
        if progress is not None:
            progress(new.position, max(end, new.position))
        if not folded or (folded < _LAG and end - new.position < _LAG):
            return


def _make(connection: Connection, begun: _Begun) -> None:
    """An empty generation, whatever stands there."""
    drop_generations(connection, keep_former=True)
    make_tables(connection, begun.generation)
    make_keys(connection, begun.generation)
    mark(connection, begun.generation, begun.mark)


def _head_of(source: _Source) -> int:
    """The position of the last record that the log has now."""
    with closing(source.open_log()) as log:
        newest = log.read(max(log.end() - 1, 0), 1)
    fields = newest[-1].fields if newest else None
    return fields.position if fields is not None else 0


def _shares_worth(head: int) -> int:
    """How many processes are worth it for so many records."""
    if head < _WORTH_SHARES or "fork" not in multiprocessing.get_all_start_methods():
        return 1
    return min(os.cpu_count() or 1, _SHARES_MAX)


def _fold_in_shares(
    source: _Source,
    connection: Connection,
    begun: _Begun,
    head: int,
    progress: Progress | None,
) -> bool:
    """Fold the log up to `head` in several processes, each its share of the subjects.

    Whether that was done. Where a process fails nothing is lost: one alone begins anew, and finds
    what was wrong.
    """
    generation = begun.generation
    shares = [Share(number=number, of=begun.shares) for number in range(begun.shares)]
    named = [share.projector for share in shares]
    fork = multiprocessing.get_context("fork")
    working = [
        fork.Process(target=_fold_share, args=(source, generation, share, head), daemon=True)
        for share in shares
    ]
    for process in working:
        process.start()
    while any(process.is_alive() for process in working):
        working[0].join(_LOOK_S)
        if progress is not None:
            progress(shares_shown(connection, generation, named), head)
    for process in working:
        process.join()
    joined = join_shares(connection, generation, named)
    return joined and all(process.exitcode == 0 for process in working)


def _fold_share(source: _Source, generation: Generation, share: Share, head: int) -> None:
    parent, idle = os.getppid(), 0
    with source.projector(generation, share) as (new, _):
        # A parent that was killed cannot stop its children: one of them may still be at its last
        # step where another rebuild goes on already, and this step was then none.
        while os.getppid() == parent and idle < _IDLE_MAX:
            idle = 0 if new.step(_BATCH, upto=head) else idle + 1
            if idle:
                time.sleep(_LOOK_S)


@contextmanager
def _live_at(source: _Source, position: int) -> Iterator[tuple[Connection, Generation, int]]:
    """A snapshot in which the generation that is read has come to `position` or further.

    Where no service runs, it is brought there from here. One that was made from another history
    than the log's cannot be brought anywhere, and is looked at as it is.
    """
    with connect(source.database_url) as connection:
        read = live(connection)
        with (
            closing(Projector(source.database_url, source.open_log, source.verify)) as follower,
            suppress(PlaceLost),
        ):
            tries = _CONNECTED_TRIES
            while _shown(connection, read) < position and tries:
                # Not a step: another projector of this generation was faster.
                tries = _CONNECTED_TRIES if follower.step() else tries - 1
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            yield connection, read, max(_shown(connection, read), position)


def _shown(connection: Connection, generation: Generation) -> int:
    place = place_of(connection, generation)
    return place.position if place is not None else 0
