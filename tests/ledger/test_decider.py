"""What holds for every command and every event, whatever came before."""

from dataclasses import fields, replace
from datetime import date, timedelta
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.commands import (
    AcceptRestoration,
    AddIdentifier,
    CloseCommitment,
    Command,
    CorrectFinding,
    DropListing,
    EndRole,
    GiveRole,
    RecordPerformance,
    RefuseRestoration,
    RenameSubject,
    WithdrawCommitment,
)
from ledger.decider import decide, evolve, opens
from ledger.events import NAMED_BY, STORED_NAMES, CommitmentOutcome, Event
from ledger.identifiers import (
    agency_code,
    organisation_code,
    registration_number,
    uscc,
)
from ledger.refusals import Refused
from ledger.subject import Subject
from ledger.values import EventId, ListId, Name, Role, Text, yuan
from tests import examples
from tests.any_event import any_event, made_of
from tests.codes import (
    synthetic_organisation_code,
    synthetic_registration_number,
    synthetic_uscc,
)
from tests.examples import (
    CNIPA,
    ELSEWHERE,
    PATENT_AGENCY,
    SERIOUS,
    SUBJECT,
    basis,
    rules,
)

FACTS: Final = tuple(EventId(f"e{number}") for number in range(1, 9))

facts = st.sampled_from(FACTS)
days = st.sampled_from(
    [date(2023, 1, 1) + timedelta(days=count) for count in (0, 1, 90, 250, 251, 600, 700, 1_100)]
)
channels = st.sampled_from(list(type(ELSEWHERE)))
papers = st.sampled_from([basis(), basis("示知罚〔2024〕2号"), basis(None), basis(None, None)])
reasons = st.sampled_from([Text("理由"), Text("另一理由")])
identifiers = st.sampled_from(
    [
        uscc(synthetic_uscc(1)),
        uscc(synthetic_uscc(2)),
        organisation_code(synthetic_organisation_code(1)),
        registration_number(synthetic_registration_number(1)),
        agency_code("33101"),
    ]
)
lists = st.sampled_from([SERIOUS, ListId("other")])
roles = st.sampled_from([PATENT_AGENCY, Role("trademark-agency")])


def some(build: Any, *given_: st.SearchStrategy[Any], **named: st.SearchStrategy[Any]) -> Any:
    """Commands that a builder makes of these."""
    return st.builds(build, *given_, **named)


findings = st.one_of(
    some(examples.penalty, decided_on=days, basis=papers, channel=channels),
    some(
        examples.determination,
        decided_on=days,
        basis=papers,
        channel=channels,
        act=st.sampled_from(
            [examples.ABNORMAL_FILING, examples.AGENCY_PENALISED, examples.COMMITMENT_BREACH]
        ),
        rests_on=st.none() | facts,
    ),
    some(examples.conviction, decided_on=days, basis=papers, channel=channels),
)
corrected = st.one_of(
    st.fixed_dictionaries({"penalty": some(examples.penalty, decided_on=days, basis=papers)}),
    st.fixed_dictionaries({"conviction": some(examples.conviction, decided_on=days)}),
    st.fixed_dictionaries({"penalty": st.builds(lambda: examples.penalty(fine=yuan("12000")))}),
)
commands: st.SearchStrategy[Command] = st.one_of(
    some(
        examples.enterprise,
        identifiers=st.tuples(identifiers) | st.tuples(identifiers, identifiers),
    ),
    some(RenameSubject, name=st.sampled_from([Name("甲"), Name("乙")])),
    some(AddIdentifier, identifier=identifiers),
    some(GiveRole, role=roles, effective_on=days),
    some(EndRole, role=roles, effective_on=days),
    findings,
    findings,
    st.builds(
        lambda finding, reason, one: CorrectFinding(finding=finding, reason=reason, **one),
        facts,
        reasons,
        corrected,
    ),
    some(examples.annulment, facts, decided_on=days, reason=reasons),
    some(examples.waiver, decided_on=days, reason=reasons),
    some(RecordPerformance, finding=facts, effective_on=days, duty=reasons),
    some(examples.commitment, effective_on=days, term_ends_on=st.none(), content=reasons),
    some(
        examples.assessment_of,
        facts,
        decided_on=days,
        outcome=st.sampled_from(CommitmentOutcome),
        unkept=st.none() | reasons,
    ),
    some(WithdrawCommitment, commitment=facts, effective_on=days, reason=reasons),
    some(CloseCommitment, commitment=facts, effective_on=days),
    some(examples.proposal, list=lists, effective_on=days, rests_on=st.none() | facts),
    some(
        examples.listing,
        list=lists,
        effective_on=days,
        listing=st.none() | facts,
        dated=st.booleans(),
        channel=channels,
    ),
    some(DropListing, listing=facts, effective_on=days),
    some(examples.exit_from, lists, effective_on=days, channel=channels, begun_on=st.none() | days),
    some(examples.exit_from, listing=facts, effective_on=days),
    some(examples.listing_annulment, facts, decided_on=days, reason=reasons),
    some(examples.request, facts, requested_on=days, channel=channels),
    some(AcceptRestoration, restoration=facts, accepted_on=days),
    some(examples.grant, facts, decided_on=days),
    some(
        examples.grant,
        st.none(),
        decided_on=days,
        rulebook=st.just(CNIPA),
        of=st.tuples(facts) | st.tuples(facts, facts),
        channel=channels,
    ),
    some(RefuseRestoration, restoration=facts, decided_on=days, reason=reasons),
    some(examples.restoration_annulment, facts, decided_on=days, reason=reasons),
)


