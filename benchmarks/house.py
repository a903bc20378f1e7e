"""Lines of code in `src/` by room, then and now, and how many of today's a new feature brought.

usage: python benchmarks/house.py [revision]     the first release's if not given

A line of code holds a token that is neither comment nor docstring. A module, or a function, class or method
(`module:Class.method`) of one that was there before, counts for a feature only where all of it serves that feature and
the first release did nothing of the kind; whatever is in doubt stays with the rest.
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

RELEASE = "64eb02a"
ROOT = Path(__file__).parent.parent
SOURCE = "src/podium/"
MOVED = {"serve/ledger/": "ledger", "serve/outcomes": "ledger", "serve/ab": "evaluate"}  # rooms that were others'
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
FEATURES = {
    "every business day": (
        "pipeline/daily", "pipeline/day", "pipeline/due", "pipeline/onward", "pipeline/record", "pipeline/telling",
        "data/days_ahead", "ledger/day_log",
        "ledger/migrations/versions/v0003", "cli/every_day", "cli/lines/steps_of_days", "report/message",
        "report/amount", "evaluate/contributions",
        "records:Late", "data/calendar:expected_day", "data/calendar:lateness", "data/calendar:late",
        "data/calendar:stale", "data/calendar:n_business_days", "pipeline/status:_stale",
        "pipeline/forecast:forecast_ahead", "pipeline/forecast:horizon_to", "pipeline/forecast:_Scene.further",
        "pipeline/forecast:why", "pipeline/forecast:_Scene.why", "pipeline/forecast:_Scene._holder_before",
        "pipeline/forecast:_Scene._asked", "report/verdict:further",
        "serve/web/closes:Closes.ahead", "serve/web/closes:Closes.stale", "serve/web/endpoints:Endpoints._further",
        "settings/kinds:time_of_day", "settings/kinds:_clock", "settings/kinds:_rhythm",
    ),
    "somebody is told": (
        "alerts/", "cli/alarm", "evaluate/drift", "settings/__init__:AlertSettings", "settings/kinds:_hook",
        "settings/kinds:_notice",
    ),
    "the chores of years": (
        "upkeep/", "cli/chores", "ledger/copying", "ledger/retention", "registry/care", "registry/mlflow_tables",
        "registry/locations", "serve/web/security:ended_keys", "serve/web/security:_drop_line", "cli/served:_before",
    ),
    "many pairs, many machines": (
        "pipeline/pairs", "pipeline/tasks", "cli/many", "cli/lines/per_pair", "report/index", "runners/cluster",
    ),
    "titles that a person gives": (
        "pipeline/approval", "registry/proposals", "serve/web/decisions", "cli/by_hand:titles",
        "cli/lines/since:proposal_lines", "cli/served:_decides", "evaluate/policy:Decision.proposed_beside",
        "pipeline/contest:approval_from", "registry/mlflow_store:MlflowStore.record_step",
        "serve/web/schemas:Proposal", "serve/web/schemas:Proposals", "serve/web/schemas:Decision",
        "serve/web/schemas:Decided",
    ),
    "contestants of one's own, and mixtures": (
        "cli/contestants", "models/options", "models/starter", "models/boosting", "models/combin", "models/smoothing",
        "pipeline/admission", "pipeline/combine", "runners/sandbox", "registry/keras_by_name", "registry/onnx_by_name",
        "report/weights",
        "models/checks:verdicts", "models/onnx_graph:mixture_graph", "models/roster:arguments",
        "evaluate/walkforward:walk_together", "pipeline/recipe:_mixed", "cli/lines/judged:_weights_line",
        "registry/packing:_save_onnx", "registry/packing:_loaded_by",
    ),
    "what a series must be": (
        "data/allow", "data/continuity", "data/identity", "data/timing", "data/sources/csv_grid",
        "data/sources/csv_numbers", "data/sources/csv_pairs", "data/quality:check_coarse",
        "data/sources/csv_dates:is_clock", "pipeline/contest:must_go_on", "pipeline/contest:check_going_on",
        "evaluate/sentinel:series_break", "evaluate/sentinel:_lag_1",
    ),
    "a registry that others use too": (
        "registry/turns", "registry/trust", "registry/artifacts", "registry/isolation", "registry/mlflow_schema",
        "registry/attempts",
        "registry/connection:Connection.turn", "registry/connection:Connection.check_turn",
        "registry/mlflow_store:MlflowStore.turn", "registry/history:chain", "registry/history:breaks",
        "registry/mlflow_store:MlflowStore.verify_titles", "pipeline/titles:verify", "cli/lines/since:verified_lines",
        "registry/pair_models:unrecorded", "registry/mlflow_store:MlflowStore.record_found",
        "registry/pair_models:stray_aliases", "registry/mlflow_store:MlflowStore.stray_aliases",
        "registry/mlflow_store:MlflowStore.has_model", "pipeline/contest:_takes_part", "pipeline/contest:_can_be_kept",
    ),
    "leads, misses and more models of volatility": (
        "evaluate/conformal", "evaluate/fluctuation", "evaluate/volatility/aftershock", "evaluate/volatility/gjr",
        "evaluate/volatility/har", "evaluate/volatility/rolling", "evaluate/density:dynamic_quantile",
        "report/skill:fluctuation_figure", "report/verdict:over_time", "report/tables:volatility_league",
    ),
    "a Python API, and settings that say where they come from": (
        "__init__:run", "__init__:train", "__init__:evaluate", "__init__:forecast", "__init__:status",
        "__init__:read_series", "__init__:features", "__init__:__getattr__", "__init__:_Package",
        "records:Tabular", "records:Table", "records:Series.to_frame", "records:FeatureTable.to_frame",
        "evaluate/judgement:Judgement.to_frame", "evaluate/judgement:Judgement._repr_html_",
        "pipeline/status:Status.to_frame", "pipeline/status:Status._repr_html_",
        "cli/workplace:settings", "settings/__init__:Settings.origin", "settings/__init__:Settings.notes",
        "settings/overview:in_force", "settings/overview:settings_table",
        "settings/origins:_lines", "settings/origins:_note", "settings/origins:_secret",
    ),
    "a server that faces others, and rests": (
        "serve/processes/supervisor:_check_tls", "serve/processes/logs:Lines", "serve/processes/logs:OnceAMinute",
        "registry/glance", "serve/processes/supervisor:_Watch",
        "serve/hotswap/registry_reader:RegistryReader.may_rest", "serve/hotswap/trial",
    ),
}  # fmt: skip


def code_lines(text: str) -> set[int]:
    """Lines with a token that is neither comment nor docstring."""
    told: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            told |= lines_of(node)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    lines = {line for token in tokens if token.type not in LAYOUT for line in range(token.start[0], token.end[0] + 1)}
    return lines - told


def lines_of(node: ast.stmt) -> set[int]:
    """Those that a statement stands on, with what decorates it."""
    first = min([node.lineno, *(above.lineno for above in getattr(node, "decorator_list", ()))])
    return set(range(first, (node.end_lineno or node.lineno) + 1))


def definitions(body: list[ast.stmt], above: str = "") -> dict[str, set[int]]:
    """The lines of every function, class and method, by `name` and `Class.name`."""
    found: dict[str, set[int]] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[above + node.name] = lines_of(node)
        if isinstance(node, ast.ClassDef):
            found |= definitions(node.body, f"{node.name}.")
    return found


def parts(module: str, text: str) -> dict[str, int]:
    """Lines of code of a module's definitions that a feature names, and of what is left of it."""
    lines, found, known = code_lines(text), dict[str, int](), definitions(ast.parse(text).body)
    for name in (name for names in FEATURES.values() for name in names if name.startswith(f"{module}:")):
        own = lines & known.get(name.partition(":")[2], set())
        found |= {name: len(own)} if own else {}
        lines -= own
    return {**found, module: len(lines)}


