"""Answering a request: the arm, the forecast, the shadows, the ledger. Knows nothing of HTTP but its refusals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from podium.errors import DataError, MissingError
from podium.ledger.entry import Entry, forecast_columns, new_id
from podium.records import Floats
from podium.serve.hotswap.lineup import Lineup, ServedModel
from podium.serve.hotswap.scorer import ScoringError
from podium.serve.hotswap.swap import Swapper
from podium.serve.processes.options import WorkerConfig
from podium.serve.web.market import Close, Market
from podium.serve.web.next_day import open_interval
from podium.serve.web.recording import Recording
from podium.serve.web.refusal import BAD_REQUEST, MISSING, RefusedError, quoted, unavailable
from podium.serve.web.security import Gate
from podium.serve.web.split import Split
from podium.serve.web.telemetry import Telemetry

INLINE_ROWS = 32  # up to so many rows the event loop scores itself; a thread costs more than that
MAX_KEY = 256  # characters of a request key
SHADOW_PATIENCE = 1.0  # seconds for which an answer waits for the shadow of a slow model
MAX_WAITING_SHADOWS = 64  # of slow models; a model that hangs must not gather requests

_NOTHING: Floats = np.array([np.nan])

LiveErrors = Callable[[], Mapping[tuple[str, str], tuple[float, int]]]
"""RMSE and number of each arm's own settled days, by pair and arm."""


