"""What an operator does where the gate has stopped; each act is counted."""

from contextlib import suppress

from infra.gate import Pinned
from infra.reader import Reader
from ledger.gate import Fence, Halt, Stop

from .clockwork import Crashed
from .gate_store import adopt_record
from .kafka import Topic, Unreachable
from .signing import verify
from .site import take_step
from .world import Ledger, World, entries

__all__ = ["act"]


def act(world: World) -> None:
    """Look at the site that rules, and do what its message asks for; it may break off halfway."""
    with suppress(Crashed, Unreachable):
        _act(world)


def _act(world: World) -> None:
    ledger, site = world.main, world.main.site
    best = max(
        (topic for topic in world.cluster.topics if topic.is_whole),
        key=lambda topic: len(entries(topic)),
        default=None,
    )
    if not world.cluster.is_reachable:
        return
    if not site.server.state.rows and best is not None and entries(best):
        world.shut_down_former()
        _take_over(world, ledger, best)
        return
    if not site.is_stopped:
        return
    site.is_gate_wanted = True
    take_step(ledger.gate)
    match ledger.gate.decision:
        case Stop(halt=Halt.NOT_AS_PINNED):
            _mend_topic(world, ledger, best)
        case Fence() if world.former is not None:
            world.let_one_rule()
        case Stop(halt=Halt.POSTGRES_LOST) | Fence() if best is not None:
            _take_over(world, ledger, best)
        case _:
            return


def _mend_topic(world: World, ledger: Ledger, best: Topic | None) -> None:
    """Pin the topic that the ledger has moved to meanwhile, or make it anew from PostgreSQL.

    A database that comes back from a backup names the topic of its time. What was entered since is
    in a later one: to publish the backup's records again would leave it behind.
    """
    site = ledger.site
    store = site.store()
    floors = store.floors()
    floor_at = max((head.position for head in floors), default=0)
    if best is not None and len(entries(best)) >= floor_at and best is not site.topic().topic:
        store.pin(Pinned(topic_id=best.topic_id, name=best.name), "found again")
    elif all(site.server.state.has(head) for head in floors):
        topic = world.cluster.make()
        rows = site.server.state.rows
        for row in rows:
            world.clockwork.point("operator publishes again")
            topic.put(row.value, row.signature)
        store.pin(Pinned(topic_id=topic.topic_id, name=topic.name), "published again")
        world.clockwork.deeds["publish"] += 1
        world.clockwork.tell(f"operator: {len(rows)} records are published again")
    else:
        return
    store.set_state("healing", "an operator has mended the topic")
    site.is_gate_wanted = True


def _take_over(world: World, ledger: Ledger, topic: Topic) -> None:
    """Fill PostgreSQL from the log alone, and open a term (`recover --take-over`)."""
    site, store = ledger.site, ledger.site.store()
    pinned = Pinned(topic_id=topic.topic_id, name=topic.name)
    log = world.cluster.watched(pinned).log()
    reader = Reader(log, verify, elapsed=world.clockwork.elapsed)
    batches = [batch for _ in range(log.end() + 1) for batch in reader.poll()]
    witnessed = world.around.witness.head
    if witnessed is not None and witnessed.position > reader.place.position:
        return  # the log has lost what the witness has seen: nothing is built upon it
    with site.server.transaction() as state:
        state.topics = [pinned]
        state.rows, state.places, state.aside, state.projection = [], [], [], None
        state.commands, state.versions, state.voided = {}, {}, {}
        for batch in batches:
            for arrival in batch.records:
                adopt_record(state, arrival)
            state.put_place(batch.place)
        state.status, state.reason = "healing", "an operator takes over"
    store.open_term("an operator takes over")
    world.take_overs += 1
    world.clockwork.deeds["take over"] += 1
    world.clockwork.tell(f"operator: takes over with {reader.place.position} records")
    site.is_gate_wanted = True
