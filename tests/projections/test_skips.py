"""A record that no projector understands stops the views until the log itself lets it pass."""

from datetime import date

import pytest

from infra.connections import connect
from infra.generations import digests, live
from infra.ids import fresh_event, fresh_subject
from infra.projector import Projector, ProjectorStopped
from infra.rebuild import rebuild, verify_views
from ledger.events import ProjectionSkipApproved
from ledger.sequencing import Draft
from ledger.values import EventId, Text

from .history import History, Ledger, Written, penalty, registered, subject

pytestmark = pytest.mark.pg


def all_of(projector: Projector, limit: int = 100) -> None:
    while projector.step(limit):
        pass


def poison(
    data: bytes = b'{"what":"nobody here knows"}', stored_name: str = "of-tomorrow"
) -> Draft:
    return Draft(stream=fresh_subject(), version=1, type=stored_name, id=fresh_event(), data=data)


def facts(number: int) -> list[Written]:
    history = History(seed=number, subjects=1)
    fine = history.fresh()
    return [
        Written(subject(number), history.fresh(), registered(number)),
        Written(subject(number), fine, penalty(fine, date(2024, 3, 1))),
    ]


def approve(ledger: Ledger, position: int, event: str) -> None:
    approved = ProjectionSkipApproved(
        position=position, event=EventId(event), reason=Text("of a later version")
    )
    version = 2 + sum(1 for _ in ledger.approvals)
    ledger.approvals.append(approved)
    ledger.append_drafts(
        [
            Draft(
                stream="ledger",
                version=version,
                type="projection-skip-approved",
                id=fresh_event(),
                data=ledger.data(approved),
            )
        ]
    )


def shown(ledger: Ledger) -> dict[str, str]:
    with connect(ledger.url) as connection:
        return dict(digests(connection, live(connection)))


@pytest.mark.parametrize(
    "draft",
    [
        poison(),
        poison(b'{"finding":7}', "penalty-imposed"),
        poison(b'{"amended":"what was never made"}', "finding-annulled"),
    ],
    ids=["unknown type", "undecodable data", "broken reference"],
)
def test_it_is_passed_over_when_the_log_says_so_and_a_rebuild_does_the_same(
    ledger: Ledger, draft: Draft
) -> None:
    ledger.append(facts(1))
    ledger.append_drafts([draft])
    at = ledger.position()
    ledger.append(facts(2))
    projector = ledger.projector()
    for _ in range(2):
        with pytest.raises(ProjectorStopped, match=f"approve-skip {at}") as stopped:
            all_of(projector)
        assert (stopped.value.position, stopped.value.event_id) == (at, draft.id)
    approve(ledger, at, draft.id)
    ledger.append(facts(3))
    all_of(projector)
    assert projector.position == ledger.position()
    before = shown(ledger)
    fresh = ledger.projector()
    all_of(fresh)
    assert verify_views(ledger.url, ledger.log, ledger.verifier).ok
    assert rebuild(ledger.url, ledger.log, ledger.verifier, shares=2).ok
    assert shown(ledger) == before


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_neither_the_size_of_a_step_nor_a_new_beginning_changes_what_is_shown(
    ledger: Ledger, limit: int
) -> None:
    drafts = [poison(), poison()]
    ledger.append(facts(1))
    ledger.append_drafts(drafts)
    last = ledger.position()
    ledger.append(facts(2))
    for position, draft in ((last, drafts[1]), (last - 1, drafts[0])):
        approve(ledger, position, draft.id)
    for _ in range(100):
        projector = ledger.projector()
        done = projector.step(limit)
        projector.close()
        if not done:
            break
    assert verify_views(ledger.url, ledger.log, ledger.verifier).ok
    with connect(ledger.url) as connection:
        found = connection.execute("SELECT position FROM projection_place").fetchone()
    assert found == (ledger.position(),)


def test_an_approval_of_another_record_lets_nothing_pass(ledger: Ledger) -> None:
    ledger.append_drafts([poison()])
    at = ledger.position()
    approve(ledger, at, fresh_event())
    approve(ledger, at + 1, fresh_event())
    with pytest.raises(ProjectorStopped, match=f"position {at}"):
        all_of(ledger.projector())


@pytest.mark.parametrize("limit", [1, 100])
def test_an_approval_that_was_given_beforehand_lets_nothing_pass(
    ledger: Ledger, limit: int
) -> None:
    """Nobody can have seen what it is about, also where both are read in one step."""
    draft = poison()
    approve(ledger, ledger.position() + 2, draft.id)
    ledger.append_drafts([draft])
    with pytest.raises(ProjectorStopped, match="position 3"):
        all_of(ledger.projector(), limit)