class Ask(NamedTuple):
    """One request, after its body was read.

    Attributes:
        lineup: the models in service when the request came; it is answered from these.
        arm: who answers.
        model: the arm's model.
        forced: whether the client chose the arm.
        forecast_id: names the answer.
        created_at: microseconds since the epoch.
        key: what the arm sticks to.
        started: `time.perf_counter` when the request came.
    """

    lineup: Lineup
    arm: str
    model: ServedModel
    forced: bool
    forecast_id: str
    created_at: int
    key: str
    started: float

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What the answer says about itself."""
        return [
            (b"x-podium-arm", self.arm.encode()),
            *self.model.headers,
            (b"x-podium-forecast-id", self.forecast_id.encode()),
            (b"x-request-key", self.key.encode("latin-1", "replace")),
        ]


class Answer(NamedTuple):
    """Forecasts, and what goes into the ledger before the client gets them.

    Attributes:
        forecasts: shape (n_rows,), log returns.
        entries: of the answer and its shadows.
    """

    forecasts: Floats
    entries: Sequence[Entry]


class Service:
    """Everything that one serving process holds.

    Attributes:
        config: what it was told.
        gate: who may call.
        swapper: the models in service.
        telemetry: what is counted.
        recording: the ledger.
        market: the newest stored closes.
        split: shares of the traffic by arm.
        live_errors: gives the live error of each arm; None gives none.
        in_flight: requests being worked on.
    """

    def __init__(self, config: WorkerConfig, gate: Gate, swapper: Swapper | None = None) -> None:
        self.config = config
        self.options = config.settings.serve
        self.gate = gate
        self.telemetry = Telemetry()
        self.swapper = swapper or Swapper(config.cache)
        self.recording = Recording(self.options, config.settings.ledger, self.telemetry)
        self.market = Market(config.settings.data_dir)
        self.split = Split.parse(self.options.split)
        self.live_errors: LiveErrors | None = None
        self.in_flight = 0
        self.pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="podium-score")
        self.shadow_pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="podium-shadow")
        self._shadows_waiting = 0

    # --- which model --------------------------------------------------------------------------------------------

    @property
    def default_pair(self) -> str:
        """The pair under `/invocations`: the first that was asked for, else the settings', else the only one there."""
        if self.options.pairs:
            return self.options.pairs[0]
        served, ours = self.swapper.lineups, self.config.settings.pair
        return ours if ours in served or len(served) != 1 else next(iter(served))

    def lineup(self, pair: str) -> Lineup:
        """The models in service for a pair.

        Raises:
            RefusedError: 503 while a pair that is to be served has no champion yet, 404 for any other.
        """
        found = self.swapper.lineups.get(pair)
        if found is not None:
            return found
        if pair == self.default_pair or pair in self.options.pairs:
            raise unavailable(f"{pair} has no champion that can be served; run podium evaluate.", retry_after=5)
        raise RefusedError(404, f"The pair {quoted(pair)} is not served here.", MISSING)

    def ask(self, lineup: Lineup, key: str | None, forced: str | None, started: float) -> Ask:
        """Choose the arm, by the key or as the client says.

        Args:
            lineup: the pair's models.
            key: the client's request key; None gives the forecast id that part.
            forced: the arm that the client wants.
            started: when the request came.

        Raises:
            RefusedError: 400, the key is too long, or there is no such arm.
        """
        forecast_id, created_at = new_id()
        if key is not None and not 0 < len(key) <= MAX_KEY:
            raise RefusedError(400, f"X-Request-Key: a key has 1 to {MAX_KEY} characters.", BAD_REQUEST)
        key = key or forecast_id
        if forced is not None:
            if forced not in lineup.arms:
                arms = ", ".join(lineup.arms)
                raise RefusedError(400, f"X-Podium-Arm: there is no arm {quoted(forced)} now; there is {arms}.")
            return Ask(lineup, forced, lineup.arms[forced], True, forecast_id, created_at, key, started)
        arm = self.split.arm(self.options.ab_test, self.options.salt, key) if len(self.split.arms) > 1 else "champion"
        if arm not in lineup.arms:
            arm = "champion"  # nobody holds that rank now
        return Ask(lineup, arm, lineup.arms[arm], False, forecast_id, created_at, key, started)

    # --- forecasts ----------------------------------------------------------------------------------------------

    def check_room(self) -> None:
        """Take no more than can be worked on.

        Raises:
            RefusedError: 503, too many requests are being worked on.
        """
        if self.in_flight >= self.options.max_in_flight:
            raise unavailable("The server is full; try again.")

    def quick(self, ask: Ask, n_rows: int) -> bool:
        """Whether the event loop may do it itself: a few rows, and no model that is slow."""
        models = ask.lineup.arms.values() if self.options.shadow else (ask.model,)
        return n_rows <= INLINE_ROWS and all(model.scorer.quick for model in models)

    async def answer(self, ask: Ask, X: Floats, close: Close | None, row: int | None) -> Answer:
        """Forecast, in the shadow too, and write it all down.

        Args:
            ask: which model, for whom.
            X: shape (n_rows, n_features) in the order of the model's columns.
            close: the newest stored close.
            row: which row starts from it; None if none does.

        Raises:
            RefusedError: the model cannot forecast these rows, or the ledger does not take them.
        """
        if self.quick(ask, len(X)):
            answer = self.forecast(ask, X, close, row)
        else:
            slow = self._begin_slow_shadows(ask, X)
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self.pool, self.forecast, ask, X, close, row)
            if slow:
                answer = answer._replace(entries=[*answer.entries, *await self._slow_shadows(ask, slow, close, row)])
        if answer.entries:
            await self.recording.write(answer.entries)
        return answer

    def forecast(self, ask: Ask, X: Floats, close: Close | None, row: int | None) -> Answer:
        """What `answer` does before the ledger.

        Raises:
            RefusedError: the model cannot forecast these rows.
        """
        named = f"{ask.model.card.name}/{ask.model.card.version}"
        try:
            forecasts = ask.model.scorer.score(X)
        except ScoringError as error:
            self.swapper.problems[named] = str(error)
            raise unavailable("The model does not forecast now; try again.") from None
        if self.swapper.problems:
            self.swapper.problems.pop(named, None)
        if not _is_finite(forecasts):
            raise RefusedError(400, "A value is too large: the forecast is not a finite number.")
        model, kept = ask.model, self.recording.mode != "off"
        self.telemetry.forecast(ask.lineup.labels[ask.arm], len(X))
        interval = open_interval(model.card, close) if kept and close is not None and row is not None else None
        bounds = interval.around(float(forecasts[row or 0])) if interval else {}
        columns = _forecast_columns(forecasts, close, row, bounds) if kept else {}
        entries = [self._entry(ask, ask.arm, columns, close.origin if close else None)] if kept else []
        if self.options.shadow:
            entries += self._shadows(ask, X, close, row)
        return Answer(forecasts, entries)

    def _shadows(self, ask: Ask, X: Floats, close: Close | None, row: int | None) -> list[Entry]:
        """Entries of the other arms; one that fails is counted, and takes nothing from the client's answer."""
        entries: list[Entry] = []
        for arm, model in ask.lineup.arms.items():
            if arm != ask.arm and model.scorer.quick:
                entries += self._shadow(ask, arm, _shadow_forecasts(X, ask.model, model), close, row)
        return entries

    def _shadow(self, ask: Ask, arm: str, forecasts: Floats, close: Close | None, row: int | None) -> list[Entry]:
        if not _is_finite(forecasts):
            self.telemetry.failed_shadows.labels(ask.lineup.pair, arm).inc()
            return []
        self.telemetry.forecast(ask.lineup.labels[arm], len(forecasts), shadow=True)
        if self.recording.mode == "off":
            return []
        columns = _forecast_columns(forecasts, close, row, {})
        return [self._entry(ask, arm, columns, close.origin if close else None)]

    def _begin_slow_shadows(self, ask: Ask, X: Floats) -> dict[str, asyncio.Future[Floats]]:
        """Slow models forecast beside the one that answers; one that is behind is left out rather than waited for."""
        begun: dict[str, asyncio.Future[Floats]] = {}
        if not self.options.shadow:
            return begun
        for arm, model in ask.lineup.arms.items():
            if arm == ask.arm or model.scorer.quick:
                continue
            if self._shadows_waiting >= MAX_WAITING_SHADOWS:
                self.telemetry.failed_shadows.labels(ask.lineup.pair, arm).inc()
                continue
            self._shadows_waiting += 1
            begun[arm] = asyncio.get_running_loop().run_in_executor(
                self.shadow_pool, _shadow_forecasts, X, ask.model, model
            )
            begun[arm].add_done_callback(self._shadow_done)
        return begun

    def _shadow_done(self, _done: asyncio.Future[Floats]) -> None:
        self._shadows_waiting -= 1

    async def _slow_shadows(
        self, ask: Ask, begun: Mapping[str, asyncio.Future[Floats]], close: Close | None, row: int | None
    ) -> list[Entry]:
        await asyncio.wait(begun.values(), timeout=SHADOW_PATIENCE)
        entries: list[Entry] = []
        for arm, future in begun.items():
            entries += self._shadow(ask, arm, future.result() if future.done() else _NOTHING, close, row)
        return entries

    def _entry(self, ask: Ask, arm: str, columns: Mapping[str, Any], known_through: str | None) -> Entry:
        card, shadow = ask.lineup.arms[arm].card, arm != ask.arm
        return Entry(
            forecast_id=new_id()[0] if shadow else ask.forecast_id,
            request_id=ask.forecast_id,
            created_at=ask.created_at,
            pair=ask.lineup.pair,
            experiment=self.options.ab_test,
            arm=arm,
            shadow=shadow,
            forced=ask.forced,
            model_name=card.name,
            model_version=card.version,
            run_id=card.run_id,
            request_key=ask.key,
            known_through=known_through,
            trained_through=ask.lineup.arms[arm].trained_through,
            latency_us=int((time.perf_counter() - ask.started) * 1e6),
            **columns,
        )

    async def next_day(self, pair: str) -> Close:
        """The newest stored close of a pair.

        Raises:
            RefusedError: 503, there is none that can be read.
        """
        known = self.market.known(pair)
        if known is not None and not self.market.due(pair):
            return known
        try:
            return await asyncio.get_running_loop().run_in_executor(None, self.market.newest, pair)
        except MissingError:
            raise unavailable(f"There are no stored rates of {pair} yet; run podium ingest.", retry_after=60) from None
        except DataError:
            raise unavailable(f"The stored rates of {pair} cannot be read; run podium ingest.", 60) from None


