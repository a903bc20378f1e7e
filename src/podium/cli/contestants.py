"""contestants: who may take part, a new one to begin with, and whether it would be admitted."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from podium.cli.console import answer, say, say_json
from podium.cli.flags import Json, takes_settings
from podium.errors import AdmissionError, PodiumError, SettingError
from podium.settings import Settings

if TYPE_CHECKING:
    from podium.models.options import Option


Act = Literal["list", "new", "check"]


@takes_settings("pair", "source", "n_lags", "data_dir")
def contestants(
    settings: Settings,
    *,
    act: Annotated[Act, typer.Argument(help="list who is known, write a new one, check one.")] = "list",
    name: Annotated[str, typer.Argument(help="The family that is written or checked.", show_default=False)] = "",
    as_json: Json = False,
) -> None:
    """Who may take part with what options; `new NAME` writes one to begin with, `check NAME` tries it.

    A new one is a folder with a package, its entry point and its test, which is admitted as it is. `check` runs the
    admission checks on the newest days of the pair; exit code 2 says that one failed.
    """
    if act == "list":
        _list(settings, as_json)
    elif not name:
        raise SettingError(f"name the contestant: `podium contestants {act} NAME`")
    elif act == "new":
        _new(name, as_json)
    else:
        _check(settings, name, as_json)


def _list(settings: Settings, as_json: bool) -> None:
    from podium.models.roster import known

    found = [_about(family, settings) for family in sorted(known())]
    lines: list[str] = []
    for one in found:
        part = "takes part" if one["takes_part"] else "does not take part"
        lines.append(f"{one['family']} ({one['package']}, {part}): {one.get('error') or one['description']}")
        for option in one["options"]:
            limits = f", {option['range']}" if option["range"] else ""
            default = "none" if option["default"] is None else option["default"]
            lines.append(
                f"  {option['name']} = {default}  ({option['type']}{limits})  {option['description']}".rstrip()
            )
    answer(as_json, found, lines)


def _about(family: str, settings: Settings) -> dict[str, Any]:
    """A contestant; one that cannot be used says why, and keeps nobody from being listed."""
    from podium.models.options import options_of
    from podium.models.roster import contestant_class, known

    package = known()[family].dist
    about: dict[str, Any] = {
        "family": family,
        "description": "",
        "package": f"{package.name} {package.version}" if package else "",
        "takes_part": family in settings.contestants,
        "options": [],
    }
    try:
        found = contestant_class(family)
    except PodiumError as error:
        return {**about, "error": str(error)}
    options: list[Option] = options_of(found)
    return {**about, "description": found.description, "options": [dataclasses.asdict(option) for option in options]}


def _new(family: str, as_json: bool) -> None:
    from podium.models.roster import known
    from podium.models.starter import starter

    files = starter(family)
    folder = Path(next(iter(files))).parent
    if family in known():
        raise SettingError(f"a contestant {family} is installed already; give another name")
    if folder.exists():
        raise SettingError(f"{folder} is there already; give another name, or remove it")
    folder.mkdir()
    for path, text in files.items():
        Path(path).write_text(text, encoding="utf-8")
    lines = [f"wrote {path}" for path in files]
    lines.append(f"enter it: python -m pip install --no-deps --no-build-isolation --editable {folder}")
    answer(as_json, {"family": family, "files": list(files)}, [*lines, f"then: podium contestants check {family}"])


def _check(settings: Settings, family: str, as_json: bool) -> None:
    from podium.data.store import data_version
    from podium.features import build_features
    from podium.models.checks import verdicts
    from podium.models.roster import enter
    from podium.pipeline.admission import trial
    from podium.pipeline.prepare import stored_or_fetched

    contestant, series = enter(family, settings), stored_or_fetched(settings)
    table = build_features(series, settings.n_lags, data_version(series))
    found = []
    for check, fault in (*verdicts(contestant, table), ("sealed_trial", trial(settings, contestant, series))):
        found.append({"check": check, "passed": not fault, "reason": fault or ""})
        if not as_json:
            say(f"{'failed' if fault else 'passed'}  {check}{f': {fault}' if fault else ''}")
    if as_json:
        say_json({"family": family, "admitted": all(one["passed"] for one in found), "checks": found})
    if not all(one["passed"] for one in found):
        raise typer.Exit(AdmissionError.exit_code)
