"""A championship that never was, seeded, whose every figure can be computed again here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from podium.evaluate.conformal import STATES
from podium.evaluate.interval_scores import COVERAGES
from podium.evaluate.judgement import Judgement, Standing
from podium.evaluate.metrics import directional_accuracy, mae, rmse
from podium.records import DataVersion, Forecasts, Interval, NextDay, Series
from podium.report.scene import Scene

N_DAYS, SIGMA = 420, 0.005
SKILL = {"LinearRegression": 0.15, "ARIMA": 0.0, "LSTM": -0.2}  # share of the outcome in the forecast
ALONE = "1 misses in 420 days: whether they cluster cannot be told"
ALIASES = ("champion", "challenger", "candidate")
VOID = {"meta", "link", "br", "hr", "img", "input", "wbr", "line", "rect", "path", "circle"}

THIRDS = [f"{state}_{coverage}" for coverage in (80, 95) for state in STATES]


@dataclasses.dataclass
class Element:
    """A tag with its attributes and the text directly or deeply inside."""

    tag: str
    attributes: dict[str, str]
    parents: tuple[str, ...]
    text: str = ""


class Page(HTMLParser):
    """A parsed page: its elements in order, and that every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        assert [element.tag for element in self._open] == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {k: v or "" for k, v in attrs}, tuple(parent.tag for parent in self._open))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        parents = tuple(parent.tag for parent in self._open)
        self.elements.append(Element(tag, {k: v or "" for k, v in attrs}, parents))

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str, **wanted: str) -> list[Element]:
        return [e for e in self.elements if e.tag == tag and wanted.items() <= e.attributes.items()]

    def one(self, **wanted: str) -> Element:
        (found,) = [e for e in self.elements if wanted.items() <= e.attributes.items()]
        return found

    @property
    def words(self) -> str:
        """What a person reads, a line a block."""
        return " ".join(self.all("body")[0].text.split())


@pytest.fixture(scope="session")
def parse() -> Callable[[str], Page]:
    """`parse(html)`: the page, every tag closed."""
    return Page


def make_forecasts() -> dict[str, Forecasts]:
    """One contestant that knows a little, one that says nothing much, one that knows the wrong thing."""
    rng = np.random.default_rng(11)
    days = np.busday_offset("2024-12-02", np.arange(N_DAYS + 1)).astype("datetime64[D]")
    actual = rng.standard_t(6, N_DAYS) * SIGMA / np.sqrt(1.5)
    made = {}
    for name, share in SKILL.items():
        forecast = abs(share) * 0.3 * (np.sign(share) * actual + rng.normal(0, SIGMA, N_DAYS))
        bounds = {}
        for alpha, half in zip(COVERAGES, (1.3, 2.1), strict=True):
            bounds[f"lower_{100 * alpha:.0f}"] = forecast - half * SIGMA
            bounds[f"upper_{100 * alpha:.0f}"] = forecast + half * SIGMA
        for density in ("", "rolling_"):
            bounds |= {f"{density}sigma": np.full(N_DAYS, SIGMA), f"{density}df": np.full(N_DAYS, 6.0)}
        made[name] = Forecasts(days[:-1], days[1:], actual, forecast, {**bounds, "pit": rng.uniform(size=N_DAYS)})
    return made


def make_standing(name: str, rows: Forecasts, place: int) -> Standing:
    """Scores as they are; tests as if they had been computed, with two that could not."""
    walk = float(np.sqrt(np.mean(rows.actual**2)))
    error = rmse(rows.actual, rows.forecast)
    inside = {
        alpha: float(
            np.mean((rows.actual >= rows.bounds[f"lower_{alpha}"]) & (rows.actual <= rows.bounds[f"upper_{alpha}"]))
        )
        for alpha in ("80", "95")
    }
    direction = directional_accuracy(rows.actual, rows.forecast)
    figures = {
        "family": name,
        "model_name": f"EURUSD_{name}",
        "model_version": place + 2,
        "run_id": f"{place:032x}",
        "alias": ALIASES[place],
        "rmse": error,
        "ratio_to_random_walk": error / walk,
        "r2_oos": 1 - (error / walk) ** 2,
        "mae": mae(rows.actual, rows.forecast),
        "directional_accuracy": direction if np.isfinite(direction) else None,
        "dm_p": (0.0412, 0.5173, None)[place],
        "clark_west_p": (0.0124, 0.4018, 0.9316)[place],
        "pesaran_timmermann_p": (0.0871, None, 0.7254)[place],
        "in_mcs": (True, True, False)[place],
        "coverage_80": inside["80"],
        "coverage_95": inside["95"],
        "crps": 0.0026 + place / 1e5,
        "crps_skill": 0.0171 - place / 1e3,
        "crps_skill_t": 4.9 - place,
        "volatility_model": "log_mean",
        "benchmark": "rolling",
        "by_volatility": dict(zip(THIRDS, (0.79, 0.81, 0.82, 0.94, 0.955, 0.96), strict=True)),
        "league": {"constant": -0.0095, "rolling": 0.0, "ewma": 0.0069, "garch": 0.0079, "gjr": 0.008, "har": 0.0071},
        "quantile_loss_80": 0.0009 + place / 2e5,
        "quantile_loss_95": 0.0003 + place / 8e5,
        "dq_p_80": 0.5213,
        "dq_p_95": (0.1931, 0.0212, None)[place],
        "fit_seconds": 1.0,
        "forecast_seconds": 0.1,
        "width_80": 2.6 * SIGMA,
        "width_95": 4.2 * SIGMA,
        "winkler_80": 0.0181 + place / 1e4,
        "winkler_95": 0.0263 + place / 1e4,
        "kupiec_p_80": 0.4312,
        "kupiec_p_95": 0.8125,
        "independence_p_80": 0.2963,
        "independence_p_95": (0.1277, 0.0034, None)[place],
        "christoffersen_p_80": 0.3941,
        "christoffersen_p_95": (0.2876, 0.0131, None)[place],
        "untested": (
            {},
            {"pesaran_timmermann_p": "it names one direction only"},
            {
                "dm_p": "they make the same error",
                **dict.fromkeys(("independence_p_95", "christoffersen_p_95", "dq_p_95"), ALONE),
            },
        )[place],
    }
    return Standing.from_flat(figures)


