"""PostgreSQL restarted, failed over, restored, doubled: nothing entered is lost or forked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import psycopg
import pytest

from infra.local import NoPostgres

from .conftest import MakeSite
from .disks import Disk, Ramdisk
from .proxy import Treatment, link
from .servers import Server, database_of
from .site import Site

pytestmark = pytest.mark.kafka


@pytest.fixture
def own(make_site: MakeSite, folder: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A ledger at work on a PostgreSQL of its own."""
    name = f"pg-{abs(hash(request.node.name)) % 10_000}"
    with Server(folder / name) as server:
        site = make_site(server=server)
        try:
            yield site.start()
        finally:
            if site.server is not server:
                site.server.stop()


def without_answer(site: Site) -> None:
    """From here on commands are answered 202 at once."""
    site.clients.wait_s = 0


def chains(site: Site) -> list[tuple[int, bytes]]:
    """Positions and chain hashes that PostgreSQL has."""
    return [
        tuple(row)
        for row in site.query("SELECT position, chain_hash FROM ledger_record ORDER BY position")
    ]


def instance(site: Site, server: Server, name: str) -> None:
    """A second API, with a relay of its own, on another server; ready to write."""
    url = database_of(server.dsn, site.ledger)
    site.start_api(f"api-{name}", LEDGER_DATABASE_URL=url)
    site.start_relay(f"relay-{name}", LEDGER_DATABASE_URL=url)
    site.wait_until_ready(f"api-{name}")


def state_of(site: Site, server: Server) -> tuple[int, str]:
    """The term and the state in a database of this ledger on another server."""
    dsn = database_of(server.dsn, site.ledger)
    term, state = server.query("SELECT term, state FROM ledger_head", dsn=dsn)[0]
    return int(term), str(state)


def voided_keys(site: Site) -> set[str]:
    """The hashes of all keys that records of the log void."""
    found = site.query("SELECT bytes FROM ledger_record WHERE type = 'commands-voided'")
    return {key for (value,) in found for key in json.loads(bytes(value))["data"]["keys"]}


# Restarts -----------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_f49_of_a_thousand_commands_waiting_at_a_restart_each_has_one_outcome(
    running: Site,
) -> None:
    clients = running.clients
    without_answer(running)
    clients.run(30)
    running.kill("relay")
    clients.send(clients.registrations(1_000))
    head = running.head()
    running.server.restart(crash=True)
    clients.start(clients.script(60, 30))
    running.start_relay()
    running.wait_until_ready()
    clients.join()
    outcomes = running.finish(repeats=True)
    assert running.term() == 2
    assert running.head() > head
    assert "voided" not in outcomes.values()
    assert sum(one == "entered" for one in outcomes.values()) > 1_000


def test_a_restart_of_postgresql_under_load_opens_one_term_each_time(running: Site) -> None:
    clients = running.clients
    clients.start(clients.script(250, 25))
    for term in (2, 3):
        running.rest(2)
        running.server.restart(crash=term == 2)
        wanted = partial(lambda term: (running.term(), running.state()) == (term, "open"), term)
        running.wait(wanted)
    clients.join()
    running.finish(repeats=True)
    assert running.term() == 3


# Losses of PostgreSQL -----------------------------------------------------------------------------


def test_f16_a_fail_over_to_a_standby_that_lags_heals_from_kafka(own: Site, folder: Path) -> None:
    clients, primary = own.clients, own.server
    between, _ = link(primary.dsn)
    with between:
        standby = primary.standby(folder / f"standby-{own.ledger}", at=between.port)
        standby.start()
        clients.run(40)
        own.quiesce()
        between.treat(Treatment(holds=frozenset({"down"})))
        clients.run(40)
        own.quiesce()
        own.take_dump()
        head = own.head()
        primary.kill()
        between.reset()
        standby.query("SELECT pg_promote()")
    own.move_to(standby)
    assert own.head() < head
    clients.run(20)
    own.finish(repeats=True)
    assert own.term() == 2


@pytest.mark.smoke
def test_f17_a_backup_that_is_behind_kafka_adopts_and_reissues_no_number(
    own: Site, folder: Path
) -> None:
    clients = own.clients
    clients.run(40)
    own.quiesce()
    restored = own.server.backup(folder / f"backup-{own.ledger}")
    clients.run(40)
    own.quiesce()
    own.take_dump()
    before = chains(own)
    own.server.stop()
    restored.start()
    own.move_to(restored)
    assert own.head() < len(before)
    own.wait_until_ready()
    assert chains(own)[: len(before)] == before
    clients.run(20)
    own.finish(repeats=True)
    assert own.term() == 2


def test_f18_a_snapshot_of_the_disk_is_another_instance_and_adopts(own: Site, folder: Path) -> None:
    clients = own.clients
    clients.start(clients.script(60, 30))
    own.rest(1)
    restored = own.server.copy(folder / f"copy-{own.ledger}")
    clients.join()
    own.quiesce()
    own.take_dump()
    before = chains(own)
    own.server.kill()
    restored.start()
    own.move_to(restored)
    own.wait_until_ready()
    assert chains(own)[: len(before)] == before
    clients.run(20)
    own.finish(repeats=True)


