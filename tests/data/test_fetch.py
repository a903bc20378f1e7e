from pathlib import Path

import numpy as np
import pytest

from podium.data import fetch
from podium.data.fetch import fetch_series
from podium.data.store import data_version, load_series, save_series
from podium.errors import DataError, PodiumError, SettingError, SourceError

DRAWN = {"source": "csv:rates.csv", "allow": ["other_level"]}  # rates that the ECB never set


def test_the_default_is_the_ecbs_eurusd(settings):
    """Without any setting: EUR/USD from the wheel, offline."""
    series = fetch_series(settings()).series
    assert (series.pair, series.source, str(series.dates[0])) == ("EURUSD", "ecb", "1999-01-04")
    assert len(series) >= 7126
    assert str(data_version(series)).startswith(f"ecb-EURUSD-{series.dates[-1]}-")


def test_bundled_and_online_are_the_same_data(settings, httpserver):
    """The same file by two ways is one data version, so that its runs may be compared."""
    from podium.data.sources.ecb import ecb_file

    httpserver.expect_request("/hist.zip").respond_with_data(ecb_file())
    online = fetch_series(settings(source="ecb-online", ecb_url=httpserver.url_for("/hist.zip"), pair="GBPJPY"))
    bundled = fetch_series(settings(pair="GBPJPY"))
    assert online.notes == ()
    assert data_version(online.series) == data_version(bundled.series)


def test_repairs_and_notes_arrive(settings, csv_text):
    """What was repaired and left out is told by the one call."""
    lines = csv_text.splitlines()
    Path("rates.csv").write_text("\n".join([lines[0], *lines[:0:-1], "2019-01-01,."]))
    fetched = fetch_series(settings(**DRAWN))
    assert [note.split(": ", 1)[1] for note in fetched.notes[:2]] == [
        "1 row without a value in column 'Close' left out",
        "rows were not in order of date; sorted",
    ]
    assert "other_level (390 rows)" in fetched.notes[2]
    assert fetched.notes[2].endswith("let pass by --allow other_level")
    assert np.all(np.diff(fetched.series.dates) > np.timedelta64(0, "D"))


def test_history_must_reach_beyond_the_window(settings, csv_text):
    """A longer n_lags asks for more days: a year of origins must be left."""
    Path("rates.csv").write_text(csv_text)
    assert fetch_series(settings(**DRAWN, n_lags=148))
    with pytest.raises(DataError, match="enough_history"):
        fetch_series(settings(**DRAWN, n_lags=149))


def test_days_to_come_are_refused(settings, csv_text, monkeypatch):
    """Tomorrow's rate passes, since elsewhere it is tomorrow already; later ones are named, and what may be wrong."""
    Path("rates.csv").write_text(csv_text)
    last = np.datetime64(csv_text.splitlines()[-1].split(",")[0], "D")
    monkeypatch.setattr(fetch, "today", lambda: last - np.timedelta64(1, "D"))
    assert fetch_series(settings(**DRAWN))
    monkeypatch.setattr(fetch, "today", lambda: last - np.timedelta64(2, "D"))
    with pytest.raises(DataError, match=rf"column 'date': future_dates \(1 row\): {last}: .* clock"):
        fetch_series(settings(**DRAWN))


FAULTY = {
    "html": "<html>blocked</html>",
    "empty": "",
    "truncated": "PK\x03\x04",
    "columns": "Date,Volume\n2024-01-02,1\n",
    "jump": None,
    "missing file": None,
    "pair": "Date,GBPUSD\n2024-01-02,1.2\n",
}


@pytest.mark.parametrize("kind", FAULTY)
def test_the_last_good_series_stays_after_any_fault(kind, settings, csv_text):
    """Fetch before save: whatever is wrong with the new file, the stored series is byte for byte the old one."""
    stored = Path("data/raw/EURUSD.parquet")
    rates = Path("rates.csv")

    def ingest() -> None:
        save_series(fetch_series(settings(**DRAWN)).series, stored)

    rates.write_text(csv_text)
    ingest()
    before = stored.read_bytes()
    text = FAULTY[kind]
    if kind == "missing file":
        rates.unlink()
    else:
        rates.write_text(csv_text.replace(",1.5", ",15.", 1) if text is None else text)
    with pytest.raises(PodiumError) as caught:
        ingest()
    assert caught.value.exit_code == 2
    assert "rates.csv" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert stored.read_bytes() == before
    assert len(load_series(stored)) == 400


@pytest.mark.parametrize(
    ("values", "error"),
    [({"source": "yahoo"}, SettingError), ({"pair": "EURRUB"}, SettingError), ({"source": "csv:no.csv"}, SettingError)],
)
def test_what_does_not_exist_is_a_setting_error(values, error, settings):
    """Unknown source, ended currency and missing file are the caller's to correct."""
    with pytest.raises(error):
        fetch_series(settings(**values))


def test_errors_of_the_tree_only(settings, monkeypatch):
    """A source that is not installed is a source error with exit code 4."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SourceError) as caught:
        fetch_series(settings())
    assert caught.value.exit_code == 4


def test_a_check_that_does_not_exist_cannot_be_allowed(settings):
    """A misspelt name is refused with those that there are, and so is one of a check that is no matter of meaning."""
    for name in ("weekends", "not_finite"):
        with pytest.raises(SettingError, match=f"setting allow = '{name}': no such check; .* weekend_days"):
            fetch_series(settings(allow=name))


def test_a_refusal_says_how_to_say_that_it_is_meant(settings, csv_text):
    """The remedy ends with the flag, for the checks that have one."""
    Path("rates.csv").write_text(csv_text)
    with pytest.raises(DataError, match=r"other_level .*; if it is meant, --allow other_level$"):
        fetch_series(settings(source="csv:rates.csv"))
    Path("rates.csv").write_text(csv_text.replace(",1.5", ",-1.5", 1))
    with pytest.raises(DataError) as caught:
        fetch_series(settings(source="csv:rates.csv"))
    assert "--allow" not in str(caught.value)
