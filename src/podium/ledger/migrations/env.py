"""Run by Alembic: migrates over the connection that `Ledger.open` hands it, all or nothing."""

from __future__ import annotations

from alembic import context

from podium.ledger.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
