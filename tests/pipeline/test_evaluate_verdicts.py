"""Championships on real rates, from the first to the third, and what the verb says of them."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, special, stats

from podium.errors import DataError, RegistryError
from podium.evaluate.judgement import Judgement
from podium.evaluate.significance import diebold_mariano
from podium.pipeline.contest import check_going_on
from podium.records import Series
from podium.registry import judgements
from podium.report.scene import told_day
from tests.support import strict_json

ASKED = {
    "pair", "data_version", "verdict", "reason", "champion", "scored_days", "minimum_detectable_r2", "baselines",
    "ranking",
}  # fmt: skip
ASKED_OF_A_ROW = {
    "family", "model_name", "model_version", "alias", "skill", "intervals",
}  # fmt: skip


@pytest.fixture
def crowned(arena, rates):
    """A place with one championship behind it, and its judgement."""
    return arena, arena.championship(rates.until(900))


def test_the_first_championship_tells_everything_that_a_program_asks(crowned, capsys):
    """`evaluate --json` and `status --json` hold every key, as numbers or null, and agree."""
    arena, judgement = crowned
    assert arena.podium("evaluate", "--json") == 0
    told = strict_json(capsys.readouterr().out)
    assert told.keys() >= ASKED
    assert [row.keys() >= ASKED_OF_A_ROW for row in told["ranking"]] == [True, True]
    assert told == json.loads(judgement.to_json())
    assert Judgement.from_json(json.dumps(told)) == judgement
    assert [row["alias"] for row in told["ranking"]] == ["champion", "challenger"]

    assert arena.podium("status", "--json") == 0
    status = strict_json(capsys.readouterr().out)
    assert status.keys() >= ASKED | {"aliases", "age_days", "pointer_agrees", "pinned"}
    assert {key: status[key] for key in told} == told
    assert (status["pinned"], status["pointer_agrees"]) == (None, True)


def test_a_version_says_it_in_short_tags_and_its_run_has_the_whole(crowned):
    """No tag is a document; `championship.json` of every run that took part is the judgement, and is written once."""
    arena, judgement = crowned
    store = arena.store
    for version in store.versions():
        assert max(map(len, version.tags.values())) < 300
        assert (version.tags["verdict"], version.tags["model_type"]) == (judgement.verdict, version.family)
        place = [row.family for row in judgement.ranking].index(version.family) + 1
        assert version.tags["rank"] == f"{place} of 2"
        assert version.description.startswith(f"{version.family}, {judgement.verdict}, {place} of 2: rmse 0.0")
        assert judgements.carried(store, version) == judgement
    written = arena.state()
    assert arena.evaluate() == judgement
    assert arena.state() == written
    arena.client.update_model_version(version.name, str(version.version), "Ann's own words")
    first, second = (
        next(Path("mlruns").rglob(f"{row.run_id}/artifacts/{judgements.FILE}")) for row in judgement.ranking
    )
    second.unlink()
    assert arena.evaluate() == judgement
    assert second.exists()
    first.unlink()
    assert arena.podium("status") == 0  # who leads is known without it
    assert arena.evaluate().ranking == judgement.ranking
    assert first.exists()
    assert arena.store.versions()[-1].description == "Ann's own words"


def test_what_one_tag_held_until_now_reads_as_before(crowned, capsys):
    """A store in which a version carries the whole judgement as a tag tells the same, and is brought up to date."""
    arena, judgement = crowned
    status, champion = arena.podium("status", "--all", "--json"), arena.store.champion()
    told = strict_json(capsys.readouterr().out)
    for name in ("r2_oos", "dm_p", "rank"):
        arena.client.delete_model_version_tag(champion.name, str(champion.version), name)
    arena.client.set_model_version_tag(champion.name, str(champion.version), judgements.TAG, judgement.to_json())
    assert judgements.carried(arena.store, arena.store.champion()) == judgement
    assert (arena.podium("status", "--all", "--json"), strict_json(capsys.readouterr().out)) == (status, told)
    assert arena.evaluate() == judgement
    assert arena.store.champion() == champion


def test_since_when_the_title_is_held_is_one_moment(arena, rates, capsys):
    """Verb, status, pointer, history and page name the moment with its zone and the data's day, after a refit too."""
    first = arena.championship(rates.until(900))
    at = arena.store.titles()[0].at
    since = {"title_since": at, "title_data_day": str(rates.dates[899])}
    assert datetime.fromisoformat(at).tzinfo is not None
    again = arena.using(policy="significant").championship(rates.until(902))
    assert again.champion == first.champion
    for judgement in (first, again):
        assert (judgement.title_since, judgement.title_data_day) == tuple(since.values())
    assert arena.pointer().items() >= since.items()
    assert arena.podium("status", "--json") == 0
    assert strict_json(capsys.readouterr().out).items() >= since.items()
    assert arena.podium("report") == 0
    assert (
        f"{at[11:16]} UTC, on data up to {told_day(since['title_data_day'])}" in Path("reports/EURUSD.html").read_text()
    )


