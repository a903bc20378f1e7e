"""Run by Alembic: migrates over the connection that `Ledger.open` hands it, all or nothing."""

from __future__ import annotations

from alembic import context

from podium.serve.ledger.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    # SQLite can undo a half-made table too; Alembic only does not expect it to.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
