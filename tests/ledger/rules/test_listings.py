from datetime import date, timedelta

import pytest

from ledger.commands import DropListing
from ledger.events import (
    ListingAnnulled,
    ListingDecided,
    ListingDropped,
    ListingEnded,
    ListingProposed,
)
from ledger.refusals import (
    AlreadyAnnulled,
    AlreadyPending,
    AlreadySettled,
    DiffersFromRecorded,
    EndsBeforeItBegins,
    InvalidValue,
    NotYetDecided,
    OutOfOrder,
    UnknownFinding,
    UnknownListing,
)
from ledger.values import Digest, EventId, FileRow, ListId, Text
from tests.examples import (
    ELSEWHERE,
    FROM_LIST,
    SERIOUS,
    TODAY,
    annulment,
    exit_from,
    listing,
    listing_annulment,
    penalty,
    proposal,
)
from tests.specification import given

PUT_ON = date(2024, 1, 29)
NOTICE = date(2023, 12, 26)
OFF = date(2025, 2, 1)
DAY = timedelta(days=1)
ROW = FileRow(file=Digest("sha256:" + "1" * 64), row=7)


def drop(listing_id: str = "e2", day: date = date(2024, 2, 1)) -> DropListing:
    return DropListing(listing=EventId(listing_id), effective_on=day, reason=Text("证据不足"))


class TestProposing:
    def test_a_notice_is_recorded_once(self) -> None:
        given().when(proposal()).then(ListingProposed).when(proposal()).then()

    def test_while_one_is_open_no_other_is_given_for_the_list(self) -> None:
        other = proposal(reason=Text("另一理由"))
        given(proposal()).when(other).refused(AlreadyPending, fact="e2")
        given(proposal()).when(proposal(list=ListId("other"))).then(ListingProposed)
        given(proposal(), drop()).when(other).then(ListingProposed)

    def test_a_notice_that_was_dropped_is_not_given_again(self) -> None:
        given(proposal(), drop()).when(proposal()).then()

    def test_it_rests_on_a_fact_that_stands(self) -> None:
        given(penalty()).when(proposal(rests_on=EventId("e2"))).then(ListingProposed)
        given().when(proposal(rests_on=EventId("e2"))).refused(UnknownFinding, "rests_on")
        story = given(penalty(), annulment("e2"))
        story.when(proposal(rests_on=EventId("e2"))).refused(UnknownFinding, "rests_on")

    @pytest.mark.parametrize(
        ("name", "is_one"),
        [
            ("a", True),
            ("9", True),
            ("published/0123456789ab", True),
            ("x" * 64, True),
            ("", False),
            ("A", False),
            ("/a", False),
            ("a b", False),
            ("严重违法", False),
            ("x" * 65, False),
        ],
    )
    def test_a_list_has_an_id(self, name: str, is_one: bool) -> None:  # noqa: FBT001  # a case
        for command in (proposal(list=ListId(name)), listing(list=ListId(name))):
            story = given().when(command)
            if is_one:
                assert isinstance(story.last, tuple)
            else:
                story.refused(InvalidValue, "list")


