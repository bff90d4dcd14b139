"""What the write side keeps beside a log on Kafka."""

from infra.migrations import run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Go forward; there is no way back."""
    run("0003_kafka.sql")
