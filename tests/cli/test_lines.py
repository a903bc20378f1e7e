"""The texts that people read are as they were; the documents that programs read are JSON."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, date, datetime, time
from pathlib import Path

import numpy as np
import pytest

from podium.cli.console import complain, note, say, say_json
from podium.cli.lines import ahead, judged, made, per_pair, since
from podium.cli.lines.cells import picked
from podium.data.calendar import lateness
from podium.evaluate.judgement import Judgement, Standing
from podium.evaluate.live import Arm, Report
from podium.evaluate.replay import Reign, Replay
from podium.evaluate.sentinel import Suspicion
from podium.pipeline.forecast import UNTESTED
from podium.pipeline.pairs import PairResult
from podium.pipeline.routine import Routine, Simulation
from podium.pipeline.status import PairStatus, Status
from podium.pipeline.tasks import Done
from podium.records import DataVersion, FeatureTable, Interval, NextDay, RunRecord, ScoredDays, Series, VersionRecord
from podium.registry.history import Title
from podium.registry.judgements import Told
from podium.registry.proposals import proposals
from podium.report.amount import Amount
from tests.support import standing_of

WIDEST_TABLE = 80
TODAY = date(2026, 11, 23)
LATE = lateness(date(2026, 10, 30), datetime(2026, 11, 23, 20, tzinfo=UTC), time(18, tzinfo=UTC))
DATA = DataVersion("ecb", "EURUSD", np.datetime64("2026-10-30"), "5138c3cd")


def standing(family: str, alias: str | None, rmse: float, **more: object) -> Standing:
    """A place with every figure."""
    values = {
        "family": family,
        "model_name": f"EURUSD_{family}",
        "model_version": 3,
        "run_id": "e9895c74e0de4b909013f4ec63b06b4d",
        "alias": alias,
        "rmse": rmse,
        "ratio_to_random_walk": rmse / 0.004664742,
        "r2_oos": 1 - (rmse / 0.004664742) ** 2,
        "mae": 0.00332,
        "directional_accuracy": 0.514872,
        "dm_p": 0.0611,
        "clark_west_p": 0.0255,
        "pesaran_timmermann_p": 0.1251,
        "in_mcs": True,
        "coverage_80": 0.8014,
        "coverage_95": 0.94877,
        "crps": 0.002439,
        "crps_skill": 0.0168,
        "crps_skill_t": 4.97,
        "volatility_model": "garch",
        "fit_seconds": 2.5,
        "forecast_seconds": 0.1,
        "untested": {},
        **dict.fromkeys((f"{name}_{coverage}" for name in ("width", "winkler") for coverage in (80, 95)), 0.01),
        **dict.fromkeys(f"{test}_p_{n}" for test in ("kupiec", "independence", "christoffersen") for n in (80, 95)),
    }
    return standing_of({**values, **more})


NO_FIGURES = dict.fromkeys(
    (
        "ratio_to_random_walk", "r2_oos", "directional_accuracy", "dm_p", "clark_west_p", "pesaran_timmermann_p",
        "in_mcs", "coverage_80", "coverage_95", "crps", "crps_skill", "crps_skill_t", "volatility_model",
        "fit_seconds", "forecast_seconds",
    )
)  # fmt: skip
JUDGEMENT = Judgement(
    pair="EURUSD",
    data_version=DATA,
    scored_days=ScoredDays.parse("2021-04-12..2026-10-29:1425"),
    policy="rmse",
    alpha=0.05,
    verdict="unproven",
    reason="LinearRegression has the lowest RMSE, 0.00466; it does not beat the random walk",
    champion="EURUSD_LinearRegression",
    champion_version=3,
    title_data_day="2026-10-30",
    random_walk_in_mcs=True,
    recipes_tried=3,
    alpha_needed=0.05 / 3,
    proven=False,
    minimum_detectable_r2=0.0172,
    baselines={
        "persistence": {"rmse": 0.006679, "mae": 0.004949, "directional_accuracy": 0.496},
        "random_walk": {"rmse": 0.004664742, "mae": 0.003325},
    },
    ranking=(
        standing("LinearRegression", "champion", 0.004659481),
        standing("ARIMA", "challenger", 0.004664862, in_mcs=False),
        standing("LSTM", "candidate", 0.004667394),
        standing("Theta", None, 0.0047, **{**NO_FIGURES, "untested": {"dm_p": "fewer than 30 days"}}),
    ),
)
CHAMPION = VersionRecord("EURUSD_LinearRegression", 3, "e9895c74", frozenset({"champion"}), {"data_version": str(DATA)})
STATUS = Status(
    pair="EURUSD",
    champion=CHAMPION,
    aliases={
        "champion": ["models:/EURUSD_LinearRegression/3"],
        "challenger": ["models:/EURUSD_ARIMA/3"],
        "candidate": ["models:/EURUSD_LSTM/3"],
    },
    judgement=JUDGEMENT,
    age_days=24,
    pointer_agrees=True,
    pinned=None,
    title=Title(
        at="2026-11-02T09:30:00.000000Z",
        alias="champion",
        name="EURUSD_LinearRegression",
        version=3,
        run_id="3",
        previous="",
        why="LinearRegression has the lowest RMSE",
        verdict="unproven",
        data_version=DATA,
        by="ann",
    ),
)
FORECAST = NextDay(
    pair="EURUSD",
    origin=date(2026, 10, 30),
    target_date=date(2026, 11, 2),
    model_name="EURUSD_LinearRegression",
    model_version=3,
    data_version=DATA,
    close=1.1566,
    forecast=0.00021,
    interval=Interval(
        origin=date(2026, 10, 30),
        reach={"lower_80": 0.00496, "upper_80": 0.00496, "lower_95": 0.00803, "upper_95": 0.00803},
        sigma=0.0039,
        df=6.0,
        volatility_model="garch",
    ),
    probability_of_rise=0.52,
    verdict="unproven",
    reason=JUDGEMENT.reason,
)
RUN = RunRecord(
    run_id="e9895c74e0de4b909013f4ec63b06b4d",
    family="ARIMA",
    model_uri="models:/m-1",
    metrics={"rmse": 0.0046648, "mae": 0.0033248, "directional_accuracy": 0.49575, "crps": float("nan")},
    tags={"data_version": str(DATA), "scored_days": JUDGEMENT.scored_days},
    started_at=0,
)
TITLES = [
    Title(
        at="2026-10-01T08:00:00.000000Z",
        alias="champion",
        name="EURUSD_LSTM",
        version=1,
        run_id="1",
        previous="",
        why="LSTM has the lowest RMSE",
        verdict="promoted",
        data_version=DATA,
        by="ann",
    ),
    Title(
        at="2026-10-08T08:00:00.000000Z",
        alias="champion",
        name="EURUSD_LSTM",
        version=2,
        run_id="3",
        previous="models:/EURUSD_LSTM/1",
        why="LSTM has the lowest RMSE",
        verdict="unproven",
        data_version=DATA,
        by="ann",
    ),
    Title(
        at="2026-11-02T09:30:00.000000Z",
        alias="champion",
        name="EURUSD_ARIMA",
        version=2,
        run_id="2",
        previous="models:/EURUSD_LSTM/2",
        why="as the desk decided",
        verdict="by hand",
        data_version=DATA,
        by="bob",
        pinned=True,
    ),
]

PROPOSED = [
    dataclasses.replace(TITLES[0], at="2026-11-03T09:00:00.000000Z", alias="proposal", verdict="proposed", number=1),
    dataclasses.replace(
        TITLES[0], at="2026-11-04T09:00:00.000000Z", alias="proposal", verdict="rejected", number=1, by="bob"
    ),
    dataclasses.replace(
        TITLES[0], at="2026-11-05T09:00:00.000000Z", alias="proposal", verdict="proposed", number=2, version=3
    ),
]


def replay(policy: str, **more: object) -> Replay:
    """What came of a policy."""
    days = np.arange("2024-01-01", 3, dtype="datetime64[D]")
    values = {
        "policy": policy,
        "looks": 265,
        "title_changes": 71,
        "regretted": 34,
        "reigns": (Reign("ARIMA", days[0], days[-1], 3, False),),
        "verdicts": {"promoted": 3},
        "served_days": 5564,
        "rmse": 0.0058123,
        "loss_vs_random_walk": 0.00123,
        "t_vs_random_walk": 1.41,
        "loss_vs_contestant": {"LinearRegression": -0.0002, "ARIMA": 0.0001, "LSTM": None},
        "cumulative_gain": np.zeros(3),
        "dates": days,
    }
    return Replay(**{**values, **more})


SIMULATION = Simulation(
    pair="EURUSD",
    data_version=DATA,
    contestants=("LinearRegression", "ARIMA", "LSTM"),
    routine=Routine(("rmse", "significant")),
    first_day="2004-01-01",
    last_day="2026-10-30",
    replays=(replay("rmse"), replay("significant", title_changes=2, regretted=0)),
)
REPORT = Report(
    pair="EURUSD",
    ab_test=None,
    alpha=0.05,
    champion=Arm("champion", "EURUSD_LSTM", (1, 2), 900, 0, 5, 0.0051),
    challenger=Arm("challenger", "EURUSD_LinearRegression", (1,), 100, 40, 5, 0.0050),
    n_days=61,
    min_days=60,
    random_walk_rmse=0.005,
    difference=1.2e-7,
    lower=-2.4e-6,
    upper=3.1e-6,
    r2_gap=0.01,
    answer="keep going",
    days_needed=1240,
    chance=0.12,
    origins=np.array([], dtype="datetime64[D]"),
    differences=np.array([]),
    lowers=np.array([]),
    uppers=np.array([]),
)
EARLY = dataclasses.replace(REPORT, n_days=2, lower=-np.inf, upper=np.inf, days_needed=None)
OWN = (
    dataclasses.replace(REPORT.champion, n_days=70),
    dataclasses.replace(REPORT.challenger, n_days=61),
    Arm("candidate", "EURUSD_ARIMA", (4,), 0, 30, 30, 0.0052),
)
SERIES = Series("EURUSD", np.array(["1999-01-04", "2026-10-30"], dtype="datetime64[D]"), np.array([1.1, 1.2]), "ecb")
INGESTED = SERIES, DATA, Path("data/raw/EURUSD.parquet")
REPAIRED = ("two rows were out of order",)
TABLE = FeatureTable(
    "EURUSD", DATA, SERIES.dates, SERIES.dates, ("lag_0", "ma_5"), np.zeros((2, 2)), np.array([0.0, np.nan])
)
LSTM, CROSS = VersionRecord("EURUSD_LSTM", 3, ""), VersionRecord("GBPJPY_LinearRegression", 2, "")
LINEAR, *HOLDERS = (
    VersionRecord(name, version, "r")
    for name, version in (("EURUSD_LinearRegression", 1), ("GBPJPY_LSTM", 12), ("USDCHF_LSTM", 2), ("USDCHF_ARIMA", 3))
)
MANY = [
    PairResult("EURUSD", 8.87, new=3, last=Done(champion=LINEAR, verdict="unproven", ratio=0.9989, next_day=FORECAST)),
    PairResult("GBPJPY", 9.1, last=Done(before=HOLDERS[0], champion=HOLDERS[0], verdict="held", ratio=1.0)),
    PairResult(
        "USDCHF", 9.1, new=1, last=Done(before=HOLDERS[1], champion=HOLDERS[2], verdict="promoted", ratio=0.9911)
    ),
    PairResult("EURDKK", 0.2, failed="EURDKK from ecb: too_short - bring more days", exit_code=2),
]  # fmt: skip


CASES = {
    "judgement": lambda: judged.judgement_lines(JUDGEMENT),
    "judgement-leak": lambda: judged.judgement_lines(
        dataclasses.replace(
            JUDGEMENT, verdict="leak", reason="LSTM is too good to be true", champion=None, champion_version=None,
            ranking=tuple(dataclasses.replace(row, alias=None) for row in JUDGEMENT.ranking),
            leaks=(Suspicion("LSTM", "LSTM: out-of-sample R2 64.0% is above 5.0%"),),
        )
    ),
    "judgement-untested": lambda: judged.judgement_lines(
        dataclasses.replace(
            JUDGEMENT, champion="EURUSD_Theta", random_walk_in_mcs=None, minimum_detectable_r2=None,
            ranking=JUDGEMENT.ranking[::-1],
        )
    ),
    "status": lambda: judged.status_lines(STATUS),
    "status-out-of-step": lambda: judged.status_lines(
        dataclasses.replace(
            STATUS, judgement=None, age_days=None, pointer_agrees=False, pinned="the desk decided",
            aliases={"champion": ["models:/EURUSD_LSTM/1", "models:/EURUSD_ARIMA/3"]},
        )
    ),
    "pairs": lambda: judged.pairs_lines(
        [
            PairStatus(LSTM, Told("unproven", "", DATA, 1425, 0.0023, 0.061, 3.25), 24, found=False),
            PairStatus(CROSS, Told("held", "", DATA, 1425, 0.01, 0.001, 99), 24, found=True),
            PairStatus(VersionRecord("USDCHF_ARIMA", 1, ""), None, None, found=False),
        ],
        0.05,
    ),
    "forecast": lambda: ahead.forecast_lines(
        [
            FORECAST,
            dataclasses.replace(
                FORECAST, horizon=20, target_date=date(2026, 11, 27), forecast=-0.0123, verdict=None, reason=UNTESTED
            ),
        ],
        today=TODAY,
    ),
    "forecast-late": lambda: ahead.forecast_lines(
        [dataclasses.replace(FORECAST, stale=LATE)], Amount(1e6, "EUR"), TODAY
    ),
    "forecast-yen": lambda: ahead.forecast_lines(
        [
            dataclasses.replace(
                FORECAST, pair="EURJPY", close=171.25, verdict=None, reason=None,
            )
        ],
        today=TODAY,
    ),
    "simulation": lambda: ahead.simulation_lines(SIMULATION),
    "history": lambda: since.title_lines("EURUSD", TITLES),
    "titles": lambda: since.proposal_lines("EURUSD", proposals([*TITLES, *PROPOSED], date(2026, 11, 10), 5)),
    "history-empty": lambda: since.title_lines("EURUSD", []),
    "ab": lambda: since.ab_lines("EURUSD", OWN, REPORT, ""),
    "ab-early": lambda: since.ab_lines("EURUSD", OWN, EARLY, ""),
    "ab-alone": lambda: since.ab_lines("EURUSD", OWN[:1], None, "no settled forecast of the challenger of EURUSD"),
    "many": lambda: per_pair.result_lines(MANY, 61.25),
    "many-progress": lambda: [per_pair.progress_line("run", MANY, 29, 61.25)],
    "steps": lambda: [
        made.ingested_line(*INGESTED),
        made.features_line(TABLE, Path("data/processed/EURUSD.parquet")),
        made.trained_line(RUN),
        made.trained_line(RUN, before=True),
        made.trained_line(dataclasses.replace(RUN, metrics={"rmse": 0.0046, "mae": 0.0033})),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_text_is_as_it_was(golden, name):
    """Word for word, so that a change of what people read is a decision."""
    golden(f"cli-{name}.txt", "\n".join(CASES[name]()) + "\n")


@pytest.mark.parametrize("name", CASES)
def test_tables_fit_into_eighty_columns(name):
    """Where no terminal tells its width, lines that are columns have at most eighty; sentences stay whole for grep."""
    for line in CASES[name]():
        is_row = "  " in line.strip()
        assert not is_row or len(line) <= WIDEST_TABLE, line


@pytest.mark.parametrize("width", [80, 60, 40])
@pytest.mark.parametrize("name", CASES)
def test_what_is_said_fits_into_a_terminal(name, width, monkeypatch, capsys):
    """Sentences are folded between words, tables turn into blocks, and no word or number is lost."""
    whole = " ".join(CASES[name]()).split()
    monkeypatch.setenv("COLUMNS", str(width))
    for line in CASES[name]():
        say(line)
    told = capsys.readouterr().out
    assert [line for line in told.splitlines() if len(line) > width and " " in line.strip()] == []
    lost = {word.strip(",") for word in whole} - {word.strip(",") for word in told.split()}
    assert lost <= {"day", "pair", "policy", "arm", "served", "instead", "always"}  # headings of what names a block


@pytest.mark.parametrize(
    "document",
    [
        lambda: made.ingested_json(*INGESTED, REPAIRED),
        lambda: made.features_json(TABLE, Path("x")),
        lambda: made.run_json(RUN, before=False),
        lambda: [per_pair.result_json(result) for result in MANY],
        JUDGEMENT.as_dict,
        STATUS.as_dict,
        FORECAST.as_dict,
        lambda: ahead.simulation_json(SIMULATION),
        lambda: [since.title_json(title) for title in TITLES],
        lambda: since.ab_json("EURUSD", None, OWN, REPORT, ""),
        lambda: since.ab_json("EURUSD", None, OWN, None, "no settled forecast"),
    ],
    ids=[
        "ingest",
        "preprocess",
        "train",
        "many",
        "evaluate",
        "status",
        "forecast",
        "simulate",
        "history",
        "ab",
        "ab-alone",
    ],
)
def test_what_programs_read_is_json(document):
    """Every document is plain values; numbers that do not exist are null or absent, never NaN."""
    assert json.loads(json.dumps(document(), allow_nan=False)) is not None


@pytest.mark.parametrize("report", [REPORT, None])
def test_the_a_b_test_has_its_name_and_that_of_release_0_1(report):
    """Programs of the last release find it under `experiment` as well, whether or not there is a comparison."""
    of_spring = report and dataclasses.replace(report, ab_test="spring")
    told = since.ab_json("EURUSD", "spring", OWN, of_spring, "")
    assert (told["ab_test"], told["experiment"]) == ("spring", "spring")


def test_a_mixture_tells_whose_forecasts_it_is_made_of():
    """Status and ranking have a line for tomorrow's weights, the largest first, and for who is left out."""
    weights = {"random_walk": 0.4731, "LinearRegression": 0.0122, "ARIMA": 0.5147}
    mixed = standing("Combination", "champion", 0.00466, weights=weights)
    lines = list(judged.test_lines(dataclasses.replace(JUDGEMENT, ranking=(mixed, *JUDGEMENT.ranking))))
    told = [line for line in lines if "tomorrow" in line]
    shares = "ARIMA 51.5%, random walk 47.3%, LinearRegression 1.2%"
    assert told == [f"Combination for tomorrow: {shares}; without LSTM, Theta"]


@pytest.mark.parametrize(
    "document",
    [
        made.ingested_json(*INGESTED, REPAIRED),
        made.features_json(TABLE, Path("x")),
        made.run_json(RUN, before=False),
        ahead.simulation_json(SIMULATION),
        picked(JUDGEMENT, "data_version"),
    ],
)
def test_a_data_version_is_one_text_in_every_document(document):
    """`ecb-EURUSD-2026-10-30-3f2a9c1b`, as in tags and files, and not its parts."""
    assert document["data_version"] == str(DATA)


def test_nothing_in_the_registry_gives_a_terminal_an_order(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever may set a tag may write any text: what would clear a screen or turn a line around is spelled out."""
    planted = "\x1b[2J owned \x9b1m \u202e ok Größe 5\N{NO-BREAK SPACE}%"
    for tell in (say, note, complain, lambda text: say_json({"why": text})):
        tell(planted)
        told = "".join(capsys.readouterr())
        assert not set(told) & {"\x1b", "\x9b", "\u202e"}
        assert r"\u001b[2J owned \u009b1m \u202e ok" in told
    say_json({"why": planted})
    assert json.loads(capsys.readouterr().out) == {"why": planted}
