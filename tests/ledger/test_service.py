"""The loop that reads, decides, appends and tries again, on the store in memory."""

from dataclasses import replace
from typing import Final

import pytest

from ledger.commands import AddIdentifier, PublishEdition, RegisterSubject
from ledger.events import (
    DeterminationMade,
    IdentifierAdded,
    ListingDecided,
    ListingEnded,
    PenaltyImposed,
    RulebookEditionPublished,
    SubjectRegistered,
)
from ledger.identifiers import (
    organisation_code,
    registration_number,
    uscc,
)
from ledger.refusals import (
    DiffersFromRecorded,
    IdentifiersOfTwoSubjects,
    IdentifierTaken,
    KeyReused,
    RecordTooLarge,
    Refused,
    StaleVersion,
    UnknownRulebook,
    UnknownSubject,
)
from ledger.requests import EXISTS, Recorded, TooContended, Unchanged
from ledger.rulebooks import shipped
from ledger.service import ATTEMPTS_MAX
from ledger.values import EventId, Name, Text, yuan
from tests.codes import (
    synthetic_organisation_code,
    synthetic_registration_number,
    synthetic_uscc,
)
from tests.examples import (
    SERIOUS,
    annulment,
    basis,
    conviction,
    determination,
    enterprise,
    exit_from,
    listing,
    penalty,
)
from tests.process import Process, request


@pytest.fixture
def process() -> Process:
    """A process of a ledger that knows the first enterprise."""
    process = Process()
    process.recorded(enterprise(1))
    return process


class TestOneRequest:
    def test_what_is_decided_is_recorded(self, process: Process) -> None:
        outcome = process.recorded(penalty(), of=1, key=1)
        ((event_id, event),) = outcome.events
        assert isinstance(event, PenaltyImposed)
        assert event.finding == event_id, "a fact is named by its record"
        assert (outcome.first, outcome.last, outcome.version) == (3, 3, 2)
        assert not outcome.replayed
        stored = process.store.read_positions(3, 3)[0]
        assert (stored.id, stored.stream, stored.version) == (event_id, outcome.stream, 2)

    def test_its_commands_are_done_together(self, process: Process) -> None:
        outcome = process.recorded(enterprise(2), penalty(), listing())
        kinds = [type(event) for _, event in outcome.events]
        assert kinds == [SubjectRegistered, PenaltyImposed, ListingDecided]
        assert (outcome.first, outcome.last, outcome.version) == (3, 5, 3)

    def test_or_not_at_all(self, process: Process) -> None:
        commands = (enterprise(2), penalty(), annulment("e9"))
        process.refused(Refused, *commands)
        assert process.store.find([uscc(synthetic_uscc(2))]) == {}

    def test_a_later_command_sees_what_an_earlier_one_decided(self, process: Process) -> None:
        outcome = process.recorded(penalty(), penalty(), of=1)
        assert len(outcome.events) == 1

    def test_a_subject_is_named_by_its_id_or_any_identifier(self, process: Process) -> None:
        stream = process.recorded(penalty(), of=1).stream
        inner = (organisation_code(synthetic_organisation_code(1)),)
        assert process.unchanged(penalty(), of=stream).stream == stream
        assert process.unchanged(penalty(), of=inner).stream == stream

    def test_nobody_is_registered_by_a_finding(self, process: Process) -> None:
        process.refused(UnknownSubject, penalty(), of=9)
        process.refused(UnknownSubject, penalty(), of="s-" + "z" * 26)
        process.refused(UnknownSubject, penalty())

    def test_what_is_too_large_for_a_record_is_refused(self, process: Process) -> None:
        long = Text("长" * 5_000)
        fits = penalty(facts=long, content=long, note=long, offence=long)
        process.recorded(fits, of=1)
        large = replace(fits, licence=Text("长" * 500), basis=basis("示知罚〔2024〕2号"))
        refusal = process.refused(RecordTooLarge, large, of=1)
        assert 60 * 1024 < refusal.size < 63 * 1024


