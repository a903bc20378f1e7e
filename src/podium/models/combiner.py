"""Contestants that mix the forecasts of the others: how one learns, and the one model that comes of it.

A combiner trains after the others of its championship. Of each it is handed the out-of-sample forecasts, day after day,
and nothing else (`evaluate.walkforward.walk_together`): forecast, then learn, so that no weight knows its own day.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from podium.models.base import Contestant, FittedModel, Flavor, ParamValue, pinned
from podium.models.estimator import AffineModel, affine
from podium.models.onnx_graph import mixture_graph, run_graph
from podium.records import Floats

if TYPE_CHECKING:
    import pandas as pd

WEIGHT = "weight_"
"""Begins the name of a member's weight wherever weights are recorded."""
REST = f"{WEIGHT}random_walk"


class Learner(Protocol):
    """Weights that are renewed with every outcome."""

    @property
    def weights(self) -> Floats:
        """Of the members for the day to come, shape (n_members,); what they lack to one lies on the random walk."""
        ...

    def learn(self, forecasts: Floats, outcome: float) -> None:
        """Take the outcome of a day into account.

        Args:
            forecasts: of the members for it, shape (n_members,).
            outcome: realised log return.
        """
        ...


@dataclass(frozen=True)
class Combiner(Contestant):
    """A contestant that mixes the forecasts of the others that do not."""

    quick: ClassVar[bool] = True

    @abstractmethod
    def learner(self, n_members: int) -> Learner:
        """A learner that has seen nothing yet."""

    def fit(self, X: pd.DataFrame, y: Floats) -> AffineModel:
        """Learn from rows that hold the members' forecasts, a column a member; it forecasts from such rows.

        Whatever is called a forecast will do, a lagged return for instance: so it is tried as every contestant is.
        """
        learner = self.learner(X.shape[1])
        for forecasts, outcome in zip(X.to_numpy(), y, strict=True):
            learner.learn(forecasts, float(outcome))
        return AffineModel(affine(list(X.columns), learner.weights, 0.0))


class Mixture(FittedModel):
    """The members' fitted models and their weights as one ONNX graph, which takes X as each of them does.

    Args:
        graphs: by member.
        weights: shape (len(graphs),), for the day to come.
        names: columns of X in the order of the graphs.
    """

    flavor: Flavor = "onnx"  # type: ignore[misc]

    def __init__(self, graphs: Mapping[str, bytes], weights: Floats, names: tuple[str, ...]) -> None:
        self._weights = dict(zip(graphs, map(float, weights), strict=True))
        self._graph, self._names = mixture_graph(graphs, weights), names
        self.pip_requirements = pinned(("mlflow", "onnx", "onnxruntime", "numpy", "pandas"))

    @cached_property
    def native(self) -> Any:
        """An ONNX model with input `X` and output `forecast`."""
        import onnx

        return onnx.load_model_from_string(self._graph)

    @property
    def params(self) -> Mapping[str, ParamValue]:
        """The weights."""
        return {REST: 1 - sum(self._weights.values()), **{WEIGHT + name: w for name, w in self._weights.items()}}

    def predict(self, X: pd.DataFrame) -> Floats:
        """Forecast log returns, shape (n_origins,)."""
        return run_graph(self._graph, X[list(self._names)].to_numpy())

    def onnx(self, names: tuple[str, ...]) -> bytes | None:
        """The graph; None for other columns than its members know."""
        return self._graph if names == self._names else None
