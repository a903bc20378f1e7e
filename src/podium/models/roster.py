"""Who can take part: the classes behind the entry points `podium.contestants`, and with what options."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, get_type_hints

from podium.errors import SettingError, UnknownContestantError
from podium.models.base import FAMILY, Contestant
from podium.models.combiner import Combiner
from podium.plugins import load_class
from podium.settings import Settings
from podium.settings.wording import hint, place, reason

GROUP = "podium.contestants"


@cache
def known() -> dict[str, EntryPoint]:
    """Every contestant that an installed package offers, by family name."""
    return {point.name: point for point in entry_points(group=GROUP)}


def check_known(families: Iterable[str]) -> None:
    """Raise before any work is done if a family is not offered.

    Raises:
        UnknownContestantError: it names those that are.
    """
    for family in families:
        if family not in known():
            raise UnknownContestantError(
                f"contestant {family!r} is not known; choose from {', '.join(sorted(known()))}"
            )


def enter_all(settings: Settings) -> dict[str, Contestant]:
    """Every contestant of a championship, by family: whatever is wrong with one is found before any work is done.

    Raises:
        UnknownContestantError: no entry point offers a family.
        SettingError: a class or an option cannot be used, or there is nobody whose forecasts could be mixed.
    """
    check_known(settings.contestants)
    entered = {family: enter(family, settings) for family in settings.contestants}
    if not members(settings):
        raise SettingError(f"{' and '.join(entered)} mixes the forecasts of others; name one more in contestants")
    return entered


def members(settings: Settings) -> tuple[str, ...]:
    """The families of a championship that forecast by themselves: what one that mixes is made of."""
    return tuple(family for family in settings.contestants if not issubclass(contestant_class(family), Combiner))


def enter(family: str, settings: Settings) -> Contestant:
    """A contestant with the lags and seed of the championship and its own options.

    Raises:
        UnknownContestantError: no entry point offers it.
        SettingError: its class cannot be used, or one of its options, or there are options of a family nobody offers.
    """
    given = arguments(family, settings)
    try:
        return contestant_class(family)(**given)
    except (ValueError, TypeError) as error:  # options that do not go together; a class without `fit`
        raise SettingError(f"setting options.{family}: {error}") from None


def arguments(family: str, settings: Settings) -> dict[str, Any]:
    """What `enter` hands to the class, by name of the field; raises as it does."""
    check_known((family,))
    options = {other: _checked(other, settings) for other in settings.options}  # also of who does not take part
    return {"n_lags": settings.n_lags, "seed": settings.seed, **options.get(family, {})}


def contestant_class(family: str) -> type[Contestant]:
    """The class behind a known family.

    Raises:
        SettingError: it cannot be loaded, is no dataclass, or does not go by the name under which it is offered.
    """
    point = known()[family]
    found = load_class(point, Contestant, "contestant")  # type: ignore[type-abstract]
    named = f"contestant {point.name!r} ({point.value})"
    if "__dataclass_fields__" not in vars(found):
        raise SettingError(f"{named} is no dataclass; write @dataclass(frozen=True) above its class")
    called = getattr(found, "family", None)
    if called != family:
        raise SettingError(f"{named} calls its family {called!r}; entry point and `family` must be the same name")
    if not FAMILY.fullmatch(family):
        raise SettingError(f"{named}: a family is letters and digits, since it becomes part of a model's name")
    return found


def _checked(family: str, settings: Settings) -> dict[str, Any]:
    """A family's options as its annotations want them: an order as a tuple, a number within its range."""
    if family not in known():
        where = place(settings.origin("options", family))
        raise SettingError(
            f"setting options.{family}{where}: no such contestant; {hint(family, known())}"
            f"there are {', '.join(sorted(known()))}"
        )
    contestant, options = contestant_class(family), settings.options[family]
    names = contestant.option_names()
    for name in options:
        if name not in names:
            where = place(settings.origin("options", family, name))
            raise SettingError(
                f"setting options.{family}.{name}{where}: {family} has no such option; {hint(name, names)}"
                f"it has {', '.join(sorted(names)) or 'none'}"
            )
    return {name: _value(contestant, ("options", family, name), value, settings) for name, value in options.items()}


def _value(contestant: type[Contestant], key: tuple[str, ...], value: Any, settings: Settings) -> Any:
    from pydantic import PydanticUserError, TypeAdapter, ValidationError

    try:
        kind: Any = TypeAdapter(get_type_hints(contestant, include_extras=True)[key[-1]])
    except (NameError, PydanticUserError):  # an annotation that says nothing at run time
        return value
    try:
        # as JSON, since a list in podium.toml is the only way to write a tuple, and "16" is still no number
        return kind.validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        reasons = "; ".join(map(_reason, error.errors()))
        where = place(settings.origin(*key))
        raise SettingError(f"setting {'.'.join(key)} = {value!r}{where}: {reasons}") from None


def _reason(item: Mapping[str, Any]) -> str:
    index = "".join(f"[{part}]" for part in item["loc"] if isinstance(part, int))
    return f"{index} {reason(item)}".strip()
