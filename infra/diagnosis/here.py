"""What lies on this machine: the home, its disk, the port of the API."""

import os
import shutil
import socket
from typing import Final

from ..local import Home
from ..settings import Settings
from .finding import PAGE, Finding, Severity

__all__ = ["of_disk", "of_home", "of_port"]

_LEAST_BYTES: Final = 256 << 20
_FEW_BYTES: Final = 2 << 30
_FEW_SHARE: Final = 0.05
_OTHERS: Final = 0o077
_MIB: Final = 1 << 20


def of_home(home: Home) -> Finding:
    """Whether the home can be used, and nobody else can."""
    path = home.path
    if not path.exists():
        return Finding(
            check="home",
            severity=Severity.NOTE,
            what=f"{path} does not exist yet",
            why="the first command that needs a ledger makes it",
            run="credit-ledger up",
            see=f"{PAGE}README.md",
        )
    if not path.is_dir():
        return Finding(
            check="home",
            severity=Severity.ERROR,
            what=f"{path} is no folder",
            why="keys, rejects and the embedded stores are kept there",
            run="LEDGER_HOME=ANOTHER_FOLDER credit-ledger doctor",
            see=f"{PAGE}README.md",
        )
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return Finding(
            check="home",
            severity=Severity.ERROR,
            what=f"{path} cannot be written by this account",
            why="keys, rejects and the embedded stores are kept there",
            run=f"chown {_account()} {path}",
            see=f"{PAGE}README.md",
        )
    if path.stat().st_mode & _OTHERS:
        return Finding(
            check="home",
            severity=Severity.WARNING,
            what=f"{path} is open to other accounts (mode {path.stat().st_mode & 0o777:04o})",
            why="it holds the private key, the database, and rows with people's data",
            run=f"chmod 700 {path}",
            see=f"{PAGE}README.md",
        )
    return Finding(check="home", what=f"{path} is there, and this account's alone")


def _account() -> str:
    return str(os.geteuid())


def of_disk(home: Home) -> Finding:
    """Room on the disk of the home, or of the nearest folder above it that is there."""
    folder = next(one for one in (home.path, *home.path.parents) if one.is_dir())
    usage = shutil.disk_usage(folder)
    what = f"{usage.free // _MIB:,} MiB free of {usage.total // _MIB:,} on the disk of {folder}"
    why = "without room nothing is recorded, and PostgreSQL stops; `former/` may hold old ledgers"
    run = f"du -sh {folder}/*"
    if usage.free < _LEAST_BYTES:
        return Finding(check="disk", severity=Severity.ERROR, what=what, why=why, run=run)
    if usage.free < _FEW_BYTES or usage.free < usage.total * _FEW_SHARE:
        return Finding(check="disk", severity=Severity.WARNING, what=what, why=why, run=run)
    return Finding(check="disk", what=what)


def of_port(settings: Settings) -> Finding:
    """Whether the service could listen; tried for a moment, and let go."""
    address = str(settings.listen or "127.0.0.1")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((address, settings.port))
        except OSError as error:
            return Finding(
                check="port",
                severity=Severity.ERROR,
                what=f"port {settings.port} of {address} cannot be had: {error.strerror}",
                why="the API of this home would not start",
                run="credit-ledger up --port 0",
                see=f"{PAGE}README.md",
            )
    shown = "a free port would be taken" if settings.port == 0 else f"port {settings.port} is free"
    return Finding(check="port", what=f"{shown} on {address}")
