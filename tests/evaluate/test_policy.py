import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.errors import InputError, SettingError
from podium.evaluate.evidence import prove
from podium.evaluate.policy import Incumbent, decide
from podium.evaluate.significance import point_scores
from podium.records import Forecasts

DAYS = np.arange(np.datetime64("2015-01-01"), np.datetime64("2015-01-01") + 3001)


def forecasts(actual, forecast, first=0):
    """Rows for consecutive days."""
    days = DAYS[first : first + len(actual)]
    return Forecasts(days, days + 1, actual, forecast)


def hold(contestants, evidence=None, alpha_of_proof=0.05, **asked):
    """A championship of these forecasts, which are their own evidence unless other is given."""
    proofs = {name: prove(name, rows, alpha_of_proof) for name, rows in contestants.items()}
    skills = {name: point_scores(rows.actual, rows.forecast) for name, rows in contestants.items()}
    return decide(skills, {**contestants, **(evidence or {})}, proofs=proofs, **asked)


@pytest.fixture
def field():
    """Two thousand days: `Good` has an R² of 20 %, `Weak` 15 %, `Noise` -30 %, `Twin` is `Good` again."""
    rng = np.random.default_rng(20)
    signal, noise = rng.standard_normal((2, 2000))
    actual = np.sqrt(0.2) * signal + np.sqrt(0.8) * noise
    return {
        "Good": forecasts(actual, np.sqrt(0.2) * signal),
        "Weak": forecasts(actual, np.sqrt(0.2) * 0.5 * signal),
        "Noise": forecasts(actual, np.sqrt(0.3) * rng.standard_normal(2000)),
    }


def test_by_rmse_the_lowest_takes_the_title_and_the_rest_follow_in_order(field):
    """Aliases are given by rank, and the verdict is `promoted`."""
    found = hold(field)
    assert found.podium == found.ranking == ("Good", "Weak", "Noise")
    assert found.aliases == {"Good": "champion", "Weak": "challenger", "Noise": "candidate"}
    assert (found.verdict, found.champion) == ("promoted", "Good")


def test_by_rmse_an_equal_incumbent_keeps_the_title(field):
    """Of two with the same RMSE the incumbent is first, whatever its name; without one the name decides."""
    twins = {"A": field["Good"], "B": field["Good"]}
    assert hold(twins).champion == "A"
    found = hold(twins, incumbent=Incumbent("B", DAYS[0]))
    assert (found.champion, found.verdict) == ("B", "held")
    assert found.reason.startswith("B stays champion")


def test_a_first_place_is_promoted_only_at_the_alpha_that_is_its_own(field):
    """The word is `promoted` where the anytime-valid p-value is within the recipe's share, else `unproven`."""
    weak = {"Weak": field["Weak"]}
    p_value = prove("Weak", field["Weak"], 0.05).p_value
    assert 0 < p_value < 0.05
    words = [hold(weak, alpha_of_proof=share).verdict for share in (0.05, p_value * 1e-3)]
    assert words == ["promoted", "unproven"]


def test_a_first_place_that_does_not_beat_the_random_walk_is_unproven(field):
    """The title is given, the word is `unproven`, and the reason says what p was needed."""
    rng = np.random.default_rng(21)
    actual = field["Good"].actual
    lone = {"Lone": forecasts(actual, 0.05 * rng.standard_normal(2000))}
    for policy in ("rmse", "significant"):
        found = hold(lone, policy=policy)
        assert (found.verdict, found.champion) == ("unproven", "Lone")
        assert "beats the random walk is not proven over the 2000 days of evidence" in found.reason
    assert "they make the same error every day" in hold({"Walk": forecasts(actual, np.zeros(2000))}).reason


def test_significance_moves_the_title_to_a_challenger_beyond_doubt(field):
    """After years behind, the incumbent gives way; the reason names days and p."""
    found = hold(field, policy="significant", incumbent=Incumbent("Weak", DAYS[0]))
    assert (found.verdict, found.champion) == ("promoted", "Good")
    assert "Good is better than Weak over the 2000 days" in found.reason
    assert [item.rival for item in found.comparisons] == ["Good", "Noise", "random_walk"]


def test_significance_counts_only_the_days_since_the_title(field):
    """The same field with a title of 100 days ago holds: earlier days chose the champion and are no evidence."""
    found = hold(field, policy="significant", incumbent=Incumbent("Weak", DAYS[1900]))
    assert (found.verdict, found.champion) == ("held", "Weak")
    assert found.ranking[0] == "Good"
    assert found.podium == ("Weak", "Good", "Noise")
    assert {item.n_days for item in found.comparisons} == {100}


@pytest.mark.parametrize(("since", "n_days"), [(DAYS[1960], 40), (None, 0), (DAYS[2500], 0)])
def test_significance_holds_while_there_is_too_little_evidence(field, since, n_days):
    """A fresh title, one of unknown age and one of the future hold, and the reason says how many days there are."""
    found = hold(field, policy="significant", incumbent=Incumbent("Weak", since))
    assert (found.verdict, found.champion) == ("held", "Weak")
    assert f"{n_days} days of evidence since the title; at least 60 are needed" in found.reason
    assert not found.comparisons[0].decisive


