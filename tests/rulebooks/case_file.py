"""Reads the cases that lawyers write: the facts as events, the open choices as terms."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from ledger.courses.facts import Facts, facts_of
from ledger.dates import Period
from ledger.edition import read_edition
from ledger.events import (
    STORED_NAMES,
    UNKNOWN_BASIS,
    Assessment,
    Channel,
    ConvictedParty,
    Event,
    PenaltyKind,
    RoleGiven,
    SubjectRegistered,
)
from ledger.identifiers import SubjectKind
from ledger.rulebook import Edition, Regime, Rulebooks, rulebook_of
from ledger.rulebooks import shipped
from ledger.values import EventId, IndicatorId, RegimeId, Role, points

FOLDER = Path(__file__).parent / "cases"
_ROLE_SINCE = date(2000, 1, 1)
_OWN_KEYS = {"id", "event", "assessed"}
_NAMED_BY_ID = {
    "determination-made": "finding",
    "penalty-imposed": "finding",
    "conviction-recorded": "finding",
    "listing-proposed": "listing",
    "listing-decided": "listing",
    "restoration-granted": "restoration",
}
_WHERE_NOTHING_IS_SAID: Mapping[str, object] = {
    "assessments": (),
    "kinds": (),
    "dated": True,
    "due_provisional": False,
    "channel": Channel.DECIDED_ELSEWHERE,
    "basis": UNKNOWN_BASIS,
    "reason": "as the case says",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case: what is on record, under which rules, and what must be answered."""

    name: str
    regime: RegimeId
    facts: Facts
    rulebooks: Rulebooks
    expected: Mapping[str, Any]


def cases() -> Iterator[tuple[str, Case]]:
    """All cases of all files, each with a name for reports."""
    for path in sorted(FOLDER.glob("*.toml")):
        content = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
        for table in content["case"]:
            yield f"{path.stem}: {table['name']}", _case(content, table)


def _case(content: Mapping[str, Any], table: Mapping[str, Any]) -> Case:
    regime = RegimeId(content["regime"])
    edition = next(
        edition for text in shipped() if (edition := read_edition(text)).id == content["edition"]
    )
    for path, value in table.get("choice", {}).items():
        edition = _chosen(edition, regime, path, value)
    role = table.get("role", content.get("role"))
    recorded = [_registered(), *([_role(role)] if role else [])]
    recorded += [_event(fact, edition, regime, role) for fact in table["fact"]]
    named = ["subject", *(["role"] if role else []), *(fact["id"] for fact in table["fact"])]
    return Case(
        name=table["name"],
        regime=regime,
        facts=facts_of(
            (position, EventId(name), event)
            for position, (name, event) in enumerate(zip(named, recorded, strict=True), start=1)
        ),
        rulebooks=Rulebooks((edition,)),
        expected=table,
    )


def _registered() -> Event:
    return SubjectRegistered(
        kind=SubjectKind.ENTERPRISE,
        name=None,
        identifiers=(),
        region=None,
        channel=Channel.DECIDED_ELSEWHERE,
        basis=UNKNOWN_BASIS,
    )


def _role(role: str) -> Event:
    return RoleGiven(role=Role(role), effective_on=_ROLE_SINCE, basis=UNKNOWN_BASIS)


def _event(fact: Mapping[str, Any], edition: Edition, regime: RegimeId, role: str | None) -> Event:
    """The event that a fact of a case stands for; what the case leaves out is unknown."""
    event = STORED_NAMES[fact["event"]]
    known = {one.name for one in fields(event)}
    values: dict[str, Any] = dict.fromkeys(known) | {
        key: value for key, value in _WHERE_NOTHING_IS_SAID.items() if key in known
    }
    said = {
        "rulebook": edition.rulebook,
        "edition": edition.id,
        "effective_on": fact.get("decided_on"),
        "role": role,
        _NAMED_BY_ID.get(fact["event"], ""): fact["id"],
        "assessments": tuple(
            Assessment(regime=regime, indicator=IndicatorId(name), points=points(given))
            for name, given in fact.get("assessed", {}).items()
        ),
    }
    values |= {key: value for key, value in said.items() if key in known}
    for key, value in fact.items():
        if key in _OWN_KEYS:
            continue
        assert key in known, f"{fact['event']} has no {key}"
        values[key] = _typed(key, value)
    return event(**values)


def _typed(key: str, value: object) -> object:
    match key, value:
        case "kinds", list() as kinds:
            return tuple(PenaltyKind(kind) for kind in kinds)
        case "of", str() as party:
            return ConvictedParty(party)
        case _, list() as values:
            return tuple(values)
        case _:
            return value


def _chosen(edition: Edition, asked: RegimeId, path: str, value: object) -> Edition:
    """The edition with one term turned: `repeat.mode`, or of another regime `restoration/…`."""
    other, slash, rest = path.rpartition("/")
    name = RegimeId(f"{rulebook_of(asked)}/{other}") if slash else asked
    regimes = tuple(
        _turned(regime, rest, value) if regime.id == name else regime for regime in edition.regimes
    )
    assert regimes != edition.regimes or _is_default(edition, name, rest, value), path
    return replace(edition, regimes=regimes)


def _turned(regime: Regime, path: str, value: object) -> Regime:
    term_name, key = path.split(".")
    term = getattr(regime, term_name)
    if term_name == "period":
        turned = replace(term, period=Period(**{key: value}))  # type: ignore[arg-type]  # the case's
    else:
        assert key in {one.name for one in fields(term)}, path
        is_number = isinstance(getattr(term, key), Decimal)
        turned = replace(term, **{key: Decimal(str(value)) if is_number else value})
    return replace(regime, **{term_name: turned})


def _is_default(edition: Edition, name: RegimeId, path: str, value: object) -> bool:
    """A case may name the side on which the edition stands already."""
    term_name, key = path.split(".")
    return bool(getattr(getattr(edition.regime(name), term_name), key) == value)
