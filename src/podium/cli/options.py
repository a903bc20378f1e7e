"""Flags made from `Settings`: each field is described once, there."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from podium.settings import Settings

ADDRESSES = ("tracking_uri", "registry_uri", "experiment")
FOLDERS = ("data_dir", "models_dir")


def takes_settings(
    *names: str, record: type | None = None, fields: Sequence[str] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a verb a flag for each named field of `Settings`, and the settings as its first argument.

    Flags that are not given stay None, so that the environment and `podium.toml` have their say.

    Args:
        names: fields of `Settings`.
        record: a dataclass that the verb takes as `options`.
        fields: of that dataclass, each a flag.
    """

    def decorate(verb: Callable[..., Any]) -> Callable[..., Any]:
        own = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, parameter in inspect.signature(verb, eval_str=True).parameters.items()
            if name not in {"settings", "options"}
        ]
        more = flags_of(record, fields) if record else []

        @functools.wraps(verb)
        def with_flags(**arguments: Any) -> Any:
            settings = Settings.load({name: arguments.pop(name) for name in names})
            if record is not None:
                arguments["options"] = record(**{name: arguments.pop(name) for name in fields})
            return verb(settings, **arguments)

        signature = inspect.Signature([*map(_flag, names), *more, *own])
        # typer reads the annotations beside the signature; those of the wrapped verb no longer fit
        annotations = {name: parameter.annotation for name, parameter in signature.parameters.items()}
        vars(with_flags).update(__signature__=signature)
        with_flags.__annotations__ = annotations
        return with_flags

    return decorate


def _flag(name: str) -> inspect.Parameter:
    field = Settings.model_fields[name]
    default = field.get_default(call_default_factory=True, validated_data={})
    shown = ",".join(default) if isinstance(default, tuple) else default
    about = f"{field.description or ''}" + (f" [default: {shown}]" if default is not None else "")
    option = typer.Option(f"--{name.replace('_', '-')}", help=about.capitalize()[:1] + about[1:], show_default=False)
    kind: Any = _plain(field.annotation) | None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option])


def _plain(annotation: Any) -> type:
    """What a command line can hold: a number, a path or text; the settings do the rest."""
    if isinstance(annotation, types.UnionType):
        annotation = next(kind for kind in typing.get_args(annotation) if kind is not types.NoneType)
    return annotation if annotation in {int, float, str, Path} else str


def flags_of(record: type, names: Sequence[str]) -> list[inspect.Parameter]:
    """A flag for each named field of a dataclass, described by its docstring's `Attributes:`."""
    about = _attributes(record)
    fields = {field.name: field for field in dataclasses.fields(record)}
    kinds = typing.get_type_hints(record)
    return [_field_flag(fields[name], kinds[name], about.get(name, "")) for name in names]


def _field_flag(field: dataclasses.Field[Any], kind: Any, about: str) -> inspect.Parameter:
    name = f"--{field.name.replace('_', '-')}"
    option = typer.Option(name, help=about[:1].upper() + about[1:], show_default=field.default not in {None, ""})
    plain: Any = kind if kind is bool else _plain(kind)
    if field.default is None:
        plain = plain | None
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=Annotated[plain, option]
    )


def _attributes(record: type) -> dict[str, str]:
    """Name and description of each attribute in a Google docstring."""
    _, _, described = inspect.cleandoc(record.__doc__ or "").partition("Attributes:\n")
    joined = re.sub(r"\n {8,}", " ", described)
    return dict(re.findall(r"^ {4}(\w+): (.*)$", joined, flags=re.MULTILINE))
