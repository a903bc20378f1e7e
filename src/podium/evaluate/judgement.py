"""The outcome of a championship as one value: printed, stored with the champion, pointed at, shown on pages."""

from __future__ import annotations

import dataclasses
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from podium.evaluate.evidence import Comparison
from podium.records import DataVersion, Tabular

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One contestant's place.

    A figure that cannot be computed is None, and `untested` says why.

    Attributes:
        family: model family, `LSTM`.
        model_name: registered model, `EURUSD_LSTM`.
        model_version: MLflow's version number.
        run_id: the run that earned the place.
        alias: `champion`, `challenger`, `candidate`; None for the others.
        rmse: root mean squared error of the log return on the scored days.
        ratio_to_random_walk: Theil's U, RMSE over the random walk's; below one is better.
        r2_oos: out-of-sample R² against the random walk.
        mae: mean absolute error of the log return.
        directional_accuracy: share of days whose sign was forecast.
        dm_p: Diebold-Mariano against the random walk, one-sided p-value.
        clark_west_p: Clark-West, one-sided p-value.
        pesaran_timmermann_p: one-sided p-value.
        in_mcs: whether it is in the model confidence set, which is to say, may be the best of all.
        coverage_80: share of outcomes inside the 80 % interval.
        coverage_95: share of outcomes inside the 95 % interval.
        crps: mean continuous ranked probability score, in log returns.
        crps_skill: 1 - CRPS over that of constant volatility.
        crps_skill_t: t statistic of that skill.
        volatility_model: behind the intervals.
        fit_seconds: wall time of all its fits.
        forecast_seconds: wall time of forecasting the scored days.
        width_80: mean width of the 80 % interval, in log returns; likewise 95.
        winkler_80: mean interval score, in log returns; lower is better.
        kupiec_p_80: is the share inside compatible with 80 %?
        independence_p_80: do the misses come independently of each other?
        christoffersen_p_80: both at once.
        untested: reason by test that could not be computed.
    """

    family: str
    model_name: str
    model_version: int
    run_id: str
    alias: str | None
    rmse: float
    ratio_to_random_walk: float | None
    r2_oos: float | None
    mae: float
    directional_accuracy: float | None
    dm_p: float | None
    clark_west_p: float | None
    pesaran_timmermann_p: float | None
    in_mcs: bool | None
    coverage_80: float | None
    coverage_95: float | None
    crps: float | None
    crps_skill: float | None
    crps_skill_t: float | None
    volatility_model: str | None
    fit_seconds: float | None
    forecast_seconds: float | None
    width_80: float | None = None
    width_95: float | None = None
    winkler_80: float | None = None
    winkler_95: float | None = None
    kupiec_p_80: float | None = None
    kupiec_p_95: float | None = None
    independence_p_80: float | None = None
    independence_p_95: float | None = None
    christoffersen_p_80: float | None = None
    christoffersen_p_95: float | None = None
    untested: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement(Tabular):
    """What a championship decided, and on what.

    Attributes:
        pair: six capital letters.
        data_version: of the series.
        scored_days: the origins on which all were scored, `first..last:days`.
        n_scored_days: how many.
        policy: `rmse` or `significant`.
        alpha: error probability of the tests and of the policy.
        verdict: `promoted`, `held`, `unproven`, `leak` or `degraded`.
        reason: one sentence.
        champion: registered model that holds the title; None when a leak stopped the first championship.
        champion_version: its version.
        title_since: last day of the data when its family took the title.
        random_walk_in_mcs: whether no forecast may be the best of all.
        recipes_tried: different recipes scored on these days, of which the best of each family takes part.
        alpha_needed: what a p-value against the random walk must not exceed: the alpha over the recipes tried.
        proven: whether the champion beats the random walk at that alpha (Diebold-Mariano).
        minimum_detectable_r2: the smallest true R² that so many days find at that alpha in four cases of five.
        baselines: metrics by baseline, `persistence` and `random_walk`.
        ranking: by RMSE, the lowest first.
        comparisons: the champion before this championship against each rival, over the days since its title.
        leaks: what the sentinel says, a line each.
        leak_accepted: whether somebody took the responsibility for them.
        key: names everything that the outcome was computed from; the same key, the same outcome.
    """

    pair: str
    data_version: DataVersion
    scored_days: str
    n_scored_days: int
    policy: str
    alpha: float
    verdict: str
    reason: str
    champion: str | None
    champion_version: int | None
    title_since: str | None
    random_walk_in_mcs: bool | None
    recipes_tried: int
    alpha_needed: float
    proven: bool
    minimum_detectable_r2: float | None
    baselines: Mapping[str, Mapping[str, float]]
    ranking: tuple[Standing, ...]
    comparisons: tuple[Comparison, ...] = ()
    leaks: tuple[str, ...] = ()
    leak_accepted: bool = False
    key: str = ""

    @property
    def leader(self) -> Standing | None:
        """The champion's standing; None where the title is pinned to a version that did not take part."""
        holder = (self.champion, self.champion_version)
        return next((row for row in self.ranking if (row.model_name, row.model_version) == holder), None)

    def to_frame(self) -> pd.DataFrame:
        """The ranking, a row a contestant."""
        import pandas as pd

        return pd.DataFrame(self.as_dict()["ranking"]).set_index("family")

    def _repr_html_(self) -> str:
        return f"<p>{self.pair}: <b>{self.verdict}</b> - {html.escape(self.reason)}</p>{Tabular._repr_html_(self)}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self) | {"data_version": str(self.data_version)}

    def to_json(self) -> str:
        """One JSON document, from which `from_json` makes the same value."""
        return json.dumps(self.as_dict(), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The outcome that `to_json` wrote.

        Raises:
            ValueError: it is not one, or one of another version of Podium.
        """
        try:
            values = json.loads(text, object_hook=_in_todays_words)
            ranking = tuple(Standing(**standing) for standing in values.pop("ranking"))
            comparisons = tuple(Comparison(**comparison) for comparison in values.pop("comparisons"))
            leaks = tuple(values.pop("leaks"))
            version = DataVersion.parse(values.pop("data_version"))
            return cls(data_version=version, ranking=ranking, comparisons=comparisons, leaks=leaks, **values)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not the outcome of a championship: {error}") from None


_OLD_WORDS = {
    "model_type": "family",
    "scored_window": "scored_days",
    "level": "alpha",
    "level_needed": "alpha_needed",
}


def _in_todays_words(values: dict[str, Any]) -> dict[str, Any]:
    """The keys of the first release under their present names."""
    if "scored_window" in values:
        values["n_scored_days"] = values.pop("scored_days")
    return {_OLD_WORDS.get(name, name): value for name, value in values.items()}
