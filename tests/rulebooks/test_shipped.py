"""The editions that the project ships."""

from dataclasses import fields, is_dataclass
from datetime import date

import pytest

from ledger.edition import read_edition
from ledger.edition_terms import UNSOURCED
from ledger.rulebook import (
    Edition,
    ListingRegime,
    Mark,
    MeasuresRegime,
    Node,
    RestorationRegime,
    ScoringRegime,
    Status,
)
from ledger.rulebooks import shipped

EDITIONS = {str(edition.id): edition for edition in map(read_edition, shipped())}
DEMO = EDITIONS["demo/enterprise-1"]


def marks_of(edition: Edition) -> list[Mark]:
    """The marks of all terms of an edition."""
    marks, seen = [], [edition]
    while seen:
        value: object = seen.pop()
        if isinstance(value, Mark):
            marks.append(value)
        elif is_dataclass(value) and not isinstance(value, type):
            seen += [getattr(value, one.name) for one in fields(value)]
        elif isinstance(value, tuple):
            seen += list(value)
    return marks


def depth_of(nodes: tuple[Node, ...]) -> int:
    """How many levels of nodes and indicators there are below."""
    return max((1 + max(depth_of(node.nodes), bool(node.indicators)) for node in nodes), default=0)


def test_they_come_in_this_order() -> None:
    assert list(EDITIONS) == ["cnipa-2022-8", "pa-rating-2023-10", "demo/enterprise-1"]


def test_none_is_official_yet() -> None:
    statuses = [edition.status for edition in EDITIONS.values()]
    assert statuses == [Status.UNCHECKED, Status.UNCHECKED, Status.DEMO]


@pytest.mark.parametrize("name", EDITIONS)
def test_what_is_verified_was_read_somewhere(name: str) -> None:
    edition = EDITIONS[name]
    kinds = {key: source.kind for key, source in edition.sources}
    for mark in marks_of(edition):
        assert mark.source
        assert not mark.verified or any(kinds[key] not in UNSOURCED for key in mark.source)


@pytest.mark.parametrize("name", EDITIONS)
def test_every_source_bears_a_term(name: str) -> None:
    edition = EDITIONS[name]
    assert {key for key, _ in edition.sources} == {
        key for mark in marks_of(edition) for key in mark.source
    }


class TestCnipa:
    EDITION = EDITIONS["cnipa-2022-8"]

    def test_it_has_seven_acts_and_seven_measures(self) -> None:
        regime = self.EDITION.regime("cnipa-credit/measures")
        assert isinstance(regime, MeasuresRegime)
        assert [act.mark.clause for act in self.EDITION.acts] == [f"6({n})" for n in range(1, 8)]
        assert [measure.code for measure in regime.measures] == [f"m{n}" for n in range(1, 8)]
        assert all(mark.verified for mark in (one.mark for one in regime.measures))

    def test_period_repeat_cap_and_restoration_are_not_verified(self) -> None:
        regime = self.EDITION.regime("cnipa-credit/measures")
        assert isinstance(regime, MeasuresRegime)
        terms = (regime.clock, regime.period, regime.repeat, regime.cap, regime.when_one_ends_early)
        assert [term is not None and term.mark.verified for term in terms] == [False] * 5
        restoration = self.EDITION.regime("cnipa-credit/restoration")
        assert isinstance(restoration, RestorationRegime)
        assert restoration.ends == ("cnipa-credit/measures",)
        assert not any(mark.verified for mark in (one.mark for one in restoration.refuse_if))


class TestRating:
    def test_five_lines_were_found_and_no_other_stands_there(self) -> None:
        regime = EDITIONS["pa-rating-2023-10"].regime("pa-rating/agency")
        assert isinstance(regime, ScoringRegime)
        assert len(regime.indicators) == 5
        assert (regime.nodes, regime.floor, regime.ceiling, regime.caps) == ((), None, None, ())
        lasting = [one.id for one in regime.indicators if one.lasts is not None]
        assert lasting == ["stop-new-business"]


class TestDemo:
    def test_it_says_that_it_is_invented(self) -> None:
        assert DEMO.rulebook == "demo/enterprise"
        assert "演示" in DEMO.title
        assert "invented" in DEMO.title
        assert DEMO.from_ == date(2018, 1, 1)
        assert not any(mark.verified for mark in marks_of(DEMO))
        assert [source.kind for _, source in DEMO.sources] == ["invented"]

    def test_it_has_three_levels_of_scoring_a_list_and_a_restoration(self) -> None:
        score, listing, restoration = DEMO.regimes
        assert isinstance(score, ScoringRegime)
        assert (score.id, depth_of(score.nodes)) == ("demo/enterprise/score", 3)
        assert score.applies_to == ("enterprise",)
        assert [cap.list for cap in score.caps] == ["demo-serious"]
        assert isinstance(listing, ListingRegime)
        assert listing.list == "demo-serious"
        assert isinstance(restoration, RestorationRegime)
        assert restoration.ends == (score.id,)
