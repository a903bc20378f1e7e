"""Figure of who had a say in a mixture of forecasts, day by day."""

from __future__ import annotations

from markupsafe import Markup

from podium.models.combiner import WEIGHT
from podium.records import Floats
from podium.report.charts import figure, line_chart
from podium.report.marks import QUIET, WALK, Line, percent
from podium.report.scene import RANDOM_WALK, Scene, listed, told_day
from podium.report.skill import quarters_of, table_of, thinned

WHOLE = percent(0)


def weights_figures(scene: Scene) -> list[Markup]:
    """One for each contestant that mixes the others' forecasts; none where nobody does."""
    return [_figure(scene, name, weights) for name in scene.names if (weights := _weights(scene, name))]


def _weights(scene: Scene, name: str) -> dict[str, Floats]:
    bounds = scene.forecasts[name].bounds
    found = {column.removeprefix(WEIGHT): bounds[column] for column in bounds if column.startswith(WEIGHT)}
    return {member.replace("_", " "): weights for member, weights in found.items()}


def _figure(scene: Scene, name: str, weights: dict[str, Floats]) -> Markup:
    days = scene.forecasts[name].origins
    rows = thinned(len(days))
    inks = {RANDOM_WALK: WALK, **scene.inks}
    chart = line_chart(
        days[rows],
        [Line(member, values[rows], inks.get(member, QUIET)) for member, values in weights.items()],
        write=WHOLE,
        unit="Weight in the forecast made at each day's close",
    )
    table = table_of("Weights on the last day of each quarter", days, weights, quarters_of(days), WHOLE, head="Day")
    began, ended = ([f"{who} {WHOLE(float(of[at]))}" for who, of in weights.items()] for at in (0, -1))
    message = (
        f"{name} begins with {listed(began)}, and renews the weights after every outcome, from what was known by then: "
        f"on {told_day(days[-1])} they were {listed(ended)}."
    )
    return figure(f"weights-{name}", f"Who had a say in {name}", message, [chart], table)
