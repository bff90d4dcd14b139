"""The command line: `credit-ledger`, one module a group of commands."""

import sys

import typer

from . import (
    codes,
    doctor,
    importing,
    lists,
    maintenance,
    reading,
    recording,
    recovery,
    serving,
    skipping,
    switching,
    topic,
)

__all__ = ["app", "main"]

_EXIT_CODES = (
    "Exit codes: 0 ok · 1 failure · 2 usage · 3 some rows, commands or codes rejected · "
    "4 verification failed · 5 conflict · 130 interrupted"
)

app = typer.Typer(
    name="credit-ledger",
    help="The credit ledger of intellectual property (知识产权信用账本).",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (
    serving,
    importing,
    recording,
    reading,
    lists,
    maintenance,
    doctor,
    skipping,
    switching,
    recovery,
    topic,
    codes,
):
    group.register(app)


def main() -> None:
    """Run the command line."""
    sys.exit(app())
