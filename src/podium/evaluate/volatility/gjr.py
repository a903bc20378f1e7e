"""GJR-GARCH (Glosten, Jagannathan and Runkle 1993): a fall of the rate may move the variance more than a rise."""

from __future__ import annotations

from podium.evaluate.volatility.garch import Garch


class Gjr(Garch):
    """v(t+1) = omega + (alpha + gamma 1{r(t) < 0}) r(t)² + beta v(t)."""

    name = "gjr"
    asymmetric = True
