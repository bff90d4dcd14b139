"""What the first run tells: the shipped sample, recorded once, and two subjects of it explained.

The story is told as of the day after the sample's newest fact, so that it is the same on any day.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from ledger.courses.interval import Reason
from ledger.dates import add_days, last_day_before
from ledger.explanation import Explanation, explain
from ledger.values import RegimeId
from projections.answers import At, SubjectShown

from . import questions, sample
from .cli.output import show
from .problems import Problem
from .wiring import Parts, elapsed

__all__ = ["await_views", "record_sample", "say_where", "tell"]

_ENTERPRISE: Final = RegimeId("demo/enterprise/score")
_RATING: Final = RegimeId("pa-rating/agency")
_MEASURES: Final = RegimeId("cnipa-credit/measures")


@dataclass(frozen=True, slots=True)
class _Words:
    """The sentences of the story in one language."""

    as_of: str
    was_graded: str
    is_graded: str
    is_state: str
    states: dict[str, str]
    why: str
    before: str
    comes: str
    no_longer: str
    no_clause: str
    nothing_comes: str
    unverified: str
    invented: str


_EN: Final = _Words(
    as_of="{name} ({code}), as of {day}, the day after the sample's newest fact:",
    is_graded="{regime}: grade {grade}, {score} points, {span}",
    is_state="{regime}: {state}, {span}",
    states={
        "under-measures": "under management measures",
        "clear": "clear",
        "listed": "listed",
        "no-edition": "no edition in force",
        "does-not-apply": "does not apply",
    },
    why="why",
    was_graded="grade {grade}, {score} points",
    before="a year before, on {day}: {said}",
    comes="changes on {day}: {said}, because {because}",
    no_longer="{what} no longer counts",
    no_clause="clause not known",
    nothing_comes="nothing recorded so far will change it",
    unverified="unverified: the edition has not been compared with the instrument",
    invented="invented for demonstration, not law",
)
_ZH: Final = _Words(
    as_of="{name}（{code}），截至 {day}（样例最新事实的次日）：",
    is_graded="{regime}：等级 {grade}，{score} 分，{span}",
    is_state="{regime}：{state}，{span}",
    states={
        "under-measures": "适用管理措施",
        "clear": "无",
        "listed": "已列入名单",
        "no-edition": "无有效规则",
        "does-not-apply": "不适用",
    },
    why="依据",
    was_graded="等级 {grade}，{score} 分",
    before="一年前（{day}）：{said}",
    comes="{day} 起变为：{said}，因{because}",
    no_longer="{what}期满",
    no_clause="条款不详",
    nothing_comes="就已记录的事实而言，不会再变化",
    unverified="未核实：该版本尚未与文件正本核对",
    invented="演示用，虚构，并非法律",
)
_LANGUAGES: Final = {"en": _EN, "zh": _ZH}


def record_sample(parts: Parts, say: Callable[[str], None]) -> None:
    """Record the sample through the importer and the commands that a user has; once only."""
    if parts.why_read_only is not None:
        say(f"! {parts.why_read_only}")
        return
    begun = elapsed()
    recorded = sample.record(parts)
    if recorded is None:
        say(f"✓ sample: there already, up to position {parts.follower.entered}")
    else:
        seconds = elapsed() - begun
        say(f"✓ sample (invented): {recorded.rows} rows, {recorded.events} events  {seconds:.1f} s")


_SHOWN_S: Final = 60.0


def await_views(parts: Parts, say: Callable[[str], None]) -> None:
    """Wait until the views show all that is entered, as they do soon after a start."""
    entered = parts.follower.entered
    if parts.views.wait(entered, _SHOWN_S):
        say(f"✓ projections up to position {parts.views.position()}")
    else:
        shown = parts.views.position()
        say(f"! projections at position {shown} of {entered}; they follow, /health says how far")


def tell(parts: Parts, language: str) -> None:
    """Tell of an enterprise and an agency: what holds, why, what was a year before, what comes."""
    words = _LANGUAGES[language]
    day = add_days(sample.newest_fact(), 1)
    for code, regimes in (
        (sample.enterprise(), (_ENTERPRISE,)),
        (sample.agency(), (_RATING, _MEASURES)),
    ):
        known_at = parts.views.position()
        try:
            subject = questions.who(parts.views, code, known_at)
        except Problem:
            continue  # a ledger that was begun without the sample
        show()
        show(words.as_of.format(name=subject.name, code=code, day=day))
        for regime in regimes:
            for line in _lines(parts, subject, regime, At(as_of=day, known_at=known_at), words):
                show(line)


def _lines(
    parts: Parts, subject: SubjectShown, regime: RegimeId, at: At, words: _Words
) -> Iterator[str]:
    facts = parts.views.facts(subject.subject, at.known_at)
    rulebooks = parts.views.rulebooks(at.known_at)
    now = explain(facts, regime, rulebooks, at.as_of)
    yield f"  {_says(now, words)}"
    edition = rulebooks.edition(now.edition) if now.edition is not None else None
    if edition is not None and not now.verified:
        yield f"    ({words.invented if edition.status == 'demo' else words.unverified})"
    for place, reason in enumerate(now.reasons):
        head = f"{words.why}:" if place == 0 else " " * (len(words.why) + 1)
        points = "" if reason.points is None else f"{_signed(reason.points):>7}  "
        clause = "" if reason.clause is None else f"  ({reason.clause})"
        until = "" if reason.until is None else f"  … {last_day_before(reason.until)}"
        what = _named(parts, subject, reason)
        note = "" if reason.note is None else f"  [{reason.note}]"
        lasts = f"{until}{note}" if reason.event is not None else ""
        yield f"    {head} {points}{what}{clause}{lasts}"
    year_before = _year_before(at.as_of)
    was = explain(facts, regime, rulebooks, year_before)
    yield f"    {words.before.format(day=year_before, said=_short(was, words))}"
    if now.next is None:
        yield f"    {words.nothing_comes}"
    else:
        then = explain(facts, regime, rulebooks, now.next.from_)
        because = _because(parts, subject, now, words)
        said = words.comes.format(day=now.next.from_, said=_short(then, words), because=because)
        yield f"    {said}"


def _named(parts: Parts, subject: SubjectShown, reason: Reason) -> str:
    return reason.indicator or _title(parts, subject, reason.position)


def _because(parts: Parts, subject: SubjectShown, now: Explanation, words: _Words) -> str:
    """Which facts end on the day of the next change, each with its clause."""
    coming = now.next
    assert coming is not None, "asked only where something comes"
    ends = [
        words.no_longer.format(what=_named(parts, subject, reason))
        + f" ({now.edition}, {reason.clause or words.no_clause})"
        for reason in now.reasons
        if reason.event in coming.events and reason.until == coming.from_
    ]
    return "; ".join(ends) or coming.because


def _says(now: Explanation, words: _Words) -> str:
    until = "" if now.until is None else f"{last_day_before(now.until)}"
    span = f"{now.from_} – {until}".rstrip()
    regime = f"{now.regime} [{now.edition}]"
    if now.score is not None:
        return words.is_graded.format(regime=regime, grade=now.grade, score=now.score, span=span)
    return words.is_state.format(
        regime=regime, state=words.states.get(now.state, now.state), span=span
    )


def _short(said: Explanation, words: _Words) -> str:
    if said.score is not None:
        return words.was_graded.format(grade=said.grade, score=said.score)
    return words.states.get(said.state, said.state)


def _signed(points: Decimal) -> str:
    return f"{points:+f}"


def _title(parts: Parts, subject: SubjectShown, position: int | None) -> str:
    at = position or 1
    entries = parts.views.timeline(subject.subject, at, after=at - 1, limit=1)
    return entries[0].type if entries else ""


def _year_before(day: date) -> date:
    """The corresponding day a year before; of 29 February the 28th."""
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)


def say_where(parts: Parts, url: str) -> None:
    """Where everything is, and what to try first."""
    show()
    trying_out = ": for trying out, development and tests" if parts.keeper is None else ""
    show(f"  log    {parts.log_name}{trying_out}")
    show(f"  API    {url}/docs")
    show(f"  health {url}/health")
    show(f"  try    curl -s {url}/v1/subjects/{sample.enterprise()}/explanation")
    show("  Ctrl-C to stop · make run RESET=1 to start over")
