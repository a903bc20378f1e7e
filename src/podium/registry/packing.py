"""A fitted model as a folder in MLflow's format, whatever its flavour."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from podium.errors import RegistryError
from podium.models.base import FittedModel
from podium.registry import keras_by_name, onnx_by_name

if TYPE_CHECKING:
    from mlflow.models import Model as MlflowModel
    from pandas import DataFrame

ONNX_FILE = "forecast.onnx"


def pack(model: FittedModel, example: DataFrame, folder: Path, meta: MlflowModel) -> None:
    """Save a model into a new folder, with signature, example, requirements, code, and its ONNX graph if it has one.

    Args:
        model: a fitted one.
        example: a few rows of X to try it on.
        folder: must not exist yet.
        meta: MLflow's description of the model, which names its run and its id.

    Raises:
        RegistryError: the model's flavour is not one that Podium records.
    """
    savers = {"sklearn": _save_sklearn, "tensorflow": _save_tensorflow, "onnx": _save_onnx}
    if model.flavor not in savers:
        raise RegistryError(f"{type(model).__name__}: flavour {model.flavor!r} is not one of {', '.join(savers)}")
    features = tuple(example.columns)
    graph = model.onnx(features)
    common: dict[str, Any] = {
        "path": str(folder),
        "mlflow_model": meta,
        "input_example": example,
        "pip_requirements": list(model.pip_requirements),
        "code_paths": [str(path) for path in model.code_paths] or None,
        # What a server checks before it serves the graph: its digest, and the forecasts of the example.
        "metadata": {
            "features": list(features),
            "onnx_sha256": hashlib.sha256(graph).hexdigest() if graph is not None else "",
            "example_forecasts": [float(value) for value in model.predict(example)],
        },
    }
    savers[model.flavor](model, common)
    for cache in folder.rglob("__pycache__"):
        for compiled in cache.iterdir():
            compiled.unlink()
        cache.rmdir()
    if graph is not None:
        (folder / ONNX_FILE).write_bytes(graph)


def _save_sklearn(model: FittedModel, common: dict[str, Any]) -> None:
    import mlflow.sklearn
    from mlflow.models import infer_signature

    mlflow.sklearn.save_model(
        model.native,
        signature=infer_signature(common["input_example"], model.predict(common["input_example"])),
        serialization_format="skops",
        skops_trusted_types=_trusted_types(model),
        **common,
    )


def _trusted_types(model: FittedModel) -> list[str] | None:
    """Types that skops does not know by itself; we trust them because we made this very object a moment ago."""
    import skops.io

    return skops.io.get_untrusted_types(data=skops.io.dumps(model.native)) or None


def _save_tensorflow(model: FittedModel, common: dict[str, Any]) -> None:
    """As Keras's own file; the flavour by itself knows no columns."""
    import mlflow.tensorflow
    from mlflow.models import infer_signature

    with warnings.catch_warnings(), _loaded_by(keras_by_name, model, common):
        # Keras is told its format by the suffix; MLflow still passes none and Keras need not say so.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="keras")
        tensor = infer_signature(common["input_example"].to_numpy())  # the only kind that the flavour lets pass
        mlflow.tensorflow.save_model(model.native, signature=tensor, **common)


def _save_onnx(model: FittedModel, common: dict[str, Any]) -> None:
    """As one file; the flavour by itself answers with a table."""
    import mlflow.onnx

    with _loaded_by(onnx_by_name, model, common):
        given = {name: value for name, value in common.items() if name != "path"}
        mlflow.onnx.save_model(model.native, common["path"], save_as_external_data=False, **given)


@contextmanager
def _loaded_by(module: ModuleType, model: FittedModel, common: dict[str, Any]) -> Iterator[None]:
    """Inside, a flavour saves the model; then pyfunc is told to load it by this module, which travels along."""
    from mlflow.models import infer_signature

    common["code_paths"] = [*(common["code_paths"] or []), module.__file__]
    yield
    meta: MlflowModel = common["mlflow_model"]
    meta.signature = infer_signature(common["input_example"], model.predict(common["input_example"]))
    meta.flavors["python_function"]["loader_module"] = module.__name__.rpartition(".")[2]
    meta.save(str(Path(common["path"], "MLmodel")))
