"""Flags made from `Settings`: each field is described once, there."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from podium.cli.console import note
from podium.errors import SettingError
from podium.settings import ServeSettings, Settings
from podium.settings.kinds import pair_code
from podium.settings.origins import RENAMED, Key, keys
from podium.settings.overview import bare, choices_of, default_of, field_of, meanings

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
AcceptLeak = Annotated[
    bool, typer.Option("--accept-leak", help="Go on although a contestant is under suspicion; it is recorded.")
]
METAVARS: dict[Any, str] = {int: "int", float: "number", Path: "path"}
ADDRESSES = ("tracking_uri", "registry_uri", "experiment")
FOLDERS = ("data_dir", "models_dir")
SERVING = tuple(f"serve.{name}" for name in ServeSettings.model_fields)
ALSO: dict[Key, tuple[str, ...]] = {("serve", "pairs"): ("--pair",), ("ledger_keep",): ("--keep",)}  # as people say
EVERYTHING = tuple(".".join(key) for key in keys(Settings) if key != ("options",))


def takes_settings(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a verb a flag for each named field of `Settings`, and the settings as its first argument.

    Flags that are not given stay None, so that the environment and `podium.toml` have their say.

    Args:
        names: fields of `Settings`; those of a section with its name in front, `serve.port`.
    """
    wanted: list[Key] = [tuple(name.split(".")) for name in names]
    taken = {key[-1] for key in wanted}
    old = [key for key, new in RENAMED.items() if new in wanted and key[-1] not in taken]

    def decorate(verb: Callable[..., Any]) -> Callable[..., Any]:
        own = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, parameter in inspect.signature(verb, eval_str=True).parameters.items()
            if name != "settings"
        ]

        @functools.wraps(verb)
        def with_flags(**arguments: Any) -> Any:
            flags: dict[str, Any] = {}
            for *section, name in [*wanted, *old]:
                table = flags.setdefault(section[0], {}) if section else flags
                table[name] = arguments.pop("_".join([*section, name]))
            settings = Settings.load(flags)
            for line in settings.notes:
                note(line)
            return verb(settings, **arguments)

        renamed = [_flag(key, RENAMED[key], hidden=True) for key in old]
        also = {} if "pair" in taken else ALSO
        given = [_flag(key, key, also=also.get(key, ())) for key in wanted]
        signature = inspect.Signature([*given, *renamed, *own])
        # typer reads the annotations beside the signature; those of the wrapped verb no longer fit
        annotations = {name: parameter.annotation for name, parameter in signature.parameters.items()}
        vars(with_flags).update(__signature__=signature)
        with_flags.__annotations__ = annotations
        return with_flags

    return decorate


@functools.cache  # many verbs have it
def _flag(key: Key, described: Key, *, also: tuple[str, ...] = (), hidden: bool = False) -> inspect.Parameter:
    field, shown = field_of(described), default_of(described)
    about = meanings()[described] + (f" [default: {shown}]" if shown else "")
    kind, name, choices = bare(field.annotation), key[-1].replace("_", "-"), choices_of(field)
    option = typer.Option(
        *((f"--{name}/--no-{name}",) if kind is bool else (f"--{name}", *also)),
        help=about[:1].upper() + about[1:],
        metavar=None if kind is bool else "<" + ("|".join(choices) or METAVARS.get(kind, "text")) + ">",
        autocompletion=(lambda: list(choices)) if choices else None,
        show_default=False,
        hidden=hidden,
    )
    taken: Any = (bool if kind is bool else str) | None  # what a number is, the settings say, in their own words
    return inspect.Parameter(
        "_".join(key), inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[taken, option]
    )


def check_options(settings: Settings) -> None:
    """A misspelt option of any contestant is refused now, and not on the day of the next training.

    Raises:
        SettingError: it names option, contestant and place.
    """
    from podium.models.roster import arguments, known

    if settings.options:
        arguments(next(iter(known())), settings)  # of whomever: those of all are looked at


def pair_named(text: str, flag: str) -> str:
    """A pair as Podium writes it.

    Raises:
        SettingError: it is none.
    """
    try:
        return pair_code(text)
    except ValueError as error:
        raise SettingError(f"{flag} {text!r}: {error}") from None


def day_named(text: str, flag: str) -> date:
    """A day.

    Raises:
        SettingError: it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingError(f"{flag} {text!r} is no day; write it as {datetime.now(UTC):%Y-%m-%d}") from None


def names(text: str, flag: str) -> tuple[str, ...]:
    """The names between commas.

    Raises:
        SettingError: there is none.
    """
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    if not parts:
        raise SettingError(f"{flag} {text!r}: at least one name is needed")
    return parts
