"""Letting the views pass over a record that this version does not understand."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from .maintenance import Json, ask
from .output import Exit, fail, say, show, show_json
from .session import guarded, ledger

__all__ = ["register"]

_REASON_MAX: Final = 1_000


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("approve-skip")(approve_skip)


def approve_skip(
    position: Annotated[int, typer.Argument(min=1, help="Where the views have stopped.")],
    reason: Annotated[str, typer.Option(help="Why it may be passed over; stands on the log.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json_output: Json = False,
) -> None:
    """Let every projector pass over the record at POSITION, before which the views have stopped.

    The approval is a record of the log itself: a rebuild passes over the same record. What it says
    is on the log for ever, and shows in no view until a version that understands it rebuilds them.
    """
    from .. import wiring

    said = reason.strip()
    if not 0 < len(said) <= _REASON_MAX:
        fail(f"--reason: 1 to {_REASON_MAX} characters are wanted", Exit.USAGE)
    with guarded(TimeoutError), ledger() as parts:
        stopped = wiring.halted(parts)
        if position <= parts.views.position():
            say(f"the views have come past position {position}: there is nothing to do")
            return
        if stopped is None or stopped.position != position:
            where = "nowhere" if stopped is None else f"before position {stopped.position}"
            fail(f"the views do not stop before position {position}, but {where}: nothing is done")
        if not yes:
            ask("approve-skip", f"{stopped}.\nLet all views pass over position {position}?")
        at = wiring.approve_skip(parts, stopped, said)
    document = {
        "position": position,
        "event": stopped.event_id,
        "type": stopped.type,
        "reason": said,
        "approved_at": at,
    }
    if json_output:
        show_json(document)
    else:
        show(f"position {position} ({stopped.type}) is passed over, as position {at} says")
