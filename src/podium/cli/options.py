"""Flags made from `Settings`: each field is described once, there."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from podium.settings import Settings

ADDRESSES = ("tracking_uri", "registry_uri", "experiment")
FOLDERS = ("data_dir", "models_dir")


def takes_settings(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a verb a flag for each named field of `Settings`, and the settings as its first argument.

    Flags that are not given stay None, so that the environment and `podium.toml` have their say.
    """

    def decorate(verb: Callable[..., Any]) -> Callable[..., Any]:
        own = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, parameter in inspect.signature(verb, eval_str=True).parameters.items()
            if name != "settings"
        ]

        @functools.wraps(verb)
        def with_flags(**arguments: Any) -> Any:
            flags = {name: arguments.pop(name) for name in names}
            return verb(Settings.load(flags), **arguments)

        signature = inspect.Signature([*map(_flag, names), *own])
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