def harvey_leybourne_newbold_p(y, f):
    """Diebold and Mariano (1995) against forecasting zero, one step ahead, corrected as Harvey and others (1997) do."""
    d, n = y**2 - (y - f) ** 2, len(y)
    return stats.t.sf(d.mean() / math.sqrt(d.var() / n) * math.sqrt((n - 1) / n), n - 1)


def clark_west_p(y, f):
    """Clark and West (2007), equation 3.1, with a benchmark of zero."""
    return stats.ttest_1samp(y**2 - ((y - f) ** 2 - f**2), 0, alternative="greater").pvalue


def pesaran_timmermann_p(y, f):
    """Pesaran and Timmermann (1992) without the term of order 1/n²; days without a move or a call are left out."""
    kept = (y != 0) & (f != 0)
    up, called = y[kept] > 0, f[kept] > 0
    if called.all() or not called.any():
        return None
    n, p, q = len(up), up.mean(), called.mean()
    hit, chance = np.mean(up == called), p * q + (1 - p) * (1 - q)
    var_hit = chance * (1 - chance) / n
    var_chance = ((2 * p - 1) ** 2 * q * (1 - q) + (2 * q - 1) ** 2 * p * (1 - p)) / n
    return stats.norm.sf((hit - chance) / math.sqrt(var_hit - var_chance))


def crps_of_t(y, f, sigma, df):
    """Jordan, Krueger and Lerch (2019), appendix A: Student's t whose standard deviation is sigma."""
    scale = sigma * np.sqrt((df - 2) / df)
    z = (y - f) / scale
    spread = 2 * np.sqrt(df) / (df - 1) * special.beta(0.5, df - 0.5) / special.beta(0.5, df / 2) ** 2
    body = z * (2 * stats.t.cdf(z, df) - 1) + 2 * stats.t.pdf(z, df) * (df + z**2) / (df - 1)
    return scale * (body - spread)


def crps_by_definition(y, f, sigma, df):
    """The integral of (F(x) - 1{y <= x})^2 over x, of one day, in standard deviations and back."""
    z, scale = (y - f) / sigma, math.sqrt((df - 2) / df)
    below = integrate.quad(lambda x: stats.t.cdf(x / scale, df) ** 2, -np.inf, z)[0]
    return sigma * (below + integrate.quad(lambda x: stats.t.sf(x / scale, df) ** 2, z, np.inf)[0])


