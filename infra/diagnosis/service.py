"""The service that runs in the home, asked over its own API."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..local import Run
from .finding import PAGE, Finding, Severity

__all__ = ["of_service"]

Health = Mapping[str, Any]
"""What the service says at `/health`."""

_PATIENCE_S: Final = 5.0


def of_service(run: Run) -> Iterator[Finding]:
    """What it says of itself, if it answers."""
    health = _health(run)
    return _silent(run) if health is None else _said(run, health)


def _health(run: Run) -> Health | None:
    try:
        # The address is the one that the service wrote into its own home.
        with urllib.request.urlopen(f"{run.url}/health", timeout=_PATIENCE_S) as answer:  # noqa: S310
            said: Health = json.load(answer)
    except (OSError, ValueError):
        return None
    return said


def _silent(run: Run) -> Iterator[Finding]:
    yield Finding(
        check="service",
        severity=Severity.ERROR,
        what=f"process {run.pid} holds this home, and {run.url} does not answer",
        why="nobody can read or write over the API; it may be starting: where it does not answer in"
        f" a minute, end it (kill -TERM {run.pid}) and start it again",
        run=f"curl -sv --max-time 5 {run.url}/livez",
        see=f"{PAGE}README.md",
    )


def _said(run: Run, health: Health) -> Iterator[Finding]:
    if health.get("status") == "ready":
        yield Finding(check="service", what=f"process {run.pid} serves at {run.url}")
    else:
        yield Finding(
            check="service",
            severity=Severity.ERROR,
            what=f"the service at {run.url} takes no commands: {health.get('reason')}",
            why="reads go on; commands are answered 503 with Retry-After",
            run=f"curl -s {run.url}/health",
            see=f"{PAGE}stops.md",
        )
    log = health.get("log") or {}
    if log.get("gate"):
        yield Finding(
            check="gate",
            severity=Severity.ERROR,
            what=f"the gate cannot compare the stores: {log['gate']}",
            why="what goes wrong between PostgreSQL and Kafka is not seen meanwhile",
            run="credit-ledger topic",
            see=f"{PAGE}stops.md",
        )
