from dataclasses import replace
from datetime import date, timedelta

import pytest

from ledger.commands import CorrectFinding, RecordPerformance
from ledger.events import (
    Assessment,
    CommitmentOutcome,
    ConvictedParty,
    ConvictionRecorded,
    DeterminationMade,
    DeterminationWaived,
    DutyPerformed,
    FindingAnnulled,
    FindingCorrected,
    PenaltyImposed,
    PenaltyKind,
)
from ledger.refusals import (
    ActNeedsGround,
    AlreadyAnnulled,
    AlreadySettled,
    AssessmentOutOfRange,
    DiffersFromRecorded,
    EndsBeforeItBegins,
    InTheFuture,
    InvalidValue,
    NoEditionOn,
    NotWaivable,
    OutOfOrder,
    UnknownAct,
    UnknownFinding,
    UnknownRulebook,
    UnknownSubject,
)
from ledger.values import (
    ActId,
    Digest,
    EventId,
    IndicatorId,
    Points,
    RulebookId,
    Text,
    points,
    yuan,
)
from tests.examples import (
    AGENCY_PENALISED,
    AGENCY_RATING,
    COMMITMENT_BREACH,
    ELSEWHERE,
    ENTERPRISE_SCORE,
    TODAY,
    annulment,
    assessment_of,
    basis,
    commitment,
    conviction,
    determination,
    listing,
    penalty,
    waiver,
)
from tests.specification import Story, given

DAY = timedelta(days=1)


def correction(finding: str, **fields: object) -> CorrectFinding:
    return CorrectFinding(finding=EventId(finding), reason=Text("录入错误"), **fields)  # type: ignore[arg-type]  # each test names its own


class TestPenalties:
    def test_a_penalty_is_recorded_as_it_was_sent(self) -> None:
        event = given().when(penalty()).event(PenaltyImposed)
        assert event.finding == "e2"
        assert event.fine == yuan("10000")
        assert event.irregular is None

    def test_without_another_day_it_takes_effect_on_the_day_of_the_decision(self) -> None:
        day, later = date(2024, 3, 1), date(2024, 4, 1)
        assert given().when(penalty()).event(PenaltyImposed).effective_on == day
        event = given().when(penalty(effective_on=later)).event(PenaltyImposed)
        assert event.effective_on == later

    def test_the_same_decision_again_is_nothing_to_do(self) -> None:
        given(penalty()).when(penalty()).then()

    @pytest.mark.parametrize(
        "number", ["示知罚[2024]1号", "示知罚（2024）1号", "示知罚 ［２０２４］ 1 号"]
    )
    def test_brackets_and_width_make_no_other_document(self, number: str) -> None:
        given(penalty()).when(penalty(basis=basis(number))).then()

    def test_the_same_decision_by_another_way_in_is_nothing_to_do(self) -> None:
        given(penalty()).when(penalty(channel=ELSEWHERE)).then()

    def test_the_same_document_with_other_content_names_the_record_and_the_fields(self) -> None:
        story = given(penalty()).when(penalty(fine=yuan("20000"), note=Text("更正")))
        story.refused(DiffersFromRecorded, fact="e2", fields=("fine", "note"))

    @pytest.mark.parametrize("other", [basis("示知罚〔2024〕2号"), basis(authority="另一示例局")])
    def test_another_number_or_authority_is_another_penalty(self, other: object) -> None:
        given(penalty()).when(penalty(basis=other)).then(PenaltyImposed)

    @pytest.mark.parametrize("paper", [basis(number=None), basis(authority=None)])
    def test_without_number_or_authority_only_the_very_same_is_the_same(
        self, paper: object
    ) -> None:
        story = given(penalty(basis=paper)).when(penalty(basis=paper)).then()
        story.when(penalty(basis=paper, fine=yuan("1"))).then(PenaltyImposed)

    def test_a_kind_is_needed_and_counts_once(self) -> None:
        given().when(penalty(kinds=())).refused(InvalidValue, "kinds")
        twice = penalty(kinds=(PenaltyKind.WARNING, PenaltyKind.FINE, PenaltyKind.WARNING))
        kinds = given().when(twice).event(PenaltyImposed).kinds
        assert kinds == (PenaltyKind.WARNING, PenaltyKind.FINE)

    @pytest.mark.parametrize("field", ["term_ends_on", "valid_until", "public_until"])
    def test_an_end_leaves_at_least_a_day(self, field: str) -> None:
        first = date(2024, 3, 1)
        given().when(penalty(**{field: first})).then(PenaltyImposed)
        given().when(penalty(**{field: first - DAY})).refused(EndsBeforeItBegins, field)

    def test_the_act_comes_before_the_decision(self) -> None:
        given().when(penalty(acted_on=date(2024, 3, 1))).then(PenaltyImposed)
        given().when(penalty(acted_on=date(2024, 3, 2))).refused(OutOfOrder, "decided_on")

    def test_what_is_recorded_has_happened(self) -> None:
        given().when(penalty(decided_on=TODAY)).then(PenaltyImposed)
        given().when(penalty(decided_on=TODAY + DAY)).refused(InTheFuture, "decided_on")

    def test_nothing_is_found_about_nobody(self) -> None:
        Story().when(penalty()).refused(UnknownSubject)


