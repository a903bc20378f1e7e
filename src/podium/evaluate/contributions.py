"""Why a forecast is what it is, and why it is another than yesterday's: from a model's answers alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from podium.records import Floats

Model = Callable[[Floats], Floats]
"""Forecasts, shape (n_rows,), of X, shape (n_rows, n_features)."""

EXACT: Final = 1e-12  # log return up to which parts must add up to the whole


@dataclass(frozen=True, slots=True)
class Contributions:
    """The parts of an affine model's forecast, which add up to it.

    Attributes:
        constant: what it forecasts where every column is zero.
        columns: what each column adds, by name.
    """

    constant: float
    columns: Mapping[str, float]

    @property
    def total(self) -> float:
        """The forecast."""
        return self.constant + sum(self.columns.values())


@dataclass(frozen=True, slots=True)
class Change:
    """A forecast against the one before, in log return; `data + model` is the difference.

    Attributes:
        earlier: name of the model that forecast before.
        later: of the one that forecasts now.
        before: the earlier forecast, by the earlier model on the earlier row.
        now: by the later model on the later row.
        data: what the rates between moved: the earlier model on the later row, less its earlier forecast.
        model: what the model's change moved: both models on the later row.
    """

    earlier: str
    later: str
    before: float
    now: float
    data: float
    model: float


def change(earlier: tuple[str, Model], later: tuple[str, Model], X: Floats) -> Change:
    """What moved a forecast; it holds for any two models.

    Args:
        earlier: name and model that forecast from the earlier row.
        later: that forecast from the later one; the same where nothing has changed.
        X: shape (2, n_features), the earlier row and the later one.
    """
    before, unchanged = (float(said) for said in earlier[1](X))
    now = unchanged if earlier[0] == later[0] else float(later[1](X)[-1])
    return Change(earlier[0], later[0], before=before, now=now, data=unchanged - before, model=now - unchanged)


def contributions(model: Model, names: Sequence[str], row: Floats) -> Contributions | None:
    """What each column adds to a forecast; None of a model that is not affine.

    An affine model is known by its answers at zero and at each column alone. Whether it is one is seen by the sum, of
    the row and of the row turned round.

    Args:
        model: what forecasts.
        names: of the columns of X.
        row: shape (n_features,).
    """
    constant, forecast, opposite, *alone = model(np.vstack([np.zeros_like(row), row, -row, np.eye(len(row))]))
    parts = (np.array(alone) - constant) * row
    off = np.abs([constant + parts.sum() - forecast, constant - parts.sum() - opposite])
    if not np.all(off <= EXACT):
        return None
    return Contributions(float(constant), dict(zip(names, parts.tolist(), strict=True)))
