from datetime import date, timedelta

from ledger.commands import AcceptRestoration, RefuseRestoration
from ledger.events import (
    RestorationAccepted,
    RestorationAnnulled,
    RestorationGranted,
    RestorationRefused,
    RestorationRequested,
)
from ledger.refusals import (
    AlreadyAnnulled,
    AlreadyPending,
    AlreadySettled,
    DiffersFromRecorded,
    InTheFuture,
    InvalidValue,
    NewDeterminationSinceRequest,
    NoEditionOn,
    NothingToRestore,
    NotRequested,
    NotYetDecided,
    OutOfOrder,
    PreviousRestorationTooRecent,
    TooEarly,
    UnknownFinding,
    UnknownRestoration,
    UnknownRulebook,
)
from ledger.values import EventId, RulebookId, Text
from tests.examples import (
    CNIPA,
    ELSEWHERE,
    MEASURES,
    SERIOUS_LIST,
    TODAY,
    annulment,
    basis,
    determination,
    exit_from,
    grant,
    listing,
    listing_annulment,
    penalty,
    request,
    restoration_annulment,
)
from tests.specification import Story, given

ASKED = date(2023, 9, 2)
"""Six months after 2023-03-01 are over on this day."""
GRANTED = date(2023, 9, 11)
DAY = timedelta(days=1)
SECOND = determination(decided_on=date(2023, 3, 2), basis=basis("示知信〔2023〕2号"))


def accept(restoration: str = "e3", day: date = date(2023, 9, 4)) -> AcceptRestoration:
    return AcceptRestoration(restoration=EventId(restoration), accepted_on=day)


def refuse(restoration: str = "e3", day: date = GRANTED) -> RefuseRestoration:
    return RefuseRestoration(
        restoration=EventId(restoration), decided_on=day, reason=Text("材料不全")
    )


def asked() -> Story:
    """A determination (`e2`) whose restoration was asked for (`e3`)."""
    return given(determination(), request("e2"))


def granted_elsewhere(*of: str, day: date = GRANTED, **fields: object) -> object:
    given_ = {"rulebook": CNIPA, "of": tuple(map(EventId, of)), "channel": ELSEWHERE}
    return grant(None, decided_on=day, **{**given_, **fields})


