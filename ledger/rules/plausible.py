"""What no command may carry, whatever it asks for: impossible dates, bad names and hashes."""

import re
from datetime import date
from functools import lru_cache
from typing import Final

from ..commands import Command
from ..dates import add_days
from ..events import Basis
from ..folding import BODY_NAME_MAX, NameProblem, name_problems
from ..refusals import (
    EndsBeforeItBegins,
    InTheFuture,
    InvalidName,
    InvalidValue,
    OutOfOrder,
    TooFarAhead,
    TooLongAgo,
)

__all__ = [
    "check_days",
    "check_digest",
    "check_end",
    "check_given",
    "check_happened",
    "check_list",
    "check_name",
    "check_order",
]

FIRST_DAY: Final = date(1949, 10, 1)
_DAYS_AHEAD_MAX: Final = 36_525

_HAPPENED: Final = (
    "acted_on",
    "decided_on",
    "requested_on",
    "accepted_on",
    "published_on",
    "served_on",
)
_MAY_COME: Final = ("effective_on", "term_ends_on", "valid_until", "public_until")

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_LIST_ID: Final = re.compile(r"[a-z0-9][a-z0-9._/-]{0,63}")
_REGION: Final = re.compile(r"[0-9]{6}")


def check_given(command: Command, today: date) -> None:
    """Refuse dates that cannot be, and a basis that cannot be read."""
    check_days(command, today)
    basis: Basis | None = getattr(command, "basis", None)
    if basis is not None:
        _check_basis(basis)


def check_days(command: Command, today: date) -> None:
    """Refuse a date that happened after `today`, and any date of which the ledger cannot speak.

    Raises:
        InTheFuture: a date that happened is to come.
        TooLongAgo: a date lies before 1949-10-01.
        TooFarAhead: a date lies more than a hundred years ahead.
    """
    for field in _HAPPENED:
        check_happened(field, getattr(command, field, None), today)
    for field in _MAY_COME:
        _check_reach(field, getattr(command, field, None), today)


def check_happened(field: str, day: date | None, today: date) -> None:
    """Refuse a day that is to come, or before the first of which the ledger speaks."""
    if day is None:
        return
    if day > today:
        raise InTheFuture(field=field, day=day, today=today)
    if day < FIRST_DAY:
        raise TooLongAgo(field=field, day=day, first=FIRST_DAY)


def check_end(field: str, last: date | None, begins: date) -> None:
    """Refuse a last day before the first; both may be the same."""
    if last is not None and last < begins:
        raise EndsBeforeItBegins(field=field, ends=last, begins=begins)


def check_order(field: str, day: date | None, not_before: date | None, which: str) -> None:
    """Refuse a day before one that comes first, of which `which` says what it is."""
    if day is not None and not_before is not None and day < not_before:
        raise OutOfOrder(field=field, day=day, not_before=not_before, which=which)


def check_name(field: str, name: str | None) -> None:
    """Refuse the name of a body that cannot be recorded.

    Raises:
        InvalidName: with all its problems.
    """
    problems = () if name is None else _problems(name)
    if problems:
        raise InvalidName(problems=problems, field=field)


def check_digest(field: str, digest: str | None) -> None:
    """Refuse the name of evidence in another form than `sha256:` and 64 digits."""
    if digest is not None and not _DIGEST.fullmatch(digest):
        why = "evidence is named by sha256: and 64 lower-case hexadecimal digits"
        raise InvalidValue(field=field, why=why)


def check_list(field: str, list_id: str) -> None:
    """Refuse a list id of another form than ids of lists have."""
    if not _LIST_ID.fullmatch(list_id):
        why = "an id of a list has 1 to 64 of a-z 0-9 . _ / -, a letter or digit first"
        raise InvalidValue(field=field, why=why)


def _check_reach(field: str, day: date | None, today: date) -> None:
    if day is None:
        return
    if day < FIRST_DAY:
        raise TooLongAgo(field=field, day=day, first=FIRST_DAY)
    last = add_days(today, _DAYS_AHEAD_MAX)
    if day > last:
        raise TooFarAhead(field=field, day=day, last=last)


def _check_basis(basis: Basis) -> None:
    for place, digest in enumerate(basis.evidence):
        check_digest(f"basis/evidence/{place}", digest)
    authority = basis.authority
    if authority is None:
        return
    check_name("basis/authority/name", authority.name)
    if authority.region is not None and not _REGION.fullmatch(authority.region):
        raise InvalidValue(
            field="basis/authority/region", why="a region is six digits of GB/T 2260"
        )


@lru_cache(maxsize=4096)
def _problems(name: str) -> tuple[NameProblem, ...]:
    # The same few authorities stand in every row of a file.
    return name_problems(name, BODY_NAME_MAX)
