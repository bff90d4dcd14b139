"""The ledger's topic on Kafka: show it, say what is wrong with it, make it where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from .output import fail, show, show_json
from .session import guarded, settings_of_environment

if TYPE_CHECKING:
    from ..wiring import LedgerTopic

__all__ = ["register"]

_REMEDIES: Final = (
    "nothing is written to it until that is mended: a setting of a topic with kafka-configs.sh, "
    "one of a broker in its server.properties, copies with kafka-reassign-partitions.sh (or "
    "LEDGER_SINGLE_BROKER=true where one broker is all there is); partitions and a beginning "
    "cannot be taken back: `credit-ledger republish` makes the topic anew"
)


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("topic")(topic)


def topic(
    create: Annotated[
        bool, typer.Option("--create", help="Make it where the ledger has none.")
    ] = False,
    json_output: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False,
) -> None:
    """Show the ledger's topic on Kafka, and what is wrong with it.

    Asks Kafka alone and needs no database. One that is there is never touched. Exit code 1 if there
    is none, or if it is not as it must be.
    """
    from .. import wiring

    settings = settings_of_environment()
    wiring.configure_logs()
    with guarded(wiring.NoKafkaNamed, wiring.TooFewBrokers):
        found = wiring.find_topic(settings, create=create)
    show_json(_document(found)) if json_output else _tell(found)
    if found.topic is None:
        fail(
            "make it with `credit-ledger topic --create`; a lost one with `credit-ledger republish`"
        )
    if found.objections.complaints:
        fail(_REMEDIES)


def _document(found: LedgerTopic) -> dict[str, Any]:
    topic = found.topic
    return {
        "name": found.name,
        "id": None if topic is None else topic.topic_id,
        "created": found.is_new,
        "partitions": None if topic is None else topic.partitions,
        "copies": None if topic is None else topic.copies,
        "beginning": None if topic is None else topic.beginning,
        "end": None if topic is None else found.end,
        "former": list(found.former),
        "ok": not found.objections.complaints,
        "complaints": list(found.objections.complaints),
        "warnings": list(found.objections.warnings),
    }


def _tell(found: LedgerTopic) -> None:
    if found.topic is not None:
        made = ", made now" if found.is_new else ""
        show(f"topic {found.name}, id {found.topic.topic_id}{made}")
        show(f"  partitions {found.topic.partitions} · copies {found.topic.copies}")
        show(f"  offsets {found.topic.beginning} to {found.end}")
    for name in found.former:
        show(f"  beside the former {name}")
    for complaint in found.objections.complaints:
        show(f"! {complaint}")
    for warning in found.objections.warnings:
        show(f"? {warning}")
    if not found.objections.complaints:
        show("ok: as the log needs it")
