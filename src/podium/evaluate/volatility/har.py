"""HAR (Corsi 2009) on absolute returns: a day, a week and a month move the next day each with its own weight."""

from __future__ import annotations

import numpy as np

from podium.evaluate.volatility.contract import MIN_FIT, Fit, Numbers, VolatilityModel
from podium.evaluate.volatility.rolling import trailing_mean
from podium.records import Floats

SPANS = (1, 5, 22)  # a day, a week, a month of trading days
FARTHEST = 6.0  # deviations at which a square is cut when the scale is learnt: one crash is not a regime
LEAST = 0.05  # of the mean absolute return: a linear forecast may come out negative


def _spans(returns: Floats, begin: int) -> Floats:
    """Intercept and mean absolute returns over a day, a week and a month, shape (n_days - begin, 4)."""
    size = np.abs(returns)
    return np.column_stack([np.ones(len(returns) - begin), *(trailing_mean(size, span, begin) for span in SPANS)])


class Har(VolatilityModel):
    """Least squares of the next absolute return, scaled to a deviation."""

    name = "har"
    min_history = MIN_FIT

    def fit(self, returns: Floats) -> Fit | None:
        """Four coefficients and the scale from an absolute return to a deviation."""
        begin = SPANS[-1]
        X, size = _spans(returns, begin)[:-1], np.abs(returns[begin + 1 :])
        least = LEAST * float(size.mean())
        if least == 0.0:
            return None
        weights = np.linalg.lstsq(X, size, rcond=None)[0]
        ratio = np.minimum(size / np.maximum(X @ weights, least), FARTHEST)
        names = ("intercept", *(f"mean_{span}" for span in SPANS))
        found = dict(zip(names, weights.tolist(), strict=True))
        return Fit({**found, "least": least, "scale": float(np.sqrt(np.mean(ratio * ratio)))})

    def run(self, returns: Floats, begin: int, numbers: Numbers, before: float) -> Floats:
        """See `VolatilityModel.run`."""
        weights = [numbers["intercept"], *(numbers[f"mean_{span}"] for span in SPANS)]
        size = np.maximum(_spans(returns, begin) @ np.array(weights), numbers["least"])
        return np.asarray(np.square(numbers["scale"] * size))
