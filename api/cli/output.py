"""How the command line speaks: data on stdout, all else on stderr; and what its exit codes say."""

import json
from enum import IntEnum
from typing import Any, NoReturn

import typer

__all__ = ["Exit", "fail", "say", "show", "show_json"]


class Exit(IntEnum):
    """What the process says to its caller."""

    OK = 0
    FAILED = 1
    USAGE = 2
    REJECTED = 3
    NOT_VERIFIED = 4
    CONFLICT = 5
    INTERRUPTED = 130


def show(text: str = "") -> None:
    """A line of what was asked for."""
    typer.echo(text)


def show_json(document: Any) -> None:  # noqa: ANN401  # whatever JSON can hold
    """One JSON document on one line."""
    typer.echo(json.dumps(document, ensure_ascii=False))


def say(text: str) -> None:
    """A line about the work itself, on stderr."""
    typer.echo(text, err=True)


def fail(text: str, code: Exit = Exit.FAILED) -> NoReturn:
    """End the process with a reason."""
    typer.echo(text, err=True)
    raise typer.Exit(code)
