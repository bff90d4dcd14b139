"""The clients by which everybody here talks to Kafka, with the options that the log's rules demand.

The library's defaults are not for a ledger: it would begin at the end of a log that lost records,
make a deleted topic anew, and commit offsets behind our back.
"""

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, errors
from kafka.net.compat import KafkaNetClient

from . import clock

__all__ = [
    "PATIENCE_S",
    "UNREACHABLE",
    "KafkaUnreachable",
    "administrator",
    "patiently",
    "reader",
    "throw_away",
]

T = TypeVar("T")

PATIENCE_S: Final = 10.0
"""How long a client waits for an answer, unless told."""

UNREACHABLE: Final = (
    errors.KafkaConnectionError,
    errors.KafkaStorageError,
    errors.KafkaTimeoutError,
    errors.LeaderNotAvailableError,
    errors.NetworkExceptionError,
    errors.NodeNotReadyError,
    errors.NotLeaderForPartitionError,
    errors.OffsetNotAvailableError,
    errors.ReplicaNotAvailableError,
    errors.RequestTimedOutError,
    errors.UnknownBrokerIdError,  # of the leader, by a broker that came up before it
)
"""What the library raises where no broker answers, or the one that must is not there yet."""

_FETCH_WAIT_MS: Final = 100
"""How long a broker may hold an idle fetch, and so how long a jump to another offset may wait."""
_RECONNECT_MS: Final = 1_000
_BACKOFF_MS: Final = 10
"""How long a reader sleeps, whatever comes, while it does not know yet where it stands."""
_PAUSE_S: Final = 0.05
_CLOSE_MS: Final = 1_000


class KafkaUnreachable(RuntimeError):
    """No broker answers in time; nothing is known of the log meanwhile."""


def administrator(address: str, *, patience_s: float = PATIENCE_S) -> KafkaAdminClient:
    """A client that asks for and orders what concerns topics; whoever takes it closes it.

    Args:
        address: where brokers are found at first: `host:port`, several with commas.
        patience_s: how long to wait for an answer, now and later.

    Raises:
        KafkaUnreachable: no broker answers.
    """
    return _connected(KafkaAdminClient, address, patience_s)


def reader(address: str, *, patience_s: float = PATIENCE_S) -> KafkaConsumer:
    """A client that reads partitions which it is told, from offsets which it is told.

    Arguments and errors as of `administrator`.
    """
    return _connected(
        KafkaConsumer,
        address,
        patience_s,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        # A stranger's hanging transaction would stop a `read_committed` reader for ever.
        isolation_level="read_uncommitted",
        check_crcs=True,
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        retry_backoff_ms=_BACKOFF_MS,
        metrics_enabled=False,
    )


def throw_away(consumer: KafkaConsumer) -> None:
    """Close a reader, whether its brokers answer or not."""
    try:
        consumer.close(autocommit=False, timeout_ms=_CLOSE_MS)
    except errors.KafkaError:
        consumer._client.close()  # noqa: SLF001  # it gives up before it has closed its connections


def patiently(ask: Callable[[], T], patience_s: float) -> T:
    """What an administrator answers, also if it is between two attempts to connect.

    It refuses to ask then, instead of waiting as it does in every other case.
    """
    deadline = clock.elapsed() + patience_s
    while True:
        try:
            return ask()
        except errors.NodeNotReadyError:
            if clock.elapsed() > deadline:
                raise
            time.sleep(_PAUSE_S)


def _connected(
    client: Callable[..., Any], address: str, patience_s: float, **options: object
) -> Any:  # noqa: ANN401 # the library has no types
    connections: list[KafkaNetClient] = []

    def connect(**settings: object) -> KafkaNetClient:
        connection = KafkaNetClient(**settings)
        # Where a broker allows it, asking after a topic makes it, and the library (3.0.12) forgets
        # on the way here that a client was told not to.
        connection.cluster.config["allow_auto_create_topics"] = False
        connections.append(connection)
        return connection

    patience_ms = int(patience_s * 1000)
    try:
        return client(
            bootstrap_servers=address,
            bootstrap_timeout_ms=patience_ms,
            request_timeout_ms=patience_ms,
            reconnect_backoff_max_ms=_RECONNECT_MS,
            kafka_client=connect,
            **options,
        )
    except UNREACHABLE as error:
        for each in connections:
            each.close()  # else its thread would live on
        raise KafkaUnreachable(f"no Kafka answers at {address}: {error!r}") from error