def test_f17_a_backup_taken_with_records_unsent_has_them_voided_openly_or_entered(
    own: Site, folder: Path
) -> None:
    clients = own.clients
    without_answer(own)
    clients.run(20)
    own.quiesce()
    own.kill("relay")
    waiting = clients.registrations(20)
    clients.send(waiting[:10])
    restored = own.server.backup(folder / f"unsent-{own.ledger}")
    clients.send(waiting[10:])
    own.server.kill()
    restored.start()
    own.move_to(restored)
    own.start_relay()
    own.wait_until_ready()
    clients.run(10)
    outcomes = own.finish(repeats=True)
    assert [outcomes[one.key] for one in waiting[:10]] == ["entered"] * 10
    assert {outcomes[one.key] for one in waiting[10:]} == {"unknown"}


# Two servers --------------------------------------------------------------------------------------


@pytest.fixture
def two(own: Site, folder: Path) -> Iterator[tuple[Site, Server]]:
    """A ledger whose server was copied, and the copy started later with an API and a relay."""
    own.clients.run(30)
    own.quiesce()
    with own.server.copy(folder / f"later-{own.ledger}") as later:
        instance(own, later, "later")
        yield own, later
        for name in ("api-later", "relay-later"):
            own.end(name)


def on_later(site: Site, later: Server) -> None:
    """Look at the ledger on the later server from here on, and let clients go there."""
    site.clients.urls[:] = [f"127.0.0.1:{site.ports['api-later']}"]
    site.end("api")
    site.end("relay")
    site.processes["projector"].postgres.lead_to(later.dsn)
    site.server, site.database_url = later, database_of(later.dsn, site.ledger)


def test_f19_of_two_primaries_only_the_later_one_acknowledges_and_the_earlier_stays_fenced(
    two: tuple[Site, Server],
) -> None:
    site, later = two
    former, clients = site.server, site.clients
    clients.urls.append(f"127.0.0.1:{site.ports['api-later']}")
    clients.wait_s = 1
    earlier = [clients.record(one) for one in clients.registrations(5, proc=0)]
    assert 201 not in {line["answer"].get("status") for line in earlier}
    assert {
        line["answer"]["status"] for line in clients.send(clients.registrations(20, proc=1))
    } == {201}
    site.wait(lambda: state_of(site, former) == (1, "fenced"), "the earlier one is not fenced")
    former.restart()
    site.processes["api"].postgres.lead_to(former.dsn)
    site.rest(3)
    assert state_of(site, former) == (1, "fenced")
    on_later(site, later)
    clients.run(10)
    site.finish(repeats=True, api="api-later")
    assert site.term() == 2


def test_f47_a_superseded_server_that_is_asked_again_and_again_never_takes_the_term_back(
    two: tuple[Site, Server],
) -> None:
    site, later = two
    former, clients = site.server, site.clients
    clients.urls.append(f"127.0.0.1:{site.ports['api-later']}")
    clients.wait_s = 0
    for _ in range(10):  # each command that is turned away wakes the gate
        clients.record(clients.registrations(1, proc=0)[0])
        clients.record(clients.registrations(1, proc=1)[0])
        site.rest(0.5)
    assert state_of(site, former) == (1, "fenced")
    assert state_of(site, later)[0] == 2
    on_later(site, later)
    site.finish(repeats=True, api="api-later")
    assert site.term() == 2


def test_f48_a_voided_command_stays_voided_when_postgresql_is_restored_to_before(
    own: Site, folder: Path
) -> None:
    clients, former = own.clients, own.server
    without_answer(own)
    clients.run(20)
    own.quiesce()
    own.kill("relay")
    other = former.copy(folder / f"other-{own.ledger}")
    lost = clients.registrations(12)
    assert {line["answer"]["status"] for line in clients.send(lost)} == {202}
    own.kill("api")
    former.stop()
    with other:  # the other copy lives on, and gets its own history entered
        own.move_to(other)
        own.start_api()
        own.start_relay()
        own.wait_until_ready()
        clients.run(10)
        own.quiesce()
        own.end("api")
        own.end("relay")
    restored = former.copy(folder / f"restored-{own.ledger}")
    former.start()
    own.move_to(former)
    own.start_api()
    own.start_relay()
    own.wait_until_ready()
    own.quiesce()
    assert {clients.ask(one.key)["answer"]["code"] for one in lost} == {"voided"}
    before = own.take_dump()
    former.stop()
    restored.start()
    own.move_to(restored)
    own.wait_until_ready()
    assert {clients.ask(one.key)["answer"]["code"] for one in lost} == {"voided"}
    again = [clients.record(one)["answer"]["code"] for one in lost]
    assert set(again) == {"voided"}
    outcomes = own.finish(repeats=True)
    assert {outcomes[one.key] for one in lost} == {"voided"}
    assert own.end_of_topic() > len(before)
    restored.stop()


