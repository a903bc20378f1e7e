"""What is evidence, who keeps the title, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from podium.evaluate.confidence_sequence import MIN_DAYS
from podium.features import frame
from podium.pipeline.prepare import load_table
from podium.pipeline.recipe import recipe

NOTHING_IS_TOO_GOOD = {"leak_r2": 0.99, "leak_direction": 0.99}
FIRST, LATER, LAST = 820, 900, 1000


def always(share):
    """A contestant that forecasts this share of what comes: 0 is the random walk, below it is worse."""
    return lambda actual: share * actual


def noise(size, seed=0):
    """A contestant that forecasts nothing but noise of this size."""
    return lambda actual: size * np.random.default_rng(seed).normal(size=len(actual))


@pytest.fixture
def ring(arena):
    """A place where the policy is `significant` and contestants may be as good as they like."""
    return arena.using(policy="significant", **NOTHING_IS_TOO_GOOD)


def hold(ring, series, **told):
    """A championship of contestants that forecast as told."""
    ring.days(series).enter(**told)
    return ring.evaluate(accept_leak=True)  # whoever is this good wants a person's yes


def test_the_title_moves_only_for_evidence_after_it_was_taken(ring, rates):
    """A champion of the first window keeps the title until 60 days of evidence, and then loses it to the better one."""
    first = hold(ring, rates.until(FIRST), ARIMA=always(0.5), LinearRegression=always(0.1))
    assert (first.verdict, first.champion, first.title_data_day) == ("unproven", "EURUSD_ARIMA", str(rates.dates[819]))

    soon = hold(ring, rates.until(FIRST + 30), ARIMA=always(0.1), LinearRegression=always(0.5))
    assert (soon.verdict, soon.champion) == ("held", "EURUSD_ARIMA")
    assert "30 days of evidence since the title; at least 60 are needed" in soon.reason

    late = hold(ring, rates.until(LAST), ARIMA=always(0.1), LinearRegression=always(0.5))
    assert (late.verdict, late.champion) == ("promoted", "EURUSD_LinearRegression")
    assert "title ARIMA -> LinearRegression" in late.reason
    assert "180 days of evidence" in late.reason
    assert late.title_data_day == str(rates.dates[LAST - 1])


def test_what_chose_the_champion_is_no_evidence(ring, rates):
    """A challenger that is better on every day before the title, and equal after it, never takes the title."""
    hold(ring, rates.until(FIRST), ARIMA=noise(0.0001))
    ring.days(rates.until(LAST))

    def better_before(actual):
        forecast = 0.5 * actual
        forecast[-(LAST - FIRST) :] = 0.0001 * np.random.default_rng(5).normal(size=LAST - FIRST)
        return forecast

    judgement = hold(ring, rates.until(LAST), ARIMA=noise(0.0001), LinearRegression=better_before)
    assert judgement.ranking[0].family == "LinearRegression"
    assert (judgement.verdict, judgement.champion) == ("held", "EURUSD_ARIMA")


def test_evidence_is_kept_as_it_was_first_made(ring, rates):
    """A later championship adds its new days to the record and changes no forecast in it."""
    hold(ring, rates.until(FIRST), ARIMA=noise(0.001, 1))
    hold(ring, rates.until(LATER), ARIMA=noise(0.001, 2))
    second = ring.record(ring.evaluate(accept_leak=True).ranking[0].run_id)
    last = hold(ring, rates.until(LAST), ARIMA=noise(0.001, 3))
    record = ring.record(last.ranking[0].run_id)
    forecasts = ring.record(last.ranking[0].run_id, "forecasts.parquet")

    assert record.origins.tolist() == rates.dates[FIRST - 1 : LAST - 1].tolist()
    np.testing.assert_array_equal(record.forecast[: LATER - FIRST], second.forecast)
    np.testing.assert_array_equal(record.forecast[LATER - FIRST :], forecasts.forecast[-(LAST - LATER) :])
    assert not np.array_equal(record.forecast, forecasts.forecast[-(LAST - FIRST) :])


def test_a_new_contestant_brings_no_evidence_with_it(ring, rates):
    """Who enters after the title was taken is compared from that day on: its past was known when it was made."""
    hold(ring, rates.until(FIRST), ARIMA=noise(0.001))
    entered = hold(ring, rates.until(LATER), ARIMA=noise(0.001), LinearRegression=always(0.5))
    assert (entered.verdict, entered.champion) == ("held", "EURUSD_ARIMA")
    newcomer = next(row for row in entered.ranking if row.family == "LinearRegression")
    assert len(ring.record(newcomer.run_id)) == 0

    proven = hold(ring, rates.until(LAST), ARIMA=noise(0.001), LinearRegression=always(0.5))
    assert (proven.verdict, proven.champion) == ("promoted", "EURUSD_LinearRegression")
    assert "100 days of evidence" in proven.reason


def test_another_recipe_begins_a_new_record(ring, rates):
    """A family whose options are changed after the fact does not keep the evidence of the old ones, nor gain any."""
    hold(ring, rates.until(FIRST), ARIMA=noise(0.001), LinearRegression=always(0.3))
    tuned = ring.using(options={"ARIMA": {"max_p": 3}})
    judgement = hold(tuned, rates.until(LATER), ARIMA=always(0.5), LinearRegression=always(0.3))
    arima, linear = (ring.record(row.run_id) for row in judgement.ranking)
    assert (len(arima), len(linear)) == (0, LATER - FIRST)

    judgement = hold(tuned, rates.until(LAST), ARIMA=always(0.5), LinearRegression=always(0.3))
    arima, linear = (ring.record(row.run_id) for row in judgement.ranking)
    assert (len(arima), len(linear)) == (LAST - LATER, LAST - FIRST)


def test_other_forecasts_of_the_same_days_under_one_recipe_are_another_try(ring, rates):
    """A run that was made to forecast better on days that are known does not take over the record, and is counted."""
    hold(ring, rates.until(FIRST), ARIMA=noise(0.001, 1))
    worse = hold(ring, rates.until(LATER), ARIMA=noise(0.001, 2))
    ring.enter(ARIMA=noise(0.001, 2))  # the same again is no new try
    assert ring.evaluate(accept_leak=True).recipes_tried == worse.recipes_tried == 1
    ring.enter(ARIMA=always(0.2))
    better = ring.evaluate(accept_leak=True)
    assert better.ranking[0].run_id != worse.ranking[0].run_id
    assert (len(ring.record(worse.ranking[0].run_id)), len(ring.record(better.ranking[0].run_id))) == (80, 0)
    assert (better.recipes_tried, better.proof.n_days) == (2, 0)


def test_proof_is_of_the_days_since_the_recipe_was_first_seen(ring, rates):
    """A contestant that knows half of what comes is unproven at first, whatever its p-value, and proven 180 days on."""
    first = hold(ring, rates.until(FIRST), ARIMA=always(0.5))
    assert first.ranking[0].skill.diebold_mariano.p_value < 1e-6
    assert (first.verdict, first.proven, first.proof.n_days) == ("unproven", False, 0)
    last = hold(ring, rates.until(LAST), ARIMA=always(0.5))
    assert (last.verdict, last.proven, last.proof.n_days) == ("held", True, LAST - FIRST)
    assert last.proof.alpha == pytest.approx(0.05 / 2)


def test_a_recipe_tried_is_never_forgotten(ring, rates):
    """Deleting the runs and evaluating with another one counts the recipes before, and changes nobody's share."""
    hold(ring, rates.until(FIRST), ARIMA=noise(0.001), LinearRegression=always(0.1))
    shares = {found.recipe: found.share for found in ring.store.attempts()}
    for run_id in [row.run_id for row in ring.evaluate(accept_leak=True).ranking]:
        ring.client.delete_run(run_id)
    again = hold(ring.using(test_fraction=0.19), rates.until(FIRST), ARIMA=noise(0.001))
    assert again.recipes_tried == 3
    kept = {found.recipe: found.share for found in ring.store.attempts()}
    assert {name: kept[name] for name in shares} == shares
    assert sum(kept.values()) < 1