class TestDeterminations:
    def test_it_names_the_edition_of_its_day_and_the_clause_of_its_act(self) -> None:
        event = given().when(determination()).event(DeterminationMade)
        assert (event.edition, event.clause) == ("cnipa-2022-8", "6(1)")

    def test_the_edition_is_in_force_from_its_first_day(self) -> None:
        first = date(2022, 1, 24)
        given().when(determination(decided_on=first)).then(DeterminationMade)
        early = determination(decided_on=first - DAY)
        given().when(early).refused(NoEditionOn, "decided_on")
        given().when(replace(early, channel=ELSEWHERE)).refused(NoEditionOn, "decided_on")

    def test_a_rulebook_that_was_never_published_is_not_found(self) -> None:
        given().when(determination(rulebook=RulebookId("no-such"))).refused(UnknownRulebook)

    def test_an_act_that_the_edition_does_not_know_is_refused_or_noted(self) -> None:
        unknown = determination(act=ActId("RUDENESS"))
        given().when(unknown).refused(UnknownAct, "act", rule="cnipa-2022-8")
        event = given().when(replace(unknown, channel=ELSEWHERE)).event(DeterminationMade)
        assert event.irregular is not None
        assert "RUDENESS" in event.irregular
        assert event.irregular.endswith("cnipa-2022-8")

    def test_an_act_rests_on_a_fact_of_the_kind_that_it_needs(self) -> None:
        def penalised(ground: str | None) -> object:
            rests_on = None if ground is None else EventId(ground)
            return determination(
                act=AGENCY_PENALISED, decided_on=date(2024, 6, 1), rests_on=rests_on
            )

        given(penalty()).when(penalised("e2")).then(DeterminationMade)  # type: ignore[arg-type]  # built above
        given(penalty()).when(penalised(None)).refused(ActNeedsGround, "rests_on")  # type: ignore[arg-type]  # likewise
        given(conviction()).when(penalised("e2")).refused(ActNeedsGround)  # type: ignore[arg-type]  # likewise
        given(penalty()).when(penalised("e9")).refused(UnknownFinding, "rests_on")  # type: ignore[arg-type]  # likewise

    def test_a_ground_that_was_annulled_is_none(self) -> None:
        found = determination(
            act=AGENCY_PENALISED, decided_on=date(2024, 10, 1), rests_on=EventId("e2")
        )
        given(penalty(), annulment("e2")).when(found).refused(UnknownFinding, "rests_on")

    def test_a_determination_made_elsewhere_without_its_ground_says_so(self) -> None:
        found = determination(act=AGENCY_PENALISED, channel=ELSEWHERE)
        irregular = given().when(found).event(DeterminationMade).irregular
        assert irregular is not None
        assert irregular.endswith("cnipa-2022-8 art. 6(3)")

    def test_a_breach_rests_on_a_commitment_that_was_found_unkept(self) -> None:
        breach = determination(
            act=COMMITMENT_BREACH, decided_on=date(2024, 7, 1), rests_on=EventId("e2")
        )
        kept = assessment_of("e2", outcome=CommitmentOutcome.KEPT, unkept=None)
        given(commitment(), assessment_of("e2")).when(breach).then(DeterminationMade)
        given(commitment()).when(breach).refused(ActNeedsGround)
        given(commitment(), kept).when(breach).refused(ActNeedsGround)

    def test_any_fact_that_stands_may_be_named_as_ground(self) -> None:
        found = determination(decided_on=date(2024, 7, 1), rests_on=EventId("e2"))
        for fact in (penalty(), conviction(), commitment(), listing()):
            given(fact).when(found).then(DeterminationMade)

    def test_one_document_may_find_two_acts(self) -> None:
        first = determination(basis=basis())
        other = replace(first, act=ActId("BAD_FAITH_TM_FILING"))
        story = given(first).when(other).then(DeterminationMade).when(first).then()
        later = replace(first, decided_on=date(2023, 4, 1))
        story.when(later).refused(
            DiffersFromRecorded, fact="e2", fields=("decided_on", "effective_on")
        )


