"""The API of a ledger whose log is on a real Kafka: entered means that it is there."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any

import psycopg
import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from starlette.testclient import TestClient

from api import wiring
from api.app import create_app
from infra.local import Kafka
from infra.log_source import LivesOnKafka
from infra.settings import Settings
from tests.api.asking import Api, fresh_key, penalty, refused, registration
from tests.waiting import wait_until

pytestmark = [pytest.mark.pg, pytest.mark.kafka]

_PATIENCE_S = 30


class Site:
    """A ledger on Kafka in this process; its relay and its projector can be stopped."""

    def __init__(self, settings: Settings, database: wiring.Database) -> None:
        self.settings = settings
        self.database = database
        self.working: dict[str, tuple[threading.Thread, threading.Event]] = {}

    def start(self, name: str) -> None:
        work = {"relay": wiring.run_relay, "projector": wiring.run_projector}[name]
        stop = threading.Event()
        thread = threading.Thread(target=work, args=(self.settings, self.database, stop), name=name)
        thread.start()
        self.working[name] = thread, stop

    def stop(self, name: str) -> None:
        thread, stop = self.working.pop(name)
        stop.set()
        thread.join()

    def stop_all(self) -> None:
        for name in list(self.working):
            self.stop(name)


@contextmanager
def site_of(home: Path, database_url: str, kafka: Kafka, ledger: str) -> Iterator[Site]:
    settings = Settings(
        _env_file=None,
        home=home,
        id=ledger,
        database_url=database_url,
        kafka=kafka.address,
        single_broker=True,
    )
    with wiring.reach(settings) as database:
        site = Site(settings, database)
        site.start("relay")
        try:
            yield site
        finally:
            site.stop_all()


@pytest.fixture(scope="module")
def ledger() -> str:
    return f"test-{token_hex(4)}"


@pytest.fixture(scope="module")
def site(
    module_database_url: str, kafka: Kafka, tmp_path_factory: pytest.TempPathFactory, ledger: str
) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("home")
    with site_of(home, module_database_url, kafka, ledger) as site:
        yield site


@pytest.fixture(scope="module")
def parts(site: Site) -> Iterator[wiring.Parts]:
    with wiring.opened(site.settings, site.database, relays=False) as parts:
        site.start("projector")
        yield parts
        site.stop("projector")


@pytest.fixture(scope="module")
def client(parts: wiring.Parts) -> Iterator[TestClient]:
    with TestClient(create_app(parts), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def api(client: TestClient, parts: wiring.Parts) -> Api:
    return Api(client=client, parts=parts)


@pytest.fixture
def no_relay(site: Site) -> Iterator[None]:
    """While it lasts, nothing that is sequenced comes to Kafka."""
    site.stop("relay")
    yield
    if "relay" not in site.working:
        site.start("relay")


def dump(address: str, ledger: str) -> list[ConsumerRecord]:
    """All records of the ledger's topic as any consumer of Kafka sees them."""
    partition = TopicPartition(f"{ledger}.log", 0)
    consumer = KafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
    try:
        consumer.assign([partition])
        end = consumer.end_offsets([partition])[partition]
        found: list[ConsumerRecord] = []
        while len(found) < end:
            for records in consumer.poll(1_000).values():
                found += records
        return found
    finally:
        consumer.close(autocommit=False)


def test_201_says_where_the_very_record_stands_on_kafka(
    api: Api, kafka: Kafka, ledger: str
) -> None:
    answer = api.command("register-subject", registration())
    assert answer.status_code == 201
    receipt = answer.json()
    assert receipt["state"] == "entered"
    record = dump(kafka.address, ledger)[receipt["offset"]]
    assert receipt["partition"] == record.partition == 0
    assert sha256(b"\0" + record.value).hexdigest() == receipt["leaf_hash"]
    assert dict(record.headers)["content-type"] == b"application/cloudevents+json; charset=UTF-8"
    assert len(dict(record.headers)["sig"]) == 64
    assert record.key.decode() == receipt["subject"]


def test_a_repeat_and_a_question_give_the_same_receipt(api: Api) -> None:
    body, key = registration(), fresh_key()
    first = api.command("register-subject", body, {"Idempotency-Key": key}).json()
    again = api.command("register-subject", body, {"Idempotency-Key": key})
    assert again.headers["Idempotent-Replay"] == "true"
    assert again.json() == first
    told = api.send("GET", f"/v1/commands/{key}")
    assert told.status_code == 200
    names = ("state", "position", "leaf_hash", "chain_hash", "partition", "offset", "subject")
    assert {name: told.json()[name] for name in names} == {name: first[name] for name in names}


