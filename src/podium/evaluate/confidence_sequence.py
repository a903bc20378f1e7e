"""A confidence sequence for a mean: an interval that may be looked at after every day, and acted upon at any of them.

A fixed-sample test holds its error rate for one look on a day chosen beforehand. Looked at every month it is wrong
in one world of five within five years. A confidence sequence holds for all days together:
P(there is a day t >= 1 at which the interval misses the mean) <= alpha, asymptotically.

References: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), "Time-uniform central limit theory and asymptotic
confidence sequences", Annals of Statistics 52 (arXiv 2103.06476); Choe and Ramdas (2023), "Comparing sequential
forecasters", Operations Research (arXiv 2110.00115); Robbins (1970) for the mixture behind both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from podium.errors import InputError
from podium.records import Floats

TARGET_DAYS = 1000
"""The day at which the sequence is tightest: four years, between gross differences and the usual small ones."""

LAGS = 3
"""Autocovariances in the variance. Equally good on every day means none; equally good on average may leave some."""

MIN_DAYS = 60
"""Before this many days the interval is the whole line: the central limit theorem has not begun to work."""

Side = Literal["both", "lower", "upper"]


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


def boundary(days: ArrayLike, alpha: float, rho: float, *, side: Side = "both") -> Floats:
    """Half-width of the interval after t days of a series with variance 1.

    Two-sided sqrt(2 (t rho² + 1) / (t² rho²) · log(sqrt(t rho² + 1) / alpha)); one-sided the same with
    log(1 + sqrt(t rho² + 1) / (2 alpha)).

    Args:
        days: shape (n_days,), t, each at least 1.
        alpha: error probability in (0, 1).
        rho: see `mixture_scale`, positive.
        side: "both", or the one bound that is wanted.
    """
    t = np.asarray(days, dtype=np.float64)
    grown = t * rho**2 + 1
    root = np.sqrt(grown)
    logarithm = np.log(root / alpha) if side == "both" else np.log1p(root / (2 * alpha))
    width: Floats = np.sqrt(2 * grown * logarithm) / (t * rho)
    return width


def days_until_proven(r2: float, alpha: float) -> int:
    """Days within which a forecaster with this true R² is called better than no change, in half of all cases or more.

    For y = f + e the difference of squared errors has mean R² and variance 4 R² (1 - R²) + 2 R⁴, in units of the
    variance of y: when does its mean reach the lower bound's distance?

    Args:
        r2: true share of the variance that is forecast, in (0, 1), large enough for a century.
        alpha: one-sided error probability over all days.
    """
    days = np.arange(MIN_DAYS, 26_000)
    spread = math.sqrt(4 * r2 * (1 - r2) + 2 * r2**2)
    reach = boundary(days, alpha, mixture_scale(TARGET_DAYS, min(2 * alpha, 0.999)), side="lower")
    return int(days[np.argmax(spread * reach < r2)])


def confidence_sequence(
    values: ArrayLike,
    alpha: float = 0.05,
    *,
    side: Side = "both",
    target_days: float = TARGET_DAYS,
    min_days: int = MIN_DAYS,
    lags: int = LAGS,
) -> ConfidenceSequence:
    """Bounds on the running mean of `values` that hold on all days together.

    mean_t ± s_t · boundary(t), s_t² the running variance of the first t values. The bounds of day t use nothing after
    day t. What is covered is the mean of the conditional expectations so far, so that the mean may drift and the
    variance may change (the Lindeberg form, theorem 2.5 there).

    Autocorrelation: where the values are unforecastable (a difference of losses under the hypothesis that neither
    forecaster is better on any day) the running variance is the right one. Where equality is meant only on average,
    autocorrelated values need the long-run variance: `lags` > 0 uses the larger of the running variance and the
    Newey-West sum with that many lags, so that it can only widen the interval. A skew can only widen it, too.

    Args:
        values: shape (..., n_days), oldest first, finite; the last axis is time.
        alpha: probability that an interval misses on any day, in (0, 1).
        side: "both"; or "lower" ("upper"), which puts the whole error on that bound and leaves the other infinite.
        target_days: the day at which the interval shall be tightest.
        min_days: on earlier days the interval is infinite. An asymptotic sequence needs a start.
        lags: autocovariances in the variance; 0 for none.

    Returns:
        Mean, bounds and p-value after each day. Where the variance is zero the interval is infinite: equal values
        say nothing about their spread.

    Raises:
        InputError: the alpha lies outside (0, 1), a value is not finite, or there is none.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.ndim == 0 or data.shape[-1] == 0 or not np.isfinite(data).all():
        raise InputError("a confidence sequence needs at least one value, and finite ones; drop the missing days")
    check_probability(alpha)
    rho = mixture_scale(target_days, alpha if side == "both" else min(2 * alpha, 0.999))
    t = np.arange(1, data.shape[-1] + 1, dtype=np.float64)
    mean, spread = _running_moments(data, lags)
    known = (t >= max(min_days, 2)) & (spread > 0)
    reach = boundary(t, alpha, rho, side=side)
    width, shift = np.where(known, spread * reach, np.inf), np.where(known, _skew_shift(data, reach), 0.0)
    # Only ever away from zero's other side: what has been seen of a skew is less than there is.
    lower, upper = mean + np.minimum(shift, 0.0), mean + np.maximum(shift, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        towards = np.where(mean > 0, np.maximum(lower, 0.0), np.minimum(upper, 0.0))
        score = np.where(known, t * towards / spread, 0.0)
    return ConfidenceSequence(
        mean=mean,
        lower=np.full_like(mean, -np.inf) if side == "upper" else lower - width,
        upper=np.full_like(mean, np.inf) if side == "lower" else upper + width,
        p_value=np.where(known, _p_value(score, t, rho, side), 1.0),
    )


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


def _running_moments(data: Floats, lags: int) -> tuple[Floats, Floats]:
    # Moved by the first value before squaring: sums of squares of numbers that lie close together lose their digits.
    days = np.arange(1, data.shape[-1] + 1, dtype=np.float64)
    moved = data - data[..., :1]
    mean = np.cumsum(moved, axis=-1) / days
    variance = _autocovariance(moved, mean, days, 0)
    # What rounding leaves of equal values counts as zero.
    largest = np.maximum.accumulate(np.abs(data), axis=-1)
    plain = np.where(variance > (1e-12 * largest) ** 2, variance, 0.0)
    long_run = plain.copy()
    for lag in range(1, min(lags, data.shape[-1] - 1) + 1):
        long_run += 2 * (1 - lag / (lags + 1)) * _autocovariance(moved, mean, days, lag)
    return mean + data[..., :1], np.sqrt(np.where(plain > 0, np.maximum(plain, long_run), 0.0))


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


def _p_value(score: Floats, t: Floats, rho: float, side: Side) -> Floats:
    # The alpha at which the boundary passes through the score (sum over spread), from `boundary` solved for alpha.
    root = np.sqrt(t * rho**2 + 1)
    exponent = np.minimum(rho**2 * score**2 / (2 * (t * rho**2 + 1)), 700.0)
    if side == "both":
        alpha: Floats = root * np.exp(-exponent)
        return np.minimum(alpha, 1.0)
    towards = score > 0 if side == "lower" else score < 0
    with np.errstate(divide="ignore"):
        alpha = root / (2 * np.expm1(exponent))
    return np.where(towards, np.minimum(alpha, 1.0), 1.0)
