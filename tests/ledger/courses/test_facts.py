"""The facts of a record: opened by one event, changed by later ones, never dropped."""

from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.courses.alike import changes, common_end, common_start
from ledger.courses.facts import NOTHING_KNOWN, EarlyEnd, Facts, evolve, facts_of
from ledger.events import (
    CommitmentAssessed,
    CommitmentClosed,
    CommitmentMade,
    CommitmentOutcome,
    CommitmentWithdrawn,
    DeterminationMade,
    DeterminationWaived,
    DutyPerformed,
    Event,
    FindingAnnulled,
    FindingCorrected,
    IdentifierAdded,
    ListingAnnulled,
    ListingDecided,
    ListingDropped,
    ListingEnded,
    ListingProposed,
    PenaltyImposed,
    RestorationAccepted,
    RestorationAnnulled,
    RestorationGranted,
    RestorationRefused,
    RestorationRequested,
    RoleEnded,
    RoleGiven,
    RulebookEditionPublished,
    SubjectRegistered,
    SubjectRenamed,
)
from ledger.identifiers import SubjectKind, agency_code, uscc
from ledger.values import ActId, EventId, Name
from tests.codes import synthetic_uscc
from tests.ledger.courses.record_build import day, event, record

MADE = event(DeterminationMade, "found", act="A", decided_on=day(3))
PENALTY = event(PenaltyImposed, "fine", decided_on=day(4))
LISTED = event(ListingDecided, "on", list="bad", decided_on=day(3))
M, S = "r/measures", "r/score"


def granted(named: str, of: tuple[str, ...], regimes: tuple[str, ...], on: date) -> Event:
    return event(
        RestorationGranted,
        named,
        rulebook="r",
        edition="r-1",
        of=of,
        regimes=regimes,
        decided_on=on,
    )


class TestProfile:
    """Who the subject is."""

    def test_registration_gives_kind_name_identifiers_and_region(self) -> None:
        code = uscc(synthetic_uscc(1))
        registered = event(
            SubjectRegistered,
            kind=SubjectKind.UNIVERSITY,
            name="示例大学",
            identifiers=(code,),
            region="000000",
        )
        profile = facts_of([(7, EventId("e"), registered)]).profile
        assert profile is not None
        assert (
            profile.kind,
            profile.names,
            profile.identifiers,
            profile.region,
            profile.roles,
        ) == (
            SubjectKind.UNIVERSITY,
            ("示例大学",),
            (code,),
            "000000",
            (),
        )

    def test_one_registered_without_name_has_none(self) -> None:
        profile = record().profile
        assert profile is not None
        assert profile.names == ()

    def test_the_present_name_comes_first_and_an_old_one_taken_again_is_no_former_one(self) -> None:
        names = [event(SubjectRenamed, name=name) for name in ("甲", "乙", "甲")]
        assert [record(*names[:count]).profile.names for count in (1, 2, 3)] == [  # type: ignore[union-attr]  # registered
            ("甲",),
            ("乙", "甲"),
            ("甲", "乙"),
        ]

    def test_identifiers_are_kept_in_the_order_in_which_they_were_given(self) -> None:
        first, second = agency_code("11000"), uscc(synthetic_uscc(2))
        profile = record(
            event(IdentifierAdded, identifier=first), event(IdentifierAdded, identifier=second)
        ).profile
        assert profile is not None
        assert profile.identifiers == (first, second)

    @pytest.mark.parametrize(
        ("on", "holds"), [(day(2, 28), False), (day(3), True), (day(5, 31), True), (day(6), False)]
    )
    def test_a_role_holds_from_its_first_day_to_the_day_before_it_ends(
        self,
        on: date,
        holds: bool,  # noqa: FBT001  # a case
    ) -> None:
        profile = record(
            event(RoleGiven, role="agent", effective_on=day(3)),
            event(RoleEnded, role="agent", effective_on=day(6)),
            event(RoleGiven, role="other", effective_on=day(1)),
        ).profile
        assert profile is not None
        assert profile.holds_role("agent", on) is holds
        assert profile.holds_role("other", on)

    def test_a_role_taken_again_is_another_span(self) -> None:
        profile = record(
            event(RoleGiven, role="agent", effective_on=day(3)),
            event(RoleEnded, role="agent", effective_on=day(6)),
            event(RoleGiven, role="agent", effective_on=day(9)),
            event(RoleEnded, role="agent", effective_on=day(11)),
        ).profile
        assert profile is not None
        assert [(held.from_, held.until) for held in profile.roles] == [
            (day(3), day(6)),
            (day(9), day(11)),
        ]

    def test_what_is_said_of_one_that_was_never_registered_makes_no_profile(self) -> None:
        for one in (
            event(SubjectRenamed, name="甲"),
            event(RoleGiven, role="agent", effective_on=day(3)),
        ):
            assert evolve(NOTHING_KNOWN, one, 1).profile is None


