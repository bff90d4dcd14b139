"""One thing that was looked at, and what came of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["PAGE", "Finding", "Severity", "bad_settings", "in_words"]

PAGE: Final = "docs/operations/"


class Severity(StrEnum):
    """How much it matters: an error keeps the ledger from its work, or soon will."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found; where it is not ok, why it matters, the command to run, the page to see.

    `check` is a stable word for what was looked at. Words in capitals in a command stand for what
    is not known here.
    """

    check: str
    what: str
    severity: Severity = Severity.OK
    why: str | None = None
    run: str | None = None
    see: str | None = None


def bad_settings(complaints: str) -> Iterator[Finding]:
    """A finding for each line of what is wrong with the settings."""
    for complaint in complaints.splitlines():
        yield Finding(
            check="settings",
            severity=Severity.ERROR,
            what=complaint,
            why="no command runs until it is mended, in the environment or in .env",
            run="credit-ledger doctor",
            see=".env.example",
        )


def in_words(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 120:  # noqa: PLR2004  # two minutes
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.0f} h"  # noqa: PLR2004  # two hours
