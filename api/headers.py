"""The headers by which a request says what it wants: key, version, position, patience."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from ledger.record import NUMBER_MAX
from ledger.requests import EXISTS

from .problems import Complaint, Problem

__all__ = [
    "WAIT_DEFAULT_S",
    "Patience",
    "Wishes",
    "etag",
    "expected_version",
    "is_fresh",
    "key_hash",
    "minimum_position",
    "patience",
    "prefers_chinese",
    "read_wishes",
]

WAIT_DEFAULT_S: Final = 2
WAIT_MAX_S: Final = 30
KEY_LENGTH_MAX: Final = 255

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_VERSION: Final = re.compile(r'"v(0|[1-9][0-9]{0,9})"')
_POSITION: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_WAIT: Final = re.compile(
    r"""(?:^|[,;])\s*wait\s*=\s*"?([0-9]{1,6})"?\s*(?=$|[,;])""", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an answer may wait, in seconds; `is_asked_for` where the request said so."""

    seconds: int
    is_asked_for: bool


@dataclass(slots=True)
class Wishes:
    """The headers that matter, as text; null where a request has none."""

    content_type: str | None = None
    content_encoding: str | None = None
    content_length: str | None = None
    idempotency_key: str | None = None
    if_match: str | None = None
    prefer: str | None = None


_WISHES: Final = {
    b"content-type": "content_type",
    b"content-encoding": "content_encoding",
    b"content-length": "content_length",
    b"idempotency-key": "idempotency_key",
    b"if-match": "if_match",
    b"prefer": "prefer",
}


def read_wishes(raw: Iterable[tuple[bytes, bytes]]) -> Wishes:
    """The headers of a write, in one pass over what the server gives.

    Raises:
        Problem: `malformed-header` where one that may stand once stands twice.
    """
    wishes = Wishes()
    for name, value in raw:
        wish = _WISHES.get(name)
        if wish is None:
            continue
        text = value.decode("latin-1")
        before = getattr(wishes, wish)
        if before is not None and wish != "prefer":
            raise _malformed(name.decode(), "stands twice; send it once")
        setattr(wishes, wish, text if before is None else f"{before}, {text}")
    return wishes


def key_hash(key: str | None) -> str:
    """The hash under which an idempotency key is kept, for ever.

    It is SHA-256(tenant ‖ 0x00 ‖ key), with the empty tenant.

    Raises:
        Problem: `idempotency-key-missing`, or `malformed-header` for what is no key.
    """
    if key is None:
        complaint = Complaint(
            "/Idempotency-Key", "missing", "a write needs an Idempotency-Key", "header"
        )
        raise Problem("idempotency-key-missing", complaint.detail, errors=(complaint,))
    if _KEY.fullmatch(key) is None:
        raise _malformed(
            "Idempotency-Key", f"has 1 to {KEY_LENGTH_MAX} visible ASCII characters, no spaces"
        )
    return sha256(b"\0" + key.encode("ascii")).hexdigest()


def expected_version(if_match: str | None) -> int | None:
    """The version that If-Match binds to; `EXISTS` for `*`.

    Raises:
        Problem: `malformed-header` for anything but `*` and one `"v17"`.
    """
    if if_match is None:
        return None
    if if_match.strip() == "*":
        return EXISTS
    match = _VERSION.fullmatch(if_match.strip())
    if match is None or int(match[1]) > NUMBER_MAX:
        raise _malformed("If-Match", 'is * or one version such as "v17"')
    return int(match[1])


def minimum_position(header: str | None) -> int:
    """The position that the views must have reached: 0 without the header Ledger-Min-Position.

    Raises:
        Problem: `malformed-header`.
    """
    if header is None:
        return 0
    if _POSITION.fullmatch(header) is None or int(header) > NUMBER_MAX:
        raise _malformed("Ledger-Min-Position", "is a position, an integer from 0 on")
    return int(header)


def patience(prefer: str | None) -> Patience:
    """How long to wait, from `Prefer: wait=N`; what else Prefer says is passed over."""
    match = None if prefer is None else _WAIT.search(prefer)
    if match is None:
        return Patience(WAIT_DEFAULT_S, is_asked_for=False)
    return Patience(min(int(match[1]), WAIT_MAX_S), is_asked_for=True)


def prefers_chinese(accept_language: str | None) -> bool:
    """Whether the first language that a request names is Chinese."""
    return accept_language is not None and accept_language.lstrip().lower().startswith("zh")


def etag(version: int) -> str:
    """The entity tag of a stream at a version."""
    return f'"v{version}"'


def is_fresh(if_none_match: str | None, version: int) -> bool:
    """Whether If-None-Match names the version, so that there is nothing new to send."""
    if if_none_match is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or etag(version) in tags


def _malformed(name: str, form: str) -> Problem:
    detail = f"{name} {form}"
    return Problem(
        "malformed-header", detail, errors=(Complaint(f"/{name}", "malformed", detail, "header"),)
    )
