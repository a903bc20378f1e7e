"""GARCH(1,1) with Student's t (Bollerslev 1987): v(t+1) = omega + alpha r(t)² + beta v(t)."""

from __future__ import annotations

import warnings

import numpy as np

from podium.evaluate.volatility.contract import MIN_FIT, Fit, Numbers, VolatilityModel
from podium.records import Floats


class Garch(VolatilityModel):
    """Fitted by maximum likelihood, filtered with the same parameters until the next fit.

    Only the variance is taken from the fit: tails are learnt from outcomes, for every model alike.
    """

    name = "garch"
    min_history = MIN_FIT
    asymmetric = False  # whether a fall moves the variance more than a rise

    def fit(self, returns: Floats) -> Fit | None:
        """On returns scaled to unit variance, as the optimiser likes them; None if it does not converge."""
        from arch.univariate import GARCH, StudentsT, ZeroMean

        scale = float(np.sqrt(np.mean(returns * returns)))
        if scale == 0.0:
            return None
        volatility = GARCH(p=1, o=int(self.asymmetric), q=1)
        recipe = ZeroMean(returns / scale, volatility=volatility, distribution=StudentsT(), rescale=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # trial steps of the optimiser overflow; the outcome is checked below
            result = recipe.fit(disp="off", show_warning=False)
        found = {name: float(value) for name, value in result.params.items()}
        last = float(np.asarray(result.conditional_volatility)[-1])
        if result.convergence_flag != 0 or not np.isfinite([*found.values(), last]).all():
            return None
        numbers = {
            "omega": found["omega"] * scale**2,
            "alpha": found["alpha[1]"],
            "gamma": found.get("gamma[1]", 0.0),
            "beta": found["beta[1]"],
        }
        return Fit(numbers, (last * scale) ** 2)

    def run(self, returns: Floats, begin: int, numbers: Numbers, before: float) -> Floats:
        """See `VolatilityModel.run`."""
        omega, alpha, gamma, beta = (numbers[name] for name in ("omega", "alpha", "gamma", "beta"))
        forecasts, variance = np.empty(len(returns) - begin), before
        for day, value in enumerate(returns[begin:].tolist()):
            shock = alpha + gamma if value < 0 else alpha
            variance = omega + shock * value * value + beta * variance
            forecasts[day] = variance
        return forecasts

    def reversion(self, numbers: Numbers) -> tuple[float, float]:
        """Alpha + gamma / 2 + beta, and omega over what is left of it; an integrated GARCH reverts nowhere."""
        persistence = numbers["alpha"] + numbers["gamma"] / 2 + numbers["beta"]
        left = 1.0 - persistence
        return persistence, numbers["omega"] / left if left > 1e-6 else 0.0
