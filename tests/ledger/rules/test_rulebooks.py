from hashlib import sha256

import pytest

from ledger.commands import PublishEdition
from ledger.decider import decide, evolve
from ledger.edition import read_edition
from ledger.events import EDITION_BYTES_MAX, RulebookEditionPublished
from ledger.refusals import DraftEdition, EditionIsImmutable, EditionRefused, EditionsOverlap
from ledger.rulebook import Rulebooks
from ledger.rulebooks import shipped
from ledger.subject import Subject
from tests.examples import SUBJECT, published_rulebooks, rules
from tests.specification import refusing

NOTHING = Rulebooks(())
CNIPA = next(text for text in shipped() if 'edition = "cnipa-2022-8"' in text)
NOBODY = Subject.unknown(SUBJECT)


def publish(text: str, before: Rulebooks = NOTHING) -> tuple[RulebookEditionPublished, ...]:
    events = decide(NOBODY, PublishEdition(text=text), rules(rulebooks=before))
    published = tuple(one for one in events if isinstance(one, RulebookEditionPublished))
    assert len(published) == len(events)
    return published


def after(*texts: str) -> Rulebooks:
    return Rulebooks(tuple(read_edition(text) for text in texts))


@pytest.mark.parametrize("text", shipped(), ids=lambda text: read_edition(text).id)
def test_a_shipped_edition_is_published_with_its_whole_text_and_digest(text: str) -> None:
    (event,) = publish(text)
    read = read_edition(text)
    assert (event.rulebook, event.edition, event.effective_on) == (
        read.rulebook,
        read.id,
        read.from_,
    )
    assert event.text == text
    assert event.digest == f"sha256:{sha256(text.encode()).hexdigest()}"


@pytest.mark.parametrize("text", shipped(), ids=lambda text: read_edition(text).id)
def test_it_is_published_once(text: str) -> None:
    assert publish(text, published_rulebooks()) == ()


def test_an_edition_is_never_edited() -> None:
    edited = CNIPA + "\n# another remark\n"
    refusal = refusing(EditionIsImmutable, lambda: publish(edited, after(CNIPA)))
    assert refusal.field == "text"


def test_a_successor_may_begin_on_any_other_day() -> None:
    for day in ("2021-01-01", "2022-01-23", "2022-01-25", "2027-01-01"):
        successor = CNIPA.replace("cnipa-2022-8", "cnipa-next").replace(
            "from = 2022-01-24", f"from = {day}"
        )
        (event,) = publish(successor, after(CNIPA))
        assert event.effective_on.isoformat() == day


def test_two_editions_of_a_rulebook_do_not_begin_on_one_day() -> None:
    rival = CNIPA.replace("cnipa-2022-8", "cnipa-rival")
    refusal = refusing(EditionsOverlap, lambda: publish(rival, after(CNIPA)))
    assert "cnipa-rival and cnipa-2022-8" in refusal.message


def test_editions_of_two_rulebooks_may() -> None:
    other = CNIPA.replace('rulebook = "cnipa-credit"', 'rulebook = "other"').replace(
        "cnipa-2022-8", "other-1"
    )
    assert len(publish(other, after(CNIPA))) == 1


def test_a_draft_is_not_law() -> None:
    draft = CNIPA.replace('status = "unchecked"', 'status = "draft"')
    refusal = refusing(DraftEdition, lambda: publish(draft))
    assert refusal.field == "text"


@pytest.mark.parametrize("text", ["", "x", "schema = 1", CNIPA.replace("schema = 1", "schema = 2")])
def test_what_is_no_edition_is_refused_with_all_its_problems(text: str) -> None:
    refusal = refusing(EditionRefused, lambda: publish(text))
    assert refusal.field == "text"
    assert refusal.problems


def test_an_edition_has_at_most_48_kibibytes() -> None:
    room = EDITION_BYTES_MAX - len(CNIPA.encode()) - 2
    assert len(publish(f"{CNIPA}#{'x' * room}\n")) == 1
    refusing(EditionRefused, lambda: publish(f"{CNIPA}#{'x' * (room + 1)}\n"))


def test_publishing_says_nothing_about_any_subject() -> None:
    (event,) = publish(CNIPA)
    assert evolve(NOBODY, event) == Subject(id=SUBJECT, version=1)
