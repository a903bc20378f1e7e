import asyncio
import gzip
import json
import math
import re
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from granian.rsgi import ProtocolClosed

from podium.evaluate.horizons import believed_volatility
from podium.evaluate.intervals import interval_forecast, interval_now
from podium.evaluate.volatility.walk import volatility_walk
from podium.records import Forecasts, Interval
from podium.serve.hotswap.scorer import ScoringError
from podium.serve.hotswap.swap import Swapper
from podium.serve.web import protocol
from podium.serve.web.endpoints import RELOADS
from podium.serve.web.next_day import bring_interval, open_interval
from tests.support import until_async


def test_invocations_answer_what_the_logged_model_answers(caller: Any, world: Any, split_body: Any, rows: Any) -> None:
    """`/invocations` gives the forecasts of the champion that MLflow itself loads, within 1e-6 of a return."""
    import pandas as pd

    from podium.registry.mlflow_store import MlflowStore

    model = MlflowStore(world.settings).load(world.versions[0].pinned_uri)
    expected = model.predict(pd.DataFrame(rows, columns=list(world.table.names)))
    reply = caller.post("/invocations", split_body())
    assert reply.status == 200
    assert np.abs(np.array(reply.json["predictions"]) - expected).max() < 1e-6


def test_answers_name_arm_model_version_and_forecast(caller: Any, split_body: Any) -> None:
    """Everything about an answer is in its headers, so that the body stays MLflow's."""
    reply = caller.post("/invocations", split_body(), X_Request_Key="customer 7")
    assert reply.headers["x-podium-arm"] == "champion"
    assert reply.headers["x-podium-model"] == "EURUSD_LinearRegression"
    assert reply.headers["x-podium-version"] == "1"
    assert len(reply.headers["x-podium-forecast-id"]) == 36
    assert reply.headers["x-request-key"] == "customer 7"
    assert set(reply.json) == {"predictions"}


def test_a_request_without_key_gets_one_that_keeps_its_arm(make_caller: Any, split_body: Any) -> None:
    """The key that is returned leads to the same arm when it is sent again."""
    caller = make_caller(split="champion=50,challenger=50")
    arms = set()
    for _ in range(20):
        first = caller.post("/invocations", split_body())
        again = caller.post("/invocations", split_body(), X_Request_Key=first.headers["x-request-key"])
        assert again.headers["x-podium-arm"] == first.headers["x-podium-arm"]
        arms.add(first.headers["x-podium-arm"])
    assert arms == {"champion", "challenger"}


def test_the_arm_is_the_splits(make_caller: Any, split_body: Any) -> None:
    """The arm is the pure function of A/B test, salt and key, and nothing else."""
    caller = make_caller(split="champion=70,challenger=30", ab_test="e", salt="s")
    for key in map(str, range(30)):
        reply = caller.post("/invocations", split_body(), X_Request_Key=key)
        assert reply.headers["x-podium-arm"] == caller.service.selection.split.arm("e", "s", key)


def test_a_header_forces_an_arm(caller: Any, split_body: Any) -> None:
    """A client can choose the arm; one that is not there is refused by name."""
    forced = caller.post("/invocations", split_body(), X_Podium_Arm="challenger")
    assert forced.headers["x-podium-model"] == "EURUSD_Drift"
    missing = caller.post("/invocations", split_body(), X_Podium_Arm="nobody")
    assert missing.status == 400
    assert "'nobody'" in missing.json["message"]


def test_an_arm_that_nobody_holds_falls_to_the_champion(make_caller: Any, split_body: Any) -> None:
    """The share of a rank that is empty now is answered by the champion, and says so."""
    caller = make_caller(split="champion=0,candidate=100")
    assert caller.post("/invocations", split_body()).headers["x-podium-arm"] == "champion"


def test_next_day_is_forecast_from_the_newest_close(caller: Any, walk: Any, rows: Any, split_body: Any) -> None:
    """`/v1/forecast` starts from the last stored close, names the next business day, and equals `/invocations`."""
    reply = caller.get("/v1/forecast/EURUSD")
    last = caller.post("/invocations", split_body(rows[-1:])).json["predictions"][0]
    found = reply.json
    assert found["origin"] == str(walk.dates[-1])
    assert found["target_date"] == "2026-07-16"
    assert found["forecast"] == pytest.approx(last, abs=1e-15)
    assert found["forecast_close"] == pytest.approx(walk.closes[-1] * math.exp(last))
    assert found["interval"] is None


