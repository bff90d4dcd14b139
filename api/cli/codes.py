"""Questions that need no ledger: is a code valid, when does a period of working days end."""

import sys
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from ledger.calendar import official_calendar
from ledger.dates import parse_civil
from ledger.identifiers import IdentifierKind, Verdict, examine

from .output import Exit, fail, show, show_json

__all__ = ["register"]

_BOM = "\ufeff"

code = typer.Typer(help="Identifiers.", no_args_is_help=True)
calendar = typer.Typer(help="Working days.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(code, name="code")
    app.add_typer(calendar, name="calendar")


@code.command("check")
def check(
    codes: Annotated[list[str], typer.Argument(help="Codes, or - to read one a line from stdin.")],
    kind: Annotated[
        IdentifierKind | None, typer.Option(help="What they should be; if not said, by length.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="A JSON object a code.")] = False,
) -> None:
    """Say of each code whether it is valid, its canonical form, and if it is not, why.

    Exit code 3 if any is invalid.
    """
    all_valid = True
    for text in _given(codes):
        verdict = examine(text, kind)
        all_valid = all_valid and verdict.valid
        if json_output:
            show_json(_document(text, verdict))
        else:
            show(_sentence(text, verdict))
    if not all_valid:
        raise typer.Exit(Exit.REJECTED)


def _given(codes: Iterable[str]) -> Iterator[str]:
    """The codes in order, each as it was given; blank lines of stdin are passed over."""
    for code in codes:
        if code == "-":
            yield from _lines()
        else:
            # What of an argument was not UTF-8 cannot be shown as it was.
            yield code.encode("utf-8", "replace").decode("utf-8")


def _lines() -> Iterator[str]:
    """The lines of stdin, which may be anything: what is not UTF-8 is no code, and no fault."""
    for number, line in enumerate(sys.stdin.buffer):
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        text = text.removeprefix(_BOM) if number == 0 else text
        if text.strip():
            yield text


def _document(text: str, verdict: Verdict) -> dict[str, object]:
    return {
        "input": text,
        "valid": verdict.valid,
        "canonical": verdict.canonical if verdict.valid else None,
        "kind": verdict.kind,
        "reason": verdict.reason,
        "hint": verdict.hint,
        "warnings": list(verdict.warnings),
    }


def _sentence(text: str, verdict: Verdict) -> str:
    if verdict.valid:
        warned = f"  ! {', '.join(verdict.warnings)}" if verdict.warnings else ""
        return f"{text}  valid  {verdict.kind}  {verdict.canonical}{warned}"
    return f"{text}  invalid  {verdict.reason}: {verdict.hint}"


@calendar.command("add")
def add(
    start: Annotated[str, typer.Argument(metavar="DATE", help="The day it is counted from.")],
    days: Annotated[int, typer.Argument(metavar="N", help="How many working days.")],
    json_output: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False,
) -> None:
    """Name the last day of a period of N working days; the start day does not count.

    Beyond the official notices only weekdays are known, and the date is provisional.
    """
    try:
        due = official_calendar().add_working_days(parse_civil(start), days)
    except ValueError as error:
        fail(str(error), Exit.USAGE)
    if json_output:
        show_json({"date": due.date.isoformat(), "provisional": due.provisional})
        return
    note = "  provisional: no official notice reaches this far" if due.provisional else ""
    show(f"{due.date.isoformat()}{note}")
