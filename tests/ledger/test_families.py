"""A family is three files of one name and a line in each union."""

from dataclasses import fields
from types import ModuleType
from typing import get_args

import pytest

from ledger import commands, events
from ledger.rules import commitments, findings, listings, restorations, rulebooks, subjects

RULES = (subjects, findings, commitments, restorations, listings, rulebooks)
_OWN_RECORDS_ONLY = {"control"}
"""What the ledger records about itself is asked for by nobody."""


def name_of(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def test_events_commands_and_rules_have_the_same_families() -> None:
    of_events = {name_of(family) for family in events.FAMILIES}
    assert of_events - _OWN_RECORDS_ONLY == {name_of(family) for family in commands.FAMILIES}
    assert of_events - _OWN_RECORDS_ONLY == {name_of(family) for family in RULES}


@pytest.mark.parametrize("family", events.FAMILIES, ids=name_of)
def test_every_event_of_a_family_has_a_stored_name_of_its_own(family: ModuleType) -> None:
    stored = family.STORED_NAMES
    assert len(set(stored.values())) == len(stored)
    for event, field in getattr(family, "NAMED_BY", {}).items():
        assert event in stored.values()
        assert field in {one.name for one in fields(event)}


def test_the_unions_hold_every_event_and_command_and_nothing_else() -> None:
    assert set(get_args(events.Event)) == set(events.STORED_NAMES.values())
    assert set(get_args(commands.Command)) == set(commands.COMMAND_NAMES.values())


def test_the_facts_that_an_event_opens_are_named_by_its_record() -> None:
    opening = {event.__name__ for event in events.NAMED_BY}
    assert opening == {
        "DeterminationMade",
        "PenaltyImposed",
        "ConvictionRecorded",
        "CommitmentMade",
        "RestorationRequested",
        "RestorationGranted",
        "ListingProposed",
        "ListingDecided",
    }
