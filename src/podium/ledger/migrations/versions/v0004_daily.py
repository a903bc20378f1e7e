"""What `podium daily` did on which day, a line a pair and day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0004"
down_revision = "v0003"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "ledger_daily",
        sa.Column("pair", sa.String(6), primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("looks", sa.Integer, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("steps", sa.Text, nullable=False),
        comment="what podium daily did on which day",
    )


def downgrade() -> None:
    """Drop it again."""
    op.drop_table("ledger_daily")