def test_a_stranger_computes_every_number_again(crowned):
    """`forecasts.parquet` and the published formulas are enough for each figure of the ranking."""
    arena, judgement = crowned
    for row in judgement.ranking:
        run = arena.record(row.run_id, "forecasts.parquet")
        y, f = run.actual, run.forecast
        named = (y != 0) & (f != 0)
        density = (run.bounds["sigma"], run.bounds["df"])
        score = crps_of_t(y, f, *density)
        for day in (0, 50, len(y) - 1):
            assert score[day] == pytest.approx(crps_by_definition(y[day], f[day], *(c[day] for c in density)), rel=1e-6)
        again = {
            "rmse": math.sqrt(np.mean((y - f) ** 2)),
            "mae": np.mean(np.abs(y - f)),
            "r2_oos": 1 - np.sum((y - f) ** 2) / np.sum(y**2),
            "ratio_to_random_walk": math.sqrt(np.sum((y - f) ** 2) / np.sum(y**2)),
            "directional_accuracy": np.mean(np.sign(y[named]) == np.sign(f[named])),
            "dm_p": harvey_leybourne_newbold_p(y, f),
            "clark_west_p": clark_west_p(y, f),
            "pesaran_timmermann_p": pesaran_timmermann_p(y, f),
            "crps": np.mean(score),
            "crps_skill": 1
            - np.mean(score) / np.mean(crps_of_t(y, f, run.bounds["rolling_sigma"], run.bounds["rolling_df"])),
        }
        for alpha in ("80", "95"):
            inside = (run.bounds[f"lower_{alpha}"] <= y) & (y <= run.bounds[f"upper_{alpha}"])
            outside = np.maximum(run.bounds[f"lower_{alpha}"] - y, 0) + np.maximum(y - run.bounds[f"upper_{alpha}"], 0)
            width = run.bounds[f"upper_{alpha}"] - run.bounds[f"lower_{alpha}"]
            again[f"coverage_{alpha}"] = inside.mean()
            again[f"width_{alpha}"] = width.mean()
            again[f"winkler_{alpha}"] = np.mean(width + 2 / (1 - int(alpha) / 100) * outside)
        told = {name: row.flat()[name] for name in again}
        untold = {name for name, value in again.items() if value is None}  # a sign that never changes is no test
        assert untold == {name for name, value in told.items() if value is None}
        shown = {name: value for name, value in again.items() if name not in untold}
        assert {name: told[name] for name in shown} == pytest.approx(shown, rel=1e-9, nan_ok=False)
    assert judgement.n_scored_days == len(y)
    assert judgement.baselines["random_walk"]["rmse"] == pytest.approx(math.sqrt(np.mean(y**2)))


def test_again_with_nothing_new_writes_nothing(crowned):
    """The second evaluate says the same and touches neither registry nor pointer nor artifacts."""
    arena, judgement = crowned
    before = arena.state()
    assert arena.evaluate() == judgement
    assert arena.state() == before


def test_new_days_keep_the_title_and_its_beginning(crowned, rates):
    """Retrained on more days, the holder's new version gets the alias; the title still dates from its first day."""
    arena, first = crowned
    significant = arena.using(policy="significant")
    second = significant.championship(rates)
    assert (second.champion, second.champion_version) == (first.champion, 2)
    assert first.title_data_day == second.title_data_day == str(rates.dates[899])
    assert second.data_version != first.data_version
    assert second.verdict == "held"
    assert arena.aliases()["champion"] == f"models:/{first.champion}/2"
    assert arena.pointer()["pinned_uri"] == f"models:/{first.champion}/2"
    assert [title.data_version for title in arena.store.titles()] == [first.data_version, second.data_version]
    for row in second.ranking:
        assert arena.record(row.run_id).origins.tolist() == rates.dates[899:999].tolist()


def test_recipes_that_were_tried_and_dropped_are_counted(crowned):
    """Training a variant on the same days makes the alpha that is needed smaller, even if the first stays the best."""
    arena, first = crowned
    assert (first.recipes_tried, first.alpha_needed) == (2, 0.025)
    arena.using(contestants=("LinearRegression",), options={"LinearRegression": {"lags_used": 1}}).train()
    second = arena.evaluate()
    assert (second.recipes_tried, second.alpha_needed) == (3, pytest.approx(0.05 / 3))
    assert second.minimum_detectable_r2 > first.minimum_detectable_r2
    arena.train(again=True)  # the same recipes again are no new chances
    assert arena.evaluate().recipes_tried == 3


