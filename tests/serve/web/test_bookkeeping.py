import asyncio
import gc
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from podium.records import Interval
from podium.serve.hotswap.swap import Swapper
from podium.serve.processes.worker import make_measures, running
from podium.serve.web.bookkeeping import Bookkeeping
from podium.serve.web.security import KeyRing
from tests.support import until_async


def lines(path: Path) -> list[dict[str, Any]]:
    """All lines of a ledger, oldest first."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    found = [dict(row) for row in connection.execute("SELECT * FROM ledger_entries ORDER BY forecast_id")]
    connection.close()
    return found


@pytest.fixture
def path(own_world: Any) -> Path:
    """The ledger of this test's own world."""
    return Path(own_world.root / "data" / "ledger.db")


def test_an_answered_forecast_is_in_the_ledger(  # noqa: PLR0917  fixtures are asked for by name
    make_caller: Any, own_world: Any, path: Path, split_body: Any, rows: Any, walk: Any
) -> None:
    """Before the answer is sent its line is there: what, by whom, from which close, for which day."""
    caller = make_caller(own_world, ledger="required", ab_test="e")
    reply = caller.post("/invocations", split_body(rows[-1:]), X_Request_Key="k")
    (line,) = lines(path)
    assert line["forecast_id"] == line["request_id"] == reply.headers["x-podium-forecast-id"]
    assert (line["pair"], line["experiment"], line["arm"], line["request_key"]) == ("EURUSD", "e", "champion", "k")
    assert (line["model_name"], line["model_version"]) == ("EURUSD_LinearRegression", 1)
    assert line["forecast"] == reply.json["predictions"][0]
    assert line["origin"] == line["known_through"] == str(walk.dates[-1])
    assert line["target_date"] == "2026-07-16"
    assert not line["shadow"]
    assert line["latency_us"] > 0


def test_the_next_day_forecast_is_in_the_ledger_with_its_range(
    make_caller: Any, own_world: Any, path: Path, walk: Any, give_interval: Any
) -> None:
    """`/v1/forecast` is written down like any other answer, with its range where there is one."""
    caller = make_caller(own_world, ledger="required")
    reach = {"lower_80": 0.01, "upper_80": 0.01, "lower_95": 0.02, "upper_95": 0.02}
    day = walk.dates[-1].item()
    give_interval(caller, Interval(origin=day, reach=reach, sigma=0.005, df=6.0, volatility_model="log_mean"))
    found = caller.get("/v1/forecast/EURUSD", X_Podium_Arm="challenger").json
    (line,) = lines(path)
    assert line["forecast_id"] == found["forecast_id"]
    assert (line["lower"], line["upper"]) == pytest.approx((found["forecast"] - 0.02, found["forecast"] + 0.02))
    assert line["forced"] == 1
    assert line["origin"] == str(walk.dates[-1])


def test_rows_from_other_days_have_no_origin(
    make_caller: Any, own_world: Any, path: Path, split_body: Any, rows: Any
) -> None:
    """A row that does not start from the newest close is written down, and never settled; a batch finds its last."""
    caller = make_caller(own_world, ledger="required")
    caller.post("/invocations", split_body(rows[:1]))
    caller.post("/invocations", split_body(rows))
    one, batch = lines(path)
    assert one["origin"] is None
    assert (batch["n_rows"], batch["row"]) == (4, 3)
    assert batch["origin"] is not None


def test_shadow_scores_every_rank_on_the_same_rows(
    make_caller: Any, own_world: Any, path: Path, split_body: Any, rows: Any
) -> None:
    """With shadows each request has a line for every arm, one of which was answered."""
    caller = make_caller(own_world, ledger="required", shadow=True)
    reply = caller.post("/invocations", split_body(rows[-1:]))
    found = {line["arm"]: line for line in lines(path)}
    assert {arm: line["shadow"] for arm, line in found.items()} == {"champion": 0, "challenger": 1}
    assert {line["request_id"] for line in found.values()} == {reply.headers["x-podium-forecast-id"]}
    forced = caller.post("/invocations", split_body(rows[-1:]), X_Podium_Arm="challenger")
    assert found["challenger"]["forecast"] == forced.json["predictions"][0]


