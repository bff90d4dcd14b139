"""Reading an edition: what it gives, and every refusal with its place."""

import hashlib
import re
import time
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal

import pytest

from ledger.dates import Period
from ledger.edition import EditionError, read_edition
from ledger.events import EDITION_BYTES_MAX
from ledger.rulebook import (
    DateName,
    Edition,
    ListingRegime,
    MeasuresRegime,
    RefusalKind,
    RestorationRegime,
    ScoringRegime,
    Status,
)
from ledger.values import ListId

TOP = """schema = 1
rulebook = "test/law"
edition = "test-1"
title = "试行"
number = "测〔2020〕1号"
status = "unchecked"
in_force = { from = 2020-01-01, until = 2030-01-01, verified = true, source = ["W1"] }
counts_facts = { from_before = "all", verified = false, source = ["M"] }
succeeds = "test-0"

[source]
W1 = { kind = "law firm", title = "A page", read_on = 2026-11-20 }
M = { kind = "memory" }

[act]
BAD_ACT = { clause = "6(1)", waiver = "7", verified = true, source = ["W1"] }
BREACH = { rests_on = "commitment-assessed", verified = true, source = ["W1"] }
"""
SCORING = """
[[regime]]
id = "score"
kind = "scoring"
applies_to = ["enterprise", "patent-agency"]
base = { points = 100, verified = true, source = ["W1"] }
floor = { points = 0, verified = true, source = ["W1"] }
ceiling = { points = 120.5, verified = true, source = ["W1"] }
bands = [
    { grade = "A+", above = 100, verified = false, source = ["M"] },
    { grade = "A", from = 100, verified = true, source = ["W1"] },
    { grade = "B", from = 60, verified = true, source = ["W1"] },
    { grade = "C", verified = true, source = ["W1"] },
]
caps = [{ list = "bad-list", points = 59, clause = "9", verified = true, source = ["W1"] }]
[[regime.node]]
id = "top"
title = "一级"
weight = { factor = 0.5, verified = false, source = ["M"] }
floor = { points = -40, verified = false, source = ["M"] }
ceiling = { points = 0, verified = false, source = ["M"] }
[[regime.node.node]]
id = "middle"
[[regime.node.node.indicator]]
id = "deep"
title = "三级"
on = { event = "determination-made", act = "BAD_ACT", role = ["patent-agency", "enterprise"] }
points = { from = -40, to = 0, given_by = "assessment", verified = true, source = ["W1"] }
lasts = { months = 12, verified = false, source = ["M"] }
[[regime.indicator]]
id = "ban"
on = { event = ["penalty-imposed"], kind = "stop-new-business" }
points = { is = -60, verified = true, source = ["W1"] }
clock = { start = "effective_on", verified = false, source = ["M"] }
lasts = { of = "penalty-term", verified = false, source = ["M"] }
"""
MEASURES = """
[[regime]]
id = "measures"
kind = "measures"
applies_to = "all"
on = { event = "determination-made", edition = "test-1" }
clock = { start = "decided_on", verified = false, source = ["M"] }
period = { years = 1, clause = "10", verified = false, source = ["M"] }
repeat = { while = "running", mode = "append", verified = false, source = ["M"] }
cap = { years = 3, of = "chain", then = "new-chain", verified = false, source = ["M"] }
when_one_ends_early = { others = "close-up", verified = false, source = ["M"] }
measure = [{ code = "m1", text = "从严审批", clause = "9", verified = true, source = ["W1"] }]
"""
LISTING = """
[[regime]]
id = "bad-list"
kind = "listing"
list = "test/bad-list"
entry = { by = "listing-decided", verified = false, source = ["M"] }
clock = { start = "effective_on", verified = false, source = ["M"] }
period = { years = 3, verified = false, source = ["M"] }
"""
RESTORATION = """
[[regime]]
id = "restoration"
kind = "restoration"
ends = ["score", "measures"]
earliest = { months = 6, start = "decided_on", offset_days = 1, verified = false, source = ["M"] }
decide_within = { working_days = 10, start = "accepted_on", verified = false, source = ["M"] }
refuse_if = [
    { previous_restoration_within = { years = 1 }, verified = false, source = ["M"] },
    { fraud_in_application = true, verified = false, source = ["M"] },
    { new_determination_since_request = true, verified = false, source = ["M"] },
]
"""
WHOLE = TOP + SCORING + MEASURES + LISTING + RESTORATION


