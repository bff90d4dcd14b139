"""Ledgers for applications of the eventsourcing library: in memory, as a table, on Kafka.

Each is a class to mix into a case of the library's own, and gives it factories and recorders.
"""

from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from unittest import TestCase
from uuid import uuid4

import pytest
from eventsourcing.persistence import ApplicationRecorder, InfrastructureFactory
from eventsourcing.utils import Environment

from infra.local import Kafka
from infra.sourcing import LedgerFactory

__all__ = [
    "InMemory",
    "OnKafka",
    "OnTable",
    "WithTextIds",
    "environment_in_memory",
    "environment_on_kafka",
    "environment_on_table",
]

MODULE = {"PERSISTENCE_MODULE": "infra.sourcing"}


def environment_in_memory() -> dict[str, str]:
    return {**MODULE, "LEDGER_ID": "cases"}


def environment_on_table(database_url: str, home: Path) -> dict[str, str]:
    return {
        **MODULE,
        "LEDGER_ID": "cases",
        "LEDGER_DATABASE_URL": database_url,
        "LEDGER_HOME": str(home),
    }


def environment_on_kafka(database_url: str, home: Path, kafka: Kafka) -> dict[str, str]:
    return {
        **environment_on_table(database_url, home),
        "LEDGER_ID": f"cases-{token_hex(4)}",
        "LEDGER_KAFKA": kafka.address,
        "LEDGER_SINGLE_BROKER": "yes",
    }


class InMemory:
    """A ledger in memory."""

    environment: Mapping[str, str] = environment_in_memory()

    def create_factory(self) -> LedgerFactory:
        """A factory that is closed when the test ends."""
        factory = InfrastructureFactory.construct(Environment("Cases", dict(self.environment)))
        assert isinstance(factory, LedgerFactory)
        assert isinstance(self, TestCase)
        self.addCleanup(factory.close)
        return factory

    def create_recorder(self) -> ApplicationRecorder:
        """A recorder on a ledger of its own."""
        return self.create_factory().application_recorder()


class OnTable(InMemory):
    """A ledger on PostgreSQL, its log a table there."""

    @pytest.fixture(autouse=True)
    def _on_table(self, database_url: str, tmp_path: Path) -> None:
        self.environment = environment_on_table(database_url, tmp_path / "home")


class OnKafka(InMemory):
    """A ledger on PostgreSQL, its log on Kafka; the relay runs beside it."""

    @pytest.fixture(autouse=True)
    def _on_kafka(self, database_url: str, tmp_path: Path, kafka: Kafka) -> None:
        self.environment = environment_on_kafka(database_url, tmp_path / "home", kafka)


class WithTextIds:
    """Originators whose ids are text."""

    def new_originator_id(self) -> str:
        return f"case/{uuid4()}"
