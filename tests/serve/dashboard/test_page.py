import dataclasses
import html
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from types import MappingProxyType
from typing import Any

import pytest

from podium.data import calendar
from podium.data.days_ahead import keep_ahead
from podium.data.store import load_series, save_series
from podium.evaluate.intervals import next_day
from podium.pipeline.forecast import forecast
from podium.pipeline.prepare import series_path
from podium.pipeline.report import gather
from podium.records import Interval, Series
from podium.registry.mlflow_store import MlflowStore
from podium.report.pages import breakable, coded
from podium.report.verdict import further
from podium.serve.processes.worker import make_pages

Render = Callable[..., str]
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'"


class Reader(HTMLParser):
    """What a browser would make of a page: its elements, its words, and what refers to what."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.said).split())


def words(page: str) -> str:
    """The text of a page."""
    return Reader(page).words


def champions(page: str) -> str:
    """Who stands on the first step."""
    found = re.search(r'<li class="step-1"><span class="who">(.*?)</span><span class="alias">(.*?)</span>', page)
    assert found is not None
    return html.unescape(re.sub("<.*?>", "", found[1]) + " " + found[2])


def test_after_a_championship_the_page_says_who_leads_and_what_that_is_worth(rendered: Render) -> None:
    """Title, verdict, podium, figures of all contestants and the random walk, and the history are there in words."""
    page = rendered()
    text = words(page)
    assert "LinearRegression leads, and its lead may be luck" in text
    assert champions(page) == "LinearRegression @champion · v1"
    assert [family for family in ("ARIMA", "LSTM", "random walk") if family in text] == ["ARIMA", "LSTM", "random walk"]
    assert "LinearRegression has the lowest RMSE" in text
    assert "60 scored days, which no model had seen" in text
    assert "By tester" in text


def test_the_next_day_and_its_range_are_those_of_the_service(make_caller: Any, walk: Series) -> None:
    """The page tells the forecast and the range that `/v1/forecast` gives, and the interval is centred on it."""
    caller = make_caller()
    answer = caller.get("/v1/forecast/EURUSD").json
    assert answer["interval_missing"] is None
    assert answer["interval"]["upper_95"] == pytest.approx(answer["forecast"] + 0.010)
    close = walk.closes[-1]
    assert answer["interval_close"]["lower_80"] == pytest.approx(close * math.exp(answer["forecast"] - 0.006))
    text = words(caller.get("/").content.decode())
    assert f"{answer['forecast_close']:.5f} forecast for 16 Jul 2026" in text
    assert f"between {answer['interval_close']['lower_95']:.5f} and {answer['interval_close']['upper_95']:.5f}" in text


def test_a_range_is_not_shown_for_another_day_than_its_own(own_hall: Any, serve_hall: Any, walk: Series) -> None:
    """When a newer rate is stored than the champion was trained on there is no range, and page and service say why."""
    import numpy as np

    newer = Series("EURUSD", np.append(walk.dates, walk.dates[-1] + 1), np.append(walk.closes, 1.2), "test")
    save_series(newer, own_hall.settings.data_dir / "raw" / "EURUSD.parquet")
    caller = serve_hall(own_hall)
    answer = caller.get("/v1/forecast/EURUSD").json
    assert answer["interval"] is None
    assert answer["interval_close"] is None
    assert "run `podium run`" in answer["interval_missing"]
    text = words(caller.get("/").content.decode())
    assert "No interval." in text
    assert "Newer rates are stored than the champion was trained on" in text


def test_after_a_swap_the_page_names_the_new_champion(own_hall: Any, serve_hall: Any) -> None:
    """An alias moved by hand changes step, headline and table at once; what the championship said stays told."""
    store = MlflowStore(own_hall.settings)
    assert store.champion().pinned_uri == own_hall.versions[0].pinned_uri
    store.assign("EURUSD", {"champion": own_hall.versions[1], "challenger": own_hall.versions[0]})
    page = serve_hall(own_hall).get("/").content.decode()
    assert champions(page) == "ARIMA @champion · v1"
    text = words(page)
    assert "ARIMA holds the title because it was put there by hand" in text
    assert "had given the title to EURUSD_LinearRegression (v1)" in text


def test_a_promoted_title_tells_why_and_that_it_is_pinned(own_hall: Any, serve_hall: Any) -> None:
    """The reason that somebody gave is shown, in the history too, and that championships leave the title alone."""
    store = MlflowStore(own_hall.settings)
    assert store.champion().pinned_uri == own_hall.versions[0].pinned_uri
    store.assign("EURUSD", {"champion": own_hall.versions[2], "challenger": own_hall.versions[0]})
    store.record_title(
        own_hall.versions[2], why="the bank asked for it", verdict="by hand", data_version=None, pinned=True
    )
    text = words(serve_hall(own_hall).get("/").content.decode())
    assert text.count("the bank asked for it") == 2
    assert "The title is pinned" in text
    assert "after LinearRegression v1" in text


def test_what_a_new_championship_says_of_the_same_version_is_shown(own_hall: Any, runner: Any, serve_hall: Any) -> None:
    """A version that is tagged anew is not loaded again, and the page shows what the tags say now."""
    from podium.serve.hotswap.manifest import judgement_file, load
    from podium.serve.hotswap.signals import MANIFEST

    caller = serve_hall(own_hall)
    scorer = caller.service.selection.lineup("EURUSD").champion.scorer
    manifest = load(own_hall.cache / MANIFEST)
    assert manifest is not None
    pair = manifest.pairs["EURUSD"]
    for card in pair.arms.values():
        said = judgement_file(own_hall.cache, card.tags).read_text()
        card.tags["championship"] += "later"
        judgement_file(own_hall.cache, card.tags).write_text(said.replace("has the lowest RMSE", "has proven itself"))
    runner.run(caller.service.swapper.apply(manifest))
    assert caller.service.selection.lineup("EURUSD").champion.scorer is scorer
    assert caller.service.swapper.swaps == {"EURUSD": 1}
    assert "LinearRegression has proven itself" in words(caller.get("/").content.decode())


def test_with_an_empty_registry_the_page_says_what_to_do(rendered: Render) -> None:
    """Without a champion there is a page all the same: what to run, and the state of the server."""
    text = words(rendered(served=False))
    assert "Nobody holds the title of EUR/USD yet" in text
    assert "podium run --pair EURUSD" in text
    assert "No champion yet" in text


def test_models_without_a_record_are_shown_without_figures(make_caller: Any) -> None:
    """A model that somebody registered by hand has no outcome, no record and no range: the page says so and stands."""
    caller = make_caller()
    lineup = caller.service.selection.lineup("EURUSD")
    bare = {
        arm: dataclasses.replace(model, card=_changed(model.card, tags={}, folder="nowhere", interval=None))
        for arm, model in lineup.arms.items()
    }
    _serve(caller, dataclasses.replace(lineup, arms=MappingProxyType(bare), titles=()))
    text = words(make_pages(caller.service).render(None) or "")
    assert "LinearRegression holds the title" in text
    assert "no championship is recorded" in text
    assert "No interval." in text
    assert "No title was recorded" in text


def test_hostile_names_and_reasons_are_text(make_caller: Any) -> None:
    """Markup in ids, reasons, tags, problems and options becomes text; the page gains no element and no handler."""
    caller = make_caller(ab_test=HOSTILE)
    lineup = caller.service.selection.lineup("EURUSD")
    arms = {
        arm: dataclasses.replace(model, card=_changed(model.card, run_id=HOSTILE)) for arm, model in lineup.arms.items()
    }
    titles = [dataclasses.replace(lineup.titles[0], why=HOSTILE, by=HOSTILE, verdict=HOSTILE)]
    before = Reader(make_pages(caller.service).render(None) or "").elements
    _serve(caller, dataclasses.replace(lineup, arms=MappingProxyType(arms), titles=tuple(titles)))
    caller.service.swapper.problems["registry"] = f"trouble with {HOSTILE}"
    page = make_pages(caller.service).render(None) or ""
    found = Reader(page)
    assert not [tag for tag, _ in found.elements if tag in {"img", "iframe"}]
    assert [tag for tag, _ in found.elements].count("script") <= [tag for tag, _ in before].count("script")
    assert "<img src=x" not in page
    assert not [name for _, attributes in found.elements for name in attributes if name.startswith("on")]
    assert HOSTILE in found.words


def test_a_strict_content_policy_holds(make_caller: Any) -> None:
    """No style attribute, no handler, no script that runs but the two files; everything that is loaded is here."""
    caller = make_caller(mlflow_ui="http://mlflow.internal:5000")
    reply = caller.get("/")
    assert "unsafe" not in reply.headers["content-security-policy"]
    elements = Reader(reply.content.decode()).elements
    loaded = [
        a.get("src") or a.get("href") for tag, a in elements if tag in {"script", "link"} and a.get("rel") != "icon"
    ]
    assert all(address.startswith("static/") for address in loaded if address)
    for tag, attributes in elements:
        assert "style" not in attributes
        assert tag != "style"
        if tag == "script" and "src" not in attributes:
            assert attributes["type"] == "application/json"
    for address in filter(None, loaded):
        asset = caller.get(f"/{address}")
        assert asset.status == 200
        assert "immutable" in asset.headers["cache-control"]
        assert asset.headers["content-type"].startswith(("text/css", "text/javascript"))


def test_a_path_prefix_changes_no_address(make_caller: Any) -> None:
    """Every address on the page is relative to it, so that a proxy may put the server below any path."""
    elements = Reader(make_caller().get("/").content.decode()).elements
    addresses = [a.get("src") or a.get("href") or "" for _, a in elements if "src" in a or "href" in a]
    assert "v1/forecast/EURUSD" in addresses
    assert [address for address in addresses if address.startswith("/")] == []


def test_labels_point_to_elements_that_are_there(rendered: Render) -> None:
    """Every id is unique, and whatever is labelled by an id or links to one finds it."""
    elements = Reader(rendered()).elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in elements:
        for word in (attributes.get("aria-labelledby") or "").split():
            assert word in ids
        if (attributes.get("href") or "").startswith("#"):
            assert str(attributes["href"])[1:] in ids


def test_links_lead_into_mlflow_where_its_address_is_known(rendered: Render, hall: Any) -> None:
    """Versions and runs are links to MLflow's pages; without an address they are words, and the page says how."""
    base = "http://mlflow.internal:5000"
    page = rendered(mlflow_ui=base)
    assert f'href="{base}/#/models/EURUSD_LinearRegression/versions/1"' in page
    assert f"/runs/{hall.versions[0].run_id}" in page
    assert re.search(rf'href="{base}/#/runs/\w+"', page)
    without = rendered()
    assert "/#/models" not in without
    assert "--mlflow-ui" in without


