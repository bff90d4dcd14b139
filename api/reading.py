"""What every question over HTTP shares: its parameters, waiting for the views, and its headers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, assert_never
from urllib.parse import quote, urlencode

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Header, Request
from pydantic import BaseModel, ConfigDict, Field

from projections.answers import (
    At,
    GradeRow,
    ListingRow,
    ListRow,
    MeasureRow,
    Page,
    SubjectSummary,
    Views,
)

from . import questions
from .answers import JsonAnswer
from .documents import forecast, plain_value
from .headers import minimum_position, patience
from .paging import LIMIT_DEFAULT, Cursors, Limit, Mark
from .parts import Parts
from .problems import Problem, ProblemModel

__all__ = [
    "PROBLEMS",
    "AtQuery",
    "IfNoneMatch",
    "KnownQuery",
    "NoQuery",
    "PageQuery",
    "Paged",
    "Reader",
    "Reading",
    "RegimeQuery",
    "Stage",
    "keys_of",
    "page_answer",
    "page_of",
]

_WAITING_MAX: Final = 256
"""Questions that may wait for the views at one time, each in a thread of its own."""

PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ProblemModel, "description": description}
    for status, description in (
        (400, "What was sent cannot be read."),
        (404, "It is not there."),
        (422, "What was sent says what it cannot say."),
        (503, "Not now; Retry-After says when to ask again."),
    )
}
"""The problems that a question may meet, for the OpenAPI document."""

_Day = Annotated[
    str | None,
    Field(description="The day it is asked about, YYYY-MM-DD; today in Asia/Shanghai if not said."),
]
_KnownAt = Annotated[
    str | None,
    Field(
        description="As known at this position, or at the end of this day (YYYY-MM-DD); "
        "all that is shown now if not said."
    ),
]


IfNoneMatch = Annotated[
    str | None, Header(description="Entity tags; 304 where the subject is still at one of them.")
]


class NoQuery(BaseModel):
    """A question without parameters."""

    model_config = ConfigDict(extra="forbid")


class KnownQuery(NoQuery):
    """A question as known at a position."""

    known_at: _KnownAt = None


class AtQuery(KnownQuery):
    """A question as of a day, as known at a position."""

    as_of: _Day = None


class RegimeQuery(AtQuery):
    """A question in a regime."""

    regime: Annotated[
        str | None,
        Field(description="rulebook/regime; if not said, the one that applies to the subject."),
    ] = None


class PageQuery(AtQuery):
    """A question that is answered in pages."""

    limit: Limit = LIMIT_DEFAULT
    after: Annotated[
        str | None, Field(description="`next` of the page before, with the same other parameters.")
    ] = None


@dataclass(frozen=True, slots=True)
class Reader:
    """One question over HTTP, once the views show what it wants to see.

    `position` is what the views showed then; `headers` belong to the answer.
    """

    parts: Parts
    position: int
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def views(self) -> Views:
        """What answers."""
        return self.parts.views

    def known_at(self, text: str | None) -> int:
        """The position as known at which is asked; see `questions.known_at`."""
        parts = self.parts
        return questions.known_at(
            parts.views, text, head=parts.follower.entered, today=parts.today()
        )

    def at(self, query: AtQuery) -> At:
        """The day and the position of a question."""
        day = questions.as_of(query.as_of, self.parts.today())
        return At(as_of=day, known_at=self.known_at(query.known_at))

    def forecast(self, at: At) -> dict[str, bool]:
        """That the question is about a day to come, where it is."""
        return forecast(at.as_of, self.parts.today())

    def answer(self, content: object, headers: Mapping[str, str] | None = None) -> JsonAnswer:
        """The answer with the headers that every one has."""
        return JsonAnswer(content, headers={**self.headers, **(headers or {})})


async def _reached(
    request: Request,
    ledger_min_position: Annotated[
        str | None,
        Header(description="Answer only from views that show this position."),
    ] = None,
    prefer: Annotated[
        str | None,
        Header(description="`wait=N`: seconds to wait for that, at most 30; 2 if not said."),
    ] = None,
) -> Reader:
    """One question, as soon as the views show what it wants to see; nobody else is held up.

    `Ledger-Min-Position`, and a `known_at` that the views have not reached yet, wait as long as
    `Prefer: wait=N` says.
    """
    stage: Stage = request.app.state.stage
    _refuse_duplicates(request)
    wait = patience(prefer)
    wanted = max(minimum_position(ledger_min_position), _known_at(request, stage.parts))
    await stage.until(wanted, wait.seconds)
    position = await to_thread.run_sync(stage.parts.views.position)
    headers = {"Ledger-Position": str(position)}
    if wait.is_asked_for:
        headers["Preference-Applied"] = f"wait={wait.seconds}"
    return Reader(stage.parts, position, headers)


Reading = Annotated[Reader, Depends(_reached)]
"""The parameter by which every route that reads gets its question."""


class Stage:
    """What the routes that read stand on: it is the `state.stage` of their application.

    Those who wait do so in threads of their own, so that they never keep others from reading.
    """

    def __init__(self, parts: Parts) -> None:
        """Read from these parts."""
        self.parts = parts
        self._limiter: CapacityLimiter | None = None

    async def until(self, position: int, seconds: int) -> None:
        """Wait for the views to show a position.

        Raises:
            Problem: `not-yet-projected`.
        """
        if position == 0:
            return
        # A limiter belongs to the event loop that makes it.
        self._limiter = self._limiter or CapacityLimiter(_WAITING_MAX)
        shown = await to_thread.run_sync(
            self.parts.views.wait, position, float(seconds), limiter=self._limiter
        )
        if not shown:
            raise Problem(
                "not-yet-projected",
                f"the views do not show position {position} yet",
                members={"wanted": position},
                headers={"Retry-After": "1"},
            )


def _known_at(request: Request, parts: Parts) -> int:
    """The position that `known_at` names, if it is there: the views may be about to show it."""
    text = request.query_params.get("known_at", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 10):  # noqa: PLR2004  # as a position has
        return 0
    return int(text) if int(text) <= parts.follower.entered else 0


def _refuse_duplicates(request: Request) -> None:
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name in seen:
            raise questions.parameter_problem(
                name[:64], "duplicate", "the parameter stands twice; send it once"
            )
        seen.add(name)


@dataclass(frozen=True, slots=True)
class Paged:
    """One page to be answered: where it begins, and which question all pages of the list answer."""

    at: At
    after: tuple[str | int, ...]
    limit: int
    question: Mapping[str, object]

    def address_of(self, following: str) -> str:
        """The address of the page that begins at this cursor."""
        said = {name: value for name, value in self.question.items() if value is not None}
        path = said.pop("path")
        return f"{path}?{urlencode({**said, 'limit': self.limit, 'after': following})}"


def page_of(read: Reader, query: PageQuery, request: Request, **said: object) -> Paged:
    """The page that is asked for.

    All pages of a list answer the question of the first one: its day and position stand in the
    cursor.

    Raises:
        Problem: `bad-cursor`, and what `Reader.at` raises.
    """
    question = {
        "path": quote(request.scope["path"]),
        "as_of": query.as_of,
        "known_at": query.known_at,
        **said,
    }
    if query.after is None:
        return Paged(read.at(query), (), query.limit, question)
    mark = Cursors(read.parts.cursor_key).read(question, query.after)
    day = questions.as_of(mark.as_of, read.parts.today())
    at = At(as_of=day, known_at=mark.known_at)
    return Paged(at, mark.after, query.limit, question)


def page_answer(
    read: Reader,
    page: Paged,
    found: Page | Mapping[str, Any],
    *,
    last: tuple[str | int, ...] | None = None,
    **members: object,
) -> JsonAnswer:
    """The answer that a page is, with `next` where another one follows.

    Args:
        read: the question.
        page: where it begins.
        found: rows of a list, or a document with `items` of its own.
        last: the keys of the last item of such a document, if more follow.
        members: further members of the document.
    """
    if isinstance(found, Page):
        items = plain_value(found.rows)
        last = keys_of(found.rows[-1]) if found.has_more and found.rows else None
        content: dict[str, Any] = {**plain_value(page.at), **read.forecast(page.at)}
        content |= {**members, "items": items}
    else:
        content = {**members, **found}
    content["next"] = None
    headers: dict[str, str] = {}
    if last is not None:
        mark = Mark(as_of=page.at.as_of.isoformat(), known_at=page.at.known_at, after=last)
        following = Cursors(read.parts.cursor_key).write(page.question, mark)
        content["next"] = following
        headers["Link"] = f'<{page.address_of(following)}>; rel="next"'
    return read.answer(content, headers)


def keys_of(row: ListRow) -> tuple[str, ...]:
    """The keys of a row in the order of its list."""
    match row:
        case GradeRow() | SubjectSummary():
            return (row.subject,)
        case MeasureRow():
            return (row.subject, row.regime, row.from_.isoformat())
        case ListingRow():
            return (row.subject, row.listing)
        case never:
            assert_never(never)
