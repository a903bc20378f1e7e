"""The environment of processes: private, quiet, and without the working folder on Python's path.

Only what the user has not set is ever set; a blank variable is one that is not set.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

# MLflow, ONNX Runtime and Ray else report to their makers; each reads its variable when it is imported.
TELEMETRY = {"MLFLOW_DISABLE_TELEMETRY": "true", "ORT_DISABLE_TELEMETRY": "1", "RAY_USAGE_STATS_ENABLED": "0"}
# Errors are still told. oneDNN's results differ between processors, and nothing else silences its word on that.
TENSORFLOW = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"}
# There is a process for each core already; with one thread a result does not depend on the number of cores either.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    "1",
)
# A trading repository's own `signal.py` or `types.py` would else be imported in place of Python's.
SAFE_PATH = {"PYTHONSAFEPATH": "1"}
# glibc keeps for each thread what it once took; who serves for months gives it back, and answers as fast (20 MB less).
FRUGAL = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "65536", "ARROW_DEFAULT_MEMORY_POOL": "system"}

# Libraries make a million objects that stay; to look for garbage among them a thousand times costs an eighth of a verb.
OBJECTS_BETWEEN_COLLECTIONS = 200_000


def collect_seldom() -> None:
    """Look for garbage as seldom as suits a process that imports much and ends soon."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)


def keep_private(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let nothing be reported to anybody: called before any library is imported that would."""
    if _missing({"MLFLOW_DISABLE_TELEMETRY": ""}, environment):  # who set that has spoken of DO_NOT_TRACK too
        environment.update(_missing({"DO_NOT_TRACK": "true"}, environment))
    environment.update(_missing(TELEMETRY, environment))


def child_environment(**more: str) -> dict[str, str]:
    """The environment of a process that Podium starts, with what is special to it."""
    environment = {**os.environ, **SAFE_PATH, **more}
    keep_private(environment)
    return environment


@contextmanager
def lent(variables: Mapping[str, str]) -> Iterator[None]:
    """Inside, what the user has not set of these is set; afterwards the environment is as it was."""
    missing = _missing(variables, os.environ)
    os.environ.update(missing)
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)


@contextmanager
def put_off(*modules: str) -> Iterator[None]:
    """Inside, these modules are imported as ever, but run only when somebody asks them for something, if ever."""
    finder = _Later(modules)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Later(MetaPathFinder):
    def __init__(self, modules: Sequence[str]) -> None:
        self.modules = modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname in self.modules else None
        if spec and spec.loader:
            spec.loader = LazyLoader(spec.loader)
        return spec


def _missing(variables: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if not environment.get(name, "").strip()}
