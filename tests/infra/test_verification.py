"""A ledger that somebody changed behind its back says so, and says where."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import psycopg
import pytest

from infra import clock
from infra.codec import EventCodec, canonical, command_hash
from infra.connections import connect
from infra.creation import create_ledger, public_keys
from infra.ids import fresh_event, fresh_subject
from infra.projector import Projector
from infra.sequencer import PostgresSequencer
from infra.signer import Signer, Verifier
from infra.table_log import TableLog
from infra.verification import FLAWS_MAX, Verified, verify, verify_log
from ledger.calendar import official_calendar
from ledger.commands import AddIdentifier, Command, PublishEdition
from ledger.identifiers import (
    Identifier,
    SubjectId,
    is_subject_id,
    organisation_code,
    registration_number,
    uscc,
)
from ledger.record import Head, chain_hash, leaf_hash
from ledger.requests import Recorded, Request
from ledger.rulebooks import shipped
from ledger.service import Service
from tests.codes import (
    synthetic_organisation_code,
    synthetic_registration_number,
    synthetic_uscc,
)
from tests.examples import TODAY, basis, enterprise, penalty

pytestmark = pytest.mark.pg

LEDGER: Final = "test"


@dataclass
class Kept:
    """A ledger with commands of every sort: with and without key, with identifiers, in batches."""

    url: str
    signer: Signer
    verifier: Verifier
    service: Service
    keys: int = 0

    def record(self, *commands: Command, about: str | None = None, keyed: bool = True) -> Recorded:
        self.keys += 1
        request = Request(
            commands=commands,
            command_hash=command_hash(about, commands),
            key_hash=f"{self.keys:064x}" if keyed else None,
            subject=_named(about),
        )
        (outcome,) = self.service.record([request])
        assert isinstance(outcome, Recorded), outcome
        return outcome

    def log(self) -> TableLog:
        return TableLog(lambda: connect(self.url))

    def project(self) -> None:
        with closing(Projector(self.url, self.log, self.verifier)) as projector:
            while projector.step():
                pass

    def verify(self) -> Verified:
        return verify(self.url, self.log, self.verifier)

    def edit(self, statement: str, *values: object) -> None:
        """Change something as a superuser who has switched off whatever forbids it."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            changed = connection.execute(statement, values)
            assert changed.rowcount == 1, f"{changed.rowcount} rows changed: {statement}"

    def head(self) -> int:
        return self.service.position


def _named(about: str | None) -> SubjectId | tuple[Identifier, ...] | None:
    if about is None or is_subject_id(about):
        return None if about is None else SubjectId(about)
    return (uscc(about),)


@pytest.fixture
def kept(database_url: str) -> Iterator[Kept]:
    signer = Signer.generate(LEDGER)
    with connect(database_url) as connection:
        create_ledger(
            connection, ledger=LEDGER, signer=lambda: signer, fresh=fresh_event, now=clock.now
        )
        verifier = Verifier(LEDGER, public_keys(connection))
    sequencer = PostgresSequencer(lambda: connect(database_url), LEDGER, signer.sign, clock.now)
    with closing(sequencer):
        service = Service(
            sequencer=sequencer,
            identities=sequencer,
            codec=EventCodec(),
            calendar=official_calendar(),
            today=lambda: TODAY,
            fresh_event=fresh_event,
            fresh_subject=fresh_subject,
        )
        kept = Kept(url=database_url, signer=signer, verifier=verifier, service=service)
        _fill(kept)
        yield kept


def _fill(kept: Kept) -> None:
    """Positions: 1 the term, 2–4 editions, then four subjects with their facts."""
    for text in shipped():
        kept.record(PublishEdition(text=text), keyed=False)
    for n in range(1, 4):
        kept.record(enterprise(n), penalty(basis=basis(f"示罚〔2024〕{n}号")), keyed=n != 2)
        second = penalty(decided_on=TODAY - timedelta(days=n), basis=basis(f"示罚〔2026〕{n}号"))
        kept.record(second, about=synthetic_uscc(n))
    # A subject of an organisation code, which a credit code later claims once more.
    inner = organisation_code(synthetic_organisation_code(9))
    named = kept.record(enterprise(9, identifiers=(inner,))).stream
    kept.record(
        AddIdentifier(identifier=uscc(synthetic_uscc(9))),
        AddIdentifier(identifier=registration_number(synthetic_registration_number(9))),
        about=named,
    )
    # One batch of two commands.
    requests = [
        Request(
            commands=(penalty(basis=basis(f"示罚〔2025〕{n}号")),),
            command_hash=f"{n:064x}",
            subject=(uscc(synthetic_uscc(n)),),
        )
        for n in (1, 2)
    ]
    kept.service.record(requests)
    kept.project()


