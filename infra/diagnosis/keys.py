"""The keys of the ledger: whether this home can sign, and knows who does."""

import json
from collections.abc import Iterator, Sequence
from typing import Final

from ..local import Home
from ..settings import Settings
from ..signer import PublicKey, Signer
from .finding import PAGE, Finding, Severity

__all__ = ["of_keys"]

_OTHERS: Final = 0o077


def of_keys(settings: Settings, home: Home, public: Sequence[PublicKey]) -> Iterator[Finding]:
    """Whether the private key is here and is that of the head's term; `public` are the ledger's."""
    yield _private(settings, home, public)
    yield _listed(settings, home, public)


def _private(settings: Settings, home: Home, public: Sequence[PublicKey]) -> Finding:
    path = settings.signing_key or home.signing_key
    if not path.exists():
        return Finding(
            check="signing-key",
            severity=Severity.ERROR,
            what=f"there is no private key at {path}",
            why="the ledger can be read, and not written, without the key of its term",
            run=f"cp YOUR_COPY_OF_SIGNING_KEY {path} && chmod 600 {path}",
            see=f"{PAGE}README.md",
        )
    try:
        signer = Signer.load(path, settings.id)
    except (OSError, ValueError) as error:
        return Finding(
            check="signing-key",
            severity=Severity.ERROR,
            what=f"{path} cannot be used: {type(error).__name__}",
            why="no command that opens the ledger runs with it",
            run=f"mv {path} {path}.broken && cp YOUR_COPY_OF_SIGNING_KEY {path}",
            see=f"{PAGE}README.md",
        )
    if signer.public_key != public[-1].key:
        return Finding(
            check="signing-key",
            severity=Severity.ERROR,
            what=f"{path} is another key than the ledger's ({public[-1].key.hex()[:16]}…)",
            why="what it signs would be accepted by nobody, so nothing is written with it",
            run="LEDGER_SIGNING_KEY=FILE_OF_THAT_KEY credit-ledger doctor",
            see=f"{PAGE}README.md",
        )
    if path.stat().st_mode & _OTHERS:
        return Finding(
            check="signing-key",
            severity=Severity.WARNING,
            what=f"{path} can be read by other accounts (mode {path.stat().st_mode & 0o777:04o})",
            why="whoever has it can write a history that verifies",
            run=f"chmod 600 {path}",
            see=f"{PAGE}README.md",
        )
    return Finding(check="signing-key", what=f"{path} signs the ledger's term")


def _listed(settings: Settings, home: Home, public: Sequence[PublicKey]) -> Finding:
    path = settings.keys or home.keys
    wanted = [(one.key.hex(), one.first_term, one.last_term) for one in public]
    try:
        listed = [
            (one["public_key"], one["first_term"], one["last_term"])
            for one in json.loads(path.read_bytes())["keys"]
        ]
    except FileNotFoundError:
        what = f"there is no {path}"
    except (OSError, ValueError, KeyError, TypeError):
        what = f"{path} cannot be read"
    else:
        if listed == wanted:
            return Finding(check="public-keys", what=f"{path} has the ledger's {len(wanted)}")
        what = f"{path} has other keys than the database"
    return Finding(
        check="public-keys",
        severity=Severity.WARNING,
        what=what,
        why="a recovery from Kafka alone verifies by this file; the next start writes it anew",
        run="credit-ledger list",
        see=f"{PAGE}recovery.md",
    )
