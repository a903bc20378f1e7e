"""The scripts in `benchmarks/` and the page with their figures name each other; mypy reads them with the package."""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path

ACTS = ast.If | ast.For | ast.While | ast.With | ast.Try
FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.py"))}
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
DOCS = [path.read_text(encoding="utf-8") for path in sorted((FOLDER.parent / "docs").rglob("*.md"))]
COMMANDS = {found for text in (PAGE, *DOCS) for found in re.findall(r"python benchmarks/(\w+\.py)([^`\n]*)`", text)}


def imported(text: str) -> set[str]:
    """Names of the scripts that one is made of."""
    named = [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    found = {alias.name for node in named if isinstance(node, ast.Import) for alias in node.names}
    return {f"{name}.py" for name in found | {node.module for node in named if isinstance(node, ast.ImportFrom)}}


def test_every_script_is_named_beside_its_figures():
    """The page has each one's file name; what others are made of needs none."""
    parts = set().union(*map(imported, SCRIPTS.values()))
    assert [name for name in SCRIPTS if f"{name}" not in PAGE and name not in parts] == []


def test_every_script_that_is_named_is_there():
    """On the page by its file name, and wherever a command stands in the documentation."""
    named = {*re.findall(r"`(?:python benchmarks/)?(\w+\.py)\b", PAGE), *(name for name, _ in COMMANDS)}
    assert len(named) > 20
    assert named - set(SCRIPTS) == set()


def test_every_test_that_is_named_is_there():
    """What proves a figure or a decision is named by its path, which is found."""
    named = {path for text in (PAGE, *DOCS) for path in re.findall(r"\btests/[\w/]+\.py\b", text)}
    assert len(named) > 2
    assert [path for path in named if not (FOLDER.parent / path).is_file()] == []


def test_every_flag_that_is_named_is_taken():
    """Each stands in its script, and a script that takes no words is given none."""
    flags = [(script, flag) for script, words in COMMANDS for flag in re.findall(r"--[a-z-]+", words)]
    assert [(script, flag) for script, flag in flags if f'"{flag}"' not in SCRIPTS[script]] == []
    given = {script for script, words in COMMANDS if words.strip()}
    assert [script for script in given if not re.search(r"sys\.argv|ArgumentParser", SCRIPTS[script])] == []


def test_every_script_says_what_it_is_for_and_runs_only_when_it_is_called():
    """It begins with a docstring; importing it, as tests do, starts nothing."""
    trees = {name: ast.parse(text) for name, text in SCRIPTS.items()}
    assert [name for name, tree in trees.items() if not ast.get_docstring(tree)] == []
    begun = {name: [node for node in tree.body if isinstance(node, ACTS)] for name, tree in trees.items()}
    asked = {name: [ast.unparse(node).splitlines()[0] for node in nodes] for name, nodes in begun.items() if nodes}
    assert [name for name, lines in asked.items() if lines != ["if __name__ == '__main__':"]] == []


def test_every_name_in_the_table_of_features_is_in_the_source():
    """What the count of lines gives to a feature exists, module or definition, and what does not is told by name."""
    house = runpy.run_path(str(FOLDER / "house.py"))
    now = house["at"]("")
    assert house["unknown"](now) == []
    assert house["unknown"]([part for part in now if part != "pipeline/forecast:horizon_to"]) == [
        "pipeline/forecast:horizon_to"
    ]