def test_what_is_fitted_to_days_that_came_is_no_evidence_of_them(ring, rates):
    """Days since a recipe was seen count as its version says them, whatever a later run of the recipe knows of them."""
    hold(ring, rates.until(FIRST), ARIMA=noise(0.001))
    (version,) = ring.store.versions()
    ring.days(rates.until(LATER)).enter(hindsight=True, ARIMA=always(0.5))
    judgement = ring.evaluate(accept_leak=True)
    record = ring.record(judgement.ranking[0].run_id)
    assert record.origins.tolist() == rates.dates[FIRST - 1 : LATER - 1].tolist()
    table = load_table(ring.settings)
    said = ring.store.load(version.pinned_uri).predict(frame(table)).ravel()[-len(record) - 1 : -1]
    np.testing.assert_allclose(record.forecast, said, rtol=0, atol=1e-12)
    assert (judgement.proven, judgement.proof.n_days) == (False, LATER - FIRST)


def _delete_the_version(ring):
    (version,) = ring.store.versions()
    ring.client.delete_model_version(version.name, str(version.version))


def _lose_the_record(ring):
    next(path for path in ring.settings.data_dir.parent.rglob("evidence.parquet")).unlink()


@pytest.mark.parametrize("lose", [_delete_the_version, _lose_the_record])
def test_who_begins_a_record_again_tries_again(ring, rates, lose):
    """A recipe whose record went badly and is deleted begins anew as another try, with a smaller share, for good."""
    first = hold(ring, rates.until(FIRST), ARIMA=noise(0.001))
    lose(ring)
    again = hold(ring, rates.until(LATER), ARIMA=noise(0.001))
    assert (first.recipes_tried, again.recipes_tried, again.proof.n_days) == (1, 2, 0)
    assert again.proof.alpha == pytest.approx(first.proof.alpha / 3)
    assert ring.evaluate(accept_leak=True) == again
    later = hold(ring, rates.until(LAST), ARIMA=noise(0.001))
    assert (later.recipes_tried, later.proof.alpha, later.proof.n_days) == (2, again.proof.alpha, LAST - LATER)


