"""An operator's ways back: PostgreSQL from Kafka alone, the ledger itself, a topic made anew."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .maintenance import Json, NoProgress, ask, progress_of
from .output import Exit, fail, say, show, show_json
from .session import guarded, settings_of_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..wiring import Recovered, Republished, TakenOver

__all__ = ["register"]

_NOT_FENCED = "the ledger is {state}, not fenced: there is nothing to take over"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("recover")(recover)
    app.command("republish")(republish)


def recover(
    take_over: Annotated[
        bool,
        typer.Option("--take-over", help="Let this server write: open the next term behind it."),
    ] = False,
    trust_log: Annotated[
        bool,
        typer.Option("--trust-log", help="Take the public key that the log itself names."),
    ] = False,
    topic: Annotated[
        str | None,
        typer.Option(help="The topic to read (default: the ledger's longest one)."),
    ] = None,
    json_output: Json = False,
    no_progress: NoProgress = False,
) -> None:
    """Bring an empty PostgreSQL back from Kafka alone, and leave it fenced: read, not written.

    One that was cut off goes on. The end is proven: both stores are read anew, and have the same
    Merkle root; exit code 4 if not. `--take-over` then lets this server write, and does so for a
    ledger that is fenced already: nobody else may, from then on.
    """
    from .. import wiring

    settings = settings_of_environment()
    wiring.configure_logs()
    recovered: Recovered | None = None
    taken: TakenOver | None = None
    with _operated(), wiring.reach(settings) as database:
        if not take_over or wiring.needs_recovery(database):
            with progress_of("recover", rounds=3, hidden=no_progress) as progress:
                recovered = wiring.recover_ledger(
                    settings, database, trust_log=trust_log, topic=topic, progress=progress
                )
        if recovered is not None and recovered.is_key_from_log:
            _warn_of_keys(recovered)
        if take_over:
            taken = wiring.take_over_ledger(settings, database)
        state, reason = wiring.ledger_state(database)
    if json_output:
        show_json(
            {
                "recovered": None if recovered is None else _recovered(recovered),
                "taken_over": None if taken is None else _taken(taken),
                "state": state,
                "reason": reason,
            }
        )
        return
    if recovered is not None:
        _tell_recovered(recovered)
    if taken is not None:
        _tell_taken(taken)


@contextmanager
def _operated() -> Iterator[None]:
    """What an operator can do something about ends the process with its reason."""
    from .. import wiring

    try:
        with guarded(*wiring.UNRECOVERABLE):
            yield
    except wiring.NotProven as error:
        fail(f"not proven: {error}", Exit.NOT_VERIFIED)


def _warn_of_keys(recovered: Recovered) -> None:
    for key in recovered.keys:
        say(
            f"! NOT VERIFIED BY ANYBODY ELSE: the public key {key.key.hex()} came from the log"
            " itself; compare it with a copy of the ledger's keys.json, or with somebody who has"
            " one, before you rely on what was recovered"
        )


def _recovered(recovered: Recovered) -> dict[str, Any]:
    head = recovered.proof.head
    return {
        "topic": recovered.topic.name,
        "topic_id": recovered.topic.topic_id,
        "head": head.position,
        "term": head.term,
        "chain": head.chain.hex(),
        "root": recovered.proof.root.hex(),
        "counts": dict(recovered.counts),
        "keys": [
            {"public_key": one.key.hex(), "first_term": one.first_term, "last_term": one.last_term}
            for one in recovered.keys
        ],
        "key_from_log": recovered.is_key_from_log,
        "resumed_at": recovered.resumed_at,
        "refused": dict(recovered.refused),
        "seconds": round(recovered.seconds, 3),
    }


def _tell_recovered(recovered: Recovered) -> None:
    head = recovered.proof.head
    went_on = f", gone on at {recovered.resumed_at}" if recovered.resumed_at else ""
    show(
        f"recovered from {recovered.topic.name} up to position {head.position}, term {head.term}"
        f"{went_on}, {recovered.seconds:.1f} s"
    )
    for name, count in recovered.counts.items():
        show(f"  {name:<20} {count}")
    for reason, count in recovered.refused.items():
        show(f"  not entered: {reason:<7} {count}")
    show(f"  {'chain':<20} {head.chain.hex()}")
    show(f"  {'root':<20} {recovered.proof.root.hex()}")
    show("proven: PostgreSQL holds what Kafka holds; it is read, and not written")


def _taken(taken: TakenOver) -> dict[str, Any]:
    return {"done": taken.is_done, "head": taken.head.position, "term": taken.head.term}


def _tell_taken(taken: TakenOver) -> None:
    if taken.is_done:
        show(f"taken over: term {taken.head.term} is opened at position {taken.head.position}")
    else:
        show(_NOT_FENCED.format(state=taken.state))


def republish(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json_output: Json = False,
    no_progress: NoProgress = False,
) -> None:
    """Make a lost topic anew from PostgreSQL, byte for byte, and let the ledger live on it.

    A topic that still bears the name is left as it is, and the next name taken. The end is proven:
    the new topic is read back, and its Merkle root is PostgreSQL's; exit code 4 if not. Where
    nothing is lost nothing is done.
    """
    from .. import wiring

    if not yes:
        ask("republish", "Make the topic anew from PostgreSQL, if it is lost, and write there?")
    settings = settings_of_environment()
    wiring.configure_logs()
    with (
        _operated(),
        wiring.reach(settings) as database,
        progress_of("republish", rounds=3, hidden=no_progress) as progress,
    ):
        done, state, reason = wiring.republish_topic(settings, database, progress)
    if json_output:
        show_json({**_republished(done), "state": state, "reason": reason})
        return
    _tell_republished(done)
    show(f"the ledger is {state}" + ("" if reason is None else f": {reason}"))


def _republished(done: Republished) -> dict[str, Any]:
    proof = done.proof
    return {
        "how": done.how.value,
        "topic": done.topic.name,
        "topic_id": done.topic.topic_id,
        "former": None if done.former is None else done.former.name,
        "why": list(done.why),
        "sent": done.sent,
        "head": None if proof is None else proof.head.position,
        "chain": None if proof is None else proof.head.chain.hex(),
        "root": None if proof is None else proof.root.hex(),
        "seconds": round(done.seconds, 3),
    }


def _tell_republished(done: Republished) -> None:
    proof = done.proof
    if proof is None:
        show(f"topic {done.topic.name} is as it was pinned, to its end: nothing was done")
        return
    for why in done.why:
        show(f"  lost: {why}")
    found = "found again" if done.sent == 0 and done.how == "found-again" else f"{done.sent} sent"
    show(
        f"the ledger lives on {done.topic.name}, id {done.topic.topic_id}: {found},"
        f" {done.seconds:.1f} s"
    )
    show(f"  {'position':<20} {proof.head.position}")
    show(f"  {'chain':<20} {proof.head.chain.hex()}")
    show(f"  {'root':<20} {proof.root.hex()}")