class TestRepeats:
    def test_a_natural_key_sent_again_is_nothing_to_do(self, process: Process) -> None:
        recorded = process.recorded(penalty(), of=1, key=1)
        again = process.unchanged(penalty(), of=1, key=2)
        assert (again.stream, again.version, again.position) == (recorded.stream, 2, 3)

    def test_a_key_sent_again_gives_the_same_outcome(self, process: Process) -> None:
        first = process.recorded(penalty(), of=1, key=1)
        process.recorded(annulment(first.events[0][0]), of=1)
        again = process.recorded(penalty(), of=1, key=1)
        assert again.replayed
        assert (again.first, again.last, again.version, again.events) == (
            first.first,
            first.last,
            first.version,
            first.events,
        )

    def test_a_key_sent_again_to_another_process_gives_the_same_outcome(
        self, process: Process
    ) -> None:
        first = process.recorded(penalty(), listing(), of=1, key=1)
        again = Process(process.store).recorded(penalty(), listing(), of=1, key=1)
        assert (again.replayed, again.events) == (True, first.events)

    def test_a_key_reused_with_another_body_is_refused(self, process: Process) -> None:
        process.recorded(penalty(), of=1, key=1)
        refusal = process.refused(KeyReused, listing(), of=1, key=1)
        assert refusal.first == 3

    def test_a_key_of_what_was_refused_or_changed_nothing_is_free(self, process: Process) -> None:
        process.recorded(penalty(), of=1)
        process.refused(Refused, annulment("e9"), of=1, key=1)
        process.unchanged(penalty(), of=1, key=1)
        assert process.recorded(listing(), of=1, key=1).replayed is False

    def test_the_same_key_twice_in_one_batch_is_done_once(self, process: Process) -> None:
        one = request(penalty(), of=1, key=1)
        first, second = process.record(one, one)
        assert isinstance(first, Recorded)
        assert isinstance(second, Recorded)
        assert (first.replayed, second.replayed) == (False, True)
        assert first.events == second.events
        assert process.store.position() == 3

    def test_the_same_key_with_another_body_in_one_batch_is_refused(self, process: Process) -> None:
        first, second, third = process.record(
            request(penalty(), of=1, key=1),
            request(listing(), of=1, key=1),
            request(listing(), of=1, key=2),
        )
        assert isinstance(first, Recorded)
        assert isinstance(second, KeyReused)
        assert isinstance(third, Recorded)

    def test_a_record_that_differs_is_named_with_its_position(self, process: Process) -> None:
        process.recorded(penalty(), of=1)
        refusal = process.refused(DiffersFromRecorded, penalty(fine=yuan("1")), of=1)
        assert (refusal.position, refusal.fields) == (3, ("fine",))


class TestVersions:
    @pytest.mark.parametrize("expected", [1, EXISTS, None])
    def test_a_command_bound_to_the_version_that_is_found_is_done(
        self, process: Process, expected: int | None
    ) -> None:
        process.recorded(penalty(), of=1, expected=expected)

    @pytest.mark.parametrize("expected", [0, 2])
    def test_one_bound_to_another_is_refused(self, process: Process, expected: int) -> None:
        refusal = process.refused(StaleVersion, penalty(), of=1, expected=expected)
        assert (refusal.expected, refusal.actual) == (expected, 1)

    def test_a_registration_may_be_bound_to_nobody_being_there(self, process: Process) -> None:
        process.recorded(enterprise(2), expected=0)
        process.refused(StaleVersion, enterprise(2), expected=0)
        process.refused(StaleVersion, enterprise(3), expected=EXISTS)

    def test_a_version_holds_within_the_batch(self, process: Process) -> None:
        first, second = process.record(
            request(penalty(), of=1, expected=1), request(listing(), of=1, expected=1)
        )
        assert isinstance(first, Recorded)
        assert isinstance(second, StaleVersion)
        assert second.actual == 2


