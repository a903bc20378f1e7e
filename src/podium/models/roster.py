"""Who can take part: the classes behind the entry points `podium.contestants`."""

from __future__ import annotations

import dataclasses
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from podium.errors import SettingError, UnknownContestantError
from podium.models.base import Contestant
from podium.settings import Settings

GROUP = "podium.contestants"


@cache
def known() -> dict[str, EntryPoint]:
    """Every contestant that an installed package offers, by family name."""
    return {point.name: point for point in entry_points(group=GROUP)}


def check_known(families: tuple[str, ...]) -> None:
    """Raise before any work is done if a family is not offered.

    Raises:
        UnknownContestantError: it names those that are.
    """
    for family in families:
        if family not in known():
            raise UnknownContestantError(
                f"contestant {family!r} is not known; choose from {', '.join(sorted(known()))}"
            )


def enter(family: str, settings: Settings) -> Contestant:
    """A contestant with the window and seed of the championship and its own options.

    Raises:
        UnknownContestantError: no entry point offers it.
        SettingError: it does not know one of its options.
    """
    check_known((family,))
    contestant = known()[family].load()
    options = settings.options.get(family, {})
    fields = {field.name for field in dataclasses.fields(contestant)} - {"window", "seed", "horizon"}
    unknown = sorted(set(options) - fields)
    if unknown:
        raise SettingError(
            f"setting options.{family}.{unknown[0]}: {family} has no such option; it has {', '.join(sorted(fields))}"
        )
    return contestant(window=settings.window, seed=settings.seed, **options)  # type: ignore[no-any-return]
