import numpy as np
import pytest

from podium.errors import InputError
from podium.evaluate.economics import max_drawdown, sharpe_ratio, trade_the_sign


def test_a_trade_by_hand() -> None:
    """Long, short, flat, long at 10 basis points: costs 1 + 2 + 1 + 1 units, on simple returns."""
    actual = np.log1p(np.array([0.01, -0.02, 0.03, -0.01]))
    found = trade_the_sign(actual, np.array([1e-5, -3.0, 0.0, 0.2]), cost_bps=10.0)
    assert found.sign.net == pytest.approx([0.01 - 0.001, 0.02 - 0.002, -0.001, -0.01 - 0.001])
    assert found.sign.wealth[-1] == pytest.approx(1.009 * 1.018 * 0.999 * 0.989)
    assert found.sign.turnover == pytest.approx(5 / 4 * 252)
    assert found.days_long == 0.5
    assert found.hold.net == pytest.approx([0.01 - 0.001, -0.02, 0.03, -0.01])
    assert not found.flat.net.any()
    assert found.flat.turnover == 0.0


def test_break_even_is_the_cost_at_which_nothing_is_left() -> None:
    """Traded again at its own break-even cost the sign earns nothing."""
    rng = np.random.default_rng(13)
    actual = 0.005 * rng.standard_normal(500)
    forecast = actual + 0.02 * rng.standard_normal(500)
    cost = trade_the_sign(actual, forecast).break_even_bps
    assert cost is not None
    assert cost > 0
    assert trade_the_sign(actual, forecast, cost_bps=cost).sign.annual_return == pytest.approx(0.0, abs=1e-12)


def test_a_forecast_of_nothing_never_trades() -> None:
    """The random walk has no sign: no turnover, no break-even, and no Sharpe ratio, with a reason."""
    found = trade_the_sign(0.01 * np.ones(100), np.zeros(100))
    assert found.break_even_bps is None
    assert found.sign.sharpe.ratio is None
    assert found.sign.sharpe.lower is None
    assert found.sign.sharpe.reason == "the returns do not vary"


def test_too_few_days_have_no_sharpe_ratio() -> None:
    """Twenty days give no ratio and say how many are needed."""
    found = sharpe_ratio(np.linspace(-0.01, 0.02, 20))
    assert (found.ratio, found.upper) == (None, None)
    assert found.reason == "20 scored days, 30 are needed"


def test_sharpe_error_of_independent_normal_returns_is_lo_2002() -> None:
    """On independent normal returns the half width is Lo's: 1.96 √((1 + S² / 2) / n), annualised."""
    net = 0.01 * np.random.default_rng(14).standard_normal(20_000) + 0.01  # a daily ratio of 1
    found = sharpe_ratio(net)
    daily = net.mean() / net.std()
    assert found.ratio == pytest.approx(np.sqrt(252) * daily)
    assert found.upper is not None
    assert found.lower is not None
    half = np.sqrt(252) * 1.959964 * np.sqrt((1 + daily**2 / 2) / 20_000)
    assert (found.upper - found.lower) / 2 == pytest.approx(half, rel=0.05)


def test_sharpe_interval_covers() -> None:
    """On skewed, fat-tailed worlds of 1,000 days the 95 % interval holds the true ratio 92 to 98 times in 100."""
    rng = np.random.default_rng(15)
    truth = np.sqrt(252) * 0.05
    held = 0
    for _ in range(500):
        draws = rng.gamma(2.0, 1.0, 1000)
        found = sharpe_ratio(0.004 * ((2.0 - draws) / np.sqrt(2.0) + 0.05))
        assert found.lower is not None
        assert found.upper is not None
        held += found.lower <= truth <= found.upper
    assert 0.92 < held / 500 < 0.98


def test_drawdown_counts_from_the_start() -> None:
    """A loss on the first day is a drawdown; the worst fall is from the highest peak before it."""
    assert max_drawdown(np.array([0.9, 0.95])) == pytest.approx(0.1)
    assert max_drawdown(np.array([1.1, 1.2, 0.9, 1.3, 1.1])) == pytest.approx(0.25)
    assert max_drawdown(np.array([1.0, 1.1])) == 0.0


def test_costs_only_hurt() -> None:
    """The dearer the trade, the less the sign earns; holding pays once."""
    rng = np.random.default_rng(16)
    actual, forecast = 0.005 * rng.standard_normal(300), rng.standard_normal(300)
    cheap, dear = (trade_the_sign(actual, forecast, cost_bps=cost) for cost in (0.0, 5.0))
    assert dear.sign.annual_return < cheap.sign.annual_return
    assert (cheap.hold.net - dear.hold.net).sum() == pytest.approx(5e-4)


@pytest.mark.parametrize(
    ("actual", "forecast", "cost", "message"),
    [
        (np.zeros(3), np.zeros(4), 1.0, "3 outcomes and 4 forecasts"),
        (np.zeros(0), np.zeros(0), 1.0, "at least 1"),
        (np.array([np.nan]), np.zeros(1), 1.0, "finite"),
        (np.zeros(3), np.zeros(3), -1.0, "basis points"),
    ],
)
def test_what_cannot_be_traded_is_refused(actual: np.ndarray, forecast: np.ndarray, cost: float, message: str) -> None:
    """Arrays that do not match, holes and negative costs give one line."""
    with pytest.raises(InputError, match=message):
        trade_the_sign(actual, forecast, cost_bps=cost)
