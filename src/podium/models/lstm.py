"""LSTM: a small recurrent network on the lags as a sequence, in Keras on TensorFlow."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from podium.environment import TENSORFLOW, lent, put_off
from podium.models.base import Contestant, FittedModel, Flavor, ParamValue, pinned
from podium.models.onnx_graph import lstm_graph
from podium.records import Floats

if TYPE_CHECKING:
    import pandas as pd

Weights = list[NDArray[np.float32]]

KERAS_REQUIREMENTS = ("mlflow", "keras", "numpy", "pandas")
# Linux on x86-64 has a build without CUDA under a name of its own.
TENSORFLOW_REQUIREMENTS = (
    "tensorflow-cpu=={} ; sys_platform == 'linux' and platform_machine == 'x86_64'",
    "tensorflow=={} ; sys_platform != 'linux' or platform_machine != 'x86_64'",
)
# They bring scikit-learn, SciPy's statistics and Matplotlib: a third of the time that importing Keras takes.
ASIDE = [f"{keras}.{part}" for keras in ("keras", "keras.src") for part in ("visualization", "wrappers")]


def import_keras() -> Any:
    """Keras on TensorFlow, without the start-up chatter of either; no setting of theirs or of Python's is changed."""
    numbers = random.getstate()  # TensorFlow draws some when it is imported
    with lent(TENSORFLOW), put_off(*ASIDE):
        import keras
        import tensorflow as tf  # noqa: F401 - reads its variables now
    random.setstate(numbers)
    return keras


def _seeds(seed: int) -> Iterator[int]:
    """A seed for each random part; Keras would draw them from Python's own `random`, which others use too."""
    source = random.Random(seed)  # noqa: S311 - first weights are no secret
    return iter(lambda: source.randint(1, 10**9), None)


class LstmModel(FittedModel):
    """A fitted network: forecasts are `scale * network(lags / scale)`, oldest return first.

    Attributes:
        scale: standard deviation of the training returns.
        weights: of the LSTM (kernel, recurrent kernel, bias) and of the output layer (kernel, bias).
    """

    flavor: Flavor = "tensorflow"  # type: ignore[misc]

    def __init__(
        self, network: Network, names: tuple[str, ...], weights: Weights, scale: float, curve: Mapping[str, Floats]
    ) -> None:
        import tensorflow as tf

        self._network, self._names, self.weights, self.scale, self._curve = network, names, weights, scale, dict(curve)
        self.pip_requirements = (
            *pinned(KERAS_REQUIREMENTS),
            *(line.format(tf.__version__) for line in TENSORFLOW_REQUIREMENTS),
        )

    @property
    def learning_curve(self) -> Mapping[str, Floats]:
        """Mean squared error by epoch on scaled returns, of the training part and of its held-out tail."""
        return self._curve

    @property
    def params(self) -> Mapping[str, ParamValue]:
        """Epochs run and the one whose weights were kept."""
        validation = self._curve["validation"]
        return {"epochs": len(validation), "best_epoch": int(np.argmin(validation)) + 1}

    def predict(self, X: pd.DataFrame) -> Floats:
        """Forecast log returns, shape (n_origins,)."""
        sequences = self._network.sequences(X) / np.float32(self.scale)
        return self._network.forecast(self.weights, sequences).astype(np.float64) * self.scale

    @cached_property
    def native(self) -> Any:
        """A Keras model of the whole X; it finds the lags by place, as tensors have no column names."""
        keras = import_keras()
        X = keras.Input((len(self._names),), dtype="float64", name="X")
        columns = [self._names.index(name) for name in reversed(self._network.lag_names)]
        lags = keras.ops.take(X, columns, axis=1)  # (n_origins, n_lags), oldest first
        scaled = keras.layers.Rescaling(1 / self.scale, dtype="float32")(lags)
        # zeros, since random first weights would move Python's own `random` here and wherever the model is loaded
        recurrent = keras.layers.LSTM(
            self._network.units, kernel_initializer="zeros", recurrent_initializer="zeros", seed=0
        )
        output = keras.layers.Dense(1, kernel_initializer="zeros")
        answer = output(recurrent(keras.ops.expand_dims(scaled, -1)))  # (n_origins, 1)
        forecast = keras.layers.Rescaling(self.scale, dtype="float64")(keras.ops.squeeze(answer, -1))
        model = keras.Model(X, forecast)
        recurrent.set_weights(self.weights[:3])
        output.set_weights(self.weights[3:])
        return model

    def onnx(self, names: tuple[str, ...]) -> bytes:
        """The network as ONNX's own LSTM operator, in float32 between float64 ends."""
        return lstm_graph(names, self._network.lag_names, self.weights, self.scale)


