"""A year of serving as a person lives it: the real verbs, real HTTP on loopback, a simulated calendar of 250 days."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import selectors
import shutil
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import psutil
import pytest

from podium.data.calendar import next_business_day
from podium.data.store import save_series
from podium.features import build_features, frame
from podium.records import Series
from tests.support import until

pytestmark = pytest.mark.servers

PAIR = "EURUSD"
CONSTANT, AUTOREGRESSION = f"{PAIR}_ARIMA", f"{PAIR}_LinearRegression"
N_BEFORE, N_DAYS = 1000, 250
TODAY = np.datetime64("today")  # what is lived lies ahead: a forecast counts only if it was made before its day
SPREAD = 0.005  # standard deviation of a day's return
MEMORY = 0.6  # autocorrelation on which the models are trained: an R² of 0.36 for who knows yesterday's return
LOOKS = range(50, N_DAYS + 1, 50)  # days after which somebody asks who is winning
CLIENTS = 4
PATIENCE = 60.0  # seconds; a wait that takes longer is a failure

CHAMPIONSHIP = """
source = "csv:rates.csv"
allow = ["other_level"]
contestants = ["LinearRegression", "ARIMA"]
n_lags = 8
refit_every = 0
workers = 1

[options.LinearRegression]
lags_used = 1

