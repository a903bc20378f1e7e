import dataclasses
import json

import numpy as np
import pytest

from podium.evaluate.evidence import Comparison
from podium.evaluate.interval_scores import IntervalScores
from podium.evaluate.judgement import Judgement
from podium.evaluate.sentinel import Estimate, Suspicion
from podium.evaluate.significance import point_scores
from tests.support import standing_of

OLD_STANDING = {
    "model_type": "ARIMA", "model_name": "EURUSD_ARIMA", "model_version": 3, "run_id": "5c1", "alias": "champion",
    "rmse": 0.0047, "ratio_to_random_walk": 0.999, "r2_oos": 0.002, "mae": 0.0034, "directional_accuracy": 0.51,
    "dm_p": 0.06, "clark_west_p": 0.02, "pesaran_timmermann_p": None, "in_mcs": True, "coverage_80": 0.8,
    "coverage_95": 0.95, "crps": 0.0026, "crps_skill": 0.017, "crps_skill_t": 4.9, "volatility_model": "garch",
    "fit_seconds": 1.0, "forecast_seconds": 0.1, "width_80": 0.012, "width_95": 0.019, "winkler_80": 0.016,
    "winkler_95": 0.023, "kupiec_p_80": 0.4, "kupiec_p_95": None, "independence_p_80": 0.3,
    "independence_p_95": None, "christoffersen_p_80": 0.4, "christoffersen_p_95": None,
    "untested": {"pesaran_timmermann_p": "one direction only", "kupiec_p_95": "too few days"},
}  # fmt: skip
OLD = {
    "pair": "EURUSD", "data_version": "ecb-EURUSD-2026-10-30-5138c3cd", "scored_window": "2021-04-12..2026-10-29:1425",
    "scored_days": 1425, "policy": "rmse", "level": 0.05, "verdict": "leak", "reason": "too good", "champion": None,
    "champion_version": None, "title_since": None, "random_walk_in_mcs": True, "recipes_tried": 3,
    "level_needed": 0.0167, "proven": False, "minimum_detectable_r2": 0.017,
    "baselines": {"persistence": {"rmse": 0.0067}, "random_walk": {"rmse": 0.00471}}, "ranking": [OLD_STANDING],
    "comparisons": [
        {"rival": "LSTM", "champion": "ARIMA", "n_days": 80, "mean_difference": -1e-8, "lower": -2e-8, "p_value": 1.0,
         "level": 0.02, "reason": ""},
    ],
    "leaks": ["ARIMA is too good to be true on 1425 days: R² 81 %"], "leak_accepted": False, "key": "abc",
}  # fmt: skip


def test_the_judgement_of_the_first_release_still_reads():
    """Every figure of a flat stored judgement, with its words of then, stands in its place of today."""
    found = Judgement.from_json(json.dumps(OLD))
    row = found.ranking[0]
    assert (row.family, row.skill.rmse, row.skill.diebold_mariano.p_value) == ("ARIMA", 0.0047, 0.06)
    assert row.skill.pesaran_timmermann.reason == "one direction only"
    assert (row.intervals.coverage_95, row.intervals.notes) == (0.95, {"kupiec_p_95": "too few days"})
    assert (found.n_scored_days, str(found.scored_days)) == (1425, OLD["scored_window"])
    assert (found.alpha, found.alpha_needed, found.comparisons[0].alpha) == (0.05, 0.0167, 0.02)
    assert found.leaks == (Suspicion("ARIMA", OLD["leaks"][0]),)
    assert Judgement.from_json(found.to_json()) == found


def test_a_standing_on_one_level_has_the_figures_of_the_first_release():
    """What the pointer holds of a contestant keeps the names that its readers know."""
    flat = standing_of({**OLD_STANDING, "family": "ARIMA"}).flat()
    newer = {field.name for field in dataclasses.fields(IntervalScores) if field.name not in OLD_STANDING}
    for name in newer - {"notes"}:
        assert not flat.pop(name) or name == "benchmark"
    assert flat == {"family" if name == "model_type" else name: value for name, value in OLD_STANDING.items()}


def test_a_judgement_comes_back_as_it_was_stored():
    """Tests, comparisons, suspicions and what was not recorded survive the JSON."""
    rng = np.random.default_rng(1)
    plain = Judgement.from_json(json.dumps(OLD))
    row = dataclasses.replace(plain.ranking[0], skill=point_scores(*rng.standard_normal((2, 100))), intervals=None)
    suspicion = Suspicion("ARIMA", "why", Estimate(0.6, 0.1), None, (("high", 0.8),))
    told = dataclasses.replace(
        plain, ranking=(row,), leaks=(suspicion,), comparisons=(Comparison("A", "B", 3, None, None, None, 0.05, "few"),)
    )
    assert Judgement.from_json(told.to_json()) == told


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({**OLD, "ranking": [{}]}), json.dumps({**OLD, "pair": 3})])
def test_what_is_no_judgement_is_a_value_error(text):
    """A tag that somebody broke by hand is one kind of error, whatever is wrong with it."""
    with pytest.raises(ValueError, match=r"judgement|Expecting"):
        Judgement.from_json(text)
