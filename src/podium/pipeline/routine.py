"""What a policy would have done: the monthly routine replayed over the past, for one or many pairs, side by side."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from podium.data.files import atomic_write
from podium.data.store import data_version
from podium.errors import DataError, Fault
from podium.evaluate.policy import check_policy
from podium.evaluate.replay import Replay, replay
from podium.evaluate.walkforward import ScoredRows, walk_forward, walk_together
from podium.features import build_features
from podium.models.combiner import Combiner
from podium.models.roster import enter, enter_all, members
from podium.pipeline.prepare import stored_or_fetched
from podium.records import DataVersion, Forecasts, Series
from podium.registry.log_items import forecasts_parquet, read_forecasts
from podium.runners.local import side_by_side
from podium.settings import Settings

FORMAT = 2  # of stored forecasts; another one is made anew
MIN_REPLAYED_DAYS = 60

Task = tuple[Settings, str, "Routine"]


@dataclass(frozen=True, slots=True)
class Routine:
    """The routine that is replayed.

    Attributes:
        policies: to compare.
        learn_days: origins before the first forecast.
        refit_every: days between two fits; 21 is a month.
        trailing_days: the scored days of each championship.
    """

    policies: tuple[str, ...]
    learn_days: int = 1250
    refit_every: int = 21
    trailing_days: int = 252


@dataclass(frozen=True, slots=True)
class Simulation:
    """What came of each policy on one pair.

    Attributes:
        pair: six capital letters.
        data_version: the exact series.
        contestants: who took part.
        routine: that was replayed.
        first_day: first day that was forecast.
        last_day: last day that was forecast.
        replays: one a policy.
    """

    pair: str
    data_version: DataVersion
    contestants: tuple[str, ...]
    routine: Routine
    first_day: str
    last_day: str
    replays: tuple[Replay, ...]


def simulate(
    settings: Settings, pairs: Sequence[str], routine: Routine, on_done: Callable[[str], None] = lambda name: None
) -> list[Simulation]:
    """Replay the routine on every pair.

    Forecasts made before on the same series with the same settings are read, not made again.

    Args:
        settings: contestants, source, n_lags, seed, alpha.
        pairs: six capital letters each.
        routine: what is replayed.
        on_done: called with `EURUSD LSTM` when that contestant's forecasts are there.

    Raises:
        SettingError: no such policy or contestant.
        DataError: a series is too short.
    """
    for policy in routine.policies:
        check_policy(policy)
    contestants = enter_all(settings)
    each = [settings.model_copy(update={"pair": pair}) for pair in pairs]
    for one in each:
        _days(stored_or_fetched(one), one, routine)  # too short a series is found before any work
    longest_first = sorted(members(settings), key=lambda family: contestants[family].quick)
    tasks = [(one, family, routine) for one in each for family in longest_first]
    forecasts: dict[tuple[str, str], Forecasts] = {}
    with side_by_side(walk_one, tasks, settings.workers) as results:
        for (one, family, _), done in results:
            forecasts[one.pair, family] = done.result()
            on_done(f"{one.pair} {family}")
    for one in each:
        for family, contestant in contestants.items():
            if isinstance(contestant, Combiner):
                among = {other: forecasts[one.pair, other] for other in members(settings)}
                forecasts[one.pair, family], _ = walk_together(contestant, among)
                on_done(f"{one.pair} {family}")
    return [_replayed(one, routine, {name: forecasts[one.pair, name] for name in settings.contestants}) for one in each]


def walk_one(task: Task) -> Forecasts:
    """One contestant's forecasts over one pair's past, in whichever process this is."""
    settings, family, routine = task
    series = stored_or_fetched(settings)
    path = _stored_path(settings, family, series, routine)
    if path.exists():
        return read_forecasts(path.read_bytes())
    table = build_features(series, settings.n_lags, data_version(series))
    walked = walk_forward(enter(family, settings), table, _days(series, settings, routine), routine.refit_every)
    atomic_write(path, forecasts_parquet(walked.forecasts))
    return walked.forecasts


def _replayed(settings: Settings, routine: Routine, forecasts: dict[str, Forecasts]) -> Simulation:
    days = next(iter(forecasts.values())).target_dates
    return Simulation(
        pair=settings.pair,
        data_version=data_version(stored_or_fetched(settings)),
        contestants=tuple(forecasts),
        routine=routine,
        first_day=str(days[0]),
        last_day=str(days[-1]),
        replays=tuple(
            replay(forecasts, policy, trailing_days=routine.trailing_days, alpha=settings.alpha)
            for policy in routine.policies
        ),
    )


def _days(series: Series, settings: Settings, routine: Routine) -> ScoredRows:
    n_known = len(series) - settings.n_lags - 1
    days = ScoredRows(first_scored=routine.learn_days, n_known=n_known)
    if days.n_scored < routine.trailing_days + MIN_REPLAYED_DAYS:
        needed = settings.n_lags + 1 + routine.learn_days + routine.trailing_days + MIN_REPLAYED_DAYS
        remedy = f"at least {needed} are needed; bring more, or lower --learn-days or --trailing-days"
        where = f"{series.pair} from {series.source}"
        raise DataError([Fault(where, "", "enough days to replay", len(series), remedy=remedy)])
    return days


def _stored_path(settings: Settings, family: str, series: Series, routine: Routine) -> Path:
    recipe = dataclasses.asdict(enter(family, settings))
    # a later version of the program may forecast otherwise from the same settings
    parts = [FORMAT, version("podium"), data_version(series), family, recipe, routine.learn_days, routine.refit_every]
    key = hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]
    return settings.data_dir / "simulated" / f"{settings.pair}.{family}.{key}.parquet"
