"""What the locked packages are known to suffer from, and how long ago each was last released.

usage: python scripts/audit.py requirements/run.txt

Ends with 0 where nothing is known against them, 1 where something is, 3 where nobody could be asked about some of them.
Advisories are asked for by pip-audit, releases from the index that pip is set to use.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

OLD = 730  # days since the last release
FINE, AFFECTED, UNASKED = 0, 1, 3


def advisories(requirements: Path) -> tuple[list[str], list[str]]:
    """A line for each advisory, and the packages that no database could be asked about."""
    command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--format", "json"]
    done = subprocess.run([*command, "-r", str(requirements)], capture_output=True, text=True, check=False)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return [], names(requirements)
    lines = [
        f"{one['name']} {one['version']}: {known['id']}, mended in {', '.join(known['fix_versions']) or 'no release'}"
        for one in found
        for known in one.get("vulns", ())
    ]
    asked = {one["name"] for one in found if "vulns" in one}
    return lines, [name for name in names(requirements) if name not in asked]


def names(requirements: Path) -> list[str]:
    """The packages in a locked file."""
    return re.findall(r"^([\w.-]+)==", requirements.read_text(encoding="utf-8"), re.MULTILINE)


def index() -> str:
    """Address of the index that pip uses here."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    from pip._internal.models.index import PyPI

    return (os.environ.get("PIP_INDEX_URL") or said.stdout.strip() or PyPI.simple_url).rstrip("/")


def last_release(address: str) -> datetime | None:
    """When a package was last released; None where its index does not say or cannot be reached."""
    asked = urllib.request.Request(address, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            files = json.load(answer)["files"]
        return max(datetime.fromisoformat(file["upload-time"]) for file in files)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def main(requirements: Path) -> int:
    """Ask, print, and say by the exit code what was found."""
    lines, unasked = advisories(requirements)
    print("\n".join(lines) or f"no advisory is known, of {len(names(requirements)) - len(unasked)} packages asked for")
    if unasked:
        print(f"not checked for advisories, since no database of them answers: {', '.join(unasked)}")
    packages, base = names(requirements), index()
    with ThreadPoolExecutor(4) as pool:
        released = dict(zip(packages, pool.map(last_release, [f"{base}/{name}/" for name in packages]), strict=True))
    unknown = [name for name, at in released.items() if at is None]
    ages = {name: (datetime.now(UTC) - at).days for name, at in released.items() if at is not None}
    for name, days in sorted(ages.items(), key=lambda item: -item[1]):
        if days > OLD:
            print(f"{name} was last released {days} days ago")
    if unknown:
        print(f"not checked for their last release, since the index does not say: {', '.join(unknown)}")
    return AFFECTED if lines else UNASKED if unasked or unknown else FINE


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
