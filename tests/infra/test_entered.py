"""Event loops await what the follower accepts."""

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest

from infra.entered import Entered
from ledger.log import Place, Receipt

if TYPE_CHECKING:
    from infra.follower import Follower

CHAIN = bytes(32)


def receipt(position: int) -> Receipt:
    return Receipt(
        position=position, leaf_hash="00", chain_hash="11", partition=0, offset=position - 1
    )


class Accepting:
    """A follower whose head is moved by the test, from another thread."""

    def __init__(self, remembers: Callable[[int], bool] = lambda _: True) -> None:
        self.entered = Place(topic_id="memory")
        self.looked_up_in: list[threading.Thread] = []
        self._remembers = remembers
        self._waiting: list[tuple[int, Callable[[Receipt], None]]] = []

    def tell(self, position: int, _chain: bytes, told: Callable[[Receipt], None]) -> None:
        if position <= self.entered.position:
            told(receipt(position))
        else:
            self._waiting.append((position, told))

    def remembered(self, position: int, _chain: bytes) -> Receipt | None:
        return receipt(position) if self._remembers(position) else None

    def receipt(self, position: int, _chain: bytes) -> Receipt:
        self.looked_up_in.append(threading.current_thread())
        return receipt(position)

    def accept(self, position: int) -> None:
        self.entered = Place(topic_id="memory", position=position)
        ready = [one for one in self._waiting if one[0] <= position]
        self._waiting = [one for one in self._waiting if one[0] > position]
        for asked, told in ready:
            told(receipt(asked))


@pytest.fixture
def follower() -> Accepting:
    return Accepting()


def entered_of(follower: Accepting) -> Entered:
    return Entered(cast("Follower", follower))


def test_many_who_wait_are_told_with_few_wake_ups(follower: Accepting) -> None:
    entered = entered_of(follower)

    async def wait() -> tuple[list[Receipt | None], int]:
        loop = asyncio.get_running_loop()
        calls = 0
        whole = loop.call_soon_threadsafe

        def counting(*said: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            return whole(*said, **named)

        waiting = [entered.wait(position, CHAIN) for position in range(1, 51)]
        loop.call_soon_threadsafe = counting  # type: ignore[assignment]  # to count them
        accepting = threading.Thread(target=follower.accept, args=(50,))
        accepting.start()
        accepting.join()
        return [await one for one in waiting], calls

    told, calls = asyncio.run(wait())
    assert told == [receipt(position) for position in range(1, 51)]
    assert calls == 1


def test_one_who_left_is_not_told_and_keeps_nobody_from_hearing(follower: Accepting) -> None:
    entered = entered_of(follower)

    async def wait() -> Receipt | None:
        left, stays = entered.wait(1, CHAIN), entered.wait(2, CHAIN)
        left.cancel()
        threading.Thread(target=follower.accept, args=(2,)).start()
        return await stays

    assert asyncio.run(wait()) == receipt(2)


def test_what_is_entered_already_is_told_at_once(follower: Accepting) -> None:
    follower.accept(3)

    async def wait() -> bool:
        return entered_of(follower).wait(2, CHAIN).done()

    assert asyncio.run(wait())


def test_what_must_be_looked_up_holds_up_no_loop() -> None:
    follower = Accepting(remembers=lambda _: False)
    follower.accept(3)

    async def wait() -> tuple[Receipt | None, threading.Thread]:
        return await entered_of(follower).wait(2, CHAIN), threading.current_thread()

    told, loop_thread = asyncio.run(wait())
    assert told == receipt(2)
    assert follower.looked_up_in
    assert loop_thread not in follower.looked_up_in


def test_a_loop_that_was_closed_is_forgotten(follower: Accepting) -> None:
    entered = entered_of(follower)

    async def leave() -> None:
        entered.wait(1, CHAIN)

    asyncio.run(leave())
    follower.accept(1)  # nobody is there any more

    async def wait() -> Receipt | None:
        waiting = entered.wait(2, CHAIN)
        threading.Thread(target=follower.accept, args=(2,)).start()
        return await waiting

    assert asyncio.run(wait()) == receipt(2)
