"""Is a forecast better than no forecast, or is it luck?

Every test of one contestant is one-sided, against the random walk (forecast 0), on the scored days: a small p-value
speaks for the contestant. A test that cannot be computed says why and gives no number.

One rule for autocovariance: none. Forecasts are made one step ahead, and where neither forecaster is better the
difference of their losses cannot be forecast, so that it has no autocorrelation to allow for. Estimating it all the
same (Newey-West with n^(1/3) lags) makes the tests reject too often on short records. With none, the statistic of
Diebold and Mariano with the correction of Harvey, Leybourne and Newbold is Student's t, exactly; Clark-West gets the
same distribution.

| question | test | reference |
|---|---|---|
| is its squared error smaller? | Diebold-Mariano with Harvey, Leybourne and Newbold | JBES 1995; IJF 1997 |
| does the model it comes from know anything? | Clark-West | Journal of Econometrics 138, 2007 |
| does it know the direction? | Pesaran-Timmermann | JBES 1992 |
| was it ahead for a time? | fluctuation test, `fluctuation` | Giacomini and Rossi 2010 |
| which of them all may be the best? | model confidence set | Hansen, Lunde and Nason, Econometrica 2011 |
| what could so few days have found? | power of Diebold-Mariano | `minimum_detectable_r2` |
| which of many pairs? | Benjamini-Hochberg | JRSS B 1995 |
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from podium.errors import InputError
from podium.evaluate.baselines import RANDOM_WALK
from podium.evaluate.confidence_sequence import check_probability
from podium.evaluate.fluctuation import Fluctuation, fluctuation
from podium.evaluate.metrics import directional_accuracy, mae, rmse
from podium.records import Floats

MIN_DAYS = 30
"""Fewer days carry none of these tests: all of them lean on the central limit theorem."""

MCS_ALPHA = 0.10
MCS_DRAWS = 1000


@dataclass(frozen=True, slots=True)
class TestResult:
    """A test, or the reason why there is none.

    Attributes:
        statistic: None where the test cannot be computed.
        p_value: None where the test cannot be computed.
        reason: empty where it can.
    """

    __test__: ClassVar[bool] = False  # pytest looks for tests by this name

    statistic: float | None
    p_value: float | None
    reason: str = ""

    def rejects(self, alpha: float) -> bool:
        """Whether the test speaks for the contestant at this alpha; one that cannot be computed never does."""
        return self.p_value is not None and self.p_value <= alpha


@dataclass(frozen=True, slots=True)
class ConfidenceSet:
    """The contestants that may be the best, at an alpha of confidence.

    Attributes:
        p_values: by name, the smallest alpha at which the contestant is left out; empty where there is none.
        alpha: 0.10 for the 90 % set.
        reason: empty where the set can be computed.
    """

    p_values: Mapping[str, float]
    alpha: float
    reason: str = ""

    @property
    def members(self) -> tuple[str, ...]:
        """Those that are tied for the first place, in the order given."""
        return tuple(name for name, p_value in self.p_values.items() if p_value > self.alpha)

    def contains(self, name: str) -> bool | None:
        """Whether the contestant is in the set; None where the set cannot be computed."""
        return None if self.reason else name in self.members


TESTS = {
    "diebold_mariano": "Diebold-Mariano",
    "clark_west": "Clark-West",
    "pesaran_timmermann": "Pesaran-Timmermann",
}
"""The tests of one contestant: the name of their field, and that of their authors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointScores:
    """One contestant's point forecasts against the random walk on the scored days.

    Attributes:
        rmse: in log returns.
        mae: in log returns.
        ratio_to_random_walk: RMSE over the random walk's (Theil's U); below 1 is better. None for a constant series.
        r2_oos: 1 - sum of squared errors over that of the random walk, the square of the above taken from 1
            (Campbell and Thompson 2008, with the benchmark 0). None for a constant series.
        directional_accuracy: share of days whose sign was forecast; None where the forecast names no direction.
        diebold_mariano: one-sided.
        clark_west: one-sided.
        pesaran_timmermann: one-sided.
        in_mcs: whether it may be the best of all; None where that cannot be computed.
        fluctuation: whether it was ahead for a time; None where that cannot be said.
    """

    rmse: float
    mae: float
    ratio_to_random_walk: float | None
    r2_oos: float | None
    directional_accuracy: float | None
    diebold_mariano: TestResult
    clark_west: TestResult
    pesaran_timmermann: TestResult
    in_mcs: bool | None = None
    fluctuation: Fluctuation | None = None

    @property
    def tests(self) -> dict[str, TestResult]:
        """The tests by name."""
        return {name: getattr(self, name) for name in TESTS}


