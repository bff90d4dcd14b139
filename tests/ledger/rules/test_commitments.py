from datetime import date, timedelta

import pytest

from ledger.commands import CloseCommitment, WithdrawCommitment
from ledger.events import (
    CommitmentAssessed,
    CommitmentClosed,
    CommitmentMade,
    CommitmentOutcome,
    CommitmentWithdrawn,
)
from ledger.refusals import (
    AlreadySettled,
    DiffersFromRecorded,
    EndsBeforeItBegins,
    InTheFuture,
    InvalidValue,
    OutOfOrder,
    TooFarAhead,
    UnknownCommitment,
)
from ledger.values import EventId, Line, Text
from tests.examples import ELSEWHERE, TODAY, assessment_of, commitment
from tests.specification import given

FIRST = date(2024, 1, 1)
ASSESSED = date(2024, 6, 3)
DAY = timedelta(days=1)


def withdrawal(day: date = ASSESSED, commitment_id: str = "e2") -> WithdrawCommitment:
    return WithdrawCommitment(
        commitment=EventId(commitment_id), effective_on=day, reason=Text("不再申请")
    )


def closing(day: date = date(2025, 1, 2), commitment_id: str = "e2") -> CloseCommitment:
    return CloseCommitment(commitment=EventId(commitment_id), effective_on=day)


class TestMaking:
    def test_a_commitment_is_recorded_as_it_was_given(self) -> None:
        event = given().when(commitment()).event(CommitmentMade)
        assert (event.commitment, event.code, event.term_ends_on) == (
            "e2",
            "CN-2024-1",
            date(2024, 12, 31),
        )

    def test_its_code_names_it(self) -> None:
        given(commitment()).when(commitment()).then()
        given(commitment()).when(commitment(channel=ELSEWHERE)).then()
        other = commitment(content=Text("另一承诺"))
        given(commitment()).when(other).refused(DiffersFromRecorded, fact="e2", fields=("content",))
        given(commitment()).when(commitment(code=Line("CN-2024-2"))).then(CommitmentMade)

    def test_without_a_code_only_the_very_same_is_the_same(self) -> None:
        first = commitment(code=None)
        story = given(first).when(first).then()
        story.when(commitment(code=None, matter=Text("另一事由"))).then(CommitmentMade)

    def test_it_binds_for_a_day_at_least(self) -> None:
        given().when(commitment(term_ends_on=FIRST)).then(CommitmentMade)
        given().when(commitment(term_ends_on=FIRST - DAY)).refused(
            EndsBeforeItBegins, "term_ends_on"
        )
        given().when(commitment(term_ends_on=None)).then(CommitmentMade)

    def test_it_may_begin_in_days_to_come_but_not_in_another_age(self) -> None:
        given().when(commitment(effective_on=TODAY + DAY, term_ends_on=None)).then(CommitmentMade)
        far = TODAY + 36_526 * DAY
        given().when(commitment(effective_on=far, term_ends_on=None)).refused(TooFarAhead)


