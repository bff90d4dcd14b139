"""Requests of many at once share transactions, and each is told its own outcome."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Final

import pytest

from infra import writer
from infra.writer import Writer
from ledger.refusals import Refused, UnknownSubject
from ledger.requests import Outcome, Overloaded, Recorded, Request, TooContended, Unchanged
from ledger.sequencing import Append, AppendOutcome
from ledger.service import Service
from tests.examples import enterprise, penalty
from tests.process import Process, request
from tests.waiting import wait_until

PATIENCE_S: Final = 20


class Gate:
    """Holds the writer's thread until it is opened, so that requests gather."""

    def __init__(self) -> None:
        self.held = threading.Event()
        self._opened = threading.Event()

    def work(self, _: Service) -> None:
        self.held.set()
        assert self._opened.wait(PATIENCE_S)

    def open(self) -> None:
        self._opened.set()


@pytest.fixture
def process() -> Process:
    process = Process()
    process.recorded(enterprise(1))
    process.store.batches.clear()
    return process


@pytest.fixture
def commits() -> list[int]:
    return []


@pytest.fixture
def writing(process: Process, commits: list[int]) -> Iterator[Writer]:
    found = Writer(process.service, lambda: commits.append(process.store.position()))
    found.start()
    yield found
    found.stop()


def held(found: Writer) -> Gate:
    gate = Gate()
    found.between_batches(gate.work)
    assert gate.held.wait(PATIENCE_S)
    return gate


def ask(found: Writer, requests: Sequence[Request]) -> list[Outcome | BaseException]:
    """All of them at once, gathered while the writer is held."""

    async def asking() -> list[Outcome | BaseException]:
        gate = held(found)
        asked = [found.submit(one) for one in requests]
        gate.open()
        return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(asking())


def test_fifty_requests_share_one_transaction(
    writing: Writer, process: Process, commits: list[int]
) -> None:
    outcomes = ask(writing, [request(enterprise(number)) for number in range(10, 60)])
    assert all(isinstance(one, Recorded) for one in outcomes)
    assert process.store.batches == [50]
    assert commits == [52]


def test_a_refusal_touches_no_neighbour_and_is_an_outcome(
    writing: Writer, process: Process
) -> None:
    outcomes = ask(
        writing,
        [
            request(penalty(), of=1),
            request(penalty(), of=9),
            request(penalty(), of=1),
            request(enterprise(2)),
        ],
    )
    assert [type(one) for one in outcomes] == [Recorded, UnknownSubject, Unchanged, Recorded]
    assert isinstance(outcomes[1], Refused)
    assert len(process.store.batches) == 1


def test_a_lone_request_waits_for_nobody(writing: Writer, process: Process) -> None:
    async def alone() -> Outcome:
        return await writing.submit(request(enterprise(2)))

    assert isinstance(asyncio.run(alone()), Recorded)
    assert process.store.batches == [1]


def test_more_than_a_batch_holds_goes_into_several(writing: Writer, process: Process) -> None:
    outcomes = ask(writing, [request(enterprise(number)) for number in range(10, 1_110)])
    assert all(isinstance(one, Recorded) for one in outcomes)
    assert process.store.batches == [500, 500, 100]


def test_a_fault_is_told_to_everybody_and_the_next_batch_goes_on(
    writing: Writer, process: Process
) -> None:
    def away() -> None:
        raise ConnectionError("gone")

    process.store.meanwhile = [away]
    outcomes = ask(writing, [request(enterprise(number)) for number in (2, 3)])
    assert [str(one) for one in outcomes] == ["gone", "gone"]
    assert all(isinstance(one, Recorded) for one in ask(writing, [request(enterprise(2))]))


def test_who_met_a_conflict_on_every_attempt_is_told_and_no_neighbour_is(
    writing: Writer, process: Process
) -> None:
    losing(process)
    outcomes = ask(writing, [request(penalty(), of=1), request(enterprise(2))])
    assert isinstance(outcomes[0], TooContended)
    assert isinstance(outcomes[1], Recorded)


def losing(process: Process) -> None:
    """Let every append on the first subject meet a conflict."""
    store = process.store
    whole = store.append

    def append(batch: Sequence[Append]) -> tuple[AppendOutcome, ...]:
        moved = [
            Append(
                drafts=tuple(
                    type(draft)(
                        stream=draft.stream,
                        version=draft.version + 100,
                        type=draft.type,
                        id=draft.id,
                        data=draft.data,
                    )
                    for draft in one.drafts
                ),
                key_hash=one.key_hash,
                command_hash=one.command_hash,
                actor=one.actor,
            )
            if one.drafts[0].version > 1
            else one
            for one in batch
        ]
        return whole(moved)

    store.append = append  # type: ignore[method-assign]  # a store that others write to


def test_outcomes_arrive_in_the_loop_that_asked(writing: Writer) -> None:
    loops = 4
    gate = held(writing)
    found: dict[int, list[str]] = {}

    def run(number: int) -> None:
        async def asking() -> None:
            asked = [writing.submit(request(enterprise(100 + 10 * number + n))) for n in range(5)]
            ready.wait()
            found[number] = [type(await one).__name__ for one in asked]

        asyncio.run(asking())

    ready = threading.Barrier(loops + 1)
    threads = [threading.Thread(target=run, args=(number,)) for number in range(loops)]
    for one in threads:
        one.start()
    ready.wait()
    gate.open()
    for one in threads:
        one.join(PATIENCE_S)
    assert found == {number: ["Recorded"] * 5 for number in range(loops)}