def _forecast_columns(
    forecasts: Floats, close: Close | None, row: int | None, bounds: Mapping[str, float]
) -> dict[str, Any]:
    # The range that the ledger keeps is the widest one: what comes true can be compared with the others from there.
    lower = min((value for name, value in bounds.items() if name.startswith("lower")), default=None)
    upper = max((value for name, value in bounds.items() if name.startswith("upper")), default=None)
    days = (close.origin, close.target_date) if close is not None and row is not None else (None, None)
    if len(forecasts) == 1:
        return {
            "forecast": float(forecasts[0]),
            "origin": days[0],
            "target_date": days[1],
            "lower": lower,
            "upper": upper,
        }
    origins: list[str | None] = [None] * len(forecasts)
    targets = list(origins)
    if row is not None:
        origins[row], targets[row] = days
    return forecast_columns(forecasts, origin=origins, target_date=targets)


def _shadow_forecasts(X: Floats, given: ServedModel, wanted: ServedModel) -> Floats:
    """Forecasts of another model for the same rows; NaN where it gives none."""
    try:
        return wanted.scorer.score(_translated(X, given, wanted))
    except (ScoringError, MissingError):
        return _NOTHING


def _translated(X: Floats, given: ServedModel, wanted: ServedModel) -> Floats:
    """X in another model's columns."""
    names, columns = given.card.features, wanted.card.features
    if names == columns:
        return X
    missing = next((name for name in columns if name not in names), None)
    if missing is not None:
        raise MissingError(f"the request was read for {given.card.name}, which does not take {missing}")
    return np.ascontiguousarray(X[:, [names.index(name) for name in columns]])


def _is_finite(values: Floats) -> bool:
    # One forecast is the usual case, and a comparison of one number is far quicker than any array operation.
    if len(values) == 1:
        return bool(-np.inf < values[0] < np.inf)
    return bool(np.isfinite(values).all())