class TestAssessing:
    def test_the_latest_word_holds(self) -> None:
        kept = assessment_of(
            "e2", outcome=CommitmentOutcome.KEPT, unkept=None, decided_on=ASSESSED + DAY
        )
        story = given(commitment(), assessment_of("e2")).when(kept).then(CommitmentAssessed)
        held = story.subject.commitments.held.get(EventId("e2"))
        assert held is not None
        assert held.latest is not None
        assert held.latest.outcome is CommitmentOutcome.KEPT
        assert len(held.assessments) == 2

    def test_the_same_word_again_is_nothing_to_do_even_when_it_holds_no_more(self) -> None:
        first = assessment_of("e2")
        later = assessment_of("e2", decided_on=ASSESSED + DAY)
        given(commitment(), first).when(first).then()
        given(commitment(), first, later).when(first).then()

    def test_it_takes_effect_on_the_day_of_the_decision_unless_told(self) -> None:
        event = given(commitment()).when(assessment_of("e2")).event(CommitmentAssessed)
        assert event.effective_on == ASSESSED

    @pytest.mark.parametrize("outcome", ["partly-kept", "not-kept"])
    def test_what_was_not_kept_must_be_said(self, outcome: str) -> None:
        silent = assessment_of("e2", outcome=CommitmentOutcome(outcome), unkept=None)
        given(commitment()).when(silent).refused(InvalidValue, "unkept")
        said = assessment_of("e2", outcome=CommitmentOutcome(outcome))
        given(commitment()).when(said).then(CommitmentAssessed)

    def test_what_was_kept_has_nothing_unkept(self) -> None:
        kept = assessment_of("e2", outcome=CommitmentOutcome.KEPT)
        given(commitment()).when(kept).refused(InvalidValue, "unkept")

    def test_it_comes_after_the_first_day_and_after_the_word_before(self) -> None:
        given(commitment()).when(assessment_of("e2", decided_on=FIRST)).then(CommitmentAssessed)
        early = assessment_of("e2", decided_on=FIRST - DAY)
        given(commitment()).when(early).refused(OutOfOrder, "decided_on")
        again = {"unkept": Text("另一事项")}
        story = given(commitment(), assessment_of("e2"))
        story.when(assessment_of("e2", decided_on=ASSESSED, **again)).then(CommitmentAssessed)
        before = assessment_of("e2", decided_on=ASSESSED - DAY, **again)
        given(commitment(), assessment_of("e2")).when(before).refused(OutOfOrder, "decided_on")

    def test_it_has_happened(self) -> None:
        given(commitment()).when(assessment_of("e2", decided_on=TODAY + DAY)).refused(InTheFuture)

    def test_what_was_never_promised_is_not_assessed(self) -> None:
        given().when(assessment_of("e2")).refused(UnknownCommitment, "commitment")


class TestEnding:
    def test_it_is_withdrawn_once(self) -> None:
        story = given(commitment()).when(withdrawal()).then(CommitmentWithdrawn)
        story.when(withdrawal()).then().when(withdrawal(ASSESSED + DAY)).refused(AlreadySettled)

    def test_it_is_closed_once(self) -> None:
        story = given(commitment()).when(closing()).then(CommitmentClosed)
        story.when(closing()).then().when(closing(date(2025, 1, 3))).refused(AlreadySettled)

    def test_what_is_over_is_neither_assessed_nor_ended_in_another_way(self) -> None:
        for over in (withdrawal(), closing()):
            given(commitment(), over).when(assessment_of("e2")).refused(AlreadySettled, fact="e2")
        given(commitment(), withdrawal()).when(closing()).refused(AlreadySettled)
        given(commitment(), closing()).when(withdrawal()).refused(AlreadySettled)

    def test_a_word_that_was_said_before_is_still_nothing_to_do(self) -> None:
        given(commitment(), assessment_of("e2"), closing()).when(assessment_of("e2")).then()

    def test_it_ends_on_its_first_day_at_the_earliest(self) -> None:
        given(commitment()).when(withdrawal(FIRST)).then(CommitmentWithdrawn)
        given(commitment()).when(withdrawal(FIRST - DAY)).refused(OutOfOrder, "effective_on")
        given(commitment()).when(closing(FIRST)).then(CommitmentClosed)
        given(commitment()).when(closing(FIRST - DAY)).refused(OutOfOrder, "effective_on")

    def test_supervision_is_not_over_before_the_last_word(self) -> None:
        told = given(commitment(), assessment_of("e2"))
        told.when(closing(ASSESSED - DAY)).refused(OutOfOrder, "effective_on")
        given(commitment(), assessment_of("e2")).when(closing(ASSESSED)).then(CommitmentClosed)

    def test_what_was_never_promised_does_not_end(self) -> None:
        given().when(withdrawal()).refused(UnknownCommitment)
        given().when(closing()).refused(UnknownCommitment)
