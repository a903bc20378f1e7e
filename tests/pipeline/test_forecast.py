"""The champion's forecast of the days to come."""

from __future__ import annotations

import json
from datetime import date, timedelta

import numpy as np
import pytest

from podium.data.calendar import next_business_day
from podium.data.store import load_series, save_series
from podium.errors import MissingError, SettingError
from podium.evaluate.horizons import believed_volatility
from podium.evaluate.intervals import interval_forecast
from podium.features import build_features, frame
from podium.models.roster import enter
from podium.pipeline.combine import walk
from podium.pipeline.forecast import UNTESTED, forecast, forecast_ahead, horizon_to
from podium.pipeline.prepare import series_path
from podium.pipeline.report import gather
from podium.pipeline.walk_cache import shared_walk
from podium.records import Series
from podium.registry.log_items import RECIPE
from podium.settings import Settings

N_DAYS = 900


@pytest.fixture
def crowned(arena, rates):
    """A trained champion of the first 900 days."""
    arena.championship(rates.until(N_DAYS))
    return arena


def pyfunc_at_the_last_row(arena, series):
    """What anybody gets from MLflow with the champion's alias and the newest row of X."""
    champion = arena.store.champion()
    X = frame(build_features(series, arena.settings.n_lags, "-"))[-1:]
    return float(np.ravel(arena.store.load(f"models:/{champion.name}@champion").predict(X))[0])


def test_tomorrow_is_forecast_by_the_registered_champion(crowned, rates):
    """The forecast is its pyfunc's on the newest row; the rates are the close moved by the returns; nothing is odd."""
    (told,) = forecast(crowned.settings)
    champion = crowned.store.champion()
    series = rates.until(N_DAYS)
    assert told.forecast == pytest.approx(pyfunc_at_the_last_row(crowned, series), abs=1e-12)
    assert (told.model_name, told.model_version) == (champion.name, champion.version)
    assert str(told.origin) == str(series.dates[-1])
    assert str(told.target_date) == str(next_business_day(series.dates[-1])) == str(rates.dates[N_DAYS])
    assert told.close == series.closes[-1]
    assert told.forecast_rate == pytest.approx(told.close * np.exp(told.forecast))
    lower_80, upper_80, lower_95, upper_95 = told.rates.values()
    assert lower_95 < lower_80 < told.forecast_rate < upper_80 < upper_95
    assert 0.4 < told.probability_of_rise < 0.6
    assert told.age_days() == (np.datetime64("today", "D") - series.dates[-1]).astype(int)
    assert told.verdict == "unproven"


def test_newer_days_are_used_without_a_new_training(crowned, rates):
    """The series grows after the championship: same model, newer origin, and the days between calibrate the range."""
    before = crowned.state()
    rates = rates.until(N_DAYS + 20)  # models of volatility are fitted again a hundred days after the first scored one
    save_series(rates, series_path(crowned.settings))
    (told,) = forecast(crowned.settings)
    assert str(told.origin) == str(rates.dates[-1])
    assert told.model_version == 1
    assert told.forecast == pytest.approx(pyfunc_at_the_last_row(crowned, rates), abs=1e-12)
    assert crowned.state() == before

    # by hand, walking again over all days, with the registered model's own forecasts of those it had not seen
    champion = crowned.store.champion()
    scored = crowned.record(champion.run_id, "forecasts.parquet")
    table = build_features(rates, crowned.settings.n_lags, "-")
    known = slice(int(np.searchsorted(table.origins, scored.origins[0])), len(table) - 1)
    own = np.ravel(crowned.store.load(champion.pinned_uri).predict(frame(table)[known.start :]))
    said = np.concatenate([scored.forecast, own[len(scored) : -1]])
    path = believed_volatility(shared_walk(crowned.settings, rates, scored.origins[0]))
    past = type(scored)(table.origins[known], table.target_dates[known], table.target[known], said)
    by_hand = interval_forecast(path, past).interval.around(own[-1])
    assert told.bounds["lower_80"] == pytest.approx(by_hand["lower_80"])
    assert told.bounds["upper_95"] == pytest.approx(by_hand["upper_95"])


