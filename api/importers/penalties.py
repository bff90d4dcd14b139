"""A row of a penalty file (双公示 行政处罚): the subject, and the decision on a penalty."""

import re
from datetime import date
from typing import Final

from ledger.commands import ImposePenalty, RegisterSubject
from ledger.events import Authority, Basis, Channel, PenaltyKind
from ledger.values import FileRow, Line, RegionCode, Text, Yuan

from .cells import LINE_MAX, TEXT_MAX, BrokenCell, Unit, check_text, shown
from .identities import credit_code_of_authority, identifiers_of, kind_of
from .penalty_kinds import kinds_in
from .planned import Planned, Rejected
from .row import Row
from .titles import Field

__all__ = ["plan_penalty"]

_REGION_LENGTH: Final = 6
_SET_ASIDE: Final = re.compile(r"(?:已|已被|被)?撤[销消]|1")
"""The state of a decision in the template of 2015: 0 正常, 1 撤销, 2 异议, 3 其他."""
_FINE: Final = (Field.FINE_WAN, Field.FINE_YUAN, Field.FINE_WITHOUT_UNIT)
_CONFISCATED: Final = (
    Field.CONFISCATED_WAN,
    Field.CONFISCATED_YUAN,
    Field.CONFISCATED_WITHOUT_UNIT,
)
_GOODS: Final = (Field.GOODS_WAN, Field.GOODS_YUAN, Field.GOODS_WITHOUT_UNIT)
_UNITS: Final = (Unit.WAN, Unit.YUAN, None)
_NO_KEY: Final = (
    "without document number and authority the decision is known by its whole content alone: sent"
    " again with a word more it would be another one"
)
_NO_UNIT: Final = (
    "neither title nor cell says 元 or 万元; the amount is kept in the note as it stands"
)


def plan_penalty(row: Row, origin: FileRow) -> Planned | Rejected:
    """What a penalty row asks for: the subject registered, the penalty imposed; nothing else.

    Source: the double-publicity templates of 2015 and 2018.
    """
    kind = kind_of(row)
    if row.problems:
        return row.rejected()
    identifiers = identifiers_of(row)
    name = row.name(Field.NAME)
    penalty = _penalty(row, origin)
    if row.problems:
        return row.rejected()
    subject = RegisterSubject(
        identifiers=identifiers, name=name, kind=kind, channel=Channel.DECIDED_ELSEWHERE
    )
    return Planned(
        row=row.number,
        sent=row.cells,
        cells=row.kept_cells(),
        commands=(subject, penalty),
        warnings=tuple(row.warnings),
    )


def _penalty(row: Row, origin: FileRow) -> ImposePenalty:
    """The decision in the row; what is wrong is noted, and then it is not to be recorded."""
    _check_standing(row)
    fine, confiscated = _amount(row, _FINE), _sum(_amount(row, _CONFISCATED), _amount(row, _GOODS))
    kinds, kinds_text = _kinds(row, fine, confiscated)
    basis, instrument = _basis(row)
    return ImposePenalty(
        kinds=kinds,
        kinds_text=kinds_text,
        decided_on=_decided_on(row),
        effective_on=row.day(Field.EFFECTIVE_ON),
        acted_on=row.day(Field.ACTED_ON),
        published_on=row.day(Field.PUBLISHED_ON),
        served_on=row.day(Field.SERVED_ON),
        valid_until=row.end_day(Field.VALID_UNTIL),
        public_until=row.end_day(Field.PUBLIC_UNTIL),
        offence=row.text(Field.OFFENCE) or row.text(Field.CASE_NAME),
        facts=row.text(Field.FACTS),
        content=row.text(Field.CONTENT),
        fine=fine,
        confiscated=confiscated,
        licence=row.text(Field.LICENCE),
        source=row.line(Field.SOURCE),
        note=_note(row, instrument),
        channel=Channel.DECIDED_ELSEWHERE,
        origin=origin,
        basis=basis,
    )


def _check_standing(row: Row) -> None:
    """Refuse a row that says of itself that its decision was set aside."""
    found = row.one(Field.STATUS)
    if found is not None and _SET_ASIDE.match(found[1]):
        message = "the row says that the decision was set aside; record its annulment instead"
        row.note(found[0], "set-aside", message, value=shown(found[1]))