class TestFindings:
    """Determinations, penalties, convictions."""

    def test_a_finding_keeps_the_position_and_id_of_the_event_that_opened_it(self) -> None:
        first, second = record(MADE, PENALTY).findings
        assert (first.position, first.event, first.content) == (2, "found", MADE)
        assert (second.position, second.event, second.content) == (3, "fine", PENALTY)
        assert first.is_standing

    def test_a_correction_puts_the_whole_finding_in_the_place_of_the_former(self) -> None:
        better = replace(MADE, act=ActId("B"))
        corrected = event(FindingCorrected, finding="found", determination=better)
        first, second = record(MADE, PENALTY, corrected).findings
        assert (first.content, first.corrected_at, first.position) == (better, 4, 2)
        assert (second.content, second.corrected_at) == (PENALTY, None)

    def test_an_annulled_finding_stays_and_does_not_stand(self) -> None:
        annulled = event(FindingAnnulled, finding="found", decided_on=day(5))
        first, second = record(MADE, PENALTY, annulled).findings
        assert (first.is_standing, first.annulled_at) == (False, 4)
        assert second.is_standing

    def test_a_correction_does_not_bring_back_what_was_annulled(self) -> None:
        facts = record(
            MADE,
            event(FindingAnnulled, finding="found", decided_on=day(5)),
            event(FindingCorrected, finding="found", determination=MADE),
        )
        assert not facts.findings[0].is_standing

    def test_a_duty_performed_is_noted(self) -> None:
        (fact,) = record(
            PENALTY, event(DutyPerformed, finding="fine", effective_on=day(6))
        ).findings
        assert fact.performed_on == day(6)

    def test_a_waived_determination_is_no_finding(self) -> None:
        assert record(event(DeterminationWaived, decided_on=day(3))).findings == ()

    def test_what_names_a_finding_that_is_not_there_changes_nothing(self) -> None:
        for kind in (FindingAnnulled, FindingCorrected, DutyPerformed):
            said: dict[str, Any] = {"finding": "other"}
            assert record(MADE, event(kind, **said)).findings == record(MADE).findings


class TestListings:
    """Proposed, decided, dropped, ended, annulled."""

    def test_a_proposal_alone_does_not_stand(self) -> None:
        proposed = event(ListingProposed, "on", list="bad", effective_on=day(2))
        (fact,) = record(proposed).listings
        assert (fact.is_standing, fact.proposed, fact.decided) == (False, proposed, None)

    def test_a_decision_on_a_proposal_goes_on_with_it(self) -> None:
        proposed = event(ListingProposed, "on", list="bad", list_name="坏", effective_on=day(2))
        (fact,) = record(proposed, LISTED).listings
        assert (fact.position, fact.is_standing, fact.list_name) == (2, True, "坏")
        assert (fact.proposed, fact.decided) == (proposed, LISTED)

    def test_a_decision_without_a_proposal_opens_one_and_names_the_list(self) -> None:
        named = replace(LISTED, list_name=Name("坏"))
        (fact,) = record(named).listings
        assert (fact.position, fact.event, fact.list, fact.list_name) == (2, "on", "bad", "坏")

    def test_dropped_ended_and_annulled_are_noted_with_their_positions(self) -> None:
        proposed = event(ListingProposed, "maybe", list="bad", effective_on=day(2))
        facts = record(
            proposed,
            LISTED,
            event(ListingDropped, "maybe", effective_on=day(4)),
            event(ListingEnded, "on", effective_on=day(5)),
            event(ListingAnnulled, "on", decided_on=day(6)),
        )
        dropped, listed = facts.listings
        assert (dropped.dropped_at, dropped.is_standing) == (4, False)
        assert (listed.ended_on, listed.ended_at) == (day(5), 5)
        assert (listed.annulled_at, listed.is_standing) == (6, False)


