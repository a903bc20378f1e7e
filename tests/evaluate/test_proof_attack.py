"""`proven` cannot be had by trying often; the benchmark with fewer worlds and tries."""

import numpy as np

import proof_attack


def test_a_hundred_tries_prove_nothing():
    """Of 40 markets that nobody can forecast at most 5 % prove one of 180 recipes; without shares a third do."""
    entered = proof_attack.batches(180, 36)
    assert sum(entered) == 180
    given = proof_attack.shares(entered)
    assert sum(count * share for count, share in zip(entered, given, strict=True)) < 1
    assert proof_attack.proven_ahead(np.random.default_rng(0), 40, entered, given).mean() <= 0.05
    assert proof_attack.proven_ahead(np.random.default_rng(0), 40, entered, [1.0] * 36).mean() > 0.3


def test_counting_only_the_tries_that_are_seen_proves_everything():
    """Diebold-Mariano over the tries of one experiment is bought by 100 tries, and over all tries it is not."""
    rng = np.random.default_rng(1)
    assert proof_attack.proven_behind(rng, 40, 100, proof_attack.COUNTED).mean() > 0.3
    assert proof_attack.proven_behind(rng, 40, 100, 100).mean() <= 0.125