def test_a_revised_rate_changes_the_forecast_and_breaks_nothing(crowned, rates):
    """The last close but two is revised: outcomes are those of the series, and the forecast is of the new row."""
    (before,) = forecast(crowned.settings)
    closes = rates.until(N_DAYS).closes.copy()
    closes[-3] *= 1.002
    revised = Series("EURUSD", rates.dates[:N_DAYS], closes, rates.source)
    save_series(revised, series_path(crowned.settings))
    (after,) = forecast(crowned.settings)
    assert after.data_version != before.data_version
    assert after.forecast == pytest.approx(pyfunc_at_the_last_row(crowned, revised), abs=1e-12)
    assert after.interval == before.interval  # it learns from the days that come, not from what is said of old ones


CHRISTMAS = np.array(["2026-12-18", "2026-12-21"], dtype="datetime64[D]")


@pytest.fixture
def december(tmp_path):
    """Settings beside rates that end on Monday, 21 December 2026."""
    settings = Settings(data_dir=tmp_path)
    save_series(Series("EURUSD", CHRISTMAS, np.array([1.1, 1.2]), "ecb"), series_path(settings))
    return settings


def test_a_business_day_to_come_is_so_many_days_ahead(december):
    """Every horizon's day leads back to it, over Christmas and New Year; by another calendar Christmas counts."""
    last = CHRISTMAS[-1]
    for horizon in range(1, 61):
        assert horizon_to(december, str(next_business_day(last, horizon)), date(2026, 12, 21)) == horizon
    assert horizon_to(december, "2026-12-28", date(2026, 12, 21)) == 4
    everyday = december.model_copy(update={"calendar": "weekdays"})
    assert [horizon_to(everyday, day, date(2026, 12, 21)) for day in ("2026-12-25", "2026-12-28")] == [4, 5]


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("soon", ["'soon'", "such as 2026-12-24"]),
        ("2026-12-23", ["is today", "to come"]),
        ("2026-12-22", ["is over", "to come"]),
        ("2026-12-25", ["is a Friday without a rate", "2026-12-24 and 2026-12-28"]),
        ("2026-12-27", ["is a Sunday without a rate", "2026-12-24 and 2026-12-28"]),
        ("2027-06-01", ["business days after the newest stored rate, of 2026-12-21", "between 1 and 60"]),
    ],
)
def test_another_day_is_refused_in_one_line(december, day, words):
    """A day that is over, today, a holiday, a weekend, one too far ahead: which it is, and what would do."""
    with pytest.raises(SettingError) as caught:
        horizon_to(december, day, date(2026, 12, 23))
    assert all(word in str(caught.value) for word in (day, *words)), str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_day_whose_rate_is_stored_is_refused(december):
    """Where this machine's clock is behind the rates, too."""
    with pytest.raises(SettingError, match="is 0 business days after the newest stored rate"):
        horizon_to(december, "2026-12-21", date(2026, 12, 21) - timedelta(days=3))


def test_a_champion_of_the_first_release_has_its_interval_too(crowned, rates, monkeypatch):
    """A run that recorded no state for its interval is walked again, to the same interval."""
    save_series(rates.until(N_DAYS + 20), series_path(crowned.settings))
    (expected,) = forecast(crowned.settings)
    monkeypatch.setattr("podium.pipeline.forecast.read_interval", lambda text: None)
    (told,) = forecast(crowned.settings)
    assert told.interval.reach == pytest.approx(expected.interval.reach)


def test_further_days_are_direct_forecasts_of_the_champions_recipe(crowned, rates):
    """Five and twenty days ahead: fitted on such returns up to the last known one, wider, on the right days."""
    series = rates.until(N_DAYS)
    told = forecast(crowned.settings, (1, 5, 20))
    assert [item.horizon for item in told] == [1, 5, 20]
    assert [str(item.target_date) for item in told] == [
        str(next_business_day(series.dates[-1], days)) for days in (1, 5, 20)
    ]
    widths = [item.rates["upper_95"] - item.rates["lower_95"] for item in told]
    assert widths == sorted(widths)
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(5), rel=0.5)

    import dataclasses

    from podium.evaluate.walkforward import at_horizon

    family = crowned.store.champion().family
    contestant = dataclasses.replace(enter(family, crowned.settings), horizon=5)
    table = at_horizon(build_features(series, crowned.settings.n_lags, "-"), 5)
    learned = slice(0, len(table) - 5)  # the outcome of the fifth last origin is the newest that is known
    X, y = frame(table), table.target
    first = int(
        np.searchsorted(table.origins, crowned.record(crowned.store.champion().run_id, "forecasts.parquet").origins[0])
    )
    tuned = contestant.tuned(X[: first - 4], y[: first - 4])
    model = tuned.fit(X[learned], y[learned])
    assert told[1].forecast == pytest.approx(float(model.predict(X[-1:])[0]), abs=1e-12)


