"""The numbering of the records of the eventsourcing library."""

from infra.migrations import run

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Go forward; there is no way back."""
    run("0005_sourcing.sql")
