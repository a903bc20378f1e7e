"""What loading a logged model would run. Only what is known to be data is loaded, unless the settings trust its code.

A writer of the registry chooses every byte of a model, its `MLmodel` file included, so nothing that it says of itself
counts; what counts is what MLflow does with it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from podium.errors import RegistryError
from podium.registry import keras_by_name, onnx_by_name

MODEL_FILE = "MLmodel"
LARGEST = 256 * 1024  # bytes of an MLmodel file; with 512 named columns it has 60 kB
DEEPEST = 32
PICKLES = frozenset({".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle"})
BY_NAME = {path.stem: path for path in (Path(keras_by_name.__file__), Path(onnx_by_name.__file__))}
_SAFE_TYPE = re.compile(r"sklearn(\.\w+)+\._?[A-Z]\w*")  # a class; a function there may be any that it imports
_LIBRARIES = {
    "mlflow.sklearn": ("mlflow.sklearn", "skops.io"),
    "mlflow.tensorflow": ("mlflow.tensorflow", "keras"),
    Path(keras_by_name.__file__).stem: ("mlflow.tensorflow", "keras"),
    Path(onnx_by_name.__file__).stem: ("mlflow.onnx", "onnxruntime"),
}
_KERAS = frozenset({"keras", "tensorflow.keras"})


def describe(folder: Path) -> dict[str, Any]:
    """The content of a model's MLmodel file; see `parse`."""
    try:
        with (folder / MODEL_FILE).open("rb") as file:
            return parse(file.read(LARGEST + 1))
    except OSError:
        raise RegistryError("it has no readable MLmodel file") from None


def parse(text: bytes) -> dict[str, Any]:
    """What an MLmodel file says that is neither large, nor deep, nor made of references.

    Raises:
        RegistryError: it is no such file.
    """
    import yaml  # type: ignore[import-untyped]

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is 15 times as fast, where PyYAML has it
    try:
        depth = 0
        for event in yaml.parse(text, loader) if len(text) <= LARGEST else ():
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST or isinstance(event, yaml.AliasEvent):
                raise RegistryError("its MLmodel file is too deep, or made of references")
        found = yaml.load(text, loader) if len(text) <= LARGEST else None  # noqa: S506  both loaders are safe
    except (yaml.YAMLError, ValueError):
        raise RegistryError("it has no readable MLmodel file") from None
    if not isinstance(found, dict):
        raise RegistryError("it has no readable MLmodel file")
    return found


def refuse_code(folder: Path, name: str, trusted: Sequence[str]) -> None:
    """Refuse a model that would run code when it is loaded.

    Args:
        folder: the model's files.
        name: of the registered model.
        trusted: names and patterns of models whose code may run, as the settings say.

    Raises:
        RegistryError: it is not known to be data; the message says why.
    """
    about = describe(folder)
    if any(fnmatchcase(name, pattern) for pattern in trusted):
        return
    flavors = about.get("flavors")
    flavors = flavors if isinstance(flavors, dict) else {}
    reason = _unknown_code(folder, flavors) or _pickled(folder) or _loader(folder, flavors)
    if reason:
        raise RegistryError(f"{reason}, and would run code of whoever wrote it; trusted_code = {name} allows that")


def import_libraries(folder: Path) -> None:
    """Import what MLflow's loader of this model will, while Python finds its byte code: making it takes seconds."""
    flavors = describe(folder).get("flavors")
    flavor = flavors.get("python_function") if isinstance(flavors, dict) else None
    for name in _LIBRARIES.get(str(flavor.get("loader_module")), ()) if isinstance(flavor, dict) else ():
        import_module(name)


@contextmanager
def own_byte_code() -> Iterator[None]:
    """Inside, Python reads and writes byte code in a folder of its own, and none that lies beside a model's code."""
    before = sys.pycache_prefix
    with TemporaryDirectory(prefix="podium-") as folder:
        try:
            sys.pycache_prefix = folder
            yield
        finally:
            sys.pycache_prefix = before


