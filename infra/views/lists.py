"""Lists over all subjects, as of a day and as known at a position."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from psycopg.rows import TupleRow

from ledger.folding import fold_name
from ledger.identifiers import SubjectKind
from ledger.values import ListId, RegimeId
from projections.answers import (
    At,
    GradeRow,
    ListingRow,
    ListRow,
    ListSummary,
    MeasureRow,
    Page,
    SubjectSummary,
)
from projections.subjects import grams

from ..sql import queries
from .snapshots import Questions, Snapshot

__all__ = ["Lists", "listing_row", "measure_row"]

_SQL: Final = queries("infra/views/lists.sql")


class Lists(Questions):
    """The questions whose answer is a list over all subjects."""

    def grades(
        self,
        regime: RegimeId,
        at: At,
        *,
        grade: str | None = None,
        after: tuple[str, ...] = (),
        limit: int,
    ) -> Page:
        """Whose grade in the regime holds on the day (of one grade); by subject.

        Subjects that have none on the day, for want of an edition or because the regime does not
        apply to them, are not in it.
        """
        (subject,) = after or ("",)
        asked = {"regime": regime, "grade": grade, "after": subject}
        with self._snapshots.take() as snapshot:
            rows = _page(snapshot, "grades", at, asked, limit)
        return _paged(rows, limit, lambda row: _grade_row(regime, row))

    def measures(
        self, regime: RegimeId | None, at: At, *, after: tuple[str, ...] = (), limit: int
    ) -> Page:
        """Who is under measures on the day; by subject, regime, first day and finding.

        `after` holds these four; where the finding is left out, all of that first day are behind.
        """
        subject, of_regime, from_, *finding = after or ("", "", date.min.isoformat(), "")
        asked = {
            "regime": regime,
            "after": subject,
            "after_regime": of_regime,
            "after_from": date.fromisoformat(from_),
            "after_finding": finding[0] if finding else "\U0010ffff",
        }
        with self._snapshots.take() as snapshot:
            rows = _page(snapshot, "measures", at, asked, limit)
        return _paged(rows, limit, measure_row)

    def listings(self, list_id: ListId, at: At, *, after: tuple[str, ...] = (), limit: int) -> Page:
        """Who is on the list on the day; by subject and listing."""
        subject, listing = after or ("", "")
        asked = {"list": list_id, "after": subject, "after_listing": listing}
        with self._snapshots.take() as snapshot:
            rows = _page(snapshot, "listings", at, asked, limit)
        return _paged(rows, limit, listing_row)

    def lists(self, at: At) -> tuple[ListSummary, ...]:
        """All lists that somebody was put on by then, with how many subjects are on each."""
        asked = {"as_of": at.as_of, "known_at": at.known_at}
        with self._snapshots.take() as snapshot:
            rows = snapshot.rows(_SQL["lists"], asked)
        return tuple(ListSummary(list=row[0], name=row[1], on_it=row[2]) for row in rows)

    def has_list(self, name: ListId, known_at: int) -> bool:
        """Whether anybody was put on a list up to a position."""
        asked = {"list": name, "known_at": known_at}
        with self._snapshots.take() as snapshot:
            row = snapshot.row(_SQL["has_list"], asked)
        return row is not None and bool(row[0])

    def search(self, name: str, known_at: int, *, after: tuple[str, ...] = (), limit: int) -> Page:
        """Subjects of which a present or former name holds this text, folded; by subject.

        Nobody where the text has no visible character.
        """
        folded = fold_name(name)
        if not folded:
            return Page(rows=(), has_more=False)
        (subject,) = after or ("",)
        asked = {
            "grams": _grams_wanted(folded),
            "pattern": f"%{_escaped(folded)}%",
            "known_at": known_at,
            "after": subject,
            "limit": limit + 1,
        }
        with self._snapshots.take() as snapshot:
            rows = snapshot.rows(_SQL["search"], asked)
        return _paged(rows, limit, _summary)


def _page(
    snapshot: Snapshot, name: str, at: At, asked: Mapping[str, object], limit: int
) -> list[TupleRow]:
    """The rows of a page and, where there is one, the row behind it."""
    values = {
        **asked,
        "as_of": at.as_of,
        "known_at": at.known_at,
        # What is known at the place that the views have come to, or behind it, is what is known
        # now: the history need not be gone through.
        "is_past": at.known_at < snapshot.position,
        "limit": limit + 1,
    }
    return snapshot.rows(_SQL[name], values)


def _paged(rows: list[TupleRow], limit: int, row_of: Callable[[TupleRow], ListRow]) -> Page:
    return Page(rows=tuple(map(row_of, rows[:limit])), has_more=len(rows) > limit)


def _grams_wanted(folded: str) -> list[str]:
    """The grams that a name must have to hold this text: of two characters, of one if it is one."""
    return [gram for gram in grams(folded) if len(gram) == min(len(folded), 2)]


def _escaped(text: str) -> str:
    r"""A text that LIKE takes as it stands: `%` and `_` are characters, and so is `\`."""
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


def _grade_row(regime: RegimeId, row: TupleRow) -> GradeRow:
    cells: tuple[Any, ...] = row
    return GradeRow(
        subject=cells[0],
        edition=cells[1],
        state=cells[2],
        grade=cells[3],
        score=cells[4],
        from_=cells[5],
        until=cells[6],
        verified=cells[7],
        complete=cells[8],
        known_from=cells[9],
        name=cells[10],
        code=cells[11],
        regime=regime,
    )


def measure_row(row: TupleRow) -> MeasureRow:
    """The row of measures that a query gives."""
    return MeasureRow(
        subject=row[0],
        regime=row[1],
        edition=row[2],
        finding=row[3],
        position=row[4],
        from_=row[5],
        until=row[6],
        verified=row[7],
        known_from=row[8],
        name=row[9],
        code=row[10],
    )


def listing_row(row: TupleRow) -> ListingRow:
    """The row of a list that a query gives."""
    return ListingRow(
        subject=row[0],
        list=row[1],
        list_name=row[2],
        regime=row[3],
        listing=row[4],
        position=row[5],
        dated=row[6],
        from_=row[7],
        until=row[8],
        verified=row[9],
        known_from=row[10],
        name=row[11],
        code=row[12],
    )


def _summary(row: TupleRow) -> SubjectSummary:
    return SubjectSummary(
        subject=row[0],
        kind=SubjectKind(row[1]),
        region=row[2],
        matched=row[3],
        name=row[4],
        code=row[5],
    )