class TestConvictions:
    def test_it_is_recorded_once(self) -> None:
        given().when(conviction()).then(ConvictionRecorded).when(conviction()).then()
        manager = conviction(of=ConvictedParty.SENIOR_MANAGEMENT)
        given(conviction()).when(manager).then(ConvictionRecorded)


class TestAssessments:
    @staticmethod
    def assessed(given_points: str) -> Assessment:
        return Assessment(
            regime=AGENCY_RATING,
            indicator=IndicatorId("abnormal-filings"),
            points=points(given_points),
        )

    @pytest.mark.parametrize("given_points", ["-40", "-39.5", "-0.000001"])
    def test_points_within_the_range_are_given(self, given_points: str) -> None:
        found = determination(
            rulebook=RulebookId("pa-rating"),
            decided_on=date(2024, 1, 5),
            assessments=(self.assessed(given_points),),
        )
        event = given().when(found).event(DeterminationMade)
        assert event.assessments == (self.assessed(given_points),)

    @pytest.mark.parametrize("given_points", ["-40.000001", "0", "-0", "0.000001", "5", "-100"])
    @pytest.mark.parametrize("channel", list(type(ELSEWHERE)))
    def test_points_outside_of_it_never_are(self, given_points: str, channel: object) -> None:
        found = determination(
            rulebook=RulebookId("pa-rating"),
            decided_on=date(2024, 1, 5),
            assessments=(self.assessed(given_points),),
            channel=channel,
        )
        given().when(found).refused(AssessmentOutOfRange, "assessments/0/points")

    @pytest.mark.parametrize(
        ("regime", "indicator"),
        [
            (AGENCY_RATING, "filings-per-agent"),
            (AGENCY_RATING, "no-such"),
            (ENTERPRISE_SCORE, "no-such"),
            ("cnipa-credit/measures", "abnormal-filings"),
            ("no-such/regime", "abnormal-filings"),
        ],
    )
    def test_an_indicator_without_range_takes_none(self, regime: str, indicator: str) -> None:
        one = replace(self.assessed("-1"), regime=regime, indicator=indicator)  # type: ignore[arg-type]  # names as text
        given().when(penalty(assessments=(one,))).refused(AssessmentOutOfRange)

    def test_a_large_number_does_not_pass(self) -> None:
        one = replace(self.assessed("-1"), points=Points(points("100000000") * 100_000))
        given().when(penalty(assessments=(one,))).refused(AssessmentOutOfRange)

    def test_an_indicator_is_assessed_once(self) -> None:
        twice = (self.assessed("-1"), self.assessed("-2"))
        given().when(penalty(assessments=twice)).refused(InvalidValue, "assessments/1")


class TestCorrections:
    def test_the_finding_reads_as_it_should_have_from_the_start(self) -> None:
        mended = penalty(fine=yuan("12000"))
        event = given(penalty()).when(correction("e2", penalty=mended)).event(FindingCorrected)
        assert event.penalty is not None
        assert (event.penalty.finding, event.penalty.fine) == ("e2", yuan("12000"))
        assert (event.determination, event.conviction) == (None, None)

    def test_after_it_the_mended_content_is_what_is_on_record(self) -> None:
        mended = penalty(fine=yuan("12000"))
        corrected = correction("e2", penalty=mended)
        given(penalty(), corrected).when(mended).then()
        given(penalty(), corrected).when(penalty()).refused(DiffersFromRecorded, fact="e2")
        given(penalty(), corrected).when(corrected).then()

    def test_nothing_wrong_is_nothing_to_correct(self) -> None:
        given(penalty()).when(correction("e2", penalty=penalty())).then()

    def test_exactly_one_of_the_three_is_sent(self) -> None:
        given(penalty()).when(correction("e2")).refused(InvalidValue)
        both = correction("e2", penalty=penalty(), conviction=conviction())
        given(penalty()).when(both).refused(InvalidValue)

    def test_a_finding_stays_of_its_kind(self) -> None:
        other = correction("e2", conviction=conviction())
        given(penalty()).when(other).refused(InvalidValue, "conviction")

    def test_a_finding_that_is_not_there_or_was_annulled_is_not_corrected(self) -> None:
        given().when(correction("e9", penalty=penalty())).refused(UnknownFinding, "finding")
        story = given(penalty(), annulment("e2"))
        story.when(correction("e2", penalty=penalty(fine=None))).refused(AlreadyAnnulled, "finding")

    def test_what_is_wrong_inside_is_said_with_its_place(self) -> None:
        ahead = correction("e2", penalty=penalty(decided_on=TODAY + DAY))
        given(penalty()).when(ahead).refused(InTheFuture, "penalty/decided_on")

    def test_a_mended_number_frees_the_wrong_one_for_its_own_decision(self) -> None:
        mended = penalty(basis=basis("示知罚〔2024〕2号"))
        story = given(penalty(), correction("e2", penalty=mended)).when(mended).then()
        other = penalty(fine=yuan("5"))
        story.when(other).then(PenaltyImposed).when(other).then().when(mended).then()

    def test_the_wrong_row_sent_again_does_not_come_back(self) -> None:
        mended = penalty(basis=basis("示知罚〔2024〕2号"))
        story = given(penalty(), correction("e2", penalty=mended)).when(penalty())
        story.refused(DiffersFromRecorded, fact="e2", fields=("basis/document_number",))

    def test_without_paper_the_wrong_content_sent_again_does_not_come_back(self) -> None:
        wrong, right = conviction(), conviction(decided_on=date(2024, 5, 11))
        story = given(wrong, correction("e2", conviction=right)).when(right).then()
        story.when(wrong).refused(DiffersFromRecorded, fact="e2")

    def test_a_finding_is_not_moved_to_the_document_of_another(self) -> None:
        second = penalty(basis=basis("示知罚〔2024〕2号"))
        story = given(penalty(), second).when(correction("e3", penalty=penalty()))
        story.refused(DiffersFromRecorded, "penalty/basis/document_number", fact="e2")

    def test_a_correction_names_the_day_on_which_it_was_decided(self) -> None:
        day = date(2024, 8, 1)
        mended = correction("e2", penalty=penalty(fine=None), decided_on=day)
        assert given(penalty()).when(mended).event(FindingCorrected).decided_on == day


