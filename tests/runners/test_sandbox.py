"""What a trial may not do, asked for past Python, where only the kernel can refuse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

WRITES = """
import ctypes, os, sys
from pathlib import Path
from podium.runners.sandbox import _landlock
inside, outside = (Path(place) for place in sys.argv[1:])
library = ctypes.CDLL(None)
def kept(folder):
    at = library.open(os.fsencode(folder / "kept"), os.O_WRONLY | os.O_CREAT, 0o600)
    return at >= 0
before = kept(outside)
_landlock(inside, ())
print(before, kept(inside), kept(outside))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's")
def test_a_library_in_c_keeps_nothing_outside_the_folder(tmp_path: Path) -> None:
    """Where the kernel has Landlock, what no hook of Python's sees is written in the trial's folder or nowhere."""
    places = [tmp_path / "inside", tmp_path / "outside"]
    for place in places:
        place.mkdir()
    done = subprocess.run([sys.executable, "-c", WRITES, *map(str, places)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "False"]
