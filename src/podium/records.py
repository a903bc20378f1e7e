"""Frozen values passed between rooms. They hold data and say nothing about where it goes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
else:

    class _Numpy:
        """Imported when something of it is asked for: processes that only watch or serve pages know these words too."""

        def __getattr__(self, name: str) -> Any:
            import numpy as np

            return getattr(np, name)

    np = _Numpy()

Dates: TypeAlias = "NDArray[np.datetime64]"
Floats: TypeAlias = "NDArray[np.float64]"

PAIR_PATTERN = re.compile(r"[A-Z]{6}")
FAMILY_PATTERN = re.compile(r"[\w.-]+")

ALIASES = ("champion", "challenger", "candidate")
"""Exclusive over all models of a pair, the best first."""
CHAMPION = ALIASES[0]


def rate_digits(rate: float) -> int:
    """Decimal places that a rate is written with: six digits in all and at least two decimals, `20,120.98`."""
    exponent = math.floor(math.log10(rate))
    return max(2, 5 - exponent) if exponent >= 0 else 4 - exponent


def slashed(pair: str) -> str:
    """`EUR/USD`, as people write a pair."""
    return f"{pair[:3]}/{pair[3:]}"


class Tabular:
    """A value that is naturally a table, which a notebook shows as one."""

    __slots__ = ()

    def to_frame(self) -> pd.DataFrame:
        """The value as a table."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(max_rows=20))


class Row(Protocol):
    """What a `Table` holds."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values by name."""


Row_co = TypeVar("Row_co", bound=Row, covariant=True)


class Table(tuple[Row_co, ...], Tabular):
    """Values of one kind, in order."""

    __slots__ = ()

    def to_frame(self) -> pd.DataFrame:
        """A row a value, a column a field."""
        import pandas as pd

        return pd.DataFrame([row.as_dict() for row in self])


@dataclass(frozen=True, slots=True)
class Series(Tabular):
    """Daily closes of one currency pair.

    Attributes:
        pair: six capital letters, `EURUSD`: USD per 1 EUR.
        dates: shape (n_days,), `datetime64[D]`, strictly increasing.
        closes: shape (n_days,), positive and finite.
        source: short name of the provider, `ecb`.
        extras: further columns by name, each of shape (n_days,), such as `high`.
    """

    pair: str
    dates: Dates
    closes: Floats
    source: str
    extras: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.dates)

    def to_frame(self) -> pd.DataFrame:
        """A row a day: `close`, then the further columns."""
        import pandas as pd

        return pd.DataFrame({"close": self.closes, **self.extras}, index=pd.Index(self.dates, name="date"))

    def until(self, n_days: int) -> Series:
        """The first `n_days` days: what was known at the close of day `n_days - 1`."""
        return self.part(slice(n_days))

    def part(self, days: slice) -> Series:
        """Some of its days."""
        extras = {name: column[days] for name, column in self.extras.items()}
        return replace(self, dates=self.dates[days], closes=self.closes[days], extras=extras)


@dataclass(frozen=True, slots=True)
class DataVersion:
    """Names exactly one series; its text `ecb-EURUSD-2026-10-30-3f2a9c1b` stands in tags and files only.

    Attributes:
        source: short name of the provider, `ecb`.
        pair: six capital letters.
        last_day: of the series, `datetime64[D]`.
        digest: the first eight digits of the SHA-256 over its content.
    """

    source: str
    pair: str
    last_day: np.datetime64
    digest: str

    @property
    def day(self) -> date:
        """Last day of the series."""
        return date.fromisoformat(str(self.last_day))

    def __str__(self) -> str:
        """As it stands in tags and files."""
        return f"{self.source}-{self.pair}-{self.last_day}-{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The value that a tag or file holds as text.

        Raises:
            ValueError: it is not a data version.
        """
        source, pair, *day, digest = text.rsplit("-", 5)  # a source's name may hold dashes
        return cls(source, pair, np.datetime64(date.fromisoformat("-".join(day)), "D"), digest)

    @classmethod
    def of_tags(cls, tags: Mapping[str, str]) -> Self | None:
        """What the tag `data_version` names; None where there is none, or somebody wrote another word there."""
        try:
            return cls.parse(tags.get("data_version", ""))
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class ModelName:
    """Name of a registered model, `EURUSD_LSTM`: made and taken apart here only.

    Attributes:
        pair: six capital letters.
        family: model family, `LSTM`.
    """

    pair: str
    family: str

    def __str__(self) -> str:
        """As the registry has it."""
        return f"{self.pair}_{self.family}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The parts of a registered model's name.

        Raises:
            ValueError: it is not named as Podium names models.
        """
        pair, _, family = text.partition("_")
        if not (PAIR_PATTERN.fullmatch(pair) and FAMILY_PATTERN.fullmatch(family)):
            raise ValueError(f"{text!r} is not <PAIR>_<Family>")
        return cls(pair, family)


