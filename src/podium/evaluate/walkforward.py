"""Walk-forward scoring: forecast, then score, then learn. The order of the lines is the proof against look-ahead."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from podium.errors import AdmissionError, DataError, Fault
from podium.evaluate.horizons import direct_target
from podium.evaluate.volatility.contract import MAX_FIT
from podium.features import frame
from podium.models.base import Contestant, FittedModel
from podium.models.combiner import REST, WEIGHT, Combiner
from podium.records import Dates, FeatureTable, Floats, Forecasts, ScoredDays

MIN_SCORED_DAYS = 30
MIN_TRAINING_DAYS = 100


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """Which rows of a feature table are learned from first, and which are scored.

    Attributes:
        first_scored: row of the first scored origin; every row before it has a known target at that origin's close.
        n_known: rows whose target is known; the one after them forecasts tomorrow.
    """

    first_scored: int
    n_known: int

    def refits(self, every: int) -> list[int]:
        """Rows at whose close a model is fitted that forecasts scored days; the first may lie before them.

        They are counted from the beginning of the series, so that they stay where they are while it grows.

        Args:
            every: rows between two; 0 fits once.
        """
        anchored = range(MIN_TRAINING_DAYS, self.n_known, every) if every else range(0)
        first = max((row for row in anchored if row <= self.first_scored), default=self.first_scored)
        return [first, *(row for row in anchored if row > self.first_scored)]

    @property
    def rows(self) -> slice:
        """Those that are scored."""
        return slice(self.first_scored, self.n_known)

    @property
    def n_scored(self) -> int:
        """How many days are scored."""
        return self.n_known - self.first_scored

    def scored_days(self, table: FeatureTable) -> ScoredDays:
        """The scored origins by date."""
        return ScoredDays(table.origins[self.first_scored], table.origins[self.n_known - 1], self.n_scored)


def scored_rows(table: FeatureTable, n_lags: int, test_fraction: float) -> ScoredRows:
    """Score the last share of all days.

    Args:
        table: one row an origin, the last without a target.
        n_lags: returns before the first origin, which count as days too.
        test_fraction: share of the days that is scored.

    Raises:
        DataError: too few days to learn from or to score.
    """
    n_known = len(table) - 1
    n_scored = int(test_fraction * (n_known + n_lags))
    found = ScoredRows(first_scored=n_known - n_scored, n_known=n_known)
    if n_scored < MIN_SCORED_DAYS or found.first_scored < MIN_TRAINING_DAYS:
        raise DataError([_too_few(table, found)])
    return found


@dataclass(frozen=True, slots=True)
class WalkForward:
    """What a walk-forward brought.

    Attributes:
        forecasts: one row a scored day.
        future: the same recipe fitted on every day with a known target; it forecasts tomorrow.
        contestant: with its structure chosen.
        fit_seconds: spent in these fits and the last.
        forecast_seconds: spent in forecasting the scored days.
    """

    forecasts: Forecasts
    future: FittedModel
    contestant: Contestant
    fit_seconds: float
    forecast_seconds: float


def at_horizon(table: FeatureTable, horizon: int) -> FeatureTable:
    """The same X with the log return over `horizon` trading days as its target, NaN where it is still to come."""
    target_dates = np.full(len(table), np.datetime64("NaT"), dtype="datetime64[D]")
    target = direct_target(np.concatenate([[np.nan], table.target[:-1]]), horizon)  # the first row's own day is unused
    if horizon < len(table):
        target_dates[:-horizon] = table.target_dates[horizon - 1 : -1]
    return dataclasses.replace(table, target=target, target_dates=target_dates)


def walk_forward(
    contestant: Contestant, table: FeatureTable, days: ScoredRows, refit_every: int, before: Forecasts | None = None
) -> WalkForward:
    """Score a contestant on days that its models had not seen.

    At each refit the model learns from all rows whose target was known at the close of the next origin to be
    forecast, and no later one: the target of row `start - horizon` is known at the close of origin `start`. Of more
    than `MAX_FIT` rows it learns from the last, so that a long series costs in proportion.

    Args:
        contestant: it is not changed; its horizon is that of the table's target.
        table: X and target.
        days: what is scored.
        refit_every: days between refits; 0 fits once.
        before: what the same recipe forecast when the same series ended earlier; no model is fitted for days between
            two refits that all stand there.
    """
    X, y, refits = frame(table), table.target, days.refits(refit_every)

    def known(end: int) -> slice:
        return slice(max(0, end - MAX_FIT), end)

    contestant.warm_up()
    fitting, forecasting = Stopwatch(), Stopwatch()
    with fitting:
        first = known(refits[0] - contestant.horizon + 1)
        contestant = contestant.tuned(X[first], y[first])
    forecast = _forecast_before(before, table, days, refit_every)  # (n_known,)
    for start, stop in pairwise([*refits, days.n_known]):
        if np.isfinite(forecast[max(start, days.first_scored) : stop]).all():
            continue
        learned = known(start - contestant.horizon + 1)
        with fitting:
            model = contestant.fit(X[learned], y[learned])
        with forecasting:
            forecast[start:stop] = _whole(contestant, model.predict(X[start:stop]), table.origins[start:stop])
    with fitting:
        future = contestant.fit(X[known(days.n_known)], y[known(days.n_known)])
    return WalkForward(
        forecasts=_forecasts(table, days, forecast[days.first_scored :]),
        future=future,
        contestant=contestant,
        fit_seconds=fitting.seconds,
        forecast_seconds=forecasting.seconds,
    )


def walk_together(combiner: Combiner, members: Mapping[str, Forecasts]) -> tuple[Forecasts, Floats]:
    """Score a mixture of others' forecasts whose weights are renewed every day: learn what is known, then forecast.

    Args:
        combiner: it is not changed; its horizon is that of the forecasts.
        members: out-of-sample forecasts of the same days, by name.

    Returns:
        The mixture's forecasts, with a column `weight_<member>` each, and the weights after the last outcome, shape
        (n_members,).
    """
    one = next(iter(members.values()))
    each = np.column_stack([rows.forecast for rows in members.values()])  # (n_scored, n_members)
    learner, weights = combiner.learner(each.shape[1]), np.empty_like(each)
    n_settled = 0
    for day in range(len(each) + combiner.horizon):
        if day >= combiner.horizon:  # the outcome of that day's forecast is known at this close
            learner.learn(each[n_settled], float(one.actual[n_settled]))
            n_settled += 1
        if day < len(each):
            weights[day] = learner.weights
    forecast = _whole(combiner, (weights * each).sum(axis=1), one.origins)
    columns = {REST: 1 - weights.sum(axis=1), **{WEIGHT + name: weights[:, at] for at, name in enumerate(members)}}
    return dataclasses.replace(one, forecast=forecast, bounds=columns), learner.weights


def _forecast_before(before: Forecasts | None, table: FeatureTable, days: ScoredRows, refit_every: int) -> Floats:
    """What was forecast before by row, shape (n_known,); NaN where nothing was, or from another first refit."""
    forecast = np.full(days.n_known, np.nan)
    if before is None:
        return forecast
    _, row, there = np.intersect1d(table.origins[: days.n_known], before.origins, return_indices=True)
    begun = ScoredRows(int(np.searchsorted(table.origins, before.origins[0])), days.n_known)
    if begun.refits(refit_every)[0] == days.refits(refit_every)[0]:  # where a contestant's structure was chosen
        forecast[row] = before.forecast[there]
    return forecast


def _whole(contestant: Contestant, forecast: Floats, origins: Dates) -> Floats:
    """The block of forecasts, each a finite number.

    Raises:
        AdmissionError: one is not; it names the contestant and the day.
    """
    if np.shape(forecast) != origins.shape:
        raise AdmissionError(f"{contestant.family}: {np.shape(forecast)} forecasts for {len(origins)} days")
    wrong = np.flatnonzero(~np.isfinite(forecast))
    if len(wrong):
        raise AdmissionError(
            f"{contestant.family}: {len(wrong)} of {len(origins)} forecasts are not finite numbers, the first on "
            f"{origins[wrong[0]]} ({forecast[wrong[0]]}); a contestant must forecast every day"
        )
    return forecast


class Stopwatch:
    """Adds up the wall time of the blocks under it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._start


def _forecasts(table: FeatureTable, days: ScoredRows, forecast: Floats) -> Forecasts:
    return Forecasts(
        origins=table.origins[days.rows],
        target_dates=table.target_dates[days.rows],
        actual=table.target[days.rows],
        forecast=forecast,
    )


def _too_few(table: FeatureTable, found: ScoredRows) -> Fault:
    return Fault(
        where=f"{table.pair} ({table.data_version})",
        column="",
        check="enough days to learn and to score",
        count=len(table),
        remedy=f"{found.first_scored} days to learn from and {found.n_scored} to score; at least {MIN_TRAINING_DAYS} "
        f"and {MIN_SCORED_DAYS} are needed: bring more days or change test_fraction",
    )