def changed(old: str, new: str, text: str = WHOLE) -> str:
    """The text with one place changed; it must be there."""
    assert old in text, old
    return text.replace(old, new, 1)


def problems_of(text: str) -> dict[str, str]:
    """The problems of a text that is refused, by place."""
    with pytest.raises(EditionError) as refused:
        read_edition(text)
    return {problem.place: problem.message for problem in refused.value.problems}


def scoring_of(edition: Edition) -> ScoringRegime:
    regime = edition.regime("test/law/score")
    assert isinstance(regime, ScoringRegime)
    return regime


def measures_of(edition: Edition) -> MeasuresRegime:
    regime = edition.regime("test/law/measures")
    assert isinstance(regime, MeasuresRegime)
    return regime


def restoration_of(edition: Edition) -> RestorationRegime:
    regime = edition.regime("test/law/restoration")
    assert isinstance(regime, RestorationRegime)
    return regime


class TestWhatIsRead:
    def test_the_head_of_an_edition(self) -> None:
        edition = read_edition(WHOLE)
        assert (edition.id, edition.rulebook, edition.title) == ("test-1", "test/law", "试行")
        assert (edition.status, edition.number) == (Status.UNCHECKED, "测〔2020〕1号")
        assert (edition.from_, edition.until) == (date(2020, 1, 1), date(2030, 1, 1))
        assert (edition.in_force.clause, edition.in_force.source) == (None, ("W1",))
        assert edition.succeeds == "test-0"
        assert edition.counts_facts is not None
        assert edition.counts_facts.from_before == "all"
        assert [name for name, _ in edition.sources] == ["W1", "M"]
        assert edition.digest == "sha256:" + hashlib.sha256(WHOLE.encode()).hexdigest()

    def test_acts(self) -> None:
        edition = read_edition(WHOLE)
        act, breach = edition.act("BAD_ACT"), edition.act("BREACH")
        assert act is not None
        assert breach is not None
        assert (act.waiver, act.rests_on, act.mark.clause) == ("7", None, "6(1)")
        assert (breach.waiver, breach.rests_on) == (None, "commitment-assessed")
        assert edition.act("OTHER") is None

    def test_a_scoring_regime_with_its_tree(self) -> None:
        regime = scoring_of(read_edition(WHOLE))
        assert regime.applies_to == ("enterprise", "patent-agency")
        assert regime.base.points == 100
        assert regime.floor is not None
        assert regime.ceiling is not None
        assert (regime.floor.points, regime.ceiling.points) == (Decimal(0), Decimal("120.5"))
        assert [(band.grade, band.from_, band.above) for band in regime.bands] == [
            ("A+", None, 100),
            ("A", 100, None),
            ("B", 60, None),
            ("C", None, None),
        ]
        assert [(cap.list, cap.points) for cap in regime.caps] == [
            (ListId("bad-list"), Decimal(59))
        ]
        top = regime.nodes[0]
        assert top.weight is not None
        assert (top.id, top.title, top.weight.factor) == ("top", "一级", Decimal("0.5"))
        deep = top.nodes[0].indicators[0]
        assert (deep.id, deep.clock) == ("deep", None)
        assert deep.on.role == ("patent-agency", "enterprise")
        assert (deep.points.from_, deep.points.to, deep.points.is_) == (
            Decimal(-40),
            Decimal(0),
            None,
        )
        assert deep.lasts is not None
        assert deep.lasts.period == Period(months=12)
        ban = regime.indicators[0]
        assert (ban.points.is_, ban.on.kind) == (Decimal(-60), ("stop-new-business",))
        assert ban.lasts is not None
        assert (ban.lasts.of_penalty_term, ban.lasts.period) == (True, None)

    def test_a_measures_regime(self) -> None:
        regime = measures_of(read_edition(WHOLE))
        assert regime.applies_to == ()
        assert regime.period is not None
        assert (regime.period.period, regime.period.mark.clause) == (Period(years=1), "10")
        assert regime.repeat is not None
        assert (regime.repeat.mode, regime.repeat.last_day_counts) == ("append", True)
        assert regime.repeat.counted_from == "chain-start"
        assert regime.cap is not None
        assert (regime.cap.period, regime.cap.then) == (Period(years=3), "new-chain")
        assert regime.when_one_ends_early is not None
        assert regime.when_one_ends_early.others == "close-up"
        assert [measure.code for measure in regime.measures] == ["m1"]

    def test_a_listing_and_a_restoration_regime(self) -> None:
        edition = read_edition(WHOLE)
        listing = edition.regime("test/law/bad-list")
        assert isinstance(listing, ListingRegime)
        assert listing.entry is not None
        assert (listing.list, listing.entry.by) == ("test/bad-list", "listing-decided")
        regime = restoration_of(edition)
        assert regime.ends == ("test/law/score", "test/law/measures")
        assert regime.earliest is not None
        assert regime.earliest.period == Period(months=6)
        assert (regime.earliest.start, regime.earliest.offset_days) == (DateName.DECIDED_ON, 1)
        assert regime.decide_within is not None
        assert regime.decide_within.days == 10
        assert [ground.kind for ground in regime.refuse_if] == list(RefusalKind)
        assert regime.refuse_if[0].within == Period(years=1)

    def test_a_term_that_is_not_there_was_not_published(self) -> None:
        bare = TOP + '[[regime]]\nid = "m"\nkind = "measures"\non = { event = "penalty-imposed" }\n'
        bare += '[[regime]]\nid = "l"\nkind = "listing"\nlist = "l"\n'
        bare += '[[regime]]\nid = "r"\nkind = "restoration"\nends = ["m", "l"]\n'
        measures, listing, restoration = read_edition(bare).regimes
        assert isinstance(measures, MeasuresRegime)
        assert isinstance(listing, ListingRegime)
        assert isinstance(restoration, RestorationRegime)
        assert (measures.clock, measures.period, measures.repeat, measures.cap) == (None,) * 4
        assert (measures.when_one_ends_early, measures.measures) == (None, ())
        assert (listing.entry, listing.clock, listing.period) == (None, None, None)
        assert (restoration.earliest, restoration.decide_within, restoration.refuse_if) == (
            None,
            None,
            (),
        )

    def test_an_offset_that_is_not_there_is_none(self) -> None:
        regime = restoration_of(read_edition(changed(", offset_days = 1", "")))
        assert regime.earliest is not None
        assert regime.earliest.offset_days == 0

    def test_the_open_choices_of_a_repeat(self) -> None:
        text = changed('mode = "append"', 'mode = "parallel", last_day_counts = false')
        text = changed('"parallel"', '"parallel", counted_from = "last-day"', text)
        repeat = measures_of(read_edition(text)).repeat
        assert repeat is not None
        assert (repeat.mode, repeat.last_day_counts) == ("parallel", False)
        assert repeat.counted_from == "last-day"

    def test_an_act_of_another_edition_is_that_editions_to_know(self) -> None:
        read_edition(changed('act = "BAD_ACT"', 'act = "OTHER", edition = "other-1"'))

    def test_an_edition_without_acts_may_name_those_of_others(self) -> None:
        head, tail = WHOLE.index("[act]"), WHOLE.index("[[regime]]")
        assert read_edition(WHOLE[:head] + WHOLE[tail:]).acts == ()

    def test_no_number_is_a_float(self) -> None:
        seen = [read_edition(WHOLE)]
        floats = []
        while seen:
            value: object = seen.pop()
            if isinstance(value, float):
                floats.append(value)
            if is_dataclass(value) and not isinstance(value, type):
                seen += [getattr(value, one.name) for one in fields(value)]
            if isinstance(value, tuple):
                seen += list(value)
        assert floats == []


