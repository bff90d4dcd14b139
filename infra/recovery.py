"""An operator's way back from the log alone: the whole PostgreSQL side, and the ledger itself.

`recover` fills an empty database from a topic of Kafka and leaves the ledger fenced: it can be
read, and nobody writes. `take_over` lets this server write, by opening the next term.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from ledger.acceptance import Verify
from ledger.events import TermOpened
from ledger.gate import Stop
from ledger.log import Log
from ledger.record import GENESIS, Head

from . import clock
from .adoption import adopt
from .codec import UnreadableRecord, read_envelope
from .connections import connect
from .creation import public_keys
from .failpoints import reach
from .gate import Pinned
from .gate_store import PostgresGateStore
from .kafka_log import KafkaLog, RecordDamaged
from .kafka_site import KafkaSite
from .log_source import LOG_AWAY, kafka_source
from .proof import Counted, History, NotProven, Proof, batches_of, prove_records, read_history
from .reader import Accepted, Reader
from .relay import AnotherRelays, SendFailed
from .relaying import relay_sessions
from .sequenced import SequencedRecords
from .signer import PublicKey, Verifier
from .sql import queries
from .topic import administer, describe_topic, topic_name, topics_of

__all__ = [
    "KeysUnknown",
    "NotRecoverable",
    "NotTakenOver",
    "Recovered",
    "TakenOver",
    "is_to_recover",
    "read_keys",
    "recover",
    "stored_state",
    "take_over",
    "unfinished_recovery",
]

_SQL: Final = queries("infra/recovery.sql")
_GATE: Final = queries("infra/gate_store.sql")
_CREATION: Final = queries("infra/creation.sql")

_UNFINISHED: Final = "recovery"
"""Why a topic is pinned whose records are not all taken in yet."""
_FINISHED: Final = "recovered"
_LOCK_WAIT: Final = "30s"
_ENTERED_S: Final = 60.0
_LOOK_S: Final = 0.2
_TAKEN_TOGETHER: Final = 2_000
_GO_ON: Final = "a recovery was begun and is not finished: run `credit-ledger recover` again"
_FENCED: Final = (
    "recovered from the log: this server reads; `credit-ledger recover --take-over` lets it write"
)

Connection = psycopg.Connection[TupleRow]


class NotRecoverable(RuntimeError):
    """What is there may not be overwritten, or the log is not all there; the message says what."""


class NotTakenOver(RuntimeError):
    """The ledger cannot be taken over as its stores are now; it is as it was before."""


class KeysUnknown(RuntimeError):
    """There is no file of the ledger's public keys, or it is not one of this ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What was brought back, and proven to be what the log holds.

    `resumed_at` is the position at which a recovery that was cut off is gone on from, else 0.
    `counts` says how many rows of which kind PostgreSQL has now; `refused`, how many records of the
    topic are not entered, by reason. `keys` verified the batches; with `is_key_from_log` nothing
    but the log itself says that they are the ledger's.
    """

    topic: Pinned
    proof: Proof
    resumed_at: int
    counts: Mapping[str, int]
    refused: Mapping[str, int]
    keys: tuple[PublicKey, ...]
    is_key_from_log: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """What an operator's take-over came to.

    `is_done` is false where the ledger was not fenced, so that there was nothing to do.
    """

    is_done: bool
    state: str
    head: Head


# From the log alone -------------------------------------------------------------------------------


def recover(
    site: KafkaSite,
    *,
    keys: Sequence[PublicKey] | None,
    topic: str | None = None,
    progress: Counted | None = None,
) -> Recovered:
    """Fill an empty, migrated database from the log, and leave the ledger fenced.

    One that was cut off is gone on with. The end is proven: both stores are read anew, and have the
    same chain and the same Merkle root.

    Args:
        site: where the database and Kafka are.
        keys: verify the batches; null takes the key that the log's own first record names.
        topic: the topic to read; null finds the ledger's longest.
        progress: told how far it is, three times over: taken in, PostgreSQL read, Kafka read.

    Raises:
        NotRecoverable: the database is not empty, or the log has not all that is known of it.
        NotProven: what was taken in is not what the log holds.
        KafkaUnreachable, LogMoved, psycopg.OperationalError: run it again, it goes on.
    """
    begun = clock.elapsed()
    with _alone(site) as connection:
        store = PostgresGateStore(connection, site.opener)
        unfinished = unfinished_recovery(connection)
        if unfinished is None and _holds_anything(connection):
            raise NotRecoverable(_not_empty(connection, store.head()))
        verify = _verify(site, connection, keys)
        pinned = unfinished or _chosen(site, store, keys, topic)
        with closing(_opened(site, pinned)) as log:
            resumed_at = store.head().position
            reach("recover_before_begin")
            reader = _reader(log, verify, store)
            try:
                for batches in _groups(reader, log, progress):
                    _take_in(site, connection, pinned, keys, batches)
                    reach("recover_between_batches")
            except RecordDamaged as error:
                raise NotRecoverable(_damaged(reader.place.head, error)) from error
            _require_all(site, store, pinned, keys, reader)
            proof = _proven(site, connection, store.head(), log, progress)
        reach("recover_before_end")
        _finish(connection, store)
        return Recovered(
            topic=pinned,
            proof=proof,
            resumed_at=resumed_at,
            counts=_counts(connection),
            refused=reader.refused,
            keys=public_keys(connection),
            is_key_from_log=keys is None,
            seconds=clock.elapsed() - begun,
        )


@contextmanager
def _alone(site: KafkaSite) -> Iterator[Connection]:
    """A connection under the locks of gate and relay: nobody else decides or sends meanwhile."""
    with connect(site.database_url) as connection:
        connection.execute("SELECT set_config('lock_timeout', %s, false)", (_LOCK_WAIT,))
        try:
            connection.execute(_GATE["hold_gate"])
            connection.execute(_SQL["hold_relay"])
        except psycopg.errors.LockNotAvailable as error:
            raise NotRecoverable(
                "another process works on this database: stop the service, and run this again"
            ) from error
        yield connection


def is_to_recover(database_url: str) -> bool:
    """Whether a migrated database holds nothing of a ledger, or not all that was begun to recover.

    Where it is neither, there is nothing that `recover` may do.
    """
    with connect(database_url) as connection:
        return unfinished_recovery(connection) is not None or not _holds_anything(connection)


def unfinished_recovery(connection: Connection) -> Pinned | None:
    """The topic from which a recovery was begun and not finished; null where there is none."""
    row = connection.execute(_SQL["unfinished"], {"reason": _UNFINISHED}).fetchone()
    return None if row is None else Pinned(topic_id=row[0], name=row[1])


def _holds_anything(connection: Connection) -> bool:
    row = connection.execute(_SQL["holds_anything"]).fetchone()
    assert row is not None, "it gives one row"
    return bool(row[0])


def _not_empty(connection: Connection, head: Head) -> str:
    row = connection.execute(_GATE["head"]).fetchone()
    said = f"PostgreSQL holds a ledger already, up to position {head.position}"
    if row is not None and row[8] == "fenced":
        return f"{said}, and it is fenced: `credit-ledger recover --take-over` lets it write"
    return f"{said}: recover into an empty database, which LEDGER_DATABASE_URL may name"


def _verify(site: KafkaSite, connection: Connection, keys: Sequence[PublicKey] | None) -> Verify:
    ledger = site.opener.ledger
    if keys is not None:
        return Verifier(ledger, keys)
    known = public_keys(connection)  # taken from the log before the recovery was cut off
    return Verifier(ledger, known) if known else _LogsOwnKey(ledger)


class _LogsOwnKey:
    """Checks signatures with the key that the log's first record names, and with no other.

    A later `term-opened` that named another key might be anybody's who can write to the topic.
    """

    def __init__(self, ledger: str) -> None:
        self._ledger = ledger
        self._verifier: Verifier | None = None

    def __call__(self, head: Head, signature: bytes, value: bytes) -> bool:
        if self._verifier is not None:
            return self._verifier(head, signature, value)
        verifier = self._named_in(value) if head.position == 1 else None
        if verifier is None or not verifier(head, signature, value):
            return False
        self._verifier = verifier
        return True

    def _named_in(self, value: bytes) -> Verifier | None:
        """A check with the key in these bytes, which nobody has signed for yet."""
        try:
            opened = read_envelope(value).event()
            if not isinstance(opened, TermOpened):
                return None
            key = bytes.fromhex(opened.public_key)
            return Verifier(self._ledger, [PublicKey(key=key, first_term=1, last_term=None)])
        except (UnreadableRecord, ValueError):
            return None


# Which topic --------------------------------------------------------------------------------------


def _chosen(
    site: KafkaSite,
    store: PostgresGateStore,
    keys: Sequence[PublicKey] | None,
    wanted: str | None,
) -> Pinned:
    """The topic with the longest history of this ledger, which has all that is known of it.

    Where there is one topic and nothing is known beside it, it is read while it is taken in.
    """
    ledger = site.opener.ledger
    with administer(site.address) as admin:
        names = topics_of(admin, ledger) if wanted is None else (wanted,)
        if not names:
            raise NotRecoverable(
                f"there is no topic {topic_name(ledger)} on Kafka at {site.address}: from a backup"
                " of PostgreSQL `credit-ledger republish` makes it anew"
            )
        found = [Pinned(topic_id=describe_topic(admin, name).topic_id, name=name) for name in names]
    floors = store.floors()
    if len(found) == 1 and not floors:
        return found[0]
    watched = {head.position for head in floors}
    histories = [_history(site, one, keys, watched) for one in found]
    longest = max(range(len(found)), key=lambda number: (histories[number].head.position, number))
    _require_one_history(site, found, histories, longest, keys)
    lost = [head.position for head in floors if not histories[longest].holds(head)]
    if lost:
        raise NotRecoverable(
            f"position {max(lost)} was entered, as is known here, and topic {found[longest].name}"
            f" has not that record; it ends at {histories[longest].head.position}:"
            " compare backups of both before anything is written"
        )
    return found[longest]


def _history(
    site: KafkaSite, topic: Pinned, keys: Sequence[PublicKey] | None, watched: set[int]
) -> History:
    ledger = site.opener.ledger
    verify: Verify = _LogsOwnKey(ledger) if keys is None else Verifier(ledger, keys)
    with closing(_opened(site, topic)) as log:
        return read_history(log, verify, watched=watched)


def _require_one_history(
    site: KafkaSite,
    found: Sequence[Pinned],
    histories: Sequence[History],
    longest: int,
    keys: Sequence[PublicKey] | None,
) -> None:
    """Refuse to choose where a topic holds other records than the longest."""
    heads = [history.head for history in histories]
    others = {head.position for head in heads if head.position}
    chosen = _history(site, found[longest], keys, others)
    for topic, head in zip(found, heads, strict=True):
        if not chosen.holds(head):
            raise NotRecoverable(
                f"the topics {topic.name} and {found[longest].name} hold different records of this"
                f" ledger, at the latest from position {head.position} on: find out on which of"
                " them it lived, and name that by --topic"
            )


def _opened(site: KafkaSite, topic: Pinned) -> KafkaLog:
    log = KafkaLog(site.address, topic.name)
    if log.topic_id == topic.topic_id:
        return log
    log.close()
    raise NotRecoverable(
        f"topic {topic.name} was made anew since the recovery began: recover into an empty database"
    )


# Taking in ----------------------------------------------------------------------------------------


def _reader(log: Log, verify: Verify, store: PostgresGateStore) -> Reader:
    """A reader behind what was taken in before; it gives nothing of that again."""
    places = store.places(log.topic_id)
    here = [place for place in places if place.head == store.head()]
    return Reader(log, verify, here[0], older=places) if here else Reader(log, verify)


def _groups(reader: Reader, log: Log, progress: Counted | None) -> Iterator[list[Accepted]]:
    """What is entered, whole batches, some thousand records at a time."""
    group: list[Accepted] = []
    count = 0
    for batch in batches_of(reader, log, progress):
        group.append(batch)
        count += len(batch.records)
        if count >= _TAKEN_TOGETHER:
            yield group
            group, count = [], 0
    if group:
        yield group


def _take_in(
    site: KafkaSite,
    connection: Connection,
    topic: Pinned,
    keys: Sequence[PublicKey] | None,
    batches: Sequence[Accepted],
) -> None:
    """Adopt in one transaction; the first one begins the ledger, fenced, with its topic pinned."""
    at = site.opener.now()
    with connection.transaction():
        if batches[0].records[0].position == 1:
            opened = _term_opened(batches[0].records[0].value)
            connection.execute(_CREATION["hold_creation"])
            connection.execute(
                _SQL["insert_head"],
                {
                    "ledger": site.opener.ledger,
                    "chain": GENESIS,
                    "reason": _GO_ON,
                    **_instance(opened),
                },
            )
            connection.execute(_GATE["unpin"], {"at": at})
            pin = {"topic_id": topic.topic_id, "name": topic.name, "at": at, "reason": _UNFINISHED}
            connection.execute(_SQL["pin"], pin)
            for key in keys or ():
                connection.execute(
                    _SQL["insert_key"],
                    {
                        "public_key": key.key,
                        "first_term": key.first_term,
                        "last_term": key.last_term,
                    },
                )
        adopt(connection, iter(batches), at)


def _term_opened(value: bytes) -> TermOpened:
    event = read_envelope(value).event()
    assert isinstance(event, TermOpened), "its type says so"
    return event


def _instance(opened: TermOpened) -> dict[str, object]:
    return {
        "incarnation": opened.incarnation,
        "system_identifier": opened.system_identifier,
        "server_timeline": opened.server_timeline,
        "server_started_at": opened.server_started_at,
    }


# The end ------------------------------------------------------------------------------------------


def _require_all(
    site: KafkaSite,
    store: PostgresGateStore,
    topic: Pinned,
    keys: Sequence[PublicKey] | None,
    reader: Reader,
) -> None:
    """That the log was entered, as far as is known of it."""
    head = store.head()
    if not head.position:
        raise NotRecoverable(_nothing_entered(site, topic, reader))
    newest = max((key.first_term for key in keys or ()), default=0)
    if newest > head.term:
        raise NotRecoverable(
            f"the public keys know of term {newest}, and topic {topic.name} ends in term"
            f" {head.term}, at position {head.position}: it has lost its tail;"
            " compare backups of both before anything is written"
        )


def _nothing_entered(site: KafkaSite, topic: Pinned, reader: Reader) -> str:
    with administer(site.address) as admin:
        begins = describe_topic(admin, topic.name).beginning
    if begins:
        return (
            f"topic {topic.name} begins at offset {begins}: its first records are gone, and from it"
            " alone nothing is brought back; from a backup of PostgreSQL `credit-ledger republish`"
            " makes it anew"
        )
    refused = sum(reader.refused.values()) + reader.pending
    if not refused:
        return f"topic {topic.name} is empty"
    return (
        f"no record of topic {topic.name} is entered, of {refused} that were read: their signatures"
        " are not those of these keys; name the file of the ledger's public keys by LEDGER_KEYS, or"
        " say --trust-log"
    )


def _damaged(head: Head, error: Exception) -> str:
    return (
        f"behind position {head.position} the topic cannot be read ({error}): let a copy of another"
        " broker lead, and run this again; from a backup of PostgreSQL `credit-ledger republish`"
        " makes the topic anew"
    )


def _proven(
    site: KafkaSite, connection: Connection, head: Head, log: Log, progress: Counted | None
) -> Proof:
    """The proof of both stores, each read anew.

    Raises:
        NotProven: they differ.
    """
    postgres = prove_records(connection, head.position, progress=progress)
    verify = Verifier(site.opener.ledger, public_keys(connection))
    kafka = read_history(log, verify, upto=head.position, progress=progress).proof
    if not postgres.head == kafka.head == head or postgres.root != kafka.root:
        raise NotProven(
            f"PostgreSQL (position {postgres.head.position}, root {postgres.root.hex()}) is not"
            f" what Kafka holds (position {kafka.head.position}, root {kafka.root.hex()})"
        )
    return postgres


def _finish(connection: Connection, store: PostgresGateStore) -> None:
    newest = store.newest_term(store.head().position)
    assert newest is not None, "the first record opens a term"
    named = {**_instance(_term_opened(newest)), "reason": _FENCED}
    with connection.transaction():
        connection.execute(_SQL["name_instance"], named)
        connection.execute(_SQL["finish"], {"reason": _FINISHED})


def _counts(connection: Connection) -> Mapping[str, int]:
    row = connection.execute(_SQL["counts"]).fetchone()
    assert row is not None, "it gives one row"
    names = ("records", "commands", "identifiers", "voided", "keys")
    return dict(zip(names, row, strict=True))


# Taking over --------------------------------------------------------------------------------------


def take_over(site: KafkaSite) -> TakenOver:
    """Let this server write: open the next term behind all that is entered and sequenced.

    What the log has and PostgreSQL has not is taken in first; what PostgreSQL alone has stays in
    its order and is sent before the term. It is done when the term is entered: until then the log
    still names another server, to which this one would give way after its next start. Nothing is
    done where the ledger is not fenced.

    Raises:
        NotTakenOver: the ledger is stopped or not recovered to its end, its stores do not fit, or
            the term does not come to be entered.
        KeyMissing: the private key of the ledger is not here.
        KafkaUnreachable, psycopg.OperationalError: it could not be looked at.
    """
    with connect(site.database_url) as connection:
        state, reason = stored_state(connection)
        if unfinished_recovery(connection) is not None:
            raise NotTakenOver(_GO_ON)
        store = PostgresGateStore(connection, site.opener)
        if state == "stopped":
            raise NotTakenOver(f"the ledger is not fenced, it is stopped: {reason}")
        if state != "fenced":
            return TakenOver(is_done=False, state=state, head=store.head())
        site.opener.signer()  # before anything is touched
        decision = site.gate().take_over()
        if isinstance(decision, Stop):
            raise NotTakenOver(decision.message)
        head = store.head()
        _enter(site, head)
        return TakenOver(is_done=True, state=stored_state(connection)[0], head=head)


def _enter(site: KafkaSite, head: Head) -> None:
    """Send what is sequenced until the head is entered, or wait while a service sends it.

    Raises:
        NotTakenOver: that does not come about in time.
    """
    begin = relay_sessions(site.database_url, site.address, site.verify)
    deadline = clock.elapsed() + _ENTERED_S
    last: Exception | None = None
    while clock.elapsed() < deadline:
        try:
            with begin() as session:
                while session.reader.place.position < head.position or session.is_waiting:
                    if clock.elapsed() > deadline:
                        break
                    session.step()
                else:
                    return
        except AnotherRelays as error:
            if _is_entered(site, head):
                return
            last = error
        except (*LOG_AWAY, SendFailed) as error:
            last = error
        time.sleep(_LOOK_S)
    raise NotTakenOver(
        f"term {head.term} is opened, and its record {head.position} is not entered on Kafka yet"
        f" ({last!r}): start the service, which sends it; where PostgreSQL is started anew before,"
        " the log still names the other server, and this must be run again"
    )


def _is_entered(site: KafkaSite, head: Head) -> bool:
    with (
        closing(kafka_source(site.database_url, site.address)()) as log,
        closing(SequencedRecords(lambda: connect(site.database_url))) as sequenced,
    ):
        reader = Reader.from_places(log, site.verify(), sequenced.places(log.topic_id))
        for _ in batches_of(reader, log):
            pass
        return reader.place.position >= head.position


def stored_state(connection: Connection) -> tuple[str, str | None]:
    """What the gate decided last, and why; the reason is null where the ledger is open.

    Raises:
        NotTakenOver: the database holds no ledger.
    """
    row = connection.execute(_GATE["head"]).fetchone()
    if row is None:
        raise NotTakenOver("this database holds no ledger: `credit-ledger recover` brings it back")
    return row[8], row[9]


# Keys ---------------------------------------------------------------------------------------------


def read_keys(path: Path, ledger: str) -> tuple[PublicKey, ...]:
    """The public keys in a file that `creation.write_keys` has written.

    Raises:
        KeysUnknown: there is no such file, it is another ledger's, or it cannot be read.
    """
    try:
        content = json.loads(path.read_bytes())
        keys = tuple(
            PublicKey(
                key=bytes.fromhex(one["public_key"]),
                first_term=int(one["first_term"]),
                last_term=None if one["last_term"] is None else int(one["last_term"]),
            )
            for one in content["keys"]
        )
        named = content["ledger"]
        Verifier(ledger, keys)  # each of them is a key
    except FileNotFoundError as error:
        raise KeysUnknown(
            f"there are no public keys in {path}: name their file by LEDGER_KEYS, or say"
            " --trust-log to take the key that the log itself names"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise KeysUnknown(f"{path} is no file of public keys: {error!r}") from error
    if named != ledger:
        raise KeysUnknown(f"{path} holds the keys of the ledger {named}, not of {ledger}")
    return keys