class TestAnnulments:
    def test_a_finding_is_annulled_once(self) -> None:
        story = given(penalty()).when(annulment("e2")).then(FindingAnnulled)
        story.when(annulment("e2")).then()
        story.when(annulment("e2", reason=Text("另一理由"))).refused(AlreadyAnnulled, fact="e2")

    def test_what_was_annulled_does_not_come_back_under_its_number(self) -> None:
        given(penalty(), annulment("e2")).when(penalty()).refused(AlreadyAnnulled, fact="e2")

    def test_it_comes_after_the_decision(self) -> None:
        day = date(2024, 3, 1)
        given(penalty()).when(annulment("e2", decided_on=day)).then(FindingAnnulled)
        given(penalty()).when(annulment("e2", decided_on=day - DAY)).refused(OutOfOrder)

    def test_another_subjects_finding_is_not_found(self) -> None:
        given().when(annulment("e2")).refused(UnknownFinding, "finding")


class TestWaivers:
    def test_an_act_is_left_undetermined_where_the_edition_lets_it(self) -> None:
        event = given().when(waiver()).event(DeterminationWaived)
        assert (event.edition, event.clause) == ("cnipa-2022-8", "7")
        given(waiver()).when(waiver()).then()
        given(waiver()).when(waiver(reason=Text("另一理由"))).then(DeterminationWaived)

    def test_other_acts_are_not(self) -> None:
        given().when(waiver(act=AGENCY_PENALISED)).refused(
            NotWaivable, rule="cnipa-2022-8 art. 6(3)"
        )
        given().when(waiver(act=ActId("RUDENESS"))).refused(UnknownAct)

    def test_evidence_is_named_by_its_hash(self) -> None:
        sound, short = Digest("sha256:" + "0" * 64), Digest("sha256:" + "0" * 63)
        given().when(waiver(evidence_of_correction=sound)).then(DeterminationWaived)
        refused = given().when(waiver(evidence_of_correction=short))
        refused.refused(InvalidValue, "evidence_of_correction")


class TestPerformance:
    @staticmethod
    def performed(
        finding: str = "e2", day: date = date(2024, 3, 1), duty: str = "已缴清"
    ) -> RecordPerformance:
        return RecordPerformance(finding=EventId(finding), effective_on=day, duty=Text(duty))

    def test_it_is_recorded_once(self) -> None:
        story = given(penalty()).when(self.performed()).then(DutyPerformed)
        story.when(self.performed()).then()
        story.when(self.performed(duty="已改正")).refused(AlreadySettled, fact="e2")

    def test_it_comes_after_the_decision_and_has_happened(self) -> None:
        early, late = date(2024, 2, 29), TODAY + DAY
        given(penalty()).when(self.performed(day=early)).refused(OutOfOrder, "effective_on")
        given(penalty()).when(self.performed(day=TODAY)).then(DutyPerformed)
        given(penalty()).when(self.performed(day=late)).refused(InTheFuture, "effective_on")

    def test_nothing_is_performed_for_what_was_annulled_or_never_was(self) -> None:
        given(penalty(), annulment("e2")).when(self.performed()).refused(AlreadyAnnulled)
        given().when(self.performed("e9")).refused(UnknownFinding)
