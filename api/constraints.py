"""What may stand in each kind of field: the ledger's types, each with a check and a JSON schema."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, cast

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from ledger.commands import PublishEdition
from ledger.events import (
    EDITION_BYTES_MAX,
    Authority,
    Channel,
    CommitmentKind,
    CommitmentOutcome,
    ConvictedParty,
    PenaltyKind,
    Publicity,
)
from ledger.folding import BODY_NAME_MAX, name_problems
from ledger.identifiers import Identifier, IdentifierKind, SubjectKind, examine
from ledger.values import (
    ActId,
    Digest,
    DocumentNumber,
    EditionId,
    EventId,
    IndicatorId,
    Line,
    ListId,
    Name,
    Points,
    RegimeId,
    RegionCode,
    Role,
    RulebookId,
    Text,
    Yuan,
    points,
    yuan,
)

__all__ = ["CONSTRAINTS", "FIELD_CONSTRAINTS", "RULE_ID", "objection"]

ROWS_MAX: Final = 1_048_576
"""The rows that a sheet can have."""
RULE_ID: Final = re.compile(r"[a-z0-9][a-z0-9._/-]{0,63}")
"""The form of the ids of rulebooks, editions and lists."""

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YUAN: Final = re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,2})?")
_POINTS: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,6})?")
_ONE_LINE: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_LINES: Final = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+")

Check = Callable[[Any], object]
Schema = dict[str, Any]


def objection(code: str, detail: str) -> PydanticCustomError:
    """Why a value may not stand in its place: a stable code and a sentence."""
    return PydanticCustomError(cast("Any", code), "{detail}", {"detail": detail})


def _checked(check: Check, schema: Schema) -> Any:  # noqa: ANN401  # an annotation for pydantic
    return Annotated[Any, PlainValidator(check), WithJsonSchema(schema)]


def _a_string(value: object) -> str:
    if not isinstance(value, str):
        raise objection("wrong-type", "a JSON string is wanted here")
    return value


def _matching(pattern: str, what: str) -> Any:  # noqa: ANN401  # as above
    form = re.compile(pattern)

    def check(value: object) -> str:
        text = _a_string(value)
        if form.fullmatch(text) is None:
            raise objection("malformed", f"{what} has the form {pattern}")
        return text

    return _checked(check, {"type": "string", "pattern": f"^{pattern}$"})


def _text(form: re.Pattern[str], length_max: int, refused: str) -> Any:  # noqa: ANN401  # as above
    def check(value: object) -> str:
        text = _a_string(value)
        if not text.strip():
            raise objection("empty", "the text is empty; send null where it is unknown")
        if len(text) > length_max:
            raise objection("too-long", f"{len(text)} characters; at most {length_max} are allowed")
        if form.fullmatch(text) is None:
            raise objection("control-character", f"{refused} cannot stand here; take it out")
        return text

    return _checked(check, {"type": "string", "minLength": 1, "maxLength": length_max})


def _member_of(enum: type[StrEnum]) -> Any:  # noqa: ANN401  # as above
    members: Mapping[object, StrEnum] = {member.value: member for member in enum}
    allowed = ", ".join(member.value for member in enum)

    def check(value: object) -> StrEnum:
        member = members.get(_a_string(value))
        if member is None:
            raise objection("unknown-value", f"one of {allowed} is wanted here")
        return member

    return _checked(check, {"type": "string", "enum": [member.value for member in enum]})


def _day(value: object) -> date:
    text = _a_string(value)
    try:
        if _DAY.fullmatch(text) is None:
            raise objection(
                "malformed", "a day is YYYY-MM-DD in Asia/Shanghai, without time or offset"
            )
        return date.fromisoformat(text)
    except ValueError as error:
        raise objection("malformed", f"{text} is no day of the calendar") from error


def _name(value: object) -> str:
    text = _a_string(value)
    problems = name_problems(text, BODY_NAME_MAX)
    if problems:
        raise objection(problems[0].reason, problems[0].hint)
    return text


def _yuan(value: object) -> Decimal:
    text = _a_string(value)
    if _YUAN.fullmatch(text) is None:
        raise objection(
            "malformed", 'an amount is a string such as "30000.00": yuan, at most two decimals'
        )
    return yuan(text)


def _points(value: object) -> Decimal:
    text = _a_string(value)
    if _POINTS.fullmatch(text) is None:
        raise objection(
            "malformed", 'points are a string such as "-60": at most 9 digits and 6 decimals'
        )
    number = points(text)
    if not number:
        raise objection("zero", "an assessment of no points says nothing; leave it out")
    return number


def _identifier(value: object) -> Identifier:
    match value:
        case str():
            return _examined(value, None)
        case {"kind": str(kind), "value": str(code), **rest} if not rest:
            if kind not in {known.value for known in IdentifierKind}:
                allowed = ", ".join(known.value for known in IdentifierKind)
                raise objection("unknown-value", f"kind is one of {allowed}")
            return _examined(code, IdentifierKind(kind))
    raise objection("wrong-type", 'a code as a string, or {"kind": …, "value": …}, is wanted here')


def _examined(text: str, kind: IdentifierKind | None) -> Identifier:
    verdict = examine(text, kind)
    if verdict.identifier is None:
        raise objection(verdict.reason or "malformed", verdict.hint or "not a known code")
    return verdict.identifier


def _credit_code(value: object) -> str:
    return _examined(_a_string(value), IdentifierKind.USCC).value


def _edition_text(value: object) -> str:
    text = _a_string(value)
    size = len(text.encode("utf-8"))
    if size > EDITION_BYTES_MAX:
        raise objection(
            "too-long", f"{size} bytes of UTF-8; at most {EDITION_BYTES_MAX} are allowed"
        )
    return text


_RULE_ID_SCHEMA: Final = RULE_ID.pattern
_LINE: Final = _text(_ONE_LINE, 512, "a line break, control or change of direction")

CONSTRAINTS: Final[Mapping[object, Any]] = {
    Name: _checked(_name, {"type": "string", "minLength": 1, "maxLength": BODY_NAME_MAX}),
    Line: _LINE,
    Text: _text(_LINES, 5_000, "a control character"),
    DocumentNumber: _text(_ONE_LINE, 200, "a line break, control or change of direction"),
    Digest: _matching(r"sha256:[0-9a-f]{64}", "a digest"),
    RegionCode: _matching(r"[0-9]{6}", "a region (GB/T 2260)"),
    Yuan: _checked(_yuan, {"type": "string", "pattern": f"^{_YUAN.pattern}$"}),
    Points: _checked(_points, {"type": "string", "pattern": f"^{_POINTS.pattern}$"}),
    EventId: _matching(
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "the id of an event"
    ),
    ListId: _matching(_RULE_ID_SCHEMA, "a list"),
    RulebookId: _matching(_RULE_ID_SCHEMA, "a rulebook"),
    EditionId: _matching(_RULE_ID_SCHEMA, "an edition"),
    RegimeId: _matching(r"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)+", "a regime"),
    IndicatorId: _matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "an indicator"),
    ActId: _matching(r"[A-Za-z][A-Za-z0-9_-]{0,63}", "an act"),
    Role: _matching(r"[a-z][a-z0-9-]{0,63}", "a role"),
    Identifier: _checked(
        _identifier,
        {
            "anyOf": [
                {"type": "string", "minLength": 5, "maxLength": 64},
                {
                    "type": "object",
                    "properties": {
                        "kind": {"type": "string", "enum": [kind.value for kind in IdentifierKind]},
                        "value": {"type": "string", "minLength": 5, "maxLength": 64},
                    },
                    "required": ["kind", "value"],
                    "additionalProperties": False,
                },
            ]
        },
    ),
    date: _checked(_day, {"type": "string", "format": "date"}),
    bool: bool,
    int: Annotated[int, Field(ge=1, le=ROWS_MAX)],
    **{
        enum: _member_of(enum)
        for enum in (
            Channel,
            CommitmentKind,
            CommitmentOutcome,
            ConvictedParty,
            PenaltyKind,
            Publicity,
            SubjectKind,
        )
    },
}
"""The ledger's type -> what pydantic checks where a field has it."""

FIELD_CONSTRAINTS: Final[Mapping[tuple[type, str], Any]] = {
    (Authority, "code"): _checked(_credit_code, {"type": "string", "minLength": 18}),
    (PublishEdition, "text"): _checked(_edition_text, {"type": "string", "minLength": 1}),
}
"""The two fields whose text is of a kind of its own."""
