"""A new ledger in memory and one on PostgreSQL, each seen through the contracts."""

from infra.codec import term_opened_draft
from infra.connections import connect
from infra.creation import create_ledger, public_keys
from infra.ids import fresh_event
from infra.memory import MemoryStore
from infra.sequencer import PostgresSequencer
from infra.signer import PublicKey, Signer, Verifier
from infra.table_log import TableLog
from ledger.events import TermOpened
from ledger.sequencing import Append
from tests.contracts import LEDGER, Clock, Store

__all__ = ["memory_store", "postgres_store"]


def memory_store() -> Store:
    signer, clock = Signer.generate(LEDGER), Clock()
    memory = MemoryStore(LEDGER, signer.sign, clock)
    opened = TermOpened(
        term=1,
        incarnation=fresh_event(),
        system_identifier="1",
        server_timeline=1,
        server_started_at="2026-11-24T00:00:00.000000Z",
        from_position=1,
        reason="created",
        public_key=signer.public_key.hex(),
    )
    memory.open_term(
        Append(
            drafts=(term_opened_draft(opened, fresh_event()),),
            key_hash=None,
            command_hash="0" * 64,
            actor="local",
        )
    )
    key = PublicKey(key=signer.public_key, first_term=1, last_term=None)
    return Store(
        sequencer=memory,
        identities=memory,
        log=memory.log,
        signer=signer,
        verifier=Verifier(LEDGER, [key]),
        clock=clock,
    )


def postgres_store(url: str) -> tuple[Store, PostgresSequencer, TableLog]:
    signer, clock = Signer.generate(LEDGER), Clock()
    with connect(url) as connection:
        create_ledger(
            connection, ledger=LEDGER, signer=lambda: signer, fresh=fresh_event, now=clock
        )
        verifier = Verifier(LEDGER, public_keys(connection))
    sequencer = PostgresSequencer(lambda: connect(url), LEDGER, signer.sign, clock)
    log = TableLog(lambda: connect(url))
    store = Store(
        sequencer=sequencer,
        identities=sequencer,
        log=log,
        signer=signer,
        verifier=verifier,
        clock=clock,
    )
    return store, sequencer, log
