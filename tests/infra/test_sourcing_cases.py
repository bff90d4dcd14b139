"""The eventsourcing library's own cases for recorders, on each of the ledgers.

Its cases are used as they are. Those that time things assert nothing of it, they print it.
"""

from typing import Any

import pytest
from eventsourcing import popo, postgres
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    ProcessRecorder,
    TrackingRecorder,
)

# The module, not its classes: pytest would collect the abstract ones.
from eventsourcing.tests import persistence
from eventsourcing.utils import Environment

from infra.sourced_recorder import LedgerRecorder
from infra.sourcing import LedgerFactory

from .sourcing_on import InMemory, OnKafka, OnTable, WithTextIds


class Subscribing:
    """The library's case for subscriptions, which a recorder must ask for."""

    def test_insert_subscribe(self) -> None:
        assert isinstance(self, persistence.ApplicationRecorderTestCase)
        self.optional_test_insert_subscribe()


# Application recorders ------------------------------------------------------------------------


@pytest.mark.unit
class TestInMemoryByUuid(InMemory, Subscribing, persistence.ApplicationRecorderTestCase):
    pass


@pytest.mark.unit
class TestInMemoryByText(
    WithTextIds, InMemory, Subscribing, persistence.ApplicationRecorderTestCase
):
    pass


@pytest.mark.pg
class TestOnTableByUuid(OnTable, Subscribing, persistence.ApplicationRecorderTestCase):
    pass


@pytest.mark.pg
class TestOnTableByText(WithTextIds, OnTable, Subscribing, persistence.ApplicationRecorderTestCase):
    pass


@pytest.mark.pg
@pytest.mark.kafka
class TestOnKafkaByUuid(OnKafka, Subscribing, persistence.ApplicationRecorderTestCase):
    pass


@pytest.mark.pg
@pytest.mark.kafka
class TestOnKafkaByText(WithTextIds, OnKafka, Subscribing, persistence.ApplicationRecorderTestCase):
    pass


# Notification ids of saves that race ------------------------------------------------------------


@pytest.mark.unit
class TestNotInterleavingInMemory(InMemory, persistence.NonInterleavingNotificationIDsBaseCase):
    pass


@pytest.mark.pg
class TestNotInterleavingOnTable(OnTable, persistence.NonInterleavingNotificationIDsBaseCase):
    pass


@pytest.mark.pg
@pytest.mark.kafka
class TestNotInterleavingOnKafka(OnKafka, persistence.NonInterleavingNotificationIDsBaseCase):
    pass


# What is the library's own ------------------------------------------------------------------------


class OfSnapshots(InMemory):
    """The recorder of snapshots in the place of that of events."""

    def create_recorder(self) -> Any:
        return self.create_factory().aggregate_recorder(purpose="snapshots")


@pytest.mark.unit
class TestSnapshotsInMemory(OfSnapshots, persistence.AggregateRecorderTestCase):
    pass


@pytest.mark.pg
class TestSnapshotsOnTable(OfSnapshots, OnTable, persistence.AggregateRecorderTestCase):
    pass


class OfTracking(InMemory):
    """The recorder of places in the place of that of events."""

    def create_recorder(self) -> Any:
        return self.create_factory().tracking_recorder()


@pytest.mark.unit
class TestTrackingInMemory(OfTracking, persistence.TrackingRecorderTestCase):
    pass


@pytest.mark.pg
class TestTrackingOnTable(OfTracking, OnTable, persistence.TrackingRecorderTestCase):
    pass


class OfProcess(InMemory):
    """The recorder of events with places in the place of that of events."""

    def create_recorder(self) -> Any:
        return self.create_factory().process_recorder()


@pytest.mark.unit
class TestProcessInMemory(OfProcess, persistence.ProcessRecorderTestCase):
    pass


@pytest.mark.pg
class TestProcessOnTable(OfProcess, OnTable, persistence.ProcessRecorderTestCase):
    pass


# The factory ------------------------------------------------------------------------------------


class TrackingInMemory(popo.POPOTrackingRecorder):
    pass


class TrackingOnTable(postgres.PostgresTrackingRecorder):
    pass


class Expected(InMemory):
    """What a factory makes, in memory."""

    def setUp(self) -> None:
        self.env = Environment("Cases", dict(self.environment))
        super().setUp()  # type: ignore[misc]  # of the case that this is mixed into

    def expected_factory_class(self) -> type[LedgerFactory]:
        return LedgerFactory

    def expected_application_recorder_class(self) -> type[ApplicationRecorder]:
        return LedgerRecorder

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return popo.POPOAggregateRecorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        return popo.POPOTrackingRecorder

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        return TrackingInMemory

    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        return popo.POPOProcessRecorder


class ExpectedOnTable(Expected):
    """What a factory makes, on PostgreSQL."""

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return postgres.PostgresAggregateRecorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        return postgres.PostgresTrackingRecorder

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        return TrackingOnTable

    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        return postgres.PostgresProcessRecorder


@pytest.mark.unit
class TestFactoryInMemory(Expected, persistence.InfrastructureFactoryTestCase[LedgerFactory]):
    pass


@pytest.mark.pg
class TestFactoryOnTable(
    ExpectedOnTable, OnTable, persistence.InfrastructureFactoryTestCase[LedgerFactory]
):
    pass
