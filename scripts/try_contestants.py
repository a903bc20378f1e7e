"""Try every contestant that is installed, and write down whose code passed; for whoever changed one of them.

usage: python scripts/try_contestants.py

The trial is that of `podium.pipeline.admission`, on EURUSD with the default settings; it takes half a minute of CPU.
Ends with 1, and writes nothing, where a contestant does not pass.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from podium.data.fetch import fetch_series
from podium.models.roster import enter, known
from podium.pipeline.admission import RECORD, trial
from podium.pipeline.recipe import code_digest
from podium.settings import Settings


def main() -> int:
    """Exit code."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(pair="EURUSD", data_dir=Path(folder))
        series = fetch_series(settings).series
        contestants = {family: enter(family, settings) for family in sorted(known())}
        faults = {family: trial(settings, contestant, series) for family, contestant in contestants.items()}
    for family, fault in faults.items():
        print(f"{family}: {fault or 'passed'}")
    if any(faults.values()):
        return 1
    lines = [f"{code_digest(type(contestant))} {family}" for family, contestant in contestants.items()]
    RECORD.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
