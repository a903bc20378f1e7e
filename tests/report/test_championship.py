import dataclasses
import re
from datetime import UTC, date, datetime, time

import numpy as np
import pytest

from podium.data.calendar import lateness
from podium.evaluate.economics import trade_the_sign
from podium.evaluate.evidence import Comparison
from podium.evaluate.fluctuation import Fluctuation
from podium.evaluate.judgement import Standing
from podium.evaluate.sentinel import Suspicion
from podium.report.championship import championship_page
from podium.report.message import fragment, message
from podium.report.scene import Scene
from tests.report.reading import cells, value
from tests.report.scenes import MakeScene, changed


def test_every_number_of_the_podium_is_the_outcomes(make_scene: MakeScene, parse) -> None:
    """What the table says of each contestant is the judgement's to the last digit shown, never a number for None."""
    scene = make_scene()
    page = parse(championship_page(scene))
    columns = {
        "RMSE": ("rmse", 1e-6),
        "to random walk": ("ratio_to_random_walk", 1e-4),
        "R\u00b2": ("r2_oos", 1e-4),
        "MAE": ("mae", 1e-6),
        "Direction": ("directional_accuracy", 1e-3),
        "Diebold-Mariano p": ("dm_p", 1e-3),
        "Clark-West p": ("clark_west_p", 1e-3),
        "Pesaran-Timmermann p": ("pesaran_timmermann_p", 1e-3),
    }
    for row in scene.judgement.ranking:
        shown = cells(page, row.family)
        for label, (field, step) in columns.items():
            expected = row.flat()[field]
            if expected is None:
                assert shown[label] == "none", (row.family, label)
            else:
                assert value(shown[label]) == pytest.approx(expected, abs=step / 2 + 1e-12), (row.family, label)
        assert f"@{row.alias}" in shown["head"]
        assert f"{row.model_name} v{row.model_version}" in shown["head"]
    walk = cells(page, "random walk")
    assert value(walk["RMSE"]) == pytest.approx(scene.judgement.baselines["random_walk"]["rmse"], abs=5e-7)


def test_every_number_of_the_ranges_is_the_outcomes(make_scene: MakeScene, parse) -> None:
    """Coverage, width, Winkler score, tests, CRPS and its skill are the judgement's; a missing test is no number."""
    scene = make_scene()
    page = parse(championship_page(scene))
    columns = {
        "Inside": ("coverage", 5e-4),
        "Mean width": ("width", 5e-6),
        "Winkler": ("winkler", 5e-6),
        "Kupiec p": ("kupiec_p", 5e-4),
        "Independence p": ("independence_p", 5e-4),
        "Christoffersen p": ("christoffersen_p", 5e-4),
    }
    for row in scene.judgement.ranking:
        for alpha in ("80", "95"):
            shown = cells(page, f"{row.family} {alpha}%", table=1)
            for label, (name, step) in columns.items():
                expected = row.flat()[f"{name}_{alpha}"]
                assert (
                    shown[label] == "none"
                    if expected is None
                    else (value(shown[label]) == pytest.approx(expected, abs=step + 1e-12))
                ), (row.family, alpha, label)
        shown = cells(page, row.family, table=2)
        assert value(shown["CRPS"]) == pytest.approx(row.intervals.crps, abs=5e-7)
        assert value(shown["CRPS skill"]) == pytest.approx(row.intervals.crps_skill, abs=5e-5)
        assert value(shown["t"]) == pytest.approx(row.intervals.crps_skill_t, abs=0.05)


def test_every_volatility_model_is_shown_beside_the_one_believed(make_scene: MakeScene, parse) -> None:
    """The league names all six and the combination, the best on top; a record without one shows no such table."""
    page = parse(championship_page(make_scene()))
    assert cells(page, "log_mean", table=3)["CRPS skill"] == "+1.71%"
    assert cells(page, "constant", table=3)["CRPS skill"] == "\u22120.95%"
    scene = make_scene()
    rows = tuple(changed(row, league={}) for row in scene.judgement.ranking)
    old = dataclasses.replace(scene, judgement=dataclasses.replace(scene.judgement, ranking=rows))
    assert "How each volatility model" not in championship_page(old)


