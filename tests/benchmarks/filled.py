"""A ledger that holds what a province records in ten years, on PostgreSQL and on Kafka.

It begins as every ledger does: `credit-ledger up` makes it, on the table log. Then the history is
sequenced in large batches, and the ledger moves to Kafka: `up` enters it there and makes the views.
Every process that works on it afterwards finds what it would find had all come in by requests.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final, LiteralString

import psycopg

from infra import clock
from infra.connections import connect
from infra.local import Home
from infra.log_source import pinned_in
from infra.places import newest_place
from infra.sequencer import PostgresSequencer
from infra.serving import UNENTERED_MAX, Serving
from infra.signer import Signer
from ledger.kept import RULEBOOK_STREAM
from ledger.sequencing import Appended
from tests.parts import REPOSITORY

from .province import HOT, Province
from .service import _ENTERED, _HEAD, _SHOWN, _found, serving
from .told import Told, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.record import Head
    from ledger.sequencing import Append

    from .service import Stores

__all__ = ["Caught", "Filled", "filled"]

_TOGETHER: Final = 1_000
_AHEAD_MAX: Final = UNENTERED_MAX // 2
_LOOK_S: Final = 0.05
_PATIENCE_S: Final = 3_600.0
_STOP_S: Final = 60.0
_STRIDE: Final = 7_919
_HOT_EVERY: Final = 200
"""One of so many later events is about the subject with the most, as in the history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """How fast the views came up to the log.

    `per_s` counts from the first step that was seen, so that the start of a process is none of it.
    """

    events: int
    seconds: float
    per_s: float


@dataclass(slots=True, kw_only=True)
class Filled:
    """A ledger of so many events on both stores, and what it took to come by it.

    `entered_s` is from the start of the service that moves it until the last record is entered.
    """

    stores: Stores
    events: int
    province: Province
    filled_s: float
    entered_s: float
    first_views: Caught

    @property
    def on_kafka(self) -> str:
        """The address of its Kafka."""
        assert self.stores.kafka is not None, "it was moved there"
        return self.stores.kafka

    def add(self, count: int) -> None:
        """Sequence and enter so many later events, while nobody projects them."""
        subjects = len(self.province.sizes)
        chosen = (
            HOT if number % _HOT_EVERY == 0 else number * _STRIDE % subjects
            for number in range(count)
        )
        with _child(self.stores, "relay"), _serving(self.stores) as entered:
            _append(self.stores, self.province.later(chosen), count, entered)
            _until_entered(self.stores)

    def catch_up(self) -> Caught:
        """Let a projector alone bring the views up to the log."""
        with _child(self.stores, "projector"):
            return _until_shown(self.stores)


def filled(stores: Stores, events: int) -> Filled:
    """Make the ledger, fill it with `events` events on the table log, and move it to Kafka."""
    say(f"filling a ledger with {events:,} events")
    with serving(replace(stores, kafka=None)) as service:
        service.wait_until_shown()
    province = Province(events)
    filled_s = _append(stores, province.appends(), events)
    say(f"moving {events:,} events to Kafka")
    with _moving(stores):
        entered_s = _until_entered(stores)
        first_views = _until_shown(stores)
    return Filled(
        stores=stores,
        events=events,
        province=province,
        filled_s=filled_s,
        entered_s=entered_s,
        first_views=first_views,
    )


def _append(
    stores: Stores, appends: Iterator[Append], count: int, entered: Serving | None = None
) -> float:
    """Seconds to make and sequence all of them; nobody else sequences.

    `entered` where the log is on Kafka: it bounds what may wait to be entered.
    """
    told, begun, done = Told(count), clock.elapsed(), 0
    signer = Signer.load(Home(stores.home).signing_key, stores.ledger)
    with closing(connect(stores.database_url)) as connection:
        sequencer = PostgresSequencer(
            lambda: connection, stores.ledger, signer.sign, clock.now, entered
        )
        if entered is not None:  # it learns which instance it sequences for when it looks
            sequencer.streams_under(RULEBOOK_STREAM)
        while batch := list(islice(appends, _TOGETHER)):
            while entered is not None and stores.head() - entered.entered.position > _AHEAD_MAX:
                time.sleep(_LOOK_S)
            refused = [one for one in sequencer.append(batch) if not isinstance(one, Appended)]
            assert not refused, f"not all was sequenced: {refused[0]}"
            done += len(batch)
            told.tell(done)
    return clock.elapsed() - begun


@contextmanager
def _serving(stores: Stores) -> Iterator[Serving]:
    """What a process that writes a ledger on Kafka goes by: what its relay says is entered."""
    with closing(connect(stores.database_url)) as connection:
        pinned = pinned_in(connection)
        assert pinned is not None, "it was moved to Kafka"

        def entered() -> Head:
            place = newest_place(connection, pinned.topic_id)
            assert place is not None, "its first term was entered"
            return place.head

        yield Serving(entered, wake_gate=lambda: None)


@contextmanager
def _moving(stores: Stores) -> Iterator[None]:
    """The service, which is not ready before all is entered."""
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "up", "--no-sample", "--port", "0"],
        cwd=REPOSITORY,
        env=stores.environment,
        stdout=sys.stderr,
    )
    try:
        yield
        assert process.poll() is None, "the service ended; it says why above"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(_STOP_S)


@contextmanager
def _child(stores: Stores, command: str) -> Iterator[None]:
    """A process as `up` has it for a child, alone."""
    with subprocess.Popen(
        [sys.executable, "-m", "api.cli", command],
        cwd=REPOSITORY,
        env=stores.environment,
        stdin=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None, "it has a pipe"
        try:
            yield
            assert process.poll() is None, f"{command} ended; it says why above"
        finally:
            process.stdin.close()
            process.wait(_STOP_S)


def _until_entered(stores: Stores) -> float:
    """Seconds until all that is sequenced is known to be entered on Kafka."""
    begun = clock.elapsed()
    for _ in _looks(stores, _ENTERED):
        pass
    return clock.elapsed() - begun


def _until_shown(stores: Stores) -> Caught:
    """Wait until the views show all that is sequenced."""
    (since, before), *others = _looks(stores, _SHOWN)
    steps = [(at_s, shown) for at_s, shown in others if shown > before]
    ended, head = steps[-1] if steps else (since, before)
    # Where all came in one step there is only the whole.
    first_s, first = steps[0] if steps and steps[0][1] < head else (since, before)
    return Caught(
        events=head - before,
        seconds=ended - since,
        per_s=(head - first) / max(ended - first_s, _LOOK_S),
    )


def _looks(stores: Stores, question: LiteralString) -> Iterator[tuple[float, int]]:
    """When the answer was which position, from now until it is the sequenced one.

    One connection asks all the time: who looks should cost nobody anything.
    """
    begun = clock.elapsed()
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        head = _found(connection, _HEAD)
        told = Told(head)
        while True:
            found, now = _found(connection, question), clock.elapsed()
            yield now, found
            if found >= head and found >= (head := _found(connection, _HEAD)):
                return
            assert now - begun < _PATIENCE_S, f"only {found} of {head} after {_PATIENCE_S:.0f} s"
            told.tell(found)
            time.sleep(_LOOK_S)
