"""The projector against PostgreSQL: what it sweeps, where it stops, and two of them at once."""

from datetime import date

import pytest

from infra.connections import connect
from infra.projector import Projector, ProjectorStopped
from infra.rebuild import verify_views
from ledger.rulebooks import shipped
from ledger.sequencing import Draft

from .history import SCORE, History, Ledger, Written, penalty, registered, subject

pytestmark = pytest.mark.pg


def _all(projector: Projector, limit: int = 100) -> None:
    while projector.step(limit):
        pass


def _rows(ledger: Ledger, query: str) -> list[tuple[object, ...]]:
    with connect(ledger.url) as connection:
        connection.execute("SET search_path TO views_1")
        return connection.execute(query.encode()).fetchall()


def _known_subject(ledger: Ledger) -> Draft:
    return ledger.draft(Written(subject(1), History(1, 1).fresh(), registered(1)))


def test_a_step_folds_what_the_log_has_and_tells_how_much(ledger: Ledger) -> None:
    ledger.append_drafts([_known_subject(ledger)])
    projector = ledger.projector()
    assert projector.step(1) == 1
    assert projector.position == 1
    assert projector.step() == 1
    assert projector.step() == 0
    assert projector.position == ledger.position() == 2


def test_an_edition_is_swept_over_everybody_at_its_position(ledger: Ledger) -> None:
    history = History(seed=4, subjects=1)
    fine = history.fresh()
    ledger.append(
        [
            Written(subject(1), history.fresh(), registered(1)),
            Written(subject(1), fine, penalty(fine, date(2024, 3, 1))),
        ]
    )
    projector = ledger.projector()
    _all(projector)
    assert _rows(ledger, "SELECT count(*) FROM grade_now") == [(0,)]
    history.publish(shipped()[2])
    ledger.append(history.events)
    _all(projector)
    found = _rows(
        ledger, "SELECT regime, grade, effective_from, known_from FROM grade_now ORDER BY 3"
    )
    assert found == [
        (SCORE, "A", date(2018, 1, 1), 4),
        (SCORE, "B", date(2024, 3, 1), 4),
        (SCORE, "A", date(2026, 3, 2), 4),
    ]
    assert _rows(ledger, "SELECT edition, position FROM edition") == [("demo/enterprise-1", 4)]


@pytest.mark.parametrize("limit", [1, 100])
def test_a_record_of_an_unknown_type_stops_it_and_nothing_behind_is_shown(
    ledger: Ledger, limit: int
) -> None:
    unknown = Draft(
        stream=subject(2),
        version=1,
        type="subject-vanished",
        id=History(2, 1).fresh(),
        data=b"{}",
    )
    ledger.append_drafts([_known_subject(ledger)])
    ledger.append_drafts([unknown])
    ledger.append([Written(subject(3), History(3, 1).fresh(), registered(3))])
    projector = ledger.projector()
    for _ in range(2):
        with pytest.raises(ProjectorStopped, match=r"position 3 .*subject-vanished") as stopped:
            _all(projector, limit)
        assert (stopped.value.position, stopped.value.type) == (3, "subject-vanished")
        assert projector.position == 2
        assert _rows(ledger, "SELECT subject FROM subject") == [(subject(1),)]


def test_a_record_that_no_fold_can_take_stops_it_after_what_stood_before(ledger: Ledger) -> None:
    broken = History(seed=5, subjects=1)
    broken.publish(shipped()[0])
    draft = ledger.draft(broken.events[0])
    text = draft.data.replace(b"schema = 1", b"schema = 9")
    ledger.append_drafts([_known_subject(ledger)])
    ledger.append_drafts([_with_data(draft, text)])
    projector = ledger.projector()
    with pytest.raises(ProjectorStopped, match="position 3"):
        projector.step()
    assert _rows(ledger, "SELECT position FROM public.projection_place") == [(2,)]


def test_a_record_of_an_unknown_type_that_is_not_critical_is_passed_over(ledger: Ledger) -> None:
    aside = Draft(
        stream="aside",
        version=1,
        type="weather-observed",
        id=History(2, 1).fresh(),
        data=b"{}",
        critical=False,
    )
    ledger.append_drafts([aside])
    projector = ledger.projector()
    _all(projector)
    assert projector.position == 2


def test_of_two_projectors_one_wins_and_the_other_begins_anew_behind_it(ledger: Ledger) -> None:
    history = History(seed=9, subjects=5)
    history.publish(*shipped())
    history.go_on(60)
    ledger.append(history.events, each=5)
    one, other = ledger.projector(), ledger.projector()
    one.step(10)
    other.step(1)
    assert one.step(20) == 0, "it expected to be further back"
    assert other.step(20) == 20
    while one.step(7) or other.step(3):
        pass
    assert verify_views(ledger.url, ledger.log, ledger.verifier).ok


def test_the_last_position_of_each_day_is_kept(ledger: Ledger) -> None:
    ledger.append_drafts([_known_subject(ledger)])
    _all(ledger.projector())
    assert [last for _, last in _rows(ledger, "SELECT * FROM day ORDER BY day")][-1] == 2


def test_a_name_is_found_by_its_characters_and_pairs(ledger: Ledger) -> None:
    ledger.append_drafts([_known_subject(ledger)])
    _all(ledger.projector())
    for text, count in (("产", 1), ("知识", 1), ("识知", 0)):
        rows = _rows(ledger, "SELECT grams FROM subject_name")
        assert [row for row in rows if text in tuple(row[0])] == rows[:count]  # type: ignore[arg-type]  # text[]


def test_a_credit_code_leads_to_its_subject_by_the_organisation_code_inside(
    ledger: Ledger,
) -> None:
    ledger.append_drafts([_known_subject(ledger)])
    _all(ledger.projector())
    found = _rows(ledger, "SELECT kind, held FROM subject_identifier ORDER BY held")
    assert found == [("organisation-code", False), ("uscc", True)]


def _with_data(draft: Draft, data: bytes) -> Draft:
    return Draft(
        stream=draft.stream, version=draft.version, type=draft.type, id=draft.id, data=data
    )
