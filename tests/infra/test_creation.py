"""A ledger begins with its head, its key and `term-opened`, in one transaction."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import psycopg
import pytest
import rfc8785

from infra.codec import read_envelope
from infra.connections import connect
from infra.creation import (
    OtherLedger,
    create_ledger,
    public_keys,
    require_ledger,
    write_keys,
)
from infra.ids import fresh_event
from infra.sequencer import PostgresSequencer
from infra.signer import PublicKey, Signer
from ledger.events import TermOpened
from tests.check_ledger import check_ledger
from tests.contracts import Clock, append, at

NOW: Final = datetime(2026, 11, 24, 1, 2, 3, 456789, tzinfo=UTC)


def create(url: str, ledger: str = "test", signer: Signer | None = None) -> bool:
    made = signer or Signer.generate(ledger)
    with connect(url) as connection:
        return create_ledger(
            connection, ledger=ledger, signer=lambda: made, fresh=fresh_event, now=Clock(NOW)
        )


@pytest.mark.pg
class TestTermOpened:
    def test_the_first_record_says_which_server_opened_the_term(self, database_url: str) -> None:
        signer = Signer.generate("test")
        assert create(database_url, signer=signer)
        (record,) = check_ledger(database_url)
        with psycopg.connect(database_url) as connection:
            server = connection.execute(
                "SELECT system_identifier::text, timeline_id, pg_postmaster_start_time()"
                " FROM pg_control_system(), pg_control_checkpoint()"
            ).fetchone()
            head = connection.execute(
                "SELECT incarnation, system_identifier, server_timeline, server_started_at, state,"
                " reason FROM ledger_head"
            ).fetchone()
        assert server is not None
        assert head is not None
        data = record.said["data"]
        assert data == {
            "from_position": 1,
            "incarnation": head[0],
            "public_key": signer.public_key.hex(),
            "reason": "created",
            "server_started_at": server[2].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "server_timeline": server[1],
            "system_identifier": server[0],
            "term": 1,
        }
        assert head[1:] == (*server, "open", None)
        assert record.signature is not None
        assert record.said["subject"] == "ledger"
        assert record.said["critical"] is True
        assert record.said["time"] == "2026-11-24T01:02:03.456789Z"
        assert record.said["commandhash"] == sha256(rfc8785.dumps(data)).hexdigest()
        assert "idemkeyhash" not in record.said
        assert isinstance(read_envelope(record.value).event(), TermOpened)

    def test_what_is_sequenced_follows_it_in_a_batch_of_its_own(self, database_url: str) -> None:
        signer = Signer.generate("test")
        create(database_url, signer=signer)
        sequencer = PostgresSequencer(
            lambda: connect(database_url), "test", signer.sign, Clock(NOW)
        )
        with closing(sequencer):
            assert sequencer.append([append("a", 1, count=2)]) == (at(2, 3),)
        kept = check_ledger(database_url)
        assert [one.signature is not None for one in kept] == [True, False, True]


@pytest.mark.pg
class TestOnce:
    def test_a_ledger_that_is_there_is_left_as_it_is(self, database_url: str) -> None:
        create(database_url)
        before = check_ledger(database_url)

        def never() -> Signer:
            raise AssertionError("no key is needed")

        with connect(database_url) as connection:
            assert not create_ledger(
                connection, ledger="test", signer=never, fresh=fresh_event, now=Clock(NOW)
            )
        assert check_ledger(database_url) == before

    def test_of_many_that_create_at_once_one_does(self, database_url: str) -> None:
        gate = threading.Barrier(8)

        def run(_: int) -> bool:
            gate.wait()
            return create(database_url)

        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(run, range(8)))
        assert made.count(True) == 1
        assert len(check_ledger(database_url)) == 1

    def test_another_ledger_in_the_same_database_is_refused(self, database_url: str) -> None:
        create(database_url)
        with pytest.raises(OtherLedger, match=r"holds the ledger test, not other.*LEDGER_ID=test"):
            create(database_url, "other")
        with connect(database_url) as connection:
            require_ledger(connection, "test")
            with pytest.raises(OtherLedger, match="LEDGER_ID=test"):
                require_ledger(connection, "other")
        assert len(check_ledger(database_url)) == 1

    def test_where_none_is_asked_for_none_is_made(self, database_url: str) -> None:
        with connect(database_url) as connection:
            with pytest.raises(OtherLedger, match="no ledger yet"):
                require_ledger(connection, "test")
            assert connection.execute("SELECT count(*) FROM ledger_head").fetchone() == (0,)

    def test_a_creation_that_fails_leaves_nothing(self, database_url: str) -> None:
        class Unable(Signer):
            def sign(self, head: object) -> bytes:
                raise PermissionError(f"no signature over {head}")

        with pytest.raises(PermissionError):
            create(database_url, signer=Unable.generate("test"))
        with connect(database_url) as connection:
            left = connection.execute(
                "SELECT (SELECT count(*) FROM ledger_head) + (SELECT count(*) FROM ledger_record)"
                " + (SELECT count(*) FROM ledger_key)"
            ).fetchone()
            assert left == (0,)
        assert create(database_url)
        check_ledger(database_url)


@pytest.mark.pg
def test_the_keys_of_a_ledger_are_told_with_their_terms(database_url: str) -> None:
    signer = Signer.generate("test")
    create(database_url, signer=signer)
    with connect(database_url) as connection:
        expected = PublicKey(key=signer.public_key, first_term=1, last_term=None)
        assert public_keys(connection) == (expected,)


class TestKeysFile:
    KEYS: Final = (
        PublicKey(key=b"\x01" * 32, first_term=1, last_term=4),
        PublicKey(key=b"\x02" * 32, first_term=5, last_term=None),
    )

    def test_it_lists_the_public_keys_for_readers_without_a_database(self, tmp_path: Path) -> None:
        write_keys(tmp_path / "keys.json", "test", self.KEYS)
        assert json.loads((tmp_path / "keys.json").read_text()) == {
            "ledger": "test",
            "keys": [
                {"public_key": "01" * 32, "first_term": 1, "last_term": 4},
                {"public_key": "02" * 32, "first_term": 5, "last_term": None},
            ],
        }

    def test_it_is_written_anew_only_where_it_changes(self, tmp_path: Path) -> None:
        file = tmp_path / "keys.json"
        write_keys(file, "test", self.KEYS[:1])
        first = file.stat().st_ino
        write_keys(file, "test", self.KEYS[:1])
        assert file.stat().st_ino == first
        write_keys(file, "test", self.KEYS)
        assert len(json.loads(file.read_text())["keys"]) == 2
        assert [one.name for one in tmp_path.iterdir()] == ["keys.json"]
