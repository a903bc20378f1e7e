from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from podium.errors import InputError, MissingError
from podium.evaluate.confidence_sequence import MIN_DAYS
from podium.evaluate.evidence import weighed
from podium.evaluate.live import HORIZON_DAYS, Outlook, Report, compare_live, own_errors
from podium.ledger import Entry, Ledger
from podium.ledger.settled import settled_days
from podium.ledger.settling import settle
from podium.records import Floats, Series

Make = Callable[..., Entry]
Write = Callable[[Ledger, Sequence[Entry]], None]

CHAMPION, CHALLENGER = "EURUSD_LSTM", "EURUSD_LinearRegression"
N_DAYS = 250
SPREAD = 0.005


class World:
    """A calendar of daily returns, and what two models forecast for each of its days."""

    def __init__(self, returns: Floats, champion: Floats, challenger: Floats) -> None:
        self.returns = returns
        self.forecasts = {CHAMPION: champion, CHALLENGER: challenger}
        self.dates = np.arange("2027-01-01", len(returns) + 1, dtype="datetime64[D]")
        self.closes = 1.1 * np.exp(np.concatenate([[0.0], np.cumsum(returns)]))

    def series(self, n_days: int) -> Series:
        """What is known after that many returns."""
        return Series("EURUSD", self.dates[: n_days + 1], self.closes[: n_days + 1], "simulated")


