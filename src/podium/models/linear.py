"""LinearRegression: ordinary least squares on six lags and the five-day mean, the guide's features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from podium.models.base import Contestant, ParamValue
from podium.models.estimator import AffineModel
from podium.records import Floats

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LinearRegressionContestant(Contestant):
    """Ordinary least squares on standardised features.

    More lags fit more noise: on daily rates each costs about 1/n of R² out of sample.
    """

    lags_used: Annotated[int, Field(ge=1, description="how many of the newest returns it looks at")] = 6

    family: ClassVar[str] = "LinearRegression"
    libraries: ClassVar[tuple[str, ...]] = ("sklearn.compose", "sklearn.linear_model", "sklearn.pipeline")
    quick: ClassVar[bool] = True
    description: ClassVar[str] = "Ordinary least squares on six lagged returns and their five-day mean, standardised."

    def __post_init__(self) -> None:
        """See that there are so many lags."""
        if self.lags_used > self.n_lags:
            raise ValueError(f"lags_used = {self.lags_used} is more than the {self.n_lags} that X has")

    @property
    def features(self) -> list[str]:
        """The columns of X that it takes, and any further columns of the series are left to others."""
        return [*self.lag_names[: self.lags_used], "ma_5"]

    @property
    def params(self) -> Mapping[str, ParamValue]:
        """The features."""
        return {"features": ",".join(self.features), "lags_used": self.lags_used}

    def fit(self, X: pd.DataFrame, y: Floats) -> AffineModel:
        """Solve least squares; `ma_5` is a sum of lags, and the minimum-norm solution takes care of that."""
        from sklearn.linear_model import LinearRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return AffineModel(make_pipeline(StandardScaler(), LinearRegression()).fit(X[self.features], y))