class TestIdentifiers:
    def test_registering_again_with_more_codes_adds_them(self, process: Process) -> None:
        number = registration_number(synthetic_registration_number(1))
        both = enterprise(1, identifiers=(uscc(synthetic_uscc(1)), number))
        outcome = process.recorded(both)
        assert [type(event) for _, event in outcome.events] == [IdentifierAdded]
        assert process.store.find([number]) == {number: outcome.stream}
        assert process.unchanged(both).stream == outcome.stream

    def test_codes_of_two_subjects_are_refused(self, process: Process) -> None:
        number = registration_number(synthetic_registration_number(2))
        process.recorded(enterprise(2, identifiers=(number,)))
        both = enterprise(3, identifiers=(uscc(synthetic_uscc(1)), number))
        refusal = process.refused(IdentifiersOfTwoSubjects, both)
        assert len(refusal.subjects) == 2

    def test_a_code_that_another_subject_holds_is_taken(self, process: Process) -> None:
        """It met a conflict on every attempt once, and was answered as overload."""
        other = process.recorded(enterprise(2)).stream
        taken = AddIdentifier(identifier=registration_number(synthetic_registration_number(2)))
        process.recorded(taken, of=2)
        refusal = process.refused(IdentifierTaken, taken, of=1)
        assert refusal.holder == other

    def test_so_is_one_that_stands_in_the_credit_code_of_another(self, process: Process) -> None:
        number = registration_number(synthetic_registration_number(2))
        process.recorded(enterprise(2, identifiers=(number,)))
        inner = AddIdentifier(identifier=organisation_code(synthetic_organisation_code(1)))
        process.refused(IdentifierTaken, inner, of=(number,))
        whole = AddIdentifier(identifier=uscc(synthetic_uscc(1)))
        process.refused(IdentifierTaken, whole, of=(number,))

    def test_a_code_is_taken_within_the_batch_too(self, process: Process) -> None:
        number = registration_number(synthetic_registration_number(7))
        first, second, third = process.record(
            request(enterprise(2)),
            request(AddIdentifier(identifier=number), of=1),
            request(AddIdentifier(identifier=number), of=2),
        )
        assert isinstance(first, Recorded)
        assert isinstance(second, Recorded)
        assert isinstance(third, IdentifierTaken)
        assert third.holder == second.stream

    def test_one_body_registered_twice_in_a_batch_is_one_subject(self, process: Process) -> None:
        inner = organisation_code(synthetic_organisation_code(2))
        first, second, third = process.record(
            request(enterprise(2)),
            request(RegisterSubject(identifiers=(inner,), name=Name("另一名称"))),
            request(penalty(), of=(inner,)),
        )
        assert isinstance(first, Recorded)
        assert isinstance(second, Unchanged)
        assert isinstance(third, Recorded)
        assert first.stream == second.stream == third.stream


class TestBatches:
    def test_a_batch_is_one_append(self, process: Process) -> None:
        process.store.batches.clear()
        process.record(*(request(enterprise(number)) for number in range(10, 30)))
        assert process.store.batches == [20]

    def test_outcomes_are_given_in_order_and_a_refusal_touches_nobody(
        self, process: Process
    ) -> None:
        outcomes = process.record(
            request(penalty(), of=1),
            request(penalty(), of=9),
            request(penalty(), of=1),
            request(enterprise(2)),
        )
        kinds = [type(one) for one in outcomes]
        assert kinds == [Recorded, UnknownSubject, Unchanged, Recorded]

    def test_nothing_to_do_says_the_position_at_which_it_was_done(self, process: Process) -> None:
        """It said the position before the batch once, at which the record was not yet there."""
        first, second, third = process.record(
            request(penalty(), of=1), request(enterprise(2)), request(penalty(), of=1)
        )
        assert isinstance(first, Recorded)
        assert isinstance(second, Recorded)
        assert isinstance(third, Unchanged)
        assert (third.position, third.version) == (first.last, first.version)

    def test_no_request_is_no_outcome(self, process: Process) -> None:
        assert process.record() == ()

    def test_a_fault_of_the_store_fails_the_batch(self, process: Process) -> None:
        def away() -> None:
            raise ConnectionError("gone")

        process.store.meanwhile = [away]
        with pytest.raises(ConnectionError):
            process.record(request(penalty(), of=1))
        process.recorded(penalty(), of=1)