def test_unproven_fails_only_where_it_is_asked_to(crowned, capsys):
    """Real forecasters of 180 days are unproven: exit code 0, and 3 with --strict."""
    arena, judgement = crowned
    assert judgement.verdict == "unproven"
    assert "beats the random walk is not proven" in judgement.reason
    assert arena.podium("evaluate") == 0
    assert arena.podium("evaluate", "--strict") == 3
    assert "Verdict: unproven - " in capsys.readouterr().out


def test_a_champion_that_is_kept_unproven_fails_where_it_is_asked_to(crowned, rates, capsys):
    """Under `significant` the word is `held`, and --strict looks at the proof and not at the word."""
    arena, _ = crowned
    judgement = arena.using(policy="significant").championship(rates)
    assert (judgement.verdict, judgement.proven) == ("held", False)
    assert arena.podium("evaluate", "--policy", "significant") == 0
    assert arena.podium("evaluate", "--policy", "significant", "--strict") == 3
    assert capsys.readouterr().out.count("Verdict: held") == 2


def test_the_printed_line_on_the_random_walk_agrees_with_the_verdict(arena, rates, capsys):
    """A p-value between alpha / contestants and alpha is neither proven by the word nor by the line above it."""
    arena.days(rates.until(900)).enter(
        ARIMA=lambda actual: 0.0 * actual, LinearRegression=lambda actual: lucky(actual, target=0.035)
    )
    judgement = arena.evaluate()
    assert 0.025 < judgement.ranking[0].skill.diebold_mariano.p_value < 0.05
    assert judgement.verdict == "unproven"
    assert arena.podium("evaluate") == 0
    assert "does not beat it beyond chance" in " ".join(capsys.readouterr().out.split())


def lucky(actual, target):
    """A noisy forecast with a Diebold-Mariano p-value near the target."""
    found = []
    for seed in range(400):
        forecast = 0.0002 * np.random.default_rng(seed).normal(size=len(actual))
        found.append((abs(diebold_mariano(actual, forecast).p_value - target), forecast))
    return min(found, key=lambda item: item[0])[1]


def test_a_constant_forecast_is_reported_as_untested_not_as_a_number(arena, rates, capsys):
    """No change forecast every day: tests and direction are null with their reasons, and JSON holds no NaN."""
    arena.days(rates.until(900)).enter(ARIMA=lambda actual: 0.0 * actual)
    assert arena.podium("evaluate", "--json") == 0
    told = strict_json(capsys.readouterr().out)
    skill = told["ranking"][0]["skill"]
    tests = [skill[name] for name in ("diebold_mariano", "clark_west", "pesaran_timmermann")]
    assert [(test["statistic"], test["p_value"], bool(test["reason"])) for test in tests] == [(None, None, True)] * 3
    assert (told["verdict"], skill["directional_accuracy"], skill["in_mcs"]) == ("unproven", None, True)
    assert "0 days of evidence since the recipe was first seen" in told["reason"]


def test_bad_input_is_one_clear_line(crowned, capsys):
    """A policy that does not exist and an alpha outside (0, 1) are named, with exit code 2, before any work."""
    arena, _ = crowned
    for words, said in (
        (("--policy", "coin"), "one of rmse, significant"),
        (("--alpha", "1.5"), "alpha"),
        (("--leak-r2", "7"), "leak_r2"),
    ):
        assert arena.podium("evaluate", *words) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        assert said in lines[0]