def test_health_names_the_topic_and_warns_of_a_single_broker(api: Api, ledger: str) -> None:
    health = api.send("GET", "/health").json()
    assert health["status"] == "ready"
    assert (health["log"]["kind"], health["log"]["name"]) == ("kafka", f"{ledger}.log")
    assert health["log"]["topic_id"] not in {"", "table"}
    assert any("replication factor 1" in note for note in health["notes"])
    assert not any("table in PostgreSQL" in note for note in health["notes"])


def test_what_is_entered_is_projected_from_kafka(api: Api, site: Site) -> None:
    subject = api.register()
    api.record("impose-penalty", penalty(subject))
    assert api.shown(f"/v1/subjects/{subject}/explanation?regime=demo/enterprise/score")
    with psycopg.connect(site.database.url) as connection:
        (topic,) = connection.execute("SELECT DISTINCT topic_id FROM projection_place").fetchall()
        pinned = connection.execute("SELECT topic_id FROM ledger_topic").fetchone()
    assert topic == pinned


@pytest.mark.usefixtures("no_relay")
def test_what_has_not_come_to_kafka_is_202_and_shown_nowhere(api: Api, site: Site) -> None:
    code, key = registration(), fresh_key()
    (text,) = code["identifiers"]
    entered = api.send("GET", "/health").json()["positions"]["entered"]
    headers = {"Idempotency-Key": key, "Prefer": "wait=0"}
    answer = api.command("register-subject", code, headers)
    assert answer.status_code == 202
    assert answer.json()["state"] == "sequenced"
    assert "position" not in answer.json()
    assert answer.headers["Location"] == f"/v1/commands/{key}"
    told = api.send("GET", f"/v1/commands/{key}", {"Prefer": "wait=0"})
    assert (told.status_code, told.json()["state"]) == (202, "sequenced")
    assert api.send("GET", f"/v1/subjects/{text}").status_code == 404
    health = api.send("GET", "/health").json()
    assert health["positions"]["entered"] == entered
    assert health["positions"]["sequenced"] > entered
    assert health["positions"]["shown"] <= entered

    site.start("relay")
    told = api.send("GET", f"/v1/commands/{key}", {"Prefer": "wait=30"})
    assert told.status_code == 200
    api.position = told.json()["position"]
    assert api.shown(f"/v1/subjects/{text}")["subject"] == told.json()["subject"]


def test_a_restarted_server_is_not_written_before_its_term_is_entered(
    api: Api, site: Site, parts: wiring.Parts
) -> None:
    site.stop("relay")
    with psycopg.connect(site.database.url, autocommit=True) as connection:
        connection.execute("UPDATE ledger_head SET server_started_at = 'epoch'")
    key = fresh_key()
    answer = api.command("register-subject", registration(), {"Idempotency-Key": key})
    refused(answer, 503, "not-serving")
    assert answer.headers["Retry-After"] == "1"
    refused(api.send("GET", f"/v1/commands/{key}"), 503, "not-serving")
    assert api.send("GET", "/readyz").status_code == 503
    assert api.send("GET", "/v1/lists").status_code == 200
    site.start("relay")
    wait_until(lambda: parts.statuses.why_not_serving() is None, _PATIENCE_S)
    refused(api.send("GET", f"/v1/commands/{key}"), 404, "unknown-key")
    body = registration()
    assert api.command("register-subject", body, {"Idempotency-Key": key}).status_code == 201


def test_a_voided_key_is_told_for_ever_and_needs_a_new_one(api: Api, site: Site) -> None:
    key = fresh_key()
    position = api.head
    with psycopg.connect(site.database.url, autocommit=True) as connection:
        hashed = sha256(b"\0" + key.encode()).digest()
        connection.execute("INSERT INTO ledger_voided VALUES (%s, %s)", (hashed, position))
    refused(api.send("GET", f"/v1/commands/{key}"), 409, "voided")
    answer = api.command("register-subject", registration(), {"Idempotency-Key": key})
    refused(answer, 409, "voided")
    assert answer.json()["position"] == position
    assert api.head == position


def test_the_table_log_refuses_a_ledger_that_lives_on_kafka(site: Site, tmp_path: Path) -> None:
    changed: dict[str, Any] = {"kafka": None, "home": tmp_path / "home"}
    settings = site.settings.model_copy(update=changed)
    with ExitStack() as held:
        database = held.enter_context(wiring.reach(settings))
        with pytest.raises(LivesOnKafka, match="LEDGER_KAFKA"):
            held.enter_context(wiring.opened(settings, database))


@pytest.mark.usefixtures("parts")
def test_a_home_remembers_its_kafka(site: Site, kafka: Kafka, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "log.json").write_bytes((site.settings.home / "log.json").read_bytes())
    changed: dict[str, Any] = {"kafka": None, "single_broker": False, "home": home}
    with wiring.reach(site.settings.model_copy(update=changed)) as database:
        assert database.kafka is not None
        assert (database.kafka.address, database.kafka.single_broker) == (kafka.address, True)