class TestConflicts:
    """Another process writes between reading and appending."""

    @pytest.fixture
    def other(self, process: Process) -> Process:
        process.recorded(penalty(), of=1)  # so that its state is kept
        return Process(process.store)

    def test_what_met_a_conflict_is_decided_again(self, process: Process, other: Process) -> None:
        process.store.meanwhile = [lambda: other.recorded(listing(), of=1)]
        outcome = process.recorded(conviction(), of=1)
        assert outcome.version == 4
        assert len(process.store.batches) == 5

    def test_on_the_state_that_the_other_left(self, process: Process, other: Process) -> None:
        process.store.meanwhile = [lambda: other.recorded(listing(), of=1)]
        (outcome,) = process.record(request(listing(), of=1))
        assert isinstance(outcome, Unchanged)
        assert (outcome.position, outcome.version) == (4, 3)

    def test_a_key_that_the_other_used_meanwhile_is_replayed(
        self, process: Process, other: Process
    ) -> None:
        one = request(listing(), of=1, key=5)
        process.store.meanwhile = [lambda: other.record(one)]
        (outcome,) = process.record(one)
        assert isinstance(outcome, Recorded)
        assert outcome.replayed

    def test_a_code_that_the_other_registered_meanwhile_leads_to_its_subject(
        self, process: Process, other: Process
    ) -> None:
        theirs: list[Recorded] = []
        process.store.meanwhile = [lambda: theirs.append(other.recorded(enterprise(2)))]
        outcome = process.recorded(enterprise(2), penalty())
        assert outcome.stream == theirs[0].stream
        assert [type(event) for _, event in outcome.events] == [PenaltyImposed]

    def test_neighbours_of_a_conflict_are_recorded_at_the_first_attempt(
        self, process: Process, other: Process
    ) -> None:
        process.store.meanwhile = [lambda: other.recorded(listing(), of=1)]
        first, second = process.record(request(conviction(), of=1), request(enterprise(2)))
        assert isinstance(first, Recorded)
        assert isinstance(second, Recorded)
        assert (second.first, first.first) == (5, 6)

    def test_what_was_decided_behind_it_is_decided_again(
        self, process: Process, other: Process
    ) -> None:
        """The other wrote as many events as were lost, so that the versions would have fitted.

        The second request would then have ended a listing that is on no record.
        """
        ended = exit_from()
        process.store.meanwhile = [lambda: other.recorded(conviction(), of=1)]
        first, second = process.record(request(listing(), of=1), request(ended, of=1))
        assert isinstance(first, Recorded)
        assert isinstance(second, Recorded)
        ((listed, _),) = first.events
        ((_, event),) = second.events
        assert isinstance(event, ListingEnded)
        assert event.listing == listed

    def test_nothing_to_do_is_not_said_of_what_was_then_not_done(
        self, process: Process, other: Process
    ) -> None:
        """The first request was lost to a newer version, and took with it what the second sent."""
        process.store.meanwhile = [lambda: other.recorded(conviction(), of=1)]
        first, second = process.record(
            request(listing(), of=1, expected=2), request(listing(), of=1)
        )
        assert isinstance(first, StaleVersion)
        assert isinstance(second, Recorded)

    def test_nor_is_a_refusal(self, process: Process, other: Process) -> None:
        process.store.meanwhile = [lambda: other.recorded(conviction(), of=1)]
        later = listing(reason=Text("另一理由"))
        first, second = process.record(request(listing(), of=1, expected=2), request(later, of=1))
        assert isinstance(first, StaleVersion)
        assert isinstance(second, Recorded)

    def test_requests_keep_their_order_when_they_are_tried_again(
        self, process: Process, other: Process
    ) -> None:
        process.store.meanwhile = [lambda: other.recorded(conviction(), of=1)]
        first, second = process.record(
            request(listing(), of=1, key=5), request(penalty(note=Text("x")), of=1, key=5)
        )
        assert isinstance(first, Recorded)
        assert isinstance(second, KeyReused)

    def test_who_loses_on_every_attempt_is_told_and_nobody_else_is_touched(
        self, process: Process, other: Process
    ) -> None:
        numbers = iter(range(10, 1_000))

        def write() -> None:
            paper = basis(f"示知罚〔2023〕{next(numbers)}号")
            other.recorded(penalty(basis=paper), of=1)

        store = process.store

        def always() -> None:
            store.meanwhile = []
            write()
            store.meanwhile = [always]

        store.meanwhile = [always]
        before = len(store.batches)
        first, second, third, fourth = process.record(
            request(listing(), of=1),
            request(enterprise(2)),
            request(penalty(), of=1),
            request(penalty(), of=9),
        )
        assert isinstance(first, TooContended)
        assert isinstance(second, Recorded)
        assert isinstance(third, Unchanged)
        assert isinstance(fourth, UnknownSubject)
        assert len(store.batches) == before + 2 * ATTEMPTS_MAX

    def test_states_are_dropped_when_another_process_moved_on(
        self, process: Process, other: Process
    ) -> None:
        found = other.recorded(listing(), of=1).events[0][0]
        outcome = process.recorded(exit_from(), of=1)
        ((_, event),) = outcome.events
        assert isinstance(event, ListingEnded)
        assert event.listing == found
        assert len(process.store.batches) == 4, "it was known before it was tried"

    def test_so_are_those_that_it_moved_on_while_this_one_appended(
        self, process: Process, other: Process
    ) -> None:
        process.recorded(enterprise(2))
        process.store.meanwhile = [lambda: other.recorded(listing(), of=2)]
        process.recorded(listing(), of=1)
        process.recorded(exit_from(), of=2)

    def test_what_is_kept_is_what_is_on_the_log(self, process: Process, other: Process) -> None:
        for number in range(2, 8):
            who = process if number % 2 else other
            who.recorded(enterprise(number), penalty())
            who.recorded(penalty(basis=basis(f"示知罚〔2023〕{number}号")), of=1 + number // 2)
        fresh = Process(process.store)
        streams = [one.stream for one in process.store.read_positions(2, 100)]
        for one in (process, other):
            one.service.rulebooks()
            assert one.service._kept.states(streams) == fresh.service._kept.states(streams)


class TestEditions:
    CNIPA: Final = next(text for text in shipped() if "cnipa-2022-8" in text)

    def test_an_edition_is_published_on_the_stream_of_its_rulebook(self, process: Process) -> None:
        outcome = process.recorded(PublishEdition(text=self.CNIPA))
        assert (outcome.stream, outcome.version) == ("rulebook/cnipa-credit", 1)

    def test_once(self, process: Process) -> None:
        process.recorded(PublishEdition(text=self.CNIPA))
        again = process.unchanged(PublishEdition(text=self.CNIPA))
        assert (again.stream, again.version) == ("rulebook/cnipa-credit", 1)

    def test_bound_to_the_version_of_its_rulebook(self, process: Process) -> None:
        publish = PublishEdition(text=self.CNIPA)
        process.refused(StaleVersion, publish, expected=1)
        process.refused(StaleVersion, publish, expected=EXISTS)
        process.recorded(publish, expected=0)

    def test_it_is_seen_by_later_requests_of_the_batch(self, process: Process) -> None:
        refused, published, made = process.record(
            request(determination(), of=1),
            request(PublishEdition(text=self.CNIPA)),
            request(determination(), of=1),
        )
        assert isinstance(refused, UnknownRulebook)
        assert isinstance(published, Recorded)
        assert isinstance(made, Recorded)

    def test_and_by_other_processes(self, process: Process) -> None:
        other = Process(process.store)
        other.refused(UnknownRulebook, determination(), of=1)
        process.recorded(PublishEdition(text=self.CNIPA))
        ((_, event),) = other.recorded(determination(), of=1).events
        assert isinstance(event, DeterminationMade)
        assert event.edition == "cnipa-2022-8"
        assert other.service.rulebooks() == process.service.rulebooks()

    def test_nothing_is_decided_under_an_edition_that_was_then_not_published(
        self, process: Process
    ) -> None:
        other = Process(process.store)
        theirs = self.CNIPA.replace("cnipa-2022-8", "cnipa-2022-8a")
        process.store.meanwhile = [lambda: other.recorded(PublishEdition(text=theirs))]
        published, made = process.record(
            request(PublishEdition(text=self.CNIPA)), request(determination(), of=1)
        )
        assert isinstance(published, Refused)
        assert isinstance(made, Recorded)
        ((_, event),) = made.events
        assert isinstance(event, DeterminationMade)
        assert event.edition == "cnipa-2022-8a"

    def test_a_process_that_starts_later_knows_them(self, process: Process) -> None:
        for text in shipped():
            process.recorded(PublishEdition(text=text))
        later = Process(process.store)
        assert {one.id for one in later.service.rulebooks().editions} == {
            one.id for one in process.service.rulebooks().editions
        }
        assert len(later.service.rulebooks().editions) == len(shipped())


class TestPreviews:
    def test_a_preview_shows_what_would_be_recorded_and_records_nothing(
        self, process: Process
    ) -> None:
        preview = process.service.preview(request(penalty(), listing(), of=1))
        assert [type(event) for _, event in preview.events] == [PenaltyImposed, ListingDecided]
        assert (preview.version, preview.position) == (1, 2)
        assert process.store.position() == 2
        assert process.recorded(penalty(), of=1).version == 2

    def test_a_preview_of_nothing_to_do_has_no_events(self, process: Process) -> None:
        process.recorded(penalty(), of=1)
        preview = process.service.preview(request(penalty(), of=1))
        assert (preview.events, preview.version, preview.position) == ((), 2, 3)

    def test_a_preview_of_what_is_forbidden_is_refused(self, process: Process) -> None:
        with pytest.raises(UnknownSubject):
            process.service.preview(request(penalty(), of=9))

    def test_a_preview_of_an_edition_publishes_nothing(self, process: Process) -> None:
        preview = process.service.preview(request(PublishEdition(text=shipped()[0])))
        assert [type(event) for _, event in preview.events] == [RulebookEditionPublished]
        assert preview.version == 0
        assert process.service.rulebooks().editions == ()


def test_an_event_opens_a_fact_under_the_id_of_its_record(process: Process) -> None:
    process.recorded(PublishEdition(text=TestEditions.CNIPA))
    for command in (penalty(), determination(), listing(list=SERIOUS)):
        for event_id, event in process.recorded(command, of=1).events:
            named = getattr(event, "finding", None) or getattr(event, "listing", None)
            assert EventId(event_id) == named
