"""What the page of a championship says in words: its headline, its praise and its doubts."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from podium.evaluate.evidence import Comparison
from podium.evaluate.sentinel import Suspicion
from podium.records import DataVersion
from podium.registry.history import Title
from podium.report.championship import championship_page
from podium.report.scene import Holder, Scene
from tests.report.reading import cells, value
from tests.report.scenes import MakeScene, changed

LEAK = Suspicion(
    "LinearRegression",
    "LinearRegression is too good to be true on 420 days: R² 81 ± 2 %; columns to suspect: high_low",
)
ACCEPTED = {"verdict": "promoted", "alpha": 0.15, "leaks": (LEAK,), "leak_accepted": True}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"verdict": "unproven"}, "leads, and its lead may be luck"),
        ({"verdict": "promoted", "alpha": 0.15}, "beats the random walk"),
        ({"verdict": "held", "alpha": 0.001}, "holds the title; that it beats the random walk is not proven"),
        (
            {"verdict": "leak", "leaks": (Suspicion("LSTM", "LSTM: R2 of 64% on high_low"),)},
            "Refused: a contestant is too good to be true",
        ),
        ({"verdict": "degraded"}, "worse than no forecast at all"),
    ],
)
def test_each_verdict_has_its_headline(make_scene: MakeScene, parse, changes: dict[str, object], said: str) -> None:
    """The first sentence is the verdict; a leak's own line and its warning come with it."""
    page = parse(championship_page(make_scene(**changes)))
    assert said in page.all("h1")[0].text
    if changes["verdict"] == "leak":
        assert "LSTM: R2 of 64% on high_low" in page.words
        assert "Do not use any of these forecasts" in page.words


@pytest.mark.parametrize("changes", [ACCEPTED, {**ACCEPTED, "verdict": "held"}, {**ACCEPTED, "verdict": "degraded"}])
def test_an_accepted_leak_is_warned_of_and_never_praised(make_scene: MakeScene, parse, changes: dict[str, Any]) -> None:
    """Whatever the word, headline, badge, advice and money name the suspicion, and nothing invites to act."""
    page = parse(championship_page(make_scene(**changes)))
    suspicion = "LinearRegression is suspected of reading the future, and was accepted by hand"
    assert page.all("h1")[0].text == suspicion
    badge = page.one(**{"class": "badge badge-bad"})
    assert badge.text == f"{changes['verdict']}, leak accepted"
    assert f"until the suspicion is explained: {suspicion}." in page.words
    assert "LinearRegression is suspected of reading the future: this is earned on paper" in page.words
    for praise in ("beats the random walk", "worth something", "Trading its sign", "can be believed", "than chance"):
        assert praise not in page.words
    assert "badge-good" not in championship_page(make_scene(**changes)).split("</style>")[1]


def test_a_refused_leak_is_not_praised_either(make_scene: MakeScene, parse) -> None:
    """No return and no Sharpe ratio is recommended while a contestant is refused."""
    page = parse(championship_page(make_scene(verdict="leak", leaks=(LEAK,), champion=None, champion_version=None)))
    assert "LinearRegression is suspected of reading the future, and was refused." in page.words
    assert "Trading its sign" not in page.words
    assert page.one(**{"class": "badge badge-bad"}).text == "leak"


@pytest.mark.parametrize(("alpha", "look"), [(0.15, "good"), (0.05, "warn")])
def test_only_a_proven_champion_has_a_green_badge(make_scene: MakeScene, parse, alpha: float, look: str) -> None:
    """`promoted` by RMSE or by evidence against another contestant is no proof against the random walk."""
    page = parse(championship_page(make_scene(verdict="promoted", alpha=alpha)))
    assert page.one(**{"class": f"badge badge-{look}"}).text == "promoted"


def with_leader(scene: Scene, **changes: Any) -> Scene:
    """The same championship with figures of the first in rank changed."""
    first, *others = scene.judgement.ranking
    ranking = (changed(first, **changes), *others)
    return dataclasses.replace(scene, judgement=dataclasses.replace(scene.judgement, ranking=ranking))


@pytest.mark.parametrize(
    ("r2", "proven", "said"),
    [
        (0.0039, True, "the 0.39% seen here is less, and was proven all the same, as such skill seldom is."),
        (0.0821, True, "the 8.21% seen here is more."),
        (0.0039, False, "the 0.39% seen here is less, so that not proven does not mean absent."),
        (0.0821, False, "smaller skill mostly looks like none."),
        (-0.01, False, "smaller skill mostly looks like none."),
    ],
)
def test_what_could_be_found_agrees_with_what_was(make_scene: MakeScene, parse, r2: float, proven: bool, said: str):
    """The line on the smallest detectable R² never calls a proven champion unproven, and names its alpha."""
    scene = with_leader(make_scene(recipes_tried=7, alpha_needed=0.05 / 7, proven=proven), r2_oos=r2)
    words = parse(championship_page(scene)).words
    assert f"a true R² of 5.7% at p 0.007 (0.05 shared by 7 recipes tried) in four cases of five; {said}" in words
    assert ("not proven does not mean absent" in words) == (not proven and 0 < r2 < 0.0566)
    assert "at p 0.007, four times in five; seen:" in words
    assert "contestants)" not in words


