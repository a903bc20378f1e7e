"""The plan that makes the aliases of a pair exclusive; pure, so every order of events can be tried.

MLflow keeps an alias unique within one registered model only, and moves one alias at a time. The plan sets every
wanted alias before it removes any: the new champion is in place before the old one loses its title.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from podium.records import ALIASES


@dataclass(frozen=True, slots=True, order=True)
class Holder:
    """A model version that holds an alias, or is to hold it."""

    name: str
    version: int


@dataclass(frozen=True, slots=True)
class Move:
    """One write: `set` the alias on the holder (and off any other version of the same model), or `remove` it."""

    act: Literal["set", "remove"]
    alias: str
    holder: Holder


State = Mapping[str, Iterable[Holder]]


def plan(state: State, wanted: Mapping[str, Holder]) -> list[Move]:
    """The writes that lead from `state` to exactly `wanted`; empty when nothing has to change.

    Args:
        state: holders of each alias over all models of the pair.
        wanted: the only holder of each alias; the others of `ALIASES` nobody holds, and a team's own are left alone.
    """
    held = {alias: set(holders) for alias, holders in state.items()}
    sets = [Move("set", alias, holder) for alias, holder in wanted.items() if holder not in held.get(alias, set())]
    removes = [
        Move("remove", alias, holder)
        for alias in dict.fromkeys([*wanted, *ALIASES])
        for holder in sorted(held.get(alias, set()))
        if alias not in wanted or holder.name != wanted[alias].name
    ]
    return sets + removes
