"""Whom does the leak sentinel accuse on the ECB's live currencies? Every pair through the whole product.

    python benchmarks/sentinel.py              # the 29 live currencies against the euro, LinearRegression and ARIMA
    python benchmarks/sentinel.py EURUSD ...   # the pairs named

Each pair is ingested, trained and evaluated in one registry in a temporary folder; then `status --all` is shown. The
figures are the champion's on the last fifth of the days.
"""

import contextlib
import io
import os
import sys
import tempfile
import time
from collections import Counter

from podium.cli.verbs import run as podium
from podium.errors import PodiumError
from podium.pipeline.contest import evaluate
from podium.pipeline.prepare import ingest, preprocess
from podium.pipeline.train import train
from podium.settings import Settings

LIVE = (
    "AUD BRL CAD CHF CNY CZK DKK GBP HKD HUF IDR ILS INR ISK JPY "
    "KRW MXN MYR NOK NZD PHP PLN RON SEK SGD THB TRY USD ZAR"
)
FAMILIES = ("LinearRegression", "ARIMA")


def main(pairs: tuple[str, ...]) -> None:
    """One line a pair, then all of them together."""
    words: Counter[str] = Counter()
    start = time.perf_counter()
    for pair in pairs:
        settings = Settings.load({"pair": pair, "contestants": FAMILIES})
        try:
            ingest(settings)
            preprocess(settings)
            train(settings)
            judgement = evaluate(settings)
        except PodiumError as error:
            print(f"{pair}: {error}", flush=True)
            words["no championship"] += 1
            continue
        words[judgement.verdict] += 1
        for found in judgement.leaks:
            print(f"{pair}: {found.message}", flush=True)
        best = max(row.skill.r2_oos or 0.0 for row in judgement.ranking)
        direction = max(row.skill.directional_accuracy or 0.0 for row in judgement.ranking)
        print(f"{pair}: {judgement.verdict}, best R2 {best:+.2%}, best direction {direction:.1%}", flush=True)
    print(f"{len(pairs)} pairs in {time.perf_counter() - start:.0f} s: {dict(words)}")
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        podium(["status", "--all"])
    print(shown.getvalue())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        main(tuple(sys.argv[1:]) or tuple(f"EUR{code}" for code in LIVE.split()))