def test_a_page_is_not_sent_twice_and_not_kept(make_caller: Any) -> None:
    """A browser that has the page gets 304, one that asks for a pair not served 404."""
    caller = make_caller()
    first = caller.get("/")
    assert first.headers["cache-control"] == "no-store"
    again = caller.get("/", If_None_Match=first.headers["etag"])
    assert (again.status, again.content) == (304, b"")
    assert caller.get("/?pair=EURUSD").status == 200
    assert caller.get("/?pair=GBPUSD").status == 404
    assert caller.get(f"/?pair={'x' * 5000}").status == 404


def test_a_tag_names_the_bytes_and_is_found_in_a_list(make_caller: Any) -> None:
    """The page's tag, weak, in a list, or a star, spares sending it again."""
    caller = make_caller()
    tag = caller.get("/").headers["etag"]
    for wanted in (tag, f"W/{tag}", f'"other", W/{tag}', "*"):
        assert caller.get("/", If_None_Match=wanted).status == 304, wanted
    assert caller.get("/", If_None_Match='"other", W/"another"').status == 200


@pytest.mark.parametrize(
    ("now", "title", "pill"),
    [
        ("2026-07-16T09:00", "The next business day, 16 Jul 2026", "All well"),
        ("2026-07-17T09:00", "The forecast for 16 Jul 2026, yesterday", "All well"),
        ("2026-07-24T09:00", "The forecast for 16 Jul 2026, 8 days ago", "1 problem"),
    ],
)
def test_old_rates_do_not_look_current(
    make_caller: Any, monkeypatch: pytest.MonkeyPatch, now: str, title: str, pill: str
) -> None:
    """A forecast of a day that is over is headed by that day, and days later nothing on the page says all is well."""
    from podium.serve.dashboard import gather

    class Clock(datetime):
        @classmethod
        def now(cls, _zone: Any = None) -> Any:
            return datetime.fromisoformat(now).replace(tzinfo=UTC)

    for module in (gather, calendar):
        monkeypatch.setattr(module, "datetime", Clock)
    caller = make_caller(stale_after=3)
    page = caller.get("/").content.decode()
    text = words(page)
    assert f'<h2 id="ahead-title">{title}</h2>' in page
    assert pill in text
    old = pill != "All well"
    stale = "The newest stored rate is of {}, and 6 business days are missing up to {}".format
    assert ("Nothing is wrong" in text, stale("15 Jul 2026", "23 Jul 2026") in text) == (not old, old)
    assert ("is still open" in text) == title.startswith("The next business day")
    told = stale("2026-07-15", "2026-07-23") if old else None
    health = caller.get("/health")
    assert (health.status, health.json["status"]) == (200, "degraded" if old else "ok")
    assert health.json["problems"].get("rates of EURUSD") == (told and f"{told}.")
    said = caller.get("/v1/forecast/EURUSD").json
    assert [said["stale"], next(iter(said))] == [told, "stale"]


