"""Looking after a ledger: make its views anew, verify it, bring its database up to date."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from .output import Exit, fail, show, show_json
from .session import guarded, ledger, settings_of_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..wiring import Rebuilt, Verified

__all__ = ["Json", "NoProgress", "ask", "progress_of", "register"]

_YES: Final = frozenset({"y", "yes"})

Json = Annotated[bool, typer.Option("--json", help="As a JSON object.")]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="Do not show how far it is.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("rebuild")(rebuild)
    app.command("verify")(verify)
    app.command("migrate")(migrate)


def rebuild(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json_output: Json = False,
    no_progress: NoProgress = False,
) -> None:
    """Make all views anew from the log, compare them with those that are read, and read them.

    Nothing recorded is touched, and those that were read are kept to switch back to. Exit code 4 if
    they differed: then they were wrong, and no longer are.
    """
    from .. import wiring

    if not yes:
        ask("rebuild", "Make all views anew from the log, and read them from then on?")
    with guarded(), ledger() as parts:
        with progress_of("rebuild", rounds=1, hidden=no_progress) as progress:
            rebuilt = wiring.rebuild_views(parts, progress)
        show_json(_rebuilt(rebuilt)) if json_output else _tell_rebuilt(rebuilt)
    if not rebuilt.ok:
        named = ", ".join(rebuilt.differences)
        fail(f"the views that were read differed from the log: {named}", Exit.NOT_VERIFIED)


def ask(command: str, question: str) -> None:
    """Go on where whoever sits at the terminal says yes; else end the process."""
    if not sys.stdin.isatty():
        fail(f"{command} asks before it begins, and there is nobody to ask: say --yes", Exit.USAGE)
    # Typer's own question leaves a blank on stdout, which is for what was asked.
    typer.echo(f"{question} [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in _YES:
        fail("nothing was done")


def _rebuilt(rebuilt: Rebuilt) -> dict[str, Any]:
    return {
        "ok": rebuilt.ok,
        "events": rebuilt.events,
        "head": rebuilt.head,
        "seconds": round(rebuilt.seconds, 3),
        "folding_seconds": round(rebuilt.folding_s, 3),
        "indexing_seconds": round(rebuilt.indexing_s, 3),
        "comparing_seconds": round(rebuilt.comparing_s, 3),
        "tables": dict(rebuilt.tables),
        "differences": list(rebuilt.differences),
        "generation": rebuilt.generation,
    }


def _tell_rebuilt(rebuilt: Rebuilt) -> None:
    _tell(rebuilt.events, rebuilt.head, rebuilt.seconds, rebuilt.tables)
    found = "as before" if rebuilt.ok else "different from before"
    show(f"generation {rebuilt.generation} is read from now on: {found}")


def verify(json_output: Json = False, no_progress: NoProgress = False) -> None:
    """Verify the ledger: chain, leaves, signatures, what stands beside them, views against the log.

    Nothing is changed. Exit code 4 if anything is wrong; it is named by position.
    """
    from .. import wiring

    settings = settings_of_environment()
    wiring.configure_logs()
    with (
        guarded(),
        wiring.reach(settings) as database,
        progress_of(
            "verify", rounds=2 if database.kafka is None else 3, hidden=no_progress
        ) as progress,
    ):
        verified = wiring.verify_ledger(settings, database, progress)
    show_json(_verified(verified)) if json_output else _tell_verified(verified)
    if not verified.ok:
        fail("the ledger is not what its log says", Exit.NOT_VERIFIED)


def _verified(verified: Verified) -> dict[str, Any]:
    return {
        "ok": verified.ok,
        "events": verified.events,
        "head": verified.head,
        "entered": verified.entered,
        "root": verified.root,
        "seconds": round(verified.seconds, 3),
        "tables": dict(verified.tables),
        "differences": list(verified.differences),
        "problems": [
            {"position": flaw.position, "code": flaw.code, "message": flaw.message}
            for flaw in verified.problems
        ],
        "problem_count": verified.problem_count,
    }


def _tell_verified(verified: Verified) -> None:
    _tell(verified.events, verified.head, verified.seconds, verified.tables)
    if verified.root is not None:
        show(f"entered on Kafka up to position {verified.entered}, root {verified.root}")
    for flaw in verified.problems:
        where = "views" if flaw.position is None else f"position {flaw.position}"
        show(f"! {where}: {flaw.code}: {flaw.message}")
    left = verified.problem_count - len(verified.problems)
    if left:
        show(f"! and {left} more")
    if verified.ok:
        both = "" if verified.root is None else "both stores hold the same; "
        show(
            f"ok: {both}chain, leaves, signatures, commands, identifiers and views are what the"
            " log says"
        )


def _tell(events: int, head: int, seconds: float, tables: Mapping[str, str]) -> None:
    show(f"{events} events up to position {head}, {seconds:.1f} s")
    for name, digest in tables.items():
        show(f"  {name:<20} {digest}")


def migrate(json_output: Json = False) -> None:
    """Bring the database to the newest schema."""
    from .. import wiring

    settings = settings_of_environment()
    wiring.configure_logs()
    with guarded(), wiring.reach(settings) as database:
        before, after = wiring.migrate_database(database)
    if json_output:
        show_json({"before": before, "after": after})
    elif before == after:
        show(f"the database is at {after} already")
    else:
        show(f"{before or 'empty'} → {after}")


@contextmanager
def progress_of(
    title: str, *, rounds: int, hidden: bool
) -> Iterator[Callable[[int, int], None] | None]:
    """Show how far it is through the log, which is gone through `rounds` times; on stderr."""
    if hidden:
        yield None
        return
    from .. import wiring
    from ..progress import Advance, progress

    with ExitStack() as shown:
        advance: Advance | None = None
        gone_through = last = 0

        def tell(here: int, end: int) -> None:
            nonlocal advance, gone_through, last
            if advance is None:  # only now is it known how long the log is
                bar = progress(title, rounds * end, elapsed=wiring.elapsed)
                advance = shown.enter_context(bar)
            if here < last:  # the next round begins
                gone_through += last
            last = here
            advance(gone_through + here)

        yield tell
