"""Fitted scikit-learn estimators as models: any of them, and those whose forecast is an affine function of X.

    SklearnModel(HistGradientBoostingRegressor().fit(X, y))

Nothing but scikit-learn is needed to load them, so no code of this project has to travel with the artifact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from podium.errors import AdmissionError
from podium.models.base import FittedModel, Flavor, ParamValue, pinned
from podium.models.onnx_graph import affine_graph
from podium.records import Floats

if TYPE_CHECKING:
    import pandas as pd

REQUIREMENTS = ("mlflow", "scikit-learn", "skops", "numpy", "pandas")
NOTHING: Mapping[str, ParamValue] = MappingProxyType({})


class SklearnModel(FittedModel):
    """A fitted estimator of scikit-learn's kind, given the columns of X that it was fitted on, found by their names.

    Args:
        estimator: fitted on a table with column names, such as `X[["lag_0", "ma_5"]]`.
        params: what the fit chose.
        packages: distributions that it needs beside scikit-learn, such as `lightgbm`.

    Raises:
        AdmissionError: it was fitted on an array, and knows no names.
    """

    flavor: Flavor = "sklearn"  # type: ignore[misc]

    def __init__(
        self, estimator: Any, params: Mapping[str, ParamValue] = NOTHING, packages: tuple[str, ...] = ()
    ) -> None:
        self.estimator = estimator
        self._params = dict(params)
        self.pip_requirements = pinned((*REQUIREMENTS, *packages))
        try:
            self._names = list(estimator.feature_names_in_)
        except AttributeError:
            raise AdmissionError(
                f"{type(estimator).__name__} was fitted on an array, so it knows no column by name; fit it on X itself"
            ) from None

    @cached_property
    def native(self) -> Any:
        """A scikit-learn pipeline: the columns by name, then the estimator."""
        import pandas as pd
        from sklearn.compose import ColumnTransformer
        from sklearn.pipeline import Pipeline

        select = ColumnTransformer([("columns", "passthrough", self._names)], verbose_feature_names_out=False)
        select.set_output(transform="pandas").fit(pd.DataFrame(np.zeros((2, len(self._names))), columns=self._names))
        return Pipeline([("select", select), ("estimator", self.estimator)])

    @property
    def params(self) -> Mapping[str, ParamValue]:
        """What the fit chose."""
        return self._params

    def predict(self, X: pd.DataFrame) -> Floats:
        """Forecast log returns, shape (n_origins,)."""
        return np.asarray(self.estimator.predict(X[self._names]), dtype=np.float64)


class AffineModel(SklearnModel):
    """An estimator whose forecast is affine in the columns of X, which gives it an ONNX graph for serving."""

    def coefficients(self, names: tuple[str, ...]) -> tuple[Floats, float]:
        """The weights of the columns, shape (len(names),), and the intercept; found by probing the estimator."""
        import pandas as pd

        probes = pd.DataFrame(np.vstack([np.zeros(len(names)), np.eye(len(names))]), columns=list(names))
        answers = self.predict(probes)
        return answers[1:] - answers[0], float(answers[0])

    def onnx(self, names: tuple[str, ...]) -> bytes:
        """`forecast = X @ weights + intercept` in float64."""
        return affine_graph(*self.coefficients(names))


def affine(names: Sequence[str], weights: Floats, intercept: float) -> Any:
    """A stock estimator that holds given weights, one a column; fitted on two rows for its book-keeping, then set."""
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    stock = LinearRegression().fit(pd.DataFrame(np.zeros((2, len(names))), columns=list(names)), np.zeros(2))
    stock.coef_, stock.intercept_ = weights, intercept
    return stock
