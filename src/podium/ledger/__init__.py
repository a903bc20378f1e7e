"""The serving ledger: every answered forecast, what came true, and the scores by day."""

from podium.ledger.database import Ledger
from podium.ledger.entry import Entry, forecast_columns, new_id
from podium.ledger.export import COLUMNS, lines, rows
from podium.ledger.writer import LedgerWriter

__all__ = ["COLUMNS", "Entry", "Ledger", "LedgerWriter", "forecast_columns", "lines", "new_id", "rows"]
