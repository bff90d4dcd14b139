"""A batch is shown whole or not at all, and only the end of one is a place to go on from."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from random import Random

import pytest

from infra.codec import EventCodec
from infra.connections import connect
from infra.generations import digests, live, place_of
from infra.projector import Projector, ProjectorStopped
from infra.rebuild import verify_views
from ledger.acceptance import Arrival
from ledger.log import Place
from ledger.rulebooks import shipped
from ledger.sequencing import Draft

from .history import ROLES, History, Ledger, subject
from .test_skips import all_of, approve, facts, poison

pytestmark = pytest.mark.pg


def shown(ledger: Ledger) -> dict[str, str]:
    with connect(ledger.url) as connection:
        return dict(digests(connection, live(connection)))


def place(ledger: Ledger) -> Place:
    with connect(ledger.url) as connection:
        found = place_of(connection, live(connection))
    assert found is not None
    return found


def ends(ledger: Ledger) -> set[int]:
    """The positions of all records that end a batch, and 0."""
    with connect(ledger.url) as connection:
        rows = connection.execute("SELECT position FROM ledger_record WHERE sig IS NOT NULL")
        return {0, *(position for (position,) in rows)}


def mixed(ledger: Ledger, seed: int) -> None:
    """Batches of all sizes; editions, for which all subjects are swept, stand in the midst."""
    random = Random(seed)  # noqa: S311  # sizes of batches
    first, *others = shipped()
    history = History(seed=seed, subjects=9)
    history.publish(first)
    history.go_on(90)
    history.publish(*others)
    history.go_on(50)
    history.publish(ROLES)
    history.go_on(60)
    drafts = [ledger.draft(one) for one in history.events]
    while drafts:
        size = random.choice((1, 2, 5, 40))
        ledger.append_drafts(drafts[:size])
        del drafts[:size]


@pytest.mark.parametrize("limit", [1, 3, 25])
def test_every_place_is_the_end_of_a_batch(ledger: Ledger, limit: int) -> None:
    mixed(ledger, limit)
    allowed = ends(ledger)
    projector = ledger.projector()
    while projector.step(limit):
        assert place(ledger).position in allowed
    assert place(ledger).position == ledger.position()
    assert verify_views(ledger.url, ledger.log, ledger.verifier).ok


def test_nothing_is_folded_of_a_batch_that_ends_behind_the_position_asked_for(
    ledger: Ledger,
) -> None:
    ledger.append(facts(1))
    ledger.append(facts(2))
    projector = ledger.projector()
    while projector.step(upto=4):
        pass
    assert projector.position == 3
    all_of(projector)
    assert projector.position == 5


def broken_edition() -> Draft:
    history = History(seed=55, subjects=1)
    history.publish(shipped()[0])
    written = history.events[0]
    data = EventCodec().data(written.event).replace(b"schema = 1", b"schema = 9")
    return Draft(
        stream=written.stream,
        version=1,
        type="rulebook-edition-published",
        id=written.id,
        data=data,
    )


@pytest.mark.parametrize("limit", [1, 100])
@pytest.mark.parametrize(
    "draft",
    [poison(), poison(b'{"amended":"what was never made"}', "finding-annulled"), broken_edition()],
    ids=["unknown type", "broken reference", "broken edition"],
)
def test_of_a_batch_with_a_record_that_cannot_be_understood_nothing_is_shown(
    ledger: Ledger, draft: Draft, limit: int
) -> None:
    """All before it is; and once it may be passed over, so is all of its batch but that record."""
    for number in (1, 2):
        ledger.append(facts(number))
    before = ledger.position()
    ledger.append_drafts([*drafts_of(ledger, 3), draft, *drafts_of(ledger, 4)])
    at = before + 3
    ledger.append(facts(5))
    projector = ledger.projector()
    for _ in range(2):
        with pytest.raises(ProjectorStopped, match=f"position {at} "):
            all_of(projector, limit)
        assert place(ledger).position == before
    assert subjects(ledger) == {subject(1), subject(2)}
    approve(ledger, at, draft.id)
    all_of(projector, limit)
    assert place(ledger).position == ledger.position()
    assert subjects(ledger) == {subject(number) for number in range(1, 6)}
    assert verify_views(ledger.url, ledger.log, ledger.verifier).ok


def drafts_of(ledger: Ledger, number: int) -> list[Draft]:
    return [ledger.draft(one) for one in facts(number)]


def subjects(ledger: Ledger) -> set[str]:
    with connect(ledger.url) as connection:
        return {one for (one,) in connection.execute("SELECT subject FROM views_1.subject")}


class Repeating:
    """A log in which some records stand twice, as when a sender has lost an answer."""

    topic_id = "repeating"

    def __init__(self, records: Sequence[Arrival]) -> None:
        self.records = [one._replace(offset=offset) for offset, one in enumerate(records)]

    def read(self, offset: int, limit: int) -> Sequence[Arrival]:
        return self.records[offset : offset + limit]

    def end(self) -> int:
        return len(self.records)

    def close(self) -> None:
        """Nothing is held open."""


def repeated(ledger: Ledger) -> Iterator[Arrival]:
    """The log of a ledger; before the end of each batch its first record stands once more."""
    batch: list[Arrival] = []
    with closing(ledger.log()) as log:
        for arrival in log.read(0, log.end()):
            batch.append(arrival)
            if arrival.signature is not None:
                yield from batch[:-1]
                yield from batch[:1]
                yield arrival
                batch = []


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_a_projector_that_begins_anew_after_each_step_comes_to_the_end_where_records_stand_twice(
    ledger: Ledger, limit: int
) -> None:
    """A place at the second copy of a record lies behind the one that comes next in its batch."""
    for number in range(1, 4):
        ledger.append([*facts(number), *facts(number + 10)])
    log = Repeating(list(repeated(ledger)))
    for _ in range(100):
        with closing(Projector(ledger.url, lambda: log, ledger.verifier)) as projector:
            if not projector.step(limit):
                break
    assert place(ledger).position == ledger.position()
    assert place(ledger).topic_id == "repeating"
    before = shown(ledger)
    found = verify_views(ledger.url, ledger.log, ledger.verifier)
    assert (found.ok, dict(found.tables)) == (True, before)


@pytest.mark.parametrize("limit", [1, 100])
def test_many_records_that_are_not_accepted_are_no_end_of_the_log(
    ledger: Ledger, limit: int
) -> None:
    ledger.append(facts(1))
    with closing(ledger.log()) as table:
        first, *others = table.read(0, table.end())
    noise = first._replace(value=b"noise", signature=None, fields=None)
    log = Repeating([first, *[noise] * 1_500, *others])
    with closing(Projector(ledger.url, lambda: log, ledger.verifier)) as projector:
        all_of(projector, limit)
        assert projector.position == ledger.position()
