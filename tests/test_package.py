"""The package as it is installed: what importing it costs, what it offers, what is in the wheel."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from importlib.metadata import entry_points, files
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = {
    "mlflow", "numpy", "pandas", "scipy", "sklearn", "statsmodels", "arch", "tensorflow", "keras", "onnx",
    "onnxruntime", "matplotlib", "pyarrow", "sqlalchemy", "scoringrules", "requests", "granian", "uvloop", "rich",
}  # fmt: skip
IMPORTED = "import json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"


def imported_by(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after the code."""
    done = subprocess.run([sys.executable, "-c", f"{code}\n{IMPORTED}"], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import podium",
        "import podium.settings",
        "import podium.cli.verbs",
        "from podium.cli.verbs import run; run(['--help'])",
        "from podium.cli.verbs import run; run(['evaluate', '--help'])",
        "from podium.cli.verbs import run; run(['ingest', '--pair', 'x'])",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code):
    """Imports are the first cost of every verb: help and wrong input wait for none of these."""
    assert imported_by(code) & HEAVY == set()


def test_contestants_and_sources_load():
    """Every entry point leads to its class."""
    offered = {
        group: {point.name: point.load() for point in entry_points(group=group)}
        for group in ("podium.contestants", "podium.sources")
    }
    assert set(offered["podium.contestants"]) >= {"LinearRegression", "ARIMA", "LSTM"}
    assert set(offered["podium.sources"]) >= {"ecb", "ecb-online", "csv"}


def test_a_module_s_name_says_what_is_in_it():
    """No two modules have one name, so that a name leads to one place; migrations are numbered."""
    found = [path.stem for path in (ROOT / "src" / "podium").rglob("*.py") if "migrations" not in path.parts]
    assert [name for name, count in Counter(found).items() if count > 1] == ["__init__"]


def test_the_command_is_installed():
    """`podium` leads to the package's main."""
    (script,) = [point for point in entry_points(group="console_scripts") if point.name == "podium"]
    from podium.cli import main

    assert script.load() is main
    assert files("podium")


def test_the_wheel_holds_all_that_the_package_reads(tmp_path):
    """Every file of the package that is not code made by Python: modules, py.typed, templates, styles, scripts."""
    build = f"from setuptools.build_meta import build_wheel; build_wheel({str(tmp_path)!r})"
    command = [sys.executable, "-W", "ignore", "-c", build]
    built = subprocess.run(command, cwd=_source(tmp_path), capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("podium/")}
    assert "podium/py.typed" in held
    assert held == _package_files()


def _package_files() -> set[str]:
    source = ROOT / "src"
    found = (path for path in (source / "podium").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(source).as_posix() for path in found}


def _source(folder: Path) -> Path:
    """A copy to build in: a build leaves folders beside the source."""
    copy = folder / "source"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    return copy