def test_a_shadow_that_hangs_does_not_hold_the_answer(
    make_caller: Any, own_world: Any, path: Path, split_body: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow challenger that does not answer is left out after a moment and counted; the champion is answered."""
    monkeypatch.setattr("podium.serve.web.forecaster.SHADOW_PATIENCE", 0.05)
    caller = make_caller(own_world, ledger="required", shadow=True)
    lineup = caller.service.swapper.lineups["EURUSD"]
    free = threading.Event()

    class Hung:
        quick = False

        def score(self, X: Any) -> Any:
            assert free.wait(30)
            return X[:, 0]

        def close(self) -> None: ...

    challenger = replace(lineup.arms["challenger"], scorer=Hung())
    arms = {**lineup.arms, "challenger": challenger}
    caller.service.swapper.lineups = {"EURUSD": replace(lineup, arms=arms)}
    assert caller.post("/invocations", split_body()).status == 200
    assert {line["arm"] for line in lines(path)} == {"champion"}
    assert 'podium_shadow_failures_total{arm="challenger",pair="EURUSD"} 1.0' in caller.get("/metrics").content.decode()
    free.set()
    assert caller.post("/invocations", split_body()).status == 200
    assert {line["arm"] for line in lines(path)} == {"champion", "challenger"}


def test_a_shadow_that_fails_takes_nothing_from_the_answer(
    make_caller: Any, own_world: Any, path: Path, split_body: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A challenger that cannot forecast is counted, and the champion's answer goes out."""
    from podium.serve.hotswap.scorer import ScoringError

    caller = make_caller(own_world, ledger="required", shadow=True)

    def fail(_: Any) -> None:
        raise ScoringError("broken")

    challenger = caller.service.selection.lineup("EURUSD").arms["challenger"]
    monkeypatch.setattr(challenger.scorer, "score", fail)
    assert caller.post("/invocations", split_body()).status == 200
    assert [line["arm"] for line in lines(path)] == ["champion"]
    assert 'podium_shadow_failures_total{arm="challenger",pair="EURUSD"} 1.0' in caller.get("/metrics").content.decode()


def test_without_its_required_ledger_the_server_refuses(
    make_caller: Any, own_world: Any, path: Path, split_body: Any
) -> None:
    """When the ledger cannot be written a required one means 503, told in /health, and the server recovers."""
    caller = make_caller(own_world, ledger="required")
    assert caller.post("/invocations", split_body()).status == 200
    path.rename(path.with_name("away.db"))
    reply = caller.post("/invocations", split_body())
    assert (reply.status, reply.headers["retry-after"]) == (503, "2")
    assert "/" not in reply.json["message"]
    health = caller.get("/health")
    assert health.status == 503
    assert str(path.parent) not in health.content.decode()
    caller.run(caller.service.bookkeeping.probe())
    assert caller.get("/health").status == 503
    path.with_name("away.db").rename(path)
    caller.run(caller.service.bookkeeping.probe())  # a load balancer sends nothing to a server that is not well
    assert caller.get("/health").json["status"] == "ok"
    assert caller.post("/invocations", split_body()).status == 200
    assert len(lines(path)) == 2


def test_with_a_ledger_of_best_effort_the_server_goes_on(
    make_caller: Any, own_world: Any, path: Path, split_body: Any
) -> None:
    """When the ledger cannot be written one of best effort means answers all the same, and a problem that is told."""
    caller = make_caller(own_world, ledger="best-effort")
    assert caller.post("/invocations", split_body()).status == 200
    caller.run(until_async(lambda: not caller.service.bookkeeping.pending, "all is written"))
    path.rename(path.with_name("away.db"))
    assert caller.post("/invocations", split_body()).status == 200
    caller.run(caller.service.bookkeeping._writer.close())
    assert caller.post("/invocations", split_body()).status == 200
    assert caller.get("/health").json["status"] == "degraded"
    assert "podium_ledger_failures_total 2.0" in caller.get("/metrics").content.decode()


def test_a_ledger_that_cannot_be_opened_is_tried_again(
    make_caller: Any, own_world: Any, split_body: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server whose database is away at its start refuses until it is there, without a restart."""
    monkeypatch.setattr("podium.serve.web.bookkeeping.AGAIN", 0.05)
    folder = own_world.root / "data"
    blocker = folder / "ledger.db"
    blocker.mkdir()
    caller = make_caller(own_world, ledger="required")
    assert caller.post("/invocations", split_body()).status == 503
    blocker.rmdir()
    caller.run(until_async(lambda: not caller.service.bookkeeping.problem, "the database is tried again"))
    assert caller.post("/invocations", split_body()).status == 200


def test_a_ledger_that_hangs_is_given_up(
    make_caller: Any, own_world: Any, split_body: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer waits for the ledger for so long and no longer."""
    caller = make_caller(own_world, ledger="required", ledger_timeout=0.1)
    bookkeeping = caller.service.bookkeeping
    monkeypatch.setattr(bookkeeping._writer, "submit", lambda _: caller.runner.get_loop().create_future())
    assert caller.post("/invocations", split_body()).status == 503
    assert caller.service.room.taken == 0


def test_a_connection_that_hangs_is_looked_for(
    make_caller: Any, own_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by who waits for nothing: each turn of housekeeping lets go of a transaction that takes too long."""
    caller = make_caller(own_world, ledger="best-effort")
    bookkeeping, looked = caller.service.bookkeeping, []
    monkeypatch.setattr(bookkeeping._writer, "give_up", lambda: looked.append(1))
    caller.runner.run(bookkeeping.probe())
    assert looked == [1]


def test_a_process_that_waits_for_its_first_models_says_that_it_lives(
    make_caller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first look at the registry takes its time the process goes on telling, and so nobody ends it."""
    monkeypatch.setattr("podium.serve.processes.worker.HOUSEKEEPING", 0.01)
    told = 0

    def tell(swapper: Swapper) -> None:
        nonlocal told
        told += 1

    async def start(swapper: Swapper, *_: Any) -> None:
        await until_async(lambda: told >= 3, "a third sign of life")

    monkeypatch.setattr(Swapper, "tell", tell)
    monkeypatch.setattr(Swapper, "start", start)
    caller = make_caller(ledger="off")

    async def begin() -> None:
        async with running(caller.service, lambda: None):
            pass

    caller.runner.run(begin())
    gc.unfreeze()
    assert told >= 3


def test_a_ledger_that_hangs_keeps_nobody_from_reading_the_keys(
    make_caller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While what reads the ledger, and every thread that requests have, waits for ever, keys are read again."""
    monkeypatch.setattr("podium.serve.processes.worker.HOUSEKEEPING", 0.01)
    let_go = threading.Event()
    monkeypatch.setattr("podium.serve.processes.worker.measure", lambda *_: let_go.wait())
    hung, read = asyncio.Event(), 0

    async def hang(_: Bookkeeping) -> None:
        hung.set()
        await asyncio.Event().wait()

    def refresh(_: KeyRing) -> None:
        nonlocal read
        read += hung.is_set()

    async def start(*_: Any) -> None:
        """The models are there."""

    monkeypatch.setattr(Bookkeeping, "probe", hang)
    monkeypatch.setattr(KeyRing, "refresh", refresh)
    monkeypatch.setattr(Swapper, "start", start)
    caller = make_caller(ledger="off")

    async def begin() -> None:
        async with running(caller.service, make_measures(caller.service)):
            for _ in range(40):
                asyncio.get_running_loop().run_in_executor(None, let_go.wait)
            scrapes = [asyncio.create_task(caller.call("GET", "/metrics", b"", {})) for _ in range(40)]
            await until_async(lambda: read >= 3 and all(one.done() for one in scrapes), "keys and scrapes")

    try:
        caller.runner.run(begin())
    finally:
        let_go.set()
        gc.unfreeze()
    assert read >= 3


def test_nothing_is_written_when_the_ledger_is_off(
    make_caller: Any, own_world: Any, path: Path, split_body: Any
) -> None:
    """Off means off: there is not even a file."""
    caller = make_caller(own_world, ledger="off", shadow=True)
    assert caller.post("/invocations", split_body()).status == 200
    assert not path.exists()