class TestAsking:
    def test_it_names_the_regimes_in_which_it_acts(self) -> None:
        event = given(determination()).when(request("e2")).event(RestorationRequested)
        assert (event.restoration, event.edition, event.regimes) == (
            "e3",
            "cnipa-2022-8",
            (MEASURES,),
        )
        assert (event.clause, event.irregular) == ("13-14", None)

    def test_it_is_refused_the_day_before_the_waiting_period_ends(self) -> None:
        given(determination()).when(request("e2", requested_on=ASKED)).then(RestorationRequested)
        early = given(determination()).when(request("e2", requested_on=ASKED - DAY))
        refusal = early.refused(TooEarly, "requested_on", earliest=ASKED)
        assert refusal.rule == "cnipa-2022-8 art. 13-14"

    def test_one_that_was_asked_elsewhere_too_early_is_noted(self) -> None:
        sent = request("e2", requested_on=ASKED - DAY, channel=ELSEWHERE)
        event = given(determination()).when(sent).event(RestorationRequested)
        assert event.irregular is not None
        assert event.irregular.endswith("cnipa-2022-8 art. 13-14")

    def test_the_same_request_again_is_nothing_to_do_whatever_became_of_it(self) -> None:
        asked().when(request("e2")).then()
        asked().when(refuse()).when(request("e2")).then()
        asked().when(grant("e3")).when(request("e2")).then()

    def test_while_one_is_open_no_other_is_asked_for_the_same(self) -> None:
        again = request("e2", requested_on=ASKED + DAY)
        asked().when(again).refused(AlreadyPending, fact="e3")
        asked().when(refuse()).when(again).then(RestorationRequested)
        story = given(determination(), SECOND, request("e2"))
        story.when(request("e3", requested_on=ASKED + DAY)).then(RestorationRequested)

    def test_each_fact_is_one_of_this_subject_that_stands(self) -> None:
        given().when(request("e9")).refused(UnknownFinding, "of/0")
        given(determination()).when(request("e2", "e9")).refused(UnknownFinding, "of/1")
        story = given(determination(), annulment("e2"))
        story.when(request("e2", requested_on=date(2024, 10, 1))).refused(AlreadyAnnulled, "of/0")

    def test_facts_are_named_each_once(self) -> None:
        given(determination()).when(request()).refused(InvalidValue, "of")
        given(determination()).when(request("e2", "e2")).refused(InvalidValue, "of")

    def test_what_has_no_consequence_there_is_not_restored(self) -> None:
        day = date(2024, 11, 1)
        given(penalty()).when(request("e2", requested_on=day)).refused(NothingToRestore, "of/0")

    def test_all_facts_must_have_waited(self) -> None:
        both = request("e2", "e3", requested_on=ASKED)
        given(determination(), SECOND).when(both).refused(TooEarly, earliest=ASKED + DAY)
        both = request("e2", "e3", requested_on=ASKED + DAY)
        given(determination(), SECOND).when(both).then(RestorationRequested)

    def test_a_listing_waits_from_the_day_on_which_it_took_effect(self) -> None:
        first = date(2025, 1, 30)
        story = given(listing()).when(request("e2", requested_on=first))
        assert story.event(RestorationRequested).regimes == (SERIOUS_LIST,)
        given(listing()).when(request("e2", requested_on=first - DAY)).refused(
            TooEarly, earliest=first
        )

    def test_a_listing_that_has_ended_or_was_set_aside_leaves_nothing_to_end(self) -> None:
        day = date(2025, 2, 1)
        story = given(listing(), exit_from(effective_on=day))
        story.when(request("e2", requested_on=day)).refused(NothingToRestore, "of/0")
        given(listing(), exit_from(effective_on=day)).when(
            request("e2", requested_on=day - DAY)
        ).then(RestorationRequested)
        story = given(listing(), listing_annulment("e2"))
        story.when(request("e2", requested_on=day)).refused(AlreadyAnnulled, "of/0")

    def test_the_edition_is_that_of_the_day(self) -> None:
        early = request("e2", requested_on=date(2022, 1, 23))
        given(determination()).when(early).refused(NoEditionOn, "requested_on")
        none = request("e2", rulebook=RulebookId("no-such"))
        given(determination()).when(none).refused(UnknownRulebook)


class TestTakingUp:
    def test_the_last_day_for_the_decision_is_ten_working_days_later(self) -> None:
        event = asked().when(accept()).event(RestorationAccepted)
        assert (event.due_on, event.due_provisional) == (date(2023, 9, 18), False)
        assert event.clause == "13-14"

    def test_holidays_do_not_count(self) -> None:
        """2023-09-29 to 10-06 were days off, 10-07 and 10-08 were worked."""
        event = asked().when(accept(day=date(2023, 9, 27))).event(RestorationAccepted)
        assert event.due_on == date(2023, 10, 17)

    def test_it_is_taken_up_once(self) -> None:
        story = asked().when(accept()).when(accept()).then()
        story.when(accept(day=date(2023, 9, 5))).refused(AlreadySettled)

    def test_on_the_day_of_the_request_at_the_earliest(self) -> None:
        asked().when(accept(day=ASKED)).then(RestorationAccepted)
        asked().when(accept(day=ASKED - DAY)).refused(OutOfOrder, "accepted_on")
        asked().when(accept(day=TODAY + DAY)).refused(InTheFuture)

    def test_what_is_decided_is_not_taken_up(self) -> None:
        asked().when(grant("e3")).when(accept()).refused(AlreadySettled)
        asked().when(refuse()).when(accept()).refused(AlreadySettled)
        given().when(accept()).refused(UnknownRestoration)


