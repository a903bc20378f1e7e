"""Confidence sequences for a mean: bounds that may be looked at after every day, and acted upon at any of them.

A fixed-sample test holds its error rate for one look on a day chosen beforehand. Looked at every month it is wrong
in one world of five within five years. A confidence sequence holds for all days together:
P(there is a day t >= 1 at which the interval misses the mean) <= alpha, asymptotically.

References: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), "Time-uniform central limit theory and asymptotic
confidence sequences", Annals of Statistics 52 (arXiv 2103.06476); Choe and Ramdas (2023), "Comparing sequential
forecasters", Operations Research (arXiv 2110.00115); Robbins (1970) for the mixtures behind both; Kelly (1956), "A new
interpretation of information rate", Bell System Technical Journal 35, for the size of a bet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from podium.errors import InputError
from podium.records import Floats

TARGET_DAYS = 500
"""Where the two-sided sequence is tightest: within 2 % of the best from 250 to 1,250 days, a fifth narrower at 60."""

MIN_DAYS = 60
"""Before this many days the interval is the whole line: the central limit theorem has not begun to work."""

BETS: Sequence[tuple[float, float]] = ((1 / 16, 0.05), (1 / 8, 0.2), (1 / 4, 0.5), (1 / 2, 0.2), (1.0, 0.05))
"""Stakes of the one-sided sequence, and how the wealth is shared among them; see `lower_sequence`."""

TOP = 0.3
"""Larger deviations of the values count as so much: bolder forecasts than an R² of 2 % decide no sooner for it."""

MOST_MEMORY = 0.97  # believed of an autocorrelation


@dataclass(frozen=True, slots=True)
class ConfidenceSequence:
    """Bounds on the running mean after each day, one row a series where several were given.

    Attributes:
        mean: shape (..., n_days), mean of the first t values.
        lower: shape (..., n_days), lower bound; `-inf` where nothing can be said.
        upper: shape (..., n_days), upper bound; `inf` where nothing can be said.
        p_value: shape (..., n_days), the smallest alpha at which the interval of that day excludes zero; 1 where
            nothing can be said. Each day's value may be acted upon: it is valid at all of them together.
    """

    mean: Floats
    lower: Floats
    upper: Floats
    p_value: Floats


def check_probability(alpha: float) -> float:
    """The alpha itself when it is a probability that a test can have.

    Raises:
        InputError: the alpha lies outside (0, 1).
    """
    if not 0 < alpha < 1:
        raise InputError(f"alpha {alpha}: it lies strictly between 0 and 1, such as 0.05")
    return alpha


def mixture_scale(target_days: float, alpha: float) -> float:
    """The parameter rho that makes the two-sided boundary tightest at `target_days`.

    rho = sqrt((-W(-alpha² / e) - 1) / target_days), with W the lower branch of Lambert's function
    (Waudby-Smith et al., appendix B.2). Any rho is valid; a wrong target costs a little width, never validity.

    Args:
        target_days: number of days, at least 1.
        alpha: error probability in (0, 1).

    Raises:
        InputError: the alpha lies outside (0, 1), or the target is below 1.
    """
    from scipy.special import lambertw

    if target_days < 1:
        raise InputError(f"target_days {target_days}: the sequence is tuned for a number of days, 1 or more")
    branch = float(lambertw(-(check_probability(alpha) ** 2) / math.e, k=-1).real)
    return math.sqrt((-branch - 1) / target_days)


def boundary(days: ArrayLike, alpha: float, rho: float) -> Floats:
    """Half-width of the two-sided interval after t days of a series with variance 1.

    sqrt(2 (t rho² + 1) / (t² rho²) · log(sqrt(t rho² + 1) / alpha)).

    Args:
        days: shape (n_days,), t, each at least 1.
        alpha: error probability in (0, 1).
        rho: see `mixture_scale`, positive.
    """
    t = np.asarray(days, dtype=np.float64)
    grown = t * rho**2 + 1
    width: Floats = np.sqrt(2 * grown * np.log(np.sqrt(grown) / alpha)) / (t * rho)
    return width


def sum_needed(variance: ArrayLike, alpha: float) -> Floats:
    """The sum of values of this variance in all from which on the wealth of `BETS` is 1 / alpha.

    Args:
        variance: any shape, of the sum, positive.
        alpha: one-sided error probability in (0, 1).
    """
    v = np.asarray(variance, dtype=np.float64)
    total = np.min([bet * v / 2 - math.log(alpha * share) / bet for bet, share in BETS], axis=0)  # one would do alone
    for _ in range(4):  # Newton's steps: the wealth is convex, so that from above each stays above
        each = [share * np.exp(bet * total - bet**2 * v / 2) for bet, share in BETS]
        wealth = np.sum(each, axis=0)
        slope = np.sum([bet * won for (bet, _), won in zip(BETS, each, strict=True)], axis=0)
        total = total - np.log(alpha * wealth) * wealth / slope
    return np.asarray(total)


def days_until_proven(r2: float, alpha: float) -> int:
    """Days within which a forecaster with this true R² is called better than no change, in half of all cases or more.

    For y = f + e the difference of squared errors has mean R² and variance 4 R² (1 - R²) + 2 R⁴, in units of the
    variance of y: when does its mean reach the lower bound's distance?

    Args:
        r2: true share of the variance that is forecast, in (0, 1), large enough for a century.
        alpha: one-sided error probability over all days.
    """
    days = np.arange(MIN_DAYS, 26_000, dtype=np.float64)
    spread = math.sqrt(4 * r2 * (1 - r2) + 2 * r2**2)
    counted = min(spread, TOP)
    return int(days[np.argmax(sum_needed(days * counted**2, alpha) * spread / counted < days * r2)])


def confidence_sequence(
    values: ArrayLike,
    alpha: float = 0.05,
    *,
    target_days: float = TARGET_DAYS,
    min_days: int = MIN_DAYS,
    correlated: bool = True,
) -> ConfidenceSequence:
    """Bounds on the running mean of `values` that hold on all days together.

    mean_t ± s_t · boundary(t), s_t² the running variance of the first t values. The bounds of day t use nothing after
    day t. What is covered is the mean of the conditional expectations so far, so that the mean may drift and the
    variance may change (the Lindeberg form, theorem 2.5 there).

    Autocorrelation: where the values are unforecastable (a difference of losses under the hypothesis that neither
    forecaster is better on any day) the running variance is the right one. Where equality is meant only on average,
    autocorrelated values need the long-run variance: s_t² times (1 + r) / (1 - r), with r the first autocorrelation
    so far, where that is above zero. It can only widen the interval. A skew can only widen it, too.

    Args:
        values: shape (..., n_days), oldest first, finite; the last axis is time.
        alpha: probability that an interval misses on any day, in (0, 1).
        target_days: the day at which the interval shall be tightest.
        min_days: on earlier days the interval is infinite. An asymptotic sequence needs a start.
        correlated: whether autocorrelation is allowed for.

    Returns:
        Mean, bounds and p-value after each day. Where the variance is zero the interval is infinite: equal values
        say nothing about their spread.

    Raises:
        InputError: the alpha lies outside (0, 1), a value is not finite, or there is none.
    """
    data = _checked(values, alpha)
    rho = mixture_scale(target_days, alpha)
    t, mean, spread, known = _so_far(data, min_days, correlated)
    reach = boundary(t, alpha, rho)
    width, shift = np.where(known, spread * reach, np.inf), np.where(known, _skew_shift(data, reach), 0.0)
    # Only ever away from zero's other side: what has been seen of a skew is less than there is.
    lower, upper = mean + np.minimum(shift, 0.0), mean + np.maximum(shift, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        towards = np.where(mean > 0, np.maximum(lower, 0.0), np.minimum(upper, 0.0))
        score = np.where(known, t * towards / spread, 0.0)
    # The alpha at which the boundary passes through the score, from `boundary` solved for alpha.
    p_value = np.sqrt(t * rho**2 + 1) * np.exp(-(rho**2) * score**2 / (2 * (t * rho**2 + 1)))
    return ConfidenceSequence(mean, lower - width, upper + width, np.where(known, np.minimum(p_value, 1.0), 1.0))


def lower_sequence(
    values: ArrayLike, alpha: float = 0.05, *, min_days: int = MIN_DAYS, correlated: bool = True
) -> ConfidenceSequence:
    """A lower bound on the running mean that holds on all days together: how sure is it that a rival is better?

    Values are differences of squared errors in units of the outcome's variance, `podium.evaluate.evidence.weighed`.
    Somebody who believes in the rival bets on them: with stakes b his wealth after a sum S of variance V in all is
    exp(b S - b² V / 2), and where the rival is no better it is above 1 / alpha on any day with probability alpha at
    most. For y = f + e a day's difference has mean f² and variance 4 f², so that it grows fastest at b = 1/4, however
    good the forecasts are and of whatever size: half of the wealth is staked so, the rest for a rival who is bolder
    or more timid than he should be. The bound is the mean for which that wealth is just 1 / alpha.

    Variance, autocorrelation and skew are as in `confidence_sequence`, asymptotically; the deviation of a day counts
    as `TOP` at most, and the values in proportion.

    Args:
        values: as there.
        alpha: probability that the bound is above the mean on any day, in (0, 1).
        min_days: as there.
        correlated: as there.

    Returns:
        Mean, bound and p-value, one over the wealth; the upper bound is infinite.

    Raises:
        InputError: the alpha lies outside (0, 1), a value is not finite, or there is none.
    """
    data = _checked(values, alpha)
    t, mean, spread, known = _so_far(data, min_days, correlated)
    unit = np.where(known, np.minimum(spread, TOP), 1.0)
    variance, scale = t * unit**2, np.where(known, spread, 1.0) / unit
    distance = np.where(known, sum_needed(variance, alpha) * scale / t, np.inf)
    reach = np.divide(distance, spread, out=np.zeros_like(distance), where=known)
    centre = mean + np.where(known, np.minimum(_skew_shift(data, reach), 0.0), 0.0)
    total = t * centre / scale
    with np.errstate(over="ignore"):
        wealth = np.sum([share * np.exp(bet * total - bet**2 * variance / 2) for bet, share in BETS], axis=0)
    p_value = np.where(known & (total > 0), np.minimum(1 / np.maximum(wealth, 1.0), 1.0), 1.0)
    return ConfidenceSequence(mean, centre - distance, np.full_like(mean, np.inf), p_value)


def _checked(values: ArrayLike, alpha: float) -> Floats:
    data = np.asarray(values, dtype=np.float64)
    if data.ndim == 0 or data.shape[-1] == 0 or not np.isfinite(data).all():
        raise InputError("a confidence sequence needs at least one value, and finite ones; drop the missing days")
    check_probability(alpha)
    return data


def _so_far(data: Floats, min_days: int, correlated: bool) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """Days, mean and deviation after each, and from when on anything is said."""
    t = np.arange(1, data.shape[-1] + 1, dtype=np.float64)
    mean, spread = _running_moments(data, t, correlated)
    return t, mean, spread, (t >= max(min_days, 2)) & (spread > 0)


def _skew_shift(data: Floats, reach: Floats) -> Floats:
    """By how much a t statistic's centre moves for the skew so far, at this reach (Johnson, JASA 73, 1978).

    m3 / s² · (1 / (6 t) + reach² / 3), reach in deviations of one value: where few large losses pay for many small
    gains, a stretch without one has both a flattering mean and a flattering variance.
    """
    t = np.arange(1, data.shape[-1] + 1, dtype=np.float64)
    moved = data - data[..., :1]
    first, second, third = (np.cumsum(moved**power, axis=-1) / t for power in (1, 2, 3))
    variance, m3 = second - first**2, third - 3 * first * second + 2 * first**3
    flat = variance <= 1e-12 * np.maximum.accumulate(second, axis=-1)
    return np.divide(m3, variance, out=np.zeros_like(m3), where=~flat) * (1 / (6 * t) + reach**2 / 3)


def _running_moments(data: Floats, days: Floats, correlated: bool) -> tuple[Floats, Floats]:
    # Moved by the first value before squaring: sums of squares of numbers that lie close together lose their digits.
    moved = data - data[..., :1]
    mean = np.cumsum(moved, axis=-1) / days
    variance = _autocovariance(moved, mean, days, 0)
    # What rounding leaves of equal values counts as zero.
    largest = np.maximum.accumulate(np.abs(data), axis=-1)
    plain = np.where(variance > (1e-12 * largest) ** 2, variance, 0.0)
    memory = np.zeros_like(plain)
    if correlated:
        np.divide(_autocovariance(moved, mean, days, 1), plain, out=memory, where=plain > 0)
    memory = np.clip(memory, 0.0, MOST_MEMORY)
    return mean + data[..., :1], np.sqrt(plain * (1 + memory) / (1 - memory))


def _autocovariance(moved: Floats, mean: Floats, days: Floats, lag: int) -> Floats:
    # (1/t) sum over i = lag+1..t of (x_i - m_t)(x_(i-lag) - m_t), for every t at once; zero until there is a product.
    n_days = moved.shape[-1]
    total = np.cumsum(moved, axis=-1)
    products = np.zeros_like(moved)
    products[..., lag:] = np.cumsum(moved[..., lag:] * moved[..., : n_days - lag], axis=-1)
    late = total - total[..., lag - 1 : lag] if lag else total
    early = np.zeros_like(moved)
    early[..., lag:] = total[..., : n_days - lag]
    covariance = (products - mean * (late + early) + (days - lag) * mean**2) / days
    covariance[..., :lag] = 0.0
    return covariance
