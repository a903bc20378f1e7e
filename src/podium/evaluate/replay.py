"""What would a policy have done? A replay of the monthly routine over stored out-of-sample forecasts. Pure.

At the last scored day of each month the contestants are ranked and the policy decides, from nothing but the days whose
outcome was known at that close; until the next look the champion's forecasts are the ones that are served. The
decision is taken by `policy.decide` itself, so that the replay cannot drift away from the product.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from podium.errors import InputError
from podium.evaluate.density import score_skill
from podium.evaluate.evidence import prove
from podium.evaluate.policy import Decision, Incumbent, decide
from podium.evaluate.significance import point_scores
from podium.records import Dates, Floats, Forecasts

TRAILING_DAYS = 252


@dataclass(frozen=True, slots=True)
class Reign:
    """The time for which one contestant was served without a break.

    Attributes:
        champion: its name.
        since: last day known when it took the title.
        until: last day on which its forecast was served.
        n_days: days served.
        regretted: whether the champion before had a smaller squared error over these days; false for the first.
    """

    champion: str
    since: np.datetime64
    until: np.datetime64
    n_days: int
    regretted: bool


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of one policy.

    Attributes:
        policy: its name.
        looks: how many championships were held.
        title_changes: how often the title went from one contestant to another; the first title does not count.
        regretted: changes after which the dethroned champion had the smaller squared error over the new one's reign.
        reigns: in order of time.
        verdicts: how often each word was said.
        served_days: days on which a champion was served.
        rmse: of always serving the champion, in log returns.
        loss_vs_random_walk: sum of squared errors of always serving the champion over that of the random walk,
            minus 1: 0.01 is 1 % worse. None for a series that does not move.
        t_vs_random_walk: t statistic of that difference, HAC (Diebold and Mariano 1995); None where it never differs.
        loss_vs_contestant: the same against serving one fixed contestant all the time, by name.
        cumulative_gain: shape (served_days,), running sum of the random walk's squared error minus the champion's
            (Goyal and Welch 2008); it rises while the champion is better.
        dates: shape (served_days,), the days forecast.
    """

    policy: str
    looks: int
    title_changes: int
    regretted: int
    reigns: tuple[Reign, ...]
    verdicts: Mapping[str, int]
    served_days: int
    rmse: float
    loss_vs_random_walk: float | None
    t_vs_random_walk: float | None
    loss_vs_contestant: Mapping[str, float | None]
    cumulative_gain: Floats
    dates: Dates


def replay(
    forecasts: Mapping[str, Forecasts], policy: str, *, trailing_days: int = TRAILING_DAYS, alpha: float = 0.05
) -> Replay:
    """Hold a championship at each month end of the past.

    Args:
        forecasts: out-of-sample, by contestant, of the same days; those of day t made by models that had seen nothing
            after its origin.
        policy: a policy of `decide`.
        trailing_days: length of the scored days at each look, the days on which the contestants are ranked.
        alpha: of the policy.

    Raises:
        SettingError: no such policy.
        InputError: no contestant, days that differ, too few of them for two looks, or an alpha outside (0, 1).
    """
    days = _same_days(forecasts)
    looks = month_ends(days, trailing_days)
    incumbent: Incumbent | None = None
    champions: list[str] = []
    verdicts: Counter[str] = Counter()
    for look in looks:
        decision = _hold(forecasts, int(look), policy, incumbent, trailing_days=trailing_days, alpha=alpha)
        verdicts[decision.verdict] += 1
        name = decision.podium[0]
        if incumbent is None or name != incumbent.name:
            incumbent = Incumbent(name, days[look])
        champions.append(name)
    return _tally(forecasts, policy, looks, champions, verdicts)


def _same_days(forecasts: Mapping[str, Forecasts]) -> Dates:
    """The days that all of them are for."""
    if not forecasts:
        raise InputError("nothing to replay; name at least one contestant")
    first = next(iter(forecasts.values()))
    for name, rows in forecasts.items():
        if not np.array_equal(rows.origins, first.origins):
            raise InputError(f"{name} was scored on other days; score all contestants on the same days")
    return first.target_dates


