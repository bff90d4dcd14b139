"""Makes a generation of the views anew from the log, beside the one that is read, and compares.

Both are compared at one position: the one that is read is looked at in a snapshot, in which its
tables and its place agree, and the new one is folded up to exactly that place.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import IsolationLevel
from psycopg.rows import TupleRow

from ledger.acceptance import Verify
from ledger.log import Log

from . import clock
from .connections import connect
from .failpoints import reach
from .generations import (
    Generation,
    alone,
    digests,
    drop_generations,
    ensure_live,
    join_shares,
    live,
    make_indexes,
    make_keys,
    make_tables,
    place_of,
    shares_shown,
    stored,
    switch_to,
)
from .log_source import OpenLog, ReadableLog
from .projector import Projector, Share
from .reader import PlaceLost

__all__ = ["Progress", "Rebuilt", "rebuild", "verify_views"]

_BATCH: Final = 20_000
_STATES_KEPT: Final = 250_000
_LAG: Final = 1_000
"""How many records the new generation may be behind when indexes are made."""
_CONNECTED_TRIES: Final = 100
_SHARES_MAX: Final = 4
_WORTH_SHARES: Final = 20_000
"""From so many records on it is worth it to start processes."""
_LOOK_S: Final = 0.2

Connection = psycopg.Connection[TupleRow]
Progress = Callable[[int, int], None]
"""Told the position that was reached and the one to reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What came of folding the log anew: `head` is the position at which both were compared.

    `tables` holds the SHA-256 of each new table; `differences` names those in which the generation
    that was read differed.
    """

    ok: bool
    events: int
    head: int
    seconds: float
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
    process rebuilds or verifies, it waits for that one.

    Raises:
        ProjectorStopped: a record cannot be understood. The generation that is read stays.
    """
    with connect(database_url) as connection, alone(connection):
        ensure_live(connection)
        drop_generations(connection, keep_former=True)
        source = _Source(database_url, open_log, verify)
        rebuilt = _folded_anew(source, connection, progress, shares)
        reach("rebuild_before_switch")
        switch_to(connection, Generation(rebuilt.generation))
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
            return _folded_anew(source, connection, progress, None)
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


def _folded_anew(
    source: _Source, connection: Connection, progress: Progress | None, shares: int | None
) -> Rebuilt:
    """The next generation, folded, indexed and compared."""
    begun = clock.elapsed()
    generation = Generation(max(one.number for one in stored(connection)) + 1)
    _make(connection, generation)
    if not _fold_in_shares(source, connection, generation, progress, shares):
        _make(connection, generation)
    with source.projector(generation) as (new, log):
        _catch_up(new, log, progress)
        make_indexes(connection, generation)
        connection.execute("ANALYZE")
        while new.step(_BATCH):
            pass
        with _live_at(source, new.position) as (snapshot, read, head):
            while new.position < head and new.step(_BATCH, upto=head):
                pass
            tables = digests(connection, generation)
            before = digests(snapshot, read)
        seconds = clock.elapsed() - begun
        while new.step(_BATCH):
            pass
    differences = tuple(name for name, digest in tables.items() if before.get(name) != digest)
    return Rebuilt(
        ok=not differences,
        events=head,
        head=head,
        seconds=seconds,
        tables=tables,
        differences=differences,
        generation=generation.number,
    )


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


def _make(connection: Connection, generation: Generation) -> None:
    """An empty generation, whatever stands there."""
    drop_generations(connection, keep_former=True)
    make_tables(connection, generation)
    make_keys(connection, generation)


def _fold_in_shares(
    source: _Source,
    connection: Connection,
    generation: Generation,
    progress: Progress | None,
    wanted: int | None,
) -> bool:
    """Fold what the log has now in several processes, each its share of the subjects.

    Whether that was done. Where a process fails nothing is lost: one alone begins anew, and finds
    what was wrong.
    """
    log = source.open_log()
    try:
        newest = log.read(max(log.end() - 1, 0), 1)
    finally:
        log.close()
    fields = newest[-1].fields if newest else None
    head = fields.position if fields is not None else 0
    count = wanted or (min(os.cpu_count() or 1, _SHARES_MAX) if head >= _WORTH_SHARES else 1)
    if count == 1 or "fork" not in multiprocessing.get_all_start_methods():
        return False
    shares = [Share(number=number, of=count) for number in range(count)]
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
    parent = os.getppid()
    with source.projector(generation, share) as (new, _):
        # A parent that was killed cannot stop its children.
        while os.getppid() == parent and new.step(_BATCH, upto=head):
            pass


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