# Disks --------------------------------------------------------------------------------------------

DURABLE: Final = {"fsync": "on", "full_page_writes": "on"}


def test_f15_what_was_acknowledged_survives_a_power_cut_of_postgresql(
    make_site: MakeSite, disk: Disk
) -> None:
    with Server(disk.mounted / "pg", DURABLE) as server:
        site = make_site(server=server).start()
        without_answer(site)
        site.clients.run(20)
        site.quiesce()
        site.kill("relay")  # so that Kafka cannot give back what is lost
        site.clients.run(60)
        head = site.head()
        after = Server(disk.cut_power() / "pg", DURABLE)
        server.kill()
        after.start()
        site.move_to(after)
        assert site.head() >= head
        site.start_relay()
        site.wait_until_ready()
        site.clients.run(20)
        outcomes = site.finish(repeats=True)
        assert "voided" not in outcomes.values()
        after.stop()


def test_f15_without_fsync_a_power_cut_is_seen_to_lose(make_site: MakeSite, disk: Disk) -> None:
    """Else the test above could not see a loss."""
    with Server(disk.mounted / "pg") as server:
        disk.flush()
        site = make_site(server=server).start()
        site.clients.run(60)
        head = site.head()
        after = Server(disk.cut_power() / "pg")
        server.kill()
        try:
            after.start()
        except NoPostgres:
            return  # so much is lost that it does not come up
        with closing_server(after):
            try:
                found = after.query(
                    "SELECT position FROM ledger_head", dsn=database_of(after.dsn, site.ledger)
                )
            except psycopg.Error:
                return
            assert not found or found[0][0] < head


@contextmanager
def closing_server(server: Server) -> Iterator[None]:
    try:
        yield
    finally:
        server.stop()


def test_f34_a_postgresql_whose_disk_is_full_loses_nothing_that_was_acknowledged(
    make_site: MakeSite, ramdisk: Ramdisk
) -> None:
    with Server(ramdisk.mounted / "pg", {"max_wal_size": "48MB", "min_wal_size": "32MB"}) as server:
        site = make_site(server=server).start()
        site.clients.run(20)
        site.quiesce()
        ramdisk.fill()
        begun = site.clients.start(site.clients.script(300, 60))
        site.rest(6)
        ramdisk.empty()
        server.restart(crash=True)
        site.clients.join()
        assert begun
        site.finish(repeats=True)


# What a superuser may do --------------------------------------------------------------------------


def test_f24_a_row_that_a_superuser_edited_is_named_by_its_position(running: Site) -> None:
    running.clients.run(30)
    running.quiesce()
    running.query("ALTER TABLE ledger_record DISABLE TRIGGER ALL")
    running.query("UPDATE ledger_record SET bytes = bytes || ' '::bytea WHERE position = 7")
    running.query("ALTER TABLE ledger_record ENABLE TRIGGER ALL")
    ran = running.command("verify", "--json", "--no-progress")
    assert ran.returncode == 4, ran.stderr
    assert 7 in {flaw["position"] for flaw in json.loads(ran.stdout)["problems"]}


def test_f24_a_last_row_that_was_replaced_with_its_chain_stops_the_ledger(running: Site) -> None:
    running.clients.run(10)
    running.quiesce()
    head = running.head()
    running.query("ALTER TABLE ledger_record DISABLE TRIGGER ALL")
    running.query("UPDATE ledger_record SET chain_hash = sha256(bytes) WHERE position = %s", head)
    running.query("UPDATE ledger_head SET chain_hash = sha256('another')")
    running.query("ALTER TABLE ledger_record ENABLE TRIGGER ALL")
    lines = [running.clients.record(one) for one in running.clients.registrations(3)]
    assert {line["answer"]["status"] for line in lines} == {503}
    running.wait(lambda: running.state() == "stopped", "the gate did not stop", 75)
    (reason,) = running.query("SELECT reason FROM ledger_head")[0]
    assert f"from position {head} on" in reason
    assert "recover" in reason


def test_f24_a_database_that_was_changed_is_given_up_for_one_that_kafka_brings_back(
    running: Site,
) -> None:
    running.clients.run(40)
    running.quiesce()
    running.take_dump()
    running.query("ALTER TABLE ledger_record DISABLE TRIGGER ALL")
    running.query("UPDATE ledger_record SET bytes = bytes || ' '::bytea WHERE position = 7")
    for name in ("api", "relay", "projector"):
        running.end(name)
    recovered = running.server.make_database(f"{running.ledger}r")
    ran = running.command("recover", "--take-over", LEDGER_DATABASE_URL=recovered)
    assert ran.returncode == 0, ran.stderr
    running.database_url = recovered
    running.start()
    running.clients.run(20)
    running.finish(repeats=True)
    assert running.term() == 2
