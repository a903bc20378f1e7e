"""The one contract for models: the same X for every contestant, all transformations inside the logged model."""

from __future__ import annotations

import dataclasses
import importlib
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from podium.records import Floats

if TYPE_CHECKING:
    import pandas as pd

Flavor = Literal["sklearn", "tensorflow", "onnx"]
ParamValue = str | int | float | bool
FAMILY = re.compile(r"[A-Za-z][A-Za-z0-9]*")  # becomes part of a registered model's name, and of addresses


class FittedModel(ABC):
    """A contestant after its fit: forecasts, and what is needed to log it.

    Attributes:
        flavor: the MLflow flavour that logs `native`.
        pip_requirements: everything that loading and predicting needs, with versions.
        code_paths: code that must travel with the model; empty where the libraries alone load it.
    """

    flavor: ClassVar[Flavor]
    pip_requirements: tuple[str, ...]
    code_paths: tuple[Path, ...] = ()

    @property
    @abstractmethod
    def native(self) -> Any:
        """What the flavour logs: a scikit-learn estimator, a Keras or an ONNX model. It takes the whole X, unscaled."""

    @abstractmethod
    def predict(self, X: pd.DataFrame) -> Floats:
        """Forecast log returns.

        Args:
            X: one row an origin, the columns that the model was fitted on.

        Returns:
            shape (n_origins,), float64.
        """

    @property
    def params(self) -> Mapping[str, ParamValue]:
        """What the fit chose or learned and a person may want to see, such as an order."""
        return {}

    @property
    def learning_curve(self) -> Mapping[str, Floats]:
        """Loss by epoch and by part (`training`, `validation`), each of shape (n_epochs,); empty without epochs."""
        return {}

    def onnx(self, names: tuple[str, ...]) -> bytes | None:
        """The same forecast as an ONNX graph; None where there is none, and serving goes through pyfunc.

        Args:
            names: columns of X in order.

        Returns:
            A serialized graph with input `X` of shape (n_origins, len(names)), float64, and output `forecast` of
            shape (n_origins,), float64.
        """
        return None


@dataclass(frozen=True)
class Contestant(ABC):
    """A model family with its settings. A new one is a subclass, and an entry point in group `podium.contestants`.

    Fields are its options, `options.<Family>.<field>` in podium.toml. Their annotations are what is checked before any
    work: `Annotated[int, Field(ge=1)]` is a range. What several of them must satisfy together, `__post_init__` checks.

    Attributes:
        n_lags: how many lagged returns X holds.
        seed: seed of everything random in a fit; the same seed and rows give the same model.
        horizon: trading days from origin to outcome; above one, y is the log return over so many days.
    """

    n_lags: int = 32
    seed: int = 42
    horizon: int = 1

    family: ClassVar[str]
    description: ClassVar[str]
    libraries: ClassVar[tuple[str, ...]] = ()
    """Modules that a fit imports; named here they are imported before its time is taken."""
    quick: ClassVar[bool] = False
    """Whether a walk-forward is known to take a few seconds at most; whatever is not begins first."""

    def warm_up(self) -> None:
        """Import what a fit needs, so that the seconds of a fit are those of learning."""
        for name in self.libraries:
            importlib.import_module(name)

    def tuned(self, X: pd.DataFrame, y: Floats) -> Self:
        """The contestant with its structure chosen, on the first training part only; all later fits keep it."""
        return self

    @abstractmethod
    def fit(self, X: pd.DataFrame, y: Floats) -> FittedModel:
        """Learn from past origins.

        Args:
            X: one row an origin, in order of time.
            y: shape (n_origins,), log return from each origin's close over the horizon.
        """

    @property
    def params(self) -> Mapping[str, ParamValue]:
        """The settings of the contestant, recorded with its run: its options, unless it says something else."""
        options = {name: getattr(self, name) for name in self.option_names()}
        return {name: value if isinstance(value, ParamValue) else str(value) for name, value in options.items()}

    @classmethod
    def option_names(cls) -> tuple[str, ...]:
        """Its fields beyond those that all contestants of a championship share."""
        shared = {field.name for field in dataclasses.fields(Contestant)}
        return tuple(field.name for field in dataclasses.fields(cls) if field.name not in shared)

    @property
    def lag_names(self) -> list[str]:
        """The lags' columns in X, newest first."""
        return [f"lag_{age}" for age in range(self.n_lags)]


@cache
def pinned(packages: tuple[str, ...]) -> tuple[str, ...]:
    """The packages at the versions installed here, as pip requirements."""
    return tuple(f"{package}=={version(package)}" for package in packages)
