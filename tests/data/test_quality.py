from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from podium.data.quality import examine
from podium.data.table import RawTable
from podium.errors import DataError, Fault


def _faults_of(raw: RawTable) -> dict[str, Fault]:
    with pytest.raises(DataError) as caught:
        examine(raw)
    return {fault.check: fault for fault in caught.value.faults}


def _with_closes(raw: RawTable, **at: float) -> RawTable:
    """The table with some closes replaced, `r5=1.2` for row 5."""
    closes = raw.closes.copy()
    for row, value in at.items():
        closes[int(row[1:])] = value
    return replace(raw, closes=closes)


def _cut(raw: RawTable, keep: np.ndarray) -> RawTable:
    extras = MappingProxyType({name: column[keep] for name, column in raw.extras.items()})
    return replace(raw, dates=raw.dates[keep], closes=raw.closes[keep], extras=extras)


def test_a_valid_table_passes_unchanged(raw):
    """A valid table becomes a series with the same values and nothing to say."""
    series, notes = examine(raw).series, examine(raw).notes
    assert notes == ()
    assert np.array_equal(series.dates, raw.dates)
    assert np.array_equal(series.closes, raw.closes)
    assert list(series.extras) == ["high", "low"]
    assert (series.pair, series.source) == ("EURUSD", "csv")


def test_order_and_exact_duplicates_are_repaired_and_told(raw):
    """Newest first with a row twice gives the same series, and one note for each repair."""
    doubled = _cut(raw, np.r_[399:-1:-1, 17])
    fetched = examine(doubled)
    assert np.array_equal(fetched.series.dates, raw.dates)
    assert np.array_equal(fetched.series.closes, raw.closes)
    assert np.array_equal(fetched.series.extras["high"], raw.extras["high"])
    assert fetched.notes == (
        "rates.csv: rows were not in order of date; sorted",
        f"rates.csv: 1 exact duplicate row dropped ({raw.dates[17]})",
    )


def test_a_duplicate_with_another_extra_is_no_exact_duplicate(raw):
    """Two rows of a day that differ in any column are a conflict: neither is chosen."""
    doubled = _cut(raw, np.r_[0:400, 17])
    high = doubled.extras["high"].copy()
    high[-1] += 0.01
    fault = _faults_of(replace(doubled, extras=MappingProxyType({**doubled.extras, "high": high})))
    assert fault["conflicting_dates"].count == 2
    assert fault["conflicting_dates"].examples[0].startswith(str(raw.dates[17]))


def test_a_conflict_is_told_the_same_in_any_order(raw):
    """A, B, A on one day: the second A is a duplicate and dropped, A and B remain and are both shown."""
    tripled = _cut(raw, np.r_[0:400, 17, 17])
    tripled.closes[-2] += 0.001
    fault = _faults_of(tripled)["conflicting_dates"]
    assert fault.count == 2
    assert len(set(fault.examples)) == 2


