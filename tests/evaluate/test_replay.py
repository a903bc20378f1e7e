import dataclasses
from itertools import pairwise

import numpy as np
import pytest

from podium.errors import InputError, SettingError
from podium.evaluate.policy import POLICIES
from podium.evaluate.replay import month_ends, replay
from podium.records import Dates, Floats, Forecasts


@dataclasses.dataclass(frozen=True)
class Panel:
    """Forecasts of several contestants for the same days."""

    origins: Dates
    target_dates: Dates
    actual: Floats
    forecasts: dict[str, Floats]

    @property
    def rows(self):
        """As stored runs have them."""
        days = self.origins, self.target_dates, self.actual
        return {name: Forecasts(*days, values) for name, values in self.forecasts.items()}


def replay_all(panel):
    """Under every policy, by its name."""
    return {policy: replay(panel.rows, policy) for policy in POLICIES}


def business_days(n_days):
    """Days of about twenty-one a month."""
    return np.busday_offset("2010-01-01", np.arange(n_days + 1), roll="forward").astype("datetime64[D]")


@pytest.fixture
def panel():
    """Six years in which `A` and `B` are equally good and `C` is far worse."""
    rng = np.random.default_rng(30)
    days, actual = business_days(1500), rng.standard_normal(1500)
    noise = rng.standard_normal((3, 1500))
    return Panel(days[:-1], days[1:], actual, {"A": 0.1 * noise[0], "B": 0.1 * noise[1], "C": 0.8 * noise[2]})


def test_the_replay_adds_up_day_by_day(panel):
    """Losses, changes and regrets equal those of a slow loop over the days that knows only who reigned when."""
    found = replay(panel.rows, "rmse")
    holder = {}
    for reign in found.reigns:
        inside = (panel.target_dates > reign.since) & (panel.target_dates <= reign.until)
        assert inside.sum() == reign.n_days
        holder |= dict.fromkeys(np.flatnonzero(inside), reign.champion)
    assert sorted(holder) == list(range(1500 - found.served_days, 1500))
    served = sum((panel.actual[day] - panel.forecasts[name][day]) ** 2 for day, name in holder.items())
    walk = sum(panel.actual[day] ** 2 for day in holder)
    always_a = sum((panel.actual[day] - panel.forecasts["A"][day]) ** 2 for day in holder)
    assert found.loss_vs_random_walk == pytest.approx(served / walk - 1)
    assert found.loss_vs_contestant["A"] == pytest.approx(served / always_a - 1)
    assert found.cumulative_gain[-1] == pytest.approx(walk - served)
    assert found.rmse == pytest.approx(np.sqrt(served / len(holder)))
    regrets = 0
    for before, after in pairwise(found.reigns):
        days = [day for day in holder if after.since < panel.target_dates[day] <= after.until]
        loss = {n: sum((panel.actual[d] - panel.forecasts[n][d]) ** 2 for d in days) for n in panel.forecasts}
        regrets += loss[before.champion] < loss[after.champion]
    assert (found.title_changes, found.regretted) == (len(found.reigns) - 1, regrets)


def test_the_title_goes_by_rmse_of_the_trailing_window(panel):
    """At each look the champion is the contestant with the lowest RMSE over the trailing days, computed afresh."""
    found = replay(panel.rows, "rmse", trailing_days=120)
    looks = month_ends(panel.target_dates, 120)
    for look in looks:
        days = slice(look - 119, look + 1)
        best = min(panel.forecasts, key=lambda name: np.mean((panel.actual[days] - panel.forecasts[name][days]) ** 2))
        day = panel.target_dates[look + 1]
        assert next(r.champion for r in found.reigns if r.since < day <= r.until) == best


@pytest.mark.parametrize("policy", ["rmse", "significant"])
def test_no_decision_looks_ahead(panel, policy):
    """Turning round everything after a title was taken changes no title up to then, nor its day."""
    decayed = np.where(np.arange(1500) < 252, 0.3 * panel.actual, 4 * panel.forecasts["A"])
    panel = dataclasses.replace(panel, forecasts=panel.forecasts | {"A": decayed})
    taken = replay(panel.rows, policy).reigns[1].since
    look = int(np.flatnonzero(panel.target_dates == taken)[0])
    after = np.arange(1500) > look
    turned = dataclasses.replace(
        panel,
        actual=np.where(after, 5 * panel.actual[::-1], panel.actual),
        forecasts={name: np.where(after, -3 * values, values) for name, values in panel.forecasts.items()},
    )
    known = [
        [(r.champion, r.since) for r in replay(each.rows, policy).reigns if r.since <= taken]
        for each in (panel, turned)
    ]
    assert known[0] == known[1]
    assert len(known[0]) == 2


def test_noise_changes_the_title_by_rmse_and_not_by_significance(panel):
    """Between equals the title goes to and fro by RMSE; under `significant` it stays, and the bad one never has it."""
    found = replay_all(panel)
    assert found["rmse"].title_changes >= 5
    assert found["significant"].title_changes == 0
    assert found["significant"].looks == found["rmse"].looks == 58
    assert {reign.champion for reign in found["rmse"].reigns} <= {"A", "B"}
    assert sum(found["rmse"].verdicts.values()) == 58


def test_significance_moves_when_the_champion_decays(panel):
    """A champion that turns bad halfway is replaced, once, and the change is not regretted."""
    decayed = panel.forecasts["A"].copy()
    decayed[:252] = 0.3 * panel.actual[:252]
    decayed[600:] *= 8
    found = replay(dataclasses.replace(panel, forecasts=panel.forecasts | {"A": decayed}).rows, "significant")
    assert [reign.champion for reign in found.reigns] == ["A", "B"]
    assert found.regretted == 0
    assert found.verdicts.get("degraded", 0) + found.verdicts.get("promoted", 0) >= 1