def _decided_on(row: Row) -> date:
    """The day of the decision; without it the row is rejected, and any day stands in for it."""
    problems = len(row.problems)
    decided_on = row.day(Field.DECIDED_ON)
    if decided_on is None and len(row.problems) == problems:
        message = "the day of the decision is missing or unknown; enter it"
        row.note(row.columns.first(Field.DECIDED_ON), "missing", message)
    return decided_on or date.min


def _amount(row: Row, fields: tuple[Field, ...]) -> Yuan | None:
    """One amount in the columns that may have it, which must not contradict each other."""
    known: list[tuple[Field, Yuan]] = []
    for field, unit in zip(fields, _UNITS, strict=True):
        amount = row.amount(field, unit) if field in row.columns.at else None
        if amount is not None:
            known.append((field, amount))
    if any(amount != known[0][1] for _, amount in known):
        message = "the amounts in the columns of one thing differ; leave one"
        row.note(row.columns.first(known[-1][0]), "columns-disagree", message)
    return known[0][1] if known else None


def _sum(one: Yuan | None, other: Yuan | None) -> Yuan | None:
    return Yuan(one + other) if one is not None and other is not None else one or other


def _kinds(
    row: Row, fine: Yuan | None, confiscated: Yuan | None
) -> tuple[tuple[PenaltyKind, ...], Text | None]:
    """The kinds, and the text where they do not say all of it; without column, by the amounts."""
    text = "、".join(text for _, text in row.filled(Field.KINDS))
    if not text:
        amounts = {PenaltyKind.FINE: fine, PenaltyKind.CONFISCATION: confiscated}
        known = tuple(kind for kind, amount in amounts.items() if amount)
        return known or (PenaltyKind.OTHER,), None
    try:
        check_text(text, TEXT_MAX)
    except BrokenCell as broken:
        row.note(row.columns.first(Field.KINDS), broken.code, broken.message)
    read = kinds_in(text)
    return read.kinds, None if read.complete else Text(text)


def _basis(row: Row) -> tuple[Basis, Text | None]:
    """The paper behind the decision, and its legal basis in full where that is more than a line."""
    name, code, region = row.name(Field.AUTHORITY), credit_code_of_authority(row), _region(row)
    known = name is not None or code is not None or region is not None
    number = row.document_number(Field.DOCUMENT_NUMBER)
    if number is None or name is None:
        field = Field.DOCUMENT_NUMBER if number is None else Field.AUTHORITY
        row.warn(row.columns.first(field), "no-natural-key", _NO_KEY)
    rests_on = row.text(Field.LEGAL_BASIS)
    instrument = None if rests_on is None else " ".join(rests_on.split())
    is_long = instrument is not None and len(instrument) > LINE_MAX
    if instrument is not None and is_long:
        instrument = f"{instrument[: LINE_MAX - 1]}…"
    basis = Basis(
        authority=Authority(name=name, code=code, region=region) if known else None,
        instrument=None if instrument is None else Line(instrument),
        document_number=number,
    )
    return basis, rests_on if is_long else None


def _note(row: Row, instrument: Text | None) -> Text | None:
    """The note of the row, and what has no field of its own: nothing of a decision is left out."""
    pieces = [note] if (note := row.text(Field.NOTE)) is not None else []
    if instrument is not None:
        pieces.append(Text(f"处罚依据：{instrument}"))
    for field in (_FINE[-1], _CONFISCATED[-1], _GOODS[-1]):
        for index, text in row.filled(field):
            if not {"元", "万"}.intersection(text):
                title = row.columns.all_titles[index].strip()
                pieces.append(Text(f"{title}：{text}"))
                row.warn(index, "amount-without-unit", _NO_UNIT, value=shown(text))
    note = Text("\n".join(pieces))
    if len(note) > TEXT_MAX:
        message = f"note and legal basis together are longer than {TEXT_MAX} characters"
        row.note(row.columns.first(Field.NOTE, Field.LEGAL_BASIS), "too-long", message)
    return note or None


def _region(row: Row) -> RegionCode | None:
    found = row.one(Field.REGION)
    if found is None or len(found[1]) != _REGION_LENGTH or not found[1].isdecimal():
        return None
    return RegionCode(found[1])