@pytest.fixture
def make_scene() -> Callable[..., Scene]:
    """`make_scene(verdict="leak", alpha=0.1)`: the scene with fields of the judgement or of the scene changed."""

    def make(rename: dict[str, str] | None = None, **changes: Any) -> Scene:
        forecasts = make_forecasts()
        order = sorted(forecasts, key=lambda name: rmse(forecasts[name].actual, forecasts[name].forecast))
        rows = [make_standing(name, forecasts[name], place) for place, name in enumerate(order)]
        for before, after in (rename or {}).items():
            forecasts[after] = forecasts.pop(before)
            rows = [
                dataclasses.replace(row, family=after, model_name=f"EURUSD_{after}") if row.family == before else row
                for row in rows
            ]
        any_rows = next(iter(forecasts.values()))
        returns = any_rows.actual
        walk = {"rmse": float(np.sqrt(np.mean(returns**2))), "mae": float(np.abs(returns).mean())}
        judgement = Judgement(
            pair="EURUSD",
            data_version=DataVersion("test", "EURUSD", np.datetime64("2026-07-13"), "0a1b2c3d"),
            scored_days=f"{any_rows.origins[0]}..{any_rows.origins[-1]}:{N_DAYS}",
            n_scored_days=N_DAYS,
            policy="rmse",
            alpha=0.05,
            verdict="unproven",
            reason=f"{rows[0].family} has the lowest RMSE",
            champion=rows[0].model_name,
            champion_version=rows[0].model_version,
            title_data_day="2026-07-13",
            random_walk_in_mcs=True,
            recipes_tried=len(rows),
            alpha_needed=0.05 / len(rows),
            proven=False,
            minimum_detectable_r2=0.0566,
            baselines={"persistence": {"rmse": walk["rmse"] * 1.4, "mae": 0.005}, "random_walk": walk},
            ranking=tuple(rows),
            key="0123456789abcdef",
        )
        fields = {field.name for field in dataclasses.fields(Judgement)}
        if "alpha" in changes:
            needed = changes["alpha"] / len(rows)
            changes = {
                "alpha_needed": needed,
                "proven": (rows[0].skill.diebold_mariano.p_value or 1.0) <= needed,
                **changes,
            }
        judgement = dataclasses.replace(judgement, **{k: v for k, v in changes.items() if k in fields})
        closes = 1.1 * np.exp(np.concatenate([[0.0], np.cumsum(returns)]))
        dates = np.append(any_rows.origins, any_rows.target_dates[-1])
        last = float(closes[-1])
        scene = Scene(
            judgement=judgement,
            forecasts=forecasts,
            series=Series("EURUSD", dates, closes, "test"),
            next_day=NextDay(
                pair="EURUSD",
                origin=dates[-1].item(),
                target_date=np.busday_offset(dates[-1], 1).item(),
                close=last,
                forecast=0.0002,
                interval=Interval(
                    origin=dates[-1].item(),
                    reach={"lower_80": 0.0063, "upper_80": 0.0063, "lower_95": 0.0105, "upper_95": 0.0105},
                    sigma=0.005,
                    df=6.0,
                    volatility_model="log_mean",
                ),
                model_name=rows[0].model_name,
                model_version=rows[0].model_version,
                data_version=DataVersion("test", "EURUSD", np.datetime64("2026-07-13"), "0a1b2c3d"),
                probability_of_rise=0.513,
            ),
            written_at=datetime(2026, 7, 14, 6, 30, tzinfo=UTC),
            versions={"podium": "1.2.3", "Python": "3.11.4"},
        )
        return dataclasses.replace(scene, **{k: v for k, v in changes.items() if k not in fields})

    return make
