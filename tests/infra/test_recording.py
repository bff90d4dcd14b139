"""The whole write path on PostgreSQL: several processes decide and record on one ledger."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import Final

import pytest

from infra import clock
from infra.codec import EventCodec, command_hash
from infra.connections import connect
from infra.creation import create_ledger, public_keys
from infra.follower import Follower
from infra.ids import fresh_event, fresh_subject
from infra.log_source import table_source
from infra.sequencer import PostgresSequencer
from infra.signer import Signer, Verifier
from infra.table_log import TableLog
from infra.writer import Writer
from ledger.calendar import official_calendar
from ledger.commands import Command, PublishEdition
from ledger.refusals import Refused
from ledger.requests import Recorded, Request, TooContended, Unchanged
from ledger.rulebooks import shipped
from ledger.service import Service
from tests.check_ledger import check_ledger
from tests.examples import TODAY, basis, determination, enterprise, listing, penalty

from .cutting_proxy import CuttingProxy, after_the_commit, before_the_commit

pytestmark = pytest.mark.pg

LEDGER: Final = "test"
SIGNER: Final = Signer.generate(LEDGER)
PROCESSES: Final = 4
SUBJECTS: Final = 6


@pytest.fixture
def url(database_url: str) -> Iterator[str]:
    """A ledger at its beginning, which is checked at the end of the test."""
    with connect(database_url) as connection:
        create_ledger(
            connection, ledger=LEDGER, signer=lambda: SIGNER, fresh=fresh_event, now=clock.now
        )
    yield database_url
    check_ledger(database_url)


@contextmanager
def process(url: str) -> Iterator[Service]:
    sequencer = PostgresSequencer(lambda: connect(url), LEDGER, SIGNER.sign, clock.now)
    with closing(sequencer):
        yield Service(
            sequencer=sequencer,
            identities=sequencer,
            codec=EventCodec(),
            calendar=official_calendar(),
            today=lambda: TODAY,
            fresh_event=fresh_event,
            fresh_subject=fresh_subject,
        )


def request(number: int, command: Command, key: str | None = None) -> Request:
    """A fact about the subject of that number, which is registered where it is not known."""
    commands = (enterprise(number), command)
    return Request(
        commands=commands,
        command_hash=command_hash(None, commands),
        key_hash=None if key is None else command_hash(key, ()),
    )


def work(seed: int, *, keyed: bool) -> list[Request]:
    """The same facts about the same subjects for every process, in an order of its own."""
    facts: list[Command] = [penalty(basis=basis(f"示知罚〔2024〕{n}号")) for n in range(5)]
    facts += [determination(), listing()]
    asked = [
        request(number, fact, f"{number}/{place}" if keyed else None)
        for number in range(1, SUBJECTS + 1)
        for place, fact in enumerate(facts)
    ]
    random.Random(seed).shuffle(asked)  # noqa: S311  # an order, not a secret
    return asked


def run(
    url: str, *, keyed: bool, through: Callable[[str], str] = str
) -> list[Recorded | Unchanged | Refused | TooContended]:
    """All processes record all facts at once, in batches of several."""
    with process(url) as service:
        service.record(
            [
                Request(commands=(PublishEdition(text=text),), command_hash="0" * 64)
                for text in shipped()
            ]
        )
    gate = threading.Barrier(PROCESSES)

    def record(seed: int) -> list[Recorded | Unchanged | Refused | TooContended]:
        asked = work(seed, keyed=keyed)
        with process(through(url)) as service:
            gate.wait()
            return [
                outcome
                for start in range(0, len(asked), 7)
                for outcome in service.record(asked[start : start + 7])
            ]

    with ThreadPoolExecutor(PROCESSES) as pool:
        return [one for found in pool.map(record, range(PROCESSES)) for one in found]


def check_facts(url: str) -> None:
    """Each subject is one, and each fact stands once."""
    kept = [one.said for one in check_ledger(url)]
    registered = [one for one in kept if one["type"] == "subject-registered"]
    assert len(registered) == SUBJECTS
    for one in registered:
        types = sorted(said["type"] for said in kept if said["subject"] == one["subject"])
        assert types == ["determination-made", "listing-decided"] + ["penalty-imposed"] * 5 + [
            "subject-registered"
        ]


@pytest.mark.parametrize("keyed", [True, False])
def test_processes_side_by_side_record_each_fact_once(url: str, keyed: bool) -> None:  # noqa: FBT001  # a case
    outcomes = run(url, keyed=keyed)
    assert {type(one) for one in outcomes} <= {Recorded, Unchanged}
    check_facts(url)


def every_third(where: Callable[[str, bytes], int | None]) -> Callable[[str, bytes], int | None]:
    """Cut there every third time, so that whoever tries again comes through."""
    seen = 0

    def cut(direction: str, sent: bytes) -> int | None:
        nonlocal seen
        place = where(direction, sent)
        seen += place is not None
        return place if seen % 3 == 0 else None

    return cut


@pytest.mark.parametrize("where", [after_the_commit, before_the_commit])
def test_so_they_do_while_their_lines_are_cut(
    url: str, where: Callable[[str, bytes], int | None]
) -> None:
    with ExitStack() as held:
        proxies = [held.enter_context(CuttingProxy(url)) for _ in range(PROCESSES)]
        for proxy in proxies:
            proxy.cut(every_third(where), times=1_000)
        lines = iter([proxy.dsn for proxy in proxies])
        outcomes = run(url, keyed=False, through=lambda _: next(lines))
        assert all(proxy.cuts > 0 for proxy in proxies)
    assert {type(one) for one in outcomes} <= {Recorded, Unchanged}
    check_facts(url)


def test_what_is_recorded_is_entered_when_the_log_was_read_back(url: str) -> None:
    with connect(url) as connection:
        verifier = Verifier(LEDGER, public_keys(connection))
    with process(url) as service, closing(TableLog(lambda: connect(url))) as log:
        follower = Follower(
            table_source(url),
            lambda: verifier,
            lambda _: (),
            lambda position, _: log.read(position - 1, 1)[0],
        )
        writer = Writer(service, follower.hint)
        follower.start()
        writer.start()
        try:
            (outcome,) = writer.record([request(1, penalty())])
            assert isinstance(outcome, Recorded)
            follower.wait(outcome.last, 20)
            receipt = follower.receipt(outcome.last, outcome.chain)
        finally:
            writer.stop()
            follower.stop()
    assert receipt is not None
    assert (receipt.position, receipt.partition, receipt.offset) == (3, 0, 2)
    assert follower.entered.position == 3
