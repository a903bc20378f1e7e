from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from podium.data.store import load_series, save_series
from podium.errors import MissingError, RegistryError, SettingError
from podium.pipeline.forecast import forecast
from podium.pipeline.prepare import series_path
from podium.pipeline.report import report
from podium.records import Series
from podium.registry import judgements


@pytest.fixture
def held(arena: Any, rates: Series) -> Any:
    """A place where a championship has been held."""
    arena.championship(rates)
    return arena


def test_the_page_is_written_and_kept_with_the_champions_run(held: Any) -> None:
    """`reports/EURUSD.html` and the artifact are the same bytes, and say the outcome that the champion carries."""
    written = report(held.settings)
    assert written.path.read_bytes() == held.store.read_file(held.store.champion().run_id, "report.html")
    page = written.path.read_text(encoding="utf-8")
    assert written.judgement.verdict in page
    assert f"{written.judgement.ranking[0].skill.rmse:.6f}" in page
    assert written.untold == {}
    assert "Not drawn:" not in page
    assert not list(written.path.parent.glob(".*"))


def test_writing_it_again_changes_neither_titles_nor_versions(held: Any) -> None:
    """A report looks, and touches nothing but its own file."""
    *before, _ = held.state()
    report(held.settings)
    report(held.settings, cost_bps=3.0)
    assert list(held.state()[:-1]) == before


def test_rates_that_were_moved_leave_a_page_with_reasons(held: Any) -> None:
    """Without the series there is neither fan nor open range, each with its reason, and everything else is there."""
    series_path(held.settings).unlink()
    written = report(held.settings)
    assert set(written.untold) == {"series", "next_day"}
    page = written.path.read_text(encoding="utf-8")
    assert "podium ingest" in page
    assert page.count("<figcaption>") == 6


def test_rates_that_end_before_the_champions_days_leave_a_page_with_the_reason(held: Any, rates: Series) -> None:
    """The page is written, and says why there is no forecast of tomorrow."""
    save_series(rates.until(900), series_path(held.settings))
    written = report(held.settings)
    assert f"the stored rates end on {rates.dates[899]}" in written.untold["next_day"]


def test_a_folder_that_was_moved_is_named_and_not_made_anew(held: Any) -> None:
    """Neither a page with parts missing nor an artifact in the old place; a forecast says the same."""
    Path("mlruns").rename("moved")
    for ask in (report, forecast):
        with pytest.raises(RegistryError, match=r"artifacts of EURUSD_Experiments are not at .*mlruns"):
            ask(held.settings)
    assert not Path("mlruns").exists()
    assert not Path("reports").exists()


def test_newer_rates_are_told(held: Any) -> None:
    """A day that came after the championship is named as such, and its range is not drawn as the next of the window."""
    series = load_series(series_path(held.settings))
    later = Series(
        series.pair, np.append(series.dates, series.dates[-1] + 3), np.append(series.closes, 1.2), series.source
    )
    save_series(later, series_path(held.settings))
    assert "Newer rates are stored" in report(held.settings).path.read_text(encoding="utf-8")


def test_an_alias_that_was_moved_by_hand_is_told(held: Any) -> None:
    """The page shows the championship, and says who holds the alias now."""
    judgement = report(held.settings).judgement
    champion = held.store.champion()
    other = replace(judgement, champion=f"{champion.name}Old", champion_version=7)
    judgements.record(held.store, champion, other)
    page = report(held.settings).path.read_text(encoding="utf-8")
    assert f"The last championship had given the title to {champion.name}Old (v7)" in page
    assert f"<h1>{champion.family} holds the title</h1>" in page


def test_there_is_no_report_before_a_championship(arena: Any) -> None:
    """One line that names the step."""
    with pytest.raises(MissingError, match="podium run"):
        report(arena.settings)


def test_a_champion_without_an_outcome_has_no_report(held: Any) -> None:
    """An alias that was set by hand carries no championship, and the page would be invented."""
    champion = held.store.champion()
    held.client.delete_model_version_tag(champion.name, str(champion.version), judgements.TAG)
    with pytest.raises(MissingError, match="carries no judgement"):
        report(held.settings)


@pytest.mark.parametrize("cost", [-1.0, float("nan"), float("inf")])
def test_a_cost_that_cannot_be_is_refused(held: Any, cost: float) -> None:
    """Before anything is read or written."""
    with pytest.raises(SettingError, match="basis points"):
        report(held.settings, cost_bps=cost)


def test_the_verb_says_where_the_page_went(held: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for people, JSON for programs, in the folder that was given."""
    assert held.podium("report", "--folder", "elsewhere") == 0
    assert "elsewhere/EURUSD.html" in capsys.readouterr().out
    assert held.podium("report", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["path"] == "reports/EURUSD.html"
    assert told["run_id"] == held.store.champion().run_id