@dataclass(frozen=True, slots=True)
class FeatureTable(Tabular):
    """What every contestant sees: one row an origin, the same columns for all.

    Attributes:
        pair: six capital letters.
        data_version: of the series that the table was made from.
        origins: shape (n_origins,), `datetime64[D]`; row i uses only what was known at its close.
        target_dates: shape (n_origins,), `datetime64[D]`, the next trading day; NaT where it is still to come.
        names: shape (n_features,), the columns of X: `lag_0` .. `lag_<W-1>`, `ma_5`, then extras.
        values: shape (n_origins, n_features), float64.
        target: shape (n_origins,), log return from the origin's close to the next; NaN where it is still to come.
    """

    pair: str
    data_version: DataVersion
    origins: Dates
    target_dates: Dates
    names: tuple[str, ...]
    values: Floats
    target: Floats

    def __len__(self) -> int:
        return len(self.origins)

    def to_frame(self) -> pd.DataFrame:
        """X, which every model takes: named float64 columns, one row an origin."""
        import pandas as pd

        return pd.DataFrame(self.values, columns=list(self.names), index=pd.Index(self.origins, name="origin"))


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Out-of-sample forecasts of one contestant, one row a scored day; enough to compute every score again.

    Attributes:
        origins: shape (n_scored,), `datetime64[D]`, the day at whose close each forecast was made.
        target_dates: shape (n_scored,), `datetime64[D]`, the day that was forecast.
        actual: shape (n_scored,), realised log returns.
        forecast: shape (n_scored,), forecast log returns, each from a model that had not seen its day.
        bounds: further columns by name, each of shape (n_scored,), such as `lower_80`.
    """

    origins: Dates
    target_dates: Dates
    actual: Floats
    forecast: Floats
    bounds: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.origins)

    def part(self, days: slice | NDArray[np.bool_]) -> Forecasts:
        """Some of its days; a mask has shape (n_scored,)."""
        bounds = {name: column[days] for name, column in self.bounds.items()}
        rows = self.origins[days], self.target_dates[days], self.actual[days], self.forecast[days]
        return Forecasts(*rows, bounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalState:
    """What an interval has learnt up to its origin; see `podium.evaluate.intervals`.

    Attributes:
        variances: forecast by each volatility model.
        fits: parameters of each volatility model, as last fitted.
        lift: how many times wider than they say the day after a shock is.
        tails: log likelihood of the outcomes so far under each of the Student's t that are tried.
        n_outcomes: so many outcomes.
        cuts: volatilities between calm and middle, and between middle and violent; empty where nothing is known.
        learnt: of each side of each coverage, `lower_80` and so on: for all days, and for each kind of day.
    """

    variances: Mapping[str, float]
    fits: Mapping[str, Mapping[str, float]]
    lift: float = 1.0
    tails: tuple[float, ...]
    n_outcomes: int
    cuts: tuple[float, ...]
    learnt: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """The interval of a forecast whose outcome is still to come: how far around it, whatever it says.

    Attributes:
        origin: the day at whose close it is made; the days up to there have moved it, and no later ones.
        horizon: trading days to the outcome.
        reach: distance of each bound from the forecast, in log return: `lower_80`, `upper_80`, `lower_95`, `upper_95`.
        sigma: standard deviation forecast for the outcome.
        df: degrees of freedom of its Student's t.
        volatility_model: who forecast `sigma`.
        state: what the next day's interval goes on from; None beyond a day ahead and in what the first release wrote.
    """

    origin: date
    horizon: int = 1
    reach: Mapping[str, float]
    sigma: float
    df: float
    volatility_model: str
    state: IntervalState | None = None

    def around(self, forecast: float) -> dict[str, float]:
        """`lower_80`, `upper_80`, `lower_95` and `upper_95` in log return, as in `Forecasts.bounds`."""
        return {
            name: forecast + (-distance if name.startswith("lower") else distance)
            for name, distance in self.reach.items()
        }


@dataclass(frozen=True, slots=True)
class Late:
    """Rates that should be there and are not.

    Attributes:
        last_day: the newest day whose rate is there.
        expected: the newest day whose rate is due.
        since: the deadline of the first day that is missing, in its zone.
        n_missing: business days whose rates are due and not there.
    """

    last_day: date
    expected: date
    since: datetime
    n_missing: int

    def told(self, write: Callable[[date], str] = str) -> str:
        """A sentence without its full stop.

        Args:
            write: a day as the reader knows it.
        """
        missing = "1 business day is" if self.n_missing == 1 else f"{self.n_missing} business days are"
        return (
            f"The newest stored rate is of {write(self.last_day)}, and {missing} missing up to {write(self.expected)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NextDay:
    """A forecast that is still open: of the next business day, or of one further ahead.

    Attributes:
        pair: six capital letters.
        origin: last day of the data, at whose close it is made.
        target_date: the business day that is forecast.
        horizon: trading days from origin to target.
        close: rate at the origin.
        forecast: log return.
        interval: around it; None where there is none.
        model_name: registered model that made it, `EURUSD_LSTM`.
        model_version: MLflow's version number; None before the model is registered.
        data_version: names the exact series.
        probability_of_rise: that the return is above zero; None where it was not computed.
        verdict: of the championship behind the model, which is about the next day; None where there is none.
        reason: of the verdict, or why there is none.
        stale: what is late of the rates as it was told, where that must be told first.
    """

    pair: str
    origin: date
    target_date: date
    horizon: int = 1
    close: float
    forecast: float
    interval: Interval | None
    model_name: str
    model_version: int | None = None
    data_version: DataVersion
    probability_of_rise: float | None = None
    verdict: str | None = None
    reason: str | None = None
    stale: Late | None = None

    @property
    def forecast_rate(self) -> float:
        """The rate that is expected."""
        return self.close * math.exp(self.forecast)

    @property
    def bounds(self) -> dict[str, float]:
        """Of the interval in log return, `lower_80` and so on; empty without one."""
        return self.interval.around(self.forecast) if self.interval else {}

    @property
    def rates(self) -> dict[str, float]:
        """Of the interval as rates, `lower_80` and so on; empty without one."""
        return {name: self.close * math.exp(bound) for name, bound in self.bounds.items()}

    def age_days(self, today: date | None = None) -> int:
        """Calendar days from the origin to today, which is the day in UTC if not given."""
        return ((today or datetime.now(UTC).date()) - self.origin).days

    def as_dict(self, today: date | None = None) -> dict[str, Any]:
        """Plain values for JSON, in rates.

        Args:
            today: tells the age of the data; the day in UTC if not given.
        """
        return {
            "stale": self.stale.told() if self.stale else None,
            "pair": self.pair,
            "origin": str(self.origin),
            "target_date": str(self.target_date),
            "horizon": self.horizon,
            "model_name": self.model_name,
            "model_version": self.model_version,
            "data_version": str(self.data_version),
            "close": self.close,
            "forecast_return": self.forecast,
            "forecast_rate": self.forecast_rate,
            **self.rates,
            "probability_of_rise": self.probability_of_rise,
            "sigma": self.interval.sigma if self.interval else None,
            "volatility_model": self.interval.volatility_model if self.interval else None,
            "age_days": self.age_days(today),
            "verdict": self.verdict,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class ScoredDays:
    """The origins on which all contestants and baselines of one championship are scored.

    Attributes:
        first_origin: first scored origin.
        last_origin: last scored origin.
        n_days: how many days are scored.
    """

    first_origin: np.datetime64
    last_origin: np.datetime64
    n_days: int

    def __str__(self) -> str:
        """The tag that must agree before two runs are compared: `2021-04-01..2026-10-29:1425`."""
        return f"{self.first_origin}..{self.last_origin}:{self.n_days}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The value that a tag or file holds as text.

        Raises:
            ValueError: it names no scored days.
        """
        days, _, n_days = text.partition(":")
        first, last = (np.datetime64(date.fromisoformat(day), "D") for day in days.split(".."))
        return cls(first, last, int(n_days))


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A completed run of one contestant, as the tracking server knows it.

    Attributes:
        run_id: MLflow's id of the run.
        family: model family, `LSTM`.
        model_uri: address of the logged model, `models:/m-...`.
        metrics: `rmse`, `mae`, `directional_accuracy` and the baselines' by name.
        tags: tags of the run.
        started_at: milliseconds since the epoch.
    """

    run_id: str
    family: str
    model_uri: str
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    started_at: int

    @property
    def data_version(self) -> DataVersion:
        """Of the series that it was trained and scored on."""
        return DataVersion.parse(self.tags["data_version"])

    @property
    def scored_days(self) -> str:
        """The origins on which it was scored, as text; the first release wrote another tag."""
        return self.tags.get("scored_days", self.tags.get("scored_window", ""))

    @property
    def rmse(self) -> float:
        """Root mean squared error of the log return over the scored days."""
        return self.metrics["rmse"]

    def as_dict(self) -> dict[str, Any]:
        """Who it is, and every metric."""
        return {"family": self.family, "run_id": self.run_id, "model_uri": self.model_uri, **self.metrics}


def pinned_uri(model_name: str, version: int | str) -> str:
    """Address of exactly one version of a registered model, as MLflow takes it."""
    return f"models:/{model_name}/{version}"


def pinned_parts(uri: str) -> tuple[str, int]:
    """Registered model and version of such an address; an empty name and 0 of any other text."""
    name, _, version = uri.removeprefix("models:/").rpartition("/")
    return (name, int(version)) if version.isdecimal() else ("", 0)


class Versioned:
    """What name and tags say of a version of a registered model, whoever knows it."""

    __slots__ = ()

    name: str
    version: int
    tags: Mapping[str, str]

    @property
    def pair(self) -> str:
        """`EURUSD` of `EURUSD_LSTM`."""
        return ModelName.parse(self.name).pair

    @property
    def family(self) -> str:
        """`LSTM` of `EURUSD_LSTM`."""
        return ModelName.parse(self.name).family

    @property
    def data_version(self) -> DataVersion | None:
        """Of the series that it was fitted on; None where its tags do not say."""
        return DataVersion.of_tags(self.tags)

    @property
    def pinned_uri(self) -> str:
        """Its address."""
        return pinned_uri(self.name, self.version)


@dataclass(frozen=True, slots=True)
class VersionRecord(Versioned):
    """A registered model version.

    Attributes:
        name: registered model, `EURUSD_LSTM`.
        version: MLflow's version number.
        run_id: the run that logged the model.
        aliases: those that point at this version.
        tags: tags of the version.
        created_at: milliseconds since the epoch at which it was registered.
        description: for people.
    """

    name: str
    version: int
    run_id: str
    aliases: frozenset[str] = frozenset()
    tags: Mapping[str, str] = field(default_factory=dict)
    created_at: int = 0
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledDay:
    """One model's forecast for a day whose outcome is known: the first that it made, while it knew nothing later.

    Attributes:
        origin: the day at whose close it was made.
        arm: who answered, or forecast in the shadow of an answer.
        model_name: registered model, `EURUSD_LSTM`.
        model_version: MLflow's version number.
        forecast: log return.
        actual: realised log return.
        answers: how many forecasts of that day clients got from this model.
        shadows: how many it made in the shadow of an answer.
    """

    origin: date
    arm: str
    model_name: str
    model_version: int
    forecast: float
    actual: float
    answers: int
    shadows: int
