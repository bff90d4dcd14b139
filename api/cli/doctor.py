"""What is wrong with a ledger, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import typer

from .maintenance import Json  # noqa: TC001  # Typer reads the annotations when it runs
from .output import Exit, show, show_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..wiring import Finding

__all__ = ["register"]

_MARKS: Final = {"ok": "✓", "note": "·", "warning": "!", "error": "✗"}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("doctor")(doctor)


def doctor(json_output: Json = False) -> None:
    """Say what is wrong with the ledger of this home, and what to run.

    It starts nothing and changes nothing, and works whatever runs or does not. Exit code 1 if there
    is an error: something that keeps the ledger from its work.
    """
    errors, shown = 0, []
    for finding in _findings():
        errors += finding.severity == "error"
        shown.append(_as_json(finding))
        if not json_output:
            _tell(finding)
    if json_output:
        show_json({"healthy": not errors, "findings": shown})
    elif errors:
        show(f"{errors} {'error keeps' if errors == 1 else 'errors keep'} the ledger from its work")
    else:
        show("nothing that was looked at keeps the ledger from its work")
    if errors:
        raise typer.Exit(Exit.FAILED)


def _findings() -> Iterator[Finding]:
    from .. import wiring

    wiring.configure_logs()
    try:
        settings = wiring.read_settings()
    except wiring.BadSettings as error:
        yield from wiring.bad_settings(str(error))
        return
    yield from wiring.diagnose(settings)


def _as_json(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "severity": str(finding.severity),
        "what": finding.what,
        "why": finding.why,
        "run": finding.run,
        "see": finding.see,
    }


def _tell(finding: Finding) -> None:
    show(f"{_MARKS[finding.severity]} {finding.check}: {finding.what}")
    if finding.severity == "ok":
        return
    show(f"    {finding.why}")
    show(f"    run: {finding.run}" + ("" if finding.see is None else f"   see: {finding.see}"))
