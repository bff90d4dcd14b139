"""The generations of the views, and which of them is read."""

from infra.migrations import run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Go forward; there is no way back."""
    run("0002_generations.sql")
