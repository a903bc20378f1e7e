"""The leak sentinel: a daily FX forecast that is too good to be true has nearly always read the future.

The best honest daily forecasts of a floating rate explain a fraction of one per cent of its variance. A model with
64 % of the variance and 82 % of the directions was fed the day's high and low, which a well known provider files under
the day before they happened. Such a model must not be made champion by a routine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from podium.evaluate.economics import DAYS_A_YEAR
from podium.evaluate.metrics import directional_accuracy
from podium.evaluate.significance import out_of_sample_r2, standard_error
from podium.records import Floats

STANDARD_ERRORS = 2.0
"""By how many of its own a figure must exceed a limit: 40 right days of 60 are 67 %, and luck.

Two leave an honest contestant that stands exactly at the limit a chance of 2.3 % to be accused, however many days are
scored; a true leak stands ten or more above it within a year.
"""
KNOWN_R2 = 0.015
"""The best R² that is known of daily rates; what lies between it and the limit is held back until a person says yes.

Half the standard errors are asked here, because all that a false alarm costs is that word.
"""
MIN_DAYS = 30  # fewer scored days are not judged
EPISODE_DAYS, EPISODE_STEP = 126, 21  # half years, one a month
BREAK_ERRORS = 2.33
OWN_PAST = ("lag_", "ma_")
"""How the columns are named that hold nothing but earlier returns of the series itself."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its standard error."""

    value: float
    standard_error: float

    def exceeds(self, limit: float, standard_errors: float) -> bool:
        """Whether it is above the limit by this many standard errors."""
        return self.value - standard_errors * self.standard_error > limit

    def __str__(self) -> str:
        """The figure in per cent, `63.1 % ± 2.1`."""
        return f"{100 * self.value:.1f} % ± {100 * self.standard_error:.1f}"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A contestant that is too good to be true, or nearly, and where to look.

    Attributes:
        contestant: its name.
        message: one line for people: the figures, the columns, and what tells a leak from a managed currency.
        r2: out-of-sample R², None for a series that never moves.
        directional_accuracy: None where no day counts.
        columns: the features that go with the target on the scored days, each with its correlation, strongest first.
        amber: whether it is better than what is known, and not yet too good to be true.
    """

    contestant: str
    message: str
    r2: Estimate | None = None
    directional_accuracy: Estimate | None = None
    columns: tuple[tuple[str, float], ...] = ()
    amber: bool = False


def find_leak(
    contestant: str,
    actual: Floats,
    forecast: Floats,
    *,
    names: tuple[str, ...],
    features: Floats,
    limit_r2: float = 0.05,
    limit_direction: float = 0.58,
) -> Suspicion | None:
    """Judge one contestant on the scored days.

    Args:
        contestant: its name.
        actual: shape (n_scored,), realised log returns.
        forecast: shape (n_scored,), forecast log returns.
        names: shape (n_features,), columns of X.
        features: shape (n_scored, n_features), X on the scored origins.
        limit_r2: out-of-sample R² against the random walk that is too good to be true, in (0, 1).
        limit_direction: likewise of 1/2 plus the share of days whose sign was forecast beyond what the signs' own
            shares imply, in (0.5, 1).

    Returns:
        What is suspicious; None when nothing is, or when there are too few days to say.
    """
    if len(actual) < MIN_DAYS:
        return None
    r2, direction = r2_estimate(actual, forecast), direction_estimate(actual, forecast)
    knows_direction = direction is not None and direction.exceeds(limit_direction, STANDARD_ERRORS)
    episode = _episode(actual, forecast, limit_r2)
    amber = not (_r2_exceeds(actual, forecast, limit_r2, STANDARD_ERRORS) or knows_direction or episode)
    if amber and not _r2_exceeds(actual, forecast, KNOWN_R2, STANDARD_ERRORS / 2):
        return None
    figures = [f"R² {r2} (limit {100 * limit_r2:g} %, known {100 * KNOWN_R2:g} %)"] if r2 else []
    figures += [f"direction {direction} (limit {100 * limit_direction:g} %)"] if direction else []
    figures += [f"R² {episode} within {EPISODE_DAYS} days"] if episode else []
    columns = suspect_columns(actual, names, features)
    how_good = "better than what is known of daily rates" if amber else "too good to be true"
    told = f"{contestant} is {how_good} on {len(actual)} days: {', '.join(figures)}"
    return Suspicion(contestant, f"{told}; {_where(actual, columns)}", r2, direction, columns, amber)


def _where(actual: Floats, columns: tuple[tuple[str, float], ...]) -> str:
    named = ", ".join(f"{name} (correlation {value:+.2f})" for name, value in columns) or "none stands out"
    volatility, autocorrelation = np.std(actual) * math.sqrt(DAYS_A_YEAR), _correlation(actual[1:], actual[:-1])
    # The series' own past cannot be a leak by itself.
    own_past = bool(columns) and columns[0][0].startswith(OWN_PAST)
    hint = (
        "the forecast lives on the series' own past: a pegged, managed or stale rate is predictable in earnest; if "
        "that is what this is, pass --accept-leak"
        if own_past
        else "check when each of these columns was known; lag it by a day, or leave it out"
    )
    return (
        f"columns to suspect: {named}; the series moves {100 * volatility:.1f} % a year, lag-1 autocorrelation "
        f"{autocorrelation:+.2f} - {hint}"
    )


def r2_estimate(actual: Floats, forecast: Floats) -> Estimate | None:
    """Out-of-sample R² and its standard error; None for a series that never moves.

    R² is a ratio of means, m(d) / m(y²) with d = y² - (y - f)². Its standard error is that of the mean of
    (d - R² y²) / m(y²) (the delta method), with Newey-West for autocorrelation.
    """
    r2 = out_of_sample_r2(actual, forecast)
    if r2 is None:
        return None
    squares = actual**2
    influence = (squares - (actual - forecast) ** 2 - r2 * squares) / np.mean(squares)
    return Estimate(r2, standard_error(influence, math.ceil(len(actual) ** (1 / 3))))


def direction_estimate(actual: Floats, forecast: Floats) -> Estimate | None:
    """1/2 plus directional accuracy beyond what the shares of signs imply, and its standard error sqrt(p (1 - p) / n).

    A rate that falls on three days of four is called right on 75 % of them by whoever always says so, and on 62 % by
    whoever says so three times in four, knowing nothing (Pesaran and Timmermann 1992): on the scale of a coin that is
    1/2. None with fewer than `MIN_DAYS` days that count.

    p is drawn towards 1/2 by two days of each kind in the standard error (Agresti and Coull 1998), or a short run
    without a miss would have none.
    """
    counts = (actual != 0) & (forecast != 0)
    n_days = int(np.count_nonzero(counts))
    if n_days < MIN_DAYS:
        return None
    rises, called = np.mean(actual[counts] > 0), np.mean(forecast[counts] > 0)
    share = directional_accuracy(actual, forecast)
    drawn = (share * n_days + 2) / (n_days + 4)
    implied = float(rises * called + (1 - rises) * (1 - called))
    return Estimate(0.5 + share - implied, math.sqrt(drawn * (1 - drawn) / (n_days + 4)))


def _episode(actual: Floats, forecast: Floats, limit: float) -> Estimate | None:
    """The R² of the first half year that is beyond the limit; a leak of some months is lost in the mean of years.

    So many half years are looked at that a limit must be exceeded by twice as many standard errors, and two more.
    """
    for start in range(0, len(actual) - EPISODE_DAYS + 1, EPISODE_STEP):
        days = slice(start, start + EPISODE_DAYS)
        if _r2_exceeds(actual[days], forecast[days], limit, 2 * STANDARD_ERRORS + 2):
            return r2_estimate(actual[days], forecast[days])
    return None


def _r2_exceeds(actual: Floats, forecast: Floats, limit: float, standard_errors: float) -> bool:
    # With and without the most violent day: where one day makes both sums, its luck is all of R², and no spread of
    # the others shows it.
    calm = np.arange(len(actual)) != int(np.argmax(np.abs(actual)))
    estimates = (r2_estimate(actual, forecast), r2_estimate(actual[calm], forecast[calm]))
    return all(found is not None and found.exceeds(limit, standard_errors) for found in estimates)


def series_break(before: Floats, scored: Floats) -> str:
    """A sentence where yesterday's return tells another thing of today's than it used to; else empty.

    The lag-1 coefficients of the two parts are further apart than 2.33 standard errors, those that allow for changing
    volatility (White 1980): by chance they are on one pair of fifty.

    Args:
        before: shape (n,), returns on which contestants learned before the first scored day.
        scored: shape (n_scored,), those of the scored days.
    """
    (old, old_error), (new, new_error) = _lag_1(before), _lag_1(scored)
    apart = abs(new - old) / (math.hypot(old_error, new_error) or math.inf)
    if apart < BREAK_ERRORS:
        return ""
    return (
        f"the series is not what it was: lag-1 autocorrelation {new:+.2f} on the scored days, {old:+.2f} before "
        f"({apart:.1f} standard errors apart); what was learned before may not hold"
    )


def _lag_1(returns: Floats) -> tuple[float, float]:
    """Slope of each return on the one before, through 0, and its standard error."""
    now, yesterday = returns[1:], returns[:-1]
    if len(now) < EPISODE_DAYS or not yesterday.any():
        return 0.0, math.inf
    squares = float(np.sum(yesterday**2))
    slope = float(np.sum(now * yesterday)) / squares
    return slope, math.sqrt(float(np.sum(((now - slope * yesterday) * yesterday) ** 2))) / squares


def suspect_columns(actual: Floats, names: tuple[str, ...], features: Floats) -> tuple[tuple[str, float], ...]:
    """The three columns at most whose own correlation with the target stands out from chance, strongest first.

    Args:
        actual: shape (n_scored,).
        names: shape (n_features,).
        features: shape (n_scored, n_features).

    Returns:
        Pairs of name and correlation, none below 3 / sqrt(n) in size.
    """
    found = [(name, _correlation(actual, column)) for name, column in zip(names, features.T, strict=True)]
    standing_out = [item for item in found if abs(item[1]) > 3 / math.sqrt(len(actual))]
    return tuple(sorted(standing_out, key=lambda item: (-abs(item[1]), item[0]))[:3])


def _correlation(first: Floats, second: Floats) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
