"""What strangers write to the topic, and batches that stand there in pieces: nobody is fooled."""

import json

import pytest

from .planting import (
    Planter,
    Sent,
    chain_of,
    follow,
    forge,
    last_record,
    planter,
    rows_behind,
    sign_by_stranger,
    without_signatures,
)
from .segments import batches, cut_tail, log_file
from .servers import Broker
from .site import Site

pytestmark = pytest.mark.kafka


def batch_of_five(site: Site) -> list[Sent]:
    """Five records that are sequenced in one batch, and not sent: the relay is gone.

    One API transaction takes what waits, so that one command goes first and five wait behind it.
    """
    site.quiesce()
    if "relay" in site.processes:
        site.kill("relay")
    clients = site.clients
    clients.wait_s = 0
    while True:
        head = site.head()
        api = site.processes["api"]
        api.freeze()
        begun = clients.start(clients.registrations(5))
        site.rest(0.3)
        api.thaw()
        for one in begun:
            one.result(30)
        rows = rows_behind(site, head)
        signed = [number for number, (_, signature) in enumerate(rows, start=1) if signature]
        if signed == [5]:
            return rows
        site.start_relay()
        site.quiesce()
        site.kill("relay")


# Forgeries ----------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_f41_a_forged_record_is_neither_accepted_nor_in_the_way(running: Site) -> None:
    clients = running.clients
    clients.run(20)
    running.quiesce()
    head = last_record(running)
    forged = follow(head)
    term = json.loads(head)["term"]
    opened = follow(head, type="term-opened", subject="ledger", term=term + 1)
    with planter(running) as stranger:
        stranger.plant((forged, None))
        stranger.plant((forged, sign_by_stranger(running.ledger, forged)))
        stranger.plant((opened, sign_by_stranger(running.ledger, opened)))
        stranger.plant((b"noise", None), (head, None), (head, b"0" * 64))
    running.wait(lambda: running.processes["api"].said("invalid-signature"), "no alarm was raised")
    assert {line["answer"]["status"] for line in clients.send(clients.registrations(10))} == {201}
    running.finish(repeats=True)


def test_f43_a_flood_of_records_that_continue_the_chain_keeps_no_command_from_being_entered(
    running: Site,
) -> None:
    clients = running.clients
    clients.run(10)
    clients.start(clients.script(200, 20))
    with planter(running) as stranger:
        for _ in range(6):
            for value in forge(last_record(running), 800):
                stranger.send(value, None)
            stranger.flush()
            running.rest(1)
        clients.join()
    statuses = {line["answer"].get("status") for line in clients.history.lines}
    assert statuses <= {201, 202, 404}
    running.finish(repeats=True)


def test_f43_a_flood_between_the_records_of_a_batch_does_not_push_it_out_for_good(
    running: Site,
) -> None:
    running.clients.run(10)
    rows = batch_of_five(running)
    with planter(running) as stranger:
        stranger.plant(*rows[:2])
        # So many that the two true records, being the oldest, are dropped.
        behind = rows[0][0]
        for value in forge(behind, 2_500, actor="stranger"):
            stranger.send(value, None)
        stranger.flush()
        stranger.plant(*rows[2:])
    running.start_relay()
    running.finish(repeats=True)


@pytest.mark.smoke
def test_f44_a_batch_end_whose_bare_copy_came_first_is_entered(running: Site) -> None:
    clients = running.clients
    clients.run(10)
    running.quiesce()
    head = running.head()
    running.kill("relay")
    clients.wait_s = 0
    clients.run(30)
    bare = without_signatures(rows_behind(running, head))
    with planter(running) as stranger:
        stranger.plant(*bare)
    running.start_relay()
    running.finish(repeats=True)


def test_f44_every_batch_end_has_its_bare_copy_planted_before_it(running: Site) -> None:
    clients = running.clients
    clients.wait_s = 0
    clients.run(5)
    for _ in range(8):
        running.quiesce()
        head = running.head()
        running.processes["relay"].freeze()
        clients.send(clients.registrations(2))
        with planter(running) as stranger:
            stranger.plant(*without_signatures(rows_behind(running, head)))
        running.processes["relay"].thaw()
    running.finish(repeats=True)


# Batches in pieces --------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_f42_a_batch_of_which_a_relay_sent_the_beginning_is_entered_whole(
    running: Site, count: int
) -> None:
    running.clients.run(5)
    rows = batch_of_five(running)
    head = running.head() - 5
    with planter(running) as relay:
        relay.plant(*rows[:count])
    assert len(running.log_in(running.take_dump())) == head
    assert running.health()["positions"]["entered"] == head
    running.start_relay()
    running.finish(repeats=True)


@pytest.mark.parametrize("count", [1, 3])
def test_f42_a_batch_that_a_new_term_finds_in_pieces_is_entered_before_it(
    running: Site, count: int
) -> None:
    running.clients.run(5)
    rows = batch_of_five(running)
    with planter(running) as relay:
        relay.plant(*rows[:count])
    running.server.restart()
    running.start_relay()
    running.wait_until_ready()
    assert running.term() == 2
    running.finish(repeats=True)


def test_f42_a_batch_whose_end_is_lost_at_each_record_is_entered_again(
    running: Site, broker: Broker
) -> None:
    running.clients.run(5)
    for lost in (1, 2, 3, 4, 5):
        rows = batch_of_five(running)
        with planter(running) as relay:  # as a relay would, and each in a batch of Kafka's own
            relay.plant(*rows)
        running.wait(lambda: running.health()["positions"]["entered"] == running.head())
        running.take_dump()
        broker.cluster.kill(1)
        whole = len(list(batches(log_file(broker.data, running.topic))))
        cut_tail(broker.data, running.topic, whole - lost)
        broker.cluster.start(1)
        running.start_relay()
        running.quiesce()
    running.finish(repeats=True)


def test_what_is_planted_continues_the_chain(running: Site) -> None:
    """Else the tests above would prove nothing: only the signature is missing."""
    running.quiesce()
    head = last_record(running)
    one, two = forge(head, 2)
    assert json.loads(one)["prev"] == chain_of(head).hex()
    assert json.loads(two)["prev"] == chain_of(one).hex()
    with planter(running) as stranger:
        assert isinstance(stranger, Planter)
        stranger.plant((one, None), (two, None))
    running.finish()