def test_a_day_further_ahead_is_the_same_everywhere(own_hall: Any, serve_hall: Any) -> None:
    """What is kept of the champion on these rates is what verb, address, report and dashboard tell, by day and date."""
    caller = serve_hall(own_hall)
    champion, series = MlflowStore(own_hall.settings).champion(), load_series(series_path(own_hall.settings))
    reach = {"lower_80": 0.011, "upper_80": 0.012, "lower_95": 0.021, "upper_95": 0.022}
    interval = Interval(
        origin=series.dates[-1].item(), horizon=5, reach=reach, sigma=0.01, df=6.0, volatility_model="log_mean"
    )
    made = next_day(series, 0.0013, interval, champion.name, champion.version)
    keep_ahead(own_hall.settings, [dataclasses.replace(made, reason="it is not tested")])
    (verb,) = forecast(own_hall.settings, (5,))
    assert (verb.rates, verb.reason) == (made.rates, "it is not tested")
    (reported,) = gather(MlflowStore(own_hall.settings), champion).further
    assert reported == verb
    for asked in ("horizon=5", f"date={verb.target_date}"):
        reply = caller.get(f"/v1/forecast/eurusd?{asked}")
        found = reply.json
        assert (found["interval_close"], found["forecast_close"]) == (verb.rates, verb.forecast_rate)
        assert [found[name] for name in ("horizon", "target_date", "version")] == [5, str(verb.target_date), 1]
        assert [found[name] for name in ("stale", "reason")] == [verb.as_dict()[name] for name in ("stale", "reason")]
        assert (found["arm"], found["forecast_id"], reply.headers["x-podium-arm"]) == ("champion", None, "champion")
        other = caller.get(f"/v1/forecast/EURUSD?{asked}", X_Podium_Arm="challenger")
        assert (other.status, "by the champion alone" in other.json["message"]) == (400, True)
    assert further(verb) in words(caller.get("/").content.decode())
    assert caller.get("/v1/forecast/EURUSD?horizon=1").json["horizon"] == 1
    refused = caller.get("/v1/forecast/EURUSD?horizon=6")
    assert (refused.status, "there is 1, 5, and" in refused.json["message"]) == (400, True)
    save_series(series.until(len(series) - 1), series_path(own_hall.settings))  # other rates: not of these
    caller.service.closes.newest("EURUSD")
    assert caller.get("/v1/forecast/EURUSD?horizon=5").status == 400