class TestGranting:
    def test_it_ends_what_was_asked_for(self) -> None:
        story = asked().when(grant("e3"))
        event = story.event(RestorationGranted)
        assert (event.restoration, event.of, event.regimes) == ("e3", ("e2",), (MEASURES,))
        assert event.effective_on == GRANTED
        assert story.subject.restorations.ended.get(EventId("e2")) == (MEASURES,)

    def test_once(self) -> None:
        asked().when(grant("e3"), grant("e3")).then()
        other = grant("e3", decided_on=GRANTED + DAY)
        asked().when(grant("e3"), other).refused(
            DiffersFromRecorded, fact="e3", fields=("decided_on", "effective_on")
        )
        asked().when(grant("e3"), refuse()).refused(AlreadySettled)
        asked().when(refuse(), grant("e3")).refused(AlreadySettled)

    def test_the_request_says_what_is_restored(self) -> None:
        asked().when(grant("e3", of=(EventId("e2"),))).refused(InvalidValue, "of")
        asked().when(grant("e3", rulebook=CNIPA)).refused(InvalidValue, "rulebook")

    def test_it_comes_after_the_request_and_after_it_was_taken_up(self) -> None:
        asked().when(grant("e3", decided_on=ASKED)).then(RestorationGranted)
        asked().when(grant("e3", decided_on=ASKED - DAY)).refused(OutOfOrder, "decided_on")
        taken = date(2023, 9, 4)
        asked().when(accept(), grant("e3", decided_on=taken)).then(RestorationGranted)
        asked().when(accept(), grant("e3", decided_on=taken - DAY)).refused(OutOfOrder)

    def test_new_dishonest_conduct_since_the_request_forbids_it(self) -> None:
        for day, is_allowed in (
            (ASKED, True),
            (ASKED + DAY, False),
            (GRANTED, False),
            (GRANTED + DAY, True),
        ):
            new = determination(decided_on=day, basis=basis("示知信〔2023〕9号"))
            story = asked().when(new).when(grant("e3"))
            if is_allowed:
                story.then(RestorationGranted)
            else:
                story.refused(NewDeterminationSinceRequest, rule="cnipa-2022-8 art. 13-14")

    def test_unless_it_was_annulled(self) -> None:
        new = determination(decided_on=ASKED + DAY, basis=basis("示知信〔2023〕9号"))
        asked().when(new, annulment("e4"), grant("e3")).then(RestorationGranted)

    def test_when_all_that_was_to_be_restored_was_annulled_nothing_is_left(self) -> None:
        annulled = annulment("e2", decided_on=date(2023, 9, 5))
        asked().when(annulled, grant("e3")).refused(NothingToRestore, "restoration")
        both = given(determination(), SECOND, request("e2", "e3", requested_on=ASKED + DAY))
        both.when(annulment("e2", decided_on=date(2023, 9, 5))).when(grant("e4"))
        both.then(RestorationGranted)

    def test_within_a_year_of_another_restoration_none_is_asked(self) -> None:
        def again(day: date) -> Story:
            return given(determination(), SECOND, request("e2"), grant("e4")).when(
                request("e3", requested_on=day)
            )

        again(date(2024, 9, 10)).refused(PreviousRestorationTooRecent)
        earliest = again(date(2024, 9, 10)).last
        assert isinstance(earliest, PreviousRestorationTooRecent)
        again(earliest.earliest).then(RestorationRequested)
        again(earliest.earliest - DAY).refused(PreviousRestorationTooRecent)
        assert earliest.earliest in {date(2024, 9, 11), date(2024, 9, 12)}

    def test_what_was_ended_once_is_not_ended_again(self) -> None:
        story = given(determination(), request("e2"), grant("e3"))
        story.when(request("e2", requested_on=date(2025, 1, 2))).refused(NothingToRestore, "of/0")


