"""Commands as JSON: strict models made from the ledger's own dataclasses, and the way back."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache, partial
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic.fields import FieldInfo

from ledger.commands import COMMAND_NAMES, Command, PublishEdition, RegisterSubject
from ledger.folding import name_warnings
from ledger.identifiers import Identifier, SubjectId, canonical, examine, is_subject_id, readings
from ledger.values import Name

from .constraints import CONSTRAINTS, FIELD_CONSTRAINTS, objection
from .problems import Complaint, Problem
from .strict_json import load, pointer_part

__all__ = [
    "COMMAND_MODELS",
    "Asked",
    "SubjectReference",
    "Warned",
    "has_subject",
    "parse_command",
    "subject_reference",
]

ITEMS_MAX: Final = 100
"""The items that any one list in a command may have."""

SubjectReference = SubjectId | tuple[Identifier, ...]
"""A subject by its id, or by every identifier that a text can be."""

_STRICT: Final = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)
_WITHOUT_SUBJECT: Final = (RegisterSubject, PublishEdition)


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something that was accepted and is odd: its pointer and a machine word."""

    pointer: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A command as it was asked for.

    `subject_text` is the canonical form of what named the subject; both are null for the commands
    that have none.
    """

    name: str
    command: Command
    subject: SubjectReference | None
    subject_text: str | None
    warnings: tuple[Warned, ...]


def parse_command(name: str | None, body: bytes | Mapping[str, Any]) -> Asked:
    """The command in a JSON object: its fields, `subject`, and `command` unless `name` is given.

    Args:
        name: the command's name; null takes it from the object, as a line of JSON Lines has it.
        body: JSON, or the object that was read from it.

    Raises:
        Problem: `malformed-json`, `too-complex`, or `invalid` with a complaint for each place.
    """
    given = load(body) if isinstance(body, bytes) else body
    if not isinstance(given, Mapping):
        raise _invalid((Complaint("", "wrong-type", "a JSON object is wanted"),))
    parts = dict(given)
    name = _command_name(name, parts.pop("command", None))
    form = _FORMS[name]
    complaints: list[Complaint] = []
    text, subject = _subject(form, parts, complaints)
    try:
        command = form.adapter.validate_python(parts)
    except ValidationError as error:
        raise _invalid((*complaints, *_complaints(error))) from error
    if complaints:
        raise _invalid(tuple(complaints))
    return Asked(
        name=name,
        command=command,
        subject=subject,
        subject_text=text,
        warnings=tuple(_warnings(form.warners, command, "")),
    )


def subject_reference(text: str) -> SubjectReference:
    """The subject that a text names: its id, or an identifier in any form.

    Raises:
        Problem: `invalid-identifier`, without the text, which may be a person's number.
    """
    if is_subject_id(text):
        return SubjectId(text)
    verdict = examine(text)
    # A text whose length shows its kind has no other reading; short ones need the whole search.
    found = (verdict.identifier,) if verdict.identifier else readings(text)
    if not found:
        detail = verdict.hint or "this is no identifier"
        complaint = Complaint("/subject", verdict.reason or "malformed", detail)
        raise Problem("invalid-identifier", detail, errors=(complaint,))
    return found


def _command_name(name: str | None, said: object) -> str:
    if said is not None and not isinstance(said, str):
        raise _invalid((Complaint("/command", "wrong-type", "a JSON string is wanted here"),))
    if name is None and said is None:
        raise _invalid((Complaint("/command", "missing", "the command's name is missing"),))
    if name is not None and said is not None and said != name:
        detail = f"the address says {name}, the body says another command"
        raise _invalid((Complaint("/command", "contradiction", detail),))
    wanted = name or str(said)
    if wanted not in _FORMS:
        detail = f"there is no such command; there are {', '.join(_FORMS)}"
        raise _invalid((Complaint("/command", "unknown-value", detail),))
    return wanted


def _subject(
    form: "_Form", parts: dict[str, Any], complaints: list[Complaint]
) -> tuple[str | None, SubjectReference | None]:
    """Take the subject out of the object: its canonical text and what it names."""
    if not form.has_subject:
        return None, None
    text = parts.pop("subject", None)
    if not isinstance(text, str):
        complaints.append(_no_subject(text))
        return None, None
    try:
        reference = subject_reference(text)
    except Problem as problem:
        complaints.extend(problem.errors)
        return None, None
    return (text if isinstance(reference, str) else canonical(text)), reference


def _no_subject(value: object) -> Complaint:
    if value is None:
        return Complaint(
            "/subject", "missing", "the subject's id or an identifier of it is missing"
        )
    return Complaint("/subject", "wrong-type", "a JSON string is wanted here")


def _invalid(complaints: tuple[Complaint, ...]) -> Problem:
    first = complaints[0]
    more = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
    return Problem(
        "invalid", f"{first.pointer or 'the body'}: {first.detail}{more}", errors=complaints
    )


def _complaints(error: ValidationError) -> Iterator[Complaint]:
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        pointer = "".join(f"/{pointer_part(str(part))}" for part in one["loc"])
        code, detail = _WORDS.get(one["type"], (one["type"].replace("_", "-"), one["msg"]))
        yield Complaint(pointer, code, detail)


_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "missing": ("missing", "this field is required"),
    "extra_forbidden": ("unknown-field", "there is no such field here; take it out"),
    "model_type": ("wrong-type", "a JSON object is wanted here"),
    "model_attributes_type": ("wrong-type", "a JSON object is wanted here"),
    "bool_type": ("wrong-type", "true or false is wanted here"),
    "int_type": ("wrong-type", "an integer is wanted here"),
}


# From a dataclass to its model --------------------------------------------------------------------


Warner = Callable[[Any, str], Iterator[Warned]]


@dataclass(frozen=True, slots=True)
class _Form:
    """How one command is read."""

    command: type[Command]
    model: type[BaseModel]
    adapter: TypeAdapter[Command]
    warners: Mapping[str, Warner]
    has_subject: bool


@cache
def _model(shape: type) -> type[BaseModel]:
    """The strict model of a dataclass: the same fields, each with the constraint of its type."""
    hints = get_type_hints(shape)
    definitions: dict[str, Any] = {
        one.name: (
            _annotation(hints[one.name], shape, one.name, required=_is_required(one)),
            _default(one),
        )
        for one in fields(shape)
    }
    model: type[BaseModel] = create_model(
        shape.__name__, __config__=_STRICT, __doc__=shape.__doc__, **definitions
    )
    return model


def _annotation(hint: Any, owner: type, name: str, *, required: bool) -> Any:  # noqa: ANN401  # annotations
    """What pydantic checks for a field of this type."""
    if (owner, name) in FIELD_CONSTRAINTS and get_origin(hint) is None:
        return FIELD_CONSTRAINTS[owner, name]
    if get_origin(hint) in {Union, UnionType}:
        (inner,) = (one for one in get_args(hint) if one is not NoneType)
        bound = FIELD_CONSTRAINTS.get((owner, name)) or _annotation(
            inner, owner, name, required=False
        )
        return bound | None
    if get_origin(hint) is tuple:
        inner = _annotation(get_args(hint)[0], owner, name, required=False)
        items = FieldInfo(min_length=1 if required else 0, max_length=ITEMS_MAX)
        sequence = tuple[inner, ...]  # type: ignore[valid-type]  # an annotation made at run time
        return Annotated[sequence, BeforeValidator(_as_tuple), items]
    if hint in CONSTRAINTS:
        return CONSTRAINTS[hint]
    if is_dataclass(hint):
        return _annotated(hint)
    message = f"{owner.__name__}.{name}: no constraint for {hint}; add it to api/constraints.py"
    raise TypeError(message)


def _annotated(shape: Any) -> Any:  # noqa: ANN401  # a dataclass as an annotation
    return Annotated[_model(shape), AfterValidator(partial(_built, shape))]


def _built(shape: Callable[..., Any], model: BaseModel) -> Any:  # noqa: ANN401  # an instance of shape
    return shape(**model.__dict__)


def _as_tuple(value: object) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise objection("wrong-type", "a JSON array is wanted here")
    return tuple(value)


def _is_required(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _default(one: Field[Any]) -> Any:  # noqa: ANN401  # whatever the field has
    return ... if one.default is MISSING else one.default


# What is odd --------------------------------------------------------------------------------------


@cache
def _warners(shape: type) -> Mapping[str, Warner]:
    """The fields of a dataclass that may be odd, with how to tell."""
    hints = get_type_hints(shape)
    found = {one.name: _warner(hints[one.name], shape, one.name) for one in fields(shape)}
    return {name: warner for name, warner in found.items() if warner is not None}


def _warner(hint: Any, owner: type, name: str) -> Warner | None:  # noqa: ANN401  # an annotation
    if get_origin(hint) in {Union, UnionType}:
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
    if get_origin(hint) is tuple:
        inner = _warner(get_args(hint)[0], owner, name)
        return None if inner is None else partial(_each, inner)
    if hint is Name:
        return _odd_name
    if hint is Identifier:
        return _odd_identifier
    if is_dataclass(hint):
        within = _warners(hint)  # type: ignore[arg-type]  # a class, not an instance
        return partial(_warnings, within) if within else None
    return None


def _warnings(warners: Mapping[str, Warner], value: Any, pointer: str) -> Iterator[Warned]:  # noqa: ANN401  # a dataclass
    for name, warner in warners.items():
        inner = getattr(value, name)
        if inner is not None:
            yield from warner(inner, f"{pointer}/{name}")


def _each(warner: Warner, values: tuple[Any, ...], pointer: str) -> Iterator[Warned]:
    for index, value in enumerate(values):
        yield from warner(value, f"{pointer}/{index}")


def _odd_name(name: str, pointer: str) -> Iterator[Warned]:
    for code in () if name.isalnum() else name_warnings(name):
        yield Warned(pointer=pointer, code=code)


def _odd_identifier(identifier: Identifier, pointer: str) -> Iterator[Warned]:
    for code in examine(identifier.value, identifier.kind).warnings:
        yield Warned(pointer=pointer, code=code)


# Every command ------------------------------------------------------------------------------------


def _form(command: type[Command]) -> _Form:
    return _Form(
        command=command,
        model=_model(command),  # type: ignore[arg-type]  # a class is hashable
        adapter=TypeAdapter(_annotated(command)),
        warners=_warners(command),  # type: ignore[arg-type]  # as above
        has_subject=command not in _WITHOUT_SUBJECT,
    )


_FORMS: Final[Mapping[str, _Form]] = MappingProxyType(
    {name: _form(command) for name, command in COMMAND_NAMES.items()}
)
COMMAND_MODELS: Final[Mapping[str, type[BaseModel]]] = MappingProxyType(
    {name: form.model for name, form in _FORMS.items()}
)
"""Command name -> the model of its fields, for the OpenAPI document."""


def has_subject(name: str) -> bool:
    """Whether the command of this name says which subject it is about."""
    return _FORMS[name].has_subject
