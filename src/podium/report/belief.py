"""Whether a range may be believed. Pure.

Coverage says little: the range widens after a miss and narrows after a hit, which keeps its share of misses near the
coverage whatever the market does. What can fail is asked here: is the density better than its benchmark's, is the
range, do misses come in runs, is the whole distribution right?
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from podium.evaluate.density import Skill, score_skill, t_quantile, winkler
from podium.evaluate.interval_scores import IntervalScores
from podium.records import Floats, Forecasts
from podium.report.marks import number, percent
from podium.report.scene import Scene, listed

COVERAGES: Final = np.arange(0.05, 0.96, 0.05)
BARS: Final = 20
MIN_PIT: Final = 100  # five in each of twenty bars
ALL_COVERAGES: Final = 3.1  # standard errors that hold all nineteen coverages of a right distribution in 39 cases of 40
ALL_BARS: Final = 3.25  # the same for all twenty bars
TELLING: Final = 0.05  # of a chance band in the middle, above which silence is no answer
BELIEF: Final = 0.05  # error probability of a question that is asked of two coverages
BETTER: Final = 1.645  # t beyond which a skill is told from none, one-sided at 5 %
WORSE: Final = -1.96  # the same of two coverages together
SIDES: Final = ("80", "95")
BENCHMARKS: Final = {"rolling": "the width of the last year", "constant": "one width for all days"}

P_VALUE: Final = number(3)
T_VALUE: Final = number(1)
SKILL: Final = percent(2, sign=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a distribution is right.

    Attributes:
        word: the answer.
        why: half a sentence.
    """

    word: Literal["Yes", "No", "Cannot tell"]
    why: str

    @property
    def sentence(self) -> str:
        """All of it, such as `No: too wide in the middle`."""
        return f"{self.word}: {self.why}."


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a density's promises compare with what came.

    Attributes:
        n_days: outcomes.
        seen: shape (19,), share of outcomes inside the central range of each of `COVERAGES`.
        edges: shape (21,), of the bars.
        counts: shape (20,), outcomes by where in their forecast distribution they fell (PIT).
    """

    n_days: int
    seen: Floats
    edges: Floats
    counts: Floats

    @classmethod
    def of(cls, pit: Floats) -> Calibration:
        """From the forecast probability of a return no higher than the one that came, shape (n_days,)."""
        depth = np.abs(2.0 * pit - 1.0)  # the central range that just holds the outcome
        seen = np.array([float(np.mean(depth <= coverage)) for coverage in COVERAGES])
        counts, edges = np.histogram(pit, bins=BARS, range=(0.0, 1.0))
        return cls(len(pit), seen, edges, counts.astype(np.float64))

    @property
    def gap(self) -> Floats:
        """Share held less share promised, shape (19,)."""
        return self.seen - COVERAGES

    @property
    def gap_reach(self) -> Floats:
        """What chance leaves of it, shape (19,); all coverages together."""
        return np.asarray(ALL_COVERAGES * np.sqrt(COVERAGES * (1 - COVERAGES) / self.n_days))

    @property
    def expected(self) -> float:
        """Outcomes in a bar of a right distribution."""
        return self.n_days / BARS

    @property
    def bar_reach(self) -> float:
        """What chance adds to that or takes away, all bars together."""
        return ALL_BARS * float(np.sqrt(self.expected * (1.0 - 1.0 / BARS)))

    @property
    def answer(self) -> Answer:
        """No where a coverage or a bar lies outside what chance leaves."""
        faults = [*self._coverages_at_fault(), *self._bar_at_fault()]
        if faults:
            return Answer("No", listed(faults))
        middle = float(self.gap_reach[len(COVERAGES) // 2])
        days = f"{self.n_days:,} days"
        if middle > TELLING:
            return Answer("Cannot tell", f"{days} leave {100 * middle:.1f} points to chance, and no gap is larger")
        return Answer("Yes", f"in {days} no gap is larger than chance leaves")

    def _coverages_at_fault(self) -> list[str]:
        sides = (("wide", self.gap > self.gap_reach), ("narrow", self.gap < -self.gap_reach))
        return [f"too {side} {_where(COVERAGES[out])}" for side, out in sides if out.any()]

    def _bar_at_fault(self) -> list[str]:
        excess = self.counts - self.expected
        worst = int(np.argmax(np.abs(excess)))
        if abs(excess[worst]) <= self.bar_reach:
            return []
        amount, write = "many" if excess[worst] > 0 else "few", number(2)
        return [f"too {amount} outcomes between {write(self.edges[worst])} and {write(self.edges[worst + 1])} of it"]


def _where(coverages: Floats) -> str:
    middle, tails = bool((coverages < 0.65).any()), bool((coverages > 0.85).any())
    if middle and tails:
        return "throughout"
    return "in the middle" if middle else "in the tails" if tails else "between the middle and the tails"


def calibration(scene: Scene) -> tuple[Calibration | None, str]:
    """The leader's density beside what came; or None and why."""
    name = scene.leader.family
    rows = scene.forecasts.get(name)
    if rows is None or "pit" not in rows.bounds:
        return None, scene.untold.get(name, f"the run of {name} recorded no density")
    pit = rows.bounds["pit"][np.isfinite(rows.bounds["pit"])]
    if len(pit) < MIN_PIT:
        return None, f"{len(pit)} scored days, {MIN_PIT} are needed for {BARS} bars"
    return Calibration.of(pit), ""


