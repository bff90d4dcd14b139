"""What every question on the command line shares: the views, the day, pages, and how it ends.

A question that cannot be answered ends with one line on stderr. Exit code 2 where it was put wrong
(no such day, a malformed code, several regimes apply), 5 where a code could mean several subjects,
1 for all else (nobody is known by that code, there is no such regime or list).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from .output import Exit, fail, say, show, show_json
from .session import ledger, until_shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from projections.answers import At, Page

    from ..wiring import Parts

__all__ = [
    "After",
    "AsOf",
    "Json",
    "KnownAt",
    "Limit",
    "Paged",
    "Subject",
    "asking",
    "at_of",
    "page_of",
    "show_page",
    "span",
]

LIMIT: Final = 100
_LIMIT_MAX: Final = 500
_ENTERED_S: Final = 10.0

Subject = Annotated[str, typer.Argument(help="The subject's id, or any code of it.")]
AsOf = Annotated[
    str | None, typer.Option(metavar="DAY", help="The day it is asked about; today if not said.")
]
KnownAt = Annotated[
    str | None,
    typer.Option(metavar="POSITION|DAY", help="As known then; all that is shown if not said."),
]
Limit = Annotated[int, typer.Option(min=1, max=_LIMIT_MAX, help="Items a page.")]
After = Annotated[str | None, typer.Option(help="`next` of the page before.")]
Json = Annotated[bool, typer.Option("--json", help="As a JSON object.")]

_BAD_QUESTION: Final = frozenset({400, 422})
_CONFLICTS: Final = frozenset({409, 412})


@contextmanager
def asking(known_at: str | None) -> Iterator[Parts]:
    """The ledger, its views as far as the question wants them; a problem ends the process."""
    from ..problems import Problem

    with ledger() as parts:
        _see_to(parts, known_at)
        try:
            yield parts
        except Problem as problem:
            fail(f"{problem.code}: {problem.detail}", _exit_code(problem))


def _see_to(parts: Parts, known_at: str | None) -> None:
    """Where nobody else projects, show all; else wait for the position that is asked for, if any.

    What others are writing meanwhile is not waited for: every answer names its position.
    """
    head = parts.statuses.head()
    end = head.position if head is not None else 0
    try:
        parts.follower.until(end, _ENTERED_S)
    except TimeoutError:
        accepted = parts.follower.entered
        fail(
            f"the log is accepted up to position {accepted}, and not to {end}: "
            "`credit-ledger verify` says what is wrong with it"
        )
    if parts.database.run is None:
        until_shown(parts)
    elif known_at is not None and known_at.isdecimal() and int(known_at) <= end:
        until_shown(parts, int(known_at))


def _exit_code(problem: Any) -> Exit:  # noqa: ANN401  # a Problem, which is imported late
    if problem.type.status in _BAD_QUESTION:
        return Exit.USAGE
    return Exit.CONFLICT if problem.type.status in _CONFLICTS else Exit.FAILED


def at_of(parts: Parts, as_of: str | None, known_at: str | None) -> At:
    """The day and the position of a question.

    Raises:
        Problem: as `questions.as_of` and `questions.known_at`.
    """
    from projections.answers import At

    from .. import questions

    today = parts.today()
    return At(
        as_of=questions.as_of(as_of, today),
        known_at=questions.known_at(
            parts.views, known_at, head=parts.follower.entered, today=today
        ),
    )


# Pages --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Paged:
    """One page of a list: where it begins, and the question that all its pages answer."""

    parts: Parts
    at: At
    limit: int
    after: tuple[str | int, ...] = ()
    question: Mapping[str, object] = field(default_factory=dict)

    def next(self, last: tuple[str | int, ...] | None) -> str | None:
        """What `--after` takes for the page behind the item with these keys; null without one."""
        from ..paging import Cursors, Mark

        if last is None:
            return None
        mark = Mark(as_of=self.at.as_of.isoformat(), known_at=self.at.known_at, after=last)
        return Cursors(self.parts.cursor_key).write(self.question, mark)

    def document(self, found: Page, **members: object) -> dict[str, Any]:
        """The page as the API has it."""
        from ..documents import forecast, plain_value
        from ..reading import keys_of

        last = keys_of(found.rows[-1]) if found.has_more and found.rows else None
        return {
            **plain_value(self.at),
            **forecast(self.at.as_of, self.parts.today()),
            **members,
            "items": plain_value(found.rows),
            "next": self.next(last),
        }


def page_of(  # the question, and where its page begins
    parts: Parts, at: At, limit: int, after: str | None, question: Mapping[str, object]
) -> Paged:
    """The page that is asked for; all pages of a list answer the question of the first one.

    Raises:
        Problem: `bad-cursor`.
    """
    from projections.answers import At

    from ..paging import Cursors

    if after is None:
        return Paged(parts, at, limit, (), question)
    mark = Cursors(parts.cursor_key).read(question, after)
    first = At(as_of=date.fromisoformat(mark.as_of), known_at=mark.known_at)
    return Paged(parts, first, limit, mark.after, question)


def show_page(document: Mapping[str, Any], lines: Iterable[str], *, json_output: bool) -> None:
    """Show a page: as it is, or its lines, with a word on stderr where more follow."""
    if json_output:
        show_json(document)
        return
    for line in lines:
        show(line)
    if document["next"] is not None:
        say(f"more follow: --after {document['next']}")


def span(held: Mapping[str, Any]) -> str:
    """The first and the last day of what holds, as people write them."""
    from ledger.dates import last_day_before

    until = held["until"]
    last = "" if until is None else last_day_before(date.fromisoformat(until)).isoformat()
    return f"{held['from'] or ''} – {last}".strip()