[options.ARIMA]
order = [0, 0]
"""


# --- the world ----------------------------------------------------------------------------------------------------


def simulated(memory: float) -> Series:
    """Rates of a pair whose returns remember the day before: with MEMORY up to the championship, then as given."""
    n_days = N_BEFORE + N_DAYS
    shocks = np.random.default_rng(1).normal(0, SPREAD, n_days)
    returns = np.zeros(n_days)
    for day in range(1, n_days):
        phi = MEMORY if day < N_BEFORE else memory
        returns[day] = phi * returns[day - 1] + math.sqrt(1 - phi**2) * shocks[day]
    days = [TODAY - 2 * N_BEFORE]
    while days[-1] < TODAY + 2 * N_DAYS:
        days.append(next_business_day(days[-1]))
    first = int(np.searchsorted(days, TODAY, side="right")) - N_BEFORE
    return Series(PAIR, np.array(days[first : first + n_days]), 1.1 * np.exp(np.cumsum(returns)), "simulated")


Verb = Callable[..., str]


@dataclass(frozen=True)
class Place:
    """A championship, and a data folder for one year of serving it.

    Attributes:
        folder: where the championship was run.
        data: name of the year's data folder in it.
        environment: of a user.
    """

    folder: Path
    data: str
    environment: dict[str, str]

    def podium(self, *words: str) -> str:
        """What a verb prints; it must succeed."""
        command = ["podium", *words, "--data-dir", self.data]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}: {done.stderr}"
        return done.stdout

    def ingest(self, series: Series) -> None:
        """Store the series as `podium ingest` does."""
        save_series(series, self.folder / self.data / "raw" / f"{PAIR}.parquet")

    def ledger(self) -> list[dict[str, Any]]:
        """Every line of `podium ledger --json`."""
        return [json.loads(line) for line in self.podium("ledger", "--json").splitlines()]


@pytest.fixture(scope="module")
def championship_folder(
    tmp_path_factory: pytest.TempPathFactory, blank_database: Path, shell: Callable[..., Any]
) -> Path:
    """A championship of an autoregression and a constant, on a pair of which the autoregression knows a third."""
    folder = tmp_path_factory.mktemp("year")
    shutil.copyfile(blank_database, folder / "mlflow.db")
    known = simulated(MEMORY).until(N_BEFORE)
    rows = zip(known.dates.tolist(), known.closes.tolist(), strict=True)
    (folder / "rates.csv").write_text("date,close\n" + "".join(f"{day},{close!r}\n" for day, close in rows))
    (folder / "podium.toml").write_text(CHAMPIONSHIP)
    ran = shell(folder, "podium", "run", "--accept-leak")  # such a pair is too good to be true, and it is said
    assert ran.exit_code == 0, ran.stderr
    return folder


@pytest.fixture
def place(championship_folder: Path, environment: dict[str, str], tmp_path: Path) -> Place:
    """The championship with the worse model in the title, and an empty year before it."""
    found = Place(championship_folder, str(tmp_path / "data"), environment)
    found.podium("promote", "ARIMA", "--why", "nobody believed in the other")
    return found


# --- the server and its clients -----------------------------------------------------------------------------------


class Server:
    """A running `podium serve`."""

    def __init__(self, place: Place) -> None:
        self.data = place.folder / place.data
        words = ["serve", "--port", "0", "--split", "champion=90,challenger=10", "--shadow", "--interval", "0.2"]
        self.process = subprocess.Popen(
            ["podium", *words, "--data-dir", place.data],
            cwd=place.folder,
            env=place.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            told = self.process.stdout.readline() if selector.select(PATIENCE) else "nothing"
        if not told.startswith("serving on http://127.0.0.1:"):
            self.kill()
            pytest.fail(f"podium serve said {told!r}")
        self.port = int(told.rpartition(":")[2])

    def kill(self) -> None:
        """SIGKILL to the processes that serve, then to their parent; the reader of the registry ends by itself."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        serving = {int(said.name) for said in self.data.glob("serving/*/in-service/[0-9]*")}
        for child in family:
            if child.pid in serving:
                child.kill()
        self._end(signal.SIGKILL)
        _, alive = psutil.wait_procs(family, PATIENCE)
        assert not alive

    def stop(self) -> None:
        """SIGTERM, and a good end."""
        if self.process.poll() is None:
            assert self._end(signal.SIGTERM) == 0

    def _end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


@contextlib.contextmanager
def serving(place: Place) -> Iterator[Server]:
    """A server that has ended afterwards."""
    server = Server(place)
    try:
        yield server
    finally:
        server.stop()


class Answer(NamedTuple):
    """What a client got."""

    forecast_id: str
    arm: str
    model: str
    origin: str
    forecast: float


class Client:
    """A client that asks for the next day on a connection that stays; whatever is no good answer is an error."""

    def __init__(self, server: Server, patience: float = PATIENCE) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=patience)

    def ask(self, key: str) -> Answer:
        self._connection.request("GET", f"/v1/forecast/{PAIR}", headers={"X-Request-Key": key})
        response = self._connection.getresponse()
        content = json.loads(response.read())
        assert response.status == 200, content
        heads = [response.headers[f"X-Podium-{name}"] for name in ("Forecast-Id", "Arm", "Model")]
        assert heads == [content["forecast_id"], content["arm"], content["model"]]
        return Answer(*heads, content["origin"], content["forecast"])

    def close(self) -> None:
        self._connection.close()


class Load:
    """Clients in threads, each asking over and over until it is told to stop or cannot go on."""

    def __init__(self, server: Server) -> None:
        self.answers: list[Answer] = []
        self.failures: list[Exception] = []
        self._going = True
        self._news = threading.Condition()
        self._threads = [threading.Thread(target=self._run, args=(server, at)) for at in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._going = False
        for thread in self._threads:
            thread.join(PATIENCE)

    def _run(self, server: Server, at: int) -> None:
        with contextlib.closing(Client(server)) as client:
            while self._going:
                try:
                    answer = client.ask(f"client {at}, question {len(self.answers)}")
                except (OSError, http.client.HTTPException, AssertionError) as error:
                    self._tell(self.failures, error)
                    return
                self._tell(self.answers, answer)

    def _tell(self, notes: list[Any], news: Any) -> None:
        with self._news:
            notes.append(news)
            self._news.notify_all()

    def until(self, true: Callable[[Sequence[Answer]], bool], what: str) -> None:
        """Wait until the answers are as they are to be; each further answer is a reason to look again."""
        with self._news:
            came = self._news.wait_for(lambda: self.failures or true(self.answers), PATIENCE)
        assert not self.failures, f"before {what}: {self.failures}"
        assert came, f"{what} did not come in {PATIENCE:g} seconds"


def champion_is(model: str) -> Callable[[Sequence[Answer]], bool]:
    """Whether the newest answer of the champion's arm is of this model."""
    return lambda answers: next((answer.model for answer in reversed(answers) if answer.arm == "champion"), "") == model


# --- a year -------------------------------------------------------------------------------------------------------


@dataclass
class Year:
    """The days of a calendar, lived one after the other, and what a customer wrote down meanwhile.

    Attributes:
        place: where it is served.
        series: all that will come.
        received: ids of the forecasts that were received.
        said: number by origin and model.
        arms: arms by request key.
        looks: what `podium ab` said, by number of settled days.
    """

    place: Place
    series: Series
    received: list[str] = field(default_factory=list)
    said: dict[tuple[str, str], float] = field(default_factory=dict)
    arms: dict[str, set[str]] = field(default_factory=dict)
    looks: dict[int, dict[str, Any]] = field(default_factory=dict)

    def live(self, server: Server, days: range) -> None:
        """On each day some questions with old keys and a new one; then the next day's rate comes."""
        client = Client(server)
        for day in days:
            self.dawn(client, str(self.series.dates[N_BEFORE - 1 + day]))
            for key in ("anna", "ben", "ute", f"newcomer {day}"):
                self.ask(client, key)
            self.place.ingest(self.series.until(N_BEFORE + day + 1))
            if day + 1 in LOOKS:
                self.look(day + 1)
        client.close()

    def dawn(self, client: Client, origin: str) -> None:
        """Ask until the newest rate is forecast from."""
        until(lambda: self.ask(client, "early bird").origin == origin, f"a forecast from {origin}", PATIENCE)

    def ask(self, client: Client, key: str) -> Answer:
        """One question; all answers of a model on a day must be one number, and all answers to a key of one arm."""
        answer = client.ask(key)
        self.note([answer])
        self.arms.setdefault(key, set()).add(answer.arm)
        return answer

    def note(self, answers: Sequence[Answer]) -> None:
        """Write down what was received."""
        for answer in answers:
            self.received.append(answer.forecast_id)
            assert self.said.setdefault((answer.origin, answer.model), answer.forecast) == answer.forecast

    def look(self, n_days: int) -> None:
        """Settle, and ask who is winning."""
        settled = json.loads(self.place.podium("settle", "--json"))
        assert (settled["revised"], settled["waiting"], settled["unknown"]) == (0, 0, 0)
        self.looks[n_days] = json.loads(self.place.podium("ab", "--json"))
        assert self.looks[n_days]["n_days"] == n_days

    def returns(self) -> dict[str, float]:
        """Realised log return by origin, for the days that were lived."""
        found = np.diff(np.log(self.series.closes[N_BEFORE - 1 :]))
        return dict(zip(map(str, self.series.dates[N_BEFORE - 1 : -1]), found.tolist(), strict=True))

    def rmse(self, model: str) -> float:
        """From the customer's own notes."""
        errors = [self.said[origin, model] - actual for origin, actual in self.returns().items()]
        return math.sqrt(np.mean(np.square(errors)))


def lived(place: Place, memory: float) -> Year:
    """The day before a year."""
    year = Year(place, simulated(memory))
    place.ingest(year.series.until(N_BEFORE))
    return year


@contextlib.contextmanager
def ledger_held(place: Place) -> Iterator[None]:
    """Meanwhile nobody can write to the ledger."""
    ledger = sqlite3.connect(Path(place.data) / "ledger.db", timeout=PATIENCE, isolation_level=None)
    with contextlib.closing(ledger):
        ledger.execute("BEGIN IMMEDIATE")
        yield


def killed_under_load(server: Server, year: Year) -> None:
    """SIGKILL while clients ask; what they have received is noted."""
    with Load(server) as load:
        load.until(lambda answers: len(answers) > 200, "load")
        with ledger_held(year.place), contextlib.closing(Client(server, patience=0.3)) as late:
            # The worst moment: whoever were answered now would be answered without the ledger.
            with pytest.raises(TimeoutError):
                late.ask("too late")
            server.kill()
    assert len(load.failures) == CLIENTS
    assert not any(isinstance(failure, AssertionError) for failure in load.failures), load.failures
    year.note(load.answers)


def asked_by_mlflows_own_client(server: Server, year: Year) -> None:
    """MLflow's scoring client sends the newest row, and gets the number that `GET /v1/forecast` gives."""
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    table = build_features(year.series, 8, "simulated")
    origin = str(table.origins[-1])
    client = Client(server)
    year.dawn(client, origin)
    year.ask(client, "ute")
    client.close()
    found = ScoringServerClient("127.0.0.1", server.port).invoke(frame(table)[-1:]).get_predictions()
    known = [number for (day, _), number in year.said.items() if day == origin]
    assert any(found.to_numpy().ravel() == pytest.approx([number], abs=1e-9) for number in known)


def promoted_under_load(server: Server, year: Year) -> None:
    """`podium promote` changes the served answers, and no request fails."""
    with Load(server) as load:
        load.until(champion_is(CONSTANT), "the first champion")
        year.place.podium("promote", "challenger", "--why", "the live test has an answer", "--accept-leak")
        load.until(champion_is(AUTOREGRESSION), "the promoted champion")
    assert load.failures == []
    year.note(load.answers)


def moved_by_hand_under_load(server: Server, year: Year) -> None:
    """The alias moved by a plain MLflow client, as MLflow's pages do, changes the served answers without a failure."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{year.place.folder / 'mlflow.db'}")
    with Load(server) as load:
        for new, old in ((CONSTANT, AUTOREGRESSION), (AUTOREGRESSION, CONSTANT)):
            load.until(champion_is(old), f"the champion {old}")
            client.set_registered_model_alias(new, "champion", "1")
            client.delete_registered_model_alias(old, "champion")
        load.until(champion_is(AUTOREGRESSION), "the last champion")
    assert load.failures == []
    year.note(load.answers)


def test_a_better_challenger_takes_the_title(place: Place) -> None:
    """Over 250 days, with the server killed half-way, the better challenger is named, promoted, and then answers."""
    year = lived(place, MEMORY)
    with serving(place) as server:
        year.live(server, range(N_DAYS // 2))
        killed_under_load(server, year)
    with serving(place) as server:
        year.live(server, range(N_DAYS // 2, N_DAYS))
        check_the_answer(year)
        asked_by_mlflows_own_client(server, year)
        promoted_under_load(server, year)
        moved_by_hand_under_load(server, year)
    check_the_ledger(year)
    titles = json.loads(place.podium("history", "--json"))
    assert titles[-1]["to"] == f"models:/{AUTOREGRESSION}/1"
    assert (titles[-1]["why"], titles[-1]["verdict"]) == (
        "the live test has an answer; under suspicion, and accepted",
        "by hand",
    )


def check_the_answer(year: Year) -> None:
    """Each key kept its arm; the answer came, once there was reason for it; its figures are the customer's notes'."""
    assert {len(arms) for arms in year.arms.values()} == {1}
    newcomers = [arm for key, arms in year.arms.items() if key.startswith("newcomer") for arm in arms]
    assert 0.04 < newcomers.count("challenger") / N_DAYS < 0.18
    answers = {n_days: look["answer"] for n_days, look in year.looks.items()}
    assert answers[LOOKS[0]] == "keep going"
    assert answers[N_DAYS] == "challenger better"
    assert set(answers.values()) == {"keep going", "challenger better"}
    last = year.looks[N_DAYS]
    for arm, model in (("champion", CONSTANT), ("challenger", AUTOREGRESSION)):
        assert last[arm]["model_name"] == model
        assert last[arm]["rmse"] == pytest.approx(year.rmse(model))
    assert last["r2_gap"] > 0.2


def check_the_ledger(year: Year) -> None:
    """What any client received is in the ledger, with what came true and a shadow; so is MLflow's client's forecast."""
    lines = year.place.ledger()
    answers = {line["forecast_id"]: line for line in lines if not line["shadow"]}
    assert len(set(year.received)) == len(year.received)
    assert set(year.received) <= answers.keys()
    returns = year.returns()
    for line in lines:
        assert line["forecast"] == year.said[line["origin"], line["model_name"]]
        assert line["actual"] == pytest.approx(returns.get(line["origin"]))
    shadows = [line["request_id"] for line in lines if line["shadow"] and line["origin"] in returns]
    assert sorted(shadows) == sorted(name for name, line in answers.items() if line["origin"] in returns)
    without_key = [line["origin"] for line in answers.values() if line["request_key"] == line["forecast_id"]]
    assert without_key == [str(year.series.dates[-1])]


def test_equal_models_are_never_told_apart(place: Place) -> None:
    """Over 250 days on which both models err alike, however differently they forecast, no winner is named."""
    # With half the memory, what the autoregression gains by yesterday's return it loses by believing in it too much.
    year = lived(place, MEMORY / 2)
    with serving(place) as server:
        year.live(server, range(N_DAYS))
    for n_days, look in year.looks.items():
        assert look["answer"] in {"keep going", "no use going on"}, n_days
    last = year.looks[N_DAYS]
    assert all(lower is None or lower <= 0 for lower in last["lowers"])
    assert all(upper is None or upper >= 0 for upper in last["uppers"])
    assert abs(last["r2_gap"]) < 0.1
    assert len(last["lowers"]) == N_DAYS
