"""Commands: each is recorded by its own address, and its key tells for ever what became of it.

The busiest route of the service is a bare ASGI endpoint on purpose: validation happens once, in
`schemas`, and nothing stands between the server and the writer. `openapi` describes it.
"""

import asyncio
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl, quote

import msgspec
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from ledger.commands import COMMAND_NAMES
from ledger.events import NAME_OF, Event, RulebookEditionPublished
from ledger.refusals import Refused, UnknownSubject
from ledger.requests import EXISTS, Recorded, Request, TooContended, Unchanged

from ..answers import send_json, send_problem
from ..bodies import Disconnected, read_json_body
from ..headers import (
    Patience,
    Wishes,
    etag,
    expected_version,
    key_hash,
    patience,
    read_wishes,
)
from ..parts import CommandStatus, Overloaded, Parts, Receipt
from ..previews import preview_shown
from ..problems import Complaint, Good, Problem, of_refusal, unavailable
from ..schemas import Asked, parse_command

__all__ = ["PREFIX", "Commands"]

PREFIX: Final = "/v1/commands/"
_LOG: Final = structlog.get_logger("api")
_METHODS: Final = {"Allow": "GET, HEAD, POST"}
_RETRY: Final = {"Retry-After": "1"}
_TRUTHS: Final = {"true": True, "false": False}

RawHeaders = list[tuple[bytes, bytes]]


class Commands:
    """The ASGI endpoint below `/v1/commands/`."""

    def __init__(self, parts: Parts) -> None:
        """Record through these parts."""
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            if scope["method"] == "POST":
                await self._record(scope, receive, send)
            elif scope["method"] == "GET":
                await self._tell(scope, send)
            else:
                _refuse_method()
        except Problem as problem:
            await send_problem(scope, send, problem, self._parts.follower.entered)
        except Disconnected:
            return

    # Recording ------------------------------------------------------------------------------------

    async def _record(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = _command_name(scope)
        wishes = read_wishes(scope["headers"])
        body = await read_json_body(wishes, receive)
        is_dry_run = _is_dry_run(scope["query_string"])
        key = None if is_dry_run else key_hash(wishes.idempotency_key)
        version = expected_version(wishes.if_match)
        asked = parse_command(name, body)
        commands = (asked.command,)
        request = Request(
            commands=commands,
            command_hash=self._parts.command_hash(asked.subject_text, commands),
            key_hash=key,
            subject=asked.subject,
            expected_version=version,
        )
        try:
            if is_dry_run:
                await self._preview(request, asked, send)
            else:
                await self._submit(request, asked, wishes, send)
        except UnknownSubject as refusal:
            raise _not_there(refusal, version) from refusal
        except Refused as refusal:
            raise of_refusal(refusal) from refusal
        except (Overloaded, TooContended) as error:
            raise Problem("overloaded", str(error), headers=_RETRY) from error
        except self._parts.unavailable as error:
            raise unavailable(error) from error

    async def _submit(self, request: Request, asked: Asked, wishes: Wishes, send: Send) -> None:
        outcome = await self._parts.writer.submit(request)
        if isinstance(outcome, Recorded):
            _log("replayed" if outcome.replayed else "sequenced", asked, outcome, outcome.last)
            await self._answer_recorded(outcome, asked, wishes, send)
        elif isinstance(outcome, Unchanged):
            _log("unchanged", asked, outcome, outcome.position)
            await self._answer_unchanged(outcome, asked, send)
        else:
            raise outcome

    async def _answer_recorded(
        self, outcome: Recorded, asked: Asked, wishes: Wishes, send: Send
    ) -> None:
        wait = patience(wishes.prefer)
        receipt = await self._entered(outcome.last, outcome.chain, wait.seconds)
        headers = _preference(wait)
        if outcome.replayed:
            headers.append((b"idempotent-replay", b"true"))
        if receipt is None:
            place = quote(wishes.idempotency_key or "", safe="")
            headers += self._headers(self._parts.follower.entered, PREFIX + place)
            await send_json(send, Good.SEQUENCED, headers, _sequenced(outcome.stream))
            return
        _log("entered", asked, outcome, receipt.position)
        headers += self._headers(outcome.last, _address(outcome))
        headers.append((b"etag", etag(outcome.version).encode("ascii")))
        shown = _entered(receipt, outcome.stream, outcome.version)
        shown["events"] = [
            event_shown(event_id, NAME_OF[type(event)], position, event)
            for position, (event_id, event) in enumerate(outcome.events, start=outcome.first)
        ]
        shown["warnings"] = asked.warnings
        await send_json(send, Good.ENTERED, headers, shown)

    async def _answer_unchanged(self, outcome: Unchanged, asked: Asked, send: Send) -> None:
        headers = self._headers(outcome.position, None)
        headers.append((b"etag", etag(outcome.version).encode("ascii")))
        shown = {
            "state": "unchanged",
            "position": outcome.position,
            "subject": outcome.stream,
            "version": outcome.version,
            "events": (),
            "warnings": asked.warnings,
        }
        await send_json(send, Good.ANSWERED, headers, shown)

    async def _preview(self, request: Request, asked: Asked, send: Send) -> None:
        preview = await self._parts.writer.preview(request)
        shown = await run_in_threadpool(preview_shown, self._parts, preview)
        shown["warnings"] = asked.warnings
        await send_json(send, Good.ANSWERED, self._headers(preview.position, None), shown)

    # Telling --------------------------------------------------------------------------------------

    async def _tell(self, scope: Scope, send: Send) -> None:
        """What a key did, for ever."""
        wishes = read_wishes(scope["headers"])
        _refuse_parameters(scope["query_string"])
        key = scope["path"].removeprefix(PREFIX)
        try:
            status = await run_in_threadpool(self._parts.statuses.of_key, key_hash(key))
        except Refused as refusal:
            raise of_refusal(refusal) from refusal
        except self._parts.unavailable as error:
            raise unavailable(error) from error
        if status is None:
            raise Problem(
                "unknown-key", "nothing was recorded under this key; it may be sent again"
            )
        wait = patience(wishes.prefer)
        receipt = await self._entered(status.last, status.chain, wait.seconds)
        headers = _preference(wait)
        if receipt is None:
            headers += self._headers(self._parts.follower.entered, None)
            await send_json(send, Good.SEQUENCED, headers, _sequenced(status.stream))
            return
        headers += self._headers(max(status.last, self._parts.follower.entered), None)
        shown = _entered(receipt, status.stream, status.version)
        shown["events"] = await run_in_threadpool(self._stored, status)
        await send_json(send, Good.ANSWERED, headers, shown)

    def _stored(self, status: CommandStatus) -> list[dict[str, Any]]:
        return [
            stored_shown(value)
            for _, value in self._parts.statuses.records(status.first, status.last)
        ]

    async def _entered(self, position: int, chain: bytes, seconds: float) -> Receipt | None:
        """The receipt of the record with this chain hash; null if it is not entered in time."""
        future = self._parts.follower.wait(position, chain)
        if not future.done():
            await asyncio.wait((future,), timeout=seconds)
        if future.done():
            return future.result()
        future.cancel()
        return None

    def _headers(self, position: int, location: str | None) -> RawHeaders:
        headers = [(b"ledger-position", str(position).encode("ascii"))]
        if location is not None:
            headers.append((b"location", location.encode("ascii")))
        return headers


def event_shown(event_id: str, name: str, position: int, data: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON or an event
    """An event as every answer shows it."""
    return {"id": event_id, "type": name, "position": position, "data": data}


class _Stored(msgspec.Struct, frozen=True, gc=False):
    id: str
    type: str
    position: int
    data: msgspec.Raw


_STORED: Final = msgspec.json.Decoder(_Stored)


def stored_shown(value: bytes) -> dict[str, Any]:
    """The event in the bytes of a record, as every answer shows it."""
    stored = _STORED.decode(value)
    return event_shown(stored.id, stored.type, stored.position, stored.data)


def _refuse_method() -> NoReturn:
    detail = "a command is recorded with POST; GET tells what a key did"
    raise Problem("method-not-allowed", detail, headers=_METHODS)


def _command_name(scope: Scope) -> str:
    name: str = scope["path"].removeprefix(PREFIX)
    if name not in COMMAND_NAMES:
        detail = f"there is no such command; there are {', '.join(COMMAND_NAMES)}"
        raise Problem("not-found", detail)
    return name


def _is_dry_run(query: bytes) -> bool:
    if not query:
        return False
    _refuse_parameters(query, "dry_run")
    said = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))["dry_run"]
    if said not in _TRUTHS:
        raise _parameter("dry_run", "malformed", "true or false is wanted here")
    return _TRUTHS[said]


