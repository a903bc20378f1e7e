"""The caller's MLflow and ours, kept apart in one process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from podium.settings import Settings

# Where MLflow's setters leave an address, and the variable that they copy it into for subprocesses.
COPIED = {
    "MLFLOW_TRACKING_URI": ("mlflow.tracking._tracking_service.utils", "_tracking_uri"),
    "MLFLOW_REGISTRY_URI": ("mlflow.tracking._model_registry.utils", "_registry_uri"),
}


@contextmanager
def isolated(given: Mapping[str, Any]) -> Iterator[Settings]:
    """Nothing of the caller's MLflow gets into what is done inside, and nothing of it is changed.

    Autologging rests, and an address that `mlflow.set_tracking_uri` copied into the environment is no setting of ours;
    one that the user wrote there is. The variables of MLflow are as they were afterwards.

    Args:
        given: settings by name; those that are None count as not given.

    Returns:
        The settings, for the block.
    """
    from podium.settings import Settings

    before = _variables()
    for name in filter(_is_a_copy, COPIED):
        del os.environ[name]
    try:
        with _no_autologging():
            yield Settings.load(given)
    finally:
        for name in _variables().keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def _variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}


def _is_a_copy(variable: str) -> bool:
    module, name = COPIED[variable]
    address = getattr(sys.modules.get(module), name, None)
    return bool(address) and os.environ.get(variable) == address


def _no_autologging() -> AbstractContextManager[None]:
    if "mlflow" not in sys.modules:  # nobody can have turned it on
        return nullcontext()
    from mlflow.utils.autologging_utils import disable_autologging

    return disable_autologging()