class Network:
    """A network and its optimiser, built and traced once: every fit puts the first weights back and begins anew.

    An epoch is one graph: `fit` of Keras spends a third of its time between batches as small as these.
    """

    def __init__(self, lag_names: list[str], units: int, learning_rate: float, seed: int) -> None:
        keras = import_keras()
        import tensorflow as tf

        self.lag_names, self.units, self._seed = lag_names, units, seed
        seeds, first = _seeds(seed), keras.initializers
        recurrent = keras.layers.LSTM(
            units,
            kernel_initializer=first.GlorotUniform(next(seeds)),
            recurrent_initializer=first.Orthogonal(seed=next(seeds)),
            seed=next(seeds),
        )
        output = keras.layers.Dense(1, kernel_initializer=first.GlorotUniform(next(seeds)))
        self._keras = keras.Sequential([keras.Input((len(lag_names), 1)), recurrent, output])
        self._optimizer = keras.optimizers.Adam(learning_rate)
        self._optimizer.build(self._keras.trainable_variables)
        self._first = [variable.numpy() for variable in self._variables]
        rows, answers = tf.TensorSpec((None, len(lag_names), 1)), tf.TensorSpec((None, 1))
        batches = tf.TensorSpec((None, None), tf.int64)
        # As they are written: translating Python's own loops first takes as long as tracing the graphs.
        self._epoch = tf.function(self._train_on_batches, (rows, answers, batches), autograph=False)
        self._answers = tf.function(self._keras, (rows,), autograph=False)

    @property
    def _variables(self) -> list[Any]:
        return [*self._keras.variables, *self._optimizer.variables]

    def sequences(self, X: pd.DataFrame) -> NDArray[np.float32]:
        """The lags as sequences, oldest return first, shape (n_origins, n_lags, 1)."""
        return X[self.lag_names[::-1]].to_numpy(dtype=np.float32)[:, :, np.newaxis]

    def train(
        self,
        sequences: NDArray[np.float32],
        targets: NDArray[np.float32],
        *,
        n_validation: int,
        epochs: int,
        patience: int,
        batch_size: int,
    ) -> tuple[Weights, dict[str, Floats]]:
        """Train from the first weights with early stopping on the last rows; the best epoch's weights and the curve."""
        for variable, first in zip(self._variables, self._first, strict=True):
            variable.assign(first)
        known, held_out = slice(None, -n_validation), slice(-n_validation, None)
        data = sequences[known], targets[known, np.newaxis]
        order = np.random.default_rng(self._seed)
        training: list[float] = []
        validation: list[float] = []
        best = self._keras.get_weights()
        while len(validation) < epochs and len(validation) - _best_epoch(validation) < patience:
            training.append(float(self._epoch(*data, _batches(order, len(data[0]), batch_size))))
            errors = self._answers(sequences[held_out]).numpy()[:, 0] - targets[held_out]
            validation.append(float(np.mean(errors**2, dtype=np.float64)))
            if _best_epoch(validation) == len(validation):
                best = self._keras.get_weights()
        return best, {"training": np.array(training), "validation": np.array(validation)}

    def _train_on_batches(self, sequences: Any, targets: Any, batches: Any) -> Any:
        """One epoch: a step of the optimiser for each row of `batches`, which holds row numbers; the mean loss."""
        import tensorflow as tf

        weights, n_batches = self._keras.trainable_variables, tf.shape(batches)[0]

        def step(batch: Any, total: Any) -> tuple[Any, Any]:
            rows = batches[batch]
            with tf.GradientTape() as tape:
                answers = self._keras(tf.gather(sequences, rows), training=True)
                loss = tf.reduce_mean(tf.square(answers - tf.gather(targets, rows)))
            self._optimizer.apply(tape.gradient(loss, weights), weights)
            return batch + 1, total + loss

        _, total = tf.while_loop(lambda batch, total: batch < n_batches, step, (0, 0.0))
        return total / tf.cast(n_batches, tf.float32)

    def forecast(self, weights: Weights, sequences: NDArray[np.float32]) -> NDArray[np.float32]:
        """Forecasts of scaled returns with given weights, shape (n_origins,)."""
        self._keras.set_weights(weights)
        answers: NDArray[np.float32] = self._answers(sequences).numpy()[:, 0]
        return answers


