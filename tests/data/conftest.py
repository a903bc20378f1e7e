import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from podium.data.table import RawTable
from podium.records import Series
from podium.settings import Settings


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in an empty working directory, talks to no proxy and reads no settings from outside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "*")
    for name in ("PODIUM_PAIR", "PODIUM_SOURCE", "PODIUM_ECB_URL", "PODIUM_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    """Settings whose folders are the test's own."""
    return lambda **values: Settings.load({"data_dir": tmp_path / "data", **values})


@pytest.fixture
def raw() -> RawTable:
    """A valid table: 400 business days of a random walk from 1.5, with a high and a low."""
    rng = np.random.default_rng(7)
    dates = np.busday_offset("2024-01-01", np.arange(400)).astype("datetime64[D]")
    closes = np.round(1.5 * np.exp(np.cumsum(rng.normal(0, 0.005, 400))), 6)
    extras = MappingProxyType({"high": closes * 1.001, "low": closes * 0.999})
    return RawTable("EURUSD", dates, closes, "csv", "rates.csv", "Close", extras)


@pytest.fixture
def series(raw: RawTable) -> Series:
    """The valid table as a series."""
    return Series(raw.pair, raw.dates, raw.closes, raw.source, raw.extras)


@pytest.fixture
def csv_text(raw: RawTable) -> str:
    """The valid table as a plain CSV file."""
    rows = (f"{day},{close!r}" for day, close in zip(raw.dates, raw.closes.tolist(), strict=True))
    return "\n".join(["Date,Close", *rows, ""])


@pytest.fixture
def ecb_zip() -> Callable[..., bytes]:
    """A zip in the ECB's layout with `days` business days up to `last`, newest first."""

    def build(last: str = "2027-01-15", days: int = 400, **columns: list[str]) -> bytes:
        end = np.busday_offset(last, 0, roll="backward")
        dates = np.busday_offset(end, np.arange(-days + 1, 1))
        rng = np.random.default_rng(3)
        table: dict[str, list[str]] = {
            "USD": [f"{x:.4f}" for x in 1.1 * np.exp(np.cumsum(rng.normal(0, 0.005, days)))],
            "JPY": [f"{x:.2f}" for x in 160 * np.exp(np.cumsum(rng.normal(0, 0.005, days)))],
            **columns,
        }
        lines = [",".join(["Date", *table, ""])]
        lines += [",".join([str(day), *(c[i] for c in table.values()), ""]) for i, day in enumerate(dates)][::-1]
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("eurofxref-hist.csv", "\n".join(lines) + "\n")
        return buffer.getvalue()

    return build
