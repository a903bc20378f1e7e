import dataclasses
import json
import re
from collections.abc import Callable

import numpy as np
import pytest

from podium.records import rate_digits
from podium.report.interval_figures import coverage_figure, density_figure, fan_figure, fan_of
from podium.report.scene import Scene, listed, told_day
from podium.report.skill import cumulative_skill, ratio_by_year, skill_figure
from podium.report.weights import weights_figures

MakeScene = Callable[..., Scene]


def hover(html: str) -> dict[str, list[dict[str, list[str]]]]:
    """What the crosshair knows of the first chart."""
    found: dict[str, list[dict[str, list[str]]]] = json.loads(
        re.search(r'class="hover">(.*?)</script>', html, re.DOTALL)[1]  # type: ignore[index]
    )
    return found


def test_the_cumulative_curve_ends_at_the_r2_of_the_judgement(make_scene: MakeScene) -> None:
    """Goyal and Welch's curve, divided by the random walk's whole squared error, ends at the out-of-sample R²."""
    scene = make_scene()
    for row in scene.judgement.ranking:
        curve = cumulative_skill(scene.forecasts[row.family])
        assert curve is not None
        assert curve[-1] == pytest.approx(row.skill.r2_oos, abs=1e-12)
    names = [row["name"] for row in hover(skill_figure(scene))["rows"]]
    assert names == [row.family for row in scene.judgement.ranking]


def test_years_make_up_the_whole(make_scene: MakeScene) -> None:
    """Squared errors of all years add up to the window's, so that no day is lost or counted twice."""
    rows = make_scene().forecasts["LinearRegression"]
    years = rows.target_dates.astype("datetime64[Y]").astype(int) + 1970
    found = ratio_by_year(rows)
    assert sum(n_days for n_days, _ in found.values()) == len(rows)
    errors = sum(
        ratio**2 * float(np.sum(rows.actual[years == year] ** 2)) if ratio is not None else
        float(np.sum((rows.actual - rows.forecast)[years == year] ** 2))
        for year, (_, ratio) in found.items()
    )  # fmt: skip
    assert errors == pytest.approx(float(np.sum((rows.actual - rows.forecast) ** 2)))


def test_the_fan_is_in_rates_around_the_last_close(make_scene: MakeScene) -> None:
    """Each range is the close before times exp of the bound; what came is the stored rate; the last one is open."""
    scene = make_scene()
    rows = scene.forecasts[scene.leader.family]
    drawn = {row["name"]: row["text"] for row in hover(fan_figure(fan_of(scene)))["rows"]}
    assert scene.series is not None
    assert scene.next_day is not None
    closes = scene.series.closes
    assert len(drawn["what came"]) == 64
    assert drawn["what came"][-1] == ""
    assert float(drawn["what came"][-2]) == pytest.approx(closes[-1], abs=5e-6)
    assert float(drawn["95% interval"][0].split(" to ")[0]) == pytest.approx(
        closes[-64] * np.exp(rows.bounds["lower_95"][-63]), abs=5e-6
    )
    assert float(drawn["95% interval"][-1].split(" to ")[1]) == pytest.approx(
        scene.next_day.rates["upper_95"], abs=5e-6
    )


def test_a_forecast_of_newer_data_is_not_joined_to_the_fan(make_scene: MakeScene) -> None:
    """Days between the last scored one and the open forecast would be a gap drawn as if nothing were missing."""
    import dataclasses
    from datetime import timedelta

    scene = make_scene()
    assert scene.next_day is not None
    later = dataclasses.replace(scene.next_day, origin=scene.next_day.origin + timedelta(days=30))
    drawn = hover(fan_figure(fan_of(dataclasses.replace(scene, next_day=later))))
    assert len(drawn["labels"]) == 63


def test_misses_are_marked_and_counted(make_scene: MakeScene) -> None:
    """As many red dots as days outside the 95 % range, and the message counts the days inside."""
    scene = make_scene()
    rows = scene.forecasts[scene.leader.family]
    last = slice(-63, None)
    outside = (rows.actual[last] < rows.bounds["lower_95"][last]) | (rows.actual[last] > rows.bounds["upper_95"][last])
    html = fan_figure(fan_of(scene))
    assert html.count('class="pin ink-bad"') == int(outside.sum()) > 0
    assert f"{63 - int(outside.sum())} (" in html


def test_coverage_on_the_chart_is_the_outcomes(make_scene: MakeScene, parse) -> None:
    """The last line of the table behind it repeats the judgement's shares, and only years of 200 days are drawn."""
    scene = make_scene()
    html = coverage_figure(scene)
    page = parse(html)
    *_, eighty, ninety_five = [cell.text for cell in page.all("td")]
    assert eighty == f"{scene.leader.intervals.coverage_80:.1%}"
    assert ninety_five == f"{scene.leader.intervals.coverage_95:.1%}"
    assert hover(html)["labels"] == ["2025"]
    assert "2024, 2026" in page.words if page.all("body") else "2024, 2026" in html


def test_the_histogram_counts_every_outcome_once(make_scene: MakeScene) -> None:
    """Twenty bars that add up to the scored days."""
    html = density_figure(make_scene())
    counts = [json.loads(text)["rows"][0]["text"] for text in re.findall(r'class="hover">(.*?)</script>', html)][-1]
    assert len(counts) == 20
    assert sum(int(text) for text in counts) == 420


def test_dates_rates_and_lists_are_written_for_people() -> None:
    """No leading zero, no word of the machine's language, as many digits as a dealer quotes."""
    assert told_day(np.datetime64("2026-11-02")) == "2 Nov 2026"
    assert [rate_digits(rate) for rate in (1.1172, 0.85, 163.4, 20120.98, 0.0061)] == [5, 5, 3, 2, 7]
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


def test_the_weights_of_a_mixture_have_a_figure_of_their_own(make_scene: MakeScene) -> None:
    """Who mixes the others' forecasts is drawn with each weight by day, and told; without a mixture there is none."""
    scene = make_scene()
    assert weights_figures(scene) == []
    rows = scene.forecasts["LSTM"]
    share = np.linspace(0.5, 0.8, len(rows))
    bounds = {**rows.bounds, "weight_random_walk": share, "weight_ARIMA": 1 - share}
    (drawn,) = weights_figures(
        dataclasses.replace(scene, forecasts={**scene.forecasts, "LSTM": dataclasses.replace(rows, bounds=bounds)})
    )
    assert "begins with random walk 50% and ARIMA 50%" in drawn
    assert "they were random walk 80% and ARIMA 20%" in drawn
    rows_shown = hover(drawn)["rows"]
    assert [row["name"] for row in rows_shown] == ["random walk", "ARIMA"]
    assert (rows_shown[0]["text"][0], rows_shown[1]["text"][-1]) == ("50%", "20%")
