"""Reading the former generation of the views again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .maintenance import Json, NoProgress, ask, progress_of
from .output import say, show, show_json
from .session import guarded, ledger

if TYPE_CHECKING:
    from ..wiring import Switch

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("switch-back")(switch_back)


def switch_back(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what is read and what would be; change nothing.")
    ] = False,
    json_output: Json = False,
    no_progress: NoProgress = False,
) -> None:
    """Read the generation of the views again that was read before the last rebuild.

    It is first brought level with the one that is read now, so that nobody sees the ledger go back;
    a service that runs goes on by itself. Both are kept: once more, and the other is read again.
    """
    from .. import wiring

    with guarded(wiring.NotSwitchable), ledger() as parts:
        planned = wiring.next_switch(parts)
        if dry_run:
            show_json(_shown(planned, switched=False)) if json_output else _tell_planned(planned)
            return
        if not yes:
            _tell_planned(planned, by=say)
            ask("switch-back", "Read the former generation again?")
        with progress_of("switch-back", rounds=1, hidden=no_progress) as progress:
            switched = wiring.switch_views_back(parts, progress)
    if json_output:
        show_json(_shown(switched, switched=True))
    else:
        show(
            f"generation {switched.read.number} is read from now on, up to position"
            f" {switched.read.position}; generation {switched.former.number} is kept"
        )


def _shown(switch: Switch, *, switched: bool) -> dict[str, Any]:
    return {
        "switched": switched,
        "read": {"generation": switch.read.number, "position": switch.read.position},
        "former": {"generation": switch.former.number, "position": switch.former.position},
        "behind": switch.behind,
    }


def _tell_planned(switch: Switch, by: Any = show) -> None:  # noqa: ANN401  # `show` or `say`
    read, former = switch.read, switch.former
    by(f"generation {read.number} is read now, up to position {read.position}")
    by(
        f"generation {former.number} would be read: it shows the log up to position"
        f" {former.position}, and {switch.behind} records would be folded first"
    )