def point_scores(actual: Floats, forecast: Floats, in_mcs: bool | None = None) -> PointScores:
    """Measure and test one contestant against the random walk.

    Args:
        actual: shape (n_scored,), realised log returns.
        forecast: shape (n_scored,), for the same days.
        in_mcs: whether it may be the best of all.

    Raises:
        InputError: shapes that differ, or values that are not finite.
    """
    if actual.shape != forecast.shape or actual.ndim != 1 or not np.isfinite([actual, forecast]).all():
        raise InputError(f"a test needs one finite forecast for each of the {len(actual)} scored days")
    walk, direction = float(np.sqrt(np.mean(actual**2))), directional_accuracy(actual, forecast)
    return PointScores(
        rmse=rmse(actual, forecast),
        mae=mae(actual, forecast),
        ratio_to_random_walk=rmse(actual, forecast) / walk if walk else None,
        r2_oos=out_of_sample_r2(actual, forecast),
        directional_accuracy=direction if math.isfinite(direction) else None,
        diebold_mariano=diebold_mariano(actual, forecast),
        clark_west=clark_west(actual, forecast),
        pesaran_timmermann=pesaran_timmermann(actual, forecast),
        in_mcs=in_mcs,
        fluctuation=fluctuation(actual, forecast),
    )


def who_may_be_best(actual: Floats, forecasts: Mapping[str, Floats], seed: int) -> ConfidenceSet:
    """The model confidence set of the contestants and the random walk, by squared error.

    Args:
        actual: shape (n_scored,).
        forecasts: by contestant, each of shape (n_scored,).
        seed: of the bootstrap.
    """
    losses = {name: (actual - values) ** 2 for name, values in forecasts.items()}
    return model_confidence_set({RANDOM_WALK: actual**2, **losses}, seed=seed)


def out_of_sample_r2(actual: Floats, forecast: Floats) -> float | None:
    """1 - sum((y - f)²) / sum(y²), both of shape (n_scored,); None where the series never moves."""
    total = float(np.sum(actual**2))
    return None if total == 0 else 1 - float(np.sum((actual - forecast) ** 2)) / total


def diebold_mariano(actual: Floats, forecast: Floats) -> TestResult:
    """Whether the forecast's expected squared error is smaller than the random walk's: the mean of y² - (y - f)².

    The test assumes forecasts that do not collapse into each other: for a model that nests the benchmark it is
    conservative, because the nested model's errors carry the noise of its estimated coefficients (see `clark_west`).

    Args:
        actual: y, shape (n_scored,).
        forecast: f, shape (n_scored,).
    """
    return _positive_mean(actual**2 - (actual - forecast) ** 2, "the two forecasts make the same error every day")


def clark_west(actual: Floats, forecast: Floats) -> TestResult:
    """Whether the model behind the forecast knows something that the random walk, nested in it, does not.

    f = (y - f0)² - [(y - f1)² - (f0 - f1)²], f0 the benchmark (Clark and West 2007, equation 3.1). The last term takes
    out the noise that estimating useless coefficients puts into f1, for which Diebold-Mariano punishes the larger
    model. With f0 = 0 it is f = 2 y f1: does the forecast covary with what came? A small p-value says that the model
    has content, not that its forecasts as they stand beat the benchmark.

    Args:
        actual: y, shape (n_scored,).
        forecast: f1, shape (n_scored,), of the larger model.
    """
    return _positive_mean(2 * actual * forecast, "the forecast never leaves the random walk")


def _positive_mean(values: Floats, same: str) -> TestResult:
    """Student's t test that the mean is above zero; `same` says why zeros throughout cannot be tested."""
    from scipy import stats

    if reason := _untestable(values, same):
        return TestResult(None, None, reason)
    # In units of its own, so that no sum of squares of a quiet currency runs out of digits.
    statistic = float(np.mean(values) / np.std(values, ddof=1) * math.sqrt(len(values)))
    return TestResult(statistic, float(stats.t.sf(statistic, df=len(values) - 1)))


def pesaran_timmermann(actual: Floats, forecast: Floats) -> TestResult:
    """Whether the signs of forecast and outcome go together more often than their shares alone explain.

    A forecast that always says "up" is right on every rising day and knows nothing; here it cannot be tested at all.
    Days without a move, and forecasts of none, do not count (as in `directional_accuracy`).

    Args:
        actual: shape (n_scored,).
        forecast: shape (n_scored,).
    """
    from statsmodels.stats.diagnostic import pesaran_timmermann as test

    counts = (actual != 0) & (forecast != 0)
    outcome, called = actual[counts], forecast[counts]
    if len(outcome) < MIN_DAYS:
        return TestResult(None, None, f"{len(outcome)} days with a direction; at least {MIN_DAYS} are needed")
    for signs, what in ((called > 0, "the forecast"), (outcome > 0, "the series")):
        if signs.all() or not signs.any():
            return TestResult(None, None, f"{what} has the same sign every day")
    found = test(outcome, called, alternative="larger")
    return TestResult(float(found.statistic), float(found.pvalue))


