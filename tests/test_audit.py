"""`make audit`: what is known against the locked packages, and what could not be asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

SCRIPT = Path(__file__).parents[1] / "scripts" / "audit.py"
LOCKED = "left-pad==1.0 \\\n    --hash=sha256:00\nright-pad==2.1 ; sys_platform == 'linux' \\\n    --hash=sha256:00\n"
CLEAN = [{"name": "left-pad", "version": "1.0", "vulns": []}, {"name": "right-pad", "version": "2.1", "vulns": []}]
KNOWN = [{"id": "PYSEC-2026-1", "fix_versions": ["1.1"]}]
AFFECTED = [{**CLEAN[0], "vulns": KNOWN}, CLEAN[1]]
SKIPPED = [CLEAN[0], {"name": "right-pad", "skip_reason": "not found"}]


def audit(folder: Path, found: object, index: str) -> subprocess.CompletedProcess[str]:
    """Run the script beside a `pip_audit` that finds this, with this index."""
    (folder / "run.txt").write_text(LOCKED)
    (folder / "pip_audit.py").write_text(f"print({json.dumps(found) if found else 'broken'!r})")
    environment = {**os.environ, "PYTHONPATH": str(folder), "PIP_INDEX_URL": index, "NO_PROXY": "*"}
    command = [sys.executable, str(SCRIPT), str(folder / "run.txt")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def index(httpserver: HTTPServer) -> str:
    """An index that knows when both were released."""
    for name, day in (("left-pad", "2016-03-22"), ("right-pad", "2026-11-01")):
        files = [{"upload-time": "2015-01-01T00:00:00Z"}, {"upload-time": f"{day}T00:00:00Z"}]
        httpserver.expect_request(f"/simple/{name}/").respond_with_json({"files": files})
    return httpserver.url_for("/simple/")


@pytest.mark.parametrize(
    ("found", "code", "said"),
    [
        ({"dependencies": CLEAN}, 0, "no advisory is known, of 2 packages asked for"),
        ({"dependencies": AFFECTED}, 1, "left-pad 1.0: PYSEC-2026-1, mended in 1.1"),
        ({"dependencies": SKIPPED}, 3, "not checked for advisories, since no database of them answers: right-pad"),
        (None, 3, "no database of them answers: left-pad, right-pad"),
    ],
)
def test_advisories_are_told_and_so_is_who_could_not_be_asked(tmp_path, index, found, code, said):
    """Something known, nothing known and nobody asked have codes of their own; an old package is named with its age."""
    done = audit(tmp_path, found, index)
    assert (done.returncode, said in done.stdout) == (code, True), done
    assert "left-pad was last released" in done.stdout
    assert "right-pad was last released" not in done.stdout


def test_without_an_index_it_says_so(tmp_path):
    """Nobody answers: both are named as not checked, and the code is neither that of fine nor of affected."""
    done = audit(tmp_path, {"dependencies": CLEAN}, "http://127.0.0.1:9/packages")
    assert done.returncode == 3
    assert "not checked for their last release, since the index does not say: left-pad, right-pad" in done.stdout
