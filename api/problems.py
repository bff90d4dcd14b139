"""What can be wrong with a request, and the HTTP status of each answer, known here alone.

A problem is an RFC 9457 document. Its `type` is `/problems/<code>`, served as a page; `code` and
`type` never change, words may.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Final

import msgspec
from fastapi_rfc9457 import PROBLEM_MEDIA_TYPE, ProblemDetail
from pydantic import BaseModel, Field

from ledger.refusals import (
    DiffersFromRecorded,
    EditionRefused,
    InvalidName,
    NotAnIdentifier,
    RefusalKind,
    Refused,
)

__all__ = [
    "PROBLEMS_PATH",
    "PROBLEM_MEDIA_TYPE",
    "PROBLEM_TYPES",
    "Complaint",
    "Good",
    "Problem",
    "ProblemModel",
    "ProblemType",
    "of_refusal",
    "of_status",
    "of_validation",
    "unavailable",
]


class Good(IntEnum):
    """The statuses of answers that are no problem."""

    ANSWERED = 200
    ENTERED = 201
    SEQUENCED = 202
    NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of problem: code, status, title in English and Chinese, and what to do about it."""

    code: str
    status: int
    title: str
    title_zh: str
    remedy: str


PROBLEMS_PATH: Final = "/problems/"

_BAD_REQUEST: Final = 400
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_PRECONDITION_FAILED: Final = 412
_INVALID: Final = 422
_UNAVAILABLE: Final = 503
_DEFECT: Final = 500

_OWN: Final = (
    ProblemType(
        "malformed-json",
        _BAD_REQUEST,
        "The body is not strict JSON",
        "请求体不是严格的 JSON",
        "Send UTF-8 without byte order mark, each name once, no NaN or Infinity.",
    ),
    ProblemType(
        "too-complex",
        _BAD_REQUEST,
        "The body is too deep or has too many names",
        "请求体嵌套过深或字段过多",
        "At most 32 levels and 10 000 names.",
    ),
    ProblemType(
        "malformed-header",
        _BAD_REQUEST,
        "A header cannot be read",
        "请求头无法识别",
        "`errors` names the header and the form that it has.",
    ),
    ProblemType(
        "idempotency-key-missing",
        _BAD_REQUEST,
        "A write needs an Idempotency-Key",
        "写入请求缺少 Idempotency-Key",
        "Send 1 to 255 visible ASCII characters, new for each write; the same for a retry.",
    ),
    ProblemType(
        "idempotency-key-reused",
        _INVALID,
        "The Idempotency-Key was used for another command",
        "Idempotency-Key 已用于其他请求",
        "Send a new key; a retry repeats the first body to the letter.",
    ),
    ProblemType(
        "malformed-path",
        _BAD_REQUEST,
        "The path cannot be read",
        "路径无法识别",
        "Percent-encode UTF-8.",
    ),
    ProblemType(
        "bad-cursor",
        _BAD_REQUEST,
        "The cursor was not given by this service for this question",
        "游标无效",
        "Send `next` of the page before as it is, with the same other parameters; or start anew.",
    ),
    ProblemType(
        "beyond-head",
        _BAD_REQUEST,
        "known_at lies behind the end of the log",
        "known_at 超出账本末尾",
        "`head` is the last position entered.",
    ),
    ProblemType(
        "invalid",
        _INVALID,
        "The request breaks its schema",
        "请求不符合格式要求",
        "`errors` lists each place and what may stand there.",
    ),
    ProblemType(
        "invalid-identifier",
        _INVALID,
        "This is no identifier of a subject",
        "主体标识无效",
        "Send the subject's id, or a code that passes its own check.",
    ),
    ProblemType(
        "regime-undecided",
        _INVALID,
        "Several regimes apply or none does",
        "适用的制度不唯一",
        "Name one of `regimes` with regime=.",
    ),
    ProblemType(
        "ambiguous-subject",
        _CONFLICT,
        "The code could mean several subjects",
        "该代码对应多个主体",
        "Ask for one of `subjects` by its id, or by a code of another kind.",
    ),
    ProblemType(
        "unknown-regime",
        _NOT_FOUND,
        "There is no such regime",
        "制度不存在",
        "Name one of `regimes`.",
    ),
    ProblemType(
        "not-found",
        _NOT_FOUND,
        "There is nothing here",
        "未找到",
        "The paths are listed at /docs.",
    ),
    ProblemType(
        "unknown-subject",
        _NOT_FOUND,
        "The ledger does not know this subject",
        "主体不存在",
        "Register it with register-subject.",
    ),
    ProblemType(
        "unknown-key",
        _NOT_FOUND,
        "Nothing was recorded under this key",
        "该键下没有记录",
        "The same key may be sent again.",
    ),
    ProblemType(
        "method-not-allowed",
        405,
        "The resource does not know this method",
        "不支持该方法",
        "The header Allow lists the methods. What was recorded is neither changed nor deleted.",
    ),
    ProblemType(
        "stale-version",
        _PRECONDITION_FAILED,
        "The stream is at another version",
        "版本已变化",
        "Read the subject again; `actual` is its version now.",
    ),
    ProblemType(
        "too-large",
        413,
        "The body is larger than 1 MiB",
        "请求体超过 1 MiB",
        "Send commands one by one; import files with the command line.",
    ),
    ProblemType(
        "unsupported-content",
        415,
        "The body is not application/json as it is",
        "仅支持未压缩的 application/json",
        "Send Content-Type: application/json in UTF-8, without Content-Encoding.",
    ),
    ProblemType(
        "overloaded",
        _UNAVAILABLE,
        "Too much waits to be recorded",
        "系统繁忙",
        "Nothing was recorded; send the same key again after Retry-After seconds.",
    ),
    ProblemType(
        "not-serving",
        _UNAVAILABLE,
        "The ledger cannot be written or read now",
        "账本暂不可用",
        "Send the same request, with the same key, again after Retry-After seconds.",
    ),
    ProblemType(
        "not-yet-projected",
        _UNAVAILABLE,
        "The views have not reached the position asked for",
        "视图尚未更新到所需位置",
        "Ask again after Retry-After seconds, or give more time with Prefer: wait=N.",
    ),
    ProblemType(
        "defect",
        _DEFECT,
        "The service has a defect",
        "服务内部错误",
        "Nothing tells whether a write was recorded but its key: see /v1/commands/{key}.",
    ),
)

