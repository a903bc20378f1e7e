"""The volatility walk that all contestants share."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest

from podium.evaluate.volatility import walk as volatility
from podium.pipeline import walk_cache
from podium.pipeline.walk_cache import shared_walk, walk_path


@pytest.fixture
def counted(monkeypatch):
    """How often a walk was really made."""
    made = []
    real = volatility.volatility_walk

    def counting(*arguments):
        made.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(walk_cache, "volatility_walk", counting)
    return made


def test_it_is_made_once_and_read_back_as_it_was(arena, rates, counted):
    """The second asker gets every array and word of the first, and no fit is made."""
    first = shared_walk(arena.settings, rates, rates.dates[700])
    again = shared_walk(arena.settings, rates, rates.dates[700])
    assert len(counted) == 1
    for field in dataclasses.fields(first):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(first, field.name), err_msg=field.name)


def test_other_days_another_start_or_other_refits_are_made_anew(arena, rates, counted):
    """What the walk was computed from is its key: no answer of another series is ever read."""
    shared_walk(arena.settings, rates, rates.dates[700])
    shared_walk(arena.settings, rates.until(999), rates.dates[700])
    shared_walk(arena.settings, rates.until(999), rates.dates[701])
    shared_walk(arena.using(refit_every=99).settings, rates.until(999), rates.dates[701])
    assert len(counted) == 4


def test_one_file_a_pair_is_kept(arena, rates):
    """The newest walk replaces the one before; nothing piles up."""
    for n_days in (990, 1000):
        shared_walk(arena.settings, rates.until(n_days), rates.dates[700])
    assert [path.name for path in walk_path(arena.settings).parent.glob("*.npz")] == ["EURUSD.volatility.npz"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: b"garbage",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:200] + bytes(100) + whole[300:],
        lambda whole: _npy(),
    ],
    ids=["empty", "garbage", "cut short", "damaged inside", "another array"],
)
def test_a_file_that_cannot_be_read_is_made_anew(arena, rates, counted, damage):
    """Whatever stands there instead of a walk, the answer is the walk, and the file is whole again."""
    first = shared_walk(arena.settings, rates, rates.dates[700])
    path = walk_path(arena.settings)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    again = shared_walk(arena.settings, rates, rates.dates[700])
    assert len(counted) == 2
    np.testing.assert_array_equal(again.variance, first.variance)
    shared_walk(arena.settings, rates, rates.dates[700])
    assert len(counted) == 2


def _npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.arange(3))
    return buffer.getvalue()


def test_in_a_folder_that_cannot_be_written_it_is_read_or_made(arena, rates, counted, monkeypatch):
    """Without a lock and without storing: made where it is not there, read where it is."""
    with monkeypatch.context() as patched:
        patched.setattr(walk_cache.os, "access", lambda path, mode: False)
        first = shared_walk(arena.settings, rates, rates.dates[700])
    assert list(walk_path(arena.settings).parent.iterdir()) == []
    shared_walk(arena.settings, rates, rates.dates[700])
    lock = walk_path(arena.settings).with_suffix(".lock")
    lock.unlink()
    with monkeypatch.context() as patched:
        patched.setattr(walk_cache.os, "access", lambda path, mode: False)
        again = shared_walk(arena.settings, rates, rates.dates[700])
    np.testing.assert_array_equal(again.variance, first.variance)
    assert len(counted) == 2
    assert not lock.exists()
