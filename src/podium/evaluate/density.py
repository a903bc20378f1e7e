"""Scores of a predictive distribution and of its intervals.

A test that cannot be computed has a reason where its number would be.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from podium.evaluate.confidence_sequence import check_probability
from podium.evaluate.significance import MIN_DAYS, TestResult, standard_error
from podium.records import Dates, Floats

Flags = NDArray[np.bool_]

TAILS: Final = np.array([3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0, 50.0, 200.0])
TAIL_BURN_IN: Final = 20  # outcomes before their likelihood is heard; the middle of the grid stands until then
MIN_DAYS_A_YEAR: Final = 200  # fewer say nothing of a year: at 95 % the standard error of 50 days is 3 points
MIN_EXPECTED_MISSES: Final = 5  # the rule of thumb for a chi-squared test; 100 days at 95 %, 25 at 80 %


@dataclass(frozen=True, slots=True)
class Skill:
    """How much lower a mean score is than a benchmark's.

    Attributes:
        skill: 1 - mean(score) / mean(benchmark); positive is better than the benchmark.
        t: mean of the difference over its HAC standard error (Diebold and Mariano 1995); None where `reason` says why.
        reason: empty where `t` can be computed.
    """

    skill: float
    t: float | None
    reason: str = ""


def t_scale(sigma: Floats, df: Floats) -> Floats:
    """Scale parameter of the Student's t whose standard deviation is `sigma`; shape (n_days,)."""
    return np.asarray(sigma * np.sqrt((df - 2.0) / df))


def t_quantile(coverage: float, df: Floats) -> Floats:
    """Half width, in standard deviations, of the central interval of a Student's t; shape (n_days,)."""
    from scipy.special import stdtrit

    df = np.asarray(df, dtype=np.float64)
    return np.asarray(stdtrit(df, (1.0 + check_probability(coverage)) / 2.0) * np.sqrt((df - 2.0) / df))


def tail_likelihood(standardised: Floats) -> Floats:
    """Log density of outcomes under a Student's t of unit deviation with each of `TAILS`, shape (n_days, n_tails).

    Args:
        standardised: shape (n_days,), outcomes over their forecast deviation; NaN, which counts as nothing, where
            they are unknown.
    """
    from scipy.special import gammaln

    squares = np.square(np.nan_to_num(standardised))[:, None]  # (n_days, 1)
    df = TAILS[None, :]  # (1, n_tails)
    found = (
        gammaln((df + 1) / 2)
        - gammaln(df / 2)
        - 0.5 * np.log(np.pi * (df - 2))
        - (df + 1) / 2 * np.log1p(squares / (df - 2))
    )
    found[~np.isfinite(standardised)] = 0.0
    return np.asarray(found)


