"""Running commands in tests: in this process where that is enough, else as real programs."""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import structlog
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from api.cli import app
from tests.parts import REPOSITORY

PROGRAM: Final = REPOSITORY / ".venv" / "bin" / "credit-ledger"
_PROGRAM_S: Final = 120


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def json(self, schema: str) -> Any:
        """The one document on stdout, which keeps the published schema."""
        (document,) = self.documents(schema)
        return document

    def documents(self, schema: str) -> list[Any]:
        """The documents on stdout, one a line."""
        found = [json.loads(line) for line in self.lines]
        for document in found:
            validator(schema).validate(document)
        return found


@cache
def validator(schema: str) -> Draft202012Validator:
    """What a `--json` output is held against: `docs/schemas/<schema>.json`."""
    document = json.loads((REPOSITORY / "docs" / "schemas" / f"{schema}.json").read_text("utf-8"))
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document, format_checker=Draft202012Validator.FORMAT_CHECKER)


@dataclass(frozen=True)
class Home:
    """A home of the ledger, and the database that its commands are to use (none: their own)."""

    path: Path
    database_url: str | None = None
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        named = {} if self.database_url is None else {"LEDGER_DATABASE_URL": self.database_url}
        return {"LEDGER_HOME": str(self.path), "LEDGER_ID": "test", **named, **self.more}

    def run(self, *arguments: str, said: str | bytes = "") -> Ran:
        """Run a command in this process, with `said` on stdin."""
        root = logging.getLogger()
        handlers, level = root.handlers, root.level
        hooks = sys.excepthook, threading.excepthook
        try:
            result = CliRunner().invoke(app, arguments, input=said, env=self.environment)
        finally:
            # A command sets up the log for the process that it takes to be its own.
            root.handlers, root.level = handlers, level
            sys.excepthook, threading.excepthook = hooks
            structlog.reset_defaults()
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    def program(self, *arguments: str, said: str = "") -> Ran:
        """Run a command as a program of its own."""
        ran = subprocess.run(
            [str(PROGRAM), *arguments],
            input=said,
            env={**without_settings(), **self.environment},
            capture_output=True,
            text=True,
            timeout=_PROGRAM_S,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)


def without_settings() -> dict[str, str]:
    """The environment without any setting of the ledger."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    kept.pop("PORT", None)
    return kept
