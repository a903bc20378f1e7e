"""What every file of the repository keeps to."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
INDEX = re.compile(
    r"--(extra-)?index-url[= ]+\S|https?://[^\s\"'>)]*(/simple/?\b|pypi\.org|pythonhosted|devpi|artifactory|nexus)"
)
MACHINE_PATH = re.compile(r"(?<![\w.])/(root|home/(?!runner\b)[a-z]\w*|Users/[A-Za-z]\w*|work)/[\w.-]+")
TEXT = {".py", ".md", ".toml", ".txt", ".in", ".sh", ".cfg", ".yml", ".yaml", ".html", ".css", ".js", ".json", ""}
EXCEPT_THIS = Path(__file__).relative_to(ROOT).as_posix()


@cache
def tracked() -> tuple[Path, ...]:
    """Files that git knows; all files of a copy without git."""
    asked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        pytest.skip("this copy of the source has no git history")
    return tuple(ROOT / name for name in asked.stdout.split("\0") if name and (ROOT / name).is_file())


def texts() -> dict[str, str]:
    """Tracked text files by name."""
    chosen = [path for path in tracked() if path.suffix in TEXT]
    found = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in chosen}
    return {name: text for name, text in found.items() if name != EXCEPT_THIS}


def places(pattern: re.Pattern[str]) -> list[str]:
    """Where the pattern stands, as file and line."""
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in texts().items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_address_of_a_package_index():
    """Whoever installs chooses the index."""
    assert places(INDEX) == []


def test_no_path_of_one_machine():
    """Nothing depends on where somebody's copy lies."""
    assert places(MACHINE_PATH) == []


def test_decisions_have_one_form():
    """Each begins with its number and a title, then its date; no number is used twice."""
    decisions = [path for path in tracked() if path.parent == ROOT / "docs" / "decisions" and path.name != "README.md"]
    numbers = Counter(path.name[:4] for path in decisions)
    assert [number for number, count in numbers.items() if count > 1] == []
    form = {path.name: re.compile(rf"# {path.name[:4]} [^\n]+\n\n\d{{4}}-\d\d-\d\d\n\n") for path in decisions}
    assert [path.name for path in decisions if not form[path.name].match(path.read_text(encoding="utf-8"))] == []


def requirements(name: str) -> dict[str, tuple[str, int]]:
    """Locked packages of a file with their pins and how many hashes each has; markers tell equal names apart."""
    joined = (ROOT / "requirements" / name).read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in joined.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            pin = line.split("--hash")[0].strip()
            found[pin] = (re.split(r"[=<>~! ;\[]", pin)[0].lower(), line.count("--hash=sha256:"))
    return found


@pytest.mark.parametrize("name", ["run.txt", "test.txt", "setup.txt"])
def test_every_locked_package_has_a_version_and_hashes(name):
    """`package==version` with at least one digest."""
    locked = requirements(name)
    assert locked
    assert [pin for pin, (_, hashes) in locked.items() if "==" not in pin or not hashes] == []


def test_the_tests_run_on_what_the_users_get():
    """Every pin of run.txt is one of test.txt, word for word."""
    missing = set(requirements("run.txt")) - set(requirements("test.txt"))
    assert missing == set()


def test_the_lock_holds_what_the_project_declares():
    """Each dependency of pyproject.toml is in run.txt, each of its extra `dev` in test.txt."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for declared, name in ((project["dependencies"], "run.txt"), (project["optional-dependencies"]["dev"], "test.txt")):
        wanted = {re.split(r"[=<>~! ;\[]", item)[0].lower().replace("_", "-") for item in declared}
        assert wanted - {package for package, _ in requirements(name).values()} == set()