def test_the_age_of_the_data_is_told(caller: Any, walk: Any) -> None:
    """`/v1/forecast` says how many days old the close is from which it starts."""
    origin = walk.dates[-1].astype("datetime64[D]").item()
    before = (datetime.now(UTC).date() - origin).days
    found = caller.get("/v1/forecast/EURUSD").json["age_days"]
    assert before <= found <= (datetime.now(UTC).date() - origin).days


def test_bounds_are_shown_where_there_are_any(make_caller: Any, give_interval: Any, walk: Any) -> None:
    """The interval that the model's run recorded is part of the next-day forecast."""
    caller = make_caller()
    reach = {"lower_80": 0.012, "upper_80": 0.008}
    interval = Interval(origin=walk.dates[-1].item(), reach=reach, sigma=0.005, df=6.0, volatility_model="log_mean")
    give_interval(caller, interval)
    found = caller.get("/v1/forecast/EURUSD").json
    assert found["interval"] == pytest.approx(
        {"lower_80": found["forecast"] - 0.012, "upper_80": found["forecast"] + 0.008}
    )


def recorded_two_days_ago(walk: Any) -> Interval:
    """An interval as a training on all but the last two days leaves it."""
    returns, n_known = np.diff(np.log(walk.closes)), len(walk) - 3
    path = believed_volatility(volatility_walk(returns[:n_known], walk.dates[1 : n_known + 1], walk.dates[200], 252))
    scored = slice(-100, -1)
    past = Forecasts(path.origins[scored], path.origins[scored] + 1, path.outcome[scored], np.zeros(99))
    return interval_forecast(path, past).interval


def test_a_newer_close_is_answered_with_the_interval_that_goes_on_to_it(
    make_caller: Any, give_interval: Any, walk: Any, rows: Any, split_body: Any
) -> None:
    """Two days after the training the interval is the recorded one moved by two returns and two forecasts."""
    caller, recorded = make_caller(), recorded_two_days_ago(walk)
    assert str(recorded.origin) == str(walk.dates[-3])
    give_interval(caller, recorded)
    found = caller.get("/v1/forecast/EURUSD").json
    said = caller.post("/invocations", split_body(rows[-3:-1])).json["predictions"]
    expected = interval_now(recorded, np.array(said), walk)
    assert found["interval_missing"] is None
    assert found["interval"] == pytest.approx(expected.around(found["forecast"]))


def test_an_interval_that_could_not_be_brought_for_a_moment_is_tried_again(
    make_caller: Any, give_interval: Any, walk: Any
) -> None:
    """A model that fails once, while its process is begun again, does not lose its interval until the next close."""
    caller = make_caller()
    give_interval(caller, recorded_two_days_ago(walk))
    model, close = caller.service.swapper.lineups["EURUSD"].champion, caller.service.closes.newest("EURUSD")
    failing = Mock(score=Mock(side_effect=ScoringError("not now")))
    bring_interval(replace(model, scorer=failing), close)
    assert open_interval(model.card, close) is None
    bring_interval(model, close)
    assert open_interval(model.card, close) is not None


def test_podium_tells_models_and_titles(caller: Any, world: Any) -> None:
    """`/v1/podium` names every model in service, and who won the title when and why."""
    found = caller.get("/v1/podium/EURUSD").json
    assert [place["arm"] for place in found["podium"]] == ["champion", "challenger"]
    assert found["ab_test"] == found["experiment"] == "default"  # and by its name in release 0.1
    assert found["podium"][0]["run_id"] == world.versions[0].run_id
    assert found["titles"][-1]["why"] == "lowest RMSE"


@pytest.mark.parametrize("path", ["/v1/forecast/GBPUSD", "/v1/podium/GBPUSD", "/v1/podium/%00", "/v1/forecast/x%2Fy"])
def test_pairs_that_are_not_served_are_404(caller: Any, path: str) -> None:
    """A pair that is not served is 404, whatever its name."""
    assert caller.get(path).status == 404


def test_without_a_model_the_server_says_so(make_caller: Any, split_body: Any) -> None:
    """Before there is a champion: `/ping` is 404 as MLflow's is, and a forecast is 503 with Retry-After."""
    caller = make_caller(served=False)
    assert caller.get("/ping").status == 404
    assert caller.get("/health").status == 404
    reply = caller.post("/invocations", split_body())
    assert (reply.status, reply.headers["retry-after"]) == (503, "5")


