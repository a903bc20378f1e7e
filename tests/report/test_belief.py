from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from podium.report.belief import (
    ALL_BARS,
    ALL_COVERAGES,
    BARS,
    COVERAGES,
    Calibration,
    interval_evidence,
    interval_skill,
    told_interval,
)
from podium.report.scene import Scene
from tests.support import standing_of

MakeScene = Callable[..., Scene]
N_DAYS = 420


def told(scene: Scene, **changes: Any) -> str:
    """The judgement on the leader's range with some of its figures changed."""
    first, *others = scene.judgement.ranking
    ranking = (standing_of({**first.flat(), **changes}), *others)
    changed = dataclasses.replace(scene, judgement=dataclasses.replace(scene.judgement, ranking=ranking))
    said, (evidence, *_) = told_interval(changed)[0], interval_evidence(changed) or [""]
    assert " p " not in said
    assert ", t " not in said
    return f"{said} {evidence}"


def of_pit(scene: Scene, pit: np.ndarray) -> Scene:
    """The same championship with the leader's outcomes elsewhere in their distributions."""
    rows = scene.forecasts["LinearRegression"]
    changed = dataclasses.replace(rows, bounds={**rows.bounds, "pit": pit})
    return dataclasses.replace(scene, forecasts={**scene.forecasts, "LinearRegression": changed})


def test_a_range_is_believed_for_what_can_fail(make_scene: MakeScene) -> None:
    """Skill and misses without runs speak for it, with their numbers; coverage is said to prove nothing."""
    judgement, coverage = told_interval(make_scene())
    assert judgement.startswith(
        "The range can be believed: it does better than the width of the last year and the days"
    )
    (evidence,) = interval_evidence(make_scene())
    assert "it does better than the width of the last year (CRPS skill over rolling volatility +1.71%" in evidence
    assert "independence p 0.296 at 80% and 0.128 at 95%" in evidence
    assert "kept by construction" in coverage
    assert "proves nothing" in coverage


@pytest.mark.parametrize(
    ("changes", "said", "evidence"),
    [
        ({"independence_p_95": 0.004}, "at 95% the days outside it come in runs", "(independence p 0.004)"),
        (
            {"crps_skill": -0.02, "crps_skill_t": -2.4},
            "the width of the last year does better",
            "(CRPS skill over rolling volatility \u22122.00%, t \u22122.4)",
        ),
        ({"kupiec_p_80": 0.001, "coverage_80": 0.7}, "at 80% it was too narrow although it learns", "(Kupiec p 0.001)"),
    ],
)
def test_a_range_that_fails_is_not_recommended(
    make_scene: MakeScene, changes: dict[str, float], said: str, evidence: str
) -> None:
    """Runs of misses, a worse density or a broken coverage: each alone is enough, perfect coverage notwithstanding."""
    found = told(make_scene(), **changes)
    assert found.startswith(f"Do not rely on the range: {said}.")
    assert f"{said} {evidence}" in found


def test_a_worse_interval_score_is_found_from_the_record(make_scene: MakeScene) -> None:
    """Bounds three times as wide as they should be never miss, and lose to the last year's all the same."""
    scene = make_scene()
    rows = scene.forecasts["LinearRegression"]
    wide = {name: 3 * rows.bounds[name] for name in ("lower_80", "upper_80", "lower_95", "upper_95")}
    changed = dataclasses.replace(rows, bounds={**rows.bounds, **wide})
    scene = dataclasses.replace(scene, forecasts={**scene.forecasts, "LinearRegression": changed})
    skill = interval_skill(changed, "95")
    assert skill is not None
    assert skill.skill < -1
    assert told(scene).startswith("Do not rely on the range: at 80% the width of the last year has the better score")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"crps_skill_t": 0.4}, "it is not proven to do better than the width of the last year"),
        ({"crps_skill_t": None}, "whether it does better than the width of the last year is not tested"),
        (
            {"independence_p_80": None, "independence_p_95": None},
            "whether the days outside it come in runs is not tested",
        ),
    ],
)
def test_what_was_not_shown_is_a_reason_for_care(make_scene: MakeScene, changes: dict[str, Any], said: str) -> None:
    """A skill that may be none, or a test that was not made, is not counted in its favour."""
    assert told(make_scene(), **changes).startswith(f"Use the range with care: {said}")


def test_a_record_of_the_first_release_names_its_own_benchmark(make_scene: MakeScene) -> None:
    """Its skill was measured against constant volatility, and is not said to be against another."""
    said = told(make_scene(), benchmark="constant")
    assert "it does better than one width for all days (CRPS skill over constant volatility +1.71%" in said


def test_a_wrong_distribution_is_said_beside_the_ranges(make_scene: MakeScene) -> None:
    """The ranges adapt and the density does not: no other probability is to be read off it."""
    narrow = 0.5 + 0.5 * (np.random.default_rng(3).uniform(size=N_DAYS) - 0.5)
    assert "not right (too wide throughout" in told(of_pit(make_scene(), narrow))


@pytest.mark.parametrize(
    ("n_days", "bend", "said"),
    [
        (2000, lambda u: u, "Yes: in 2,000 days no gap is larger than chance leaves"),
        (300, lambda u: u, "Cannot tell: 300 days leave 8.9 points to chance, and no gap is larger"),
        (2000, lambda u: 0.5 + np.sign(u - 0.5) * 2 * (u - 0.5) ** 2, "No: too wide"),
        (2000, lambda u: 0.5 + np.sign(u - 0.5) * np.sqrt(np.abs(u - 0.5) / 2), "No: too narrow"),
        (
            2000,
            lambda u: np.where((u < 0.2) & (np.arange(2000) % 4 == 0), 0.42, u),
            "too many outcomes between 0.40 and 0.45 of it",
        ),
    ],
    ids=["right", "few days", "wide", "narrow", "a heap"],
)
def test_the_question_is_answered(n_days: int, bend: Callable[[np.ndarray], np.ndarray], said: str) -> None:
    """Right, wrong in which way, or too few days to tell, each from a distribution that is known to be so."""
    pit = bend((np.arange(n_days) + 0.5) / n_days)
    assert said in Calibration.of(pit).answer.sentence


def test_the_bands_hold_a_right_distribution_in_39_cases_of_40() -> None:
    """Over 4,000 right worlds of 1,000 days each band is left in 1 of 40, give or take three binomial errors."""
    rng, n_days = np.random.default_rng(8), 1000
    left = np.zeros(2)
    for _ in range(4000):
        found = Calibration.of(rng.uniform(size=n_days))
        left += (
            (np.abs(found.gap) > found.gap_reach).any(),
            (np.abs(found.counts - found.expected) > found.bar_reach).any(),
        )
    assert left / 4000 == pytest.approx([0.025, 0.025], abs=0.0075)
    assert (ALL_COVERAGES, ALL_BARS, BARS, len(COVERAGES)) == (3.1, 3.25, 20, 19)
