"""Clients: one command at a time each, sent again under its key until its outcome is known."""

from typing import Final

from .api import Api
from .clockwork import Clockwork
from .requests import Answer, Call, Operation, key_of

__all__ = ["Client"]

_SUBJECTS: Final = 4
_RECORDS: Final = (1, 1, 1, 2, 3)
_IF_MATCH_RATE: Final = 0.2
_CONTENT_RATE: Final = 0.2
_FINAL: Final = frozenset({201, 409, 412})
"""Answers after which a client goes on to its next command."""


class Client:
    """Somebody who commands; `calls` is all that was asked and told."""

    def __init__(self, number: int, clockwork: Clockwork) -> None:
        """A client that has asked nothing yet."""
        self.number = number
        self.calls: list[Call] = []
        self.operation: Operation | None = None
        self._clockwork = clockwork
        self._asked: Call | None = None
        self._count = 0

    def step(self, api: Api, *, may_begin: bool) -> None:
        """Take the answer, ask again, or begin with the next command, at this API process."""
        if self._asked is not None and self._asked.completed is None:
            return
        answer = None if self._asked is None else self._asked.answer
        self._asked = None
        if answer is not None and self._is_content(answer):
            self.operation = None
        if self.operation is None and may_begin:
            self.operation = self._next()
        if self.operation is not None:
            self._ask(self.operation, api, answer)

    def _is_content(self, answer: Answer) -> bool:
        """Whether the client goes on to its next command; some do when they are told 202."""
        return answer.code in _FINAL or (
            answer.code == 202 and self._clockwork.is_so(_CONTENT_RATE)
        )

    def _ask(self, operation: Operation, api: Api, answer: Answer | None) -> None:
        random = self._clockwork.random
        was_asked = bool(self.calls) and self.calls[-1].operation is operation
        is_status = was_asked and random.random() < 0.5
        if answer is not None and answer.code == 404:
            is_status = False  # unknown: the same key may be sent again
        call = Call(operation=operation, is_status=is_status, invoked=self._clockwork.tick())
        self.calls.append(call)
        (api.questions if is_status else api.inbox).append(call)
        self._asked = call

    def _next(self) -> Operation:
        random = self._clockwork.random
        self._count += 1
        subject = f"s-{random.randrange(_SUBJECTS)}"
        return Operation(
            client=self.number,
            key=key_of(self.number, self._count),
            subject=subject,
            records=random.choice(_RECORDS),
            if_match=random.randrange(6) if random.random() < _IF_MATCH_RATE else None,
        )
