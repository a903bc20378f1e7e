"""Weights of volatility models that learn every day from CRPS (Berrisch and Ziel 2023), beside their log-mean.

    nice python benchmarks/crps_learning.py          # the 28 live currencies that float; about four minutes
    nice python benchmarks/crps_learning.py before   # the fifth of the days before the scored one

Bernstein online aggregation on the gradient of the loss, as for Combination, from equal weights; those of a day know
the outcomes up to its own close. `one weight`: a model's share in the logarithm of the deviation, with tails of six
degrees while it learns. `by quantile`: each of 50 quantiles has weights of its own, by its own loss. Nothing is drawn
at random. CRPS is the mean of twice the quantile loss over the 50 for all alike, in per cent below that of the rolling
deviation.
"""

import sys

import numpy as np

from intervals import FLOATING, walk_of
from podium.evaluate.density import t_quantile, tail_df
from podium.evaluate.horizons import VolatilityPath, believed_volatility
from podium.evaluate.volatility.constant import Constant
from podium.records import Floats

LEVELS = (np.arange(50) + 0.5) / 50
MEMBERS_BEGIN = 300  # rows of a walk that only learn


def quantiles(sigma: Floats, df: Floats) -> Floats:
    """Of a Student's t at every origin, shape (n_walk, n_levels)."""
    return np.stack([np.sign(p - 0.5) * sigma * t_quantile(abs(2 * p - 1), df) for p in LEVELS.tolist()], axis=1)


def loss(outcome: Floats, at: Floats) -> Floats:
    """Twice the quantile loss, shape (n_walk, n_levels)."""
    return 2 * ((outcome[:, None] < at) - LEVELS) * (at - outcome[:, None])


class Learner:
    """Bernstein online aggregation of columns, each with weights of its own over the members."""

    def __init__(self, n_members: int, n_columns: int) -> None:
        self.first = 1 / n_members
        self.weights = np.full((n_members, n_columns), self.first)
        self._regret, self._squares, self._largest = np.full((3, n_members, n_columns), 1e-12)

    def learn(self, gain: Floats) -> None:
        """Take in how much better each member was than the mixture, to first order; shape (n_members, n_columns)."""
        self._squares += gain**2
        self._largest = np.maximum(self._largest, np.abs(gain))
        rate = np.minimum(0.5 / self._largest, np.sqrt(np.log(1 / self.first) / self._squares))
        self._regret += gain - rate * gain**2
        log_weight = np.log(rate) + rate * self._regret
        weight = np.exp(log_weight - log_weight.max(axis=0))
        self.weights = weight / weight.sum(axis=0)


def by_quantile(path: VolatilityPath, members: list[Floats]) -> Floats:
    """Quantiles of the mixture, each with its own weights; shape (n_walk, n_levels)."""
    each = np.stack(members, axis=1)  # (n_walk, n_members, n_levels)
    learner, made = Learner(each.shape[1], each.shape[2]), np.empty(each.shape[::2])
    for day, (rows, outcome) in enumerate(zip(each, path.outcome, strict=True)):
        made[day] = (learner.weights * rows).sum(axis=0)
        if np.isfinite(outcome):
            slope = ((outcome < made[day]) - LEVELS) / path.sigma[day]
            learner.learn(slope * (made[day] - rows))
    return np.sort(made, axis=1)


def one_weight(path: VolatilityPath, sigmas: Floats) -> Floats:
    """The deviation whose logarithm is the members' mean by weights that learn; shape (n_walk,)."""
    unit = quantiles(np.ones(1), np.full(1, 6.0))[0]
    learner, made = Learner(len(sigmas), 1), np.empty(sigmas.shape[1])
    for day, (each, outcome) in enumerate(zip(np.log(sigmas).T, path.outcome, strict=True)):
        own = learner.weights[:, 0] @ each
        made[day] = np.exp(own)
        if np.isfinite(outcome):
            slope = np.mean(((outcome < made[day] * unit) - LEVELS) * unit) * made[day] / path.sigma[day]
            learner.learn((slope * (own - each))[:, None])
    return made


def main(before: bool) -> None:
    """CRPS over 28 pairs, and how far each rule falls behind the best member of a pair in hindsight."""
    found: dict[str, list[float]] = {}
    behind: dict[str, list[float]] = {}
    for currency in FLOATING.split():
        walk, first, _ = walk_of(f"EUR{currency}")
        path = believed_volatility(walk)
        last = len(path.sigma) - 1
        scored = slice(first - walk.start, last)
        if before:
            scored = slice(max(MEMBERS_BEGIN, 2 * scored.start - last), scored.start)
        league = {name: density for name, density in path.league.items() if name != Constant.name}
        sigmas = np.stack([density.sigma for density in league.values()])
        members = {name: quantiles(density.sigma, density.df) for name, density in league.items()}
        learnt, plain = one_weight(path, sigmas), np.exp(np.log(sigmas).mean(axis=0))
        made = members | {
            "log-mean": quantiles(plain, tail_df(path.outcome / plain)),
            "log-mean, lifted after shocks": quantiles(path.sigma, path.df),
            "one weight": quantiles(learnt, tail_df(path.outcome / learnt)),
            "by quantile": by_quantile(path, list(members.values())),
        }
        score = {name: loss(path.outcome, at)[scored].mean() for name, at in made.items()}
        best = min(score[name] for name in members)
        for name, value in score.items():
            found.setdefault(name, []).append(100 - 100 * value / score["rolling"])
            behind.setdefault(name, []).append(100 * value / best - 100)
    for name, skills in found.items():
        worst = np.array(behind[name])
        print(f"{name:30} {np.mean(skills):+.3f} %, behind the best member at most {worst.max():.2f} %", end="")
        print(f", above 0.3 on {(worst > 0.3).sum()}")


if __name__ == "__main__":
    main("before" in sys.argv[1:])