def at(revision: str) -> dict[str, int]:
    """Lines of code of each part, below `src/podium/`, at a revision; as they are now where it is empty."""
    if not revision:
        modules = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / "src").rglob("*.py")}
    else:
        names = _git("ls-tree", "-r", "--name-only", revision, "src").splitlines()
        modules = {name: _git("show", f"{revision}:{name}") for name in names if name.endswith(".py")}
    short = {name.removeprefix(SOURCE).removesuffix(".py"): text for name, text in modules.items()}
    return {part: lines for module, text in short.items() for part, lines in parts(module, text).items()}


def unknown(now: Collection[str]) -> list[str]:
    """What the table names and the source has not."""
    named = [name for names in FEATURES.values() for name in names]
    return [name for name in named if not (name in now if ":" in name else any(part.startswith(name) for part in now))]


def _git(*words: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True).stdout


def room(part: str) -> str:
    """The room that a part is in today; single modules are one."""
    moved = next((here for start, here in MOVED.items() if part.startswith(start)), None)
    module = part.partition(":")[0]
    folder = module.partition("/")[0]
    return moved or (folder if "/" in module or folder in {"settings", "runners"} else "single modules")


def feature(part: str) -> str:
    """The feature that brought a part; empty for what was there before."""
    return next((name for name, starts in FEATURES.items() if part.startswith(starts)), "")


def by(parts: dict[str, int], group: Callable[[str], str]) -> Counter[str]:
    """Sums of lines."""
    found: Counter[str] = Counter()
    for part, lines in parts.items():
        found[group(part)] += lines
    return found


def main() -> None:
    """Both tables, as Markdown.

    Raises:
        SystemExit: the table of features names what is not there.
    """
    before, now = at((sys.argv[1:] or [RELEASE])[0]), at("")
    if gone := unknown(now):
        sys.exit(f"not in the source: {', '.join(gone)}")
    kept = {part: lines for part, lines in now.items() if not feature(part)}
    then, today, rest = (by(modules, room) for modules in (before, now, kept))
    print("| room | then | now | of it new features | the rest |\n|---|---|---|---|---|")
    for name in sorted(today):
        print(f"| {name} | {then[name]:,} | {today[name]:,} | {today[name] - rest[name]:,} | {rest[name]:,} |")
    sums = (sum(then.values()), sum(today.values()), sum(today.values()) - sum(rest.values()), sum(rest.values()))
    print(f"| all | {' | '.join(f'{one:,}' for one in sums)} |\n\n| feature since | lines |\n|---|---|")
    brought = by(now, feature)
    for name in FEATURES:
        print(f"| {name} | {brought[name]:,} |")


if __name__ == "__main__":
    main()
