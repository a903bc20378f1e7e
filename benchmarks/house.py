"""Lines of code in `src/` by room, then and now, and how many of today's stand in modules that a new feature brought.

usage: python benchmarks/house.py [revision]     the first release's if not given

A line of code holds a token that is neither comment nor docstring. A module counts for a feature only where all of it
serves that feature; what a feature added to modules that were there before stays with their room.
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Callable
from pathlib import Path

RELEASE = "64eb02a"
ROOT = Path(__file__).parent.parent
SOURCE = "src/podium/"
MOVED = {"serve/ledger/": "ledger", "serve/outcomes.py": "ledger", "serve/ab.py": "evaluate"}  # rooms that were others'
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
FEATURES = {
    "every business day": (
        "pipeline/daily", "pipeline/day", "pipeline/due", "pipeline/onward", "pipeline/record", "pipeline/telling",
        "data/days_ahead", "ledger/day_log",
        "ledger/migrations/versions/v0003", "cli/every_day", "cli/lines/steps_of_days", "report/message",
        "report/amount", "evaluate/contributions",
    ),
    "somebody is told": ("alerts/", "cli/alarm", "evaluate/drift"),
    "the chores of years": (
        "upkeep/", "cli/chores", "ledger/copying", "ledger/retention", "registry/care", "registry/mlflow_tables",
        "registry/locations",
    ),
    "many pairs, many machines": (
        "pipeline/pairs", "pipeline/tasks", "cli/many", "cli/lines/per_pair", "report/index", "runners/cluster",
    ),
    "titles that a person gives": ("pipeline/approval", "registry/proposals", "serve/web/decisions"),
    "contestants of one's own, and mixtures": (
        "cli/contestants", "models/options", "models/starter", "models/boosting", "models/combin", "models/smoothing",
        "pipeline/admission", "pipeline/combine", "runners/sandbox", "registry/keras_by_name", "registry/onnx_by_name",
        "report/weights",
    ),
    "what a series must be": (
        "data/allow", "data/continuity", "data/identity", "data/timing", "data/sources/csv_grid",
        "data/sources/csv_numbers", "data/sources/csv_pairs",
    ),
    "a registry that others use too": (
        "registry/turns", "registry/trust", "registry/artifacts", "registry/isolation", "registry/mlflow_schema",
        "registry/attempts",
    ),
    "leads and misses over time": ("evaluate/conformal", "evaluate/fluctuation", "evaluate/volatility/aftershock"),
}  # fmt: skip


def code_lines(text: str) -> int:
    """Lines with a token that is neither comment nor docstring."""
    told: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            told.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    lines = {line for token in tokens if token.type not in LAYOUT for line in range(token.start[0], token.end[0] + 1)}
    return len(lines - told)


def at(revision: str) -> dict[str, int]:
    """Lines of code of each module, below `src/podium/`, at a revision; as they are now where it is empty."""
    if not revision:
        modules = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / "src").rglob("*.py")}
    else:
        names = _git("ls-tree", "-r", "--name-only", revision, "src").splitlines()
        modules = {name: _git("show", f"{revision}:{name}") for name in names if name.endswith(".py")}
    return {name.removeprefix(SOURCE): code_lines(text) for name, text in modules.items()}


def _git(*words: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True).stdout


def room(module: str) -> str:
    """The room that a module is in today; single modules are one."""
    moved = next((here for start, here in MOVED.items() if module.startswith(start)), None)
    folder = module.removesuffix(".py").partition("/")[0]
    return moved or (folder if "/" in module or folder in {"settings", "runners"} else "single modules")


def feature(module: str) -> str:
    """The feature that brought a module; empty for what was there before."""
    return next((name for name, starts in FEATURES.items() if module.startswith(starts)), "")


def by(modules: dict[str, int], group: Callable[[str], str]) -> Counter[str]:
    """Sums of lines."""
    found: Counter[str] = Counter()
    for module, lines in modules.items():
        found[group(module)] += lines
    return found


def main() -> None:
    """Both tables, as Markdown."""
    before, now = at((sys.argv[1:] or [RELEASE])[0]), at("")
    kept = {module: lines for module, lines in now.items() if not feature(module)}
    then, today, rest = (by(modules, room) for modules in (before, now, kept))
    print("| room | then | now | of it in modules of new features | the rest |\n|---|---|---|---|---|")
    for name in sorted(today):
        print(f"| {name} | {then[name]:,} | {today[name]:,} | {today[name] - rest[name]:,} | {rest[name]:,} |")
    sums = (sum(then.values()), sum(today.values()), sum(today.values()) - sum(rest.values()), sum(rest.values()))
    print(f"| all | {' | '.join(f'{one:,}' for one in sums)} |\n\n| feature since | lines |\n|---|---|")
    for name, lines in by(now, feature).items():
        print(f"| {name} | {lines:,} |" if name else "", end="\n" if name else "")


if __name__ == "__main__":
    main()
