"""An edition of a rulebook, read from its TOML: whole, or refused with every problem and place."""

import hashlib
import re
import tomllib
from datetime import date
from decimal import Decimal
from typing import Any, Final

from .edition_regimes import read_regimes
from .edition_terms import ACT_FORM, Reading, Terms
from .events import EDITION_BYTES_MAX
from .rulebook import Act, CountsFacts, Edition, Mark, Source, Status
from .toml_table import EditionProblem, Table
from .values import ActId, Digest, EditionId, RulebookId

__all__ = ["SCHEMA", "EditionError", "EditionProblem", "read_edition"]

SCHEMA: Final = 1
"""The version of the shape that this module reads."""

_MESSAGE_PLACE: Final = re.compile(r"(.*) \(at (line \d+, column \d+|end of document)\)", re.DOTALL)
_WHOLE: Final = "edition"
_DOTS_MAX: Final = 200


class EditionError(ValueError):
    """The text is no edition; `problems` says why, each with its place."""

    def __init__(self, problems: tuple[EditionProblem, ...]) -> None:
        """Keep all problems."""
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


def read_edition(text: str) -> Edition:
    """The edition that a TOML text of at most 48 KiB states.

    Raises:
        EditionError: with every problem that was found; nothing of the text is taken then.
    """
    content = _bytes(text)
    problems: list[EditionProblem] = []
    table = Table(_parsed(text), "", problems)
    edition = _edition(table, Digest(f"sha256:{hashlib.sha256(content).hexdigest()}"))
    if problems:
        raise EditionError(tuple(problems))
    return edition


def _bytes(text: str) -> bytes:
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise _refused(_WHOLE, "contains half a surrogate pair; send the text as UTF-8") from error
    if len(content) > EDITION_BYTES_MAX:
        raise _refused(
            _WHOLE,
            f"is {len(content)} bytes; an edition has at most {EDITION_BYTES_MAX}."
            " Split it into rulebooks",
        )
    return content


def _parsed(text: str) -> dict[str, Any]:
    for number, line in enumerate(text.split("\n"), start=1):
        # tomllib takes time with the square of a dotted key's parts; a key stands on one line.
        if line.count(".") > _DOTS_MAX:
            raise _refused(
                f"line {number}", f"has {line.count('.')} dots; at most {_DOTS_MAX} on one line"
            )
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except RecursionError as error:
        raise _refused(
            _WHOLE, "is nested too deeply; no term needs more than a few levels"
        ) from error
    except ValueError as error:
        # tomllib says the place behind its message; a number of thousands of digits has none.
        found = _MESSAGE_PLACE.fullmatch(str(error))
        if found is None:
            raise _refused(_WHOLE, f"is not valid TOML: {error}") from error
        raise _refused(found[2], f"is not valid TOML: {found[1]}") from error


def _refused(place: str, message: str) -> EditionError:
    return EditionError((EditionProblem(place, message),))


def _edition(table: Table, digest: Digest) -> Edition:
    table.whole("schema", SCHEMA, SCHEMA)
    rulebook = RulebookId(table.id("rulebook"))
    id_ = EditionId(table.id("edition"))
    sources = _sources(table)
    terms = Terms(Reading(id_, sources, _act_names(table)))
    from_, until, in_force = _in_force(table, terms)
    succeeds = table.id_or_none("succeeds")
    if succeeds is not None and succeeds == id_:
        table.refuse("succeeds", f"{id_} cannot succeed itself")
    regimes = table.tables("regime")
    if table.values.get("regime", []) == []:
        table.refuse("regime", "is missing; an edition has at least one [[regime]]")
    edition = Edition(
        id=id_,
        rulebook=rulebook,
        title=table.text("title"),
        number=table.text_or_none("number"),
        status=table.word("status", Status),
        from_=from_,
        until=until,
        in_force=in_force,
        succeeds=None if succeeds is None else EditionId(succeeds),
        counts_facts=_counts_facts(table, terms),
        acts=_acts(table, terms),
        regimes=read_regimes(regimes, rulebook, terms),
        sources=tuple(sources.items()),
        digest=digest,
    )
    table.finish()
    return edition


def _sources(table: Table) -> dict[str, Source]:
    sources = {}
    named = table.table("source")
    for key, source in named.entries() if named is not None else ():
        sources[key] = Source(
            kind=source.text("kind"),
            title=source.text_or_none("title"),
            read_on=source.day_or_none("read_on"),
        )
        source.finish()
    return sources


def _in_force(table: Table, terms: Terms) -> tuple[date, date | None, Mark]:
    term = table.table("in_force")
    if term is None:
        return date.min, None, Mark(clause=None, verified=False, source=())
    from_, until = term.day("from"), term.day_or_none("until")
    if until is not None and until <= from_:
        term.refuse("until", f"{until} is not after the first day, {from_}")
    mark = terms.mark(term)
    term.finish()
    return from_, until, mark


def _counts_facts(table: Table, terms: Terms) -> CountsFacts | None:
    term = table.table_or_none("counts_facts")
    if term is None:
        return None
    counts = CountsFacts(
        from_before=term.choice("from_before", ("none", "running-at-start", "all")),
        mark=terms.mark(term),
    )
    term.finish()
    return counts


def _act_names(table: Table) -> frozenset[str]:
    acts = table.values.get("act")
    return frozenset(acts) if isinstance(acts, dict) else frozenset()


def _acts(table: Table, terms: Terms) -> tuple[Act, ...]:
    acts = []
    named = table.table_or_none("act")
    for name, act in named.entries() if named is not None else ():
        if not ACT_FORM.fullmatch(name):
            act.refuse("", "is no id of an act; write 1 to 64 of A-Z 0-9 _, the first a letter")
        acts.append(
            Act(
                id=ActId(name),
                waiver=act.text_or_none("waiver"),
                rests_on=terms.event_name(act, "rests_on"),
                mark=terms.mark(act),
            )
        )
        act.finish()
    return tuple(acts)