class TestCancelling:
    def test_one_who_left_is_not_told_and_its_request_is_done(
        self, writing: Writer, process: Process
    ) -> None:
        async def asking() -> Outcome:
            gate = held(writing)
            left = writing.submit(request(enterprise(2)))
            stays = writing.submit(request(enterprise(3)))
            left.cancel()
            gate.open()
            return await stays

        assert isinstance(asyncio.run(asking()), Recorded)
        assert process.store.position() == 4

    def test_a_preview_that_was_given_up_ends_nothing(self, writing: Writer) -> None:
        """It ended the writer's thread once: a future that was cancelled takes no result."""

        async def asking() -> Outcome:
            gate = held(writing)
            left = writing.preview(request(penalty(), of=1))
            await asyncio.sleep(0)
            left.cancel()
            await asyncio.sleep(0)
            gate.open()
            return await asyncio.wait_for(writing.submit(request(enterprise(2))), PATIENCE_S)

        assert isinstance(asyncio.run(asking()), Recorded)

    def test_an_errand_that_was_given_up_is_not_done(self, writing: Writer) -> None:
        gate = held(writing)
        done: list[int] = []
        errand = writing.between_batches(lambda _: done.append(1))
        assert errand.cancel()
        gate.open()
        writing.between_batches(lambda _: None).result(PATIENCE_S)
        assert done == []

    def test_a_loop_that_was_closed_keeps_nobody_else_from_hearing(self, writing: Writer) -> None:
        """Telling it raised once, and ended the writer's thread."""
        gate = held(writing)

        async def leave() -> None:
            writing.submit(request(enterprise(2)))

        asyncio.run(leave())

        async def stay() -> Outcome:
            asked = writing.submit(request(enterprise(3)))
            gate.open()
            return await asyncio.wait_for(asked, PATIENCE_S)

        assert isinstance(asyncio.run(stay()), Recorded)
        assert isinstance(writing.record([request(enterprise(4))])[0], Recorded)


class TestOneBatch:
    def test_a_batch_of_the_callers_own_is_recorded_at_once(
        self, writing: Writer, process: Process, commits: list[int]
    ) -> None:
        outcomes = writing.record([request(enterprise(2)), request(penalty(), of=9)])
        assert [type(one) for one in outcomes] == [Recorded, UnknownSubject]
        assert process.store.batches == [1]
        assert commits == [3]

    def test_a_conflict_on_every_attempt_is_raised(self, writing: Writer, process: Process) -> None:
        losing(process)
        with pytest.raises(TooContended):
            writing.record([request(enterprise(2)), request(penalty(), of=1)])
        assert process.store.position() == 3

    def test_a_fault_is_raised(self, writing: Writer, process: Process) -> None:
        def away() -> None:
            raise ConnectionError("gone")

        process.store.meanwhile = [away]
        with pytest.raises(ConnectionError):
            writing.record([request(enterprise(2))])

    def test_it_is_done_behind_what_was_asked_before(self, writing: Writer) -> None:
        gate = held(writing)

        async def asking() -> int:
            asked = writing.submit(request(enterprise(2)))
            errand = writing.between_batches(lambda service: service.position)
            gate.open()
            await asked
            return int(errand.result(PATIENCE_S))

        assert asyncio.run(asking()) == 3


class TestPreviews:
    def test_a_preview_arrives_in_the_loop_and_records_nothing(
        self, writing: Writer, process: Process
    ) -> None:
        async def asking() -> tuple[int, int]:
            preview = await writing.preview(request(penalty(), of=1))
            return len(preview.events), preview.position

        assert asyncio.run(asking()) == (1, 2)
        assert process.store.position() == 2

    def test_what_is_forbidden_is_refused(self, writing: Writer) -> None:
        async def asking() -> None:
            await writing.preview(request(penalty(), of=9))

        with pytest.raises(UnknownSubject):
            asyncio.run(asking())


class TestStopping:
    def test_what_was_taken_is_finished(self, process: Process) -> None:
        found = Writer(process.service, lambda: None)
        found.start()

        async def asking() -> list[Outcome]:
            gate = held(found)
            asked = [found.submit(request(enterprise(number))) for number in range(2, 12)]
            stopping = threading.Thread(target=found.stop)
            stopping.start()
            wait_until(lambda: found._is_stopping, PATIENCE_S)
            gate.open()
            outcomes = [await one for one in asked]
            stopping.join(PATIENCE_S)
            return outcomes

        assert all(isinstance(one, Recorded) for one in asyncio.run(asking()))
        assert not found._thread.is_alive()

    def test_what_comes_later_is_turned_away_and_never_left_waiting(self, process: Process) -> None:
        """It was queued once behind the end of the queue, where nobody would take it."""
        found = Writer(process.service, lambda: None)
        found.start()
        found.stop()

        async def asking() -> None:
            await found.submit(request(enterprise(2)))

        for late in (
            lambda: asyncio.run(asking()),
            lambda: found.record([request(enterprise(2))]),
            lambda: found.between_batches(lambda _: None),
        ):
            with pytest.raises(Overloaded, match="stopping"):
                late()
        assert process.store.position() == 2

    def test_it_may_be_stopped_twice(self, process: Process) -> None:
        found = Writer(process.service, lambda: None)
        found.start()
        found.stop()
        found.stop()


def test_too_many_are_turned_away_and_those_that_wait_are_done(
    writing: Writer, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_WAITING_MAX", 3)

    async def asking() -> list[Outcome]:
        gate = held(writing)
        asked = [writing.submit(request(enterprise(number))) for number in (2, 3, 4)]
        with pytest.raises(Overloaded, match="3 requests wait"):
            writing.submit(request(enterprise(5)))
        gate.open()
        return [await one for one in asked]

    assert all(isinstance(one, Recorded) for one in asyncio.run(asking()))
    assert process.store.position() == 5
