"""What is wrong with a ledger, and what to do: looked at from outside, nothing started or changed.

It works with nothing running, beside a running service, and with either store away.
"""

from collections.abc import Iterator

from ..local import Home
from ..settings import Settings
from .address import Addresses, addresses
from .finding import Finding, Severity, bad_settings
from .here import of_disk, of_home, of_port
from .kafka import of_kafka
from .postgres import of_postgres
from .service import of_service

__all__ = ["Finding", "Severity", "bad_settings", "diagnose"]


def diagnose(settings: Settings) -> Iterator[Finding]:
    """Everything that was looked at, well or not, in the order in which things stand on each other.

    Takes seconds, up to some ten where a store does not answer.
    """
    yield Finding(check="settings", what="every variable can be used")
    home = Home(settings.home.expanduser().absolute())
    here = of_home(home)
    yield here
    yield of_disk(home)
    if here.severity is Severity.ERROR:
        return  # where the stores are, only the home could tell
    if not home.is_held():
        yield of_port(settings)
    found = addresses(settings, home)
    yield from found.findings
    yield from _of_what_runs(settings, found)


def _of_what_runs(settings: Settings, found: Addresses) -> Iterator[Finding]:
    if found.run is not None:
        yield from of_service(found.run)
    known, findings = of_postgres(settings, found)
    yield from findings
    yield from of_kafka(settings, found, known)
