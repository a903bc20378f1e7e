"""The documentation site: `make docs`. Its sources are the Markdown files of the repository, whose links it checks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version as installed
from inspect import signature
from pathlib import Path
from typing import Any

project = "Podium"
author = "The Podium contributors"
version = release = installed("podium")
root_doc = "docs/index"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
include_patterns = ["*.md", "docs/**.md", "benchmarks/README.md", "examples/**.md"]
exclude_patterns = ["site", "src", "tests", "requirements", "mlruns", "data", "models", "reports", ".*"]
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = "Podium"
html_show_copyright = False

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

default_role = "code"  # what stands between single backticks
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
napoleon_use_ivar = True
napoleon_use_rtype = False
# Names of ours must lead somewhere; those of other libraries have their documentation elsewhere.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!podium\b).*"), (r"py:.*", r"podium\.records\.Row_co")]

PLACEHOLDER = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)


def setup(app: Any) -> None:
    """Fill the pages of the reference from the code, and lead the site's address to its first page."""
    app.connect("source-read", fill)
    app.connect("build-finished", lead_in)


def fill(app: Any, name: str, source: list[str]) -> None:
    """Replace each `<!-- generated: NAME -->` by what the generator of that name writes."""
    source[0] = PLACEHOLDER.sub(lambda found: "\n".join(GENERATORS[found[1]]()), source[0])


def lead_in(app: Any, failure: Exception | None) -> None:
    """`index.html` beside the folders, which opens the first page."""
    if failure is None and app.builder.format == "html":
        to = f"{root_doc}.html"
        head = f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={to}">'
        Path(app.outdir, "index.html").write_text(f'{head}<a href="{to}">Podium</a>\n', encoding="utf-8")


def verbs() -> Iterator[str]:
    """Every verb with its help and options, from the typer application."""
    import typer

    from podium.cli.verbs import app

    group: Any = typer.main.get_command(app)
    for name, verb in group.commands.items():
        yield from _verb(f"podium {name}", verb)


def _verb(name: str, verb: Any) -> Iterator[str]:
    yield from ("", f"## `{name}`", "", _prose(verb.help or ""), "")
    for inner, further in getattr(verb, "commands", {}).items():
        yield from _verb(f"{name} {inner}", further)
    options = [option for option in verb.params if option.name != "help" and not getattr(option, "hidden", False)]
    if options:
        yield from ("| option | meaning |", "|---|---|")
    for option in options:
        named = ", ".join(f"`{flag}`" for flag in (*option.opts, *option.secondary_opts))
        yield f"| {named} | {_cell(getattr(option, 'help', '') or '')} |"


def http() -> Iterator[str]:
    """Every route of the server, from its OpenAPI document."""
    from podium.serve.web.decisions import Decisions
    from podium.serve.web.endpoints import Endpoints
    from podium.serve.web.http import Room
    from podium.serve.web.openapi import document

    # To be described, they need not serve.
    endpoints, decisions = (kind(*[None] * len(signature(kind).parameters)) for kind in (Endpoints, Decisions))
    routes = [route for route in endpoints.routes(Room(), decisions) if route.answers]
    for path, methods in document(routes)["paths"].items():
        for method, told in methods.items():
            yield from ("", f"## `{method.upper()} {path}`", "", _prose(told["summary"]), "")
            yield from ("| status | answer |", "|---|---|")
            for status, answer in sorted(told["responses"].items()):
                kinds = ", ".join(f"`{kind}`" for kind in answer.get("content", {}))
                yield f"| {status} | {_cell(answer['description'])} {kinds} |"


def _prose(text: str) -> str:
    """Help of a verb as Markdown: no angle brackets that would be markup."""
    return text.replace("<", "\\<")


def _cell(text: str) -> str:
    return _prose(" ".join(text.split())).replace("|", "\\|")


GENERATORS = {"verbs": verbs, "http": http}
