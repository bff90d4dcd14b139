"""A topic on three brokers: whoever is asked knows a new one, and a lost one is made anew there."""

from dataclasses import replace

import pytest

from infra.local import Cluster
from infra.republication import NotRepublishable, republish
from infra.topic import administer, create_topic, describe_topic, find_topic_id
from ledger.gate import Serve
from tests.infra.kafka_ledger import KafkaLedger, raw_records

pytestmark = [pytest.mark.pg, pytest.mark.kafka]


def test_every_broker_knows_a_topic_as_soon_as_it_is_made(three_brokers: Cluster) -> None:
    for number in range(10):
        with administer(three_brokers.address) as admin:
            made = create_topic(admin, f"known-{number}.log", single_broker=False)
        # Each connection goes to any of the three.
        for _ in range(6):
            with administer(three_brokers.address) as admin:
                assert find_topic_id(admin, f"known-{number}.log") == made


def test_a_lost_topic_is_made_anew_with_its_three_copies(
    database_url: str, three_brokers: Cluster
) -> None:
    ledger = KafkaLedger.begun(database_url, three_brokers.address, "test-brokers")
    ledger.record(20)
    ledger.relay()
    with administer(ledger.address) as admin:
        admin.delete_topics([ledger.pinned()])
    # These brokers let topics be deleted, which no broker of a ledger may when it is written.
    strict = replace(ledger.site, single_broker=False)
    with pytest.raises(NotRepublishable, match=r"is made, and may not be .*delete\.topic\.enable"):
        republish(strict)
    done = republish(ledger.site)
    with administer(ledger.address) as admin:
        found = describe_topic(admin, done.topic.name)
    assert (found.topic_id, found.copies) == (done.topic.topic_id, 3)
    assert raw_records(ledger.address, ledger.pinned()) == ledger.signed()
    assert ledger.gate() == Serve()
