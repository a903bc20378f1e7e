"""A logged model loads and predicts with nothing but its own requirements, and without this repository."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mlflow.models import Model as MlflowModel

from podium.errors import RegistryError
from podium.features import frame
from podium.models.arima import ArimaContestant
from podium.models.combiner import Mixture
from podium.models.linear import LinearRegressionContestant
from podium.pipeline.prepare import load_table
from podium.pipeline.train import train_one
from podium.registry.log_items import example_rows
from podium.registry.mlflow_store import MlflowStore
from podium.registry.packing import pack
from podium.registry.trust import refuse_code

# Runs in an isolated interpreter. What a fresh environment would not hold is hidden from the import system itself, so
# that `import` and `find_spec` both say that it is not there.
ELSEWHERE = """
import importlib.metadata as metadata, json, re, sys
from importlib.machinery import PathFinder

folder, rows = sys.argv[1:]


def closure(lines):
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found, queue = {}, [(Requirement(line), {""}) for line in lines]
    while queue:
        wanted, extras = queue.pop()
        if wanted.marker and not any(wanted.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        name, asked = canonicalize_name(wanted.name), {"", *wanted.extras}
        if asked <= found.get(name, set()):
            continue
        distribution = metadata.distribution(name)  # a requirement that is not installed ends the test here
        assert wanted.specifier.contains(distribution.version, prereleases=True), (wanted, distribution.version)
        found[name] = found.get(name, set()) | asked
        queue += [(Requirement(line), asked) for line in distribution.requires or ()]
    return set(found)


with open(folder + "/requirements.txt") as file:
    allowed = closure([line for line in map(str.strip, file) if line])
owners = metadata.packages_distributions()
normal = lambda name: re.sub("[-_.]+", "-", name).lower()
hidden = {top for top, names in owners.items() if not {normal(name) for name in names} & allowed} | {"podium"}


class Fresh(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in hidden else PathFinder.find_spec(name, path, target)


started_with = {"_distutils_hack"}  # setuptools' own hook, which its .pth file imports in every interpreter
early = sorted(hidden & {name.split(".")[0] for name in sys.modules} - started_with)
finders = [finder for finder in sys.meta_path if "editable" not in repr(finder)]
sys.meta_path[:] = [Fresh if finder is PathFinder else finder for finder in finders]
for name in ("podium", "statsmodels", "pytest"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(name + " can be imported; the environment is not fresh")

import mlflow.pyfunc
import pandas as pd

X = pd.read_json(rows, orient="split", dtype="float64", precise_float=True)
model = mlflow.pyfunc.load_model(folder)
forecasts, moved = model.predict(X), model.predict(X[X.columns[::-1]].assign(origin="a day", target=1.0)[3:])
assert type(forecasts).__name__ == "ndarray" and forecasts.shape == (len(X),), forecasts
print(json.dumps({"forecasts": forecasts.tolist(), "moved": moved.tolist(), "early": early, "allowed": sorted(allowed),
                  "names": model.metadata.get_input_schema().input_names(), "flavors": sorted(model.metadata.flavors)}))
"""


def elsewhere(folder: Path, X, tmp_path: Path):
    """What the model in the folder says of X where only its requirements are installed."""
    rows = tmp_path / "rows.json"
    rows.write_text(X.to_json(orient="split", double_precision=15))
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"}
    answer = subprocess.run(
        [sys.executable, "-I", "-c", ELSEWHERE, str(folder), str(rows)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        timeout=180,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    return json.loads(answer.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("family", "flavor"),
    [
        ("LinearRegression", "sklearn"),
        ("ARIMA", "sklearn"),
        pytest.param("LSTM", "tensorflow", marks=pytest.mark.tensorflow),
    ],
)
def test_a_logged_model_needs_its_requirements_and_nothing_else(family, flavor, ready, tmp_path):
    """Each logged contestant forecasts the same where podium, and all that its requirements do not bring, is hidden.

    There it takes the same table by the names of its columns: in another order, with columns that it does not know
    and with rows that do not begin at the first, the forecasts are the same numbers in the same kind of array.

    The hiding stands for a fresh environment: from the model's requirements.txt the closure of requirements is
    computed with the installed metadata, versions checked, and every other installed package is invisible to imports
    in an isolated interpreter. It shows that the list is complete; that pip finds those versions is not shown here.
    """
    settings = ready.model_copy(update={"options": {"LSTM": {"units": 4, "epochs": 2}}})
    store = MlflowStore(settings)
    run = train_one(store, family)
    X = frame(load_table(settings))[-20:].reset_index(drop=True)
    found = elsewhere(store.fetch(run.model_uri), X, tmp_path)
    assert found["forecasts"] == pytest.approx(np.ravel(store.load(run.model_uri).predict(X)), abs=1e-9)
    assert found["moved"] == pytest.approx(found["forecasts"][3:], abs=1e-9)
    assert found["names"] == list(X.columns)
    assert found["flavors"] == ["python_function", flavor]
    assert "podium" not in found["allowed"]
    assert not found["early"]


def test_members_and_weights_need_one_graph_and_nothing_else(ready, tmp_path):
    """A mixture takes the same table where podium is hidden, answers in the same kind of array, and is data."""
    table = load_table(ready)
    X, y = frame(table), table.target
    members = {"LinearRegression": LinearRegressionContestant(), "ARIMA": ArimaContestant(order=(1, 0))}
    graphs = {name: member.fit(X[:-1], y[:-1]).onnx(table.names) for name, member in members.items()}
    mixture, folder = Mixture(graphs, np.array([0.3, 0.4]), table.names), tmp_path / "model"
    pack(mixture, example_rows(table), folder, MlflowModel())
    refuse_code(folder, "EURUSD_Mixture", ())
    found = elsewhere(folder, X[-20:].reset_index(drop=True), tmp_path)
    assert found["forecasts"] == pytest.approx(mixture.predict(X[-20:]), abs=1e-9)
    assert found["moved"] == pytest.approx(found["forecasts"][3:], abs=1e-9)
    assert found["names"] == list(X.columns)
    assert found["flavors"] == ["onnx", "python_function"]
    assert not {"podium", "statsmodels", "keras"} & set(found["allowed"])
    (folder / "code" / "onnx_by_name.py").write_text("import os")
    with pytest.raises(RegistryError, match=r"brings onnx_by_name\.py, which is not what is installed here"):
        refuse_code(folder, "EURUSD_Mixture", ())