def test_health_and_ping_of_a_server_that_is_well(caller: Any) -> None:
    """With a champion `/ping` is MLflow's empty line, and `/health` says that all is well."""
    ping = caller.get("/ping")
    assert (ping.status, ping.content, ping.headers["content-type"]) == (200, b"\n", "application/json")
    assert caller.get("/health").json["status"] == "ok"


def test_a_full_server_answers_503(make_caller: Any, split_body: Any) -> None:
    """Beyond the limit of requests at a time a client is sent away with Retry-After, and probes still see life."""
    caller = make_caller(max_in_flight=1)
    caller.service.room.taken = 1
    reply = caller.post("/invocations", split_body())
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert caller.get("/v1/forecast/EURUSD").status == 503
    assert caller.get("/v1/podium").status == 200  # pages take no places of forecasts, nor forecasts theirs
    assert [caller.get(path).status for path in ("/ping", "/health", "/metrics", "/version")] == [200] * 4
    assert "podium_in_flight 1.0" in caller.get("/metrics").content.decode()  # the scrape itself is no work


def test_reloads_take_no_places_of_forecasts(caller: Any, split_body: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reloads that wait have places of their own: forecasts and probes are answered, one reload more is sent away."""
    go_on = asyncio.Event()

    async def waits(*_: Any) -> bool:
        return await go_on.wait()

    monkeypatch.setattr(Swapper, "reload", waits)

    async def crowd() -> None:
        reloads = [asyncio.create_task(caller.call("POST", "/v1/reload", b"", {})) for _ in range(RELOADS + 1)]
        (refused,), _ = await asyncio.wait(reloads, return_when=asyncio.FIRST_COMPLETED)
        assert refused.result().status == 503
        assert caller.service.room.taken == 0
        rows = split_body().encode()
        assert (await caller.call("POST", "/invocations", rows, {"content-type": "application/json"})).status == 200
        for path in ("/ping", "/health", "/v1/podium"):
            assert (await caller.call("GET", path, b"", {})).status == 200
        go_on.set()
        assert sorted(reply.status for reply in await asyncio.gather(*reloads)) == [200] * RELOADS + [503]

    caller.run(asyncio.wait_for(crowd(), 20))


def test_a_large_body_is_read_beside_the_loop(caller: Any, split_body: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies beyond 64 kB are decoded in a thread, small ones at once, and both give the same forecasts."""
    where, decode = [], protocol.decode
    named = lambda *given: where.append(threading.current_thread().name) or decode(*given)  # noqa: E731
    monkeypatch.setattr(protocol, "decode", named)
    small = caller.post("/invocations", split_body())
    large = caller.post("/invocations", split_body() + " " * 70_000)
    assert large.json == small.json
    assert [name.startswith("podium-decode") for name in where] == [False, True]


def test_bodies_on_their_way_have_a_budget(caller: Any, split_body: Any, wire: Any) -> None:
    """Large bodies that do not end are held up to four of the largest size; beyond that 503, and small ones go on."""
    go_on = asyncio.Event()
    statuses: list[int] = []
    head = {"content-type": "application/json"}

    class Unfinished(wire):  # type: ignore[misc]
        async def __aiter__(self) -> Any:
            yield b" " * 190_000
            await go_on.wait()
            raise ProtocolClosed

    async def unfinished() -> None:
        reply = await caller.call("POST", "/invocations", b"", head, Unfinished())
        statuses.append(reply.status)
        assert reply.headers.get("retry-after", "1") == "1"

    async def crowd() -> None:
        tasks = [asyncio.create_task(unfinished()) for _ in range(9)]
        await until_async(lambda: len(statuses) >= 3, "refusals")  # (190,000 - 65,536) bytes each, of 800,000
        assert statuses == [503] * 3
        assert caller.service.room.taken == 0
        small = split_body().encode()
        assert (await caller.call("POST", "/invocations", small, head | {"content-length": "9"})).status == 200
        large = split_body().encode() + b" " * 190_000
        assert (await caller.call("POST", "/invocations", large, head)).status == 503
        go_on.set()
        await asyncio.gather(*tasks)
        assert (await caller.call("POST", "/invocations", large, head)).status == 200

    caller.run(asyncio.wait_for(crowd(), 20))
    assert statuses == [503] * 3 + [400] * 6


def test_an_encoded_body_is_415(caller: Any, split_body: Any) -> None:
    """A body with a Content-Encoding is refused by the encoding's name, and `identity` is none."""
    reply = caller.post("/invocations", gzip.compress(split_body().encode()), Content_Encoding="gzip")
    assert reply.status == 415
    assert "'gzip'" in reply.json["message"]
    assert caller.post("/invocations", split_body(), Content_Encoding="identity").status == 200


def test_a_body_beyond_the_limit_is_413(caller: Any, split_body: Any) -> None:
    """A body of more bytes than allowed is refused, by its length or by its bytes."""
    big = split_body() + " " * 200_000
    assert caller.post("/invocations", big).status == 413
    assert caller.post("/invocations", "{}", content_length="999999999").status == 413


def test_a_million_rows_are_refused(make_caller: Any) -> None:
    """A million rows are refused before any is scored."""
    caller = make_caller(max_body=100_000_000)
    columns = ",".join(caller.service.selection.lineup("EURUSD").champion.card.features)
    body = columns + "\n" + (",".join(["1"] * 13) + "\n") * 1_000_000
    reply = caller.post("/invocations", body, "text/csv")
    assert reply.status == 413


def test_failures_inside_are_plain_500(caller: Any, split_body: Any, monkeypatch: Any, caplog: Any) -> None:
    """Whatever fails unforeseen, the client sees one sentence: no trace, no path."""

    def fail(*_: Any) -> None:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(caller.service.selection, "ask", fail)
    for reply in (caller.post("/invocations", split_body()), caller.get("/v1/forecast/EURUSD")):
        assert reply.status == 500
        assert reply.json["error_code"] == "INTERNAL_ERROR"
        assert b"secret" not in reply.content
        assert b"Traceback" not in reply.content
    assert "/secret/path" in caplog.text


def test_the_description_is_a_page_that_needs_nothing_from_elsewhere(caller: Any) -> None:
    """`/docs` is Swagger UI from this server alone, at relative addresses, under the strict policy of all pages."""
    page = caller.get("/docs")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"
    named = re.findall(r'(?:src|href)="([^":]*)"', page.content.decode())
    assert len(named) == 4
    for address in named:
        assert not address.startswith(("/", "http"))
        assert caller.get(f"/{address}").status == 200
    assert b"SwaggerUIBundle" in gzip.decompress(caller.get("/static/swagger-ui-bundle.js").content)
    assert caller.get("/static/nothing.js").status == 404


def test_every_answer_forbids_guessing_its_type(caller: Any, split_body: Any) -> None:
    """The headers nosniff and no-store are on good answers, refusals and unknown paths alike."""
    replies = [
        caller.post("/invocations", split_body()),
        caller.post("/invocations", "x"),
        caller.get("/health"),
        caller.get("/nowhere"),
        caller.get("/ping"),
    ]
    assert all(reply.headers["x-content-type-options"] == "nosniff" for reply in replies)
    assert all(reply.headers["cache-control"] == "no-store" for reply in replies)


def test_metrics_tell_requests_models_swaps_and_ages(caller: Any, split_body: Any) -> None:
    """What Prometheus reads names arm, model and version, and counts what was done."""
    caller.post("/invocations", split_body())
    caller.post("/invocations", "x")
    text = caller.get("/metrics").content.decode()
    labels = 'arm="champion",model="EURUSD_LinearRegression",pair="EURUSD",version="1"'
    assert f"podium_forecasts_total{{{labels}}} 4.0" in text
    assert f"podium_model_info{{{labels}}} 1.0" in text
    assert 'podium_requests_total{endpoint="invocations",status="400"} 1.0' in text
    assert 'podium_request_seconds_count{endpoint="invocations"} 2.0' in text
    assert 'podium_swaps{pair="EURUSD"} 1.0' in text
    for name in ("podium_data_age_seconds", "podium_model_age_seconds", "podium_registry_age_seconds"):
        assert f"\n{name}" in text


def test_metric_labels_do_not_grow_with_what_clients_try(caller: Any) -> None:
    """A thousand unknown paths are one label."""
    for at in range(50):
        caller.get(f"/nowhere/{at}")
    assert 'endpoint="unknown",status="404"} 50.0' in caller.get("/metrics").content.decode()


def test_openapi_names_every_route(caller: Any) -> None:
    """The description covers every operation of the service but its own pages."""
    described = set(caller.get("/openapi.json").json["paths"])
    pages = {"/openapi.json", "/docs", "/", "/static/{name}"}
    assert described | pages == {route.path for route in caller.app.routes}


def test_the_example_of_the_description_can_be_sent(caller: Any) -> None:
    """The rows that `/docs` shows are answered as they are."""
    operation = caller.get("/openapi.json").json["paths"]["/invocations"]["post"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    reply = caller.post("/invocations", json.dumps(example))
    assert (reply.status, len(reply.json["predictions"])) == (200, 1)


def test_head_is_answered_as_get(caller: Any) -> None:
    """A probe with HEAD sees the status and the headers of GET; a method that is not taken is told which are."""
    for path in ("/ping", "/health", "/", "/v1/podium", "/nowhere"):
        head = caller.run(caller.call("HEAD", path, b"", {}))
        assert head.status == caller.get(path).status
    reply = caller.run(caller.call("DELETE", "/health", b"", {}))
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


def test_parameters_that_nobody_reads_are_refused(caller: Any) -> None:
    """A misspelt parameter is told instead of ignored."""
    reply = caller.get("/?pairs=EURUSD")
    assert (reply.status, "'pairs'" in reply.json["message"]) == (400, True)
    assert caller.get("/?pair=EURUSD").status == 200


@pytest.mark.parametrize(
    ("path", "way"),
    [
        ("/v1/forecast/EURUSD?horizon=5", "'5' is not prepared; there is 1, and `podium forecast --horizon`"),
        ("/v1/forecast/EURUSD?horizon", "'' is not prepared; there is 1, and `podium forecast --horizon`"),
        ("/v1/forecast/EURUSD?date=2026-12-24", "there is 2026-07-16, and `podium forecast --date` prepares others"),
        ("/v1/forecast/EURUSD?date=2026-07-16&horizon=1", "name the same day in two ways"),
        ("/v1/forecast/EURUSD?amount=1", "'amount' here; this address takes date, horizon"),
        ("/v1/podium/EURUSD?horizon=5", "'horizon' here; this address takes none"),
        ("/health?verbose=1", "'verbose' here; this address takes none"),
        ("/?pair=EURUSD&pair=GBPUSD", "The parameter pair is given twice"),
    ],
)
def test_a_horizon_is_never_ignored(caller: Any, path: str, way: str) -> None:
    """Whoever asks for another day, or for anything that an address does not do, is told where that is done."""
    reply = caller.get(path)
    assert (reply.status, way in reply.json["message"]) == (400, True), reply.json
    assert reply.json["message"].count(".") == 1


def test_every_error_has_one_form(caller: Any, split_body: Any) -> None:
    """Whatever is refused, wherever: MLflow's kind of error and one sentence, in JSON."""
    refused = [
        caller.get("/nowhere"),
        caller.post("/health", ""),
        caller.post("/invocations", split_body(), "text/html"),
        caller.post("/invocations", split_body(), None),
        caller.post("/invocations", "x", Content_Encoding="gzip"),
        caller.get("/v1/forecast/GBPUSD"),
        caller.get("/ping", Host="evil.example"),
    ]
    assert [reply.status for reply in refused] == [404, 405, 415, 415, 415, 404, 421]
    assert all(set(reply.json) == {"error_code", "message"} for reply in refused)
    assert all(reply.headers["content-type"] == "application/json" for reply in refused)


def test_a_pair_may_be_written_in_small_letters(caller: Any, split_body: Any) -> None:
    """`/v1/forecast/eurusd` is `/v1/forecast/EURUSD`."""
    assert caller.get("/v1/forecast/eurusd").json["pair"] == "EURUSD"
    assert caller.post("/v1/invocations/eurusd", split_body()).status == 200


@pytest.mark.parametrize("key", ["", "Schlüssel", "a\tb", "x" * 257])
def test_a_key_is_visible_ascii(caller: Any, split_body: Any, key: str) -> None:
    """What would not come back as it was sent, or moves a terminal's cursor, is refused with the remedy."""
    reply = caller.post("/invocations", split_body(), X_Request_Key=key)
    assert (reply.status, "percent-encode" in reply.json["message"]) == (400, True)


def test_the_last_version_is_answered_through_v1_too(caller: Any, split_body: Any) -> None:
    """`/v1/invocations/{pair}` answers for its pair, and for no other."""
    assert caller.post("/v1/invocations/EURUSD", split_body()).status == 200
    assert caller.post("/v1/invocations/USDJPY", split_body()).status == 404