class TestDeciding:
    def test_a_listing_is_recorded_with_the_edition_that_names_its_list(self) -> None:
        event = given().when(listing()).event(ListingDecided)
        assert (event.listing, event.rulebook, event.edition) == (
            "e2",
            "cnipa-credit",
            "cnipa-2022-8",
        )

    def test_a_list_that_no_edition_names_feeds_no_regime(self) -> None:
        event = given().when(listing(list=ListId("other"))).event(ListingDecided)
        assert (event.rulebook, event.edition, event.clause) == (None, None, None)

    def test_before_the_first_edition_the_list_is_of_no_rulebook(self) -> None:
        first = date(2022, 1, 24)
        assert given().when(listing(effective_on=first)).event(ListingDecided).edition is not None
        early = given().when(listing(effective_on=first - DAY)).event(ListingDecided)
        assert early.edition is None
        decided = listing(effective_on=first, decided_on=first - DAY)
        assert given().when(decided).event(ListingDecided).edition is None

    def test_list_and_put_on_day_name_it(self) -> None:
        given(listing()).when(listing()).then()
        given(listing()).when(listing(effective_on=PUT_ON + DAY)).then(ListingDecided)
        given(listing()).when(listing(list=ListId("other"))).then(ListingDecided)
        other = listing(reason=Text("另一理由"))
        given(listing()).when(other).refused(DiffersFromRecorded, fact="e2", fields=("reason",))

    def test_how_it_came_is_no_difference(self) -> None:
        given(listing()).when(listing(channel=ELSEWHERE)).then()
        given(listing()).when(listing(channel=FROM_LIST, origin=ROW)).then()

    def test_an_unknown_day_is_the_same_on_every_day_of_import(self) -> None:
        first = listing(dated=False, effective_on=TODAY - DAY)
        again = listing(dated=False, effective_on=TODAY)
        given(first).when(again).then()
        given(first).when(listing(dated=False, effective_on=TODAY, reason=Text("x"))).refused(
            DiffersFromRecorded, fields=("reason",)
        )
        given(first).when(listing(effective_on=TODAY)).then(ListingDecided)

    def test_its_last_day_is_not_before_its_first(self) -> None:
        given().when(listing(term_ends_on=PUT_ON)).then(ListingDecided)
        given().when(listing(term_ends_on=PUT_ON - DAY)).refused(EndsBeforeItBegins, "term_ends_on")

    def test_what_was_annulled_is_not_recorded_again(self) -> None:
        given(listing(), listing_annulment("e2")).when(listing()).refused(
            AlreadyAnnulled, fact="e2"
        )


class TestDecidingWhatWasProposed:
    def test_the_decision_goes_under_the_name_of_the_notice(self) -> None:
        decided = listing(listing=EventId("e2"))
        story = given(proposal()).when(decided)
        assert story.event(ListingDecided).listing == "e2"
        story.when(decided).then().when(listing()).then()
        story.when(proposal()).then()

    def test_it_comes_after_the_notice(self) -> None:
        on_the_day = listing(listing=EventId("e2"), effective_on=NOTICE)
        given(proposal()).when(on_the_day).then(ListingDecided)
        before = listing(listing=EventId("e2"), effective_on=NOTICE - DAY)
        given(proposal()).when(before).refused(OutOfOrder, "effective_on")

    def test_it_is_for_the_list_of_the_notice(self) -> None:
        other = listing(listing=EventId("e2"), list=ListId("other"))
        given(proposal()).when(other).refused(InvalidValue, "list")

    def test_a_notice_that_was_dropped_or_never_given_is_not_decided(self) -> None:
        decided = listing(listing=EventId("e2"))
        given(proposal(), drop()).when(decided).refused(AlreadySettled, fact="e2")
        given().when(decided).refused(UnknownListing, "listing")

    def test_a_notice_is_decided_once(self) -> None:
        decided = listing(listing=EventId("e2"))
        later = listing(listing=EventId("e2"), effective_on=PUT_ON + DAY)
        given(proposal(), decided).when(later).refused(DiffersFromRecorded, fact="e2")
        story = given(proposal(), decided, listing_annulment("e2"))
        story.when(later).refused(AlreadyAnnulled, "listing")

    def test_a_decision_on_record_without_its_notice_stays_as_it_is(self) -> None:
        story = given(listing(), proposal()).when(listing(listing=EventId("e3")))
        story.refused(DiffersFromRecorded, fact="e2", fields=("listing",))


class TestDropping:
    def test_a_notice_is_dropped_once(self) -> None:
        story = given(proposal()).when(drop()).then(ListingDropped).when(drop()).then()
        story.when(drop(day=date(2024, 2, 2))).refused(AlreadySettled)

    def test_on_the_day_of_the_notice_at_the_earliest(self) -> None:
        given(proposal()).when(drop(day=NOTICE)).then(ListingDropped)
        given(proposal()).when(drop(day=NOTICE - DAY)).refused(OutOfOrder, "effective_on")

    def test_what_was_decided_is_not_dropped(self) -> None:
        given(listing()).when(drop()).refused(AlreadySettled, fact="e2")
        given().when(drop()).refused(UnknownListing)