def test_a_recipe_put_aside_and_taken_up_tries_again(ring, rates):
    """Between two that take turns, each turn begins a record and is counted: nobody shows only the good months."""
    one, other = ring, ring.using(options={"ARIMA": {"max_p": 3}})
    turns = ((one, FIRST), (other, FIRST + 60), (one, LATER), (other, LAST))
    tried = [hold(place, rates.until(day), ARIMA=noise(0.001)).recipes_tried for place, day in turns]
    assert tried == [1, 2, 3, 4]


def test_the_incumbent_that_knows_less_than_nothing_is_degraded(ring, rates):
    """A champion that has become worse than the random walk beyond doubt loses the title, in a word of its own."""
    hold(ring, rates.until(FIRST), ARIMA=always(0.5), LinearRegression=always(0.1))
    judgement = hold(ring, rates.until(LAST), ARIMA=always(-0.8), LinearRegression=always(0.0))
    assert (judgement.verdict, judgement.champion) == ("degraded", "EURUSD_LinearRegression")
    assert (
        ring.podium(
            "evaluate", "--accept-leak", "--policy", "significant", "--leak-r2", "0.99", "--leak-direction", "0.99"
        )
        == 3
    )


def test_a_degraded_champion_is_named_under_rmse_too(arena, rates):
    """The default policy gives the title away by RMSE and still raises the alarm."""
    ring = arena.using(**NOTHING_IS_TOO_GOOD)
    hold(ring, rates.until(FIRST), ARIMA=always(0.5))
    judgement = hold(ring, rates.until(LAST), ARIMA=always(-0.8))
    assert (judgement.verdict, judgement.champion) == ("degraded", "EURUSD_ARIMA")
    assert "worse than the random walk beyond doubt" in judgement.reason


def test_a_champion_that_did_not_take_part_keeps_the_title_under_significant(ring, rates):
    """Nobody has shown to be better than somebody who was not there; the others get the other aliases."""
    hold(ring, rates.until(FIRST), ARIMA=always(0.5), LinearRegression=always(0.1))
    judgement = hold(ring, rates.until(LAST), LinearRegression=always(0.1))
    assert (judgement.verdict, judgement.champion, judgement.champion_version) == ("held", "EURUSD_ARIMA", 1)
    assert "ARIMA keeps the title" in judgement.reason
    assert ring.aliases() == {
        "champion": "models:/EURUSD_ARIMA/1",
        "challenger": "models:/EURUSD_LinearRegression/2",
    }
    assert ring.pointer()["pinned_uri"] == "models:/EURUSD_ARIMA/1"
    assert ring.evaluate(accept_leak=True) == judgement


def test_a_champion_that_did_not_take_part_loses_the_title_under_rmse(arena, rates):
    """The lowest RMSE of those who took part has the title, as the guide says."""
    ring = arena.using(**NOTHING_IS_TOO_GOOD)
    hold(ring, rates.until(FIRST), ARIMA=always(0.5), LinearRegression=always(0.1))
    assert hold(ring, rates.until(LAST), LinearRegression=always(0.1)).champion == "EURUSD_LinearRegression"


def test_the_evidence_needed_is_that_of_the_statistics(ring, rates):
    """One day below the least number of days nothing can be said; at that number it can."""
    hold(ring, rates.until(FIRST), ARIMA=always(0.5), LinearRegression=always(0.1))
    for extra, said in ((MIN_DAYS - 1, "at least 60 are needed"), (MIN_DAYS, "60 days of evidence since")):
        judgement = hold(ring, rates.until(FIRST + extra), ARIMA=always(0.3), LinearRegression=always(0.31))
        assert said in judgement.reason


def test_a_recipe_is_all_that_a_person_can_choose(arena, rates, table_of):
    """Options, seed, window, refits and columns make another recipe; more days and another policy do not."""
    settings, table = arena.settings, table_of(rates)
    same = recipe(settings, "ARIMA", table)
    assert recipe(settings.model_copy(update={"policy": "significant"}), "ARIMA", table_of(rates.until(900))) == same
    changes = ({"seed": 1}, {"refit_every": 5}, {"n_lags": 30}, {"test_fraction": 0.3}, {"options": {}})
    others = {recipe(settings.model_copy(update=change), "ARIMA", table) for change in changes}
    assert len(others - {same}) == len(changes)
    assert recipe(settings, "LinearRegression", table) != same
