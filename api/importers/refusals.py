"""What the rules of the ledger said to a row, as a problem of the cell that it is about."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ledger.refusals import AlreadyAnnulled, DiffersFromRecorded, Refused

from .cells import filled, shown
from .planned import Problem, cell_address
from .titles import CODE_FIELDS, Columns, Field

__all__ = ["problem_of"]

_COLUMNS_OF: Final[Mapping[str, tuple[Field, ...]]] = {
    "identifiers": CODE_FIELDS,
    "name": (Field.NAME,),
    "kind": (Field.CATEGORY,),
    "kinds": (Field.KINDS, Field.FINE_WAN, Field.FINE_YUAN),
    "kinds_text": (Field.KINDS,),
    "acted_on": (Field.ACTED_ON,),
    "decided_on": (Field.DECIDED_ON,),
    "effective_on": (Field.EFFECTIVE_ON, Field.PUT_ON, Field.DECIDED_ON),
    "published_on": (Field.PUBLISHED_ON,),
    "served_on": (Field.SERVED_ON,),
    "valid_until": (Field.VALID_UNTIL,),
    "public_until": (Field.PUBLIC_UNTIL,),
    "offence": (Field.OFFENCE, Field.CASE_NAME),
    "facts": (Field.FACTS,),
    "content": (Field.CONTENT,),
    "fine": (Field.FINE_WAN, Field.FINE_YUAN, Field.FINE_WITHOUT_UNIT),
    "confiscated": (
        Field.CONFISCATED_WAN,
        Field.CONFISCATED_YUAN,
        Field.CONFISCATED_WITHOUT_UNIT,
        Field.GOODS_WAN,
        Field.GOODS_YUAN,
        Field.GOODS_WITHOUT_UNIT,
    ),
    "licence": (Field.LICENCE,),
    "source": (Field.SOURCE,),
    "note": (
        Field.NOTE,
        Field.FINE_WITHOUT_UNIT,
        Field.CONFISCATED_WITHOUT_UNIT,
        Field.GOODS_WITHOUT_UNIT,
        Field.LEGAL_BASIS,
    ),
    "basis/authority": (Field.PUT_AUTHORITY, Field.AUTHORITY),
    "basis/authority/code": (Field.AUTHORITY_CODE,),
    "basis/authority/region": (Field.REGION,),
    "basis/instrument": (Field.LEGAL_BASIS,),
    "basis/document_number": (Field.PUT_DOCUMENT, Field.DOCUMENT_NUMBER),
    "list": (Field.LIST,),
    "list_name": (Field.LIST,),
    "term_ends_on": (Field.TERM_ENDS_ON,),
    "reason": (Field.PUT_REASON,),
    "begun_on": (Field.PUT_ON,),
    "ended/effective_on": (Field.REMOVED_ON,),
    "ended/reason": (Field.REMOVAL_REASON,),
    "ended/basis": (Field.REMOVAL_AUTHORITY,),
}
"""The columns from which a field of a command comes, the likeliest first."""

_NEVER_SHOWN: Final = frozenset({Field.NAME})


def problem_of(
    refusal: Refused, columns: Columns, row: int, cells: Sequence[str], position: int | None
) -> Problem:
    """The refusal of a row, said of its cell.

    Args:
        refusal: the answer of the ledger.
        columns: what stands under which title.
        row: the row's number in the sheet.
        cells: the row, as sent.
        position: where the record stands that the refusal speaks of; null if it speaks of none, or
            in a rehearsal of what an earlier row would record.
    """
    paths = refusal.fields if isinstance(refusal, DiffersFromRecorded) else (refusal.field or "",)
    places = [place for path in paths if (place := _place(path, columns, cells)) is not None]
    field, index = places[0] if places else (None, None)
    value = cells[index] if index is not None and index < len(cells) else ""
    return Problem(
        row=row,
        column=None if index is None else columns.all_titles[index].strip() or None,
        cell=None if index is None else cell_address(index, row),
        value=None if field in _NEVER_SHOWN or not value else shown(value),
        code=refusal.code,
        message=_message(refusal, columns, cells, position),
    )


def _message(refusal: Refused, columns: Columns, cells: Sequence[str], position: int | None) -> str:
    match refusal:
        case DiffersFromRecorded(fields=fields):
            differing = ", ".join(dict.fromkeys(_titles(fields, columns, cells)))
            where = "in an earlier row" if position is None else f"on record at position {position}"
            return (
                f"the same stands {where} with other content in {differing};"
                " mend the row, or correct the record if that is wrong"
            )
        case AlreadyAnnulled():
            return (
                f"the same was recorded at position {position} and annulled since; a new decision"
                " has a document number of its own"
            )
        case _:
            return refusal.message


def _titles(paths: Sequence[str], columns: Columns, cells: Sequence[str]) -> Iterator[str]:
    """What differs, by the titles of the file; by its name in the ledger where none has it."""
    for path in paths:
        place = _place(path, columns, cells)
        title = "" if place is None else columns.all_titles[place[1]].strip()
        yield title or path


def _place(path: str, columns: Columns, cells: Sequence[str]) -> tuple[Field, int] | None:
    """The column from which a field of the command comes: a filled one if there is one."""
    found = [(field, index) for field in _fields(path) for index in columns.at.get(field, ())]
    for field, index in found:
        if index < len(cells) and filled(cells[index]) is not None:
            return field, index
    return found[0] if found else None


def _fields(path: str) -> tuple[Field, ...]:
    while path:
        if path in _COLUMNS_OF:
            return _COLUMNS_OF[path]
        path = path.rpartition("/")[0]
    return ()
