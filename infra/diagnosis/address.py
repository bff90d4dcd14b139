"""Where the stores of a home are, as far as that is known without starting one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ..local import Home, RememberedLog, Run
from ..settings import LOCAL_KAFKA, Settings
from .finding import PAGE, Finding, Severity

__all__ = ["Addresses", "addresses"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where PostgreSQL and Kafka are to be asked, null where that cannot be known now.

    `run` is the service that runs. `is_on_kafka` says that the log is on Kafka, wherever that is.
    """

    home: Home
    run: Run | None
    database_url: str | None
    kafka: str | None
    is_on_kafka: bool
    single_broker: bool
    findings: Sequence[Finding]


def addresses(settings: Settings, home: Home) -> Addresses:
    """What settings, the running service and the home say, in this order."""
    findings: list[Finding] = []
    run = _running(home, findings)
    remembered = _remembered(home, findings)
    if settings.kafka is not None:
        remembered = RememberedLog(kafka=settings.kafka, single_broker=settings.single_broker)
    if run is not None:
        kafka, single = run.kafka, run.single_broker
    else:
        kafka = None if remembered is None else remembered.kafka
        single = remembered is not None and remembered.single_broker
    is_own = kafka == LOCAL_KAFKA
    database_url = settings.database_url or (None if run is None else run.database_url)
    if database_url is None and run is None:
        findings.append(_not_running(home, "postgresql", "the embedded PostgreSQL"))
    if is_own:
        findings.append(_not_running(home, "kafka", "the broker of this home"))
    return Addresses(
        home=home,
        run=run,
        database_url=database_url,
        kafka=None if is_own else kafka,
        is_on_kafka=kafka is not None,
        single_broker=single or is_own,
        findings=findings,
    )


def _not_running(home: Home, check: str, what: str) -> Finding:
    return Finding(
        check=check,
        severity=Severity.NOTE,
        what=f"{what} does not run, so nothing could be asked",
        why=f"it runs with the service, and with every command that needs it, over {home.path}",
        run="credit-ledger up",
        see=f"{PAGE}README.md",
    )


def _running(home: Home, findings: list[Finding]) -> Run | None:
    """The service that runs here."""
    try:
        run = home.running()
    except (json.JSONDecodeError, TypeError, UnicodeDecodeError):
        findings.append(_unreadable(home.run_file, "a service that starts anew writes it anew"))
        return None
    if run is not None:
        return run
    if home.is_held():
        findings.append(
            Finding(
                check="service",
                severity=Severity.NOTE,
                what="another command works in this home, or a service is about to start",
                why="the embedded stores are its own until it ends; look again in a moment",
                run="credit-ledger doctor",
            )
        )
    elif home.run_file.exists():
        findings.append(
            Finding(
                check="service",
                severity=Severity.WARNING,
                what=f"no service runs here, and {home.run_file} says that one does",
                why="it was killed; the next start recovers what it had begun",
                run="credit-ledger up",
                see=f"{PAGE}README.md",
            )
        )
    else:
        findings.append(
            Finding(
                check="service",
                severity=Severity.NOTE,
                what="no service runs in this home",
                why="commands of the command line work without it; the API needs it",
                run="credit-ledger up",
                see=f"{PAGE}README.md",
            )
        )
    return None


def _remembered(home: Home, findings: list[Finding]) -> RememberedLog | None:
    try:
        return home.remembered()
    except (json.JSONDecodeError, TypeError, UnicodeDecodeError):
        findings.append(_unreadable(home.log_file, "name the Kafka of the log by LEDGER_KAFKA"))
        return None


def _unreadable(file: object, remedy: str) -> Finding:
    return Finding(
        check="home",
        severity=Severity.ERROR,
        what=f"{file} cannot be read",
        why=f"every command in this home looks there first: {remedy}",
        run=f"mv {file} {file}.broken",
    )