_STATUS_OF_KIND: Final[Mapping[RefusalKind, int]] = {
    RefusalKind.NOT_FOUND: _NOT_FOUND,
    RefusalKind.CONFLICT: _CONFLICT,
    RefusalKind.INVALID: _INVALID,
    RefusalKind.FORBIDDEN_BY_RULES: _INVALID,
}


def _refusals(base: type[Refused]) -> Iterator[type[Refused]]:
    for refusal in base.__subclasses__():
        yield refusal
        yield from _refusals(refusal)


def _type_of(refusal: type[Refused]) -> ProblemType:
    """The kind of problem that a refusal of the rules is."""
    says = (refusal.__doc__ or refusal.code).partition("\n")[0].rstrip(".")
    remedy = "`detail` has the values and the remedy, `rule` what forbids it."
    return ProblemType(refusal.code, _STATUS_OF_KIND[refusal.kind], says, says, remedy)


PROBLEM_TYPES: Final[Mapping[str, ProblemType]] = MappingProxyType(
    {kind.code: kind for kind in (*map(_type_of, _refusals(Refused)), *_OWN)}
)
"""Code -> kind of problem: every refusal of the rules, and what can be wrong with a request."""

_CODE_OF_STATUS: Final[Mapping[int, str]] = {
    400: "malformed-path",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-content",
    422: "invalid",
    503: "not-serving",
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing wrong: its JSON pointer, into `place`, a stable code and a sentence."""

    pointer: str
    code: str
    detail: str
    place: str = "body"

    def as_json(self) -> dict[str, str]:
        """As it stands in `errors`."""
        return {
            "in": self.place,
            "pointer": self.pointer,
            "code": self.code,
            "detail": self.detail,
        }


@dataclass(eq=False)
class Problem(Exception):
    """A request that gets no good answer.

    `members` extend the document, `headers` the answer.
    """

    code: str
    detail: str
    errors: tuple[Complaint, ...] = ()
    members: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"

    @property
    def type(self) -> ProblemType:
        """What kind of problem it is."""
        return PROBLEM_TYPES[self.code]

    def document(self, language: str = "en") -> bytes:
        """The RFC 9457 document as it is sent, its title in English (`en`) or Chinese (`zh`)."""
        document: dict[str, Any] = {
            "type": f"{PROBLEMS_PATH}{self.code}",
            "title": self.type.title_zh if language == "zh" else self.type.title,
            "status": self.type.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [one.as_json() for one in self.errors]
        document.update(self.members)
        return msgspec.json.encode(document)


def unavailable(error: Exception) -> Problem:
    """The problem that a part is which cannot work now; what was asked may be asked again."""
    return Problem("not-serving", str(error), headers={"Retry-After": "1"})


def of_refusal(refusal: Refused) -> Problem:
    """The problem that a refusal of the rules is; it cites the rule and points to the field."""
    values = {_MEMBER.get(name, name): value for name, value in vars(refusal).items()}
    members = {name: value for name, value in values.items() if name not in _NO_MEMBERS}
    if refusal.rule is not None:
        members["rule"] = refusal.rule
    return Problem(refusal.code, refusal.message, errors=tuple(_places(refusal)), members=members)


_MEMBER: Final[Mapping[str, str]] = {"first": "position", "fields": "columns"}
_NO_MEMBERS: Final = frozenset({"message", "rule", "field", "problems", "reason"})


def _places(refusal: Refused) -> Iterator[Complaint]:
    if refusal.field is None:
        return
    pointer = "/" + refusal.field.strip("/").replace(".", "/")
    match refusal:
        case InvalidName(problems=problems):
            for one in problems:
                yield Complaint(pointer, one.reason, one.hint)
        case EditionRefused(problems=problems):
            for problem in problems:
                yield Complaint(pointer, refusal.code, str(problem))
        case NotAnIdentifier(reason=reason):
            yield Complaint(pointer, reason, refusal.message)
        case DiffersFromRecorded(fields=fields):
            for name in fields:
                yield Complaint(f"/{name}", refusal.code, refusal.message)
        case _:
            yield Complaint(pointer, refusal.code, refusal.message)


def of_status(status: int, detail: str, headers: Mapping[str, str]) -> Problem:
    """The problem that the framework means by a bare status."""
    return Problem(_CODE_OF_STATUS.get(status, "defect"), detail, headers=headers)


def of_validation(errors: Sequence[Any]) -> Problem:
    """The problem that the framework found with parameters, each at its place."""
    complaints = tuple(map(_complaint, errors))
    first = complaints[0]
    return Problem("invalid", f"{first.pointer}: {first.detail}", errors=complaints)


def _complaint(error: Mapping[str, Any]) -> Complaint:
    place, *path = (str(part) for part in error["loc"])
    # A name may be anything that was sent; it is shown, so it is kept short and harmless.
    pointer = "".join(f"/{part[:64].encode('ascii', 'replace').decode('ascii')}" for part in path)
    if error["type"] == "extra_forbidden":
        return Complaint(
            pointer, "unknown-field", "there is no such parameter here; take it out", place
        )
    return Complaint(pointer, str(error["type"]).replace("_", "-"), str(error["msg"]), place)


class ErrorModel(BaseModel):
    """One thing wrong, with its place."""

    in_: str = Field(
        alias="in", description="What the pointer points into: body, query, path, header."
    )
    pointer: str = Field(description="JSON pointer (RFC 6901) to the place.")
    code: str = Field(description="Stable word for what is wrong there.")
    detail: str = Field(description="A sentence with the remedy.")


class ProblemModel(ProblemDetail):
    """An RFC 9457 problem; further members depend on the code (`position`, `actual`, `head` …)."""

    code: str = Field(description="Stable word for the problem, the last part of `type`.")
    rule: str | None = Field(default=None, description="The rule that forbids it.")
    errors: list[ErrorModel] = Field(default=[], description="Each place and what is wrong there.")