def done(subject: Subject, command: Command, count: int) -> tuple[Subject, int]:
    """The subject after the command, and how many events are on its record."""
    fresh = EventId(f"e{count + 1}")
    for event in decide(subject, command, rules(fresh)):
        subject, count = evolve(subject, event), count + 1
        assert not opens(event, EventId("other"))
    return subject, count


@settings(max_examples=300)
@given(st.lists(commands, max_size=14))
def test_deciding_again_yields_nothing(asked: list[Command]) -> None:
    subject, count = done(Subject.unknown(SUBJECT), examples.enterprise(), 0)
    for command in asked:
        try:
            subject, count = done(subject, command, count)
        except Refused:
            continue
        again = decide(subject, command, rules(f"e{count + 1}"))
        assert again == (), command
        assert subject.version == count


@settings(max_examples=100)
@given(st.lists(commands, max_size=14), commands)
def test_deciding_changes_nothing_and_gives_the_same_answer_twice(
    asked: list[Command], last: Command
) -> None:
    subject, count = done(Subject.unknown(SUBJECT), examples.enterprise(), 0)
    for command in asked:
        try:
            subject, count = done(subject, command, count)
        except Refused:
            continue
    answers: list[object] = []
    for _ in range(2):
        try:
            answers.append(decide(subject, last, rules("fresh")))
        except Refused as refusal:
            answers.append((type(refusal), str(refusal), refusal.field))
    assert answers[0] == answers[1]


def about(fact: EventId, event: Event) -> Event:
    """The event, as one of this fact."""
    names = {field.name for field in fields(event)}
    for name in ("finding", "commitment", "restoration", "listing"):
        if name in names:
            return replace(event, **{name: fact})  # type: ignore[arg-type]  # it has that field
    return event


@given(st.lists(st.tuples(facts, any_event()), max_size=12))
def test_what_happened_is_taken_in_whatever_it_is(events: list[tuple[EventId, Event]]) -> None:
    """On record are facts decided elsewhere, and whatever an older version let pass."""
    subject = Subject.unknown(SUBJECT)
    for fact, event in events:
        subject = evolve(subject, about(fact, event))
    assert subject.version == len(events)


@pytest.mark.parametrize("name", STORED_NAMES)
@settings(max_examples=5)
@given(data=st.data())
def test_an_event_opens_a_fact_under_its_own_id_or_none(name: str, data: st.DataObject) -> None:
    kind = STORED_NAMES[name]
    event = about(FACTS[0], data.draw(made_of(kind)))
    assert opens(event, FACTS[0]) is (kind in NAMED_BY)
    assert not opens(event, FACTS[1])