REFUSED: dict[str, tuple[str, str, str, str]] = {
    # what: (what stood there, what stands there now, place, part of the message)
    "another schema": ("schema = 1", "schema = 2", "schema", "write 1"),
    "no schema": ("schema = 1", "", "schema", "missing"),
    "a truth value for a number": ("schema = 1", "schema = true", "schema", "not a whole number"),
    "a decimal for a whole number": ("schema = 1", "schema = 1.0", "schema", "not a whole"),
    "a huge number": ("schema = 1", f"schema = 0x{'f' * 9000}", "schema", "out of range"),
    "an unknown key": ('title = "试行"', 'title = "试行"\nlaw = 1', "law", "known here: act,"),
    "an odd unknown key": (
        'title = "试行"',
        'title = "试行"\n"a b.c" = 1',
        "'a b.c'",
        "unknown key",
    ),
    "no title": ('title = "试行"\n', "", "title", "missing"),
    "a blank title": ('"试行"', '"  "', "title", "no line of text"),
    "a title of two lines": ('"试行"', '"a\\nb"', "title", "control characters"),
    "a title too long": ('"试行"', f'"{"长" * 513}"', "title", "512"),
    "an unknown status": ('"unchecked"', '"final"', "status", "official, unchecked"),
    "a rulebook in capitals": ('"test/law"', '"Test"', "rulebook", "a-z 0-9"),
    "a rulebook that ends in a slash": ('"test/law"', '"test/"', "rulebook", "each part"),
    "an edition of 65 characters": ('"test-1"', f'"{"e" * 65}"', "edition", "1 to 64"),
    "an edition without a name": ('"test-1"', '""', "edition", "is no id"),
    "an edition that succeeds itself": ('"test-0"', '"test-1"', "succeeds", "itself"),
    "a first day in quotes": ("from = 2020-01-01", 'from = "2020-01-01"', "in_force.from", "day"),
    "a first day with a time": (
        "from = 2020-01-01",
        "from = 2020-01-01T00:00:00",
        "in_force.from",
        "is not a day",
    ),
    "no first day": ("from = 2020-01-01, ", "", "in_force.from", "missing"),
    "an end on the first day": (
        "until = 2030-01-01",
        "until = 2020-01-01",
        "in_force.until",
        "not after",
    ),
    "no verified": ("verified = true, ", "", "in_force.verified", "missing"),
    "verified by a word": ("verified = true", 'verified = "yes"', "in_force.verified", "true or"),
    "no source": (', source = ["W1"]', "", "in_force.source", "missing"),
    "an empty source": ('source = ["W1"]', "source = []", "in_force.source", "at least one"),
    "an unknown source": ('["W1"]', '["W1", "W9"]', "in_force.source[1]", "known: M, W1"),
    "a source twice": ('["W1"]', '["W1", "W1"]', "in_force.source[1]", "twice"),
    "verified by memory alone": (
        'clause = "6(1)", waiver = "7", verified = true, source = ["W1"]',
        'verified = true, source = ["M"]',
        "act.BAD_ACT.verified",
        "by memory alone",
    ),
    "an unknown key of a source": ('"memory"', '"memory", url = "x"', "source.M.url", "read_on"),
    "a source that is no table": ('{ kind = "memory" }', '"memory"', "source.M", "not a table"),
    "an unknown from_before": ('"all"', '"some"', "counts_facts.from_before", "running-at-start"),
    "an act in small letters": ("BAD_ACT =", "bad_act =", "act.bad_act", "A-Z"),
    "an act that rests on no event": (
        "commitment-assessed",
        "commitment",
        "act.BREACH.rests_on",
        "no event",
    ),
    "two regimes of one id": ('id = "measures"', 'id = "score"', "regime[1].id", "already"),
    "a regime with a slash": ('id = "score"', 'id = "a/b"', "regime[0].id", "slash"),
    "an unknown kind of regime": ('"listing"', '"list"', "regime[2].kind", "scoring, measures"),
    "a regime for nobody": (
        'applies_to = "all"',
        "applies_to = []",
        "regime[1].applies_to",
        "at least",
    ),
    "a regime for a word that is no id": (
        'applies_to = "all"',
        'applies_to = ["ALL"]',
        "regime[1].applies_to[0]",
        "no kind and no role",
    ),
    "no base": (
        'base = { points = 100, verified = true, source = ["W1"] }',
        "",
        "regime[0].base",
        "missing",
    ),
    "a term without value": ("points = 100, ", "", "regime[0].base.points", "missing"),
    "points that are not finite": ("points = 100", "points = inf", "regime[0].base.points", "out"),
    "points that are no number": ("points = 100", "points = nan", "regime[0].base.points", "out"),
    "points with an exponent": ("points = 100", "points = 1e99", "regime[0].base.points", "out"),
    "points of seven decimals": (
        "points = 100",
        "points = 0.0000001",
        "regime[0].base.points",
        "6 decimals",
    ),
    "points in quotes": ("points = 100", 'points = "100"', "regime[0].base.points", "not a number"),
    "points that are true": ("points = 100", "points = true", "regime[0].base.points", "true is"),
    "a floor above the ceiling": (
        "points = 0, verified = true",
        "points = 120.6, verified = true",
        "regime[0].floor.points",
        "above the ceiling",
    ),
    "a node's floor above its ceiling": (
        "points = -40, verified",
        "points = 1, verified",
        "regime[0].node[0].floor.points",
        "above the ceiling",
    ),
    "no bands": ("bands = [", "ceiling2 = [", "regime[0].bands", "missing"),
    "bands that overlap": ("from = 60", "from = 101", "regime[0].bands[2]", "highest first"),
    "two bands from one number": ("from = 60", "from = 100", "regime[0].bands[2]", "highest"),
    "a band above what the one before takes": (
        'grade = "B", from = 60',
        'grade = "B", above = 100',
        "regime[0].bands[2]",
        "highest first",
    ),
    "an open band in the middle": ('"A", from = 100,', '"A",', "regime[0].bands[1]", "no later"),
    "scores that no band takes": (
        'grade = "C", verified',
        'grade = "C", from = 0, verified',
        "regime[0].bands[3]",
        "takes the rest",
    ),
    "from and above at once": (
        "above = 100",
        "above = 100, from = 100",
        "regime[0].bands[0]",
        "keep one",
    ),
    "a grade twice": ('grade = "B"', 'grade = "A"', "regime[0].bands[2].grade", "already"),
    "a band without grade": ('grade = "B", ', "", "regime[0].bands[2].grade", "missing"),
    "a cap without list": ('list = "bad-list", ', "", "regime[0].caps[0].list", "missing"),
    "a weight above 1": (
        "factor = 0.5",
        "factor = 1.000001",
        "regime[0].node[0].weight.factor",
        "outside 0 to 1",
    ),
    "a weight below 0": (
        "factor = 0.5",
        "factor = -0.000001",
        "regime[0].node[0].weight.factor",
        "outside 0 to 1",
    ),
    "a node that has a name already": ('id = "middle"', 'id = "top"', "*.id", "names another"),
    "an indicator of a node's name": ('id = "ban"', 'id = "deep"', "*.id", "names another"),
    "an indicator without on": (
        'on = { event = ["penalty-imposed"], kind = "stop-new-business" }',
        "",
        "regime[0].indicator[0].on",
        "missing",
    ),
    "an unknown event": (
        '["penalty-imposed"]',
        '["penalty"]',
        "regime[0].indicator[0].on.event",
        "no event has the name",
    ),
    "an event that is never counted": (
        '["penalty-imposed"]',
        '["penalty-imposed", "role-given"]',
        "regime[0].indicator[0].on.event",
        "never counted",
    ),
    "no event": (
        'event = ["penalty-imposed"], ',
        "",
        "regime[0].indicator[0].on.event",
        "missing",
    ),
    "an unknown penalty": (
        '"stop-new-business"',
        '"stop"',
        "regime[0].indicator[0].on.kind",
        "warning",
    ),
    "a key that the event does not have": (
        'kind = "stop-new-business"',
        'of = "subject"',
        "regime[0].indicator[0].on.of",
        "nothing could match",
    ),
    "an expression": (
        'kind = "stop-new-business"',
        'kind = "fine", when = "fine > 3"',
        "regime[0].indicator[0].on.when",
        "unknown key",
    ),
    "an act that the edition does not know": (
        'act = "BAD_ACT"',
        'act = "GOOD_ACT"',
        "regime[0].node[0].node[0].indicator[0].on.act",
        "known: BAD_ACT, BREACH",
    ),
    "no points": (
        'points = { is = -60, verified = true, source = ["W1"] }',
        "",
        "regime[0].indicator[0].points",
        "missing",
    ),
    "points without value": ("is = -60, ", "", "regime[0].indicator[0].points", "needs either"),
    "points and a range": (
        "is = -60",
        "is = -60, to = 0",
        "regime[0].indicator[0].points",
        "needs either",
    ),
    "a range that nobody gives": (
        ', given_by = "assessment"',
        "",
        "regime[0].node[0].node[0].indicator[0].points",
        "needs either",
    ),
    "a range upside down": (
        "from = -40, to = 0",
        "from = 1, to = 0",
        "regime[0].node[0].node[0].indicator[0].points.from",
        "exchange",
    ),
    "an unknown date": (
        'clock = { start = "effective_on"',
        'clock = { start = "born_on"',
        "regime[0].indicator[0].clock.start",
        "decided_on",
    ),
    "a validity of nothing": ('of = "penalty-term", ', "", "regime[0].indicator[0].lasts", "none"),
    "a validity of a term and years": (
        'of = "penalty-term"',
        'of = "penalty-term", years = 1',
        "regime[0].indicator[0].lasts",
        "needs either",
    ),
    "a validity in working days": (
        "months = 12",
        "working_days = 12",
        "regime[0].node[0].node[0].indicator[0].lasts.working_days",
        "unknown key",
    ),
    "a period of two units": (
        "months = 12",
        "months = 12, days = 1",
        "regime[0].node[0].node[0].indicator[0].lasts",
        "months, days",
    ),
    "a period of nothing": ("months = 12", "months = 0", "*.lasts.months", "write 1 to"),
    "a period beyond all use": ("months = 12", "months = 2401", "*.lasts.months", "to 2400"),
    "measures without on": (
        'on = { event = "determination-made", edition = "test-1" }',
        "",
        "regime[1].on",
        "missing",
    ),
    "measures on a listing": (
        'event = "determination-made", edition = "test-1"',
        'event = "listing-decided"',
        "regime[1].on.event",
        "never counted here",
    ),
    "an unknown mode": ('"append"', '"add"', "regime[1].repeat.mode", "append, parallel"),
    "another while": ('"running"', '"always"', "regime[1].repeat.while", "running"),
    "an unknown counted_from": (
        'mode = "append"',
        'mode = "append", counted_from = "x"',
        "regime[1].repeat.counted_from",
        "chain-start, last-day",
    ),
    "a last day that counts 1": (
        'mode = "append"',
        'mode = "append", last_day_counts = 1',
        "regime[1].repeat.last_day_counts",
        "true or false",
    ),
    "an unknown then": ('"new-chain"', '"stop"', "regime[1].cap.then", "new-chain, carry-over"),
    "an unknown of": ('"chain"', '"window"', "regime[1].cap.of", "chain"),
    "unknown others": ('"close-up"', '"x"', "regime[1].when_one_ends_early.others", "keep-dates"),
    "a measure without text": (', text = "从严审批"', "", "regime[1].measure[0].text", "missing"),
    "a measure twice": (
        "measure = [{",
        'measure = [{ code = "m1", text = "x", verified = false, source = ["M"] }, {',
        "regime[1].measure[1].code",
        "already",
    ),
    "a measure that is no table": ("measure = [{", "measure = [1, {", "regime[1].measure[0]", "1"),
    "a listing without list": ('list = "test/bad-list"\n', "", "regime[2].list", "missing"),
    "an entry by no event": (
        'by = "listing-decided"',
        'by = "x"',
        "regime[2].entry.by",
        "no event",
    ),
    "an entry by nothing": ('by = "listing-decided", ', "", "regime[2].entry.by", "missing"),
    "a restoration that ends nothing": (
        '["score", "measures"]',
        "[]",
        "regime[3].ends",
        "at least one",
    ),
    "a restoration that ends an unknown regime": (
        '["score", "measures"]',
        '["score", "other"]',
        "regime[3].ends[1]",
        "known: score, measures, bad-list",
    ),
    "a restoration that ends itself": (
        '["score", "measures"]',
        '["restoration"]',
        "regime[3].ends[0]",
        "can end",
    ),
    "an offset below 0": ("offset_days = 1", "offset_days = -1", "*.offset_days", "0 to 366"),
    "a decision within 0 days": ("working_days = 10", "working_days = 0", "*.working_days", "1 to"),
    "a decision within months": (
        "working_days = 10",
        "months = 10",
        "regime[3].decide_within.working_days",
        "missing",
    ),
    "a ground of nothing": (
        "fraud_in_application = true, ",
        "",
        "regime[3].refuse_if[1]",
        "needs one of",
    ),
    "two grounds in one": (
        "fraud_in_application = true",
        "fraud_in_application = true, new_determination_since_request = true",
        "regime[3].refuse_if[1]",
        "needs one of",
    ),
    "a ground that is false": (
        "fraud_in_application = true",
        "fraud_in_application = false",
        "regime[3].refuse_if[1].fraud_in_application",
        "leave it out",
    ),
    "a ground within nothing": (
        "{ years = 1 }, verified",
        "{ }, verified",
        "regime[3].refuse_if[0].previous_restoration_within",
        "needs one of years",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_its_place(what: str) -> None:
    old, new, place, message = REFUSED[what]
    problems = problems_of(changed(old, new))
    at = next(one for one in problems if one == place or one.endswith(place.removeprefix("*")))
    assert message in problems[at]


class TestBothSidesOfABoundary:
    @pytest.mark.parametrize("factor", ["0", "1", "0.000001", "1.0"])
    def test_a_weight_from_0_to_1(self, factor: str) -> None:
        regime = scoring_of(read_edition(changed("factor = 0.5", f"factor = {factor}")))
        weight = regime.nodes[0].weight
        assert weight is not None
        assert weight.factor == Decimal(factor)

    def test_a_floor_at_the_ceiling(self) -> None:
        read_edition(changed("points = 0, verified = true", "points = 120.5, verified = true"))

    def test_a_range_of_one_number(self) -> None:
        read_edition(changed("from = -40, to = 0", "from = 0, to = 0"))

    def test_an_edition_of_one_day(self) -> None:
        assert read_edition(changed("until = 2030-01-01", "until = 2020-01-02")).until is not None

    @pytest.mark.parametrize("name", ["e" * 64, "0", "a/b", "a.b_c-d"])
    def test_ids_that_are_sound(self, name: str) -> None:
        assert read_edition(changed('"test-1"\ntitle', f'"{name}"\ntitle')).id == name

    def test_memory_beside_a_source_that_was_read(self) -> None:
        read_edition(changed('source = ["W1"]', 'source = ["M", "W1"]'))

    @pytest.mark.parametrize("kind", ["memory", "inference", "invented"])
    def test_what_verifies_nothing(self, kind: str) -> None:
        assert "in_force.verified" in problems_of(changed('"law firm"', f'"{kind}"'))

    def test_four_levels_and_five(self) -> None:
        tree = '[[regime]]\nid = "x"\nkind = "scoring"\n'
        tree += 'base = { points = 1, verified = false, source = ["M"] }\n'
        tree += 'bands = [{ grade = "A", verified = false, source = ["M"] }]\n'
        four = tree + "".join(
            f'[[regime{".node" * depth}]]\nid = "n{depth}"\n' for depth in (1, 2, 3)
        )
        leaf = 'id = "leaf"\non = { event = "penalty-imposed" }\n'
        leaf += 'points = { is = 1, verified = false, source = ["M"] }\n'
        read_edition(f"{TOP}{four}[[regime.node.node.node.indicator]]\n{leaf}")
        five = f'{four}[[regime.node.node.node.node]]\nid = "n4"\n'
        five += f"[[regime.node.node.node.node.indicator]]\n{leaf}"
        problems = problems_of(TOP + five)
        assert "at most 4 levels" in problems["regime[0].node[0].node[0].node[0].node[0]"]

    def test_a_node_with_nothing_below(self) -> None:
        text = changed('id = "middle"\n', 'id = "middle"\n[[regime.node.node]]\nid = "empty"\n')
        text = changed('id = "middle"\n[[regime.node.node]]\nid = "empty"\n', 'id = "none"\n', text)
        cut = text.index("[[regime.node.node.indicator]]"), text.index("[[regime.indicator]]")
        problems = problems_of(text[: cut[0]] + text[cut[1] :])
        assert "could never count" in problems["regime[0].node[0].node[0]"]

    def test_the_largest_text_and_one_byte_more(self) -> None:
        room = EDITION_BYTES_MAX - len(WHOLE.encode())
        read_edition(WHOLE + "#" * room)
        assert "at most 49152" in problems_of(WHOLE + "#" * (room + 1))["edition"]

    def test_bytes_are_counted_not_characters(self) -> None:
        room = EDITION_BYTES_MAX - len(WHOLE.encode())
        assert "bytes" in problems_of(WHOLE + "#" + "号" * (room // 3 + 1))["edition"]


ODD_VALUES = (
    *("0", "-1", "1.5", "nan", "true", '""', '"x"', "2020-01-01", "2020-01-01T00:00:00Z"),
    *("[]", "[1]", "[[]]", '["x"]', "[{}]", "{}", "{ x = 1 }"),
)


VALUE = re.compile(r"(?<== )(?=(\"[^\"]*\"|[^\s,\[{]+|\[\"[^\]]*\]|\{[^{}]*\}))")
"""Each value of the text, also those within an inline table."""


def is_read(text: str) -> bool:
    """Whether the text is read; anything but a refusal with places is an error."""
    try:
        read_edition(text)
    except EditionError as error:
        return not all(problem.place and problem.message for problem in error.problems)
    return True


@pytest.mark.parametrize("odd", ODD_VALUES)
def test_an_odd_value_anywhere_is_read_or_refused_with_a_place(odd: str) -> None:
    texts = [WHOLE[: at.start(1)] + odd + WHOLE[at.end(1) :] for at in VALUE.finditer(WHOLE)]
    assert len(texts) > 150
    read = [text for text in texts if is_read(text)]
    assert len(read) < len(texts) / 2


class TestTheWholeText:
    def test_all_problems_are_found_at_once(self) -> None:
        text = changed("schema = 1", "schema = 2")
        text = changed("factor = 0.5", "factor = 2", text)
        text = changed("offset_days = 1", "offset_days = true", text)
        assert list(problems_of(text)) == [
            "schema",
            "regime[0].node[0].weight.factor",
            "regime[3].earliest.offset_days",
        ]

    def test_an_error_reads_as_place_and_message(self) -> None:
        with pytest.raises(EditionError, match=r"^schema: 2 is out of range; write 1$") as refused:
            read_edition(changed("schema = 1", "schema = 2"))
        assert str(refused.value.problems[0]) == "schema: 2 is out of range; write 1"

    def test_an_empty_text_names_all_that_is_missing(self) -> None:
        assert set(problems_of("")) == {
            "schema",
            "rulebook",
            "edition",
            "source",
            "in_force",
            "regime",
            "title",
            "status",
        }

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("schema = 1\nrulebook = test", "line 2, column 12"),
            ("schema = ", "end of document"),
            ("a = 1\na = 2\n", "line 2, column 6"),
            ("\ufeffschema = 1", "line 1, column 1"),
            ("schema = 1\x00", "line 1, column 11"),
            (f"a = {'9' * 5000}", "edition"),
            (f"a = {'[' * 20_000}{']' * 20_000}", "edition"),
            (f"{'a = {' * 9_000}", "edition"),
            ("\ud800 = 1", "edition"),
        ],
    )
    def test_what_is_no_toml_is_refused_where_it_breaks(self, text: str, place: str) -> None:
        assert list(problems_of(text)) == [place]

    def test_a_million_lines_are_refused_at_once(self) -> None:
        assert list(problems_of("a = 1\n" * 1_000_000)) == ["edition"]

    def test_a_line_of_200_dots_is_read_and_one_of_201_refused(self) -> None:
        read_edition(f"{WHOLE}# {'.' * 200}")
        last = WHOLE.count("\n") + 1
        assert "201 dots" in problems_of(f"{WHOLE}# {'.' * 201}")[f"line {last}"]

    @pytest.mark.parametrize(
        "text",
        [
            f"{'a.' * 24_000}a = 1",
            "\n".join(f"{'a.' * 200}k{number} = 1" for number in range(110)),
            f"[[regime]]\nid = 'x'\nkind = 'scoring'\n[[regime{'.node' * 190}]]\nid = 'n'",
        ],
    )
    def test_a_text_that_is_hard_to_read_takes_no_long_time(self, text: str) -> None:
        began = time.process_time()
        problems_of(text)
        assert time.process_time() - began < 5
