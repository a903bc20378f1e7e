"""What makes two runs of one family the same forecaster: a record of forecasts may go on only while this stays."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from podium.errors import MissingError
from podium.models.combiner import Combiner
from podium.models.roster import contestant_class, enter, known, members
from podium.records import FeatureTable, RunRecord
from podium.registry.attempts import Attempt
from podium.settings import Settings
from podium.settings.origins import RENAMED

TAG = "recipe"
ANEW = " since "  # between a recipe whose record began anew and the day from which on it counts: another try
CONTESTANTS = ("models", "features.py")
OWN_CODE = (*CONTESTANTS, "evaluate/walkforward.py")
COMPUTING = re.compile(r"numpy|pandas|scipy|scikit-learn|statsmodels|tensorflow.*|keras|torch|lightgbm|xgboost")
SHARED = ("n_lags", "seed", "refit_every", "test_fraction")  # settings that a recipe holds beside its options


def tries(runs: Iterable[RunRecord], attempts: Iterable[Attempt] = ()) -> dict[str, str]:
    """Which try each of these runs of the same days is, by id: its recipe, or its own id where it names none.

    Whoever tries twenty and shows the best has had twenty chances, and a test must know. Other errors on the same days
    under one recipe are another try: something that no digest sees was changed. So is a recipe whose record began anew.

    Args:
        runs: of the same days.
        attempts: those known; of one recipe the last counts.
    """
    last = {found.recipe.partition(ANEW)[0]: found.recipe for found in sorted(attempts, key=lambda found: found.since)}
    found: dict[str, str] = {}
    errors: dict[str, list[float]] = {}
    for run in sorted(runs, key=lambda run: (run.started_at, run.run_id)):
        digest = run.tags.get(TAG, run.run_id)
        seen = errors.setdefault(digest, [])
        if run.rmse not in seen:
            seen.append(run.rmse)
        place = seen.index(run.rmse)
        name = f"{digest}.{place + 1}" if place else digest
        found[run.run_id] = last.get(name, name)
    return found


def ingredients(settings: Settings, family: str) -> dict[str, object]:
    """The settings by which a contestant can be entered again as it was; for `as_trained`."""
    options = {name: settings.options.get(name, {}) for name in (family, *_mixed(settings, family))}
    found = {name: getattr(settings, name) for name in SHARED} | {"options": options.pop(family)}
    return found | ({"members": options} if options else {})


def _mixed(settings: Settings, family: str) -> tuple[str, ...]:
    """Whose forecasts a contestant mixes; nobody's where it forecasts by itself."""
    return members(settings) if issubclass(contestant_class(family), Combiner) else ()


def as_trained(settings: Settings, family: str, recorded: bytes | None) -> Settings:
    """These settings, with those of the contestant as its run recorded them.

    Raises:
        MissingError: the run recorded none, or not these.
    """
    try:
        content = {"n_lags": None, **json.loads(recorded or b"")}
        content["n_lags"] = content["n_lags"] or content["window"]  # as the first release called it, and options below
        shared = {name: content[name] for name in SHARED}
        others: dict[str, object] = content.get("members", {})
        own = {RENAMED.get(("options", family, name), (name,))[-1]: found for name, found in content["options"].items()}
        options = {**settings.options, **others, family: own}
        return settings.model_copy(update={**shared, "options": options, "contestants": (*others, family)})
    except (ValueError, KeyError, TypeError):
        raise MissingError(
            f"the run of {family} does not say how it was made, so it cannot be made again; run `podium train`"
        ) from None


def recipe(settings: Settings, family: str, table: FeatureTable) -> str:
    """A digest of all that a person can choose about a contestant: code, options, seed, refits, columns, source.

    What a fit chooses by itself from the data, such as an order, is no part of it: the rule of choice is, and so are
    the code that makes the forecasts and the versions of the libraries that it needs, and the recipes of those that it
    mixes.

    Args:
        settings: with the contestant's options.
        family: of the contestant.
        table: what it sees.
    """
    contestant = enter(family, settings)
    parts: dict[str, object] = {
        "class": _name(type(contestant)),
        "code": _code(type(contestant)),
        "libraries": _libraries(family),
        "contestant": dataclasses.asdict(contestant),
        "refit_every": settings.refit_every,
        "test_fraction": settings.test_fraction,
        "columns": table.names,
        "source": table.data_version.source,
    }
    if others := _mixed(settings, family):
        parts["members"] = [recipe(settings, other, table) for other in others]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def code_digest(kind: type) -> str:
    """A digest of a contestant's class, of the source beside it and of the features, whatever its options."""
    return hashlib.sha256(f"{_name(kind)} {_code(kind, CONTESTANTS)}".encode()).hexdigest()[:16]


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _code(kind: type, own: tuple[str, ...] = OWN_CODE) -> str:
    """A digest of the source that makes the forecasts: the contestants' rooms here, another package's whole tree."""
    top, *rest = kind.__module__.split(".")
    file = getattr(sys.modules[kind.__module__], "__file__", None)
    if file is None:  # a class that was written into a shell
        return ""
    root = Path(file).parents[len(rest) - 1] if rest else Path(file)
    named = [root / place for place in own] if top == "podium" else [root]
    files = [path for place in named for path in ([place] if place.is_file() else _files(place))]
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _files(package: Path) -> list[Path]:
    """Constants may stand in a table beside the code; what Python makes of the code is no file of anybody's."""
    found = sorted(path for path in package.rglob("*") if path.is_file())
    return [path for path in found if "__pycache__" not in path.parts]


@cache
def installed(name: str) -> str | None:
    """Version of a distribution; None where it is not here."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _libraries(family: str) -> list[str]:
    """Name and version of what the package that brings the contestant needs, where it is known to compute."""
    brought_by = known()[family].dist
    needed = {re.split(r"[^\w.-]", line, maxsplit=1)[0].lower() for line in (brought_by and brought_by.requires) or ()}
    return sorted(f"{name} {installed(name)}" for name in needed if COMPUTING.fullmatch(name) and installed(name))
