"""The serving ledger: every answered forecast, what came true, and the scores by day."""

from podium.serve.ledger.database import Durability, Ledger
from podium.serve.ledger.entry import Entry, forecast_columns, new_id
from podium.serve.ledger.reader import COLUMNS, rows
from podium.serve.ledger.writer import LedgerWriter

__all__ = ["COLUMNS", "Durability", "Entry", "Ledger", "LedgerWriter", "forecast_columns", "new_id", "rows"]
