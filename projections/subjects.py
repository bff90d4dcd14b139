"""Subjects: who they are, their names as they are searched, what leads to them."""

from collections.abc import Iterator
from typing import Final

from ledger.courses.facts import Facts
from ledger.events import IdentifierAdded, SubjectRegistered, SubjectRenamed
from ledger.folding import fold_name
from ledger.identifiers import Identifier, index_keys
from ledger.values import Name

from .fold import Recorded
from .tables import Column, Row, Table

__all__ = ["IDENTIFIERS", "NAMES", "SUBJECTS", "grams", "rows"]

SUBJECTS: Final = Table(
    "subject",
    (
        ("subject", Column.TEXT),
        ("kind", Column.TEXT),
        ("region", Column.TEXT),
        ("registered_at", Column.BIGINT),
    ),
    ("subject",),
)
NAMES: Final = Table(
    "subject_name",
    (
        ("subject", Column.TEXT),
        ("known_from", Column.BIGINT),
        ("name", Column.TEXT),
        ("folded", Column.TEXT),
        ("grams", Column.TEXTS),
    ),
    ("subject", "known_from"),
)
IDENTIFIERS: Final = Table(
    "subject_identifier",
    (
        ("kind", Column.TEXT),
        ("value", Column.TEXT),
        ("subject", Column.TEXT),
        ("known_from", Column.BIGINT),
        ("held", Column.BOOLEAN),
        ("ordinal", Column.INTEGER),
    ),
    ("kind", "value", "subject", "known_from", "ordinal"),
)


def grams(folded: str) -> tuple[str, ...]:
    """The characters and the pairs of neighbours of a folded name, each once, sorted.

    A text of one or two characters is in a name exactly if its gram is; of a longer one all grams
    are, and the name itself decides.
    """
    pairs = {folded[at : at + 2] for at in range(len(folded) - 1)}
    return tuple(sorted(pairs.union(folded)))


def rows(recorded: Recorded, before: Facts) -> Iterator[tuple[Table, Row]]:
    """What the record adds: a subject, a name, identifiers."""
    event = recorded.event
    held = len(before.profile.identifiers) if before.profile is not None else 0
    match event:
        case SubjectRegistered():
            registered = (recorded.stream, event.kind.value, event.region, recorded.position)
            yield SUBJECTS, registered
            if event.name is not None:
                yield NAMES, _named(recorded, event.name)
            for ordinal, identifier in enumerate(event.identifiers):
                yield from _identified(recorded, identifier, ordinal)
        case SubjectRenamed():
            yield NAMES, _named(recorded, event.name)
        case IdentifierAdded():
            yield from _identified(recorded, event.identifier, held)
        case _:
            pass


def _named(recorded: Recorded, name: Name) -> Row:
    folded = fold_name(name)
    return (recorded.stream, recorded.position, name, folded, grams(folded))


def _identified(
    recorded: Recorded, identifier: Identifier, ordinal: int
) -> Iterator[tuple[Table, Row]]:
    for key in index_keys(identifier):
        row = (
            key.kind.value,
            key.value,
            recorded.stream,
            recorded.position,
            key == identifier,
            ordinal,
        )
        yield IDENTIFIERS, row
