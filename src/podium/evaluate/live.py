"""Who is winning: the settled forecasts of two arms, compared on the same days, with one of four answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from podium.errors import MissingError
from podium.evaluate.confidence_sequence import MIN_DAYS, TARGET_DAYS, boundary, confidence_sequence, mixture_scale
from podium.evaluate.evidence import weighed
from podium.records import ALIASES, Dates, Floats, SettledDay

Answer = Literal["keep going", "challenger better", "champion better", "no use going on"]

HORIZON_DAYS = 1260
"""Five years of trading days: who needs longer for an answer will not get it from a live test."""

FUTILE_CHANCE = 0.1

_FAR = 10_000_000


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm, over days that are settled: those of a comparison, or all of its own.

    Attributes:
        arm: `champion`, `challenger` or `candidate`.
        model_name: registered model that holds the arm.
        versions: its versions on these days, in order; a refit of the same model goes on with the comparison.
        answers: settled forecasts that clients got from this model.
        shadows: settled forecasts that this model made in the shadow of an answer.
        n_days: days.
        rmse: root mean squared error of the log return over these days.
    """

    arm: str
    model_name: str
    versions: tuple[int, ...]
    answers: int
    shadows: int
    n_days: int
    rmse: float


@dataclass(frozen=True, slots=True)
class Report:
    """The comparison so far.

    Attributes:
        pair: six capital letters.
        ab_test: name of the A/B test; None when all count.
        alpha: probability that the answer names a winner, on any day, where there is none.
        champion: the arm that is to be beaten.
        challenger: the arm that would take the title.
        n_days: days on which both made a forecast; what the confidence rests on, however many requests there were.
        min_days: the day on which the interval begins, and with it the pace.
        random_walk_rmse: RMSE of the forecast 0 on the same days.
        difference: mean of champion's minus challenger's squared error, from day `min_days` on `weighed` and times the
            random walk's mean squared error; above 0 favours the challenger.
        lower: lower bound of the difference; `-inf` before day `MIN_DAYS`.
        upper: upper bound of the difference; `inf` before day `MIN_DAYS`.
        r2_gap: the difference as a share of the random walk's mean squared error; NaN when that is 0.
        answer: one of the four.
        days_needed: further days until the interval excludes 0 if the difference stays what it is; 0 once it is
            decided, None when it is 0 or too small to tell, and before the interval has begun: a few days know no pace.
        chance: probability that the interval excludes 0 at the horizon, given the days so far; NaN before the start.
        origins: shape (n_days,), the compared days, for a chart of the sequence over time.
        differences: shape (n_days,), running mean of the difference.
        lowers: shape (n_days,), lower bounds day by day.
        uppers: shape (n_days,), upper bounds day by day.
    """

    pair: str
    ab_test: str | None
    alpha: float
    champion: Arm
    challenger: Arm
    n_days: int
    min_days: int
    random_walk_rmse: float
    difference: float
    lower: float
    upper: float
    r2_gap: float
    answer: Answer
    days_needed: int | None
    chance: float
    origins: Dates
    differences: Floats
    lowers: Floats
    uppers: Floats


def own_errors(days: Sequence[SettledDay], models: Mapping[str, str] | None = None) -> tuple[Arm, ...]:
    """The error of each arm's model over all its own settled days, whether or not another model has them too.

    Only a comparison on the same days tells who is better: a calm month makes any model look good.

    Args:
        days: of one pair, in order of time.
        models: registered model by arm; for an arm that is not given, the last one seen in it.

    Returns:
        Arms that have a settled day, champion first.
    """
    names = {day.arm: day.model_name for day in days} | dict(models or {})
    found = [(arm, names[arm], _first_by_day(days, names[arm])) for arm in ALIASES if arm in names]
    return tuple(
        _arm(arm, name, [firsts[origin] for origin in sorted(firsts)], days) for arm, name, firsts in found if firsts
    )


