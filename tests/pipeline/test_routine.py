"""The routine replayed over the past."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from podium.cli.verbs import run as podium
from podium.errors import DataError, SettingError, UnknownContestantError
from podium.evaluate.walkforward import ScoredRows, walk_forward
from podium.features import build_features
from podium.models.roster import enter
from podium.pipeline import routine as room
from podium.pipeline.prepare import series_path
from podium.pipeline.routine import Routine, simulate

SHORT = Routine(("rmse", "significant"), learn_days=300, refit_every=63, trailing_days=126)


@pytest.fixture
def past(arena, rates):
    """A place with the stored series; nothing else is needed."""
    return arena.days(rates)


@pytest.fixture
def counted(monkeypatch):
    """Which contestants really walked."""
    walked = []

    def counting(contestant, *arguments):
        walked.append(contestant.family)
        return walk_forward(contestant, *arguments)

    monkeypatch.setattr(room, "walk_forward", counting)
    return walked


def test_every_policy_is_replayed_on_the_same_forecasts(past, rates):
    """Days, figures and reigns hold together, and can be computed from the stored forecasts."""
    (found,) = simulate(past.settings, ["EURUSD"], SHORT)
    assert [replay.policy for replay in found.replays] == ["rmse", "significant"]
    assert found.contestants == ("LinearRegression", "ARIMA")
    assert found.first_day == str(rates.dates[32 + 300 + 1])
    assert found.last_day == str(rates.dates[-1])
    by_rmse, significant = found.replays
    assert by_rmse.title_changes >= significant.title_changes
    for replay in found.replays:
        assert sum(reign.n_days for reign in replay.reigns) == replay.served_days == len(replay.dates)
        assert sum(replay.verdicts.values()) == replay.looks
        walk = replay.rmse**2 * replay.served_days + replay.cumulative_gain[-1]
        assert replay.loss_vs_random_walk == pytest.approx(-replay.cumulative_gain[-1] / walk)


def test_forecasts_are_those_of_the_product_and_made_once(past, rates, counted):
    """The second replay reads them; they are exactly what a walk-forward of the same settings makes."""
    first = simulate(past.settings, ["EURUSD"], SHORT)
    assert sorted(counted) == ["ARIMA", "LinearRegression"]
    again = simulate(past.settings, ["EURUSD"], SHORT)
    assert len(counted) == 2
    for one, other in zip(first[0].replays, again[0].replays, strict=True):
        np.testing.assert_array_equal(one.cumulative_gain, other.cumulative_gain)
        assert (one.reigns, one.rmse) == (other.reigns, other.rmse)
    stored = room.walk_one((past.settings, "ARIMA", SHORT))
    table = build_features(rates, past.settings.n_lags, "-")
    walked = walk_forward(enter("ARIMA", past.settings), table, ScoredRows(300, len(table) - 1), 63)
    np.testing.assert_array_equal(stored.forecast, walked.forecasts.forecast)
    np.testing.assert_array_equal(stored.actual, walked.forecasts.actual)


@pytest.mark.parametrize(
    ("change", "routine", "made"),
    [
        ({}, {"policies": ("rmse",)}, 0),
        ({}, {"trailing_days": 90}, 0),
        ({"alpha": 0.2}, {}, 0),
        ({"options": {"ARIMA": {"max_p": 0, "max_q": 0}}}, {}, 1),
        ({"seed": 7}, {}, 2),
        ({"n_lags": 20}, {}, 2),
        ({}, {"refit_every": 126}, 2),
        ({}, {"learn_days": 310}, 2),
    ],
)
def test_only_what_changes_a_forecast_makes_it_anew(past, counted, change, routine, made):
    """Policy, alpha and trailing window reuse the stored forecasts; options, seed, window and refits do not."""
    import dataclasses

    simulate(past.settings, ["EURUSD"], SHORT)
    counted.clear()
    simulate(past.using(**change).settings, ["EURUSD"], dataclasses.replace(SHORT, **routine))
    assert len(counted) == made


def test_a_longer_series_is_replayed_on_its_own_forecasts(past, rates, counted):
    """After new days nothing old is read."""
    simulate(past.settings, ["EURUSD"], SHORT)
    past.days(rates.until(990))
    (found,) = simulate(past.settings, ["EURUSD"], SHORT)
    assert len(counted) == 4
    assert found.last_day == str(rates.dates[989])


def test_nothing_of_the_future_moves_a_title(past, rates):
    """The reigns up to a day are the same when the series ends there."""
    (whole,) = simulate(past.settings, ["EURUSD"], SHORT)
    past.days(rates.until(850))
    (cut,) = simulate(past.settings, ["EURUSD"], SHORT)
    for long, short in zip(whole.replays, cut.replays, strict=True):
        last = short.dates[-1]
        began = [(reign.champion, reign.since) for reign in long.reigns if reign.since < last]
        assert [(reign.champion, reign.since) for reign in short.reigns if reign.since < last] == began
        # the month in which the shorter series ends is looked at on another day
        same = len(short.cumulative_gain) - 25
        np.testing.assert_allclose(short.cumulative_gain[:same], long.cumulative_gain[:same])


def test_many_pairs_and_the_command_line(past, capsys):
    """One document for several pairs, pictures in the folder named; a pair that is not stored is fetched, not kept."""
    words = (
        "--pairs", "EURUSD,EURGBP", "--contestants", "LinearRegression", "--workers", "1", "--refit-every", "999",
        "--plot", "shown", "--json",
    )  # fmt: skip
    assert podium(["simulate", *words, "--learn-days", "300"]) == 0
    told = json.loads(capsys.readouterr().out)["pairs"]
    assert [one["pair"] for one in told] == ["EURUSD", "EURGBP"]
    for one in told:
        assert [row["policy"] for row in one["policies"]] == ["rmse", "significant"]
        assert one["policies"][0].keys() >= {"policy", "title_changes", "loss_vs_random_walk", "loss_vs_contestant"}
        assert Path(one["plot"]).read_bytes().startswith(b"\x89PNG")
    assert series_path(past.settings).exists()
    assert not series_path(past.using(pair="EURGBP").settings).exists()


def test_bad_input_is_named_before_any_work(past, rates, counted):
    """A policy that does not exist, a contestant nobody offers, and too few days."""
    with pytest.raises(SettingError, match="coin"):
        simulate(past.settings, ["EURUSD"], Routine(("coin",)))
    with pytest.raises(UnknownContestantError, match="Oracle"):
        simulate(past.using(contestants=("Oracle",)).settings, ["EURUSD"], SHORT)
    past.days(rates.until(500))
    with pytest.raises(DataError, match="enough days to replay"):
        simulate(past.settings, ["EURUSD"], SHORT)
    assert counted == []
