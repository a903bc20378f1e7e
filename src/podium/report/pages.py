"""Templates and assets of all pages: Jinja2 that escapes everything, one style sheet, one script."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from podium.report.glossary import GLOSSARY, NAMES, anchor

HERE = Path(__file__).parent


@functools.cache
def environment() -> Environment:
    """Jinja2 over this room's templates; whatever is not `Markup` is escaped, and a name that is missing is an error.

    Another room's pages put their own folder in front: `environment().overlay(loader=ChoiceLoader([...]))`.
    """
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"coded": coded, "breakable": breakable, "anchor": anchor}
    made.globals |= {"glossary": GLOSSARY, "names": defaultdict(str, NAMES)}
    made.globals |= {"style": style, "script": script, "content_policy": content_policy}
    return made


def breakable(name: str) -> Markup:
    """A name such as `LinearRegression`, which may be broken between its words, and at dashes and underscores."""
    return Markup("<wbr>").join(re.split(r"(?<=[a-z])(?=[A-Z])|(?<=[_-])", name))


def coded(text: str) -> Markup:
    """Words between backticks as code, everything escaped."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return escape(text)
    marked = (Markup("<code>{}</code>").format(piece) if at % 2 else escape(piece) for at, piece in enumerate(pieces))
    return Markup("").join(marked)


def fragment(template: str, **values: Any) -> Markup:
    """A rendered template that may stand inside another."""
    return Markup(environment().get_template(template).render(**values))  # noqa: S704 - Jinja2 escaped every value


@functools.cache
def style() -> str:
    """The style sheet of all pages, light and dark, screen and print."""
    return (HERE / "assets" / "page.css").read_text(encoding="utf-8")


@functools.cache
def script() -> str:
    """The charts' crosshair; a page is complete without it."""
    return (HERE / "assets" / "charts.js").read_text(encoding="utf-8")


def content_policy() -> str:
    """What a page with style and script inside may do: nothing but these two, and nothing from any address."""
    return (
        f"default-src 'none'; style-src '{digest(style())}'; script-src '{digest(script())}'; "
        "base-uri 'none'; form-action 'none'"
    )


def digest(text: str) -> str:
    """Of an inline style or script, as a content policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
