"""Commands as the command line takes them, one JSON object each: recorded, or shown beforehand.

What is said is what the API says: the same schema, the same problems. Commands of a file share
transactions; each is done or refused by itself, in the order of the file.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ledger.events import NAME_OF
from ledger.refusals import Refused
from ledger.requests import Outcome, Recorded, Request, Unchanged

from .headers import key_hash
from .previews import preview_shown
from .problems import Problem, of_refusal
from .schemas import parse_command
from .strict_json import BODY_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .schemas import Asked
    from .wiring import Parts

__all__ = ["preview_command", "record_command", "record_commands"]

_BATCH: Final = 500
_ENTERED_S: Final = 10.0

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A command that was read, and the request that it is."""

    asked: Asked
    request: Request


def record_command(parts: Parts, body: bytes, key: str | None) -> Answer:
    """Record one command and wait until it is entered.

    Args:
        parts: the ledger.
        body: a JSON object in the API's schema, with the command's name in `command`.
        key: its idempotency key; without one a repeat is known by its facts alone.

    Returns:
        `status` is `recorded` (then `position` is that of its last event), `unchanged`,
        `sequenced` (it stands, and was not entered in time) or `refused` (then `problem` is the
        RFC 9457 document). All but a refused one have `subject`, `version`, `events`, `warnings`.

    Raises:
        TooContended: others changed the subject on every attempt.
        One of `parts.unavailable`: the ledger cannot be written now.
    """
    (answer,) = record_commands(parts, [(body, key)])
    return answer


def record_commands(parts: Parts, commands: Iterable[tuple[bytes, str | None]]) -> Iterator[Answer]:
    """Record commands in order, some hundreds in one transaction; an answer for each, in order.

    Answers are as `record_command` gives them. They come as the work goes on: whoever stops to
    take them stops the work.

    Raises:
        As `record_command`, in the middle of the work; what was answered stays recorded.
    """
    rest = iter(commands)
    while batch := list(islice(rest, _BATCH)):
        read = [_read(parts, body, key) for body, key in batch]
        yield from _recorded(parts, read)


def preview_command(parts: Parts, body: bytes, key: str | None) -> Answer:
    """What a command would record now, as `?dry_run=true` shows it; `status` is `preview`.

    Nothing is recorded, so that the key is only looked at. A refused one is answered as
    `record_command` does.
    """
    read = _read(parts, body, key)
    if isinstance(read, Problem):
        return _refused(read)
    request = read.request
    try:
        preview = parts.writer.between_batches(lambda service: service.preview(request)).result()
        shown = preview_shown(parts, preview)
    except Refused as refusal:
        return _refused(of_refusal(refusal))
    except Problem as problem:
        return _refused(problem)
    del shown["state"]
    return {"status": "preview", **_plain(shown), "warnings": _plain(read.asked.warnings)}


def _read(parts: Parts, body: bytes, key: str | None) -> _Wanted | Problem:
    """The request in a body, or what is wrong with it."""
    if len(body) > BODY_BYTES_MAX:
        return Problem("too-large", f"a command has at most {BODY_BYTES_MAX} bytes")
    try:
        asked = parse_command(None, body)
        commands = (asked.command,)
        request = Request(
            commands=commands,
            command_hash=parts.command_hash(asked.subject_text, commands),
            key_hash=None if key is None else key_hash(key),
            subject=asked.subject,
        )
    except Problem as problem:
        return problem
    return _Wanted(asked, request)


def _recorded(parts: Parts, read: Sequence[_Wanted | Problem]) -> Iterator[Answer]:
    requests = [one.request for one in read if isinstance(one, _Wanted)]
    outcomes = parts.writer.record(requests) if requests else ()
    _await_entered(parts, outcomes)
    following = iter(outcomes)
    for one in read:
        if isinstance(one, Problem):
            yield _refused(one)
        else:
            yield _answer(parts, next(following), one.asked)


def _await_entered(parts: Parts, outcomes: Sequence[Outcome]) -> None:
    """Wait a while until the log is accepted up to the last record of these."""
    last = max((one.last for one in outcomes if isinstance(one, Recorded)), default=0)
    with suppress(TimeoutError):
        parts.follower.until(last, _ENTERED_S)


def _answer(parts: Parts, outcome: Outcome, asked: Asked) -> Answer:
    if isinstance(outcome, Refused):
        return _refused(of_refusal(outcome))
    events: list[Answer] = []
    if isinstance(outcome, Recorded):
        events = [
            {"id": event_id, "type": NAME_OF[type(event)], "position": place, "data": event}
            for place, (event_id, event) in enumerate(outcome.events, start=outcome.first)
        ]
    return {
        "status": _status(parts, outcome),
        "position": outcome.position if isinstance(outcome, Unchanged) else outcome.last,
        "subject": outcome.stream,
        "version": outcome.version,
        "events": _plain(events),
        "warnings": _plain(asked.warnings),
    }


def _status(parts: Parts, outcome: Recorded | Unchanged) -> str:
    if isinstance(outcome, Unchanged):
        return "unchanged"
    return "recorded" if parts.follower.has(outcome.last, outcome.chain) else "sequenced"


def _refused(problem: Problem) -> Answer:
    return {"status": "refused", "problem": msgspec.json.decode(problem.document())}


def _plain(value: object) -> Any:  # noqa: ANN401  # any JSON value
    """As the API encodes it: events stand in answers as they stand on the log."""
    return msgspec.to_builtins(value)
