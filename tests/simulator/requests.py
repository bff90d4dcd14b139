"""What clients ask and are told, and what everybody writes down about it."""

from dataclasses import dataclass, field

__all__ = ["Answer", "Call", "Operation", "Told", "key_of", "name_of"]


def key_of(client: int, number: int) -> str:
    """The hash of a key, which tells here whose it is: 64 hexadecimal digits."""
    return f"{client:032x}{number:032x}"


def name_of(key: str) -> str:
    """How a key is written where people read: client and number."""
    return f"{int(key[:32], 16)}.{int(key[32:], 16)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One command of a client: some records of one subject, under an idempotency key.

    `if_match` is the version that the subject must have; null where any will do.
    """

    client: int
    key: str
    subject: str
    records: int
    if_match: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The receipt of a 201: where the last record of the command stands, and its hashes."""

    position: int
    leaf: bytes
    chain: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a client was told: a status code of the API, and the receipt of a 201."""

    code: int
    told: Told | None = None


@dataclass(slots=True, kw_only=True)
class Call:
    """One request and its answer, with the moments of both; without an answer the line was cut."""

    operation: Operation
    is_status: bool
    invoked: int
    completed: int | None = None
    answer: Answer | None = field(default=None)
