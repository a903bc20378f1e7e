"""How things stand, for one pair and for all."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from podium.evaluate.evidence import Comparison
from podium.evaluate.walkforward import scored_rows
from podium.pipeline.prepare import load_table, series_path
from podium.pipeline.status import status, status_of_all
from podium.records import Series
from podium.registry import judgements


def other_pair(series, pair):
    """The same days under another name, a little different."""
    wobble = 1 + 0.0001 * np.random.default_rng(len(pair)).normal(size=len(series))
    return Series(pair, series.dates, series.closes * wobble, series.source)


@pytest.fixture
def three(arena, rates):
    """EURUSD, EURGBP and EURJPY in one registry; EURJPY's champion cannot be tested."""
    told = {"EURUSD": 0.1, "EURGBP": -0.3, "EURJPY": 0.0}
    for pair, share in told.items():
        place = arena.using(pair=pair, leak_r2=0.9, leak_direction=0.9999)
        series = rates if pair == "EURUSD" else other_pair(rates, pair)
        noise = 0.0004 * np.random.default_rng(len(pair) + int(10 * share)).normal(size=1000)
        place.days(series).enter(ARIMA=lambda actual, s=share, n=noise: s * (actual + n[: len(actual)]))
        place.evaluate(accept_leak=True)
    return arena


def test_a_pointer_that_cannot_be_read_does_not_agree(arena, rates, capsys):
    """The registry says who leads; a broken file beside it is reported, not in the way."""
    arena.days(rates).enter(ARIMA=lambda actual: 0.0 * actual)
    arena.evaluate()
    assert status(arena.settings).pointer_agrees
    path = arena.settings.models_dir / "best_model_info.EURUSD.json"
    path.write_text("{")
    assert arena.podium("status") == 0
    assert "best_model_info.EURUSD.json does not name this champion" in capsys.readouterr().out
    path.unlink()
    assert status(arena.settings).pointer_agrees is None


def test_rates_that_are_too_old_are_told_first(arena, rates, capsys):
    """Of the newest stored rate, in lines, JSON and value; nothing is told where `stale_after` allows it."""
    arena.days(rates).enter(ARIMA=lambda actual: 0.0 * actual)
    arena.evaluate()
    told = f"The newest stored rate is of {rates.dates[-1]}, and "
    assert arena.podium("status") == 0
    assert capsys.readouterr().out.startswith(told)
    assert arena.podium("status", "--json") == 0
    assert json.loads(capsys.readouterr().out)["stale"].startswith(told)
    series_path(arena.settings).unlink()
    assert status(arena.settings).stale.startswith(told)
    assert status(arena.using(stale_after=100_000).settings).stale == ""


def prove(store, p_value):
    """Keep with the champion the same judgement with such a proof, on half of the alpha."""
    champion = store.champion()
    proof = Comparison("random_walk", champion.name, 300, 1.0, None, p_value, 0.05 / 2)
    judgements.record(store, champion, dataclasses.replace(judgements.carried(store, champion), proof=proof))


def test_every_pair_has_one_row_and_is_one_of_many(three, capsys):
    """Champion, verdict, p and e-value by pair; who is found among all three; lines and JSON agree."""
    for pair, p_value in {"EURGBP": 1 / 300, "EURJPY": None, "EURUSD": 1 / 100}.items():
        prove(three.using(pair=pair).store, p_value)
    rows = status_of_all(three.settings)
    assert [row.champion.pinned_uri for row in rows] == [
        f"models:/{pair}_ARIMA/1" for pair in ("EURGBP", "EURJPY", "EURUSD")
    ]
    for row in rows:
        single = status(three.settings.model_copy(update={"pair": row.champion.pair}))
        assert row.told.verdict == single.judgement.verdict
        assert row.told.dm_p == single.judgement.ranking[0].skill.diebold_mariano.p_value
        assert row.age_days == single.age_days
    assert rows[1].told.dm_p is None
    # each p is worth half of its inverse; three pairs need 60, or two of them 30 each
    assert [row.told.e_value for row in rows] == pytest.approx([150, 0, 50])
    assert [row.found for row in rows] == [True, False, True]

    assert three.podium("status", "--all", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["e_value"] for row in told] == [row.told.e_value for row in rows]
    assert three.podium("status", "--all") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["pair", "EURGBP", "EURJPY", "EURUSD"]
    assert lines[4].startswith(
        "Beats the random walk, with at most 5% false discoveries at any look (e-BH): EURGBP, EURUSD"
    )


def test_the_pointer_of_another_pair_is_no_disagreement(three, capsys):
    """One folder serves several pairs: each has its own pointer, and the last one's says nothing about the others."""
    for pair in ("EURUSD", "EURJPY"):
        assert status(three.settings.model_copy(update={"pair": pair})).pointer_agrees
    three.podium("status")
    assert "best_model_info" not in capsys.readouterr().out


def test_without_any_champion_the_next_step_is_named(arena, capsys):
    """An empty registry: one line, exit code 5, for one pair and for all."""
    for words in (("status",), ("status", "--all")):
        assert arena.podium(*words) == 5
        assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_an_alias_set_by_hand_on_a_version_without_a_championship_is_said(arena, rates, capsys):
    """A champion that carries no judgement has a status all the same."""
    arena.days(rates).enter(ARIMA=lambda actual: 0.0 * actual, LinearRegression=lambda actual: 0.0 * actual)
    table = load_table(arena.settings)
    window = scored_rows(table, arena.settings.n_lags, arena.settings.test_fraction).scored_days(table)
    version = arena.store.register(arena.store.completed_runs(table.data_version, window)[0])
    arena.client.set_registered_model_alias(version.name, "champion", str(version.version))
    found = status(arena.settings)
    assert (found.judgement, found.pinned, found.pointer_agrees) == (None, None, None)
    assert arena.podium("status") == 0
    assert "set by hand; run `podium evaluate`" in capsys.readouterr().out
    assert status_of_all(arena.settings)[0].told is None
