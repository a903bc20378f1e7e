"""Where settings are found: flags, variables, `podium.toml`; the first that has a value wins."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from podium.errors import SettingError
from podium.settings.wording import SECRETS, mask, nearest

SETTINGS_FILE = Path("podium.toml")
PREFIX = "PODIUM_"
TESTS_PREFIX = "PODIUM_TEST_"
OTHERS_VARIABLES = frozenset({"PODIUM_API_KEYS"})  # secrets of the server, which are no setting

Key = tuple[str, ...]
"""The names that lead to a value: `("n_lags",)`, `("serve", "port")`, `("options", "LSTM", "units")`."""

MLFLOWS: Mapping[Key, str] = {
    ("tracking_uri",): "MLFLOW_TRACKING_URI",
    ("registry_uri",): "MLFLOW_REGISTRY_URI",
    ("experiment",): "MLFLOW_EXPERIMENT_NAME",
}
"""The variables that MLflow itself reads; they come before ours."""

RENAMED: Mapping[Key, Key] = {
    ("window",): ("n_lags",),
    ("level",): ("alpha",),
    ("serve", "workers"): ("serve", "processes"),
    ("serve", "experiment"): ("serve", "ab_test"),
    ("options", "LinearRegression", "n_lags"): ("options", "LinearRegression", "lags_used"),
}
"""Names of release 0.1, each with its name now. They are read in this release, with a note."""


@dataclass(frozen=True, slots=True)
class Found:
    """A value, not yet checked, and where it stands."""

    value: Any
    origin: str


def keys(model: type[BaseModel]) -> list[Key]:
    """Every setting; those of a section after its name."""
    found: list[Key] = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        section = isinstance(kind, type) and issubclass(kind, BaseModel)
        found += [(name, *key) for key in keys(kind)] if section else [(name,)]  # type: ignore[arg-type]
    return found


def read(known: Iterable[Key], flags: Mapping[str, Any]) -> tuple[dict[Key, Found], tuple[str, ...]]:
    """Every value that is given, and a note for each that goes by an old name.

    Raises:
        SettingError: a variable that no setting has, or a file that is no TOML.
    """
    found: dict[Key, Found] = {}
    notes: list[str] = []
    for place in (_file(), _variables(list(known)), _flags(flags)):
        for key in [key for key in place if key in RENAMED]:
            notes.append(_note(key, place[key].origin))
            place.setdefault(RENAMED[key], place[key])
            del place[key]
        for key, item in place.items():
            for outer in (key[:length] for length in range(1, len(key))):
                found.pop(outer, None)  # `options = 3`, of which nothing stays when a table comes before it
            found[key] = item
    if SETTINGS_FILE.is_file() and SETTINGS_FILE.stat().st_mode & 0o077 and any(map(_secret, found.items())):
        notes.append(f"{SETTINGS_FILE} holds a password and can be read by others; `chmod 600 {SETTINGS_FILE}`")
    return found, tuple(notes)


def _secret(given: tuple[Key, Found]) -> bool:
    """Whether the file says what nobody else should read."""
    key, item = given
    ours = item.origin.startswith(str(SETTINGS_FILE))
    return ours and (key in SECRETS or mask(str(item.value)) != str(item.value))


def nested(found: Mapping[Key, Found]) -> dict[str, Any]:
    """The values as tables within tables."""
    tree: dict[str, Any] = {}
    for (*outer, last), item in found.items():
        table = tree
        for name in outer:
            table = table.setdefault(name, {})
        table[last] = item.value
    return tree


def variables(key: Key) -> tuple[str, ...]:
    """The names of a setting's variables, the first that is set wins."""
    ours = PREFIX + "_".join(key).upper()
    return (MLFLOWS[key], ours) if key in MLFLOWS else (ours,)


def _note(old: Key, origin: str) -> str:
    new = RENAMED[old]
    if origin.startswith("variable"):
        return f"{origin} is now {variables(new)[-1]}; the old name is read in this release only"
    if origin == "flag":
        old, new = (f"--{old[-1]}",), (f"--{new[-1].replace('_', '-')}",)
    where = "" if origin == "flag" else f"{origin}: "
    return f"{where}{'.'.join(old)} is now {'.'.join(new)}; the old name is read in this release only"


def leaves(table: Mapping[str, Any], above: Key = ()) -> Iterator[tuple[Key, Any]]:
    """The values of tables within tables, each with the names that lead to it."""
    for name, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*above, name))
        else:
            yield (*above, name), value


def _flags(flags: Mapping[str, Any]) -> dict[Key, Found]:
    return {key: Found(value, "flag") for key, value in leaves(flags) if value is not None}


def _variables(known: list[Key]) -> dict[Key, Found]:
    """Those that are set; blank is not set. What nothing reads is misspelt, and would be passed over silently."""
    old = [key for key in RENAMED if key[0] != "options"]
    readers = {name: key for key in [*old, *known] for name in reversed(variables(key))}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and not name.startswith(TESTS_PREFIX) and name not in {*readers, *OTHERS_VARIABLES}:
            within = [one for one in readers if one.endswith(f"_{name.removeprefix(PREFIX)}")]  # of a section
            meant = f"did you mean {within[0]}?" if within else nearest(name, readers)
            raise SettingError(f"variable {name}: there is no such setting; {meant}")
    found: dict[Key, Found] = {}
    for name, key in readers.items():  # MLflow's come last, and so before ours
        text = os.environ.get(name, "").strip()
        if text and key == ("options",):
            whole = {"options": _json(name, text)}
            found |= {inner: Found(value, f"variable {name}") for inner, value in leaves(whole)}
        elif text:
            found[key] = Found(text, f"variable {name}")
    return found


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise SettingError(f"variable {name}: options are written as JSON in the environment ({error})") from None


def _file() -> dict[Key, Found]:
    """What `podium.toml` in this folder says, each value with its line."""
    if not SETTINGS_FILE.is_file():
        return {}
    raw = SETTINGS_FILE.read_bytes()
    try:
        # Windows' editors begin a file with a mark, and some write two bytes a letter
        text = raw.decode("utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
        table = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SettingError(f"{SETTINGS_FILE} line {line}: not valid UTF-8; save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"{SETTINGS_FILE} is not valid TOML: {error}") from None
    lines = _lines(text)
    given = ((key, value) for key, value in leaves(table) if not (isinstance(value, str) and not value.strip()))
    return {key: Found(value, f"{SETTINGS_FILE} line {lines[key]}") for key, value in given}


def _lines(text: str) -> dict[Key, int]:
    """The line on which each value begins, which TOML's parser does not tell: it is asked for one value at a time."""
    found: dict[Key, int] = {}
    header, begun, first = "", list[str](), 1
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        begun.append(line)
        with suppress(tomllib.TOMLDecodeError):  # within a value of several lines
            for key, _ in leaves(tomllib.loads("\n".join([header, *begun]))):
                found.setdefault(key, first)
            header = line if begun == [line] and line.lstrip().startswith("[") else header
            begun, first = [], number + 1
    return found