def test_money_is_what_the_signs_earn_at_the_cost_given(make_scene: MakeScene, parse) -> None:
    """The table repeats `trade_the_sign` at the page's own cost, for every contestant, hold and flat."""
    scene = make_scene(cost_bps=2.5)
    html = championship_page(scene)
    page = parse(html)
    for name, rows in scene.forecasts.items():
        result, shown = trade_the_sign(rows.actual, rows.forecast, 2.5), cells(page, name, table=4)
        assert value(shown["A year"]) == pytest.approx(result.sign.annual_return, abs=5e-4)
        sharpe = result.sign.sharpe
        numbers = [value(text) for text in re.findall(r"[+\u2212]?\d+\.\d+", shown["Sharpe ratio (95%)"])]
        expected = [number for number in (sharpe.ratio, sharpe.lower, sharpe.upper) if number is not None]
        assert numbers == pytest.approx(expected, abs=0.005)
        assert (shown["Sharpe ratio (95%)"] == "none") == (not expected)
        assert value(shown["Worst fall"]) == pytest.approx(result.sign.max_drawdown, abs=5e-4)
        assert value(shown["Turnover"]) == pytest.approx(result.sign.turnover, abs=0.5)
    assert value(cells(page, "hold", table=4)["A year"]) == pytest.approx(result.hold.annual_return, abs=5e-4)
    assert cells(page, "flat", table=4)["Sharpe ratio (95%)"] == "none"
    assert "flat has no Sharpe ratio: the returns do not vary." in page.words
    assert "2.5 basis points" in page.words


def test_the_next_day_is_told_in_plain_words(make_scene: MakeScene) -> None:
    """The day's message stands on the page, paragraph for paragraph; not where a leak makes every forecast doubtful."""
    scene = make_scene()
    assert scene.next_day is not None
    assert fragment(message(scene.next_day)) in championship_page(scene)
    leak = Suspicion(scene.judgement.ranking[0].family, "reads the future")
    suspected = dataclasses.replace(scene, judgement=dataclasses.replace(scene.judgement, leaks=(leak,)))
    assert "in plain words" not in championship_page(suspected)


def test_those_that_may_be_the_best_share_a_place(make_scene: MakeScene, parse) -> None:
    """Two contestants and the random walk are in the confidence set and first; the other is third by RMSE."""
    scene = make_scene()
    page = parse(championship_page(scene))
    places = [cells(page, row.family)["Place"] for row in scene.judgement.ranking]
    assert places == ["1=", "1=", "3"]
    assert cells(page, "random walk")["Place"] == "1="
    assert "a tie of 3" in page.words


def test_a_single_best_is_first_alone(make_scene: MakeScene, parse) -> None:
    """No tie is claimed where the set holds one."""
    scene = make_scene(random_walk_in_mcs=False)
    first, *others = scene.judgement.ranking
    ranking = (first, *(changed(row, in_mcs=False) for row in others))
    scene = dataclasses.replace(scene, judgement=dataclasses.replace(scene.judgement, ranking=ranking))
    page = parse(championship_page(scene))
    assert [cells(page, row.family)["Place"] for row in ranking] == ["1", "2", "3"]
    assert f"holds {first.family} alone" in page.words


def test_a_test_that_was_not_computed_says_why(make_scene: MakeScene, parse) -> None:
    """The reasons of the judgement stand under the table."""
    page = parse(championship_page(make_scene()))
    assert "ARIMA, Pesaran-Timmermann: it names one direction only." in page.words
    assert "LSTM, Diebold-Mariano: they make the same error." in page.words
    assert (
        "LSTM, Independence at 95%, Christoffersen at 95%, DQ at 95%: 1 misses in 420 days: whether they cluster"
        in page.words
    )


def test_the_lead_over_time_and_the_wait_for_a_proof_are_told(make_scene: MakeScene, parse) -> None:
    """Whoever checks reads what the windows say of the leader, and how long a proof takes."""
    scene = make_scene(proof=Comparison("random_walk", "LinearRegression", 12, None, None, None, 0.05 / 3, "too few"))
    first, *others = scene.judgement.ranking
    ahead = dataclasses.replace(first.skill, fluctuation=Fluctuation(427, 3.5, -0.5, 0.2))
    ranking = (dataclasses.replace(first, skill=ahead), *others)
    scene = dataclasses.replace(scene, judgement=dataclasses.replace(scene.judgement, ranking=ranking))
    said = parse(championship_page(scene)).words
    assert "over 427 days at a time it was ahead beyond chance once, and is not now: -0.50 to 3.50" in said
    assert "12 so far; at a true R2 of 1%, 2%, 5% it takes" in said


