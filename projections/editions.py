"""Editions: the published texts, whole, and the rulebooks that they make."""

from typing import Final

from ledger.edition import read_edition
from ledger.events import RulebookEditionPublished
from ledger.rulebook import Rulebooks

from .fold import Recorded
from .tables import Column, Row, Table

__all__ = ["EDITIONS", "published", "rows", "with_text"]

EDITIONS: Final = Table(
    "edition",
    (
        ("edition", Column.TEXT),
        ("rulebook", Column.TEXT),
        ("position", Column.BIGINT),
        ("event", Column.TEXT),
        ("digest", Column.TEXT),
        ("text", Column.TEXT),
    ),
    ("edition",),
)


def rows(recorded: Recorded) -> tuple[Row, ...]:
    """The edition that the record publishes, if it does."""
    event = recorded.event
    if not isinstance(event, RulebookEditionPublished):
        return ()
    row = (
        event.edition,
        event.rulebook,
        recorded.position,
        recorded.event_id,
        event.digest,
        event.text,
    )
    return (row,)


def published(recorded: Recorded, rulebooks: Rulebooks) -> Rulebooks:
    """The rulebooks after the record."""
    event = recorded.event
    if not isinstance(event, RulebookEditionPublished):
        return rulebooks
    return with_text(rulebooks, event.text)


def with_text(rulebooks: Rulebooks, text: str) -> Rulebooks:
    """These rulebooks and the edition of this text.

    Raises:
        EditionError: the text is no edition.
    """
    return rulebooks.with_edition(read_edition(text))
