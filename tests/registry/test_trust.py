"""Models that somebody planted in the registry: what they would run, and that it is not run."""

import importlib
import pickle
import py_compile
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from podium.errors import RegistryError
from podium.registry import keras_by_name
from podium.registry.mlflow_store import MlflowStore
from podium.registry.trust import DEEPEST, LARGEST, describe, own_byte_code, refuse_code
from podium.settings import Settings

LOAD = "import sys, mlflow.pyfunc; mlflow.pyfunc.load_model(sys.argv[1])"


class Bomb:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def planted(folder: Path, flavors: dict[str, Any], **files: bytes) -> Path:
    """A model folder with this description and these files; double underscores stand for slashes."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "MLmodel").write_text(yaml.safe_dump({"flavors": flavors}))
    return folder


def sklearn(**more: Any) -> dict[str, Any]:
    """Flavours of a model of scikit-learn's in skops."""
    flavor = {"pickled_model": "model.skops", "serialization_format": "skops", **more}
    return {"python_function": {"loader_module": "mlflow.sklearn", "model_path": "model.skops"}, "sklearn": flavor}


def tensorflow(kind: str) -> dict[str, Any]:
    """Flavours of a model of TensorFlow's."""
    return {
        "python_function": {"loader_module": "mlflow.tensorflow", "data": "data"},
        "tensorflow": {"model_type": kind},
    }


def by_pickle_alone(folder: Path, mark: Path) -> Path:
    """A loader that knows no other format than pickle."""
    flavors = {"python_function": {"loader_module": "mlflow.statsmodels", "data": "model.x"}, "statsmodels": {}}
    return planted(folder, flavors, model_dot_x=pickle.dumps(Bomb(mark)))


def by_no_format(folder: Path, mark: Path) -> Path:
    """A scikit-learn model that names no format: MLflow takes pickle."""
    flavors = sklearn()
    del flavors["sklearn"]["serialization_format"]
    return planted(folder, flavors, model_dot_skops=pickle.dumps(Bomb(mark)))


def by_shadow(folder: Path, mark: Path) -> Path:
    """Code that comes along and is imported in place of an installed package."""
    flavors = sklearn()
    flavors["python_function"]["code"] = "code"
    return planted(folder, flavors, code__skops__init_dot_py=f"open({str(mark)!r}, 'w')".encode(), model_dot_skops=b"")


def by_another_description(folder: Path, mark: Path) -> Path:
    """A model that says skops, and whose data have a description of their own, which says pickle."""
    flavors, below = sklearn(), sklearn(serialization_format="pickle")
    flavors["python_function"]["data"] = "data"
    files = {"data__MLmodel": yaml.safe_dump({"flavors": below}).encode()}
    return planted(folder, flavors, data__model_dot_skops=pickle.dumps(Bomb(mark)), **files)


def by_no_description(folder: Path, mark: Path) -> Path:
    """A model that says skops, beside whose file MLflow finds no description: it takes pickle."""
    flavors = sklearn()
    flavors["python_function"]["data"] = "data/model.skops"
    return planted(folder, flavors, data__model_dot_skops=pickle.dumps(Bomb(mark)))


