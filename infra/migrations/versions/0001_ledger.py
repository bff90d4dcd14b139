"""The log, what sequences it, and the places of its projections."""

from infra.migrations import run

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Go forward; there is no way back."""
    run("0001_ledger.sql")
