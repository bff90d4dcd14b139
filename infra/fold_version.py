"""Which version of the fold this is: what was folded by another one is never gone on with."""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

import ledger
import projections

__all__ = ["fold_version"]

_FOLDED_BY: Final = (ledger, projections)
"""What decides which rows a log makes: the packages whose sources are its version."""
_WRITTEN_BY: Final = ("codec.py", "projector.py", "view_rows.py", "view_store.py")
"""What in this package reads the records and writes the rows."""
_SOURCES: Final = frozenset({".py", ".sql", ".toml"})


@cache
def fold_version() -> str:
    """The SHA-256 of all sources that decide which rows a log makes, in lower-case hexadecimal."""
    here = Path(__file__).parent
    files = [here / name for name in _WRITTEN_BY]
    for package in _FOLDED_BY:
        folder = Path(next(iter(package.__path__)))
        files += (file for file in folder.rglob("*") if file.suffix in _SOURCES)
    digest = sha256()
    for file in sorted(files):
        digest.update(sha256(file.read_bytes()).digest())
    return digest.hexdigest()