@pytest.mark.parametrize("name", ["nothing.css", "..%2Fpage.py", "page.css%00", "dashboard.html"])
def test_only_the_pages_own_files_are_handed_out(make_caller: Any, name: str) -> None:
    """No name leads out of the folders of styles and scripts."""
    assert make_caller().get(f"/static/{name}").status == 404


def test_pages_of_other_sites_may_link_but_not_read(make_caller: Any) -> None:
    """A link that somebody follows from elsewhere opens the page; a script, frame or form of another site gets 403."""
    caller = make_caller()
    assert caller.get("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="document").status == 200
    assert caller.get("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="empty").status == 403
    assert caller.get("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="iframe").status == 403
    assert caller.get("/v1/forecast/EURUSD", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="document").status == 403


def test_charts_are_drawn_once_for_many_pages(make_caller: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """While models, series and ledger stay, a page costs no drawing; another champion is drawn anew."""
    from podium.serve.dashboard import page as module

    drawn = []
    draw = module.skill_figure
    monkeypatch.setattr(module, "skill_figure", lambda state: drawn.append(state) or draw(state))
    caller = make_caller()
    pages = make_pages(caller.service)
    assert pages.render(None) == pages.render(None)
    assert len(drawn) == 1
    lineup = caller.service.selection.lineup("EURUSD")
    swapped = {"champion": lineup.arms["challenger"], "challenger": lineup.arms["champion"]}
    _serve(caller, dataclasses.replace(lineup, arms=MappingProxyType(swapped)))
    pages.render(None)
    assert len(drawn) == 2


def test_words_between_backticks_are_code_and_nothing_else_is_markup() -> None:
    """`coded` escapes on both sides of a backtick, and a lone backtick stays one."""
    assert coded("run `a < b` & go") == "run <code>a &lt; b</code> &amp; go"
    assert coded("one ` only <b>") == "one ` only &lt;b&gt;"
    assert breakable("LinearRegression_<b>") == "Linear<wbr>Regression_<wbr>&lt;b&gt;"


def _changed(card: Any, **changes: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(card, **changes)


def _serve(caller: Any, lineup: Any) -> None:
    caller.service.swapper.lineups = MappingProxyType({lineup.pair: lineup})