def test_a_fault_names_file_column_check_count_and_at_most_five_examples(raw):
    """The message holds everything needed to find the rows."""
    bad = _with_closes(raw, r3=0, r4=-1, r50=0, r60=0, r70=0, r80=0)
    fault = _faults_of(bad)["not_positive"]
    assert (fault.where, fault.column, fault.count) == ("rates.csv", "Close", 6)
    assert len(fault.examples) == 5
    assert fault.examples[1] == f"{raw.dates[4]}: -1"
    assert "rates.csv, column 'Close': not_positive (6 rows)" in str(DataError([fault]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_found_in_any_column(raw, value):
    """NaN and infinity are faults in the close and in an extra, each under its own name."""
    assert _faults_of(_with_closes(raw, r9=value))["not_finite"].column == "Close"
    high = raw.extras["high"].copy()
    high[9] = value
    assert _faults_of(replace(raw, extras=MappingProxyType({"high": high})))["not_finite"].column == "high"


def test_several_faults_are_told_at_once(raw):
    """One pass over a bad file tells everything that is wrong with it."""
    bad = _with_closes(_cut(raw, np.r_[0:100, 130:400]), r5=-1, r6=np.nan)
    assert set(_faults_of(bad)) == {"not_positive", "not_finite", "gap"}


@pytest.mark.parametrize("factor", [10, 0.1, 100, 0.01])
def test_a_slipped_decimal_point_is_found(raw, factor):
    """A price ten or a hundred times too large or small is no market move, also on the last day."""
    for row in (200, 399):
        assert "implausible_jump" in _faults_of(_with_closes(raw, **{f"r{row}": raw.closes[row] * factor}))


def test_a_changed_unit_is_found(raw):
    """From per 1 to per 100 in the middle of a file."""
    closes = np.where(np.arange(400) < 200, raw.closes, raw.closes * 100)
    assert _faults_of(replace(raw, closes=closes))["implausible_jump"].count == 1


@pytest.mark.parametrize("log_return", [-0.156, 0.309, 0.52, 0.79])
def test_a_real_devaluation_passes(raw, log_return):
    """CHF 2015, TRY 2021, TRL 2001 and ARS 2023 happened: a lasting move of that size is no fault."""
    closes = np.where(np.arange(400) < 200, raw.closes, raw.closes * np.exp(log_return))
    assert len(examine(replace(raw, closes=closes)).series) == 400


def test_a_leap_that_is_undone_is_found(raw):
    """One wrong cell of 20 % is found, although a lasting move of 20 % is plausible."""
    fault = _faults_of(_with_closes(raw, r200=raw.closes[200] * 1.2))["spike"]
    assert fault.count == 1
    assert fault.examples[0].startswith(str(raw.dates[200]))


def test_a_change_of_direction_is_found(raw):
    """A file that goes over from EURUSD to USDEUR is caught at the row where it does."""
    closes = np.where(np.arange(400) < 200, raw.closes, 1 / raw.closes)
    fault = _faults_of(replace(raw, closes=closes))["direction_flips"]
    assert (fault.count, fault.examples[0][:10]) == (1, str(raw.dates[200]))


def test_a_hole_is_found_and_a_golden_week_is_not(raw):
    """Eleven days without a rate happen in real markets; fifteen do not."""
    assert examine(_cut(raw, np.r_[0:101, 108:400]))
    fault = _faults_of(_cut(raw, np.r_[0:101, 112:400]))["gap"]
    assert fault.examples == (f"{raw.dates[100]} to {raw.dates[112]}",)


def test_a_dead_feed_is_found(raw):
    """A price that moves daily and then stands still for more than two weeks is carried forward."""
    closes = raw.closes.copy()
    closes[-11:] = closes[-11]
    fault = _faults_of(replace(raw, closes=closes))["stale"]
    assert fault.count == 11
    assert "for 11 days" in fault.examples[0]
    closes[-11] += 0.001
    assert examine(replace(raw, closes=closes)), "ten days are let pass"


def test_a_peg_is_no_dead_feed_until_it_lasts(raw):
    """Beside a peg (CZK in 2017 stood still for 39 days) long runs are real; sixty days leave nothing to forecast."""
    closes = raw.closes.copy()
    for start in range(100, 300, 4):
        closes[start : start + 3] = closes[start]
    closes[180:219] = closes[180]
    assert examine(replace(raw, closes=closes))
    closes[150:215] = closes[150]
    assert "stale" in _faults_of(replace(raw, closes=closes))


@pytest.mark.parametrize("decimals", [0, 1])
def test_prices_rounded_to_a_days_move_are_refused(raw, decimals):
    """Whole yen, and pennies of what moves by less: what is left is rounding. One decimal more is enough."""
    yen = replace(raw, pair="USDJPY", closes=raw.closes * 100)
    assert _faults_of(replace(yen, closes=np.round(yen.closes, 0)))["coarse"].count == 400
    assert examine(replace(yen, closes=np.round(yen.closes, 1)))
    assert "coarse" in _faults_of(replace(raw, closes=np.round(raw.closes, 2 - decimals)))


@pytest.mark.parametrize("check", ["gap", "stale", "implausible_jump"])
def test_what_is_meant_passes_and_is_told(raw, check):
    """A check that is allowed by its name becomes a note with the same examples; the others still refuse."""
    bad = {
        "gap": _cut(raw, np.r_[0:101, 112:400]),
        "stale": replace(raw, closes=np.where(np.arange(400) < 380, raw.closes, raw.closes[380])),
        "implausible_jump": replace(raw, closes=np.where(np.arange(400) < 200, raw.closes, raw.closes * 5)),
    }[check]
    (note,) = examine(bad, allow=[check]).notes
    assert f"{check} (" in note
    assert note.endswith(f"let pass by --allow {check}")
    assert "not_positive" in _faults_of(_with_closes(bad, r9=-1))


def test_too_little_history_is_refused(raw):
    """The message says how much there is and how much is needed."""
    fault = _faults_of(_cut(raw, np.arange(283)))["enough_history"]
    assert "284 days are needed, 283 are there" in fault.remedy
    assert examine(_cut(raw, np.arange(284)))


def test_a_row_without_a_date_is_found(raw):
    """NaT is a fault of its own."""
    dates = raw.dates.copy()
    dates[3] = np.datetime64("NaT")
    assert _faults_of(replace(raw, dates=dates))["missing_dates"].count == 1


def test_an_empty_table_is_refused():
    """No rows at all is too little history, not a crash."""
    nothing = np.array([])
    table = RawTable("EURUSD", nothing.astype("datetime64[D]"), nothing, "csv", "rates.csv")
    assert set(_faults_of(table)) == {"enough_history"}
