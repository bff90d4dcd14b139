"""The two sequencers keep one contract; what only PostgreSQL can show stands behind it."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg import errors

from infra.connections import connect
from infra.sequencer import LedgerNotOpen, PostgresSequencer
from infra.signer import Signer
from tests.check_ledger import check_ledger
from tests.contracts import LEDGER, Clock, SequencerContract, Store, append, at
from tests.stores import memory_store, postgres_store


class TestInMemory(SequencerContract):
    @pytest.fixture
    def store(self) -> Store:
        return memory_store()


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store, sequencer, log = postgres_store(database_url)
    with closing(sequencer), closing(log):
        yield store
    check_ledger(database_url, is_opaque=True)


@pytest.mark.pg
class TestOnPostgres(SequencerContract):
    @pytest.fixture(name="store")
    def _store(self, store: Store) -> Store:
        return store


@pytest.mark.pg
class TestTables:
    """What is on the ledger is never changed, and the head says what may be done."""

    @pytest.mark.parametrize("table", ["ledger_record", "ledger_command"])
    @pytest.mark.parametrize(
        "change", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
    )
    def test_what_is_recorded_cannot_be_changed(
        self, store: Store, database_url: str, table: str, change: str
    ) -> None:
        store.sequencer.append([append("a", 1, key=1)])
        column = {"ledger_record": "bytes", "ledger_command": "command_hash"}[table]
        statement = change.format(table, column, column)
        with (
            psycopg.connect(database_url) as connection,
            pytest.raises(errors.InsufficientPrivilege, match="never changed"),
        ):
            connection.execute(statement.encode())

    @pytest.mark.parametrize("state", ["healing", "fenced", "stopped"])
    def test_only_an_open_ledger_is_written(
        self, store: Store, database_url: str, state: str
    ) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("UPDATE ledger_head SET state = %s, reason = 'looked into'", [state])
            with pytest.raises(LedgerNotOpen, match=f"{state} at position 1: looked into"):
                store.sequencer.append([append("a", 1)])
            connection.execute("UPDATE ledger_head SET state = 'open', reason = NULL")
        assert store.sequencer.append([append("a", 1)]) == (at(2),)

    def test_a_database_without_ledger_is_not_written(self, database_url: str) -> None:
        sequencer = PostgresSequencer(
            lambda: connect(database_url), LEDGER, Signer.generate(LEDGER).sign, Clock()
        )
        with closing(sequencer):
            assert sequencer.position() == 0
            with pytest.raises(LedgerNotOpen, match="holds no ledger"):
                sequencer.append([append("a", 1)])

    def test_a_session_waits_for_nobody_for_long(self, store: Store) -> None:
        assert isinstance(store.sequencer, PostgresSequencer)
        connection = store.sequencer._connection()
        shown = [
            connection.execute(f"SHOW {name}".encode()).fetchone()
            for name in (
                "lock_timeout",
                "idle_in_transaction_session_timeout",
                "statement_timeout",
                "synchronous_commit",
                "transaction_isolation",
            )
        ]
        assert shown == [("2s",), ("5s",), ("5s",), ("on",), ("read committed",)]

    @pytest.mark.usefixtures("store")
    def test_there_is_one_head(self, database_url: str) -> None:
        with psycopg.connect(database_url) as connection, pytest.raises(errors.UniqueViolation):
            connection.execute(
                "INSERT INTO ledger_head SELECT 'other', position, chain_hash, term, recorded_at,"
                " incarnation, system_identifier, server_timeline, server_started_at, state"
                " FROM ledger_head"
            )
