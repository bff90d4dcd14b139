"""What operators watch, kept beside the ledger."""

from infra.migrations import run

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Go forward; there is no way back."""
    run("0004_operations.sql")
