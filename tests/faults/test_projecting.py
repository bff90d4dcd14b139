"""Projectors killed, doubled, rewound, stopped by poison: what is shown is what the log says."""

import json
import random
import subprocess
import sys
from typing import Any

import psycopg
import pytest

from infra import clock
from infra.ids import fresh_event, fresh_subject
from infra.sequencer import PostgresSequencer
from infra.signer import Signer
from ledger.sequencing import Append, Draft
from tests.parts import REPOSITORY

from .clients import Clients
from .site import Site

pytestmark = pytest.mark.kafka


def rebuilt(site: Site) -> Any:
    """What making all views anew says; it compares them with those that were read."""
    ran = site.command("rebuild", "--yes", "--json", "--no-progress")
    assert ran.returncode in {0, 4}, ran.stderr
    return json.loads(ran.stdout)


def equals_rebuilt(site: Site) -> None:
    """The views that were read are, bit for bit, those that are made anew."""
    found = rebuilt(site)
    assert found["ok"], found["differences"]
    assert found["head"] == site.head()


def load(site: Site, count: int = 150) -> Clients:
    site.clients.wait_s = 0
    site.clients.start(site.clients.script(count, 40))
    return site.clients


@pytest.mark.smoke
def test_f25_a_projector_killed_again_and_again_shows_what_a_rebuild_shows(running: Site) -> None:
    chance = random.Random(running.seed)  # noqa: S311  # a run is repeated by its seed
    clients = load(running)
    for _ in range(5):
        running.rest(chance.uniform(0.3, 1.5))
        running.kill("projector")
        running.start_projector()
    clients.join()
    running.finish()
    equals_rebuilt(running)


@pytest.mark.parametrize(
    "point", ["projector_in_transaction", "projector_before_commit", "projector_after_commit"]
)
def test_f25_a_projector_killed_at_a_point_of_its_transaction_folds_nothing_twice(
    running: Site, point: str
) -> None:
    for nth in (1, 2, 3):
        projector = running.restart("projector", failpoint=f"{point}:kill:{nth}")
        for _ in range(30):  # each is folded by a transaction of its own, once the fold runs
            running.clients.run(4)
            running.rest(0.2)
            if not projector.is_alive:
                break
        projector.wait_until_dead()
        running.restart("projector")
        running.quiesce()
    running.finish()
    equals_rebuilt(running)


def test_f26_a_projector_that_wakes_when_another_has_its_work_changes_nothing(
    running: Site,
) -> None:
    running.clients.run(20)
    running.quiesce()
    former = running.processes["projector"]
    former.freeze()
    running.start_projector("projector-2")
    running.clients.run(40)
    running.quiesce()
    former.thaw()
    running.clients.run(40)
    running.finish()
    equals_rebuilt(running)


@pytest.mark.parametrize(
    "point", ["rebuild_between_batches", "rebuild_before_switch", "rebuild_after_switch"]
)
def test_f27_a_rebuild_killed_at_a_phase_leaves_one_complete_generation_that_is_read(
    running: Site, point: str
) -> None:
    running.clients.run(60)
    running.quiesce()
    ran = running.command("rebuild", "--yes", FAILPOINT=f"{point}:kill:1")
    assert ran.returncode == -9, ran.stderr
    assert running.clients.probe()["answer"]["shown"] >= running.head()
    running.clients.run(20)
    running.finish()
    equals_rebuilt(running)


def test_f28_views_that_differ_from_the_log_are_found_and_put_right(running: Site) -> None:
    running.clients.run(30)
    running.finish()
    equals_rebuilt(running)
    (schema,) = running.query(
        "SELECT table_schema FROM information_schema.tables WHERE table_name = 'subject_name'"
        " ORDER BY table_schema DESC LIMIT 1"
    )[0]
    dsn = running.database_url
    with psycopg.connect(dsn, options=f"-csearch_path={schema}") as connection:
        connection.execute("UPDATE subject_name SET name = name || '?'")
    found = rebuilt(running)
    assert not found["ok"]
    assert found["differences"] == ["subject_name"]
    equals_rebuilt(running)


@pytest.mark.smoke
def test_f29_a_record_that_no_projector_understands_halts_the_views_until_an_operator_lets_it_pass(
    running: Site,
) -> None:
    clients = running.clients
    clients.run(20)
    running.quiesce()
    poison = sequence_poison(running)
    clients.wait_s = 2
    lines = clients.send(clients.registrations(10))
    assert {line["answer"]["status"] for line in lines} == {201}
    running.wait(lambda: running.shown() == poison - 1, "the views do not stand before it")
    running.rest(2)
    assert running.shown() == poison - 1
    ran = running.command("approve-skip", str(poison), "--reason", "of a later version", "--yes")
    assert ran.returncode == 0, ran.stderr
    if not running.processes["projector"].is_alive:
        running.restart("projector")
    running.finish()
    equals_rebuilt(running)


def sequence_poison(site: Site) -> int:
    """A record of a type that is not known yet, sequenced and signed as any; its position."""
    signer = Signer.load(site.folder / "signing.key", site.ledger)
    draft = Draft(
        stream=str(fresh_subject()),
        version=1,
        type="from-a-later-version",
        id=fresh_event(),
        data=b'{"what":"nobody here knows"}',
    )
    append = Append(drafts=(draft,), key_hash=None, command_hash="0" * 64, actor="local")
    with psycopg.connect(site.database_url, autocommit=True) as connection:
        sequencer = PostgresSequencer.within(connection, site.ledger, signer.sign, clock.now)
        sequencer.append([append])
    return site.head()


def test_f38_a_migration_killed_at_any_moment_is_finished_by_the_next_one(site: Site) -> None:
    chance = random.Random(site.seed)  # noqa: S311  # a run is repeated by its seed
    for _ in range(6):
        migrating = subprocess.Popen(
            [sys.executable, "-m", "api.cli", "migrate"],
            cwd=REPOSITORY,
            env=site.environment("operator"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        site.rest(chance.uniform(0.5, 2.5))
        migrating.kill()
        migrating.wait()
    site.start()
    site.clients.run(20)
    site.finish()
    equals_rebuilt(site)


@pytest.mark.parametrize("rewound", [100, 1])
def test_f39_a_place_that_was_rewound_folds_nothing_twice(running: Site, rewound: int) -> None:
    running.clients.run(120)
    running.quiesce()
    running.end("projector")
    running.query('UPDATE projection_place SET "offset" = greatest("offset" - %s, 0)', rewound)
    running.start_projector()
    running.clients.run(20)
    running.finish()
    equals_rebuilt(running)