def test_further_days_are_those_of_the_recipe_that_was_trained(crowned):
    """Options, seed, refits and n_lags of today's settings change nothing in what the champion says of days ahead."""
    (told,) = forecast(crowned.settings, (5,))
    kept_of(crowned.settings).unlink()
    other = crowned.using(refit_every=0, seed=7, n_lags=40, options={"LinearRegression": {"lags_used": 2}})
    assert forecast(other.settings, (5,)) == [told]
    assert told.verdict is None
    assert told.reason.startswith(f"{UNTESTED}; over ")
    assert "the 80 % range held" in told.reason


def kept_of(settings):
    """Where further days are kept."""
    return settings.data_dir / "processed" / "EURUSD.ahead.json"


def test_further_days_are_made_once(crowned, rates, monkeypatch, capsys):
    """Asked again nothing is fitted, here, in the verb, on the page and by the routine; of newer rates all is new."""
    asked = []

    def counted(settings, family, table, days, horizon):
        asked.append(horizon)
        return walk(settings, family, table, days, horizon)

    monkeypatch.setattr("podium.pipeline.forecast.walk", counted)
    (five,) = forecast(crowned.settings, (5,))
    near, again, month = forecast(crowned.settings, (1, 5, 20))
    assert (again, asked, near.horizon, month.horizon) == (five, [5, 20], 1, 20)
    assert crowned.podium("forecast", "--horizon", "5", "--json") == 0
    assert json.loads(capsys.readouterr().out) == five.as_dict()
    assert gather(crowned.store, crowned.store.champion()).further == (five, month)
    assert asked == [5, 20]
    wanted = crowned.using(horizons=(5,)).settings
    assert forecast_ahead(wanted) == []
    save_series(rates.until(N_DAYS + 1), series_path(crowned.settings))
    assert [told.horizon for told in forecast_ahead(wanted)] == [5]
    assert (forecast_ahead(wanted), asked[2:]) == ([], [5])


def test_a_champion_whose_recipe_is_not_recorded_says_nothing_of_further_days(arena, rates):
    """What cannot be made again is refused with the remedy."""
    arena.days(rates.until(N_DAYS)).enter(ARIMA=lambda actual: 0.0 * actual)
    arena.evaluate()
    arena.store.add_file(arena.store.champion().run_id, RECIPE, b"")
    with pytest.raises(MissingError, match="run `podium train`"):
        forecast(arena.settings, (5,))


def test_another_window_than_the_champions_is_named(crowned, capsys):
    """A setting that does not fit the champion gives one line with the remedy, not numbers from the wrong columns."""
    other = crowned.using(n_lags=40)
    with pytest.raises(SettingError, match=r"n_lags = 32.*n_lags = 40; set n_lags = 32"):
        forecast(other.settings)
    assert crowned.podium("forecast", "--n-lags", "40") == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_further_column_that_the_champion_does_not_know_is_named(crowned, rates):
    """A series that has gained a column since gives other features; the champion refuses them."""
    series = rates.until(N_DAYS)
    save_series(
        Series("EURUSD", series.dates, series.closes, series.source, {"high": series.closes}),
        series_path(crowned.settings),
    )
    with pytest.raises(SettingError, match="33 columns with n_lags = 32, and the stored series gives 34"):
        forecast(crowned.settings)


def test_what_is_missing_is_named(arena, rates):
    """No champion, no series: each says what to run."""
    with pytest.raises(MissingError, match="podium ingest"):
        forecast(arena.settings)
    arena.days(rates.until(N_DAYS))
    with pytest.raises(MissingError, match="holds @champion"):
        forecast(arena.settings)


