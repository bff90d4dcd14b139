"""Importing files: penalties as the double-publicity templates have them, and published lists."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # Typer reads the annotations when it runs
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ..importers.planned import FileKind
from .output import Exit, fail, show, show_json
from .session import guarded, ledger, until_shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from datetime import date

    from ledger.requests import Request

    from ..importers import NamedList, Report
    from ..importing import Examined, Outcomes, Recording
    from ..progress import Advance
    from ..wiring import Parts

__all__ = ["register"]

_PROBLEMS_SHOWN: Final = 10


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("import")(import_)


def import_(  # noqa: PLR0917  # as PLR0913: an argument for each option that users see
    file: Annotated[Path, typer.Argument(help="A CSV file: UTF-8, with or without BOM, GB18030.")],
    kind: Annotated[
        FileKind | None, typer.Option(help="What the file is about (default: as its titles say).")
    ] = None,
    list_id: Annotated[
        str | None,
        typer.Option("--list", help="The list, by id or name, of rows that name none themselves."),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="The put-on day of list rows that have none themselves."),
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option(help="Where rejected rows go (default: a file under LEDGER_HOME/rejects)."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would become of each row; record nothing.")
    ] = False,
    json_output: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Show no progress.")] = False,
) -> None:
    """Import a file of penalties (双公示) or a published list; each row is done or rejected.

    Importing again adds only what is not recorded. Exit code 3 if rows were rejected.
    """
    named, day = _list(list_id), _day(on)
    examined = _examined(file, kind, json_output=json_output, dry_run=dry_run)
    _check_options(examined, list_id=list_id, on=on, rejects=rejects)
    with ledger() as parts:
        report = _carried_out(
            parts,
            examined,
            named=named,
            on=day,
            rejects=None if dry_run else rejects or _rejects(parts, examined),
            shows_progress=not no_progress,
        )
        if not dry_run:
            parts.count_refused("import", report.reasons)
            until_shown(parts)
    show_json(report.as_json()) if json_output else _tell(report)
    if report.rejected:
        raise typer.Exit(Exit.REJECTED)


# What was asked ----------------------------------------------------------------------------------


def _list(text: str | None) -> NamedList | None:
    from ..importers import named_list
    from ..importers.cells import BrokenCell, check_name

    if text is None:
        return None
    try:
        check_name(text)
    except BrokenCell as broken:
        fail(f"--list: {broken.message}", Exit.USAGE)
    return named_list(text)


def _day(text: str | None) -> date | None:
    from ledger.dates import parse_civil

    if text is None:
        return None
    try:
        return parse_civil(text)
    except ValueError as error:
        fail(f"--on: {error}", Exit.USAGE)


def _examined(file: Path, kind: FileKind | None, *, json_output: bool, dry_run: bool) -> Examined:
    """The file, read through once; one that is no whole table ends the process here."""
    from ..importers import FileRefused, refused_report
    from ..importing import examine

    if not file.is_file():
        fail(f"{file} is not a file", Exit.USAGE)
    try:
        return examine(file, kind)
    except FileRefused as refused:
        if json_output:
            show_json(refused_report(refused, dry_run=dry_run))
        fail(f"{file} is refused, nothing of it is recorded: {refused} ({refused.code})")
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}", Exit.USAGE)


def _check_options(
    examined: Examined, *, list_id: str | None, on: str | None, rejects: Path | None
) -> None:
    if examined.kind is FileKind.PENALTIES and (list_id is not None or on is not None):
        option = "--list" if list_id is not None else "--on"
        fail(f"{option} is about lists, and {examined.path} is a file of penalties", Exit.USAGE)
    if rejects is None:
        return
    if not rejects.parent.is_dir():
        fail(f"--rejects: there is no folder {rejects.parent}", Exit.USAGE)
    if rejects.is_dir() or (rejects.exists() and rejects.samefile(examined.path)):
        fail(f"--rejects: {rejects} is a folder or the file itself; name another", Exit.USAGE)


def _rejects(parts: Parts, examined: Examined) -> Path:
    from ..rejects import default_path

    folder = parts.home.rejects
    folder.mkdir(mode=0o700, exist_ok=True)
    return default_path(folder, examined.path, examined.layout.digest)


# The work ----------------------------------------------------------------------------------------


def _carried_out(
    parts: Parts,
    examined: Examined,
    *,
    named: NamedList | None,
    on: date | None,
    rejects: Path | None,
    shows_progress: bool,
) -> Report:
    from ..garbage import settle as settle_garbage
    from ..importing import carry_out, defaults_of
    from ..rejects import NoPlaceForRejects

    today = parts.today()
    if on is not None and on > today:
        fail(f"--on: {on} lies after today, {today}; nobody is on a list already then", Exit.USAGE)
    settle_garbage()
    with (
        guarded(NoPlaceForRejects),
        _progress(examined.layout.rows, shown=shows_progress) as advance,
    ):
        return carry_out(
            examined,
            _rehearsing(parts) if rejects is None else _recording(parts),
            defaults=defaults_of(examined, today=today, named=named, on=on),
            rejects=rejects,
            advance=advance,
        )


def _recording(parts: Parts) -> Recording:
    from ..importing import Recording

    return Recording(record=parts.record_bulk, command_hash=parts.command_hash)


def _rehearsing(parts: Parts) -> Recording:
    from ..importing import Recording

    rehearsal = parts.writer.between_batches(lambda service: service.rehearsal()).result()

    def record(requests: Sequence[Request]) -> Outcomes:
        outcomes: Outcomes = parts.writer.between_batches(
            lambda _: rehearsal.record(requests)
        ).result()
        return outcomes

    return Recording(record=record, command_hash=parts.command_hash, is_rehearsal=True)


def _progress(rows: int, *, shown: bool) -> AbstractContextManager[Advance]:
    from contextlib import nullcontext

    from ..progress import progress
    from ..wiring import elapsed

    return progress("import", rows, elapsed=elapsed) if shown else nullcontext(lambda _: None)


# What is told ------------------------------------------------------------------------------------


def _tell(report: Report) -> None:
    would = "would be " if report.dry_run else ""
    show(
        f"{report.rows} rows: {would}{report.accepted} accepted ({report.events} events),"
        f" {report.duplicates} on record already, {report.rejected} rejected"
    )
    for kind, problems in (("rejected", report.problems), ("warning", report.warnings)):
        for problem in problems[:_PROBLEMS_SHOWN]:
            show(f"  {kind}: {_where(problem)}: {problem.message} ({problem.code})")
        if len(problems) > _PROBLEMS_SHOWN:
            show(f"  … and {len(problems) - _PROBLEMS_SHOWN} more")
    if report.rejects_file is not None:
        show(f"rejected rows, to be mended and imported again: {report.rejects_file}")


def _where(problem: Any) -> str:  # noqa: ANN401  # a problem, whose module is not imported here
    cell = "" if problem.cell is None else f", {problem.cell} {problem.column or ''}".rstrip()
    return f"row {problem.row}{cell}"
