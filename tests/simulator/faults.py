"""What may befall the stores and the processes; each fault is one step of a history.

A fault that loses records of one store comes only while the other has all that was ever entered;
`lose_both` is the exception, and is to be noticed.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from infra.codec import canonical
from ledger.record import Head, chain_hash, leaf_hash

from .postgres import LEDGER, Server
from .processes import Relay
from .signing import sign
from .world import FORMER, MAIN, Ledger, World

__all__ = ["FAULTS", "Fault", "lose_both"]

Fault = Callable[[World], None]

_LOST_COMMITS_MAX: Final = 4
_OLD_COMMITS_MAX: Final = 30
_FLOOD: Final = 24
"""More than may wait for a signature."""


# PostgreSQL ---------------------------------------------------------------------------------------


def restart(world: World) -> None:
    """The server is started again; what nobody waited for may not have reached the disk."""
    ledger = world.main
    server = ledger.site.server
    commits = server.commits(server.commit_count)
    if world.clockwork.is_so(0.5):
        commits = server.durable()
    here = world.instance(server.here.timeline)
    _replace(world, ledger, server.replaced(here, commits), "restart")


def fail_over(world: World) -> None:
    """A standby that lags takes over: the last commits are gone, the timeline is the next."""
    if not world.kafka_has_all():
        return
    server = world.main.site.server
    lost = world.clockwork.random.randint(1, _LOST_COMMITS_MAX)
    kept = max(server.commit_count - lost, 1)
    here = world.instance(server.here.timeline + 1)
    _replace(world, world.main, server.replaced(here, server.commits(kept)), f"lose {lost} commits")


def restore(world: World) -> None:
    """An older backup comes back, by replaying up to some moment: the timeline is the next."""
    if world.kafka_has_all():
        _restore(world, 1)


def restore_snapshot(world: World) -> None:
    """An older copy of the disk comes back, with the timeline that it had."""
    if world.kafka_has_all():
        _restore(world, 0)


def _restore(world: World, timelines: int) -> None:
    server = world.main.site.server
    oldest = 1 if world.clockwork.is_so(0.1) else max(1, server.commit_count - _OLD_COMMITS_MAX)
    kept = world.clockwork.random.randint(oldest, server.commit_count)
    here = world.instance(server.here.timeline + timelines)
    _replace(world, world.main, server.replaced(here, server.commits(kept)), f"restore {kept}")


def split(world: World) -> None:
    """A standby, or a copy of the disk, takes over; the primary stays up with its processes."""
    if not world.kafka_has_all():
        return
    world.shut_down_former()
    former = world.main
    server = former.site.server
    kept = max(server.commit_count - world.clockwork.random.randint(0, _LOST_COMMITS_MAX), 1)
    world.former = former
    former.site.name = FORMER
    here = world.instance(server.here.timeline + world.clockwork.random.randint(0, 1))
    world.main = world.ledger(MAIN, Server(here, server.commits(kept)))
    world.cluster.are_repeats_excused = True
    world.clockwork.tell(f"split: two primaries, the new one has {kept} commits")


def restart_former(world: World) -> None:
    """The superseded server is started again."""
    if world.former is not None:
        server = world.former.site.server
        here = world.instance(server.here.timeline)
        commits = server.commits(server.commit_count)
        _replace(world, world.former, server.replaced(here, commits), "restart of the former")


def _replace(world: World, ledger: Ledger, server: Server, what: str) -> None:
    ledger.site.server = server
    world.clockwork.tell(f"{what}: PostgreSQL has {len(server.state.rows)} records")


# Kafka --------------------------------------------------------------------------------------------


def lose_tail(world: World) -> None:
    """An unclean election: the last records are gone, a new leader begins."""
    topic = world.topic()
    if topic.records and world.postgres_has_all():
        lost = world.clockwork.random.randint(1, min(12, len(topic.records)))
        del topic.records[len(topic.records) - lost :]
        topic.epoch += 1
        world.cluster.are_repeats_excused = True
        world.clockwork.tell(f"Kafka loses {lost} records, {len(topic.records)} are left")


def elect(world: World) -> None:
    """Another leader, and nothing lost."""
    world.topic().epoch += 1
    world.clockwork.tell("Kafka elects")


def delete_topic(world: World) -> None:
    """Somebody deletes the topic."""
    if world.entered().position and world.postgres_has_all():
        world.topic().is_deleted = True
        world.cluster.are_repeats_excused = True
        world.clockwork.tell("the topic is deleted")


def trim_topic(world: World) -> None:
    """Somebody deletes the oldest records of the topic."""
    topic = world.topic()
    if world.entered().position and world.postgres_has_all():
        topic.beginning = world.clockwork.random.randint(1, len(topic.records))
        world.cluster.are_repeats_excused = True
        world.clockwork.tell(f"the topic is cut off up to {topic.beginning}")


def cut_off_kafka(world: World) -> None:
    """Nobody reaches Kafka, until it comes back."""
    world.cluster.is_reachable = not world.cluster.is_reachable
    world.clockwork.tell(f"Kafka is reachable: {world.cluster.is_reachable}")


def land(world: World) -> None:
    """What an old producer had on its way arrives."""
    if world.cluster.late:
        late = world.clockwork.random.choice(world.cluster.late)
        world.clockwork.tell(f"late: {[one.position for one in late.records]} land")
        world.cluster.land(late)


# What others write into the topic -----------------------------------------------------------------


def plant_repeat(world: World) -> None:
    """A record of the topic once more, signature and all."""
    topic = world.topic()
    if topic.records:
        record = world.clockwork.random.choice(topic.records)
        _plant(world, [(record.value, record.signature)], "a repeat")


def plant_stripped(world: World) -> None:
    """What the relay will send next, without signatures."""
    first = world.entered().position
    rows = world.main.site.server.state.rows[first:]
    count = world.clockwork.random.randint(1, 5)
    _plant(world, [(row.value, None) for row in rows[:count]], "stripped copies")


def plant_unsigned(world: World) -> None:
    """Records that continue the log and that the ledger never made, without a signature."""
    _plant(world, _forged(world, world.clockwork.random.randint(1, 3)), "unsigned")


def plant_badly_signed(world: World) -> None:
    """The same, with a signature over something else."""
    forged = _forged(world, world.clockwork.random.randint(1, 3))
    value, _ = forged[-1]
    _plant(world, [*forged[:-1], (value, sign(Head(position=1)))], "badly signed")


def plant_term(world: World) -> None:
    """A `term-opened` that the ledger never made."""
    signature = world.clockwork.random.choice([None, sign(Head(position=1))])
    (forged, _) = _forged(world, 1, stored_name="term-opened", terms=1)[0]
    _plant(world, [(forged, signature)], "a term")


def plant_noise(world: World) -> None:
    """Bytes that are no record."""
    value = world.clockwork.random.choice([b"", b"{}", b"[1", b'{"position":1}', b"\xff\x00"])
    _plant(world, [(value, b"x" * 64)], "noise")


def flood(world: World) -> None:
    """So many chain-correct records that what waits for a signature must be pushed out."""
    if world.clockwork.is_so(0.5):
        _plant(world, _forged(world, _FLOOD), "a flood")
    else:
        _plant(world, [_forged(world, 1)[0] for _ in range(_FLOOD)], "a broad flood")


def _forged(
    world: World, count: int, *, stored_name: str = "note", terms: int = 0
) -> list[tuple[bytes, bytes | None]]:
    """Records that follow one another behind the head of the log, and bear no signature."""
    head = world.entered()
    position, before = head.position, head.chain
    forged: list[tuple[bytes, bytes | None]] = []
    for _ in range(count):
        position += 1
        value = canonical(
            {
                "specversion": "1.0",
                "id": world.clockwork.fresh(),
                "source": f"/ledgers/{LEDGER}",
                "type": stored_name,
                "subject": "s-0",
                "time": world.clockwork.instant(),
                "dataschema": "urn:credit-ledger:note:1",
                "position": position,
                "prev": before.hex(),
                "term": head.term + terms,
                "subjectversion": 1,
                "commandhash": "00" * 32,
                "actor": "a stranger",
                "critical": False,
                "data": {},
            }
        )
        forged.append((value, None))
        before = chain_hash(before, leaf_hash(value))
    return forged


def _plant(world: World, records: Sequence[tuple[bytes, bytes | None]], what: str) -> None:
    topic = world.topic()
    if records and topic.is_whole and world.entered().position:
        world.cluster.are_repeats_excused = True
        for value, signature in records:
            topic.put(value, signature)
        world.clockwork.tell(f"planted: {what}, {len(records)} records")


# Processes ----------------------------------------------------------------------------------------


def kill(world: World) -> None:
    """A process ends between two of its steps, and begins anew."""
    ledger = world.clockwork.random.choice(world.ledgers())
    process = world.clockwork.random.choice(ledger.processes())
    if not process.is_busy:
        world.clockwork.tell(f"kill: {process}")
        process.begin_anew()


def add_relay(world: World) -> None:
    """A second relay works beside the first one."""
    if len(world.main.relays) == 1:
        world.cluster.are_repeats_excused = True
        world.main.relays.append(Relay(world.main.site))
        world.clockwork.tell("a second relay begins")


def pass_a_minute(world: World) -> None:
    """Nothing happens for a minute."""
    world.clockwork.now += 61.0
    world.clockwork.tell("a minute passes")


# Both stores --------------------------------------------------------------------------------------


def lose_both(world: World) -> None:
    """Both stores lose records at once; the witness had just looked at the log."""
    topic = world.topic()
    if len(topic.records) < 2 or topic.is_deleted or not world.cluster.is_reachable:
        return
    world.witness_looks()
    _restore(world, 1)
    lost = world.clockwork.random.randint(1, len(topic.records))
    del topic.records[len(topic.records) - lost :]
    topic.epoch += 1
    world.clockwork.tell(f"and Kafka loses {lost} records, {len(topic.records)} are left")


FAULTS: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        one.__name__: one
        for one in (
            restart,
            fail_over,
            restore,
            restore_snapshot,
            split,
            restart_former,
            lose_tail,
            elect,
            delete_topic,
            trim_topic,
            cut_off_kafka,
            land,
            plant_repeat,
            plant_stripped,
            plant_unsigned,
            plant_badly_signed,
            plant_term,
            plant_noise,
            flood,
            kill,
            add_relay,
            pass_a_minute,
        )
    }
)
"""The faults that lose at most one store at a time, by name."""
