"""Scores of a predictive distribution and of its intervals.

A test that cannot be computed raises `NotComputable` with the reason; whoever collects scores reports it as `None`
beside that reason, never as a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.errors import InputError
from podium.records import Dates, Floats

Flags = NDArray[np.bool_]

MIN_EXPECTED_MISSES: Final = 5  # the rule of thumb for a chi-squared test; 100 days at 95 %, 25 at 80 %
MIN_DAYS_FOR_T: Final = 30


class NotComputable(InputError):  # noqa: N818 - an answer that a caller records, not a fault
    """A test has no answer on this sample; the text says why."""


@dataclass(frozen=True, slots=True)
class DependenceTest:
    """Christoffersen's likelihood ratio tests of an interval's misses.

    Attributes:
        independence_p: is a miss as likely after a miss as after a hit?
        conditional_p: that, and is the share of misses right too?
    """

    independence_p: float
    conditional_p: float


@dataclass(frozen=True, slots=True)
class Skill:
    """How much lower a mean score is than a benchmark's.

    Attributes:
        skill: 1 - mean(score) / mean(benchmark); positive is better than the benchmark.
        t: mean of the difference over its HAC standard error (Diebold and Mariano 1995).
    """

    skill: float
    t: float


def check_level(level: float) -> float:
    """The level itself.

    Raises:
        InputError: it is not strictly between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise InputError(f"interval level {level}: it must lie between 0 and 1, such as 0.95")
    return level


def t_scale(sigma: Floats, df: Floats) -> Floats:
    """Scale parameter of the Student's t whose standard deviation is `sigma`; shape (n_days,)."""
    return np.asarray(sigma * np.sqrt((df - 2.0) / df))


def t_quantile(level: float, df: Floats) -> Floats:
    """Half width, in standard deviations, of the central interval of a Student's t; shape (n_days,)."""
    from scipy.special import stdtrit

    df = np.asarray(df, dtype=np.float64)
    return np.asarray(stdtrit(df, (1.0 + check_level(level)) / 2.0) * np.sqrt((df - 2.0) / df))


def crps(actual: Floats, mean: Floats, sigma: Floats, df: Floats) -> Floats:
    """Continuous ranked probability score of Student's t forecasts, in the unit of the returns; lower is better.

    The integral of (F(x) - 1{actual <= x})² over x, in closed form (Jordan, Krüger and Lerch 2019); the absolute
    error when the forecast is a single point.

    Args:
        actual: shape (n_days,).
        mean: shape (n_days,), the point forecasts.
        sigma: shape (n_days,), standard deviations.
        df: shape (n_days,), degrees of freedom, above 2.

    Returns:
        shape (n_days,).
    """
    import scoringrules

    return np.asarray(scoringrules.crps_t(actual, df, mean, t_scale(sigma, df)), dtype=np.float64)


def probability_below(value: Floats, mean: Floats, sigma: Floats, df: Floats) -> Floats:
    """Forecast probability that the return lies at or below `value`, shape (n_days,).

    At the outcome it is the probability integral transform (PIT): uniform when the density is right (Dawid 1984).
    One minus it at zero is the probability of a rise.
    """
    from scipy.special import stdtr

    return np.asarray(stdtr(df, (value - mean) / t_scale(sigma, df)), dtype=np.float64)


def winkler(actual: Floats, lower: Floats, upper: Floats, level: float) -> Floats:
    """Interval score: width, plus 2 / (1 - level) for each unit by which the outcome misses; lower is better.

    The level's two quantiles minimise its expectation (Winkler 1972; Gneiting and Raftery 2007, eq. 43), so neither
    a needlessly wide nor a too narrow interval can win. Shape (n_days,), in the unit of the returns.
    """
    outside = np.maximum(lower - actual, 0.0) + np.maximum(actual - upper, 0.0)
    return np.asarray(upper - lower + 2.0 / (1.0 - check_level(level)) * outside)


def kupiec(misses: Flags, level: float) -> float:
    """P value of Kupiec's (1995) test that an interval misses as often as it says, chi-squared with one degree.

        LR_uc = 2 [ln L(x / n) - ln L(p)],  ln L(q) = x ln q + (n - x) ln(1 - q),  p = 1 - level

    Args:
        misses: shape (n_days,), true where the outcome lay outside; x of them.
        level: of the interval, 0.95.

    Raises:
        NotComputable: fewer than five misses are to be expected.
    """
    from scipy.special import chdtrc

    return float(chdtrc(1, _unconditional_ratio(misses, level)))


