"""A championship that never was, seeded, whose every figure can be computed again here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from podium.evaluate.conformal import STATES
from podium.evaluate.interval_scores import COVERAGES
from podium.evaluate.judgement import Judgement, Standing
from podium.evaluate.metrics import directional_accuracy, mae, rmse
from podium.records import DataVersion, Forecasts, Interval, NextDay, ScoredDays, Series
from podium.report.scene import Scene
from tests.support import standing_of

MakeScene = Callable[..., Scene]
N_DAYS, SIGMA = 420, 0.005
SKILL = {"LinearRegression": 0.15, "ARIMA": 0.0, "LSTM": -0.2}  # share of the outcome in the forecast
DATA = DataVersion("test", "EURUSD", np.datetime64("2026-07-13"), "0a1b2c3d")
ALONE = "1 misses in 420 days: whether they cluster cannot be told"
THIRDS = [f"{state}_{coverage}" for coverage in (80, 95) for state in STATES]
# What everybody's standing holds, and what those of the first, second and third do: tests as if they had been computed,
# with two that could not.
ALIKE = {
    "volatility_model": "log_mean",
    "benchmark": "rolling",
    "by_volatility": dict(zip(THIRDS, (0.79, 0.81, 0.82, 0.94, 0.955, 0.96), strict=True)),
    "league": {"constant": -0.0095, "rolling": 0.0, "ewma": 0.0069, "garch": 0.0079, "gjr": 0.008, "har": 0.0071},
    "dq_p_80": 0.5213,
    "fit_seconds": 1.0,
    "forecast_seconds": 0.1,
    "width_80": 2.6 * SIGMA,
    "width_95": 4.2 * SIGMA,
    "kupiec_p_80": 0.4312,
    "kupiec_p_95": 0.8125,
    "independence_p_80": 0.2963,
    "christoffersen_p_80": 0.3941,
}
BY_PLACE: dict[str, tuple[Any, Any, Any]] = {
    "alias": ("champion", "challenger", "candidate"),
    "dm_p": (0.0412, 0.5173, None),
    "clark_west_p": (0.0124, 0.4018, 0.9316),
    "pesaran_timmermann_p": (0.0871, None, 0.7254),
    "in_mcs": (True, True, False),
    "crps": (0.0026, 0.00261, 0.00262),
    "crps_skill": (0.0171, 0.0161, 0.0151),
    "crps_skill_t": (4.9, 3.9, 2.9),
    "quantile_loss_80": (0.0009, 0.000905, 0.00091),
    "quantile_loss_95": (0.0003, 0.00030125, 0.0003025),
    "dq_p_95": (0.1931, 0.0212, None),
    "winkler_80": (0.0181, 0.0182, 0.0183),
    "winkler_95": (0.0263, 0.0264, 0.0265),
    "independence_p_95": (0.1277, 0.0034, None),
    "christoffersen_p_95": (0.2876, 0.0131, None),
    "untested": (
        {},
        {"pesaran_timmermann_p": "it names one direction only"},
        {"dm_p": "they make the same error",
         **dict.fromkeys(("independence_p_95", "christoffersen_p_95", "dq_p_95"), ALONE)},
    ),
}  # fmt: skip
REACH = {"lower_80": 0.0063, "upper_80": 0.0063, "lower_95": 0.0105, "upper_95": 0.0105}


def make_forecasts() -> dict[str, Forecasts]:
    """One contestant that knows a little, one that says nothing much, one that knows the wrong thing."""
    rng = np.random.default_rng(11)
    days = np.busday_offset("2024-12-02", np.arange(N_DAYS + 1)).astype("datetime64[D]")
    actual = rng.standard_t(6, N_DAYS) * SIGMA / np.sqrt(1.5)
    made = {}
    for name, share in SKILL.items():
        forecast = abs(share) * 0.3 * (np.sign(share) * actual + rng.normal(0, SIGMA, N_DAYS))
        bounds = {}
        for alpha, half in zip(COVERAGES, (1.3, 2.1), strict=True):
            bounds[f"lower_{100 * alpha:.0f}"] = forecast - half * SIGMA
            bounds[f"upper_{100 * alpha:.0f}"] = forecast + half * SIGMA
        for density in ("", "rolling_"):
            bounds |= {f"{density}sigma": np.full(N_DAYS, SIGMA), f"{density}df": np.full(N_DAYS, 6.0)}
        made[name] = Forecasts(days[:-1], days[1:], actual, forecast, {**bounds, "pit": rng.uniform(size=N_DAYS)})
    return made


def inside(rows: Forecasts, coverage: int) -> float:
    """The share of outcomes in the interval."""
    lower, upper = rows.bounds[f"lower_{coverage}"], rows.bounds[f"upper_{coverage}"]
    return float(np.mean((rows.actual >= lower) & (rows.actual <= upper)))


def make_standing(name: str, rows: Forecasts, place: int) -> Standing:
    """Scores as they are, the rest as in the tables above."""
    error, walk = rmse(rows.actual, rows.forecast), float(np.sqrt(np.mean(rows.actual**2)))
    direction = directional_accuracy(rows.actual, rows.forecast)
    return standing_of({
        **ALIKE,
        **{figure: given[place] for figure, given in BY_PLACE.items()},
        "family": name,
        "model_name": f"EURUSD_{name}",
        "model_version": place + 2,
        "run_id": f"{place:032x}",
        "rmse": error,
        "ratio_to_random_walk": error / walk,
        "r2_oos": 1 - (error / walk) ** 2,
        "mae": mae(rows.actual, rows.forecast),
        "directional_accuracy": direction if np.isfinite(direction) else None,
        "coverage_80": inside(rows, 80),
        "coverage_95": inside(rows, 95),
    })  # fmt: skip


def make_judgement(rows: Sequence[Standing], any_rows: Forecasts) -> Judgement:
    """The first of them leads, and nothing is proven."""
    first, returns = rows[0], any_rows.actual
    walk = {"rmse": float(np.sqrt(np.mean(returns**2))), "mae": float(np.abs(returns).mean())}
    return Judgement(
        pair="EURUSD",
        data_version=DATA,
        scored_days=ScoredDays(any_rows.origins[0], any_rows.origins[-1], N_DAYS),
        policy="rmse",
        alpha=0.05,
        verdict="unproven",
        reason=f"{first.family} has the lowest RMSE",
        champion=first.model_name,
        champion_version=first.model_version,
        title_data_day="2026-07-13",
        random_walk_in_mcs=True,
        recipes_tried=len(rows),
        alpha_needed=0.05 / len(rows),
        proven=False,
        minimum_detectable_r2=0.0566,
        baselines={"persistence": {"rmse": walk["rmse"] * 1.4, "mae": 0.005}, "random_walk": walk},
        ranking=tuple(rows),
        key="0123456789abcdef",
    )


def make_next_day(leader: Standing, series: Series) -> NextDay:
    """What the leader says of the day after the last."""
    origin = series.dates[-1]
    return NextDay(
        pair="EURUSD",
        origin=origin.item(),
        target_date=np.busday_offset(origin, 1).item(),
        close=float(series.closes[-1]),
        forecast=0.0002,
        interval=Interval(origin=origin.item(), reach=REACH, sigma=0.005, df=6.0, volatility_model="log_mean"),
        model_name=leader.model_name,
        model_version=leader.model_version,
        data_version=DATA,
        probability_of_rise=0.513,
    )


def make_scene(rename: dict[str, str] | None = None, **changes: Any) -> Scene:
    """The scene with contestants renamed, and with fields of the judgement or of the scene changed."""
    renamed, made = rename or {}, make_forecasts()
    order = sorted(made, key=lambda name: rmse(made[name].actual, made[name].forecast))
    rows = [make_standing(renamed.get(name, name), made[name], place) for place, name in enumerate(order)]
    kept = {name: forecasts for name, forecasts in made.items() if name not in renamed}
    forecasts = {**kept, **{after: made[before] for before, after in renamed.items()}}
    any_rows = next(iter(forecasts.values()))
    if "alpha" in changes:
        needed = changes["alpha"] / len(rows)
        proven = (rows[0].skill.diebold_mariano.p_value or 1.0) <= needed
        changes = {"alpha_needed": needed, "proven": proven, **changes}
    fields = {field.name for field in dataclasses.fields(Judgement)}
    of_judgement = {name: value for name, value in changes.items() if name in fields}
    closes = 1.1 * np.exp(np.concatenate([[0.0], np.cumsum(any_rows.actual)]))
    series = Series("EURUSD", np.append(any_rows.origins, any_rows.target_dates[-1]), closes, "test")
    scene = Scene(
        judgement=dataclasses.replace(make_judgement(rows, any_rows), **of_judgement),
        forecasts=forecasts,
        series=series,
        next_day=make_next_day(rows[0], series),
        written_at=datetime(2026, 7, 14, 6, 30, tzinfo=UTC),
        versions={"podium": "1.2.3", "Python": "3.11.4"},
    )
    return dataclasses.replace(scene, **{name: value for name, value in changes.items() if name not in fields})


def changed(row: Standing, **changes: Any) -> Standing:
    """The same contestant with other figures, by their flat names."""
    return standing_of({**row.flat(), **changes})
