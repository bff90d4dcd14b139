"""A row of a published list: the subject, and its presence on each list that the row names."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from ledger.commands import Command, DecideListing, EndListing, RegisterSubject
from ledger.events import UNKNOWN_BASIS, Authority, Basis, Channel
from ledger.folding import fold_name
from ledger.values import Digest, DocumentNumber, FileRow, ListId, Name

from .cells import BrokenCell, check_name, shown
from .identities import identifiers_of, kind_of
from .planned import Planned, Rejected
from .row import Row
from .titles import Field

__all__ = ["ListDefaults", "NamedList", "list_of_file", "named_list", "plan_listing"]

_LIST_ID: Final = re.compile(r"[a-z0-9][a-z0-9._/-]{0,63}")
_MARKED_LIST: Final = re.compile(r"\[list ([a-z0-9][a-z0-9._/-]{0,63})\]")
_MARKED_DAY: Final = re.compile(r"\[from ([0-9]{4}-[0-9]{2}-[0-9]{2})\]")
_JOINTS: Final = re.compile(r"[、\n;；]")
_DIGITS_SHOWN: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedList:
    """A list: its id, and its name where it has one."""

    id: ListId
    name: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDefaults:
    """What holds for the rows that do not say it themselves.

    `named` is the list from `--list`, `of_file` the one that the file itself stands for; `on` is
    the put-on day from `--on`, `today` the day of import.
    """

    named: NamedList | None
    of_file: NamedList
    on: date | None
    today: date


def named_list(text: str) -> NamedList:
    """The list that a cell or an option names: by its id, or by a name from which one is made."""
    if _LIST_ID.fullmatch(text):
        return NamedList(id=ListId(text))
    digits = hashlib.sha256(fold_name(text).encode()).hexdigest()[:_DIGITS_SHOWN]
    return NamedList(id=ListId(f"published/{digits}"), name=Name(text))


def list_of_file(digest: Digest) -> NamedList:
    """The list that a file stands for which names none."""
    return NamedList(id=ListId(f"published/{digest.removeprefix('sha256:')[:_DIGITS_SHOWN]}"))


def plan_listing(row: Row, origin: FileRow, defaults: ListDefaults) -> Planned | Rejected:
    """What a list row asks for: the subject registered, listed, and taken off where it says so."""
    named, put_on = _lists(row), _put_on(row, defaults.today)
    outside = None if named else _list_from_outside(row, defaults)
    on = put_on or _day_from_outside(row, defaults)
    mark = _mark(outside, None if put_on else on)
    kind = kind_of(row)
    if row.problems:
        return row.rejected(mark)
    identifiers = identifiers_of(row)
    name = row.name(Field.NAME)
    commands = _commands(row, origin, defaults, named or _one(outside), on)
    if row.problems:
        return row.rejected(mark)
    subject = RegisterSubject(
        identifiers=identifiers, name=name, kind=kind, channel=Channel.PUBLISHED_LIST
    )
    return Planned(
        row=row.number,
        sent=row.cells,
        cells=row.kept_cells(),
        commands=(subject, *commands),
        warnings=tuple(row.warnings),
        mark=mark,
    )


def _lists(row: Row) -> tuple[NamedList, ...]:
    found: dict[ListId, NamedList] = {}
    for index, cell in row.filled(Field.LIST):
        for piece in _JOINTS.split(cell):
            text = piece.strip()
            if not text:
                continue
            try:
                check_name(text)
            except BrokenCell as broken:
                row.note(index, broken.code, broken.message, value=shown(cell))
            else:
                one = named_list(text)
                found.setdefault(one.id, one)
    return tuple(found.values())


def _put_on(row: Row, today: date) -> date | None:
    """The day from which the row says that the subject is listed: it has come."""
    put_on = row.day(Field.PUT_ON)
    if put_on is not None and put_on > today:
        message = f"the day lies after today, {today}; import the row when it has come"
        row.note(row.columns.first(Field.PUT_ON), "in-the-future", message, value=str(put_on))
    return put_on


def _one(named: NamedList | None) -> tuple[NamedList, ...]:
    return () if named is None else (named,)


# What the row does not say itself ----------------------------------------------------------------
# A rejects file may be mended and imported alone. Its rows then go to the list, and get the day,
# that their first import gave them: it notes both beside their problems.


def _list_from_outside(row: Row, defaults: ListDefaults) -> NamedList:
    marked = _marked(row, _MARKED_LIST)
    return defaults.named or (NamedList(id=ListId(marked)) if marked else defaults.of_file)


def _day_from_outside(row: Row, defaults: ListDefaults) -> date | None:
    marked = _marked(row, _MARKED_DAY)
    return defaults.on or (None if marked is None else date.fromisoformat(marked))


def _marked(row: Row, form: re.Pattern[str]) -> str | None:
    for index in row.columns.at.get(Field.PROBLEM, ()):
        found = form.search(row.cells[index])
        if found is not None:
            return found.group(1)
    return None


def _mark(outside: NamedList | None, on: date | None) -> str:
    marks = (
        "" if outside is None else f"[list {outside.id}]",
        "" if on is None else f"[from {on.isoformat()}]",
    )
    return " ".join(mark for mark in marks if mark)


# What it asks for --------------------------------------------------------------------------------


def _commands(
    row: Row,
    origin: FileRow,
    defaults: ListDefaults,
    lists: Sequence[NamedList],
    on: date | None,
) -> tuple[Command, ...]:
    removed_on = row.end_day(Field.REMOVED_ON)
    if on is not None and removed_on is not None and removed_on <= on:
        message = f"a removal on {removed_on} leaves no day to a listing from {on}; mend the days"
        row.note(row.columns.first(Field.REMOVED_ON), "ends-before-it-begins", message)
    decision = DecideListing(
        list=defaults.of_file.id,
        effective_on=on or defaults.today,
        decided_on=row.day(Field.DECIDED_ON),
        dated=on is not None,
        published_on=row.day(Field.PUBLISHED_ON),
        term_ends_on=row.end_day(Field.TERM_ENDS_ON),
        reason=row.text(Field.PUT_REASON),
        channel=Channel.PUBLISHED_LIST,
        origin=origin,
        basis=_basis(row),
    )
    decided = (replace(decision, list=one.id, list_name=one.name) for one in lists)
    if removed_on is None:
        return tuple(decided)
    end = EndListing(
        effective_on=removed_on,
        begun_on=on,
        reason=row.text(Field.REMOVAL_REASON),
        channel=Channel.PUBLISHED_LIST,
        origin=origin,
        basis=_basis_of(row.name(Field.REMOVAL_AUTHORITY)),
    )
    return (*decided, *(replace(end, list=one.id) for one in lists))


def _basis(row: Row) -> Basis:
    authority = row.name(Field.PUT_AUTHORITY) or row.name(Field.AUTHORITY)
    number = row.document_number(Field.PUT_DOCUMENT) or row.document_number(Field.DOCUMENT_NUMBER)
    return _basis_of(authority, number)


def _basis_of(authority: Name | None, number: DocumentNumber | None = None) -> Basis:
    if authority is None and number is None:
        return UNKNOWN_BASIS
    named = None if authority is None else Authority(name=authority)
    return Basis(authority=named, document_number=number)
