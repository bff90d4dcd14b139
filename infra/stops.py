"""A word for each reason why a ledger, or a process, does not serve.

Reasons are sentences with values in them, for people. Machines need a word of a short, closed list:
that of the section of `docs/operations/stops.md` which says what to do.
"""

from typing import Final

from ledger.gate import Halt

__all__ = ["FENCED", "NOT_SERVING", "WORDS", "section_of", "word_of"]

FENCED: Final = "fenced"
NOT_SERVING: Final = "not-serving"

_HALTS: Final = (
    ("PostgreSQL holds no record, and the topic does", Halt.POSTGRES_LOST),
    ("this ledger never lived there", Halt.FOREIGN_TOPIC),
    ("neither PostgreSQL nor Kafka has it any more", Halt.BOTH_LOST),
    ("below what was entered", Halt.FORK),
    ("on than were entered", Halt.POSTGRES_CHANGED),
)
"""What the message of a stop has in it, and no other message."""

_WAITS: Final = (
    ("this database holds no ledger yet", "no-ledger"),
    ("there is no ledger", "no-ledger"),
    ("the PostgreSQL server was started anew", "server-restarted"),
    ("is not entered on Kafka yet", "term-not-entered"),
    ("PostgreSQL has not the record", "record-missing"),
    ("the private key", "key-missing"),
    ("is healing at", "healing"),
)
"""What the reason of a process that does not serve has in it."""

WORDS: Final = (
    *(halt.value for halt in Halt),
    FENCED,
    *dict.fromkeys(word for _, word in _WAITS),
    "other",
)
"""Every word that `word_of` may give."""


def section_of(state: str, reason: str | None) -> str:
    """The section of `docs/operations/stops.md` that is about a ledger in this state.

    Args:
        state: as stored in `ledger_head`.
        reason: what is stored with it.
    """
    if state == "fenced":
        return FENCED
    if state != "stopped":
        return NOT_SERVING
    found = next((halt for text, halt in _HALTS if text in (reason or "")), Halt.NOT_AS_PINNED)
    return found.value


def word_of(state: str, reason: str) -> str:
    """The word for why nothing is written: that of the ledger's stop, else that of the process."""
    if state in {"fenced", "stopped"}:
        return section_of(state, reason)
    return next((word for text, word in _WAITS if text in reason), "other")
