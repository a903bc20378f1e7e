"""Alarms: what was raised, who was told, and when it was over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0003"
down_revision = "v0002"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "ledger_alarms",
        sa.Column("alarm_id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("pair", sa.String(6), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("severity", sa.String(10), nullable=False),
        sa.Column("found", sa.Text, nullable=False),
        sa.Column("remedy", sa.Text, nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("told_at", sa.BigInteger),
        sa.Column("over_at", sa.BigInteger),
        sa.Column("owed", sa.Text, nullable=False),
        sa.Column("over_owed", sa.Text, nullable=False),
        sa.Column("claimed_at", sa.BigInteger),
        comment="what somebody is told once, and once more when it is over",
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("ledger_alarms")
