"""Persistence module of the eventsourcing library: an application whose events stand on a ledger.

    PERSISTENCE_MODULE=infra.sourcing

gives an `eventsourcing.Application` a ledger of its own, which is sequenced, chained, signed,
relayed and verified as the service's is. `docs/sourcing.md` shows one, and names the settings.
"""

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Final, Self

import structlog
from eventsourcing import popo, postgres
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.utils import Environment, EnvType, strtobool
from psycopg.conninfo import conninfo_to_dict

from .ids import fresh_event
from .settings import LOCAL_KAFKA, BadSettings, Settings, read, variable
from .sourced_ledgers import SourcedLedger
from .sourced_opening import memory_ledger, postgres_ledger
from .sourced_recorder import LedgerRecorder

__all__ = ["LedgerFactory"]

_ENTERED_S: Final = "30"
_LOG = structlog.get_logger(__name__)


class LedgerFactory(InfrastructureFactory[TrackingRecorder]):
    """Application recorders on the ledger that the environment names; all else is the library's.

    Snapshots, tracking and process recorders are no part of the log: they are the library's own, in
    memory or in tables of the ledger's database.
    """

    LEDGER_RELAYS = "LEDGER_RELAYS"
    LEDGER_ENTERED_TIMEOUT = "LEDGER_ENTERED_TIMEOUT"

    def __init__(self, env: Environment | EnvType | None) -> None:
        """Nothing is opened before the first application recorder is asked for.

        Raises:
            OSError: the environment names what cannot be used; the message says which and why.
        """
        super().__init__(env)
        _log_as_libraries_do()
        self._settings = _settings_of(self.env)
        try:
            self._relays = strtobool(self.env.get(self.LEDGER_RELAYS) or "yes")
            self._entered_s = float(self.env.get(self.LEDGER_ENTERED_TIMEOUT) or _ENTERED_S)
        except ValueError as error:
            names = f"{self.LEDGER_RELAYS} (yes or no), {self.LEDGER_ENTERED_TIMEOUT} (seconds)"
            raise OSError(f"{names}: {error}") from error
        self._library = _library_factory(self.env, self._settings)
        self._held = ExitStack()
        self._ledger: SourcedLedger | None = None

    def application_recorder(self) -> ApplicationRecorder:
        """A recorder on the ledger, which is opened once for all of this factory's."""
        if self._ledger is None:
            self._ledger = self._opened()
        return LedgerRecorder(self._ledger, fresh_event)

    def _opened(self) -> SourcedLedger:
        if self._settings.database_url is None:
            _LOG.warning(
                "the ledger is in memory, and ends with this process", ledger=self.env.name
            )
            return memory_ledger(self._settings.id)
        return self._held.enter_context(
            postgres_ledger(self._settings, relays=self._relays, entered_s=self._entered_s)
        )

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """The library's own, for snapshots."""
        return self._library.aggregate_recorder(purpose)

    def tracking_recorder(self, tracking_recorder_class: type[Any] | None = None) -> Any:  # noqa: ANN401  # of whatever class was asked for
        """The library's own."""
        return self._library.tracking_recorder(tracking_recorder_class)

    def process_recorder(self) -> ProcessRecorder:
        """The library's own: its events stand in its table, beside its tracking, not on the log."""
        return self._library.process_recorder()

    def __enter__(self) -> Self:
        self._library.__enter__()
        return super().__enter__()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self._library.__exit__(exc_type, exc_val, exc_tb)
        super().__exit__(exc_type, exc_val, exc_tb)

    def close(self) -> None:
        """Close what was opened; may be called again."""
        self._ledger = None
        self._held.close()
        self._library.close()


def _log_as_libraries_do() -> None:
    """Leave what is logged to `logging`, unless the application has said otherwise."""
    if not structlog.is_configured():
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.processors.KeyValueRenderer(key_order=["event"]),
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=structlog.stdlib.LoggerFactory(),
        )


def _settings_of(env: Environment) -> Settings:
    """The settings, each read by the name that it has everywhere, the application's own first."""
    given = {name: env.get(variable(name)) for name in Settings.model_fields}
    try:
        settings = read({name: value for name, value in given.items() if value})
    except BadSettings as error:
        raise OSError(str(error)) from error
    if settings.kafka == LOCAL_KAFKA:
        raise OSError("LEDGER_KAFKA: name the Kafka by host:port; none is started for a library")
    if settings.kafka is not None and settings.database_url is None:
        raise OSError("LEDGER_DATABASE_URL: with LEDGER_KAFKA a PostgreSQL must be named as well")
    return settings


def _library_factory(env: Environment, settings: Settings) -> InfrastructureFactory[Any]:
    """The library's own factory: in memory, or on the ledger's database."""
    if settings.database_url is None:
        return popo.POPOFactory(env)
    named = conninfo_to_dict(settings.database_url)
    where = {
        "POSTGRES_DBNAME": named.get("dbname"),
        "POSTGRES_HOST": named.get("host"),
        "POSTGRES_PORT": named.get("port"),
        "POSTGRES_USER": named.get("user"),
        "POSTGRES_PASSWORD": named.get("password"),
    }
    found = Environment(env.name, {**env, **{name: str(at or "") for name, at in where.items()}})
    factory = postgres.PostgresFactory(found)
    # What else the address says (of TLS, for instance) has no setting there.
    factory.datastore.pool.conninfo = settings.database_url
    factory.env = env
    return factory