class TestRestorations:
    """Requested, accepted, granted, refused, annulled; what they end."""

    REQUEST = event(
        RestorationRequested,
        "asked",
        rulebook="r",
        edition="r-1",
        of=("found",),
        regimes=(M,),
        requested_on=day(9),
    )

    def test_a_request_and_what_becomes_of_it_are_one_restoration(self) -> None:
        facts = record(
            MADE,
            self.REQUEST,
            event(RestorationAccepted, "asked", accepted_on=day(9, 4), due_on=day(9, 18)),
            granted("asked", ("found",), (M,), day(9, 11)),
        )
        (fact,) = facts.restorations
        assert (fact.position, fact.requested_on, fact.accepted_on) == (3, day(9), day(9, 4))
        assert (fact.due_on, fact.due_provisional) == (day(9, 18), False)
        assert (fact.granted_on, fact.granted_at, fact.refused_on) == (day(9, 11), 5, None)
        assert facts.findings[0].ended == (
            EarlyEnd(restoration=EventId("asked"), position=5, regimes=(M,), on=day(9, 11)),  # type: ignore[arg-type]  # a regime
        )

    def test_a_refused_one_ends_nothing(self) -> None:
        facts = record(
            MADE, self.REQUEST, event(RestorationRefused, "asked", decided_on=day(9, 11))
        )
        assert facts.restorations[0].refused_on == day(9, 11)
        assert facts.findings[0].ended == ()

    def test_one_granted_without_request_is_a_restoration_too(self) -> None:
        (fact,) = record(MADE, granted("given", ("found",), (M,), day(9))).restorations
        assert (fact.position, fact.requested_on, fact.granted_at) == (3, None, 3)

    def test_it_ends_all_facts_that_it_names_findings_and_listings_and_no_other(self) -> None:
        facts = record(MADE, PENALTY, LISTED, granted("given", ("found", "on"), (M, S), day(9)))
        assert [len(fact.ended) for fact in facts.findings] == [1, 0]
        assert [len(fact.ended) for fact in facts.listings] == [1]

    def test_in_each_regime_the_first_day_counts_and_in_others_none(self) -> None:
        (fact,) = record(
            MADE,
            granted("late", ("found",), (M, S), day(11)),
            granted("early", ("found",), (M,), day(10)),
        ).findings
        ends = {regime: fact.ended_in(regime) for regime in (M, S, "r/other")}
        assert {name: end and end.restoration for name, end in ends.items()} == {
            M: "early",
            S: "late",
            "r/other": None,
        }

    def test_an_annulled_one_ended_nothing_while_another_still_does(self) -> None:
        facts = record(
            MADE,
            LISTED,
            granted("fraud", ("found", "on"), (M,), day(9)),
            granted("honest", ("found",), (M,), day(10)),
            event(RestorationAnnulled, "fraud", decided_on=day(12)),
        )
        assert [end.restoration for end in facts.findings[0].ended] == ["honest"]
        assert facts.listings[0].ended == ()
        assert [fact.annulled_at for fact in facts.restorations] == [6, None]


class TestCommitments:
    """Made, assessed, withdrawn, closed."""

    def test_the_latest_word_on_a_commitment_is_kept(self) -> None:
        made = event(CommitmentMade, "promise", effective_on=day(1))
        first, last = (
            event(CommitmentAssessed, "promise", outcome=outcome, decided_on=day(month))
            for outcome, month in ((CommitmentOutcome.KEPT, 5), (CommitmentOutcome.NOT_KEPT, 6))
        )
        (fact,) = record(made, first, last).commitments
        assert (fact.made, fact.assessed, fact.position) == (made, last, 2)

    def test_withdrawn_and_closed_are_noted(self) -> None:
        made = [event(CommitmentMade, named, effective_on=day(1)) for named in ("one", "two")]
        one, two = record(
            *made,
            event(CommitmentWithdrawn, "one", effective_on=day(3)),
            event(CommitmentClosed, "two", effective_on=day(4)),
        ).commitments
        assert (one.withdrawn_on, one.closed_on) == (day(3), None)
        assert (two.withdrawn_on, two.closed_on) == (None, day(4))


_FAMILIES = {
    "profile": (SubjectRenamed, RoleGiven, IdentifierAdded),
    "findings": (DeterminationMade, PenaltyImposed, FindingAnnulled, DutyPerformed),
    "listings": (ListingDecided, ListingEnded, ListingAnnulled),
    "commitments": (CommitmentMade, CommitmentClosed),
}


@pytest.mark.parametrize("family", _FAMILIES)
def test_an_event_leaves_the_other_families_as_the_same_objects(family: str) -> None:
    before = record(MADE, PENALTY, LISTED, event(CommitmentMade, "promise", effective_on=day(1)))
    for kind in _FAMILIES[family]:
        named = {"findings": "found", "listings": "on", "commitments": "promise"}.get(family, "")
        after = evolve(before, event(kind, named), 9)
        for one in fields(Facts):
            if one.name != family:
                assert getattr(after, one.name) is getattr(before, one.name), (kind, one.name)
        assert getattr(after, family) != getattr(before, family)


def test_an_event_that_is_nobodys_changes_nothing() -> None:
    before = record(MADE)
    assert evolve(before, event(RulebookEditionPublished), 9) is before


_sequences = st.lists(st.integers(0, 3), max_size=12).map(tuple)


@given(_sequences, _sequences)
def test_what_two_sequences_have_in_common_is_found(
    one: tuple[int, ...], other: tuple[int, ...]
) -> None:
    start = common_start(one, other)
    assert one[:start] == other[:start]
    assert one[start : start + 1] != other[start : start + 1] or start == len(one) == len(other)
    most = min(len(one), len(other)) - start
    end = common_end(one, other, most)
    assert one[len(one) - end :] == other[len(other) - end :]
    assert end == most or one[-1 - end] != other[-1 - end]


@given(_sequences, _sequences)
def test_changes_are_the_places_at_which_two_sequences_differ(
    one: tuple[int, ...], other: tuple[int, ...]
) -> None:
    places = range(max(len(one), len(other)))
    pairs = [
        (one[at] if at < len(one) else None, other[at] if at < len(other) else None)
        for at in places
    ]
    assert list(changes(one, other)) == [pair for pair in pairs if pair[0] != pair[1]]