def interval_skill(rows: Forecasts | None, coverage: str) -> Skill | None:
    """How much lower the range's interval score is than that of the benchmark; None where it is not recorded.

    Args:
        rows: a contestant's forecasts with bounds and densities.
        coverage: `80` or `95`.
    """
    columns = set(rows.bounds) if rows else set()
    benchmark = next((name for name in BENCHMARKS if f"{name}_sigma" in columns), "")
    if rows is None or not {f"lower_{coverage}", f"upper_{coverage}", f"{benchmark}_df"} <= columns:
        return None
    share = int(coverage) / 100
    half = rows.bounds[f"{benchmark}_sigma"] * t_quantile(share, rows.bounds[f"{benchmark}_df"])
    own = winkler(rows.actual, rows.bounds[f"lower_{coverage}"], rows.bounds[f"upper_{coverage}"], share)
    return score_skill(own, winkler(rows.actual, rows.forecast - half, rows.forecast + half, share))


def misses_of(bounds: Mapping[str, np.ndarray], actual: np.ndarray, coverage: str) -> np.ndarray:
    """Whether each outcome lay outside its range, shape (n_days,)."""
    return np.asarray((actual < bounds[f"lower_{coverage}"]) | (actual > bounds[f"upper_{coverage}"]))


@dataclass(frozen=True, slots=True)
class Finding:
    """Something said of an interval, in words that anybody uses, and what it rests on.

    Attributes:
        says: half a sentence.
        evidence: tests and their numbers.
    """

    says: str
    evidence: str = ""

    @property
    def checked(self) -> str:
        """Both."""
        return f"{self.says} ({self.evidence})" if self.evidence else self.says


def told_interval(scene: Scene) -> list[str]:
    """Whether the leader's interval may be believed, and what its coverage says, for whoever acts on it."""
    row = scene.leader.intervals
    if row is None:
        return ["How far its ranges can be believed is not known: this run recorded none."]
    return [_judgement(scene, row), _coverage(scene, row.coverage_80, row.coverage_95)]


def interval_evidence(scene: Scene) -> list[str]:
    """What that rests on, for whoever checks it."""
    row = scene.leader.intervals
    found = [] if row is None else [item.checked for kind in _findings(scene, row) for item in kind if item.evidence]
    return [f"The range: {'; '.join(found)}."] if found else []


