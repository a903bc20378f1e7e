import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from podium.data.store import read_columns


def parquet(**columns: pa.Array) -> bytes:
    """A parquet file of these columns."""
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd", row_group_size=2)
    return buffer.getvalue()


def test_days_and_numbers_come_back_as_they_were() -> None:
    """Days and numbers, NaN and missing days among them, are read over several row groups."""
    days = np.array(["2026-10-29", "2026-10-30", "NaT"], dtype="datetime64[D]")
    numbers = np.array([1.5, np.nan, -0.25])
    dates, floats = read_columns(parquet(origin=pa.array(days, pa.date32()), actual=pa.array(numbers)))
    np.testing.assert_array_equal(dates["origin"], days)
    np.testing.assert_array_equal(floats["actual"], numbers)


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more", parquet(name=pa.array(["text"]))])
def test_anything_else_is_refused(content: bytes) -> None:
    """A damaged file, and one of words, is a ValueError."""
    with pytest.raises(ValueError, match=r"parquet|wanted"):
        read_columns(content)


def test_a_run_s_forecasts_are_read_without_pandas(tmp_path: Path) -> None:
    """Reading what a run recorded imports no pandas, for which a server would wait a second."""
    days, numbers = pa.array([1, 2], pa.int32()).cast(pa.date32()), pa.array([0.5, 1.5])
    path = tmp_path / "forecasts.parquet"
    path.write_bytes(parquet(origin=days, target_date=days, actual=numbers, forecast=numbers))
    code = (
        "import sys; from pathlib import Path; from podium.registry.log_items import read_forecasts\n"
        "assert read_forecasts(Path(sys.argv[1]).read_bytes()).forecast[1] == 1.5\n"
        "assert 'pandas' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 0
