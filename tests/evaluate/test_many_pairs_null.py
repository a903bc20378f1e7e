from __future__ import annotations

import numpy as np
import pytest

import many_pairs_null
from podium.evaluate.evidence import Comparison, e_value


def test_nothing_is_found_where_nothing_is():
    """In each of ten histories of 29 pairs without skill nobody is declared on any of 500 days."""
    worlds = [many_pairs_null.history(np.random.default_rng(seed), n_days=500) for seed in range(10)]
    assert [many_pairs_null.declared(worth) for worth in worlds] == [False] * 10
    assert max(worth.max() for worth in worlds) > 0.3  # and not because nothing ever looks like something
    worlds[0][:2, 400] = 29 / 2 / 0.05
    assert many_pairs_null.declared(worlds[0])


@pytest.mark.parametrize(
    ("p_value", "alpha", "worth"), [(0.001, 0.05, 1000), (0.001, 0.0125, 250), (1.0, 0.05, 0), (None, 0.05, 0)]
)
def test_a_proof_is_worth_its_share_over_its_p_value(p_value, alpha, worth):
    """A recipe with a quarter of the alpha has a quarter of the e-value; no evidence is worth nothing, not one."""
    proof = Comparison("random_walk", "LSTM", 300, 0.0, None, p_value, alpha)
    assert e_value(proof, 0.05) == pytest.approx(worth)
    assert e_value(None, 0.05) == 0
