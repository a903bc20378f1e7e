"""Step 3: score and fit every contestant. The same as `podium train`; `--help` shows the flags."""

import sys

from podium.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