def test_what_is_missing_says_why_and_the_rest_is_there(make_scene: MakeScene, parse) -> None:
    """No series, no open forecast, no density: each has its reason in its place, and the other figures are drawn."""
    scene = make_scene(
        series=None, next_day=None, untold={"series": "the rates were moved", "next_day": "the registry is away"}
    )
    bare = {name: dataclasses.replace(rows, bounds={}) for name, rows in scene.forecasts.items()}
    for forecasts, missing in ((scene.forecasts, 1), (bare, 3)):
        page = parse(championship_page(dataclasses.replace(scene, forecasts=forecasts)))
        assert len([p for p in page.all("p", **{"class": "missing"}) if p.text.startswith("Not drawn")]) == missing
        assert "the registry is away" in page.words
        assert len(page.all("figcaption")) == 7 - missing
    assert "recorded no ranges" in page.words
    assert "Not drawn: the rates were moved." in parse(championship_page(scene)).words


def test_a_championship_without_any_forecasts_is_still_told(make_scene: MakeScene, parse) -> None:
    """All records lost: the judgement's own numbers stay, every figure says why it is not drawn."""
    scene = make_scene(forecasts={}, next_day=None, untold={"LSTM": "run 1 has lost its forecasts.parquet"})
    page = parse(championship_page(scene))
    assert len(page.all("p", **{"class": "missing"})) >= 6
    assert "has lost its forecasts.parquet" in page.words
    assert cells(page, scene.judgement.ranking[0].family)["RMSE"]


def flat(scene: Scene) -> Scene:
    """The same championship on a rate that never moved."""
    still = {
        name: dataclasses.replace(rows, actual=np.zeros(len(rows)), forecast=np.zeros(len(rows)))
        for name, rows in scene.forecasts.items()
    }

    def untested(row: Standing) -> Standing:
        return changed(row, ratio_to_random_walk=None, r2_oos=None, directional_accuracy=None, dm_p=None, in_mcs=None)

    judgement = dataclasses.replace(
        scene.judgement,
        ranking=tuple(map(untested, scene.judgement.ranking)),
        random_walk_in_mcs=None,
        minimum_detectable_r2=None,
    )
    return dataclasses.replace(scene, forecasts=still, judgement=judgement)


@pytest.mark.filterwarnings("error")
def test_a_rate_that_never_moved_gives_reasons_and_no_numbers(make_scene: MakeScene, parse) -> None:
    """Nothing is divided by zero; ratio, R², direction, tests and the set say `none`, figures say why."""
    page = parse(championship_page(flat(make_scene())))
    shown = cells(page, "LSTM")
    assert [shown[label] for label in ("to random walk", "R\u00b2", "Direction", "Diebold-Mariano p")] == ["none"] * 4
    assert "Not drawn: the rate never moved on the scored days." in page.words
    assert "may be the best of all is not computed" in page.words
    assert "nan" not in page.words.lower().split()
    assert "LSTM never trades" in page.words


def test_a_few_days_draw_what_they_can(make_scene: MakeScene, parse) -> None:
    """Twelve scored days: no year, no histogram, no Sharpe ratio, and the page says so for each."""
    days = make_scene().judgement.scored_days
    scene = make_scene(scored_days=dataclasses.replace(days, n_days=12))
    short = {
        name: dataclasses.replace(
            rows,
            origins=rows.origins[-12:],
            target_dates=rows.target_dates[-12:],
            actual=rows.actual[-12:],
            forecast=rows.forecast[-12:],
            bounds={key: column[-12:] for key, column in rows.bounds.items()},
        )
        for name, rows in scene.forecasts.items()
    }
    page = parse(championship_page(dataclasses.replace(scene, forecasts=short)))
    assert "12 scored days, 100 are needed for 20 bars" in page.words
    assert "no calendar year has 20 scored days" in page.words
    assert "has no Sharpe ratio: 12 scored days, 30 are needed." in page.words


@pytest.mark.parametrize(
    ("source", "way"), [("ecb", "podium run --source ecb-online"), ("csv", "podium run --source csv:PATH with a newer")]
)
def test_old_rates_are_told_first(make_scene: MakeScene, parse, source: str, way: str) -> None:
    """Where rates are stale the first notice says how many days are missing, and what brings them from its source."""
    late = lateness(date(2026, 8, 3), datetime(2026, 8, 7, 20, tzinfo=UTC), time(18, tzinfo=UTC))
    scene = make_scene()
    told = f"The newest stored rate is of 3 Aug 2026, and 4 business days are missing up to 7 Aug 2026; {way}"
    assert told not in parse(championship_page(scene)).words
    scene = dataclasses.replace(scene, stale=late, series=dataclasses.replace(scene.series, source=source))
    assert told in parse(championship_page(scene)).words
