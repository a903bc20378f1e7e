"""Every setting: what it means and what it is by default, and what is in force with where it comes from."""

from __future__ import annotations

import ast
import functools
import types
import typing
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

import podium.settings
from podium.settings import AlertSettings, ServeSettings, Settings
from podium.settings.origins import MLFLOWS, Key, keys, leaves
from podium.settings.wording import SECRETS, STARS, mask

SECTIONS: dict[str, type[BaseModel]] = {"serve": ServeSettings, "alerts": AlertSettings}


def field_of(key: Key) -> FieldInfo:
    """The field behind a key."""
    return SECTIONS.get(key[0], Settings).model_fields[key[1 if key[0] in SECTIONS else 0]]


@functools.cache
def meanings() -> dict[Key, str]:
    """What stands below each field; pydantic's `use_attribute_docstrings` finds the same, five times as slowly."""
    found: dict[Key, str] = {}
    sections = {model.__name__: (name,) for name, model in SECTIONS.items()}
    for model in ast.parse(Path(podium.settings.__file__).read_bytes()).body:
        section = sections.get(getattr(model, "name", ""), ())
        for field, below in pairwise(getattr(model, "body", ())):
            if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
                found[(*section, ast.unparse(field.target))] = ast.literal_eval(below.value)
    return found


def bare(annotation: Any) -> Any:
    """The plain type behind an annotation: `Annotated[Path, ...] | None` is `Path`."""
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        return bare(next(kind for kind in typing.get_args(annotation) if kind is not types.NoneType))
    return bare(typing.get_args(annotation)[0]) if typing.get_origin(annotation) is typing.Annotated else annotation


def choices_of(field: FieldInfo) -> tuple[str, ...]:
    """The words that a field takes, where they are few."""
    kind = bare(field.annotation)
    return typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()


def default_of(key: Key) -> str:
    """A default as people write it; nothing where there is none."""
    default = field_of(key).get_default(call_default_factory=True, validated_data={})
    return "" if default is False or default is None else as_text(default)


def as_text(value: Any) -> str:
    """A value as it is written in a variable."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple | list) else str(value)


def in_force(settings: Settings) -> Iterator[tuple[str, Any, str]]:
    """Name, value as JSON knows it, and origin of every setting; without secrets.

    >>> next(in_force(Settings(pair="GBPJPY")))
    ('pair', 'GBPJPY', 'default')
    """
    values = dict(leaves(settings.model_dump(mode="json")))
    for key, value in values.items():
        origin = settings.origin(*key)
        field = field_of(key)
        hidden = key in SECRETS and bool(value) and value != field.default
        shown = STARS if hidden else mask(value) if isinstance(value, str) else value
        yield ".".join(key), shown, f"flag --{key[-1].replace('_', '-')}" if origin == "flag" else origin


def settings_table() -> str:
    """What there is to set, as a table in Markdown."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for key in keys(Settings):
        default = "your login" if key == ("developer",) else default_of(key)
        choices = ", ".join(f"`{choice}`" for choice in choices_of(field_of(key)))
        meaning = (f"{choices}: " if choices else "") + meanings()[key].replace("<", "&lt;")
        also = f"; also `{MLFLOWS[key]}`" if key in MLFLOWS else ""
        rows.append(f"| `{'.'.join(key)}` | {f'`{default}`' if default else ''} | {meaning}{also} |")
    return "\n".join(rows)
