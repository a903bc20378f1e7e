"""The documentation: it builds without a warning, leaves nothing public out, and its examples run."""

from __future__ import annotations

import importlib
import inspect
import re
import shlex
import shutil
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from sphinx.util.inventory import InventoryFile

import podium
from podium import errors

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RUN = ("python", "sh", "bash")
ELSEWHERE = {"CONTRIBUTING.md": "tests/test_contributing.py installs what it says and runs the rest"}
# Commands of examples that the test below leaves out, by how they begin.
NOT_RUN = {
    "make ": "the environment that runs the tests was made by it",
    "python3 -m venv": "installs an environment",
    ".venv/bin/pip": "installs an environment",
    "podium run": "the folder in which the examples run was made by it; tests/contract does, with servers",
    "podium serve": "waits for requests; tests/serve asks them",
    "mlflow server": "waits for requests; tests/contract follows the page and asks it",
    "mlflow db": "works on somebody's server; tests/contract follows the page on its own",
    "ray start": "makes a cluster; tests/contract follows the page",
    "podium migrate --to postgresql": "needs servers; tests/contract carries a championship to its own and back",
    "curl ": "asks a server that waits; tests/serve asks all of it",
    "podium ingest --source ecb-online": "asks the ECB",
    "pip install": "tests/pipeline/test_leak_example.py does",
    "python .../examples": "tests/pipeline/test_leak_example.py does",
    "podium forecast --date": "the day comes, and then it is over; tests/pipeline/test_forecast.py asks for others",
    "podium titles approve": "somebody's proposal; tests/pipeline/test_approval.py decides its own",
    "podium titles reject": "as above",
    "export ": "addresses of somebody's servers; tests/contract follows the page with its own",
}
ROOMS_PAGE = "ARCHITECTURE.md"


def pages() -> list[str]:
    """Every page but the records of decisions, by its path in the repository."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    names = sorted(path.relative_to(ROOT).as_posix() for path in found)
    return [name for name in names if not name.startswith("docs/decisions/") and name not in ELSEWHERE]


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of each fenced block that can be run."""
    found = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    return [(language, text) for language, text in found if language in RUN]


def commands(page: str) -> list[str]:
    """Every command of the page's shell blocks, whole, without comments."""
    shown = "".join(text for language, text in blocks(page) if language != "python").replace("\\\n", " ")
    return [line for line in shown.splitlines() if shlex.split(line, comments=True)]


def is_left_out(command: str) -> bool:
    """Whether the list above says why it is not run."""
    return command.startswith(tuple(NOT_RUN))


@pytest.mark.parametrize("page", [page for page in pages() if blocks(page)])
def test_the_examples_of_a_page_run(shell, copy_championship, few_rates, tmp_path, page):
    """Its commands one after another in the folder of a championship, then its Python as one script."""
    script = "\n".join(command for command in commands(page) if not is_left_out(command))
    code = "\n".join(text for language, text in blocks(page) if language == "python")
    if not script and not code:
        return
    folder = copy_championship(tmp_path / "championship")
    shutil.copy(few_rates, folder / "rates.csv")
    if script:
        ran = shell(folder, "sh", "-e", "-c", script)
        assert ran.exit_code == 0, ran.stdout + ran.stderr
    if code:
        ran = shell(folder, sys.executable, "-c", code, MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false")
        assert ran.exit_code == 0, ran.stdout + ran.stderr


def test_what_is_not_run_is_still_there():
    """Each reason in the list belongs to a command of a page."""
    left_out = [command for page in pages() for command in commands(page) if is_left_out(command)]
    assert [start for start in NOT_RUN if not any(command.startswith(start) for command in left_out)] == []


@pytest.fixture(scope="module")
def site(shell, tmp_path_factory) -> Path:
    """The site, as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    recipe = re.search(r"^docs:.*\n\t@?(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    _, *arguments = shlex.split(recipe[1])
    words = [str(folder) if word == "site" else word for word in arguments]
    built = shell(ROOT, sys.executable, "-m", "sphinx", *words, "--doctree-dir", str(folder.with_name("doctrees")))
    assert (built.exit_code, built.stderr) == (0, "")
    return folder


def test_the_site_is_whole(site):
    """Sphinx took every warning for an error: no broken link, no page that the contents do not have."""
    assert "docs/index.html" in (site / "index.html").read_text()
    assert "/v1/forecast/{pair}" in (site / "docs" / "reference" / "http.html").read_text()
    assert 'id="podium-evaluate"' in (site / "docs" / "reference" / "verbs.html").read_text()


def test_nothing_public_is_left_out(site):
    """Every name of the package and every error is in the reference."""
    with (site / "objects.inv").open("rb") as file:
        kinds = InventoryFile.load(file, "", lambda base, to: to)
    documented = {name for kind, names in kinds.items() if kind.startswith("py:") for name in names}
    offered = {f"podium.{name}" for name in podium.__all__} - {"podium.__version__", "podium.Settings"}
    classes = (name for name, _ in inspect.getmembers(errors, inspect.isclass))
    raised = {f"podium.errors.{name}" for name in classes if name.endswith("Error")}
    assert (offered | raised | {"podium.settings.Settings"}) - documented == set()


NAMED = re.compile(r"`(podium(?:\.(?!toml\b)\w+)+)`")


@pytest.mark.parametrize("page", [ROOMS_PAGE, "CONTRIBUTING.md"])
def test_a_page_names_what_exists(page):
    """Every module, class, function and group of entry points that it names by its full name is there."""
    named = set(NAMED.findall((ROOT / page).read_text(encoding="utf-8")))
    assert named
    named -= entry_points().groups
    assert [name for name in sorted(named) if not _exists(name)] == []


def _exists(name: str) -> bool:
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part, None)
        return found is not None
    return False


def test_every_folder_of_the_package_is_in_its_plan():
    """The tree of ARCHITECTURE.md has each room and part of a room, and no other."""
    package = ROOT / "src" / "podium"
    text = (ROOT / ROOMS_PAGE).read_text(encoding="utf-8")
    tree = re.findall(r"^ {2,}(\w+)/ ", text, re.MULTILINE)
    rooms = {path.parent for path in package.rglob("__init__.py") if "migrations" not in path.parts} - {package}
    assert sorted(room.name for room in rooms) == sorted(tree)