def month_ends(target_dates: Dates, trailing_days: int) -> NDArray[np.intp]:
    """Rows of the last day forecast in each month, from the first with `trailing_days` behind it.

    The last month is left out: whether it is over cannot be known, and no day after it could be served.

    Args:
        target_dates: shape (n_days,), increasing, at least two looks long.
        trailing_days: days on which the contestants are ranked, at least 2.

    Raises:
        InputError: fewer than two looks.
    """
    months = target_dates.astype("datetime64[M]")
    ends = np.flatnonzero(months[1:] != months[:-1])
    looks = ends[ends >= trailing_days - 1]
    if trailing_days < 2 or len(looks) < 2:
        raise InputError(
            f"{len(months)} days of forecasts, ranked on {trailing_days}: too few for two month ends; "
            "bring more days or rank on fewer"
        )
    return looks


def _hold(
    forecasts: Mapping[str, Forecasts],
    look: int,
    policy: str,
    incumbent: Incumbent | None,
    *,
    trailing_days: int,
    alpha: float,
) -> Decision:
    # The outcome of row `look` is known at this close, and no later one.
    scored = slice(look + 1 - trailing_days, look + 1)
    known = {name: rows.part(slice(look + 1)) for name, rows in forecasts.items()}
    return decide(
        {name: point_scores(rows.actual[scored], rows.forecast[scored]) for name, rows in forecasts.items()},
        known,
        proofs={name: prove(name, rows, alpha / len(known)) for name, rows in known.items()},
        policy=policy,
        incumbent=incumbent,
        alpha=alpha,
    )


def _tally(
    forecasts: Mapping[str, Forecasts],
    policy: str,
    looks: NDArray[np.intp],
    champions: Sequence[str],
    verdicts: Mapping[str, int],
) -> Replay:
    days, first = next(iter(forecasts.values())), int(looks[0]) + 1
    squares = {name: (rows.actual - rows.forecast) ** 2 for name, rows in forecasts.items()}
    served = np.concatenate([squares[name][start:stop] for name, start, stop in _spans(champions, looks, len(days))])
    walk = days.actual[first:] ** 2
    reigns = _reigns(days.target_dates, squares, looks, champions)
    return Replay(
        policy=policy,
        looks=len(looks),
        title_changes=len(reigns) - 1,
        regretted=sum(reign.regretted for reign in reigns),
        reigns=reigns,
        verdicts=dict(verdicts),
        served_days=len(served),
        rmse=float(np.sqrt(np.mean(served))),
        loss_vs_random_walk=_excess(served, walk),
        t_vs_random_walk=_t(served, walk),
        loss_vs_contestant={name: _excess(served, values[first:]) for name, values in squares.items()},
        cumulative_gain=np.cumsum(walk - served),
        dates=days.target_dates[first:],
    )


def _reigns(
    target_dates: Dates, squares: Mapping[str, Floats], looks: NDArray[np.intp], champions: Sequence[str]
) -> tuple[Reign, ...]:
    changed = [i for i, name in enumerate(champions) if i == 0 or name != champions[i - 1]]
    names = [champions[i] for i in changed]
    reigns: list[Reign] = []
    for name, start, stop in _spans(names, looks[changed], len(target_dates)):
        before = reigns[-1].champion if reigns else None
        regretted = before is not None and bool(squares[before][start:stop].sum() < squares[name][start:stop].sum())
        since, until = target_dates[start - 1], target_dates[stop - 1]
        reigns.append(Reign(name, since, until, stop - start, regretted))
    return tuple(reigns)


def _spans(names: Sequence[str], looks: NDArray[np.intp], n_days: int) -> list[tuple[str, int, int]]:
    # A champion serves from the day after its look to the next look's day.
    stops = [*(int(look) + 1 for look in looks[1:]), n_days]
    return [(name, int(look) + 1, stop) for name, look, stop in zip(names, looks, stops, strict=True)]


def _t(loss: Floats, benchmark: Floats) -> float | None:
    """Of the mean of loss minus benchmark; positive is worse than the benchmark."""
    found = score_skill(loss, benchmark).t if benchmark.any() else None
    return None if found is None else -found


def _excess(loss: Floats, benchmark: Floats) -> float | None:
    total = float(benchmark.sum())
    return None if total == 0 else float(loss.sum()) / total - 1