def test_a_degraded_incumbent_gives_way_to_one_that_is_not(field):
    """Under both policies the word is `degraded`; `significant` hands the title on though no challenger is decisive."""
    rng = np.random.default_rng(23)
    actual = field["Good"].actual
    noises = np.sqrt(0.1) * rng.standard_normal((2, 2000))
    close, bad = sorted(noises, key=lambda values: np.mean((actual - values) ** 2))
    wild = np.where(np.arange(2000) == 1000, 40.0, 0.0)  # one huge error: worse on average, and not beyond doubt
    close = {"Bad": forecasts(actual, bad), "Close": forecasts(actual, close), "Wild": forecasts(actual, wild)}
    found = hold(close, policy="significant", incumbent=Incumbent("Bad", DAYS[0]))
    assert [(item.rival, item.decisive) for item in found.comparisons][-1] == ("random_walk", True)
    assert {item.rival: item.mean_difference > 0 for item in found.comparisons}["Close"]
    assert found.verdict == "degraded"
    assert (found.champion, "worse than the random walk beyond doubt" in found.reason) == ("Bad", True)
    assert "forecast no change" in found.reason
    with_mean = close | {"Mean": forecasts(actual, np.full(2000, 1e-3))}
    found = hold(with_mean, policy="significant", incumbent=Incumbent("Bad", DAYS[0]))
    assert (found.verdict, found.champion) == ("degraded", "Mean")
    found = hold(with_mean, policy="rmse", incumbent=Incumbent("Bad", DAYS[0]))
    assert (found.verdict, found.champion) == ("degraded", "Mean")
    assert "title Bad -> Mean" in found.reason


@pytest.mark.parametrize("policy", ["rmse", "significant"])
def test_a_leak_stops_everything(field, policy):
    """No alias moves, the incumbent stays, and the suspect is named."""
    found = hold(field, policy=policy, incumbent=Incumbent("Weak", DAYS[0]), leaks=("Good",))
    assert (found.verdict, found.champion, found.podium, found.aliases) == ("leak", "Weak", (), {})
    assert found.reason == "Good: too good to be true; no alias moved, Weak stays champion"
    assert hold(field, leaks=("Good",)).champion is None


def test_an_accepted_leak_is_recorded(field):
    """With the responsibility taken the championship goes on, and the reason says that it was."""
    found = hold(field, leaks=("Good",), accepted=("Good",))
    assert (found.verdict, found.champion) == ("promoted", "Good")
    assert found.reason.endswith("too good to be true, and accepted: Good")
    assert "accepted" not in hold(field, accepted=("Good",)).reason
    assert hold(field, leaks=("Good", "Weak"), accepted=("Good",)).verdict == "leak"


def test_a_champion_that_no_longer_takes_part_leaves_the_title_vacant(field):
    """The title goes by RMSE, as at the first championship."""
    found = hold(field, policy="significant", incumbent=Incumbent("Gone", DAYS[0]))
    assert (found.verdict, found.champion) == ("promoted", "Good")


def test_a_title_that_is_left_where_it_is_keeps_what_was_said(field):
    """The holder stays in front, the word is `held`, and the reason says what the championship would have decided."""
    found = hold(field).left_with("Noise", "pinned")
    assert (found.champion, found.verdict, found.podium) == ("Noise", "held", ("Noise", "Good", "Weak"))
    assert found.reason.startswith("pinned. Else: promoted, Good has the lowest RMSE")
    absent = hold(field).left_with("Gone", "pinned")
    assert (absent.podium[0], absent.reason) == ("Gone", "pinned")


@given(st.integers(0, 2**32 - 1), st.sampled_from(["rmse", "significant"]), st.permutations(["A", "B", "C", "D"]))
@settings(max_examples=25, deadline=None)
def test_the_order_in_which_contestants_are_named_does_not_matter(seed, policy, order):
    """Any order of the same contestants gives the same decision."""
    rng = np.random.default_rng(seed)
    actual = rng.standard_normal(150)
    given_ = {name: forecasts(actual, 0.3 * rng.standard_normal(150)) for name in "ABCD"}
    incumbent = Incumbent("B", DAYS[20])
    plain = hold(given_, policy=policy, incumbent=incumbent)
    assert hold({name: given_[name] for name in order}, policy=policy, incumbent=incumbent) == plain
    assert set(plain.podium) == set("ABCD")


def test_the_level_is_shared_by_the_challengers_and_the_random_walk(field):
    """Four fifths to the challengers in equal parts, a fifth to the random walk; all together they spend the alpha."""
    found = hold(field, policy="significant", incumbent=Incumbent("Weak", DAYS[0]), alpha=0.10)
    levels = {item.rival: item.alpha for item in found.comparisons}
    assert levels == pytest.approx({"Good": 0.04, "Noise": 0.04, "random_walk": 0.02})


def test_the_evidence_of_a_late_contestant_starts_with_it(field):
    """A challenger with fewer days is compared on the days that both have."""
    since = {"Late": forecasts(field["Good"].actual[1000:], field["Good"].forecast[1000:], first=1000)}
    found = hold(field | {"Late": field["Good"]}, since, policy="significant", incumbent=Incumbent("Weak", DAYS[0]))
    assert {item.rival: item.n_days for item in found.comparisons}["Late"] == 1000


def test_the_ranking_is_of_this_championship_and_the_evidence_of_the_record(field):
    """Recorded forecasts decide who is better since the title, and change no RMSE and no rank."""
    swapped = {"Good": field["Noise"], "Noise": field["Good"]}
    incumbent = Incumbent("Weak", DAYS[0])
    plain = hold(field, policy="significant", incumbent=incumbent)
    found = hold(field, evidence=swapped, policy="significant", incumbent=incumbent)
    assert found.ranking == plain.ranking
    assert (plain.champion, found.champion) == ("Good", "Noise")


def test_bad_input_is_one_clear_line(field):
    """A policy that does not exist, an alpha outside (0, 1), nobody."""
    with pytest.raises(SettingError, match=r"policy 'best'.*choose one of rmse, significant"):
        hold(field, policy="best")
    with pytest.raises(InputError, match="between 0 and 1"):
        hold(field, alpha=1.0)
    with pytest.raises(InputError, match="no contestant"):
        hold({})
