"""On Kafka a process sequences, and answers for keys, only while all that it takes holds."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import pytest

from infra import serving
from infra.connections import connect, open_pool
from infra.log_source import LivesOnKafka, pinned_topic
from infra.sequencer import PostgresSequencer
from infra.serving import LedgerNotOpen, NotServing, Serving
from infra.statuses import Statuses
from ledger.record import Head
from ledger.refusals import CommandVoided
from ledger.sequencing import Appended, KeyVoided, VersionConflict
from tests.contracts import append, at
from tests.infra.test_gate import LEDGER, Ledger

pytestmark = pytest.mark.pg


@dataclass(slots=True)
class Process:
    """A process of the ledger: its sequencer, and the head that its follower has accepted."""

    ledger: Ledger
    entered: Head = field(default_factory=Head)
    woken: int = 0

    def follow(self) -> None:
        """Everything that PostgreSQL holds is entered, and accepted here."""
        self.ledger.relay()
        ((position, chain, term),) = self.ledger.rows(
            "SELECT position, chain_hash, term FROM ledger_head"
        )
        assert isinstance(position, int)
        assert isinstance(chain, bytes)
        assert isinstance(term, int)
        self.entered = Head(position=position, chain=chain, term=term)

    def wake(self) -> None:
        self.woken += 1

    @property
    def serving(self) -> Serving:
        return Serving(lambda: self.entered, self.wake)

    @contextmanager
    def sequencer(self) -> Iterator[PostgresSequencer]:
        url, sign = self.ledger.url, self.ledger.signer.sign
        now = self.ledger.opener().now
        with closing(
            PostgresSequencer(lambda: connect(url), LEDGER, sign, now, self.serving)
        ) as sequencer:
            yield sequencer

    @contextmanager
    def statuses(self) -> Iterator[Statuses]:
        with closing(open_pool(self.ledger.url, 1)) as pool:
            yield Statuses(pool, self.serving)


@pytest.fixture
def process(database_url: str) -> Process:
    """A process that serves."""
    process = Process(Ledger(database_url))
    process.ledger.gate()
    process.follow()
    return process


KEY = f"{1:064x}"


def test_a_process_that_knows_the_term_to_be_entered_serves(process: Process) -> None:
    with process.sequencer() as sequencer, process.statuses() as statuses:
        assert sequencer.streams_under("a") == (1, frozenset())
        (answer,) = sequencer.append([append("a", 1, key=1)])
        assert answer == at(2)
        assert statuses.why_not_serving() is None
        found = statuses.of_key(KEY)
        assert isinstance(answer, Appended)
        assert found is not None
        assert (found.last, found.chain) == (2, answer.chain)
        assert statuses.of_key(f"{2:064x}") is None
    assert process.woken == 0


def refuses(process: Process, match: str, *, tells: bool = False) -> None:
    """It neither looks, nor sequences, nor (unless it `tells`) says what a key did."""
    before = process.ledger.position()
    with process.sequencer() as sequencer, process.statuses() as statuses:
        with pytest.raises(NotServing, match=match):
            sequencer.streams_under("a")
        with pytest.raises(NotServing, match=match):
            sequencer.streams_changed(1)
        with pytest.raises(NotServing, match=match):
            sequencer.append([append("a", 1, key=1)])
        if tells:
            assert statuses.of_key(KEY) is None
        else:
            with pytest.raises(NotServing, match=match):
                statuses.of_key(KEY)
        assert (statuses.why_not_serving() is None) == tells
    assert process.ledger.position() == before


def test_none_serves_before_the_term_is_entered(process: Process) -> None:
    process.entered = Head()
    refuses(process, "term 1 is not entered")
    assert process.woken


def test_none_serves_behind_a_restart_until_the_next_term_is_entered(process: Process) -> None:
    process.ledger.as_another_instance()
    refuses(process, "started anew")
    assert process.woken
    process.ledger.gate()
    refuses(process, "term 2 is not entered")
    process.follow()
    with process.sequencer() as sequencer:
        sequencer.streams_under("a")
        assert sequencer.append([append("a", 1)]) == (at(3),)


@pytest.mark.parametrize("state", ["healing", "stopped", "fenced"])
def test_none_serves_while_the_ledger_is_not_open(process: Process, state: str) -> None:
    with connect(process.ledger.url) as connection:
        connection.execute("UPDATE ledger_head SET state = %s, reason = 'why'", (state,))
    refuses(process, f"is {state} at position 1: why")


def test_none_serves_where_postgresql_has_not_what_is_entered(process: Process) -> None:
    process.entered = Head(position=2, chain=bytes(32), term=1)
    refuses(process, "PostgreSQL has not the record 2")
    process.entered = Head(position=1, chain=bytes(32), term=1)
    refuses(process, "PostgreSQL has not the record 1")
    assert process.woken


def test_too_much_that_waits_is_refused_and_keys_are_answered_for(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "UNENTERED_MAX", 2)
    with process.sequencer() as sequencer:
        sequencer.streams_under("a")
        assert sequencer.append([append("b", 1, count=2)]) == (at(2, 3),)
        assert sequencer.append([append("b", 3)]) == (at(4),)
    refuses(process, "3 records wait to be entered", tells=True)
    process.follow()
    with process.sequencer() as sequencer:
        sequencer.streams_under("a")
        assert sequencer.append([append("a", 1)]) == (at(5),)


def test_what_was_decided_before_another_term_is_decided_again(process: Process) -> None:
    """The records of a stream may be others by then, under the same versions."""
    with process.sequencer() as sequencer:
        assert sequencer.streams_changed(1) == (1, None)
        assert sequencer.streams_changed(1) == (1, frozenset())
        process.ledger.as_another_instance()
        process.ledger.gate()
        process.follow()
        (answer,) = sequencer.append([append("a", 1)])
        assert isinstance(answer, VersionConflict)
        assert process.ledger.position() == 2
        assert sequencer.streams_changed(1) == (2, None)
        assert sequencer.append([append("a", 1)]) == (at(3),)


class TestVoidedKeys:
    @pytest.fixture
    def process(self, process: Process) -> Process:
        """The command under key 1 was voided, at position 2, by another term."""
        process.ledger.count = 4
        with connect(process.ledger.url) as connection:
            connection.execute("INSERT INTO ledger_voided VALUES (decode(%s, 'hex'), %s)", (KEY, 2))
        return process

    def test_the_key_is_never_used_again(self, process: Process) -> None:
        process.ledger.record(1)
        process.follow()
        with process.sequencer() as sequencer, process.statuses() as statuses:
            sequencer.streams_under("a")
            voided = KeyVoided(position=2)
            assert sequencer.commands([KEY]) == {KEY: voided}
            assert sequencer.append([append("a", 1, key=1)]) == (voided,)
            assert process.ledger.position() == 2
            assert sequencer.append([append("a", 1, key=2)]) == (at(3),)
            with pytest.raises(CommandVoided, match="position 2"):
                statuses.of_key(KEY)

    def test_nothing_is_said_of_it_before_the_log_has_said_so(self, process: Process) -> None:
        process.ledger.record(1)
        with process.sequencer() as sequencer, process.statuses() as statuses:
            sequencer.streams_under("a")
            with pytest.raises(NotServing, match="not entered yet"):
                sequencer.append([append("a", 1, key=1)])
            with pytest.raises(NotServing, match="not entered yet"):
                statuses.of_key(KEY)


def test_a_ledger_that_lives_on_a_topic_is_never_written_on_the_table_again(
    process: Process,
) -> None:
    url = process.ledger.url
    with (
        closing(
            PostgresSequencer(
                lambda: connect(url),
                LEDGER,
                process.ledger.signer.sign,
                process.ledger.opener().now,
            )
        ) as sequencer,
        pytest.raises(LedgerNotOpen, match=r"lives on the topic test\.log of Kafka"),
    ):
        sequencer.append([append("a", 1)])
    pinned = pinned_topic(url)
    assert pinned is not None
    assert "LEDGER_KAFKA" in str(LivesOnKafka(pinned))
