"""Models whose forecast is an affine function of X, held by stock scikit-learn estimators.

Nothing but scikit-learn is needed to load them, so no code of this project has to travel with the artifact.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from podium.models.base import FittedModel, Flavor, ParamValue, pinned
from podium.models.onnx_graph import affine_graph
from podium.records import Floats

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

SKLEARN_REQUIREMENTS = ("mlflow", "scikit-learn", "skops", "numpy", "pandas")


class AffineModel(FittedModel):
    """A fitted scikit-learn pipeline that takes X by column names and whose forecast is affine in them."""

    flavor: Flavor = "sklearn"  # type: ignore[misc]

    def __init__(self, pipeline: Pipeline, params: Mapping[str, ParamValue]) -> None:
        self._pipeline = pipeline
        self._params = dict(params)
        self.pip_requirements = pinned(SKLEARN_REQUIREMENTS)

    @property
    def native(self) -> Any:
        """The scikit-learn pipeline."""
        return self._pipeline

    @property
    def params(self) -> Mapping[str, ParamValue]:
        """What the fit chose."""
        return self._params

    def predict(self, X: pd.DataFrame) -> Floats:
        """Forecast log returns, shape (n_origins,)."""
        return np.asarray(self._pipeline.predict(X), dtype=np.float64)

    def coefficients(self, names: tuple[str, ...]) -> tuple[Floats, float]:
        """The weights of the columns, shape (len(names),), and the intercept; found by probing the pipeline."""
        import pandas as pd

        probes = pd.DataFrame(np.vstack([np.zeros(len(names)), np.eye(len(names))]), columns=list(names))
        answers = self.predict(probes)
        return answers[1:] - answers[0], float(answers[0])

    def onnx(self, names: tuple[str, ...]) -> bytes:
        """`forecast = X @ weights + intercept` in float64."""
        return affine_graph(*self.coefficients(names))
