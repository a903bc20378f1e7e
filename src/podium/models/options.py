"""What a contestant lets people choose, read off its fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from podium.models.base import Contestant

BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


@dataclass(frozen=True, slots=True)
class Option:
    """A field of a contestant, `options.<Family>.<name>` in podium.toml.

    Attributes:
        name: of the field.
        type: what it holds, in JSON's words: `integer`, `number or none`.
        range: its bounds, `>= 1, <= 10`; empty without any.
        default: in force where nothing is set.
        description: what it does; empty where the contestant does not say.
    """

    name: str
    type: str
    range: str
    default: Any
    description: str


def options_of(contestant: type[Contestant]) -> list[Option]:
    """The options in the order of the fields."""
    defaults = {field.name: _default(field) for field in dataclasses.fields(contestant)}
    schemas = {name: _schema(contestant, name) for name in contestant.option_names()}
    return [
        Option(name, _type(schema), ", ".join(dict.fromkeys(_bounds(schema))), defaults[name],
               schema.get("description", ""))
        for name, schema in schemas.items()
    ]  # fmt: skip


def _default(field: dataclasses.Field[Any]) -> Any:
    """As JSON can hold it; None where there is none."""
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    else:
        default = None if field.default is dataclasses.MISSING else field.default
    return default if default is None or isinstance(default, bool | int | float | str | tuple | list) else str(default)


def _schema(contestant: type[Contestant], name: str) -> Mapping[str, Any]:
    from pydantic import PydanticUserError, TypeAdapter

    try:
        return TypeAdapter(get_type_hints(contestant, include_extras=True)[name]).json_schema()
    except (NameError, PydanticUserError):  # an annotation that says nothing at run time
        return {}


def _type(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "prefixItems" in schema:
        return f"[{', '.join(map(_type, schema['prefixItems']))}]"
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    return str(schema.get("type", "anything")).replace("null", "none")


def _bounds(schema: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{sign} {schema[word]}" for word, sign in BOUNDS.items() if word in schema)
    for part in (*schema.get("anyOf", ()), *schema.get("prefixItems", ())):
        yield from _bounds(part)
