"""What intervals were worth on the scored days: their coverage and its tests, their width, and the density's skill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from podium.evaluate.conformal import STATES, state_of
from podium.evaluate.density import (
    Flags,
    conditional_coverage,
    crps,
    dynamic_quantile,
    independence,
    kupiec,
    score_skill,
    winkler,
)
from podium.evaluate.horizons import COMBINATION, VolatilityPath
from podium.evaluate.significance import TestResult
from podium.evaluate.volatility.walk import BENCHMARK, MODELS
from podium.records import Floats

COVERAGES: Final = (0.80, 0.95)
COVERED: Final = "coverage_"  # before the name of a metric of `by_volatility`
LEAGUE: Final = "crps_skill_"  # before that of one of `league`


@dataclass(frozen=True, slots=True)
class IntervalScores:
    """What a contestant's intervals were worth on the scored days. `None` where `notes` says why it cannot be computed.

    Attributes:
        coverage_80: share of outcomes inside the 80 % interval; likewise 95.
        kupiec_p_80: is that share compatible with 80 %?
        independence_p_80: do the misses come independently of each other (Christoffersen)?
        christoffersen_p_80: both at once, conditional coverage.
        width_80: mean width, in log return.
        winkler_80: mean interval score, in log return; lower is better.
        crps: mean continuous ranked probability score, in log return; lower is better.
        quantile_loss_80: mean loss of its two bounds as quantiles, in log return; lower is better.
        dq_p_80: can a miss be foretold from the misses before it or from the width (Engle and Manganelli)?
        crps_skill: 1 - crps / crps of the same point forecasts with the benchmark's deviation and fitted tails.
        crps_skill_t: t statistic of that difference, HAC.
        volatility_model: the one believed for the next day.
        notes: why a number is missing, by its name.
        benchmark: whose deviation `crps_skill` is measured against.
        by_volatility: share of outcomes inside, by `calm_80` and so on: the thirds of the scored days by the
            volatility that was forecast for them.
        league: `crps_skill` of every volatility model by itself, by its name.
    """

    coverage_80: float
    coverage_95: float
    kupiec_p_80: float | None
    kupiec_p_95: float | None
    independence_p_80: float | None
    independence_p_95: float | None
    christoffersen_p_80: float | None
    christoffersen_p_95: float | None
    width_80: float
    width_95: float
    winkler_80: float
    winkler_95: float
    crps: float
    crps_skill: float
    crps_skill_t: float | None
    volatility_model: str
    notes: Mapping[str, str]
    benchmark: str = "constant"  # that of the first release, which recorded none
    quantile_loss_80: float | None = None
    quantile_loss_95: float | None = None
    dq_p_80: float | None = None
    dq_p_95: float | None = None
    by_volatility: Mapping[str, float] = field(default_factory=dict)
    league: Mapping[str, float] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """Every number that could be computed, by the name under which a run records it."""
        own = {f.name: value for f in fields(self) if isinstance(value := getattr(self, f.name), float)}
        return (
            own
            | {f"{COVERED}{name}": share for name, share in self.by_volatility.items()}
            | {f"{LEAGUE}{name}": skill for name, skill in self.league.items()}
        )

    @classmethod
    def recorded(
        cls, metrics: Mapping[str, float], volatility_model: str, notes: Mapping[str, str]
    ) -> IntervalScores | None:
        """What a run's metrics say; None where it recorded no intervals."""
        if "coverage_80" not in metrics:
            return None
        own: dict[str, Any] = {f.name: metrics.get(f.name) for f in fields(cls)}
        league = {model: metrics[f"{LEAGUE}{model}"] for model in MODELS if f"{LEAGUE}{model}" in metrics}
        covered = {
            name: metrics[f"{COVERED}{name}"]
            for state in STATES
            for coverage in COVERAGES
            if f"{COVERED}{(name := f'{state}_{_percent(coverage)}')}" in metrics
        }
        benchmark = BENCHMARK if league else "constant"  # of the first release
        found = {"volatility_model": volatility_model, "notes": notes, "benchmark": benchmark}
        return cls(**{**own, **found, "by_volatility": covered, "league": league})


def interval_scores(
    path: VolatilityPath, rows: NDArray[np.intp], point: Floats, bounds: Mapping[str, Floats]
) -> IntervalScores:
    """Every score and test of the intervals of one contestant.

    Args:
        path: the volatility believed, for one horizon.
        rows: of the path, those with an outcome that are scored.
        point: shape (n_walk,), point forecasts.
        bounds: by `lower_80` and so on: shape (n_walk,), in log return.
    """
    outcome, mean = path.outcome[rows], point[rows]
    numbers: dict[str, float | None] = {}
    notes: dict[str, str] = {}
    by_volatility: dict[str, float] = {}
    thirds = state_of(path.sigma[rows], np.quantile(path.sigma[rows], [1 / 3, 2 / 3]).tolist())
    for coverage in COVERAGES:
        name = _percent(coverage)
        lower, upper = bounds[f"lower_{name}"][rows], bounds[f"upper_{name}"][rows]
        misses = (outcome < lower) | (outcome > upper)
        numbers[f"coverage_{name}"] = 1.0 - float(misses.mean())
        numbers[f"width_{name}"] = float((upper - lower).mean())
        numbers[f"winkler_{name}"] = score = float(winkler(outcome, lower, upper, coverage).mean())
        numbers[f"quantile_loss_{name}"] = score * (1.0 - coverage) / 4  # the same sum, weighted as quantiles are
        for test, result in _coverage_tests(misses, upper - lower, coverage, path.horizon).items():
            numbers[test] = result.p_value
            notes[test] = result.reason
        by_volatility |= {
            f"{state}_{name}": 1.0 - float(misses[thirds == row].mean())
            for row, state in enumerate(STATES)
            if (thirds == row).any()
        }
    scores = {name: crps(outcome, mean, density.sigma[rows], density.df[rows]) for name, density in path.league.items()}
    own = crps(outcome, mean, path.sigma[rows], path.df[rows])
    numbers["crps"] = float(own.mean())
    skill = score_skill(own, scores[BENCHMARK], path.horizon)
    numbers["crps_skill"], numbers["crps_skill_t"], notes["crps_skill_t"] = skill.skill, skill.t, skill.reason
    return IntervalScores(
        **numbers,  # type: ignore[arg-type]  # the names are those of the fields; a test holds them to it
        volatility_model=COMBINATION,
        benchmark=BENCHMARK,
        notes=MappingProxyType({name: reason for name, reason in notes.items() if reason}),
        by_volatility=by_volatility,
        league={name: 1.0 - float(score.mean() / scores[BENCHMARK].mean()) for name, score in scores.items()},
    )


def _coverage_tests(misses: Flags, width: Floats, coverage: float, horizon: int) -> dict[str, TestResult]:
    """The four tests, by the name of their p value."""
    tests: dict[str, Callable[[], TestResult]] = {
        "kupiec_p": lambda: kupiec(misses, coverage),
        "independence_p": lambda: independence(misses, coverage),
        "christoffersen_p": lambda: conditional_coverage(misses, coverage),
        "dq_p": lambda: dynamic_quantile(misses, width, coverage),
    }
    overlap = f"outcomes over {horizon} days overlap, so their misses are not independent even when all is right"
    return {
        f"{name}_{_percent(coverage)}": test() if horizon == 1 else TestResult(None, None, overlap)
        for name, test in tests.items()
    }


def _percent(coverage: float) -> str:
    return f"{100 * coverage:.0f}"