def model_confidence_set(
    losses: Mapping[str, Floats], *, alpha: float = MCS_ALPHA, seed: int = 42, draws: int = MCS_DRAWS
) -> ConfidenceSet:
    """The set that contains the best of them with probability 1 - alpha; several members are a tie.

    arch's MCS, range statistic, stationary bootstrap with blocks of n^(1/3) days on average. Losses are scaled by
    their common mean, so that the answer does not depend on the unit. Contestants with the same loss on every day
    stand or fall together.

    Args:
        losses: by name, each of shape (n_scored,), such as squared errors.
        alpha: probability of leaving out the best one, in (0, 1).
        seed: of the bootstrap.
        draws: of the bootstrap.

    Raises:
        InputError: the alpha lies outside (0, 1).
    """
    from arch.bootstrap import MCS

    check_probability(alpha)
    names = list(losses)
    matrix = np.column_stack([losses[name] for name in names])  # (n_scored, n_contestants)
    if len(matrix) < MIN_DAYS:
        return ConfidenceSet({}, alpha, _too_few(len(matrix)))
    distinct, group = _distinct_columns(matrix)
    if distinct.shape[1] == 1:
        return ConfidenceSet(dict.fromkeys(names, 1.0), alpha)
    differences = distinct - distinct[:, :1]
    if any(_untestable(column, "-") for column in differences[:, 1:].T):
        return ConfidenceSet({}, alpha, "two contestants' losses differ by the same amount every day")
    chosen = MCS(
        distinct / distinct.mean(),
        size=alpha,
        reps=draws,
        block_size=max(1, math.ceil(len(matrix) ** (1 / 3))),
        method="R",
        seed=np.random.default_rng(seed),
    )
    chosen.compute()
    p_values = chosen.pvalues["Pvalue"]
    return ConfidenceSet({name: float(p_values.loc[group[i]]) for i, name in enumerate(names)}, alpha)


def minimum_detectable_r2(n_days: int, *, alpha: float = 0.05, power: float = 0.80) -> float | None:
    """The smallest true R² that a one-sided Diebold-Mariano test on this many days finds with this probability.

    For y = f + e, the forecast f having variance R² and e variance 1 - R², the loss difference y² - (y - f)² has mean
    R² and variance 4 R² (1 - R²) + 2 R⁴, so that t = sqrt(n R² / (4 - 2 R²)), about sqrt(n R²) / 2. Setting t to
    k = z(1 - alpha) + z(power) gives R² = 4 k² / (n + 2 k²). At 5 % and 80 % that is about 25 / n: 9.3 % for a year
    of days, 2 % for five years.

    Args:
        n_days: scored days, at least 1.
        alpha: one-sided error probability of the test, in (0, 1).
        power: wanted probability of finding it, in (0, 1) and above the alpha.

    Returns:
        R² as a share of variance; None where even R² = 1 would not be found.

    Raises:
        InputError: a probability lies outside (0, 1), or the power does not exceed the alpha.
    """
    from scipy import stats

    if check_probability(power) <= check_probability(alpha):
        raise InputError(f"power {power}: it must exceed the alpha {alpha}, or every R² will do")
    k = float(stats.norm.isf(alpha) + stats.norm.ppf(power))
    r2 = 4 * k**2 / (n_days + 2 * k**2)
    return r2 if r2 < 1 else None


def discoveries(e_values: Mapping[str, float], alpha: float = 0.05) -> tuple[str, ...]:
    """Those that are found among many pairs: e-BH, Wang and Ramdas, JRSS B 84 (2022).

    The k largest of K e-values are declared, for the largest k of which each is at least K / (k alpha). On average at
    most `alpha` of what is declared is false, however the pairs depend on each other. Where each e-value is one of an
    e-process, that holds at whatever moment one looks, and whenever one stops.

    Args:
        e_values: by name; 0 for nothing known.
        alpha: see above, in (0, 1).

    Returns:
        Their names, the strongest evidence first.
    """
    check_probability(alpha)
    ordered = sorted(e_values, key=lambda name: -e_values[name])
    enough = [k for k, name in enumerate(ordered, 1) if k * e_values[name] >= len(ordered) / alpha]
    return tuple(ordered[: max(enough, default=0)])


def standard_error(values: Floats, lags: int) -> float:
    """Newey-West standard error of a mean: Bartlett weights 1 - k / (lags + 1).

    Args:
        values: shape (n_days,).
        lags: autocovariances used, 0 for none.
    """
    n_days = len(values)
    centred = values - values.mean()
    total = float(centred @ centred)
    for lag in range(1, min(lags, n_days - 1) + 1):
        total += 2 * (1 - lag / (lags + 1)) * float(centred[lag:] @ centred[:-lag])
    return math.sqrt(max(total, 0.0)) / n_days


def _untestable(difference: Floats, same: str) -> str:
    """Why the mean of this cannot be tested; empty when it can."""
    if len(difference) < MIN_DAYS:
        return _too_few(len(difference))
    largest = float(np.max(np.abs(difference)))
    if largest == 0:
        return same
    # A spread that is rounding beside the values themselves is none.
    return "" if float(np.ptp(difference)) > 1e-12 * largest else "the difference is the same every day"


def _too_few(n_days: int) -> str:
    return f"{n_days} scored days; at least {MIN_DAYS} are needed"


def _distinct_columns(matrix: Floats) -> tuple[Floats, list[int]]:
    """Each column once, and for each column which of these it is."""
    columns = [column.tobytes() for column in matrix.T]
    distinct = list(dict.fromkeys(columns))
    return matrix[:, [columns.index(one) for one in distinct]], [distinct.index(column) for column in columns]
