"""Notes on invented subjects, without a database: facts as the rules decide them."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from api.notes import Noted, note_of, written
from api.questions import Question
from ledger.courses.facts import Facts, facts_of
from ledger.identifiers import SubjectId
from ledger.rulebook import Rulebooks
from ledger.values import RegimeId
from projections.answers import At, SubjectShown
from tests.examples import SUBJECT, TODAY, published_rulebooks
from tests.specification import Story

_FIRST: Final = 5
"""The position of a story's first event: behind the beginning and three editions."""


@dataclass(frozen=True, slots=True)
class Told:
    """A subject of which notes are written."""

    facts: Facts
    rulebooks: Rulebooks
    subject: SubjectId = SUBJECT

    def noted(self, regime: str, day: date, today: date = TODAY) -> Noted:
        profile = self.facts.profile
        assert profile is not None
        shown = SubjectShown(
            subject=self.subject,
            version=1,
            kind=profile.kind,
            name=profile.names[0] if profile.names else None,
            former_names=profile.names[1:],
            identifiers=profile.identifiers,
            region=profile.region,
            roles=profile.roles,
            registered_at=_FIRST,
            last_position=_FIRST,
        )
        asked = Question(subject=self.subject, regime=RegimeId(regime), facts=self.facts)
        return note_of(shown, asked, self.rulebooks, At(as_of=day, known_at=99), today=today)

    def zh(self, regime: str, day: date, today: date = TODAY) -> str:
        return written(self.noted(regime, day, today), "zh")

    def en(self, regime: str, day: date, today: date = TODAY) -> str:
        return written(self.noted(regime, day, today), "en")


def told(story: Story) -> Told:
    """The subject of a story; its events stand at positions from 5 on."""
    recorded = [(place, *one) for place, one in enumerate(story.events, start=_FIRST)]
    return Told(facts_of(recorded), story.rulebooks or published_rulebooks())


def section(note: str, title: str) -> list[str]:
    """The lines of the section whose heading ends in `title`."""
    blocks = [block.splitlines() for block in note.split("\n\n")]
    return next(block[1:] for block in blocks if block[0].endswith(title))
