"""Models whose forecast is an affine function of X, held by stock scikit-learn estimators.

Nothing but scikit-learn is needed to load them, so no code of this project has to travel with the artifact.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from podium.models.base import FittedModel, Flavor, ParamValue, pinned
from podium.records import Floats

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

SKLEARN_REQUIREMENTS = ("mlflow", "scikit-learn", "skops", "numpy", "pandas")
ONNX_OPSET = 17
ONNX_IR_VERSION = 9


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
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        weights, intercept = self.coefficients(names)
        graph = helper.make_graph(
            nodes=[
                helper.make_node("MatMul", ["X", "weights"], ["weighted"]),
                helper.make_node("Add", ["weighted", "intercept"], ["forecast"]),
            ],
            name="affine",
            inputs=[helper.make_tensor_value_info("X", TensorProto.DOUBLE, ["n_origins", len(names)])],
            outputs=[helper.make_tensor_value_info("forecast", TensorProto.DOUBLE, ["n_origins"])],
            initializer=[
                numpy_helper.from_array(weights, "weights"),
                numpy_helper.from_array(np.array(intercept), "intercept"),
            ],
        )
        return serialize_graph(graph)


def serialize_graph(graph: Any) -> bytes:
    """Check an ONNX graph and turn it into bytes that older runtimes read too."""
    import onnx
    from onnx import helper

    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", ONNX_OPSET)], ir_version=ONNX_IR_VERSION, producer_name="podium"
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
