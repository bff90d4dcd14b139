"""Pages by keyset: the cursor says where the next page begins and cannot be made up."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Final

import msgspec
from pydantic import Field

from .problems import Complaint, Problem

__all__ = ["LIMIT_DEFAULT", "LIMIT_MAX", "Cursors", "Limit", "Mark"]

LIMIT_DEFAULT: Final = 100
LIMIT_MAX: Final = 500
Limit = Annotated[int, Field(ge=1, le=LIMIT_MAX, description="Items a page.")]

_MAC_BYTES: Final = 16
_CURSOR_LENGTH_MAX: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The last item of a page, and what the pages before it were asked.

    All pages of a list answer the same question. `as_of` is a day, `known_at` a position, `after`
    the keys of the last item, in the list's order.
    """

    as_of: str
    known_at: int
    after: tuple[str | int, ...]


_MARKS: Final = msgspec.json.Decoder(Mark)


class Cursors:
    """Writes marks as opaque texts and reads only what it wrote."""

    def __init__(self, key: bytes) -> None:
        """Sign with this key; processes that serve the same ledger share it."""
        self._key = key

    def write(self, question: Mapping[str, object], mark: Mark) -> str:
        """The mark as an opaque text, bound to the question that the list answers."""
        body = msgspec.json.encode(mark)
        return urlsafe_b64encode(self._mac(question, body) + body).decode("ascii").rstrip("=")

    def read(self, question: Mapping[str, object], cursor: str) -> Mark:
        """The mark in a text that `write` gave for the same question.

        Raises:
            Problem: `bad-cursor` for any other text.
        """
        try:
            return _MARKS.decode(self._signed(question, cursor))
        except ValueError as error:
            detail = "the cursor is not the `next` of a page of this list with these parameters"
            complaint = Complaint("/after", "malformed", detail, "query")
            raise Problem("bad-cursor", detail, errors=(complaint,)) from error

    def _signed(self, question: Mapping[str, object], cursor: str) -> bytes:
        """What we signed in a text for this question; raises `ValueError` for any other text."""
        if len(cursor) > _CURSOR_LENGTH_MAX:
            raise ValueError("too long to be ours")
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(question, body)):
            raise ValueError("not signed by us for this question")
        # Behind its padding b64 passes over anything; only the very text that was given is taken.
        if urlsafe_b64encode(raw).decode("ascii").rstrip("=") != cursor:
            raise ValueError("not as it was given")
        return body

    def _mac(self, question: Mapping[str, object], body: bytes) -> bytes:
        asked = msgspec.json.encode(dict(question), order="sorted")
        return hmac.new(self._key, asked + b"\0" + body, sha256).digest()[:_MAC_BYTES]