@lru_cache(maxsize=4)
def _network(lag_names: tuple[str, ...], units: int, learning_rate: float, seed: int) -> Network:
    """One network for all contestants of a shape in a process: building and tracing it takes longer than a fit."""
    return Network(list(lag_names), units, learning_rate, seed)


def _best_epoch(losses: list[float]) -> int:
    """The first epoch with the lowest loss, counted from one; 0 before any."""
    return losses.index(min(losses)) + 1 if losses else 0


def _batches(order: np.random.Generator, n_rows: int, batch_size: int) -> NDArray[np.int64]:
    """Row numbers in a new order, shape (n_batches, rows a batch); a rest too small for a batch waits an epoch."""
    size = min(batch_size, n_rows)
    return order.permutation(n_rows)[: n_rows // size * size].reshape(-1, size)


@dataclass(frozen=True)
class LstmContestant(Contestant):
    """One LSTM layer and a linear output on standardised returns."""

    units: Annotated[int, Field(ge=1, le=4096, description="size of the LSTM's state")] = 16
    learning_rate: Annotated[float, Field(gt=0, le=1, description="of Adam")] = 5e-3
    epochs: Annotated[int, Field(ge=1, description="at most so many passes over the training part")] = 8
    patience: Annotated[int, Field(ge=1, description="passes without a better held-out loss before it stops")] = 2
    batch_size: Annotated[int, Field(ge=1, description="rows a step")] = 512
    validation_fraction: Annotated[
        float, Field(gt=0, le=0.5, description="share of the training part, its tail, that decides when to stop")
    ] = 0.1

    family: ClassVar[str] = "LSTM"
    description: ClassVar[str] = (
        "One LSTM layer over the lagged returns, early stopping on the tail of the training part."
    )

    @property
    def params(self) -> Mapping[str, ParamValue]:
        """Layers and training settings."""
        return {
            "layers": f"LSTM({self.units}),Dense(1)",
            "learning_rate": self.learning_rate,
            "max_epochs": self.epochs,
            "patience": self.patience,
            "batch_size": self.batch_size,
            "validation_fraction": self.validation_fraction,
        }

    @cached_property
    def _network(self) -> Network:
        return _network(tuple(self.lag_names), self.units, self.learning_rate, self.seed)

    def warm_up(self) -> None:
        """Keras and TensorFlow."""
        import_keras()

    def fit(self, X: pd.DataFrame, y: Floats) -> LstmModel:
        """Train from the seeded first weights; the tail of the rows decides when to stop."""
        scale = float(np.std(y))
        weights, curve = self._network.train(
            self._network.sequences(X) / np.float32(scale),
            (y / scale).astype(np.float32),
            n_validation=max(1, int(len(y) * self.validation_fraction)),
            epochs=self.epochs,
            patience=self.patience,
            batch_size=self.batch_size,
        )
        return LstmModel(self._network, tuple(X.columns), weights, scale, curve)
