from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from podium.evaluate.evidence import Comparison, e_value

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "many_pairs_null.py"


@pytest.fixture(scope="module")
def null():
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("many_pairs_null", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_is_found_where_nothing_is(null):
    """In each of ten histories of 29 pairs without skill nobody is declared on any of 500 days."""
    worlds = [null.history(np.random.default_rng(seed), n_days=500) for seed in range(10)]
    assert [null.declared(worth) for worth in worlds] == [False] * 10
    assert max(worth.max() for worth in worlds) > 0.3  # and not because nothing ever looks like something
    worlds[0][:2, 400] = 29 / 2 / 0.05
    assert null.declared(worlds[0])


@pytest.mark.parametrize(
    ("p_value", "alpha", "worth"), [(0.001, 0.05, 1000), (0.001, 0.0125, 250), (1.0, 0.05, 0), (None, 0.05, 0)]
)
def test_a_proof_is_worth_its_share_over_its_p_value(p_value, alpha, worth):
    """A recipe with a quarter of the alpha has a quarter of the e-value; no evidence is worth nothing, not one."""
    proof = Comparison("random_walk", "LSTM", 300, 0.0, None, p_value, alpha)
    assert e_value(proof, 0.05) == pytest.approx(worth)
    assert e_value(None, 0.05) == 0