def world(seed: int, r2_gap: float, n_days: int = N_DAYS) -> World:
    """Returns of which the challenger knows a part and the champion nothing; with no gap both guess alike."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(0, SPREAD * np.sqrt(r2_gap), n_days)
    returns = signal + rng.normal(0, SPREAD * np.sqrt(1 - r2_gap), n_days)
    if r2_gap:
        return World(returns, np.zeros(n_days), signal)
    return World(returns, rng.normal(0, SPREAD / 5, n_days), rng.normal(0, SPREAD / 5, n_days))


@pytest.fixture
def day(make_entry: Make) -> Callable[..., list[Entry]]:
    """The entries of one day of a world: an answer of the champion with the challenger in its shadow."""

    def entries(world: World, index: int, **changes: object) -> list[Entry]:
        origin = str(world.dates[index])
        common = {"origin": origin, "known_through": origin, **changes}
        answer = make_entry(model_name=CHAMPION, forecast=float(world.forecasts[CHAMPION][index]), **common)
        shadow = {"arm": "challenger", "model_name": CHALLENGER, "shadow": True, "request_id": answer.forecast_id}
        return [answer, make_entry(forecast=float(world.forecasts[CHALLENGER][index]), **{**common, **shadow})]

    return entries


@pytest.fixture
def live(tmp_path: Path, day: Callable[..., list[Entry]], write: Write) -> Iterator[Callable[..., Report]]:
    """The report once all days of a world have been served, in a ledger of its own, and settled."""
    opened: list[Ledger] = []

    def run(world: World, requests: int = 1, **options: object) -> Report:
        ledger = Ledger.open(tmp_path / f"live{len(opened)}.db")
        opened.append(ledger)
        n_days = len(world.returns)
        write(ledger, [entry for index in range(n_days) for _ in range(requests) for entry in day(world, index)])
        settle(ledger, world.series(n_days), "v1")
        return compare_live(settled_days(ledger, "EURUSD"), "EURUSD", **options)  # type: ignore[arg-type]

    yield run
    for ledger in opened:
        ledger.close()


def test_a_better_challenger_is_found(sqlite_ledger: Ledger, day: Callable[..., list[Entry]], write: Write) -> None:
    """Served and settled day by day, a challenger that is better by an R² of 0.3 is named within 250 days."""

    def answers() -> Iterator[tuple[int, str]]:
        simulated = world(seed=1, r2_gap=0.3)
        for index in range(N_DAYS):
            write(sqlite_ledger, day(simulated, index))
            settle(sqlite_ledger, simulated.series(index + 1), f"v{index}")
            if index % 10 == 9:
                found = compare_live(settled_days(sqlite_ledger, "EURUSD"), "EURUSD")
                yield found.n_days, found.answer

    found = dict(answers())
    winner = [n_days for n_days, answer in found.items() if answer == "challenger better"]
    assert winner
    assert MIN_DAYS <= winner[0] < N_DAYS
    assert {answer for n_days, answer in found.items() if n_days < winner[0]} == {"keep going"}


def test_a_better_champion_is_found(live: Callable[..., Report]) -> None:
    """With the sides exchanged the answer is the other one, and the numbers change their sign only."""
    simulated = world(seed=1, r2_gap=0.3)
    forward = live(simulated)
    backward = live(simulated, champion=CHALLENGER, challenger=CHAMPION)
    assert (forward.answer, backward.answer) == ("challenger better", "champion better")
    assert backward.difference == pytest.approx(-forward.difference)
    assert (backward.lower, backward.upper) == pytest.approx((-forward.upper, -forward.lower))
    assert forward.days_needed == backward.days_needed == 0


@pytest.mark.parametrize("seed", range(4))
def test_equal_models_have_no_winner(live: Callable[..., Report], seed: int) -> None:
    """Between two models of the same skill no winner is named on any of 250 days."""
    found = live(world(seed, r2_gap=0))
    assert found.answer in ("keep going", "no use going on")
    assert (found.lowers <= 0).all()
    assert (found.uppers >= 0).all()
    assert found.n_days == N_DAYS


def test_figures_are_those_of_the_days(live: Callable[..., Report]) -> None:
    """RMSE, weighed difference and share agree with the formulas on the same days; before day 60 the plain one."""
    simulated = world(seed=3, r2_gap=0.1)
    found = live(simulated)
    losses = {name: (simulated.returns - forecast) ** 2 for name, forecast in simulated.forecasts.items()}
    assert found.champion.rmse == pytest.approx(np.sqrt(losses[CHAMPION].mean()))
    assert found.challenger.rmse == pytest.approx(np.sqrt(losses[CHALLENGER].mean()))
    assert found.random_walk_rmse == pytest.approx(np.sqrt((simulated.returns**2).mean()))
    gain = weighed(simulated.returns, *(simulated.forecasts[name] for name in (CHAMPION, CHALLENGER))).mean()
    assert found.r2_gap == pytest.approx(gain)
    assert found.difference == pytest.approx(gain * (simulated.returns**2).mean())
    assert (found.champion.answers, found.champion.shadows) == (N_DAYS, 0)
    assert (found.challenger.answers, found.challenger.shadows) == (0, N_DAYS)
    early = world(seed=3, r2_gap=0.1, n_days=10)
    losses = {name: (early.returns - forecast) ** 2 for name, forecast in early.forecasts.items()}
    assert live(early).difference == pytest.approx((losses[CHAMPION] - losses[CHALLENGER]).mean())


def test_requests_are_not_days(live: Callable[..., Report]) -> None:
    """Twenty requests a day leave days, difference and interval as one request a day does."""
    simulated = world(seed=4, r2_gap=0.2, n_days=70)
    sparse, busy = live(simulated), live(simulated, requests=20)
    assert busy.n_days == sparse.n_days == 70
    assert (busy.difference, busy.lower, busy.upper) == (sparse.difference, sparse.lower, sparse.upper)
    assert (busy.champion.answers, sparse.champion.answers) == (1400, 70)


def test_days_are_paired_without_shadows(sqlite_ledger: Ledger, day: Callable[..., list[Entry]], write: Write) -> None:
    """Without shadows a day counts when each model answered somebody; a day of one model alone does not."""
    simulated = world(seed=5, r2_gap=0.2, n_days=6)
    for index in range(6):
        answer, shadow = day(simulated, index)
        other = shadow._replace(shadow=False, request_id=shadow.forecast_id)
        write(sqlite_ledger, [answer] if index == 2 else [answer, other])
    settle(sqlite_ledger, simulated.series(6), "v1")
    found = compare_live(settled_days(sqlite_ledger, "EURUSD"), "EURUSD")
    assert found.origins.tolist() == [day for index, day in enumerate(simulated.dates[:6].tolist()) if index != 2]
    assert (found.champion.answers, found.challenger.answers, found.challenger.shadows) == (6, 5, 0)


def test_a_new_version_goes_on(sqlite_ledger: Ledger, day: Callable[..., list[Entry]], write: Write) -> None:
    """A refit is a new version of the same model: the days go on, and the versions are listed."""
    simulated = world(seed=6, r2_gap=0.2, n_days=6)
    for index in range(6):
        write(sqlite_ledger, [entry._replace(model_version=3 + index // 4) for entry in day(simulated, index)])
    settle(sqlite_ledger, simulated.series(6), "v1")
    found = compare_live(settled_days(sqlite_ledger, "EURUSD"), "EURUSD")
    assert (found.n_days, found.champion.versions, found.challenger.versions) == (6, (3, 4), (3, 4))


def test_another_model_starts_anew(sqlite_ledger: Ledger, day: Callable[..., list[Entry]], write: Write) -> None:
    """When another registered model takes an arm, only the days on which it forecast are compared."""
    simulated = world(seed=7, r2_gap=0.2, n_days=6)
    for index in range(6):
        answer, shadow = day(simulated, index)
        write(sqlite_ledger, [answer, shadow._replace(model_name="EURUSD_ARIMA") if index > 3 else shadow])
    settle(sqlite_ledger, simulated.series(6), "v1")
    found = compare_live(settled_days(sqlite_ledger, "EURUSD"), "EURUSD")
    assert (found.challenger.model_name, found.n_days) == ("EURUSD_ARIMA", 2)
    assert compare_live(settled_days(sqlite_ledger, "EURUSD"), "EURUSD", challenger=CHALLENGER).n_days == 4


def test_a_change_of_titles_keeps_the_days(
    sqlite_ledger: Ledger, day: Callable[..., list[Entry]], write: Write
) -> None:
    """When two models change places, their days so far still count, seen from the new champion."""
    simulated = world(seed=8, r2_gap=0.2, n_days=6)
    for index in range(6):
        answer, shadow = day(simulated, index)
        swapped = [answer._replace(arm="challenger"), shadow._replace(arm="champion")]
        write(sqlite_ledger, swapped if index > 3 else [answer, shadow])
    settle(sqlite_ledger, simulated.series(6), "v1")
    found = compare_live(settled_days(sqlite_ledger, "EURUSD"), "EURUSD")
    assert (found.champion.model_name, found.challenger.model_name, found.n_days) == (CHALLENGER, CHAMPION, 6)


def test_a_model_is_not_compared_with_itself(
    sqlite_ledger: Ledger, day: Callable[..., list[Entry]], write: Write
) -> None:
    """Where one registered model held both arms last, no answer is given, and the remedy is named."""
    simulated = world(seed=9, r2_gap=0.2, n_days=6)
    for index in range(6):
        answer, shadow = day(simulated, index)
        newer = shadow._replace(model_name=CHAMPION, model_version=9)
        write(sqlite_ledger, [answer, newer if index > 3 else shadow])
    settle(sqlite_ledger, simulated.series(6), "v1")
    with pytest.raises(MissingError, match=f"{CHAMPION} holds both arms of EURUSD: name another .* --challenger"):
        compare_live(settled_days(sqlite_ledger, "EURUSD"), "EURUSD")
    assert compare_live(settled_days(sqlite_ledger, "EURUSD"), "EURUSD", challenger=CHALLENGER).n_days == 4


def test_an_a_b_test_has_its_own_days(sqlite_ledger: Ledger, day: Callable[..., list[Entry]], write: Write) -> None:
    """Named, an A/B test counts its own days only."""
    simulated = world(seed=9, r2_gap=0.2, n_days=6)
    for index in range(6):
        write(sqlite_ledger, day(simulated, index, experiment="spring" if index < 2 else "summer"))
    settle(sqlite_ledger, simulated.series(6), "v1")
    assert [
        compare_live(settled_days(sqlite_ledger, "EURUSD", name), "EURUSD", ab_test=name).n_days
        for name in ("spring", "summer", None)
    ] == [2, 4, 6]


def test_a_revised_rate_changes_the_report(
    sqlite_ledger: Ledger, day: Callable[..., list[Entry]], write: Write
) -> None:
    """The report scores against the last revision of each outcome."""
    simulated = world(seed=10, r2_gap=0.2, n_days=3)
    write(sqlite_ledger, [entry for index in range(3) for entry in day(simulated, index)])
    settle(sqlite_ledger, simulated.series(3), "v1")
    series = simulated.series(3)
    closes = series.closes.copy()
    closes[1] *= 1.01
    settle(sqlite_ledger, replace(series, closes=closes), "v2")
    returns = np.diff(np.log(closes))
    assert compare_live(settled_days(sqlite_ledger, "EURUSD"), "EURUSD").random_walk_rmse == pytest.approx(
        np.sqrt((returns**2).mean())
    )


def test_the_same_forecasts_are_no_use(live: Callable[..., Report]) -> None:
    """Two models that say the same every day are given up once the first days are over, not before."""
    rng = np.random.default_rng(11)
    alike = rng.normal(0, 0.001, MIN_DAYS)
    returns = rng.normal(0, SPREAD, MIN_DAYS)
    early = live(World(returns[:-1], alike[:-1], alike[:-1]))
    late = live(World(returns, alike, alike))
    assert (early.answer, late.answer) == ("keep going", "no use going on")
    assert (late.difference, late.days_needed) == (0, None)


def test_what_was_never_settled(sqlite_ledger: Ledger, day: Callable[..., list[Entry]], write: Write) -> None:
    """Without a settled day of both the report says which step is missing."""
    with pytest.raises(MissingError, match="no settled forecast of the champion of EURUSD: run"):
        compare_live(settled_days(sqlite_ledger, "EURUSD"), "EURUSD")
    simulated = world(seed=12, r2_gap=0.2, n_days=3)
    write(sqlite_ledger, [*day(simulated, 0)[:1], *day(simulated, 1)[1:]])
    settle(sqlite_ledger, simulated.series(3), "v1")
    with pytest.raises(MissingError, match="no settled day of EURUSD in common"):
        compare_live(settled_days(sqlite_ledger, "EURUSD"), "EURUSD")


def test_each_arm_has_its_own_error(sqlite_ledger: Ledger, day: Callable[..., list[Entry]], write: Write) -> None:
    """An arm's error is that of all its model's settled days; with the champion alone there is one."""
    simulated = world(seed=12, r2_gap=0.2, n_days=5)
    for index in range(3):
        write(sqlite_ledger, day(simulated, index)[:1])
    settle(sqlite_ledger, simulated.series(3), "v1")
    (alone,) = own_errors(settled_days(sqlite_ledger, "EURUSD"))
    assert (alone.arm, alone.model_name, alone.n_days, alone.answers) == ("champion", CHAMPION, 3, 3)
    assert alone.rmse == pytest.approx(np.sqrt(np.mean(simulated.returns[:3] ** 2)))
    for index in (3, 4):
        write(sqlite_ledger, day(simulated, index))
    settle(sqlite_ledger, simulated.series(5), "v1")
    both = own_errors(settled_days(sqlite_ledger, "EURUSD"))
    assert [(arm.arm, arm.n_days) for arm in both] == [("champion", 5), ("challenger", 2)]
    named = own_errors(settled_days(sqlite_ledger, "EURUSD"), {"champion": CHALLENGER, "challenger": "EURUSD_ARIMA"})
    assert [(arm.arm, arm.model_name, arm.n_days) for arm in named] == [("champion", CHALLENGER, 2)]


def test_days_that_the_model_was_fitted_on_are_no_evidence(
    sqlite_ledger: Ledger, day: Callable[..., list[Entry]], write: Write
) -> None:
    """Served from a series set back, with models that were fitted up to its old end, no day before that end counts."""
    simulated = world(seed=12, r2_gap=0.2, n_days=6)
    for index in range(6):
        write(sqlite_ledger, day(simulated, index, trained_through=str(simulated.dates[4])))
    settle(sqlite_ledger, simulated.series(6), "v1")
    assert (
        compare_live(settled_days(sqlite_ledger, "EURUSD"), "EURUSD").origins.tolist() == simulated.dates[4:6].tolist()
    )
    assert [arm.n_days for arm in own_errors(settled_days(sqlite_ledger, "EURUSD"))] == [2, 2]


def test_a_level_is_a_probability(live: Callable[..., Report]) -> None:
    """A alpha outside (0, 1) is refused."""
    with pytest.raises(InputError, match="alpha"):
        live(world(13, 0.2, n_days=3), alpha=0.0)


def test_days_needed_is_the_first_day_that_decides() -> None:
    """With mean and spread unchanged the interval excludes 0 on the day foretold, and not the day before."""
    outlook = Outlook(n_days=200, mean=0.1, spread=1.0, alpha=0.05, horizon=HORIZON_DAYS)
    needed = outlook.days_needed()
    assert needed is not None
    assert outlook.width(200 + needed) < 0.1 <= outlook.width(200 + needed - 1)


@pytest.mark.parametrize("mean", [0.0, 0.03, -0.06, 0.12])
def test_the_chance_is_that_of_the_futures(mean: float) -> None:
    """The chance of an answer at the horizon agrees with 20,000 futures drawn from what is known."""
    outlook = Outlook(n_days=300, mean=mean, spread=1.0, alpha=0.05, horizon=HORIZON_DAYS)
    rng = np.random.default_rng(0)
    rest = HORIZON_DAYS - 300
    truth = rng.normal(mean, 1 / np.sqrt(300), 20_000)
    total = 300 * mean + rest * truth + rng.normal(0, np.sqrt(rest), 20_000)
    share = np.mean(np.abs(total / HORIZON_DAYS) > outlook.width(HORIZON_DAYS))
    assert outlook.chance() == pytest.approx(share, abs=0.015)


def test_the_horizon_ends_it() -> None:
    """At the horizon an undecided comparison has no chance left; before the first days there is no saying."""
    known = {"mean": 0.01, "spread": 1.0, "alpha": 0.05, "horizon": HORIZON_DAYS}
    assert Outlook(n_days=HORIZON_DAYS, **known).chance() == 0  # type: ignore[arg-type]
    early = Outlook(n_days=MIN_DAYS - 1, **known)  # type: ignore[arg-type]
    assert np.isnan(early.chance())
    assert early.days_needed() is None


@pytest.mark.parametrize(
    ("made", "calendars"),
    [
        pytest.param("2026-01-12T13:15:01Z", ["09 12"], id="after the fixing"),
        pytest.param("2026-01-12T08:15:01-05:00", ["09 12"], id="after the fixing, as New York writes it"),
        pytest.param("2026-01-12T18:00:00Z", ["09 12", "09 13"], id="after a rate that was withdrawn"),
        pytest.param("2026-01-12T18:00:00Z", ["09 13", "09 12 13"], id="after a rate that came in late"),
        pytest.param("2027-01-12T13:00:00Z", ["09 12"], id="a clock that jumped ahead"),
    ],
)
def test_what_is_made_after_the_rate_was_set_is_no_forecast(
    sqlite_ledger: Ledger, make_entry: Make, write: Write, made: str, calendars: list[str]
) -> None:
    """From 14:15 in Frankfurt on nothing counts, however it is dated and the series revised."""
    assert not counted(sqlite_ledger, make_entry, write, made, calendars)


@pytest.mark.parametrize("made", ["2026-01-12T13:14:59Z", "2026-01-12T14:14:59+01:00"])
def test_what_is_made_until_the_rate_is_set_is_one(
    sqlite_ledger: Ledger, make_entry: Make, write: Write, made: str
) -> None:
    """Up to the second before, in any zone."""
    assert counted(sqlite_ledger, make_entry, write, made, ["09 12"])


def counted(ledger: Ledger, make_entry: Make, write: Write, made: str, calendars: list[str]) -> bool:
    """Whether a forecast from 9 January 2026 counts, settled from one series after the other."""
    days = {"origin": "2026-01-09", "known_through": "2026-01-09", "trained_through": "2026-01-01"}
    write(ledger, [make_entry(at=datetime.fromisoformat(made), **days)])
    for version, calendar in enumerate(calendars):
        dates = np.array([f"2026-01-{day}" for day in calendar.split()], dtype="datetime64[D]")
        settle(ledger, Series("EURUSD", dates, 1.1 + 0.1 * np.arange(len(dates)), "simulated"), f"v{version}")
    return bool(settled_days(ledger, "EURUSD"))


def test_a_challenger_that_forecasts_the_past_wins_nothing(
    sqlite_ledger: Ledger, day: Callable[..., list[Entry]], write: Write
) -> None:
    """Seventy days whose outcome the challenger knew, served in one afternoon and dated back, are compared nowhere."""
    past, afternoon = world(seed=3, r2_gap=0.3, n_days=70), datetime(2028, 1, 1, tzinfo=UTC)
    write(sqlite_ledger, [entry for index in range(70) for entry in day(past, index, at=afternoon)])
    assert settle(sqlite_ledger, past.series(70), "v1").new == 70
    with pytest.raises(MissingError, match="no settled forecast"):
        compare_live(settled_days(sqlite_ledger, "EURUSD"), "EURUSD")
