"""The judgement of a championship as one value: printed, stored with the champion, pointed at, shown on pages."""

from __future__ import annotations

import dataclasses
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from podium.evaluate.evidence import Comparison
from podium.evaluate.interval_scores import IntervalScores
from podium.evaluate.policy import REFUSED
from podium.evaluate.sentinel import Suspicion
from podium.evaluate.significance import PointScores
from podium.records import DataVersion, ScoredDays, Tabular

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One contestant's place.

    Attributes:
        family: the architecture, `LSTM`.
        model_name: registered model, `EURUSD_LSTM`.
        model_version: MLflow's version number.
        run_id: the run that earned the place.
        alias: `champion`, `challenger`, `candidate`; None for the others.
        skill: its point forecasts against the random walk.
        intervals: what its intervals and densities were worth; None where the run recorded none.
        fit_seconds: wall time of all its fits.
        forecast_seconds: wall time of forecasting the scored days.
        weights: for tomorrow, by member, of one that mixes the others' forecasts; empty for all others.
    """

    family: str
    model_name: str
    model_version: int
    run_id: str
    alias: str | None
    skill: PointScores
    intervals: IntervalScores | None
    fit_seconds: float | None
    forecast_seconds: float | None
    weights: Mapping[str, float] = field(default_factory=dict)

    def flat(self) -> dict[str, Any]:
        """Every figure on one level, as the first release wrote them; the pointer promises its readers that."""
        row = dataclasses.asdict(self)
        if not self.weights:  # which the first release did not know
            del row["weights"]
        skill, intervals = row.pop("skill"), row.pop("intervals") or {}
        del skill["fluctuation"]  # which the first release did not have
        tests = {_P_VALUES[name]: skill.pop(name) for name in _P_VALUES}
        why = {name: test["reason"] for name, test in tests.items() if test["reason"]} | intervals.pop("notes", {})
        return {**row, **skill, **{name: test["p_value"] for name, test in tests.items()}, **intervals, "untested": why}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement(Tabular):
    """What a championship decided, and on what.

    Attributes:
        pair: six capital letters.
        data_version: of the series.
        scored_days: the origins on which all were scored.
        policy: `rmse` or `significant`.
        alpha: error probability of the tests and of the policy.
        verdict: `promoted`, `held`, `unproven`, `leak`, `amber`, `degraded` or `proposed`.
        reason: one sentence.
        champion: registered model that holds the title; None when a suspicion stopped the first championship.
        champion_version: its version.
        title_since: the moment at which its family took the title, UTC, ISO 8601; None where that is not known.
        title_data_day: last day of the data then; None as above.
        random_walk_in_mcs: whether no forecast may be the best of all.
        recipes_tried: different recipes that were ever tried for the pair.
        alpha_needed: what a p-value on the scored days must not exceed: the alpha over the recipes tried.
        proof: the champion against the random walk since its recipe was first seen; None where it took no part.
        proven: whether that is beyond doubt, at any of the looks.
        minimum_detectable_r2: the smallest true R² that so many days find at that alpha in four cases of five.
        baselines: metrics by baseline, `persistence` and `random_walk`.
        ranking: by RMSE, the lowest first.
        comparisons: the champion before this championship against each rival, over the days since its title.
        leaks: whom the sentinel suspects so that the championship was stopped, or accepted by hand; and why.
        ambers: the others that are better than what is known of daily rates.
        leak_accepted: whether somebody took the responsibility for them.
        series_break: a sentence where the scored days are of another kind than those before; else empty.
        price_level: of the series, see `podium.data.continuity.price_level`; None in what the first release wrote.
        proposal: pinned address of the version that shall have the title once a person says yes; empty without one.
        key: names everything that the judgement was computed from; the same key, the same judgement.
    """

    pair: str
    data_version: DataVersion
    scored_days: ScoredDays
    policy: str
    alpha: float
    verdict: str
    reason: str
    champion: str | None
    champion_version: int | None
    title_data_day: str | None
    random_walk_in_mcs: bool | None
    recipes_tried: int
    alpha_needed: float
    proven: bool
    minimum_detectable_r2: float | None
    baselines: Mapping[str, Mapping[str, float]]
    ranking: tuple[Standing, ...]
    title_since: str | None = None
    comparisons: tuple[Comparison, ...] = ()
    proof: Comparison | None = None
    leaks: tuple[Suspicion, ...] = ()
    ambers: tuple[Suspicion, ...] = ()
    leak_accepted: bool = False
    series_break: str = ""
    price_level: float | None = None
    proposal: str = ""
    key: str = ""

    @property
    def n_scored_days(self) -> int:
        """How many days were scored."""
        return self.scored_days.n_days

    @property
    def refused(self) -> bool:
        """Whether a suspicion stopped it, so that no alias has moved."""
        return self.verdict in REFUSED

    @property
    def shared(self) -> str:
        """Why the alpha needed is smaller than the alpha, in brackets; empty where it is not."""
        return f" ({self.alpha:g} shared by {self.recipes_tried} recipes tried)" if self.recipes_tried > 1 else ""

    @property
    def leader(self) -> Standing | None:
        """The champion's standing; None where the title is pinned to a version that did not take part."""
        holder = (self.champion, self.champion_version)
        return next((row for row in self.ranking if (row.model_name, row.model_version) == holder), None)

    def to_frame(self) -> pd.DataFrame:
        """The ranking, a row a contestant."""
        import pandas as pd

        return pd.DataFrame([row.flat() for row in self.ranking]).set_index("family")

    def _repr_html_(self) -> str:
        return f"<p>{self.pair}: <b>{self.verdict}</b> - {html.escape(self.reason)}</p>{Tabular._repr_html_(self)}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        days = {"scored_days": str(self.scored_days), "n_scored_days": self.n_scored_days}
        return dataclasses.asdict(self) | {"data_version": str(self.data_version), **days}

    def to_json(self) -> str:
        """One JSON document, from which `from_json` makes the same value."""
        return json.dumps(self.as_dict(), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Judgement:
        """The judgement that `to_json` wrote, of this release or the first.

        Raises:
            ValueError: it is none, or one of another version of Podium.
        """
        import msgspec

        try:
            values = json.loads(text, object_hook=_in_todays_words)
            for name, kind in (("data_version", DataVersion), ("scored_days", ScoredDays)):
                values[name] = dataclasses.asdict(kind.parse(values[name]))
            values["ranking"] = [row if "skill" in row else _nested(row) for row in values["ranking"]]
            values["leaks"] = [_named(found) if isinstance(found, str) else found for found in values.get("leaks", ())]
            return msgspec.convert(values, cls, dec_hook=lambda kind, value: kind(value))
        except (TypeError, KeyError, AttributeError, msgspec.ValidationError) as error:
            raise ValueError(f"not the judgement of a championship: {error}") from None


_OLD_WORDS = {
    "model_type": "family",
    "scored_window": "scored_days",
    "level": "alpha",
    "level_needed": "alpha_needed",
}
_P_VALUES = {
    "diebold_mariano": "dm_p",
    "clark_west": "clark_west_p",
    "pesaran_timmermann": "pesaran_timmermann_p",
}


def _in_todays_words(values: dict[str, Any]) -> dict[str, Any]:
    """The keys of earlier releases under their present names."""
    if "scored_window" in values:
        values.pop("scored_days", None)  # how many they were
    if "title_since" in values and "title_data_day" not in values:
        values["title_data_day"] = values.pop("title_since")
    return {_OLD_WORDS.get(name, name): value for name, value in values.items()}


def _nested(row: Mapping[str, Any]) -> dict[str, Any]:
    """A standing of the first release, which had every figure on one level, as it is built today."""
    why = dict(row["untested"])
    tests = {
        name: {"statistic": None, "p_value": row[old], "reason": why.pop(old, "")} for name, old in _P_VALUES.items()
    }
    intervals = {**row, "notes": why} if row["coverage_80"] is not None else None
    return {**row, "skill": {**row, **tests}, "intervals": intervals}


def _named(line: str) -> dict[str, str]:
    """A suspicion of the first release, a line that began with the contestant's name."""
    return {"contestant": line.split(maxsplit=1)[0].rstrip(":"), "message": line}
