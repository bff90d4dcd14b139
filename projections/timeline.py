"""Timeline: the events of a subject as recorded, and what each changed in its scoring regimes."""

from typing import Final

from ledger.values import RegimeId

from .fold import Difference, Recorded, effective_on
from .grades import Course, changed, grade_on
from .tables import Column, Row, Table

__all__ = ["CHANGES", "EVENTS", "change_row", "event_row"]

EVENTS: Final = Table(
    "timeline",
    (
        ("subject", Column.TEXT),
        ("position", Column.BIGINT),
        ("event", Column.TEXT),
        ("type", Column.TEXT),
        ("major", Column.INTEGER),
        ("version", Column.INTEGER),
        ("effective_on", Column.DATE),
        ("recorded_at", Column.INSTANT),
        ("actor", Column.TEXT),
        ("data", Column.BYTES),
    ),
    ("subject", "position"),
)
CHANGES: Final = Table(
    "timeline_change",
    (
        ("subject", Column.TEXT),
        ("position", Column.BIGINT),
        ("regime", Column.TEXT),
        ("grade_before", Column.TEXT),
        ("score_before", Column.NUMERIC),
        ("grade_after", Column.TEXT),
        ("score_after", Column.NUMERIC),
        ("changed_from", Column.DATE),
        ("changed_until", Column.UNTIL),
    ),
    ("subject", "position", "regime"),
)


def event_row(recorded: Recorded) -> Row:
    """The event as it was recorded."""
    return (
        recorded.stream,
        recorded.position,
        recorded.event_id,
        recorded.type,
        recorded.major,
        recorded.version,
        effective_on(recorded.event),
        recorded.recorded_at,
        recorded.actor,
        recorded.data,
    )


def change_row(
    recorded: Recorded,
    regime: RegimeId,
    courses: tuple[Course | None, Course | None],
    difference: Difference,
) -> Row:
    """What the event did to its subject's course in a scoring regime, given before and after."""
    day = effective_on(recorded.event)
    none = (None, None)
    gone, come = difference.gone, difference.come
    before, after = courses
    return (
        recorded.stream,
        recorded.position,
        regime,
        *(grade_on(before, day) if day is not None else none),
        *(grade_on(after, day) if day is not None else none),
        *(changed(gone, come) if gone or come else none),
    )