def test_artifacts_that_were_moved_are_named_before_anything_is_made(crowned):
    """MLflow keeps absolute paths: after a move nothing is written in the old place, and no lost run is champion."""
    arena, _ = crowned
    place = Path(arena.client.get_experiment_by_name("EURUSD_Experiments").artifact_location)
    place.rename(place.with_name("moved"))
    for step in (arena.train, arena.evaluate):
        with pytest.raises(RegistryError, match=f"are not at {place}.*podium doctor --fix"):
            step()
    assert not place.exists()


def test_the_recorded_source_is_that_of_the_series(arena, rates):
    """Where the rates came from is the stored series' word, whatever the setting says at the time of training."""
    series = Series(rates.pair, rates.dates[:600], rates.closes[:600], "csv")
    (run, *_) = arena.days(series).using(source="ecb").train()
    (given,) = arena.client.get_run(run.run_id).inputs.dataset_inputs
    assert json.loads(given.dataset.source)["tags"]["source"] == "csv"


def _from_csv(series):
    return Series(series.pair, series.dates, series.closes, "csv")


def _revalued(series):
    closes = series.closes * np.exp(np.random.default_rng(1).normal(0, 0.003, len(series)))
    return Series(series.pair, series.dates, closes, series.source)


def _inverted(series):
    return Series(series.pair, series.dates, 1 / series.closes, series.source)


def _in_hundreds(series):
    return Series(series.pair, series.dates, 100 * series.closes, series.source)


@pytest.mark.parametrize(
    ("change", "check", "told"),
    [
        (_from_csv, "other_series", "decided on rates from ecb, these are from csv"),
        (lambda rates: rates.until(880), "earlier_end", "decided on rates up to .*, these end on"),
        (_revalued, "other_series", "decided on other rates of the same days"),
        (_inverted, "other_level", "decided at rates of 1.16185, these are 0.860696 on the same days"),
        (_in_hundreds, "other_level", "decided at rates of 1.16185, these are 116.185 on the same days"),
    ],
)
def test_a_title_moves_only_on_the_series_that_it_was_decided_on(crowned, rates, change, check, told):
    """Another source, end, rates of the same days or level: nothing moves until it is meant, which is recorded."""
    arena, first = crowned
    arena.days(change(rates))
    said = rf"{check} - the title was {told}.*; if it is meant, --change-source$"
    with pytest.raises(DataError, match=said):
        check_going_on(arena.store)  # as `podium run` does before it trains
    arena.train()
    before = arena.aliases(), arena.pointer(), arena.store.titles()
    with pytest.raises(DataError, match=said):
        arena.evaluate()
    assert (arena.aliases(), arena.pointer(), arena.store.titles()) == before
    check_going_on(arena.store, change_source=True)
    second = arena.evaluate(change_source=True)
    assert second.data_version != first.data_version
    last = arena.store.titles()[-1]
    assert re.search(f"^the title was {told}", last.departure)
    assert last.why == second.reason
    assert last.why.endswith(f"; the source was changed: {last.departure}")
    assert (arena.evaluate(), arena.store.titles()[-1]) == (second, last)  # it goes on from there
    assert arena.aliases()["champion"] == f"models:/{second.champion}/{second.champion_version}"


def test_an_alias_moved_by_hand_is_a_new_incumbent(crowned):
    """Somebody moves @champion in MLflow: the next championship with the same runs decides anew and mends the rest."""
    arena, judgement = crowned
    other = judgement.ranking[1].model_name
    arena.client.set_registered_model_alias(other, "champion", "1")
    assert arena.store.champion().name == other
    significant = arena.using(policy="significant").evaluate()
    assert (significant.champion, significant.verdict, significant.title_data_day) == (other, "held", None)
    assert arena.aliases() == {"champion": f"models:/{other}/1", "challenger": f"models:/{judgement.champion}/1"}
    assert arena.pointer()["pinned_uri"] == f"models:/{other}/1"
    assert arena.store.titles()[-1].pinned_uri == f"models:/{other}/1"
    assert arena.evaluate().champion == judgement.champion
