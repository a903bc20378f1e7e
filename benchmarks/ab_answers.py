"""How often the live comparison finds the better model, how often it names one that is none, and when it gives up.

    python benchmarks/ab_answers.py

Worlds are drawn in which the challenger knows a part of the next return (an R² above the champion's) or nothing at all,
with normal and with Student's t(5) noise, and looked at every day.
"""

from __future__ import annotations

import math

import numpy as np

from podium.evaluate.confidence_sequence import confidence_sequence
from podium.evaluate.live import FUTILE_CHANCE, HORIZON_DAYS, Outlook
from podium.records import Floats

YEAR = 250
LEVEL = 0.05


def gains(rng: np.random.Generator, r2_gap: float, n_worlds: int, n_days: int, *, heavy: bool) -> Floats:
    """Champion's minus challenger's squared error, shape (n_worlds, n_days), in units of the return's variance."""
    shape = (n_worlds, n_days)
    noise = rng.standard_t(5, shape) / math.sqrt(5 / 3) if heavy else rng.normal(size=shape)
    if not r2_gap:
        return (noise - rng.normal(0, 0.2, shape)) ** 2 - (noise - rng.normal(0, 0.2, shape)) ** 2
    signal = rng.normal(0, math.sqrt(r2_gap), shape)
    noise *= math.sqrt(1 - r2_gap)
    return (signal + noise) ** 2 - noise**2


def found(values: Floats) -> tuple[float, float, float]:
    """Share of worlds with either answer on some day, and the median day of the right one."""
    sequence = confidence_sequence(values, LEVEL)
    right, wrong = sequence.lower > 0, sequence.upper < 0
    days = right.argmax(axis=-1)[right.any(axis=-1)] + 1
    return (
        float(right.any(axis=-1).mean()),
        float(wrong.any(axis=-1).mean()),
        float(np.median(days)) if len(days) else 0,
    )


def given_up(values: Floats, n_days: int) -> float:
    """Share of worlds that are told on that day that there is no use going on."""
    outlooks = [Outlook(n_days, float(x[:n_days].mean()), float(x[:n_days].std()), LEVEL, HORIZON_DAYS) for x in values]
    return float(np.mean([outlook.chance() < FUTILE_CHANCE for outlook in outlooks]))


def main() -> None:
    """Print one line a world."""
    rng = np.random.default_rng(1)
    for n_days, gaps, n_worlds in (
        (YEAR, (0, 0.1, 0.2, 0.25, 0.3), 2000),
        (HORIZON_DAYS, (0, 0.01, 0.02, 0.05, 0.1), 600),
    ):
        print(f"{n_days} days, looked at every day, alpha {LEVEL}")
        for r2_gap in gaps:
            for heavy in (False, True):
                right, wrong, day = found(gains(rng, r2_gap, n_worlds, n_days, heavy=heavy))
                print(
                    f"    R² gap {r2_gap:4.2f}, {'t(5)  ' if heavy else 'normal'} noise: challenger better {right:6.1%}"
                    f" (median day {day:.0f}), champion better {wrong:6.1%}"
                )
    print("no use going on, by day")
    for r2_gap in (0, 0.03, 0.05, 0.1):
        values = gains(rng, r2_gap, 400, HORIZON_DAYS, heavy=False)
        print(
            f"    R² gap {r2_gap:4.2f}: "
            + ", ".join(f"{day}: {given_up(values, day):.1%}" for day in (125, 250, 500, 1000))
        )


if __name__ == "__main__":
    main()
