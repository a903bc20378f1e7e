from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from podium.errors import LedgerError
from podium.evaluate.live import compare_live
from podium.ledger import Entry, Ledger, LedgerWriter, new_id, rows
from podium.ledger.settled import settled_days
from podium.ledger.settling import settle
from podium.records import Series
from podium.serve.dashboard.figures import shares
from podium.serve.dashboard.live_comparisons import LiveComparisons
from podium.serve.processes.worker import make_pages

Fill = Callable[..., None]


def entries(caller: Any, walk: Series, days: range, gap: float) -> Iterator[Entry]:
    """What champion and challenger said on each of these days of the walk, the challenger a share of the outcome."""
    cards = {arm: arms.card for arm, arms in caller.service.selection.lineup("EURUSD").arms.items()}
    for at in days:
        evening = walk.dates[at].astype("datetime64[ns]").astype(int).item() + 18 * 3600 * 10**9
        request, moment = new_id(evening)
        for arm, share in (("champion", 0.0), ("challenger", gap)):
            card = cards[arm]
            yield Entry(
                forecast_id=request if arm == "champion" else new_id(evening)[0], request_id=request, created_at=moment,
                pair="EURUSD", experiment="default", arm=arm, shadow=arm != "champion", forced=False,
                model_name=card.name, model_version=card.version, run_id=card.run_id, request_key="k",
                forecast=share * float(np.log(walk.closes[at + 1] / walk.closes[at])),
                origin=str(walk.dates[at]), target_date=str(walk.dates[at + 1]), known_through=str(walk.dates[at]),
                trained_through=str(walk.dates[0]), latency_us=1,
            )  # fmt: skip


@pytest.fixture
def fill(runner: Any, walk: Series) -> Fill:
    """`fill(caller, days=30)`: forecasts of champion and challenger for the walk's last days, settled if so wanted."""

    def write(caller: Any, *, days: int = 30, gap: float = 0.0, settled: bool = True) -> None:
        async def committed(ledger: Ledger) -> None:
            async with LedgerWriter(ledger, limit=10**9) as writer:
                last = range(len(walk) - 1 - days, len(walk) - 1)
                await writer.submit([*entries(caller, walk, last, gap)])

        with closing(Ledger.open(caller.service.config.settings.ledger)) as ledger:
            runner.run(committed(ledger))
            if settled:
                settle(ledger, walk, "walk")

    return write


@pytest.fixture
def serving(own_hall: Any, serve_hall: Any) -> Any:
    """A caller of a service with a ledger of its own."""
    return serve_hall(own_hall, ledger="required", shadow=True)


def live_of(caller: Any) -> Any:
    """What the page would say of the live test."""
    return LiveComparisons(caller.service.config.settings).of(caller.service.selection.lineup("EURUSD"))


def test_what_is_missing_is_said(serving: Any, fill: Fill, make_caller: Any) -> None:
    """No ledger, an empty one, and one whose days are not settled: each has a sentence of its own, none is an error."""
    assert "writes no ledger" in live_of(make_caller(ledger="off")).reason
    assert "No next-day forecast" in live_of(serving).reason
    fill(serving, settled=False)
    live = live_of(serving)
    assert "podium settle" in live.reason
    assert str(live.ends.asked) == "2026-07-14"


def test_without_a_shared_day_the_page_says_how_to_get_one(own_hall: Any, serve_hall: Any, fill: Fill) -> None:
    """Days on which one side alone forecast are no comparison; without shadows the page names the option."""
    import dataclasses
    from types import MappingProxyType

    caller = serve_hall(own_hall, ledger="required")
    fill(caller)
    lineup = caller.service.selection.lineup("EURUSD")
    other = {"champion": lineup.arms["candidate"], "challenger": lineup.arms["challenger"]}
    caller.service.swapper.lineups = MappingProxyType(
        {"EURUSD": dataclasses.replace(lineup, arms=MappingProxyType(other))}
    )
    live = live_of(caller)
    assert "--shadow" in live.reason
    assert [(arm.arm, arm.model_name, arm.n_days) for arm in live.arms] == [("challenger", "EURUSD_ARIMA", 30)]
    assert f"{live.arms[0].rmse:.6f}" in (make_pages(caller.service).render(None) or "")
    assert 'podium_live_days{arm="challenger",pair="EURUSD"} 30.0' in caller.get("/metrics").content.decode()


