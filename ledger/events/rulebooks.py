"""What happened to the rules themselves.

An edition of a rulebook was published, with its whole text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from ..values import Digest, EditionId, RulebookId

__all__ = ["EDITION_BYTES_MAX", "STORED_NAMES", "RulebookEditionPublished", "RulebookEvent"]

EDITION_BYTES_MAX = 48 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RulebookEditionPublished:
    """From this position on the edition is part of the rules.

    `text` is its TOML, at most 48 KiB, `digest` its SHA-256.
    """

    rulebook: RulebookId
    edition: EditionId
    effective_on: date
    digest: Digest
    text: str


RulebookEvent = RulebookEditionPublished

STORED_NAMES: Final[Mapping[str, type[RulebookEvent]]] = {
    "rulebook-edition-published": RulebookEditionPublished,
}
