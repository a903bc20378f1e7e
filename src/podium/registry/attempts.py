"""The recipes that were ever tried for a pair, kept where titles are kept, so that deleting runs forgets none.

Each is one tag of its family's registered model: key `attempt.<recipe>`, value a JSON object. Tags are only ever added.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

PREFIX = "attempt."


@dataclass(frozen=True, slots=True)
class Attempt:
    """A recipe, since it was first seen.

    Attributes:
        recipe: its digest.
        name: registered model, `EURUSD_LSTM`.
        since: last day of the data at the championship that saw it first.
        share: of the alpha, for the proof that its forecasts since then beat the random walk. Those of all recipes of a
            pair, however many are yet to come, add up to less than 1.
    """

    recipe: str
    name: str
    since: str
    share: float

    @property
    def key(self) -> str:
        """The tag's key."""
        return f"{PREFIX}{self.recipe}"

    def to_json(self) -> str:
        """The tag's value; the recipe is in the key, and the model is where it stands."""
        return json.dumps({name: value for name, value in asdict(self).items() if name not in {"recipe", "name"}})

    @classmethod
    def parse(cls, name: str, tags: Mapping[str, str]) -> list[Self]:
        """The attempts among the tags of one registered model; one broken by hand has hardly a share."""
        return [
            cls(recipe=key.removeprefix(PREFIX), name=name, **_values(value))
            for key, value in tags.items()
            if key.startswith(PREFIX)
        ]


def new_attempts(known: Iterable[Attempt], seen: Iterable[tuple[str, str]], since: str) -> list[Attempt]:
    """The attempts of a championship that no earlier one has seen.

    Those seen together share 1 / (before + 1) - 1 / (after + 1) in equal parts, before and after being how many
    recipes were known: whatever comes later, the sum stays below 1, and nobody's share is ever changed.

    Args:
        known: of the pair.
        seen: registered model and recipe of each run.
        since: last day of the data.
    """
    before = {attempt.recipe for attempt in known}
    fresh = sorted({(name, recipe) for name, recipe in seen if recipe not in before})
    share = 1 / ((len(before) + 1) * (len(before) + len(fresh) + 1))
    return [Attempt(recipe, name, since, share) for name, recipe in fresh]


def _values(text: str) -> dict[str, Any]:
    try:
        raw = json.loads(text)
        return {"since": str(raw["since"]), "share": float(raw["share"])}
    except (ValueError, TypeError, KeyError):
        return {"since": "", "share": 1e-9}
