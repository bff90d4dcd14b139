"""The log of the service: JSON lines on stderr, in which no text can forge another line.

Nobody's name and nobody's number stands in it. The first defence is that nothing is logged that was
sent or recorded but positions, versions, words of closed lists and opaque ids of subjects; that
errors are told by `without_values`, since their messages quote; and that a trace has places and
kinds of errors alone. The last one takes away whatever still looks like a number of somebody.
"""

import logging
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import Any, Final

import psycopg
import structlog

__all__ = ["configure", "without_values"]

_OURS: Final = ("api.", "infra.", "ledger.", "projections.")
_ROOT: Final = Path(__file__).resolve().parent.parent
_CAUSES_MAX: Final = 5
_OPAQUE: Final = frozenset({"timestamp", "level", "trace_id", "subject"})
"""What is written by this program alone, and may have long numbers in it."""
_NUMBERS: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"[0-9]{17}[0-9Xx]"  # a citizen's number
    r"|[0-9A-Za-z]{2}[0-9]{6}[0-9A-Za-z]{10}"  # a unified social credit code
    r"|[0-9]{15}"  # a registration number, a citizen's number of before 1999
    r"|[0-9A-Za-z]{8}-[0-9A-Za-z]"  # an organisation code
    r"|1[3-9][0-9]{9}"  # a mobile telephone
    r")(?![0-9A-Za-z])"
)
_HIDDEN: Final = "…"


def without_values(error: BaseException) -> str:
    """An error as a log may have it: its kind, and its message where that quotes nothing recorded.

    Messages of PostgreSQL quote rows, those of decoders quote what they read: of such errors only
    kind and place are told. What this program itself raises where something is away or not as it
    must be speaks of positions, topics and addresses.
    """
    kind = type(error).__name__
    if isinstance(error, psycopg.Error):
        return f"{kind}: {_of_postgres(error)}"
    if isinstance(error, OSError):
        return f"{kind}: {error.strerror}"
    is_ours = isinstance(error, RuntimeError) and type(error).__module__.startswith(_OURS)
    if is_ours or type(error).__module__.startswith("kafka."):
        return f"{kind}: {error}"
    place = next(iter(reversed(list(_places(error.__traceback__)))), "an unknown place")
    return f"{kind} at {place}"


def _of_postgres(error: psycopg.Error) -> str:
    """The message of a line that is gone; of all else the code, and the constraint that it names.

    DETAIL, CONTEXT and the statement are never told.
    """
    said = error.diag.message_primary
    if isinstance(error, psycopg.OperationalError):
        return (said or str(error)).partition("\n")[0]
    constraint = error.diag.constraint_name
    return f"{error.sqlstate or 'no code'}{'' if constraint is None else f' of {constraint}'}"


def _places(trace: TracebackType | None) -> Iterator[str]:
    for frame in extract_tb(trace):
        file = Path(frame.filename)
        shown = file.relative_to(_ROOT) if file.is_relative_to(_ROOT) else Path(file.name)
        yield f"{shown}:{frame.lineno} in {frame.name}"


def _trace(error: BaseException) -> str:
    """Where an error came from, and what caused it: one place a line, without any value."""
    lines: list[str] = []
    cause: BaseException | None = error
    for _ in range(_CAUSES_MAX):
        if cause is None:
            break
        lines += [without_values(cause), *(f"  {place}" for place in _places(cause.__traceback__))]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\n".join(lines)


def _exception(_logger: object, _method: str, event: Any) -> Any:  # noqa: ANN401  # as structlog has it
    """Put the trace of the error, if one is logged, in the place of the error itself."""
    given = event.pop("exc_info", None)
    error = sys.exception() if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["exception"] = _trace(error)
    return event


def _foreign(_logger: object, _method: str, event: Any) -> Any:  # noqa: ANN401  # as structlog has it
    """What another library says of an error: the first line alone, as the rest may quote it."""
    if event.get("exc_info"):
        event["event"] = str(event["event"]).partition("\n")[0]
    return event


def _hide(_logger: object, _method: str, event: Any) -> Any:  # noqa: ANN401  # as structlog has it
    """Take away what looks like somebody's number, wherever it stands."""
    for name, value in event.items():
        if name not in _OPAQUE:
            event[name] = _hidden(value)
    return event


def _hidden(value: Any) -> Any:  # noqa: ANN401  # whatever is logged
    match value:
        case str():
            return _NUMBERS.sub(_HIDDEN, value)
        case list() | tuple():
            return [_hidden(one) for one in value]
        case dict():
            return {_hidden(name): _hidden(one) for name, one in value.items()}
        case _:
            return value


def configure(level: int = logging.INFO) -> None:
    """Log from now on as JSON lines on stderr, from `level` up.

    What other libraries log comes as JSON lines too, from warnings up; so does an error that
    nobody caught, in whatever thread.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exception,
        _hide,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(ensure_ascii=False)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,  # else one that was used before would keep its old stream
    )
    foreign = logging.StreamHandler(sys.stderr)
    foreign.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_foreign, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [foreign]
    root.setLevel(logging.WARNING)
    # What its client goes through while brokers are away is said once, by whoever needs them.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, Exception):
        sys.__excepthook__(kind, error, trace)  # Ctrl-C, as anybody knows it
        return
    structlog.get_logger(__name__).critical("nobody caught an error", exc_info=error)


def _uncaught_in_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_value is not None and isinstance(found.exc_value, Exception):
        name = "unknown" if found.thread is None else found.thread.name
        structlog.get_logger(__name__).critical(
            "nobody caught an error of a thread", exc_info=found.exc_value, thread=name
        )