def test_each_entry_names_the_last_training_day(serving: Any, walk: Any) -> None:
    """Answers and shadows are written down with the last day that their model was fitted on."""
    serving.get("/v1/forecast/EURUSD")
    ledger = Ledger.open(serving.service.config.settings.ledger)
    lines = list(rows(ledger))
    ledger.close()
    assert len(lines) == 3
    assert {line["trained_through"] for line in lines} == {str(walk.dates[-1])}


def test_before_the_interval_begins_the_page_says_when(serving: Any, fill: Fill) -> None:
    """After a few days the page names the day on which the interval begins, and foretells no pace."""
    fill(serving, days=2, gap=0.5)
    page = make_pages(serving.service).render(None) or ""
    assert "begins on day 60" in page
    assert "more days" not in page


def test_the_page_shows_the_answer_of_the_command(serving: Any, fill: Fill) -> None:
    """Answer, days and errors on the page are those of `podium ab`, for the models that hold the titles now."""
    fill(serving, days=250, gap=0.9)
    ledger = Ledger.open(serving.service.config.settings.ledger)
    found = compare_live(
        settled_days(ledger, "EURUSD"), "EURUSD", champion="EURUSD_LinearRegression", challenger="EURUSD_ARIMA"
    )
    ledger.close()
    assert found.answer == "challenger better"
    page = make_pages(serving.service).render(None) or ""
    assert "ARIMA is better than the champion LinearRegression" in page
    assert "podium promote challenger --pair EURUSD" in page
    assert f"{found.champion.rmse:.6f}" in page
    assert "250 settled days" in page


def test_the_metrics_tell_the_live_error_of_each_arm(serving: Any, fill: Fill) -> None:
    """`podium_live_rmse` is the RMSE of `podium ab`, by pair and arm; before a day is settled there is none."""
    assert "podium_live_rmse{" not in serving.get("/metrics").content.decode()
    fill(serving, days=40)
    ledger = Ledger.open(serving.service.config.settings.ledger)
    found = compare_live(
        settled_days(ledger, "EURUSD"), "EURUSD", champion="EURUSD_LinearRegression", challenger="EURUSD_ARIMA"
    )
    ledger.close()
    shown = serving.get("/metrics").content.decode()
    for arm in (found.champion, found.challenger):
        line = next(line for line in shown.splitlines() if line.startswith("podium_live_rmse") and arm.arm in line)
        assert float(line.split()[-1]) == pytest.approx(arm.rmse)


def test_the_ledger_is_compared_again_only_when_a_day_was_settled(
    serving: Any, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page after page takes the same comparison; a new outcome makes a new one."""
    from podium.serve.dashboard import live_comparisons as module

    asked = []
    monkeypatch.setattr(module, "compare_live", lambda *a, **k: asked.append(k) or compare_live(*a, **k))
    fill(serving, days=30)
    comparisons, lineup = LiveComparisons(serving.service.config.settings), serving.service.selection.lineup("EURUSD")
    assert comparisons.of(lineup) is comparisons.of(lineup)
    fill(serving, days=40)
    assert comparisons.of(lineup).report.n_days == 40
    assert len(asked) == 2


def test_the_first_days_do_not_press_the_chart_flat(serving: Any, fill: Fill) -> None:
    """The wide limits of the first days are cut at six half widths of the last interval; the last one is untouched."""
    fill(serving, days=300, gap=0.3)
    found = live_of(serving).report
    (_, lower, upper), walk = shares(found), found.random_walk_rmse**2
    reach = 6 * (found.upper - found.lower) / 2 / walk
    assert np.nanmax(np.abs(upper)) <= reach * (1 + 1e-12)
    assert lower[-1] == pytest.approx(found.lower / walk)
    assert np.isnan(upper[0])


def test_a_ledger_that_cannot_be_read_does_not_take_the_page_down(
    serving: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is away is one sentence on a page that otherwise stands, and is asked again by the next page."""
    pages, address = make_pages(serving.service), serving.service.config.settings.ledger
    away = LedgerError(f"cannot open the ledger {address}: gone")

    def gone(*_arguments: Any, **_options: Any) -> Ledger:
        raise away

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "open", gone)
        page = pages.render(None) or ""
    assert "The ledger cannot be read" in page
    assert address not in page
    assert "LinearRegression leads" in page
    assert "No next-day forecast" in (pages.render(None) or "")
