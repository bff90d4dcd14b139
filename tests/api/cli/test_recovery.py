"""`recover` and `republish` as an operator runs them: real programs, killed and run again."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex

import pytest

from api.cli.output import Exit
from infra.connections import connect
from infra.creation import write_keys
from infra.local import Home as LocalHome
from infra.local import Kafka
from infra.migrations import migrate
from infra.signer import Signer
from infra.topic import administer, topics_of
from tests.api.asking import fresh_code
from tests.api.cli.running import Home, Ran
from tests.infra.kafka_ledger import KafkaLedger, raw_records
from tests.waiting import wait_until

pytestmark = [pytest.mark.pg, pytest.mark.kafka, pytest.mark.timeout(300)]

KILLED = -9


@dataclass(frozen=True, slots=True)
class Site:
    """A home, and the ledger that lives in its stores."""

    home: Home
    ledger: KafkaLedger

    @property
    def files(self) -> LocalHome:
        return LocalHome(self.home.path)

    def run(self, *arguments: str, said: str = "") -> Ran:
        return self.home.program(*arguments, said=said)

    def killed_at(self, point: str, nth: int, *arguments: str) -> None:
        """The command, killed where it passes this point for the nth time."""
        more = {**self.home.more, "FAILPOINT": f"{point}:kill:{nth}"}
        assert replace(self.home, more=more).program(*arguments).code == KILLED

    def without_database(self, url: str) -> "Site":
        """The same home where PostgreSQL has nothing."""
        home = replace(self.home, database_url=url)
        return replace(self, home=home, ledger=self.ledger.at(url))

    def record(self) -> None:
        """Record a command, which is entered when the program ends."""
        ran = self.run("record", "-", "--json", said=registration())
        assert ran.code == 0, ran.err


@pytest.fixture
def site(tmp_path: Path, database_url: str, kafka: Kafka) -> Iterator[Site]:
    """A ledger of some thousand records, all of them entered."""
    name = f"test-{token_hex(4)}"
    files = LocalHome(tmp_path / "home").make()
    signer = Signer.create(files.signing_key, name)
    ledger = KafkaLedger.begun(database_url, kafka.address, name, signer)
    ledger.record(2_600)
    ledger.relay()
    write_keys(files.keys, name, ledger.keys)
    named = {"LEDGER_ID": name, "LEDGER_KAFKA": kafka.address, "LEDGER_SINGLE_BROKER": "true"}
    yield Site(Home(files.path, database_url, named), ledger)
    with administer(kafka.address) as admin:
        admin.delete_topics(list(topics_of(admin, name)))


@pytest.fixture
def bare(site: Site, empty_database_url: str) -> Site:
    return site.without_database(empty_database_url)


def registration() -> str:
    return json.dumps(
        {"command": "register-subject", "identifiers": [fresh_code()], "name": "示例公司"}
    )


def delete_topic(site: Site) -> None:
    name = site.ledger.pinned()
    with administer(site.ledger.address) as admin:
        admin.delete_topics([name])
        wait_until(lambda: name not in admin.list_topics(), 10)


# recover ------------------------------------------------------------------------------------------


def test_a_ledger_is_recovered_read_taken_over_and_written_again(site: Site, bare: Site) -> None:
    site.record()
    before, proof = site.ledger.all_rows(), site.ledger.proof()
    ran = bare.run("recover", "--json")
    assert ran.code == 0, ran.err
    said = ran.json("recover")
    assert bare.ledger.all_rows() == before
    assert (said["state"], said["taken_over"]) == ("fenced", None)
    found = said["recovered"]
    assert (found["head"], found["root"]) == (proof.head.position, proof.root.hex())
    assert found["chain"] == proof.head.chain.hex()
    assert (found["key_from_log"], found["resumed_at"]) == (False, 0)
    assert found["counts"]["records"] == proof.head.position
    # It is read as before, and nobody writes.
    assert bare.run("list", "--json").code == 0
    refused = bare.run("record", "-", said=registration())
    assert refused.code == 1, refused.out
    assert "recover --take-over" in refused.err
    assert bare.ledger.all_rows() == before
    taken = bare.run("recover", "--take-over", "--json")
    assert taken.code == 0, taken.err
    said = taken.json("recover")
    assert (said["recovered"], said["state"], said["reason"]) == (None, "open", None)
    assert said["taken_over"]["done"] is True
    assert said["taken_over"]["head"] == proof.head.position + 1
    bare.record()
    assert raw_records(bare.ledger.address, bare.ledger.pinned()) == bare.ledger.signed()
    verified = bare.run("verify", "--json", "--no-progress")
    assert verified.code == 0, verified.out


def test_recovering_and_taking_over_may_be_one_command(bare: Site) -> None:
    ran = bare.run("recover", "--take-over")
    assert ran.code == 0, ran.err
    assert any(line.startswith("proven: ") for line in ran.lines)
    assert ran.lines[-1].startswith("taken over: term 2 is opened at position 2602")
    bare.record()


def test_a_home_whose_postgresql_is_gone_comes_back_from_kafka(site: Site, tmp_path: Path) -> None:
    """Each command starts PostgreSQL anew, so that each is another instance of a new server."""
    named = {**site.home.more, "LEDGER_ID": f"{site.ledger.name}-own"}
    own = replace(site, home=Home(tmp_path / "own", None, named))
    own.record()
    shutil.rmtree(own.files.postgres)
    refused = own.run("record", "-", said=registration())
    assert refused.code == 1
    assert "run `credit-ledger recover`" in refused.err
    assert own.run("recover").code == 0
    assert own.run("recover", "--take-over").code == 0
    own.record()
    assert own.run("verify", "--no-progress").code == 0
    with administer(site.ledger.address) as admin:
        admin.delete_topics(list(topics_of(admin, f"{site.ledger.name}-own")))


def test_a_home_remembers_the_kafka_that_it_was_recovered_from(bare: Site) -> None:
    assert bare.run("recover").code == 0
    log = bare.files.remembered()
    assert log is not None
    assert (log.kafka, log.single_broker) == (bare.ledger.address, True)


@pytest.mark.parametrize(
    ("point", "nth"),
    [
        ("recover_before_begin", 1),
        ("recover_between_batches", 1),
        ("recover_between_batches", 2),
        ("recover_before_end", 1),
    ],
)
def test_a_recovery_that_is_killed_is_run_again(
    site: Site, bare: Site, point: str, nth: int
) -> None:
    bare.killed_at(point, nth, "recover")
    said = bare.run("recover", "--json").json("recover")["recovered"]
    assert bare.ledger.all_rows() == site.ledger.all_rows()
    assert said["root"] == site.ledger.proof().root.hex()
    assert (said["resumed_at"] > 0) == (point != "recover_before_begin")


def test_a_take_over_that_is_killed_is_run_again(bare: Site) -> None:
    bare.killed_at("take_over_before_term", 1, "recover", "--take-over")
    assert bare.ledger.state()[0] == "fenced"
    ran = bare.run("recover", "--take-over", "--json")
    assert ran.code == 0, ran.err
    assert ran.json("recover")["taken_over"] == {"done": True, "head": 2_602, "term": 2}


def test_the_key_of_the_log_itself_is_loudly_told(bare: Site) -> None:
    bare.files.keys.unlink()
    bare.files.signing_key.unlink()
    refused = bare.run("recover")
    assert (refused.code, refused.out) == (1, "")
    assert "--trust-log" in refused.err
    ran = bare.run("recover", "--trust-log", "--json")
    assert ran.code == 0, ran.err
    (key,) = bare.ledger.keys
    assert ran.json("recover")["recovered"]["key_from_log"] is True
    assert f"! NOT VERIFIED BY ANYBODY ELSE: the public key {key.key.hex()}" in ran.err
    # Without the private key it stays as it is.
    taken = bare.run("recover", "--take-over")
    assert taken.code == 1
    assert "KeyMissing" in taken.err
    assert bare.ledger.state()[0] == "fenced"


def test_a_home_that_has_only_the_private_key_knows_the_public_one(bare: Site) -> None:
    bare.files.keys.unlink()
    said = bare.run("recover", "--json").json("recover")["recovered"]
    assert said["key_from_log"] is False


def test_keys_are_those_of_the_file_that_is_named(bare: Site, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    write_keys(other, bare.ledger.name, [replace(bare.ledger.keys[0], key=bytes(32))])
    home = replace(bare.home, more={**bare.home.more, "LEDGER_KEYS": str(other)})
    ran = home.program("recover")
    assert (ran.code, ran.out) == (1, "")
    assert "LEDGER_KEYS" in ran.err


def test_a_database_that_holds_a_ledger_is_not_recovered(site: Site) -> None:
    ran = site.run("recover", "--json")
    assert (ran.code, ran.out) == (1, "")
    assert "recover into an empty database" in ran.err


def test_a_ledger_that_is_not_fenced_is_not_taken_over_and_that_is_no_failure(site: Site) -> None:
    ran = site.run("recover", "--take-over", "--json")
    assert ran.code == 0
    said = ran.json("recover")
    assert (said["recovered"], said["state"]) == (None, "open")
    assert said["taken_over"] == {"done": False, "head": 2_601, "term": 1}
    spoken = site.run("recover", "--take-over")
    assert spoken.lines == ["the ledger is open, not fenced: there is nothing to take over"]


@pytest.mark.parametrize("arguments", [("recover",), ("republish", "--yes")])
def test_on_the_table_log_there_is_no_kafka_to_come_back_from(
    tmp_path: Path, empty_database_url: str, arguments: tuple[str, ...]
) -> None:
    ran = Home(tmp_path / "home", empty_database_url).program(*arguments)
    assert (ran.code, ran.out) == (1, "")
    assert "LEDGER_KAFKA" in ran.err


# republish ----------------------------------------------------------------------------------------


def test_a_lost_topic_is_made_anew_and_the_ledger_is_written_again(site: Site) -> None:
    proof, before = site.ledger.proof(), site.ledger.signed()
    delete_topic(site)
    ran = site.run("republish", "--yes", "--json")
    assert ran.code == 0, ran.err
    said = ran.json("republish")
    assert (said["how"], said["sent"], said["state"]) == ("sent-again", 2_601, "open")
    assert (said["head"], said["root"]) == (2_601, proof.root.hex())
    assert said["topic"] == said["former"] == f"{site.ledger.name}.log"
    assert said["why"] == [f"there is no topic {site.ledger.name}.log"]
    assert raw_records(site.ledger.address, said["topic"]) == before
    site.record()
    assert site.run("verify", "--no-progress").code == 0


@pytest.mark.parametrize(
    ("point", "nth"),
    [
        ("republish_before_topic", 1),
        ("republish_between_batches", 1),
        ("republish_between_batches", 3),
        ("republish_before_pin", 1),
        ("republish_after_pin", 1),
    ],
)
def test_a_republication_that_is_killed_is_run_again(site: Site, point: str, nth: int) -> None:
    proof = site.ledger.proof()
    delete_topic(site)
    site.killed_at(point, nth, "republish", "--yes")
    ran = site.run("republish", "--yes", "--json")
    assert ran.code == 0, ran.err
    said = ran.json("republish")
    is_pinned = point == "republish_after_pin"
    assert said["how"] == ("not-lost" if is_pinned else "sent-again")
    assert said["state"] == "open"
    with administer(site.ledger.address) as admin:
        assert topics_of(admin, site.ledger.name) == (f"{site.ledger.name}.log",)
    assert site.ledger.proof_of_topic(site.ledger.pinned()) == proof
    assert raw_records(site.ledger.address, site.ledger.pinned()) == site.ledger.signed()


def test_a_topic_that_is_not_lost_is_left_as_it_is(site: Site) -> None:
    ran = site.run("republish", "--yes", "--json")
    said = ran.json("republish")
    assert (ran.code, said["how"], said["sent"], said["root"]) == (0, "not-lost", 0, None)
    spoken = site.run("republish", "--yes")
    assert spoken.lines == [
        f"topic {site.ledger.name}.log is as it was pinned, to its end: nothing was done",
        "the ledger is open",
    ]


def test_it_asks_before_it_begins(site: Site) -> None:
    ran = site.run("republish", "--json")
    assert (ran.code, ran.out) == (Exit.USAGE, "")
    assert "--yes" in ran.err


def test_records_that_do_not_prove_end_with_4(site: Site) -> None:
    with connect(site.ledger.url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE ledger_record SET bytes = set_byte(bytes, 40, 0) WHERE position = 7"
        )
    delete_topic(site)
    ran = site.run("republish", "--yes", "--json")
    assert (ran.code, ran.out) == (Exit.NOT_VERIFIED, "")
    assert "record 7 is missing or was changed" in ran.err


def test_a_lost_topic_of_a_bare_database_is_not_made_anew(bare: Site) -> None:
    assert bare.ledger.url is not None
    migrate(bare.ledger.url)
    ran = bare.run("republish", "--yes")
    assert (ran.code, ran.out) == (1, "")
    assert "holds no ledger" in ran.err
