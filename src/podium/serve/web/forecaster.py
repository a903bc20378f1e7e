"""From rows to an answer: the forecast, its bounds, the shadows of the other arms, and the ledger before all of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from podium.errors import MissingError
from podium.ledger.entry import Entry, forecast_columns, new_id
from podium.records import Floats
from podium.serve.hotswap.lineup import ServedModel
from podium.serve.hotswap.scorer import ScoringError
from podium.serve.web.bookkeeping import Bookkeeping
from podium.serve.web.closes import Close
from podium.serve.web.http import RefusedError, unavailable
from podium.serve.web.next_day import bring_interval, is_behind, open_interval
from podium.serve.web.selection import Ask
from podium.serve.web.telemetry import Telemetry
from podium.settings import ServeSettings

INLINE_ROWS = 32  # up to so many rows the event loop scores itself; a thread costs more than that
SHADOW_PATIENCE = 1.0  # seconds for which an answer waits for the shadow of a slow model
MAX_WAITING_SHADOWS = 64  # of slow models; a model that hangs must not gather requests

_NOTHING: Floats = np.array([np.nan])


class Forecaster:
    """Forecasts rows.

    Args:
        options: shadows, and the A/B test's name.
        bookkeeping: the ledger.
        telemetry: counts.

    Attributes:
        problems: one sentence for each model that does not forecast now, by name and version.
    """

    def __init__(self, options: ServeSettings, bookkeeping: Bookkeeping, telemetry: Telemetry) -> None:
        self.problems: dict[str, str] = {}
        self._options, self._bookkeeping, self._telemetry = options, bookkeeping, telemetry
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="podium-score")
        self._shadow_pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="podium-shadow")
        self._shadows_waiting = 0

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False)
        self._shadow_pool.shutdown(wait=False, cancel_futures=True)

    async def answer(self, ask: Ask, X: Floats, close: Close | None, row: int | None) -> Floats:
        """Forecast, in the shadow too, and write it all down.

        Args:
            ask: which model, for whom.
            X: shape (n_rows, n_features) in the order of the model's columns.
            close: the newest stored close.
            row: which row starts from it; None if none does.

        Returns:
            shape (n_rows,), log returns, which are in the ledger, if there is one.

        Raises:
            RefusedError: the model cannot forecast these rows, or the ledger does not take them.
        """
        others = (
            {arm: model for arm, model in ask.lineup.arms.items() if arm != ask.arm} if self._options.shadow else {}
        )
        if close is not None and row is not None and is_behind(ask.model.card, close):
            await asyncio.get_running_loop().run_in_executor(self._pool, bring_interval, ask.model, close)
        if len(X) <= INLINE_ROWS and all(model.scorer.quick for model in (ask.model, *others.values())):
            forecasts = self._score(ask, X)
            shadows = {arm: _of_shadow(X, ask.model, model) for arm, model in others.items()}
        else:
            begun = self._begin_shadows(ask, X, others)
            forecasts = await asyncio.get_running_loop().run_in_executor(self._pool, self._score, ask, X)
            shadows = await _in_time(begun)
        given = {ask.arm: forecasts, **shadows}
        told = [arm for arm, found in given.items() if self._counts(ask, arm, found)]
        if self._bookkeeping.mode != "off":
            name = self._options.ab_test
            await self._bookkeeping.write([_entry(ask, arm, given[arm], close, row, ab_test=name) for arm in told])
        return forecasts

    def _score(self, ask: Ask, X: Floats) -> Floats:
        named = f"{ask.model.card.name}/{ask.model.card.version}"
        try:
            forecasts = ask.model.scorer.score(X)
        except ScoringError as error:
            self.problems[named] = str(error)
            raise unavailable("The model does not forecast now; try again.") from None
        if self.problems:
            self.problems.pop(named, None)
        if not _is_finite(forecasts):
            raise RefusedError(400, "A value is too large: the forecast is not a finite number.")
        return forecasts

    def _counts(self, ask: Ask, arm: str, forecasts: Floats) -> bool:
        """Count an arm's forecasts, and say whether there are any."""
        shadow = arm != ask.arm
        if shadow and not _is_finite(forecasts):
            self._telemetry.failed_shadows.labels(ask.lineup.pair, arm).inc()
            return False
        self._telemetry.forecast(ask.lineup.labels[arm], len(forecasts), shadow=shadow)
        return True

    def _begin_shadows(
        self, ask: Ask, X: Floats, others: Mapping[str, ServedModel]
    ) -> dict[str, asyncio.Future[Floats]]:
        """Shadows forecast beside the model that answers; one that is behind is left out rather than waited for."""
        begun: dict[str, asyncio.Future[Floats]] = {}
        loop = asyncio.get_running_loop()
        for arm, model in others.items():
            if self._shadows_waiting >= MAX_WAITING_SHADOWS:
                begun[arm] = loop.create_future()
                begun[arm].set_result(_NOTHING)
                continue
            self._shadows_waiting += 1
            pool = self._pool if model.scorer.quick else self._shadow_pool
            begun[arm] = loop.run_in_executor(pool, _of_shadow, X, ask.model, model)
            begun[arm].add_done_callback(self._shadow_done)
        return begun

    def _shadow_done(self, _done: asyncio.Future[Floats]) -> None:
        self._shadows_waiting -= 1


async def _in_time(begun: Mapping[str, asyncio.Future[Floats]]) -> dict[str, Floats]:
    if begun:
        await asyncio.wait(begun.values(), timeout=SHADOW_PATIENCE)
    return {arm: future.result() if future.done() else _NOTHING for arm, future in begun.items()}


def _of_shadow(X: Floats, given: ServedModel, wanted: ServedModel) -> Floats:
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


def _entry(ask: Ask, arm: str, forecasts: Floats, close: Close | None, row: int | None, *, ab_test: str) -> Entry:
    """The line of the ledger for an arm's forecasts; a shadow has no interval there."""
    card, shadow = ask.lineup.arms[arm].card, arm != ask.arm
    started = close if row is not None else None
    interval = open_interval(card, started) if started and not shadow else None
    bounds = interval.around(float(forecasts[row or 0])) if interval else {}
    return Entry(
        forecast_id=new_id()[0] if shadow else ask.forecast_id,
        request_id=ask.forecast_id,
        created_at=ask.created_at,
        pair=ask.lineup.pair,
        experiment=ab_test,
        arm=arm,
        shadow=shadow,
        forced=ask.forced,
        model_name=card.name,
        model_version=card.version,
        run_id=card.run_id,
        request_key=ask.key,
        known_through=close.origin if close else None,
        trained_through=ask.lineup.arms[arm].trained_through,
        latency_us=int((time.perf_counter() - ask.started) * 1e6),
        origin=started.origin if started else None,
        target_date=started.target_date if started else None,
        # The widest: what comes true can be compared with the others from there.
        lower=bounds.get("lower_95"),
        upper=bounds.get("upper_95"),
        **forecast_columns(forecasts, row),
    )
