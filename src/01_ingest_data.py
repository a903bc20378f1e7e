"""Step 1: fetch the daily rates and check them. The same as `podium ingest`; `--help` shows the flags."""

import sys

from podium.cli import main

if __name__ == "__main__":
    main(["ingest", *sys.argv[1:]])
