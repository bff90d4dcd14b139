"""Natural keys: the same fact sent again is nothing to do, sent otherwise it is refused."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ..refusals import AlreadyAnnulled, DiffersFromRecorded
from ..table import Table
from ..values import EventId
from .sameness import Comparable, Key, differences

__all__ = ["Filing", "is_recorded"]

C = TypeVar("C", bound=Comparable)


@dataclass(frozen=True, slots=True)
class Filing(Generic[C]):
    """Which fact stands under which natural key, and what it said when it was filed there."""

    _filed: Table[Key, tuple[EventId, C]] = field(default_factory=Table)

    def with_fact(self, key: Key, fact: EventId, content: C) -> "Filing[C]":
        """This filing and one fact more, or new content of a fact under its key."""
        return Filing(self._filed.with_entry(key, (fact, content)))

    def under(self, key: Key) -> tuple[EventId, C] | None:
        """The fact filed under the key, and what it said then."""
        return self._filed.get(key)


def is_recorded(
    filing: Filing[C],
    sent: C,
    key_of: Callable[[C], Key],
    standing: Callable[[EventId], tuple[C, bool]],
) -> bool:
    """Whether what is sent is on record just so.

    A correction may have moved a fact to another key. What it said before is then refused as
    differing from the record; another fact under the key that became free is new.

    Args:
        filing: the facts by natural key.
        sent: what would be recorded.
        key_of: the natural key of a content.
        standing: what a fact says now, and whether it was annulled.

    Raises:
        AlreadyAnnulled: the fact was set aside.
        DiffersFromRecorded: the fact is on record with other content.
    """
    key = key_of(sent)
    filed = filing.under(key)
    if filed is None:
        return False
    fact, said = filed
    content, annulled = standing(fact)
    if key_of(content) != key and differences(said, sent):
        return False
    if annulled:
        raise AlreadyAnnulled(fact=fact)
    fields = differences(content, sent)
    if fields:
        raise DiffersFromRecorded(fact=fact, fields=fields)
    return True
