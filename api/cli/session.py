"""What every command that needs a ledger shares: its parts, and waiting until its work shows."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from .output import Exit, fail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..wiring import Parts, Settings

__all__ = ["guarded", "ledger", "settings_of_environment", "until_shown"]

_SHOWN_WAIT_S: Final = 600.0


def settings_of_environment() -> Settings:
    """The settings; ends the process with every complaint where they cannot be used."""
    from .. import wiring

    try:
        return wiring.read_settings()
    except wiring.BadSettings as error:
        fail(str(error), Exit.USAGE)


@contextmanager
def guarded(*also: type[Exception]) -> Iterator[None]:
    """What the user can do something about ends the process with its reason, without a trace."""
    from .. import wiring

    expected: tuple[type[Exception], ...] = (*wiring.UNAVAILABLE, wiring.ProjectorStopped, *also)
    try:
        yield
    except expected as error:
        fail(f"{type(error).__name__}: {error}")


@contextmanager
def ledger() -> Iterator[Parts]:
    """The parts of the ledger of this environment.

    They are those of the running service's database, or of one that is started for this command
    and stopped behind it.
    """
    from .. import wiring

    settings = settings_of_environment()
    wiring.configure_logs()  # stdout is for what was asked
    with (
        guarded(),
        wiring.reach(settings) as database,
        wiring.opened(settings, database) as parts,
    ):
        yield parts


def until_shown(parts: Parts, position: int | None = None) -> None:
    """Wait until the views show the log up to `position` (default: all that is sequenced).

    Where no service runs nobody else projects, so this command does.
    """
    from .. import wiring

    head = parts.statuses.head()
    wanted = position if position is not None else (head.position if head else 0)
    if parts.database.run is None:
        wiring.project(parts, wanted)
    elif not parts.views.wait(wanted, _SHOWN_WAIT_S):
        fail(f"the projector of the running service did not come to position {wanted}")
