"""What became of a file, row by row counted and with everything that was wrong or odd in it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ledger.values import Digest

from .planned import FileKind, FileRefused, Planned, Problem, Rejected

__all__ = ["Report", "Tally", "refused_report"]

PROBLEMS_MAX: Final = 10_000
"""So many problems, and warnings, a report holds; a rejects file holds those of every row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of a file: `rows = accepted + duplicates + rejected`, blank rows are none.

    `events` counts what was recorded for the accepted rows. `rejects_file` is where the rejected
    rows stand, null if there are none. `left_out` counts the problems and warnings beyond the
    limit. `reasons`: code of a row's first problem -> how many rows were rejected for it. In a
    rehearsal (`dry_run`) the counts are what they would be.
    """

    kind: FileKind
    file: Digest
    dry_run: bool
    rows: int
    accepted: int
    duplicates: int
    rejected: int
    events: int
    rejects_file: str | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    left_out: int
    reasons: Mapping[str, int]

    def as_json(self) -> Mapping[str, object]:
        """The report as `import --json` prints it."""
        return {
            "kind": self.kind,
            "file": self.file,
            "dry_run": self.dry_run,
            "rows": self.rows,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "events": self.events,
            "rejects_file": self.rejects_file,
            "problems": [problem.as_json() for problem in self.problems],
            "warnings": [warning.as_json() for warning in self.warnings],
            "left_out": self.left_out,
            "refused": None,
        }


def refused_report(refused: FileRefused, *, dry_run: bool) -> Mapping[str, object]:
    """The report on a file that is no whole table, of which nothing was recorded."""
    return {
        "kind": None,
        "file": None,
        "dry_run": dry_run,
        "rows": 0,
        "accepted": 0,
        "duplicates": 0,
        "rejected": 0,
        "events": 0,
        "rejects_file": None,
        "problems": [],
        "warnings": [],
        "left_out": 0,
        "refused": refused.as_json(),
    }


@dataclass(slots=True)
class Tally:
    """The counts of a report while the work goes on."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    events: int = 0
    left_out: int = 0
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """The rows of which it is known what became of them."""
        return self.accepted + self.duplicates + self.rejected

    def take(self, planned: Planned, events: int) -> None:
        """Count a row that came to so many events; to none if all of it was on record."""
        if events:
            self.accepted += 1
            self.events += events
        else:
            self.duplicates += 1
        self._keep(self.warnings, planned.warnings)

    def reject(self, rejected: Rejected) -> None:
        """Count a row of which nothing is recorded."""
        self.rejected += 1
        self.reasons[rejected.problems[0].code] += 1
        self._keep(self.problems, rejected.problems)

    def _keep(self, kept: list[Problem], more: tuple[Problem, ...]) -> None:
        room = max(0, PROBLEMS_MAX - len(kept))
        kept.extend(more[:room])
        self.left_out += len(more[room:])