class TestEnding:
    def test_a_listing_is_ended_by_its_list_or_by_its_id(self) -> None:
        for command in (exit_from(), exit_from(listing=EventId("e2"))):
            event = given(listing()).when(command).event(ListingEnded)
            assert (event.listing, event.effective_on) == ("e2", OFF)

    def test_once(self) -> None:
        story = given(listing(), exit_from()).when(exit_from()).then()
        story.when(exit_from(channel=FROM_LIST, origin=ROW)).then()
        story.when(exit_from(listing=EventId("e2"), reason=Text("x"))).refused(AlreadySettled)
        given(listing(), exit_from()).when(exit_from(effective_on=OFF + DAY)).refused(
            UnknownListing, "list"
        )

    def test_exactly_one_of_the_two_is_sent(self) -> None:
        both = exit_from(listing=EventId("e2"), list=SERIOUS)
        given(listing()).when(both).refused(InvalidValue, "listing")
        neither = exit_from(listing=None)
        given(listing()).when(neither).refused(InvalidValue, "listing")

    def test_it_leaves_at_least_a_day_on_the_list(self) -> None:
        given(listing()).when(exit_from(effective_on=PUT_ON + DAY)).then(ListingEnded)
        given(listing()).when(exit_from(effective_on=PUT_ON)).refused(
            EndsBeforeItBegins, "effective_on"
        )

    def test_a_day_of_import_is_no_first_day_to_compare_with(self) -> None:
        undated = listing(dated=False, effective_on=TODAY)
        given(undated).when(exit_from()).then(ListingEnded)

    def test_of_several_the_latest_that_had_begun_is_ended(self) -> None:
        story = given(listing(), listing(effective_on=date(2024, 6, 1)))
        story.when(listing(effective_on=date(2025, 6, 1)))
        assert story.when(exit_from()).event(ListingEnded).listing == "e3"
        assert story.when(exit_from(effective_on=OFF + DAY)).event(ListingEnded).listing == "e2"
        story.when(exit_from(effective_on=OFF + DAY)).then()
        story.when(exit_from(effective_on=OFF + 2 * DAY)).refused(EndsBeforeItBegins)

    def test_its_list_and_its_first_day_name_one_of_several(self) -> None:
        story = given(listing(), listing(effective_on=date(2024, 6, 1)))
        first = exit_from(begun_on=PUT_ON)
        assert story.when(first).event(ListingEnded).listing == "e2"
        story.when(first).then()
        other = exit_from(begun_on=PUT_ON, effective_on=OFF + DAY)
        fields = ("ended/effective_on",)
        story.when(other).refused(DiffersFromRecorded, "effective_on", fields=fields)
        given(listing()).when(exit_from(begun_on=PUT_ON + DAY)).refused(UnknownListing, "begun_on")
        by_id = exit_from(listing=EventId("e2"), begun_on=PUT_ON)
        given(listing()).when(by_id).refused(InvalidValue, "begun_on")

    def test_what_does_not_run_is_not_ended(self) -> None:
        given().when(exit_from()).refused(UnknownListing, "list")
        given(proposal()).when(exit_from(listing=EventId("e2"))).refused(NotYetDecided)
        given(proposal()).when(exit_from()).refused(UnknownListing, "list")
        story = given(listing(), listing_annulment("e2"))
        story.when(exit_from(listing=EventId("e2"))).refused(AlreadyAnnulled, "listing")


class TestAnnulling:
    def test_a_listing_is_set_aside_once(self) -> None:
        story = given(listing()).when(listing_annulment("e2")).then(ListingAnnulled)
        story.when(listing_annulment("e2")).then()
        other = listing_annulment("e2", reason=Text("另一理由"))
        story.when(other).refused(AlreadyAnnulled, "listing")

    def test_also_when_it_has_ended(self) -> None:
        given(listing(), exit_from()).when(listing_annulment("e2")).then(ListingAnnulled)

    def test_on_the_day_of_the_decision_at_the_earliest(self) -> None:
        decided = listing(decided_on=date(2024, 1, 20))
        same = listing_annulment("e2", decided_on=date(2024, 1, 20))
        given(decided).when(same).then(ListingAnnulled)
        before = listing_annulment("e2", decided_on=date(2024, 1, 19))
        given(decided).when(before).refused(OutOfOrder, "decided_on")

    def test_a_notice_is_dropped_instead(self) -> None:
        given(proposal()).when(listing_annulment("e2")).refused(NotYetDecided)
        given().when(listing_annulment("e2")).refused(UnknownListing)