def _findings(scene: Scene, row: IntervalScores) -> tuple[list[Finding], list[Finding], list[Finding]]:
    """Against the interval, in doubt, in its favour."""
    better = _better(scene, row)
    doubts = [] if better else [_no_better(row)]
    asked = [side for side in SIDES if getattr(row, f"independence_p_{side}") is not None]
    calm = Finding("the days outside it do not come in runs", f"independence p {_p_values(row, 'independence_p')}")
    if not asked:
        doubts.append(Finding("whether the days outside it come in runs is not tested"))
    return [*_against(scene, row)], doubts, [*better, *([calm] if asked else [])]


def _judgement(scene: Scene, row: IntervalScores) -> str:
    against, doubts, favour = ([item.says for item in kind] for kind in _findings(scene, row))
    if against:
        return f"Do not rely on the range: {'; '.join(against)}."
    told = f" In its favour: {listed(favour)}." if favour else ""
    word = f"Use the range with care: {'; '.join(doubts)}.{told}" if doubts else (
        f"The range can be believed: {listed(favour)}."
    )  # fmt: skip
    found, _ = calibration(scene)
    if found is None or found.answer.word != "No":
        return word
    return f"{word} The distribution behind it is not right ({found.answer.why}): read no other probability off it."


def _coverage(scene: Scene, inner: float, outer: float) -> str:
    write = percent(1)
    return (
        f"{write(outer)} of {scene.judgement.n_scored_days:,} days ended inside the 95% range and {write(inner)} "
        "inside the 80% range. That is kept by construction, since it learns from its misses, and proves nothing."
    )


def _against(scene: Scene, row: IntervalScores) -> Iterator[Finding]:
    for side in SIDES:
        p_value, share = getattr(row, f"kupiec_p_{side}"), getattr(row, f"coverage_{side}")
        if p_value is not None and p_value < BELIEF / 2:
            size = "narrow" if share < int(side) / 100 else "wide"
            yield Finding(f"at {side}% it was too {size} although it learns", f"Kupiec p {P_VALUE(p_value)}")
    for side in SIDES:
        p_value = getattr(row, f"independence_p_{side}")
        if p_value is not None and p_value < BELIEF / 2:
            yield Finding(f"at {side}% the days outside it come in runs", f"independence p {P_VALUE(p_value)}")
    if row.crps_skill_t is not None and row.crps_skill_t < -BETTER:
        yield Finding(f"{BENCHMARKS[row.benchmark]} does better", _crps_skill(row))
    for side, skill in _interval_skills(scene).items():
        if skill.t is not None and skill.t < WORSE:
            score = f"interval score t {T_VALUE(skill.t)}"
            yield Finding(f"at {side}% {BENCHMARKS[row.benchmark]} has the better score", score)


def _better(scene: Scene, row: IntervalScores) -> list[Finding]:
    if row.crps_skill_t is None or row.crps_skill_t < BETTER:
        return []
    known = [f"{T_VALUE(s.t)} at {side}%" for side, s in _interval_skills(scene).items() if s.t and s.t >= BETTER]
    evidence = "; ".join([_crps_skill(row), *([f"interval score t {listed(known)}"] if known else [])])
    return [Finding(f"it does better than {BENCHMARKS[row.benchmark]}", evidence)]


def _no_better(row: IntervalScores) -> Finding:
    if row.crps_skill_t is None:
        why = row.notes.get("crps_skill_t", "no reason was recorded")
        return Finding(f"whether it does better than {BENCHMARKS[row.benchmark]} is not tested ({why})")
    return Finding(f"it is not proven to do better than {BENCHMARKS[row.benchmark]}", _crps_skill(row))


def _interval_skills(scene: Scene) -> dict[str, Skill]:
    rows = scene.forecasts.get(scene.leader.family)
    return {side: skill for side in SIDES if (skill := interval_skill(rows, side)) is not None}


def _crps_skill(row: IntervalScores) -> str:
    return f"CRPS skill over {row.benchmark} volatility {SKILL(row.crps_skill)}, t {T_VALUE(row.crps_skill_t or 0.0)}"


def _p_values(row: IntervalScores, test: str) -> str:
    found = {side: getattr(row, f"{test}_{side}") for side in SIDES}
    return listed([f"{P_VALUE(p_value)} at {side}%" for side, p_value in found.items() if p_value is not None])