def _unknown_code(folder: Path, flavors: dict[str, Any]) -> str:
    """MLflow puts these folders first on Python's path: whatever they hold comes before what is installed."""
    for flavor in flavors.values():
        if not isinstance(flavor, dict) or not flavor.get("code"):
            continue
        code = (folder / str(flavor["code"])).resolve()
        if not code.is_relative_to(folder.resolve()):
            return "it looks for code elsewhere"
        for path in code.rglob("*"):
            module = path.relative_to(code)
            if path.is_file() and not _is_left_over(module) and not _is_installed(module, path):
                return f"it brings {path.name[:60]}, which is not what is installed here"
    return ""


def _is_left_over(module: Path) -> bool:
    """Byte code that an earlier loading left; it is never read, as `own_byte_code` sees to."""
    return module.parent == Path("__pycache__") and any(module.match(f"{name}.*.pyc") for name in BY_NAME)


def _is_installed(module: Path, path: Path) -> bool:
    if module.parent == Path() and module.stem in BY_NAME:
        known: str | Path | None = BY_NAME[module.stem]
    else:
        parts = module.with_suffix("").parts
        try:
            spec = find_spec(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
        except (ImportError, ValueError):
            return False
        known = spec.origin if spec else None
    return module.suffix == ".py" and known is not None and Path(known).read_bytes() == path.read_bytes()


def _pickled(folder: Path) -> str:
    pickled = next((path for path in folder.rglob("*") if path.suffix.lower() in PICKLES), None)
    return f"it may hold a pickle ({pickled.name})" if pickled else ""


def _loader(folder: Path, flavors: dict[str, Any]) -> str:
    """Why what MLflow's loader does with this model is not known to be harmless; empty where it is."""
    by = {name: flavor for name, flavor in flavors.items() if isinstance(flavor, dict)}
    pyfunc = by.get("python_function", {})
    loader = pyfunc.get("loader_module")
    folder = folder.resolve()
    data = (folder / str(pyfunc.get("data") or "")).resolve()
    # Loaders look for the description beside or in what they load, and would find another one, or none, anywhere else.
    if folder not in {data, data.parent} or (data / "MLmodel").exists() != (data == folder):
        return "it is described by another MLmodel file than its own"
    if loader == "mlflow.sklearn":
        return _sklearn(by.get("sklearn", {}))
    if loader == "mlflow.tensorflow":
        return _tensorflow(by, data) or _keras(data)
    if loader == "keras_by_name":
        return _keras(data)
    if loader == "mlflow.onnx":
        # Among ONNX Runtime's options is the folder from which a graph reads files.
        return "it sets options of ONNX Runtime" if by.get("onnx", {}).get("onnx_session_options") else ""
    return "" if loader == "onnx_by_name" else f"it is loaded by {str(loader)[:60]!r}"


def _sklearn(flavor: dict[str, Any]) -> str:
    # Without a format MLflow takes the file for a pickle, whatever its name; skops believes the model's own list.
    if flavor.get("serialization_format") != "skops":
        return "it is not declared to be of skops, so that MLflow takes it for a pickle"
    types = flavor.get("skops_trusted_types") or ()
    strange = next((kind for kind in types if not _SAFE_TYPE.fullmatch(str(kind))), None)
    return f"it wants skops to trust {str(strange)[:60]!r}" if strange is not None else ""


def _tensorflow(by: dict[str, Any], data: Path) -> str:
    # Other kinds are graphs of TensorFlow's, which write files; without a format it would be HDF5.
    saved = data / "save_format.txt"
    kind = by.get("keras", by.get("tensorflow", {})).get("model_type")
    known = kind == "keras" and saved.is_file() and saved.read_bytes() == b"tf"
    return "" if known else "it is not declared to be Keras's own file"


def _keras(data: Path) -> str:
    # Custom objects are pickles, which `_pickled` finds. The module is imported by the name in this file.
    module = data / "keras_module.txt"
    if not (data / "model.keras").is_file():
        return "it is no Keras file"
    if module.is_file() and module.read_text(encoding="utf-8", errors="replace").strip() not in _KERAS:
        return "it is loaded by a module of its own"
    return ""
