"""The ledger as release 0.1.0 left it, from which the next ones go on; a new one is made whole, as `schema.py` says."""

revision = "v0002"
down_revision = None


def upgrade() -> None:
    """Nothing: a ledger of that release is here already."""