def compare_live(
    days: Sequence[SettledDay],
    pair: str,
    *,
    champion: str | None = None,
    challenger: str | None = None,
    ab_test: str | None = None,
    alpha: float = 0.05,
    horizon: int = HORIZON_DAYS,
) -> Report:
    """Compare the models behind two arms over the days that both have forecast.

    One day is one observation. All requests of a day ask for the same number, so a model's first forecast for the day
    stands for all of them; counting each request would make a thousand clients look like a thousand days. The day needs
    a forecast of both models, whether it was answered or made in the shadow.

    The two sides are registered models, not titles: the days on which the same two models held other aliases count too,
    and a new version of a model goes on where the last one stopped, because what is compared is a recipe that is
    refitted as time goes by. The confidence sequence allows for that (it covers the mean of differences that change).
    When another registered model takes an arm, the comparison is a new one with its own days.

    It may be looked at every day and acted upon on any of them. `no use going on` is advice and costs no error
    probability: it is given when the chance of an answer within the horizon, if all days are like those so far, is
    below 10 %, or when the horizon is over.

    Args:
        days: of the pair, in order of time; of one A/B test, if it was chosen before looking at the numbers.
        pair: six capital letters.
        champion: registered model to be beaten; the last one seen in the arm `champion` if not given.
        challenger: registered model against it; the last one seen in the arm `challenger` if not given.
        ab_test: whose days they are; None when all count.
        alpha: probability, over all looks together, of naming a winner where neither is better.
        horizon: days after which an answer has no more use.

    Raises:
        MissingError: nothing was settled yet for one of the arms, they have no day in common, or one model holds both.
        InputError: the alpha lies outside (0, 1).

    References:
        Choe and Ramdas (2023), "Comparing sequential forecasters", Operations Research (arXiv 2110.00115), for the
        sequence; Spiegelhalter, Freedman and Blackburn (1986), Controlled Clinical Trials 7, for the predictive power.
    """
    names = [given or _holder(days, arm, pair) for arm, given in zip(ALIASES, (champion, challenger), strict=False)]
    if names[0] == names[1]:
        raise MissingError(f"{names[0]} holds both arms of {pair}: name another model with --challenger or --champion")
    firsts = [_first_by_day(days, name) for name in names]
    shared = sorted(firsts[0].keys() & firsts[1].keys())
    if not shared:
        raise MissingError(
            f"{names[0]} and {names[1]} have no settled day of {pair} in common: serve with --shadow, settle each day"
        )
    actual = np.array([firsts[0][origin].actual for origin in shared])
    own, other = (np.array([first[origin].forecast for origin in shared]) for first in firsts)
    walk = float(np.mean(actual**2))
    early = len(shared) < MIN_DAYS  # nothing is concluded yet, and hardly a day could be weighed
    gains = (actual - own) ** 2 - (actual - other) ** 2 if early else walk * weighed(actual, own, other)
    sequence = confidence_sequence(gains, alpha)
    last = (float(sequence.mean[-1]), float(sequence.lower[-1]), float(sequence.upper[-1]))
    outlook = Outlook(len(shared), last[0], float(gains.std()), alpha, horizon)
    arms = [
        _arm(arm, name, [first[origin] for origin in shared], days)
        for arm, name, first in zip(ALIASES, names, firsts, strict=False)
    ]
    return Report(
        pair=pair,
        ab_test=ab_test,
        alpha=alpha,
        champion=arms[0],
        challenger=arms[1],
        n_days=len(shared),
        min_days=MIN_DAYS,
        random_walk_rmse=math.sqrt(walk),
        difference=last[0],
        lower=last[1],
        upper=last[2],
        r2_gap=last[0] / walk if walk else math.nan,
        answer=_answer(last[1], last[2], outlook),
        days_needed=0 if last[1] > 0 or last[2] < 0 else outlook.days_needed(),
        chance=outlook.chance(),
        origins=np.array(shared, dtype="datetime64[D]"),
        differences=sequence.mean,
        lowers=sequence.lower,
        uppers=sequence.upper,
    )


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the days so far say about the days to come, if those have the same mean and spread.

    Attributes:
        n_days: days so far.
        mean: mean difference so far.
        spread: standard deviation of the daily difference.
        alpha: of the confidence sequence.
        horizon: days after which an answer has no more use.
    """

    n_days: int
    mean: float
    spread: float
    alpha: float
    horizon: int

    def width(self, n_days: int) -> float:
        """Half-width of the interval after that many days."""
        rho = mixture_scale(TARGET_DAYS, self.alpha)
        return self.spread * float(boundary(float(n_days), self.alpha, rho))

    def days_needed(self) -> int | None:
        """Further days until the interval excludes 0; None when not even 40,000 years would do, or before it begins."""
        if self.n_days < MIN_DAYS or abs(self.mean) <= self.width(_FAR):
            return None
        short, enough = self.n_days - 1, _FAR  # the width falls with the days
        while enough - short > 1:
            middle = (short + enough) // 2
            if self.width(middle) < abs(self.mean):
                enough = middle
            else:
                short = middle
        return enough - self.n_days

    def chance(self) -> float:
        """Probability that the interval excludes 0 at the horizon; NaN before the sequence has begun.

        The mean to come is taken as normal about the mean so far, with the uncertainty of both.
        """
        if self.n_days < MIN_DAYS:
            return math.nan
        rest = self.horizon - self.n_days
        if rest <= 0 or self.spread == 0:
            return 0.0
        deviation = self.spread * math.sqrt(rest / (self.horizon * self.n_days))
        width = self.width(self.horizon)
        return _tail((width - self.mean) / deviation) + _tail((width + self.mean) / deviation)


def _answer(lower: float, upper: float, outlook: Outlook) -> Answer:
    if lower > 0:
        return "challenger better"
    if upper < 0:
        return "champion better"
    return "no use going on" if outlook.chance() < FUTILE_CHANCE else "keep going"


def _tail(z: float) -> float:
    return math.erfc(z / math.sqrt(2)) / 2


def _holder(days: Sequence[SettledDay], arm: str, pair: str) -> str:
    for day in reversed(days):
        if day.arm == arm:
            return day.model_name
    raise MissingError(
        f"no settled forecast of the {arm} of {pair}: run `podium serve --shadow`, then `podium settle` (one of a day "
        "that its model was fitted on, or made after its day's rate was set, does not count)"
    )


def _first_by_day(days: Sequence[SettledDay], model_name: str) -> dict[date, SettledDay]:
    # They come in the order of time: the last one written here is the day's first.
    return {day.origin: day for day in reversed(days) if day.model_name == model_name}


def _arm(arm: str, name: str, firsts: Sequence[SettledDay], days: Sequence[SettledDay]) -> Arm:
    own = [day for day in days if day.model_name == name]
    error = np.array([first.actual - first.forecast for first in firsts])
    return Arm(
        arm=arm,
        model_name=name,
        versions=tuple(dict.fromkeys(first.model_version for first in firsts)),
        answers=sum(day.answers for day in own),
        shadows=sum(day.shadows for day in own),
        n_days=len(firsts),
        rmse=float(np.sqrt(np.mean(error**2))),
    )