class TestGrantedElsewhere:
    def test_it_is_recorded_without_a_request(self) -> None:
        story = given(determination()).when(granted_elsewhere("e2"))  # type: ignore[arg-type]  # built above
        event = story.event(RestorationGranted)
        assert (event.restoration, event.of, event.irregular) == ("e3", ("e2",), None)
        assert story.subject.restorations.ended.get(EventId("e2")) == (MEASURES,)

    def test_here_it_answers_a_request(self) -> None:
        here = grant(None, rulebook=CNIPA, of=(EventId("e2"),))
        given(determination()).when(here).refused(NotRequested, "restoration")

    def test_it_names_its_rulebook(self) -> None:
        nameless = granted_elsewhere("e2", rulebook=None)
        given(determination()).when(nameless).refused(InvalidValue, "rulebook")  # type: ignore[arg-type]  # built above

    def test_the_same_decision_again_is_nothing_to_do(self) -> None:
        once = granted_elsewhere("e2")
        story = given(determination(), once).when(once).then()  # type: ignore[arg-type]  # built above
        other = granted_elsewhere("e2", effective_on=GRANTED + DAY)
        story.when(other).refused(DiffersFromRecorded, fact="e3", fields=("effective_on",))  # type: ignore[arg-type]  # likewise

    def test_the_order_of_the_facts_is_no_difference(self) -> None:
        day = date(2023, 10, 9)
        one, other = granted_elsewhere("e2", "e3", day=day), granted_elsewhere("e3", "e2", day=day)
        given(determination(), SECOND, one).when(other).then()  # type: ignore[arg-type]  # built above

    def test_one_that_came_too_early_is_recorded_and_says_so(self) -> None:
        early = granted_elsewhere("e2", day=date(2023, 6, 1))
        event = given(determination()).when(early).event(RestorationGranted)  # type: ignore[arg-type]  # built above
        assert event.irregular is not None
        assert "2023-09-02" in event.irregular

    def test_one_that_was_set_aside_does_not_come_back(self) -> None:
        once = granted_elsewhere("e2")
        story = given(determination(), once, restoration_annulment("e3"))  # type: ignore[arg-type]  # built above
        story.when(once).refused(AlreadyAnnulled, fact="e3")  # type: ignore[arg-type]  # likewise

    def test_it_is_neither_taken_up_nor_refused_afterwards(self) -> None:
        once = granted_elsewhere("e2")
        given(determination(), once).when(accept("e3")).refused(AlreadySettled)  # type: ignore[arg-type]  # built above
        given(determination(), once).when(refuse("e3")).refused(AlreadySettled)  # type: ignore[arg-type]  # likewise


class TestRefusing:
    def test_a_request_is_refused_once(self) -> None:
        story = asked().when(refuse()).then(RestorationRefused).when(refuse()).then()
        story.when(refuse(day=GRANTED + DAY)).refused(AlreadySettled)

    def test_it_comes_after_the_request_and_after_it_was_taken_up(self) -> None:
        asked().when(refuse(day=ASKED)).then(RestorationRefused)
        asked().when(refuse(day=ASKED - DAY)).refused(OutOfOrder, "decided_on")
        asked().when(accept(), refuse(day=date(2023, 9, 3))).refused(OutOfOrder, "decided_on")

    def test_what_was_never_asked_is_not_refused(self) -> None:
        given().when(refuse()).refused(UnknownRestoration)


class TestAnnulling:
    def test_the_consequences_never_ended(self) -> None:
        story = asked().when(grant("e3"), restoration_annulment("e3")).then(RestorationAnnulled)
        assert story.subject.restorations.ended.get(EventId("e2")) == ()
        story.when(restoration_annulment("e3")).then()
        other = restoration_annulment("e3", reason=Text("另一理由"))
        story.when(other).refused(AlreadyAnnulled, "restoration")

    def test_so_they_may_be_restored_again(self) -> None:
        story = asked().when(grant("e3"), restoration_annulment("e3"))
        story.when(request("e2", requested_on=date(2024, 2, 1))).then(RestorationRequested)

    def test_what_was_not_granted_is_not_annulled(self) -> None:
        asked().when(restoration_annulment("e3")).refused(NotYetDecided)
        asked().when(refuse(), restoration_annulment("e3")).refused(AlreadySettled)
        given().when(restoration_annulment("e3")).refused(UnknownRestoration)

    def test_on_the_day_of_the_grant_at_the_earliest(self) -> None:
        same = restoration_annulment("e3", decided_on=GRANTED)
        asked().when(grant("e3"), same).then(RestorationAnnulled)
        before = restoration_annulment("e3", decided_on=GRANTED - DAY)
        asked().when(grant("e3"), before).refused(OutOfOrder, "decided_on")