@pytest.mark.parametrize(("r2", "said"), [(0.0039, "small beside what cannot be known"), (0.81, "look for the reason")])
def test_skill_is_called_small_only_when_it_is(make_scene: MakeScene, parse, r2: float, said: str) -> None:
    """Four fifths of the variance of a daily rate are not `small`."""
    words = parse(championship_page(with_leader(make_scene(alpha=0.15), r2_oos=r2))).words
    assert said in words
    assert ("small beside" in words) == (r2 < 0.05)


def test_a_contestant_that_is_the_random_walk_is_called_so_once(make_scene: MakeScene, parse) -> None:
    """A forecast of zero every day neither leads by luck nor has a Sharpe ratio, and the reason is not doubled."""
    scene = make_scene(rename={"LinearRegression": "Zero"})
    still = dataclasses.replace(scene.forecasts["Zero"], forecast=np.zeros(len(scene.forecasts["Zero"])))
    scene = dataclasses.replace(scene, forecasts={**scene.forecasts, "Zero": still})
    none = dict.fromkeys(("dm_p", "clark_west_p", "pesaran_timmermann_p", "directional_accuracy"))
    page = parse(championship_page(with_leader(scene, r2_oos=0.0, ratio_to_random_walk=1.0, **none)))
    assert page.all("h1")[0].text == "Zero equals the random walk: it forecasts no change, every day"
    assert "There is no direction to act on" in page.words
    assert "Trading its sign earns nothing" in page.words
    assert "have nothing to test" in page.words
    assert "luck" not in page.all("h1")[0].text
    assert page.words.count("no Sharpe ratio") == 3  # Zero, ARIMA (which never trades here either) and flat


def test_losing_reliably_is_not_told_as_earning(make_scene: MakeScene, parse) -> None:
    """A Sharpe ratio whose whole interval lies below zero is a loss, in the advice and below the figure."""
    scene = make_scene()
    loser = dataclasses.replace(scene, forecasts={**scene.forecasts, "LinearRegression": scene.forecasts["LSTM"]})
    words = parse(championship_page(loser)).words
    assert "it lost more than chance explains." in words
    assert "LinearRegression and LSTM lost more than chance explains, each looked at alone." in words
    assert "earned more than chance explains" not in words


def test_the_days_since_the_title_are_a_table_where_there_are_any(make_scene: MakeScene, parse) -> None:
    """Each rival of the incumbent with its numbers, in squared basis points, and its reason; no table without."""
    compared = (
        Comparison("ARIMA", "LinearRegression", 300, 2.5e-8, -1.2e-8, 0.31, 0.02),
        Comparison("random_walk", "LinearRegression", 12, -1e-9, None, None, 0.01, "12 days of evidence"),
    )
    page = parse(championship_page(make_scene(comparisons=compared)))
    arima, walk = (cells(page, name, table=1) for name in ("ARIMA", "random walk"))
    assert [value(arima[label]) for label in ("Difference", "Lower bound", "p", "Alpha")] == [2.5, -1.2, 0.31, 0.02]
    assert (arima["Days"], arima["Says"]) == ("300", "not proven better")
    assert (walk["p"], walk["Lower bound"], walk["Says"]) == ("none", "none", "12 days of evidence")
    assert "since its title" in page.words
    assert "since its title" not in parse(championship_page(make_scene())).words


def test_a_champion_that_did_not_take_part_is_not_credited(make_scene: MakeScene, parse) -> None:
    """A pinned title stays with an old version; the page says so and whose figures it shows."""
    page = parse(championship_page(make_scene(verdict="held", champion="EURUSD_Prophet", champion_version=4)))
    assert page.all("h1")[0].text == "EURUSD_Prophet v4 keeps the title without having taken part"
    assert "The figures below are of LinearRegression" in page.words
    assert "The figures below are of" not in parse(championship_page(make_scene())).words


def test_the_direction_is_recommended_only_when_it_is_proven(make_scene: MakeScene, parse) -> None:
    """A p-value of 0.041 among three contestants is not below 0.05 / 3, and is below 0.15 / 3."""
    assert "Do not act on the direction" in parse(championship_page(make_scene(alpha=0.05))).words
    assert "Do not act on the direction" not in parse(championship_page(make_scene(alpha=0.15))).words


def test_after_a_promotion_by_hand_the_page_is_about_who_holds_the_title(make_scene: MakeScene, parse) -> None:
    """Headline, badge, reason, figures and aliases are of the holder; what the championship said stays told."""
    scene = make_scene()
    first, second, _ = scene.judgement.ranking
    version = second.model_name, second.model_version
    data = DataVersion("test", scene.judgement.pair, np.datetime64("2026-07-13"), "0a1b2c3d")
    entry = Title("2026-07-14T05:00:00Z", "champion", *version, "r", "", "the desk decided", "by hand", data, "ann")
    holder = Holder(*version, entry, entry)
    aliases = {(second.model_name, second.model_version): "champion"}
    page = parse(championship_page(dataclasses.replace(scene, holder=holder, aliases=aliases)))
    assert page.all("h1")[0].text == f"{second.family} holds the title because it was put there by hand"
    assert page.all("span", **{"class": "badge badge-by-hand"})[0].text == "by hand"
    assert f"the desk decided. The last championship had given the title to {first.model_name}" in page.words
    assert f"RMSE of {second.family} over the random walk's" in page.words
    assert "14 Jul 2026, 05:00 UTC, on data up to 13 Jul 2026" in page.words
    assert "@champion" in cells(page, second.family)["head"]
    assert "@" not in cells(page, first.family)["head"]