def tail_df(standardised: Floats, delay: int = 1) -> Floats:
    """Degrees of freedom of Student's t that made the outcomes known so far most likely, for each origin.

    Args:
        standardised: shape (n_origins,), outcome of each origin over its forecast deviation; NaN where unknown.
        delay: days from an origin to its outcome: the value at origin t rests on origins t - delay and before.

    Returns:
        shape (n_origins,), one of `TAILS`; the middle of the grid, 8, until 20 outcomes are known.
    """
    best = TAILS[np.argmax(np.cumsum(tail_likelihood(standardised), axis=0), axis=1)]
    known = np.full(len(best), TAILS[len(TAILS) // 2])
    known[delay + TAIL_BURN_IN :] = best[TAIL_BURN_IN:-delay]
    return known


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


def winkler(actual: Floats, lower: Floats, upper: Floats, coverage: float) -> Floats:
    """Interval score: width, plus 2 / (1 - coverage) for each unit by which the outcome misses; lower is better.

    The coverage's two quantiles minimise its expectation (Winkler 1972; Gneiting and Raftery 2007, eq. 43), so neither
    a needlessly wide nor a too narrow interval can win. Shape (n_days,), in the unit of the returns.
    """
    outside = np.maximum(lower - actual, 0.0) + np.maximum(actual - upper, 0.0)
    return np.asarray(upper - lower + 2.0 / (1.0 - check_probability(coverage)) * outside)


def kupiec(misses: Flags, coverage: float) -> TestResult:
    """Does an interval miss as often as it says? Kupiec (1995), chi-squared with one degree of freedom.

        LR_uc = 2 [ln L(x / n) - ln L(p)],  ln L(q) = x ln q + (n - x) ln(1 - q),  p = 1 - coverage

    Args:
        misses: shape (n_days,), true where the outcome lay outside; x of them.
        coverage: of the interval, 0.95; at least five misses must be expected.
    """
    return _unless(_too_few(misses, coverage), 1, lambda: _unconditional_ratio(misses, coverage))


def independence(misses: Flags, coverage: float) -> TestResult:
    """Is a miss as likely after a miss as after a hit? Christoffersen (1998), one degree of freedom.

        LR_ind = 2 [ln L(q0, q1) - ln L(q)], over the n - 1 transitions; q_i is the share of misses after state i

    Args:
        misses: shape (n_days,), consecutive days of a one-step interval, true where the outcome lay outside.
        coverage: of the interval, 0.95; at least five misses must be expected, and one seen.
    """
    return _unless(_too_few(misses, coverage) or _one_sided(misses), 1, lambda: _independence_ratio(misses))


def conditional_coverage(misses: Flags, coverage: float) -> TestResult:
    """Both at once, LR_cc = LR_uc + LR_ind: Christoffersen (1998), two degrees of freedom; see `independence`."""
    return _unless(
        _too_few(misses, coverage) or _one_sided(misses),
        2,
        lambda: _unconditional_ratio(misses, coverage) + _independence_ratio(misses),
    )


def dynamic_quantile(misses: Flags, width: Floats, coverage: float) -> TestResult:
    """Can a miss be foretold from the four misses before it or from the interval's width? Engle and Manganelli (2004).

    Regresses miss - (1 - coverage) on a constant, its last four values and the width; chi-squared with six degrees.

    Args:
        misses: shape (n_days,), consecutive days of a one-step interval, true where the outcome lay outside.
        width: shape (n_days,), of the interval, known beforehand.
        coverage: of the interval, 0.95; at least five misses must be expected, and one seen.
    """
    allowed = 1.0 - coverage
    hits = misses - allowed
    X = np.column_stack([np.ones(len(hits) - 4), *(hits[4 - lag : -lag] for lag in range(1, 5)), width[4:]])
    return _unless(
        _too_few(misses, coverage) or _one_sided(misses),
        X.shape[1],
        lambda: float(np.square(X @ np.linalg.lstsq(X, hits[4:], rcond=None)[0]).sum()) / (allowed * coverage),
    )


def _unless(reason: str, degrees: int, ratio: Callable[[], float]) -> TestResult:
    """The likelihood ratio against chi-squared, or the reason why there is none."""
    from scipy.special import chdtrc

    if reason:
        return TestResult(None, None, reason)
    statistic = max(ratio(), 0.0)  # rounding may leave -1e-15
    return TestResult(statistic, float(chdtrc(degrees, statistic)))


def _too_few(misses: Flags, coverage: float) -> str:
    rate = 1.0 - check_probability(coverage)
    needed = math.ceil(MIN_EXPECTED_MISSES / rate - 1e-9)
    return f"{len(misses)} scored days, {needed} are needed at {coverage:.0%}" if len(misses) < needed else ""


def _one_sided(misses: Flags) -> str:
    """Why clustering cannot be told: all days that have a successor were hits, or all were misses."""
    n_before = int(misses[:-1].sum())
    same = n_before in {0, len(misses) - 1}
    return f"{int(misses.sum())} misses in {len(misses)} days: whether they cluster cannot be told" if same else ""


def _unconditional_ratio(misses: Flags, coverage: float) -> float:
    return 2.0 * (_log_likelihood(misses, misses.mean()) - _log_likelihood(misses, 1.0 - coverage))


def _independence_ratio(misses: Flags) -> float:
    before, after = misses[:-1], misses[1:]
    split = sum(_log_likelihood(group, group.mean()) for group in (after[~before], after[before]))
    return 2.0 * (split - _log_likelihood(after, after.mean()))


def _log_likelihood(misses: Flags, rate: float) -> float:
    from scipy.special import xlogy

    n_misses = int(misses.sum())
    return float(xlogy(n_misses, rate) + xlogy(len(misses) - n_misses, 1.0 - rate))  # 0 ln 0 is 0


def score_skill(scores: Floats, benchmark: Floats, horizon: int = 1) -> Skill:
    """Skill of one score over another on the same days, with the t statistic of their mean difference.

    Args:
        scores: shape (n_days,), lower is better.
        benchmark: shape (n_days,), the benchmark's on the same days.
        horizon: days from origin to outcome; overlapping outcomes need at least horizon - 1 lags of Newey and West.
    """
    difference = benchmark - scores
    skill, n_days = float(1.0 - scores.mean() / benchmark.mean()), len(difference)
    if n_days < MIN_DAYS:
        return Skill(skill, None, f"{n_days} scored days, {MIN_DAYS} are needed for a t statistic")
    if not np.ptp(difference) > 0:
        return Skill(skill, None, "the two scores differ by the same amount on every day: there is nothing to test")
    lags = max(horizon - 1, math.ceil(n_days ** (1 / 3)))
    return Skill(skill, float(difference.mean()) / standard_error(difference, lags))


def coverage_by_year(
    target_dates: Dates, misses: Flags, min_days: int = MIN_DAYS_A_YEAR
) -> dict[int, tuple[int, float]]:
    """Days and share covered in every calendar year of at least `min_days` outcomes.

    Args:
        target_dates: shape (n_days,), the day of each outcome.
        misses: shape (n_days,), true where the outcome lay outside.
        min_days: of a year that is told.
    """
    years = target_dates.astype("datetime64[Y]").astype(int) + 1970
    found = {int(year): years == year for year in np.unique(years)}
    return {
        year: (int(rows.sum()), 1.0 - float(misses[rows].mean()))
        for year, rows in found.items()
        if rows.sum() >= min_days
    }
