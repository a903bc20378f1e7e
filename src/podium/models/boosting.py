"""GradientBoosting: small trees on all lagged returns, each a correction of those before it, in scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from podium.models.base import Contestant
from podium.models.estimator import SklearnModel
from podium.records import Floats

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class GradientBoostingContestant(Contestant):
    """Boosted trees by histograms; slow learning, few and broad leaves, since nearly all of a daily return is noise."""

    trees: Annotated[int, Field(ge=1, le=2000, description="how many trees")] = 50
    learning_rate: Annotated[float, Field(gt=0, le=1, description="how much of each tree's correction is kept")] = 0.02
    leaves: Annotated[int, Field(ge=2, le=256, description="of each tree, at most")] = 4
    days_a_leaf: Annotated[int, Field(ge=1, description="days that a leaf must hold at least")] = 200

    family: ClassVar[str] = "GradientBoosting"
    description: ClassVar[str] = "Boosted trees on all lagged returns."
    quick: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ("sklearn.compose", "sklearn.ensemble", "sklearn.pipeline")

    def fit(self, X: pd.DataFrame, y: Floats) -> SklearnModel:
        """Grow the trees."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        trees = HistGradientBoostingRegressor(
            max_iter=self.trees,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=self.days_a_leaf,
            early_stopping=False,
            random_state=self.seed,
        )
        return SklearnModel(trees.fit(X, y))
