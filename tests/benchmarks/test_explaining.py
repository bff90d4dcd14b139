"""One explanation over HTTP while others write at a steady rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .figures import Figure
from .service import seen
from .told import say
from .workload import HOT, sizes

if TYPE_CHECKING:
    from .clients import Seen
    from .figures import Board
    from .recording import Recording

_P99_MS_MAX: Final = 20
_WRITES_PER_S: Final = 500
_WRITERS: Final = 16
_ASKED_PER_S: Final = 50
_FOR_S: Final = 30
_SUBJECTS_ASKED: Final = 1_000


def test_one_explanation_is_quick_while_others_write(recording: Recording, board: Board) -> None:
    count = len(sizes(recording.events))
    step = max(count // _SUBJECTS_ASKED, 1)
    asked = _asked(recording, list(range(1, count, step)))
    board.hold(_figure(f"explanation while {_WRITES_PER_S}/s are written", asked))


def test_that_of_the_subject_with_the_most_events_is_shown_apart(
    recording: Recording, board: Board
) -> None:
    asked = _asked(recording, [HOT])
    board.note(f"… of the subject with {recording.hot_size:,} events", _told(asked))


def _asked(recording: Recording, subjects: list[int]) -> Seen:
    """What one who asks sees in half a minute of writing."""
    say(f"asking for explanations for {_FOR_S} s while {_WRITES_PER_S}/s are written")
    service = recording.service
    writing = {"events": recording.events, "rate": _WRITES_PER_S, "clients": _WRITERS}
    with service.begin_clients(
        "go-on", first=service.head(), count=_WRITES_PER_S * _FOR_S, **writing
    ) as writers:
        asked = service.clients(
            "explain", subjects=subjects, rate=_ASKED_PER_S, for_s=_FOR_S, clients=1
        )
        written = seen(writers)
    assert asked.statuses.keys() == {"200"}, asked.statuses
    assert written.statuses.keys() == {"201"}, written.statuses
    return asked


def _figure(what: str, asked: Seen) -> Figure:
    return Figure(
        what=what,
        ours=_told(asked),
        demand=f"p99 ≤ {_P99_MS_MAX} ms",
        is_met=asked.p99_ms <= _P99_MS_MAX,
    )


def _told(asked: Seen) -> str:
    return f"p50 {asked.p50_ms:.1f} ms, p99 {asked.p99_ms:.1f} ms of {asked.answers:,}"