def christoffersen(misses: Flags, level: float) -> DependenceTest:
    """Christoffersen's (1998) tests that misses do not cluster, chi-squared with one and with two degrees.

        LR_ind = 2 [ln L(q0, q1) - ln L(q)], over the n - 1 transitions; q_i is the share of misses after state i
        LR_cc  = LR_uc + LR_ind

    Args:
        misses: shape (n_days,), consecutive days of a one-step interval, true where the outcome lay outside.
        level: of the interval, 0.95.

    Raises:
        NotComputable: fewer than five misses are to be expected, or none (or nothing else) was seen.
    """
    from scipy.special import chdtrc

    unconditional = _unconditional_ratio(misses, level)
    before, after = misses[:-1], misses[1:]
    after_hit, after_miss = after[~before], after[before]
    if len(after_hit) == 0 or len(after_miss) == 0:
        raise NotComputable(f"{int(misses.sum())} misses in {len(misses)} days: whether they cluster cannot be told")
    split = _log_likelihood(after_hit, after_hit.mean()) + _log_likelihood(after_miss, after_miss.mean())
    independence = max(2.0 * (split - _log_likelihood(after, after.mean())), 0.0)
    return DependenceTest(float(chdtrc(1, independence)), float(chdtrc(2, unconditional + independence)))


def _unconditional_ratio(misses: Flags, level: float) -> float:
    rate, n_days = 1.0 - check_level(level), len(misses)
    if n_days * rate < MIN_EXPECTED_MISSES - 1e-9:
        needed = int(np.ceil(MIN_EXPECTED_MISSES / rate - 1e-9))
        raise NotComputable(f"{n_days} scored days, {needed} are needed for a coverage test at {level:.0%}")
    return max(2.0 * (_log_likelihood(misses, misses.mean()) - _log_likelihood(misses, rate)), 0.0)


def _log_likelihood(misses: Flags, rate: float) -> float:
    from scipy.special import xlogy

    n_misses = int(misses.sum())
    return float(xlogy(n_misses, rate) + xlogy(len(misses) - n_misses, 1.0 - rate))  # 0 ln 0 is 0


def score_skill(scores: Floats, benchmark: Floats, horizon: int = 1) -> Skill:
    """Skill of one score over another on the same days, with the t statistic of their mean difference.

    Args:
        scores: shape (n_days,), lower is better.
        benchmark: shape (n_days,), the benchmark's on the same days.
        horizon: days from origin to outcome; overlapping outcomes need at least horizon - 1 lags.

    Raises:
        NotComputable: fewer than 30 days, or the two scores agree on every day.
    """
    difference = benchmark - scores
    if len(difference) < MIN_DAYS_FOR_T:
        raise NotComputable(f"{len(difference)} scored days, {MIN_DAYS_FOR_T} are needed for a t statistic")
    if not np.ptp(difference) > 0:
        raise NotComputable("the scores differ by the same amount on every day: there is nothing to test")
    error = np.sqrt(hac_variance(difference, horizon) / len(difference))
    return Skill(float(1.0 - scores.mean() / benchmark.mean()), float(difference.mean() / error))


def hac_variance(values: Floats, horizon: int = 1) -> float:
    """Long-run variance of a series, Newey and West (1987) with Bartlett weights.

    Lags: 4 (n / 100)^(2/9), their rule, and at least `horizon - 1`.
    """
    n_days = len(values)
    lags = min(max(int(4 * (n_days / 100) ** (2 / 9)), horizon - 1), n_days - 1)
    centred = values - values.mean()
    total = float(centred @ centred)
    for lag in range(1, lags + 1):
        total += 2.0 * (1.0 - lag / (lags + 1.0)) * float(centred[lag:] @ centred[:-lag])
    return total / n_days


def coverage_by_year(
    target_dates: Dates, misses: Flags, level: float, min_days: int = 200
) -> dict[int, tuple[int, float]]:
    """Days and share covered in every calendar year of at least `min_days` outcomes.

    Args:
        target_dates: shape (n_days,), the day of each outcome.
        misses: shape (n_days,), true where the outcome lay outside.
        level: of the interval, checked only.
        min_days: a year with fewer says nothing: at 95 % the standard error of 50 days is 3 points.
    """
    check_level(level)
    years = target_dates.astype("datetime64[Y]").astype(int) + 1970
    found = {int(year): years == year for year in np.unique(years)}
    return {
        year: (int(rows.sum()), 1.0 - float(misses[rows].mean()))
        for year, rows in found.items()
        if rows.sum() >= min_days
    }