def _refuse_parameters(query: bytes, *known: str) -> None:
    """Refuse what is not known, and what is said twice."""
    names = [name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)]
    for name in names:
        if name not in known:
            raise _parameter(name, "unknown-field", "there is no such parameter here; take it out")
    if len(names) > len(known):
        raise _parameter(names[0], "duplicate", "the parameter stands twice; send it once")


def _parameter(name: str, code: str, detail: str) -> Problem:
    shown = name[:64].encode("ascii", "replace").decode("ascii")
    return Problem("invalid", detail, errors=(Complaint(f"/{shown}", code, detail, "query"),))


def _not_there(refusal: UnknownSubject, version: int | None) -> Problem:
    """`If-Match: *` says that the subject exists: that it does not is a failed precondition."""
    if version != EXISTS:
        return of_refusal(refusal)
    return Problem("stale-version", refusal.message, members={"expected": "*", "actual": 0})


def _log(what: str, asked: Asked, outcome: Recorded | Unchanged, position: int) -> None:
    """A line of the log; the trace stands in it by itself."""
    _LOG.info(
        what,
        command=asked.name,
        subject=outcome.stream,
        version=outcome.version,
        position=position,
    )


def _preference(wait: Patience) -> RawHeaders:
    if not wait.is_asked_for:
        return []
    return [(b"preference-applied", f"wait={wait.seconds}".encode("ascii"))]


def _address(outcome: Recorded) -> str:
    """Where what was recorded can be read."""
    last: Event = outcome.events[-1][1]
    if isinstance(last, RulebookEditionPublished):
        return f"/v1/editions/{quote(last.edition)}"
    return f"/v1/subjects/{quote(outcome.stream)}"


def _entered(receipt: Receipt, stream: str, version: int) -> dict[str, Any]:
    return {
        "state": "entered",
        "position": receipt.position,
        "leaf_hash": receipt.leaf_hash,
        "chain_hash": receipt.chain_hash,
        "partition": receipt.partition,
        "offset": receipt.offset,
        "subject": stream,
        "version": version,
    }


def _sequenced(stream: str) -> dict[str, Any]:
    return {"state": "sequenced", "subject": stream}