@pytest.mark.parametrize("horizon", [1, 5])
@pytest.mark.parametrize("days", [500, N_DAYS - 100, N_DAYS - 1])
def test_rates_that_end_before_the_champions_days_are_named(crowned, rates, days, horizon, capsys):
    """One line with both days and the way out, whether the scored days are all missing or only the last."""
    save_series(rates.until(days), series_path(crowned.settings))
    ends = rf"scored up to {rates.dates[N_DAYS - 1]}, and the stored rates end on {rates.dates[days - 1]}; run `podium"
    with pytest.raises(MissingError, match=ends):
        forecast(crowned.settings, (horizon,))
    assert crowned.podium("forecast", "--horizon", str(horizon)) == 5
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize("horizon", [1, 5])
@pytest.mark.parametrize("kind", ["another pair's", "at another hour", "on other days"])
def test_the_champion_of_another_series_forecasts_nothing(crowned, rates, kind, horizon):
    """Rates that are not those it was scored on: it is said, for tomorrow and for days ahead."""
    rng = np.random.default_rng(1)
    days, closes = rates.dates, rates.closes
    if kind == "another pair's":
        closes = 150 * np.exp(np.cumsum(rng.normal(0, 0.005, len(closes))))
    elif kind == "at another hour":
        closes = closes * np.exp(rng.normal(0, 0.003, len(closes)))
    else:
        days, closes = days[::2], closes[::2]
    save_series(Series("EURUSD", days, closes, "csv"), series_path(crowned.settings))
    with pytest.raises(MissingError, match=r"was scored on ecb-EURUSD-.*, and the stored rates are others \(csv"):
        forecast(crowned.settings, (horizon,))


@pytest.mark.parametrize("horizon", [0, 61, -5])
def test_a_horizon_out_of_range_is_refused_before_any_work(arena, horizon):
    """One to sixty trading days."""
    with pytest.raises(SettingError, match="between 1 and 60"):
        forecast(arena.settings, (1, horizon))


def test_the_json_is_one_object_or_one_a_horizon(crowned, capsys):
    """A program reads numbers under the documented names; several horizons make a list."""
    assert crowned.podium("forecast", "--json") == 0
    one = json.loads(capsys.readouterr().out)
    assert one["stale"].startswith(f"The newest stored rate is of {one['origin']}, and ")
    assert one == {"stale": one["stale"], **forecast(crowned.settings)[0].as_dict()}
    assert one.keys() >= {
        "pair", "origin", "target_date", "horizon", "forecast_return", "forecast_rate", "lower_80", "upper_80",
        "lower_95", "upper_95", "probability_of_rise", "model_name", "model_version", "data_version", "verdict",
        "age_days",
    }  # fmt: skip
    assert crowned.podium("forecast", "--horizon", "1,5", "--json") == 0
    several = json.loads(capsys.readouterr().out)
    assert [item["horizon"] for item in several] == [1, 5]
    assert several[0] == one
    assert load_series(series_path(crowned.settings)).closes[-1] == one["close"]


def test_why_a_forecast_is_another_than_the_day_before(crowned, rates, capsys):
    """A newer rate moves it and the model is the same; after a refit the model moves it too; parts add up to it."""

    def asked():
        assert crowned.podium("forecast", "--why", "--json") == 0
        return json.loads(capsys.readouterr().out)

    save_series(rates.until(N_DAYS + 1), series_path(crowned.settings))
    (before,) = forecast(crowned.settings)
    save_series(rates.until(N_DAYS + 2), series_path(crowned.settings))
    told = asked()
    named = f"{told['model_name']} (v1)"
    assert (told["change"]["earlier"], told["change"]["later"], told["change"]["model"]) == (named, named, 0.0)
    assert told["change"]["before"] == pytest.approx(before.forecast, abs=1e-12)
    assert told["change"]["data"] == pytest.approx(told["forecast_return"] - before.forecast, abs=1e-12)
    parts = told["contributions"]
    assert abs(parts["constant"] + sum(parts["columns"].values()) - told["forecast_return"]) <= 1e-12

    crowned.championship(rates.until(N_DAYS + 2))
    again = asked()
    later = f"{again['model_name']} (v{again['model_version']})"
    assert (again["change"]["earlier"], again["change"]["later"]) == (named, later)
    assert later != named
    assert again["change"]["now"] == pytest.approx(again["forecast_return"], abs=1e-12)
    assert again["change"]["data"] == pytest.approx(told["change"]["data"], abs=1e-12)
    assert again["change"]["model"] != 0.0
    assert crowned.podium("forecast", "--why") == 0
    said = capsys.readouterr().out
    assert f"{later} in place of {named} by " in said
    assert "Its parts are a constant " in said