def test_a_lone_contestant_is_its_own_replay(panel):
    """With one contestant the title never moves and the served loss is its own."""
    lone = dataclasses.replace(panel, forecasts={"A": panel.forecasts["A"]})
    for found in replay_all(lone).values():
        assert found.title_changes == 0
        assert found.loss_vs_contestant["A"] == 0


def test_the_last_month_is_not_looked_at(panel):
    """Looks are the last days of months that are over, from the first with a full window."""
    looks = month_ends(panel.target_dates, 252)
    months = panel.target_dates.astype("datetime64[M]")
    assert looks[0] >= 251
    assert (months[looks + 1] > months[looks]).all()
    assert months[looks[-1]] < months[-1]


def test_contestants_of_other_days_are_not_replayed(panel):
    """Who was scored on other days is named, and nobody at all is refused."""
    short = panel.rows | {"B": panel.rows["B"].part(slice(1, None))}
    with pytest.raises(InputError, match="B was scored on other days"):
        replay(short, "rmse")
    with pytest.raises(InputError, match="nothing to replay"):
        replay({}, "rmse")


def test_too_few_days_and_unknown_policies_are_refused(panel):
    """Each gives one line that names what is wrong."""
    with pytest.raises(InputError, match="too few for two month ends"):
        replay(panel.rows, "rmse", trailing_days=1490)
    with pytest.raises(SettingError, match="no such policy"):
        replay(panel.rows, "luck")


def test_a_day_that_chose_the_champion_is_no_evidence_for_it(panel, monkeypatch):
    """Evidence begins with the forecast made at the close of the last day that the look could see."""
    from podium.evaluate import replay as room

    seen = []

    def watched(skills, evidence, *, incumbent, **asked):
        found = decide(skills, evidence, incumbent=incumbent, **asked)
        seen.append((incumbent, max(evidence["A"].target_dates), found.comparisons))
        return found

    decide = room.decide
    monkeypatch.setattr(room, "decide", watched)
    replay(panel.rows, "significant")
    (_, first_look, _), (incumbent, second_look, comparisons) = seen[:2]
    assert incumbent.since == first_look
    between = (panel.target_dates > first_look) & (panel.target_dates <= second_look)
    assert {item.n_days for item in comparisons} == {int(between.sum())}


def test_the_loss_against_the_random_walk_has_its_t(panel):
    """The t statistic is that of the daily differences of squared errors: positive where serving lost."""
    found = replay(panel.rows, "rmse")
    differences = np.diff(found.cumulative_gain, prepend=0.0)
    plain = -differences.mean() / (differences.std() / np.sqrt(len(differences)))
    assert np.sign(found.t_vs_random_walk) == np.sign(found.loss_vs_random_walk)
    assert found.t_vs_random_walk == pytest.approx(plain, rel=0.15)  # unforecastable differences: lags add little
    nothing = dataclasses.replace(panel, forecasts={"A": np.zeros(1500)})
    assert replay(nothing.rows, "rmse").t_vs_random_walk is None


def test_a_series_that_never_moves_has_no_ratio(panel):
    """Without a loss of the random walk there is nothing to divide by."""
    still = dataclasses.replace(panel, actual=np.zeros(1500))
    found = replay(still.rows, "rmse")
    assert (found.loss_vs_random_walk, found.t_vs_random_walk) == (None, None)


def test_twenty_years_of_euro_dollar_change_champion_dozens_of_times_by_rmse():
    """On the ECB's rates mean, AR(1) and six lags, refitted monthly on 1,250 days, change places 20 to 90 times.

    Under `significant` the first champion, the mean, stays; always serving it costs less than chasing the RMSE.
    """
    from podium.data.fetch import fetch_series
    from podium.settings import Settings

    found = replay_all(rolling(fetch_series(Settings.load({"source": "ecb"})).series))
    assert 20 <= found["rmse"].title_changes <= 90
    assert found["significant"].title_changes <= 2
    assert found["significant"].loss_vs_random_walk < found["rmse"].loss_vs_random_walk


def rolling(series, window=1250, n_lags=6):
    """Forecasts of the mean, AR(1) and six lags by least squares on the last `window` days, refitted each month."""
    returns = np.diff(np.log(series.closes))
    X = np.column_stack([np.ones(len(returns) - n_lags)] + [returns[n_lags - 1 - k : -1 - k] for k in range(n_lags)])
    target, origins, targets = returns[n_lags:], series.dates[n_lags:-1], series.dates[n_lags + 1 :]
    months = targets.astype("datetime64[M]")
    starts = [window, *(np.flatnonzero(months[window + 1 :] != months[window:-1]) + window + 1), len(target)]
    forecasts = {name: np.zeros(len(target)) for name in ("mean", "ar_1", "lags_6")}
    for start, stop in pairwise(starts):
        for name, columns in (("mean", 1), ("ar_1", 2), ("lags_6", 7)):
            past = X[start - window : start, :columns]
            beta = np.linalg.lstsq(past, target[start - window : start], rcond=None)[0]
            forecasts[name][start:stop] = X[start:stop, :columns] @ beta
    scored = slice(window, None)
    return Panel(origins[scored], targets[scored], target[scored], {n: f[scored] for n, f in forecasts.items()})
