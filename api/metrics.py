"""What operators watch, in the words of Prometheus; one registry for each application.

What is counted over the ledger's life comes from the database, and is the same in every process;
what a process did itself begins at 0 with it. A label is a word of a closed list that the program
knows: never a name, an identifier, a subject, or anything else that was sent.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from ledger.events import STORED_NAMES
from ledger.record import EVENTSOURCING_STORED

from .parts import Parts
from .problems import PROBLEM_TYPES

if TYPE_CHECKING:
    from .wiring import Figures, Stored

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""The text format that every Prometheus reads."""

_PREFIX: Final = "credit_ledger_"
_OTHER: Final = "other"
_AWAY: Final = "postgresql-away"
_TYPES: Final = frozenset({*STORED_NAMES, EVENTSOURCING_STORED})
_STATES: Final = ("open", "healing", "fenced", "stopped", "none")
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)
_LOG_REFUSALS: Final = frozenset(
    {"another-record", "behind", "invalid-signature", "term", "unknown-prev", "unreadable"}
)


class Metrics:
    """The metrics of one application."""

    def __init__(self, parts: Parts) -> None:
        """Watch through these parts; nothing is asked before a scrape."""
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        registry.register(_OfTheLedger(parts))
        self._registry = registry
        self._requests = Histogram(
            f"{_PREFIX}request_seconds",
            "Seconds until an answer was sent; of a command until it is entered.",
            ("kind", "status"),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._refused = Counter(
            f"{_PREFIX}commands_refused",
            "Commands that this process refused, dry runs too, by the code of the problem.",
            ("reason",),
            registry=registry,
        )

    def answered(self, kind: str, status: int, seconds: float) -> None:
        """A request was answered; `kind` is command, read or page."""
        self._requests.labels(kind, f"{status // 100}xx").observe(seconds)

    def refused(self, code: str) -> None:
        """A command got no good answer; `code` is that of the problem."""
        self._refused.labels(code if code in PROBLEM_TYPES else _OTHER).inc()

    def text(self) -> bytes:
        """All of it, in the text format; asks no store."""
        return generate_latest(self._registry)


class _OfTheLedger:
    """The figures of the ledger, as they are known when they are collected."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def describe(self) -> Iterator[Metric]:
        """Nothing: a registry that knows no names asks for no figures before the first scrape."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Every figure that is known."""
        figures = self._parts.observer.figures()
        yield from _of_stores(figures)
        yield from _of_the_log(figures)
        yield from _of_serving(figures)
        if figures.stored is not None:
            yield from _of_writing(figures.stored)
            yield from _of_lags(figures)
            yield from _of_views(figures.stored, figures.now)
            yield from _of_counts(figures.stored)


def _of_stores(figures: "Figures") -> Iterator[Metric]:
    is_up = _labelled(
        GaugeMetricFamily,
        "store_up",
        "1 where the store answered the look for this scrape within a second, else 0.",
        "store",
        {name: store.is_up for name, store in figures.stores.items()},
    )
    answered = {
        name: store.answered_at.timestamp()
        for name, store in figures.stores.items()
        if store.answered_at is not None
    }
    yield is_up
    yield _labelled(
        GaugeMetricFamily,
        "store_answered_timestamp_seconds",
        "When the store last answered; what is told here of it is as old.",
        "store",
        answered,
    )


def _of_the_log(figures: "Figures") -> Iterator[Metric]:
    yield _gauge(
        "entered_position",
        "The last position that this process knows to be entered.",
        figures.entered,
    )
    yield _counter(
        "events_entered",
        "Records that were entered since the ledger began; positions have no gap.",
        figures.entered,
    )
    refused: dict[str, float] = {}
    for reason, times in figures.log_refused.items():
        word = reason if reason in _LOG_REFUSALS else _OTHER
        refused[word] = refused.get(word, 0) + times
    yield _labelled(
        CounterMetricFamily,
        "log_records_refused",
        "Records of the log that this process did not accept since it opened the log, by reason.",
        "reason",
        refused,
    )
    if figures.log_end is not None:
        yield _gauge(
            "log_end_offset", "The offset behind the last record of the topic.", figures.log_end
        )


def _of_writing(stored: "Stored") -> Iterator[Metric]:
    yield _gauge("sequenced_position", "The position of the head in PostgreSQL.", stored.position)
    yield _gauge("term", "The term of the head in PostgreSQL.", stored.term)
    state = stored.state or "none"
    yield _labelled(
        GaugeMetricFamily,
        "state",
        "1 for the state of the ledger, 0 for the others; none where there is no ledger.",
        "state",
        {one: one == state for one in _STATES},
    )


def _of_serving(figures: "Figures") -> Iterator[Metric]:
    """Whether this process takes commands; without PostgreSQL it does not, whatever was before."""
    stored = figures.stored if figures.stores["postgresql"].is_up else None
    why_not = _AWAY if stored is None else stored.why_not
    yield _gauge("serving", "1 where this process takes commands, else 0.", why_not is None)
    if why_not is not None:
        yield _labelled(
            GaugeMetricFamily,
            "not_serving",
            "1 for the reason why this process takes no commands; absent while it does.",
            "reason",
            {why_not: 1},
        )


def _of_lags(figures: "Figures") -> Iterator[Metric]:
    yield _gauge(
        "relay_lag_events", "Records that are sequenced and not entered.", figures.relay_lag
    )
    yield _gauge(
        "relay_lag_seconds",
        "For how long the first of them has been sequenced; 0 if there is none.",
        figures.relay_lag_s,
    )
    yield _gauge(
        "projector_lag_events",
        "Records that are entered and not shown by the generation that is read.",
        figures.projector_lag,
    )
    yield _gauge(
        "projector_lag_seconds",
        "How long ago the first of them was recorded; 0 if there is none.",
        figures.projector_lag_s,
    )


def _of_views(stored: "Stored", now: datetime) -> Iterator[Metric]:
    yield _gauge("shown_position", "The last position that the views show.", stored.shown)
    yield _gauge(
        "generation", "The generation of the views that is read; 0 if none.", stored.generation or 0
    )
    yield _gauge(
        "former_generation",
        "The generation that is kept to switch back to; 0 if none.",
        stored.former or 0,
    )
    yield _gauge(
        "projector_halted_position",
        "The record before which the projector has stopped; 0 if it has not.",
        stored.halted or 0,
    )
    running, last = stored.running_rebuild, stored.last_rebuild
    yield _gauge(
        "rebuild_running",
        "1 while any process makes the views anew, or folds them to verify.",
        running is not None,
    )
    rates = {}
    if running is not None:
        yield _gauge(
            "rebuild_position", "Up to where the running rebuild has come.", running.position
        )
        rates["running"] = _rate(running.position, (now - running.begun_at).total_seconds())
    if last is not None:
        yield _gauge(
            "rebuild_ended_timestamp_seconds",
            "When the last rebuild ended.",
            last.ended_at.timestamp(),
        )
        yield _gauge("rebuild_seconds", "How long the last rebuild took.", last.seconds)
        yield _gauge("rebuild_events", "How many records the last rebuild read.", last.events)
        rates["last"] = _rate(last.events, last.seconds)
    yield _labelled(
        GaugeMetricFamily,
        "rebuild_events_per_second",
        "Records a second: of the running rebuild since it began, of the last one in all.",
        "rebuild",
        rates,
    )


def _of_counts(stored: "Stored") -> Iterator[Metric]:
    if stored.appended is not None:
        appended: dict[str, float] = {}
        for stored_name, events in stored.appended.items():
            word = stored_name if stored_name in _TYPES else _OTHER
            appended[word] = appended.get(word, 0) + events
        yield _labelled(
            CounterMetricFamily,
            "events_appended",
            "Records that were ever sequenced, also those set aside later, by stored name of the"
            " event; read from the database. Absent while an old log is counted the first time.",
            "type",
            appended,
        )
    by_source: dict[str, dict[str, float]] = {"import": {}, "record": {}}
    for (source, reason), times in stored.refused.items():
        by_source[source][reason] = times
    yield _labelled(
        CounterMetricFamily,
        "import_rows_refused",
        "Problems for which rows of imported files were refused, by code; read from the database.",
        "reason",
        by_source["import"],
    )
    yield _labelled(
        CounterMetricFamily,
        "file_commands_refused",
        "Commands that `credit-ledger record` refused, by code; read from the database.",
        "reason",
        by_source["record"],
    )


def _rate(events: int, seconds: float) -> float:
    return events / seconds if seconds > 0 else 0.0


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_PREFIX}{name}", says, value=value)


def _counter(name: str, says: str, value: float) -> Metric:
    return CounterMetricFamily(f"{_PREFIX}{name}", says, value=value)


def _labelled(
    family: type[GaugeMetricFamily] | type[CounterMetricFamily],
    name: str,
    says: str,
    label: str,
    values: "dict[str, float]",
) -> Metric:
    """A metric with one label; its values by what the label says."""
    metric = family(f"{_PREFIX}{name}", says, labels=(label,))
    for word, value in values.items():
        metric.add_metric((word,), float(value))
    return metric
