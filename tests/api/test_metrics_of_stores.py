"""`/metrics` of a ledger on a real Kafka, and while a store is away, frozen, or was never there."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from api import wiring
from api.app import create_app
from infra import clock
from infra.local import Kafka
from infra.local.processes import free_port
from infra.looking import Looks
from infra.observer import KafkaEnd
from tests.api.asking import Api, fresh_code
from tests.api.conftest import settings_of
from tests.api.test_metrics import scrape, value
from tests.api.test_on_kafka import site_of
from tests.faults.proxy import Proxy, Treatment
from tests.waiting import wait_until

pytestmark = pytest.mark.pg

_FROZEN = Treatment(holds=frozenset({"up", "down"}))
_AWAY = Treatment(refuses=True)
_SOON_S = 5.0
"""A bound for a wait: a scrape that hung would wait for the pool's half a minute."""


@contextmanager
def caller(parts: wiring.Parts) -> Iterator[Api]:
    with TestClient(create_app(parts), raise_server_exceptions=False) as client:
        yield Api(client=client, parts=parts)


@pytest.mark.parametrize("treatment", [_FROZEN, _AWAY], ids=["frozen", "away"])
def test_a_scrape_tells_what_is_known_while_postgresql_is_away(
    database_url: str, tmp_path: Path, treatment: Treatment
) -> None:
    server = urlsplit(database_url)
    with Proxy(str(server.hostname), int(server.port or 0)) as proxy:
        who = server.netloc.rpartition("@")[0]
        dsn = server._replace(netloc=f"{who}@{proxy.address}").geturl()
        settings = settings_of(tmp_path / "home", dsn)
        with (
            wiring.reach(settings) as database,
            wiring.opened(settings, database) as parts,
            caller(parts) as api,
        ):
            api.register()
            known = scrape(api)
            assert value(known, "store_up", store="postgresql") == 1
            proxy.treat(treatment)
            if treatment is _AWAY:
                proxy.reset()
            begun = clock.elapsed()
            samples = scrape(api)
            assert clock.elapsed() - begun < _SOON_S
            assert value(samples, "store_up", store="postgresql") == 0
            assert value(samples, "serving") == 0
            assert value(samples, "not_serving", reason="postgresql-away") == 1
            for name in ("sequenced_position", "entered_position", "term"):
                assert value(samples, name) == value(known, name)
            answered = "store_answered_timestamp_seconds"
            assert value(samples, answered, store="postgresql") == value(
                known, answered, store="postgresql"
            )
            proxy.heal()
            wait_until(lambda: value(scrape(api), "store_up", store="postgresql") == 1, 60)
            assert value(scrape(api), "serving") == 1


@pytest.mark.kafka
def test_on_kafka_a_scrape_tells_the_lag_of_the_relay_and_the_end_of_the_topic(
    database_url: str, kafka: Kafka, tmp_path: Path
) -> None:
    with (
        site_of(tmp_path / "home", database_url, kafka, f"test-{token_hex(4)}") as site,
        wiring.opened(site.settings, site.database, relays=False) as parts,
        caller(parts) as api,
    ):
        api.register()
        samples = scrape(api)
        assert value(samples, "store_up", store="kafka") == 1
        assert value(scrape(api), "log_end_offset") == value(samples, "sequenced_position")
        assert value(samples, "relay_lag_events") == value(samples, "relay_lag_seconds") == 0
        site.stop("relay")
        answer = api.command("register-subject", {"name": "示例公司", "identifiers": []})
        assert answer.status_code == 422
        for _ in range(2):
            sent = {"Prefer": "wait=0"}
            body = {"name": "示例公司", "identifiers": [fresh_code()]}
            assert api.command("register-subject", body, sent).status_code == 202
        wait_until(lambda: value(scrape(api), "relay_lag_seconds") > 0.2, 20)
        waiting = scrape(api)
        assert value(waiting, "relay_lag_events") == 2
        assert value(waiting, "entered_position") == value(samples, "entered_position")
        assert value(waiting, "events_appended_total", type="subject-registered") == 3
        site.start("relay")
        wait_until(lambda: value(scrape(api), "relay_lag_events") == 0, 30)
        assert value(scrape(api), "relay_lag_seconds") == 0


def test_a_broker_that_is_away_or_does_not_answer_keeps_nobody_waiting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        addresses = [free_port(0), silent.getsockname()[1]]
        for port in addresses:
            end = KafkaEnd(f"127.0.0.1:{port}", lambda: "x.log")
            looks = Looks("test", end.look)
            begun = clock.elapsed()
            done = looks.begin()
            assert looks.begin() is done or done.done(), "one look at a time"
            assert not looks.is_up
            assert clock.elapsed() - begun < _SOON_S
            done.result(timeout=60)
            assert (looks.is_up, looks.seen, looks.seen_at) == (False, None, None)


def test_a_look_that_hangs_counts_as_away_though_the_one_before_was_good() -> None:
    may_answer = threading.Event()
    may_answer.set()

    def look() -> int:
        assert may_answer.wait(60)
        return 7

    looks = Looks("test", look)
    looks.begin().result(60)
    assert (looks.is_up, looks.seen) == (True, 7)
    may_answer.clear()
    done = looks.begin()
    assert looks.is_up, "it may still answer"
    wait_until(lambda: not looks.is_up, 30)
    assert looks.seen == 7
    may_answer.set()
    done.result(60)
    assert looks.is_up