@pytest.mark.parametrize("plant", [by_pickle_alone, by_no_format, by_shadow, by_another_description, by_no_description])
def test_planted_models_are_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: Any) -> None:
    """MLflow by itself runs the code of all of these; Podium refuses them, unless the settings name the model."""
    mark = tmp_path / "ran"
    folder = plant(tmp_path / "model", mark)
    if plant is by_shadow:
        (folder / "code" / "skops" / "init.py").rename(folder / "code" / "skops" / "__init__.py")
    subprocess.run([sys.executable, "-c", LOAD, str(folder)], capture_output=True, check=False)
    assert mark.exists()
    mark.unlink()
    store = MlflowStore(Settings(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db"))
    monkeypatch.setattr(store, "fetch", lambda _uri: folder)
    with pytest.raises(RegistryError, match="trusted_code = EURUSD_Mine"):
        store.load("models:/EURUSD_Mine/1")
    assert not mark.exists()
    refuse_code(folder, "EURUSD_Mine", ("EURUSD_*",))
    with pytest.raises(RegistryError):
        refuse_code(folder, "GBPUSD_Mine", ("EURUSD_*",))


@pytest.mark.parametrize(
    ("flavors", "said"),
    [
        (sklearn(skops_trusted_types=["builtins.exec"]), "builtins.exec"),
        (sklearn(serialization_format="cloudpickle"), "takes it for a pickle"),
        ({"python_function": {"loader_module": "os"}}, "loaded by 'os'"),
        ({"python_function": {"loader_module": "mlflow.sklearn", "code": "/"}, "sklearn": {}}, "elsewhere"),
        ({"python_function": {"loader_module": "mlflow.sklearn", "code": "."}, "sklearn": {}}, "it brings"),
        (sklearn(skops_trusted_types=["sklearn.datasets._base.urlretrieve"]), "urlretrieve"),
        ({"python_function": {"loader_module": "keras_by_name", "data": "data"}}, "no Keras file"),
        ({"python_function": {"loader_module": "mlflow.sklearn", "data": "../other"}}, "another MLmodel"),
        ({"python_function": {"loader_module": "mlflow.sklearn", "data": "/srv/other"}}, "another MLmodel"),
        (tensorflow("tf2-module"), "not declared to be Keras"),
        (tensorflow("keras"), "not declared to be Keras"),  # and of no format
        (
            {"python_function": {"loader_module": "mlflow.onnx"}, "onnx": {"onnx_session_options": {"x": "y"}}},
            "options",
        ),
        ({"python_function": "x"}, "loaded by"),
        ("x", "loaded by"),
    ],
)
def test_what_is_not_known_is_refused(tmp_path: Path, flavors: Any, said: str) -> None:
    """Any loader, format, type or place that is not known to be harmless is named and refused."""
    folder = planted(tmp_path, flavors, model_dot_skops=b"x")
    with pytest.raises(RegistryError, match=said):
        refuse_code(folder, "EURUSD_Mine", ())


def test_what_podium_logs_is_known(tmp_path: Path) -> None:
    """A model of scikit-learn's in skops and Keras's own file, with the loader that Podium sends along, are data."""
    refuse_code(planted(tmp_path / "a", sklearn(skops_trusted_types=["sklearn.ensemble.X"])), "EURUSD_A", ())
    flavors = {"python_function": {"loader_module": "keras_by_name", "code": "code", "data": "data"}}
    code = Path(keras_by_name.__file__).read_bytes()
    files = {"code__keras_by_name_dot_py": code, "data__model_dot_keras": b"x"}
    folder = planted(tmp_path / "b", flavors, **files)
    (folder / "data" / "keras_module.txt").write_text("keras")
    refuse_code(folder, "EURUSD_B", ())
    (folder / "data" / "keras_module.txt").write_text("antigravity")
    with pytest.raises(RegistryError, match="module of its own"):
        refuse_code(folder, "EURUSD_B", ())
    (folder / "code" / "keras_by_name.py").write_bytes(code + b"\n")
    with pytest.raises(RegistryError, match="not what is installed"):
        refuse_code(folder, "EURUSD_B", ())
    files = {"data__model_dot_keras": b"x", "data__save_format_dot_txt": b"tf"}
    refuse_code(planted(tmp_path / "c", tensorflow("keras"), **files), "EURUSD_C", ())


def test_byte_code_beside_a_models_code_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier loading left beside the known loader stops nothing and is not read; any other is refused."""
    flavors = {"python_function": {"loader_module": "keras_by_name", "code": "code", "data": "data"}}
    files = {"code__keras_by_name_dot_py": Path(keras_by_name.__file__).read_bytes(), "data__model_dot_keras": b"x"}
    folder = planted(tmp_path / "a", flavors, **files)
    source = folder / "code" / "keras_by_name.py"
    kept, mark = source.read_bytes(), tmp_path / "mark"
    source.write_text(f"open({str(mark)!r}, 'w')")
    py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    source.write_bytes(kept)
    refuse_code(folder, "EURUSD_A", ())
    monkeypatch.syspath_prepend(source.parent)
    monkeypatch.setitem(sys.modules, "keras_by_name", None)  # so that whatever is imported here goes again
    del sys.modules["keras_by_name"]
    with own_byte_code():
        assert importlib.import_module("keras_by_name").__file__ == str(source)
    assert not mark.exists()
    (source.parent / "__pycache__" / "wave.cpython-311.pyc").write_bytes(b"x")
    with pytest.raises(RegistryError, match="not what is installed"):
        refuse_code(folder, "EURUSD_A", ())


@pytest.mark.parametrize(
    "text",
    [
        "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
        "a: &a [x, x]\nb: &b [*a, *a]\n",
        "flavors: {}\n" + "#" * LARGEST,
        "a: [",
        "- a",
        "",
        "\x00",
    ],
)
def test_a_description_that_explodes_is_refused(tmp_path: Path, text: str) -> None:
    """What is too deep, made of references, too large, or no description at all is refused in an instant."""
    (tmp_path / "MLmodel").write_text(text)
    with pytest.raises(RegistryError, match="MLmodel"):
        describe(tmp_path)