def _flaws(found: Verified) -> set[tuple[int | None, str]]:
    assert found.ok == (not found.problems)
    return {(flaw.position, flaw.code) for flaw in found.problems}


def test_a_ledger_that_nobody_touched_is_verified(kept: Kept) -> None:
    told: list[tuple[int, int]] = []
    found = verify(kept.url, kept.log, kept.verifier, lambda *here: told.append(here))
    assert found.problems == ()
    assert (found.ok, found.events, found.head) == (True, kept.head(), kept.head())
    assert {"grade_now", "standing_now", "timeline"} <= set(found.tables)
    assert told[-1] == (kept.head(), kept.head())


def test_a_ledger_that_holds_nothing_but_its_beginning_is_verified(database_url: str) -> None:
    signer = Signer.generate(LEDGER)
    with connect(database_url) as connection:
        create_ledger(
            connection, ledger=LEDGER, signer=lambda: signer, fresh=fresh_event, now=clock.now
        )
        log = verify_log(connection, Verifier(LEDGER, public_keys(connection)))
    assert (log.events, log.head, log.flaws) == (1, 1, ())


def test_a_flipped_byte_is_named_by_its_position(kept: Kept) -> None:
    flip = "UPDATE ledger_record SET bytes = set_byte(bytes, 40, get_byte(bytes, 40) # 1)"
    kept.edit(f"{flip} WHERE position = 7")
    found = kept.verify()
    assert (7, "leaf") in _flaws(found)
    assert min(flaw.position or 0 for flaw in found.problems) == 7
    # Behind a record that is not accepted there is nothing to compare views with.
    assert (7, "not-accepted") in _flaws(found) or (8, "not-accepted") in _flaws(found)
    assert found.tables == {}


def test_a_record_made_anew_with_its_hashes_is_found_by_the_one_behind_it(kept: Kept) -> None:
    """Leaf and chain hash of the record are put right; what follows it is not."""
    kept.edit(
        "WITH made AS (SELECT position, chain_hash, convert_to(replace(convert_from(bytes, 'UTF8'),"
        " '10000.00', '10000.01'), 'UTF8') AS bytes FROM ledger_record WHERE position = 6),"
        " before AS (SELECT chain_hash FROM ledger_record WHERE position = 5)"
        " UPDATE ledger_record r SET bytes = made.bytes,"
        " leaf_hash = sha256('\\x00'::bytea || made.bytes),"
        " chain_hash = sha256(before.chain_hash || sha256('\\x00'::bytea || made.bytes))"
        " FROM made, before WHERE r.position = made.position"
    )
    # It ends a batch, so that its signature tells as well.
    assert {(6, "signature"), (7, "chain")} <= _flaws(kept.verify())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_record SET type = 'penalty-waived' WHERE position = 6",
        "UPDATE ledger_record SET subject = 's-aaaaaaaaaaaaaaaaaaaaaaaaaa' WHERE position = 6",
        "UPDATE ledger_record SET term = 2 WHERE position = 6",
        "UPDATE ledger_record SET subject_version = 77 WHERE position = 6",
        "UPDATE ledger_record SET event_id = gen_random_uuid() WHERE position = 6",
    ],
)
def test_an_edited_column_is_named_and_the_views_are_compared_all_the_same(
    kept: Kept, change: str
) -> None:
    kept.edit(change)
    found = kept.verify()
    assert _flaws(found) == {(6, "column")}
    assert f"the column {change.split()[3]} says" in found.problems[0].message
    assert found.tables != {}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE ledger_record SET leaf_hash = sha256('x') WHERE position = 6", "leaf"),
        ("UPDATE ledger_record SET chain_hash = sha256('x') WHERE position = 6", "chain"),
    ],
)
def test_an_edited_hash_is_named_at_its_own_record_alone(
    kept: Kept, change: str, code: str
) -> None:
    kept.edit(change)
    assert _flaws(kept.verify()) == {(6, code)}


