"""The last day that a model was fitted on, beside each of its forecasts.

What was written before stays without it: nobody can say from the ledger alone what those models had seen.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0002"
down_revision = "v0001"


def upgrade() -> None:
    """Add the column to entries and days."""
    for table in ("ledger_entries", "ledger_days"):
        op.add_column(table, sa.Column("trained_through", sa.Date))


def downgrade() -> None:
    """Drop it again."""
    for table in ("ledger_days", "ledger_entries"):
        op.drop_column(table, "trained_through")
