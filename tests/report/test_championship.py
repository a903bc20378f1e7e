import dataclasses
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from podium.data.calendar import lateness
from podium.evaluate.economics import trade_the_sign
from podium.evaluate.evidence import Comparison
from podium.evaluate.fluctuation import Fluctuation
from podium.evaluate.judgement import Standing
from podium.evaluate.sentinel import Suspicion
from podium.records import DataVersion
from podium.report.championship import championship_page
from podium.report.glossary import GLOSSARY
from podium.report.message import fragment, message
from podium.report.pages import content_policy, digest
from podium.report.scene import Holder, Scene

MakeScene = Callable[..., Scene]
LOADING = {"src", "href", "srcset", "data", "action", "poster", "background", "xlink:href", "formaction", "manifest"}
NASTY = '<img src=x onerror="alert(1)">"\'&'


def cells(page, row_name: str, table: int = 0) -> dict[str, str]:
    """A row of one of the page's own tables, by label."""
    number, row, rows = -1, {}, []
    for element in page.elements:
        if element.tag == "table":
            number += element.attributes.get("class") == "cards"
        elif element.tag == "tr":
            row = {}
            rows.append((number, row))
        elif element.tag == "th" and element.attributes.get("scope") == "row":
            row["head"] = " ".join(element.text.split())
        elif element.tag == "td" and "data-label" in element.attributes:
            row[element.attributes["data-label"]] = element.text
    return next(row for number, row in rows if number == table and row.get("head", "").startswith(row_name))


def changed(row: Standing, **changes: Any) -> Standing:
    """The same contestant with other figures, by their flat names."""
    return Standing.from_flat({**row.flat(), **changes})


def value(text: str) -> float:
    """The number that a cell shows."""
    bare = text.replace("\u2212", "-").replace(",", "")
    return float(bare.rstrip("%")) / (100 if bare.endswith("%") else 1)


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


def test_nothing_is_loaded_from_anywhere(make_scene: MakeScene, parse) -> None:
    """No attribute that loads names anything but a place on this page, and the policy allows nothing else anyway."""
    html = championship_page(make_scene())
    page = parse(html)
    for element in page.elements:
        for name in LOADING & set(element.attributes):
            assert element.attributes[name].startswith("#"), element
    assert not page.all("link")
    assert not page.all("iframe")
    css = page.all("style")[0].text
    assert "url(" not in css
    assert "@import" not in css
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", html)
    (policy,) = [e for e in page.all("meta") if e.attributes.get("http-equiv") == "Content-Security-Policy"]
    assert policy.attributes["content"] == content_policy()
    assert "default-src 'none'" in content_policy()


def test_the_policy_names_the_style_and_the_script_that_are_inside(make_scene: MakeScene, parse) -> None:
    """The hashes are of the text as it stands in the page; a character more and the browser would refuse it."""
    page = parse(championship_page(make_scene()))
    (script,) = [e for e in page.all("script") if "type" not in e.attributes]
    assert digest(script.text) in content_policy()
    assert digest(page.all("style")[0].text) in content_policy()
    assert all("style" not in element.attributes for element in page.elements)


def test_a_hostile_name_stays_a_name(make_scene: MakeScene, parse) -> None:
    """Contestant, source, reason, leak and volatility model are text wherever they stand."""
    scene = make_scene(
        rename={"LSTM": NASTY},
        data_version=DataVersion(NASTY, "EURUSD", np.datetime64("2026-07-13"), "0a1b2c3d"),
        reason=NASTY,
        leaks=(Suspicion(NASTY, NASTY),),
        notices=(NASTY,),
        versions={NASTY: NASTY},
        untold={"series": NASTY},
        series=None,
    )
    rows = tuple(changed(row, volatility_model=NASTY) for row in scene.judgement.ranking)
    scene = dataclasses.replace(scene, judgement=dataclasses.replace(scene.judgement, ranking=rows))
    page = parse(championship_page(scene))
    assert not page.all("img")
    assert all(not name.startswith("on") for element in page.elements for name in element.attributes)
    assert page.words.count(NASTY) > 10


def test_headings_descend_one_rank_at_a_time(make_scene: MakeScene, parse) -> None:
    """One h1, and no rank is left out, so that a screen reader's outline is whole."""
    page = parse(championship_page(make_scene()))
    ranks = [int(e.tag[1]) for e in page.elements if re.fullmatch(r"h[1-6]", e.tag)]
    assert ranks.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(ranks))


def test_every_table_and_figure_can_be_read_without_seeing(make_scene: MakeScene, parse) -> None:
    """All tables have captions, all headers scopes, all drawn figures a message and a table; ids are unique."""
    page = parse(championship_page(make_scene()))
    tables = page.all("table")
    assert len(page.all("caption")) == len(tables) == 12
    assert all(th.attributes.get("scope") in {"col", "row"} for th in page.all("th"))
    figures = page.all("figure")
    drawn = ["skill", "fluctuation", "years", "fan", "coverage", "density", "money"]
    assert [figure.attributes["id"] for figure in figures] == drawn
    assert len(page.all("figcaption")) == len(page.all("details", **{"class": "behind"})) == len(figures)
    assert all(len(caption.text) > 80 for caption in page.all("figcaption"))
    ids = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
    assert len(set(ids)) == len(ids)
    named = {e.attributes["aria-labelledby"] for e in page.elements if "aria-labelledby" in e.attributes}
    assert named <= set(ids)
    assert page.all("html")[0].attributes["lang"] == "en"


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


LEAK = Suspicion(
    "LinearRegression",
    "LinearRegression is too good to be true on 420 days: R² 81 ± 2 %; columns to suspect: high_low",
)
ACCEPTED = {"verdict": "promoted", "alpha": 0.15, "leaks": (LEAK,), "leak_accepted": True}


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
    holder = Holder(
        model_name=second.model_name,
        model_version=second.model_version,
        since=datetime(2026, 7, 14, 5, 0, tzinfo=UTC),
        verdict="by hand",
        why="the desk decided",
        data_day="2026-07-13",
    )
    aliases = {(second.model_name, second.model_version): "champion"}
    page = parse(championship_page(dataclasses.replace(scene, holder=holder, aliases=aliases)))
    assert page.all("h1")[0].text == f"{second.family} holds the title because it was put there by hand"
    assert page.all("span", **{"class": "badge badge-by-hand"})[0].text == "by hand"
    assert f"the desk decided. The last championship had given the title to {first.model_name}" in page.words
    assert f"RMSE of {second.family} over the random walk's" in page.words
    assert "14 Jul 2026, 05:00 UTC, on data up to 13 Jul 2026" in page.words
    assert "@champion" in cells(page, second.family)["head"]
    assert "@" not in cells(page, first.family)["head"]


def test_every_heading_is_explained(make_scene: MakeScene, parse) -> None:
    """Headings of numbers link to an entry of the glossary on the same page, and the contents to sections."""
    page = parse(championship_page(make_scene()))
    ids = {e.attributes["id"] for e in page.elements if "id" in e.attributes}
    links = [a.attributes["href"] for a in page.all("a")]
    assert {link[1:] for link in links} <= ids
    heads = [th for th in page.all("th", scope="col") if "table" in th.parents and "figure" not in th.parents]
    plain = {th.text for th in heads} - set(GLOSSARY)
    assert plain <= {"Contestant", "Held", "Rival", "Says"}


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
    scene = make_scene(n_scored_days=12)
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