def test_a_removed_row_is_named_by_the_position_that_is_missing(kept: Kept) -> None:
    kept.edit("DELETE FROM ledger_record WHERE position = 6")
    found = kept.verify()
    assert (6, "missing") in _flaws(found)
    # The batch that it ended is not entered either; who the sixth record was of is not known.
    assert (5, "not-accepted") in _flaws(found)
    assert {position for position, _ in _flaws(found)} == {5, 6, 7}
    # Nor whether it was signed.
    assert "signature" not in {code for _, code in _flaws(found)}


def test_the_last_rows_removed_are_missed_by_the_head(kept: Kept) -> None:
    head = kept.head()
    kept.edit("DELETE FROM ledger_record WHERE position = %s", head)
    codes = {flaw.code for flaw in kept.verify().problems}
    # The last two records are one batch: the one that is left has no signature behind it.
    assert {"head", "signature"} <= codes


def test_a_swapped_signature_is_named(kept: Kept) -> None:
    kept.edit(
        "UPDATE ledger_record SET sig = (SELECT sig FROM ledger_record WHERE position = 2)"
        " WHERE position = 3"
    )
    assert (3, "signature") in _flaws(kept.verify())


def test_a_signature_that_was_taken_away_is_named(kept: Kept) -> None:
    """The next batch's signature covers the record too, but a batch ends where its instant does."""
    kept.edit("UPDATE ledger_record SET sig = NULL WHERE position = 3")
    assert _flaws(kept.verify()) == {(3, "signature")}


def test_a_signature_by_another_key_is_named(kept: Kept) -> None:
    other = Signer.generate(LEDGER)
    kept.edit("UPDATE ledger_key SET public_key = %s", other.public_key)
    with connect(kept.url) as connection:
        verifier = Verifier(LEDGER, public_keys(connection))
    found = verify(kept.url, kept.log, verifier)
    assert {(1, "key"), (1, "signature"), (2, "signature")} <= _flaws(found)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_head SET position = position - 1",
        "UPDATE ledger_head SET chain_hash = sha256('x')",
        "UPDATE ledger_head SET term = 2",
        "UPDATE ledger_head SET recorded_at = recorded_at + interval '1 second'",
    ],
)
def test_a_head_that_is_not_the_last_record_is_named(kept: Kept, change: str) -> None:
    kept.edit(change)
    found = kept.verify()
    assert _flaws(found) == {(kept.head(), "head")}
    assert f"the head's {change.split()[3]} is" in found.problems[0].message


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ("UPDATE ledger_command SET command_hash = sha256('x') WHERE first_position = 5", 5),
        ("UPDATE ledger_command SET last_position = 7 WHERE first_position = 5", 5),
        ("UPDATE ledger_command SET key_hash = sha256('x') WHERE first_position = 5", 5),
        ("DELETE FROM ledger_command WHERE first_position = 5", 5),
        ("INSERT INTO ledger_command VALUES (sha256('x'), sha256('y'), 2, 2)", 2),
        ("INSERT INTO ledger_command VALUES (sha256('x'), sha256('y'), 99999, 99999)", 99_999),
    ],
)
def test_a_stale_row_of_a_key_is_named(kept: Kept, change: str, first: int) -> None:
    kept.edit(change)
    assert _flaws(kept.verify()) == {(first, "command")}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_identifier SET subject = 's-a' WHERE position = 5 AND kind = 'uscc'",
        "UPDATE ledger_identifier SET value = '9' WHERE position = 5 AND kind = 'uscc'",
        "DELETE FROM ledger_identifier WHERE position = 5 AND kind = 'organisation-code'",
        "INSERT INTO ledger_identifier VALUES ('agency-code', '33200', 's-x', 5)",
    ],
)
def test_a_stale_row_of_an_identifier_is_named_without_the_number(kept: Kept, change: str) -> None:
    kept.edit(change)
    found = kept.verify()
    assert _flaws(found) == {(5, "identifier")}
    assert not any(number in str(found) for number in (synthetic_uscc(1), "33200"))


