"""Whether a term is about a fact, and a regime about a subject; from which day a clock runs."""

from datetime import date, timedelta
from typing import Any

import pytest

from ledger.courses.matching import STORED_NAME, applies_on, clock_day, matches
from ledger.events import (
    STORED_NAMES,
    ConvictedParty,
    ConvictionRecorded,
    DeterminationMade,
    ListingDecided,
    PenaltyImposed,
    PenaltyKind,
)
from ledger.identifiers import SubjectKind
from ledger.rulebook import DateName, Match
from tests.ledger.courses.record_build import day, event
from tests.ledger.courses.scoring_build import clock, profile

DETERMINATION = event(
    DeterminationMade, act="A", edition="r-1", role="agent", decided_on=day(3), acted_on=day(1)
)
PENALTY = event(PenaltyImposed, kinds=(PenaltyKind.FINE, PenaltyKind.WARNING), decided_on=day(3))
CONVICTION = event(ConvictionRecorded, of=ConvictedParty.SENIOR_MANAGEMENT, decided_on=day(3))
LISTED = event(ListingDecided, list="bad", decided_on=day(3))


def on(event_: str, **keys: Any) -> Match:
    return Match(event=(event_,), **keys)


def test_each_fact_is_spoken_of_by_its_stored_name() -> None:
    assert {STORED_NAMES[name] for name in STORED_NAME.values()} == set(STORED_NAME)


@pytest.mark.parametrize("content", [DETERMINATION, PENALTY, CONVICTION, LISTED])
def test_the_name_of_the_event_alone_matches_all_of_that_name_and_no_other(content: Any) -> None:
    for name in STORED_NAME.values():
        assert matches(on(name), content) == (STORED_NAME[type(content)] == name)
    assert matches(Match(event=tuple(STORED_NAME.values())), content)
    assert not matches(Match(event=()), content)


@pytest.mark.parametrize(
    ("content", "name", "key", "value", "other"),
    [
        (DETERMINATION, "determination-made", "act", "A", "B"),
        (DETERMINATION, "determination-made", "edition", "r-1", "r-2"),
        (DETERMINATION, "determination-made", "role", "agent", "owner"),
        (PENALTY, "penalty-imposed", "kind", "fine", "closed"),
        (PENALTY, "penalty-imposed", "kind", "warning", "detention"),
        (CONVICTION, "conviction-recorded", "of", "senior-management", "subject"),
        (LISTED, "listing-decided", "list", "bad", "worse"),
    ],
)
def test_a_key_matches_any_of_its_values(
    content: Any, name: str, key: str, value: str, other: str
) -> None:
    assert matches(on(name, **{key: (value,)}), content)
    assert matches(on(name, **{key: (other, value)}), content)
    assert not matches(on(name, **{key: (other,)}), content)


def test_all_keys_must_match() -> None:
    both = {"act": ("A",), "role": ("agent",)}
    assert matches(on("determination-made", **both), DETERMINATION)
    for wrong in ({"act": ("B",)}, {"role": ("owner",)}):
        assert not matches(on("determination-made", **{**both, **wrong}), DETERMINATION)


def test_what_is_not_known_matches_no_key() -> None:
    unknown = event(DeterminationMade, act="A", decided_on=day(3))
    assert not matches(on("determination-made", role=("agent",)), unknown)
    without = event(PenaltyImposed, kinds=(), decided_on=day(3))
    assert not matches(on("penalty-imposed", kind=("other",)), without)
    assert matches(on("penalty-imposed"), without)


def test_a_key_that_the_fact_does_not_have_matches_nothing() -> None:
    assert not matches(on("penalty-imposed", act=("A",)), PENALTY)
    assert not matches(on("determination-made", kind=("fine",)), DETERMINATION)
    assert not matches(on("conviction-recorded", list=("bad",)), CONVICTION)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (DateName.ACTED_ON, day(1)),
        (DateName.DECIDED_ON, day(3)),
        (DateName.EFFECTIVE_ON, day(3)),
        (DateName.SERVED_ON, None),
        (DateName.TERM_ENDS_ON, None),
    ],
)
def test_a_clock_runs_from_the_named_day_if_the_fact_has_it(
    name: DateName, found: date | None
) -> None:
    assert clock_day(DETERMINATION, clock(name.value)) == found


def test_without_a_clock_no_day_is_named() -> None:
    assert clock_day(DETERMINATION, None) is None


class TestAppliesOn:
    """Kinds and roles."""

    WHO = profile(("agent", day(3), day(6)), kind=SubjectKind.UNIVERSITY)

    def test_nothing_named_is_everybody_known_or_not(self) -> None:
        assert applies_on((), self.WHO, day(1))
        assert applies_on((), None, day(1))
        assert not applies_on(("university",), None, day(1))

    def test_a_kind_is_for_all_days(self) -> None:
        for on_ in (date.min, day(4), date.max):
            assert applies_on(("enterprise", "university"), self.WHO, on_)
            assert not applies_on(("enterprise",), self.WHO, on_)

    @pytest.mark.parametrize("applies_to", [("agent",), ("owner", "agent")])
    def test_a_role_is_for_its_days(self, applies_to: tuple[str, ...]) -> None:
        before, behind = day(3) - timedelta(days=1), day(6) - timedelta(days=1)
        found = [applies_on(applies_to, self.WHO, on_) for on_ in (before, day(3), behind, day(6))]
        assert found == [False, True, True, False]
