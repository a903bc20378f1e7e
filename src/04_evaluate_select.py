"""Step 4: rank the contestants and hand out the aliases. The same as `podium evaluate`; `--help` shows the flags."""

import sys

from podium.cli import main

if __name__ == "__main__":
    main(["evaluate", *sys.argv[1:]])
