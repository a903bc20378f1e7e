"""Step 2: make the features. The same as `podium preprocess`; `--help` shows the flags."""

import sys

from podium.cli import main

if __name__ == "__main__":
    main(["preprocess", *sys.argv[1:]])
