"""The clients, in a process of their own: so many connections that are kept, one request at a time.

Run as a program, it prints what it saw as one line of JSON. Requests are made before the clock
starts, and answers are only looked at for their status and length, so that the clients cost little
beside the service with which they share the machine; `cpu_s` says how much.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Final, cast

import uvloop

from infra import clock

from .told import Told
from .workload import bodies, code, history, later

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .workload import Sent

__all__ = ["Seen"]

_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_HEAD_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the clients saw: how many answers of each status, how long half and nearly all took."""

    seconds: float
    cpu_s: float
    statuses: dict[str, int]
    p50_ms: float
    p99_ms: float

    @property
    def answers(self) -> int:
        """How many answers came."""
        return sum(self.statuses.values())


@dataclass(slots=True)
class _Notes:
    """What all clients note of each answer."""

    statuses: Counter[str] = field(default_factory=Counter)
    took_s: list[float] = field(default_factory=list)

    def seen(self, seconds: float, cpu_s: float) -> Seen:
        """All of it in short."""
        took = sorted(self.took_s)
        p50, p99 = (1_000 * took[int(share * (len(took) - 1))] for share in (0.5, 0.99))
        return Seen(
            seconds=seconds, cpu_s=cpu_s, statuses=dict(self.statuses), p50_ms=p50, p99_ms=p99
        )


class _Client(asyncio.Protocol):
    """One connection: sends the next request as soon as the answer to the last one is complete."""

    def __init__(self, requests: Iterator[tuple[float, bytes]], notes: _Notes) -> None:
        self._requests = requests
        self._notes = notes
        self._received = b""
        self._sent_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # what a stream connection has

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(_HEAD_END)
        if end < 0:
            return
        length = _LENGTH.search(self._received, 0, end)
        assert length is not None, "every answer says its length"
        if len(self._received) < end + len(_HEAD_END) + int(length[1]):
            return
        self._notes.took_s.append(clock.elapsed() - self._sent_at)
        self._notes.statuses[self._received[9:12].decode("ascii")] += 1
        self._received = b""
        self.send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the service closed a connection"))

    def send(self) -> None:
        """Send the next request when its time has come; the last one done, say so."""
        due, request = next(self._requests, (0.0, b""))
        if not request:
            self.done.set_result(None)
            return
        wait_s = due - clock.elapsed()
        if wait_s > 0:
            self._loop.call_later(wait_s, self._send, request)
        else:
            self._send(request)

    def _send(self, request: bytes) -> None:
        assert self._transport is not None
        self._sent_at = clock.elapsed()
        self._transport.write(request)


async def _run(
    port: int, requests: list[bytes], *, clients: int, rate: float | None, for_s: float | None
) -> Seen:
    """Send all requests, or `rate` a second, and over again until `for_s` seconds have passed."""
    notes = _Notes()
    loop = asyncio.get_running_loop()
    told = Told(len(requests))
    paced = _paced(requests if for_s is None else cycle(requests), rate, for_s, told)
    connected = [
        (await loop.create_connection(lambda: _Client(paced, notes), "127.0.0.1", port))[1]
        for _ in range(clients)
    ]
    cpu_before = sum(os.times()[:2])
    begun = clock.elapsed()
    for client in connected:
        client.send()
    await asyncio.gather(*(client.done for client in connected))
    return notes.seen(clock.elapsed() - begun, sum(os.times()[:2]) - cpu_before)


def _paced(
    requests: Iterable[bytes], rate: float | None, for_s: float | None, told: Told
) -> Iterator[tuple[float, bytes]]:
    """Each request with the moment before which it is not sent; begins at the first one."""
    begun = clock.elapsed()
    for number, request in enumerate(requests):
        due = begun if rate is None else begun + number / rate
        if for_s is not None and max(due, clock.elapsed()) > begun + for_s:
            return
        told.tell(number)
        yield due, request


def _writes(port: int, sent: Sequence[Sent], key: str, wait_s: int) -> list[bytes]:
    return [
        b"POST /v1/commands/%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
        b"Content-Type: application/json\r\nIdempotency-Key: %s-%d\r\nPrefer: wait=%d\r\n"
        b"Content-Length: %d\r\n\r\n%s"
        % (name.encode("ascii"), port, key.encode("ascii"), number, wait_s, len(body), body)
        for number, (name, body) in enumerate(bodies(sent))
    ]


def _questions(port: int, subjects: list[int]) -> list[bytes]:
    path = "/v1/subjects/%s/explanation?regime=demo/enterprise/score"
    return [
        f"GET {path % code(subject)} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode("ascii")
        for subject in subjects
    ]


def main() -> None:
    """Do what the arguments say."""
    asked = argparse.ArgumentParser()
    asked.add_argument("what", choices=("record", "go-on", "explain"))
    asked.add_argument("--port", type=int, required=True)
    asked.add_argument("--clients", type=int, default=1)
    asked.add_argument("--events", type=int, default=0)
    asked.add_argument("--first", type=int, default=0)
    asked.add_argument("--count", type=int, default=0)
    asked.add_argument("--subjects", type=int, nargs="*", default=[])
    asked.add_argument("--rate", type=float)
    asked.add_argument("--for-s", type=float)
    asked.add_argument("--wait-s", type=int, default=30)
    said = asked.parse_args()
    behind = said.first + said.count
    match said.what:
        case "record":
            sent = history(said.events)[said.first : behind]
            requests = _writes(said.port, sent, f"record-{said.first}", said.wait_s)
        case "go-on":
            sent = later(said.events, said.first, behind)
            requests = _writes(said.port, sent, f"go-on-{said.first}", said.wait_s)
        case _:
            requests = _questions(said.port, said.subjects)
    seen = uvloop.run(
        _run(said.port, requests, clients=said.clients, rate=said.rate, for_s=said.for_s)
    )
    print(json.dumps(asdict(seen)))  # noqa: T201  # what whoever started this program reads


if __name__ == "__main__":
    main()
