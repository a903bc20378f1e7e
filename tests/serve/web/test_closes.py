from pathlib import Path
from typing import Any

import numpy as np
import pytest

from podium.data.store import save_series
from podium.errors import MissingError
from podium.records import Series
from podium.serve.web.closes import Closes
from podium.settings import Settings


@pytest.fixture
def closes(tmp_path: Path, walk: Series) -> Closes:
    """Stored rates of one pair."""
    save_series(walk, tmp_path / "raw" / "EURUSD.parquet")
    return Closes(Settings(data_dir=tmp_path))


def test_the_row_of_the_newest_close_is_the_features_last_row(closes: Closes, walk_table: Any) -> None:
    """What is asked of a model for tomorrow is the last row that training would make."""
    close = closes.newest("EURUSD")
    assert np.array_equal(close.row(walk_table.names)[0], walk_table.values[-1])
    assert np.array_equal(close.row(("ma_5", "lag_1"))[0], walk_table.values[-1][[12, 1]])


def test_a_new_close_is_seen(closes: Closes, walk: Series, tmp_path: Path) -> None:
    """When a day is ingested the newest close moves on."""
    assert closes.newest("EURUSD").origin == str(walk.dates[-1])
    save_series(walk.until(390), tmp_path / "raw" / "EURUSD.parquet")
    assert closes.newest("EURUSD").origin == str(walk.dates[389])


def test_rows_from_the_newest_close_are_recognised(closes: Closes, walk_table: Any) -> None:
    """A request that sends the newest row is a forecast of the next day; any other row is not."""
    close = closes.newest("EURUSD")
    names, X = walk_table.names, walk_table.values
    assert close.place(names, X[-1:]) == 0
    assert close.place(names, X[-1:] + 1e-12) == 0
    assert close.place(names, X[-3:]) == 2
    assert close.place(names, X[-4:-1]) is None
    assert close.place(names, X[-2:-1]) is None
    changed = X[-1:].copy()
    changed[0, 5] += 1e-3
    assert close.place(names, changed) is None
    assert close.place(("high_log_ratio",), X[-1:, :1]) is None


def test_a_close_keeps_its_own_row(closes: Closes, walk: Series, walk_table: Any, tmp_path: Path) -> None:
    """Who holds yesterday's close while today's comes in still recognises yesterday's row, and never today's."""
    names, X = walk_table.names, walk_table.values
    save_series(walk.until(399), tmp_path / "raw" / "EURUSD.parquet")
    before = closes.newest("EURUSD")
    save_series(walk, tmp_path / "raw" / "EURUSD.parquet")
    after = closes.newest("EURUSD")
    assert (before.place(names, X[-2:-1]), before.place(names, X[-1:])) == (0, None)
    assert (after.place(names, X[-2:-1]), after.place(names, X[-1:])) == (None, 0)


def test_what_is_missing_has_a_name(closes: Closes, tmp_path: Path) -> None:
    """A pair without rates and a column that the series does not give are told by name."""
    with pytest.raises(MissingError, match="GBPUSD"):
        closes.newest("GBPUSD")
    with pytest.raises(MissingError, match="high_log_ratio"):
        closes.newest("EURUSD").row(("lag_0", "high_log_ratio"))
    with pytest.raises(MissingError, match="too few"):
        closes.newest("EURUSD").row(("lag_500",))
