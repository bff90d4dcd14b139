"""`approve-skip`: an operator lets the views pass over one record, on the log itself."""

import pytest

from infra import clock
from infra.connections import connect
from infra.ids import fresh_event, fresh_subject
from infra.sequencer import PostgresSequencer
from infra.signer import Signer
from ledger.sequencing import Append, Draft
from tests.api.cli.conftest import AGENCY, RATING
from tests.api.cli.running import Home

pytestmark = pytest.mark.pg


def poisoned(home: Home) -> tuple[int, str]:
    """A record that this version does not understand, signed as any other: position and event."""
    assert home.database_url is not None
    signer = Signer.load(home.path / "signing.key", "test")
    draft = Draft(
        stream=fresh_subject(), version=1, type="of-tomorrow", id=fresh_event(), data=b"{}"
    )
    append = Append(drafts=(draft,), key_hash=None, command_hash="0" * 64, actor="local")
    with connect(home.database_url) as connection, connection.transaction():
        sequencer = PostgresSequencer.within(connection, "test", signer.sign, clock.now)
        sequencer.append([append])
        return sequencer.position(), draft.id


def test_a_record_is_passed_over_once_it_was_approved(home: Home) -> None:
    position, event = poisoned(home)
    halted = home.run("grade", AGENCY, "--regime", RATING)
    assert halted.code == 1
    assert f"approve-skip {position}" in halted.err
    other = home.run("approve-skip", str(position + 1), "--reason", "why", "--yes")
    assert (other.code, f"but before position {position}" in other.err) == (1, True)
    unasked = home.run("approve-skip", str(position), "--reason", "why")
    assert (unasked.code, "say --yes" in unasked.err) == (2, True)
    empty = home.run("approve-skip", str(position), "--reason", " ", "--yes")
    assert empty.code == 2

    ran = home.run(
        "approve-skip", str(position), "--reason", "of a later version", "--yes", "--json"
    )
    assert ran.code == 0, ran.err
    assert ran.json("approve-skip") == {
        "position": position,
        "event": event,
        "type": "of-tomorrow",
        "reason": "of a later version",
        "approved_at": position + 1,
    }
    assert home.run("grade", AGENCY, "--regime", RATING).code == 0
    again = home.run("approve-skip", str(position), "--reason", "why", "--yes")
    assert (again.code, "nothing to do" in again.err) == (0, True)
    assert home.run("rebuild", "--yes").code == 0
    assert home.run("verify").code == 0
