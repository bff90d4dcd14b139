"""Ids are never given twice, and those of events stand in the order of time."""

import multiprocessing
from multiprocessing.connection import Connection

import pytest

from infra.ids import fresh_event, fresh_subject
from ledger.identifiers import is_subject_id

pytestmark = pytest.mark.unit


def test_no_id_is_given_twice() -> None:
    assert len({fresh_event() for _ in range(10_000)}) == 10_000
    assert len({fresh_subject() for _ in range(10_000)}) == 10_000


def test_what_was_given_later_stands_later() -> None:
    """By the milliseconds that it begins with."""
    milliseconds = [fresh_event()[:13] for _ in range(2_000)]
    assert milliseconds == sorted(milliseconds)


def test_a_subject_id_is_one() -> None:
    assert is_subject_id(fresh_subject())


def _tell(told: Connection) -> None:
    told.send([fresh_subject() for _ in range(100)])


def test_a_child_does_not_give_the_ids_of_its_parent() -> None:
    """Random bytes are taken some thousand at a time; those of the parent are the parent's."""
    fresh_subject()
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_tell, args=(theirs,))
    child.start()
    given = ours.recv()
    child.join()
    assert not {fresh_subject() for _ in range(100)} & set(given)
