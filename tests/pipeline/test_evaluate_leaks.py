"""A contestant that is too good to be true, or nearly so, and what a championship does about it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from podium.pipeline.onward import evaluate_or_go_on
from tests.support import strict_json


def fair_noise(actual):
    """A contestant that knows nothing."""
    return 0.0001 * np.random.default_rng(1).normal(size=len(actual))


class TestLeak:
    """A contestant that reads the day to come."""

    @pytest.fixture
    def leaking(self, arena, rates):
        """A fair first championship, then a contestant that knows two thirds of the next return."""
        arena.days(rates.until(850)).enter(ARIMA=fair_noise)
        fair = arena.evaluate()
        before = (arena.aliases(), arena.pointer(), arena.store.titles())
        arena.days(rates).enter(ARIMA=fair_noise, LinearRegression=lambda actual: 0.6 * actual + 0.001)
        return arena, fair, before

    def test_it_moves_nothing(self, leaking, capsys):
        """Verdict `leak`: aliases, pointer and titles stay, the holder is still the version that has the alias."""
        arena, fair, before = leaking
        assert arena.podium("evaluate", "--json") == 3
        told = strict_json(capsys.readouterr().out)
        assert told["verdict"] == "leak"
        assert (told["champion"], told["champion_version"]) == (fair.champion, 1)
        assert (arena.aliases(), arena.pointer(), arena.store.titles()) == before
        assert [row["alias"] for row in told["ranking"]] == [None, None]
        assert "LinearRegression is too good to be true" in told["leaks"][0]["message"]

        again = arena.state()
        assert arena.podium("evaluate", "--json") == 3
        assert strict_json(capsys.readouterr().out) == told
        assert arena.state() == again

        assert arena.podium("status", "--json") == 0
        status = strict_json(capsys.readouterr().out)
        assert (status["verdict"], status["champion"], status["champion_version"]) == ("leak", fair.champion, 1)

    def test_it_is_let_through_only_by_name_and_recorded(self, leaking, capsys):
        """`--accept-leak` moves the title and is recorded; the next championship without it refuses again."""
        arena, _, _ = leaking
        assert arena.podium("evaluate", "--accept-leak", "--json") == 0
        told = strict_json(capsys.readouterr().out)
        assert (told["champion"], told["leak_accepted"], len(told["leaks"])) == ("EURUSD_LinearRegression", True, 1)
        assert arena.aliases()["champion"] == "models:/EURUSD_LinearRegression/1"
        said = "too good to be true, and accepted: LinearRegression"
        assert arena.store.titles()[-1].why.endswith(said)
        assert arena.pointer()["reason"].endswith(said)
        assert arena.evaluate().verdict == "leak"
        assert arena.aliases()["champion"] == "models:/EURUSD_LinearRegression/1"

    def test_a_first_championship_with_a_leak_crowns_nobody(self, arena, rates, capsys):
        """Without a holder before, nobody holds the title after, and there is no pointer."""
        arena.days(rates).enter(LinearRegression=lambda actual: 0.6 * actual)
        for _ in range(2):
            assert arena.podium("evaluate", "--json") == 3
            told = strict_json(capsys.readouterr().out)
            assert (told["verdict"], told["champion"], told["title_data_day"]) == ("leak", None, None)
        assert (arena.aliases(), arena.pointer(), arena.store.titles()) == ({}, {}, [])

    def test_what_helps_after_a_first_championship_with_a_leak_is_told(self, arena, rates, capsys):
        """Every verb names the page and what ends the matter; the page says who leaked what, and praises nothing."""
        arena.days(rates).enter(LinearRegression=lambda actual: 0.6 * actual, ARIMA=lambda actual: 0.0 * actual)
        assert arena.evaluate().verdict == "leak"
        for verb in ("status", "status --all", "forecast", "rollback"):
            assert arena.podium(*verb.split()) == 5
            told = capsys.readouterr().err
            assert "its championship was stopped (LinearRegression: too good to be true" in told
            assert all(
                help_ in told for help_ in ("`podium report`", "`podium evaluate --without NAME`", "--accept-leak")
            )
        assert arena.podium("report", "--json") == 0
        told = strict_json(capsys.readouterr().out)
        page = Path(told["path"]).read_text()
        assert "<h1>Refused: a contestant is too good to be true</h1>" in page
        assert "Do not use any of these forecasts" in page
        assert "@champion" not in page.partition('id="words"')[0]
        assert "report.html" in [file.path for file in arena.client.list_artifacts(told["run_id"])]
        assert arena.podium("evaluate", "--without", "Nobody") == 2
        assert "no run of it could take part; there are ARIMA, LinearRegression" in capsys.readouterr().err
        assert arena.podium("evaluate", "--without", "LinearRegression") == 0
        assert arena.aliases() == {"champion": "models:/EURUSD_ARIMA/1"}

    def test_the_word_is_on_every_version(self, leaking):
        """The versions of a refused championship carry the verdict and its reason."""
        arena, _, _ = leaking
        arena.evaluate()
        tags = {version.pinned_uri: version.tags.get("verdict") for version in arena.store.versions()}
        assert tags["models:/EURUSD_LinearRegression/1"] == tags["models:/EURUSD_ARIMA/2"] == "leak"

    def test_a_yes_to_one_is_none_to_another(self, arena, rates):
        """Days without training go on with an accepted leak, and stop for one that nobody accepted."""
        loose = arena.using(leak_r2=0.5, leak_direction=0.99)
        loose.days(rates.until(950)).enter(
            LinearRegression=lambda actual: 0.6 * actual, ARIMA=lambda actual: 0.2 * actual
        )
        assert loose.evaluate(accept_leak=True).leak_accepted
        loose.days(rates.until(953))
        went_on = evaluate_or_go_on(loose.settings)
        assert (went_on.leak_accepted, went_on.champion) == (True, "EURUSD_LinearRegression")
        stopped = evaluate_or_go_on(arena.using(leak_r2=0.1, leak_direction=0.99).settings)
        assert (stopped.verdict, {found.contestant for found in stopped.leaks}) == (
            "leak",
            {"LinearRegression", "ARIMA"},
        )


def knowing(actual, r2=0.06):
    """A noisy copy of what is to come, with exactly this out-of-sample R²."""
    noise = np.random.default_rng(2).normal(size=len(actual))
    noise -= actual * (noise @ actual) / (actual @ actual)
    return r2 * (actual + noise * math.sqrt((1 / r2 - 1) * (actual @ actual) / (noise @ noise)))


class TestAmber:
    """A contestant between what is known of daily rates and what is too good to be true."""

    @pytest.fixture
    def nearly(self, arena, rates):
        """A fair first championship, then one that explains six per cent of the next return, give or take three."""
        arena.days(rates.until(850)).enter(ARIMA=fair_noise)
        arena.evaluate()
        before = (arena.aliases(), arena.pointer(), arena.store.titles())
        arena.days(rates).enter(ARIMA=fair_noise, LinearRegression=knowing)
        return arena, before

    def test_it_waits_for_a_person(self, nearly, capsys):
        """Verdict `amber`, exit code 3; aliases, pointer and titles stay until --accept-leak, which is recorded."""
        arena, before = nearly
        assert arena.podium("evaluate", "--json") == 3
        told = strict_json(capsys.readouterr().out)
        assert (told["verdict"], told["champion"]) == ("amber", "EURUSD_ARIMA")
        assert "LinearRegression is better than what is known of daily rates" in told["leaks"][0]["message"]
        assert (arena.aliases(), arena.pointer(), arena.store.titles()) == before

        accepted = arena.evaluate(accept_leak=True)
        assert (accepted.champion, accepted.leak_accepted) == ("EURUSD_LinearRegression", True)
        assert arena.store.titles()[-1].why.endswith("and accepted: LinearRegression")
        again = arena.evaluate()
        assert (again.champion, again.verdict, again.leaks) == ("EURUSD_LinearRegression", "unproven", ())
        assert [found.contestant for found in again.ambers] == ["LinearRegression"]

    def test_it_takes_no_title_by_the_way(self, nearly, capsys):
        """`promote` asks for the same word, and writes it into the history; a second place needs none."""
        arena, _ = nearly
        arena.using(policy="significant").evaluate()
        assert arena.aliases()["challenger"] == "models:/EURUSD_LinearRegression/1"
        assert arena.podium("promote", "challenger") == 2
        assert "better than what is known" in capsys.readouterr().err
        assert arena.aliases()["champion"] == "models:/EURUSD_ARIMA/2"
        assert arena.podium("promote", "challenger", "--accept-leak") == 0
        assert arena.store.titles()[-1].why == "promoted by hand; under suspicion, and accepted"

    def test_a_recipe_is_accepted_and_not_its_name(self, nearly):
        """Another recipe of the champion's family is held back again."""
        arena, _ = nearly
        arena.evaluate(accept_leak=True)
        arena.using(options={"LinearRegression": {"lags_used": 2}}).enter(
            LinearRegression=lambda actual: knowing(actual, 0.065)
        )
        assert arena.evaluate().verdict == "amber"