def test_an_identifier_of_nobody_at_the_end_is_named(kept: Kept) -> None:
    kept.edit("INSERT INTO ledger_identifier VALUES ('agency-code', '33200', 's-x', 99999)")
    assert _flaws(kept.verify()) == {(99_999, "identifier")}


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("standing_now", "UPDATE views_1.standing_now SET title = '' WHERE position = 6"),
        ("timeline", "UPDATE views_1.timeline SET actor = 'somebody' WHERE position = 6"),
        ("grade_now", "DELETE FROM views_1.grade_now WHERE ctid = '(0,1)'"),
    ],
)
def test_an_edited_row_of_a_view_is_named_by_its_table(kept: Kept, table: str, change: str) -> None:
    kept.edit(change)
    found = kept.verify()
    assert _flaws(found) == {(None, "view-differs")}
    assert found.differences == (table,)
    assert table in found.problems[0].message


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"term": 2}, "term"),
        ({"subjectversion": 9}, "version"),
        ({"time": "2020-01-01T00:00:00.000000Z"}, "time"),
        ({"data": {}}, "unreadable"),
    ],
)
def test_a_record_that_its_own_key_signed_must_follow_from_those_before_it(
    kept: Kept, change: dict[str, object], code: str
) -> None:
    """What a defect of the service could write: every hash and signature is right."""
    _sign_last_anew(kept, change)
    found = verify(kept.url, kept.log, kept.verifier)
    assert (kept.head(), code) in _flaws(found)
    assert {flaw.code for flaw in found.problems} <= {
        code,
        "signature",  # another instant is another batch: the record before it ends one
        "not-accepted",
        "view-differs",
    }


def _sign_last_anew(kept: Kept, change: dict[str, object]) -> None:
    """Put a changed record, with all that follows from it, in the place of the last one."""
    position = kept.head()
    with connect(kept.url) as connection:
        row = connection.execute(
            "SELECT bytes FROM ledger_record WHERE position = %s", [position]
        ).fetchone()
    assert row is not None
    said = {**json.loads(row[0]), **change}
    value = canonical(said)
    leaf = leaf_hash(value)
    chain = chain_hash(bytes.fromhex(said["prev"]), leaf)
    signature = kept.signer.sign(Head(position=position, chain=chain, term=said["term"]))
    kept.edit(
        "UPDATE ledger_record SET bytes = %s, leaf_hash = %s, chain_hash = %s, sig = %s, term = %s,"
        " subject_version = %s WHERE position = %s",
        *(value, leaf, chain, signature, said["term"], said["subjectversion"], position),
    )
    kept.edit(
        "UPDATE ledger_head SET chain_hash = %s, term = %s, recorded_at = %s",
        *(chain, said["term"], said["time"]),
    )


def test_a_term_that_is_opened_without_a_signature_is_named(kept: Kept) -> None:
    kept.edit("UPDATE ledger_record SET sig = NULL WHERE position = 1")
    assert (1, "signature") in _flaws(kept.verify())


def test_no_more_than_a_hundred_flaws_are_named_and_all_are_counted(kept: Kept) -> None:
    with psycopg.connect(kept.url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "INSERT INTO ledger_identifier SELECT 'agency-code', n::text, 's-x', n"
            " FROM generate_series(1, 400) AS n"
        )
    found = kept.verify()
    assert len(found.problems) == FLAWS_MAX
    assert found.problem_count == 400
    assert [flaw.position for flaw in found.problems] == list(range(1, FLAWS_MAX + 1))


def test_verifying_changes_nothing(kept: Kept) -> None:
    def everything() -> list[object]:
        with connect(kept.url) as connection:
            return [
                connection.execute("SELECT * FROM ledger_head").fetchall(),
                connection.execute("SELECT * FROM projection_place").fetchall(),
                connection.execute("SELECT nspname FROM pg_namespace ORDER BY 1").fetchall(),
            ]

    before = everything()
    kept.verify()
    assert everything() == before


class _Meanwhile(Verifier):
    """A verifier during whose work somebody records something, once."""

    kept: Kept | None = None

    def __call__(self, head: Head, signature: bytes, value: bytes) -> bool:
        if self.kept is not None:
            kept, self.kept = self.kept, None
            kept.record(enterprise(100))
        return super().__call__(head, signature, value)


def test_a_ledger_is_verified_while_it_is_written(kept: Kept) -> None:
    with connect(kept.url) as connection:
        verifier = _Meanwhile(LEDGER, public_keys(connection))
        verifier.kept = kept
        before = kept.head()
        log = verify_log(connection, verifier)
    assert (log.head, log.flaws) == (before, ())
    assert kept.head() == before + 1
    assert kept.verify().problems == ()
