"""Faults on the way to Kafka: relays killed, doubled, frozen; a broker that is slow or silent."""

import random

import pytest

from infra import clock

from .proxy import Direction, Treatment
from .site import HEAL_S, Site

pytestmark = pytest.mark.kafka

BOTH: frozenset[Direction] = frozenset({"up", "down"})
_RELAY_LOCK = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 4712 AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def relay_pid(site: Site) -> int | None:
    """The session of the relay that works."""
    found = site.query(_RELAY_LOCK)
    return int(found[0][0]) if found else None


def change_over(site: Site) -> None:
    """Take the lock from the relay that works, and wait until another one has it."""
    before = relay_pid(site)
    site.query("SELECT pg_terminate_backend(%s)", before)
    site.wait(lambda: relay_pid(site) not in {None, before}, "no relay took over")


@pytest.mark.smoke
def test_f05_a_relay_killed_around_a_produce_repeats_nothing_that_it_can_see(running: Site) -> None:
    clients = running.clients
    clients.wait_s = 0
    for point in ("before_produce", "after_produce", "after_ack"):
        relay = running.restart("relay", failpoint=f"{point}:kill:1")
        clients.start(clients.script(25, 100))
        relay.wait_until_dead()
        clients.join()
        running.restart("relay")
        running.quiesce()
    running.finish(repeats=True)


def test_f06_outages_of_every_kind_while_batches_are_sent_leave_no_hole(running: Site) -> None:
    chance = random.Random(running.seed)  # noqa: S311  # a run is repeated by its seed
    clients = running.clients
    clients.wait_s = 0
    clients.start(clients.script(400, 40))
    proxy = running.broker.proxies["relay"]
    for _ in range(10):
        what = chance.choice(["reset", "hold", "swallow", "refuse", "throttle"])
        lasting_s = chance.uniform(0.2, 1.2)
        match what:
            case "reset":
                proxy.reset()
            case "hold":
                proxy.treat(Treatment(holds=BOTH))
            case "swallow":
                proxy.treat(Treatment(swallows=frozenset({"down"})))
            case "refuse":
                proxy.treat(Treatment(refuses=True))
                proxy.reset()
            case _:
                proxy.treat(Treatment(bytes_per_s=20_000))
        running.rest(lasting_s)
        if what == "swallow":
            proxy.reset()
        proxy.heal()
    clients.join()
    running.finish(repeats=True)


def test_f07_a_producer_whose_batch_was_in_flight_when_the_line_broke_goes_on(
    running: Site,
) -> None:
    clients = running.clients
    clients.wait_s = 0
    clients.run(20)
    running.quiesce()
    proxy = running.broker.proxies["relay"]
    signed = b"\x06sig\x80"  # a header's name, as a record batch has it: lengths are zig-zag

    def in_flight(direction: Direction, sent: bytes) -> int | None:
        return len(sent) // 2 if direction == "up" and signed in sent else None

    proxy.cut(in_flight)
    clients.start(clients.script(40, 100))
    running.wait(lambda: proxy.cuts == 1, "no batch was sent")
    proxy.treat(Treatment(refuses=True))
    running.rest(4.5)
    proxy.heal()
    back = clock.elapsed()
    clients.join()
    running.quiesce()
    assert clock.elapsed() - back < HEAL_S
    running.finish(repeats=True)


@pytest.mark.smoke
def test_f08_relays_that_send_at_once_change_nothing_but_the_count_of_what_is_refused(
    running: Site,
) -> None:
    clients = running.clients
    clients.wait_s = 0
    clients.run(20)
    former = running.restart("relay", failpoint="before_produce:stop:1")
    running.wait(lambda: relay_pid(running) is not None, "no relay works")
    running.start_relay("relay-2")
    running.start_relay("relay-3")
    clients.run(20)
    running.wait(lambda: former.is_frozen, "it was to stop with a batch in hand")
    change_over(running)
    running.quiesce()
    change_over(running)
    clients.run(10)
    former.thaw()
    running.wait(lambda: sum(running.health()["log"]["refused"].values()) > 0, "nothing is refused")
    running.finish(repeats=True)


def test_f09_a_relay_that_wakes_in_another_term_with_an_old_batch_is_not_accepted(
    running: Site,
) -> None:
    clients = running.clients
    clients.wait_s = 0
    former = running.restart("relay", failpoint="before_produce:stop:1")
    running.wait(lambda: relay_pid(running) is not None, "no relay works")
    clients.run(20)
    running.wait(lambda: former.is_frozen, "it was to stop with a batch in hand")
    running.server.restart(crash=True)
    running.start_relay("relay-2")
    running.wait_until_ready()
    assert running.term() == 2
    clients.run(20)
    running.quiesce()
    before = running.take_dump()
    former.thaw()
    running.wait(lambda: running.end_of_topic() > len(before), "it sent nothing")
    clients.run(10)
    running.finish(repeats=True)


def test_f11_a_slow_kafka_is_waited_for_and_nothing_is_refused(running: Site) -> None:
    clients = running.clients
    for proxy in running.broker.proxies.values():
        proxy.treat(Treatment(delay_s=0.5))
    clients.run(60, rate=20)
    statuses = {line["answer"].get("status") for line in clients.history.lines}
    assert statuses <= {201, 202, 404}
    running.finish(repeats=True)


def test_f40_a_reader_whose_answers_are_swallowed_comes_round(running: Site) -> None:
    clients = running.clients
    clients.wait_s = 0
    clients.run(10)
    proxy = running.broker.proxies["api"]
    proxy.treat(Treatment(swallows=frozenset({"down"})))
    clients.run(20)
    running.rest(3)
    proxy.heal()  # what stands goes on to stand, and what was asked is never answered
    clients.run(20)
    running.finish()
